/* core/hub_send.c - from a message to the socket: straight to the link while it keeps up, through a bounded queue with a policy
 * when it does not, and the books settled when the kernel has taken the bytes. */
#include "core/hub_parts.h"

enum {
    LEDGER_REPORT_MS = 1000, /* drops of one slow connection are recorded once a second, not one by one */
    ENCODED_HEAD_BYTES_MAX = 512,
};

void hf_hub_touch(struct hf_hub *hub, struct hf_devconn *devconn)
{
    if (!hf_list_linked(&devconn->unsettled))
        hf_list_push_back(&hub->unsettled, &devconn->unsettled);
}

/* One record for what a rule threw away from one device (DLV-15): how many, which policy. Tracked messages have a record of
 * their own (message.failed). */
static void record_drops(struct hf_hub *hub, struct hf_devconn *devconn, enum hf_reason reason,
                         uint32_t messages, const char *policy)
{
    struct hf_event event = {
        .type = HF_EVENT_LEDGER,
        .reason = (uint16_t)reason,
        .epoch = devconn->device->epoch,
        .conn = devconn->conn_id,
        .from = 1,
        .to = messages,
        .topic = HF_SLICE("broadcast"),
        .key = hf_slice_of(policy),
    };

    (void)hf_device_record(hub, devconn->device, &event, NULL); /* the counters are exact either way */
}

struct drop_context {
    struct hf_hub *hub;
    struct hf_devconn *devconn;
};

static void on_dropped(void *context, const struct hf_sendq_item *item, enum hf_reason reason)
{
    struct drop_context *drop = context;

    if (item->pending != NULL) {
        item->pending->state = HF_PENDING_WAITING; /* out of the queue already */
        (void)hf_outbox_end(drop->hub, item->pending, HF_FATE_FAILED, reason, NULL);
        return;
    }
    hf_ledger_drop(&drop->hub->ledger.counts.broadcast, reason, 1);
    hf_sendq_count_drop(drop->devconn->sendq, reason);
}

static void report_drops(struct hf_hub *hub, struct hf_devconn *devconn)
{
    enum hf_reason reason;
    uint32_t messages;

    while (devconn->sendq != NULL && (messages = hf_sendq_take_drops(devconn->sendq, &reason)) > 0)
        record_drops(hub, devconn, reason, messages, hf_reason_name(reason));
}

void hf_hub_count_out(struct hf_hub *hub, struct hf_devconn *devconn, size_t bytes)
{
    devconn->messages_out++;
    hub->stats.messages_out++;
    hub->stats.messages_out_bytes += bytes;
}

static struct hf_shared *frame_of(struct hf_devconn *devconn, const struct hf_outgoing *outgoing,
                                  struct hf_shared **variants)
{
    if (variants == NULL)
        return devconn->ops->encode(devconn, outgoing);
    HF_ASSERT(devconn->variant < HF_DEVCONN_VARIANTS);
    if (variants[devconn->variant] == NULL)
        variants[devconn->variant] = devconn->ops->encode(devconn, outgoing);
    return variants[devconn->variant] ? hf_shared_ref(variants[devconn->variant]) : NULL;
}

/* A bound for every encoding: text in JSON may take six bytes for one. */
static uint64_t encoded_bytes_max(const struct hf_outgoing *outgoing)
{
    return ENCODED_HEAD_BYTES_MAX + 6 * (uint64_t)(outgoing->topic.bytes + outgoing->payload.bytes);
}

static enum hf_push push_queue(struct hf_hub *hub, struct hf_devconn *devconn,
                               const struct hf_outgoing *outgoing, struct hf_shared *frame,
                               struct hf_pending *pending, enum hf_reason *ret_reason)
{
    const struct hf_tenant_rules *rules = hf_rules(devconn->device->tenant);
    struct drop_context context = {hub, devconn};
    uint64_t held = devconn->ops->queued_bytes(devconn);
    struct hf_sendq_item item = {
        .frame = frame,
        .pending = pending,
        .topic_hash = hf_topic_hash(devconn->device->tenant, outgoing->topic),
        .policy = rules->policies[outgoing->class],
        .now_ms = hub->now_ms,
        .until_ms = hub->now_ms + rules->sample_every_ms,
    };

