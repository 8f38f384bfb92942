#include "base/hist.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

enum { OCTAVE_FIRST = 7, OCTAVE_END = 40, PER_OCTAVE_LOG2 = 6 };

_Static_assert(HF_HIST_EXACT == 1 << OCTAVE_FIRST, "the exact part ends where the first octave begins");
_Static_assert(HF_HIST_PER_OCTAVE == 1 << PER_OCTAVE_LOG2, "buckets are found by shifting");
_Static_assert(HF_HIST_VALUE_MAX == UINT64_C(1) << OCTAVE_END, "the last octave ends at the maximum");

static unsigned bucket_of(uint64_t value) /* 0..HF_HIST_VALUE_MAX */
{
    unsigned octave;

    if (value < HF_HIST_EXACT)
        return (unsigned)value;
    octave = 63 - (unsigned)__builtin_clzll(value);
    return HF_HIST_EXACT + (octave - OCTAVE_FIRST) * HF_HIST_PER_OCTAVE +
           (unsigned)(value >> (octave - PER_OCTAVE_LOG2)) - HF_HIST_PER_OCTAVE;
}

static uint64_t bucket_low(unsigned bucket)
{
    unsigned octave, step;

    if (bucket < HF_HIST_EXACT)
        return bucket;
    octave = OCTAVE_FIRST + (bucket - HF_HIST_EXACT) / HF_HIST_PER_OCTAVE;
    step = (bucket - HF_HIST_EXACT) % HF_HIST_PER_OCTAVE;
    return (uint64_t)(HF_HIST_PER_OCTAVE + step) << (octave - PER_OCTAVE_LOG2);
}

static uint64_t bucket_high(unsigned bucket)
{
    return bucket + 1 < HF_HIST_BUCKETS ? bucket_low(bucket + 1) - 1 : HF_HIST_VALUE_MAX;
}

void hf_hist_reset(struct hf_hist *hist)
{
    memset(hist, 0, sizeof(*hist));
}

static void add_sum(struct hf_hist *hist, uint64_t low, uint64_t high)
{
    hist->sum_low += low;
    hist->sum_high += high + (hist->sum_low < low);
}

/* Chan's rule for joining two sets; with a set of equal values from_square_distance is 0. */
static void add_moments(struct hf_hist *hist, uint64_t from_count, double from_mean,
                        double from_square_distance)
{
    double total = (double)hist->count + (double)from_count;
    double delta = from_mean - hist->mean;

    hist->square_distance +=
        from_square_distance + delta * delta * ((double)hist->count * (double)from_count / total);
    hist->mean += delta * ((double)from_count / total);
}

static void add_range(struct hf_hist *hist, uint64_t min, uint64_t max)
{
    hist->min = hist->count > 0 ? HF_MIN(hist->min, min) : min;
    hist->max = hist->count > 0 ? HF_MAX(hist->max, max) : max;
}

void hf_hist_record_n(struct hf_hist *hist, uint64_t value, uint64_t n)
{
    uint64_t kept = HF_MIN(value, HF_HIST_VALUE_MAX); /* at most 41 bits, so kept * 20 bits of n fit in 64 */
    uint64_t times_high = kept * (n >> 32 & 0xfffff), times_low = kept * (n & 0xfffff);
    uint64_t times_middle = kept * (n >> 20 & 0xfff), times_top = kept * (n >> 52);

    if (n == 0)
        return;
    add_range(hist, kept, kept);
    add_moments(hist, n, (double)kept, 0);
    add_sum(hist, times_low, 0);
    add_sum(hist, times_middle << 20, times_middle >> 44);
    add_sum(hist, times_high << 32, times_high >> 32);
    add_sum(hist, times_top << 52, times_top >> 12);
    hist->clamped += value > HF_HIST_VALUE_MAX ? n : 0;
    hist->buckets[bucket_of(kept)] += n;
    hist->count += n;
}

void hf_hist_record(struct hf_hist *hist, uint64_t value)
{
    uint64_t kept = HF_MIN(value, HF_HIST_VALUE_MAX);
    double delta = (double)kept - hist->mean;

    add_range(hist, kept, kept);
    add_sum(hist, kept, 0);
    hist->clamped += value > HF_HIST_VALUE_MAX;
    hist->buckets[bucket_of(kept)]++;
    hist->count++;
    hist->mean += delta / (double)hist->count;
    hist->square_distance += delta * ((double)kept - hist->mean);
}

