/* The hub, one rule at a time. Whole histories are in hub_random_test.c, failing memory in hub_fail_test.c. */
#include "core/hub_testkit.h"

static int setup(void **state)
{
    *state = tk_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    struct tk *tk = *state;

    tk_check_books(tk);
    tk_free(tk);
    return 0;
}

static const struct tk_reply *send(struct tk *tk, struct tk_send send)
{
    static struct tk_reply replies[64]; /* they come later, or never */
    static unsigned next;
    struct tk_reply *reply = &replies[next++ % HF_COUNT_OF(replies)];

    assert_true(tk_send(tk, &send, reply));
    return reply;
}

/* A device that was there once and is gone. */
static void known(struct tk *tk, const char *name)
{
    assert_int_equal(tk_connect(tk, 15, name), HF_OK);
    tk_disconnect(&tk->conns[15], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
}

static struct hf_message_row row_of(struct tk *tk, const uint8_t id[16])
{
    struct hf_message_row row = {0};
    struct hf_kv_txn *txn;
    struct hf_slice value;

    assert_int_equal(hf_kv_read(tk->kv, &txn), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_MESSAGES, (struct hf_slice){(const char *)id, 16}, &value), HF_OK);
    assert_int_equal(hf_message_row_decode(value, &row), HF_OK);
    hf_kv_end(txn);
    return row; /* its numbers; the texts are gone */
}

/* ---- connections ---- */

static void a_newer_connection_wins(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;

    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    assert_int_equal(tk_connect(tk, 1, "d"), HF_OK);
    assert_false(tk->conns[0].open);
    assert_int_equal(tk->conns[0].closed_for, HF_REASON_REPLACED);
    assert_ptr_equal(tk_device(tk, "d")->devconn, &tk->conns[1].dev);
    assert_int_equal(tk_device(tk, "d")->epoch, 2);
    assert_int_equal(tk->hub.stats.connections, 1);
    assert_int_equal(tk->tenant.connections, 1);
    assert_int_equal(tk_count(tk, HF_EVENT_DISCONNECTED, &event), 1);
    assert_int_equal(event.epoch, 1);
    assert_int_equal(event.reason, HF_REASON_REPLACED);
    assert_int_equal(tk_count(tk, HF_EVENT_ONLINE, &event), 2);
    assert_int_equal(event.epoch, 2);
    assert_int_equal(tk_count(tk, HF_EVENT_OFFLINE, NULL), 0);
}

static void a_tenant_has_its_limit(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;

    tk->rules.connections_max = 1;
    assert_int_equal(tk_connect(tk, 0, "a"), HF_OK);
    assert_int_equal(tk_connect(tk, 1, "b"), HF_ERR_LIMIT);
    assert_int_equal(tk->tenant.refused, 1);
    assert_int_equal(tk_connect(tk, 2, "a"), HF_OK); /* its own older one makes room */
    /* Another worker takes the slot in between: the device lost one connection and got none. */
    atomic_fetch_add(&tk->tenant.connections, 1);
    assert_int_equal(tk_connect(tk, 3, "a"), HF_ERR_LIMIT);
    atomic_fetch_sub(&tk->tenant.connections, 1);
    assert_int_equal(tk_device(tk, "a")->presence, HF_UNKNOWN);
    assert_int_equal(tk_count(tk, HF_EVENT_UNKNOWN, &event), 1);
    tk_advance(tk, hf_presence_silent_ms(30000) + 32);
    assert_int_equal(tk_device(tk, "a")->presence, HF_OFFLINE);
    assert_int_equal(tk->tenant.connections, 0);
}

static void no_epoch_without_its_record(void **state)
{
    struct tk *tk = *state;

    known(tk, "d");
    tk->refuse = HF_ERR_LIMIT;
    struct hf_hub_connect connect = {.tenant = &tk->tenant, .device = HF_SLICE("d")};
    enum hf_reason reason = HF_REASON_NONE;
    assert_int_equal(tk_connect_with(tk, 0, &connect, &reason), HF_ERR_LIMIT);
    assert_int_equal(reason, HF_REASON_STORAGE_FULL);
    assert_int_equal(tk_device(tk, "d")->epoch, 1);
    assert_int_equal(tk->hub.stats.connections, 0);
    assert_int_equal(tk->tenant.connections, 0);
    tk->refuse = HF_OK;
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    assert_int_equal(tk_device(tk, "d")->epoch, 2);
}

