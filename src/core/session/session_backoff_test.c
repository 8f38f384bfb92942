#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/hash.h"
#include "core/session/backoff.h"

enum { DRAWS = 20000, DEVICES = 10000, BIN_MS = 100, BINS = HF_BACKOFF_CAP_MS / BIN_MS + 1 };

static const struct hf_backoff_end lost = {.close_code = 1006};
static struct hf_rng rng;

static uint64_t next_ms(struct hf_backoff *backoff, struct hf_backoff_end end)
{
    uint64_t delay_ms = UINT64_MAX;

    assert_int_equal(hf_backoff_next(backoff, &end, &rng, &delay_ms), HF_BACKOFF_RETRY);
    return delay_ms;
}

static struct hf_backoff after_attempts(uint32_t attempts)
{
    struct hf_backoff backoff;

    hf_backoff_init(&backoff, HF_BACKOFF_BASE_MS, HF_BACKOFF_CAP_MS);
    backoff.attempts = attempts;
    return backoff;
}

/* U(0, ceiling): both ends come, and the mean is in the middle. */
static void expect_uniform(struct hf_backoff backoff, struct hf_backoff_end end, uint64_t low_ms,
                           uint64_t high_ms)
{
    uint64_t least = UINT64_MAX, most = 0, sum = 0;

    for (unsigned i = 0; i < DRAWS; i++) {
        struct hf_backoff fresh = backoff;
        uint64_t delay_ms = next_ms(&fresh, end);

        least = HF_MIN(least, delay_ms);
        most = HF_MAX(most, delay_ms);
        sum += delay_ms;
    }
    uint64_t width = high_ms - low_ms, middle = low_ms + width / 2;

    assert_in_range(least, low_ms, low_ms + width / 500);
    assert_in_range(most, high_ms - width / 500, high_ms);
    assert_in_range(sum / DRAWS, middle - width / 50, middle + width / 50);
}

static void the_ceiling_doubles_up_to_the_cap(void **state)
{
    static const struct {
        uint32_t base_ms, cap_ms, attempts;
        uint64_t ceiling_ms;
    } rows[] = {
        {1000, 30000, 0, 1000}, /* jitter on the first attempt, too */
        {1000, 30000, 1, 2000},
        {1000, 30000, 2, 4000},
        {1000, 30000, 4, 16000},
        {1000, 30000, 5, 30000},
        {1000, 30000, 6, 30000},
        {1000, 30000, 4000000000, 30000},
        {100, 30000, 0, 100},
        {100, 30000, 8, 25600},
        {100, 30000, 9, 30000},
        {5000, 1000, 0, 1000},
        {UINT32_MAX, UINT32_MAX, 9, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_backoff backoff;

        hf_backoff_init(&backoff, rows[i].base_ms, rows[i].cap_ms);
        backoff.attempts = rows[i].attempts;
        expect_uniform(backoff, lost, 0, rows[i].ceiling_ms);
    }
}

/* RC-2, with the seeds as devices have them: entropy mixed with the device's id. */
static void ten_thousand_devices_do_not_crowd(void **state)
{
    (void)state;
    for (uint32_t attempts = 5; attempts < 9; attempts++) {
        static unsigned bins[BINS];
        uint64_t sum = 0;

        for (unsigned i = 0; i < BINS; i++)
            bins[i] = 0;
        for (uint64_t device = 0; device < DEVICES; device++) {
            struct hf_backoff backoff = after_attempts(attempts);

            hf_rng_seed(&rng, hf_hash_mix(device) ^ UINT64_C(0x1234567890abcdef));
            uint64_t delay_ms = next_ms(&backoff, lost);

            sum += delay_ms;
            bins[delay_ms / BIN_MS]++;
        }
        assert_in_range(sum / DEVICES, 15000 - 300, 15000 + 300);
        for (unsigned i = 0; i < BINS; i++)
            assert_in_range(bins[i], 0, DEVICES / 100);
    }
}

static void only_a_stable_connection_resets(void **state)
{
    static const struct {
        uint64_t connected_ms;
        uint32_t attempts_after;
    } rows[] = {{0, 8}, {1, 8}, {59999, 8}, {60000, 1}, {UINT64_MAX, 1}};
    struct hf_backoff backoff;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        backoff = after_attempts(7);
        (void)next_ms(&backoff, (struct hf_backoff_end){1006, 0, rows[i].connected_ms});
        assert_int_equal(backoff.attempts, rows[i].attempts_after);
    }
    hf_backoff_init(&backoff, HF_BACKOFF_BASE_MS, HF_BACKOFF_CAP_MS);
    for (uint32_t i = 0; i < 10; i++) { /* every stage that fails is one attempt */
        assert_int_equal(backoff.attempts, i);
        (void)next_ms(&backoff, (struct hf_backoff_end){0});
    }
    expect_uniform(after_attempts(7), (struct hf_backoff_end){1006, 0, 60000}, 0, 1000);
    backoff = after_attempts(UINT32_MAX);
    (void)next_ms(&backoff, lost);
    assert_int_equal(backoff.attempts, UINT32_MAX); /* years of failure do not wrap to 0 */
}

