/* core/event.h - an event is anything that happened: one record of the durable, totally ordered log.
 * Applications read events by offset; the keyed tables follow from them (core/projection.h) and nothing
 * durable exists that is not in one. This file owns the body format of a log record; the log itself adds offset, time and
 * checksum and never looks inside.
 *
 * Body, integers big-endian:
 *   u8 version (1), u8 type, u8 format, u8 flags, u16 reason, u16 fields (which of the following are there, in this order)
 *   bit 0 u16 code     bit 1 u64 epoch     bit 2 u64 conn     bit 3 u64 seq      bit 4 u64 from    bit 5 u64 to
 *   bit 12 u64 made    bit 6 16 bytes id   bit 7 u8+tenant    bit 8 u8+device    bit 9 u16+topic   bit 10 u16+key
 *   bit 13 u8+by       bit 11 payload: the rest
 * A field that is absent reads as zero or as the absent slice. Unknown field bits are refused: a reader of an
 * older version must not misread what follows. */
#ifndef HF_CORE_EVENT_H
#define HF_CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Stored: append, never renumber. The last column says what the generic fields mean for this type. */
#define HF_EVENT_TYPE_MAP(X)                                                                                            \
    X(HF_EVENT_MESSAGE, 1,                                                                                              \
      "message") /* from a device; key: its own message id. holdfast.v1: id, seq; from: queue id */                     \
    X(HF_EVENT_ONLINE, 2,                                                                                               \
      "online") /* conn, epoch; key: trace id; topic: protocol; payload: core/session_record.h */                       \
    X(HF_EVENT_OFFLINE, 3, "offline") /* reason, code; from: connected for ms */                                        \
    X(HF_EVENT_UNKNOWN, 4, "unknown") /* as offline: the socket is gone, the device maybe not */                        \
    X(HF_EVENT_DISCONNECTED, 5,                                                                                         \
      "disconnected")                 /* replaced: the connection ended, the device stays online */                     \
    X(HF_EVENT_REFUSED, 6, "refused") /* an identified device was not let in: reason */                                 \
    X(HF_EVENT_MESSAGE_GAP, 7,                                                                                          \
      "message.gap") /* uplink numbers from..to hold no message: reason; key: queue id in hex; seq: refused here      \
                           (core/session/refusals.h), of what lies before that the device knows */ \
    X(HF_EVENT_CAMERA_BOUND, 8,                                                                                         \
      "camera.bound") /* epoch, conn; payload: JSON: where a registered camera is, and on what terms */                 \
    X(HF_EVENT_QUEUED, 10,                                                                                              \
      "message.queued")                  /* to a device: id, seq; to: expires ms; key: idempotency key */               \
    X(HF_EVENT_SENT, 11, "message.sent") /* id, seq, epoch: every byte was taken by the kernel */                       \
    X(HF_EVENT_FAILED, 12,                                                                                              \
      "message.failed") /* id, seq, reason: expired, canceled, dropped ...: its ledger record */                        \
    X(HF_EVENT_COMMAND, 13, "command.queued")    /* as message.queued; topic: command name */                           \
    X(HF_EVENT_COMMAND_SENT, 14, "command.sent") /* as message.sent */                                                  \
    X(HF_EVENT_COMMAND_DONE, 15,                                                                                        \
      "command.done") /* id, seq; payload: the result; holdfast.v1: from: queue id, to: uplink seq */                   \
    X(HF_EVENT_COMMAND_FAILED, 16,                                                                                      \
      "command.failed") /* id, seq, reason; payload: the device's error, if any */                                      \
    X(HF_EVENT_DELIVERED, 17, "message.delivered") /* id, seq, epoch: the device has it durably */                      \
    X(HF_EVENT_COMMAND_DELIVERED, 18,                                                                                   \
      "command.delivered")                           /* as message.delivered; its result is still to come */            \
    X(HF_EVENT_BROADCAST, 20, "broadcast")           /* id; topic; payload */                                           \
    X(HF_EVENT_BROADCAST_DONE, 21, "broadcast.done") /* id; from: written to devices; to: devices meant */              \
    X(HF_EVENT_LEDGER, 22, "ledger") /* reason; from..to: count of messages; key: policy; topic: stream */              \
    X(HF_EVENT_KEY_CREATED, 30, "key.created") /* key: key id; payload: row of the KEYS table */                        \
    X(HF_EVENT_KEY_REVOKED, 31, "key.revoked") /* key: key id */                                                        \
    X(HF_EVENT_REVOKED, 32, "revoked") /* key: what (device, token:<jti>, cert:<sha256>); to: until ms */               \
    X(HF_EVENT_AUDIT, 33, "audit")     /* topic: action; key: who; payload: JSON details */                             \
    X(HF_EVENT_DOCUMENT, 34,                                                                                            \
      "document.changed") /* device, or topic: group/NAME; seq: version; id; key: who; payload: document/none */        \
    X(HF_EVENT_CHANNELS, 35, "camera.channels") /* device, key, seq, from, to, payload: core/channels.h */              \
    X(HF_EVENT_CAMERA_SETTINGS, 36,                                                                                     \
      "camera.settings") /* payload: JSON, what an application wants of a camera whenever it is there */                \
    X(HF_EVENT_CAMERA_CALL, 37,                                                                                         \
      "camera.call") /* from: id of a media session; to: boot; payload: JSON, its dialog; absent: over */               \
    X(HF_EVENT_SHADOW, 38,                                                                                              \
      "shadow.changed") /* topic: its name; seq: version; from: the oldest version kept; epoch; key: who; id: push */   \
    X(HF_EVENT_PUSH, 45,                                                                                                \
      "shadow.push") /* id; topic: group; key: who; payload: a merge patch for each member */                           \
    X(HF_EVENT_PUSH_MEMBER, 46, "shadow.push_member") /* id, device, reason: its shadow was not changed */              \
    X(HF_EVENT_PUSH_DONE, 47, "shadow.push_done")     /* id; topic: group: each member was looked at */                 \
    X(HF_EVENT_SHADOW_SEEN, 48,                                                                                         \
      "shadow.seen") /* device, epoch, seq: it knows this version, which a push made, or a newer one */                 \
    X(HF_EVENT_NODE_STARTED, 40, "node.started") /* payload: JSON {version, boot} */                                    \
    X(HF_EVENT_NODE_STOPPED, 41, "node.stopped") /* reason */                                                           \
    X(HF_EVENT_NODE_ALIVE, 42, "node.alive")     /* nothing else was written for a minute */

