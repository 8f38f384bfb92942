#include "core/twin/archive_testkit.h"

static struct kit kit;

static int begin(void **state)
{
    (void)state;
    kit_begin(&kit);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kit_end(&kit);
    return 0;
}

/* 100 Hz for `seconds` from second `from` on; power 0..49 in each half second. */
static void ride(const char *device, unsigned from, unsigned seconds)
{
    for (unsigned i = 0; i < 2 * seconds; i++)
        kit_say(&kit, device, from * UINT64_C(1000000) + i * UINT64_C(500000), 10000, 50, 0);
}

static void samples_are_had_back_one_by_one(void **state)
{
    (void)state;
    ride("a", 10, 60);
    ride("b", 10, 1);
    kit_take(&kit, 1);
    for (unsigned turn = 0; turn < 2; turn++) { /* from memory, then from the table */
        struct hf_archive_answer answer = kit_ask(&kit, "a", 10000000, 11000000, 0, 1000);
        assert_int_equal(answer.count, 100);
        assert_int_equal(answer.tier, HF_SERIES_RAW);
        assert_int_equal(answer.next_us, 0);
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(answer.points[i].t_us, KIT_US + 10000000 + i * 10000);
            assert_int_equal(answer.points[i].stat.sum, i % 50);
        }
        free(answer.points);
        answer = kit_ask(&kit, "a", 69990000, 70000000, 0, 1000); /* the last one; to is not in it */
        assert_int_equal(answer.count, 1);
        free(answer.points);
        answer = kit_ask(&kit, "a", 0, 10000000, 0, 1000);
        assert_int_equal(answer.count, 0);
        assert_null(answer.points);
        assert_int_equal(kit_ask(&kit, "nobody", 0, 10000000, 0, 1000).count, 0);
        kit_commit(&kit);
    }
    assert_int_equal(kit.archive.stats.samples, 6100);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].points, 6100);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_SECOND].points, 61);
}

static void pages_go_on_where_they_ended(void **state)
{
    unsigned seen = 0;
    uint64_t from_us = 0;

    (void)state;
    ride("a", 10, 60);
    kit_take(&kit, 1);
    do {
        struct hf_archive_answer answer = kit_ask(&kit, "a", from_us, 100000000, 0, 777);

        for (uint32_t i = 0; i < answer.count; i++, seen++)
            assert_int_equal(answer.points[i].t_us, KIT_US + 10000000 + seen * 10000);
        free(answer.points);
        assert_true(answer.next_us == 0 || answer.count == 777);
        from_us = answer.next_us ? answer.next_us - KIT_US : 0;
    } while (from_us != 0);
    assert_int_equal(seen, 6000);
}

/* A clock that stands still: a page of two cannot part five samples of one time, and must come behind them. */
static void samples_of_one_time_go_together(void **state)
{
    static const unsigned want[] = {2, 5, 1};
    uint64_t from_us = 0;

    (void)state;
    kit_say(&kit, "a", 10000000, 10000, 2, 0);
    kit_say(&kit, "a", 20000000, 0, 5, 0);
    kit_say(&kit, "a", 30000000, 0, 1, 0);
    kit_take(&kit, 1);
    for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        struct hf_archive_answer answer = kit_ask(&kit, "a", from_us, 100000000, 0, 2);

        assert_int_equal(answer.count, want[i]);
        from_us = answer.next_us ? answer.next_us - KIT_US : 0;
        free(answer.points);
    }
    assert_int_equal(from_us, 0);
}

static void more_of_one_time_than_an_answer_takes_are_an_error(void **state)
{
    struct hf_archive_query query = {.tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("a"),
                                     .channel = HF_SERIES_POWER,
                                     .from_us = KIT_US + 10000000,
                                     .to_us = KIT_US + 20000000,
                                     .points_max = 100};
    struct hf_archive_answer answer;

    (void)state;
    for (unsigned i = 0; i <= HF_ARCHIVE_POINTS_MAX / HF_SAMPLES_MAX; i++)
        kit_say(&kit, "a", 10000000, 0, HF_SAMPLES_MAX, 0);
    kit_take(&kit, 1);
    assert_int_equal(hf_archive_query(&kit.archive, &query, &answer), HF_ERR_LIMIT);
    answer = kit_ask(&kit, "a", 10000000, 20000000, 1000, 100);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.points[0].stat.count,
                     (HF_ARCHIVE_POINTS_MAX / HF_SAMPLES_MAX + 1) * HF_SAMPLES_MAX);
    free(answer.points);
}

