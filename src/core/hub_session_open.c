/* core/hub_session_open.c - a session's life beside its connections: taken up from the tables, resumed or rebuilt at HELLO, greeted once that is durable. */
#include <stdlib.h>

#include "core/hub_parts.h"
#include "core/kvkey.h"
#include "core/rows.h"
#include "core/session/serial.h"
#include "core/session_record.h"

static bool id_is_none(const uint8_t id[16])
{
    static const uint8_t none[16];

    return memcmp(id, none, sizeof(none)) == 0;
}

static struct hf_session *session_new(struct hf_hub *hub, struct hf_device *device)
{
    if (hub->sessions == NULL)
        hub->sessions = hf_slab_new("sessions", sizeof(struct hf_session), HF_HUB_DEVICES_MAX);
    struct hf_session *session = hub->sessions ? hf_slab_take(hub->sessions) : NULL;

    if (session == NULL)
        return NULL;
    session->slot = HF_SLOT_NONE;
    hf_receiver_init(&session->up, 1, 0, HF_WINDOW_MESSAGES_DEFAULT, HF_WINDOW_BYTES_DEFAULT);
    device->session = session;
    return session;
}

void hf_session_free(struct hf_device *device)
{
    if (device->session == NULL)
        return;
    hf_receiver_deinit(&device->session->up);
    free(device->session->ends);
    hf_slab_give(device->hub->sessions, device->session);
    device->session = NULL;
}

hf_err hf_session_load(struct hf_hub *hub, struct hf_device *device, const struct hf_device_row *row)
{
    bool connected = row->presence == HF_ONLINE && row->boot != hub->options.boot;

    if (row->queue == 0 && row->session.bytes == 0)
        return HF_OK;
    struct hf_session *session = session_new(hub, device);
    if (session == NULL)
        return HF_ERR_NOMEM;
    if (row->session.bytes == sizeof(session->id))
        memcpy(session->id, row->session.at, sizeof(session->id));
    session->base = row->base;
    session->top = row->top;
    session->delivered = HF_MAX(row->delivered, row->base);
    session->queue_id = row->queue;
    if (row->uplink_id.bytes == sizeof(session->uplink_id))
        memcpy(session->uplink_id, row->uplink_id.at, sizeof(session->uplink_id));
    hf_receiver_init(&session->up, row->uplink + 1, row->uplink, HF_WINDOW_MESSAGES_DEFAULT,
                     HF_WINDOW_BYTES_DEFAULT);
    /* A connection that the last start of the node did not see end was alive when that start ended (RC-6: nothing is written per heartbeat). */
    session->seen_ms = connected ? HF_MAX(row->online_ms, hub->options.previous_end_ms) : row->seen_ms;
    session->reasons_unread = true;
    return HF_OK;
}

/* The oldest tracked message that has not ended: where a rebuilt session begins. */
static uint64_t oldest_unfinished(const struct hf_device *device)
{
    for (struct hf_list_node *at = device->outbox ? device->outbox->line.next : NULL;
         at != NULL && at != &device->outbox->line; at = at->next) {
        const struct hf_pending *pending = HF_CONTAINER_OF(at, struct hf_pending, line);

        if (pending->state != HF_PENDING_ENDING)
            return pending->seq;
    }
    return device->seq + 1;
}

/* Were the session's numbers those behind `base`, would a message get one that is none? Only one that waited while 2^32 others came and went. */
static bool a_number_is_none(const struct hf_device *device, uint64_t base)
{
    for (struct hf_list_node *at = device->outbox ? device->outbox->line.next : NULL;
         at != NULL && at != &device->outbox->line; at = at->next)
        if (!hf_serial_is_number(HF_CONTAINER_OF(at, struct hf_pending, line)->seq - base))
            return true;
    return false;
}

