/* core/twin/archive_parts.h - private to archive*.c. */
#ifndef HF_CORE_TWIN_ARCHIVE_PARTS_H
#define HF_CORE_TWIN_ARCHIVE_PARTS_H

#include "codec/samples/samples.h"
#include "core/twin/archive.h"

struct hf_archive_block { /* one that is being filled */
    struct hf_series_writer writer;
    struct hf_kvkey key;
    bool open, dirty;
    uint32_t row_bytes; /* of the row as it is in the table: 0 = none yet */
    uint16_t row_points;
    uint8_t at[HF_SERIES_BLOCK_BYTES_MAX];
};

struct hf_archive_device {
    struct hf_map_node node;
    struct hf_list_node used;
    struct hf_kvkey key; /* tenant and device */
    uint8_t boot_id[HF_SAMPLES_BOOT_BYTES];
    uint64_t taken_us;             /* log time of its last batch */
    struct hf_series_point second; /* not written yet; its t_us is whole seconds */
    uint64_t second_place;
    uint32_t second_samples;
    bool has_second;
    struct hf_archive_block blocks[HF_SERIES_TIERS];
};

struct hf_archive_device *hf_archive_find(const struct hf_archive *archive, const struct hf_kvkey *key);
hf_err hf_archive_txn(struct hf_archive *archive); /* one is open */
/* Adds to what the table holds, and takes away. */
void hf_archive_count(struct hf_archive *archive, unsigned tier, int64_t blocks, int64_t bytes,
                      int64_t points);
uint32_t hf_archive_row_bytes(struct hf_slice key, size_t value_bytes); /* on the disk */

static inline uint64_t hf_archive_number(unsigned tier, uint64_t us)
{
    return (uint64_t)tier << 60 | us;
}

#endif
