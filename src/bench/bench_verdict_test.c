#include "bench/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

#define MS UINT64_C(1000000)
#define S  (UINT64_C(1000) * MS)

static struct hf_bench_config config_default(const char *mode)
{
    char *argv[] = {(char *)mode, (char *)"ws://h/", (char *)"--rate", (char *)"10"};
    char error[HF_BENCH_ERROR_BYTES];
    struct hf_bench_config config;

    assert_int_equal(hf_bench_config_parse(4, argv, &config, error), HF_OK);
    return config;
}

static void each_bound_speaks(void **state)
{
    static const struct {
        const char *name;
        uint64_t lag_ns, stall_ns, worst_ns, all_ns, local;
        unsigned want;
    } rows[] = {
        {"room everywhere", 1 * MS, 1 * MS, 5 * S, 9 * S, 0, 0},
        {"late sends", 3 * MS, 1 * MS, 5 * S, 9 * S, 0, 1u << HF_BENCH_SATURATED_LAG},
        {"long loop turns", 1 * MS, 60 * MS, 5 * S, 9 * S, 0, 1u << HF_BENCH_SATURATED_STALL},
        {"one process at its CPU's end", 1 * MS, 1 * MS, 10 * S - 100 * MS, 10 * S, 0,
         1u << HF_BENCH_SATURATED_CPU},
        {"many processes on two CPUs", 1 * MS, 1 * MS, 5 * S, 20 * S - 100 * MS, 0,
         1u << HF_BENCH_SATURATED_CPU},
        {"no port left", 1 * MS, 1 * MS, 5 * S, 9 * S, 1, 1u << HF_BENCH_SATURATED_LOCAL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        static struct hf_bench_result result;
        struct hf_bench_config config = config_default("echo");

        memset(&result, 0, sizeof(result));
        hf_hist_record_n(&result.lag, rows[i].lag_ns, 100);
        hf_hist_record_n(&result.stall, rows[i].stall_ns, 100);
        result.cpu_worst_ns = rows[i].worst_ns;
        result.measured_cpu_ns = rows[i].all_ns;
        result.cause[HF_BENCH_LOCAL] = rows[i].local;
        print_message("%s\n", rows[i].name);
        assert_int_equal(hf_bench_saturation(&config, &result, 10 * S, 2), rows[i].want);
    }
}

static void what_counts_as_failed(void **state)
{
    static struct hf_bench_result good, lossy, refused;
    struct hf_bench_config echo = config_default("echo"), flood = config_default("flood"), resume = echo;

    (void)state;
    good.attempted = good.opened = 1;
    lossy = refused = good;
    lossy.lost = 1;
    refused.cause[HF_BENCH_HTTP_REFUSED] = 1;
    assert_false(hf_bench_failed(&echo, &good));
    assert_true(hf_bench_failed(&echo, &lossy));
    assert_true(hf_bench_failed(&echo, &refused));
    assert_false(hf_bench_failed(&flood, &refused)); /* that is what a flood is for */
    resume.mode = HF_BENCH_RESUME;
    resume.connections = good.resumed = 3;
    assert_false(hf_bench_failed(&resume, &good));
    good.resumed = 2; /* the third was rebuilt, or never came back */
    assert_true(hf_bench_failed(&resume, &good));
}

static void merging_adds_and_keeps_the_worst(void **state)
{
    static struct hf_bench_result a, b, sum;

    (void)state;
    a.sent = 3, a.measured_cpu_ns = 5, a.cause[HF_BENCH_TIMEOUT] = 1;
    b.sent = 4, b.measured_cpu_ns = 9, b.cause[HF_BENCH_HTTP_REFUSED] = 2;
    hf_hist_record(&a.latency, 10);
    hf_hist_record(&b.latency, 30);
    for (unsigned code = 0; code < HF_BENCH_CODES_MAX + 4; code++) /* more kinds than there is room for */
        hf_bench_codes_add(&a.http_status, 400 + code, 1);
    hf_bench_codes_add(&b.http_status, 401, 5);
    hf_bench_result_merge(&sum, &a);
    hf_bench_result_merge(&sum, &b);
    assert_int_equal(sum.sent, 7);
    assert_int_equal(sum.measured_cpu_ns, 14);
    assert_int_equal(sum.cpu_worst_ns, 9);
    assert_int_equal(hf_hist_count(&sum.latency), 2);
    assert_int_equal(hf_hist_min(&sum.latency), 10);
    assert_int_equal(hf_hist_max(&sum.latency), 30);
    assert_int_equal(sum.http_status.other, 4);
    assert_int_equal(sum.http_status.count[1], 6);
    assert_int_equal(hf_bench_result_failed(&sum), 3);
    assert_int_equal(hf_bench_result_hard_failed(&sum), 1); /* a refusal is an answer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bound_speaks),
        cmocka_unit_test(what_counts_as_failed),
        cmocka_unit_test(merging_adds_and_keeps_the_worst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
