/* base/rate.c - keeps what is missing instead of what is there: full is then 0 under every limit, and r tokens a
 * second are exactly r thousandths a millisecond. */
#include "base/rate.h"

#include "base/assert.h"

enum { MILLI = 1000 };

static uint64_t missing_at(const struct hf_rate *rate, const struct hf_rate_limit *limit, uint64_t now_ms)
{
    uint64_t elapsed_ms = now_ms > rate->at_ms ? now_ms - rate->at_ms : 0;
    uint64_t missing = HF_MIN(rate->missing_milli, (uint64_t)limit->capacity * MILLI);

    if (limit->per_second == 0)
        return missing;
    if (elapsed_ms > missing / limit->per_second) /* full again; also keeps the product below small */
        return 0;
    return missing - elapsed_ms * limit->per_second;
}

void hf_rate_init(struct hf_rate *rate)
{
    *rate = (struct hf_rate){0};
}

bool hf_rate_take(struct hf_rate *rate, const struct hf_rate_limit *limit, uint32_t tokens, uint64_t now_ms)
{
    uint64_t missing = missing_at(rate, limit, now_ms);

    rate->missing_milli = missing;
    rate->at_ms = HF_MAX(rate->at_ms, now_ms);
    if (missing + (uint64_t)tokens * MILLI > (uint64_t)limit->capacity * MILLI)
        return false;
    rate->missing_milli = missing + (uint64_t)tokens * MILLI;
    return true;
}

uint64_t hf_rate_wait_ms(const struct hf_rate *rate, const struct hf_rate_limit *limit, uint32_t tokens,
                         uint64_t now_ms)
{
    uint64_t missing = missing_at(rate, limit, now_ms);
    uint64_t wanted = missing + (uint64_t)tokens * MILLI, capacity = (uint64_t)limit->capacity * MILLI;

    if (wanted <= capacity)
        return 0;
    if (tokens > limit->capacity || limit->per_second == 0)
        return HF_RATE_NEVER;
    /* A clock that runs backwards has to come back to at_ms first. */
    return (wanted - capacity + limit->per_second - 1) / limit->per_second +
           (rate->at_ms > now_ms ? rate->at_ms - now_ms : 0);
}

uint32_t hf_rate_available(const struct hf_rate *rate, const struct hf_rate_limit *limit, uint64_t now_ms)
{
    return (uint32_t)(limit->capacity - (missing_at(rate, limit, now_ms) + MILLI - 1) / MILLI);
}
