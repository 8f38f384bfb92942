#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/session/sender.h"
#include "core/session/serial.h"

#define TOP UINT64_C(0x100000000)

static struct hf_sender sender;
static const struct hf_rtt no_rtt;
static uint64_t base_before;

static void begin(uint64_t next, uint32_t messages, uint32_t bytes)
{
    hf_sender_init(&sender, next, messages, bytes);
}

static void send_many(unsigned count, uint64_t bytes, uint64_t now_ms)
{
    for (unsigned i = 0; i < count; i++)
        hf_sender_sent(&sender, bytes, now_ms);
}

static enum hf_ack_verdict ack(uint64_t received, uint64_t durable, uint64_t now_ms)
{
    const struct hf_frame_ack frame = {.received_through = (uint32_t)received,
                                       .durable_through = (uint32_t)durable,
                                       .window_messages = (uint16_t)sender.window_messages,
                                       .window_bytes = sender.window_bytes};

    return hf_sender_ack(&sender, &frame, now_ms, &base_before);
}

static void numbers_widen(void **state)
{
    static const struct {
        uint64_t near;
        uint32_t wire;
        bool ok;
        uint64_t seq;
    } rows[] = {
        {1, 1, true, 1},
        {1, 2, true, 2},
        {1, 0, false, 0}, /* no such number */
        {2, 0xffffffff, false, 0},
        {1, 0x80000000, true, 0x80000000},
        {1, 0x80000001, false, 0}, /* 2^31 apart */
        {TOP + 5, 0x80000005, false, 0},
        {TOP + 5, 0x80000004, true, TOP + 0x80000004},
        {TOP + 5, 0x80000006, true, 0x80000006},
        {TOP - 1, 0, true, TOP},
        {TOP - 1, 0xffffffff, true, TOP - 1},
        {TOP, 0xffffffff, true, TOP - 1},
        {TOP + 100, 0xfffffff0, true, TOP - 16},
        {7 * TOP, 1, true, 7 * TOP + 1},
        {UINT64_MAX, 0, false, 0},
    };
    static const struct {
        uint32_t a, b;
        bool newer;
    } pairs[] = {
        {1, 0, true},           {0, 0, false},         {0, 1, false},          {0, 0xffffffff, true},
        {0xffffffff, 0, false}, {0x7fffffff, 0, true}, {0x80000000, 0, false}, {0, 0x80000000, false},
        {0x80000001, 0, false}, {5, 0x80000006, true}, {0x80000004, 5, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t seq = 0;

        assert_int_equal(hf_serial_expand(rows[i].near, rows[i].wire, &seq), rows[i].ok);
        if (rows[i].ok)
            assert_int_equal(seq, rows[i].seq);
    }
    for (size_t i = 0; i < HF_COUNT_OF(pairs); i++)
        assert_int_equal(hf_serial_newer(pairs[i].a, pairs[i].b), pairs[i].newer);
}

static void the_window_counts_messages(void **state)
{
    (void)state;
    begin(1, 4, 1000);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(hf_sender_may_send(&sender, 10));
        hf_sender_sent(&sender, 10, 0);
    }
    assert_false(hf_sender_may_send(&sender, 0)); /* base 1, next 5 */
    assert_int_equal(ack(4, 0, 1), HF_ACK_NEWS);
    assert_false(hf_sender_may_send(&sender, 0)); /* received is not durable */
    assert_int_equal(ack(4, 1, 2), HF_ACK_NEWS);
    assert_int_equal(base_before, 1);
    assert_int_equal(sender.base, 2);
    hf_sender_released(&sender, 10);
    assert_true(hf_sender_may_send(&sender, 0));
    hf_sender_sent(&sender, 0, 2);
    assert_false(hf_sender_may_send(&sender, 0));
}

static void the_window_counts_bytes(void **state)
{
    (void)state;
    begin(1, 256, 1000);
    send_many(2, 400, 0);
    assert_true(hf_sender_may_send(&sender, 200));
    assert_false(hf_sender_may_send(&sender, 201));
    assert_false(hf_sender_may_send(&sender, UINT64_MAX));
    begin(1, 256, 1000);
    hf_sender_sent(&sender, 0, 0);
    assert_true(hf_sender_may_send(&sender, 1000)); /* exactly full, behind an empty one */
    begin(1, 256, 1000);
    send_many(2, 400, 0);
    assert_int_equal(ack(1, 1, 1), HF_ACK_NEWS);
    assert_false(hf_sender_may_send(&sender, 201)); /* until their bytes are told */
    hf_sender_released(&sender, 400);
    assert_true(hf_sender_may_send(&sender, 600));
    assert_int_equal(sender.inflight_bytes, 400);
}

static void one_huge_message_goes_alone(void **state)
{
    (void)state;
    begin(1, 256, 1000);
    assert_true(hf_sender_may_send(&sender, 1 << 20));
    hf_sender_sent(&sender, 1 << 20, 0);
    assert_false(hf_sender_may_send(&sender, 0));
    assert_false(hf_sender_may_send(&sender, 1 << 20));
    assert_int_equal(ack(1, 1, 1), HF_ACK_NEWS);
    hf_sender_released(&sender, 1 << 20);
    hf_sender_sent(&sender, 1, 1);
    assert_false(hf_sender_may_send(&sender, 1 << 20));
}

