/* The timer of a connection (HB-4 default): Pings, silence, death, and output that is stuck. */
#include "adapter/ws/ws_testkit.h"

static struct kit kit;

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static unsigned pings(struct kit_link *link)
{
    struct kit_frame frame;
    unsigned count = 0;

    while (kit_next(link, &frame)) {
        assert_int_equal(frame.opcode, HF_WS_OP_PING);
        assert_int_equal(frame.bytes, 8);
        count++;
    }
    return count;
}

static void pong(struct kit_link *link, uint64_t sent_ms)
{
    uint8_t payload[8];

    for (unsigned i = 0; i < 8; i++)
        payload[i] = (uint8_t)(sent_ms >> (56 - 8 * i));
    kit_say(link, HF_WS_OP_PONG, payload, sizeof(payload));
}

static void stages_of_a_silence(void **state)
{
    static const uint64_t due_ms[] = {30000, 37500, 45000, 52500};

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    uint64_t opened_ms = kit.hub.now_ms;
    for (unsigned i = 0; i < HF_COUNT_OF(due_ms); i++) {
        kit_run_to(&kit, opened_ms + due_ms[i] - 1);
        assert_int_equal(pings(link), 0); /* never early */
        kit_run_to(&kit, opened_ms + due_ms[i] + HF_WHEEL_TICK_MS);
        assert_int_equal(pings(link), 1); /* at most a tick late */
    }
    kit_run_to(&kit, opened_ms + 59999);
    assert_int_equal(pings(link), 0);
    kit_run_to(&kit, opened_ms + 60000 + HF_WHEEL_TICK_MS);
    kit_expect_close(link, 4408, "reason=heartbeat_timeout;retry_ms=0");
    assert_int_equal(kit.site.stats.pings_out, 4);
    assert_int_equal(kit_last(&kit, HF_EVENT_UNKNOWN)->reason, HF_REASON_HEARTBEAT_TIMEOUT);
}

static void quiet_is_said_once_and_life_takes_it_back(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit_run_to(&kit, 44000);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 0);
    kit_run_to(&kit, 46000); /* 1.5 intervals */
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 1);
    assert_int_equal(kit_last(&kit, HF_EVENT_UNKNOWN)->reason, HF_REASON_SILENCE);
    kit_run_to(&kit, 59000);
    assert_int_equal(kit_count(&kit, HF_EVENT_UNKNOWN), 1);
    assert_int_equal(pings(link), 4);
    kit_text(link, "alive"); /* any accepted frame is life */
    assert_int_equal(kit_count(&kit, HF_EVENT_ONLINE), 2);
    kit_run_to(&kit, 59000 + 29900);
    assert_int_equal(pings(link), 0);
    kit_run_to(&kit, 59000 + 30100);
    assert_int_equal(pings(link), 1);
}

static void any_frame_is_life(void **state)
{
    static const char *const rows[] = {"text", "binary", "ping", "pong", "a piece of a head"};

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    uint64_t at_ms = kit.hub.now_ms;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        at_ms += 29000;
        kit_run_to(&kit, at_ms);
        switch (i) {
        case 0: kit_text(link, "x"); break;
        case 1: kit_say(link, HF_WS_OP_BINARY, "x", 1); break;
        case 2:
            kit_say(link, HF_WS_OP_PING, "x", 1);
            kit_expect(link, HF_WS_OP_PONG, "x");
            break;
        case 3: kit_say(link, HF_WS_OP_PONG, "", 0); break;
        default: kit_feed(link, "\x81", 1); break;
        }
        kit_expect_nothing(link);
    }
    assert_int_equal(kit.site.stats.pings_out, 0);
}

