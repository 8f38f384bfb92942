#include "core/twin/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/twin/series_testkit.h"

#define START_US UINT64_C(1764000000000000)

static void assert_point(const struct hf_series_point *got, const struct hf_series_point *want)
{
    assert_int_equal(got->t_us, want->t_us);
    for (unsigned i = 0; i < HF_SERIES_CHANNELS; i++) {
        assert_int_equal(got->of[i].count, want->of[i].count);
        assert_int_equal(got->of[i].min, want->of[i].min);
        assert_int_equal(got->of[i].max, want->of[i].max);
        assert_int_equal(got->of[i].sum, want->of[i].sum);
    }
}

static struct hf_series_stat stat_of(uint32_t count, int32_t min, int32_t max, int64_t sum)
{
    return (struct hf_series_stat){count, min, max, sum};
}

static void what_was_put_is_had_back(void **state)
{
    static const struct hf_series_stat none = {0};
    const struct hf_series_point rows[] = {
        {START_US, {hf_series_one(181), hf_series_one(-12), hf_series_one(-11648)}},
        {START_US + 10000, {hf_series_one(181), hf_series_one(-12), hf_series_one(-11648)}},
        {START_US + 10000,
         {hf_series_one(0), hf_series_one(2047), hf_series_one(23040)}}, /* the same moment */
        {START_US + 20001, {none, hf_series_one(-2048), none}},
        {START_US + 30000, {none, none, none}},
        {START_US + 90000000,
         {stat_of(100, 170, 190, 18001), stat_of(99, -5, 900, 20000), stat_of(2, -1, 0, -1)}},
        {START_US + 91000000, {stat_of(101, 0, 0, 0), stat_of(1, 7, 7, 7), stat_of(2, -3, -3, -6)}},
        {HF_SERIES_US_MAX,
         {stat_of(HF_SERIES_COUNT_MAX, HF_SERIES_VALUE_MAX, HF_SERIES_VALUE_MAX,
                  (int64_t)HF_SERIES_COUNT_MAX * HF_SERIES_VALUE_MAX),
          stat_of(HF_SERIES_COUNT_MAX, HF_SERIES_VALUE_MIN, HF_SERIES_VALUE_MIN,
                  (int64_t)HF_SERIES_COUNT_MAX * HF_SERIES_VALUE_MIN),
          stat_of(3, HF_SERIES_VALUE_MIN, HF_SERIES_VALUE_MAX, 0)}},
    };
    uint8_t storage[HF_SERIES_BLOCK_BYTES_MAX];
    struct hf_series_writer writer;
    struct hf_series_reader reader;
    struct hf_series_point point;

    (void)state;
    hf_series_begin(&writer, HF_SERIES_SECOND, storage, sizeof(storage));
    assert_null(hf_series_block(&writer).at);
    for (unsigned n = 0; n < HF_COUNT_OF(rows); n++) {
        assert_int_equal(hf_series_put(&writer, &rows[n]), HF_OK);
        /* Readable after each, and writing goes on behind it. */
        assert_int_equal(hf_series_open(&reader, hf_series_block(&writer)), HF_OK);
        assert_int_equal(reader.head.points, n + 1);
        assert_int_equal(reader.head.first_us, START_US);
        assert_int_equal(reader.head.last_us, rows[n].t_us);
        for (unsigned i = 0; i <= n; i++) {
            assert_int_equal(hf_series_next(&reader, &point), HF_OK);
            assert_point(&point, &rows[i]);
        }
        assert_int_equal(hf_series_next(&reader, &point), HF_ERR_NOT_FOUND);
    }
    assert_int_equal(reader.head.of[HF_SERIES_LEAN].count, 3 + 2 + 2 + 3);
    assert_int_equal(reader.head.of[HF_SERIES_LEAN].min, HF_SERIES_VALUE_MIN);
    assert_int_equal(reader.head.of[HF_SERIES_POWER].sum,
                     -12 - 12 + 2047 - 2048 + 20000 + 7 + (int64_t)HF_SERIES_COUNT_MAX * HF_SERIES_VALUE_MIN);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        uint64_t t_us;
        struct hf_series_stat stat;
        hf_err err;
    } rows[] = {
        {START_US, {1, 5, 5, 5}, HF_OK},
        {START_US - 1, {1, 5, 5, 5}, HF_ERR_FULL}, /* back in time: another block */
        {HF_SERIES_US_MAX + 1, {1, 5, 5, 5}, HF_ERR_INVALID},
        {START_US, {1, 5, 6, 5}, HF_ERR_INVALID},
        {START_US, {1, 4, 5, 5}, HF_ERR_INVALID},
        {START_US, {1, 4, 4, 5}, HF_ERR_INVALID},
        {START_US, {0, 0, 0, 1}, HF_ERR_INVALID},
        {START_US, {2, 6, 5, 11}, HF_ERR_INVALID},
        {START_US, {2, 5, 6, 13}, HF_ERR_INVALID},
        {START_US, {2, 5, 6, 9}, HF_ERR_INVALID},
        {START_US,
         {1, HF_SERIES_VALUE_MAX + 1, HF_SERIES_VALUE_MAX + 1, HF_SERIES_VALUE_MAX + 1},
         HF_ERR_INVALID},
        {START_US,
         {1, HF_SERIES_VALUE_MIN - 1, HF_SERIES_VALUE_MIN - 1, HF_SERIES_VALUE_MIN - 1},
         HF_ERR_INVALID},
        {START_US, {HF_SERIES_COUNT_MAX + 1, 0, 0, 0}, HF_ERR_INVALID},
    };
    uint8_t storage[HF_SERIES_BLOCK_BYTES_MAX];
    struct hf_series_writer writer;

    (void)state;
    hf_series_begin(&writer, HF_SERIES_RAW, storage, sizeof(storage));
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_series_point point = {.t_us = rows[i].t_us, .of = {[HF_SERIES_POWER] = rows[i].stat}};

        assert_int_equal(hf_series_put(&writer, &point), rows[i].err);
    }
    assert_int_equal(writer.head.points, 1);
}

