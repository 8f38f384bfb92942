/* codec/session/frame.h - the frames of holdfast.v1 as structs, whatever their encoding: binary (binary.h) and JSON (json.h) fill and
 * read the same ones. Pure: slices borrow from the input (or from the scratch that the caller hands in) and live as long as it
 * does. Source: doc/protocol.md, section numbers in brackets. */
#ifndef HF_CODEC_SESSION_FRAME_H
#define HF_CODEC_SESSION_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* On the wire: append, never renumber. Columns: identifier, value, name in JSON, may a device send it, may a gateway. */
#define HF_FRAME_MAP(X)                                 \
    X(HF_FRAME_HELLO, 1, "hello", true, false)          \
    X(HF_FRAME_WELCOME, 2, "welcome", false, true)      \
    X(HF_FRAME_DATA, 3, "data", true, true)             \
    X(HF_FRAME_ACK, 4, "ack", true, true)               \
    X(HF_FRAME_GAP, 5, "gap", true, true)               \
    X(HF_FRAME_COMMAND, 6, "command", false, true)      \
    X(HF_FRAME_RESULT, 7, "result", true, false)        \
    X(HF_FRAME_PATCH, 8, "patch", true, false)          \
    X(HF_FRAME_DELTA, 9, "delta", false, true)          \
    X(HF_FRAME_PING, 10, "ping", true, true)            \
    X(HF_FRAME_PONG, 11, "pong", true, true)            \
    X(HF_FRAME_BYE, 12, "bye", true, true)              \
    X(HF_FRAME_AUTH, 13, "auth", true, true)            \
    X(HF_FRAME_SUBSCRIBE, 14, "subscribe", true, false) \
    X(HF_FRAME_REFUSE, 15, "refuse", false, true)
#define HF_FRAME_ENUM(id, value, name, up, down) id = value,
enum hf_frame_type { HF_FRAME_NONE, HF_FRAME_MAP(HF_FRAME_ENUM) HF_FRAME_TYPES };
#undef HF_FRAME_ENUM

const char *hf_frame_type_name(unsigned type);                  /* "hello"; "unknown" when not in the table */
enum hf_frame_type hf_frame_type_by_name(struct hf_slice name); /* HF_FRAME_NONE when not in the table */
bool hf_frame_may_go_up(unsigned type);                         /* device to gateway */
bool hf_frame_may_go_down(unsigned type);

/* Is a payload what its format (DLV-1) and the text flag say of it: format 1 nothing or one JSON value, at most HF_JSON_DEPTH_MAX deep, text UTF-8? Others may hold
 * anything. Where not, the gateway refuses a message (protocol.md section 2). */
bool hf_frame_payload_holds(uint8_t format, bool text, struct hf_slice payload);

enum {
    HF_FRAME_HEAD_BYTES = 5,
    HF_FRAME_CRC_BYTES = 4,
    HF_FRAME_OVERHEAD_BYTES_MAX = 1024, /* body bytes beside the payload [2] */
    HF_FRAME_FLAG_CRC = 1,
    HF_FRAME_ACK_RANGES_MAX = 16,
    HF_FRAME_ALTERNATES_MAX = 8,
    HF_FRAME_GROUPS_MAX = 8,
    HF_FRAME_DOCUMENTS_MAX = 4,
    HF_HEARTBEAT_BYTES = 13,
    HF_FRAME_SESSION_ID_BYTES = 16,
    /* Texts, in bytes: whoever fills a frame keeps to these [10]. */
    HF_FRAME_TOPIC_BYTES_MAX = 256,
    HF_FRAME_NAME_BYTES_MAX = 256, /* of a COMMAND */
    HF_FRAME_TEXT_BYTES_MAX =
        255, /* device, idempotency key, detail, software, node; each group and alternate */
    HF_FRAME_TRACE_BYTES_MAX = 32,   /* 1 to 32 of A-Za-z0-9_- */
    HF_FRAME_TOKEN_BYTES_MAX = 4096, /* HF_JWT_TOKEN_BYTES_MAX of codec/jwt/jwt.h */
};

enum { /* [2] capabilities */
       HF_CAP_HEARTBEAT = 1 << 0,
       HF_CAP_RESUME = 1 << 1,
       HF_CAP_SELECTIVE_ACK = 1 << 2,
       HF_CAP_CRC = 1 << 4,
       HF_CAP_DOCUMENTS = 1 << 5,
       HF_CAP_SHADOW = 1 << 6,
       HF_CAP_REFUSALS = 1 << 7,
       HF_CAP_CERTIFICATES = 1 << 8,
};

enum hf_session_result { HF_SESSION_NEW, HF_SESSION_RESUMED, HF_SESSION_REBUILT }; /* "new" ... */
enum hf_result_status { HF_RESULT_OK, HF_RESULT_FAILED, HF_RESULT_EXPIRED, HF_RESULT_UNSUPPORTED };
enum hf_profile { HF_PROFILE_ANY, HF_PROFILE_DEFAULT, HF_PROFILE_HA, HF_PROFILE_ADAPTIVE, HF_PROFILES };
enum hf_durability { HF_DURABILITY_NONE, HF_DURABILITY_FSYNC, HF_DURABILITY_REPLICATED };
enum hf_document_kind {
    HF_DOCUMENT_NONE,
    HF_DOCUMENT_CONTEXT,
    HF_DOCUMENT_GROUP,
    HF_DOCUMENT_SHADOW,
    HF_DOCUMENT_CERTIFICATE, /* no document: the next certificate of the device */
};
enum hf_patch_kind { HF_PATCH_FULL, HF_PATCH_MERGE, HF_PATCH_JSON };
enum hf_merge {
    HF_MERGE_KEEP,
    HF_MERGE_LWW,
    HF_MERGE_VERSION,
    HF_MERGE_CONFLICT_FREE,
    HF_MERGE_OPLOG,
    HF_MERGES
};
const char *hf_merge_name(unsigned merge);            /* "lww"; "unknown" when not in the table */
enum hf_merge hf_merge_by_name(struct hf_slice name); /* HF_MERGES when not in the table */

