/* log/log.c - opening, closing and looking at the log. */
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "log/log_internal.h"

#define HF_LOG_INCIDENT_ROW(id, name, text) {name, text},
static const struct {
    const char *name, *text;
} incidents[] = {HF_LOG_INCIDENT_MAP(HF_LOG_INCIDENT_ROW)};

const char *hf_log_incident_name(enum hf_log_incident event)
{
    return (unsigned)event < HF_LOG_INCIDENTS ? incidents[event].name : "unknown";
}

const char *hf_log_incident_text(enum hf_log_incident event)
{
    return (unsigned)event < HF_LOG_INCIDENTS ? incidents[event].text : "unknown";
}

static struct hf_log *log_new(const char *dir, const struct hf_log_options *options)
{
    struct hf_log *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return NULL;
    log->files = options->files;
    memcpy(log->dir, dir, strlen(dir) + 1);
    log->segment_bytes = options->segment_bytes ? options->segment_bytes : HF_LOG_SEGMENT_BYTES_DEFAULT;
    log->readers_max = options->readers_max ? options->readers_max : HF_LOG_READERS_MAX_DEFAULT;
    log->report = options->report;
    log->report_context = options->report_context;
    log->writer.lock_file = log->writer.file = log->writer.spare = -1;
    log->writer.next_offset = log->writer.next_generation = 1;
    hf_log_set_retention(log, options->retain_bytes_max, options->retain_age_ms);
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->cache_lock, NULL);
    hf_log_index_init(&log->shared.live, 1, 0);
    return log;
}

/* What lies behind the last record goes, so that it can never be taken for a later one; the space is
 * reserved again. A disk that is full or read-only is no reason not to serve what is there. */
static hf_err cut(struct hf_log *log, uint64_t cut_bytes)
{
    const struct hf_files *files = log->files;
    hf_err err = HF_OK;

    if (cut_bytes > 0) {
        err = files->ftruncate(files->context, log->writer.file, log->writer.position);
        if (err == HF_OK)
            err = files->fdatasync(files->context, log->writer.file);
    }
    if (err != HF_OK)
        return err;
    log->writer.reserved = log->writer.position;
    if (log->writer.position >= log->segment_bytes)
        return HF_OK;
    err = files->fallocate(files->context, log->writer.file, log->writer.position,
                           log->segment_bytes - log->writer.position);
    if (err == HF_OK)
        log->writer.reserved = log->segment_bytes;
    log->writer.no_fallocate = err == HF_ERR_UNSUPPORTED;
    return err == HF_ERR_UNSUPPORTED ? HF_OK : err;
}

/* The last group may be in the page cache only: its process was killed before the sync, or the sync had failed, and then Linux calls the pages clean
 * all the same. From here on its records count as durable, so they are written once more and synced. Where nothing can be written a sync is all that can
 * be done; it needs no right to write. */
static hf_err confirm(struct hf_log *log, uint64_t position, uint64_t end, bool writable)
{
    static const size_t chunk_bytes = 64 << 10;
    const struct hf_files *files = log->files;
    uint8_t *chunk = writable && position < end ? malloc(chunk_bytes) : NULL;
    hf_err err = writable && position < end && chunk == NULL ? HF_ERR_NOMEM : HF_OK;

    while (err == HF_OK && chunk != NULL && position < end) {
        struct iovec part = {chunk, HF_MIN(end - position, (uint64_t)chunk_bytes)};
        size_t bytes = 0;

        err = files->pread(files->context, log->writer.file, chunk, part.iov_len, position, &bytes);
        if (err == HF_OK && bytes != part.iov_len)
            err = HF_ERR_IO;
        if (err == HF_OK)
            err = files->pwritev(files->context, log->writer.file, &part, 1, position);
        position += part.iov_len;
    }
    free(chunk);
    return err == HF_OK ? files->fdatasync(files->context, log->writer.file) : err;
}

