/* codec/jwt/keys.c - a table of at most 64 keys, searched in order: a set is small and a search far cheaper than the
 * signature behind it. */
#include "codec/jwt/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "base/assert.h"
#include "codec/jwt/keys_internal.h"

#define ALG_ROW(id, name) [id] = name,
static const char *const alg_names[HF_JWT_ALGS] = {HF_JWT_ALG_MAP(ALG_ROW)};

enum { P256_FIELD_BYTES = 32, SHA256_BYTES = 32 };

struct hf_jwt_key {
    enum hf_jwt_alg alg;
    char *id, *tenant; /* own; tenant NULL = every tenant */
    size_t id_bytes, tenant_bytes;
    EVP_PKEY *key;    /* ES256, EdDSA, RS256 */
    EVP_MAC_CTX *mac; /* HS256: keyed once, duplicated for each use, never itself used */
    bool can_sign;
};

struct hf_jwt_keys {
    size_t count;
    EVP_MD *sha256; /* fetched once */
    struct hf_jwt_key keys[HF_JWT_KEYS_MAX];
};

const char *hf_jwt_alg_name(enum hf_jwt_alg alg)
{
    HF_ASSERT((unsigned)alg < HF_JWT_ALGS);
    return alg_names[alg];
}

hf_err hf_jwt_alg_by_name(struct hf_slice name, enum hf_jwt_alg *ret_alg)
{
    for (unsigned i = 0; i < HF_JWT_ALGS; i++) {
        if (hf_slice_is(name, alg_names[i])) {
            *ret_alg = (enum hf_jwt_alg)i;
            return HF_OK;
        }
    }
    return HF_ERR_NOT_FOUND;
}

struct hf_jwt_keys *hf_jwt_keys_new(void)
{
    struct hf_jwt_keys *keys = calloc(1, sizeof(*keys));

    if (keys != NULL)
        keys->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (keys == NULL || keys->sha256 == NULL) {
        free(keys);
        return NULL;
    }
    return keys;
}

static void key_deinit(struct hf_jwt_key *key)
{
    free(key->id);
    free(key->tenant);
    EVP_PKEY_free(key->key);
    EVP_MAC_CTX_free(key->mac); /* wipes */
    *key = (struct hf_jwt_key){.alg = HF_JWT_HS256};
}

void hf_jwt_keys_free(struct hf_jwt_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        key_deinit(&keys->keys[i]);
    EVP_MD_free(keys->sha256);
    free(keys);
}

size_t hf_jwt_keys_count(const struct hf_jwt_keys *keys)
{
    return keys->count;
}

const struct hf_jwt_key *hf_jwt_keys_find(const struct hf_jwt_keys *keys, struct hf_slice kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (hf_slice_eq(hf_jwt_key_id(&keys->keys[i]), kid))
            return &keys->keys[i];
    return NULL;
}

enum hf_jwt_alg hf_jwt_key_alg(const struct hf_jwt_key *key)
{
    return key->alg;
}

struct hf_slice hf_jwt_key_id(const struct hf_jwt_key *key)
{
    return (struct hf_slice){key->id, key->id_bytes};
}

struct hf_slice hf_jwt_key_tenant(const struct hf_jwt_key *key)
{
    return (struct hf_slice){key->tenant, key->tenant_bytes};
}

/* --- adding --- */

static char *copy(struct hf_slice text)
{
    char *out = malloc(text.bytes + 1);

    if (out != NULL) {
        memcpy(out, text.bytes == 0 ? "" : text.at, text.bytes);
        out[text.bytes] = '\0';
    }
    return out;
}

/* A slot with id and tenant; it counts only once the caller raises keys->count. */
static hf_err slot_take(struct hf_jwt_keys *keys, struct hf_slice kid, struct hf_slice tenant,
                        struct hf_jwt_key **ret_key, char *error, size_t error_bytes)
{
    struct hf_jwt_key *key = NULL;

    if (keys->count == HF_JWT_KEYS_MAX) {
        snprintf(error, error_bytes, "more than %d keys; remove those that sign no longer", HF_JWT_KEYS_MAX);
        return HF_ERR_LIMIT;
    }
    if (kid.bytes > HF_JWT_KID_BYTES_MAX || (tenant.at != NULL && tenant.bytes == 0)) {
        snprintf(error, error_bytes, "a key id has at most %d bytes, and a tenant may not be empty",
                 HF_JWT_KID_BYTES_MAX);
        return HF_ERR_INVALID;
    }
    if (hf_jwt_keys_find(keys, kid) != NULL) {
        snprintf(error, error_bytes, "two keys have the id '%.*s'; give each its own kid", (int)kid.bytes,
                 kid.bytes == 0 ? "" : kid.at);
        return HF_ERR_EXISTS;
    }
    key = &keys->keys[keys->count];
    *key = (struct hf_jwt_key){.id = copy(kid),
                               .id_bytes = kid.bytes,
                               .tenant = tenant.at == NULL ? NULL : copy(tenant),
                               .tenant_bytes = tenant.bytes};
    if (key->id == NULL || (tenant.at != NULL && key->tenant == NULL)) {
        key_deinit(key);
        return HF_ERR_NOMEM;
    }
    *ret_key = key;
    return HF_OK;
}

