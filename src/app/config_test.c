#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/config_print.h"
#include "app/config_table.h"
#include "app/config_value.h"
#include "base/assert.h"

#define TENANT "tenants: [{name: acme, jwt_keys: [{kid: a, alg: ES256, public_key_file: k.pem}]}]\n"

static struct hf_config_errors errors;

static hf_err parse(const char *yaml, const char *setting, char *const *env, struct hf_config **ret_config)
{
    struct hf_config_settings settings = {&setting, setting != NULL};

    return hf_config_parse("holdfast.yaml", hf_slice_of(yaml), settings, env, ret_config, &errors);
}

static bool reported(const char *text)
{
    for (size_t i = 0; i < errors.count; i++)
        if (strstr(errors.text[i], text) != NULL)
            return true;
    for (size_t i = 0; i < errors.count; i++)
        print_message("reported: %s\n", errors.text[i]);
    print_message("wanted:   %s\n", text);
    return false;
}

static void defaults_are_those_of_the_requirements(void **state)
{
    struct hf_config *config;

    (void)state;
    assert_int_equal(parse(TENANT, NULL, NULL, &config), HF_OK);
    assert_int_equal(errors.count, 0);
    assert_int_equal(config->listeners.count, 1);
    assert_string_equal(config->listeners.at[0].address, "127.0.0.1");
    assert_int_equal(config->listeners.at[0].port, 8080);
    assert_true(hf_config_listener_has(&config->listeners.at[0], HF_CONFIG_ROLE_API));
    assert_false(hf_config_listener_is_tls(&config->listeners.at[0]));
    assert_int_equal(config->admin.port, 6060);
    assert_int_equal(config->admission.connections_max, 100000);
    assert_int_equal(config->admission.tls_turn_budget_us, 2000);
    assert_int_equal(config->heartbeat.idle_ms, 30000);
    assert_int_equal(config->heartbeat.repeat_ms, 7500);
    assert_int_equal(config->heartbeat.dead_ms, 60000);
    assert_int_equal(config->delivery.send_queue_high_bytes, 262144);
    assert_int_equal(config->delivery.telemetry, HF_CONFIG_POLICY_DROP_OLDEST);
    assert_int_equal(config->log.retention_bytes, 20ull << 30);
    assert_int_equal(config->log.retention_ms, 7ull * 24 * 3600 * 1000);
    assert_int_equal(config->limits.command_capacity, 40);
    assert_null(config->logging.file);
    assert_string_equal(config->tenants.at[0].default_topic, "default");
    assert_int_equal(config->tenants.at[0].jwt_keys.at[0].alg, HF_CONFIG_JWT_ES256);
    assert_ptr_equal(hf_config_tenant_find(config, HF_SLICE("acme")), &config->tenants.at[0]);
    assert_null(hf_config_tenant_find(config, HF_SLICE("acm")));
    assert_string_equal(hf_config_scope_name(HF_CONFIG_SCOPE_DEVICES_READ), "devices:read");
    hf_config_free(config);
}

