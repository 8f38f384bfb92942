/* bench/verdict.h - was the generator the bottleneck? Then there is no result, whatever the numbers say. Pure. */
#ifndef HF_BENCH_VERDICT_H
#define HF_BENCH_VERDICT_H

#include "bench/config.h"
#include "bench/result.h"

/* Columns: identifier, name, text. */
#define HF_BENCH_SATURATION_MAP(X)                                                                      \
    X(HF_BENCH_SATURATED_LAG, "lag", "sends left later than --lag-max after their intended time (p99)") \
    X(HF_BENCH_SATURATED_CPU, "cpu", "the generator used more of its CPU than --cpu-max")               \
    X(HF_BENCH_SATURATED_STALL, "stall",                                                                \
      "the generator's loop took longer than --stall-max for a turn (p99)")                             \
    X(HF_BENCH_SATURATED_LOCAL, "local", "the generator ran out of descriptors, ports or memory")

#define HF_BENCH_SATURATION_ENUM(id, name, text) id,
enum hf_bench_saturation { HF_BENCH_SATURATION_MAP(HF_BENCH_SATURATION_ENUM) HF_BENCH_SATURATIONS };
#undef HF_BENCH_SATURATION_ENUM

const char *hf_bench_saturation_name(enum hf_bench_saturation saturation);
const char *hf_bench_saturation_text(enum hf_bench_saturation saturation);

/* Bit set of 1 << enum hf_bench_saturation; 0 = the generator had room. measured_ns: length of the measured time;
 * cpus: how many the generator may use. */
unsigned hf_bench_saturation(const struct hf_bench_config *config, const struct hf_bench_result *result,
                             uint64_t measured_ns, unsigned cpus);

/* Connections or messages that did not come out well; what the mode is meant to provoke does not count. */
bool hf_bench_failed(const struct hf_bench_config *config, const struct hf_bench_result *result);

#endif
