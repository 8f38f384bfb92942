/* core/outbox.c - tracked messages and commands to one device: recorded, delivered, ended. hub_parts.h draws the states. */
#include <stdlib.h>

#include "core/access.h"
#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/rows.h"
#include "core/session/serial.h"

static void on_queued_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms);
static void on_applied(struct hf_barrier *barrier, hf_err err);

struct hf_pending *hf_pending_find(struct hf_hub *hub, const uint8_t id[16])
{
    struct hf_map_node *node = hf_map_find(&hub->pending, hf_hash(hub->options.hash_key, id, 16), id);

    return node ? HF_CONTAINER_OF(node, struct hf_pending, node) : NULL;
}

static struct hf_outbox *outbox_of(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_outbox *outbox = device->outbox;

    if (outbox != NULL)
        return outbox;
    outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        return NULL;
    outbox->hub = hub;
    outbox->device = device;
    hf_list_init(&outbox->line);
    hf_list_init(&outbox->written);
    hf_list_init(&outbox->keys);
    hf_list_init(&outbox->barrier.node);
    outbox->barrier.on_applied = on_applied;
    device->outbox = outbox;
    return outbox;
}

void hf_outbox_free_if_idle(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_outbox *outbox = device->outbox;

    if (outbox == NULL || !hf_list_empty(&outbox->line))
        return;
    hf_outbox_forget_keys(hub, outbox, false);
    if (!hf_list_empty(&outbox->keys)) {
        /* Tried again when the tables have caught up: the barrier is free, nothing is left to load. */
        if (!hf_list_linked(&outbox->barrier.node))
            hub->options.ops->barrier(hub->options.context, &outbox->barrier,
                                      HF_CONTAINER_OF(outbox->keys.prev, struct hf_recent_key, node)->offset);
        return;
    }
    hub->options.ops->barrier_cancel(hub->options.context, &outbox->barrier);
    device->outbox = NULL;
    free(outbox);
    if (device->devconn != NULL) /* nothing waits there any more, and the next message must not wait for it */
        device->devconn->spilled = false;
    hf_device_rest(hub, device);
}

void hf_pending_free(struct hf_pending *pending)
{
    struct hf_hub *hub = pending->hub;
    struct hf_outbox *outbox = pending->device->outbox;

    HF_ASSERT(pending->call == NULL && pending->canceler == NULL);
    hf_wheel_cancel(hub->options.wheel, &pending->expiry);
    hf_wheel_cancel(hub->options.wheel, &pending->patience);
    hf_map_remove(&hub->pending, &pending->node);
    hf_list_remove(&pending->line);
    hf_list_remove(&pending->written);
    outbox->messages--;
    outbox->bytes -= pending->bytes;
    hub->stats.pending--;
    free(pending->name_storage);
    free(pending);
}

static struct hf_pending *pending_new(struct hf_hub *hub, struct hf_device *device, const uint8_t id[16],
                                      struct hf_slice name)
{
    struct hf_outbox *outbox = outbox_of(hub, device);
    struct hf_pending *pending = outbox ? calloc(1, sizeof(*pending)) : NULL;

    if (pending == NULL)
        return NULL;
    if (name.bytes > 0) {
        pending->name_storage = malloc(name.bytes);
        if (pending->name_storage == NULL) {
            free(pending);
            return NULL;
        }
        memcpy(pending->name_storage, name.at, name.bytes);
        pending->name = (struct hf_slice){pending->name_storage, name.bytes};
    }
    memcpy(pending->id, id, sizeof(pending->id));
    if (hf_map_insert(&hub->pending, &pending->node, hf_hash(hub->options.hash_key, id, 16)) != HF_OK) {
        free(pending->name_storage);
        free(pending);
        return NULL;
    }
    pending->hub = hub;
    pending->device = device;
    hf_list_init(&pending->line);
    hf_list_init(&pending->written);
    hf_timer_init(&pending->expiry, hf_pending_expired);
    hf_timer_init(&pending->patience, hf_pending_patience_over);
    hf_list_push_back(&outbox->line, &pending->line);
    outbox->messages++;
    hub->stats.pending++;
    return pending;
}

void hf_call_answer(struct hf_hub *hub, struct hf_call *call, enum hf_reason reason)
{
    call->reason = (uint16_t)reason;
    if (call->own) {
        hf_call_free(call);
        return;
    }
    hub->options.ops->answer(hub->options.context, call);
}

static void answer_limit(struct hf_hub *hub, struct hf_call *call, enum hf_reason reason, uint64_t limit,
                         uint64_t observed, uint64_t retry_ms)
{
    call->limit = limit;
    call->observed = observed;
    call->retry_ms = retry_ms;
    hf_call_answer(hub, call, reason);
}

