/* base/map.h - intrusive hash map. The node lies in the object; the map owns only its bucket array, which
 * grows and shrinks by a factor of two in small steps (no pause for a full rehash). Keys are compared by
 * the caller's function, hashes are 64-bit and must be keyed (hf_hash) where a peer chooses the key. */
#ifndef HF_BASE_MAP_H
#define HF_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct hf_map_node { /* 16 bytes */
    struct hf_map_node *next;
    uint64_t hash;
};

typedef bool hf_map_eq_fn(const struct hf_map_node *node, const void *key);

struct hf_map {
    struct hf_map_node **buckets, **old_buckets; /* old ones while a resize is under way */
    size_t bucket_count, old_bucket_count, old_next;
    size_t count;
    unsigned visiting; /* hf_map_each() calls under way; nothing is resized or moved meanwhile */
    hf_map_eq_fn *eq;
};

/* Allocates nothing until the first insert. */
void hf_map_init(struct hf_map *map, hf_map_eq_fn *eq);
void hf_map_deinit(struct hf_map *map); /* frees the buckets; the objects are the caller's */
struct hf_map_node *hf_map_find(const struct hf_map *map, uint64_t hash, const void *key); /* or NULL */
/* The caller has checked that the key is not there. HF_ERR_NOMEM only when the very first bucket array
 * cannot be had; a failed growth just leaves longer chains. */
hf_err hf_map_insert(struct hf_map *map, struct hf_map_node *node, uint64_t hash);
void hf_map_remove(struct hf_map *map, struct hf_map_node *node); /* asserts that it is there */

/* Visits every node; the callback may remove the visited node, no other. A node inserted by the callback
 * may be visited or not. Stops early when it returns false. */
typedef bool hf_map_visit_fn(struct hf_map_node *node, void *context);
void hf_map_each(struct hf_map *map, hf_map_visit_fn *visit, void *context);

#endif
