/* When beats go out and when silence ends a connection: the profiles of HB-4 and the rule of HB-5. */
#include "core/session/beat_testkit.h"

static void the_table_of_hb_5(void **state)
{
    static const struct {
        uint32_t srtt_ms, healthy_ms, degraded_ms;
    } rows[] = {
        {0, 5000, 3500},      {1, 5000, 3500},      {40, 5000, 3500},     {100, 5000, 3500},
        {101, 5050, 3535},    {180, 9000, 6300},    {200, 10000, 7000},   {300, 15000, 10500},
        {1200, 60000, 42000}, {1199, 59950, 41965}, {5000, 60000, 42000}, {UINT32_MAX, 60000, 42000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_beat_interval(rows[i].srtt_ms, false), rows[i].healthy_ms);
        assert_int_equal(hf_beat_interval(rows[i].srtt_ms, true), rows[i].degraded_ms);
    }
}

/* T = k I + clamp(SRTT + 4 RTTVAR, 0.1 s, 2 s) */
static void how_long_silence_may_last(void **state)
{
    static const struct {
        const struct hf_beat_rules *rules;
        bool active;
        uint32_t interval_ms, srtt_us, rttvar_us, timeout_ms;
    } rows[] = {
        {&kit_default, true, 0, 0, 0, 60000},
        {&kit_default, true, 0, 5000000, 5000000, 60000}, /* fixed */
        {&kit_default, false, 0, 0, 0, 60000},
        {&kit_default, false, 45000, 0, 0, 90000}, /* a gateway that asks less often is given more */
        {&kit_default, false, 20000, 0, 0, 60000},
        {&kit_ha, true, 0, 0, 0, 7000}, /* not measured: 1 s */
        {&kit_ha, false, 0, 0, 0, 7000},
        {&kit_ha, true, 0, 20000, 5000, 6100}, /* not below 0.1 s */
        {&kit_ha, true, 0, 200000, 50000, 6400},
        {&kit_ha, true, 0, 1000000, 500000, 8000}, /* not above 2 s */
        {&kit_adaptive, true, 0, 200000, 50000, 15400},
        {&kit_adaptive, true, 60000, 0, 0, 181000},
        {&kit_adaptive, true, 61000, 0, 0, 181000}, /* HB-7 */
        {&kit_adaptive, false, UINT32_MAX, 0, 0, 181000},
        {&kit_adaptive, true, 1, 0, 0, 7000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(rows[i].rules, rows[i].active, rows[i].interval_ms);
        beat.rtt = (struct hf_rtt){rows[i].srtt_us, rows[i].rttvar_us};
        assert_int_equal(hf_beat_timeout_ms(&beat), rows[i].timeout_ms);
        if (!rows[i].active)
            assert_int_equal(hf_beat_due_ms(&beat), KIT_START_MS + rows[i].timeout_ms);
    }
}

static void default_asks_in_steps(void **state)
{
    (void)state;
    kit_begin(&kit_default, true, 0);
    kit_run(70000);
    kit_expect("30000 send, 37500 send, 45000 degraded, 45000 send, 52500 send, 60000 dead");
    assert_int_equal(beat.misses, 3);
}

static void default_leaves_those_alone_who_talk(void **state)
{
    (void)state;
    kit_begin(&kit_default, true, 0);
    for (uint64_t at_ms = 29999; at_ms < 300000; at_ms += 29999) {
        kit_run(at_ms);
        hf_beat_life(&beat, at_ms + KIT_START_MS);
    }
    kit_expect("");
    kit_run(299990 + 30000);
    kit_expect("329990 send");
    hf_beat_life(&beat, KIT_START_MS + 330000); /* not an answer, but life */
    kit_run(360000);
    kit_expect("360000 send");
    assert_int_equal(beat.misses, 0);
    assert_int_equal(beat.lost_bits, 1);
    kit_run(375000);
    kit_expect("367500 send, 375000 degraded, 375000 send"); /* two misses, however it began */
}

/* "In DEGRADED a Ping every 7.5 s", whoever talks: without it no five answers could restore. */
static void default_asks_more_often_when_degraded(void **state)
{
    (void)state;
    kit_begin(&kit_default, true, 0);
    kit_run(45000);
    kit_log[0] = 0;
    assert_int_equal(kit_pong_of(kit_ping, 45100), HF_BEAT_NOTHING);
    for (unsigned i = 2; i <= 4; i++)
        assert_int_equal(kit_answer_next(100), HF_BEAT_NOTHING);
    kit_expect("52500 send, 60000 send, 67500 send");
    assert_true(beat.degraded);
    assert_int_equal(kit_answer_next(100), HF_BEAT_RESTORED);
    kit_expect("75000 send");
    kit_run(106000);
    kit_expect("105100 send"); /* 30 s after the last answer */
}

static void ha_detects_in_about_six_seconds(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(kit_answer_next(20), HF_BEAT_NOTHING);
    kit_expect("2000 send, 4000 send, 6000 send, 8000 send, 10000 send");
    kit_run(30000); /* silent since 10,020; RTT 20 ms */
    kit_expect("12000 send, 14000 send, 16000 degraded, 16000 send, 16120 dead");
}

static void both_sides_notice_silence(void **state)
{
    struct hf_frame_beat ping = {.beat = {.seq = 1}, .interval_ms = 2000, .valid = true};

    (void)state;
    kit_begin(&kit_ha, false, 0);
    assert_int_equal(hf_beat_ping(&beat, &ping, KIT_START_MS + 2000), HF_BEAT_NOTHING);
    kit_run(8999);
    kit_expect("");
    kit_run(20000);
    kit_expect("9000 dead"); /* 3 * 2 s + 1 s, and no beat of its own */
    kit_begin(&kit_default, false, 0);
    kit_run(100000);
    kit_expect("60000 dead");
}

static void dead_stays_dead_until_there_is_life(void **state)
{
    (void)state;
    kit_begin(&kit_ha, true, 0);
    kit_run(30000);
    for (uint64_t at_ms = 7000; at_ms < 60000; at_ms += 1000)
        assert_int_equal(hf_beat_tick(&beat, KIT_START_MS + at_ms, 0, &kit_ping), HF_BEAT_DEAD);
    hf_beat_life(&beat, KIT_START_MS + 60000);
    assert_int_not_equal(hf_beat_tick(&beat, KIT_START_MS + 60000, 0, &kit_ping), HF_BEAT_DEAD);
}

static void what_a_beat_carries(void **state)
{
    (void)state;
    kit_begin(&kit_adaptive, true, 20000);
    kit_run(20000);
    assert_int_equal(kit_ping.beat.seq, 1);
    assert_int_equal(kit_ping.beat.ts_ms, KIT_UTC_MS);
    assert_int_equal(kit_ping.interval_ms, 20000);
    assert_true(kit_ping.valid);
    kit_run(40000);
    assert_int_equal(kit_ping.beat.seq, 2);
    kit_begin(&kit_default, true, 0);
    kit_run(30000);
    assert_int_equal(kit_ping.interval_ms, 30000);
}

/* DEGRADED shortens I and T: not the silence that led to it, or two misses would end what three should. */
static void adaptive_sends_its_third_beat(void **state)
{
    (void)state;
    kit_begin(&kit_adaptive, true, 0);
    kit_run(60000);
    kit_expect("5000 send, 10000 send, 15000 degraded, 15000 send, 16000 dead");
    assert_int_equal(beat.interval_ms, 3500);
    assert_int_equal(kit_ping.interval_ms, 3500); /* and told at once */
    assert_int_equal(hf_beat_timeout_ms(&beat), 11500);
}

/* The peer's kernel still takes bytes: one more interval, once. */
static void a_grant_is_given_once(void **state)
{
    static const struct {
        const struct hf_beat_rules *rules;
        bool active;
        uint64_t dead_ms;
        const char *then;
    } rows[] = {
        {&kit_default, true, 60000, "60000 send, 67500 dead"},  {&kit_default, false, 60000, "67500 dead"},
        {&kit_ha, true, 7000, "8000 send, 9000 dead"},          {&kit_ha, false, 7000, "9000 dead"},
        {&kit_adaptive, true, 16000, "18500 send, 19500 dead"}, /* degraded: I = 3.5 s */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(rows[i].rules, rows[i].active, 0);
        kit_run(100000);
        assert_int_equal(hf_beat_due_ms(&beat), KIT_START_MS + rows[i].dead_ms);
        kit_log[0] = 0;
        assert_true(hf_beat_grant(&beat, KIT_START_MS + rows[i].dead_ms));
        kit_run(100000);
        kit_expect(rows[i].then);
        assert_false(hf_beat_grant(&beat, hf_beat_due_ms(&beat)));
        hf_beat_life(&beat, KIT_START_MS + 200000);
        kit_run(400000);
        assert_true(hf_beat_grant(&beat, hf_beat_due_ms(&beat))); /* once more after life */
    }
    kit_begin(&kit_ha, false, 0);
    assert_false(hf_beat_grant(&beat, KIT_START_MS + 9000)); /* that interval is over as well */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_hb_5),
        cmocka_unit_test(how_long_silence_may_last),
        cmocka_unit_test(default_asks_in_steps),
        cmocka_unit_test(default_leaves_those_alone_who_talk),
        cmocka_unit_test(default_asks_more_often_when_degraded),
        cmocka_unit_test(ha_detects_in_about_six_seconds),
        cmocka_unit_test(both_sides_notice_silence),
        cmocka_unit_test(dead_stays_dead_until_there_is_life),
        cmocka_unit_test(what_a_beat_carries),
        cmocka_unit_test(adaptive_sends_its_third_beat),
        cmocka_unit_test(a_grant_is_given_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
