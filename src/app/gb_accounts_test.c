/* The section gb28181: what is wrong with one, what becomes of it, and who may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/gb_accounts.h"
#include "app/gb_config.h"
#include "base/assert.h"

#define TENANT "tenants: [{name: acme}]\n"
#define DOMAIN "enabled: true, server_id: '34020000002000000001', listeners: [{port: 5060}]"
#define CAM    "34020000001320000001"

#define ABOVE(more) DOMAIN ", password_env: P, upstreams: [{name: city, " more "}]"
#define THEM        "address: 192.0.2.1, server_id: '34010000002000000001'"

static char domain_password[] = "P= \tsecret one\r\n", own_password[] = "Q=own", empty_password[] = "E= \n";
static char *const env[] = {domain_password, own_password, empty_password, NULL};
static struct hf_config_errors errors;

static hf_err parse(const char *section, struct hf_config **ret_config)
{
    char yaml[2048];

    (void)snprintf(yaml, sizeof(yaml), TENANT "gb28181: {%s}\n", section);
    return hf_config_parse("test", hf_slice_of(yaml), (struct hf_config_settings){0}, NULL, ret_config,
                           &errors);
}

static bool said(const char *text)
{
    for (size_t i = 0; i < errors.count; i++)
        if (!errors.warning[i] && strstr(errors.text[i], text) != NULL)
            return true;
    return false;
}

static void every_mistake_names_its_option_and_the_fix(void **state)
{
    static const struct {
        const char *section, *said;
    } rows[] = {
        {"enabled: true, server_id: '34020000002000000001', password_env: P", "listeners is empty; add one"},
        {"enabled: true, listeners: [{port: 5060}], password_env: P", "server_id is missing"},
        {"enabled: true, listeners: [{port: 5060}], password_env: P, server_id: '3402000000200000000'",
         "server_id '3402000000200000000' is not 20 digits"},
        {DOMAIN, "no password and no devices"},
        {ABOVE("address: 192.0.2.1"), "upstreams.city.server_id is missing"},
        {ABOVE("address: 192.0.2.1, server_id: '34'"), "upstreams.city.server_id '34' is not 20 digits"},
        {ABOVE("address: 192.0.2.1, server_id: '34020000002000000001'"), "is our own gb28181.server_id"},
        {ABOVE(THEM) ", devices: [{id: '34010000002000000001', open: true}]", "cannot be above and below"},
        {DOMAIN ", password_env: P, upstreams: [{name: 'ci\"ty', " THEM "}]",
         "the name 'ci\"ty' has other characters"}, /* it is the value of a label on /metrics as it is */
        {ABOVE("server_id: '34010000002000000001', address: city"),
         "upstreams.city.address 'city' is no numeric address"},
        {ABOVE(THEM ", device_id: '3'"), "upstreams.city.device_id '3'"},
        {ABOVE(THEM ", domain: 'a b'"), "upstreams.city.domain 'a b'"},
        {ABOVE(THEM ", username: 'a b'"), "upstreams.city.username has blanks"},
        {ABOVE(THEM ", external_port: 1"),
         "upstreams.city.external_port has no effect without external_host"},
        {ABOVE(THEM ", external_host: x"), "upstreams.city.external_host 'x'"},
        {ABOVE(THEM ", local_address: x"), "upstreams.city.local_address 'x'"},
        {ABOVE(THEM ", local_port: 5060"), "upstreams.city.local_port is that of gb28181.listeners"},
        {ABOVE("server_id: '34010000002000000001', address: 127.0.0.1"),
         "we would be our own upper platform"},
        {ABOVE(THEM ", password_file: a, password_env: b"),
         "upstreams.city needs at most one of password_file"},
        {ABOVE(THEM ", devices: ['34x*']"), "upstreams.city.devices: '34x*' is no id"},
        {ABOVE(THEM ", ids: [{id: '34x', device: '34020000001320000001'}]"),
         "upstreams.city.ids: the id '34x'"},
        {ABOVE(THEM
               ", ids: [{id: '34', device: '340200000013200000'}, {id: '34', device: '340200000013200000'}]"),
         "upstreams.city.ids: the id '34' stands twice"},
        {ABOVE(THEM "}, {name: city, " THEM), "the name 'city' stands twice"},
        {ABOVE(THEM ", local_port: 7000}, {name: b, local_port: 7000, " THEM),
         "upstreams.city and b both want local_port 7000"},
        {DOMAIN ", password_env: P, password_file: x", "password_file and password_env, not both"},
        {DOMAIN ", password_env: P, realm: 'a b'", "realm 'a b' has other characters"},
        {DOMAIN ", password_env: P, tenant: nobody", "tenant names 'nobody'"},
        {DOMAIN ", password_env: P, zone: '+15:00'", "zone '+15:00' is no zone"},
        {DOMAIN ", password_env: P, zone: 'Peking'", "zone 'Peking' is no zone"},
        {DOMAIN ", password_env: P, external_host: camera.example.com", "external_host 'camera.example.com'"},
        {DOMAIN ", password_env: P, redirect_host: 127.0.0.1",
         "redirect_host and redirect_port are listener 'sip' of this gateway"},
        {DOMAIN ", password_env: P, external_port: 5061", "no effect without external_host"},
        {DOMAIN ", password_env: P, expires_default_ms: 2h, expires_max_ms: 1h",
         "expires_default_ms must be"},
        {DOMAIN ", password_env: P, alg: inherit", "inherit is for devices"},
        {DOMAIN ", password_env: P, quirks: [{name: a, keepalive_ms: 1s}]",
         "quirks.a.keepalive_ms is below 5s"},
        {DOMAIN ", password_env: P, quirks: [{name: a, devices: camera}]",
         "quirks.a.devices 'camera' is no id"},
        {DOMAIN ", password_env: P, quirks: [{name: a, devices: '34*00'}]", "devices '34*00' is no id"},
        {DOMAIN ", password_env: P, quirks: [{name: a}, {name: a}]", "the name 'a' stands twice"},
        {DOMAIN ", password_env: P, quirks: [{user_agent: x}]", "name"},
        {DOMAIN ", password_env: P, quirks: [{name: a, charset: latin1}]", "charset"},
        {DOMAIN ", devices: [{id: '" CAM "'}]", "has no password and neither has the domain"},
        {DOMAIN ", password_env: P, devices: [{id: '3402000000132000000x'}]", "18 to 20 digits"},
        {DOMAIN ", password_env: P, devices: [{id: '" CAM "'}, {id: '" CAM "'}]", "stands twice"},
        {DOMAIN ", password_env: P, devices: [{id: '" CAM "', open: true, password_env: Q}]",
         "at most one of"},
        {DOMAIN ", password_env: P, devices: [{id: '" CAM "', ha1: abc}]",
         "ha1 is not 32 hexadecimal digits"},
        {DOMAIN ", password_env: P, alg: SM3, devices: [{id: '" CAM
                "', ha1: '00000000000000000000000000000000'}]",
         "ha1 is not 64 hexadecimal digits"},
        {DOMAIN ", password_env: P, devices: [{id: '" CAM "', keepalive_ms: 1s}]",
         "keepalive_ms is below 5s"},
        {"enabled: true, server_id: '34020000002000000001', password_env: P, listeners: [{address: host}]",
         "is no numeric address"},
        {"enabled: true, server_id: '34020000002000000001', password_env: P, listeners: [{port: 1}, {port: "
         "2}]",
         "the name 'sip' stands twice"},
        {"enabled: true, server_id: '34020000002000000001', password_env: P, listeners: [{port: 1}, {name: "
         "b, port: 1}]",
         "both want 127.0.0.1 port 1"},
        {"enabled: true, server_id: '34020000002000000001', password_env: P, listeners: [{port: 8080}]",
         "both want TCP 127.0.0.1 port 8080"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_config *config = NULL;
        hf_err err = parse(rows[i].section, &config);

        assert_int_equal(err, HF_ERR_INVALID);
        if (!said(rows[i].said))
            fail_msg("%s: said '%s', not '%s'", rows[i].section,
                     errors.count > 0 ? errors.text[0] : "nothing", rows[i].said);
    }
}

