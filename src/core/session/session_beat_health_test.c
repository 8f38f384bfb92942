/* What answers say: late, lost, restored, a longer or shorter interval, invalid ones, and our own absence. */
#include "core/session/beat_testkit.h"

/* HB-6: delay > max(200 ms, 3 SRTT, SRTT + 4 RTTVAR) */
static void what_is_late(void **state)
{
    static const struct {
        uint32_t srtt_us, rttvar_us;
        uint64_t longest_in_time_ms;
    } rows[] = {
        {0, 0, 200},
        {20000, 10000, 200},
        {66000, 0, 200},
        {100000, 0, 300},
        {100000, 50000, 300},
        {100000, 60000, 340},
        {2000000, 100000, 6000},
        {3600000000, 1800000000, 10800000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_rtt rtt = {rows[i].srtt_us, rows[i].rttvar_us};

        assert_false(hf_beat_late(&rtt, 0));
        assert_false(hf_beat_late(&rtt, rows[i].longest_in_time_ms));
        assert_true(hf_beat_late(&rtt, rows[i].longest_in_time_ms + 1));
        assert_true(hf_beat_late(&rtt, UINT64_MAX));
    }
}

static void late_is_judged_by_what_was_known_before(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    assert_int_equal(kit_answer_next(900), HF_BEAT_NOTHING);
    assert_int_equal(beat.late, 1); /* nothing was known: above 200 ms */
    assert_int_equal(hf_rtt_srtt_ms(&beat.rtt), 900);
    assert_int_equal(kit_answer_next(1900), HF_BEAT_NOTHING);
    assert_int_equal(beat.late, 0); /* usual by now */
}

static void three_late_in_a_row_degrade(void **state)
{
    static const struct {
        uint64_t delay_ms;
        enum hf_beat_verdict want;
    } rows[] = {
        {201, HF_BEAT_NOTHING}, {300, HF_BEAT_NOTHING},  {200, HF_BEAT_NOTHING}, /* in time: it begins anew */
        {201, HF_BEAT_NOTHING}, {1900, HF_BEAT_NOTHING}, {201, HF_BEAT_DEGRADED},
        {201, HF_BEAT_NOTHING}, /* told once */
    };

    (void)state;
    kit_begin(&kit_ha, true, 0);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        beat.rtt = (struct hf_rtt){10000, 1000}; /* late stays above 200 ms */
        assert_int_equal(kit_answer_next(rows[i].delay_ms), rows[i].want);
    }
    assert_int_equal(beat.misses, 0);
    assert_int_equal(beat.lost_bits, 0);
}

static void five_in_time_in_a_row_restore(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    beat.degraded = true;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit_answer_next(10), HF_BEAT_NOTHING);
    assert_int_equal(kit_answer_next(1500), HF_BEAT_NOTHING); /* late: from 0 again */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit_answer_next(10), HF_BEAT_NOTHING);
    kit_run(beat.next_ms - KIT_START_MS); /* and one that nobody answers */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(beat.degraded, true);
        assert_int_equal(kit_answer_next(10), i == 4 ? HF_BEAT_RESTORED : HF_BEAT_NOTHING);
    }
    assert_int_equal(beat.lost_bits, 0); /* leaving clears the window of losses */
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(kit_answer_next(10), HF_BEAT_NOTHING);
}

/* Loses the beats whose letter is x while data keeps the peer alive; returns after how many it became degraded, 0 = never. */
static unsigned degraded_after(const char *beats)
{
    kit_begin(&kit_ha, true, 0);
    for (unsigned i = 0; beats[i] != 0; i++) {
        if (beats[i] != 'x') {
            (void)kit_answer_next(10);
        } else {
            kit_run(beat.next_ms - KIT_START_MS);
            hf_beat_life(&beat, beat.sent_ms + 5);
        }
        if (beat.degraded)
            return i + 1;
    }
    return 0;
}

