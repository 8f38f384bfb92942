/* bench/chaos/timers.h - timers with microseconds, in a binary heap: the wheel of a loop (base/wheel.h) has ticks of 16 ms,
 * which is more than most faults last. Time is handed in. A timer lies in its owner; the set owns only its array, which
 * is made large enough before a timer is armed, so that arming cannot fail. */
#ifndef HF_BENCH_CHAOS_TIMERS_H
#define HF_BENCH_CHAOS_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct hf_chaos_timer {
    uint64_t due_us;
    size_t at; /* index in the heap + 1; 0 = not armed */
    void (*on_due)(struct hf_chaos_timer *timer, uint64_t now_us);
};

struct hf_chaos_timers {
    struct hf_chaos_timer **heap; /* owns */
    size_t count, room, reserved;
};

void hf_chaos_timers_init(struct hf_chaos_timers *timers);
void hf_chaos_timers_deinit(struct hf_chaos_timers *timers); /* timers that are armed are forgotten */
/* Room for `count` more timers, given back by unreserve when their owner ends. Only HF_ERR_NOMEM. */
hf_err hf_chaos_timers_reserve(struct hf_chaos_timers *timers, size_t count);
void hf_chaos_timers_unreserve(struct hf_chaos_timers *timers, size_t count);

/* Arms or re-arms; UINT64_MAX cancels. Asserts that room was reserved. */
void hf_chaos_timers_arm(struct hf_chaos_timers *timers, struct hf_chaos_timer *timer, uint64_t due_us);
void hf_chaos_timers_cancel(struct hf_chaos_timers *timers, struct hf_chaos_timer *timer);
uint64_t hf_chaos_timers_next_us(const struct hf_chaos_timers *timers); /* UINT64_MAX when none is armed */
/* Fires what is due, earliest first. A callback may arm, cancel or end any timer. A run ends although callbacks arm timers
 * for the past: it makes at most as many calls as timers were armed at its beginning. */
void hf_chaos_timers_run(struct hf_chaos_timers *timers, uint64_t now_us);

#endif
