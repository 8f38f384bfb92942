#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/gb/catalog.h"
#include "core/gb/lock.h"
#include "core/gb/merge.h"

static void five_failures_within_a_window_lock_for_a_while(void **state)
{
    struct hf_gb_locks locks;

    (void)state;
    assert_int_equal(hf_gb_locks_init(&locks, 10), HF_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_false(hf_gb_lock_fail(&locks, 7, 100, 1000 + i));
    assert_false(hf_gb_locked(&locks, 7, 1100));
    assert_true(hf_gb_lock_fail(&locks, 7, 100, 1100));
    assert_true(hf_gb_locked(&locks, 7, 61099));
    assert_false(hf_gb_locked(&locks, 8, 1100));         /* nobody else */
    assert_false(hf_gb_lock_fail(&locks, 7, 100, 1200)); /* locked once */
    assert_false(hf_gb_locked(&locks, 7, 61100));
    assert_int_equal(locks.map.count, 0); /* and forgotten */
    for (unsigned i = 0; i < 20; i++)     /* slowly: never five in a window */
        assert_false(hf_gb_lock_fail(&locks, 9, 100, 100000 + i * 16000));
    hf_gb_lock_clear(&locks, 9);
    for (unsigned i = 0; i < 4; i++)
        assert_false(hf_gb_lock_fail(&locks, 9, 100, 500000));
    hf_gb_lock_clear(&locks, 9); /* right at last */
    assert_false(hf_gb_lock_fail(&locks, 9, 100, 500000));
    assert_int_equal(locks.locked, 1);
    assert_true(hf_gb_lock_repeated(&locks, 9, 100)); /* what failed last */
    assert_false(hf_gb_lock_repeated(&locks, 9, 101));
    assert_false(hf_gb_lock_repeated(&locks, 10, 100));
    hf_gb_locks_deinit(&locks);
}

static void the_pair_that_failed_longest_ago_is_forgotten(void **state)
{
    struct hf_gb_locks locks;

    (void)state;
    assert_int_equal(hf_gb_locks_init(&locks, 3), HF_OK);
    locks.failures = 2;
    for (uint64_t pair = 1; pair <= 3; pair++)
        (void)hf_gb_lock_fail(&locks, pair, 100, pair);
    (void)hf_gb_lock_fail(&locks, 4, 100, 10); /* 1 goes */
    assert_int_equal(locks.forgotten, 1);
    assert_true(hf_gb_lock_fail(&locks, 2, 100, 11));
    assert_false(hf_gb_lock_fail(&locks, 1, 100, 11)); /* begins anew; 3 goes, not 2 */
    assert_true(hf_gb_locked(&locks, 2, 12));
    hf_gb_locks_deinit(&locks);
}

static void a_merge_counts_what_is_there(void **state)
{
    struct hf_gb_budget budget = {.bytes_max = 100000};
    struct hf_gb_merge *merge = hf_gb_merge_new(&budget, 1000, UINT64_MAX);

    (void)state;
    assert_false(hf_gb_merge_complete(merge)); /* nothing was announced */
    hf_gb_merge_expect(merge, 3);
    hf_gb_merge_expect(merge, 2); /* the largest counts */
    assert_int_equal(hf_gb_merge_add(merge, 0, HF_SLICE("{a}")), HF_OK);
    assert_int_equal(hf_gb_merge_add(merge, 5, HF_SLICE("{b}")), HF_OK);
    assert_int_equal(hf_gb_merge_add(merge, 5, HF_SLICE("{b}")), HF_ERR_EXISTS);
    assert_int_equal(hf_gb_merge_add(merge, 5, HF_SLICE("{b}")), HF_ERR_EXISTS);
    assert_false(hf_gb_merge_complete(merge)); /* two doubles are no third */
    assert_int_equal(hf_gb_merge_add(merge, 6, HF_SLICE("{c}")), HF_OK);
    assert_true(hf_gb_merge_complete(merge));
    struct hf_gb_merged merged = hf_gb_merged(merge);
    assert_true(hf_slice_is(merged.text, "{a},\n{b},\n{c}"));
    assert_int_equal(merged.items, 3);
    assert_int_equal(merged.duplicates, 2);
    hf_gb_merge_free(merge);
    assert_int_equal(budget.bytes, 0);
    hf_gb_merge_free(NULL);
}

static void a_merge_has_bounds(void **state)
{
    struct hf_gb_budget budget = {.bytes_max = 100000};
    struct hf_gb_merge *merge = hf_gb_merge_new(&budget, 21, 3);

    (void)state;
    hf_gb_merge_expect(merge, 1);
    assert_int_equal(hf_gb_merge_add(merge, 1, HF_SLICE("0123456789")), HF_OK);
    assert_true(hf_gb_merge_complete(merge));
    assert_int_equal(hf_gb_merge_add(merge, 2, HF_SLICE("0123456789")),
                     HF_ERR_LIMIT); /* what stands between them, too */
    assert_int_equal(hf_gb_merge_add(merge, 2, HF_SLICE("012345678")), HF_OK);
    assert_true(hf_gb_merged(merge).cut);
    assert_false(hf_gb_merge_complete(merge)); /* what was left out is missing */
    hf_gb_merge_free(merge);

    budget.bytes_max = 3000;
    merge = hf_gb_merge_new(&budget, 1 << 20, UINT64_MAX);
    hf_err err = HF_OK;
    for (uint64_t key = 1; err == HF_OK; key++)
        err = hf_gb_merge_add(merge, key, HF_SLICE("0123456789"));
    assert_int_equal(err, HF_ERR_LIMIT);
    assert_true(budget.bytes <= budget.bytes_max);
    hf_gb_merge_free(merge);
    assert_int_equal(budget.bytes, 0);
}

static void ten_thousand_items(void **state)
{
    struct hf_gb_budget budget = {.bytes_max = 64 << 20};
    struct hf_gb_merge *merge = hf_gb_merge_new(&budget, 2 << 20, 10000);
    char item[64];

    (void)state;
    hf_gb_merge_expect(merge, 10000);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 10000; i++) {
            int bytes = snprintf(item, sizeof(item), "{\"device_id\":\"340200000013100%05u\"}", i);

            assert_int_equal(hf_gb_merge_add(merge, i + 1, (struct hf_slice){item, (size_t)bytes}),
                             round == 0 ? HF_OK : HF_ERR_EXISTS);
        }
    assert_true(hf_gb_merge_complete(merge));
    assert_int_equal(hf_gb_merge_add(merge, 20000, HF_SLICE("{}")), HF_ERR_LIMIT); /* items_max */
    assert_true(hf_gb_merged(merge).cut);
    hf_gb_merge_free(merge);
}

