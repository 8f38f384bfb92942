/* core/outbox_end.c - how a tracked message ends: its final record, whoever waits for it, its time to live, its cancel. */
#include <stdlib.h>

#include "core/hub_parts.h"

static void on_end_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms);

static uint8_t end_type(const struct hf_pending *pending, enum hf_fate fate)
{
    if (pending->command)
        return fate == HF_FATE_DONE ? HF_EVENT_COMMAND_DONE : HF_EVENT_COMMAND_FAILED;
    return fate == HF_FATE_SENT        ? HF_EVENT_SENT
           : fate == HF_FATE_DELIVERED ? HF_EVENT_DELIVERED
                                       : HF_EVENT_FAILED;
}

static void keep_result(struct hf_call *call, const struct hf_event *result)
{
    if (call == NULL || result == NULL || result->payload.bytes == 0)
        return;
    call->result = malloc(result->payload.bytes);
    if (call->result == NULL)
        return; /* the event has it */
    memcpy(call->result, result->payload.at, result->payload.bytes);
    call->result_bytes = result->payload.bytes;
    call->result_format = result->format;
    call->result_flags = result->flags;
}

static hf_err record_end(struct hf_hub *hub, struct hf_pending *pending, enum hf_fate fate,
                         enum hf_reason reason, const struct hf_event *result)
{
    struct hf_event event = {
        .type = end_type(pending, fate),
        .reason = (uint16_t)reason,
        .epoch = pending->device->epoch,
        .seq = pending->seq,
        .topic = pending->name,
    };

    memcpy(event.id, pending->id, sizeof(event.id));
    if (result != NULL) {
        event.format = result->format;
        event.flags = result->flags;
        event.payload = result->payload;
        event.from = result->from; /* the uplink position that moves with it */
        event.to = result->to;
    }
    if (pending->canceler != NULL) {
        event.by = pending->canceler->by;
        event.flags |= hf_call_mark(pending->canceler);
    }
    pending->waiter.on_durable = on_end_durable;
    return hf_device_record(hub, pending->device, &event, &pending->waiter);
}

static void on_end_retry(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_pending *pending = HF_CONTAINER_OF(timer, struct hf_pending, expiry);
    struct hf_hub *hub = pending->hub;

    (void)now_ms;
    if (record_end(hub, pending, (enum hf_fate)pending->end_fate, (enum hf_reason)pending->end_reason,
                   NULL) != HF_OK)
        hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms + HF_DEVICE_RETRY_MS);
}

hf_err hf_outbox_end(struct hf_hub *hub, struct hf_pending *pending, enum hf_fate fate, enum hf_reason reason,
                     const struct hf_event *result)
{
    struct hf_device *device = pending->device;

    HF_ASSERT(pending->state != HF_PENDING_RECORDING && pending->state != HF_PENDING_ENDING);
    hf_err err = record_end(hub, pending, fate, reason, result);
    if (err != HF_OK && result != NULL)
        return err; /* nothing has happened: the device may answer again */
    if (pending->state == HF_PENDING_IN_QUEUE && device->devconn != NULL)
        (void)hf_sendq_forget(device->devconn->sendq, pending);
    hf_list_remove(&pending->written);
    hf_wheel_cancel(hub->options.wheel, &pending->expiry);
    pending->state = HF_PENDING_ENDING;
    pending->end_fate = (uint8_t)fate;
    pending->end_reason = (uint16_t)reason;
    keep_result(pending->call, result);
    hf_session_ended(hub, pending, fate, reason);
    if (fate == HF_FATE_SENT || fate == HF_FATE_DELIVERED || fate == HF_FATE_DONE ||
        reason == HF_REASON_DEVICE_REFUSED)
        hf_ledger_deliver(&hub->ledger.counts.downlink, 1); /* an error of the device is an answer, too */
    else
        hf_ledger_drop(&hub->ledger.counts.downlink, reason, 1);
    if (err != HF_OK) { /* the journal is at its bound: the end stays to be recorded */
        hf_timer_init(&pending->expiry, on_end_retry);
        hf_wheel_arm(hub->options.wheel, &pending->expiry, hub->now_ms + HF_DEVICE_RETRY_MS);
    }
    return HF_OK;
}

