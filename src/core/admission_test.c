#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/admission.h"

static struct hf_admission admission;

static void begin(struct hf_admission_limits limits)
{
    static const uint8_t key[16] = "0123456789abcde";

    hf_admission_init(&admission, &limits, key);
}

static struct hf_admission_limits wide(void)
{
    return (struct hf_admission_limits){.connections_max = 100,
                                        .plain = {1000000, 1000000},
                                        .tls = {1000000, 1000000},
                                        .prefix = {10, 5},
                                        .prefix_v4_bits = 24,
                                        .prefix_v6_bits = 64};
}

static enum hf_reason v4(uint32_t address, uint64_t now_ms)
{
    uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
                        (uint8_t)address};

    return hf_admission_decide(&admission, bytes, 4, false, 0, now_ms);
}

static void totals_and_rates(void **state)
{
    struct hf_admission_limits limits = wide();
    const uint8_t address[4] = {10, 0, 0, 1};

    (void)state;
    limits.prefix.capacity = 0; /* no limit */
    limits.plain = (struct hf_rate_limit){10, 2};
    limits.tls = (struct hf_rate_limit){10, 1};
    begin(limits);
    assert_int_equal(hf_admission_decide(&admission, address, 4, false, 100, 0), HF_REASON_CONNECTION_LIMIT);
    assert_int_equal(hf_admission_decide(&admission, address, 4, false, 99, 0), HF_REASON_NONE);
    assert_int_equal(hf_admission_decide(&admission, address, 4, false, 99, 0), HF_REASON_NONE);
    assert_int_equal(hf_admission_decide(&admission, address, 4, false, 99, 0), HF_REASON_ACCEPT_RATE);
    assert_int_equal(hf_admission_decide(&admission, address, 4, true, 99, 0),
                     HF_REASON_NONE); /* a rate of its own */
    assert_int_equal(hf_admission_decide(&admission, address, 4, true, 99, 0), HF_REASON_ACCEPT_RATE);
    assert_int_equal(hf_admission_decide(&admission, address, 4, true, 99, 100), HF_REASON_NONE);
    assert_int_equal(admission.stats.admitted, 4);
    assert_int_equal(admission.stats.refused[HF_REASON_ACCEPT_RATE], 2);
    assert_int_equal(admission.stats.refused[HF_REASON_CONNECTION_LIMIT], 1);
}

static void a_prefix_has_its_own_bucket(void **state)
{
    (void)state;
    begin(wide());
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(v4(0x0a000000 + i, 0), HF_REASON_NONE);
    assert_int_equal(v4(0x0a0000ff, 0), HF_REASON_PREFIX_RATE); /* the same /24 */
    assert_int_equal(v4(0x0a0001ff, 0), HF_REASON_NONE);        /* its neighbour */
    assert_int_equal(v4(0x0a0000ff, 99), HF_REASON_PREFIX_RATE);
    assert_int_equal(v4(0x0a0000ff, 100), HF_REASON_NONE);
    uint8_t v6[16] = {0x20, 1, 0x0d, 0xb8, 1, 2, 3, 4, 5};
    for (unsigned i = 0; i < 5; i++) {
        v6[8 + i] = (uint8_t)(i + 1); /* the host's half */
        assert_int_equal(hf_admission_decide(&admission, v6, 16, false, 0, 0), HF_REASON_NONE);
    }
    assert_int_equal(hf_admission_decide(&admission, v6, 16, false, 0, 0), HF_REASON_PREFIX_RATE);
    v6[7]++;
    assert_int_equal(hf_admission_decide(&admission, v6, 16, false, 0, 0), HF_REASON_NONE);
}

/* OL-1: floods from a few prefixes must not shut out the others that share one of their buckets. */
static void a_flood_hits_itself(void **state)
{
    unsigned refused = 0;

    (void)state;
    begin(wide());
    for (unsigned prefix = 0; prefix < 40; prefix++)
        for (unsigned i = 0; i < 1000; i++)
            (void)v4(0xc0000000 + (prefix << 8), 0);
    assert_int_equal(admission.stats.admitted, 40 * 5); /* no two of them helped each other */
    for (unsigned prefix = 0; prefix < 2000; prefix++)
        refused += v4(0x20000000 + (prefix << 8), 0) != HF_REASON_NONE;
    assert_in_range(
        refused, 0,
        8); /* both rows must collide: 2000 * (40/4096)^2 = 0.2 are expected, and their own load */
    assert_int_equal(admission.stats.refused[HF_REASON_ACCEPT_RATE], 0);
}

static void bits_choose_the_prefix(void **state)
{
    struct hf_admission_limits limits = wide();

    (void)state;
    limits.prefix_v4_bits = 32;
    limits.prefix.capacity = 1;
    begin(limits);
    assert_int_equal(v4(0x0a000001, 0), HF_REASON_NONE);
    assert_int_equal(v4(0x0a000002, 0), HF_REASON_NONE);
    assert_int_equal(v4(0x0a000001, 0), HF_REASON_PREFIX_RATE);
    limits.prefix_v4_bits = 20;
    begin(limits);
    assert_int_equal(v4(0x0a000f01, 0), HF_REASON_NONE);
    assert_int_equal(v4(0x0a000002, 0), HF_REASON_PREFIX_RATE);
    assert_int_equal(v4(0x0a001002, 0), HF_REASON_NONE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_and_rates),
        cmocka_unit_test(a_prefix_has_its_own_bucket),
        cmocka_unit_test(a_flood_hits_itself),
        cmocka_unit_test(bits_choose_the_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
