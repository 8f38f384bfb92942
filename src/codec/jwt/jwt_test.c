/* codec/jwt/jwt_test.c - tokens: the vectors of the RFCs, every check, and the ways to cheat that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/sb.h"
#include "codec/jwt/jwt.h"

#define NOW 1700000000ULL

static char scratch[HF_JWT_SCRATCH_BYTES];
static char error[256];
static const struct hf_slice any = {NULL, 0};

static const char rfc_payload[] =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
    "Ijp0cnVlfQ";
static const char rfc_jwks[] =
    "{\"keys\":["
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"es\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\",\"use\":\"sig\",\"alg\":\"EdDSA\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"RSA\",\"kid\":\"rs\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
    "wWJcyQoTbji9k0l8W26mPddxHmf"
    "HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
    "bSf63kpaSHSX"
    "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
    "I5IhlJH7aGhyxXFvUK-DWNmoudF8N"
    "Aco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"
    "{\"kty\":\"oct\",\"kid\":\"hs\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"off\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"es384\",\"x\":\"AAAA\",\"y\":\"AAAA\"},"
    "{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"enc\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
    "{\"kty\":\"RSA\",\"kid\":\"small\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
    "7, {\"kid\":\"no kty\"}, {\"kty\":\"EC\",\"kty\":\"RSA\"}]}";

/* Header and payload as they are, signed with the key `kid`. */
static struct hf_slice token_of(const struct hf_jwt_keys *keys, const char *kid, const char *header,
                                const char *payload)
{
    static char out[2 * HF_JWT_TOKEN_BYTES_MAX];
    uint8_t signature[HF_JWT_SIGNATURE_BYTES_MAX];
    size_t at = 0, bytes = 0;

    assert_int_equal(hf_base64url_encode(header, strlen(header), out, sizeof(out), &bytes), HF_OK);
    at += bytes;
    out[at++] = '.';
    assert_int_equal(hf_base64url_encode(payload, strlen(payload), out + at, sizeof(out) - at, &bytes),
                     HF_OK);
    at += bytes;
    assert_int_equal(hf_jwt_key_sign(hf_jwt_keys_find(keys, hf_slice_of(kid)), (struct hf_slice){out, at},
                                     signature, &bytes),
                     HF_OK);
    out[at++] = '.';
    assert_int_equal(hf_base64url_encode(signature, bytes, out + at, sizeof(out) - at, &bytes), HF_OK);
    return (struct hf_slice){out, at + bytes};
}

static const char secret[] = "0123456789abcdef0123456789abcdef";

static struct hf_jwt_keys *one_secret(struct hf_slice tenant)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();

    assert_non_null(keys);
    assert_int_equal(
        hf_jwt_keys_add_secret(keys, HF_SLICE("k"), tenant, hf_slice_of(secret), error, sizeof(error)),
        HF_OK);
    return keys;
}

