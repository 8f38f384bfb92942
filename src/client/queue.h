/* client/queue.h - the uplink queue as both engines use it: publishing, numbers, commits and their news, what is forgotten and what is given up. It keeps the books between the
 * store (store.h) and the application; when something is sent, and when it counts as sent, is the engine's.
 *
 *     publish -> appended -> [commit] -> `published` ... number -> [commit] -> may be sent ... forget -> `sent`
 *                                                                                          reject -> [commit] -> `failed` */
#ifndef HF_CLIENT_QUEUE_H
#define HF_CLIENT_QUEUE_H

#include "base/rng.h"
#include "client/engine.h"

struct hf_client_pending { /* what the application hears of when it is durable */
    uint64_t ticket, id;
    bool failed; /* for `reason`, which is the peer's word and may be NONE; else it is a publish */
    enum hf_reason reason;
    void *cookie;
};

struct hf_client_queue {
    struct hf_store *store;          /* borrows, and all of these */
    const struct hf_client_ops *ops; /* published, sent, failed, error */
    void *user;
    const struct hf_client_time *now; /* of the input that is being worked on */
    struct hf_client_counts *counts;
    struct hf_rng *rng;
    /* All tickets up to `through` have ended with err: the engine's own part, before the application hears its own. */
    void (*stored)(struct hf_client_queue *queue, uint64_t through, hf_err err);
    /* the engine reads these */
    struct hf_store_facts facts; /* as of the last call on the store */
    uint64_t durable_next;       /* numbers below it are durable, and may be sent */
    uint64_t durable_position;   /* downlink */
    uint64_t retry_ms;           /* 0 = the store is well */
    bool busy;                   /* there is work since the last round; cleared by the engine */
    struct hf_client_pending pending[HF_STORE_BATCH];
    unsigned pending_count;
};

void hf_client_queue_init(struct hf_client_queue *queue); /* the pointers are set */

/* ---- the store ---- */
void hf_client_queue_look(struct hf_client_queue *queue); /* reads the facts again */
/* The store refused a change: it is tried again later. */
void hf_client_queue_trouble(struct hf_client_queue *queue, hf_err err);
bool hf_client_queue_well(const struct hf_client_queue *queue); /* it is not yet later */
/* Commits what is due (or all of it), and tells what became of it. */
void hf_client_queue_commit(struct hf_client_queue *queue, bool now);

/* ---- in ---- */
/* As `publish` of engine.h. Draws an id where there is none; makes room by dropping the oldest telemetry (CQ-5). */
hf_err hf_client_queue_publish(struct hf_client_queue *queue, const struct hf_store_message *message,
                               void *cookie);

/* ---- numbers ---- */
struct hf_client_pace {  /* of one connection */
    uint64_t backlog_id; /* messages up to this id waited when it opened: urgent ones above overtake them */
    uint64_t payload_bytes_max; /* a larger one will never go */
    bool urgent_next;           /* whose turn it is (CQ-7) */
};
/* Gives the next number. False: nothing waits, half of the queue has numbers, or the store is not well. */
bool hf_client_queue_number(struct hf_client_queue *queue, struct hf_client_pace *pace);

/* ---- out ---- */
/* What stands at seq. A row that is missing is a hole in the file, and reads as a gap, QUEUE_LOST. */
hf_err hf_client_queue_read(struct hf_client_queue *queue, uint64_t seq, struct hf_store_item *ret_item);
/* Durable at the peer through `through`: the queue forgets it, the application hears `sent`. */
void hf_client_queue_forget(struct hf_client_queue *queue, uint64_t through);
/* The peer will never take it: a gap stands in its place once *ret_ticket has ended well (NULL = nobody wants to know; 0 = it is gone or a gap already). The store's errors: it
 * is there as before. */
hf_err hf_client_queue_reject(struct hf_client_queue *queue, uint64_t seq, enum hf_reason reason,
                              uint64_t *ret_ticket);

#endif
