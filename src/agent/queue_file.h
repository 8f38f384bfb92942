/* agent/queue_file.h - a queue file that cannot be read any more, after a memory card lost pages perhaps. */
#ifndef HF_AGENT_QUEUE_FILE_H
#define HF_AGENT_QUEUE_FILE_H

#include "base/err.h"

/* FILE and FILE-wal become FILE.damaged and FILE.damaged-wal, so that a new queue can begin and a person can look at the old one; those of an earlier time are replaced: one is kept.
 * Nobody may have the queue open. HF_ERR_IO: errno says why, FILE is where it was; HF_ERR_INVALID: the path is too long. */
hf_err hf_agent_queue_aside(const char *path);

#endif
