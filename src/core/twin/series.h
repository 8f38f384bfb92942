/* core/twin/series.h - blocks of a device's time series: points of three channels, packed. Pure: no allocation, no clock; the caller has the storage.
 *
 * A point says of each channel how many samples it stands for, their smallest, largest and sum. A raw sample is a point that stands for one; one that
 * sums up a second stands for many. Sums are whole numbers, so points add up to coarser ones without rounding.
 *
 *   block: u8 version 1 | u8 tier | u16 points | u64 first, u64 last: UTC us | u32 bytes of the bits
 *          3 x { u32 count | i32 min | i32 max | i64 sum } of all points | bits, the highest first
 *   point: time | 1 bit: does each channel stand for as many samples as in the point before? | if not, 3 x count
 *          then of each channel with samples: sum | of one with more than one: mean - min, max - mean (mean rounded down)
 *   time:  its distance from the point before, less the distance that was expected (a running mean of those before): delta of deltas, damped
 *   sum:   less what the mean of the point before makes of as many samples
 *   count: less that of the point before
 * Each of these is a number in Rice coding (signed ones folded: 0, -1, 1, -2 ...), whose parameter follows the running mean of those before it: q ones, a zero and k bits;
 * above HF_SERIES_ONES_MAX ones six bits with a length and so many bits. Integers are big-endian. What a point was is had back to the bit. */
#ifndef HF_CORE_TWIN_SERIES_H
#define HF_CORE_TWIN_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum hf_series_channel { HF_SERIES_CADENCE, HF_SERIES_POWER, HF_SERIES_LEAN, HF_SERIES_CHANNELS };
enum hf_series_tier { HF_SERIES_RAW, HF_SERIES_SECOND, HF_SERIES_TIERS };

enum {
    HF_SERIES_VERSION = 1,
    HF_SERIES_HEAD_BYTES = 24 + HF_SERIES_CHANNELS * 20,
    HF_SERIES_BLOCK_BYTES_MAX = 4080, /* one page of the table store, whose own head has 16 bytes */
    HF_SERIES_POINTS_MAX = 32767,     /* of a block: a bit or more each */
    HF_SERIES_ONES_MAX = 12,
    HF_SERIES_VALUE_MIN = -32768,
    HF_SERIES_VALUE_MAX = 65535,
    HF_SERIES_COUNT_MAX = 1 << 20, /* samples that one point may stand for */
};
#define HF_SERIES_US_MAX (UINT64_C(1) << 53) /* the year 2255 */

struct hf_series_unit {
    const char *channel, *member, *unit; /* "power", "power_w", "W" */
    double divisor;                      /* from the whole numbers here to the unit */
};
extern const struct hf_series_unit hf_series_units[HF_SERIES_CHANNELS];

struct hf_series_stat {
    uint32_t count; /* 0: the rest is 0 */
    int32_t min, max;
    int64_t sum;
};

struct hf_series_point {
    uint64_t t_us; /* UTC: of a sample, or of the begin of its second */
    struct hf_series_stat of[HF_SERIES_CHANNELS];
};

static inline struct hf_series_stat hf_series_one(int32_t value)
{
    return (struct hf_series_stat){1, value, value, value};
}
void hf_series_add(struct hf_series_stat *into, const struct hf_series_stat *from);

struct hf_series_head {
    uint8_t tier;
    uint16_t points;
    uint64_t first_us, last_us;
    struct hf_series_stat of[HF_SERIES_CHANNELS];
};

/* ---- what both sides know of the points before ---- */

enum { HF_SERIES_COLUMNS = 1 + 4 * HF_SERIES_CHANNELS };
struct hf_series_past {
    uint64_t t_us, step_us; /* the last one, and the distance that is expected of the next */
    struct {
        uint32_t count;
        int64_t sum;        /* of the last point that had samples; counted as */
        uint32_t sum_count; /* so many of them */
    } of[HF_SERIES_CHANNELS];
    uint32_t mean[HF_SERIES_COLUMNS]; /* of the numbers of a column, times 16 */
};

/* ---- writing ---- */

struct hf_series_writer { /* fields are its own but head, which may be read */
    struct hf_series_head head;
    struct hf_series_past past;
    uint64_t word; /* bits that have no byte yet, the latest lowest */
    unsigned word_bits;
    size_t bytes, bytes_max;
    uint8_t *at;
};

/* `at` has bytes_max bytes, HF_SERIES_HEAD_BYTES + 160 at least; the block is built in it. */
void hf_series_begin(struct hf_series_writer *writer, uint8_t tier, uint8_t *at, size_t bytes_max);
/* HF_ERR_FULL: it does not fit, or goes back in time: nothing was written, begin another block. HF_ERR_INVALID: a time or a value out of range. A point
 * without samples is one, too. */
hf_err hf_series_put(struct hf_series_writer *writer, const struct hf_series_point *point);
/* The block as it stands, in its storage; writing may go on. Absent while it has no point. */
struct hf_slice hf_series_block(struct hf_series_writer *writer);

/* ---- reading ---- */

/* HF_ERR_CORRUPT: not a block. Says nothing of its points. */
hf_err hf_series_head(struct hf_slice block, struct hf_series_head *ret_head);

struct hf_series_reader {
    struct hf_series_head head;
    struct hf_series_past past;
    const uint8_t *at, *end;
    uint64_t word; /* bits that were not taken yet, from the highest on */
    unsigned word_bits, left;
};
/* HF_ERR_CORRUPT. Borrows block. */
hf_err hf_series_open(struct hf_series_reader *reader, struct hf_slice block);
/* HF_ERR_NOT_FOUND: that were all. HF_ERR_CORRUPT: these bytes were not written by hf_series_put(); final. */
hf_err hf_series_next(struct hf_series_reader *reader, struct hf_series_point *ret_point);

#endif
