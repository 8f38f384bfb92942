#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/hist.h"
#include "base/rng.h"

static struct hf_hist hist, other, whole;

static void every_value_is_told_within_one_percent(void **state)
{
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 6);
    for (unsigned i = 0; i < 20000; i++) {
        /* Every power of two and its neighbours, then values of every magnitude. */
        uint64_t value =
            i < 120 ? (UINT64_C(1) << i / 3) + i % 3 - 1 : (hf_rng_u64(&rng) >> 24) >> hf_rng_below(&rng, 40);
        uint64_t told;
        double error;

        hf_hist_reset(&hist);
        hf_hist_record(&hist, value);
        hf_hist_record(&hist, 0); /* so that min and max do not hold the answer in place */
        hf_hist_record(&hist, HF_HIST_VALUE_MAX);
        told = hf_hist_quantile(&hist, 0.5);
        error = fabs((double)told - (double)value);
        assert_true(value < HF_HIST_EXACT ? error == 0 : error <= 0.01 * (double)value);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void quantiles_match_the_sorted_values(void **state)
{
    enum { COUNT = 10000 };
    static uint64_t values[COUNT];
    static const double quantiles[] = {0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    struct hf_rng rng;
    double sum = 0, squares = 0;

    (void)state;
    hf_rng_seed(&rng, 7);
    hf_hist_reset(&hist);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = 1 + (hf_rng_below(&rng, 1000000) >> hf_rng_below(&rng, 16));
        sum += (double)values[i];
        hf_hist_record(&hist, values[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        squares += ((double)values[i] - sum / COUNT) * ((double)values[i] - sum / COUNT);
    qsort(values, COUNT, sizeof(values[0]), compare);
    for (size_t i = 0; i < HF_COUNT_OF(quantiles); i++) {
        double rank = ceil(quantiles[i] * COUNT);
        double want = (double)values[rank < 1 ? 0 : (size_t)rank - 1];

        assert_true(fabs((double)hf_hist_quantile(&hist, quantiles[i]) - want) <= 0.01 * want);
    }
    assert_int_equal(hf_hist_count(&hist), COUNT);
    assert_int_equal(hf_hist_min(&hist), values[0]);
    assert_int_equal(hf_hist_max(&hist), values[COUNT - 1]);
    assert_true(hf_hist_sum(&hist) == sum);
    assert_true(hf_hist_mean(&hist) == sum / COUNT);
    assert_true(fabs(hf_hist_stddev(&hist) / sqrt(squares / COUNT) - 1) < 1e-9);
}

static void an_empty_one_answers_zero(void **state)
{
    struct hf_hist_cursor cursor = {0};

    (void)state;
    hf_hist_reset(&hist);
    assert_int_equal(hf_hist_quantile(&hist, 0.5), 0);
    assert_int_equal(hf_hist_min(&hist), 0);
    assert_int_equal(hf_hist_max(&hist), 0);
    assert_true(hf_hist_mean(&hist) == 0 && hf_hist_stddev(&hist) == 0 && hf_hist_sum(&hist) == 0);
    assert_false(hf_hist_next(&hist, &cursor));
}

static void merging_equals_recording_together(void **state)
{
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 8);
    hf_hist_reset(&hist);
    hf_hist_reset(&other);
    hf_hist_reset(&whole);
    hf_hist_merge(&hist, &other); /* empty into empty */
    assert_int_equal(hf_hist_count(&hist), 0);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t value = hf_rng_below(&rng, 1 << 30);

        hf_hist_record(i % 3 ? &hist : &other, value);
        hf_hist_record(&whole, value);
    }
    hf_hist_merge(&hist, &other);
    assert_memory_equal(hist.buckets, whole.buckets, sizeof(whole.buckets));
    assert_int_equal(hist.count, whole.count);
    assert_int_equal(hist.min, whole.min);
    assert_int_equal(hist.max, whole.max);
    assert_int_equal(hist.sum_low, whole.sum_low);
    assert_true(fabs(hf_hist_stddev(&hist) / hf_hist_stddev(&whole) - 1) < 1e-9);
    hf_hist_reset(&other);
    hf_hist_merge(&other, &whole); /* into an empty one: a copy */
    assert_memory_equal(&other, &whole, sizeof(whole));
}

static void recording_n_equals_recording_n_times(void **state)
{
    (void)state;
    hf_hist_reset(&hist);
    hf_hist_reset(&whole);
    for (uint64_t value = 1; value < 1000000; value = value * 3 + 1) {
        hf_hist_record_n(&hist, value, value % 7);
        for (uint64_t i = 0; i < value % 7; i++)
            hf_hist_record(&whole, value);
    }
    assert_memory_equal(hist.buckets, whole.buckets, sizeof(whole.buckets));
    assert_int_equal(hist.sum_low, whole.sum_low);
    assert_int_equal(hist.min, whole.min);
    assert_true(fabs(hf_hist_stddev(&hist) / hf_hist_stddev(&whole) - 1) < 1e-9);
}

static void sums_do_not_overflow(void **state)
{
    static const uint64_t counts[] = {1, 1 << 20, UINT64_C(1) << 32, UINT64_C(0x123456789abcdef), UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(counts); i++) {
        double want = (double)HF_HIST_VALUE_MAX * (double)counts[i];

        hf_hist_reset(&hist);
        hf_hist_record_n(&hist, HF_HIST_VALUE_MAX, counts[i]);
        assert_true(fabs(hf_hist_sum(&hist) / want - 1) < 1e-12);
        assert_true(hist.sum_low == counts[i] << 40 && hist.sum_high == counts[i] >> 24);
        hf_hist_reset(&hist);
        hf_hist_record_n(&hist, UINT64_C(0xabcdef0123), counts[i]); /* against long multiplication */
        uint64_t low = UINT64_C(0xef0123) * (counts[i] & 0xffffffff),
                 cross = UINT64_C(0xef0123) * (counts[i] >> 32);
        uint64_t high = UINT64_C(0xabcd) * (counts[i] & 0xffffffff);

        assert_true(hist.sum_low ==
                    low + (cross << 32) + (high << 24) + (UINT64_C(0xabcd) * (counts[i] >> 32) << 56));
    }
}

static void values_above_the_range_count_as_its_end(void **state)
{
    (void)state;
    hf_hist_reset(&hist);
    hf_hist_record(&hist, HF_HIST_VALUE_MAX);
    assert_int_equal(hist.clamped, 0);
    hf_hist_record(&hist, HF_HIST_VALUE_MAX + 1);
    hf_hist_record_n(&hist, UINT64_MAX, 2);
    assert_int_equal(hist.clamped, 3);
    assert_int_equal(hf_hist_max(&hist), HF_HIST_VALUE_MAX);
    assert_int_equal(hf_hist_quantile(&hist, 0.99), HF_HIST_VALUE_MAX);
    assert_int_equal(hist.buckets[HF_HIST_BUCKETS - 1], 4);
}

/* What was recorded between two looks, of a histogram that goes on. */
static void subtracting_leaves_what_came_since(void **state)
{
    static struct hf_hist before, alone;

    (void)state;
    hf_hist_reset(&hist);
    hf_hist_reset(&alone);
    for (unsigned i = 0; i < 1000; i++)
        hf_hist_record(&hist, 1 + i * 37);
    before = hist;
    for (unsigned i = 0; i < 500; i++) {
        hf_hist_record(&hist, 300 + i * 11);
        hf_hist_record(&alone, 300 + i * 11);
    }
    hf_hist_subtract(&hist, &before);
    assert_memory_equal(hist.buckets, alone.buckets, sizeof(hist.buckets));
    assert_int_equal(hf_hist_count(&hist), 500);
    assert_true(hf_hist_sum(&hist) == hf_hist_sum(&alone) && hf_hist_mean(&hist) == hf_hist_mean(&alone));
    assert_true(fabs(hf_hist_stddev(&hist) - hf_hist_stddev(&alone)) < 0.01 * hf_hist_stddev(&alone));
    for (unsigned percent = 0; percent <= 100; percent++) {
        double is = (double)hf_hist_quantile(&hist, percent / 100.0);
        double wanted = (double)hf_hist_quantile(&alone, percent / 100.0);

        assert_true(fabs(is - wanted) <= 0.01 * wanted);
    }
    before = hist;
    hf_hist_subtract(&hist, &before);
    assert_int_equal(hf_hist_count(&hist), 0);
    assert_int_equal(hf_hist_quantile(&hist, 0.5) + hf_hist_max(&hist) + hf_hist_min(&hist), 0);
}

static void the_walk_covers_the_range_without_gaps(void **state)
{
    struct hf_hist_cursor cursor = {0};
    uint64_t next_low = 0, seen = 0;

    (void)state;
    hf_hist_reset(&hist);
    for (unsigned i = 0; i < HF_HIST_BUCKETS; i++)
        hist.buckets[i] = 1;
    while (hf_hist_next(&hist, &cursor)) {
        assert_int_equal(cursor.low, next_low);
        assert_true(cursor.high >= cursor.low);
        assert_int_equal(cursor.cumulative, ++seen);
        next_low = cursor.high + 1;
    }
    assert_int_equal(seen, HF_HIST_BUCKETS);
    assert_int_equal(next_low, HF_HIST_VALUE_MAX + 1);
}

static void cumulative_counts_suit_prometheus(void **state)
{
    static const uint64_t bounds[] = {0, 1, 10, 127, 128, 1000, 100000, HF_HIST_VALUE_MAX};
    static const uint64_t want[] = {0, 1, 3, 3, 3, 4, 5, 6};
    uint64_t counts[HF_COUNT_OF(bounds)];

    (void)state;
    hf_hist_reset(&hist);
    hf_hist_record(&hist, 1);
    hf_hist_record_n(&hist, 10, 2);
    hf_hist_record(&hist, 900);
    hf_hist_record(&hist, 1001);
    hf_hist_record(&hist, 100001);
    hf_hist_cumulative(&hist, bounds, HF_COUNT_OF(bounds), counts);
    for (size_t i = 0; i < HF_COUNT_OF(bounds); i++)
        assert_int_equal(counts[i], want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_told_within_one_percent),
        cmocka_unit_test(quantiles_match_the_sorted_values),
        cmocka_unit_test(an_empty_one_answers_zero),
        cmocka_unit_test(merging_equals_recording_together),
        cmocka_unit_test(recording_n_equals_recording_n_times),
        cmocka_unit_test(sums_do_not_overflow),
        cmocka_unit_test(values_above_the_range_count_as_its_end),
        cmocka_unit_test(subtracting_leaves_what_came_since),
        cmocka_unit_test(the_walk_covers_the_range_without_gaps),
        cmocka_unit_test(cumulative_counts_suit_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
