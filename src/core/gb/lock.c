#include "core/gb/lock.h"

struct pair {
    struct hf_map_node node;
    struct hf_list_node used;
    uint64_t since_ms; /* of the first failure that counts */
    uint64_t until_ms; /* locked; 0 = not */
    uint64_t request;  /* of the last failure */
    uint32_t failures;
};

static bool same(const struct hf_map_node *node, const void *key)
{
    return node->hash == *(const uint64_t *)key;
}

static struct pair *find(const struct hf_gb_locks *locks, uint64_t hash)
{
    struct hf_map_node *node = hf_map_find(&locks->map, hash, &hash);

    return node ? HF_CONTAINER_OF(node, struct pair, node) : NULL;
}

static void forget(struct hf_gb_locks *locks, struct pair *pair)
{
    hf_map_remove(&locks->map, &pair->node);
    hf_list_remove(&pair->used);
    hf_slab_give(locks->slab, pair);
}

hf_err hf_gb_locks_init(struct hf_gb_locks *locks, uint32_t pairs_max)
{
    *locks = (struct hf_gb_locks){
        .failures = HF_GB_LOCK_FAILURES, .window_ms = HF_GB_LOCK_WINDOW_MS, .lock_ms = HF_GB_LOCK_MS};
    hf_map_init(&locks->map, same);
    hf_list_init(&locks->used);
    locks->slab = hf_slab_new("gb_locks", sizeof(struct pair), pairs_max);
    return locks->slab ? HF_OK : HF_ERR_NOMEM;
}

void hf_gb_locks_deinit(struct hf_gb_locks *locks)
{
    while (!hf_list_empty(&locks->used))
        forget(locks, HF_CONTAINER_OF(locks->used.next, struct pair, used));
    hf_map_deinit(&locks->map);
    hf_slab_free(locks->slab);
}

bool hf_gb_locked(struct hf_gb_locks *locks, uint64_t hash, uint64_t now_ms)
{
    struct pair *pair = find(locks, hash);

    if (pair == NULL || pair->until_ms == 0)
        return false;
    if (now_ms < pair->until_ms)
        return true;
    forget(locks, pair);
    return false;
}

static struct pair *pair_new(struct hf_gb_locks *locks, uint64_t hash, uint64_t now_ms)
{
    struct pair *pair = hf_slab_take(locks->slab);

    if (pair == NULL && !hf_list_empty(&locks->used)) {
        forget(locks, HF_CONTAINER_OF(locks->used.next, struct pair, used));
        locks->forgotten++;
        pair = hf_slab_take(locks->slab);
    }
    if (pair == NULL)
        return NULL;
    hf_list_init(&pair->used);
    pair->since_ms = now_ms;
    if (hf_map_insert(&locks->map, &pair->node, hash) == HF_OK)
        return pair;
    hf_slab_give(locks->slab, pair);
    return NULL;
}

bool hf_gb_lock_fail(struct hf_gb_locks *locks, uint64_t hash, uint64_t request, uint64_t now_ms)
{
    struct pair *pair = find(locks, hash);

    if (pair == NULL)
        pair = pair_new(locks, hash, now_ms);
    if (pair == NULL)
        return false;
    hf_list_remove(&pair->used);
    hf_list_push_back(&locks->used, &pair->used);
    pair->request = request;
    if (now_ms - pair->since_ms >= locks->window_ms) {
        pair->since_ms = now_ms;
        pair->failures = 0;
    }
    if (++pair->failures < locks->failures || pair->until_ms != 0)
        return false;
    pair->until_ms = now_ms + locks->lock_ms;
    locks->locked++;
    return true;
}

bool hf_gb_lock_repeated(const struct hf_gb_locks *locks, uint64_t hash, uint64_t request)
{
    const struct pair *pair = find(locks, hash);

    return pair != NULL && pair->request == request;
}

void hf_gb_lock_clear(struct hf_gb_locks *locks, uint64_t hash)
{
    struct pair *pair = find(locks, hash);

    if (pair != NULL)
        forget(locks, pair);
}
