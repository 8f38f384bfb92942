/* core/twin/latency_history.h - the heatmap over time: what was measured (core/twin/latency.h) cut into slots of 10 s for a day and of 5 min for a week, in memory
 * (1.7 MiB) and by UTC. A slot has its own quantiles, from the histogram of what was recorded within it, so slots are not to be averaged into larger ones. Pure. */
#ifndef HF_CORE_TWIN_LATENCY_HISTORY_H
#define HF_CORE_TWIN_LATENCY_HISTORY_H

#include "core/twin/latency.h"

enum hf_latency_tier { HF_LATENCY_FINE, HF_LATENCY_COARSE, HF_LATENCY_TIERS };

struct hf_latency_tier_info {
    uint32_t step_ms, slots;
};
extern const struct hf_latency_tier_info hf_latency_tiers[HF_LATENCY_TIERS];

struct hf_latency_part { /* counts and times stop at UINT32_MAX */
    uint32_t cells[HF_LATENCY_BUCKETS];
    uint32_t count, p50_us, p95_us, p99_us, max_us, uncertainty_us /* mean */;
};

struct hf_latency_slot {
    uint64_t begin_ms; /* UTC, a multiple of its step */
    struct hf_latency_part of[HF_LATENCY_PAIRS];
};

struct hf_latency_history; /* opaque; one thread at a time */

struct hf_latency_history *hf_latency_history_new(void);          /* NULL on no memory */
void hf_latency_history_free(struct hf_latency_history *history); /* NULL is harmless */

/* Does a slot end? Then look, with the sums since the start. What was recorded since the look before counts in the slot that ends. */
bool hf_latency_history_due(const struct hf_latency_history *history, uint64_t utc_ms);
void hf_latency_history_look(struct hf_latency_history *history, const struct hf_latencies *sums,
                             uint64_t utc_ms);

/* The first slot that begins in [from_ms, to_ms) and in which anything was measured; NULL = none. The slot that runs is not there yet. Valid until the next look.
 * to_ms must not lie behind now by more than what is kept: of a longer range only its end is looked at. */
const struct hf_latency_slot *hf_latency_history_find(const struct hf_latency_history *history,
                                                      enum hf_latency_tier tier, uint64_t from_ms,
                                                      uint64_t to_ms);

/* How many hold something, of hf_latency_tiers[tier].slots; an older one stays until a newer takes its place. */
uint32_t hf_latency_history_slots(const struct hf_latency_history *history, enum hf_latency_tier tier);

#endif
