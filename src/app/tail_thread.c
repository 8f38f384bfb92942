#include "app/tail_thread.h"

#include <stdlib.h>

#include "adapter/api/event_text.h"
#include "base/assert.h"
#include "io/clock.h"

enum { IDLE_MS = 1000 };

hf_err hf_tail_thread_init(struct hf_tail_thread *self)
{
    hf_list_init(&self->ready);
    hf_list_init(&self->parked);
    self->inbox = hf_inbox_new(self->workers);
    if (self->inbox == NULL)
        return HF_ERR_NOMEM;
    for (unsigned i = 0; i < self->workers; i++) {
        /* A reader has one message in it at most, so all of them always fit. */
        hf_err err = hf_inbox_add(self->inbox, HF_MAX((unsigned)HF_MAILBOX_ENTRIES, self->readers_max),
                                  &self->from[i]);

        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

/* ---- on the worker ---- */

static struct hf_slice keep(char **at, struct hf_slice text)
{
    struct hf_slice kept = {text.at ? *at : NULL, text.bytes};

    HF_ASSERT(text.at != NULL || text.bytes == 0);
    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return kept;
}

hf_err hf_tail_new(struct hf_tail_thread *self, unsigned worker, const struct hf_tail_request *request,
                   void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk),
                   void *user, struct hf_tail **ret_tail)
{
    size_t bytes =
        request->tenant.bytes + request->device.bytes + request->topic_filter.bytes + request->by.bytes;

    if (atomic_fetch_add(&self->readers, 1) >= self->readers_max) {
        atomic_fetch_sub(&self->readers, 1);
        atomic_fetch_add(&self->readers_refused, 1);
        return HF_ERR_LIMIT;
    }
    struct hf_tail *tail = calloc(1, sizeof(*tail) + bytes + 1);
    if (tail == NULL) {
        atomic_fetch_sub(&self->readers, 1);
        return HF_ERR_NOMEM;
    }
    char *at = tail->storage;
    tail->request = *request;
    tail->request.tenant = keep(&at, request->tenant);
    tail->request.device = keep(&at, request->device);
    tail->request.topic_filter = keep(&at, request->topic_filter);
    tail->request.by = keep(&at, request->by);
    tail->on_chunk = on_chunk;
    tail->user = user;
    tail->thread = self;
    tail->worker = worker;
    hf_list_init(&tail->node);
    *ret_tail = tail;
    return HF_OK;
}

static void tail_free(struct hf_tail *tail)
{
    hf_log_reader_close(tail->reader);
    atomic_fetch_sub(&tail->thread->readers, 1);
    free(tail->data);
    free(tail);
}

void hf_tail_ask(struct hf_tail *tail)
{
    HF_ASSERT(!tail->asked && !tail->closed);
    tail->asked = true;
    /* At most one message per reader is in the mailbox, and it has room for all of them. */
    hf_err err = hf_mailbox_post(tail->thread->from[tail->worker], tail);
    HF_ASSERT(err == HF_OK);
}

void hf_tail_drop(struct hf_tail *tail)
{
    if (!tail->asked) {
        tail_free(tail);
        return;
    }
    tail->closed = true;
    atomic_store(&tail->canceled, true);
    hf_inbox_wake(tail->thread->inbox); /* a parked reader is looked at and comes back */
}

void hf_tail_arrived(struct hf_tail *tail)
{
    struct hf_tail_chunk chunk = {.data = tail->data,
                                  .bytes = tail->bytes,
                                  .next_offset = tail->next_offset,
                                  .end = tail->end,
                                  .err = tail->err};

    tail->asked = false;
    if (tail->closed)
        tail_free(tail);
    else
        tail->on_chunk(tail, tail->user, &chunk);
}

/* ---- on the thread ---- */

static void deliver(struct hf_tail *tail)
{
    tail->durable_us = tail->chunk_events > 0 && tail->request.follow && tail->thread->log_thread != NULL
                           ? hf_log_thread_durable_us(tail->thread->log_thread, tail->chunk_first)
                           : 0;
    hf_list_remove(&tail->node);
    tail->parked = false;
    if (tail->reader != NULL)
        tail->next_offset = hf_log_reader_offset(tail->reader);
    if (tail->err != HF_OK)
        tail->end = true;
    hf_err err = hf_mailbox_post(tail->thread->to[tail->worker], tail);
    HF_ASSERT(err == HF_OK); /* readers_max is below what the mailbox holds */
}

static hf_err begin(struct hf_tail *tail)
{
    struct hf_log *log = tail->thread->log;
    uint64_t end = hf_log_durable_through(log) + 1, from = tail->request.from;
    hf_err err = HF_OK;

    tail->started = true;
    if (tail->request.from_time_ms != 0)
        err = hf_log_offset_at_time(log, tail->request.from_time_ms, &from);
    else if (from == 0 || from > end)
        from = end;
    if (err == HF_OK)
        err = hf_log_reader_open(log, from, &tail->reader);
    if (err == HF_OK && tail->request.device.at != NULL && tail->request.tenant.at != NULL &&
        !hf_slice_is(tail->request.tenant, "*"))
        hf_log_reader_filter(tail->reader, hf_device_hash(tail->request.tenant, tail->request.device));
    return err;
}

static bool room_for(struct hf_tail *tail, size_t bytes)
{
    if (tail->room - tail->bytes >= bytes)
        return true;
    size_t room = tail->room ? tail->room : HF_TAIL_CHUNK_BYTES;
    while (room - tail->bytes < bytes)
        room *= 2;
    uint8_t *data = realloc(tail->data, room);
    if (data == NULL)
        return false;
    tail->data = data;
    tail->room = room;
    return true;
}

static bool add_event(struct hf_tail *tail, const struct hf_event *event)
{
    size_t need = HF_MIN(4096 + event->payload.bytes, (size_t)HF_TAIL_EVENT_BYTES_MAX);

    for (;; need = HF_MIN(2 * need, (size_t)HF_TAIL_EVENT_BYTES_MAX)) {
        if (!room_for(tail, need))
            return false;
        size_t bytes = hf_event_text(event, tail->request.form, (char *)tail->data + tail->bytes,
                                     tail->room - tail->bytes);
        tail->bytes += bytes;
        if (bytes > 0 || need == HF_TAIL_EVENT_BYTES_MAX)
            return bytes > 0;
    }
}

static void add_gap(struct hf_tail *tail)
{
    struct hf_log_gap gap = hf_log_reader_gap(tail->reader);

    if (!room_for(tail, 1024)) { /* a gap that nobody is told of would be a loss */
        tail->err = HF_ERR_NOMEM;
        return;
    }
    atomic_fetch_add(&tail->thread->gaps, 1);
    hf_log_damage_say(&tail->thread->damage, tail->thread->logger, "events", tail->reader);
    tail->bytes += hf_gap_text(gap.from, gap.to, gap.reason, tail->request.form,
                               (char *)tail->data + tail->bytes, tail->room - tail->bytes);
    hf_log_reader_skip(tail->reader);
}

/* One event of the log for one reader. False when this reader's chunk is complete for now. */
static bool step(struct hf_tail *tail)
{
    struct hf_log_record record;
    struct hf_event event;
    const struct hf_tail_request *request = &tail->request;
    hf_err err = hf_log_reader_next(tail->reader, &record);

    if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
        add_gap(tail);
        return tail->err == HF_OK && tail->bytes < HF_TAIL_CHUNK_BYTES - 4096;
    }
    if (err == HF_ERR_AGAIN) {
        /* A filtered reader may never be shown the record that ends it. */
        tail->end =
            !request->follow || (request->until != 0 && hf_log_reader_offset(tail->reader) > request->until);
        return false;
    }
    if (err == HF_ERR_BUSY) /* a filtered reader read much and found nothing: others first */
        return false;
    if (err != HF_OK) {
        tail->err = err;
        return false;
    }
    if (request->until != 0 && record.offset > request->until) {
        tail->end = true;
        return false;
    }
    if (hf_event_decode((const uint8_t *)record.body.at, record.body.bytes, &event) != HF_OK)
        return true; /* of a later version of this program: nothing we could show */
    event.offset = record.offset;
    event.time_ms = record.time_ms;
    if (hf_event_matches(request, &event)) {
        if (!add_event(tail, &event)) {
            tail->err = HF_ERR_NOMEM;
            return false;
        }
        atomic_fetch_add_explicit(&tail->thread->events_sent, 1, memory_order_relaxed);
        tail->sent++;
        if (tail->chunk_events++ == 0)
            tail->chunk_first = event.offset;
        if (request->limit != 0 && tail->sent >= request->limit)
            tail->end = true;
    }
    if (request->until != 0 && record.offset >= request->until)
        tail->end = true;
    return !tail->end && tail->bytes < HF_TAIL_CHUNK_BYTES - 4096;
}

