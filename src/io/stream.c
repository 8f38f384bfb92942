#include "io/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/stream_pool.h"

enum {
    READ_EVENTS = EPOLLIN | EPOLLRDHUP,
    NOT_READY = STREAM_CONNECTING | STREAM_HANDSHAKE,
    AFTER_DATA =
        STREAM_FINISHING | STREAM_BLOCKED | STREAM_TOLD, /* on_data may have to be followed by settle */
};

/* ---- beginning and end ---- */

static struct hf_stream_extra *extra_of(struct hf_stream *stream) /* makes it; NULL on no memory */
{
    if (stream->extra == NULL)
        stream->extra = hf_slab_take(stream->loop->streams->extras);
    return stream->extra;
}

void hf_stream_extra_free(struct hf_stream *stream)
{
    struct hf_stream_extra *extra = stream->extra;

    if (extra == NULL)
        return;
    if (extra->ssl != NULL) {
        /* Without this mark OpenSSL takes the session for broken and forgets it; a connection that was merely lost shall
         * be resumed by its ticket. */
        if (!(stream->flags & (STREAM_TLS_ERROR | STREAM_HANDSHAKE)))
            SSL_set_shutdown(extra->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(extra->ssl);
    }
    free(extra->rest);
    free(extra->tail);
    hf_slab_give(stream->loop->streams->extras, extra);
    stream->extra = NULL;
}

void hf_stream_schedule(struct hf_stream *stream, struct hf_list_node *list)
{
    if (stream->flags & STREAM_WAITING) {
        stream->flags &= (uint16_t)~STREAM_WAITING;
        stream->loop->stats.handshakes_waiting--;
    }
    hf_list_remove(&stream->node);
    hf_list_push_back(list, &stream->node);
}

void hf_stream_retire(struct hf_stream *stream)
{
    struct hf_stream_pool *pool = stream->loop->streams;

    HF_ASSERT(!(stream->flags & STREAM_GONE));
    hf_stream_schedule(stream, &pool->closed);
    hf_stream_queue_drop(stream);
    if (pool->corked == stream) {
        pool->corked = NULL;
        pool->cork_bytes = 0;
    }
    hf_stream_extra_free(stream);
    hf_loop_close(stream->loop, &stream->handle);
    stream->flags |= STREAM_GONE;
    stream->loop->stats.streams_now--;
}

void hf_stream_end(struct hf_stream *stream, enum hf_link_end end, int sys_errno)
{
    struct hf_loop_stats *stats = &stream->loop->stats;

    if (stream->flags & STREAM_GONE)
        return;
    switch (end) {
    case HF_LINK_END_EOF: stats->closed_eof++; break;
    case HF_LINK_END_RESET: stats->closed_reset++; break;
    case HF_LINK_END_TLS_FAILED:
        stats->closed_tls++;
        stream->flags |= STREAM_TLS_ERROR;
        break;
    }
    stream->flags |= STREAM_FAILED; /* what the handler still writes is refused */
    stream->link.handler->on_end(&stream->link, end, sys_errno);
    if (!(stream->flags & STREAM_GONE)) /* it may have called abort() */
        hf_stream_retire(stream);
}

void hf_stream_fail(struct hf_stream *stream, int sys_errno)
{
    if (stream->flags & (STREAM_FAILED | STREAM_GONE))
        return;
    stream->flags |= STREAM_FAILED;
    stream->sys_errno = (uint16_t)sys_errno;
    hf_stream_schedule(stream, &stream->loop->streams->ready);
}

void hf_stream_rearm(struct hf_stream *stream)
{
    uint32_t events = 0;

    if (stream->flags & (NOT_READY | STREAM_GONE))
        return; /* they arm for themselves */
    if (!(stream->flags & STREAM_PAUSED))
        events |= READ_EVENTS;
    if (stream->flags & STREAM_BLOCKED)
        events |= EPOLLOUT;
    hf_loop_change(stream->loop, &stream->handle, events);
}

void hf_stream_become_ready(struct hf_stream *stream)
{
    stream->flags &= (uint16_t)~NOT_READY;
    stream->handle.on_event = hf_stream_on_live;
    hf_stream_rearm(stream);
    if (stream->extra != NULL && stream->extra->on_ready != NULL)
        stream->extra->on_ready(&stream->link);
    if (!(stream->flags & STREAM_GONE) &&
        (hf_stream_has_output(stream) || (stream->flags & STREAM_FINISHING)))
        hf_stream_mark_dirty(stream); /* what was written before or just now */
}

static void on_connecting(struct hf_handle *handle, uint32_t events)
{
    struct hf_stream *stream = HF_CONTAINER_OF(handle, struct hf_stream, handle);
    int err = 0;
    socklen_t err_bytes = sizeof(err);

    (void)events;
    if (getsockopt(handle->fd, SOL_SOCKET, SO_ERROR, &err, &err_bytes) != 0)
        err = errno;
    if (err != 0) {
        hf_stream_end(stream, HF_LINK_END_RESET, err);
        return;
    }
    stream->flags &= (uint16_t)~STREAM_CONNECTING;
    if (stream->flags & STREAM_HANDSHAKE)
        hf_stream_tls_start(stream);
    else
        hf_stream_become_ready(stream);
}

static uint32_t first_events(struct hf_stream *stream)
{
    if (stream->flags & STREAM_CONNECTING) {
        stream->handle.on_event = on_connecting;
        return EPOLLOUT;
    }
    if (stream->flags & STREAM_HANDSHAKE) {
        stream->handle.on_event = hf_stream_on_handshake;
        return hf_stream_tls_first_events(stream);
    }
    stream->handle.on_event = hf_stream_on_live;
    return stream->flags & STREAM_PAUSED ? 0 : READ_EVENTS;
}

/* A stream without descriptor and TLS. */
static hf_err stream_new(struct hf_loop *loop, const struct hf_link_handler *handler, void *user,
                         struct hf_stream **ret_stream)
{
    struct hf_stream *stream;

    HF_ASSERT(handler->on_data != NULL && handler->on_drained != NULL && handler->on_blocked != NULL &&
              handler->on_end != NULL); /* a peer that does not read comes late, if ever */
    if (loop->stats.streams_now >= loop->options.streams_max) {
        loop->stats.refused_limit++;
        return HF_ERR_LIMIT;
    }
    stream = hf_slab_take(loop->streams->streams);
    if (stream == NULL)
        return HF_ERR_NOMEM;
    stream->link = (struct hf_link){.ops = &hf_stream_ops, .handler = handler, .user = user};
    stream->loop = loop;
    hf_list_init(&stream->node);
    *ret_stream = stream;
    return HF_OK;
}

static void stream_undo(struct hf_stream *stream) /* what it was given stays the caller's */
{
    if (stream->extra != NULL) {
        if (stream->extra->ssl != NULL)
            SSL_set_bio(stream->extra->ssl, NULL, NULL);
        stream->extra->ssl = NULL;
        hf_stream_extra_free(stream);
    }
    hf_list_remove(&stream->node);
    hf_slab_give(stream->loop->streams->streams, stream);
}

static hf_err take_ssl(struct hf_stream *stream, SSL *ssl)
{
    if (ssl == NULL)
        return HF_OK;
    if (extra_of(stream) == NULL)
        return HF_ERR_NOMEM;
    stream->extra->ssl = ssl;
    return hf_stream_tls_setup(stream);
}

static void count_open(struct hf_loop *loop)
{
    loop->stats.streams_now++;
    loop->stats.streams_max_seen = HF_MAX(loop->stats.streams_max_seen, loop->stats.streams_now);
}

hf_err hf_stream_open(struct hf_loop *loop, int fd, const struct hf_stream_options *options,
                      const struct hf_link_handler *handler, void *user, struct hf_stream **ret_stream)
{
    static const struct hf_stream_options none;
    struct hf_stream *stream;
    hf_err err;

    if (options == NULL)
        options = &none;
    err = stream_new(loop, handler, user, &stream);
    if (err != HF_OK)
        return err;
    stream->conn_id = options->conn_id;
    stream->handle.fd = fd;
    if (options->connecting)
        stream->flags |= STREAM_CONNECTING;
    if (options->ssl != NULL)
        stream->flags |= STREAM_HANDSHAKE;
    err = take_ssl(stream, options->ssl);
    if (err == HF_OK && (stream->flags & NOT_READY) && options->on_ready != NULL) {
        if (extra_of(stream) != NULL)
            stream->extra->on_ready = options->on_ready;
        else
            err = HF_ERR_NOMEM;
    }
    if (err == HF_OK)
        err = hf_loop_watch(loop, &stream->handle, first_events(stream));
    if (err != HF_OK) {
        stream_undo(stream);
        return err;
    }
    if ((stream->flags & NOT_READY) == STREAM_HANDSHAKE)
        hf_stream_tls_start(stream);
    loop->stats.opened++;
    count_open(loop);
    *ret_stream = stream;
    return HF_OK;
}

void hf_stream_reset(struct hf_stream *stream)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (stream->flags & STREAM_GONE)
        return;
    (void)setsockopt(stream->handle.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    stream->link.ops->abort(&stream->link);
}

/* ---- input ---- */

void hf_stream_deliver(struct hf_stream *stream, uint8_t *data, size_t bytes)
{
    struct hf_stream_pool *pool = stream->loop->streams;

    HF_ASSERT(pool->corked == NULL && pool->cork_bytes == 0);
    pool->corked = stream;
    stream->link.handler->on_data(&stream->link, data, bytes);
    if (stream->flags & STREAM_GONE)
        return; /* retire has cleared the cork; the memory is there until the end of the turn */
    if (HF_LIKELY(pool->cork_bytes > 0))
        hf_stream_end_cork(stream);
    pool->corked = NULL;
    if (HF_UNLIKELY(stream->flags & AFTER_DATA))
        hf_stream_settle(stream);
}

ssize_t hf_stream_receive(struct hf_stream *stream, uint8_t *into)
{
    struct hf_loop *loop = stream->loop;
    ssize_t got = recv(stream->handle.fd, into, loop->options.receive_bytes, 0);

    loop->stats.receives++;
    if (HF_LIKELY(got > 0)) {
        loop->stats.received_bytes += (uint64_t)got;
        return got;
    }
    if (got == 0)
        return 0;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

ssize_t hf_stream_receive_cipher(struct hf_stream *stream)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    ssize_t got = hf_stream_receive(stream, pool->cipher);

    pool->cipher_at = pool->cipher;
    pool->cipher_bytes = got > 0 ? (size_t)got : 0;
    return got;
}

static void read_plain(struct hf_stream *stream)
{
    uint8_t *into = stream->loop->streams->receive;
    ssize_t got = hf_stream_receive(stream, into);

    if (HF_LIKELY(got > 0))
        hf_stream_deliver(stream, into, (size_t)got);
    else if (got == 0)
        hf_stream_end(stream, HF_LINK_END_EOF, 0);
    else if (got == -2)
        hf_stream_end(stream, HF_LINK_END_RESET, errno);
}

static void on_writable(struct hf_stream *stream)
{
    if (!(stream->flags & STREAM_BLOCKED))
        return;
    hf_stream_flush_queue(stream);
    if (stream->flags & STREAM_FAILED)
        return;
    if (!hf_stream_has_output(stream))
        stream->flags &= (uint16_t)~STREAM_BLOCKED;
    hf_stream_rearm(stream);
    hf_stream_settle(stream);
}

static int socket_error(int fd)
{
    int err = 0;
    socklen_t err_bytes = sizeof(err);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_bytes) != 0)
        err = errno;
    return err;
}

