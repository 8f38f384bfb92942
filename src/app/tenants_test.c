/* Tenants and their rules: what a reload exchanges, what it keeps, and that one that fails changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/tenants.h"
#include "core/access.h"
#include "core/topic_map.h"

static char secret[] = "S=0123456789abcdef0123456789abcdef";
static char *const env[] = {secret, NULL};
static struct hf_config *configs[8];
static unsigned config_count;

static const struct hf_config *config_of(const char *yaml)
{
    static struct hf_config_errors errors;

    if (hf_config_parse("test", hf_slice_of(yaml), (struct hf_config_settings){0}, env,
                        &configs[config_count], &errors) != HF_OK)
        fail_msg("%s", errors.text[0]);
    return configs[config_count++];
}

static int done(void **state)
{
    (void)state;
    while (config_count > 0)
        hf_config_free(configs[--config_count]);
    return 0;
}

static const char base[] =
    "limits: {subscriptions_max: 7}\n"
    "session: {window_messages: 16, window_bytes: 4KiB, resume_ms: 1m, profile: adaptive}\n"
    "tenants: [{name: acme, default_topic: d, audience: gw, token_leeway_ms: 5s, connections_max: 3, "
    "telemetry: latest, message: sample, sample_every_ms: 5s, session_profile: ha, session_misses: 4,\n"
    "           topics: [{type: location_update, topic: location}, {type: hr, topic: a/hr}],\n"
    "           access: [{topics: 'ok/#'}], jwt_keys: [{kid: k1, alg: HS256, secret_env: S}]},\n"
    "          {name: old, session: off, jwt_keys: [{kid: k2, alg: HS256, secret_env: S}]}]\n";

static void rules_are_what_the_configuration_says(void **state)
{
    struct hf_tenants *tenants = hf_tenants_new();
    char error[HF_TENANTS_ERROR_BYTES];

    (void)state;
    assert_null(hf_tenants_set(tenants));
    assert_int_equal(hf_tenants_load(tenants, config_of(base), env, error, sizeof(error)), HF_OK);
    const struct hf_auth_set *set = hf_tenants_set(tenants);
    assert_int_equal(set->tenant_count, 2);
    assert_int_equal(set->generation, 1);
    assert_int_equal(set->tenants[0].policy.leeway_s, 5);
    assert_true(hf_slice_is(set->tenants[0].policy.audience, "gw"));
    assert_null(set->tenants[0].policy.issuer.at);
    assert_true(set->tenants[0].policy.device_required);
    const struct hf_tenant_rules *rules = atomic_load(&hf_tenants_find(tenants, HF_SLICE("acme"))->rules);
    assert_int_equal(rules->subscriptions_max, 7);
    assert_int_equal(rules->connections_max, 3);
    assert_int_equal(rules->heartbeat_interval_ms, 30000);
    assert_int_equal(rules->heartbeat_repeat_ms, 7500);
    assert_int_equal(rules->heartbeat_dead_ms, 60000);
    assert_int_equal(rules->policies[HF_CLASS_TELEMETRY], HF_POLICY_LATEST);
    assert_int_equal(rules->policies[HF_CLASS_MESSAGE], HF_POLICY_SAMPLE);
    assert_int_equal(rules->sample_every_ms, 5000);
    assert_int_equal(rules->policies[HF_CLASS_COMMAND], HF_POLICY_MUST_DELIVER);
    assert_true(hf_slice_is(rules->default_topic, "d"));
    assert_true(hf_slice_is(hf_topic_map_find(rules->topics, HF_SLICE("hr")), "a/hr"));
    assert_true(hf_access_allowed(rules->access, HF_SLICE("d1"), HF_SLICE("ok/1"), HF_ACCESS_UP));
    assert_false(hf_access_allowed(rules->access, HF_SLICE("d1"), HF_SLICE("no"), HF_ACCESS_UP));
    assert_true(rules->session.enabled);
    assert_int_equal(rules->session.profile, HF_PROFILE_HA);
    assert_int_equal(rules->session.window_messages, 16);
    assert_int_equal(rules->session.window_bytes, 4096);
    assert_int_equal(rules->session.resume_ms, 60000);
    for (unsigned i = HF_PROFILE_DEFAULT; i < HF_PROFILES; i++) {
        assert_int_equal(rules->session.beats[i].profile, i);
        assert_int_equal(rules->session.beats[i].k, 4);
        assert_int_equal(rules->session.beats[i].dead_ms, 60000);
    }
    rules = atomic_load(&hf_tenants_find(tenants, HF_SLICE("old"))->rules);
    assert_false(rules->session.enabled);
    assert_int_equal(rules->session.profile, HF_PROFILE_ADAPTIVE);
    assert_int_equal(rules->session.beats[HF_PROFILE_HA].k, 3);
    assert_null(rules->access);
    assert_true(hf_slice_is(rules->default_topic, "default"));
    hf_tenants_free(tenants);
}

static void reload_keeps_tenants_and_exchanges_rules(void **state)
{
    struct hf_tenants *tenants = hf_tenants_new();
    char error[HF_TENANTS_ERROR_BYTES];

    (void)state;
    assert_int_equal(hf_tenants_load(tenants, config_of(base), env, error, sizeof(error)), HF_OK);
    struct hf_tenant *acme = hf_tenants_find(tenants, HF_SLICE("acme")),
                     *old = hf_tenants_find(tenants, HF_SLICE("old"));
    const struct hf_tenant_rules *before = atomic_load(&acme->rules);
    const struct hf_auth_set *set = hf_tenants_set(tenants);
    atomic_store(&acme->connections, 2);
    assert_int_equal(
        hf_tenants_load(tenants,
                        config_of("tenants: [{name: new, jwt_keys: [{alg: HS256, secret_env: S}]},\n"
                                  "          {name: acme, connections_max: 9}]\n"),
                        env, error, sizeof(error)),
        HF_OK);
    assert_ptr_equal(hf_tenants_find(tenants, HF_SLICE("acme")), acme); /* devices point to it */
    assert_int_equal(atomic_load(&acme->connections), 2);
    assert_int_equal(atomic_load(&acme->rules)->connections_max, 9);
    assert_int_equal(before->connections_max, 3); /* who still looks at the old ones may */
    assert_ptr_equal(hf_tenants_find(tenants, HF_SLICE("old")),
                     old); /* left, but its messages still have an owner */
    assert_non_null(atomic_load(&old->rules));
    assert_non_null(hf_tenants_find(tenants, HF_SLICE("new")));
    assert_int_equal(hf_tenants_set(tenants)->generation, 2);
    assert_int_equal(set->generation, 1); /* a worker that has not asked yet */
    assert_int_equal(set->tenant_count, 2);
    hf_tenants_free(tenants);
}

