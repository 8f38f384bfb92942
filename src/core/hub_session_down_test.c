/* Sessions of holdfast.v1 at the hub: what devices are sent, what is resumed, what is told as a gap. */
#include "core/hub_session_testkit.h"

static void a_message_ends_when_the_device_has_it(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    sk_send_message(tk, "d", 11, 0);
    sk_send_message(tk, "d", 12, 0);
    tk_run(tk);
    sk_expect(&d, 0, 1, 11);
    sk_expect(&d, 1, 2, 12);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 0);
    assert_int_equal(tk->hub.ledger.counts.downlink.pending, 2);
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 1);
    assert_int_equal(tk->hub.ledger.counts.downlink.pending, 1);
    assert_int_equal(sk_ack(tk, &d, 3), HF_SESSION_VERDICT_BROKEN); /* was never sent */
    assert_int_equal(tk->hub.ledger.counts.downlink.pending, 1);
}

static unsigned state_of(struct tk *tk, const char *device, const uint8_t id[16])
{
    struct hf_call *call = hf_call_new(HF_CALL_STATE, 0);
    struct tk_reply reply = {0};

    call->device = hf_slice_of(device);
    memcpy(call->id, id, sizeof(call->id));
    call->maker = &reply;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    assert_true(reply.done);
    assert_int_equal(reply.call.reason, HF_REASON_NONE);
    return reply.call.fate;
}

/* Nothing is recorded when a message goes out: who asks is told by who has sent it. */
static void who_asks_hears_that_a_device_has_it(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct tk_send call = {.device = "d", .name = "t", .tag = 1};

    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    (void)sk_send(tk, &call);
    tk_run(tk);
    assert_int_equal(state_of(tk, "d", call.id), HF_FATE_NONE); /* the tables say queued, and so it is */
    sk_open(tk, 1, &d);
    assert_int_equal(state_of(tk, "d", call.id), HF_FATE_SENT);
    assert_int_equal(state_of(tk, "e", call.id), HF_FATE_NONE); /* of another device */
    unsigned records = tk_count(tk, HF_EVENT_SENT, NULL);
    tk_disconnect(&tk->conns[1], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    assert_int_equal(state_of(tk, "d", call.id), HF_FATE_NONE); /* it goes again */
    sk_open(tk, 2, &d);
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    assert_int_equal(state_of(tk, "d", call.id), HF_FATE_SENT); /* delivered when that is durable */
    tk_run(tk);
    assert_int_equal(state_of(tk, "d", call.id), HF_FATE_NONE);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 1);
    assert_int_equal(tk_count(tk, HF_EVENT_SENT, NULL), records);
    assert_int_equal(records, 0);
}

static void a_resume_costs_the_gap(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 4; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(d.seen_count, 4);
    d.position = 2; /* it has two, and its acknowledgement was lost */
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 5, 0); /* while it is away */
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.opened.downlink_next, 3);
    assert_int_equal(d.opened.epoch, 2);
    assert_int_equal(d.seen_count, 3);
    sk_expect(&d, 0, 3, 3);
    sk_expect(&d, 1, 4, 4);
    sk_expect(&d, 2, 5, 5);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 2);
}

static void a_session_outlives_a_restart(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 3; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    d.position = 2;
    tk_run(tk);
    uint8_t id[16];
    memcpy(id, d.session_id, 16);
    tk->previous_end_ms = (uint64_t)TK_UTC * 1000 + tk->now_ms;
    assert_int_equal(tk_restart(tk), HF_OK);
    tk_advance(tk, 50000); /* within the 300 s, and within their time to live */
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_memory_equal(d.session_id, id, 16);
    assert_int_equal(d.seen_count, 1);
    sk_expect(&d, 0, 3, 3);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 2);
}

