/* io/stream_output.c - the operations of the link, and how output leaves.
 *
 * Output takes one of two ways. The cork: the stream's own on_data runs and nothing of it is queued. The queue:
 * everything else. The cork never holds bytes that are younger than queued ones of the same stream. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "io/send_ring.h"
#include "io/stream_pool.h"

enum {
    SHARED_COPY_BYTES = 1024, /* below this a copy into the cork is cheaper than a reference */
    NOT_READY = STREAM_CONNECTING | STREAM_HANDSHAKE,
    NO_OUTPUT = STREAM_FINISHING | STREAM_FAILED | STREAM_GONE,
};

static bool is_corked(const struct hf_stream *stream)
{
    return stream->loop->streams->corked == stream;
}

static size_t op_queued_bytes(const struct hf_link *link)
{
    const struct hf_stream *stream = (const struct hf_stream *)link;

    return stream->queued_bytes + hf_stream_tail_bytes(stream) +
           (is_corked(stream) ? stream->loop->streams->cork_bytes : 0);
}

void hf_stream_mark_dirty(struct hf_stream *stream)
{
    if (!(stream->flags & (STREAM_BLOCKED | NOT_READY)) && !hf_list_linked(&stream->node))
        hf_stream_schedule(stream, &stream->loop->streams->dirty);
}

static void mark_blocked(struct hf_stream *stream)
{
    if (stream->flags & STREAM_BLOCKED)
        return;
    stream->flags |= STREAM_BLOCKED;
    stream->progress_ms = (uint32_t)stream->loop->now_ms;
    stream->loop->stats.blocked++;
    hf_stream_rearm(stream);
}

/* ENOBUFS and ENOMEM are the system's passing trouble: the data stays queued, EPOLLOUT tells when to try again. */
static bool is_passing(int sys_errno)
{
    return sys_errno == EAGAIN || sys_errno == EINTR || sys_errno == ENOBUFS || sys_errno == ENOMEM;
}

