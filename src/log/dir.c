#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "log/log_internal.h"

hf_err hf_log_options_check(const char *dir, const struct hf_log_options *options)
{
    uint64_t bytes = options->segment_bytes;

    if (dir == NULL || dir[0] == '\0' || strlen(dir) >= HF_LOG_DIR_BYTES_MAX)
        return HF_ERR_INVALID;
    if (options->files == NULL || options->log_id == 0)
        return HF_ERR_INVALID;
    if (bytes != 0 && (bytes < HF_LOG_SEGMENT_BYTES_MIN || bytes > HF_LOG_SEGMENT_BYTES_MAX))
        return HF_ERR_INVALID;
    return HF_OK;
}

hf_err hf_log_dir_lock(const char *dir, const struct hf_files *files, int *ret_file)
{
    char path[HF_LOG_PATH_BYTES_MAX];
    struct hf_sb sb;
    hf_err err;

    hf_sb_init(&sb, path, sizeof(path));
    hf_sb_text(&sb, dir);
    hf_sb_text(&sb, "/lock");
    err = files->open(files->context, path, HF_FILE_WRITE | HF_FILE_CREATE | HF_FILE_LOCK, ret_file);
    if (err == HF_ERR_DENIED) /* a read-only file system may still be read, and locked */
        err = files->open(files->context, path, HF_FILE_READ | HF_FILE_LOCK, ret_file);
    return err;
}

hf_err hf_log_dir_sync_parent(const char *dir, const struct hf_files *files)
{
    char parent[HF_LOG_DIR_BYTES_MAX];
    const char *slash = strrchr(dir, '/');
    size_t bytes = slash ? (size_t)(slash - dir) : 0;
    hf_err err;

    memcpy(parent, dir, bytes);
    parent[bytes] = '\0';
    err = files->sync_dir(files->context, bytes > 0 ? parent : slash ? "/" : ".");
    return err == HF_ERR_DENIED ? HF_OK : err;
}

hf_err hf_log_segments_push(struct hf_log_segments *segments, struct hf_log_segment segment)
{
    if (segments->count >= HF_LOG_SEGMENTS_MAX)
        return HF_ERR_LIMIT;
    if (segments->count == segments->count_max) {
        size_t count_max = segments->count_max ? segments->count_max * 2 : 64;
        struct hf_log_segment *at = realloc(segments->at, count_max * sizeof(*at));

        if (at == NULL)
            return HF_ERR_NOMEM;
        segments->at = at;
        segments->count_max = count_max;
    }
    segments->at[segments->count++] = segment;
    return HF_OK;
}

