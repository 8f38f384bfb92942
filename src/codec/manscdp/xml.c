/* codec/manscdp/xml.c - tokens: see xml.h. What values hold: xml_value.c. */
#include "codec/manscdp/xml.h"

#include <strings.h>

#include "base/assert.h"

const char *hf_xml_tolerance_name(unsigned index)
{
#define TOLERANCE_NAME(id, name) name,
    static const char *const names[] = {HF_XML_TOLERANCE_MAP(TOLERANCE_NAME)};
#undef TOLERANCE_NAME

    return index < HF_COUNT_OF(names) ? names[index] : NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == ':';
}

static bool is_name(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

struct hf_slice hf_xml_trim(struct hf_slice text)
{
    while (text.bytes > 0 && (is_space(text.at[0]) || text.at[0] == '\0')) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes > 0 && (is_space(text.at[text.bytes - 1]) || text.at[text.bytes - 1] == '\0'))
        text.bytes--;
    return text;
}

void hf_xml_init(struct hf_xml *xml, struct hf_slice text, uint32_t *tolerances)
{
    const char *at = text.at != NULL ? text.at : "";

    *xml = (struct hf_xml){.at = at, .end = at + text.bytes, .tolerances = tolerances};
}

static bool starts(const char *at, const char *end, const char *text)
{
    size_t bytes = strlen(text);

    return (size_t)(end - at) >= bytes && memcmp(at, text, bytes) == 0;
}

static const char *find(const char *at, const char *end, const char *text)
{
    return at < end ? memmem(at, (size_t)(end - at), text, strlen(text)) : NULL;
}

static const char *name_end(const char *at, const char *end)
{
    const char *limit = at + HF_MIN((size_t)(end - at), (size_t)HF_XML_NAME_BYTES_MAX + 1);
    const char *to = at;

    if (to == limit || !is_name_start(*to))
        return NULL;
    while (to < limit && is_name(*to))
        to++;
    return to - at > HF_XML_NAME_BYTES_MAX ? NULL : to;
}

/* What a `<` turns out to be. */
enum verdict {
    IS_TEXT,    /* the `<` is a character */
    IS_TAG,     /* *ret_token says which */
    IS_CDATA,   /* part of a text, up to *ret_end */
    IS_NOTHING, /* comment, instruction, DOCTYPE: skip to *ret_end */
    IS_CUT,     /* the input ends inside a tag */
};

/* At `<!DOCTYPE` or `<?`: the end, with brackets of an internal subset, or NULL within HF_XML_TAG_BYTES_MAX. A `<` outside of brackets ends the
 * search: many that begin and do not end cost no more than their bytes. */
static const char *declaration_end(const char *at, const char *end)
{
    const char *limit = at + HF_MIN((size_t)(end - at), (size_t)HF_XML_TAG_BYTES_MAX);
    unsigned brackets = 0;

    for (at += 2; at < limit; at++) {
        if (*at == '[')
            brackets++;
        else if (*at == ']' && brackets > 0)
            brackets--;
        else if (*at == '>' && brackets == 0)
            return at + 1;
        else if (*at == '<' && brackets == 0)
            return NULL;
    }
    return NULL;
}

static enum verdict judge_bang(struct hf_xml *xml, const char *at, const char **ret_end)
{
    if (starts(at, xml->end, "<!--")) {
        const char *to = xml->no_comment_closes ? NULL : find(at + 4, xml->end, "-->");

        xml->no_comment_closes = to == NULL;
        if (to == NULL)
            return IS_TEXT;
        *ret_end = to + 3;
        return IS_NOTHING;
    }
    if (starts(at, xml->end, "<![CDATA[")) {
        /* Where the first ] could be the second byte of a character, too, it ends the section: names cut in the middle are common,
         * "]>" inside a section is not. */
        const char *to = find(at + 9, xml->end, "]]>");

        *xml->tolerances |= to == NULL ? HF_XML_CDATA | HF_XML_CDATA_OPEN : HF_XML_CDATA;
        *ret_end = to == NULL ? xml->end : to + 3;
        return IS_CDATA;
    }
    if (!xml->dtd_skipped && (size_t)(xml->end - at) >= 9 && strncasecmp(at, "<!DOCTYPE", 9) == 0) {
        const char *to = declaration_end(at, xml->end);

        *xml->tolerances |= HF_XML_DTD;
        *ret_end = to == NULL ? at + 9 : to;
        return IS_NOTHING;
    }
    return IS_TEXT;
}

static enum verdict judge_end_tag(struct hf_xml *xml, const char *at, struct hf_xml_token *token)
{
    const char *name = at + 2, *to = name_end(name, xml->end), *close = to;

    if (to == NULL)
        return name == xml->end ? IS_CUT : IS_TEXT;
    while (close < xml->end && is_space(*close))
        close++;
    if (close == xml->end)
        return IS_CUT;
    if (*close == '>') {
        close++;
    } else if (*close == '<' && close > to) {
        *xml->tolerances |= HF_XML_TAG; /* white space ended it: the next tag begins */
    } else {
        return IS_TEXT;
    }
    *token = (struct hf_xml_token){
        .type = HF_XML_END, .name = {name, (size_t)(to - name)}, .raw = {at, (size_t)(close - at)}};
    return IS_TAG;
}