static void an_unusual_realm_is_only_remarked_on(void **state)
{
    struct hf_config *config;

    (void)state;
    assert_int_equal(parse(DOMAIN ", password_env: P, realm: '4402000000'", &config), HF_OK);
    assert_non_null(strstr(errors.text[0], "realm '4402000000' is not the first 10 digits"));
    assert_true(errors.warning[0] && hf_slice_is(hf_gb_realm(config), "4402000000"));
    hf_config_free(config);
}

static void a_section_that_is_off_is_not_looked_at(void **state)
{
    struct hf_config *config;

    (void)state;
    assert_int_equal(parse("server_id: nonsense", &config), HF_OK);
    hf_config_free(config);
}

static void limits_are_what_the_configuration_says(void **state)
{
    static const struct {
        const char *zone;
        int minutes;
    } zones[] = {
        {"+08:00", 480}, {"+00:00", HF_GB_ZONE_UTC}, {"-12:00", -720}, {"+14:00", 840}, {"-03:30", -210}};
    struct hf_config *config;
    struct hf_gb_limits limits;
    char section[256];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(zones); i++) {
        (void)snprintf(section, sizeof(section), DOMAIN ", password_env: P, zone: '%s', date: false",
                       zones[i].zone);
        assert_int_equal(parse(section, &config), HF_OK);
        hf_gb_limits_of(config, &limits);
        assert_int_equal(limits.zone_minutes, zones[i].minutes);
        assert_true(limits.no_date);
        assert_int_equal(limits.expires_default_s, HF_GB_EXPIRES_DEFAULT_S);
        assert_int_equal(limits.expires_max_s, HF_GB_EXPIRES_MAX_S);
        assert_int_equal(limits.list_wait_ms, HF_GB_LIST_WAIT_MS);
        assert_int_equal(limits.refusals.per_second, HF_GB_REFUSALS_PER_SECOND);
        assert_true(hf_slice_is(hf_gb_realm(config), "3402000000"));
        assert_true(hf_slice_is(hf_gb_tenant(config), "acme"));
        hf_config_free(config);
    }
}

