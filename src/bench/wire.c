#include "bench/wire.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static enum hf_bench_cause cause_of(int code)
{
    switch (code) {
    case ETIMEDOUT: return HF_BENCH_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EINVAL: return HF_BENCH_LOCAL;
    default: return HF_BENCH_REFUSED;
    }
}

static bool open_socket(struct hf_bench_wire *wire, int epoll_fd, void *tag,
                        const struct hf_bench_target *target, const struct sockaddr_storage *source,
                        socklen_t source_bytes)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = tag};
    int on = 1;
    int fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *wire = (struct hf_bench_wire){.fd = fd};
    if (fd < 0)
        return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (source != NULL) {
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)source, source_bytes) < 0)
            return false;
    }
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool hf_bench_wire_dial(struct hf_bench_wire *wire, int epoll_fd, void *tag,
                        const struct hf_bench_target *target, const struct sockaddr_storage *source,
                        socklen_t source_bytes, enum hf_bench_cause *ret_cause)
{
    bool rested = wire->fd >= 0;

    if ((rested || open_socket(wire, epoll_fd, tag, target, source, source_bytes)) &&
        (connect(wire->fd, (const struct sockaddr *)&target->address, target->address_bytes) == 0 ||
         errno == EINPROGRESS))
        return true;
    *ret_cause = cause_of(errno);
    hf_bench_wire_close(wire, true);
    return false;
}

bool hf_bench_wire_connected(struct hf_bench_wire *wire, enum hf_bench_cause *ret_cause)
{
    int code = 0;
    socklen_t code_bytes = sizeof(code);

    if (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &code, &code_bytes) < 0)
        code = errno;
    *ret_cause = cause_of(code);
    return code == 0;
}

bool hf_bench_wire_tls_begin(struct hf_bench_wire *wire, struct hf_tls_client *client, const char *host)
{
    wire->ssl = hf_tls_client_connect_new(client, host, NULL);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1)
        return false;
    SSL_set_mode(wire->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
    return true;
}

static int tls_outcome(SSL *ssl, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return HF_BENCH_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return HF_BENCH_IO_EOF;
    default: return HF_BENCH_IO_ERROR;
    }
}

int hf_bench_wire_tls_step(struct hf_bench_wire *wire)
{
    ERR_clear_error();
    int result = SSL_connect(wire->ssl);

    if (result == 1)
        return 0;
    return tls_outcome(wire->ssl, result) == HF_BENCH_IO_AGAIN ? HF_BENCH_IO_AGAIN : HF_BENCH_IO_ERROR;
}

ssize_t hf_bench_wire_read(struct hf_bench_wire *wire, void *out, size_t bytes)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int n = SSL_read(wire->ssl, out, (int)bytes);

        return n > 0 ? n : tls_outcome(wire->ssl, n);
    }
    ssize_t n = recv(wire->fd, out, bytes, 0);

    if (n > 0)
        return n;
    if (n == 0)
        return HF_BENCH_IO_EOF;
    return errno == EAGAIN || errno == EINTR ? HF_BENCH_IO_AGAIN : HF_BENCH_IO_ERROR;
}

ssize_t hf_bench_wire_write(struct hf_bench_wire *wire, const void *data, size_t bytes)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int n = SSL_write(wire->ssl, data, (int)bytes);

        return n > 0 ? n : tls_outcome(wire->ssl, n);
    }
    ssize_t n = send(wire->fd, data, bytes, MSG_NOSIGNAL);

    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? HF_BENCH_IO_AGAIN : HF_BENCH_IO_ERROR;
}

void hf_bench_wire_rest(struct hf_bench_wire *wire)
{
    static const struct sockaddr nobody = {.sa_family =
                                               AF_UNSPEC}; /* connect(2): dissolves the association */

    SSL_free(wire->ssl);
    wire->ssl = NULL;
    if (wire->fd >= 0 && connect(wire->fd, &nobody, sizeof(nobody)) < 0)
        hf_bench_wire_close(wire, true);
}

void hf_bench_wire_close(struct hf_bench_wire *wire, bool abort)
{
    SSL_free(wire->ssl);
    wire->ssl = NULL;
    if (wire->fd < 0)
        return;
    if (abort)
        (void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                         sizeof(struct linger));
    (void)close(wire->fd);
    wire->fd = -1;
}
