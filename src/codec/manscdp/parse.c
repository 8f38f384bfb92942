/* codec/manscdp/parse.c - a body to struct hf_cdp_message: finds the root and the head, then has read.c walk the rows. Order of
 * recovery, each step only where the one before found no sense: as XML has it; an & or < that begins nothing is a character; a value that
 * is not closed ends with its line or before what follows; a list without its tags is cut at its items, and those at their DeviceID
 * (list.c). See manscdp.h. */
#include "codec/manscdp/layout.h"

/* What follows `from` in what xml reads. */
static struct hf_slice rest_of(const struct hf_xml *xml, const char *from)
{
    return (struct hf_slice){from, (size_t)(xml->end - from)};
}

static enum hf_cdp_root root_of(struct hf_slice name)
{
    for (unsigned i = 1; i < HF_CDP_ROOTS; i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(hf_cdp_root_name((enum hf_cdp_root)i))))
            return (enum hf_cdp_root)i;
    return HF_CDP_ROOT_OTHER;
}

/* The last </name in text; NULL when there is none. */
static const char *last_end(struct hf_slice text, struct hf_slice name)
{
    for (size_t at = text.bytes; at-- > 0;) {
        if (text.at[at] != '<' || text.bytes - at < name.bytes + 2 || text.at[at + 1] != '/')
            continue;
        if (hf_slice_eq_nocase((struct hf_slice){text.at + at + 2, name.bytes}, name))
            return text.at + at;
    }
    return NULL;
}

struct root {
    struct hf_slice name, attributes, inner;
    bool whole; /* it has its END */
};

/* From its START: what stands between it and its END, or the end of the body. */
static void take_root(struct hf_xml *xml, const struct hf_xml_token *start, struct root *ret_root,
                      uint32_t *tolerances)
{
    struct hf_slice rest = rest_of(xml, xml->at);

    *ret_root =
        (struct root){.name = start->name, .attributes = start->attributes, .inner = {"", 0}, .whole = true};
    if (!start->closed) {
        const char *end = last_end(rest, start->name);

        ret_root->whole = end != NULL;
        ret_root->inner = (struct hf_slice){rest.at, end != NULL ? (size_t)(end - rest.at) : rest.bytes};
        rest = end != NULL ? rest_of(xml, end + 2 + start->name.bytes) : (struct hf_slice){xml->end, 0};
        rest = hf_xml_trim(rest);
        if (rest.bytes > 0 && rest.at[0] == '>')
            rest = (struct hf_slice){rest.at + 1, rest.bytes - 1};
        else if (end != NULL)
            *tolerances |= HF_XML_TAG;
        else
            *tolerances |= HF_XML_CUT;
    }
    if (hf_xml_trim(rest).bytes > 0)
        *tolerances |= HF_XML_AFTER;
}

/* Finds the root: a known one, else the first element if all of the body is in it, else none: name is absent then and inner the body. */
static bool find_root(struct hf_slice body, struct root *ret_root, uint32_t *tolerances)
{
    struct hf_xml_token token, first = {.type = HF_XML_END_OF_INPUT};
    uint32_t before = 0, ignored = 0;
    struct hf_xml xml, first_xml;
    bool text = false;

    hf_xml_init(&xml, body, &before);
    first_xml = xml;
    for (hf_xml_next(&xml, &token); token.type != HF_XML_END_OF_INPUT; hf_xml_next(&xml, &token)) {
        if (token.type == HF_XML_START && root_of(token.name) != HF_CDP_ROOT_OTHER) {
            *tolerances |= (before & HF_XML_DTD) | (text || first.type == HF_XML_START ? HF_XML_BEFORE : 0);
            take_root(&xml, &token, ret_root, tolerances);
            return true;
        }
        if (token.type == HF_XML_START && first.type != HF_XML_START) {
            first = token;
            first_xml = xml;
        }
        text = text || token.type == HF_XML_END ||
               (token.type == HF_XML_TEXT && hf_xml_trim(token.raw).bytes > 0);
    }
    if (first.type != HF_XML_START)
        return false;
    first_xml.tolerances = &ignored;
    take_root(&first_xml, &first, ret_root, &ignored);
    if (!ret_root->whole || (ignored & (HF_XML_AFTER | HF_XML_TAG)) ||
        hf_slice_eq_nocase(first.name, HF_SLICE("CmdType")))
        *ret_root = (struct root){.inner = body};
    return true;
}

/* The root of a body that lost its beginning: by its END, else what has a row for the command. */
static enum hf_cdp_root guess_root(struct hf_slice body, enum hf_cdp_command command)
{
    static const enum hf_cdp_root likely[] = {HF_CDP_ROOT_RESPONSE, HF_CDP_ROOT_NOTIFY, HF_CDP_ROOT_QUERY,
                                              HF_CDP_ROOT_CONTROL};

