/* core/sip/tx_internal.h - inside of core/sip/tx. */
#ifndef HF_CORE_SIP_TX_INTERNAL_H
#define HF_CORE_SIP_TX_INTERNAL_H

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/slab.h"
#include "core/sip/keep.h"
#include "core/sip/tx.h"

/* What happens to a transaction. For clients the statuses come from the peer, for servers from the user. */
enum hf_sip_tx_ev {
    HF_SIP_EV_AGAIN, /* server: the same request once more */
    HF_SIP_EV_1XX,
    HF_SIP_EV_2XX,
    HF_SIP_EV_3XX,    /* 300 to 699 */
    HF_SIP_EV_ACK,    /* server INVITE */
    HF_SIP_EV_CANCEL, /* client INVITE: the user's; server INVITE: the peer's */
    HF_SIP_EV_REPEAT, /* timer A, E, G, or of a 2xx */
    HF_SIP_EV_DEADLINE,
    HF_SIP_EV_FAILED, /* the flow */
    HF_SIP_EVS
};

struct hf_sip_tx_input { /* what an action gets; which fields count follows from the event */
    uint64_t now_ms;
    const struct hf_sip_msg *msg;
    const struct hf_sip_flow *flow; /* where msg came from */
    struct hf_slice bytes;          /* of the user's answer */
    hf_err err;                     /* FAILED */
    hf_err result;                  /* for the caller */
    bool by_layer;                  /* the answer is ours, so the user has to be told when it fails */
};

typedef void hf_sip_tx_act(struct hf_sip_tx *tx, struct hf_sip_tx_input *input);

struct hf_sip_tx_cell {
    uint8_t next;       /* enum hf_sip_tx_state */
    hf_sip_tx_act *act; /* NULL: the state forbids the event */
};
extern const struct hf_sip_tx_cell hf_sip_tx_table[HF_SIP_TX_KINDS][HF_SIP_TX_STATES][HF_SIP_EVS];

struct hf_sip_tx {
    struct hf_map_node node; /* layer->by_key, from its making until ENDED; 64 bits of the key */
    uint64_t check;          /* 64 other bits of the key */
    struct hf_timer timer;   /* the earlier of repeat and deadline */
    uint64_t deadline_ms;
    struct hf_sip_flow flow;
    struct hf_sip_layer *layer; /* borrows */
    void *user;
    char *kept; /* owns: client: the request, later the ACK; server: the last answer; or NULL */
    uint32_t kept_bytes;
    uint32_t interval_ms;   /* until the next repeat; 0 = none */
    uint8_t kind, state;    /* enums hf_sip_tx_kind, hf_sip_tx_state */
    uint8_t deadline_timer; /* enum hf_sip_timer */
    uint8_t depth;          /* steps under way: its memory stays */
    bool done : 1;          /* for the user it is over, or it went */
    bool cancel_wanted : 1, cancel_sent : 1;
    bool acked : 1;     /* client: `kept` is an ACK; server INVITE: ACK has come */
    bool stateless : 1; /* lent to the user for one callback */
    bool linked : 1;    /* in the maps */
};
_Static_assert(sizeof(struct hf_sip_tx) <= HF_SIP_TX_SERVER_BYTES, "as promised");

struct hf_sip_tx_big {            /* clients and INVITE */
    struct hf_sip_tx tx;          /* first */
    struct hf_map_node call_node; /* layer->by_call */
    uint64_t call_check;
    struct hf_map_node flow_node; /* layer->by_flow: clients */
    uint64_t to_tag;              /* client INVITE: hash of the tag of the first 2xx */
};

struct hf_sip_key {
    uint64_t hash, check;
};

enum { HF_SIP_KEY_HASH, HF_SIP_KEY_CHECK, HF_SIP_KEY_TOKEN, HF_SIP_KEY_TAG, HF_SIP_KEYS };

struct hf_sip_layer {
    struct hf_sip_layer_config config;
    struct hf_sip_layer_stats stats;
    uint8_t keys[HF_SIP_KEYS][HF_HASH_KEY_BYTES];
    uint64_t tokens; /* made so far */
    struct hf_rng rng;
    struct hf_slab *small, *big; /* own: struct hf_sip_tx, struct hf_sip_tx_big */
    struct hf_sip_keep keep;
    struct hf_map by_key, by_call, by_flow;
    uint32_t transactions_max; /* in force */
    char *scratch;             /* owns: HF_SIP_TX_MESSAGE_BYTES_MAX + 1; for the time of one call of ours */
};

static inline struct hf_sip_tx_big *hf_sip_tx_big(struct hf_sip_tx *tx)
{
    HF_ASSERT(tx->kind != HF_SIP_TX_SERVER);
    return (struct hf_sip_tx_big *)tx;
}

