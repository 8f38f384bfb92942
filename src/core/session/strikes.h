/* core/session/strikes.h - faults of a peer that may happen now and then: the third within a minute ends its connection (frames damaged on the way, DLV-3;
 * heartbeats that cannot be true). */
#ifndef HF_CORE_SESSION_STRIKES_H
#define HF_CORE_SESSION_STRIKES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

enum { HF_STRIKES_MAX = 3, HF_STRIKES_MS = 60000 };

/* All zero = none yet. Two of these per connection, so the times are low 32 bits: one that is 49.7 days old, to the minute, counts once more. */
struct hf_strikes {
    uint32_t at_ms[HF_STRIKES_MAX - 1]; /* of the last ones, the latest first, plus 1; 0 = none */
};

/* One more. True: it is the third within HF_STRIKES_MS. */
static inline bool hf_strikes_add(struct hf_strikes *strikes, uint64_t now_ms)
{
    uint32_t at_ms = HF_MAX((uint32_t)now_ms + 1, 1u), oldest_ms = strikes->at_ms[HF_STRIKES_MAX - 2];

    for (unsigned i = HF_STRIKES_MAX - 2; i > 0; i--)
        strikes->at_ms[i] = strikes->at_ms[i - 1];
    strikes->at_ms[0] = at_ms;
    return oldest_ms != 0 && at_ms - oldest_ms < HF_STRIKES_MS;
}

#endif
