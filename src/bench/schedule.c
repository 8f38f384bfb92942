#include "bench/schedule.h"

#include <math.h>

#include "base/assert.h"

enum { NS_PER_S = 1000000000 };

void hf_bench_schedule_init(struct hf_bench_schedule *schedule, double rate, enum hf_bench_ramp ramp,
                            uint64_t ramp_ns, unsigned steps)
{
    HF_ASSERT(rate > 0);
    HF_ASSERT(ramp != HF_BENCH_RAMP_STEP || (steps >= 1 && steps <= HF_BENCH_RAMP_STEPS_MAX));
    if (ramp_ns == 0)
        ramp = HF_BENCH_RAMP_NONE;
    *schedule = (struct hf_bench_schedule){
        .rate = rate,
        .ramp_ns = ramp == HF_BENCH_RAMP_NONE ? 0 : (double)ramp_ns,
        .steps = steps,
        .ramp = ramp,
    };
    double full = rate * schedule->ramp_ns / NS_PER_S; /* what the ramp would hold at the full rate */

    if (ramp == HF_BENCH_RAMP_LINEAR)
        schedule->ramp_events = full / 2;
    else if (ramp == HF_BENCH_RAMP_STEP)
        schedule->ramp_events = full * (steps + 1) / (2.0 * steps);
}

void hf_bench_schedule_share(struct hf_bench_schedule *schedule, unsigned index, unsigned count)
{
    HF_ASSERT(index < count);
    schedule->offset_ns += (double)index * NS_PER_S / schedule->rate;
    schedule->rate /= count;
    schedule->ramp_events /= count;
}

static double at_in_steps(const struct hf_bench_schedule *schedule, double index)
{
    double plateau_ns = schedule->ramp_ns / schedule->steps;

    for (unsigned step = 1; step < schedule->steps; step++) {
        double rate = schedule->rate * step / schedule->steps;
        double events = rate * plateau_ns / NS_PER_S;

        if (index < events)
            return (step - 1) * plateau_ns + index * NS_PER_S / rate;
        index -= events;
    }
    return (schedule->steps - 1) * plateau_ns + index * NS_PER_S / schedule->rate;
}

uint64_t hf_bench_schedule_at_ns(const struct hf_bench_schedule *schedule, uint64_t index)
{
    double i = (double)index, at_ns;

    if (i >= schedule->ramp_events)
        at_ns = schedule->ramp_ns + (i - schedule->ramp_events) * NS_PER_S / schedule->rate;
    else if (schedule->ramp == HF_BENCH_RAMP_LINEAR)
        at_ns = sqrt(2 * i * schedule->ramp_ns * NS_PER_S / schedule->rate);
    else
        at_ns = at_in_steps(schedule, i);
    return (uint64_t)(at_ns + schedule->offset_ns);
}

/* A first guess from the inverse function; hf_bench_schedule_due() makes it exact. */
static double guess_due(const struct hf_bench_schedule *schedule, double elapsed_ns)
{
    double t = elapsed_ns - schedule->offset_ns;

    if (t < 0)
        return 0;
    if (t >= schedule->ramp_ns)
        return schedule->ramp_events + (t - schedule->ramp_ns) * schedule->rate / NS_PER_S;
    if (schedule->ramp == HF_BENCH_RAMP_LINEAR)
        return t * t * schedule->rate / (2 * schedule->ramp_ns * NS_PER_S);
    double plateau_ns = schedule->ramp_ns / schedule->steps, events = 0;

    for (unsigned step = 1; step <= schedule->steps && t > 0; step++) {
        events += schedule->rate * step / schedule->steps * HF_MIN(t, plateau_ns) / NS_PER_S;
        t -= plateau_ns;
    }
    return events;
}

uint64_t hf_bench_schedule_due(const struct hf_bench_schedule *schedule, uint64_t elapsed_ns)
{
    uint64_t due = (uint64_t)guess_due(schedule, (double)elapsed_ns);

    while (due > 0 && hf_bench_schedule_at_ns(schedule, due - 1) > elapsed_ns)
        due--;
    while (hf_bench_schedule_at_ns(schedule, due) <= elapsed_ns)
        due++;
    return due;
}
