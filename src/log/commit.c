#include "log/commit.h"

#include "base/assert.h"
#include "log/batch.h"

_Static_assert((int)HF_COMMIT_BATCHES_MAX == (int)HF_LOG_BATCHES_MAX, "a group is one append");

void hf_commit_init(struct hf_commit *commit, uint32_t wait_us, uint32_t pace_us)
{
    *commit = (struct hf_commit){.wait_us = HF_MIN(wait_us, HF_COMMIT_WAIT_US_MAX),
                                 .pace_us = HF_MIN(pace_us, HF_COMMIT_WAIT_US_MAX)};
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

static uint32_t left_us(uint64_t since_us, uint32_t wait_us, uint64_t now_us)
{
    if (now_us < since_us || now_us - since_us >= wait_us)
        return 0;
    return wait_us - (uint32_t)(now_us - since_us);
}

uint32_t hf_commit_wait_us(const struct hf_commit *commit, uint64_t now_us)
{
    HF_ASSERT(commit->batches > 0);
    if (!hf_commit_fits(commit, 1, 1))
        return 0;
    uint32_t company_us = left_us(commit->since_us, commit->wait_us, now_us);
    uint32_t pace_us = left_us(commit->begun_us, commit->pace_us, now_us);

    /* What has come since the group before went is what came meanwhile: a rate. */
    if (pace_us > 0 &&
        commit->records * 1000ULL < (now_us - commit->begun_us) * HF_COMMIT_PACE_RECORDS_PER_MS)
        pace_us = 0;
    return HF_MAX(company_us, pace_us);
}

void hf_commit_begin(struct hf_commit *commit, uint64_t now_us)
{
    commit->begun_us = now_us;
}

void hf_commit_done(struct hf_commit *commit)
{
    uint64_t begun_us = commit->begun_us;

    hf_commit_init(commit, commit->wait_us, commit->pace_us);
    commit->begun_us = begun_us;
}