    if (item.policy == HF_POLICY_MUST_DELIVER && pending == NULL)
        item.policy = HF_POLICY_DROP_OLDEST; /* nothing on disk stands behind a broadcast */
    if (devconn->sendq == NULL)
        devconn->sendq = hf_sendq_new();
    if (devconn->sendq == NULL) {
        *ret_reason = HF_REASON_MEMORY_LIMIT;
        return HF_PUSH_DROPPED;
    }
    uint64_t room = rules->queue_high_bytes > held ? rules->queue_high_bytes - held : 0;
    switch (hf_sendq_push(devconn->sendq, &item, room, on_dropped, &context)) {
    case HF_SENDQ_TAKEN: return HF_PUSH_QUEUED;
    case HF_SENDQ_SPILL: return HF_PUSH_SPILLED;
    case HF_SENDQ_DISCONNECT:
        devconn->ops->close(devconn, HF_REASON_SLOW_READER, (struct hf_slice){NULL, 0});
        *ret_reason = HF_REASON_SLOW_READER;
        return HF_PUSH_CLOSED;
    case HF_SENDQ_NOMEM:
        *ret_reason = HF_REASON_MEMORY_LIMIT;
        return item.policy == HF_POLICY_MUST_DELIVER ? HF_PUSH_SPILLED : HF_PUSH_DROPPED;
    case HF_SENDQ_REFUSED: break;
    }
    *ret_reason = HF_REASON_DROP_NEWEST;
    return HF_PUSH_DROPPED;
}

/* Straight to the link while that is below its low mark. What would take it above the high mark waits until it is empty, so that the
 * mark holds to the byte and only a message that is larger by itself is ever above it. *ret_frame: encoded on the way, or NULL. */
static hf_err write_through(struct hf_devconn *devconn, const struct hf_outgoing *outgoing,
                            struct hf_shared **variants, struct hf_shared **ret_frame)
{
    const struct hf_tenant_rules *rules = hf_rules(devconn->device->tenant);
    size_t held = devconn->ops->queued_bytes(devconn);

    if (held > rules->queue_low_bytes) {
        devconn->ops->flush(devconn); /* much of this turn: the kernel may well take it */
        held = devconn->ops->queued_bytes(devconn);
    }
    if (held > rules->queue_low_bytes)
        return HF_ERR_LIMIT;
    if (variants == NULL && (held == 0 || held + encoded_bytes_max(outgoing) <= rules->queue_high_bytes))
        return devconn->ops->write(devconn, outgoing);
    *ret_frame = frame_of(devconn, outgoing, variants);
    if (*ret_frame == NULL)
        return HF_ERR_NOMEM;
    if (held > 0 && held + (*ret_frame)->bytes > rules->queue_high_bytes)
        return HF_ERR_LIMIT;
    return devconn->ops->write_shared(devconn, *ret_frame);
}

enum hf_push hf_hub_push(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing,
                         struct hf_shared **variants, struct hf_pending *pending, enum hf_reason *ret_reason)
{
    struct hf_shared *frame = NULL;
    hf_err err = HF_ERR_LIMIT;

    if (hf_sendq_messages(devconn->sendq) == 0)
        err = write_through(devconn, outgoing, variants, &frame);
    if (err == HF_OK) {
        hf_shared_unref(frame);
        if (pending == NULL)
            devconn->written_untracked++;
        hf_hub_touch(hub, devconn);
        hf_hub_count_out(hub, devconn, outgoing->payload.bytes);
        return HF_PUSH_WRITTEN;
    }
    if (frame == NULL)
        frame = frame_of(devconn, outgoing, variants);
    if (frame == NULL) {
        *ret_reason = HF_REASON_MEMORY_LIMIT;
        return pending ? HF_PUSH_SPILLED : HF_PUSH_DROPPED;
    }
    enum hf_push push = push_queue(hub, devconn, outgoing, frame, pending, ret_reason);
    hf_shared_unref(frame);
    if (push == HF_PUSH_QUEUED && devconn->ops->queued_bytes(devconn) == 0)
        hf_hub_touch(hub, devconn); /* the link had no memory: no drain of its own will bring us back */
    return push;
}

bool hf_hub_tell_now(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct hf_shared *frame = NULL;
    hf_err err = write_through(devconn, outgoing, NULL, &frame);

    hf_shared_unref(frame);
    if (err != HF_OK)
        return false;
    hf_ledger_accept(&hub->ledger.counts.broadcast, 1);
    devconn->written_untracked++;
    hf_hub_touch(hub, devconn);
    hf_hub_count_out(hub, devconn, outgoing->payload.bytes);
    return true;
}

/* Moves from the queue to the link while that is below its low mark. */
static void pump(struct hf_hub *hub, struct hf_devconn *devconn)
{
    const struct hf_tenant_rules *rules = hf_rules(devconn->device->tenant);

    while (hf_sendq_front(devconn->sendq) != NULL &&
           devconn->ops->queued_bytes(devconn) <= rules->queue_low_bytes) {
        if (devconn->ops->write_shared(devconn, hf_sendq_front(devconn->sendq)->frame) != HF_OK)
            return;
        struct hf_sendq_item item = hf_sendq_pop(devconn->sendq);
        hf_hub_count_out(hub, devconn, item.frame->bytes);
        hf_shared_unref(item.frame);
        if (item.pending != NULL) {
            item.pending->state = HF_PENDING_WRITTEN;
            hf_list_push_back(&item.pending->device->outbox->written, &item.pending->written);
        } else {
            devconn->written_untracked++;
        }
    }
}

