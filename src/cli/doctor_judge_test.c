#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "cli/doctor_judge.h"

/* A machine on which nothing is wrong, for 1000 connections. */
static const struct hf_system_probe healthy = {
    .open_files_soft = 1u << 20,
    .open_files_hard = 1u << 20,
    .somaxconn = 4096,
    .tcp_mem_bytes = 1ull << 32,
    .memory_available_bytes = 1ull << 33,
    .port_first = 32768,
    .port_last = 60999,
    .clock_known = true,
    .clock_synchronised = true,
    .clock_error_us = 5000,
    .entropy_ready = true,
    .huge_pages = "madvise",
};
static const struct hf_disk_probe healthy_disk = {
    .free_bytes = 1ull << 40, .total_bytes = 1ull << 41, .sync_median_us = 900, .sync_worst_us = 9000};

static struct hf_config *config;
static struct hf_doctor_report report;

static int load(void **state)
{
    static struct hf_config_errors errors;
    const struct hf_config_settings none = {0};

    (void)state;
    return hf_config_parse("test", HF_SLICE("{admission: {connections_max: 1000}, tenants: [{name: a}]}"),
                           none, NULL, &config, &errors);
}

static int unload(void **state)
{
    (void)state;
    hf_config_free(config);
    return 0;
}

static enum hf_doctor_level level_of(const char *check)
{
    for (size_t i = 0; i < report.count; i++)
        if (strcmp(report.findings[i].check, check) == 0) {
            /* Whoever is told about trouble is told what to do. */
            assert_int_equal(report.findings[i].fix[0] != '\0', report.findings[i].level != HF_DOCTOR_OK);
            return report.findings[i].level;
        }
    fail_msg("nothing about %s", check);
    return HF_DOCTOR_OK;
}

static void a_healthy_machine_is_ok(void **state)
{
    (void)state;
    report.count = 0;
    hf_doctor_judge_system(config, &healthy, &report);
    hf_doctor_judge_disk(config, HF_OK, &healthy_disk, &report);
    hf_doctor_judge_port("admin", "127.0.0.1", 6060, HF_OK, &healthy, &report);
    assert_int_equal(report.count, 11);
    assert_int_equal(hf_doctor_worst(&report), HF_DOCTOR_OK);
    for (size_t i = 0; i < report.count; i++)
        assert_string_equal(report.findings[i].fix, "");
}

static void each_trouble_of_the_machine_is_found(void **state)
{
    static const struct {
        const char *check;
        enum hf_doctor_level level;
        struct hf_system_probe probe; /* only what the check looks at */
    } rows[] = {
        {"open files", HF_DOCTOR_FAIL, {.open_files_soft = 1024, .open_files_hard = 1511}},
        {"open files", HF_DOCTOR_WARN, {.open_files_soft = 1024, .open_files_hard = 1512}},
        {"open files", HF_DOCTOR_OK, {.open_files_soft = 1512, .open_files_hard = 1512}},
        {"somaxconn", HF_DOCTOR_WARN, {.somaxconn = 128}},
        {"tcp_mem", HF_DOCTOR_WARN, {.tcp_mem_bytes = 1 << 20}},
        {"memory", HF_DOCTOR_WARN, {.memory_available_bytes = 1 << 20}},
        {"local ports", HF_DOCTOR_WARN, {.port_first = 60000, .port_last = 60999}},
        {"clock", HF_DOCTOR_WARN, {.clock_known = false}},
        {"clock", HF_DOCTOR_WARN, {.clock_known = true}},
        {"clock",
         HF_DOCTOR_WARN,
         {.clock_known = true, .clock_synchronised = true, .clock_error_us = 3000000}},
        {"entropy", HF_DOCTOR_FAIL, {.entropy_ready = false}},
        {"huge pages", HF_DOCTOR_WARN, {.huge_pages = "always"}},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        report.count = 0;
        hf_doctor_judge_system(config, &rows[i].probe, &report);
        assert_int_equal(level_of(rows[i].check), rows[i].level);
    }
}

static void each_trouble_of_the_disk_is_found(void **state)
{
    static const struct {
        const char *check;
        enum hf_doctor_level level;
        hf_err err;
        struct hf_disk_probe probe;
    } rows[] = {
        {"disk space", HF_DOCTOR_WARN, HF_OK, {.free_bytes = 2ull << 30}},
        {"disk space", HF_DOCTOR_FAIL, HF_OK, {.free_bytes = 1ull << 20}},
        {"disk sync", HF_DOCTOR_WARN, HF_OK, {.sync_median_us = 10000}},
        {"disk sync", HF_DOCTOR_FAIL, HF_OK, {.sync_median_us = 100000}},
        {"data directory", HF_DOCTOR_FAIL, HF_ERR_NOT_FOUND, {0}},
        {"data directory", HF_DOCTOR_FAIL, HF_ERR_DENIED, {0}},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        report.count = 0;
        hf_doctor_judge_disk(config, rows[i].err, &rows[i].probe, &report);
        assert_int_equal(level_of(rows[i].check), rows[i].level);
    }
}

static void each_trouble_of_a_port_is_found(void **state)
{
    static const struct {
        hf_err err;
        uint64_t port;
        enum hf_doctor_level level;
    } rows[] = {
        {HF_OK, 8080, HF_DOCTOR_OK},
        {HF_OK, 40000, HF_DOCTOR_WARN},
        {HF_ERR_EXISTS, 8080, HF_DOCTOR_FAIL},
        {HF_ERR_DENIED, 80, HF_DOCTOR_FAIL},
        {HF_ERR_NOT_FOUND, 80, HF_DOCTOR_FAIL},
        {HF_ERR_IO, 80, HF_DOCTOR_FAIL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        report.count = 0;
        hf_doctor_judge_port("listeners.a", "127.0.0.1", rows[i].port, rows[i].err, &healthy, &report);
        assert_int_equal(level_of("port"), rows[i].level);
    }
}

static void a_platform_above_needs_a_route(void **state)
{
    (void)state;
    report.count = 0;
    hf_doctor_judge_route("gb28181.upstreams.city", "192.0.2.1", HF_OK, "198.51.100.5:0", &report);
    assert_int_equal(level_of("route"), HF_DOCTOR_OK);
    report.count = 0;
    hf_doctor_judge_route("gb28181.upstreams.city", "192.0.2.1", HF_ERR_IO, "", &report);
    assert_int_equal(level_of("route"), HF_DOCTOR_FAIL);
    assert_non_null(
        strstr(report.findings[0].text, "gb28181.upstreams.city: there is no route to 192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_machine_is_ok),
        cmocka_unit_test(each_trouble_of_the_machine_is_found),
        cmocka_unit_test(each_trouble_of_the_disk_is_found),
        cmocka_unit_test(each_trouble_of_a_port_is_found),
        cmocka_unit_test(a_platform_above_needs_a_route),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
