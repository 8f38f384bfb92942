#include "log/commit.h"

#include "base/assert.h"
#include "log/batch.h"

_Static_assert((int)HF_COMMIT_BATCHES_MAX == (int)HF_LOG_BATCHES_MAX, "a group is one append");

void hf_commit_init(struct hf_commit *commit, uint32_t wait_us)
{
    *commit = (struct hf_commit){.wait_us = HF_MIN(wait_us, HF_COMMIT_WAIT_US_MAX)};
}

bool hf_commit_fits(const struct hf_commit *commit, uint32_t records, uint64_t bytes)
{
    if (commit->batches == 0)
        return true; /* a batch is never split */
    return commit->batches < HF_COMMIT_BATCHES_MAX && commit->records + records <= HF_COMMIT_RECORDS_MAX &&
           commit->bytes + bytes <= HF_COMMIT_BYTES_MAX;
}

void hf_commit_add(struct hf_commit *commit, uint32_t records, uint64_t bytes, uint64_t now_us)
{
    HF_ASSERT(hf_commit_fits(commit, records, bytes));
    if (commit->batches == 0)
        commit->since_us = now_us;
    commit->batches++;
    commit->records += records;
    commit->bytes += bytes;
}

uint32_t hf_commit_wait_us(const struct hf_commit *commit, uint64_t now_us)
{
    HF_ASSERT(commit->batches > 0);
    uint64_t waited_us = now_us - commit->since_us;

    if (!hf_commit_fits(commit, 1, 1) || now_us < commit->since_us || waited_us >= commit->wait_us)
        return 0;
    return commit->wait_us - (uint32_t)waited_us;
}

void hf_commit_done(struct hf_commit *commit)
{
    hf_commit_init(commit, commit->wait_us);
}
