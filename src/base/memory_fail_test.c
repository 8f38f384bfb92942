/* MEM-5 for slab and map, and the sample of how to use support/alloc_fail.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/slab.h"
#include "support/alloc_fail.h"

enum { ITEMS = 5000, ITEM_PAYLOAD_BYTES = 100 };

struct item {
    struct hf_map_node node;
    uint64_t key;
    uint8_t payload[ITEM_PAYLOAD_BYTES];
};

static bool item_is(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct item, node)->key == *(const uint64_t *)key;
}

struct giver {
    struct hf_slab *slab;
    struct hf_map *map;
};

static bool give_item(struct hf_map_node *node, void *context)
{
    struct giver *giver = context;

    hf_map_remove(giver->map, node);
    hf_slab_give(giver->slab, HF_CONTAINER_OF(node, struct item, node));
    return true;
}

static hf_err fill(struct hf_slab *slab, struct hf_map *map)
{
    for (uint64_t key = 0; key < ITEMS; key++) {
        struct item *item = hf_slab_take(slab);
        hf_err err;

        if (item == NULL)
            return HF_ERR_LIMIT;
        item->key = key;
        err = hf_map_insert(map, &item->node, hf_hash_mix(key));
        if (err != HF_OK) {
            hf_slab_give(slab, item);
            return err;
        }
    }
    return HF_OK;
}

static hf_err fill_and_empty(void *context)
{
    struct hf_slab *slab = hf_slab_new("items", sizeof(struct item), ITEMS);
    struct hf_map map;
    struct hf_slab_stats stats;
    hf_err err;
    size_t found = 0;

    (void)context;
    if (slab == NULL)
        return HF_ERR_NOMEM;
    hf_map_init(&map, item_is);
    err = fill(slab, &map);
    for (uint64_t key = 0; key < ITEMS; key++)
        found += hf_map_find(&map, hf_hash_mix(key), &key) != NULL;
    hf_slab_stats(slab, &stats);
    assert_int_equal(found, map.count);
    assert_int_equal(found, stats.used);
    assert_int_equal(err == HF_ERR_LIMIT, stats.refused_total == 1);
    assert_int_equal(err == HF_OK, found == ITEMS);
    hf_map_each(&map, give_item, &(struct giver){slab, &map});
    assert_int_equal(map.count, 0);
    hf_map_deinit(&map);
    hf_slab_free(slab);
    return err;
}

static void survives_every_failing_allocation(void **state)
{
    uint64_t calls = hf_alloc_fail_each(fill_and_empty, NULL, 1000);

    (void)state;
    assert_in_range(calls, 10, 100); /* about 13 chunks and 9 sizes of the map */
}

static void a_slab_recovers_when_memory_is_back(void **state)
{
    struct hf_slab *slab = hf_slab_new("items", sizeof(struct item), ITEMS);
    struct hf_slab_stats stats;
    void *object;

    (void)state;
    assert_non_null(slab);
    hf_alloc_fail_all();
    assert_null(hf_slab_take(slab));
    hf_alloc_fail_at(0);
    object = hf_slab_take(slab);
    assert_non_null(object);
    hf_slab_stats(slab, &stats);
    assert_int_equal(stats.refused_total, 1);
    hf_slab_give(slab, object);
    hf_slab_free(slab);
}

static void a_map_grows_later_when_memory_is_back(void **state)
{
    struct item items[200] = {0};
    struct hf_map map;
    uint64_t key = 77;

    (void)state;
    hf_map_init(&map, item_is);
    hf_alloc_fail_all();
    assert_int_equal(hf_map_insert(&map, &items[0].node, 1), HF_ERR_NOMEM);
    assert_int_equal(map.count, 0);
    hf_alloc_fail_at(2); /* the first array is had, the first growth is not */
    for (size_t i = 0; i < HF_COUNT_OF(items); i++) {
        items[i].key = i;
        assert_int_equal(hf_map_insert(&map, &items[i].node, hf_hash_mix(i)), HF_OK);
    }
    assert_true(hf_alloc_fail_hit());
    assert_true(map.bucket_count > 16);
    assert_ptr_equal(hf_map_find(&map, hf_hash_mix(key), &key), &items[key].node);
    hf_map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(a_slab_recovers_when_memory_is_back),
        cmocka_unit_test(a_map_grows_later_when_memory_is_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
