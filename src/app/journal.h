/* app/journal.h - a worker's way into the event log. Events are encoded into batches that the log thread writes from this very
 * memory; their waiters are told, in order, when the batch is durable. One batch is on its way while the next one fills (natural group
 * commit), more only when a batch is full.
 *
 * Bounds: HF_JOURNAL_GATE_BYTES in flight close the gate (the worker stops reading devices), HF_JOURNAL_BYTES_MAX refuse. While
 * `no_space` is set, what peers ask for is refused although there is memory: it could not be answered before the disk has space. */
#ifndef HF_APP_JOURNAL_H
#define HF_APP_JOURNAL_H

#include "core/journal.h"
#include "log/batch.h"

struct hf_hub;

enum {
    HF_JOURNAL_BATCH_BYTES = 64 << 10,
    HF_JOURNAL_GATE_BYTES = 4 << 20,
    HF_JOURNAL_BYTES_MAX = 32 << 20,
};

struct hf_journal_batch {
    struct hf_log_batch log;
    struct hf_waiter *waiters, **waiters_end;
    uint64_t time_ms;  /* of the append, set by the log thread */
    uint32_t messages; /* MESSAGE records in it */
    uint64_t begun_us; /* monotonic: when its first record came */
    unsigned worker;
    bool oversized; /* for one large record; not kept for reuse */
    bool lost;      /* set by the log thread when it ends over a disk that fails: never became durable */
    struct hf_journal_batch *next;
};

struct hf_app_journal {
    struct hf_journal base;     /* first */
    struct hf_hub *hub;         /* told how many messages became durable */
    struct hf_latency *latency; /* how long they took; NULL: not measured */
    uint64_t (*clock_us)(void); /* with latency: monotonic */
    struct hf_journal_batch *filling, *full, **full_end, *idle;
    /* Gives a batch to the log thread; false when its mailbox is full. */
    bool (*post)(void *context, struct hf_journal_batch *batch);
    void *context;
    unsigned worker;
    bool no_space; /* set by the worker: the log has taken nothing for longer than its grace */
    bool closed;   /* the log thread has ended: nothing is taken any more */
    uint64_t in_flight_bytes, held_bytes; /* held: storage taken from the system */
    uint32_t in_flight;                   /* batches with the log thread */
    uint64_t records_total, batches_total, refused_total;
};

void hf_app_journal_init(struct hf_app_journal *journal, struct hf_hub *hub, unsigned worker,
                         bool (*post)(void *context, struct hf_journal_batch *batch), void *context);
/* Frees what is held; batches with the log thread came back before. Waiters that were never told are forgotten. */
void hf_app_journal_deinit(struct hf_app_journal *journal);
/* At the end of a turn: hands over what is due. */
void hf_app_journal_submit(struct hf_app_journal *journal);
/* At the end of the process: hands over everything, without waiting for company. */
void hf_app_journal_flush(struct hf_app_journal *journal);
/* Once the log thread has ended: appends are refused from here on, batches may still come back. */
void hf_app_journal_close(struct hf_app_journal *journal);
/* A batch came back: tells its waiters, unless it is lost, and takes it for reuse. */
void hf_app_journal_durable(struct hf_app_journal *journal, struct hf_journal_batch *batch);
bool hf_app_journal_open(const struct hf_app_journal *journal);  /* the gate: may devices be read? */
bool hf_app_journal_empty(const struct hf_app_journal *journal); /* everything appended is durable */

#endif
