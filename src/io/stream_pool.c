/* io/stream_pool.c - what the streams of one loop share, and the work that the loop does for them in each turn. */
#include "io/stream_pool.h"

#include <stdlib.h>

#include "base/assert.h"

enum {
    CROWD = 8,           /* events in a turn */
    LAST_READS_MAX = 64, /* of a connection that failed while bytes lay unread in the kernel */
    NOT_READY = STREAM_CONNECTING | STREAM_HANDSHAKE,
};

struct hf_stream_pool *hf_stream_pool_new(struct hf_loop *loop)
{
    const struct hf_loop_options *options = &loop->options;
    struct hf_stream_pool *pool = calloc(1, sizeof(*pool));
    uint64_t chunks_max =
        options->queue_bytes_total_max / sizeof(struct hf_chunk) + 1; /* memory is the limit */

    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    hf_list_init(&pool->ready);
    hf_list_init(&pool->dirty);
    hf_list_init(&pool->handshakes);
    hf_list_init(&pool->closed);
    /* Streams closed in this turn still have their memory, hence twice; streams_now is held to streams_max. */
    pool->streams = hf_slab_new("stream", sizeof(struct hf_stream), 2 * (uint64_t)options->streams_max);
    pool->extras =
        hf_slab_new("stream_extra", sizeof(struct hf_stream_extra), 2 * (uint64_t)options->streams_max);
    hf_stream_queue_slabs_new(pool, chunks_max);
    pool->cork = malloc(options->cork_bytes);
    pool->cipher = malloc(options->receive_bytes);
    pool->gather = malloc(HF_STREAM_RECORD_BYTES);
    /* Of TLS, one record that was cut may come on top of what is received at once. */
    pool->plain_bytes_max = (size_t)options->receive_bytes + HF_STREAM_RECORD_BYTES;
    pool->receive = malloc(pool->plain_bytes_max);
    pool->bio_method = hf_stream_bio_method_new();
    if (pool->streams == NULL || pool->extras == NULL || pool->references == NULL ||
        pool->small_chunks == NULL || pool->large_chunks == NULL || pool->cork == NULL ||
        pool->cipher == NULL || pool->gather == NULL || pool->receive == NULL || pool->bio_method == NULL) {
        hf_stream_pool_free(pool);
        return NULL;
    }
    return pool;
}

void hf_stream_pool_free(struct hf_stream_pool *pool)
{
    if (pool == NULL)
        return;
    hf_stream_pool_sweep(pool);
    hf_slab_free(pool->streams);
    hf_slab_free(pool->extras);
    hf_slab_free(pool->references);
    hf_slab_free(pool->small_chunks);
    hf_slab_free(pool->large_chunks);
    hf_stream_many_free(pool->many);
    free(pool->cork);
    free(pool->cipher);
    free(pool->gather);
    free(pool->receive);
    BIO_meth_free(pool->bio_method);
    free(pool);
}

bool hf_stream_pool_has_work(const struct hf_stream_pool *pool)
{
    return !hf_list_empty(&pool->ready) || !hf_list_empty(&pool->dirty) || !hf_list_empty(&pool->handshakes);
}

void hf_stream_pool_expect(struct hf_stream_pool *pool, unsigned events)
{
    pool->crowded = events >= CROWD && pool->many != NULL;
}

/* Before the hooks, which ask what is still queued, and meant is: at peers who do not read. */
void hf_stream_pool_answer(struct hf_stream_pool *pool)
{
    if (pool->waiting > 0)
        hf_stream_pool_flush(pool);
}

void hf_stream_pool_sweep(struct hf_stream_pool *pool)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&pool->closed)) != NULL)
        hf_slab_give(pool->streams, HF_CONTAINER_OF(node, struct hf_stream, node));
}

void hf_stream_pool_flush(struct hf_stream_pool *pool)
{
    struct hf_list_node now, *node;

    hf_stream_many_flush(pool);
    hf_list_init(&now); /* what handlers make dirty meanwhile has its turn in the next pass */
    hf_list_splice(&now, &pool->dirty);
    while ((node = hf_list_pop_front(&now)) != NULL) {
        struct hf_stream *stream = HF_CONTAINER_OF(node, struct hf_stream, node);

        if (!(stream->flags & STREAM_BLOCKED))
            hf_stream_flush_queue(stream);
        hf_stream_settle(stream);
    }
}

/* Writing has failed, yet the peer's last bytes may lie in the kernel: they are given before the end. */
static void end_failed(struct hf_stream *stream)
{
    bool tls_error = stream->flags & STREAM_TLS_ERROR, more = !tls_error && !(stream->flags & NOT_READY);
    uint8_t *into = stream->loop->streams->receive;

    for (unsigned i = 0; i < LAST_READS_MAX && more && !(stream->flags & (STREAM_GONE | STREAM_PAUSED));
         i++) {
        if (hf_stream_get_ssl(stream) != NULL) {
            more = hf_stream_tls_read_last(stream);
        } else {
            ssize_t got = hf_stream_receive(stream, into);

            more = got > 0;
            if (more)
                hf_stream_deliver(stream, into, (size_t)got);
        }
    }
    hf_stream_end(stream, tls_error ? HF_LINK_END_TLS_FAILED : HF_LINK_END_RESET, stream->sys_errno);
}

static void deliver_unread(struct hf_stream *stream)
{
    struct hf_stream_extra *extra = stream->extra;
    uint8_t *bytes = extra->rest;
    size_t count = extra->rest_bytes;

    extra->rest = NULL;
    extra->rest_bytes = 0;
    if (extra->ssl == NULL && extra->peer.any.sa_family == AF_UNSPEC)
        hf_stream_extra_free(stream);
    hf_stream_deliver(stream, bytes, count);
    free(bytes);
}

void hf_stream_pool_run_ready(struct hf_stream_pool *pool)
{
    struct hf_list_node now, *node;

    if (HF_LIKELY(hf_list_empty(&pool->ready)))
        return;
    hf_list_init(&now);
    hf_list_splice(&now, &pool->ready);
    while ((node = hf_list_pop_front(&now)) != NULL) {
        struct hf_stream *stream = HF_CONTAINER_OF(node, struct hf_stream, node);

        if (stream->flags & STREAM_FAILED)
            end_failed(stream);
        else if ((stream->flags & STREAM_FINISHING) && (stream->flags & NOT_READY))
            hf_stream_end(stream, HF_LINK_END_EOF, 0);
        else if (hf_stream_has_unread(stream) && !(stream->flags & STREAM_PAUSED))
            deliver_unread(stream);
        if (!(stream->flags & (STREAM_FAILED | STREAM_GONE)))
            hf_stream_mark_dirty(stream); /* while it was on this list it could not be on that one */
    }
}
