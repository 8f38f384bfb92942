/* core/twin/latency.h - how long things take from one place to the next: per pair of places a histogram, from which its quantiles come, and the cells of the
 * heatmap, which are counts by bucket and nothing else. Per worker or thread; whoever reads merges copies.
 *
 *   capture -> gateway      newest sample of a batch, by its UTC, to the worker that took it; only from devices whose clock is synchronised
 *   rtt/2 -> gateway        batches of the others: half of the connection's round trip, and no word on when they were captured
 *   gateway -> durable      a message, from the worker that took it to the log that has it on disk
 *   durable -> application  an event, from there to a reader that followed the log and was given it */
#ifndef HF_CORE_TWIN_LATENCY_H
#define HF_CORE_TWIN_LATENCY_H

#include <stdbool.h>

#include "base/hist.h"

/* identifier, source, destination, metric, do both ends have the same clock? */
#define HF_LATENCY_MAP(X)                                                         \
    X(HF_LATENCY_CAPTURE, "capture", "gateway", "capture_to_gateway", false)      \
    X(HF_LATENCY_HALF_RTT, "capture (rtt/2)", "gateway", "half_round_trip", true) \
    X(HF_LATENCY_DURABLE, "gateway", "durable", "gateway_to_durable", true)       \
    X(HF_LATENCY_APPLICATION, "durable", "application", "durable_to_application", true)
#define HF_LATENCY_ENUM(id, source, destination, metric, same_clock) id,
enum hf_latency_pair { HF_LATENCY_MAP(HF_LATENCY_ENUM) HF_LATENCY_PAIRS };
#undef HF_LATENCY_ENUM

struct hf_latency_pair_info {
    const char *source, *destination, *metric;
    bool same_clock;
};
extern const struct hf_latency_pair_info hf_latency_pairs[HF_LATENCY_PAIRS];

enum { HF_LATENCY_BUCKETS = 6, HF_LATENCY_SYNCHRONISED_US = 1000000 /* an uncertainty below */ };
extern const uint32_t
    hf_latency_bucket_ms[HF_LATENCY_BUCKETS]; /* where each begins; the last one has no end */

static inline bool hf_latency_synchronised(uint32_t uncertainty_us)
{
    return uncertainty_us < HF_LATENCY_SYNCHRONISED_US;
}

struct hf_latency {
    struct hf_hist us;
    uint64_t cells[HF_LATENCY_BUCKETS];
    uint64_t negative; /* came before it was sent, by the clocks: counted as 0 */
    uint64_t uncertainty_us_sum, uncertainty_us_max; /* of what was recorded */
};

struct hf_latencies {
    struct hf_latency of[HF_LATENCY_PAIRS];
};

/* n things that all took us; negative ones happen where two clocks are compared. */
void hf_latency_record(struct hf_latency *latency, int64_t us, uint64_t n, uint32_t uncertainty_us);
void hf_latencies_merge(struct hf_latencies *into, const struct hf_latencies *from);

#endif