static void a_fifth_of_the_last_twenty_lost_degrades(void **state)
{
    static const struct {
        const char *beats;
        unsigned after; /* a loss shows when the next beat is due */
    } rows[] = {
        {"x.x.x...................................", 0},
        {"x.x.x.x.", 8},
        {"xxxx.", 5},
        {"x......x......x.....x...................", 0}, /* the first one has left the window */
        {"x......x......x....x....................", 21},
        {"x......x......x....x", 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(degraded_after(rows[i].beats), rows[i].after);
    assert_int_equal(degraded_after("xxxx."), 5);
    assert_int_equal(beat.misses, 0); /* data came: nothing of it was silence */
}

static void an_answer_that_comes_after_all_is_no_loss(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    struct hf_frame_beat pings[3];

    for (unsigned i = 0; i < 3; i++) {
        kit_run(beat.next_ms - KIT_START_MS);
        pings[i] = kit_ping;
        hf_beat_life(&beat, beat.sent_ms + 5);
    }
    assert_int_equal(beat.lost_bits, 3);
    assert_int_equal(kit_pong_of(pings[0], 6100), HF_BEAT_NOTHING); /* 4.1 s after it was sent */
    assert_int_equal(kit_rtt_ms, 4100);
    assert_int_equal(beat.lost_bits, 1);
    assert_int_equal(kit_pong_of(pings[2], 6200),
                     HF_BEAT_NOTHING); /* not judged yet; the second was skipped */
    assert_int_equal(beat.lost_bits, 1);
    assert_int_equal(kit_pong_of(pings[1], 6300), HF_BEAT_INVALID);
    assert_true(kit_rtt_ms == HF_BEAT_UNMEASURED);
    assert_int_equal(beat.lost_bits, 1);
}

/* Several lates: with the third the next beat is one repeat after the last, or due now. */
static void default_degraded_by_late_answers(void **state)
{
    static const struct {
        uint64_t answered_ms;
        const char *then;
    } rows[] = {{33000, "37500 send"}, {45000, "45000 send"}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(&kit_default, true, 0);
        beat.late = 2;
        kit_run(30000);
        hf_beat_life(&beat, KIT_START_MS + 31000); /* data, so it is not asked again before */
        assert_int_equal(kit_pong_of(kit_ping, rows[i].answered_ms), HF_BEAT_DEGRADED);
        kit_log[0] = 0;
        kit_run(rows[i].answered_ms < 40000 ? 40000 : rows[i].answered_ms);
        kit_expect(rows[i].then);
    }
}

static void life_in_the_moment_of_a_beat_says_nothing_about_it(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    hf_beat_life(&beat, KIT_START_MS + 2000);
    kit_run(4000);
    assert_int_equal(beat.misses, 1);
}

static void entering_keeps_the_misses(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    kit_run(4000);
    assert_int_equal(beat.misses, 1); /* HB-9 */
    kit_run(6000);
    assert_true(beat.degraded);
    assert_int_equal(beat.misses, 2);
    hf_beat_life(&beat, KIT_START_MS + 6001);
    assert_int_equal(beat.misses, 0);
    assert_true(beat.degraded); /* life alone does not heal */
}

static void a_longer_interval_waits_for_its_answer(void **state)
{
    struct hf_frame_beat ping;

    (void)state;
    kit_begin(&kit_adaptive, true, 0);
    assert_int_equal(kit_answer_next(180), HF_BEAT_NOTHING); /* SRTT 180 ms: 9 s are wanted */
    assert_int_equal(beat.interval_ms, 5000);
    assert_int_equal(hf_beat_timeout_ms(&beat), 15000 + 540);
    kit_run(10000);
    ping = kit_ping;
    assert_int_equal(ping.interval_ms, 9000); /* announced, not in force */
    assert_int_equal(beat.interval_ms, 5000);
    kit_run(15000);
    kit_expect("5000 send, 10000 send, 15000 send");
    assert_int_equal(kit_pong_of(ping, 15100), HF_BEAT_NOTHING); /* the answer of 10,000: a longer path now */
    assert_int_equal(beat.interval_ms, 9000);
    assert_true(beat.wanted_ms > 9000);
    ping = kit_ping; /* it still announced 9 s */
    assert_int_equal(kit_pong_of(ping, 15200), HF_BEAT_NOTHING);
    assert_int_equal(beat.interval_ms, 9000);
}

static void an_answer_cannot_lengthen_at_will(void **state)
{
    const struct hf_beat_rules *const rules[] = {&kit_ha, &kit_adaptive};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rules); i++) {
        kit_begin(rules[i], true, 0);
        uint32_t own_ms = beat.interval_ms;

        kit_run(own_ms);
        kit_ping.interval_ms = 50000;
        assert_int_equal(kit_pong_of(kit_ping, own_ms + 180), HF_BEAT_NOTHING);
        assert_int_equal(beat.interval_ms, own_ms); /* nothing was announced */
        kit_run(2 * own_ms);
        kit_ping.interval_ms = 50000;
        assert_int_equal(kit_pong_of(kit_ping, 2 * own_ms + 180), HF_BEAT_NOTHING);
        assert_int_equal(beat.interval_ms, i == 0 ? own_ms : 9000); /* what was announced, no more */
    }
    kit_begin(&kit_adaptive, true, 0);
    assert_int_equal(kit_answer_next(180), HF_BEAT_NOTHING);
    kit_run(10000);
    kit_ping.interval_ms = 6000; /* the peer knows of less than we want by now */
    assert_int_equal(kit_pong_of(kit_ping, 10180), HF_BEAT_NOTHING);
    assert_int_equal(beat.interval_ms, 6000);
}

