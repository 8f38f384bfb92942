/* When and how often a device may renew its certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/renewal.h"

static void is_offered_from_two_thirds_of_the_life(void **state)
{
    (void)state;
    assert_int_equal(hf_renewal_from_ms(1000, 91000), 61000);
    assert_int_equal(hf_renewal_from_ms(0, 2), 0);
    assert_int_equal(hf_renewal_from_ms(5, 5), 5); /* no life at all */
    assert_int_equal(hf_renewal_from_ms(9, 5), 5);
}

static void a_device_has_its_share_of_an_hour(void **state)
{
    struct hf_renewal_rates *rates = calloc(1, sizeof(*rates));
    uint64_t wait_ms = 0;

    (void)state;
    assert_non_null(rates);
    for (unsigned hour = 0; hour < 3; hour++) {
        uint64_t begin_ms = 5000 + (uint64_t)hour * HF_RENEWAL_WINDOW_MS;

        for (unsigned i = 0; i < HF_RENEWALS_PER_DEVICE; i++)
            assert_true(hf_renewal_take(rates, 77, begin_ms + i, &wait_ms));
        assert_false(hf_renewal_take(rates, 77, begin_ms + 10, &wait_ms));
        assert_int_equal(wait_ms, HF_RENEWAL_WINDOW_MS - 10);
        assert_true(hf_renewal_take(rates, 78, begin_ms + 10, &wait_ms)); /* its neighbour */
        assert_false(hf_renewal_take(rates, 77, begin_ms + HF_RENEWAL_WINDOW_MS - 1, &wait_ms));
        assert_int_equal(wait_ms, 1);
    }
    /* Who shares its slot takes it, and is not held up by the other's count. */
    assert_true(
        hf_renewal_take(rates, 77 + HF_RENEWAL_SLOTS, 5000 + 2 * (uint64_t)HF_RENEWAL_WINDOW_MS, &wait_ms));
    free(rates);
}

static void each_result_says_what_it_is(void **state)
{
    (void)state;
    assert_string_equal(hf_renewal_name(HF_RENEWAL_ISSUED), "issued");
    assert_int_equal(hf_renewal_reason(HF_RENEWAL_ISSUED), HF_REASON_NONE);
    for (unsigned i = 0; i < HF_RENEWALS; i++) {
        assert_true(hf_renewal_name(i)[0] != '\0' && hf_renewal_text(i)[0] != '\0');
        assert_true(i == HF_RENEWAL_ISSUED || hf_renewal_reason(i) != HF_REASON_NONE);
    }
    assert_string_equal(hf_renewal_name(HF_RENEWALS), "failed");
    assert_non_null(strstr(hf_renewal_text(HF_RENEWAL_TOO_BIG), "8192"));
    _Static_assert(HF_RENEWAL_CSR_BYTES_MAX == 8192, "as the text says");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_offered_from_two_thirds_of_the_life),
        cmocka_unit_test(a_device_has_its_share_of_an_hour),
        cmocka_unit_test(each_result_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
