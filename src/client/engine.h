/* client/engine.h - a protocol without I/O, as the driver sees it: what comes in, what goes out, and what it can be asked. Two engines: holdfast.v1 over WebSocket (core.h) and MQTT (mqtt.h). An engine makes
 * no system call, reads no clock and draws no randomness but from its seed: bytes, times and answers come in through struct hf_client_engine_ops, effects go out through struct
 * hf_client_ops. One owner, one thread.
 *
 * Operations of struct hf_client_ops are called from within the calls into the engine, never from anywhere else. Those of the application may call the functions under "application"; otherwise an
 * operation calls nothing here. A caller gives its input, then asks due_ms() when to call tick() at the latest. The store is borrowed and used by nobody else.
 *
 * The states of one connection (WS-11) are core/session/state.h's. Source: requirements AGT-1, RC-1 to RC-4, CQ-4, CQ-7, CQ-8. */
#ifndef HF_CLIENT_ENGINE_H
#define HF_CLIENT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "client/store/store.h"
#include "codec/session/frame.h"
#include "codec/ws/memory.h"
#include "core/session/state.h"

enum {
    HF_CLIENT_WINDOW_MESSAGES_MAX = 256, /* of either direction; the peer's larger one is used up to this */
    HF_CLIENT_WINDOW_BYTES_DEFAULT = 256 << 10,
    HF_CLIENT_MESSAGE_BYTES_MAX_DEFAULT = 1 << 20, /* of a downlink message */
    HF_CLIENT_MESSAGE_BYTES_MAX_LIMIT = 16 << 20,
    HF_CLIENT_DEVICE_BYTES_MAX = 128,
    HF_CLIENT_NAME_BYTES_MAX = 64,  /* software, a group */
    HF_CLIENT_OUT_BYTES = 16 << 10, /* output buffer; a larger message is streamed through it */
    HF_CLIENT_DNS_MS = 3000,        /* RC-2: the stages of an attempt */
    HF_CLIENT_TCP_MS = 5000,
    HF_CLIENT_TLS_MS = 10000,
    HF_CLIENT_CLOSE_MS = 5000,       /* the peer's end is awaited */
    HF_CLIENT_WRITE_MS = 10000,      /* WS-12: output without progress */
    HF_CLIENT_PROBE_MS = 3000,       /* HB-9 */
    HF_CLIENT_RETRY_STORE_MS = 1000, /* after a commit that failed */
    HF_CLIENT_BOUNDS_ALTERNATES = 4, /* other addresses that the peer named and that are remembered */
};

struct hf_client_time {
    uint64_t now_ms; /* monotonic */
    uint64_t utc_ms; /* 0 = not synchronised */
};

/* Why a connection attempt failed (WS-17). */
#define HF_CLIENT_FAILURE_MAP(X)                   \
    X(HF_CLIENT_FAILED_NONE, "NONE")               \
    X(HF_CLIENT_FAILED_DNS, "DNS")                 \
    X(HF_CLIENT_FAILED_REFUSED, "REFUSED")         \
    X(HF_CLIENT_FAILED_TIMEOUT, "TIMEOUT")         \
    X(HF_CLIENT_FAILED_TLS, "TLS_FAILED")          \
    X(HF_CLIENT_FAILED_INTERCEPTED, "INTERCEPTED") \
    X(HF_CLIENT_FAILED_HTTP, "HTTP_REFUSED")       \
    X(HF_CLIENT_FAILED_AUTH, "AUTH_REFUSED")       \
    X(HF_CLIENT_FAILED_PROTOCOL, "PROTOCOL")       \
    X(HF_CLIENT_FAILED_LOST, "LOST")               \
    X(HF_CLIENT_FAILED_LOCAL, "LOCAL")
#define HF_CLIENT_FAILURE_ENUM(id, name) id,
enum hf_client_failure { HF_CLIENT_FAILURE_MAP(HF_CLIENT_FAILURE_ENUM) HF_CLIENT_FAILURES };
#undef HF_CLIENT_FAILURE_ENUM
const char *hf_client_core_failure_name(unsigned failure);

