/* log/log.h - the event log: append-only segments of opaque records with dense 64-bit offsets from 1 on,
 * so that a gap is always exact. Requirements ST-1, ST-4, ST-5; format in log/format.h.
 *
 * Threads: one writer thread owns open, append, sync, tick and close. Readers (log/reader.h), stats, the
 * published offsets and hf_log_set_retention may be used from any thread while the log is open.
 *
 * Durability: a record counts from the moment hf_log_sync returned HF_OK, and only then a reader sees it.
 * When append or sync fails, nothing appended since the last good sync exists: the caller keeps its
 * batches and appends them again, now or when the disk has recovered. After a failed sync the page cache
 * cannot be trusted (Linux marks the pages clean), so the log leaves that segment and goes on in a new
 * one. */
#ifndef HF_LOG_LOG_H
#define HF_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "log/batch.h"
#include "log/files.h"

#define HF_LOG_SEGMENT_BYTES_DEFAULT (64u << 20)
#define HF_LOG_SEGMENT_BYTES_MIN     (64u << 10)
#define HF_LOG_SEGMENT_BYTES_MAX     (1u << 30)
#define HF_LOG_RETAIN_BYTES_DEFAULT  (20ull << 30)
#define HF_LOG_RETAIN_AGE_MS_DEFAULT (7ull * 24 * 3600 * 1000)
enum {
    HF_LOG_PATH_BYTES_MAX = 4096,
    HF_LOG_SEGMENTS_MAX = 65536,     /* open refuses a directory with more, append rolls no further */
    HF_LOG_READERS_MAX_DEFAULT = 256 /* each holds one descriptor and 256 KiB */
};

/* What the log tells the app, which logs it; called on the writer thread only. */
#define HF_LOG_INCIDENT_MAP(X)                                                                             \
    X(HF_LOG_TORN_TAIL, "torn_tail", "unfinished records at the end were cut off")                         \
    X(HF_LOG_DAMAGE, "damage", "a record that had been durable is damaged")                                \
    X(HF_LOG_HEAD_DAMAGED, "head_damaged", "the head of a segment is damaged")                             \
    X(HF_LOG_SEGMENT_STARTED, "segment_started", "a new segment was started")                              \
    X(HF_LOG_SEGMENT_DELETED, "segment_deleted", "a segment went by retention")                            \
    X(HF_LOG_SEGMENT_REPAIRED, "segment_repaired", "a damaged segment was replaced by its intact records") \
    X(HF_LOG_WRITE_FAILED, "write_failed", "the log cannot be written")                                    \
    X(HF_LOG_SYNC_FAILED, "sync_failed", "the disk did not confirm a sync")                                \
    X(HF_LOG_RECOVERED, "recovered", "the log can be written again")
#define HF_LOG_INCIDENT_ENUM(id, name, text) id,
enum hf_log_incident { HF_LOG_INCIDENT_MAP(HF_LOG_INCIDENT_ENUM) HF_LOG_INCIDENTS };
#undef HF_LOG_INCIDENT_ENUM
const char *hf_log_incident_name(enum hf_log_incident event); /* never NULL */
const char *hf_log_incident_text(enum hf_log_incident event); /* never NULL */

struct hf_log_report {
    enum hf_log_incident event;
    const char *path;  /* of the file concerned; borrowed for the call */
    uint64_t position; /* byte in that file */
    uint64_t offset;   /* record concerned */
    uint64_t bytes;    /* how much was cut, deleted or kept */
    hf_err err;        /* HF_OK where nothing failed */
};
typedef void hf_log_report_fn(void *context, const struct hf_log_report *report);

struct hf_log_options {
    const struct hf_files *files; /* borrowed; must outlive the log */
    uint64_t segment_bytes;       /* 0 = default; else MIN..MAX */
    uint64_t retain_bytes_max;    /* 0 = default; whole segments, so up to one segment more is held */
    uint64_t retain_age_ms;       /* 0 = default */
    /* Random, not 0; only used when the log is created, stored in every segment and part of every CRC:
     * so a peer cannot put bytes into a message that recovery would take for a record. */
    uint64_t log_id;
    uint64_t now_ms;          /* UTC */
    uint32_t readers_max;     /* 0 = default */
    hf_log_report_fn *report; /* may be NULL */
    void *report_context;
};

struct hf_log; /* opaque */

/* Opens or creates the log in `dir` (created when missing, its parent must exist), cuts a torn tail and
 * leaves the log ready to append. HF_ERR_CORRUPT: a record that had been durable is damaged in the last
 * segment, named by a HF_LOG_DAMAGE report; hf_log_repair can go on. HF_ERR_BUSY: another process has it.
 * HF_ERR_FULL and HF_ERR_DENIED do not fail an open of a log that exists: it can be read, append says so
 * and tick tries again. HF_ERR_INVALID: options out of range. Also HF_ERR_NOMEM, HF_ERR_IO, HF_ERR_LIMIT. */