void hf_stream_on_live(struct hf_handle *handle, uint32_t events)
{
    struct hf_stream *stream = HF_CONTAINER_OF(handle, struct hf_stream, handle);

    if (HF_UNLIKELY(events & EPOLLOUT))
        on_writable(stream);
    if (HF_UNLIKELY(stream->flags & (STREAM_FAILED | STREAM_GONE | STREAM_PAUSED))) {
        /* While nothing is read, an error is the one thing that epoll still reports, and would for ever. */
        if (!(stream->flags & (STREAM_FAILED | STREAM_GONE)) && (events & (EPOLLERR | EPOLLHUP)))
            hf_stream_end(stream, HF_LINK_END_RESET, socket_error(handle->fd));
        return;
    }
    if (!(events & ~(uint32_t)EPOLLOUT))
        return;
    if (stream->link.handler->may_read != NULL && !stream->link.handler->may_read(&stream->link))
        return; /* it has paused itself, or is asked again in the next turn */
    if (hf_stream_get_ssl(stream) != NULL)
        hf_stream_tls_read(stream);
    else
        read_plain(stream);
}

/* ---- asked from outside ---- */

bool hf_stream_has_unread(const struct hf_stream *stream)
{
    return stream->extra != NULL && stream->extra->rest != NULL;
}

