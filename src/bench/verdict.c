#include "bench/verdict.h"

#include "base/assert.h"

static const struct {
    const char *name, *text;
} rows[HF_BENCH_SATURATIONS] = {
#define SATURATION_ROW(id, name, text) [id] = {name, text},
    HF_BENCH_SATURATION_MAP(SATURATION_ROW)
#undef SATURATION_ROW
};

const char *hf_bench_saturation_name(enum hf_bench_saturation saturation)
{
    HF_ASSERT(saturation < HF_BENCH_SATURATIONS);
    return rows[saturation].name;
}

const char *hf_bench_saturation_text(enum hf_bench_saturation saturation)
{
    HF_ASSERT(saturation < HF_BENCH_SATURATIONS);
    return rows[saturation].text;
}

/* The busiest process has one thread, so one CPU at most; all together have those they may run on. */
static bool cpu_exhausted(const struct hf_bench_config *config, const struct hf_bench_result *result,
                          uint64_t measured_ns, unsigned cpus)
{
    double limit_ns = (double)measured_ns * (double)config->cpu_max_percent / 100;

    return (double)result->cpu_worst_ns > limit_ns || (double)result->measured_cpu_ns > limit_ns * cpus;
}

unsigned hf_bench_saturation(const struct hf_bench_config *config, const struct hf_bench_result *result,
                             uint64_t measured_ns, unsigned cpus)
{
    unsigned found = 0;

    if (hf_hist_quantile(&result->lag, 0.99) > config->lag_max_ns)
        found |= 1u << HF_BENCH_SATURATED_LAG;
    if (measured_ns > 0 && cpu_exhausted(config, result, measured_ns, cpus))
        found |= 1u << HF_BENCH_SATURATED_CPU;
    if (hf_hist_quantile(&result->stall, 0.99) > config->stall_max_ns)
        found |= 1u << HF_BENCH_SATURATED_STALL;
    if (result->cause[HF_BENCH_LOCAL] > 0)
        found |= 1u << HF_BENCH_SATURATED_LOCAL;
    return found;
}

bool hf_bench_failed(const struct hf_bench_config *config, const struct hf_bench_result *result)
{
    uint64_t messages = result->lost + result->duplicate + result->reordered + result->corrupt +
                        result->refused + result->unsent + result->api_failed;

    if (config->mode == HF_BENCH_FLOOD)
        return result->attempted == 0;
    if (config->mode == HF_BENCH_RESUME && result->resumed != config->connections)
        return true;
    return messages > 0 || hf_bench_result_failed(result) > 0;
}
