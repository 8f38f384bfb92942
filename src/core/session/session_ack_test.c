/* When acknowledgements go out, what they say, and what becomes of a hole that stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "core/session/receiver.h"

static struct hf_receiver receiver;
static struct hf_frame_ack ack;

static int begin(void **state)
{
    (void)state;
    hf_receiver_init(&receiver, 1, 0, 256, 1 << 16);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hf_receiver_deinit(&receiver);
    return 0;
}

static void keep(uint64_t seq, uint64_t now_ms)
{
    assert_int_equal(hf_receiver_keep(&receiver, seq, "frame", 5, now_ms), HF_OK);
}

static uint64_t due(void)
{
    return hf_receiver_due_ms(&receiver);
}

static enum hf_receiver_verdict tick(uint64_t now_ms)
{
    return hf_receiver_tick(&receiver, now_ms);
}

static void tell(uint64_t now_ms)
{
    hf_receiver_ack(&receiver, &ack, now_ms);
}

static void an_ack_comes_within_200_ms(void **state)
{
    (void)state;
    assert_int_equal(due(), UINT64_MAX);
    assert_int_equal(tick(1000000), HF_RECEIVER_NOTHING);
    hf_receiver_took(&receiver, 1000);
    hf_receiver_took(&receiver, 1150); /* the first one counts */
    assert_int_equal(due(), 1200);
    assert_int_equal(tick(1199), HF_RECEIVER_NOTHING);
    assert_int_equal(tick(1200), HF_RECEIVER_ACK);
    assert_int_equal(tick(1300), HF_RECEIVER_ACK); /* until it was told */
    tell(1300);
    assert_int_equal(ack.received_through, 2);
    assert_int_equal(ack.durable_through, 0);
    assert_int_equal(ack.window_messages, 256);
    assert_int_equal(ack.window_bytes, 1 << 16);
    assert_int_equal(ack.range_count, 0);
    assert_false(ack.nack);
    assert_false(ack.ask);
    assert_int_equal(due(), UINT64_MAX);
    hf_receiver_took(&receiver, 5000);
    assert_int_equal(due(), 5200);
}

static void an_ack_comes_after_64_messages(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < HF_ACK_EVERY_MESSAGES - 1; i++)
            hf_receiver_took(&receiver, 1000 + round);
        assert_int_equal(due(), 1000 + round + HF_ACK_DELAY_MS);
        hf_receiver_took(&receiver, 1000 + round);
        assert_int_equal(due(), 1000 + round);
        tell(1000 + round);
    }
    keep(HF_ACK_EVERY_MESSAGES * 3 + 2, 2000); /* early ones are numbered frames, too */
    assert_int_equal(due(), 2200);
}

static void an_ack_comes_at_once(void **state)
{
    (void)state;
    hf_receiver_took(&receiver, 1000);
    hf_receiver_took(&receiver, 1000);
    hf_receiver_durable(&receiver, 1, 1010);
    assert_int_equal(due(), 1010);
    tell(1010);
    assert_int_equal(ack.durable_through, 1);
    hf_receiver_durable(&receiver, 1, 1020); /* no news */
    hf_receiver_durable(&receiver, 0, 1020);
    assert_int_equal(due(), UINT64_MAX);
    assert_int_equal(receiver.durable_through, 1);
    hf_receiver_asked(&receiver, 1030);
    assert_int_equal(due(), 1030);
    assert_int_equal(tick(1030), HF_RECEIVER_ACK);
    tell(1030);
    assert_int_equal(tick(1030), HF_RECEIVER_NOTHING);
}

static void expect_ranges(const char *want) /* "3-4 7-7" */
{
    char text[512] = "";

    for (unsigned i = 0; i < ack.range_count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u-%u", i ? " " : "",
                       ack.ranges[i].from, ack.ranges[i].to);
    assert_string_equal(text, want);
}

