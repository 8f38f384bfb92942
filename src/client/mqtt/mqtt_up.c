/* client/mqtt/mqtt_up.c - the uplink: PUBLISH with QoS 1 in the order of numbers, PUBACKs in any, and out of the queue in order again.
 *
 *     flight:  FINISHED --all in front of it finished--> forgotten
 *              SENT --PUBACK--> FINISHED
 *                |---"not now"--> PUT_OFF --pause--> SENT (again, before anything new)
 *                \---"never"---> REFUSED --the store--> REJECTED --commit--> FINISHED */
#include "base/sb.h"
#include "base/uuid.h"
#include "client/mqtt/mqtt_internal.h"

enum { FORMAT_JSON = 1 /* DLV-1 */ };

static struct hf_mc_flight *flight_of(struct hf_mc *mc, unsigned i)
{
    return &mc->link.flight[(mc->link.flight_at + i) % HF_MC_WINDOW];
}

/* A message has the same identifier for ever [MQTT-4.4.0-1]. */
static uint16_t packet_id_of(uint64_t seq)
{
    return (uint16_t)(1 + seq % HF_MC_PUBLISH_IDS);
}

/* ---- numbers ---- */

/* As many as may go at once, so that an alarm can still overtake the others. */
void hf_mc_up_number(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;
    unsigned window = link->trial ? HF_MC_WINDOW : link->window; /* a trial needs one behind the suspect */

    while (mc->queue.facts.next < link->next + window - HF_MIN(link->flight_count, window) &&
           hf_client_queue_number(&mc->queue, &link->pace))
        continue;
}

/* ---- a message as a packet ---- */

static void put_number(struct hf_sb *user, const char *name, uint64_t value, const char *format)
{
    char text[24];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    if (format != NULL)
        hf_sb_printf(&sb, "%016llx", (unsigned long long)value);
    else
        hf_sb_u64(&sb, value);
    hf_mqtt_put_user(user, hf_slice_of(name), hf_sb_done(&sb));
}

/* What a receiver needs to drop what comes twice: the message's id, and its number in this queue. */
static void put_user(const struct hf_mc *mc, const struct hf_store_item *item, struct hf_sb *user)
{
    char text[HF_UUID_TEXT_BYTES + 1];
    struct hf_sb sb;
    char time[32];

    hf_uuid_text(item->message.uuid, text);
    hf_mqtt_put_user(user, HF_SLICE("id"), hf_slice_of(text));
    put_number(user, "seq", item->seq, NULL);
    put_number(user, "queue", mc->queue.facts.queue_id, "hex");
    if (item->message.created_ms == 0)
        return;
    hf_sb_init(&sb, time, sizeof(time));
    hf_sb_time(&sb, item->message.created_ms);
    hf_mqtt_put_user(user, HF_SLICE("time"), hf_sb_done(&sb));
}

static void fill_properties(const struct hf_mc *mc, const struct hf_store_item *item, struct hf_sb *user,
                            struct hf_mqtt_properties *properties)
{
    const struct hf_store_message *message = &item->message;

    put_user(mc, item, user);
    HF_ASSERT(!user->overflow);
    properties->repeated = hf_sb_done(user);
    properties->content_type = hf_mc_content_type(message->format);
    if (properties->content_type.bytes > 0)
        properties->has |= HF_MQTT_HAS(CONTENT_TYPE);
    if (message->text || message->format == FORMAT_JSON) {
        properties->has |= HF_MQTT_HAS(PAYLOAD_FORMAT);
        properties->payload_format = 1;
    }
    if (message->expires_ms != 0 && mc->now.utc_ms != 0) {
        uint64_t left_ms = message->expires_ms - HF_MIN(message->expires_ms, mc->now.utc_ms);

        properties->has |= HF_MQTT_HAS(MESSAGE_EXPIRY);
        properties->message_expiry_s = (uint32_t)HF_MIN((left_ms + 999) / 1000, (uint64_t)UINT32_MAX - 1);
    }
}

enum outcome { NOT_NOW, GONE_OUT, NEVER };

/* dup: it may have gone before, and nobody has refused it since. *ret_bytes: of the packet. */
static enum outcome emit(struct hf_mc *mc, const struct hf_store_item *item, bool dup, uint32_t *ret_bytes,
                         enum hf_reason *ret_reason)
{
    struct hf_mqtt_packet packet = {
        .type = HF_MQTT_PUBLISH,
        .as.publish = {
            .qos = 1, .dup = dup, .packet_id = packet_id_of(item->seq), .payload = item->message.payload}};
    char topic[HF_MC_TOPIC_BYTES], storage[HF_MC_USER_BYTES];
    struct hf_sb user;
    size_t bytes;