static void every_mistake_is_named_with_its_place_and_its_fix(void **state)
{
    static const struct {
        const char *yaml, *setting, *want;
    } rows[] = {
        {"heartbeat:\n  idel_ms: 3s\n", NULL,
         "holdfast.yaml:2: unknown key 'heartbeat.idel_ms'; did you mean 'heartbeat.idle_ms'?"},
        {"heartbeat: {idle: 3s}\n", NULL, "did you mean 'heartbeat.idle_ms'?"},
        {"zzz: 1\n", NULL, "unknown key 'zzz'; `holdfast default-config` shows all"},
        {"admission:\n\n  header_timeout_ms: 90s\n", NULL,
         "holdfast.yaml:3: admission.header_timeout_ms is 90s, outside 1s to 1m; lower it to 1m"},
        {"admission: {header_timeout_ms: 999}\n", NULL, "raise it to 1s"},
        {"heartbeat: {dead_ms: 90s}\n", NULL, "heartbeat.dead_ms is 90s, outside 2s to 1m"},
        {"log: {segment_bytes: 64MB}\n", NULL,
         "log.segment_bytes is '64MB'; write a size such as 512B, 64KiB"},
        {"log: {segment_bytes: 99999999999999999999}\n", NULL, "write a size"},
        {"log: {segment_bytes: 999999999999GiB}\n", NULL, "write a size"},
        {"node: {workers: -1}\n", NULL, "node.workers is '-1'; write a whole number"},
        {"node: {workers: }\n", NULL, "node.workers has no value; its default is 0"},
        {"node: {pin_workers: yes}\n", NULL, "write true or false"},
        {"node: {workers: 1, workers: 2}\n", NULL, "node.workers stands here twice"},
        {"node: [1]\n", NULL, "node must be a mapping of options"},
        {"node: {workers: [1]}\n", NULL, "node.workers must be a single value"},
        {"node: {name: \"a\\x01\"}\n", NULL, "node.name holds control characters"},
        {"node: {data_dir: ''}\n", NULL, "node.data_dir must not be empty"},
        {"listeners: {name: a}\n", NULL, "listeners must be a list"},
        {"listeners: [a]\n", NULL, "listeners holds something that is not a mapping"},
        {"listeners: [{name: a}, {name: a, port: 1}]\n", NULL, "the name 'a' stands twice"},
        {"listeners: [{name: a}, {name: b}]\n", NULL,
         "listeners.a and listeners.b both want 127.0.0.1 port 8080"},
        {"listeners: [{name: a, port: 6060}]\n", NULL, "listeners.a and admin both want"},
        {"listeners: [{port: 1}]\n", NULL, "listeners.0.name is missing"},
        {"listeners: [{name: a, address: localhost}]\n", NULL, "'localhost' is no numeric address"},
        {"listeners: [{name: a, address: 0.0.0.0}]\n", NULL, "listeners.a.insecure: true"},
        {"listeners: [{name: a, address: '::'}]\n", NULL, "listeners.a would speak plain text on ::"},
        {"listeners: [{name: a, roles: [device]}]\n", NULL,
         "listeners.0.roles is 'device'; it must be one of devices, api, console; did you mean 'devices'?"},
        {"listeners: [{name: a, roles: []}]\n", NULL, "listeners.a.roles is empty"},
        {"listeners: [{name: a, proxy_protocol: v1v2}]\n", NULL, "listeners.a.proxy_allow is empty"},
        {"listeners: [{name: a, proxy_protocol: v1v2, proxy_allow: [10.0.0.0/33]}]\n", NULL, "'10.0.0.0/33'"},
        {"regions: [{name: eu, prefixes: [10.0.0.0/33]}]\n", NULL, "regions.eu.prefixes: '10.0.0.0/33'"},
        {"regions: [{name: eu}]\n", NULL, "regions.eu.prefixes is empty"},
        {"regions: [{name: other, prefixes: ['::/0']}]\n", NULL, "regions.other: the name"},
        {"listeners: [{name: a, tls: {cert_file: c.pem}}]\n", NULL, "listeners.a.tls.key_file is missing"},
        {"listeners: [{name: a, tls: {key_file: c.pem}}]\n", NULL, "listeners.a.tls.cert_file is missing"},
        {"listeners: [{name: a, tls: {cert_file: c, key_file: k, verify: required}}]\n", NULL,
         "listeners.a.tls.client_ca_file is missing"},
        {"listeners: [{name: a, tls: {identity_from_cn: true}}]\n", NULL,
         "listeners.a.tls.cn_tenant is missing"},
        {"listeners: [{name: a, tls: {cn_tenant: x}}]\n", NULL,
         "cn_tenant names 'x', which is not in tenants"},
        {"admin: {address: 0.0.0.0}\n", NULL, "admin.address 0.0.0.0 is not loopback"},
        {"admin: {address: 0.0.0.0, require_key: true}\n", NULL, "admin.insecure: true"},
        {"delivery: {send_queue_low_bytes: 256KiB}\n", NULL,
         "delivery.send_queue_low_bytes (256KiB) must be below delivery.send_queue_high_bytes (256KiB)"},
        {"delivery: {message: inherit}\n", NULL, "inherit is for tenants"},
        {"session: {profile: inherit}\n", NULL, "session.profile: inherit is for tenants"},
        {"shadow: {merge: inherit}\n", NULL, "shadow.merge: inherit is for tenants"},
        {"heartbeat: {idle_ms: 55s}\n", NULL, "must be below heartbeat.dead_ms (1m)"},
        {"log: {retention_bytes: 64MiB}\n", NULL, "twice log.segment_bytes (128MiB) must be at most"},
        {"api: {api_keys: [{id: abcdefgh, tenant: x, sha256: 00}]}\n", NULL,
         "sha256 has 2 bytes, at least 64"},
        {"api: {api_keys: [{id: abcdefgh, tenant: x}]}\n", NULL, "api.api_keys.abcdefgh.sha256 is missing"},
        {"api: &a {}\nadmin: *a\n", NULL, "admin is an alias; aliases are not supported"},
        {"node: {}\n---\nnode: {}\n", NULL, "a second document begins"},
        {"- a\n", NULL, "a configuration is a mapping of sections"},
        {"node: {\n", NULL, "holdfast.yaml:2: not YAML"},
        {"? [a]\n: 1\n", NULL, "has a key that is not a name"},
        {"", "admission.conections_max=5", "--set: unknown key 'admission.conections_max'; did you mean"},
        {"", "admission.connections_max",
         "'admission.connections_max' is not of the form section.option=value"},
        {"", "admission=1", "admission is a section; name one option in it"},
        {"", "admission.connections_max.x=1",
         "admission.connections_max holds a value, there is no 'x' in it"},
        {"", "listeners=1", "listeners is a list; name one option in it"},
        {"", "listeners.5.port=1", "listeners has no item '5'; the next free position is 0"},
        {"", "listeners.1.port=1", "listeners has no item '1'; the next free position is 0"},
        {"", "tenants.0.jwt_keys.0.alg=none", "it must be one of ES256, EdDSA, RS256, HS256"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char yaml[1024];
        bool closed = strstr(rows[i].yaml, "---") != NULL || strchr(rows[i].yaml, '?') != NULL ||
                      rows[i].yaml[0] == '-' || strcmp(rows[i].yaml, "node: {\n") == 0;
        struct hf_config *config;

        (void)snprintf(yaml, sizeof(yaml), "%s%s", rows[i].yaml, closed ? "" : TENANT);
        assert_int_equal(parse(yaml, rows[i].setting, NULL, &config), HF_ERR_INVALID);
        assert_true(errors.error_count > 0);
        assert_true(reported(rows[i].want));
    }
}

static void mistakes_of_tenants_are_named(void **state)
{
    static const struct {
        const char *yaml, *want;
    } rows[] = {
        {"", "tenants is empty: no device could connect"},
        {"tenants: [{name: 'a b'}]", "tenants.a b: a name has letters, digits and . _ - only"},
        {"tenants: [{name: a}, {name: a}]", "tenants: the name 'a' stands twice"},
        {"tenants: [{name: a, jwt_keys: [{alg: HS256, public_key_file: x}]}]",
         "exactly one of secret_file, secret_env"},
        {"tenants: [{name: a, jwt_keys: [{alg: ES256}]}]", "exactly one of public_key_file, jwks_file"},
        {"tenants: [{name: a, jwt_keys: [{kid: x, jwks_file: j, public_key_file: k}]}]", "exactly one of"},
        {"tenants: [{name: a, jwt_keys: [{jwks_file: j, jwks_url: 'https://a/'}]}]", "exactly one of"},
        {"tenants: [{name: a, jwt_keys: [{jwks_url: 'http://10.0.0.1/'}]}]", "http is for loopback only"},
        {"tenants: [{name: a, jwt_keys: [{kid: x, public_key_file: j}, {kid: x, public_key_file: k}]}]",
         "the kid 'x' stands twice"},
        {"tenants: [{name: a, topics: [{type: t, topic: 'x/#'}]}]", "'x/#' is a filter"},
        {"tenants: [{name: a, topics: [{type: t, topic: x}, {type: t, topic: y}]}]",
         "the type 't' stands twice"},
        {"tenants: [{name: a, access: [{topics: 'a+'}]}]", "tenants.a.access.0.topics 'a+'"},
        {"tenants: [{name: a, access: [{devices: 'a*b'}]}]", "tenants.a.access.0.devices 'a*b'"},
        {"tenants: [{name: a, access: [{topics: 'a/#/b'}]}]", "tenants.a.access.0.topics 'a/#/b'"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_config *config;

        assert_int_equal(parse(rows[i].yaml, NULL, NULL, &config), HF_ERR_INVALID);
        assert_true(reported(rows[i].want));
    }
}

static void several_mistakes_are_reported_at_once_up_to_a_limit(void **state)
{
    struct hf_config *config;
    char many[4096] = "";

    (void)state;
    assert_int_equal(
        parse("node: {worker: 1, pin_workers: x}\nlogg: {}\nadmin: {port: 70000}\n", NULL, NULL, &config),
        HF_ERR_INVALID);
    assert_int_equal(errors.error_count, 4);
    assert_true(reported("did you mean 'node.workers'?"));
    assert_true(reported("did you mean 'log'?"));
    for (int i = 0; i < 100; i++)
        (void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "unknown_%d: 1\n", i);
    assert_int_equal(parse(many, "nothing=1", NULL, &config), HF_ERR_INVALID);
    assert_int_equal(errors.count, HF_CONFIG_ERRORS_MAX);
    assert_int_equal(errors.not_kept_count, 1);
}

static void settings_go_over_the_environment_and_that_over_the_file(void **state)
{
    static char *env[] = {(char *)"HOLDFAST_ADMISSION_CONNECTIONS_MAX=200",
                          (char *)"HOLDFAST_LISTENERS_1_PORT=0",
                          (char *)"HOLDFAST_LISTENERS_1_NAME=two",
                          (char *)"HOLDFAST_LISTENERS_0_NAME=one",
                          (char *)"HOLDFAST_WEBSOCKET_DEFLATE_ENABLED=true",
                          (char *)"HOLDFAST_API_CORS_ORIGINS=https://a.example, https://b.example",
                          (char *)"HOLDFAST_API_SERVICE_HOST=10.0.0.1",
                          (char *)"HOLDFAST_PORT=tcp://10.0.0.1:8080",
                          (char *)"HOLDFAST_SECRET_ACME=s",
                          (char *)"HOLDFAST_TOKEN=t",
                          (char *)"PATH=/bin",
                          NULL};
    struct hf_config *config;

    (void)state;
    assert_int_equal(parse("admission: {connections_max: 100, accept_per_s: 7}\n" TENANT,
                           "listeners.two.port=9000", env, &config),
                     HF_OK);
    assert_int_equal(errors.count, 0);
    assert_int_equal(config->admission.connections_max, 200);
    assert_int_equal(config->admission.accept_per_s, 7);
    assert_int_equal(config->listeners.count, 2);
    assert_string_equal(config->listeners.at[0].name, "one");
    assert_int_equal(config->listeners.at[1].port, 9000);
    assert_true(config->websocket.deflate.enabled);
    assert_int_equal(config->api.cors_origins.count, 2);
    assert_string_equal(config->api.cors_origins.at[1], "https://b.example");
    hf_config_free(config);
    assert_int_equal(parse(TENANT, "admission.connections_max=300", env, &config), HF_OK);
    assert_int_equal(config->admission.connections_max, 300);
    hf_config_free(config);
}

static void a_mistyped_variable_is_found(void **state)
{
    static char *wrong[] = {(char *)"HOLDFAST_ADMISSION_CONECTIONS_MAX=200", NULL};
    static char *foreign[] = {(char *)"HOLDFAST_ELSE=200", NULL};
    static char *value[] = {(char *)"HOLDFAST_ADMIN_PORT=x", NULL};
    struct hf_config *config;

    (void)state;
    assert_int_equal(parse(TENANT, NULL, wrong, &config), HF_ERR_INVALID);
    assert_true(reported("did you mean HOLDFAST_ADMISSION_CONNECTIONS_MAX?"));
    assert_int_equal(parse(TENANT, NULL, foreign, &config), HF_OK);
    assert_true(errors.warning[0]);
    hf_config_free(config);
    assert_int_equal(parse(TENANT, NULL, value, &config), HF_ERR_INVALID);
    assert_true(reported("HOLDFAST_ADMIN_PORT: admin.port is 'x'; write a whole number"));
}

static void tenants_inherit_what_they_do_not_set(void **state)
{
    struct hf_config *config;

    (void)state;
    assert_int_equal(
        parse("delivery: {telemetry: latest, sample_every_ms: 30s}\n"
              "tenants: [{name: a, jwt_keys: [{alg: HS256, secret_env: S}]},\n"
              "          {name: b, telemetry: sample, sample_every_ms: 2s, device_uplink_per_s: 3}]\n",
              NULL, NULL, &config),
        HF_OK);
    assert_int_equal(config->tenants.at[0].sample_every_ms, 30000);
    assert_int_equal(config->tenants.at[1].sample_every_ms, 2000);
    assert_int_equal(config->tenants.at[0].telemetry, HF_CONFIG_POLICY_LATEST);
    assert_int_equal(config->tenants.at[0].message, HF_CONFIG_POLICY_MUST_DELIVER);
    assert_int_equal(config->tenants.at[0].device_uplink_per_s, 1000);
    assert_int_equal(config->tenants.at[1].telemetry, HF_CONFIG_POLICY_SAMPLE);
    assert_int_equal(config->tenants.at[1].device_uplink_per_s, 3);
    assert_true(errors.warning[0]); /* tenant b has no keys */
    hf_config_free(config);
}

static void a_reload_knows_what_needs_a_restart(void **state)
{
    struct hf_config *before, *after;
    struct hf_config_diff diff;

    (void)state;
    assert_int_equal(parse("tenants: [{name: a}, {name: b}]\nlisteners: [{name: x}]\n", NULL, NULL, &before),
                     HF_OK);
    assert_int_equal(parse("tenants: [{name: c}, {name: b, connections_max: 3}]\nlisteners: [{name: y}]\n"
                           "log: {retention_ms: 1d, segment_bytes: 1MiB}\n",
                           NULL, NULL, &after),
                     HF_OK);
    hf_config_reload_diff(before, before, &diff);
    assert_int_equal(diff.count, 0);
    hf_config_reload_diff(before, after, &diff);
    static const struct {
        const char *path;
        bool restart;
    } want[] = {
        {"listeners.x", true},       {"listeners.y", true}, {"log.segment_bytes", true},
        {"log.retention_ms", false}, {"tenants.a", false},  {"tenants.b.connections_max", false},
        {"tenants.c", false},
    };
    assert_int_equal(diff.count, HF_COUNT_OF(want));
    assert_int_equal(diff.restart_count, 3);
    for (size_t i = 0; i < HF_COUNT_OF(want); i++) {
        assert_string_equal(diff.at[i].path, want[i].path);
        assert_int_equal(diff.at[i].restart, want[i].restart);
    }
    hf_config_free(before);
    hf_config_free(after);
}

/* As many as the list may have, in another order: they are found by their ids, not by going through all for each. */
static void a_long_list_is_compared(void **state)
{
    enum { DEVICES = 131072, ROW_BYTES = 64 };
    static const char head[] = "tenants: [{name: a}]\ngb28181:\n  devices:\n";
    char *text = malloc(sizeof(head) + (size_t)DEVICES * ROW_BYTES);
    struct hf_config *configs[2];
    struct hf_config_diff diff;

    (void)state;
    assert_non_null(text);
    for (unsigned k = 0; k < 2; k++) {
        size_t at = (size_t)snprintf(text, sizeof(head), "%s", head);

        for (unsigned i = 0; i < DEVICES; i++) {
            unsigned id = k == 0 ? i : DEVICES - i; /* 0 is left out, DEVICES is new */

            at += (size_t)snprintf(text + at, ROW_BYTES, "  - {id: '3402000000132%07u', no_qop: %s}\n", id,
                                   k == 1 && id == 77 ? "true" : "false");
        }
        assert_int_equal(parse(text, NULL, NULL, &configs[k]), HF_OK);
    }
    hf_config_reload_diff(configs[0], configs[1], &diff);
    assert_int_equal(diff.count, 3);
    assert_string_equal(diff.at[0].path, "gb28181.devices.34020000001320000000");
    assert_string_equal(diff.at[1].path, "gb28181.devices.34020000001320000077.no_qop");
    assert_string_equal(diff.at[2].path, "gb28181.devices.34020000001320131072");
    assert_int_equal(diff.restart_count, 0);
    hf_config_free(configs[0]);
    hf_config_free(configs[1]);
    free(text);
}

static void loopback_and_ranges(void **state)
{
    (void)state;
    assert_true(hf_config_address_is_loopback("127.0.0.1"));
    assert_true(hf_config_address_is_loopback("127.9.9.9"));
    assert_true(hf_config_address_is_loopback("::1"));
    assert_false(hf_config_address_is_loopback("::"));
    assert_false(hf_config_address_is_loopback("10.0.0.1"));
    assert_false(hf_config_address_is_loopback("localhost"));
}

/* The table itself: each default is taken by its own row, and the widest struct fits the reader's bit set. */
static void check_shape(const struct hf_config_shape *shape, unsigned depth)
{
    assert_true(depth < HF_CONFIG_DEPTH_MAX);
    assert_true(shape->row_count <= 64);
    for (size_t i = 0; i < shape->row_count; i++) {
        assert_true(shape->rows[i].min <= shape->rows[i].max);
        assert_true(strlen(shape->rows[i].help) > 5);
        assert_ptr_equal(hf_config_row_find(shape, hf_slice_of(shape->rows[i].name)), &shape->rows[i]);
        if (shape->rows[i].shape != NULL)
            check_shape(shape->rows[i].shape(), depth + 1);
    }
}

/* Each number's smallest and largest value are taken, their neighbours outside are not. */
static void check_edges(const struct hf_config_shape *shape)
{
    const struct hf_config_origin origin = {.name = "test"};
    uint64_t object[256]; /* large enough and aligned for any struct of the table */

    assert_true(shape->bytes <= sizeof(object));
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct hf_config_row *row = &shape->rows[i];
        const struct {
            uint64_t value;
            hf_err err;
        } edges[] = {{row->min, HF_OK},
                     {row->max, HF_OK},
                     {row->min - 1, HF_ERR_INVALID},
                     {row->max + 1, HF_ERR_INVALID}};

        if (row->shape != NULL)
            check_edges(row->shape());
        for (size_t k = 0; row->kind <= HF_CONFIG_KIND_BYTES && k < HF_COUNT_OF(edges); k++) {
            char text[32];

            (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)edges[k].value);
            assert_int_equal(hf_config_value_set(row, object, hf_slice_of(text), row->name, &origin, NULL),
                             edges[k].err);
        }
    }
}

