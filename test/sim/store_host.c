/* test/sim/store_host.c - the store thread as events: app/store_apply.c does the work, some time behind the log. */
#include "sim/gateway.h"
#include "sim/sim.h"

enum { SWEEP_US = 5000000, RETRY_US = 500000, STEP_RECORDS = 64 };

hf_err sim_store_replay(struct sim_gateway *gateway)
{
    struct hf_store_thread *self = &gateway->store;
    uint64_t events;

    *self = (struct hf_store_thread){.log = gateway->log,
                                     .kv = gateway->kv,
                                     .ages = {.idempotency_ms = gateway->rules.idempotency_ms,
                                              .shadow_history_ms = gateway->rules.idempotency_ms,
                                              .presence_history_ms = gateway->rules.idempotency_ms,
                                              .presence_history_bytes = 4096,
                                              .audit_history_ms = UINT64_MAX / 4,
                                              .audit_history_bytes = UINT64_MAX / 4}};
    return hf_store_replay(self, &events);
}

static void on_step(struct sim_event *event)
{
    struct sim_gateway *gateway = HF_CONTAINER_OF(event, struct sim_gateway, store_step);
    struct hf_store_thread *self = &gateway->store;
    struct sim *sim = gateway->sim;
    uint64_t before = self->applied, events = 0;

    if (gateway->dying)
        return;
    if (sim_gateway_paused(gateway)) {
        sim_at(&sim->events, event, gateway->paused_until_us);
        return;
    }
    bool more = self->reader == NULL;
    /* A few at a time, so that a crash and a question may come in between. */
    hf_err err =
        self->reader == NULL
            ? hf_store_open_reader(self)
            : hf_store_apply_batch(self, 1 + (unsigned)hf_rng_below(&sim->rng, STEP_RECORDS), &more, &events);
    if (err != HF_OK) {
        (void)hf_store_open_reader(self);
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
        hf_store_sweep(self, sim_clock_ms(&gateway->clock), sim_clock_utc_ms(&gateway->clock));
    sim_in(&sim->events, event, SWEEP_US);
}

void sim_store_wake(struct sim_gateway *gateway)
{
    struct sim *sim = gateway->sim;
    uint64_t due_us = sim->events.now_us + 1 + hf_rng_below(&sim->rng, sim->plan.store_lag_us);

    gateway->store_step.on_due = on_step;
    if (!sim_armed(&gateway->store_step) || gateway->store_step.at_us > due_us)
        sim_at(&sim->events, &gateway->store_step, due_us);
}

void sim_store_end(struct sim_gateway *gateway)
{
    sim_cancel(&gateway->sim->events, &gateway->store_step);
    hf_store_close_reader(&gateway->store);
}
