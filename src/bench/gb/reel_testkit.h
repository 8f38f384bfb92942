/* bench/gb/reel_testkit.h - for tests only: a program stream of ten frames of H.264, 25 in a second, with a key frame first and sixth. Who reads them needs no decoder: they are start codes, types
 * and numbers. */
#ifndef HF_BENCH_GB_REEL_TESTKIT_H
#define HF_BENCH_GB_REEL_TESTKIT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bench/gb/reel.h"

enum { REEL_FRAMES = 10, REEL_EVERY = 5, REEL_STEP = 3600, REEL_KEY_BYTES = 4000, REEL_BYTES_MAX = 32768 };
#define REEL_FIRST UINT64_C(45000) /* the stream's own times begin there */

/* One access unit into out; returns its bytes. */
static inline size_t reel_frame(unsigned number, uint8_t *out)
{
    static const uint8_t sets[] = {0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9,
                                   0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80};
    static const uint8_t intra[] = {0, 0, 0, 1, 0x65, 0x88}, inter[] = {0, 0, 0, 1, 0x41, 0x9a};
    bool key = number % REEL_EVERY == 0;
    size_t bytes = 0, whole = key ? REEL_KEY_BYTES : 100;

    if (key) {
        memcpy(out, sets, sizeof(sets));
        bytes = sizeof(sets);
    }
    memcpy(out + bytes, key ? intra : inter, sizeof(intra));
    bytes += sizeof(intra);
    memset(out + bytes, (int)(0x80 + number), whole - bytes);
    return whole;
}

/* first: number of the first frame. */
static inline size_t reel_stream(unsigned first, uint8_t out[REEL_BYTES_MAX])
{
    static const struct hf_ps_map map = {.video = HF_ES_H264};
    uint8_t frame[REEL_KEY_BYTES];
    size_t bytes = 0;

    for (unsigned i = first; i < first + REEL_FRAMES; i++) {
        uint64_t time = REEL_FIRST + (uint64_t)(i - first) * REEL_STEP;
        struct hf_es_unit unit = {
            .codec = HF_ES_H264, .key = i % REEL_EVERY == 0, .pts = time, .dts = time, .at = frame};

        unit.bytes = reel_frame(i, frame);
        bytes += hf_ps_write(&map, &unit, out + bytes);
    }
    return bytes;
}

#endif