static void presence_is_recorded_when_the_journal_takes_it_again(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;

    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    tk_run(tk);
    tk->refuse = HF_ERR_LIMIT;
    hf_hub_evidence(&tk->hub, &tk->conns[0].dev, HF_EVIDENCE_QUIET, HF_REASON_SILENCE);
    tk_advance(tk, 5000);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_advance(tk, 60000);
    tk_run(tk);
    assert_int_equal(tk_count(tk, HF_EVENT_OFFLINE, NULL), 0);
    assert_non_null(tk_device(tk, "d")); /* it stays until the tables can know */
    tk->refuse = HF_OK;
    tk_advance(tk, HF_DEVICE_RETRY_MS + 32);
    assert_int_equal(tk_count(tk, HF_EVENT_OFFLINE, &event), 1);
    assert_int_equal(event.reason, HF_REASON_NORMAL);
    assert_int_equal(event.epoch, 1);
    tk_run(tk);
    tk_advance(tk, HF_DEVICE_LINGER_MS + 1000);
    assert_null(tk_device(tk, "d"));
}

static void silence_makes_offline_and_memory_is_given_back(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;

    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    tk_advance(tk, 1000);
    hf_hub_evidence(&tk->hub, &tk->conns[0].dev, HF_EVIDENCE_QUIET, HF_REASON_SILENCE);
    assert_int_equal(tk->hub.stats.presence[HF_UNKNOWN], 1);
    tk_advance(tk, 1000);
    hf_hub_evidence(&tk->hub, &tk->conns[0].dev, HF_EVIDENCE_LIFE, HF_REASON_CONNECTED);
    assert_int_equal(tk_count(tk, HF_EVENT_ONLINE, NULL), 2);
    tk_advance(tk, 1000);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_RESET);
    assert_int_equal(tk_count(tk, HF_EVENT_UNKNOWN, &event), 2);
    assert_in_range(event.from, 3000, 3100); /* of the whole connection, whatever presence did meanwhile */
    tk_advance(tk, hf_presence_silent_ms(30000) - 100);
    assert_int_equal(tk_device(tk, "d")->presence, HF_UNKNOWN);
    tk_advance(tk, 132);
    assert_int_equal(tk_device(tk, "d")->presence, HF_OFFLINE);
    assert_int_equal(tk_count(tk, HF_EVENT_OFFLINE, &event), 1);
    assert_int_equal(event.reason, HF_REASON_CONNECTION_RESET);
    /* The tables lag: it must not be evicted, or its epoch could be given again. */
    tk_advance(tk, 10 * HF_DEVICE_LINGER_MS);
    assert_non_null(tk_device(tk, "d"));
    tk_commit(tk, SIZE_MAX);
    tk_advance(tk, 10 * HF_DEVICE_LINGER_MS);
    assert_non_null(tk_device(tk, "d"));
    tk_run(tk);
    tk_advance(tk, HF_DEVICE_LINGER_MS + 1000);
    assert_null(tk_device(tk, "d"));
    assert_int_equal(tk->hub.stats.devices, 0);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    assert_int_equal(tk_device(tk, "d")->epoch, 2); /* from the tables */
}

static void a_restart_makes_unknown_then_offline(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;
    struct tk_reply reply;
    struct tk_send message = {.device = "d", .ttl_ms = 500000};

    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    tk->conns[0].stuck = true;
    assert_true(tk_send(tk, &message, &reply));
    tk_commit(tk, SIZE_MAX);
    assert_true(reply.done);
    assert_int_equal(tk_restart(tk), HF_OK); /* no offline record: the node died */
    struct hf_device *device = tk_device(tk, "d");
    assert_non_null(device); /* a message waits for it */
    assert_int_equal(device->presence, HF_UNKNOWN);
    assert_int_equal(device->reason, HF_REASON_NODE_RESTART);
    assert_int_equal(device->epoch, 1);
    tk_advance(tk, hf_presence_silent_ms(30000) + 32);
    assert_int_equal(tk_count(tk, HF_EVENT_OFFLINE, &event), 1);
    assert_int_equal(event.reason, HF_REASON_NODE_RESTART);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    tk_run(tk);
    assert_int_equal(tk->conns[0].seen_count, 1);
    assert_memory_equal(tk->conns[0].seen[0].id, message.id, 16);
    assert_int_equal(tk->hub.ledger.counts.downlink.restored, 1);
}

