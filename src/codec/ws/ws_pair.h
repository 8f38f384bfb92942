/* codec/ws/ws_pair.h - test support: a compressor and a decompressor over a counting heap, and content to send through
 * them. Include after cmocka. */
#ifndef HF_CODEC_WS_PAIR_H
#define HF_CODEC_WS_PAIR_H

#include "codec/ws/deflate.h"
#include "codec/ws/ws_transcript.h"

enum { LIMIT = HF_WS_MESSAGE_BYTES_MAX };

static inline void fill_like_json(char *text, size_t bytes, unsigned seed)
{
    size_t n = 0;

    while (n < bytes) {
        char row[96];
        int row_bytes =
            snprintf(row, sizeof row, "{\"type\":\"data\",\"seq\":%u,\"speed\":%u,\"name\":\"caf\xc3\xa9\"},",
                     seed, seed * 2654435761u >> 20);
        size_t take = bytes - n < (size_t)row_bytes ? bytes - n : (size_t)row_bytes;

        memcpy(text + n, row, take);
        n += take;
        seed++;
    }
}

static inline void fill_random(uint8_t *data, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        data[i] = (uint8_t)(seed >> 56);
    }
}

struct inflated {
    uint8_t *at;
    size_t bytes;
    hf_err err;
    enum hf_ws_rule rule;
};

/* Inflates payload in slices of in_chunk, taking out_chunk at a time. */
static inline struct inflated inflate_message(struct hf_ws_inflater *inflater, bool takeover, bool text,
                                              uint32_t limit, const void *payload, size_t bytes,
                                              size_t in_chunk, size_t out_chunk)
{
    struct inflated result = {.at = malloc((size_t)limit + 1)};
    uint8_t *out = malloc(out_chunk);
    bool done = false;

    assert_non_null(result.at);
    assert_non_null(out);
    hf_ws_inflater_begin(inflater, takeover, text, limit);
    for (size_t at = 0; !done && result.err == HF_OK;) {
        size_t n = bytes - at < in_chunk ? bytes - at : in_chunk, out_bytes;
        struct hf_slice in = {(const char *)payload + at, n};
        bool last = at + n == bytes;

        at += n;
        do {
            result.err =
                hf_ws_inflater_feed(inflater, &in, last, out, out_chunk, &out_bytes, &done, &result.rule);
            if (result.err == HF_OK) {
                assert_true(result.bytes + out_bytes <= limit);
                memcpy(result.at + result.bytes, out, out_bytes);
                result.bytes += out_bytes;
            }
        } while (result.err == HF_OK && !done && (in.bytes > 0 || out_bytes == out_chunk));
        assert_true(!done || in.bytes == 0);
    }
    free(out);
    return result;
}

struct pair {
    struct ws_heap heap;
    struct hf_ws_memory memory;
    struct hf_ws_deflater *deflater;
    struct hf_ws_inflater *inflater;
};

static inline void pair_open(struct pair *pair, unsigned bits)
{
    *pair = (struct pair){.deflater = NULL};
    pair->memory = ws_heap_memory(&pair->heap);
    assert_int_equal(hf_ws_deflater_new(&pair->memory, bits, HF_WS_DEFLATE_LEVEL, HF_WS_DEFLATE_MEM_LEVEL,
                                        &pair->deflater),
                     HF_OK);
    assert_int_equal(hf_ws_inflater_new(&pair->memory, bits, &pair->inflater), HF_OK);
    assert_int_equal(hf_ws_deflater_window_bits(pair->deflater), bits);
}

static inline void pair_close(struct pair *pair)
{
    hf_ws_deflater_free(pair->deflater);
    hf_ws_inflater_free(pair->inflater);
    assert_int_equal(pair->heap.live_blocks, 0);
    assert_int_equal(pair->heap.live_bytes, 0);
}

#endif
