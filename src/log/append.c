/* log/append.c - the writer's path. What is appended lies in the file but not in the log until a sync has
 * returned; any failure before takes the writer back to the last durable record. */
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "log/log_internal.h"

/* Everything since the last sync is forgotten. What of it reached the file is overwritten with zeros, so that
 * a crash cannot bring back a record behind a shorter one that takes its place; where even that fails, the
 * segment is left as it is and the next append starts another. */
static void roll_back(struct hf_log *log, uint64_t dirty_end)
{
    static const uint8_t zeros[64 << 10];
    const struct hf_files *files = log->files;
    struct iovec parts[16];

    for (uint64_t at = log->writer.position; at < dirty_end && !log->writer.broken;) {
        uint64_t left = dirty_end - at;
        int count = 0;

        for (; count < (int)HF_COUNT_OF(parts) && left > 0; count++) {
            parts[count] = (struct iovec){(void *)(uintptr_t)zeros, HF_MIN(left, sizeof(zeros))};
            left -= parts[count].iov_len;
        }
        if (files->pwritev(files->context, log->writer.file, parts, count, at) != HF_OK)
            log->writer.broken = true;
        at = dirty_end - left;
    }
    log->writer.pending_count = 0;
    log->writer.end = log->writer.position;
    log->writer.next_offset = atomic_load(&log->durable_through) + 1;
}

/* Reserves before it writes, so that a full disk is met here and not halfway. */
static hf_err reserve(struct hf_log *log, uint64_t bytes)
{
    const struct hf_files *files = log->files;
    uint64_t wanted = log->writer.end + bytes;
    hf_err err;

    if (wanted <= log->writer.reserved || log->writer.no_fallocate)
        return HF_OK;
    err = HF_ERR_FULL;
    if (wanted <
        log->segment_bytes) { /* after a start on a full disk: the rest of the segment, or just enough */
        err = files->fallocate(files->context, log->writer.file, log->writer.reserved,
                               log->segment_bytes - log->writer.reserved);
        wanted = err == HF_OK ? log->segment_bytes : wanted;
    }
    if (err == HF_ERR_FULL)
        err = files->fallocate(files->context, log->writer.file, log->writer.reserved,
                               wanted - log->writer.reserved);
    if (err == HF_ERR_UNSUPPORTED) {
        log->writer.no_fallocate = true;
        return HF_OK;
    }
    if (err == HF_OK)
        log->writer.reserved = wanted;
    return err;
}

static hf_err check(const struct hf_log *log, struct hf_log_batch *const *batches, size_t batch_count,
                    uint64_t *ret_bytes)
{
    uint64_t bytes = 0;

    if (batch_count == 0)
        return HF_ERR_INVALID;
    if (batch_count > HF_LOG_BATCHES_MAX - log->writer.pending_count)
        return HF_ERR_LIMIT;
    for (size_t i = 0; i < batch_count; i++) {
        if (batches[i]->records == 0)
            return HF_ERR_INVALID;
        bytes += batches[i]->bytes;
    }
    *ret_bytes = bytes;
    return log->writer.end - log->writer.position + bytes > HF_LOG_GROUP_BYTES_MAX ? HF_ERR_LIMIT : HF_OK;
}

static uint64_t seal_batch(const struct hf_log *log, struct hf_log_batch *batch, uint64_t offset,
                           uint64_t now_ms)
{
    uint64_t durable = atomic_load_explicit(&log->durable_through, memory_order_relaxed);
    uint8_t *at = (uint8_t *)batch->at, *end = at + batch->bytes;

    batch->first_offset = offset;
    for (; at < end; at += HF_LOG_RECORD_HEAD_BYTES + hf_get_u32(at + 4), offset++)
        hf_log_head_seal(at, log->log_id, offset, now_ms, (uint32_t)(offset - durable));
    HF_ASSERT(at == end && offset == batch->first_offset + batch->records);
    return offset;
}

hf_err hf_log_append(struct hf_log *log, struct hf_log_batch *const *batches, size_t batch_count,
                     uint64_t now_ms, uint64_t *ret_first_offset)
{
    const struct hf_files *files = log->files;
    struct iovec parts[HF_LOG_BATCHES_MAX];
    uint64_t bytes, offset;
    hf_err err = check(log, batches, batch_count, &bytes);

    if (err != HF_OK) { /* the caller's mistake, not the disk's */
        roll_back(log, log->writer.end);
        return err;
    }
    /* A group never spans two segments: within a group the live one grows beyond its size instead. */
    if (log->writer.broken ||
        (log->writer.pending_count == 0 && log->writer.end + bytes > log->segment_bytes &&
         log->writer.end > HF_LOG_SEGMENT_HEAD_BYTES))
        err = hf_log_segment_start(log, now_ms);
    if (err == HF_OK)
        err = reserve(log, bytes);
    if (err != HF_OK) {
        roll_back(log, log->writer.end);
        hf_log_failed(log, HF_LOG_WRITE_FAILED, err);
        return err;
    }
    offset = log->writer.next_offset;
    for (size_t i = 0; i < batch_count; i++) {
        offset = seal_batch(log, batches[i], offset, now_ms);
        parts[i] = (struct iovec){batches[i]->at, batches[i]->bytes};
        log->writer.pending[log->writer.pending_count + i] = *batches[i];
    }
    err = files->pwritev(files->context, log->writer.file, parts, (int)batch_count, log->writer.end);
    if (err != HF_OK) {
        roll_back(log, log->writer.end + bytes);
        hf_log_failed(log, HF_LOG_WRITE_FAILED, err);
        return err;
    }
    *ret_first_offset = log->writer.next_offset;
    log->writer.pending_count += batch_count;
    log->writer.end += bytes;
    log->writer.next_offset = offset;
    log->writer.time_max_ms = HF_MAX(log->writer.time_max_ms, now_ms);
    return HF_OK;
}