/* Section 7 of the protocol, at a = 2: ceiling 4 s. */
static void close_codes(void **state)
{
    static const struct {
        uint16_t close_code;
        uint32_t retry_ms;
        uint64_t low_ms;
    } rows[] = {
        {0, 0, 0},           {1001, 0, 0},         {1002, 0, 0},
        {1003, 0, 0},        {1006, 0, 0},         {1007, 0, 0},
        {1008, 0, 0},        {1009, 0, 0},         {1011, 0, 0},
        {1012, 0, 0},        {1013, 0, 0},         {4400, 0, 0},
        {4401, 0, 0},        {4403, 0, 300000},    {4408, 0, 0},
        {4409, 0, 30000},    {4429, 0, 5000},      {4999, 0, 0}, /* unknown */
        {0, 7000, 7000},     {1001, 7000, 7000},   {1006, 7000, 7000},
        {1012, 7000, 7000},  {1013, 7000, 7000},   {4429, 7000, 7000},
        {4429, 100, 100},    {4403, 7000, 300000}, {4403, 400000, 400000},
        {4409, 7000, 30000}, {4409, 31000, 31000}, {1013, UINT32_MAX, HF_RETRY_MS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect_uniform(after_attempts(2), (struct hf_backoff_end){rows[i].close_code, rows[i].retry_ms, 0},
                       rows[i].low_ms, rows[i].low_ms + 4000);
}

static void closed_for_good(void **state)
{
    struct hf_backoff backoff = after_attempts(0);
    uint64_t delay_ms = 77;

    (void)state;
    hf_backoff_ticket(&backoff, 10);
    assert_int_equal(hf_backoff_next(&backoff, &(struct hf_backoff_end){1000, 500, 1}, &rng, &delay_ms),
                     HF_BACKOFF_STAY);
    assert_int_equal(delay_ms, 77);
}

static void unattended_devices_never_give_up(void **state)
{
    struct hf_backoff backoff = after_attempts(0);
    uint64_t delay_ms;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        assert_in_range(next_ms(&backoff, lost), 0, HF_BACKOFF_CAP_MS);
    backoff = after_attempts(0);
    backoff.attempts_max = 3;
    for (unsigned i = 0; i < 3; i++)
        (void)next_ms(&backoff, lost);
    assert_int_equal(hf_backoff_next(&backoff, &lost, &rng, &delay_ms), HF_BACKOFF_GIVE_UP);
    assert_int_equal(hf_backoff_next(&backoff, &lost, &rng, &delay_ms), HF_BACKOFF_GIVE_UP);
    (void)next_ms(&backoff, (struct hf_backoff_end){1006, 0, 60000}); /* it had come through in between */
}

static void a_ticket_replaces_the_first_delay(void **state)
{
    static const uint16_t by_ticket[] = {1001, 1006, 4408},
                          not_by_ticket[] = {0, 1002, 1011, 1012, 1013, 4400, 4401, 4429};
    struct hf_backoff backoff;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(by_ticket); i++) {
        const struct hf_backoff_end end = {by_ticket[i], 0, 90000}, told = {by_ticket[i], 3000, 90000};

        backoff = after_attempts(4);
        hf_backoff_ticket(&backoff, 17345);
        assert_int_equal(next_ms(&backoff, end), 17345); /* exactly: the slot is the jitter */
        assert_int_equal(backoff.attempts, 1);
        expect_uniform(backoff, lost, 0, 2000); /* later ones follow RC-1 */
        hf_backoff_ticket(&backoff, 17345);
        assert_int_equal(next_ms(&backoff, told),
                         20345); /* a common bound moves the slots, and keeps them apart */
        hf_backoff_ticket(&backoff, UINT32_MAX);
        assert_int_equal(next_ms(&backoff, end), HF_TICKET_MS_MAX);
        hf_backoff_ticket(&backoff, 500);
        hf_backoff_ticket(&backoff, 0); /* taken away again */
        expect_uniform(backoff, end, 0, 1000);
    }
    for (size_t i = 0; i < HF_COUNT_OF(not_by_ticket); i++) {
        backoff = after_attempts(0);
        hf_backoff_ticket(&backoff, 500000);
        assert_in_range(next_ms(&backoff, (struct hf_backoff_end){not_by_ticket[i], 0, 90000}), 0, 6000);
        assert_in_range(next_ms(&backoff, lost), 0, 2000); /* and it is no longer good */
    }
    backoff = after_attempts(0);
    hf_backoff_ticket(&backoff, 500000);
    assert_in_range(next_ms(&backoff, (struct hf_backoff_end){4403, 0, 0}), 300000, 301000);
    backoff = after_attempts(0);
    hf_backoff_ticket(&backoff, 500000);
    assert_in_range(next_ms(&backoff, (struct hf_backoff_end){4409, 0, 0}), 30000, 31000);
}

/* The device with slot 0 and a gateway that drops it at once: its delays have to grow like everybody's. */
static void a_ticket_does_not_undo_backing_off(void **state)
{
    struct hf_backoff backoff = after_attempts(0);

    (void)state;
    hf_backoff_ticket(&backoff, 1);
    assert_int_equal(next_ms(&backoff, (struct hf_backoff_end){1006, 0, 59999}),
                     1); /* the first loss of all */
    for (unsigned i = 1; i < 8; i++) {
        hf_backoff_ticket(&backoff, 1);
        expect_uniform(backoff, (struct hf_backoff_end){1006, 0, 59999}, 1,
                       1 + (uint64_t)HF_MIN(1000u << i, 30000u));
        (void)next_ms(&backoff, (struct hf_backoff_end){1006, 0, 59999});
    }
}

static void the_network_came_up(void **state)
{
    struct hf_backoff backoff = after_attempts(9);
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t delay_ms = hf_backoff_network_up(&backoff, &rng);

        least = HF_MIN(least, delay_ms);
        most = HF_MAX(most, delay_ms);
    }
    assert_int_equal(least, 0);
    assert_int_equal(most, HF_BACKOFF_BASE_MS);
    assert_int_equal(backoff.attempts, 9);
}

static int seed(void **state)
{
    (void)state;
    hf_rng_seed(&rng, 2026);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_ceiling_doubles_up_to_the_cap, seed),
        cmocka_unit_test_setup(ten_thousand_devices_do_not_crowd, seed),
        cmocka_unit_test_setup(only_a_stable_connection_resets, seed),
        cmocka_unit_test_setup(close_codes, seed),
        cmocka_unit_test_setup(closed_for_good, seed),
        cmocka_unit_test_setup(unattended_devices_never_give_up, seed),
        cmocka_unit_test_setup(a_ticket_replaces_the_first_delay, seed),
        cmocka_unit_test_setup(a_ticket_does_not_undo_backing_off, seed),
        cmocka_unit_test_setup(the_network_came_up, seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
