/* io/stream_testkit.h - for tests and benches only: a loop, TCP pairs over loopback, a handler that records what
 * it is told, and a certificate. Nothing waits for time to pass: loops turn until something is true. */
#ifndef HF_IO_STREAM_TESTKIT_H
#define HF_IO_STREAM_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/connect.h"
#include "io/listener.h"
#include "io/stream.h"

#define KIT static inline __attribute__((unused)) /* each program uses some of these */

enum { KIT_TURNS_MAX = 100000, KIT_IN_MAX = 4 << 20 };

/* One end of a connection as its user sees it. */
struct kit_end {
    struct hf_stream *stream; /* NULL after on_end */
    uint8_t *in;              /* everything that came, up to KIT_IN_MAX */
    size_t in_bytes;
    unsigned reads, ready, blocked, drained, ends;
    enum hf_link_end end;
    int sys_errno;
    void (*act)(struct kit_end *end, uint8_t *data, size_t bytes); /* in on_data, after recording */
    void (*act_ready)(struct kit_end *end);
    void *context;
};

KIT void kit_on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct kit_end *end = link->user;

    assert_true(bytes > 0);
    assert_true(end->in_bytes + bytes <= KIT_IN_MAX);
    if (end->in == NULL)
        end->in = malloc(KIT_IN_MAX);
    assert_non_null(end->in);
    memcpy(end->in + end->in_bytes, data, bytes);
    end->in_bytes += bytes;
    end->reads++;
    if (end->act != NULL)
        end->act(end, data, bytes);
}

KIT void kit_on_drained(struct hf_link *link)
{
    struct kit_end *end = link->user;

    assert_int_equal(link->ops->queued_bytes(link), 0);
    end->drained++;
}

KIT void kit_on_blocked(struct hf_link *link)
{
    struct kit_end *end = link->user;

    assert_int_equal(end->blocked, end->drained); /* once between two on_drained */
    end->blocked++;
}

KIT void kit_on_end(struct hf_link *link, enum hf_link_end how, int sys_errno)
{
    struct kit_end *end = link->user;

    assert_int_equal(link->ops->write(link, "x", 1), HF_ERR_CLOSED);
    end->ends++;
    end->end = how;
    end->sys_errno = sys_errno;
    end->stream = NULL;
}

KIT void kit_on_ready(struct hf_link *link)
{
    struct kit_end *end = link->user;

    end->ready++;
    if (end->act_ready != NULL)
        end->act_ready(end);
}

static const struct hf_link_handler kit_handler = {
    .on_data = kit_on_data,
    .on_drained = kit_on_drained,
    .on_blocked = kit_on_blocked,
    .on_end = kit_on_end,
};

KIT void kit_end_free(struct kit_end *end)
{
    free(end->in);
    end->in = NULL;
}

KIT hf_err kit_write(struct kit_end *end, const void *data, size_t bytes)
{
    return end->stream->link.ops->write(&end->stream->link, data, bytes);
}

KIT size_t kit_queued(const struct kit_end *end)
{
    return end->stream->link.ops->queued_bytes(&end->stream->link);
}

KIT void kit_finish(struct kit_end *end)
{
    end->stream->link.ops->finish(&end->stream->link);
}

KIT void kit_abort(struct kit_end *end)
{
    end->stream->link.ops->abort(&end->stream->link);
    end->stream = NULL;
}

KIT struct hf_loop *kit_loop(const struct hf_loop_options *options)
{
    struct hf_loop *loop = hf_loop_new(options);

    assert_non_null(loop);
    return loop;
}

KIT void kit_turns(struct hf_loop *loop, unsigned turns)
{
    while (turns-- > 0)
        hf_loop_turn(loop, 0);
}

enum { KIT_IDLE_MS = 100, KIT_IDLE_TURNS_MAX = 100 };

/* Turns the loop until the condition holds; gives up when nothing at all happens any more. */
#define KIT_UNTIL(loop, condition)                                            \
    do {                                                                      \
        unsigned kit_left = KIT_TURNS_MAX, kit_idle = 0;                      \
        while (!(condition)) {                                                \
            uint64_t kit_before = (loop)->stats.events;                       \
            assert_true(kit_left-- > 0);                                      \
            hf_loop_turn((loop), KIT_IDLE_MS);                                \
            kit_idle = (loop)->stats.events == kit_before ? kit_idle + 1 : 0; \
            assert_true(kit_idle < KIT_IDLE_TURNS_MAX);                       \
        }                                                                     \
    } while (0)

/* Two connected non-blocking descriptors; send_bytes and receive_bytes > 0 make their buffers as small as they go. */
KIT void kit_pair(int *ret_ours, int *ret_peer, int send_bytes, int receive_bytes)
{
    union hf_address address;
    socklen_t address_bytes = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(hf_address_parse("127.0.0.1:0", &address), HF_OK);
    if (send_bytes > 0)
        assert_int_equal(setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)), 0);
    assert_int_equal(bind(listening, &address.any, hf_address_bytes(&address)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, &address.any, &address_bytes), 0);
    *ret_peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0)
        assert_int_equal(setsockopt(*ret_peer, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)),
                         0);
    assert_int_equal(connect(*ret_peer, &address.any, address_bytes), 0);
    *ret_ours = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_ours >= 0);
    assert_int_equal(hf_socket_tune(*ret_ours, 0), HF_OK);
    assert_int_equal(hf_socket_tune(*ret_peer, 0), HF_OK);
    close(listening);
}

/* A stream over one end of a new pair; returns the other end, a blocking descriptor. */
KIT int kit_open(struct hf_loop *loop, struct kit_end *end, int send_bytes, int receive_bytes)
{
    int ours, peer;

    kit_pair(&ours, &peer, send_bytes, receive_bytes);
    assert_int_equal(hf_stream_open(loop, ours, NULL, &kit_handler, end, &end->stream), HF_OK);
    return peer;
}

KIT void kit_send(int fd, const void *data, size_t bytes)
{
    assert_int_equal(send(fd, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
}

/* What is there now, without waiting; -1 with errno, 0 at the end. */
KIT ssize_t kit_receive(int fd, void *into, size_t bytes)
{
    return recv(fd, into, bytes, MSG_DONTWAIT);
}

/* Turns the loop until `bytes` came to the descriptor or its end; returns how many came. */
KIT size_t kit_receive_all(struct hf_loop *loop, int fd, uint8_t *into, size_t bytes)
{
    size_t got = 0;

    for (unsigned i = 0; i < KIT_TURNS_MAX && got < bytes; i++) {
        ssize_t part = kit_receive(fd, into + got, bytes - got);

        if (part == 0 || (part < 0 && errno != EAGAIN))
            return got;
        got += part > 0 ? (size_t)part : 0;
        hf_loop_turn(loop, 0);
    }
    return got;
}

KIT unsigned kit_open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

KIT void kit_fill(uint8_t *data, size_t bytes) /* a pattern in which no shift is equal */
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)((i * 2654435761u) >> 13);
}

/* ---- TLS ---- */

KIT SSL_CTX *kit_server_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    assert_true(key != NULL && cert != NULL && context != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const uint8_t *)"localhost",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    X509_free(cert);
    EVP_PKEY_free(key);
    return context;
}

KIT SSL *kit_ssl(SSL_CTX *context, bool server)
{
    SSL *ssl = SSL_new(context);

    assert_non_null(ssl);
    if (server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

/* close() of it sends RST. */
KIT void kit_reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
}

#endif
