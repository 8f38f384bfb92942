/* io/stream_queue.c - queued output: a circular singly linked list of chunks, kept by its last one. Copied bytes go
 * into chunks of two sizes and fill up the last one first; shared payloads are referenced. */
#include <string.h>

#include "base/assert.h"
#include "io/stream_pool.h"

enum { SMALL_CHUNK_BYTES = 512, LARGE_CHUNK_BYTES = 4096 }; /* with their heads */
enum {
    SMALL_CAPACITY = SMALL_CHUNK_BYTES - sizeof(struct hf_chunk),
    LARGE_CAPACITY = LARGE_CHUNK_BYTES - sizeof(struct hf_chunk),
};

void hf_stream_queue_slabs_new(struct hf_stream_pool *pool, uint64_t chunks_max)
{
    pool->references = hf_slab_new("send_reference", sizeof(struct hf_chunk), chunks_max);
    pool->small_chunks = hf_slab_new("send_small", SMALL_CHUNK_BYTES, chunks_max);
    pool->large_chunks = hf_slab_new("send_large", LARGE_CHUNK_BYTES, chunks_max);
}

static size_t chunk_memory(const struct hf_chunk *chunk)
{
    return sizeof(*chunk) + chunk->capacity;
}

static struct hf_slab *slab_of(struct hf_stream_pool *pool, uint32_t capacity)
{
    switch (capacity) {
    case 0: return pool->references;
    case SMALL_CAPACITY: return pool->small_chunks;
    case LARGE_CAPACITY: return pool->large_chunks;
    default: HF_UNREACHABLE();
    }
}

static struct hf_chunk *chunk_new(struct hf_stream_pool *pool, uint32_t capacity)
{
    size_t memory = sizeof(struct hf_chunk) + capacity;
    struct hf_chunk *chunk;

    if (memory > pool->loop->options.queue_bytes_total_max - pool->queue_memory)
        return NULL;
    chunk = hf_slab_take(slab_of(pool, capacity));
    if (chunk == NULL)
        return NULL;
    chunk->capacity = capacity;
    pool->queue_memory += memory;
    return chunk;
}

static void chunk_free(struct hf_stream_pool *pool, struct hf_chunk *chunk)
{
    pool->queue_memory -= chunk_memory(chunk);
    hf_shared_unref(chunk->shared);
    hf_slab_give(slab_of(pool, chunk->capacity), chunk);
}

static void append(struct hf_stream *stream, struct hf_chunk *chunk)
{
    struct hf_chunk *last = stream->queue_last;

    chunk->next = last != NULL ? last->next : chunk;
    if (last != NULL)
        last->next = chunk;
    stream->queue_last = chunk;
}

static void account(struct hf_stream *stream, size_t bytes)
{
    struct hf_loop_stats *stats = &stream->loop->stats;

    stream->queued_bytes += (uint32_t)bytes;
    stats->queue_bytes_now += bytes;
    stats->queue_bytes_max_seen = HF_MAX(stats->queue_bytes_max_seen, stats->queue_bytes_now);
}

hf_err hf_stream_queue_copy(struct hf_stream *stream, const void *data, size_t bytes)
{
    struct hf_stream_pool *pool = stream->loop->streams;
    struct hf_chunk *last = stream->queue_last, *fresh = NULL, *chunk;
    size_t room = last != NULL ? last->capacity - (last->shared ? 0 : last->bytes) : 0;
    const uint8_t *from = data;
    size_t left = bytes - HF_MIN(bytes, room), part;

    while (left > 0) { /* first all chunks, so that a failure takes nothing */
        chunk = chunk_new(pool, left <= SMALL_CAPACITY ? SMALL_CAPACITY : LARGE_CAPACITY);
        if (chunk == NULL)
            goto fail;
        chunk->next = fresh;
        fresh = chunk;
        left -= HF_MIN(left, chunk->capacity);
    }
    account(stream, bytes);
    part = HF_MIN(bytes, room);
    if (part > 0) {
        memcpy(last->data + last->bytes, from, part);
        last->bytes += (uint32_t)part;
    }
    for (from += part, left = bytes - part; left > 0; from += part, left -= part) {
        HF_ASSERT(fresh != NULL);
        chunk = fresh;
        fresh = chunk->next;
        part = HF_MIN(left, chunk->capacity);
        memcpy(chunk->data, from, part);
        chunk->bytes = (uint32_t)part;
        append(stream, chunk);
    }
    HF_ASSERT(fresh == NULL);
    return HF_OK;
fail:
    while ((chunk = fresh) != NULL) {
        fresh = chunk->next;
        chunk_free(pool, chunk);
    }
    return HF_ERR_NOMEM;
}

hf_err hf_stream_queue_shared(struct hf_stream *stream, struct hf_shared *shared)
{
    struct hf_chunk *chunk = chunk_new(stream->loop->streams, 0);

    if (chunk == NULL)
        return HF_ERR_NOMEM;
    shared->references++;
    chunk->shared = shared;
    chunk->bytes = shared->bytes;
    append(stream, chunk);
    account(stream, shared->bytes);
    return HF_OK;
}

unsigned hf_stream_queue_iov(const struct hf_stream *stream, struct iovec *ret_iov, unsigned iov_max)
{
    struct hf_chunk *chunk = stream->queue_last;
    size_t skip = stream->sent_of_oldest;
    unsigned count = 0;

    if (chunk == NULL)
        return 0;
    do {
        chunk = chunk->next;
        ret_iov[count].iov_base = (chunk->shared ? chunk->shared->data : chunk->data) + skip;
        ret_iov[count].iov_len = chunk->bytes - skip;
        count++;
        skip = 0;
    } while (chunk != stream->queue_last && count < iov_max);
    return count;
}

size_t hf_stream_queue_peek(const struct hf_stream *stream, uint8_t *ret_data, size_t bytes_max)
{
    struct iovec iov[HF_STREAM_IOV_MAX];
    unsigned count = hf_stream_queue_iov(stream, iov, HF_STREAM_IOV_MAX);
    size_t bytes = 0;

    for (unsigned i = 0; i < count && bytes < bytes_max; i++) {
        size_t part = HF_MIN(iov[i].iov_len, bytes_max - bytes);

        memcpy(ret_data + bytes, iov[i].iov_base, part);
        bytes += part;
    }
    return bytes;
}

void hf_stream_queue_consume(struct hf_stream *stream, size_t bytes)
{
    HF_ASSERT(bytes <= stream->queued_bytes);
    stream->queued_bytes -= (uint32_t)bytes;
    stream->loop->stats.queue_bytes_now -= bytes;
    while (stream->queue_last != NULL) {
        struct hf_chunk *oldest = stream->queue_last->next;
        size_t rest = oldest->bytes - stream->sent_of_oldest;

        if (bytes < rest) {
            stream->sent_of_oldest += (uint32_t)bytes;
            return;
        }
        bytes -= rest;
        stream->sent_of_oldest = 0;
        if (oldest == stream->queue_last)
            stream->queue_last = NULL;
        else
            stream->queue_last->next = oldest->next;
        chunk_free(stream->loop->streams, oldest);
    }
    HF_ASSERT(bytes == 0 && stream->queued_bytes == 0);
}

void hf_stream_queue_drop(struct hf_stream *stream)
{
    hf_stream_queue_consume(stream, stream->queued_bytes);
}
