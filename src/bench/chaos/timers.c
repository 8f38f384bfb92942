#include "bench/chaos/timers.h"

#include <stdlib.h>

#include "base/assert.h"

enum { ROOM_MIN = 64 };

void hf_chaos_timers_init(struct hf_chaos_timers *timers)
{
    *timers = (struct hf_chaos_timers){0};
}

void hf_chaos_timers_deinit(struct hf_chaos_timers *timers)
{
    free(timers->heap);
    *timers = (struct hf_chaos_timers){0};
}

hf_err hf_chaos_timers_reserve(struct hf_chaos_timers *timers, size_t count)
{
    size_t wanted = timers->reserved + count, room = HF_MAX(timers->room, (size_t)ROOM_MIN);

    while (room < wanted)
        room *= 2;
    if (room > timers->room) {
        struct hf_chaos_timer **grown = realloc(timers->heap, room * sizeof(struct hf_chaos_timer *));

        if (grown == NULL)
            return HF_ERR_NOMEM;
        timers->heap = grown;
        timers->room = room;
    }
    timers->reserved = wanted;
    return HF_OK;
}

void hf_chaos_timers_unreserve(struct hf_chaos_timers *timers, size_t count)
{
    HF_ASSERT(timers->reserved >= count && timers->count <= timers->reserved - count);
    timers->reserved -= count;
}

static void put(struct hf_chaos_timers *timers, size_t at, struct hf_chaos_timer *timer)
{
    timers->heap[at] = timer;
    timer->at = at + 1;
}

static void sift_up(struct hf_chaos_timers *timers, size_t at, struct hf_chaos_timer *timer)
{
    while (at > 0 && timers->heap[(at - 1) / 2]->due_us > timer->due_us) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, timer);
}

static void sift_down(struct hf_chaos_timers *timers, size_t at, struct hf_chaos_timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->heap[child + 1]->due_us < timers->heap[child]->due_us)
            child++;
        if (timers->heap[child]->due_us >= timer->due_us)
            break;
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

void hf_chaos_timers_cancel(struct hf_chaos_timers *timers, struct hf_chaos_timer *timer)
{
    size_t at = timer->at - 1;

    if (timer->at == 0)
        return;
    HF_ASSERT(at < timers->count && timers->heap[at] == timer);
    timer->at = 0;
    struct hf_chaos_timer *last = timers->heap[--timers->count];

    if (last == timer)
        return;
    sift_up(timers, at, last);
    sift_down(timers, last->at - 1, last);
}

void hf_chaos_timers_arm(struct hf_chaos_timers *timers, struct hf_chaos_timer *timer, uint64_t due_us)
{
    if (timer->at != 0 && timer->due_us == due_us)
        return;
    hf_chaos_timers_cancel(timers, timer);
    if (due_us == UINT64_MAX)
        return;
    HF_ASSERT(timers->count < timers->reserved && timer->on_due != NULL);
    timer->due_us = due_us;
    sift_up(timers, timers->count++, timer);
}

uint64_t hf_chaos_timers_next_us(const struct hf_chaos_timers *timers)
{
    return timers->count > 0 ? timers->heap[0]->due_us : UINT64_MAX;
}

void hf_chaos_timers_run(struct hf_chaos_timers *timers, uint64_t now_us)
{
    size_t budget = timers->count;

    while (budget-- > 0 && hf_chaos_timers_next_us(timers) <= now_us) {
        struct hf_chaos_timer *timer = timers->heap[0];

        hf_chaos_timers_cancel(timers, timer);
        timer->on_due(timer, now_us);
    }
}