static void tell_cut(struct hf_log *log, uint64_t cut_bytes)
{
    atomic_store(&log->stats.torn_bytes_cut, cut_bytes);
    if (cut_bytes > 0)
        hf_log_tell(log,
                    (struct hf_log_report){.event = HF_LOG_TORN_TAIL,
                                           .position = log->writer.position,
                                           .offset = log->writer.next_offset,
                                           .bytes = cut_bytes},
                    log->shared.live.first_offset);
}

/* Reads the last segment and makes it the live one. */
static hf_err take_last(struct hf_log *log)
{
    const struct hf_files *files = log->files;
    struct hf_log_segments *segments = &log->shared.segments;
    struct hf_log_segment *last = &segments->at[segments->count - 1];
    struct hf_log_window window = {.file = -1};
    struct hf_log_damage damage = {0, last->first_offset};
    char path[HF_LOG_PATH_BYTES_MAX];
    uint64_t cut_bytes = 0, group = 0;
    hf_err err = hf_log_path(path, sizeof(path), log->dir, last->first_offset, ".log"), write_err;

    if (err != HF_OK)
        return err;
    write_err = files->open(files->context, path, HF_FILE_WRITE, &log->writer.file);
    if (write_err == HF_ERR_DENIED)
        err = files->open(files->context, path, HF_FILE_READ, &log->writer.file);
    else
        err = write_err;
    if (err != HF_OK) {
        log->writer.file = -1;
        return err;
    }
    hf_log_index_reset(&log->shared.live, last->first_offset, last->time_max_before_ms);
    if (last->time_max_before_ms == HF_LOG_TIME_UNKNOWN)
        err = HF_ERR_CORRUPT;
    else
        err = hf_log_window_init(&window, files, log->log_id,
                                 HF_MAX(HF_MIN(last->bytes, (uint64_t)HF_LOG_RECOVERY_BUFFER_BYTES),
                                        (uint64_t)HF_LOG_SEGMENT_HEAD_BYTES));
    if (err == HF_OK) {
        hf_log_window_file(&window, log->writer.file);
        err = hf_log_recover(&window, &log->shared.live, &cut_bytes, &group, &damage);
        hf_log_window_deinit(&window);
    }
    if (err == HF_ERR_CORRUPT)
        hf_log_tell(
            log,
            (struct hf_log_report){
                .event = HF_LOG_DAMAGE, .position = damage.position, .offset = damage.offset, .err = err},
            last->first_offset);
    if (err != HF_OK)
        return err;
    log->writer.position = log->writer.end = log->shared.live.end_position;
    log->writer.next_offset = log->shared.live.end_offset;
    log->writer.time_max_ms = log->shared.live.time_max_ms;
    tell_cut(log, cut_bytes);
    err = confirm(log, group, log->writer.position, write_err == HF_OK);
    if (err == HF_ERR_DENIED || err == HF_ERR_FULL) /* since it was opened */
        write_err = err;
    else if (err != HF_OK)
        return err;
    if (write_err == HF_OK)
        write_err = cut(log, cut_bytes);
    if (write_err != HF_OK && write_err != HF_ERR_FULL && write_err != HF_ERR_DENIED)
        return write_err;
    log->writer.broken = write_err == HF_ERR_DENIED;
    atomic_store(&log->write_state, write_err);
    last->bytes = HF_MAX(log->writer.reserved, log->writer.position);
    return HF_OK;
}

