#include "log/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/hash.h"

enum { BLOCKS_FIRST = 72 }; /* a segment of the default size, and some */
enum { BLOOM_BITS = HF_LOG_BLOOM_BYTES * 8, BLOOM_HASHES = 3, BLOOM_SHIFT = 14 };
_Static_assert(BLOOM_BITS == 1 << BLOOM_SHIFT, "one hash is BLOOM_SHIFT bits");
_Static_assert(BLOOM_HASHES *BLOOM_SHIFT <= 64, "all hashes come from one 64-bit number");

static const char MAGIC[8] = {'h', 'f', 'e', 'v', 'i', 'd', 'x', '1'};

static void bloom_add(uint8_t *bloom, uint32_t key)
{
    uint64_t bits = hf_hash_mix(key);

    for (int i = 0; i < BLOOM_HASHES; i++, bits >>= BLOOM_SHIFT)
        bloom[bits % BLOOM_BITS / 8] |= (uint8_t)(1 << bits % 8);
}

static bool bloom_may_have(const uint8_t *bloom, uint32_t key)
{
    uint64_t bits = hf_hash_mix(key);

    for (int i = 0; i < BLOOM_HASHES; i++, bits >>= BLOOM_SHIFT)
        if (!(bloom[bits % BLOOM_BITS / 8] & 1 << bits % 8))
            return false;
    return true;
}

void hf_log_index_init(struct hf_log_index *index, uint64_t first_offset, uint64_t time_max_before_ms)
{
    *index = (struct hf_log_index){0};
    hf_log_index_reset(index, first_offset, time_max_before_ms);
}

void hf_log_index_reset(struct hf_log_index *index, uint64_t first_offset, uint64_t time_max_before_ms)
{
    index->first_offset = index->end_offset = first_offset;
    index->end_position = HF_LOG_SEGMENT_HEAD_BYTES;
    index->time_max_ms = time_max_before_ms;
    index->block_count = 0;
}

void hf_log_index_deinit(struct hf_log_index *index)
{
    free(index->blocks);
    *index = (struct hf_log_index){0};
}

static hf_err grow(struct hf_log_index *index, size_t blocks_max)
{
    struct hf_log_block *blocks = realloc(index->blocks, blocks_max * sizeof(*blocks));

    if (blocks == NULL)
        return HF_ERR_NOMEM;
    index->blocks = blocks;
    index->blocks_max = blocks_max;
    return HF_OK;
}

hf_err hf_log_index_reserve(struct hf_log_index *index)
{
    return index->blocks_max > 0 ? HF_OK : grow(index, BLOCKS_FIRST);
}

hf_err hf_log_index_add(struct hf_log_index *index, uint64_t position, const struct hf_log_head *head)
{
    struct hf_log_block *block = index->block_count ? &index->blocks[index->block_count - 1] : NULL;

    if (block == NULL || position - block->position >= HF_LOG_BLOCK_BYTES) {
        size_t wanted =
            HF_MIN(index->blocks_max ? index->blocks_max * 2 : BLOCKS_FIRST, HF_LOG_INDEX_BLOCKS_MAX);
        hf_err err = index->block_count < index->blocks_max ? HF_OK
                     : wanted > index->blocks_max           ? grow(index, wanted)
                                                            : HF_ERR_LIMIT;

        if (err == HF_OK) {
            HF_ASSERT(index->blocks != NULL);
            block = &index->blocks[index->block_count++];
            *block = (struct hf_log_block){.position = position, .first_offset = head->offset};
        } else if (block == NULL) {
            return err;
        }
    }
    index->time_max_ms = HF_MAX(index->time_max_ms, head->time_ms);
    block->time_max_ms = index->time_max_ms;
    if (head->key != 0)
        bloom_add(block->bloom, head->key);
    index->end_position = hf_log_record_end(position, head);
    index->end_offset = head->offset + 1;
    return HF_OK;
}

static struct hf_log_seek at_end(const struct hf_log_index *index)
{
    return (struct hf_log_seek){index->end_position, index->end_offset, index->end_position};
}

static uint64_t block_end(const struct hf_log_index *index, size_t i)
{
    return i + 1 < index->block_count ? index->blocks[i + 1].position : index->end_position;
}

static struct hf_log_seek at_block(const struct hf_log_index *index, size_t i)
{
    return (struct hf_log_seek){index->blocks[i].position, index->blocks[i].first_offset,
                                block_end(index, i)};
}

struct hf_log_seek hf_log_index_seek_key(const struct hf_log_index *index, uint64_t position, uint32_t key)
{
    for (size_t i = 0; i < index->block_count; i++) {
        if (block_end(index, i) <= position || !bloom_may_have(index->blocks[i].bloom, key))
            continue;
        if (index->blocks[i].position >= position)
            return at_block(index, i);
        return (struct hf_log_seek){position, 0, block_end(index, i)}; /* stays where it is */
    }
    return at_end(index);
}

