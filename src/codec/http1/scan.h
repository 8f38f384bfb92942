/* codec/http1/scan.h - private to http1: the byte-level pass that requests and responses share.
 * One pass judges every byte once and keeps only offsets, so that a head may arrive in pieces and move in
 * memory. Once it says HF_OK the head is known to be well formed and the second pass may split it with
 * memchr, without checks. */
#ifndef HF_CODEC_HTTP1_SCAN_H
#define HF_CODEC_HTTP1_SCAN_H

#include "codec/http1/head.h"

enum hf_http1_kind { HF_HTTP1_REQUEST, HF_HTTP1_RESPONSE };

/* What bytes may be; a bit each in hf_http1_class. */
enum { HF_HTTP1_TOKEN = 1, HF_HTTP1_TARGET = 2, HF_HTTP1_VALUE = 4, HF_HTTP1_HOSTNAME = 8 };
extern const uint8_t hf_http1_class[256];

static inline bool hf_http1_is(char c, unsigned class)
{
    return (hf_http1_class[(uint8_t)c] & class) != 0;
}

/* True when every byte is of the class; true for the empty text. */
bool hf_http1_all(struct hf_slice text, unsigned class);

/* HF_OK: scan->scanned is the length of the head. Others as hf_http1_parse_head. */
hf_err hf_http1_scan_head(const char *in, size_t bytes, enum hf_http1_kind kind,
                          const struct hf_http1_limits *limits, struct hf_http1_scan *scan);

/* The parts of a target; false when it has none of the forms of RFC 9112 3.2 that are taken. */
struct hf_http1_target {
    struct hf_slice authority, path, query;
};
bool hf_http1_split_target(struct hf_slice target, bool is_options, struct hf_http1_target *ret);
bool hf_http1_host_ok(struct hf_slice host);

/* What the header fields of a scanned head say together. */
struct hf_http1_meaning {
    bool chunked, has_length, close, keep_alive, connection_upgrade, upgrade_websocket, expect_continue;
    uint64_t content_length;
    struct hf_slice host;
};

/* Splits the fields at `at` (the byte behind the first line of a head that was scanned); returns how many. */
size_t hf_http1_collect(const char *at, struct hf_http1_header *headers, struct hf_http1_meaning *meaning);

#endif
