/* codec/sip/sip.h - reads one SIP message: a whole datagram, or what the framer (framer.h) cut out of a
 * stream. Strict, but for a table of named tolerances for what real devices send; each that was used is a bit in
 * the message, so that it can be counted. Header fields nobody here knows are kept and can be found by name.
 * Pure: allocates nothing, copies nothing. Slices point into the caller's input and live as long as it does.
 * Sources: RFC 3261 7, 8, 18.3, 20, 25; RFC 3581 (rport); RFC 6665 (events); RFC 4475 (torture messages);
 * requirements GB-1 to GB-3, GB-22. Answers and requests are written with write.h, digest is in digest.h,
 * what a server must refuse although it is well formed in judge.h. */
#ifndef HF_CODEC_SIP_SIP_H
#define HF_CODEC_SIP_SIP_H

#include "codec/sip/uri.h"

enum {
    HF_SIP_MESSAGE_BYTES_MAX = 65535,         /* default of limits.message_bytes_max: one datagram */
    HF_SIP_HEAD_BYTES_MAX = 65536,            /* default of limits.head_bytes_max */
    HF_SIP_HEAD_BYTES_UNPROVEN = 8192,        /* for peers that have not yet authenticated on a stream */
    HF_SIP_BODY_BYTES_MAX = 16 * 1024 * 1024, /* default of limits.body_bytes_max */
    HF_SIP_BODY_BYTES_UNPROVEN = 16384,
    HF_SIP_LINE_BYTES_MAX =
        8192, /* default of limits.line_bytes_max: one header with its folds, the start line */
    HF_SIP_HEADERS_MAX = 128,   /* default and ceiling of limits.headers_max */
    HF_SIP_VALUES_MAX = 128,    /* comma-separated values of one header name, over all its lines */
    HF_SIP_BLANK_LINES_MAX = 8, /* before a datagram's start line */
    HF_SIP_MAX_FORWARDS_DEFAULT = 70,
};

#define HF_SIP_METHOD_MAP(X)         \
    X(HF_SIP_REGISTER, "REGISTER")   \
    X(HF_SIP_MESSAGE, "MESSAGE")     \
    X(HF_SIP_INVITE, "INVITE")       \
    X(HF_SIP_ACK, "ACK")             \
    X(HF_SIP_BYE, "BYE")             \
    X(HF_SIP_CANCEL, "CANCEL")       \
    X(HF_SIP_INFO, "INFO")           \
    X(HF_SIP_SUBSCRIBE, "SUBSCRIBE") \
    X(HF_SIP_NOTIFY, "NOTIFY")       \
    X(HF_SIP_OPTIONS, "OPTIONS")     \
    X(HF_SIP_PRACK, "PRACK")         \
    X(HF_SIP_UPDATE, "UPDATE")       \
    X(HF_SIP_REFER, "REFER")         \
    X(HF_SIP_PUBLISH, "PUBLISH")     \
    X(HF_SIP_METHOD_OTHER, "")
#define HF_SIP_METHOD_ENUM(id, name) id,
enum hf_sip_method { HF_SIP_METHOD_MAP(HF_SIP_METHOD_ENUM) HF_SIP_METHODS };
#undef HF_SIP_METHOD_ENUM

const char *hf_sip_method_name(enum hf_sip_method method); /* "REGISTER"; "" for HF_SIP_METHOD_OTHER */
enum hf_sip_method hf_sip_method_of(struct hf_slice name); /* names are compared with case (RFC 3261 7.1) */

/* The headers that have a number. Columns: identifier, name as we write it, compact form or NULL, may it stand
 * more than once (lists; and those of which the first counts because nothing hangs on them). */