uint64_t hf_stream_blocked_since_ms(const struct hf_stream *stream)
{
    uint64_t now_ms = stream->loop->now_ms;

    if (!(stream->flags & STREAM_BLOCKED))
        return 0;
    return now_ms - (uint32_t)((uint32_t)now_ms - stream->progress_ms); /* right for 49 days */
}

bool hf_stream_ready(const struct hf_stream *stream)
{
    return !(stream->flags & (NOT_READY | STREAM_FAILED | STREAM_GONE));
}

SSL *hf_stream_ssl(const struct hf_stream *stream)
{
    return hf_stream_get_ssl(stream);
}

union hf_address hf_stream_peer(const struct hf_stream *stream)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t peer_bytes = sizeof(peer);

    if (stream->extra != NULL && stream->extra->peer.any.sa_family != AF_UNSPEC)
        return stream->extra->peer;
    if (getpeername(stream->handle.fd, (struct sockaddr *)&peer, &peer_bytes) != 0)
        peer.ss_family = AF_UNSPEC;
    return hf_address_of(&peer);
}

union hf_address hf_stream_local(const struct hf_stream *stream)
{
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    socklen_t local_bytes = sizeof(local);

    if (getsockname(stream->handle.fd, (struct sockaddr *)&local, &local_bytes) != 0)
        local.ss_family = AF_UNSPEC;
    return hf_address_of(&local);
}

