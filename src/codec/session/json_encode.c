/* codec/session/json_encode.c - writes a frame as one JSON object by walking the rows of its layout. */
#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/reason.h"
#include "base/uuid.h"
#include "codec/json/out.h"
#include "codec/session/json.h"
#include "codec/session/layout.h"

enum {
    NUMBER_BYTES_MAX = 20,
    PUNCTUATION_BYTES = 4,     /* of a member: two quotes, colon, comma */
    ESCAPED_BYTES_MAX = 6,     /* of one byte: \u0000 */
    NAME_VALUE_BYTES_MAX = 64, /* of a name from a table of ours, with its quotes */
};

static unsigned list_count(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    switch (row->kind) {
    case HF_KIND_RANGES: return frame->as.ack.range_count;
    case HF_KIND_EXT_DOCUMENT: return frame->as.hello.document_count;
    default: return *(const unsigned *)hf_layout_at(frame, row->count_at);
    }
}

static bool payload_is_json(const struct hf_frame *frame)
{
    struct hf_layout_payload parts;

    return hf_layout_payload(frame, &parts) && *parts.format == HF_LAYOUT_FORMAT_JSON;
}

/* A payload is a value, a string or base64, and so it stands in one of two members; in none when there is nothing. */
static bool holds_payload(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    struct hf_layout_payload parts;

    (void)hf_layout_payload(frame, &parts);
    if (payload_is_json(frame))
        return row->kind == HF_KIND_PAYLOAD && parts.payload->bytes > 0;
    return row->kind == HF_KIND_PAYLOAD ? *parts.text : !*parts.text && parts.payload->bytes > 0;
}

/* Absent members are zero or empty, so what is so is left out. */
static bool is_zero(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    static const uint8_t none[HF_LAYOUT_ID_BYTES];
    const void *at = hf_layout_at(frame, row->at);

    switch (row->kind) {
    case HF_KIND_HEX:
    case HF_KIND_UUID: return memcmp(at, none, sizeof(none)) == 0;
    case HF_KIND_FLAG: return !*(const bool *)at;
    case HF_KIND_TEXT8:
    case HF_KIND_TEXT16:
    case HF_KIND_REST:
    case HF_KIND_EXT_TEXT:
    case HF_KIND_JSON: return ((const struct hf_slice *)at)->bytes == 0;
    case HF_KIND_PAYLOAD:
    case HF_KIND_BASE64: return !holds_payload(frame, row);
    case HF_KIND_TEXTS8:
    case HF_KIND_RANGES:
    case HF_KIND_EXT_TEXTS:
    case HF_KIND_EXT_DOCUMENT: return list_count(frame, row) == 0;
    default: return hf_layout_get(frame, row) == 0;
    }
}

static bool is_written(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    if (row->name == NULL)
        return false;
    if (row->flags & (HF_ROW_ANSWER | HF_ROW_ASKING))
        return hf_layout_on_wire(frame, row);
    return (row->flags & HF_ROW_REQUIRED) || !is_zero(frame, row);
}

static void put_name(struct hf_json_out *out, const char *key, const struct hf_layout_names *names,
                     uint64_t value)
{
    if (value < names->count)
        hf_json_out_cstr(out, key, names->names[value]);
    else
        hf_json_out_u64(out, key, value);
}

static void put_list(struct hf_json_out *out, const struct hf_frame *frame, const struct hf_layout_row *row)
{
    const struct hf_slice *texts = hf_layout_at(frame, row->at);
    unsigned count = list_count(frame, row);

    hf_json_out_array(out, row->name);
    for (unsigned i = 0; i < count; i++)
        switch (row->kind) {
        case HF_KIND_RANGES:
            hf_json_out_array(out, NULL);
            hf_json_out_u64(out, NULL, frame->as.ack.ranges[i].from);
            hf_json_out_u64(out, NULL, frame->as.ack.ranges[i].to);
            hf_json_out_end(out);
            break;
        case HF_KIND_EXT_DOCUMENT:
            hf_json_out_object(out, NULL);
            put_name(out, "document", &hf_layout_documents, frame->as.hello.documents[i].document);
            hf_json_out_u64(out, "version", frame->as.hello.documents[i].version);
            hf_json_out_end(out);
            break;
        default: hf_json_out_text(out, NULL, texts[i]);
        }
    hf_json_out_end(out);
}

static void put_capabilities(struct hf_json_out *out, const char *key, uint64_t capabilities)
{
    hf_json_out_array(out, key);
    for (unsigned bit = 0; bit < HF_LAYOUT_CAPABILITIES; bit++)
        if ((capabilities >> bit & 1) && hf_layout_capabilities[bit] != NULL)
            hf_json_out_cstr(out, NULL, hf_layout_capabilities[bit]);
    hf_json_out_end(out);
}

static void put_payload(struct hf_json_out *out, const struct hf_frame *frame,
                        const struct hf_layout_row *row)
{
    struct hf_slice payload = *(const struct hf_slice *)hf_layout_at(frame, row->at);

    if (row->kind == HF_KIND_BASE64)
        hf_json_out_base64(out, row->name, payload.at, payload.bytes);
    else if (payload_is_json(frame))
        hf_json_out_raw(out, row->name, payload);
    else
        hf_json_out_text(out, row->name, payload);
}

