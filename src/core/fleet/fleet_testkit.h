/* core/fleet/fleet_testkit.h - the index of the fleet over real tables in memory: records, another list of paths, and what is found. */
#ifndef HF_CORE_FLEET_FLEET_TESTKIT_H
#define HF_CORE_FLEET_FLEET_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "core/fleet/groups.h"
#include "core/fleet/query.h"
#include "core/projection.h"
#include "store/memory/kv_memory.h"

static struct hf_kv *kv;
static uint64_t offset;

static inline int setup(void **state)
{
    (void)state;
    offset = 0;
    return hf_kv_memory_open(&kv) == HF_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    hf_kv_close(kv);
    return 0;
}

static inline void change_named(const char *device, const char *name, uint64_t version, const char *shadow)
{
    const struct hf_event event = {.type = HF_EVENT_SHADOW,
                                   .offset = ++offset,
                                   .seq = version,
                                   .from = 1,
                                   .tenant = HF_SLICE("acme"),
                                   .device = hf_slice_of(device),
                                   .topic = hf_slice_of(name),
                                   .payload = hf_slice_of(shadow)};
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
    assert_int_equal(hf_kv_commit(txn, event.offset), HF_OK);
}

static inline void change(const char *device, uint64_t version, const char *shadow)
{
    change_named(device, NULL, version, shadow);
}

/* Indexes these paths besides tags, in as many steps as it takes; gives the devices that were looked at. */
static inline uint64_t index_paths(const char *const *texts, unsigned count, unsigned *ret_steps)
{
    struct hf_fleet_paths paths = {.count = count};
    struct hf_fleet_reindex reindex = {0};
    struct hf_kv_txn *txn;
    bool more = true;

    for (unsigned i = 0; i < count; i++)
        paths.at[i] = hf_slice_of(texts[i]);
    for (*ret_steps = 0; more; ++*ret_steps) {
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(hf_fleet_reindex(txn, HF_SLICE("acme"), &paths, &reindex, &more), HF_OK);
        assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
    }
    return reindex.devices;
}

/* "a b c": what the filter finds below the prefix, `steps` at a time. */
static inline const char *find_in_steps(const char *filter, const char *prefix, uint64_t steps)
{
    static char found[512];
    char after[HF_DEVICE_BYTES_MAX];
    struct hf_fleet_query query = {0};
    struct hf_slice device, last = {NULL, 0};
    struct hf_kv_txn *txn;
    const char *wrong;
    struct hf_sb sb;
    hf_err err;

    hf_sb_init(&sb, found, sizeof(found));
    assert_int_equal(hf_fleet_query_add(&query, hf_slice_of(filter), &wrong), HF_OK);
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    for (unsigned rounds = 0;; rounds++) {
        struct hf_fleet_walk walk = {.txn = txn,
                                     .query = &query,
                                     .tenant = HF_SLICE("acme"),
                                     .prefix = hf_slice_of(prefix),
                                     .after = last,
                                     .steps_max = steps};

        assert_true(rounds < 1000);
        while ((err = hf_fleet_walk_next(&walk, &device)) == HF_OK) {
            if (sb.bytes > 0)
                hf_sb_char(&sb, ' ');
            hf_sb_slice(&sb, device);
        }
        hf_fleet_walk_end(&walk);
        if (err != HF_ERR_AGAIN)
            break;
        struct hf_slice passed = hf_fleet_walk_passed(&walk);
        assert_true(passed.bytes > 0);
        assert_false(hf_slice_eq(passed, last)); /* each walk gets on */
        memmove(after, passed.at, passed.bytes);
        last = (struct hf_slice){after, passed.bytes};
    }
    assert_int_equal(err, HF_ERR_NOT_FOUND);
    hf_kv_end(txn);
    return found;
}

static inline const char *find(const char *filter)
{
    return find_in_steps(filter, NULL, UINT64_MAX);
}

/* "test:1 vans:3": the groups of acme below the prefix and behind `after`. */
static inline const char *groups(const char *prefix, const char *after)
{
    static char found[512];
    struct hf_fleet_groups walk;
    struct hf_kv_txn *txn;
    struct hf_slice group;
    uint64_t members;
    struct hf_sb sb;
    hf_err err;

    hf_sb_init(&sb, found, sizeof(found));
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(
        hf_fleet_groups_begin(&walk, txn, HF_SLICE("acme"), hf_slice_of(prefix), hf_slice_of(after)), HF_OK);
    while ((err = hf_fleet_groups_next(&walk, &group, &members)) == HF_OK) {
        if (sb.bytes > 0)
            hf_sb_char(&sb, ' ');
        hf_sb_printf(&sb, "%.*s:%llu", (int)group.bytes, group.at, (unsigned long long)members);
    }
    assert_int_equal(err, HF_ERR_NOT_FOUND);
    hf_fleet_groups_end(&walk);
    hf_kv_end(txn);
    return found;
}

#endif
