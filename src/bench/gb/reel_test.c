/* Frames of a file: where they begin, their times and how long the whole of it lasts, wherever it was cut. */
#include <setjmp.h>
#include <stdarg.h>

#include "bench/gb/reel_testkit.h"

#include <cmocka.h>

#include "base/assert.h"

static struct hf_cam_reel *reel_of(const uint8_t *in, size_t bytes, size_t cut)
{
    struct hf_cam_reel *reel;

    assert_int_equal(hf_cam_reel_new(&reel), HF_OK);
    for (size_t at = 0; at < bytes; at += cut)
        assert_int_equal(hf_cam_reel_feed(reel, in + at, HF_MIN(cut, bytes - at)), HF_OK);
    return reel;
}

static void every_frame_is_there_wherever_it_was_cut(void **state)
{
    static uint8_t stream[REEL_BYTES_MAX], frame[REEL_KEY_BYTES];
    size_t bytes = reel_stream(0, stream);

    (void)state;
    for (size_t cut = 1; cut < 3000; cut = cut * 3 + 1) {
        struct hf_cam_reel *reel = reel_of(stream, bytes, cut);

        assert_int_equal(hf_cam_reel_end(reel), HF_OK);
        assert_int_equal(reel->unit_count, REEL_FRAMES);
        assert_int_equal(reel->span, REEL_FRAMES * REEL_STEP);
        assert_int_equal(reel->map.video, HF_ES_H264);
        assert_int_equal(reel->map.audio, HF_ES_UNKNOWN);
        for (uint32_t i = 0; i < REEL_FRAMES; i++) {
            struct hf_es_unit unit = hf_cam_reel_unit(reel, i, 1000);

            assert_int_equal(unit.dts, 1000 + i * REEL_STEP);
            assert_int_equal(unit.pts, unit.dts);
            assert_int_equal(unit.key, i % REEL_EVERY == 0);
            assert_int_equal(unit.bytes, reel_frame(i, frame));
            assert_memory_equal(unit.at, frame, unit.bytes);
        }
        hf_cam_reel_free(reel);
    }
}

static void it_begins_with_a_key_frame(void **state)
{
    static uint8_t stream[REEL_BYTES_MAX];
    struct hf_cam_reel *reel = reel_of(stream, reel_stream(3, stream), 1000);

    (void)state;
    assert_int_equal(hf_cam_reel_end(reel), HF_OK);
    assert_int_equal(reel->unit_count, REEL_FRAMES - 2);
    assert_true(reel->units[0].key);
    assert_int_equal(reel->units[0].time, 0);
    assert_int_equal(hf_cam_reel_seek(reel, 0), 0);
    assert_int_equal(hf_cam_reel_seek(reel, (REEL_EVERY * REEL_STEP) - 1), 0);
    assert_int_equal(hf_cam_reel_seek(reel, REEL_EVERY * REEL_STEP), REEL_EVERY);
    assert_int_equal(hf_cam_reel_seek(reel, UINT64_MAX), REEL_EVERY);
    hf_cam_reel_free(reel);
}

/* Its times pass the end of their 33 bits on the second round and later. */
static void times_wrap(void **state)
{
    static uint8_t stream[REEL_BYTES_MAX];
    struct hf_cam_reel *reel = reel_of(stream, reel_stream(0, stream), REEL_BYTES_MAX);

    (void)state;
    assert_int_equal(hf_cam_reel_end(reel), HF_OK);
    struct hf_es_unit unit = hf_cam_reel_unit(reel, 1, (UINT64_C(1) << 33) - REEL_STEP);

    assert_int_equal(unit.dts, 0);
    assert_int_equal(unit.pts, 0);
    hf_cam_reel_free(reel);
}

static void what_shows_nothing_is_refused(void **state)
{
    static const uint8_t noise[100] = {0, 0, 1, 0xba, 1, 2, 3};
    struct hf_cam_reel *reel = reel_of(noise, sizeof(noise), 10);

    (void)state;
    assert_int_equal(hf_cam_reel_end(reel), HF_ERR_MALFORMED);
    hf_cam_reel_free(reel);
    hf_cam_reel_free(NULL);
}

/* Above the bound of bytes, which is reached by the same frames again and again. */
static void a_file_that_is_too_large_is_refused(void **state)
{
    static uint8_t unit_bytes[1 << 20], pack[(1 << 20) + 4096];
    static const struct hf_ps_map map = {.video = HF_ES_H264};
    struct hf_es_unit unit = {
        .codec = HF_ES_H264, .key = true, .at = unit_bytes, .bytes = sizeof(unit_bytes)};
    struct hf_cam_reel *reel;
    hf_err err = HF_OK;
    unsigned packs = 0;

    (void)state;
    memset(unit_bytes, 0x80, sizeof(unit_bytes));
    (void)reel_frame(0, unit_bytes);
    assert_int_equal(hf_cam_reel_new(&reel), HF_OK);
    for (; err == HF_OK && packs < 300; packs++) {
        unit.pts = unit.dts = (uint64_t)packs * REEL_STEP;
        err = hf_cam_reel_feed(reel, pack, hf_ps_write(&map, &unit, pack));
    }
    assert_int_equal(err, HF_ERR_LIMIT);
    assert_in_range(packs, 250, 260);
    assert_int_equal(hf_cam_reel_feed(reel, pack, 1), HF_ERR_LIMIT);
    assert_int_equal(hf_cam_reel_end(reel), HF_ERR_LIMIT);
    hf_cam_reel_free(reel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_there_wherever_it_was_cut),
        cmocka_unit_test(it_begins_with_a_key_frame),
        cmocka_unit_test(times_wrap),
        cmocka_unit_test(what_shows_nothing_is_refused),
        cmocka_unit_test(a_file_that_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
