/* io/stream_many.c - what many streams have queued, offered to the kernel by few system calls. Only the common case is
 * treated here: plain streams that are not blocked. Whatever else there is, and what is left over, goes the way of
 * hf_stream_flush_queue(). */
#include <stdlib.h>

#include "base/assert.h"
#include "io/send_ring.h"
#include "io/stream_pool.h"

enum { FEW = 4 }; /* below that a ring saves little */

struct hf_stream_many {
    struct hf_send_ring *ring;
    unsigned count;
    struct hf_stream *streams[HF_SEND_RING_ITEMS];
    struct hf_send sends[HF_SEND_RING_ITEMS];
};

void hf_stream_many_free(struct hf_stream_many *many)
{
    if (many == NULL)
        return;
    hf_send_ring_free(many->ring);
    free(many);
}

bool hf_stream_many_prepare(struct hf_stream_pool *pool)
{
    if (pool->many != NULL)
        return true;
    if (pool->many_refused || pool->loop->options.send_one_by_one)
        return false;
    pool->many = calloc(1, sizeof(*pool->many));
    if (pool->many != NULL)
        pool->many->ring = hf_send_ring_new();
    if (pool->many != NULL && pool->many->ring != NULL)
        return true;
    hf_stream_many_free(pool->many);
    pool->many = NULL;
    pool->many_refused = true; /* not asked again: it would be refused each time */
    return false;
}

static bool is_few(const struct hf_list_node *list)
{
    const struct hf_list_node *at = list->next;
    unsigned count = 0;

    for (; at != list && count < FEW; at = at->next)
        count++;
    return count < FEW;
}

static bool is_common(const struct hf_stream *stream)
{
    return stream->queue_last != NULL && hf_stream_get_ssl(stream) == NULL &&
           !(stream->flags &
             (STREAM_BLOCKED | STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_FAILED | STREAM_GONE));
}

static void run(struct hf_stream_pool *pool)
{
    struct hf_stream_many *many = pool->many;

    hf_send_ring_run(many->ring, many->sends, many->count);
    pool->loop->stats.send_batches++;
    for (unsigned i = 0; i < many->count; i++) {
        const struct hf_send *send = &many->sends[i];
        size_t offered = 0;

        for (unsigned part = 0; part < send->iov_count; part++)
            offered += send->iov[part].iov_len;
        if (send->tried)
            hf_stream_sent(many->streams[i], send->result, offered);
    }
    many->count = 0;
}

void hf_stream_many_flush(struct hf_stream_pool *pool)
{
    struct hf_list_node *next;

    pool->waiting = 0;
    if (is_few(&pool->dirty) || !hf_stream_many_prepare(pool))
        return;
    struct hf_stream_many *many = pool->many;
    for (struct hf_list_node *at = pool->dirty.next; at != &pool->dirty; at = next) {
        struct hf_stream *stream = HF_CONTAINER_OF(at, struct hf_stream, node);

        next = at->next; /* a stream that fails goes to another list */
        if (!is_common(stream))
            continue;
        many->streams[many->count] = stream;
        many->sends[many->count].fd = stream->handle.fd;
        many->sends[many->count].iov_count =
            hf_stream_queue_iov(stream, many->sends[many->count].iov, HF_SEND_RING_IOV_MAX);
        many->count++;
        if (many->count == HF_SEND_RING_ITEMS)
            run(pool);
    }
    if (many->count >= FEW)
        run(pool);
    many->count = 0; /* so few go one by one */
}
