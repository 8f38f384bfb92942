/* Messages between workers while a mailbox is full: they wait in order, without memory, and whoever waits for room sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>

#include "app/worker.h"
#include "support/alloc_fail.h"

enum { ENTRIES = 64, MORE = 10, THERE = 1 };

static struct {
    struct hf_gateway gateway;
    struct hf_worker here;
    struct hf_inbox *there; /* the other worker's */
    struct hf_move moves[ENTRIES + MORE];
    unsigned came;
} t;

static int begin(void **state)
{
    static struct hf_mailbox *to[2];

    (void)state;
    memset(&t, 0, sizeof(t));
    t.gateway.worker_count = 2;
    t.here.gateway = &t.gateway;
    t.here.loop = hf_loop_new(NULL);
    t.here.inbox = hf_inbox_new(1);
    t.there = hf_inbox_new(1);
    t.here.to = to;
    t.here.backlog = calloc(2, sizeof(*t.here.backlog));
    assert_non_null(t.here.backlog);
    assert_int_equal(hf_inbox_add(t.there, ENTRIES, &to[THERE]), HF_OK);
    assert_int_equal(hf_inbox_add(t.here.inbox, ENTRIES, &to[0]), HF_OK);
    hf_mailbox_tell(to[THERE], t.here.inbox);
    assert_int_equal(hf_loop_set_inbox(t.here.loop, t.here.inbox, hf_worker_on_message), HF_OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hf_loop_free(t.here.loop);
    hf_inbox_free(t.here.inbox);
    hf_inbox_free(t.there);
    free(t.here.backlog);
    return 0;
}

static bool would_sleep(void)
{
    struct pollfd loop = {.fd = t.here.loop->epoll_fd, .events = POLLIN};

    return poll(&loop, 1, 0) == 0;
}

static void on_move(void *context, unsigned mailbox, void *message)
{
    (void)context, (void)mailbox;
    assert_ptr_equal((void *)((uintptr_t)message - HF_POST_MOVE), &t.moves[t.came]);
    t.came++;
}

static void there_takes(size_t count)
{
    assert_int_equal(hf_inbox_drain(t.there, on_move, NULL, count), count);
}

static void fill(void)
{
    for (unsigned i = 0; i < ENTRIES + MORE; i++)
        hf_worker_post_always(&t.here, THERE, HF_POST_MOVE, &t.moves[i]);
    assert_int_equal(t.here.backlog_total, MORE);
}

static void who_waits_for_room_sleeps_until_there_is_some(void **state)
{
    (void)state;
    fill();
    hf_worker_backlog_flush(&t.here);
    assert_true(would_sleep());
    there_takes(MORE / 2);
    assert_false(would_sleep());
    hf_loop_turn(t.here.loop, 0);
    hf_worker_backlog_flush(&t.here);
    assert_int_equal(t.here.backlog_total, MORE - MORE / 2);
    assert_true(would_sleep());
    there_takes(ENTRIES);
    hf_loop_turn(t.here.loop, 0);
    hf_worker_backlog_flush(&t.here);
    there_takes(MORE - MORE / 2);
    assert_int_equal(t.here.backlog_total, 0);
    assert_true(would_sleep()); /* nobody waited any more */
}

static void nothing_overtakes_what_waits(void **state)
{
    struct hf_move *late = &t.moves[ENTRIES + MORE - 1];

    (void)state;
    for (unsigned i = 0; i < ENTRIES + MORE - 1; i++)
        hf_worker_post_always(&t.here, THERE, HF_POST_MOVE, &t.moves[i]);
    there_takes(ENTRIES);
    assert_int_equal(hf_worker_post(&t.here, THERE, HF_POST_MOVE, late), HF_ERR_BUSY);
    hf_worker_backlog_flush(&t.here);
    assert_int_equal(hf_worker_post(&t.here, THERE, HF_POST_MOVE, late), HF_OK);
    there_takes(MORE);
}

static void to_wait_takes_no_memory(void **state)
{
    (void)state;
    hf_alloc_fail_all();
    fill();
    there_takes(ENTRIES);
    hf_worker_backlog_flush(&t.here);
    there_takes(MORE);
    hf_alloc_fail_at(0);
    assert_int_equal(t.here.backlog_total, 0);
}

/* What another worker's subscribers do not get for want of memory is in the books, with its reason. */
static void a_publication_without_memory_is_in_the_ledger(void **state)
{
    const struct hf_outgoing outgoing = {
        .kind = HF_OUT_PUBLISH, .topic = HF_SLICE("news"), .payload = HF_SLICE("{}")};
    const struct hf_ledger_counts *counts = &t.here.hub.ledger.counts.broadcast;
    struct hf_tenant tenant = {.name = HF_SLICE("acme")};

    (void)state;
    hf_alloc_fail_all();
    hf_worker_hub_ops.publish(&t.here, &tenant, &outgoing);
    hf_alloc_fail_at(0);
    there_takes(0);
    assert_int_equal(counts->accepted, 1);
    assert_int_equal(counts->dropped[HF_REASON_MEMORY_LIMIT], 1);
    assert_int_equal(hf_ledger_difference(counts), 0);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        ROW(who_waits_for_room_sleeps_until_there_is_some),
        ROW(nothing_overtakes_what_waits),
        ROW(to_wait_takes_no_memory),
        ROW(a_publication_without_memory_is_in_the_ledger),
    };
#undef ROW

    return cmocka_run_group_tests(tests, NULL, NULL);
}
