/* codec/sip/uri.c - SIP URIs. */
#include "codec/sip/uri.h"

#include "base/assert.h"
#include "codec/sip/scan.h"

bool hf_sip_is_ipv4(struct hf_slice host)
{
    const char *at = host.at, *end = hf_sip_end(host);

    for (unsigned part = 0; part < 4; part++) {
        const char *start = at;
        uint64_t value;

        while (at < end && *at >= '0' && *at <= '9')
            at++;
        if (at - start > 3 || !hf_sip_number(hf_sip_between(start, at), 255, &value))
            return false;
        if (part < 3 && (at == end || *at++ != '.'))
            return false;
    }
    return at == end;
}

/* Up to eight groups of hexadecimal digits, "::" once, an IPv4 address in place of the last two. */
bool hf_sip_is_ipv6(struct hf_slice host)
{
    enum { GROUPS = 8, DIGITS = 4 };
    const char *at = host.at, *end = hf_sip_end(host);
    unsigned groups = 0;
    bool gap = false;

    if (host.bytes < 2)
        return false;
    if (at[0] == ':') {
        if (at[1] != ':')
            return false;
        at += 2;
        gap = true;
    }
    while (at < end) {
        const char *start = at;

        while (at < end && ((*at >= '0' && *at <= '9') || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'f')))
            at++;
        if (at < end && *at == '.') {
            groups += 2;
            if (!hf_sip_is_ipv4(hf_sip_between(start, end)))
                return false;
            break;
        }
        groups++;
        if (at == start || at - start > DIGITS || groups > GROUPS)
            return false;
        if (at == end)
            break;
        if (*at++ != ':' || at == end)
            return false;
        if (*at == ':') {
            if (gap)
                return false;
            gap = true;
            at++;
        }
    }
    return gap ? groups < GROUPS : groups == GROUPS;
}

/* "NAME=VALUE;NAME", without blanks. */
static hf_err check_params(struct hf_slice params, uint32_t tolerances, uint32_t *tolerated)
{
    const char *at = params.at, *end = hf_sip_end(params);
    unsigned count = 0;

    for (;;) {
        const char *name = at;

        if (++count > HF_SIP_PARAMS_MAX)
            return HF_ERR_LIMIT;
        at = hf_sip_skip(at, end, SIP_URI_PARAM);
        if (at == name) {
            if ((tolerances & HF_SIP_TOL_EMPTY_PARAM) == 0)
                return HF_ERR_MALFORMED;
            *tolerated |= HF_SIP_TOL_EMPTY_PARAM;
        } else if (at < end && *at == '=') {
            const char *value = ++at;

            at = hf_sip_skip(at, end, SIP_URI_PARAM);
            if (at == value) {
                if ((tolerances & HF_SIP_TOL_EMPTY_VALUE) == 0)
                    return HF_ERR_MALFORMED;
                *tolerated |= HF_SIP_TOL_EMPTY_VALUE;
            }
        }
        if (at == end)
            return hf_sip_escapes_ok(params) ? HF_OK : HF_ERR_MALFORMED;
        if (*at++ != ';')
            return HF_ERR_MALFORMED;
    }
}

static bool take_user(struct hf_slice info, struct hf_sip_uri *ret)
{
    const char *colon = memchr(info.at, ':', info.bytes), *end = hf_sip_end(info);

    ret->user = hf_sip_between(info.at, colon == NULL ? end : colon);
    if (!hf_sip_all(ret->user, SIP_USER) || !hf_sip_escapes_ok(info))
        return false;
    if (colon != NULL)
        ret->password = hf_sip_between(colon + 1, end);
    return ret->password.bytes == 0 || hf_sip_all(ret->password, SIP_PASSWORD);
}

