/* codec/jwt/keys.h - the keys that may sign tokens. Each is parsed and checked once; each has exactly one algorithm and
 * may be bound to a tenant, for which alone it may then speak. Build a whole set, then exchange it for the old one; a
 * set is immutable while others read it. Key material is wiped when freed and never printed. RFC 7517, 7518, 8037. */
#ifndef HF_CODEC_JWT_KEYS_H
#define HF_CODEC_JWT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_JWT_KEYS_MAX = 64,
    HF_JWT_KID_BYTES_MAX = 128,
    HF_JWT_SECRET_BYTES_MIN = 32, /* RFC 7518 3.2: as long as the hash */
    HF_JWT_SECRET_BYTES_MAX = 512,
    HF_JWT_RSA_BITS_MIN = 2048, /* RFC 7518 3.3 */
    HF_JWT_RSA_BITS_MAX = 8192,
    HF_JWT_JWKS_BYTES_MAX = 65536,
};

#define HF_JWT_ALG_MAP(X)    \
    X(HF_JWT_HS256, "HS256") \
    X(HF_JWT_ES256, "ES256") \
    X(HF_JWT_EDDSA, "EdDSA") \
    X(HF_JWT_RS256, "RS256")

#define HF_JWT_ALG_ENUM(id, name) id,
enum hf_jwt_alg { HF_JWT_ALG_MAP(HF_JWT_ALG_ENUM) HF_JWT_ALGS };
#undef HF_JWT_ALG_ENUM

const char *hf_jwt_alg_name(enum hf_jwt_alg alg); /* never NULL */
/* HF_ERR_NOT_FOUND for anything else, "none" included. */
hf_err hf_jwt_alg_by_name(struct hf_slice name, enum hf_jwt_alg *ret_alg);

struct hf_jwt_keys; /* opaque */
struct hf_jwt_key;  /* opaque, lives in its set */

struct hf_jwt_keys *hf_jwt_keys_new(void);       /* NULL = no memory */
void hf_jwt_keys_free(struct hf_jwt_keys *keys); /* NULL is harmless */
size_t hf_jwt_keys_count(const struct hf_jwt_keys *keys);

/* kid may be empty for one key of the set: the one for tokens without kid. tenant absent = speaks for every tenant.
 * Errors: HF_ERR_EXISTS (kid), HF_ERR_LIMIT (HF_JWT_KEYS_MAX), HF_ERR_INVALID (key too short, not parsable, wrong kind
 * for `alg`), HF_ERR_NOMEM; `error` says what to do. */
hf_err hf_jwt_keys_add_secret(struct hf_jwt_keys *keys, struct hf_slice kid, struct hf_slice tenant,
                              struct hf_slice secret, char *error, size_t error_bytes);
/* A public key, a certificate or (for signing) a private key in PEM; alg is not HS256. */
hf_err hf_jwt_keys_add_pem(struct hf_jwt_keys *keys, enum hf_jwt_alg alg, struct hf_slice kid,
                           struct hf_slice tenant, struct hf_slice pem, char *error, size_t error_bytes);
/* All usable signature keys of a JWKS text; others (use "enc", unknown kty or crv, symmetric ones) are counted as
 * skipped, because a published set must not be able to introduce a secret. HF_ERR_MALFORMED: not a JWKS. */
hf_err hf_jwt_keys_add_jwks(struct hf_jwt_keys *keys, struct hf_slice tenant, struct hf_slice json,
                            size_t *ret_added, size_t *ret_skipped, char *error, size_t error_bytes);

/* NULL = none. */
const struct hf_jwt_key *hf_jwt_keys_find(const struct hf_jwt_keys *keys, struct hf_slice kid);
enum hf_jwt_alg hf_jwt_key_alg(const struct hf_jwt_key *key);
struct hf_slice hf_jwt_key_id(const struct hf_jwt_key *key);
struct hf_slice hf_jwt_key_tenant(const struct hf_jwt_key *key); /* absent = every tenant */

/* Over `signed_text` ("header.payload"); signature in JOSE form (ES256: r || s). Any wrong size is just false. */
bool hf_jwt_key_verify(const struct hf_jwt_key *key, struct hf_slice signed_text, const uint8_t *signature,
                       size_t signature_bytes);
enum { HF_JWT_SIGNATURE_BYTES_MAX = HF_JWT_RSA_BITS_MAX / 8 };
/* HF_ERR_UNSUPPORTED: no private part, or an algorithm that we only verify. signature has room for 64 bytes. */
hf_err hf_jwt_key_sign(const struct hf_jwt_key *key, struct hf_slice signed_text, uint8_t *signature,
                       size_t *ret_signature_bytes);

#endif
