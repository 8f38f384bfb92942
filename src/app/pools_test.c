#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/pools.h"

/* A pool fills, stays full, empties: one line for each of the three, none in between. */
static void says_each_thing_once(void **state)
{
    static const struct {
        uint64_t now_ms, used;
        unsigned want;
    } rows[] = {
        {1000, 50, 0},   {2000, 89, 0},   {3000, 90, 1},    {4000, 94, 0},   {5000, 95, 0},
        {184999, 99, 0}, {185000, 95, 2}, {186000, 100, 0}, {187000, 80, 0}, {188000, 79, 3},
        {189000, 10, 0}, {190000, 90, 1}, {191000, 70, 3},
    };
    struct hf_pools pools = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hf_pools_judge(&pools, HF_POOL_CONNECTIONS, (struct hf_pool_use){rows[i].used, 100},
                                        rows[i].now_ms),
                         rows[i].want);
}

/* Time above the critical mark must be in one piece. */
static void a_dip_begins_the_three_minutes_anew(void **state)
{
    struct hf_pools pools = {0};

    (void)state;
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){96, 100}, 0 + 1), 1);
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){94, 100}, 100000), 0);
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){96, 100}, 101000), 0);
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){96, 100}, 200000), 0);
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){96, 100}, 281000), 2);
}

static void a_pool_without_a_bound_is_never_full(void **state)
{
    struct hf_pools pools = {0};

    (void)state;
    assert_int_equal(hf_pools_judge(&pools, 0, (struct hf_pool_use){5, 0}, 1), 0);
    for (unsigned i = 0; i < HF_POOLS; i++)
        assert_non_null(hf_pool_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_each_thing_once),
        cmocka_unit_test(a_dip_begins_the_three_minutes_anew),
        cmocka_unit_test(a_pool_without_a_bound_is_never_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
