#include "core/twin/latency_history.h"

#include <stdlib.h>

#include "base/assert.h"

enum { FINE_SLOTS = 24 * 360, COARSE_SLOTS = 7 * 24 * 12 };

const struct hf_latency_tier_info hf_latency_tiers[HF_LATENCY_TIERS] = {
    [HF_LATENCY_FINE] = {10000, FINE_SLOTS}, [HF_LATENCY_COARSE] = {300000, COARSE_SLOTS}};

struct tier {
    bool begun;
    uint32_t filled;            /* slots that were ever written */
    uint64_t begin_ms;          /* of the slot that runs */
    struct hf_latencies before; /* sums when it began */
};

struct hf_latency_history {
    struct tier tiers[HF_LATENCY_TIERS];
    struct hf_latency since; /* room for one pair of the slot that ends */
    struct hf_latency_slot fine[FINE_SLOTS], coarse[COARSE_SLOTS]; /* by number of the slot, modulo */
};

struct hf_latency_history *hf_latency_history_new(void)
{
    return calloc(1, sizeof(struct hf_latency_history));
}

void hf_latency_history_free(struct hf_latency_history *history)
{
    free(history);
}

static const struct hf_latency_slot *slot_at(const struct hf_latency_history *history,
                                             enum hf_latency_tier tier, uint64_t number)
{
    return tier == HF_LATENCY_FINE ? &history->fine[number % FINE_SLOTS]
                                   : &history->coarse[number % COARSE_SLOTS];
}

static uint32_t cut(uint64_t value)
{
    return (uint32_t)HF_MIN(value, (uint64_t)UINT32_MAX);
}

static void take_part(struct hf_latency *since, const struct hf_latency *before,
                      struct hf_latency_part *ret_part)
{
    hf_hist_subtract(&since->us, &before->us);
    uint64_t count = hf_hist_count(&since->us);

    *ret_part = (struct hf_latency_part){
        .count = cut(count),
        .p50_us = cut(hf_hist_quantile(&since->us, 0.5)),
        .p95_us = cut(hf_hist_quantile(&since->us, 0.95)),
        .p99_us = cut(hf_hist_quantile(&since->us, 0.99)),
        .max_us = cut(hf_hist_max(&since->us)),
        .uncertainty_us =
            count > 0 ? cut((since->uncertainty_us_sum - before->uncertainty_us_sum) / count) : 0,
    };
    for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
        ret_part->cells[cell] = cut(since->cells[cell] - before->cells[cell]);
}

static void end_slot(struct hf_latency_history *history, enum hf_latency_tier tier,
                     const struct hf_latencies *sums)
{
    struct tier *at = &history->tiers[tier];
    struct hf_latency_slot slot = {.begin_ms = at->begin_ms};
    bool any = false;

    for (unsigned pair = 0; pair < HF_LATENCY_PAIRS; pair++) {
        history->since = sums->of[pair];
        take_part(&history->since, &at->before.of[pair], &slot.of[pair]);
        any |= slot.of[pair].count > 0;
    }
    struct hf_latency_slot *kept =
        (struct hf_latency_slot *)slot_at(history, tier, at->begin_ms / hf_latency_tiers[tier].step_ms);
    if (any) {
        at->filled += kept->begin_ms == 0;
        *kept = slot;
    }
    at->before = *sums;
}

static uint64_t begin_of(enum hf_latency_tier tier, uint64_t utc_ms)
{
    return utc_ms - utc_ms % hf_latency_tiers[tier].step_ms;
}

bool hf_latency_history_due(const struct hf_latency_history *history, uint64_t utc_ms)
{
    for (unsigned tier = 0; tier < HF_LATENCY_TIERS; tier++)
        if (!history->tiers[tier].begun || history->tiers[tier].begin_ms != begin_of(tier, utc_ms))
            return true;
    return false;
}

void hf_latency_history_look(struct hf_latency_history *history, const struct hf_latencies *sums,
                             uint64_t utc_ms)
{
    for (unsigned tier = 0; tier < HF_LATENCY_TIERS; tier++) {
        struct tier *at = &history->tiers[tier];

        if (at->begun && at->begin_ms == begin_of(tier, utc_ms))
            continue;
        if (at->begun)
            end_slot(history, tier, sums);
        at->begun = true;
        at->begin_ms = begin_of(tier, utc_ms);
    }
}

const struct hf_latency_slot *hf_latency_history_find(const struct hf_latency_history *history,
                                                      enum hf_latency_tier tier, uint64_t from_ms,
                                                      uint64_t to_ms)
{
    const struct hf_latency_tier_info *info = &hf_latency_tiers[tier];
    uint64_t number = from_ms / info->step_ms + (from_ms % info->step_ms != 0);
    uint64_t end = to_ms / info->step_ms + (to_ms % info->step_ms != 0);

    if (end > info->slots)
        number = HF_MAX(number, end - info->slots); /* older ones are not kept */
    for (; number < end; number++) {
        const struct hf_latency_slot *slot = slot_at(history, tier, number);

        if (slot->begin_ms == number * info->step_ms && slot->begin_ms != 0)
            return slot;
    }
    return NULL;
}

uint32_t hf_latency_history_slots(const struct hf_latency_history *history, enum hf_latency_tier tier)
{
    return history->tiers[tier].filled;
}
