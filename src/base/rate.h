/* base/rate.h - a token bucket (OL-2). Tokens are used up and come back with time; a semaphore, whose permits
 * are returned, is another thing. Rate and capacity are two parameters and live in a shared struct hf_rate_limit;
 * an object pays 16 bytes. Integer arithmetic, so nothing drifts; no idle time is too long. Time is handed in,
 * monotonic; one that runs backwards counts as standing still. One owner, one thread. */
#ifndef HF_BASE_RATE_H
#define HF_BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct hf_rate_limit {
    uint32_t per_second; /* tokens that come back; 0 = none ever do */
    uint32_t capacity;   /* tokens at most, hence the largest burst; 0 = nothing passes */
};

/* All zero bytes are a full bucket, so a zeroed object needs no init. */
struct hf_rate {
    uint64_t missing_milli; /* thousandths of tokens missing to full: per_second of them return every ms */
    uint64_t at_ms;         /* when that was so */
};

#define HF_RATE_NEVER UINT64_MAX

void hf_rate_init(struct hf_rate *rate); /* full */

/* Takes `tokens` and returns true, or takes none and returns false. The limit may change between calls; a
 * smaller capacity takes effect at once. */
bool hf_rate_take(struct hf_rate *rate, const struct hf_rate_limit *limit, uint32_t tokens, uint64_t now_ms);

/* In how many ms hf_rate_take() would pass if nobody else took: 0 = now, HF_RATE_NEVER for more tokens than the
 * capacity or for a rate of 0. */
uint64_t hf_rate_wait_ms(const struct hf_rate *rate, const struct hf_rate_limit *limit, uint32_t tokens,
                         uint64_t now_ms);

uint32_t hf_rate_available(const struct hf_rate *rate, const struct hf_rate_limit *limit, uint64_t now_ms);

#endif
