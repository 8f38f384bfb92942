/* core/hub_session.c - what a device of holdfast.v1 says: numbered messages, results and gaps, each recorded once and acknowledged when that is durable; and its
 * acknowledgements of what it was told. */
#include "core/hub_session.h"

#include "core/hub_parts.h"
#include "core/session/serial.h"

static void on_uplink_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct hf_uplink *uplink = HF_CONTAINER_OF(waiter, struct hf_uplink, waiter);
    struct hf_hub *hub = uplink->hub;
    struct hf_device *device = uplink->device;

    (void)time_ms;
    device->records_open--;
    device->last_offset = HF_MAX(device->last_offset, offset);
    hf_session_uplink_durable(hub, device, uplink->queue_id, uplink->seq, uplink->id);
    hf_list_remove(&uplink->node);
    hf_slab_give(hub->uplinks, uplink);
}

void hf_session_uplink_durable(struct hf_hub *hub, struct hf_device *device, uint64_t queue_id, uint64_t seq,
                               const uint8_t id[16])
{
    struct hf_session *session = device->session;

    if (session == NULL || session->queue_id != queue_id)
        return; /* the device has a new queue meanwhile */
    if (seq > session->up.durable_through)
        memcpy(session->uplink_id, id, sizeof(session->uplink_id));
    hf_receiver_durable(&session->up, seq, hub->now_ms);
    if (device->devconn != NULL && device->devconn->in_session)
        hf_hub_touch(hub, device->devconn);
}

void hf_uplinks_discard(struct hf_hub *hub)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&hub->uplinks_open)) != NULL)
        hf_slab_give(hub->uplinks, HF_CONTAINER_OF(node, struct hf_uplink, node));
    hf_slab_free(hub->uplinks);
    hub->uplinks = NULL;
}

static struct hf_uplink *uplink_new(struct hf_hub *hub, struct hf_device *device, uint64_t seq)
{
    struct hf_uplink *uplink = hf_slab_take(hub->uplinks);

    if (uplink == NULL)
        return NULL;
    hf_list_init(&uplink->node);
    uplink->waiter.on_durable = on_uplink_durable;
    uplink->hub = hub;
    uplink->device = device;
    uplink->queue_id = device->session->queue_id;
    uplink->seq = seq;
    memset(uplink->id, 0, sizeof(uplink->id));
    return uplink;
}

static void uplink_open(struct hf_uplink *uplink) /* its record was appended */
{
    hf_list_push_back(&uplink->hub->uplinks_open, &uplink->node);
    uplink->device->records_open++;
}

/* Is the frame in turn? OK means yes; otherwise there is nothing to deliver. */
static enum hf_session_verdict offer(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                     struct hf_slice frame, uint64_t *ret_seq)
{
    struct hf_receiver *up = &hf_devconn_session(devconn)->up;

    if (!hf_serial_expand(up->expected, wire, ret_seq))
        return HF_SESSION_VERDICT_BROKEN;
    switch (hf_receiver_offer(up, *ret_seq)) {
    case HF_RECEIVE_DELIVER: return HF_SESSION_VERDICT_OK;
    case HF_RECEIVE_EARLY:
        hub->stats.uplink_early++;
        (void)hf_receiver_keep(up, *ret_seq, frame.at, frame.bytes, hub->now_ms); /* else it comes again */
        hf_hub_touch(hub, devconn);
        return HF_SESSION_VERDICT_EARLY;
    case HF_RECEIVE_DUPLICATE:
        hub->stats.uplink_duplicates++;
        hf_receiver_asked(up, hub->now_ms);
        hf_hub_touch(hub, devconn);
        return HF_SESSION_VERDICT_DUPLICATE;
    case HF_RECEIVE_BEYOND: break;
    }
    return HF_SESSION_VERDICT_BROKEN;
}

/* The ledger record of numbers that hold no message. HF_OK: it is on its way and the numbers count as received. HF_ERR_BUSY: it costs the log and the tables no less than a message, and
 * takes its share of the rate as one. first: it was refused here, and the device knows of what lies before that; 0 = the device says so itself. */