static void the_rfcs_own_tokens_verify(void **state)
{
    static const struct {
        const char *kid, *header, *signature;
    } rows[] = {
        {"es", "eyJhbGciOiJFUzI1NiJ9",
         "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
        {"rs", "eyJhbGciOiJSUzI1NiJ9",
         "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
         "O8W2Fp5jujGbds9uJdbF9CUAr7t1"
         "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
         "eSN9383LcOLn6_dO--xi12jzDw"
         "usC-"
         "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
         "IoypGlUPQGe77R"
         "w"},
        {"hs", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    };
    struct hf_jwt_keys *set = hf_jwt_keys_new();
    struct hf_jwt_claims claims;
    struct hf_jwt_policy policy = {.issuer = HF_SLICE("joe")};
    uint8_t hs[64], signature[512];
    size_t added = 0, skipped = 0, bytes = 0;

    (void)state;
    assert_int_equal(hf_jwt_keys_add_jwks(set, HF_SLICE("rfc"), hf_slice_of(rfc_jwks), &added, &skipped,
                                          error, sizeof(error)),
                     HF_OK);
    assert_int_equal(added, 3);
    assert_int_equal(
        skipped, 8); /* a published secret, a point off the curve, other curves and uses, no keys at all */
    assert_int_equal(
        hf_base64url_decode(
            HF_SLICE(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
            hs, sizeof(hs), &bytes),
        HF_OK);
    assert_int_equal(hf_jwt_keys_add_secret(set, HF_SLICE("hs"), HF_SLICE("rfc"),
                                            (struct hf_slice){(char *)hs, bytes}, error, sizeof(error)),
                     HF_OK);

    for (size_t i = 0; i < HF_COUNT_OF(rows);
         i++) { /* their headers name no kid: a signature by hand, then as a token */
        const struct hf_jwt_key *key = hf_jwt_keys_find(set, hf_slice_of(rows[i].kid));
        char text[2048];
        size_t text_bytes = (size_t)snprintf(text, sizeof(text), "%s.%s", rows[i].header, rfc_payload);

        assert_int_equal(
            hf_base64url_decode(hf_slice_of(rows[i].signature), signature, sizeof(signature), &bytes), HF_OK);
        assert_true(hf_jwt_key_verify(key, (struct hf_slice){text, text_bytes}, signature, bytes));
        assert_false(hf_jwt_key_verify(key, (struct hf_slice){text, text_bytes - 1}, signature, bytes));
        assert_false(hf_jwt_key_verify(key, (struct hf_slice){text, text_bytes}, signature, bytes - 1));
        signature[bytes / 2] ^= 1;
        assert_false(hf_jwt_key_verify(key, (struct hf_slice){text, text_bytes}, signature, bytes));
    }
    /* RFC 8037 A.4: its payload is no JSON. */
    assert_int_equal(
        hf_base64url_decode(
            HF_SLICE(
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
            signature, sizeof(signature), &bytes),
        HF_OK);
    assert_true(hf_jwt_key_verify(hf_jwt_keys_find(set, HF_SLICE("ed")),
                                  HF_SLICE("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
                                  signature, bytes));
    hf_jwt_keys_free(set);

    set = hf_jwt_keys_new();
    bytes = 0;
    assert_int_equal(
        hf_base64url_decode(
            HF_SLICE(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
            hs, sizeof(hs), &bytes),
        HF_OK);
    assert_int_equal(hf_jwt_keys_add_secret(set, HF_SLICE(""), HF_SLICE("rfc"),
                                            (struct hf_slice){(char *)hs, bytes}, error, sizeof(error)),
                     HF_OK);
    char token[512];
    snprintf(token, sizeof(token), "%s.%s.%s", rows[2].header, rfc_payload, rows[2].signature);
    assert_int_equal(
        hf_jwt_verify(set, &policy, hf_slice_of(token), 1300819379, scratch, sizeof(scratch), &claims),
        HF_JWT_OK);
    assert_true(hf_slice_is(claims.tenant, "rfc"));
    assert_true(hf_slice_is(claims.issuer, "joe"));
    assert_int_equal(
        hf_jwt_verify(set, &policy, hf_slice_of(token), 1300819380, scratch, sizeof(scratch), &claims),
        HF_JWT_EXPIRED);
    hf_jwt_keys_free(set);
}

static void each_claim_is_checked(void **state)
{
    static const struct {
        const char *payload;
        enum hf_jwt_error want;
    } rows[] = {
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_OK},
        {"{\"exp\":1700000100.5,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_OK},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"sub\":\"d\"}", HF_JWT_OK},
        {"{\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_NO_EXPIRY},
        {"{\"exp\":0,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":-5,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1e300,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":\"1700000100\",\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"exp\":1700000200,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"\\u0065xp\":1,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1699999940,\"tenant\":\"acme\",\"device\":\"d\"}",
         HF_JWT_EXPIRED}, /* exactly at the leeway's end */
        {"{\"exp\":1699999941,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_OK},
        {"{\"exp\":1700009999,\"nbf\":1700000060,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_OK},
        {"{\"exp\":1700009999,\"nbf\":1700000061,\"tenant\":\"acme\",\"device\":\"d\"}",
         HF_JWT_NOT_YET_VALID},
        {"{\"exp\":1700009999,\"iat\":1700000061,\"tenant\":\"acme\",\"device\":\"d\"}",
         HF_JWT_ISSUED_IN_FUTURE},
        {"{\"exp\":1700086401,\"iat\":1700000000,\"tenant\":\"acme\",\"device\":\"d\"}",
         HF_JWT_TOO_LONG_LIVED},
        {"{\"exp\":1700086400,\"iat\":1700000000,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_OK},
        {"{\"exp\":1700090000,\"tenant\":\"acme\",\"device\":\"d\"}", HF_JWT_TOO_LONG_LIVED},
        {"{\"exp\":1700000100,\"device\":\"d\"}", HF_JWT_TENANT},
        {"{\"exp\":1700000100,\"tenant\":\"\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"a/b\",\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":7,\"device\":\"d\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\"}", HF_JWT_DEVICE},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"a b\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"a\\u0000b\"}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"sub\":\"https://x/y\"}", HF_JWT_DEVICE},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\",\"scope\":\"a\",\"scopes\":[]}",
         HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\",\"scopes\":[1]}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\",\"scopes\":{}}", HF_JWT_CLAIMS},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\",\"scope\":\"1 2 3 4 5 6 7 8 9 a b c d e f "
         "g\"}",
         HF_JWT_OK},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\",\"scope\":\"1 2 3 4 5 6 7 8 9 a b c d e f "
         "g h\"}",
         HF_JWT_CLAIMS},
        {"[]", HF_JWT_MALFORMED},
        {"{\"exp\":1700000100,\"tenant\":\"acme\",\"device\":\"d\"", HF_JWT_CLAIMS},
    };
    struct hf_jwt_keys *keys = one_secret(any);
    struct hf_jwt_policy policy = {.leeway_s = 60, .life_s_max = 86400, .device_required = true};
    struct hf_jwt_claims claims;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice token = token_of(keys, "k", "{\"alg\":\"HS256\",\"kid\":\"k\"}", rows[i].payload);
        enum hf_jwt_error got = hf_jwt_verify(keys, &policy, token, NOW, scratch, sizeof(scratch), &claims);

        if (got != rows[i].want)
            fail_msg("%s: %s", rows[i].payload, hf_jwt_error_text(got));
        if (got == HF_JWT_OK) {
            assert_true(hf_slice_is(claims.tenant, "acme"));
            assert_true(hf_slice_is(claims.device, "d"));
        }
    }
    hf_jwt_keys_free(keys);
}

static void issuer_audience_and_the_keys_tenant_are_held_against_the_token(void **state)
{
    static const struct {
        const char *payload;
        enum hf_jwt_error want;
    } rows[] = {
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":\"gw\"}", HF_JWT_OK},
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":[\"x\",\"g\\u0077\"],\"tenant\":\"acme\"}", HF_JWT_OK},
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":[ \"x\" , [\"gw\"], {\"a\":\"gw,]\"} ]}",
         HF_JWT_AUDIENCE},
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":[]}", HF_JWT_AUDIENCE},
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":7}", HF_JWT_AUDIENCE},
        {"{\"exp\":1700000100,\"iss\":\"us\"}", HF_JWT_AUDIENCE},
        {"{\"exp\":1700000100,\"iss\":\"them\",\"aud\":\"gw\"}", HF_JWT_ISSUER},
        {"{\"exp\":1700000100,\"aud\":\"gw\"}", HF_JWT_ISSUER},
        {"{\"exp\":1700000100,\"iss\":\"us\",\"aud\":\"gw\",\"tenant\":\"other\"}", HF_JWT_TENANT},
    };
    struct hf_jwt_keys *keys = one_secret(HF_SLICE("acme"));
    struct hf_jwt_policy policy = {.issuer = HF_SLICE("us"), .audience = HF_SLICE("gw")};
    struct hf_jwt_claims claims;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice token = token_of(keys, "k", "{\"alg\":\"HS256\",\"kid\":\"k\"}", rows[i].payload);
        enum hf_jwt_error got = hf_jwt_verify(keys, &policy, token, NOW, scratch, sizeof(scratch), &claims);

        if (got != rows[i].want)
            fail_msg("%s: %s", rows[i].payload, hf_jwt_error_text(got));
        if (got == HF_JWT_OK)
            assert_true(hf_slice_is(claims.tenant, "acme"));
    }
    hf_jwt_keys_free(keys);
}

