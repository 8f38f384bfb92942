/* agent/bicycle_test.c - the same ride again from the same seed, values in their ranges, and physics that hold. */
#include "agent/bicycle.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HOUR = 3600 * 100 }; /* of steps at 100 Hz */

static void equal_seeds_give_equal_rides(void **state)
{
    struct hf_bicycle a, b, other;
    struct hf_sample sa, sb, so;
    unsigned differ = 0;

    (void)state;
    hf_bicycle_init(&a, 7);
    hf_bicycle_init(&b, 7);
    hf_bicycle_init(&other, 8);
    for (unsigned i = 0; i < 60000; i++) {
        hf_bicycle_step(&a, 0.01, &sa);
        hf_bicycle_step(&b, 0.01, &sb);
        hf_bicycle_step(&other, 0.01, &so);
        assert_int_equal(sa.power_w, sb.power_w);
        assert_int_equal(sa.cadence_half_rpm, sb.cadence_half_rpm);
        assert_int_equal(sa.lean_q8_deg, sb.lean_q8_deg);
        differ += sa.power_w != so.power_w;
    }
    assert_true(differ > 30000);
}

/* An hour of twenty riders: everything that can happen happens, and nothing that cannot. */
static void rides_keep_to_physics(void **state)
{
    unsigned rides[HF_RIDES] = {0}, climbs = 0, coasts = 0, leaned = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct hf_bicycle bicycle;
        struct hf_sample sample = {0};

        hf_bicycle_init(&bicycle, seed);
        for (unsigned i = 0; i < HOUR / 4; i++) {
            double before_mps = bicycle.speed_mps;

            hf_bicycle_step(&bicycle, 0.01, &sample);
            assert_true(hf_sample_valid(&sample) && sample.power_w >= 0);
            assert_true(bicycle.speed_mps >= 0 && bicycle.speed_mps < 25);
            assert_true(fabs(bicycle.speed_mps - before_mps) < 0.15); /* 15 m/s2: no jumps */
            if (sample.cadence_half_rpm == 0)
                assert_int_equal(sample.power_w, 0); /* no power without a turning crank */
            if (bicycle.ride == HF_RIDE_FALLEN && bicycle.left_s < 5)
                assert_true(abs(sample.lean_q8_deg) > 70 * 256 && bicycle.speed_mps == 0);
            if (bicycle.ride == HF_RIDE_RIDING && bicycle.speed_mps > 2)
                assert_true(abs(sample.lean_q8_deg) < 83 * 256);
            rides[bicycle.ride]++;
            climbs += hf_bicycle_slope(&bicycle) > 0.03 && sample.power_w > 200;
            coasts += bicycle.speed_mps > 5 && sample.cadence_half_rpm == 0;
            leaned += abs(sample.lean_q8_deg) > 15 * 256;
        }
        assert_true(bicycle.way_m > 1000); /* a quarter of an hour */
    }
    for (unsigned i = 0; i < HF_RIDES; i++)
        assert_true(rides[i] > 0);
    assert_true(climbs > 1000 && coasts > 1000 && leaned > 1000);
}

/* On the flat the speed is the one at which power, air and rolling resistance agree. */
static void power_gives_its_speed(void **state)
{
    struct hf_bicycle bicycle;
    struct hf_sample sample;

    (void)state;
    hf_bicycle_init(&bicycle, 3);
    for (unsigned i = 0; i < 20000; i++) { /* 200 s at one place: the road does not move on */
        bicycle.ride = HF_RIDE_RIDING;
        bicycle.left_s = 100;
        bicycle.way_m = 0;
        memset(bicycle.road, 0, 3 * sizeof(double)); /* no slope, no bend */
        hf_bicycle_step(&bicycle, 0.01, &sample);
    }
    double v = bicycle.speed_mps;
    double needed_w = (0.21 * v * v + 0.005 * bicycle.mass_kg * 9.81) * v / 0.97;
    assert_true(fabs(needed_w - bicycle.power_w) < 2);
    assert_true(v > 6 && v < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_give_equal_rides),
        cmocka_unit_test(rides_keep_to_physics),
        cmocka_unit_test(power_gives_its_speed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