static void the_receiver_moves_the_window(void **state)
{
    static const struct {
        uint16_t messages;
        uint32_t bytes, want_messages, want_bytes;
    } rows[] = {
        {10, 5000, 10, 5000},
        {0, 0, 1, 0},
        {65535, UINT32_MAX, HF_WINDOW_MESSAGES_MAX, HF_WINDOW_BYTES_MAX},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_frame_ack frame = {.window_messages = rows[i].messages,
                                           .window_bytes = rows[i].bytes};

        begin(1, 5, 50);
        assert_int_equal(hf_sender_ack(&sender, &frame, 0, &base_before),
                         HF_ACK_OLD); /* counts, brings nothing */
        assert_int_equal(sender.window_messages, rows[i].want_messages);
        assert_int_equal(sender.window_bytes, rows[i].want_bytes);
        assert_true(hf_sender_may_send(&sender, 1)); /* nothing stands still for ever */
    }
    begin(1, 0, 50);
    assert_int_equal(sender.window_messages, 1);
    begin(1, 8, 100);
    send_many(8, 1, 0);
    const struct hf_frame_ack smaller = {
        .received_through = 8, .durable_through = 2, .window_messages = 3, .window_bytes = 100};
    assert_int_equal(hf_sender_ack(&sender, &smaller, 0, &base_before), HF_ACK_NEWS);
    assert_false(hf_sender_may_send(&sender, 1)); /* 6 in flight, 3 allowed */
}

/* DLV-6: counts iff base - 1 <= durable <= received < next. base 11, received 12, next 16. */
static void which_acks_count(void **state)
{
    static const struct {
        uint64_t received, durable;
        enum hf_ack_verdict verdict;
        uint64_t base_after, received_after;
    } rows[] = {
        {12, 10, HF_ACK_OLD, 11, 12},
        {11, 10, HF_ACK_OLD, 11, 12}, /* overtaken */
        {15, 9, HF_ACK_OLD, 11, 12},  /* older than base: nothing of it counts */
        {9, 9, HF_ACK_OLD, 11, 12},
        {0, 0, HF_ACK_OLD, 11, 12},
        {13, 10, HF_ACK_NEWS, 11, 13},
        {15, 10, HF_ACK_NEWS, 11, 15},
        {12, 11, HF_ACK_NEWS, 12, 12},
        {11, 11, HF_ACK_NEWS, 12, 12},
        {15, 15, HF_ACK_NEWS, 16, 15},
        {16, 15, HF_ACK_UNSENT, 11, 12},
        {16, 9, HF_ACK_UNSENT, 11, 12},
        {12, 13, HF_ACK_UNSENT, 11, 12}, /* durable beyond received */
        {15, 16, HF_ACK_UNSENT, 11, 12},
        {15 + 0x80000001, 10, HF_ACK_UNSENT, 11, 12}, /* 2^31 from next */
        {0xffffff00, 10, HF_ACK_UNSENT, 11, 12},      /* before 1 */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin(11, 256, 1000);
        send_many(5, 1, 0);
        assert_int_equal(ack(12, 10, 0), HF_ACK_NEWS);
        assert_int_equal(ack(rows[i].received, rows[i].durable, 1), rows[i].verdict);
        assert_int_equal(base_before, 11);
        assert_int_equal(sender.base, rows[i].base_after);
        assert_int_equal(sender.received, rows[i].received_after);
        assert_int_equal(sender.next, 16);
    }
}

static void an_overtaken_ack_brings_no_window(void **state)
{
    const struct hf_frame_ack overtaken = {.received_through = 1, .window_messages = 9, .window_bytes = 9};

    (void)state;
    begin(1, 100, 100);
    send_many(3, 1, 0);
    assert_int_equal(ack(2, 0, 0), HF_ACK_NEWS);
    assert_int_equal(hf_sender_ack(&sender, &overtaken, 0, &base_before), HF_ACK_OLD);
    assert_int_equal(sender.window_messages, 100);
}

static void acks_cross_2_to_the_32(void **state)
{
    (void)state;
    begin(TOP - 3, 256, 1000);
    send_many(7, 1, 0); /* 0xfffffffd, fe, ff, 0x100000001 .. 4: never one whose low 32 bits are 0 */
    assert_int_equal(sender.next, TOP + 5);
    assert_int_equal(sender.inflight_bytes, 7);
    assert_int_equal(ack(TOP - 1, TOP - 2, 0), HF_ACK_NEWS);
    assert_int_equal(sender.base, TOP - 1);
    assert_int_equal(ack(TOP - 1, TOP - 1, 0), HF_ACK_NEWS);
    assert_int_equal(sender.base, TOP + 1);
    assert_int_equal(ack(TOP, TOP, 0), HF_ACK_OLD); /* wire 0: says the same */
    assert_int_equal(ack(TOP + 4, TOP, 0), HF_ACK_NEWS);
    assert_int_equal(sender.base, TOP + 1);
    assert_int_equal(ack(TOP + 5, TOP, 0), HF_ACK_UNSENT);
    assert_int_equal(ack(TOP - 1, TOP - 1, 0), HF_ACK_OLD);
    assert_int_equal(ack(TOP + 4, TOP + 4, 0), HF_ACK_NEWS);
    assert_int_equal(sender.base, sender.next);
}

