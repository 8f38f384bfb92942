/* The time series follow the log: answers hold what was durable when they were asked for, and a store or a log that fails costs nothing but time. */
#include "app/series_testkit.h"

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static struct hf_kv *new_kv(void)
{
    struct hf_kv *kv = NULL;

    assert_int_equal(open_kv(&kv), HF_OK);
    return kv;
}

static void start(struct hf_series_thread *series)
{
    assert_int_equal(hf_series_thread_init(series), HF_OK);
    assert_int_equal(hf_series_thread_start(series), HF_OK);
}

static void expect_all(struct hf_series_thread *series, unsigned batches)
{
    enum hf_reason reason;

    assert_int_equal(ask_and_count(series, &reason), batches * BATCH_SAMPLES);
    assert_int_equal(reason, HF_REASON_NONE);
}

static void an_answer_holds_what_was_durable_when_it_was_asked_for(void **state)
{
    struct hf_kv *kv = new_kv();
    struct hf_series_thread series = series_of(kv);
    struct hf_series_thread_stats stats;

    (void)state;
    write_batches(0, 10);
    start(&series);
    expect_all(&series, 10);
    for (unsigned n = 10; n < 60; n += 5) {
        struct hf_event other = kit_message("bike", "t", "21");

        kit_write(&kit, &other, 3);
        write_batches(n, 5);
        expect_all(&series, n + 5);
    }
    hf_series_thread_stop(&series);
    hf_series_thread_stats(&series, &stats);
    assert_int_equal(stats.archive.batches, 60);
    assert_int_equal(stats.failures + stats.gaps + atomic_load(&kit.lines), 0);
    assert_int_equal(hf_kv_applied_offset(kv), hf_log_durable_through(kit.log));
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
}

/* What was committed is not taken again, what was not is. */
static void the_next_life_goes_on_where_the_last_ended(void **state)
{
    struct hf_kv *kv = new_kv();

    (void)state;
    for (unsigned life = 0; life < 5; life++) {
        struct hf_series_thread series = series_of(kv);

        series.commit_ms = life % 2 == 0 ? 0 : 3600000;
        write_batches(8 * life, 4);
        start(&series);
        expect_all(&series, 8 * life + 4);
        write_batches(8 * life + 4, 4);
        hf_series_thread_stop(&series); /* takes and commits what is durable first */
        assert_int_equal(hf_kv_applied_offset(kv), hf_log_durable_through(kit.log));
        hf_series_thread_deinit(&series);
        hf_series_thread_deinit(&series); /* twice is harmless */
    }
    hf_kv_close(kv);
}

/* Commits, or single rows, fail: it is said once, there are answers meanwhile, and afterwards all is there, once. */
static void a_disk_that_fails_costs_time_only(void **state)
{
    static const hf_err errs[] = {HF_ERR_FULL, HF_ERR_IO};

    (void)state;
    for (unsigned turn = 0; turn < 4; turn++) {
        struct hf_kv *kv = new_kv();
        struct hf_series_thread series = series_of(kv);
        struct hf_series_thread_stats stats = {0};
        unsigned lines = atomic_load(&kit.lines), total = 10 * (turn + 1);
        enum hf_reason reason;

        write_batches(total - 10, 10);
        failing.err = errs[turn % 2];
        failing.commits = turn < 2 ? 3 : 0;
        failing.puts = turn < 2 ? 0 : 3;
        start(&series);
        while (stats.failures < 3) {
            unsigned count = ask_and_count(&series, &reason); /* wakes it: it tries again */

            assert_true(count == 0 || count == total * BATCH_SAMPLES);
            hf_series_thread_stats(&series, &stats);
        }
        expect_all(&series, total);
        hf_series_thread_stop(&series);
        hf_series_thread_stats(&series, &stats);
        assert_int_equal(stats.failures, 3);
        assert_int_equal(atomic_load(&kit.lines), lines + 1);
        assert_int_equal(hf_kv_applied_offset(kv), hf_log_durable_through(kit.log));
        hf_series_thread_deinit(&series);
        hf_kv_close(kv);
    }
}

