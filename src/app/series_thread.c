#include "app/series_thread.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/twin/live.h"
#include "io/clock.h"

enum {
    FLOWING_MS = 200, /* between steps while samples come: they wait in the log, which costs nothing */
    QUIET_MS = 1000,
    RETRY_MS = 500,
    POSITION_RECORDS =
        262144, /* without samples the position alone is committed after so many, to keep the replay short */
};

hf_err hf_series_thread_init(struct hf_series_thread *self)
{
    pthread_mutex_init(&self->stats_mutex, NULL);
    self->inbox = hf_inbox_new(self->workers);
    if (self->inbox == NULL)
        return HF_ERR_NOMEM;
    for (unsigned i = 0; i < self->workers; i++) {
        hf_err err = hf_inbox_add(self->inbox, HF_SERIES_QUERIES_MAX, &self->from[i]);

        if (err != HF_OK)
            return err;
    }
    hf_err err = hf_archive_init(&self->archive, self->kv, &self->limits);
    self->taken = self->archive.through;
    return err;
}

/* ---- on the workers ---- */

hf_err hf_series_ask(struct hf_series_thread *self, struct hf_call *call)
{
    if (atomic_fetch_add(&self->queries, 1) < HF_SERIES_QUERIES_MAX &&
        hf_mailbox_post(self->from[call->origin], call) == HF_OK)
        return HF_OK;
    atomic_fetch_sub(&self->queries, 1);
    return HF_ERR_BUSY;
}

void hf_series_arrived(struct hf_series_thread *self, struct hf_call *call)
{
    atomic_fetch_sub(&self->queries, 1);
    call->on_done(call);
}

/* ---- queries ---- */

static void give_back(struct hf_series_thread *self, struct hf_call *call)
{
    hf_err err = hf_mailbox_post(self->to[call->origin], call);

    HF_ASSERT(err == HF_OK); /* HF_SERIES_QUERIES_MAX of all workers fit into each of their mailboxes */
}

static enum hf_reason reason_of(hf_err err)
{
    switch (err) {
    case HF_OK: return HF_REASON_NONE;
    case HF_ERR_NOMEM: return HF_REASON_MEMORY_LIMIT;
    case HF_ERR_LIMIT: return HF_REASON_MESSAGE_TOO_BIG;
    default: return HF_REASON_STORAGE_FAILED;
    }
}

static void answer_last(struct hf_series_thread *self, struct hf_call *call)
{
    struct hf_twin *twin = malloc(sizeof(*twin));
    hf_err err =
        twin != NULL ? hf_archive_last(&self->archive, call->tenant, call->device, twin) : HF_ERR_NOMEM;

    if (err == HF_OK) {
        call->result = twin;
        call->result_bytes = sizeof(*twin);
        twin = NULL;
    }
    free(twin);
    call->reason = (uint16_t)reason_of(err == HF_ERR_NOT_FOUND ? HF_OK : err);
    give_back(self, call);
}

static void answer_range(struct hf_series_thread *self, struct hf_call *call)
{
    struct hf_call_series *series = call->series;
    struct hf_archive_query query = {.tenant = call->tenant,
                                     .device = call->device,
                                     .channel = (enum hf_series_channel)series->channel,
                                     .from_us = series->from_us,
                                     .to_us = series->to_us,
                                     .step_us = series->step_us,
                                     .points_max = series->points_max};
    struct hf_archive_answer found = {0};
    hf_err err = hf_archive_query(&self->archive, &query, &found);

    call->reason = (uint16_t)reason_of(err);
    call->result = found.points;
    call->result_bytes = found.count * sizeof(*found.points);
    series->count = found.count;
    series->next_us = found.next_us;
    series->tier = found.tier;
    series->behind =
        hf_log_durable_through(self->log) - HF_MIN(self->taken, hf_log_durable_through(self->log));
    give_back(self, call);
}

static void answer(struct hf_series_thread *self, struct hf_call *call)
{
    if (call->series->last)
        answer_last(self, call);
    else
        answer_range(self, call);
}