static hf_err open_dir(struct hf_log *log, const struct hf_log_options *options)
{
    const struct hf_files *files = log->files;
    struct hf_log_segments *segments = &log->shared.segments;
    hf_err err = files->mkdir(files->context, log->dir);

    if (err == HF_OK)
        err = hf_log_dir_sync_parent(log->dir, files);
    if (err == HF_OK || err == HF_ERR_DENIED || err == HF_ERR_FULL)
        err = hf_log_dir_lock(log->dir, files, &log->writer.lock_file);
    if (err != HF_OK)
        log->writer.lock_file = -1;
    if (err == HF_OK)
        err = hf_log_dir_scan(log->dir, files, segments);
    if (err == HF_OK)
        err = hf_log_dir_heads(log->dir, options, segments, &log->log_id);
    if (err == HF_OK)
        err = hf_log_index_reserve(&log->shared.live);
    if (err != HF_OK)
        return err;
    for (size_t i = 0; i < segments->count; i++)
        segments->at[i].generation = log->writer.next_generation++;
    if (log->log_id == 0)
        log->log_id = options->log_id;
    err = segments->count > 0 ? take_last(log) : hf_log_segment_start(log, options->now_ms);
    /* Its name, too, may be known to the page cache only: the process was killed between rename and sync. What is appended now would go with it. */
    if (err == HF_OK)
        err = files->sync_dir(files->context, log->dir);
    if (err != HF_OK && err != HF_ERR_DENIED)
        return err;
    atomic_store(&log->oldest_offset, segments->at[0].first_offset);
    atomic_store(&log->durable_through, log->writer.next_offset - 1);
    hf_log_reserved_publish(log);
    return HF_OK;
}

hf_err hf_log_open(const char *dir, const struct hf_log_options *options, struct hf_log **ret_log)
{
    struct hf_log *log;
    hf_err err = hf_log_options_check(dir, options);

    if (err != HF_OK)
        return err;
    log = log_new(dir, options);
    if (log == NULL)
        return HF_ERR_NOMEM;
    err = open_dir(log, options);
    if (err != HF_OK) {
        hf_log_close(log);
        return err;
    }
    *ret_log = log;
    return HF_OK;
}

void hf_log_close(struct hf_log *log)
{
    int *owned[] = {log ? &log->writer.file : NULL, log ? &log->writer.spare : NULL,
                    log ? &log->writer.lock_file : NULL};

    if (log == NULL)
        return;
    HF_ASSERT(atomic_load(&log->stats.readers) == 0);
    for (size_t i = 0; i < HF_COUNT_OF(owned); i++)
        if (*owned[i] >= 0)
            log->files->close(log->files->context, *owned[i]);
    for (size_t i = 0; i < HF_LOG_INDEX_CACHE_MAX; i++)
        hf_log_index_deinit(&log->cache.at[i].index);
    hf_log_index_deinit(&log->shared.live);
    free(log->shared.segments.at);
    pthread_mutex_destroy(&log->lock);
    pthread_mutex_destroy(&log->cache_lock);
    free(log);
}

uint64_t hf_log_durable_through(const struct hf_log *log)
{
    return atomic_load_explicit(&log->durable_through, memory_order_acquire);
}

uint64_t hf_log_oldest_offset(const struct hf_log *log)
{
    return HF_MIN(atomic_load(&log->oldest_offset), hf_log_durable_through(log) + 1);
}

uint64_t hf_log_reserved_bytes(const struct hf_log *log)
{
    return atomic_load(&log->reserved_bytes);
}

void hf_log_set_retention(struct hf_log *log, uint64_t bytes_max, uint64_t age_ms)
{
    atomic_store(&log->retain_bytes_max, bytes_max ? bytes_max : HF_LOG_RETAIN_BYTES_DEFAULT);
    atomic_store(&log->retain_age_ms, age_ms ? age_ms : HF_LOG_RETAIN_AGE_MS_DEFAULT);
}

void hf_log_stats(struct hf_log *log, struct hf_log_stats *ret_stats)
{
#define HF_LOG_STAT_COPY(name, text) ret_stats->name = atomic_load(&log->stats.name);
    HF_LOG_STAT_MAP(HF_LOG_STAT_COPY)
#undef HF_LOG_STAT_COPY
    pthread_mutex_lock(&log->lock);
    ret_stats->segments = log->shared.segments.count;
    ret_stats->bytes = 0;
    for (size_t i = 0; i < log->shared.segments.count; i++)
        ret_stats->bytes += log->shared.segments.at[i].bytes;
    pthread_mutex_unlock(&log->lock);
}
