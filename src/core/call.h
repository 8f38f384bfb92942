/* core/call.h - a request that travels to the worker that owns a device and back with its answer.
 * The maker (an API connection on any worker) owns the call before hf_backend call() accepts it and again from on_done() on; in
 * between the gateway owns it. on_done() runs exactly once, on the worker that made the call. If the maker is gone by then
 * it has set `abandoned`, which only its own worker reads and writes, and on_done() just frees. */
#ifndef HF_CORE_CALL_H
#define HF_CORE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/event.h"

enum hf_call_type {
    HF_CALL_SEND,   /* a message or command to one device: queue it durably, then answer */
    HF_CALL_CANCEL, /* a queued message or command: id */
    HF_CALL_STATE, /* of a message, id: `fate` sent while a device has it unacknowledged, of which nothing is on disk; none: the tables know as much */
    HF_CALL_DISCONNECT, /* close the device's connection: reason admin_disconnect, text in payload */
    HF_CALL_DEVICE,     /* live state of one device: answer in `live`; not_found when it is not in memory */
    HF_CALL_TWIN, /* the same, and what its samples say: a struct hf_twin in result, of which only numbers may be read; none without samples. Also of one that is not in memory any more */
    HF_CALL_SERIES,    /* a range of a device's time series: `series` */
    HF_CALL_BROADCAST, /* to all, a topic (groups are topics "group/NAME") or a list of one tenant */
    HF_CALL_RECORD, /* append `event_type` to the log as it stands (keys, revocations, audit), then answer */
    HF_CALL_REVOKE, /* close what came with a credential, on all workers: key = token:<jti> or cert:<sha256 hex> */
    HF_CALL_LEDGER, /* sums over all workers: answer in `ledger` */
    HF_CALL_SIP, /* the last SIP messages of a camera, at most `targets` of them, the newest first: a JSON array in result. Also of one that is not there any more, or was never let in */
    HF_CALL_TRUST, /* which sessions of listener `topic` another CA set would cut, at most `targets` of them behind connection `offset`: a JSON object in result. payload: its certificates and CRLs in PEM; what it has none of is read as a reload would. Refused: result is why */
    HF_CALL_CERTIFICATE, /* sign the CSR in payload for the device: answer in `certificate` and, the chain, in result */
    HF_CALL_DOCUMENT, /* read or change a document: see `document`; device names its device, or is "group/NAME" */
};

/* How a message or command stands; the names are API-3's. */
#define HF_FATE_MAP(X)                                                                                    \
    X(HF_FATE_QUEUED, 1, "queued")       /* durable, waits for the device */                              \
    X(HF_FATE_SENT, 2, "sent")           /* every byte was taken by the kernel for the device's socket */ \
    X(HF_FATE_DELIVERED, 3, "delivered") /* the device said so */                                         \
    X(HF_FATE_DONE, 4, "done")           /* the device answered with its result */                        \
    X(HF_FATE_FAILED, 5, "failed")       /* reason says why */                                            \
    X(HF_FATE_EXPIRED, 6, "expired")     /* its time to live ran out */                                   \
    X(HF_FATE_CANCELED, 7, "canceled")
#define HF_FATE_ENUM(id, value, name) id = value,
enum hf_fate { HF_FATE_NONE, HF_FATE_MAP(HF_FATE_ENUM) };
#undef HF_FATE_ENUM
const char *hf_fate_name(unsigned fate);                      /* "queued"; "none" when not in the table */
static inline bool hf_fate_final(unsigned fate, bool command) /* a plain message ends as sent */
{
    return fate >= (command ? HF_FATE_DONE : HF_FATE_SENT);
}

/* How far a change of a shadow has come (TWIN-3). */
#define HF_SHADOW_LABEL_MAP(X)                                                                 \
    X(HF_LABEL_STORED, 0, "stored")       /* durable */                                        \
    X(HF_LABEL_DELIVERED, 1, "delivered") /* the device has said that it knows this version */ \
    X(HF_LABEL_APPLIED, 2, "applied")     /* what it reports is what the change wants */