    if (item->message.class == HF_STORE_RESULT) { /* of a session with a gateway that this queue had before */
        *ret_reason = HF_REASON_NOT_IMPLEMENTED;
        return NEVER;
    }
    packet.as.publish.topic = hf_mc_topic_up(mc, item->message.topic, topic);
    hf_sb_init(&user, storage, sizeof(storage));
    if (mc->version == HF_MQTT_V5)
        fill_properties(mc, item, &user, &packet.properties);
    bytes = hf_mqtt_encoded_bytes(mc->version, &packet);
    if (bytes == 0 || bytes > mc->link.packet_bytes_max) {
        *ret_reason = HF_REASON_MESSAGE_TOO_BIG;
        return NEVER;
    }
    *ret_bytes = (uint32_t)bytes;
    return hf_mc_emit_publish(mc, item->seq, &packet) ? GONE_OUT : NOT_NOW;
}

/* ---- sending ---- */

static struct hf_mc_flight *push(struct hf_mc *mc, const struct hf_store_item *item,
                                 enum hf_mc_flight_state state, uint32_t bytes)
{
    struct hf_mc_link *link = &mc->link;
    struct hf_mc_flight *flight = flight_of(mc, link->flight_count);

    HF_ASSERT(link->flight_count < HF_MC_WINDOW);
    if (link->flight_count++ == 0)
        link->progress_ms = mc->now.now_ms;
    *flight = (struct hf_mc_flight){
        .seq = item->seq, .seq_to = item->seq_to, .bytes = bytes, .state = (uint8_t)state};
    link->next = item->seq_to + 1;
    return flight;
}

static bool is_put_off(const struct hf_mc *mc)
{
    return mc->link.put_off_due_ms != 0;
}

/* Two messages that are out have two identifiers: a gap may be longer than there are of them. */
static bool may_go(struct hf_mc *mc)
{
    const struct hf_mc_link *link = &mc->link;

    return link->next < mc->queue.durable_next && !link->stream.on && !is_put_off(mc) &&
           link->flight_count < hf_mc_suspect_window(mc) &&
           (link->flight_count == 0 || link->next - flight_of(mc, 0)->seq < HF_MC_PUBLISH_IDS);
}

/* The next number goes out, or is passed over. False: not now. */
static bool send_next(struct hf_mc *mc)
{
    uint64_t next = mc->link.next, seq = may_go(mc) ? hf_mc_suspect_pick(mc) : 0;
    enum hf_reason reason = HF_REASON_NONE;
    struct hf_store_item item;
    uint32_t bytes = 0;
    bool dup;
    hf_err err;

    if (seq == 0)
        return false;
    err = hf_client_queue_read(&mc->queue, seq, &item);
    if (err != HF_OK) {
        hf_client_queue_trouble(&mc->queue, err);
        return false;
    }
    if (item.gap || hf_mc_suspect_has(mc, seq)) {
        item.seq = seq; /* the rest of one that began before is all that is left */
        (void)push(mc, &item, HF_MC_FINISHED, 0);
        hf_mc_up_forget(mc);
        return true;
    }
    dup = item.seq <= mc->sent_through;
    switch (emit(mc, &item, dup, &bytes, &reason)) {
    case NOT_NOW: hf_mc_suspect_repick(mc); return false;
    case NEVER:
        if (hf_mc_suspect_repick(mc)) /* a control that will never go: it is failed before its turn */
            return hf_client_queue_reject(&mc->queue, seq, reason, NULL) == HF_OK;
        push(mc, &item, HF_MC_REFUSED, 0)->reason = (uint16_t)reason;
        break;
    case GONE_OUT:
        mc->counts.resent += dup;
        mc->sent_through = HF_MAX(mc->sent_through, item.seq);
        (void)push(mc, &item, HF_MC_SENT, bytes);
        if (mc->link.control != 0)
            mc->link.next = next; /* the suspect is still to go */
        break;
    }
    mc->queue.busy |= reason != HF_REASON_NONE;
    return true;
}

