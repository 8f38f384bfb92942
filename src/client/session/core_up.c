/* client/session/core_up.c - the uplink: from the queue to the gateway and out of the queue again (DLV-5 to DLV-10, CQ-7). */
#include "client/session/core_internal.h"
#include "codec/session/binary.h"
#include "core/session/serial.h"
#include "core/topic.h"

enum { FORMAT_JSON = 1 /* DLV-1 */ };

hf_err hf_client_core_publish(struct hf_client_core *core, const struct hf_client_time *now,
                              const struct hf_store_message *message, void *cookie)
{
    hf_err err;

    if (message->topic.bytes > 0 && !hf_topic_valid(message->topic))
        return HF_ERR_INVALID; /* no gateway takes it; at a broker it is spelled with percent signs */
    hf_core_enter(core, now);
    err = hf_client_queue_publish(&core->queue, message, cookie);
    hf_core_leave(core);
    return err;
}

/* ---- numbers ---- */

/* How many may be given and not sent: as many as will go soon, so that an alarm can still overtake the others. */
static uint64_t ahead_max(const struct hf_client_core *core)
{
    uint64_t soon = core->link.rate_limit.per_second / 10;

    return HF_MIN(HF_MAX(soon, 1), (uint64_t)HF_CLIENT_AHEAD_MAX);
}

void hf_core_up_number(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;

    while (core->queue.facts.next <
               link->sender.base + HF_MIN(link->sender.window_messages, HF_CLIENT_WINDOW) &&
           core->queue.facts.next < link->sender.next + ahead_max(core) &&
           hf_client_queue_number(&core->queue, &link->pace))
        continue;
}

/* ---- sending ---- */

static void message_frame(const struct hf_client_core *core, const struct hf_store_item *item,
                          struct hf_frame *ret_frame)
{
    const struct hf_store_message *message = &item->message;
    bool text = message->text || message->format == FORMAT_JSON; /* where it is implied it is said, too */

    *ret_frame = (struct hf_frame){0};
    if (message->class == HF_STORE_RESULT) {
        ret_frame->type = HF_FRAME_RESULT;
        ret_frame->as.result = (struct hf_frame_result){.seq = (uint32_t)item->seq,
                                                        .status = message->status,
                                                        .format = message->format,
                                                        .text = text,
                                                        .payload = message->payload};
        memcpy(ret_frame->as.result.id, message->uuid, sizeof(message->uuid));
    } else {
        ret_frame->type = HF_FRAME_DATA;
        ret_frame->as.data = (struct hf_frame_data){.seq = (uint32_t)item->seq,
                                                    .format = message->format,
                                                    .text = text,
                                                    .time_ms = message->created_ms,
                                                    .topic = message->topic,
                                                    .payload = message->payload};
        memcpy(ret_frame->as.data.id, message->uuid, sizeof(message->uuid));
    }
    ret_frame->crc = core->crc && (core->link.capabilities & HF_CAP_CRC) != 0;
}

static bool emit_message(struct hf_client_core *core, const struct hf_store_item *item)
{
    struct hf_frame frame;

    message_frame(core, item, &frame);
    if (hf_core_fits(core, hf_frame_bytes(&frame)))
        return hf_core_emit(core, &frame, false);
    frame.crc = false;
    return hf_core_stream(core, item->seq, &frame);
}

static bool emit_gap(struct hf_client_core *core, uint64_t from, uint64_t to, enum hf_reason reason)
{
    const struct hf_frame frame = {
        .type = HF_FRAME_GAP,
        .as.gap = {
            .from = (uint32_t)from, .to = (uint32_t)to, .reason = (uint16_t)reason, .detail = HF_SLICE("")}};

    return hf_core_emit(core, &frame, false);
}

static void push_inflight(struct hf_client_core *core, uint64_t seq_to, size_t bytes, bool gap)
{
    struct hf_client_link *link = &core->link;

    HF_ASSERT(link->inflight_count < HF_CLIENT_WINDOW); /* each takes a number of the window */
    link->inflight[(link->inflight_at + link->inflight_count++) % HF_CLIENT_WINDOW] =
        (struct hf_inflight){seq_to, (uint32_t)bytes, gap};
}

static bool may_pass(struct hf_client_core *core)
{
    return hf_rate_take(&core->link.rate, &core->link.rate_limit, 1, core->now.now_ms);
}

