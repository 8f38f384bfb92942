/* Simulated bicycles: one thread steps them all on one grid of times. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/bicycle.h"
#include "agent/source.h"
#include "base/assert.h"

enum { BEHIND_MAX_NS = 1000000000 }; /* a process that stood still does not make up for hours */

struct bicycles {
    struct hf_source source;
    uint64_t period_ns, next_ns;
    unsigned count;
    struct {
        struct hf_bicycle bicycle;
        struct hf_ring *ring;
    } each[];
};

static uint64_t turn(struct hf_source *source, uint64_t now_ns)
{
    struct bicycles *all = HF_CONTAINER_OF(source, struct bicycles, source);

    if (all->next_ns == 0)
        all->next_ns = now_ns;
    if (now_ns > all->next_ns + BEHIND_MAX_NS) {
        uint64_t skipped = (now_ns - all->next_ns) / all->period_ns;

        atomic_fetch_add_explicit(&source->counters.skipped, skipped * all->count, memory_order_relaxed);
        all->next_ns += skipped * all->period_ns;
    }
    for (; all->next_ns <= now_ns; all->next_ns += all->period_ns)
        for (unsigned i = 0; i < all->count; i++) {
            struct hf_sample sample = {.ts_ns = all->next_ns};

            hf_bicycle_step(&all->each[i].bicycle, (double)all->period_ns / 1e9, &sample);
            hf_source_push(source, all->each[i].ring, &sample);
        }
    return all->next_ns;
}

static void free_it(struct hf_source *source)
{
    free(HF_CONTAINER_OF(source, struct bicycles, source));
}

struct hf_source *hf_source_bicycles(struct hf_ring *const *rings, unsigned count, uint64_t seed,
                                     unsigned rate, char error[HF_SOURCE_TEXT_BYTES])
{
    static const struct hf_source_ops ops = {.turn = turn, .free_it = free_it};
    struct bicycles *all = calloc(1, sizeof(*all) + count * sizeof(all->each[0]));

    HF_ASSERT(rate > 0 && rate <= HF_SOURCE_RATE_MAX);
    if (all == NULL) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "out of memory");
        return NULL;
    }
    all->source.ops = &ops;
    all->period_ns = 1000000000 / rate;
    all->count = count;
    for (unsigned i = 0; i < count; i++) {
        hf_bicycle_init(&all->each[i].bicycle, seed + i);
        all->each[i].ring = rings[i];
    }
    return &all->source;
}
