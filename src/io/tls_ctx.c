/* io/tls_ctx.c - a complete SSL_CTX from a configuration, and what OpenSSL calls while it uses it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "io/tls_internal.h"

/* OpenSSL's slots for our pointers: drawn once, never written again. */
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;
static int conn_slot = -1, set_slot = -1;

enum { CLIENT_CHAIN_BYTES_MAX = 16384 }; /* a leaf and two intermediates need about 3,000 */

static void conn_slot_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int slot, long argl, void *argp)
{
    struct tls_conn *conn = pointer;

    (void)parent, (void)data, (void)slot, (void)argl, (void)argp;
    if (conn == NULL)
        return;
    hf_tls_live_remove(conn);
    hf_tls_peer_unref(conn->peer);
    hf_tls_peer_unref(conn->offered);
    free(conn);
}

static void set_slot_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int slot, long argl, void *argp)
{
    struct tls_set *set = pointer;

    (void)parent, (void)data, (void)slot, (void)argl, (void)argp;
    if (set == NULL)
        return;
    hf_tls_trust_deinit(&set->trust);
    free(set->cn_tenant);
    free(set);
}

static void slots_draw(void)
{
    conn_slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_slot_free);
    set_slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, set_slot_free);
}

bool hf_tls_slots(void)
{
    pthread_once(&slots_once, slots_draw);
    return conn_slot >= 0 && set_slot >= 0;
}

bool hf_tls_conn_attach(SSL *ssl, struct tls_conn *conn)
{
    return SSL_set_ex_data(ssl, conn_slot, conn) == 1;
}

struct tls_conn *hf_tls_conn(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, conn_slot);
}

struct tls_set *hf_tls_set_of(const SSL_CTX *ctx)
{
    return SSL_CTX_get_ex_data(ctx, set_slot);
}

/* --- what OpenSSL calls --- */

static void on_done(SSL *ssl, struct tls_conn *conn)
{
    struct hf_tls *tls = conn->tls;

    conn->done = true;
    conn->resumed = SSL_session_reused(ssl) == 1;
    if (conn->resumed) {
        hf_tls_peer_unref(conn->peer);
        conn->peer = conn->offered;
    } else {
        hf_tls_peer_unref(conn->offered);
    }
    conn->offered = NULL;
    conn->timing.finished_us = hf_tls_now_us(tls);
    atomic_fetch_add_explicit(conn->resumed ? &tls->resumed_total : &tls->full_total, 1,
                              memory_order_relaxed);
}