size_t hf_log_segments_find(const struct hf_log_segments *segments, uint64_t offset)
{
    size_t low = 0, high = segments->count;

    HF_ASSERT(segments->count > 0);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (segments->at[middle].first_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : 0;
}

struct scan {
    const char *dir;
    const struct hf_files *files;
    struct hf_log_segments *segments;
    struct hf_log_segments leftovers; /* first_offset of indexes */
    bool spare;
    hf_err err;
};

static bool on_name(void *context, const char *name)
{
    struct scan *scan = context;
    struct hf_log_segment segment = {0};

    if (hf_log_name_parse(name, ".log", &segment.first_offset))
        scan->err = hf_log_segments_push(scan->segments, segment);
    else if (hf_log_name_parse(name, ".idx", &segment.first_offset))
        scan->err = hf_log_segments_push(&scan->leftovers, segment);
    return scan->err == HF_OK;
}

static int by_first_offset(const void *a, const void *b)
{
    const struct hf_log_segment *left = a, *right = b;

    return left->first_offset < right->first_offset ? -1 : left->first_offset > right->first_offset;
}

/* An index is of use for a sealed segment only. */
static void drop_leftovers(const struct scan *scan)
{
    static const char *const temporary[] = {"/spare.tmp", "/index.tmp", "/repair.tmp"};
    const struct hf_log_segments *segments = scan->segments;
    char path[HF_LOG_PATH_BYTES_MAX];

    for (size_t i = 0; i < scan->leftovers.count; i++) {
        uint64_t first_offset = scan->leftovers.at[i].first_offset;
        size_t at = segments->count > 0 ? hf_log_segments_find(segments, first_offset) : 0;

        if (at + 1 < segments->count && segments->at[at].first_offset == first_offset)
            continue;
        if (hf_log_path(path, sizeof(path), scan->dir, first_offset, ".idx") == HF_OK)
            (void)scan->files->unlink(scan->files->context, path);
    }
    for (size_t i = 0; i < HF_COUNT_OF(temporary); i++) {
        struct hf_sb sb;

        hf_sb_init(&sb, path, sizeof(path));
        hf_sb_text(&sb, scan->dir);
        hf_sb_text(&sb, temporary[i]);
        (void)scan->files->unlink(scan->files->context, path);
    }
}

hf_err hf_log_dir_scan(const char *dir, const struct hf_files *files, struct hf_log_segments *segments)
{
    struct scan scan = {.dir = dir, .files = files, .segments = segments};
    hf_err err = files->list(files->context, dir, on_name, &scan);

    if (err == HF_OK)
        err = scan.err;
    if (err == HF_OK) {
        if (segments->count > 0)
            qsort(segments->at, segments->count, sizeof(*segments->at), by_first_offset);
        drop_leftovers(&scan);
    }
    free(scan.leftovers.at);
    return err;
}

hf_err hf_log_dir_read_head(const struct hf_files *files, int file, struct hf_log_segment_head *ret_head)
{
    static const uint64_t copies[] = {0, HF_LOG_SEGMENT_HEAD_COPY};
    hf_err result = HF_ERR_CORRUPT;

    for (size_t i = 0; i < HF_COUNT_OF(copies); i++) {
        uint8_t bytes[HF_LOG_SEGMENT_HEAD_USED_BYTES];
        size_t got;
        hf_err err = files->pread(files->context, file, bytes, sizeof(bytes), copies[i], &got);

        if (err == HF_OK)
            err = got == sizeof(bytes) ? hf_log_segment_head_read(bytes, ret_head) : HF_ERR_CORRUPT;
        if (err == HF_OK)
            return HF_OK;
        if (err != HF_ERR_CORRUPT)
            result = err;
    }
    return result;
}

static hf_err read_one(const char *dir, const struct hf_log_options *options, struct hf_log_segment *segment,
                       uint64_t *log_id, bool last)
{
    const struct hf_files *files = options->files;
    struct hf_log_segment_head head;
    char path[HF_LOG_PATH_BYTES_MAX];
    int file;
    hf_err err = hf_log_path(path, sizeof(path), dir, segment->first_offset, ".log");

    if (err == HF_OK)
        err = files->open(files->context, path, HF_FILE_READ, &file);
    if (err != HF_OK)
        return err;
    err = files->size(files->context, file, &segment->bytes);
    if (err == HF_OK)
        err = hf_log_dir_read_head(files, file, &head);
    files->close(files->context, file);
    if (err == HF_OK && (head.first_offset != segment->first_offset || (*log_id && *log_id != head.log_id)))
        err = HF_ERR_CORRUPT;
    if (err == HF_OK) {
        *log_id = head.log_id;
        segment->created_ms = head.created_ms;
        segment->time_max_before_ms = head.time_max_before_ms;
        return HF_OK;
    }
    segment->time_max_before_ms = HF_LOG_TIME_UNKNOWN;
    if ((err == HF_ERR_CORRUPT || err == HF_ERR_IO) && options->report)
        options->report(options->report_context, &(struct hf_log_report){.event = HF_LOG_HEAD_DAMAGED,
                                                                         .path = path,
                                                                         .offset = segment->first_offset,
                                                                         .err = err});
    /* What an older segment has lost its readers will be told; the log goes on. */
    return err == HF_ERR_CORRUPT || (err == HF_ERR_IO && !last) ? HF_OK : err;
}

hf_err hf_log_dir_heads(const char *dir, const struct hf_log_options *options,
                        struct hf_log_segments *segments, uint64_t *ret_log_id)
{
    hf_err err = HF_OK;

    *ret_log_id = 0;
    for (size_t i = 0; i < segments->count && err == HF_OK; i++)
        err = read_one(dir, options, &segments->at[i], ret_log_id, i + 1 == segments->count);
    return err;
}
