/* core/hub_testkit.h - a hub without a gateway, for its tests: a journal whose records become durable when the test says so, tables
 * that follow the log when the test says so, links whose kernel takes bytes when the test says so, and a clock that stands still.
 * The log outlives the hub, so a restart is a new hub on the same log and tables. */
#ifndef HF_CORE_HUB_TESTKIT_H
#define HF_CORE_HUB_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/access.h"
#include "core/hub_link_testkit.h"
#include "core/hub_parts.h"
#include "core/projection.h"
#include "core/rows.h"
#include "store/memory/kv_memory.h"

enum { TK_CONNS = 16, TK_UTC = 1700000000 };

struct tk_record {
    struct hf_waiter *waiter; /* until it is durable */
    size_t bytes;
    uint64_t time_ms;
    uint8_t *body;
};

struct tk_reply {
    bool done;
    struct hf_call call; /* as it came back; its storage is gone */
};

struct tk {
    struct hf_hub hub;
    struct hf_wheel wheel;
    struct hf_journal journal;
    struct hf_kv *kv;
    struct hf_tenant tenant, other;
    struct hf_tenant_rules rules;
    struct tk_conn conns[TK_CONNS];
    struct tk_record *log;
    size_t appended, durable, applied, log_room;
    hf_err refuse;         /* what append() says; HF_OK takes everything */
    unsigned refuse_after; /* appends until then */
    struct hf_list_node barriers;
    bool late; /* the tables do not follow within the barrier's patience */
    int interest;
    uint64_t now_ms, boot, published, next_id, previous_end_ms;
    unsigned workers;
};

/* ---- journal ---- */

static hf_err tk_append(struct hf_journal *journal, const struct hf_event *event, struct hf_waiter *waiter)
{
    struct tk *tk = HF_CONTAINER_OF(journal, struct tk, journal);

    if (tk->refuse != HF_OK) {
        if (tk->refuse_after == 0)
            return tk->refuse;
        tk->refuse_after--;
    }
    if (tk->appended == tk->log_room) {
        size_t room = tk->log_room ? 2 * tk->log_room : 64;
        struct tk_record *log = realloc(tk->log, room * sizeof(*log));

        if (log == NULL)
            return HF_ERR_NOMEM;
        tk->log = log;
        tk->log_room = room;
    }
    struct tk_record *record = &tk->log[tk->appended];
    record->bytes = hf_event_bytes(event);
    record->body = malloc(record->bytes);
    if (record->body == NULL)
        return HF_ERR_NOMEM;
    (void)hf_event_encode(event, record->body);
    record->waiter = waiter;
    record->time_ms = tk->hub.utc_ms;
    tk->appended++;
    return HF_OK;
}

static struct hf_event tk_event(const struct tk *tk, size_t index) /* offset = index + 1 */
{
    struct hf_event event;

    HF_ASSERT(hf_event_decode(tk->log[index].body, tk->log[index].bytes, &event) == HF_OK);
    event.offset = index + 1;
    event.time_ms = tk->log[index].time_ms;
    return event;
}

/* The next `records` appended ones become durable and their waiters hear of it. */
static inline void tk_commit(struct tk *tk, size_t records)
{
    size_t end = tk->durable + HF_MIN(records, tk->appended - tk->durable);

    for (size_t i = tk->durable; i < end; i++)
        if (tk_event(tk, i).type == HF_EVENT_MESSAGE)
            hf_hub_uplink_durable(&tk->hub, 1);
    for (size_t i = tk->durable; i < end; i = tk->durable) {
        struct hf_waiter *waiter = tk->log[i].waiter;

        tk->log[i].waiter = NULL;
        tk->durable = i + 1;
        if (waiter != NULL)
            waiter->on_durable(waiter, i + 1, tk->log[i].time_ms);
    }
}

/* The tables follow by so many durable records. False when memory ran out on the way: then by none. */
static inline bool tk_apply(struct tk *tk, size_t records)
{
    size_t end = tk->applied + HF_MIN(records, tk->durable - tk->applied);
    struct hf_kv_txn *txn = NULL;

    if (end == tk->applied)
        return true;
    if (hf_kv_write(tk->kv, &txn) != HF_OK)
        return false;
    for (size_t i = tk->applied; i < end; i++) {
        struct hf_event event = tk_event(tk, i);

        if (hf_projection_apply(txn, &event) != HF_OK) {
            hf_kv_end(txn);
            return false;
        }
    }
    if (hf_kv_commit(txn, end) != HF_OK)
        return false;
    tk->applied = end;
    return true;
}