static void answer_end(struct hf_hub *hub, const struct hf_pending *pending, struct hf_call **asker)
{
    struct hf_call *call = *asker;

    *asker = NULL;
    if (call == NULL)
        return;
    call->fate = pending->end_fate;
    call->fate_reason = pending->end_reason;
    memcpy(call->id, pending->id, sizeof(call->id));
    hf_call_answer(hub, call, HF_REASON_NONE);
}

static void on_end_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct hf_pending *pending = HF_CONTAINER_OF(waiter, struct hf_pending, waiter);
    struct hf_hub *hub = pending->hub;
    struct hf_device *device = pending->device;

    (void)time_ms;
    if (offset > device->last_offset)
        device->last_offset = offset;
    answer_end(hub, pending, &pending->call);
    answer_end(hub, pending, &pending->canceler);
    if (pending->uplink_seq != 0)
        hf_session_uplink_durable(hub, device, pending->uplink_queue, pending->uplink_seq, pending->id);
    hf_pending_free(pending);
    hf_session_end_durable(hub, device);
    hf_outbox_free_if_idle(hub, device);
}

static bool on_the_wire(const struct hf_pending *pending)
{
    return pending->state == HF_PENDING_WRITTEN || pending->state == HF_PENDING_SENT;
}

void hf_pending_expired(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_pending *pending = HF_CONTAINER_OF(timer, struct hf_pending, expiry);

    (void)now_ms;
    if (pending->command || !on_the_wire(pending))
        (void)hf_outbox_end(
            pending->hub, pending, HF_FATE_EXPIRED,
            pending->state >= HF_PENDING_SENT ? HF_REASON_DEADLINE_EXCEEDED : HF_REASON_EXPIRED, NULL);
    /* A plain message whose bytes are with the link is as good as sent; its end follows from the link. */
}

void hf_pending_patience_over(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_pending *pending = HF_CONTAINER_OF(timer, struct hf_pending, patience);
    struct hf_call *call = pending->call;

    (void)now_ms;
    if (call == NULL || pending->state == HF_PENDING_ENDING)
        return;
    pending->call = NULL;
    call->fate = pending->state == HF_PENDING_DELIVERED ? HF_FATE_DELIVERED
                 : pending->state == HF_PENDING_SENT    ? HF_FATE_SENT
                                                        : HF_FATE_QUEUED;
    hf_call_answer(pending->hub, call, HF_REASON_NONE);
}

static struct hf_pending *asked_for(struct hf_hub *hub, const struct hf_tenant *tenant,
                                    const struct hf_call *call)
{
    struct hf_pending *pending = hf_pending_find(hub, call->id);

    return pending != NULL && pending->device->tenant == tenant &&
                   hf_slice_eq(hf_device_name(pending->device), call->device)
               ? pending
               : NULL;
}

/* A message that went out in a session is in memory alone: a record of each would double what the log has to do for it. */
void hf_outbox_state(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    const struct hf_pending *pending = asked_for(hub, tenant, call);
    bool ends_there = pending != NULL && pending->state == HF_PENDING_ENDING &&
                      (pending->end_fate == HF_FATE_SENT || pending->end_fate == HF_FATE_DELIVERED);

    if (pending != NULL && !pending->command && (pending->state == HF_PENDING_SENT || ends_there))
        call->fate = HF_FATE_SENT; /* an end that is not durable is none yet */
    hf_call_answer(hub, call, HF_REASON_NONE);
}

void hf_outbox_cancel(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct hf_pending *pending = asked_for(hub, tenant, call);

    if (pending == NULL) {
        hf_call_answer(hub, call, HF_REASON_NOT_FOUND);
        return;
    }
    if (pending->state == HF_PENDING_RECORDING || pending->state == HF_PENDING_ENDING ||
        (on_the_wire(pending) && !pending->command)) {
        hf_call_answer(hub, call, HF_REASON_IN_PROGRESS);
        return;
    }
    pending->canceler = call; /* answered when that is durable; so is whoever waits for the result */
    (void)hf_outbox_end(hub, pending, HF_FATE_CANCELED, HF_REASON_CANCELED, NULL);
}
