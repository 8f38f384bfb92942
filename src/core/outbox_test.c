/* Messages and commands to one device: delivery, ends, keys, policies; and fan-out to many. */
#include "core/hub_testkit.h"

static int setup(void **state)
{
    *state = tk_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    tk_check_books(*state);
    tk_free(*state);
    return 0;
}

static const struct tk_reply *send(struct tk *tk, struct tk_send *send)
{
    static struct tk_reply replies[256];
    static unsigned next;
    struct tk_reply *reply = &replies[next++ % HF_COUNT_OF(replies)];

    assert_true(tk_send(tk, send, reply));
    return reply;
}

static struct hf_devconn *online(struct tk *tk, unsigned index, const char *name)
{
    assert_int_equal(tk_connect(tk, index, name), HF_OK);
    tk_run(tk);
    return &tk->conns[index].dev;
}

static enum hf_pending_state state_of(struct tk *tk, const struct tk_send *send)
{
    struct hf_pending *pending = hf_pending_find(&tk->hub, send->id);

    return pending ? (enum hf_pending_state)pending->state : HF_PENDING_ENDING + 1;
}

/* ---- every state, and the way out of it ---- */

/* Brings a command to a state. */
static struct tk_send bring_to(struct tk *tk, enum hf_pending_state state, enum hf_class class)
{
    struct tk_send first = {.device = "d", .bytes = 2000, .ttl_ms = 500000};
    struct tk_send sent = {.device = "d", .name = "n", .class = class, .ttl_ms = 1000};
    struct tk_conn *conn = &tk->conns[0];

    (void)online(tk, 0, "d");
    conn->stuck = state == HF_PENDING_IN_QUEUE || state == HF_PENDING_WRITTEN;
    if (state == HF_PENDING_IN_QUEUE) {
        (void)send(tk, &first);
        tk_commit(tk, SIZE_MAX);
    }
    if (state == HF_PENDING_WAITING) {
        tk_disconnect(conn, HF_EVIDENCE_BYE, HF_REASON_NORMAL);
        tk_run(tk);
    }
    (void)send(tk, &sent);
    if (state >= HF_PENDING_WAITING)
        tk_commit(tk, SIZE_MAX);
    if (state >= HF_PENDING_SENT)
        tk_settle(tk);
    assert_int_equal(state_of(tk, &sent), state);
    return sent;
}

static void time_runs_out_in_every_state(void **unused)
{
    static const struct {
        enum hf_pending_state state;
        enum hf_class class;
        enum hf_reason reason;
    } rows[] = {
        {HF_PENDING_WAITING, HF_CLASS_MESSAGE, HF_REASON_EXPIRED},
        {HF_PENDING_IN_QUEUE, HF_CLASS_MESSAGE, HF_REASON_EXPIRED},
        {HF_PENDING_WAITING, HF_CLASS_COMMAND, HF_REASON_EXPIRED},
        {HF_PENDING_IN_QUEUE, HF_CLASS_COMMAND, HF_REASON_EXPIRED},
        {HF_PENDING_WRITTEN, HF_CLASS_COMMAND, HF_REASON_EXPIRED},
        {HF_PENDING_SENT, HF_CLASS_COMMAND, HF_REASON_DEADLINE_EXCEEDED},
    };

    (void)unused;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct tk *tk = tk_new();
        struct tk_send sent = bring_to(tk, rows[i].state, rows[i].class);
        struct hf_event event;

        tk_advance(tk, 900);
        assert_int_equal(state_of(tk, &sent), rows[i].state);
        tk_advance(tk, 200);
        assert_int_equal(state_of(tk, &sent), HF_PENDING_ENDING);
        assert_int_equal(
            tk_count(tk, rows[i].class == HF_CLASS_COMMAND ? HF_EVENT_COMMAND_FAILED : HF_EVENT_FAILED,
                     &event),
            1);
        assert_int_equal(event.reason, rows[i].reason);
        assert_int_equal(tk->hub.ledger.counts.downlink.dropped[rows[i].reason], 1);
        tk_commit(tk, SIZE_MAX);
        assert_null(hf_pending_find(&tk->hub, sent.id));
        tk_free(tk);
    }
}

