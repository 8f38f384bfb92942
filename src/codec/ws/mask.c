/* codec/ws/mask.c - see mask.h. 32 bytes a step with the compiler's vectors (SSE2 on x86-64, NEON on arm64), then
 * 8, then single bytes. Unaligned loads are memcpy: as fast as aligned ones on what this runs on. */
#include "codec/ws/mask.h"

#include <string.h>

enum { VECTOR_BYTES = 16, STEP_BYTES = 2 * VECTOR_BYTES };
typedef uint8_t mask_vector __attribute__((vector_size(VECTOR_BYTES)));

static void xor_vector(uint8_t *at, mask_vector key)
{
    mask_vector value;

    memcpy(&value, at, sizeof value);
    value ^= key;
    memcpy(at, &value, sizeof value);
}

static void xor_word(uint8_t *at, uint64_t key)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    value ^= key;
    memcpy(at, &value, sizeof value);
}

void hf_ws_mask(void *data, size_t bytes, const uint8_t key[4], size_t offset)
{
    uint8_t *at = data;
    uint8_t *end = at + bytes;
    uint8_t turned[VECTOR_BYTES]; /* the key from its byte offset mod 4 on, repeated */
    uint64_t word;

    for (size_t i = 0; i < 4; i++)
        turned[i] = key[(offset + i) & 3];
    memcpy(turned + 4, turned, 4);
    memcpy(&word, turned, sizeof word);
    if (bytes >= STEP_BYTES) {
        mask_vector vector;

        memcpy(turned + 8, turned, 8);
        memcpy(&vector, turned, sizeof vector);
        for (; end - at >= STEP_BYTES; at += STEP_BYTES) {
            xor_vector(at, vector);
            xor_vector(at + VECTOR_BYTES, vector);
        }
    }
    for (; end - at >= (ptrdiff_t)sizeof word; at += sizeof word)
        xor_word(at, word);
    for (size_t i = 0; at < end; at++, i++) /* all steps above are multiples of 4: the phase is 0 again */
        *at ^= turned[i];
}
