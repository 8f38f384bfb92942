/* codec/json/utf8.h - one UTF-8 sequence at a time (RFC 3629): no overlong forms, no surrogates, nothing
 * above U+10FFFF. */
#ifndef HF_CODEC_JSON_UTF8_H
#define HF_CODEC_JSON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence at `at`, 1..4; 0 when it is not valid or does not end within `bytes`. */
static inline size_t hf_utf8_sequence_bytes(const char *at, size_t bytes)
{
    const uint8_t *b = (const uint8_t *)at;

    if (bytes == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xc2 || b[0] > 0xf4 || bytes < 2)
        return 0;

    /* The second byte alone rules out overlong forms, surrogates and what lies above U+10FFFF. */
    uint8_t low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    size_t length = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

    if (b[1] < low || b[1] > high || bytes < length)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

#endif
