/* codec/ws/memory.h - where the WebSocket codec takes the little memory that it cannot do without: a control
 * frame cut by the network (125 bytes), a message cut or fragmented (its bytes so far), zlib's state. An idle
 * connection holds none of it. The codec never calls malloc itself, so the owner counts and bounds what its
 * peers cost. */
#ifndef HF_CODEC_WS_MEMORY_H
#define HF_CODEC_WS_MEMORY_H

#include <stddef.h>

struct hf_ws_memory {
    /* realloc with sizes: old is NULL exactly when old_bytes is 0; new_bytes 0 frees and returns NULL. NULL for
     * new_bytes > 0 means no memory, and old stays as it was. 16-byte aligned. */
    void *(*resize)(void *user, void *old, size_t old_bytes, size_t new_bytes);
    void *user;
};

static inline void *hf_ws_memory_take(const struct hf_ws_memory *memory, size_t bytes)
{
    return memory->resize(memory->user, NULL, 0, bytes);
}

static inline void hf_ws_memory_give(const struct hf_ws_memory *memory, void *at, size_t bytes)
{
    if (at != NULL)
        (void)memory->resize(memory->user, at, bytes, 0);
}

#endif