/* What is wanted moves with every sample; the interval follows all the same, never beyond what the peer knows. */
static void a_path_that_slows_down_steadily(void **state)
{
    (void)state;
    kit_begin(&kit_adaptive, true, 0);
    for (unsigned i = 0; i < 40; i++) {
        uint32_t before_ms = beat.interval_ms;

        (void)kit_answer_next(150 + 10 * i);
        assert_true(beat.interval_ms >= before_ms);
        assert_true(beat.interval_ms <= kit_ping.interval_ms);
    }
    assert_in_range(beat.interval_ms, 20000, 27000);
    for (unsigned i = 0; i < 60; i++)
        (void)kit_answer_next(40);
    assert_int_equal(beat.interval_ms, 5000); /* a shorter one counts at once */
    assert_int_equal(beat.wanted_ms, 0);
}

static void a_shorter_interval_counts_at_once(void **state)
{
    (void)state;
    kit_begin(&kit_adaptive, true, 60000);
    assert_int_equal(kit_answer_next(100), HF_BEAT_NOTHING);
    assert_int_equal(beat.interval_ms, 5000);
    assert_int_equal(hf_beat_timeout_ms(&beat), 15300);
    kit_log[0] = 0;
    kit_run(66000);
    kit_expect("65000 send"); /* 5 s after the last, not 60 */
    kit_begin(&kit_adaptive, true, 60000);
    kit_run(60000);
    struct hf_frame_beat ping = kit_ping;

    kit_log[0] = 0;
    assert_int_equal(kit_pong_of(ping, 90000), HF_BEAT_NOTHING); /* 30 s: the interval stays at 60 */
    kit_run(119999);
    kit_expect("");
}

static void degraded_beats_faster_and_the_way_back_waits(void **state)
{
    (void)state;
    kit_begin(&kit_adaptive, true, 0);
    for (unsigned i = 0; i < 3; i++)
        (void)kit_answer_next(100);
    assert_int_equal(beat.interval_ms, 5000);
    beat.late = 2;
    assert_int_equal(kit_answer_next(1000), HF_BEAT_DEGRADED);
    /* SRTT 212.5 ms, up to 213: healthy 10,650, degraded 7,455, which is longer than 5 s and has to wait */
    assert_int_equal(beat.interval_ms, 5000);
    assert_int_equal(beat.wanted_ms, 7455);
    for (unsigned i = 0; i < 40 && beat.degraded; i++)
        (void)kit_answer_next(100);
    assert_false(beat.degraded);
    assert_int_equal(beat.wanted_ms, hf_beat_interval(hf_rtt_srtt_ms(&beat.rtt), false)); /* at once */
    for (unsigned i = 0; i < 40; i++)
        (void)kit_answer_next(100);
    assert_int_equal(beat.interval_ms, 5050); /* SRTT 101 */
}