/* What speaks against taking the call; HF_REASON_NONE when nothing does. Answers in that case. */
static bool refuse(struct hf_hub *hub, struct hf_device *device, struct hf_call *call)
{
    const struct hf_tenant_rules *rules = hf_rules(device->tenant);
    struct hf_outbox *outbox = device->outbox;
    uint64_t messages = outbox ? outbox->messages : 0;
    uint64_t bytes = (outbox ? outbox->bytes : 0) + call->payload.bytes;

    if (rules->access != NULL &&
        !hf_access_allowed(rules->access, hf_device_name(device), call->topic, HF_ACCESS_DOWN)) {
        hf_call_answer(hub, call, HF_REASON_FORBIDDEN);
    } else if (device->devconn == NULL && rules->policies[call->class] != HF_POLICY_MUST_DELIVER) {
        hf_call_answer(hub, call, HF_REASON_DEVICE_OFFLINE); /* its class does not wait for anybody */
    } else if (call->payload.bytes > HF_DOWNLINK_BYTES_MAX) {
        answer_limit(hub, call, HF_REASON_MESSAGE_TOO_BIG, HF_DOWNLINK_BYTES_MAX, call->payload.bytes, 0);
    } else if (messages >= rules->outbox_messages_max) {
        answer_limit(hub, call, HF_REASON_QUEUE_FULL, rules->outbox_messages_max, messages, 0);
    } else if (bytes > rules->outbox_bytes_max) {
        answer_limit(hub, call, HF_REASON_QUEUE_FULL, rules->outbox_bytes_max, bytes, 0);
    } else if (hub->stats.pending >= HF_HUB_PENDING_MAX) {
        answer_limit(hub, call, HF_REASON_BUSY, HF_HUB_PENDING_MAX, hub->stats.pending, 0);
    } else if (call->class == HF_CLASS_COMMAND &&
               !hf_rate_take(&device->command_rate, &rules->commands, 1, hub->now_ms)) {
        answer_limit(hub, call, HF_REASON_RATE_LIMIT, rules->commands.per_second, 0,
                     hf_rate_wait_ms(&device->command_rate, &rules->commands, 1, hub->now_ms));
    } else {
        return false;
    }
    return true;
}

static void rest_if_idle(struct hf_hub *hub, struct hf_device *device)
{
    if (device->devconn == NULL && device->outbox == NULL)
        hf_device_rest(hub, device);
}

/* The session's number for it must be one: the one before it is passed over, on both sides. */
static uint64_t next_seq(const struct hf_device *device)
{
    uint64_t base = device->session ? device->session->base : 0;

    return base + hf_serial_number(device->seq + 1 - base);
}

/* With its key remembered; NULL: no memory, nothing has changed. */
static struct hf_pending *pending_of(struct hf_hub *hub, struct hf_device *device, const struct hf_call *call)
{
    bool command = call->class == HF_CLASS_COMMAND;
    struct hf_pending *pending =
        pending_new(hub, device, call->id, command ? call->topic : (struct hf_slice){NULL, 0});

    if (pending != NULL && call->key.bytes > 0 && hf_outbox_remember_key(device->outbox, call) != HF_OK) {
        hf_pending_free(pending);
        pending = NULL;
    }
    if (pending == NULL) {
        hf_outbox_free_if_idle(hub, device);
        rest_if_idle(hub, device); /* also when not even an outbox could be had */
        return NULL;
    }
    pending->class = call->class;
    pending->command = command;
    pending->bytes = (uint32_t)call->payload.bytes;
    device->outbox->bytes += pending->bytes;
    pending->state = HF_PENDING_RECORDING;
    pending->waiter.on_durable = on_queued_durable;
    return pending;
}

static hf_err record_queued(struct hf_hub *hub, struct hf_pending *pending, const struct hf_call *call)
{
    struct hf_event event = {
        .type = pending->command ? HF_EVENT_COMMAND : HF_EVENT_QUEUED,
        .format = call->format,
        .flags = (uint8_t)(call->flags | (call->class == HF_CLASS_TELEMETRY ? HF_EVENT_FLAG_TELEMETRY : 0) |
                           (pending->command ? HF_EVENT_FLAG_COMMAND : 0) | hf_call_mark(call)),
        .seq = pending->seq,
        .from = call->key.bytes > 0 ? hf_call_body_hash(call) : 0,
        .to = pending->expires_ms,
        .topic = call->topic,
        .key = call->key,
        .payload = call->payload,
        .by = call->by,
    };

    memcpy(event.id, call->id, sizeof(event.id));
    return hf_device_record(hub, pending->device, &event, &pending->waiter);
}

