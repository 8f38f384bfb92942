/* core/media/pool.h - memory of what goes through the media thread, so that no packet and no access unit asks the system for any: blocks that were given back are kept and taken again. Sizes are rounded up to
 * 256 bytes x 2^n or x 1.5 * 2^n. What is taken and what is kept together is bounded; above the bound kept blocks of other sizes go back to the system first. One thread. */
#ifndef HF_CORE_MEDIA_POOL_H
#define HF_CORE_MEDIA_POOL_H

#include <stddef.h>
#include <stdint.h>

enum {
    HF_MEDIA_BLOCK_BYTES_MIN = 256,
    HF_MEDIA_BLOCK_SIZES = 40, /* up to 96 MiB */
};

struct hf_media_pool { /* fields are the pool's */
    struct hf_media_block *kept[HF_MEDIA_BLOCK_SIZES];
    size_t bytes, bytes_max;           /* of all blocks */
    size_t kept_bytes, kept_bytes_max; /* of those that wait to be taken */
    uint64_t made, refused;            /* blocks from the system; not given: the bound, or no memory */
};

void hf_media_pool_init(struct hf_media_pool *pool, size_t bytes_max, size_t kept_bytes_max);
void hf_media_pool_deinit(struct hf_media_pool *pool); /* asserts that every block was given back */
/* Not zeroed, 16-byte aligned. NULL: counted as refused. */
void *hf_media_pool_take(struct hf_media_pool *pool, size_t bytes);
void hf_media_pool_give(struct hf_media_pool *pool, void *block,
                        size_t bytes); /* bytes: as taken. NULL is harmless */

#endif