static enum verdict judge_start_tag(struct hf_xml *xml, const char *at, struct hf_xml_token *token)
{
    const char *name = at + 1, *to = name_end(name, xml->end), *close;
    const char *limit = at + HF_MIN((size_t)(xml->end - at), (size_t)HF_XML_TAG_BYTES_MAX);
    char quote = 0;

    if (to == NULL)
        return name == xml->end ? IS_CUT : IS_TEXT;
    if (to < xml->end && !is_space(*to) && *to != '/' && *to != '>')
        return IS_TEXT;
    for (close = to; close < limit; close++) {
        if (*close == '<')
            return IS_TEXT;
        if (quote == 0 && *close == '>')
            break;
        if (quote == 0 && (*close == '"' || *close == '\''))
            quote = *close;
        else if (*close == quote)
            quote = 0;
    }
    if (close == limit)
        return limit == xml->end ? IS_CUT : IS_TEXT;
    bool closed = close > to && close[-1] == '/';

    *token = (struct hf_xml_token){.type = HF_XML_START,
                                   .closed = closed,
                                   .name = {name, (size_t)(to - name)},
                                   .attributes = {to, (size_t)(close - closed - to)},
                                   .raw = {at, (size_t)(close + 1 - at)}};
    return IS_TAG;
}

static enum verdict judge(struct hf_xml *xml, const char *at, struct hf_xml_token *token,
                          const char **ret_end)
{
    if (at + 1 == xml->end)
        return IS_CUT;
    switch (at[1]) {
    case '/': return judge_end_tag(xml, at, token);
    case '!': return judge_bang(xml, at, ret_end);
    case '?': *ret_end = declaration_end(at, xml->end); return *ret_end == NULL ? IS_TEXT : IS_NOTHING;
    default: return judge_start_tag(xml, at, token);
    }
}

void hf_xml_next(struct hf_xml *xml, struct hf_xml_token *ret_token)
{
    struct hf_xml_token token = {.type = HF_XML_END_OF_INPUT};
    const char *text = xml->at; /* where the text before the next tag begins */
    const char *at = text, *to = NULL;

    while (at < xml->end) {
        at = memchr(at, '<', (size_t)(xml->end - at));
        if (at == NULL)
            break;
        enum verdict verdict = judge(xml, at, &token, &to);

        if (verdict == IS_TEXT) {
            *xml->tolerances |= HF_XML_LESS;
            at++;
            continue;
        }
        HF_ASSERT(verdict == IS_TAG || verdict == IS_CUT || to > at); /* judge said where it ends */
        if (verdict == IS_CDATA) {
            at = to;
            continue;
        }
        if (at > text) { /* the text first; what stopped it is judged again */
            xml->at = at;
            *ret_token = (struct hf_xml_token){.type = HF_XML_TEXT, .raw = {text, (size_t)(at - text)}};
            return;
        }
        if (verdict == IS_TAG) {
            xml->at = token.raw.at + token.raw.bytes;
            *ret_token = token;
            return;
        }
        if (verdict == IS_CUT) {
            *xml->tolerances |= HF_XML_CUT;
            xml->at = xml->end;
            *ret_token = (struct hf_xml_token){.type = HF_XML_END_OF_INPUT, .raw = {at, 0}};
            return;
        }
        xml->dtd_skipped = xml->dtd_skipped || (at[1] == '!' && at[2] != '-');
        xml->at = text = at = to;
    }
    xml->at = xml->end;
    *ret_token = (struct hf_xml_token){.type = text < xml->end ? HF_XML_TEXT : HF_XML_END_OF_INPUT,
                                       .raw = {text, (size_t)(xml->end - text)}};
}

static bool same_name(struct hf_xml *xml, struct hf_slice a, struct hf_slice b)
{
    if (hf_slice_eq(a, b))
        return true;
    if (!hf_slice_eq_nocase(a, b))
        return false;
    *xml->tolerances |= HF_XML_CASE;
    return true;
}

hf_err hf_xml_inner(struct hf_xml *xml, struct hf_slice name, unsigned depth, struct hf_slice *ret_inner)
{
    struct hf_slice open[HF_XML_DEPTH_MAX];
    struct hf_xml_token token;
    struct hf_xml scan = *xml;
    uint32_t seen = 0; /* counts only when the END is found */
    unsigned count = 0;

    if (depth > HF_XML_DEPTH_MAX)
        return HF_ERR_LIMIT;
    open[count++] = name;
    scan.tolerances = &seen;
    for (hf_xml_next(&scan, &token); token.type != HF_XML_END_OF_INPUT; hf_xml_next(&scan, &token)) {
        if (token.type == HF_XML_START && !token.closed) {
            if (depth + count > HF_XML_DEPTH_MAX)
                return HF_ERR_LIMIT;
            open[count++] = token.name;
        } else if (token.type == HF_XML_END) {
            unsigned at = count;

            while (at > 0 && !same_name(&scan, open[at - 1], token.name))
                at--;
            seen |= at == 0 ? HF_XML_CLOSED : at < count ? HF_XML_OPEN : 0;
            if (at == 1) {
                *xml->tolerances |= seen;
                *ret_inner = (struct hf_slice){xml->at, (size_t)(token.raw.at - xml->at)};
                xml->at = scan.at;
                return HF_OK;
            }
            if (at > 0)
                count = at - 1;
        }
    }
    xml->no_comment_closes = scan.no_comment_closes;
    xml->dtd_skipped = scan.dtd_skipped;
    return HF_ERR_NOT_FOUND;
}

