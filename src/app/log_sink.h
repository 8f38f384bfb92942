/* app/log_sink.h - where log lines go: standard error, a file, or both, each with a writer of its own (app/log_writer.h), so that one that is stuck does not
 * hold up the other. USR1 reopens the file, so that logrotate needs no copy. */
#ifndef HF_APP_LOG_SINK_H
#define HF_APP_LOG_SINK_H

#include <stdbool.h>

#include "app/log_writer.h"

enum hf_log_to { HF_LOG_TO_STDERR, HF_LOG_TO_FILE, HF_LOG_TOS };

struct hf_log_sink_file {
    struct hf_log_writer *to[HF_LOG_TOS]; /* own; NULL = not there */
    char path[1024 + 1];                  /* "" = none */
    int fd;
};

/* HF_ERR_IO: the file cannot be opened, HF_ERR_NOMEM: there is no thread for it; errno tells why. */
hf_err hf_log_sink_open(struct hf_log_sink_file *sink, const char *path, bool to_stderr,
                        enum hf_log_format format);
/* The main thread. Lines from before go to the old file, which stays when the new one cannot be opened. */
hf_err hf_log_sink_reopen(struct hf_log_sink_file *sink);
/* The main thread, which may wait: what was logged is written, unless somebody is stuck. */
void hf_log_sink_settle(struct hf_log_sink_file *sink);
/* From now on, until it is closed, what was logged is written before the process ends by a signal of io/fatal.h: the last lines tell why. Once in a process, before threads. */
void hf_log_sink_has_last_words(struct hf_log_sink_file *sink);
void hf_log_sink_close(struct hf_log_sink_file *sink);
struct hf_log_sink hf_log_sink_of(struct hf_log_sink_file *sink); /* for hf_logger_init */
const char *hf_log_to_name(enum hf_log_to to);

#endif
