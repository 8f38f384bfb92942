#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/refused.h"

/* A crowd gets its lines, then its ration, and the line behind a pause says how many had none. */
static void lines_are_rationed_and_what_is_left_out_is_said(void **state)
{
    struct hf_refused refused = {0};
    uint64_t left_out = 99;
    unsigned said = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        said += hf_refused_take(&refused, 5000, &left_out);
    assert_int_equal(said, HF_REFUSED_LINES_AT_ONCE);
    assert_int_equal(left_out, 0);
    assert_true(hf_refused_take(&refused, 5000 + 1000 / HF_REFUSED_LINES_PER_S, &left_out));
    assert_int_equal(left_out, 1000 - HF_REFUSED_LINES_AT_ONCE);
    assert_false(hf_refused_take(&refused, 5000 + 1000 / HF_REFUSED_LINES_PER_S, &left_out));
    assert_true(hf_refused_take(&refused, 6000, &left_out));
    assert_int_equal(left_out, 1);
    assert_true(hf_refused_take(&refused, 6000, &left_out));
    assert_int_equal(left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_rationed_and_what_is_left_out_is_said)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
