#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sched.h>

#include "base/assert.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "io/thread.h"

enum { WRITERS = 3, MESSAGES = 100000, ENTRIES = 64 };

static void collect(void *context, unsigned mailbox, void *message)
{
    uintptr_t *sum = context;

    (void)mailbox;
    *sum = *sum * 10 + (uintptr_t)message;
}

static void is_bounded_and_in_order(void **state)
{
    struct hf_inbox *inbox = hf_inbox_new(1);
    struct hf_mailbox *mailbox, *none;
    uintptr_t sum = 0;

    (void)state;
    assert_int_equal(hf_inbox_add(inbox, 3, &mailbox), HF_OK); /* rounded up to 4 */
    assert_int_equal(hf_inbox_add(inbox, 3, &none), HF_ERR_LIMIT);
    assert_true(hf_inbox_empty(inbox));
    for (uintptr_t i = 1; i <= 4; i++)
        assert_int_equal(hf_mailbox_post(mailbox, (void *)i), HF_OK);
    assert_int_equal(hf_mailbox_post(mailbox, (void *)5), HF_ERR_LIMIT);
    assert_int_equal(hf_inbox_full_total(inbox), 1);
    assert_int_equal(hf_mailbox_free_entries(mailbox), 0);
    assert_int_equal(hf_inbox_drain(inbox, collect, &sum, 3), 3); /* a budget */
    assert_int_equal(sum, 123);
    assert_int_equal(hf_mailbox_post(mailbox, (void *)5), HF_OK);
    assert_int_equal(hf_inbox_drain(inbox, collect, &sum, 100), 2);
    assert_int_equal(sum, 12345);
    assert_true(hf_inbox_empty(inbox));
    hf_inbox_free(inbox);
}

static void takes_turns_between_mailboxes(void **state)
{
    struct hf_inbox *inbox = hf_inbox_new(2);
    struct hf_mailbox *one, *two;
    uintptr_t sum = 0;

    (void)state;
    assert_int_equal(hf_inbox_add(inbox, 0, &one), HF_OK);
    assert_int_equal(hf_inbox_add(inbox, 0, &two), HF_OK);
    assert_int_equal(hf_mailbox_free_entries(one), HF_MAILBOX_ENTRIES);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(hf_mailbox_post(one, (void *)1), HF_OK);
        assert_int_equal(hf_mailbox_post(two, (void *)2), HF_OK);
    }
    assert_int_equal(hf_inbox_drain(inbox, collect, &sum, 6), 6);
    assert_int_equal(sum, 121212);
    hf_inbox_free(inbox);
}

static void the_bell_is_rung_for_sleepers_only(void **state)
{
    struct hf_inbox *inbox = hf_inbox_new(1);
    struct hf_mailbox *mailbox;
    uintptr_t sum = 0;

    (void)state;
    assert_int_equal(hf_inbox_add(inbox, 0, &mailbox), HF_OK);
    assert_int_equal(hf_mailbox_post(mailbox, (void *)1), HF_OK);
    assert_false(hf_inbox_before_sleep(inbox)); /* there is something */
    assert_int_equal(hf_inbox_drain(inbox, collect, &sum, 9), 1);
    assert_false(hf_inbox_wait(inbox, 0)); /* nobody rang */
    hf_inbox_wake(inbox);
    assert_true(hf_inbox_wait(inbox, -1));
    assert_false(hf_inbox_wait(inbox, 0));
    assert_true(hf_inbox_before_sleep(inbox));
    assert_int_equal(hf_mailbox_post(mailbox, (void *)2), HF_OK);
    hf_inbox_after_sleep(inbox);
    assert_true(hf_inbox_wait(inbox, -1));
    assert_int_equal(hf_inbox_drain(inbox, collect, &sum, 9), 1);
    hf_inbox_free(inbox);
}