/* Its bytes are with the link: as good as sent, until the link breaks. */
static void a_written_message_expires_only_with_its_link(void **state)
{
    struct tk *tk = *state;
    struct tk_send sent = bring_to(tk, HF_PENDING_WRITTEN, HF_CLASS_MESSAGE);
    struct hf_event event;

    tk_advance(tk, 5000);
    assert_int_equal(state_of(tk, &sent), HF_PENDING_WRITTEN);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    assert_int_equal(state_of(tk, &sent), HF_PENDING_WAITING);
    tk_advance(tk, 32);
    assert_int_equal(tk_count(tk, HF_EVENT_FAILED, &event), 1);
    assert_int_equal(event.reason, HF_REASON_EXPIRED);
}

static void cancel_in_every_state(void **unused)
{
    static const struct {
        enum hf_pending_state state;
        enum hf_class class;
        enum hf_reason reason;
    } rows[] = {
        {HF_PENDING_RECORDING, HF_CLASS_MESSAGE, HF_REASON_IN_PROGRESS},
        {HF_PENDING_WAITING, HF_CLASS_MESSAGE, HF_REASON_NONE},
        {HF_PENDING_IN_QUEUE, HF_CLASS_MESSAGE, HF_REASON_NONE},
        {HF_PENDING_WRITTEN, HF_CLASS_MESSAGE, HF_REASON_IN_PROGRESS},
        {HF_PENDING_WRITTEN, HF_CLASS_COMMAND, HF_REASON_NONE},
        {HF_PENDING_SENT, HF_CLASS_COMMAND, HF_REASON_NONE},
    };

    (void)unused;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct tk *tk = tk_new();
        struct tk_send sent = bring_to(tk, rows[i].state, rows[i].class);
        struct tk_reply reply, again;
        bool taken = rows[i].reason == HF_REASON_NONE;

        assert_true(tk_cancel(tk, "e", sent.id, &reply));
        assert_int_equal(reply.call.reason, HF_REASON_NOT_FOUND); /* not that device's */
        assert_true(tk_cancel(tk, "d", sent.id, &reply));
        assert_int_equal(reply.done, !taken); /* log first */
        if (taken) {
            assert_true(tk_cancel(tk, "d", sent.id, &again));
            assert_int_equal(again.call.reason, HF_REASON_IN_PROGRESS);
            tk_commit(tk, SIZE_MAX);
            assert_true(reply.done);
            assert_int_equal(reply.call.fate, HF_FATE_CANCELED);
            assert_int_equal(hf_sendq_messages(tk->conns[0].open ? tk->conns[0].dev.sendq : NULL), 0);
        }
        assert_int_equal(reply.call.reason, rows[i].reason);
        tk_commit(tk, SIZE_MAX);
        tk_free(tk);
    }
}

/* ---- commands ---- */

/* The kernel took it, nobody answered, the connection broke: the next one gets it again, under the same id. */
static void an_unanswered_command_is_sent_again(void **unused)
{
    struct tk *tk = tk_new();
    struct tk_send sent = bring_to(tk, HF_PENDING_SENT, HF_CLASS_COMMAND);

    (void)unused;
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    tk_commit(tk, SIZE_MAX);
    assert_int_equal(state_of(tk, &sent), HF_PENDING_WAITING);
    struct hf_devconn *dev = online(tk, 1, "d");
    tk_run(tk);
    assert_int_equal(state_of(tk, &sent), HF_PENDING_SENT);
    assert_int_equal(tk->conns[1].seen_count, 1);
    assert_int_equal(hf_hub_result(&tk->hub, dev, sent.id, false, 0, 0, HF_SLICE("x")), HF_OK);
    tk_commit(tk, SIZE_MAX);
    assert_null(hf_pending_find(&tk->hub, sent.id));
    tk_check_books(tk);
    tk_free(tk);
}

