/* codec/mqtt/property.c - the rows of the property table walked: read, written, the ones that repeat left as they are on the wire. */
#include "codec/mqtt/topic.h"
#include "codec/mqtt/wire.h"

#define BIT(id, value, member, flags, up, down) id = 1 << (value),
enum {
    HF_MQTT_TYPE_MAP(BIT) WILL = 1 << HF_MQTT_NONE,
    ACKS = PUBACK | PUBREC | PUBREL | PUBCOMP,
    EVERY = (1 << HF_MQTT_TYPES) - 1 - WILL - PINGREQ - PINGRESP,
};
#undef BIT

enum kind { U8 = 1, U16, U32, VARINT, TEXT, BINARY, PAIR };

static const struct row {
    const char *name;
    uint16_t at, where;
    uint8_t kind; /* 0: there is no such property */
    uint32_t least, most, absent;
} rows[HF_MQTT_PROPERTIES] = {
#define ROW(id, number, kind, member, where, least, most, absent) \
    [number] = {#member, offsetof(struct hf_mqtt_properties, member), where, kind, least, most, absent},
    HF_MQTT_PROPERTY_MAP(ROW)
#undef ROW
};

_Static_assert(HF_MQTT_PROPERTIES <= 64, "`has` holds one bit for each");

static bool repeats(const struct row *row)
{
    return row->kind == VARINT || row->kind == PAIR;
}

static bool is_number(const struct row *row)
{
    return row->kind == U8 || row->kind == U16 || row->kind == U32;
}

static void *value_of(const struct hf_mqtt_properties *properties, const struct row *row)
{
    return (char *)(uintptr_t)properties + row->at;
}

const char *hf_mqtt_property_name(unsigned id)
{
    if (id == HF_MQTT_PROPERTY_USER)
        return "user";
    if (id == HF_MQTT_PROPERTY_SUBSCRIPTION_ID)
        return "subscription_id";
    return id < HF_MQTT_PROPERTIES && rows[id].kind != 0 ? rows[id].name : "unknown";
}

uint32_t hf_mqtt_property_number(const struct hf_mqtt_properties *properties, enum hf_mqtt_property id)
{
    HF_ASSERT(id < HF_MQTT_PROPERTIES && is_number(&rows[id]));
    return hf_mqtt_has(properties, id) ? *(const uint32_t *)value_of(properties, &rows[id]) : rows[id].absent;
}

static bool take_number(struct hf_mqtt_in *in, const struct row *row, uint32_t *ret)
{
    uint16_t u16;
    uint8_t u8;

    switch (row->kind) {
    case U8:
        if (!hf_mqtt_take_u8(in, &u8))
            return false;
        *ret = u8;
        break;
    case U16:
        if (!hf_mqtt_take_u16(in, &u16))
            return false;
        *ret = u16;
        break;
    case U32:
        if (!hf_mqtt_take_u32(in, ret))
            return false;
        break;
    default:
        if (!hf_mqtt_take_varint(in, ret))
            return false;
    }
    return (*ret >= row->least && *ret <= row->most) || hf_mqtt_refuse(in, HF_MQTT_RULE_PROPERTY_VALUE);
}

static bool take_repeated(struct hf_mqtt_in *in, const struct row *row, struct hf_mqtt_repeated *ret)
{
    return row->kind == PAIR ? hf_mqtt_take_text(in, &ret->name) && hf_mqtt_take_text(in, &ret->value)
                             : take_number(in, row, &ret->number);
}

static bool take_value(struct hf_mqtt_in *in, const struct row *row, struct hf_mqtt_properties *into)
{
    if (row->kind == TEXT)
        return hf_mqtt_take_text(in, value_of(into, row));
    if (row->kind == BINARY)
        return hf_mqtt_take_binary(in, value_of(into, row));
    return take_number(in, row, value_of(into, row));
}

static bool take_row(struct hf_mqtt_in *in, unsigned where, uint32_t *ret_id)
{
    if (!hf_mqtt_take_varint(in, ret_id)) /* 2.2.2.2: a variable byte integer, if one byte today */
        return false;
    if (*ret_id >= HF_MQTT_PROPERTIES || (rows[*ret_id].where >> where & 1) == 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_PROPERTY);
    return true;
}

static bool take_all(struct hf_mqtt_in *in, unsigned where, struct hf_mqtt_properties *ret)
{
    const struct hf_slice all = {(const char *)in->at, hf_mqtt_left(in)};
    bool has_subscription_id = false;
    struct hf_mqtt_repeated repeated;
    uint32_t id;

    while (hf_mqtt_left(in) > 0) {
        if (!take_row(in, where, &id))
            return false;
        if (repeats(&rows[id])) {
            if (id == HF_MQTT_PROPERTY_SUBSCRIPTION_ID && where == HF_MQTT_SUBSCRIBE && has_subscription_id)
                return hf_mqtt_refuse(in, HF_MQTT_RULE_PROPERTY_TWICE); /* 3.8.2.1.2; in PUBLISH it repeats */
            has_subscription_id |= id == HF_MQTT_PROPERTY_SUBSCRIPTION_ID;
            if (!take_repeated(in, &rows[id], &repeated))
                return false;
            ret->repeated = all;
            continue;
        }
        if (ret->has >> id & 1)
            return hf_mqtt_refuse(in, HF_MQTT_RULE_PROPERTY_TWICE);
        ret->has |= UINT64_C(1) << id;
        if (!take_value(in, &rows[id], ret))
            return false;
        if (id == HF_MQTT_PROPERTY_RESPONSE_TOPIC && !hf_mqtt_topic_valid(ret->response_topic))
            return hf_mqtt_refuse(in, HF_MQTT_RULE_RESPONSE_TOPIC);
    }
    return true;
}

bool hf_mqtt_take_properties(struct hf_mqtt_in *in, unsigned where, struct hf_mqtt_properties *ret)
{
    struct hf_mqtt_in part = *in;
    uint32_t bytes;

    if (in->version < HF_MQTT_V5)
        return true;
    if (!hf_mqtt_take_varint(in, &bytes))
        return false;
    if (bytes > hf_mqtt_left(in))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_CUT);
    part.at = in->at;
    part.end = in->at += bytes;
    return take_all(&part, where, ret) || hf_mqtt_refuse(in, (enum hf_mqtt_rule)part.rule);
}

