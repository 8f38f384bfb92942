/* app/calls.c - what the API asks of the gateway: calls go to the worker that owns the device and come back; broadcasts go to all; waiting for
 * the tables; reading events. And what the hub asks of us. */
#include <stdio.h>
#include <stdlib.h>

#include "app/config_print.h"
#include "app/heatmap.h"
#include "app/media.h"
#include "app/worker.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/entropy.h"

static struct hf_worker *worker_of(struct hf_backend *backend)
{
    return HF_CONTAINER_OF(backend, struct hf_worker, backend);
}

/* ---- calls to all workers: one part each, gathered by the worker that asked ---- */

struct part {
    struct hf_call call; /* first */
    struct hf_call *whole;
    struct hf_ledger_snapshot ledger;
};

static void answer_maker(struct hf_call *call)
{
    call->on_done(call);
}

static void on_broadcast_recorded(struct hf_call *record)
{
    struct hf_call *whole = record->maker;

    hf_call_free(record);
    answer_maker(whole);
}

/* The second record of a broadcast: how many it reached. The caller is answered when that is durable. */
static void record_broadcast_end(struct hf_worker *worker, struct hf_call *whole)
{
    struct hf_call *record = hf_call_new(HF_CALL_RECORD, 0);

    if (record == NULL) {
        answer_maker(whole);
        return;
    }
    record->event_type = HF_EVENT_BROADCAST_DONE;
    record->tenant = whole->tenant;
    record->topic = whole->topic;
    memcpy(record->id, whole->id, sizeof(record->id));
    record->written = whole->written;
    record->targets = whole->targets;
    record->origin = worker->index;
    record->maker = whole;
    record->on_done = on_broadcast_recorded;
    hf_hub_call(&worker->hub, NULL, record);
}

/* One part is back. The parts are one block, freed with the last of them. */
static void on_part_done(struct hf_call *call)
{
    struct part *part = (struct part *)call;
    struct hf_worker *worker = call->route;
    struct hf_call *whole = part->whole;

    whole->targets += call->targets;
    whole->written += call->written;
    if (whole->ledger != NULL)
        hf_ledger_add(whole->ledger, &part->ledger);
    if (--whole->parts > 0)
        return;
    free(whole->route);
    whole->route = NULL;
    if (whole->type == HF_CALL_BROADCAST)
        record_broadcast_end(worker, whole);
    else
        answer_maker(whole);
}

static void spread(struct hf_worker *worker, struct hf_call *whole)
{
    unsigned workers = worker->gateway->worker_count;
    struct part *parts = calloc(workers, sizeof(*parts));

    if (parts == NULL) {
        whole->reason = HF_REASON_MEMORY_LIMIT;
        answer_maker(whole);
        return;
    }
    for (unsigned i = 0; i < workers; i++) {
        parts[i].call = *whole; /* slices stay with the whole, which lives until the last part is back */
        parts[i].call.targets = parts[i].call.written = 0;
        parts[i].call.storage = parts[i].call.result = NULL;
        parts[i].call.ledger = &parts[i].ledger;
        parts[i].call.on_done = on_part_done;
        parts[i].call.origin = worker->index;
        parts[i].call.route = worker;
        parts[i].whole = whole;
    }
    whole->route = parts;
    whole->parts = workers;
    whole->targets = whole->written = 0;
    for (unsigned i = 0; i < workers;
         i++) /* our own last: its answer may be the last one and free the block */
        if (i != worker->index)
            hf_worker_post_always(worker, i, HF_POST_CALL, &parts[i].call);
    hf_worker_on_call(worker, &parts[worker->index].call);
}

static void on_broadcast_accepted(struct hf_call *record)
{
    struct hf_call *whole = record->maker;
    struct hf_worker *worker = record->route;

    whole->offset = record->offset;
    whole->reason = record->reason;
    hf_call_free(record);
    if (whole->reason != HF_REASON_NONE)
        answer_maker(whole);
    else
        spread(worker, whole);
}

