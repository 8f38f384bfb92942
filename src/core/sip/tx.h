/* core/sip/tx.h - SIP transactions: client and server, INVITE and others, over datagrams and streams. Sans-I/O: parsed messages and the
 * time come in, timers lie on the caller's wheel; out go bytes for a flow (ops.send) and events for the transaction user (ops.on_event). One thread.
 * Sources: RFC 3261 8.2.6, 8.2.7, 9, 13.3.1.4, 17; RFC 6026 (Accepted, timers L and M); RFC 4320 (no 408 for others than INVITE); requirements GB-13, GB-16,
 * GB-17, GB-21. The tables of states are in tx_table.c.
 *
 *   what comes in        hf_sip_tx_receive()       a request: absorbed (the last answer is repeated), or told as REQUEST, or shed with 503
 *                                                  a response: told as PROVISIONAL, FINAL, AGAIN, STRAY, or absorbed (ACK is repeated)
 *   what we ask          hf_sip_tx_request()       one FINAL or one FAILED will be told, whatever happens
 *   what we answer       hf_sip_tx_answer()        repeated as long as the peer may ask again
 *
 * A request that was lost or doubled on its way is told once: the key of a server transaction is branch, sent-by and method (17.2.3), and besides, because devices
 * reuse branches and clones share addresses: Call-ID, CSeq number, and the user part of From. Keys are kept as 128 bits of keyed hashes, so
 * a finished transaction is its flow, its timer and the bytes of the answer: see HF_SIP_TX_SERVER_BYTES. */
#ifndef HF_CORE_SIP_TX_H
#define HF_CORE_SIP_TX_H

#include "base/wheel.h"
#include "core/sip/flow.h"

enum {
    HF_SIP_T1_MS = 500,
    HF_SIP_T2_MS = 4000,
    HF_SIP_T4_MS = 5000,
    HF_SIP_TIMEOUT_T1 = 64,     /* B, F, H, J, L, M: 64 T1 = 32 s */
    HF_SIP_TIMER_C_MS = 180000, /* an INVITE that rings, ours or theirs (RFC 3261 16.6) */
    /* Transactions. 100,000 devices with 60 s have 53,344 keepalives, and as many lists of channels when all come back within 60 s. REGISTER has none. */
    HF_SIP_TX_MAX = 262144,
    HF_SIP_TX_SERVER_BYTES = 160, /* of a server transaction other than INVITE, beside its answer's bytes */
    HF_SIP_TX_KEPT_BYTES_MAX = 128 << 20, /* messages kept to be repeated, all together */
    HF_SIP_TX_MESSAGE_BYTES_MAX = 65535,
    HF_SIP_TX_SECRET_BYTES = 16,
    HF_SIP_BRANCH_BYTES_MAX = 40, /* "z9hG4bK" and 128 bits in hex, and NUL */
    HF_SIP_TAG_BYTES_MAX = 17,    /* 64 bits in hex, and NUL */
    HF_SIP_RETRY_AFTER_S_MIN = 10,
    HF_SIP_RETRY_AFTER_S_MAX = 120,
    HF_SIP_UDP_REQUEST_BYTES_SAFE =
        1300, /* RFC 3261 18.1.1: larger ones should go by a stream; counted here, decided by the user */
};

enum hf_sip_tx_kind {
    HF_SIP_TX_CLIENT,
    HF_SIP_TX_CLIENT_INVITE,
    HF_SIP_TX_SERVER,
    HF_SIP_TX_SERVER_INVITE,
    HF_SIP_TX_KINDS
};

#define HF_SIP_TX_STATE_MAP(X)                                            \
    X(HF_SIP_TX_TRYING, "trying") /* client INVITE: Calling */            \
    X(HF_SIP_TX_PROCEEDING, "proceeding")                                 \
    X(HF_SIP_TX_COMPLETED, "completed")                                   \
    X(HF_SIP_TX_ACCEPTED, "accepted")   /* INVITE and 2xx, RFC 6026 */    \
    X(HF_SIP_TX_CONFIRMED, "confirmed") /* server INVITE: ACK has come */ \
    X(HF_SIP_TX_ENDED, "ended")         /* no transaction is seen in it */
#define HF_SIP_TX_STATE_ENUM(id, name) id,
enum hf_sip_tx_state { HF_SIP_TX_STATE_MAP(HF_SIP_TX_STATE_ENUM) HF_SIP_TX_STATES };
#undef HF_SIP_TX_STATE_ENUM