/* The group becomes part of the live index, and by that of what readers can find. */
static void publish(struct hf_log *log)
{
    uint64_t position = log->writer.position, records = 0;

    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->writer.pending_count; i++) {
        const struct hf_log_batch *batch = &log->writer.pending[i];
        const uint8_t *at = (const uint8_t *)batch->at, *end = at + batch->bytes;

        while (at < end) {
            struct hf_log_head head = {.body_bytes = hf_get_u32(at + 4),
                                       .key = hf_get_u32(at + 12),
                                       .offset = hf_get_u64(at + 16),
                                       .time_ms = hf_get_u64(at + 24)};

            /* Its first block is there since open, so that this cannot fail. */
            hf_err err = hf_log_index_add(&log->shared.live, position, &head);

            HF_ASSERT(err == HF_OK);
            position = hf_log_record_end(position, &head);
            at += HF_LOG_RECORD_HEAD_BYTES + head.body_bytes;
        }
        records += batch->records;
    }
    log->shared.segments.at[log->shared.segments.count - 1].bytes = HF_MAX(log->writer.reserved, position);
    pthread_mutex_unlock(&log->lock);
    HF_ASSERT(position == log->writer.end);
    HF_LOG_COUNT(log, records_appended_total, records);
    HF_LOG_COUNT(log, bytes_appended_total, position - log->writer.position);
    HF_LOG_COUNT(log, groups_total, 1);
    log->writer.position = position;
    log->writer.pending_count = 0;
    atomic_store_explicit(&log->durable_through, log->writer.next_offset - 1, memory_order_release);
}

hf_err hf_log_sync(struct hf_log *log)
{
    const struct hf_files *files = log->files;
    hf_err err;

    if (log->writer.pending_count == 0)
        return HF_OK;
    err = files->fdatasync(files->context, log->writer.file);
    if (err != HF_OK) {
        log->writer.broken = true; /* first, so that nothing more is written there */
        roll_back(log, log->writer.end);
        hf_log_failed(log, HF_LOG_SYNC_FAILED, err);
        return err;
    }
    publish(log);
    if (atomic_exchange(&log->write_state, HF_OK) != HF_OK)
        hf_log_tell(log, (struct hf_log_report){.event = HF_LOG_RECOVERED, .offset = log->writer.next_offset},
                    log->shared.segments.at[log->shared.segments.count - 1].first_offset);
    hf_log_reserved_publish(log);
    return HF_OK;
}

/* After a failure: does the disk take data again? Asked of a spare, never of the live segment. */
static void probe(struct hf_log *log)
{
    static const uint8_t zero[1];
    const struct hf_files *files = log->files;
    struct iovec part = {(void *)(uintptr_t)zero, sizeof(zero)};
    hf_err err = hf_log_spare_prepare(log);

    if (err == HF_OK)
        err = files->pwritev(files->context, log->writer.spare, &part, 1, 0);
    if (err == HF_OK)
        err = files->fdatasync(files->context, log->writer.spare);
    if (err != HF_OK)
        return;
    atomic_store(&log->write_state, HF_OK);
    hf_log_tell(log, (struct hf_log_report){.event = HF_LOG_RECOVERED, .offset = log->writer.next_offset},
                log->shared.segments.at[log->shared.segments.count - 1].first_offset);
}

void hf_log_tick(struct hf_log *log, uint64_t now_ms)
{
    const struct hf_files *files = log->files;
    struct hf_file_space space;

    hf_log_retain(log, now_ms);
    if (log->writer.no_fallocate && files->statvfs(files->context, log->dir, &space) == HF_OK)
        log->writer.free_bytes = space.free_bytes;
    if (atomic_load(&log->write_state) != HF_OK)
        probe(log);
    else if (log->writer.broken || log->writer.end > log->segment_bytes / 4 * 3)
        (void)hf_log_spare_prepare(log); /* without one, reserved_bytes shrinks and the app sees it coming */
    hf_log_reserved_publish(log);
}
