#include "core/gb/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

/* The vectors of GB-19, and the ends. */
static void the_formula(void **state)
{
    static const struct {
        uint32_t jitter, timed_out, requests, refusals, score;
    } rows[] = {
        {2000, 2, 100, 0, 9030}, {6000, 10, 100, 0, 6950}, {0, 0, 100, 5, 8000},        {0, 0, 100, 0, 10000},
        {10000, 0, 1, 0, 5500},  {20000, 0, 1, 0, 5500},   {0, 7, 7, 0, 6500},          {0, 0, 1, 500, 8000},
        {10000, 9, 9, 9, 0},     {0, 0, 0, 0, 10000},      {UINT32_MAX, 0, 1, 1, 5100},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(
            hf_gb_health_score(rows[i].jitter, rows[i].timed_out, rows[i].requests, rows[i].refusals),
            rows[i].score);
}

static struct hf_gb_health_sums sums_of(const uint32_t *times, uint16_t count)
{
    struct hf_gb_health_sums sums = {.answered = count};

    for (unsigned i = 0; i < count; i++) {
        sums.times += times[i];
        sums.squares += (uint64_t)times[i] * times[i];
    }
    return sums;
}

static void the_deviation(void **state)
{
    static const uint32_t one[] = {70}, two[] = {40, 80}, equal[] = {9, 9, 9}, four[] = {2, 4, 4, 6};
    struct hf_gb_health_sums sums;

    (void)state;
    sums = sums_of(one, 1);
    assert_int_equal(hf_gb_health_jitter(&sums), 0);
    sums = sums_of(two, 2);
    assert_int_equal(hf_gb_health_jitter(&sums), 2000);
    sums = sums_of(equal, 3);
    assert_int_equal(hf_gb_health_jitter(&sums), 0);
    sums = sums_of(four, 4);
    assert_int_equal(hf_gb_health_jitter(&sums), 141); /* the root of 2 */
    /* The largest that can come: half answered at once, half after a minute. */
    sums = (struct hf_gb_health_sums){
        .answered = 65534, .times = 32767u * 60000, .squares = 32767ull * 60000 * 60000};
    assert_int_equal(hf_gb_health_jitter(&sums), 3000000);
}

static void times(struct hf_gb_health *health, uint64_t low, uint64_t high, unsigned count, uint64_t now_ms)
{
    for (unsigned i = 0; i < count; i++)
        hf_gb_health_answered(health, i % 2 ? high : low, now_ms);
}

static void a_level_needs_two_evaluations(void **state)
{
    struct hf_gb_health health = {0};

    (void)state;
    times(&health, 0, 200, 4, 1000);
    assert_false(hf_gb_health_evaluate(&health, 10000));
    assert_false(health.scored); /* four are too few */
    times(&health, 0, 200, 4, 11000);
    assert_false(hf_gb_health_evaluate(&health, 20000));
    assert_true(health.scored);
    assert_int_equal(health.score, 5500);
    assert_int_equal(health.level, HF_GB_LEVEL_NORMAL);
    assert_true(hf_gb_health_evaluate(&health, 30000));
    assert_int_equal(health.level, HF_GB_LEVEL_ALARM);
    assert_false(hf_gb_health_evaluate(&health, 40000)); /* once */
    /* The window empties: nothing new is known, so the level stays. */
    assert_false(hf_gb_health_evaluate(&health, 200000));
    assert_false(health.scored);
    assert_int_equal(health.level, HF_GB_LEVEL_ALARM);
    assert_false(hf_gb_health_idle(&health, 200000));
    /* One good evaluation, a bad one, two good ones. */
    times(&health, 10, 10, 10, 300000);
    assert_false(hf_gb_health_evaluate(&health, 300001));
    for (unsigned i = 0; i < 10; i++)
        hf_gb_health_timed_out(&health, 310000);
    assert_false(hf_gb_health_evaluate(&health, 310001));
    assert_int_equal(health.score, 4500 + 1750 + 2000);
    times(&health, 10, 10, 1000, 320000);
    assert_false(hf_gb_health_evaluate(&health, 320001));
    assert_true(hf_gb_health_evaluate(&health, 330001));
    assert_int_equal(health.level, HF_GB_LEVEL_NORMAL);
    assert_false(hf_gb_health_idle(&health, 330001));
    assert_true(hf_gb_health_idle(&health, 500000));
    assert_string_equal(hf_gb_level_name(HF_GB_LEVEL_WARNING), "warning");
    assert_string_equal(hf_gb_level_name(9), "unknown");
}

static void the_window_is_a_minute(void **state)
{
    struct hf_gb_health health = {0};

    (void)state;
    for (uint64_t now_ms = 5000; now_ms < 65000; now_ms += 10000) {
        hf_gb_health_answered(&health, 7, now_ms);
        hf_gb_health_refused(&health, now_ms);
    }
    assert_int_equal(hf_gb_health_window(&health, 55000).answered, 6);
    assert_int_equal(hf_gb_health_window(&health, 60000).answered, 5);
    assert_int_equal(hf_gb_health_window(&health, 109999).refused, 1);
    assert_int_equal(hf_gb_health_window(&health, 110000).refused, 0);
    assert_int_equal(hf_gb_health_window(&health, 60000).times, 35);
    hf_gb_health_answered(&health, 9, 1000); /* a clock that runs back does not open old steps */
    assert_int_equal(hf_gb_health_window(&health, 55000).answered, 7);
    hf_gb_health_answered(&health, 9, UINT64_MAX); /* nor does one that jumps leave anything */
    assert_int_equal(hf_gb_health_window(&health, UINT64_MAX).answered, 1);
}

static void counters_do_not_run_over(void **state)
{
    struct hf_gb_health health = {0};

    (void)state;
    for (unsigned i = 0; i < 70000; i++) {
        hf_gb_health_answered(&health, UINT64_MAX, 1000);
        hf_gb_health_timed_out(&health, 1000);
        hf_gb_health_refused(&health, 1000);
    }
    times(&health, 1, 1, 10, 11000);
    struct hf_gb_health_sums sums = hf_gb_health_window(&health, 11000);
    assert_int_equal(sums.answered, 65535);
    assert_int_equal(sums.timed_out, 65535);
    assert_int_equal(hf_gb_health_jitter(&sums), 0);
    (void)hf_gb_health_evaluate(&health, 11000);
    assert_int_equal(health.score, 4500 + 1750);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formula),
        cmocka_unit_test(the_deviation),
        cmocka_unit_test(a_level_needs_two_evaluations),
        cmocka_unit_test(the_window_is_a_minute),
        cmocka_unit_test(counters_do_not_run_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
