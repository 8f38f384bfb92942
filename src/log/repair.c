/* log/repair.c - what an operator runs after damage in the middle of the last segment. Every intact record is
 * kept: they are copied behind one another into a file that takes the segment's place by one rename, so that a
 * crash leaves either the old file or the new one. The hole that remains shows in the offsets, which tells
 * readers what is missing. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "log/log_internal.h"

struct repair {
    const char *dir;
    const struct hf_log_options *options;
    const struct hf_files *files;
    struct hf_log_segment *last;
    struct hf_log_window window; /* on the damaged file */
    int damaged, out;            /* -1 = none */
    char out_path[HF_LOG_PATH_BYTES_MAX];
    uint64_t out_bytes, highest; /* offset */
};

static hf_err out_open(struct repair *repair)
{
    struct hf_sb sb;
    hf_err err;

    if (repair->out >= 0) /* begun in vain */
        repair->files->close(repair->files->context, repair->out);
    hf_sb_init(&sb, repair->out_path, sizeof(repair->out_path));
    hf_sb_text(&sb, repair->dir);
    hf_sb_text(&sb, "/repair.tmp");
    HF_ASSERT(!sb.overflow);
    err = repair->files->open(repair->files->context, repair->out_path, HF_FILE_WRITE | HF_FILE_CREATE,
                              &repair->out);
    if (err != HF_OK) {
        repair->out = -1;
        return err;
    }
    repair->out_bytes = 0;
    return repair->files->ftruncate(repair->files->context, repair->out, 0);
}

static hf_err out_write(struct repair *repair, const void *data, size_t bytes)
{
    struct iovec part = {(void *)(uintptr_t)data, bytes};
    hf_err err = repair->files->pwritev(repair->files->context, repair->out, &part, 1, repair->out_bytes);

    repair->out_bytes += bytes;
    return err;
}

/* Gives the written file its name. */
static hf_err out_publish(struct repair *repair, uint64_t first_offset, const char *suffix)
{
    char path[HF_LOG_PATH_BYTES_MAX];
    hf_err err = hf_log_path(path, sizeof(path), repair->dir, first_offset, suffix);

    if (err == HF_OK)
        err = repair->files->fdatasync(repair->files->context, repair->out);
    repair->files->close(repair->files->context, repair->out);
    repair->out = -1;
    if (err == HF_OK)
        err = repair->files->rename(repair->files->context, repair->out_path, path);
    return err == HF_OK ? repair->files->sync_dir(repair->files->context, repair->dir) : err;
}

static hf_err write_head(struct repair *repair, uint64_t first_offset, uint64_t time_max_ms)
{
    static const uint8_t zeros[HF_LOG_SEGMENT_HEAD_BYTES];
    uint8_t bytes[HF_LOG_SEGMENT_HEAD_BYTES];
    struct hf_log_segment_head head = {
        repair->window.log_id, first_offset,
        repair->last->created_ms ? repair->last->created_ms : repair->options->now_ms, time_max_ms};

    memcpy(bytes, zeros, sizeof(bytes));
    hf_log_segment_head_write(bytes, &head);
    hf_log_segment_head_write(bytes + HF_LOG_SEGMENT_HEAD_COPY, &head);
    return out_write(repair, bytes, sizeof(bytes));
}

/* The damaged file, byte by byte, for whoever wants to find out more. */
static hf_err keep_copy(struct repair *repair)
{
    uint8_t *buffer = malloc(HF_LOG_LOOKUP_BUFFER_BYTES);
    hf_err err = buffer ? out_open(repair) : HF_ERR_NOMEM;
    size_t got = HF_LOG_LOOKUP_BUFFER_BYTES;

    while (err == HF_OK && got == HF_LOG_LOOKUP_BUFFER_BYTES) {
        err = repair->files->pread(repair->files->context, repair->damaged, buffer,
                                   HF_LOG_LOOKUP_BUFFER_BYTES, repair->out_bytes, &got);
        if (err == HF_ERR_IO) { /* unreadable: zeros in the copy */
            memset(buffer, 0, HF_LOG_LOOKUP_BUFFER_BYTES);
            got = (size_t)HF_MIN(repair->last->bytes - HF_MIN(repair->last->bytes, repair->out_bytes),
                                 (uint64_t)HF_LOG_LOOKUP_BUFFER_BYTES);
            err = HF_OK;
        }
        if (err == HF_OK && got > 0)
            err = out_write(repair, buffer, got);
    }
    free(buffer);
    return err == HF_OK ? out_publish(repair, repair->last->first_offset, ".log.damaged") : err;
}

