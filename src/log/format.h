/* log/format.h - what the log's files look like. All integers are big-endian.
 *
 * Directory:
 *   <first offset, 20 digits>.log  a segment; the one with the highest number is live
 *   <first offset, 20 digits>.idx  index of a sealed segment (log/index.h); can be rebuilt at any time
 *   <...>.log.damaged              what repair kept of a damaged segment
 *   spare.tmp                      space reserved for the next segment; deleted at start, as every .tmp
 *   lock                           held while the log is open
 *
 * Segment:
 *   0     head (64 bytes), a copy of it at 4096; the rest up to HF_LOG_SEGMENT_HEAD_BYTES is zero
 *   8192  records, one after the other. A live segment is preallocated: after the last record zeros follow.
 *         Records end where the next segment begins by offset, whatever bytes follow: a segment that was left
 *         after a failed sync may end in garbage.
 *
 * Segment head:                             Record head (HF_LOG_RECORD_HEAD_BYTES):
 *   0   8 magic "hfevlog1"                    0  u32 CRC-32C of bytes 4..35 and then of the log id
 *   8   u32 CRC-32C of bytes 12..63           4  u32 body bytes, 1..HF_LOG_BODY_BYTES_MAX
 *   12  u32 version, 1                        8  u32 CRC-32C of the body
 *   16  u64 log id                            12 u32 key, hf_log_key() of tenant and device; 0 = none
 *   24  u64 first offset                      16 u64 offset
 *   32  u64 time created, ms UTC              24 u64 time, ms UTC
 *   40  u64 highest time of any record        32 u32 distance: offset - distance was durable when this record
 *           in earlier segments                      was written, at least 1
 *   48  16 zero bytes                         36 body
 *
 * The log id is random and secret to peers: a record that a device hides in a payload has a wrong head CRC,
 * so that neither recovery nor a reader that looks for the next good record can be fooled by it. The head has
 * a CRC of its own, so that a length is never trusted, and a record that a reader does not want is skipped
 * without its body. */
#ifndef HF_LOG_FORMAT_H
#define HF_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "log/batch.h"

enum {
    HF_LOG_SEGMENT_HEAD_BYTES = 8192,
    HF_LOG_SEGMENT_HEAD_USED_BYTES = 64,
    HF_LOG_SEGMENT_HEAD_COPY = 4096, /* position of the second copy: another block of the disk */
    HF_LOG_VERSION = 1,
    HF_LOG_NAME_DIGITS = 20,
    HF_LOG_RECORD_BYTES_MAX = HF_LOG_RECORD_HEAD_BYTES + HF_LOG_BODY_BYTES_MAX
};

struct hf_log_segment_head {
    uint64_t log_id, first_offset, created_ms, time_max_before_ms;
};

struct hf_log_head { /* of a record */
    uint64_t offset, time_ms;
    uint32_t body_bytes, body_crc, key, distance;
};

void hf_log_segment_head_write(uint8_t out[HF_LOG_SEGMENT_HEAD_USED_BYTES],
                               const struct hf_log_segment_head *head);
/* HF_ERR_CORRUPT, or HF_ERR_UNSUPPORTED for an intact head of a later version. */
hf_err hf_log_segment_head_read(const uint8_t in[HF_LOG_SEGMENT_HEAD_USED_BYTES],
                                struct hf_log_segment_head *ret_head);

/* Fills in what the writer knows; body bytes, body CRC and key are there already. */
void hf_log_head_seal(uint8_t at[HF_LOG_RECORD_HEAD_BYTES], uint64_t log_id, uint64_t offset,
                      uint64_t time_ms, uint32_t distance);
/* False when the CRC is wrong or a field is out of range. */
bool hf_log_head_read(const uint8_t at[HF_LOG_RECORD_HEAD_BYTES], uint64_t log_id,
                      struct hf_log_head *ret_head);
bool hf_log_body_intact(const struct hf_log_head *head, const uint8_t *body);

/* "<dir>/<20 digits><suffix>"; HF_ERR_INVALID when it does not fit. */
hf_err hf_log_path(char *out, size_t out_bytes, const char *dir, uint64_t first_offset, const char *suffix);
/* False when name is not 20 digits and suffix, or the number is 0. */
bool hf_log_name_parse(const char *name, const char *suffix, uint64_t *ret_first_offset);

#endif
