/* io/stream_tls.c - OpenSSL over a stream. Ciphertext is received into the loop's buffer by one recv(); our BIO hands
 * it from there to SSL, which takes all of it before it asks for more, so the buffer belongs to one stream for the
 * time of one call only.
 *
 * Output goes from SSL to the socket directly. What the kernel does not take of a record is kept as the stream's
 * tail, and SSL is told that all was written: with a record pending inside SSL it could not answer a KeyUpdate of the
 * peer (OpenSSL 3.0 ends the connection with "bad length"), and reading goes on while we are blocked. New
 * plaintext is encrypted only when the tail is gone, so the tail is one record and small answers at most.
 *
 * Handshakes: a readable connection is disarmed (EPOLLONESHOT) and waits on pool->handshakes. At the end of each turn
 * they are served in order of arrival until the CPU budget is used up, so that live traffic goes on. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "io/clock.h"
#include "io/stream_pool.h"

enum decrypted { DECRYPTED_ALL, DECRYPTED_EOF, DECRYPTED_FAILED };

/* ---- BIO ---- */

static int bio_read(BIO *bio, char *into, int bytes)
{
    struct hf_stream *stream = BIO_get_data(bio);
    struct hf_stream_pool *pool = stream->loop->streams;
    size_t count = HF_MIN((size_t)bytes, pool->cipher_bytes);

    BIO_clear_retry_flags(bio);
    if (count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(into, pool->cipher_at, count);
    pool->cipher_at += count;
    pool->cipher_bytes -= count;
    return (int)count;
}

/* Bytes the kernel took, 0 = none for now, -1 = failed: errno is kept. */
static ssize_t send_cipher(struct hf_stream *stream, const uint8_t *data, size_t bytes)
{
    ssize_t sent;

    do {
        sent = send(stream->handle.fd, data, bytes, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    stream->loop->stats.sends++;
    if (HF_LIKELY(sent > 0)) {
        stream->loop->stats.sent_bytes += (uint64_t)sent;
        return sent;
    }
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
        return 0;
    stream->sys_errno = (uint16_t)errno;
    return -1;
}

static bool tail_append(struct hf_stream *stream, const uint8_t *data, size_t bytes)
{
    struct hf_stream_extra *extra = stream->extra;
    uint8_t *grown;

    if (bytes > HF_STREAM_TAIL_BYTES_MAX - hf_stream_tail_bytes(stream))
        return false;
    if (extra->tail_at > 0) {
        memmove(extra->tail, extra->tail + extra->tail_at, extra->tail_bytes - extra->tail_at);
        extra->tail_bytes -= extra->tail_at;
        extra->tail_at = 0;
    }
    grown = realloc(extra->tail, extra->tail_bytes + bytes);
    if (grown == NULL)
        return false;
    memcpy(grown + extra->tail_bytes, data, bytes);
    extra->tail = grown;
    extra->tail_bytes += (uint32_t)bytes;
    return true;
}

bool hf_stream_tls_flush_tail(struct hf_stream *stream)
{
    struct hf_stream_extra *extra = stream->extra;
    ssize_t sent;

    if (hf_stream_tail_bytes(stream) == 0)
        return true;
    sent = send_cipher(stream, extra->tail + extra->tail_at, hf_stream_tail_bytes(stream));
    if (sent < 0) {
        hf_stream_fail(stream, stream->sys_errno);
        return false;
    }
    extra->tail_at += (uint32_t)sent;
    if (extra->tail_at < extra->tail_bytes)
        return false;
    free(extra->tail);
    extra->tail = NULL;
    extra->tail_at = extra->tail_bytes = 0;
    return true;
}

static int bio_write(BIO *bio, const char *data, int bytes)
{
    struct hf_stream *stream = BIO_get_data(bio);
    const uint8_t *from = (const uint8_t *)data;
    ssize_t sent = 0;

    BIO_clear_retry_flags(bio);
    if (hf_stream_tail_bytes(stream) == 0)
        sent = send_cipher(stream, from, (size_t)bytes);
    if (HF_LIKELY(sent == bytes))
        return bytes;
    if (sent >= 0 && tail_append(stream, from + sent, (size_t)(bytes - sent)))
        return bytes;
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is buffered here */
}

BIO_METHOD *hf_stream_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "holdfast stream");

    if (method == NULL)
        return NULL;
    if (BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
        BIO_meth_set_ctrl(method, bio_ctrl))
        return method;
    BIO_meth_free(method);
    return NULL;
}

hf_err hf_stream_tls_setup(struct hf_stream *stream)
{
    SSL *ssl = stream->extra->ssl;
    BIO *bio = BIO_new(stream->loop->streams->bio_method);

    if (bio == NULL)
        return HF_ERR_NOMEM;
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* gives it */
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return HF_OK;
}

/* ---- records ---- */

/* Decrypts what was received into pool->receive. */
static enum decrypted decrypt(struct hf_stream *stream, size_t *ret_bytes)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    SSL *ssl = stream->extra->ssl;
    size_t total = 0, got;

    for (;;) {
        ERR_clear_error(); /* SSL_get_error() would take an old error of this thread for ours */
        if (!SSL_read_ex(ssl, pool->receive + total, pool->plain_bytes_max - total, &got))
            break;
        total += got;
        HF_ASSERT(total < pool->plain_bytes_max || pool->cipher_bytes == 0);
        if (pool->cipher_bytes == 0 && !SSL_has_pending(ssl)) {
            *ret_bytes = total;
            return DECRYPTED_ALL; /* spares a call that could only say: more is wanted */
        }
    }
    *ret_bytes = total;
    switch (SSL_get_error(ssl, 0)) {
    case SSL_ERROR_WANT_READ: return DECRYPTED_ALL;
    case SSL_ERROR_ZERO_RETURN: return DECRYPTED_EOF;
    default: return DECRYPTED_FAILED;
    }
}