/* Fills a block; the points it took. Reads it back. */
static unsigned fill(struct kit_ride *ride, size_t room, size_t *ret_bytes)
{
    static uint8_t storage[65536];
    static struct hf_series_point points[HF_SERIES_POINTS_MAX + 1];
    struct hf_series_writer writer;
    struct hf_series_reader reader;
    struct hf_series_point point;
    unsigned count = 0;

    memset(storage, 0xa5, sizeof(storage));
    hf_series_begin(&writer, HF_SERIES_RAW, storage, room);
    do {
        points[count] = kit_sample(ride, count);
        if (count > 0 && points[count].t_us < points[count - 1].t_us)
            points[count].t_us = points[count - 1].t_us;
    } while (hf_series_put(&writer, &points[count]) == HF_OK && ++count <= HF_SERIES_POINTS_MAX);
    struct hf_slice block = hf_series_block(&writer);
    assert_true(block.bytes <= room);
    for (size_t i = room; i < sizeof(storage); i++)
        assert_int_equal(storage[i], 0xa5);
    assert_int_equal(hf_series_open(&reader, block), HF_OK);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(hf_series_next(&reader, &point), HF_OK);
        assert_point(&point, &points[i]);
    }
    assert_int_equal(hf_series_next(&reader, &point), HF_ERR_NOT_FOUND);
    *ret_bytes = block.bytes;
    return count;
}

static void a_full_block_is_whole_whatever_its_room(void **state)
{
    (void)state;
    for (size_t room = HF_SERIES_HEAD_BYTES + 160; room < HF_SERIES_HEAD_BYTES + 700; room += 7) {
        struct kit_ride ride = {
            .t_us = START_US, .step_us = 10000, .jitter_us = 300, .noise_w = 20, .noise_deg = 1};
        size_t bytes;

        hf_rng_seed(&ride.rng, room);
        assert_true(fill(&ride, room, &bytes) > 10);
        assert_true(bytes + 24 > room); /* no more is left than a point may need */
    }
}

/* TWIN-10: at most 6 bytes for three channels, the block's head included. */
static void a_sample_takes_at_most_six_bytes(void **state)
{
    static const struct kit_ride rides[] = {
        {.step_us = 10000}, /* an ideal clock, sensors without noise */
        {.step_us = 10000, .jitter_us = 100, .noise_rpm = 0.5, .noise_w = 8, .noise_deg = 0.1},
        {.step_us = 10000,
         .jitter_us = 1000,
         .noise_rpm = 1,
         .noise_w = 25,
         .noise_deg = 0.5}, /* a busy board, strain gauges */
        {.step_us = 1000000,
         .jitter_us = 3000,
         .noise_rpm = 3,
         .noise_w = 40,
         .noise_deg = 3}, /* 1 Hz: nothing is like the one before */
    };
    static const double most[] = {2.3, 3.9, 5.1, 6.0};

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rides); i++) {
        struct kit_ride ride = rides[i];
        size_t bytes;

        ride.t_us = START_US;
        hf_rng_seed(&ride.rng, i + 1);
        unsigned count = fill(&ride, HF_SERIES_BLOCK_BYTES_MAX, &bytes);
        double each = (double)bytes / count;
        print_message("ride %u: %u samples, %.2f bytes each\n", i, count, each);
        assert_true(each <= most[i]);
    }
}