/* Columns: identifier, name for logs and metrics, what it means when it ended a transaction. */
#define HF_SIP_TIMER_MAP(X)                                                              \
    X(HF_SIP_NO_TIMER, "none", "")                                                       \
    X(HF_SIP_TIMER_A, "A", "an INVITE is sent again")                                    \
    X(HF_SIP_TIMER_B, "B", "an INVITE was not answered at all")                          \
    X(HF_SIP_TIMER_C, "C", "an INVITE rang without a final answer")                      \
    X(HF_SIP_TIMER_D, "D", "repeats of a final answer to INVITE are no longer absorbed") \
    X(HF_SIP_TIMER_E, "E", "a request is sent again")                                    \
    X(HF_SIP_TIMER_F, "F", "a request was not answered")                                 \
    X(HF_SIP_TIMER_G, "G", "a final answer to INVITE is sent again")                     \
    X(HF_SIP_TIMER_H, "H", "a final answer to INVITE was not acknowledged")              \
    X(HF_SIP_TIMER_I, "I", "repeats of an ACK are no longer absorbed")                   \
    X(HF_SIP_TIMER_J, "J", "repeats of a request are no longer absorbed")                \
    X(HF_SIP_TIMER_K, "K", "repeats of an answer are no longer absorbed")                \
    X(HF_SIP_TIMER_L, "L", "a 2xx to INVITE: waiting for ACK is over")                   \
    X(HF_SIP_TIMER_M, "M", "a 2xx to INVITE: its repeats are no longer passed up")       \
    X(HF_SIP_TIMER_CANCEL, "cancel", "a cancelled INVITE was not answered (9.1)")        \
    X(HF_SIP_TIMER_ANSWER, "answer", "our side did not answer a request while the peer waited")
#define HF_SIP_TIMER_ENUM(id, name, text) id,
enum hf_sip_timer { HF_SIP_TIMER_MAP(HF_SIP_TIMER_ENUM) HF_SIP_TIMERS };
#undef HF_SIP_TIMER_ENUM

const char *hf_sip_timer_name(enum hf_sip_timer timer); /* "B" */
const char *hf_sip_timer_text(enum hf_sip_timer timer);
const char *hf_sip_tx_state_name(enum hf_sip_tx_state state);

/* Who gives way first when transactions run out (GB-21): new requests of a class are shed from its share of the maximum on. */
enum hf_sip_class {
    HF_SIP_SHED_FIRST, /* REGISTER: from 3/4 on */
    HF_SIP_SHED_LATER, /* other business, and whatever comes from strangers: from 7/8 on */
    HF_SIP_SHED_NEVER, /* keepalives of known devices; above the maximum they are told without being kept: event.stateless */
    HF_SIP_CLASSES
};

struct hf_sip_tx;
struct hf_sip_layer;

enum hf_sip_tell {
    /* --- server --- */
    HF_SIP_TELL_REQUEST, /* a new request to answer; never ACK or CANCEL */
    HF_SIP_TELL_CANCEL, /* the peer cancels tx, an INVITE not yet answered: answer it with 487. CANCEL itself has been answered. */
    HF_SIP_TELL_ACK,  /* our 2xx on tx has arrived. Ends tx for the user. */
    HF_SIP_TELL_LOST, /* ends tx for the user: timer ANSWER (it did not answer), L (no ACK for its 2xx: send BYE), or err: the flow failed */
    /* --- client --- */
    HF_SIP_TELL_PROVISIONAL, /* 1xx; as often as they come, 100 too */
    HF_SIP_TELL_FINAL, /* the answer, once. Ends tx for the user, unless it is 2xx to INVITE: then OVER follows */
    HF_SIP_TELL_FAILED, /* no answer: timer B, C, F or CANCEL, or err. Ends tx for the user. */
    HF_SIP_TELL_AGAIN, /* 2xx to INVITE again, and no ACK of the user's was kept to repeat; or from another dialog (another To tag): ACK and BYE it */
    HF_SIP_TELL_OVER,  /* after FINAL with 2xx to INVITE: timer M ended tx */
    HF_SIP_TELL_STRAY, /* a response that nobody asked for, or too late. A 2xx to INVITE wants ACK and BYE. tx is NULL */
};

