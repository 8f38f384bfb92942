#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/worker.h"

/* A worker with nothing but what is looked at, and a logger that keeps the last line. */
static struct {
    struct hf_worker worker;
    struct hf_gateway gateway;
    char line[HF_LOG_LINE_BYTES_MAX + 1];
    unsigned lines;
} t;

static void keep(void *context, const char *line, size_t bytes)
{
    (void)context;
    memcpy(t.line, line, bytes);
    t.line[bytes] = '\0';
    t.lines++;
}

static uint64_t utc_ms(void *context)
{
    (void)context;
    return 0;
}

static int setup(void **state)
{
    const struct hf_log_sink sink = {.write = keep, .utc_ms = utc_ms};

    (void)state;
    memset(&t, 0, sizeof(t));
    hf_logger_init(&t.gateway.logger, &sink, HF_LOG_LOGFMT, HF_LOG_WARN);
    t.worker.gateway = &t.gateway;
    t.worker.index = 3;
    hf_list_init(&t.worker.api.requests);
    hf_list_init(&t.worker.ws.held);
    return 0;
}

/* A batch with the log at 10 s, another behind it, both back at 100 s, a third that stays. */
static void the_owner_is_named_once_a_minute(void **state)
{
    static const struct {
        uint64_t now_ms, in_flight, batches, want_count, want_oldest_ms;
        unsigned want_lines;
    } rows[] = {
        {10000, 1, 1, 0, 0, 0},
        {12000, 2, 2, 0, 0, 0} /* not looked at: 5 s have not passed */,
        {65000, 2, 2, 0, 0, 0},
        {71000, 2, 2, 2, 61000, 1},
        {75000, 2, 2, 2, 61000, 1},
        {76000, 2, 2, 2, 66000, 1},
        {126000, 1, 2, 0, 0, 1} /* one came back */,
        {131000, 0, 2, 0, 0, 1},
        {136000, 1, 3, 0, 0, 1},
        {197000, 1, 3, 1, 61000, 2},
        {252000, 1, 3, 1, 116000, 2},
        {257000, 1, 3, 1, 121000, 3},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        t.worker.journal.in_flight = (uint32_t)rows[i].in_flight;
        t.worker.journal.batches_total = rows[i].batches;
        hf_held_look(&t.worker, rows[i].now_ms);
        if (t.worker.held_stats.count[HF_HELD_JOURNAL] != rows[i].want_count ||
            t.worker.held_stats.oldest_ms[HF_HELD_JOURNAL] != rows[i].want_oldest_ms ||
            t.lines != rows[i].want_lines)
            fail_msg("row %zu: %llu held, the oldest for %llu ms, %u lines", i,
                     (unsigned long long)t.worker.held_stats.count[HF_HELD_JOURNAL],
                     (unsigned long long)t.worker.held_stats.oldest_ms[HF_HELD_JOURNAL], t.lines);
    }
    assert_non_null(strstr(t.line, "event=pool_item_held"));
    assert_non_null(strstr(t.line, "pool=journal_bytes owner=\"worker 3: the log\" held_ms=121000 items=1"));
}

/* A mailbox that is full for a minute, but empties: nobody is stuck. One from which nothing goes: somebody is. */
static void a_backlog_that_moves_is_not_held(void **state)
{
    (void)state;
    for (uint64_t now_ms = 5000; now_ms < 300000; now_ms += 5000) {
        t.worker.backlog_total = 100;
        t.worker.backlog_done++;
        hf_held_look(&t.worker, now_ms);
    }
    assert_int_equal(t.lines, 0);
    hf_held_look(&t.worker, 400000);
    assert_int_equal(t.lines, 1);
    assert_non_null(strstr(t.line, "pool=worker_backlog owner=\"worker 3: other workers\""));
    assert_int_equal(t.worker.held_stats.count[HF_HELD_BACKLOG], 100);
}

static void workers_add_up_and_the_oldest_stays(void **state)
{
    struct hf_held_stats sum = {0}, one = {.count = {1, 2}, .oldest_ms = {70000, 65000}},
                         two = {.count = {3}, .oldest_ms = {62000}};

    (void)state;
    hf_held_add(&sum, &one);
    hf_held_add(&sum, &two);
    assert_int_equal(sum.count[0], 4);
    assert_int_equal(sum.oldest_ms[0], 70000);
    assert_int_equal(sum.count[1], 2);
    assert_int_equal(sum.oldest_ms[1], 65000);
    for (unsigned i = 0; i < HF_HELDS; i++)
        assert_non_null(hf_held_name((enum hf_held)i));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, NULL)
    const struct CMUnitTest tests[] = {
        TEST(the_owner_is_named_once_a_minute),
        TEST(a_backlog_that_moves_is_not_held),
        TEST(workers_add_up_and_the_oldest_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