bool hf_mqtt_repeated_next(struct hf_slice *rest, struct hf_mqtt_repeated *ret)
{
    struct hf_mqtt_in in = {.at = (const uint8_t *)rest->at, .version = HF_MQTT_V5, .judged = true};
    struct hf_mqtt_properties skipped;
    bool found = false, whole;
    uint32_t id;

    if (rest->bytes == 0)
        return false;
    in.end = in.at + rest->bytes;
    while (!found && hf_mqtt_left(&in) > 0) {
        whole = hf_mqtt_take_varint(&in, &id);
        HF_ASSERT(whole && id < HF_MQTT_PROPERTIES && rows[id].kind != 0);
        *ret = (struct hf_mqtt_repeated){.id = (uint8_t)id};
        found = repeats(&rows[id]);
        whole = found ? take_repeated(&in, &rows[id], ret) : take_value(&in, &rows[id], &skipped);
        HF_ASSERT(whole); /* it was decoded, or made with the functions below */
    }
    *rest = hf_mqtt_take_rest(&in);
    return found;
}

static void put_number(struct hf_mqtt_out *out, const struct row *row, uint32_t value)
{
    HF_ASSERT(value >= row->least && value <= row->most);
    switch (row->kind) {
    case U8: hf_mqtt_put_u8(out, (uint8_t)value); break;
    case U16: hf_mqtt_put_u16(out, (uint16_t)value); break;
    case U32: hf_mqtt_put_u32(out, value); break;
    default: hf_mqtt_put_varint(out, value);
    }
}

static void put_all(struct hf_mqtt_out *out, unsigned where, const struct hf_mqtt_properties *properties)
{
    struct hf_slice rest = properties->repeated;
    struct hf_mqtt_repeated repeated;

    for (unsigned id = 0; id < HF_MQTT_PROPERTIES; id++) {
        const struct row *row = &rows[id];

        if ((properties->has >> id & 1) == 0)
            continue;
        HF_ASSERT((row->where >> where & 1) != 0 && !repeats(row));
        hf_mqtt_put_u8(out, (uint8_t)id);
        if (is_number(row))
            put_number(out, row, *(const uint32_t *)value_of(properties, row));
        else
            hf_mqtt_put_binary(out, *(const struct hf_slice *)value_of(properties, row));
    }
    while (hf_mqtt_repeated_next(&rest, &repeated)) {
        HF_ASSERT((rows[repeated.id].where >> where & 1) != 0);
        hf_mqtt_put_u8(out, repeated.id);
        if (repeated.id == HF_MQTT_PROPERTY_USER) {
            hf_mqtt_put_binary(out, repeated.name);
            hf_mqtt_put_binary(out, repeated.value);
        } else {
            put_number(out, &rows[repeated.id], repeated.number);
        }
    }
}

bool hf_mqtt_no_properties(const struct hf_mqtt_properties *properties)
{
    return properties->has == 0 && properties->repeated.bytes == 0;
}

void hf_mqtt_put_properties(struct hf_mqtt_out *out, unsigned where,
                            const struct hf_mqtt_properties *properties)
{
    struct hf_mqtt_out counted = {.version = out->version};

    if (out->version < HF_MQTT_V5)
        return;
    put_all(&counted, where, properties);
    if (counted.unsayable || counted.bytes > HF_MQTT_VARINT_MAX) {
        out->unsayable = true;
        return;
    }
    hf_mqtt_put_varint(out, (uint32_t)counted.bytes);
    put_all(out, where, properties);
}

static void add_text(struct hf_sb *sb, struct hf_slice text)
{
    uint8_t bytes[2];

    hf_put_u16(bytes, (uint16_t)text.bytes);
    hf_sb_add(sb, bytes, sizeof(bytes));
    hf_sb_slice(sb, text);
}

void hf_mqtt_put_user(struct hf_sb *sb, struct hf_slice name, struct hf_slice value)
{
    if (name.bytes > HF_MQTT_TEXT_BYTES_MAX || value.bytes > HF_MQTT_TEXT_BYTES_MAX) {
        sb->overflow = true;
        return;
    }
    hf_sb_char(sb, HF_MQTT_PROPERTY_USER);
    add_text(sb, name);
    add_text(sb, value);
}

void hf_mqtt_put_subscription_id(struct hf_sb *sb, uint32_t id)
{
    uint8_t wire[4];

    HF_ASSERT(id > 0);
    hf_sb_char(sb, HF_MQTT_PROPERTY_SUBSCRIPTION_ID);
    hf_sb_add(sb, wire, hf_mqtt_varint_write(wire, id));
}
