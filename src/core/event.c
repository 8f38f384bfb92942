#include "core/event.h"

#include "base/assert.h"
#include "base/bytes.h"

enum { EVENT_VERSION = 1, FIXED_BYTES = 8 };
enum {
    FIELD_CODE = 1 << 0,
    FIELD_EPOCH = 1 << 1,
    FIELD_CONN = 1 << 2,
    FIELD_SEQ = 1 << 3,
    FIELD_FROM = 1 << 4,
    FIELD_TO = 1 << 5,
    FIELD_ID = 1 << 6,
    FIELD_TENANT = 1 << 7,
    FIELD_DEVICE = 1 << 8,
    FIELD_TOPIC = 1 << 9,
    FIELD_KEY = 1 << 10,
    FIELD_PAYLOAD = 1 << 11,
    FIELD_MADE = 1 << 12,
    FIELD_BY = 1 << 13,
    FIELDS_ALL = (1 << 14) - 1,
};

static const char *const type_names[HF_EVENT_TYPES_MAX] = {
#define HF_EVENT_NAME(id, value, name) [value] = name,
    HF_EVENT_TYPE_MAP(HF_EVENT_NAME)
#undef HF_EVENT_NAME
};

const char *hf_event_type_name(unsigned type)
{
    return type < HF_EVENT_TYPES_MAX && type_names[type] != NULL ? type_names[type] : "unknown_type";
}

enum hf_event_type hf_event_type_by_name(struct hf_slice name)
{
    for (unsigned i = 1; i < HF_EVENT_TYPES_MAX; i++)
        if (type_names[i] != NULL && hf_slice_is(name, type_names[i]))
            return (enum hf_event_type)i;
    return HF_EVENT_NONE;
}

static bool id_is_set(const uint8_t id[16])
{
    static const uint8_t none[16];

    return memcmp(id, none, sizeof(none)) != 0;
}

static unsigned fields_of(const struct hf_event *event)
{
    return (event->code ? FIELD_CODE : 0u) | (event->epoch ? FIELD_EPOCH : 0u) |
           (event->conn ? FIELD_CONN : 0u) | (event->seq ? FIELD_SEQ : 0u) | (event->from ? FIELD_FROM : 0u) |
           (event->to ? FIELD_TO : 0u) | (event->made_ms ? FIELD_MADE : 0u) |
           (id_is_set(event->id) ? FIELD_ID : 0u) | (event->tenant.at ? FIELD_TENANT : 0u) |
           (event->device.at ? FIELD_DEVICE : 0u) | (event->topic.at ? FIELD_TOPIC : 0u) |
           (event->key.at ? FIELD_KEY : 0u) | (event->payload.at ? FIELD_PAYLOAD : 0u) |
           (event->by.at ? FIELD_BY : 0u);
}

size_t hf_event_bytes(const struct hf_event *event)
{
    unsigned fields = fields_of(event);

    return FIXED_BYTES + (fields & FIELD_CODE ? 2u : 0u) +
           8u * (unsigned)__builtin_popcount(
                    fields & (FIELD_EPOCH | FIELD_CONN | FIELD_SEQ | FIELD_FROM | FIELD_TO | FIELD_MADE)) +
           (fields & FIELD_ID ? 16u : 0u) + (fields & FIELD_TENANT ? 1 + event->tenant.bytes : 0) +
           (fields & FIELD_DEVICE ? 1 + event->device.bytes : 0) +
           (fields & FIELD_TOPIC ? 2 + event->topic.bytes : 0) +
           (fields & FIELD_KEY ? 2 + event->key.bytes : 0) + (fields & FIELD_BY ? 1 + event->by.bytes : 0) +
           event->payload.bytes;
}

static uint8_t *put_bytes(uint8_t *out, struct hf_slice text)
{
    if (text.bytes > 0)
        memcpy(out, text.at, text.bytes);
    return out + text.bytes;
}

static uint8_t *put_short(uint8_t *out, struct hf_slice text, size_t bytes_max)
{
    HF_ASSERT(text.bytes <= bytes_max && bytes_max <= UINT8_MAX);
    *out = (uint8_t)text.bytes;
    return put_bytes(out + 1, text);
}

static uint8_t *put_long(uint8_t *out, struct hf_slice text, size_t bytes_max)
{
    HF_ASSERT(text.bytes <= bytes_max && bytes_max <= UINT16_MAX);
    hf_put_u16(out, (uint16_t)text.bytes);
    return put_bytes(out + 2, text);
}

static uint8_t *put_number(uint8_t *out, uint64_t value)
{
    hf_put_u64(out, value);
    return out + 8;
}

size_t hf_event_encode(const struct hf_event *event, uint8_t *out)
{
    unsigned fields = fields_of(event);
    uint8_t *at = out;

    *at++ = EVENT_VERSION;
    *at++ = event->type;
    *at++ = event->format;
    *at++ = event->flags;
    hf_put_u16(at, event->reason);
    hf_put_u16(at + 2, (uint16_t)fields);
    at += 4;
    if (fields & FIELD_CODE) {
        hf_put_u16(at, event->code);
        at += 2;
    }
    if (fields & FIELD_EPOCH)
        at = put_number(at, event->epoch);
    if (fields & FIELD_CONN)
        at = put_number(at, event->conn);
    if (fields & FIELD_SEQ)
        at = put_number(at, event->seq);
    if (fields & FIELD_FROM)
        at = put_number(at, event->from);
    if (fields & FIELD_TO)
        at = put_number(at, event->to);
    if (fields & FIELD_MADE)
        at = put_number(at, event->made_ms);
    if (fields & FIELD_ID) {
        memcpy(at, event->id, sizeof(event->id));
        at += sizeof(event->id);
    }
    if (fields & FIELD_TENANT)
        at = put_short(at, event->tenant, HF_TENANT_BYTES_MAX);
    if (fields & FIELD_DEVICE)
        at = put_short(at, event->device, HF_DEVICE_BYTES_MAX);
    if (fields & FIELD_TOPIC)
        at = put_long(at, event->topic, HF_TOPIC_BYTES_MAX);
    if (fields & FIELD_KEY)
        at = put_long(at, event->key, HF_KEY_BYTES_MAX);
    if (fields & FIELD_BY)
        at = put_short(at, event->by, HF_BY_BYTES_MAX);
    at = put_bytes(at, event->payload);
    return (size_t)(at - out);
}