static void every_number_has_its_edges(void **state)
{
    (void)state;
    check_edges(hf_config_shape());
}

static void the_table_is_sound(void **state)
{
    (void)state;
    check_shape(hf_config_shape(), 0);
}

static char *print(hf_err (*printer)(FILE *out))
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    assert_non_null(out);
    assert_int_equal(printer(out), HF_OK);
    (void)fclose(out);
    return text;
}

static void the_sample_is_a_valid_configuration_of_defaults(void **state)
{
    struct hf_config *sample, *defaults;
    struct hf_config_diff diff;
    char *text = print(hf_config_print_sample);

    (void)state;
    assert_int_equal(parse(text, NULL, NULL, &sample), HF_OK);
    assert_int_equal(parse("tenants: [{name: acme}]", NULL, NULL, &defaults), HF_OK);
    hf_config_reload_diff(sample, defaults, &diff);
    assert_int_equal(diff.count, 0);
    hf_config_free(sample);
    hf_config_free(defaults);
    free(text);
}

/* The files in the repository are what the program prints; `holdfast default-config > deploy/holdfast.yaml` mends. */
static void the_shipped_files_are_up_to_date(void **state)
{
    static const struct {
        const char *path;
        hf_err (*printer)(FILE *out);
    } rows[] = {{"deploy/holdfast.yaml", hf_config_print_sample},
                {"doc/configuration.md", hf_config_print_markdown}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char path[4096], *want = print(rows[i].printer), *have = calloc(1, strlen(want) + 2);
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/%s", HF_SOURCE_DIR, rows[i].path);
        file = fopen(path, "re");
        assert_non_null(file);
        (void)!fread(have, 1, strlen(want) + 1, file);
        assert_string_equal(have, want);
        (void)fclose(file);
        free(have);
        free(want);
    }
}

