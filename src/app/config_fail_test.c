/* MEM-5 for the configuration: whichever allocation fails, loading ends with HF_ERR_NOMEM and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/config.h"
#include "base/assert.h"
#include "support/alloc_fail.h"

static hf_err scenario(void *context)
{
    static const char yaml[] =
        "node: {name: n, data_dir: /d}\n"
        "listeners: [{name: a, proxy_protocol: v1v2, proxy_allow: [10.0.0.0/8, '::1']}]\n"
        "websocket: {origins: [https://a.example, https://b.example]}\n"
        "tenants: [{name: x, jwt_keys: [{kid: k, public_key_file: f}], topics: "
        "[{type: t, topic: u}]}, {name: y}]\n";
    static const char *const setting[] = {"listeners.1.name=b", "listeners.1.port=0"};
    static char *env[] = {(char *)"HOLDFAST_NODE_NAME=m", (char *)"HOLDFAST_API_CORS_ORIGINS=*", NULL};
    static struct hf_config_errors errors;
    struct hf_config *config = NULL;
    hf_err err;

    (void)context;
    err = hf_config_parse("test", hf_slice_of(yaml), (struct hf_config_settings){setting, 2}, env, &config,
                          &errors);
    HF_ASSERT(err == HF_OK || err == HF_ERR_NOMEM);
    HF_ASSERT(errors.error_count == 0);
    if (err == HF_OK)
        hf_config_free(config);
    return err;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(scenario, NULL, 1000) > 20);
}

/* A comparison needs memory only to be fast. */
static hf_err comparison(void *context)
{
    const struct hf_config *const *configs = context;
    struct hf_config_diff diff;

    hf_config_reload_diff(configs[0], configs[1], &diff);
    HF_ASSERT(diff.count == 2 && strcmp(diff.at[0].path, "tenants.x") == 0 &&
              strcmp(diff.at[1].path, "tenants.z") == 0);
    return HF_OK;
}

static void a_comparison_needs_none(void **state)
{
    static const char *const yaml[] = {"tenants: [{name: x}, {name: y}]", "tenants: [{name: y}, {name: z}]"};
    static struct hf_config_errors errors;
    struct hf_config *configs[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(hf_config_parse("test", hf_slice_of(yaml[i]), (struct hf_config_settings){NULL, 0},
                                         NULL, &configs[i], &errors),
                         HF_OK);
    (void)hf_alloc_fail_each(comparison, configs, 1000);
    hf_config_free(configs[0]);
    hf_config_free(configs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail),
                                       cmocka_unit_test(a_comparison_needs_none)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
