/* core/hub_parts.h - what the parts of the hub share with each other: hub.c (devices), hub_conn.c (connections), outbox*.c (tracked
 * messages), hub_send.c (queues and settling), hub_topics.c (fan-out), hub_call.c (requests). Nobody else includes this. */
#ifndef HF_CORE_HUB_PARTS_H
#define HF_CORE_HUB_PARTS_H

#include "base/hash.h"
#include "core/hub.h"
#include "core/hub_session.h"
#include "core/rows.h"
#include "core/sendq.h"
#include "core/session_record.h"
#include "core/shared.h"

/* A tracked message or command to one device, from its acceptance to its end:
 *   RECORDING -> WAITING -> IN_QUEUE -> WRITTEN -> (message) ENDING
 *                   ^__________|___________|        (command) SENT -> ENDING      any state but RECORDING may go to ENDING
 *                   ^_______________________________________|  a command unanswered when its connection ends is sent again
 * ENDING: the final record is appended; freed when that is durable.
 * In a session of holdfast.v1 a plain message goes WRITTEN -> SENT, too, and ENDING when the device has it durably; a command then goes to
 * DELIVERED and waits for its result only: a resumed connection does not send it again. IN_QUEUE does not occur: it waits on disk. */
enum hf_pending_state {
    HF_PENDING_RECORDING, /* the QUEUED record is not durable yet */
    HF_PENDING_WAITING,   /* only in the outbox table */
    HF_PENDING_IN_QUEUE,  /* in the connection's send queue */
    HF_PENDING_WRITTEN,   /* given to the link, not yet seen taken by the kernel */
    HF_PENDING_SENT,      /* a command that waits for its result; session: all that the kernel has taken */
    HF_PENDING_DELIVERED, /* session: a command that the device has durably */
    HF_PENDING_ENDING,
};

struct hf_pending {
    struct hf_map_node node;     /* hub->pending, by id */
    struct hf_list_node line;    /* outbox->line, by seq */
    struct hf_list_node written; /* outbox->written while WRITTEN */
    struct hf_timer expiry;      /* its time to live */
    struct hf_timer patience;    /* of the call that waits */
    struct hf_waiter waiter;     /* of QUEUED and of the final record: never both at once */
    struct hf_hub *hub;
    struct hf_device *device;
    struct hf_call *call;     /* ours to answer: RECORDING, or waiting for the end; else NULL */
    struct hf_call *canceler; /* ours to answer when the end is durable; else NULL */
    uint64_t seq, expires_ms, offset;
    uint8_t id[16];
    uint32_t bytes;
    uint8_t state, class, flags;
    bool command, counted; /* counted: accepted in the ledger */
    bool in_flight;        /* its bytes count in the session's window */
    uint8_t end_fate;
    uint16_t end_reason;
    uint64_t uplink_queue,
        uplink_seq; /* session: where the result that ended it came from, which is durable with the end; 0 = none */
    struct hf_slice name; /* a command's; owned */
    char *name_storage;
};

/* A key whose row may not be in the tables yet. */
struct hf_recent_key {
    struct hf_list_node node;
    uint64_t offset; /* 0 = its record is not durable yet */
    uint64_t hash;   /* of the body */
    uint8_t id[16];
    uint16_t bytes;
    char key[];
};

/* How a session begins, decided at HELLO; until WELCOME. */
struct hf_session_decision {
    uint64_t gap_from, gap_to;
    uint16_t reason;
    uint8_t result; /* enum hf_session_result */
};

/* A record that is awaited: so that its device stays in memory until the tables can know it, or so that a call is answered. */
struct hf_open_record {
    struct hf_waiter waiter;
    struct hf_list_node node; /* on hub->open_records */
    struct hf_hub *hub;
    struct hf_device *device; /* or NULL */
    struct hf_call *call;     /* or NULL; ours to answer */
    uint64_t welcome_epoch;   /* an ONLINE record of a session: WELCOME follows, as was decided; 0 = none */
    struct hf_session_decision decision;
};

/* A numbered uplink frame on its way into the log. */
struct hf_uplink {
    struct hf_waiter waiter;
    struct hf_list_node node; /* on hub->uplinks_open */
    struct hf_hub *hub;
    struct hf_device *device;
    uint64_t queue_id, seq;
    uint8_t id[16]; /* of the message; all zero = it has none */
};

struct hf_outbox {
    struct hf_list_node line, written;
    struct hf_list_node keys; /* hf_recent_key */
    struct hf_barrier barrier;
    struct hf_device *device;
    struct hf_hub *hub;
    uint32_t messages;
    uint64_t bytes;
};

/* hub.c */
struct hf_slice hf_device_name(const struct hf_device *device);
hf_err hf_hub_load(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice id,
                   struct hf_device **ret_device);
void hf_device_rest(struct hf_hub *hub, struct hf_device *device); /* re-arms its timer for what comes next */
/* Appends an event of this device; the waiter may be NULL. Counts refusals. */
hf_err hf_device_record(struct hf_hub *hub, struct hf_device *device, struct hf_event *event,
                        struct hf_waiter *waiter);