static void on_query(void *context, unsigned mailbox, void *message)
{
    struct hf_series_thread *self = context;

    (void)mailbox;
    HF_ASSERT(self->waiting_count < HF_SERIES_QUERIES_MAX);
    self->waiting[self->waiting_count].call = message;
    self->waiting[self->waiting_count++].offset = hf_log_durable_through(self->log);
}

/* Those that see what was durable when they came; with a log that is far ahead, or cannot be taken, what there is. */
static void answer_waiting(struct hf_series_thread *self)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < self->waiting_count; i++) {
        uint64_t offset = self->waiting[i].offset;

        if (self->taken >= offset || self->failing || offset - self->taken > HF_SERIES_WAIT_RECORDS)
            answer(self, self->waiting[i].call);
        else
            self->waiting[kept++] = self->waiting[i];
    }
    self->waiting_count = kept;
}

/* ---- the log ---- */

static hf_err open_reader(struct hf_series_thread *self)
{
    uint64_t from = self->archive.through + 1, end = hf_log_durable_through(self->log) + 1;

    hf_log_reader_close(self->reader);
    self->reader = NULL;
    self->taken = self->archive.through;
    self->fresh = 0;
    return hf_log_reader_open(self->log, HF_MIN(from, end), &self->reader);
}

static void pass_gap(struct hf_series_thread *self)
{
    struct hf_log_gap gap = hf_log_reader_gap(self->reader);

    hf_log_damage_say(&self->damage, self->logger, "series", self->reader);
    hf_log(self->logger, HF_LOG_STORE_ERROR,
           HF_F_STR("what", "the log has a gap that the time series had not taken"),
           HF_F_U64("from", gap.from), HF_F_U64("to", gap.to), HF_F_REASON(gap.reason), HF_F_END);
    self->gaps += gap.to - gap.from + 1;
    hf_log_reader_skip(self->reader);
    self->taken = hf_log_reader_offset(self->reader) - 1;
}

/* *ret_more: there is more. On an error all since the last commit is forgotten. */
static hf_err take_records(struct hf_series_thread *self, bool *ret_more)
{
    struct hf_log_record record;
    struct hf_event event;
    hf_err err = HF_OK;

    *ret_more = true;
    for (unsigned i = 0; err == HF_OK && i < HF_SERIES_STEP_RECORDS && !hf_archive_due(&self->archive); i++) {
        err = hf_log_reader_next(self->reader, &record);
        if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
            pass_gap(self);
            err = HF_OK;
            continue;
        }
        if (err == HF_ERR_AGAIN) {
            *ret_more = false;
            return HF_OK;
        }
        if (err != HF_OK)
            return err;
        if (hf_event_decode((const uint8_t *)record.body.at, record.body.bytes, &event) == HF_OK &&
            event.type == HF_EVENT_MESSAGE && event.format == HF_FORMAT_SAMPLES) {
            event.offset = record.offset;
            event.time_ms = record.time_ms;
            err = hf_archive_take(&self->archive, &event);
            self->fresh++;
        }
        if (err == HF_OK)
            self->taken = record.offset;
    }
    return err;
}

static hf_err commit(struct hf_series_thread *self)
{
    uint64_t now_us = (uint64_t)hf_clock_utc_ns() / 1000;
    uint64_t deleted = 0;
    hf_err err = hf_archive_sweep(&self->archive, now_us, &deleted);

    self->committed_ms = hf_clock_ms();
    if (err == HF_OK && self->fresh == 0 && deleted == 0 &&
        self->taken <= self->archive.through + POSITION_RECORDS && !atomic_load(&self->stopping)) {
        hf_archive_rest(&self->archive); /* no commit for nothing */
        return HF_OK;
    }
    if (err == HF_OK)
        err = hf_archive_commit(&self->archive, self->taken, now_us);
    if (err == HF_OK)
        self->fresh = 0;
    return err;
}