/* ---- connections ---- */

static inline void tk_disconnect(struct tk_conn *conn, enum hf_evidence evidence, enum hf_reason reason)
{
    HF_ASSERT(conn->open);
    conn->open = false;
    conn->closed_for = reason;
    hf_hub_disconnected(&conn->tk->hub, &conn->dev, evidence, reason, 1000, conn->tk->now_ms);
    HF_ASSERT(conn->dev.device == NULL && conn->dev.sendq == NULL);
}

static void tk_close(struct hf_devconn *devconn, enum hf_reason reason, struct hf_slice text)
{
    (void)text;
    tk_disconnect(tk_conn_of(devconn), HF_EVIDENCE_BYE, reason);
}

static const struct hf_devconn_ops tk_devconn_ops = {
    .encode = tk_encode,
    .write_shared = tk_write_shared,
    .write = tk_write,
    .flush = tk_flush,
    .queued_bytes = tk_queued,
    .close = tk_close,
    .describe = tk_describe,
};

/* ---- the hub's view of the rest ---- */

static void tk_answer(void *context, struct hf_call *call)
{
    struct tk_reply *reply = call->maker;

    (void)context;
    HF_ASSERT(!reply->done); /* once */
    reply->done = true;
    reply->call = *call;
    hf_call_free(call);
}

static bool tk_listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    (void)context, (void)tenant, (void)topic;
    return true;
}

static void tk_publish(void *context, struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct tk *tk = context;

    tk->published += hf_hub_publish(&tk->hub, tenant, outgoing);
}

static void tk_interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    (void)tenant;
    (void)topic_hash;
    ((struct tk *)context)->interest += on ? 1 : -1;
}

static void tk_barrier(void *context, struct hf_barrier *barrier, uint64_t offset)
{
    struct tk *tk = context;

    if (hf_list_linked(&barrier->node))
        return;
    barrier->offset = offset;
    hf_list_push_back(&tk->barriers, &barrier->node);
}

static void tk_barrier_cancel(void *context, struct hf_barrier *barrier)
{
    (void)context;
    hf_list_remove(&barrier->node);
}

static const struct hf_hub_ops tk_ops = {
    .answer = tk_answer,
    .publish = tk_publish,
    .listened = tk_listened,
    .interest = tk_interest,
    .barrier = tk_barrier,
    .barrier_cancel = tk_barrier_cancel,
};

static inline void tk_barriers_run(struct tk *tk)
{
    struct hf_list_node waiting, *node;

    hf_list_init(&waiting);
    hf_list_splice(&waiting, &tk->barriers);
    while ((node = hf_list_pop_front(&waiting)) != NULL) {
        struct hf_barrier *barrier = HF_CONTAINER_OF(node, struct hf_barrier, node);

        if (barrier->offset <= hf_kv_applied_offset(tk->kv))
            barrier->on_applied(barrier, HF_OK);
        else if (tk->late)
            barrier->on_applied(barrier, HF_ERR_TIMEOUT);
        else
            hf_list_push_back(&tk->barriers, node);
    }
}

/* ---- time ---- */

static inline void tk_settle(struct tk *tk) /* the end of a turn */
{
    tk_barriers_run(tk);
    hf_hub_settle(&tk->hub);
}

static inline void tk_advance(struct tk *tk, uint64_t ms)
{
    for (uint64_t step; ms > 0; ms -= step) {
        step = HF_MIN(ms, (uint64_t)HF_WHEEL_TICK_MS * 8);
        tk->now_ms += step;
        hf_hub_time(&tk->hub, tk->now_ms, (uint64_t)TK_UTC * 1000 + tk->now_ms);
        (void)hf_wheel_run(&tk->wheel, tk->now_ms);
    }
}

/* Whole turns until nothing moves any more: everything durable, applied and settled. */
static inline void tk_run(struct tk *tk)
{
    for (unsigned turn = 0; turn < 400; turn++) {
        tk_commit(tk, SIZE_MAX);
        (void)tk_apply(tk, SIZE_MAX);
        tk_settle(tk);
        if (tk->durable == tk->appended && hf_list_empty(&tk->hub.unsettled) && hf_list_empty(&tk->barriers))
            return;
    }
}

