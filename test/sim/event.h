/* test/sim/event.h - simulated time: what is due, in an order that depends on nothing but the seed. Events of the same moment come in the order in
 * which they were armed. An event is embedded in its owner, as a timer of base/wheel.h is. */
#ifndef HF_SIM_EVENT_H
#define HF_SIM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct sim_event { /* all zero but on_due = not armed */
    uint64_t at_us, order;
    uint32_t slot; /* in the heap, from 1; 0 = not armed */
    void (*on_due)(struct sim_event *event);
};

struct sim_events {
    struct sim_event **heap; /* owns; heap[0] is not used */
    uint32_t count, room;
    uint64_t now_us; /* since the world began */
    uint64_t order, steps;
};

void sim_events_init(struct sim_events *events);
void sim_events_deinit(struct sim_events *events);

/* Arms or re-arms; a past time means now, behind what is due now already. */
void sim_at(struct sim_events *events, struct sim_event *event, uint64_t at_us);
static inline void sim_in(struct sim_events *events, struct sim_event *event, uint64_t in_us)
{
    sim_at(events, event, events->now_us + in_us);
}
void sim_cancel(struct sim_events *events, struct sim_event *event); /* harmless when not armed */
static inline bool sim_armed(const struct sim_event *event)
{
    return event->slot != 0;
}

/* Time goes on to the next event, which runs. False when nothing is due at or before until_us: then it is until_us. */
bool sim_events_step(struct sim_events *events, uint64_t until_us);

#endif