struct hf_sip_tx_event {
    enum hf_sip_tell tell;
    struct hf_sip_tx *tx;
    void *user; /* client: as given to hf_sip_tx_request; server: as set by hf_sip_tx_set_user; else NULL */
    const struct hf_sip_flow *flow; /* where the message came from; LOST and FAILED: the transaction's */
    const struct hf_sip_msg *msg;   /* NULL: LOST, FAILED, OVER */
    enum hf_sip_timer timer;
    hf_err err; /* LOST, FAILED: HF_ERR_TIMEOUT with timer, or what the flow said */
    bool
        stateless; /* REQUEST: nothing is kept; answer before the callback returns, tx is void then. A repeat is told again. */
};

struct hf_sip_layer_ops {
    /* Sends, or queues. HF_OK promises nothing. An error on a stream ends the transaction; on datagrams HF_ERR_CLOSED and HF_ERR_INVALID do, any other counts
     * as a lost datagram. Must not call the layer. */
    hf_err (*send)(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes);
    /* May call everything here but hf_sip_layer_free. */
    void (*on_event)(void *context, const struct hf_sip_tx_event *event);
};

struct hf_sip_layer_config {            /* 0 = default */
    const struct hf_sip_layer_ops *ops; /* borrowed */
    void *context;
    struct hf_wheel *wheel;                 /* borrowed; the caller runs it */
    uint8_t secret[HF_SIP_TX_SECRET_BYTES]; /* from entropy: keys of hashes, branches, tags, jitter */
    uint32_t t1_ms, t2_ms, t4_ms;           /* 100..10,000; T2 and T4 at least T1 */
    uint32_t timer_c_ms;                    /* 1,000..3,600,000 */
    bool
        rport_as_asked; /* RFC 3581 to the letter; otherwise every request over UDP counts as one with rport (devices behind NAT omit it) */
    uint64_t kept_bytes_max;
    uint32_t transactions_max;
    const struct hf_sip_limits *limits; /* for parsing our own requests; NULL = default; borrowed */
};

/* HF_ERR_INVALID, HF_ERR_NOMEM. */
hf_err hf_sip_layer_new(const struct hf_sip_layer_config *config, struct hf_sip_layer **ret_layer);
/* Every transaction is given up without a word. NULL is harmless. */
void hf_sip_layer_free(struct hf_sip_layer *layer);
/* GB-16: at most what the layer was made with; fewer than there are now sheds until they have gone. */
void hf_sip_layer_set_max(struct hf_sip_layer *layer, uint32_t transactions_max);

/* msg: parsed with HF_OK, a request or a response, borrowed for the call. Returns HF_OK when it was told or absorbed; HF_ERR_LIMIT: shed
 * (answered 503 with Retry-After); HF_ERR_NOMEM: dropped; HF_ERR_NOT_FOUND: an ACK for nothing, dropped. The caller has nothing to do in any case. */
hf_err hf_sip_tx_receive(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                         const struct hf_sip_msg *msg, enum hf_sip_class shed, uint64_t now_ms);

/* A connection was lost, or ICMP said that no one listens there (hf_sip_flow_same_peer): client transactions on it fail. Returns how many. */
unsigned hf_sip_tx_flow_failed(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, hf_err err,
                               uint64_t now_ms);

/* Sends a request (not ACK: hf_sip_tx_ack; not CANCEL: hf_sip_tx_cancel), whole as in `bytes`, which are copied. Its top Via must have a branch of hf_sip_layer_branch.
 * HF_ERR_INVALID: no such request; HF_ERR_EXISTS: its branch is in use; HF_ERR_LIMIT, HF_ERR_NOMEM; else what ops.send said at once (IO for its NOMEM). Nothing is told
 * then. *ret_tx is the user's until the event that ends it. ret_tx may be NULL. */
hf_err hf_sip_tx_request(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, struct hf_slice bytes,
                         void *user, uint64_t now_ms, struct hf_sip_tx **ret_tx);
/* Cancels an INVITE: at once when it rings, else with its first 1xx (9.1). Its FINAL (487, or the 2xx that was faster) or FAILED (timer CANCEL) is still told.
 * HF_ERR_CONFLICT: it has its final answer, or was cancelled before. HF_ERR_INVALID: no INVITE. */
hf_err hf_sip_tx_cancel(struct hf_sip_tx *tx, uint64_t now_ms);
/* Between FINAL with 2xx and OVER: sends the user's ACK and keeps it, so that repeats of the same 2xx are answered by it without an AGAIN. HF_ERR_CONFLICT in any other
 * state; HF_ERR_NOMEM: sent, not kept; else what ops.send said (IO for its NOMEM). */
hf_err hf_sip_tx_ack(struct hf_sip_tx *tx, struct hf_slice bytes, uint64_t now_ms);

