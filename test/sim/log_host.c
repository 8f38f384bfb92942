/* test/sim/log_host.c - what app/log_thread.c does on its thread, as events: batches gather, a group is appended, the sync takes its time, and only then
 * anybody hears of it. A failure keeps the group and tries again. */
#include <inttypes.h>

#include "sim/gateway.h"
#include "sim/sim.h"

enum { RETRY_US = 500000, IDLE_US = 1000000, POST_US_MAX = 60 };

static struct sim_gateway *gateway_of_log(struct sim_event *event, size_t offset)
{
    return (struct sim_gateway *)((char *)event - offset);
}
#define GATEWAY_OF(event, member) gateway_of_log(event, offsetof(struct sim_gateway, log_host.member))

static void begin(struct sim_gateway *gateway);

static struct sim_events *events_of(struct sim_gateway *gateway)
{
    return &gateway->sim->events;
}

/* A stopped process goes on where it was. */
static bool paused(struct sim_gateway *gateway, struct sim_event *event)
{
    if (!sim_gateway_paused(gateway))
        return false;
    sim_at(events_of(gateway), event, gateway->paused_until_us);
    return true;
}

static void on_begin(struct sim_event *event)
{
    struct sim_gateway *gateway = GATEWAY_OF(event, begin);

    if (!gateway->dying && !paused(gateway, event))
        begin(gateway);
}

static void set_failure(struct sim_gateway *gateway, hf_err err)
{
    struct sim_log_host *self = &gateway->log_host;

    if (err != HF_OK && self->failing_since_ms == 0) {
        self->failing_since_ms = HF_MAX(sim_clock_ms(&gateway->clock), (uint64_t)1);
        sim_trace(&gateway->sim->trace, "log", "fails: %s", hf_err_name(err));
    } else if (err == HF_OK && self->failing_since_ms != 0) {
        self->failing_since_ms = 0;
        sim_trace(&gateway->sim->trace, "log", "takes data again");
    }
}

static void give_back(struct sim_gateway *gateway, bool lost)
{
    struct sim_log_host *self = &gateway->log_host;

    for (unsigned i = 0; i < self->commit.batches; i++) {
        struct hf_journal_batch *batch = self->group[i];

        batch->lost = lost;
        batch->time_ms = self->utc_ms;
        sim_worker_post(&gateway->workers[batch->worker], SIM_POST_BATCH, batch);
    }
    hf_commit_done(&self->commit);
}

static void failed(struct sim_gateway *gateway, hf_err err)
{
    set_failure(gateway, err);
    gateway->log_host.writing = false;
    sim_in(events_of(gateway), &gateway->log_host.retry, RETRY_US);
}

static void write_group(struct sim_gateway *gateway)
{
    struct sim_log_host *self = &gateway->log_host;
    uint64_t first;

    self->utc_ms = sim_clock_utc_ms(&gateway->clock);
    hf_err err = hf_log_append(gateway->log, self->logs, self->commit.batches, self->utc_ms, &first);
    if (err != HF_OK) {
        failed(gateway, err);
        return;
    }
    self->writing = true;
    self->paced = false;
    hf_commit_begin(&self->commit, sim_clock_mono_us(&gateway->clock));
    sim_in(events_of(gateway), &self->end, sim_disk_sync_us(&gateway->disk));
}

static void on_end(struct sim_event *event)
{
    struct sim_gateway *gateway = GATEWAY_OF(event, end);
    struct sim_log_host *self = &gateway->log_host;

    if (gateway->dying || paused(gateway, event))
        return;
    hf_err err = hf_log_sync(gateway->log);
    if (gateway->dying)
        return;
    if (err != HF_OK) {
        failed(gateway, err);
        return;
    }
    self->writing = false;
    set_failure(gateway, HF_OK);
    sim_oracle_durable(gateway->sim);
    give_back(gateway, false);
    sim_store_wake(gateway);
    hf_log_tick(gateway->log, self->utc_ms);
    begin(gateway);
}

