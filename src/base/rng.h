/* base/rng.h - reproducible random numbers for jitter, sampling and simulation; never for secrets. Entropy is
 * handed in as the seed: equal seeds give equal numbers on every machine. Source: Blackman and Vigna,
 * xoshiro256**, seeded through splitmix64 as they advise. One owner, one thread. */
#ifndef HF_BASE_RNG_H
#define HF_BASE_RNG_H

#include <stdint.h>

struct hf_rng {
    uint64_t state[4]; /* never all zero */
};

void hf_rng_seed(struct hf_rng *rng, uint64_t seed); /* every seed is good, 0 as well */
uint64_t hf_rng_u64(struct hf_rng *rng);
uint64_t hf_rng_below(struct hf_rng *rng, uint64_t n); /* 0..n-1, each equally likely; n >= 1 */

#endif
