#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "core/session/sender.h"

#define TOP UINT64_C(0x100000000)

static struct hf_sender sender;
static const struct hf_rtt no_rtt;

static void begin_and_send(uint64_t next, unsigned count, uint64_t now_ms)
{
    hf_sender_init(&sender, next, 256, 1000);
    for (unsigned i = 0; i < count; i++)
        hf_sender_sent(&sender, 1, now_ms);
}

static enum hf_ack_verdict take(struct hf_frame_ack frame, uint64_t now_ms)
{
    uint64_t base_before;

    frame.window_messages = 256;
    frame.window_bytes = 1000;
    return hf_sender_ack(&sender, &frame, now_ms, &base_before);
}

static uint64_t due(void)
{
    return hf_sender_due_ms(&sender, &no_rtt);
}

static enum hf_sender_verdict tick(uint64_t now_ms)
{
    return hf_sender_tick(&sender, &no_rtt, now_ms);
}

/* "3-4 7-7" */
static const char *missing(const struct hf_frame_ack *frame, uint64_t less)
{
    static char text[512];
    uint64_t at = 0, from, to;
    size_t used = 0;

    text[0] = 0;
    while (hf_sender_missing(&sender, frame, &at, &from, &to))
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu-%llu", used ? " " : "",
                                 (unsigned long long)(from - less), (unsigned long long)(to - less));
    return text;
}

/* Numbers are told from 0 = one before the first; sent are 1..20, received through 2. */
static void what_is_missing(void **state)
{
    static const struct {
        unsigned count;
        struct hf_frame_range ranges[5];
        const char *want;
    } rows[] = {
        {0, {{0, 0}}, "3-20"}, /* it holds nothing early: all of it */
        {1, {{4, 4}}, "3-3"},
        {1, {{5, 20}}, "3-4"},
        {2, {{4, 5}, {8, 9}}, "3-3 6-7"},
        {2, {{8, 9}, {4, 5}}, "3-3 6-7"},         /* in any order */
        {3, {{4, 9}, {6, 7}, {8, 12}}, "3-3"},    /* overlapping */
        {3, {{4, 5}, {6, 7}, {9, 9}}, "3-3 8-8"}, /* touching */
        {2, {{1, 2}, {6, 6}}, "3-5"},             /* behind received */
        {2, {{1, 3}, {6, 6}}, "4-5"},             /* across it */
        {5, {{4, 4}, {6, 6}, {8, 8}, {10, 10}, {12, 12}}, "3-3 5-5 7-7 9-9 11-11"},
        {1, {{3, 20}}, ""},
        {2, {{6, 9}, {3, 5}}, ""}, /* each leads to the other, backwards */
    };
    static const uint64_t firsts[] = {0, 1000, TOP - 21, TOP, 5 * TOP}; /* one before the first */

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t k = 0; k < HF_COUNT_OF(firsts); k++) {
            uint64_t first = firsts[k];
            struct hf_frame_ack frame = {.received_through = (uint32_t)(first + 2),
                                         .durable_through = (uint32_t)first,
                                         .nack = true,
                                         .range_count = (uint8_t)rows[i].count};

            for (unsigned r = 0; r < rows[i].count; r++)
                frame.ranges[r] = (struct hf_frame_range){(uint32_t)(first + rows[i].ranges[r].from),
                                                          (uint32_t)(first + rows[i].ranges[r].to)};
            begin_and_send(first + 1, 20, 0);
            assert_int_equal(take(frame, 0), HF_ACK_NEWS);
            assert_string_equal(missing(&frame, first), rows[i].want);
        }
}

