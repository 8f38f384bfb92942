/* codec/mqtt/connect.c - CONNECT (5.0, 3.1) and CONNACK (3.2).
 *
 *   CONNECT: text "MQTT" | u8 version | u8 flags | u16 keep alive | properties | text client id
 *            | will: properties, text topic, binary payload | text user name | binary password
 *   CONNACK: u8 flags | u8 reason | properties */
#include "codec/mqtt/wire.h"

enum { /* 3.1.2.3 */
       FLAG_RESERVED = 0x01,
       FLAG_CLEAN_START = 0x02,
       FLAG_WILL = 0x04,
       FLAG_WILL_QOS = 0x18,
       FLAG_WILL_RETAIN = 0x20,
       FLAG_PASSWORD = 0x40,
       FLAG_USER_NAME = 0x80,
       WILL_QOS_SHIFT = 3,
       FLAG_SESSION_PRESENT = 0x01, /* 3.2.2.1 */
};

#define PROTOCOL_NAME HF_SLICE("MQTT")

static bool take_protocol(struct hf_mqtt_in *in, struct hf_mqtt_connect *ret)
{
    struct hf_slice name;

    if (!hf_mqtt_take_text(in, &name))
        return false;
    if (!hf_slice_eq(name, PROTOCOL_NAME)) /* 3.1 said MQIsdp */
        return hf_mqtt_refuse(in, HF_MQTT_RULE_PROTOCOL_NAME);
    if (!hf_mqtt_take_u8(in, &ret->version))
        return false;
    if (ret->version != HF_MQTT_V311 && ret->version != HF_MQTT_V5)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_VERSION);
    in->version = ret->version;
    return true;
}

static bool judge_flags(struct hf_mqtt_in *in, uint8_t flags)
{
    if (flags & FLAG_RESERVED)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_CONNECT_FLAGS);
    if (!(flags & FLAG_WILL) && (flags & (FLAG_WILL_QOS | FLAG_WILL_RETAIN)))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_WILL_FLAGS);
    if ((flags & FLAG_WILL_QOS) >> WILL_QOS_SHIFT > HF_MQTT_QOS_MAX)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_WILL_QOS);
    if (in->version < HF_MQTT_V5 && (flags & FLAG_PASSWORD) && !(flags & FLAG_USER_NAME))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_PASSWORD); /* 5.0 allows it: a token needs no name (3.1.2.9) */
    return true;
}

static bool take_will(struct hf_mqtt_in *in, struct hf_mqtt_will *ret)
{
    return hf_mqtt_take_properties(in, HF_MQTT_NONE, &ret->properties) &&
           hf_mqtt_take_topic(in, &ret->topic) && hf_mqtt_take_binary(in, &ret->payload);
}

bool hf_mqtt_take_connect(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    struct hf_mqtt_connect *connect = &ret->as.connect;
    uint8_t flags;

    if (!take_protocol(in, connect) || !hf_mqtt_take_u8(in, &flags) || !judge_flags(in, flags) ||
        !hf_mqtt_take_u16(in, &connect->keep_alive_s) ||
        !hf_mqtt_take_properties(in, HF_MQTT_CONNECT, &ret->properties) ||
        !hf_mqtt_take_text(in, &connect->client_id))
        return false;
    connect->clean_start = (flags & FLAG_CLEAN_START) != 0;
    connect->has_will = (flags & FLAG_WILL) != 0;
    connect->will.qos = (flags & FLAG_WILL_QOS) >> WILL_QOS_SHIFT;
    connect->will.retain = (flags & FLAG_WILL_RETAIN) != 0;
    if ((connect->has_will && !take_will(in, &connect->will)) ||
        ((flags & FLAG_USER_NAME) && !hf_mqtt_take_text(in, &connect->user_name)) ||
        ((flags & FLAG_PASSWORD) && !hf_mqtt_take_binary(in, &connect->password)))
        return false;
    if (hf_mqtt_left(in) > 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_REST);
    if (in->version < HF_MQTT_V5 && connect->client_id.bytes == 0 && !connect->clean_start)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_CLIENT_ID);
    if (hf_mqtt_has(&ret->properties, HF_MQTT_PROPERTY_AUTH_DATA) &&
        !hf_mqtt_has(&ret->properties, HF_MQTT_PROPERTY_AUTH_METHOD))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_AUTH_METHOD);
    if (connect->has_will && !hf_mqtt_payload_holds(&connect->will.properties, connect->will.payload))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_PAYLOAD_FORMAT);
    return true;
}

