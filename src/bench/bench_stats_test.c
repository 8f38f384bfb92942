#include "bench/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

static void median_and_interval(void **state)
{
    static const struct {
        double values[5];
        size_t count;
        double median, low, high;
        bool has_interval;
    } rows[] = {
        {{7}, 1, 7, 7, 7, false},
        {{9, 1}, 2, 5, 1, 9, false},
        /* mean 2, deviation 1, t(2) = 4.303: half = 4.303 / sqrt(3) */
        {{3, 1, 2}, 3, 2, 2 - 2.4843, 2 + 2.4843, true},
        {{10, 10, 10, 10}, 4, 10, 10, 10, true},
        /* mean 3, deviation sqrt(2.5), t(4) = 2.776 */
        {{5, 4, 3, 2, 1}, 5, 3, 3 - 1.9629, 3 + 1.9629, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        double values[5];
        struct hf_bench_stats stats;

        for (size_t k = 0; k < rows[i].count; k++)
            values[k] = rows[i].values[k];
        hf_bench_stats(values, rows[i].count, &stats);
        assert_int_equal(stats.count, rows[i].count);
        assert_true(fabs(stats.median - rows[i].median) < 1e-9);
        assert_true(fabs(stats.low - rows[i].low) < 1e-3);
        assert_true(fabs(stats.high - rows[i].high) < 1e-3);
        assert_int_equal(stats.has_interval, rows[i].has_interval);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(median_and_interval)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