static hf_err record_gap(struct hf_hub *hub, struct hf_devconn *devconn, uint64_t from, uint64_t to,
                         enum hf_reason reason, uint64_t first, uint32_t *ret_wait_ms)
{
    struct hf_device *device = devconn->device;
    char queue[HF_SESSION_QUEUE_CHARS];
    struct hf_event event = {
        .type = HF_EVENT_MESSAGE_GAP,
        .reason = (uint16_t)reason,
        .epoch = device->epoch,
        .conn = devconn->conn_id,
        .seq = first,
        .from = from,
        .to = to,
        .key = {queue, sizeof(queue)},
    };
    if (!hf_hub_uplink_take(hub, devconn, ret_wait_ms))
        return HF_ERR_BUSY;
    struct hf_uplink *uplink = uplink_new(hub, device, to);
    if (uplink == NULL)
        return HF_ERR_NOMEM;
    hf_session_queue_text(device->session->queue_id, queue);
    hf_err err = hf_device_record(hub, device, &event, &uplink->waiter);
    if (err != HF_OK) {
        hf_slab_give(hub->uplinks, uplink);
        return err;
    }
    uplink_open(uplink);
    uint64_t count = hf_serial_count(from, to);
    hf_ledger_accept(&hub->ledger.counts.uplink, count);
    hf_ledger_drop(&hub->ledger.counts.uplink, reason, count);
    hub->stats.uplink_gaps += count;
    return HF_OK;
}

static enum hf_session_verdict took(struct hf_hub *hub, struct hf_devconn *devconn,
                                    enum hf_session_verdict verdict)
{
    hf_receiver_took(&hf_devconn_session(devconn)->up, hub->now_ms);
    hf_hub_touch(hub, devconn);
    return verdict;
}

/* The device sends in a window: what it has not heard of lies in it. */
static uint64_t first_unknown(const struct hf_receiver *up, uint64_t seq)
{
    return seq > up->window_messages ? seq - up->window_messages + 1 : 1;
}

/* It will never be a message, and the device must not send it for ever. */
static enum hf_session_verdict refused(struct hf_hub *hub, struct hf_devconn *devconn, uint64_t seq,
                                       enum hf_reason reason, enum hf_session_verdict verdict,
                                       uint32_t *ret_wait_ms)
{
    struct hf_device *device = devconn->device;
    uint64_t first = first_unknown(&device->session->up, seq);

    hf_err err = hf_hub_refusals_reserve(hub, device, seq, reason, first);
    if (err == HF_ERR_LIMIT)
        return HF_SESSION_VERDICT_UNTELLABLE;
    if (err == HF_OK)
        err = record_gap(hub, devconn, seq, seq, reason, first, ret_wait_ms);
    if (err != HF_OK)
        return err == HF_ERR_BUSY ? HF_SESSION_VERDICT_BUSY : HF_SESSION_VERDICT_FULL;
    hf_hub_refusals_add(hub, device, seq, reason, first);
    return took(hub, devconn, verdict);
}

enum hf_session_verdict hf_hub_session_refuse(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                              enum hf_reason reason, struct hf_slice frame,
                                              uint32_t *ret_wait_ms)
{
    uint64_t seq;
    enum hf_session_verdict verdict = offer(hub, devconn, wire, frame, &seq);

    return verdict == HF_SESSION_VERDICT_OK ? refused(hub, devconn, seq, reason, verdict, ret_wait_ms)
                                            : verdict;
}

enum hf_session_verdict hf_hub_session_message(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                               const struct hf_incoming *incoming, struct hf_slice frame,
                                               uint32_t *ret_wait_ms)
{
    struct hf_incoming numbered = *incoming;
    uint64_t seq;
    enum hf_session_verdict verdict = offer(hub, devconn, wire, frame, &seq);

    if (verdict != HF_SESSION_VERDICT_OK)
        return verdict;
    struct hf_uplink *uplink = uplink_new(hub, devconn->device, seq);
    if (uplink == NULL)
        return HF_SESSION_VERDICT_FULL;
    if (incoming->id != NULL)
        memcpy(uplink->id, incoming->id, sizeof(uplink->id));
    numbered.seq = seq;
    numbered.queue_id = hf_devconn_session(devconn)->queue_id;
    hf_err err = hf_hub_message(hub, devconn, &numbered, &uplink->waiter, ret_wait_ms);
    if (err == HF_OK) {
        uplink_open(uplink);
        return took(hub, devconn, HF_SESSION_VERDICT_OK);
    }
    hf_slab_give(hub->uplinks, uplink);
    if (err == HF_ERR_DENIED)
        return refused(hub, devconn, seq, HF_REASON_FORBIDDEN, HF_SESSION_VERDICT_DENIED, ret_wait_ms);
    return err == HF_ERR_BUSY ? HF_SESSION_VERDICT_BUSY : HF_SESSION_VERDICT_FULL;
}

static const struct {
    enum hf_fate fate;
    enum hf_reason reason;
} ends[] = {
    [HF_RESULT_OK] = {HF_FATE_DONE, HF_REASON_NONE},
    [HF_RESULT_FAILED] = {HF_FATE_FAILED, HF_REASON_DEVICE_REFUSED},
    [HF_RESULT_EXPIRED] = {HF_FATE_EXPIRED, HF_REASON_EXPIRED},
    [HF_RESULT_UNSUPPORTED] = {HF_FATE_FAILED, HF_REASON_NOT_IMPLEMENTED},
};