static void steps_add_up_to_what_was_said(void **state)
{
    static const uint64_t steps_us[] = {20000, 500000, 1000000, 7000000, 60000000, 3600000000, 86400000000};

    (void)state;
    ride("a", 3595, 600); /* over a full hour, where a block ends for its span */
    kit_take(&kit, 1);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < HF_COUNT_OF(steps_us); i++) {
            struct hf_series_stat sum = kit_sum(&kit, "a", steps_us[i]);

            assert_int_equal(sum.count, 60000);
            assert_int_equal(sum.sum, 1200 * (49 * 50 / 2));
            assert_int_equal(sum.min, 0);
            assert_int_equal(sum.max, 49);
        }
        kit_commit(&kit);
    }
    struct hf_archive_answer answer = kit_ask(&kit, "a", 3600300000, 3602700000, 1000000, 10);
    assert_int_equal(answer.tier, HF_SERIES_SECOND);
    assert_int_equal(answer.count, 3); /* whole steps, outwards */
    assert_int_equal(answer.points[0].t_us, KIT_US + 3600000000);
    assert_int_equal(answer.points[2].stat.count, 100);
    free(answer.points);
    answer = kit_ask(&kit, "a", 0, UINT64_C(86400000000), UINT64_C(86400000000), 10);
    assert_int_equal(answer.count, 1);
    assert_true(answer.blocks <= 1); /* the heads of the others were enough; KIT_US is no whole day */
    free(answer.points);
}

/* Kill at any record: the log read again from what was committed gives each sample once. */
static void a_crash_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (unsigned crash = 1; crash < 160; crash += 13) {
        unsigned committed = 0;

        kit_end(&kit);
        kit_begin(&kit);
        ride("a", 0, 40);
        ride("b", 20, 40);
        unsigned records = kit.records;
        for (uint64_t offset = 1; offset <= crash; offset++) {
            assert_int_equal(kit_take_one(&kit, offset), HF_OK);
            if (offset % 20 == 0) {
                assert_int_equal(hf_archive_commit(&kit.archive, offset, KIT_US), HF_OK);
                committed = (unsigned)offset;
            }
        }
        hf_archive_deinit(&kit.archive); /* what was not committed is gone */
        kit_open(&kit);
        assert_int_equal(kit.archive.through, committed);
        kit_take(&kit, committed + 1);
        assert_int_equal(kit_sum(&kit, "a", 0).count + kit_sum(&kit, "b", 0).count, records * 50);
        assert_int_equal(kit_sum(&kit, "a", 1000000).count, 4000);
        kit_commit(&kit);
        assert_int_equal(kit_sum(&kit, "a", 1000000).count, 4000);
        assert_int_equal(kit_sum(&kit, "b", 0).count, 4000);
        assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].points, 8000);
    }
}

static void time_that_goes_back_begins_another_block(void **state)
{
    (void)state;
    ride("a", 1000, 10);
    ride("a", 500, 10);  /* a clock that was put right */
    ride("a", 1005, 10); /* over what is there */
    ride("a", 9000, 10); /* hours later */
    kit_take(&kit, 1);
    kit_commit(&kit);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].blocks, 4);
    struct hf_archive_answer answer = kit_ask(&kit, "a", 0, 10000000000, 0, 10000);
    assert_int_equal(answer.count, 4000);
    for (uint32_t i = 1; i < answer.count; i++)
        assert_true(answer.points[i].t_us >= answer.points[i - 1].t_us);
    free(answer.points);
    answer = kit_ask(&kit, "a", 1005000000, 1006000000, 1000000, 10);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.points[0].stat.count, 200);
    free(answer.points);
}

static void a_moment_may_hold_more_than_a_block(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KIT_RECORDS_MAX; i++) /* 1,280,000 samples of one microsecond */
        kit_say(&kit, "a", 5000000, 0, 64, 0);
    kit_take(&kit, 1);
    kit_commit(&kit);
    struct hf_archive_answer answer = kit_ask(&kit, "a", 0, 10000000, 1000000, 10);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.points[0].stat.count, 64 * KIT_RECORDS_MAX);
    free(answer.points);
}