void hf_hist_merge(struct hf_hist *into, const struct hf_hist *from)
{
    if (from->count == 0)
        return;
    add_range(into, from->min, from->max);
    add_moments(into, from->count, from->mean, from->square_distance);
    add_sum(into, from->sum_low, from->sum_high);
    into->clamped += from->clamped;
    for (unsigned i = 0; i < HF_HIST_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
}

static uint64_t bucket_middle(unsigned bucket)
{
    return bucket_low(bucket) + (bucket_high(bucket) - bucket_low(bucket)) / 2;
}

static uint64_t within(const struct hf_hist *hist, uint64_t value)
{
    return value < hist->min ? hist->min : HF_MIN(value, hist->max);
}

uint64_t hf_hist_quantile(const struct hf_hist *hist, double q)
{
    uint64_t rank, seen = 0;

    if (hist->count == 0)
        return 0;
    if (!(q > 0)) /* NaN as well */
        return hist->min;
    if (q >= 1)
        return hist->max;
    rank = (uint64_t)ceil(q * (double)hist->count);
    rank = HF_MAX(HF_MIN(rank, hist->count), (uint64_t)1);
    for (unsigned i = 0; i < HF_HIST_BUCKETS; i++) {
        seen += hist->buckets[i];
        if (seen >= rank)
            return within(hist, bucket_middle(i));
    }
    HF_UNREACHABLE();
}

void hf_hist_subtract(struct hf_hist *hist, const struct hf_hist *before)
{
    struct hf_hist left = {.count = hist->count - before->count,
                           .clamped = hist->clamped - before->clamped,
                           .sum_low = hist->sum_low - before->sum_low,
                           .sum_high = hist->sum_high - before->sum_high - (hist->sum_low < before->sum_low)};
    bool any = false;

    HF_ASSERT(hist->count >= before->count);
    for (unsigned i = 0; i < HF_HIST_BUCKETS; i++) {
        HF_ASSERT(hist->buckets[i] >= before->buckets[i]);
        left.buckets[i] = hist->buckets[i] - before->buckets[i];
        if (left.buckets[i] == 0)
            continue;
        left.max = within(hist, bucket_middle(i));
        if (!any)
            left.min = left.max;
        any = true;
    }
    left.mean = hf_hist_mean(&left);
    if (left.count > 0) { /* Chan's rule, the other way round */
        double delta = left.mean - before->mean;

        left.square_distance =
            fmax(0, hist->square_distance - before->square_distance -
                        delta * delta * (double)before->count * (double)left.count / (double)hist->count);
    }
    *hist = left;
}

uint64_t hf_hist_count(const struct hf_hist *hist)
{
    return hist->count;
}

uint64_t hf_hist_min(const struct hf_hist *hist)
{
    return hist->min;
}

uint64_t hf_hist_max(const struct hf_hist *hist)
{
    return hist->max;
}

double hf_hist_sum(const struct hf_hist *hist)
{
    return (double)hist->sum_high * 0x1p64 + (double)hist->sum_low;
}

double hf_hist_mean(const struct hf_hist *hist)
{
    return hist->count > 0 ? hf_hist_sum(hist) / (double)hist->count : 0;
}

double hf_hist_stddev(const struct hf_hist *hist)
{
    return hist->count > 0 ? sqrt(hist->square_distance / (double)hist->count) : 0;
}

bool hf_hist_next(const struct hf_hist *hist, struct hf_hist_cursor *cursor)
{
    while (cursor->next < HF_HIST_BUCKETS) {
        unsigned bucket = cursor->next++;

        if (hist->buckets[bucket] == 0)
            continue;
        cursor->low = bucket_low(bucket);
        cursor->high = bucket_high(bucket);
        cursor->count = hist->buckets[bucket];
        cursor->cumulative += cursor->count;
        return true;
    }
    return false;
}

void hf_hist_cumulative(const struct hf_hist *hist, const uint64_t *bounds, size_t bound_count,
                        uint64_t *ret_counts)
{
    uint64_t below = 0;
    unsigned bucket = 0;

    for (size_t i = 0; i < bound_count; i++) {
        for (; bucket < HF_HIST_BUCKETS && bucket_high(bucket) <= bounds[i]; bucket++)
            below += hist->buckets[bucket];
        ret_counts[i] = below;
    }
}
