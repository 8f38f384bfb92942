/* app/log_sink.h - where log lines go: standard error, a file, or both. USR1 reopens the file, so that logrotate needs no copy. */
#ifndef HF_APP_LOG_SINK_H
#define HF_APP_LOG_SINK_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/logger.h"

struct hf_log_sink_file {
    pthread_mutex_t mutex;
    char path[1024 + 1]; /* "" = none */
    int fd;
    bool to_stderr;
};

/* HF_ERR_IO: the file cannot be opened, errno tells why. */
hf_err hf_log_sink_open(struct hf_log_sink_file *sink, const char *path, bool to_stderr);
hf_err hf_log_sink_reopen(
    struct hf_log_sink_file *sink); /* the old file stays when the new one cannot be opened */
void hf_log_sink_close(struct hf_log_sink_file *sink);
struct hf_log_sink hf_log_sink_of(struct hf_log_sink_file *sink); /* for hf_logger_init */

#endif
