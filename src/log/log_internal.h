/* log/log_internal.h - the log's insides, shared by its files and nobody else.
 *
 * Who may touch what: `writer` only the writer thread; `shared` under `lock`, which is held for moments
 * and never over a call to the disk; atomics from anywhere; `cache` under `cache_lock`, which only readers
 * take, so that a reader that loads an index never holds up the writer. */
#ifndef HF_LOG_INTERNAL_H
#define HF_LOG_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log/index.h"
#include "log/log.h"
#include "log/reader.h"

enum {
    HF_LOG_INDEX_CACHE_MAX = 8,             /* sealed segments whose index is in memory */
    HF_LOG_RECOVERY_BUFFER_BYTES = 4 << 20, /* one sequential pass */
    HF_LOG_LOOKUP_BUFFER_BYTES = 256 << 10,
    HF_LOG_DIR_BYTES_MAX = HF_LOG_PATH_BYTES_MAX - 64
};
#define HF_LOG_TIME_UNKNOWN UINT64_MAX /* of a segment whose head is damaged */

struct hf_log_segment {
    uint64_t first_offset;
    uint64_t generation; /* another file of the same name, after a failed sync, has another one */
    uint64_t bytes;      /* of the file; of the live one: as reserved */
    uint64_t created_ms; /* 0 = unknown */
    uint64_t time_max_before_ms;
};

struct hf_log_segments {       /* in order of first_offset */
    struct hf_log_segment *at; /* owned */
    size_t count, count_max;
};

struct hf_log_cached {
    struct hf_log_index index;
    uint64_t generation; /* of the segment; 0 = empty */
    uint64_t used;       /* the higher the later */
};

struct hf_log {
    const struct hf_files *files;
    char dir[HF_LOG_DIR_BYTES_MAX];
    uint64_t log_id, segment_bytes;
    uint32_t readers_max;
    hf_log_report_fn *report;
    void *report_context;

    struct {
        int lock_file, file, spare; /* -1 = none */
        bool broken;                /* the live segment takes no more: the next append starts another */
        bool no_fallocate;          /* this file system cannot reserve */
        uint64_t position;          /* behind the last durable record */
        uint64_t end;               /* behind the last one appended */
        uint64_t reserved;          /* the file is reserved up to here */
        uint64_t next_offset;       /* of the next append */
        uint64_t next_generation;
        uint64_t time_max_ms;
        uint64_t free_bytes;                             /* at the last tick; only with no_fallocate */
        struct hf_log_batch pending[HF_LOG_BATCHES_MAX]; /* appended, not synced; memory is the caller's */
        size_t pending_count;
    } writer;

    pthread_mutex_t lock;
    struct {
        struct hf_log_segments segments;
        struct hf_log_index live; /* of the last segment */
    } shared;

    pthread_mutex_t cache_lock;
    struct {
        struct hf_log_cached at[HF_LOG_INDEX_CACHE_MAX];
        uint64_t clock;
    } cache;

    _Atomic uint64_t durable_through, oldest_offset, reserved_bytes;
    _Atomic uint64_t version; /* counts changes of shared.segments */
    _Atomic int write_state;  /* hf_err */
    _Atomic uint64_t retain_bytes_max, retain_age_ms;
#define HF_LOG_STAT_ATOMIC(name, text) _Atomic uint64_t name;
    struct {
        HF_LOG_STAT_MAP(HF_LOG_STAT_ATOMIC)
    } stats;
#undef HF_LOG_STAT_ATOMIC
};

#define HF_LOG_COUNT(log, stat, n) \
    ((void)atomic_fetch_add_explicit(&(log)->stats.stat, (n), memory_order_relaxed))

/* dir.c: what lies in the directory. */
hf_err hf_log_options_check(const char *dir, const struct hf_log_options *options);
hf_err hf_log_dir_lock(const char *dir, const struct hf_files *files, int *ret_file);
/* Fills an empty list from the names and sizes; removes temporary files and indexes without a segment. */
hf_err hf_log_dir_scan(const char *dir, const struct hf_files *files, struct hf_log_segments *segments);
/* Either copy. HF_ERR_CORRUPT when both are damaged, HF_ERR_UNSUPPORTED, HF_ERR_IO. */
hf_err hf_log_dir_read_head(const struct hf_files *files, int file, struct hf_log_segment_head *ret_head);
/* Reads every head into the list; *ret_log_id 0 = no head is intact. Damaged heads of older segments are
 * reported and have HF_LOG_TIME_UNKNOWN; a head of another log counts as damaged. */
hf_err hf_log_dir_heads(const char *dir, const struct hf_log_options *options,
                        struct hf_log_segments *segments, uint64_t *ret_log_id);
hf_err hf_log_segments_push(struct hf_log_segments *segments, struct hf_log_segment segment);
/* The last with first_offset <= offset; the first when there is none. count > 0. */
size_t hf_log_segments_find(const struct hf_log_segments *segments, uint64_t offset);
hf_err hf_log_dir_sync_parent(const char *dir, const struct hf_files *files);

/* recover.c: reads the last segment into `index`. HF_OK and *ret_cut_bytes (0 = ended clean) and *ret_group, where the
 * last group begins: no later record proves that it was ever synced. Or HF_ERR_CORRUPT with *ret_damage filled in
 * (position and offset). */
struct hf_log_damage {
    uint64_t position, offset;
};
hf_err hf_log_recover(struct hf_log_window *window, struct hf_log_index *index, uint64_t *ret_cut_bytes,
                      uint64_t *ret_group, struct hf_log_damage *ret_damage);

/* segment.c, writer thread: a new live segment that begins with writer.next_offset. */
hf_err hf_log_segment_start(struct hf_log *log, uint64_t now_ms);
hf_err hf_log_spare_prepare(struct hf_log *log); /* HF_OK when there is one already */
void hf_log_reserved_publish(struct hf_log *log);
void hf_log_failed(struct hf_log *log, enum hf_log_incident event, hf_err err); /* state, counter, report */
void hf_log_tell(const struct hf_log *log, struct hf_log_report report, uint64_t first_offset);

/* retain.c, writer thread. */
void hf_log_retain(struct hf_log *log, uint64_t now_ms);

/* lookup.c, any thread: runs `seek` on the index of a segment. HF_ERR_NOT_FOUND: it is neither live nor
 * can its index be had, for instance because the segment was deleted. */
typedef struct hf_log_seek hf_log_seek_fn(const struct hf_log_index *index, uint64_t a, uint32_t b);
hf_err hf_log_lookup(struct hf_log *log, uint64_t generation, uint64_t end_offset, uint64_t first_offset,
                     hf_log_seek_fn *seek, uint64_t a, uint32_t b, struct hf_log_seek *ret_seek);
/* Writes the sidecar; failure is harmless. */
void hf_log_index_save(struct hf_log *log, const struct hf_log_index *index);

/* reader.c: a reader that the limit does not count. */
hf_err hf_log_reader_new(struct hf_log *log, uint64_t from_offset, struct hf_log_reader **ret_reader);

#endif