#define HF_SIP_HEADER_MAP(X)                                             \
    X(HF_SIP_VIA, "Via", "v", true)                                      \
    X(HF_SIP_FROM, "From", "f", false)                                   \
    X(HF_SIP_TO, "To", "t", false)                                       \
    X(HF_SIP_CALL_ID, "Call-ID", "i", false)                             \
    X(HF_SIP_CSEQ, "CSeq", NULL, false)                                  \
    X(HF_SIP_MAX_FORWARDS, "Max-Forwards", NULL, false)                  \
    X(HF_SIP_CONTACT, "Contact", "m", true)                              \
    X(HF_SIP_EXPIRES, "Expires", NULL, false)                            \
    X(HF_SIP_CONTENT_TYPE, "Content-Type", "c", false)                   \
    X(HF_SIP_CONTENT_LENGTH, "Content-Length", "l", false)               \
    X(HF_SIP_AUTHORIZATION, "Authorization", NULL, true)                 \
    X(HF_SIP_WWW_AUTHENTICATE, "WWW-Authenticate", NULL, true)           \
    X(HF_SIP_PROXY_AUTHENTICATE, "Proxy-Authenticate", NULL, true)       \
    X(HF_SIP_PROXY_AUTHORIZATION, "Proxy-Authorization", NULL, true)     \
    X(HF_SIP_AUTHENTICATION_INFO, "Authentication-Info", NULL, true)     \
    X(HF_SIP_EVENT, "Event", "o", false)                                 \
    X(HF_SIP_SUBSCRIPTION_STATE, "Subscription-State", NULL, false)      \
    X(HF_SIP_SUBJECT, "Subject", "s", true)                              \
    X(HF_SIP_DATE, "Date", NULL, true)                                   \
    X(HF_SIP_USER_AGENT, "User-Agent", NULL, true)                       \
    X(HF_SIP_SERVER, "Server", NULL, true)                               \
    X(HF_SIP_X_GB_VER, "X-GB-Ver", NULL, true)                           \
    X(HF_SIP_ROUTE, "Route", NULL, true)                                 \
    X(HF_SIP_RECORD_ROUTE, "Record-Route", NULL, true)                   \
    X(HF_SIP_REQUIRE, "Require", NULL, true)                             \
    X(HF_SIP_PROXY_REQUIRE, "Proxy-Require", NULL, true)                 \
    X(HF_SIP_SUPPORTED, "Supported", "k", true)                          \
    X(HF_SIP_UNSUPPORTED, "Unsupported", NULL, true)                     \
    X(HF_SIP_ALLOW, "Allow", NULL, true)                                 \
    X(HF_SIP_ALLOW_EVENTS, "Allow-Events", "u", true)                    \
    X(HF_SIP_ACCEPT, "Accept", NULL, true)                               \
    X(HF_SIP_CONTENT_ENCODING, "Content-Encoding", "e", true)            \
    X(HF_SIP_CONTENT_DISPOSITION, "Content-Disposition", NULL, true)     \
    X(HF_SIP_MIN_EXPIRES, "Min-Expires", NULL, false)                    \
    X(HF_SIP_RETRY_AFTER, "Retry-After", NULL, false)                    \
    X(HF_SIP_REASON, "Reason", NULL, true)                               \
    X(HF_SIP_WARNING, "Warning", NULL, true)                             \
    X(HF_SIP_TIMESTAMP, "Timestamp", NULL, true)                         \
    X(HF_SIP_REFER_TO, "Refer-To", "r", false)                           \
    X(HF_SIP_SESSION_EXPIRES, "Session-Expires", "x", false)             \
    X(HF_SIP_SECURITY_INFO, "SecurityInfo", NULL, true)                  \
    X(HF_SIP_NOTE, "Note", NULL, true)                                   \
    X(HF_SIP_MONITOR_USER_IDENTITY, "Monitor-User-Identity", NULL, true) \
    X(HF_SIP_X_ROUTE_PATH, "X-RoutePath", NULL, true)                    \
    X(HF_SIP_X_PREFERRED_PATH, "X-PreferredPath", NULL, true)            \
    X(HF_SIP_HEADER_OTHER, "", NULL, true)
#define HF_SIP_HEADER_ENUM(id, name, compact, many) id,
enum hf_sip_header_id { HF_SIP_HEADER_MAP(HF_SIP_HEADER_ENUM) HF_SIP_HEADER_IDS };
#undef HF_SIP_HEADER_ENUM

const char *hf_sip_header_name(enum hf_sip_header_id id);     /* "Call-ID"; "" for HF_SIP_HEADER_OTHER */
enum hf_sip_header_id hf_sip_header_of(struct hf_slice name); /* without case, compact forms too */

/* What is forgiven. Columns: identifier, bit, name for logs and metrics, on by default, text for people.
 * Those that are off by default stand in the list of RFC 4475 that must be refused. */
