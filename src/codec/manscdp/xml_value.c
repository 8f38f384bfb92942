/* codec/manscdp/xml_value.c - attributes and the text of values: see xml.h. */
#include "base/assert.h"
#include "codec/manscdp/xml.h"

enum { REFERENCE_BYTES_MAX = 12 }; /* &#x0010FFFF; and nothing longer */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct hf_slice hf_xml_attribute(struct hf_slice attributes, const char *name)
{
    const char *at = attributes.at, *end = attributes.at + attributes.bytes;

    while (at < end) {
        while (at < end && is_space(*at))
            at++;
        const char *from = at;

        while (at < end && *at != '=' && !is_space(*at))
            at++;
        struct hf_slice found = {from, (size_t)(at - from)};

        while (at < end && is_space(*at))
            at++;
        if (at == end || *at != '=')
            continue; /* a word without a value */
        for (at++; at < end && is_space(*at);)
            at++;
        char quote = at < end && (*at == '"' || *at == '\'') ? *at++ : 0;

        from = at;
        while (at < end && (quote ? *at != quote : !is_space(*at)))
            at++;
        if (hf_slice_eq_nocase(found, hf_slice_of(name)))
            return (struct hf_slice){from, (size_t)(at - from)};
        if (at < end && quote)
            at++;
    }
    return (struct hf_slice){NULL, 0};
}

struct writer {
    const struct hf_text_conv *conv;
    enum hf_text_charset charset;
    char *out;
    size_t bytes, bytes_max;
    unsigned marks;
};

static void decode(struct writer *to, const char *from, size_t bytes)
{
    to->bytes += hf_text_decode(to->conv, to->charset, (struct hf_slice){from, bytes}, to->out + to->bytes,
                                to->bytes_max - to->bytes, &to->marks);
}

/* Text that is UTF-8 already. */
static void put(struct writer *to, const char *from, size_t bytes)
{
    to->bytes += hf_text_decode(to->conv, HF_TEXT_UTF8, (struct hf_slice){from, bytes}, to->out + to->bytes,
                                to->bytes_max - to->bytes, &to->marks);
}

static void put_point(struct writer *to, uint32_t point)
{
    char text[4];
    size_t bytes;

    if (point < 0x80) {
        text[0] = (char)point;
        bytes = 1;
    } else if (point < 0x800) {
        text[0] = (char)(0xc0 | point >> 6);
        bytes = 2;
    } else if (point < 0x10000) {
        text[0] = (char)(0xe0 | point >> 12);
        bytes = 3;
    } else {
        text[0] = (char)(0xf0 | point >> 18);
        bytes = 4;
    }
    for (size_t i = 1; i < bytes; i++)
        text[i] = (char)(0x80 | (point >> (6 * (bytes - 1 - i)) & 63));
    put(to, text, bytes);
}

/* &#233; and &#xE9; without their & and ;. False when it is no number; a number that is no character is U+FFFD. */
static bool number(struct hf_slice text, uint32_t *ret_point)
{
    unsigned base = text.bytes > 1 && (text.at[1] == 'x' || text.at[1] == 'X') ? 16 : 10;
    uint64_t point = 0;

    text.at += base == 16 ? 2 : 1;
    text.bytes -= base == 16 ? 2 : 1;
    if (text.bytes == 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;

        if (digit >= base)
            return false;
        point = point * base + digit;
    }
    *ret_point =
        point == 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0xfffd : (uint32_t)point;
    return true;
}

/* At an &: bytes of the reference and its character; 0 when it is none, *ret_named tells that it looks like one. */
static size_t reference(const char *at, const char *end, uint32_t *ret_point, bool *ret_named)
{
    static const struct {
        const char *name;
        char is;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    size_t bytes = 1, bytes_max = HF_MIN((size_t)(end - at), (size_t)REFERENCE_BYTES_MAX);

    while (bytes < bytes_max && (at[bytes] == '#' || (at[bytes] >= '0' && at[bytes] <= '9') ||
                                 ((at[bytes] | 32) >= 'a' && (at[bytes] | 32) <= 'z')))
        bytes++;
    *ret_named = bytes > 1 && bytes < bytes_max && at[bytes] == ';';
    if (!*ret_named)
        return 0;
    struct hf_slice name = {at + 1, bytes - 1};

    for (size_t i = 0; i < HF_COUNT_OF(known); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(known[i].name))) {
            *ret_point = (uint8_t)known[i].is;
            return bytes + 1;
        }
    return name.at[0] == '#' && number(name, ret_point) ? bytes + 1 : 0;
}

