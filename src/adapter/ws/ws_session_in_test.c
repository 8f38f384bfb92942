/* What a device of holdfast.v1 says: numbered frames taken once and in order, and held back. */
#include "adapter/ws/ws_session_testkit.h"

static void messages_are_acknowledged_when_durable(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame frame = sk_data(1, "gps", "[1,2]");

    (void)state;
    frame.as.data.format = HF_FORMAT_JSON;
    frame.as.data.time_ms = 1699999999000;
    memset(frame.as.data.id, 7, 16);
    sk_say(link, &frame);
    sk_say_data(link, 2, "two");
    hf_hub_settle(&kit.hub); /* received, not durable: no hurry to say so */
    kit_expect_nothing(link);
    sk_run(HF_ACK_DELAY_MS + HF_WHEEL_TICK_MS);
    sk_expect_ack(link, 2, 0);
    sk_turn();
    const struct hf_frame *ack = sk_expect(link, HF_FRAME_ACK);
    assert_int_equal(ack->as.ack.received_through, 2);
    assert_int_equal(ack->as.ack.durable_through, 2);
    assert_int_equal(ack->as.ack.window_messages, 8);
    assert_int_equal(ack->as.ack.window_bytes, 65536);
    kit_expect_nothing(link);
    const struct hf_event *event = &kit.events[1].event;
    assert_int_equal(event->type, HF_EVENT_MESSAGE);
    assert_int_equal(event->seq, 1);
    assert_int_equal(event->from, SK_QUEUE);
    assert_int_equal(event->format, HF_FORMAT_JSON);
    assert_int_equal(event->flags, HF_EVENT_FLAG_TEXT);
    assert_int_equal(event->made_ms, 1699999999000);
    assert_int_equal(event->id[15], 7);
    assert_true(hf_slice_is(event->topic, "gps"));
    assert_true(hf_slice_is(sk_logged(1), "two"));
}

static void one_message_holds_many_frames(void **state)
{
    static struct sk_message message;
    struct kit_link *link = sk_device("d1");
    struct hf_frame unknown = sk_data(0, "", "skip me"), ping = sk_beat(HF_FRAME_PING, 1, 0);

    (void)state;
    message.bytes = 0;
    for (unsigned i = 1; i <= 3; i++) {
        struct hf_frame data = sk_data(i, NULL, "x"); /* no topic: the default one */

        sk_add(&message, &data);
        size_t at = message.bytes;
        sk_add(&message, &unknown);
        message.at[at] = 77; /* of a version to come: skipped, counted */
    }
    sk_add(&message, &ping);
    for (size_t chunk = 1; chunk < 9; chunk += 7) {
        static struct kit_wire wire;

        wire.bytes = 0;
        kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, message.at, message.bytes);
        kit_feed_chunks(link, wire.at, wire.bytes, chunk);
        (void)sk_expect(link, HF_FRAME_PONG);
        ping.as.beat.beat.seq++;
        message.bytes -= hf_frame_bytes(&ping);
        sk_add(&message, &ping);
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 3); /* the second time they were there already */
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_MESSAGE)->topic, "default"));
    assert_int_equal(kit.site.stats.session.frames_in[HF_FRAME_NONE], 6);
    assert_int_equal(kit.site.stats.session.frames_in[HF_FRAME_DATA], 6);
    assert_int_equal(kit.hub.stats.uplink_duplicates, 3);
    sk_turn();
    sk_expect_ack(link, 3, 3);
}

static void what_comes_early_waits_for_its_turn(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame gap = {.type = HF_FRAME_GAP};

    (void)state;
    sk_say_data(link, 3, "three");
    sk_say_data(link, 2, "two");
    sk_say_data(link, 6, "six");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    sk_say_data(link, 1, "one");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 3);
    assert_true(hf_slice_is(sk_logged(2), "three"));
    gap.as.gap = (struct hf_frame_gap){.from = 4, .to = 5, .reason = HF_REASON_EXPIRED};
    sk_say(link, &gap); /* what fills the hole brings six into turn, too */
    assert_true(hf_slice_is(sk_logged(3), "six"));
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->reason, HF_REASON_EXPIRED);
    sk_turn();
    sk_expect_ack(link, 6, 6);
    assert_int_equal(kit.site.stats.session.frames_in[HF_FRAME_DATA], 4); /* each once, kept or not */
}