#define HF_SIP_TOLERANCE_MAP(X)                                                                              \
    X(HF_SIP_TOL_LF_ONLY, 0, "lf_only", true, "lines end in LF without CR")                                  \
    X(HF_SIP_TOL_NO_MAX_FORWARDS, 1, "no_max_forwards", true, "a request without Max-Forwards counts as 70") \
    X(HF_SIP_TOL_EMPTY_VALUE, 2, "empty_value", true,                                                        \
      "Expires, Max-Forwards, Content-Length or a parameter without a value counts as absent")               \
    X(HF_SIP_TOL_LENGTH_REPEATED, 3, "length_repeated", true, "Content-Length twice, with the same number")  \
    X(HF_SIP_TOL_LENGTH_SHORT, 4, "length_short", true,                                                      \
      "MESSAGE or NOTIFY in a datagram: Content-Length cuts an XML body that is whole without it")           \
    X(HF_SIP_TOL_LENGTH_LONG, 5, "length_long", true,                                                        \
      "MESSAGE or NOTIFY in a datagram: Content-Length is above an XML body that is whole")                  \
    X(HF_SIP_TOL_NO_LENGTH, 6, "no_length", false,                                                           \
      "a message in a stream without Content-Length has no body")                                            \
    X(HF_SIP_TOL_DISPLAY_RAW, 7, "display_raw", true, "a display name beyond ASCII without quotes")          \
    X(HF_SIP_TOL_NO_HOST, 8, "no_host", true, "a URI or Via without a host: the source counts")              \
    X(HF_SIP_TOL_NO_FROM_TAG, 9, "no_from_tag", true, "From without a tag from a peer that speaks RFC 3261") \
    X(HF_SIP_TOL_NO_VIA, 10, "no_via", true, "a response without Via: matched by Call-ID and CSeq")          \
    X(HF_SIP_TOL_CSEQ_LARGE, 11, "cseq_large", true, "a CSeq from 2^31 to 2^32 - 1")                         \
    X(HF_SIP_TOL_EXPIRES_ODD, 12, "expires_odd", true,                                                       \
      "Expires above 2^32 - 1 counts as that, one that is no number as absent")                              \
    X(HF_SIP_TOL_EMPTY_PARAM, 13, "empty_param", false,                                                      \
      "an empty parameter: \";;\", a \";\" or \",\" at the end")                                             \
    X(HF_SIP_TOL_LINE_SPACES, 14, "line_spaces", false,                                                      \
      "more than one blank in the start line, or at its end")                                                \
    X(HF_SIP_TOL_ADDR_SPACES, 15, "addr_spaces", false, "blanks around the URI between < and >")             \
    X(HF_SIP_TOL_DISPLAY_PLAIN, 16, "display_plain", false, "a display name with separators without quotes") \
    X(HF_SIP_TOL_BARE_URI, 17, "bare_uri", true, "\"?\" or \",\" in a URI without < and >")                  \
    X(HF_SIP_TOL_CALL_ID_ODD, 18, "call_id_odd", true,                                                       \
      "a Call-ID of other visible characters: it is only compared")                                          \
    X(HF_SIP_TOL_DIGEST_QUOTES, 19, "digest_quotes", true,                                                   \
      "a digest parameter with quotes where RFC 7616 has none, or without")                                  \
    X(HF_SIP_TOL_DIGEST_COMMAS, 20, "digest_commas", true,                                                   \
      "an empty item between the parameters of digest, or at their end")                                     \
    X(HF_SIP_TOL_DIGEST_NC, 21, "digest_nc", true, "an nc of less than eight digits")
#define HF_SIP_TOLERANCE_ENUM(id, bit, name, on, text) id = 1 << (bit),
enum hf_sip_tolerance { HF_SIP_TOLERANCE_MAP(HF_SIP_TOLERANCE_ENUM) };
#undef HF_SIP_TOLERANCE_ENUM
enum { HF_SIP_TOLERANCES = 22 };

struct hf_sip_tolerance_info {
    const char *name; /* "lf_only" */
    const char *text;
    bool by_default;
};
const struct hf_sip_tolerance_info *hf_sip_tolerance_info(unsigned bit); /* below HF_SIP_TOLERANCES */
uint32_t hf_sip_tolerances_default(void);

/* What a message can break. Columns: identifier, name for logs and metrics, status to answer, text for people.
 * 413 and 513 come with HF_ERR_LIMIT, the others with HF_ERR_MALFORMED. */
