#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/gb/ssrc.h"

#define DOMAIN HF_SLICE("34020000002000000001")

static struct hf_gb_ssrc_pool *pool_of(unsigned share, unsigned shares)
{
    struct hf_gb_ssrc_pool *pool = NULL;

    assert_int_equal(hf_gb_ssrc_pool_new(DOMAIN, share, shares, &pool), HF_OK);
    return pool;
}

static void numbers_as_the_standard_has_them(void **state)
{
    struct hf_gb_ssrc_pool *pool = pool_of(0, 1);
    char text[HF_SSRC_TEXT_BYTES];
    uint32_t ssrc;

    (void)state;
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc), HF_OK);
    hf_ssrc_format(ssrc, text);
    assert_string_equal(text, "0200000000");
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_HISTORY, 1, 0, &ssrc), HF_OK);
    hf_ssrc_format(ssrc, text);
    assert_string_equal(text, "1200000000");
    hf_gb_ssrc_pool_free(pool);
    hf_gb_ssrc_pool_free(NULL);
    assert_int_equal(hf_gb_ssrc_pool_new(HF_SLICE("example"), 0, 1, &pool), HF_ERR_INVALID);
    assert_int_equal(hf_gb_ssrc_pool_new(DOMAIN, 1, 1, &pool), HF_ERR_INVALID);
    assert_int_equal(hf_gb_ssrc_pool_new(DOMAIN, 0, 0, &pool), HF_ERR_INVALID);
    assert_int_equal(hf_gb_ssrc_pool_new(DOMAIN, 0, 10001, &pool), HF_ERR_INVALID);
}

static void zero_is_no_ssrc(void **state)
{
    struct hf_gb_ssrc_pool *pool;
    uint32_t ssrc;

    (void)state;
    assert_int_equal(hf_gb_ssrc_pool_new(HF_SLICE("1110000000"), 0, 1, &pool), HF_OK);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc), HF_OK);
    assert_int_equal(ssrc, 1);
    assert_int_equal(hf_gb_ssrc_take_this(pool, 0, 1, 0), HF_ERR_EXISTS);
    hf_gb_ssrc_pool_free(pool);
}

static void ten_thousand_of_each_and_no_more(void **state)
{
    struct hf_gb_ssrc_pool *pool = pool_of(0, 1);
    static uint32_t all[HF_SSRC_NUMBERS];
    uint32_t ssrc;

    (void)state;
    for (unsigned i = 0; i < HF_SSRC_NUMBERS; i++) {
        struct hf_gb_ssrc_counts counts = hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, 0);

        assert_int_equal(counts.alarm, i >= 9000);
        assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, i + 1, 0, &all[i]), HF_OK);
        if (i > 0)
            assert_true(all[i] > all[i - 1]); /* each once */
    }
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc), HF_ERR_LIMIT);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_HISTORY, 1, 0, &ssrc), HF_OK); /* of their own */
    hf_gb_ssrc_give(pool, all[7], 8, 1000);
    hf_gb_ssrc_give(pool, all[3], 4, 2000);
    hf_gb_ssrc_give(pool, all[3], 4, 9000);  /* twice is once */
    hf_gb_ssrc_give(pool, all[5], 99, 2000); /* somebody else's */
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 30999, &ssrc), HF_ERR_LIMIT);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 31000, &ssrc), HF_OK);
    assert_int_equal(ssrc, all[7]);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 31000, &ssrc), HF_ERR_LIMIT);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 32000, &ssrc), HF_OK);
    assert_int_equal(ssrc, all[3]);
    struct hf_gb_ssrc_counts counts = hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, 32000);
    assert_int_equal(counts.used, 10000);
    assert_int_equal(counts.resting, 0);
    assert_int_equal(counts.refused, 3);
    assert_int_equal(counts.alarms, 1);
    for (unsigned i = 0; i < 1999; i++) /* it calms down at 80 %, not at 90 */
        hf_gb_ssrc_give(pool, all[i], i + 1, 40000);
    assert_true(hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, 69999).alarm); /* quarantine counts */
    assert_true(hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, 70000).alarm);
    for (unsigned i = 2000; i < 2020; i++)
        hf_gb_ssrc_give(pool, all[i], i + 1, 70000);
    assert_false(hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, 100000).alarm);
    hf_gb_ssrc_pool_free(pool);
}

static void shares_never_meet(void **state)
{
    static bool seen[HF_SSRC_NUMBERS];
    uint32_t ssrc;

    (void)state;
    for (unsigned share = 0; share < 3; share++) {
        struct hf_gb_ssrc_pool *pool = pool_of(share, 3);

        while (hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc) == HF_OK) {
            assert_false(seen[hf_ssrc_number(ssrc)]);
            seen[hf_ssrc_number(ssrc)] = true;
        }
        hf_gb_ssrc_pool_free(pool);
    }
    for (unsigned i = 0; i < HF_SSRC_NUMBERS; i++)
        assert_true(seen[i]);
}