static void a_command_and_its_result(void **state)
{
    struct tk *tk = *state;
    struct tk_send command = {.device = "d", .name = "open", .class = HF_CLASS_COMMAND, .wait_ms = 5000};
    struct hf_devconn *dev = online(tk, 0, "d"), *other = online(tk, 1, "e");
    const struct tk_reply *reply = send(tk, &command);
    struct hf_event event;

    tk_commit(tk, SIZE_MAX);
    assert_int_equal(state_of(tk, &command), HF_PENDING_WRITTEN);
    assert_int_equal(hf_hub_result(&tk->hub, other, command.id, false, 0, 0, HF_SLICE("x")),
                     HF_ERR_NOT_FOUND);
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(hf_hub_result(&tk->hub, dev, command.id, false, 0, 0, HF_SLICE("x")), HF_ERR_LIMIT);
    tk->refuse = HF_OK;
    assert_int_equal(hf_hub_result(&tk->hub, dev, command.id, false, 1, 2, HF_SLICE("{}")), HF_OK);
    assert_int_equal(hf_hub_result(&tk->hub, dev, command.id, false, 1, 2, HF_SLICE("{}")), HF_ERR_NOT_FOUND);
    assert_int_equal(tk->hub.stats.results_unmatched, 2);
    assert_false(reply->done);
    tk_run(tk);
    assert_true(reply->done);
    assert_int_equal(reply->call.fate, HF_FATE_DONE);
    assert_int_equal(reply->call.result_bytes, 2);
    assert_int_equal(tk_count(tk, HF_EVENT_COMMAND_DONE, &event), 1);
    assert_true(hf_slice_is(event.payload, "{}") && hf_slice_is(event.topic, "open"));
    assert_int_equal(tk->hub.ledger.counts.downlink.delivered, 1);
}

static void patience_ends_before_the_command(void **state)
{
    struct tk *tk = *state;
    struct tk_send command = {.device = "d", .name = "open", .class = HF_CLASS_COMMAND, .wait_ms = 500};

    (void)online(tk, 0, "d");
    const struct tk_reply *reply = send(tk, &command);
    tk_run(tk);
    tk_advance(tk, 400);
    assert_false(reply->done);
    tk_advance(tk, 200);
    assert_true(reply->done);
    assert_int_equal(reply->call.fate, HF_FATE_SENT);
    assert_int_equal(hf_hub_result(&tk->hub, &tk->conns[0].dev, command.id, true, 0, 0, HF_SLICE("no")),
                     HF_OK);
    tk_run(tk);
    struct hf_event event;
    assert_int_equal(tk_count(tk, HF_EVENT_COMMAND_FAILED, &event), 1);
    assert_int_equal(event.reason, HF_REASON_DEVICE_REFUSED);
    assert_int_equal(tk->hub.ledger.counts.downlink.delivered, 1); /* it was answered */
}

/* The kernel had all of it although we never saw that; the device answers over its next connection. */
static void a_result_over_the_next_connection(void **state)
{
    struct tk *tk = *state;
    struct tk_send sent = bring_to(tk, HF_PENDING_WRITTEN, HF_CLASS_COMMAND);

    assert_int_equal(tk_connect(tk, 1, "d"), HF_OK);
    assert_int_equal(state_of(tk, &sent), HF_PENDING_WAITING);
    assert_int_equal(hf_hub_result(&tk->hub, &tk->conns[1].dev, sent.id, false, 0, 0, HF_SLICE("r")), HF_OK);
    tk_run(tk);
    assert_int_equal(tk->conns[1].seen_count, 0); /* not a second time */
    assert_int_equal(tk->hub.ledger.counts.downlink.delivered, 1);
}

static void an_end_is_recorded_when_the_journal_takes_it_again(void **state)
{
    struct tk *tk = *state;
    struct tk_send sent = bring_to(tk, HF_PENDING_WAITING, HF_CLASS_MESSAGE);
    struct tk_reply reply;

    tk->refuse = HF_ERR_LIMIT;
    assert_true(tk_cancel(tk, "d", sent.id, &reply));
    tk_advance(tk, 3 * HF_DEVICE_RETRY_MS);
    assert_int_equal(tk_count(tk, HF_EVENT_FAILED, NULL), 0);
    tk->refuse = HF_OK;
    tk_advance(tk, HF_DEVICE_RETRY_MS + 32);
    assert_int_equal(tk_count(tk, HF_EVENT_FAILED, NULL), 1);
    tk_run(tk);
    assert_true(reply.done);
    assert_int_equal(tk->hub.pending.count, 0);
}