/* Answers a told request; `bytes` (made by hf_sip_write_reply and more, status as in them) are copied and repeated as the RFCs say. A final answer ends tx for the
 * user, except 2xx to INVITE: ACK or LOST follows. HF_ERR_CONFLICT: it has its final answer. HF_ERR_NOMEM: sent, but repeats are absorbed in silence. What ops.send
 * said (IO for its NOMEM): the flow failed, tx is over. */
hf_err hf_sip_tx_answer(struct hf_sip_tx *tx, unsigned status, struct hf_slice bytes, uint64_t now_ms);
/* The same without headers of the user's: status, the reason of the table, a To tag of hf_sip_layer_tag. request: the one that was told. */
hf_err hf_sip_tx_answer_plain(struct hf_sip_tx *tx, const struct hf_sip_msg *request, unsigned status,
                              uint64_t now_ms);
/* The user goes: nothing more is told of tx, and it ends by its own timers. A 2xx to an INVITE that was left becomes STRAY. */
void hf_sip_tx_forget(struct hf_sip_tx *tx);
/* The same, where the peer has shown without an ACK that it has our 2xx (BYE in its dialog): that is not repeated any more (13.3.1.4). */
void hf_sip_tx_forget_arrived(struct hf_sip_tx *tx, uint64_t now_ms);

void hf_sip_tx_set_user(struct hf_sip_tx *tx, void *user);
const struct hf_sip_flow *hf_sip_tx_flow(const struct hf_sip_tx *tx);
enum hf_sip_tx_kind hf_sip_tx_kind(const struct hf_sip_tx *tx);
enum hf_sip_tx_state hf_sip_tx_state(const struct hf_sip_tx *tx);

/* Answers without a transaction: to a request that could not be parsed but is ->answerable, or under overload. retry_after_s 0 = no such header.
 * HF_ERR_INVALID: not answerable; HF_ERR_LIMIT: it does not fit; what ops.send said. */
hf_err hf_sip_layer_reply(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                          const struct hf_sip_msg *request, unsigned status, unsigned retry_after_s);
/* Sends bytes that belong to no transaction, counted: an ACK for a STRAY. */
hf_err hf_sip_layer_send(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, struct hf_slice bytes);

/* A fresh branch with 128 bits that nobody can guess, and its NUL. */
struct hf_slice hf_sip_layer_branch(struct hf_sip_layer *layer, char ret_text[HF_SIP_BRANCH_BYTES_MAX]);
/* A fresh tag, Call-ID or the like with 64 such bits. */
struct hf_slice hf_sip_layer_token(struct hf_sip_layer *layer, char ret_text[HF_SIP_TAG_BYTES_MAX]);
/* The To tag for answers to this request: the same for its repeats and its CANCEL (8.2.7), without memory. */
struct hf_slice hf_sip_layer_tag(const struct hf_sip_layer *layer, const struct hf_sip_msg *request,
                                 char ret_text[HF_SIP_TAG_BYTES_MAX]);

struct hf_sip_layer_stats {
    uint32_t now[HF_SIP_TX_KINDS][HF_SIP_TX_STATES];
    uint32_t transactions, transactions_max, transactions_max_seen;
    uint32_t orphans;    /* forgotten, or finished for their users: they wait for a timer */
    uint64_t kept_bytes; /* memory of kept messages now */
    uint64_t made[HF_SIP_TX_KINDS], ended[HF_SIP_TX_KINDS];
    uint64_t timer_fired[HF_SIP_TIMERS];
    uint64_t requests_repeated, answers_repeated, acks_repeated; /* sent again */
    uint64_t requests_absorbed, answers_absorbed, acks_absorbed; /* repeats that came */
    uint64_t strays, acks_for_nothing, cancels_for_nothing;
    uint64_t shed[HF_SIP_CLASSES];       /* NEVER: those that were not kept */
    uint64_t refused_max, refused_nomem; /* client transactions not made */
    uint64_t not_kept; /* answers sent that cannot be repeated: kept_bytes_max, or no memory */
    uint64_t flow_failed, send_errors;
    uint64_t matched_rfc2543; /* named tolerance: by Request-URI, From tag, Call-ID, CSeq, top Via */
    uint64_t matched_no_via;  /* named tolerance: a response without Via, by Call-ID and CSeq */
    uint64_t large_udp_requests;
};
const struct hf_sip_layer_stats *hf_sip_layer_stats(const struct hf_sip_layer *layer);

#endif
