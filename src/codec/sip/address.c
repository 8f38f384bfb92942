/* codec/sip/address.c - name-addr and addr-spec, quoted strings, escapes. */
#include "codec/sip/uri.h"

#include "base/assert.h"
#include "codec/sip/scan.h"

/* ";tag=1;x" */
static hf_err take_params(const char *at, const char *end, uint32_t tolerances,
                          struct hf_sip_address *address, uint32_t *tolerated)
{
    struct hf_sip_param param;
    unsigned count = 0;

    at = hf_sip_skip_lws(at, end);
    if (at < end && *at == ';')
        address->params = hf_sip_between(at + 1, end);
    while (at < end) {
        if (*at++ != ';' || !hf_sip_take_param(&at, end, tolerances, &param, tolerated))
            return HF_ERR_MALFORMED;
        if (++count > HF_SIP_PARAMS_MAX)
            return HF_ERR_LIMIT;
        if (HF_SIP_IS(param.name, "tag")) {
            if (address->tag.at != NULL || !hf_sip_all(param.value, SIP_TOKEN))
                return HF_ERR_MALFORMED;
            address->tag = param.value;
        }
    }
    return HF_OK;
}

/* The display name before `angle`: a quoted string, or tokens. */
static bool display_ok(struct hf_slice display, uint32_t tolerances, uint32_t *tolerated)
{
    const char *at = display.at, *end = hf_sip_end(display);

    for (; at < end; at++) {
        if (hf_sip_is(*at, SIP_TOKEN) || hf_sip_is_lws(*at))
            continue;
        uint32_t need = (*at & 0x80) != 0 ? HF_SIP_TOL_DISPLAY_RAW : HF_SIP_TOL_DISPLAY_PLAIN;

        if ((tolerances & need) == 0 || *at == '"' || *at == '>')
            return false;
        *tolerated |= need;
    }
    return true;
}

static bool has_token_display(const char *at, const char *angle)
{
    const char *colon = memchr(at, ':', (size_t)(angle - at));

    return colon == NULL; /* "sip:a@b;x=<": no display name holds a colon, each URI does */
}

static hf_err take_angle(const char *angle, const char *end, uint32_t tolerances,
                         struct hf_sip_address *address, uint32_t *tolerated)
{
    const char *close = memchr(angle, '>', (size_t)(end - angle));
    hf_err err;

    if (close == NULL)
        return HF_ERR_MALFORMED;
    struct hf_slice uri = hf_sip_between(angle + 1, close), bare = hf_sip_trim(uri);

    if (bare.bytes != uri.bytes && (tolerances & HF_SIP_TOL_ADDR_SPACES)) {
        *tolerated |= HF_SIP_TOL_ADDR_SPACES;
        uri = bare;
    }
    err = hf_sip_parse_uri(uri, tolerances, &address->uri, tolerated);
    return err == HF_OK ? take_params(close + 1, end, tolerances, address, tolerated) : err;
}

/* Without < >: what follows the first ';' belongs to the header (RFC 3261 20.10). */
static hf_err take_bare(const char *at, const char *end, uint32_t tolerances, struct hf_sip_address *address,
                        uint32_t *tolerated)
{
    const char *stop = memchr(at, ';', (size_t)(end - at));
    struct hf_slice uri = hf_sip_trim(hf_sip_between(at, stop == NULL ? end : stop));
    bool odd =
        uri.bytes > 0 && (memchr(uri.at, '?', uri.bytes) != NULL || memchr(uri.at, ',', uri.bytes) != NULL);
    hf_err err;

    if (odd && (tolerances & HF_SIP_TOL_BARE_URI) == 0)
        return HF_ERR_MALFORMED;
    if (odd)
        *tolerated |= HF_SIP_TOL_BARE_URI;
    err = hf_sip_parse_uri(uri, tolerances, &address->uri, tolerated);
    return err == HF_OK ? take_params(stop == NULL ? end : stop, end, tolerances, address, tolerated) : err;
}

hf_err hf_sip_parse_address(struct hf_slice text, uint32_t tolerances, struct hf_sip_address *ret,
                            uint32_t *ret_tolerated)
{
    struct hf_sip_address address = {.text = hf_sip_trim(text)};
    const char *at = address.text.at, *end = hf_sip_end(address.text), *angle;
    uint32_t tolerated = 0;
    hf_err err;

    *ret = (struct hf_sip_address){0};
    if (at == end)
        return HF_ERR_MALFORMED;
    if (*at == '"') {
        const char *quoted = hf_sip_skip_quoted(at, end);

        angle = quoted == NULL ? end : hf_sip_skip_lws(quoted, end);
        if (angle == end || *angle != '<')
            return HF_ERR_MALFORMED;
        address.display = hf_sip_between(at, quoted);
        err = take_angle(angle, end, tolerances, &address, &tolerated);
    } else if ((angle = memchr(at, '<', (size_t)(end - at))) != NULL && has_token_display(at, angle)) {
        if (angle > at)
            address.display = hf_sip_trim(hf_sip_between(at, angle));
        err = display_ok(address.display, tolerances, &tolerated)
                  ? take_angle(angle, end, tolerances, &address, &tolerated)
                  : HF_ERR_MALFORMED;
    } else if (*at == '*' && address.text.bytes == 1) {
        address.star = true;
        err = HF_OK;
    } else {
        err = take_bare(at, end, tolerances, &address, &tolerated);
    }
    if (err != HF_OK)
        return err;
    *ret = address;
    if (ret_tolerated != NULL)
        *ret_tolerated |= tolerated;
    return HF_OK;
}

hf_err hf_sip_unquote(struct hf_slice text, char *out, size_t out_bytes_max, struct hf_slice *ret)
{
    const char *at = text.at, *end = hf_sip_end(text);
    bool quoted = text.bytes >= 2 && *at == '"' && end[-1] == '"';
    size_t bytes = 0;

    if (quoted) {
        at++;
        end--;
    }
    while (at < end) {
        char c = *at++;

        if (c == '\r' || c == '\n') {
            at = hf_sip_skip_lws(at, end);
            c = ' ';
        } else if (quoted && c == '\\' && at < end) {
            c = *at++;
        }
        if (bytes == out_bytes_max)
            return HF_ERR_LIMIT;
        out[bytes++] = c;
    }
    *ret = (struct hf_slice){out, bytes};
    return HF_OK;
}

static unsigned hex_of(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

hf_err hf_sip_unescape(struct hf_slice text, char *out, size_t out_bytes_max, struct hf_slice *ret)
{
    const char *at = text.at, *end = hf_sip_end(text);
    size_t bytes = 0;

    if (!hf_sip_escapes_ok(text))
        return HF_ERR_MALFORMED;
    while (at < end) {
        char c = *at++;

        if (c == '%' && (at[0] != '0' || at[1] != '0')) {
            c = (char)(hex_of(at[0]) << 4 | hex_of(at[1]));
            at += 2;
        }
        if (bytes == out_bytes_max)
            return HF_ERR_LIMIT;
        out[bytes++] = c;
    }
    *ret = (struct hf_slice){out, bytes};
    return HF_OK;
}
