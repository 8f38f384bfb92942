/* adapter/ws/conn.h - one device connection, for the files of this folder: conn.c (life and death), admit.c (letting in), heartbeat.c (its
 * timer), input.c (frames to messages), hold.c (input that waits); raw mode: raw.c (what the device says), out.c (what it is told).
 *
 *   AUTH --auth ok--> OPEN --our Close--> CLOSING --peer's Close--> ENDING --link end--> gone
 *     |                 |                    |
 *     +-----------------+---- peer's Close --+----------------------> ENDING
 * CLOSING: our Close is sent, the peer's is awaited. ENDING: both were seen, the link finishes. The hub forgets the connection when
 * it leaves OPEN; the object lives until the link has ended and no acknowledgement is on its way. */
#ifndef HF_ADAPTER_WS_CONN_H
#define HF_ADAPTER_WS_CONN_H

#include "adapter/ws/site.h"
#include "codec/json/scan.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"

enum hf_ws_state {
    HF_WS_STATE_AUTH,
    HF_WS_STATE_OPEN,
    HF_WS_STATE_CLOSING,
    HF_WS_STATE_ENDING,
    HF_WS_STATES
};

enum hf_ws_variant { /* encodings of one message to many: devconn.variant */
                     HF_WS_VARIANT_PLAIN,
                     HF_WS_VARIANT_DEFLATED,
                     HF_WS_VARIANT_SESSION,
                     HF_WS_VARIANT_SESSION_JSON,
};

struct hf_ws_extra {               /* what most connections do not have; one allocation */
    struct hf_map_node credential; /* in site->credentials */
    struct hf_ws_conn *conn;
    uint64_t credential_hash; /* 0 = not indexed */
    char trace[HF_WS_TRACE_BYTES_MAX + 1];
    uint16_t topic_bytes;
    uint8_t format;
    char topic[];
};

struct hf_ws_held;    /* input that waits: hold.c */
struct hf_ws_session; /* session.h */

struct hf_ws_conn {
    struct hf_devconn dev; /* core's view; dev.device is NULL unless OPEN */
    struct hf_link *link;  /* NULL once it has ended */
    struct hf_ws_site *site;
    struct hf_ws_assembly *assembly;
    union {
        struct hf_ws_extra *extra; /* owns; NULL or, from OPEN on */
        struct hf_ws_admit *admit; /* owns; in AUTH */
    };
    struct hf_ws_held *held;       /* owns */
    struct hf_ws_window *window;   /* owns; NULL without context takeover */
    struct hf_ws_session *session; /* owns, as long as itself; NULL in raw mode */
    struct hf_timer timer;
    struct hf_ws_decoder decoder;
    uint64_t last_life_ms;
    uint64_t state_ms;   /* when the state was entered: in OPEN, when it was let in */
    uint64_t expires_ms; /* UTC of the credentials; 0 = never */
    union {
        uint32_t rtt_ms;        /* raw mode */
        int32_t clock_ahead_ms; /* sessions: the device's clock before ours, when session->clock_known */
    };
    uint32_t acks_open; /* waiters in the journal that point here */
    uint8_t state,
        stage; /* stage: heartbeat steps taken in this silence; in AUTH: times that it was given more time */
    uint8_t reason; /* why it ended; at last, that our Close was not answered */
    uint8_t mode;   /* enum hf_ws_mode */
    bool quiet, tls;
    bool shadow;          /* raw mode: it has subscribed to its shadows */
    uint8_t shadow_calls; /* raw mode: on their way; each keeps the object, as acks_open does */
};
_Static_assert(sizeof(struct hf_ws_conn) <= 256, "an idle connection is budgeted");

static inline struct hf_ws_conn *hf_ws_conn_of(struct hf_devconn *devconn)
{
    return HF_CONTAINER_OF(devconn, struct hf_ws_conn, dev);
}

