#include "core/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

struct kit {
    struct hf_rng rng;
    struct hf_breaker breaker;
    uint64_t slots[HF_BREAKER_RESULTS_MAX];
};

static void begin(struct kit *kit, const struct hf_breaker_rules *rules, uint64_t seed)
{
    hf_rng_seed(&kit->rng, seed);
    for (size_t i = 0; i < HF_COUNT_OF(kit->slots); i++)
        kit->slots[i] = UINT64_MAX; /* what was there counts for nothing */
    hf_breaker_init(&kit->breaker, rules, kit->slots, &kit->rng, 0);
}

/* 'g' and 'b' a millisecond apart; the letter with which it opened, counted from 1; 0 = it did not. */
static unsigned feed(struct kit *kit, const char *results, uint64_t *now_ms)
{
    for (unsigned i = 0; results[i] != '\0'; i++)
        if (hf_breaker_result(&kit->breaker, results[i] == 'g', ++*now_ms))
            return i + 1;
    return 0;
}

static void it_opens_below_a_fifth_of_enough(void **state)
{
    static const struct {
        const char *results;
        unsigned opens;
    } rows[] = {
        {"bbbb", 0},         /* four are too few */
        {"bbbbb", 5},        /* none of five */
        {"gbbbb", 0},        /* a fifth is not below a fifth */
        {"gbbbbb", 6},       /* one of six */
        {"ggbbbbbbbb", 0},   /* two of ten */
        {"ggbbbbbbbbb", 11}, /* of eleven */
        {"gggggggggggggggggggg", 0},
        {"ggggggggggggggggggggbbbbbbbbbbbbbbbb", 0},       /* four of the last twenty */
        {"ggggggggggggggggggggbbbbbbbbbbbbbbbbb", 37},     /* three of the last twenty */
        {"bbbbggggggggggggggggggggbbbbbbbbbbbbbbbbb", 41}, /* those of before have left */
        {"bbbbg", 0},                                      /* what is good opens nothing */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit kit;
        uint64_t now_ms = 0;

        begin(&kit, &hf_breaker_device, 1);
        assert_int_equal(feed(&kit, rows[i].results, &now_ms), rows[i].opens);
        assert_int_equal(hf_breaker_state(&kit.breaker), rows[i].opens ? HF_BREAKER_OPEN : HF_BREAKER_CLOSED);
    }
}

static void what_is_old_does_not_count(void **state)
{
    struct kit kit;
    uint64_t now_ms = 0;

    (void)state;
    begin(&kit, &hf_breaker_device, 1);
    assert_int_equal(feed(&kit, "bbbb", &now_ms), 0); /* at 1..4 ms */
    assert_int_equal(hf_breaker_count(&kit.breaker, 600001).results, 4);
    assert_int_equal(hf_breaker_count(&kit.breaker, 600002).results, 3);
    assert_false(hf_breaker_result(&kit.breaker, false, 600002)); /* the first has left */
    assert_true(hf_breaker_result(&kit.breaker, false, 600002));

    begin(&kit, &hf_breaker_node, 1);
    for (unsigned i = 0; i < 19; i++)
        assert_false(hf_breaker_result(&kit.breaker, false, i));
    assert_false(hf_breaker_result(&kit.breaker, false, 60001)); /* the first is older: 18, and this one */
    assert_true(hf_breaker_result(&kit.breaker, false, 60001));
}

