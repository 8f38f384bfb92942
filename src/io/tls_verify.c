/* io/tls_verify.c - is this client certificate accepted? The expensive part, the chain's signatures, is done once per
 * certificate and CA set and remembered; validity, deny-list and CRLs are looked at every time. That the client holds
 * the key is proven in each full handshake by its CertificateVerify, which this file has no part in. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "io/tls_internal.h"

static enum hf_tls_reject reject_of(int x509_error, int depth)
{
    switch (x509_error) {
    case X509_V_OK: return HF_TLS_REJECT_NONE;
    case X509_V_ERR_CERT_HAS_EXPIRED: return HF_TLS_REJECT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return HF_TLS_REJECT_NOT_YET_VALID;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return HF_TLS_REJECT_SELF_SIGNED;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED: return HF_TLS_REJECT_DEPTH;
    case X509_V_ERR_INVALID_PURPOSE: return depth == 0 ? HF_TLS_REJECT_PURPOSE : HF_TLS_REJECT_UNTRUSTED;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return HF_TLS_REJECT_KEY;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_INVALID_CA: return HF_TLS_REJECT_UNTRUSTED;
    default: return HF_TLS_REJECT_OTHER;
    }
}

/* Chosen for the alert that OpenSSL derives from it. */
static int x509_error_of(enum hf_tls_reject reject)
{
    switch (reject) {
    case HF_TLS_REJECT_NONE: return X509_V_OK;
    case HF_TLS_REJECT_UNTRUSTED: return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case HF_TLS_REJECT_SELF_SIGNED: return X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
    case HF_TLS_REJECT_EXPIRED: return X509_V_ERR_CERT_HAS_EXPIRED;
    case HF_TLS_REJECT_NOT_YET_VALID: return X509_V_ERR_CERT_NOT_YET_VALID;
    case HF_TLS_REJECT_REVOKED: return X509_V_ERR_CERT_REVOKED;
    case HF_TLS_REJECT_PURPOSE: return X509_V_ERR_INVALID_PURPOSE;
    case HF_TLS_REJECT_DEPTH: return X509_V_ERR_CERT_CHAIN_TOO_LONG;
    case HF_TLS_REJECT_KEY: return X509_V_ERR_EE_KEY_TOO_SMALL;
    case HF_TLS_REJECT_IDENTITY: return X509_V_ERR_CERT_REJECTED;
    default: return X509_V_ERR_UNSPECIFIED;
    }
}

/* P-256, P-384, Ed25519 or RSA from 2,048 bits: what the handshake offers to verify. */
static bool key_is_taken(X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);

    if (key == NULL)
        return false;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC: {
        int bits = EVP_PKEY_get_bits(key);
        return bits == 256 || bits == 384;
    }
    case EVP_PKEY_ED25519: return true;
    case EVP_PKEY_RSA: return EVP_PKEY_get_bits(key) >= 2048;
    default: return false;
    }
}

enum hf_tls_reject hf_tls_verify_chain(X509_STORE_CTX *verification, uint64_t now_utc_ms)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(verification);
    X509 *leaf = X509_STORE_CTX_get0_cert(verification);

    X509_VERIFY_PARAM_set_time(param, (time_t)(now_utc_ms / 1000));
    X509_VERIFY_PARAM_set_depth(param, HF_TLS_INTERMEDIATES_MAX);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    if (X509_verify_cert(verification) != 1) {
        ERR_clear_error();
        enum hf_tls_reject reject =
            reject_of(X509_STORE_CTX_get_error(verification), X509_STORE_CTX_get_error_depth(verification));

        return reject == HF_TLS_REJECT_NONE ? HF_TLS_REJECT_OTHER : reject;
    }
    /* The purpose was checked, but OpenSSL takes a missing extendedKeyUsage for every usage; we want it said. */
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0)
        return HF_TLS_REJECT_PURPOSE;
    return key_is_taken(leaf) ? HF_TLS_REJECT_NONE : HF_TLS_REJECT_KEY;
}