/* An acknowledgement {"type":"ack"} on its way: told by the journal when the message is durable. */
struct hf_ws_ack {
    struct hf_waiter waiter;
    struct hf_list_node node; /* on site->acks_open: those that the log never tells go with the site */
    struct hf_ws_conn *conn;
    uint8_t id_bytes;
    char id[HF_WS_CLIENT_ID_BYTES_MAX];
};
enum { HF_WS_ACKS_MAX = 1 << 20 }; /* of one worker */

enum { HF_WS_AUTH_GRACES_MAX = 3 }; /* each of auth_timeout_ms */

/* conn.c */
void hf_ws_close(struct hf_ws_conn *conn, enum hf_reason reason, uint16_t code, struct hf_slice text);
void hf_ws_peer_close(struct hf_ws_conn *conn, uint16_t code);
void hf_ws_peer_bye(struct hf_ws_conn *conn, enum hf_reason reason); /* a session's BYE */
void hf_ws_abort(struct hf_ws_conn *conn); /* the link goes now, without a goodbye */
void hf_ws_state(struct hf_ws_conn *conn, enum hf_ws_state state);
void hf_ws_release(struct hf_ws_conn *conn); /* frees when nothing points here any more */
/* A revocation of `hash` (0 = none) reaches this connection from now on, and no longer one of an earlier hash. HF_ERR_NOMEM: as before. */
hf_err hf_ws_use_credential(struct hf_ws_conn *conn, uint64_t hash);
void hf_ws_finish(struct hf_ws_conn *conn); /* both sides are done: the gateway ends TCP first (WS-10) */

/* for admit.c */
extern const struct hf_link_handler hf_ws_link_handler;
void hf_ws_log(struct hf_ws_conn *conn, const char *event, enum hf_reason reason, uint16_t code,
               enum hf_err err);
static inline void hf_ws_message_taken(struct hf_ws_conn *conn, size_t payload_bytes)
{
    if (conn->site->ops->on_message != NULL)
        conn->site->ops->on_message(conn->site->context, conn, payload_bytes);
}
void hf_ws_linger(struct hf_ws_conn *conn); /* on site->lingering: the hub does not have it */
hf_err hf_ws_extra_take(struct hf_ws_conn *conn, const struct hf_ws_admit *admit,
                        const struct hf_identity *identity);
void hf_ws_extra_free(struct hf_ws_conn *conn);

/* admit.c */
struct hf_frame_hello;
/* A token that was shown in-band, for any device where HELLO may still name it. False: the connection was closed, and that recorded. */
bool hf_ws_check_token(struct hf_ws_conn *conn, struct hf_slice token, struct hf_identity *ret_identity);
/* In OPEN: with these credentials it lives on. False: closed. */
bool hf_ws_prolong(struct hf_ws_conn *conn, const struct hf_identity *identity);
/* In AUTH, at home: into the hub. hello: of a session, NULL in raw mode. On an error it is in OPEN, without a device, to be closed. */
hf_err hf_ws_authenticated(struct hf_ws_conn *conn, const struct hf_identity *identity,
                           const struct hf_frame_hello *hello, enum hf_reason *ret_reason);
/* The record of an identified device that was not let in; who did not say who he is leaves none. */
void hf_ws_refused(struct hf_ws_site *site, const struct hf_identity *identity, enum hf_reason reason);
/* To the worker that is the device's home; unread input travels along. True: gone, conn is not ours any more. Otherwise it was
 * closed. */
bool hf_ws_move_home(struct hf_ws_conn *conn, const struct hf_identity *identity, const uint8_t *rest,
                     size_t rest_bytes);
void hf_ws_send_auth_ok(struct hf_ws_conn *conn, const struct hf_identity *identity);

/* heartbeat.c */
void hf_ws_on_timer(struct hf_timer *timer, uint64_t now_ms);
void hf_ws_arm(struct hf_ws_conn *conn);  /* for whatever is due next */
void hf_ws_life(struct hf_ws_conn *conn); /* an accepted frame came */
void hf_ws_on_pong(struct hf_ws_conn *conn, struct hf_slice payload);

