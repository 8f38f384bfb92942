/* codec/jwt/jwks.c - public keys of a JSON Web Key Set (RFC 7517), as identity providers publish it. */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include "base/base64.h"
#include "codec/json/array.h"
#include "codec/json/scan.h"
#include "codec/jwt/keys_internal.h"

enum { FIELD_BYTES = 32, KTY = 0, CRV, X, Y, N, E, USE, ALG, KID, FIELDS };

/* *bytes: room in, length out. */
static bool take_base64(const struct hf_json_field *field, uint8_t *out, size_t *bytes)
{
    struct hf_slice text;

    return field->found && !field->escaped && hf_json_to_text(field, NULL, 0, &text) == HF_OK &&
           text.bytes > 0 && hf_base64url_decode(text, out, *bytes, bytes) == HF_OK && *bytes > 0;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY_CTX *check = NULL;
    EVP_PKEY *key = NULL;

    if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    if (key != NULL) {
        check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (check == NULL ||
            EVP_PKEY_public_check(check) != 1) { /* a point off the curve, an even modulus ... */
            EVP_PKEY_free(key);
            key = NULL;
        }
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *ec_key(const struct hf_json_field *fields)
{
    uint8_t point[1 + 2 * FIELD_BYTES] = {4}; /* uncompressed, SEC 1 2.3.3 */
    size_t x_bytes = FIELD_BYTES, y_bytes = FIELD_BYTES;

    if (!hf_json_is(&fields[CRV], "P-256") || !take_base64(&fields[X], point + 1, &x_bytes) ||
        !take_base64(&fields[Y], point + 1 + FIELD_BYTES, &y_bytes) || x_bytes != FIELD_BYTES ||
        y_bytes != FIELD_BYTES)
        return NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
                           OSSL_PARAM_construct_end()};

    return from_params("EC", params);
}

static EVP_PKEY *ed25519_key(const struct hf_json_field *fields)
{
    uint8_t x[FIELD_BYTES];
    size_t bytes = sizeof(x);

    if (!hf_json_is(&fields[CRV], "Ed25519") || !take_base64(&fields[X], x, &bytes) || bytes != sizeof(x))
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
}

static EVP_PKEY *rsa_key(const struct hf_json_field *fields)
{
    uint8_t n[HF_JWT_RSA_BITS_MAX / 8 + 1], e[8];
    size_t n_bytes = sizeof(n), e_bytes = sizeof(e);
    OSSL_PARAM_BLD *builder = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *n_number = NULL, *e_number = NULL;
    EVP_PKEY *key = NULL;

    if (!take_base64(&fields[N], n, &n_bytes) || !take_base64(&fields[E], e, &e_bytes))
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    n_number = BN_bin2bn(n, (int)n_bytes, NULL);
    e_number = BN_bin2bn(e, (int)e_bytes, NULL);
    if (builder != NULL && n_number != NULL && e_number != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n_number) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e_number) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    key = from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n_number);
    BN_free(e_number);
    return key;
}

static const struct kind {
    const char *kty;
    enum hf_jwt_alg alg;
    EVP_PKEY *(*make)(const struct hf_json_field *fields);
} kinds[] = {
    {"EC", HF_JWT_ES256, ec_key}, {"OKP", HF_JWT_EDDSA, ed25519_key}, {"RSA", HF_JWT_RS256, rsa_key}};

/* NULL for a key that is not for us, or that is damaged. */
static EVP_PKEY *make_key(const struct hf_json_field *fields, enum hf_jwt_alg *ret_alg)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!hf_json_is(&fields[KTY], kinds[i].kty))
            continue;
        if ((fields[USE].found && !hf_json_is(&fields[USE], "sig")) ||
            (fields[ALG].found && !hf_json_is(&fields[ALG], hf_jwt_alg_name(kinds[i].alg))))
            return NULL;
        *ret_alg = kinds[i].alg;
        return kinds[i].make(fields);
    }
    return NULL;
}

hf_err hf_jwt_keys_add_jwks(struct hf_jwt_keys *keys, struct hf_slice tenant, struct hf_slice json,
                            size_t *ret_added, size_t *ret_skipped, char *error, size_t error_bytes)
{
    struct hf_json_field set[] = {HF_JSON_FIELD("keys")};
    struct hf_json_field element;
    struct hf_slice rest;

    *ret_added = *ret_skipped = 0;
    if (json.bytes > HF_JWT_JWKS_BYTES_MAX || hf_json_scan(json.at, json.bytes, set, 1, 0) != HF_OK ||
        set[0].type != HF_JSON_ARRAY) {
        snprintf(error, error_bytes, "not a JWKS: {\"keys\":[...]} in JSON of at most %d bytes",
                 HF_JWT_JWKS_BYTES_MAX);
        return HF_ERR_MALFORMED;
    }
    rest = set[0].raw;
    while (hf_json_array_next(&rest, &element)) {
        struct hf_json_field fields[FIELDS] = {
            [KTY] = HF_JSON_FIELD("kty"), [CRV] = HF_JSON_FIELD("crv"), [X] = HF_JSON_FIELD("x"),
            [Y] = HF_JSON_FIELD("y"),     [N] = HF_JSON_FIELD("n"),     [E] = HF_JSON_FIELD("e"),
            [USE] = HF_JSON_FIELD("use"), [ALG] = HF_JSON_FIELD("alg"), [KID] = HF_JSON_FIELD("kid")};
        char kid_text[HF_JWT_KID_BYTES_MAX];
        struct hf_slice kid = {"", 0};
        enum hf_jwt_alg alg = HF_JWT_ES256;
        EVP_PKEY *key = NULL;
        hf_err err = HF_ERR_INVALID;

        if (element.type == HF_JSON_OBJECT &&
            hf_json_scan(element.raw.at, element.raw.bytes, fields, FIELDS, 0) == HF_OK &&
            (!fields[KID].found || hf_json_to_text(&fields[KID], kid_text, sizeof(kid_text), &kid) == HF_OK))
            key = make_key(fields, &alg);
        if (key != NULL)
            err = hf_jwt_keys_add_pkey(keys, alg, kid, tenant, key, false, error, error_bytes);
        if (err == HF_ERR_LIMIT || err == HF_ERR_NOMEM)
            return err;
        ++*(err == HF_OK ? ret_added : ret_skipped);
    }
    ERR_clear_error();
    return HF_OK;
}
