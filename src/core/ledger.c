#include "core/ledger.h"

#include "base/assert.h"

void hf_ledger_deliver(struct hf_ledger_counts *counts, uint64_t messages)
{
    HF_ASSERT(counts->pending >= messages);
    counts->pending -= messages;
    counts->delivered += messages;
}

void hf_ledger_drop(struct hf_ledger_counts *counts, unsigned reason, uint64_t messages)
{
    HF_ASSERT(counts->pending >= messages);
    HF_ASSERT(reason > HF_REASON_NONE && reason < HF_REASONS_MAX);
    counts->pending -= messages;
    counts->dropped[reason] += messages;
}

static void add(struct hf_ledger_counts *sum, const struct hf_ledger_counts *part)
{
    sum->accepted += part->accepted;
    sum->restored += part->restored;
    sum->delivered += part->delivered;
    sum->pending += part->pending;
    for (unsigned i = 0; i < HF_REASONS_MAX; i++)
        sum->dropped[i] += part->dropped[i];
}

void hf_ledger_add(struct hf_ledger_snapshot *sum, const struct hf_ledger_snapshot *part)
{
    add(&sum->uplink, &part->uplink);
    add(&sum->downlink, &part->downlink);
    add(&sum->broadcast, &part->broadcast);
}

uint64_t hf_ledger_dropped(const struct hf_ledger_counts *counts)
{
    uint64_t dropped = 0;

    for (unsigned i = 0; i < HF_REASONS_MAX; i++)
        dropped += counts->dropped[i];
    return dropped;
}

int64_t hf_ledger_difference(const struct hf_ledger_counts *counts)
{
    return (int64_t)(counts->accepted - counts->delivered - counts->pending - hf_ledger_dropped(counts));
}
