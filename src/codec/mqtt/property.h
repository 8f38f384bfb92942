/* codec/mqtt/property.h - the properties of 5.0 (2.2.2): one struct for all packets and the will, and one table that says which of them may stand where.
 * 3.1.1 has none: decoding leaves the struct empty, encoding ignores it. */
#ifndef HF_CODEC_MQTT_PROPERTY_H
#define HF_CODEC_MQTT_PROPERTY_H

#include "base/sb.h"
#include "base/slice.h"

/* Columns: identifier, number on the wire, kind, member (user properties and subscription identifiers: none, see `repeated`), where it may stand
 * (bits by packet type, WILL for the will of a CONNECT), least and greatest value, value when it is absent. */
#define HF_MQTT_PROPERTY_MAP(X)                                                                            \
    X(PAYLOAD_FORMAT, 0x01, U8, payload_format, PUBLISH | WILL, 0, 1, 0)                                   \
    X(MESSAGE_EXPIRY, 0x02, U32, message_expiry_s, PUBLISH | WILL, 0, UINT32_MAX, UINT32_MAX)              \
    X(CONTENT_TYPE, 0x03, TEXT, content_type, PUBLISH | WILL, 0, 0, 0)                                     \
    X(RESPONSE_TOPIC, 0x08, TEXT, response_topic, PUBLISH | WILL, 0, 0, 0)                                 \
    X(CORRELATION_DATA, 0x09, BINARY, correlation_data, PUBLISH | WILL, 0, 0, 0)                           \
    X(SUBSCRIPTION_ID, 0x0b, VARINT, repeated, PUBLISH | SUBSCRIBE, 1, HF_MQTT_VARINT_MAX, 0)              \
    X(SESSION_EXPIRY, 0x11, U32, session_expiry_s, CONNECT | CONNACK | DISCONNECT, 0, UINT32_MAX, 0)       \
    X(ASSIGNED_CLIENT_ID, 0x12, TEXT, assigned_client_id, CONNACK, 0, 0, 0)                                \
    X(SERVER_KEEP_ALIVE, 0x13, U16, server_keep_alive_s, CONNACK, 0, UINT16_MAX, 0)                        \
    X(AUTH_METHOD, 0x15, TEXT, auth_method, CONNECT | CONNACK | AUTH, 0, 0, 0)                             \
    X(AUTH_DATA, 0x16, BINARY, auth_data, CONNECT | CONNACK | AUTH, 0, 0, 0)                               \
    X(REQUEST_PROBLEM, 0x17, U8, request_problem, CONNECT, 0, 1, 1)                                        \
    X(WILL_DELAY, 0x18, U32, will_delay_s, WILL, 0, UINT32_MAX, 0)                                         \
    X(REQUEST_RESPONSE, 0x19, U8, request_response, CONNECT, 0, 1, 0)                                      \
    X(RESPONSE_INFORMATION, 0x1a, TEXT, response_information, CONNACK, 0, 0, 0)                            \
    X(SERVER_REFERENCE, 0x1c, TEXT, server_reference, CONNACK | DISCONNECT, 0, 0, 0)                       \
    X(REASON_STRING, 0x1f, TEXT, reason_string, CONNACK | ACKS | SUBACK | UNSUBACK | DISCONNECT | AUTH, 0, \
      0, 0)                                                                                                \
    X(RECEIVE_MAXIMUM, 0x21, U16, receive_maximum, CONNECT | CONNACK, 1, UINT16_MAX, UINT16_MAX)           \
    X(TOPIC_ALIAS_MAXIMUM, 0x22, U16, topic_alias_maximum, CONNECT | CONNACK, 0, UINT16_MAX, 0)            \
    X(TOPIC_ALIAS, 0x23, U16, topic_alias, PUBLISH, 0, UINT16_MAX, 0)                                      \
    X(MAXIMUM_QOS, 0x24, U8, maximum_qos, CONNACK, 0, 1, 2)                                                \
    X(RETAIN_AVAILABLE, 0x25, U8, retain_available, CONNACK, 0, 1, 1)                                      \
    X(USER, 0x26, PAIR, repeated, EVERY | WILL, 0, 0, 0)                                                   \
    X(MAXIMUM_PACKET_BYTES, 0x27, U32, maximum_packet_bytes, CONNECT | CONNACK, 1, UINT32_MAX, UINT32_MAX) \
    X(WILDCARDS_AVAILABLE, 0x28, U8, wildcards_available, CONNACK, 0, 1, 1)                                \
    X(SUBSCRIPTION_IDS_AVAILABLE, 0x29, U8, subscription_ids_available, CONNACK, 0, 1, 1)                  \
    X(SHARED_AVAILABLE, 0x2a, U8, shared_available, CONNACK, 0, 1, 1)

