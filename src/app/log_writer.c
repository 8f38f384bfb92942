#include "app/log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/clock.h"
#include "io/thread.h"

_Static_assert((int)HF_LOG_LINE_BYTES_MAX <= (int)PIPE_BUF, "a pipe takes a line in one piece");

struct hf_log_writer {
    pthread_mutex_t mutex;
    pthread_cond_t given, idled; /* monotonic clock */
    struct hf_thread thread;
    const char *to;
    enum hf_log_format format;
    int fd;
    bool busy;   /* the thread has lines in its hands */
    bool full;   /* until the ring is empty */
    bool ending; /* what is in the ring is the last */
    bool left;   /* behind: nobody waits for the thread, all this is its own */
    bool torn;   /* the thread's: the last write broke off within a line */
    _Atomic uint64_t came,
        went; /* bytes, in all: what lies between them waits. Atomic for the last words, which take no mutex */
    uint64_t dropped_total, unsaid; /* unsaid: dropped since the last line about it */
    char ring[HF_LOG_WRITER_BYTES_MAX];
};

/* False: the descriptor takes no more of it. *ret_left: what it did not take. */
static bool write_all(int fd, const char *text, size_t bytes, size_t *ret_left)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    while (bytes > 0) {
        ssize_t written = write(fd, text, bytes);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) { /* whoever started us left it non-blocking */
            (void)poll(&room, 1, -1);
            continue;
        }
        if (written <= 0)
            break; /* a log that cannot be written must not stop the gateway */
        text += written;
        bytes -= (size_t)written;
    }
    *ret_left = bytes;
    return bytes == 0;
}

static uint64_t lines_in(const char *text, size_t bytes)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Without the mutex. Returns how many of the lines are lost. */
static uint64_t put(struct hf_log_writer *writer, const char *text, size_t bytes)
{
    size_t left = 0;

    if (writer->torn && !write_all(writer->fd, "\n", 1, &left))
        return lines_in(text, bytes);
    writer->torn = false;
    if (write_all(writer->fd, text, bytes, &left))
        return 0;
    writer->torn = left < bytes && text[bytes - left - 1] != '\n';
    return lines_in(text + bytes - left, left);
}

static size_t waiting(const struct hf_log_writer *writer)
{
    return (size_t)(writer->came - writer->went);
}

/* As many whole lines as a pipe takes in one piece. They stay in the ring until they are written. */
static size_t look(const struct hf_log_writer *writer, uint64_t from, char chunk[PIPE_BUF])
{
    size_t first = from % sizeof(writer->ring),
           bytes = (size_t)HF_MIN(writer->came - from, (uint64_t)PIPE_BUF),
           straight = HF_MIN(bytes, sizeof(writer->ring) - first);

    memcpy(chunk, writer->ring + first, straight);
    memcpy(chunk + straight, writer->ring, bytes - straight);
    while (bytes > 0 && chunk[bytes - 1] != '\n')
        bytes--; /* a line is no longer than a chunk */
    return bytes;
}

static size_t dropped_line(const struct hf_log_writer *writer, uint64_t lines, char *line)
{
    const struct hf_field fields[] = {HF_F_U64("lines", lines), HF_F_STR("to", writer->to), HF_F_END};
    bool cut;

    return hf_log_line(line, writer->format, hf_clock_utc_ms(), HF_LOG_LOG_LINES_DROPPED, fields, &cut);
}

static void write_lines(struct hf_log_writer *writer)
{
    char chunk[PIPE_BUF];
    size_t bytes = look(writer, writer->went, chunk);

    HF_ASSERT(bytes > 0);
    writer->busy = true;
    pthread_mutex_unlock(&writer->mutex);
    uint64_t lost = put(writer, chunk, bytes);
    pthread_mutex_lock(&writer->mutex);
    writer->busy = false;
    writer->went += bytes;
    writer->dropped_total += lost;
    writer->unsaid += lost;
}

/* The ring is empty: what comes now comes after the gap. */
static void say_dropped(struct hf_log_writer *writer)
{
    char line[HF_LOG_LINE_BYTES_MAX + 1];
    uint64_t lines = writer->unsaid;
    size_t bytes = dropped_line(writer, lines, line);

    writer->full = false;
    writer->busy = true;
    pthread_mutex_unlock(&writer->mutex);
    uint64_t lost = put(writer, line, bytes);
    pthread_mutex_lock(&writer->mutex);
    writer->busy = false;
    writer->unsaid -= lost == 0 ? lines : 0; /* else it is tried again after the next line */
}