static void a_hole_is_asked_for_and_then_given_up(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    sk_say_data(link, 2, "two");
    hf_hub_settle(&kit.hub);
    sk_run(HF_ACK_DELAY_MS + 50);
    assert_false(sk_expect(link, HF_FRAME_ACK)->as.ack.nack);
    sk_run(900);
    const struct hf_frame *nack = sk_expect(link, HF_FRAME_ACK);
    assert_true(nack->as.ack.nack);
    assert_int_equal(nack->as.ack.received_through, 0);
    assert_int_equal(nack->as.ack.range_count, 1);
    assert_int_equal(nack->as.ack.ranges[0].from, 2);
    assert_true(kit.site.stats.session.nacks_out >= 1);
    sk_run(5000);
    while (sk_conn(link)->state == HF_WS_STATE_OPEN)
        sk_run(100);
    link->read_at = link->out_bytes; /* more of the same before it */
    assert_int_equal(kit.closed_reason, HF_REASON_GAP);
    assert_int_equal(kit.closed_code, 4400);
}

static void ranges_only_for_who_knows_them(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    hello.as.hello.capabilities = HF_CAP_HEARTBEAT;
    (void)sk_welcomed(link, &hello);
    sk_say_data(link, 2, "two");
    hf_hub_settle(&kit.hub);
    sk_run(1100);
    (void)sk_expect(link, HF_FRAME_ACK);
    const struct hf_frame *nack = sk_expect(link, HF_FRAME_ACK);
    assert_true(nack->as.ack.nack);
    assert_int_equal(nack->as.ack.range_count, 0);
}

static void who_asks_is_answered(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame ask = sk_ack(0, 0);

    (void)state;
    ask.as.ack.ask = true;
    sk_say(link, &ask);
    sk_turn();
    sk_expect_ack(link, 0, 0);
    ask.as.ack.ask = false;
    ask.as.ack.nack = true; /* nothing was sent: nothing comes again */
    sk_say(link, &ask);
    sk_turn();
    assert_int_equal(kit.site.stats.session.asks_in, 1);
    assert_int_equal(kit.site.stats.session.nacks_in, 1);
}

/* ---- waiting ---- */

static void above_its_rate_a_device_waits_frame_by_frame(void **state)
{
    static struct sk_message message;
    static struct kit_wire wire;
    struct kit_link *link = sk_device("d1");
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 1, 0);

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){10, 2}; /* one each 100 ms */
    message.bytes = 0;
    for (unsigned i = 1; i <= 5; i++) {
        struct hf_frame data = sk_data(i, "t", (const char *[]){"1", "2", "3", "4", "5"}[i - 1]);

        sk_add(&message, &data);
    }
    sk_add(&message, &ping);
    wire.bytes = 0;
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, message.at, message.bytes);
    kit_add(&wire, HF_WS_OP_PING, HF_WS_FIN, "behind");
    kit_feed(link, wire.at, wire.bytes);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 2);
    assert_true(link->paused);
    uint64_t held_bytes = kit.site.stats.held_bytes_now;
    assert_true(held_bytes > 0);
    for (unsigned i = 3; i <= 5; i++) {
        assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_PONG], 0);
        sk_run(112);
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), i);
        if (i < 5) /* it stays where it lies */
            assert_int_equal(kit.site.stats.held_bytes_now, held_bytes);
    }
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_false(link->paused);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(sk_logged(i).at[0], '1' + (int)i);
    sk_skip_acks(link);
    (void)sk_expect(link, HF_FRAME_PONG);
    kit_expect(link, HF_WS_OP_PONG, "behind");
    assert_int_equal(kit.site.stats.session.frames_in[HF_FRAME_DATA], 5); /* not once per offer */
    sk_turn();
    sk_expect_ack(link, 5, 5);
}

static void what_is_refused_waits_for_the_rate_too(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame bad = sk_data(1, "a/#", "x");

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){10, 1};
    for (unsigned i = 1; i <= 3; i++) {
        bad.as.data.seq = i;
        sk_say(link, &bad);
    }
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE_GAP), i);
        assert_int_equal(kit.site.stats.session.refused, i);
        sk_run(112);
    }
    assert_false(link->paused);
    assert_int_equal(kit.site.stats.session.frames_in[HF_FRAME_DATA], 3);
}

static void what_was_kept_waits_for_the_rate_too(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 1, 0);

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){10, 1};
    sk_say_data(link, 3, "3");
    sk_say_data(link, 2, "2");
    sk_say_data(link, 1, "1"); /* takes the one token there is */
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    assert_true(link->paused);
    sk_say(link, &ping); /* read before the pause took effect: it stands behind */
    sk_run(112);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 2);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_PONG], 0);
    sk_run(112);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 3);
    sk_skip_acks(link);
    (void)sk_expect(link, HF_FRAME_PONG);
    assert_false(link->paused);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
}

