#include "bench/chaos/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"

enum { COUNT = 300 };

struct owner {
    struct hf_chaos_timer timer;
    struct hf_chaos_timers *set;
    struct owner *other;  /* to be cancelled by this one */
    uint64_t again_us;    /* armed anew by its own call */
    unsigned fired, turn; /* how often; when, among all */
};

static unsigned turns;

static void on_due(struct hf_chaos_timer *timer, uint64_t now_us)
{
    struct owner *owner = HF_CONTAINER_OF(timer, struct owner, timer);

    assert_true(timer->at == 0 && timer->due_us <= now_us);
    owner->fired++;
    owner->turn = turns++;
    if (owner->other != NULL)
        hf_chaos_timers_cancel(owner->set, &owner->other->timer);
    if (owner->again_us > 0)
        hf_chaos_timers_arm(owner->set, timer, owner->again_us);
}

static void they_fire_in_the_order_of_their_time(void **state)
{
    static struct owner owners[COUNT];
    struct hf_chaos_timers set;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 2);
    hf_chaos_timers_init(&set);
    assert_int_equal(hf_chaos_timers_next_us(&set), UINT64_MAX);
    assert_int_equal(hf_chaos_timers_reserve(&set, COUNT), HF_OK);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            owners[i] = (struct owner){.timer = owners[i].timer, .set = &set};
            owners[i].timer.on_due = on_due;
            hf_chaos_timers_arm(&set, &owners[i].timer, 1 + hf_rng_below(&rng, 1000));
            if (hf_rng_below(&rng, 4) == 0) /* re-armed, also over what was armed before */
                hf_chaos_timers_arm(&set, &owners[hf_rng_below(&rng, i + 1)].timer,
                                    1 + hf_rng_below(&rng, 1000));
            if (hf_rng_below(&rng, 8) == 0)
                hf_chaos_timers_cancel(&set, &owners[hf_rng_below(&rng, i + 1)].timer);
        }
        uint64_t half = 500;
        bool armed[COUNT];

        for (unsigned i = 0; i < COUNT; i++)
            armed[i] = owners[i].timer.at != 0;
        hf_chaos_timers_run(&set, half);
        assert_true(hf_chaos_timers_next_us(&set) > half);
        for (unsigned i = 0; i < COUNT; i++) {
            assert_int_equal(owners[i].fired, armed[i] && owners[i].timer.due_us <= half);
            for (unsigned j = 0; j < i; j++)
                assert_true(!owners[i].fired || !owners[j].fired ||
                            owners[i].timer.due_us == owners[j].timer.due_us ||
                            (owners[i].timer.due_us < owners[j].timer.due_us) ==
                                (owners[i].turn < owners[j].turn));
        }
    }
    hf_chaos_timers_deinit(&set);
}

static void a_callback_may_change_the_set(void **state)
{
    struct hf_chaos_timers set;
    struct owner a = {.timer.on_due = on_due}, b = {.timer.on_due = on_due}, c = {.timer.on_due = on_due};

    (void)state;
    hf_chaos_timers_init(&set);
    assert_int_equal(hf_chaos_timers_reserve(&set, 3), HF_OK);
    a.set = b.set = c.set = &set;
    a.other = &b;
    c.again_us = 5; /* in the past for ever: a run ends all the same */
    hf_chaos_timers_arm(&set, &a.timer, 10);
    hf_chaos_timers_arm(&set, &b.timer, 20);
    hf_chaos_timers_arm(&set, &c.timer, 30);
    hf_chaos_timers_run(&set, 100);
    assert_true(a.fired == 1 && b.fired == 0 && c.fired >= 1 && c.fired <= 3);
    assert_int_equal(hf_chaos_timers_next_us(&set), 5);
    hf_chaos_timers_arm(&set, &c.timer, UINT64_MAX); /* cancels */
    assert_int_equal(hf_chaos_timers_next_us(&set), UINT64_MAX);
    hf_chaos_timers_cancel(&set, &c.timer);
    hf_chaos_timers_unreserve(&set, 3);
    hf_chaos_timers_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_fire_in_the_order_of_their_time),
        cmocka_unit_test(a_callback_may_change_the_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