static void ranges_say_what_came_early(void **state)
{
    (void)state;
    keep(3, 1000);
    keep(5, 1000);
    keep(4, 1000);
    keep(8, 1000);
    keep(256, 1000); /* the last place of the window */
    tell(1001);
    expect_ranges("3-5 8-8 256-256");
    assert_false(ack.nack);
    hf_receiver_took(&receiver, 1002);
    hf_receiver_took(&receiver, 1002);
    tell(1002); /* 3 waits for its turn: neither received nor missing */
    assert_int_equal(ack.received_through, 2);
    expect_ranges("3-5 8-8 256-256");
}

static void only_the_nearest_sixteen_are_named(void **state)
{
    (void)state;
    for (uint64_t seq = 3; seq < 3 + 2 * 20; seq += 2)
        keep(seq, 1000);
    tell(1000);
    expect_ranges("3-3 5-5 7-7 9-9 11-11 13-13 15-15 17-17 19-19 21-21 23-23 25-25 27-27 29-29 31-31 33-33");
}

static void a_hole_is_asked_for_and_given_up(void **state)
{
    (void)state;
    hf_receiver_took(&receiver, 500);
    keep(3, 1000);
    tell(1100);
    assert_false(ack.nack);
    for (uint64_t second = 1; second <= 4; second++) { /* again and again: a NACK may be lost as well */
        assert_int_equal(due(), 1000 + 1000 * second);
        assert_int_equal(tick(999 + 1000 * second), HF_RECEIVER_NOTHING);
        assert_int_equal(tick(1000 + 1000 * second), HF_RECEIVER_ACK);
        tell(1000 + 1000 * second);
        assert_true(ack.nack);
        expect_ranges("3-3");
        tell(1000 + 1000 * second);
        assert_false(ack.nack); /* not with every ack */
    }
    assert_int_equal(due(), 6000);
    assert_int_equal(tick(5999), HF_RECEIVER_NOTHING);
    assert_int_equal(tick(6000), HF_RECEIVER_LOST);
    assert_int_equal(tick(9000), HF_RECEIVER_LOST);
    hf_receiver_took(&receiver, 9000); /* 2 came after all */
    assert_int_equal(tick(9000), HF_RECEIVER_NOTHING);
    hf_receiver_took(&receiver, 9000);
    keep(5, 20000);
    tell(24500); /* a late one does not put off the end */
    assert_true(ack.nack);
    assert_int_equal(due(), 25000);
}

static void the_next_hole_has_its_own_time(void **state)
{
    (void)state;
    keep(2, 1000);
    keep(4, 1000);
    assert_int_equal(tick(4000), HF_RECEIVER_ACK);
    tell(4000);
    hf_receiver_took(&receiver, 4500); /* 1 */
    assert_int_equal(hf_receiver_hole_ms(&receiver),
                     0); /* 2 is ready: as long as it waits for its turn nothing is missing */
    tell(4500);
    assert_int_equal(due(), UINT64_MAX);
    hf_receiver_took(&receiver, 5000); /* 2: now 3 is missing */
    tell(5000);
    assert_false(ack.nack);
    assert_int_equal(due(), 6000);
    assert_int_equal(tick(6000), HF_RECEIVER_ACK);
    tell(6000);
    assert_true(ack.nack);
    assert_int_equal(tick(9999), HF_RECEIVER_ACK);
    assert_int_equal(tick(10000), HF_RECEIVER_LOST);
    assert_int_equal(hf_receiver_gap(&receiver, 3, 3, 10000), HF_OK); /* the sender says that it is gone */
    assert_int_equal(tick(10000), HF_RECEIVER_NOTHING);
}

static void a_frame_kept_while_another_is_ready_makes_no_hole(void **state)
{
    (void)state;
    keep(2, 1000);
    hf_receiver_took(&receiver, 1000);
    assert_non_null(hf_receiver_ready(&receiver).at);
    keep(4, 1000); /* 3 is missing, but 2 has not been taken yet */
    assert_int_equal(hf_receiver_hole_ms(&receiver), 0);
    hf_receiver_took(&receiver, 7000);
    assert_int_equal(hf_receiver_hole_ms(&receiver), 7000);
}

