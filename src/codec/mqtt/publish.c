/* codec/mqtt/publish.c - PUBLISH (5.0, 3.3), what answers it (3.4 to 3.7), and the ends of a conversation, which have the same short forms (3.14, 3.15).
 *
 *   PUBLISH:              text topic | u16 packet id, with QoS 1 and 2 | properties | payload
 *   PUBACK .. PUBCOMP:    u16 packet id [| u8 reason [| properties]]
 *   DISCONNECT, AUTH:     [u8 reason [| properties]] */
#include "codec/mqtt/topic.h"
#include "codec/mqtt/wire.h"
#include "codec/ws/utf8.h"

enum { FLAG_RETAIN = 0x1, FLAG_DUP = 0x8, QOS_SHIFT = 1, QOS_MASK = 3 }; /* 3.3.1 */

bool hf_mqtt_payload_holds(const struct hf_mqtt_properties *properties, struct hf_slice payload)
{
    return hf_mqtt_property_number(properties, HF_MQTT_PROPERTY_PAYLOAD_FORMAT) == 0 ||
           hf_ws_utf8_valid(payload.at, payload.bytes);
}

/* An alias may stand for the topic (3.3.2.3.4). */
static bool judge_topic(struct hf_mqtt_in *in, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_properties *properties = &packet->properties;
    bool has_alias = hf_mqtt_has(properties, HF_MQTT_PROPERTY_TOPIC_ALIAS);

    if (has_alias && properties->topic_alias == 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_TOPIC_ALIAS);
    if (packet->as.publish.topic.bytes == 0)
        return has_alias || hf_mqtt_refuse(in, HF_MQTT_RULE_TOPIC_MISSING);
    return hf_mqtt_topic_valid(packet->as.publish.topic) || hf_mqtt_refuse(in, HF_MQTT_RULE_TOPIC_NAME);
}

bool hf_mqtt_take_publish(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    struct hf_mqtt_publish *publish = &ret->as.publish;

    publish->qos = in->flags >> QOS_SHIFT & QOS_MASK;
    publish->dup = (in->flags & FLAG_DUP) != 0;
    publish->retain = (in->flags & FLAG_RETAIN) != 0;
    if (publish->qos > HF_MQTT_QOS_MAX)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_QOS);
    if (publish->dup && publish->qos == 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_DUP);
    if (!hf_mqtt_take_text(in, &publish->topic) ||
        (publish->qos > 0 && !hf_mqtt_take_packet_id(in, &publish->packet_id)) ||
        !hf_mqtt_take_properties(in, HF_MQTT_PUBLISH, &ret->properties) || !judge_topic(in, ret))
        return false;
    publish->payload = hf_mqtt_take_rest(in);
    return hf_mqtt_payload_holds(&ret->properties, publish->payload) ||
           hf_mqtt_refuse(in, HF_MQTT_RULE_PAYLOAD_FORMAT);
}

uint8_t hf_mqtt_publish_flags(const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;

    HF_ASSERT(publish->qos <= HF_MQTT_QOS_MAX && !(publish->dup && publish->qos == 0));
    return (uint8_t)((publish->dup ? FLAG_DUP : 0) | (publish->retain ? FLAG_RETAIN : 0) |
                     publish->qos << QOS_SHIFT);
}

void hf_mqtt_put_publish(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;

    HF_ASSERT((publish->qos > 0) == (publish->packet_id > 0));
    hf_mqtt_put_binary(out, publish->topic);
    if (publish->qos > 0)
        hf_mqtt_put_u16(out, publish->packet_id);
    hf_mqtt_put_properties(out, HF_MQTT_PUBLISH, &packet->properties);
    if (out->at == NULL)
        out->bytes += publish->payload.bytes; /* that of a head alone need not be in memory */
    else if (!out->head_only)
        hf_mqtt_put(out, publish->payload.at, publish->payload.bytes);
}

size_t hf_mqtt_peek_publish(const void *data, size_t bytes, size_t *ret_whole_bytes, uint16_t *ret_packet_id)
{
    enum hf_mqtt_rule rule = HF_MQTT_RULE_NONE;
    const uint8_t *at = data;
    uint32_t body_bytes = 0;
    int length_bytes = hf_mqtt_varint_read(at + 1, bytes - 1, &body_bytes, &rule);
    size_t head_bytes = 1 + (size_t)length_bytes, need = head_bytes + sizeof(uint16_t);

    HF_ASSERT(length_bytes > 0); /* it was decoded so far */
    *ret_whole_bytes = head_bytes + body_bytes;
    *ret_packet_id = 0;
    if ((at[0] >> QOS_SHIFT & QOS_MASK) == 0 || need > *ret_whole_bytes)
        return head_bytes;
    if (need > bytes)
        return need;
    need += hf_get_u16(at + head_bytes) + sizeof(*ret_packet_id);
    if (need > *ret_whole_bytes)
        return head_bytes;
    if (need <= bytes)
        *ret_packet_id = hf_get_u16(at + need - sizeof(*ret_packet_id));
    return need;
}

/* [u8 reason [| properties]]: what is left out means success, and none. */
static bool take_reason(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret, uint8_t *ret_reason)
{
    if (in->version < HF_MQTT_V5 || hf_mqtt_left(in) == 0)
        return true;
    if (!hf_mqtt_take_u8(in, ret_reason))
        return false;
    if (!hf_mqtt_reason_may(*ret_reason, ret->type))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_REASON);
    return hf_mqtt_left(in) == 0 || hf_mqtt_take_properties(in, ret->type, &ret->properties);
}

static void put_reason(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet, uint8_t reason)
{
    bool bare = hf_mqtt_no_properties(&packet->properties);

    HF_ASSERT(hf_mqtt_reason_may(reason, packet->type));
    if (out->version < HF_MQTT_V5 || (bare && reason == HF_MQTT_REASON_SUCCESS))
        return;
    hf_mqtt_put_u8(out, reason);
    if (!bare)
        hf_mqtt_put_properties(out, packet->type, &packet->properties);
}

bool hf_mqtt_take_ack(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    return hf_mqtt_take_packet_id(in, &ret->as.ack.packet_id) && take_reason(in, ret, &ret->as.ack.reason);
}

void hf_mqtt_put_ack(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    HF_ASSERT(packet->as.ack.packet_id > 0);
    hf_mqtt_put_u16(out, packet->as.ack.packet_id);
    put_reason(out, packet, packet->as.ack.reason);
}

bool hf_mqtt_take_end(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    bool bare = hf_mqtt_left(in) == 0;

    if (!take_reason(in, ret, &ret->as.end.reason))
        return false;
    /* Only the shortest form of AUTH goes without it (3.15.2.1, 3.15.2.2.2). */
    if (ret->type == HF_MQTT_AUTH && !bare && !hf_mqtt_has(&ret->properties, HF_MQTT_PROPERTY_AUTH_METHOD))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_AUTH_METHOD);
    return true;
}

void hf_mqtt_put_end(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    put_reason(out, packet, packet->as.end.reason);
}
