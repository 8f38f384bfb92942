/* core/outbox_session.c - tracked messages in a session of holdfast.v1: sent by number within the window, held on disk until the device has them durably,
 * told as a gap when they ended before. */
#include <stdlib.h>

#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/session/serial.h"

static uint64_t number_of(const struct hf_session *session, const struct hf_pending *pending)
{
    return pending->seq - session->base;
}

static void release(struct hf_session *session, struct hf_pending *pending)
{
    if (pending->in_flight && session != NULL)
        hf_sender_released(&session->down, pending->bytes);
    pending->in_flight = false;
}

/* ---- gaps ---- */

static void note_end(struct hf_session *session, uint64_t seq, enum hf_reason reason)
{
    unsigned at, keep = 0;

    if (session->ends == NULL)
        session->ends =
            calloc(HF_SESSION_ENDS_MAX, sizeof(*session->ends)); /* once per session that needs it */
    if (session->ends == NULL)
        return; /* its gap will have the general reason */
    while (keep < session->end_count && session->ends[keep].seq <= session->delivered)
        keep++; /* told long ago */
    if (keep == 0 && session->end_count == HF_SESSION_ENDS_MAX)
        keep = 1;
    session->end_count = (uint8_t)(session->end_count - keep);
    memmove(session->ends, session->ends + keep, session->end_count * sizeof(*session->ends));
    for (at = session->end_count; at > 0 && session->ends[at - 1].seq > seq; at--)
        session->ends[at] = session->ends[at - 1];
    session->ends[at] = (struct hf_session_end){seq, (uint16_t)reason};
    session->end_count++;
}

/* After a restart: why messages of this session ended, as the EXPLAIN rows have it. */
static void read_reasons(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_session *session = device->session;
    struct hf_kv_txn *txn = NULL;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_event event;
    struct hf_kvkey prefix;

    session->reasons_unread = false;
    if (hf_kvkey_device(&prefix, device->tenant->name, hf_device_name(device)) != HF_OK ||
        hf_kv_read(hub->options.kv, &txn) != HF_OK)
        return;
    if (hf_kv_scan(txn, HF_KV_EXPLAIN, hf_kvkey_slice(&prefix), none, false, &cursor) == HF_OK) {
        while (hf_kv_next(&cursor, &key, &value) == HF_OK)
            if (hf_event_row_decode(value, &event) == HF_OK && event.seq > session->delivered &&
                (event.type == HF_EVENT_FAILED || event.type == HF_EVENT_COMMAND_FAILED))
                note_end(session, event.seq,
                         event.reason == HF_REASON_DEVICE_REFUSED ? HF_REASON_NONE
                                                                  : (enum hf_reason)event.reason);
        hf_kv_scan_end(&cursor);
    }
    hf_kv_end(txn);
}

/* Why `seq` holds no message, and up to where the same holds, `to` at most. */
static enum hf_reason gap_reason(const struct hf_session *session, uint64_t seq, uint64_t *to)
{
    for (unsigned i = 0; i < session->end_count; i++) {
        if (session->ends[i].seq < seq)
            continue;
        if (session->ends[i].seq > seq) {
            *to = HF_MIN(*to, session->ends[i].seq - 1);
            break;
        }
        uint16_t reason = session->ends[i].reason;
        uint64_t end = seq;
        for (i++;
             i < session->end_count && session->ends[i].seq == end + 1 && session->ends[i].reason == reason;
             i++)
            end++;
        *to = HF_MIN(*to, end);
        return (enum hf_reason)reason;
    }
    if (seq > session->top)
        return HF_REASON_GAP;
    *to = HF_MIN(*to, session->top);
    return HF_REASON_NONE; /* used up before this session: nothing was lost */
}

