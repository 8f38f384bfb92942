#include <string.h>

#include "base/assert.h"
#include "log/log_internal.h"

/* By age: the next segment began more than the age ago, so every record here is older than that. */
static bool expired(const struct hf_log *log, const struct hf_log_segment *next, uint64_t now_ms)
{
    uint64_t age_ms = atomic_load(&log->retain_age_ms);

    return next->created_ms != 0 && now_ms > next->created_ms && now_ms - next->created_ms > age_ms;
}

static void delete_files(struct hf_log *log, const struct hf_log_segment *segment)
{
    static const char *const suffixes[] = {".log", ".idx"};
    const struct hf_files *files = log->files;
    char path[HF_LOG_PATH_BYTES_MAX];

    for (size_t i = 0; i < HF_COUNT_OF(suffixes); i++)
        if (hf_log_path(path, sizeof(path), log->dir, segment->first_offset, suffixes[i]) == HF_OK)
            (void)files->unlink(files->context,
                                path); /* a file that stays is found again at the next start */
}

void hf_log_retain(struct hf_log *log, uint64_t now_ms)
{
    struct hf_log_segments *segments = &log->shared.segments; /* only this thread changes it */
    uint64_t bytes = 0;
    size_t count = 0;

    for (size_t i = 0; i < segments->count; i++)
        bytes += segments->at[i].bytes;
    while (count + 1 < segments->count &&
           (bytes > atomic_load(&log->retain_bytes_max) || expired(log, &segments->at[count + 1], now_ms)))
        bytes -= segments->at[count++].bytes;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct hf_log_segment segment = segments->at[0];

        /* Readers learn of it before the file goes, so that none looks for a name that is not there. */
        pthread_mutex_lock(&log->lock);
        segments->count--;
        memmove(segments->at, segments->at + 1, segments->count * sizeof(*segments->at));
        atomic_store(&log->oldest_offset, segments->at[0].first_offset);
        atomic_fetch_add(&log->version, 1);
        pthread_mutex_unlock(&log->lock);
        delete_files(log, &segment);
        HF_LOG_COUNT(log, segments_deleted_total, 1);
        HF_LOG_COUNT(log, bytes_deleted_total, segment.bytes);
        hf_log_tell(log,
                    (struct hf_log_report){.event = HF_LOG_SEGMENT_DELETED,
                                           .offset = segments->at[0].first_offset - 1,
                                           .bytes = segment.bytes},
                    segment.first_offset);
    }
    (void)log->files->sync_dir(log->files->context, log->dir);
}
