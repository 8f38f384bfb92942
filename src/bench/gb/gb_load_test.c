#include "bench/gb/load_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "bench/verdict.h"

static hf_err parse(const char *line, struct hf_gb_load_config *config, char *error)
{
    static char copy[1024];
    char *argv[32];
    int argc = 0;

    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *at = strtok(copy, " "); at != NULL; at = strtok(NULL, " "))
        argv[argc++] = at;
    return hf_gb_load_parse(argc, argv, config, error);
}

static void reads_options_and_has_defaults(void **state)
{
    char error[HF_BENCH_ERROR_BYTES];
    struct hf_gb_load_config config;

    (void)state;
    assert_int_equal(
        parse("hold 127.0.0.1:5060 --devices 100000 --processes=2 --keepalive 30s --loss 1.5 --shuffle",
              &config, error),
        HF_OK);
    assert_int_equal(config.mode, HF_GB_LOAD_HOLD);
    assert_string_equal(config.server, "127.0.0.1:5060");
    assert_int_equal(config.devices, 100000);
    assert_int_equal(config.processes, 2);
    assert_true(config.keepalive_ns == UINT64_C(30000000000) && config.loss == 1.5 && config.shuffle);
    assert_string_equal(config.transport, "udp");
    assert_null(config.server_pids);
    assert_int_equal(config.edition, 2016);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"", "no mode"},
        {"hald 127.0.0.1", "no such mode: hald"},
        {"hold", "HOST:PORT of the platform is missing"},
        {"hold a b", "one HOST:PORT is enough: b"},
        {"hold a --zap 1", "no such option: --zap"},
        {"hold a --devices", "--devices"},
        {"hold a --devices 0", "--devices"},
        {"hold a --devices 1.5", "--devices"},
        {"hold a --keepalive 30", "--keepalive"},
        {"hold a --shuffle=1", "--shuffle"},
        {"hold a --first-id 123", "ids have 20 digits"},
        {"hold a --first-id 34020000001320999999 --devices 2", "do not count so far"},
        {"hold a --devices 2 --processes 3", "more than --devices"},
        {"hold a --transport sctp", "udp or tcp"},
        {"hold a --edition 2019", "2016 or 2022"},
        {"hold a --password-file f --password-env e", "give one"},
        {"hold a --transport tcp --loss 1", "over UDP only"},
        {"hold a --devices 10 --silent 11", "more than the devices of one process"},
        {"hold a --duration 0s", "needs a measured time"},
        {"catalog a", "through the API"},
        {"media a --media f", "through the API"},
        {"media a --api u --api-key-env k", "--media: there is no picture"},
        {"hold a --devices 10 --processes 2 --silent 2 --streams 7", "--streams: more than the devices"},
        {"media a --media f --api u --api-key-env k --media-transport sctp", "--media-transport: udp or tcp"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char error[HF_BENCH_ERROR_BYTES] = "";
        struct hf_gb_load_config config;

        assert_int_equal(parse(rows[i].line, &config, error), HF_ERR_INVALID);
        if (strstr(error, rows[i].text) == NULL)
            fail_msg("'%s' says '%s', not '%s'", rows[i].line, error, rows[i].text);
    }
}

/* A result in which everything went well, to spoil. */
static void good(struct hf_gb_load_result *result)
{
    memset(result, 0, sizeof(*result));
    result->devices = result->came = result->in_end = 10;
    result->refreshes_meant = result->refreshes = 5;
    result->lists = 1;
    result->plays_meant = result->plays = result->streams = 4;
}

