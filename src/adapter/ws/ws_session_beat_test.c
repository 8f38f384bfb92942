/* The liveness of a session at the gateway: who beats, what silence leads to, what the kernel knows, and a process that did not run. */
#include "adapter/ws/ws_session_testkit.h"

static struct kit_link *open_with(uint8_t profile, uint32_t capabilities)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    hello.as.hello.profile = profile;
    hello.as.hello.capabilities = capabilities;
    (void)sk_welcomed(link, &hello);
    return link;
}

static void pong(struct kit_link *link, uint32_t seq)
{
    struct hf_frame frame = sk_beat(HF_FRAME_PONG, seq, 0);

    sk_say(link, &frame);
}

static void ping(struct kit_link *link, uint32_t seq, uint32_t interval_ms)
{
    struct hf_frame frame = sk_beat(HF_FRAME_PING, seq, interval_ms);

    sk_say(link, &frame);
}

static uint32_t next_beat(struct kit_link *link)
{
    const struct hf_beat *beat = &sk_conn(link)->session->beat;
    uint32_t before = beat->seq;

    for (unsigned i = 0; i < 60000 && beat->seq == before; i++)
        sk_run(1);
    assert_int_equal(beat->seq, before + 1);
    return beat->seq;
}

static void the_gateway_beats_by_steps(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);
    uint64_t begun_ms = kit.hub.now_ms;

    (void)state;
    sk_run(29900);
    kit_expect_nothing(link);
    assert_int_equal(next_beat(link), 1);
    assert_true(kit.hub.now_ms >= begun_ms + 30000 && kit.hub.now_ms <= begun_ms + 30000 + HF_WHEEL_TICK_MS);
    const struct hf_frame *beat = sk_expect(link, HF_FRAME_PING);
    assert_int_equal(beat->as.beat.beat.seq, 1);
    assert_int_equal(beat->as.beat.interval_ms, 30000);
    assert_true(beat->as.beat.valid);
    sk_run(100);
    pong(link, 1);
    assert_int_equal(hf_rtt_srtt_ms(&hf_devconn_session(&sk_conn(link)->dev)->rtt),
                     100); /* kept for the next connection */
    struct hf_live live = {0};
    sk_conn(link)->dev.ops->describe(&sk_conn(link)->dev, &live);
    assert_int_equal(live.rtt_ms, 100);
    begun_ms = kit.hub.now_ms;
    for (unsigned i = 0; i < 4; i++) { /* 30 s, 37.5, 45, 52.5 */
        sk_run_to(begun_ms + 30000 + i * 7500 + 2 * HF_WHEEL_TICK_MS);
        assert_int_equal(sk_expect(link, HF_FRAME_PING)->as.beat.beat.seq, 2 + i);
        kit_expect_nothing(link);
    }
    assert_int_equal(kit.site.stats.session.degraded, 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 1); /* 1.5 intervals: quiet */
    sk_run_to(begun_ms + 59900);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    sk_run(200);
    sk_expect_bye(link, HF_REASON_HEARTBEAT_TIMEOUT);
    assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_SILENT);
    assert_int_equal(sk.states[sk.state_count - 1].before, HF_LINK_DEGRADED);
    assert_int_equal(sk.states[sk.state_count - 1].reason, HF_REASON_HEARTBEAT_TIMEOUT);
}

static void life_ends_degradation_and_quiet(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);

    (void)state;
    sk_run(46000);
    assert_int_equal(sk_conn(link)->session->state, HF_LINK_DEGRADED);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 1);
    pong(link, sk_conn(link)->session->beat.seq);          /* late */
    assert_int_equal(kit_count(&kit, HF_EVENT_ONLINE), 2); /* at the first sign */
    for (unsigned i = 0; i < HF_BEAT_ON_TIME_RESTORES; i++) {
        assert_int_equal(sk_conn(link)->session->state, HF_LINK_DEGRADED);
        pong(link, next_beat(link));
    }
    assert_int_equal(sk_conn(link)->session->state, HF_LINK_CONNECTED);
    assert_int_equal(kit.site.stats.session.restored, 1);
    assert_int_equal(kit.site.stats.session.events_refused, 0);
}