/* At an &: bytes of the reference that was written, or of the & alone, which stays a character. */
static size_t put_reference(struct writer *to, const char *at, const char *end, uint32_t *tolerances)
{
    uint32_t point;
    bool named;
    size_t bytes = reference(at, end, &point, &named);

    if (bytes > 0) {
        put_point(to, point);
        return bytes;
    }
    *tolerances |= named ? HF_XML_ENTITY : HF_XML_AMPERSAND;
    put(to, at, 1);
    return 1;
}

bool hf_xml_references_known(struct hf_slice text)
{
    const char *end = text.at + text.bytes;
    uint32_t point;
    bool named;

    for (const char *at = text.at; at < end; at++)
        if (*at == '&' && reference(at, end, &point, &named) == 0)
            return false;
    return true;
}

/* At a `<` inside a value: bytes of the CDATA section or comment, or of the `<` alone. */
static size_t put_section(struct writer *to, const char *at, const char *end, bool *no_comment_closes)
{
    static const char cdata[] = "<![CDATA[", comment[] = "<!--";
    size_t left = (size_t)(end - at);

    if (left >= sizeof(cdata) - 1 && memcmp(at, cdata, sizeof(cdata) - 1) == 0) {
        const char *from = at + sizeof(cdata) - 1;
        const char *close = from < end ? memmem(from, (size_t)(end - from), "]]>", 3) : NULL;

        decode(to, from, (size_t)((close ? close : end) - from));
        return close ? (size_t)(close + 3 - at) : left;
    }
    if (!*no_comment_closes && left >= sizeof(comment) - 1 && memcmp(at, comment, sizeof(comment) - 1) == 0) {
        const char *close = left > 4 ? memmem(at + 4, left - 4, "-->", 3) : NULL;

        if (close != NULL)
            return (size_t)(close + 3 - at);
        *no_comment_closes = true;
    }
    put(to, at, 1);
    return 1;
}

struct hf_slice hf_xml_text(const struct hf_text_conv *conv, enum hf_text_charset charset,
                            struct hf_slice raw, char *out, size_t out_bytes_max, size_t *ret_out_bytes,
                            uint32_t *tolerances)
{
    struct writer to = {.conv = conv, .charset = charset, .out = out, .bytes_max = out_bytes_max};
    struct hf_slice text = hf_xml_trim(raw);
    const char *at = text.at, *end = text.at + text.bytes;
    bool no_comment_closes = false, marked = false;

    *ret_out_bytes = 0;
    if (text.bytes < raw.bytes)
        *tolerances |= HF_XML_SPACE;
    if (text.bytes == 0)
        return (struct hf_slice){raw.at == NULL ? "" : raw.at, 0};
    for (const char *c = at; c < end && !marked; c++)
        marked = *c == '&' || *c == '<';
    if (memmem(text.at, text.bytes, "]]>", 3) != NULL && memmem(text.at, text.bytes, "<![CDATA[", 9) == NULL)
        *tolerances |= HF_XML_CDATA_END;
    if (!marked && hf_text_is_plain(charset, text))
        return text;
    while (at < end && !(to.marks & HF_TEXT_CUT)) {
        const char *run = at;

        while (run < end && *run != '&' && *run != '<')
            run++;
        decode(&to, at, (size_t)(run - at));
        at = run;
        if (at < end)
            at += *at == '&' ? put_reference(&to, at, end, tolerances)
                             : put_section(&to, at, end, &no_comment_closes);
    }
    *tolerances |=
        (to.marks & HF_TEXT_REPLACED ? HF_XML_CHARACTER : 0) | (to.marks & HF_TEXT_CUT ? HF_XML_LONG : 0);
    *ret_out_bytes = to.bytes;
    return hf_xml_trim((struct hf_slice){out, to.bytes});
}
