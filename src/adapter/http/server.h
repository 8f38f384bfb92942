/* adapter/http/server.h - HTTP/1.1 on a link: heads, bodies, keep-alive, pipelining, answers, streams, and the WebSocket upgrade of
 * devices at /v1/connect. What a request means is decided elsewhere, through struct hf_http_app (adapter/api). Sans-I/O: bytes
 * come from and go to a hf_link, time from the wheel. Sources: RFC 9110, RFC 9112; requirements WS-1, WS-3, WS-22, API-2, SEC-3.
 *
 *   PROXY -> HEAD -> BODY -> BUSY -> FLUSH -> HEAD ...      one request at a time; what came with it waits, unread or held
 *              |       |       +--> STREAM -> FLUSH
 *              +-------+-----------------------------> CLOSING        (refused; every state may go there)
 *              +--> upgraded: the object is freed, so that a device owns none */
#ifndef HF_ADAPTER_HTTP_SERVER_H
#define HF_ADAPTER_HTTP_SERVER_H

#include "adapter/auth.h"
#include "adapter/link.h"
#include "adapter/ws/site.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "codec/http1/problem.h"
#include "codec/http1/request.h"
#include "codec/proxy/proxy.h"

enum { /* what a listener serves; a mask */
       HF_HTTP_DEVICES = 1,
       HF_HTTP_API = 2,
       HF_HTTP_ADMIN = 4, /* metrics without a key */
       HF_HTTP_CONSOLE = 8,
};

enum {
    HF_HTTP_HEAD_TIMEOUT_MS = 10000,      /* from accept, or from the first byte of a later head: 408 */
    HF_HTTP_IDLE_TIMEOUT_MS = 75000,      /* between requests: closed without a word */
    HF_HTTP_BODY_TIMEOUT_MS = 10000,      /* a body that makes no progress: 408 */
    HF_HTTP_BODY_TOTAL_MS = 120000,       /* a body that drips: 408 */
    HF_HTTP_WRITE_TIMEOUT_MS = 10000,     /* output that makes no progress: aborted */
    HF_HTTP_CLOSE_TIMEOUT_MS = 5000,      /* our end was sent, the peer's does not come: aborted */
    HF_HTTP_CHUNK_BYTES = 64 << 10,       /* of an answer given to the link at a time */
    HF_HTTP_HELD_BYTES_MAX = 1 << 20,     /* read but not yet looked at: pipelined requests; above: aborted */
    HF_HTTP_DISCARD_BYTES_MAX = 64 << 10, /* of a body nobody wants; a longer one closes the connection */
    HF_HTTP_ORIGIN_BYTES_MAX = 200,
    HF_HTTP_EXTRA_HEADERS_MAX = 8, /* of one answer, beside those of this layer */
};

struct hf_http_limits { /* changeable at run time; hf_http_limits_default has the values above */
    uint32_t head_timeout_ms, idle_timeout_ms, body_timeout_ms, body_total_ms, write_timeout_ms,
        close_timeout_ms;
    struct hf_http1_limits http1; /* body_bytes_max: 413 above */
};
extern const struct hf_http_limits hf_http_limits_default;

struct hf_http_stats {
    uint64_t opened, ended, requests, head_timeouts, body_timeouts, write_timeouts, idle_closed, proxied;
    uint64_t answers[6];                     /* by hundreds of the status; [0] = gone before an answer */
    uint64_t refused_reason[HF_REASONS_MAX]; /* answers with a problem document, by reason */
    uint64_t problems[HF_HTTP1_PROBLEMS];    /* malformed requests by rule */
    uint64_t upgrades, upgrades_refused[HF_REASONS_MAX];
    uint64_t held_refused, no_memory;
    uint64_t tls_timeouts; /* handshakes that were not complete within head_timeout_ms */
};

struct hf_http_site;
struct hf_http_exchange;

/* Why a connection did not become a WebSocket, or none at all: for people who look for it. */
struct hf_http_refusal {
    enum hf_reason reason;
    const char *check, *field;      /* what failed; NULL = nothing in particular */
    struct hf_slice detail;         /* for people, may be absent */
    struct hf_slice tenant, device; /* as far as the credentials say; else absent */
    struct hf_slice claimed;        /* a device that the request names and nothing proves */
};

/* The carrier and the gateway. */
struct hf_http_ops {
    /* A PROXY header was read: the owner of the link keeps the peer's real address. */
    void (*set_peer)(void *context, struct hf_link *link, const struct hf_proxy *proxy);
    /* The client certificate of a TLS link; leaves *ret zeroed when there is none. */
    void (*certificate)(void *context, struct hf_link *link, struct hf_auth_certificate *ret);
    /* A device is to be let in. True: the link is the callee's from here (handler and user exchanged, or detached);
     * unread bytes followed the request. False: *ret_reason is answered. */
    bool (*connect)(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
                    const uint8_t *unread, size_t unread_bytes, enum hf_reason *ret_reason);
    /* An identified device was not let in by its credentials. */
    void (*refused)(void *context, struct hf_slice tenant, struct hf_slice device, enum hf_reason reason);
    /* A WebSocket was refused (reason, and an answer that says so), or a TLS handshake failed (TLS_FAILED, TLS_TIMEOUT). May be NULL. */
    void (*on_refused)(void *context, const struct hf_link *link, uint64_t conn_id,
                       const struct hf_http_refusal *refusal);
    /* An answer was given, or 101; for an access log. May be NULL. */
    void (*on_log)(void *context, const struct hf_http_exchange *exchange, unsigned status);
};