static void ha_and_default_keep_their_interval(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    for (unsigned i = 0; i < 10; i++)
        (void)kit_answer_next(1900);
    assert_int_equal(beat.interval_ms, 2000);
    assert_int_equal(beat.wanted_ms, 0);
    assert_int_equal(kit_ping.interval_ms, 2000);
}

static void the_other_side_follows_what_is_announced(void **state)
{
    static const struct {
        uint32_t announced_ms, in_force_ms;
    } rows[] = {{9000, 9000}, {3500, 3500}, {0, 3500}, {60000, 60000}, {UINT32_MAX, 60000}, {1, 2000}};
    struct hf_frame_beat ping = {.valid = true};

    (void)state;
    kit_begin(&kit_adaptive, false, 0);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        ping.beat.seq++;
        ping.interval_ms = rows[i].announced_ms;
        assert_int_equal(hf_beat_ping(&beat, &ping, KIT_START_MS), HF_BEAT_NOTHING);
        assert_int_equal(beat.interval_ms, rows[i].in_force_ms);
        assert_int_equal(hf_beat_due_ms(&beat), KIT_START_MS + 3 * rows[i].in_force_ms + 1000);
    }
    kit_begin(&kit_adaptive, true, 0); /* who beats goes by its own */
    assert_int_equal(hf_beat_ping(&beat, &ping, KIT_START_MS), HF_BEAT_NOTHING);
    assert_int_equal(beat.interval_ms, 5000);
}

static void pings_only_grow(void **state)
{
    static const struct {
        uint32_t seq;
        bool valid;
        enum hf_beat_verdict want;
    } rows[] = {
        {0xfffffffe, true, HF_BEAT_NOTHING}, /* any number may be the first */
        {0xffffffff, true, HF_BEAT_NOTHING}, {0, true, HF_BEAT_NOTHING},
        {5, true, HF_BEAT_NOTHING},          {5, true, HF_BEAT_INVALID}, /* the same again */
        {0x80000005, true, HF_BEAT_INVALID},                             /* exactly 2^31 */
        {6, false, HF_BEAT_INVALID_MANY},                                /* length or CRC; the third */
        {6, true, HF_BEAT_NOTHING},          {2, true, HF_BEAT_INVALID_MANY},
    };

    (void)state;
    kit_begin(&kit_ha, false, 0);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_frame_beat ping = {.beat = {.seq = rows[i].seq}, .valid = rows[i].valid};

        assert_int_equal(hf_beat_ping(&beat, &ping, KIT_START_MS + i), rows[i].want);
        assert_int_equal(beat.life_ms == KIT_START_MS + i, rows[i].want == HF_BEAT_NOTHING || i == 0);
    }
}