#define HF_MQTT_PROPERTY_ENUM(id, number, kind, member, where, least, most, absent) \
    HF_MQTT_PROPERTY_##id = number,
enum hf_mqtt_property { HF_MQTT_PROPERTY_MAP(HF_MQTT_PROPERTY_ENUM) HF_MQTT_PROPERTIES };
#undef HF_MQTT_PROPERTY_ENUM

enum { HF_MQTT_VARINT_MAX = 268435455 }; /* 1.5.5; of the length of a packet, too */

#define HF_MQTT_HAS(id) (UINT64_C(1) << HF_MQTT_PROPERTY_##id)

struct hf_mqtt_properties {
    uint64_t has; /* HF_MQTT_HAS(): only these are set, only these are written. Not for what may repeat. */
    uint32_t payload_format, message_expiry_s, session_expiry_s, server_keep_alive_s, request_problem,
        will_delay_s, request_response;
    uint32_t receive_maximum, topic_alias_maximum, topic_alias, maximum_qos, retain_available,
        maximum_packet_bytes;
    uint32_t wildcards_available, subscription_ids_available, shared_available;
    struct hf_slice content_type, response_topic, correlation_data, assigned_client_id, auth_method,
        auth_data;
    struct hf_slice response_information, server_reference, reason_string;
    /* User properties, and subscription identifiers of PUBLISH and SUBSCRIBE, in their order, as they are on the wire: read with hf_mqtt_repeated_next(),
     * made with hf_mqtt_put_user() and hf_mqtt_put_subscription_id(). Decoding may leave other properties between them. */
    struct hf_slice repeated;
};

static inline bool hf_mqtt_has(const struct hf_mqtt_properties *properties, enum hf_mqtt_property id)
{
    return (properties->has >> id & 1) != 0;
}

/* A number that is there, or what the standard says of its absence: a receive_maximum of 65,535, a maximum_qos of 2, no expiry and no greatest packet as
 * UINT32_MAX. Asserts that `id` is a number. */
uint32_t hf_mqtt_property_number(const struct hf_mqtt_properties *properties, enum hf_mqtt_property id);

struct hf_mqtt_repeated {
    uint8_t id;                  /* HF_MQTT_PROPERTY_USER or HF_MQTT_PROPERTY_SUBSCRIPTION_ID */
    uint32_t number;             /* subscription identifier */
    struct hf_slice name, value; /* user property; into what *rest points into */
};

/* Takes the next one off *rest, at first a copy of properties.repeated. False at the end. */
bool hf_mqtt_repeated_next(struct hf_slice *rest, struct hf_mqtt_repeated *ret);
/* Add one to what becomes properties.repeated. A name or value above 65,535 bytes sets sb->overflow. Both are UTF-8 without U+0000. */
void hf_mqtt_put_user(struct hf_sb *sb, struct hf_slice name, struct hf_slice value);
void hf_mqtt_put_subscription_id(struct hf_sb *sb, uint32_t id); /* 1..HF_MQTT_VARINT_MAX */

const char *hf_mqtt_property_name(unsigned id); /* "receive_maximum"; "unknown" when not in the table */

#endif