static hf_err accounts_of(const char *section, struct hf_config **ret_config,
                          struct hf_gb_accounts **ret_accounts, char error[256])
{
    assert_int_equal(parse(section, ret_config), HF_OK);
    return hf_gb_accounts_new(*ret_config, env, ret_accounts, error, 256);
}

static void who_may_come_and_with_what(void **state)
{
    struct hf_gb_accounts *accounts = NULL;
    struct hf_gb_account account;
    struct hf_config *config;
    char error[256];

    (void)state;
    assert_int_equal(
        accounts_of(
            DOMAIN
            ", password_env: P, alg: SHA-256, devices: ["
            "{id: '34020000001320000003', allow: false},"
            "{id: '34020000001320000002', password_env: Q, alg: MD5, keepalive_ms: 30s, edition: '2022',"
            " charset: UTF-8, no_qop: true, date: false},"
            "{id: '34020000001320000001', ha1: "
            "'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'},"
            "{id: '34020000001320000004', open: true}]",
            &config, &accounts, error),
        HF_OK);
    /* Of the domain: white space at its ends is not part of it. */
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320009999"), &account), HF_OK);
    assert_true(hf_slice_is(account.password, "secret one"));
    assert_int_equal(account.alg, HF_SIP_SHA256);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320000001"), &account), HF_OK);
    assert_int_equal(account.ha1.bytes, 64);
    assert_int_equal(account.password.bytes, 0);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320000002"), &account), HF_OK);
    assert_true(hf_slice_is(account.password, "own"));
    assert_int_equal(account.alg, HF_SIP_MD5);
    assert_int_equal(account.version, 30);
    assert_int_equal(account.charset, HF_TEXT_UTF8);
    assert_int_equal(account.keepalive_ms, 30000);
    assert_true(account.no_qop && account.no_date && !account.open);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320000003"), &account),
                     HF_ERR_DENIED);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320000004"), &account), HF_OK);
    assert_true(account.open && account.password.bytes == 0);
    /* The begin of an id that is there is another device. */
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("340200000013200000"), &account), HF_OK);
    assert_true(hf_slice_is(account.password, "secret one"));
    hf_gb_accounts_free(accounts);
    hf_config_free(config);

    assert_int_equal(
        accounts_of(DOMAIN ", devices: [{id: '" CAM "', password_env: Q}]", &config, &accounts, error),
        HF_OK);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE("34020000001320000002"), &account),
                     HF_ERR_NOT_FOUND);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE(""), &account), HF_ERR_NOT_FOUND);
    hf_gb_accounts_free(accounts);
    hf_config_free(config);
}

