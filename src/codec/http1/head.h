/* codec/http1/head.h - what request and response heads share: limits, header fields, the table of rules that
 * a peer can break, and the cursor that makes piecemeal arrival cost O(n).
 * Sources: RFC 9112 (HTTP/1.1 messages), RFC 9110 (semantics); requirements WS-1, WS-3, SEC-7, MEM-2.
 * Pure: allocates nothing, copies nothing. Slices point into the caller's input and live as long as it does. */
#ifndef HF_CODEC_HTTP1_HEAD_H
#define HF_CODEC_HTTP1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/slice.h"

enum {
    HF_HTTP1_LINE_BYTES_MAX = 8192,        /* default of limits.line_bytes_max */
    HF_HTTP1_HEAD_BYTES_MAX = 8192,        /* default of limits.head_bytes_max (WS-3: 8 KiB) */
    HF_HTTP1_HEADERS_MAX = 64,             /* default and ceiling of limits.headers_max (WS-3: 64 lines) */
    HF_HTTP1_BODY_BYTES_MAX = 1024 * 1024, /* default of limits.body_bytes_max */
    HF_HTTP1_BLANK_LINES_MAX = 1,          /* empty lines taken before a request line (RFC 9112 2.2) */
};

struct hf_http1_limits {
    uint32_t line_bytes_max; /* one line with its CRLF */
    uint32_t head_bytes_max; /* the whole head with its empty line */
    uint32_t headers_max;    /* fields, 0..HF_HTTP1_HEADERS_MAX */
    uint64_t body_bytes_max; /* decoded bytes; handed to hf_http1_body_init by the caller, unused by heads */
};

extern const struct hf_http1_limits hf_http1_limits_default;

/* The rules. Columns: identifier, name for logs and metrics, HTTP status to answer, reason, text for people.
 * Status 400, 417, 501, 505 come with HF_ERR_MALFORMED; 413, 414, 431 with HF_ERR_LIMIT. */
#define HF_HTTP1_PROBLEM_MAP(X)                                                                            \
    X(HF_HTTP1_NO_PROBLEM, "none", 0, HF_REASON_NONE, "nothing is wrong")                                  \
    X(HF_HTTP1_BARE_LF, "bare_lf", 400, HF_REASON_BAD_REQUEST, "a line ends in LF without CR")             \
    X(HF_HTTP1_BARE_CR, "bare_cr", 400, HF_REASON_BAD_REQUEST, "a CR without LF")                          \
    X(HF_HTTP1_NUL_BYTE, "nul_byte", 400, HF_REASON_BAD_REQUEST, "a NUL byte in the head")                 \
    X(HF_HTTP1_BAD_METHOD, "bad_method", 400, HF_REASON_BAD_REQUEST, "the method is not a token")          \
    X(HF_HTTP1_METHOD_UNKNOWN, "method_unknown", 501, HF_REASON_NOT_IMPLEMENTED,                           \
      "this method is not offered")                                                                        \
    X(HF_HTTP1_BAD_TARGET, "bad_target", 400, HF_REASON_BAD_REQUEST, "the request target is malformed")    \
    X(HF_HTTP1_TARGET_TOO_LONG, "target_too_long", 414, HF_REASON_HEADER_TOO_BIG,                          \
      "the request target is above its limit")                                                             \
    X(HF_HTTP1_BAD_VERSION, "bad_version", 400, HF_REASON_BAD_REQUEST, "the HTTP version is malformed")    \
    X(HF_HTTP1_VERSION_UNSUPPORTED, "version_unsupported", 505, HF_REASON_VERSION,                         \
      "only HTTP/1.x is spoken here")                                                                      \
    X(HF_HTTP1_HTTP2_PREFACE, "http2_preface", 505, HF_REASON_VERSION, "HTTP/2 is not spoken here")        \
    X(HF_HTTP1_BAD_STATUS, "bad_status", 400, HF_REASON_BAD_REQUEST, "the status line is malformed")       \
    X(HF_HTTP1_OBS_FOLD, "obs_fold", 400, HF_REASON_BAD_REQUEST, "a folded or indented header line")       \
    X(HF_HTTP1_SPACE_BEFORE_COLON, "space_before_colon", 400, HF_REASON_BAD_REQUEST,                       \
      "white space between header name and colon")                                                         \
    X(HF_HTTP1_NO_COLON, "no_colon", 400, HF_REASON_BAD_REQUEST, "a header line without a colon")          \
    X(HF_HTTP1_BAD_HEADER_NAME, "bad_header_name", 400, HF_REASON_BAD_REQUEST,                             \
      "a header name that is not a token")                                                                 \
    X(HF_HTTP1_BAD_HEADER_VALUE, "bad_header_value", 400, HF_REASON_BAD_REQUEST,                           \
      "a control character in a header value")                                                             \
    X(HF_HTTP1_LINE_TOO_LONG, "line_too_long", 431, HF_REASON_HEADER_TOO_BIG,                              \
      "a header line is above its limit")                                                                  \
    X(HF_HTTP1_HEAD_TOO_BIG, "head_too_big", 431, HF_REASON_HEADER_TOO_BIG, "the head is above its limit") \
    X(HF_HTTP1_TOO_MANY_HEADERS, "too_many_headers", 431, HF_REASON_HEADER_TOO_BIG,                        \
      "more header lines than the limit")                                                                  \
    X(HF_HTTP1_HOST_MISSING, "host_missing", 400, HF_REASON_BAD_REQUEST, "HTTP/1.1 needs a Host")          \
    X(HF_HTTP1_HOST_REPEATED, "host_repeated", 400, HF_REASON_BAD_REQUEST, "more than one Host")           \
    X(HF_HTTP1_BAD_HOST, "bad_host", 400, HF_REASON_BAD_REQUEST, "the Host is malformed")                  \
    X(HF_HTTP1_BAD_LENGTH, "bad_content_length", 400, HF_REASON_BAD_REQUEST,                               \
      "Content-Length is not one decimal number")                                                          \
    X(HF_HTTP1_LENGTH_REPEATED, "content_length_repeated", 400, HF_REASON_BAD_REQUEST,                     \
      "more than one Content-Length")                                                                      \
    X(HF_HTTP1_LENGTH_AND_ENCODING, "length_and_encoding", 400, HF_REASON_BAD_REQUEST,                     \
      "Content-Length together with Transfer-Encoding")                                                    \
    X(HF_HTTP1_BAD_ENCODING, "bad_transfer_encoding", 400, HF_REASON_BAD_REQUEST,                          \
      "Transfer-Encoding other than exactly chunked")                                                      \
    X(HF_HTTP1_ENCODING_IN_1_0, "transfer_encoding_in_1_0", 400, HF_REASON_BAD_REQUEST,                    \
      "Transfer-Encoding in an HTTP/1.0 message")                                                          \
    X(HF_HTTP1_EXPECTATION, "expectation_failed", 417, HF_REASON_BAD_REQUEST,                              \
      "an Expect other than 100-continue")                                                                 \
    X(HF_HTTP1_BODY_TOO_BIG, "body_too_big", 413, HF_REASON_BODY_TOO_BIG, "the body is above its limit")   \
    X(HF_HTTP1_BAD_CHUNK_SIZE, "bad_chunk_size", 400, HF_REASON_BAD_REQUEST, "a chunk size is malformed")  \
    X(HF_HTTP1_BAD_CHUNK_END, "bad_chunk_end", 400, HF_REASON_BAD_REQUEST,                                 \
      "chunk data does not end where its size says")                                                       \
    X(HF_HTTP1_CHUNK_EXTENSION_TOO_LONG, "chunk_extension_too_long", 413, HF_REASON_BODY_TOO_BIG,          \
      "chunk extensions are above their limit")                                                            \
    X(HF_HTTP1_TRAILER_TOO_BIG, "trailer_too_big", 431, HF_REASON_HEADER_TOO_BIG,                          \
      "the trailer section is above its limit")                                                            \
    X(HF_HTTP1_BAD_TRAILER, "bad_trailer", 400, HF_REASON_BAD_REQUEST, "a trailer line is malformed")      \
    X(HF_HTTP1_BODY_TRUNCATED, "body_truncated", 400, HF_REASON_BAD_REQUEST,                               \
      "the connection ended inside the body")

