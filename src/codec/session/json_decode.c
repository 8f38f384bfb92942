/* codec/session/json_decode.c - reads a frame from one JSON object: the members of its type's layout, in one scan when the type stands first. */
#include "base/assert.h"
#include "base/base64.h"
#include "codec/session/json.h"
#include "codec/session/json_value.h"

enum { TYPE_BYTES_MAX = 32 }; /* longer names are unknown */

/* The rows stand behind those of `format`, and base64 behind the plain payload. */
static hf_err take_payload(struct hf_value_reader *reader, const struct hf_json_field *field,
                           const struct hf_layout_row *row)
{
    struct hf_value_reader before = *reader;
    struct hf_layout_payload parts;
    struct hf_slice text;
    size_t bytes = 0;
    hf_err err;

    (void)hf_layout_payload(reader->frame, &parts);
    if (row->kind == HF_KIND_PAYLOAD && *parts.format == HF_LAYOUT_FORMAT_JSON) {
        *parts.payload = field->raw;
        return HF_OK;
    }
    if (row->kind == HF_KIND_PAYLOAD) {
        *parts.text = true;
        return hf_value_text(reader, field, parts.payload);
    }
    if (parts.payload->at != NULL)
        return HF_ERR_MALFORMED; /* both: which one counts? */
    err = hf_value_text(reader, field, &text);
    if (err ==
        HF_OK) /* over the text, where that had to be unescaped: so one scratch as long as the input is enough */
        err = hf_base64_decode(text, before.scratch, before.scratch_bytes, &bytes);
    if (err != HF_OK)
        return err;
    *parts.payload = (struct hf_slice){before.scratch, bytes};
    reader->scratch = before.scratch + bytes;
    reader->scratch_bytes = before.scratch_bytes - bytes;
    return HF_OK;
}

static hf_err take_member(struct hf_value_reader *reader, const struct hf_json_field *field,
                          const struct hf_layout_row *row)
{
    void *at = hf_layout_at(reader->frame, row->at);

    switch (row->kind) {
    case HF_KIND_FLAG: return hf_json_to_bool(field, at) == HF_OK ? HF_OK : HF_ERR_MALFORMED;
    case HF_KIND_HEX:
    case HF_KIND_UUID: return hf_value_id(reader, field, row);
    case HF_KIND_TEXT8:
    case HF_KIND_TEXT16:
    case HF_KIND_REST:
    case HF_KIND_EXT_TEXT: return hf_value_row_text(reader, field, row, at);
    case HF_KIND_JSON: *(struct hf_slice *)at = field->raw; return HF_OK;
    case HF_KIND_PAYLOAD:
    case HF_KIND_BASE64: return take_payload(reader, field, row);
    case HF_KIND_CAPABILITIES:
    case HF_KIND_TEXTS8:
    case HF_KIND_RANGES:
    case HF_KIND_EXT_TEXTS:
    case HF_KIND_EXT_DOCUMENT: return hf_value_list(reader, field, row);
    default: return hf_value_fixed(reader, field, row);
    }
}

static hf_err take_members(struct hf_value_reader *reader, const struct hf_layout *layout, struct hf_slice in)
{
    struct hf_json_field fields[1 + HF_LAYOUT_ROWS_MAX] = {
        HF_JSON_FIELD("type")}; /* wanted so that it may not stand there twice */
    size_t count = 1;
    hf_err err = HF_OK;

    for (unsigned i = 0; i < layout->row_count; i++)
        if (layout->rows[i].name != NULL)
            fields[count++].name = hf_slice_of(layout->rows[i].name);
    if (hf_json_scan(in.at, in.bytes, fields, count, HF_JSON_DEPTH_CEILING) != HF_OK)
        return HF_ERR_MALFORMED;
    count = 1;
    for (unsigned i = 0; i < layout->row_count && err == HF_OK; i++) {
        const struct hf_layout_row *row = &layout->rows[i];

        if (row->name == NULL)
            continue;
        if (fields[count].found)
            err = take_member(reader, &fields[count], row);
        else if (row->flags & HF_ROW_REQUIRED)
            err = HF_ERR_MALFORMED;
        if (row->flags & HF_ROW_ANSWER)
            reader->frame->as.auth.answer = fields[count].found;
        else if ((row->flags & HF_ROW_ASKING) && fields[count].found == reader->frame->as.auth.answer)
            err = HF_ERR_MALFORMED; /* one or the other */
        count++;
    }
    return err;
}

static bool skip(struct hf_slice *in, struct hf_slice token)
{
    *in = hf_slice_trim(*in);
    if (in->bytes < token.bytes || memcmp(in->at, token.at, token.bytes) != 0)
        return false;
    in->at += token.bytes;
    in->bytes -= token.bytes;
    return true;
}

/* The known type that stands in front, as most writers put it: what follows is judged by the scan for its members. HF_FRAME_NONE: look closer. */
static enum hf_frame_type type_in_front(struct hf_slice in)
{
    const char *end;

    if (!skip(&in, HF_SLICE("{")) || !skip(&in, HF_SLICE("\"type\"")) || !skip(&in, HF_SLICE(":")) ||
        !skip(&in, HF_SLICE("\"")))
        return HF_FRAME_NONE;
    end = memchr(in.at, '"', HF_MIN(in.bytes, (size_t)TYPE_BYTES_MAX));
    return end != NULL ? hf_frame_type_by_name((struct hf_slice){in.at, (size_t)(end - in.at)})
                       : HF_FRAME_NONE;
}

static hf_err find_type(struct hf_slice in, uint8_t *ret_type)
{
    struct hf_json_field field = HF_JSON_FIELD("type");
    char storage[TYPE_BYTES_MAX];
    struct hf_slice name = {NULL, 0};

    *ret_type = (uint8_t)type_in_front(in);
    if (*ret_type != HF_FRAME_NONE)
        return HF_OK;
    if (hf_json_scan(in.at, in.bytes, &field, 1, HF_JSON_DEPTH_CEILING) != HF_OK ||
        field.type != HF_JSON_STRING)
        return HF_ERR_MALFORMED;
    (void)hf_json_to_text(&field, storage, sizeof(storage), &name);
    *ret_type = (uint8_t)hf_frame_type_by_name(name);
    if (*ret_type == HF_FRAME_NONE)
        *ret_type = HF_FRAME_TYPES;
    return HF_OK;
}

hf_err hf_frame_decode_json(struct hf_slice in, uint32_t payload_bytes_max, char *scratch,
                            size_t scratch_bytes, struct hf_frame *ret_frame)
{
    struct hf_value_reader reader = {scratch, scratch_bytes, ret_frame};
    const struct hf_layout *layout;
    hf_err err = find_type(in, &ret_frame->type);

    if (err != HF_OK)
        return err;
    ret_frame->crc = false;
    layout = hf_layout_of(ret_frame->type);
    if (layout == NULL)
        return HF_OK;
    memset(&ret_frame->as, 0, layout->bytes);
    err = take_members(&reader, layout, in);
    if (err != HF_OK)
        return err;
    if (ret_frame->type == HF_FRAME_PING || ret_frame->type == HF_FRAME_PONG)
        ret_frame->as.beat.valid = true;
    return hf_layout_judge(ret_frame, payload_bytes_max);
}