static void what_does_not_fit_is_asked_for_later(void **state)
{
    static const char big[1 << 16];

    (void)state;
    assert_int_equal(hf_receiver_keep(&receiver, 2, big, sizeof(big), 1000), HF_OK);
    assert_int_equal(hf_receiver_keep(&receiver, 3, big, 1, 1000), HF_ERR_LIMIT);
    assert_int_equal(hf_receiver_keep(&receiver, 4, big, 0, 1000), HF_OK);
    hf_receiver_took(&receiver, 1500);
    hf_receiver_took(&receiver, 1500);
    assert_int_equal(tick(2500), HF_RECEIVER_ACK);
    tell(2500);
    assert_true(ack.nack);
    assert_int_equal(ack.received_through, 2);
    expect_ranges("4-4");
}

static void a_wrong_checksum_asks_again(void **state)
{
    (void)state;
    hf_receiver_took(&receiver, 1000);
    assert_false(hf_receiver_corrupt(&receiver, 1050));
    assert_int_equal(due(), 1050);
    assert_int_equal(tick(1050), HF_RECEIVER_ACK);
    tell(1050);
    assert_true(ack.nack);
    assert_int_equal(ack.received_through, 1);
    expect_ranges("");
    assert_int_equal(due(), UINT64_MAX); /* it may have been anything: no hole is known of */
    tell(1060);
    assert_false(ack.nack);
}

static void three_wrong_checksums_within_a_minute(void **state)
{
    static const struct {
        uint64_t at_ms[4];
        bool third, fourth;
    } rows[] = {
        {{0, 0, 0, 0}, true, true},
        {{0, 30000, 59999, 70000}, true, true},
        {{0, 30000, 60000, 89999}, false, true},
        {{0, 59000, 60500, 61000}, false, true}, /* wherever a minute begins */
        {{0, 30000, 60000, 90000}, false, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_receiver_init(&receiver, 1, 0, 256, 1000);
        assert_false(hf_receiver_corrupt(&receiver, rows[i].at_ms[0]));
        assert_false(hf_receiver_corrupt(&receiver, rows[i].at_ms[1]));
        assert_int_equal(hf_receiver_corrupt(&receiver, rows[i].at_ms[2]), rows[i].third);
        assert_int_equal(hf_receiver_corrupt(&receiver, rows[i].at_ms[3]), rows[i].fourth);
    }
}

/* 0 stands for "none" in every time here; a clock that begins at 0 must not fall through that. */
static void a_clock_may_begin_at_0(void **state)
{
    (void)state;
    hf_receiver_asked(&receiver, 0);
    assert_int_equal(tick(1), HF_RECEIVER_ACK);
    tell(0);
    keep(2, 0);
    assert_int_equal(tick(1001), HF_RECEIVER_ACK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_ack_comes_within_200_ms, begin, end),
        cmocka_unit_test_setup_teardown(an_ack_comes_after_64_messages, begin, end),
        cmocka_unit_test_setup_teardown(an_ack_comes_at_once, begin, end),
        cmocka_unit_test_setup_teardown(ranges_say_what_came_early, begin, end),
        cmocka_unit_test_setup_teardown(only_the_nearest_sixteen_are_named, begin, end),
        cmocka_unit_test_setup_teardown(a_hole_is_asked_for_and_given_up, begin, end),
        cmocka_unit_test_setup_teardown(the_next_hole_has_its_own_time, begin, end),
        cmocka_unit_test_setup_teardown(a_frame_kept_while_another_is_ready_makes_no_hole, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_asked_for_later, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_checksum_asks_again, begin, end),
        cmocka_unit_test_setup_teardown(three_wrong_checksums_within_a_minute, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_may_begin_at_0, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