/* Stages of a transport on its way, told by the driver so that each gets its deadline. */
enum hf_client_stage { HF_CLIENT_STAGE_DNS, HF_CLIENT_STAGE_TCP, HF_CLIENT_STAGE_TLS };

struct hf_client_attempt {
    uint32_t number;           /* of attempts since the last established connection, from 0 */
    bool fresh_credentials;    /* the last ones were refused (4401, HTTP 401): fetch them again */
    struct hf_slice alternate; /* another address to try, or absent: the configured one */
};

/* What the engine's first words need; borrowed for the call. */
struct hf_client_door {
    struct hf_slice target; /* path and query; of MQTT the topics' prefix */
    struct hf_slice host;   /* with port unless it is the scheme's own */
    struct hf_slice token;  /* absent = none */
    bool other_name;        /* TLS asked for another name than the configured one (TLS-11) */
};

struct hf_client_opened {
    enum hf_session_result result;
    enum hf_reason reason; /* of rebuilt */
    uint64_t epoch, connection_id, time_ms;
    uint8_t session_id[16], profile, durability;
    struct hf_slice node;
    uint32_t greeting_ms; /* HELLO to WELCOME */
};

/* Of the connection, by its heartbeats; all zero while there is none, and with a broker. */
struct hf_client_path_facts {
    unsigned suspect; /* HF_PATH_... of session/core_path.h: a hint, and no more */
    uint32_t rtt_us, rtt_sigma_us;
};

struct hf_client_closed {
    uint16_t code; /* 1006 lost, 0 never came so far */
    bool by_peer;
    enum hf_reason reason; /* of the Close, BYE or refusal; NONE when it named none */
    enum hf_client_failure failure;
    struct hf_slice text; /* for people; may be empty */
    bool retry;           /* false: it stays closed */
    uint64_t retry_ms;    /* from now; UINT64_MAX: when the network is up again */
};

struct hf_client_message {
    uint64_t handle; /* for done(); 0 = not numbered, nothing to acknowledge */
    bool command;
    bool publish; /* of a topic, else to this device */
    bool text;
    uint8_t format;
    uint8_t id[16];          /* message id, or the command's correlation id; all zero = none */
    uint64_t time_ms;        /* when it was made; 0 unknown */
    uint64_t expires_ms;     /* commands: UTC; 0 never or no clock */
    uint32_t ttl_ms;         /* commands: what is left from now; 0 = no limit */
    struct hf_slice topic;   /* commands: the name */
    struct hf_slice key;     /* commands: idempotency key */
    struct hf_slice payload; /* all borrowed for the call */
};

struct hf_client_document {
    uint8_t document; /* enum hf_document_kind */
    bool full; /* json is the whole document; else operations of RFC 6902 on what the application has */
    uint32_t request; /* of patch(); 0 = somebody else changed it */
    enum hf_reason
        reason; /* of a request: why it was not done. Request 0 and NOT_FOUND: the document is no more */
    uint64_t version; /* that the application has when it has taken json */
    uint8_t snapshot_id[16];
    struct hf_slice json; /* borrowed for the call; absent: nothing that the application lacks */
};

struct hf_client_patch {
    uint32_t request; /* not 0, below 2^31, none that is under way */
    uint8_t document, kind, merge;
    uint32_t ttl_ms;
    uint64_t base_version; /* 0 = none */
    struct hf_slice json;
};

struct hf_client_result {
    uint8_t status; /* enum hf_result_status */
    bool text;
    uint8_t format;
    struct hf_slice payload;
};

enum hf_client_answer {
    HF_CLIENT_LATER, /* the application acknowledges with done() */
    HF_CLIENT_DONE,  /* acknowledged; of a command: with *ret_result */
};

