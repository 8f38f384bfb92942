/* The live state that is left when the memory is not: of what is stored, and of nothing else. */
#include "core/twin/archive_testkit.h"
#include "core/twin/live.h"

enum { SECOND_US = 1000000, MINUTE_US = 60 * SECOND_US };

static hf_err last(struct kit *kit, const char *device, struct hf_twin *twin)
{
    return hf_archive_last(&kit->archive, HF_SLICE("acme"), hf_slice_of(device), twin);
}

/* Batches of one value each: power in W, cadence in half RPM. */
static void say(struct kit *kit, uint64_t at_us, unsigned step_us, unsigned count, uint16_t cadence,
                int16_t power)
{
    struct hf_samples head = {.utc_offset_ns = KIT_OFFSET_NS, .count = count};
    struct hf_sample samples[HF_SAMPLES_MAX];

    for (unsigned i = 0; i < count; i++)
        samples[i] = (struct hf_sample){(at_us + (uint64_t)i * step_us) * 1000, cadence, power,
                                        HF_SAMPLE_VALUE_INVALID};
    (void)strncpy(kit->log[kit->records].device, "bike", sizeof(kit->log[0].device) - 1);
    kit->log[kit->records].count = hf_samples_write(kit->log[kit->records].bytes, &head, samples);
    kit->records++;
}

static void reopen(struct kit *kit)
{
    kit_take(kit, kit->archive.through + 1);
    kit_commit(kit);
    hf_archive_deinit(&kit->archive);
    kit_open(kit);
}

/* The same batches to memory and to the archive: windows, latest values and the rider's state are the same, whether the last block is in memory, in a row or in both. */
static void it_is_what_memory_had(void **state)
{
    static struct kit kit;
    struct hf_twins twins;
    struct hf_twin restored;

    (void)state;
    kit_begin(&kit);
    assert_int_equal(hf_twins_init(&twins, 4), HF_OK);
    assert_int_equal(last(&kit, "bike", &restored), HF_ERR_NOT_FOUND);
    for (unsigned i = 0; i < 200; i++)
        kit_say(&kit, "bike", (uint64_t)i * HF_SAMPLES_MAX * 10000, 10000, HF_SAMPLES_MAX,
                (int16_t)(100 + i));
    kit_say(&kit, "other", 1000000000, 10000, 5, 7);
    const struct hf_twin *live = NULL;
    for (unsigned i = 0; i < 200; i++) {
        struct hf_samples batch;

        assert_int_equal(
            hf_samples_read((struct hf_slice){(const char *)kit.log[i].bytes, kit.log[i].count}, &batch),
            HF_OK);
        live = hf_twins_take(&twins, HF_SLICE("acme"), HF_SLICE("bike"), &batch, 1);
    }
    for (unsigned round = 0; round < 3; round++) {
        if (round == 0)
            kit_take(&kit, 1);
        else if (round == 1)
            kit_commit(&kit);
        else
            reopen(&kit);
        assert_int_equal(last(&kit, "bike", &restored), HF_OK);
        assert_true(hf_twin_is_restored(&restored));
        assert_int_equal(restored.newest_ns / 1000, KIT_US + 200 * HF_SAMPLES_MAX * 10000 - 10000);
        assert_int_equal(restored.last.power_w, live->last.power_w);
        assert_int_equal(restored.last.cadence_half_rpm, live->last.cadence_half_rpm);
        assert_int_equal(restored.last.lean_q8_deg, live->last.lean_q8_deg);
        assert_int_equal(restored.riding.now, live->riding.now);
        for (unsigned window = 0; window < 2; window++)
            for (unsigned channel = 0; channel < HF_SERIES_CHANNELS; channel++) {
                struct hf_series_stat is = hf_twin_window(&restored, window, channel),
                                      was = hf_twin_window(live, window, channel);

                assert_int_equal(is.count, was.count);
                assert_int_equal(is.min, was.min);
                assert_int_equal(is.max, was.max);
                assert_int_equal(is.sum, was.sum);
            }
    }
    assert_int_equal(kit.archive.stats.damaged, 0);
    hf_twins_deinit(&twins);
    kit_end(&kit);
}

/* Nothing is made up: a window holds what is there, an older value keeps its time, and a state that began before the minute has no begin. */
static void what_is_not_there_is_not_said(void **state)
{
    static struct kit kit;
    struct hf_twin restored;

    (void)state;
    kit_begin(&kit);
    say(&kit, 0, SECOND_US, 10, HF_SAMPLE_CADENCE_INVALID, 250);            /* power, then never again */
    say(&kit, 10 * MINUTE_US, SECOND_US, 60, 160, HF_SAMPLE_VALUE_INVALID); /* a minute of cadence */
    reopen(&kit);
    assert_int_equal(last(&kit, "bike", &restored), HF_OK);
    assert_int_equal(restored.last.power_w, 250);
    assert_int_equal(restored.last_ns[HF_SERIES_POWER] / 1000, KIT_US + 9 * SECOND_US);
    assert_int_equal(hf_twin_window(&restored, 1, HF_SERIES_POWER).count, 0);
    assert_int_equal(hf_twin_window(&restored, 1, HF_SERIES_CADENCE).count, 60);
    assert_int_equal(hf_twin_window(&restored, 0, HF_SERIES_CADENCE).count, 1);
    assert_int_equal(restored.last_ns[HF_SERIES_LEAN], 0);
    assert_int_equal(restored.riding.now, HF_RIDING_RIDING);
    assert_int_equal(restored.riding.since_ms, 0);
    /* It stands still later: that begin is known. */
    for (unsigned i = 0; i < 10; i++)
        say(&kit, 11 * MINUTE_US + i * SECOND_US, 100000, 10, 0, HF_SAMPLE_VALUE_INVALID);
    reopen(&kit);
    assert_int_equal(last(&kit, "bike", &restored), HF_OK);
    assert_int_equal(restored.riding.now, HF_RIDING_STOPPED);
    assert_in_range(restored.riding.since_ms, KIT_US / 1000 + 11 * 60000, KIT_US / 1000 + 11 * 60000 + 10000);
    assert_int_equal(restored.last.power_w, 250);
    kit_end(&kit);
}

/* A channel that is nowhere is not looked for in all of a year. */
static void so_many_blocks_at_most(void **state)
{
    static struct kit kit;
    struct hf_twin restored;

    (void)state;
    kit_begin(&kit);
    say(&kit, 0, SECOND_US, 10, HF_SAMPLE_CADENCE_INVALID, 250);
    for (unsigned i = 1; i <= HF_ARCHIVE_LAST_BLOCKS; i++) /* a block each, since one spans an hour at most */
        say(&kit, (uint64_t)i * 2 * 60 * MINUTE_US, SECOND_US, 10, 160, HF_SAMPLE_VALUE_INVALID);
    reopen(&kit);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].blocks, HF_ARCHIVE_LAST_BLOCKS + 1);
    assert_int_equal(last(&kit, "bike", &restored), HF_OK);
    assert_int_equal(restored.last.cadence_half_rpm, 160);
    assert_int_equal(restored.last_ns[HF_SERIES_POWER], 0);
    kit_end(&kit);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_memory_had),
        cmocka_unit_test(what_is_not_there_is_not_said),
        cmocka_unit_test(so_many_blocks_at_most),
    };

    return cmocka_run_group_tests_name("archive_last", tests, NULL, NULL);
}