/* Bytes taken; 0: none for now; -1: failed, and that is noted. */
static ssize_t send_plain(struct hf_stream *stream, const struct iovec *iov, unsigned count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
    ssize_t sent;

    do {
        sent = count == 1 ? send(stream->handle.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                          : sendmsg(stream->handle.fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    stream->loop->stats.sends++;
    if (HF_LIKELY(sent > 0)) {
        stream->loop->stats.sent_bytes += (uint64_t)sent;
        return sent;
    }
    if (sent == 0 || is_passing(errno))
        return 0;
    hf_stream_fail(stream, errno);
    return -1;
}

void hf_stream_sent(struct hf_stream *stream, int result, size_t offered)
{
    HF_ASSERT(result <= 0 || (size_t)result <= offered);
    stream->loop->stats.sends++;
    if (result < 0 && !is_passing(-result)) {
        hf_stream_fail(stream, -result);
        return;
    }
    if (result > 0) {
        stream->loop->stats.sent_bytes += (uint64_t)result;
        hf_stream_queue_consume(stream, (size_t)result);
    }
    if (result < (ssize_t)offered)
        mark_blocked(stream);
}

static ssize_t send_bytes(struct hf_stream *stream, const uint8_t *data, size_t bytes)
{
    struct iovec iov = {.iov_base = (void *)data, .iov_len = bytes};
    size_t sent = 0;
    ssize_t taken;

    if (hf_stream_get_ssl(stream) == NULL)
        return send_plain(stream, &iov, 1);
    do { /* one record each */
        taken =
            hf_stream_tls_write(stream, data + sent, HF_MIN(bytes - sent, (size_t)HF_STREAM_RECORD_BYTES));
        if (taken < 0)
            return -1;
        sent += (size_t)taken;
    } while (taken > 0 && sent < bytes);
    return (ssize_t)sent;
}

void hf_stream_send_cork(struct hf_stream *stream)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    size_t bytes = pool->cork_bytes;
    ssize_t sent = 0;

    pool->cork_bytes = 0;
    if (bytes == 0 || (stream->flags & (STREAM_FAILED | STREAM_GONE)))
        return;
    HF_ASSERT(stream->queue_last == NULL);
    sent = send_bytes(stream, pool->cork, bytes);
    if (sent < 0)
        return;
    if (HF_LIKELY(sent == (ssize_t)bytes)) {
        if (HF_UNLIKELY(hf_stream_tail_bytes(stream) > 0))
            mark_blocked(stream);
        return;
    }
    if (hf_stream_queue_copy(stream, pool->cork + sent, bytes - (size_t)sent) != HF_OK) {
        stream->loop->stats.writes_refused_nomem++;
        hf_stream_fail(stream,
                       ENOMEM); /* it was taken by write(): an end is honest, a hole in the bytes is not */
        return;
    }
    mark_blocked(stream);
}

/* An answer that goes alone costs an entry into the kernel of its own, which is a good part of a small send. With many readable streams in a turn it waits
 * for the others', until so many are together that one entry takes them all. */
void hf_stream_end_cork(struct hf_stream *stream)
{
    struct hf_stream_pool *pool = stream->loop->streams;

    if (!pool->crowded || hf_list_linked(&stream->node) || hf_stream_has_output(stream) ||
        hf_stream_get_ssl(stream) != NULL || (stream->flags & (STREAM_BLOCKED | NOT_READY | STREAM_FAILED)) ||
        hf_stream_queue_copy(stream, pool->cork, pool->cork_bytes) != HF_OK) {
        hf_stream_send_cork(stream);
        return;
    }
    pool->cork_bytes = 0;
    hf_stream_mark_dirty(stream);
    if (++pool->waiting >= HF_SEND_RING_ITEMS)
        hf_stream_many_flush(pool);
}

/* Bytes offered and taken in one go, as the functions above; *ret_all tells that everything offered was taken. */
static ssize_t send_queue(struct hf_stream *stream, bool *ret_all)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    struct iovec iov[HF_STREAM_IOV_MAX];
    size_t offered = 0;
    ssize_t sent;
    unsigned count;

    if (hf_stream_get_ssl(stream) != NULL) {
        hf_stream_queue_iov(stream, iov, 1);
        offered = iov[0].iov_len;
        if (offered < stream->queued_bytes && offered < HF_STREAM_RECORD_BYTES) {
            iov[0].iov_base = pool->gather;
            offered = hf_stream_queue_peek(stream, pool->gather, HF_STREAM_RECORD_BYTES);
        }
        sent = send_bytes(stream, iov[0].iov_base, offered);
    } else {
        count = hf_stream_queue_iov(stream, iov, HF_STREAM_IOV_MAX);
        for (unsigned i = 0; i < count; i++)
            offered += iov[i].iov_len;
        sent = send_plain(stream, iov, count);
    }
    *ret_all = sent == (ssize_t)offered;
    return sent;
}

void hf_stream_flush_queue(struct hf_stream *stream)
{
    size_t tail_before = hf_stream_tail_bytes(stream);
    bool all = true;

    if (stream->flags & (NOT_READY | STREAM_FAILED | STREAM_GONE))
        return;
    if (tail_before > 0) {
        all = hf_stream_tls_flush_tail(stream);
        if (stream->flags & STREAM_FAILED)
            return;
        if (hf_stream_tail_bytes(stream) < tail_before)
            stream->progress_ms = (uint32_t)stream->loop->now_ms;
    }
    while (stream->queue_last != NULL && all) { /* ends: nothing is added meanwhile */
        ssize_t sent = send_queue(stream, &all);

        if (sent < 0)
            return;
        hf_stream_queue_consume(stream, (size_t)sent);
        if (sent > 0)
            stream->progress_ms = (uint32_t)stream->loop->now_ms;
    }
    if (hf_stream_has_output(stream))
        mark_blocked(stream);
}

/* The FIN of finish(), behind everything that was written. */
static void send_fin(struct hf_stream *stream)
{
    if (hf_stream_get_ssl(stream) != NULL && !(stream->flags & STREAM_NOTIFIED)) {
        stream->flags |= STREAM_NOTIFIED;
        hf_stream_tls_close_notify(stream);
        if (hf_stream_tail_bytes(stream) > 0) {
            mark_blocked(stream); /* the FIN comes behind it */
            return;
        }
    }
    stream->flags |= STREAM_SHUT;
    if (shutdown(stream->handle.fd, SHUT_WR) != 0)
        hf_stream_fail(stream, errno);
}

void hf_stream_settle(struct hf_stream *stream)
{
    bool blocked = stream->flags & STREAM_BLOCKED, told = stream->flags & STREAM_TOLD;

    if (stream->flags & (STREAM_FAILED | STREAM_GONE))
        return;
    if ((stream->flags & (STREAM_FINISHING | STREAM_SHUT)) == STREAM_FINISHING &&
        !hf_stream_has_output(stream) && !blocked)
        send_fin(stream);
    if (blocked && !told) {
        stream->flags |= STREAM_TOLD;
        stream->link.handler->on_blocked(&stream->link);
    } else if (told && !blocked && !hf_stream_has_output(stream)) {
        stream->flags &= (uint16_t)~STREAM_TOLD;
        stream->link.handler->on_drained(&stream->link);
    }
}

/* Whether `bytes` more may be taken: always where nothing waits, or a message above the bound, from before it was lowered, would wait for ever. */
static hf_err admit(struct hf_stream *stream, size_t bytes)
{
    uint32_t max = stream->loop->options.queue_bytes_hard_max;
    size_t queued = op_queued_bytes(&stream->link);

    if (HF_UNLIKELY(stream->flags & NO_OUTPUT))
        return HF_ERR_CLOSED;
    if (HF_UNLIKELY(queued > 0 && (bytes > max || queued > max - bytes))) {
        stream->loop->stats.writes_refused_limit++;
        return HF_ERR_LIMIT;
    }
    return HF_OK;
}

static hf_err queued(struct hf_stream *stream, hf_err err)
{
    if (err == HF_OK)
        hf_stream_mark_dirty(stream);
    else
        stream->loop->stats.writes_refused_nomem++;
    return err;
}

/* Makes room for `bytes` in the cork if that can be; false = they must be queued. */
static bool cork_takes(struct hf_stream *stream, size_t bytes)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    size_t max = stream->loop->options.cork_bytes;

    if (pool->corked != stream || stream->queue_last != NULL || bytes > max)
        return false;
    if (HF_UNLIKELY(bytes > max - pool->cork_bytes))
        hf_stream_send_cork(stream);
    return stream->queue_last == NULL && !(stream->flags & STREAM_FAILED);
}