/* A cursor over the body; `ok` turns false for good once a field runs past the end. */
struct reader {
    const uint8_t *at, *end;
    bool ok;
};

static const uint8_t *take(struct reader *reader, size_t bytes)
{
    const uint8_t *at = reader->at;

    if (!reader->ok || (size_t)(reader->end - at) < bytes) {
        reader->ok = false;
        return NULL;
    }
    reader->at += bytes;
    return at;
}

static uint64_t take_number(struct reader *reader, bool present)
{
    const uint8_t *at = present ? take(reader, 8) : NULL;
    uint64_t value = at ? hf_get_u64(at) : 0;

    if (present && value == 0)
        reader->ok = false; /* a zero is not written: one event has one spelling */
    return value;
}

static struct hf_slice take_text(struct reader *reader, bool present, size_t length_bytes, size_t bytes_max)
{
    const uint8_t *at = present ? take(reader, length_bytes) : NULL;
    size_t bytes = at == NULL ? 0 : length_bytes == 1 ? at[0] : hf_get_u16(at);

    if (at == NULL)
        return (struct hf_slice){NULL, 0};
    if (bytes > bytes_max)
        reader->ok = false;
    at = take(reader, bytes);
    return at ? (struct hf_slice){(const char *)at, bytes} : (struct hf_slice){NULL, 0};
}

hf_err hf_event_decode(const uint8_t *body, size_t body_bytes, struct hf_event *ret_event)
{
    if (body_bytes < FIXED_BYTES) /* nor is anything added to a NULL */
        return HF_ERR_MALFORMED;
    struct reader reader = {body, body + body_bytes, true};
    const uint8_t *at = take(&reader, FIXED_BYTES);

    if (at[0] != EVENT_VERSION)
        return HF_ERR_MALFORMED;
    unsigned fields = hf_get_u16(at + 6);
    if (fields & ~(unsigned)FIELDS_ALL)
        return HF_ERR_MALFORMED;
    *ret_event =
        (struct hf_event){.type = at[1], .format = at[2], .flags = at[3], .reason = hf_get_u16(at + 4)};
    if (fields & FIELD_CODE) {
        at = take(&reader, 2);
        ret_event->code = at ? hf_get_u16(at) : 0;
        reader.ok = ret_event->code != 0;
    }
    ret_event->epoch = take_number(&reader, fields & FIELD_EPOCH);
    ret_event->conn = take_number(&reader, fields & FIELD_CONN);
    ret_event->seq = take_number(&reader, fields & FIELD_SEQ);
    ret_event->from = take_number(&reader, fields & FIELD_FROM);
    ret_event->to = take_number(&reader, fields & FIELD_TO);
    ret_event->made_ms = take_number(&reader, fields & FIELD_MADE);
    at = fields & FIELD_ID ? take(&reader, sizeof(ret_event->id)) : NULL;
    if (at != NULL)
        memcpy(ret_event->id, at, sizeof(ret_event->id));
    if ((fields & FIELD_ID) && !id_is_set(ret_event->id))
        reader.ok = false;
    ret_event->tenant = take_text(&reader, fields & FIELD_TENANT, 1, HF_TENANT_BYTES_MAX);
    ret_event->device = take_text(&reader, fields & FIELD_DEVICE, 1, HF_DEVICE_BYTES_MAX);
    ret_event->topic = take_text(&reader, fields & FIELD_TOPIC, 2, HF_TOPIC_BYTES_MAX);
    ret_event->key = take_text(&reader, fields & FIELD_KEY, 2, HF_KEY_BYTES_MAX);
    ret_event->by = take_text(&reader, fields & FIELD_BY, 1, HF_BY_BYTES_MAX);
    if (fields & FIELD_PAYLOAD)
        ret_event->payload =
            (struct hf_slice){(const char *)reader.at, reader.ok ? (size_t)(reader.end - reader.at) : 0};
    else if (reader.at != reader.end)
        reader.ok = false;
    return reader.ok ? HF_OK : HF_ERR_MALFORMED;
}

bool hf_id_valid(struct hf_slice id, size_t bytes_max)
{
    if (id.bytes == 0 || id.bytes > bytes_max)
        return false;
    for (size_t i = 0; i < id.bytes; i++) {
        char c = id.at[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == ':' || c == '@' || c == '-';

        if (!ok)
            return false;
    }
    return true;
}

/* FNV-1a with a final mix. Not keyed on purpose: the value is stored in the log's index and must not change with a start.
 * Tables whose keys peers choose use the keyed hash of base/hash.h instead. */
uint64_t hf_device_hash(struct hf_slice tenant, struct hf_slice device)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < tenant.bytes; i++)
        hash = (hash ^ (uint8_t)tenant.at[i]) * 0x100000001b3u;
    hash *= 0x100000001b3u; /* a zero byte between the two, so that "ab"+"c" differs from "a"+"bc" */
    for (size_t i = 0; i < device.bytes; i++)
        hash = (hash ^ (uint8_t)device.at[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return hash | 1; /* never 0, which means "no device" to the log's index */
}
