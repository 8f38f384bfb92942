/* test/sim/store_host.c - what app/store_thread.c does on its thread, as events: the tables follow the log some time behind it. */
#include "sim/gateway.h"
#include "sim/sim.h"

enum { BATCH_EVENTS_MAX = 4096, BATCH_RECORDS_MAX = 65536, SWEEP_US = 5000000, RETRY_US = 500000 };

static hf_err open_reader(struct sim_gateway *gateway)
{
    struct sim_store_host *self = &gateway->store;

    hf_log_reader_close(self->reader);
    self->reader = NULL;
    uint64_t from = self->committed + 1, end = hf_log_durable_through(gateway->log) + 1;
    return hf_log_reader_open(gateway->log, HF_MIN(from, end), &self->reader);
}

static hf_err apply_batch(struct sim_gateway *gateway, unsigned records_max, bool *ret_more)
{
    struct sim_store_host *self = &gateway->store;
    struct hf_kv_txn *txn = NULL;
    struct hf_log_record record;
    struct hf_event event;
    unsigned records = 0, applied = 0;
    uint64_t through = hf_log_reader_offset(self->reader) - 1;
    hf_err err = HF_OK, read = HF_OK;

    while (err == HF_OK && records < records_max && applied < BATCH_EVENTS_MAX) {
        read = hf_log_reader_next(self->reader, &record);
        if (read == HF_ERR_NOT_FOUND || read == HF_ERR_CORRUPT) {
            hf_log_reader_skip(self->reader);
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
            err = hf_kv_write(gateway->kv, &txn);
        if (err == HF_OK)
            err = hf_projection_apply(txn, &event);
        applied++;
    }
    *ret_more = read == HF_OK;
    if (err == HF_OK && read != HF_OK && read != HF_ERR_AGAIN)
        err = read;
    if (err != HF_OK || txn == NULL) {
        hf_kv_end(txn);
    } else {
        err = hf_kv_commit(txn, through);
        if (err == HF_OK)
            self->committed = through;
    }
    if (err == HF_OK && through > self->applied)
        self->applied = through;
    return err;
}

hf_err sim_store_replay(struct sim_gateway *gateway)
{
    struct sim_store_host *self = &gateway->store;
    bool more = true;

    self->committed = self->applied = hf_kv_applied_offset(gateway->kv);
    hf_err err = open_reader(gateway);
    while (err == HF_OK && more)
        err = apply_batch(gateway, BATCH_RECORDS_MAX, &more);
    return err;
}

static void sweep(struct sim_gateway *gateway)
{
    struct sim_store_host *self = &gateway->store;
    struct hf_kv_txn *txn = NULL;
    uint64_t deleted = 0;

    self->swept_ms = sim_clock_ms(&gateway->clock);
    if (hf_kv_write(gateway->kv, &txn) != HF_OK)
        return;
    hf_err err = hf_projection_sweep(txn, &self->sweep, sim_clock_utc_ms(&gateway->clock),
                                     gateway->rules.idempotency_ms, &deleted);
    if (err != HF_OK || deleted == 0)
        hf_kv_end(txn);
    else
        (void)hf_kv_commit(txn, HF_MAX(self->committed, hf_kv_applied_offset(gateway->kv)));
}

static void on_step(struct sim_event *event)
{
    struct sim_gateway *gateway =
        (struct sim_gateway *)((char *)event - offsetof(struct sim_gateway, store.step));
    struct sim_store_host *self = &gateway->store;
    struct sim *sim = gateway->sim;
    uint64_t before = self->applied;

    if (gateway->dying)
        return;
    if (sim_gateway_paused(gateway)) {
        sim_at(&sim->events, event, gateway->paused_until_us);
        return;
    }
    bool more = self->reader == NULL;
    /* A few at a time, so that a crash and a question may come in between. */
    hf_err err = self->reader != NULL ? apply_batch(gateway, 1 + (unsigned)hf_rng_below(&sim->rng, 64), &more)
                                      : open_reader(gateway);

    if (err != HF_OK) {
        (void)open_reader(gateway);
        sim_in(&sim->events, event, RETRY_US);
        return;
    }
    if (self->applied > before)
        for (unsigned i = 0; i < gateway->worker_count; i++)
            sim_worker_applied(&gateway->workers[i]);
    if (more) {
        sim_in(&sim->events, event, 20);
        return;
    }
    if (sim_clock_ms(&gateway->clock) - self->swept_ms >= SWEEP_US / 1000)
        sweep(gateway);
    sim_in(&sim->events, event, SWEEP_US);
}

void sim_store_wake(struct sim_gateway *gateway)
{
    struct sim_store_host *self = &gateway->store;
    struct sim *sim = gateway->sim;
    uint64_t due_us = sim->events.now_us + 1 + hf_rng_below(&sim->rng, sim->plan.store_lag_us);

    self->step.on_due = on_step;
    if (!sim_armed(&self->step) || self->step.at_us > due_us)
        sim_at(&sim->events, &self->step, due_us);
}

void sim_store_end(struct sim_gateway *gateway)
{
    sim_cancel(&gateway->sim->events, &gateway->store.step);
    hf_log_reader_close(gateway->store.reader);
    gateway->store = (struct sim_store_host){0};
}