static void tables_that_cannot_be_read_let_nobody_in(void **state)
{
    struct tk *tk = *state;
    struct hf_kv_txn *held[HF_KV_READERS_MAX];
    struct hf_hub_connect connect = {.tenant = &tk->tenant, .device = HF_SLICE("d")};
    enum hf_reason reason = HF_REASON_NONE;

    known(tk, "d");
    tk_advance(tk, HF_DEVICE_LINGER_MS + 1000);
    assert_null(tk_device(tk, "d"));
    for (unsigned i = 0; i < HF_KV_READERS_MAX; i++)
        assert_int_equal(hf_kv_read(tk->kv, &held[i]), HF_OK);
    assert_int_equal(tk_connect_with(tk, 0, &connect, &reason), HF_ERR_BUSY);
    assert_int_equal(reason, HF_REASON_BUSY); /* else it would begin at epoch 1 again */
    assert_int_equal(send(tk, (struct tk_send){.device = "d"})->call.reason, HF_REASON_BUSY);
    hf_kv_end(held[0]);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    assert_int_equal(hf_kv_read(tk->kv, &held[0]), HF_OK);
    /* Is the key known? Nobody can tell, so it is not sent. */
    assert_int_equal(send(tk, (struct tk_send){.device = "d", .key = "k"})->call.reason, HF_REASON_BUSY);
    for (unsigned i = 0; i < HF_KV_READERS_MAX; i++)
        hf_kv_end(held[i]);
    assert_int_equal(tk_device(tk, "d")->epoch, 2);
}

/* Whatever protocol it speaks: ops of its own are another adapter's. */
static void drain_closes_as_many_as_asked(void **state)
{
    struct tk *tk = *state;
    const struct hf_devconn_ops others = tk_devconn_ops;

    assert_int_equal(tk_connect(tk, 0, "a"), HF_OK);
    assert_int_equal(tk_connect(tk, 1, "b"), HF_OK);
    assert_int_equal(tk_connect(tk, 2, "c"), HF_OK);
    tk->conns[1].dev.ops = &others;
    assert_int_equal(hf_hub_drain(&tk->hub, 0, HF_REASON_DRAIN), 3);
    assert_int_equal(hf_hub_drain(&tk->hub, 2, HF_REASON_DRAIN), 3);
    assert_int_equal(tk->conns[0].open + tk->conns[1].open + tk->conns[2].open, 1);
    assert_int_equal(hf_hub_drain(&tk->hub, UINT32_MAX, HF_REASON_DRAIN), 1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(!tk->conns[i].open && tk->conns[i].closed_for == HF_REASON_DRAIN);
    assert_int_equal(hf_hub_drain(&tk->hub, UINT32_MAX, HF_REASON_DRAIN), 0);
    assert_int_equal(tk->hub.stats.disconnects[HF_REASON_DRAIN], 3);
}

static void refusals_and_home(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;
    unsigned homes[4] = {0};

    hf_hub_refused(&tk->hub, HF_SLICE("acme"), HF_SLICE("d"), HF_REASON_REVOKED);
    assert_int_equal(tk_count(tk, HF_EVENT_REFUSED, &event), 1);
    assert_int_equal(event.reason, HF_REASON_REVOKED);
    assert_int_equal(tk->hub.stats.refused[HF_REASON_REVOKED], 1);
    tk->refuse = HF_ERR_LIMIT;
    hf_hub_refused(&tk->hub, HF_SLICE("acme"), HF_SLICE("d"), HF_REASON_REVOKED);
    assert_int_equal(tk->hub.stats.journal_refused, 1);
    for (unsigned i = 0; i < 4000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "dev-%u", i);
        homes[hf_hub_home(HF_SLICE("acme"), hf_slice_of(name), 4)]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(homes[i], 850, 1150);
}

/* ---- from the device ---- */

static unsigned told;
static void on_told(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    (void)waiter;
    (void)time_ms;
    assert_int_not_equal(offset, 0);
    told++;
}

static void messages_are_acknowledged_when_durable(void **state)
{
    struct tk *tk = *state;
    struct hf_waiter waiter = {.on_durable = on_told};
    struct hf_incoming incoming = {.topic = HF_SLICE("t"), .payload = HF_SLICE("x"), .key = HF_SLICE("m1")};
    struct hf_ledger_counts *book = &tk->hub.ledger.counts.uplink;
    struct hf_event event;
    uint32_t wait_ms = 0;

    told = 0;
    tk->rules.uplink = (struct hf_rate_limit){10, 2};
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    assert_int_equal(hf_hub_message(&tk->hub, &tk->conns[0].dev, &incoming, &waiter, &wait_ms), HF_OK);
    assert_int_equal(book->pending, 1);
    assert_int_equal(told, 0);
    tk_commit(tk, SIZE_MAX);
    assert_int_equal(told, 1);
    assert_int_equal(book->delivered, 1);
    assert_int_equal(tk_count(tk, HF_EVENT_MESSAGE, &event), 1);
    assert_true(hf_slice_is(event.key, "m1"));
    assert_int_equal(event.conn, tk->conns[0].dev.conn_id);
    /* OL-2: capacity 2, then one every 100 ms. */
    assert_true(hf_hub_uplink_ready(&tk->hub, &tk->conns[0].dev, &wait_ms));
    assert_int_equal(hf_hub_message(&tk->hub, &tk->conns[0].dev, &incoming, NULL, &wait_ms), HF_OK);
    assert_int_equal(hf_hub_message(&tk->hub, &tk->conns[0].dev, &incoming, NULL, &wait_ms), HF_ERR_BUSY);
    assert_int_equal(wait_ms, 100);
    assert_false(hf_hub_uplink_ready(&tk->hub, &tk->conns[0].dev, &wait_ms));
    tk_advance(tk, 112);
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(hf_hub_message(&tk->hub, &tk->conns[0].dev, &incoming, NULL, &wait_ms), HF_ERR_LIMIT);
    assert_int_equal(book->accepted, 2); /* what was not taken was not accepted */
    tk->rules.uplink = (struct hf_rate_limit){0, 0};
    assert_false(hf_hub_uplink_ready(&tk->hub, &tk->conns[0].dev, &wait_ms));
    assert_int_equal(wait_ms, 60000);
}

static void access_rules_hold_in_both_directions(void **state)
{
    static const struct hf_access_rule rules[] = {
        {HF_SLICE("*"), HF_SLICE("own/{device}/#"), HF_ACCESS_BOTH, true},
        {HF_SLICE("*"), HF_SLICE("reboot"), HF_ACCESS_DOWN, true},
    };
    struct tk *tk = *state;
    struct hf_access_rules *access;
    struct hf_incoming mine = {.topic = HF_SLICE("own/d/x")}, foreign = {.topic = HF_SLICE("own/e/x")};
    uint32_t wait_ms;
    unsigned bad;

    assert_int_equal(hf_access_new(rules, 2, &bad, &access), HF_OK);
    tk->rules.access = access;
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    struct hf_devconn *dev = &tk->conns[0].dev;
    assert_int_equal(hf_hub_message(&tk->hub, dev, &mine, NULL, &wait_ms), HF_OK);
    assert_int_equal(hf_hub_message(&tk->hub, dev, &foreign, NULL, &wait_ms), HF_ERR_DENIED);
    assert_int_equal(hf_hub_subscribe(&tk->hub, dev, mine.topic), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, dev, foreign.topic), HF_ERR_DENIED);
    assert_int_equal(send(tk, (struct tk_send){.device = "d", .name = "halt"})->call.reason,
                     HF_REASON_FORBIDDEN);
    struct tk_send allowed = {.device = "d", .name = "reboot", .class = HF_CLASS_COMMAND};
    struct tk_reply reply;
    assert_true(tk_send(tk, &allowed, &reply));
    tk_run(tk);
    assert_int_equal(reply.call.reason, HF_REASON_NONE);
    tk->rules.access = NULL;
    hf_access_free(access);
}

