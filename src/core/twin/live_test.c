#include "core/twin/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

#define MS         UINT64_C(1000000)
#define OFFSET_NS  INT64_C(1764000000000000000)
#define DEVICE     HF_SLICE("bike-1")
#define TENANT     HF_SLICE("acme")
#define NO_VALUE   HF_SAMPLE_VALUE_INVALID
#define NO_CADENCE HF_SAMPLE_CADENCE_INVALID

struct kit {
    struct hf_twins twins;
    uint8_t bytes[HF_SAMPLES_BYTES_MAX];
    struct hf_samples head;
};

static void begin(struct kit *kit, uint32_t devices_max)
{
    *kit = (struct kit){.head = {.boot_id = {1}, .utc_offset_ns = OFFSET_NS, .uncertainty_us = 250}};
    assert_int_equal(hf_twins_init(&kit->twins, devices_max), HF_OK);
}

/* What a reader of the wire has: the batch, written and read again. arrives ms of the device's clock later than its newest sample. */
static struct hf_twin *take(struct kit *kit, struct hf_slice device, const struct hf_sample *samples,
                            unsigned count, int64_t later_us)
{
    struct hf_samples read, head = kit->head;

    head.count = count;
    size_t bytes = hf_samples_write(kit->bytes, &head, samples);
    assert_int_equal(hf_samples_read((struct hf_slice){(char *)kit->bytes, bytes}, &read), HF_OK);
    int64_t newest_us = hf_sample_utc_ns(&read, &samples[count - 1]) / 1000;
    return hf_twins_take(&kit->twins, TENANT, device, &read, (uint64_t)(newest_us + later_us));
}

/* A ride at 20 Hz from from_ms on. */
static struct hf_twin *ride(struct kit *kit, uint64_t *at_ms, unsigned ms, uint16_t cadence, int16_t power,
                            int16_t lean)
{
    struct hf_twin *twin = NULL;

    for (uint64_t end_ms = *at_ms + ms; *at_ms < end_ms; *at_ms += 50) {
        struct hf_sample sample = {*at_ms * MS, cadence, power, lean};

        twin = take(kit, DEVICE, &sample, 1, 1000);
    }
    return twin;
}

static void windows_end_with_the_newest_sample(void **state)
{
    struct kit kit;
    struct hf_sample batch[HF_SAMPLES_MAX];

    (void)state;
    begin(&kit, 4);
    for (unsigned second = 0; second < 70; second++) { /* 10 Hz, power is the second */
        for (unsigned i = 0; i < 10; i++)
            batch[i] = (struct hf_sample){(second * 1000 + i * 100) * MS, (uint16_t)(100 + i),
                                          (int16_t)second, -256};
        assert_non_null(take(&kit, DEVICE, batch, 10, 5000));
    }
    const struct hf_twin *twin = hf_twins_find(&kit.twins, TENANT, DEVICE);
    struct hf_series_stat stat = hf_twin_window(twin, 0, HF_SERIES_POWER);
    assert_int_equal(stat.count, 10);
    assert_int_equal(stat.min, 69);
    assert_int_equal(stat.sum, 690);
    stat = hf_twin_window(twin, 1, HF_SERIES_POWER);
    assert_int_equal(stat.count, 600);
    assert_int_equal(stat.min, 10);
    assert_int_equal(stat.max, 69);
    assert_int_equal(stat.sum, 10 * (69 * 70 / 2 - 9 * 10 / 2));
    stat = hf_twin_window(twin, 1, HF_SERIES_CADENCE);
    assert_int_equal(stat.min, 100);
    assert_int_equal(stat.max, 109);
    assert_int_equal(hf_twin_window(twin, 1, HF_SERIES_LEAN).sum, -256 * 600);
    assert_int_equal(twin->samples, 700);
    assert_int_equal(twin->delay_us, 5000);

    /* After ten minutes of silence nothing of before is in them. */
    batch[0] = (struct hf_sample){670000 * MS, NO_CADENCE, 7, NO_VALUE};
    twin = take(&kit, DEVICE, batch, 1, 5000);
    assert_int_equal(hf_twin_window(twin, 1, HF_SERIES_POWER).count, 1);
    assert_int_equal(hf_twin_window(twin, 1, HF_SERIES_CADENCE).count, 0);
    assert_int_equal(twin->last.cadence_half_rpm, 109); /* the last that was valid, and when */
    assert_int_equal(twin->last_ns[HF_SERIES_CADENCE], 69900 * MS);
    assert_int_equal(twin->last_ns[HF_SERIES_POWER], 670000 * MS);
    hf_twins_deinit(&kit.twins);
}

