/* The wheel on simulated time: rows for the edges, then thousands of random steps against a model that keeps
 * a plain array of due times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/wheel.h"

enum { ROUND_MS = HF_WHEEL_TICK_MS * HF_WHEEL_SLOTS };

static struct hf_wheel wheel;

struct probe {
    struct hf_timer timer;
    uint64_t fired_at_ms;
    unsigned fired;
};

static void on_probe(struct hf_timer *timer, uint64_t now_ms)
{
    struct probe *probe = HF_CONTAINER_OF(timer, struct probe, timer);

    assert_false(hf_timer_armed(timer));
    probe->fired++;
    probe->fired_at_ms = now_ms;
}

static void fires_never_early_and_at_most_a_tick_late(void **state)
{
    static const uint64_t starts_ms[] = {0, 1, 15, 16, 1000003, UINT64_C(1) << 41};
    static const uint64_t delays_ms[] = {
        0, 1, 15, 16, 17, 31, 1000, ROUND_MS - 1, ROUND_MS, ROUND_MS + 1, 3 * ROUND_MS + 5};

    (void)state;
    for (size_t s = 0; s < HF_COUNT_OF(starts_ms); s++) {
        for (size_t d = 0; d < HF_COUNT_OF(delays_ms); d++) {
            uint64_t now_ms = starts_ms[s], due_ms = now_ms + delays_ms[d];
            struct probe probe = {0};

            hf_wheel_init(&wheel, now_ms);
            hf_timer_init(&probe.timer, on_probe);
            hf_wheel_arm(&wheel, &probe.timer, due_ms);
            while (probe.fired == 0 && now_ms <= due_ms + HF_WHEEL_TICK_MS)
                hf_wheel_run(&wheel, now_ms++);
            assert_int_equal(probe.fired, 1);
            assert_true(probe.fired_at_ms >= due_ms);
            assert_true(probe.fired_at_ms < due_ms + HF_WHEEL_TICK_MS);
            assert_int_equal(wheel.armed, 0);
        }
    }
}

static void an_unarmed_timer_may_be_cancelled(void **state)
{
    struct probe probe = {0};

    (void)state;
    hf_wheel_init(&wheel, 5);
    hf_timer_init(&probe.timer, on_probe);
    hf_wheel_cancel(&wheel, &probe.timer);
    hf_wheel_arm(&wheel, &probe.timer, 100);
    hf_wheel_arm(&wheel, &probe.timer, 200); /* re-arming replaces */
    assert_int_equal(wheel.armed, 1);
    hf_wheel_cancel(&wheel, &probe.timer);
    hf_wheel_cancel(&wheel, &probe.timer);
    assert_int_equal(hf_wheel_run(&wheel, 100000), 0);
}

static void the_end_of_time_is_a_time(void **state)
{
    struct probe probe = {0};

    (void)state;
    hf_wheel_init(&wheel, 0);
    hf_timer_init(&probe.timer, on_probe);
    hf_wheel_arm(&wheel, &probe.timer, UINT64_MAX);
    assert_int_equal(hf_wheel_run(&wheel, UINT64_C(1) << 50), 0);
    hf_wheel_arm(&wheel, &probe.timer, 0);
    assert_true(hf_timer_armed(&probe.timer));
    assert_int_equal(hf_wheel_run(&wheel, UINT64_C(1) << 50), 1);
    assert_int_equal(hf_wheel_run(&wheel, 17), 0); /* backwards: nothing, and no harm */
}

/* One timer for each tick of two rounds; a clock that jumps must fire exactly those that are due. */
static void a_jump_fires_all_that_is_due_and_nothing_else(void **state)
{
    enum { PROBES = 2 * HF_WHEEL_SLOTS };
    static const uint64_t jumps_ticks[] = {1, HF_WHEEL_SLOTS - 1, HF_WHEEL_SLOTS, HF_WHEEL_SLOTS + 1,
                                           PROBES - 1};
    static struct probe probes[PROBES];

    (void)state;
    for (size_t j = 0; j < HF_COUNT_OF(jumps_ticks); j++) {
        hf_wheel_init(&wheel, 0);
        for (uint64_t i = 0; i < PROBES; i++) {
            probes[i] = (struct probe){0};
            hf_timer_init(&probes[i].timer, on_probe);
            hf_wheel_arm(&wheel, &probes[i].timer, (i + 1) * HF_WHEEL_TICK_MS);
        }
        assert_int_equal(hf_wheel_run(&wheel, jumps_ticks[j] * HF_WHEEL_TICK_MS), jumps_ticks[j]);
        for (uint64_t i = 0; i < PROBES; i++)
            assert_int_equal(probes[i].fired, i < jumps_ticks[j]);
    }
}

