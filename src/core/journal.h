/* core/journal.h - where core writes what must be durable. Log first: nothing is acknowledged, shown or delivered before its
 * waiter was told. Implemented by app/ on top of src/log and by the simulator. One journal per worker, one thread. */
#ifndef HF_CORE_JOURNAL_H
#define HF_CORE_JOURNAL_H

#include <stdint.h>

#include "base/err.h"
#include "core/event.h"

/* Told once when the record is durable (offset and the log's time), in the order of append. Embedded in its owner, which must
 * live until then. */
struct hf_waiter {
    struct hf_waiter *next;
    uint32_t index; /* the journal's: which record of its batch */
    void (*on_durable)(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms);
};

struct hf_journal {
    /* Copies the event. waiter may be NULL. HF_ERR_LIMIT: the journal is at its hard bound (the log has not taken anything for
     * a while); HF_ERR_NOMEM. On error nothing was appended and the waiter is not kept. */
    hf_err (*append)(struct hf_journal *journal, const struct hf_event *event, struct hf_waiter *waiter);
};

static inline hf_err hf_journal_append(struct hf_journal *journal, const struct hf_event *event,
                                       struct hf_waiter *waiter)
{
    return journal->append(journal, event, waiter);
}

#endif
