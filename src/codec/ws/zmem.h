/* codec/ws/zmem.h - zlib's allocations through hf_ws_memory, counted and bounded. Internal to codec/ws. */
#ifndef HF_CODEC_WS_ZMEM_H
#define HF_CODEC_WS_ZMEM_H

#include <stddef.h>
#include <zlib.h>

#include "codec/ws/memory.h"

struct hf_ws_zmem {
    struct hf_ws_memory memory;
    size_t used_bytes, bytes_max;
};

/* Sets zalloc, zfree and opaque; zmem must outlive the stream. Above bytes_max zlib is told Z_MEM_ERROR. */
void hf_ws_zmem_attach(struct hf_ws_zmem *zmem, z_stream *stream);

#endif
