/* codec/ws/handshake.h - the opening handshake of both roles (RFC 6455 4). Knows no HTTP parser: the caller
 * cuts the header and hands in every field line once, in order, so repeated lines are seen as they came.
 *
 *     hf_ws_upgrade_init(&upgrade, protocols, count, &deflate);
 *     for each header line: hf_ws_upgrade_field(&upgrade, name, value);
 *     if (upgrade.wanted) {
 *         refusal = hf_ws_upgrade_check(&upgrade, method, http_1_1);
 *         if (refusal == HF_WS_REFUSAL_NONE) hf_ws_upgrade_write_accept(&upgrade, extra_headers, &sb);
 *         else answer hf_ws_refusal_info(refusal)->http_status
 *     }
 */
#ifndef HF_CODEC_WS_HANDSHAKE_H
#define HF_CODEC_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sb.h"
#include "base/slice.h"
#include "codec/ws/deflate.h"

enum {
    HF_WS_NONCE_BYTES = 16,
    HF_WS_KEY_CHARS = 24,    /* base64 of the nonce */
    HF_WS_ACCEPT_CHARS = 28, /* base64 of a SHA-1 */
    HF_WS_VERSION = 13,
};

/* Why a handshake fails. http_status is what a server answers; for what a client finds it is 0. */
#define HF_WS_REFUSAL_MAP(X)                                                                              \
    X(HF_WS_REFUSAL_NONE, 101, "none", "accepted")                                                        \
    X(HF_WS_REFUSAL_METHOD, 400, "method", "the method is not GET")                                       \
    X(HF_WS_REFUSAL_HTTP_VERSION, 400, "http_version", "the request is older than HTTP/1.1")              \
    X(HF_WS_REFUSAL_HOST, 400, "host", "there is not exactly one Host")                                   \
    X(HF_WS_REFUSAL_BODY, 400, "body", "an upgrade request may not have a body")                          \
    X(HF_WS_REFUSAL_UPGRADE, 400, "upgrade", "Upgrade does not hold the token websocket")                 \
    X(HF_WS_REFUSAL_CONNECTION, 400, "connection", "Connection does not hold the token upgrade")          \
    X(HF_WS_REFUSAL_VERSION, 426, "version", "Sec-WebSocket-Version is not 13")                           \
    X(HF_WS_REFUSAL_KEY, 400, "key", "Sec-WebSocket-Key is not one base64 of 16 bytes")                   \
    X(HF_WS_REFUSAL_PROTOCOL, 400, "protocol", "Sec-WebSocket-Protocol is not a list of tokens")          \
    X(HF_WS_REFUSAL_EXTENSIONS, 400, "extensions", "Sec-WebSocket-Extensions is malformed")               \
    X(HF_WS_REFUSAL_ANSWER_STATUS, 0, "answer_status", "the server did not answer 101")                   \
    X(HF_WS_REFUSAL_ANSWER_UPGRADE, 0, "answer_upgrade", "the answer's Upgrade is not websocket")         \
    X(HF_WS_REFUSAL_ANSWER_CONNECTION, 0, "answer_connection", "the answer's Connection has no upgrade")  \
    X(HF_WS_REFUSAL_ANSWER_ACCEPT, 0, "answer_accept", "the accept value does not belong to our key")     \
    X(HF_WS_REFUSAL_ANSWER_PROTOCOL, 0, "answer_protocol", "the server chose a sub-protocol not offered") \
    X(HF_WS_REFUSAL_ANSWER_EXTENSION, 0, "answer_extension", "the server added an extension not offered")

#define HF_WS_REFUSAL_ENUM(id, http_status, name, text) id,
enum hf_ws_refusal { HF_WS_REFUSAL_MAP(HF_WS_REFUSAL_ENUM) HF_WS_REFUSALS };
#undef HF_WS_REFUSAL_ENUM

struct hf_ws_refusal_info {
    enum hf_ws_refusal refusal;
    uint16_t http_status;
    const char *name, *text;
};

/* Never NULL; asserts the range. A 426 answer also carries `Sec-WebSocket-Version: 13` and `Upgrade: websocket`. */
const struct hf_ws_refusal_info *hf_ws_refusal_info(enum hf_ws_refusal refusal);

