/* codec/jwt/token_cache_test.c - cached tokens, API keys, and when a key set is fetched again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/jwt/api_key.h"
#include "codec/jwt/refresh.h"
#include "codec/jwt/token_cache.h"

#define NOW 1700000000ULL

static char scratch[HF_JWT_SCRATCH_BYTES], error[128];
static const struct hf_jwt_policy policy = {.leeway_s = 10};

static struct hf_jwt_keys *keys_new(void)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();

    assert_int_equal(hf_jwt_keys_add_secret(keys, HF_SLICE("k"), (struct hf_slice){NULL, 0},
                                            HF_SLICE("0123456789abcdef0123456789abcdef"), error,
                                            sizeof(error)),
                     HF_OK);
    return keys;
}

static struct hf_slice token(struct hf_jwt_keys *keys, const char *device, uint64_t expires_s)
{
    static char text[HF_JWT_TOKEN_BYTES_MAX + 1];
    struct hf_jwt_claims claims = {.tenant = HF_SLICE("acme"),
                                   .device = hf_slice_of(device),
                                   .scopes = {HF_SLICE("read"), HF_SLICE("write")},
                                   .scope_count = 2,
                                   .expires_s = expires_s};
    size_t bytes = 0;

    assert_int_equal(
        hf_jwt_sign(keys, HF_SLICE("k"), &claims, (struct hf_slice){NULL, 0}, text, sizeof(text), &bytes),
        HF_OK);
    return (struct hf_slice){text, bytes};
}

static enum hf_jwt_error show(struct hf_token_cache *cache, uint64_t generation, struct hf_jwt_keys *keys,
                              struct hf_slice text, uint64_t now_s, const char *device)
{
    struct hf_jwt_claims claims;

    memset(scratch, '#', sizeof(scratch));
    enum hf_jwt_error got = hf_token_cache_verify(cache, generation, keys, &policy, text, now_s, scratch,
                                                  sizeof(scratch), &claims);

    if (got == HF_JWT_OK) {
        assert_true(hf_slice_is(claims.tenant, "acme"));
        assert_true(hf_slice_is(claims.device, device));
        assert_true(hf_slice_is(claims.key_id, "k"));
        assert_int_equal(claims.scope_count, 2);
        assert_true(hf_jwt_has_scope(&claims, HF_SLICE("write")));
        assert_null(claims.issuer.at);
    }
    return got;
}

static void a_token_is_verified_once_and_dies_in_time(void **state)
{
    struct hf_jwt_keys *keys = keys_new();
    struct hf_token_cache *cache = hf_token_cache_new(0);
    struct hf_token_cache_stats stats;
    struct hf_slice text = token(keys, "d", NOW + 60);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(show(cache, 1, keys, text, NOW + (uint64_t)i, "d"), HF_JWT_OK);
    hf_token_cache_stats(cache, &stats);
    assert_int_equal(stats.hits_total, 4);
    assert_int_equal(stats.misses_total, 1);
    assert_int_equal(stats.entries_max, HF_TOKEN_CACHE_ENTRIES_DEFAULT);
    assert_int_equal(show(cache, 1, keys, text, NOW + 69, "d"), HF_JWT_OK);
    assert_int_equal(show(cache, 1, keys, text, NOW + 70, "d"), HF_JWT_EXPIRED);
    hf_token_cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 0);
    hf_token_cache_free(cache);
    hf_jwt_keys_free(keys);
}

static void a_new_key_set_forgets_all(void **state)
{
    struct hf_jwt_keys *keys = keys_new(), *none = hf_jwt_keys_new();
    struct hf_token_cache *cache = hf_token_cache_new(8);
    struct hf_token_cache_stats stats;
    struct hf_slice text = token(keys, "d", NOW + 60);

    (void)state;
    assert_int_equal(show(cache, 1, keys, text, NOW, "d"), HF_JWT_OK);
    assert_int_equal(show(cache, 2, none, text, NOW, "d"), HF_JWT_KEY_UNKNOWN);
    assert_int_equal(show(cache, 3, keys, text, NOW, "d"), HF_JWT_OK);
    hf_token_cache_clear(cache);
    hf_token_cache_stats(cache, &stats);
    assert_int_equal(stats.dropped_total, 2);
    assert_int_equal(stats.hits_total, 0);
    hf_token_cache_free(cache);
    hf_jwt_keys_free(keys);
    hf_jwt_keys_free(none);
}

static void the_bound_holds_and_the_least_used_goes(void **state)
{
    struct hf_jwt_keys *keys = keys_new();
    struct hf_token_cache *cache = hf_token_cache_new(3);
    struct hf_token_cache_stats stats;
    static const char *const order[] = {"a", "b", "c", "a", "d", "a", "b"}; /* d drives out b, b then c */

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(order); i++)
        assert_int_equal(show(cache, 1, keys, token(keys, order[i], NOW + 60), NOW, order[i]), HF_JWT_OK);
    hf_token_cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 3);
    assert_int_equal(stats.hits_total, 2);
    assert_int_equal(stats.evicted_total, 2);
    assert_int_equal(show(cache, 1, keys, HF_SLICE("a.b.c"), NOW, ""), HF_JWT_MALFORMED);
    assert_int_equal(show(cache, 1, keys, HF_SLICE(""), NOW, ""), HF_JWT_MALFORMED);
    hf_token_cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 3); /* refusals are not remembered */
    assert_null(hf_token_cache_new(HF_TOKEN_CACHE_ENTRIES_MAX + 1));
    hf_token_cache_free(cache);
    hf_token_cache_free(NULL);
    hf_jwt_keys_free(keys);
}

