/* core/hub.c - the devices of a worker: found, loaded, kept while needed, and their presence records. */
#include "core/hub.h"

#include <stdlib.h>

#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/rows.h"

struct device_key {
    const struct hf_slice tenant, device;
};

static bool device_eq(const struct hf_map_node *node, const void *key)
{
    const struct hf_device *device = HF_CONTAINER_OF(node, struct hf_device, node);
    const struct device_key *wanted = key;

    return hf_slice_eq(hf_device_name(device), wanted->device) &&
           hf_slice_eq(device->tenant->name, wanted->tenant);
}

static bool pending_eq(const struct hf_map_node *node, const void *key)
{
    return memcmp(HF_CONTAINER_OF(node, struct hf_pending, node)->id, key, 16) == 0;
}

/* Peers choose device ids, so the table is keyed with this start's secret, unlike the home worker's hash. */
static uint64_t table_hash(const struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device)
{
    return hf_hash(hub->options.hash_key, device.at, device.bytes) ^
           hf_hash_mix(hf_hash(hub->options.hash_key, tenant.at, tenant.bytes));
}

void hf_hub_init(struct hf_hub *hub, const struct hf_hub_options *options)
{
    *hub = (struct hf_hub){.options = *options};
    if (hub->options.twins_max == 0)
        hub->options.twins_max = HF_HUB_TWINS_MAX_DEFAULT;
    hf_map_init(&hub->devices, device_eq);
    hf_map_init(&hub->pending, pending_eq);
    hf_map_init(&hub->topics, hf_topic_eq);
    hf_list_init(&hub->online);
    hf_list_init(&hub->unsettled);
    hf_list_init(&hub->publications);
    hf_list_init(&hub->open_records);
    hf_list_init(&hub->uplinks_open);
    hf_slots_init(&hub->slots);
    hf_documents_init(hub);
    hf_hub_refusals_init(hub);
    hf_hub_untold_init(hub);
    hf_rng_seed(&hub->rng, options->seed);
}

static void device_free(struct hf_hub *hub, struct hf_device *device)
{
    HF_ASSERT(device->devconn == NULL && device->outbox == NULL && device->records_open == 0);
    hf_wheel_cancel(hub->options.wheel, &device->timer);
    hf_map_remove(&hub->devices, &device->node);
    hub->stats.devices--;
    hub->stats.presence[device->presence]--;
    hf_hub_refusals_drop(hub, device);
    hf_session_free(device);
    free(device);
}

static bool discard(struct hf_map_node *node, void *context)
{
    struct hf_hub *hub = context;
    struct hf_device *device = HF_CONTAINER_OF(node, struct hf_device, node);

    HF_ASSERT(device->devconn == NULL);
    hf_outbox_discard(hub, device);
    device->records_open = 0;
    device_free(hub, device);
    return true;
}

static void answer_unfinished(struct hf_hub *hub, struct hf_call **call)
{
    struct hf_call *waiting = *call;

    *call = NULL;
    if (waiting == NULL)
        return;
    waiting->reason = HF_REASON_DRAIN;
    hub->options.ops->answer(hub->options.context, waiting);
}

static bool answer_device(struct hf_map_node *node, void *context)
{
    struct hf_outbox *outbox = HF_CONTAINER_OF(node, struct hf_device, node)->outbox;

    for (struct hf_list_node *at = outbox ? outbox->line.next : NULL; outbox != NULL && at != &outbox->line;
         at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        answer_unfinished(context, &pending->call);
        answer_unfinished(context, &pending->canceler);
    }
    return true;
}

void hf_hub_answer_all(struct hf_hub *hub)
{
    for (struct hf_list_node *at = hub->open_records.next; at != &hub->open_records; at = at->next)
        answer_unfinished(hub, &HF_CONTAINER_OF(at, struct hf_open_record, node)->call);
    hf_map_each(&hub->devices, answer_device, hub);
    hf_documents_answer(hub);
}