static void a_password_that_is_none_is_named(void **state)
{
    static const struct {
        const char *section, *said;
        hf_err err;
    } rows[] = {
        {DOMAIN ", password_env: NOT_SET", "gb28181: the environment variable NOT_SET is not set",
         HF_ERR_NOT_FOUND},
        {DOMAIN ", password_env: E", "gb28181: E holds no password", HF_ERR_INVALID},
        {DOMAIN ", password_file: /nowhere/p", "gb28181: cannot read /nowhere/p", HF_ERR_IO},
        {DOMAIN ", password_env: P, devices: [{id: '" CAM "', password_env: E}]",
         "devices." CAM ": E holds no", HF_ERR_INVALID},
    };
    char path[] = "/tmp/hf_gb_accounts_XXXXXX", section[256], error[256], text[HF_GB_PASSWORD_BYTES_MAX + 1];
    struct hf_gb_accounts *accounts = NULL;
    struct hf_config *config;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(accounts_of(rows[i].section, &config, &accounts, error), rows[i].err);
        assert_non_null(strstr(error, rows[i].said));
        hf_config_free(config);
    }
    int fd = mkstemp(path);
    memset(text, 'x', sizeof(text));
    for (size_t bytes = HF_GB_PASSWORD_BYTES_MAX; bytes <= HF_GB_PASSWORD_BYTES_MAX + 1; bytes++) {
        assert_int_equal(pwrite(fd, text, bytes, 0), bytes);
        (void)snprintf(section, sizeof(section), DOMAIN ", password_file: '%s'", path);
        hf_err err = accounts_of(section, &config, &accounts, error);
        assert_int_equal(err, bytes > HF_GB_PASSWORD_BYTES_MAX ? HF_ERR_INVALID : HF_OK);
        if (err == HF_OK)
            hf_gb_accounts_free(accounts);
        hf_config_free(config);
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
}

static void patterns_fit(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } rows[] = {
        {"*", "", true},          {"*", "anything", true},  {"**", "anything", true},
        {"NVR*", "nvr 7", true},  {"NVR*", "NVR", true},    {"NVR*", "an NVR", false},
        {"*NVR", "an nvr", true}, {"*NVR", "NVR 7", false}, {"*nvr*", "an NVR 7", true},
        {"*nvr*", "NV", false},   {"NVR", "NVR", true},     {"NVR", "NVR 7", false},
        {"NVR", "", false},       {"NVR*", "NV", false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_gb_quirk_fits(rows[i].pattern, hf_slice_of(rows[i].text)) != rows[i].fits)
            fail_msg("%s and %s", rows[i].pattern, rows[i].text);
    assert_true(hf_gb_quirk_fits("*", (struct hf_slice){NULL, 0}));
    assert_false(hf_gb_quirk_fits("x*", (struct hf_slice){NULL, 0}));
}