/* The 13 bytes [6], decoded. */
struct hf_heartbeat {
    uint32_t seq;
    uint64_t ts_ms;
};

struct hf_frame_range {
    uint32_t from, to; /* inclusive, wire numbers */
};

struct hf_frame_hello {
    uint8_t version_min, version_max;
    uint8_t profile; /* enum hf_profile; an unknown number is kept as it is */
    uint32_t capabilities;
    uint8_t session_id[16]; /* all zero = none */
    uint64_t downlink_position;
    uint64_t queue_id;
    uint64_t uplink_first, uplink_next;
    uint16_t window_messages;
    uint32_t window_bytes;
    uint8_t boot_id[16];
    struct hf_slice device, software, trace;
    unsigned group_count, document_count; /* more than fit are skipped and not an error */
    struct hf_slice groups[HF_FRAME_GROUPS_MAX];
    struct {
        uint8_t document;
        uint64_t version;
    } documents[HF_FRAME_DOCUMENTS_MAX];
};

struct hf_frame_welcome {
    uint8_t version, result, durability, profile, k;
    uint16_t reason;
    uint32_t capabilities;
    uint8_t session_id[16];
    uint64_t epoch, connection_id;
    uint64_t uplink_received, uplink_durable, downlink_next, gap_from, gap_to;
    uint16_t window_messages;
    uint32_t window_bytes, message_bytes_max, rate, interval_ms, resume_ms, ticket_ms;
    uint64_t time_ms;
    struct hf_slice node;
    struct hf_slice
        durable_id; /* UUID text: id of the message with the number uplink_durable; absent = it has none */
    unsigned alternate_count;
    struct hf_slice alternates[HF_FRAME_ALTERNATES_MAX];
};

struct hf_frame_data {
    uint32_t seq;
    uint8_t id[16];
    uint8_t format; /* DLV-1; the numbers of enum hf_format in core/event.h */
    bool text;      /* the payload is UTF-8; decoding sets it for format JSON, too */
    bool publish;
    uint64_t time_ms;
    struct hf_slice topic, payload;
};

struct hf_frame_ack {
    uint32_t received_through, durable_through, window_bytes;
    uint16_t window_messages;
    bool nack, ask;
    uint8_t range_count;
    struct hf_frame_range ranges[HF_FRAME_ACK_RANGES_MAX];
};

struct hf_frame_gap {
    uint32_t from, to;
    uint16_t reason; /* number of base/reason.h; an unknown name or number is kept as 0 */
    struct hf_slice detail;
};

struct hf_frame_command {
    uint32_t seq, ttl_ms;
    uint8_t id[16];
    uint64_t expires_ms;
    uint8_t format;
    bool text;
    struct hf_slice key, name, payload;
};

struct hf_frame_result {
    uint32_t seq;
    uint8_t id[16];
    uint8_t status, format;
    bool text;
    struct hf_slice payload;
};

struct hf_frame_patch {
    uint32_t request, ttl_ms;
    uint8_t document, kind, merge;
    uint64_t base_version;
    struct hf_slice json;
};

struct hf_frame_delta {
    uint32_t request;
    uint8_t document, kind;
    uint16_t reason;
    uint64_t base_version, version;
    uint8_t snapshot_id[16];
    struct hf_slice json;
};

struct hf_frame_beat { /* PING and PONG */
    struct hf_heartbeat beat;
    uint32_t interval_ms;
    bool valid; /* decoding: length and CRC-8 were right; encoding ignores it. JSON: always true */
};

struct hf_frame_bye {
    uint16_t reason;
    uint32_t retry_ms, ticket_ms;
    unsigned alternate_count;
    struct hf_slice alternates[HF_FRAME_ALTERNATES_MAX];
    struct hf_slice detail;
};

struct hf_frame_auth {
    bool answer;           /* down: expires_ms counts */
    struct hf_slice token; /* up */
    uint64_t expires_ms;
};

struct hf_frame_subscribe {
    struct hf_slice topic;
    bool unsubscribe;
};

struct hf_frame_refuse {
    uint32_t seq, retry_ms;
    uint16_t reason;
    struct hf_slice detail;
};

struct hf_frame {
    uint8_t type; /* enum hf_frame_type, or a number this version does not know: nothing else is set then */
    bool crc;     /* binary: carries a CRC (decoded: carried a right one; encode: add one) */
    union {
        struct hf_frame_hello hello;
        struct hf_frame_welcome welcome;
        struct hf_frame_data data;
        struct hf_frame_ack ack;
        struct hf_frame_gap gap;
        struct hf_frame_command command;
        struct hf_frame_result result;
        struct hf_frame_patch patch;
        struct hf_frame_delta delta;
        struct hf_frame_beat beat;
        struct hf_frame_bye bye;
        struct hf_frame_auth auth;
        struct hf_frame_subscribe subscribe;
        struct hf_frame_refuse refuse;
    } as;
};

#endif