static void a_catalogue_is_known_as_far_as_it_was_heard(void **state)
{
    static const struct {
        enum hf_gb_catalog_event event;
        enum hf_gb_catalog want;
    } steps[] = {
        {HF_GB_CATALOG_UNANSWERED, HF_GB_CATALOG_NONE}, {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},
        {HF_GB_CATALOG_UNANSWERED, HF_GB_CATALOG_NONE}, {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},
        {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},  {HF_GB_CATALOG_PART, HF_GB_CATALOG_PARTIAL},
        {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},  {HF_GB_CATALOG_UNANSWERED, HF_GB_CATALOG_PARTIAL},
        {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},  {HF_GB_CATALOG_WHOLE, HF_GB_CATALOG_COMPLETE},
        {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},  {HF_GB_CATALOG_UNANSWERED, HF_GB_CATALOG_COMPLETE},
        {HF_GB_CATALOG_PART, HF_GB_CATALOG_PARTIAL},    {HF_GB_CATALOG_WHOLE, HF_GB_CATALOG_COMPLETE},
        {HF_GB_CATALOG_ASKED, HF_GB_CATALOG_QUERYING},  {HF_GB_CATALOG_GONE, HF_GB_CATALOG_NONE},
    };
    struct hf_gb_catalog_state known = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(steps); i++) {
        hf_gb_catalog_step(&known, steps[i].event);
        assert_string_equal(hf_gb_catalog_name(known.now), hf_gb_catalog_name(steps[i].want));
    }
    assert_int_equal(hf_gb_catalog_retry_ms(1), 60000);
    assert_int_equal(hf_gb_catalog_retry_ms(3), 240000);
    assert_int_equal(hf_gb_catalog_retry_ms(200), HF_GB_CATALOG_RETRY_MS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_failures_within_a_window_lock_for_a_while),
        cmocka_unit_test(the_pair_that_failed_longest_ago_is_forgotten),
        cmocka_unit_test(a_merge_counts_what_is_there),
        cmocka_unit_test(a_merge_has_bounds),
        cmocka_unit_test(ten_thousand_items),
        cmocka_unit_test(a_catalogue_is_known_as_far_as_it_was_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
