/* client/mqtt/mqtt_input.c - time, and packets out of bytes, wherever the network cut them. */
#include "client/mqtt/mqtt_internal.h"

/* ---- time ---- */

static void on_deadline(struct hf_mc *mc)
{
    switch (mc->phase) {
    case HF_MC_WAITING: hf_mc_attempt(mc); break;
    case HF_MC_CONNECTING:
    case HF_MC_GREETING:
        mc->link.ending.failure = HF_CLIENT_FAILED_TIMEOUT;
        hf_mc_text(mc, mc->phase == HF_MC_GREETING ? HF_SLICE("the broker did not answer CONNECT in time")
                                                   : HF_SLICE("took too long"));
        hf_mc_finish(mc, false, HF_LINK_EV_HS_FAIL);
        break;
    case HF_MC_CLOSING: hf_mc_finish(mc, false, HF_LINK_EV_CLOSED); break;
    default: break;
    }
}

static bool output_stands(const struct hf_mc *mc)
{
    return mc->link.up && mc->out_bytes > 0;
}

/* A PINGREQ goes at three quarters of the keep alive, counted from the last packet in either direction: the broker has to hear of us, and we of it. */
static uint64_t ping_due_ms(const struct hf_mc *mc)
{
    return HF_MIN(mc->link.in_ms, mc->link.said_ms) + mc->link.keep_ms / 4 * 3;
}

/* What follows an unanswered one: a look around after a quarter, the end after a half of the keep alive. Together 1.25 of it. */
static uint64_t verdict_due_ms(const struct hf_mc *mc)
{
    return mc->link.ping_ms + mc->link.keep_ms / (mc->link.degraded ? 2 : 4);
}

static uint64_t beat_due_ms(const struct hf_mc *mc)
{
    if (mc->link.keep_ms == 0 || mc->link.ping_owed)
        return UINT64_MAX; /* an owed one goes when there is room, which is told, or the write deadline comes */
    return mc->link.ping_ms != 0 ? verdict_due_ms(mc) : ping_due_ms(mc);
}

static bool stalls(const struct hf_mc *mc)
{
    return mc->link.flight_count > 0 && mc->link.put_off_due_ms == 0 && !mc->link.stream.on;
}

static void tick_beat(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    if (mc->now.now_ms < beat_due_ms(mc))
        return;
    if (link->ping_ms == 0) {
        link->ping_owed = true;
        return;
    }
    if (!link->degraded) {
        link->degraded = true;
        hf_mc_link_event(mc, HF_LINK_EV_SICK);
        if (mc->ops->probe != NULL) {
            link->probing = true;
            mc->ops->probe(mc->user);
        }
        return;
    }
    link->ending.failure = HF_CLIENT_FAILED_LOST;
    hf_mc_text(mc, HF_SLICE("the broker did not answer PINGREQ"));
    hf_mc_close(mc, HF_MQTT_REASON_UNSPECIFIED, HF_REASON_HEARTBEAT_TIMEOUT, HF_LINK_EV_SILENT);
}

static void tick_open(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    tick_beat(mc);
    if (mc->phase == HF_MC_OPEN && link->suback_due_ms != 0 && mc->now.now_ms >= link->suback_due_ms) {
        link->ending.failure = HF_CLIENT_FAILED_TIMEOUT;
        hf_mc_text(mc, HF_SLICE("the broker did not answer SUBSCRIBE in time"));
        hf_mc_close(mc, HF_MQTT_REASON_UNSPECIFIED, HF_REASON_DEADLINE_EXCEEDED, HF_LINK_EV_LOCAL_CLOSE);
    }
    if (mc->phase == HF_MC_OPEN && stalls(mc) &&
        mc->now.now_ms >= link->progress_ms + HF_CLIENT_MQTT_STALL_MS) {
        link->ending.failure = HF_CLIENT_FAILED_LOST;
        link->ending.by_message = true;
        hf_mc_text(mc, HF_SLICE("the broker lives and acknowledges nothing"));
        hf_mc_close(mc, HF_MQTT_REASON_UNSPECIFIED, HF_REASON_STALLED, HF_LINK_EV_SILENT);
    }
}

