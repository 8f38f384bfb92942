/* log/commit.h - when to sync: the pure part of group commit (ST-1). The log thread runs the syncs; while
 * one runs, batches wait in its mailbox and become the next group, so that company costs no waiting. What
 * is left to decide when a sync has returned: go with what is there, or wait for more.
 *
 * HF_COMMIT_WAIT_US_DEFAULT is 0 by measurement (test/support/log_bench.c, 100,000 records/s of 200 bytes in
 * batches of 100, a sync of about 0.3 ms): the rate is met with any wait, and the median acknowledgement takes
 * 0.3 ms with no wait, 0.8 ms with 0.5 ms, 1.3 ms with 1 ms and 2.5 to 3.2 ms with 2 ms. Where a sync is slow, groups
 * grow by themselves while it runs. A wait, up to HF_COMMIT_WAIT_US_MAX, is for disks that are paid or worn by the
 * sync: 2 ms leave a third of the syncs.
 *
 * Where a sync is quick and messages are many the processor is what is short: each sync wakes the log, the workers, the
 * store and the readers for a few records. So from HF_COMMIT_PACE_RECORDS_PER_MS on, groups begin pace_us apart at
 * least; a peer that waits for its acknowledgement before it sends more falls below that rate and is not held up for long.
 * Pure: time is handed in. */
#ifndef HF_LOG_COMMIT_H
#define HF_LOG_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_COMMIT_WAIT_US_DEFAULT = 0,
    HF_COMMIT_WAIT_US_MAX = 2000, /* ST-1: at most 2 ms for company */
    HF_COMMIT_PACE_US_DEFAULT = 2000,
    HF_COMMIT_PACE_RECORDS_PER_MS = 24, /* from here on syncs are paced */
    HF_COMMIT_RECORDS_MAX = 4096,       /* ST-1 */
    HF_COMMIT_BYTES_MAX = 1 << 20,      /* ST-1; one batch that is larger goes alone */
    HF_COMMIT_BATCHES_MAX = 256         /* = HF_LOG_BATCHES_MAX */
};

struct hf_commit { /* the group that is being collected */
    uint32_t wait_us, pace_us;
    uint32_t batches, records;
    uint64_t bytes;
    uint64_t since_us; /* when its first batch came */
    uint64_t begun_us; /* when the group before went to disk; 0 = none did */
};

void hf_commit_init(struct hf_commit *commit, uint32_t wait_us,
                    uint32_t pace_us); /* both are cut to HF_COMMIT_WAIT_US_MAX */

/* May this batch join the group? Always when the group is empty. When not, the group is full: sync it. */
bool hf_commit_fits(const struct hf_commit *commit, uint32_t records, uint64_t bytes);
void hf_commit_add(struct hf_commit *commit, uint32_t records, uint64_t bytes, uint64_t now_us);

/* How long to wait for more batches before the sync, in us; 0 = go now. Only with batches >= 1. */
uint32_t hf_commit_wait_us(const struct hf_commit *commit, uint64_t now_us);
void hf_commit_begin(struct hf_commit *commit, uint64_t now_us); /* the group goes to disk */
void hf_commit_done(struct hf_commit *commit);                   /* it did, or is kept by the caller */

#endif
