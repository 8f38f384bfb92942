#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"

static void equal_seeds_give_the_reference_numbers(void **state)
{
    static const struct {
        uint64_t seed, want[3];
    } rows[] = {
        {0, {UINT64_C(0x99ec5f36cb75f2b4), UINT64_C(0xbf6e1f784956452a), UINT64_C(0x1a5f849d4933e6e0)}},
        {1, {UINT64_C(0xb3f2af6d0fc710c5), UINT64_C(0x853b559647364cea), UINT64_C(0x92f89756082a4514)}},
        {42, {UINT64_C(0x15780b2e0c2ec716), UINT64_C(0x6104d9866d113a7e), UINT64_C(0xae17533239e499a1)}},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_rng rng;

        hf_rng_seed(&rng, rows[i].seed);
        for (size_t n = 0; n < 3; n++)
            assert_true(hf_rng_u64(&rng) == rows[i].want[n]);
    }
}

static void below_stays_below_and_is_even(void **state)
{
    enum { N = 7, DRAWS = 70000 };
    unsigned seen[N] = {0};
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 3);
    for (unsigned i = 0; i < DRAWS; i++)
        seen[hf_rng_below(&rng, N)]++;
    for (size_t i = 0; i < N; i++)
        assert_in_range(seen[i], DRAWS / N * 95 / 100, DRAWS / N * 105 / 100);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(hf_rng_below(&rng, 1), 0);
}

/* With n = 3 * 2^62 plain modulo would give the lowest third twice as often as the others. */
static void below_is_unbiased_for_large_n(void **state)
{
    const uint64_t third = UINT64_C(1) << 62;
    unsigned lowest = 0;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 4);
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t value = hf_rng_below(&rng, 3 * third);

        assert_true(value < 3 * third);
        lowest += value < third;
    }
    assert_in_range(lowest, 9500, 10500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_give_the_reference_numbers),
        cmocka_unit_test(below_stays_below_and_is_even),
        cmocka_unit_test(below_is_unbiased_for_large_n),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