/* What the broker could not take, in order, after the pause. False: not now, or nothing left. */
static bool send_again(struct hf_mc *mc)
{
    if (!is_put_off(mc) || mc->now.now_ms < mc->link.put_off_due_ms || mc->link.stream.on)
        return false;
    for (unsigned i = 0; i < mc->link.flight_count; i++) {
        struct hf_mc_flight *flight = flight_of(mc, i);
        enum hf_reason reason = HF_REASON_NONE;
        struct hf_store_item item;
        hf_err err;

        if (flight->state != HF_MC_PUT_OFF)
            continue;
        err = hf_client_queue_read(&mc->queue, flight->seq, &item);
        if (err != HF_OK) {
            hf_client_queue_trouble(&mc->queue, err);
            return false;
        }
        if (item.gap) {
            flight->state = HF_MC_FINISHED;
            return true;
        }
        switch (emit(mc, &item, false, &flight->bytes, &reason)) {
        case NOT_NOW: return false;
        case NEVER:
            flight->state = HF_MC_REFUSED;
            flight->reason = (uint16_t)reason;
            return true;
        case GONE_OUT:
            flight->state = HF_MC_SENT;
            mc->counts.resent++;
            mc->link.progress_ms = mc->now.now_ms;
            return true;
        }
    }
    mc->link.put_off_due_ms = 0; /* all of it is out again */
    return false;
}

/* A full buffer may be just our own: true when the transport took something. */
static bool make_room(struct hf_mc *mc)
{
    uint64_t written = mc->counts.bytes_out;

    hf_mc_flush(mc);
    return mc->counts.bytes_out > written;
}

void hf_mc_up_send(struct hf_mc *mc)
{
    uint64_t first = mc->link.next;

    if (!hf_client_queue_well(&mc->queue))
        return;
    while (mc->phase == HF_MC_OPEN && (send_again(mc) || (is_put_off(mc) && make_room(mc))))
        continue;
    while (mc->phase == HF_MC_OPEN && (send_next(mc) || make_room(mc)))
        continue;
    if (mc->phase == HF_MC_OPEN && mc->link.next > first) {
        hf_err err = mc->store->ops->mark(mc->store, true, first, mc->link.next - 1);

        if (err != HF_OK)
            hf_client_queue_trouble(&mc->queue, err);
    }
}

uint64_t hf_mc_up_due_ms(const struct hf_mc *mc)
{
    if (!is_put_off(mc) || mc->out_bytes > 0) /* what waits for room is told of it */
        return UINT64_MAX;
    return HF_MAX(mc->link.put_off_due_ms,
                  mc->queue.retry_ms); /* nothing is read of a store that is not well */
}

/* ---- what became of it ---- */

static void give_up_refused(struct hf_mc *mc)
{
    for (unsigned i = 0; i < mc->link.flight_count; i++) {
        struct hf_mc_flight *flight = flight_of(mc, i);

        if (flight->state != HF_MC_REFUSED ||
            hf_client_queue_reject(&mc->queue, flight->seq, (enum hf_reason)flight->reason,
                                   &flight->ticket) != HF_OK)
            continue;
        flight->state = flight->ticket != 0 ? HF_MC_REJECTED : HF_MC_FINISHED;
    }
}

/* A commit that fails undoes what was rejected: only a durable gap may be forgotten, for else a message that nobody has would count as sent. */
void hf_mc_up_stored(struct hf_mc *mc, uint64_t through, hf_err err)
{
    for (unsigned i = 0; i < mc->link.flight_count; i++) {
        struct hf_mc_flight *flight = flight_of(mc, i);

        if (flight->state != HF_MC_REJECTED || flight->ticket > through)
            continue;
        flight->state = err == HF_OK ? HF_MC_FINISHED : HF_MC_REFUSED;
        mc->queue.busy = true;
    }
}

void hf_mc_up_forget(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    if (!hf_client_queue_well(&mc->queue))
        return;
    give_up_refused(mc);
    while (link->flight_count > 0 && flight_of(mc, 0)->state == HF_MC_FINISHED) {
        link->through = flight_of(mc, 0)->seq_to;
        link->flight_at = (link->flight_at + 1) % HF_MC_WINDOW;
        link->flight_count--;
    }
    if (link->through >= mc->queue.facts.first)
        hf_client_queue_forget(&mc->queue, link->through);
}