/* Everything given to the link was taken by the kernel. */
static void settle_written(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct hf_outbox *outbox = devconn->device->outbox;

    if (devconn->written_untracked > 0)
        hf_ledger_deliver(&hub->ledger.counts.broadcast, devconn->written_untracked);
    devconn->written_untracked = 0;
    while (outbox != NULL && !hf_list_empty(&outbox->written))
        hf_outbox_sent(hub, HF_CONTAINER_OF(outbox->written.next, struct hf_pending, written));
}

static void free_queue_if_empty(struct hf_hub *hub, struct hf_devconn *devconn)
{
    if (devconn->sendq == NULL || hf_sendq_messages(devconn->sendq) > 0)
        return;
    report_drops(hub, devconn);
    hf_sendq_free(devconn->sendq);
    devconn->sendq = NULL;
}

/* What waits beside the queue and what waits in it have the link first in turn, so that neither starves the other. */
static bool aside_first(struct hf_devconn *devconn)
{
    if (!devconn->untold && !devconn->answers)
        return false;
    if (devconn->ops->queued_bytes(devconn) <= hf_rules(devconn->device->tenant)->queue_low_bytes)
        devconn->aside = !devconn->aside;
    return devconn->aside;
}

static void settle_one(struct hf_hub *hub, struct hf_devconn *devconn)
{
    devconn->ops->flush(devconn);
    bool aside = aside_first(devconn);
    if (!aside)
        pump(hub, devconn);
    if (devconn->untold)
        hf_hub_untold_tell(hub, devconn);
    if (devconn->device == NULL)
        return;
    if (devconn->in_session)
        hf_session_gaps(hub, devconn);
    if (devconn->spilled && hf_sendq_messages(devconn->sendq) == 0 && !hf_session_blocked(devconn))
        hf_outbox_load(hub, devconn->device);
    if (devconn->device == NULL)
        return; /* a policy closed it */
    if (devconn->ops->settle != NULL)
        devconn->ops->settle(devconn);
    if (devconn->device == NULL)
        return;
    if (aside)
        pump(hub, devconn);
    if (hf_sendq_due_drops(devconn->sendq, hub->now_ms, LEDGER_REPORT_MS))
        report_drops(hub, devconn);
    devconn->ops->flush(devconn);
    if (devconn->ops->queued_bytes(devconn) == 0) {
        settle_written(hub, devconn);
        if (hf_sendq_messages(devconn->sendq) > 0)
            hf_hub_touch(hub, devconn); /* it could not be given to the link: again in the next turn */
        else
            free_queue_if_empty(hub, devconn);
        if (devconn->spilled &&
            !hf_session_blocked(devconn)) /* what did not fit beside the bytes that have just gone */
            hf_outbox_later(hub, devconn->device);
    } /* else hf_hub_drained() will come */
}

void hf_hub_settle(struct hf_hub *hub)
{
    struct hf_list_node now, *node;

    hf_list_init(&now);
    hf_list_splice(&now, &hub->unsettled); /* who is touched again meanwhile is settled in the next turn */
    while ((node = hf_list_pop_front(&now)) != NULL)
        settle_one(hub, HF_CONTAINER_OF(node, struct hf_devconn, unsettled));
}

void hf_hub_drained(struct hf_hub *hub, struct hf_devconn *devconn)
{
    hf_hub_touch(hub, devconn);
}

static void on_gone(void *context, const struct hf_sendq_item *item, enum hf_reason reason)
{
    struct drop_context *drop = context;

    if (item->pending == NULL)
        on_dropped(drop, item, reason);
    else
        item->pending->state =
            HF_PENDING_WAITING; /* the outbox keeps it for the next connection, or its class forbids */
}

void hf_hub_unqueue(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct drop_context context = {hub, devconn};

    hf_list_remove(&devconn->unsettled);
    hf_sendq_clear(devconn->sendq, HF_REASON_CONNECTION_GONE, on_gone, &context);
    report_drops(hub, devconn);
    hf_sendq_free(devconn->sendq);
    devconn->sendq = NULL;
    if (devconn->written_untracked > 0) {
        hf_ledger_drop(&hub->ledger.counts.broadcast, HF_REASON_CONNECTION_GONE, devconn->written_untracked);
        record_drops(hub, devconn, HF_REASON_CONNECTION_GONE, devconn->written_untracked, "none");
        devconn->written_untracked = 0;
    }
}
