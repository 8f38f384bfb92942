/* codec/jwt/token_cache.c - an entry holds the claims and one block with all their texts. */
#include "codec/jwt/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"

enum { HASH_BYTES = 32, TEXTS = 6 + HF_JWT_SCOPES_MAX };

struct entry {
    struct hf_map_node node;
    struct hf_list_node used; /* on cache->by_use, the least recent in front; or on cache->free */
    uint8_t hash[HASH_BYTES];
    struct hf_jwt_claims claims; /* its slices point into text */
    char *text;
    size_t text_bytes;
};

struct hf_token_cache {
    struct hf_map map;
    struct hf_list_node by_use, free;
    uint64_t generation;
    EVP_MD *sha256;
    struct hf_token_cache_stats stats;
    struct entry entries[];
};

static bool entry_is(const struct hf_map_node *node, const void *key)
{
    return memcmp(HF_CONTAINER_OF(node, const struct entry, node)->hash, key, HASH_BYTES) == 0;
}

struct hf_token_cache *hf_token_cache_new(uint32_t entries_max)
{
    struct hf_token_cache *cache = NULL;

    if (entries_max == 0)
        entries_max = HF_TOKEN_CACHE_ENTRIES_DEFAULT;
    if (entries_max > HF_TOKEN_CACHE_ENTRIES_MAX)
        return NULL;
    cache = calloc(1, sizeof(*cache) + entries_max * sizeof(struct entry));
    if (cache == NULL)
        return NULL;
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (cache->sha256 == NULL) {
        free(cache);
        return NULL;
    }
    hf_map_init(&cache->map, entry_is);
    hf_list_init(&cache->by_use);
    hf_list_init(&cache->free);
    for (uint32_t i = 0; i < entries_max; i++) {
        hf_list_init(&cache->entries[i].used);
        hf_list_push_back(&cache->free, &cache->entries[i].used);
    }
    cache->stats.entries_max = entries_max;
    return cache;
}

static void forget(struct hf_token_cache *cache, struct entry *entry)
{
    hf_map_remove(&cache->map, &entry->node);
    hf_list_remove(&entry->used);
    free(entry->text);
    entry->text = NULL;
    hf_list_push_front(&cache->free, &entry->used);
    cache->stats.entries--;
}

void hf_token_cache_clear(struct hf_token_cache *cache)
{
    cache->stats.dropped_total += cache->stats.entries;
    while (!hf_list_empty(&cache->by_use))
        forget(cache, HF_CONTAINER_OF(cache->by_use.next, struct entry, used));
}

void hf_token_cache_free(struct hf_token_cache *cache)
{
    if (cache == NULL)
        return;
    hf_token_cache_clear(cache);
    hf_map_deinit(&cache->map);
    EVP_MD_free(cache->sha256);
    free(cache);
}

void hf_token_cache_stats(const struct hf_token_cache *cache, struct hf_token_cache_stats *ret_stats)
{
    *ret_stats = cache->stats;
}

static void texts_of(struct hf_jwt_claims *claims, struct hf_slice *ret_texts[TEXTS])
{
    struct hf_slice *fixed[] = {&claims->tenant, &claims->device, &claims->subject,
                                &claims->issuer, &claims->id,     &claims->key_id};

    _Static_assert(sizeof(fixed) / sizeof(fixed[0]) == TEXTS - HF_JWT_SCOPES_MAX,
                   "every slice of the claims");
    memcpy(ret_texts, fixed, sizeof(fixed));
    for (size_t i = 0; i < HF_JWT_SCOPES_MAX; i++)
        ret_texts[HF_COUNT_OF(fixed) + i] = &claims->scopes[i];
}

/* Copies all texts of *claims to `to` and points its slices there. Returns their size. */
static size_t move_texts(struct hf_jwt_claims *claims, char *to)
{
    struct hf_slice *texts[TEXTS];
    size_t bytes = 0;

    texts_of(claims, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i]->at == NULL)
            continue;
        if (to != NULL) {
            memcpy(to + bytes, texts[i]->at, texts[i]->bytes);
            texts[i]->at = to + bytes;
        }
        bytes += texts[i]->bytes;
    }
    return bytes;
}

/* Without memory, or with texts that would not fit a caller's scratch again, the token is just not remembered. */
static void remember(struct hf_token_cache *cache, const uint8_t *hash, const struct hf_jwt_claims *claims)
{
    struct hf_jwt_claims copy = *claims;
    size_t bytes = move_texts(&copy, NULL);
    char *text = bytes > HF_JWT_SCRATCH_BYTES ? NULL : malloc(bytes + 1);
    struct entry *entry = NULL;

    if (text == NULL)
        return;
    if (hf_list_empty(&cache->free)) {
        forget(cache, HF_CONTAINER_OF(cache->by_use.next, struct entry, used));
        cache->stats.evicted_total++;
    }
    entry = HF_CONTAINER_OF(cache->free.next, struct entry, used);
    memcpy(entry->hash, hash, HASH_BYTES);
    if (hf_map_insert(&cache->map, &entry->node, hf_get_u64(hash)) != HF_OK) {
        free(text);
        return;
    }
    hf_list_remove(&entry->used);
    hf_list_push_back(&cache->by_use, &entry->used);
    move_texts(&copy, text);
    entry->claims = copy;
    entry->text = text;
    entry->text_bytes = bytes;
    cache->stats.entries++;
}

enum hf_jwt_error hf_token_cache_verify(struct hf_token_cache *cache, uint64_t generation,
                                        const struct hf_jwt_keys *keys, const struct hf_jwt_policy *policy,
                                        struct hf_slice token, uint64_t now_utc_s, char *scratch,
                                        size_t scratch_bytes, struct hf_jwt_claims *ret_claims)
{
    uint64_t leeway_s = HF_MIN(policy->leeway_s, (uint32_t)HF_JWT_LEEWAY_S_MAX);
    uint8_t hash[HASH_BYTES];
    struct hf_map_node *node = NULL;
    enum hf_jwt_error error = HF_JWT_OK;

    HF_ASSERT(scratch_bytes >= HF_JWT_SCRATCH_BYTES);
    if (generation != cache->generation) {
        hf_token_cache_clear(cache);
        cache->generation = generation;
    }
    if (token.bytes == 0 || token.bytes > HF_JWT_TOKEN_BYTES_MAX) /* before hashing what may be endless */
        return token.bytes == 0 ? HF_JWT_MALFORMED : HF_JWT_TOO_LARGE;
    if (EVP_Digest(token.at, token.bytes, hash, NULL, cache->sha256, NULL) != 1)
        return hf_jwt_verify(keys, policy, token, now_utc_s, scratch, scratch_bytes, ret_claims);
    node = hf_map_find(&cache->map, hf_get_u64(hash), hash);
    if (node != NULL) {
        struct entry *entry = HF_CONTAINER_OF(node, struct entry, node);

        if (now_utc_s < entry->claims.expires_s + leeway_s &&
            entry->claims.not_before_s <= now_utc_s + leeway_s) {
            hf_list_remove(&entry->used);
            hf_list_push_back(&cache->by_use, &entry->used);
            cache->stats.hits_total++;
            *ret_claims = entry->claims;
            move_texts(ret_claims, scratch);
            return HF_JWT_OK;
        }
        forget(cache, entry); /* the full check below says what is wrong */
    }
    cache->stats.misses_total++;
    error = hf_jwt_verify(keys, policy, token, now_utc_s, scratch, scratch_bytes, ret_claims);
    if (error == HF_JWT_OK)
        remember(cache, hash, ret_claims);
    return error;
}