static void another_boot_begins_anew(void **state)
{
    struct kit kit;
    struct hf_sample sample = {900000 * MS, 180, 200, 100};

    (void)state;
    begin(&kit, 4);
    kit.head.lost = 3;
    assert_non_null(take(&kit, DEVICE, &sample, 1, 0));
    kit.head.boot_id[0] = 2;
    kit.head.utc_offset_ns += 1000000 * (int64_t)MS;
    sample = (struct hf_sample){1000 * MS, 100, 50, NO_VALUE}; /* its clock began again: not the past */
    const struct hf_twin *twin = take(&kit, DEVICE, &sample, 1, 0);
    assert_int_equal(twin->newest_ns, 1000 * MS);
    assert_int_equal(twin->last.power_w, 50);
    assert_int_equal(twin->last.lean_q8_deg, NO_VALUE);
    assert_int_equal(hf_twin_window(twin, 1, HF_SERIES_POWER).count, 1);
    assert_int_equal(twin->boots, 2);
    assert_int_equal(twin->samples, 2);
    assert_int_equal(twin->lost, 6);
    hf_twins_deinit(&kit.twins);
}

static void what_came_late_is_not_the_latest(void **state)
{
    struct kit kit;
    struct hf_sample samples[] = {
        {5000 * MS, 180, 200, 0}, {4500 * MS, 180, 100, 0}, {1000 * MS, 180, 900, 0}};

    (void)state;
    begin(&kit, 4);
    for (unsigned i = 0; i < HF_COUNT_OF(samples); i++)
        assert_non_null(take(&kit, DEVICE, &samples[i], 1, 0));
    const struct hf_twin *twin = hf_twins_find(&kit.twins, TENANT, DEVICE);
    assert_int_equal(twin->last.power_w, 200);
    assert_int_equal(hf_twin_window(twin, 0, HF_SERIES_POWER).max, 200);
    assert_int_equal(hf_twin_window(twin, 0, HF_SERIES_POWER).count, 2);
    assert_int_equal(hf_twin_window(twin, 1, HF_SERIES_POWER).count, 3);
    hf_twins_deinit(&kit.twins);
}

static void what_the_rider_does(void **state)
{
    static const struct {
        unsigned ms;
        uint16_t cadence;
        int16_t power, lean;
        enum hf_riding want;
    } rows[] = {
        {50, 160, 200, 0, HF_RIDING_RIDING}, /* the first evidence counts at once */
        {4000, 160, 500, 0, HF_RIDING_SPRINTING},
        {4000, 150, 350, 0,
         HF_RIDING_SPRINTING},                 /* below what it takes to begin, above what it takes to stay */
        {3000, 150, 250, 0, HF_RIDING_RIDING}, /* perhaps a hill: not before its 5 s */
        {900, 160, 600, 0, HF_RIDING_RIDING},  /* too short */
        {3000, 160, 200, 0, HF_RIDING_RIDING},
        {4000, 130, 220, 0, HF_RIDING_RIDING}, /* a hill of four seconds */
        {4000, 130, 220, 0, HF_RIDING_CLIMBING},
        {8000, 160, 150, 0, HF_RIDING_CLIMBING},
        {4000, 180, 150, 0, HF_RIDING_RIDING},
        {2500, 0, 0, 0, HF_RIDING_RIDING}, /* coasting */
        {3000, 0, 0, 0, HF_RIDING_STOPPED},
        {3000, 20, 15, 0, HF_RIDING_STOPPED},
        {3000, 60, 60, 0, HF_RIDING_RIDING},
        {3000, 120, 150, 45 * 256, HF_RIDING_RIDING}, /* a fast bend */
        {3000, 0, 0, -80 * 256, HF_RIDING_FALLEN},
        {3000, 100, 0, -50 * 256, HF_RIDING_FALLEN},
        {3000, 100, 100, 5 * 256, HF_RIDING_RIDING},
        {9000, NO_CADENCE, NO_VALUE, NO_VALUE, HF_RIDING_RIDING}, /* nothing speaks against it */
        {5000, NO_CADENCE, 0, NO_VALUE, HF_RIDING_STOPPED},
    };
    struct kit kit;
    uint64_t at_ms = 1000;

    (void)state;
    begin(&kit, 4);
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_twin *twin =
            ride(&kit, &at_ms, rows[i].ms, rows[i].cadence, rows[i].power, rows[i].lean);

        if (twin->riding.now != rows[i].want)
            fail_msg("row %u: %s", i, hf_riding_name(twin->riding.now));
        assert_int_equal(kit.twins.stats.riding[rows[i].want], 1);
    }
    hf_twins_deinit(&kit.twins);
}