/* What requests mean. All called on the exchange of one connection, one request at a time. */
struct hf_http_app {
    /* A head that is not for devices. Answer it, or return without: then on_body comes. request and its slices are valid
     * during the call; exchange->user is the app's. A request that is answered here need not have its body read. */
    void (*on_head)(void *context, struct hf_http_exchange *exchange, const struct hf_http1_request *request);
    /* The whole body (empty when there is none), valid during the call: answer now or later. */
    void (*on_body)(void *context, struct hf_http_exchange *exchange, struct hf_slice body);
    /* In a stream: everything written was taken by the kernel. */
    void (*on_drained)(void *context, struct hf_http_exchange *exchange);
    /* The request is over (answered, stream ended, taken) or the connection is gone: forget the exchange. Once per on_head. */
    void (*on_gone)(void *context, struct hf_http_exchange *exchange);
};

struct
    hf_http_site { /* one per worker; the owner sets the fields before the first open and the times each turn */
    struct hf_wheel *wheel;
    uint64_t now_ms, utc_ms;
    uint64_t (*clock_us)(void); /* for how long a device's upgrade took; NULL: it is not timed */
    struct hf_http_limits limits;
    const struct hf_http_ops *ops;
    void *context; /* of ops */
    const struct hf_http_app *app;
    void *app_context;
    struct hf_auth *auth;         /* devices' credentials */
    struct hf_ws_deflate deflate; /* what is agreed to at upgrades; off = none */
    bool session;                 /* devices may ask for holdfast.v1; a tenant may still have it off */
    /* Allow-lists; "*" = any. Borrowed, exchanged at a reload as a whole. */
    const char *const *ws_origins;
    unsigned ws_origin_count; /* of browsers at /v1/connect and event sockets */
    const char *const *cors_origins;
    unsigned cors_origin_count;      /* pages that may read API answers */
    struct hf_slab *conns;           /* own */
    struct hf_list_node connections; /* all of this worker: hf_http_conn */
    uint64_t admin_now;              /* of them on ADMIN listeners */
    struct hf_http_stats stats;
};

/* Zeroes the site, takes default limits and makes the slab. HF_ERR_NOMEM. */
hf_err hf_http_site_init(struct hf_http_site *site, uint64_t connections_max);
/* Aborts what is left. */
void hf_http_site_deinit(struct hf_http_site *site);
/* Drain: idle connections are closed, the others after their answer; streams end. Returns how many are left. Connections of ADMIN
 * listeners are left alone and not counted: who watches the drain asks to the end. */
unsigned hf_http_site_drain(struct hf_http_site *site);

struct hf_http_options {
    unsigned roles;
    bool tls;
    bool proxy_protocol; /* a PROXY header comes first */
    uint64_t conn_id;
};

/* Takes over a fresh link. HF_ERR_LIMIT, HF_ERR_NOMEM: nothing was changed, the caller refuses it. */
hf_err hf_http_open(struct hf_http_site *site, struct hf_link *link, const struct hf_http_options *options);
/* The TLS handshake of a link is complete. Until then, when the time of its first head is over, it is closed without a word and counted
 * as tls_timeout: an answer could not be read. Harmless on a link that is not this layer's (any more). */
void hf_http_secured(struct hf_link *link);

/* ---- for the app ---- */

struct hf_http_exchange { /* in the connection; the first fields may be read */
    void *user;           /* the app's */
    enum hf_http1_method method;
    unsigned roles;
    bool tls;
    uint64_t conn_id;
    uint64_t begun_ms; /* when the head was complete */
};

struct hf_http_site *hf_http_exchange_site(const struct hf_http_exchange *exchange);
/* "address:port" of the peer. */
void hf_http_peer(const struct hf_http_exchange *exchange, char *out, size_t out_bytes);

struct hf_http_answer {
    unsigned status;
    const char *content_type;              /* NULL = none */
    struct hf_slice body;                  /* copied */
    const struct hf_http1_header *headers; /* at most HF_HTTP_EXTRA_HEADERS_MAX */
    size_t header_count;
    bool cacheable; /* else Cache-Control: no-store is added */
};
/* Each request is answered by exactly one of these; on_gone follows, perhaps before the call returns. */
void hf_http_answer(struct hf_http_exchange *exchange, const struct hf_http_answer *answer);
void hf_http_problem(struct hf_http_exchange *exchange, const struct hf_http1_problem_doc *doc);

/* A stream: chunked, or until close for HTTP/1.0. begin writes the head (nothing but the head for HEAD: the exchange is over
 * then, on_gone was called and false is returned). write takes any amount but should be called only when ready() or from
 * on_drained. HF_ERR_CLOSED, HF_ERR_LIMIT, HF_ERR_NOMEM: the connection is being aborted, on_gone was called. */
bool hf_http_stream_begin(struct hf_http_exchange *exchange, const struct hf_http_answer *head);
hf_err hf_http_stream_write(struct hf_http_exchange *exchange, struct hf_slice data);
bool hf_http_stream_ready(const struct hf_http_exchange *exchange); /* nothing is queued */
void hf_http_stream_end(struct hf_http_exchange *exchange);         /* on_gone follows */
void hf_http_stream_abort(
    struct hf_http_exchange *exchange); /* no proper end: the reader sees that it is cut. on_gone follows */

/* A WebSocket upgrade of the app's own (event sockets): from on_head only. Checks the handshake and the Origin; on trouble
 * answers the problem itself and returns false. On true the 101 was written, the link is the caller's (it sets handler and user at once), and
 * the exchange is over (on_gone was not called). Bytes behind the request come with the link's next on_data. */
bool hf_http_upgrade(struct hf_http_exchange *exchange, const struct hf_http1_request *request,
                     struct hf_link **ret_link);

#endif
