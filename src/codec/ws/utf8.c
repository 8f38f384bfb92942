/* codec/ws/utf8.c - a table automaton (after Bjoern Hoehrmann, "Flexible and Economical UTF-8 Decoder") behind
 * a path for ASCII that tests 16 bytes at a time: device messages are JSON, and JSON is mostly ASCII. */
#include "codec/ws/utf8.h"

enum { CLASSES = 12, BLOCK_BYTES = 16 };

/* The class of a byte: all bytes of a class lead every state to the same place. */
static const uint8_t byte_class[256] = {
    [0x80 ... 0x8f] = 1, [0x90 ... 0x9f] = 9, [0xa0 ... 0xbf] = 7,                      /* continuation */
    [0xc0 ... 0xc1] = 8, [0xc2 ... 0xdf] = 2,                                           /* 2 bytes */
    [0xe0] = 10,         [0xe1 ... 0xec] = 3, [0xed] = 4,          [0xee ... 0xef] = 3, /* 3 bytes */
    [0xf0] = 11,         [0xf1 ... 0xf3] = 6, [0xf4] = 5,          [0xf5 ... 0xff] = 8, /* 4 bytes */
};

/* Names of the rows: what must still come. Each is a multiple of CLASSES, so state + class is an index. */
enum {
    OK_ = HF_WS_UTF8_ACCEPT,
    NO = HF_WS_UTF8_REJECT,
    T1 = 2 * CLASSES, /* one continuation byte */
    T2 = 3 * CLASSES, /* two */
    E0 = 4 * CLASSES, /* two, the first a0..bf: not overlong */
    ED = 5 * CLASSES, /* two, the first 80..9f: no surrogate */
    F0 = 6 * CLASSES, /* three, the first 90..bf: not overlong */
    T3 = 7 * CLASSES, /* three */
    F4 = 8 * CLASSES, /* three, the first 80..8f: not above U+10FFFF */
};

static const uint8_t next_state[] = {
    /* class: 0 ASCII, 1 80-8f, 2 lead2, 3 lead3, 4 ed, 5 f4, 6 lead4, 7 a0-bf, 8 never, 9 90-9f, 10 e0, 11 f0 */
    OK_, NO,  T1, T2, ED, F4, T3, NO,  NO, NO,  E0, F0, /* OK_ */
    NO,  NO,  NO, NO, NO, NO, NO, NO,  NO, NO,  NO, NO, /* NO */
    NO,  OK_, NO, NO, NO, NO, NO, OK_, NO, OK_, NO, NO, /* T1 */
    NO,  T1,  NO, NO, NO, NO, NO, T1,  NO, T1,  NO, NO, /* T2 */
    NO,  NO,  NO, NO, NO, NO, NO, T1,  NO, NO,  NO, NO, /* E0 */
    NO,  T1,  NO, NO, NO, NO, NO, NO,  NO, T1,  NO, NO, /* ED */
    NO,  NO,  NO, NO, NO, NO, NO, T2,  NO, T2,  NO, NO, /* F0 */
    NO,  T2,  NO, NO, NO, NO, NO, T2,  NO, T2,  NO, NO, /* T3 */
    NO,  T2,  NO, NO, NO, NO, NO, NO,  NO, NO,  NO, NO, /* F4 */
};

_Static_assert((unsigned)HF_WS_UTF8_REJECT == (unsigned)CLASSES, "REJECT is the second row");
_Static_assert(sizeof next_state == 9 * CLASSES, "one row for each state");

static bool block_is_ascii(const uint8_t *block)
{
    uint64_t word[2];

    memcpy(word, block, sizeof word);
    return ((word[0] | word[1]) & UINT64_C(0x8080808080808080)) == 0;
}

static uint8_t feed_bytes(uint8_t state, const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at++)
        state = next_state[state + byte_class[*at]];
    return state;
}

uint8_t hf_ws_utf8_feed(uint8_t state, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    const uint8_t *end;

    if (bytes == 0) /* data may be NULL then */
        return state;
    end = at + bytes;
    while (end - at >= BLOCK_BYTES) {
        if (state != HF_WS_UTF8_ACCEPT || !block_is_ascii(at))
            state = feed_bytes(state, at, at + BLOCK_BYTES);
        if (state == HF_WS_UTF8_REJECT)
            return state;
        at += BLOCK_BYTES;
    }
    return feed_bytes(state, at, end);
}

bool hf_ws_utf8_valid(const void *data, size_t bytes)
{
    return hf_ws_utf8_feed(HF_WS_UTF8_ACCEPT, data, bytes) == HF_WS_UTF8_ACCEPT;
}

size_t hf_ws_utf8_prefix(struct hf_slice text, size_t bytes_max)
{
    const uint8_t *data = (const uint8_t *)text.at;
    size_t bytes = text.bytes < bytes_max ? text.bytes : bytes_max;
    uint8_t state = HF_WS_UTF8_ACCEPT;
    size_t whole = 0; /* length up to the end of the last whole character */

    for (size_t i = 0; i < bytes && state != HF_WS_UTF8_REJECT; i++) {
        state = next_state[state + byte_class[data[i]]];
        if (state == HF_WS_UTF8_ACCEPT)
            whole = i + 1;
    }
    return whole;
}
