/* test/sim/series_host.c - what app/series_thread.c does on its thread, as events. */
#include "core/event.h"
#include "sim/sim.h"
#include "store/memory/kv_memory.h"

enum { STEP_US = 200000, STEP_RECORDS = 512, COMMIT_US = 1500000 };

static const struct hf_archive_limits limits = {
    .devices_max = 3, /* fewer than devices, so that they make room for one another */
    .keep_ms = {UINT64_C(366) * 86400000, UINT64_C(366) * 86400000},
    .bytes_max = UINT64_C(1) << 40};

static uint64_t now_us(const struct sim_gateway *gateway)
{
    return sim_clock_utc_ms(&gateway->clock) * 1000;
}

/* As after an error, or a start: the log is read on from the last commit. */
static hf_err open_reader(struct sim_gateway *gateway)
{
    struct sim_series *self = &gateway->series;

    hf_log_reader_close(self->reader);
    self->reader = NULL;
    self->taken = self->archive.through;
    return hf_log_reader_open(gateway->log, HF_MIN(self->taken, hf_log_durable_through(gateway->log)) + 1,
                              &self->reader);
}

/* HF_ERR_AGAIN: there is no more. */
static hf_err take_one(struct sim_gateway *gateway)
{
    struct sim_series *self = &gateway->series;
    struct hf_log_record record;
    struct hf_event event;
    hf_err err = hf_log_reader_next(self->reader, &record);

    if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
        struct hf_log_gap gap = hf_log_reader_gap(self->reader);

        self->gaps += gap.to - gap.from + 1;
        hf_log_reader_skip(self->reader);
        self->taken = hf_log_reader_offset(self->reader) - 1;
        return HF_OK;
    }
    if (err != HF_OK)
        return err;
    if (hf_event_decode((const uint8_t *)record.body.at, record.body.bytes, &event) == HF_OK &&
        event.type == HF_EVENT_MESSAGE && event.format == HF_FORMAT_SAMPLES) {
        event.offset = record.offset;
        event.time_ms = record.time_ms;
        err = hf_archive_take(&self->archive, &event);
    }
    self->taken = record.offset;
    return err;
}

static hf_err commit(struct sim_gateway *gateway)
{
    struct sim_series *self = &gateway->series;

    self->committed_us = gateway->sim->events.now_us;
    return hf_archive_commit(&self->archive, self->taken, now_us(gateway));
}

static void on_step(struct sim_event *event)
{
    struct sim_gateway *gateway = HF_CONTAINER_OF(event, struct sim_gateway, series.step);
    struct sim_series *self = &gateway->series;
    struct sim *sim = gateway->sim;
    hf_err err = HF_OK;

    if (gateway->dying)
        return;
    sim_in(&sim->events, event,
           HF_MAX((uint64_t)STEP_US, gateway->paused_until_us > sim->events.now_us
                                         ? gateway->paused_until_us - sim->events.now_us
                                         : 0));
    if (sim_gateway_paused(gateway))
        return;
    for (unsigned i = 0; i < STEP_RECORDS && err == HF_OK; i++)
        err = take_one(gateway);
    if (err == HF_ERR_AGAIN || err == HF_OK)
        err = sim->events.now_us - self->committed_us >= COMMIT_US ? commit(gateway) : HF_OK;
    if (err != HF_OK)
        sim_fail(sim, "the time series cannot be written: %s", hf_err_name(err));
}

void sim_series_catch_up(struct sim_gateway *gateway)
{
    hf_err err = HF_OK;

    while (err == HF_OK)
        err = take_one(gateway);
    if (err == HF_ERR_AGAIN)
        err = commit(gateway);
    if (err != HF_OK)
        sim_fail(gateway->sim, "the time series cannot be written: %s", hf_err_name(err));
}

hf_err sim_series_start(struct sim_gateway *gateway)
{
    struct sim_series *self = &gateway->series;

    if (self->kv == NULL)
        return HF_OK;
    hf_err err = hf_archive_init(&self->archive, self->kv, &limits);
    self->open = err == HF_OK;
    if (err == HF_OK)
        err = open_reader(gateway);
    sim_in(&gateway->sim->events, &self->step, STEP_US);
    return err;
}

void sim_series_end(struct sim_gateway *gateway)
{
    struct sim_series *self = &gateway->series;

    sim_cancel(&gateway->sim->events, &self->step);
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    if (self->open)
        hf_archive_deinit(&self->archive);
    self->open = false;
}

void sim_series_init(struct sim_gateway *gateway)
{
    gateway->series.step.on_due = on_step;
    if (!gateway->sim->plan.samples)
        return;
    hf_err err = hf_kv_memory_open(&gateway->series.kv);
    HF_ASSERT(err == HF_OK);
}

void sim_series_deinit(struct sim_gateway *gateway)
{
    if (gateway->series.kv != NULL)
        hf_kv_close(gateway->series.kv);
}