static void headers_are_refused_for_what_they_say(void **state)
{
    static const struct {
        const char *header;
        enum hf_jwt_error want;
    } rows[] = {
        {"{\"alg\":\"HS256\",\"kid\":\"k\"}", HF_JWT_OK},
        {"{\"alg\":\"HS256\",\"kid\":\"\\u006b\",\"typ\":\"jwt\"}", HF_JWT_OK},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"typ\":\"JWE\"}", HF_JWT_HEADER},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"crit\":[\"exp\"]}", HF_JWT_HEADER},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"crit\":null}", HF_JWT_HEADER},
        {"{\"alg\":\"none\",\"kid\":\"k\"}", HF_JWT_ALGORITHM},
        {"{\"alg\":\"None\",\"kid\":\"k\"}", HF_JWT_ALGORITHM},
        {"{\"alg\":\"hs256\",\"kid\":\"k\"}", HF_JWT_ALGORITHM},
        {"{\"alg\":\"RS256\",\"kid\":\"k\"}", HF_JWT_ALGORITHM},
        {"{\"alg\":null,\"kid\":\"k\"}", HF_JWT_HEADER},
        {"{\"kid\":\"k\"}", HF_JWT_HEADER},
        {"{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"k\"}", HF_JWT_MALFORMED},
        {"{\"alg\":\"HS256\",\"kid\":\"k\",\"kid\":\"x\"}", HF_JWT_MALFORMED},
        {"{\"alg\":\"HS256\",\"kid\":7}", HF_JWT_HEADER},
        {"{\"alg\":\"HS256\",\"kid\":\"x\"}", HF_JWT_KEY_UNKNOWN},
        {"{\"alg\":\"HS256\"}", HF_JWT_KEY_UNKNOWN},
        {"\"HS256\"", HF_JWT_MALFORMED},
        {"{", HF_JWT_MALFORMED},
    };
    struct hf_jwt_keys *keys = one_secret(HF_SLICE("acme"));
    struct hf_jwt_policy policy = {.leeway_s = 0};
    struct hf_jwt_claims claims;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice token = token_of(keys, "k", rows[i].header, "{\"exp\":1700000100}");
        enum hf_jwt_error got = hf_jwt_verify(keys, &policy, token, NOW, scratch, sizeof(scratch), &claims);

        if (got != rows[i].want)
            fail_msg("%s: %s", rows[i].header, hf_jwt_error_text(got));
    }
    /* To the peer a made-up kid, a wrong algorithm and a wrong signature are one and the same. */
    assert_string_equal(hf_jwt_error_check(HF_JWT_KEY_UNKNOWN), hf_jwt_error_check(HF_JWT_SIGNATURE));
    assert_string_equal(hf_jwt_error_check(HF_JWT_ALGORITHM), hf_jwt_error_check(HF_JWT_SIGNATURE));
    hf_jwt_keys_free(keys);
}

