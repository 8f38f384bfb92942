/* adapter/ws/site.h - devices over WebSocket: what all connections of one worker share, and the doors of the adapter. Raw
 * mode is a WebSocket without a sub-protocol: text and binary messages become events, messages to the device are plain frames,
 * the gateway pings. The sub-protocols holdfast.v1 and holdfast.v1.json are sessions (doc/protocol.md). Bytes come from and go to
 * a hf_link; rules are core's. Sources: RFC 6455; WS-8 to WS-12, HB-4. */
#ifndef HF_ADAPTER_WS_SITE_H
#define HF_ADAPTER_WS_SITE_H

#include "adapter/auth.h"
#include "adapter/link.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "codec/ws/deflate.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"
#include "core/hub.h"
#include "core/renewal.h"
#include "core/session/state.h"

enum {
    HF_WS_TRACE_BYTES_MAX = 32,
    HF_WS_CLIENT_ID_BYTES_MAX = 64, /* of a device's own message ids, echoed in the ack */
    HF_WS_HELD_BYTES_TOTAL_MAX =
        64 << 20,                   /* input held back on one worker while a rate or the log says wait */
    HF_WS_OUT_HEAD_BYTES_MAX = 512, /* the JSON around a command or ack, without its payload */
};

enum hf_ws_mode { HF_WS_RAW, HF_WS_SESSION, HF_WS_SESSION_JSON };

struct hf_ws_limits { /* changeable at run time */
    uint32_t auth_timeout_ms, close_timeout_ms, write_timeout_ms;
    uint32_t unauthenticated_message_bytes_max;
    uint32_t message_bytes_max;
    uint16_t fragments_max;
    uint32_t deflate_bytes_min; /* smaller messages are sent as they are */
    struct hf_ws_deflate deflate;
    uint32_t windows_max; /* connections of a worker with context takeover (window.h) */
};

struct hf_ws_session_stats {                /* beside the hub's, which counts messages */
    uint64_t frames_in[16], frames_out[16]; /* by enum hf_frame_type; in [0]: of unknown type */
    uint64_t refused /* REFUSE frames */, refused_again /* of them */, crc_wrong, invalid_heartbeats;
    uint64_t nacks_in, nacks_out, asks_in, asks_out;
    uint64_t degraded, restored, granted /* one more interval, on the kernel's word */;
    uint64_t window_full;    /* times that messages had to wait because a device's window was full */
    uint64_t stalled;        /* ended because the device acknowledged nothing */
    uint64_t clocks_skewed;  /* times that a device's clock was found to be off */
    uint64_t events_refused; /* empty cells of the table of states */
};

struct hf_ws_stats {
    uint64_t opened, ended, closes[HF_REASONS_MAX];
    uint64_t messages_text, messages_binary, pings_in, pongs_in, pings_out, acks_out;
    uint64_t not_json, unknown_type, bad_requests, denied, results, auth_in_band, auth_refused;
    uint64_t auth_graced; /* first messages that got more time, because we had not read */
    uint64_t held, held_bytes_now, held_refused;
    uint64_t protocol_errors[64]; /* by enum hf_ws_rule */
    uint64_t deflated, inflated, windows_now, windows_refused;
    uint64_t samples_corrupt /* batches whose CRC was wrong */, samples_malformed;
    uint64_t document_bytes_now,
        document_calls_refused,   /* above a bound of session.h, or its home was busy */
        document_answers_put_off; /* a full link had no room for them; told when there is */
    uint64_t
        renewals[HF_RENEWALS]; /* requests of devices for their next certificate, by what became of them */
    struct hf_ws_session_stats session;
};

struct hf_ws_certificate { /* that a device shows at TLS */
    bool accepted;         /* still: neither denied or revoked nor out of its life */
    bool renewable;        /* there is a CA that signs for its tenant */
    uint64_t not_before_ms, not_after_ms;
    uint8_t fingerprint[32];
};