/* ---- keys ---- */

static void a_key_stands_for_its_first_message(void **state)
{
    struct tk *tk = *state;
    struct tk_send first = {.device = "d", .key = "k", .body = 1, .ttl_ms = 600000}, again = first,
                   other = first;

    tk->rules.ttl_max_ms = 600000;
    (void)online(tk, 0, "d");
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    (void)send(tk, &first);
    assert_int_equal(send(tk, &again)->call.reason, HF_REASON_IN_PROGRESS); /* in flight */
    other.body = 2;
    assert_int_equal(send(tk, &other)->call.reason, HF_REASON_ID_CONFLICT);
    tk_commit(tk, SIZE_MAX); /* durable, not in the tables */
    for (unsigned i = 0; i < 2; i++) {
        const struct tk_reply *known = send(tk, &again);

        assert_int_equal(known->call.reason, HF_REASON_NONE);
        assert_true(known->call.replayed);
        assert_memory_equal(known->call.id, first.id, 16);
        assert_int_equal(send(tk, &other)->call.reason, HF_REASON_ID_CONFLICT);
        tk_run(tk); /* now in the tables */
    }
    assert_true(hf_list_empty(&tk_device(tk, "d")->outbox->keys)); /* although a message waits */
    tk_advance(tk, tk->rules.idempotency_ms * 3);
    assert_true(send(tk, &again)->call.replayed); /* it is not over yet */
    assert_int_equal(tk_restart(tk), HF_OK);
    assert_true(send(tk, &again)->call.replayed);
    struct tk_reply cancel;
    assert_true(tk_cancel(tk, "d", first.id, &cancel));
    tk_run(tk);
    tk_advance(tk, tk->rules.idempotency_ms - 1000);
    assert_true(send(tk, &again)->call.replayed);
    tk_advance(tk, 2000);
    const struct tk_reply *fresh = send(tk, &again);
    tk_commit(tk, SIZE_MAX);
    assert_false(fresh->call.replayed);
    assert_int_equal(fresh->call.reason, HF_REASON_NONE);
    assert_int_equal(tk_count(tk, HF_EVENT_QUEUED, NULL), 2);
}

/* ---- order and bounds ---- */

static void many_wait_and_come_in_order(void **state)
{
    struct tk *tk = *state;
    unsigned seen = 0;

    (void)online(tk, 0, "d");
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk->rules.outbox_messages_max = 150;
    for (unsigned i = 1; i <= 150; i++)
        (void)send(tk, &(struct tk_send){.device = "d", .tag = i, .bytes = 100});
    assert_int_equal(send(tk, &(struct tk_send){.device = "d"})->call.reason, HF_REASON_QUEUE_FULL);
    tk_commit(tk, SIZE_MAX);
    assert_int_equal(tk_connect(tk, 1, "d"), HF_OK);
    tk_settle(tk); /* the tables are not there yet */
    assert_int_equal(tk->conns[1].seen_count, 0);
    (void)send(tk, &(struct tk_send){.device = "d", .tag = 151});
    tk->rules.outbox_messages_max = 1000;
    (void)send(tk, &(struct tk_send){.device = "d", .tag = 151});
    tk->late = true;
    tk_settle(tk);
    tk->late = false;
    tk_run(tk);
    for (; seen < tk->conns[1].seen_count; seen++)
        assert_int_equal(tk->conns[1].seen[seen].tag, seen + 1);
    assert_int_equal(seen, 151);
    assert_true(tk->conns[1].link_bytes_seen <= tk->rules.queue_high_bytes);
    assert_int_equal(tk->hub.ledger.counts.downlink.delivered, 151);
}

