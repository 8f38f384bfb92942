/* codec/mqtt/packet.c - the head of a packet (5.0, 2.1), and which body follows. One bounded read: a body is looked at when all of it is there. */
#include "codec/mqtt/wire.h"

static const struct body {
    const char *name;
    uint8_t flags;
    bool up, down;
    bool (*take)(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret);
    void (*put)(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet);
} bodies[HF_MQTT_TYPES] = {
#define ROW(id, value, member, flags, up, down) \
    [value] = {#id, flags, up, down, hf_mqtt_take_##member, hf_mqtt_put_##member},
    HF_MQTT_TYPE_MAP(ROW)
#undef ROW
};

enum { TYPE_SHIFT = 4, FLAGS_MASK = 0xf };

const char *hf_mqtt_type_name(unsigned type)
{
    return type < HF_MQTT_TYPES && bodies[type].name != NULL ? bodies[type].name : "unknown";
}

bool hf_mqtt_may_go_up(unsigned type)
{
    return type < HF_MQTT_TYPES && bodies[type].up;
}

bool hf_mqtt_may_go_down(unsigned type)
{
    return type < HF_MQTT_TYPES && bodies[type].down;
}

bool hf_mqtt_take_nothing(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    (void)in;
    (void)ret;
    return true;
}

void hf_mqtt_put_nothing(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    (void)out;
    (void)packet;
}

/* The first byte. */
static enum hf_mqtt_rule judge_type(uint8_t first, enum hf_mqtt_version version)
{
    unsigned type = first >> TYPE_SHIFT;

    if (type == HF_MQTT_NONE || (type == HF_MQTT_AUTH && version < HF_MQTT_V5))
        return HF_MQTT_RULE_TYPE;
    if (type != HF_MQTT_PUBLISH && (first & FLAGS_MASK) != bodies[type].flags)
        return HF_MQTT_RULE_FLAGS;
    return HF_MQTT_RULE_NONE;
}

static hf_err refused(struct hf_mqtt_packet *packet, enum hf_mqtt_rule rule)
{
    packet->rule = (uint8_t)rule;
    return rule == HF_MQTT_RULE_PACKET_BYTES ? HF_ERR_LIMIT : HF_ERR_MALFORMED;
}

hf_err hf_mqtt_decode(const void *data, size_t bytes, enum hf_mqtt_version version, size_t packet_bytes_max,
                      size_t *ret_taken, struct hf_mqtt_packet *ret_packet)
{
    const uint8_t *at = data;
    enum hf_mqtt_rule rule = HF_MQTT_RULE_NONE;
    uint32_t body_bytes = 0;
    size_t whole_bytes;
    int length_bytes;

    *ret_taken = 0;
    *ret_packet = (struct hf_mqtt_packet){.type = HF_MQTT_NONE};
    if (bytes == 0)
        return HF_ERR_AGAIN;
    rule = judge_type(at[0], version);
    if (rule != HF_MQTT_RULE_NONE)
        return refused(ret_packet, rule);
    ret_packet->type = at[0] >> TYPE_SHIFT;
    length_bytes = hf_mqtt_varint_read(at + 1, bytes - 1, &body_bytes, &rule);
    if (length_bytes < 0)
        return refused(ret_packet, rule);
    if (length_bytes == 0)
        return HF_ERR_AGAIN;
    whole_bytes = 1 + (size_t)length_bytes + body_bytes;
    if (whole_bytes > packet_bytes_max)
        return refused(ret_packet, HF_MQTT_RULE_PACKET_BYTES);
    *ret_taken = whole_bytes;
    if (whole_bytes > bytes)
        return HF_ERR_AGAIN;

    struct hf_mqtt_in in = {.at = at + 1 + length_bytes,
                            .end = at + whole_bytes,
                            .version = (uint8_t)version,
                            .flags = at[0] & FLAGS_MASK};

    if (!bodies[ret_packet->type].take(&in, ret_packet))
        return refused(ret_packet, (enum hf_mqtt_rule)in.rule);
    if (hf_mqtt_left(&in) > 0)
        return refused(ret_packet, HF_MQTT_RULE_REST);
    return HF_OK;
}

static void put_body(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    HF_ASSERT(packet->type > HF_MQTT_NONE && packet->type < HF_MQTT_TYPES);
    HF_ASSERT(packet->type != HF_MQTT_AUTH || out->version >= HF_MQTT_V5);
    bodies[packet->type].put(out, packet);
}

/* False: it cannot be said. */
static bool count_body(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, uint32_t *ret_bytes)
{
    struct hf_mqtt_out counted = {.version = (uint8_t)version};

    put_body(&counted, packet);
    *ret_bytes = (uint32_t)counted.bytes;
    return !counted.unsayable && counted.bytes <= HF_MQTT_VARINT_MAX;
}

size_t hf_mqtt_encoded_bytes(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet)
{
    uint8_t length[HF_MQTT_HEAD_BYTES_MAX - 1];
    uint32_t body_bytes;

    if (!count_body(version, packet, &body_bytes))
        return 0;
    return 1 + hf_mqtt_varint_write(length, body_bytes) + (size_t)body_bytes;
}

static size_t encode(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, bool head_only,
                     uint8_t *out)
{
    struct hf_mqtt_out body = {.version = (uint8_t)version, .head_only = head_only};
    uint8_t flags =
        packet->type == HF_MQTT_PUBLISH ? hf_mqtt_publish_flags(packet) : bodies[packet->type].flags;
    uint32_t body_bytes;
    bool sayable = count_body(version, packet, &body_bytes);
    size_t head_bytes;

    HF_ASSERT(sayable);
    out[0] = (uint8_t)(packet->type << TYPE_SHIFT | flags);
    head_bytes = 1 + hf_mqtt_varint_write(out + 1, body_bytes);
    body.at = out + head_bytes;
    put_body(&body, packet);
    HF_ASSERT(body.bytes + (head_only ? packet->as.publish.payload.bytes : 0) == body_bytes);
    return head_bytes + body.bytes;
}

size_t hf_mqtt_encode(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, uint8_t *out)
{
    return encode(version, packet, false, out);
}

size_t hf_mqtt_encode_publish_head(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet,
                                   uint8_t *out)
{
    HF_ASSERT(packet->type == HF_MQTT_PUBLISH);
    return encode(version, packet, true, out);
}