static void three_invalid_within_a_minute(void **state)
{
    static const struct {
        uint64_t at_ms[4];
        enum hf_beat_verdict third, fourth;
    } rows[] = {
        {{0, 1, 2, 3}, HF_BEAT_INVALID_MANY, HF_BEAT_INVALID_MANY},
        {{0, 30000, 59999, 70000}, HF_BEAT_INVALID_MANY, HF_BEAT_INVALID_MANY},
        {{0, 30000, 60000, 89999}, HF_BEAT_INVALID, HF_BEAT_INVALID_MANY},
        {{0, 59000, 60500, 61000}, HF_BEAT_INVALID, HF_BEAT_INVALID_MANY}, /* wherever a minute begins */
        {{0, 30000, 60000, 90000}, HF_BEAT_INVALID, HF_BEAT_INVALID},
    };
    const struct hf_frame_beat broken = {.valid = false};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (unsigned kind = 0; kind < 2; kind++) {
            enum hf_beat_verdict verdicts[4];

            kit_begin(&kit_default, false, 0);
            for (unsigned k = 0; k < 4; k++) {
                hf_beat_life(&beat, KIT_START_MS + rows[i].at_ms[k]);
                verdicts[k] =
                    kind ? hf_beat_ping(&beat, &broken, KIT_START_MS + rows[i].at_ms[k])
                         : hf_beat_pong(&beat, &broken, KIT_START_MS + rows[i].at_ms[k], &kit_rtt_ms);
            }
            assert_int_equal(verdicts[0], HF_BEAT_INVALID);
            assert_int_equal(verdicts[1], HF_BEAT_INVALID);
            assert_int_equal(verdicts[2], rows[i].third);
            assert_int_equal(verdicts[3], rows[i].fourth);
        }
}

static void answers_to_nothing_are_invalid(void **state)
{
    struct hf_frame_beat pong = {.valid = true};

    (void)state;
    kit_begin(&kit_ha, false, 0); /* never sent one */
    assert_int_equal(kit_pong_of(pong, 0), HF_BEAT_INVALID);
    kit_begin(&kit_ha, true, 0);
    pong.beat.seq = 1;
    assert_int_equal(kit_pong_of(pong, 0), HF_BEAT_INVALID); /* not yet */
    kit_run(2000);
    pong = kit_ping;
    pong.beat.seq += UINT32_C(0x80000000);
    assert_int_equal(kit_pong_of(pong, 2001), HF_BEAT_INVALID);
    assert_int_equal(beat.life_ms, KIT_START_MS);
    assert_int_equal(kit_pong_of(kit_ping, 2002), HF_BEAT_NOTHING);
    assert_int_equal(kit_pong_of(kit_ping, 2003), HF_BEAT_INVALID_MANY); /* had it: old */
    beat.seq = beat.answered_seq = 0xffffffff;                           /* numbers wrap */
    kit_run(4000);
    assert_int_equal(kit_ping.beat.seq, 0);
    assert_int_equal(kit_pong_of(kit_ping, 4010), HF_BEAT_NOTHING);
}

/* Ten beats unanswered on a link that data keeps alive: the oldest has lost its place, its answer is late and no crime. */
static void an_answer_older_than_what_is_remembered(void **state)
{
    struct hf_frame_beat first;

    (void)state;
    kit_begin(&kit_ha, true, 0);
    kit_run(2000);
    first = kit_ping;
    for (uint64_t at_ms = 2100; at_ms <= 20100; at_ms += 2000) {
        hf_beat_life(&beat, at_ms + KIT_START_MS);
        kit_run(at_ms + 2000);
    }
    assert_int_equal(beat.seq, 11);
    assert_int_equal(kit_pong_of(first, 22200), HF_BEAT_NOTHING);
    assert_int_equal(beat.late, 1);
    assert_int_equal(hf_rtt_srtt_ms(&beat.rtt), 0); /* nobody knows any more how long it took */
}

