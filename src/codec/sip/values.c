/* codec/sip/values.c - what single headers mean: Via, CSeq, Contact, Expires, lists. */
#include "base/assert.h"
#include "codec/sip/parse.h"
#include "codec/sip/scan.h"

enum { PORT = 5060, PORT_TLS = 5061 };

const struct hf_sip_header *hf_sip_find(const struct hf_sip_msg *msg, struct hf_slice name,
                                        const struct hf_sip_header *after)
{
    enum hf_sip_header_id id = hf_sip_header_of(name);
    const struct hf_sip_header *header = after == NULL ? msg->headers : after + 1;

    for (; header < msg->headers + msg->header_count; header++)
        if (id != HF_SIP_HEADER_OTHER ? header->id == id : hf_slice_eq_nocase(header->name, name))
            return header;
    return NULL;
}

/* Up to the comma that ends a value; commas in quotes and in < > do not. An unbalanced quote or < takes all: whoever
 * parses the value refuses it. */
static const char *value_end(const char *at, const char *end)
{
    while (at < end && *at != ',') {
        if (*at == '"')
            at = hf_sip_skip_quoted(at, end);
        else if (*at == '<')
            at = memchr(at, '>', (size_t)(end - at));
        else
            at++;
        if (at == NULL)
            return end;
    }
    return at;
}

bool hf_sip_values_next(struct hf_sip_values *values, struct hf_slice *ret_value)
{
    while (values->count < HF_SIP_VALUES_MAX) {
        const char *at = values->left.at, *end = hf_sip_end(values->left), *stop;

        while (at < end && (*at == ',' || hf_sip_is_lws(*at)))
            at++; /* empty items (RFC 3261 has none, RFC 2616 skipped them) */
        if (at == end) {
            if (values->header == 0)
                return false;
            values->left = values->msg->headers[values->header - 1].value;
            values->header = values->msg->headers[values->header - 1].next;
            continue;
        }
        stop = value_end(at, end);
        *ret_value = hf_sip_trim(hf_sip_between(at, stop));
        values->left = hf_sip_between(stop, end);
        values->count++;
        return true;
    }
    return false;
}

bool hf_sip_has_token(const struct hf_sip_msg *msg, enum hf_sip_header_id id, struct hf_slice token)
{
    struct hf_sip_values values = hf_sip_values(msg, id);
    struct hf_slice value;

    while (hf_sip_values_next(&values, &value))
        if (hf_slice_eq_nocase(value, token))
            return true;
    return false;
}

/* --- Via --- */

static enum hf_sip_transport transport_of(struct hf_slice text)
{
    static const struct hf_slice rows[] = {
        [HF_SIP_UDP] = {"udp", 3},   [HF_SIP_TCP] = {"tcp", 3}, [HF_SIP_TLS] = {"tls", 3},
        [HF_SIP_SCTP] = {"sctp", 4}, [HF_SIP_WS] = {"ws", 2},   [HF_SIP_WSS] = {"wss", 3},
    };

    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_slice_eq_nocase(rows[i], text))
            return (enum hf_sip_transport)i;
    return HF_SIP_TRANSPORT_OTHER;
}

/* "TOKEN /": *at moves behind the slash and the blanks around it. */
static struct hf_slice take_slashed(const char **at, const char *end)
{
    const char *stop = hf_sip_skip(*at, end, SIP_TOKEN), *slash = hf_sip_skip_lws(stop, end);
    struct hf_slice word = hf_sip_between(*at, stop);

    if (slash == end || *slash != '/')
        return (struct hf_slice){NULL, 0};
    *at = hf_sip_skip_lws(slash + 1, end);
    return word;
}