static bool has_rate(const struct hf_client_core *core)
{
    return hf_rate_available(&core->link.rate, &core->link.rate_limit, core->now.now_ms) > 0;
}

/* The next number goes out. False: not now. */
static bool send_next(struct hf_client_core *core)
{
    struct hf_sender *sender = &core->link.sender;
    struct hf_store_item item;
    hf_err err;

    if (sender->next <= core->link.lost_through) {
        uint64_t to = core->link.lost_through;

        if (!hf_sender_may_send(sender, 0) || !emit_gap(core, sender->next, to, HF_REASON_RETENTION))
            return false;
        push_inflight(core, to, 0, true);
        hf_sender_skipped(sender, to, core->now.now_ms);
        return true;
    }
    if (sender->next >= core->queue.durable_next || core->link.stream.on || !has_rate(core))
        return false;
    err = hf_client_queue_read(&core->queue, sender->next, &item);
    if (err != HF_OK) {
        hf_client_queue_trouble(&core->queue, err);
        return false;
    }
    if (item.gap) {
        if (!hf_sender_may_send(sender, 0) || !emit_gap(core, sender->next, item.seq_to, item.reason))
            return false;
        push_inflight(core, item.seq_to, 0, true);
        hf_sender_skipped(sender, item.seq_to, core->now.now_ms);
        return true;
    }
    if (!hf_sender_may_send(sender, item.message.payload.bytes) || !emit_message(core, &item))
        return false;
    (void)may_pass(core);
    push_inflight(core, item.seq, item.message.payload.bytes, false);
    hf_sender_sent(sender, item.message.payload.bytes, core->now.now_ms);
    return true;
}

/* What the gateway lacks of what went out. False: not now, or nothing left. */
static bool send_again(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;
    struct hf_store_item item;
    uint64_t seq;

    if (link->again_at == link->again_count)
        return false;
    seq = HF_MAX(hf_serial_number(link->again[link->again_at].from), link->sender.received + 1);
    if (seq > link->again[link->again_at].to) {
        link->again_at++;
        return true;
    }
    if (link->stream.on || !has_rate(core) || hf_client_queue_read(&core->queue, seq, &item) != HF_OK)
        return false;
    if (item.gap ? !emit_gap(core, seq, item.seq_to, item.reason) : !emit_message(core, &item))
        return false;
    if (!item.gap)
        (void)may_pass(core);
    core->counts.resent++;
    link->again[link->again_at].from = item.seq_to + 1;
    return true;
}

/* A full buffer may be just our own: true when the transport took something. */
static bool make_room(struct hf_client_core *core)
{
    uint64_t written = core->counts.bytes_out;

    hf_core_flush(core);
    return core->counts.bytes_out > written;
}

void hf_core_up_send(struct hf_client_core *core)
{
    uint64_t first = core->link.sender.next;

    if (!hf_client_queue_well(&core->queue))
        return;
    while (core->phase == HF_PHASE_OPEN && send_again(core))
        continue;
    while (core->phase == HF_PHASE_OPEN && core->link.again_at == core->link.again_count &&
           (send_next(core) || make_room(core)))
        continue;
    if (core->phase == HF_PHASE_OPEN && core->link.sender.next > first && first > core->link.lost_through &&
        core->store->ops->mark(core->store, true, first, core->link.sender.next - 1) != HF_OK)
        hf_client_queue_trouble(&core->queue, HF_ERR_IO);
}

uint64_t hf_core_up_due_ms(const struct hf_client_core *core)
{
    const struct hf_client_link *link = &core->link;
    bool waits =
        link->again_at < link->again_count || link->sender.next < core->queue.durable_next ||
        (core->queue.facts.waiting > 0 && core->queue.facts.next < link->sender.next + ahead_max(core));

    if (!waits || has_rate(core) || core->out_bytes > 0)
        return UINT64_MAX;
    return core->now.now_ms + hf_rate_wait_ms(&link->rate, &link->rate_limit, 1, core->now.now_ms);
}

/* ---- acknowledgements ---- */

static void release(struct hf_client_core *core)
{
    struct hf_client_link *link = &core->link;
    uint64_t bytes = 0;

    while (link->inflight_count > 0 && link->inflight[link->inflight_at].seq_to < link->sender.base) {
        bytes += link->inflight[link->inflight_at].bytes;
        link->inflight_at = (link->inflight_at + 1) % HF_CLIENT_WINDOW;
        link->inflight_count--;
    }
    hf_sender_released(&link->sender, bytes);
}

