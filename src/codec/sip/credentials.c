/* codec/sip/credentials.c - digest parameters as read: "Digest name=value, name="value"". */
#include "base/assert.h"
#include "codec/sip/digest.h"
#include "codec/sip/scan.h"

struct field {
    struct hf_slice name;
    bool quoted; /* as RFC 7616 3.3 and 3.4 write it */
    struct hf_slice *ret;
};

/* The scheme in front; *at moves to the parameters. */
static bool take_scheme(const char **at, const char *end)
{
    const char *start = hf_sip_skip_lws(*at, end), *stop = hf_sip_skip(start, end, SIP_TOKEN);

    *at = hf_sip_skip_lws(stop, end);
    return HF_SIP_IS(hf_sip_between(start, stop), "digest") && stop < end && hf_sip_is_lws(*stop);
}

/* Up to the comma. */
static bool take_value(const char **at, const char *end, bool *ret_quoted, struct hf_slice *ret)
{
    const char *start = *at, *stop = start;

    *ret_quoted = start < end && *start == '"';
    if (*ret_quoted) {
        stop = hf_sip_skip_quoted(start, end);
        if (stop == NULL)
            return false;
        *ret = hf_sip_between(start + 1, stop - 1);
    } else {
        while (stop < end && *stop != ',' && *stop != '"' && !hf_sip_is_lws(*stop))
            stop++;
        *ret = hf_sip_between(start, stop);
        if (stop == start)
            return false;
    }
    *at = hf_sip_skip_lws(stop, end);
    return *at == end || **at == ',';
}

static bool take_field(const char **at, const char *end, const struct field *fields, size_t count,
                       uint32_t tolerances, uint32_t *tolerated)
{
    const char *stop = hf_sip_skip(*at, end, SIP_TOKEN);
    struct hf_slice name = hf_sip_between(*at, stop), value;
    bool quoted;

    *at = hf_sip_skip_lws(stop, end);
    if (name.bytes == 0 || *at == end || **at != '=')
        return false;
    *at = hf_sip_skip_lws(*at + 1, end);
    if (!take_value(at, end, &quoted, &value))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (name.bytes != fields[i].name.bytes || !hf_slice_eq_nocase(name, fields[i].name))
            continue;
        if (fields[i].ret->at != NULL)
            return false; /* two values of one name: two readers could take either */
        *fields[i].ret = value;
        if (quoted != fields[i].quoted) {
            if ((tolerances & HF_SIP_TOL_DIGEST_QUOTES) == 0)
                return false;
            *tolerated |= HF_SIP_TOL_DIGEST_QUOTES;
        }
    }
    return true;
}

static hf_err take_fields(struct hf_slice value, const struct field *fields, size_t count,
                          uint32_t tolerances, uint32_t *tolerated)
{
    const char *at = value.at, *end = hf_sip_end(value);
    unsigned params = 0;

    if (!take_scheme(&at, end))
        return HF_ERR_NOT_FOUND;
    while (at < end) {
        if (*at == ',') {
            if ((tolerances & HF_SIP_TOL_DIGEST_COMMAS) == 0)
                return HF_ERR_MALFORMED;
            *tolerated |= HF_SIP_TOL_DIGEST_COMMAS;
        } else {
            if (++params > HF_SIP_PARAMS_MAX)
                return HF_ERR_LIMIT;
            if (!take_field(&at, end, fields, count, tolerances, tolerated))
                return HF_ERR_MALFORMED;
            if (at == end)
                return HF_OK;
        }
        at = hf_sip_skip_lws(at + 1, end); /* behind the comma */
    }
    if (params > 0 && (tolerances & HF_SIP_TOL_DIGEST_COMMAS) == 0)
        return HF_ERR_MALFORMED;
    *tolerated |= HF_SIP_TOL_DIGEST_COMMAS;
    return HF_OK;
}

/* One to eight hexadecimal digits; RFC 7616 has eight. */
static bool take_nc(struct hf_slice text, uint32_t tolerances, uint32_t *ret, uint32_t *tolerated)
{
    enum { DIGITS = 8 };
    uint32_t value = 0;

    if (text.bytes == 0 || text.bytes > DIGITS)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i], letter = (char)(c | 0x20);

        if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'f'))
            return false;
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : letter - 'a' + 10);
    }
    if (text.bytes < DIGITS) {
        if ((tolerances & HF_SIP_TOL_DIGEST_NC) == 0)
            return false;
        *tolerated |= HF_SIP_TOL_DIGEST_NC;
    }
    *ret = value;
    return true;
}

