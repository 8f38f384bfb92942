/* core/hub_conn.c - connections of devices: let in, replaced, lost; and what comes over them. */
#include <stdlib.h>

#include "core/access.h"
#include "core/hub_parts.h"

enum {
    UPLINK_WAIT_MS_MAX = 60000
}; /* also of a device that may never send: asked again, the rules may have changed */

static bool tenant_admit(struct hf_tenant *tenant)
{
    uint32_t limit = hf_rules(tenant)->connections_max;
    uint64_t now = atomic_fetch_add(&tenant->connections, 1) + 1;

    if (limit == 0 || now <= limit)
        return true;
    atomic_fetch_sub(&tenant->connections, 1);
    atomic_fetch_add(&tenant->refused, 1);
    return false;
}

static void join_groups(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_hub_connect *connect)
{
    char topic[HF_TOPIC_BYTES_MAX];

    for (unsigned i = 0; i < connect->group_count; i++) {
        struct hf_sb sb;

        hf_sb_init(&sb, topic, sizeof(topic));
        hf_sb_text(&sb, "group/");
        hf_sb_slice(&sb, connect->groups[i]);
        if (!sb.overflow)
            (void)hf_hub_subscribe(hub, devconn,
                                   hf_sb_done(&sb)); /* above its bound: fewer groups, as for topics */
    }
}

/* A connection was not let in. If an older one was closed in its favour, the device is without any now. */
static void turned_away(struct hf_hub *hub, struct hf_device *device)
{
    if (device->presence == HF_ONLINE)
        hf_device_presence(hub, device, HF_EVIDENCE_SOCKET_LOST, HF_REASON_REPLACED, 0, false);
    hf_device_rest(hub, device);
}

static void attach(struct hf_hub *hub, struct hf_device *device, struct hf_devconn *devconn)
{
    device->devconn = devconn;
    devconn->device = device;
    devconn->in_session = devconn->untold = devconn->answers = devconn->aside = false;
    devconn->sendq = NULL;
    devconn->written_untracked = devconn->messages_in = devconn->messages_out = 0;
    devconn->subscriptions = 0;
    devconn->spilled = device->outbox != NULL;
    devconn->uplink_rate = (struct hf_rate){0};
    hf_list_init(&devconn->unsettled);
    devconn->topics = NULL;
    hf_list_push_back(&hub->online, &device->peers);
    hub->stats.connections++;
    hf_device_rest(hub, device);
}

hf_err hf_hub_connect(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_hub_connect *connect,
                      enum hf_reason *ret_reason)
{
    struct hf_device *device = NULL;

    hf_err err = hf_hub_load(hub, connect->tenant, connect->device, &device);
    if (err != HF_OK) {
        *ret_reason = hf_load_reason(err);
        return err;
    }
    if (device->devconn != NULL) /* the newer one wins (RC-9); its slot in the tenant's limit is free then */
        device->devconn->ops->close(device->devconn, HF_REASON_REPLACED, (struct hf_slice){NULL, 0});
    HF_ASSERT(device->devconn == NULL);
    if (!tenant_admit(connect->tenant)) {
        *ret_reason = HF_REASON_TENANT_LIMIT;
        turned_away(hub, device);
        return HF_ERR_LIMIT;
    }
    struct hf_session_decision decision = {0}; /* of holdfast.v1 */
    struct hf_session before = {.slot = HF_SLOT_NONE};
    bool had_session = device->session != NULL;
    if (had_session)
        before = *device->session;
    if (connect->hello != NULL)
        err = hf_session_open(hub, device, connect->hello, &decision, ret_reason);
    if (err != HF_OK) {
        atomic_fetch_sub(&connect->tenant->connections, 1);
        turned_away(hub, device);
        return err;
    }
    uint64_t conn_id_before = device->conn_id;
    device->epoch++;
    device->conn_id = devconn->conn_id;
    err = hf_device_connected(hub, device, connect, &decision);
    if (err != HF_OK) { /* an epoch that is not on its way to the log could be given twice */
        *ret_reason = err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT : HF_REASON_STORAGE_FULL;
        if (connect->hello != NULL) { /* a session that is not recorded was never made */
            if (had_session)
                *device->session = before;
            else
                hf_session_free(device);
        }
        device->epoch--;
        device->conn_id = conn_id_before;
        atomic_fetch_sub(&connect->tenant->connections, 1);
        turned_away(hub, device);
        return err;
    }
    attach(hub, device, devconn);
    hub->stats.connects++;
    join_groups(hub, devconn, connect);
    if (connect->hello != NULL) {
        hf_session_opened(hub, devconn, &decision); /* the rest when its record is durable */
        hf_hub_refusals_trim(hub, device, connect->hello->uplink_first);
        return HF_OK;
    }
    hf_outbox_session_opened(hub, device, false);
    if (devconn->spilled)
        hf_hub_touch(
            hub,
            devconn); /* what waits begins to flow at the end of this turn, behind the adapter's greeting */
    return HF_OK;
}

