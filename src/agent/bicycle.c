#include "agent/bicycle.h"

#include <math.h>
#include <stdbool.h>

#include "base/assert.h"

#define GRAVITY     9.81
#define DRAG        0.21  /* half the air's density x coefficient x front, kg/m: 1.2 / 2 x 0.35 */
#define ROLLING     0.005 /* of the weight */
#define DRIVE       0.97  /* of the power that reaches the wheel */
#define WHEEL_M     2.1   /* around */
#define START_MPS   1.5   /* below it power would be a force without end */
#define BRAKE_MPS2  2.0
#define STOPPED_MPS 0.1
#define LEAN_MAX    0.6 /* rad: where a rider brakes in front of a curve */

static const double gears[] = {1.2, 1.5, 1.8, 2.1, 2.5, 2.9, 3.3, 3.8};

enum { UNIT = 1 << 20 };

static double between(struct hf_rng *rng, double from, double to)
{
    return from + (to - from) * (double)hf_rng_below(rng, UNIT) / UNIT;
}

void hf_bicycle_init(struct hf_bicycle *bicycle, uint64_t seed)
{
    *bicycle = (struct hf_bicycle){.ride = HF_RIDE_RIDING, .gear = 2};
    hf_rng_seed(&bicycle->rng, seed);
    bicycle->base_w = between(&bicycle->rng, 130, 240);
    bicycle->mass_kg = between(&bicycle->rng, 65, 100);
    for (unsigned i = 0; i < 3; i++) {
        bicycle->road[i] = between(&bicycle->rng, 0, 2 * M_PI);
        bicycle->road[3 + i] = between(&bicycle->rng, 0.8, 1.25);
    }
    bicycle->left_s = between(&bicycle->rng, 10, 60);
    bicycle->speed_mps = between(&bicycle->rng, 0, 7);
}

double hf_bicycle_slope(const struct hf_bicycle *bicycle)
{
    const double *road = bicycle->road;

    return 0.045 * sin(bicycle->way_m / (420 * road[3]) + road[0]) +
           0.025 * sin(bicycle->way_m / (97 * road[4]) + road[1]);
}

/* One per metre of the radius; positive to the right. Bends, and straight road between them. */
static double curve(const struct hf_bicycle *bicycle)
{
    const double *road = bicycle->road;
    double wave = sin(bicycle->way_m / (60 * road[5]) + road[2]);

    return 0.03 * wave * wave * wave;
}

/* What the rider does next, and for how long. */
static void decide(struct hf_bicycle *bicycle)
{
    struct hf_rng *rng = &bicycle->rng;
    uint64_t dice = hf_rng_below(rng, 100);

    if (bicycle->ride != HF_RIDE_RIDING)
        bicycle->ride = HF_RIDE_RIDING;
    else
        bicycle->ride = dice < 30   ? HF_RIDE_STOPPED
                        : dice < 55 ? HF_RIDE_SPRINTING
                        : dice < 58 ? HF_RIDE_FALLEN
                                    : HF_RIDE_RIDING;
    bicycle->left_s = bicycle->ride == HF_RIDE_SPRINTING ? between(rng, 6, 14)
                      : bicycle->ride == HF_RIDE_RIDING  ? between(rng, 25, 90)
                                                         : between(rng, 10, 30);
    bicycle->fall_side = dice % 2 ? 1 : -1;
}

static double wanted_w(const struct hf_bicycle *bicycle, double slope)
{
    if (bicycle->ride == HF_RIDE_STOPPED || bicycle->ride == HF_RIDE_FALLEN)
        return 0;
    if (bicycle->ride == HF_RIDE_SPRINTING)
        return bicycle->base_w * 3.6;
    return slope < -0.04 ? 0 : fmax(0, bicycle->base_w * (1 + 12 * slope)); /* rolls down, pushes up */
}

static void move(struct hf_bicycle *bicycle, double slope, double bend, double dt)
{
    double speed = bicycle->speed_mps;
    double force = DRIVE * bicycle->power_w / fmax(speed, START_MPS) - DRAG * speed * speed -
                   bicycle->mass_kg * GRAVITY * (slope + (speed > 0 ? ROLLING : 0));
    double change = force / bicycle->mass_kg;
    double fast_mps = sqrt(tan(LEAN_MAX) * GRAVITY / fmax(fabs(bend), 1e-4));

    if (bicycle->ride == HF_RIDE_STOPPED || speed > fmin(fast_mps, 18))
        change -= BRAKE_MPS2;
    if (bicycle->ride == HF_RIDE_FALLEN)
        change = -4 * BRAKE_MPS2;
    bicycle->speed_mps = fmax(0, speed + change * dt); /* nobody rolls backwards */
    bicycle->way_m += bicycle->speed_mps * dt;
}

static double pedal_rpm(struct hf_bicycle *bicycle)
{
    double rpm = bicycle->speed_mps / WHEEL_M / gears[bicycle->gear] * 60;

    if (bicycle->power_w < 5 || bicycle->speed_mps < STOPPED_MPS)
        return 0; /* the freewheel turns alone */
    if (rpm > 96 && bicycle->gear + 1 < HF_COUNT_OF(gears))
        bicycle->gear++;
    else if (rpm < 68 && bicycle->gear > 0)
        bicycle->gear--;
    return fmin(rpm, 200);
}

static void lean(struct hf_bicycle *bicycle, double bend, double dt)
{
    double to = atan(bicycle->speed_mps * bicycle->speed_mps * bend / GRAVITY);
    double quick = 3;

    if (bicycle->ride == HF_RIDE_FALLEN)
        to = bicycle->fall_side * 1.45, quick = 6; /* on the ground, 83 degrees */
    else if (bicycle->speed_mps < STOPPED_MPS)
        to = bicycle->fall_side * 0.05; /* on one foot */
    else
        to += 0.03 * sin(bicycle->crank_rad) /
              fmax(bicycle->speed_mps, 1); /* from side to side with the pedals */
    bicycle->lean_rad += (to - bicycle->lean_rad) * fmin(1, quick * dt);
}

void hf_bicycle_step(struct hf_bicycle *bicycle, double seconds_later, struct hf_sample *ret_sample)
{
    double slope = hf_bicycle_slope(bicycle), bend = curve(bicycle), rpm, power_w;

    bicycle->left_s -= seconds_later;
    if (bicycle->left_s <= 0)
        decide(bicycle);
    bicycle->power_w += (wanted_w(bicycle, slope) - bicycle->power_w) *
                        fmin(1, (bicycle->ride == HF_RIDE_FALLEN ? 8 : 1.2) * seconds_later);
    move(bicycle, slope, bend, seconds_later);
    rpm = pedal_rpm(bicycle);
    bicycle->crank_rad = fmod(bicycle->crank_rad + rpm / 60 * 2 * M_PI * seconds_later, 2 * M_PI);
    lean(bicycle, bend, seconds_later);
    power_w =
        rpm > 0 ? bicycle->power_w * (1 + 0.35 * cos(2 * bicycle->crank_rad)) + between(&bicycle->rng, -4, 4)
                : 0; /* two legs, two strokes a turn */
    ret_sample->cadence_half_rpm = (uint16_t)lround(rpm * 2);
    ret_sample->power_w = (int16_t)lround(fmin(fmax(power_w, 0), HF_SAMPLE_POWER_MAX));
    ret_sample->lean_q8_deg =
        (int16_t)lround(bicycle->lean_rad * 180 / M_PI * 256 + between(&bicycle->rng, -20, 20));
}