static void whoever_talks_is_not_asked(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        struct hf_frame ack = sk_ack(0, 0);

        sk_run(20000);
        sk_say(link, &ack);
    }
    kit_expect_nothing(link);
    assert_int_equal(sk.kernel_calls, 0); /* no system call while all is well */
    assert_int_equal(sk.patience_calls, 0);
}

static void websocket_pings_for_who_knows_no_others(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, HF_CAP_RESUME);
    struct kit_frame frame;

    (void)state;
    sk_run(30100);
    assert_true(kit_next(link, &frame));
    assert_int_equal(frame.opcode, HF_WS_OP_PING);
    assert_int_equal(frame.bytes, HF_HEARTBEAT_BYTES);
    kit_say(link, HF_WS_OP_PONG, "unsolicited", 11);
    kit_say(link, HF_WS_OP_PONG, "thirteen byte", 13); /* no heartbeat: not ours */
    assert_int_equal(hf_rtt_srtt_ms(&sk_conn(link)->session->beat.rtt), 0);
    sk_run(50);
    kit_say(link, HF_WS_OP_PONG, frame.payload, frame.bytes);
    assert_true(hf_rtt_srtt_ms(&sk_conn(link)->session->beat.rtt) >= 50);
    assert_int_equal(kit.site.stats.session.invalid_heartbeats, 0);
    assert_int_equal(kit.site.stats.pings_out, 1);
}

/* ---- the device beats ---- */

static void an_active_device_is_watched(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);

    (void)state;
    for (uint32_t seq = 1; seq <= 5; seq++) {
        sk_run(2000);
        ping(link, seq, 0);
        const struct hf_frame *answer = sk_expect(link, HF_FRAME_PONG);
        assert_int_equal(answer->as.beat.beat.seq, seq);
    }
    kit_expect_nothing(link); /* it is asked for nothing */
    sk_run(3100);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 1); /* 1.5 of its intervals */
    sk_run(3700);                                           /* T = 3 * 2 s + 1 s while nothing was measured */
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    sk_run(300);
    sk_expect_bye(link, HF_REASON_HEARTBEAT_TIMEOUT);
}

static void an_announced_interval_counts(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_ADAPTIVE, SK_ALL);

    (void)state;
    assert_int_equal(sk.patience_ms, 16000); /* T = 3 * 5 s + 1 s, told to the kernel */
    ping(link, 1, 40000);
    const struct hf_frame *answer = sk_expect(link, HF_FRAME_PONG);
    assert_int_equal(answer->as.beat.interval_ms, 40000); /* so that it knows that we know */
    assert_int_equal(sk.patience_ms, 121000);
    sk_run(100000);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    ping(link, 2, 2000); /* a shorter one counts at once, for the timer, too */
    (void)sk_expect(link, HF_FRAME_PONG);
    sk_run(7100);
    sk_expect_bye(link, HF_REASON_HEARTBEAT_TIMEOUT);
}

static void a_kernel_that_acknowledges_grants_one_more_interval(void **state)
{
    (void)state;
    for (unsigned evidence = 0; evidence < 2; evidence++) {
        struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);

        sk.kernel.acked_bytes = 1000;
        sk_run(31000); /* the first beat: looked at from here on */
        sk.kernel.acked_bytes += evidence;
        sk_run(29500);
        assert_int_equal(sk_conn(link)->state, evidence ? HF_WS_STATE_OPEN : HF_WS_STATE_CLOSING);
        assert_int_equal(kit.site.stats.session.granted, evidence);
        if (!evidence)
            continue;
        sk.kernel.acked_bytes++; /* once a silence */
        sk_run(7500);
        assert_int_equal(kit.closed_reason, HF_REASON_HEARTBEAT_TIMEOUT);
        assert_int_equal(sk_conn(link)->state, HF_WS_STATE_CLOSING);
    }
}

static void a_new_silence_is_looked_at_anew(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);

    (void)state;
    sk_run(31000);
    assert_int_equal(sk.kernel_calls, 1);
    pong(link, 1);
    sk.kernel.acked_bytes = 5000; /* of the time when all was well: no evidence */
    sk_run(60100);
    assert_int_equal(kit.closed_reason, HF_REASON_HEARTBEAT_TIMEOUT);
    assert_int_equal(kit.site.stats.session.granted, 0);
}

/* ---- invalid ---- */