hf_err hf_jwt_keys_add_secret(struct hf_jwt_keys *keys, struct hf_slice kid, struct hf_slice tenant,
                              struct hf_slice secret, char *error, size_t error_bytes)
{
    static const char pem_start[] = "-----BEGIN";
    struct hf_jwt_key *key = NULL;
    EVP_MAC *hmac = NULL;
    hf_err err = HF_OK;

    if (secret.bytes < HF_JWT_SECRET_BYTES_MIN || secret.bytes > HF_JWT_SECRET_BYTES_MAX) {
        snprintf(error, error_bytes, "an HS256 secret has %d to %d bytes; make one: `holdfast gen key hs256`",
                 HF_JWT_SECRET_BYTES_MIN, HF_JWT_SECRET_BYTES_MAX);
        return HF_ERR_INVALID;
    }
    /* A public key as HMAC secret is the classic confusion: everybody knows that "secret". */
    if (memcmp(secret.at, pem_start, sizeof(pem_start) - 1) == 0) {
        snprintf(error, error_bytes,
                 "this is a PEM key, not a secret; name its algorithm: ES256, EdDSA or RS256");
        return HF_ERR_INVALID;
    }
    err = slot_take(keys, kid, tenant, &key, error, error_bytes);
    if (err != HF_OK)
        return err;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                           OSSL_PARAM_construct_end()};

    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    key->mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    key->alg = HF_JWT_HS256;
    key->can_sign = true;
    EVP_MAC_free(hmac);
    if (key->mac == NULL ||
        EVP_MAC_init(key->mac, (const unsigned char *)secret.at, secret.bytes, params) != 1) {
        key_deinit(key);
        return HF_ERR_NOMEM;
    }
    keys->count++;
    return HF_OK;
}

static const char *fits(enum hf_jwt_alg alg, EVP_PKEY *key)
{
    char group[32] = "";
    size_t group_bytes = 0;
    int id = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);

    switch (alg) {
    case HF_JWT_ES256:
        if (id != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, group, sizeof(group), &group_bytes) != 1 ||
            (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0))
            return "ES256 needs an EC key on P-256";
        return NULL;
    case HF_JWT_EDDSA: return id == EVP_PKEY_ED25519 ? NULL : "EdDSA needs an Ed25519 key";
    case HF_JWT_RS256:
        return id == EVP_PKEY_RSA && bits >= HF_JWT_RSA_BITS_MIN && bits <= HF_JWT_RSA_BITS_MAX
                   ? NULL
                   : "RS256 needs an RSA key of 2048 to 8192 bits";
    default: return "a PEM key cannot be an HS256 secret";
    }
}

/* Takes `pkey`, also on failure. */
hf_err hf_jwt_keys_add_pkey(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                            struct hf_slice tenant, EVP_PKEY *pkey, bool can_sign, char *error,
                            size_t error_bytes)
{
    struct hf_jwt_key *key = NULL;
    const char *problem = fits(alg, pkey);
    hf_err err = HF_ERR_INVALID;

    if (problem != NULL)
        snprintf(error, error_bytes, "%s", problem);
    else
        err = slot_take(keys, kid, tenant, &key, error, error_bytes);
    if (err != HF_OK) {
        EVP_PKEY_free(pkey);
        return err;
    }
    key->alg = alg;
    key->key = pkey;
    key->can_sign = can_sign;
    keys->count++;
    return HF_OK;
}

static int no_passphrase(char *buf, int size, int rwflag, void *user)
{
    (void)buf, (void)size, (void)rwflag, (void)user;
    return -1;
}

static EVP_PKEY *read_pem(struct hf_slice pem, bool *ret_private)
{
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;

    *ret_private = false;
    for (int kind = 0; kind < 3 && key == NULL; kind++) {
        bio = BIO_new_mem_buf(pem.at, (int)pem.bytes);
        if (bio == NULL)
            break;
        if (kind == 0)
            key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
        if (kind == 1)
            *ret_private = (key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)) != NULL;
        if (kind == 2 && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
            key = X509_get_pubkey(certificate);
        BIO_free(bio);
    }
    X509_free(certificate);
    ERR_clear_error();
    return key;
}