/* ---- life ---- */

static inline void tk_rules_default(struct hf_tenant_rules *rules)
{
    *rules = (struct hf_tenant_rules){
        .heartbeat_interval_ms = 30000,
        .queue_high_bytes = 4096,
        .queue_low_bytes = 1024,
        .policies = {HF_POLICY_MUST_DELIVER, HF_POLICY_DROP_OLDEST, HF_POLICY_MUST_DELIVER},
        .sample_every_ms = 1000,
        .outbox_messages_max = 100,
        .outbox_bytes_max = 1 << 20,
        .ttl_default_ms = 60000,
        .ttl_max_ms = 600000,
        .uplink = {1000, 2000},
        .commands = {20, 40},
        .subscriptions_max = 4,
        .idempotency_ms = 60000,
        .shadow = {32 << 10, 8, 4, 10, 1 << 20, {100, 200}, 0},
    };
}

static struct hf_tenant *tk_tenant_of(void *context, struct hf_slice name)
{
    struct tk *tk = context;

    return hf_slice_is(name, "acme") ? &tk->tenant : NULL;
}

static inline void tk_hub_init(struct tk *tk)
{
    struct hf_hub_options options = {
        .journal = &tk->journal,
        .kv = tk->kv,
        .wheel = &tk->wheel,
        .ops = &tk_ops,
        .context = tk,
        .seed = 1,
        .boot = ++tk->boot,
        .workers = tk->workers,
        .previous_end_ms = tk->previous_end_ms,
    };

    hf_wheel_init(&tk->wheel, tk->now_ms);
    hf_hub_init(&tk->hub, &options);
    hf_hub_time(&tk->hub, tk->now_ms, (uint64_t)TK_UTC * 1000 + tk->now_ms);
}

/* NULL when there is no memory for the tables. */
static inline struct tk *tk_new(void)
{
    struct tk *tk = calloc(1, sizeof(*tk));

    if (tk == NULL)
        return NULL;
    if (hf_kv_memory_open(&tk->kv) != HF_OK) {
        free(tk);
        return NULL;
    }
    tk_rules_default(&tk->rules);
    tk->tenant.name = HF_SLICE("acme");
    tk->other.name = HF_SLICE("globex");
    atomic_store(&tk->tenant.rules, &tk->rules);
    atomic_store(&tk->other.rules, &tk->rules);
    tk->journal.append = tk_append;
    hf_list_init(&tk->barriers);
    tk->workers = 1;
    tk->now_ms = 1000;
    tk_hub_init(tk);
    return tk;
}

static inline void tk_log_cut(struct tk *tk, size_t records)
{
    while (tk->appended > records)
        free(tk->log[--tk->appended].body);
}

static inline void tk_hub_end(struct tk *tk)
{
    for (unsigned i = 0; i < TK_CONNS; i++)
        if (tk->conns[i].open)
            tk_disconnect(&tk->conns[i], HF_EVIDENCE_RESTART, HF_REASON_RESTART);
    hf_hub_deinit(&tk->hub);
    HF_ASSERT(hf_list_empty(&tk->barriers) && tk->interest == 0 && tk->wheel.armed == 0);
}

/* The node dies, what was not durable with it, and starts again: the tables follow the log before anything else. */
static inline hf_err tk_restart(struct tk *tk)
{
    size_t durable = tk->durable;

    tk_hub_end(tk);
    tk_log_cut(tk, durable);
    HF_ASSERT(tk_apply(tk, SIZE_MAX));
    tk_hub_init(tk);
    return hf_hub_restore(&tk->hub, tk_tenant_of, tk);
}

static inline void tk_free(struct tk *tk)
{
    if (tk == NULL)
        return;
    tk->refuse = HF_OK;
    tk_hub_end(tk);
    hf_kv_close(tk->kv);
    tk_log_cut(tk, 0);
    free(tk->log);
    free(tk);
}

/* ---- what tests do ---- */

static inline hf_err tk_connect_with(struct tk *tk, unsigned index, const struct hf_hub_connect *connect,
                                     enum hf_reason *ret_reason)
{
    struct tk_conn *conn = &tk->conns[index];