static void invalid_heartbeats_are_recorded_and_the_third_ends_it(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);
    uint8_t damaged[22];
    struct hf_frame good = sk_beat(HF_FRAME_PING, 5, 0);

    (void)state;
    assert_int_equal(hf_frame_encode(&good, damaged), sizeof(damaged));
    damaged[5 + 12] ^= 1; /* the CRC-8 */
    kit_say(link, HF_WS_OP_BINARY, damaged, sizeof(damaged));
    kit_expect_nothing(link); /* dropped */
    assert_int_equal(kit_count(&kit, HF_EVENT_AUDIT), 1);
    const struct hf_event *audit = kit_last(&kit, HF_EVENT_AUDIT);
    assert_true(hf_slice_is(audit->topic, "heartbeat.invalid"));
    assert_true(hf_slice_is(audit->tenant, "acme"));
    assert_true(hf_slice_is(audit->device, "d1"));
    assert_true(hf_slice_is(audit->key, "d1"));
    assert_true(hf_slice_is(audit->payload, "{\"connection\":\"c_0000000000000001\",\"fault\":\"damaged\"}"));
    ping(link, 5, 0);
    (void)sk_expect(link, HF_FRAME_PONG);
    ping(link, 5, 0); /* an old one */
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_AUDIT)->payload,
                            "{\"connection\":\"c_0000000000000001\",\"fault\":\"sequence\",\"seq\":5}"));
    pong(link, 1); /* to a beat that was never sent */
    sk_expect_bye(link, HF_REASON_INVALID_HEARTBEAT);
    assert_int_equal(kit_count(&kit, HF_EVENT_AUDIT), 3);
    assert_int_equal(kit.site.stats.session.invalid_heartbeats, 3);
}

/* Of a device that sends heartbeats and has a clock; nothing but the mark follows from it. */
static void a_clock_that_is_off_is_marked(void **state)
{
    static const struct {
        int64_t ahead_ms; /* INT64_MIN: it has no clock */
        int32_t shown_ms;
        bool known, skew;
        unsigned counted;
    } rows[] = {
        {INT64_MIN, 0, false, false, 0},
        {0, 0, true, false, 0},
        {2000, 2000, true, false, 0},
        {2001, 2001, true, true, 1},
        {3000, 3000, true, true, 1}, /* still: told once */
        {INT64_MIN, 3000, true, true, 1},
        {-2000, -2000, true, false, 1},
        {-2001, -2001, true, true, 2},
        {INT64_C(1) << 42, INT32_MAX, true, true, 2},
        {-(INT64_C(1) << 40), -INT32_MAX, true, true, 2},
    };
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);

    (void)state;
    for (uint32_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_frame beat = sk_beat(HF_FRAME_PING, i + 1, 0);
        struct hf_live live = {0};

        beat.as.beat.beat.ts_ms =
            rows[i].ahead_ms == INT64_MIN ? 0 : (uint64_t)((int64_t)kit.hub.utc_ms + rows[i].ahead_ms);
        sk_say(link, &beat);
        (void)sk_expect(link, HF_FRAME_PONG);
        sk_conn(link)->dev.ops->describe(&sk_conn(link)->dev, &live);
        assert_int_equal(live.clock_known, rows[i].known);
        assert_int_equal(live.clock_skew, rows[i].skew);
        assert_int_equal(live.clock_ahead_ms, rows[i].shown_ms);
        assert_int_equal(kit.site.stats.session.clocks_skewed, rows[i].counted);
    }
    assert_int_equal(sk.kernel_calls, HF_COUNT_OF(rows)); /* for describe() alone: none for a heartbeat */
}

static void before_welcome_an_invalid_one_is_only_dropped(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    uint8_t damaged[22];
    struct hf_frame good = sk_beat(HF_FRAME_PING, 5, 0);

    (void)state;
    (void)hf_frame_encode(&good, damaged);
    damaged[5 + 12] ^= 1;
    kit_say(link, HF_WS_OP_BINARY, damaged, sizeof(damaged));
    kit_expect_nothing(link);
    assert_int_equal(kit_count(&kit, HF_EVENT_AUDIT), 0);
}

/* ---- this process did not run ---- */