/* ---- calls about devices ---- */

static struct tk_reply ask(struct tk *tk, enum hf_call_type type, const char *device, struct hf_call wish)
{
    struct hf_call *call = hf_call_new(type, 0);
    struct tk_reply reply = {0};

    wish.type = type;
    *call = wish;
    call->tenant = tk->tenant.name;
    call->device = hf_slice_of(device);
    call->maker = &reply;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    tk_commit(tk, SIZE_MAX);
    assert_true(reply.done);
    return reply;
}

static void calls_about_a_device(void **state)
{
    struct tk *tk = *state;
    struct hf_ledger_snapshot sum = {0};

    assert_int_equal(ask(tk, HF_CALL_DEVICE, "d", (struct hf_call){0}).call.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(ask(tk, HF_CALL_DISCONNECT, "d", (struct hf_call){0}).call.reason,
                     HF_REASON_DEVICE_OFFLINE);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    tk->conns[0].stuck = true;
    (void)send(tk, (struct tk_send){.device = "d", .bytes = 2000});
    (void)send(tk, (struct tk_send){.device = "d", .bytes = 1000});
    struct tk_reply live = ask(tk, HF_CALL_DEVICE, "d", (struct hf_call){0});
    assert_true(live.call.live.connected);
    assert_int_equal(live.call.live.presence, HF_ONLINE);
    assert_int_equal(live.call.live.pending_messages, 2);
    assert_int_equal(live.call.live.pending_bytes, 3000);
    assert_int_equal(live.call.live.rtt_ms, 7);
    live = ask(tk, HF_CALL_DEVICE, "d", (struct hf_call){0}); /* both are durable by now */
    assert_int_equal(live.call.live.send_queue_messages, 1);
    assert_int_equal(live.call.live.send_queue_bytes, 3000 + 2 * TK_FRAME_HEAD);
    assert_int_equal(ask(tk, HF_CALL_DISCONNECT, "d", (struct hf_call){0}).call.reason, HF_REASON_NONE);
    assert_int_equal(tk->conns[0].closed_for, HF_REASON_ADMIN_DISCONNECT);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    (void)ask(tk, HF_CALL_DISCONNECT, "d", (struct hf_call){.event_type = HF_EVENT_REVOKED});
    assert_int_equal(tk->conns[0].closed_for, HF_REASON_REVOKED);
    (void)ask(tk, HF_CALL_LEDGER, NULL, (struct hf_call){.ledger = &sum});
    assert_int_equal(sum.downlink.accepted, 2);
    struct tk_reply record = ask(tk, HF_CALL_RECORD, NULL,
                                 (struct hf_call){.event_type = HF_EVENT_AUDIT, .topic = HF_SLICE("what")});
    assert_int_equal(record.call.offset, tk->appended);
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(
        ask(tk, HF_CALL_RECORD, NULL, (struct hf_call){.event_type = HF_EVENT_AUDIT}).call.reason,
        HF_REASON_STORAGE_FULL);
}

/* A record, a command that waits for its result and the one that cancels it, a command that is not durable yet. */
static void open_calls(struct tk *tk, struct tk_reply replies[4])
{
    struct hf_call *call = hf_call_new(HF_CALL_RECORD, 0);
    struct tk_send command = {.device = "d", .class = HF_CLASS_COMMAND, .wait_ms = 9000, .key = "k"};

    known(tk, "d");
    assert_true(tk_send(tk, &command, &replies[0]));
    tk_commit(tk, SIZE_MAX);
    assert_true(tk_cancel(tk, "d", command.id, &replies[1]));
    command.key = "k2";
    assert_true(tk_send(tk, &command, &replies[2]));
    replies[3] = (struct tk_reply){0};
    call->event_type = HF_EVENT_AUDIT;
    call->maker = &replies[3];
    hf_hub_call(&tk->hub, NULL, call);
    assert_int_equal(tk_connect(tk, 0, "d"), HF_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_false(replies[i].done);
}

static void what_is_open_at_the_end_is_freed(void **state)
{
    struct tk_reply replies[4];

    open_calls(*state, replies);
    /* teardown ends the hub with all of that under way; the address sanitizer sees what is left */
}

static void at_the_end_every_caller_is_answered(void **state)
{
    struct tk *tk = *state;
    struct tk_reply replies[4];

    open_calls(tk, replies);
    hf_hub_answer_all(&tk->hub);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(replies[i].done);
        assert_int_equal(replies[i].call.reason, HF_REASON_DRAIN);
    }
    hf_hub_answer_all(&tk->hub); /* once each: the kit asserts it */
}

static void a_canceled_message_in_the_tables_is_final(void **state)
{
    struct tk *tk = *state;
    struct tk_reply reply, cancel;
    struct tk_send message = {.device = "d"};

    known(tk, "d");
    assert_true(tk_send(tk, &message, &reply));
    tk_run(tk);
    assert_true(tk_cancel(tk, "d", message.id, &cancel));
    assert_false(cancel.done); /* log first */
    tk_run(tk);
    assert_true(cancel.done);
    assert_int_equal(cancel.call.fate, HF_FATE_CANCELED);
    assert_int_equal(row_of(tk, message.id).fate, HF_FATE_CANCELED);
    assert_true(tk_cancel(tk, "d", message.id, &cancel));
    assert_int_equal(cancel.call.reason, HF_REASON_NOT_FOUND);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        ROW(a_newer_connection_wins),
        ROW(a_tenant_has_its_limit),
        ROW(no_epoch_without_its_record),
        ROW(presence_is_recorded_when_the_journal_takes_it_again),
        ROW(silence_makes_offline_and_memory_is_given_back),
        ROW(a_restart_makes_unknown_then_offline),
        ROW(tables_that_cannot_be_read_let_nobody_in),
        ROW(drain_closes_as_many_as_asked),
        ROW(refusals_and_home),
        ROW(messages_are_acknowledged_when_durable),
        ROW(access_rules_hold_in_both_directions),
        ROW(calls_about_a_device),
        ROW(what_is_open_at_the_end_is_freed),
        ROW(at_the_end_every_caller_is_answered),
        ROW(a_canceled_message_in_the_tables_is_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