static uint8_t alg_of(struct hf_slice name)
{
    return (uint8_t)(name.bytes == 0 ? HF_SIP_MD5 : hf_sip_alg_of(name)); /* RFC 7616 3.3 */
}

hf_err hf_sip_parse_credentials(struct hf_slice value, uint32_t tolerances, struct hf_sip_credentials *ret)
{
    struct hf_sip_credentials c = {0};
    const struct field fields[] = {
        {HF_SLICE("username"), true, &c.username},
        {HF_SLICE("realm"), true, &c.realm},
        {HF_SLICE("nonce"), true, &c.nonce},
        {HF_SLICE("uri"), true, &c.uri},
        {HF_SLICE("response"), true, &c.response},
        {HF_SLICE("cnonce"), true, &c.cnonce},
        {HF_SLICE("nc"), false, &c.nc},
        {HF_SLICE("qop"), false, &c.qop},
        {HF_SLICE("opaque"), true, &c.opaque},
        {HF_SLICE("algorithm"), false, &c.algorithm},
    };
    hf_err err = take_fields(value, fields, HF_COUNT_OF(fields), tolerances, &c.tolerated);

    *ret = (struct hf_sip_credentials){0};
    if (err != HF_OK)
        return err;
    if (c.username.at == NULL || c.realm.at == NULL || c.nonce.at == NULL || c.uri.at == NULL ||
        c.response.at == NULL)
        return HF_ERR_MALFORMED;
    if (c.qop.bytes > 0 && (c.cnonce.at == NULL || !take_nc(c.nc, tolerances, &c.nc_value, &c.tolerated)))
        return HF_ERR_MALFORMED;
    c.alg = alg_of(c.algorithm);
    *ret = c;
    return HF_OK;
}

hf_err hf_sip_credentials(const struct hf_sip_msg *msg, struct hf_sip_credentials *ret)
{
    hf_err err = HF_ERR_NOT_FOUND;

    *ret = (struct hf_sip_credentials){0};
    for (uint8_t at = msg->first[HF_SIP_AUTHORIZATION]; at != 0 && err == HF_ERR_NOT_FOUND;
         at = msg->headers[at - 1].next)
        err = hf_sip_parse_credentials(msg->headers[at - 1].value, hf_sip_tolerances_default(), ret);
    return err;
}

/* "auth,auth-int" */
static bool has_auth(struct hf_slice list)
{
    const char *at = list.at, *end = hf_sip_end(list);

    while (at < end) {
        const char *stop = at;

        while (stop < end && *stop != ',')
            stop++;
        struct hf_slice item = hf_sip_trim(hf_sip_between(at, stop));

        if (HF_SIP_IS(item, "auth"))
            return true;
        at = stop < end ? stop + 1 : end;
    }
    return false;
}

hf_err hf_sip_parse_challenge(struct hf_slice value, uint32_t tolerances, struct hf_sip_challenge *ret)
{
    struct hf_sip_challenge c = {0};
    struct hf_slice qop = {NULL, 0}, stale = {NULL, 0};
    const struct field fields[] = {
        {HF_SLICE("realm"), true, &c.realm},   {HF_SLICE("nonce"), true, &c.nonce},
        {HF_SLICE("opaque"), true, &c.opaque}, {HF_SLICE("qop"), true, &qop},
        {HF_SLICE("stale"), false, &stale},    {HF_SLICE("algorithm"), false, &c.algorithm},
    };
    hf_err err = take_fields(value, fields, HF_COUNT_OF(fields), tolerances, &c.tolerated);

    *ret = (struct hf_sip_challenge){0};
    if (err != HF_OK)
        return err;
    if (c.realm.at == NULL || c.nonce.at == NULL)
        return HF_ERR_MALFORMED;
    c.qop = qop.bytes > 0;
    c.auth = has_auth(qop);
    c.stale = HF_SIP_IS(stale, "true");
    c.alg = alg_of(c.algorithm);
    *ret = c;
    return HF_OK;
}
