#include "bench/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

#define MS UINT64_C(1000000)
#define S  (UINT64_C(1000) * MS)

static void intended_times(void **state)
{
    static const struct {
        double rate;
        enum hf_bench_ramp ramp;
        uint64_t ramp_ns;
        unsigned steps;
        uint64_t index, at_ns;
    } rows[] = {
        {1000, HF_BENCH_RAMP_NONE, 0, 0, 0, 0},
        {1000, HF_BENCH_RAMP_NONE, 0, 0, 1, MS},
        {1000, HF_BENCH_RAMP_NONE, 0, 0, 86400000, 86400 * S}, /* a day does not drift */
        {1000, HF_BENCH_RAMP_LINEAR, 10 * S, 0, 0, 0},
        {1000, HF_BENCH_RAMP_LINEAR, 10 * S, 0, 1250, 5 * S}, /* half the time, a quarter of the events */
        {1000, HF_BENCH_RAMP_LINEAR, 10 * S, 0, 5000, 10 * S},
        {1000, HF_BENCH_RAMP_LINEAR, 10 * S, 0, 6000, 11 * S},
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 0, 0},
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 1, 2 * MS}, /* half the rate on the first plateau */
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 2500, 5 * S},
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 2501, 5 * S + MS},
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 7500, 10 * S},
        {1000, HF_BENCH_RAMP_STEP, 10 * S, 2, 8500, 11 * S},
        {1000, HF_BENCH_RAMP_LINEAR, 0, 0, 1, MS}, /* a ramp of no length is none */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_bench_schedule schedule;

        hf_bench_schedule_init(&schedule, rows[i].rate, rows[i].ramp, rows[i].ramp_ns, rows[i].steps);
        assert_int_equal(hf_bench_schedule_at_ns(&schedule, rows[i].index), rows[i].at_ns);
    }
}

/* due() is the exact inverse of at_ns(), in every shape and at odd rates: no event is skipped or sent early. */
static void due_is_the_inverse(void **state)
{
    static const double rates[] = {0.3, 7, 999.9, 33333, 1e6};

    (void)state;
    for (size_t r = 0; r < HF_COUNT_OF(rates); r++) {
        for (unsigned ramp = HF_BENCH_RAMP_NONE; ramp <= HF_BENCH_RAMP_LINEAR; ramp++) {
            struct hf_bench_schedule schedule;

            hf_bench_schedule_init(&schedule, rates[r], ramp, 3 * S, 7);
            hf_bench_schedule_share(&schedule, 1, 3);
            for (uint64_t t = 0; t < 8 * S; t += 6999999) {
                uint64_t due = hf_bench_schedule_due(&schedule, t);

                assert_true(due == 0 || hf_bench_schedule_at_ns(&schedule, due - 1) <= t);
                assert_true(hf_bench_schedule_at_ns(&schedule, due) > t);
            }
        }
    }
}

static void several_processes_make_one_even_rate(void **state)
{
    enum { PROCESSES = 4 };
    struct hf_bench_schedule whole, share[PROCESSES];

    (void)state;
    hf_bench_schedule_init(&whole, 1000, HF_BENCH_RAMP_NONE, 0, 0);
    for (unsigned i = 0; i < PROCESSES; i++) {
        share[i] = whole;
        hf_bench_schedule_share(&share[i], i, PROCESSES);
    }
    for (uint64_t index = 0; index < 4000; index++)
        assert_int_equal(hf_bench_schedule_at_ns(&share[index % PROCESSES], index / PROCESSES),
                         hf_bench_schedule_at_ns(&whole, index));
}

/* Goal: a stalled server must show in the latency. Method: a simulated server answers in 1 ms, except that it
 * stops for one second; a single connection that can only have one message under way. A closed loop would see one
 * slow message of 1,000; measured from the intended time, every message meant for the stall is slow. */
static void a_stall_is_not_omitted(void **state)
{
    enum { RATE = 100, SECONDS = 10 };
    struct hf_bench_schedule schedule;
    uint64_t free_at = 0, slow_open = 0, slow_closed = 0, worst = 0;

    (void)state;
    hf_bench_schedule_init(&schedule, RATE, HF_BENCH_RAMP_NONE, 0, 0);
    for (uint64_t i = 0; i < RATE * SECONDS; i++) {
        uint64_t intended = hf_bench_schedule_at_ns(&schedule, i);
        uint64_t sent = HF_MAX(intended, free_at);
        uint64_t done = sent + MS;

        if (sent >= 5 * S && sent < 6 * S) /* the server's pause */
            done = 6 * S + MS;
        free_at = done;
        slow_open += done - intended > 50 * MS;
        slow_closed += done - sent > 50 * MS;
        worst = HF_MAX(worst, done - intended);
    }
    assert_int_equal(slow_closed, 1);
    assert_in_range(slow_open, 95, 120); /* a second of 100 a second, and the queue behind it */
    assert_int_equal(worst, S + MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intended_times),
        cmocka_unit_test(due_is_the_inverse),
        cmocka_unit_test(several_processes_make_one_even_rate),
        cmocka_unit_test(a_stall_is_not_omitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