/* The public key of an ES256 key as HMAC secret: whoever lets the header choose, accepts it. */
static void a_public_key_is_no_secret(void **state)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    char pem[1024], *at = NULL;
    struct hf_jwt_keys *right = hf_jwt_keys_new(), *forger = hf_jwt_keys_new();
    struct hf_jwt_policy policy = {.leeway_s = 0};
    struct hf_jwt_claims claims;

    (void)state;
    PEM_write_bio_PUBKEY(bio, pkey);
    size_t bytes = (size_t)BIO_get_mem_data(bio, &at);
    memcpy(pem, at, bytes);
    assert_int_equal(hf_jwt_keys_add_pem(right, HF_JWT_ES256, HF_SLICE("k"), HF_SLICE("acme"),
                                         (struct hf_slice){pem, bytes}, error, sizeof(error)),
                     HF_OK);
    assert_int_equal(hf_jwt_keys_add_secret(forger, HF_SLICE("k"), HF_SLICE("acme"),
                                            (struct hf_slice){pem, bytes}, error, sizeof(error)),
                     HF_ERR_INVALID);
    pem[0] =
        ' '; /* so that our own guard lets the forger have it; the real one would sign with the whole text */
    assert_int_equal(hf_jwt_keys_add_secret(forger, HF_SLICE("k"), HF_SLICE("acme"),
                                            (struct hf_slice){pem, bytes}, error, sizeof(error)),
                     HF_OK);
    struct hf_slice token =
        token_of(forger, "k", "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{\"exp\":1700000100}");
    assert_int_equal(hf_jwt_verify(forger, &policy, token, NOW, scratch, sizeof(scratch), &claims),
                     HF_JWT_OK);
    assert_int_equal(hf_jwt_verify(right, &policy, token, NOW, scratch, sizeof(scratch), &claims),
                     HF_JWT_ALGORITHM);
    hf_jwt_keys_free(right);
    hf_jwt_keys_free(forger);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