static void a_session_is_rebuilt_after_its_time(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint8_t first[16], id[16];

    sk_open(tk, 0, &d);
    sk_send_message(tk, "d", 1, 0);
    sk_send_command(tk, "d", 2, id);
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 2),
                     HF_SESSION_VERDICT_OK); /* the command is delivered, its result still due */
    tk_run(tk);
    memcpy(first, d.session_id, 16);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk->rules.ttl_default_ms = 600000;
    sk_send_message(tk, "d", 3, 0);
    tk_run(tk);
    tk_advance(tk, 300000);
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_REBUILT);
    assert_int_equal(d.opened.reason, HF_REASON_EXPIRED);
    assert_memory_not_equal(d.session_id, first, 16);
    assert_int_equal(d.opened.downlink_next, 1);
    /* The command ran out of time meanwhile (60 s); what came later is the first of the new session. */
    assert_int_equal(d.seen_count, 1);
    sk_expect(&d, 0, 1, 3);
}

static void a_rebuilt_session_gets_unfinished_commands_again(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint8_t id[16];

    sk_open(tk, 0, &d);
    sk_send_command(tk, "d", 1, id);
    tk_run(tk);
    sk_send_message(tk, "d", 2, 0);
    sk_send_message(tk, "d", 3, 0);
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 4, 0);
    tk_run(tk);
    memset(d.session_id, 0, 16); /* it has forgotten */
    d.position = 0;
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_NEW);
    assert_int_equal(d.seen_count, 3);
    sk_expect(&d, 0, 1, 1);
    sk_expect_gap(&d, 1, 2, 3, HF_REASON_NONE); /* delivered in the session before: nothing was lost */
    sk_expect(&d, 2, 4, 4);
    struct hf_frame_result result = {.seq = 1, .status = HF_RESULT_OK, .payload = HF_SLICE("ok")};
    memcpy(result.id, id, 16);
    assert_int_equal(
        hf_hub_session_result(&tk->hub, &tk->conns[1].dev, 1, &result, HF_SLICE("f"), &(uint32_t){0}),
        HF_SESSION_VERDICT_OK);
    assert_int_equal(
        hf_hub_session_result(&tk->hub, &tk->conns[1].dev, 1, &result, HF_SLICE("f"), &(uint32_t){0}),
        HF_SESSION_VERDICT_DUPLICATE);
    result.seq = 2;
    assert_int_equal(
        hf_hub_session_result(&tk->hub, &tk->conns[1].dev, 2, &result, HF_SLICE("f"), &(uint32_t){0}),
        HF_SESSION_VERDICT_UNMATCHED);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_COMMAND_DONE, NULL), 1);
    assert_int_equal(tk_device(tk, "d")->session->up.durable_through, 2);
    assert_int_equal(sk_row(tk, "d").uplink, 2);
}

static void a_resumed_session_does_not_get_a_delivered_command_again(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint8_t id[16];

    sk_open(tk, 0, &d);
    sk_send_command(tk, "d", 1, id);
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_COMMAND_DELIVERED, NULL), 1);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.seen_count, 0);
    tk_disconnect(&tk->conns[1], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk->previous_end_ms = (uint64_t)TK_UTC * 1000 + tk->now_ms;
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    sk_open(tk, 2, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.seen_count, 0);
    tk_disconnect(&tk->conns[2], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    assert_int_equal(tk_connect(tk, 3, "d"),
                     HF_OK); /* raw mode has no positions: it gets the open command again */
    tk_run(tk);
    assert_int_equal(tk->conns[3].seen_count, 1);
}

static void what_expires_is_told_with_its_range_and_reason(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 1, 0);
    sk_send_message(tk, "d", 2, 1000);
    sk_send_message(tk, "d", 3, 1000);
    sk_send_message(tk, "d", 4, 0);
    sk_send_message(tk, "d", 5, 1000);
    tk_run(tk);
    tk_advance(tk, 2000);
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.seen_count, 4);
    sk_expect(&d, 0, 1, 1);
    sk_expect_gap(&d, 1, 2, 3, HF_REASON_EXPIRED);
    sk_expect(&d, 2, 4, 4);
    sk_expect_gap(&d, 3, 5, 5, HF_REASON_EXPIRED); /* nothing behind it: told all the same */
    assert_int_equal(sk_ack(tk, &d, 5), HF_SESSION_VERDICT_OK);
    assert_int_equal(tk->hub.stats.downlink_gaps, 3);
}

