/* codec/ws/assembly.h - puts together a message that the network cut or the peer fragmented. A connection
 * holds one pointer, NULL while no message is incomplete; storage grows by doubling with the bytes that really
 * came (never with what a head announces), up to a limit. */
#ifndef HF_CODEC_WS_ASSEMBLY_H
#define HF_CODEC_WS_ASSEMBLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/ws/memory.h"

enum { HF_WS_ASSEMBLY_BYTES_MIN = 256 }; /* first allocation */

struct hf_ws_assembly {
    uint32_t bytes, bytes_room;
    uint8_t data[];
};

/* Appends; *assembly may be NULL and is replaced when it grows. HF_ERR_LIMIT when the message would be above
 * bytes_max (-> 1009), HF_ERR_NOMEM; after an error *assembly is as before. */
hf_err hf_ws_assembly_add(struct hf_ws_assembly **assembly, const struct hf_ws_memory *memory,
                          uint32_t bytes_max, const void *data, size_t bytes);

/* Frees and sets NULL; harmless when NULL. */
void hf_ws_assembly_clear(struct hf_ws_assembly **assembly, const struct hf_ws_memory *memory);

size_t hf_ws_assembly_memory_bytes(const struct hf_ws_assembly *assembly); /* held now; 0 for NULL */

static inline struct hf_slice hf_ws_assembly_slice(const struct hf_ws_assembly *assembly)
{
    return assembly ? (struct hf_slice){(const char *)assembly->data, assembly->bytes} : HF_SLICE("");
}

#endif
