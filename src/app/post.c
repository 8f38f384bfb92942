/* app/post.c - messages between workers. A full mailbox never drops: requests are refused to their maker, everything else waits in a
 * backlog, and while that is long no device is read. */
#include <stddef.h>

#include "app/media.h"
#include "app/worker.h"
#include "base/assert.h"
#include "io/clock.h"

enum { KIND_BITS = 7 };
_Static_assert(HF_POST_KINDS <= KIND_BITS + 1, "the kind travels in the low bits of a pointer");
_Static_assert(offsetof(struct hf_call, carried) == 0 && offsetof(struct hf_move, carried) == 0 &&
                   offsetof(struct hf_publication, carried) == 0 &&
                   offsetof(struct hf_gbw_post, carried) == 0,
               "any of them can wait in a backlog");

static void *tag(enum hf_post_kind kind, void *message)
{
    HF_ASSERT(((uintptr_t)message & KIND_BITS) == 0);
    return (void *)((uintptr_t)message | (uintptr_t)kind);
}

static void *untag(void *tagged)
{
    return (void *)((uintptr_t)tagged & ~(uintptr_t)KIND_BITS);
}

/* The pointer with which every message begins: to the next one that waits, tagged. */
static void **carried(void *tagged)
{
    return untag(tagged);
}

static void handle(struct hf_worker *worker, void *tagged)
{
    void *message = untag(tagged);

    switch ((enum hf_post_kind)((uintptr_t)tagged & KIND_BITS)) {
    case HF_POST_CALL: hf_worker_on_call(worker, message); return;
    case HF_POST_ANSWER: hf_worker_on_answer(worker, message); return;
    case HF_POST_MOVE: hf_worker_on_move(worker, message); return;
    case HF_POST_PUBLISH: hf_worker_on_publish(worker, message); return;
    case HF_POST_GB: hf_gbw_on_post(worker, message); return;
    default: HF_UNREACHABLE();
    }
}

hf_err hf_worker_post(struct hf_worker *worker, unsigned to, enum hf_post_kind kind, void *message)
{
    if (worker->backlog[to].count > 0) /* order is kept: nothing overtakes what waits */
        return HF_ERR_BUSY;
    return hf_mailbox_post(worker->to[to], tag(kind, message)) == HF_OK ? HF_OK : HF_ERR_BUSY;
}

void hf_worker_post_always(struct hf_worker *worker, unsigned to, enum hf_post_kind kind, void *message)
{
    struct hf_backlog *backlog = &worker->backlog[to];
    void *tagged = tag(kind, message);

    if (hf_worker_post(worker, to, kind, message) == HF_OK)
        return;
    *carried(tagged) = NULL;
    if (backlog->count == 0)
        backlog->first = tagged;
    else
        *carried(backlog->last) = tagged;
    backlog->last = tagged;
    backlog->count++;
    worker->backlog_total++;
}

static void flush(struct hf_worker *worker, struct hf_backlog *backlog, struct hf_mailbox *mailbox)
{
    while (backlog->count > 0) {
        void *first = backlog->first, *next = *carried(first);

        if (hf_mailbox_post(mailbox, first) != HF_OK)
            return;            /* its reader rings when there is room */
        backlog->first = next; /* the message is another thread's by now */
        backlog->count--;
        worker->backlog_total--;
        worker->backlog_done++;
    }
}

void hf_worker_backlog_flush(struct hf_worker *worker)
{
    for (unsigned to = 0; to < worker->gateway->worker_count; to++)
        flush(worker, &worker->backlog[to], worker->to[to]);
}

static void on_tail(struct hf_worker *worker, struct hf_tail *tail)
{
    uint64_t durable_us = tail->durable_us, events = tail->chunk_events;

    hf_tail_arrived(tail); /* written to the application, or freed */
    if (durable_us > 0)
        hf_latency_record(&worker->latencies.of[HF_LATENCY_APPLICATION],
                          (int64_t)(hf_clock_us() - durable_us), events, 0);
}

void hf_worker_on_message(struct hf_loop *loop, unsigned mailbox, void *message)
{
    struct hf_worker *worker = loop->user;
    unsigned workers = worker->gateway->worker_count;

    if (mailbox < workers)
        handle(worker, message);
    else if (mailbox == workers)
        hf_app_journal_durable(&worker->journal, message);
    else if (mailbox == workers + 1)
        on_tail(worker, message);
    else if (mailbox == workers + 2)
        hf_series_arrived(worker->gateway->series, message);
    else if (mailbox == workers + 3)
        hf_worker_on_answer(worker, message);
    else
        hf_media_arrived(message, hf_gbw_media_told, &worker->gb);
}