/* Log first: a broadcast is durable before the first device gets it. */
static hf_err broadcast(struct hf_worker *worker, struct hf_call *whole)
{
    struct hf_call *record = hf_call_new(HF_CALL_RECORD, 0);

    if (record == NULL)
        return HF_ERR_NOMEM;
    record->event_type = HF_EVENT_BROADCAST;
    record->tenant = whole->tenant;
    record->topic = whole->topic;
    record->payload = whole->payload;
    record->format = whole->format;
    record->flags = whole->flags;
    record->by = whole->by;
    record->console = whole->console;
    memcpy(record->id, whole->id, sizeof(record->id));
    record->maker = whole;
    record->route = worker;
    record->origin = worker->index;
    record->on_done = on_broadcast_accepted;
    hf_hub_call(&worker->hub, NULL, record);
    return HF_OK;
}

/* ---- routing ---- */

static uint64_t credential_hash(const struct hf_call *call)
{
    static const char token[] = "token:";

    if (call->key.bytes > sizeof(token) - 1 && memcmp(call->key.at, token, sizeof(token) - 1) == 0)
        return hf_auth_jti_hash(call->tenant, (struct hf_slice){call->key.at + sizeof(token) - 1,
                                                                call->key.bytes - (sizeof(token) - 1)});
    return 0;
}

void hf_worker_on_call(struct hf_worker *worker, struct hf_call *call)
{
    struct hf_tenant *tenant = NULL;

    if (call->type == HF_CALL_REVOKE) {
        call->written = hf_ws_site_revoke(&worker->ws, credential_hash(call));
        hf_worker_hub_ops.answer(worker, call);
        return;
    }
    if (call->type == HF_CALL_SIP) {
        hf_gbw_call(&worker->gb, call);
        hf_worker_hub_ops.answer(worker, call);
        return;
    }
    if (call->type != HF_CALL_LEDGER && call->type != HF_CALL_RECORD) {
        tenant = hf_tenants_find(worker->gateway->tenants, call->tenant);
        if (tenant == NULL) {
            call->reason = HF_REASON_NOT_FOUND;
            hf_worker_hub_ops.answer(worker, call);
            return;
        }
    }
    hf_hub_call(&worker->hub, tenant, call);
}

void hf_worker_on_answer(struct hf_worker *worker, struct hf_call *call)
{
    (void)worker;
    answer_maker(call);
}

static hf_err backend_call(struct hf_backend *backend, struct hf_call *call)
{
    struct hf_worker *worker = worker_of(backend);

    call->origin = worker->index;
    switch (call->type) {
    case HF_CALL_BROADCAST: return broadcast(worker, call);
    case HF_CALL_LEDGER:
    case HF_CALL_REVOKE: spread(worker, call); return HF_OK;
    case HF_CALL_RECORD: hf_worker_on_call(worker, call); return HF_OK;
    case HF_CALL_TRUST: return hf_trust_ask(&worker->gateway->trust, call);
    case HF_CALL_SERIES:
        if (worker->gateway->series != NULL)
            return hf_series_ask(worker->gateway->series, call);
        call->reason = HF_REASON_NOT_IMPLEMENTED;
        answer_maker(call);
        return HF_OK;
    case HF_CALL_CERTIFICATE: return hf_renewal_ask(worker->gateway->renewal, call);
    default: break;
    }
    unsigned home = hf_hub_home(call->tenant, call->device, worker->gateway->worker_count);
    if (home != worker->index && call->type == HF_CALL_DOCUMENT && call->document.leave) {
        hf_worker_post_always(worker, home, HF_POST_CALL, call); /* nobody is there who could repeat it */
        return HF_OK;
    }
    if (home != worker->index)
        return hf_worker_post(worker, home, HF_POST_CALL, call);
    hf_worker_on_call(worker, call);
    return HF_OK;
}

/* ---- the hub's wishes ---- */

static void hub_answer(void *context, struct hf_call *call)
{
    struct hf_worker *worker = context;

    if (call->origin == worker->index)
        answer_maker(call);
    else
        hf_worker_post_always(worker, call->origin, HF_POST_ANSWER, call);
}

static unsigned interest_slot(uint64_t topic_hash)
{
    return (unsigned)((topic_hash >> 20) % HF_TOPIC_INTEREST_SLOTS);
}

static void hub_interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    struct hf_worker *worker = context;
    _Atomic uint32_t *slot = &worker->gateway->interest[interest_slot(topic_hash)];

    (void)tenant;
    if (on)
        atomic_fetch_add(slot, 1);
    else
        atomic_fetch_sub(slot, 1);
}

