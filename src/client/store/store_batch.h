/* client/store/store_batch.h - what both bodies of client/store/store.h share: limits, and which calls a commit covers. */
#ifndef HF_CLIENT_STORE_BATCH_H
#define HF_CLIENT_STORE_BATCH_H

#include "client/store/store.h"

/* Defaults and minimums. */
struct hf_store_limits hf_store_limits_of(const struct hf_store_limits *limits);
uint64_t hf_store_message_bytes(const struct hf_store_message *message); /* as the limits count them */
/* HF_OK; HF_ERR_LIMIT; HF_ERR_INVALID. */
hf_err hf_store_may_append(const struct hf_store_facts *facts, const struct hf_store_limits *limits,
                           const struct hf_store_message *message);
bool hf_store_half_numbered(const struct hf_store_facts *facts, const struct hf_store_limits *limits);
/* What number() makes of this message; NONE: it gets its number. */
enum hf_reason hf_store_judge(const struct hf_store_message *message, uint64_t utc_ms,
                              uint64_t payload_bytes_max);

struct hf_store_batch {      /* zeroed: nothing is open */
    uint64_t ticket;         /* the last one given */
    uint64_t told;           /* up to here poll() has told */
    uint64_t failed_through; /* 0 = no failure waits to be told */
    uint64_t begin_ms;       /* when poll() first saw the open batch; 0 = not yet */
    uint64_t
        last_ms; /* when the last commit began: a lone call waits for nobody, many wait at most HF_STORE_BATCH_MS */
    hf_err failed;
    unsigned calls;
    bool hurried; /* somebody waits for it; else it has HF_STORE_PRUNE_MS */
};

uint64_t hf_store_batch_call(struct hf_store_batch *batch); /* gives the ticket */
void hf_store_batch_call_lazy(struct hf_store_batch *batch);
/* All calls of the open batch ended: with HF_OK poll() tells it at once, else at its next call. */
void hf_store_batch_end(struct hf_store_batch *batch, hf_err err);
/* True: commit now. delay_ms: a slow disk's, on top. */
bool hf_store_batch_is_due(struct hf_store_batch *batch, uint64_t now_ms, bool force, uint64_t delay_ms);
uint64_t hf_store_batch_due_ms(const struct hf_store_batch *batch, uint64_t delay_ms);
/* poll()'s answer. */
bool hf_store_batch_tell(struct hf_store_batch *batch, uint64_t *ret_through, hf_err *ret_err);

#endif