static void what_is_refused(void **state)
{
    struct tk *tk = *state;

    assert_int_equal(send(tk, &(struct tk_send){.device = "d"})->call.reason, HF_REASON_NOT_FOUND);
    (void)online(tk, 0, "d");
    tk->rules.outbox_bytes_max = 1000;
    const struct tk_reply *reply =
        send(tk, &(struct tk_send){.device = "d", .bytes = 1001}); /* the very first */
    assert_int_equal(reply->call.reason, HF_REASON_QUEUE_FULL);
    assert_int_equal(reply->call.limit, 1000);
    assert_int_equal(reply->call.observed, 1001);
    reply = send(tk, &(struct tk_send){.device = "d", .bytes = HF_DOWNLINK_BYTES_MAX + 1});
    assert_int_equal(reply->call.reason, HF_REASON_MESSAGE_TOO_BIG);
    tk->rules.commands = (struct hf_rate_limit){10, 1};
    struct tk_send command = {.device = "d", .name = "n", .class = HF_CLASS_COMMAND};
    reply = send(tk, &command);
    tk_run(tk);
    assert_int_equal(reply->call.reason, HF_REASON_NONE);
    reply = send(tk, &command);
    assert_int_equal(reply->call.reason, HF_REASON_RATE_LIMIT);
    assert_int_equal(reply->call.retry_ms, 100);
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(send(tk, &(struct tk_send){.device = "d", .key = "k"})->call.reason,
                     HF_REASON_STORAGE_FULL);
    tk->refuse = HF_OK;
    reply = send(tk, &(struct tk_send){.device = "d", .key = "k"}); /* and the key is free again */
    tk_run(tk);
    assert_int_equal(reply->call.reason, HF_REASON_NONE);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    reply = send(tk, &(struct tk_send){.device = "d", .class = HF_CLASS_TELEMETRY});
    assert_int_equal(reply->call.reason, HF_REASON_DEVICE_OFFLINE); /* its class waits for nobody */
}

/* ---- slow readers ---- */

static void policies_of_a_slow_reader(void **unused)
{
    static const struct {
        enum hf_policy policy;
        unsigned ended; /* of ten messages, when the queue has room for four */
        enum hf_reason reason;
    } rows[] = {
        {HF_POLICY_MUST_DELIVER, 0, HF_REASON_NONE},
        {HF_POLICY_DROP_OLDEST, 5, HF_REASON_DROP_OLDEST},
        {HF_POLICY_DROP_NEWEST, 5, HF_REASON_DROP_NEWEST},
        {HF_POLICY_LATEST, 8, HF_REASON_CONFLATED},
        {HF_POLICY_DISCONNECT, 6, HF_REASON_CONNECTION_GONE},
        {HF_POLICY_SAMPLE, 8, HF_REASON_SAMPLED},
    };

    (void)unused;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct tk *tk = tk_new();

        (void)online(tk, 0, "d");
        tk->rules.queue_low_bytes = 500;
        tk->rules.queue_high_bytes = 5 * (600 + TK_FRAME_HEAD);
        tk->rules.policies[HF_CLASS_TELEMETRY] = (uint8_t)rows[i].policy;
        tk->conns[0].stuck = true;
        for (unsigned k = 1; k <= 10; k++)
            (void)send(tk,
                       &(struct tk_send){.device = "d", .class = HF_CLASS_TELEMETRY, .bytes = 600, .tag = k});
        tk_commit(tk, 10);
        assert_int_equal(tk->conns[0].open, rows[i].policy != HF_POLICY_DISCONNECT);
        if (rows[i].policy == HF_POLICY_DISCONNECT)
            assert_int_equal(tk->conns[0].closed_for, HF_REASON_SLOW_READER);
        else
            assert_int_equal(hf_ledger_dropped(&tk->hub.ledger.counts.downlink), rows[i].ended);
        if (rows[i].reason != HF_REASON_NONE)
            assert_true(tk->hub.ledger.counts.downlink.dropped[rows[i].reason] >= rows[i].ended);
        tk_check_books(tk);
        if (tk->conns[0].open)
            tk_drain(&tk->conns[0]);
        tk_run(tk);
        assert_int_equal(tk->hub.ledger.counts.downlink.pending, 0);
        tk_free(tk);
    }
}

