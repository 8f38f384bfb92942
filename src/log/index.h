/* log/index.h - the sparse index of one segment: for every HF_LOG_BLOCK_BYTES where the block begins, which
 * offset it begins with, how late its records are and a Bloom filter of their keys. It lets a reader of one
 * device step over blocks, and finds times and offsets without reading from the segment's beginning.
 *
 * File <first offset>.idx, big-endian; written when a segment is sealed, rebuilt from the segment when it is
 * missing or wrong, so it is never synced:
 *   0  8 magic "hfevidx1"          24 u64 log id               48 u32 count of blocks
 *   8  u32 CRC-32C of the rest     32 u64 first offset         52 blocks: u64 position, u64 first offset,
 *   12 u32 version, 1              40 u64 end offset              u64 highest time up to the block's end,
 *   16 u64 end position                                           filter of HF_LOG_BLOOM_BYTES */
#ifndef HF_LOG_INDEX_H
#define HF_LOG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "log/format.h"
#include "log/window.h"

enum {
    HF_LOG_BLOCK_BYTES = 1 << 20,
    HF_LOG_BLOOM_BYTES = 2048, /* 4,500 keys of 200-byte records: about one block in six is read in vain */
    HF_LOG_INDEX_HEAD_BYTES = 52,
    HF_LOG_INDEX_BLOCK_BYTES = 24 + HF_LOG_BLOOM_BYTES,
    HF_LOG_INDEX_BLOCKS_MAX =
        2048 /* more than a segment of HF_LOG_SEGMENT_BYTES_MAX and its last group have */
};

struct hf_log_block {
    uint64_t position, first_offset;
    uint64_t time_max_ms; /* of all records of the log up to the end of this block */
    uint8_t bloom[HF_LOG_BLOOM_BYTES];
};

struct hf_log_index {
    uint64_t first_offset;
    uint64_t end_position, end_offset; /* behind the last record that is in the index */
    uint64_t time_max_ms;
    struct hf_log_block *blocks; /* owned */
    size_t block_count, blocks_max;
};

struct hf_log_seek {
    uint64_t position, offset; /* where to read on: of a record, or the index's end */
    uint64_t until_position;   /* ask again from there */
};

void hf_log_index_init(struct hf_log_index *index, uint64_t first_offset, uint64_t time_max_before_ms);
void hf_log_index_deinit(struct hf_log_index *index);
/* Empties it for another segment and keeps the memory. */
void hf_log_index_reset(struct hf_log_index *index, uint64_t first_offset, uint64_t time_max_before_ms);
/* Takes memory for the first blocks, so that add cannot fail. HF_ERR_NOMEM. */
hf_err hf_log_index_reserve(struct hf_log_index *index);
/* The record at position follows all that were added. Without memory the last block just gets longer;
 * HF_ERR_NOMEM only when not even a first block can be had. */
hf_err hf_log_index_add(struct hf_log_index *index, uint64_t position, const struct hf_log_head *head);

/* The first place at or after `position` (of a record) where a record of this key may be. */
struct hf_log_seek hf_log_index_seek_key(const struct hf_log_index *index, uint64_t position, uint32_t key);
/* The last block that begins at or before `offset`, the segment's beginning when there is none. */
struct hf_log_seek hf_log_index_seek_offset(const struct hf_log_index *index, uint64_t offset);
/* The first block that has, or follows, a time >= time_ms; the index's end when there is none. */
struct hf_log_seek hf_log_index_seek_time(const struct hf_log_index *index, uint64_t time_ms);

size_t hf_log_index_encoded_bytes(const struct hf_log_index *index);
void hf_log_index_encode(const struct hf_log_index *index, uint64_t log_id, uint8_t *out);
/* index is initialised. HF_ERR_CORRUPT, HF_ERR_NOMEM. */
hf_err hf_log_index_decode(struct hf_log_index *index, uint64_t log_id, const uint8_t *in, size_t in_bytes);

/* Reads all records with offset below end_offset and steps over damage. HF_ERR_IO, HF_ERR_NOMEM. */
hf_err hf_log_index_scan(struct hf_log_index *index, struct hf_log_window *window, uint64_t end_offset);

#endif
