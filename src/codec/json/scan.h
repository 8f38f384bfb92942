/* codec/json/scan.h - checks one JSON text (RFC 8259) and picks named members of its top-level object, in
 * one pass and without memory. Made for routing each device message (WS-9); whoever needs a tree uses cJSON.
 * Strict: UTF-8 without overlong forms or surrogates, paired \u surrogates only (RFC 7493 2.1), nothing
 * behind the text, no byte order mark. */
#ifndef HF_CODEC_JSON_SCAN_H
#define HF_CODEC_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_JSON_DEPTH_MAX = 16,        /* default of depth_max */
    HF_JSON_DEPTH_CEILING = 64,    /* depth_max may not be above it */
    HF_JSON_NAME_BYTES_MAX = 64,   /* of a wanted name */
    HF_JSON_NUMBER_BYTES_MAX = 64, /* hf_json_to_double takes no longer spelling */
};

enum hf_json_type {
    HF_JSON_NONE,
    HF_JSON_NULL,
    HF_JSON_BOOL,
    HF_JSON_NUMBER,
    HF_JSON_STRING,
    HF_JSON_ARRAY,
    HF_JSON_OBJECT,
};

struct hf_json_field {
    struct hf_slice name;   /* set by the caller: HF_JSON_FIELD("type") */
    enum hf_json_type type; /* HF_JSON_NONE = not found */
    bool found;
    bool escaped;        /* STRING: holds a backslash, so its raw bytes are not its text */
    struct hf_slice raw; /* the value as spelled, strings with their quotes; into `in` */
};

#define HF_JSON_FIELD(literal)                    \
    {                                             \
        .name = {(literal), sizeof(literal) - 1 } \
    }

/* Scans in[0..bytes). depth_max counts nested arrays and objects; 0 = HF_JSON_DEPTH_MAX. A text that is not an object
 * is checked as well and leaves every field not found (hf_json_type_of tells what it is).
 * HF_ERR_MALFORMED: not JSON, or a wanted member stands there twice: readers disagree which one counts
 * (cJSON takes the first, JavaScript the last), so a message could be routed as one thing and obeyed as
 * another. HF_ERR_LIMIT: nested deeper than depth_max. After an error the fields mean nothing. */
hf_err hf_json_scan(const char *in, size_t bytes, struct hf_json_field *fields, size_t field_count,
                    unsigned depth_max);

/* What a checked text is, by its first significant byte; HF_JSON_NONE when it starts like none. */
enum hf_json_type hf_json_type_of(struct hf_slice text);

/* The text of a STRING. Without escapes *ret_text points into the input and nothing is copied; otherwise
 * into `out`. HF_ERR_INVALID: not a string. HF_ERR_LIMIT: the unescaped text is longer than out_bytes. */
hf_err hf_json_to_text(const struct hf_json_field *field, char *out, size_t out_bytes,
                       struct hf_slice *ret_text);
/* HF_ERR_INVALID: not a number, not whole (1.0 and 1e3 are not taken), or out of range. */
hf_err hf_json_to_u64(const struct hf_json_field *field, uint64_t *ret_value);
hf_err hf_json_to_i64(const struct hf_json_field *field, int64_t *ret_value);
/* HF_ERR_INVALID: not a number or not finite as a double. HF_ERR_LIMIT: above HF_JSON_NUMBER_BYTES_MAX. Reads
 * in the C locale that a process has unless it asks for another. */
hf_err hf_json_to_double(const struct hf_json_field *field, double *ret_value);
hf_err hf_json_to_bool(const struct hf_json_field *field, bool *ret_value);
/* True for a STRING whose text is `text`; compares the raw bytes where nothing is escaped. */
bool hf_json_is(const struct hf_json_field *field, const char *text);

#endif
