/* MEM-5 for the configuration: whichever allocation fails, loading ends with HF_ERR_NOMEM and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