static void while_the_log_cannot_keep_up_numbered_frames_wait(void **state)
{
    struct kit_link *link = sk_device("d1");
    static struct sk_message message;
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 1, 0), data = sk_data(1, "t", "1"), ack = sk_ack(0, 0);

    (void)state;
    kit.gate_closed = true;
    message.bytes = 0;
    sk_add(&message, &ping); /* needs no log */
    sk_add(&message, &ack);
    sk_add(&message, &data);
    sk_say_all(link, &message);
    (void)sk_expect(link, HF_FRAME_PONG);
    assert_true(link->paused);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    hf_ws_site_release(&kit.site);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0); /* not yet */
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    assert_false(link->paused);
}

static void a_held_message_goes_with_its_connection(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){10, 1};
    sk_say_data(link, 1, "1");
    sk_say_data(link, 2, "2");
    assert_true(link->paused);
    kit_end(link, HF_LINK_END_RESET);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    link = sk_device("d1");
    kit.rules.uplink = (struct hf_rate_limit){10, 1};
    sk_run(1000);
    sk_say_data(link, 2, "2");
    sk_say_data(link, 3, "3");
    hf_ws_close(sk_conn(link), HF_REASON_ADMIN_DISCONNECT, 0, (struct hf_slice){NULL, 0});
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_false(link->paused); /* the peer's Close must be seen */
}

/* The REFUSE that went with its connection comes again behind WELCOME, and before the ACK that would have the message forgotten; and so it does after a
 * restart. Who does not say that it knows of this is told nothing new. */
static void a_refusal_that_was_lost_is_told_again(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    sk_say_data(link, 1, "good");
    struct hf_frame bad = sk_data(2, "a/#", "x");
    sk_say(link, &bad);
    sk_say_data(link, 3, "good");
    kit_end(link, HF_LINK_END_RESET); /* nothing was read of what it was told */
    kit_durable(&kit);
    hello.as.hello.uplink_next = 4;
    for (unsigned knows = 0; knows < 2; knows++) {
        link = sk_open("d1", HF_WS_SESSION);
        hello.as.hello.capabilities = SK_ALL | (knows ? HF_CAP_REFUSALS : 0);
        struct hf_frame_welcome welcome = sk_welcomed(link, &hello);
        assert_int_equal(welcome.uplink_durable, 3);
        assert_int_equal(!!(welcome.capabilities & HF_CAP_REFUSALS), knows);
        if (knows) {
            const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
            assert_int_equal(refuse->as.refuse.seq, 2);
            assert_int_equal(refuse->as.refuse.reason, HF_REASON_BAD_REQUEST);
            sk_turn();
            sk_run(HF_ACK_DELAY_MS + HF_WHEEL_TICK_MS);
            sk_expect_ack(link, 3, 3);
        }
        kit_expect_nothing(link);
        kit_end(link, HF_LINK_END_RESET);
        kit_durable(&kit);
    }
    assert_int_equal(kit.site.stats.session.refused_again, 1);
    /* It knows of 2: what it has forgotten, or has not. */
    hello.as.hello.uplink_first = 3;
    link = sk_open("d1", HF_WS_SESSION);
    (void)sk_welcomed(link, &hello);
    sk_turn();
    sk_run(HF_ACK_DELAY_MS + HF_WHEEL_TICK_MS);
    sk_expect_ack(link, 3, 3);
    kit_end(link, HF_LINK_END_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(messages_are_acknowledged_when_durable),
        SK_ROW(one_message_holds_many_frames),
        SK_ROW(what_comes_early_waits_for_its_turn),
        SK_ROW(a_hole_is_asked_for_and_then_given_up),
        SK_ROW(ranges_only_for_who_knows_them),
        SK_ROW(who_asks_is_answered),
        SK_ROW(above_its_rate_a_device_waits_frame_by_frame),
        SK_ROW(what_is_refused_waits_for_the_rate_too),
        SK_ROW(what_was_kept_waits_for_the_rate_too),
        SK_ROW(while_the_log_cannot_keep_up_numbered_frames_wait),
        SK_ROW(a_held_message_goes_with_its_connection),
        SK_ROW(a_refusal_that_was_lost_is_told_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