static void on_retry(struct sim_event *event)
{
    struct sim_gateway *gateway = GATEWAY_OF(event, retry);

    if (gateway->dying || paused(gateway, event))
        return;
    hf_log_tick(gateway->log, sim_clock_utc_ms(&gateway->clock));
    if (!gateway->dying)
        write_group(gateway);
}

static void on_idle(struct sim_event *event)
{
    struct sim_gateway *gateway = GATEWAY_OF(event, idle);

    if (gateway->dying || paused(gateway, event))
        return;
    if (gateway->log_host.commit.batches == 0)
        hf_log_tick(gateway->log, sim_clock_utc_ms(&gateway->clock));
    sim_in(events_of(gateway), event, IDLE_US);
}

static void take_waiting(struct sim_log_host *self, uint64_t now_us)
{
    struct hf_journal_batch *batch;

    while ((batch = self->waiting) != NULL &&
           hf_commit_fits(&self->commit, batch->log.records, batch->log.bytes)) {
        self->waiting = batch->next;
        if (self->waiting == NULL)
            self->waiting_end = &self->waiting;
        batch->next = NULL;
        self->group[self->commit.batches] = batch;
        self->logs[self->commit.batches] = &batch->log;
        hf_commit_add(&self->commit, batch->log.records, batch->log.bytes, now_us);
    }
}

static void begin(struct sim_gateway *gateway)
{
    struct sim_log_host *self = &gateway->log_host;
    uint64_t now_us = sim_clock_mono_us(&gateway->clock);

    if (self->writing || sim_armed(&self->retry))
        return;
    take_waiting(self, now_us);
    if (self->commit.batches == 0)
        return;
    uint32_t wait_us = hf_commit_wait_us(&self->commit, now_us);
    /* Without a wait for company only the pace makes it wait. */
    if (wait_us > 0 && !self->paced && self->commit.wait_us == 0) {
        self->paced = true;
        gateway->paced_groups++;
        sim_trace(&gateway->sim->trace, "log", "%" PRIu32 " records wait %" PRIu32 " us for the pace",
                  self->commit.records, wait_us);
    }
    if (wait_us > 0 && self->waiting == NULL)
        sim_in(events_of(gateway), &self->begin, wait_us);
    else
        write_group(gateway);
}

void sim_log_host_init(struct sim_gateway *gateway)
{
    struct sim_log_host *self = &gateway->log_host;

    *self = (struct sim_log_host){.begin = {.on_due = on_begin},
                                  .end = {.on_due = on_end},
                                  .retry = {.on_due = on_retry},
                                  .idle = {.on_due = on_idle}};
    self->waiting_end = &self->waiting;
    hf_commit_init(&self->commit, gateway->sim->plan.group_wait_us, gateway->sim->plan.group_pace_us);
    sim_in(events_of(gateway), &self->idle, IDLE_US);
}

void sim_log_host_take(struct sim_gateway *gateway, struct hf_journal_batch *batch)
{
    struct sim_log_host *self = &gateway->log_host;

    batch->next = NULL;
    *self->waiting_end = batch;
    self->waiting_end = &batch->next;
    if (!self->writing && !sim_armed(&self->begin) && !sim_armed(&self->retry))
        sim_in(events_of(gateway), &self->begin, 1 + hf_rng_below(&gateway->sim->rng, POST_US_MAX));
}

void sim_log_host_end(struct sim_gateway *gateway)
{
    struct sim_log_host *self = &gateway->log_host;
    struct sim_events *events = events_of(gateway);

    sim_cancel(events, &self->begin);
    sim_cancel(events, &self->end);
    sim_cancel(events, &self->retry);
    sim_cancel(events, &self->idle);
    do {
        give_back(gateway, true);
        take_waiting(self, 0);
    } while (self->commit.batches > 0);
}

bool sim_log_host_quiet(const struct sim_gateway *gateway)
{
    const struct sim_log_host *self = &gateway->log_host;

    return self->waiting == NULL && self->commit.batches == 0;
}
