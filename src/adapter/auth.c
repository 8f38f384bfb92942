#include "adapter/auth.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/jwt/token_cache.h"
#include "core/event.h"
#include "core/kvkey.h"

struct hf_auth {
    struct hf_kv *kv; /* borrows: revocations */
    const struct hf_auth_set *set;
    struct hf_auth_fetched fetched;
    struct hf_token_cache **caches; /* owns: one per tenant, made when its first token comes */
    unsigned cache_count;
    uint64_t (*clock_us)(void); /* NULL: checks are not timed */
    struct hf_hist *us;         /* borrows */
    uint64_t spent_us;
};

struct hf_auth *hf_auth_new(struct hf_kv *kv)
{
    struct hf_auth *auth = calloc(1, sizeof(*auth));

    if (auth != NULL)
        auth->kv = kv;
    return auth;
}

void hf_auth_time(struct hf_auth *auth, uint64_t (*clock_us)(void), struct hf_hist *us)
{
    auth->clock_us = clock_us;
    auth->us = us;
}

uint64_t hf_auth_spent_us(const struct hf_auth *auth)
{
    return auth->spent_us;
}

static void caches_free(struct hf_auth *auth)
{
    for (unsigned i = 0; i < auth->cache_count; i++)
        hf_token_cache_free(auth->caches[i]);
    free(auth->caches);
    auth->caches = NULL;
    auth->cache_count = 0;
}

void hf_auth_free(struct hf_auth *auth)
{
    if (auth == NULL)
        return;
    caches_free(auth);
    free(auth);
}

void hf_auth_use(struct hf_auth *auth, const struct hf_auth_set *set)
{
    caches_free(auth);
    auth->set = set;
    auth->caches = calloc(set->tenant_count ? set->tenant_count : 1, sizeof(struct hf_token_cache *));
    auth->cache_count =
        auth->caches ? set->tenant_count : 0; /* without memory every token is verified anew */
}

void hf_auth_use_fetched(struct hf_auth *auth, const struct hf_auth_fetched *fetched)
{
    auth->fetched = *fetched;
}

const struct hf_auth_set *hf_auth_set(const struct hf_auth *auth)
{
    return auth->set;
}

const struct hf_auth_tenant *hf_auth_tenant_find(const struct hf_auth *auth, struct hf_slice name)
{
    for (unsigned i = 0; i < auth->set->tenant_count; i++)
        if (hf_slice_eq(auth->set->tenants[i].tenant->name, name))
            return &auth->set->tenants[i];
    return NULL;
}

uint64_t hf_auth_jti_hash(struct hf_slice tenant, struct hf_slice jti)
{
    return hf_device_hash(tenant, jti);
}

static uint64_t fingerprint_hash(const uint8_t fingerprint[32])
{
    uint64_t hash;

    memcpy(&hash, fingerprint, sizeof(hash));
    return hash | 1;
}

/* REVOCATIONS: tenant 0 what. Fails closed: a table that cannot be read lets nobody in. */
static bool revoked(struct hf_auth *auth, struct hf_slice tenant, const char *kind, struct hf_slice what)
{
    char storage[HF_TENANT_BYTES_MAX + 1 + 16 + HF_DEVICE_BYTES_MAX + 1];
    struct hf_kv_txn *txn = NULL;
    struct hf_slice value;
    struct hf_sb key;

    hf_sb_init(&key, storage, sizeof(storage));
    hf_sb_slice(&key, tenant);
    hf_sb_char(&key, 0);
    hf_sb_text(&key, kind);
    hf_sb_slice(&key, what);
    if (key.overflow || hf_kv_read(auth->kv, &txn) != HF_OK)
        return true;
    hf_err err = hf_kv_get(txn, HF_KV_REVOCATIONS, hf_sb_done(&key), &value);
    hf_kv_end(txn);
    return err != HF_ERR_NOT_FOUND;
}

/* Where the token's key is, and whose it is. NULL: nowhere, or not in force; *ret_unknown: no key has its kid. */
static const struct hf_auth_tenant *tenant_of_token(const struct hf_auth *auth, struct hf_slice token,
                                                    unsigned *ret_index, const struct hf_jwt_keys **ret_keys,
                                                    bool *ret_unknown)
{
    char scratch[HF_JWT_SCRATCH_BYTES];
    struct hf_slice kid;

    *ret_unknown = false;
    if (hf_jwt_peek_kid(token, scratch, sizeof(scratch), &kid) != HF_OK)
        return NULL;
    *ret_keys = auth->set->keys;
    const struct hf_jwt_key *key = hf_jwt_keys_find(auth->set->keys, kid);
    if (key == NULL && auth->fetched.keys != NULL) {
        *ret_keys = auth->fetched.keys;
        key = hf_jwt_keys_find(auth->fetched.keys, kid);
    }
    *ret_unknown = key == NULL;
    const struct hf_auth_tenant *tenant = key ? hf_auth_tenant_find(auth, hf_jwt_key_tenant(key)) : NULL;
    if (tenant != NULL)
        *ret_index = (unsigned)(tenant - auth->set->tenants);
    return tenant;
}