static void nothing_waits_for_the_number_that_is_none(void **state)
{
    static const struct hf_rtt rtt = {0};

    (void)state;
    begin(TOP - 1, 1, 1000); /* a window of one, and its last number before it */
    send_many(1, 1, 0);
    assert_false(hf_sender_may_send(&sender, 1));
    assert_int_equal(ack(TOP - 1, TOP - 1, 0), HF_ACK_NEWS);
    hf_sender_released(&sender, 1);
    assert_int_equal(sender.base, sender.next);
    assert_int_equal(hf_sender_due_ms(&sender, &rtt), UINT64_MAX);
    assert_true(hf_sender_may_send(&sender, 1));
    assert_int_equal(sender.next, TOP + 1);
    begin(TOP, 8, 1000); /* behind a position of TOP - 1 */
    assert_int_equal(sender.next, TOP + 1);
    hf_sender_given(&sender, TOP + 1);
    assert_int_equal(ack(TOP + 1, TOP - 1, 0),
                     HF_ACK_OLD); /* an earlier connection's, and nothing of it is open here */
    begin(TOP - 3, 8, 1000);
    hf_sender_given(&sender, TOP - 1); /* all that earlier connections sent, and it has arrived */
    assert_int_equal(ack(TOP - 1, TOP - 1, 0), HF_ACK_NEWS);
    assert_int_equal(sender.next, TOP + 1);
    begin(TOP - 3, 8, 1000);
    hf_sender_skipped(&sender, TOP - 1, 0); /* a gap up to it */
    assert_int_equal(sender.next, TOP + 1);
    assert_int_equal(ack(TOP - 1, TOP - 1, 0), HF_ACK_NEWS);
    assert_int_equal(sender.base, TOP + 1);
}

static void a_gap_is_acknowledged_like_a_message(void **state)
{
    (void)state;
    begin(1, 8, 1000);
    send_many(2, 10, 0);
    hf_sender_skipped(&sender, 500, 0); /* 3..500 */
    assert_int_equal(sender.next, 501);
    assert_false(hf_sender_may_send(&sender, 0)); /* a gap fills the window, too */
    assert_int_equal(sender.inflight_bytes, 20);
    assert_int_equal(ack(501, 2, 0), HF_ACK_UNSENT);
    assert_int_equal(ack(500, 500, 0), HF_ACK_NEWS);
    hf_sender_released(&sender, 20);
    assert_true(hf_sender_may_send(&sender, 0));
    assert_int_equal(sender.base, 501);
}

/* After a resume the receiver may still hold, and acknowledge, what is being sent again. */
static void what_an_earlier_connection_sent_may_be_acknowledged(void **state)
{
    (void)state;
    begin(6, 256, 1000);
    hf_sender_given(&sender, 10);
    assert_int_equal(ack(11, 5, 0), HF_ACK_UNSENT);
    assert_int_equal(ack(10, 5, 0), HF_ACK_OLD); /* not sent yet: nothing to stop a timer for */
    send_many(2, 100, 0);                        /* 6 and 7 */
    assert_int_equal(ack(10, 5, 0), HF_ACK_NEWS);
    assert_int_equal(sender.received, 7);
    assert_int_equal(hf_sender_due_ms(&sender, &no_rtt), HF_SENDER_DURABLE_MS); /* received */
    assert_int_equal(ack(10, 9, 0), HF_ACK_NEWS); /* 8 and 9 need not go again */
    assert_int_equal(base_before, 6);
    assert_int_equal(sender.base, 10);
    assert_int_equal(sender.next, 10);
    hf_sender_released(&sender, 400); /* 6..9, of which two had been counted */
    assert_int_equal(sender.inflight_bytes, 0);
    hf_sender_sent(&sender, 100, 0);
    hf_sender_sent(&sender, 100, 0); /* 11: above what was given before */
    assert_int_equal(ack(11, 11, 0), HF_ACK_NEWS);
    hf_sender_given(&sender, 3); /* only upwards */
    assert_int_equal(ack(11, 11, 0), HF_ACK_OLD);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_widen),
        cmocka_unit_test(the_window_counts_messages),
        cmocka_unit_test(the_window_counts_bytes),
        cmocka_unit_test(one_huge_message_goes_alone),
        cmocka_unit_test(the_receiver_moves_the_window),
        cmocka_unit_test(which_acks_count),
        cmocka_unit_test(an_overtaken_ack_brings_no_window),
        cmocka_unit_test(acks_cross_2_to_the_32),
        cmocka_unit_test(nothing_waits_for_the_number_that_is_none),
        cmocka_unit_test(a_gap_is_acknowledged_like_a_message),
        cmocka_unit_test(what_an_earlier_connection_sent_may_be_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