static void files_are_looked_at(void **state)
{
    static const char *const settings[] = {"tenants.0.name=acme", "tenants.0.jwt_keys.0.alg=HS256",
                                           "tenants.0.jwt_keys.0.secret_env=S"};
    static char *env[] = {(char *)"S=secret", NULL};
    struct hf_config *config;

    (void)state;
    assert_int_equal(
        hf_config_load("/does/not/exist.yaml", (struct hf_config_settings){0}, NULL, &config, &errors),
        HF_ERR_IO);
    assert_true(reported("cannot read /does/not/exist.yaml: No such file or directory"));
    assert_int_equal(hf_config_load(NULL, (struct hf_config_settings){settings, 3}, env, &config, &errors),
                     HF_OK);
    hf_config_free(config);
    assert_int_equal(hf_config_load(NULL, (struct hf_config_settings){settings, 3}, NULL, &config, &errors),
                     HF_ERR_INVALID);
    assert_true(reported("the environment variable S is not set"));
}

static void a_secret_that_others_can_read_is_refused(void **state)
{
    char path[] = "/tmp/holdfast_config_test_XXXXXX", set[128];
    const char *settings[] = {"tenants.0.name=acme", "tenants.0.jwt_keys.0.alg=HS256", set};
    struct hf_config *config;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)snprintf(set, sizeof(set), "tenants.0.jwt_keys.0.secret_file=%s", path);
    assert_int_equal(hf_config_load(NULL, (struct hf_config_settings){settings, 3}, NULL, &config, &errors),
                     HF_OK);
    hf_config_free(config);
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(hf_config_load(NULL, (struct hf_config_settings){settings, 3}, NULL, &config, &errors),
                     HF_ERR_INVALID);
    assert_true(reported("others can read the secret"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hf_config_load(NULL, (struct hf_config_settings){settings, 3}, NULL, &config, &errors),
                     HF_ERR_INVALID);
    assert_true(reported("there is no file"));
    (void)close(fd);
}

