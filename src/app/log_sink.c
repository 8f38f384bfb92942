#include "app/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "io/clock.h"

static void write_all(int fd, const char *line, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, line, bytes);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* a log that cannot be written must not stop the gateway */
        line += written;
        bytes -= (size_t)written;
    }
}

static void sink_write(void *context, const char *line, size_t bytes)
{
    struct hf_log_sink_file *sink = context;

    pthread_mutex_lock(&sink->mutex);
    if (sink->fd >= 0)
        write_all(sink->fd, line, bytes);
    if (sink->to_stderr)
        write_all(STDERR_FILENO, line, bytes);
    pthread_mutex_unlock(&sink->mutex);
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

hf_err hf_log_sink_open(struct hf_log_sink_file *sink, const char *path, bool to_stderr)
{
    pthread_mutex_init(&sink->mutex, NULL);
    sink->fd = -1;
    sink->to_stderr = to_stderr;
    sink->path[0] = '\0';
    if (path == NULL || *path == '\0') {
        sink->to_stderr = true; /* somewhere they must go */
        return HF_OK;
    }
    snprintf(sink->path, sizeof(sink->path), "%s", path);
    sink->fd = open_file(sink->path);
    return sink->fd >= 0 ? HF_OK : HF_ERR_IO;
}

hf_err hf_log_sink_reopen(struct hf_log_sink_file *sink)
{
    if (sink->path[0] == '\0')
        return HF_OK;
    int fd = open_file(sink->path);
    if (fd < 0)
        return HF_ERR_IO;
    pthread_mutex_lock(&sink->mutex);
    int old = sink->fd;
    sink->fd = fd;
    pthread_mutex_unlock(&sink->mutex);
    if (old >= 0)
        close(old);
    return HF_OK;
}

void hf_log_sink_close(struct hf_log_sink_file *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
    pthread_mutex_destroy(&sink->mutex);
}

struct hf_log_sink hf_log_sink_of(struct hf_log_sink_file *sink)
{
    return (struct hf_log_sink){.write = sink_write, .utc_ms = sink_time, .context = sink};
}
