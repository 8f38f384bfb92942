#include "agent/utc.h"

#include "base/assert.h"
#include "io/clock.h"

enum { NS_PER_US = 1000 };

struct hf_utc_offset hf_utc_offset_of(const int64_t readings[][3], unsigned tries)
{
    int64_t best_ns = INT64_MAX, offset_ns = 0;

    HF_ASSERT(tries > 0);
    for (unsigned i = 0; i < tries; i++) {
        int64_t way_ns = readings[i][2] - readings[i][0];

        HF_ASSERT(way_ns >= 0); /* the raw clock does not go back */
        if (way_ns >= best_ns)
            continue;
        best_ns = way_ns;
        offset_ns = readings[i][1] - (readings[i][0] + way_ns / 2);
    }
    int64_t uncertainty_us = (best_ns / 2 + NS_PER_US - 1) / NS_PER_US;

    return (struct hf_utc_offset){offset_ns, uncertainty_us < 1            ? 1
                                             : uncertainty_us > UINT32_MAX ? UINT32_MAX
                                                                           : (uint32_t)uncertainty_us};
}

struct hf_utc_offset hf_utc_measure(void)
{
    int64_t readings[HF_UTC_TRIES][3];

    for (unsigned i = 0; i < HF_UTC_TRIES; i++) {
        readings[i][0] = (int64_t)hf_clock_raw_ns();
        readings[i][1] = hf_clock_utc_ns();
        readings[i][2] = (int64_t)hf_clock_raw_ns();
    }
    return hf_utc_offset_of((const int64_t(*)[3])readings, HF_UTC_TRIES);
}
