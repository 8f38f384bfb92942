/* codec/ws/encode.c - the head of a frame to send (RFC 6455 5.2). */
#include <string.h>

#include "base/assert.h"
#include "codec/ws/frame.h"

enum { LENGTH_7_MAX = 125, LENGTH_16_MARK = 126, LENGTH_64_MARK = 127, MASK_BIT = 0x80, CONTROL_BIT = 0x08 };

static size_t put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return bytes;
}

size_t hf_ws_encode_head(uint8_t out[HF_WS_HEAD_BYTES_MAX], enum hf_ws_opcode opcode, unsigned flags,
                         uint64_t payload_bytes, const uint8_t *mask_key)
{
    uint8_t mask_bit = mask_key != NULL ? MASK_BIT : 0;
    size_t n = 2;

    HF_ASSERT((flags & ~(unsigned)(HF_WS_FIN | HF_WS_COMPRESSED)) == 0);
    HF_ASSERT((opcode & CONTROL_BIT) == 0 ||
              (flags == HF_WS_FIN && payload_bytes <= HF_WS_CONTROL_BYTES_MAX));
    HF_ASSERT(payload_bytes <= INT64_MAX);
    out[0] = (uint8_t)(flags | opcode);
    if (payload_bytes <= LENGTH_7_MAX) {
        out[1] = (uint8_t)(mask_bit | payload_bytes);
    } else if (payload_bytes <= UINT16_MAX) {
        out[1] = mask_bit | LENGTH_16_MARK;
        n += put_big_endian(out + 2, payload_bytes, sizeof(uint16_t));
    } else {
        out[1] = mask_bit | LENGTH_64_MARK;
        n += put_big_endian(out + 2, payload_bytes, sizeof(uint64_t));
    }
    if (mask_key != NULL) {
        memcpy(out + n, mask_key, 4);
        n += 4;
    }
    return n;
}