void hf_hub_deinit(struct hf_hub *hub)
{
    hf_publications_discard(hub);
    struct hf_list_node *node;

    HF_ASSERT(hf_list_empty(&hub->online));
    while ((node = hf_list_pop_front(&hub->open_records)) !=
           NULL) { /* the journal forgets its waiters, too */
        struct hf_open_record *record = HF_CONTAINER_OF(node, struct hf_open_record, node);

        hf_call_free(record->call);
        free(record);
    }
    hf_uplinks_discard(hub);
    hf_documents_discard(hub);
    hf_twins_deinit(&hub->twins);
    hf_map_each(&hub->devices, discard, hub);
    hf_slab_free(hub->sessions);
    hf_slots_deinit(&hub->slots);
    HF_ASSERT(hub->pending.count == 0 && hub->topics.count == 0);
    hf_map_deinit(&hub->devices);
    hf_map_deinit(&hub->pending);
    hf_map_deinit(&hub->topics);
    hf_map_deinit(&hub->refused);
    HF_ASSERT(hub->untold.count == 0); /* there is no connection */
    hf_map_deinit(&hub->untold);
}

struct hf_slice hf_device_name(const struct hf_device *device)
{
    return (struct hf_slice){device->id, device->id_bytes};
}

struct hf_device *hf_hub_find(struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device)
{
    struct device_key key = {tenant, device};
    struct hf_map_node *node = hf_map_find(&hub->devices, table_hash(hub, tenant, device), &key);

    return node ? HF_CONTAINER_OF(node, struct hf_device, node) : NULL;
}

/* What the tables know of the device; nothing is fine, too. Any other failure is the caller's: to go on with a fresh epoch and
 * sequence would undo what was promised with the old ones. */
static hf_err read_row(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_device_row row;
    struct hf_slice value;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, device->tenant->name, hf_device_name(device));
    if (err == HF_OK)
        err = hf_kv_read(hub->options.kv, &txn);
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value);
    if (err == HF_OK)
        err = hf_device_row_decode(value, &row);
    if (err == HF_OK) {
        device->epoch = row.epoch;
        device->seq = row.seq;
        device->conn_id = row.conn;
        device->since_ms = row.since_ms;
        device->last_offset = row.offset;
        device->reason = (uint16_t)row.reason;
        device->code = (uint16_t)row.code;
        if (row.boot == hub->options.boot || row.presence == HF_OFFLINE) {
            device->presence = (uint8_t)row.presence;
        } else if (row.epoch > 0) { /* whatever it was before we started, nobody knows now */
            device->reason = HF_REASON_NODE_RESTART;
            device->last_life_ms = HF_MAX(hub->now_ms, (uint64_t)1); /* its silence counts from here */
        }
        err = hf_session_load(hub, device, &row);
        if (err == HF_OK)
            err = hf_hub_refusals_load(hub, device, &row);
    }
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err == HF_ERR_LIMIT ? HF_ERR_BUSY : err;
}

enum hf_reason hf_load_reason(hf_err err)
{
    return err == HF_ERR_NOMEM || err == HF_ERR_LIMIT  ? HF_REASON_MEMORY_LIMIT
           : err == HF_ERR_IO || err == HF_ERR_CORRUPT ? HF_REASON_STORAGE_FAILED
           : err == HF_ERR_INVALID                     ? HF_REASON_BAD_REQUEST
                                                       : HF_REASON_BUSY;
}

static void on_device_timer(struct hf_timer *timer, uint64_t now_ms);
static void record_again(struct hf_hub *hub, struct hf_device *device);

hf_err hf_hub_load(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice id,
                   struct hf_device **ret_device)
{
    struct hf_device *device = hf_hub_find(hub, tenant->name, id);

    *ret_device = device;
    if (device != NULL)
        return HF_OK;
    if (id.bytes > HF_DEVICE_BYTES_MAX)
        return HF_ERR_INVALID;
    if (hub->stats.devices >= HF_HUB_DEVICES_MAX)
        return HF_ERR_LIMIT;
    /* The id begins in the padding at the end of the struct: with sizeof that would be paid for twice. */
    device = calloc(1, HF_MAX(sizeof(*device), offsetof(struct hf_device, id) + id.bytes));
    if (device == NULL)
        return HF_ERR_NOMEM;
    device->hub = hub;
    device->tenant = tenant;
    device->id_bytes = (uint8_t)id.bytes;
    memcpy(device->id, id.at, id.bytes);
    device->presence = HF_UNKNOWN;
    hf_list_init(&device->peers);
    hf_timer_init(&device->timer, on_device_timer);
    hf_err err = read_row(hub, device);
    if (err == HF_OK)
        err = hf_map_insert(&hub->devices, &device->node, table_hash(hub, tenant->name, id));
    if (err != HF_OK) {
        hf_hub_refusals_drop(hub, device);
        hf_session_free(device);
        free(device);
        return err;
    }
    hub->stats.devices++;
    hub->stats.presence[device->presence]++;
    *ret_device = device;
    return HF_OK;
}

