/* codec/json/field.c - what a found member says, as C values. */
#include <math.h>
#include <stdlib.h>

#include "codec/json/lex.h"
#include "codec/json/scan.h"

static struct hf_slice inside(const struct hf_json_field *field)
{
    return (struct hf_slice){field->raw.at + 1, field->raw.bytes - 2};
}

hf_err hf_json_to_text(const struct hf_json_field *field, char *out, size_t out_bytes,
                       struct hf_slice *ret_text)
{
    if (field->type != HF_JSON_STRING)
        return HF_ERR_INVALID;
    if (field->escaped)
        return hf_json_unescape(inside(field), out, out_bytes, ret_text);
    *ret_text = inside(field);
    return HF_OK;
}

hf_err hf_json_to_u64(const struct hf_json_field *field, uint64_t *ret_value)
{
    return field->type == HF_JSON_NUMBER && hf_slice_to_u64(field->raw, ret_value) ? HF_OK : HF_ERR_INVALID;
}

hf_err hf_json_to_i64(const struct hf_json_field *field, int64_t *ret_value)
{
    struct hf_slice digits = field->raw;
    uint64_t size;
    bool negative;

    if (field->type != HF_JSON_NUMBER)
        return HF_ERR_INVALID;
    negative = digits.at[0] == '-';
    digits.at += negative;
    digits.bytes -= negative;
    if (!hf_slice_to_u64(digits, &size) || size > (uint64_t)INT64_MAX + negative)
        return HF_ERR_INVALID;
    *ret_value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return HF_OK;
}

hf_err hf_json_to_double(const struct hf_json_field *field, double *ret_value)
{
    char text[HF_JSON_NUMBER_BYTES_MAX + 1];
    double value;

    if (field->type != HF_JSON_NUMBER)
        return HF_ERR_INVALID;
    if (field->raw.bytes > HF_JSON_NUMBER_BYTES_MAX)
        return HF_ERR_LIMIT;
    memcpy(text, field->raw.at, field->raw.bytes);
    text[field->raw.bytes] = '\0';
    value = strtod(text, NULL);
    if (!isfinite(value))
        return HF_ERR_INVALID;
    *ret_value = value;
    return HF_OK;
}

hf_err hf_json_to_bool(const struct hf_json_field *field, bool *ret_value)
{
    if (field->type != HF_JSON_BOOL)
        return HF_ERR_INVALID;
    *ret_value = field->raw.at[0] == 't';
    return HF_OK;
}

enum { SURROGATE_PAIR_BYTES = 12, UNICODE_BYTES = 6, ESCAPE_BYTES = 2 };

/* Bytes of the first character of a checked string, as spelled. */
static size_t spelled_bytes(const char *at)
{
    if (at[0] != '\\')
        return 1;
    if (at[1] != 'u')
        return ESCAPE_BYTES;
    /* \ud8xx to \udbxx open a pair */
    return (at[2] | 0x20) == 'd' && strchr("89abAB", at[3]) != NULL ? SURROGATE_PAIR_BYTES : UNICODE_BYTES;
}

/* Unescaped character by character, so that no length of `text` needs storage. */
bool hf_json_is(const struct hf_json_field *field, const char *text)
{
    struct hf_slice wanted = hf_slice_of(text), left;
    char character[4];

    if (field->type != HF_JSON_STRING)
        return false;
    left = inside(field);
    if (!field->escaped)
        return hf_slice_eq(left, wanted);
    while (left.bytes > 0) {
        struct hf_slice piece;
        size_t taken = spelled_bytes(left.at);

        if (hf_json_unescape((struct hf_slice){left.at, taken}, character, sizeof(character), &piece) !=
                HF_OK ||
            piece.bytes > wanted.bytes || memcmp(piece.at, wanted.at, piece.bytes) != 0)
            return false;
        left = (struct hf_slice){left.at + taken, left.bytes - taken};
        wanted = (struct hf_slice){wanted.at + piece.bytes, wanted.bytes - piece.bytes};
    }
    return wanted.bytes == 0;
}
