#include "core/sip/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/sip/tx.h"

static void vectors(void **state)
{
    static const struct {
        uint64_t devices;
        uint32_t interval_ms, held_ms;
        uint64_t present, objects; /* in plenty of memory */
    } rows[] = {
        {1667, 1000, 32000, 53344, 80016}, /* GB-16's own */
        {100000, 60000, 32000, 53334, 80001},
        {0, 60000, 32000, 0, 8},
        {1, 60000, 32000, 1, 8},
        {5, 1000, 1000, 5, 8},
        {6, 1000, 1000, 6, 9},
        {1, 0, 32000, 32000, 48000},
        {UINT64_MAX, 1, UINT32_MAX, UINT64_MAX, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t present = hf_sip_size_present(rows[i].devices, rows[i].interval_ms, rows[i].held_ms);

        assert_int_equal(present, rows[i].present);
        assert_int_equal(hf_sip_size_objects(present, 1, UINT64_MAX), rows[i].objects);
    }
    /* The budget wins, over the minimum as well. */
    assert_int_equal(hf_sip_size_objects(53344, 640, 80016 * 640), 80016);
    assert_int_equal(hf_sip_size_objects(53344, 640, 80016 * 640 - 1), 80015);
    assert_int_equal(hf_sip_size_objects(0, 640, 639), 0);
    assert_int_equal(hf_sip_size_objects(0, 640, 4 * 640), 4);
    /* The default holds what the requirement counts with. */
    assert_true(HF_SIP_TX_MAX >=
                hf_sip_size_objects(hf_sip_size_present(100000, 60000, 32000), 1, UINT64_MAX));
}

static void sized_anew_on_a_tick_when_devices_changed(void **state)
{
    static const struct {
        uint64_t devices, now_ms;
        bool due;
    } rows[] = {
        {1000, 500, true},                                                /* the first time */
        {5000, 10499, false},                                             /* within the tick */
        {1050, 10500, false},                                             /* 5 % is not more than 5 % */
        {1051, 20500, true},  {1051, 30500, false}, {1000, 40500, false}, /* 4.9 % of 1,051 */
        {998, 50500, true},   {0, 60500, true},     {0, 70500, false},    {1, 80500, true},
    };
    struct hf_sip_sizer sizer = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_sip_sizer_due(&sizer, rows[i].devices, rows[i].now_ms) != rows[i].due)
            fail_msg("row %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(sized_anew_on_a_tick_when_devices_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
