/* log/reader.h - reading the log from any offset on, from any thread, without disturbing the writer.
 * A reader belongs to one thread at a time, holds at most one descriptor and one buffer taken at open
 * (HF_LOG_READER_BUFFER_BYTES; once a record is larger than that, up to the largest record), and sees what is
 * durable, nothing else. Every record's CRC is checked. Segments that retention deletes under it stay
 * readable until it leaves them. */
#ifndef HF_LOG_READER_H
#define HF_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/slice.h"

struct hf_log;
struct hf_log_reader; /* opaque */

enum {
    HF_LOG_READER_BUFFER_BYTES = 256 << 10,
    HF_LOG_READER_SCAN_BYTES_MAX = 4 << 20 /* read by one call of a filtered reader before it says BUSY */
};

struct hf_log_record {
    uint64_t offset;
    uint64_t time_ms;     /* UTC, of the append */
    struct hf_slice body; /* borrowed until the next call on this reader */
    uint32_t key;         /* hf_log_key() of the key_hash; 0 = none */
};

struct hf_log_gap { /* from..to, both included */
    uint64_t from, to;
    enum hf_reason reason; /* HF_REASON_RETENTION or HF_REASON_LOG_DAMAGED */
    bool live;             /* in the segment that is being written: the next open looks at it */
    bool hole;             /* nothing is damaged any more: a repair has left it */
};

uint32_t hf_log_key(uint64_t key_hash); /* what a record keeps of it: 32 bits, 0 only for 0 */

/* from_offset 0 or 1 = the beginning; hf_log_durable_through() + 1 = only what comes. Beyond that:
 * HF_ERR_INVALID. HF_ERR_LIMIT at readers_max (counted), HF_ERR_NOMEM. */
hf_err hf_log_reader_open(struct hf_log *log, uint64_t from_offset, struct hf_log_reader **ret_reader);
void hf_log_reader_close(struct hf_log_reader *reader); /* NULL is harmless */

/* Only records of this key from now on, skipping what the index rules out; 0 = all. Two devices may share a
 * key (32 bits are kept), so the caller still compares. */
void hf_log_reader_filter(struct hf_log_reader *reader, uint64_t key_hash);

/* The next record. HF_ERR_AGAIN: nothing more is durable yet. HF_ERR_NOT_FOUND: the reader is behind
 * retention; HF_ERR_CORRUPT: records are damaged; both with the exact range in hf_log_reader_gap, and
 * both stay until hf_log_reader_skip (or, for damage that was a passing read error, heal by themselves).
 * HF_ERR_BUSY: a filtered reader has read HF_LOG_READER_SCAN_BYTES_MAX and found nothing; call again when
 * others had their turn. HF_ERR_IO, HF_ERR_LIMIT (no descriptor), HF_ERR_NOMEM: try again later. */
hf_err hf_log_reader_next(struct hf_log_reader *reader, struct hf_log_record *ret_record);

struct hf_log_gap hf_log_reader_gap(const struct hf_log_reader *reader); /* of the last such error */
/* The file it lies in. HF_ERR_INVALID: out is too small. */
hf_err hf_log_reader_gap_path(const struct hf_log_reader *reader, char *out, size_t out_bytes);
void hf_log_reader_skip(struct hf_log_reader *reader);             /* goes on behind that gap */
uint64_t hf_log_reader_offset(const struct hf_log_reader *reader); /* the next it will look at */

#endif
