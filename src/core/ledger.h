/* core/ledger.h - the books: accepted = delivered + pending + dropped by reason, to the message, at any moment. One per worker,
 * one writer; sums over workers are taken by asking each one. */
#ifndef HF_CORE_LEDGER_H
#define HF_CORE_LEDGER_H

#include "core/call.h"

struct hf_ledger {
    struct hf_ledger_snapshot counts;
};

static inline void hf_ledger_accept(struct hf_ledger_counts *counts, uint64_t messages)
{
    counts->accepted += messages;
    counts->pending += messages;
}

static inline void hf_ledger_restore(struct hf_ledger_counts *counts) /* pending since before this start */
{
    counts->restored++;
    hf_ledger_accept(counts, 1);
}

void hf_ledger_deliver(struct hf_ledger_counts *counts, uint64_t messages);
void hf_ledger_drop(struct hf_ledger_counts *counts, unsigned reason, uint64_t messages);
void hf_ledger_add(struct hf_ledger_snapshot *sum, const struct hf_ledger_snapshot *part);
/* accepted - delivered - pending - dropped; anything but 0 is a defect. */
int64_t hf_ledger_difference(const struct hf_ledger_counts *counts);
uint64_t hf_ledger_dropped(const struct hf_ledger_counts *counts);

#endif