static void on_info(const SSL *ssl, int where, int value)
{
    struct tls_conn *conn = hf_tls_conn(ssl);

    if (conn == NULL || conn->done)
        return;
    if (where == SSL_CB_ACCEPT_LOOP) {
        if (SSL_get_state(ssl) == TLS_ST_SW_SRVR_HELLO && conn->timing.server_hello_us == 0)
            conn->timing.server_hello_us = hf_tls_now_us(conn->tls);
    } else if (where == SSL_CB_HANDSHAKE_DONE) {
        on_done((SSL *)ssl, conn);
    } else if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_CERTIFICATE_REQUIRED) {
        conn->reject = HF_TLS_REJECT_MISSING;
        atomic_fetch_add(&conn->tls->rejected_total[HF_TLS_REJECT_MISSING], 1);
    }
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_bytes, const unsigned char *in,
                   unsigned in_bytes, void *user)
{
    static const char http11[] = "http/1.1";

    (void)ssl, (void)user;
    for (unsigned at = 0; at < in_bytes && at + 1 + in[at] <= in_bytes; at += 1 + in[at]) {
        if (in[at] == sizeof(http11) - 1 && memcmp(in + at + 1, http11, sizeof(http11) - 1) == 0) {
            *out = in + at + 1;
            *out_bytes = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 3.2 */
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_conn *conn = hf_tls_conn(ssl);
    bool resumed = SSL_session_reused(ssl) == 1;

    HF_ASSERT(conn != NULL);
    /* TLS 1.3 makes its ticket after the handshake is done, TLS 1.2 before. */
    hf_tls_resume_put(conn->tls->resume, session, resumed && !conn->done ? conn->offered : conn->peer,
                      resumed && conn->has_resumed_id ? conn->resumed_id : NULL, hf_tls_utc_ms(conn->tls));
    return 0; /* we took no reference for OpenSSL's sake */
}

static SSL_SESSION *on_get_session(SSL *ssl, const unsigned char *id, int id_bytes, int *ret_copy)
{
    struct tls_conn *conn = hf_tls_conn(ssl);
    struct hf_tls *tls = conn->tls;
    uint64_t now_utc_ms = hf_tls_utc_ms(tls), life_ms = tls->resume_life_s * 1000ULL;
    struct tls_peer *peer = NULL;
    SSL_SESSION *session = hf_tls_resume_take(tls->resume, ssl, id, (size_t)id_bytes,
                                              now_utc_ms > life_ms ? now_utc_ms - life_ms : 0,
                                              tls->context_id, sizeof(tls->context_id), &peer);

    *ret_copy = 0;
    if (session == NULL)
        return NULL;
    bool accepted = peer == NULL ? tls->verify == HF_TLS_VERIFY_OPTIONAL
                                 : peer->trust_id == conn->set->trust.id &&
                                       hf_tls_peer_recheck(tls, conn->set, peer) == HF_TLS_REJECT_NONE;

    if (!accepted) { /* a full handshake follows, which says why */
        hf_tls_resume_drop(tls->resume, id, (size_t)id_bytes);
        hf_tls_peer_unref(peer);
        SSL_SESSION_free(session);
        atomic_fetch_add(&tls->resume_refused_total, 1);
        return NULL;
    }
    hf_tls_peer_unref(conn->offered);
    conn->offered = peer;
    memcpy(conn->resumed_id, id, sizeof(conn->resumed_id));
    conn->has_resumed_id = true;
    return session;
}

static int on_ticket_key(SSL *ssl, unsigned char *key_name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int encrypt)
{
    return hf_tls_tickets_callback(hf_tls_conn(ssl)->tls->tickets, key_name, iv, cipher, mac, encrypt);
}

/* --- making a context --- */

static hf_err check_key(const struct hf_tls_config *config, EVP_PKEY *key, char *error, size_t error_bytes)
{
    char group[32] = "";
    size_t group_bytes = 0;

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        if (EVP_PKEY_get_group_name(key, group, sizeof(group), &group_bytes) == 1 &&
            (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0))
            return HF_OK;
        snprintf(error, error_bytes,
                 "key file '%s' is an EC key on %s; make one on P-256: `holdfast gen cert`", config->key_file,
                 group[0] == '\0' ? "another curve" : group);
        return HF_ERR_INVALID;
    case EVP_PKEY_RSA:
        if (config->allow_rsa && EVP_PKEY_get_bits(key) >= 2048)
            return HF_OK;
        if (config->allow_rsa)
            snprintf(error, error_bytes, "key file '%s' is an RSA key of %d bits; at least 2048 are needed",
                     config->key_file, EVP_PKEY_get_bits(key));
        else
            snprintf(
                error, error_bytes,
                "key file '%s' is an RSA key, which costs about 40 times more per handshake; use ECDSA P-256 "
                "(`holdfast gen cert`) or set allow_rsa",
                config->key_file);
        return HF_ERR_INVALID;
    default:
        snprintf(error, error_bytes,
                 "key file '%s' is of a kind not taken here; use ECDSA P-256: `holdfast gen cert`",
                 config->key_file);
        return HF_ERR_INVALID;
    }
}

static bool ctx_set_protocol(SSL_CTX *ctx, const struct hf_tls_config *config)
{
    /* AES-128 with SHA-256 first: cheapest to derive and to run; a client that prefers ChaCha20 gets it. */
    return SSL_CTX_set_min_proto_version(ctx, config->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(
               ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, "ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:"
                                          "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:RSA+SHA256") == 1;
}

static void ctx_set_modes(SSL_CTX *ctx, const struct hf_tls_config *config)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_NO_ANTI_REPLAY);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_recv_max_early_data(ctx, 0);
    SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_BYTES_MAX);
    SSL_CTX_set_num_tickets(ctx, config->no_resumption ? 0 : 1);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    SSL_CTX_set_info_callback(ctx, on_info);
}

static bool ctx_set_resumption(SSL_CTX *ctx, const struct hf_tls *tls, const struct hf_tls_config *config)
{
    SSL_CTX_set_timeout(ctx, (long)tls->resume_life_s);
    if (SSL_CTX_set_session_id_context(ctx, tls->context_id, sizeof(tls->context_id)) != 1)
        return false;
    if (config->no_resumption) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    } else if (tls->verify == HF_TLS_VERIFY_NONE) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); /* a ticket is then an id */
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
        SSL_CTX_sess_set_get_cb(ctx, on_get_session);
    }
    return true;
}

