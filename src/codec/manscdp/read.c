/* codec/manscdp/read.c - elements to the struct of a layout, for messages and items: see layout.h. */
#include <math.h>
#include <stdlib.h>

#include "codec/manscdp/layout.h"

enum {
    INT_DIGITS_MAX = 18, /* fits int64_t */
    REAL_BYTES_MAX = 40,
};

/* What follows `from` in what xml reads. */
static struct hf_slice rest_of(const struct hf_xml *xml, const char *from)
{
    return (struct hf_slice){from, (size_t)(xml->end - from)};
}

struct hf_slice hf_cdp_read_text(struct hf_cdp_reading *reading, struct hf_slice raw)
{
    size_t bytes = 0;

    raw = hf_xml_trim(raw).bytes > HF_CDP_TEXT_BYTES_MAX ? hf_xml_trim(raw) : raw;
    if (raw.bytes > HF_CDP_TEXT_BYTES_MAX) {
        *reading->tolerances |= HF_XML_LONG;
        raw.bytes = HF_CDP_TEXT_BYTES_MAX;
    }
    struct hf_slice text = hf_xml_text(reading->conv, reading->charset, raw, reading->scratch,
                                       reading->scratch_bytes, &bytes, reading->tolerances);

    reading->scratch += bytes;
    reading->scratch_bytes -= bytes;
    return text;
}

static struct hf_slice read_markup(struct hf_cdp_reading *reading, struct hf_slice raw)
{
    unsigned marks = 0;

    raw = hf_xml_trim(raw);
    if (raw.bytes > HF_CDP_TEXT_BYTES_MAX) {
        *reading->tolerances |= HF_XML_LONG;
        raw.bytes = HF_CDP_TEXT_BYTES_MAX;
    }
    if (hf_text_is_plain(reading->charset, raw))
        return raw;
    struct hf_slice text = {reading->scratch,
                            hf_text_decode(reading->conv, reading->charset, raw, reading->scratch,
                                           reading->scratch_bytes, &marks)};

    reading->scratch += text.bytes;
    reading->scratch_bytes -= text.bytes;
    *reading->tolerances |=
        (marks & HF_TEXT_REPLACED ? HF_XML_CHARACTER : 0) | (marks & HF_TEXT_CUT ? HF_XML_LONG : 0);
    return text;
}

/* ---- values ---- */

bool hf_cdp_number_int(struct hf_slice text, struct hf_cdp_int *ret_value, bool *ret_exact)
{
    bool negative = text.bytes > 0 && text.at[0] == '-';
    size_t at = negative || (text.bytes > 0 && text.at[0] == '+') ? 1 : 0, digits = 0;
    int64_t value = 0;

    for (; at < text.bytes && text.at[at] >= '0' && text.at[at] <= '9'; at++, digits++) {
        if (digits == INT_DIGITS_MAX)
            return false;
        value = value * 10 + (text.at[at] - '0');
    }
    if (digits == 0)
        return false;
    *ret_exact = at == text.bytes;
    if (at < text.bytes && text.at[at] == '.') /* 60.0 */
        for (at++; at < text.bytes && text.at[at] >= '0' && text.at[at] <= '9';)
            at++;
    if (at < text.bytes)
        return false;
    *ret_value = HF_CDP_INT(negative ? -value : value);
    return true;
}

bool hf_cdp_number_real(struct hf_slice text, struct hf_cdp_real *ret_value)
{
    char copy[REAL_BYTES_MAX + 1], *end;

    if (text.bytes == 0 || text.bytes > REAL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.bytes; i++)
        if (strchr("0123456789+-.eE", text.at[i]) == NULL || text.at[i] == '\0')
            return false; /* no hexadecimal, no infinity */
    memcpy(copy, text.at, text.bytes);
    copy[text.bytes] = '\0';
    double value = strtod(copy, &end);

    if (end != copy + text.bytes || !isfinite(value))
        return false;
    *ret_value = HF_CDP_REAL(value);
    return true;
}

static void add_extra(struct hf_cdp_reading *reading, struct hf_slice parent, struct hf_slice name,
                      struct hf_slice value, bool markup)
{
    if (*reading->extra_count == HF_CDP_EXTRAS_MAX) {
        *reading->tolerances |= HF_XML_EXTRAS;
        return;
    }
    reading->extras[(*reading->extra_count)++] =
        (struct hf_cdp_extra){.parent = parent, .name = name, .value = value, .markup = markup};
}

static bool has_elements(struct hf_slice raw)
{
    struct hf_xml_token token;
    uint32_t ignored = 0;
    struct hf_xml xml;

    if (raw.bytes == 0 || memchr(raw.at, '<', raw.bytes) == NULL)
        return false;
    hf_xml_init(&xml, raw, &ignored);
    do
        hf_xml_next(&xml, &token);
    while (token.type != HF_XML_START && token.type != HF_XML_END_OF_INPUT);
    return token.type == HF_XML_START;
}

