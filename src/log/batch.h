/* log/batch.h - records on their way into the log. A worker encodes bodies straight into its batch, with
 * room for the log's record header before each, and hands the batch to the log thread; that thread fills
 * the headers in and writes from this very memory, so that no byte is copied twice. The CRC of a body is
 * taken by the worker, which leaves 32 bytes a record to the log thread.
 *
 * A batch lies in the caller's storage and belongs to one thread at a time. */
#ifndef HF_LOG_BATCH_H
#define HF_LOG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_LOG_RECORD_HEAD_BYTES = 36,    /* log/format.h */
    HF_LOG_BODY_BYTES_MAX = 2 << 20,  /* one record's body: 1..this */
    HF_LOG_BATCHES_MAX = 256,         /* per group: from one sync to the next */
    HF_LOG_GROUP_BYTES_MAX = 32 << 20 /* per group, headers included */
};

struct hf_log_batch {
    char *at;       /* borrows the storage */
    uint32_t bytes; /* taken, headers included */
    uint32_t bytes_max;
    uint32_t records;
    uint32_t reserved;     /* body bytes handed out by reserve, not committed yet; 0 = none */
    uint64_t first_offset; /* set by hf_log_append */
};

/* storage_bytes at most HF_LOG_GROUP_BYTES_MAX is used. Also empties a batch for reuse. */
void hf_log_batch_init(struct hf_log_batch *batch, void *storage, size_t storage_bytes);
void hf_log_batch_clear(struct hf_log_batch *batch);

/* Room for one body of at most body_bytes_max bytes, or NULL when it does not fit: hand the batch over and
 * start another. Bytes written there count once committed; a second reserve forgets the first. */
char *hf_log_batch_reserve(struct hf_log_batch *batch, size_t body_bytes_max);

/* Ends the record begun by reserve, 1 <= body_bytes <= what was reserved. key_hash: of tenant and device,
 * so that readers of one device can skip; 0 = belongs to none. It is stored, so it must be the same after a restart;
 * who can choose collisions gains only that a reader skips less. */
void hf_log_batch_commit(struct hf_log_batch *batch, size_t body_bytes, uint64_t key_hash);

/* Both in one, copying. HF_ERR_LIMIT when the batch has no room; HF_ERR_INVALID for an empty body or one
 * above HF_LOG_BODY_BYTES_MAX. */
hf_err hf_log_batch_add(struct hf_log_batch *batch, struct hf_slice body, uint64_t key_hash);

#endif
