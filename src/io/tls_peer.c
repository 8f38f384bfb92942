/* io/tls_peer.c - who a client certificate says it is. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*(): the only form that allocates nothing and so cannot fail */
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "io/tls_internal.h"

static const char urn_prefix[] = "urn:holdfast:";

/* Fetched once: looking an algorithm up costs more than hashing a certificate does. Never written again. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md;

static void sha256_fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    pthread_once(&sha256_once, sha256_fetch);
    return sha256_md != NULL ? sha256_md : EVP_sha256();
}

void hf_tls_sha256(const void *data, size_t bytes, uint8_t ret_hash[HF_TLS_SHA256_BYTES])
{
    SHA256_CTX state;

    SHA256_Init(&state);
    SHA256_Update(&state, data, bytes);
    SHA256_Final(ret_hash, &state);
}

hf_err hf_tls_x509_sha256(X509 *certificate, uint8_t ret_hash[HF_TLS_SHA256_BYTES])
{
    return X509_digest(certificate, sha256(), ret_hash, NULL) == 1 ? HF_OK : HF_ERR_NOMEM;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool take_name(const char *at, size_t bytes, bool colon_allowed, char *out, size_t out_bytes_max)
{
    if (bytes == 0 || bytes > out_bytes_max)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (!name_char(at[i]) && !(colon_allowed && i > 0 && at[i] == ':'))
            return false;
    memcpy(out, at, bytes);
    out[bytes] = '\0';
    return true;
}

hf_err hf_tls_parse_urn(const char *uri, size_t uri_bytes, struct hf_tls_identity *ret_identity)
{
    const size_t prefix_bytes = sizeof(urn_prefix) - 1;
    const char *tenant = uri + prefix_bytes, *colon = NULL, *end = uri + uri_bytes;

    if (uri_bytes <= prefix_bytes || memcmp(uri, urn_prefix, prefix_bytes) != 0)
        return HF_ERR_MALFORMED;
    colon = memchr(tenant, ':', (size_t)(end - tenant));
    if (colon == NULL ||
        !take_name(tenant, (size_t)(colon - tenant), false, ret_identity->tenant, HF_TLS_TENANT_BYTES_MAX) ||
        !take_name(colon + 1, (size_t)(end - colon - 1), true, ret_identity->device, HF_TLS_DEVICE_BYTES_MAX))
        return HF_ERR_MALFORMED;
    return HF_OK;
}

/* Exactly one of our URNs: with two of them a certificate would be two devices. */
static hf_err identity_from_san(X509 *leaf, struct hf_tls_identity *identity, bool *ret_any)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    unsigned urns = 0;
    hf_err err = HF_ERR_NOT_FOUND;

    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_URI)
            continue;
        const char *uri = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
        size_t uri_bytes = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);

        if (uri_bytes < sizeof(urn_prefix) - 1 || memcmp(uri, urn_prefix, sizeof(urn_prefix) - 1) != 0)
            continue; /* another scheme, SPIFFE for example */
        err = ++urns == 1 ? hf_tls_parse_urn(uri, uri_bytes, identity) : HF_ERR_MALFORMED;
        if (err != HF_OK)
            break;
    }
    GENERAL_NAMES_free(names);
    *ret_any = urns > 0;
    return err;
}

static hf_err identity_from_cn(X509 *leaf, const char *tenant, struct hf_tls_identity *identity)
{
    char text[HF_TLS_DEVICE_BYTES_MAX + 2];
    X509_NAME *subject = X509_get_subject_name(leaf);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    ASN1_STRING *value = NULL;

    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0)
        return HF_ERR_NOT_FOUND;
    value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    size_t bytes = (size_t)ASN1_STRING_length(value);

    /* Only the one-byte string types: a BMPString's bytes are not its text. */
    if (bytes >= sizeof(text) ||
        (ASN1_STRING_type(value) != V_ASN1_UTF8STRING && ASN1_STRING_type(value) != V_ASN1_PRINTABLESTRING))
        return HF_ERR_MALFORMED;
    memcpy(text, ASN1_STRING_get0_data(value), bytes);
    if (!take_name(text, bytes, true, identity->device, HF_TLS_DEVICE_BYTES_MAX) ||
        !take_name(tenant, strlen(tenant), false, identity->tenant, HF_TLS_TENANT_BYTES_MAX))
        return HF_ERR_MALFORMED;
    return HF_OK;
}

