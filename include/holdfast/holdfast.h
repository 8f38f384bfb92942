/* holdfast/holdfast.h - libholdfast, the device side of holdfast.v1, and of MQTT at any broker: a connection that comes back by itself, a queue that outlives it, every message
 * delivered once (at a broker: at least once, and what is needed to see that it came twice). C11; the library needs SQLite, OpenSSL 3 and the C library.
 *
 *     struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
 *     options.url = "wss://gateway.example";  options.device = "bike-7";
 *     options.queue_path = "/var/lib/bike/queue.db";  options.on_command = act;
 *     hf_client_new(&options, &client, error, sizeof(error));
 *     hf_client_run(client);                  // here until hf_client_stop(), or:
 *     hf_client_start(client);                // on a thread of the library's, or:
 *     poll(hf_client_fd(client), hf_client_timeout_ms(client)) ... hf_client_step(client);
 *
 * Threads. hf_client_publish, _acknowledge, _answer, _subscribe, _patch, _request_certificate, _renew, _network, _stop, _stats and _path may be called from any thread and from within callbacks; they never block
 * on the network or the disk. Everything else belongs to one thread. All callbacks come from the thread that runs the client (_run, _step, or the library's own).
 *
 * Promises. A message whose completion said HOLDFAST_OK survives kill -9 and, with a queue file that is power safe, power cuts; it reaches the gateway's log exactly
 * once and in order. A message or command that the application has acknowledged is never delivered again, whatever happens to either side. One that it was given and had not
 * acknowledged when the process ended comes again.
 *
 * Memory. Everything is taken through the caller's `resize`, but what SQLite and OpenSSL take, and frames that came out of order (those are kept for moments, within the window).
 * At most 64 KiB for a session, beside the queue and messages larger than that. */
#ifndef HOLDFAST_H
#define HOLDFAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOLDFAST_API __attribute__((visibility("default")))

/* What functions return and completions tell. */
enum {
    HOLDFAST_OK = 0,
    HOLDFAST_ERR_NOMEM = -1,
    HOLDFAST_ERR_LIMIT = -2, /* the queue, or the line to the client's thread, is full */
    HOLDFAST_ERR_AGAIN = -4,
    HOLDFAST_ERR_CLOSED = -5, /* not connected; or the client was stopped */
    HOLDFAST_ERR_IO = -6,
    HOLDFAST_ERR_NOT_FOUND = -7,
    HOLDFAST_ERR_INVALID = -9,  /* an argument or an option is wrong */
    HOLDFAST_ERR_FULL = -10,    /* no space left on the disk */
    HOLDFAST_ERR_CORRUPT = -11, /* the queue file is damaged */
    HOLDFAST_ERR_DENIED = -12,  /* a file may not be read or written */
    HOLDFAST_ERR_UNSUPPORTED =
        -15,                 /* the queue file was made by a newer version; a broker has no such thing */
    HOLDFAST_ERR_BUSY = -17, /* another process has the queue file */
};

/* Why a connection attempt failed. */
enum {
    HOLDFAST_FAILED_NONE = 0,
    HOLDFAST_FAILED_DNS,
    HOLDFAST_FAILED_REFUSED,
    HOLDFAST_FAILED_TIMEOUT,
    HOLDFAST_FAILED_TLS,
    HOLDFAST_FAILED_INTERCEPTED, /* the server's key is not the pinned one: somebody sits in between */
    HOLDFAST_FAILED_HTTP,
    HOLDFAST_FAILED_AUTH,
    HOLDFAST_FAILED_PROTOCOL,
    HOLDFAST_FAILED_LOST, /* the connection broke */
    HOLDFAST_FAILED_LOCAL,
};

enum { /* of a connection */
       HOLDFAST_HANDSHAKING = 0,
       HOLDFAST_CONNECTED,
       HOLDFAST_DEGRADED, /* late or missing answers; still in use */
       HOLDFAST_DISCONNECTING,
       HOLDFAST_DISCONNECTED,
};

/* Hints that somebody may sit on the way to the gateway: bits of hf_client_path.suspect. Both have harmless causes, and change nothing by themselves; only a pin that does not match proves it
 * (HOLDFAST_FAILED_INTERCEPTED). */
enum {
    HOLDFAST_SUSPECT_NAME =
        1, /* TLS asks for another name than that of the URL: the gateway named this address */
    HOLDFAST_SUSPECT_JITTER =
        2, /* answers to the last 20 heartbeats scatter: deviation above 40 ms, until it is below 10 ms */
};