static void what_stands_behind_an_end_goes_out_when_that_is_durable(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    enum hf_reason reason = HF_REASON_NONE;

    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 1, 0);
    sk_send_message(tk, "d", 2, 1000);
    sk_send_message(tk, "d", 3, 0);
    tk_run(tk);
    assert_int_equal(sk_connect(tk, 1, &d, &reason), HF_OK);
    tk_advance(tk, 2000); /* the second has ended, and its record is on its way */
    tk_commit(tk, 1);     /* the connection's */
    assert_int_equal(d.welcomes, 1);
    tk_settle(tk);
    assert_int_equal(d.seen_count, 1); /* no gap before its end is sure, and nothing overtakes it */
    sk_expect(&d, 0, 1, 1);
    tk_run(tk);
    assert_int_equal(d.seen_count, 3);
    sk_expect_gap(&d, 1, 2, 2, HF_REASON_EXPIRED);
    sk_expect(&d, 2, 3, 3);
}

static void reasons_of_gaps_outlive_a_restart(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 1, 1000);
    sk_send_message(tk, "d", 2, 0);
    tk_run(tk);
    tk_advance(tk, 2000);
    tk_run(tk);
    tk->previous_end_ms = (uint64_t)TK_UTC * 1000 + tk->now_ms;
    assert_int_equal(tk_restart(tk), HF_OK);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.seen_count, 2);
    sk_expect_gap(&d, 0, 1, 1, HF_REASON_EXPIRED);
    sk_expect(&d, 1, 2, 2);
}

/* Sessions that have come near 2^32: their last number before is `through`, and the device has it. */
static void come_far(struct tk *tk, struct sk_device *d, uint64_t through)
{
    struct hf_device *device = tk_device(tk, d->name);
    struct hf_session *session = device->session;

    device->seq = session->base + through;
    session->delivered = device->seq;
    session->top = device->seq;
    d->position = through;
    hf_sender_init(&session->down, through + 1, d->window_messages, 1 << 20);
}