/* The first profile that fits; and a device's own row comes before it. */
static void quirks_fill_what_nobody_said(void **state)
{
    struct hf_config *config = NULL;
    struct hf_gb_accounts *accounts = NULL;
    struct hf_gb_account account;
    char error[256];

    (void)state;
    assert_int_equal(
        parse(DOMAIN
              ", password_env: P, devices: [{id: '" CAM
              "', charset: UTF-8, keepalive_ms: 20s}], quirks: [{name: old, user_agent: 'NVR*', no_qop: "
              "true, date: false, charset: GB18030, keepalive_ms: 30s, keepalive_count: 5, edition: '2022'}, "
              "{name: rest, devices: '3402*', keepalive_count: 7}]",
              &config),
        HF_OK);
    assert_int_equal(hf_gb_accounts_new(config, env, &accounts, error, sizeof(error)), HF_OK);
    assert_int_equal(hf_gb_accounts_find(accounts, HF_SLICE(CAM), &account), HF_OK);
    assert_string_equal(hf_gb_accounts_quirk(accounts, HF_SLICE(CAM), HF_SLICE("nvr/2.1"), &account), "old");
    assert_true(account.no_qop && account.no_date);
    assert_int_equal(account.charset, HF_TEXT_UTF8);
    assert_int_equal(account.version, 30);
    assert_int_equal(account.keepalive_ms, 20000);
    assert_int_equal(account.keepalive_count, 5);
    struct hf_slice other = HF_SLICE("34020000001320000002");
    assert_int_equal(hf_gb_accounts_find(accounts, other, &account), HF_OK);
    assert_string_equal(hf_gb_accounts_quirk(accounts, other, (struct hf_slice){NULL, 0}, &account), "rest");
    assert_false(account.no_qop || account.no_date);
    assert_int_equal(account.keepalive_count, 7);
    assert_null(hf_gb_accounts_quirk(accounts, HF_SLICE("44020000001320000002"), HF_SLICE("IPC"), &account));
    hf_gb_accounts_free(accounts);
    hf_config_free(config);
}

static void passwords_at_platforms_above(void **state)
{
    struct hf_config *config, *other;
    struct hf_gb_accounts *accounts = NULL;
    char error[512];

    (void)state;
    assert_int_equal(parse(&ABOVE(THEM ", password_env: Q}, {name: b, " THEM)[0], &config), HF_OK);
    assert_int_equal(hf_gb_accounts_new(config, env, &accounts, error, sizeof(error)), HF_OK);
    assert_string_equal(hf_gb_accounts_upstream(accounts, "city"), "own");
    assert_null(hf_gb_accounts_upstream(accounts, "b"));
    assert_null(hf_gb_accounts_upstream(accounts, "c"));
    assert_null(hf_gb_accounts_upstream(NULL, "city"));
    assert_false(
        hf_config_gb_upstream_same(&config->gb28181.upstreams.at[0], &config->gb28181.upstreams.at[1]));
    assert_int_equal(
        parse(&ABOVE(THEM ", password_env: Q}, {name: b, " THEM ", devices: ['34*']")[0], &other), HF_OK);
    assert_true(
        hf_config_gb_upstream_same(&config->gb28181.upstreams.at[0], &other->gb28181.upstreams.at[0]));
    assert_false(
        hf_config_gb_upstream_same(&config->gb28181.upstreams.at[1], &other->gb28181.upstreams.at[1]));
    hf_gb_accounts_free(accounts);
    hf_config_free(config);
    hf_config_free(other);
    assert_int_equal(parse(&ABOVE(THEM ", password_env: E")[0], &config), HF_OK);
    assert_int_equal(hf_gb_accounts_new(config, env, &accounts, error, sizeof(error)), HF_ERR_INVALID);
    assert_string_equal(error, "gb28181.upstreams.city: E holds no password");
    hf_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_fit),
        cmocka_unit_test(quirks_fill_what_nobody_said),
        cmocka_unit_test(every_mistake_names_its_option_and_the_fix),
        cmocka_unit_test(an_unusual_realm_is_only_remarked_on),
        cmocka_unit_test(a_section_that_is_off_is_not_looked_at),
        cmocka_unit_test(limits_are_what_the_configuration_says),
        cmocka_unit_test(who_may_come_and_with_what),
        cmocka_unit_test(a_password_that_is_none_is_named),
        cmocka_unit_test(passwords_at_platforms_above),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