static bool hub_listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    const struct hf_worker *worker = context;
    unsigned slot = interest_slot(hf_device_hash(tenant->name, topic));

    return atomic_load_explicit(&worker->gateway->interest[slot], memory_order_relaxed) > 0;
}

static struct hf_publication *publication_new(struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct hf_publication *made = malloc(sizeof(*made) + outgoing->topic.bytes + outgoing->payload.bytes);

    if (made == NULL)
        return NULL;
    made->tenant = tenant;
    made->outgoing = *outgoing;
    if (outgoing->id != NULL) {
        memcpy(made->id, outgoing->id, sizeof(made->id));
        made->outgoing.id = made->id;
    }
    memcpy(made->storage, outgoing->topic.at, outgoing->topic.bytes);
    if (outgoing->payload.bytes > 0)
        memcpy(made->storage + outgoing->topic.bytes, outgoing->payload.at, outgoing->payload.bytes);
    made->outgoing.topic.at = made->storage;
    made->outgoing.payload.at = made->storage + outgoing->topic.bytes;
    return made;
}

static void hub_publish(void *context, struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct hf_worker *worker = context;

    (void)hf_hub_publish(&worker->hub, tenant, outgoing);
    for (unsigned i = 0; i < worker->gateway->worker_count; i++) {
        if (i == worker->index)
            continue;
        struct hf_publication *publication = publication_new(tenant, outgoing);
        if (publication != NULL) {
            hf_worker_post_always(worker, i, HF_POST_PUBLISH, publication);
            continue;
        }
        /* How many it was for only that worker knows: it counts as one. */
        hf_ledger_accept(&worker->hub.ledger.counts.broadcast, 1);
        hf_ledger_drop(&worker->hub.ledger.counts.broadcast, HF_REASON_MEMORY_LIMIT, 1);
    }
}

void hf_worker_on_publish(struct hf_worker *worker, struct hf_publication *publication)
{
    (void)hf_hub_publish(&worker->hub, publication->tenant, &publication->outgoing);
    free(publication);
}

/* ---- waiting for the tables ---- */

static void barrier_at(struct hf_worker *worker, struct hf_barrier *barrier, uint64_t offset)
{
    if (hf_list_linked(&barrier->node))
        return;
    barrier->offset = offset;
    barrier->due_ms = worker->loop->now_ms + HF_WORKER_BARRIER_MS;
    hf_list_push_back(&worker->barriers, &barrier->node);
    atomic_store(&worker->wants_applied, true);
    if (offset <= atomic_load(&worker->gateway->store_thread.applied))
        hf_loop_wake(worker->loop); /* met already: in the next turn, so that others have theirs */
}

static void hub_barrier(void *context, struct hf_barrier *barrier, uint64_t offset)
{
    barrier_at(context, barrier, offset);
}

static void barrier_cancel(struct hf_barrier *barrier)
{
    hf_list_remove(&barrier->node);
}

static void hub_barrier_cancel(void *context, struct hf_barrier *barrier)
{
    (void)context;
    barrier_cancel(barrier);
}

void hf_worker_barriers_run(struct hf_worker *worker)
{
    struct hf_list_node waiting, *node;

    /* The wish is stated before the look, so that a step of the store in between wakes us. */
    atomic_store(&worker->wants_applied, true);
    uint64_t applied = atomic_load(&worker->gateway->store_thread.applied);
    hf_list_init(&waiting);
    hf_list_splice(&waiting, &worker->barriers);
    while ((node = hf_list_pop_front(&waiting)) != NULL) {
        struct hf_barrier *barrier = HF_CONTAINER_OF(node, struct hf_barrier, node);

        if (barrier->offset <= applied)
            barrier->on_applied(barrier, HF_OK);
        else if (worker->loop->now_ms >= barrier->due_ms)
            barrier->on_applied(barrier, HF_ERR_TIMEOUT);
        else
            hf_list_push_back(&worker->barriers, node);
    }
}

static void backend_barrier(struct hf_backend *backend, struct hf_barrier *barrier)
{
    struct hf_worker *worker = worker_of(backend);
    uint64_t durable = hf_log_durable_through(worker->gateway->log);

    if (durable <= atomic_load(&worker->gateway->store_thread.applied)) {
        barrier->on_applied(barrier, HF_OK);
        return;
    }
    hf_list_init(&barrier->node);
    barrier_at(worker, barrier, durable);
}

