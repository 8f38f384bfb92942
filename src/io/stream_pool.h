/* io/stream_pool.h - what the streams of one loop share. Private to src/io: loop.c runs it, stream*.c are it.
 *
 *   stream_pool.c    what the loop calls in each turn
 *   stream.c         life: open, events, read, end, detach and attach
 *   stream_output.c  the link's operations, cork, queue, flush
 *   stream_many.c    the queues of many streams, sent by few system calls
 *   stream_queue.c   chunks of queued output
 *   stream_tls.c     OpenSSL: BIO, handshake queue, records */
#ifndef HF_IO_STREAM_POOL_H
#define HF_IO_STREAM_POOL_H

#include <openssl/ssl.h>
#include <sys/uio.h>

#include "base/slab.h"
#include "io/stream.h"

enum {
    HF_STREAM_RECORD_BYTES = 16384, /* plaintext of one TLS record at most */
    HF_STREAM_TAIL_BYTES_MAX =
        65536, /* a record, and answers to a peer that asks for new keys but does not read */
};

enum hf_stream_flag {
    STREAM_CONNECTING = 1 << 0, /* connect() is under way */
    STREAM_HANDSHAKE = 1 << 1,  /* TLS is not through */
    STREAM_PAUSED = 1 << 2,     /* by pause_read */
    STREAM_BLOCKED = 1 << 3,    /* the kernel took less than all; EPOLLOUT is armed */
    STREAM_TOLD = 1 << 4,       /* on_blocked was called and on_drained has still to come */
    STREAM_FINISHING = 1 << 5,  /* finish() was called: no more output is taken */
    STREAM_SHUT = 1 << 6,       /* our FIN is sent */
    STREAM_FAILED = 1 << 7,     /* writing failed; on_end comes in the next turn */
    STREAM_GONE = 1 << 8,       /* closed or detached; memory is freed at the end of the turn */
    STREAM_NOTIFIED = 1 << 9,   /* TLS: close_notify is written */
    STREAM_TLS_ERROR = 1 << 10, /* with FAILED: the record layer, not the socket */
    STREAM_WAITING = 1 << 11,   /* on pool->handshakes */
};

struct hf_stream_extra {
    SSL *ssl; /* owns, or NULL */
    void (*on_ready)(struct hf_link *link);
    uint8_t *rest; /* owns; of an attached stream: bytes still to be given to on_data */
    uint32_t rest_bytes;
    uint8_t *tail; /* owns; ciphertext that the kernel has not taken yet; goes before the queue */
    uint32_t tail_at, tail_bytes; /* sent of it, and its whole length */
    union hf_address peer;
};

struct hf_chunk {
    struct hf_chunk *next;
    struct hf_shared *shared; /* shares; NULL: the bytes are in data[] */
    uint32_t bytes, capacity; /* capacity: of data[] */
    uint8_t data[];
};

struct hf_stream_pool {
    struct hf_loop *loop;
    struct hf_slab *streams, *extras;
    struct hf_slab *references, *small_chunks, *large_chunks;
    uint64_t queue_memory; /* of all chunks */
    /* A stream is on one of these or on none. */
    struct hf_list_node ready; /* something to do in the next turn: report an end, deliver unread bytes */
    struct hf_list_node dirty; /* output to flush at the end of this turn */
    struct hf_list_node handshakes; /* readable, and waiting for handshake CPU; disarmed meanwhile */
    struct hf_list_node closed;     /* to be freed at the end of this turn */
    struct hf_stream *corked;       /* whose on_data runs */
    struct hf_stream_many *many;    /* owns; NULL until it is needed, or not to be had */
    bool many_refused;
    bool crowded;     /* many may write in this turn: what they do is queued, to be offered together */
    unsigned waiting; /* so many have, since it was last offered */
    uint32_t cork_bytes;
    uint8_t *cork, *receive, *cipher, *gather; /* own */
    size_t plain_bytes_max;                    /* of receive */
    const uint8_t *cipher_at;                  /* ciphertext that SSL has not taken yet */
    size_t cipher_bytes;
    struct hf_stream *undelivered; /* decrypted bytes lie in receive while its on_ready runs */
    size_t undelivered_bytes;
    BIO_METHOD *bio_method;
};

/* stream_pool.c, for loop.c */
struct hf_stream_pool *hf_stream_pool_new(struct hf_loop *loop);
void hf_stream_pool_free(struct hf_stream_pool *pool);
bool hf_stream_pool_has_work(const struct hf_stream_pool *pool); /* do not sleep */
/* So many events have come in this turn. */
void hf_stream_pool_expect(struct hf_stream_pool *pool, unsigned events);
void hf_stream_pool_run_ready(struct hf_stream_pool *pool);
void hf_stream_pool_answer(struct hf_stream_pool *pool); /* offers what waits for that of others */
void hf_stream_pool_flush(struct hf_stream_pool *pool);
void hf_stream_pool_run_handshakes(struct hf_stream_pool *pool);
void hf_stream_pool_sweep(struct hf_stream_pool *pool);