struct hf_client_ops {
    /* Begin a transport. Its way is told by _stage, then _open or _failed; never from within this call. */
    void (*connect)(void *user, const struct hf_client_attempt *attempt);
    /* Takes what the transport takes at once and returns how many bytes; after fewer than given, _writable is called when there is room. */
    size_t (*write)(void *user, const void *data, size_t bytes);
    /* The transport (or its attempt) ends now; nothing of it may be told any more. flush: what was written before may still go out. */
    void (*close)(void *user, bool flush);
    /* HB-9: a TCP connect and a DNS lookup beside the connection; answered by _probed. NULL = there is none. */
    void (*probe)(void *user);
    /* Bytes that the peer's kernel has acknowledged so far on this transport (TCP_INFO); 0 = unknown. NULL = unknown. */
    uint64_t (*peer_acked)(void *user);

    /* To the application, from here on. *ret_result is filled for a command that is DONE; its payload is borrowed until the call into the core returns. */
    enum hf_client_answer (*message)(void *user, const struct hf_client_message *message,
                                     struct hf_client_result *ret_result);
    /* An acknowledgement by handle is durable (err HF_OK), or could not be stored: acknowledge again later. Only for LATER. */
    void (*done)(void *user, uint64_t handle, hf_err err);
    /* Downlink numbers from..to will never come. In a rebuilt session the numbers are the old session's. */
    void (*gap)(void *user, uint64_t from, uint64_t to, enum hf_reason reason);
    /* A publish is in the queue durably (HF_OK), or is not and will not be sent. */
    void (*published)(void *user, void *cookie, uint64_t id, hf_err err);
    /* Durable at the gateway; the queue forgets it. */
    void (*sent)(void *user, uint64_t id);
    /* Will never be sent: told once the queue has forgotten it durably. */
    void (*failed)(void *user, uint64_t id, enum hf_reason reason);
    void (*opened)(void *user, const struct hf_client_opened *opened);
    void (*closed)(void *user, const struct hf_client_closed *closed);
    void (*state)(void *user, enum hf_link_state state, enum hf_link_state before, enum hf_link_event event);
    /* facts->suspect has changed. With a connection it begins as 0, and ends untold. NULL = nobody wants to know. */
    void (*path)(void *user, const struct hf_client_path_facts *facts);
    /* Something went wrong that closes nothing: a REFUSE without a number, the store, a queue that went back in time. */
    void (*error)(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail);
    /* The expiry of the credentials was told (answer to AUTH). */
    void (*credentials)(void *user, uint64_t expires_ms);
    /* A document changed, or a patch was answered. Only with config.documents. */
    void (*document)(void *user, const struct hf_client_document *document);
};

struct hf_client_config {
    struct hf_slice
        device; /* may be empty when credentials or path name it; at most 128 bytes. This and all below: copied */
    struct hf_slice software; /* name and version; at most 64 bytes */
    struct hf_slice trace;    /* 1 to 32 of [A-Za-z0-9_-], or empty */
    struct hf_slice groups[HF_FRAME_GROUPS_MAX];
    unsigned group_count;                     /* each at most 64 bytes */
    uint8_t profile;                          /* enum hf_profile wished for */
    uint8_t boot_id[16];                      /* fresh random */
    uint64_t seed;                            /* entropy mixed with the device id (RC-1) */
    uint32_t window_messages;                 /* downlink; 0 = default = HF_CLIENT_WINDOW_MESSAGES_MAX */
    uint32_t window_bytes;                    /* 0 = default */
    uint32_t message_bytes_max;               /* downlink; 0 = default */
    uint32_t attempts_max;                    /* 0 = never gives up */
    uint32_t backoff_base_ms, backoff_cap_ms; /* 0 = RC-1's */
    bool crc;                             /* CRC-32C on what is sent, as far as it fits the output buffer */
    bool documents, shadow, certificates; /* offered */
    uint64_t context_version, group_version, shadow_version; /* that the application has; 0 = none */
    struct hf_ws_memory memory;
};

/* Counters; read only. */
struct hf_client_counts {
    uint64_t attempts, opened, resumed, rebuilt, losses;
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t published, sent, resent, failed, received, duplicates, gaps, repeated_commands;
    uint64_t unknown_frames, corrupt_frames, invalid_beats, refused_events, early_dropped;
    uint64_t blamed;   /* ends of connections that count against a message */
    uint64_t put_off;  /* times that a broker could not take a message now */
    uint64_t overruns; /* connections that ended because the peer sent more or larger messages than it may */
};

