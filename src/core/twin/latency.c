#include "core/twin/latency.h"

#include "base/assert.h"

#define INFO(id, source, destination, metric, same_clock) [id] = {source, destination, metric, same_clock},
const struct hf_latency_pair_info hf_latency_pairs[HF_LATENCY_PAIRS] = {HF_LATENCY_MAP(INFO)};
#undef INFO

const uint32_t hf_latency_bucket_ms[HF_LATENCY_BUCKETS] = {0, 10, 50, 100, 200, 500};

void hf_latency_record(struct hf_latency *latency, int64_t us, uint64_t n, uint32_t uncertainty_us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    unsigned cell = HF_LATENCY_BUCKETS - 1;

    while (value < (uint64_t)hf_latency_bucket_ms[cell] * 1000)
        cell--;
    latency->cells[cell] += n;
    latency->negative += us < 0 ? n : 0;
    latency->uncertainty_us_sum += n * uncertainty_us;
    latency->uncertainty_us_max = HF_MAX(latency->uncertainty_us_max, (uint64_t)uncertainty_us);
    hf_hist_record_n(&latency->us, value, n);
}

void hf_latencies_merge(struct hf_latencies *into, const struct hf_latencies *from)
{
    for (unsigned i = 0; i < HF_LATENCY_PAIRS; i++) {
        const struct hf_latency *add = &from->of[i];
        struct hf_latency *sum = &into->of[i];

        hf_hist_merge(&sum->us, &add->us);
        for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
            sum->cells[cell] += add->cells[cell];
        sum->negative += add->negative;
        sum->uncertainty_us_sum += add->uncertainty_us_sum;
        sum->uncertainty_us_max = HF_MAX(sum->uncertainty_us_max, add->uncertainty_us_max);
    }
}
