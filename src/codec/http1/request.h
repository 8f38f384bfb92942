/* codec/http1/request.h - parses the head of an HTTP/1.x request, strictly: what two implementations could
 * read differently is refused by name (request smuggling), never repaired.
 * Sources: RFC 9112 2, 3, 5, 6; RFC 9110 5, 7.2, 10.1.1; requirements WS-1, WS-3. */
#ifndef HF_CODEC_HTTP1_REQUEST_H
#define HF_CODEC_HTTP1_REQUEST_H

#include "codec/http1/head.h"

/* The methods that are offered; every other token is refused with 501 (HF_HTTP1_METHOD_UNKNOWN). */
#define HF_HTTP1_METHOD_MAP(X)   \
    X(HF_HTTP1_GET, "GET")       \
    X(HF_HTTP1_HEAD, "HEAD")     \
    X(HF_HTTP1_POST, "POST")     \
    X(HF_HTTP1_PUT, "PUT")       \
    X(HF_HTTP1_PATCH, "PATCH")   \
    X(HF_HTTP1_DELETE, "DELETE") \
    X(HF_HTTP1_OPTIONS, "OPTIONS")
#define HF_HTTP1_METHOD_ENUM(id, name) id,
enum hf_http1_method { HF_HTTP1_METHOD_MAP(HF_HTTP1_METHOD_ENUM) HF_HTTP1_METHODS };
#undef HF_HTTP1_METHOD_ENUM

const char *hf_http1_method_name(enum hf_http1_method method); /* "GET" */

struct hf_http1_request { /* about 2.2 KB: lives on the stack for the time of one call */
    enum hf_http1_method method;
    struct hf_slice method_text;
    struct hf_slice target;        /* as sent */
    struct hf_slice path;          /* "/..." still encoded; "*" for OPTIONS *; "/" for "http://host" */
    struct hf_slice query;         /* after '?', still encoded; absent without '?' */
    struct hf_slice host;          /* of the target where that is absolute (RFC 9112 3.2.2), else of Host */
    uint8_t minor;                 /* HTTP/1.minor; above 1 counts as 1.1 (RFC 9110 2.5) */
    bool chunked;                  /* Transfer-Encoding: chunked */
    bool has_length;               /* Content-Length was sent */
    bool keep_alive;               /* the connection may serve another request (RFC 9112 9.3) */
    bool expect_continue;          /* the client waits for 100 (RFC 9110 10.1.1); never set for HTTP/1.0 */
    bool connection_upgrade;       /* Connection holds the token upgrade */
    bool upgrade_websocket;        /* Upgrade holds the token websocket */
    enum hf_http1_framing framing; /* NONE, LENGTH or CHUNKED; a Content-Length of 0 gives NONE */
    uint64_t content_length;
    size_t header_count;
    struct hf_http1_header headers[HF_HTTP1_HEADERS_MAX];
    enum hf_http1_problem problem; /* set whenever the call returns MALFORMED or LIMIT */
};

/* Parses the head at `in`. limits NULL = hf_http1_limits_default. scan NULL = one shot (a head that arrives
 * in pieces is then judged from its start at each call); otherwise zeroed by the caller before the first
 * call of each head, and every byte is judged once however the head is cut. The result never depends on
 * the cut.
 * HF_OK: *ret is filled and *ret_head_bytes is the length of the head with its empty line.
 * HF_ERR_AGAIN: incomplete and still able to become valid; always less than head_bytes_max bytes, so a
 *   buffer of that size never fills up without a verdict.
 * HF_ERR_MALFORMED, HF_ERR_LIMIT: only ret->problem is set; final. */
hf_err hf_http1_parse_head(const char *in, size_t bytes, const struct hf_http1_limits *limits,
                           struct hf_http1_scan *scan, struct hf_http1_request *ret, size_t *ret_head_bytes);

/* The first header of that name, or the absent slice. */
static inline struct hf_slice hf_http1_header(const struct hf_http1_request *request, const char *name)
{
    return hf_http1_find(request->headers, request->header_count, name);
}

#endif
