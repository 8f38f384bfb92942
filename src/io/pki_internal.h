/* io/pki_internal.h - shared by the files of io/pki*.c and by nobody else. */
#ifndef HF_IO_PKI_INTERNAL_H
#define HF_IO_PKI_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "io/pki.h"

struct hf_pki_ca {
    X509 *certificate;
    EVP_PKEY *key;
    STACK_OF(X509) * above; /* intermediates between us and the root, nearest first, without the root */
};

/* HF_ERR_IO: OpenSSL refused something that should work; `error` gets its words. */
hf_err hf_pki_failed(const char *what, char *error, size_t error_bytes);
EVP_PKEY *hf_pki_key_new(void); /* ECDSA P-256; NULL = no memory or entropy */
hf_err hf_pki_key_pem(EVP_PKEY *key, char *out, size_t out_bytes);
/* PEM of the certificates one after another. */
hf_err hf_pki_certificates_pem(X509 *first, STACK_OF(X509) * rest, char *out, size_t out_bytes);

#endif
