/* test/sim/clock.h - what a machine's clocks say: a monotonic one with a rate of its own, a wall clock that can be anything and is stepped. */
#ifndef HF_SIM_CLOCK_H
#define HF_SIM_CLOCK_H

#include <stdint.h>

#include "sim/event.h"

#define SIM_UTC_MS UINT64_C(1700000000000)

struct sim_clock {
    const struct sim_events *events;
    uint64_t mono_base_us; /* the monotonic clock when the world began: machines boot at different times */
    int64_t skew_ppm;
    int64_t utc_offset_ms; /* to the true time; stepped by faults */
};

static inline uint64_t sim_clock_mono_us(const struct sim_clock *clock)
{
    uint64_t now_us = clock->events->now_us;

    return clock->mono_base_us + (uint64_t)((int64_t)now_us + (int64_t)now_us * clock->skew_ppm / 1000000);
}

static inline uint64_t sim_clock_ms(const struct sim_clock *clock)
{
    return sim_clock_mono_us(clock) / 1000;
}

static inline uint64_t sim_clock_utc_ms(
    const struct sim_clock *clock) /* before 1970 reads as 0, as in io/clock.c */
{
    int64_t utc = (int64_t)(SIM_UTC_MS + clock->events->now_us / 1000) + clock->utc_offset_ms;

    return utc > 0 ? (uint64_t)utc : 0;
}

#endif