enum {                         /* what happens to a message when the queue is full */
       HOLDFAST_TELEMETRY = 0, /* the oldest telemetry is dropped, and the gateway is told the gap */
       HOLDFAST_MESSAGE = 1,   /* a new one is refused: HOLDFAST_ERR_LIMIT */
       HOLDFAST_ALARM = 2,     /* the same; urgent by itself */
};

enum {
    HOLDFAST_FORMAT_OPAQUE = 0,
    HOLDFAST_FORMAT_JSON,
    HOLDFAST_FORMAT_PROTOBUF,
    HOLDFAST_FORMAT_MSGPACK,
    HOLDFAST_FORMAT_SAMPLES
};

enum {
    HOLDFAST_CONTEXT = 1,
    HOLDFAST_GROUP_CONTEXT = 2,
    HOLDFAST_SHADOW = 3
}; /* documents: the device's, its first group's, the device's shadow */
enum { HOLDFAST_PATCH_FULL = 0, HOLDFAST_PATCH_MERGE, HOLDFAST_PATCH_JSON }; /* RFC 7396, RFC 6902 */
enum {
    HOLDFAST_MERGE_KEEP = 0,
    HOLDFAST_MERGE_LWW,
    HOLDFAST_MERGE_VERSION,
    HOLDFAST_MERGE_CONFLICT_FREE,
    HOLDFAST_MERGE_OPLOG
};
enum { HOLDFAST_CHANGE_BYTES_MAX = 15 * 1024 };
enum {
    HOLDFAST_CSR_BYTES_MAX = 8192,
    HOLDFAST_CHAIN_BYTES_MAX = 16384
}; /* a request for a certificate, and what comes back, with its NUL */

enum { HOLDFAST_RESULT_OK = 0, HOLDFAST_RESULT_FAILED, HOLDFAST_RESULT_EXPIRED, HOLDFAST_RESULT_UNSUPPORTED };

enum { HOLDFAST_SESSION_NEW = 0, HOLDFAST_SESSION_RESUMED, HOLDFAST_SESSION_REBUILT };

enum {                            /* how liveness is watched */
       HOLDFAST_PROFILE_ANY = 0,  /* as the gateway has it */
       HOLDFAST_PROFILE_DEFAULT,  /* the gateway asks after 30 s of silence */
       HOLDFAST_PROFILE_HA,       /* every 2 s, dead after about 6 s */
       HOLDFAST_PROFILE_ADAPTIVE, /* every 5 to 60 s, as the path is; the library's default */
};

struct hf_client; /* opaque */

/* ---- what callbacks are told; everything they point to lives as long as the call ---- */

struct hf_client_open {
    int result;         /* HOLDFAST_SESSION_NEW ... */
    const char *reason; /* of rebuilt: "expired", "gap", "unknown_session"; else "none" */
    uint64_t epoch;     /* of this connection, only grows; at a broker: of this process, from 1 */
    const char
        *connection;  /* c_ and 16 hex digits: what the gateway's operator can search for; "" at a broker */
    const char *node; /* at a broker: "MQTT 5.0" or "MQTT 3.1.1" */
    uint64_t time_ms; /* the gateway's clock, UTC; 0 at a broker */
    /* How long each step of this attempt took: the name, TCP (all addresses that were tried), TLS, the upgrade with the credentials, HELLO to WELCOME (the session was found, and is
     * durable). 0: less than a millisecond, or there is no such step; at a broker greeting_ms is CONNECT to CONNACK. */
    uint32_t dns_ms, tcp_ms, tls_ms, upgrade_ms, greeting_ms;
};

struct hf_client_close {
    int code; /* of the WebSocket; at a broker its reason code, 128 to 162; 1000 we said goodbye, 1006 the connection broke, 0 it never came so far */
    bool by_gateway;
    const char *reason; /* a name of doc/reasons.md, or "none" */
    int failure;        /* HOLDFAST_FAILED_... */
    const char *text;   /* for people */
    bool retry;         /* false: it stays closed, nothing follows */
    uint64_t retry_ms;  /* from now; UINT64_MAX: when the network is up again */
};

