#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "log/commit.h"

static void a_group_ends_at_each_bound(void **state)
{
    static const struct {
        uint32_t records;
        uint64_t bytes;
        unsigned fit; /* that many such batches */
    } rows[] = {
        {1, 100, HF_COMMIT_BATCHES_MAX},
        {1000, 1000, 4},
        {HF_COMMIT_RECORDS_MAX, 1000, 1},
        {HF_COMMIT_RECORDS_MAX + 1, 1000, 1}, /* larger than a group: alone */
        {1, HF_COMMIT_BYTES_MAX / 4, 4},
        {1, HF_COMMIT_BYTES_MAX * 2, 1},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_commit commit;
        unsigned fit = 0;

        hf_commit_init(&commit, 500, 0);
        for (; hf_commit_fits(&commit, rows[i].records, rows[i].bytes); fit++)
            hf_commit_add(&commit, rows[i].records, rows[i].bytes, 1000);
        assert_int_equal(fit, rows[i].fit);
        hf_commit_done(&commit);
        assert_int_equal(commit.batches, 0);
        assert_int_equal(commit.wait_us, 500);
    }
}

static void waits_for_company_no_longer_than_told(void **state)
{
    struct hf_commit commit;

    (void)state;
    hf_commit_init(&commit, 1000000, 1000000);
    assert_int_equal(commit.pace_us, HF_COMMIT_WAIT_US_MAX);
    assert_int_equal(commit.wait_us, HF_COMMIT_WAIT_US_MAX);
    hf_commit_init(&commit, 800, 0);
    hf_commit_add(&commit, 10, 1000, 5000);
    assert_int_equal(hf_commit_wait_us(&commit, 5000), 800);
    hf_commit_add(&commit, 10, 1000, 5300);
    assert_int_equal(hf_commit_wait_us(&commit, 5300), 500); /* counted from the first */
    assert_int_equal(hf_commit_wait_us(&commit, 5800), 0);
    assert_int_equal(hf_commit_wait_us(&commit, 4000), 0); /* a clock that went back */
    hf_commit_add(&commit, HF_COMMIT_RECORDS_MAX - 20, 1000, 5300);
    assert_int_equal(hf_commit_wait_us(&commit, 5300), 0); /* full */
    hf_commit_init(&commit, HF_COMMIT_WAIT_US_DEFAULT, 0);
    hf_commit_add(&commit, 1, 1, 7);
    assert_int_equal(hf_commit_wait_us(&commit, 7), 0);
}

static void many_records_are_synced_at_a_pace(void **state)
{
    struct hf_commit commit;

    (void)state;
    hf_commit_init(&commit, 0, 2000);
    hf_commit_add(&commit, 1000, 1000, 5000);
    assert_int_equal(hf_commit_wait_us(&commit, 5000), 0); /* the first of all */
    hf_commit_begin(&commit, 5000);
    hf_commit_done(&commit);
    hf_commit_add(&commit, HF_COMMIT_PACE_RECORDS_PER_MS / 2 - 1, 1000, 5400);
    assert_int_equal(hf_commit_wait_us(&commit, 5500), 0); /* too few for half a millisecond */
    hf_commit_add(&commit, 1, 1000, 5400);
    assert_int_equal(hf_commit_wait_us(&commit, 5500), 1500);
    assert_int_equal(hf_commit_wait_us(&commit, 6000), 0); /* no more came: not that many after all */
    hf_commit_add(&commit, HF_COMMIT_PACE_RECORDS_PER_MS, 1000, 6400);
    assert_int_equal(hf_commit_wait_us(&commit, 6500), 500);
    assert_int_equal(hf_commit_wait_us(&commit, 7000), 0); /* begun 2 ms after the one before */
    assert_int_equal(hf_commit_wait_us(&commit, 4000), 0); /* a clock that went back */
    hf_commit_add(&commit, HF_COMMIT_RECORDS_MAX - 36, 1000, 6400);
    assert_int_equal(hf_commit_wait_us(&commit, 6500), 0); /* full */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_ends_at_each_bound),
        cmocka_unit_test(waits_for_company_no_longer_than_told),
        cmocka_unit_test(many_records_are_synced_at_a_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