struct repeater {
    struct hf_timer timer;
    uint64_t next_ms;
    unsigned fired;
};

static void on_repeat(struct hf_timer *timer, uint64_t now_ms)
{
    struct repeater *repeater = HF_CONTAINER_OF(timer, struct repeater, timer);

    (void)now_ms;
    repeater->fired++;
    hf_wheel_arm(&wheel, timer, repeater->next_ms);
}

static void a_run_is_bounded_whatever_a_callback_arms(void **state)
{
    static const uint64_t nexts_ms[] = {0, 1, 900, 5000, 9999, 10000};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(nexts_ms); i++) {
        struct repeater repeater = {.next_ms = nexts_ms[i]};

        hf_wheel_init(&wheel, 800);
        hf_timer_init(&repeater.timer, on_repeat);
        hf_wheel_arm(&wheel, &repeater.timer, 850);
        assert_int_equal(hf_wheel_run(&wheel, 10000), 1);
        assert_int_equal(hf_wheel_wait_ms(&wheel, 10000, 500), 0);
        assert_int_equal(hf_wheel_run(&wheel, 10000), 1); /* past: the very next run */
        assert_int_equal(repeater.fired, 2);
        hf_wheel_cancel(&wheel, &repeater.timer);
    }
}

static void waits_until_something_can_be_due(void **state)
{
    static const struct {
        uint64_t now_ms, due_ms;
        unsigned max_ms, want_ms;
    } rows[] = {
        {0, 100, 1000, 112},
        {0, 96, 1000, 96},
        {5, 100, 1000, 107},
        {0, 100, 50, 50},
        {0, 1, 0, 0},
        {0, 30000, 500, 500},
        {7, 0, 1000, 0},
        {0, 16, 1000, 16},
        {0, ROUND_MS + 32, 1000, 32}, /* a later round: a lower bound, not exact */
    };
    struct probe probe = {0};

    (void)state;
    hf_timer_init(&probe.timer, on_probe);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_wheel_init(&wheel, rows[i].now_ms);
        assert_int_equal(hf_wheel_wait_ms(&wheel, rows[i].now_ms, rows[i].max_ms), rows[i].max_ms);
        hf_wheel_arm(&wheel, &probe.timer, rows[i].due_ms);
        assert_int_equal(hf_wheel_wait_ms(&wheel, rows[i].now_ms, rows[i].max_ms), rows[i].want_ms);
        hf_wheel_cancel(&wheel, &probe.timer);
    }
    hf_wheel_init(&wheel, 0);
    hf_wheel_arm(&wheel, &probe.timer, 40);
    assert_int_equal(hf_wheel_wait_ms(&wheel, 70, 1000), 0); /* late for a run */
    hf_wheel_cancel(&wheel, &probe.timer);
}

/* The model: every timer is an allocated object; callbacks arm, cancel and free others and themselves. */
enum { THINGS = 64, STEPS = 20000 };

struct thing {
    struct hf_timer timer;
    size_t index;
};

static struct {
    struct hf_rng rng;
    struct thing *things[THINGS];
    uint64_t due_ms[THINGS]; /* what the model expects; 0 = not armed */
    bool next_run[THINGS];   /* armed inside the run under way, for the past: must wait for the next one */
    uint64_t now_ms;         /* of the run under way */
    bool running;
    unsigned fired;
} sim;

static void on_thing(struct hf_timer *timer, uint64_t now_ms);

static void arm(size_t i, uint64_t due_ms)
{
    hf_wheel_arm(&wheel, &sim.things[i]->timer, due_ms);
    sim.due_ms[i] = due_ms > 0 ? due_ms : 1;
    sim.next_run[i] = sim.running;
}

