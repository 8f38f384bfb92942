/* codec/mqtt/wire.c - see wire.h. */
#include "codec/mqtt/wire.h"

#include "codec/mqtt/topic.h"
#include "codec/ws/utf8.h"

enum { VARINT_BYTES_MAX = 4, VARINT_BITS = 7, VARINT_MORE = 0x80 };

bool hf_mqtt_refuse(struct hf_mqtt_in *in, enum hf_mqtt_rule rule)
{
    if (in->rule == HF_MQTT_RULE_NONE)
        in->rule = (uint8_t)rule;
    return false;
}

static bool enough(struct hf_mqtt_in *in, size_t bytes)
{
    return hf_mqtt_left(in) >= bytes || hf_mqtt_refuse(in, HF_MQTT_RULE_CUT);
}

bool hf_mqtt_take_u8(struct hf_mqtt_in *in, uint8_t *ret)
{
    if (!enough(in, sizeof(*ret)))
        return false;
    *ret = *in->at++;
    return true;
}

bool hf_mqtt_take_u16(struct hf_mqtt_in *in, uint16_t *ret)
{
    if (!enough(in, sizeof(*ret)))
        return false;
    *ret = hf_get_u16(in->at);
    in->at += sizeof(*ret);
    return true;
}

bool hf_mqtt_take_u32(struct hf_mqtt_in *in, uint32_t *ret)
{
    if (!enough(in, sizeof(*ret)))
        return false;
    *ret = hf_get_u32(in->at);
    in->at += sizeof(*ret);
    return true;
}

int hf_mqtt_varint_read(const uint8_t *at, size_t bytes, uint32_t *ret_value, enum hf_mqtt_rule *ret_rule)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        if (i == bytes)
            return 0;
        value |= (uint32_t)(at[i] & ~VARINT_MORE) << (VARINT_BITS * i);
        if (at[i] & VARINT_MORE)
            continue;
        if (at[i] == 0 && i > 0) {
            *ret_rule = HF_MQTT_RULE_LENGTH_NOT_SHORTEST;
            return -1;
        }
        *ret_value = value;
        return (int)i + 1;
    }
    *ret_rule = HF_MQTT_RULE_LENGTH;
    return -1;
}

bool hf_mqtt_take_varint(struct hf_mqtt_in *in, uint32_t *ret)
{
    enum hf_mqtt_rule rule = HF_MQTT_RULE_CUT;
    int taken = hf_mqtt_varint_read(in->at, hf_mqtt_left(in), ret, &rule);

    if (taken <= 0)
        return hf_mqtt_refuse(in, rule);
    in->at += taken;
    return true;
}

unsigned hf_mqtt_varint_write(uint8_t out[4], uint32_t value)
{
    unsigned bytes = 0;

    HF_ASSERT(value <= HF_MQTT_VARINT_MAX);
    do {
        out[bytes] = (uint8_t)(value & ~(uint32_t)VARINT_MORE & UINT8_MAX);
        value >>= VARINT_BITS;
        if (value > 0)
            out[bytes] |= VARINT_MORE;
        bytes++;
    } while (value > 0);
    return bytes;
}

bool hf_mqtt_take_binary(struct hf_mqtt_in *in, struct hf_slice *ret)
{
    uint16_t bytes;

    if (!hf_mqtt_take_u16(in, &bytes) || !enough(in, bytes))
        return false;
    *ret = (struct hf_slice){(const char *)in->at, bytes};
    in->at += bytes;
    return true;
}

bool hf_mqtt_take_text(struct hf_mqtt_in *in, struct hf_slice *ret)
{
    if (!hf_mqtt_take_binary(in, ret))
        return false;
    if (in->judged)
        return true;
    if (!hf_ws_utf8_valid(ret->at, ret->bytes))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_UTF8);
    if (memchr(ret->at, 0, ret->bytes) != NULL)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_NUL);
    return true;
}

bool hf_mqtt_take_topic(struct hf_mqtt_in *in, struct hf_slice *ret)
{
    return hf_mqtt_take_text(in, ret) &&
           (hf_mqtt_topic_valid(*ret) || hf_mqtt_refuse(in, HF_MQTT_RULE_TOPIC_NAME));
}

bool hf_mqtt_take_packet_id(struct hf_mqtt_in *in, uint16_t *ret)
{
    return hf_mqtt_take_u16(in, ret) && (*ret != 0 || hf_mqtt_refuse(in, HF_MQTT_RULE_PACKET_ID));
}

struct hf_slice hf_mqtt_take_rest(struct hf_mqtt_in *in)
{
    struct hf_slice rest = {(const char *)in->at, hf_mqtt_left(in)};

    in->at = in->end;
    return rest;
}

void hf_mqtt_put(struct hf_mqtt_out *out, const void *data, size_t bytes)
{
    if (out->at != NULL && bytes > 0)
        memcpy(out->at + out->bytes, data, bytes);
    out->bytes += bytes;
}

void hf_mqtt_put_u8(struct hf_mqtt_out *out, uint8_t value)
{
    hf_mqtt_put(out, &value, sizeof(value));
}

void hf_mqtt_put_u16(struct hf_mqtt_out *out, uint16_t value)
{
    uint8_t wire[sizeof(value)];

    hf_put_u16(wire, value);
    hf_mqtt_put(out, wire, sizeof(wire));
}

void hf_mqtt_put_u32(struct hf_mqtt_out *out, uint32_t value)
{
    uint8_t wire[sizeof(value)];

    hf_put_u32(wire, value);
    hf_mqtt_put(out, wire, sizeof(wire));
}

void hf_mqtt_put_varint(struct hf_mqtt_out *out, uint32_t value)
{
    uint8_t wire[VARINT_BYTES_MAX];

    hf_mqtt_put(out, wire, hf_mqtt_varint_write(wire, value));
}

void hf_mqtt_put_binary(struct hf_mqtt_out *out, struct hf_slice data)
{
    if (data.bytes > HF_MQTT_TEXT_BYTES_MAX) {
        out->unsayable = true;
        return;
    }
    hf_mqtt_put_u16(out, (uint16_t)data.bytes);
    hf_mqtt_put(out, data.at, data.bytes);
}