void hf_device_rest(struct hf_hub *hub, struct hf_device *device)
{
    uint64_t due_ms = hub->now_ms + HF_DEVICE_LINGER_MS;

    if (device->devconn != NULL && !device->unrecorded) {
        hf_wheel_cancel(hub->options.wheel, &device->timer);
        return;
    }
    if (device->unrecorded)
        due_ms = hub->now_ms + HF_DEVICE_RETRY_MS;
    else if (device->presence == HF_UNKNOWN && device->last_life_ms != 0)
        due_ms =
            device->last_life_ms + hf_presence_silent_ms(hf_rules(device->tenant)->heartbeat_interval_ms);
    hf_wheel_arm(hub->options.wheel, &device->timer, due_ms);
}

static void on_device_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_device *device = HF_CONTAINER_OF(timer, struct hf_device, timer);
    struct hf_hub *hub = device->hub;

    (void)now_ms; /* the hub's own is of the same turn */
    if (device->unrecorded) {
        record_again(hub, device);
        hf_device_rest(hub, device);
        return;
    }
    HF_ASSERT(device->devconn == NULL);
    if (device->presence == HF_UNKNOWN && device->last_life_ms != 0) {
        hf_device_presence(hub, device, HF_EVIDENCE_SILENT, (enum hf_reason)device->reason, device->code,
                           false);
        device->last_life_ms = 0;
        hf_device_rest(hub, device);
    } else if (device->outbox == NULL && device->records_open == 0 &&
               hf_kv_applied_offset(hub->options.kv) >= device->last_offset) {
        device_free(hub, device);
    } else if (device->outbox == NULL) {
        hf_wheel_arm(hub->options.wheel, &device->timer, hub->now_ms + HF_DEVICE_RETRY_MS);
    } /* else: whoever ends the last pending message calls hf_device_rest() */
}

static void on_recorded(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct hf_open_record *record = HF_CONTAINER_OF(waiter, struct hf_open_record, waiter);
    struct hf_call *call = record->call;
    struct hf_hub *hub = record->hub;
    struct hf_device *device = record->device;
    uint64_t welcome_epoch = record->welcome_epoch;
    struct hf_session_decision decision = record->decision;

    (void)time_ms;
    if (device != NULL) {
        device->records_open--;
        device->last_offset = offset;
    }
    hf_list_remove(&record->node);
    free(record);
    if (welcome_epoch != 0)
        hf_session_welcome(hub, device, welcome_epoch, &decision);
    if (call == NULL)
        return;
    call->offset = offset;
    call->reason = HF_REASON_NONE;
    hub->options.ops->answer(hub->options.context, call);
}

/* decision: of the session that it lets in, or NULL. */
static hf_err await_record(struct hf_hub *hub, const struct hf_event *event, struct hf_device *device,
                           struct hf_call *call, const struct hf_session_decision *decision)
{
    struct hf_open_record *record =
        calloc(1, sizeof(*record)); /* per connect, disconnect or request, not per message */

    if (record == NULL)
        return HF_ERR_NOMEM;
    record->waiter.on_durable = on_recorded;
    record->hub = hub;
    record->device = device;
    record->call = call;
    if (decision != NULL) {
        record->welcome_epoch = event->epoch;
        record->decision = *decision;
    }
    hf_list_init(&record->node);
    hf_err err = hf_journal_append(hub->options.journal, event, &record->waiter);
    if (err != HF_OK) {
        hub->stats.journal_refused++;
        free(record);
        return err;
    }
    hf_list_push_back(&hub->open_records, &record->node);
    if (device != NULL)
        device->records_open++;
    return HF_OK;
}

hf_err hf_hub_record(struct hf_hub *hub, const struct hf_event *event, struct hf_device *device,
                     struct hf_call *call)
{
    return await_record(hub, event, device, call, NULL);
}