hf_err hf_hub_resume(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_hub_connect *connect,
                     uint64_t epoch)
{
    struct hf_device *device = NULL;

    HF_ASSERT(connect->hello == NULL); /* sessions are resumed by who has them */
    hf_err err = hf_hub_load(hub, connect->tenant, connect->device, &device);
    if (err != HF_OK)
        return err;
    if (device->devconn != NULL)
        return HF_ERR_EXISTS;
    if (device->epoch != epoch || epoch == 0 || device->presence == HF_OFFLINE)
        err = HF_ERR_NOT_FOUND;
    else if (!tenant_admit(connect->tenant))
        err = HF_ERR_LIMIT;
    if (err != HF_OK) {
        hf_device_rest(hub, device);
        return err;
    }
    devconn->conn_id = device->conn_id;
    device->connected_ms = device->since_ms;
    attach(hub, device, devconn);
    join_groups(hub, devconn, connect);
    hf_outbox_session_opened(hub, device, false);
    if (devconn->spilled)
        hf_hub_touch(hub, devconn);
    return HF_OK;
}

hf_err hf_hub_bound(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice json)
{
    struct hf_device *device = devconn->device;
    struct hf_event event = {.type = HF_EVENT_CAMERA_BOUND,
                             .format = HF_FORMAT_JSON,
                             .flags = HF_EVENT_FLAG_TEXT,
                             .epoch = device->epoch,
                             .conn = devconn->conn_id,
                             .payload = json};

    HF_ASSERT(json.bytes <= HF_BINDING_BYTES_MAX);
    return hf_device_record(hub, device, &event, NULL);
}

hf_err hf_hub_camera_call(struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device, uint64_t call,
                          struct hf_slice json)
{
    struct hf_event event = {.type = HF_EVENT_CAMERA_CALL,
                             .format = json.bytes > 0 ? HF_FORMAT_JSON : HF_FORMAT_OPAQUE,
                             .flags = json.bytes > 0 ? HF_EVENT_FLAG_TEXT : 0,
                             .from = call,
                             .to = hub->options.boot,
                             .tenant = tenant,
                             .device = device,
                             .payload = json};

    HF_ASSERT(json.bytes <= HF_CALL_RECORD_BYTES_MAX);
    hf_err err = hf_journal_append(hub->options.journal, &event, NULL);
    if (err != HF_OK)
        hub->stats.journal_refused++;
    return err;
}

void hf_hub_disconnected(struct hf_hub *hub, struct hf_devconn *devconn, enum hf_evidence evidence,
                         enum hf_reason reason, uint16_t code, uint64_t last_life_ms)
{
    struct hf_device *device = devconn->device;

    HF_ASSERT(device->devconn == devconn);
    hf_topics_leave(hub, devconn);
    hf_hub_unqueue(hub, devconn);
    hf_hub_untold_drop(hub, devconn);
    hf_session_closed(hub, devconn, last_life_ms);
    devconn->device = NULL;
    device->devconn = NULL;
    device->last_life_ms = last_life_ms;
    hf_list_remove(&device->peers);
    hf_outbox_disconnected(hub, device);
    atomic_fetch_sub(&device->tenant->connections, 1);
    hub->stats.connections--;
    hub->stats.disconnects[reason]++;
    if (reason == HF_REASON_REPLACED)
        hf_device_ended(hub, device, reason, code);
    else
        hf_device_presence(hub, device, evidence, reason, code, true);
    hf_device_rest(hub, device);
}