static void a_device_that_is_out_fails_a_run(void **state)
{
    static struct hf_gb_load_result result;
    struct hf_gb_load_config config = {.mode = HF_GB_LOAD_HOLD};

    (void)state;
    for (config.mode = 0; config.mode < HF_GB_LOAD_MODES; config.mode++) {
        good(&result);
        assert_false(hf_gb_load_failed(&config, &result));
        result.came = 9;
        assert_true(hf_gb_load_failed(&config, &result));
        good(&result);
        result.in_end = 9;
        assert_true(hf_gb_load_failed(&config, &result));
        good(&result);
        result.cam.refused = 1;
        assert_true(hf_gb_load_failed(&config, &result));
        good(&result);
        result.cam.gone = 1;
        assert_true(hf_gb_load_failed(&config, &result));
        good(&result);
        result.refreshes = 4;
        assert_int_equal(hf_gb_load_failed(&config, &result), config.mode == HF_GB_LOAD_REFRESH);
        good(&result);
        result.lists_failed = 1;
        assert_int_equal(hf_gb_load_failed(&config, &result), config.mode == HF_GB_LOAD_CATALOG);
        good(&result);
        result.plays = 3;
        assert_int_equal(hf_gb_load_failed(&config, &result), config.mode == HF_GB_LOAD_MEDIA);
        good(&result);
        result.streams = 3;
        assert_int_equal(hf_gb_load_failed(&config, &result), config.mode == HF_GB_LOAD_MEDIA);
        good(&result);
        result.cam.missed = 1;
        assert_int_equal(hf_gb_load_failed(&config, &result), config.mode == HF_GB_LOAD_HOLD);
    }
}

static void a_generator_without_room_is_told(void **state)
{
    static struct hf_gb_load_result result;
    struct hf_gb_load_config config = {
        .lag_max_ns = 5000000, .stall_max_ns = 50000000, .cpu_max_percent = 95};
    const uint64_t second = 1000000000;

    (void)state;
    good(&result);
    result.cpu_worst_ns = result.measured_cpu_ns = second / 2;
    hf_hist_record(&result.lag, 1000000);
    hf_hist_record(&result.stall, 1000000);
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 2), 0);
    result.cpu_worst_ns = second * 96 / 100;
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 2), 1u << HF_BENCH_SATURATED_CPU);
    result.cpu_worst_ns = second / 2;
    result.measured_cpu_ns = second * 96 / 100; /* of two processes, on one CPU */
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 1), 1u << HF_BENCH_SATURATED_CPU);
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 2), 0);
    config.cpu_max_percent = 101;
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 1), 0); /* never */
    config.cpu_max_percent = 95;
    hf_hist_record(&result.lag, 6000000);
    hf_hist_record(&result.stall, 60000000);
    result.local = 1;
    assert_int_equal(hf_gb_load_saturation(&config, &result, second, 2), 1u << HF_BENCH_SATURATED_LAG |
                                                                             1u << HF_BENCH_SATURATED_STALL |
                                                                             1u << HF_BENCH_SATURATED_LOCAL);
}

static void results_of_processes_add_up(void **state)
{
    static struct hf_gb_load_result a, b;

    (void)state;
    good(&a);
    good(&b);
    a.cam.alive = 3, b.cam.alive = 4;
    a.measured_cpu_ns = 5, b.measured_cpu_ns = 7;
    a.in_last_ns = 9, b.in_last_ns = 8;
    a.heard_packets = 10, b.heard_packets = 11;
    a.fleet.lost_media = 1, b.fleet.lost_media = 2;
    hf_hist_record(&b.first_packet, 1);
    hf_hist_record(&b.in, 1);
    hf_gb_load_merge(&a, &b);
    assert_int_equal(a.devices, 20);
    assert_int_equal(a.cam.alive, 7);
    assert_int_equal(a.measured_cpu_ns, 12);
    assert_int_equal(a.cpu_worst_ns, 7);
    assert_int_equal(a.in_last_ns, 9);
    assert_int_equal(hf_hist_count(&a.in), 1);
    assert_int_equal(a.heard_packets, 21);
    assert_int_equal(a.fleet.lost_media, 3);
    assert_int_equal(hf_hist_count(&a.first_packet), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_options_and_has_defaults),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_device_that_is_out_fails_a_run),
        cmocka_unit_test(a_generator_without_room_is_told),
        cmocka_unit_test(results_of_processes_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
