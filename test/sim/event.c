/* test/sim/event.c - a binary heap by (time, order of arming). */
#include "sim/event.h"

#include <stdlib.h>

#include "base/assert.h"

void sim_events_init(struct sim_events *events)
{
    *events = (struct sim_events){.room = 256};
    events->heap = malloc(events->room * sizeof(*events->heap));
    HF_ASSERT(events->heap != NULL);
}

void sim_events_deinit(struct sim_events *events)
{
    for (uint32_t i = 1; i <= events->count; i++)
        events->heap[i]->slot = 0;
    free(events->heap);
    *events = (struct sim_events){0};
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct sim_events *events, uint32_t slot, struct sim_event *event)
{
    events->heap[slot] = event;
    event->slot = slot;
}

static void sift_up(struct sim_events *events, uint32_t slot, struct sim_event *event)
{
    for (; slot > 1 && before(event, events->heap[slot / 2]); slot /= 2)
        put(events, slot, events->heap[slot / 2]);
    put(events, slot, event);
}

static void sift_down(struct sim_events *events, uint32_t slot, struct sim_event *event)
{
    for (uint32_t child; (child = 2 * slot) <= events->count; slot = child) {
        if (child < events->count && before(events->heap[child + 1], events->heap[child]))
            child++;
        if (!before(events->heap[child], event))
            break;
        put(events, slot, events->heap[child]);
    }
    put(events, slot, event);
}

void sim_cancel(struct sim_events *events, struct sim_event *event)
{
    uint32_t slot = event->slot;

    if (slot == 0)
        return;
    HF_ASSERT(events->heap[slot] == event);
    event->slot = 0;
    struct sim_event *last = events->heap[events->count--];
    if (last == event)
        return;
    if (slot > 1 && before(last, events->heap[slot / 2]))
        sift_up(events, slot, last);
    else
        sift_down(events, slot, last);
}

void sim_at(struct sim_events *events, struct sim_event *event, uint64_t at_us)
{
    HF_ASSERT(event->on_due != NULL);
    sim_cancel(events, event);
    event->at_us = HF_MAX(at_us, events->now_us);
    event->order = ++events->order;
    if (events->count + 1 == events->room) {
        events->room *= 2;
        events->heap = realloc(events->heap, events->room * sizeof(*events->heap));
        HF_ASSERT(events->heap != NULL);
    }
    sift_up(events, ++events->count, event);
}

bool sim_events_step(struct sim_events *events, uint64_t until_us)
{
    struct sim_event *first = events->count > 0 ? events->heap[1] : NULL;

    if (first == NULL || first->at_us > until_us) {
        events->now_us = HF_MAX(events->now_us, until_us);
        return false;
    }
    HF_ASSERT(first->at_us >= events->now_us);
    events->now_us = first->at_us;
    events->steps++;
    sim_cancel(events, first);
    first->on_due(first); /* may free itself */
    return true;
}