/* Its low 32 bits would be 0, which means "not numbered" on the wire. */
static void no_message_gets_the_number_that_is_none(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    come_far(tk, &d, UINT32_MAX - 2);
    for (uint32_t i = 1; i <= 5; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(d.seen_count, 5); /* and no gap for the one between */
    sk_expect(&d, 0, UINT64_C(0xfffffffe), 1);
    sk_expect(&d, 1, UINT64_C(0xffffffff), 2);
    sk_expect(&d, 2, UINT64_C(0x100000001), 3);
    sk_expect(&d, 4, UINT64_C(0x100000003), 5);
    assert_int_equal(sk_ack(tk, &d, UINT64_C(0xffffffff)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 2);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk_run(tk);
    sk_open(tk, 1, &d); /* whose position is the last number before */
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.opened.downlink_next, UINT64_C(0x100000001));
    assert_int_equal(d.seen_count, 3);
    sk_expect(&d, 0, UINT64_C(0x100000001), 3);
    struct hf_frame_ack nack = {.received_through = UINT32_MAX,
                                .durable_through = UINT32_MAX,
                                .nack = true,
                                .window_messages = 256,
                                .window_bytes = 1 << 20};
    assert_int_equal(hf_hub_session_ack(&tk->hub, &tk->conns[1].dev, &nack), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 6);
    sk_expect(&d, 3, UINT64_C(0x100000001), 3);
    assert_int_equal(sk_ack(tk, &d, UINT64_C(0x100000003)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 5);
}

/* Who asks and does not read: what is sent again stops at the high mark. */
static void nothing_is_sent_again_above_the_high_mark(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_frame_ack nack = {.nack = true, .window_messages = 256, .window_bytes = 1 << 20};

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 4; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(d.seen_count, 4);
    tk->rules.queue_high_bytes = 1000;
    tk->conns[0].stuck = true;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(hf_hub_session_ack(&tk->hub, &tk->conns[0].dev, &nack), HF_SESSION_VERDICT_OK);
    assert_in_range(tk->conns[0].link_bytes, 1000, 1100);
    tk->conns[0].stuck = false;
    tk_run(tk);
    unsigned before = d.seen_count;
    assert_int_equal(hf_hub_session_ack(&tk->hub, &tk->conns[0].dev, &nack), HF_SESSION_VERDICT_OK);
    assert_int_equal(d.seen_count, before + 4);
}

static void a_gap_ends_before_it_and_goes_on_behind_it(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    come_far(tk, &d, UINT32_MAX - 1);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    for (uint32_t i = 1; i <= 2; i++)
        sk_send_message(tk, "d", i, 1000);
    sk_send_message(tk, "d", 3, 0);
    tk_run(tk);
    tk_advance(tk, 2000);
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.seen_count, 3);
    sk_expect_gap(&d, 0, UINT64_C(0xffffffff), UINT64_C(0xffffffff), HF_REASON_EXPIRED);
    sk_expect_gap(&d, 1, UINT64_C(0x100000001), UINT64_C(0x100000001), HF_REASON_EXPIRED);
    sk_expect(&d, 2, UINT64_C(0x100000002), 3);
}

/* One message is unfinished while 2^32 others come and go; then the session is rebuilt, and every number is another. */
static void a_rebuilt_session_begins_where_every_number_is_one(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint8_t id[16];

    sk_open(tk, 0, &d);
    come_far(tk, &d, 5);
    sk_send_command(tk, "d", 1, id); /* 6: the first of the next session */
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 6), HF_SESSION_VERDICT_OK);
    come_far(tk, &d, UINT64_C(0x100000004));
    sk_send_message(tk, "d", 2, 0); /* 0x100000005 - 5 is none */
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk_run(tk);
    memset(d.session_id, 0, sizeof(d.session_id));
    d.position = 0;
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_NEW);
    const struct hf_session *session = tk_device(tk, "d")->session;
    assert_int_equal(session->base, 4); /* one before */
    sk_expect_gap(&d, 0, 1, 1, HF_REASON_NONE);
    sk_expect(&d, 1, 2, 1);
    sk_expect_gap(&d, 2, 3, UINT64_C(0xffffffff), HF_REASON_NONE);
    assert_int_equal(sk_ack(tk, &d, UINT64_C(0xffffffff)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 4);
    sk_expect(&d, 3, UINT64_C(0x100000001), 2);
}

/* What waited when the device came back had reached it before: nothing is left to be read back, and the next message goes straight out. */
static void nothing_waits_for_what_has_arrived(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    sk_send_message(tk, "d", 1, 0);
    tk_run(tk);
    d.position = 1; /* its acknowledgement was lost with the connection */
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_open(tk, 1, &d);
    assert_int_equal(d.seen_count, 0);
    sk_send_message(tk, "d", 2, 0);
    tk_run(tk);
    assert_int_equal(d.seen_count, 1);
    sk_expect(&d, 0, 2, 2);
}

static void the_window_holds_and_goes_on(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    d.window_messages = 2;
    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 5; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(d.seen_count, 2);
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 3);
    assert_int_equal(sk_ack(tk, &d, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 5);
    for (uint32_t i = 1; i <= 5; i++)
        sk_expect(&d, i - 1, i, i);
}

