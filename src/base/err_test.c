#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

static void every_error_has_its_name_and_text(void **state)
{
    (void)state;
    assert_string_equal(hf_err_name(HF_OK), "HF_OK");
    assert_string_equal(hf_err_name(HF_ERR_LIMIT), "HF_ERR_LIMIT");
    assert_string_equal(hf_err_text(HF_ERR_LIMIT), "configured limit reached");
#define CHECK(name, value, text)                   \
    assert_int_equal(name, value);                 \
    assert_string_equal(hf_err_name(name), #name); \
    assert_string_equal(hf_err_text(name), text);
    HF_ERR_MAP(CHECK)
#undef CHECK
}

static void an_unknown_value_still_has_text(void **state)
{
    (void)state;
    assert_string_equal(hf_err_name((hf_err)12345), "HF_ERR_UNKNOWN");
    assert_string_equal(hf_err_text((hf_err)12345), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_name_and_text),
        cmocka_unit_test(an_unknown_value_still_has_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