static void noise_at_a_threshold_changes_nothing(void **state)
{
    struct kit kit;
    uint64_t at_ms = 1000;

    (void)state;
    begin(&kit, 4);
    ride(&kit, &at_ms, 3000, 160, 200, 0);
    for (unsigned i = 0; i < 200; i++) { /* 440 and 460 W in turns of 0.7 s, around the 450 of a sprint */
        const struct hf_twin *twin = ride(&kit, &at_ms, 700, 170, i % 2 ? 460 : 440, 0);

        assert_int_equal(twin->riding.now, HF_RIDING_RIDING);
    }
    hf_twins_deinit(&kit.twins);
}

static void there_is_a_bound_of_devices(void **state)
{
    struct kit kit;
    struct hf_sample sample = {5000 * MS, 180, 200, 0};

    (void)state;
    begin(&kit, 2);
    assert_non_null(take(&kit, HF_SLICE("a"), &sample, 1, 0));
    assert_non_null(take(&kit, HF_SLICE("b"), &sample, 1, 0));
    assert_non_null(take(&kit, HF_SLICE("a"), &sample, 1, 0));
    assert_non_null(take(&kit, HF_SLICE("c"), &sample, 1, 0));
    assert_null(hf_twins_find(&kit.twins, TENANT, HF_SLICE("b"))); /* silent for longest */
    assert_non_null(hf_twins_find(&kit.twins, TENANT, HF_SLICE("a")));
    assert_null(hf_twins_find(&kit.twins, HF_SLICE("other"), HF_SLICE("a")));
    assert_int_equal(kit.twins.stats.devices, 2);
    assert_int_equal(kit.twins.stats.devices_evicted, 1);
    assert_int_equal(kit.twins.stats.riding[HF_RIDING_RIDING] + kit.twins.stats.riding[HF_RIDING_UNKNOWN], 2);
    assert_true(sizeof(struct hf_twin) <= 3072); /* as documented */
    hf_twins_deinit(&kit.twins);
    hf_twins_deinit(&kit.twins);
}

static void the_clocks_difference_is_known_within_the_way(void **state)
{
    struct kit kit;
    struct hf_sample sample = {0};
    const struct hf_twin *twin = NULL;
    uint64_t within_us;
    int64_t ahead_us;

    (void)state;
    begin(&kit, 2);
    for (unsigned i = 1; i <= 10; i++) { /* the device's clock is 500 ms ahead, the way takes 4 ms and up */
        sample.ts_ns = i * 1000 * MS;
        twin = take(&kit, DEVICE, &sample, 1, -500000 + 4000 + 300 * (int64_t)(i % 4));
    }
    assert_true(hf_twin_clock(twin, 8000, &ahead_us, &within_us));
    assert_int_equal(ahead_us, 500000);
    assert_int_equal(within_us, 4000);
    assert_true(hf_twin_clock(twin, 0, &ahead_us, &within_us));
    assert_int_equal(ahead_us, 496000);
    assert_int_equal(within_us, 496000);         /* nothing measured: nothing known */
    kit.head.utc_offset_ns -= 500 * (int64_t)MS; /* put right; two minutes later the past is forgotten */
    for (unsigned i = 1; i <= 10; i++) {
        sample.ts_ns = (20 + i * 20) * 1000 * MS;
        twin = take(&kit, DEVICE, &sample, 1, 4000);
    }
    assert_true(hf_twin_clock(twin, 8000, &ahead_us, &within_us));
    assert_int_equal(ahead_us, 0);
    hf_twins_deinit(&kit.twins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_end_with_the_newest_sample),
        cmocka_unit_test(another_boot_begins_anew),
        cmocka_unit_test(what_came_late_is_not_the_latest),
        cmocka_unit_test(what_the_rider_does),
        cmocka_unit_test(noise_at_a_threshold_changes_nothing),
        cmocka_unit_test(there_is_a_bound_of_devices),
        cmocka_unit_test(the_clocks_difference_is_known_within_the_way),
    };

    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