static void forms_and_sizes_are_bounded(void **state)
{
    struct hf_jwt_keys *keys = one_secret(HF_SLICE("acme"));
    struct hf_jwt_policy policy = {.leeway_s = 0};
    struct hf_jwt_claims claims;
    static char long_text[HF_JWT_TOKEN_BYTES_MAX + 2];
    static const char *const malformed[] = {
        "",         ".",        "..",       "a.b",        "a.b.c.d",
        "e30.e30.", ".e30.e30", "e30..e30", "!!.e30.e30", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ.e30.!"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(malformed); i++)
        if (hf_jwt_verify(keys, &policy, hf_slice_of(malformed[i]), NOW, scratch, sizeof(scratch), &claims) !=
            HF_JWT_MALFORMED)
            fail_msg("'%s'", malformed[i]);
    memset(long_text, 'a', sizeof(long_text));
    assert_int_equal(hf_jwt_verify(keys, &policy, (struct hf_slice){long_text, HF_JWT_TOKEN_BYTES_MAX + 1},
                                   NOW, scratch, sizeof(scratch), &claims),
                     HF_JWT_TOO_LARGE);
    assert_int_equal(hf_jwt_verify(keys, &policy, (struct hf_slice){long_text, HF_JWT_TOKEN_BYTES_MAX}, NOW,
                                   scratch, sizeof(scratch), &claims),
                     HF_JWT_MALFORMED);

    char header[HF_JWT_HEADER_BYTES_MAX + 2];
    for (int over = 0; over < 2; over++) {
        int bytes = snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"k\",\"x\":\"%0*d\"}",
                             (int)HF_JWT_HEADER_BYTES_MAX - 32 + over, 0);

        assert_int_equal(bytes, HF_JWT_HEADER_BYTES_MAX + over);
        assert_int_equal(hf_jwt_verify(keys, &policy, token_of(keys, "k", header, "{\"exp\":1700000100}"),
                                       NOW, scratch, sizeof(scratch), &claims),
                         over ? HF_JWT_TOO_LARGE : HF_JWT_OK);
    }
    hf_jwt_keys_free(keys);
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
    struct hf_jwt_keys *keys = one_secret(HF_SLICE("acme"));
    struct hf_jwt_policy policy = {.leeway_s = 0};
    struct hf_jwt_claims claims;
    struct hf_slice token = token_of(keys, "k", "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{\"exp\":1700000100}");

    (void)state;
    for (size_t i = 0; i < token.bytes; i++) {
        char copy[512];

        memcpy(copy, token.at, token.bytes);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(hf_jwt_verify(keys, &policy, (struct hf_slice){copy, token.bytes}, NOW, scratch,
                                           sizeof(scratch), &claims),
                             HF_JWT_OK);
    }
    hf_jwt_keys_free(keys);
}

