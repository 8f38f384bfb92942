#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rate.h"
#include "base/rng.h"

_Static_assert(sizeof(struct hf_rate) == 16, "every device and tenant pays for it");

static uint64_t take_greedily(struct hf_rate *rate, const struct hf_rate_limit *limit, uint64_t from_ms,
                              uint64_t until_ms)
{
    uint64_t taken = 0;

    for (uint64_t now_ms = from_ms; now_ms < until_ms; now_ms++)
        while (hf_rate_take(rate, limit, 1, now_ms))
            taken++;
    return taken;
}

static void limits_of_ol_2(void **state)
{
    static const struct {
        struct hf_rate_limit limit;
        uint64_t first_second, later;
    } rows[] = {
        {{20, 40}, 60, 20},         /* commands to one device */
        {{1000, 2000}, 3000, 1000}, /* uplink of one device */
        {{2000, 4000}, 6000, 2000}, /* API key */
        {{1, 1}, 2, 1},
        {{7, 0}, 0, 0},
        {{0, 5}, 5, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const uint64_t start_ms = 5000;
        struct hf_rate rate;

        hf_rate_init(&rate);
        assert_int_equal(hf_rate_available(&rate, &rows[i].limit, start_ms), rows[i].limit.capacity);
        /* The second ends with the tokens of its last instant. */
        assert_int_equal(take_greedily(&rate, &rows[i].limit, start_ms, start_ms + 1001),
                         rows[i].first_second);
        for (uint64_t second = 1; second < 10; second++)
            assert_int_equal(take_greedily(&rate, &rows[i].limit, start_ms + 1000 * second + 1,
                                           start_ms + 1000 * (second + 1) + 1),
                             rows[i].later);
    }
}

static void a_zeroed_object_is_full(void **state)
{
    static const struct hf_rate_limit limit = {20, 40};
    struct hf_rate rate = {0};

    (void)state;
    assert_true(hf_rate_take(&rate, &limit, 40, 0));
    assert_false(hf_rate_take(&rate, &limit, 1, 0));
}

/* Odd rates and steps over a simulated week: exactly capacity + rate * seconds go through. */
static void nothing_drifts(void **state)
{
    static const uint32_t rates[] = {1, 3, 7, 333, 999};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rates); i++) {
        const struct hf_rate_limit limit = {rates[i], 5000};
        const uint64_t week_ms = 7 * 86400 * UINT64_C(1000);
        struct hf_rate rate = {0};
        uint64_t taken = 0, now_ms = 0;

        for (; now_ms < week_ms; now_ms += 4999)
            while (hf_rate_take(&rate, &limit, 1, now_ms))
                taken++;
        while (hf_rate_take(&rate, &limit, 1, week_ms))
            taken++;
        assert_int_equal(taken, limit.capacity + limit.per_second * (week_ms / 1000));
    }
}

static void a_long_idle_time_fills_once(void **state)
{
    static const struct hf_rate_limit limits[] = {{20, 40}, {UINT32_MAX, UINT32_MAX}, {1, UINT32_MAX}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(limits); i++) {
        struct hf_rate rate = {0};

        assert_true(hf_rate_take(&rate, &limits[i], limits[i].capacity, 1));
        assert_true(hf_rate_take(&rate, &limits[i], limits[i].capacity, UINT64_MAX));
        assert_false(hf_rate_take(&rate, &limits[i], 1, UINT64_MAX));
        assert_false(hf_rate_take(&rate, &limits[i], 1, 0)); /* a clock that jumps back gives nothing */
    }
}

static void a_clock_that_steps_back_gives_nothing_twice(void **state)
{
    static const struct hf_rate_limit limit = {1000, 500};
    struct hf_rate rate = {0};

    (void)state;
    assert_true(hf_rate_take(&rate, &limit, 500, 1000));
    assert_false(hf_rate_take(&rate, &limit, 1, 500));
    assert_false(hf_rate_take(&rate, &limit, 1, 1000));
    assert_true(hf_rate_take(&rate, &limit, 1, 1001));
}

static void a_refused_take_takes_nothing(void **state)
{
    static const struct hf_rate_limit limit = {10, 10};
    struct hf_rate rate = {0};

    (void)state;
    assert_false(hf_rate_take(&rate, &limit, 11, 0));
    assert_true(hf_rate_take(&rate, &limit, 6, 0));
    assert_false(hf_rate_take(&rate, &limit, 5, 0));
    assert_true(hf_rate_take(&rate, &limit, 4, 0));
    assert_true(hf_rate_take(&rate, &limit, 0, 0));
}

static void the_wait_told_is_exact(void **state)
{
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 10);
    for (unsigned i = 0; i < 5000; i++) {
        const struct hf_rate_limit limit = {1 + (uint32_t)hf_rng_below(&rng, 3000),
                                            1 + (uint32_t)hf_rng_below(&rng, 5000)};
        struct hf_rate rate = {0}, before;
        uint64_t now_ms = 100 + hf_rng_below(&rng, 1000), wait_ms;
        uint32_t tokens = 1 + (uint32_t)hf_rng_below(&rng, limit.capacity);

        assert_true(hf_rate_take(&rate, &limit, (uint32_t)hf_rng_below(&rng, limit.capacity + 1), now_ms));
        now_ms += hf_rng_below(&rng, 300) - 20; /* the clock may step back */
        wait_ms = hf_rate_wait_ms(&rate, &limit, tokens, now_ms);
        before = rate;
        if (wait_ms > 0)
            assert_false(hf_rate_take(&before, &limit, tokens, now_ms + wait_ms - 1));
        assert_true(hf_rate_take(&rate, &limit, tokens, now_ms + wait_ms));
    }
}

static void what_never_passes_says_so(void **state)
{
    static const struct hf_rate_limit limit = {10, 10}, still = {0, 5};
    struct hf_rate rate = {0};

    (void)state;
    assert_true(hf_rate_wait_ms(&rate, &limit, 11, 0) == HF_RATE_NEVER);
    assert_int_equal(hf_rate_wait_ms(&rate, &still, 5, 0), 0);
    assert_true(hf_rate_take(&rate, &still, 5, 0));
    assert_true(hf_rate_wait_ms(&rate, &still, 1, 0) == HF_RATE_NEVER);
}

static void a_changed_limit_takes_effect_at_once(void **state)
{
    static const struct hf_rate_limit large = {100, 1000}, small = {1, 10};
    struct hf_rate rate = {0};

    (void)state;
    assert_true(hf_rate_take(&rate, &large, 1000, 0));
    assert_int_equal(hf_rate_wait_ms(&rate, &small, 10, 0), 10000); /* not the 1000 s of the old debt */
    assert_false(hf_rate_take(&rate, &small, 1, 0));
    assert_true(hf_rate_take(&rate, &small, 1, 1000));
    assert_int_equal(hf_rate_available(&rate, &large, 1000), 990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_ol_2),
        cmocka_unit_test(a_zeroed_object_is_full),
        cmocka_unit_test(nothing_drifts),
        cmocka_unit_test(a_long_idle_time_fills_once),
        cmocka_unit_test(a_clock_that_steps_back_gives_nothing_twice),
        cmocka_unit_test(a_refused_take_takes_nothing),
        cmocka_unit_test(the_wait_told_is_exact),
        cmocka_unit_test(what_never_passes_says_so),
        cmocka_unit_test(a_changed_limit_takes_effect_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
