/* base/reason.h - the one table of machine-readable causes: every close, refusal, drop and state change
 * names one of these. doc/reasons.md, the API, metrics, logs, the ledger and WebSocket Close frames all
 * come from this table, so they cannot drift apart. Values are stored in the log: append, never renumber.
 *
 * Columns: identifier, value, name, WebSocket close code (0 = never closes one), HTTP status (0 = never an
 * answer), retry_ms hint (0 = none), text for people. Close codes: RFC 6455 7.4 and the 44xx codes of
 * requirement WS-10. */
#ifndef HF_BASE_REASON_H
#define HF_BASE_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define HF_REASON_MAP(X)                                                                                    \
    X(HF_REASON_NONE, 0, "none", 0, 0, 0, "nothing happened yet")                                           \
    X(HF_REASON_NORMAL, 1, "normal", 1000, 0, 0, "the peer said goodbye")                                   \
    X(HF_REASON_DRAIN, 2, "drain", 1001, 503, 1000, "this node is shutting down")                           \
    X(HF_REASON_PROTOCOL_ERROR, 3, "protocol_error", 1002, 400, 0, "the peer broke the protocol")           \
    X(HF_REASON_UNSUPPORTED_DATA, 4, "unsupported_data", 1003, 415, 0, "this kind of data is not taken")    \
    X(HF_REASON_INVALID_UTF8, 5, "invalid_utf8", 1007, 400, 0, "text was not valid UTF-8")                  \
    X(HF_REASON_POLICY, 6, "policy", 1008, 403, 0, "a rule forbids it")                                     \
    X(HF_REASON_MESSAGE_TOO_BIG, 7, "message_too_big", 1009, 413, 0, "the message is above its limit")      \
    X(HF_REASON_INTERNAL_ERROR, 8, "internal_error", 1011, 500, 0, "the gateway failed")                    \
    X(HF_REASON_RESTART, 9, "restart", 1012, 503, 1000, "the gateway restarts")                             \
    X(HF_REASON_TRY_LATER, 10, "try_later", 1013, 503, 5000, "not now, come back later")                    \
    X(HF_REASON_PEER_CLOSED, 11, "peer_closed", 0, 0, 0, "the peer sent a Close frame with its own code")   \
    X(HF_REASON_CONNECTION_LOST, 12, "connection_lost", 0, 0, 0,                                            \
      "the connection broke without a Close frame")                                                         \
    X(HF_REASON_CONNECTION_RESET, 13, "connection_reset", 0, 0, 0, "the peer or a middlebox sent a reset")  \
    X(HF_REASON_CREDENTIALS_MISSING, 20, "credentials_missing", 4401, 401, 0, "no credentials were shown")  \
    X(HF_REASON_CREDENTIALS_INVALID, 21, "credentials_invalid", 4401, 401, 0, "the credentials are wrong")  \
    X(HF_REASON_CREDENTIALS_EXPIRED, 22, "credentials_expired", 4401, 401, 0,                               \
      "the credentials are no longer valid")                                                                \
    X(HF_REASON_AUTH_TIMEOUT, 23, "auth_timeout", 4401, 401, 0, "no credentials came in time")              \
    X(HF_REASON_FORBIDDEN, 24, "forbidden", 4403, 403, 0, "the credentials do not allow this")              \
    X(HF_REASON_REVOKED, 25, "revoked", 4403, 403, 300000, "the credentials were revoked")                  \
    X(HF_REASON_IDENTITY_MISMATCH, 26, "identity_mismatch", 4403, 403, 0,                                   \
      "two credentials name different devices")                                                             \
    X(HF_REASON_ORIGIN_FORBIDDEN, 27, "origin_forbidden", 4403, 403, 0, "this Origin is not allowed")       \
    X(HF_REASON_HEARTBEAT_TIMEOUT, 30, "heartbeat_timeout", 4408, 0, 0, "no sign of life")                  \
    X(HF_REASON_WRITE_TIMEOUT, 31, "write_timeout", 4408, 0, 0, "output made no progress")                  \
    X(HF_REASON_HEADER_TIMEOUT, 32, "header_timeout", 0, 408, 0, "the request did not complete in time")    \
    X(HF_REASON_TLS_TIMEOUT, 33, "tls_timeout", 0, 0, 0, "the TLS handshake did not complete in time")      \
    X(HF_REASON_TLS_FAILED, 34, "tls_failed", 0, 0, 0, "the TLS handshake failed")                          \
    X(HF_REASON_CLOSE_TIMEOUT, 35, "close_timeout", 0, 0, 0, "the peer did not answer our Close frame")     \
    X(HF_REASON_REPLACED, 40, "replaced", 4409, 0, 30000, "a newer connection of the device took over")     \
    X(HF_REASON_ADMIN_DISCONNECT, 41, "admin_disconnect", 1008, 0, 0, "disconnected through the API")       \
    X(HF_REASON_RATE_LIMIT, 50, "rate_limit", 4429, 429, 5000, "too many messages or requests")             \
    X(HF_REASON_SLOW_READER, 51, "slow_reader", 4429, 0, 5000, "the peer reads too slowly")                 \
    X(HF_REASON_TENANT_LIMIT, 52, "tenant_limit", 4429, 429, 5000, "the tenant is at its limit")            \
    X(HF_REASON_CONNECTION_LIMIT, 53, "connection_limit", 1013, 503, 5000, "the node is full")              \
    X(HF_REASON_ACCEPT_RATE, 54, "accept_rate", 1013, 503, 1000, "too many new connections a second")       \
    X(HF_REASON_PREFIX_RATE, 55, "prefix_rate", 1013, 503, 5000,                                            \
      "too many new connections from this address range")                                                   \
    X(HF_REASON_DESCRIPTOR_LIMIT, 56, "descriptor_limit", 1013, 503, 5000,                                  \
      "the process has no file descriptor left")                                                            \
    X(HF_REASON_MEMORY_LIMIT, 57, "memory_limit", 1013, 503, 5000, "no memory left for this")               \
    X(HF_REASON_STORAGE_FULL, 60, "storage_full", 1013, 503, 5000, "the event log has no space left")       \
    X(HF_REASON_STORAGE_FAILED, 61, "storage_failed", 1011, 503, 5000, "the event log cannot be written")   \
    X(HF_REASON_BUSY, 62, "busy", 1013, 503, 1000, "the gateway is busy")                                   \
    X(HF_REASON_DEADLINE_EXCEEDED, 63, "deadline_exceeded", 0, 504, 0, "not done before its deadline")      \
    X(HF_REASON_CANCELED, 64, "canceled", 0, 0, 0, "canceled by its sender")                                \
    X(HF_REASON_QUEUE_FULL, 70, "queue_full", 0, 429, 5000, "the device's queue is full")                   \
    X(HF_REASON_EXPIRED, 71, "expired", 0, 0, 0, "its time to live ran out")                                \
    X(HF_REASON_DROP_OLDEST, 72, "drop_oldest", 0, 0, 0, "dropped by rule to make room for newer ones")     \
    X(HF_REASON_DROP_NEWEST, 73, "drop_newest", 0, 0, 0, "dropped by rule because the queue was full")      \
    X(HF_REASON_CONFLATED, 74, "conflated", 0, 0, 0, "replaced by a newer value of the same key")           \
    X(HF_REASON_DEVICE_OFFLINE, 75, "device_offline", 0, 409, 0, "the device is not connected")             \
    X(HF_REASON_CONNECTION_GONE, 76, "connection_gone", 0, 0, 0,                                            \
      "the connection ended before it was written")                                                         \
    X(HF_REASON_DEVICE_REFUSED, 77, "device_refused", 0, 0, 0, "the device answered with an error")         \
    X(HF_REASON_RETENTION, 78, "retention", 0, 410, 0, "older than what is kept")                           \
    X(HF_REASON_LOG_DAMAGED, 79, "log_damaged", 0, 500, 0, "the stored records are damaged")                \
    X(HF_REASON_NODE_RESTART, 80, "node_restart", 0, 0, 0, "the node restarted; nothing is known yet")      \
    X(HF_REASON_SILENCE, 81, "silence", 0, 0, 0, "no sign of life for a while")                             \
    X(HF_REASON_CONNECTED, 82, "connected", 0, 0, 0, "a connection was accepted")                           \
    X(HF_REASON_BAD_REQUEST, 90, "bad_request", 1002, 400, 0, "the request is malformed")                   \
    X(HF_REASON_NOT_FOUND, 91, "not_found", 0, 404, 0, "there is no such thing")                            \
    X(HF_REASON_METHOD_NOT_ALLOWED, 92, "method_not_allowed", 0, 405, 0, "this method is not offered here") \
    X(HF_REASON_BODY_TOO_BIG, 93, "body_too_big", 0, 413, 0, "the request body is above its limit")         \
    X(HF_REASON_HEADER_TOO_BIG, 94, "header_too_big", 0, 431, 0, "the header is above its limit")           \
    X(HF_REASON_UPGRADE_REQUIRED, 95, "upgrade_required", 0, 426, 0, "a WebSocket upgrade is expected")     \
    X(HF_REASON_ID_CONFLICT, 96, "id_conflict", 0, 409, 0, "the key was used with other content")           \
    X(HF_REASON_IN_PROGRESS, 97, "in_progress", 0, 409, 1000, "the first request is still at work")         \
    X(HF_REASON_VERSION, 98, "version", 1002, 400, 0, "no common protocol version")                         \
    X(HF_REASON_NOT_IMPLEMENTED, 99, "not_implemented", 0, 501, 0, "this is not offered")                   \
    X(HF_REASON_SESSION_BROKEN, 100, "session_broken", 4400, 0, 0, "the session protocol was broken")       \
    X(HF_REASON_GAP, 101, "gap", 4400, 0, 0, "messages in between are no longer there")                     \
    X(HF_REASON_UNKNOWN_SESSION, 102, "unknown_session", 0, 0, 0, "this session is not known here")         \
    X(HF_REASON_INVALID_HEARTBEAT, 103, "invalid_heartbeat", 4400, 0, 0, "heartbeats were malformed")       \
    X(HF_REASON_CORRUPT, 104, "corrupt", 4400, 0, 0, "checksums were wrong: memory or software is faulty")  \
    X(HF_REASON_STALLED, 105, "stalled", 4408, 0, 0, "acknowledgements made no progress")                   \
    X(HF_REASON_VERSION_CONFLICT, 106, "version_conflict", 0, 409, 0, "the document has changed meanwhile") \
    X(HF_REASON_UNMATCHED, 107, "unmatched", 0, 0, 0, "nothing waits for this result")                      \
    X(HF_REASON_QUEUE_LOST, 108, "queue_lost", 0, 0, 0, "the device lost its queue")                        \
    X(HF_REASON_REGISTRATION_EXPIRED, 109, "registration_expired", 0, 0, 0,                                 \
      "the registration ran out and was not renewed")                                                       \
    X(HF_REASON_BREAKER_OPEN, 110, "breaker_open", 0, 503, 5000,                                            \
      "it did not answer lately, and is asked now and then whether it does again")                          \
    X(HF_REASON_ENDS_CONNECTION, 111, "ends_connection", 0, 0, 0,                                           \
      "the peer ends each connection that brings it, and takes others")                                     \
    X(HF_REASON_SAMPLED, 112, "sampled", 0, 0, 0,                                                           \
      "left out by rule: of each key one every so often waits for a slow reader, the newest")

#define HF_REASON_ENUM(id, value, name, ws_code, http_status, retry_ms, text) id = value,
enum hf_reason { HF_REASON_MAP(HF_REASON_ENUM) HF_REASONS_MAX = 128 };
#undef HF_REASON_ENUM

struct hf_reason_info {
    enum hf_reason reason;
    const char *name;
    uint16_t ws_code, http_status;
    uint32_t retry_ms;
    const char *text;
};

/* Never NULL: an unknown value gives the row of HF_REASON_INTERNAL_ERROR. */
const struct hf_reason_info *hf_reason_info(unsigned reason);
const char *hf_reason_name(unsigned reason);
enum hf_reason hf_reason_by_name(struct hf_slice name); /* HF_REASON_NONE when unknown */
/* All rows in order, for documents and metrics. */
const struct hf_reason_info *hf_reason_table(size_t *ret_count);

#endif
