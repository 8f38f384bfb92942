/* codec/uri/uri.c - see uri.h. */
#include "codec/uri/uri.h"

#include <string.h>

#include "base/assert.h"
#include "codec/json/utf8.h"

enum { KEY_BYTES_MAX = 64 }; /* a longer key is none of those that are asked for or masked */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool utf8_ok(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes;) {
        size_t bytes = hf_utf8_sequence_bytes(text.at + i, text.bytes - i);

        if (bytes == 0 || text.at[i] == '\0')
            return false;
        i += bytes;
    }
    return true;
}

/* Decodes one byte at in[*at]; false for a broken escape. */
static bool decode_byte(struct hf_slice in, enum hf_uri_mode mode, size_t *at, char *ret_byte)
{
    char c = in.at[(*at)++];

    if (c == '+' && mode == HF_URI_QUERY)
        c = ' ';
    if (c == '%') {
        int high = *at < in.bytes ? hex_digit(in.at[*at]) : -1;
        int low = *at + 1 < in.bytes ? hex_digit(in.at[*at + 1]) : -1;

        if (high < 0 || low < 0)
            return false;
        c = (char)(high << 4 | low);
        *at += 2;
    }
    *ret_byte = c;
    return true;
}

static bool is_plain(struct hf_slice in, enum hf_uri_mode mode)
{
    return in.bytes == 0 || (memchr(in.at, '%', in.bytes) == NULL &&
                             (mode == HF_URI_PATH || memchr(in.at, '+', in.bytes) == NULL));
}

hf_err hf_uri_decode(struct hf_slice in, enum hf_uri_mode mode, char *out, size_t out_bytes,
                     struct hf_slice *ret_text)
{
    struct hf_slice text = {out, 0};

    if (is_plain(in, mode)) {
        *ret_text = in;
        return utf8_ok(in) ? HF_OK : HF_ERR_MALFORMED;
    }
    for (size_t i = 0; i < in.bytes;) {
        char c;

        if (!decode_byte(in, mode, &i, &c))
            return HF_ERR_MALFORMED;
        if (text.bytes == out_bytes)
            return HF_ERR_LIMIT;
        out[text.bytes++] = c;
    }
    *ret_text = text;
    return utf8_ok(text) ? HF_OK : HF_ERR_MALFORMED;
}

bool hf_uri_query_next(struct hf_slice *query, struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    while (query->bytes > 0) {
        const char *end = memchr(query->at, '&', query->bytes);
        struct hf_slice part = {query->at, end ? (size_t)(end - query->at) : query->bytes};
        size_t taken = part.bytes + (end != NULL);

        query->at += taken;
        query->bytes -= taken;
        if (part.bytes == 0)
            continue;
        const char *equals = memchr(part.at, '=', part.bytes);
        size_t key_bytes = equals ? (size_t)(equals - part.at) : part.bytes;
        size_t value_at = key_bytes + (equals != NULL);

        *ret_key = (struct hf_slice){part.at, key_bytes};
        *ret_value = (struct hf_slice){part.at + value_at, part.bytes - value_at};
        return true;
    }
    return false;
}

/* A key that cannot be decoded is no key that anyone asks for. */
static struct hf_slice decode_key(struct hf_slice key, char *storage)
{
    struct hf_slice text;

    if (hf_uri_decode(key, HF_URI_QUERY, storage, KEY_BYTES_MAX, &text) != HF_OK)
        return (struct hf_slice){NULL, 0};
    return text;
}

hf_err hf_uri_query_get(struct hf_slice query, const char *key, char *out, size_t out_bytes,
                        struct hf_slice *ret_value)
{
    struct hf_slice raw_key, raw_value, found = {NULL, 0};
    char storage[KEY_BYTES_MAX];

