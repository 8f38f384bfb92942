/* codec/json/out.h - writes JSON into a string builder and sets the commas by itself:
 *   struct hf_json_out out;
 *   hf_json_out_init(&out, &sb);
 *   hf_json_out_object(&out, NULL);
 *   hf_json_out_text(&out, "id", id);
 *   hf_json_out_array(&out, "seen");
 *   hf_json_out_u64(&out, NULL, 7);
 *   hf_json_out_end(&out);
 *   hf_json_out_end(&out);                       gives {"id":"...","seen":[7]}
 * `key` is the member's name inside an object and NULL inside an array or at the top; a wrong one is our own
 * fault and asserted. Room is checked where the builder is: sb->overflow. */
#ifndef HF_CODEC_JSON_OUT_H
#define HF_CODEC_JSON_OUT_H

#include "base/sb.h"

enum { HF_JSON_OUT_DEPTH_MAX = 32 };

struct hf_json_out {
    struct hf_sb *sb; /* borrowed */
    uint32_t objects; /* bit n: level n is an object */
    uint8_t depth;
    bool comma; /* the next member or item needs one before it */
    bool keyed; /* hf_json_out_key was called: the value is due */
};

void hf_json_out_init(struct hf_json_out *out, struct hf_sb *sb);
void hf_json_out_object(struct hf_json_out *out, const char *key);
void hf_json_out_array(struct hf_json_out *out, const char *key);
void hf_json_out_end(struct hf_json_out *out); /* closes the innermost object or array */

void hf_json_out_text(struct hf_json_out *out, const char *key, struct hf_slice text);
void hf_json_out_cstr(struct hf_json_out *out, const char *key, const char *text); /* NULL writes null */
void hf_json_out_u64(struct hf_json_out *out, const char *key, uint64_t value);
void hf_json_out_i64(struct hf_json_out *out, const char *key, int64_t value);
void hf_json_out_double(struct hf_json_out *out, const char *key, double value); /* NaN, infinite: null */
void hf_json_out_bool(struct hf_json_out *out, const char *key, bool value);
void hf_json_out_null(struct hf_json_out *out, const char *key);
void hf_json_out_time(struct hf_json_out *out, const char *key, uint64_t utc_ms); /* RFC 3339 string */
void hf_json_out_hex(struct hf_json_out *out, const char *key, const void *data, size_t bytes);
void hf_json_out_base64(struct hf_json_out *out, const char *key, const void *data, size_t bytes);
/* `json` is one checked JSON value; it is copied as it stands. */
void hf_json_out_raw(struct hf_json_out *out, const char *key, struct hf_slice json);
/* A member whose name is data: key of any bytes, escaped. The value follows with key NULL. */
void hf_json_out_key(struct hf_json_out *out, struct hf_slice key);

static inline bool hf_json_out_complete(const struct hf_json_out *out)
{
    return out->depth == 0 && out->comma && !out->sb->overflow;
}

#endif
