/* agent/tick.h - when batches are due: each `every_ms`, on a clock that is handed in. */
#ifndef HF_AGENT_TICK_H
#define HF_AGENT_TICK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

struct hf_tick {
    uint64_t every_ms; /* at least 1 */
    uint64_t next_ms;
};

static inline void hf_tick_start(struct hf_tick *tick, uint64_t every_ms, uint64_t now_ms)
{
    HF_ASSERT(every_ms > 0);
    *tick = (struct hf_tick){every_ms, now_ms + every_ms};
}

/* A shorter one counts from now: what waits does not wait for the end of the longer one, which was 10 s perhaps. */
static inline void hf_tick_change(struct hf_tick *tick, uint64_t every_ms, uint64_t now_ms)
{
    HF_ASSERT(every_ms > 0);
    tick->every_ms = every_ms;
    tick->next_ms = HF_MIN(tick->next_ms, now_ms + every_ms);
}

/* True when batches are due, once for each time. A turn that took longer than a tick, at a slow disk, is not made up for: the batches are larger then. */
static inline bool hf_tick_due(struct hf_tick *tick, uint64_t now_ms)
{
    if (now_ms < tick->next_ms)
        return false;
    tick->next_ms = HF_MAX(tick->next_ms + tick->every_ms, now_ms + 1);
    return true;
}

#endif