/* ended: with its connection, so there is something to record whether the presence changes or not. */
void hf_device_presence(struct hf_hub *hub, struct hf_device *device, enum hf_evidence evidence,
                        enum hf_reason reason, uint16_t code, bool ended);
/* HF_ERR_NOMEM, or the journal's error: nothing has changed. */
hf_err hf_device_connected(struct hf_hub *hub, struct hf_device *device, const struct hf_hub_connect *connect,
                           const struct hf_session_decision *decision);
/* A connection ended and the device stays as it is, because a newer one took over. */
void hf_device_ended(struct hf_hub *hub, struct hf_device *device, enum hf_reason reason, uint16_t code);
/* Appends and waits for it; on HF_OK the record is on hub->open_records. HF_ERR_NOMEM, or the journal's error. */
hf_err hf_hub_record(struct hf_hub *hub, const struct hf_event *event, struct hf_device *device,
                     struct hf_call *call);
enum hf_reason hf_load_reason(hf_err err); /* why hf_hub_load() failed, for whoever asked */

/* hub_conn.c */
void hf_publications_discard(struct hf_hub *hub); /* at shutdown */

/* outbox.c */
void hf_outbox_send(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
void hf_outbox_cancel(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
void hf_outbox_state(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
void hf_outbox_load(struct hf_hub *hub,
                    struct hf_device *device); /* moves what waits towards the connection */
void hf_outbox_later(struct hf_hub *hub, struct hf_device *device); /* the same in another turn */
void hf_outbox_sent(struct hf_hub *hub, struct hf_pending *pending);
/* result: format, flags, payload; or NULL. Fails only with a result, when the journal cannot take it: then nothing has changed. */
hf_err hf_outbox_end(struct hf_hub *hub, struct hf_pending *pending, enum hf_fate fate, enum hf_reason reason,
                     const struct hf_event *result);
void hf_outbox_disconnected(struct hf_hub *hub,
                            struct hf_device *device); /* WRITTEN and IN_QUEUE wait again */
/* HF_ERR_NOT_FOUND, HF_ERR_CORRUPT, or the tables' error; the slices of *ret_outgoing borrow from txn. */
hf_err hf_outbox_read(struct hf_kv_txn *txn, const struct hf_pending *pending,
                      struct hf_outgoing *ret_outgoing);
void hf_outbox_free_if_idle(struct hf_hub *hub, struct hf_device *device);
void hf_outbox_discard(struct hf_hub *hub,
                       struct hf_device *device); /* at shutdown: forgets, the tables keep */
struct hf_pending *hf_pending_find(struct hf_hub *hub, const uint8_t id[16]);
hf_err hf_outbox_restore(struct hf_hub *hub, struct hf_tenant *tenant, const struct hf_event *queued);

void hf_pending_free(struct hf_pending *pending); /* nobody waits for it */
void hf_call_answer(struct hf_hub *hub, struct hf_call *call, enum hf_reason reason);

/* outbox_end.c: hf_outbox_end(), hf_outbox_cancel() and the timers */
void hf_pending_expired(struct hf_timer *timer, uint64_t now_ms);
void hf_pending_patience_over(struct hf_timer *timer, uint64_t now_ms);

/* outbox_keys.c */
uint64_t hf_call_body_hash(const struct hf_call *call);
/* Answers with the first request's message when the key is known. True when the call was answered. */
bool hf_outbox_replay(struct hf_hub *hub, struct hf_device *device, struct hf_call *call);
hf_err hf_outbox_remember_key(struct hf_outbox *outbox, const struct hf_call *call);       /* HF_ERR_NOMEM */
struct hf_recent_key *hf_outbox_key_by_id(struct hf_outbox *outbox, const uint8_t id[16]); /* or NULL */
void hf_outbox_forget_keys(struct hf_hub *hub, struct hf_outbox *outbox,
                           bool all); /* those that the tables have */

/* hub_send.c */
enum hf_push { HF_PUSH_WRITTEN, HF_PUSH_QUEUED, HF_PUSH_SPILLED, HF_PUSH_DROPPED, HF_PUSH_CLOSED };
/* variants: encodings made so far for this message, HF_DEVCONN_VARIANTS of them, NULL when it goes to one connection only. */
enum hf_push hf_hub_push(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing,
                         struct hf_shared **variants, struct hf_pending *pending, enum hf_reason *ret_reason);
void hf_hub_touch(struct hf_hub *hub, struct hf_devconn *devconn);   /* to be settled this turn */
void hf_hub_unqueue(struct hf_hub *hub, struct hf_devconn *devconn); /* at disconnect */

void hf_hub_count_out(struct hf_hub *hub, struct hf_devconn *devconn, size_t bytes);

/* hub_session_open.c */
hf_err hf_session_load(struct hf_hub *hub, struct hf_device *device,
                       const struct hf_device_row *row); /* HF_ERR_NOMEM */
void hf_session_free(struct hf_device *device);
/* HF_ERR_DENIED: not to be resumed and not to be let in, *ret_reason says why; HF_ERR_NOMEM. Nothing is recorded yet. */
hf_err hf_session_open(struct hf_hub *hub, struct hf_device *device, const struct hf_session_hello *hello,
                       struct hf_session_decision *ret_decision, enum hf_reason *ret_reason);
void hf_session_record_fill(const struct hf_session *session, const struct hf_session_decision *decision,
                            uint8_t out[HF_SESSION_RECORD_BYTES]);
void hf_session_opened(struct hf_hub *hub, struct hf_devconn *devconn,
                       const struct hf_session_decision *decision);
void hf_session_welcome(struct hf_hub *hub, struct hf_device *device, uint64_t epoch,
                        const struct hf_session_decision *decision);
void hf_session_closed(struct hf_hub *hub, struct hf_devconn *devconn, uint64_t last_life_ms);

/* hub_refusals.c: of the queue that the device's session has now */
void hf_hub_refusals_init(struct hf_hub *hub);
hf_err hf_hub_refusals_load(struct hf_hub *hub, const struct hf_device *device,
                            const struct hf_device_row *row); /* HF_ERR_NOMEM */
/* Room for this one. HF_ERR_NOMEM; HF_ERR_LIMIT: the device could not be told of all of them any more. */
hf_err hf_hub_refusals_reserve(struct hf_hub *hub, const struct hf_device *device, uint64_t seq,
                               enum hf_reason reason, uint64_t first);
void hf_hub_refusals_add(struct hf_hub *hub, const struct hf_device *device, uint64_t seq,
                         enum hf_reason reason, uint64_t first); /* the device knows those below first */
void hf_hub_refusals_trim(struct hf_hub *hub, const struct hf_device *device, uint64_t first);
void hf_hub_refusals_drop(struct hf_hub *hub, const struct hf_device *device); /* it goes */
const struct hf_refusals *hf_hub_refusals(const struct hf_hub *hub,
                                          const struct hf_device *device); /* NULL: none */

/* hub_untold.c */
enum { HF_HUB_UNTOLD_MAX = 64 }; /* shadows of one connection; above it is closed as a slow reader */
void hf_hub_untold_init(struct hf_hub *hub);
void hf_hub_shadow_told(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name);
/* There may be room. It may close the connection. */
void hf_hub_untold_tell(struct hf_hub *hub, struct hf_devconn *devconn);
void hf_hub_untold_drop(struct hf_hub *hub, struct hf_devconn *devconn); /* the connection ends */

/* hub_session.c */
void hf_session_uplink_durable(struct hf_hub *hub, struct hf_device *device, uint64_t queue_id, uint64_t seq,
                               const uint8_t id[16]);
void hf_uplinks_discard(struct hf_hub *hub); /* at shutdown */

/* hub_document.c */
void hf_hub_document(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
void hf_documents_init(struct hf_hub *hub);
void hf_documents_answer(struct hf_hub *hub); /* at shutdown: every call that waits, unfinished */
void hf_documents_discard(struct hf_hub *hub);

/* outbox_session.c */
/* HF_PUSH_WRITTEN or HF_PUSH_SPILLED: it waits for its turn, the window, the link or WELCOME. */
enum hf_push hf_session_push(struct hf_hub *hub, struct hf_pending *pending,
                             const struct hf_outgoing *outgoing);
bool hf_session_blocked(
    const struct hf_devconn *devconn); /* nothing can go now; what unblocks it will touch the connection */
void hf_outbox_session_opened(struct hf_hub *hub, struct hf_device *device, bool resumed);
void hf_outbox_session_delivered(struct hf_hub *hub, struct hf_device *device, uint64_t through);
void hf_outbox_session_resend(struct hf_hub *hub, struct hf_device *device, uint64_t from, uint64_t to);
void hf_session_gaps(
    struct hf_hub *hub,
    struct hf_devconn *devconn); /* numbers at the head of the line that no message holds any more */
void hf_session_ended(struct hf_hub *hub, struct hf_pending *pending, enum hf_fate fate,
                      enum hf_reason reason);
bool hf_session_awaits_end(
    const struct hf_device *device,
    const struct hf_pending *ending); /* its number is the next one to go out, or behind it */
void hf_session_end_durable(struct hf_hub *hub, struct hf_device *device);

/* hub_topics.c */
void hf_topics_leave(struct hf_hub *hub, struct hf_devconn *devconn); /* all of them, at disconnect */
void hf_topics_broadcast(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
bool hf_topic_eq(const struct hf_map_node *node, const void *key);
uint64_t hf_topic_hash(const struct hf_tenant *tenant, struct hf_slice topic);

static inline const struct hf_tenant_rules *hf_rules(const struct hf_tenant *tenant)
{
    return atomic_load_explicit(&tenant->rules, memory_order_acquire);
}

#endif