/* What stands behind "sip:" or "sips:". */
static hf_err take_sip(const char *at, const char *end, uint32_t tolerances, struct hf_sip_uri *ret,
                       uint32_t *tolerated)
{
    const char *amp = memchr(at, '@', (size_t)(end - at)), *mark;
    struct hf_sip_hostport hostport;

    if (amp != NULL) { /* user parts may hold ; ? and /, so the @ is looked for first */
        if (!take_user(hf_sip_between(at, amp), ret))
            return HF_ERR_MALFORMED;
        at = amp + 1;
    }
    for (const char *c = at; c < end; c++)
        if (hf_sip_is_lws(*c))
            return HF_ERR_MALFORMED; /* take_hostport would skip it */
    if (hf_sip_take_hostport(&at, end, &hostport) != HF_OK)
        return HF_ERR_MALFORMED;
    ret->host = hostport.host;
    ret->ipv6 = hostport.ipv6;
    ret->has_port = hostport.has_port;
    ret->port = hostport.port;
    if (ret->host.bytes == 0) {
        if (amp == NULL || (tolerances & HF_SIP_TOL_NO_HOST) == 0)
            return HF_ERR_MALFORMED;
        *tolerated |= HF_SIP_TOL_NO_HOST;
    }
    if (at < end && *at == ';') {
        mark = memchr(at, '?', (size_t)(end - at));
        ret->params = hf_sip_between(at + 1, mark == NULL ? end : mark);
        at = mark == NULL ? end : mark;
        hf_err err = check_params(ret->params, tolerances, tolerated);

        if (err != HF_OK)
            return err;
    }
    if (at < end && *at == '?') {
        ret->headers = hf_sip_between(at + 1, end);
        if (!hf_sip_all(ret->headers, SIP_URIC) || !hf_sip_escapes_ok(ret->headers))
            return HF_ERR_MALFORMED;
        at = end;
    }
    return at == end ? HF_OK : HF_ERR_MALFORMED;
}

hf_err hf_sip_parse_uri(struct hf_slice text, uint32_t tolerances, struct hf_sip_uri *ret,
                        uint32_t *ret_tolerated)
{
    struct hf_sip_uri uri = {.text = text};
    const char *end = hf_sip_end(text), *colon;
    uint32_t tolerated = 0;
    hf_err err;

    *ret = (struct hf_sip_uri){0};
    colon = text.bytes == 0 ? NULL : memchr(text.at, ':', text.bytes);
    if (colon == NULL || (text.at[0] | 0x20) < 'a' || (text.at[0] | 0x20) > 'z')
        return HF_ERR_MALFORMED;
    uri.scheme_text = hf_sip_between(text.at, colon);
    if (HF_SIP_IS(uri.scheme_text, "sip") || HF_SIP_IS(uri.scheme_text, "sips")) {
        uri.scheme = uri.scheme_text.bytes == 3 ? HF_SIP_SCHEME_SIP : HF_SIP_SCHEME_SIPS;
        err = take_sip(colon + 1, end, tolerances, &uri, &tolerated);
    } else {
        struct hf_slice rest = hf_sip_between(colon + 1, end);
        const char *mark = rest.bytes == 0 ? NULL : memchr(rest.at, ';', rest.bytes);

        uri.scheme = HF_SIP_IS(uri.scheme_text, "tel") ? HF_SIP_SCHEME_TEL : HF_SIP_SCHEME_OTHER;
        if (uri.scheme == HF_SIP_SCHEME_TEL)
            uri.user = hf_sip_between(rest.at, mark == NULL ? end : mark);
        for (const char *c = text.at; c < colon; c++)
            if (*c != '+' && *c != '-' && *c != '.' && !hf_sip_is(*c, SIP_HOST))
                return HF_ERR_MALFORMED; /* RFC 3986 3.1 */
        err = hf_sip_all(rest, SIP_URIC) && hf_sip_escapes_ok(rest) ? HF_OK : HF_ERR_MALFORMED;
    }
    if (err != HF_OK)
        return err;
    *ret = uri;
    if (ret_tolerated != NULL)
        *ret_tolerated |= tolerated;
    return HF_OK;
}

bool hf_sip_param_next(struct hf_slice *params, struct hf_sip_param *ret)
{
    const char *at = params->at, *end = hf_sip_end(*params), *stop;

    while (at < end && (*at == ';' || hf_sip_is_lws(*at)))
        at++;
    *params = hf_sip_between(end, end);
    if (at == end)
        return false;
    for (stop = at; stop < end && *stop != '=' && *stop != ';';)
        stop++;
    *ret = (struct hf_sip_param){.name = hf_sip_trim(hf_sip_between(at, stop))};
    if (stop < end && *stop == '=') {
        at = stop = hf_sip_skip_lws(stop + 1, end);
        if (at < end && *at == '"')
            stop = hf_sip_skip_quoted(at, end);
        if (stop == NULL)
            return false;
        while (stop < end && *stop != ';')
            stop++;
        ret->value = hf_sip_trim(hf_sip_between(at, stop));
    }
    *params = hf_sip_between(stop, end);
    return ret->name.bytes > 0;
}

struct hf_slice hf_sip_param(struct hf_slice params, const char *name, bool *ret_found)
{
    struct hf_slice wanted = hf_slice_of(name);
    struct hf_sip_param param;
    bool found = false;

    while (!found && params.at != NULL && hf_sip_param_next(&params, &param))
        found = hf_slice_eq_nocase(param.name, wanted);
    if (ret_found != NULL)
        *ret_found = found;
    return found ? param.value : (struct hf_slice){NULL, 0};
}