struct element {
    struct hf_cdp_reading *reading;
    struct hf_xml *xml;
    struct hf_slice inner;  /* of the struct that it stands in */
    struct hf_slice parent; /* the block's name, absent at the top */
    struct hf_xml_token start;
    unsigned depth;
};

static struct hf_slice take_leaf(struct element *element)
{
    struct hf_slice raw = {"", 0};

    if (!element->start.closed)
        hf_xml_leaf(element->xml, element->start.name, &raw);
    return raw;
}

/* Anything else: what stands inside, or for one that is never closed its text. */
static hf_err take_inner(struct element *element, struct hf_slice *ret_raw)
{
    *ret_raw = (struct hf_slice){"", 0};
    if (element->start.closed)
        return HF_OK;
    hf_err err = hf_xml_inner(element->xml, element->start.name, element->depth, ret_raw);

    if (err == HF_ERR_NOT_FOUND) {
        hf_xml_leaf(element->xml, element->start.name, ret_raw);
        err = HF_OK;
    }
    return err;
}

static void take_value(struct element *element, const struct hf_cdp_row *row, void *at)
{
    struct hf_cdp_reading *reading = element->reading;
    struct hf_slice text = hf_cdp_read_text(reading, take_leaf(element));
    bool exact = true, good = true;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_TEXT: *(struct hf_slice *)at = text; return;
    case HF_CDP_KIND_INT: good = text.bytes == 0 || hf_cdp_number_int(text, at, &exact); break;
    case HF_CDP_KIND_REAL: good = text.bytes == 0 || hf_cdp_number_real(text, at); break;
    default:
        *(uint8_t *)at = hf_cdp_word_of(row->of, text);
        good = text.bytes == 0 || *(uint8_t *)at != 0;
        if (row->kind == HF_CDP_KIND_RESULT && !good)
            *(uint8_t *)at = HF_CDP_HEALTH_ERROR;
    }
    if (!good || !exact)
        *reading->tolerances |= HF_XML_VALUE;
    if (!good)
        add_extra(reading, element->parent, element->start.name, text, false);
}

static hf_err take_block(struct element *element, const struct hf_cdp_row *row, void *at)
{
    const struct hf_cdp_layout *layout = &hf_cdp_layouts[row->of];
    struct hf_slice name = element->start.name, inner = {"", 0};
    hf_err err = HF_OK;

    *(bool *)at = true;
    if (!element->start.closed)
        err = hf_xml_inner(element->xml, name, element->depth, &inner);
    if (err == HF_ERR_NOT_FOUND) {
        /* Never closed: nobody knows where it ends. What follows is read as its own, and again as its neighbours. */
        struct hf_cdp_extra nowhere[HF_CDP_EXTRAS_MAX];
        struct hf_cdp_reading quiet = *element->reading;
        uint32_t ignored = 0;
        unsigned none = HF_CDP_EXTRAS_MAX;

        quiet.extras = nowhere;
        quiet.extra_count = &none;
        quiet.tolerances = &ignored;
        quiet.message = NULL;
        *element->reading->tolerances |= HF_XML_OPEN;
        err = hf_cdp_read(&quiet, rest_of(element->xml, element->xml->at), layout, at, name,
                          element->depth + 1);
        element->reading->scratch = quiet.scratch;
        element->reading->scratch_bytes = quiet.scratch_bytes;
        return err;
    }
    if (err != HF_OK)
        return err;
    struct hf_cdp_message *message = element->reading->message;

    element->reading->message = NULL;
    err = hf_cdp_read(element->reading, inner, layout, at, name, element->depth + 1);
    element->reading->message = message;
    return err;
}

/* Everything up to the list's own END; its items may be as broken as they like. */
static void take_list(struct element *element, struct hf_cdp_list *list, uint8_t of)
{
    const char *from = element->xml->at;
    bool exact;

    hf_cdp_number_int(hf_xml_attribute(element->start.attributes, "Num"), &list->num, &exact);
    list->struct_index = of;
    list->item = hf_cdp_layouts[of].item;
    list->raw = (struct hf_slice){"", 0};
    if (element->start.closed)
        return;
    struct hf_xml_token token;
    uint32_t *tolerances = element->xml->tolerances, ignored = 0;

    element->xml->tolerances = &ignored; /* counted when the items are read */
    do
        hf_xml_next(element->xml, &token);
    while (token.type != HF_XML_END_OF_INPUT &&
           !(token.type == HF_XML_END && hf_slice_eq_nocase(token.name, element->start.name)));
    element->xml->tolerances = tolerances;
    if (token.type == HF_XML_END_OF_INPUT)
        *tolerances |= HF_XML_OPEN;
    list->raw = (struct hf_slice){from, (size_t)(token.raw.at - from)};
}