    for (size_t i = 0; i < HF_COUNT_OF(likely); i++)
        if (last_end(body, hf_slice_of(hf_cdp_root_name(likely[i]))) != NULL)
            return likely[i];
    for (size_t i = 0; i < HF_COUNT_OF(likely); i++)
        if (hf_cdp_message_row(command, likely[i]) != NULL)
            return likely[i];
    return HF_CDP_ROOT_OTHER;
}

/* The text of the first element of this name, wherever it stands; absent when there is none. */
static struct hf_slice find_text(struct hf_cdp_reading *reading, struct hf_slice inner, const char *name)
{
    struct hf_slice raw = {NULL, 0};
    struct hf_xml_token token;
    uint32_t ignored = 0;
    struct hf_xml xml;

    hf_xml_init(&xml, inner, &ignored);
    do
        hf_xml_next(&xml, &token);
    while (token.type != HF_XML_END_OF_INPUT &&
           !(token.type == HF_XML_START && hf_slice_eq_nocase(token.name, hf_slice_of(name))));
    if (token.type == HF_XML_END_OF_INPUT || token.closed)
        return raw;
    hf_xml_leaf(&xml, token.name, &raw);
    return hf_cdp_read_text(reading, raw);
}

static void take_attributes(struct hf_cdp_reading *reading, const struct root *root)
{
    struct hf_cdp_message *message = reading->message;
    struct hf_slice sn = hf_xml_attribute(root->attributes, "SN"),
                    id = hf_xml_attribute(root->attributes, "DeviceID");
    bool exact;

    if (!message->sn.set && sn.at != NULL && hf_cdp_number_int(hf_xml_trim(sn), &message->sn, &exact))
        *reading->tolerances |= HF_XML_ATTRIBUTE;
    if (message->device_id.bytes == 0 && id.at != NULL) {
        message->device_id = hf_cdp_read_text(reading, id);
        *reading->tolerances |= HF_XML_ATTRIBUTE;
    }
}

/* Byte order mark, declaration and NULs around the body. */
static struct hf_slice strip(struct hf_slice body, uint32_t *tolerances)
{
    if (body.bytes >= 3 && memcmp(body.at, "\xef\xbb\xbf", 3) == 0) {
        *tolerances |= HF_XML_BOM;
        body = (struct hf_slice){body.at + 3, body.bytes - 3};
    }
    if (body.bytes > 0 && body.at[body.bytes - 1] == '\0')
        *tolerances |= HF_XML_TRAILING;
    body = hf_xml_trim(body);
    if (body.bytes < 5 || memcmp(body.at, "<?xml", 5) != 0)
        *tolerances |= HF_XML_DECLARATION;
    return body;
}

hf_err hf_cdp_parse(const struct hf_text_conv *conv, enum hf_text_charset charset, struct hf_slice body,
                    char *scratch, size_t scratch_bytes, struct hf_cdp_message *ret_message)
{
    struct hf_cdp_message *message = ret_message;
    struct hf_slice absent = {NULL, 0};
    bool wrong = false;
    struct root root;

    memset(message, 0, sizeof(*message));
    message->conv = conv;
    message->charset = charset != HF_TEXT_AUTO ? charset : hf_text_detect(body, &wrong);
    message->tolerances |= wrong ? HF_XML_CHARSET : 0;
    struct hf_cdp_reading reading = {.conv = conv,
                                     .charset = message->charset,
                                     .scratch = scratch,
                                     .scratch_bytes = scratch_bytes,
                                     .tolerances = &message->tolerances,
                                     .extras = message->extras,
                                     .extra_count = &message->extra_count,
                                     .message = message};

    body = strip(body, &message->tolerances);
    if (!find_root(body, &root, &message->tolerances))
        return HF_ERR_MALFORMED;
    message->command_name = find_text(&reading, root.inner, "CmdType");
    if (message->command_name.at == NULL && root.name.at != NULL) {
        struct hf_slice attribute = hf_xml_attribute(root.attributes, "CmdType");

        if (attribute.at != NULL) {
            message->command_name = hf_cdp_read_text(&reading, attribute);
            message->tolerances |= HF_XML_ATTRIBUTE;
        }
    }
    if (message->command_name.at == NULL && !root.whole)
        return HF_ERR_MALFORMED;
    message->command = hf_cdp_command_of(message->command_name);
    if (message->command != HF_CDP_CMD_OTHER) {
        struct hf_slice name = hf_slice_of(hf_cdp_command_name(message->command));

        if (!hf_slice_eq_nocase(name, message->command_name))
            message->tolerances |= HF_XML_ALIAS;
    }
    message->root_name = root.name;
    message->root = root.name.at != NULL ? root_of(root.name) : guess_root(body, message->command);
    if (root.name.at == NULL)
        message->tolerances |= HF_XML_SALVAGED;
    else if (message->root != HF_CDP_ROOT_OTHER && !hf_slice_is(root.name, hf_cdp_root_name(message->root)))
        message->tolerances |= HF_XML_CASE;
    hf_err err = hf_cdp_read(&reading, root.inner, hf_cdp_layout_of(message), &message->as, absent, 2);

    if (err == HF_OK && root.name.at != NULL)
        take_attributes(&reading, &root);
    return err;
}
