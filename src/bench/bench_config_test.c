#include "bench/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "bench/mark.h"
#include "bench/target.h"

enum { ARGS_MAX = 8 };

static hf_err parse(const char *line, struct hf_bench_config *ret_config, char *error)
{
    static char text[256]; /* the configuration borrows its texts, until the next call */
    char *argv[ARGS_MAX], *rest = NULL;
    int argc = 0;

    snprintf(text, sizeof(text), "%s", line);
    for (char *at = strtok_r(text, " ", &rest); at != NULL && argc < ARGS_MAX;
         at = strtok_r(NULL, " ", &rest))
        argv[argc++] = at;
    return hf_bench_config_parse(argc, argv, ret_config, error);
}

static void faults_name_the_argument(void **state)
{
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"", "no mode"},
        {"jump ws://h/", "no such mode: jump"},
        {"echo", "the URL is missing"},
        {"echo ws://a/ ws://b/", "one URL is enough: ws://b/"},
        {"echo ws://h/ --speed 5", "no such option: --speed"},
        {"echo ws://h/ --rate", "--rate needs a value"},
        {"echo ws://h/ --json=1", "--json does not take a value"},
        {"echo ws://h/ --rate -1", "--rate: '-1'"},
        {"echo ws://h/ --connections 0", "--connections: '0'"},
        {"echo ws://h/ --connections 1.5", "--connections: '1.5'"},
        {"echo ws://h/ --duration 5", "--duration: '5' is not a time with its unit"},
        {"echo ws://h/ --ramp hill", "--ramp: 'hill' is none of"},
        {"echo ws://h/ --processes 3 --connections 2", "--processes"},
        {"downlink ws://h/", "--rate: downlink and broadcast are open loop"},
        {"broadcast ws://h/ --rate 20000", "more than 100000 broadcasts"},
        {"hold ws://h/ --blind", "--blind, --raw-tcp: for echo only"},
        {"echo ws://h/ --cert a", "--cert, --key"},
        {"echo ws://h/ --token a --secret-file b", "give one"},
        {"echo ws://h/ --rate 5 --ramp step", "--ramp: needs --ramp-time"},
        {"echo ws://h/ --ramp step --ramp-time 1s", "a closed loop has no rate"},
        {"resume ws://h/", "--protocol: resume needs holdfast.v1"},
        {"resume ws://h/ --protocol holdfast.v1.json", "--protocol: resume needs holdfast.v1"},
        {"resume ws://h/ --protocol holdfast.v1 --duration 0s", "--duration: resume needs"},
        {"hold ws://h/ --expect 3", "--expect: for resume only"},
        {"uplink ws://h/ --samples 5", "--samples: for uplink with --protocol holdfast.v1 only"},
        {"echo ws://h/ --protocol holdfast.v1 --samples 5", "--samples: for uplink"},
        {"uplink ws://h/ --protocol holdfast.v1 --samples 65", "--samples"},
        {"uplink ws://h/ --shadow --protocol holdfast.v1", "--shadow: for uplink in raw mode only"},
        {"echo ws://h/ --shadow", "--shadow: for uplink in raw mode only"},
        {"hold ws://h/ --heartbeat 5s", "--heartbeat: for --protocol holdfast.v1 only"},
        {"flood ws://h/ --timeout 1s --patience 2s", "--patience: longer than --timeout"},
        {"flood ws://h/ --timeout 10ms", "--patience: longer than --timeout"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char error[HF_BENCH_ERROR_BYTES] = "";
        struct hf_bench_config config;

        print_message("%s\n", rows[i].line);
        assert_int_equal(parse(rows[i].line, &config, error), HF_ERR_INVALID);
        assert_non_null(strstr(error, rows[i].error));
    }
}

static void values_and_defaults(void **state)
{
    char error[HF_BENCH_ERROR_BYTES];
    struct hf_bench_config config;

    (void)state;
    assert_int_equal(parse("uplink --rate=1.5 wss://h/ --duration 250ms --json --kid k", &config, error),
                     HF_OK);
    assert_int_equal(config.mode, HF_BENCH_UPLINK);
    assert_string_equal(config.url, "wss://h/");
    assert_true(config.rate == 1.5);
    assert_int_equal(config.duration_ns, 250000000);
    assert_int_equal(config.connections, 100);
    assert_true(config.json);
    assert_false(config.force);
    assert_string_equal(config.kid, "k");
    assert_null(config.token);
    assert_string_equal(config.device, "bench-");
    assert_int_equal(parse("connect ws://h/", &config, error), HF_OK);
    assert_null(config.kid);
}

static void see_option(void *user, const char *option, const char *value)
{
    if (strcmp(option, "token") == 0)
        *(const char **)user = value;
}