struct hf_client_incoming {
    uint64_t handle;   /* for hf_client_acknowledge and _answer; 0: nothing to acknowledge */
    const char *id;    /* UUID, or "" */
    const char *topic; /* of a command: its name */
    const char *key;   /* of a command: the application's idempotency key, or "" */
    const void *payload;
    size_t payload_bytes;
    int format;          /* HOLDFAST_FORMAT_... */
    bool text;           /* the payload is UTF-8 */
    bool publication;    /* of a topic, at most once; else to this device */
    uint64_t time_ms;    /* when it was made, UTC; 0 unknown */
    uint64_t expires_ms; /* of a command: UTC; 0 never */
    uint32_t ttl_ms; /* of a command: what is left from now on, for devices without a clock; 0 = no limit */
};

struct hf_client_reply {
    int status; /* HOLDFAST_RESULT_... */
    int format;
    bool text;
    const void *
        payload; /* borrowed until the function or the client's turn returns: static storage, or the caller's */
    size_t payload_bytes;
};

/* What became of a document, or of a change of it. */
struct hf_client_context {
    int document; /* HOLDFAST_CONTEXT, HOLDFAST_GROUP_CONTEXT, HOLDFAST_SHADOW */
    uint32_t
        request; /* of hf_client_patch, which this answers; 0: others changed it, or the gateway says what the device lacks */
    const char *
        reason; /* "none", or why the request was not done: "version_conflict" (json is the current document), "bad_request", "message_too_big", "forbidden", "not_found" (no group),
                         * "busy", "not_implemented"; "connection_gone": it was not sent, or its answer never came. With request 0 "not_found": the document is no more */
    uint64_t version;        /* that the application has when it has taken json; 0 = none */
    const char *snapshot_id; /* UUID of its content */
    bool
        full; /* json is the document; else an array of operations (RFC 6902) that add and remove whole top-level members: apply them to what there is */
    const char *json; /* not NUL-terminated; NULL: nothing that the application lacks */
    size_t json_bytes;
};

/* The device's next certificate (doc/protocol.md, Certificate). */
struct hf_client_certificate {
    uint32_t
        request; /* of hf_client_request_certificate, which this answers; 0: after connecting, when the one in use can be renewed */
    const char *
        result; /* "issued", or why not: "too_early", "rate_limit", "key" ...; "" with request 0, and when nothing could be sent */
    const char *
        reason; /* "none", or a name of doc/reasons.md: "connection_gone", "not_implemented" (this connection renews none) */
    const char *detail; /* for people */
    const char *chain;  /* PEM, the device's certificate first; NULL: there is none */
    uint64_t not_after_ms, renew_from_ms,
        retry_ms; /* UTC, of the new one if there is one; of the one in use; how long to wait. 0 = not said */
};

struct hf_client_stats {
    uint64_t queued, queued_bytes;    /* waiting or on their way */
    uint64_t published, sent, failed; /* of this process: taken in, durable at the gateway, given up */
    uint64_t dropped, expired;        /* since the queue was made */
    uint64_t received, duplicates, gaps;
    uint64_t attempts, connections, resumed, rebuilt;
    uint64_t bytes_in, bytes_out;
    int state; /* HOLDFAST_CONNECTED ... */
};

/* The way to the gateway, as this connection shows it; all 0 without one, and at a broker. */
struct hf_client_path {
    size_t size;           /* sizeof(struct hf_client_path) */
    unsigned suspect;      /* HOLDFAST_SUSPECT_...; 0 = nothing */
    uint32_t rtt_us;       /* smoothed; 0 = not measured: in the profile default the gateway asks */
    uint32_t rtt_sigma_us; /* standard deviation over the last 20 heartbeats; 0 = fewer so far */
};
#define HOLDFAST_PATH_INIT                    \
    {                                         \
        .size = sizeof(struct hf_client_path) \
    }

/* What on_message and on_command return. */
enum {
    HOLDFAST_DONE,  /* acknowledged: it will not come again. A command is answered with *result */
    HOLDFAST_LATER, /* hf_client_acknowledge or hf_client_answer follows, from any thread */
};

/* ---- options ---- */

/* Set what you need after HOLDFAST_OPTIONS_INIT; zero is the default everywhere. Strings and arrays are copied by hf_client_new. `size` lets a program work with a
 * newer library. */
struct hf_client_options {
    size_t size;
    /* ws:// or wss://host[:port][/path]; without a path: /v1/connect. Or a broker: mqtt:// or mqtts://[user@]host[:port][/prefix], with the prefix of its topics (doc/client.md, MQTT).
     * Required. At a broker, on_command, on_document, on_shadow, groups and crc are HOLDFAST_ERR_UNSUPPORTED. */
    const char *url;
    const char
        *device; /* 1 to 128 characters; NULL when the credentials name it, which at a broker they never do */
    void *user;  /* handed to every callback */