#define HF_SIP_PROBLEM_MAP(X)                                                                           \
    X(HF_SIP_NO_PROBLEM, "none", 0, "nothing is wrong")                                                 \
    X(HF_SIP_BAD_START, "bad_start_line", 400, "the start line is neither a request nor a status line") \
    X(HF_SIP_BAD_URI, "bad_request_uri", 400, "the Request-URI is malformed")                           \
    X(HF_SIP_BAD_VERSION, "bad_version", 505, "only SIP/2.0 is spoken here")                            \
    X(HF_SIP_BAD_STATUS, "bad_status", 400, "the status is not 100 to 699")                             \
    X(HF_SIP_BARE_LF, "bare_lf", 400, "a line ends in LF without CR")                                   \
    X(HF_SIP_BARE_CR, "bare_cr", 400, "a CR without LF")                                                \
    X(HF_SIP_BAD_HEADER_NAME, "bad_header_name", 400, "a header line without a name and colon")         \
    X(HF_SIP_BAD_HEADER_VALUE, "bad_header_value", 400, "a control character in a header value")        \
    X(HF_SIP_NO_HEAD_END, "no_head_end", 400, "no empty line ends the headers")                         \
    X(HF_SIP_HEADER_REPEATED, "header_repeated", 400, "a header that may stand once stands twice")      \
    X(HF_SIP_NO_VIA, "via_missing", 400, "there is no Via")                                             \
    X(HF_SIP_NO_FROM, "from_missing", 400, "there is no From")                                          \
    X(HF_SIP_NO_TO, "to_missing", 400, "there is no To")                                                \
    X(HF_SIP_NO_CALL_ID, "call_id_missing", 400, "there is no Call-ID")                                 \
    X(HF_SIP_NO_CSEQ, "cseq_missing", 400, "there is no CSeq")                                          \
    X(HF_SIP_NO_MAX_FORWARDS, "max_forwards_missing", 400, "there is no Max-Forwards")                  \
    X(HF_SIP_BAD_VIA, "bad_via", 400, "a Via is malformed")                                             \
    X(HF_SIP_BAD_FROM, "bad_from", 400, "the From is malformed")                                        \
    X(HF_SIP_BAD_TO, "bad_to", 400, "the To is malformed")                                              \
    X(HF_SIP_BAD_CALL_ID, "bad_call_id", 400, "the Call-ID is malformed")                               \
    X(HF_SIP_BAD_CSEQ, "bad_cseq", 400, "the CSeq is malformed or out of range")                        \
    X(HF_SIP_CSEQ_MISMATCH, "cseq_mismatch", 400, "the CSeq names another method")                      \
    X(HF_SIP_BAD_MAX_FORWARDS, "bad_max_forwards", 400, "the Max-Forwards is not 0 to 255")             \
    X(HF_SIP_BAD_EXPIRES, "bad_expires", 400, "an Expires is not a number")                             \
    X(HF_SIP_BAD_LENGTH, "bad_content_length", 400, "the Content-Length is not one number")             \
    X(HF_SIP_NO_LENGTH, "content_length_missing", 400, "a message in a stream needs Content-Length")    \
    X(HF_SIP_BODY_CUT, "body_cut", 400, "the body is shorter than Content-Length")                      \
    X(HF_SIP_LINE_TOO_LONG, "line_too_long", 513, "a line is above its limit")                          \
    X(HF_SIP_HEAD_TOO_BIG, "head_too_big", 513, "the head is above its limit")                          \
    X(HF_SIP_TOO_MANY_HEADERS, "too_many_headers", 513, "more headers than the limit")                  \
    X(HF_SIP_TOO_MANY_PARAMS, "too_many_params", 513, "more parameters in one value than the limit")    \
    X(HF_SIP_BODY_TOO_BIG, "body_too_big", 413, "the body is above its limit")                          \
    X(HF_SIP_TOO_BIG, "message_too_big", 513, "the message is above its limit")
#define HF_SIP_PROBLEM_ENUM(id, name, status, text) id,
enum hf_sip_problem { HF_SIP_PROBLEM_MAP(HF_SIP_PROBLEM_ENUM) HF_SIP_PROBLEMS };
#undef HF_SIP_PROBLEM_ENUM

struct hf_sip_problem_info {
    const char *name; /* "bad_via" */
    const char *text;
    uint16_t status;
};
const struct hf_sip_problem_info *hf_sip_problem_info(enum hf_sip_problem problem); /* never NULL */
hf_err hf_sip_problem_err(enum hf_sip_problem problem); /* HF_OK, HF_ERR_MALFORMED or HF_ERR_LIMIT */

struct hf_sip_limits {
    uint32_t message_bytes_max; /* hf_sip_parse only; a framed message is bounded by the next two */
    uint32_t head_bytes_max;    /* start line and headers with the empty line */
    uint32_t body_bytes_max;
    uint32_t line_bytes_max;
    uint32_t headers_max; /* 0..HF_SIP_HEADERS_MAX */
    uint32_t tolerances;  /* bits of enum hf_sip_tolerance */
};
extern const struct hf_sip_limits hf_sip_limits_default;

