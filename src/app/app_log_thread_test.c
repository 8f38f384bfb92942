/* The thread that writes the log, with a disk that fails to order. */
#include "app/threads_testkit.h"

static struct kit kit;
static _Atomic unsigned durable_calls;

static bool post(void *context, struct hf_journal_batch *batch)
{
    (void)context;
    return hf_mailbox_post(kit.log_thread.from[0], batch) == HF_OK;
}

static void on_durable(void *context)
{
    (void)context;
    atomic_fetch_add(&durable_calls, 1);
}

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    hf_app_journal_init(&kit.journal, &kit.hub, 0, post, NULL);
    kit.log_thread.log = kit.log;
    kit.log_thread.logger = &kit.logger;
    kit.log_thread.workers = 1;
    kit.log_thread.on_durable = on_durable;
    kit.log_thread.to[0] = kit.from_log;
    atomic_store(&durable_calls, 0);
    return hf_log_thread_init(&kit.log_thread) == HF_OK && hf_log_thread_start(&kit.log_thread) == HF_OK ? 0
                                                                                                         : -1;
}

static void on_message(void *context, unsigned mailbox, void *message)
{
    (void)context, (void)mailbox;
    hf_app_journal_durable(&kit.journal, message);
    hf_app_journal_submit(&kit.journal);
}

static int done(void **state)
{
    (void)state;
    hf_log_thread_stop(&kit.log_thread);
    (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    hf_app_journal_deinit(&kit.journal);
    hf_log_thread_deinit(&kit.log_thread);
    kit_free(&kit);
    return 0;
}

/* Turns of the worker until everything it has appended is durable; keeps the log thread from waiting out its patience. */
static void until_durable(void)
{
    hf_app_journal_submit(&kit.journal);
    while (!hf_app_journal_empty(&kit.journal)) {
        hf_inbox_wake(kit.log_thread.inbox);
        if (hf_inbox_wait(kit.inbox, 1))
            (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    }
}

static void expect_dense(unsigned count)
{
    assert_int_equal(kit.appended, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(kit.waiters[i].offset, i + 1);
    assert_int_equal(hf_log_durable_through(kit.log), count);
}

static void what_is_posted_becomes_durable_in_order(void **state)
{
    static char payload[30000];
    struct hf_log_thread_stats stats;

    (void)state;
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(kit_append(&kit, payload, 1 + i * 400), HF_OK);
    until_durable();
    expect_dense(60);
    assert_true(kit.waiters[59].time_ms > 1600000000000); /* the time of the record, not of the mailbox */
    hf_log_thread_stats(&kit.log_thread, &stats);
    assert_int_equal(stats.records, 60);
    assert_true(stats.groups >= 1 && stats.groups <= 60);
    assert_int_equal(stats.failures, 0);
    assert_int_equal(kit.hub.ledger.counts.uplink.delivered, 60);
}

static void disk_that_fails_loses_nothing(void **state)
{
    static const struct {
        enum files_mem_op op;
        hf_err err;
    } rows[] = {
        {FILES_MEM_FDATASYNC, HF_ERR_IO}, {FILES_MEM_PWRITEV, HF_ERR_FULL}, {FILES_MEM_PWRITEV, HF_ERR_IO}};
    unsigned count = 0;

    (void)state;
    for (unsigned r = 0; r < HF_COUNT_OF(rows); r++) {
        struct hf_log_thread_stats stats;

        until_durable();
        files_mem_fail(kit.mem, rows[r].op, 1, 1000000, rows[r].err);
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(kit_append(&kit, "payload", 7), HF_OK);
        hf_app_journal_submit(&kit.journal);
        while (atomic_load(&kit.log_thread.failing_since_ms) == 0)
            (void)hf_inbox_wait(kit.inbox, 1);
        assert_int_equal(atomic_load(&kit.log_thread.failure), rows[r].err);
        for (unsigned i = 0; i < 10; i++) /* more comes meanwhile */
            assert_int_equal(kit_append(&kit, "payload", 7), HF_OK);
        hf_app_journal_submit(&kit.journal);
        assert_int_equal(kit_count_told(&kit), count); /* nobody is told before it is durable */
        files_mem_heal(kit.mem);
        until_durable();
        count += 20;
        expect_dense(count);
        assert_int_equal(atomic_load(&kit.log_thread.failing_since_ms), 0);
        hf_log_thread_stats(&kit.log_thread, &stats);
        assert_true(stats.failures > r);
    }
    assert_true(atomic_load(&kit.lines) >=
                2 * HF_COUNT_OF(rows)); /* each failure and each recovery is said once */
}

static void stop_writes_what_was_posted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(kit_append(&kit, "payload", 7), HF_OK);
    hf_app_journal_flush(&kit.journal);
    hf_log_thread_stop(&kit.log_thread);
    (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    expect_dense(50);
    assert_true(atomic_load(&durable_calls) >= 1);
}

static void stop_over_a_full_disk_ends_and_acknowledges_nothing(void **state)
{
    (void)state;
    files_mem_fail(kit.mem, FILES_MEM_PWRITEV, 1, 1000000, HF_ERR_FULL);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(kit_append(&kit, "payload", 7), HF_OK);
    hf_app_journal_submit(&kit.journal);
    while (atomic_load(&kit.log_thread.failing_since_ms) == 0)
        (void)hf_inbox_wait(kit.inbox, 1);
    assert_int_equal(kit_append(&kit, "later", 5), HF_OK);
    hf_app_journal_flush(&kit.journal); /* still in the mailbox, or waiting behind the group */
    hf_log_thread_stop(&kit.log_thread);
    (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    assert_int_equal(kit_count_told(&kit), 0);
    assert_true(hf_app_journal_empty(&kit.journal)); /* all of its memory is back */
    assert_int_equal(hf_log_durable_through(kit.log), 0);
    files_mem_heal(kit.mem);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(what_is_posted_becomes_durable_in_order),
        ROW(disk_that_fails_loses_nothing),
        ROW(stop_writes_what_was_posted),
        ROW(stop_over_a_full_disk_ends_and_acknowledges_nothing),
    };
    return cmocka_run_group_tests_name("app_log_thread", tests, NULL, NULL);
}