static void a_map_that_has_to_grow_is_no_failure(void **state)
{
    struct hf_kv *kv = new_kv();
    struct hf_series_thread series = series_of(kv);
    struct hf_series_thread_stats stats;

    (void)state;
    write_batches(0, 10);
    failing.err = HF_ERR_AGAIN;
    failing.commits = 5;
    start(&series);
    expect_all(&series, 10);
    hf_series_thread_stop(&series);
    hf_series_thread_stats(&series, &stats);
    assert_int_equal(failing.commits, 0);
    assert_int_equal(stats.failures + atomic_load(&kit.lines), 0);
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
}

/* There is no descriptor for its segments. */
static void a_log_that_cannot_be_read_is_read_later(void **state)
{
    struct hf_kv *kv = new_kv();
    struct hf_series_thread series = series_of(kv);
    struct hf_series_thread_stats stats = {0};
    enum hf_reason reason;

    (void)state;
    write_batches(0, 10);
    files_mem_fail(kit.mem, FILES_MEM_OPEN, 1, 1000000, HF_ERR_LIMIT);
    start(&series);
    while (stats.failures < 2) {
        assert_int_equal(ask_and_count(&series, &reason), 0);
        assert_int_equal(reason, HF_REASON_NONE);
        hf_series_thread_stats(&series, &stats);
    }
    files_mem_heal(kit.mem);
    while (ask_and_count(&series, &reason) == 0) /* one may have come back before it was well */
        ;
    expect_all(&series, 10);
    hf_series_thread_stop(&series);
    assert_int_equal(atomic_load(&kit.lines), 1);
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
}

static void a_hole_in_the_log_is_said_and_passed(void **state)
{
    static char payload[30000];
    struct hf_kv *kv = new_kv();
    struct hf_series_thread series = series_of(kv);
    struct hf_series_thread_stats stats;
    struct hf_event event = kit_message("d1", "t", NULL);

    (void)state;
    event.payload = (struct hf_slice){payload, sizeof(payload)};
    for (unsigned i = 0; i < 21; i++)
        kit_write(&kit, &event, 1);
    hf_log_set_retention(kit.log, 2 * HF_LOG_SEGMENT_BYTES_MIN, 0);
    kit_write(&kit, &event, 1);
    write_batches(0, 4);
    assert_true(hf_log_oldest_offset(kit.log) > 1);
    start(&series);
    expect_all(&series, 4);
    hf_series_thread_stop(&series);
    hf_series_thread_stats(&series, &stats);
    assert_int_equal(stats.gaps, hf_log_oldest_offset(kit.log) - 1);
    assert_int_equal(atomic_load(&kit.lines), 1); /* once, with the exact range */
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
}

/* A thread that has not begun: questions beyond the bound are busy, and those that wait come back with the end. */
static void questions_are_bounded_and_come_back_with_the_end(void **state)
{
    static struct asked asked[HF_SERIES_QUERIES_MAX + 1];
    struct hf_kv *kv = new_kv();
    struct hf_series_thread series = series_of(kv);

    (void)state;
    assert_int_equal(hf_series_thread_init(&series), HF_OK);
    for (unsigned i = 0; i < HF_SERIES_QUERIES_MAX; i++)
        assert_int_equal(ask(&series, &asked[i]), HF_OK);
    assert_int_equal(ask(&series, &asked[HF_SERIES_QUERIES_MAX]), HF_ERR_BUSY);
    hf_series_thread_stop(&series);
    (void)hf_inbox_drain(kit.inbox, on_back, &series, SIZE_MAX);
    for (unsigned i = 0; i < HF_SERIES_QUERIES_MAX; i++)
        assert_true(asked[i].answered && asked[i].call.reason == HF_REASON_DRAIN);
    assert_int_equal(atomic_load(&series.queries), 0);
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(an_answer_holds_what_was_durable_when_it_was_asked_for),
        ROW(the_next_life_goes_on_where_the_last_ended),
        ROW(a_disk_that_fails_costs_time_only),
        ROW(a_map_that_has_to_grow_is_no_failure),
        ROW(a_log_that_cannot_be_read_is_read_later),
        ROW(a_hole_in_the_log_is_said_and_passed),
        ROW(questions_are_bounded_and_come_back_with_the_end),
    };
    return cmocka_run_group_tests_name("series_thread", tests, NULL, NULL);
}
