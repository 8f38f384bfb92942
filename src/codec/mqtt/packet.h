/* codec/mqtt/packet.h - the packets of MQTT 3.1.1 and 5.0 as structs, for both sides of a connection. Pure: allocates nothing, copies no payload; slices borrow
 * from the input and live as long as it does. Which packet may come when, and who may send it, is the caller's (hf_mqtt_may_go_up()); what a packet
 * says by itself is judged here, as strictly as the standard allows, and the rule that was broken is told (rule.h).
 * Source: MQTT 5.0 (OASIS 2019-03-07), MQTT 3.1.1 (OASIS 2014-10-29); section numbers are those of 5.0. */
#ifndef HF_CODEC_MQTT_PACKET_H
#define HF_CODEC_MQTT_PACKET_H

#include "base/err.h"
#include "codec/mqtt/property.h"
#include "codec/mqtt/reason.h"
#include "codec/mqtt/rule.h"

/* Columns: identifier, value (2.1.2), member of struct hf_mqtt_packet.as, flags of the head (2.1.3; PUBLISH has its own), may a client send it, may a server. */
#define HF_MQTT_TYPE_MAP(X)                       \
    X(CONNECT, 1, connect, 0, true, false)        \
    X(CONNACK, 2, connack, 0, false, true)        \
    X(PUBLISH, 3, publish, 0, true, true)         \
    X(PUBACK, 4, ack, 0, true, true)              \
    X(PUBREC, 5, ack, 0, true, true)              \
    X(PUBREL, 6, ack, 2, true, true)              \
    X(PUBCOMP, 7, ack, 0, true, true)             \
    X(SUBSCRIBE, 8, subscribe, 2, true, false)    \
    X(SUBACK, 9, suback, 0, false, true)          \
    X(UNSUBSCRIBE, 10, subscribe, 2, true, false) \
    X(UNSUBACK, 11, suback, 0, false, true)       \
    X(PINGREQ, 12, nothing, 0, true, false)       \
    X(PINGRESP, 13, nothing, 0, false, true)      \
    X(DISCONNECT, 14, end, 0, true, true)         \
    X(AUTH, 15, end, 0, true, true)
#define HF_MQTT_TYPE_ENUM(id, value, member, flags, up, down) HF_MQTT_##id = value,
enum hf_mqtt_type { HF_MQTT_NONE, HF_MQTT_TYPE_MAP(HF_MQTT_TYPE_ENUM) HF_MQTT_TYPES };
#undef HF_MQTT_TYPE_ENUM

const char *hf_mqtt_type_name(unsigned type); /* "PUBLISH"; "unknown" when not in the table */
/* In 3.1.1 a server sends no DISCONNECT (3.1.1, 3.14), and nobody AUTH. */
bool hf_mqtt_may_go_up(unsigned type);
bool hf_mqtt_may_go_down(unsigned type);

enum hf_mqtt_version { HF_MQTT_V311 = 4, HF_MQTT_V5 = 5 }; /* as in CONNECT, 3.1.2.2 */

enum {
    HF_MQTT_HEAD_BYTES_MAX = 5,
    HF_MQTT_PACKET_BYTES_MAX = HF_MQTT_HEAD_BYTES_MAX + HF_MQTT_VARINT_MAX,
    HF_MQTT_TEXT_BYTES_MAX = UINT16_MAX, /* of a string and of binary data, 1.5.4, 1.5.6 */
    HF_MQTT_QOS_MAX = 2,
};

struct hf_mqtt_will {
    uint8_t qos;
    bool retain;
    struct hf_mqtt_properties properties;
    struct hf_slice topic, payload; /* payload: at most 65,535 bytes */
};

struct hf_mqtt_connect {
    uint8_t version;  /* enum hf_mqtt_version; decoding only, encoding takes its argument */
    bool clean_start; /* 3.1.1: clean session */
    bool has_will;
    uint16_t keep_alive_s; /* 0 = off */
    struct hf_slice client_id;
    struct hf_slice user_name, password; /* absent: {NULL, 0} */
    struct hf_mqtt_will will;
};

struct hf_mqtt_connack {
    bool session_present;
    uint8_t reason; /* return codes of 3.1.1 in words of 5.0 (reason.h), both ways */
};

struct hf_mqtt_publish {
    uint8_t qos; /* 0..HF_MQTT_QOS_MAX */
    bool dup, retain;
    uint16_t packet_id;    /* 1.., 0 with QoS 0 */
    struct hf_slice topic; /* empty only with a topic alias */
    struct hf_slice payload;
};

struct hf_mqtt_ack { /* PUBACK, PUBREC, PUBREL, PUBCOMP */
    uint16_t packet_id;
    uint8_t reason; /* 3.1.1: success */
};