static void round_trip_is_measured_from_our_own_ping_only(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    struct hf_live live = {0};

    kit_run_to(&kit, 30100);
    struct kit_frame frame;
    assert_true(kit_next(link, &frame));
    uint64_t sent_ms = 0;
    for (unsigned i = 0; i < 8; i++)
        sent_ms = sent_ms << 8 | (uint8_t)frame.payload[i];
    kit_time(&kit, sent_ms + 42);
    kit_say(link, HF_WS_OP_PONG, "unasked", 7); /* ignored (RFC 6455 5.5.3) */
    pong(link, sent_ms + 1000000);              /* from the future: not ours */
    kit_conn(link)->dev.ops->describe(&kit_conn(link)->dev, &live);
    assert_int_equal(live.rtt_ms, 0);
    pong(link, sent_ms);
    kit_conn(link)->dev.ops->describe(&kit_conn(link)->dev, &live);
    assert_int_equal(live.rtt_ms, 43);
    assert_int_equal(live.last_seen_ms, kit.hub.utc_ms);
    assert_int_equal(kit.site.stats.pongs_in, 3);
}

/* While the process was stopped nobody could hear the peer: it is asked first, and has its full time to answer. */
static void own_absence_is_no_silence(void **state)
{
    static const uint64_t absent_ms[] = {50000, 60000, 3600000};

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(absent_ms); i++) {
        struct kit_link *link = kit_open(&kit, "d1");
        uint64_t woken_ms = kit.hub.now_ms + absent_ms[i];

        kit_time(&kit, woken_ms);
        (void)hf_wheel_run(&kit.wheel, woken_ms);
        assert_int_equal(pings(link), 1);
        kit_run_to(&kit, woken_ms + 7400);
        assert_int_equal(pings(link), 0);
        kit_run_to(&kit, woken_ms + 29900); /* the other half of 60 s */
        assert_int_equal(pings(link), 3);
        kit_run_to(&kit, woken_ms + 30100);
        kit_expect_close(link, 4408, "reason=heartbeat_timeout;retry_ms=0");
    }
}

static void stuck_output_ends_after_ten_seconds_without_progress(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit_run_to(&kit, 2000);
    link->blocked_since_ms = 2000;
    link->link.handler->on_blocked(&link->link);
    kit_run_to(&kit, 9000);
    link->blocked_since_ms = 8000; /* it moved a little */
    kit_run_to(&kit, 17900);
    kit_expect_nothing(link);
    kit_run_to(&kit, 18100);
    kit_expect_close(link, 4408, "reason=write_timeout;retry_ms=0");
    kit_run_to(&kit, 23300);
    assert_true(link->aborted);
}

static void drained_output_is_forgiven(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    link->blocked_since_ms = 1;
    link->link.handler->on_blocked(&link->link);
    kit_run_to(&kit, 5000);
    link->blocked_since_ms = 0;
    link->link.handler->on_drained(&link->link);
    kit_run_to(&kit, 25000);
    kit_expect_nothing(link);
}

static void rules_change_at_run_time(void **state)
{
    static struct hf_tenant_rules shorter;

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    shorter = kit.rules;
    shorter.heartbeat_interval_ms = 5000;
    shorter.heartbeat_dead_ms = 12000;
    atomic_store(&kit.tenant[0].rules, &shorter);
    uint64_t opened_ms = kit.hub.now_ms;
    kit_run_to(&kit,
               opened_ms + 30100); /* at the latest when the timer fires next; but nobody ends unasked */
    assert_int_equal(pings(link), 1);
    kit_run_to(&kit, opened_ms + 37200);
    kit_expect_close(link, 4408, "reason=heartbeat_timeout;retry_ms=0");
    link = kit_open(&kit, "d1");
    opened_ms = kit.hub.now_ms;
    kit_run_to(&kit, opened_ms + 5100);
    assert_int_equal(pings(link), 1);
    kit_run_to(&kit, opened_ms + 12100); /* the next Ping would be due after the end */
    kit_expect_close(link, 4408, "reason=heartbeat_timeout;retry_ms=0");
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(stages_of_a_silence),        ROW(quiet_is_said_once_and_life_takes_it_back),
        ROW(any_frame_is_life),          ROW(round_trip_is_measured_from_our_own_ping_only),
        ROW(own_absence_is_no_silence),  ROW(stuck_output_ends_after_ten_seconds_without_progress),
        ROW(drained_output_is_forgiven), ROW(rules_change_at_run_time),
    };
    return cmocka_run_group_tests_name("ws_heartbeat", tests, NULL, NULL);
}
