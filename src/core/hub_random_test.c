/* Goal: whatever happens to devices, links, the journal and the node, nothing is lost, doubled, reordered or left behind. Method: each
 * seed draws a history of connects, losses, messages, commands, results, cancels, slow readers, journal stalls and restarts; the log,
 * the links and the books are compared with the promises after every step and at the end. A failure prints its seed:
 * run `hub_random_test FIRST LAST` for other seeds. */
#include "base/rng.h"
#include "core/hub_testkit.h"

enum { SEEDS = 400, STEPS = 300, DEVICES = 4, REPLIES = STEPS + 8 };

static uint64_t seed;

#define CHECK(expression)                                                                           \
    do {                                                                                            \
        if (!(expression)) {                                                                        \
            fprintf(stderr, "seed %llu: %s:%d: %s\n", (unsigned long long)seed, __FILE__, __LINE__, \
                    #expression);                                                                   \
            abort();                                                                                \
        }                                                                                           \
    } while (0)

struct history {
    struct tk *tk;
    struct hf_rng rng;
    struct tk_reply replies[REPLIES];
    bool asked[REPLIES]; /* and not forgotten by a restart */
    uint8_t ids[REPLIES][16];
    unsigned count, tag, told_due, told;
    struct hf_list_node waiting; /* waiters that were not told yet */
};

static struct history *now; /* of the waiters */

struct told_waiter {
    struct hf_waiter waiter;
    struct hf_list_node node;
};

static void on_told(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct told_waiter *told = HF_CONTAINER_OF(waiter, struct told_waiter, waiter);

    (void)offset;
    (void)time_ms;
    now->told++;
    hf_list_remove(&told->node);
    free(told);
}

static unsigned draw(struct history *h, unsigned below)
{
    return (unsigned)hf_rng_below(&h->rng, below);
}

static const char *device_name(unsigned index)
{
    static const char *const names[DEVICES] = {"a", "b", "c", "d"};

    return names[index % DEVICES];
}

static struct tk_conn *any_conn(struct history *h)
{
    struct tk_conn *conn = &h->tk->conns[draw(h, TK_CONNS)];

    return conn->open ? conn : NULL;
}

/* ---- steps ---- */

static void step_connect(struct history *h)
{
    struct hf_hub_connect connect = {.tenant = &h->tk->tenant,
                                     .device = hf_slice_of(device_name(draw(h, DEVICES)))};
    enum hf_reason reason = HF_REASON_NONE;
    unsigned index = draw(h, TK_CONNS);

    connect.groups[0] = HF_SLICE("g");
    connect.group_count = draw(h, 2);
    if (h->tk->conns[index].open)
        return;
    hf_err err = tk_connect_with(h->tk, index, &connect, &reason);
    CHECK((err == HF_OK) == (reason == HF_REASON_NONE));
    if (err == HF_OK)
        h->tk->conns[index].stuck = draw(h, 3) == 0;
}

static void step_lose(struct history *h)
{
    static const struct {
        enum hf_evidence evidence;
        enum hf_reason reason;
    } ways[] = {{HF_EVIDENCE_BYE, HF_REASON_NORMAL}, {HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_RESET}};
    struct tk_conn *conn = any_conn(h);
    unsigned way = draw(h, 2);

    if (conn != NULL)
        tk_disconnect(conn, ways[way].evidence, ways[way].reason);
}

static void step_send(struct history *h)
{
    static const enum hf_class classes[] = {HF_CLASS_MESSAGE, HF_CLASS_MESSAGE, HF_CLASS_COMMAND,
                                            HF_CLASS_COMMAND, HF_CLASS_TELEMETRY};
    static const char *const keys[] = {NULL, NULL, NULL, "k1", "k2"};
    struct tk_send send = {.device = device_name(draw(h, DEVICES)),
                           .name = "name",
                           .class = classes[draw(h, 5)],
                           .tag = ++h->tag,
                           .bytes = 4 + draw(h, draw(h, 6) == 0 ? 5000 : 900),
                           .key = keys[draw(h, 5)],
                           .body = (uint8_t)draw(h, 2),
                           .ttl_ms = draw(h, 4) == 0 ? 1 + draw(h, 3000) : 0};

    if (h->count == REPLIES)
        return;
    if (send.class == HF_CLASS_COMMAND && draw(h, 2))
        send.wait_ms = 1 + draw(h, 5000);
    unsigned index = h->count++;
    h->asked[index] = tk_send(h->tk, &send, &h->replies[index]);
    memcpy(h->ids[index], send.id, 16);
}

static void step_cancel(struct history *h)
{
    unsigned of = h->count ? draw(h, h->count) : 0, index = h->count;

    if (h->count == 0 || h->count == REPLIES)
        return;
    h->count++;
    h->asked[index] = tk_cancel(h->tk, device_name(draw(h, DEVICES)), h->ids[of], &h->replies[index]);
}

static void step_result(struct history *h)
{
    struct tk_conn *conn = any_conn(h);

    if (conn == NULL || conn->seen_count == 0)
        return;
    const struct tk_seen *seen = &conn->seen[draw(h, conn->seen_count)];
    (void)hf_hub_result(&h->tk->hub, &conn->dev, seen->id, draw(h, 4) == 0, HF_FORMAT_OPAQUE, 0,
                        HF_SLICE("r"));
}

static void step_uplink(struct history *h)
{
    struct tk_conn *conn = any_conn(h);
    struct hf_incoming incoming = {
        .topic = HF_SLICE("group/g"), .payload = HF_SLICE("upup"), .publish = draw(h, 3) == 0};
    struct told_waiter *waiter = malloc(sizeof(*waiter));
    uint32_t wait_ms;

    waiter->waiter.on_durable = on_told;
    hf_list_init(&waiter->node);
    if (conn != NULL &&
        hf_hub_message(&h->tk->hub, &conn->dev, &incoming, &waiter->waiter, &wait_ms) == HF_OK) {
        hf_list_push_back(&h->waiting, &waiter->node);
        h->told_due++;
    } else {
        free(waiter);
    }
}

static void step_broadcast(struct history *h)
{
    struct hf_slice list[DEVICES];
    struct hf_call *call = hf_call_new(HF_CALL_BROADCAST, 0);
    unsigned index = h->count, way = draw(h, 3);

    if (h->count == REPLIES) {
        hf_call_free(call);
        return;
    }
    h->count++;
    h->asked[index] = true;
    for (unsigned i = 0; i < DEVICES; i++)
        list[i] = hf_slice_of(device_name(i));
    call->tenant = h->tk->tenant.name;
    call->class = (uint8_t)draw(h, 2);
    call->topic = HF_SLICE("group/g");
    call->payload = HF_SLICE("broadcast");
    call->target_topic = way == 0;
    call->devices = list;
    call->device_count = way == 1 ? DEVICES : 0;
    call->maker = &h->replies[index];
    hf_hub_call(&h->tk->hub, &h->tk->tenant, call);
    CHECK(h->replies[index].done);
    CHECK(h->replies[index].call.written <= h->replies[index].call.targets);
}

static void step_link(struct history *h)
{
    struct tk_conn *conn = any_conn(h);

    if (conn == NULL)
        return;
    switch (draw(h, 4)) {
    case 0: conn->stuck = true; break;
    case 1: conn->no_memory = !conn->no_memory; break;
    case 2: conn->link_bytes = conn->link_bytes / 2; break;
    default: tk_drain(conn);
    }
}

static void step_evidence(struct history *h)
{
    struct tk_conn *conn = any_conn(h);

    if (conn == NULL)
        return;
    if (draw(h, 2))
        hf_hub_evidence(&h->tk->hub, &conn->dev, HF_EVIDENCE_QUIET, HF_REASON_SILENCE);
    else
        hf_hub_evidence(&h->tk->hub, &conn->dev, HF_EVIDENCE_LIFE, HF_REASON_CONNECTED);
}

static void step_policy(struct history *h)
{
    if (seed % 2 != 0)
        return;
    h->tk->rules.policies[HF_CLASS_TELEMETRY] = (uint8_t)draw(h, HF_POLICIES);
    h->tk->rules.policies[HF_CLASS_MESSAGE] =
        (uint8_t)(draw(h, 4) == 0 ? draw(h, HF_POLICIES) : HF_POLICY_MUST_DELIVER);
}

static void step_restart(struct history *h)
{
    struct tk *tk = h->tk;

    if (draw(h, 4) != 0)
        return;
    /* Nobody is told of what is lost with the node. The log may hold a waiter of the hub in front of ours, which the hub frees. */
    for (struct hf_list_node *node; (node = hf_list_pop_front(&h->waiting)) != NULL; h->told_due--)
        free(HF_CONTAINER_OF(node, struct told_waiter, node));
    tk->refuse = HF_OK;
    for (unsigned i = 0; i < TK_CONNS; i++)
        if (tk->conns[i].open)
            tk_disconnect(&tk->conns[i], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    CHECK(tk_restart(tk) == HF_OK);
    for (unsigned i = 0; i < h->count; i++)
        if (!h->replies[i].done)
            h->asked[i] = false; /* its maker is gone, too */
}

static void step(struct history *h)
{
    struct tk *tk = h->tk;

    switch (draw(h, 32)) {
    case 0:
    case 1:
    case 2: step_connect(h); break;
    case 3: step_lose(h); break;
    case 4: step_cancel(h); break;
    case 5:
    case 6:
    case 7: step_result(h); break;
    case 8: step_uplink(h); break;
    case 9: step_broadcast(h); break;
    case 10:
    case 11:
    case 12: step_link(h); break;
    case 13: step_evidence(h); break;
    case 14: tk_advance(tk, draw(h, 4) == 0 ? draw(h, 70000) : draw(h, 500)); break;
    case 15: tk->refuse = draw(h, 3) == 0 ? HF_ERR_LIMIT : HF_OK; break;
    case 16: step_restart(h); break;
    case 17: step_policy(h); break;
    case 18:
    case 19: tk_commit(tk, draw(h, 4)); break;
    case 20:
    case 21: tk_commit(tk, SIZE_MAX); break;
    case 22: (void)tk_apply(tk, draw(h, 4)); break;
    case 23: (void)tk_apply(tk, SIZE_MAX); break;
    case 24:
    case 25:
    case 26: tk_settle(tk); break;
    default: step_send(h); break;
    }
}

/* ---- promises ---- */

struct pending_sum {
    uint64_t counted, total;
};

static bool sum_pending(struct hf_map_node *node, void *context)
{
    struct hf_pending *pending = HF_CONTAINER_OF(node, struct hf_pending, node);
    struct pending_sum *sum = context;

    sum->total++;
    sum->counted += pending->state != HF_PENDING_RECORDING && pending->state != HF_PENDING_ENDING;
    return true;
}

static void check_step(struct history *h)
{
    struct hf_hub *hub = &h->tk->hub;
    struct pending_sum sum = {0};

    tk_check_books(h->tk);
    hf_map_each(&hub->pending, sum_pending, &sum);
    CHECK(hub->ledger.counts.downlink.pending == sum.counted);
    CHECK(hub->stats.pending == sum.total);
    CHECK(hub->stats.presence[0] + hub->stats.presence[1] + hub->stats.presence[2] == hub->stats.devices);
    for (unsigned i = 0; i < TK_CONNS; i++) {
        const struct tk_conn *conn = &h->tk->conns[i];

        if (!conn->open)
            continue;
        CHECK(conn->dev.device->devconn == &conn->dev);
        uint64_t held = conn->link_bytes + hf_sendq_bytes(conn->dev.sendq);
        CHECK(held <= h->tk->rules.queue_high_bytes || hf_sendq_messages(conn->dev.sendq) == 0);
        CHECK(conn->link_bytes_seen <= h->tk->rules.queue_high_bytes + 5000 + TK_FRAME_HEAD);
    }
}

/* Tracked messages of a connection came in the order in which they were accepted, none twice. A conflated value takes the place of an
 * older one, so where the policies change only commands are in order. */
static void check_order(struct history *h)
{
    for (unsigned i = 0; i < TK_CONNS; i++) {
        const struct tk_conn *conn = &h->tk->conns[i];
        uint32_t last = 0;

        for (unsigned k = 0; k < conn->seen_count; k++) {
            bool tracked = conn->seen[k].id[0] != 0;

            if (!tracked || (seed % 2 == 0 && conn->seen[k].kind != HF_OUT_COMMAND))
                continue;
            CHECK(conn->seen[k].tag > last);
            last = conn->seen[k].tag;
        }
    }
}

/* Every accepted message ends once or still waits; epochs only grow. */
static void check_log(struct history *h)
{
    const struct tk *tk = h->tk;
    uint64_t epochs[DEVICES] = {0};

    for (size_t i = 0; i < tk->durable; i++) {
        struct hf_event event = tk_event(tk, i);
        unsigned ends = 0;

        if (event.type >= HF_EVENT_ONLINE && event.type <= HF_EVENT_UNKNOWN) {
            unsigned device = (unsigned)(event.device.at[0] - 'a');
            bool connected = event.type == HF_EVENT_ONLINE && event.reason == HF_REASON_CONNECTED;

            CHECK(event.epoch >= epochs[device] && event.epoch > 0);
            CHECK(connected || event.epoch == epochs[device]);
            epochs[device] = event.epoch;
        }
        if (event.type != HF_EVENT_QUEUED && event.type != HF_EVENT_COMMAND)
            continue;
        for (size_t k = i + 1; k < tk->appended; k++) {
            struct hf_event end = tk_event(tk, k);

            ends += memcmp(end.id, event.id, 16) == 0 && end.type != HF_EVENT_COMMAND_SENT;
        }
        struct hf_pending *pending = hf_pending_find(&h->tk->hub, event.id);
        CHECK(ends + (pending != NULL && pending->state != HF_PENDING_ENDING) <= 1 || pending != NULL);
        CHECK(ends <= 1);
        CHECK(ends == 1 || pending != NULL);
    }
}

/* Everything works again: what waits is delivered or expires, everybody is answered, everything is given back. */
static void finish(struct history *h)
{
    struct tk *tk = h->tk;

    tk->refuse = HF_OK;
    for (unsigned i = 0; i < TK_CONNS; i++) {
        tk->conns[i].no_memory = false;
        if (tk->conns[i].open)
            tk_drain(&tk->conns[i]);
    }
    tk_advance(tk, HF_DEVICE_RETRY_MS * 2);
    tk_run(tk);
    check_step(h);
    check_log(h);
    for (unsigned i = 0; i < TK_CONNS; i++) /* whoever is connected has all that was for it */
        if (tk->conns[i].open && tk->conns[i].dev.device->outbox != NULL) {
            struct hf_list_node *line = &tk->conns[i].dev.device->outbox->line;

            for (struct hf_list_node *at = line->next; at != line; at = at->next)
                CHECK(HF_CONTAINER_OF(at, struct hf_pending, line)->state == HF_PENDING_SENT);
        }
    tk_advance(tk, tk->rules.ttl_default_ms + 1000);
    tk_run(tk);
    CHECK(tk->hub.pending.count == 0);
    CHECK(h->told == h->told_due);
    for (unsigned i = 0; i < h->count; i++)
        CHECK(h->replies[i].done || !h->asked[i]);
    for (unsigned i = 0; i < TK_CONNS; i++)
        if (tk->conns[i].open)
            tk_disconnect(&tk->conns[i], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    for (unsigned i = 0; i < 3; i++) {
        tk_run(tk);
        tk_advance(tk, hf_presence_silent_ms(tk->rules.heartbeat_interval_ms) + HF_DEVICE_LINGER_MS);
    }
    check_step(h);
    check_log(h);
    CHECK(tk->hub.stats.devices == 0 && tk->hub.stats.subscriptions == 0 && tk->hub.stats.topics == 0);
    CHECK(tk->wheel.armed == 0 && hf_list_empty(&tk->hub.open_records));
    /* The tables agree with the log: nothing waits any more. */
    struct hf_kv_txn *txn;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    CHECK(hf_kv_read(tk->kv, &txn) == HF_OK);
    CHECK(hf_kv_scan(txn, HF_KV_OUTBOX, none, none, false, &cursor) == HF_OK);
    CHECK(hf_kv_next(&cursor, &key, &value) == HF_ERR_NOT_FOUND);
    hf_kv_end(txn);
}

static void run_seed(void)
{
    struct history *h = calloc(1, sizeof(*h));

    now = h;
    hf_rng_seed(&h->rng, seed);
    hf_list_init(&h->waiting);
    h->tk = tk_new();
    h->tk->rules.outbox_messages_max = 20;
    h->tk->rules.outbox_bytes_max = 20000;
    for (unsigned i = 0; i < STEPS; i++) {
        step(h);
        check_step(h);
        check_order(h);
    }
    finish(h);
    tk_free(h->tk);
    free(h);
}

static void histories(void **state)
{
    (void)state;
    for (seed = 1; seed <= SEEDS; seed++)
        run_seed();
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(histories)};

    if (argc == 3) {
        for (seed = strtoull(argv[1], NULL, 10); seed <= strtoull(argv[2], NULL, 10); seed++)
            run_seed();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
