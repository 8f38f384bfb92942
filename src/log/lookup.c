/* log/lookup.c - indexes of sealed segments: loaded when a reader asks, a few kept. Loading happens under
 * cache_lock, which the writer never takes. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "log/log_internal.h"

void hf_log_index_save(struct hf_log *log, const struct hf_log_index *index)
{
    const struct hf_files *files = log->files;
    size_t bytes = hf_log_index_encoded_bytes(index);
    uint8_t *encoded = malloc(bytes);
    char path[HF_LOG_PATH_BYTES_MAX];
    int file;
    hf_err err =
        encoded ? hf_log_path(path, sizeof(path), log->dir, index->first_offset, ".idx") : HF_ERR_NOMEM;

    if (err == HF_OK)
        err = files->open(files->context, path, HF_FILE_WRITE | HF_FILE_CREATE, &file);
    if (err == HF_OK) {
        struct iovec part = {encoded, bytes};

        hf_log_index_encode(index, log->log_id, encoded);
        err = files->ftruncate(files->context, file, 0);
        if (err == HF_OK)
            err = files->pwritev(files->context, file, &part, 1, 0);
        files->close(files->context, file);
        if (err != HF_OK)
            (void)files->unlink(files->context, path); /* half of it would not pass its CRC anyway */
    }
    free(encoded);
}

static hf_err load(struct hf_log *log, struct hf_log_index *index, uint64_t first_offset)
{
    const struct hf_files *files = log->files;
    char path[HF_LOG_PATH_BYTES_MAX];
    uint8_t *encoded = NULL;
    uint64_t bytes;
    size_t got = 0;
    int file;
    hf_err err = hf_log_path(path, sizeof(path), log->dir, first_offset, ".idx");

    if (err == HF_OK)
        err = files->open(files->context, path, HF_FILE_READ, &file);
    if (err != HF_OK)
        return err;
    err = files->size(files->context, file, &bytes);
    if (err == HF_OK &&
        bytes > HF_LOG_INDEX_HEAD_BYTES + (uint64_t)HF_LOG_INDEX_BLOCKS_MAX * HF_LOG_INDEX_BLOCK_BYTES)
        err = HF_ERR_CORRUPT;
    if (err == HF_OK && (encoded = malloc(bytes + 1)) == NULL)
        err = HF_ERR_NOMEM;
    if (err == HF_OK)
        err = files->pread(files->context, file, encoded, bytes, 0, &got);
    files->close(files->context, file);
    if (err == HF_OK)
        err = hf_log_index_decode(index, log->log_id, encoded, got);
    if (err == HF_OK && index->first_offset != first_offset)
        err = HF_ERR_CORRUPT;
    free(encoded);
    if (err == HF_OK)
        HF_LOG_COUNT(log, index_loads_total, 1);
    return err;
}

static hf_err rebuild(struct hf_log *log, struct hf_log_index *index, uint64_t first_offset,
                      uint64_t end_offset)
{
    const struct hf_files *files = log->files;
    struct hf_log_segment_head head = {0};
    struct hf_log_window window;
    char path[HF_LOG_PATH_BYTES_MAX];
    int file = -1;
    hf_err err = hf_log_window_init(&window, files, log->log_id, HF_LOG_LOOKUP_BUFFER_BYTES);

    if (err == HF_OK)
        err = hf_log_path(path, sizeof(path), log->dir, first_offset, ".log");
    if (err == HF_OK)
        err = files->open(files->context, path, HF_FILE_READ, &file);
    if (err == HF_OK) {
        (void)hf_log_dir_read_head(files, file, &head);
        hf_log_index_reset(index, first_offset, head.time_max_before_ms);
        window.tolerant = true;
        hf_log_window_file(&window, file);
        err = hf_log_index_scan(index, &window, end_offset);
        files->close(files->context, file);
    }
    hf_log_window_deinit(&window);
    if (err != HF_OK)
        return err;
    HF_LOG_COUNT(log, index_rebuilds_total, 1);
    hf_log_index_save(log, index);
    return HF_OK;
}

/* Under cache_lock. */
static hf_err cached(struct hf_log *log, uint64_t generation, uint64_t first_offset, uint64_t end_offset,
                     struct hf_log_index **ret_index)
{
    struct hf_log_cached *entry = &log->cache.at[0];
    hf_err err;