    /* The queue. NULL = in memory: for devices without a disk, gone with the process; what it drops is told to the gateway as gaps. */
    const char *queue_path;
    bool
        queue_crash_safe; /* survives the process, not the power: faster. Default: power safe, a sync of the disk for each commit */
    uint64_t queue_bytes_max, queue_messages_max; /* 64 MiB, 100,000; at least 64 KiB and 16 */

    /* Who we are, and whom we trust. Files are PEM. */
    const char *ca_file;              /* NULL = the system's trust store */
    const char *cert_file, *key_file; /* client certificate, both or none */
    const uint8_t (*pins)[32]; /* SHA-256 of the server's SubjectPublicKeyInfo: current and next, at most 4 */
    size_t pin_count;
    bool insecure; /* neither chain nor name are checked; pins are */
    bool allow_tls12;
    uint16_t max_fragment_bytes; /* 0, 512, 1024, 2048, 4096 (RFC 6066) */
    /* The token for the next connection: writes it with its NUL into `out` and returns HOLDFAST_OK, or anything else to fail this attempt. fresh: the last one was refused. NULL = no token. */
    int (*token)(void *user, bool fresh, char *out, size_t out_bytes);

    const char *software;      /* "name/version", at most 64 bytes */
    const char *trace;         /* 1 to 32 of A-Z a-z 0-9 _ - */
    const char *const *groups; /* at most 8, each 64 bytes */
    size_t group_count;
    int profile; /* HOLDFAST_PROFILE_...; ANY = adaptive */
    uint32_t
        window_messages;   /* messages given to the application and not acknowledged: 1 to 256, default 256 */
    uint32_t window_bytes; /* 1 KiB to 16 MiB, default 256 KiB */
    uint32_t message_bytes_max; /* of what comes, default 1 MiB, at most 16 MiB */
    uint32_t attempts_max;      /* 0 = never gives up */
    bool crc;                   /* CRC-32C on messages up to 16 KiB */
    bool
        dns_thread; /* names are looked up on a short-lived thread; else a lookup may hold the client's thread up */
    uint32_t line_messages_max,
        line_bytes_max; /* from other threads to the client's: 1,024 messages, 1 MiB */

    /* As realloc, with sizes: old is NULL exactly when old_bytes is 0; new_bytes 0 frees and returns NULL. Called from every thread that publishes. NULL = malloc */
    void *(*resize)(void *user, void *old, size_t old_bytes, size_t new_bytes);
    uint64_t (*monotonic_ms)(void *user);                 /* NULL = CLOCK_BOOTTIME */
    uint64_t (*utc_ms)(void *user);                       /* 0 = not synchronised. NULL = CLOCK_REALTIME */
    void (*entropy)(void *user, void *out, size_t bytes); /* NULL = getrandom(2) */

    void (*on_open)(void *user, const struct hf_client_open *open);
    void (*on_close)(void *user, const struct hf_client_close *close);
    void (*on_state)(void *user, int state, int before); /* HOLDFAST_CONNECTED ... */
    int (*on_message)(void *user,
                      const struct hf_client_incoming *message); /* NULL = everything is HOLDFAST_DONE */
    int (*on_command)(void *user, const struct hf_client_incoming *command,
                      struct hf_client_reply
                          *result); /* *result is OK and empty to begin with. NULL = all are UNSUPPORTED */
    /* Messages to this device, numbers from..to, will never come: their time ran out, or the gateway keeps them no longer. */
    void (*on_gap)(void *user, uint64_t from, uint64_t to, const char *reason);
    void (*on_sent)(void *user, uint64_t id); /* durable at the gateway, and out of the queue */
    void (*on_failed)(void *user, uint64_t id,
                      const char *reason); /* will never be sent: dropped, expired, refused, too big */
    /* An acknowledgement or answer by handle ended: HOLDFAST_OK, it is durable. Else (the disk; HOLDFAST_ERR_LIMIT: no room for the result; HOLDFAST_ERR_INVALID: it is not what it says) acknowledge or answer again later; a command that was
     * answered HOLDFAST_DONE, too. */
    void (*on_acknowledged)(void *user, uint64_t handle, int err);
    /* What closes nothing: the queue's disk, a refused subscription. reason: a name of doc/reasons.md. */
    void (*on_error)(void *user, int err, const char *reason, const char *detail);
    void (*on_credentials)(void *user, uint64_t expires_ms); /* the token of hf_client_renew was taken */

