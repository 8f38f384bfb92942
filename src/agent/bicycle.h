/* agent/bicycle.h - a bicycle with a rider on a road, as its sensors see it. A physical model: power against slope, air, rolling resistance and inertia gives speed; gear and
 * speed give cadence; curve and speed give lean. Equal seeds and steps give equal rides. */
#ifndef HF_AGENT_BICYCLE_H
#define HF_AGENT_BICYCLE_H

#include <stdint.h>

#include "base/rng.h"
#include "codec/samples/samples.h"

enum hf_ride { HF_RIDE_STOPPED, HF_RIDE_RIDING, HF_RIDE_SPRINTING, HF_RIDE_FALLEN, HF_RIDES };

struct hf_bicycle {
    struct hf_rng rng;
    enum hf_ride ride;
    double left_s; /* of what the rider does now */
    double way_m, speed_mps, lean_rad, crank_rad;
    double power_w; /* of the legs, smooth */
    double base_w;  /* what this rider holds for hours */
    double mass_kg;
    double road[6]; /* phases and lengths of its hills and curves */
    unsigned gear;
    int fall_side;
};

void hf_bicycle_init(struct hf_bicycle *bicycle, uint64_t seed);
/* seconds_later: 0.0001 to 1. ts_ns of the sample is the caller's to set. */
void hf_bicycle_step(struct hf_bicycle *bicycle, double seconds_later, struct hf_sample *ret_sample);
double hf_bicycle_slope(const struct hf_bicycle *bicycle); /* where it is: rise per way */

#endif