hf_err hf_jwt_keys_add_pem(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                           struct hf_slice tenant, struct hf_slice pem, char *error, size_t error_bytes)
{
    bool can_sign = false;
    EVP_PKEY *key = pem.bytes == 0 || pem.bytes > HF_JWT_JWKS_BYTES_MAX ? NULL : read_pem(pem, &can_sign);

    if (key == NULL) {
        snprintf(error, error_bytes, "no public key, private key or certificate in PEM form");
        return HF_ERR_INVALID;
    }
    return hf_jwt_keys_add_pkey(keys, alg, kid, tenant, key, can_sign && alg == HF_JWT_ES256, error,
                                error_bytes);
}

/* --- using --- */

static bool mac_of(const struct hf_jwt_key *key, struct hf_slice text, uint8_t ret_mac[SHA256_BYTES])
{
    EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(key->mac);
    size_t bytes = 0;
    bool done = mac != NULL && EVP_MAC_update(mac, (const unsigned char *)text.at, text.bytes) == 1 &&
                EVP_MAC_final(mac, ret_mac, &bytes, SHA256_BYTES) == 1 && bytes == SHA256_BYTES;

    EVP_MAC_CTX_free(mac);
    return done;
}

/* JOSE: r || s, each of the field's size (RFC 7518 3.4). OpenSSL: DER. */
static bool der_of_jose(const uint8_t *jose, uint8_t *out, size_t *ret_bytes)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(jose, P256_FIELD_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(jose + P256_FIELD_BYTES, P256_FIELD_BYTES, NULL);
    int bytes = -1;

    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = s = NULL;
        bytes = i2d_ECDSA_SIG(signature, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    *ret_bytes = bytes > 0 ? (size_t)bytes : 0;
    return bytes > 0;
}

static bool jose_of_der(const uint8_t *der, size_t der_bytes, uint8_t *out)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_bytes);
    bool done = signature != NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, P256_FIELD_BYTES) == P256_FIELD_BYTES &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + P256_FIELD_BYTES, P256_FIELD_BYTES) ==
                    P256_FIELD_BYTES;

    ECDSA_SIG_free(signature);
    return done;
}

bool hf_jwt_key_verify(const struct hf_jwt_key *key, struct hf_slice signed_text, const uint8_t *signature,
                       size_t signature_bytes)
{
    uint8_t
        storage[2 * P256_FIELD_BYTES + 16]; /* MAC, or DER: two integers with their heads and sign bytes */
    EVP_MD_CTX *ctx = NULL;
    bool good = false;

    if (key->alg == HF_JWT_HS256)
        return signature_bytes == SHA256_BYTES && mac_of(key, signed_text, storage) &&
               CRYPTO_memcmp(storage, signature, SHA256_BYTES) == 0;
    if (key->alg == HF_JWT_ES256) {
        if (signature_bytes != 2 * P256_FIELD_BYTES || !der_of_jose(signature, storage, &signature_bytes))
            return false;
        signature = storage;
    }
    ctx = EVP_MD_CTX_new();
    good = ctx != NULL &&
           EVP_DigestVerifyInit_ex(ctx, NULL, key->alg == HF_JWT_EDDSA ? NULL : "SHA256", NULL, NULL,
                                   key->key, NULL) == 1 &&
           EVP_DigestVerify(ctx, signature, signature_bytes, (const unsigned char *)signed_text.at,
                            signed_text.bytes) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

hf_err hf_jwt_key_sign(const struct hf_jwt_key *key, struct hf_slice signed_text, uint8_t *signature,
                       size_t *ret_signature_bytes)
{
    uint8_t der[2 * P256_FIELD_BYTES + 16];
    size_t der_bytes = sizeof(der);
    EVP_MD_CTX *ctx = NULL;
    bool done = false;

    if (!key->can_sign)
        return HF_ERR_UNSUPPORTED;
    if (key->alg == HF_JWT_HS256) {
        *ret_signature_bytes = SHA256_BYTES;
        return mac_of(key, signed_text, signature) ? HF_OK : HF_ERR_NOMEM;
    }
    ctx = EVP_MD_CTX_new();
    done =
        ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->key, NULL) == 1 &&
        EVP_DigestSign(ctx, der, &der_bytes, (const unsigned char *)signed_text.at, signed_text.bytes) == 1 &&
        jose_of_der(der, der_bytes, signature);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    *ret_signature_bytes = 2 * P256_FIELD_BYTES;
    return done ? HF_OK : HF_ERR_NOMEM;
}