hf_err hf_log_open(const char *dir, const struct hf_log_options *options, struct hf_log **ret_log);
void hf_log_close(struct hf_log *log); /* NULL is harmless; all readers are closed before */

/* For `holdfast repair-log`, with the log closed: replaces the last segment, when it is damaged in the
 * middle, by one with every record of it that is intact, keeps a copy of the old file as <name>.damaged, and
 * makes the next append go on after the highest offset seen. Readers are told the exact gap. HF_OK also when
 * there is nothing to do; *ret_repaired says which. HF_ERR_FULL, HF_ERR_DENIED, HF_ERR_IO, HF_ERR_NOMEM,
 * HF_ERR_BUSY leave the log as it was. */
hf_err hf_log_repair(const char *dir, const struct hf_log_options *options, bool *ret_repaired);

/* Appends whole batches, in order, as one group of dense offsets; sets batch->first_offset of each.
 * *ret_first_offset gets the first. Several appends may go before one sync; the batches stay unchanged and
 * in place until then. Nothing is durable yet.
 * HF_ERR_FULL no space; HF_ERR_DENIED read-only; HF_ERR_IO; HF_ERR_LIMIT too many batches, bytes or
 * segments; HF_ERR_INVALID no batch, or an empty one. After an error everything since the last good sync is
 * rolled back, also what earlier appends had taken: append all of it again, in the same order. */
hf_err hf_log_append(struct hf_log *log, struct hf_log_batch *const *batches, size_t batch_count,
                     uint64_t now_ms, uint64_t *ret_first_offset);

/* Makes durable and publishes what was appended. Errors as append; the rollback is the same. */
hf_err hf_log_sync(struct hf_log *log);

/* Housekeeping, on the writer thread: after each sync and at least once a second. Deletes what retention
 * lets go, reserves space for the next segment ahead of need, and after a failure finds out whether the
 * disk takes data again. Never fails: what goes wrong shows in stats and in the next append. */
void hf_log_tick(struct hf_log *log, uint64_t now_ms);

/* Any thread. */
uint64_t hf_log_durable_through(const struct hf_log *log); /* 0 = nothing yet */
uint64_t hf_log_oldest_offset(const struct hf_log *log);   /* durable_through + 1 when empty */
/* Bytes that are reserved on the disk for records not yet written: below a group's size the app stops
 * reading from devices and refuses with HF_REASON_STORAGE_FULL. Where the file system cannot reserve, its
 * free space at the last tick. 0 while the log cannot be written at all. */
uint64_t hf_log_reserved_bytes(const struct hf_log *log);
void hf_log_set_retention(struct hf_log *log, uint64_t bytes_max, uint64_t age_ms); /* 0 = default */

/* The first offset, in log order, whose record has time >= time_ms: no record that young lies before it.
 * durable_through + 1 when there is none. Reads from disk: not for a worker thread. HF_ERR_IO, HF_ERR_NOMEM. */
hf_err hf_log_offset_at_time(struct hf_log *log, uint64_t time_ms, uint64_t *ret_offset);

#define HF_LOG_STAT_MAP(X)                                               \
    X(segments, "segments on disk")                                      \
    X(bytes, "bytes of all segments")                                    \
    X(records_appended_total, "records made durable since start")        \
    X(bytes_appended_total, "bytes of records made durable since start") \
    X(groups_total, "groups made durable since start")                   \
    X(segments_started_total, "segments started")                        \
    X(segments_deleted_total, "segments deleted by retention")           \
    X(bytes_deleted_total, "bytes deleted by retention")                 \
    X(write_failures_total, "failed writes and reservations")            \
    X(sync_failures_total, "failed syncs")                               \
    X(torn_bytes_cut, "bytes of torn tail cut at start")                 \
    X(readers, "open readers")                                           \
    X(readers_refused_total, "readers refused by the limit")             \
    X(gaps_retention_total, "times a reader was behind retention")       \
    X(gaps_damaged_total, "damaged ranges met by readers")               \
    X(index_loads_total, "segment indexes loaded from their file")       \
    X(index_rebuilds_total, "segment indexes rebuilt by a scan")
struct hf_log_stats {
#define HF_LOG_STAT_FIELD(name, text) uint64_t name;
    HF_LOG_STAT_MAP(HF_LOG_STAT_FIELD)
#undef HF_LOG_STAT_FIELD
};
void hf_log_stats(struct hf_log *log, struct hf_log_stats *ret_stats); /* any thread */

#endif