struct hf_ws_conn;
struct hf_ws_admit;
struct hf_ws_held;

struct hf_ws_scratch { /* the largest message + HF_WS_DEFLATE_ROOM_BYTES; NULL until the first use */
    uint8_t *at;
    size_t bytes;
};

/* What the adapter needs of the rest of the gateway. */
struct hf_ws_site_ops {
    /* An in-band auth named a device whose home is another worker: takes the connection there (the admit is the gateway's then).
     * unread bytes of this turn travel along. HF_ERR_*: it stays, and is closed with reason busy. */
    hf_err (*move)(void *context, struct hf_link *link, struct hf_ws_admit *admit, const uint8_t *unread,
                   size_t bytes);
    /* False while the log cannot keep up: nothing more is read from devices. */
    bool (*may_take)(void *context);
    void (*on_log)(void *context, const struct hf_ws_conn *conn, const char *event, enum hf_reason reason,
                   uint16_t code, enum hf_err err);
    /* A message of the device became a record. May be NULL. */
    void (*on_message)(void *context, const struct hf_ws_conn *conn, size_t payload_bytes);
    void (*random)(void *context, void *out, size_t bytes);
    /* As hf_backend_ops.call. NULL: sessions have no documents. */
    hf_err (*call)(void *context, struct hf_call *call);
    /* False: the link shows no certificate of this device. NULL: none ever does, and none is renewed. */
    bool (*certificate)(void *context, struct hf_link *link, struct hf_slice tenant, struct hf_slice device,
                        struct hf_ws_certificate *ret_certificate);
    /* A session's connection changed its state (WS-11). May be NULL. */
    void (*on_state)(void *context, const struct hf_ws_conn *conn, enum hf_link_state before,
                     enum hf_link_event event, enum hf_link_state after, enum hf_reason reason);
};

/* A batch of samples whose CRC was wrong. Few are remembered: one that was forgotten is asked for once more. */
enum { HF_WS_CORRUPT_BATCHES = 16 };
struct hf_ws_corrupt_batch {
    uint64_t conn_id; /* 0 = none */
    uint32_t seq, times;
};

struct hf_ws_site { /* one per worker */
    struct hf_hub *hub;
    struct hf_auth *auth;
    struct hf_wheel *wheel;
    struct hf_slice node;                    /* its name, for WELCOME */
    struct hf_slab *conns, *acks, *sessions; /* own */
    const struct hf_ws_site_ops *ops;
    void *context;
    struct hf_ws_limits limits;
    struct hf_ws_config open_config, auth_config; /* of decoders, from limits */
    struct hf_ws_config session_config, session_json_config;
    struct hf_map credentials;       /* live connections by credential_hash */
    struct hf_ws_deflater *deflater; /* shared; NULL until the first use */
    struct hf_ws_inflater *inflater;
    struct hf_ws_scratch inflated, deflated, unescaped;
    uint64_t absent_ms; /* when this process was last seen not to have run for a while; session_beat.c */
    struct hf_list_node acks_open; /* hf_ws_ack */
    struct hf_list_node lingering; /* connections that the hub does not have: not yet, or not any more */
    struct hf_list_node held;      /* hf_ws_held: connections whose input waits */
    struct hf_ws_held *feeding;    /* what waited and is at work now; NULL = nothing */
    struct hf_ws_corrupt_batch corrupt_batches[HF_WS_CORRUPT_BATCHES]; /* the latest first */
    struct hf_list_node renewals;           /* requests for certificates under way; session_certificate.c */
    unsigned renewal_count;                 /* of them */
    struct hf_renewal_rates *renewal_rates; /* owns; NULL until the first one */
    struct hf_ws_stats stats;
};

hf_err hf_ws_site_init(struct hf_ws_site *site, const struct hf_ws_limits *limits, uint64_t connections_max);
/* All connections, at the end of the process. Those whose messages are still on their way into the log are kept until the journal has
 * told their waiters. */