static void one_that_somebody_else_chose(void **state)
{
    struct hf_gb_ssrc_pool *pool = pool_of(1, 2);
    uint32_t ssrc;

    (void)state;
    assert_int_equal(hf_gb_ssrc_take_this(pool, 200000003, 7, 0), HF_OK);
    assert_int_equal(hf_gb_ssrc_take_this(pool, 200000003, 8, 0), HF_ERR_EXISTS);
    assert_int_equal(hf_gb_ssrc_take_this(pool, 200000004, 7, 0), HF_ERR_NOT_FOUND); /* another share's */
    assert_int_equal(hf_gb_ssrc_take_this(pool, 99, 7, 0), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_gb_ssrc_take_this(pool, UINT32_MAX, 7, 0), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc), HF_OK);
    assert_int_equal(ssrc, 200000001);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc), HF_OK);
    assert_int_equal(ssrc, 200000005);
    hf_gb_ssrc_give(pool, 200000003, 7, 100);
    assert_int_equal(hf_gb_ssrc_take_this(pool, 200000003, 8, 30099), HF_ERR_EXISTS);
    assert_int_equal(hf_gb_ssrc_take_this(pool, 200000003, 8, 30100), HF_OK);
    hf_gb_ssrc_pool_free(pool);
}

static bool lives(void *context, uint64_t owner)
{
    return owner != *(const uint64_t *)context;
}

static void what_nobody_owns_is_found(void **state)
{
    struct hf_gb_ssrc_pool *pool = pool_of(0, 1);
    struct hf_gb_audit audit = {0};
    uint64_t dead = 0;
    uint32_t ssrc[2];

    (void)state;
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, 1, 0, &ssrc[0]), HF_OK);
    assert_int_equal(hf_gb_ssrc_take(pool, HF_GB_SSRC_HISTORY, 2, 0, &ssrc[1]), HF_OK);
    hf_gb_ssrc_audit(pool, lives, &dead, 0, &audit);
    assert_int_equal(audit.looked, 2);
    assert_int_equal(audit.orphaned, 0);
    dead = 2;
    hf_gb_ssrc_audit(pool, lives, &dead, 0, &audit);
    hf_gb_ssrc_audit(pool, lives, &dead, 5000, &audit);
    assert_int_equal(audit.orphaned, 1);
    assert_int_equal(audit.reclaimed, 0);
    dead = 0; /* it was found again: it begins anew */
    hf_gb_ssrc_audit(pool, lives, &dead, 10000, &audit);
    dead = 2;
    hf_gb_ssrc_audit(pool, lives, &dead, 20000, &audit);
    hf_gb_ssrc_audit(pool, lives, &dead, 29999, &audit);
    assert_int_equal(audit.reclaimed, 0);
    hf_gb_ssrc_audit(pool, lives, &dead, 30000, &audit);
    assert_int_equal(audit.orphaned, 2);
    assert_int_equal(audit.reclaimed, 1);
    assert_int_equal(hf_gb_ssrc_counts(pool, HF_GB_SSRC_HISTORY, 30000).resting, 1);
    hf_gb_ssrc_give(pool, ssrc[0], 1, 30000);
    assert_false(hf_gb_ssrc_idle(pool, 59999));
    assert_true(hf_gb_ssrc_idle(pool, 60000));
    hf_gb_ssrc_pool_free(pool);
}

/* Against the rule said plainly: never two owners, never within the quarantine, and refused only when nothing is left. */
static void in_any_order(void **state)
{
    enum { SHARES = 100, NUMBERS = HF_SSRC_NUMBERS / SHARES };
    struct hf_gb_ssrc_pool *pool = pool_of(3, SHARES);
    uint64_t owner[NUMBERS] = {0}, free_ms[NUMBERS] = {0}, now_ms = 1000000;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 5);
    for (unsigned round = 1; round < 60000; round++) {
        unsigned i = (unsigned)hf_rng_below(&rng, NUMBERS), ready = 0, used = 0, resting = 0;
        uint32_t ssrc = 200000000 + i * SHARES + 3;

        now_ms += hf_rng_below(&rng, 700);
        if (hf_rng_below(&rng, 2) == 0) {
            hf_gb_ssrc_give(pool, ssrc, owner[i], now_ms);
            if (owner[i] != 0)
                free_ms[i] = now_ms + HF_GB_SSRC_QUARANTINE_MS;
            owner[i] = 0;
        } else if (hf_rng_below(&rng, 8) == 0) {
            bool may = owner[i] == 0 && free_ms[i] <= now_ms;

            assert_int_equal(hf_gb_ssrc_take_this(pool, ssrc, round, now_ms), may ? HF_OK : HF_ERR_EXISTS);
            if (may)
                owner[i] = round;
        } else {
            for (unsigned n = 0; n < NUMBERS; n++)
                ready += owner[n] == 0 && free_ms[n] <= now_ms;
            hf_err err = hf_gb_ssrc_take(pool, HF_GB_SSRC_LIVE, round, now_ms, &ssrc);
            assert_int_equal(err, ready > 0 ? HF_OK : HF_ERR_LIMIT);
            i = (ssrc - 200000003) / SHARES;
            if (err == HF_OK) {
                assert_true(owner[i] == 0 && free_ms[i] <= now_ms);
                owner[i] = round;
            }
        }
        for (unsigned n = 0; n < NUMBERS; n++) {
            used += owner[n] != 0;
            resting += owner[n] == 0 && free_ms[n] > now_ms;
        }
        struct hf_gb_ssrc_counts counts = hf_gb_ssrc_counts(pool, HF_GB_SSRC_LIVE, now_ms);
        assert_int_equal(counts.used, used);
        assert_int_equal(counts.resting, resting);
    }
    hf_gb_ssrc_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_the_standard_has_them),
        cmocka_unit_test(zero_is_no_ssrc),
        cmocka_unit_test(ten_thousand_of_each_and_no_more),
        cmocka_unit_test(shares_never_meet),
        cmocka_unit_test(one_that_somebody_else_chose),
        cmocka_unit_test(what_nobody_owns_is_found),
        cmocka_unit_test(in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