/* What a writer sends: cells of its own, so that the contents are checked to be visible, too. */
struct writer {
    struct hf_thread thread;
    struct hf_mailbox *mailbox;
    uint64_t cells[ENTRIES * 2];
    uint64_t refused;
};

struct reader {
    uint64_t expected[WRITERS];
    uint64_t total;
    struct hf_loop *loop;
};

static void write_all(void *context)
{
    struct writer *writer = context;

    for (uint64_t i = 0; i < MESSAGES; i++) {
        uint64_t *cell = &writer->cells[i % HF_COUNT_OF(writer->cells)];

        while (hf_mailbox_free_entries(writer->mailbox) == 0) {
            writer->refused++;
            sched_yield();
        }
        *cell = i; /* the ring is half as long as the cells: nobody reads this one any more */
        while (hf_mailbox_post(writer->mailbox, cell) != HF_OK)
            HF_UNREACHABLE();
    }
}

static void read_one(void *context, unsigned mailbox, void *message)
{
    struct reader *reader = context;
    uint64_t value = *(uint64_t *)message;

    assert_int_equal(value, reader->expected[mailbox]);
    reader->expected[mailbox]++;
    reader->total++;
}

static void read_one_in_loop(struct hf_loop *loop, unsigned mailbox, void *message)
{
    read_one(loop->user, mailbox, message);
    if (((struct reader *)loop->user)->total == (uint64_t)WRITERS * MESSAGES)
        hf_loop_stop(loop);
}

static void start_writers(struct hf_inbox *inbox, struct writer *writers)
{
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(hf_inbox_add(inbox, ENTRIES, &writers[i].mailbox), HF_OK);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(
            hf_thread_start(&writers[i].thread, "writer", HF_THREAD_ANY_CPU, write_all, &writers[i]), HF_OK);
}

