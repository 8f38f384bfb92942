/* agent/shadow.h - what the agent says of itself in its device's shadow, and what may be wished of it there: reported.agent {"software","source","uplink_ms"}, desired.agent {"uplink_ms"}.
 * A wish that cannot be met is named in reported.agent.refused. Pure: texts in, texts out; other members of the shadow are not the agent's. */
#ifndef HF_AGENT_SHADOW_H
#define HF_AGENT_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { HF_AGENT_SHADOW_BYTES = 384 /* of a report */ };

struct hf_agent_shadow {
    uint32_t period_ms, period_min_ms, period_max_ms; /* of batches, as it is now; min = max: it stays */
    bool refused;                                     /* the last wish was none that can be met */
};

/* The merge patch of a report; `source` is its kind, without a path. Returns bytes, 0: it does not fit. */
size_t hf_agent_shadow_report(const struct hf_agent_shadow *shadow, const char *software, const char *source,
                              char out[HF_AGENT_SHADOW_BYTES]);

/* A document that the gateway tells: {"version":7,"delta":{...}}. True: it changed *shadow, which is to be reported. Named shadows, and whatever is not agent.uplink_ms, change nothing. */
bool hf_agent_shadow_take(struct hf_agent_shadow *shadow, struct hf_slice document);

#endif