/* Reads for one reader until its chunk is full, the log ends, or others should have their turn. */
static void serve(struct hf_tail_thread *self, struct hf_tail *tail)
{
    unsigned steps = 0;

    if (atomic_load(&tail->canceled)) {
        deliver(tail);
        return;
    }
    if (!tail->started)
        tail->err = begin(tail);
    while (tail->err == HF_OK && steps < HF_TAIL_RECORDS_PER_STEP && step(tail))
        steps++;
    if (tail->bytes > 0 || tail->end || tail->err != HF_OK) {
        deliver(tail);
        return;
    }
    hf_list_remove(&tail->node);
    bool at_end = hf_log_reader_offset(tail->reader) > hf_log_durable_through(self->log);
    hf_list_push_back(at_end ? &self->parked : &self->ready, &tail->node);
    tail->parked = at_end;
}

static void on_asked(void *context, unsigned mailbox, void *message)
{
    struct hf_tail_thread *self = context;
    struct hf_tail *tail = message;

    (void)mailbox;
    tail->bytes = 0;
    tail->chunk_events = 0;
    if (tail->room > 4 * HF_TAIL_CHUNK_BYTES) { /* one large event does not cost its reader memory for ever */
        free(tail->data);
        tail->data = NULL;
        tail->room = 0;
    }
    hf_list_push_back(&self->ready, &tail->node);
}

