#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/session/slots.h"

enum { FLEET = 100000, WORKERS = 4, PER_WORKER = FLEET / WORKERS };

static void the_lowest_free_one(void **state)
{
    struct hf_slots slots;

    (void)state;
    hf_slots_init(&slots);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(hf_slots_take(&slots), i);
    hf_slots_give(&slots, 4000);
    hf_slots_give(&slots, 70);
    hf_slots_give(&slots, 64);
    hf_slots_give(&slots, 63);
    hf_slots_give(&slots, HF_SLOT_NONE);
    assert_int_equal(slots.taken, 4996);
    assert_int_equal(hf_slots_take(&slots), 63);
    assert_int_equal(hf_slots_take(&slots), 64);
    assert_int_equal(hf_slots_take(&slots), 70);
    assert_int_equal(hf_slots_take(&slots), 4000);
    assert_int_equal(hf_slots_take(&slots), 5000);
    assert_int_equal(slots.taken, 5001);
    hf_slots_deinit(&slots);
    assert_int_equal(hf_slots_take(&slots), 0); /* and it can begin again */
    hf_slots_deinit(&slots);
}

static void tickets(void **state)
{
    static const struct {
        uint32_t slot;
        unsigned worker, workers;
        uint32_t per_second, ticket_ms;
    } rows[] = {
        {0, 0, 1, 500, 1},
        {1, 0, 1, 500, 3},
        {499, 0, 1, 500, 999},
        {500, 0, 1, 500, 1001},
        {0, 3, 4, 500, 7},
        {1, 0, 4, 500, 9}, /* workers interleave */
        {7, 0, 1, 1, 7001},
        {3, 0, 1, 1000000, 1},
        {HF_SLOT_NONE, 0, 1, 500, 0},
        {HF_SLOT_NONE - 1, 1, 2, 1, UINT32_MAX}, /* cut, not wrapped */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(
            hf_slots_ticket_ms(rows[i].slot, rows[i].worker, rows[i].workers, rows[i].per_second),
            rows[i].ticket_ms);
}

static struct hf_slots workers[WORKERS];
static uint32_t held[WORKERS][PER_WORKER]; /* HF_SLOT_NONE = away */

static void connect_all(void)
{
    for (unsigned worker = 0; worker < WORKERS; worker++)
        for (unsigned i = 0; i < PER_WORKER; i++)
            if (held[worker][i] == HF_SLOT_NONE)
                held[worker][i] = hf_slots_take(&workers[worker]);
}

static void disconnect(unsigned worker, unsigned i)
{
    hf_slots_give(&workers[worker], held[worker][i]);
    held[worker][i] = HF_SLOT_NONE;
}

/* Devices per second of their return; the last second may be a part of one and is left out. */
static void count_returns(uint32_t per_second, unsigned *ret_least, unsigned *ret_most, unsigned *ret_seconds)
{
    static unsigned seconds[1000];
    unsigned last = 0;

    for (unsigned i = 0; i < HF_COUNT_OF(seconds); i++)
        seconds[i] = 0;
    for (unsigned worker = 0; worker < WORKERS; worker++)
        for (unsigned i = 0; i < PER_WORKER; i++) {
            if (held[worker][i] == HF_SLOT_NONE)
                continue;
            unsigned second = hf_slots_ticket_ms(held[worker][i], worker, WORKERS, per_second) / 1000;

            assert_in_range(second, 0, HF_COUNT_OF(seconds) - 1);
            seconds[second]++;
            last = HF_MAX(last, second);
        }
    *ret_least = UINT32_MAX;
    *ret_most = 0;
    *ret_seconds = last;
    for (unsigned i = 0; i < last; i++) {
        *ret_least = HF_MIN(*ret_least, seconds[i]);
        *ret_most = HF_MAX(*ret_most, seconds[i]);
    }
}

/* RC-4: however the fleet grew and shrank, it comes back at the chosen rate. */
static void a_fleet_returns_flat(void **state)
{
    static const uint32_t rates[] = {500, 2000, 5000};
    unsigned least, most, seconds;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 4);
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        hf_slots_init(&workers[worker]);
        for (unsigned i = 0; i < PER_WORKER; i++)
            held[worker][i] = HF_SLOT_NONE;
    }
    connect_all();
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < FLEET / 3; i++) {
            unsigned worker = (unsigned)hf_rng_below(&rng, WORKERS),
                     device = (unsigned)hf_rng_below(&rng, PER_WORKER);

            if (held[worker][device] != HF_SLOT_NONE)
                disconnect(worker, device);
        }
        for (size_t i = 0; i < HF_COUNT_OF(rates); i++) { /* holes slow the return, they never crowd it */
            count_returns(rates[i], &least, &most, &seconds);
            assert_in_range(most, 0, rates[i] + rates[i] / 10);
        }
        connect_all();
    }
    for (size_t i = 0; i < HF_COUNT_OF(rates); i++) {
        count_returns(rates[i], &least, &most, &seconds);
        assert_in_range(least, rates[i] - rates[i] / 10, rates[i]);
        assert_in_range(most, rates[i], rates[i] + rates[i] / 10);
        assert_in_range(seconds, FLEET / rates[i] - 1, FLEET / rates[i]);
    }
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        assert_int_equal(workers[worker].taken, PER_WORKER);
        hf_slots_deinit(&workers[worker]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_free_one),
        cmocka_unit_test(tickets),
        cmocka_unit_test(a_fleet_returns_flat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