static void too_many_blocks_are_a_page_or_an_error(void **state)
{
    struct hf_archive_query query = {.tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("a"),
                                     .channel = HF_SERIES_LEAN,
                                     .from_us = KIT_US,
                                     .to_us = KIT_US + 1000000000,
                                     .points_max = 100000,
                                     .blocks_max = 3};
    struct hf_archive_answer answer;
    unsigned seen = 0, pages = 0;

    (void)state;
    ride("a", 0, 100);
    kit_take(&kit, 1);
    kit_commit(&kit);
    assert_true(kit.archive.stats.tiers[HF_SERIES_RAW].blocks > 4);
    do {
        assert_int_equal(hf_archive_query(&kit.archive, &query, &answer), HF_OK);
        free(answer.points);
        seen += answer.count;
        query.from_us = answer.next_us;
        pages++;
    } while (answer.next_us != 0);
    assert_int_equal(seen, 10000);
    assert_true(pages > 1);
    for (unsigned hour = 1; hour <= HF_ARCHIVE_HEADS_PER_BLOCK; hour++)
        ride("b", hour * 3600, 1);
    kit_take(&kit, 201);
    query.device = HF_SLICE("b");
    query.from_us = KIT_US;
    query.to_us = KIT_US + 40 * UINT64_C(3600000000);
    query.step_us = UINT64_C(366) * 86400000000;
    query.blocks_max = 1;
    kit_commit(&kit);
    assert_int_equal(hf_archive_query(&kit.archive, &query, &answer), HF_OK);
    assert_int_equal(answer.points[0].stat.count, 100 * HF_ARCHIVE_HEADS_PER_BLOCK);
    free(answer.points);
    ride("b", 34 * 3600, 1);
    kit_take(&kit, kit.records - 1);
    kit_commit(&kit);
    assert_int_equal(hf_archive_query(&kit.archive, &query, &answer),
                     HF_ERR_LIMIT); /* one more than it may look at */
}

static hf_err sweep(uint64_t now_us)
{
    uint64_t deleted;

    return hf_archive_sweep(&kit.archive, now_us, &deleted);
}

static void what_is_old_goes(void **state)
{
    uint64_t day_us = UINT64_C(86400000000);

    (void)state;
    for (unsigned d = 0; d < 20; d++) {
        char name[] = {'d', (char)('a' + d), '\0'};

        ride(name, 1000, 30);
    }
    kit_take(&kit, 1);
    kit_commit(&kit);
    assert_int_equal(hf_archive_commit(&kit.archive, kit.records, KIT_US + day_us),
                     HF_OK); /* nobody is held any more */
    assert_int_equal(kit.archive.stats.devices, 0);
    assert_int_equal(sweep(KIT_US + day_us), HF_OK); /* not yet */
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].deleted_age, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sweep(KIT_US + day_us + 2000000000), HF_OK);
        kit_commit(&kit);
    }
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].blocks, 0);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].bytes, 0);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_RAW].points, 0);
    assert_int_equal(kit_sum(&kit, "da", 0).count, 0);
    assert_int_equal(kit_sum(&kit, "da", 1000000).count, 3000); /* the seconds are kept for longer */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(sweep(KIT_US + 401 * day_us), HF_OK);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_SECOND].blocks, 0);
    assert_int_equal(kit_sum(&kit, "da", 1000000).count, 0);
}

static void what_is_too_much_goes_raw_and_oldest_first(void **state)
{
    (void)state;
    kit_end(&kit);
    kit_begin(&kit);
    kit.archive.limits.bytes_max = 100000;
    for (unsigned hour = 0; hour < 20; hour++) {
        ride("a", hour * 3600, 20);
        ride("b", hour * 3600, 20);
    }
    kit_take(&kit, 1);
    kit_commit(&kit);
    uint64_t now_us = KIT_US + 20 * UINT64_C(3600000000),
             before = kit.archive.stats.tiers[HF_SERIES_RAW].bytes;
    assert_true(before > 100000);
    for (unsigned i = 0; i < 400; i++) {
        assert_int_equal(sweep(now_us), HF_OK);
        assert_int_equal(hf_archive_commit(&kit.archive, kit.records, now_us), HF_OK);
    }
    uint64_t bytes =
        kit.archive.stats.tiers[HF_SERIES_RAW].bytes + kit.archive.stats.tiers[HF_SERIES_SECOND].bytes;
    assert_true(bytes <= 100000 && bytes > 30000);
    assert_true(kit.archive.stats.tiers[HF_SERIES_RAW].deleted_bytes > 0);
    assert_int_equal(kit.archive.stats.tiers[HF_SERIES_SECOND].deleted_bytes, 0);
    struct hf_archive_answer answer =
        kit_ask(&kit, "a", 0, 20 * UINT64_C(3600000000), 3600000000 / 2 + 1, 100);
    assert_true(answer.count > 0 &&
                answer.points[answer.count - 1].t_us >= KIT_US + 18 * UINT64_C(3600000000));
    free(answer.points);
}