static void load_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *yaml, *error;
    } rows[] = {
        {"tenants: [{name: fresh, jwt_keys: [{alg: HS256, secret_file: /does/not/exist}]}]\n",
         "/does/not/exist"},
        {"tenants: [{name: fresh, jwt_keys: [{alg: HS256, secret_env: S}]},\n"
         "          {name: more, jwt_keys: [{alg: HS256, secret_env: MISSING}]}]\n",
         "MISSING"},
    };
    struct hf_tenants *tenants = hf_tenants_new();
    char error[HF_TENANTS_ERROR_BYTES];

    (void)state;
    assert_int_equal(hf_tenants_load(tenants, config_of(base), env, error, sizeof(error)), HF_OK);
    const struct hf_auth_set *set = hf_tenants_set(tenants);
    const struct hf_tenant_rules *rules = atomic_load(&hf_tenants_find(tenants, HF_SLICE("acme"))->rules);
    for (size_t i = 0; i < 2; i++) {
        assert_int_not_equal(hf_tenants_load(tenants, config_of(rows[i].yaml), env, error, sizeof(error)),
                             HF_OK);
        if (strstr(error, rows[i].error) == NULL)
            fail_msg("%s", error);
        assert_ptr_equal(hf_tenants_set(tenants), set);
        assert_ptr_equal(atomic_load(&hf_tenants_find(tenants, HF_SLICE("acme"))->rules), rules);
        assert_null(hf_tenants_find(tenants, HF_SLICE("fresh"))); /* not even half a tenant */
    }
    hf_tenants_free(tenants);
}

static void bad_rule_names_tenant_and_place(void **state)
{
    struct hf_tenants *tenants = hf_tenants_new();
    char error[HF_TENANTS_ERROR_BYTES];

    (void)state;
    const struct hf_config *config =
        config_of("tenants: [{name: first, jwt_keys: [{kid: a, alg: HS256, secret_env: S}]},\n"
                  "          {name: acme, access: [{topics: ok}, {devices: abc}]}]\n");
    memcpy(config->tenants.at[1].access.at[1].devices, "a*b",
           3); /* the check of the configuration would say so itself */
    assert_int_equal(hf_tenants_load(tenants, config, env, error, sizeof(error)), HF_ERR_INVALID);
    assert_non_null(strstr(error, "tenants.acme.access.1"));
    assert_null(hf_tenants_set(tenants));
    assert_null(hf_tenants_find(tenants, HF_SLICE("first"))); /* had been built already, and has no rules */
    hf_tenants_free(tenants);
    hf_tenants_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(rules_are_what_the_configuration_says, done),
        cmocka_unit_test_teardown(reload_keeps_tenants_and_exchanges_rules, done),
        cmocka_unit_test_teardown(load_that_fails_changes_nothing, done),
        cmocka_unit_test_teardown(bad_rule_names_tenant_and_place, done),
    };
    return cmocka_run_group_tests_name("tenants", tests, NULL, NULL);
}