static void after_decrypt(struct hf_stream *stream, enum decrypted result)
{
    if (stream->flags & (STREAM_GONE | STREAM_FAILED))
        return;
    switch (result) {
    case DECRYPTED_ALL: break;
    case DECRYPTED_EOF:
        if (!(stream->flags & STREAM_FINISHING)) /* otherwise its FIN is still to come */
            hf_stream_end(stream, HF_LINK_END_EOF, 0);
        break;
    case DECRYPTED_FAILED: hf_stream_end(stream, HF_LINK_END_TLS_FAILED, stream->sys_errno); break;
    }
}

static void read_records(struct hf_stream *stream)
{
    size_t bytes;
    enum decrypted result = decrypt(stream, &bytes);

    if (bytes > 0)
        hf_stream_deliver(stream, stream->loop->streams->receive, bytes);
    after_decrypt(stream, result);
}

void hf_stream_tls_read(struct hf_stream *stream)
{
    ssize_t got = hf_stream_receive_cipher(stream);

    if (HF_LIKELY(got > 0))
        read_records(stream);
    else if (got == 0)
        hf_stream_end(stream, HF_LINK_END_EOF, 0);
    else if (got == -2)
        hf_stream_end(stream, HF_LINK_END_RESET, errno);
}

bool hf_stream_tls_read_last(struct hf_stream *stream)
{
    size_t bytes = 0;
    enum decrypted result;

    if (hf_stream_receive_cipher(stream) <= 0)
        return false;
    result = decrypt(stream, &bytes);
    if (bytes > 0)
        hf_stream_deliver(stream, stream->loop->streams->receive, bytes);
    return result == DECRYPTED_ALL;
}

ssize_t hf_stream_tls_write(struct hf_stream *stream, const void *data, size_t bytes)
{
    size_t taken;

    if (hf_stream_tail_bytes(stream) > 0)
        return 0;
    ERR_clear_error();
    if (SSL_write_ex(stream->extra->ssl, data, bytes, &taken))
        return (ssize_t)taken;
    if (stream->sys_errno == 0) /* not the socket's fault */
        stream->flags |= STREAM_TLS_ERROR;
    hf_stream_fail(stream, stream->sys_errno);
    return -1;
}

void hf_stream_tls_close_notify(struct hf_stream *stream)
{
    ERR_clear_error();
    (void)SSL_shutdown(stream->extra->ssl); /* should it fail, the FIN that follows says the same */
}

/* ---- handshakes ---- */

uint32_t hf_stream_tls_first_events(const struct hf_stream *stream)
{
    /* A client speaks first; its stream goes to the queue at once. */
    return (SSL_is_server(stream->extra->ssl) ? EPOLLIN : 0) | EPOLLONESHOT;
}

