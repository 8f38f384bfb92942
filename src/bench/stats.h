/* bench/stats.h - a few runs of one measurement: their median, and the 95 % confidence interval of the mean by
 * Student's t. Pure. */
#ifndef HF_BENCH_STATS_H
#define HF_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

struct hf_bench_stats {
    size_t count;
    double median, mean, low, high; /* low..high: the interval; equal to min..max below three runs */
    double min, max;
    bool has_interval; /* three runs or more */
};

/* Sorts values. count >= 1, at most HF_BENCH_RUNS_MAX. */
void hf_bench_stats(double *values, size_t count, struct hf_bench_stats *ret_stats);

#endif