static hf_err issuer_hash(X509 *certificate, uint8_t ret_hash[HF_TLS_SHA256_BYTES])
{
    const unsigned char *der = NULL;
    size_t bytes = 0;

    if (X509_NAME_get0_der(X509_get_issuer_name(certificate), &der, &bytes) != 1)
        return HF_ERR_NOMEM;
    hf_tls_sha256(der, bytes, ret_hash);
    return HF_OK;
}

static hf_err add_keys(struct tls_peer *peer, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain) && i <= HF_TLS_INTERMEDIATES_MAX; i++) {
        X509 *certificate = sk_X509_value(chain, i);
        const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
        uint8_t digest[HF_TLS_SHA256_BYTES];

        if (hf_tls_x509_sha256(certificate, digest) != HF_OK)
            return HF_ERR_NOMEM;
        peer->keys[peer->key_count++] = hf_tls_deny_key_certificate(digest);
        if (issuer_hash(certificate, digest) != HF_OK)
            return HF_ERR_NOMEM;
        peer->keys[peer->key_count++] =
            hf_tls_deny_key_serial(digest, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    }
    return HF_OK;
}

/* The leaf and its intermediates; the root is the CA set's matter. */
static size_t der_of(STACK_OF(X509) * chain, uint8_t *out)
{
    size_t bytes = 0;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);

        if (i > 0 && X509_check_issued(certificate, certificate) == X509_V_OK)
            break;
        int more = i2d_X509(certificate, out == NULL ? NULL : &out);
        if (more < 0)
            return 0;
        bytes += (size_t)more;
    }
    return bytes;
}

enum hf_tls_reject hf_tls_peer_new(STACK_OF(X509) * chain, const char *cn_tenant,
                                   const uint8_t fingerprint[HF_TLS_SHA256_BYTES], struct tls_peer **ret_peer)
{
    X509 *leaf = sk_X509_value(chain, 0);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    const uint8_t *serial_at = ASN1_STRING_get0_data(serial);
    size_t serial_bytes = (size_t)ASN1_STRING_length(serial), der_bytes = der_of(chain, NULL);
    struct tls_peer *peer = calloc(1, sizeof(*peer) + der_bytes);
    enum hf_tls_reject reject = HF_TLS_REJECT_OTHER;
    bool any_urn = false;
    hf_err err = HF_OK;

    if (peer == NULL || der_bytes == 0)
        goto out;
    atomic_init(&peer->references, 1);
    err = identity_from_san(leaf, &peer->identity, &any_urn);
    if (err != HF_OK && !any_urn && cn_tenant != NULL)
        err = identity_from_cn(leaf, cn_tenant, &peer->identity);
    reject = HF_TLS_REJECT_IDENTITY;
    if (err != HF_OK || serial_bytes > HF_TLS_SERIAL_BYTES_MAX)
        goto out;
    reject = HF_TLS_REJECT_OTHER;
    memcpy(peer->identity.serial, serial_at, serial_bytes);
    peer->identity.serial_bytes = (uint8_t)serial_bytes;
    memcpy(peer->identity.fingerprint, fingerprint, HF_TLS_SHA256_BYTES);
    peer->identity.not_before_utc_ms = hf_tls_asn1_utc_ms(X509_get0_notBefore(leaf));
    peer->identity.not_after_utc_ms = hf_tls_asn1_utc_ms(X509_get0_notAfter(leaf));
    if (issuer_hash(leaf, peer->identity.issuer) != HF_OK || add_keys(peer, chain) != HF_OK)
        goto out;
    peer->der_bytes = der_of(chain, peer->der);
    HF_ASSERT(peer->der_bytes == der_bytes);
    *ret_peer = peer;
    return HF_TLS_REJECT_NONE;
out:
    free(peer);
    return reject;
}

struct tls_peer *hf_tls_peer_ref(struct tls_peer *peer)
{
    if (peer != NULL)
        atomic_fetch_add_explicit(&peer->references, 1, memory_order_relaxed);
    return peer;
}

void hf_tls_peer_unref(struct tls_peer *peer)
{
    if (peer != NULL && atomic_fetch_sub_explicit(&peer->references, 1, memory_order_acq_rel) == 1)
        free(peer);
}
