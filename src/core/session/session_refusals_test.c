/* Refused numbers are kept in runs, within the window and a bound, and come back from where they were stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/session/refusals.h"

static bool add(struct hf_refusals *refusals, uint64_t seq, uint16_t reason, uint64_t first)
{
    assert_int_equal(hf_refusals_reserve(refusals), HF_OK);
    return hf_refusals_add(refusals, seq, reason, first);
}

static void expect(const struct hf_refusals *refusals, unsigned at, uint64_t from, uint64_t to,
                   uint16_t reason)
{
    assert_true(at < refusals->count);
    assert_int_equal(refusals->at[at].from, from);
    assert_int_equal(refusals->at[at].to, to);
    assert_int_equal(refusals->at[at].reason, reason);
}

static void runs_grow_and_what_is_known_goes(void **state)
{
    struct hf_refusals refusals = {0};

    (void)state;
    assert_true(add(&refusals, 5, 24, 1));
    assert_true(add(&refusals, 6, 24, 1));
    assert_true(add(&refusals, 7, 90, 1));
    assert_true(add(&refusals, 9, 90, 1));
    assert_int_equal(refusals.count, 3);
    expect(&refusals, 0, 5, 6, 24);
    expect(&refusals, 1, 7, 7, 90);
    expect(&refusals, 2, 9, 9, 90);
    assert_true(add(&refusals, 10, 90, 6)); /* a run that is known in part */
    expect(&refusals, 0, 6, 6, 24);
    expect(&refusals, 2, 9, 10, 90);
    hf_refusals_trim(&refusals, 8);
    assert_int_equal(refusals.count, 1);
    hf_refusals_trim(&refusals, 11);
    assert_int_equal(refusals.count, 0);
    /* Across the number that is none. */
    assert_true(add(&refusals, UINT32_MAX, 1, 11));
    assert_true(add(&refusals, (UINT64_C(1) << 32) + 1, 1, 11));
    expect(&refusals, 0, UINT32_MAX, (UINT64_C(1) << 32) + 1, 1);
    hf_refusals_deinit(&refusals);
}

static void so_many_runs_and_the_oldest_make_room(void **state)
{
    static uint8_t stored[HF_REFUSALS_BYTES_MAX];
    struct hf_refusals refusals = {0}, back;

    (void)state;
    for (uint64_t seq = 1; seq <= 2 * HF_REFUSALS_MAX; seq += 2)
        assert_true(add(&refusals, seq, 24, 1));
    assert_int_equal(refusals.count, HF_REFUSALS_MAX);
    assert_false(add(&refusals, 2 * HF_REFUSALS_MAX + 1, 24, 1));
    assert_int_equal(refusals.count, HF_REFUSALS_MAX);
    expect(&refusals, 0, 3, 3, 24);
    assert_true(add(&refusals, 2 * HF_REFUSALS_MAX + 2, 24, 1)); /* the same run */
    assert_int_equal(hf_refusals_encode(&refusals, stored), sizeof(stored));
    assert_int_equal(hf_refusals_decode((struct hf_slice){(const char *)stored, sizeof(stored)}, &back),
                     HF_OK);
    assert_int_equal(back.count, HF_REFUSALS_MAX);
    for (unsigned i = 0; i < back.count; i++)
        expect(&back, i, refusals.at[i].from, refusals.at[i].to, refusals.at[i].reason);
    assert_false(add(&back, 2 * HF_REFUSALS_MAX + 9, 24, 1)); /* what was read has its bound, too */
    hf_refusals_deinit(&back);
    hf_refusals_deinit(&refusals);
}

static void what_was_not_stored_by_us_is_damage(void **state)
{
    static uint8_t stored[HF_REFUSALS_BYTES_MAX + HF_REFUSAL_BYTES];
    struct hf_refusals refusals = {0}, back;

    (void)state;
    (void)add(&refusals, 5, 24, 1);
    (void)add(&refusals, 7, 24, 1);
    size_t bytes = hf_refusals_encode(&refusals, stored);
    hf_refusals_deinit(&refusals);
    const struct hf_slice whole = {(const char *)stored, bytes};
    assert_int_equal(hf_refusals_decode((struct hf_slice){whole.at, bytes - 1}, &back), HF_ERR_CORRUPT);
    assert_int_equal(hf_refusals_decode((struct hf_slice){whole.at, sizeof(stored)}, &back), HF_ERR_CORRUPT);
    assert_int_equal(hf_refusals_decode((struct hf_slice){NULL, 0}, &back), HF_OK);
    assert_int_equal(back.count, 0);
    stored[15] = 4; /* 5..4 */
    assert_int_equal(hf_refusals_decode(whole, &back), HF_ERR_CORRUPT);
    stored[15] = 7; /* 5..7, and then 7 */
    assert_int_equal(hf_refusals_decode(whole, &back), HF_ERR_CORRUPT);
    stored[15] = 6;
    assert_int_equal(hf_refusals_decode(whole, &back), HF_OK);
    hf_refusals_deinit(&back);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_grow_and_what_is_known_goes),
        cmocka_unit_test(so_many_runs_and_the_oldest_make_room),
        cmocka_unit_test(what_was_not_stored_by_us_is_damage),
    };

    return cmocka_run_group_tests_name("session_refusals", tests, NULL, NULL);
}