/* From a token that has no place in a value: does the value's END still come? *ret_raw_end is where it begins. */
static bool closes_later(struct hf_xml *scan, struct hf_slice name, struct hf_xml_token token,
                         const char **ret_raw_end)
{
    const char *from = scan->at;

    for (; token.type != HF_XML_END_OF_INPUT && scan->at - from <= HF_XML_LEAF_BYTES_MAX;
         hf_xml_next(scan, &token)) {
        if (token.type == HF_XML_TEXT && memchr(token.raw.at, '\n', token.raw.bytes) != NULL)
            return false;
        if (token.type == HF_XML_START && hf_slice_eq_nocase(token.name, name))
            return false;
        if (token.type == HF_XML_END && hf_slice_eq_nocase(token.name, name)) {
            *ret_raw_end = token.raw.at;
            return true;
        }
    }
    return false;
}

void hf_xml_leaf(struct hf_xml *xml, struct hf_slice name, struct hf_slice *ret_raw)
{
    const char *from = xml->at, *to = NULL;
    struct hf_xml_token token;

    hf_xml_next(xml, &token);
    if (token.type == HF_XML_TEXT)
        hf_xml_next(xml, &token);
    while (token.type == HF_XML_TEXT) /* behind a comment */
        hf_xml_next(xml, &token);
    if (token.type == HF_XML_END && same_name(xml, token.name, name)) {
        *ret_raw = (struct hf_slice){from, (size_t)(token.raw.at - from)};
        return;
    }
    uint32_t ignored = 0;
    struct hf_xml scan = *xml;

    scan.tolerances = &ignored;
    bool closes = token.type != HF_XML_END_OF_INPUT && closes_later(&scan, name, token, &to);

    xml->no_comment_closes = scan.no_comment_closes;
    xml->dtd_skipped = scan.dtd_skipped;
    if (closes) {
        *xml->tolerances |= HF_XML_MARKUP;
        xml->at = scan.at;
        *ret_raw = (struct hf_slice){from, (size_t)(to - from)};
        return;
    }
    *xml->tolerances |= token.type == HF_XML_END_OF_INPUT ? HF_XML_CUT : HF_XML_OPEN;
    xml->at = token.type == HF_XML_END_OF_INPUT ? xml->end : token.raw.at;
    *ret_raw = (struct hf_slice){from, (size_t)(token.raw.at - from)};
    while (ret_raw->bytes > 0 && is_space(ret_raw->at[0])) {
        ret_raw->at++;
        ret_raw->bytes--;
    }
    const char *line = ret_raw->bytes > 0 ? memchr(ret_raw->at, '\n', ret_raw->bytes) : NULL;

    if (line != NULL)
        ret_raw->bytes = (size_t)(line - ret_raw->at);
}

bool hf_xml_is_complete(struct hf_slice body)
{
    struct hf_xml_token token;
    uint32_t ignored = 0;
    struct hf_xml xml;

    body = hf_xml_trim(body);
    if (body.bytes < 4 || body.at[body.bytes - 1] != '>')
        return false;
    hf_xml_init(&xml, body, &ignored);
    do {
        hf_xml_next(&xml, &token);
        if (token.type == HF_XML_END_OF_INPUT)
            return false;
    } while (token.type != HF_XML_START);
    if (token.closed)
        return xml.at == xml.end;
    struct hf_slice tail = hf_xml_trim((struct hf_slice){body.at, body.bytes - 1});

    if (tail.bytes < token.name.bytes + 2)
        return false;
    tail = (struct hf_slice){tail.at + tail.bytes - token.name.bytes, token.name.bytes};
    return tail.at - 2 >= xml.at && memcmp(tail.at - 2, "</", 2) == 0 && hf_slice_eq_nocase(tail, token.name);
}

bool hf_xml_is_clean(struct hf_slice text, unsigned depth)
{
    struct hf_slice inner;
    struct hf_xml_token token;
    uint32_t seen = 0;
    struct hf_xml xml;

    if (!hf_xml_references_known(text) || find(text.at, text.at + text.bytes, "]]>") != NULL)
        return false;
    hf_xml_init(&xml, text, &seen);
    for (hf_xml_next(&xml, &token); token.type != HF_XML_END_OF_INPUT; hf_xml_next(&xml, &token)) {
        if (token.type == HF_XML_END)
            return false;
        if (token.type == HF_XML_START && !token.closed &&
            hf_xml_inner(&xml, token.name, depth, &inner) != HF_OK)
            return false;
    }
    return seen == 0;
}