#define HF_HTTP1_PROBLEM_ENUM(id, name, http_status, reason, text) id,
enum hf_http1_problem { HF_HTTP1_PROBLEM_MAP(HF_HTTP1_PROBLEM_ENUM) HF_HTTP1_PROBLEMS };
#undef HF_HTTP1_PROBLEM_ENUM

struct hf_http1_problem_info {
    const char *name; /* "bare_lf" */
    uint16_t http_status;
    enum hf_reason reason;
    const char *text;
};

/* Never NULL; asserts that the value is one of the table. */
const struct hf_http1_problem_info *hf_http1_problem_info(enum hf_http1_problem problem);
/* HF_OK, HF_ERR_MALFORMED or HF_ERR_LIMIT, as the table's status says. */
hf_err hf_http1_problem_err(enum hf_http1_problem problem);

/* Where the last call on an incomplete head stopped. 24 bytes; zero it before each new head. Fields are the
 * parser's. The input of the next call must begin with the same bytes (it may have moved in memory). */
struct hf_http1_scan {
    uint32_t scanned;  /* bytes of the head already judged */
    uint32_t line_at;  /* where the current line starts */
    uint32_t mark_at;  /* where the current part of the line starts */
    uint32_t colon_at; /* of the current header line */
    uint8_t state, minor, method, headers, blank_lines, seen;
    uint8_t problem; /* enum hf_http1_problem; once set it is final */
};

struct hf_http1_header {
    struct hf_slice name, value; /* value without the white space around it; may be empty */
};

/* The framing of a body (RFC 9112 6.3). */
enum hf_http1_framing {
    HF_HTTP1_FRAMING_NONE,        /* no body */
    HF_HTTP1_FRAMING_LENGTH,      /* content_length bytes */
    HF_HTTP1_FRAMING_CHUNKED,     /* Transfer-Encoding: chunked */
    HF_HTTP1_FRAMING_UNTIL_CLOSE, /* responses only: the body ends with the connection */
};

/* The first header of that name (compared without case), or the absent slice. Check *_count where a header
 * must be single: hf_http1_count. */
struct hf_slice hf_http1_find(const struct hf_http1_header *headers, size_t header_count, const char *name);
size_t hf_http1_count(const struct hf_http1_header *headers, size_t header_count, const char *name);

/* Takes the next item off a comma list, skipping empty items; commas inside quoted strings do not separate.
 * *ret_item is trimmed. False at the end of the list. */
bool hf_http1_list_next(struct hf_slice *list, struct hf_slice *ret_item);

/* True when any header of that name has `token` as a whole list item, without case (WS-1): "keep-alive,
 * Upgrade" has "upgrade", "noupgrade" does not. */
bool hf_http1_has_token(const struct hf_http1_header *headers, size_t header_count, const char *name,
                        const char *token);

#endif
