/* codec/jwt/jwt_fail_test.c - any allocation of ours may fail: keys are not added, tokens just not remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/jwt/token_cache.h"
#include "support/alloc_fail.h"

static hf_err use_tokens(void *context)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();
    struct hf_token_cache *cache = hf_token_cache_new(2);
    struct hf_jwt_claims claims = {.device = HF_SLICE("d"), .expires_s = 2000};
    const struct hf_jwt_policy policy = {.leeway_s = 0};
    char error[128], token[512], scratch[HF_JWT_SCRATCH_BYTES];
    size_t bytes = 0;
    hf_err err = keys == NULL || cache == NULL ? HF_ERR_NOMEM : HF_OK;

    (void)context;
    if (err == HF_OK)
        err = hf_jwt_keys_add_secret(keys, HF_SLICE("k"), HF_SLICE("acme"),
                                     HF_SLICE("0123456789abcdef0123456789abcdef"), error, sizeof(error));
    if (err == HF_OK)
        err = hf_jwt_sign(keys, HF_SLICE("k"), &claims, (struct hf_slice){NULL, 0}, token, sizeof(token),
                          &bytes);
    for (int i = 0; err == HF_OK && i < 3; i++) /* a cache without memory costs time, never an answer */
        HF_ASSERT(hf_token_cache_verify(cache, 1, keys, &policy, (struct hf_slice){token, bytes}, 1000,
                                        scratch, sizeof(scratch), &claims) == HF_JWT_OK);
    hf_token_cache_free(cache);
    hf_jwt_keys_free(keys);
    return err;
}

static void tokens_survive_any_failed_allocation(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(use_tokens, NULL, 50) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_survive_any_failed_allocation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
