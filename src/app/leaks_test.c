#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/leaks.h"
#include "base/assert.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

/* 1,000 connections, so 5 within an hour are still none of 0.5 %. */
static void what_stays_for_ten_seconds_has_leaked(void **state)
{
    static const struct {
        uint64_t now_ms, unowned;
        unsigned want;
        uint64_t total;
    } rows[] = {
        {1 * SECOND, 0, 0, 0},
        {2 * SECOND, 3, 0, 0},
        {11 * SECOND, 3, 0, 0},
        {11 * SECOND + 500, 0, 0, 0}, /* gone within the ten seconds */
        {20 * SECOND, 2, 0, 0},
        {25 * SECOND, 9, 0, 0},
        {29 * SECOND, 4, 0, 0},
        {30 * SECOND - 1, 4, 0, 0},
        {30 * SECOND, 4, 0, 2}, /* the least that was there all the time */
        {31 * SECOND, 5, 0, 2},
        {40 * SECOND, 5, 0, 2},
        {41 * SECOND, 5, 0, 5},
        {50 * SECOND, 5, 0, 5}, /* counted once */
        {51 * SECOND, 2, 0, 5}, /* three were found again */
        {52 * SECOND, 3, 0, 5},
        {62 * SECOND, 3, 1, 6},        /* 6 of 1,000 */
        {63 * SECOND, 3, 0, 6},        /* said once */
        {HOUR + 40 * SECOND, 3, 0, 6}, /* those of the first minute have passed: 1 of 1,000 */
        {HOUR + 1 * MINUTE, 3, 2, 6},  /* an hour without any */
        {HOUR + 2 * MINUTE, 3, 0, 6},
        {3 * HOUR, 4, 0, 6}, /* from far beyond the slots */
        {3 * HOUR + 10 * SECOND, 4, 0, 7},
    };
    struct hf_leaks leaks = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned said = hf_leaks_judge(&leaks, rows[i].unowned, 1000, rows[i].now_ms);

        if (said != rows[i].want || atomic_load(&leaks.total) != rows[i].total)
            fail_msg("row %zu: said %u, leaked %llu", i, said, (unsigned long long)atomic_load(&leaks.total));
    }
}

/* The mark: 0.5 % of those that are open is none, one more is. */
static void the_alarm_is_a_share_of_the_connections(void **state)
{
    (void)state;
    for (uint64_t leaked = 50; leaked <= 51; leaked++) {
        struct hf_leaks leaks = {0};

        assert_int_equal(hf_leaks_judge(&leaks, leaked, 10000, MINUTE), 0);
        assert_int_equal(hf_leaks_judge(&leaks, leaked, 10000, MINUTE + HF_LEAK_MS), leaked > 50);
        assert_int_equal(atomic_load(&leaks.alarm), leaked > 50);
        assert_int_equal(atomic_load(&leaks.hour), leaked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_for_ten_seconds_has_leaked),
        cmocka_unit_test(the_alarm_is_a_share_of_the_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
