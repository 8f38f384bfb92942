#include "core/twin/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

static void a_value_falls_into_its_cell(void **state)
{
    static const struct {
        int64_t us;
        unsigned cell;
    } rows[] = {
        {0, 0},
        {9999, 0},
        {10000, 1},
        {49999, 1},
        {50000, 2},
        {99999, 2},
        {100000, 3},
        {200000, 4},
        {499999, 4},
        {500000, 5},
        {INT64_C(1) << 50, 5},
        {-1, 0},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_latency latency = {0};

        hf_latency_record(&latency, rows[i].us, 3, 20);
        for (unsigned cell = 0; cell < HF_LATENCY_BUCKETS; cell++)
            assert_int_equal(latency.cells[cell], cell == rows[i].cell ? 3 : 0);
        assert_int_equal(hf_hist_count(&latency.us), 3);
        assert_int_equal(latency.negative, rows[i].us < 0 ? 3 : 0);
        assert_int_equal(latency.uncertainty_us_sum, 60);
        assert_int_equal(latency.uncertainty_us_max, 20);
    }
}

/* P99 belongs to the pair: of one pair's thousand values a bad hundredth is seen, whatever the others have. */
static void workers_add_up(void **state)
{
    static struct hf_latencies sum, one;

    (void)state;
    for (unsigned worker = 0; worker < 2; worker++) {
        memset(&one, 0, sizeof(one));
        hf_latency_record(&one.of[HF_LATENCY_DURABLE], 3000, 490, 0);
        hf_latency_record(&one.of[HF_LATENCY_DURABLE], 300000, 10, 0);
        hf_latency_record(&one.of[HF_LATENCY_CAPTURE], 1000, 100000, 100 * (worker + 1));
        hf_latencies_merge(&sum, &one);
    }
    const struct hf_latency *durable = &sum.of[HF_LATENCY_DURABLE];
    assert_int_equal(durable->cells[0], 980);
    assert_int_equal(durable->cells[4], 20);
    assert_true(hf_hist_quantile(&durable->us, 0.99) > 290000);
    assert_int_equal(hf_hist_quantile(&sum.of[HF_LATENCY_CAPTURE].us, 0.99) / 100, 10);
    assert_int_equal(sum.of[HF_LATENCY_CAPTURE].uncertainty_us_max, 200);
    assert_int_equal(hf_hist_count(&sum.of[HF_LATENCY_APPLICATION].us), 0);
}

static void a_clock_without_word_is_not_synchronised(void **state)
{
    (void)state;
    assert_true(hf_latency_synchronised(0));
    assert_true(hf_latency_synchronised(999999));
    assert_false(hf_latency_synchronised(1000000));
    assert_false(hf_latency_synchronised(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_falls_into_its_cell),
        cmocka_unit_test(workers_add_up),
        cmocka_unit_test(a_clock_without_word_is_not_synchronised),
    };

    return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
