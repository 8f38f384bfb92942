/* adapter/ws/conn.h - one device connection, for the files of this folder: conn.c (life and death), heartbeat.c (its timer), raw.c (what
 * the device says), out.c (what it is told), input.c (frames to messages).
 *
 *   AUTH --auth ok--> OPEN --our Close--> CLOSING --peer's Close--> ENDING --link end--> gone
 *     |                 |                    |
 *     +-----------------+---- peer's Close --+----------------------> ENDING
 * CLOSING: our Close is sent, the peer's is awaited. ENDING: both were seen, the link finishes. The hub forgets the connection when
 * it leaves OPEN; the object lives until the link has ended and no acknowledgement is on its way. */
#ifndef HF_ADAPTER_WS_CONN_H
#define HF_ADAPTER_WS_CONN_H

#include "adapter/ws/site.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"

enum hf_ws_state {
    HF_WS_STATE_AUTH,
    HF_WS_STATE_OPEN,
    HF_WS_STATE_CLOSING,
    HF_WS_STATE_ENDING,
    HF_WS_STATES
};

struct hf_ws_extra {               /* what most connections do not have; one allocation */
    struct hf_map_node credential; /* in site->credentials */
    struct hf_ws_conn *conn;
    uint64_t credential_hash; /* 0 = not indexed */
    char trace[HF_WS_TRACE_BYTES_MAX + 1];
    uint16_t topic_bytes;
    char topic[];
};

struct hf_ws_held {           /* input that waits: the rest of one receive buffer */
    struct hf_list_node node; /* on site->held */
    struct hf_ws_conn *conn;
    uint64_t resume_ms; /* 0 = when the log says so */
    uint32_t bytes;
    uint8_t data[];
};

struct hf_ws_conn {
    struct hf_devconn dev; /* core's view; dev.device is NULL unless OPEN */
    struct hf_link *link;  /* NULL once it has ended */
    struct hf_ws_site *site;
    struct hf_ws_assembly *assembly;
    union {
        struct hf_ws_extra *extra; /* owns; NULL or, from OPEN on */
        struct hf_ws_admit *admit; /* owns; in AUTH */
    };
    struct hf_ws_held *held;     /* owns */
    struct hf_ws_window *window; /* owns; NULL without context takeover */
    struct hf_timer timer;
    struct hf_ws_decoder decoder;
    uint64_t last_life_ms;
    uint64_t state_ms;   /* when the state was entered: in OPEN, when it was let in */
    uint64_t expires_ms; /* UTC of the credentials; 0 = never */
    uint32_t rtt_ms;
    uint32_t acks_open; /* waiters in the journal that point here */
    uint16_t sent_code, received_code;
    uint8_t state, stage; /* stage: heartbeat steps taken in this silence */
    uint8_t reason;       /* why it ended */
    bool quiet, tls;
};

/* An acknowledgement {"type":"ack"} on its way: told by the journal when the message is durable. */
struct hf_ws_ack {
    struct hf_waiter waiter;
    struct hf_list_node node; /* on site->acks_open: those that the log never tells go with the site */
    struct hf_ws_conn *conn;
    uint8_t id_bytes;
    char id[HF_WS_CLIENT_ID_BYTES_MAX];
};
enum { HF_WS_ACKS_MAX = 1 << 20 }; /* of one worker */

/* conn.c */
void hf_ws_close(struct hf_ws_conn *conn, enum hf_reason reason, uint16_t code, struct hf_slice text);
void hf_ws_peer_close(struct hf_ws_conn *conn, uint16_t code);
void hf_ws_abort(struct hf_ws_conn *conn); /* the link goes now, without a goodbye */
void hf_ws_state(struct hf_ws_conn *conn, enum hf_ws_state state);
void hf_ws_release(struct hf_ws_conn *conn); /* frees when nothing points here any more */
hf_err hf_ws_authenticated(struct hf_ws_conn *conn, const struct hf_identity *identity,
                           enum hf_reason *ret_reason);
/* To the worker that is the device's home; unread input travels along. True: gone, conn is not ours any more. Otherwise it was
 * closed. */
bool hf_ws_move_home(struct hf_ws_conn *conn, const struct hf_identity *identity, const uint8_t *rest,
                     size_t rest_bytes);
/* A revocation of `hash` (0 = none) reaches this connection from now on, and no longer one of an earlier hash. HF_ERR_NOMEM: as before. */
hf_err hf_ws_use_credential(struct hf_ws_conn *conn, uint64_t hash);
void hf_ws_finish(struct hf_ws_conn *conn); /* both sides are done: the gateway ends TCP first (WS-10) */
void hf_ws_send_auth_ok(struct hf_ws_conn *conn, const struct hf_identity *identity);

/* heartbeat.c */
void hf_ws_on_timer(struct hf_timer *timer, uint64_t now_ms);
void hf_ws_arm(struct hf_ws_conn *conn);  /* for whatever is due next */
void hf_ws_life(struct hf_ws_conn *conn); /* an accepted frame came */
void hf_ws_on_pong(struct hf_ws_conn *conn, struct hf_slice payload);

/* input.c */
void hf_ws_on_data(struct hf_link *link, uint8_t *data, size_t bytes);
void hf_ws_hold(struct hf_ws_conn *conn, const uint8_t *data, size_t bytes,
                uint32_t wait_ms); /* pauses reading */
void hf_ws_unhold(
    struct hf_ws_conn *conn); /* feeds what was held; reading goes on when all is fed. conn may be gone */

/* raw.c: one whole message; payload is valid during the call. */
void hf_ws_raw_message(struct hf_ws_conn *conn, bool text, struct hf_slice payload, const uint8_t *rest,
                       size_t rest_bytes, bool *ret_moved);

/* out.c */
extern const struct hf_devconn_ops hf_ws_devconn_ops;
hf_err hf_ws_send_control(struct hf_ws_conn *conn, enum hf_ws_opcode opcode, const void *payload,
                          size_t bytes);
hf_err hf_ws_send_text(struct hf_ws_conn *conn, struct hf_slice text);
void hf_ws_send_error(struct hf_ws_conn *conn, enum hf_reason reason, struct hf_slice id, const char *detail);
/* The buffer is there, with room for a whole message. inflated and deflated are two: a message that was inflated may be
 * published, and thus compressed, while it is being handled. */
hf_err hf_ws_scratch(struct hf_ws_site *site, struct hf_ws_scratch *scratch);

#endif