static void run(void *context)
{
    struct hf_tail_thread *self = context;
    uint64_t seen = 0;

    while (!atomic_load(&self->stopping)) {
        uint64_t durable = hf_log_durable_through(self->log);
        struct hf_list_node now, *node;

        (void)hf_inbox_drain(self->inbox, on_asked, self, HF_MAILBOX_ENTRIES);
        if (durable != seen) {
            seen = durable;
            hf_list_splice(&self->ready, &self->parked);
        }
        for (struct hf_list_node *at = self->parked.next, *next; at != &self->parked; at = next) {
            struct hf_tail *tail = HF_CONTAINER_OF(at, struct hf_tail, node);

            next = at->next;
            if (atomic_load(&tail->canceled))
                deliver(tail);
        }
        hf_list_init(&now);
        hf_list_splice(&now, &self->ready);
        while ((node = now.next) != &now)
            serve(self, HF_CONTAINER_OF(node, struct hf_tail, node));
        if (hf_list_empty(&self->ready))
            (void)hf_inbox_wait(self->inbox, IDLE_MS);
    }
}

hf_err hf_tail_thread_start(struct hf_tail_thread *self)
{
    return hf_thread_start(&self->thread, "hf-tail", HF_THREAD_ANY_CPU, run, self);
}

void hf_tail_thread_wake(struct hf_tail_thread *self)
{
    hf_inbox_wake(self->inbox);
}

void hf_tail_thread_stop(struct hf_tail_thread *self)
{
    atomic_store(&self->stopping, true);
    if (self->inbox != NULL)
        hf_inbox_wake(self->inbox);
    hf_thread_join(&self->thread);
}

void hf_tail_thread_deinit(struct hf_tail_thread *self)
{
    struct hf_list_node *node;

    while (hf_inbox_drain(self->inbox, on_asked, self, HF_MAILBOX_ENTRIES) > 0)
        ;
    hf_list_splice(&self->ready, &self->parked);
    while ((node = hf_list_pop_front(&self->ready)) != NULL)
        tail_free(HF_CONTAINER_OF(node, struct hf_tail, node));
    hf_inbox_free(self->inbox);
    self->inbox = NULL;
}
