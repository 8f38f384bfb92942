/* A recording, played again at its own pace. It can wait: while the ring is full nothing is read, so a recording arrives whole. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/lines.h"
#include "agent/source.h"
#include "base/assert.h"

enum { CHUNK_BYTES = 16384, WAIT_NS = 2000000 /* for room in the ring */ };

struct replay {
    struct hf_source source;
    struct hf_ring *ring;
    int fd;
    double speed;
    uint64_t period_ns;       /* of rows without times */
    uint64_t start_ns;        /* when the first row went out */
    int64_t first_ns, row_ns; /* times of rows, as recorded */
    uint64_t line, rows;
    struct hf_row_columns columns;
    bool has_columns, has_row, at_end;
    struct hf_row row; /* read, and not yet due */
    struct hf_lines lines;
    struct hf_slice in;
    char chunk[CHUNK_BYTES];
};

static void take_line(struct replay *replay, struct hf_slice line)
{
    struct hf_source *source = &replay->source;
    enum hf_row_field field;
    enum hf_row_result result;

    if (replay->line++ == 0)
        line = hf_row_first(line);
    if (!replay->has_columns &&
        hf_row_read(line, &hf_row_columns_driver, &replay->row, &field) != HF_ROW_NONE) {
        replay->has_columns = true;
        if (hf_slice_trim(line).at[0] != '{') {
            if (line.bytes > 0 && line.at[line.bytes - 1] == '\r')
                line.bytes--;
            if (!hf_row_head(line, &replay->columns)) {
                hf_source_complain(source,
                                   "the first line is no head that names cadence_rpm, power_w or lean_deg: "
                                   "the columns are taken to be these three");
                replay->columns = hf_row_columns_driver;
            } else {
                return;
            }
        }
    }
    result = hf_row_read(line, &replay->columns, &replay->row, &field);
    if (result == HF_ROW_OK) {
        int64_t step_ns = replay->rows == 0 ? 0 : (int64_t)replay->period_ns;

        if (!replay->row.has_time && replay->row_ns > INT64_MAX - step_ns)
            result = HF_ROW_TIME;
        else if (!replay->row.has_time)
            replay->row.time_ns = replay->row_ns + step_ns;
        else if (replay->rows > 0 && replay->row.time_ns < replay->row_ns)
            result = HF_ROW_TIME;
    }
    if (result == HF_ROW_OK)
        replay->has_row = true;
    else if (result != HF_ROW_NONE)
        hf_source_bad_line(source, replay->line, result, field);
}

/* Until there is a row, or the end. */
static void read_row(struct replay *replay)
{
    struct hf_slice line;

    while (!replay->has_row && !replay->source.ended) {
        switch (hf_lines_next(&replay->lines, &replay->in, &line)) {
        case HF_LINES_LINE: take_line(replay, line); break;
        case HF_LINES_LONG:
            replay->line++;
            hf_source_bad_line(&replay->source, replay->line, HF_ROW_LONG, HF_ROW_FIELDS);
            break;
        default:
            if (replay->at_end) {
                if (hf_lines_rest(&replay->lines, &line))
                    take_line(replay, line);
                else
                    replay->source.ended = true;
                break;
            }
            ssize_t bytes = read(replay->fd, replay->chunk, sizeof(replay->chunk));
            if (bytes < 0 && errno == EINTR)
                break;
            if (bytes < 0) {
                hf_source_complain(&replay->source, "cannot read on: %s", strerror(errno));
                replay->source.broke = true;
            }
            replay->in = (struct hf_slice){replay->chunk, bytes > 0 ? (size_t)bytes : 0};
            replay->at_end = bytes <= 0;
        }
    }
}

static uint64_t turn(struct hf_source *source, uint64_t now_ns)
{
    struct replay *replay = HF_CONTAINER_OF(source, struct replay, source);
    unsigned room = hf_ring_room(replay->ring);

    for (;;) {
        read_row(replay);
        if (!replay->has_row)
            return HF_SOURCE_NEVER;
        if (replay->rows == 0) {
            replay->start_ns = now_ns;
            replay->first_ns = replay->row.time_ns;
        }
        uint64_t due_ns = replay->start_ns +
                          (uint64_t)llround((double)(replay->row.time_ns - replay->first_ns) / replay->speed);
        if (due_ns > now_ns)
            return due_ns;
        if (room-- == 0)
            return now_ns + WAIT_NS;
        replay->row.sample.ts_ns = due_ns;
        hf_source_push(source, replay->ring, &replay->row.sample);
        replay->row_ns = replay->row.time_ns;
        replay->rows++;
        replay->has_row = false;
    }
}

static void free_it(struct hf_source *source)
{
    struct replay *replay = HF_CONTAINER_OF(source, struct replay, source);

    (void)close(replay->fd);
    free(replay);
}

struct hf_source *hf_source_replay(struct hf_ring *ring, const char *path, double speed, unsigned rate,
                                   char error[HF_SOURCE_TEXT_BYTES])
{
    static const struct hf_source_ops ops = {.turn = turn, .free_it = free_it};
    struct replay *replay = calloc(1, sizeof(*replay));
    int fd = replay != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    HF_ASSERT(rate > 0 && rate <= HF_SOURCE_RATE_MAX && speed > 0);
    if (fd < 0) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "cannot read '%.150s': %s", path,
                       replay != NULL ? strerror(errno) : "out of memory");
        free(replay);
        return NULL;
    }
    replay->source.ops = &ops;
    replay->ring = ring;
    replay->fd = fd;
    replay->speed = speed;
    replay->period_ns = 1000000000 / rate;
    replay->columns = hf_row_columns_driver;
    return &replay->source;
}