static bool ctx_set_verification(SSL_CTX *ctx, struct hf_tls *tls, const struct tls_set *set)
{
    STACK_OF(X509_NAME) *names = NULL;

    if (tls->verify == HF_TLS_VERIFY_NONE) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (tls->verify == HF_TLS_VERIFY_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    SSL_CTX_set_cert_verify_callback(ctx, hf_tls_verify_callback, tls);
    names = sk_X509_NAME_deep_copy(set->trust.names, X509_NAME_dup, X509_NAME_free);
    if (names == NULL)
        return false;
    SSL_CTX_set_client_CA_list(ctx, names); /* takes */
    return SSL_CTX_set1_verify_cert_store(ctx, set->trust.store) == 1;
}

/* More than there is room for are refused by whoever reads them. */
static void name_files(const char *const *files, size_t count, struct hf_tls_input inputs[HF_TLS_FILES_MAX])
{
    for (size_t i = 0; i < count && i < HF_TLS_FILES_MAX; i++)
        inputs[i] = (struct hf_tls_input){.name = files[i]};
}

static hf_err set_load(struct hf_tls *tls, const struct hf_tls_config *config, struct tls_set **ret_set,
                       char *error, size_t error_bytes)
{
    struct tls_set *set = calloc(1, sizeof(*set));
    struct hf_tls_input cas[HF_TLS_FILES_MAX], crls[HF_TLS_FILES_MAX];
    hf_err err = HF_OK;

    if (set == NULL)
        return HF_ERR_NOMEM;
    set->tls = tls;
    if (config->cn_tenant != NULL && (set->cn_tenant = strdup(config->cn_tenant)) == NULL)
        err = HF_ERR_NOMEM;
    name_files(config->ca_files, config->ca_file_count, cas);
    name_files(config->crl_files, config->crl_file_count, crls);
    if (err == HF_OK && tls->verify != HF_TLS_VERIFY_NONE)
        err = hf_tls_load_trust(cas, config->ca_file_count, crls, config->crl_file_count, &set->trust, error,
                                error_bytes);
    if (err != HF_OK) {
        free(set->cn_tenant);
        free(set);
        return err;
    }
    *ret_set = set;
    return HF_OK;
}

static hf_err check_config(const struct hf_tls_config *config, char *error, size_t error_bytes)
{
    struct hf_tls_identity ignored;
    char urn[256];

    if (config->verify != HF_TLS_VERIFY_NONE && config->ca_file_count == 0) {
        snprintf(error, error_bytes, "client certificates are asked for but no client CA file is given");
        return HF_ERR_INVALID;
    }
    if (config->verify == HF_TLS_VERIFY_NONE && (config->ca_file_count > 0 || config->crl_file_count > 0)) {
        snprintf(error, error_bytes,
                 "client CA or CRL files are given but client certificates are not asked for; set verify to "
                 "optional or "
                 "required");
        return HF_ERR_INVALID;
    }
    if (config->cn_tenant != NULL) {
        int bytes = snprintf(urn, sizeof(urn), "urn:holdfast:%s:x", config->cn_tenant);

        if (bytes < 0 || (size_t)bytes >= sizeof(urn) ||
            hf_tls_parse_urn(urn, (size_t)bytes, &ignored) != HF_OK) {
            snprintf(error, error_bytes, "cn_tenant is not a tenant id: 1 to %d of A-Z a-z 0-9 . _ -",
                     HF_TLS_TENANT_BYTES_MAX);
            return HF_ERR_INVALID;
        }
    }
    return HF_OK;
}

hf_err hf_tls_ctx_new(struct hf_tls *tls, const struct hf_tls_config *config, SSL_CTX **ret_ctx, char *error,
                      size_t error_bytes)
{
    struct tls_chain chain = {0};
    struct tls_set *set = NULL;
    SSL_CTX *ctx = NULL;
    hf_err err = check_config(config, error, error_bytes);

    if (err != HF_OK)
        return err;
    err = hf_tls_load_chain(config->cert_file, config->key_file, &chain, error, error_bytes);
    if (err != HF_OK)
        goto out;
    err = check_key(config, chain.key, error, error_bytes);
    if (err != HF_OK)
        goto out;
    err = HF_ERR_NOMEM;
    ctx = SSL_CTX_new_ex(hf_tls_library(), NULL, TLS_server_method());
    if (ctx == NULL)
        goto out;
    err = set_load(tls, config, &set, error, error_bytes);
    if (err != HF_OK)
        goto out;
    err = HF_ERR_NOMEM;
    if (SSL_CTX_set_ex_data(ctx, set_slot, set) != 1) {
        set_slot_free(NULL, set, NULL, 0, 0, NULL);
        goto out;
    }
    set->cert_not_after_utc_ms = hf_tls_asn1_utc_ms(X509_get0_notAfter(chain.leaf));
    ctx_set_modes(ctx, config);
    if (!ctx_set_protocol(ctx, config) || !ctx_set_resumption(ctx, tls, config) ||
        !ctx_set_verification(ctx, tls, set))
        goto out;
    if (SSL_CTX_use_certificate(ctx, chain.leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, chain.key) != 1 ||
        SSL_CTX_set1_chain(ctx, chain.rest) != 1) {
        snprintf(error, error_bytes, "certificate '%s' cannot be used by a server: %s", config->cert_file,
                 ERR_reason_error_string(ERR_peek_last_error()));
        err = HF_ERR_INVALID;
        goto out;
    }
    *ret_ctx = ctx;
    ctx = NULL;
    err = HF_OK;
out:
    ERR_clear_error();
    SSL_CTX_free(ctx);
    hf_tls_chain_deinit(&chain);
    return err;
}
