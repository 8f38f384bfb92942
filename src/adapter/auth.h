/* adapter/auth.h - one identity per device, whatever it shows (SEC-1): a token at the upgrade or in-band, a client certificate, or
 * both, which must then name the same device. One per worker; the tenants and their keys are shared and immutable while
 * in force (hf_auth_use exchanges the set at a reload). */
#ifndef HF_ADAPTER_AUTH_H
#define HF_ADAPTER_AUTH_H

#include "base/hist.h"
#include "base/reason.h"
#include "codec/jwt/jwt.h"
#include "core/kv.h"
#include "core/tenant.h"

enum { HF_AUTH_GROUPS_MAX = 8, HF_AUTH_JTI_BYTES_MAX = 64 };

/* What belongs to a tenant besides core's rules. */
struct hf_auth_tenant {
    struct hf_tenant *tenant;
    struct hf_jwt_policy policy;
};

struct hf_auth_set {          /* shared by workers, made by app/ */
    struct hf_jwt_keys *keys; /* of all tenants; each bound to its own */
    struct hf_auth_tenant *tenants;
    unsigned tenant_count;
    uint64_t generation; /* grows with each set */
};

/* Keys that come by URL: exchanged while the set stays. A kid that is in the set's own keys is looked for there only. */
struct hf_auth_fetched {
    const struct hf_jwt_keys *keys;     /* NULL: none yet */
    uint64_t generation;                /* grows with each exchange */
    bool (*unknown_kid)(void *context); /* true: the kid may be known soon. NULL: no key comes by URL */
    void *context;
};

struct hf_identity {
    struct hf_tenant *tenant;
    const struct hf_auth_tenant
        *auth_tenant; /* of the set in force when it was verified: valid during the call only */
    char device[HF_DEVICE_BYTES_MAX + 1];
    uint8_t device_bytes;
    char jti[HF_AUTH_JTI_BYTES_MAX + 1]; /* of the token; "" = none */
    uint64_t expires_ms;                 /* UTC of the credentials; 0 = never */
    uint64_t
        credential_hash; /* of what can be revoked: the token's jti or the certificate's fingerprint; 0 = nothing */
    bool by_certificate;
    bool
        any; /* device still empty: the credentials are good for any device of the tenant, it is yet to say which */
};

/* What the TLS layer found; absent tenant = no certificate. */
struct hf_auth_certificate {
    struct hf_slice tenant, device;
    const uint8_t *fingerprint; /* 32 bytes */
    uint64_t not_after_ms;
    bool denied; /* since the handshake, by a deny-list or a CRL */
};

struct hf_auth; /* opaque */

struct hf_auth *hf_auth_new(struct hf_kv *kv); /* NULL on no memory */
void hf_auth_free(struct hf_auth *auth);       /* NULL is harmless */
/* From now on each check of a device's credentials is timed into us (borrowed). */
void hf_auth_time(struct hf_auth *auth, uint64_t (*clock_us)(void), struct hf_hist *us);
uint64_t hf_auth_spent_us(const struct hf_auth *auth); /* in checks so far; 0 = they are not timed */
/* From now on this set; the old one may be freed once every worker has done so. */
void hf_auth_use(struct hf_auth *auth, const struct hf_auth_set *set);
/* From now on these, copied; the old keys may be freed once every worker has done so. */
void hf_auth_use_fetched(struct hf_auth *auth, const struct hf_auth_fetched *fetched);
const struct hf_auth_set *hf_auth_set(const struct hf_auth *auth);
const struct hf_auth_tenant *hf_auth_tenant_find(const struct hf_auth *auth,
                                                 struct hf_slice name); /* or NULL */

/* token and certificate: at least one is there, otherwise HF_REASON_CREDENTIALS_MISSING. wanted: the device named in the path, absent
 * = none; a token whose device claim is "*" may be any device of its tenant, and needs it. HF_REASON_NONE: *ret_identity is filled.
 * *ret_check gets the failing check for the 401 document ("exp", "signature", ...), which tells an honest developer what to fix
 * and an attacker nothing. TRY_LATER: no key has the token's kid, but key sets that are being fetched may. For refusals of an identified device (revoked, expired) the identity is filled as far as known. */
enum hf_reason hf_auth_device(struct hf_auth *auth, struct hf_slice token,
                              const struct hf_auth_certificate *certificate, struct hf_slice wanted,
                              uint64_t utc_ms, struct hf_identity *ret_identity, const char **ret_check);

/* The same for a device that names itself later (HELLO): with a token for any device and without `wanted` the identity comes with `any`. */
enum hf_reason hf_auth_device_later(struct hf_auth *auth, struct hf_slice token,
                                    const struct hf_auth_certificate *certificate, struct hf_slice wanted,
                                    uint64_t utc_ms, struct hf_identity *ret_identity,
                                    const char **ret_check);
/* And now it has: device may be absent when the identity has one. HF_REASON_NONE: identity->device is set and `any` is not. IDENTITY_MISMATCH: it
 * is another one than the credentials say. CREDENTIALS_INVALID: no device id. REVOKED: the device or its token was, if only since it showed its credentials. */
enum hf_reason hf_auth_name_device(struct hf_auth *auth, struct hf_identity *identity,
                                   struct hf_slice device);

/* What was let in before: has its token or, once it has a name, the device been revoked since? */
bool hf_auth_revoked(struct hf_auth *auth, const struct hf_identity *identity);

uint64_t hf_auth_jti_hash(struct hf_slice tenant, struct hf_slice jti);

#endif
