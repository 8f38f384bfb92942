/* codec/jwt/jwt_fuzz.c - input is either a token as it comes (first byte even) or header and payload that a key of ours
 * signs (odd), so that the claims' parser is reached. Properties: a token that nobody signed is never accepted; what is
 * accepted has a tenant, an expiry and slices inside the scratch; and the cache answers as the verifier does. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "codec/jwt/token_cache.h"

#define NOW 1700000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static struct hf_jwt_keys *keys;

static void keys_make(void)
{
    char error[128];

    if (keys != NULL)
        return;
    keys = hf_jwt_keys_new();
    hf_err err = hf_jwt_keys_add_secret(keys, HF_SLICE("k"), HF_SLICE("acme"),
                                        HF_SLICE("0123456789abcdef0123456789abcdef"), error, sizeof(error));
    HF_ASSERT(err == HF_OK);
}

static void check_inside(struct hf_slice slice, const char *from, size_t bytes)
{
    HF_ASSERT(slice.at == NULL || (slice.at >= from && slice.at + slice.bytes <= from + bytes));
}

/* Cuts data at its first zero byte into header and payload, and signs them. */
static struct hf_slice sign(const uint8_t *data, size_t data_bytes, char *out, size_t out_bytes)
{
    const uint8_t *zero = memchr(data, 0, data_bytes);
    size_t header_bytes = zero == NULL ? data_bytes : (size_t)(zero - data), at = 0, bytes = 0;
    uint8_t signature[64];
    static const char header[] = "{\"alg\":\"HS256\",\"kid\":\"k\"}";
    bool own = header_bytes > 0;

    if (hf_base64url_encode(own ? (const void *)data : header, own ? header_bytes : sizeof(header) - 1, out,
                            out_bytes, &bytes) != HF_OK)
        return (struct hf_slice){NULL, 0};
    at = bytes;
    if (at == out_bytes)
        return (struct hf_slice){NULL, 0};
    out[at++] = '.';
    if (zero != NULL && hf_base64url_encode(zero + 1, data_bytes - header_bytes - 1, out + at, out_bytes - at,
                                            &bytes) == HF_OK)
        at += bytes;
    if (hf_jwt_key_sign(hf_jwt_keys_find(keys, HF_SLICE("k")), (struct hf_slice){out, at}, signature,
                        &bytes) != HF_OK ||
        at == out_bytes)
        return (struct hf_slice){NULL, 0};
    out[at++] = '.';
    if (hf_base64url_encode(signature, bytes, out + at, out_bytes - at, &bytes) != HF_OK)
        return (struct hf_slice){NULL, 0};
    return (struct hf_slice){out, at + bytes};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static char token_text[8192];
    char *scratch = malloc(HF_JWT_SCRATCH_BYTES), *again_scratch = malloc(HF_JWT_SCRATCH_BYTES);
    struct hf_jwt_policy policy = {.audience = {NULL, 0}, .leeway_s = 60};
    struct hf_jwt_claims claims, again;
    struct hf_token_cache *cache = hf_token_cache_new(2);
    struct hf_slice token = {(const char *)data, data_bytes};
    bool ours = data_bytes > 0 && data[0] % 2 == 1;

    HF_ASSERT(scratch != NULL && again_scratch != NULL && cache != NULL);
    keys_make();
    if (data_bytes > 0)
        token = (struct hf_slice){(const char *)data + 1, data_bytes - 1};
    if (ours)
        token = sign(data + 1, data_bytes - 1, token_text, sizeof(token_text));
    enum hf_jwt_error error =
        hf_jwt_verify(keys, &policy, token, NOW, scratch, HF_JWT_SCRATCH_BYTES, &claims);

    HF_ASSERT(ours || error != HF_JWT_OK);
    if (error == HF_JWT_OK) {
        HF_ASSERT(hf_slice_is(claims.tenant, "acme") && claims.expires_s + 60 > NOW);
        check_inside(claims.device, scratch, HF_JWT_SCRATCH_BYTES);
        check_inside(claims.subject, scratch, HF_JWT_SCRATCH_BYTES);
        check_inside(claims.issuer, scratch, HF_JWT_SCRATCH_BYTES);
        check_inside(claims.id, scratch, HF_JWT_SCRATCH_BYTES);
        for (size_t i = 0; i < claims.scope_count; i++)
            check_inside(claims.scopes[i], scratch, HF_JWT_SCRATCH_BYTES);
    }
    for (int round = 0; round < 2; round++) {
        enum hf_jwt_error cached = hf_token_cache_verify(cache, 1, keys, &policy, token, NOW, again_scratch,
                                                         HF_JWT_SCRATCH_BYTES, &again);

        HF_ASSERT(cached == error);
        if (error != HF_JWT_OK)
            continue;
        HF_ASSERT(hf_slice_eq(again.tenant, claims.tenant) && hf_slice_eq(again.device, claims.device) &&
                  hf_slice_eq(again.issuer, claims.issuer) && again.scope_count == claims.scope_count);
        for (size_t i = 0; i < claims.scope_count; i++)
            HF_ASSERT(hf_slice_eq(again.scopes[i], claims.scopes[i]));
    }
    hf_token_cache_free(cache);
    free(scratch);
    free(again_scratch);
    return 0;
}