static struct hf_token_cache *cache_of(struct hf_auth *auth, unsigned tenant)
{
    if (tenant >= auth->cache_count)
        return NULL;
    if (auth->caches[tenant] == NULL)
        auth->caches[tenant] = hf_token_cache_new(0);
    return auth->caches[tenant];
}

static void set_device(struct hf_identity *identity, struct hf_slice device)
{
    identity->device_bytes = (uint8_t)device.bytes;
    memcpy(identity->device, device.at, device.bytes);
    identity->device[device.bytes] = '\0';
}

static struct hf_slice device_of(const struct hf_identity *identity)
{
    return (struct hf_slice){identity->device, identity->device_bytes};
}

/* When the connection ends: at exp, to the second; a token that is only good because clocks may differ, when that is no excuse
 * any more. Otherwise it would be let in and thrown out in the same breath. */
static uint64_t expires_ms(const struct hf_jwt_claims *claims, const struct hf_jwt_policy *policy,
                           uint64_t utc_ms)
{
    uint64_t at_s = HF_MIN(claims->expires_s, UINT64_MAX / 2000);

    return at_s * 1000 > utc_ms ? at_s * 1000 : (at_s + policy->leeway_s) * 1000;
}

static enum hf_reason by_token(struct hf_auth *auth, struct hf_slice token, struct hf_slice wanted,
                               bool later, uint64_t utc_ms, struct hf_identity *identity,
                               const char **ret_check)
{
    char scratch[HF_JWT_SCRATCH_BYTES];
    struct hf_jwt_claims claims = {0};
    unsigned index = 0;
    bool unknown = false;
    const struct hf_jwt_keys *keys = NULL;
    const struct hf_auth_tenant *tenant = tenant_of_token(auth, token, &index, &keys, &unknown);

    if (unknown && auth->fetched.unknown_kid != NULL && auth->fetched.unknown_kid(auth->fetched.context)) {
        *ret_check = "kid";
        return HF_REASON_TRY_LATER;
    }
    if (tenant == NULL) {
        *ret_check = hf_jwt_error_check(HF_JWT_KEY_UNKNOWN);
        return HF_REASON_CREDENTIALS_INVALID;
    }
    struct hf_token_cache *cache = cache_of(auth, index);
    enum hf_jwt_error error =
        cache != NULL
            ? hf_token_cache_verify(cache, auth->set->generation + auth->fetched.generation, keys,
                                    &tenant->policy, token, utc_ms / 1000, scratch, sizeof(scratch), &claims)
            : hf_jwt_verify(keys, &tenant->policy, token, utc_ms / 1000, scratch, sizeof(scratch), &claims);
    if (error != HF_JWT_OK) {
        *ret_check = hf_jwt_error_check(error);
        return error == HF_JWT_EXPIRED ? HF_REASON_CREDENTIALS_EXPIRED : HF_REASON_CREDENTIALS_INVALID;
    }
    bool any = hf_slice_is(claims.device, "*");
    struct hf_slice device = any ? wanted : claims.device;
    identity->any = any && later && wanted.at == NULL;
    if (!identity->any && !hf_id_valid(device, HF_DEVICE_BYTES_MAX)) {
        *ret_check = "device";
        return HF_REASON_CREDENTIALS_INVALID;
    }
    if (wanted.at != NULL && !hf_slice_eq(wanted, device)) {
        *ret_check = "device";
        return HF_REASON_IDENTITY_MISMATCH;
    }
    if (claims.scope_count > 0 && !hf_jwt_has_scope(&claims, HF_SLICE("connect"))) {
        *ret_check = "scopes";
        return HF_REASON_FORBIDDEN;
    }
    identity->tenant = tenant->tenant;
    identity->auth_tenant = tenant;
    identity->expires_ms = expires_ms(&claims, &tenant->policy, utc_ms);
    if (!identity->any)
        set_device(identity, device);
    if (claims.id.bytes > 0) {
        identity->credential_hash = hf_auth_jti_hash(tenant->tenant->name, claims.id);
        *ret_check = "jti";
        if (claims.id.bytes > HF_AUTH_JTI_BYTES_MAX)
            return HF_REASON_CREDENTIALS_INVALID; /* it could not be revoked */
        memcpy(identity->jti, claims.id.at, claims.id.bytes);
        if (revoked(auth, tenant->tenant->name, "token:", claims.id))
            return HF_REASON_REVOKED;
    }
    return HF_REASON_NONE;
}

