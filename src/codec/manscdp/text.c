/* codec/manscdp/text.c - see text.h. */
#include "codec/manscdp/text.h"

#include <strings.h>

#include "base/assert.h"
#include "codec/json/utf8.h"

enum {
    DECLARATION_BYTES_MAX = 256, /* how far the XML declaration is searched */
    PART_BYTES = 256,            /* of a run handed to iconv while encoding */
    GB_BYTES_PER_UTF8_BYTE = 2,  /* U+0080 is two bytes in UTF-8 and four in GB 18030 */
};

static const char replacement[] = "\xef\xbf\xbd";

static bool is_control(char c) /* not allowed in XML 1.0 (2.2) */
{
    return ((uint8_t)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

size_t hf_text_gb18030_bytes(const char *at, size_t bytes)
{
    const uint8_t *b = (const uint8_t *)at;

    if (bytes == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] == 0x80 || b[0] == 0xff || bytes < 2)
        return 0;
    if (b[1] >= 0x40 && b[1] != 0x7f && b[1] != 0xff)
        return 2;
    if (b[1] < 0x30 || b[1] > 0x39 || bytes < 4 || b[2] < 0x81 || b[2] == 0xff || b[3] < 0x30 || b[3] > 0x39)
        return 0;
    return 4;
}

/* U+2E80..U+9FFF, U+F900..U+FAFF, U+FE30..U+FE4F and U+FF00..U+FFEF: radicals, punctuation, kana, ideographs, wide forms. */
static bool is_cjk3(const uint8_t *b)
{
    unsigned point = (unsigned)(b[0] & 15) << 12 | (unsigned)(b[1] & 63) << 6 | (b[2] & 63);

    return (point >= 0x2e80 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0xfe30 && point <= 0xfe4f) || (point >= 0xff00 && point <= 0xffef);
}

static size_t sequence_bytes(enum hf_text_charset charset, const char *at, size_t bytes)
{
    return charset == HF_TEXT_UTF8 ? hf_utf8_sequence_bytes(at, bytes) : hf_text_gb18030_bytes(at, bytes);
}

static size_t ascii_bytes(const char *at, size_t bytes)
{
    size_t n = 0;
    uint64_t word;

    while (n + sizeof(word) <= bytes) {
        memcpy(&word, at + n, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
        n += sizeof(word);
    }
    while (n < bytes && (uint8_t)at[n] < 0x80)
        n++;
    return n;
}

/* What the declaration names; HF_TEXT_AUTO when there is none. */
static enum hf_text_charset declared(struct hf_slice body)
{
    static const char key[] = "encoding";
    struct hf_slice head = {body.at, HF_MIN(body.bytes, (size_t)DECLARATION_BYTES_MAX)};

    if (head.bytes >= 3 && memcmp(head.at, "\xef\xbb\xbf", 3) == 0)
        return HF_TEXT_UTF8;
    const char *open = head.bytes ? memmem(head.at, head.bytes, "<?xml", 5) : NULL;
    const char *close = open ? memmem(open, (size_t)(head.at + head.bytes - open), "?>", 2) : NULL;

    if (close == NULL)
        return HF_TEXT_AUTO;
    const char *at = memmem(open, (size_t)(close - open), key, sizeof(key) - 1);

    if (at == NULL)
        return HF_TEXT_AUTO;
    for (at += sizeof(key) - 1; at < close && strchr("= \t\"'", *at) != NULL;)
        at++;
    if (close - at >= 4 && strncasecmp(at, "utf", 3) == 0)
        return HF_TEXT_UTF8;
    return close - at >= 3 && strncasecmp(at, "gb", 2) == 0 ? HF_TEXT_GB18030 : HF_TEXT_AUTO;
}

enum hf_text_charset hf_text_detect(struct hf_slice body, bool *ret_wrong)
{
    enum hf_text_charset says = declared(body), is;
    bool valid = true, proves = true, any = false;
    size_t at = 0;

    if (body.bytes >= 3 && memcmp(body.at, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (valid && at < body.bytes && (at += ascii_bytes(body.at + at, body.bytes - at)) < body.bytes) {
        size_t bytes = hf_utf8_sequence_bytes(body.at + at, body.bytes - at);

        any = true;
        valid = bytes > 0;
        proves = proves && bytes == 3 && is_cjk3((const uint8_t *)body.at + at);
        at += bytes;
    }
    is = valid && (says == HF_TEXT_UTF8 || proves) ? HF_TEXT_UTF8 : HF_TEXT_GB18030;
    if (ret_wrong != NULL)
        *ret_wrong = any && says != HF_TEXT_AUTO && says != is;
    return is;
}

bool hf_text_is_plain(enum hf_text_charset charset, struct hf_slice raw)
{
    for (size_t at = 0; at < raw.bytes;) {
        if ((uint8_t)raw.at[at] < 0x80) {
            if (is_control(raw.at[at++]))
                return false;
            continue;
        }
        size_t bytes = charset == HF_TEXT_UTF8 ? hf_utf8_sequence_bytes(raw.at + at, raw.bytes - at) : 0;

        if (bytes == 0)
            return false;
        at += bytes;
    }
    return true;
}

struct output {
    char *at;
    size_t bytes, bytes_max;
    unsigned *marks;
};

static bool put(struct output *out, const char *text, size_t bytes) /* whole or not at all */
{
    if (bytes > out->bytes_max - out->bytes) {
        *out->marks |= HF_TEXT_CUT;
        return false;
    }
    memcpy(out->at + out->bytes, text, bytes);
    out->bytes += bytes;
    return true;
}

static bool put_replacement(struct output *out)
{
    *out->marks |= HF_TEXT_REPLACED;
    return put(out, replacement, sizeof(replacement) - 1);
}

/* A run of well-formed two- and four-byte characters. One that the mapping does not know is replaced, and the run goes on behind it. */
static bool put_gb(const struct hf_text_conv *conv, struct output *out, const char *at, size_t bytes)
{
    while (bytes > 0) {
        char *in = (char *)(uintptr_t)at, *to = out->at + out->bytes;
        size_t in_bytes = bytes, room = out->bytes_max - out->bytes;
        size_t result = iconv(conv->to_utf8, &in, &in_bytes, &to, &room);

        out->bytes = (size_t)(to - out->at);
        at = in;
        bytes = in_bytes;
        if (result != (size_t)-1)
            continue;
        iconv(conv->to_utf8, NULL, NULL, NULL, NULL);
        size_t skip = hf_text_gb18030_bytes(at, bytes);

        /* Room for the longest character was left, so it is the character that failed. */
        if (room >= 4 && skip > 0 ? !put_replacement(out) : (*out->marks |= HF_TEXT_CUT, true))
            return false;
        at += skip;
        bytes -= skip;
    }
    return true;
}

size_t hf_text_decode(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice raw,
                      char *out, size_t out_bytes_max, unsigned *marks)
{
    struct output to = {.at = out, .bytes_max = out_bytes_max, .marks = marks};
    bool room = true;

    for (size_t at = 0; at < raw.bytes && room;) {
        const char *from = raw.at + at;
        size_t left = raw.bytes - at, run = 0, one;

        if ((uint8_t)*from < 0x80) {
            while (run < left && (uint8_t)from[run] < 0x80 && !is_control(from[run]) &&
                   run < to.bytes_max - to.bytes)
                run++;
            at += run > 0 ? run : 1;
            if (run > 0)
                room = put(&to, from, run);
            else if (is_control(*from))
                room = put_replacement(&to);
            else
                room = put(&to, from, 1); /* no room for one byte: marks it */
            continue;
        }
        while (run < left && (uint8_t)from[run] >= 0x80 &&
               (one = sequence_bytes(charset, from + run, left - run)) > 0) {
            if (charset == HF_TEXT_UTF8 && !(room = put(&to, from + run, one)))
                break;
            run += one;
        }
        if (run == 0) {
            room = room && put_replacement(&to);
            run = 1;
        } else if (charset != HF_TEXT_UTF8) {
            room = put_gb(conv, &to, from, run);
        }
        at += run;
    }
    return to.bytes;
}

/* `text` holds whole characters above ASCII only. */
static void add_wide(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                     struct hf_sb *out)
{
    char part[PART_BYTES * GB_BYTES_PER_UTF8_BYTE];

    if (charset == HF_TEXT_UTF8) {
        hf_sb_slice(out, text);
        return;
    }
    while (text.bytes > 0 && !out->overflow) {
        char *in = (char *)(uintptr_t)text.at, *to = part;
        size_t in_bytes = text.bytes, room = sizeof(part);
        size_t result = iconv(conv->from_utf8, &in, &in_bytes, &to, &room);

        hf_sb_add(out, part, (size_t)(to - part));
        if (result == (size_t)-1 &&
            to == part) { /* GB 18030 has all of Unicode; an iconv without it has not */
            size_t skip = hf_utf8_sequence_bytes(in, in_bytes);

            iconv(conv->from_utf8, NULL, NULL, NULL, NULL);
            hf_sb_char(out, '?');
            in += skip;
            in_bytes -= skip;
        }
        text = (struct hf_slice){in, in_bytes};
    }
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&apos;";
    default: return NULL;
    }
}

static void add(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                struct hf_sb *out, bool escape)
{
    for (size_t at = 0; at < text.bytes && !out->overflow;) {
        const char *from = text.at + at;
        size_t left = text.bytes - at, run = 0, one;

        if ((uint8_t)*from < 0x80 && !is_control(*from)) {
            const char *escaped = escape ? escape_of(*from) : NULL;

            if (escaped != NULL) {
                hf_sb_text(out, escaped);
                run = 1;
            } else {
                while (run < left && (uint8_t)from[run] < 0x80 && !is_control(from[run]) &&
                       !(escape && escape_of(from[run])))
                    run++;
                hf_sb_add(out, from, run);
            }
            at += run;
            continue;
        }
        while (run < left && (uint8_t)from[run] >= 0x80 &&
               (one = hf_utf8_sequence_bytes(from + run, left - run)) > 0)
            run += one;
        if (run > 0)
            add_wide(conv, charset, (struct hf_slice){from, run}, out);
        else
            add_wide(conv, charset, HF_SLICE("\xef\xbf\xbd"), out);
        at += run > 0 ? run : 1;
    }
}

void hf_text_escape(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                    struct hf_sb *out)
{
    add(conv, charset, text, out, true);
}

void hf_text_encode(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice text,
                    struct hf_sb *out)
{
    add(conv, charset, text, out, false);
}