static hf_err write_gaps(struct hf_hub *hub, struct hf_devconn *devconn, uint64_t from, uint64_t through)
{
    struct hf_session *session = hf_devconn_session(devconn);

    while (from <= through) {
        uint64_t to = through;

        if (!hf_serial_is_number(from - session->base)) { /* the receiver expects none there */
            from++;
            continue;
        }
        bool first_time = from - session->base == session->down.next;

        if (first_time && !hf_sender_may_send(&session->down, 0))
            return HF_OK; /* a gap begins in the window like a message; when that moves on, we are asked again */
        enum hf_reason reason = gap_reason(session, from, &to);
        to = session->base + hf_serial_before(to + 1 - session->base);
        hf_err err = devconn->ops->gap(devconn, from - session->base, to - session->base, reason);

        if (err != HF_OK)
            return err;
        hub->stats.downlink_gaps +=
            reason != HF_REASON_NONE ? hf_serial_count(from - session->base, to - session->base) : 0;
        if (first_time)
            hf_sender_skipped(&session->down, to - session->base, hub->now_ms);
        from = to + 1;
    }
    return HF_OK;
}

/* The first message in line whose number has not gone out yet; NULL when there is none. */
static struct hf_pending *first_unsent(const struct hf_device *device)
{
    const struct hf_session *session = device->session;
    struct hf_outbox *outbox = device->outbox;

    for (struct hf_list_node *at = outbox ? outbox->line.next : NULL; outbox != NULL && at != &outbox->line;
         at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        if (number_of(session, pending) >= session->down.next && pending->seq > session->base)
            return pending;
    }
    return NULL;
}

void hf_session_gaps(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct hf_device *device = devconn->device;
    struct hf_session *session = hf_devconn_session(devconn);

    if (!session->welcomed || session->base + session->down.next > device->seq)
        return;
    struct hf_pending *unsent = first_unsent(device);
    uint64_t through = unsent ? unsent->seq - 1 : device->seq;

    session->held_by_end = unsent != NULL && unsent->state == HF_PENDING_ENDING;
    if (through < session->base + session->down.next)
        return;
    if (session->reasons_unread)
        read_reasons(hub, device);
    (void)write_gaps(hub, devconn, session->base + session->down.next, through); /* else in a later turn */
}

bool hf_session_awaits_end(const struct hf_device *device, const struct hf_pending *ending)
{
    const struct hf_session *session = device->devconn ? hf_devconn_session(device->devconn) : NULL;

    return session != NULL && ending->seq >= session->base + session->down.next;
}

void hf_session_end_durable(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_session *session = device->devconn ? hf_devconn_session(device->devconn) : NULL;

    if (session == NULL)
        return;
    session->held_by_end = false;
    if (session->base + session->down.next <= device->seq)
        hf_hub_touch(hub, device->devconn);
}

void hf_session_ended(struct hf_hub *hub, struct hf_pending *pending, enum hf_fate fate,
                      enum hf_reason reason)
{
    struct hf_session *session = pending->device->session;

    (void)hub;
    release(session, pending);
    if (session == NULL || pending->seq <= session->delivered || fate == HF_FATE_DELIVERED)
        return;
    note_end(session, pending->seq,
             fate == HF_FATE_DONE || reason == HF_REASON_DEVICE_REFUSED ? HF_REASON_NONE : reason);
}

/* ---- sending ---- */

bool hf_session_blocked(const struct hf_devconn *devconn)
{
    const struct hf_session *session = hf_devconn_session(devconn);

    return session != NULL &&
           (!session->welcomed || session->held_by_end || !hf_sender_may_send(&session->down, 1));
}

static hf_err write_numbered(struct hf_devconn *devconn, const struct hf_pending *pending,
                             const struct hf_outgoing *outgoing)
{
    struct hf_outgoing numbered = *outgoing;

    numbered.seq = number_of(hf_devconn_session(devconn), pending);
    return devconn->ops->write(devconn, &numbered);
}

enum hf_push hf_session_push(struct hf_hub *hub, struct hf_pending *pending,
                             const struct hf_outgoing *outgoing)
{
    struct hf_devconn *devconn = pending->device->devconn;
    struct hf_session *session = hf_devconn_session(devconn);
    const struct hf_tenant_rules *rules = hf_rules(pending->device->tenant);

    if (session->welcomed && number_of(session, pending) > session->down.next)
        hf_session_gaps(hub, devconn);
    if (!session->welcomed || number_of(session, pending) != session->down.next ||
        !hf_sender_may_send(&session->down, pending->bytes) ||
        devconn->ops->queued_bytes(devconn) > rules->queue_low_bytes ||
        write_numbered(devconn, pending, outgoing) != HF_OK)
        return HF_PUSH_SPILLED;
    hf_sender_sent(&session->down, pending->bytes, hub->now_ms);
    pending->in_flight = true;
    pending->state = HF_PENDING_WRITTEN;
    hf_list_push_back(&pending->device->outbox->written, &pending->written);
    hf_hub_touch(hub, devconn);
    hf_hub_count_out(hub, devconn, outgoing->payload.bytes);
    return HF_PUSH_WRITTEN;
}