static void samples_of_a_slow_reader(void **state)
{
    struct tk *tk = *state;

    (void)online(tk, 0, "d");
    tk->rules.policies[HF_CLASS_TELEMETRY] = HF_POLICY_SAMPLE;
    tk->conns[0].stuck = true;
    for (unsigned k = 1; k <= 12; k++) {
        (void)send(tk, &(struct tk_send){.device = "d", .class = HF_CLASS_TELEMETRY, .bytes = 600, .tag = k});
        tk_commit(tk, SIZE_MAX);
        tk_advance(tk, 250);
    }
    assert_int_equal(tk->hub.ledger.counts.downlink.dropped[HF_REASON_SAMPLED], 7);
    tk_drain(&tk->conns[0]);
    tk_run(tk);
    assert_int_equal(tk->conns[0].seen_count, 5);
    for (unsigned i = 0; i < 5; i++) /* two were written; 3 to 6, 7 to 10 and 11, 12 waited */
        assert_int_equal(tk->conns[0].seen[i].tag, ((const uint32_t[]){1, 2, 6, 10, 12})[i]);
}

static void a_link_without_memory_is_tried_again(void **state)
{
    struct tk *tk = *state;

    (void)online(tk, 0, "d");
    tk->conns[0].no_memory = true;
    for (unsigned i = 1; i <= 3; i++)
        (void)send(tk, &(struct tk_send){.device = "d", .tag = i});
    tk_commit(tk, SIZE_MAX);
    (void)tk_apply(tk, SIZE_MAX);
    tk_settle(tk);
    assert_int_equal(tk->conns[0].seen_count, 0);
    tk->conns[0].no_memory = false;
    tk_run(tk);
    assert_int_equal(tk->conns[0].seen_count, 3);
    assert_int_equal(tk->conns[0].seen[2].tag, 3);
    tk_check_books(tk);
}

/* ---- many ---- */

static struct tk_reply broadcast(struct tk *tk, const char *topic, struct hf_slice *list, unsigned count)
{
    struct hf_call *call = hf_call_new(HF_CALL_BROADCAST, 0);
    struct tk_reply reply = {0};

    call->class = HF_CLASS_TELEMETRY;
    call->topic = hf_slice_of(topic);
    call->target_topic = topic != NULL;
    call->devices = list;
    call->device_count = count;
    call->payload = HF_SLICE("news");
    call->maker = &reply;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    assert_true(reply.done);
    return reply;
}

static void to_all_to_some_to_a_topic(void **state)
{
    struct tk *tk = *state;
    struct hf_slice list[] = {HF_SLICE("a"), HF_SLICE("gone")};
    struct hf_hub_connect connect = {.tenant = &tk->tenant, .groups = {HF_SLICE("red")}, .group_count = 1};
    struct hf_hub_connect foreign = {.tenant = &tk->other, .device = HF_SLICE("a")};
    enum hf_reason reason;

    for (unsigned i = 0; i < 4; i++) {
        connect.device = (struct hf_slice){&"abcd"[i], 1};
        assert_int_equal(tk_connect_with(tk, i, &connect, &reason), HF_OK);
    }
    assert_int_equal(tk_connect_with(tk, 4, &foreign, &reason), HF_OK);
    assert_int_equal(tk->interest, 1);
    struct tk_reply reply = broadcast(tk, NULL, NULL, 0);
    assert_int_equal(reply.call.targets, 4);
    assert_int_equal(reply.call.written, 4);
    unsigned encoded = 0;
    for (unsigned i = 0; i < 5; i++)
        encoded += tk->conns[i].encoded;
    assert_int_equal(encoded, 2); /* WS-23: once per variant */
    reply = broadcast(tk, NULL, list, 2);
    assert_int_equal(reply.call.targets, 2);
    assert_int_equal(reply.call.written, 1);
    assert_int_equal(tk->hub.ledger.counts.broadcast.dropped[HF_REASON_DEVICE_OFFLINE], 1);
    reply = broadcast(tk, "group/red", NULL, 0);
    assert_int_equal(reply.call.written, 4);
    assert_int_equal(broadcast(tk, "group/blue", NULL, 0).call.targets, 0);
    /* A receiver's own policy closes it in the middle, the last one at the end. */
    tk->rules.policies[HF_CLASS_TELEMETRY] = HF_POLICY_DISCONNECT;
    tk->rules.queue_high_bytes = tk->rules.queue_low_bytes = 10;
    tk_run(tk);
    for (unsigned i = 0; i < 4; i++) {
        tk->conns[i].stuck = i != 2;
        tk->conns[i].link_bytes = i != 2 ? 11 : 0;
    }
    reply = broadcast(tk, "group/red", NULL, 0);
    assert_int_equal(reply.call.targets, 4);
    assert_int_equal(reply.call.written, 1);
    assert_int_equal(tk->hub.stats.connections, 2);
    tk->conns[2].stuck = true;
    tk->conns[2].link_bytes = 11;
    assert_int_equal(broadcast(tk, "group/red", NULL, 0).call.written, 0);
    assert_int_equal(tk->interest, 0); /* the topic went with its last subscriber */
    tk_check_books(tk);
}

