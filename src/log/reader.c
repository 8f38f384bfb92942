/* log/reader.c - walks the segments. Two numbers say where a reader is: `offset`, what it wants next, and
 * `at_offset`, what is expected at `position` in its file; while it seeks the second is behind the first.
 *
 * What is durable is read as of a moment before the bytes are: bytes behind it may be half written or about
 * to be rolled back, so that they are read again once they count (`trusted`). */
#include <stdlib.h>

#include "base/assert.h"
#include "log/log_internal.h"

#define END_UNKNOWN UINT64_MAX

struct hf_log_reader {
    struct hf_log *log; /* borrowed */
    bool counted;
    struct hf_log_window window;
    uint64_t offset, at_offset, position;
    uint64_t trusted; /* durable_through when the window was filled last */
    uint32_t key;     /* 0 = all */
    uint64_t until;   /* filter: where to ask the index again */
    struct {
        uint64_t first_offset, generation; /* generation 0 = none */
        uint64_t end_offset;               /* of the next segment's first record; END_UNKNOWN = live */
        bool deleted;                      /* retention took it; the file is still open */
    } segment;
    uint64_t version; /* of the segment list when `segment` was filled in */
    struct hf_log_gap gap;
    uint64_t gap_position,
        gap_generation; /* where to go on behind the gap, in that segment; 0 = look it up */
};

hf_err hf_log_reader_new(struct hf_log *log, uint64_t from_offset, struct hf_log_reader **ret_reader)
{
    struct hf_log_reader *reader = calloc(1, sizeof(*reader));
    hf_err err;

    if (reader == NULL)
        return HF_ERR_NOMEM;
    err = hf_log_window_init(&reader->window, log->files, log->log_id, HF_LOG_READER_BUFFER_BYTES);
    if (err != HF_OK) {
        free(reader);
        return err;
    }
    reader->window.tolerant = true;
    reader->log = log;
    reader->offset = HF_MAX(from_offset, 1);
    *ret_reader = reader;
    return HF_OK;
}

hf_err hf_log_reader_open(struct hf_log *log, uint64_t from_offset, struct hf_log_reader **ret_reader)
{
    hf_err err;

    if (from_offset > hf_log_durable_through(log) + 1)
        return HF_ERR_INVALID;
    if (atomic_fetch_add(&log->stats.readers, 1) >= log->readers_max) {
        atomic_fetch_sub(&log->stats.readers, 1);
        HF_LOG_COUNT(log, readers_refused_total, 1);
        return HF_ERR_LIMIT;
    }
    err = hf_log_reader_new(log, from_offset, ret_reader);
    if (err != HF_OK)
        atomic_fetch_sub(&log->stats.readers, 1);
    else
        (*ret_reader)->counted = true;
    return err;
}

static void leave_segment(struct hf_log_reader *reader)
{
    const struct hf_files *files = reader->log->files;

    if (reader->window.file >= 0)
        files->close(files->context, reader->window.file);
    hf_log_window_file(&reader->window, -1);
    reader->segment.generation = 0;
}

void hf_log_reader_close(struct hf_log_reader *reader)
{
    if (reader == NULL)
        return;
    leave_segment(reader);
    hf_log_window_deinit(&reader->window);
    if (reader->counted)
        atomic_fetch_sub(&reader->log->stats.readers, 1);
    free(reader);
}

void hf_log_reader_filter(struct hf_log_reader *reader, uint64_t key_hash)
{
    reader->key = hf_log_key(key_hash);
    reader->until = 0;
}

struct hf_log_gap hf_log_reader_gap(const struct hf_log_reader *reader)
{
    return reader->gap;
}

uint64_t hf_log_reader_offset(const struct hf_log_reader *reader)
{
    return reader->offset;
}

void hf_log_reader_skip(struct hf_log_reader *reader)
{
    if (reader->gap.to < reader->offset)
        return; /* nothing to skip, or skipped before */
    reader->offset = reader->gap.to + 1;
    if (reader->gap_position != 0 && reader->gap_generation == reader->segment.generation) {
        reader->position = reader->gap_position;
        reader->at_offset = reader->offset;
    }
}

hf_err hf_log_reader_gap_path(const struct hf_log_reader *reader, char *out, size_t out_bytes)
{
    return hf_log_path(out, out_bytes, reader->log->dir, reader->segment.first_offset, ".log");
}

static hf_err gap(struct hf_log_reader *reader, uint64_t to, enum hf_reason reason, uint64_t position)
{
    HF_ASSERT(to >= reader->offset);
    reader->gap = (struct hf_log_gap){.from = reader->offset,
                                      .to = to,
                                      .reason = reason,
                                      .live = reader->segment.end_offset == END_UNKNOWN};
    reader->gap_position = position;
    reader->gap_generation = reader->segment.generation;
    if (reason == HF_REASON_RETENTION) {
        HF_LOG_COUNT(reader->log, gaps_retention_total, 1);
        return HF_ERR_NOT_FOUND;
    }
    HF_LOG_COUNT(reader->log, gaps_damaged_total, 1);
    return HF_ERR_CORRUPT;
}

