/* codec/jwt/token_cache.h - tokens that were verified a moment ago, so that a fleet that reconnects, or a client that
 * sends its token with every request, does not pay a signature each time (SEC-2: below 5 % CPU). Bounded, for one
 * thread, keyed by the token's SHA-256 (the token itself is not kept). Entries die with their token's `exp`, and all of
 * them when the key set changes. When full, the least recently used goes. */
#ifndef HF_CODEC_JWT_TOKEN_CACHE_H
#define HF_CODEC_JWT_TOKEN_CACHE_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/jwt/jwt.h"

enum { HF_TOKEN_CACHE_ENTRIES_DEFAULT = 4096, HF_TOKEN_CACHE_ENTRIES_MAX = 1 << 20 };

struct hf_token_cache; /* opaque */

struct hf_token_cache_stats {
    uint64_t hits_total, misses_total, evicted_total, dropped_total; /* dropped: by a key-set change */
    uint32_t entries, entries_max;
};

/* entries_max 0 = default. NULL = no memory. */
struct hf_token_cache *hf_token_cache_new(uint32_t entries_max);
void hf_token_cache_free(struct hf_token_cache *cache); /* NULL is harmless */

/* As hf_jwt_verify(), but answers from the cache where it can. Refusals are never cached. `generation` names the key
 * set and the policy: another one than last time empties the cache first. Slices of *ret_claims point into scratch. */
enum hf_jwt_error hf_token_cache_verify(struct hf_token_cache *cache, uint64_t generation,
                                        const struct hf_jwt_keys *keys, const struct hf_jwt_policy *policy,
                                        struct hf_slice token, uint64_t now_utc_s, char *scratch,
                                        size_t scratch_bytes, struct hf_jwt_claims *ret_claims);
void hf_token_cache_clear(struct hf_token_cache *cache); /* a revocation, for example */
void hf_token_cache_stats(const struct hf_token_cache *cache, struct hf_token_cache_stats *ret_stats);

#endif