static void enqueue(struct hf_stream *stream)
{
    struct hf_loop_stats *stats = &stream->loop->stats;

    if (stream->flags & (STREAM_WAITING | STREAM_FINISHING | STREAM_FAILED))
        return;
    hf_stream_schedule(stream, &stream->loop->streams->handshakes);
    stream->flags |= STREAM_WAITING;
    stats->handshakes_waiting++;
    stats->handshakes_waiting_max_seen =
        HF_MAX(stats->handshakes_waiting_max_seen, stats->handshakes_waiting);
}

void hf_stream_on_handshake(struct hf_handle *handle, uint32_t events)
{
    (void)events;
    enqueue(HF_CONTAINER_OF(handle, struct hf_stream, handle));
}

void hf_stream_tls_start(struct hf_stream *stream)
{
    stream->handle.on_event = hf_stream_on_handshake;
    if (stream->handle.events != hf_stream_tls_first_events(stream)) /* it was connecting */
        hf_loop_change(stream->loop, &stream->handle, hf_stream_tls_first_events(stream));
    if (!SSL_is_server(stream->extra->ssl))
        enqueue(stream);
}

static void handshake_done(struct hf_stream *stream)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    enum decrypted result;
    size_t bytes = 0;

    stream->loop->stats.handshakes_done++;
    /* The client's first request may have come together with its Finished. */
    result = pool->cipher_bytes > 0 || SSL_has_pending(stream->extra->ssl) ? decrypt(stream, &bytes)
                                                                           : DECRYPTED_ALL;
    pool->undelivered = stream;
    pool->undelivered_bytes = bytes;
    hf_stream_become_ready(stream);
    pool->undelivered = NULL;
    if (stream->flags & (STREAM_GONE | STREAM_FAILED))
        return;
    if (bytes > 0)
        hf_stream_deliver(stream, pool->receive, bytes);
    after_decrypt(stream, result);
}

static void handshake_failed(struct hf_stream *stream)
{
    stream->loop->stats.handshakes_failed++;
    hf_stream_end(stream, HF_LINK_END_TLS_FAILED, stream->sys_errno);
}

static void handshake_step(struct hf_stream *stream)
{
    ssize_t got = hf_stream_receive_cipher(stream);
    int error = errno, done;

    (void)hf_stream_tls_flush_tail(stream);
    if (stream->flags & STREAM_FAILED)
        return; /* told in the next turn */
    if (got == 0 || got == -2) {
        stream->loop->stats.handshakes_failed++;
        hf_stream_end(stream, got == 0 ? HF_LINK_END_EOF : HF_LINK_END_RESET, got == 0 ? 0 : error);
        return;
    }
    ERR_clear_error();
    done = SSL_do_handshake(stream->extra->ssl);
    if (done == 1) {
        handshake_done(stream);
        return;
    }
    if (SSL_get_error(stream->extra->ssl, done) == SSL_ERROR_WANT_READ) {
        hf_loop_change(stream->loop, &stream->handle,
                       EPOLLIN | EPOLLONESHOT | (hf_stream_tail_bytes(stream) > 0 ? EPOLLOUT : 0));
        return;
    }
    handshake_failed(stream);
}

void hf_stream_pool_run_handshakes(struct hf_stream_pool *pool)
{
    struct hf_loop_stats *stats = &pool->loop->stats;
    uint64_t budget_ns = (uint64_t)pool->loop->options.handshake_budget_us * 1000, begin_ns, used_ns = 0;

    if (HF_LIKELY(hf_list_empty(&pool->handshakes)))
        return;
    begin_ns = hf_clock_thread_ns();
    while (!hf_list_empty(&pool->handshakes) && used_ns < budget_ns) {
        struct hf_stream *stream = HF_CONTAINER_OF(pool->handshakes.next, struct hf_stream, node);

        hf_list_remove(&stream->node);
        stream->flags &= (uint16_t)~STREAM_WAITING;
        stats->handshakes_waiting--;
        handshake_step(stream);
        used_ns = hf_clock_thread_ns() - begin_ns;
    }
    stats->handshake_cpu_ns += used_ns;
    stats->handshakes_put_off += stats->handshakes_waiting;
    hf_stream_pool_flush(pool); /* what the new ones answered */
}