/* base64(SHA-1(key || GUID)), NUL-terminated. HF_ERR_UNSUPPORTED if the crypto library has no SHA-1. */
hf_err hf_ws_accept_value(struct hf_slice key, char ret_accept[HF_WS_ACCEPT_CHARS + 1]);
bool hf_ws_key_valid(struct hf_slice key); /* base64 of exactly 16 bytes (4.2.1 item 5) */

/* ---- server ---- */

struct hf_ws_upgrade {            /* under 100 bytes, needed during the handshake only */
    const char *const *protocols; /* borrows */
    const struct hf_ws_deflate *deflate_wanted;
    size_t protocols_count;
    struct hf_slice key, version; /* borrowed from the request; their count says whether they are there */
    const char *protocol;         /* result: chosen from protocols, NULL = none */
    struct hf_ws_deflate deflate; /* result: on = agreed */
    uint8_t hosts, keys, versions;
    bool wanted;     /* an Upgrade field holds the token websocket: not a plain HTTP request */
    bool connection; /* Connection holds the token upgrade */
    bool body, protocol_offered, protocol_malformed, extensions_malformed;
};

/* protocols: what we speak; the first one the client names (its order is its preference) is chosen. deflate: NULL
 * = compression not allowed. Both must live until the answer is written. */
void hf_ws_upgrade_init(struct hf_ws_upgrade *upgrade, const char *const *protocols, size_t protocols_count,
                        const struct hf_ws_deflate *deflate);
/* One header line, name in any case, value without surrounding spaces; lives until the answer is written. */
void hf_ws_upgrade_field(struct hf_ws_upgrade *upgrade, struct hf_slice name, struct hf_slice value);
/* The first rule the request breaks, in the order of the table. http_1_1: the request line says HTTP/1.1 or later.
 * A request that offers only sub-protocols we do not speak is accepted without one; upgrade->protocol_offered
 * tells that apart from raw mode. */
enum hf_ws_refusal hf_ws_upgrade_check(const struct hf_ws_upgrade *upgrade, struct hf_slice method,
                                       bool http_1_1);
/* The whole 101 response. extra_headers: complete lines, each ending in CRLF, or empty. Only after a check that gave
 * HF_WS_REFUSAL_NONE. HF_ERR_LIMIT when it does not fit out, errors of hf_ws_accept_value. */
hf_err hf_ws_upgrade_write_accept(const struct hf_ws_upgrade *upgrade, struct hf_slice extra_headers,
                                  struct hf_sb *out);

/* ---- client ---- */

struct hf_ws_client {
    char key[HF_WS_KEY_CHARS + 1];
    struct hf_slice protocols; /* borrows: a comma list, as offered */
    struct hf_ws_deflate deflate_offered;
    struct hf_slice protocol;     /* result: what the server chose, within protocols; absent = none */
    struct hf_ws_deflate deflate; /* result: on = agreed */
    uint8_t accepts;
    bool upgrade, connection, accept_ok, protocol_bad, extension_bad;
};

/* nonce: 16 fresh random bytes for every attempt. protocols: comma list or absent. deflate: what to offer, NULL =
 * none. */
void hf_ws_client_init(struct hf_ws_client *client, const uint8_t nonce[HF_WS_NONCE_BYTES],
                       struct hf_slice protocols, const struct hf_ws_deflate *deflate);
/* The whole request. target: path and query; host: with port unless default; extra_headers: complete lines or
 * empty. HF_ERR_INVALID when target, host or protocols hold control characters or spaces, or extra_headers does not
 * end in CRLF; HF_ERR_LIMIT when it does not fit. */
hf_err hf_ws_client_write_request(const struct hf_ws_client *client, struct hf_slice target,
                                  struct hf_slice host, struct hf_slice extra_headers, struct hf_sb *out);
void hf_ws_client_field(struct hf_ws_client *client, struct hf_slice name, struct hf_slice value);
/* HF_WS_REFUSAL_NONE: the connection is open, frames follow. */
enum hf_ws_refusal hf_ws_client_check(const struct hf_ws_client *client, unsigned status);

#endif