/* The journal did not take it. */
static void take_back(struct hf_hub *hub, struct hf_pending *pending)
{
    struct hf_device *device = pending->device;
    struct hf_recent_key *recent = hf_outbox_key_by_id(device->outbox, pending->id);

    if (recent != NULL) {
        hf_list_remove(&recent->node);
        free(recent);
    }
    pending->call = NULL;
    hf_pending_free(pending);
    hf_outbox_free_if_idle(hub, device);
}

void hf_outbox_send(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct hf_device *device = NULL;

    HF_ASSERT(call->class < HF_CLASSES);
    hf_err err = hf_hub_load(hub, tenant, call->device, &device);
    if (err != HF_OK) {
        hf_call_answer(hub, call, hf_load_reason(err));
        return;
    }
    if (device->epoch ==
        0) { /* never connected: a message to a name that was mistyped would wait for nobody */
        hf_device_rest(hub, device);
        hf_call_answer(hub, call, HF_REASON_NOT_FOUND);
        return;
    }
    if ((call->key.bytes > 0 && hf_outbox_replay(hub, device, call)) || refuse(hub, device, call)) {
        rest_if_idle(hub, device);
        return;
    }
    struct hf_pending *pending = pending_of(hub, device, call);
    if (pending == NULL) {
        hf_call_answer(hub, call, HF_REASON_MEMORY_LIMIT);
        return;
    }
    const struct hf_tenant_rules *rules = hf_rules(tenant);
    uint64_t ttl_ms = call->ttl_ms ? HF_MIN(call->ttl_ms, rules->ttl_max_ms) : rules->ttl_default_ms;
    uint64_t seq_before = device->seq;
    pending->call = call;
    pending->expires_ms = hub->utc_ms + ttl_ms;
    pending->seq = device->seq = next_seq(device);
    if (record_queued(hub, pending, call) != HF_OK) {
        device->seq = seq_before;
        take_back(hub, pending);
        hf_call_answer(hub, call, HF_REASON_STORAGE_FULL);
    }
}

/* ---- delivery ---- */

void hf_outbox_later(struct hf_hub *hub, struct hf_device *device)
{
    if (device->outbox != NULL)
        hub->options.ops->barrier(hub->options.context, &device->outbox->barrier, 0);
}

static bool may_wait(const struct hf_pending *pending)
{
    return hf_rules(pending->device->tenant)->policies[pending->class] == HF_POLICY_MUST_DELIVER;
}

static void deliver(struct hf_hub *hub, struct hf_pending *pending, const struct hf_outgoing *outgoing)
{
    struct hf_devconn *devconn = pending->device->devconn;
    enum hf_reason reason = HF_REASON_NONE;

    if (devconn->in_session) {
        if (hf_session_push(hub, pending, outgoing) == HF_PUSH_SPILLED)
            devconn->spilled = true;
        return;
    }
    switch (hf_hub_push(hub, devconn, outgoing, NULL, pending, &reason)) {
    case HF_PUSH_WRITTEN:
        pending->state = HF_PENDING_WRITTEN;
        hf_list_push_back(&pending->device->outbox->written, &pending->written);
        break;
    case HF_PUSH_QUEUED: pending->state = HF_PENDING_IN_QUEUE; break;
    case HF_PUSH_SPILLED:
        devconn->spilled = true;
        if (devconn->ops->queued_bytes(devconn) == 0 && hf_sendq_messages(devconn->sendq) == 0)
            hf_outbox_later(hub, pending->device); /* no memory: nothing drains that would bring us back */
        break;
    case HF_PUSH_DROPPED: (void)hf_outbox_end(hub, pending, HF_FATE_FAILED, reason, NULL); break;
    case HF_PUSH_CLOSED: break; /* it waits for the next connection, or its end was recorded there */
    }
}

static struct hf_outgoing outgoing_of(const struct hf_pending *pending, const struct hf_event *queued)
{
    return (struct hf_outgoing){
        .kind = pending->command ? HF_OUT_COMMAND : HF_OUT_MESSAGE,
        .class = pending->class,
        .format = queued->format,
        .flags = queued->flags,
        .id = pending->id,
        .topic = queued->topic,
        .payload = queued->payload,
        .expires_ms = pending->expires_ms,
        .key = queued->key,
    };
}