static void own_absence_is_no_silence_of_the_peer(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);

    (void)state;
    ping(link, 1, 0);
    (void)sk_expect(link, HF_FRAME_PONG);
    kit_time(&kit, kit.hub.now_ms + 100000); /* stopped, and gone on */
    (void)hf_wheel_run(&kit.wheel, kit.hub.now_ms);
    hf_hub_settle(&kit.hub);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    ping(link, 2, 0); /* what lay in the socket */
    (void)sk_expect(link, HF_FRAME_PONG);
    sk_run(4000);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
}

static void on_sent(struct hf_call *call)
{
    hf_call_free(call);
}

static void own_absence_is_no_stall_of_its_acknowledgements(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);
    struct hf_call *call = hf_call_new(HF_CALL_SEND, 0);
    struct hf_frame ack = sk_ack(1, 1);

    (void)state;
    call->tenant = HF_SLICE("acme");
    call->device = HF_SLICE("d1");
    call->payload = HF_SLICE("x");
    call->ttl_ms = 60000;
    memset(call->id, 1, 16);
    call->on_done = on_sent;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    sk_turn();
    sk_turn();
    (void)sk_expect(link, HF_FRAME_DATA);
    kit_time(&kit, kit.hub.now_ms + 15000);
    (void)hf_wheel_run(&kit.wheel, kit.hub.now_ms);
    ping(link, 1, 0);                              /* lay before the acknowledgement in the socket */
    hf_hub_drained(&kit.hub, &sk_conn(link)->dev); /* settled in this turn */
    hf_hub_settle(&kit.hub);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    sk_say(link, &ack);
    sk_turn();
    sk_run(3000);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    assert_int_equal(kit.site.stats.session.stalled, 0);
}

static void while_input_is_held_silence_says_nothing(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_HA, SK_ALL);
    struct hf_frame data = sk_data(1, "t", "x");

    (void)state;
    kit.gate_closed = true;
    sk_say(link, &data);
    assert_true(link->paused);
    sk_run(60000);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 0);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    sk_run(6000);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    sk_run(2000);
    assert_int_equal(kit.closed_reason, HF_REASON_HEARTBEAT_TIMEOUT);
}

static void a_reload_reaches_live_connections(void **state)
{
    struct kit_link *link = open_with(HF_PROFILE_DEFAULT, SK_ALL);
    static struct hf_tenant_rules rules;

    (void)state;
    rules = kit.rules;
    for (unsigned i = HF_PROFILE_DEFAULT; i < HF_PROFILES; i++)
        rules.session.beats[i].dead_ms = 40000;
    atomic_store(&kit.tenant[0].rules, &rules);
    sk_run(39900);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
    sk_run(200);
    assert_int_equal(kit.closed_reason, HF_REASON_HEARTBEAT_TIMEOUT);
    atomic_store(&kit.tenant[0].rules, &kit.rules);
}

static void credentials_end_and_output_gets_stuck_as_in_raw_mode(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    admit.identity.expires_ms = KIT_UTC + 20000;
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    (void)sk_welcomed(link, &hello);
    sk_run_to(20100);
    sk_expect_bye(link, HF_REASON_CREDENTIALS_EXPIRED);
    link = sk_device("d2");
    link->blocked_since_ms = kit.hub.now_ms;
    link->link.handler->on_blocked(&link->link);
    sk_run(10100);
    assert_int_equal(kit.closed_reason, HF_REASON_WRITE_TIMEOUT);
    assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(the_gateway_beats_by_steps),
        SK_ROW(life_ends_degradation_and_quiet),
        SK_ROW(whoever_talks_is_not_asked),
        SK_ROW(websocket_pings_for_who_knows_no_others),
        SK_ROW(an_active_device_is_watched),
        SK_ROW(an_announced_interval_counts),
        SK_ROW(a_kernel_that_acknowledges_grants_one_more_interval),
        SK_ROW(a_new_silence_is_looked_at_anew),
        SK_ROW(invalid_heartbeats_are_recorded_and_the_third_ends_it),
        SK_ROW(a_clock_that_is_off_is_marked),
        SK_ROW(before_welcome_an_invalid_one_is_only_dropped),
        SK_ROW(own_absence_is_no_silence_of_the_peer),
        SK_ROW(own_absence_is_no_stall_of_its_acknowledgements),
        SK_ROW(while_input_is_held_silence_says_nothing),
        SK_ROW(a_reload_reaches_live_connections),
        SK_ROW(credentials_end_and_output_gets_stuck_as_in_raw_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