static bool take_via_param(const struct hf_sip_param *param, struct hf_sip_via *via)
{
    struct hf_slice value = param->value;
    uint64_t number;

    if (HF_SIP_IS(param->name, "branch")) {
        if (via->branch.at != NULL || !hf_sip_all(value, SIP_TOKEN))
            return false;
        via->branch = value;
        via->has_cookie = value.bytes > 7 && memcmp(value.at, "z9hG4bK", 7) == 0;
    } else if (HF_SIP_IS(param->name, "rport")) {
        via->rport = true;
        if (value.bytes > 0) {
            if (!hf_sip_number(value, UINT16_MAX, &number))
                return false;
            via->rport_value = (uint16_t)number;
        }
    } else if (HF_SIP_IS(param->name, "received") || HF_SIP_IS(param->name, "maddr")) {
        if (value.bytes > 2 && value.at[0] == '[' && value.at[value.bytes - 1] == ']')
            value = (struct hf_slice){value.at + 1, value.bytes - 2};
        if ((param->name.at[0] | 0x20) == 'r')
            via->received = value;
        else
            via->maddr = value;
    }
    return true;
}

static hf_err take_via_params(const char *at, const char *end, uint32_t tolerances, struct hf_sip_via *via,
                              uint32_t *tolerated)
{
    struct hf_sip_param param;
    unsigned count = 0;

    at = hf_sip_skip_lws(at, end);
    if (at < end && *at == ';')
        via->params = hf_sip_between(at + 1, end);
    while (at < end) {
        if (*at++ != ';' || !hf_sip_take_param(&at, end, tolerances, &param, tolerated))
            return HF_ERR_MALFORMED;
        if (++count > HF_SIP_PARAMS_MAX)
            return HF_ERR_LIMIT;
        if (!take_via_param(&param, via))
            return HF_ERR_MALFORMED;
    }
    return HF_OK;
}

hf_err hf_sip_parse_via(struct hf_slice text, uint32_t tolerances, struct hf_sip_via *ret,
                        uint32_t *ret_tolerated)
{
    struct hf_sip_via via = {.text = hf_sip_trim(text)};
    const char *at = via.text.at, *end = hf_sip_end(via.text), *stop;
    struct hf_sip_hostport sent_by;
    struct hf_slice name, version;
    uint32_t tolerated = 0;
    hf_err err;

    *ret = (struct hf_sip_via){0};
    name = take_slashed(&at, end);
    version = take_slashed(&at, end);
    stop = hf_sip_skip(at, end, SIP_TOKEN);
    via.transport_text = hf_sip_between(at, stop);
    if (!HF_SIP_IS(name, "sip") || version.bytes == 0 || via.transport_text.bytes == 0 || stop == end ||
        !hf_sip_is_lws(*stop))
        return HF_ERR_MALFORMED;
    via.transport = (uint8_t)transport_of(via.transport_text);
    at = hf_sip_skip_lws(stop, end);
    if (hf_sip_take_hostport(&at, end, &sent_by) != HF_OK)
        return HF_ERR_MALFORMED;
    via.host = sent_by.host;
    via.ipv6 = sent_by.ipv6;
    via.has_port = sent_by.has_port;
    via.port = sent_by.has_port                                             ? sent_by.port
               : via.transport == HF_SIP_TLS || via.transport == HF_SIP_WSS ? PORT_TLS
                                                                            : PORT;
    if (via.host.bytes == 0) {
        if ((tolerances & HF_SIP_TOL_NO_HOST) == 0)
            return HF_ERR_MALFORMED;
        tolerated |= HF_SIP_TOL_NO_HOST;
    }
    err = take_via_params(at, end, tolerances, &via, &tolerated);
    if (err != HF_OK)
        return err;
    *ret = via;
    if (ret_tolerated != NULL)
        *ret_tolerated |= tolerated;
    return HF_OK;
}

/* --- CSeq, Contact, Expires --- */

hf_err hf_sip_parse_cseq(struct hf_slice text, uint32_t tolerances, struct hf_sip_cseq *ret,
                         uint32_t *ret_tolerated)
{
    const char *end = hf_sip_end(text), *at = hf_sip_skip_lws(text.at, end), *stop = at;
    struct hf_slice method;
    uint64_t number;

    *ret = (struct hf_sip_cseq){0};
    while (stop < end && *stop >= '0' && *stop <= '9')
        stop++;
    method = hf_sip_trim(hf_sip_between(stop, end));
    if (!hf_sip_number(hf_sip_between(at, stop), UINT32_MAX, &number) || stop == end ||
        !hf_sip_is_lws(*stop) || !hf_sip_all(method, SIP_TOKEN))
        return HF_ERR_MALFORMED;
    if (number > INT32_MAX) { /* RFC 3261 8.1.1.5 */
        if ((tolerances & HF_SIP_TOL_CSEQ_LARGE) == 0)
            return HF_ERR_MALFORMED;
        if (ret_tolerated != NULL)
            *ret_tolerated |= HF_SIP_TOL_CSEQ_LARGE;
    }
    *ret = (struct hf_sip_cseq){
        .number = (uint32_t)number, .method = (uint8_t)hf_sip_method_of(method), .method_text = method};
    return HF_OK;
}

