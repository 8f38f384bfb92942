/* bench/metrics.h - the figures of a run that count as its result, by mode. Pure. */
#ifndef HF_BENCH_METRICS_H
#define HF_BENCH_METRICS_H

#include "bench/run.h"

enum { HF_BENCH_METRICS_MAX = 24 };

struct hf_bench_metric {
    const char *name, *unit, *text; /* "latency_p99", "us", "intended send to answer, 99 %" */
    double value;
};

/* Every run of one configuration gives the same names in the same order. Returns the count. */
size_t hf_bench_metrics(const struct hf_bench_config *config, const struct hf_bench_run *run,
                        struct hf_bench_metric ret_metrics[HF_BENCH_METRICS_MAX]);

#endif