struct hf_client_engine;

/* Times never go back; each engine guards itself. What an engine cannot do answers HF_ERR_UNSUPPORTED. */
struct hf_client_engine_ops {
    void (*free)(struct hf_client_engine *engine); /* tells nothing */

    /* ---- life ---- */
    /* The first attempt is made at once: jitter of a fleet's start is the caller's. */
    void (*start)(struct hf_client_engine *engine, const struct hf_client_time *now);
    /* Says goodbye; `closed` with retry false is told at the end, after HF_CLIENT_CLOSE_MS at the latest. The queue stays as it is. */
    void (*stop)(struct hf_client_engine *engine, const struct hf_client_time *now);
    bool (*stopped)(const struct hf_client_engine *engine); /* not started, or stopped and all is told */
    void (*network)(struct hf_client_engine *engine, const struct hf_client_time *now,
                    bool up); /* RC-3; up to begin with */

    /* ---- time ---- */
    uint64_t (*due_ms)(const struct hf_client_engine *engine); /* UINT64_MAX = nothing */
    void (*tick)(struct hf_client_engine *engine, const struct hf_client_time *now);

    /* ---- transport ---- */
    void (*stage)(struct hf_client_engine *engine, const struct hf_client_time *now,
                  enum hf_client_stage stage);
    /* Connected, TLS included: the first words go out. HF_ERR_INVALID: they cannot be written as they are; the attempt has failed (LOCAL). */
    hf_err (*open)(struct hf_client_engine *engine, const struct hf_client_time *now,
                   const struct hf_client_door *door);
    /* Instead of open; or behind it while the peer has not answered the first words, as TLS 1.3 tells a client so late that its certificate is refused. Else nothing. */
    void (*failed)(struct hf_client_engine *engine, const struct hf_client_time *now,
                   enum hf_client_failure failure, struct hf_slice text);
    void (*bytes)(struct hf_client_engine *engine, const struct hf_client_time *now, uint8_t *data,
                  size_t bytes); /* data may be changed in place */
    void (*writable)(struct hf_client_engine *engine, const struct hf_client_time *now);
    void (*closed)(struct hf_client_engine *engine, const struct hf_client_time *now); /* EOF or error */
    void (*probed)(struct hf_client_engine *engine, const struct hf_client_time *now, bool connected,
                   bool resolved);

    /* ---- application; errors as core.h says them ---- */
    void (*hold)(struct hf_client_engine *engine, const struct hf_client_time *now);
    void (*release)(struct hf_client_engine *engine);
    hf_err (*publish)(struct hf_client_engine *engine, const struct hf_client_time *now,
                      const struct hf_store_message *message, void *cookie);
    hf_err (*done)(struct hf_client_engine *engine, const struct hf_client_time *now, uint64_t handle,
                   const struct hf_client_result *result);
    hf_err (*subscribe)(struct hf_client_engine *engine, const struct hf_client_time *now,
                        struct hf_slice topic, bool subscribe);
    hf_err (*patch)(struct hf_client_engine *engine, const struct hf_client_time *now,
                    const struct hf_client_patch *patch);
    hf_err (*token)(struct hf_client_engine *engine, const struct hf_client_time *now, struct hf_slice token);

    /* ---- looking inside ---- */
    enum hf_link_state (*state)(const struct hf_client_engine *engine);
    uint64_t (*document_version)(const struct hf_client_engine *engine, unsigned document); /* 0 = none */
    void (*path)(const struct hf_client_engine *engine, struct hf_client_path_facts *ret_facts);
    void (*counts)(const struct hf_client_engine *engine, struct hf_client_counts *ret_counts);
    void (*queue)(const struct hf_client_engine *engine, struct hf_store_facts *ret_facts);
};

struct hf_client_engine { /* embedded at the head of each body */
    const struct hf_client_engine_ops *ops;
};

#endif
