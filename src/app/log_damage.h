/* app/log_damage.h - a reader has met damage in the event log while the gateway runs: the operator is told the file, what it means and what to do. */
#ifndef HF_APP_LOG_DAMAGE_H
#define HF_APP_LOG_DAMAGE_H

#include "base/logger.h"
#include "log/reader.h"

enum { HF_LOG_DAMAGE_SAID_MAX = 16 };

struct hf_log_damage { /* a thread's own; all zero: nothing was said yet */
    /* The first records of what was said last: readers that come one after the other meet the same. */
    uint64_t from[HF_LOG_DAMAGE_SAID_MAX];
    unsigned said;
};

/* After the reader's HF_ERR_CORRUPT; a gap of retention, or one that a repair left, is none. by: whose reader it is, a word. NULL logger: harmless. */
void hf_log_damage_say(struct hf_log_damage *said, struct hf_logger *logger, const char *by,
                       const struct hf_log_reader *reader);

#endif
