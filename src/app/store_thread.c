#include "app/store_thread.h"

#include "base/assert.h"
#include "io/clock.h"

enum {
    BATCH_EVENTS_MAX = 4096,
    BATCH_RECORDS_MAX = 65536, /* looked at; most of them change no table */
    COMMIT_BEHIND_MAX =
        262144,       /* records after which the position alone is committed, to keep the replay short */
    GROWTHS_MAX = 64, /* of the map during one replay: each doubles it */
    RETRY_MS = 500,
    SWEEP_MS = 5000,
};

static void note_gap(struct hf_store_thread *self)
{
    struct hf_log_gap gap = hf_log_reader_gap(self->reader);

    /* The tables cannot know what the log has lost. They go on with what is there, and say so. */
    hf_log(self->logger, HF_LOG_STORE_ERROR,
           HF_F_STR("what", "the log has a gap that the tables had not applied"), HF_F_U64("from", gap.from),
           HF_F_U64("to", gap.to), HF_F_REASON(gap.reason), HF_F_END);
    hf_log_reader_skip(self->reader);
}

/* Applies one batch. *ret_more: the log has more. On an error the reader is to be opened anew behind what is committed. */
static hf_err apply_batch(struct hf_store_thread *self, bool *ret_more, uint64_t *ret_events)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_log_record record;
    struct hf_event event;
    unsigned records = 0, events = 0;
    uint64_t through = hf_log_reader_offset(self->reader) - 1;
    hf_err err = HF_OK, read = HF_OK;
    bool taken = false;

    if (self->positions == NULL)
        self->positions = hf_positions_new();
    if (self->positions == NULL)
        return HF_ERR_NOMEM;

    while (err == HF_OK && records < BATCH_RECORDS_MAX && events < BATCH_EVENTS_MAX) {
        read = hf_log_reader_next(self->reader, &record);
        if (read == HF_ERR_NOT_FOUND || read == HF_ERR_CORRUPT) {
            note_gap(self);
            through = hf_log_reader_offset(self->reader) - 1;
            continue;
        }
        if (read != HF_OK)
            break;
        records++;
        through = record.offset;
        if (hf_event_decode((const uint8_t *)record.body.at, record.body.bytes, &event) != HF_OK ||
            !hf_projection_wants(&event))
            continue;
        event.offset = record.offset;
        event.time_ms = record.time_ms;
        if (txn == NULL)
            err = hf_kv_write(self->kv, &txn);
        if (err == HF_OK)
            err = hf_positions_take(self->positions, txn, &event, &taken);
        if (err == HF_OK && !taken)
            err = hf_projection_apply(txn, &event);
        events += !taken;
    }
    *ret_more = read == HF_OK;
    if (err == HF_OK && read != HF_OK && read != HF_ERR_AGAIN)
        err = read;
    if (err == HF_OK && txn == NULL && through > self->committed + COMMIT_BEHIND_MAX)
        err = hf_kv_write(self->kv, &txn);
    if (err == HF_OK && txn != NULL)
        err = hf_positions_flush(self->positions, txn);
    if (err != HF_OK || txn == NULL) {
        hf_positions_forget(self->positions);
        hf_kv_end(txn);
    } else {
        err = hf_kv_commit(txn, through);
        if (err == HF_OK) {
            self->committed = through;
            atomic_fetch_add(&self->commits, 1);
        }
    }
    if (err != HF_OK)
        return err;
    atomic_fetch_add(&self->applied_events, events);
    *ret_events += events;
    if (through > atomic_load(&self->applied))
        atomic_store(&self->applied, through);
    return HF_OK;
}

static hf_err open_reader(struct hf_store_thread *self)
{
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    uint64_t from = self->committed + 1, end = hf_log_durable_through(self->log) + 1;

    return hf_log_reader_open(self->log, HF_MIN(from, end), &self->reader);
}

hf_err hf_store_thread_replay(struct hf_store_thread *self, uint64_t *ret_events)
{
    bool more = true;
    unsigned tries = 0;

    *ret_events = 0;
    self->committed = hf_kv_applied_offset(self->kv);
    atomic_store(&self->applied, self->committed);
    self->inbox = hf_inbox_new(1);
    hf_err err = self->inbox ? open_reader(self) : HF_ERR_NOMEM;
    while (err == HF_OK && more) {
        err = apply_batch(self, &more, ret_events);
        if (err == HF_ERR_AGAIN &&
            ++tries < GROWTHS_MAX) { /* the map has to grow: once more from what is committed */
            err = open_reader(self);
            more = true; /* it may have been the last batch that did not fit */
        }
    }
    return err;
}

static void sweep(struct hf_store_thread *self)
{
    struct hf_kv_txn *txn = NULL;
    uint64_t deleted = 0;

    self->swept_ms = hf_clock_ms();
    if (hf_kv_write(self->kv, &txn) != HF_OK)
        return;
    hf_err err = hf_projection_sweep(txn, &self->sweep, hf_clock_utc_ms(), self->idempotency_ms, &deleted);
    if (err != HF_OK || deleted == 0) {
        hf_kv_end(txn);
        return;
    }
    if (hf_kv_commit(txn, HF_MAX(self->committed, hf_kv_applied_offset(self->kv))) == HF_OK)
        atomic_fetch_add(&self->swept, deleted);
}

static void run(void *context)
{
    struct hf_store_thread *self = context;
    bool failed = false;

    while (!atomic_load(&self->stopping) || hf_log_durable_through(self->log) > atomic_load(&self->applied)) {
        uint64_t before = atomic_load(&self->applied), events = 0;
        bool more = self->reader == NULL; /* opened now, read in the next round */
        hf_err err = self->reader ? apply_batch(self, &more, &events) : open_reader(self);

        if (err != HF_OK) {
            if (err != HF_ERR_AGAIN && !failed) {
                failed = true;
                hf_log(self->logger, HF_LOG_STORE_ERROR, HF_F_ERR(err), HF_F_U64("applied", before),
                       HF_F_END);
            }
            atomic_fetch_add(&self->failures, 1);
            if (atomic_load(&self->stopping))
                break; /* the next start replays it */
            if (err != HF_ERR_AGAIN)
                (void)hf_inbox_wait(self->inbox, RETRY_MS);
            (void)open_reader(self);
            continue;
        }
        failed = false;
        if (atomic_load(&self->applied) > before)
            self->on_applied(self->context);
        if (more)
            continue;
        if (hf_clock_ms() - self->swept_ms >= SWEEP_MS)
            sweep(self);
        if (!atomic_load(&self->stopping))
            (void)hf_inbox_wait(self->inbox, SWEEP_MS);
    }
    hf_log_reader_close(self->reader);
    self->reader = NULL;
}

hf_err hf_store_thread_start(struct hf_store_thread *self)
{
    return hf_thread_start(&self->thread, "hf-store", HF_THREAD_ANY_CPU, run, self);
}

void hf_store_thread_wake(struct hf_store_thread *self)
{
    hf_inbox_wake(self->inbox);
}

void hf_store_thread_stop(struct hf_store_thread *self)
{
    atomic_store(&self->stopping, true);
    if (self->inbox != NULL)
        hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    hf_inbox_free(self->inbox);
    self->inbox = NULL;
    hf_positions_free(self->positions);
    self->positions = NULL;
}