unsigned hf_hub_drain(struct hf_hub *hub, unsigned count, enum hf_reason reason)
{
    unsigned before = (unsigned)hub->stats.connections;

    for (; count > 0 && !hf_list_empty(&hub->online); count--) {
        struct hf_device *device = HF_CONTAINER_OF(hub->online.next, struct hf_device, peers);

        device->devconn->ops->close(device->devconn, reason, (struct hf_slice){NULL, 0});
    }
    return before;
}

void hf_hub_refused(struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device, enum hf_reason reason)
{
    struct hf_event event = {
        .type = HF_EVENT_REFUSED, .reason = (uint16_t)reason, .tenant = tenant, .device = device};

    hub->stats.refused[reason]++;
    if (hf_journal_append(hub->options.journal, &event, NULL) != HF_OK)
        hub->stats.journal_refused++;
}

void hf_hub_evidence(struct hf_hub *hub, struct hf_devconn *devconn, enum hf_evidence evidence,
                     enum hf_reason reason)
{
    struct hf_device *device = devconn->device;

    hf_device_presence(hub, device, evidence, reason, 0, false);
    hf_device_rest(hub, device);
}

/* A message that others have subscribed, until it is durable: only then may they see it. In front of the waiter of the device's
 * own acknowledgement, if there is one. */
struct publication {
    struct hf_waiter waiter;
    struct hf_list_node node; /* on hub->publications */
    struct hf_waiter *next;
    struct hf_hub *hub;
    struct hf_tenant *tenant;
    struct hf_outgoing outgoing; /* texts point into storage */
    char storage[];
};

static void on_publication_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct publication *publication = HF_CONTAINER_OF(waiter, struct publication, waiter);
    struct hf_hub *hub = publication->hub;

    hf_list_remove(&publication->node);
    hub->options.ops->publish(hub->options.context, publication->tenant, &publication->outgoing);
    if (publication->next != NULL)
        publication->next->on_durable(publication->next, offset, time_ms);
    free(publication);
}

static struct publication *publication_new(struct hf_hub *hub, struct hf_devconn *devconn,
                                           const struct hf_incoming *incoming, struct hf_waiter *next)
{
    size_t topic_bytes = incoming->topic.bytes, payload_bytes = incoming->payload.bytes;
    struct publication *made = malloc(sizeof(*made) + topic_bytes + payload_bytes);

    if (made == NULL)
        return NULL;
    *made = (struct publication){
        .waiter = {.on_durable = on_publication_durable},
        .next = next,
        .hub = hub,
        .tenant = devconn->device->tenant,
        .outgoing = {.kind = HF_OUT_PUBLISH,
                     .class = HF_CLASS_TELEMETRY,
                     .format = incoming->format,
                     .flags = incoming->flags,
                     .topic = {made->storage, topic_bytes},
                     .payload = {made->storage + topic_bytes, payload_bytes},
                     .except = devconn->conn_id},
    };
    hf_list_init(&made->node);
    memcpy(made->storage, incoming->topic.at, topic_bytes);
    if (payload_bytes > 0)
        memcpy(made->storage + topic_bytes, incoming->payload.at, payload_bytes);
    return made;
}

void hf_publications_discard(struct hf_hub *hub)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&hub->publications)) != NULL)
        free(HF_CONTAINER_OF(node, struct publication, node));
}

/* Most workers of most fleets never see a sample: nothing is held for them. */
static hf_err take_samples(struct hf_hub *hub, const struct hf_device *device,
                           const struct hf_incoming *incoming)
{
    const struct hf_samples *samples = incoming->samples;
    struct hf_latencies *latencies = hub->options.latencies;
    uint64_t now_us = hub->options.utc_us != NULL ? hub->options.utc_us() : hub->utc_us;

    if (hub->twins.slab == NULL) {
        hf_err err = hf_twins_init(&hub->twins, hub->options.twins_max);

        if (err != HF_OK)
            return err;
    }
    const struct hf_twin *twin =
        hf_twins_take(&hub->twins, device->tenant->name, hf_device_name(device), samples, now_us);
    if (twin == NULL || latencies == NULL)
        return HF_OK;
    if (hf_latency_synchronised(samples->uncertainty_us))
        hf_latency_record(&latencies->of[HF_LATENCY_CAPTURE], twin->delay_us, 1, samples->uncertainty_us);
    else if (incoming->rtt_us > 0)
        hf_latency_record(&latencies->of[HF_LATENCY_HALF_RTT], incoming->rtt_us / 2, 1, incoming->rtt_us / 2);
    return HF_OK;
}

