/* core/sip/tx_timer_test.c - when things are sent, with GB-13's values and with others. The wheel is at most one tick of 16 ms late, and repeats count from the last one. */
#include "core/sip/tx_testkit.h"

/* "0 500 1500 ..." within `late` ms each: the times at which `what` was logged. */
static void expect_times(const char *what, const char *want, unsigned late_ms)
{
    const char *at = kit.log_text;
    unsigned count = 0;
    char *next;

    for (const char *w = want; *w != 0; w = next) {
        unsigned long want_ms = strtoul(w, &next, 10), got_ms;
        char *colon;

        got_ms = strtoul(at, &colon, 10);
        if (*colon != ':' || strncmp(colon + 1, what, strlen(what)) != 0)
            fail_msg("number %u of '%s' is missing in: %s", count, what, kit.log_text);
        if (got_ms < want_ms || got_ms > want_ms + late_ms)
            fail_msg("number %u at %lu ms, not %lu: %s", count, got_ms, want_ms, kit.log_text);
        at = colon + 1 + strlen(what);
        if (strncmp(at, ", ", 2) == 0)
            at += 2;
        count++;
        while (*next == ' ')
            next++;
    }
    if (*at != 0)
        fail_msg("more than expected: %s", at);
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
}

static void start(enum hf_sip_transport transport, const char *script)
{
    kit_begin(transport, NULL);
    kit_run(script);
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
    kit.times = true;
    kit.mark_ms = kit.now_ms;
}

static void repeats_follow_the_rfc(void **state)
{
    static const struct {
        const char *script, *what, *times;
        enum hf_sip_transport transport;
    } rows[] = {
        {"ask:MESSAGE", "> MESSAGE", "500 1500 3500 7500 11500 15500 19500 23500 27500 31500",
         HF_SIP_UDP},                                                             /* E */
        {"ask:INVITE", "> INVITE", "500 1500 3500 7500 15500 31500", HF_SIP_UDP}, /* A */
        {"recv:INVITE ans:486", "> 486 INVITE", "500 1500 3500 7500 11500 15500 19500 23500 27500 31500",
         HF_SIP_UDP}, /* G */
        {"recv:INVITE ans:200", "> 200 INVITE", "500 1500 3500 7500 11500 15500 19500 23500 27500 31500",
         HF_SIP_UDP}, /* 13.3.1.4 */
        {"recv:INVITE ans:200", "> 200 INVITE", "500 1500 3500 7500 11500 15500 19500 23500 27500 31500",
         HF_SIP_TCP},
        {"ask:MESSAGE rsp:100", "> MESSAGE", "500 4500 8500 12500 16500 20500 24500 28500", HF_SIP_UDP},
        {"ask:MESSAGE", "> MESSAGE", "", HF_SIP_TCP},
        {"ask:INVITE", "> INVITE", "", HF_SIP_TCP},
        {"recv:INVITE ans:486", "> 486 INVITE", "", HF_SIP_TCP},
        {"ask:INVITE rsp:100", "> INVITE", "", HF_SIP_UDP},
        {"recv:INVITE ans:200 ackx", "> 200 INVITE", "", HF_SIP_UDP},
        {"recv:INVITE ans:486 ack", "> 486 INVITE", "", HF_SIP_UDP},
        {"recv:INVITE ans:180", "> 180 INVITE", "", HF_SIP_UDP},
        {"recv:MESSAGE ans:200", "> 200 MESSAGE", "", HF_SIP_UDP},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        start(rows[i].transport, rows[i].script);
        kit_pass(31900);
        expect_times(rows[i].what, rows[i].times, 12 * HF_WHEEL_TICK_MS);
        kit_end();
    }
}

