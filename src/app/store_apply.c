/* app/store_apply.c - how the tables follow the log, without the thread that does it: the simulator runs the same code on simulated time. */
#include <string.h>

#include "app/store_thread.h"
#include "base/assert.h"
#include "core/audit_rows.h"

enum {
    BATCH_EVENTS_MAX = 4096,
    COMMIT_BEHIND_MAX =
        262144,       /* records after which the position alone is committed, to keep the replay short */
    GROWTHS_MAX = 64, /* of the map during one replay: each doubles it */
};

hf_err hf_store_open_reader(struct hf_store_thread *self)
{
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    uint64_t from = self->committed + 1, end = hf_log_durable_through(self->log) + 1;

    return hf_log_reader_open(self->log, HF_MIN(from, end), &self->reader);
}

static void note_gap(struct hf_store_thread *self)
{
    struct hf_log_gap gap = hf_log_reader_gap(self->reader);

    hf_log_damage_say(&self->damage, self->logger, "tables", self->reader);
    /* The tables cannot know what the log has lost. They go on with what is there, and say so. */
    hf_log(self->logger, HF_LOG_STORE_ERROR,
           HF_F_STR("what", "the log has a gap that the tables had not applied"), HF_F_U64("from", gap.from),
           HF_F_U64("to", gap.to), HF_F_REASON(gap.reason), HF_F_END);
    hf_log_reader_skip(self->reader);
}

struct batch {             /* on its way into the tables */
    struct hf_kv_txn *txn; /* NULL: nothing of it changes a table */
    uint64_t through;
    unsigned events;
    hf_err read; /* what the log said last */
};

static hf_err apply_record(struct hf_store_thread *self, struct batch *batch,
                           const struct hf_log_record *record)
{
    struct hf_event event;
    bool taken = false;

    if (hf_event_decode((const uint8_t *)record->body.at, record->body.bytes, &event) != HF_OK ||
        !hf_projection_wants(&event))
        return HF_OK;
    event.offset = record->offset;
    event.time_ms = record->time_ms;
    hf_err err = batch->txn == NULL ? hf_kv_write(self->kv, &batch->txn) : HF_OK;
    if (err == HF_OK)
        err = hf_positions_take(self->positions, batch->txn, &event, &taken);
    if (err == HF_OK && !taken)
        err = hf_projection_apply(batch->txn, &event);
    if (err == HF_OK && hf_audit_rows_want(&event))
        err = hf_audit_rows_apply(batch->txn, &event, self->ages.audit_history_bytes);
    if (err == HF_ERR_INVALID)
        err = HF_OK; /* a name that makes no key: as hf_projection_apply() */
    batch->events += !taken;
    return err;
}

static hf_err fill_batch(struct hf_store_thread *self, struct batch *batch, unsigned records_max)
{
    unsigned records = 0;
    hf_err err = HF_OK;

    while (err == HF_OK && records < records_max && batch->events < BATCH_EVENTS_MAX) {
        struct hf_log_record record;

        batch->read = hf_log_reader_next(self->reader, &record);
        if (batch->read == HF_ERR_NOT_FOUND || batch->read == HF_ERR_CORRUPT) {
            note_gap(self);
            batch->through = hf_log_reader_offset(self->reader) - 1;
            continue;
        }
        if (batch->read != HF_OK)
            break;
        records++;
        batch->through = record.offset;
        err = apply_record(self, batch, &record);
    }
    if (err == HF_OK && batch->read != HF_OK && batch->read != HF_ERR_AGAIN)
        err = batch->read;
    return err;
}

static hf_err commit(struct hf_store_thread *self, struct hf_kv_txn *txn, uint64_t through)
{
    uint32_t trimmed[HF_KV_TABLES];

    memcpy(trimmed, txn->trimmed, sizeof(trimmed)); /* it goes with the commit */
    hf_err err = hf_kv_commit(txn, through);
    if (err != HF_OK)
        return err;
    for (int i = 0; i < HF_KV_TABLES; i++)
        if (trimmed[i] != 0)
            atomic_fetch_add(&self->trimmed_of[i], trimmed[i]);
    self->committed = through;
    atomic_fetch_add(&self->commits, 1);
    return HF_OK;
}

hf_err hf_store_apply_batch(struct hf_store_thread *self, unsigned records_max, bool *ret_more,
                            uint64_t *ret_events)
{
    struct batch batch = {.through = hf_log_reader_offset(self->reader) - 1};

    if (self->positions == NULL)
        self->positions = hf_positions_new();
    if (self->positions == NULL)
        return HF_ERR_NOMEM;
    hf_err err = fill_batch(self, &batch, records_max);
    *ret_more = batch.read == HF_OK;
    if (err == HF_OK && batch.txn == NULL && batch.through > self->committed + COMMIT_BEHIND_MAX)
        err = hf_kv_write(self->kv, &batch.txn);
    if (err == HF_OK && batch.txn != NULL)
        err = hf_positions_flush(self->positions, batch.txn);
    if (err == HF_OK && batch.txn != NULL) {
        err = commit(self, batch.txn, batch.through);
    } else {
        hf_positions_forget(self->positions);
        hf_kv_end(batch.txn);
    }
    if (err != HF_OK)
        return err;
    atomic_fetch_add(&self->applied_events, batch.events);
    *ret_events += batch.events;
    if (batch.through > atomic_load(&self->applied))
        atomic_store(&self->applied, batch.through);
    return HF_OK;
}

void hf_store_close_reader(struct hf_store_thread *self)
{
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    hf_positions_free(self->positions);
    self->positions = NULL;
}

hf_err hf_store_replay(struct hf_store_thread *self, uint64_t *ret_events)
{
    bool more = true;
    unsigned tries = 0;

    *ret_events = 0;
    self->committed = hf_kv_applied_offset(self->kv);
    atomic_store(&self->applied, self->committed);
    hf_err err = hf_store_open_reader(self);
    while (err == HF_OK && more) {
        err = hf_store_apply_batch(self, HF_STORE_BATCH_RECORDS, &more, ret_events);
        if (err == HF_ERR_AGAIN &&
            ++tries < GROWTHS_MAX) { /* the map has to grow: once more from what is committed */
            err = hf_store_open_reader(self);
            more = true; /* it may have been the last batch that did not fit */
        }
    }
    return err;
}

void hf_store_sweep(struct hf_store_thread *self, uint64_t now_ms, uint64_t utc_ms)
{
    struct hf_kv_txn *txn = NULL;
    uint64_t deleted = 0;
    enum hf_kv_table table = hf_sweep_table(&self->sweep);

    self->swept_ms = now_ms;
    if (hf_kv_write(self->kv, &txn) != HF_OK)
        return;
    hf_err err = hf_projection_sweep(txn, &self->sweep, utc_ms, &self->ages, &deleted);
    if (err != HF_OK || deleted == 0) {
        hf_kv_end(txn);
        return;
    }
    if (hf_kv_commit(txn, HF_MAX(self->committed, hf_kv_applied_offset(self->kv))) == HF_OK) {
        atomic_fetch_add(&self->swept, deleted);
        atomic_fetch_add(&self->swept_of[table], deleted);
    }
}