struct hf_sip_header {
    struct hf_slice name; /* as sent: compact forms stay compact */
    struct hf_slice
        value;    /* without the blanks around it; folds are still in it (hf_sip_write_value unfolds) */
    uint8_t id;   /* enum hf_sip_header_id */
    uint8_t next; /* index + 1 of the next one with this id (not for OTHER), 0 = none */
};

enum hf_sip_transport { /* what a Via says; where a message came from is the socket's to say */
                        HF_SIP_UDP,
                        HF_SIP_TCP,
                        HF_SIP_TLS,
                        HF_SIP_SCTP,
                        HF_SIP_WS,
                        HF_SIP_WSS,
                        HF_SIP_TRANSPORT_OTHER,
};

struct hf_sip_via {
    struct hf_slice text; /* all of it, as sent */
    struct hf_slice transport_text;
    struct hf_slice host;   /* sent-by, an IPv6 address without its brackets; empty with HF_SIP_TOL_NO_HOST */
    struct hf_slice branch; /* absent without */
    struct hf_slice received; /* absent without; an IPv6 address without brackets */
    struct hf_slice maddr;    /* absent without */
    struct hf_slice params;   /* behind the first ';'; absent without */
    uint8_t transport;        /* enum hf_sip_transport */
    bool ipv6;                /* the sent-by host stood in brackets */
    bool has_port;
    bool rport;           /* the parameter is there, with or without a value */
    bool has_cookie;      /* the branch is z9hG4bK and something: RFC 3261 matching is possible */
    uint16_t port;        /* of sent-by; the transport's default (5060, TLS 5061) without has_port */
    uint16_t rport_value; /* 0 without */
};

struct hf_sip_cseq {
    uint32_t number;
    uint8_t method; /* enum hf_sip_method */
    struct hf_slice method_text;
};

enum hf_sip_kind {
    HF_SIP_KEEPALIVE, /* an empty datagram, or CR, LF, NUL and blanks only, or "jaK": no message at all */
    HF_SIP_REQUEST,
    HF_SIP_RESPONSE,
};

/* About 6.5 KB, of which only the headers used are written: lives on the stack for the time of one call. */
struct hf_sip_msg {
    uint8_t kind;         /* enum hf_sip_kind */
    uint8_t method;       /* REQUEST: enum hf_sip_method */
    uint8_t problem;      /* enum hf_sip_problem: the first one found */
    uint8_t max_forwards; /* 70 when it was not sent */
    uint16_t status;      /* RESPONSE: 100..699 */
    /* REQUEST other than ACK with a Via: hf_sip_write_reply works, also when the parse said MALFORMED or LIMIT; headers that
     * are missing are then missing in the answer. */
    bool answerable;
    bool has_expires;        /* the header Expires, not the parameter of a Contact */
    bool has_length;         /* Content-Length was sent */
    uint32_t tolerated;      /* bits of enum hf_sip_tolerance that were used */
    uint32_t expires_s;      /* with has_expires */
    uint32_t content_length; /* as sent; body.bytes is what counts */

    struct hf_slice text;        /* all of the message that counts: head and body */
    struct hf_slice method_text; /* REQUEST */
    struct hf_sip_uri uri;       /* REQUEST: the Request-URI */
    struct hf_slice reason;      /* RESPONSE: may be empty */

    struct hf_sip_via via; /* the top one; text absent when there is none (HF_SIP_TOL_NO_VIA) */
    struct hf_sip_address from, to;
    struct hf_slice call_id;
    struct hf_sip_cseq cseq;
    struct hf_slice body; /* empty without; never absent after HF_OK */
    struct hf_slice
        rest; /* bytes behind the body in this datagram: dropped (RFC 3261 18.3), here for a trace */

    uint8_t first[HF_SIP_HEADER_IDS]; /* index + 1 of the first header with this id, 0 = none */
    uint8_t header_count;
    struct hf_sip_header headers[HF_SIP_HEADERS_MAX]; /* in the order of the message */
};

