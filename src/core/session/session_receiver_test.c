#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/assert.h"
#include "core/session/receiver.h"
#include "core/session/reorder.h"

#define TOP UINT64_C(0x100000000)

static struct hf_receiver receiver;
static struct hf_frame_ack ack;

static int begin(void **state)
{
    (void)state;
    hf_receiver_init(&receiver, 1, 0, 8, 100);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hf_receiver_deinit(&receiver);
    hf_receiver_deinit(&receiver); /* harmless */
    return 0;
}

static void keep(uint64_t seq, const char *frame, uint64_t now_ms)
{
    assert_int_equal(hf_receiver_keep(&receiver, seq, frame, strlen(frame), now_ms), HF_OK);
}

static void expect_ready(const char *frame) /* NULL = none */
{
    struct hf_slice ready = hf_receiver_ready(&receiver);

    if (frame == NULL)
        assert_null(ready.at);
    else
        assert_true(hf_slice_is(ready, frame));
}

static void what_becomes_of_a_number(void **state)
{
    static const struct {
        uint64_t expected, seq;
        uint32_t window;
        enum hf_receive want;
    } rows[] = {
        {5, 5, 8, HF_RECEIVE_DELIVER},
        {5, 4, 8, HF_RECEIVE_DUPLICATE},
        {5, 1, 8, HF_RECEIVE_DUPLICATE},
        {5, 6, 8, HF_RECEIVE_EARLY},
        {5, 12, 8, HF_RECEIVE_EARLY},
        {5, 13, 8, HF_RECEIVE_BEYOND},
        {5, UINT64_MAX, 8, HF_RECEIVE_BEYOND},
        {5, 5, 1, HF_RECEIVE_DELIVER},
        {5, 6, 1, HF_RECEIVE_BEYOND},
        {5, 6, 0, HF_RECEIVE_BEYOND},        /* 0 counts as 1 */
        {TOP, TOP + 8, 8, HF_RECEIVE_EARLY}, /* it expects TOP + 1 */
        {TOP, TOP + 1, 8, HF_RECEIVE_DELIVER},
        {TOP - 1, TOP + 1, 8, HF_RECEIVE_EARLY},
        {TOP, TOP - 1, 8, HF_RECEIVE_DUPLICATE},
        {TOP - 1, TOP, 8, HF_RECEIVE_BEYOND}, /* no number, early or late */
        {TOP + 1, TOP, 8, HF_RECEIVE_BEYOND},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_receiver_init(&receiver, rows[i].expected, rows[i].expected - 1, rows[i].window, 100);
        assert_int_equal(hf_receiver_offer(&receiver, rows[i].seq), rows[i].want);
    }
}

static void early_frames_wait_for_their_turn(void **state)
{
    char third[] = "three";

    (void)state;
    keep(3, third, 0);
    memset(third, 'x', sizeof(third)); /* a copy was kept */
    keep(2, "two", 0);
    keep(5, "five", 0);
    keep(3, "another three", 0); /* the first one stays */
    expect_ready(NULL);
    hf_receiver_took(&receiver, 0); /* 1 */
    expect_ready("two");
    hf_receiver_took(&receiver, 0);
    expect_ready("three");
    hf_receiver_took(&receiver, 0);
    expect_ready(NULL);
    assert_non_null(receiver.early);
    hf_receiver_took(&receiver, 0); /* 4 came by itself */
    expect_ready("five");
    hf_receiver_took(&receiver, 0);
    assert_int_equal(receiver.expected, 6);
    assert_null(receiver.early); /* the store exists only while there is a hole */
}

static void a_kept_number_that_comes_again_in_turn(void **state)
{
    (void)state;
    keep(2, "two", 0);
    hf_receiver_took(&receiver, 0);
    assert_int_equal(hf_receiver_offer(&receiver, 2),
                     HF_RECEIVE_DELIVER); /* the fresh one instead of the kept one */
    hf_receiver_took(&receiver, 0);
    assert_null(receiver.early);
}

static void the_store_is_bounded(void **state)
{
    static const char frame[101];

    (void)state;
    assert_int_equal(hf_receiver_keep(&receiver, 2, frame, 101, 0), HF_ERR_LIMIT);
    assert_null(receiver.early);
    assert_int_equal(hf_receiver_hole_ms(&receiver), 0);
    assert_int_equal(hf_receiver_due_ms(&receiver), UINT64_MAX);
    assert_int_equal(hf_receiver_keep(&receiver, 2, frame, 60, 0), HF_OK);
    assert_int_equal(hf_receiver_keep(&receiver, 3, frame, 41, 0), HF_ERR_LIMIT);
    assert_int_equal(hf_receiver_keep(&receiver, 2, frame, 101, 0), HF_OK); /* kept already */
    assert_int_equal(hf_receiver_keep(&receiver, 3, frame, 40, 0), HF_OK);
    assert_int_equal(hf_receiver_keep(&receiver, 4, frame, 0, 0), HF_OK);
    assert_int_equal(hf_receiver_keep(&receiver, 8, frame, 1, 0), HF_ERR_LIMIT);
    assert_int_equal(receiver.early->bytes, 100);
    assert_int_equal(receiver.early->count, 3);
    hf_receiver_took(&receiver, 0);
    hf_receiver_took(&receiver, 0); /* 60 bytes are free again */
    assert_int_equal(hf_receiver_keep(&receiver, 8, frame, 60, 0), HF_OK);
}

