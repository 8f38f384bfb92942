/* codec/json/out.c - see out.h. */
#include "codec/json/out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/base64.h"

enum { BASE64_PART_BYTES = 3 * 256 }; /* a multiple of 3: only the last part is padded */

static bool in_object(const struct hf_json_out *out)
{
    return out->depth > 0 && (out->objects >> (out->depth - 1) & 1);
}

static void comma(struct hf_json_out *out)
{
    if (out->comma)
        hf_sb_char(out->sb, ',');
}

/* What comes before each value. */
static void begin(struct hf_json_out *out, const char *key)
{
    if (out->keyed) {
        HF_ASSERT(key == NULL);
        out->keyed = false;
        return;
    }
    HF_ASSERT((key != NULL) == in_object(out));
    HF_ASSERT(out->depth > 0 || !out->comma); /* one value at the top */
    if (key != NULL) {
        hf_json_out_key(out, hf_slice_of(key));
        out->keyed = false;
    } else {
        comma(out);
    }
}

static void nest(struct hf_json_out *out, const char *key, bool object)
{
    begin(out, key);
    HF_ASSERT(out->depth < HF_JSON_OUT_DEPTH_MAX);
    out->objects = (out->objects & ~(UINT32_C(1) << out->depth)) | (uint32_t)object << out->depth;
    out->depth++;
    hf_sb_char(out->sb, object ? '{' : '[');
    out->comma = false;
}

void hf_json_out_init(struct hf_json_out *out, struct hf_sb *sb)
{
    *out = (struct hf_json_out){.sb = sb};
}

void hf_json_out_object(struct hf_json_out *out, const char *key)
{
    nest(out, key, true);
}

void hf_json_out_array(struct hf_json_out *out, const char *key)
{
    nest(out, key, false);
}

void hf_json_out_end(struct hf_json_out *out)
{
    HF_ASSERT(out->depth > 0);
    HF_ASSERT(!out->keyed);
    hf_sb_char(out->sb, in_object(out) ? '}' : ']');
    out->depth--;
    out->comma = true;
}

void hf_json_out_key(struct hf_json_out *out, struct hf_slice key)
{
    HF_ASSERT(in_object(out));
    HF_ASSERT(!out->keyed);
    comma(out);
    hf_sb_json(out->sb, key);
    hf_sb_char(out->sb, ':');
    out->keyed = true;
}

void hf_json_out_text(struct hf_json_out *out, const char *key, struct hf_slice text)
{
    begin(out, key);
    hf_sb_json(out->sb, text);
    out->comma = true;
}

void hf_json_out_cstr(struct hf_json_out *out, const char *key, const char *text)
{
    if (text == NULL)
        hf_json_out_null(out, key);
    else
        hf_json_out_text(out, key, hf_slice_of(text));
}

void hf_json_out_u64(struct hf_json_out *out, const char *key, uint64_t value)
{
    begin(out, key);
    hf_sb_u64(out->sb, value);
    out->comma = true;
}

void hf_json_out_i64(struct hf_json_out *out, const char *key, int64_t value)
{
    begin(out, key);
    hf_sb_i64(out->sb, value);
    out->comma = true;
}

void hf_json_out_double(struct hf_json_out *out, const char *key, double value)
{
    char text[32];

    if (!isfinite(value)) {
        hf_json_out_null(out, key);
        return;
    }
    begin(out, key);
    for (int digits = 15; digits <= 17; digits++) { /* the shortest of these that reads back equal */
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    hf_sb_text(out->sb, text);
    out->comma = true;
}

void hf_json_out_bool(struct hf_json_out *out, const char *key, bool value)
{
    begin(out, key);
    hf_sb_text(out->sb, value ? "true" : "false");
    out->comma = true;
}

void hf_json_out_null(struct hf_json_out *out, const char *key)
{
    begin(out, key);
    hf_sb_text(out->sb, "null");
    out->comma = true;
}

void hf_json_out_time(struct hf_json_out *out, const char *key, uint64_t utc_ms)
{
    begin(out, key);
    hf_sb_char(out->sb, '"');
    hf_sb_time(out->sb, utc_ms);
    hf_sb_char(out->sb, '"');
    out->comma = true;
}

void hf_json_out_hex(struct hf_json_out *out, const char *key, const void *data, size_t bytes)
{
    begin(out, key);
    hf_sb_char(out->sb, '"');
    hf_sb_hex(out->sb, data, bytes);
    hf_sb_char(out->sb, '"');
    out->comma = true;
}

/* In parts, straight into the builder: needs no second copy of the data. */
void hf_json_out_base64(struct hf_json_out *out, const char *key, const void *data, size_t bytes)
{
    char part[HF_BASE64_BYTES(BASE64_PART_BYTES)];
    const char *in = data;

    begin(out, key);
    hf_sb_char(out->sb, '"');
    for (size_t at = 0; at < bytes && !out->sb->overflow; at += BASE64_PART_BYTES) {
        size_t part_bytes = 0;

        (void)hf_base64_encode(in + at, HF_MIN(bytes - at, (size_t)BASE64_PART_BYTES), part, sizeof(part),
                               &part_bytes);
        hf_sb_add(out->sb, part, part_bytes);
    }
    hf_sb_char(out->sb, '"');
    out->comma = true;
}

void hf_json_out_raw(struct hf_json_out *out, const char *key, struct hf_slice json)
{
    HF_ASSERT(json.bytes > 0);
    begin(out, key);
    hf_sb_slice(out->sb, json);
    out->comma = true;
}
