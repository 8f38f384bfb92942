#include "app/log_thread.h"

#include <stdlib.h>

#include "base/assert.h"
#include "io/clock.h"
#include "log/commit.h"

enum { RETRY_MS = 500, IDLE_MS = 1000 };

hf_err hf_log_thread_init(struct hf_log_thread *self)
{
    self->waiting_end = &self->waiting;
    pthread_mutex_init(&self->stats_mutex, NULL);
    self->inbox = hf_inbox_new(self->workers);
    if (self->inbox == NULL)
        return HF_ERR_NOMEM;
    for (unsigned i = 0; i < self->workers; i++) {
        hf_err err = hf_inbox_add(self->inbox, 0, &self->from[i]);

        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

void hf_log_thread_deinit(struct hf_log_thread *self)
{
    hf_inbox_free(self->inbox);
    self->inbox = NULL;
    pthread_mutex_destroy(&self->stats_mutex);
}

static void on_batch(void *context, unsigned mailbox, void *message)
{
    struct hf_log_thread *self = context;
    struct hf_journal_batch *batch = message;

    (void)mailbox;
    batch->next = NULL;
    batch->time_ms = hf_clock_us(); /* when it came, until the append gives it the record time */
    *self->waiting_end = batch;
    self->waiting_end = &batch->next;
}

struct group {
    struct hf_journal_batch *batches[HF_COMMIT_BATCHES_MAX];
    struct hf_log_batch *logs[HF_COMMIT_BATCHES_MAX];
    struct hf_commit commit;
    uint64_t came_us; /* the first of them */
};

static void take_waiting(struct hf_log_thread *self, struct group *group)
{
    struct hf_journal_batch *batch;

    while ((batch = self->waiting) != NULL &&
           hf_commit_fits(&group->commit, batch->log.records, batch->log.bytes)) {
        self->waiting = batch->next;
        if (self->waiting == NULL)
            self->waiting_end = &self->waiting;
        batch->next = NULL;
        if (group->commit.batches == 0)
            group->came_us = batch->time_ms;
        group->batches[group->commit.batches] = batch;
        group->logs[group->commit.batches] = &batch->log;
        hf_commit_add(&group->commit, batch->log.records, batch->log.bytes, hf_clock_us());
    }
}

static void set_failure(struct hf_log_thread *self, hf_err err)
{
    bool was = atomic_load(&self->failing_since_ms) != 0;

    if (err != HF_OK && !was) {
        atomic_store(&self->failure, err);
        atomic_store(&self->failing_since_ms, hf_clock_ms());
        hf_log(self->logger, err == HF_ERR_FULL ? HF_LOG_LOG_FULL : HF_LOG_LOG_ERROR, HF_F_ERR(err),
               HF_F_END);
    } else if (err == HF_OK && was) {
        hf_log(self->logger, HF_LOG_LOG_SPACE_AGAIN,
               HF_F_U64("failed_for_ms", hf_clock_ms() - atomic_load(&self->failing_since_ms)), HF_F_END);
        atomic_store(&self->failing_since_ms, 0);
        atomic_store(&self->failure, HF_OK);
    }
}

static void count(struct hf_log_thread *self, const struct group *group, uint64_t sync_us, uint64_t commit_us)
{
    pthread_mutex_lock(&self->stats_mutex);
    self->marks[self->stats.groups % HF_LOG_THREAD_MARKS].through = hf_log_durable_through(self->log);
    self->marks[self->stats.groups % HF_LOG_THREAD_MARKS].us = hf_clock_us();
    self->stats.groups++;
    self->stats.records += group->commit.records;
    self->stats.bytes += group->commit.bytes;
    hf_hist_record(&self->stats.sync_us, sync_us);
    hf_hist_record(&self->stats.commit_us, commit_us);
    hf_hist_record(&self->stats.group_records, group->commit.records);
    pthread_mutex_unlock(&self->stats_mutex);
}

static hf_err write_group(struct hf_log_thread *self, struct group *group)
{
    uint64_t utc_ms = hf_clock_utc_ms(), first, before_us = hf_clock_us();
    hf_err err = hf_log_append(self->log, group->logs, group->commit.batches, utc_ms, &first);

    if (err == HF_OK)
        err = hf_log_sync(self->log);
    if (err != HF_OK)
        return err;
    uint64_t now_us = hf_clock_us();
    count(self, group, now_us - before_us, now_us - group->came_us);
    for (unsigned i = 0; i < group->commit.batches; i++)
        group->batches[i]->time_ms = utc_ms;
    return HF_OK;
}

/* Back to the workers. Their mailbox has room for every batch a worker can have. */
static void give_back(struct hf_log_thread *self, struct group *group, bool lost)
{
    for (unsigned i = 0; i < group->commit.batches; i++) {
        struct hf_journal_batch *batch = group->batches[i];

        batch->lost = lost;
        hf_err err = hf_mailbox_post(self->to[batch->worker], batch);
        HF_ASSERT(err == HF_OK);
    }
}

/* The end, with a disk that takes nothing: what else came in goes back as it is, so that its memory has an owner. */
static void give_up(struct hf_log_thread *self, struct group *group)
{
    do {
        hf_commit_done(&group->commit);
        (void)hf_inbox_drain(self->inbox, on_batch, self, HF_MAILBOX_ENTRIES);
        take_waiting(self, group);
        give_back(self, group, true);
    } while (group->commit.batches > 0);
}

static void commit(struct hf_log_thread *self, struct group *group)
{
    hf_err err;

    while ((err = write_group(self, group)) != HF_OK) { /* the group is kept as it is */
        set_failure(self, err);
        pthread_mutex_lock(&self->stats_mutex);
        self->stats.failures++;
        pthread_mutex_unlock(&self->stats_mutex);
        if (atomic_load(&self->stopping)) {
            give_back(self, group, true); /* nothing of it was acknowledged: promise 1 holds */
            return;
        }
        (void)hf_inbox_wait(self->inbox, RETRY_MS);
        (void)hf_inbox_drain(self->inbox, on_batch, self, HF_MAILBOX_ENTRIES);
        hf_log_tick(self->log, hf_clock_utc_ms());
    }
    set_failure(self, HF_OK);
    give_back(self, group, false);
    self->on_durable(self->context);
    hf_log_tick(self->log, hf_clock_utc_ms());
}

static void run(void *context)
{
    struct hf_log_thread *self = context;
    struct group *group = calloc(1, sizeof(*group));

    HF_ASSERT(group != NULL); /* at start, before anything is accepted */
    hf_thread_prefer_soon();  /* every acknowledgement waits for this thread */
    hf_commit_init(&group->commit, self->group_wait_us, self->group_pace_us);
    while (!atomic_load(&self->stopping) || self->waiting != NULL || !hf_inbox_empty(self->inbox)) {
        (void)hf_inbox_drain(self->inbox, on_batch, self, HF_MAILBOX_ENTRIES);
        take_waiting(self, group);
        if (group->commit.batches == 0) {
            if (!hf_inbox_wait(self->inbox, IDLE_MS))
                hf_log_tick(self->log, hf_clock_utc_ms());
            continue;
        }
        uint32_t wait_us = hf_commit_wait_us(&group->commit, hf_clock_us());
        if (wait_us > 0 && self->waiting == NULL && !atomic_load(&self->stopping)) {
            hf_thread_sleep_us(wait_us); /* 2 ms at most; not woken by each batch that comes meanwhile */
            continue;
        }
        hf_commit_begin(&group->commit, hf_clock_us());
        commit(self, group);
        hf_commit_done(&group->commit);
        if (atomic_load(&self->stopping) && atomic_load(&self->failing_since_ms) != 0) {
            give_up(self, group);
            break;
        }
    }
    free(group);
}

hf_err hf_log_thread_start(struct hf_log_thread *self)
{
    return hf_thread_start(&self->thread, "hf-log", HF_THREAD_ANY_CPU, run, self);
}

void hf_log_thread_stop(struct hf_log_thread *self)
{
    atomic_store(&self->stopping, true);
    if (self->inbox != NULL)
        hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
}

uint64_t hf_log_thread_durable_us(struct hf_log_thread *self, uint64_t offset)
{
    uint64_t us = 0;

    pthread_mutex_lock(&self->stats_mutex);
    uint64_t groups = self->stats.groups;
    for (uint64_t i = 0; i < groups && i < HF_LOG_THREAD_MARKS; i++) { /* the latest first */
        uint64_t at = (groups - 1 - i) % HF_LOG_THREAD_MARKS;

        if (self->marks[at].through < offset)
            break;
        /* What is older than the oldest mark may have become durable long before it. */
        us = i + 1 < HF_LOG_THREAD_MARKS ? self->marks[at].us : 0;
    }
    pthread_mutex_unlock(&self->stats_mutex);
    return us;
}

void hf_log_thread_stats(struct hf_log_thread *self, struct hf_log_thread_stats *ret_stats)
{
    pthread_mutex_lock(&self->stats_mutex);
    *ret_stats = self->stats;
    pthread_mutex_unlock(&self->stats_mutex);
}
