/* codec/json/lex.h - private to json: the words of RFC 8259, checked one at a time. */
#ifndef HF_CODEC_JSON_LEX_H
#define HF_CODEC_JSON_LEX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

struct hf_json_cursor {
    const char *at, *end;
};

static inline bool hf_json_next_is(const struct hf_json_cursor *cursor, char a, char b)
{
    return cursor->at < cursor->end && (*cursor->at == a || *cursor->at == b);
}

static inline void hf_json_skip_space(struct hf_json_cursor *cursor)
{
    while (hf_json_next_is(cursor, ' ', '\n') || hf_json_next_is(cursor, '\r', '\t'))
        cursor->at++;
}

/* Without the white space before the first word; the absent slice is allowed. */
static inline struct hf_slice hf_json_trim(struct hf_slice text)
{
    struct hf_json_cursor cursor = {text.at, text.at};

    if (text.bytes == 0)
        return text;
    cursor.end += text.bytes;
    hf_json_skip_space(&cursor);
    return (struct hf_slice){cursor.at, (size_t)(cursor.end - cursor.at)};
}

/* At an opening quote; leaves the cursor behind the closing one. False when the string is not valid. */
bool hf_json_take_string(struct hf_json_cursor *cursor, bool *ret_escaped);

/* At the first byte of anything but an array or object; *ret_escaped is set for strings only. */
bool hf_json_take_scalar(struct hf_json_cursor *cursor, bool *ret_escaped);

/* `inside` is a checked string without its quotes. HF_ERR_LIMIT when the text is longer than out_bytes. */
hf_err hf_json_unescape(struct hf_slice inside, char *out, size_t out_bytes, struct hf_slice *ret_text);

#endif
