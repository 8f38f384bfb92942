#include "app/journal.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/hub.h"

enum { IDLE_BATCHES_MAX = 4 };

static hf_err append(struct hf_journal *base, const struct hf_event *event, struct hf_waiter *waiter);

void hf_app_journal_init(struct hf_app_journal *journal, struct hf_hub *hub, unsigned worker,
                         bool (*post)(void *context, struct hf_journal_batch *batch), void *context)
{
    *journal = (struct hf_app_journal){
        .base = {.append = append}, .hub = hub, .worker = worker, .post = post, .context = context};
    journal->full_end = &journal->full;
}

static void batch_free(struct hf_app_journal *journal, struct hf_journal_batch *batch)
{
    journal->held_bytes -= batch->log.bytes_max;
    free(batch);
}

static void chain_free(struct hf_app_journal *journal, struct hf_journal_batch *batch)
{
    while (batch != NULL) {
        struct hf_journal_batch *next = batch->next;

        batch_free(journal, batch);
        batch = next;
    }
}

void hf_app_journal_deinit(struct hf_app_journal *journal)
{
    HF_ASSERT(journal->in_flight == 0);
    chain_free(journal, journal->full);
    chain_free(journal, journal->idle);
    chain_free(journal, journal->filling);
}

static struct hf_journal_batch *batch_new(struct hf_app_journal *journal, size_t bytes)
{
    struct hf_journal_batch *batch;

    if (bytes <= HF_JOURNAL_BATCH_BYTES && journal->idle != NULL) {
        batch = journal->idle;
        journal->idle = batch->next;
    } else {
        size_t storage = HF_MAX(bytes, (size_t)HF_JOURNAL_BATCH_BYTES);

        if (journal->held_bytes + storage > HF_JOURNAL_BYTES_MAX)
            return NULL;
        batch = malloc(sizeof(*batch) + storage);
        if (batch == NULL)
            return NULL;
        hf_log_batch_init(&batch->log, batch + 1, storage);
        batch->oversized = storage > HF_JOURNAL_BATCH_BYTES;
        journal->held_bytes += storage;
    }
    hf_log_batch_clear(&batch->log);
    batch->waiters = NULL;
    batch->waiters_end = &batch->waiters;
    batch->messages = 0;
    batch->begun_us = journal->latency != NULL ? journal->clock_us() : 0;
    batch->lost = false;
    batch->worker = journal->worker;
    batch->next = NULL;
    return batch;
}

static void seal(struct hf_app_journal *journal)
{
    struct hf_journal_batch *batch = journal->filling;

    journal->filling = NULL;
    batch->next = NULL;
    *journal->full_end = batch;
    journal->full_end = &batch->next;
}

static void hand_over(struct hf_app_journal *journal)
{
    struct hf_journal_batch *batch;

    if (journal->closed)
        return;
    while ((batch = journal->full) != NULL) {
        struct hf_journal_batch *next = batch->next;

        batch->next = NULL;
        if (!journal->post(journal->context, batch)) {
            batch->next = next;
            return; /* again at the end of the next turn */
        }
        journal->full = next;
        if (next == NULL)
            journal->full_end = &journal->full;
        journal->in_flight++;
        journal->batches_total++;
    }
}

/* What a peer wants done and can be refused. All else has happened already, and is recorded as long as memory lasts. */
static bool is_wish(const struct hf_event *event)
{
    switch (event->type) {
    case HF_EVENT_MESSAGE:
    case HF_EVENT_QUEUED:
    case HF_EVENT_COMMAND:
    case HF_EVENT_BROADCAST:
    case HF_EVENT_DOCUMENT:
    case HF_EVENT_SHADOW:
    case HF_EVENT_PUSH:
    case HF_EVENT_KEY_CREATED: return true;
    default: return false;
    }
}

static hf_err append(struct hf_journal *base, const struct hf_event *event, struct hf_waiter *waiter)
{
    struct hf_app_journal *journal = (struct hf_app_journal *)base;
    size_t bytes = hf_event_bytes(event), room = bytes + HF_LOG_RECORD_HEAD_BYTES;
    char *at = NULL;

    if (journal->closed || bytes > HF_LOG_BODY_BYTES_MAX || (journal->no_space && is_wish(event))) {
        journal->refused_total++;
        return HF_ERR_LIMIT;
    }
    if (journal->filling != NULL) {
        at = hf_log_batch_reserve(&journal->filling->log, bytes);
        if (at == NULL)
            seal(journal);
    }
    if (at == NULL) {
        journal->filling = batch_new(journal, room);
        if (journal->filling == NULL) {
            journal->refused_total++;
            return HF_ERR_LIMIT;
        }
        at = hf_log_batch_reserve(&journal->filling->log, bytes);
        HF_ASSERT(at != NULL);
    }
    struct hf_journal_batch *batch = journal->filling;
    (void)hf_event_encode(event, (uint8_t *)at);
    hf_log_batch_commit(&batch->log, bytes,
                        event->device.at != NULL ? hf_device_hash(event->tenant, event->device) : 0);
    if (waiter != NULL) {
        waiter->next = NULL;
        waiter->index = batch->log.records - 1;
        *batch->waiters_end = waiter;
        batch->waiters_end = &waiter->next;
    }
    batch->messages += event->type == HF_EVENT_MESSAGE;
    journal->in_flight_bytes += room;
    journal->records_total++;
    return HF_OK;
}

void hf_app_journal_submit(struct hf_app_journal *journal)
{
    /* While a batch is being written the next one gathers company: it could not be written earlier anyway. */
    if (journal->filling != NULL && journal->filling->log.records > 0 && journal->in_flight == 0)
        seal(journal);
    hand_over(journal);
}

void hf_app_journal_flush(struct hf_app_journal *journal)
{
    if (journal->filling != NULL)
        seal(journal);
    hand_over(journal);
}

void hf_app_journal_close(struct hf_app_journal *journal)
{
    journal->closed = true;
}

void hf_app_journal_durable(struct hf_app_journal *journal, struct hf_journal_batch *batch)
{
    uint64_t first = batch->log.first_offset;

    journal->in_flight--;
    journal->in_flight_bytes -= batch->log.bytes;
    if (batch->messages > 0 && !batch->lost) {
        hf_hub_uplink_durable(journal->hub, batch->messages);
        if (journal->latency != NULL) /* as long as the first of them waited */
            hf_latency_record(journal->latency, (int64_t)(journal->clock_us() - batch->begun_us),
                              batch->messages, 0);
    }
    for (struct hf_waiter *waiter = batch->lost ? NULL : batch->waiters, *next; waiter != NULL;
         waiter = next) {
        next = waiter->next; /* its owner may be gone after the call */
        waiter->on_durable(waiter, first + waiter->index, batch->time_ms);
    }
    unsigned idle = 0;
    for (const struct hf_journal_batch *at = journal->idle; at != NULL; at = at->next)
        idle++;
    if (batch->oversized || idle >= IDLE_BATCHES_MAX) {
        batch_free(journal, batch);
        return;
    }
    batch->next = journal->idle;
    journal->idle = batch;
}

bool hf_app_journal_open(const struct hf_app_journal *journal)
{
    return journal->in_flight_bytes < HF_JOURNAL_GATE_BYTES;
}

bool hf_app_journal_empty(const struct hf_app_journal *journal)
{
    return journal->in_flight == 0 && journal->full == NULL &&
           (journal->filling == NULL || journal->filling->log.records == 0);
}