/* SUBSCRIBE, UNSUBSCRIBE. The list is as it is on the wire: read with hf_mqtt_filter_next(), made with hf_mqtt_put_filter(). */
struct hf_mqtt_subscribe {
    uint16_t packet_id;
    unsigned filter_count; /* decoding only: 1.. */
    struct hf_slice filters;
};

struct hf_mqtt_suback { /* SUBACK, UNSUBACK */
    uint16_t packet_id;
    struct hf_slice codes; /* one byte for each topic filter, in their order; UNSUBACK of 3.1.1: none */
};

struct hf_mqtt_end { /* DISCONNECT, AUTH */
    uint8_t reason;  /* DISCONNECT of 3.1.1: success */
};

struct hf_mqtt_packet {
    uint8_t type; /* enum hf_mqtt_type */
    uint8_t rule; /* enum hf_mqtt_rule: what was broken; decoding only */
    struct hf_mqtt_properties properties;
    union {
        struct hf_mqtt_connect connect;
        struct hf_mqtt_connack connack;
        struct hf_mqtt_publish publish;
        struct hf_mqtt_ack ack;
        struct hf_mqtt_subscribe subscribe;
        struct hf_mqtt_suback suback;
        struct hf_mqtt_end end;
    } as;
};

/* Decodes the packet that begins at data. A CONNECT says its version itself: for it, `version` does not count.
 * HF_OK: *ret_taken are the bytes of the packet, 2..bytes.
 * HF_ERR_AGAIN: not whole yet. *ret_taken are the bytes of the whole packet, above `bytes`, or 0 when that is not known yet.
 * HF_ERR_LIMIT: longer than packet_bytes_max (head included, 3.1.2.11.4), HF_MQTT_RULE_PACKET_BYTES.
 * HF_ERR_MALFORMED: a rule is broken, ret_packet->rule; hf_mqtt_rule_info() has the reason code that answers it: 0x81 malformed, 0x82 protocol error, or one
 * that says more. What the head breaks is told before the body is there. What else is in the packet means nothing, but for
 * HF_MQTT_RULE_PAYLOAD_FORMAT: then all is set as with HF_OK, and the connection may go on (3.3.2.3.2). After the other errors it may not. */
hf_err hf_mqtt_decode(const void *data, size_t bytes, enum hf_mqtt_version version, size_t packet_bytes_max,
                      size_t *ret_taken, struct hf_mqtt_packet *ret_packet);
/* A PUBLISH with QoS 0 or 1 that hf_mqtt_decode() found above packet_bytes_max, told by its first bytes: its length, and its identifier, 0 where it has none. Returns how many of
 * them that takes; when those are more than `bytes`, nothing is known yet. */
size_t hf_mqtt_peek_publish(const void *data, size_t bytes, size_t *ret_whole_bytes, uint16_t *ret_packet_id);

/* Bytes of the whole packet; 0 when it cannot be said at all: a text above 65,535 bytes, or more than HF_MQTT_VARINT_MAX behind the head. What a packet may hold
 * is the caller's to keep to (a property that this packet has not, a QoS of 3, a packet identifier of 0 are asserted); in 3.1.1, properties, reasons of
 * acknowledgements and options other than the QoS do not go out. */
size_t hf_mqtt_encoded_bytes(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet);
/* Writes hf_mqtt_encoded_bytes() bytes, which must not be 0, and returns their count. */
size_t hf_mqtt_encode(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, uint8_t *out);
/* The same for a PUBLISH, without the bytes of its payload, which come behind it: they are counted, and never read. */
size_t hf_mqtt_encode_publish_head(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet,
                                   uint8_t *out);

struct hf_mqtt_filter {
    struct hf_slice filter;
    uint8_t qos;                        /* greatest, 0..2 */
    bool no_local, retain_as_published; /* 5.0 (3.8.3.1) */
    uint8_t retain_handling;            /* 0 always, 1 when the subscription is new, 2 never; 5.0 */
};

/* Takes the next one off *rest, at first a copy of subscribe.filters. type: HF_MQTT_SUBSCRIBE or HF_MQTT_UNSUBSCRIBE, which has no options. False at the end. */
bool hf_mqtt_filter_next(struct hf_slice *rest, enum hf_mqtt_type type, struct hf_mqtt_filter *ret);
/* Adds one to what becomes subscribe.filters. A filter above 65,535 bytes sets sb->overflow. In 3.1.1 only the QoS may be other than 0. */
void hf_mqtt_put_filter(struct hf_sb *sb, enum hf_mqtt_type type, const struct hf_mqtt_filter *filter);

#endif