void hf_ws_site_abort(struct hf_ws_site *site);
/* After abort; the journal tells no waiter any more. */
void hf_ws_site_deinit(struct hf_ws_site *site);
void hf_ws_site_set_limits(struct hf_ws_site *site,
                           const struct hf_ws_limits *limits); /* from the next frame on */
/* The log keeps up again: connections that were held back are read on. */
void hf_ws_site_release(struct hf_ws_site *site);
/* Closes every live connection that came with this credential (SEC-5, TLS-3), those that have not said HELLO included. A scan of these alone. Returns
 * how many. */
unsigned hf_ws_site_revoke(struct hf_ws_site *site, uint64_t credential_hash);
/* Closes, with reason revoked, every connection over TLS whose link `good` does not approve of, whether the hub has it or not yet. For when a list of
 * denied certificates has changed as a whole; one credential alone is found by hf_ws_site_revoke. Returns how many. */
unsigned hf_ws_site_recheck(struct hf_ws_site *site, bool (*good)(struct hf_link *link));
/* Drain: closes all that have not said who they are. Nobody is known to them yet, so nothing is lost and they need not take their turn, as those
 * that the hub has (hf_hub_drain()). */
void hf_ws_site_close_strangers(struct hf_ws_site *site, enum hf_reason reason);

/* Everything needed to let a connection in, self-contained so that it can travel to the home worker. */
struct hf_ws_admit {
    /* tenant NULL: to be shown in-band within auth_timeout. `any`, for sessions only: HELLO is to name the device. */
    struct hf_identity identity;
    uint64_t conn_id;
    char accept[HF_WS_ACCEPT_CHARS + 1]; /* of the handshake */
    struct hf_ws_deflate deflate;        /* agreed, or off */
    const char *protocol;                /* sub-protocol to confirm, static text; NULL = none */
    enum hf_ws_mode mode;                /* as it says */
    bool
        upgraded; /* 101 was sent before: the connection authenticated in-band and moved here; answer with auth_ok */
    bool tls;
    uint64_t upgrade_from_us,
        auth_us; /* since when the request was awaited, and how long its credentials took; 0 = not timed */
    char trace[HF_WS_TRACE_BYTES_MAX + 1];
    char topic[HF_TOPIC_BYTES_MAX]; /* of the connect request: default for this connection */
    uint16_t topic_bytes;
    uint8_t format;   /* enum hf_format, of its binary messages in raw mode */
    char groups[256]; /* comma list of the connect request */
    char cors[256];   /* reserved for response headers of the listener, complete lines or "" */
};

/* The link is in our hands from here if HF_OK: handler and user were exchanged, the 101 (or auth_ok) was written. Otherwise nothing was
 * written and *ret_reason says what to answer. */
hf_err hf_ws_open(struct hf_ws_site *site, struct hf_link *link, const struct hf_ws_admit *admit,
                  enum hf_reason *ret_reason);

/* For logs. */
struct hf_ws_conn_info {
    uint64_t conn_id, opened_ms;
    struct hf_slice tenant, device; /* absent before authentication */
    const char *trace;
    enum hf_link_state state;
    const struct hf_link *link; /* NULL once it has ended */
};
void hf_ws_conn_info(const struct hf_ws_conn *conn, struct hf_ws_conn_info *ret_info);

/* Input that waits since before before_ms, and none of it was taken meanwhile. Of more than HF_WS_HELD_LOOKS connections only so many are looked at. */
enum { HF_WS_HELD_LOOKS = 10000 };
struct hf_ws_held_over {
    uint64_t count, since_ms;    /* of the oldest, as the rest */
    struct hf_ws_conn_info info; /* borrowed until the next turn */
};
void hf_ws_site_held(const struct hf_ws_site *site, uint64_t before_ms, struct hf_ws_held_over *ret_held);

#endif