#define HF_EVENT_ENUM(id, value, name) id = value,
enum hf_event_type { HF_EVENT_NONE, HF_EVENT_TYPE_MAP(HF_EVENT_ENUM) HF_EVENT_TYPES_MAX = 64 };
#undef HF_EVENT_ENUM

/* DLV-1. Text that is not JSON is OPAQUE with HF_EVENT_FLAG_TEXT. */
enum hf_format { HF_FORMAT_OPAQUE, HF_FORMAT_JSON, HF_FORMAT_PROTOBUF, HF_FORMAT_MSGPACK, HF_FORMAT_SAMPLES };

enum {
    HF_EVENT_FLAG_TEXT = 1,      /* the payload is valid UTF-8 */
    HF_EVENT_FLAG_TELEMETRY = 2, /* message class, see core/call.h; neither bit = message */
    HF_EVENT_FLAG_COMMAND = 4,
    HF_EVENT_FLAG_CONSOLE = 8, /* beside `by`: asked for in the web console, so the request said */
};

enum {
    HF_TENANT_BYTES_MAX = 64,
    HF_DEVICE_BYTES_MAX = 128,
    HF_TOPIC_BYTES_MAX = 256,
    HF_KEY_BYTES_MAX = 256,
    HF_BY_BYTES_MAX = 32, /* the longest id of an API key */
    HF_DOWNLINK_BYTES_MAX =
        (2 << 20) - 4096,            /* payload to one device: a record of the log and a row of a table */
    HF_BINDING_BYTES_MAX = 384,      /* payload of camera.bound, and in the row of its device */
    HF_CALL_RECORD_BYTES_MAX = 8192, /* payload of camera.call */
    HF_EVENT_HEAD_BYTES_MAX = 8 + 2 + 6 * 8 + 16 + 1 + HF_TENANT_BYTES_MAX + 1 + HF_DEVICE_BYTES_MAX + 2 +
                              HF_TOPIC_BYTES_MAX + 2 + HF_KEY_BYTES_MAX + 1 + HF_BY_BYTES_MAX,
};

struct hf_event {
    uint64_t offset, time_ms; /* the log's; 0 in an event that is not logged yet */
    uint8_t type, format, flags;
    uint16_t reason, code;
    uint64_t epoch, conn, seq, from, to;
    uint64_t made_ms; /* when the device says it made it, UTC by its clock; 0 = it does not say */
    uint8_t id[16];   /* UUIDv7; all zero = none */
    struct hf_slice tenant, device, topic, key, payload;
    struct hf_slice
        by; /* who asked for it over the HTTP API: the id of the key, never the key; absent: nobody did */
};

const char *hf_event_type_name(unsigned type); /* "message"; "unknown_type" when not in the table */
enum hf_event_type hf_event_type_by_name(struct hf_slice name); /* HF_EVENT_NONE when not in the table */

/* Bytes that encode() will write. Asserts the bounds above: callers have checked what peers sent. */
size_t hf_event_bytes(const struct hf_event *event);
/* out has hf_event_bytes() bytes; returns that count. */
size_t hf_event_encode(const struct hf_event *event, uint8_t *out);
/* Slices of *ret_event borrow from body. HF_ERR_MALFORMED for anything encode() cannot have written. */
hf_err hf_event_decode(const uint8_t *body, size_t body_bytes, struct hf_event *ret_event);

/* A device id or tenant name: 1..max bytes of [A-Za-z0-9._:@-], which is safe in paths, keys, topics and logs. */
bool hf_id_valid(struct hf_slice id, size_t bytes_max);

/* The key hash of the log's device filter and of a device's home worker: same input, same value, on every node and start. */
uint64_t hf_device_hash(struct hf_slice tenant, struct hf_slice device);

#endif