static void subscriptions_are_bounded(void **state)
{
    struct tk *tk = *state;
    struct hf_devconn *dev = online(tk, 0, "d");
    const char *topics[] = {"a", "b", "c", "e"};

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hf_hub_subscribe(&tk->hub, dev, hf_slice_of(topics[i])), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, dev, HF_SLICE("a")), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, dev, HF_SLICE("f")), HF_ERR_LIMIT);
    assert_int_equal(tk->hub.stats.subscriptions, 4);
    assert_int_equal(hf_hub_unsubscribe(&tk->hub, dev, HF_SLICE("f")), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_hub_unsubscribe(&tk->hub, dev, HF_SLICE("a")), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, dev, HF_SLICE("f")), HF_OK);
    /* The publisher does not hear itself. */
    struct hf_devconn *other = online(tk, 1, "e");
    struct hf_incoming incoming = {.topic = HF_SLICE("f"), .payload = HF_SLICE("x"), .publish = true};
    uint32_t wait_ms;
    assert_int_equal(hf_hub_subscribe(&tk->hub, other, HF_SLICE("f")), HF_OK);
    assert_int_equal(hf_hub_message(&tk->hub, dev, &incoming, NULL, &wait_ms), HF_OK);
    assert_int_equal(tk->conns[1].seen_count, 0); /* not durable yet: nobody may see it */
    tk_commit(tk, SIZE_MAX);
    assert_int_equal(tk->conns[0].seen_count, 0);
    assert_int_equal(tk->conns[1].seen_count, 1);
}

static void drops_of_a_broadcast_are_recorded(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;

    (void)online(tk, 0, "d");
    tk->conns[0].stuck = true;
    tk->rules.queue_high_bytes = 60;
    tk->rules.queue_low_bytes = 0;
    tk_advance(tk, 2000);
    for (unsigned i = 0; i < 5; i++)
        (void)broadcast(tk, NULL, NULL, 0); /* 25 bytes each: one with the link, one queued */
    tk_settle(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_LEDGER, &event), 1);
    assert_int_equal(event.reason, HF_REASON_DROP_OLDEST);
    assert_int_equal(event.to, 3);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    assert_int_equal(tk_count(tk, HF_EVENT_LEDGER, &event), 3);
    assert_int_equal(event.reason, HF_REASON_CONNECTION_GONE);
    assert_int_equal(hf_ledger_dropped(&tk->hub.ledger.counts.broadcast), 5);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_runs_out_in_every_state),
        ROW(a_written_message_expires_only_with_its_link),
        cmocka_unit_test(cancel_in_every_state),
        ROW(a_command_and_its_result),
        ROW(an_unanswered_command_is_sent_again),
        ROW(patience_ends_before_the_command),
        ROW(a_result_over_the_next_connection),
        ROW(an_end_is_recorded_when_the_journal_takes_it_again),
        ROW(a_key_stands_for_its_first_message),
        ROW(many_wait_and_come_in_order),
        ROW(what_is_refused),
        cmocka_unit_test(policies_of_a_slow_reader),
        ROW(samples_of_a_slow_reader),
        ROW(a_link_without_memory_is_tried_again),
        ROW(to_all_to_some_to_a_topic),
        ROW(subscriptions_are_bounded),
        ROW(drops_of_a_broadcast_are_recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
