/* core/twin/series_testkit.h - rides to pack: what a bicycle's sensors say, noise included. */
#ifndef HF_CORE_TWIN_SERIES_TESTKIT_H
#define HF_CORE_TWIN_SERIES_TESTKIT_H

#include <math.h>

#include "base/rng.h"
#include "core/twin/series.h"

struct kit_ride {
    struct hf_rng rng;
    uint64_t t_us, step_us;
    double jitter_us, noise_rpm, noise_w, noise_deg; /* standard deviations */
};

static inline double kit_normal(struct kit_ride *ride)
{
    double sum = 0;

    for (unsigned i = 0; i < 12; i++)
        sum += (double)hf_rng_below(&ride->rng, 1 << 20) / (1 << 20);
    return sum - 6;
}

/* Sample `i` of a ride over hills: slow swings of all three, and what the sensors add to them. */
static inline struct hf_series_point kit_sample(struct kit_ride *ride, unsigned i)
{
    double s = (double)i * (double)ride->step_us / 1e6;
    double pedal = sin(s * 9.5); /* power comes in strokes */
    struct hf_series_point point = {.t_us = ride->t_us + (uint64_t)i * ride->step_us};

    point.t_us += (uint64_t)fabs(kit_normal(ride) * ride->jitter_us);
    point.of[HF_SERIES_CADENCE] =
        hf_series_one((int32_t)lround(170 + 12 * sin(s / 20) + 2 * ride->noise_rpm * kit_normal(ride)));
    point.of[HF_SERIES_POWER] = hf_series_one(
        (int32_t)lround(210 + 60 * sin(s / 15) + 30 * pedal + ride->noise_w * kit_normal(ride)));
    point.of[HF_SERIES_LEAN] =
        hf_series_one((int32_t)lround(256 * (9 * sin(s / 4) + ride->noise_deg * kit_normal(ride))));
    return point;
}

#endif