static struct hf_resume_answer decide(const struct hf_hub *hub, const struct hf_device *device,
                                      const struct hf_session_hello *hello)
{
    const struct hf_session *session = device->session;
    bool asked = !id_is_none(hello->session_id);
    bool known = asked && session != NULL && memcmp(session->id, hello->session_id, 16) == 0;
    struct hf_resume_query query = {
        .asked = asked,
        .known = known,
        .other_device = asked && !known &&
                        !hf_session_id_is_of(hello->session_id, device->tenant->name, hf_device_name(device)),
        .resume_ms = hello->resume_ms,
        .position = hello->downlink_position,
    };

    if (known) {
        query.silent_ms = hub->utc_ms > session->seen_ms ? hub->utc_ms - session->seen_ms : 0;
        query.retained_from = session->delivered - session->base + 1;
        query.sent_through = device->seq - session->base;
    }
    return hf_resume_decide(&query);
}

static void take_queue(struct hf_session *session, const struct hf_session_hello *hello)
{
    uint64_t known = session->up.expected - 1, durable = session->up.durable_through;

    if (session->queue_id != hello->queue_id) { /* what lies before its first is not ours to have */
        session->queue_id = hello->queue_id;
        memset(session->uplink_id, 0, sizeof(session->uplink_id));
        known = durable = hello->uplink_first - 1;
    }
    hf_receiver_deinit(&session->up);
    hf_receiver_init(&session->up, known + 1, durable, hello->uplink_window_messages,
                     hello->uplink_window_bytes);
}

static void rebuild(struct hf_hub *hub, struct hf_device *device)
{
    struct hf_session *session = device->session;
    uint64_t random[2] = {hf_rng_u64(&hub->rng), hf_rng_u64(&hub->rng)};

    hf_session_id_make((const uint8_t *)random, device->tenant->name, hf_device_name(device), session->id);
    session->base = oldest_unfinished(device) - 1;
    while (session->base > 0 && a_number_is_none(device, session->base)) /* base 0: given behind base 0 */
        session->base--;
    session->top = device->seq;
    session->delivered = session->base;
    session->end_count = 0;
    session->reasons_unread = false;
}

hf_err hf_session_open(struct hf_hub *hub, struct hf_device *device, const struct hf_session_hello *hello,
                       struct hf_session_decision *ret_decision, enum hf_reason *ret_reason)
{
    struct hf_resume_answer answer = decide(hub, device, hello);

    if (answer.resume == HF_RESUME_FORBIDDEN || answer.resume == HF_RESUME_BROKEN) {
        *ret_reason =
            answer.resume == HF_RESUME_FORBIDDEN ? HF_REASON_IDENTITY_MISMATCH : HF_REASON_SESSION_BROKEN;
        return HF_ERR_DENIED;
    }
    *ret_reason = HF_REASON_MEMORY_LIMIT;
    if (hub->uplinks == NULL)
        hub->uplinks = hf_slab_new("uplink_waiters", sizeof(struct hf_uplink), HF_HUB_UPLINKS_MAX);
    if (hub->uplinks == NULL || (device->session == NULL && session_new(hub, device) == NULL))
        return HF_ERR_NOMEM;
    struct hf_session *session = device->session;
    bool resumed = answer.resume == HF_RESUME_RESUMED;
    if (!resumed)
        rebuild(hub, device);
    take_queue(session, hello);
    uint64_t next = resumed ? hello->downlink_position + 1 : 1;
    uint64_t given =
        session->down.given ? session->down.given : device->seq - session->base; /* 0: a restart */
    hf_sender_init(&session->down, next, hello->window_messages, hello->window_bytes);
    if (resumed)
        hf_sender_given(&session->down, given);
    session->welcomed = false;
    *ret_decision = (struct hf_session_decision){
        .result = resumed                          ? HF_SESSION_RESUMED
                  : answer.resume == HF_RESUME_NEW ? HF_SESSION_NEW
                                                   : HF_SESSION_REBUILT,
        .reason = (uint16_t)answer.reason,
        .gap_from = answer.gap_from,
        .gap_to = answer.gap_to,
    };
    return HF_OK;
}

