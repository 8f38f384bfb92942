/* core/twin/archive.h - the time series of all devices, behind the log: what a MESSAGE of format 4 brought, packed into blocks (series.h) in a table store of its own. Sans-I/O.
 *
 * Two tiers: every sample as it is (raw), and each second of UTC summed up (second), which is kept longer and is what coarser steps are made of. A block begins anew when it is full
 * (one page of the store), spans HF_ARCHIVE_SPAN_MS, or when time goes back (another boot, a clock that was put right): so each is in order, and a range is found by one seek.
 *
 * Exactly once: blocks are filled in memory and written now and then; the rows and the log offset through which they are complete are one commit. After a crash the log is read on
 * from there, and what was not committed never was. A block that is not full is written again, under its key, with the next commit.
 *
 *   row of HF_KV_SERIES: key tenant 00 device 00 [u64 tier << 60 | first us] [u64 log offset << 6 | place in the batch, of the sample that began it], value: the block
 *   row "\0": what the table holds, by tier: u64 blocks, u64 bytes (whole pages where a value takes some), u64 points
 *
 * One thread. Errors of the store are passed on: the caller calls hf_archive_forget() and reads the log again from `through` + 1. */
#ifndef HF_CORE_TWIN_ARCHIVE_H
#define HF_CORE_TWIN_ARCHIVE_H

#include "base/list.h"
#include "base/map.h"
#include "core/event.h"
#include "core/kv.h"
#include "core/kvkey.h"
#include "core/twin/series.h"

enum {
    HF_ARCHIVE_SPAN_MS = 3600000, /* of one block: how far before a range blocks have to be looked for */
    HF_ARCHIVE_PAGE_BYTES = 4096,
    HF_ARCHIVE_ROWS_UNCOMMITTED = 8192, /* blocks that were filled, after which a commit is due */
    HF_ARCHIVE_BLOCKS_PER_QUERY = 8192, /* unpacked; */
    HF_ARCHIVE_HEADS_PER_BLOCK = 32,    /* and so many more of which the head is enough, each */
    HF_ARCHIVE_POINTS_MAX = 10000,      /* of one answer */
    HF_ARCHIVE_LAST_BLOCKS = 32,        /* looked at for the live state: a minute at 100 Hz takes a dozen */
    HF_ARCHIVE_SWEEP_ROWS = 1024, /* looked at by one sweep, and twice what was written since the last */
    HF_ARCHIVE_IDLE_MS = 900000,  /* a device that sent nothing for so long is not held in memory */
};

struct hf_archive_limits {
    uint32_t devices_max; /* held in memory, 9 KiB each; the one that was silent for longest makes room */
    uint64_t keep_ms[HF_SERIES_TIERS];
    uint64_t bytes_max; /* of the rows; above, the oldest go: raw first */
};

struct hf_archive_tier_stats {
    uint64_t blocks, bytes, points;      /* that the table holds */
    uint64_t deleted_age, deleted_bytes; /* blocks, since start */
};
struct hf_archive_stats {
    struct hf_archive_tier_stats tiers[HF_SERIES_TIERS];
    uint64_t devices, evicted, batches, samples;
    uint64_t unreadable; /* batches whose payload is none: of a log that was written by other means */
    uint64_t unplaced;   /* samples with a time before 1970 or after 2255 */
    uint64_t damaged;    /* blocks that could not be read */
    uint64_t commits, queries, restored; /* live states made again */
};

struct hf_archive_device;
struct hf_archive { /* fields are its own but stats */
    struct hf_kv *kv;
    struct hf_archive_limits limits;
    struct hf_archive_stats stats;
    struct hf_kv_txn *txn; /* open since the first row after a commit */
    struct hf_map map;
    struct hf_list_node used; /* devices, the longest silent first */
    uint64_t through, now_us; /* committed */
    uint32_t rows_uncommitted;
    struct { /* of the sweep */
        uint16_t from_bytes;
        char from[HF_KVKEY_BYTES_MAX + 1];
        uint64_t floor_us[HF_SERIES_TIERS]; /* below, blocks go because of bytes_max */
        uint64_t written;                   /* rows since the last one */
    } sweep;
};

/* Borrows kv, which nobody else writes. HF_ERR_*: the store's. */
hf_err hf_archive_init(struct hf_archive *archive, struct hf_kv *kv, const struct hf_archive_limits *limits);
void hf_archive_deinit(
    struct hf_archive *archive); /* what was not committed is forgotten; twice is harmless */
static inline bool hf_archive_due(const struct hf_archive *archive) /* a commit, by what waits for it */
{
    return archive->rows_uncommitted >= HF_ARCHIVE_ROWS_UNCOMMITTED;
}

/* Of any event: others than batches of samples are nothing. HF_ERR_NOMEM, and those of the store. */
hf_err hf_archive_take(struct hf_archive *archive, const struct hf_event *event);
/* Writes what is in memory and commits, with the offset through which the log was taken. HF_ERR_*. */
hf_err hf_archive_commit(struct hf_archive *archive, uint64_t through, uint64_t now_us);
/* After an error: the memory is as after the last commit. */
void hf_archive_forget(struct hf_archive *archive);

/* Deletes what is too old or too much, a bounded number of rows: *ret_deleted. Committed with the next commit. */
hf_err hf_archive_sweep(struct hf_archive *archive, uint64_t now_us, uint64_t *ret_deleted);
/* Instead of a commit, when nothing was taken and nothing deleted since the last. */
void hf_archive_rest(struct hf_archive *archive);

/* ---- reading ---- */

struct hf_archive_query {
    struct hf_slice tenant, device;
    enum hf_series_channel channel;
    uint64_t from_us, to_us; /* to is not in it; with a step both are taken to whole steps, outwards */
    uint64_t step_us;        /* 0: each sample. A multiple of a second is made from that tier */
    uint32_t
        points_max; /* 1 or more. Samples of one time are not parted: they may be more, up to HF_ARCHIVE_POINTS_MAX */
    uint32_t blocks_max; /* unpacked; 0 = HF_ARCHIVE_BLOCKS_PER_QUERY */
};
struct hf_archive_point {
    uint64_t t_us;
    struct hf_series_stat stat;
};
struct hf_archive_answer {
    struct hf_archive_point
        *points; /* in order of time; malloc, the caller frees it; NULL when there are none */
    uint32_t count;
    uint64_t next_us; /* 0: that is all; else the points end before this, and a query from it goes on */
    uint8_t tier;
    uint32_t blocks, heads; /* unpacked; looked at */
};
/* What was taken, committed or not. HF_ERR_LIMIT: not even the first step can be made of so many blocks, or of one time are more samples than HF_ARCHIVE_POINTS_MAX. HF_ERR_NOMEM, and those of the store. */
hf_err hf_archive_query(struct hf_archive *archive, const struct hf_archive_query *query,
                        struct hf_archive_answer *ret_answer);

/* The live state as the newest samples that are kept leave it (core/twin/live.h, restored): windows of the last minute before the newest, older values only as the latest of a
 * channel that has none in it, and within HF_ARCHIVE_LAST_BLOCKS. What the rider did before that minute is not known: riding.since_ms 0 when the state is older. HF_ERR_NOT_FOUND: no
 * sample is kept; HF_ERR_*: those of the store. */
struct hf_twin;
hf_err hf_archive_last(struct hf_archive *archive, struct hf_slice tenant, struct hf_slice device,
                       struct hf_twin *ret_twin);

#endif