void hf_mc_tick(struct hf_mc *mc)
{
    if (mc->now.now_ms >= mc->phase_due_ms)
        on_deadline(mc);
    if (output_stands(mc) && mc->now.now_ms >= mc->link.out_ms + HF_CLIENT_WRITE_MS) {
        mc->link.ending.reason = HF_REASON_WRITE_TIMEOUT;
        mc->link.ending.failure = HF_CLIENT_FAILED_TIMEOUT;
        hf_mc_text(mc, HF_SLICE("output made no progress"));
        hf_mc_finish(mc, false, HF_LINK_EV_LOST);
    }
    if (mc->phase == HF_MC_OPEN)
        tick_open(mc);
}

uint64_t hf_mc_due_ms(const struct hf_mc *mc)
{
    uint64_t due_ms = HF_MIN(mc->phase_due_ms, mc->store->ops->due_ms(mc->store));
    const struct hf_mc_link *link = &mc->link;

    if (mc->queue.busy)
        return 0;
    if (output_stands(mc))
        due_ms = HF_MIN(due_ms, link->out_ms + HF_CLIENT_WRITE_MS);
    if (mc->queue.retry_ms > mc->now.now_ms)
        due_ms = HF_MIN(due_ms, mc->queue.retry_ms);
    if (mc->phase != HF_MC_OPEN)
        return due_ms;
    due_ms = HF_MIN(due_ms, beat_due_ms(mc));
    if (link->suback_due_ms != 0)
        due_ms = HF_MIN(due_ms, link->suback_due_ms);
    if (stalls(mc))
        due_ms = HF_MIN(due_ms, link->progress_ms + HF_CLIENT_MQTT_STALL_MS);
    return HF_MIN(due_ms, hf_mc_up_due_ms(mc));
}

/* ---- packets ---- */

enum { PUBLISH_QOS_2 = 0x04 }; /* of the head's flags: QoS 2, or 3 */

static void refuse(struct hf_mc *mc, uint8_t mqtt_reason, struct hf_slice text)
{
    if (!hf_mqtt_reason_may(mqtt_reason, HF_MQTT_DISCONNECT))
        mqtt_reason =
            HF_MQTT_REASON_PROTOCOL; /* what is wrong with a CONNECT is said in a CONNACK: not here */
    hf_mc_text(mc, text);
    hf_mc_close(mc, mqtt_reason, hf_mc_reason_of(mqtt_reason).reason, HF_LINK_EV_LOCAL_CLOSE);
}

static void lives(struct hf_mc *mc)
{
    struct hf_mc_link *link = &mc->link;

    link->in_ms = mc->now.now_ms;
    link->ping_ms = 0;
    link->probing = false;
    if (link->degraded)
        hf_mc_link_event(mc, HF_LINK_EV_HEALTHY);
    link->degraded = false;
}

static void on_packet(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    bool greeting = mc->phase == HF_MC_GREETING;

    mc->counts.frames_in++;
    if (greeting != (packet->type == HF_MQTT_CONNACK) && !(greeting && packet->type == HF_MQTT_DISCONNECT)) {
        refuse(mc, HF_MQTT_REASON_PROTOCOL,
               greeting ? HF_SLICE("the broker's first packet is no CONNACK") : HF_SLICE("a second CONNACK"));
        return;
    }
    switch (packet->type) {
    case HF_MQTT_CONNACK: hf_mc_on_connack(mc, packet); break;
    case HF_MQTT_PUBACK: hf_mc_on_puback(mc, packet); break;
    case HF_MQTT_PUBLISH: hf_mc_on_publish(mc, packet); break;
    case HF_MQTT_SUBACK: hf_mc_on_suback(mc, packet); break;
    case HF_MQTT_PINGRESP: break; /* lived */
    case HF_MQTT_DISCONNECT: hf_mc_on_disconnect(mc, packet); break;
    default:
        refuse(mc, HF_MQTT_REASON_PROTOCOL,
               HF_SLICE("the broker sent a packet that answers nothing of ours"));
        break;
    }
}

