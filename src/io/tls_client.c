/* io/tls_client.c - contexts of our own clients. */
#include "io/tls_client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "io/tls_internal.h"

enum { SERVER_NAME_BYTES_MAX = 253 };

struct hf_tls_client {
    SSL_CTX *ctx;
    uint8_t pins[HF_TLS_PINS_MAX][HF_TLS_PIN_BYTES];
    size_t pin_count;
    bool insecure;
};

struct client_conn {
    SSL_SESSION *session; /* owns; the newest ticket */
    enum hf_tls_client_verdict verdict;
};

static pthread_once_t slot_once = PTHREAD_ONCE_INIT; /* drawn once, never written again */
static int slot = -1;

static void slot_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    struct client_conn *conn = pointer;

    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    if (conn == NULL)
        return;
    SSL_SESSION_free(conn->session);
    free(conn);
}

static void slot_draw(void)
{
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, slot_free);
}

static hf_err pin_of(X509 *certificate, uint8_t ret_pin[HF_TLS_PIN_BYTES])
{
    unsigned char *der = NULL;
    int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

    if (bytes <= 0)
        return HF_ERR_NOMEM;
    hf_tls_sha256(der, (size_t)bytes, ret_pin);
    OPENSSL_free(der);
    return HF_OK;
}

/* FAILED: the key could not be looked at, for want of memory. That is no interception, and no match either. */
static enum hf_tls_client_verdict judge_pin(const struct hf_tls_client *client, X509 *certificate)
{
    uint8_t pin[HF_TLS_PIN_BYTES];

    if (client->pin_count == 0)
        return HF_TLS_CLIENT_OK;
    if (certificate == NULL || pin_of(certificate, pin) != HF_OK)
        return HF_TLS_CLIENT_FAILED;
    for (size_t i = 0; i < client->pin_count; i++)
        if (CRYPTO_memcmp(pin, client->pins[i], sizeof(pin)) == 0)
            return HF_TLS_CLIENT_OK;
    return HF_TLS_CLIENT_INTERCEPTED;
}

/* The pin comes first: where it does not match, why the chain fails as well is of no interest. */
static int on_verify(X509_STORE_CTX *verification, void *user)
{
    const struct hf_tls_client *client = user;
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct client_conn *conn = SSL_get_ex_data(ssl, slot);

    HF_ASSERT(conn != NULL);
    conn->verdict = judge_pin(client, X509_STORE_CTX_get0_cert(verification));
    if (conn->verdict != HF_TLS_CLIENT_OK) {
        X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    if (client->insecure) {
        X509_STORE_CTX_set_error(verification, X509_V_OK);
        return 1;
    }
    if (X509_verify_cert(verification) == 1)
        return 1;
    switch (X509_STORE_CTX_get_error(verification)) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: conn->verdict = HF_TLS_CLIENT_WRONG_NAME; break;
    default: conn->verdict = HF_TLS_CLIENT_UNTRUSTED; break;
    }
    return 0;
}

/* A copy: OpenSSL marks a connection's own session as not resumable when the connection ends without close_notify,
 * which is how most links end. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct client_conn *conn = SSL_get_ex_data(ssl, slot);
    SSL_SESSION *copy = conn == NULL ? NULL : SSL_SESSION_dup(session);

    if (copy != NULL) {
        SSL_SESSION_free(conn->session);
        conn->session = copy;
    }
    return 0; /* we took no reference */
}

