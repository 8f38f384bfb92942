/* base/map.c - chained buckets. While a resize is under way the nodes of old bucket i are still there for
 * i >= old_next and in the new array otherwise; each insert and remove moves MOVE_STEP old buckets. */
#include "base/map.h"

#include <stdlib.h>

#include "base/assert.h"

enum {
    BUCKETS_MIN = 16,
    LOAD_MAX = 2,       /* grows above two nodes per bucket: 4 to 8 bytes of bucket per node */
    SHRINK_DIVISOR = 4, /* shrinks below a quarter of a node per bucket */
    MOVE_STEP = 8,      /* old buckets moved per operation; done well before the next resize is due */
};

static size_t bucket_of(uint64_t hash, size_t bucket_count) /* a power of two, at least 2 */
{
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - __builtin_ctzll(bucket_count)));
}

void hf_map_init(struct hf_map *map, hf_map_eq_fn *eq)
{
    *map = (struct hf_map){.eq = eq};
}

void hf_map_deinit(struct hf_map *map)
{
    free(map->buckets);
    free(map->old_buckets);
    hf_map_init(map, map->eq);
}

static void push(struct hf_map_node **bucket, struct hf_map_node *node)
{
    node->next = *bucket;
    *bucket = node;
}

static void move_some(struct hf_map *map, size_t step)
{
    if (map->old_buckets == NULL || map->visiting > 0)
        return;
    HF_ASSERT(map->buckets != NULL);
    for (; step > 0 && map->old_next < map->old_bucket_count; step--, map->old_next++) {
        struct hf_map_node *node = map->old_buckets[map->old_next];

        while (node != NULL) {
            struct hf_map_node *next = node->next;

            push(&map->buckets[bucket_of(node->hash, map->bucket_count)], node);
            node = next;
        }
    }
    if (map->old_next < map->old_bucket_count)
        return;
    free(map->old_buckets);
    map->old_buckets = NULL;
    map->old_bucket_count = map->old_next = 0;
}

static void resize(struct hf_map *map, size_t bucket_count)
{
    struct hf_map_node **buckets = calloc(bucket_count, sizeof(struct hf_map_node *));

    if (buckets == NULL)
        return; /* longer chains, or a larger array than needed, until the next try */
    map->old_buckets = map->buckets;
    map->old_bucket_count = map->bucket_count;
    map->old_next = 0;
    map->buckets = buckets;
    map->bucket_count = bucket_count;
}

static void resize_if_due(struct hf_map *map)
{
    if (map->old_buckets != NULL || map->visiting > 0)
        return;
    if (map->count / LOAD_MAX > map->bucket_count)
        resize(map, map->bucket_count * 2);
    else if (map->bucket_count > BUCKETS_MIN && map->count < map->bucket_count / SHRINK_DIVISOR)
        resize(map, map->bucket_count / 2);
}

static struct hf_map_node *find_in(const struct hf_map *map, struct hf_map_node *node, uint64_t hash,
                                   const void *key)
{
    for (; node != NULL; node = node->next)
        if (node->hash == hash && map->eq(node, key))
            return node;
    return NULL;
}

struct hf_map_node *hf_map_find(const struct hf_map *map, uint64_t hash, const void *key)
{
    struct hf_map_node *node;

    if (map->count == 0)
        return NULL;
    node = find_in(map, map->buckets[bucket_of(hash, map->bucket_count)], hash, key);
    if (node == NULL && map->old_buckets != NULL) {
        size_t old = bucket_of(hash, map->old_bucket_count);

        if (old >= map->old_next)
            node = find_in(map, map->old_buckets[old], hash, key);
    }
    return node;
}

hf_err hf_map_insert(struct hf_map *map, struct hf_map_node *node, uint64_t hash)
{
    if (map->buckets == NULL) {
        resize(map, BUCKETS_MIN);
        if (map->buckets == NULL)
            return HF_ERR_NOMEM;
    }
    node->hash = hash;
    push(&map->buckets[bucket_of(hash, map->bucket_count)], node);
    map->count++;
    move_some(map, MOVE_STEP);
    resize_if_due(map);
    return HF_OK;
}

static bool unlink_from(struct hf_map_node **at, struct hf_map_node *node)
{
    for (; *at != NULL; at = &(*at)->next) {
        if (*at != node)
            continue;
        *at = node->next;
        node->next = NULL;
        return true;
    }
    return false;
}

void hf_map_remove(struct hf_map *map, struct hf_map_node *node)
{
    bool found = false;

    if (map->buckets != NULL)
        found = unlink_from(&map->buckets[bucket_of(node->hash, map->bucket_count)], node);
    if (!found && map->old_buckets != NULL) {
        size_t old = bucket_of(node->hash, map->old_bucket_count);

        found = old >= map->old_next && unlink_from(&map->old_buckets[old], node);
    }
    HF_ASSERT(found);
    map->count--;
    move_some(map, MOVE_STEP);
    resize_if_due(map);
}

static bool visit_buckets(struct hf_map_node **buckets, size_t from, size_t count, hf_map_visit_fn *visit,
                          void *context)
{
    for (size_t i = from; i < count; i++) {
        struct hf_map_node *next;

        for (struct hf_map_node *node = buckets[i]; node != NULL; node = next) {
            next = node->next; /* first: the callback may remove or free the node */
            if (!visit(node, context))
                return false;
        }
    }
    return true;
}

void hf_map_each(struct hf_map *map, hf_map_visit_fn *visit, void *context)
{
    map->visiting++; /* no node moves to another bucket while we walk */
    if (visit_buckets(map->buckets, 0, map->bucket_count, visit, context))
        (void)visit_buckets(map->old_buckets, map->old_next, map->old_bucket_count, visit, context);
    map->visiting--;
}