    HF_ASSERT(!conn->open);
    *conn = (struct tk_conn){.tk = tk, .dev = {.ops = &tk_devconn_ops, .conn_id = ++tk->next_id}};
    conn->dev.variant = (uint8_t)(index % 2);
    conn->open = true;
    hf_err err = hf_hub_connect(&tk->hub, &conn->dev, connect, ret_reason);
    conn->open = err == HF_OK;
    return err;
}

static inline hf_err tk_connect(struct tk *tk, unsigned index, const char *device)
{
    struct hf_hub_connect connect = {
        .tenant = &tk->tenant, .device = hf_slice_of(device), .protocol = HF_SLICE("raw")};
    enum hf_reason reason = HF_REASON_NONE;
    hf_err err = tk_connect_with(tk, index, &connect, &reason);

    HF_ASSERT((err == HF_OK) == (reason == HF_REASON_NONE));
    return err;
}

/* The kernel takes what is there and the link says so. */
static inline void tk_drain(struct tk_conn *conn)
{
    conn->stuck = false;
    conn->link_bytes = 0;
    hf_hub_drained(&conn->tk->hub, &conn->dev);
}

struct tk_send {
    const char *device, *name, *key;
    enum hf_class class;
    uint32_t tag; /* the payload's first bytes */
    size_t bytes; /* of the payload; 0 = 4 */
    uint64_t ttl_ms, wait_ms;
    uint8_t body;   /* stands for the content, for keys */
    uint8_t id[16]; /* out */
};

/* False on no memory; otherwise the reply comes, sooner or later. */
static inline bool tk_send(struct tk *tk, struct tk_send *send, struct tk_reply *reply)
{
    size_t bytes = send->bytes ? send->bytes : 4;
    struct hf_call *call = hf_call_new(HF_CALL_SEND, bytes);

    *reply = (struct tk_reply){0};
    if (call == NULL)
        return false;
    memset(call->storage, 0, bytes);
    memcpy(call->storage, &send->tag, HF_MIN(bytes, sizeof(send->tag)));
    call->tenant = tk->tenant.name;
    call->device = hf_slice_of(send->device);
    call->topic = hf_slice_of(send->name);
    call->key = hf_slice_of(send->key);
    call->payload = (struct hf_slice){call->storage, bytes};
    call->class = (uint8_t)send->class;
    call->ttl_ms = send->ttl_ms;
    call->wait = send->wait_ms != 0;
    call->wait_ms = send->wait_ms;
    memset(call->body_hash, send->body, sizeof(call->body_hash));
    tk->next_id++;
    call->id[0] = 1;
    memcpy(call->id + 8, &tk->next_id, sizeof(tk->next_id));
    memcpy(send->id, call->id, sizeof(send->id));
    call->maker = reply;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    return true;
}

static inline bool tk_cancel(struct tk *tk, const char *device, const uint8_t id[16], struct tk_reply *reply)
{
    struct hf_call *call = hf_call_new(HF_CALL_CANCEL, 0);

    *reply = (struct tk_reply){0};
    if (call == NULL)
        return false;
    call->device = hf_slice_of(device);
    memcpy(call->id, id, sizeof(call->id));
    call->maker = reply;
    hf_hub_call(&tk->hub, &tk->tenant, call);
    return true;
}

/* ---- what tests look at ---- */

static inline struct hf_device *tk_device(struct tk *tk, const char *name)
{
    return hf_hub_find(&tk->hub, tk->tenant.name, hf_slice_of(name));
}

/* How many events of this type the log has; the last one in *ret_event. */
static inline unsigned tk_count(const struct tk *tk, unsigned type, struct hf_event *ret_event)
{
    unsigned count = 0;

    if (ret_event != NULL)
        *ret_event = (struct hf_event){0};
    for (size_t i = 0; i < tk->appended; i++) {
        struct hf_event event = tk_event(tk, i);

        if (event.type != type)
            continue;
        count++;
        if (ret_event != NULL)
            *ret_event = event;
    }
    return count;
}

static inline void tk_check_books(const struct tk *tk)
{
    const struct hf_ledger_snapshot *books = &tk->hub.ledger.counts;

    HF_ASSERT(hf_ledger_difference(&books->uplink) == 0);
    HF_ASSERT(hf_ledger_difference(&books->downlink) == 0);
    HF_ASSERT(hf_ledger_difference(&books->broadcast) == 0);
}

#endif
