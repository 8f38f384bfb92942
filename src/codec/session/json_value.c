/* codec/session/json_value.c - see json_value.h. */
#include "codec/session/json_value.h"

#include "base/bytes.h"
#include "base/reason.h"
#include "base/uuid.h"
#include "codec/json/array.h"

hf_err hf_value_text(struct hf_value_reader *reader, const struct hf_json_field *field,
                     struct hf_slice *ret_text)
{
    if (field->type != HF_JSON_STRING)
        return HF_ERR_MALFORMED;
    if (hf_json_to_text(field, reader->scratch, reader->scratch_bytes, ret_text) != HF_OK)
        return HF_ERR_LIMIT;
    if (field->escaped) {
        reader->scratch += ret_text->bytes;
        reader->scratch_bytes -= ret_text->bytes;
    }
    return HF_OK;
}

hf_err hf_value_row_text(struct hf_value_reader *reader, const struct hf_json_field *field,
                         const struct hf_layout_row *row, struct hf_slice *ret_text)
{
    hf_err err = hf_value_text(reader, field, ret_text);

    return err == HF_OK && !hf_layout_text_valid(row, *ret_text) ? HF_ERR_MALFORMED : err;
}

static hf_err take_number(const struct hf_json_field *field, uint64_t max, uint64_t *ret_value)
{
    return hf_json_to_u64(field, ret_value) == HF_OK && *ret_value <= max ? HF_OK : HF_ERR_MALFORMED;
}

/* A name; or the number, for values that have no name here. */
static hf_err take_name(const struct hf_json_field *field, const struct hf_layout_names *names,
                        uint64_t *ret_value)
{
    if (field->type != HF_JSON_STRING)
        return take_number(field, UINT8_MAX, ret_value);
    *ret_value = 0;
    while (*ret_value < names->count && !hf_json_is(field, names->names[*ret_value]))
        ++*ret_value;
    if (*ret_value == names->count)
        *ret_value = HF_LAYOUT_UNKNOWN;
    return HF_OK;
}

static bool take_digits(struct hf_slice text, uint8_t *out, size_t bytes)
{
    if (text.bytes != 2 * bytes)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i], lower = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | digit);
    }
    return true;
}

/* Numbers, and texts that stand for numbers: what binary has in a fixed count of bytes. */
hf_err hf_value_fixed(struct hf_value_reader *reader, const struct hf_json_field *field,
                      const struct hf_layout_row *row)
{
    unsigned width = hf_layout_width(row->kind);
    uint8_t bytes[8] = {0};
    struct hf_slice text;
    uint64_t value;
    hf_err err;

    switch (row->kind) {
    case HF_KIND_NAME: err = take_name(field, row->names, &value); break;
    case HF_KIND_REASON:
        err = hf_value_text(reader, field, &text);
        value = err == HF_OK ? hf_reason_by_name(text) : HF_REASON_NONE;
        break;
    case HF_KIND_HEX64:
        err = hf_value_text(reader, field, &text);
        if (err == HF_OK && !take_digits(text, bytes, sizeof(bytes)))
            err = HF_ERR_MALFORMED;
        value = hf_get_u64(bytes);
        break;
    default: err = take_number(field, width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1, &value);
    }
    if (err == HF_OK)
        hf_layout_set(reader->frame, row, value);
    return err;
}

hf_err hf_value_id(struct hf_value_reader *reader, const struct hf_json_field *field,
                   const struct hf_layout_row *row)
{
    uint8_t *id = hf_layout_at(reader->frame, row->at);
    struct hf_slice text;
    hf_err err = hf_value_text(reader, field, &text);

    if (err != HF_OK)
        return err;
    if (row->kind == HF_KIND_UUID)
        return hf_uuid_parse(text, id);
    return take_digits(text, id, HF_LAYOUT_ID_BYTES) ? HF_OK : HF_ERR_MALFORMED;
}

static hf_err take_capability(const struct hf_json_field *element, uint32_t *capabilities)
{
    if (element->type != HF_JSON_STRING)
        return HF_ERR_MALFORMED;
    for (unsigned bit = 0; bit < HF_LAYOUT_CAPABILITIES; bit++)
        if (hf_layout_capabilities[bit] != NULL && hf_json_is(element, hf_layout_capabilities[bit]))
            *capabilities |= UINT32_C(1) << bit;
    return HF_OK; /* unknown ones are no business of ours */
}

static hf_err take_range(const struct hf_json_field *element, struct hf_frame_ack *ack)
{
    struct hf_slice rest = element->raw;
    struct hf_json_field number;
    uint64_t ends[2];
    unsigned count = 0;

    if (element->type != HF_JSON_ARRAY || ack->range_count == HF_FRAME_ACK_RANGES_MAX)
        return HF_ERR_MALFORMED;
    for (; hf_json_array_next(&rest, &number); count++)
        if (count == 2 || take_number(&number, UINT32_MAX, &ends[count]) != HF_OK)
            return HF_ERR_MALFORMED;
    if (count != 2)
        return HF_ERR_MALFORMED;
    ack->ranges[ack->range_count++] = (struct hf_frame_range){(uint32_t)ends[0], (uint32_t)ends[1]};
    return HF_OK;
}

static hf_err take_document(const struct hf_json_field *element, struct hf_frame_hello *hello)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("document"), HF_JSON_FIELD("version")};
    uint64_t document, version = 0;

    if (element->type != HF_JSON_OBJECT ||
        hf_json_scan(element->raw.at, element->raw.bytes, fields, 2, HF_JSON_DEPTH_CEILING) != HF_OK ||
        take_name(&fields[0], &hf_layout_documents, &document) != HF_OK ||
        (fields[1].found && take_number(&fields[1], UINT64_MAX, &version) != HF_OK))
        return HF_ERR_MALFORMED;
    hf_layout_append_document(hello, (uint8_t)document, version);
    return HF_OK;
}

hf_err hf_value_list(struct hf_value_reader *reader, const struct hf_json_field *field,
                     const struct hf_layout_row *row)
{
    struct hf_slice rest = field->raw, text;
    struct hf_json_field element;
    hf_err err = field->type == HF_JSON_ARRAY ? HF_OK : HF_ERR_MALFORMED;

    while (err == HF_OK && hf_json_array_next(&rest, &element))
        switch (row->kind) {
        case HF_KIND_CAPABILITIES:
            err = take_capability(&element, hf_layout_at(reader->frame, row->at));
            break;
        case HF_KIND_RANGES: err = take_range(&element, &reader->frame->as.ack); break;
        case HF_KIND_EXT_DOCUMENT: err = take_document(&element, &reader->frame->as.hello); break;
        default:
            err = hf_value_row_text(reader, &element, row, &text);
            if (err == HF_OK)
                hf_layout_append(reader->frame, row, text);
        }
    return err;
}