static void secrets_are_not_shown(void **state)
{
    char error[HF_BENCH_ERROR_BYTES];
    struct hf_bench_config config;
    const char *shown = NULL;

    (void)state;
    assert_int_equal(parse("connect ws://h/ --token abc", &config, error), HF_OK);
    hf_bench_config_each(&config, see_option, &shown);
    assert_string_equal(shown, "***");
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        hf_err err;
        uint64_t ns;
    } rows[] = {
        {"0s", HF_OK, 0},
        {"1ns", HF_OK, 1},
        {"50us", HF_OK, 50000},
        {"1.5s", HF_OK, 1500000000},
        {"2m", HF_OK, 120000000000},
        {"1h", HF_OK, 3600000000000},
        {"", HF_ERR_INVALID, 0},
        {"5", HF_ERR_INVALID, 0},
        {"5 s", HF_ERR_INVALID, 0},
        {"-1s", HF_ERR_INVALID, 0},
        {"1d", HF_ERR_INVALID, 0},
        {"1e30s", HF_ERR_INVALID, 0},
        {"infs", HF_ERR_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t ns = 0;

        assert_int_equal(hf_bench_duration_parse(rows[i].text, &ns), rows[i].err);
        assert_int_equal(ns, rows[i].ns);
    }
}

static void urls(void **state)
{
    static const struct {
        const char *url;
        hf_err err;
        const char *host, *authority, *path;
        bool tls;
    } rows[] = {
        {"ws://127.0.0.1:8080/v1/x?a=b", HF_OK, "127.0.0.1", "127.0.0.1:8080", "/v1/x?a=b", false},
        {"wss://127.0.0.1", HF_OK, "127.0.0.1", "127.0.0.1", "/", true},
        {"ws://127.0.0.1?a=b", HF_OK, "127.0.0.1", "127.0.0.1", "/?a=b", false},
        {"ws://[::1]:81/", HF_OK, "::1", "[::1]:81", "/", false},
        {"http://127.0.0.1/", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws:/127.0.0.1/", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws:///", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws://[::1/", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws://h:/", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws://h:8x/", HF_ERR_INVALID, NULL, NULL, NULL, false},
        {"ws://127.0.0.1/#top", HF_ERR_INVALID, NULL, NULL, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char error[HF_BENCH_ERROR_BYTES];
        struct hf_bench_target target;

        print_message("%s\n", rows[i].url);
        assert_int_equal(hf_bench_target_resolve(rows[i].url, "ws", &target, error), rows[i].err);
        if (rows[i].err != HF_OK)
            continue;
        assert_string_equal(target.host, rows[i].host);
        assert_string_equal(target.authority, rows[i].authority);
        assert_string_equal(target.path, rows[i].path);
        assert_int_equal(target.tls, rows[i].tls);
    }
}

static void sources(void **state)
{
    static const struct {
        const char *list;
        hf_err err;
        unsigned count;
    } rows[] = {
        {NULL, HF_OK, 0},
        {"127.0.0.2", HF_OK, 1},
        {"127.0.0.2,127.0.0.3", HF_OK, 2},
        {"127.0.0.2,::1", HF_ERR_INVALID, 0},
        {"localhost", HF_ERR_INVALID, 0},
    };
    struct hf_bench_target target = {.address = {.ss_family = AF_INET}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char error[HF_BENCH_ERROR_BYTES];
        struct hf_bench_sources found;

        assert_int_equal(hf_bench_sources_parse(rows[i].list, &target, &found, error), rows[i].err);
        if (rows[i].err == HF_OK)
            assert_int_equal(found.count, rows[i].count);
    }
}

static void marks_survive_an_envelope(void **state)
{
    char payload[512], message[1024];
    uint64_t a, b;

    (void)state;
    for (size_t bytes = 0; bytes <= 300; bytes++) {
        size_t length = hf_bench_mark_write(payload, bytes, 12345, UINT64_MAX);

        assert_int_equal(length, strlen(payload));
        assert_true(bytes < HF_BENCH_MARK_BYTES_MIN || length == bytes);
        snprintf(message, sizeof(message), "{\"type\":\"message\",\"seq\":3,\"payload\":%s}", payload);
        assert_true(hf_bench_mark_read(message, strlen(message), HF_BENCH_MARK_KEY, &a, &b));
        assert_int_equal(a, 12345);
        assert_true(b == UINT64_MAX);
    }
    static const char *const wrong[] = {
        "", "{}", "{\"hfb\":\"12\"}", "{\"hfb\":\"1-2", "{\"hfb\":\"x-2\"}", "\"hfb\":\""};

    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_false(hf_bench_mark_read(wrong[i], strlen(wrong[i]), HF_BENCH_MARK_KEY, &a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_name_the_argument),
        cmocka_unit_test(values_and_defaults),
        cmocka_unit_test(secrets_are_not_shown),
        cmocka_unit_test(durations),
        cmocka_unit_test(urls),
        cmocka_unit_test(sources),
        cmocka_unit_test(marks_survive_an_envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