static void sums_of_seconds_add_up(void **state)
{
    struct kit_ride ride = {.t_us = START_US, .step_us = 10000, .noise_w = 20, .noise_deg = 1};
    uint8_t storage[HF_SERIES_BLOCK_BYTES_MAX];
    struct hf_series_point all = {0};
    struct hf_series_writer writer;
    unsigned seconds = 0;

    (void)state;
    hf_rng_seed(&ride.rng, 3);
    hf_series_begin(&writer, HF_SERIES_SECOND, storage, sizeof(storage));
    for (unsigned i = 0;; i += 100) {
        struct hf_series_point second = {.t_us = START_US + i * UINT64_C(10000)};

        for (unsigned n = i; n < i + 100; n++) {
            struct hf_series_point sample = kit_sample(&ride, n);

            for (unsigned c = 0; c < HF_SERIES_CHANNELS; c++)
                hf_series_add(&second.of[c], &sample.of[c]);
        }
        if (hf_series_put(&writer, &second) != HF_OK)
            break;
        seconds++;
        for (unsigned c = 0; c < HF_SERIES_CHANNELS; c++)
            hf_series_add(&all.of[c], &second.of[c]);
    }
    print_message("%u seconds of 100 Hz, %.2f bytes each\n", seconds,
                  (double)hf_series_block(&writer).bytes / seconds);
    assert_true(seconds > 200);
    assert_memory_equal(&writer.head.of, &all.of, sizeof(all.of));
}

static void damage_is_an_error(void **state)
{
    struct kit_ride ride = {
        .t_us = START_US, .step_us = 10000, .jitter_us = 300, .noise_w = 20, .noise_deg = 1};
    uint8_t storage[HF_SERIES_BLOCK_BYTES_MAX], copy[HF_SERIES_BLOCK_BYTES_MAX];
    struct hf_series_writer writer;
    struct hf_series_reader reader;
    struct hf_series_head head;
    struct hf_series_point point;
    unsigned refused = 0;

    (void)state;
    hf_rng_seed(&ride.rng, 9);
    hf_series_begin(&writer, HF_SERIES_RAW, storage, sizeof(storage));
    for (unsigned i = 0; i < 100; i++) {
        struct hf_series_point sample = kit_sample(&ride, i);

        sample.t_us = START_US + i * UINT64_C(10000);
        assert_int_equal(hf_series_put(&writer, &sample), HF_OK);
    }
    struct hf_slice block = hf_series_block(&writer);
    for (size_t cut = 0; cut < block.bytes; cut++) {
        memcpy(copy, storage, cut);
        assert_int_equal(hf_series_head((struct hf_slice){(char *)copy, cut}, &head), HF_ERR_CORRUPT);
        if (cut < HF_SERIES_HEAD_BYTES)
            continue;
        hf_put_u32(copy + 20,
                   (uint32_t)(cut - HF_SERIES_HEAD_BYTES)); /* a length that fits: the points end too early */
        assert_int_equal(hf_series_open(&reader, (struct hf_slice){(char *)copy, cut}), HF_OK);
        hf_err err;
        while ((err = hf_series_next(&reader, &point)) == HF_OK)
            ;
        assert_int_equal(err, HF_ERR_CORRUPT);
        assert_int_equal(hf_series_next(&reader, &point), HF_ERR_CORRUPT); /* final */
    }
    for (size_t at = 0; at < block.bytes; at++) {
        memcpy(copy, storage, block.bytes);
        copy[at] ^= 0x80;
        if (hf_series_open(&reader, (struct hf_slice){(char *)copy, block.bytes}) != HF_OK) {
            refused++;
            continue;
        }
        unsigned points = 0;
        while (hf_series_next(&reader, &point) == HF_OK)
            points++;
        assert_true(points <= HF_SERIES_POINTS_MAX);
    }
    assert_true(refused > 10); /* what the head says is looked at */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_had_back),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_full_block_is_whole_whatever_its_room),
        cmocka_unit_test(a_sample_takes_at_most_six_bytes),
        cmocka_unit_test(sums_of_seconds_add_up),
        cmocka_unit_test(damage_is_an_error),
    };

    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