static void put_off(struct hf_mc *mc, struct hf_mc_flight *flight, uint8_t mqtt_reason)
{
    struct hf_mc_link *link = &mc->link;

    mc->counts.put_off++;
    if (mqtt_reason != HF_MQTT_REASON_QUOTA && ++flight->put_offs >= HF_CLIENT_MQTT_PUT_OFF_MAX) {
        flight->state = HF_MC_REFUSED;
        flight->reason = (uint16_t)hf_mc_reason_of(mqtt_reason).reason;
        return;
    }
    if (link->put_off_ms == 0) /* told once: the pauses after it are no news */
        mc->ops->error(mc->user, HF_ERR_BUSY, hf_mc_reason_of(mqtt_reason).reason,
                       mqtt_reason == HF_MQTT_REASON_QUOTA
                           ? HF_SLICE("the broker's quota is used up: sending goes on after a pause")
                           : HF_SLICE("the broker could not take a message: sending goes on after a pause"));
    flight->state = HF_MC_PUT_OFF;
    if (link->put_off_due_ms > mc->now.now_ms)
        return; /* one pause for all that were out */
    link->put_off_ms = link->put_off_ms == 0
                           ? HF_CLIENT_MQTT_PUT_OFF_MIN_MS
                           : HF_MIN(2 * link->put_off_ms, (uint32_t)HF_CLIENT_MQTT_PUT_OFF_MAX_MS);
    link->put_off_due_ms = mc->now.now_ms + link->put_off_ms;
}

static bool is_passing(uint8_t mqtt_reason)
{
    return mqtt_reason == HF_MQTT_REASON_UNSPECIFIED || mqtt_reason == HF_MQTT_REASON_IMPLEMENTATION ||
           mqtt_reason == HF_MQTT_REASON_PACKET_ID_IN_USE || mqtt_reason == HF_MQTT_REASON_QUOTA;
}

static void refuse(struct hf_mc_flight *flight, uint8_t mqtt_reason)
{
    flight->state = HF_MC_REFUSED;
    flight->reason =
        (uint16_t)(mqtt_reason == HF_MQTT_REASON_NOT_AUTHORIZED ? HF_REASON_FORBIDDEN
                                                                : hf_mc_reason_of(mqtt_reason).reason);
}

void hf_mc_on_puback(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    uint8_t mqtt_reason = packet->as.ack.reason;
    struct hf_mc_flight *flight = NULL;

    for (unsigned i = 0; i < mc->link.flight_count && flight == NULL; i++)
        if (flight_of(mc, i)->state == HF_MC_SENT &&
            packet_id_of(flight_of(mc, i)->seq) == packet->as.ack.packet_id)
            flight = flight_of(mc, i);
    if (flight ==
        NULL) { /* said twice, perhaps: it changes nothing, and a new connection would bring no better */
        mc->counts.unknown_frames++;
        return;
    }
    if (mc->link.stream.on && mc->link.stream.seq == flight->seq) {
        hf_mc_text(mc, HF_SLICE("the broker acknowledged what was not sent"));
        hf_mc_close(mc, HF_MQTT_REASON_PROTOCOL, HF_REASON_PROTOCOL_ERROR, HF_LINK_EV_LOCAL_CLOSE);
        return;
    }
    mc->link.progress_ms = mc->now.now_ms;
    mc->queue.busy = true;
    if (hf_mc_suspect_answered(mc, flight->seq, mqtt_reason < HF_MQTT_REASON_FAILS))
        return; /* a no to it comes again in its turn */
    if (mqtt_reason < HF_MQTT_REASON_FAILS) {
        flight->state = HF_MC_FINISHED;
        if (!is_put_off(mc))
            mc->link.put_off_ms = 0; /* it takes again: the next pause begins small */
    } else if (is_passing(mqtt_reason)) {
        put_off(mc, flight, mqtt_reason);
    } else {
        refuse(flight, mqtt_reason);
    }
}

/* The largest message in flight: whatever was too big, this one is bigger. */
void hf_mc_up_too_big(struct hf_mc *mc)
{
    const struct hf_mc_flight *largest = NULL;

    for (unsigned i = 0; i < mc->link.flight_count; i++) {
        const struct hf_mc_flight *flight = flight_of(mc, i);

        if (flight->state == HF_MC_SENT && (largest == NULL || flight->bytes > largest->bytes))
            largest = flight;
    }
    if (largest != NULL)
        (void)hf_client_queue_reject(&mc->queue, largest->seq, HF_REASON_MESSAGE_TOO_BIG, NULL);
}

void hf_mc_up_open(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    link->next = mc->queue.facts.first;
    link->pace = (struct hf_client_pace){.backlog_id = mc->queue.facts.id_last,
                                         .payload_bytes_max = link->packet_bytes_max};
    hf_mc_suspect_open(mc);
}