#define HF_LABEL_ENUM(id, value, name) id = value,
enum hf_shadow_label { HF_SHADOW_LABEL_MAP(HF_LABEL_ENUM) HF_LABELS };
#undef HF_LABEL_ENUM
const char *hf_shadow_label_name(unsigned label); /* "stored"; "unknown" when not in the table */
enum hf_shadow_label hf_shadow_label_by_name(struct hf_slice name); /* HF_LABELS when not in the table */

enum hf_class { HF_CLASS_MESSAGE, HF_CLASS_TELEMETRY, HF_CLASS_COMMAND, HF_CLASSES };
const char *hf_class_name(unsigned class);
enum hf_class hf_class_by_name(struct hf_slice name); /* HF_CLASSES when unknown */

enum { HF_LIVE_DETAIL_BYTES = 1536 };

/* A device as its home worker sees it now. */
struct hf_live {
    uint8_t presence; /* enum hf_presence */
    bool connected;
    uint16_t reason, code;
    uint64_t epoch, conn, since_ms /* UTC */, last_seen_ms /* UTC */,
        expires_ms /* of the credentials, UTC, 0 = never */;
    uint32_t rtt_ms;        /* last Ping to Pong; 0 = not measured */
    int32_t clock_ahead_ms; /* of its clock before ours, when clock_known; clock_skew: by more than 2 s */
    uint32_t pending_messages, send_queue_messages;
    uint64_t pending_bytes, send_queue_bytes;
    uint64_t messages_in, messages_out; /* of this connection, modulo 2^32 */
    char peer[64];                      /* address:port, after PROXY protocol */
    char trace[33];                     /* client's trace id or "" */
    char protocol[24];                  /* "raw" */
    char detail[HF_LIVE_DETAIL_BYTES];  /* what its protocol knows besides: a JSON object, or "" */
    bool tls, clock_known, clock_skew;
};

/* accepted = delivered + pending + dropped, to the message, at any moment (promise 4). */
struct hf_ledger_counts {
    uint64_t accepted, restored /* pending at start, part of accepted */, delivered, pending;
    uint64_t dropped[HF_REASONS_MAX];
};
struct hf_ledger_snapshot {
    struct hf_ledger_counts uplink, downlink, broadcast;
};

struct hf_call_series { /* core/twin/archive.h has the meaning */
    bool
        last; /* in: not a range but the live state that the newest samples leave: a struct hf_twin in result, none when there are none */
    uint8_t channel;
    uint64_t from_us, to_us, step_us;
    uint32_t points_max;
    /* The answer, with struct hf_archive_point in result. */
    uint8_t tier;
    uint32_t count;
    uint64_t next_us;
    uint64_t behind; /* records of the log that were not looked at yet */
};

struct hf_call {
    void *carried; /* first: of whoever carries it between threads */
    enum hf_call_type type;
    /* What is asked. Slices borrow from `storage` or from what lives as long as the call. */
    struct hf_slice tenant, device;
    struct hf_slice topic; /* or the command's name */
    struct hf_slice payload;
    struct hf_slice key; /* idempotency key, or the key field of a RECORD */
    struct hf_slice
        by;       /* id of the API key that asks; goes into the events that come of it. Absent: nobody's */
    bool console; /* it says that it asks for the web console */
    struct hf_slice *devices; /* BROADCAST to a list */
    unsigned device_count;
    bool trust_without_crl; /* TRUST: no CRL, wherever */
    bool target_topic;      /* BROADCAST to the subscribers of `topic`; else to the list, or to all */
    uint8_t class;          /* enum hf_class; COMMAND makes a command */
    uint8_t event_type;     /* RECORD */
    uint8_t format, flags;  /* of the payload */
    bool wait; /* SEND of a command: answer when the fate is final or wait_ms is over, not when queued */
    uint64_t ttl_ms, wait_ms; /* ttl 0 = default */
    uint8_t body_hash[32];    /* SHA-256 of the request body, for id_conflict */
    uint8_t id
        [16]; /* in: CANCEL, and SEND/BROADCAST (the maker draws a UUIDv7); out: the first id when replayed */

