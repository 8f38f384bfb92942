/* agent/tick_test.c - when batches are due: at their pace, not twice for a turn that took long, and at a new pace from when it is wished for. */
#include "agent/tick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void it_keeps_its_pace(void **state)
{
    struct hf_tick tick;

    (void)state;
    hf_tick_start(&tick, 50, 1000);
    assert_false(hf_tick_due(&tick, 1049));
    assert_true(hf_tick_due(&tick, 1053)); /* late: the next one is not */
    assert_int_equal(tick.next_ms, 1100);
    assert_false(hf_tick_due(&tick, 1099));
    assert_true(hf_tick_due(&tick, 1100));
    assert_true(hf_tick_due(&tick, 1500)); /* a slow disk: one, not eight */
    assert_int_equal(tick.next_ms, 1501);
}

static void a_new_pace_counts_from_now(void **state)
{
    static const struct {
        uint64_t begin_ms, before_ms, after_ms, now_ms, next_ms;
    } rows[] = {
        {1000, 10000, 20, 1000, 1020}, /* shorter: not after the 10 s */
        {0, 10000, 5000, 6000, 10000}, /* but what was due before stays so */
        {1000, 50, 10000, 1000, 1050}, /* longer: after the one that runs */
        {1000, 50, 50, 1020, 1050},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_tick tick;

        hf_tick_start(&tick, rows[i].before_ms, rows[i].begin_ms);
        hf_tick_change(&tick, rows[i].after_ms, rows[i].now_ms);
        assert_int_equal(tick.next_ms, rows[i].next_ms);
        assert_true(hf_tick_due(&tick, rows[i].next_ms));
        assert_int_equal(tick.next_ms, rows[i].next_ms + rows[i].after_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_its_pace),
        cmocka_unit_test(a_new_pace_counts_from_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
