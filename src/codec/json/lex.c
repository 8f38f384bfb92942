/* codec/json/lex.c - see lex.h. Runs of plain string bytes go by eight at a time. */
#include "codec/json/lex.h"

#include <string.h>

#include "base/assert.h"
#include "codec/json/utf8.h"

enum { HEX_DIGITS = 4 };

/* True when some byte of the word is a quote, a backslash, a control or above ASCII: the known trick of
 * finding a zero byte with one subtraction. Bytes above ASCII need no term of their own, their high bit is
 * left in that of the controls (from 0xa0) or of the quote (below). False alarms only cost the slow path. */
static bool is_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';

    return (((word - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs) != 0;
}

static bool take_hex(struct hf_json_cursor *cursor, uint32_t *ret_value)
{
    uint32_t value = 0;

    if (cursor->end - cursor->at < HEX_DIGITS)
        return false;
    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = *cursor->at++, lower = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *ret_value = value;
    return true;
}

/* Behind "\u": one code point, from a surrogate pair where there is one. */
static bool take_unicode(struct hf_json_cursor *cursor, uint32_t *ret_code)
{
    uint32_t low;

    if (!take_hex(cursor, ret_code) || (*ret_code >= 0xdc00 && *ret_code <= 0xdfff))
        return false;
    if (*ret_code < 0xd800 || *ret_code > 0xdbff)
        return true;
    if (cursor->end - cursor->at < 2 || cursor->at[0] != '\\' || cursor->at[1] != 'u')
        return false;
    cursor->at += 2;
    if (!take_hex(cursor, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10 | (low - 0xdc00));
    return true;
}

/* Behind a backslash. */
static bool take_escape(struct hf_json_cursor *cursor)
{
    uint32_t code;

    if (cursor->at == cursor->end)
        return false;
    switch (*cursor->at++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    case 'u': return take_unicode(cursor, &code);
    default: return false;
    }
}

/* At the opening quote; leaves the cursor behind the closing one. */
bool hf_json_take_string(struct hf_json_cursor *cursor, bool *ret_escaped)
{
    *ret_escaped = false;
    cursor->at++;
    while (cursor->at < cursor->end) {
        uint64_t word;
        uint8_t c;

        if (cursor->end - cursor->at >= (ptrdiff_t)sizeof(word)) {
            memcpy(&word, cursor->at, sizeof(word));
            if (!is_special(word)) {
                cursor->at += sizeof(word);
                continue;
            }
        }
        c = (uint8_t)*cursor->at;
        if (c == '"') {
            cursor->at++;
            return true;
        }
        if (c < 0x20)
            return false;
        if (c == '\\') {
            *ret_escaped = true;
            cursor->at++;
            if (!take_escape(cursor))
                return false;
            continue;
        }
        size_t bytes = hf_utf8_sequence_bytes(cursor->at, (size_t)(cursor->end - cursor->at));

        if (bytes == 0)
            return false;
        cursor->at += bytes;
    }
    return false;
}

static size_t take_digits(struct hf_json_cursor *cursor)
{
    const char *start = cursor->at;

    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
        cursor->at++;
    return (size_t)(cursor->at - start);
}

static bool take_number(struct hf_json_cursor *cursor)
{
    if (*cursor->at == '-')
        cursor->at++;
    if (hf_json_next_is(cursor, '0', '0'))
        cursor->at++;
    else if (take_digits(cursor) == 0)
        return false;
    if (hf_json_next_is(cursor, '.', '.')) {
        cursor->at++;
        if (take_digits(cursor) == 0)
            return false;
    }
    if (hf_json_next_is(cursor, 'e', 'E')) {
        cursor->at++;
        if (hf_json_next_is(cursor, '+', '-'))
            cursor->at++;
        if (take_digits(cursor) == 0)
            return false;
    }
    return true;
}

static bool take_word(struct hf_json_cursor *cursor, struct hf_slice word)
{
    if ((size_t)(cursor->end - cursor->at) < word.bytes || memcmp(cursor->at, word.at, word.bytes) != 0)
        return false;
    cursor->at += word.bytes;
    return true;
}

/* Anything but an array or object. */
bool hf_json_take_scalar(struct hf_json_cursor *cursor, bool *ret_escaped)
{
    switch (*cursor->at) {
    case '"': return hf_json_take_string(cursor, ret_escaped);
    case 't': return take_word(cursor, HF_SLICE("true"));
    case 'f': return take_word(cursor, HF_SLICE("false"));
    case 'n': return take_word(cursor, HF_SLICE("null"));
    default: return take_number(cursor);
    }
}

/* Appends a code point; false when it does not fit. */
static bool put_code(char *out, size_t out_bytes, size_t *used, uint32_t code)
{
    uint8_t b[4];
    size_t bytes;

    if (code < 0x80) {
        b[0] = (uint8_t)code;
        bytes = 1;
    } else if (code < 0x800) {
        b[0] = (uint8_t)(0xc0 | code >> 6);
        b[1] = (uint8_t)(0x80 | (code & 0x3f));
        bytes = 2;
    } else if (code < 0x10000) {
        b[0] = (uint8_t)(0xe0 | code >> 12);
        b[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        b[2] = (uint8_t)(0x80 | (code & 0x3f));
        bytes = 3;
    } else {
        b[0] = (uint8_t)(0xf0 | code >> 18);
        b[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        b[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        b[3] = (uint8_t)(0x80 | (code & 0x3f));
        bytes = 4;
    }
    if (out_bytes - *used < bytes)
        return false;
    memcpy(out + *used, b, bytes);
    *used += bytes;
    return true;
}

static uint32_t escape_code(struct hf_json_cursor *cursor)
{
    char c = *cursor->at++;
    uint32_t code;

    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': {
        bool ok = take_unicode(cursor, &code);

        HF_ASSERT(ok); /* the scan has read it already */
        return code;
    }
    default: return (uint8_t)c;
    }
}

/* `inside` is a checked string without its quotes. */
hf_err hf_json_unescape(struct hf_slice inside, char *out, size_t out_bytes, struct hf_slice *ret_text)
{
    struct hf_json_cursor cursor = {.at = inside.at, .end = inside.at + inside.bytes};
    size_t used = 0;

    while (cursor.at < cursor.end) {
        if (*cursor.at == '\\') {
            cursor.at++;
            if (!put_code(out, out_bytes, &used, escape_code(&cursor)))
                return HF_ERR_LIMIT;
            continue;
        }
        if (used == out_bytes)
            return HF_ERR_LIMIT;
        out[used++] = *cursor.at++;
    }
    *ret_text = (struct hf_slice){out, used};
    return HF_OK;
}
