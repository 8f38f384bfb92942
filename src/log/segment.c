/* log/segment.c - how a segment begins. It is made as spare.tmp: space reserved, head written and synced; only
 * then it gets its name. So a file with a segment's name always has a good head, unless the disk lost it,
 * and most of the work is done before the live segment is full. */
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "log/log_internal.h"

void hf_log_tell(const struct hf_log *log, struct hf_log_report report, uint64_t first_offset)
{
    char path[HF_LOG_PATH_BYTES_MAX];

    if (log->report == NULL || hf_log_path(path, sizeof(path), log->dir, first_offset, ".log") != HF_OK)
        return;
    report.path = path;
    log->report(log->report_context, &report);
}

static uint64_t live_first_offset(struct hf_log *log)
{
    const struct hf_log_segments *segments = &log->shared.segments; /* only this thread changes it */

    return segments->count > 0 ? segments->at[segments->count - 1].first_offset : log->writer.next_offset;
}

void hf_log_failed(struct hf_log *log, enum hf_log_incident event, hf_err err)
{
    bool news = atomic_load(&log->write_state) != err;

    HF_ASSERT(err != HF_OK);
    if (event == HF_LOG_SYNC_FAILED)
        HF_LOG_COUNT(log, sync_failures_total, 1);
    else
        HF_LOG_COUNT(log, write_failures_total, 1);
    atomic_store(&log->write_state, err);
    hf_log_reserved_publish(log);
    if (news || event == HF_LOG_SYNC_FAILED)
        hf_log_tell(log,
                    (struct hf_log_report){.event = event,
                                           .position = log->writer.position,
                                           .offset = log->writer.next_offset,
                                           .err = err},
                    live_first_offset(log));
}

void hf_log_reserved_publish(struct hf_log *log)
{
    uint64_t bytes = 0;

    if (atomic_load(&log->write_state) == HF_OK) {
        if (log->writer.no_fallocate)
            bytes = log->writer.free_bytes;
        else if (!log->writer.broken && log->writer.reserved > log->writer.end)
            bytes = log->writer.reserved - log->writer.end;
        if (log->writer.spare >= 0 && !log->writer.no_fallocate)
            bytes += log->segment_bytes - HF_LOG_SEGMENT_HEAD_BYTES;
    }
    atomic_store(&log->reserved_bytes, bytes);
}

static void spare_path(const struct hf_log *log, char *out, size_t out_bytes)
{
    struct hf_sb sb;

    hf_sb_init(&sb, out, out_bytes);
    hf_sb_text(&sb, log->dir);
    hf_sb_text(&sb, "/spare.tmp");
    HF_ASSERT(!sb.overflow);
}

static void spare_drop(struct hf_log *log, const char *path)
{
    log->files->close(log->files->context, log->writer.spare);
    log->writer.spare = -1;
    (void)log->files->unlink(log->files->context, path);
}

hf_err hf_log_spare_prepare(struct hf_log *log)
{
    const struct hf_files *files = log->files;
    char path[HF_LOG_PATH_BYTES_MAX];
    hf_err err;

    if (log->writer.spare >= 0)
        return HF_OK;
    spare_path(log, path, sizeof(path));
    err = files->open(files->context, path, HF_FILE_WRITE | HF_FILE_CREATE, &log->writer.spare);
    if (err != HF_OK) {
        log->writer.spare = -1;
        return err;
    }
    err = files->ftruncate(files->context, log->writer.spare, 0);
    if (err == HF_OK) {
        err = files->fallocate(files->context, log->writer.spare, 0, log->segment_bytes);
        if (err == HF_ERR_UNSUPPORTED) {
            log->writer.no_fallocate = true;
            err = HF_OK;
        }
    }
    if (err != HF_OK)
        spare_drop(log, path);
    return err;
}

static hf_err spare_write_head(struct hf_log *log, uint64_t now_ms)
{
    const struct hf_files *files = log->files;
    uint8_t bytes[HF_LOG_SEGMENT_HEAD_COPY + HF_LOG_SEGMENT_HEAD_USED_BYTES] = {0};
    struct hf_log_segment_head head = {log->log_id, log->writer.next_offset, now_ms, log->writer.time_max_ms};
    struct iovec part = {bytes, sizeof(bytes)};
    hf_err err;

    hf_log_segment_head_write(bytes, &head);
    memcpy(bytes + HF_LOG_SEGMENT_HEAD_COPY, bytes, HF_LOG_SEGMENT_HEAD_USED_BYTES);
    err = files->pwritev(files->context, log->writer.spare, &part, 1, 0);
    return err == HF_OK ? files->fdatasync(files->context, log->writer.spare) : err;
}