/* stream.c */
void hf_stream_on_live(struct hf_handle *handle, uint32_t events);
void hf_stream_rearm(struct hf_stream *stream); /* makes epoll agree with the flags */
void hf_stream_schedule(struct hf_stream *stream, struct hf_list_node *list);
void hf_stream_become_ready(struct hf_stream *stream); /* connect and handshake are through */
/* Calls on_data, then sends what it wrote. */
void hf_stream_deliver(struct hf_stream *stream, uint8_t *data, size_t bytes);
void hf_stream_end(struct hf_stream *stream, enum hf_link_end end, int sys_errno); /* calls on_end, frees */
void hf_stream_retire(struct hf_stream *stream); /* closes all it has; memory goes at the end of the turn */
/* Writing failed: nothing more is sent; the end is reported in the next turn. The queue stays until then, so that
 * on_end may ask how much was lost. */
void hf_stream_fail(struct hf_stream *stream, int sys_errno);

static inline size_t hf_stream_tail_bytes(const struct hf_stream *stream)
{
    return stream->extra != NULL ? stream->extra->tail_bytes - stream->extra->tail_at : 0;
}

static inline bool hf_stream_has_output(const struct hf_stream *stream)
{
    return stream->queue_last != NULL || hf_stream_tail_bytes(stream) > 0;
}

bool hf_stream_has_unread(const struct hf_stream *stream); /* of an attached one, not yet given to on_data */
void hf_stream_extra_free(struct hf_stream *stream);
/* Receive into `into` or pool->cipher. Bytes, 0 = end, -1 = nothing now, -2 = failed (errno). */
ssize_t hf_stream_receive(struct hf_stream *stream, uint8_t *into);
ssize_t hf_stream_receive_cipher(struct hf_stream *stream);

/* stream_output.c */
extern const struct hf_link_ops hf_stream_ops;
void hf_stream_send_cork(struct hf_stream *stream);
void hf_stream_end_cork(
    struct hf_stream *stream); /* on_data has returned: sends, or queues what goes with that of others */
void hf_stream_flush_queue(struct hf_stream *stream);
void hf_stream_mark_dirty(
    struct hf_stream *stream); /* flushed at the end of the turn, if it may be sent at all */
/* After output: sends the FIN of finish() when its time has come, calls on_blocked or on_drained. May end the stream. */
void hf_stream_settle(struct hf_stream *stream);
/* The oldest `offered` queued bytes were offered to the kernel: result bytes were taken, or -errno. */
void hf_stream_sent(struct hf_stream *stream, int result, size_t offered);

/* stream_many.c: offers what the dirty streams have queued; they stay dirty, for what is to be told to their handlers. */
void hf_stream_many_flush(struct hf_stream_pool *pool);
/* Makes what that needs, on the thread that will use it; false = not to be had. It is also made by the first flush of many. */
bool hf_stream_many_prepare(struct hf_stream_pool *pool);
void hf_stream_many_free(struct hf_stream_many *many); /* NULL is harmless */

/* stream_queue.c */
void hf_stream_queue_slabs_new(struct hf_stream_pool *pool,
                               uint64_t chunks_max); /* leaves NULL on no memory */
hf_err hf_stream_queue_copy(struct hf_stream *stream, const void *data,
                            size_t bytes); /* all or HF_ERR_NOMEM */
hf_err hf_stream_queue_shared(struct hf_stream *stream, struct hf_shared *shared);
unsigned hf_stream_queue_iov(const struct hf_stream *stream, struct iovec *ret_iov, unsigned iov_max);
size_t hf_stream_queue_peek(const struct hf_stream *stream, uint8_t *ret_data, size_t bytes_max); /* copies */
void hf_stream_queue_consume(struct hf_stream *stream, size_t bytes);
void hf_stream_queue_drop(struct hf_stream *stream);

/* stream_tls.c */
BIO_METHOD *hf_stream_bio_method_new(void);
hf_err hf_stream_tls_setup(struct hf_stream *stream); /* gives extra->ssl its BIO */
uint32_t hf_stream_tls_first_events(const struct hf_stream *stream);
void hf_stream_on_handshake(struct hf_handle *handle, uint32_t events);
void hf_stream_tls_start(struct hf_stream *stream); /* the socket is connected */
void hf_stream_tls_read(struct hf_stream *stream);
bool hf_stream_tls_read_last(
    struct hf_stream *stream); /* of a failed stream: false = there is nothing more */
/* Sends what is left of earlier records; false = not all of it went, or it failed. */
bool hf_stream_tls_flush_tail(struct hf_stream *stream);
/* Bytes taken, 0 = none for now (there is a tail), -1 = failed (hf_stream_fail was called). */
ssize_t hf_stream_tls_write(struct hf_stream *stream, const void *data, size_t bytes);
void hf_stream_tls_close_notify(struct hf_stream *stream);

static inline SSL *hf_stream_get_ssl(const struct hf_stream *stream)
{
    return stream->extra != NULL ? stream->extra->ssl : NULL;
}

#endif