static void numbers_cross_2_to_the_32(void **state)
{
    (void)state;
    hf_receiver_init(&receiver, TOP - 2, TOP - 3, 8, 100);
    keep(TOP + 1, "first", 0);
    keep(TOP + 2, "second", 0);
    hf_receiver_took(&receiver, 0);
    hf_receiver_ack(&receiver, &ack, 0);
    assert_int_equal(ack.received_through, UINT32_MAX - 1);
    assert_int_equal(ack.durable_through, UINT32_MAX - 2);
    assert_int_equal(ack.range_count, 1);
    assert_int_equal(ack.ranges[0].from, 1);
    assert_int_equal(ack.ranges[0].to, 2);
    hf_receiver_took(&receiver, 0); /* TOP - 1: TOP + 1 is next, and nothing is missing between them */
    assert_int_equal(receiver.expected, TOP + 1);
    assert_int_equal(hf_receiver_hole_ms(&receiver), 0);
    expect_ready("first");
    hf_receiver_ack(&receiver, &ack, 0);
    assert_int_equal(ack.received_through, UINT32_MAX);
    hf_receiver_took(&receiver, 0);
    expect_ready("second");
    hf_receiver_took(&receiver, 0);
    hf_receiver_ack(&receiver, &ack, 0);
    assert_int_equal(ack.received_through, 2);
    assert_null(receiver.early);
}

static void a_gap_may_end_before_the_number_that_is_none(void **state)
{
    (void)state;
    hf_receiver_init(&receiver, TOP - 5, TOP - 6, 8, 100);
    assert_int_equal(hf_receiver_gap(&receiver, TOP - 5, TOP - 1, 0), HF_OK);
    assert_int_equal(receiver.expected, TOP + 1);
    hf_receiver_init(&receiver, TOP - 5, TOP - 6, 8, 100);
    assert_int_equal(hf_receiver_gap(&receiver, TOP - 5, TOP + 3, 0), HF_OK); /* or go across it */
    assert_int_equal(receiver.expected, TOP + 4);
}

static void gaps(void **state)
{
    static const struct {
        uint64_t from, to;
        hf_err err;
        uint64_t expected_after;
    } rows[] = {
        /* expected 10 */
        {10, 10, HF_OK, 11},
        {10, 15, HF_OK, 16},
        {3, 12, HF_OK, 13},
        {9, 9, HF_OK, 10},
        {1, 9, HF_OK, 10},
        {11, 12, HF_OK, 10}, /* kept by the caller */
        {10, 10 + UINT64_C(0x7fffffff), HF_OK, 11 + UINT64_C(0x7fffffff)},
        {10, 10 + UINT64_C(0x80000000), HF_ERR_MALFORMED, 10},
        {12, 11, HF_ERR_MALFORMED, 10},
        {10, 9, HF_ERR_MALFORMED, 10},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_receiver_init(&receiver, 10, 9, 8, 100);
        assert_int_equal(hf_receiver_gap(&receiver, rows[i].from, rows[i].to, 50), rows[i].err);
        assert_int_equal(receiver.expected, rows[i].expected_after);
        assert_int_equal(receiver.durable_through, 9); /* the caller says when */
        if (rows[i].to < 10 && rows[i].err == HF_OK)
            assert_int_equal(hf_receiver_due_ms(&receiver), 50); /* a duplicate */
        else if (receiver.expected > 10)
            assert_int_equal(hf_receiver_due_ms(&receiver), 50 + HF_ACK_DELAY_MS);
        else
            assert_int_equal(hf_receiver_due_ms(&receiver), UINT64_MAX);
    }
}

static void a_gap_swallows_what_was_kept_in_it(void **state)
{
    (void)state;
    keep(3, "three", 0);
    keep(4, "gap 4..6", 0); /* early itself: kept under its first number */
    keep(7, "seven", 0);
    assert_int_equal(hf_receiver_gap(&receiver, 1, 3, 0), HF_OK);
    expect_ready("gap 4..6");
    assert_int_equal(hf_receiver_gap(&receiver, 4, 6, 0), HF_OK);
    expect_ready("seven");
    assert_int_equal(receiver.early->count, 1);
    assert_int_equal(receiver.early->bytes, strlen("seven"));
    assert_int_equal(hf_receiver_gap(&receiver, 7, 1000, 0), HF_OK); /* wider than the store */
    assert_null(receiver.early);
    assert_int_equal(receiver.expected, 1001);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_becomes_of_a_number, begin, end),
        cmocka_unit_test_setup_teardown(early_frames_wait_for_their_turn, begin, end),
        cmocka_unit_test_setup_teardown(a_kept_number_that_comes_again_in_turn, begin, end),
        cmocka_unit_test_setup_teardown(the_store_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(numbers_cross_2_to_the_32, begin, end),
        cmocka_unit_test_setup_teardown(a_gap_may_end_before_the_number_that_is_none, begin, end),
        cmocka_unit_test_setup_teardown(gaps, begin, end),
        cmocka_unit_test_setup_teardown(a_gap_swallows_what_was_kept_in_it, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