/* The one that was live: gives back what it reserved in vain and gets its index. Failures cost only space
 * or a later scan. */
static void seal(struct hf_log *log, bool replaced)
{
    const struct hf_files *files = log->files;

    if (log->writer.file < 0)
        return;
    if (!replaced) {
        (void)files->ftruncate(files->context, log->writer.file, log->writer.position);
        hf_log_index_save(log, &log->shared.live);
    }
    files->close(files->context, log->writer.file);
    log->writer.file = -1;
}

static void enter(struct hf_log *log, uint64_t now_ms, bool replaced)
{
    struct hf_log_segments *segments = &log->shared.segments;
    struct hf_log_segment segment = {.first_offset = log->writer.next_offset,
                                     .generation = log->writer.next_generation++,
                                     .bytes = log->writer.reserved,
                                     .created_ms = now_ms,
                                     .time_max_before_ms = log->writer.time_max_ms};

    pthread_mutex_lock(&log->lock);
    if (replaced) {
        segments->at[segments->count - 1] = segment;
    } else {
        if (segments->count > 0)
            segments->at[segments->count - 1].bytes = log->writer.position;
        HF_ASSERT(segments->count < segments->count_max);
        segments->at[segments->count++] = segment;
    }
    hf_log_index_reset(&log->shared.live, segment.first_offset, segment.time_max_before_ms);
    atomic_fetch_add(&log->version, 1);
    pthread_mutex_unlock(&log->lock);
}

/* Room for one more entry, so that enter cannot fail once the file has its name. */
static hf_err make_room(struct hf_log *log)
{
    hf_err err;

    pthread_mutex_lock(&log->lock);
    err = hf_log_segments_push(&log->shared.segments, (struct hf_log_segment){0});
    if (err == HF_OK)
        log->shared.segments.count--;
    pthread_mutex_unlock(&log->lock);
    return err;
}

hf_err hf_log_segment_start(struct hf_log *log, uint64_t now_ms)
{
    const struct hf_files *files = log->files;
    char path[HF_LOG_PATH_BYTES_MAX], spare[HF_LOG_PATH_BYTES_MAX];
    bool replaced = log->shared.segments.count > 0 && live_first_offset(log) == log->writer.next_offset;
    hf_err err = make_room(log);

    HF_ASSERT(log->writer.pending_count == 0);
    spare_path(log, spare, sizeof(spare));
    if (err == HF_OK)
        err = hf_log_path(path, sizeof(path), log->dir, log->writer.next_offset, ".log");
    if (err == HF_OK)
        err = hf_log_spare_prepare(log);
    if (err != HF_OK)
        return err;
    err = spare_write_head(log, now_ms);
    if (err != HF_OK) {
        spare_drop(log, spare); /* what a failed sync left in it cannot be trusted */
        return err;
    }
    /* From here on the name may be on disk, so that the old segment must not grow any more. */
    log->writer.broken = true;
    err = files->rename(files->context, spare, path);
    if (err != HF_OK) {
        spare_drop(log, spare);
        return err;
    }
    err = files->sync_dir(files->context, log->dir);
    if (err != HF_OK) {
        files->close(files->context, log->writer.spare);
        log->writer.spare = -1; /* the next try replaces it under the same name */
        return err;
    }
    seal(log, replaced);
    log->writer.file = log->writer.spare;
    log->writer.spare = -1;
    log->writer.reserved = log->writer.no_fallocate ? HF_LOG_SEGMENT_HEAD_BYTES : log->segment_bytes;
    enter(log, now_ms, replaced);
    log->writer.position = log->writer.end = HF_LOG_SEGMENT_HEAD_BYTES;
    log->writer.broken = false;
    HF_LOG_COUNT(log, segments_started_total, 1);
    hf_log_tell(log,
                (struct hf_log_report){.event = HF_LOG_SEGMENT_STARTED, .offset = log->writer.next_offset},
                log->writer.next_offset);
    return HF_OK;
}
