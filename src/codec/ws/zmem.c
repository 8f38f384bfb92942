/* codec/ws/zmem.c - zlib frees without saying how much, so each block carries its size in front. */
#include "codec/ws/zmem.h"

#include <stdint.h>

#include "base/assert.h"

struct block {
    _Alignas(16) size_t bytes; /* with this head */
};

static void *take(void *opaque, uInt items, uInt item_bytes)
{
    struct hf_ws_zmem *zmem = opaque;
    uint64_t bytes = (uint64_t)items * item_bytes + sizeof(struct block);
    struct block *block;

    if (bytes > zmem->bytes_max - zmem->used_bytes)
        return Z_NULL;
    block = hf_ws_memory_take(&zmem->memory, bytes);
    if (block == NULL)
        return Z_NULL;
    block->bytes = bytes;
    zmem->used_bytes += bytes;
    return block + 1;
}

static void give(void *opaque, void *at)
{
    struct hf_ws_zmem *zmem = opaque;
    struct block *block = (struct block *)at - 1;

    HF_ASSERT(block->bytes <= zmem->used_bytes);
    zmem->used_bytes -= block->bytes;
    hf_ws_memory_give(&zmem->memory, block, block->bytes);
}

void hf_ws_zmem_attach(struct hf_ws_zmem *zmem, z_stream *stream)
{
    stream->zalloc = take;
    stream->zfree = give;
    stream->opaque = zmem;
}