/* Parses one datagram, or one message that hf_sip_frame cut (`framed`: the body is then what the framer said,
 * and limits->message_bytes_max does not count). limits NULL = hf_sip_limits_default.
 * HF_OK: *ret is filled; look at ret->kind first.
 * HF_ERR_MALFORMED, HF_ERR_LIMIT: ret->problem says why and hf_sip_problem_info() what to answer. What could be
 *   read is there (at least kind, text, header_count and first; each parsed part is whole or all zero); answer
 *   only when ret->answerable, and never a response. On a stream close afterwards.
 * Judged eagerly: the start line, the form of every header line, the top Via, From, To, Call-ID, CSeq,
 * Max-Forwards, Content-Length, Expires, that headers which may stand once do. All others when they are asked
 * for. */
hf_err hf_sip_parse(const char *in, size_t bytes, bool framed, const struct hf_sip_limits *limits,
                    struct hf_sip_msg *ret);

/* --- headers --- */

/* The value of the first header with that id, or the absent slice. Never HF_SIP_HEADER_OTHER. */
static inline struct hf_slice hf_sip_value(const struct hf_sip_msg *msg, enum hf_sip_header_id id)
{
    return msg->first[id] == 0 ? (struct hf_slice){NULL, 0} : msg->headers[msg->first[id] - 1].value;
}

static inline bool hf_sip_has(const struct hf_sip_msg *msg, enum hf_sip_header_id id)
{
    return msg->first[id] != 0;
}

/* The first header of that name, whether it has an id or not (without case, compact or not), or NULL. `after`
 * NULL = from the start, else a header of this message: the next one behind it. */
const struct hf_sip_header *hf_sip_find(const struct hf_sip_msg *msg, struct hf_slice name,
                                        const struct hf_sip_header *after);

/* Goes through the comma-separated values of one header name, over all its lines: Via, Contact, Route, Allow...
 * Commas in quotes and in < > do not separate. Not for headers whose values hold commas (Authorization, Date). */
struct hf_sip_values {
    const struct hf_sip_msg *msg;
    struct hf_slice left; /* of the current line; absent before the first */
    uint16_t count;       /* values handed out so far; the walk ends at HF_SIP_VALUES_MAX */
    uint8_t header;       /* index + 1 of the next line; 0 = none */
};
static inline struct hf_sip_values hf_sip_values(const struct hf_sip_msg *msg, enum hf_sip_header_id id)
{
    return (struct hf_sip_values){.msg = msg, .header = msg->first[id]};
}
bool hf_sip_values_next(struct hf_sip_values *values, struct hf_slice *ret_value);
/* True when the list of that header holds the token, without case: Supported, Require, Allow-Events. */
bool hf_sip_has_token(const struct hf_sip_msg *msg, enum hf_sip_header_id id, struct hf_slice token);

/* HF_OK, HF_ERR_MALFORMED, HF_ERR_LIMIT as hf_sip_parse_uri. */
hf_err hf_sip_parse_via(struct hf_slice text, uint32_t tolerances, struct hf_sip_via *ret,
                        uint32_t *ret_tolerated);
hf_err hf_sip_parse_cseq(struct hf_slice text, uint32_t tolerances, struct hf_sip_cseq *ret,
                         uint32_t *ret_tolerated);

/* The Contacts of a message. HF_OK: the next one. HF_ERR_NOT_FOUND: no more. HF_ERR_MALFORMED, HF_ERR_LIMIT: it is
 * broken; the walk may go on. */
struct hf_sip_contact {
    struct hf_sip_address address;
    bool has_expires;
    uint32_t expires_s; /* the parameter; as HF_SIP_TOL_EXPIRES_ODD says */
};
hf_err hf_sip_contact_next(struct hf_sip_values *contacts, uint32_t tolerances, struct hf_sip_contact *ret,
                           uint32_t *ret_tolerated);

/* How long a REGISTER, SUBSCRIBE or its answer wants (5.2 of the platform's rules): the parameter of the first
 * Contact that has one, else the header Expires; false when neither is there. RFC 3261 10.2.1.1. */
bool hf_sip_expires(const struct hf_sip_msg *msg, uint32_t *ret_expires_s);

/* "TYPE/SUBTYPE;params", "PACKAGE;params", "STATE;params": the part before the first ';', without blanks, and the
 * parameters for hf_sip_param. An empty first part or malformed parameters: HF_ERR_MALFORMED. */
hf_err hf_sip_split(struct hf_slice value, struct hf_slice *ret_first, struct hf_slice *ret_params);

/* Content-Type without its parameters ("Application/MANSCDP+xml"; compare without case), absent when there is
 * none or it is malformed. */
struct hf_slice hf_sip_content_type(const struct hf_sip_msg *msg);

#endif