static inline bool hf_sip_tx_is_client(const struct hf_sip_tx *tx)
{
    return tx->kind == HF_SIP_TX_CLIENT || tx->kind == HF_SIP_TX_CLIENT_INVITE;
}

/* tx_key.c */
void hf_sip_keys_init(struct hf_sip_layer *layer);
/* method: that of the transaction looked for: INVITE for its ACK and its CANCEL. */
struct hf_sip_key hf_sip_key_server(const struct hf_sip_layer *layer, const struct hf_sip_msg *request,
                                    struct hf_slice method);
struct hf_sip_key hf_sip_key_client(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg);
struct hf_sip_key hf_sip_key_client_call(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg);
struct hf_sip_key hf_sip_key_server_call(const struct hf_sip_layer *layer, const struct hf_sip_msg *msg);
uint64_t hf_sip_key_flow(const struct hf_sip_layer *layer, const struct hf_sip_flow *flow);
struct hf_sip_tx *hf_sip_find_key(struct hf_sip_layer *layer, struct hf_sip_key key);
struct hf_sip_tx *hf_sip_find_call(struct hf_sip_layer *layer, struct hf_sip_key key);
struct hf_sip_tx *hf_sip_find_flow(struct hf_sip_layer *layer, const struct hf_sip_flow *flow);

/* tx_step.c */
/* HF_ERR_LIMIT: transactions_max or the slab; HF_ERR_NOMEM. call NULL: not found by Call-ID. */
hf_err hf_sip_tx_make(struct hf_sip_layer *layer, enum hf_sip_tx_kind kind, const struct hf_sip_flow *flow,
                      struct hf_sip_key key, const struct hf_sip_key *call, struct hf_sip_tx **ret_tx);
/* False: the state forbids the event. tx may be gone afterwards. */
bool hf_sip_tx_step(struct hf_sip_tx *tx, enum hf_sip_tx_ev ev, struct hf_sip_tx_input *input);
void hf_sip_tx_end(struct hf_sip_tx *tx); /* without an event: flow errors at the start, freeing the layer */
/* Arms for deadline, or in interval_ms when that is earlier. */
void hf_sip_tx_arm(struct hf_sip_tx *tx, uint64_t now_ms);
void hf_sip_tx_deadline(struct hf_sip_tx *tx, enum hf_sip_timer timer, uint32_t in_ms, uint64_t now_ms);
/* Replaces what is kept. False: nothing is kept, and that is counted. */
bool hf_sip_tx_keep(struct hf_sip_tx *tx, struct hf_slice bytes);
/* An error is one that ends the transaction: see ops.send. */
hf_err hf_sip_tx_send(struct hf_sip_tx *tx, const struct hf_sip_flow *flow, struct hf_slice bytes);
hf_err hf_sip_tx_send_kept(struct hf_sip_tx *tx, const struct hf_sip_flow *flow, uint64_t *counter);
void hf_sip_tx_done(struct hf_sip_tx *tx); /* the user has heard the last of it */
/* Tells the user, unless it is done. */
void hf_sip_tx_tell(struct hf_sip_tx *tx, enum hf_sip_tell tell, const struct hf_sip_tx_input *input);
void hf_sip_layer_stray(struct hf_sip_layer *layer, const struct hf_sip_tx_input *input);

/* tx_client.c, tx_server.c: the actions of the table */
hf_sip_tx_act hf_sip_client_provisional, hf_sip_client_final, hf_sip_client_absorb, hf_sip_client_repeat,
    hf_sip_client_failed, hf_sip_client_end, hf_sip_client_rejected, hf_sip_client_reack,
    hf_sip_client_accepted, hf_sip_client_accepted_again, hf_sip_client_late, hf_sip_client_over,
    hf_sip_client_cancel, hf_sip_client_cancel_later;
hf_sip_tx_act hf_sip_server_absorb, hf_sip_server_again, hf_sip_server_answer, hf_sip_server_final,
    hf_sip_server_lost, hf_sip_server_end, hf_sip_server_cancelled, hf_sip_server_cancel_late,
    hf_sip_server_rejected, hf_sip_server_repeat, hf_sip_server_confirmed, hf_sip_server_ack_absorb,
    hf_sip_server_accepted, hf_sip_server_accepted_ack, hf_sip_server_accepted_end;

/* layer.c */
/* Writes an answer without headers of the user's into the scratch. HF_ERR_INVALID, HF_ERR_LIMIT. */
hf_err hf_sip_layer_write_plain(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                                const struct hf_sip_msg *request, unsigned status, unsigned retry_after_s,
                                struct hf_slice *ret_bytes);
/* Reads a message of our own that is kept. */
hf_err hf_sip_layer_parse(const struct hf_sip_layer *layer, struct hf_slice bytes, struct hf_sip_msg *ret);

#endif
