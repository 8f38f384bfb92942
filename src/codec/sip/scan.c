/* codec/sip/scan.c */
#include "codec/sip/scan.h"

/* clang-format off */
const uint8_t hf_sip_class[256] = { /* 1 token, 2 word, 4 user, 8 password, 16 host, 32 URI parameter, 64 URI, 128 control */
    128, 128, 128, 128, 128, 128, 128, 128, 128,   0, 128, 128, 128, 128, 128, 128, /* 00 */
    128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, /* 10 */
      0, 111,   2,   0, 108, 111, 108, 111, 110, 110, 111, 111,  76, 127, 127, 102, /* 20 */
    127, 127, 127, 127, 127, 127, 127, 127, 127, 127,  98,  68,   2,  76,   2,  70, /* 30 */
     64, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, /* 40 */
    127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,  98,   2,  98,   0, 111, /* 50 */
      3, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, /* 60 */
    127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,   2,   0,   2, 111, 128, /* 70 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* 80 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* 90 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* a0 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* b0 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* c0 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* d0 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* e0 */
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0, /* f0 */
};
/* clang-format on */

bool hf_sip_all(struct hf_slice text, unsigned class)
{
    return text.bytes > 0 && hf_sip_skip(text.at, hf_sip_end(text), class) == hf_sip_end(text);
}

struct hf_slice hf_sip_trim(struct hf_slice text)
{
    while (text.bytes > 0 && hf_sip_is_lws(text.at[text.bytes - 1]))
        text.bytes--;
    while (text.bytes > 0 && hf_sip_is_lws(text.at[0])) {
        text.at++;
        text.bytes--;
    }
    return text;
}

const char *hf_sip_skip_quoted(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\' && ++at >= end)
            return NULL;
    }
    return NULL;
}

bool hf_sip_number(struct hf_slice text, uint64_t max, uint64_t *ret)
{
    uint64_t value;

    if (text.bytes == 0 || !hf_slice_to_u64(text, &value) || value > max)
        return false;
    *ret = value;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool hf_sip_escapes_ok(struct hf_slice text)
{
    const char *at = text.at, *end = hf_sip_end(text);

    while (at < end && (at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        if (end - at < 3 || !is_hex(at[1]) || !is_hex(at[2]))
            return false;
        at += 3;
    }
    return true;
}

/* ":PORT" with the blanks that COLON allows around it; *at moves only when there is one. */
static hf_err take_port(const char **at, const char *end, struct hf_sip_hostport *ret)
{
    const char *colon = hf_sip_skip_lws(*at, end), *digits, *stop;
    uint64_t port;

    if (colon == end || *colon != ':')
        return HF_OK;
    digits = stop = hf_sip_skip_lws(colon + 1, end);
    while (stop < end && *stop >= '0' && *stop <= '9')
        stop++;
    if (!hf_sip_number(hf_sip_between(digits, stop), UINT16_MAX, &port))
        return HF_ERR_MALFORMED;
    ret->has_port = true;
    ret->port = (uint16_t)port;
    *at = stop;
    return HF_OK;
}

hf_err hf_sip_take_hostport(const char **at, const char *end, struct hf_sip_hostport *ret)
{
    const char *start = *at, *stop;

    *ret = (struct hf_sip_hostport){0};
    if (start < end && *start == '[') {
        stop = memchr(start, ']', (size_t)(end - start));
        if (stop == NULL || !hf_sip_is_ipv6(hf_sip_between(start + 1, stop)))
            return HF_ERR_MALFORMED;
        ret->ipv6 = true;
        ret->host = hf_sip_between(start + 1, stop);
        *at = stop + 1;
    } else {
        *at = hf_sip_skip(start, end, SIP_HOST);
        ret->host = hf_sip_between(start, *at);
    }
    return take_port(at, end, ret);
}

bool hf_sip_take_param(const char **at, const char *end, uint32_t tolerances, struct hf_sip_param *ret,
                       uint32_t *tolerated)
{
    const char *name = hf_sip_skip_lws(*at, end), *stop = hf_sip_skip(name, end, SIP_TOKEN), *value;

    *ret = (struct hf_sip_param){.name = hf_sip_between(name, stop)};
    *at = hf_sip_skip_lws(stop, end);
    if (stop == name) {
        if ((tolerances & HF_SIP_TOL_EMPTY_PARAM) == 0 || (*at < end && **at != ';'))
            return false;
        *tolerated |= HF_SIP_TOL_EMPTY_PARAM;
        return true;
    }
    if (*at == end || **at == ';')
        return true;
    if (**at != '=')
        return false;
    value = stop = hf_sip_skip_lws(*at + 1, end);
    if (value < end && *value == '"')
        stop = hf_sip_skip_quoted(value, end);
    else
        while (stop < end && (hf_sip_is(*stop, SIP_TOKEN) || *stop == '[' || *stop == ']' || *stop == ':'))
            stop++; /* token or host */
    if (stop == NULL)
        return false;
    if (stop == value) {
        if ((tolerances & HF_SIP_TOL_EMPTY_VALUE) == 0)
            return false;
        *tolerated |= HF_SIP_TOL_EMPTY_VALUE;
    }
    ret->value = hf_sip_between(value, stop);
    *at = hf_sip_skip_lws(stop, end);
    return *at == end || **at == ';';
}
