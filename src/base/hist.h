/* base/hist.h - a mergeable histogram of whole numbers (latencies in microseconds, sizes in bytes) in fixed
 * memory: about 18 KiB, no allocation, O(1) to record. Values 0..127 are exact; above, every power of two is
 * cut into 64 equal buckets and a bucket answers with its middle, so a quantile is off by at most 1/128
 * (0.79 %) of the value. Values above HF_HIST_VALUE_MAX count as that value and in `clamped`. Count, min, max
 * and sum are exact. Idea: HdrHistogram (Gil Tene). Not for two threads at once: one histogram per thread,
 * merged by whoever reads. */
#ifndef HF_BASE_HIST_H
#define HF_BASE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_HIST_VALUE_MAX (UINT64_C(1) << 40)

enum {
    HF_HIST_EXACT = 128,     /* values below are their own bucket */
    HF_HIST_PER_OCTAVE = 64, /* buckets of [2^k, 2^(k+1)) for k >= 7 */
    HF_HIST_BUCKETS = HF_HIST_EXACT + (40 - 7) * HF_HIST_PER_OCTAVE + 1, /* the last one: 2^40 alone */
};

struct hf_hist {
    uint64_t count, clamped;
    uint64_t min, max;            /* meaningless when empty */
    uint64_t sum_low, sum_high;   /* 128 bits, so that a node's lifetime of microseconds fits */
    double mean, square_distance; /* Welford's running mean and sum of squared distances from it */
    uint64_t buckets[HF_HIST_BUCKETS];
};

void hf_hist_reset(struct hf_hist *hist); /* also initialises; all zero bytes are an empty histogram too */
void hf_hist_record(struct hf_hist *hist, uint64_t value);
void hf_hist_record_n(struct hf_hist *hist, uint64_t value, uint64_t n); /* n times the same value */
void hf_hist_merge(struct hf_hist *into, const struct hf_hist *from);

/* Leaves in `hist` what was recorded since it was as `before`, which is an earlier state of it. Quantiles are as good as ever; minimum and maximum are the
 * middles of their buckets, within the old ones. */
void hf_hist_subtract(struct hf_hist *hist, const struct hf_hist *before);

/* The smallest value that at least the fraction q (0..1) of all values does not exceed, within 1 %, never
 * outside min..max; 0 gives the minimum, 1 the maximum. 0 when empty. */
uint64_t hf_hist_quantile(const struct hf_hist *hist, double q);
uint64_t hf_hist_count(const struct hf_hist *hist);
uint64_t hf_hist_min(const struct hf_hist *hist); /* 0 when empty, as the three below */
uint64_t hf_hist_max(const struct hf_hist *hist);
double hf_hist_mean(const struct hf_hist *hist);
double hf_hist_stddev(const struct hf_hist *hist); /* of the population */
double hf_hist_sum(const struct hf_hist *hist);

/* Walks the buckets that hold anything, upwards. Start with a zeroed cursor; false at the end. */
struct hf_hist_cursor {
    unsigned next;       /* private */
    uint64_t low, high;  /* the bucket holds values low..high, both included */
    uint64_t count;      /* in this bucket */
    uint64_t cumulative; /* in this one and all below */
};
bool hf_hist_next(const struct hf_hist *hist, struct hf_hist_cursor *cursor);

/* For Prometheus: ret_counts[i] = how many values were <= bounds[i] (ascending). A bucket that a bound cuts
 * counts as above it: the count is exact for bounds that lie at most 1.6 % higher. +Inf is the count. */
void hf_hist_cumulative(const struct hf_hist *hist, const uint64_t *bounds, size_t bound_count,
                        uint64_t *ret_counts);

#endif