    for (size_t i = 0; i < HF_LOG_INDEX_CACHE_MAX; i++) {
        if (log->cache.at[i].generation == generation) {
            entry = &log->cache.at[i];
            break;
        }
        if (log->cache.at[i].used < entry->used)
            entry = &log->cache.at[i];
    }
    if (entry->generation != generation) {
        entry->generation = 0;
        err = load(log, &entry->index, first_offset);
        if (err != HF_OK && err != HF_ERR_NOMEM && err != HF_ERR_LIMIT)
            err = rebuild(log, &entry->index, first_offset, end_offset);
        if (err != HF_OK)
            return err;
        entry->generation = generation;
    }
    entry->used = ++log->cache.clock;
    *ret_index = &entry->index;
    return HF_OK;
}

hf_err hf_log_lookup(struct hf_log *log, uint64_t generation, uint64_t end_offset, uint64_t first_offset,
                     hf_log_seek_fn *seek, uint64_t a, uint32_t b, struct hf_log_seek *ret_seek)
{
    const struct hf_log_segments *segments = &log->shared.segments;
    struct hf_log_index *index;
    bool live;
    hf_err err;

    pthread_mutex_lock(&log->lock);
    live = segments->at[segments->count - 1].generation == generation;
    if (live)
        *ret_seek = seek(&log->shared.live, a, b);
    pthread_mutex_unlock(&log->lock);
    if (live)
        return HF_OK;
    if (end_offset == UINT64_MAX)
        return HF_ERR_NOT_FOUND; /* it was live a moment ago: the caller looks again */
    pthread_mutex_lock(&log->cache_lock);
    err = cached(log, generation, first_offset, end_offset, &index);
    if (err == HF_OK)
        *ret_seek = seek(index, a, b);
    pthread_mutex_unlock(&log->cache_lock);
    return err;
}

static struct hf_log_seek seek_time(const struct hf_log_index *index, uint64_t time_ms, uint32_t unused)
{
    (void)unused;
    return hf_log_index_seek_time(index, time_ms);
}

/* Where the first record that late can be, by the segment heads alone. False: there is none. */
static bool time_segment(struct hf_log *log, uint64_t time_ms, struct hf_log_segment *ret_segment,
                         uint64_t *ret_end_offset)
{
    const struct hf_log_segments *segments = &log->shared.segments;
    bool found = false;

    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < segments->count && !found; i++) {
        bool last = i + 1 == segments->count;
        uint64_t time_max_ms = last ? log->shared.live.time_max_ms : segments->at[i + 1].time_max_before_ms;

        if (time_max_ms < time_ms)
            continue;
        found = true;
        *ret_segment = segments->at[i];
        *ret_end_offset = last ? UINT64_MAX : segments->at[i + 1].first_offset;
    }
    pthread_mutex_unlock(&log->lock);
    return found;
}

hf_err hf_log_offset_at_time(struct hf_log *log, uint64_t time_ms, uint64_t *ret_offset)
{
    struct hf_log_segment segment;
    struct hf_log_seek seek;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t end_offset;
    hf_err err;

    if (!time_segment(log, time_ms, &segment, &end_offset)) {
        *ret_offset = hf_log_durable_through(log) + 1;
        return HF_OK;
    }
    err = hf_log_lookup(log, segment.generation, end_offset, segment.first_offset, seek_time, time_ms, 0,
                        &seek);
    if (err != HF_OK) /* read it all instead */
        seek.offset = segment.first_offset;
    err = hf_log_reader_new(log, HF_MIN(seek.offset, hf_log_durable_through(log) + 1), &reader);
    if (err != HF_OK)
        return err;
    do {
        err = hf_log_reader_next(reader, &record);
        if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
            hf_log_reader_skip(reader);
            continue;
        }
    } while (err != HF_ERR_AGAIN && !(err == HF_OK && record.time_ms >= time_ms) &&
             (err == HF_OK || err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT));
    if (err == HF_OK || err == HF_ERR_AGAIN) {
        *ret_offset = err == HF_OK ? record.offset : hf_log_reader_offset(reader);
        err = HF_OK;
    }
    hf_log_reader_close(reader);
    return err;
}
