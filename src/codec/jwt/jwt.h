/* codec/jwt/jwt.h - JSON Web Tokens (RFC 7519) in compact JWS form (RFC 7515): parse, verify, sign. Pure: no clock, no
 * allocation of its own beyond what OpenSSL does for a signature; the time is handed in.
 *
 * The algorithm belongs to the key (RFC 8725 3.1), never to the token: a header that names another one than its key is
 * refused, and so are "none", "crit", duplicate members, and tokens or headers above the limits below.
 * Order of checks: size, form, header, key, algorithm, signature; only then is anything of the payload believed. */
#ifndef HF_CODEC_JWT_JWT_H
#define HF_CODEC_JWT_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/jwt/keys.h"

enum {
    HF_JWT_TOKEN_BYTES_MAX = 4096,
    HF_JWT_HEADER_BYTES_MAX = 512, /* decoded */
    HF_JWT_SCRATCH_BYTES = 4096,   /* decoded header and payload always fit */
    HF_JWT_SCOPES_MAX = 16,
    HF_JWT_LEEWAY_S_DEFAULT = 60,
    HF_JWT_LEEWAY_S_MAX = 300,
    HF_JWT_TENANT_BYTES_MAX = 64,
    HF_JWT_DEVICE_BYTES_MAX = 128,
};

/* Columns: identifier, name in the 401 problem document, text for our log. The public names tell an honest developer
 * what to fix; an unknown key and a wrong signature answer alike (SEC-6). */
#define HF_JWT_ERROR_MAP(X)                                                                   \
    X(HF_JWT_OK, "ok", "verified")                                                            \
    X(HF_JWT_TOO_LARGE, "size", "the token or its header is above the limit")                 \
    X(HF_JWT_MALFORMED, "form", "not three base64url parts that hold JSON objects")           \
    X(HF_JWT_HEADER, "header", "crit, a duplicate member or a wrong typ in the header")       \
    X(HF_JWT_ALGORITHM, "signature", "the header names another algorithm than the key's")     \
    X(HF_JWT_KEY_UNKNOWN, "signature", "no key with this kid")                                \
    X(HF_JWT_SIGNATURE, "signature", "the signature is wrong")                                \
    X(HF_JWT_CLAIMS, "claims", "a claim has the wrong type, is duplicate or above its limit") \
    X(HF_JWT_NO_EXPIRY, "exp", "exp is missing")                                              \
    X(HF_JWT_EXPIRED, "exp", "expired")                                                       \
    X(HF_JWT_NOT_YET_VALID, "nbf", "not yet valid")                                           \
    X(HF_JWT_ISSUED_IN_FUTURE, "iat", "issued in the future")                                 \
    X(HF_JWT_TOO_LONG_LIVED, "exp", "lives longer than the policy allows")                    \
    X(HF_JWT_ISSUER, "iss", "another issuer than expected")                                   \
    X(HF_JWT_AUDIENCE, "aud", "meant for another audience")                                   \
    X(HF_JWT_TENANT, "tenant", "no tenant claim, or one the key may not speak for")           \
    X(HF_JWT_DEVICE, "device", "no device claim")

#define HF_JWT_ERROR_ENUM(id, check, text) id,
enum hf_jwt_error { HF_JWT_ERROR_MAP(HF_JWT_ERROR_ENUM) HF_JWT_ERRORS };
#undef HF_JWT_ERROR_ENUM

const char *hf_jwt_error_check(enum hf_jwt_error error); /* "exp": for the peer; never NULL */
const char *hf_jwt_error_text(enum hf_jwt_error error);  /* for our own log; never NULL */

struct hf_jwt_policy {        /* slices are borrowed */
    struct hf_slice issuer;   /* absent = any */
    struct hf_slice audience; /* absent = any; otherwise `aud` must hold it */
    uint32_t leeway_s;        /* for exp, nbf and iat; at most HF_JWT_LEEWAY_S_MAX */
    uint32_t life_s_max;      /* exp - iat, or exp - now without iat; 0 = any */
    bool device_required;     /* false for application tokens */
};

struct hf_jwt_claims {      /* all slices point into the caller's scratch, except key_id: into the key set */
    struct hf_slice tenant; /* the claim, else the tenant the key is bound to */
    struct hf_slice device; /* `device`, else `sub`; absent when neither is there */
    struct hf_slice subject, issuer, id;       /* sub, iss, jti */
    struct hf_slice scopes[HF_JWT_SCOPES_MAX]; /* `scopes` or `scope`: an array or a list with spaces */
    size_t scope_count;
    uint64_t expires_s, not_before_s, issued_s; /* UTC seconds; 0 = absent */
    struct hf_slice key_id;
    enum hf_jwt_alg alg;
};

/* scratch_bytes >= HF_JWT_SCRATCH_BYTES. *ret_claims is meaningful on HF_JWT_OK only. */
enum hf_jwt_error hf_jwt_verify(const struct hf_jwt_keys *keys, const struct hf_jwt_policy *policy,
                                struct hf_slice token, uint64_t now_utc_s, char *scratch,
                                size_t scratch_bytes, struct hf_jwt_claims *ret_claims);

/* The `kid` of a token that is not believed yet (empty slice when absent), to ask for a fresh key set: points into
 * scratch. HF_ERR_MALFORMED. */
hf_err hf_jwt_peek_kid(struct hf_slice token, char *scratch, size_t scratch_bytes, struct hf_slice *ret_kid);

bool hf_jwt_has_scope(const struct hf_jwt_claims *claims, struct hf_slice scope);

/* Signs *claims (absent slices and zero times are left out; `audience` too when absent) with the key of this kid: HS256
 * and ES256. Writes the compact form with a NUL. HF_ERR_NOT_FOUND: no such key; HF_ERR_UNSUPPORTED: the key cannot
 * sign; HF_ERR_LIMIT: out_bytes or a limit above; HF_ERR_NOMEM. */
hf_err hf_jwt_sign(const struct hf_jwt_keys *keys, struct hf_slice kid, const struct hf_jwt_claims *claims,
                   struct hf_slice audience, char *out, size_t out_bytes, size_t *ret_bytes);

#endif
