/* MEM-5: whatever allocation fails while the index follows a change, nothing of it is there; and applied again all of it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/fleet/query.h"
#include "core/projection.h"
#include "store/memory/kv_memory.h"
#include "support/alloc_fail.h"

static const char *const shadows[] = {
    "{\"tags\":{\"site\":\"a\",\"n\":1,\"groups\":[\"x\"]},\"reported\":{\"v\":1}}",
    "{\"tags\":{\"site\":\"b\",\"n\":1,\"groups\":[\"y\"]},\"reported\":{\"v\":2}}",
    "{\"tags\":{\"n\":2}}",
};
static const char *const filters[] = {"tags.site=a", "tags.site=b", "tags.n=2"};

static hf_err apply(struct hf_kv *kv, unsigned index)
{
    const struct hf_event event = {.type = HF_EVENT_SHADOW,
                                   .offset = index + 1,
                                   .seq = index + 1,
                                   .from = 1,
                                   .tenant = HF_SLICE("acme"),
                                   .device = HF_SLICE("d"),
                                   .payload = hf_slice_of(shadows[index])};
    struct hf_kv_txn *txn;
    hf_err err = hf_kv_write(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_projection_apply(txn, &event);
    if (err == HF_OK)
        return hf_kv_commit(txn, event.offset);
    hf_kv_end(txn);
    return err;
}

static hf_err reindex(struct hf_kv *kv)
{
    const struct hf_fleet_paths paths = {.count = 1, .at = {HF_SLICE("reported.v")}};
    struct hf_fleet_reindex at = {0};
    struct hf_kv_txn *txn;
    bool more;
    hf_err err = hf_kv_write(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_fleet_reindex(txn, HF_SLICE("acme"), &paths, &at, &more);
    if (err == HF_OK)
        return hf_kv_commit(txn, 2);
    hf_kv_end(txn);
    return err;
}

/* -1: memory ran out. */
static int finds(struct hf_kv *kv, const char *filter)
{
    struct hf_fleet_query query = {0};
    struct hf_kv_txn *txn;
    struct hf_slice device;
    const char *wrong;

    if (hf_kv_read(kv, &txn) != HF_OK)
        return -1;
    HF_ASSERT(hf_fleet_query_add(&query, hf_slice_of(filter), &wrong) == HF_OK);
    struct hf_fleet_walk walk = {
        .txn = txn, .query = &query, .tenant = HF_SLICE("acme"), .steps_max = UINT64_MAX};
    hf_err err = hf_fleet_walk_next(&walk, &device);
    hf_fleet_walk_end(&walk);
    hf_kv_end(txn);
    return err == HF_OK ? 1 : err == HF_ERR_NOT_FOUND ? 0 : -1;
}

static void looks(struct hf_kv *kv, unsigned applied)
{
    for (unsigned i = 0; i < HF_COUNT_OF(filters); i++)
        HF_ASSERT(finds(kv, filters[i]) != !(i + 1 == applied));
}

static hf_err life(void *context)
{
    struct hf_kv *kv;
    hf_err err = hf_kv_memory_open(&kv), worst = err;

    (void)context;
    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < HF_COUNT_OF(shadows); i++) {
        err = apply(kv, i);
        if (err != HF_OK) {
            worst = err;
            looks(kv, i);
            HF_ASSERT(apply(kv, i) == HF_OK); /* only one allocation fails */
        }
        looks(kv, i + 1);
        if (i != 1)
            continue;
        err = reindex(kv);
        if (err != HF_OK) {
            worst = err;
            HF_ASSERT(finds(kv, "reported.v=2") != 1);
            HF_ASSERT(reindex(kv) == HF_OK);
        }
        HF_ASSERT(finds(kv, "reported.v=2") != 0);
    }
    hf_kv_close(kv);
    return worst;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life, NULL, 1000) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_end_anywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