/* What the receiver lacks goes out once more; what was not read back from the tables, or has no room below the link's high mark, is asked for again. New messages leave that room, as they
 * stop at the low mark. */
void hf_outbox_session_resend(struct hf_hub *hub, struct hf_device *device, uint64_t from, uint64_t to)
{
    struct hf_devconn *devconn = device->devconn;
    struct hf_outbox *outbox = device->outbox;
    uint32_t high_bytes = hf_rules(device->tenant)->queue_high_bytes;
    struct hf_kv_txn *txn = NULL;

    if (hf_kv_read(hub->options.kv, &txn) != HF_OK)
        return;
    for (struct hf_list_node *at = outbox ? outbox->line.next : NULL; outbox != NULL && at != &outbox->line;
         at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);
        struct hf_outgoing outgoing;

        if (pending->seq < from)
            continue;
        if (pending->seq > to)
            break;
        if (pending->seq > from && write_gaps(hub, devconn, from, pending->seq - 1) != HF_OK)
            goto out;
        from = pending->seq + 1;
        if (!pending->in_flight)
            continue; /* it has ended; once that is durable its number is a gap */
        if (devconn->ops->queued_bytes(devconn) > high_bytes ||
            hf_outbox_read(txn, pending, &outgoing) != HF_OK ||
            write_numbered(devconn, pending, &outgoing) != HF_OK)
            goto out;
        hub->stats.resent++;
    }
    if (from <= to)
        (void)write_gaps(hub, devconn, from, to);
out:
    hf_kv_end(txn);
}

/* ---- delivered ---- */

static void delivered(struct hf_hub *hub, struct hf_pending *pending)
{
    struct hf_device *device = pending->device;

    release(device->session, pending);
    hub->stats.delivered++;
    if (!pending->command) {
        (void)hf_outbox_end(hub, pending, HF_FATE_DELIVERED, HF_REASON_NONE, NULL);
        return;
    }
    struct hf_event event = {.type = HF_EVENT_COMMAND_DELIVERED,
                             .seq = pending->seq,
                             .epoch = device->epoch,
                             .topic = pending->name};

    memcpy(event.id, pending->id, sizeof(event.id));
    hf_list_remove(&pending->written);
    pending->state = HF_PENDING_DELIVERED;
    (void)hf_device_record(hub, device, &event,
                           NULL); /* lost only with the journal full: the result follows */
}

void hf_outbox_session_delivered(struct hf_hub *hub, struct hf_device *device, uint64_t through)
{
    struct hf_session *session = device->session;

    /* An end is only recorded here and frees nothing, so the line stays as it is. */
    for (struct hf_list_node *at = device->outbox ? device->outbox->line.next : NULL;
         at != NULL && at != &device->outbox->line; at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        if (pending->seq > through)
            break;
        if (pending->seq > session->base && pending->state != HF_PENDING_RECORDING &&
            pending->state < HF_PENDING_DELIVERED)
            delivered(hub, pending);
    }
    session->delivered = HF_MAX(session->delivered, through);
}

void hf_outbox_session_opened(struct hf_hub *hub, struct hf_device *device, bool resumed)
{
    struct hf_session *session = device->session;

    if (resumed) {
        hf_outbox_session_delivered(hub, device, session->base + hf_serial_before(session->down.next));
        return;
    }
    for (struct hf_list_node *at = device->outbox ? device->outbox->line.next : NULL;
         at != NULL && at != &device->outbox->line; at = at->next) {
        struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        if (pending->state == HF_PENDING_DELIVERED)
            pending->state = HF_PENDING_WAITING; /* its answer is still due: under a new number */
    }
}
