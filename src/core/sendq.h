/* core/sendq.h - what waits in memory for one slow connection: whole encoded messages, bounded to the byte (what the link still
 * holds is counted in by the caller), with a policy per message (OL-5). Control frames never come here. Made when
 * the first message has to wait, freed when the last one is gone. */
#ifndef HF_CORE_SENDQ_H
#define HF_CORE_SENDQ_H

#include <stdint.h>

#include "base/err.h"
#include "core/tenant.h"

struct hf_pending;
struct hf_shared;
struct hf_sendq;

struct hf_sendq_item {
    struct hf_shared *frame;    /* a reference of the item's own */
    struct hf_pending *pending; /* the tracked message this is, or NULL */
    uint64_t topic_hash;        /* for HF_POLICY_LATEST and _SAMPLE */
    uint64_t now_ms,
        until_ms; /* for HF_POLICY_SAMPLE: when it came, and until when a newer one takes its place */
    uint8_t policy;
    uint8_t ledger; /* which book: the caller's */
};

/* Called for each item that a push or a clear throws out, with the reason for the ledger. The item's reference is dropped
 * after it returns. */
typedef void hf_sendq_drop_fn(void *context, const struct hf_sendq_item *item, enum hf_reason reason);

enum hf_sendq_verdict {
    HF_SENDQ_TAKEN,      /* queued; the queue has its own reference now */
    HF_SENDQ_REFUSED,    /* this one is to be dropped (drop_newest, or nothing droppable was left) */
    HF_SENDQ_SPILL,      /* must_deliver and no room: leave it in the outbox */
    HF_SENDQ_DISCONNECT, /* policy disconnect and no room */
    HF_SENDQ_NOMEM,
};

struct hf_sendq *hf_sendq_new(void);        /* NULL on no memory */
void hf_sendq_free(struct hf_sendq *sendq); /* asserts that it is empty; NULL is harmless */

/* bytes_max is what the queue may hold now: the high mark less what the link holds. */
enum hf_sendq_verdict hf_sendq_push(struct hf_sendq *sendq, const struct hf_sendq_item *item,
                                    uint64_t bytes_max, hf_sendq_drop_fn *on_drop, void *context);
const struct hf_sendq_item *hf_sendq_front(const struct hf_sendq *sendq); /* NULL when empty */
/* The caller gets the front item's reference. Asserts that there is one. */
struct hf_sendq_item hf_sendq_pop(struct hf_sendq *sendq);
/* Takes out the tracked message (canceled, expired); true when it was there. */
bool hf_sendq_forget(struct hf_sendq *sendq, const struct hf_pending *pending);
void hf_sendq_clear(struct hf_sendq *sendq, enum hf_reason reason, hf_sendq_drop_fn *on_drop, void *context);
/* Drops that still have to be recorded in the log, counted per reason so that a flood makes one record a second. */
void hf_sendq_count_drop(struct hf_sendq *sendq, enum hf_reason reason);
/* True once per every_ms while something is counted; NULL gives false. */
bool hf_sendq_due_drops(struct hf_sendq *sendq, uint64_t now_ms, uint32_t every_ms);
uint32_t hf_sendq_take_drops(struct hf_sendq *sendq, enum hf_reason *ret_reason); /* 0 = none left */
uint64_t hf_sendq_bytes(const struct hf_sendq *sendq); /* NULL gives 0, here and below */
uint32_t hf_sendq_messages(const struct hf_sendq *sendq);

#endif