static bool commit_is_due(const struct hf_series_thread *self)
{
    return hf_archive_due(&self->archive) || self->taken > self->archive.through + POSITION_RECORDS ||
           hf_clock_ms() - self->committed_ms >= self->commit_ms;
}

static hf_err step(struct hf_series_thread *self, bool *ret_more)
{
    hf_err err = self->reader != NULL ? HF_OK : open_reader(self);

    if (err == HF_OK)
        err = take_records(self, ret_more);
    if (err == HF_OK && commit_is_due(self))
        err = commit(self);
    return err;
}

static void publish_stats(struct hf_series_thread *self)
{
    pthread_mutex_lock(&self->stats_mutex);
    self->stats.archive = self->archive.stats;
    hf_kv_stats(self->kv, &self->stats.kv);
    self->stats.applied = self->taken;
    self->stats.failures = self->failures;
    self->stats.gaps = self->gaps;
    pthread_mutex_unlock(&self->stats_mutex);
}

void hf_series_thread_stats(struct hf_series_thread *self, struct hf_series_thread_stats *ret_stats)
{
    pthread_mutex_lock(&self->stats_mutex);
    *ret_stats = self->stats;
    pthread_mutex_unlock(&self->stats_mutex);
}

/* True: try again at once (the map has to grow). */
static bool failed(struct hf_series_thread *self, hf_err err)
{
    hf_archive_forget(&self->archive);
    hf_log_reader_close(self->reader);
    self->reader = NULL;
    self->taken = self->archive.through;
    if (err == HF_ERR_AGAIN)
        return true;
    self->failures++;
    if (!self->failing)
        hf_log(self->logger, HF_LOG_STORE_ERROR, HF_F_STR("what", "time series"), HF_F_ERR(err),
               HF_F_U64("applied", self->archive.through), HF_F_END);
    self->failing = true;
    return false;
}

static void run(void *context)
{
    struct hf_series_thread *self = context;

    self->committed_ms = hf_clock_ms();
    while (!atomic_load(&self->stopping)) {
        bool more = true;

        (void)hf_inbox_drain(self->inbox, on_query, self, HF_SERIES_QUERIES_MAX);
        hf_err err = step(self, &more);
        if (err == HF_OK)
            self->failing = false;
        else
            more = failed(self, err);
        answer_waiting(self);
        publish_stats(self);
        if (!more || err == HF_ERR_AGAIN)
            (void)hf_inbox_wait(self->inbox, err != HF_OK      ? RETRY_MS
                                             : self->fresh > 0 ? FLOWING_MS
                                                               : QUIET_MS);
    }
    bool more = true; /* the log has ended: what is in it, and then a commit, spare the next start a replay */
    hf_err err = HF_OK;
    while (err == HF_OK && more && !self->failing)
        err = step(self, &more);
    if (err == HF_OK && !self->failing && self->taken > self->archive.through)
        (void)commit(self);
    hf_log_reader_close(self->reader);
    self->reader = NULL;
}

hf_err hf_series_thread_start(struct hf_series_thread *self)
{
    return hf_thread_start(&self->thread, "hf-series", HF_THREAD_ANY_CPU, run, self);
}

void hf_series_thread_stop(struct hf_series_thread *self)
{
    if (self->inbox == NULL)
        return;
    atomic_store(&self->stopping, true);
    hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
    while (self->waiting_count < HF_SERIES_QUERIES_MAX &&
           hf_inbox_drain(self->inbox, on_query, self, HF_SERIES_QUERIES_MAX - self->waiting_count) > 0)
        ;
    for (unsigned i = 0; i < self->waiting_count; i++) {
        self->waiting[i].call->reason = HF_REASON_DRAIN;
        give_back(self, self->waiting[i].call);
    }
    self->waiting_count = 0;
}

void hf_series_thread_deinit(struct hf_series_thread *self)
{
    if (self->inbox == NULL)
        return;
    hf_series_thread_stop(self);
    hf_archive_deinit(&self->archive);
    hf_inbox_free(self->inbox);
    self->inbox = NULL;
    pthread_mutex_destroy(&self->stats_mutex);
}
