/* The map against a naive model: an array in which a key is its index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/rng.h"

enum { KEYS = 20000 };

struct item {
    struct hf_map_node node;
    uint64_t key;
    bool in; /* what the model says */
    unsigned visits;
};

static struct item items[KEYS];

static bool item_is(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct item, node)->key == *(const uint64_t *)key;
}

static uint64_t spread(uint64_t key)
{
    return hf_hash_mix(key);
}

static uint64_t in_order(uint64_t key)
{
    return key;
}

static uint64_t few_values(uint64_t key) /* many keys with equal hashes */
{
    return key / 8;
}

static struct hf_map_node *find(const struct hf_map *map, uint64_t (*hash)(uint64_t), uint64_t key)
{
    return hf_map_find(map, hash(key), &key);
}

static void reset_items(void)
{
    memset(items, 0, sizeof(items));
    for (uint64_t key = 0; key < KEYS; key++)
        items[key].key = key;
}

static void check_all(const struct hf_map *map, uint64_t (*hash)(uint64_t), size_t count)
{
    assert_int_equal(map->count, count);
    for (uint64_t key = 0; key < KEYS; key++)
        assert_ptr_equal(find(map, hash, key), items[key].in ? &items[key].node : NULL);
}

static void agrees_with_a_naive_model(void **state)
{
    static uint64_t (*const hashes[])(uint64_t) = {spread, in_order, few_values};
    enum { PHASES = 8, STEPS = 15000 };

    (void)state;
    for (size_t h = 0; h < HF_COUNT_OF(hashes); h++) {
        struct hf_rng rng;
        struct hf_map map;
        size_t count = 0;

        reset_items();
        hf_rng_seed(&rng, h);
        hf_map_init(&map, item_is);
        for (unsigned phase = 0; phase < PHASES; phase++) {
            unsigned removals_percent = phase % 2 == 0 ? 20 : 80; /* grows, then shrinks */

            for (unsigned step = 0; step < STEPS; step++) {
                struct item *item = &items[hf_rng_below(&rng, KEYS)];
                bool removal = hf_rng_below(&rng, 100) < removals_percent;

                assert_ptr_equal(find(&map, hashes[h], item->key), item->in ? &item->node : NULL);
                if (item->in == removal && removal)
                    hf_map_remove(&map, &item->node);
                else if (!item->in && !removal)
                    assert_int_equal(hf_map_insert(&map, &item->node, hashes[h](item->key)), HF_OK);
                else
                    continue;
                item->in = !removal;
                count += removal ? (size_t)-1 : 1;
            }
            check_all(&map, hashes[h], count);
        }
        hf_map_deinit(&map);
        assert_null(find(&map, hashes[h], 1)); /* deinit leaves an empty, usable map */
    }
}

static void grows_and_shrinks_in_small_steps(void **state)
{
    struct hf_map map;
    size_t resizes = 0, buckets_before = 0;

    (void)state;
    reset_items();
    hf_map_init(&map, item_is);
    assert_null(map.buckets); /* nothing before the first insert */
    assert_null(find(&map, spread, 1));
    for (uint64_t key = 0; key < KEYS; key++) {
        size_t moved_before = map.old_next;
        bool moving = map.old_buckets != NULL;

        assert_int_equal(hf_map_insert(&map, &items[key].node, spread(key)), HF_OK);
        if (moving && map.old_buckets != NULL)
            assert_true(map.old_next - moved_before <= 8);
        resizes += map.bucket_count != buckets_before;
        buckets_before = map.bucket_count;
        assert_true(map.count <= 2 * map.bucket_count + 2);
    }
    assert_true(resizes > 5);
    assert_true(map.bucket_count >= KEYS / 2 && map.bucket_count <= KEYS);
    for (uint64_t key = 0; key < KEYS; key++)
        hf_map_remove(&map, &items[key].node);
    assert_int_equal(map.bucket_count, 16);
    assert_int_equal(map.count, 0);
    hf_map_deinit(&map);
}

struct visit {
    struct hf_map *map;
    unsigned visits, stop_after;
    bool remove_odd, insert_more;
};

static bool on_visit(struct hf_map_node *node, void *context)
{
    struct visit *visit = context;
    struct item *item = HF_CONTAINER_OF(node, struct item, node);

    item->visits++;
    visit->visits++;
    if (visit->insert_more && item->key < 1000)
        assert_int_equal(hf_map_insert(visit->map, &items[item->key + 5000].node, spread(item->key + 5000)),
                         HF_OK);
    if (visit->remove_odd && item->key % 2 == 1) {
        hf_map_remove(visit->map, node);
        memset(node, 0xff, sizeof(*node)); /* as if freed */
    }
    return visit->visits != visit->stop_after;
}

static void visits_each_node_once_even_while_resizing(void **state)
{
    (void)state;
    for (uint64_t count = 0; count < 300; count++) { /* meets every stage of several resizes */
        struct hf_map map;
        struct visit visit = {.map = &map, .remove_odd = true};

        reset_items();
        hf_map_init(&map, item_is);
        for (uint64_t key = 0; key < count; key++)
            assert_int_equal(hf_map_insert(&map, &items[key].node, spread(key)), HF_OK);
        hf_map_each(&map, on_visit, &visit);
        assert_int_equal(visit.visits, count);
        for (uint64_t key = 0; key < count; key++) {
            assert_int_equal(items[key].visits, 1);
            assert_int_equal(find(&map, spread, key) != NULL, key % 2 == 0);
        }
        visit = (struct visit){.map = &map, .stop_after = 3};
        hf_map_each(&map, on_visit, &visit);
        assert_int_equal(visit.visits, HF_MIN((count + 1) / 2, 3u));
        hf_map_deinit(&map);
    }
}

static void inserting_while_visiting_loses_nothing(void **state)
{
    struct hf_map map;
    struct visit visit = {.map = &map, .insert_more = true};

    (void)state;
    reset_items();
    hf_map_init(&map, item_is);
    for (uint64_t key = 0; key < 1000; key++)
        assert_int_equal(hf_map_insert(&map, &items[key].node, spread(key)), HF_OK);
    hf_map_each(&map, on_visit, &visit);
    for (uint64_t key = 0; key < 1000; key++) {
        assert_int_equal(items[key].visits, 1);
        assert_non_null(find(&map, spread, key));
        assert_non_null(find(&map, spread, key + 5000));
    }
    hf_map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_naive_model),
        cmocka_unit_test(grows_and_shrinks_in_small_steps),
        cmocka_unit_test(visits_each_node_once_even_while_resizing),
        cmocka_unit_test(inserting_while_visiting_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