static void on_queued_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct hf_pending *pending = HF_CONTAINER_OF(waiter, struct hf_pending, waiter);
    struct hf_hub *hub = pending->hub;
    struct hf_device *device = pending->device;
    struct hf_call *call = pending->call;
    struct hf_recent_key *recent = hf_outbox_key_by_id(device->outbox, pending->id);

    (void)time_ms;
    if (recent != NULL)
        recent->offset = offset;
    pending->offset = offset;
    pending->state = HF_PENDING_WAITING;
    pending->counted = true;
    device->last_offset = offset;
    hf_ledger_accept(&hub->ledger.counts.downlink, 1);
    uint64_t left_ms = pending->expires_ms > hub->utc_ms ? pending->expires_ms - hub->utc_ms : 0;
    hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms + left_ms);
    call->offset = offset;
    call->fate = HF_FATE_QUEUED;
    if (call->wait && pending->command)
        hf_wheel_arm(hub->options.wheel, &pending->patience, hub->now_ms + call->wait_ms);
    else
        pending->call = NULL;
    if (device->devconn != NULL && !device->devconn->spilled) {
        struct hf_event queued = {.format = call->format,
                                  .flags = call->flags,
                                  .topic = call->topic,
                                  .payload = call->payload,
                                  .key = call->key};
        struct hf_outgoing outgoing = outgoing_of(pending, &queued);

        deliver(hub, pending, &outgoing); /* straight from the request: the tables need not be asked */
    } else if (device->devconn == NULL && !may_wait(pending)) {
        (void)hf_outbox_end(hub, pending, HF_FATE_FAILED, HF_REASON_CONNECTION_GONE, NULL);
    }
    if (!(call->wait && call->class == HF_CLASS_COMMAND))
        hf_call_answer(hub, call, HF_REASON_NONE);
}

hf_err hf_outbox_read(struct hf_kv_txn *txn, const struct hf_pending *pending,
                      struct hf_outgoing *ret_outgoing)
{
    struct hf_kvkey key;
    struct hf_slice value;
    struct hf_event queued;

    hf_err err = hf_kvkey_device_u64(&key, pending->device->tenant->name, hf_device_name(pending->device),
                                     pending->seq);
    HF_ASSERT(err == HF_OK);
    err = hf_kv_get(txn, HF_KV_OUTBOX, hf_kvkey_slice(&key), &value);
    if (err == HF_OK)
        err = hf_event_row_decode(value, &queued);
    if (err == HF_OK)
        *ret_outgoing = outgoing_of(pending, &queued);
    return err;
}

void hf_outbox_load(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_outbox *outbox = device->outbox;
    struct hf_devconn *devconn = device->devconn;
    uint64_t applied = hf_kv_applied_offset(hub->options.kv);
    struct hf_kv_txn *txn = NULL;
    unsigned loaded = 0;
    struct hf_list_node *next;

    if (outbox == NULL || devconn == NULL)
        return;
    devconn->spilled = false; /* deliver() sets it again when the queue fills */
    if (hf_kv_read(hub->options.kv, &txn) != HF_OK) {
        devconn->spilled = true;
        hf_outbox_later(hub, device);
        return;
    }
    for (struct hf_list_node *at = outbox->line.next; at != &outbox->line; at = next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        next = at->next;
        if (pending->state == HF_PENDING_ENDING && hf_session_awaits_end(device, pending)) {
            devconn->spilled =
                true; /* its number goes out as a gap once the end is durable; then the others */
            break;
        }
        if (pending->state != HF_PENDING_WAITING)
            continue;
        if (pending->offset > applied || loaded == HF_OUTBOX_LOAD_MESSAGES) {
            devconn->spilled = true;
            hub->options.ops->barrier(hub->options.context, &outbox->barrier, pending->offset);
            break;
        }
        struct hf_outgoing outgoing;
        hf_err err = hf_outbox_read(txn, pending, &outgoing);
        if (err == HF_OK)
            deliver(hub, pending, &outgoing);
        if (err == HF_ERR_NOT_FOUND ||
            err == HF_ERR_CORRUPT) { /* cannot be, unless the tables were damaged */
            (void)hf_outbox_end(hub, pending, HF_FATE_FAILED, HF_REASON_LOG_DAMAGED, NULL);
        } else if (err != HF_OK) { /* none overtakes it */
            devconn->spilled = true;
            hf_outbox_later(hub, device);
            break;
        }
        if (device->devconn != devconn)
            break; /* a policy closed the connection */
        if (devconn->spilled)
            break;
        loaded++;
    }
    hf_kv_end(txn);
}

static void on_applied(struct hf_barrier *barrier, hf_err err)
{
    struct hf_outbox *outbox = HF_CONTAINER_OF(barrier, struct hf_outbox, barrier);
    struct hf_device *device = outbox->device;

    (void)err; /* late tables are asked again by the same way */
    if (device->devconn != NULL && device->devconn->spilled)
        hf_hub_touch(outbox->hub, device->devconn);
    hf_outbox_free_if_idle(outbox->hub, device);
}

