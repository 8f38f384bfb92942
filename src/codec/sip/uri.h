/* codec/sip/uri.h - SIP URIs, name-addr and parameters, as slices of the caller's text.
 * Pure: allocates nothing, copies nothing but where the name says so. White space may hold folds (CRLF and
 * blanks); no parsed slice begins or ends with any. Sources: RFC 3261 19.1, 20.10, 25.1; RFC 3966 (tel). */
#ifndef HF_CODEC_SIP_URI_H
#define HF_CODEC_SIP_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_SIP_PARAMS_MAX = 32, /* of one URI, of one header value; above it the value is HF_ERR_LIMIT */
};

enum hf_sip_scheme {
    HF_SIP_SCHEME_SIP,
    HF_SIP_SCHEME_SIPS,
    HF_SIP_SCHEME_TEL,
    HF_SIP_SCHEME_OTHER, /* well formed, but not ours to understand: 416 in a Request-URI */
};

/* For schemes other than sip and sips only `text`, `scheme` and `scheme_text` are set, and for tel `user`. */
struct hf_sip_uri {
    struct hf_slice text; /* all of it, as sent */
    struct hf_slice scheme_text;
    struct hf_slice user;     /* still escaped; absent without '@' */
    struct hf_slice password; /* still escaped; absent without ':' */
    struct hf_slice host;     /* an IPv6 address without its brackets */
    struct hf_slice params;   /* behind the first ';', for hf_sip_param_next; absent without */
    struct hf_slice headers;  /* behind '?'; absent without */
    uint8_t scheme;           /* enum hf_sip_scheme */
    bool ipv6;                /* the host stood in brackets */
    bool has_port;
    uint16_t port; /* 0 without has_port */
};

/* A name-addr or addr-spec with the parameters behind it: From, To, Contact, Route, Record-Route, Refer-To. */
struct hf_sip_address {
    struct hf_slice text;    /* all of it, as sent */
    struct hf_slice display; /* with its quotes, still escaped; absent without */
    struct hf_sip_uri uri;
    struct hf_slice params; /* of the header, behind the first ';'; absent without */
    struct hf_slice tag;    /* absent without */
    bool star;              /* Contact: * ; nothing else is set */
};

struct hf_sip_param {
    struct hf_slice name;
    struct hf_slice value; /* quoted ones with their quotes; absent without '=', empty after a bare '=' */
};

/* HF_OK; HF_ERR_MALFORMED; HF_ERR_LIMIT for more than HF_SIP_PARAMS_MAX parameters. `tolerances` (sip.h) says
 * what is forgiven; what was is or-ed into *ret_tolerated (NULL: not wanted). */
hf_err hf_sip_parse_uri(struct hf_slice text, uint32_t tolerances, struct hf_sip_uri *ret,
                        uint32_t *ret_tolerated);
hf_err hf_sip_parse_address(struct hf_slice text, uint32_t tolerances, struct hf_sip_address *ret,
                            uint32_t *ret_tolerated);

/* Takes the next parameter off ";"-separated ones. False at the end or where the text is malformed; parameters
 * that a parse call of this folder handed out are never malformed. */
bool hf_sip_param_next(struct hf_slice *params, struct hf_sip_param *ret);
/* The value of the first parameter of that name, without case. An absent slice when there is none; `ret_found`
 * (NULL: not wanted) tells that from a parameter without value. */
struct hf_slice hf_sip_param(struct hf_slice params, const char *name, bool *ret_found);

/* Without the quotes and backslashes of a quoted string; any other text as it is. Folds become one blank.
 * HF_OK; HF_ERR_LIMIT when out_bytes_max is too small, with nothing promised about `out`. */
hf_err hf_sip_unquote(struct hf_slice text, char *out, size_t out_bytes_max, struct hf_slice *ret);
/* Decodes %XX. %00 stays as it is (RFC 4475 3.1.1.4), so that no reader of the result sees a shorter name.
 * HF_OK; HF_ERR_MALFORMED for a % without two digits; HF_ERR_LIMIT. */
hf_err hf_sip_unescape(struct hf_slice text, char *out, size_t out_bytes_max, struct hf_slice *ret);

/* "192.0.2.1", "2001:db8::1" (no brackets). Only the form is judged, which is enough to tell an address from
 * a name. */
bool hf_sip_is_ipv4(struct hf_slice host);
bool hf_sip_is_ipv6(struct hf_slice host);

#endif
