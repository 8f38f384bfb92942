#include "app/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/fatal.h"

static const struct {
    const char *name, *thread;
} targets[HF_LOG_TOS] = {
    [HF_LOG_TO_STDERR] = {"stderr", "hf-lines-stderr"},
    [HF_LOG_TO_FILE] = {"file", "hf-lines-file"},
};

static struct hf_log_sink_file *_Atomic last; /* a signal handler gets no context */

static void say_last_words(void)
{
    const struct hf_log_sink_file *sink = atomic_load(&last);

    for (unsigned i = 0; sink != NULL && i < HF_LOG_TOS; i++)
        if (sink->to[i] != NULL)
            hf_log_writer_last_words(sink->to[i]);
}

static void sink_write(void *context, const char *line, size_t bytes)
{
    struct hf_log_sink_file *sink = context;

    for (unsigned i = 0; i < HF_LOG_TOS; i++)
        if (sink->to[i] != NULL)
            hf_log_writer_line(sink->to[i], line, bytes);
}

static uint64_t sink_time(void *context)
{
    (void)context;
    return hf_clock_utc_ms();
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static hf_err open_writer(struct hf_log_sink_file *sink, enum hf_log_to to, int fd, enum hf_log_format format)
{
    return hf_log_writer_open(fd, targets[to].thread, targets[to].name, format, &sink->to[to]);
}

hf_err hf_log_sink_open(struct hf_log_sink_file *sink, const char *path, bool to_stderr,
                        enum hf_log_format format)
{
    bool to_file = path != NULL && *path != '\0';
    hf_err err = HF_OK;

    *sink = (struct hf_log_sink_file){.fd = -1};
    if (to_file) {
        snprintf(sink->path, sizeof(sink->path), "%s", path);
        sink->fd = open_file(sink->path);
        if (sink->fd < 0)
            return HF_ERR_IO;
        err = open_writer(sink, HF_LOG_TO_FILE, sink->fd, format);
    }
    if (err == HF_OK && (to_stderr || !to_file)) /* somewhere they must go */
        err = open_writer(sink, HF_LOG_TO_STDERR, STDERR_FILENO, format);
    return err;
}

void hf_log_sink_settle(struct hf_log_sink_file *sink)
{
    for (unsigned i = 0; i < HF_LOG_TOS; i++)
        if (sink->to[i] != NULL)
            hf_log_writer_settle(sink->to[i]);
}

hf_err hf_log_sink_reopen(struct hf_log_sink_file *sink)
{
    if (sink->to[HF_LOG_TO_FILE] == NULL)
        return HF_OK;
    int fd = open_file(sink->path);
    if (fd < 0)
        return HF_ERR_IO;
    hf_log_writer_settle(sink->to[HF_LOG_TO_FILE]);
    /* The number stays: its thread may be in write() with it. */
    int taken = dup3(fd, sink->fd, O_CLOEXEC);
    close(fd);
    return taken >= 0 ? HF_OK : HF_ERR_IO;
}

void hf_log_sink_has_last_words(struct hf_log_sink_file *sink)
{
    atomic_store(&last, sink);
    hf_fatal_last_words(say_last_words);
}

void hf_log_sink_close(struct hf_log_sink_file *sink)
{
    if (atomic_load(&last) == sink)
        atomic_store(&last, NULL);
    (void)hf_log_writer_close(sink->to[HF_LOG_TO_STDERR]);
    if (hf_log_writer_close(sink->to[HF_LOG_TO_FILE]) && sink->fd >= 0)
        close(sink->fd);
    *sink = (struct hf_log_sink_file){.fd = -1};
}

struct hf_log_sink hf_log_sink_of(struct hf_log_sink_file *sink)
{
    return (struct hf_log_sink){.write = sink_write, .utc_ms = sink_time, .context = sink};
}

const char *hf_log_to_name(enum hf_log_to to)
{
    return targets[to].name;
}
