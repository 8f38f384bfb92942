/* adapter/http/conn.h - one HTTP connection, for the files of this folder: server.c (life and death, timers), input.c (bytes to
 * requests), answer.c (answers and streams), connect.c (devices), upgrade.c (handshake rules), origin.c (Origin and CORS). */
#ifndef HF_ADAPTER_HTTP_CONN_H
#define HF_ADAPTER_HTTP_CONN_H

#include "adapter/http/server.h"
#include "codec/http1/body.h"

enum hf_http_state {
    HF_HTTP_PROXY,   /* the PROXY header is awaited */
    HF_HTTP_HEAD,    /* between requests, or within a head */
    HF_HTTP_BODY,    /* of the request at work, or of one that was answered already (`discard`) */
    HF_HTTP_BUSY,    /* the app has the request */
    HF_HTTP_STREAM,  /* the app writes its answer bit by bit */
    HF_HTTP_FLUSH,   /* the kernel must take the answer before the next request is looked at */
    HF_HTTP_CLOSING, /* finish() was called; input is ignored */
    HF_HTTP_STATES
};

struct hf_http_conn {
    struct hf_http_exchange exchange; /* first */
    struct hf_list_node node;         /* on site->connections */
    struct hf_http_site *site;        /* borrows */
    struct hf_link *link;  /* NULL: gone or given away; the object lives until its own calls have returned */
    struct hf_link *given; /* to an event socket, within the call under way */
    struct hf_timer timer;
    struct hf_http1_scan scan;
    struct hf_http1_body body;
    char *buffer; /* owns: a head that the network cut, or a body; NULL while there is none */
    size_t buffer_bytes, buffer_room;
    uint8_t *held; /* owns: input that was read but must wait */
    size_t held_at, held_bytes, held_room;
    char *out; /* owns: the rest of a large answer */
    size_t out_at, out_bytes;
    uint64_t due_ms;      /* of PROXY and HEAD */
    uint64_t begun_ms;    /* of BODY, CLOSING */
    uint64_t progress_ms; /* of BODY */
    uint64_t upgrade_from_us;
    uint8_t state, depth; /* depth: calls of ours under way, the object may not be freed */
    bool keep_alive, http_1_0, body_pending, discard, has_app;
    bool later;                              /* not the first request */
    bool handshaking;                        /* TLS: nothing can be said yet */
    bool processing;                         /* input.c is at work on this connection */
    char cors[HF_HTTP_ORIGIN_BYTES_MAX + 1]; /* Origin to be named in the answer; "" = none */
};

static inline struct hf_http_conn *hf_http_conn_of(const struct hf_http_exchange *exchange)
{
    return (struct hf_http_conn *)(uintptr_t)exchange;
}

static inline uint64_t hf_http_clock_us(const struct hf_http_site *site)
{
    return site->clock_us != NULL ? site->clock_us() : 0;
}

/* server.c */
void hf_http_enter(struct hf_http_conn *conn); /* before any call that may end the connection ... */
void hf_http_leave(struct hf_http_conn *conn); /* ... and behind it: frees when nothing is left */
void hf_http_arm(struct hf_http_conn *conn);   /* for whatever is due next */
void hf_http_abort(struct hf_http_conn *conn);
void hf_http_forget_link(struct hf_http_conn *conn); /* the link is somebody else's now */
void hf_http_finish(struct hf_http_conn *conn);      /* our side is done: CLOSING */
void hf_http_app_gone(struct hf_http_conn *conn);    /* on_gone, once */

/* input.c */
void hf_http_on_data(struct hf_link *link, uint8_t *data, size_t bytes);
void hf_http_next(struct hf_http_conn *conn); /* the answer is out: the next request, or the end */

/* answer.c */
void hf_http_push(struct hf_http_conn *conn); /* what of a large answer the kernel takes */
void hf_http_refuse(struct hf_http_conn *conn, enum hf_http1_problem problem); /* answers and closes */
/* Without an app: problems of this layer. close: the connection ends behind it. */
void hf_http_answer_problem(struct hf_http_conn *conn, const struct hf_http1_problem_doc *doc, bool close);
void hf_http_count_answer(struct hf_http_conn *conn, unsigned status);

/* Counts it by its reason and says it; the caller answers. */
void hf_http_say_refused(struct hf_http_conn *conn, const struct hf_http_refusal *refusal);

/* connect.c: true when the request was for devices and is dealt with. rest: what follows the head. */
bool hf_http_connect(struct hf_http_conn *conn, const struct hf_http1_request *request, const uint8_t *rest,
                     size_t rest_bytes);

/* upgrade.c: the handshake; on trouble it is answered and false returned. session: holdfast.v1 is spoken here, too. */
struct hf_ws_upgrade;
bool hf_http_handshake(struct hf_http_conn *conn, const struct hf_http1_request *request,
                       const struct hf_ws_deflate *deflate, bool same_host, bool session,
                       struct hf_ws_upgrade *ret_upgrade);

/* origin.c */
bool hf_http_origin_listed(const char *const *origins, unsigned count, struct hf_slice origin);
void hf_http_cors_begin(struct hf_http_conn *conn, const struct hf_http1_request *request);
/* Adds the headers for pages of other origins; returns the new count. headers has room for three. */
size_t hf_http_cors_headers(const struct hf_http_conn *conn, struct hf_http1_header *headers, size_t count);
/* A preflight: answered, true. */
bool hf_http_preflight(struct hf_http_conn *conn, const struct hf_http1_request *request);

#endif