static void one_probe_decides(void **state)
{
    struct kit kit;
    uint64_t now_ms = 0;

    (void)state;
    begin(&kit, &hf_breaker_device, 1);
    assert_int_equal(hf_breaker_ask(&kit.breaker, 0), HF_BREAKER_PASS);
    assert_int_equal(hf_breaker_due_ms(&kit.breaker), UINT64_MAX);
    assert_int_equal(feed(&kit, "bbbbb", &now_ms), 5);
    assert_int_equal(hf_breaker_due_ms(&kit.breaker), 5 + 1000); /* 100 ms at most are less than the least */
    assert_int_equal(hf_breaker_ask(&kit.breaker, 1004), HF_BREAKER_REFUSE);
    assert_false(hf_breaker_result(&kit.breaker, true, 1004)); /* of a call before */
    assert_false(hf_breaker_probed(&kit.breaker, true, 1004)); /* nobody was told to */
    assert_int_equal(hf_breaker_state(&kit.breaker), HF_BREAKER_OPEN);

    assert_int_equal(hf_breaker_ask(&kit.breaker, 1005), HF_BREAKER_PROBE);
    assert_int_equal(hf_breaker_state(&kit.breaker), HF_BREAKER_HALF_OPEN);
    assert_int_equal(hf_breaker_ask(&kit.breaker, 1005), HF_BREAKER_REFUSE); /* a single one */
    assert_int_equal(hf_breaker_ask(&kit.breaker, 6004), HF_BREAKER_REFUSE);
    assert_false(hf_breaker_probed(&kit.breaker, false, 6004));
    assert_int_equal(kit.breaker.attempt, 1);
    assert_int_equal(hf_breaker_ask(&kit.breaker, 7003), HF_BREAKER_REFUSE);

    assert_int_equal(hf_breaker_ask(&kit.breaker, 7004), HF_BREAKER_PROBE);
    assert_int_equal(hf_breaker_ask(&kit.breaker, 12004), HF_BREAKER_REFUSE); /* 5 s have passed */
    assert_int_equal(hf_breaker_state(&kit.breaker), HF_BREAKER_OPEN);
    assert_int_equal(kit.breaker.attempt, 2);
    assert_false(hf_breaker_probed(&kit.breaker, true, 12004)); /* too late */

    assert_int_equal(hf_breaker_ask(&kit.breaker, 13004), HF_BREAKER_PROBE);
    assert_false(hf_breaker_probed(&kit.breaker, true, 18004)); /* the same, and nobody had asked yet */
    assert_int_equal(kit.breaker.attempt, 3);

    assert_int_equal(hf_breaker_ask(&kit.breaker, 20000), HF_BREAKER_PROBE);
    hf_breaker_unprobed(&kit.breaker, 20000); /* it could not be sent: no attempt */
    assert_int_equal(hf_breaker_state(&kit.breaker), HF_BREAKER_OPEN);
    assert_int_equal(kit.breaker.attempt, 3);

    assert_int_equal(hf_breaker_ask(&kit.breaker, 30000), HF_BREAKER_PROBE);
    assert_true(hf_breaker_probed(&kit.breaker, true, 34999));
    assert_int_equal(hf_breaker_state(&kit.breaker), HF_BREAKER_CLOSED);
    assert_int_equal(hf_breaker_count(&kit.breaker, 34999).results, 0); /* the window is empty */
    now_ms = 35000;
    assert_int_equal(feed(&kit, "bbbb", &now_ms), 0);
    assert_int_equal(feed(&kit, "b", &now_ms), 1);
    assert_int_equal(kit.breaker.attempt, 0); /* begun anew */
}

/* At least a second, at most five, and spread as soon as the ceiling is above the least. */
static void waits_grow_and_are_spread(void **state)
{
    uint64_t longest_ms[12] = {0}, shortest_ms[12];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(shortest_ms); i++)
        shortest_ms[i] = UINT64_MAX;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct kit kit;
        uint64_t now_ms = 0;

        begin(&kit, &hf_breaker_device, seed);
        assert_int_equal(feed(&kit, "bbbbb", &now_ms), 5);
        for (size_t i = 0; i < HF_COUNT_OF(longest_ms); i++) {
            uint64_t wait_ms = hf_breaker_due_ms(&kit.breaker) - now_ms;

            longest_ms[i] = HF_MAX(longest_ms[i], wait_ms);
            shortest_ms[i] = HF_MIN(shortest_ms[i], wait_ms);
            now_ms += wait_ms;
            assert_int_equal(hf_breaker_ask(&kit.breaker, now_ms), HF_BREAKER_PROBE);
            assert_false(hf_breaker_probed(&kit.breaker, false, now_ms));
        }
    }
    for (size_t i = 0; i < HF_COUNT_OF(longest_ms); i++) {
        uint64_t ceiling_ms = HF_MAX(UINT64_C(1000), HF_MIN(UINT64_C(5000), UINT64_C(100) << i));

        assert_int_equal(shortest_ms[i], 1000);
        assert_true(longest_ms[i] <= ceiling_ms);
        assert_true(longest_ms[i] >= ceiling_ms - ceiling_ms / 10);
    }
}

static void attempts_do_not_overflow(void **state)
{
    struct kit kit;
    uint64_t now_ms = 0;

    (void)state;
    begin(&kit, &hf_breaker_device, 7);
    assert_int_equal(feed(&kit, "bbbbb", &now_ms), 5);
    for (unsigned i = 0; i < 1000; i++) {
        now_ms = hf_breaker_due_ms(&kit.breaker);
        assert_int_equal(hf_breaker_ask(&kit.breaker, now_ms), HF_BREAKER_PROBE);
        assert_false(hf_breaker_probed(&kit.breaker, false, now_ms));
        assert_true(hf_breaker_due_ms(&kit.breaker) - now_ms <= 5000);
    }
    assert_int_equal(kit.breaker.attempt, UINT8_MAX);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(hf_breaker_state_name(HF_BREAKER_CLOSED), "closed");
    assert_string_equal(hf_breaker_state_name(HF_BREAKER_OPEN), "open");
    assert_string_equal(hf_breaker_state_name(HF_BREAKER_HALF_OPEN), "half_open");
    assert_string_equal(hf_breaker_state_name(HF_BREAKER_STATES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_below_a_fifth_of_enough),
        cmocka_unit_test(what_is_old_does_not_count),
        cmocka_unit_test(one_probe_decides),
        cmocka_unit_test(waits_grow_and_are_spread),
        cmocka_unit_test(attempts_do_not_overflow),
        cmocka_unit_test(states_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