static void collect_missing(struct hf_client_core *core, const struct hf_frame_ack *ack)
{
    struct hf_client_link *link = &core->link;
    uint64_t at = 0;

    if (!ack->nack && !hf_sender_asked(&link->sender))
        return;
    link->again_at = link->again_count = 0;
    while (link->again_count < HF_CLIENT_RANGES_MAX &&
           hf_sender_missing(&link->sender, ack, &at, &link->again[link->again_count].from,
                             &link->again[link->again_count].to))
        link->again_count++;
}

void hf_core_up_ack(struct hf_client_core *core, const struct hf_frame_ack *ack)
{
    struct hf_client_link *link = &core->link;
    uint64_t base_before;

    if (ack->ask)
        hf_receiver_asked(&link->receiver, core->now.now_ms);
    switch (hf_sender_ack(&link->sender, ack, core->now.now_ms, &base_before)) {
    case HF_ACK_UNSENT: hf_core_broken(core, HF_REASON_SESSION_BROKEN); return;
    case HF_ACK_NEWS:
        if (link->sender.base > base_before) {
            release(core);
            hf_client_queue_forget(&core->queue, link->sender.base - 1);
        }
        break;
    default: break;
    }
    if (link->forget_due) {
        link->forget_due = false;
        hf_client_queue_forget(&core->queue, link->sender.base - 1);
    }
    if (core->phase == HF_PHASE_OPEN)
        collect_missing(core, ack);
}

void hf_core_up_refused(struct hf_client_core *core, const struct hf_frame_refuse *refuse)
{
    struct hf_sender *sender = &core->link.sender;
    uint64_t seq;

    if (!hf_serial_expand(sender->next, refuse->seq, &seq) || seq >= sender->next) {
        hf_core_broken(core, HF_REASON_SESSION_BROKEN);
        return;
    }
    bool streaming = core->link.stream.on && core->link.stream.seq == seq;
    (void)hf_client_queue_reject(&core->queue, seq, (enum hf_reason)refuse->reason,
                                 NULL); /* its acknowledgement comes on its own */
    if (streaming) /* refused before it was there whole (here, at an earlier connection): no frame can follow */
        hf_core_finish(core, false, HF_LINK_EV_LOST);
}

/* The largest message in flight: whatever was too big, this one is bigger. */
void hf_core_up_too_big(struct hf_client_core *core)
{
    const struct hf_client_link *link = &core->link;
    const struct hf_inflight *largest = NULL;

    for (unsigned i = 0; i < link->inflight_count; i++) {
        const struct hf_inflight *one = &link->inflight[(link->inflight_at + i) % HF_CLIENT_WINDOW];

        if (!one->gap && one->seq_to > link->sender.received &&
            (largest == NULL || one->bytes > largest->bytes))
            largest = one;
    }
    if (largest != NULL)
        (void)hf_client_queue_reject(&core->queue, largest->seq_to, HF_REASON_MESSAGE_TOO_BIG, NULL);
}

/* ---- the session begins ---- */

void hf_core_up_open(struct hf_client_core *core, const struct hf_frame_welcome *welcome)
{
    struct hf_client_link *link = &core->link;
    uint64_t given = link->hello_next - 1;

    hf_sender_init(&link->sender, welcome->uplink_durable + 1,
                   HF_MIN(welcome->window_messages, (uint32_t)HF_CLIENT_WINDOW), welcome->window_bytes);
    if (given >= link->sender.next)
        hf_sender_given(&link->sender, given);
    link->sender.progress_ms = core->now.now_ms;
    if (core->queue.facts.first > welcome->uplink_durable + 1)
        link->lost_through = hf_serial_before(core->queue.facts.first);
    link->pace = (struct hf_client_pace){.backlog_id = core->queue.facts.id_last,
                                         .payload_bytes_max = link->message_bytes_max};
    link->rate_limit = (struct hf_rate_limit){
        .per_second = welcome->rate != 0 ? welcome->rate : UINT32_MAX / 2,
        .capacity = welcome->rate != 0 ? HF_MAX(welcome->rate / 10, 1) : UINT32_MAX / 2};
    hf_rate_init(&link->rate);
    if (welcome->capabilities & HF_CAP_REFUSALS)
        link->forget_due = core->queue.facts.first <= welcome->uplink_durable;
    else if (welcome->uplink_durable > 0)
        hf_client_queue_forget(&core->queue, welcome->uplink_durable);
}