hf_err hf_stream_set_peer(struct hf_stream *stream, const union hf_address *peer)
{
    if (extra_of(stream) == NULL)
        return HF_ERR_NOMEM;
    stream->extra->peer = *peer;
    return HF_OK;
}

/* ---- from loop to loop ---- */

/* unread, decrypted but not yet delivered, unread of an earlier move; then the queue; then the TLS tail. */
static hf_err pack(struct hf_stream *stream, const void *unread, size_t unread_bytes,
                   struct hf_stream_seat *seat)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    size_t decrypted = pool->undelivered == stream ? pool->undelivered_bytes : 0;
    size_t older = hf_stream_has_unread(stream) ? stream->extra->rest_bytes : 0;
    size_t tail = hf_stream_tail_bytes(stream);
    size_t total = unread_bytes + decrypted + older + stream->queued_bytes + tail, at = 0;
    struct iovec iov[HF_STREAM_IOV_MAX];

    if (total == 0)
        return HF_OK;
    if (total > UINT32_MAX)
        return HF_ERR_NOMEM;
    seat->bytes = malloc(total);
    if (seat->bytes == NULL)
        return HF_ERR_NOMEM;
#define PACK(from, count)                          \
    if ((count) > 0)                               \
        memcpy(seat->bytes + at, (from), (count)); \
    at += (count)
    PACK(unread, unread_bytes);
    PACK(pool->receive, decrypted);
    PACK(stream->extra->rest, older);
    seat->unread_bytes = (uint32_t)at;
    seat->unsent_bytes = stream->queued_bytes;
    while (stream->queue_last != NULL) {
        unsigned count = hf_stream_queue_iov(stream, iov, HF_STREAM_IOV_MAX);
        size_t before = at;

        for (unsigned i = 0; i < count; i++) {
            PACK(iov[i].iov_base, iov[i].iov_len);
        }
        hf_stream_queue_consume(stream, at - before);
    }
    if (tail > 0) {
        PACK(stream->extra->tail + stream->extra->tail_at, tail);
        seat->tail_bytes = (uint32_t)tail;
    }