static hf_err op_write(struct hf_link *link, const void *data, size_t bytes)
{
    struct hf_stream *stream = hf_stream_of(link);
    struct hf_stream_pool *pool = stream->loop->streams;
    hf_err err = admit(stream, bytes);

    if (err != HF_OK || bytes == 0)
        return err;
    if (cork_takes(stream, bytes)) {
        memcpy(pool->cork + pool->cork_bytes, data, bytes);
        pool->cork_bytes += (uint32_t)bytes;
        return HF_OK;
    }
    if (pool->corked == stream)
        hf_stream_send_cork(stream); /* older bytes first */
    if (stream->flags & STREAM_FAILED)
        return HF_ERR_CLOSED;
    return queued(stream, hf_stream_queue_copy(stream, data, bytes));
}

static hf_err op_write_shared(struct hf_link *link, struct hf_shared *shared)
{
    struct hf_stream *stream = hf_stream_of(link);
    struct hf_stream_pool *pool = stream->loop->streams;
    hf_err err;

    if (is_corked(stream) && shared->bytes <= SHARED_COPY_BYTES)
        return op_write(link, shared->data, shared->bytes);
    err = admit(stream, shared->bytes);
    if (err != HF_OK || shared->bytes == 0)
        return err;
    if (is_corked(stream) && pool->cork_bytes > 0) { /* older bytes first, and all by one sendmsg() */
        err = hf_stream_queue_copy(stream, pool->cork, pool->cork_bytes);
        if (err != HF_OK)
            return queued(stream, err);
        pool->cork_bytes = 0;
        hf_stream_mark_dirty(stream); /* it goes, whatever becomes of the payload */
    }
    return queued(stream, hf_stream_queue_shared(stream, shared));
}