static void put_member(struct hf_json_out *out, const struct hf_frame *frame, const struct hf_layout_row *row)
{
    const struct hf_slice *text = hf_layout_at(frame, row->at);
    char uuid[HF_UUID_TEXT_BYTES + 1];
    uint8_t bytes[8];

    switch (row->kind) {
    case HF_KIND_FLAG: hf_json_out_bool(out, row->name, *(const bool *)hf_layout_at(frame, row->at)); break;
    case HF_KIND_NAME: put_name(out, row->name, row->names, hf_layout_get(frame, row)); break;
    case HF_KIND_REASON:
        hf_json_out_cstr(out, row->name, hf_reason_name((unsigned)hf_layout_get(frame, row)));
        break;
    case HF_KIND_CAPABILITIES: put_capabilities(out, row->name, hf_layout_get(frame, row)); break;
    case HF_KIND_HEX64:
        hf_put_u64(bytes, hf_layout_get(frame, row));
        hf_json_out_hex(out, row->name, bytes, sizeof(bytes));
        break;
    case HF_KIND_HEX: hf_json_out_hex(out, row->name, text, HF_LAYOUT_ID_BYTES); break;
    case HF_KIND_UUID:
        hf_uuid_text(hf_layout_at(frame, row->at), uuid);
        hf_json_out_cstr(out, row->name, uuid);
        break;
    case HF_KIND_TEXT8:
    case HF_KIND_TEXT16:
    case HF_KIND_REST:
    case HF_KIND_EXT_TEXT: hf_json_out_text(out, row->name, *text); break;
    case HF_KIND_JSON: hf_json_out_raw(out, row->name, *text); break;
    case HF_KIND_PAYLOAD:
    case HF_KIND_BASE64: put_payload(out, frame, row); break;
    case HF_KIND_TEXTS8:
    case HF_KIND_RANGES:
    case HF_KIND_EXT_TEXTS:
    case HF_KIND_EXT_DOCUMENT: put_list(out, frame, row); break;
    default: hf_json_out_u64(out, row->name, hf_layout_get(frame, row));
    }
}

void hf_frame_encode_json(const struct hf_frame *frame, struct hf_sb *sb)
{
    const struct hf_layout *layout = hf_layout_of(frame->type);
    struct hf_json_out out;

    HF_ASSERT(layout != NULL);
    hf_json_out_init(&out, sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "type", hf_frame_type_name(frame->type));
    for (unsigned i = 0; i < layout->row_count; i++)
        if (is_written(frame, &layout->rows[i]))
            put_member(&out, frame, &layout->rows[i]);
    hf_json_out_end(&out);
}

static size_t value_bytes_max(const struct hf_frame *frame, const struct hf_layout_row *row)
{
    const struct hf_slice *text = hf_layout_at(frame, row->at);
    size_t bytes = 2;

    switch (row->kind) {
    case HF_KIND_HEX64:
    case HF_KIND_HEX:
    case HF_KIND_UUID:
    case HF_KIND_REASON:
    case HF_KIND_FLAG:
    case HF_KIND_NAME: return NAME_VALUE_BYTES_MAX;
    case HF_KIND_CAPABILITIES: return HF_LAYOUT_CAPABILITIES * (size_t)NAME_VALUE_BYTES_MAX;
    case HF_KIND_TEXT8:
    case HF_KIND_TEXT16:
    case HF_KIND_REST:
    case HF_KIND_EXT_TEXT: return 2 + ESCAPED_BYTES_MAX * text->bytes;
    case HF_KIND_BASE64: return 2 + HF_BASE64_BYTES(text->bytes);
    case HF_KIND_PAYLOAD: return payload_is_json(frame) ? text->bytes : 2 + ESCAPED_BYTES_MAX * text->bytes;
    case HF_KIND_JSON: return text->bytes;
    case HF_KIND_RANGES:
        return 2 + list_count(frame, row) * (size_t)(2 * NUMBER_BYTES_MAX + PUNCTUATION_BYTES);
    case HF_KIND_EXT_DOCUMENT: return 2 + list_count(frame, row) * (size_t)(2 * NAME_VALUE_BYTES_MAX);
    case HF_KIND_TEXTS8:
    case HF_KIND_EXT_TEXTS:
        for (unsigned i = 0; i < list_count(frame, row); i++)
            bytes += 3 + ESCAPED_BYTES_MAX * text[i].bytes;
        return bytes;
    default: return NUMBER_BYTES_MAX;
    }
}

size_t hf_frame_json_bytes_max(const struct hf_frame *frame)
{
    const struct hf_layout *layout = hf_layout_of(frame->type);
    size_t bytes = NAME_VALUE_BYTES_MAX; /* the braces, the type, the end of the text */

    HF_ASSERT(layout != NULL);
    for (unsigned i = 0; i < layout->row_count; i++)
        if (is_written(frame, &layout->rows[i]))
            bytes +=
                strlen(layout->rows[i].name) + PUNCTUATION_BYTES + value_bytes_max(frame, &layout->rows[i]);
    return bytes;
}
