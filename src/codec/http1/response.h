/* codec/http1/response.h - parses the head of an HTTP/1.x response, for our own clients (connect, bench,
 * health probes). As strict as the request parser. Sources: RFC 9112 4, 6.3; RFC 9110 15. */
#ifndef HF_CODEC_HTTP1_RESPONSE_H
#define HF_CODEC_HTTP1_RESPONSE_H

#include "codec/http1/request.h"

struct hf_http1_response {       /* about 2.2 KB */
    unsigned status;             /* 100..599 */
    struct hf_slice status_text; /* may be empty */
    uint8_t minor;
    bool chunked, has_length, keep_alive, connection_upgrade, upgrade_websocket;
    enum hf_http1_framing framing; /* NONE for 1xx, 204, 304 and answers to HEAD (RFC 9112 6.3) */
    uint64_t content_length;
    size_t header_count;
    struct hf_http1_header headers[HF_HTTP1_HEADERS_MAX];
    enum hf_http1_problem problem;
};

/* As hf_http1_parse_head; `method` is that of the request this answers. An interim 1xx head is returned
 * like any other: the caller goes on to the next head, except after 101. */
hf_err hf_http1_parse_response(const char *in, size_t bytes, enum hf_http1_method method,
                               const struct hf_http1_limits *limits, struct hf_http1_scan *scan,
                               struct hf_http1_response *ret, size_t *ret_head_bytes);

#endif