static uint8_t flags_of(const struct hf_mqtt_connect *connect)
{
    unsigned flags = connect->clean_start ? FLAG_CLEAN_START : 0;

    if (connect->has_will) {
        HF_ASSERT(connect->will.qos <= HF_MQTT_QOS_MAX);
        flags |= FLAG_WILL | (unsigned)connect->will.qos << WILL_QOS_SHIFT;
        flags |= connect->will.retain ? FLAG_WILL_RETAIN : 0;
    }
    if (connect->user_name.at != NULL)
        flags |= FLAG_USER_NAME;
    if (connect->password.at != NULL)
        flags |= FLAG_PASSWORD;
    return (uint8_t)flags;
}

void hf_mqtt_put_connect(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_connect *connect = &packet->as.connect;

    HF_ASSERT(out->version >= HF_MQTT_V5 || connect->password.at == NULL || connect->user_name.at != NULL);
    hf_mqtt_put_binary(out, PROTOCOL_NAME);
    hf_mqtt_put_u8(out, out->version);
    hf_mqtt_put_u8(out, flags_of(connect));
    hf_mqtt_put_u16(out, connect->keep_alive_s);
    hf_mqtt_put_properties(out, HF_MQTT_CONNECT, &packet->properties);
    hf_mqtt_put_binary(out, connect->client_id);
    if (connect->has_will) {
        hf_mqtt_put_properties(out, HF_MQTT_NONE, &connect->will.properties);
        hf_mqtt_put_binary(out, connect->will.topic);
        hf_mqtt_put_binary(out, connect->will.payload);
    }
    if (connect->user_name.at != NULL)
        hf_mqtt_put_binary(out, connect->user_name);
    if (connect->password.at != NULL)
        hf_mqtt_put_binary(out, connect->password);
}

bool hf_mqtt_take_connack(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    struct hf_mqtt_connack *connack = &ret->as.connack;
    uint8_t flags;

    if (!hf_mqtt_take_u8(in, &flags) || !hf_mqtt_take_u8(in, &connack->reason))
        return false;
    if (flags & ~FLAG_SESSION_PRESENT)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_CONNACK_FLAGS);
    connack->session_present = flags != 0;
    if (in->version < HF_MQTT_V5 ? !hf_mqtt_reason_of_return_code(connack->reason, &connack->reason)
                                 : !hf_mqtt_reason_may(connack->reason, HF_MQTT_CONNACK))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_REASON);
    if (connack->session_present && connack->reason != HF_MQTT_REASON_SUCCESS)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_SESSION_PRESENT);
    return hf_mqtt_take_properties(in, HF_MQTT_CONNACK, &ret->properties);
}

void hf_mqtt_put_connack(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_connack *connack = &packet->as.connack;

    HF_ASSERT(hf_mqtt_reason_may(connack->reason, HF_MQTT_CONNACK));
    HF_ASSERT(!connack->session_present || connack->reason == HF_MQTT_REASON_SUCCESS);
    hf_mqtt_put_u8(out, connack->session_present ? FLAG_SESSION_PRESENT : 0);
    hf_mqtt_put_u8(out, out->version < HF_MQTT_V5 ? hf_mqtt_return_code(connack->reason) : connack->reason);
    hf_mqtt_put_properties(out, HF_MQTT_CONNACK, &packet->properties);
}