enum hf_tls_reject hf_tls_peer_recheck(const struct hf_tls *tls, const struct tls_set *set,
                                       const struct tls_peer *peer)
{
    uint64_t now_utc_ms = hf_tls_utc_ms(tls);

    if (now_utc_ms > peer->identity.not_after_utc_ms)
        return HF_TLS_REJECT_EXPIRED;
    if (now_utc_ms < peer->identity.not_before_utc_ms)
        return HF_TLS_REJECT_NOT_YET_VALID;
    if (hf_tls_deny_check(tls->deny, peer->keys, peer->key_count) ||
        hf_tls_deny_check(set->trust.revoked, peer->keys, peer->key_count))
        return HF_TLS_REJECT_REVOKED;
    return HF_TLS_REJECT_NONE;
}

static bool verdict_is_fresh(const struct tls_set *set, const struct tls_peer *peer, uint64_t now_utc_ms)
{
    return peer->trust_id == set->trust.id && now_utc_ms >= peer->verified_utc_ms &&
           now_utc_ms - peer->verified_utc_ms < HF_TLS_VERDICT_LIFE_S * 1000ULL;
}

/* In a verification of our own: OpenSSL would keep the chain that it builds in its own for as long as the connection
 * lives. */
static enum hf_tls_reject verify_anew(struct hf_tls *tls, const struct tls_set *set, X509 *leaf,
                                      STACK_OF(X509) * shown, const uint8_t *fingerprint,
                                      struct tls_peer **ret_peer)
{
    uint64_t now_utc_ms = hf_tls_utc_ms(tls);
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    struct tls_peer *peer = NULL;
    enum hf_tls_reject reject = HF_TLS_REJECT_OTHER;

    if (verification != NULL && X509_STORE_CTX_init(verification, set->trust.store, leaf, shown) == 1)
        reject = hf_tls_verify_chain(verification, now_utc_ms);
    if (reject == HF_TLS_REJECT_NONE)
        reject = hf_tls_peer_new(X509_STORE_CTX_get0_chain(verification), set->cn_tenant, fingerprint, &peer);
    if (reject == HF_TLS_REJECT_NONE)
        reject = hf_tls_peer_recheck(tls, set, peer);
    X509_STORE_CTX_free(verification);
    if (reject != HF_TLS_REJECT_NONE) {
        hf_tls_peer_unref(peer);
        hf_tls_verdicts_drop(tls->verdicts, fingerprint);
        return reject;
    }
    peer->trust_id = set->trust.id;
    peer->verified_utc_ms = now_utc_ms;
    hf_tls_verdicts_put(tls->verdicts, peer);
    *ret_peer = peer;
    return HF_TLS_REJECT_NONE;
}

/* The intermediates have done their work: about 5 KiB each that the connection would otherwise keep. The leaf has to
 * stay, its key is about to verify the client's signature. */
static void drop_intermediates(STACK_OF(X509) * shown)
{
    while (sk_X509_num(shown) > 1)
        X509_free(sk_X509_pop(shown));
}

int hf_tls_verify_callback(X509_STORE_CTX *verification, void *user)
{
    struct hf_tls *tls = user;
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_conn *conn = hf_tls_conn(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(verification);
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(verification);
    uint8_t fingerprint[HF_TLS_SHA256_BYTES];
    struct tls_peer *peer = NULL;
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;

    HF_ASSERT(conn != NULL && conn->tls == tls);
    if (hf_tls_x509_sha256(leaf, fingerprint) != HF_OK) {
        reject = HF_TLS_REJECT_OTHER;
        goto out;
    }
    peer = hf_tls_verdicts_find(tls->verdicts, fingerprint);
    /* Anything doubtful about the remembered verdict, a revoked intermediate for example, is decided anew. */
    if (peer != NULL && (!verdict_is_fresh(conn->set, peer, hf_tls_utc_ms(tls)) ||
                         hf_tls_peer_recheck(tls, conn->set, peer) != HF_TLS_REJECT_NONE)) {
        hf_tls_peer_unref(peer);
        peer = NULL;
    }
    if (peer == NULL)
        reject = verify_anew(tls, conn->set, leaf, shown, fingerprint, &peer);
    HF_ASSERT(sk_X509_value(shown, 0) == leaf);
    drop_intermediates(shown);
out:
    hf_tls_peer_unref(conn->peer);
    conn->peer = peer;
    conn->reject = reject;
    if (reject != HF_TLS_REJECT_NONE)
        atomic_fetch_add(&tls->rejected_total[reject], 1);
    X509_STORE_CTX_set_error(verification, x509_error_of(reject));
    return reject == HF_TLS_REJECT_NONE;
}