bool hf_sip_take_expires(struct hf_slice value, uint32_t tolerances, uint32_t *ret_s, uint32_t *tolerated)
{
    uint64_t number;
    bool digits = value.bytes > 0;

    for (size_t i = 0; i < value.bytes; i++)
        digits &= value.at[i] >= '0' && value.at[i] <= '9';
    if (!digits)
        return false;
    if (hf_sip_number(value, UINT32_MAX, &number)) {
        *ret_s = (uint32_t)number;
        return true;
    }
    if ((tolerances & HF_SIP_TOL_EXPIRES_ODD) == 0)
        return false;
    *tolerated |= HF_SIP_TOL_EXPIRES_ODD;
    *ret_s = UINT32_MAX;
    return true;
}

hf_err hf_sip_contact_next(struct hf_sip_values *contacts, uint32_t tolerances, struct hf_sip_contact *ret,
                           uint32_t *ret_tolerated)
{
    struct hf_slice text, expires;
    uint32_t tolerated = 0;
    hf_err err;

    *ret = (struct hf_sip_contact){0};
    if (!hf_sip_values_next(contacts, &text))
        return HF_ERR_NOT_FOUND;
    err = hf_sip_parse_address(text, tolerances, &ret->address, &tolerated);
    if (err != HF_OK)
        return err;
    expires = hf_sip_param(ret->address.params, "expires", NULL);
    ret->has_expires = hf_sip_take_expires(expires, tolerances, &ret->expires_s, &tolerated);
    if (ret_tolerated != NULL)
        *ret_tolerated |= tolerated;
    return HF_OK;
}

bool hf_sip_expires(const struct hf_sip_msg *msg, uint32_t *ret_expires_s)
{
    struct hf_sip_values contacts = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;
    hf_err err;

    while ((err = hf_sip_contact_next(&contacts, UINT32_MAX, &contact, NULL)) != HF_ERR_NOT_FOUND) {
        if (err == HF_OK && contact.has_expires) {
            *ret_expires_s = contact.expires_s;
            return true;
        }
    }
    *ret_expires_s = msg->has_expires ? msg->expires_s : *ret_expires_s;
    return msg->has_expires;
}

hf_err hf_sip_split(struct hf_slice value, struct hf_slice *ret_first, struct hf_slice *ret_params)
{
    const char *mark = value.bytes == 0 ? NULL : memchr(value.at, ';', value.bytes), *end = hf_sip_end(value);
    struct hf_slice first = hf_sip_trim(hf_sip_between(value.at, mark == NULL ? end : mark));
    struct hf_sip_param param;
    uint32_t tolerated = 0;
    unsigned count = 0;

    if (first.bytes == 0)
        return HF_ERR_MALFORMED;
    for (const char *at = mark == NULL ? end : mark; at < end;) {
        if (*at++ != ';' ||
            !hf_sip_take_param(&at, end, hf_sip_limits_default.tolerances, &param, &tolerated))
            return HF_ERR_MALFORMED;
        if (++count > HF_SIP_PARAMS_MAX)
            return HF_ERR_LIMIT;
    }
    *ret_first = first;
    *ret_params = mark == NULL ? (struct hf_slice){NULL, 0} : hf_sip_between(mark + 1, end);
    return HF_OK;
}

struct hf_slice hf_sip_content_type(const struct hf_sip_msg *msg)
{
    struct hf_slice first, params;

    if (hf_sip_split(hf_sip_value(msg, HF_SIP_CONTENT_TYPE), &first, &params) != HF_OK)
        return (struct hf_slice){NULL, 0};
    return first;
}