/* F24: a process that was stopped does not blame the peer. */
static void our_own_absence_is_forgiven(void **state)
{
    static const struct {
        const struct hf_beat_rules *rules;
        bool active;
        uint64_t last_life_ms, stopped_until_ms;
        const char *then;
    } rows[] = {
        /* behind by 500 ms: the usual lateness of a timer */
        {&kit_ha, true, 0, 2500, "2500 send, 4500 send, 6500 degraded, 6500 send, 7000 dead"},
        {&kit_ha, true, 0, 2501, "2501 send, 4501 send, 6501 degraded, 6501 send, 7501 dead"},
        {&kit_ha, true, 0, 7000, "7000 send, 9000 send, 11000 degraded, 11000 send, 12000 dead"},
        {&kit_default, true, 0, 300000,
         "300000 send, 307500 send, 315000 degraded, 315000 send, 322500 send, 330000 dead"},
        {&kit_ha, false, 0, 7500, "7500 dead"},   /* silent for T, and we were there */
        {&kit_ha, false, 0, 12000, "14000 dead"}, /* what came meanwhile may still have to be read */
        {&kit_default, false, 0, 65000, "72500 dead"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t now_ms = KIT_START_MS + rows[i].stopped_until_ms;
        enum hf_beat_verdict verdict;

        kit_begin(rows[i].rules, rows[i].active, 0);
        verdict = hf_beat_tick(&beat, now_ms, 0, &kit_ping);
        if (verdict != HF_BEAT_NOTHING)
            kit_note(now_ms, verdict == HF_BEAT_SEND ? "send" : "dead");
        if (verdict != HF_BEAT_DEAD)
            kit_run(500000);
        kit_expect(rows[i].then);
    }
}

/* A beat that was on its way when we were stopped is as unanswered as before; and a verdict that was put off is not the last one. */
static void what_was_open_stays_open(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    kit_run(2000);
    assert_int_equal(hf_beat_tick(&beat, KIT_START_MS + 9000, 0, &kit_ping), HF_BEAT_SEND);
    kit_run(20000);
    kit_expect("2000 send, 11000 degraded, 11000 send, 12000 dead");
    assert_true(hf_beat_grant(&beat, KIT_START_MS + 12000));
    assert_int_equal(hf_beat_tick(&beat, KIT_START_MS + 30000, 0, &kit_ping), HF_BEAT_SEND);
    hf_beat_life(&beat, KIT_START_MS + 30001);
    assert_int_equal(beat.end_ms, 0);
}

static void an_answer_that_waited_for_us_is_not_late(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    for (unsigned i = 0; i < 10; i++)
        (void)kit_answer_next(20);
    kit_run(22000);
    /* Stopped from 22,000 to 29,000: the beat due at 24,000 did not go out, the answer to the last lies in the socket. Input is read first. */
    hf_beat_life(&beat, KIT_START_MS + 29000);
    assert_int_equal(kit_pong_of(kit_ping, 29000), HF_BEAT_NOTHING);
    assert_in_range(hf_rtt_srtt_ms(&beat.rtt), 1,
                    300); /* 2 s of it remain: until the next beat was due, nobody can tell */
    kit_log[0] = 0;
    kit_run(29000);
    kit_expect("29000 send");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_late),
        cmocka_unit_test(late_is_judged_by_what_was_known_before),
        cmocka_unit_test(three_late_in_a_row_degrade),
        cmocka_unit_test(five_in_time_in_a_row_restore),
        cmocka_unit_test(a_fifth_of_the_last_twenty_lost_degrades),
        cmocka_unit_test(an_answer_that_comes_after_all_is_no_loss),
        cmocka_unit_test(default_degraded_by_late_answers),
        cmocka_unit_test(life_in_the_moment_of_a_beat_says_nothing_about_it),
        cmocka_unit_test(entering_keeps_the_misses),
        cmocka_unit_test(an_answer_cannot_lengthen_at_will),
        cmocka_unit_test(a_longer_interval_waits_for_its_answer),
        cmocka_unit_test(a_path_that_slows_down_steadily),
        cmocka_unit_test(a_shorter_interval_counts_at_once),
        cmocka_unit_test(degraded_beats_faster_and_the_way_back_waits),
        cmocka_unit_test(ha_and_default_keep_their_interval),
        cmocka_unit_test(the_other_side_follows_what_is_announced),
        cmocka_unit_test(pings_only_grow),
        cmocka_unit_test(three_invalid_within_a_minute),
        cmocka_unit_test(answers_to_nothing_are_invalid),
        cmocka_unit_test(an_answer_older_than_what_is_remembered),
        cmocka_unit_test(our_own_absence_is_forgiven),
        cmocka_unit_test(what_was_open_stays_open),
        cmocka_unit_test(an_answer_that_waited_for_us_is_not_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
