#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "bench/config.h"

/* Two-sided 95 % quantiles of Student's t for 1..29 degrees of freedom. */
static const double student_t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045};

_Static_assert(sizeof(student_t) / sizeof(student_t[0]) == HF_BENCH_RUNS_MAX - 1,
               "a row for each count of runs");

enum { RUNS_FOR_INTERVAL = 3 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void hf_bench_stats(double *values, size_t count, struct hf_bench_stats *ret_stats)
{
    double sum = 0, squares = 0;

    HF_ASSERT(count >= 1 && count <= HF_BENCH_RUNS_MAX);
    qsort(values, count, sizeof(*values), ascending);
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / (double)count;

    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    *ret_stats = (struct hf_bench_stats){
        .count = count,
        .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
        .mean = mean,
        .min = values[0],
        .max = values[count - 1],
        .low = values[0],
        .high = values[count - 1],
        .has_interval = count >= RUNS_FOR_INTERVAL,
    };
    if (count < RUNS_FOR_INTERVAL)
        return;
    double half = student_t[count - 2] * sqrt(squares / (double)(count - 1) / (double)count);

    ret_stats->low = mean - half;
    ret_stats->high = mean + half;
}