void hf_outbox_sent(struct hf_hub *hub, struct hf_pending *pending)
{
    HF_ASSERT(pending->state == HF_PENDING_WRITTEN);
    hf_list_remove(&pending->written);
    if (!pending->command && pending->in_flight) { /* a session: it ends when the device has it */
        pending->state = HF_PENDING_SENT;
        return;
    }
    if (!pending->command) {
        (void)hf_outbox_end(hub, pending, HF_FATE_SENT, HF_REASON_NONE, NULL);
        return;
    }
    struct hf_event event = {.type = HF_EVENT_COMMAND_SENT,
                             .seq = pending->seq,
                             .epoch = pending->device->epoch,
                             .topic = pending->name};

    memcpy(event.id, pending->id, sizeof(event.id));
    pending->state = HF_PENDING_SENT;
    (void)hf_device_record(hub, pending->device, &event,
                           NULL); /* lost only with the journal full: the result follows */
}

void hf_outbox_disconnected(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_outbox *outbox = device->outbox;
    struct hf_list_node *node;

    if (outbox == NULL)
        return;
    while ((node = hf_list_pop_front(&outbox->written)) != NULL) {
        struct hf_pending *pending = HF_CONTAINER_OF(node, struct hf_pending, written);

        HF_ASSERT(pending->state == HF_PENDING_WRITTEN);
        pending->state =
            HF_PENDING_WAITING; /* the kernel never took all of it: the next connection gets it again */
        if (!hf_timer_armed(&pending->expiry)) /* its time ran out while it was with the link */
            hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms);
    }
    /* An end is only recorded here and frees nothing, so the line stays as it is. */
    for (struct hf_list_node *at = outbox->line.next; at != &outbox->line; at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        pending->in_flight = false;
        if (pending->state ==
            HF_PENDING_SENT) { /* unanswered: once more, under the same id (at least once) */
            pending->state = HF_PENDING_WAITING;
            if (!hf_timer_armed(&pending->expiry))
                hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms);
        }
        if (pending->state == HF_PENDING_WAITING && !may_wait(pending))
            (void)hf_outbox_end(hub, pending, HF_FATE_FAILED, HF_REASON_CONNECTION_GONE, NULL);
    }
}

/* ---- start and stop ---- */

hf_err hf_outbox_restore(struct hf_hub *hub, struct hf_tenant *tenant, const struct hf_event *queued)
{
    struct hf_device *device = NULL;
    bool command = queued->type == HF_EVENT_COMMAND;

    hf_err err = hf_hub_load(hub, tenant, queued->device, &device);
    if (err != HF_OK)
        return err;
    struct hf_pending *pending =
        pending_new(hub, device, queued->id, command ? queued->topic : (struct hf_slice){NULL, 0});
    if (pending == NULL)
        return HF_ERR_NOMEM;
    pending->seq = queued->seq;
    pending->offset = queued->offset;
    pending->expires_ms = queued->to;
    pending->command = command;
    pending->class = (uint8_t)(command                                   ? HF_CLASS_COMMAND
                               : queued->flags & HF_EVENT_FLAG_TELEMETRY ? HF_CLASS_TELEMETRY
                                                                         : HF_CLASS_MESSAGE);
    pending->bytes = (uint32_t)queued->payload.bytes;
    device->outbox->bytes += pending->bytes;
    pending->counted = true;
    pending->state = HF_PENDING_WAITING; /* also a command that was sent: nobody has seen its answer */
    hf_ledger_restore(&hub->ledger.counts.downlink);
    uint64_t left_ms = pending->expires_ms > hub->utc_ms ? pending->expires_ms - hub->utc_ms : 0;
    hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms + left_ms);
    hf_device_rest(hub,
                   device); /* one that was online before the start is offline unless it comes back in time */
    return HF_OK;
}

void hf_outbox_discard(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_outbox *outbox = device->outbox;

    if (outbox == NULL)
        return;
    hub->options.ops->barrier_cancel(hub->options.context, &outbox->barrier);
    while (!hf_list_empty(&outbox->line)) {
        struct hf_pending *pending = HF_CONTAINER_OF(outbox->line.next, struct hf_pending, line);

        hf_call_free(pending->call); /* its maker went with the API connections */
        hf_call_free(pending->canceler);
        pending->call = pending->canceler = NULL;
        hf_pending_free(pending);
    }
    hf_outbox_forget_keys(hub, outbox, true);
    device->outbox = NULL;
    free(outbox);
}