static void destroy(struct hf_log_writer *writer)
{
    pthread_cond_destroy(&writer->given);
    pthread_cond_destroy(&writer->idled);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

static void run(void *context)
{
    struct hf_log_writer *writer = context;

    pthread_mutex_lock(&writer->mutex);
    while (waiting(writer) > 0 || !writer->ending) {
        if (waiting(writer) == 0) {
            pthread_cond_broadcast(&writer->idled);
            pthread_cond_wait(&writer->given, &writer->mutex);
            continue;
        }
        write_lines(writer);
        if (waiting(writer) == 0 && writer->unsaid > 0)
            say_dropped(writer);
    }
    pthread_cond_broadcast(&writer->idled);
    bool left = writer->left;
    pthread_mutex_unlock(&writer->mutex);
    if (left)
        destroy(writer);
}

hf_err hf_log_writer_open(int fd, const char *name, const char *to, enum hf_log_format format,
                          struct hf_log_writer **ret_writer)
{
    struct hf_log_writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attributes;

    if (writer == NULL)
        return HF_ERR_NOMEM;
    writer->fd = fd;
    writer->to = to;
    writer->format = format;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->given, &attributes);
    pthread_cond_init(&writer->idled, &attributes);
    pthread_condattr_destroy(&attributes);
    hf_err err = hf_thread_start(&writer->thread, name, HF_THREAD_ANY_CPU, run, writer);
    if (err == HF_OK)
        *ret_writer = writer;
    else
        (void)hf_log_writer_close(writer);
    return err;
}

void hf_log_writer_line(struct hf_log_writer *writer, const char *line, size_t bytes)
{
    HF_ASSERT(bytes > 0 && bytes <= HF_LOG_LINE_BYTES_MAX && line[bytes - 1] == '\n');
    pthread_mutex_lock(&writer->mutex);
    writer->full |= bytes > sizeof(writer->ring) - waiting(writer);
    if (writer->full) {
        writer->dropped_total++;
        writer->unsaid++;
    } else {
        size_t at = writer->came % sizeof(writer->ring), straight = HF_MIN(bytes, sizeof(writer->ring) - at);

        memcpy(writer->ring + at, line, straight);
        memcpy(writer->ring, line + straight, bytes - straight);
        writer->came += bytes;
        if (waiting(writer) == bytes)
            pthread_cond_signal(&writer->given);
    }
    pthread_mutex_unlock(&writer->mutex);
}

uint64_t hf_log_writer_dropped(struct hf_log_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    uint64_t dropped = writer->dropped_total;
    pthread_mutex_unlock(&writer->mutex);
    return dropped;
}

/* With the mutex. False: not in time. */
static bool wait_idle(struct hf_log_writer *writer)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += HF_LOG_WRITER_PATIENCE_MS / 1000;
    while (waiting(writer) > 0 || writer->busy)
        if (pthread_cond_timedwait(&writer->idled, &writer->mutex, &until) == ETIMEDOUT)
            return waiting(writer) == 0 && !writer->busy;
    return true;
}

void hf_log_writer_settle(struct hf_log_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    (void)wait_idle(writer);
    pthread_mutex_unlock(&writer->mutex);
}

/* False: the thread does not go on; it is the caller itself, or waits for a mutex that the caller has, or for a reader. */
static bool thread_goes_on(const struct hf_log_writer *writer, uint64_t until, uint64_t end_ms)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t now_ms = hf_clock_ms(), moved_ms = now_ms, went = writer->went;

    while (went < until && now_ms < HF_MIN(end_ms, moved_ms + HF_LOG_WRITER_STALL_MS)) {
        (void)nanosleep(&pause, NULL);
        now_ms = hf_clock_ms();
        if (writer->went != went)
            moved_ms = now_ms;
        went = writer->went;
    }
    return went >= until;
}

void hf_log_writer_last_words(struct hf_log_writer *writer)
{
    uint64_t end_ms = hf_clock_ms() + HF_LOG_WRITER_PATIENCE_MS, until = writer->came, now_ms;
    char chunk[PIPE_BUF];

    if (thread_goes_on(writer, until, end_ms))
        return;
    uint64_t went =
        writer->went; /* our own: should the thread wake up after all, lines come twice, and none is lost */
    while (went < until && (now_ms = hf_clock_ms()) < end_ms) {
        struct pollfd room = {.fd = writer->fd, .events = POLLOUT};
        size_t bytes = look(writer, went, chunk);

        if (bytes == 0)
            return;
        if (poll(&room, 1, (int)(end_ms - now_ms)) <= 0) /* a pipe that has room takes a chunk */
            continue;
        ssize_t written = write(writer->fd, chunk, bytes);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            return;
        went += written > 0 ? (uint64_t)written : 0;
    }
}

bool hf_log_writer_close(struct hf_log_writer *writer)
{
    if (writer == NULL)
        return true;
    pthread_mutex_lock(&writer->mutex);
    bool idle = !writer->thread.started || wait_idle(writer);
    writer->ending = true;
    writer->left = !idle;
    if (!idle)
        (void)pthread_detach(writer->thread.id);
    pthread_cond_signal(&writer->given);
    pthread_mutex_unlock(&writer->mutex);
    if (!idle)
        return false;
    hf_thread_join(&writer->thread);
    destroy(writer);
    return true;
}