hf_err hf_device_record(struct hf_hub *hub, struct hf_device *device, struct hf_event *event,
                        struct hf_waiter *waiter)
{
    event->tenant = device->tenant->name;
    event->device = hf_device_name(device);
    hf_err err = hf_journal_append(hub->options.journal, event, waiter);
    if (err != HF_OK)
        hub->stats.journal_refused++;
    return err;
}

/* The event of the device's presence as it is now. */
static struct hf_event presence_event(const struct hf_hub *hub, const struct hf_device *device)
{
    return (struct hf_event){
        .type = device->presence == HF_ONLINE    ? HF_EVENT_ONLINE
                : device->presence == HF_OFFLINE ? HF_EVENT_OFFLINE
                                                 : HF_EVENT_UNKNOWN,
        .reason = device->reason,
        .code = device->code,
        .epoch = device->epoch,
        .conn = device->conn_id,
        .to = hub->options.boot,
        .tenant = device->tenant->name,
        .device = hf_device_name(device),
    };
}

static void record_again(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_event event = presence_event(hub, device);

    device->unrecorded = hf_hub_record(hub, &event, device, NULL) != HF_OK;
}

static uint64_t connected_for_ms(const struct hf_hub *hub, const struct hf_device *device)
{
    return hub->utc_ms > device->connected_ms ? hub->utc_ms - device->connected_ms : 0;
}

void hf_device_presence(struct hf_hub *hub, struct hf_device *device, enum hf_evidence evidence,
                        enum hf_reason reason, uint16_t code, bool ended)
{
    struct hf_presence_step step = hf_presence_apply((enum hf_presence)device->presence, evidence);

    if (step.ignored)
        hub->stats.evidence_ignored++;
    if (!step.changed && !ended)
        return;
    hub->stats.presence[device->presence]--;
    hub->stats.presence[step.next]++;
    device->presence = (uint8_t)step.next;
    device->reason = (uint16_t)reason;
    device->code = code;
    if (step.changed)
        device->since_ms = hub->utc_ms;
    struct hf_event event = presence_event(hub, device);
    event.from = ended ? connected_for_ms(hub, device) : 0;
    device->unrecorded = hf_hub_record(hub, &event, device, NULL) != HF_OK;
}

hf_err hf_device_connected(struct hf_hub *hub, struct hf_device *device, const struct hf_hub_connect *connect,
                           const struct hf_session_decision *decision)
{
    struct hf_event event = {
        .type = HF_EVENT_ONLINE,
        .reason = HF_REASON_CONNECTED,
        .epoch = device->epoch,
        .conn = device->conn_id,
        .to = hub->options.boot,
        .tenant = device->tenant->name,
        .device = hf_device_name(device),
        .topic = connect->protocol,
        .key = connect->trace,
    };
    uint8_t session_record[HF_SESSION_RECORD_BYTES];

    if (connect->hello != NULL) {
        memcpy(event.id, device->session->id, sizeof(event.id));
        hf_session_record_fill(device->session, decision, session_record);
        event.payload = (struct hf_slice){(const char *)session_record, sizeof(session_record)};
    }
    hf_err err = await_record(hub, &event, device, NULL, connect->hello != NULL ? decision : NULL);
    if (err != HF_OK)
        return err;
    hub->stats.presence[device->presence]--;
    hub->stats.presence[HF_ONLINE]++;
    device->presence = HF_ONLINE;
    device->reason = HF_REASON_CONNECTED;
    device->code = 0;
    device->since_ms = device->connected_ms = hub->utc_ms;
    device->last_life_ms = 0;
    device->unrecorded = false;
    return HF_OK;
}

void hf_device_ended(struct hf_hub *hub, struct hf_device *device, enum hf_reason reason, uint16_t code)
{
    struct hf_event event = {
        .type = HF_EVENT_DISCONNECTED,
        .reason = (uint16_t)reason,
        .code = code,
        .epoch = device->epoch,
        .conn = device->conn_id,
        .from = connected_for_ms(hub, device),
        .to = hub->options.boot,
    };

    (void)hf_device_record(hub, device, &event, NULL); /* the new connection's record is awaited */
}