static struct hf_log_seek seek_offset(const struct hf_log_index *index, uint64_t offset, uint32_t unused)
{
    (void)unused;
    return hf_log_index_seek_offset(index, offset);
}

static hf_err lookup(struct hf_log_reader *reader, hf_log_seek_fn *seek, uint64_t a,
                     struct hf_log_seek *ret_seek)
{
    if (reader->segment.deleted)
        return HF_ERR_NOT_FOUND;
    return hf_log_lookup(reader->log, reader->segment.generation, reader->segment.end_offset,
                         reader->segment.first_offset, seek, a, reader->key, ret_seek);
}

/* What is in the window was read before more became durable. */
static void look_again(struct hf_log_reader *reader)
{
    struct hf_log *log = reader->log;
    uint64_t end = UINT64_MAX;

    reader->trusted =
        hf_log_durable_through(log); /* first: what it counts lies before the end that is asked for next */
    pthread_mutex_lock(&log->lock);
    if (log->shared.segments.at[log->shared.segments.count - 1].generation == reader->segment.generation)
        end = hf_log_index_seek_offset(&log->shared.live, UINT64_MAX).position;
    pthread_mutex_unlock(&log->lock);
    hf_log_window_file(&reader->window, reader->window.file);
    hf_log_window_end(&reader->window, end);
}

static hf_err enter_segment(struct hf_log_reader *reader, const struct hf_log_segment *segment)
{
    const struct hf_files *files = reader->log->files;
    char path[HF_LOG_PATH_BYTES_MAX];
    struct hf_log_seek seek;
    int file;
    hf_err err = hf_log_path(path, sizeof(path), reader->log->dir, segment->first_offset, ".log");

    leave_segment(reader);
    if (err == HF_OK)
        err = files->open(files->context, path, HF_FILE_READ, &file);
    if (err != HF_OK)
        return err == HF_ERR_NOT_FOUND ? HF_ERR_CLOSED : err;
    hf_log_window_file(&reader->window, file);
    reader->segment.first_offset = segment->first_offset;
    reader->segment.generation = segment->generation;
    look_again(reader);
    reader->segment.deleted = false;
    reader->position = HF_LOG_SEGMENT_HEAD_BYTES;
    reader->at_offset = segment->first_offset;
    reader->until = 0;
    if (reader->offset > segment->first_offset &&
        lookup(reader, seek_offset, reader->offset, &seek) == HF_OK) {
        reader->position = seek.position;
        reader->at_offset = seek.offset;
    }
    return HF_OK;
}

/* Finds the segment that has, or will have, `offset`, and opens it. HF_ERR_NOT_FOUND: behind retention, the
 * gap is set. HF_ERR_CLOSED: the file is not there. */
static hf_err locate(struct hf_log_reader *reader)
{
    struct hf_log *log = reader->log;
    const struct hf_log_segments *segments = &log->shared.segments;
    struct hf_log_segment segment;
    uint64_t end_offset = END_UNKNOWN, oldest;
    size_t i;

    pthread_mutex_lock(&log->lock);
    i = hf_log_segments_find(segments, reader->offset);
    segment = segments->at[i];
    oldest = segments->at[0].first_offset;
    if (i + 1 < segments->count)
        end_offset = segments->at[i + 1].first_offset;
    reader->version = atomic_load(&log->version);
    pthread_mutex_unlock(&log->lock);

    if (reader->offset < oldest) {
        /* A segment that was deleted under the reader it reads to its end. */
        if (reader->segment.generation == 0 || reader->offset < reader->segment.first_offset ||
            reader->offset >= reader->segment.end_offset)
            return gap(reader, oldest - 1, HF_REASON_RETENTION, 0);
        reader->segment.deleted = true;
        reader->segment.end_offset = HF_MIN(reader->segment.end_offset, oldest);
        return HF_OK;
    }
    reader->segment.end_offset = end_offset;
    return reader->segment.generation == segment.generation ? HF_OK : enter_segment(reader, &segment);
}

