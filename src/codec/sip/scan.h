/* codec/sip/scan.h - private to sip: classes of bytes, white space, quoted strings, the parameters behind values.
 * Source: RFC 3261 25.1. Inside header values CR and LF only ever stand in folds (the line scan sees to it),
 * so both count as white space here. */
#ifndef HF_CODEC_SIP_SCAN_H
#define HF_CODEC_SIP_SCAN_H

#include "codec/sip/sip.h"

enum {
    SIP_TOKEN = 1,      /* token */
    SIP_WORD = 2,       /* word: Call-ID */
    SIP_USER = 4,       /* user of a SIP URI, % included */
    SIP_PASSWORD = 8,   /* password */
    SIP_HOST = 16,      /* host names, IPv4 */
    SIP_URI_PARAM = 32, /* names and values of URI parameters */
    SIP_URIC = 64,      /* what a URI of any scheme may hold, and headers of a SIP URI */
    SIP_CONTROL = 128,  /* control bytes but TAB: not in a header value, unless behind a backslash */
};
extern const uint8_t hf_sip_class[256];

static inline bool hf_sip_is(char c, unsigned class)
{
    return (hf_sip_class[(uint8_t)c] & class) != 0;
}

static inline bool hf_sip_is_lws(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline const char *hf_sip_skip_lws(const char *at, const char *end)
{
    while (at < end && hf_sip_is_lws(*at))
        at++;
    return at;
}

static inline const char *hf_sip_skip(const char *at, const char *end, unsigned class)
{
    while (at < end && hf_sip_is(*at, class))
        at++;
    return at;
}

static inline const char *hf_sip_skip_not(const char *at, const char *end, unsigned class)
{
    while (at < end && !hf_sip_is(*at, class))
        at++;
    return at;
}

static inline struct hf_slice hf_sip_between(const char *at, const char *end)
{
    return (struct hf_slice){at, (size_t)(end - at)};
}

static inline const char *hf_sip_end(struct hf_slice text) /* NULL + 0 has no meaning in C */
{
    return text.at == NULL ? NULL : text.at + text.bytes;
}

/* True when every byte is of the class and there is one. */
bool hf_sip_all(struct hf_slice text, unsigned class);
struct hf_slice hf_sip_trim(struct hf_slice text); /* folds too */
/* `at` stands on the quote. Behind the closing one, or NULL when there is none. */
const char *hf_sip_skip_quoted(const char *at, const char *end);
/* "0068" -> 68. Decimal digits only, nothing around them. False for none, any other byte, above max. */
bool hf_sip_number(struct hf_slice text, uint64_t max, uint64_t *ret);
bool hf_sip_escapes_ok(struct hf_slice text); /* each % has two hexadecimal digits */

/* hf_sip_header_name, its length known. */
struct hf_slice hf_sip_header_text(enum hf_sip_header_id id);

/* No control byte but in folds and behind a backslash: what the parser takes in a header value, and nothing else. */
bool hf_sip_value_ok(struct hf_slice value);

/* A host with an optional port: "a.example:5060", "[::1]:5060". `*at` moves behind it. Empty hosts are for the
 * caller to judge. */
struct hf_sip_hostport {
    struct hf_slice host;
    bool ipv6, has_port;
    uint16_t port;
};
hf_err hf_sip_take_hostport(const char **at, const char *end, struct hf_sip_hostport *ret);

/* One header parameter: *at stands behind a ';' and moves to the next ';' or to the end (true), or it is malformed
 * (false). An empty one gives an empty name with HF_SIP_TOL_EMPTY_PARAM. */
bool hf_sip_take_param(const char **at, const char *end, uint32_t tolerances, struct hf_sip_param *ret,
                       uint32_t *tolerated);

/* Compares with a lower-case literal, without case. */
#define HF_SIP_IS(slice, literal) \
    ((slice).bytes == sizeof(literal) - 1 && hf_slice_eq_nocase((slice), HF_SLICE(literal)))

#endif
