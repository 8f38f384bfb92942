/* app/log_writer.h - log lines on their way to one descriptor. Whoever logs only puts its line into a buffer; a thread of its own writes, so that a reader that
 * does not read, a stopped terminal or a slow disk holds up nobody else. A buffer that is full takes nothing until it is empty again, and then a line says how
 * many were dropped: a gap is one gap, in its place. Lines are written whole, several at a time, never more than a pipe takes in one piece (PIPE_BUF). */
#ifndef HF_APP_LOG_WRITER_H
#define HF_APP_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/logger.h"

enum {
    HF_LOG_WRITER_BYTES_MAX = 256 * 1024, /* lines that wait */
    HF_LOG_WRITER_PATIENCE_MS = 1000,     /* hf_log_writer_settle(), and the end */
    HF_LOG_WRITER_STALL_MS = 100, /* hf_log_writer_last_words(): the thread has not gone on for so long */
};

struct hf_log_writer; /* opaque */

/* name: of the thread, borrowed. to: what the line about dropped lines calls it, a literal. fd stays the caller's. HF_ERR_NOMEM: memory or a thread. */
hf_err hf_log_writer_open(int fd, const char *name, const char *to, enum hf_log_format format,
                          struct hf_log_writer **ret_writer);
/* Any thread; never waits for the descriptor. One line with its newline. */
void hf_log_writer_line(struct hf_log_writer *writer, const char *line, size_t bytes);
/* Any thread: lines so far that did not fit, or that the descriptor refused. */
uint64_t hf_log_writer_dropped(struct hf_log_writer *writer);
/* Waits until everything is written that was handed over, but no longer than HF_LOG_WRITER_PATIENCE_MS. */
void hf_log_writer_settle(struct hf_log_writer *writer);
/* The process is over, and whoever calls may be in a signal handler, with any lock, or the writer's own thread: what was handed over before is written, by the thread while it
 * goes on, else from here, and then what it had in its hands may come twice. No lock, no memory; at most HF_LOG_WRITER_PATIENCE_MS, unless a disk takes longer for a write. */
void hf_log_writer_last_words(struct hf_log_writer *writer);
/* As settle. False: a thread that is stuck in write() is left behind with its lines, its memory and fd, which must stay open; the process is about to end.
 * NULL is harmless. */
bool hf_log_writer_close(struct hf_log_writer *writer);

#endif