enum hf_session_verdict hf_hub_session_result(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                              const struct hf_frame_result *result, struct hf_slice frame,
                                              uint32_t *ret_wait_ms)
{
    struct hf_pending *pending = hf_pending_find(hub, result->id);
    uint64_t seq;
    enum hf_session_verdict verdict = offer(hub, devconn, wire, frame, &seq);

    if (verdict != HF_SESSION_VERDICT_OK)
        return verdict;
    if (pending == NULL || pending->device != devconn->device || !pending->command ||
        pending->state == HF_PENDING_RECORDING || pending->state == HF_PENDING_ENDING) {
        verdict = refused(hub, devconn, seq, HF_REASON_UNMATCHED, HF_SESSION_VERDICT_UNMATCHED, ret_wait_ms);
        hub->stats.results_unmatched += verdict == HF_SESSION_VERDICT_UNMATCHED;
        return verdict;
    }
    struct hf_event event = {
        .format = result->format,
        .flags = result->text ? HF_EVENT_FLAG_TEXT : 0,
        .from = hf_devconn_session(devconn)->queue_id,
        .to = seq,
        .payload = result->payload,
    };
    unsigned status = result->status < HF_COUNT_OF(ends) ? result->status : HF_RESULT_FAILED;
    if (pending->state == HF_PENDING_WRITTEN)
        hf_outbox_sent(hub, pending); /* whoever answers has read it */
    pending->uplink_queue = event.from;
    pending->uplink_seq = seq;
    if (hf_outbox_end(hub, pending, ends[status].fate, ends[status].reason, &event) != HF_OK) {
        pending->uplink_seq = 0;
        return HF_SESSION_VERDICT_FULL;
    }
    return took(hub, devconn, HF_SESSION_VERDICT_OK);
}

enum hf_session_verdict hf_hub_session_gap(struct hf_hub *hub, struct hf_devconn *devconn,
                                           const struct hf_frame_gap *gap, struct hf_slice frame,
                                           uint32_t *ret_wait_ms)
{
    struct hf_receiver *up = &hf_devconn_session(devconn)->up;
    uint64_t from, to;

    if (!hf_serial_expand(up->expected, gap->from, &from) || !hf_serial_expand(from, gap->to, &to) ||
        to < from)
        return HF_SESSION_VERDICT_BROKEN;
    if (to < up->expected) {
        hub->stats.uplink_duplicates++;
        hf_receiver_asked(up, hub->now_ms);
        hf_hub_touch(hub, devconn);
        return HF_SESSION_VERDICT_DUPLICATE;
    }
    if (from > up->expected) {
        enum hf_session_verdict verdict = offer(hub, devconn, gap->from, frame, &from);

        return verdict == HF_SESSION_VERDICT_OK ? HF_SESSION_VERDICT_BROKEN : verdict;
    }
    hf_err err = record_gap(hub, devconn, up->expected, to,
                            gap->reason != HF_REASON_NONE ? (enum hf_reason)gap->reason : HF_REASON_GAP, 0,
                            ret_wait_ms);
    if (err != HF_OK)
        return err == HF_ERR_BUSY ? HF_SESSION_VERDICT_BUSY : HF_SESSION_VERDICT_FULL;
    err = hf_receiver_gap(up, from, to, hub->now_ms);
    HF_ASSERT(err == HF_OK);
    hf_hub_touch(hub, devconn);
    return HF_SESSION_VERDICT_OK;
}

enum hf_session_verdict hf_hub_session_ack(struct hf_hub *hub, struct hf_devconn *devconn,
                                           const struct hf_frame_ack *ack)
{
    struct hf_session *session = hf_devconn_session(devconn);
    struct hf_device *device = devconn->device;
    uint64_t base_before = 0, at = 0, from, to;
    enum hf_ack_verdict verdict = hf_sender_ack(&session->down, ack, hub->now_ms, &base_before);

    if (verdict == HF_ACK_UNSENT)
        return HF_SESSION_VERDICT_BROKEN;
    if (ack->ask)
        hf_receiver_asked(&session->up, hub->now_ms);
    if (session->down.base > base_before && verdict == HF_ACK_NEWS)
        hf_outbox_session_delivered(hub, device, session->base + hf_serial_before(session->down.base));
    if (ack->nack || hf_sender_asked(&session->down))
        while (hf_sender_missing(&session->down, ack, &at, &from, &to))
            hf_outbox_session_resend(hub, device, session->base + from, session->base + to);
    hf_hub_touch(hub, devconn);
    return HF_SESSION_VERDICT_OK;
}