static void deadlines_follow_the_rfc(void **state)
{
    static const struct {
        const char *script, *what;
        enum hf_sip_transport transport;
        unsigned at_ms; /* when the last one ends */
        enum hf_sip_timer timer;
    } rows[] = {
        {"ask:MESSAGE", "FAILED F", HF_SIP_TCP, 32000, HF_SIP_TIMER_F},
        {"ask:INVITE", "FAILED B", HF_SIP_TCP, 32000, HF_SIP_TIMER_B},
        {"ask:INVITE rsp:180", "FAILED C", HF_SIP_UDP, 180000, HF_SIP_TIMER_C},
        {"ask:INVITE rsp:180 +100000 rsp:100", "FAILED C", HF_SIP_UDP, 80000,
         HF_SIP_TIMER_C}, /* 100 is no sign of life */
        {"ask:INVITE rsp:180 +100000 rsp:180", "FAILED C", HF_SIP_UDP, 180000, HF_SIP_TIMER_C},
        {"ask:INVITE rsp:180 ucancel", "FAILED cancel", HF_SIP_TCP, 32000, HF_SIP_TIMER_CANCEL},
        {"ask:INVITE rsp:180 ucancel rsp:180", "FAILED cancel", HF_SIP_TCP, 32000, HF_SIP_TIMER_CANCEL},
        {"ask:INVITE rsp:180 ucancel +10000 rsp:180", "FAILED cancel", HF_SIP_TCP, 22000,
         HF_SIP_TIMER_CANCEL},
        {"ask:INVITE rsp:486", NULL, HF_SIP_UDP, 32000, HF_SIP_TIMER_D},
        {"ask:INVITE rsp:486", NULL, HF_SIP_TCP, 0, HF_SIP_NO_TIMER},
        {"ask:MESSAGE rsp:200", NULL, HF_SIP_UDP, 5000, HF_SIP_TIMER_K},
        {"ask:MESSAGE rsp:200", NULL, HF_SIP_TCP, 0, HF_SIP_NO_TIMER},
        {"ask:INVITE rsp:200 uack", "OVER", HF_SIP_UDP, 32000, HF_SIP_TIMER_M},
        {"ask:INVITE rsp:200 uack", "OVER", HF_SIP_TCP, 32000, HF_SIP_TIMER_M},
        {"recv:MESSAGE ans:200", NULL, HF_SIP_UDP, 32000, HF_SIP_TIMER_J},
        {"recv:MESSAGE ans:200", NULL, HF_SIP_TCP, 0, HF_SIP_NO_TIMER},
        {"recv:MESSAGE", "LOST answer", HF_SIP_TCP, 32000, HF_SIP_TIMER_ANSWER},
        {"recv:INVITE", "LOST answer", HF_SIP_TCP, 180000, HF_SIP_TIMER_ANSWER},
        {"recv:INVITE ans:486", NULL, HF_SIP_TCP, 32000, HF_SIP_TIMER_H},
        {"recv:INVITE ans:486 ack", NULL, HF_SIP_UDP, 5000, HF_SIP_TIMER_I},
        {"recv:INVITE ans:486 ack", NULL, HF_SIP_TCP, 0, HF_SIP_NO_TIMER},
        {"recv:INVITE ans:200 ackx", NULL, HF_SIP_UDP, 32000, HF_SIP_TIMER_L},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_sip_layer_stats *stats;

        start(rows[i].transport, rows[i].script);
        stats = hf_sip_layer_stats(kit.layer);
        if (rows[i].at_ms > 0) {
            kit_pass(rows[i].at_ms - 1);
            if (stats->timer_fired[rows[i].timer] != 0 || stats->transactions == 0)
                fail_msg("row %zu ends early", i);
        }
        kit_pass(1 + HF_WHEEL_TICK_MS);
        if (stats->timer_fired[rows[i].timer] != (rows[i].at_ms > 0) || stats->transactions != 0)
            fail_msg("row %zu does not end", i);
        if (rows[i].what != NULL && strstr(kit.log_text, rows[i].what) == NULL)
            fail_msg("row %zu: '%s' is not told: %s", i, rows[i].what, kit.log_text);
        assert_int_equal(stats->kept_bytes, 0);
        assert_int_equal(stats->orphans, 0);
        kit_end();
    }
}

static void values_are_configuration(void **state)
{
    static const struct {
        struct hf_sip_layer_config config;
        hf_err want;
    } rows[] = {
        {{.t1_ms = 100, .t2_ms = 100, .t4_ms = 100}, HF_OK},
        {{.t1_ms = 99}, HF_ERR_INVALID},
        {{.t1_ms = 10001, .t2_ms = 10001}, HF_ERR_INVALID},
        {{.t1_ms = 5000}, HF_ERR_INVALID}, /* above T2 */
        {{.t4_ms = 400}, HF_ERR_INVALID},
        {{.t2_ms = 10001}, HF_ERR_INVALID},
        {{.t4_ms = 10001}, HF_ERR_INVALID},
        {{.timer_c_ms = 999}, HF_ERR_INVALID},
        {{.timer_c_ms = 3600001}, HF_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_layer_config config = rows[i].config;
        struct hf_sip_layer *layer = NULL;

        config.ops = &kit_ops;
        config.wheel = &kit.wheel;
        assert_int_equal(hf_sip_layer_new(&config, &layer), rows[i].want);
        hf_sip_layer_free(layer);
        config.wheel = NULL;
        assert_int_equal(hf_sip_layer_new(&config, &layer), HF_ERR_INVALID);
        config.wheel = &kit.wheel;
        config.ops = NULL;
        assert_int_equal(hf_sip_layer_new(&config, &layer), HF_ERR_INVALID);
    }
    kit_begin(HF_SIP_UDP, &(struct hf_sip_layer_config){.t1_ms = 200, .t2_ms = 800, .t4_ms = 1000});
    kit_run("ask:MESSAGE");
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
    kit.times = true;
    kit_pass(4000);
    expect_times("> MESSAGE", "200 600 1400 2200 3000 3800", 8 * HF_WHEEL_TICK_MS);
    kit_run("rsp:200");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 1);
    kit_pass(1000 + HF_WHEEL_TICK_MS);
    assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 0);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_follow_the_rfc),
        cmocka_unit_test(deadlines_follow_the_rfc),
        cmocka_unit_test(values_are_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
