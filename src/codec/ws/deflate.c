/* codec/ws/deflate.c - the compressor: a message in, its payload out (RFC 7692 7.2.1). */
#include "codec/ws/deflate.h"

#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "codec/ws/zmem.h"

enum {
    TAIL_BYTES = 4,           /* 00 00 ff ff, an empty stored block: removed by the sender (7.2.1) */
    STATE_BYTES_MAX = 20480,  /* zlib's fixed structures and our heads, generously */
    EMPTY_MESSAGE_BYTE = 0x00 /* 7.2.3.6 */
};

struct hf_ws_deflater {
    z_stream stream;
    struct hf_ws_zmem zmem;
    unsigned window_bits;
    bool window_used; /* since the last reset */
};

/* zconf.h: (1 << (windowBits + 2)) + (1 << (memLevel + 9)), plus what is fixed. */
size_t hf_ws_deflater_bytes_max(unsigned window_bits, unsigned mem_level)
{
    return sizeof(struct hf_ws_deflater) + ((size_t)1 << (window_bits + 2)) + ((size_t)1 << (mem_level + 9)) +
           STATE_BYTES_MAX;
}

hf_err hf_ws_deflater_new(const struct hf_ws_memory *memory, unsigned window_bits, unsigned level,
                          unsigned mem_level, struct hf_ws_deflater **ret_deflater)
{
    struct hf_ws_deflater *deflater;
    int code;

    if (window_bits == HF_WS_DEFLATE_BITS_MIN)
        return HF_ERR_UNSUPPORTED;
    if (window_bits < HF_WS_DEFLATE_BITS_MIN || window_bits > HF_WS_DEFLATE_BITS_MAX || level < 1 ||
        level > 9 || mem_level < 1 || mem_level > 9)
        return HF_ERR_INVALID;
    deflater = hf_ws_memory_take(memory, sizeof *deflater);
    if (deflater == NULL)
        return HF_ERR_NOMEM;
    memset(deflater, 0, sizeof *deflater);
    deflater->window_bits = window_bits;
    deflater->zmem = (struct hf_ws_zmem){
        .memory = *memory, .bytes_max = hf_ws_deflater_bytes_max(window_bits, mem_level) - sizeof *deflater};
    hf_ws_zmem_attach(&deflater->zmem, &deflater->stream);
    code = deflateInit2(&deflater->stream, (int)level, Z_DEFLATED, -(int)window_bits, (int)mem_level,
                        Z_DEFAULT_STRATEGY);
    if (code != Z_OK) {
        HF_ASSERT(code == Z_MEM_ERROR);
        hf_ws_memory_give(memory, deflater, sizeof *deflater);
        return HF_ERR_NOMEM;
    }
    *ret_deflater = deflater;
    return HF_OK;
}

void hf_ws_deflater_free(struct hf_ws_deflater *deflater)
{
    struct hf_ws_memory memory;

    if (deflater == NULL)
        return;
    memory = deflater->zmem.memory;
    (void)deflateEnd(&deflater->stream); /* Z_DATA_ERROR says only that a message was dropped half-way */
    HF_ASSERT(deflater->zmem.used_bytes == 0);
    hf_ws_memory_give(&memory, deflater, sizeof *deflater);
}

unsigned hf_ws_deflater_window_bits(const struct hf_ws_deflater *deflater)
{
    return deflater->window_bits;
}

static void forget_window(struct hf_ws_deflater *deflater)
{
    int code;

    if (!deflater->window_used)
        return;
    code = deflateReset(&deflater->stream);
    HF_ASSERT(code == Z_OK);
    deflater->window_used = false;
}

hf_err hf_ws_deflater_message(struct hf_ws_deflater *deflater, bool takeover, struct hf_slice message,
                              void *out, size_t out_bytes, size_t *ret_bytes)
{
    static const uint8_t tail[TAIL_BYTES] = {0x00, 0x00, 0xff, 0xff};
    z_stream *stream = &deflater->stream;
    uint8_t *end;
    int code;

    HF_ASSERT(message.bytes <= UINT_MAX && out_bytes <= UINT_MAX);
    if (!takeover)
        forget_window(deflater);
    if (out_bytes <= HF_WS_DEFLATE_ROOM_BYTES)
        return HF_ERR_LIMIT;
    if (message.bytes == 0) { /* zlib writes no second flush marker in a row, so this is spelled out */
        *(uint8_t *)out = EMPTY_MESSAGE_BYTE;
        *ret_bytes = 1;
        return HF_OK;
    }
    stream->next_in = (Bytef *)(uintptr_t)message.at; /* zlib's type lacks a const, it does not write */
    stream->avail_in = (uInt)message.bytes;
    stream->next_out = out;
    stream->avail_out = (uInt)out_bytes;
    deflater->window_used = true;
    code = deflate(stream, Z_SYNC_FLUSH);
    HF_ASSERT(code == Z_OK);
    end = stream->next_out;
    if (stream->avail_out < HF_WS_DEFLATE_ROOM_BYTES - TAIL_BYTES) { /* 0: the flush may be incomplete */
        forget_window(deflater);
        return HF_ERR_LIMIT;
    }
    HF_ASSERT(stream->avail_in == 0);
    HF_ASSERT(memcmp(end - TAIL_BYTES, tail, TAIL_BYTES) == 0);
    *ret_bytes = (size_t)(end - (uint8_t *)out) - TAIL_BYTES;
    return HF_OK;
}
