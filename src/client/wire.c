#include "client/wire.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

/* ---- OpenSSL's way to the socket: recv() and send(), because write() would raise SIGPIPE ---- */

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_read(BIO *bio, char *into, int bytes)
{
    ssize_t got;

    BIO_clear_retry_flags(bio);
    do
        got = recv(fd_of(bio), into, (size_t)bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    return (int)got;
}

static int bio_write(BIO *bio, const char *data, int bytes)
{
    ssize_t sent;

    BIO_clear_retry_flags(bio);
    do
        sent = send(fd_of(bio), data, (size_t)bytes, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    return (int)sent;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *hf_client_wire_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "holdfast");

    if (method != NULL && BIO_meth_set_read(method, bio_read) == 1 &&
        BIO_meth_set_write(method, bio_write) == 1 && BIO_meth_set_ctrl(method, bio_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

hf_err hf_client_wire_tls(struct hf_client_wire *wire, SSL *ssl, BIO_METHOD *method)
{
    BIO *bio = BIO_new(method);

    HF_ASSERT(wire->fd >= 0 && wire->ssl == NULL);
    if (bio == NULL) {
        SSL_free(ssl);
        return HF_ERR_NOMEM;
    }
    BIO_set_data(bio, (void *)(intptr_t)wire->fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    wire->ssl = ssl;
    wire->alert = NULL;
    return HF_OK;
}

static const char *alert_of(unsigned long error)
{
    int reason = ERR_GET_REASON(error);

    if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
        reason > SSL_AD_REASON_OFFSET + UINT8_MAX)
        return NULL;
    return ERR_reason_error_string(error);
}

static hf_err verdict(struct hf_client_wire *wire, int result)
{
    int error = SSL_get_error(wire->ssl, result);

    if (error == SSL_ERROR_SSL && wire->alert == NULL)
        wire->alert = alert_of(ERR_peek_last_error());
    if (error == SSL_ERROR_WANT_WRITE)
        wire->wants_write = true;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return HF_ERR_AGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? HF_ERR_CLOSED : HF_ERR_IO;
}

hf_err hf_client_wire_handshake(struct hf_client_wire *wire)
{
    int result;

    ERR_clear_error();
    wire->wants_write = false;
    result = SSL_do_handshake(wire->ssl);
    return result == 1 ? HF_OK : verdict(wire, result) == HF_ERR_AGAIN ? HF_ERR_AGAIN : HF_ERR_IO;
}

hf_err hf_client_wire_read(struct hf_client_wire *wire, void *out, size_t out_bytes, size_t *ret_bytes)
{
    ssize_t got;

    *ret_bytes = 0;
    if (wire->ssl != NULL) {
        int result;

        ERR_clear_error();
        result = SSL_read_ex(wire->ssl, out, out_bytes, ret_bytes);
        return result == 1 ? HF_OK : verdict(wire, result);
    }
    do
        got = recv(wire->fd, out, out_bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        *ret_bytes = (size_t)got;
    if (got >= 0)
        return got > 0 ? HF_OK : HF_ERR_CLOSED;
    return errno == EAGAIN ? HF_ERR_AGAIN : HF_ERR_IO;
}

size_t hf_client_wire_write(struct hf_client_wire *wire, const void *data, size_t bytes)
{
    size_t taken = 0;

    wire->wants_write = false;
    while (taken < bytes) {
        size_t some = 0;

        if (wire->ssl != NULL) {
            int result;

            ERR_clear_error();
            result = SSL_write_ex(wire->ssl, (const char *)data + taken, bytes - taken, &some);
            if (result != 1) {
                (void)verdict(wire, result);
                break;
            }
        } else {
            ssize_t sent = send(wire->fd, (const char *)data + taken, bytes - taken, MSG_NOSIGNAL);

            if (sent < 0 && errno == EINTR)
                continue;
            if (sent < 0) {
                wire->wants_write = errno == EAGAIN;
                break;
            }
            some = (size_t)sent;
        }
        taken += some;
    }
    return taken;
}

void hf_client_wire_close(struct hf_client_wire *wire, bool flush)
{
    if (wire->ssl != NULL && flush)
        (void)SSL_shutdown(wire->ssl);
    ERR_clear_error();
    SSL_free(wire->ssl);
    if (wire->fd >= 0)
        (void)close(wire->fd);
    *wire = (struct hf_client_wire){.fd = -1};
}
