/* client/store/store_memory.h - the queue of a device without a disk: it lives as long as the process, and what it drops is accounted for as gaps (CQ-1). Also the disk of the
 * simulator: commits that take time, and a crash that keeps exactly what was committed. */
#ifndef HF_CLIENT_STORE_MEMORY_H
#define HF_CLIENT_STORE_MEMORY_H

#include "client/store/store.h"
#include "codec/ws/memory.h"

struct hf_store_memory_options {
    struct hf_store_limits limits;
    struct hf_ws_memory memory; /* resize NULL = malloc */
    uint64_t queue_id;          /* fresh random, not 0 */
    uint32_t commit_ms;         /* a change is durable so long after it was made; 0 = at once */
};

/* HF_ERR_NOMEM, HF_ERR_INVALID (queue_id 0). */
hf_err hf_store_memory_open(const struct hf_store_memory_options *options, struct hf_store **ret_store);
/* The device's power goes: what was not committed is undone, no ticket of it will be told. The store goes on with a new client. */
void hf_store_memory_crash(struct hf_store *store);
/* From now on every commit fails with err, HF_OK heals. */
void hf_store_memory_fail(struct hf_store *store, hf_err err);

#endif
