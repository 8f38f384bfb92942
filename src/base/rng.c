#include "base/rng.h"

#include "base/assert.h"
#include "base/hash.h"

void hf_rng_seed(struct hf_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        rng->state[i] = hf_hash_mix(seed); /* a bijection of four different values: at most one is 0 */
    }
}

static uint64_t rotl(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t hf_rng_u64(struct hf_rng *rng)
{
    uint64_t *s = rng->state, result = rotl(s[1] * 5, 7) * 9, shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t hf_rng_below(struct hf_rng *rng, uint64_t n)
{
    uint64_t value, skip;

    HF_ASSERT(n > 0);
    skip = (0 - n) % n; /* 2^64 mod n: without these lowest values, what is left is a multiple of n */
    do
        value = hf_rng_u64(rng);
    while (value < skip);
    return value % n;
}
