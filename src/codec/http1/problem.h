/* codec/http1/problem.h - every error answer is an RFC 9457 problem document whose words come from the
 * reason table (API-2):
 *   {"type":"/reasons#rate_limit","title":"too many messages or requests","status":429,
 *    "detail":"...","reason":"rate_limit","limit":100,"observed":101,"retry_after_ms":5000} */
#ifndef HF_CODEC_HTTP1_PROBLEM_H
#define HF_CODEC_HTTP1_PROBLEM_H

#include "base/sb.h"
#include "codec/http1/write.h"
#include "codec/json/out.h"

enum {
    HF_HTTP1_DETAIL_BYTES_MAX = 256,        /* longer details are cut at a character's edge */
    HF_HTTP1_PROBLEM_BODY_BYTES_MAX = 2560, /* holds any document */
    HF_HTTP1_PROBLEM_BYTES_MAX = 4096,      /* holds any answer without extra headers */
};

struct hf_http1_problem_doc { /* zeroed fields are left out, except where a default is named */
    enum hf_reason reason;
    unsigned status;        /* 0 = the reason's; 500 where that has none */
    struct hf_slice detail; /* for people; absent = left out */
    bool has_limit, has_observed;
    uint64_t limit, observed;
    const char *check;       /* the check that failed, of credentials; NULL = left out */
    const char *field;       /* the member, parameter or header that is wrong; NULL = left out */
    uint64_t retry_after_ms; /* 0 = the reason's hint; left out where that has none */
    bool close, head_only;   /* as in struct hf_http1_answer */
    const struct hf_http1_header *headers; /* borrowed: Allow, Sec-WebSocket-Version, WWW-Authenticate */
    size_t header_count;
};

/* Its members, into an object that is open: for a document with members of its own beside them (RFC 9457 3.2). */
void hf_http1_problem_members(struct hf_json_out *out, const struct hf_http1_problem_doc *doc);

/* The JSON document alone. HF_ERR_LIMIT when it did not fit. */
hf_err hf_http1_problem_body(struct hf_sb *sb, const struct hf_http1_problem_doc *doc);

/* The whole answer: status line, Content-Type: application/problem+json, Retry-After in whole seconds
 * rounded up where a retry is named, Cache-Control: no-store, extra headers, document. */
hf_err hf_http1_problem(struct hf_sb *sb, const struct hf_http1_problem_doc *doc);

/* The answer for a head or body that was refused: its status, reason and text; closes the connection. */
hf_err hf_http1_refuse(struct hf_sb *sb, enum hf_http1_problem problem);

#endif