    while (hf_uri_query_next(&query, &raw_key, &raw_value)) {
        if (!hf_slice_is(decode_key(raw_key, storage), key))
            continue;
        if (found.at != NULL)
            return HF_ERR_MALFORMED;
        found = raw_value;
    }
    if (found.at == NULL)
        return HF_ERR_NOT_FOUND;
    return hf_uri_decode(found, HF_URI_QUERY, out, out_bytes, ret_value);
}

hf_err hf_uri_path_split(struct hf_slice path, char *storage, size_t storage_bytes,
                         struct hf_slice *ret_segments, size_t segments_max, size_t *ret_count)
{
    size_t count = 0, used = 0;

    if (path.bytes == 0 || path.at[0] != '/')
        return HF_ERR_MALFORMED;
    for (size_t at = 1; at < path.bytes;) {
        const char *end = memchr(path.at + at, '/', path.bytes - at);
        struct hf_slice raw = {path.at + at, end ? (size_t)(end - path.at) - at : path.bytes - at};
        struct hf_slice text;
        hf_err err = hf_uri_decode(raw, HF_URI_PATH, storage + used, storage_bytes - used, &text);

        if (err != HF_OK)
            return err;
        if (text.bytes == 0 || hf_slice_is(text, ".") || hf_slice_is(text, ".."))
            return HF_ERR_MALFORMED;
        if (count == segments_max)
            return HF_ERR_LIMIT;
        if (text.at != raw.at)
            used += text.bytes;
        ret_segments[count++] = text;
        at += raw.bytes + 1;
    }
    *ret_count = count;
    return HF_OK;
}

/* An undecodable or over-long key hides its value too: a log must not depend on how the key was spelled. */
static bool is_secret(struct hf_slice raw_key)
{
    static const char *const secrets[] = {"token",  "access_token", "key",       "api_key", "apikey",
                                          "secret", "password",     "signature", "sig",     "ticket"};
    char storage[KEY_BYTES_MAX];
    struct hf_slice key = decode_key(raw_key, storage);

    if (key.at == NULL)
        return true;
    for (size_t i = 0; i < HF_COUNT_OF(secrets); i++)
        if (hf_slice_eq_nocase(key, hf_slice_of(secrets[i])))
            return true;
    return false;
}

static void add_escaped(struct hf_sb *sb, char c)
{
    hf_sb_char(sb, '%');
    hf_sb_char(sb, "0123456789ABCDEF"[(uint8_t)c >> 4]);
    hf_sb_char(sb, "0123456789ABCDEF"[(uint8_t)c & 15]);
}

static void add_visible(struct hf_sb *sb, struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] > ' ' && text.at[i] < 0x7f)
            hf_sb_char(sb, text.at[i]);
        else
            add_escaped(sb, text.at[i]);
    }
}

void hf_uri_mask(struct hf_sb *sb, struct hf_slice target)
{
    const char *mark = target.bytes > 0 ? memchr(target.at, '?', target.bytes) : NULL;
    struct hf_slice query = target, key, value;
    const char *separator = "";

    if (mark != NULL || (target.bytes > 0 && target.at[0] == '/')) {
        size_t path_bytes = mark ? (size_t)(mark - target.at) : target.bytes;

        add_visible(sb, (struct hf_slice){target.at, path_bytes});
        query = (struct hf_slice){target.at + path_bytes, target.bytes - path_bytes};
        if (mark != NULL) {
            hf_sb_char(sb, '?');
            query.at++;
            query.bytes--;
        }
    }
    while (hf_uri_query_next(&query, &key, &value)) {
        hf_sb_text(sb, separator);
        add_visible(sb, key);
        if (value.at > key.at + key.bytes) {
            hf_sb_char(sb, '=');
            if (value.bytes > 0 && is_secret(key))
                hf_sb_text(sb, "***");
            else
                add_visible(sb, value);
        }
        separator = "&";
    }
}

void hf_uri_encode(struct hf_sb *sb, struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];

        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' ||
            c == '_' || c == '~')
            hf_sb_char(sb, c);
        else
            add_escaped(sb, c);
    }
}
