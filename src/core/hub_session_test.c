/* Sessions of holdfast.v1 at the hub: what devices say, what is durable of it, and who may say it. */
#include "core/hub_session_testkit.h"

/* ---- uplink ---- */

static void a_message_is_durable_when_its_record_is(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_event event;

    sk_open(tk, 0, &d);
    assert_int_equal(d.opened.result, HF_SESSION_NEW);
    assert_int_equal(d.opened.uplink_durable, 0);
    assert_int_equal(sk_message(tk, &d, 1), HF_SESSION_VERDICT_OK);
    assert_int_equal(sk_message(tk, &d, 2), HF_SESSION_VERDICT_OK);
    struct hf_receiver *up = &tk_device(tk, "d")->session->up;
    assert_int_equal(up->expected, 3);
    assert_int_equal(up->durable_through, 0);
    tk_commit(tk, 1);
    assert_int_equal(up->durable_through, 1);
    tk_run(tk);
    assert_int_equal(up->durable_through, 2);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE, &event), 2);
    assert_int_equal(event.seq, 2);
    assert_int_equal(event.from, 77);
    assert_int_equal(event.made_ms, 5);
    assert_int_equal(sk_row(tk, "d").uplink, 2);
}

static void a_retransmission_after_a_crash_is_recognised(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_int_equal(sk_message(tk, &d, seq), HF_SESSION_VERDICT_OK);
    tk_commit(tk, 2); /* two reach the disk, no acknowledgement reaches the device */
    assert_int_equal(tk_restart(tk), HF_OK);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.uplink_received, 2);
    assert_int_equal(d.opened.uplink_durable, 2);
    assert_int_equal(sk_message(tk, &d, 2), HF_SESSION_VERDICT_DUPLICATE);
    assert_int_equal(sk_message(tk, &d, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE, NULL), 3);
    assert_int_equal(tk->hub.stats.uplink_duplicates, 1);
}

static enum hf_session_verdict say(struct tk *tk, struct sk_device *device, uint64_t seq, uint8_t id)
{
    const uint8_t ids[16] = {id};
    struct hf_incoming incoming = {.topic = HF_SLICE("t"), .payload = HF_SLICE("x"), .id = id ? ids : NULL};
    uint32_t wait_ms = 0;

    device->next = seq + 1;
    return hf_hub_session_message(&tk->hub, &tk->conns[device->index].dev, (uint32_t)seq, &incoming,
                                  HF_SLICE("x"), &wait_ms);
}

