/* io/tls_conn.c - questions about one connection. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "io/tls_internal.h"

#define NAME_ROW(id, name, text) [id] = name,
#define TEXT_ROW(id, name, text) [id] = text,
static const char *const reject_names[HF_TLS_REJECTS] = {HF_TLS_REJECT_MAP(NAME_ROW)};
static const char *const reject_texts[HF_TLS_REJECTS] = {HF_TLS_REJECT_MAP(TEXT_ROW)};

const char *hf_tls_reject_name(enum hf_tls_reject reject)
{
    return (unsigned)reject < HF_TLS_REJECTS ? reject_names[reject] : reject_names[HF_TLS_REJECT_OTHER];
}

const char *hf_tls_reject_text(enum hf_tls_reject reject)
{
    return (unsigned)reject < HF_TLS_REJECTS ? reject_texts[reject] : reject_texts[HF_TLS_REJECT_OTHER];
}

hf_err hf_tls_identity(const SSL *ssl, struct hf_tls_identity *ret_identity)
{
    const struct tls_conn *conn = hf_tls_conn(ssl);

    HF_ASSERT(conn != NULL);
    if (!conn->done)
        return HF_ERR_AGAIN;
    if (conn->peer == NULL)
        return HF_ERR_NOT_FOUND;
    *ret_identity = conn->peer->identity;
    ret_identity->resumed = conn->resumed;
    return HF_OK;
}

hf_err hf_tls_recheck(const SSL *ssl, enum hf_tls_reject *ret_reject)
{
    const struct tls_conn *conn = hf_tls_conn(ssl);

    HF_ASSERT(conn != NULL);
    *ret_reject = HF_TLS_REJECT_NONE;
    if (!conn->done || conn->peer == NULL)
        return HF_OK;
    SSL_CTX *now = hf_tls_ctx_ref(conn->tls); /* the CRLs of today, not those of when it connected */

    *ret_reject = (enum hf_tls_reject)atomic_load(&conn->peer->refused);
    if (*ret_reject == HF_TLS_REJECT_NONE)
        *ret_reject = hf_tls_peer_recheck(conn->tls, hf_tls_set_of(now), conn->peer);
    SSL_CTX_free(now);
    return *ret_reject == HF_TLS_REJECT_NONE ? HF_OK : HF_ERR_DENIED;
}

enum hf_tls_reject hf_tls_rejected(const SSL *ssl)
{
    return hf_tls_conn(ssl)->reject;
}

void hf_tls_failure(const SSL *ssl, char *text, size_t text_bytes)
{
    const struct tls_conn *conn = hf_tls_conn(ssl);
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    if (conn != NULL && conn->reject != HF_TLS_REJECT_NONE)
        snprintf(text, text_bytes, "client certificate refused: %s", hf_tls_reject_text(conn->reject));
    else
        snprintf(text, text_bytes, "TLS: %s",
                 reason != NULL ? reason
                 : code == 0    ? "the peer closed the connection"
                                : "unknown error");
    ERR_clear_error();
}

/* IANA SignatureScheme from what OpenSSL tells of our own signature. */
static uint16_t signature_scheme(SSL *ssl)
{
    static const struct {
        int type, digest;
        uint16_t scheme;
    } rows[] = {
        {EVP_PKEY_EC, NID_sha256, 0x0403},      {EVP_PKEY_EC, NID_sha384, 0x0503},
        {EVP_PKEY_RSA_PSS, NID_sha256, 0x0804}, {EVP_PKEY_RSA_PSS, NID_sha384, 0x0805},
        {EVP_PKEY_RSA, NID_sha256, 0x0401},
    };
    int type = 0, digest = 0;

    if (SSL_get_signature_type_nid(ssl, &type) != 1 || SSL_get_signature_nid(ssl, &digest) != 1)
        return 0;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (rows[i].type == type && rows[i].digest == digest)
            return rows[i].scheme;
    return 0;
}

void hf_tls_timing(const SSL *ssl, struct hf_tls_timing *ret_timing)
{
    const struct tls_conn *conn = hf_tls_conn(ssl);
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    HF_ASSERT(conn != NULL);
    *ret_timing = conn->timing;
    ret_timing->version = (uint16_t)SSL_version(ssl);
    ret_timing->resumed = conn->resumed;
    ret_timing->signature = conn->done && !conn->resumed ? signature_scheme((SSL *)ssl) : 0;
    ret_timing->sni_bytes = sni == NULL ? 0 : (uint16_t)strlen(sni);
}