static bool fragment_code(uint16_t bytes, uint8_t *ret_code)
{
    static const uint16_t sizes[] = {0, 512, 1024, 2048, 4096}; /* the index is RFC 6066's code */

    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        if (sizes[i] == bytes) {
            *ret_code = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static hf_err set_trust(SSL_CTX *ctx, const struct hf_tls_client_config *config, char *error,
                        size_t error_bytes)
{
    struct tls_trust trust = {0};
    hf_err err = HF_OK;

    if (config->insecure)
        return HF_OK;
    if (config->ca_file == NULL) {
        if (SSL_CTX_set_default_verify_paths(ctx) == 1)
            return HF_OK;
        snprintf(error, error_bytes, "the system has no trust store; give a CA file");
        return HF_ERR_INVALID;
    }
    err = hf_tls_load_trust(&(struct hf_tls_input){.name = config->ca_file}, 1, NULL, 0, &trust, error,
                            error_bytes);
    if (err == HF_OK)
        SSL_CTX_set1_cert_store(ctx, trust.store);
    hf_tls_trust_deinit(&trust);
    return err;
}

static hf_err set_own_certificate(SSL_CTX *ctx, const struct hf_tls_client_config *config, char *error,
                                  size_t error_bytes)
{
    struct tls_chain chain = {0};
    hf_err err = HF_OK;

    if (config->cert_file == NULL && config->key_file == NULL)
        return HF_OK;
    if (config->cert_file == NULL || config->key_file == NULL) {
        snprintf(error, error_bytes, "a client certificate needs both its certificate file and its key file");
        return HF_ERR_INVALID;
    }
    err = hf_tls_load_chain(config->cert_file, config->key_file, &chain, error, error_bytes);
    if (err == HF_OK &&
        (SSL_CTX_use_certificate(ctx, chain.leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, chain.key) != 1 ||
         SSL_CTX_set1_chain(ctx, chain.rest) != 1)) {
        snprintf(error, error_bytes, "certificate '%s' cannot be used: %s", config->cert_file,
                 ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
        err = HF_ERR_INVALID;
    }
    hf_tls_chain_deinit(&chain);
    return err;
}

static hf_err set_protocol(SSL_CTX *ctx, const struct hf_tls_client_config *config, char *error,
                           size_t error_bytes)
{
    uint8_t fragment = 0;
    static const unsigned char alpn[] = "\x08http/1.1";

    if (!fragment_code(config->max_fragment_bytes, &fragment)) {
        snprintf(error, error_bytes,
                 "the record size may be 512, 1024, 2048 or 4096 bytes, or 0 for no limit");
        return HF_ERR_INVALID;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    if (config->no_resumption)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(
        ctx, config->no_resumption ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    if (SSL_CTX_set_min_proto_version(ctx, config->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
        (fragment != 0 && SSL_CTX_set_tlsext_max_fragment_length(ctx, fragment) != 1) ||
        (!config->no_alpn && SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0))
        return HF_ERR_NOMEM;
    return HF_OK;
}

hf_err hf_tls_client_new(const struct hf_tls_client_config *config, struct hf_tls_client **ret_client,
                         char *error, size_t error_bytes)
{
    struct hf_tls_client *client = calloc(1, sizeof(*client));
    hf_err err = HF_ERR_NOMEM;

    HF_ASSERT(error_bytes > 0 && config->pin_count <= HF_TLS_PINS_MAX);
    snprintf(error, error_bytes, "%s", hf_err_text(HF_ERR_NOMEM));
    pthread_once(&slot_once, slot_draw);
    if (client == NULL || slot < 0)
        goto out;
    client->insecure = config->insecure;
    client->pin_count = config->pin_count;
    memcpy(client->pins, config->pins, sizeof(client->pins));
    client->ctx = SSL_CTX_new(TLS_client_method());
    if (client->ctx == NULL)
        goto out;
    /* Always asked for; `insecure` is decided in the callback so that pins count even then. */
    SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(client->ctx, on_verify, client);
    err = set_protocol(client->ctx, config, error, error_bytes);
    if (err == HF_OK)
        err = set_trust(client->ctx, config, error, error_bytes);
    if (err == HF_OK)
        err = set_own_certificate(client->ctx, config, error, error_bytes);
    if (err == HF_OK) {
        error[0] = '\0';
        *ret_client = client;
        client = NULL;
    }
out:
    hf_tls_client_free(client);
    return err;
}

void hf_tls_client_free(struct hf_tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->ctx);
    free(client);
}

static bool set_name(SSL *ssl, const char *server_name)
{
    uint8_t address[16];

    if (inet_pton(AF_INET, server_name, address) == 1 || inet_pton(AF_INET6, server_name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name) ==
               1; /* RFC 6066 3: never as SNI */
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, server_name) == 1 && SSL_set_tlsext_host_name(ssl, server_name) == 1;
}

SSL *hf_tls_client_connect_new(struct hf_tls_client *client, const char *server_name, SSL_SESSION *session)
{
    struct client_conn *conn = calloc(1, sizeof(*conn));
    SSL *ssl = NULL;
    SSL_SESSION *copy = NULL;
    size_t name_bytes = strlen(server_name);

    if (conn == NULL || name_bytes == 0 || name_bytes > SERVER_NAME_BYTES_MAX)
        goto bad;
    ssl = SSL_new(client->ctx);
    if (ssl == NULL || SSL_set_ex_data(ssl, slot, conn) != 1)
        goto bad;
    conn = NULL; /* the SSL frees it */
    if (!set_name(ssl, server_name))
        goto bad;
    /* A resumed handshake shows no certificate, so the pin is held against the one that the session was made with. A
     * copy again, so that the caller's survives this connection. */
    if (session != NULL && judge_pin(client, SSL_SESSION_get0_peer(session)) == HF_TLS_CLIENT_OK) {
        copy = SSL_SESSION_dup(session);
        if (copy == NULL || SSL_set_session(ssl, copy) != 1)
            goto bad;
        SSL_SESSION_free(copy);
        copy = NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
bad:
    ERR_clear_error();
    SSL_SESSION_free(copy);
    SSL_free(ssl);
    free(conn);
    return NULL;
}

SSL_SESSION *hf_tls_client_session(SSL *ssl)
{
    struct client_conn *conn = SSL_get_ex_data(ssl, slot);
    SSL_SESSION *session = conn == NULL ? NULL : conn->session;

    if (session != NULL && SSL_SESSION_is_resumable(session) != 1)
        return NULL;
    if (session != NULL)
        SSL_SESSION_up_ref(session);
    return session;
}

enum hf_tls_client_verdict hf_tls_client_verdict(const SSL *ssl)
{
    const struct client_conn *conn = SSL_get_ex_data(ssl, slot);

    if (conn != NULL && conn->verdict != HF_TLS_CLIENT_OK)
        return conn->verdict;
    return SSL_is_init_finished(ssl) ? HF_TLS_CLIENT_OK : HF_TLS_CLIENT_FAILED;
}

const char *hf_tls_client_verdict_text(enum hf_tls_client_verdict verdict)
{
    switch (verdict) {
    case HF_TLS_CLIENT_OK: return "the server is who it should be";
    case HF_TLS_CLIENT_INTERCEPTED: return "intercepted: the server's key is not the pinned one";
    case HF_TLS_CLIENT_UNTRUSTED:
        return "the server's certificate is not trusted; is the right CA file given?";
    case HF_TLS_CLIENT_WRONG_NAME: return "the server's certificate is for another name";
    default: return "the TLS handshake failed";
    }
}

hf_err hf_tls_client_pin_of(const char *cert_file, uint8_t ret_pin[HF_TLS_PIN_BYTES])
{
    FILE *in = fopen(cert_file, "re");
    X509 *certificate = in == NULL ? NULL : PEM_read_X509(in, NULL, NULL, NULL);
    hf_err err = in == NULL ? HF_ERR_IO : certificate == NULL ? HF_ERR_INVALID : pin_of(certificate, ret_pin);

    ERR_clear_error();
    X509_free(certificate);
    if (in != NULL)
        fclose(in);
    return err;
}