/* A broker that knows 3.1.1 alone answers in 3.1.1 (its 3.1.2.2): two bytes, where 5.0 has three. */
static hf_err decode(struct hf_mc *mc, const uint8_t *data, size_t bytes, size_t *ret_taken,
                     struct hf_mqtt_packet *ret_packet)
{
    size_t bytes_max = (size_t)mc->message_bytes_max + HF_CLIENT_MQTT_PACKET_SPARE;
    hf_err err = hf_mqtt_decode(data, bytes, mc->version, bytes_max, ret_taken, ret_packet);
    struct hf_mqtt_packet old;
    size_t taken;

    if (mc->phase == HF_MC_GREETING && mc->version == HF_MQTT_V5 && err == HF_ERR_MALFORMED &&
        data[0] >> 4 == HF_MQTT_CONNACK) {
        hf_err old_err = hf_mqtt_decode(data, bytes, HF_MQTT_V311, bytes_max, &taken, &old);

        if (old_err != HF_OK && old_err != HF_ERR_AGAIN)
            return err;
        *ret_taken = taken;
        *ret_packet = old;
        return old_err;
    }
    if (err == HF_ERR_MALFORMED && ret_packet->rule == HF_MQTT_RULE_PAYLOAD_FORMAT) {
        ret_packet->properties.payload_format =
            0; /* it is not the text that it says it is: then it is just bytes */
        return HF_OK;
    }
    if (err == HF_ERR_MALFORMED && ret_packet->rule == HF_MQTT_RULE_REASON &&
        ret_packet->type == HF_MQTT_PUBACK && ret_packet->as.ack.reason >= HF_MQTT_REASON_FAILS)
        return HF_OK; /* a no, in a word that PUBACK has not: Mosquitto says "packet too large" */
    return err;
}

static void refuse_rule(struct hf_mc *mc, hf_err err, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_rule_info *rule = hf_mqtt_rule_info(packet->rule);

    mc->counts.overruns += err == HF_ERR_LIMIT;
    refuse(mc, err == HF_ERR_LIMIT ? HF_MQTT_REASON_PACKET_BYTES : rule->reason,
           err == HF_ERR_LIMIT ? HF_SLICE("the broker sent a message above message_bytes_max")
                               : hf_slice_of(rule->text));
}

static bool listens(const struct hf_mc *mc)
{
    return mc->phase == HF_MC_GREETING || mc->phase == HF_MC_OPEN;
}

/* The buffer for a packet of that length. False: no memory, and the connection has ended. */
static bool fit(struct hf_mc *mc, size_t bytes)
{
    uint8_t *grown;

    if (bytes <= mc->in_room)
        return true;
    grown = mc->memory.resize(mc->memory.user, mc->in, mc->in_room, bytes);
    if (grown == NULL) {
        mc->link.ending.failure = HF_CLIENT_FAILED_LOCAL;
        refuse(mc, HF_MQTT_REASON_QUOTA, HF_SLICE("no memory for a message of the broker"));
        return false;
    }
    mc->in = grown;
    mc->in_room = bytes;
    return true;
}

static void hold_nothing(struct hf_mc *mc)
{
    mc->in_bytes = mc->in_need = 0;
    if (mc->in_room > HF_CLIENT_MQTT_IN_BYTES) {
        uint8_t *smaller = mc->memory.resize(mc->memory.user, mc->in, mc->in_room, HF_CLIENT_MQTT_IN_BYTES);

        if (smaller != NULL) {
            mc->in = smaller;
            mc->in_room = HF_CLIENT_MQTT_IN_BYTES;
        }
    }
}

