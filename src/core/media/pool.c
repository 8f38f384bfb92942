#include "core/media/pool.h"

#include <stdlib.h>

#include "base/assert.h"

struct hf_media_block { /* while it is kept */
    struct hf_media_block *next;
};

static size_t size_of(unsigned index)
{
    size_t bytes = (size_t)HF_MEDIA_BLOCK_BYTES_MIN << (index / 2);

    return index % 2 == 0 ? bytes : bytes + bytes / 2;
}

/* HF_MEDIA_BLOCK_SIZES: larger than all. */
static unsigned index_of(size_t bytes)
{
    unsigned index = 0;

    while (index < HF_MEDIA_BLOCK_SIZES && size_of(index) < bytes)
        index++;
    return index;
}

void hf_media_pool_init(struct hf_media_pool *pool, size_t bytes_max, size_t kept_bytes_max)
{
    *pool = (struct hf_media_pool){.bytes_max = bytes_max, .kept_bytes_max = kept_bytes_max};
}

static struct hf_media_block *pop(struct hf_media_pool *pool, unsigned index)
{
    struct hf_media_block *block = pool->kept[index];

    if (block == NULL)
        return NULL;
    pool->kept[index] = block->next;
    pool->kept_bytes -= size_of(index);
    return block;
}

static void to_system(struct hf_media_pool *pool, struct hf_media_block *block, unsigned index)
{
    pool->bytes -= size_of(index);
    free(block);
}

/* The largest first: they make room soonest. */
static void make_room(struct hf_media_pool *pool, size_t bytes)
{
    for (unsigned index = HF_MEDIA_BLOCK_SIZES; index-- > 0;)
        while (bytes > pool->bytes_max - pool->bytes && pool->kept[index] != NULL)
            to_system(pool, pop(pool, index), index);
}

void hf_media_pool_deinit(struct hf_media_pool *pool)
{
    for (unsigned index = 0; index < HF_MEDIA_BLOCK_SIZES; index++)
        while (pool->kept[index] != NULL)
            to_system(pool, pop(pool, index), index);
    HF_ASSERT(pool->bytes == 0 && pool->kept_bytes == 0);
}

void *hf_media_pool_take(struct hf_media_pool *pool, size_t bytes)
{
    unsigned index = index_of(bytes);
    void *block = index < HF_MEDIA_BLOCK_SIZES ? pop(pool, index) : NULL;

    if (block != NULL)
        return block;
    if (index < HF_MEDIA_BLOCK_SIZES && size_of(index) <= pool->bytes_max) {
        make_room(pool, size_of(index));
        if (size_of(index) <= pool->bytes_max - pool->bytes)
            block = malloc(size_of(index));
    }
    if (block == NULL) {
        pool->refused++;
        return NULL;
    }
    pool->bytes += size_of(index);
    pool->made++;
    return block;
}

void hf_media_pool_give(struct hf_media_pool *pool, void *block, size_t bytes)
{
    unsigned index = index_of(bytes);
    struct hf_media_block *kept = block;

    if (block == NULL)
        return;
    HF_ASSERT(index < HF_MEDIA_BLOCK_SIZES);
    if (size_of(index) > pool->kept_bytes_max - pool->kept_bytes) {
        to_system(pool, kept, index);
        return;
    }
    kept->next = pool->kept[index];
    pool->kept[index] = kept;
    pool->kept_bytes += size_of(index);
}
