/* agent/utc.h - UTC minus CLOCK_MONOTONIC_RAW, and how sure that is. Measured anew for each turn: CLOCK_REALTIME is slewed and set, the raw clock never. */
#ifndef HF_AGENT_UTC_H
#define HF_AGENT_UTC_H

#include <stdint.h>

enum { HF_UTC_TRIES = 5 };

struct hf_utc_offset {
    int64_t offset_ns;
    uint32_t
        uncertainty_us; /* half of the time between the two raw readings, rounded up; how well the machine's UTC is set is not in it */
};

/* readings[i]: raw, UTC, raw again, as they were read. The try with the shortest way between its raw readings decides. */
struct hf_utc_offset hf_utc_offset_of(const int64_t readings[][3], unsigned tries);

struct hf_utc_offset hf_utc_measure(void); /* HF_UTC_TRIES tries with the real clocks */

#endif