/* Taken out while it is worked on: the connection may end within. */
static void work_on(struct hf_mc *mc, const struct hf_mqtt_packet *packet)
{
    uint8_t *held = mc->in;

    mc->in = NULL;
    on_packet(mc, packet);
    mc->in = held;
    hold_nothing(mc);
}

static bool can_be_passed_over(const struct hf_mc *mc, const uint8_t *data)
{
    return mc->phase == HF_MC_OPEN && mc->listens && mc->version == HF_MQTT_V311 &&
           data[0] >> 4 == HF_MQTT_PUBLISH && (data[0] & PUBLISH_QOS_2) == 0;
}

/* A message that is too large, of which these are the first bytes, and `held` of them were taken. Returns how many must be there at least; no more than there are: the rest is passed over. */
static size_t pass_over(struct hf_mc *mc, const uint8_t *data, size_t bytes, size_t held)
{
    uint16_t packet_id;
    size_t whole, need = hf_mqtt_peek_publish(data, bytes, &whole, &packet_id);

    if (need > bytes)
        return need;
    mc->skip_bytes = whole - held;
    hf_mc_down_passed(mc, packet_id);
    return need;
}

/* More of the packet whose beginning is held. Returns how many bytes of data it took. */
static size_t go_on(struct hf_mc *mc, const uint8_t *data, size_t bytes)
{
    size_t taken = mc->in_need == 0 ? 1 : HF_MIN(bytes, mc->in_need - mc->in_bytes), whole;
    struct hf_mqtt_packet packet;
    hf_err err;

    if (!fit(mc, mc->in_bytes + taken))
        return bytes;
    memcpy(mc->in + mc->in_bytes, data, taken);
    mc->in_bytes += taken;
    if (mc->in_bytes < mc->in_need)
        return taken;
    err = decode(mc, mc->in, mc->in_bytes, &whole, &packet);
    if (err == HF_ERR_AGAIN) {
        mc->in_need = whole;
        (void)fit(mc, whole);
    } else if (err == HF_ERR_LIMIT && can_be_passed_over(mc, mc->in)) {
        mc->in_need = pass_over(mc, mc->in, mc->in_bytes, mc->in_bytes);
        if (mc->in_need <= mc->in_bytes)
            hold_nothing(mc);
    } else if (err != HF_OK) {
        refuse_rule(mc, err, &packet);
    } else {
        work_on(mc, &packet);
    }
    return taken;
}

void hf_mc_bytes(struct hf_mc *mc, const uint8_t *data, size_t bytes)
{
    size_t taken;

    if (bytes > 0 && listens(mc))
        lives(mc); /* a large message may take longer than the keep alive, and a PINGRESP waits behind it */
    for (; bytes > 0 && listens(mc); data += taken, bytes -= taken) {
        struct hf_mqtt_packet packet;
        hf_err err;

        if (mc->skip_bytes > 0) {
            taken = HF_MIN(bytes, mc->skip_bytes);
            mc->skip_bytes -= taken;
            continue;
        }
        if (mc->in_bytes > 0) {
            taken = go_on(mc, data, bytes);
            continue;
        }
        err = decode(mc, data, bytes, &taken, &packet);
        if (err == HF_ERR_LIMIT && can_be_passed_over(mc, data)) {
            taken = pass_over(mc, data, bytes, 0);
            if (taken <= bytes) {
                taken = 0;
                continue;
            }
            err = HF_ERR_AGAIN;
        }
        if (err == HF_ERR_AGAIN) {
            mc->in_need = taken;
            if (!fit(mc, HF_MAX(taken, bytes)))
                return;
            memcpy(mc->in, data, bytes);
            mc->in_bytes = bytes;
            return;
        }
        if (err != HF_OK) {
            refuse_rule(mc, err, &packet);
            return;
        }
        on_packet(mc, &packet);
    }
}