static void api_keys_have_one_form(void **state)
{
    uint8_t random[HF_API_KEY_RANDOM_BYTES], hash[HF_API_KEY_HASH_BYTES];
    char text[HF_API_KEY_TEXT_BYTES_MAX], wrong[HF_API_KEY_TEXT_BYTES_MAX];
    static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf,
                                  0x8f, 0x01, 0xcf, 0xea}; /* SHA-256("abc"), FIPS 180-2 B.1 */
    struct hf_slice id;

    (void)state;
    hf_api_key_hash(HF_SLICE("abc"), hash);
    assert_memory_equal(hash, abc, sizeof(abc));
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)(i * 37);
    hf_api_key_generate(random, text, hash);
    assert_int_equal(hf_api_key_parse(hf_slice_of(text), &id), HF_OK);
    assert_int_equal(id.bytes, HF_API_KEY_ID_BYTES);
    assert_ptr_equal(id.at, text + 4);
    assert_true(hf_api_key_verify(hf_slice_of(text), hash));
    assert_false(hf_api_key_verify(hf_slice_of(text), NULL));
    for (size_t i = 0; i < strlen(text); i++) {
        strcpy(wrong, text);
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        assert_false(hf_api_key_verify(hf_slice_of(wrong), hash));
    }
    static const char *const malformed[] = {
        "",
        "hfk_",
        "hfk_12345678_",
        "hfk_1234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* id too short */
        "hfk_12345678_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", /* unused bits: two spellings of one secret */
        "hfk_1234567!_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "hfx_12345678_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "hfk_12345678-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "hfk_123456789012345678901234567890123_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < HF_COUNT_OF(malformed); i++)
        if (hf_api_key_parse(hf_slice_of(malformed[i]), &id) != HF_ERR_MALFORMED)
            fail_msg("%s", malformed[i]);
    assert_int_equal(
        hf_api_key_parse(HF_SLICE("hfk_12345678_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &id), HF_OK);
}

static void made_up_kids_cause_one_fetch_in_half_a_minute(void **state)
{
    struct hf_jwks_refresh refresh;

    (void)state;
    hf_jwks_refresh_init(&refresh);
    assert_true(hf_jwks_refresh_due(&refresh, 0));  /* the first one, also at time zero */
    assert_false(hf_jwks_refresh_due(&refresh, 1)); /* one at a time */
    assert_false(hf_jwks_refresh_unknown_kid(&refresh, 40000));
    hf_jwks_refresh_done(&refresh, 50000, true);
    assert_false(hf_jwks_refresh_due(&refresh, 50000 + HF_JWKS_FRESH_MS - 1));
    assert_true(hf_jwks_refresh_unknown_kid(&refresh, 50000));
    hf_jwks_refresh_done(&refresh, 50100, true);
    for (uint64_t now_ms = 50100; now_ms < 50000 + HF_JWKS_UNKNOWN_KID_MS; now_ms += 100)
        assert_false(hf_jwks_refresh_unknown_kid(&refresh, now_ms));
    assert_int_equal(refresh.unknown_kid_refused_total, 1 + 299);
    assert_true(hf_jwks_refresh_unknown_kid(&refresh, 50000 + HF_JWKS_UNKNOWN_KID_MS));
    hf_jwks_refresh_done(&refresh, 90000, false); /* failed: again in 30 s */
    assert_false(hf_jwks_refresh_due(&refresh, 90000 + HF_JWKS_RETRY_MS - 1));
    assert_true(hf_jwks_refresh_due(&refresh, 90000 + HF_JWKS_RETRY_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_verified_once_and_dies_in_time),
        cmocka_unit_test(a_new_key_set_forgets_all),
        cmocka_unit_test(the_bound_holds_and_the_least_used_goes),
        cmocka_unit_test(api_keys_have_one_form),
        cmocka_unit_test(made_up_kids_cause_one_fetch_in_half_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
