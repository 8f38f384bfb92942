#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/session/rtt.h"

static void nothing_measured_is_zero(void **state)
{
    const struct hf_rtt rtt = {0};

    (void)state;
    assert_int_equal(hf_rtt_srtt_ms(&rtt), 0);
    assert_int_equal(hf_rtt_spread_ms(&rtt), 0);
    assert_int_equal(hf_rtt_rto_ms(&rtt, 0), HF_RTO_MS_MIN);
}

/* RFC 6298 2.2 and 2.3, worked out by hand. */
static void samples_smooth(void **state)
{
    static const struct {
        uint64_t sample_ms;
        uint32_t srtt_us, rttvar_us, srtt_ms, spread_ms, rto_ms;
    } rows[] = {
        {100, 100000, 50000, 100, 300, 1000},   /* SRTT = R, RTTVAR = R/2 */
        {100, 100000, 37500, 100, 250, 1000},   /* 3/4 RTTVAR + 1/4 |SRTT - R| */
        {900, 200000, 228125, 200, 1113, 1113}, /* RTTVAR before SRTT: 28,125 + 800,000 / 4 */
        {0, 175000, 221093, 175, 1060, 1060},   /* a sample of 0 ms is 1 us; it pulls SRTT down by 1/8 */
        {175, 175000, 165819, 175, 839, 1000},  /* floor */
    };
    struct hf_rtt rtt = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_rtt_sample(&rtt, rows[i].sample_ms);
        assert_int_equal(rtt.srtt_us, rows[i].srtt_us);
        assert_int_equal(rtt.rttvar_us, rows[i].rttvar_us);
        assert_int_equal(hf_rtt_srtt_ms(&rtt), rows[i].srtt_ms);
        assert_int_equal(hf_rtt_spread_ms(&rtt), rows[i].spread_ms);
        assert_int_equal(hf_rtt_rto_ms(&rtt, 0), rows[i].rto_ms);
    }
}

static void a_sample_of_nothing_is_still_one(void **state)
{
    struct hf_rtt rtt = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        hf_rtt_sample(&rtt, 0);
        assert_int_equal(rtt.srtt_us, 1); /* 0 would read as "none yet" */
        assert_int_equal(hf_rtt_srtt_ms(&rtt), 1);
    }
}

static void absurd_samples_are_cut(void **state)
{
    struct hf_rtt rtt = {0}, cut = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        hf_rtt_sample(&rtt, UINT64_MAX - i);
        hf_rtt_sample(&cut, HF_RTT_MS_MAX);
        assert_int_equal(rtt.srtt_us, cut.srtt_us);
        assert_int_equal(rtt.rttvar_us, cut.rttvar_us);
        hf_rtt_sample(&rtt, 1);
        hf_rtt_sample(&cut, 1);
    }
    assert_in_range(hf_rtt_spread_ms(&rtt), HF_RTT_MS_MAX, 5u * HF_RTT_MS_MAX); /* not wrapped */
    assert_int_equal(hf_rtt_rto_ms(&rtt, 0), HF_RTO_MS_MAX);
}

static void the_timeout_doubles_within_its_bounds(void **state)
{
    static const struct {
        uint32_t srtt_us, rttvar_us;
        unsigned timeouts;
        uint32_t rto_ms;
    } rows[] = {
        {0, 0, 0, 1000},
        {0, 0, 1, 2000},
        {0, 0, 2, 4000},
        {0, 0, 5, 32000},
        {0, 0, 6, 60000},
        {0, 0, 7, 60000},
        {0, 0, 255, 60000},
        {0, 0, UINT32_MAX, 60000},
        {999001, 0, 0, 1000},
        {1000001, 0, 0, 1001},
        {1000000, 250000, 1, 4000},
        {60000000, 1, 0, 60000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_rtt rtt = {rows[i].srtt_us, rows[i].rttvar_us};

        assert_int_equal(hf_rtt_rto_ms(&rtt, rows[i].timeouts), rows[i].rto_ms);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_measured_is_zero),
        cmocka_unit_test(samples_smooth),
        cmocka_unit_test(a_sample_of_nothing_is_still_one),
        cmocka_unit_test(absurd_samples_are_cut),
        cmocka_unit_test(the_timeout_doubles_within_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