#undef PACK
    HF_ASSERT(at == total);
    return HF_OK;
}

hf_err hf_stream_detach(struct hf_stream *stream, const void *unread, size_t unread_bytes,
                        struct hf_stream_seat *ret_seat)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    struct hf_stream_seat seat = {.fd = stream->handle.fd, .conn_id = stream->conn_id};
    hf_err err;

    if (stream->flags & (NOT_READY | STREAM_FINISHING | STREAM_FAILED | STREAM_GONE))
        return HF_ERR_CLOSED;
    if (pool->corked == stream)
        hf_stream_send_cork(stream);
    if (!(stream->flags & STREAM_BLOCKED))
        hf_stream_flush_queue(stream);
    if (stream->flags & STREAM_FAILED)
        return HF_ERR_CLOSED;
    err = pack(stream, unread, unread_bytes, &seat);
    if (err != HF_OK)
        return err;
    if (stream->extra != NULL) {
        seat.peer = stream->extra->peer;
        seat.ssl = stream->extra->ssl;
        stream->extra->ssl = NULL;
    }
    if (seat.ssl != NULL)
        SSL_set_bio(seat.ssl, NULL, NULL); /* the BIO is this loop's */
    seat.flags = stream->flags & STREAM_PAUSED;
    hf_loop_unwatch(stream->loop, &stream->handle);
    stream->handle.fd = -1;
    hf_stream_retire(stream);
    stream->loop->stats.detached++;
    *ret_seat = seat;
    return HF_OK;
}

/* Gives the new stream what waits in the seat; on HF_ERR_NOMEM the caller undoes it. */
static hf_err unpack(struct hf_stream *stream, const struct hf_stream_seat *seat)
{
    size_t unsent_at = seat->unread_bytes, tail_at = unsent_at + seat->unsent_bytes;

    if (seat->peer.any.sa_family != AF_UNSPEC || seat->unread_bytes > 0) {
        if (extra_of(stream) == NULL)
            return HF_ERR_NOMEM;
        stream->extra->peer = seat->peer;
    }
    if (seat->tail_bytes > 0) {
        stream->extra->tail = malloc(seat->tail_bytes);
        if (stream->extra->tail == NULL)
            return HF_ERR_NOMEM;
        memcpy(stream->extra->tail, seat->bytes + tail_at, seat->tail_bytes);
        stream->extra->tail_bytes = seat->tail_bytes;
    }
    return seat->unsent_bytes > 0 ? hf_stream_queue_copy(stream, seat->bytes + unsent_at, seat->unsent_bytes)
                                  : HF_OK;
}

hf_err hf_stream_attach(struct hf_loop *loop, struct hf_stream_seat *seat,
                        const struct hf_link_handler *handler, void *user, struct hf_stream **ret_stream)
{
    struct hf_stream *stream;
    hf_err err = stream_new(loop, handler, user, &stream);

    if (err != HF_OK)
        return err;
    stream->conn_id = seat->conn_id;
    stream->handle.fd = seat->fd;
    stream->flags = seat->flags;
    err = take_ssl(stream, seat->ssl);
    if (err == HF_OK)
        err = unpack(stream, seat);
    if (err == HF_OK)
        err = hf_loop_watch(loop, &stream->handle, first_events(stream));
    if (err != HF_OK) {
        hf_stream_queue_drop(stream);
        stream_undo(stream);
        return err;
    }
    if (seat->unread_bytes > 0) {
        stream->extra->rest = seat->bytes;
        stream->extra->rest_bytes = seat->unread_bytes;
    } else {
        free(seat->bytes);
    }
    loop->stats.attached++;
    count_open(loop);
    hf_stream_schedule(stream, &loop->streams->ready);
    *seat = (struct hf_stream_seat){.fd = -1};
    *ret_stream = stream;
    return HF_OK;
}

void hf_stream_seat_discard(struct hf_stream_seat *seat)
{
    SSL_free(seat->ssl);
    free(seat->bytes);
    if (seat->fd >= 0)
        close(seat->fd);
    *seat = (struct hf_stream_seat){.fd = -1};
}
