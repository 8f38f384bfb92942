/* core/twin/riding.h - what a bicycle is doing, from cadence, power and lean alone. Pure; times are handed in.
 *
 * There is no speed among the channels: who coasts neither pedals nor works and counts as stopped after HF_RIDING_STOP_MS. Each state has a threshold to enter,
 * a lower one to stay, and a time for which the evidence must last, so that noise around a threshold changes nothing. In this order, the first that holds:
 *
 *   state      enter                                             stay                        for
 *   fallen     lean beyond 60 degrees, cadence below 10 RPM      beyond 45                   1 s
 *   sprinting  power from 450 W on, cadence from 80 RPM on       300 W, 70 RPM               1 s
 *   climbing   power from 180 W on, cadence 20 to 75 RPM         140 W, 15 to 82 RPM         5 s
 *   stopped    cadence below 5 RPM, power below 10 W             below 15 RPM, 25 W          3 s
 *   riding     none of these                                                                 1 s
 * All are means over the last second. A channel without a value speaks neither for nor against: alone it makes no state. */
#ifndef HF_CORE_TWIN_RIDING_H
#define HF_CORE_TWIN_RIDING_H

#include <stdbool.h>
#include <stdint.h>

/* Names are the API's: append. */
#define HF_RIDING_MAP(X)                \
    X(HF_RIDING_UNKNOWN, "unknown")     \
    X(HF_RIDING_STOPPED, "stopped")     \
    X(HF_RIDING_RIDING, "riding")       \
    X(HF_RIDING_CLIMBING, "climbing")   \
    X(HF_RIDING_SPRINTING, "sprinting") \
    X(HF_RIDING_FALLEN, "fallen")
#define HF_RIDING_ENUM(id, name) id,
enum hf_riding { HF_RIDING_MAP(HF_RIDING_ENUM) HF_RIDINGS };
#undef HF_RIDING_ENUM
const char *hf_riding_name(unsigned riding); /* "unknown" when not in the table */

enum {
    HF_RIDING_FALL_MS = 1000,
    HF_RIDING_SPRINT_MS = 1000,
    HF_RIDING_CLIMB_MS = 5000,
    HF_RIDING_STOP_MS = 3000,
    HF_RIDING_RIDE_MS = 1000,
};

struct hf_riding_look { /* means over the last second */
    bool has_cadence, has_power, has_lean;
    double cadence_rpm, power_w, lean_deg;
};

struct hf_riding_state { /* all zero = unknown */
    uint8_t now, next;   /* enum hf_riding; next: what the evidence says since next_ms */
    uint64_t since_ms, next_ms;
};

/* now_ms: of the samples' own clock, which does not go back; 0 is a time like others. True when the state changed. The first evidence counts at once. */
bool hf_riding_step(struct hf_riding_state *state, const struct hf_riding_look *look, uint64_t now_ms);

#endif
