/* codec/mqtt/wire.h - private to mqtt: the fields that packets are made of (5.0, 1.5), taken off the input and put into the output. */
#ifndef HF_CODEC_MQTT_WIRE_H
#define HF_CODEC_MQTT_WIRE_H

#include "base/assert.h"
#include "base/bytes.h"
#include "codec/mqtt/packet.h"

/* A body that is read. The first rule that was broken stays. */
struct hf_mqtt_in {
    const uint8_t *at, *end;
    uint8_t version, flags; /* flags: of the head */
    uint8_t rule;
    bool judged; /* it was decoded before: texts are not looked at again */
};

static inline size_t hf_mqtt_left(const struct hf_mqtt_in *in)
{
    return (size_t)(in->end - in->at);
}

/* Always false, so that a reader ends with it. */
bool hf_mqtt_refuse(struct hf_mqtt_in *in, enum hf_mqtt_rule rule);

bool hf_mqtt_take_u8(struct hf_mqtt_in *in, uint8_t *ret);
bool hf_mqtt_take_u16(struct hf_mqtt_in *in, uint16_t *ret);
bool hf_mqtt_take_u32(struct hf_mqtt_in *in, uint32_t *ret);
bool hf_mqtt_take_varint(struct hf_mqtt_in *in, uint32_t *ret);
bool hf_mqtt_take_binary(struct hf_mqtt_in *in, struct hf_slice *ret); /* also empty, ret->at is never NULL */
bool hf_mqtt_take_text(struct hf_mqtt_in *in, struct hf_slice *ret);   /* UTF-8 without U+0000 */
bool hf_mqtt_take_topic(struct hf_mqtt_in *in, struct hf_slice *ret);  /* a topic name */
bool hf_mqtt_take_packet_id(struct hf_mqtt_in *in, uint16_t *ret);     /* not 0 */
/* What is left. */
struct hf_slice hf_mqtt_take_rest(struct hf_mqtt_in *in);

/* A length at the start of bytes (1.5.5): how many it takes, 0 when it does not end within them, -1 when *ret_rule says what is wrong. */
int hf_mqtt_varint_read(const uint8_t *at, size_t bytes, uint32_t *ret_value, enum hf_mqtt_rule *ret_rule);
unsigned hf_mqtt_varint_write(uint8_t out[4], uint32_t value); /* returns 1..4 */

/* A body that is written, or only counted: then `at` is NULL. */
struct hf_mqtt_out {
    uint8_t *at;
    size_t bytes;
    uint8_t version;
    bool head_only; /* PUBLISH: the payload is counted, not written */
    bool unsayable; /* a text that is too long was left out */
};

void hf_mqtt_put(struct hf_mqtt_out *out, const void *data, size_t bytes);
void hf_mqtt_put_u8(struct hf_mqtt_out *out, uint8_t value);
void hf_mqtt_put_u16(struct hf_mqtt_out *out, uint16_t value);
void hf_mqtt_put_u32(struct hf_mqtt_out *out, uint32_t value);
void hf_mqtt_put_varint(struct hf_mqtt_out *out, uint32_t value);
void hf_mqtt_put_binary(struct hf_mqtt_out *out, struct hf_slice data); /* and strings */

/* property.c. where: a packet type, or HF_MQTT_NONE for the will. 3.1.1: takes and puts nothing. */
bool hf_mqtt_take_properties(struct hf_mqtt_in *in, unsigned where, struct hf_mqtt_properties *ret);
void hf_mqtt_put_properties(struct hf_mqtt_out *out, unsigned where,
                            const struct hf_mqtt_properties *properties);
bool hf_mqtt_no_properties(const struct hf_mqtt_properties *properties);

bool hf_mqtt_payload_holds(const struct hf_mqtt_properties *properties, struct hf_slice payload);

/* One reader and one writer for each body. Readers find `ret` zeroed but for its type. */
bool hf_mqtt_take_connect(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_connack(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_publish(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_ack(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_subscribe(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_suback(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_nothing(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
bool hf_mqtt_take_end(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
void hf_mqtt_put_connect(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_connack(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_publish(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_ack(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_subscribe(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_suback(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_nothing(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
void hf_mqtt_put_end(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
uint8_t hf_mqtt_publish_flags(const struct hf_mqtt_packet *packet);

#endif
