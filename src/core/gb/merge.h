/* core/gb/merge.h - an answer that comes in several messages: the items put together, whatever their order, each once. What an item is, and which two are the same, the caller says
 * with a key. Complete is what the sender announced and no less: doubled parts do not stand in for lost ones, so that nothing is ever concluded
 * from what is missing in a partial answer (GB-9). Source: GB/T 28181-2022 9.3.2.2 (SumNum). */
#ifndef HF_CORE_GB_MERGE_H
#define HF_CORE_GB_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct hf_gb_budget { /* shared by all merges of a worker */
    uint64_t bytes, bytes_max;
};

struct hf_gb_merge;

/* NULL on no memory. text_bytes_max: of the items with ",\n" between them, which no JSON text that was written in one line has inside. */
struct hf_gb_merge *hf_gb_merge_new(struct hf_gb_budget *budget, uint64_t text_bytes_max, uint64_t items_max);
void hf_gb_merge_free(struct hf_gb_merge *merge); /* NULL is harmless */

/* HF_OK; HF_ERR_EXISTS: it was there; HF_ERR_LIMIT: text_bytes_max, items_max or the budget: it is left out and the merge is marked as cut; HF_ERR_NOMEM: the same. */
hf_err hf_gb_merge_add(struct hf_gb_merge *merge, uint64_t key, struct hf_slice item);
/* What the sender announces. The largest counts: some say it in the first part only, some change their mind. */
void hf_gb_merge_expect(struct hf_gb_merge *merge, uint64_t sum);

struct hf_gb_merged {
    struct hf_slice text; /* borrowed until the next call */
    uint64_t items, duplicates, expected;
    bool announced; /* somebody said a number */
    bool cut;
};
struct hf_gb_merged hf_gb_merged(const struct hf_gb_merge *merge);
bool hf_gb_merge_complete(const struct hf_gb_merge *merge); /* announced, all there and none left out */

#endif
