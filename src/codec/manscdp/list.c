/* codec/manscdp/list.c - one item at a time: see manscdp.h. */
#include "codec/manscdp/layout.h"

enum { ITEM_DEPTH = 4 }; /* root, list, item, its elements; deeper lists hold nothing that nests */

void hf_cdp_list_begin(struct hf_cdp_iter *iter, const struct hf_cdp_message *message,
                       const struct hf_cdp_list *list, char *scratch, size_t scratch_bytes)
{
    *iter = (struct hf_cdp_iter){.message = message,
                                 .list = list,
                                 .left = list->raw,
                                 .scratch = scratch,
                                 .scratch_bytes = scratch_bytes};
}

static bool is_name(const struct hf_xml_token *token, enum hf_xml_type type, const char *name)
{
    return token->type == type && hf_slice_eq_nocase(token->name, hf_slice_of(name));
}

/* What the next item holds, its own tags left off. False: there is none. */
static bool next_inner(struct hf_cdp_iter *iter, const char *name, struct hf_slice *ret_inner)
{
    struct hf_xml_token token;
    uint32_t ignored = 0; /* the struct's reader sees them again */
    struct hf_xml xml;

    hf_xml_init(&xml, iter->left, &ignored);
    xml.no_comment_closes = iter->no_comment_closes;
    do {
        hf_xml_next(&xml, &token);
        if (is_name(&token, HF_XML_END, name))
            iter->tolerances |= HF_XML_CLOSED;
    } while (token.type != HF_XML_END_OF_INPUT && !is_name(&token, HF_XML_START, name));
    if (token.type == HF_XML_END_OF_INPUT) {
        iter->left.bytes = 0;
        return false;
    }
    if (iter->by_id) { /* the item is what its DeviceID begins, up to the next one */
        const char *from = token.raw.at;

        do
            hf_xml_next(&xml, &token);
        while (token.type != HF_XML_END_OF_INPUT && !is_name(&token, HF_XML_START, name));
        *ret_inner = (struct hf_slice){from, (size_t)(token.raw.at - from)};
        xml.at = token.raw.at;
    } else if (token.closed) {
        *ret_inner = (struct hf_slice){token.raw.at, 0};
    } else {
        const char *from = xml.at;

        do
            hf_xml_next(&xml, &token);
        while (token.type != HF_XML_END_OF_INPUT && !is_name(&token, HF_XML_START, name) &&
               !is_name(&token, HF_XML_END, name));
        *ret_inner = (struct hf_slice){from, (size_t)(token.raw.at - from)};
        if (token.type != HF_XML_END) { /* left open: the next one begins, or the list ends */
            iter->tolerances |= HF_XML_OPEN;
            xml.at = token.raw.at;
        }
    }
    iter->no_comment_closes = xml.no_comment_closes;
    iter->left = (struct hf_slice){xml.at, (size_t)(xml.end - xml.at)};
    return true;
}

static hf_err read_item(struct hf_cdp_iter *iter, const struct hf_cdp_layout *layout, struct hf_slice inner,
                        void *item)
{
    struct hf_slice absent = {NULL, 0};
    struct hf_cdp_reading reading = {.conv = iter->message->conv,
                                     .charset = iter->message->charset,
                                     .scratch = iter->scratch,
                                     .scratch_bytes = iter->scratch_bytes,
                                     .tolerances = &iter->tolerances,
                                     .extras = iter->extras,
                                     .extra_count = &iter->extra_count};

    memset(item, 0, layout->bytes);
    iter->extra_count = 0;
    if (layout->rows[0].name == NULL) { /* a value */
        struct hf_slice text = hf_cdp_read_text(&reading, inner);

        if (text.bytes > 0)
            *(struct hf_slice *)(void *)((char *)item + layout->rows[0].at) = text;
        return HF_OK;
    }
    *(bool *)item = true;
    return hf_cdp_read(&reading, inner, layout, item, absent, ITEM_DEPTH);
}

static hf_err next_given(struct hf_cdp_iter *iter, void *ret_item, size_t item_bytes)
{
    if (iter->count == iter->list->count)
        return HF_ERR_NOT_FOUND;
    memcpy(ret_item, (const char *)iter->list->items + iter->count * item_bytes, item_bytes);
    iter->count++;
    return HF_OK;
}

hf_err hf_cdp_list_next(struct hf_cdp_iter *iter, void *ret_item, size_t item_bytes)
{
    if (iter->list->items != NULL)
        return next_given(iter, ret_item, item_bytes);
    if (iter->list->raw.at == NULL)
        return HF_ERR_NOT_FOUND;
    const struct hf_cdp_layout *layout = &hf_cdp_layouts[iter->list->struct_index];
    struct hf_slice inner;

    HF_ASSERT(layout->bytes == item_bytes);
    while (!iter->limited) {
        if (!next_inner(iter, iter->by_id ? layout->rows[0].name : iter->list->item, &inner)) {
            /* Not one item element, but perhaps their contents. */
            if (iter->count + iter->skipped > 0 || iter->by_id || !hf_cdp_has_id(layout))
                return HF_ERR_NOT_FOUND;
            iter->by_id = true;
            iter->left = iter->list->raw;
            continue;
        }
        iter->limited = iter->count == HF_CDP_ITEMS_MAX;
        hf_err err = read_item(iter, layout, inner, ret_item);

        if (iter->limited || err != HF_OK || (hf_cdp_is_empty(layout, ret_item) && iter->extra_count == 0)) {
            iter->skipped++;
            continue;
        }
        iter->tolerances |= iter->by_id ? HF_XML_SALVAGED : 0;
        iter->count++;
        return HF_OK;
    }
    return HF_ERR_LIMIT;
}