static void disturb(uint64_t now_ms)
{
    size_t i = (size_t)hf_rng_below(&sim.rng, THINGS);

    if (sim.things[i] == NULL) {
        sim.things[i] = malloc(sizeof(*sim.things[i]));
        assert_non_null(sim.things[i]);
        sim.things[i]->index = i;
        hf_timer_init(&sim.things[i]->timer, on_thing);
    }
    switch (hf_rng_below(&sim.rng, 8)) {
    case 0: /* cancel */
        hf_wheel_cancel(&wheel, &sim.things[i]->timer);
        sim.due_ms[i] = 0;
        break;
    case 1: /* free */
        hf_wheel_cancel(&wheel, &sim.things[i]->timer);
        sim.due_ms[i] = 0;
        free(sim.things[i]);
        sim.things[i] = NULL;
        break;
    case 2: arm(i, now_ms - HF_MIN(now_ms, hf_rng_below(&sim.rng, 100))); break; /* past */
    case 3: arm(i, now_ms + hf_rng_below(&sim.rng, 3 * ROUND_MS)); break;        /* far */
    default: arm(i, now_ms + hf_rng_below(&sim.rng, 2000)); break;
    }
}

static void on_thing(struct hf_timer *timer, uint64_t now_ms)
{
    size_t i = HF_CONTAINER_OF(timer, struct thing, timer)->index;

    assert_int_equal(now_ms, sim.now_ms);
    assert_true(sim.due_ms[i] != 0); /* not cancelled, not fired before */
    assert_true(sim.due_ms[i] <= now_ms);
    assert_false(sim.next_run[i]);
    sim.due_ms[i] = 0;
    sim.fired++;
    for (uint64_t n = hf_rng_below(&sim.rng, 3); n > 0; n--)
        disturb(now_ms);
}

static void check_after_run(uint64_t now_ms)
{
    uint64_t armed = 0;

    for (size_t i = 0; i < THINGS; i++) {
        if (sim.things[i] != NULL)
            assert_int_equal(hf_timer_armed(&sim.things[i]->timer), sim.due_ms[i] != 0);
        armed += sim.due_ms[i] != 0;
        if (sim.due_ms[i] != 0 && !sim.next_run[i])
            assert_true(sim.due_ms[i] > now_ms - now_ms % HF_WHEEL_TICK_MS); /* else it should have fired */
        sim.next_run[i] = false;
    }
    assert_int_equal(wheel.armed, armed);
}

static void agrees_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t now_ms = 12345 * seed;

        memset(&sim, 0, sizeof(sim));
        hf_rng_seed(&sim.rng, seed);
        hf_wheel_init(&wheel, now_ms);
        for (unsigned step = 0; step < STEPS; step++) {
            unsigned fired, fired_before = sim.fired;
            uint64_t jump = hf_rng_below(&sim.rng, 1000);

            disturb(now_ms);
            now_ms += jump == 0 ? hf_rng_below(&sim.rng, 4 * ROUND_MS) : hf_rng_below(&sim.rng, 40);
            sim.now_ms = now_ms;
            sim.running = true;
            fired = hf_wheel_run(&wheel, now_ms);
            assert_int_equal(fired, sim.fired - fired_before);
            sim.running = false;
            check_after_run(now_ms);
        }
        assert_true(sim.fired > STEPS / 4);
        for (size_t i = 0; i < THINGS; i++) {
            if (sim.things[i] != NULL)
                hf_wheel_cancel(&wheel, &sim.things[i]->timer);
            free(sim.things[i]);
        }
        assert_int_equal(wheel.armed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_never_early_and_at_most_a_tick_late),
        cmocka_unit_test(an_unarmed_timer_may_be_cancelled),
        cmocka_unit_test(the_end_of_time_is_a_time),
        cmocka_unit_test(a_jump_fires_all_that_is_due_and_nothing_else),
        cmocka_unit_test(a_run_is_bounded_whatever_a_callback_arms),
        cmocka_unit_test(waits_until_something_can_be_due),
        cmocka_unit_test(agrees_with_a_naive_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
