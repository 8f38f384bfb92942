/* app/series_thread.h - the time series follow the log (core/twin/archive.h), on a thread and in a table store of their own: what samples cost, and a store of theirs that is
 * full or broken, never delays the tables. It reads the log like any other reader, in steps: nothing waits for it but queries, which it answers too, because it has in memory
 * what is not in a row yet. */
#ifndef HF_APP_SERIES_THREAD_H
#define HF_APP_SERIES_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/log_damage.h"
#include "app/log_thread.h"
#include "base/logger.h"
#include "core/call.h"
#include "core/twin/archive.h"
#include "io/mailbox.h"
#include "io/thread.h"
#include "log/reader.h"

enum {
    HF_SERIES_QUERIES_MAX = 256,      /* at work, of all workers; more are busy */
    HF_SERIES_STEP_RECORDS = 16384,   /* of the log, between looks at queries */
    HF_SERIES_WAIT_RECORDS = 1 << 20, /* a query waits for the log's end, unless that is so far */
};

struct hf_series_thread_stats { /* a copy under the mutex */
    struct hf_archive_stats archive;
    struct hf_kv_stats kv;
    uint64_t applied, failures, gaps /* records that retention took before they were read */;
};

struct hf_series_thread {
    struct hf_log *log; /* set by the caller, as far as kv_dir */
    struct hf_log_damage damage;
    struct hf_logger *logger;
    unsigned workers;
    struct hf_archive_limits limits;
    uint32_t commit_ms;
    struct hf_kv *kv; /* borrows */
    struct hf_inbox *inbox;
    struct hf_mailbox *from[HF_WORKERS_MAX]; /* posted to by worker i: struct hf_call */
    struct hf_mailbox *to[HF_WORKERS_MAX];   /* worker i's inbox */
    _Atomic uint32_t queries;                /* at work */
    _Atomic bool stopping;
    struct hf_thread thread;
    struct hf_archive archive;
    struct hf_log_reader *reader;
    struct { /* that wait, in order */
        struct hf_call *call;
        uint64_t offset; /* through which the log is to be taken first */
    } waiting[HF_SERIES_QUERIES_MAX];
    unsigned waiting_count;
    uint64_t taken, committed_ms, fresh; /* fresh: batches since the last commit */
    uint64_t failures, gaps;
    bool failing;
    pthread_mutex_t stats_mutex;
    struct hf_series_thread_stats stats;
};

/* HF_ERR_*: the store cannot be read, or no memory. */
hf_err hf_series_thread_init(struct hf_series_thread *self);
hf_err hf_series_thread_start(struct hf_series_thread *self);
void hf_series_thread_stop(
    struct hf_series_thread *self); /* takes and commits what is durable; queries come back, reason drain */
void hf_series_thread_deinit(struct hf_series_thread *self); /* also of one that was never there */

/* On worker call->origin. HF_ERR_BUSY: too many at work. */
hf_err hf_series_ask(struct hf_series_thread *self, struct hf_call *call);
/* It came back by mailbox: on_done. */
void hf_series_arrived(struct hf_series_thread *self, struct hf_call *call);
void hf_series_thread_stats(struct hf_series_thread *self,
                            struct hf_series_thread_stats *ret_stats); /* any thread */

#endif