/* What a device with a wrong clock says lies ahead of every floor: it must not stay for ever while the others lose theirs. */
static void what_lies_ahead_goes_before_what_others_said(void **state)
{
    uint64_t hour_us = UINT64_C(3600000000), year_us = UINT64_C(366) * 86400000000,
             now_us = KIT_US + 20 * hour_us;

    (void)state;
    kit_end(&kit);
    kit_begin(&kit);
    for (unsigned hour = 0; hour < 20; hour++) {
        ride("good", hour * 3600, 20);
        kit_say(&kit, "wrong", year_us + hour * hour_us, 10000, 64, 100);
        ride("zz", hour * 3600, 1);
    }
    kit_take(&kit, 1);
    kit_commit(&kit);
    uint32_t good = kit_sum(&kit, "good", 0).count, zz = kit_sum(&kit, "zz", 0).count;
    uint64_t bytes =
        kit.archive.stats.tiers[HF_SERIES_RAW].bytes + kit.archive.stats.tiers[HF_SERIES_SECOND].bytes;
    kit.archive.limits.bytes_max = bytes; /* there is room: it is kept, and can be asked for */
    assert_int_equal(hf_archive_commit(&kit.archive, kit.records, now_us), HF_OK);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(sweep(now_us), HF_OK);
    assert_int_equal(kit_sum(&kit, "wrong", 0).count, 20 * 64);
    kit.archive.limits.bytes_max = bytes - 4096;
    for (unsigned i = 0; i < 400; i++) {
        assert_int_equal(sweep(now_us), HF_OK);
        assert_int_equal(hf_archive_commit(&kit.archive, kit.records, now_us), HF_OK);
    }
    assert_int_equal(kit_sum(&kit, "good", 0).count, good);
    assert_int_equal(kit_sum(&kit, "zz", 0).count, zz);
    uint32_t wrong = kit_sum(&kit, "wrong", 0).count;
    assert_true(wrong > 0 && wrong < 20 * 64); /* no more than there has to */
    assert_true(kit.archive.stats.tiers[HF_SERIES_RAW].deleted_bytes > 0);
}

static void devices_in_memory_are_bounded(void **state)
{
    (void)state;
    kit.archive.limits.devices_max = 3;
    for (unsigned turn = 0; turn < 4; turn++)
        for (unsigned d = 0; d < 5; d++) {
            char name[] = {'d', (char)('a' + d), '\0'};

            ride(name, turn * 10, 2);
        }
    kit_take(&kit, 1);
    assert_int_equal(kit.archive.stats.devices, 3);
    assert_int_equal(kit.archive.stats.evicted, 17);
    for (unsigned d = 0; d < 5; d++) {
        char name[] = {'d', (char)('a' + d), '\0'};

        assert_int_equal(kit_sum(&kit, name, 0).count, 800);
        assert_int_equal(kit_sum(&kit, name, 1000000).count, 800);
    }
}

static void other_records_and_broken_ones_are_passed(void **state)
{
    struct hf_event event = {.type = HF_EVENT_MESSAGE,
                             .format = HF_FORMAT_SAMPLES,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE("a"),
                             .payload = HF_SLICE("no batch")};

    (void)state;
    assert_int_equal(hf_archive_take(&kit.archive, &event), HF_OK);
    assert_int_equal(kit.archive.stats.unreadable, 1);
    event.format = HF_FORMAT_JSON;
    assert_int_equal(hf_archive_take(&kit.archive, &event), HF_OK);
    event.type = HF_EVENT_QUEUED;
    event.format = HF_FORMAT_SAMPLES;
    assert_int_equal(hf_archive_take(&kit.archive, &event), HF_OK);
    assert_int_equal(kit.archive.stats.unreadable, 1);
    assert_int_equal(kit.archive.stats.devices, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(samples_are_had_back_one_by_one),
        T(pages_go_on_where_they_ended),
        T(samples_of_one_time_go_together),
        T(more_of_one_time_than_an_answer_takes_are_an_error),
        T(steps_add_up_to_what_was_said),
        T(a_crash_loses_and_doubles_nothing),
        T(time_that_goes_back_begins_another_block),
        T(a_moment_may_hold_more_than_a_block),
        T(too_many_blocks_are_a_page_or_an_error),
        T(what_is_old_goes),
        T(what_is_too_much_goes_raw_and_oldest_first),
        T(what_lies_ahead_goes_before_what_others_said),
        T(devices_in_memory_are_bounded),
        T(other_records_and_broken_ones_are_passed),
    };

    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