    /* Documents (doc/protocol.md, section 9); NULL = takes part in none. The application keeps them, with their versions; the library gives it only what applies to the version it has, and
     * asks the gateway when something was lost on the way. message_bytes_max must be at least 32 KiB then. */
    void (*on_document)(void *user, const struct hf_client_context *context);
    uint64_t context_version, group_version; /* of what the application has kept from before; 0 = none */

    /* The device's shadow (doc/protocol.md, section 9); NULL = takes no part. document is HOLDFAST_SHADOW, json {"version":7,"delta":{...}}: all that is desired of the device and that it has not
     * reported, and full is true; of a named one it has "name", too. The library tells the gateway that a version has come, also of named ones (label `delivered`). Report with hf_client_patch:
     * {"reported":{...}} as HOLDFAST_PATCH_MERGE, with "name" and "version" as needed. message_bytes_max as for documents. */
    void (*on_shadow)(void *user, const struct hf_client_context *context);
    uint64_t
        shadow_version; /* of the last delta of the unnamed one that the application has kept; 0 = none */

    void (*on_path)(void *user,
                    const struct hf_client_path
                        *path); /* path->suspect has changed; with each connection it begins as 0 */

    /* Renewal of the client certificate over the session; NULL = takes no part. With a chain: store it in cert_file, with the key of the request in key_file, in a way that a power cut leaves the old pair or the
     * new one, and return HOLDFAST_OK: the next connection reads the files again. Anything else: it goes on with the one it has. message_bytes_max as for documents. */
    int (*on_certificate)(void *user, const struct hf_client_certificate *certificate);
};

#define HOLDFAST_OPTIONS_INIT                    \
    {                                            \
        .size = sizeof(struct hf_client_options) \
    }

/* ---- life ---- */

/* Opens the queue and makes the client; connects to nothing yet. HOLDFAST_ERR_INVALID, _NOMEM; of the queue file: _BUSY, _CORRUPT, _DENIED, _FULL, _IO, _UNSUPPORTED. `error` says which
 * option or file, and why; it may be NULL. */
HOLDFAST_API int hf_client_new(const struct hf_client_options *options, struct hf_client **ret_client,
                               char *error, size_t error_bytes);
/* Not from within a callback, and no other thread uses it any more. Ends the library's own thread. What is in the queue file stays there. NULL is harmless. */
HOLDFAST_API void hf_client_free(struct hf_client *client);

/* One of these three. _run returns when the client has stopped, _start at once. HOLDFAST_ERR_BUSY: it runs already; HOLDFAST_ERR_NOMEM: no thread. */
HOLDFAST_API int hf_client_run(struct hf_client *client);
HOLDFAST_API int hf_client_start(struct hf_client *client);
/* Does what is due and returns; call it when the descriptor can be read or the time is over. HOLDFAST_ERR_CLOSED: it has stopped. It may wait for the disk (a commit), for a name (without
 * dns_thread), and for the callbacks. */
HOLDFAST_API int hf_client_step(struct hf_client *client);
HOLDFAST_API int hf_client_fd(
    const struct hf_client *client); /* stays the same; for poll, select, epoll: read */
HOLDFAST_API int hf_client_timeout_ms(struct hf_client *client); /* -1 = no need to come before; 0 = now */

/* Says goodbye and ends; on_close with retry false is the last callback. At most 5 s. */
HOLDFAST_API void hf_client_stop(struct hf_client *client);
HOLDFAST_API void hf_client_join(
    struct hf_client *client); /* waits for the thread of _start; harmless without one */
/* The system says so. While it is down nothing is tried; when it comes up there is one attempt within a second. */
HOLDFAST_API void hf_client_network(struct hf_client *client, bool up);

/* ---- messages ---- */

struct hf_client_publication {
    size_t size; /* sizeof(struct hf_client_publication) */
    const char *
        topic; /* at most 256 bytes of UTF-8, for a gateway without control characters, + and #; NULL = the device's default topic */
    const void *payload;
    size_t payload_bytes;
    int class;       /* HOLDFAST_TELEMETRY, _MESSAGE, _ALARM */
    int format;      /* HOLDFAST_FORMAT_... */
    bool text;       /* the payload is UTF-8 text */
    bool urgent;     /* may overtake a backlog */
    uint64_t ttl_ms; /* 0 = for ever. Needs a clock that is set */
    /* Called once when hf_client_publish returned HOLDFAST_OK. err HOLDFAST_OK: it is durable in the queue as `id`. HOLDFAST_ERR_LIMIT: the queue is full; _INVALID: the topic, or a payload that is no JSON or text and is said to be; _CLOSED: the client was freed
     * before; _FULL, _IO, _CORRUPT, _BUSY, _NOMEM: the queue's disk. NULL = nobody wants to know. */
    void (*on_done)(void *user, void *cookie, uint64_t id, int err);
    void *cookie;
};
#define HOLDFAST_PUBLICATION_INIT                    \
    {                                                \
        .size = sizeof(struct hf_client_publication) \
    }