hf_err hf_hub_message(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_incoming *incoming,
                      struct hf_waiter *waiter, uint32_t *ret_wait_ms)
{
    struct hf_device *device = devconn->device;
    const struct hf_tenant_rules *rules = hf_rules(device->tenant);

    if (rules->access != NULL &&
        !hf_access_allowed(rules->access, hf_device_name(device), incoming->topic, HF_ACCESS_UP))
        return HF_ERR_DENIED;
    if (!hf_hub_uplink_take(hub, devconn, ret_wait_ms))
        return HF_ERR_BUSY;
    struct hf_event event = {
        .type = HF_EVENT_MESSAGE,
        .format = incoming->format,
        .flags = incoming->flags,
        .epoch = device->epoch,
        .conn = devconn->conn_id,
        .topic = incoming->topic,
        .key = incoming->key,
        .payload = incoming->payload,
        .made_ms = incoming->made_ms,
        .seq = incoming->seq,
        .from = incoming->queue_id,
    };
    if (incoming->id != NULL)
        memcpy(event.id, incoming->id, sizeof(event.id));
    struct publication *publication = NULL;
    if (incoming->publish &&
        hub->options.ops->listened(hub->options.context, device->tenant, incoming->topic)) {
        publication = publication_new(hub, devconn, incoming, waiter);
        if (publication == NULL)
            return HF_ERR_NOMEM;
    }
    hf_err err = hf_device_record(hub, device, &event, publication ? &publication->waiter : waiter);
    if (err != HF_OK) {
        free(publication);
        return err;
    }
    if (publication != NULL)
        hf_list_push_back(&hub->publications, &publication->node);
    hf_ledger_accept(&hub->ledger.counts.uplink,
                     1); /* delivered when its batch is durable: hf_hub_uplink_durable() */
    devconn->messages_in++;
    hub->stats.messages_in++;
    hub->stats.messages_in_bytes += incoming->payload.bytes;
    if (incoming->samples != NULL)
        (void)take_samples(hub, device, incoming); /* without memory: no live state, counted there */
    return HF_OK;
}

bool hf_hub_uplink_ready(const struct hf_hub *hub, const struct hf_devconn *devconn, uint32_t *ret_wait_ms)
{
    *ret_wait_ms = (uint32_t)HF_MIN(
        hf_rate_wait_ms(&devconn->uplink_rate, &hf_rules(devconn->device->tenant)->uplink, 1, hub->now_ms),
        (uint64_t)UPLINK_WAIT_MS_MAX);
    return *ret_wait_ms == 0;
}

bool hf_hub_uplink_take(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t *ret_wait_ms)
{
    if (hf_rate_take(&devconn->uplink_rate, &hf_rules(devconn->device->tenant)->uplink, 1, hub->now_ms))
        return true;
    (void)hf_hub_uplink_ready(hub, devconn, ret_wait_ms);
    hub->stats.rate_limited++;
    return false;
}

void hf_hub_uplink_durable(struct hf_hub *hub, uint64_t messages)
{
    hf_ledger_deliver(&hub->ledger.counts.uplink, messages);
}

hf_err hf_hub_result(struct hf_hub *hub, struct hf_devconn *devconn, const uint8_t id[16], bool failed,
                     uint8_t format, uint8_t flags, struct hf_slice payload)
{
    struct hf_pending *pending = hf_pending_find(hub, id);
    struct hf_event result = {.format = format, .flags = flags, .payload = payload};

    if (pending == NULL || pending->device != devconn->device || !pending->command ||
        pending->state == HF_PENDING_RECORDING || pending->state == HF_PENDING_ENDING) {
        hub->stats.results_unmatched++;
        return HF_ERR_NOT_FOUND;
    }
    if (pending->state == HF_PENDING_WRITTEN)
        hf_outbox_sent(hub, pending); /* whoever answers has read it */
    return hf_outbox_end(hub, pending, failed ? HF_FATE_FAILED : HF_FATE_DONE,
                         failed ? HF_REASON_DEVICE_REFUSED : HF_REASON_NONE, &result);
}
