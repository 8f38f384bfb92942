/* codec/ws/mask.c - see mask.h. 32 bytes a step with the compiler's vectors (SSE2 on x86-64, NEON on arm64), then
 * 8, 4, then single bytes. Unaligned loads are memcpy: as fast as aligned ones on what this runs on. */
#include "codec/ws/mask.h"

#include <string.h>

enum { VECTOR_BYTES = 16, STEP_BYTES = 2 * VECTOR_BYTES };
typedef uint64_t mask_vector __attribute__((vector_size(VECTOR_BYTES)));

static void xor_vector(uint8_t *at, mask_vector key)
{
    mask_vector value;

    memcpy(&value, at, sizeof value);
    value ^= key;
    memcpy(at, &value, sizeof value);
}

static void xor_8(uint8_t *at, uint64_t key)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    value ^= key;
    memcpy(at, &value, sizeof value);
}

static void xor_4(uint8_t *at, uint32_t key)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    value ^= key;
    memcpy(at, &value, sizeof value);
}

/* The four key bytes in memory order, from byte `offset` mod 4 on. Turned in a register: writing single bytes and
 * reading them back as a word would stall the load. */
static uint32_t turned_key(const uint8_t key[4], size_t offset)
{
    unsigned bits = 8 * (unsigned)(offset & 3);
    uint32_t word;

    memcpy(&word, key, sizeof word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return word >> bits | word << (-bits & 31);
#else
    return word << bits | word >> (-bits & 31);
#endif
}

void hf_ws_mask(void *data, size_t bytes, const uint8_t key[4], size_t offset)
{
    uint8_t *at = data;
    uint8_t *end = bytes > 0 ? at + bytes : at; /* data may be NULL when there is nothing */
    uint32_t key_4 = turned_key(key, offset);
    uint64_t key_8 = (uint64_t)key_4 << 32 | key_4;
    uint8_t rest[4]; /* all steps are multiples of 4, so the key begins anew wherever one ends */

    for (mask_vector vector = {key_8, key_8}; end - at >= STEP_BYTES; at += STEP_BYTES) {
        xor_vector(at, vector);
        xor_vector(at + VECTOR_BYTES, vector);
    }
    for (; end - at >= 8; at += 8)
        xor_8(at, key_8);
    if (end - at >= 4) {
        xor_4(at, key_4);
        at += 4;
    }
    memcpy(rest, &key_4, sizeof rest);
    for (size_t i = 0; at < end; at++, i++)
        *at ^= rest[i];
}