/* In place of the expected record there is something else, or nothing: how much is missing? */
static hf_err find_gap(struct hf_log_reader *reader)
{
    struct hf_log *log = reader->log;
    uint64_t last = hf_log_durable_through(log);
    struct hf_log_head head;
    struct hf_log_seek seek;
    uint64_t position;
    hf_err err;

    if (reader->segment.end_offset != END_UNKNOWN)
        last = reader->segment.end_offset - 1;
    hf_log_window_file(&reader->window, reader->window.file); /* bytes read before may be out of date */
    reader->trusted = last;
    err = hf_log_window_resync(&reader->window, reader->position + 1, reader->at_offset, last, &position,
                               &head);
    if (err == HF_OK && head.offset <= reader->offset) { /* damage before the place that is looked for */
        reader->position = position;
        reader->at_offset = head.offset;
        return HF_ERR_AGAIN;
    }
    if (err == HF_OK)
        return gap(reader, head.offset - 1, HF_REASON_LOG_DAMAGED, position);
    if (err != HF_ERR_NOT_FOUND)
        return err;
    if (reader->segment.deleted)
        return gap(reader, last, HF_REASON_RETENTION, 0);
    if (reader->segment.end_offset != END_UNKNOWN)
        return gap(reader, last, HF_REASON_LOG_DAMAGED, 0);
    err = lookup(reader, seek_offset, UINT64_MAX, &seek); /* the end of the live segment, as of now */
    if (err != HF_OK || seek.offset != last + 1)
        return HF_ERR_AGAIN; /* sealed meanwhile, or there is more to look through */
    return gap(reader, last, HF_REASON_LOG_DAMAGED, seek.position);
}

/* Steps over blocks that have no record of the wanted key. */
static void skip_blocks(struct hf_log_reader *reader)
{
    struct hf_log_seek seek;

    if (lookup(reader, hf_log_index_seek_key, reader->position, &seek) != HF_OK) {
        reader->until = UINT64_MAX; /* without an index every record is looked at */
        return;
    }
    reader->until = seek.until_position;
    if (seek.offset == 0 || seek.position <= reader->position)
        return;
    reader->position = seek.position;
    reader->at_offset = seek.offset;
    reader->offset = HF_MAX(reader->offset, seek.offset);
    if (reader->segment.end_offset != END_UNKNOWN && seek.position == seek.until_position)
        reader->offset = HF_MAX(reader->offset, reader->segment.end_offset);
}

/* The record at `position`, whatever it is. HF_ERR_AGAIN: not the one that is wanted, look again. */
static hf_err step(struct hf_log_reader *reader, struct hf_log_record *ret_record, uint64_t *scanned_bytes)
{
    struct hf_log_head head;
    const uint8_t *body;
    bool wanted;
    hf_err err;

    if (reader->at_offset > reader->trusted)
        look_again(reader);
    err = hf_log_window_head(&reader->window, reader->position, &head);
    if (err == HF_OK && head.offset > reader->offset && head.offset > reader->at_offset &&
        head.offset <= reader->trusted && head.offset < reader->segment.end_offset) {
        err = gap(reader, head.offset - 1, HF_REASON_LOG_DAMAGED, reader->position);
        reader->gap.hole = true;
        return err;
    }
    if (err == HF_OK && (head.offset < reader->at_offset || head.offset > reader->trusted ||
                         head.offset >= reader->segment.end_offset))
        err = HF_ERR_CORRUPT;
    wanted = err == HF_OK && head.offset >= reader->offset && (reader->key == 0 || head.key == reader->key);
    if (wanted)
        err = hf_log_window_record(&reader->window, reader->position, &head, &body);
    if (err == HF_ERR_CORRUPT || err == HF_ERR_NOT_FOUND)
        return find_gap(reader);
    if (err != HF_OK)
        return err;
    reader->position = hf_log_record_end(reader->position, &head);
    reader->at_offset = head.offset + 1;
    reader->offset = HF_MAX(reader->offset, reader->at_offset);
    *scanned_bytes += HF_LOG_RECORD_HEAD_BYTES + head.body_bytes;
    if (!wanted)
        return HF_ERR_AGAIN;
    *ret_record = (struct hf_log_record){.offset = head.offset,
                                         .time_ms = head.time_ms,
                                         .body = {(const char *)body, head.body_bytes},
                                         .key = head.key};
    return HF_OK;
}

hf_err hf_log_reader_next(struct hf_log_reader *reader, struct hf_log_record *ret_record)
{
    struct hf_log *log = reader->log;
    uint64_t scanned_bytes = 0;
    hf_err err;

    for (;;) {
        if (reader->offset > hf_log_durable_through(log))
            return HF_ERR_AGAIN;
        if (reader->segment.generation == 0 || reader->offset >= reader->segment.end_offset ||
            reader->version != atomic_load(&log->version)) {
            err = locate(reader);
            if (err == HF_ERR_CLOSED) {
                if (reader->version != atomic_load(&log->version))
                    continue; /* it went between the look and the open */
                return gap(reader, HF_MIN(reader->segment.end_offset - 1, hf_log_durable_through(log)),
                           HF_REASON_LOG_DAMAGED, 0); /* somebody deleted it */
            }
            if (err != HF_OK)
                return err;
        }
        if (reader->key != 0 && reader->position >= reader->until) {
            skip_blocks(reader);
            if (reader->offset > hf_log_durable_through(log) || reader->offset >= reader->segment.end_offset)
                continue;
        }
        err = step(reader, ret_record, &scanned_bytes);
        if (err != HF_ERR_AGAIN)
            return err;
        if (reader->key != 0 && scanned_bytes > HF_LOG_READER_SCAN_BYTES_MAX)
            return HF_ERR_BUSY;
    }
}