/* No message is lost, doubled or out of order and no wake-up is missed: a missed one would hang here. */
static void many_writers_and_a_waiting_thread(void **state)
{
    static struct writer writers[WRITERS];
    struct reader reader = {.total = 0};
    struct hf_inbox *inbox = hf_inbox_new(WRITERS);

    (void)state;
    start_writers(inbox, writers);
    while (reader.total < (uint64_t)WRITERS * MESSAGES) {
        (void)hf_inbox_wait(inbox, -1);
        hf_inbox_drain(inbox, read_one, &reader, 100);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        hf_thread_join(&writers[i].thread);
    hf_inbox_free(inbox);
}

static void many_writers_and_a_loop(void **state)
{
    static struct writer writers[WRITERS];
    struct reader reader = {.total = 0};
    struct hf_inbox *inbox = hf_inbox_new(WRITERS);
    struct hf_loop *loop = hf_loop_new(&(struct hf_loop_options){.inbox_budget = 100});

    (void)state;
    loop->user = &reader;
    assert_int_equal(hf_loop_set_inbox(loop, inbox, read_one_in_loop), HF_OK);
    start_writers(inbox, writers);
    hf_loop_run(loop);
    assert_int_equal(loop->stats.inbox_messages, (uint64_t)WRITERS * MESSAGES);
    for (unsigned i = 0; i < WRITERS; i++)
        hf_thread_join(&writers[i].thread);
    hf_loop_free(loop);
    hf_inbox_free(inbox);
}

static bool rung(const struct hf_inbox *inbox)
{
    struct pollfd bell = {.fd = hf_inbox_fd(inbox), .events = POLLIN};

    return poll(&bell, 1, 0) == 1;
}

static void ignore(void *context, unsigned mailbox, void *message)
{
    (void)context, (void)mailbox, (void)message;
}

static void a_writer_that_was_refused_hears_of_room(void **state)
{
    struct hf_inbox *inbox = hf_inbox_new(1), *writer = hf_inbox_new(0);
    struct hf_mailbox *mailbox = NULL;
    int message = 0;

    (void)state;
    assert_int_equal(hf_inbox_add(inbox, 2, &mailbox), HF_OK);
    hf_mailbox_tell(mailbox, writer);
    assert_int_equal(hf_mailbox_post(mailbox, &message), HF_OK);
    assert_int_equal(hf_mailbox_post(mailbox, &message), HF_OK);
    hf_inbox_drain(inbox, ignore, NULL, 1);
    assert_false(rung(writer)); /* it was not refused */
    assert_int_equal(hf_mailbox_post(mailbox, &message), HF_OK);
    assert_int_equal(hf_mailbox_post(mailbox, &message), HF_ERR_LIMIT);
    assert_false(rung(writer));
    hf_inbox_drain(inbox, ignore, NULL, 1);
    assert_true(rung(writer));
    (void)hf_inbox_wait(writer, 0); /* takes the ring */
    hf_inbox_drain(inbox, ignore, NULL, 1);
    assert_false(rung(writer)); /* once */
    hf_inbox_free(inbox);
    hf_inbox_free(writer);
}

enum { CIRCLE = 3, CIRCLE_MESSAGES = 20000 };

/* A worker in small: what it cannot send waits, it takes what it was sent, and with nothing to do it sleeps. */
struct circle {
    struct hf_thread thread;
    struct hf_inbox *inbox;
    struct hf_mailbox *to[CIRCLE];
    uint64_t sent[CIRCLE], received, sleeps;
};

static void count_one(void *context, unsigned mailbox, void *message)
{
    struct circle *self = context;

    (void)mailbox, (void)message;
    self->received++;
}

static bool send_some(struct circle *self)
{
    bool all = true;

    for (unsigned i = 0; i < CIRCLE; i++) {
        while (self->to[i] != NULL && self->sent[i] < CIRCLE_MESSAGES &&
               hf_mailbox_post(self->to[i], self) == HF_OK)
            self->sent[i]++;
        all &= self->to[i] == NULL || self->sent[i] == CIRCLE_MESSAGES;
    }
    return all;
}

static void run_in_circle(void *context)
{
    struct circle *self = context;

    while (!send_some(self) || self->received < (uint64_t)(CIRCLE - 1) * CIRCLE_MESSAGES)
        if (hf_inbox_drain(self->inbox, count_one, self, 3) == 0) {
            self->sleeps++;
            (void)hf_inbox_wait(self->inbox, -1);
        }
}

/* All mailboxes are full most of the time, and nobody looks without being told: a ring that is missed hangs here. */
static void full_mailboxes_in_a_circle_go_on(void **state)
{
    static struct circle all[CIRCLE];

    (void)state;
    for (unsigned i = 0; i < CIRCLE; i++)
        all[i].inbox = hf_inbox_new(CIRCLE - 1);
    for (unsigned from = 0; from < CIRCLE; from++)
        for (unsigned to = 0; to < CIRCLE; to++) {
            if (from == to)
                continue;
            assert_int_equal(hf_inbox_add(all[to].inbox, 4, &all[from].to[to]), HF_OK);
            hf_mailbox_tell(all[from].to[to], all[from].inbox);
        }
    for (unsigned i = 0; i < CIRCLE; i++)
        assert_int_equal(hf_thread_start(&all[i].thread, "circle", HF_THREAD_ANY_CPU, run_in_circle, &all[i]),
                         HF_OK);
    for (unsigned i = 0; i < CIRCLE; i++)
        hf_thread_join(&all[i].thread);
    for (unsigned i = 0; i < CIRCLE; i++)
        hf_inbox_free(all[i].inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_bounded_and_in_order),
        cmocka_unit_test(takes_turns_between_mailboxes),
        cmocka_unit_test(the_bell_is_rung_for_sleepers_only),
        cmocka_unit_test(many_writers_and_a_waiting_thread),
        cmocka_unit_test(many_writers_and_a_loop),
        cmocka_unit_test(a_writer_that_was_refused_hears_of_room),
        cmocka_unit_test(full_mailboxes_in_a_circle_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
