/* app/log_thread.h - the only writer of the event log. Workers post batches; it forms groups, writes, syncs, and gives the batches back
 * when they are durable. A disk that fails keeps the group: it is written again when the disk recovers, nothing is lost, workers feel
 * it as back-pressure and refuse once the grace is over. */
#ifndef HF_APP_LOG_THREAD_H
#define HF_APP_LOG_THREAD_H

#include <stdatomic.h>

#include "app/journal.h"
#include "base/hist.h"
#include "base/logger.h"
#include "io/mailbox.h"
#include "io/thread.h"
#include "log/log.h"

enum { HF_WORKERS_MAX = 256, HF_LOG_THREAD_MARKS = 256 };

struct hf_log_thread_stats { /* a copy under the mutex, once per group */
    uint64_t groups, records, bytes, failures;
    struct hf_hist sync_us, group_records, commit_us /* mailbox to durable */;
};

struct hf_log_thread {
    struct hf_log *log;
    struct hf_logger *logger;
    struct hf_inbox *inbox;
    struct hf_mailbox *from[HF_WORKERS_MAX]; /* posted to by worker i */
    struct hf_mailbox *to[HF_WORKERS_MAX];   /* worker i's inbox */
    unsigned workers;
    uint32_t group_wait_us, group_pace_us;
    void (*on_durable)(void *context); /* after each sync: store and tail threads are woken */
    void *context;
    _Atomic bool stopping;
    _Atomic uint64_t failing_since_ms; /* monotonic; 0 = the disk takes data */
    _Atomic int failure;               /* hf_err */
    struct hf_thread thread;
    pthread_mutex_t stats_mutex;
    struct hf_log_thread_stats stats;
    struct { /* of the last groups, by their number; under the mutex */
        uint64_t through, us;
    } marks[HF_LOG_THREAD_MARKS];
    struct hf_journal_batch *waiting, **waiting_end; /* came in, not in a group yet */
};

/* log, logger, to[], workers, on_durable are set by the caller; makes inbox and from[]. */
hf_err hf_log_thread_init(struct hf_log_thread *self);
hf_err hf_log_thread_start(struct hf_log_thread *self);
/* Writes what was posted before, then ends. With a disk that fails it tries once more and gives the batches back as lost. */
void hf_log_thread_stop(struct hf_log_thread *self);
void hf_log_thread_deinit(struct hf_log_thread *self);
/* Monotonic: when the record of this offset became durable; 0: not lately. Any thread. */
uint64_t hf_log_thread_durable_us(struct hf_log_thread *self, uint64_t offset);
void hf_log_thread_stats(struct hf_log_thread *self, struct hf_log_thread_stats *ret_stats); /* any thread */

#endif
