#include "bench/result.h"

#include "base/assert.h"

static const struct hf_bench_cause_info causes[HF_BENCH_CAUSES] = {
#define CAUSE_ROW(id, name, hard, text) [id] = {name, hard, text},
    HF_BENCH_CAUSE_MAP(CAUSE_ROW)
#undef CAUSE_ROW
};

const struct hf_bench_cause_info *hf_bench_cause_info(enum hf_bench_cause cause)
{
    HF_ASSERT(cause < HF_BENCH_CAUSES);
    return &causes[cause];
}

void hf_bench_codes_add(struct hf_bench_codes *codes, unsigned code, uint64_t count)
{
    for (unsigned i = 0; i < HF_BENCH_CODES_MAX && count > 0; i++) {
        if (codes->count[i] == 0)
            codes->code[i] = (uint16_t)code;
        if (codes->code[i] == code) {
            codes->count[i] += count;
            return;
        }
    }
    codes->other += count;
}

void hf_bench_codes_merge(struct hf_bench_codes *into, const struct hf_bench_codes *from)
{
    for (unsigned i = 0; i < HF_BENCH_CODES_MAX; i++)
        hf_bench_codes_add(into, from->code[i], from->count[i]);
    into->other += from->other;
}

void hf_bench_result_merge(struct hf_bench_result *into, const struct hf_bench_result *from)
{
#define COUNTER_ADD(name, text) into->name += from->name;
    HF_BENCH_COUNTER_MAP(COUNTER_ADD)
#undef COUNTER_ADD
#define HIST_MERGE(name, text) hf_hist_merge(&into->name, &from->name);
    HF_BENCH_HIST_MAP(HIST_MERGE)
#undef HIST_MERGE
    for (unsigned i = 0; i < HF_BENCH_CAUSES; i++)
        into->cause[i] += from->cause[i];
    into->cpu_ns += from->cpu_ns;
    into->measured_cpu_ns += from->measured_cpu_ns;
    into->cpu_worst_ns = HF_MAX(into->cpu_worst_ns, HF_MAX(from->cpu_worst_ns, from->measured_cpu_ns));
    into->wait_ns += from->wait_ns;
    into->rss_bytes += from->rss_bytes;
    hf_bench_codes_merge(&into->http_status, &from->http_status);
    hf_bench_codes_merge(&into->close_code, &from->close_code);
}

uint64_t hf_bench_result_failed(const struct hf_bench_result *result)
{
    uint64_t failed = 0;

    for (unsigned i = 0; i < HF_BENCH_CAUSES; i++)
        failed += result->cause[i];
    return failed;
}

uint64_t hf_bench_result_hard_failed(const struct hf_bench_result *result)
{
    uint64_t failed = 0;

    for (unsigned i = 0; i < HF_BENCH_CAUSES; i++)
        failed += causes[i].hard ? result->cause[i] : 0;
    return failed;
}