/* TOP itself is no number: never missing, and no range need name it. 1 is TOP - 3, 4 is TOP, 20 is TOP + 16. */
static void what_is_missing_across_2_to_the_32(void **state)
{
    static const struct {
        unsigned count;
        struct hf_frame_range ranges[3];
        const char *want;
    } rows[] = {
        {0, {{0, 0}}, "2-20"},
        {1, {{5, 20}}, "2-3"},
        {1, {{3, 3}}, "2-2"},
        {2, {{3, 3}, {5, 5}}, "2-2"},
        {2, {{2, 3}, {5, 6}}, ""},
        {2, {{2, 3}, {6, 6}}, "5-5"},
        {2, {{5, 6}, {8, 8}}, "2-3 7-7"},
        {3, {{3, 3}, {5, 5}, {7, 7}}, "2-2 6-6"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t first = TOP - 4;
        struct hf_frame_ack frame = {.received_through = (uint32_t)(first + 1),
                                     .durable_through = (uint32_t)first,
                                     .nack = true,
                                     .range_count = (uint8_t)rows[i].count};

        for (unsigned r = 0; r < rows[i].count; r++)
            frame.ranges[r] = (struct hf_frame_range){(uint32_t)(first + rows[i].ranges[r].from),
                                                      (uint32_t)(first + rows[i].ranges[r].to)};
        begin_and_send(first + 1, 19, 0);
        assert_int_equal(take(frame, 0), HF_ACK_NEWS);
        assert_string_equal(missing(&frame, first), rows[i].want);
    }
    begin_and_send(TOP - 4, 4, 0); /* up to TOP - 1: the end is one, too */
    struct hf_frame_ack all = {
        .received_through = (uint32_t)(TOP - 3), .durable_through = (uint32_t)(TOP - 5), .nack = true};
    assert_int_equal(take(all, 0), HF_ACK_NEWS);
    assert_string_equal(missing(&all, TOP - 5), "3-4");
}

static void ranges_that_no_receiver_sends(void **state)
{
    static const struct hf_frame_range rows[] = {
        {5, 4},                                /* backwards */
        {19, 21},                              /* never sent */
        {21, 21},        {0, 5},               /* no such number */
        {3, 0xffffffff}, {5, 21 + 0x80000000}, /* undefined */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin_and_send(1, 20, 0);
        assert_int_equal(take(
                             (struct hf_frame_ack){
                                 .received_through = 2, .nack = true, .range_count = 1, .ranges = {rows[i]}},
                             0),
                         HF_ACK_UNSENT);
        assert_int_equal(sender.received, 0); /* nothing of it counts */
    }
    begin_and_send(1, 20, 0);
    assert_int_equal(
        take((struct hf_frame_ack){.received_through = 2, .range_count = 1, .ranges = {{4, 20}}}, 0),
        HF_ACK_NEWS);
}

static void a_count_above_the_table_is_cut(void **state)
{
    struct hf_frame_ack frame = {.nack = true, .range_count = 255};

    (void)state;
    begin_and_send(1, 40, 0);
    for (unsigned i = 0; i < HF_FRAME_ACK_RANGES_MAX; i++)
        frame.ranges[i] = (struct hf_frame_range){2 + 2 * i, 2 + 2 * i};
    assert_int_equal(take(frame, 0), HF_ACK_OLD);
    assert_string_equal(
        missing(&frame, 0),
        "1-1 3-3 5-5 7-7 9-9 11-11 13-13 15-15 17-17 19-19 21-21 23-23 25-25 27-27 29-29 31-31");
}

/* Numbers of an earlier connection that this one has not sent yet are not sent out of turn. */
static void missing_ends_where_we_are(void **state)
{
    struct hf_frame_ack frame = {
        .received_through = 6, .durable_through = 5, .nack = true, .range_count = 1, .ranges = {{12, 14}}};

    (void)state;
    hf_sender_init(&sender, 6, 256, 1000);
    hf_sender_given(&sender, 20);
    for (unsigned i = 0; i < 4; i++) /* 6..9 */
        hf_sender_sent(&sender, 1, 0);
    assert_int_equal(take(frame, 0), HF_ACK_NEWS);
    assert_string_equal(missing(&frame, 0), "7-9");
}

/* A gap may end far behind the window; what is missing of it is asked for from a number in the window, or not yet. */
static void missing_begins_in_the_window(void **state)
{
    struct hf_frame_ack frame = {
        .nack = true, .range_count = 1, .ranges = {{2, 2}}, .window_messages = 4, .window_bytes = 1000};
    uint64_t base_before;

    (void)state;
    hf_sender_init(&sender, 1, 4, 1000);
    for (unsigned i = 0; i < 3; i++)
        hf_sender_sent(&sender, 1, 0);
    hf_sender_skipped(&sender, 500, 0);
    assert_int_equal(hf_sender_ack(&sender, &frame, 0, &base_before), HF_ACK_OLD);
    assert_string_equal(missing(&frame, 0), "1-1");
    frame.range_count = 0;
    assert_string_equal(missing(&frame, 0), "1-500");
    frame.range_count = 2;
    frame.ranges[0] = (struct hf_frame_range){1, 2};
    frame.ranges[1] = (struct hf_frame_range){4, 500};
    assert_string_equal(missing(&frame, 0), "3-3");
    frame.ranges[1] = (struct hf_frame_range){450, 500};
    assert_string_equal(missing(&frame, 0), "3-449");
    frame.ranges[0] = (struct hf_frame_range){1, 4};
    assert_string_equal(missing(&frame, 0), ""); /* 5 is the first that is not in it */
    assert_int_equal(tick(1000), HF_SENDER_ASK);
    frame = (struct hf_frame_ack){
        .range_count = 1, .ranges = {{4, 4}}, .window_messages = 4, .window_bytes = 1000};
    assert_int_equal(hf_sender_ack(&sender, &frame, 1100, &base_before), HF_ACK_OLD);
    assert_true(hf_sender_asked(&sender));
    assert_string_equal(missing(&frame, 0), "1-3");
}

static void the_timer_asks_and_doubles_and_gives_up(void **state)
{
    static const uint64_t asks_ms[] = {1000, 3000, 7000};

    (void)state;
    hf_sender_init(&sender, 1, 256, 1000);
    assert_int_equal(due(), UINT64_MAX);
    assert_int_equal(tick(1000000), HF_SENDER_NOTHING);
    hf_sender_sent(&sender, 1, 5000);
    for (size_t i = 0; i < HF_COUNT_OF(asks_ms); i++) {
        assert_int_equal(due(), 5000 + asks_ms[i]);
        assert_int_equal(tick(5000 + asks_ms[i] - 1), HF_SENDER_NOTHING);
        assert_int_equal(tick(5000 + asks_ms[i]), HF_SENDER_ASK);
        assert_int_equal(tick(5000 + asks_ms[i]), HF_SENDER_NOTHING); /* once */
    }
    assert_int_equal(due(), 15000);
    assert_int_equal(tick(14999), HF_SENDER_NOTHING);
    assert_int_equal(tick(15000), HF_SENDER_STALLED);
    assert_int_equal(tick(20000), HF_SENDER_STALLED); /* and stays so */
    assert_int_equal(take((struct hf_frame_ack){.received_through = 1}, 20000), HF_ACK_NEWS);
    assert_int_equal(tick(20000), HF_SENDER_NOTHING);
}

static void progress_starts_the_timer_anew(void **state)
{
    (void)state;
    begin_and_send(1, 3, 0);
    assert_int_equal(tick(1000), HF_SENDER_ASK);
    assert_int_equal(take((struct hf_frame_ack){.received_through = 1}, 1400), HF_ACK_NEWS);
    assert_int_equal(due(), 2400); /* one RTO, not two */
    assert_int_equal(tick(2400), HF_SENDER_ASK);
    assert_int_equal(take((struct hf_frame_ack){.received_through = 1}, 2500), HF_ACK_OLD);
    assert_int_equal(due(), 4400); /* no progress: still doubled */
    assert_int_equal(take((struct hf_frame_ack){.received_through = 1, .durable_through = 1}, 4000),
                     HF_ACK_NEWS);
    assert_int_equal(due(), 5000); /* durable is progress, too */
    assert_int_equal(take((struct hf_frame_ack){.received_through = 3, .durable_through = 1}, 4100),
                     HF_ACK_NEWS);
    assert_int_equal(due(),
                     64100); /* received stops it, durable or not: what is left is a question once a minute */
    assert_int_equal(tick(64099), HF_SENDER_NOTHING);
    assert_int_equal(tick(64100), HF_SENDER_ASK);
    assert_int_equal(due(), 124100);
    assert_int_equal(take((struct hf_frame_ack){.received_through = 3, .durable_through = 1}, 64200),
                     HF_ACK_OLD);
    assert_true(hf_sender_asked(&sender));
    assert_string_equal(missing(&(struct hf_frame_ack){.received_through = 3}, 0),
                        ""); /* and nothing goes out again */
    assert_int_equal(take((struct hf_frame_ack){.received_through = 3, .durable_through = 3}, 64300),
                     HF_ACK_NEWS);
    assert_int_equal(due(), UINT64_MAX);
    assert_int_equal(tick(100000), HF_SENDER_NOTHING);
    hf_sender_sent(&sender, 1, 100000); /* long silence before it is no stall */
    assert_int_equal(due(), 101000);
    hf_sender_sent(&sender, 1, 100900); /* others do not push it away */
    assert_int_equal(due(), 101000);
    hf_sender_skipped(&sender, 10, 100950);
    assert_int_equal(due(), 101000);
}

static void a_slow_path_has_a_longer_timeout(void **state)
{
    const struct hf_rtt slow = {.srtt_us = 1500000, .rttvar_us = 250000};

    (void)state;
    begin_and_send(1, 1, 0);
    assert_int_equal(hf_sender_due_ms(&sender, &slow), 2500);
    assert_int_equal(hf_sender_tick(&sender, &slow, 2499), HF_SENDER_NOTHING);
    assert_int_equal(hf_sender_tick(&sender, &slow, 2500), HF_SENDER_ASK);
    assert_int_equal(hf_sender_due_ms(&sender, &slow), 7500);
    assert_int_equal(hf_sender_tick(&sender, &slow, 7500), HF_SENDER_ASK);
    assert_int_equal(hf_sender_due_ms(&sender, &slow), HF_SENDER_STALL_MS); /* before 17,500 */
}

/* What shows only that an ack came does not show a loss: nothing is sent again unless we asked, and nothing went out since. */
static void what_answers_a_question(void **state)
{
    const struct hf_frame_ack same = {.received_through = 0};

    (void)state;
    begin_and_send(1, 5, 0);
    assert_int_equal(take(same, 10), HF_ACK_OLD);
    assert_false(hf_sender_asked(&sender)); /* nobody asked */
    assert_int_equal(tick(1000), HF_SENDER_ASK);
    assert_int_equal(take(same, 1100), HF_ACK_OLD);
    assert_true(hf_sender_asked(&sender));
    assert_string_equal(missing(&same, 0), "1-5");
    assert_int_equal(take((struct hf_frame_ack){.received_through = 9}, 1100), HF_ACK_UNSENT);
    assert_false(hf_sender_asked(&sender)); /* of the ack just taken */
    assert_int_equal(take(same, 1200), HF_ACK_OLD);
    assert_false(hf_sender_asked(&sender)); /* one question, one answer */

    assert_int_equal(tick(3000), HF_SENDER_ASK);
    hf_sender_sent(&sender, 1, 3001);
    assert_int_equal(take(same, 3100), HF_ACK_OLD);
    assert_false(hf_sender_asked(&sender)); /* it cannot know of 6 */

    assert_int_equal(tick(7000), HF_SENDER_ASK);
    assert_int_equal(take((struct hf_frame_ack){.received_through = 2}, 7100), HF_ACK_NEWS);
    assert_false(hf_sender_asked(&sender)); /* may have crossed the question */
    assert_int_equal(take((struct hf_frame_ack){.received_through = 2}, 7200), HF_ACK_OLD);
    assert_false(hf_sender_asked(&sender));

    const struct hf_frame_ack early = {.received_through = 2, .range_count = 1, .ranges = {{4, 4}}};

    assert_int_equal(tick(8100), HF_SENDER_ASK);
    assert_int_equal(take(early, 8200), HF_ACK_OLD);
    assert_true(hf_sender_asked(&sender));
    assert_string_equal(missing(&(struct hf_frame_ack){.range_count = 1, .ranges = {{3, 5}}}, 0),
                        "6-6");                         /* the very last */
    assert_string_equal(missing(&early, 0), "3-3 5-6"); /* the tail behind its ranges is lost as well */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(what_is_missing_across_2_to_the_32),
        cmocka_unit_test(ranges_that_no_receiver_sends),
        cmocka_unit_test(a_count_above_the_table_is_cut),
        cmocka_unit_test(missing_ends_where_we_are),
        cmocka_unit_test(missing_begins_in_the_window),
        cmocka_unit_test(the_timer_asks_and_doubles_and_gives_up),
        cmocka_unit_test(progress_starts_the_timer_anew),
        cmocka_unit_test(a_slow_path_has_a_longer_timeout),
        cmocka_unit_test(what_answers_a_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