static void op_flush(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);

    if (stream->flags & (STREAM_FAILED | STREAM_GONE))
        return;
    if (is_corked(stream))
        hf_stream_send_cork(stream);
    if (!(stream->flags & STREAM_BLOCKED))
        hf_stream_flush_queue(stream);
    /* on_blocked must come, but not from here. */
    if (!(stream->flags & STREAM_FAILED) && !hf_list_linked(&stream->node))
        hf_stream_schedule(stream, &stream->loop->streams->dirty);
}

static void op_pause_read(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);

    if (stream->flags & (STREAM_FINISHING | STREAM_GONE))
        return;
    stream->flags |= STREAM_PAUSED;
    hf_stream_rearm(stream);
}

static void op_resume_read(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);

    if (stream->flags & STREAM_GONE)
        return;
    stream->flags &= (uint16_t)~STREAM_PAUSED;
    hf_stream_rearm(stream);
    if (hf_stream_has_unread(stream))
        hf_stream_schedule(stream, &stream->loop->streams->ready);
}

static void op_finish(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);

    if (stream->flags & NO_OUTPUT)
        return;
    stream->flags |= STREAM_FINISHING;
    op_resume_read(link);
    if (stream->flags & NOT_READY)
        hf_stream_schedule(stream, &stream->loop->streams->ready); /* there is nobody yet to say goodbye to */
    else
        hf_stream_mark_dirty(stream);
}

static void op_abort(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);

    if (stream->flags & STREAM_GONE)
        return;
    stream->loop->stats.aborted++;
    hf_stream_retire(stream);
}

static uint64_t op_blocked_since_ms(const struct hf_link *link)
{
    return hf_stream_blocked_since_ms((const struct hf_stream *)link);
}

static void op_peer(const struct hf_link *link, char *out, size_t out_bytes)
{
    union hf_address peer = hf_stream_peer((const struct hf_stream *)link);
    char text[HF_SOCKET_TEXT_MAX];

    hf_address_text(&peer, text);
    snprintf(out, out_bytes, "%s", text);
}

static void op_kernel(const struct hf_link *link, struct hf_link_kernel *ret_kernel)
{
    struct hf_socket_info info = hf_socket_info(((const struct hf_stream *)link)->handle.fd);

    *ret_kernel = (struct hf_link_kernel){
        .acked_bytes = info.acked_bytes, .rtt_us = info.rtt_us, .unread_bytes = info.unread_bytes};
}

static void op_set_patience(struct hf_link *link, uint32_t patience_ms)
{
    (void)hf_socket_set_user_timeout(hf_stream_of(link)->handle.fd, patience_ms); /* the old one stays */
}

const struct hf_link_ops hf_stream_ops = {
    .write = op_write,
    .write_shared = op_write_shared,
    .flush = op_flush,
    .queued_bytes = op_queued_bytes,
    .pause_read = op_pause_read,
    .resume_read = op_resume_read,
    .finish = op_finish,
    .abort = op_abort,
    .blocked_since_ms = op_blocked_since_ms,
    .peer = op_peer,
    .kernel = op_kernel,
    .set_patience = op_set_patience,
};
