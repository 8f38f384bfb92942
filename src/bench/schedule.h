/* bench/schedule.h - when each event of an open-loop run is meant to happen.
 * Pure arithmetic: event `index` has one intended time whatever the server does, so a server that stalls cannot
 * slow the questions down (coordinated omission). Latency is always measured from the intended time.
 * Times are nanoseconds from the start of the run. */
#ifndef HF_BENCH_SCHEDULE_H
#define HF_BENCH_SCHEDULE_H

#include <stdint.h>

enum hf_bench_ramp {
    HF_BENCH_RAMP_NONE,   /* the full rate from the first moment */
    HF_BENCH_RAMP_STEP,   /* `steps` plateaus of equal length: rate/steps, 2*rate/steps, ... */
    HF_BENCH_RAMP_LINEAR, /* the rate grows evenly from nothing to full */
};

enum { HF_BENCH_RAMP_STEPS_MAX = 100 };

struct hf_bench_schedule { /* fields are the schedule's */
    double rate;           /* events a second after the ramp, > 0 */
    double offset_ns;      /* every event is that much later: several processes share one rate */
    double ramp_ns;
    double ramp_events; /* how many events lie in the ramp; may be a fraction */
    unsigned steps;
    enum hf_bench_ramp ramp;
};

/* steps: 1..HF_BENCH_RAMP_STEPS_MAX, used with HF_BENCH_RAMP_STEP only. */
void hf_bench_schedule_init(struct hf_bench_schedule *schedule, double rate, enum hf_bench_ramp ramp,
                            uint64_t ramp_ns, unsigned steps);

/* The share of process `index` of `count`: an equal part of the rate, shifted so that the processes together
 * are as even as one would be. */
void hf_bench_schedule_share(struct hf_bench_schedule *schedule, unsigned index, unsigned count);

uint64_t hf_bench_schedule_at_ns(const struct hf_bench_schedule *schedule, uint64_t index);

/* How many events are due at elapsed_ns: the smallest n with at_ns(n) > elapsed_ns. */
uint64_t hf_bench_schedule_due(const struct hf_bench_schedule *schedule, uint64_t elapsed_ns);

#endif