void hf_session_record_fill(const struct hf_session *session, const struct hf_session_decision *decision,
                            uint8_t out[HF_SESSION_RECORD_BYTES])
{
    hf_session_record_encode(&(struct hf_session_record){.result = decision->result,
                                                         .reason = decision->reason,
                                                         .base = session->base,
                                                         .top = session->top,
                                                         .queue_id = session->queue_id,
                                                         .uplink = hf_serial_before(session->up.expected),
                                                         .gap_from = decision->gap_from,
                                                         .gap_to = decision->gap_to},
                             out);
}

/* The connection is let in; its ONLINE record is on its way. */
void hf_session_opened(struct hf_hub *hub, struct hf_devconn *devconn,
                       const struct hf_session_decision *decision)
{
    struct hf_device *device = devconn->device;

    devconn->in_session = true;
    device->session->slot = hf_slots_take(&hub->slots);
    hub->stats.sessions[decision->result]++;
    if (decision->result == HF_SESSION_REBUILT)
        hub->stats.rebuilt[decision->reason]++;
    hf_outbox_session_opened(hub, device, decision->result == HF_SESSION_RESUMED);
}

uint32_t hf_hub_session_ticket_ms(const struct hf_hub *hub, const struct hf_devconn *devconn)
{
    const struct hf_session *session = hf_devconn_session(devconn);

    if (session == NULL || hub->options.return_per_second == 0)
        return 0;
    return hf_slots_ticket_ms(session->slot, hub->options.worker, hub->options.workers,
                              hub->options.return_per_second);
}

/* The ONLINE record is durable. It may be of a connection that has ended meanwhile: then the epoch is not the current one. */
void hf_session_welcome(struct hf_hub *hub, struct hf_device *device, uint64_t epoch,
                        const struct hf_session_decision *decision)
{
    struct hf_session *session = device->session;
    struct hf_devconn *devconn = device->devconn;

    if (session == NULL || devconn == NULL || !devconn->in_session || session->welcomed ||
        epoch != device->epoch)
        return;
    session->welcomed = true;
    struct hf_session_opened opened = {
        .result = (enum hf_session_result)decision->result,
        .reason = (enum hf_reason)decision->reason,
        .epoch = device->epoch,
        .gap_from = decision->gap_from,
        .gap_to = decision->gap_to,
        .uplink_received = hf_serial_before(session->up.expected),
        .uplink_durable = session->up.durable_through,
        .downlink_next = session->down.next,
        .ticket_ms = hf_hub_session_ticket_ms(hub, devconn),
        .refusals = hf_hub_refusals(hub, device),
    };
    memcpy(opened.session_id, session->id, sizeof(opened.session_id));
    memcpy(opened.durable_id, session->uplink_id, sizeof(opened.durable_id));
    devconn->ops->welcome(devconn, &opened);
    if (device->devconn != devconn)
        return;
    devconn->spilled = device->outbox != NULL;
    hf_hub_touch(hub, devconn); /* also for numbers that only a GAP can account for */
}

void hf_session_closed(struct hf_hub *hub, struct hf_devconn *devconn, uint64_t last_life_ms)
{
    struct hf_session *session = hf_devconn_session(devconn);
    uint64_t silent_ms = hub->now_ms > last_life_ms ? hub->now_ms - last_life_ms : 0;

    if (session == NULL)
        return;
    devconn->in_session = false;
    hf_slots_give(&hub->slots, session->slot);
    session->slot = HF_SLOT_NONE;
    session->seen_ms = hub->utc_ms > silent_ms ? hub->utc_ms - silent_ms : 0;
    session->welcomed = false;
    /* What came early comes again; what is in the journal stays received. */
    uint64_t expected = session->up.expected, durable = session->up.durable_through;
    hf_receiver_deinit(&session->up);
    hf_receiver_init(&session->up, expected, durable, HF_WINDOW_MESSAGES_DEFAULT, HF_WINDOW_BYTES_DEFAULT);
}