static hf_err take_row(struct element *element, const struct hf_cdp_row *row, void *into)
{
    void *at = (char *)into + row->at;
    struct hf_cdp_list *list = at;
    struct hf_slice raw;
    hf_err err;

    switch ((enum hf_cdp_kind)row->kind) {
    case HF_CDP_KIND_BLOCK: return take_block(element, row, at);
    case HF_CDP_KIND_LIST: take_list(element, list, row->of); return HF_OK;
    case HF_CDP_KIND_ITEMS:
        list->raw = element->inner;
        list->struct_index = row->of;
        list->item = row->name;
        return take_inner(element, &raw);
    case HF_CDP_KIND_RAW:
        err = take_inner(element, &raw);
        *(struct hf_slice *)at = raw;
        return err;
    case HF_CDP_KIND_DROP: return take_inner(element, &raw);
    case HF_CDP_KIND_RESULT:
        HF_ASSERT(element->reading->message != NULL); /* a row of messages only */
        take_value(element, row, &element->reading->message->result);
        return HF_OK;
    default: take_value(element, row, at); return HF_OK;
    }
}

static hf_err take_unknown(struct element *element, const struct hf_cdp_layout *layout, void *into)
{
    struct hf_slice raw;

    /* Items without their list: everything from here on is one. Only where an item has an id: other items look too much alike. */
    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_cdp_row *row = &layout->rows[i];
        struct hf_cdp_list *list = (void *)((char *)into + row->at);

        if (row->kind == HF_CDP_KIND_LIST && list->raw.at == NULL &&
            hf_cdp_has_id(&hf_cdp_layouts[row->of]) &&
            hf_slice_eq_nocase(element->start.name, hf_slice_of(hf_cdp_layouts[row->of].item))) {
            *element->reading->tolerances |= HF_XML_SALVAGED;
            list->struct_index = row->of;
            list->item = hf_cdp_layouts[row->of].item;
            list->raw = rest_of(element->xml, element->start.raw.at);
            element->xml->at = element->xml->end;
            return HF_OK;
        }
    }
    hf_err err = take_inner(element, &raw);

    if (err != HF_OK)
        return err;
    bool markup = has_elements(raw);

    add_extra(element->reading, element->parent, element->start.name,
              markup ? read_markup(element->reading, raw) : hf_cdp_read_text(element->reading, raw), markup);
    return HF_OK;
}

/* CmdType, SN and DeviceID of a message. False: it is none of them. */
static bool take_head(struct element *element)
{
    static const char *const names[] = {"CmdType", "SN", "DeviceID"};
    struct hf_cdp_message *message = element->reading->message;
    unsigned which = 0;
    bool exact = true;

    while (which < HF_COUNT_OF(names) && !hf_slice_eq_nocase(element->start.name, hf_slice_of(names[which])))
        which++;
    if (which == HF_COUNT_OF(names))
        return false;
    if (!hf_slice_is(element->start.name, names[which]))
        *element->reading->tolerances |= HF_XML_CASE;
    struct hf_slice text = hf_cdp_read_text(element->reading, take_leaf(element));

    if (which == 1 && !message->sn.set) {
        if (!hf_cdp_number_int(text, &message->sn, &exact) || !exact)
            *element->reading->tolerances |= HF_XML_VALUE;
    } else if (which == 2 && message->device_id.bytes == 0) {
        message->device_id = text;
    } else if (which > 0) {
        *element->reading->tolerances |= HF_XML_TWICE;
    } /* CmdType chose the layout already */
    return true;
}

hf_err hf_cdp_read(struct hf_cdp_reading *reading, struct hf_slice inner, const struct hf_cdp_layout *layout,
                   void *into, struct hf_slice parent, unsigned depth)
{
    struct element element = {.reading = reading, .inner = inner, .parent = parent, .depth = depth};
    unsigned hint = 0;
    uint64_t seen = 0;
    hf_err err = HF_OK;
    struct hf_xml xml;
    bool other_case = false;

    hf_xml_init(&xml, inner, reading->tolerances);
    element.xml = &xml;
    for (hf_xml_next(&xml, &element.start); element.start.type != HF_XML_END_OF_INPUT && err == HF_OK;
         hf_xml_next(&xml, &element.start)) {
        if (element.start.type == HF_XML_TEXT)
            continue;
        if (element.start.type == HF_XML_END) {
            *reading->tolerances |= HF_XML_CLOSED;
            continue;
        }
        if (reading->message != NULL && take_head(&element))
            continue;
        const struct hf_cdp_row *row = hf_cdp_row_of(layout, element.start.name, hint, &other_case);

        if (row == NULL) {
            err = take_unknown(&element, layout, into);
            continue;
        }
        unsigned index = (unsigned)(row - layout->rows);

        if (other_case)
            *reading->tolerances |= HF_XML_CASE;
        if ((seen >> index & 1) && row->kind != HF_CDP_KIND_ITEMS) {
            struct hf_slice ignored;

            *reading->tolerances |= HF_XML_TWICE;
            err = take_inner(&element, &ignored);
            continue;
        }
        seen |= UINT64_C(1) << index;
        hint = index + 1;
        err = take_row(&element, row, into);
    }
    return err;
}