static void a_gap_begins_in_the_window(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    d.window_messages = 1;
    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_send_message(tk, "d", 1, 0);
    sk_send_message(tk, "d", 2, 1000);
    sk_send_message(tk, "d", 3, 1000);
    sk_send_message(tk, "d", 4, 0);
    tk_run(tk);
    tk_advance(tk, 2000);
    tk_run(tk);
    sk_open(tk, 1, &d);
    assert_int_equal(d.seen_count, 1); /* 2 lies behind it: early, a device would have to close with 4400 */
    assert_int_equal(sk_ack(tk, &d, 1), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 2);
    sk_expect_gap(&d, 1, 2, 3, HF_REASON_EXPIRED); /* and ends where it ends */
    assert_int_equal(sk_ack(tk, &d, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(d.seen_count, 3);
    sk_expect(&d, 2, 4, 4);
}

static void what_is_missing_goes_out_again(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 4; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    struct hf_frame_ack ack = {.received_through = 1,
                               .durable_through = 1,
                               .window_messages = 256,
                               .window_bytes = 1 << 20,
                               .nack = true,
                               .range_count = 1,
                               .ranges = {{4, 4}}};
    assert_int_equal(hf_hub_session_ack(&tk->hub, &tk->conns[0].dev, &ack), HF_SESSION_VERDICT_OK);
    assert_int_equal(d.seen_count, 6);
    sk_expect(&d, 4, 2, 2);
    sk_expect(&d, 5, 3, 3);
    assert_int_equal(tk->hub.stats.resent, 2);
}

static void an_answer_to_our_question_shows_what_is_missing(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_rtt rtt = {0};

    sk_open(tk, 0, &d);
    sk_send_message(tk, "d", 1, 0);
    sk_send_message(tk, "d", 2, 0);
    tk_run(tk);
    struct hf_sender *down = &hf_devconn_session(&tk->conns[0].dev)->down;
    assert_int_equal(sk_ack(tk, &d, 0), HF_SESSION_VERDICT_OK); /* nobody asked: it may just be slow */
    assert_int_equal(tk->hub.stats.resent, 0);
    assert_int_equal(hf_sender_tick(down, &rtt, hf_sender_due_ms(down, &rtt)), HF_SENDER_ASK);
    assert_int_equal(sk_ack(tk, &d, 0), HF_SESSION_VERDICT_OK);
    assert_int_equal(tk->hub.stats.resent, 2);
    assert_int_equal(sk_ack(tk, &d, 0), HF_SESSION_VERDICT_OK);
    assert_int_equal(tk->hub.stats.resent, 2);
}

/* What the device got over an earlier connection it may acknowledge before it comes again; that is no breach, and need not come again then. */
static void a_resumed_device_may_be_ahead_of_us(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 4; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.window_messages = 2;
    sk_open(tk, 1, &d);
    assert_int_equal(d.seen_count, 2);
    struct hf_frame_ack ack = {
        .received_through = 4, .durable_through = 3, .window_messages = 2, .window_bytes = 1 << 20};
    assert_int_equal(hf_hub_session_ack(&tk->hub, &tk->conns[1].dev, &ack), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_DELIVERED, NULL), 3);
    assert_int_equal(d.seen_count, 3);
    sk_expect(&d, 2, 4, 4); /* not 3 */
    assert_int_equal(hf_devconn_session(&tk->conns[1].dev)->down.inflight_bytes, 4);
    assert_int_equal(sk_ack(tk, &d, 4), HF_SESSION_VERDICT_OK);
    assert_int_equal(hf_devconn_session(&tk->conns[1].dev)->down.inflight_bytes, 0);
    assert_int_equal(sk_ack(tk, &d, 5), HF_SESSION_VERDICT_BROKEN);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sk_setup, sk_teardown)
    const struct CMUnitTest tests[] = {
        T(a_message_ends_when_the_device_has_it),
        T(who_asks_hears_that_a_device_has_it),
        T(a_resume_costs_the_gap),
        T(a_session_outlives_a_restart),
        T(a_session_is_rebuilt_after_its_time),
        T(a_rebuilt_session_gets_unfinished_commands_again),
        T(a_resumed_session_does_not_get_a_delivered_command_again),
        T(what_expires_is_told_with_its_range_and_reason),
        T(what_stands_behind_an_end_goes_out_when_that_is_durable),
        T(reasons_of_gaps_outlive_a_restart),
        T(nothing_waits_for_what_has_arrived),
        T(no_message_gets_the_number_that_is_none),
        T(nothing_is_sent_again_above_the_high_mark),
        T(a_gap_ends_before_it_and_goes_on_behind_it),
        T(a_rebuilt_session_begins_where_every_number_is_one),
        T(the_window_holds_and_goes_on),
        T(a_gap_begins_in_the_window),
        T(what_is_missing_goes_out_again),
        T(an_answer_to_our_question_shows_what_is_missing),
        T(a_resumed_device_may_be_ahead_of_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