struct hf_log_seek hf_log_index_seek_offset(const struct hf_log_index *index, uint64_t offset)
{
    size_t low = 0, high = index->block_count; /* the answer is the block before the first that is later */

    if (offset >= index->end_offset)
        return at_end(index);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->blocks[middle].first_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct hf_log_seek){HF_LOG_SEGMENT_HEAD_BYTES, index->first_offset,
                                    HF_LOG_SEGMENT_HEAD_BYTES};
    return at_block(index, low - 1);
}

struct hf_log_seek hf_log_index_seek_time(const struct hf_log_index *index, uint64_t time_ms)
{
    for (size_t i = 0; i < index->block_count; i++)
        if (index->blocks[i].time_max_ms >= time_ms)
            return at_block(index, i);
    return at_end(index);
}

size_t hf_log_index_encoded_bytes(const struct hf_log_index *index)
{
    return HF_LOG_INDEX_HEAD_BYTES + index->block_count * HF_LOG_INDEX_BLOCK_BYTES;
}

void hf_log_index_encode(const struct hf_log_index *index, uint64_t log_id, uint8_t *out)
{
    uint8_t *at = out + HF_LOG_INDEX_HEAD_BYTES;

    memcpy(out, MAGIC, sizeof(MAGIC));
    hf_put_u32(out + 12, HF_LOG_VERSION);
    hf_put_u64(out + 16, index->end_position);
    hf_put_u64(out + 24, log_id);
    hf_put_u64(out + 32, index->first_offset);
    hf_put_u64(out + 40, index->end_offset);
    hf_put_u32(out + 48, (uint32_t)index->block_count);
    for (size_t i = 0; i < index->block_count; i++, at += HF_LOG_INDEX_BLOCK_BYTES) {
        hf_put_u64(at, index->blocks[i].position);
        hf_put_u64(at + 8, index->blocks[i].first_offset);
        hf_put_u64(at + 16, index->blocks[i].time_max_ms);
        memcpy(at + 24, index->blocks[i].bloom, HF_LOG_BLOOM_BYTES);
    }
    hf_put_u32(out + 8, hf_crc32c(0, out + 12, (size_t)(at - out) - 12));
}

hf_err hf_log_index_decode(struct hf_log_index *index, uint64_t log_id, const uint8_t *in, size_t in_bytes)
{
    const uint8_t *at = in + HF_LOG_INDEX_HEAD_BYTES;
    size_t count;

    if (in_bytes < HF_LOG_INDEX_HEAD_BYTES || memcmp(in, MAGIC, sizeof(MAGIC)) != 0 ||
        hf_get_u32(in + 12) != HF_LOG_VERSION || hf_get_u64(in + 24) != log_id)
        return HF_ERR_CORRUPT;
    count = hf_get_u32(in + 48);
    if (count > HF_LOG_INDEX_BLOCKS_MAX ||
        in_bytes != HF_LOG_INDEX_HEAD_BYTES + count * HF_LOG_INDEX_BLOCK_BYTES ||
        hf_get_u32(in + 8) != hf_crc32c(0, in + 12, in_bytes - 12))
        return HF_ERR_CORRUPT;
    if (count > index->blocks_max && grow(index, count) != HF_OK)
        return HF_ERR_NOMEM;
    hf_log_index_reset(index, hf_get_u64(in + 32), 0);
    for (size_t i = 0; i < count; i++, at += HF_LOG_INDEX_BLOCK_BYTES) {
        struct hf_log_block *block = &index->blocks[i];

        block->position = hf_get_u64(at);
        block->first_offset = hf_get_u64(at + 8);
        block->time_max_ms = hf_get_u64(at + 16);
        memcpy(block->bloom, at + 24, HF_LOG_BLOOM_BYTES);
        index->time_max_ms = block->time_max_ms;
    }
    index->block_count = count;
    index->end_position = hf_get_u64(in + 16);
    index->end_offset = hf_get_u64(in + 40);
    return HF_OK;
}

hf_err hf_log_index_scan(struct hf_log_index *index, struct hf_log_window *window, uint64_t end_offset)
{
    uint64_t position = HF_LOG_SEGMENT_HEAD_BYTES, offset = index->first_offset;

    while (offset < end_offset) {
        struct hf_log_head head;
        const uint8_t *body;
        hf_err err = hf_log_window_record(window, position, &head, &body);

        if (err == HF_OK && (head.offset < offset || head.offset >= end_offset))
            err = HF_ERR_CORRUPT;
        if (err == HF_ERR_CORRUPT || err == HF_ERR_NOT_FOUND)
            err = hf_log_window_resync(window, position + 1, offset, end_offset - 1, &position, &head);
        if (err == HF_ERR_NOT_FOUND)
            return HF_OK;
        if (err == HF_OK)
            err = hf_log_index_add(index, position, &head);
        if (err != HF_OK)
            return err;
        offset = head.offset + 1;
        position = hf_log_record_end(position, &head);
    }
    return HF_OK;
}