/* Which message is the last durable one: so that a device whose disk is an older copy of itself sees that it gave the number to another. */
static void the_last_durable_message_is_told_by_its_id(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint8_t command[16];
    struct hf_frame_gap gap = {.from = 5, .to = 5};

    sk_open(tk, 0, &d);
    assert_int_equal(d.opened.durable_id[0], 0);
    assert_int_equal(say(tk, &d, 1, 7), HF_SESSION_VERDICT_OK);
    assert_int_equal(say(tk, &d, 2, 8), HF_SESSION_VERDICT_OK);
    sk_open(tk, 1,
            &d); /* the first connection is still there, and its messages become durable before WELCOME */
    assert_int_equal(d.opened.uplink_durable, 2);
    assert_int_equal(d.opened.durable_id[0], 8);
    assert_int_equal(say(tk, &d, 3, 9), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    sk_open(tk, 0, &d); /* from the tables */
    assert_int_equal(d.opened.uplink_durable, 3);
    assert_int_equal(d.opened.durable_id[0], 9);
    sk_send_command(tk, "d", 1, command);
    tk_run(tk);
    struct hf_frame_result result = {.payload = HF_SLICE("")};
    memcpy(result.id, command, 16);
    assert_int_equal(
        hf_hub_session_result(&tk->hub, &tk->conns[0].dev, 4, &result, HF_SLICE("r"), &(uint32_t){0}),
        HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_open(tk, 1, &d);
    assert_memory_equal(d.opened.durable_id, command, 16);
    assert_int_equal(hf_hub_session_gap(&tk->hub, &tk->conns[1].dev, &gap, HF_SLICE("g"), &(uint32_t){0}),
                     HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[1], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    sk_open(tk, 0, &d);
    assert_int_equal(d.opened.uplink_durable, 5);
    assert_int_equal(d.opened.durable_id[0], 0); /* a gap has none */
    assert_int_equal(say(tk, &d, 6, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.queue_id = 78; /* another queue: nothing of it is here */
    d.first = d.next = 1;
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.uplink_durable, 0);
    assert_int_equal(d.opened.durable_id[0], 0);
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d").uplink_id.bytes, 0);
}

/* What was refused is known for as long as the device may not know it: after a restart, not of another queue, and not beyond its window. */
static void refusals_are_remembered_with_the_queue(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    const struct hf_refusals *refusals;

    sk_open(tk, 0, &d);
    assert_null(hf_hub_refusals(&tk->hub, tk->conns[0].dev.device));
    assert_int_equal(sk_message(tk, &d, 1), HF_SESSION_VERDICT_OK);
    for (uint64_t seq = 2; seq <= 3; seq++)
        assert_int_equal(hf_hub_session_refuse(&tk->hub, &tk->conns[0].dev, (uint32_t)seq,
                                               HF_REASON_BAD_REQUEST, HF_SLICE("x"), &(uint32_t){0}),
                         HF_SESSION_VERDICT_OK);
    assert_int_equal(hf_hub_session_refuse(&tk->hub, &tk->conns[0].dev, 3, HF_REASON_BAD_REQUEST,
                                           HF_SLICE("x"), &(uint32_t){0}),
                     HF_SESSION_VERDICT_DUPLICATE);
    d.next = 4;
    tk_run(tk);
    for (unsigned restart = 0; restart < 2; restart++) {
        if (restart)
            assert_int_equal(tk_restart(tk), HF_OK);
        else
            tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
        d.first = 1; /* it heard of nothing */
        sk_open(tk, restart ? 0 : 1, &d);
        assert_int_equal(d.opened.uplink_durable, 3);
        refusals = hf_hub_refusals(&tk->hub, tk->conns[restart ? 0 : 1].dev.device);
        assert_non_null(refusals);
        assert_int_equal(refusals->count, 1);
        assert_int_equal(refusals->at[0].from, 2);
        assert_int_equal(refusals->at[0].to, 3);
        assert_int_equal(refusals->at[0].reason, HF_REASON_BAD_REQUEST);
    }
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.first = 3; /* it has heard of 2 */
    sk_open(tk, 1, &d);
    refusals = hf_hub_refusals(&tk->hub, tk->conns[1].dev.device);
    assert_int_equal(refusals->at[0].from, 3);
    tk_disconnect(&tk->conns[1], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.first = 4;
    sk_open(tk, 0, &d);
    assert_null(hf_hub_refusals(&tk->hub, tk->conns[0].dev.device));
    assert_int_equal(hf_hub_session_refuse(&tk->hub, &tk->conns[0].dev, 4, HF_REASON_CORRUPT, HF_SLICE("x"),
                                           &(uint32_t){0}),
                     HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d").refused.bytes,
                     2 * HF_REFUSAL_BYTES); /* by the window: what HELLO says is no record */
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.queue_id = 78;
    d.first = d.next = 1;
    sk_open(tk, 1, &d);
    assert_null(hf_hub_refusals(&tk->hub, tk->conns[1].dev.device));
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d").refused.bytes, 0);
}

static void an_uplink_gap_is_in_the_ledger(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_event event;
    struct hf_slice frame = HF_SLICE("frame");

    sk_open(tk, 0, &d);
    struct hf_devconn *devconn = &tk->conns[0].dev;
    assert_int_equal(sk_message(tk, &d, 1), HF_SESSION_VERDICT_OK);
    struct hf_frame_gap gap = {.from = 2, .to = 5, .reason = HF_REASON_EXPIRED};
    assert_int_equal(hf_hub_session_gap(&tk->hub, devconn, &gap, frame, &(uint32_t){0}),
                     HF_SESSION_VERDICT_OK);
    assert_int_equal(sk_message(tk, &d, 6), HF_SESSION_VERDICT_OK);
    gap = (struct hf_frame_gap){.from = 9, .to = 8};
    assert_int_equal(hf_hub_session_gap(&tk->hub, devconn, &gap, frame, &(uint32_t){0}),
                     HF_SESSION_VERDICT_BROKEN);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE_GAP, &event), 1);
    assert_int_equal(event.from, 2);
    assert_int_equal(event.to, 5);
    assert_int_equal(event.reason, HF_REASON_EXPIRED);
    assert_int_equal(tk_device(tk, "d")->session->up.durable_through, 6);
    assert_int_equal(tk->hub.ledger.counts.uplink.dropped[HF_REASON_EXPIRED], 4);
    assert_int_equal(sk_row(tk, "d").uplink, 6);
}

/* Low 32 bits of 0 are no number, going up as well: REFUSE names messages by theirs. */
static void the_uplink_passes_over_the_number_that_is_none(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_event event;

    d.first = d.next = UINT64_C(0xffffffff);
    sk_open(tk, 0, &d);
    assert_int_equal(sk_message(tk, &d, UINT64_C(0xffffffff)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d").uplink, UINT64_C(0xffffffff));
    assert_int_equal(sk_message(tk, &d, UINT64_C(0x100000001)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE, &event), 2);
    assert_int_equal(event.seq, UINT64_C(0x100000001));
    assert_int_equal(tk_device(tk, "d")->session->up.durable_through, UINT64_C(0x100000001));
    assert_int_equal(sk_message(tk, &d, UINT64_C(0x100000000)), HF_SESSION_VERDICT_BROKEN);
}

static void a_gap_across_2_to_the_32_counts_what_is_missing(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct hf_frame_gap gap = {.from = UINT32_MAX - 1, .to = 2, .reason = HF_REASON_EXPIRED};
    struct hf_event event;

    d.first = d.next = UINT64_C(0xfffffffe);
    sk_open(tk, 0, &d);
    assert_int_equal(hf_hub_session_gap(&tk->hub, &tk->conns[0].dev, &gap, HF_SLICE("g"), &(uint32_t){0}),
                     HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE_GAP, &event), 1);
    assert_int_equal(event.to, UINT64_C(0x100000002));
    assert_int_equal(tk->hub.ledger.counts.uplink.dropped[HF_REASON_EXPIRED], 4);
    assert_int_equal(sk_message(tk, &d, UINT64_C(0x100000003)), HF_SESSION_VERDICT_OK);
}

/* Between the last number before 2^32 and the first behind it nothing is missing, over a restart neither. */
static void positions_at_2_to_the_32(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    d.first = d.next = UINT64_C(0xffffffff);
    sk_open(tk, 0, &d);
    assert_int_equal(sk_message(tk, &d, UINT64_C(0xffffffff)), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    d.next = UINT64_C(0x100000001);
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.uplink_durable, UINT64_C(0xffffffff));
    assert_int_equal(d.opened.uplink_received, UINT64_C(0xffffffff));
    assert_int_equal(sk_message(tk, &d, UINT64_C(0x100000001)), HF_SESSION_VERDICT_OK);
}

static void a_queue_that_is_not_known_begins_where_the_device_says(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    assert_int_equal(sk_message(tk, &d, 1), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    d.queue_id = 78; /* a new disk */
    d.first = d.next = 501;
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
    assert_int_equal(d.opened.uplink_durable, 500);
    assert_int_equal(sk_message(tk, &d, 501), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d").queue, 78);
    assert_int_equal(sk_row(tk, "d").uplink, 501);
}

/* ---- who may ---- */

static void a_stale_connection_has_no_say(void **state)
{
    struct tk *tk = *state;
    struct sk_device older = sk_device("d"), newer = sk_device("d");

    sk_open(tk, 0, &older);
    sk_open(tk, 1, &newer);
    assert_false(tk->conns[0].open);
    assert_int_equal(tk->conns[0].closed_for, HF_REASON_REPLACED);
    assert_null(tk->conns[0].dev.device);
    assert_null(hf_devconn_session(&tk->conns[0].dev));
    assert_int_equal(newer.opened.epoch, 2);
}

static void positions_that_cannot_be_are_refused(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d"), other = sk_device("e");
    enum hf_reason reason = HF_REASON_NONE;

    sk_open(tk, 0, &d);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    d.position = 1; /* nothing was ever sent */
    assert_int_equal(sk_connect(tk, 1, &d, &reason), HF_ERR_DENIED);
    assert_int_equal(reason, HF_REASON_SESSION_BROKEN);
    memcpy(other.session_id, d.session_id, 16);
    assert_int_equal(sk_connect(tk, 1, &other, &reason), HF_ERR_DENIED);
    assert_int_equal(reason, HF_REASON_IDENTITY_MISMATCH);
    d.position = 0;
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
}

static void a_position_behind_what_is_kept_is_told_as_a_gap(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    sk_open(tk, 0, &d);
    for (uint32_t i = 1; i <= 3; i++)
        sk_send_message(tk, "d", i, 0);
    tk_run(tk);
    assert_int_equal(sk_ack(tk, &d, 3), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    d.position = 1; /* an old copy of its disk */
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_REBUILT);
    assert_int_equal(d.opened.reason, HF_REASON_GAP);
    assert_int_equal(d.opened.gap_from, 2);
    assert_int_equal(d.opened.gap_to, 3);
}

static void no_session_without_its_record(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    enum hf_reason reason = HF_REASON_NONE;
    uint8_t id[16];

    sk_open(tk, 0, &d);
    memcpy(id, d.session_id, 16);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    memset(d.session_id, 0, 16);
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(sk_connect(tk, 1, &d, &reason), HF_ERR_LIMIT);
    tk->refuse = HF_OK;
    memcpy(d.session_id, id, 16); /* the old one is still there */
    sk_open(tk, 1, &d);
    assert_int_equal(d.opened.result, HF_SESSION_RESUMED);
}

/* What is refused and what is said to be gone leave a record each, as a message does: who is above its rate waits with those, too. */
static void refusals_and_gaps_are_within_the_rate(void **state)
{
    struct tk *tk = *state;
    struct hf_devconn *devconn = &tk->conns[0].dev;
    const struct hf_frame_result unasked = {.id = {9}, .status = HF_RESULT_OK};
    const struct hf_frame_gap gap = {.from = 4, .to = 6, .reason = HF_REASON_EXPIRED};
    const struct hf_slice frame = HF_SLICE("x");
    struct sk_device d1 = sk_device("d1");
    uint32_t wait_ms = 0;

    sk_open(tk, 0, &d1);
    tk->rules.uplink = (struct hf_rate_limit){10, 1}; /* one each 100 ms */
    assert_int_equal(hf_hub_session_refuse(&tk->hub, devconn, 1, HF_REASON_BAD_REQUEST, frame, &wait_ms),
                     HF_SESSION_VERDICT_OK);
    assert_int_equal(hf_hub_session_refuse(&tk->hub, devconn, 2, HF_REASON_BAD_REQUEST, frame, &wait_ms),
                     HF_SESSION_VERDICT_BUSY);
    assert_in_range(wait_ms, 1, 100);
    assert_int_equal(tk->hub.stats.rate_limited, 1);
    tk_advance(tk, 100);
    assert_int_equal(hf_hub_session_refuse(&tk->hub, devconn, 2, HF_REASON_BAD_REQUEST, frame, &wait_ms),
                     HF_SESSION_VERDICT_OK);
    assert_int_equal(hf_hub_session_result(&tk->hub, devconn, 3, &unasked, frame, &wait_ms),
                     HF_SESSION_VERDICT_BUSY);
    assert_int_equal(tk->hub.stats.results_unmatched, 0);
    tk_advance(tk, 100);
    assert_int_equal(hf_hub_session_result(&tk->hub, devconn, 3, &unasked, frame, &wait_ms),
                     HF_SESSION_VERDICT_UNMATCHED);
    assert_int_equal(tk->hub.stats.results_unmatched, 1);
    assert_int_equal(hf_hub_session_gap(&tk->hub, devconn, &gap, frame, &wait_ms), HF_SESSION_VERDICT_BUSY);
    tk_advance(tk, 100);
    assert_int_equal(hf_hub_session_gap(&tk->hub, devconn, &gap, frame, &wait_ms), HF_SESSION_VERDICT_OK);
    tk_run(tk);
    assert_int_equal(sk_row(tk, "d1").uplink, 6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sk_setup, sk_teardown)
    const struct CMUnitTest tests[] = {
        T(a_message_is_durable_when_its_record_is),
        T(a_retransmission_after_a_crash_is_recognised),
        T(the_last_durable_message_is_told_by_its_id),
        T(refusals_are_remembered_with_the_queue),
        T(an_uplink_gap_is_in_the_ledger),
        T(refusals_and_gaps_are_within_the_rate),
        T(a_queue_that_is_not_known_begins_where_the_device_says),
        T(the_uplink_passes_over_the_number_that_is_none),
        T(a_gap_across_2_to_the_32_counts_what_is_missing),
        T(positions_at_2_to_the_32),
        T(a_stale_connection_has_no_say),
        T(positions_that_cannot_be_are_refused),
        T(a_position_behind_what_is_kept_is_told_as_a_gap),
        T(no_session_without_its_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