static void an_address_is_in_a_range_or_not(void **state)
{
    static const struct {
        const char *cidr;
        uint8_t address[16];
        size_t bytes;
        bool holds;
    } rows[] = {
        {"10.0.0.0/8", {10, 1, 2, 3}, 4, true},
        {"10.0.0.0/8", {11, 1, 2, 3}, 4, false},
        {"192.0.2.7", {192, 0, 2, 7}, 4, true},
        {"192.0.2.7", {192, 0, 2, 8}, 4, false},
        {"192.0.2.128/25", {192, 0, 2, 200}, 4, true},
        {"192.0.2.128/25", {192, 0, 2, 100}, 4, false},
        {"0.0.0.0/0", {1, 2, 3, 4}, 4, true},
        {"0.0.0.0/0", {0}, 16, false}, /* another family */
        {"::1", {[15] = 1}, 16, true},
        {"2001:db8::/33", {0x20, 1, 0x0d, 0xb8, 0x7f}, 16, true},
        {"2001:db8::/33", {0x20, 1, 0x0d, 0xb8, 0x80}, 16, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_config_cidr_holds(rows[i].cidr, rows[i].address, rows[i].bytes), rows[i].holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_requirements),
        cmocka_unit_test(every_mistake_is_named_with_its_place_and_its_fix),
        cmocka_unit_test(mistakes_of_tenants_are_named),
        cmocka_unit_test(several_mistakes_are_reported_at_once_up_to_a_limit),
        cmocka_unit_test(settings_go_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(a_mistyped_variable_is_found),
        cmocka_unit_test(tenants_inherit_what_they_do_not_set),
        cmocka_unit_test(a_reload_knows_what_needs_a_restart),
        cmocka_unit_test(an_address_is_in_a_range_or_not),
        cmocka_unit_test(a_long_list_is_compared),
        cmocka_unit_test(loopback_and_ranges),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(every_number_has_its_edges),
        cmocka_unit_test(the_sample_is_a_valid_configuration_of_defaults),
        cmocka_unit_test(the_shipped_files_are_up_to_date),
        cmocka_unit_test(files_are_looked_at),
        cmocka_unit_test(a_secret_that_others_can_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
