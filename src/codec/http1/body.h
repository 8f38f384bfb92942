/* codec/http1/body.h - decodes a message body, wherever the network cut it: Content-Length, chunked
 * (RFC 9112 7.1) or until close. Copies nothing; slices point into the caller's input. Chunk extensions and
 * trailers are checked, bounded and dropped. */
#ifndef HF_CODEC_HTTP1_BODY_H
#define HF_CODEC_HTTP1_BODY_H

#include "codec/http1/head.h"

enum {
    HF_HTTP1_EXTENSION_BYTES_MAX = 4096, /* chunk extensions of one body in total, or they cost without end */
    HF_HTTP1_TRAILER_BYTES_MAX = 4096,   /* trailer section of one body with its CRLFs */
};

struct hf_http1_body {    /* 40 bytes; `done`, `taken_bytes` and `problem` may be read by the caller */
    uint64_t left_bytes;  /* of the body (LENGTH) or of the current chunk */
    uint64_t taken_bytes; /* decoded bytes handed out so far */
    uint64_t body_bytes_max;
    uint16_t extension_bytes, trailer_bytes;
    uint8_t framing, state, digits;
    uint8_t problem; /* enum hf_http1_problem */
    bool done;       /* the body is complete; bytes behind it belong to the next message */
};

/* content_length counts only for LENGTH. Returns HF_OK, or HF_ERR_LIMIT (413) when a declared length is
 * above body_bytes_max already: answer that before any 100 Continue. */
hf_err hf_http1_body_init(struct hf_http1_body *body, enum hf_http1_framing framing, uint64_t content_length,
                          uint64_t body_bytes_max);

/* Takes bytes up to the end of one run of body data. *ret_taken_bytes says how many of `in` were taken
 * (0..bytes), *ret_data is the run (may be empty). Call again with the rest until body->done or all is
 * taken. Returns HF_OK; HF_ERR_MALFORMED (400); HF_ERR_LIMIT (413, 431). Errors are final. Once done it
 * takes nothing. */
hf_err hf_http1_body_feed(struct hf_http1_body *body, const char *in, size_t bytes, size_t *ret_taken_bytes,
                          struct hf_slice *ret_data);

/* The connection ended. HF_OK when that was a proper end (done, or UNTIL_CLOSE which is done now);
 * HF_ERR_MALFORMED (HF_HTTP1_BODY_TRUNCATED) otherwise. */
hf_err hf_http1_body_end(struct hf_http1_body *body);

#endif