static enum hf_reason by_certificate(struct hf_auth *auth, const struct hf_auth_certificate *certificate,
                                     struct hf_slice wanted, uint64_t utc_ms, struct hf_identity *identity,
                                     const char **ret_check)
{
    const struct hf_auth_tenant *tenant = hf_auth_tenant_find(auth, certificate->tenant);

    *ret_check = "certificate";
    if (tenant == NULL || !hf_id_valid(certificate->device, HF_DEVICE_BYTES_MAX))
        return HF_REASON_CREDENTIALS_INVALID;
    if (identity->tenant != NULL &&
        (identity->tenant != tenant->tenant ||
         (!identity->any && !hf_slice_eq(device_of(identity), certificate->device))))
        return HF_REASON_IDENTITY_MISMATCH;
    if (wanted.at != NULL && !hf_slice_eq(wanted, certificate->device))
        return HF_REASON_IDENTITY_MISMATCH;
    identity->tenant = tenant->tenant;
    identity->auth_tenant = tenant;
    set_device(identity, certificate->device);
    identity->any = false;
    identity->by_certificate = true;
    if (identity->credential_hash == 0)
        identity->credential_hash = fingerprint_hash(certificate->fingerprint);
    if (identity->expires_ms == 0 || certificate->not_after_ms < identity->expires_ms)
        identity->expires_ms = certificate->not_after_ms;
    return certificate->denied                  ? HF_REASON_REVOKED
           : certificate->not_after_ms < utc_ms ? HF_REASON_CREDENTIALS_EXPIRED
                                                : HF_REASON_NONE;
}

static enum hf_reason judge(struct hf_auth *auth, struct hf_slice token,
                            const struct hf_auth_certificate *certificate, struct hf_slice wanted, bool later,
                            uint64_t utc_ms, struct hf_identity *ret_identity, const char **ret_check)
{
    bool has_certificate = certificate != NULL && certificate->tenant.bytes > 0;
    enum hf_reason reason = HF_REASON_NONE;

    *ret_identity = (struct hf_identity){0};
    *ret_check = "credentials";
    if (token.bytes == 0 && !has_certificate)
        return HF_REASON_CREDENTIALS_MISSING;
    if (token.bytes > 0)
        reason = by_token(auth, token, wanted, later, utc_ms, ret_identity, ret_check);
    if (reason == HF_REASON_NONE && has_certificate)
        reason = by_certificate(auth, certificate, wanted, utc_ms, ret_identity, ret_check);
    if (reason != HF_REASON_NONE || ret_identity->any)
        return reason;
    if (revoked(auth, ret_identity->tenant->name, "device:", device_of(ret_identity))) {
        *ret_check = "device";
        return HF_REASON_REVOKED;
    }
    return HF_REASON_NONE;
}

/* What was shown, and is it good? That is timed; that nothing was shown is not. */
static enum hf_reason decide(struct hf_auth *auth, struct hf_slice token,
                             const struct hf_auth_certificate *certificate, struct hf_slice wanted,
                             bool later, uint64_t utc_ms, struct hf_identity *ret_identity,
                             const char **ret_check)
{
    uint64_t begun_us = auth->clock_us != NULL ? auth->clock_us() : 0;
    enum hf_reason reason = judge(auth, token, certificate, wanted, later, utc_ms, ret_identity, ret_check);

    if (auth->clock_us != NULL && reason != HF_REASON_CREDENTIALS_MISSING) {
        uint64_t us = auth->clock_us() - begun_us;

        auth->spent_us += us;
        hf_hist_record(auth->us, us);
    }
    return reason;
}

enum hf_reason hf_auth_device(struct hf_auth *auth, struct hf_slice token,
                              const struct hf_auth_certificate *certificate, struct hf_slice wanted,
                              uint64_t utc_ms, struct hf_identity *ret_identity, const char **ret_check)
{
    return decide(auth, token, certificate, wanted, false, utc_ms, ret_identity, ret_check);
}

enum hf_reason hf_auth_device_later(struct hf_auth *auth, struct hf_slice token,
                                    const struct hf_auth_certificate *certificate, struct hf_slice wanted,
                                    uint64_t utc_ms, struct hf_identity *ret_identity, const char **ret_check)
{
    return decide(auth, token, certificate, wanted, true, utc_ms, ret_identity, ret_check);
}

enum hf_reason hf_auth_name_device(struct hf_auth *auth, struct hf_identity *identity, struct hf_slice device)
{
    if (identity->any) {
        if (!hf_id_valid(device, HF_DEVICE_BYTES_MAX))
            return HF_REASON_CREDENTIALS_INVALID;
        set_device(identity, device);
        identity->any = false;
    } else if (device.bytes > 0 && !hf_slice_eq(device, device_of(identity))) {
        return HF_REASON_IDENTITY_MISMATCH;
    }
    return hf_auth_revoked(auth, identity) ? HF_REASON_REVOKED : HF_REASON_NONE;
}

bool hf_auth_revoked(struct hf_auth *auth, const struct hf_identity *identity)
{
    struct hf_slice tenant = identity->tenant->name;

    return (identity->jti[0] != '\0' && revoked(auth, tenant, "token:", hf_slice_of(identity->jti))) ||
           (!identity->any && revoked(auth, tenant, "device:", device_of(identity)));
}