/* Copies the message. HOLDFAST_ERR_LIMIT: more waits for the client's thread than line_*_max, try again later; _INVALID; _NOMEM; _CLOSED: stopped. */
HOLDFAST_API int hf_client_publish(struct hf_client *client, const struct hf_client_publication *publication);
/* Ends what was HOLDFAST_LATER; on_acknowledged follows: HOLDFAST_ERR_NOT_FOUND when the handle is not waiting, HOLDFAST_ERR_INVALID for an answer to a message, an acknowledgement of a command, or a payload that
 * is no JSON or text and is said to be (then the command still waits for its answer, also when its handler gave this one).
 * Errors of these calls as hf_client_publish. */
HOLDFAST_API int hf_client_acknowledge(struct hf_client *client, uint64_t handle);
HOLDFAST_API int hf_client_answer(struct hf_client *client, uint64_t handle,
                                  const struct hf_client_reply *reply);
/* Publications of a topic come to on_message from now on (not at a broker: on_error, HOLDFAST_ERR_UNSUPPORTED); it ends with the connection, so repeat it in on_open. When it fails on_error is told. */
HOLDFAST_API int hf_client_subscribe(struct hf_client *client, const char *topic, bool on);
struct hf_client_change {
    size_t size;           /* sizeof(struct hf_client_change) */
    int document;          /* HOLDFAST_CONTEXT, HOLDFAST_GROUP_CONTEXT, HOLDFAST_SHADOW */
    int kind;              /* HOLDFAST_PATCH_... */
    int merge;             /* HOLDFAST_MERGE_...: the document's rule from now on */
    uint32_t ttl_ms;       /* its time to live from now on; 0 = as it has it */
    uint64_t base_version; /* the version it was made from, as on_document said; 0 = none in particular */
    const char *json;      /* at most HOLDFAST_CHANGE_BYTES_MAX */
    size_t json_bytes;
};
#define HOLDFAST_CHANGE_INIT                    \
    {                                           \
        .size = sizeof(struct hf_client_change) \
    }
/* Changes a document; on_document, or on_shadow, with *ret_request (which may be NULL) follows, also when nothing could be sent. It is not kept: without a connection the answer is "connection_gone". At most 8
 * may wait for their answers ("busy"). HOLDFAST_ERR_INVALID: also without on_document, or on_shadow. HOLDFAST_ERR_LIMIT: too large, or as hf_client_publish. */
HOLDFAST_API int hf_client_patch(struct hf_client *client, const struct hf_client_change *change,
                                 uint32_t *ret_request);
/* Asks for the device's next certificate with a request (PKCS #10 as PEM, at most HOLDFAST_CSR_BYTES_MAX) that the application has made and signed with its key, which stays here: `openssl req -new -key`.
 * on_certificate with *ret_request (which may be NULL) follows, also when nothing could be sent. HOLDFAST_ERR_INVALID: also without on_certificate; HOLDFAST_ERR_LIMIT: too large, or as hf_client_publish. */
HOLDFAST_API int hf_client_request_certificate(struct hf_client *client, const char *csr,
                                               uint32_t *ret_request);
/* Asks `token` for a fresh one and shows it over the open connection; on_credentials or on_close follows. A broker has no such thing: on_error, HOLDFAST_ERR_UNSUPPORTED. */
HOLDFAST_API int hf_client_renew(struct hf_client *client);

/* ---- looking ---- */

HOLDFAST_API void hf_client_stats(
    struct hf_client *client,
    struct hf_client_stats *ret_stats); /* as of the end of the client's last turn */
/* As of then, too; ret_path begins with HOLDFAST_PATH_INIT. */
HOLDFAST_API void hf_client_path(struct hf_client *client, struct hf_client_path *ret_path);
HOLDFAST_API const char *hf_client_error_text(int err);
HOLDFAST_API const char *hf_client_failure_name(int failure);
HOLDFAST_API const char *hf_client_version(void);

#ifdef __cplusplus
}
#endif

#endif