    /* The answer. */
    uint16_t reason;                    /* HF_REASON_NONE = done as asked */
    uint64_t limit, observed, retry_ms; /* for the problem document; 0 = not said */
    bool replayed;             /* the idempotency key was known: this is the first request's answer */
    uint8_t fate;              /* enum hf_fate */
    uint16_t fate_reason;      /* RECORD, in: the reason that it says */
    uint64_t offset;           /* of the record */
    uint64_t targets, written; /* BROADCAST: devices meant, and given to the socket or its queue */
    uint8_t result_format, result_flags;
    void *result; /* owned by the call, malloc: a command's result payload */
    size_t result_bytes;
    struct hf_live live;
    /* DOCUMENT. In: change: payload is the change, key its maker's name (a device id, or key/ID of an API key), id a fresh snapshot id. Out, unless refused
     * otherwise: what a reader with base_version lacks, in result (none when it lacks nothing); with reason version_conflict the whole; and how the document
     * stands now in the members below. */
    struct hf_call_document {
        bool change;
        bool
            first; /* read of a connection that has just begun, and of a group found nobody there: for the time to live it was not there before */
        bool leave;          /* a member's connection ends: for the time to live it was there until now */
        uint8_t kind, merge; /* enum hf_patch_kind, enum hf_merge */
        uint32_t ttl_ms;
        uint64_t base_version, version;
        uint64_t
            conn; /* in: the connection that asks, which is not told of its own change; 0 = an application */
        uint64_t updated_ms; /* UTC */
        uint8_t snapshot_id[16];
        /* The shadow of `device` with the name `topic` (none: the unnamed one). In: sections that its maker may change (core/document/shadow.h), epoch of conn, the label to
         * wait for at most wait_ms. Out: for a connection the delta, unless base_version is the present version; for others the shadow as it is stored, none when
         * there is none; made: the version that the change made, and the labels that it
         * reached, by 1 << label. */
        bool shadow;
        bool tell; /* the hub's own: the device of the shadow could not be told how it stands, and is now */
        bool
            remove; /* with change: the shadow goes, with its history. Out: nothing; version 0 when it is gone */
        bool
            push; /* a change that a push to a group wants, whose id is the call's: recorded also when it changes nothing */
        uint8_t sections, label /* enum hf_shadow_label */, labels;
        uint8_t over,
            over_section;   /* out, of MESSAGE_TOO_BIG: core/document/shadow.h; limit and observed are set */
        uint16_t operation; /* out, of a JSON Patch that is refused: core/document/shadow.h */
        uint64_t epoch, made;
        char *
            refused; /* out: a JSON array of what was refused alone (core/document/shadow.h); owned by the call, NULL: nothing */
    } document;
    struct hf_ledger_snapshot *ledger; /* the maker's storage, for LEDGER */
    struct hf_call_series *series; /* the maker's storage, for SERIES; the points it finds are in result */

    struct hf_call_certificate *certificate; /* the maker's storage, for CERTIFICATE: core/renewal.h */

    void (*on_done)(struct hf_call *call);
    void *maker;
    bool abandoned;
    bool own; /* the hub's: nobody waits for its answer */
    /* The gateway's own while it owns the call. */
    void *route;
    unsigned origin, parts;
    void *storage; /* owned: freed by hf_call_free */
};

/* For the flags of an event that comes of the call, beside `by`. */
static inline uint8_t hf_call_mark(const struct hf_call *call)
{
    return call->by.at != NULL && call->console ? HF_EVENT_FLAG_CONSOLE : 0;
}

/* A zeroed call with storage_bytes of owned room behind `storage`; NULL on no memory. */
struct hf_call *hf_call_new(enum hf_call_type type, size_t storage_bytes);
void hf_call_free(struct hf_call *call); /* also result and storage; NULL is harmless */

#endif
