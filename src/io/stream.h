/* io/stream.h - a TCP connection, plain or TLS, as a hf_link (adapter/link.h says what the adapter sees).
 *
 * Reading: one recv() per readable event into the loop's receive buffer; TLS decrypts everything that came into
 * a second one, so on_data is called once per event, too. An idle stream owns no buffer.
 * Writing: while a stream's own on_data runs its output is gathered in the loop's cork buffer and sent by one
 * send() (one SSL_write: one record up to 16 KiB) when on_data returns; when many streams are readable in a turn, plain ones'
 * is offered together, up to 128 by one system call (io/send_ring.h), at the latest before the turn's hooks. Output from elsewhere (another stream's
 * handler, a timer, a message) is queued and sent at the end of the turn by one sendmsg() of up to 64 parts. What the
 * kernel does not take stays queued, in order; only then is EPOLLOUT armed.
 *
 * Calls of the handler come from the loop only, never from inside an operation: write errors are reported by
 * on_end in the next turn, on_blocked and on_drained after the handler that caused them. After abort(), detach or
 * the return of on_end the stream is gone for its user; its memory lives until the end of the turn.
 *
 * An end of the peer (FIN) ends the link at once, also when output is queued. While reading is paused a FIN is not
 * seen until resume_read(); a RST is. finish() ends a pause: the peer's end must be seen, and bytes that still come
 * are given to on_data. In TLS the peer's close_notify counts as its end, and so does a FIN without one (the
 * protocols above delimit their messages themselves). While on_end runs hf_stream_ssl() is still there, and after
 * HF_LINK_END_TLS_FAILED the thread's OpenSSL error queue says what was wrong. */
#ifndef HF_IO_STREAM_H
#define HF_IO_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/link.h"
#include "base/list.h"
#include "io/loop.h"
#include "io/socket.h"

struct ssl_st; /* SSL */
struct hf_chunk;
struct hf_stream_extra;

enum { HF_STREAM_IOV_MAX = 64, HF_STREAM_BYTES_MAX = 104 };

struct hf_stream {
    struct hf_link link; /* first */
    struct hf_handle handle;
    struct hf_loop *loop;          /* borrows */
    struct hf_list_node node;      /* on at most one of the pool's lists: ready, dirty, handshakes, closed */
    struct hf_chunk *queue_last;   /* owns: circular, queue_last->next is the oldest */
    struct hf_stream_extra *extra; /* owns: what few have, such as TLS; NULL for most */
    uint64_t conn_id;
    uint32_t queued_bytes;
    uint32_t sent_of_oldest; /* bytes of the oldest chunk that are gone */
    uint32_t progress_ms;    /* low 32 bits of the time when a blocked queue last moved */
    uint16_t flags;
    uint16_t sys_errno; /* why writing failed */
};
_Static_assert(sizeof(struct hf_stream) <= HF_STREAM_BYTES_MAX, "an idle connection is budgeted");

struct hf_stream_options {
    uint64_t conn_id;
    /* NULL = plain. From SSL_new(); accept or connect state was set by the caller, no BIO. The stream owns it. */
    struct ssl_st *ssl;
    /* fd is a connect() under way (io/connect.h): nothing is read or sent until it is through. */
    bool connecting;
    /* The TCP connect and the TLS handshake that were under way are through. Not called for a plain accepted
     * socket, which is ready from the start. May be NULL. Failure before it is reported by on_end. */
    void (*on_ready)(struct hf_link *link);
};

/* Takes fd (non-blocking, connected or connecting) and options->ssl. HF_ERR_LIMIT above the loop's streams_max
 * (counted), HF_ERR_NOMEM, HF_ERR_IO: the caller keeps both. options may be NULL. */
hf_err hf_stream_open(struct hf_loop *loop, int fd, const struct hf_stream_options *options,
                      const struct hf_link_handler *handler, void *user, struct hf_stream **ret_stream);

static inline struct hf_stream *hf_stream_of(struct hf_link *link) /* only for links made by this module */
{
    return (struct hf_stream *)link;
}

/* As the link's abort(), but with RST: the peer learns of it at once and nothing lingers in the kernel. */
void hf_stream_reset(struct hf_stream *stream);

/* When a queue that the kernel does not take last made progress (loop time, ms); 0 = not blocked. */
uint64_t hf_stream_blocked_since_ms(const struct hf_stream *stream);
bool hf_stream_ready(const struct hf_stream *stream);         /* connected, and the handshake is through */
struct ssl_st *hf_stream_ssl(const struct hf_stream *stream); /* borrows; NULL when plain */

/* The peer's address: the one set by hf_stream_set_peer, otherwise asked from the kernel, which does not know it any
 * more after a RST (then AF_UNSPEC): ask early when it is needed late. v4-mapped addresses come as IPv4. */
union hf_address hf_stream_peer(const struct hf_stream *stream);
/* Where the peer reached us, asked from the kernel; AF_UNSPEC when it does not know. */
union hf_address hf_stream_local(const struct hf_stream *stream);
/* The real address behind a proxy (PROXY protocol). HF_ERR_NOMEM. */
hf_err hf_stream_set_peer(struct hf_stream *stream, const union hf_address *peer);

/* A connection between two loops. It owns what it holds; move it, do not copy it. */
struct hf_stream_seat {
    int fd;
    struct ssl_st *ssl;
    uint64_t conn_id;
    uint8_t *bytes; /* heap: what the adapter had not read, then output not sent, then ciphertext not sent */
    uint32_t unread_bytes, unsent_bytes, tail_bytes;
    uint16_t flags;
    union hf_address peer; /* AF_UNSPEC unless set */
};

/* Takes the connection out of its loop, also inside its own on_data. Output gathered so far is offered to the kernel;
 * what that does not take travels along. unread: bytes given to on_data that the next owner shall see first
 * (copied; may be NULL with 0). No handler is called any more and the stream is gone. HF_ERR_NOMEM or HF_ERR_CLOSED
 * (not ready, failed or finishing): nothing changed, on_end will come where it is due. */
hf_err hf_stream_detach(struct hf_stream *stream, const void *unread, size_t unread_bytes,
                        struct hf_stream_seat *ret_seat);
/* The other end; on the receiving loop's thread. unread bytes are given to on_data in the next turn, before anything
 * newer. Takes the seat on HF_OK; HF_ERR_LIMIT, HF_ERR_NOMEM, HF_ERR_IO: the caller keeps it. */
hf_err hf_stream_attach(struct hf_loop *loop, struct hf_stream_seat *seat,
                        const struct hf_link_handler *handler, void *user, struct hf_stream **ret_stream);
void hf_stream_seat_discard(struct hf_stream_seat *seat); /* closes and frees what it holds */

#endif