static void backend_barrier_cancel(struct hf_backend *backend, struct hf_barrier *barrier)
{
    (void)backend;
    barrier_cancel(barrier);
}

/* ---- events, metrics, health ---- */

static hf_err tail_open(struct hf_backend *backend, const struct hf_tail_request *request,
                        void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk),
                        void *user, struct hf_tail **ret_tail)
{
    struct hf_worker *worker = worker_of(backend);

    return hf_tail_new(&worker->gateway->tail_thread, worker->index, request, on_chunk, user, ret_tail);
}

static hf_err view_open(struct hf_backend *backend, const struct hf_view_request *request,
                        void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk),
                        void *user, struct hf_view **ret_view)
{
    struct hf_worker *worker = worker_of(backend);

    if (worker->gateway->media == NULL)
        return HF_ERR_UNSUPPORTED;
    return hf_view_new(worker->gateway->media, worker->index, request, on_chunk, user, ret_view);
}

static size_t metrics(struct hf_backend *backend, char **ret_text)
{
    return hf_gateway_metrics(worker_of(backend)->gateway, ret_text);
}

static size_t overview(struct hf_backend *backend, char **ret_json)
{
    return hf_gateway_overview(worker_of(backend)->gateway, ret_json);
}

static size_t config(struct hf_backend *backend, char **ret_json)
{
    return hf_config_rows(worker_of(backend)->rules->config, ret_json);
}

static bool login(struct hf_backend *backend, struct hf_slice code, char ret_key[HF_API_KEY_TEXT_BYTES_MAX])
{
    struct hf_worker *worker = worker_of(backend);

    return hf_login_take(&worker->gateway->login, code, worker->loop->now_ms, ret_key);
}

static bool ready(struct hf_backend *backend, struct hf_sb *ret_json)
{
    return hf_gateway_ready(worker_of(backend)->gateway, ret_json);
}

static void upstreams(struct hf_backend *backend, struct hf_slice tenant, struct hf_json_out *out)
{
    struct hf_gateway *gateway = worker_of(backend)->gateway;

    if (gateway->gb.tenant != NULL && hf_slice_eq(tenant, gateway->gb.tenant->name))
        hf_gateway_upstreams_json(gateway, out);
}

static void heatmap(struct hf_backend *backend, struct hf_json_out *out)
{
    hf_gateway_heatmap_json(worker_of(backend)->gateway, out);
}

static void heatmap_history(struct hf_backend *backend, const struct hf_heatmap_wish *wish,
                            struct hf_json_out *out)
{
    hf_gateway_heatmap_history_json(worker_of(backend)->gateway, wish, out);
}

static uint64_t log_end(struct hf_backend *backend)
{
    return hf_log_durable_through(worker_of(backend)->gateway->log) + 1;
}

static void random_bytes(struct hf_backend *backend, void *out, size_t bytes)
{
    (void)backend;
    hf_entropy(out, bytes);
}

static uint64_t utc_ms(struct hf_backend *backend)
{
    return worker_of(backend)->hub.utc_ms;
}

const struct hf_backend_ops hf_worker_backend_ops = {
    .call = backend_call,
    .barrier = backend_barrier,
    .barrier_cancel = backend_barrier_cancel,
    .tail_open = tail_open,
    .tail_next = hf_tail_ask,
    .tail_close = hf_tail_drop,
    .view_open = view_open,
    .view_next = hf_view_ask,
    .view_close = hf_view_drop,
    .metrics = metrics,
    .ready = ready,
    .overview = overview,
    .config = config,
    .login = login,
    .upstreams = upstreams,
    .heatmap = heatmap,
    .heatmap_history = heatmap_history,
    .log_end = log_end,
    .random = random_bytes,
    .utc_ms = utc_ms,
};

const struct hf_hub_ops hf_worker_hub_ops = {
    .answer = hub_answer,
    .publish = hub_publish,
    .listened = hub_listened,
    .interest = hub_interest,
    .barrier = hub_barrier,
    .barrier_cancel = hub_barrier_cancel,
};
