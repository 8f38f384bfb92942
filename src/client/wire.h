/* client/wire.h - a connected socket, plain or TLS, that never raises SIGPIPE: a library cannot ask its program to ignore it. Non-blocking. */
#ifndef HF_CLIENT_WIRE_H
#define HF_CLIENT_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct hf_client_wire {
    int fd;            /* owns; -1 = none */
    SSL *ssl;          /* owns; NULL = plain */
    bool wants_write;  /* something waits until the socket takes more */
    const char *alert; /* with which the peer ended TLS, as OpenSSL calls it; NULL = it did not */
};

/* Of one client; NULL: no memory. Freed by BIO_meth_free(). */
BIO_METHOD *hf_client_wire_method(void);
/* Takes ssl over. HF_ERR_NOMEM: it is freed. */
hf_err hf_client_wire_tls(struct hf_client_wire *wire, SSL *ssl, BIO_METHOD *method);
/* HF_OK: done; HF_ERR_AGAIN; HF_ERR_IO. */
hf_err hf_client_wire_handshake(struct hf_client_wire *wire);
/* *ret_bytes > 0 with HF_OK. HF_ERR_AGAIN, HF_ERR_CLOSED (the peer's end), HF_ERR_IO. */
hf_err hf_client_wire_read(struct hf_client_wire *wire, void *out, size_t out_bytes, size_t *ret_bytes);
/* How many bytes were taken; fewer: wants_write is set. After an error nothing more is taken: reading tells it. */
size_t hf_client_wire_write(struct hf_client_wire *wire, const void *data, size_t bytes);
void hf_client_wire_close(struct hf_client_wire *wire, bool flush); /* twice is harmless */

#endif
