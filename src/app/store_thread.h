/* app/store_thread.h - the only writer of the tables. It reads the log like any other reader and applies what it finds, so that the
 * running gateway and the replay after a crash are one piece of code. It is a thread of its own so that the table store's sync never
 * delays a group commit. */
#ifndef HF_APP_STORE_THREAD_H
#define HF_APP_STORE_THREAD_H

#include <stdatomic.h>

#include "app/log_damage.h"
#include "base/logger.h"
#include "core/kv.h"
#include "core/positions.h"
#include "core/projection.h"
#include "io/mailbox.h"
#include "io/thread.h"
#include "log/log.h"
#include "log/reader.h"

struct hf_store_thread {
    struct hf_log *log;
    struct hf_kv *kv;
    struct hf_log_damage damage;
    struct hf_logger *logger;
    struct hf_sweep_ages ages;
    void (*on_applied)(void *context); /* after each step forward */
    void *context;
    struct hf_inbox *inbox; /* only to be woken */
    _Atomic bool stopping;
    _Atomic uint64_t applied; /* the tables are as if everything up to here was applied */
    _Atomic uint64_t applied_events, commits, failures, swept;
    _Atomic uint64_t swept_of[HF_KV_TABLES],
        trimmed_of[HF_KV_TABLES]; /* rows: too old; made room for newer ones */
    struct hf_thread thread;
    struct hf_log_reader *reader;
    struct hf_sweep sweep;
    struct hf_positions *positions; /* owns; from the first batch on */
    uint64_t swept_ms, committed;   /* committed: what the table store itself remembers */
};

/* store_apply.c: the steps that the thread takes, for it and for the simulator. */
enum { HF_STORE_BATCH_RECORDS = 65536 }; /* looked at in one step; most of them change no table */
hf_err hf_store_open_reader(struct hf_store_thread *self); /* behind what is committed */
void hf_store_close_reader(struct hf_store_thread *self);  /* also twice */
/* Applies one batch. *ret_more: the log has more. On an error the reader is to be opened anew. */
hf_err hf_store_apply_batch(struct hf_store_thread *self, unsigned records_max, bool *ret_more,
                            uint64_t *ret_events);
hf_err hf_store_replay(struct hf_store_thread *self, uint64_t *ret_events);
void hf_store_sweep(struct hf_store_thread *self, uint64_t now_ms, uint64_t utc_ms);

/* Opens the reader and replays the log's tail, on the calling thread: when it returns HF_OK the tables are up to date. */
hf_err hf_store_thread_replay(struct hf_store_thread *self, uint64_t *ret_events);
hf_err hf_store_thread_start(struct hf_store_thread *self);
void hf_store_thread_wake(struct hf_store_thread *self); /* any thread: there is more */
void hf_store_thread_stop(struct hf_store_thread *self); /* applies what is durable, then ends */

#endif