static void what_is_signed_is_what_is_read(void **state)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL, token[HF_JWT_TOKEN_BYTES_MAX + 1], kid_room[HF_JWT_SCRATCH_BYTES];
    struct hf_jwt_keys *keys = one_secret(any);
    struct hf_jwt_policy policy = {.audience = HF_SLICE("gw"), .device_required = true};
    struct hf_jwt_claims claims = {.tenant = HF_SLICE("acme"),
                                   .device = HF_SLICE("pump-1"),
                                   .subject = HF_SLICE("some \"body\""),
                                   .issuer = HF_SLICE("us"),
                                   .id = HF_SLICE("1"),
                                   .scopes = {HF_SLICE("read"), HF_SLICE("a\tb")},
                                   .scope_count = 2,
                                   .issued_s = NOW,
                                   .not_before_s = NOW,
                                   .expires_s = NOW + 60};
    size_t bytes = 0;

    (void)state;
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    size_t pem_bytes = (size_t)BIO_get_mem_data(bio, &pem);
    assert_int_equal(hf_jwt_keys_add_pem(keys, HF_JWT_ES256, HF_SLICE("es"), any,
                                         (struct hf_slice){pem, pem_bytes}, error, sizeof(error)),
                     HF_OK);
    static const char *const kids[] = {"k", "es"};
    for (size_t i = 0; i < HF_COUNT_OF(kids); i++) {
        struct hf_jwt_claims read;
        struct hf_slice kid;

        assert_int_equal(
            hf_jwt_sign(keys, hf_slice_of(kids[i]), &claims, HF_SLICE("gw"), token, sizeof(token), &bytes),
            HF_OK);
        assert_int_equal(strlen(token), bytes);
        assert_int_equal(hf_jwt_peek_kid(hf_slice_of(token), kid_room, sizeof(kid_room), &kid), HF_OK);
        assert_true(hf_slice_is(kid, kids[i]));
        assert_int_equal(
            hf_jwt_verify(keys, &policy, hf_slice_of(token), NOW, scratch, sizeof(scratch), &read),
            HF_JWT_OK);
        assert_true(hf_slice_eq(read.tenant, claims.tenant) && hf_slice_eq(read.device, claims.device) &&
                    hf_slice_eq(read.subject, claims.subject) && hf_slice_eq(read.issuer, claims.issuer) &&
                    hf_slice_eq(read.id, claims.id) && hf_slice_is(read.key_id, kids[i]));
        assert_int_equal(read.scope_count, 2);
        assert_true(hf_jwt_has_scope(&read, HF_SLICE("a\tb")));
        assert_false(hf_jwt_has_scope(&read, HF_SLICE("write")));
        assert_int_equal(read.expires_s, NOW + 60);
        for (size_t room = 0; room <= bytes; room++) /* never beyond the room given */
            assert_int_equal(
                hf_jwt_sign(keys, hf_slice_of(kids[i]), &claims, HF_SLICE("gw"), token, room, &bytes),
                HF_ERR_LIMIT);
    }
    assert_int_equal(hf_jwt_sign(keys, HF_SLICE("x"), &claims, any, token, sizeof(token), &bytes),
                     HF_ERR_NOT_FOUND);
    hf_jwt_keys_free(keys);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

static void key_sets_refuse_what_does_not_fit(void **state)
{
    struct hf_jwt_keys *keys = one_secret(any);
    size_t added = 0, skipped = 0;

    (void)state;
    assert_int_equal(
        hf_jwt_keys_add_secret(keys, HF_SLICE("k"), any, hf_slice_of(secret), error, sizeof(error)),
        HF_ERR_EXISTS);
    assert_int_equal(
        hf_jwt_keys_add_secret(keys, HF_SLICE("s"), any, HF_SLICE("short"), error, sizeof(error)),
        HF_ERR_INVALID);
    assert_int_equal(
        hf_jwt_keys_add_pem(keys, HF_JWT_ES256, HF_SLICE("p"), any, HF_SLICE("junk"), error, sizeof(error)),
        HF_ERR_INVALID);
    static const char *const no_sets[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[}"};
    for (size_t i = 0; i < HF_COUNT_OF(no_sets); i++)
        assert_int_equal(
            hf_jwt_keys_add_jwks(keys, any, hf_slice_of(no_sets[i]), &added, &skipped, error, sizeof(error)),
            HF_ERR_MALFORMED);
    for (size_t i = hf_jwt_keys_count(keys); i < HF_JWT_KEYS_MAX; i++) {
        char kid[8];

        snprintf(kid, sizeof(kid), "k%zu", i);
        assert_int_equal(
            hf_jwt_keys_add_secret(keys, hf_slice_of(kid), any, hf_slice_of(secret), error, sizeof(error)),
            HF_OK);
    }
    assert_int_equal(
        hf_jwt_keys_add_secret(keys, HF_SLICE("more"), any, hf_slice_of(secret), error, sizeof(error)),
        HF_ERR_LIMIT);
    hf_jwt_keys_free(keys);
    hf_jwt_keys_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_own_tokens_verify),
        cmocka_unit_test(each_claim_is_checked),
        cmocka_unit_test(issuer_audience_and_the_keys_tenant_are_held_against_the_token),
        cmocka_unit_test(headers_are_refused_for_what_they_say),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(forms_and_sizes_are_bounded),
        cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
        cmocka_unit_test(what_is_signed_is_what_is_read),
        cmocka_unit_test(key_sets_refuse_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