/* input.c */
void hf_ws_on_data(struct hf_link *link, uint8_t *data, size_t bytes);
bool hf_ws_feed(struct hf_ws_conn *conn, uint8_t *data,
                size_t bytes); /* false: conn moved away and is gone */

/* hold.c: every one of these may close the connection when there is no room. */
void hf_ws_hold(struct hf_ws_conn *conn, const uint8_t *data, size_t bytes,
                uint32_t wait_ms); /* pauses reading; 0 = until the log says so */
/* The message that is at work waits from `left` on, and behind it the rest of the input. */
void hf_ws_hold_message(struct hf_ws_conn *conn, bool text, struct hf_slice left, const uint8_t *rest,
                        size_t rest_bytes, uint32_t wait_ms);
void hf_ws_hold_more(struct hf_ws_conn *conn, const uint8_t *data, size_t bytes); /* behind what is held */
void hf_ws_held_free(struct hf_ws_conn *conn);
uint64_t hf_ws_held_resume_ms(const struct hf_ws_conn *conn); /* 0 = nothing waits for a time */
void hf_ws_unhold(
    struct hf_ws_conn *conn); /* feeds what was held; reading goes on when all is fed. conn may be gone */
/* The head that makes `bytes` of an unmasked payload a frame that a client could have sent: for what is fed again. */
size_t hf_ws_wrap_head(uint8_t out[HF_WS_HEAD_BYTES_MAX], bool text, size_t bytes);

/* raw.c: one whole message; payload is valid during the call. */
void hf_ws_raw_message(struct hf_ws_conn *conn, bool text, struct hf_slice payload, const uint8_t *rest,
                       size_t rest_bytes, bool *ret_moved);
struct hf_slice hf_ws_default_topic(const struct hf_ws_conn *conn);

/* raw_shadow.c: the convention topics $shadow/update, $shadow/get and $shadow/delta (doc/devices.md). */
bool hf_ws_is_shadow_topic(struct hf_slice topic);
/* id: the JSON value that the device gave its message, absent = none. NULL: taken, and answered later; otherwise why not, for people. *ret_reason is set then. */
const char *hf_ws_raw_shadow(struct hf_ws_conn *conn, struct hf_slice topic, struct hf_slice json,
                             const struct hf_json_field *id, enum hf_reason *ret_reason);
/* Of any other topic than $shadow/delta: false. */
bool hf_ws_raw_shadow_subscribe(struct hf_ws_conn *conn, struct hf_slice topic, bool on);
bool hf_ws_raw_takes_shadow(const struct hf_devconn *devconn, struct hf_slice name);

/* out.c, and session_out.c */
extern const struct hf_devconn_ops hf_ws_devconn_ops, hf_ws_session_ops;
void hf_ws_flush(
    struct hf_devconn *devconn); /* of both ops: flush, queued_bytes, close, and most of describe */
size_t hf_ws_queued_bytes(const struct hf_devconn *devconn);
void hf_ws_close_device(struct hf_devconn *devconn, enum hf_reason reason, struct hf_slice text);
void hf_ws_describe(const struct hf_ws_conn *conn, const char *protocol, struct hf_live *live);
hf_err hf_ws_send_control(struct hf_ws_conn *conn, enum hf_ws_opcode opcode, const void *payload,
                          size_t bytes);
hf_err hf_ws_send_text(struct hf_ws_conn *conn, struct hf_slice text);
/* id: of what it answers, as the device spelled it: a JSON string or number. Absent, or a longer one than it may have: the error names none. */
void hf_ws_send_error(struct hf_ws_conn *conn, enum hf_reason reason, struct hf_slice id, const char *detail);
/* The buffer is there, with room for a whole message. inflated and deflated are two: a message that was inflated may be
 * published, and thus compressed, while it is being handled. */
hf_err hf_ws_scratch(struct hf_ws_site *site, struct hf_ws_scratch *scratch);

#endif
