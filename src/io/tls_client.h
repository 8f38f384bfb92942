/* io/tls_client.h - the client side of TLS for our own connections (agent, connect, bench, bridges). TLS 1.3 unless
 * 1.2 is asked for; the server's name and chain are always checked unless `insecure` says otherwise in so many words.
 * A pinned SPKI (TLS-11) is checked besides the chain: its mismatch is the only verdict "intercepted". */
#ifndef HF_IO_TLS_CLIENT_H
#define HF_IO_TLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { HF_TLS_PINS_MAX = 4, HF_TLS_PIN_BYTES = 32 };

struct hf_tls_client_config {
    const char *ca_file;                             /* PEM; NULL = the system's trust store */
    const char *cert_file;                           /* PEM chain of our own certificate; NULL = none */
    const char *key_file;                            /* its key */
    uint8_t pins[HF_TLS_PINS_MAX][HF_TLS_PIN_BYTES]; /* SHA-256 of SubjectPublicKeyInfo; current and next */
    size_t pin_count;
    uint16_t max_fragment_bytes; /* 0, 512, 1024, 2048 or 4096: RFC 6066 for constrained clients */
    bool allow_tls12;
    bool insecure; /* no check of chain and name; pins still count */
    bool no_resumption;
    bool no_alpn; /* else http/1.1 is offered; brokers of MQTT are mostly told nothing */
};

struct hf_tls_client; /* opaque; shared by threads */

/* HF_ERR_INVALID: `error` names the file and the fix. */
hf_err hf_tls_client_new(const struct hf_tls_client_config *config, struct hf_tls_client **ret_client,
                         char *error, size_t error_bytes);
void hf_tls_client_free(struct hf_tls_client *client);

/* A fresh client SSL without BIO or descriptor. server_name is a DNS name (sent as SNI) or an address in text form
 * (checked against SAN IP). `session` resumes and may be NULL; borrowed. NULL on no memory or a name above 253 bytes. */
SSL *hf_tls_client_connect_new(struct hf_tls_client *client, const char *server_name, SSL_SESSION *session);

/* The newest ticket this connection got, or NULL; the caller frees it with SSL_SESSION_free(). TLS 1.3 servers send it
 * after the handshake, so ask after the first read, or when closing. */
SSL_SESSION *hf_tls_client_session(SSL *ssl);

enum hf_tls_client_verdict {
    HF_TLS_CLIENT_OK,
    HF_TLS_CLIENT_INTERCEPTED, /* the pin did not match */
    HF_TLS_CLIENT_UNTRUSTED,   /* chain or validity */
    HF_TLS_CLIENT_WRONG_NAME,
    HF_TLS_CLIENT_FAILED, /* anything else */
};
/* After a handshake, whether it failed or not. */
enum hf_tls_client_verdict hf_tls_client_verdict(const SSL *ssl);
const char *hf_tls_client_verdict_text(enum hf_tls_client_verdict verdict); /* for people; never NULL */

/* SHA-256 of the SubjectPublicKeyInfo of the first certificate in a PEM file: what to pin. */
hf_err hf_tls_client_pin_of(const char *cert_file, uint8_t ret_pin[HF_TLS_PIN_BYTES]);

#endif