/* Copies what is intact; what it finds first behind a hole must have a higher offset than all before. */
static hf_err keep_records(struct repair *repair)
{
    uint64_t position = HF_LOG_SEGMENT_HEAD_BYTES, offset = repair->last->first_offset;
    hf_err err = HF_OK;

    while (err == HF_OK) {
        struct hf_log_head head;
        const uint8_t *body;

        err = hf_log_window_record(&repair->window, position, &head, &body);
        if (err == HF_OK && head.offset < offset)
            err = HF_ERR_CORRUPT;
        if (err == HF_ERR_CORRUPT || err == HF_ERR_NOT_FOUND)
            err = hf_log_window_resync(&repair->window, position + 1, offset, UINT64_MAX, &position, &head);
        if (err == HF_OK)
            err = hf_log_window_record(&repair->window, position, &head, &body);
        if (err != HF_OK)
            break;
        err = out_write(repair, body - HF_LOG_RECORD_HEAD_BYTES, HF_LOG_RECORD_HEAD_BYTES + head.body_bytes);
        position = hf_log_record_end(position, &head);
        repair->highest = head.offset;
        offset = head.offset + 1;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* Nothing of the segment can be told: go on behind every offset that it can have held. */
static hf_err start_behind(struct repair *repair, uint64_t time_max_ms)
{
    uint64_t first_offset =
        repair->last->first_offset + repair->last->bytes / (HF_LOG_RECORD_HEAD_BYTES + 1) + 1;
    hf_err err = out_open(repair);

    if (err == HF_OK)
        err = write_head(repair, first_offset, time_max_ms);
    return err == HF_OK ? out_publish(repair, first_offset, ".log") : err;
}

static hf_err replace(struct repair *repair, uint64_t time_max_ms)
{
    hf_err err = keep_copy(repair);

    if (err == HF_OK)
        err = out_open(repair);
    if (err == HF_OK)
        err = write_head(repair, repair->last->first_offset, time_max_ms);
    if (err == HF_OK)
        err = keep_records(repair);
    if (err == HF_OK && repair->highest == 0)
        err = start_behind(repair, time_max_ms);
    else if (err == HF_OK)
        err = out_publish(repair, repair->last->first_offset, ".log");
    return err;
}

static void tell(const struct repair *repair)
{
    char path[HF_LOG_PATH_BYTES_MAX];

    if (repair->options->report == NULL ||
        hf_log_path(path, sizeof(path), repair->dir, repair->last->first_offset, ".log") != HF_OK)
        return;
    repair->options->report(repair->options->report_context,
                            &(struct hf_log_report){.event = HF_LOG_SEGMENT_REPAIRED,
                                                    .path = path,
                                                    .offset = repair->highest,
                                                    .bytes = repair->out_bytes});
}

/* HF_OK: it is as it should be; HF_ERR_CORRUPT: it is not. */
static hf_err examine(struct repair *repair, uint64_t *ret_time_max_ms)
{
    struct hf_log_damage damage;
    struct hf_log_index index;
    uint64_t group, cut_bytes;
    hf_err err;

    if (repair->last->time_max_before_ms == HF_LOG_TIME_UNKNOWN) {
        *ret_time_max_ms = repair->options->now_ms; /* too late rather than too early: nothing is missed */
        return HF_ERR_CORRUPT;
    }
    *ret_time_max_ms = repair->last->time_max_before_ms;
    hf_log_index_init(&index, repair->last->first_offset, 0);
    err = hf_log_recover(&repair->window, &index, &cut_bytes, &group, &damage);
    hf_log_index_deinit(&index);
    return err;
}

static hf_err repair_last(struct repair *repair, bool *ret_repaired)
{
    char path[HF_LOG_PATH_BYTES_MAX];
    uint64_t time_max_ms;
    hf_err err = hf_log_path(path, sizeof(path), repair->dir, repair->last->first_offset, ".log");

    if (err == HF_OK)
        err = repair->files->open(repair->files->context, path, HF_FILE_READ, &repair->damaged);
    if (err != HF_OK)
        return err;
    repair->window.tolerant = true;
    hf_log_window_file(&repair->window, repair->damaged);
    err = examine(repair, &time_max_ms);
    if (err == HF_ERR_CORRUPT) {
        err = replace(repair, time_max_ms);
        *ret_repaired = err == HF_OK;
    }
    if (repair->out >= 0)
        repair->files->close(repair->files->context, repair->out);
    repair->files->close(repair->files->context, repair->damaged);
    if (*ret_repaired)
        tell(repair);
    return err;
}

hf_err hf_log_repair(const char *dir, const struct hf_log_options *options, bool *ret_repaired)
{
    struct repair repair = {
        .dir = dir, .options = options, .files = options->files, .damaged = -1, .out = -1};
    struct hf_log_segments segments = {0};
    uint64_t log_id;
    int lock_file;
    hf_err err = hf_log_options_check(dir, options);

    *ret_repaired = false;
    if (err == HF_OK)
        err = hf_log_dir_lock(dir, options->files, &lock_file);
    if (err != HF_OK)
        return err;
    err = hf_log_dir_scan(dir, options->files, &segments);
    if (err == HF_OK)
        err = hf_log_dir_heads(dir, options, &segments, &log_id);
    if (err == HF_OK && segments.count > 0) {
        repair.last = &segments.at[segments.count - 1];
        err = hf_log_window_init(&repair.window, options->files, log_id ? log_id : options->log_id,
                                 HF_LOG_RECOVERY_BUFFER_BYTES);
        if (err == HF_OK)
            err = repair_last(&repair, ret_repaired);
        hf_log_window_deinit(&repair.window);
    }
    free(segments.at);
    options->files->close(options->files->context, lock_file);
    return err;
}
