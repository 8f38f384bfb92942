#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/login.h"
#include "base/assert.h"

static const uint8_t random_bytes[HF_CONSOLE_CODE_BYTES] = {1, 2, 3};
static struct hf_login login;
static char code[HF_CONSOLE_CODE_CHARS + 1], key[HF_API_KEY_TEXT_BYTES_MAX];

static int setup(void **state)
{
    (void)state;
    hf_login_init(&login);
    hf_login_offer(&login, "hfk_a", random_bytes, 1000, code);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hf_login_deinit(&login);
    return 0;
}

static void a_code_is_good_once(void **state)
{
    (void)state;
    assert_int_equal(strlen(code), HF_CONSOLE_CODE_CHARS);
    assert_true(hf_login_take(&login, hf_slice_of(code), 1000, key));
    assert_string_equal(key, "hfk_a");
    assert_false(hf_login_take(&login, hf_slice_of(code), 1000, key));
}

static void wrong_codes_open_nothing_and_cost_nothing(void **state)
{
    const char *const wrong[] = {"", "01", "01020300000000000000000000000001",
                                 "0102030000000000000000000000000000"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_false(hf_login_take(&login, hf_slice_of(wrong[i]), 1000, key));
    assert_true(hf_login_take(&login, hf_slice_of(code), 1000, key));
}

static void a_code_is_good_for_a_short_time(void **state)
{
    (void)state;
    assert_false(hf_login_take(&login, hf_slice_of(code), 1000 + HF_LOGIN_LIFE_MS, key));
    assert_false(
        hf_login_take(&login, hf_slice_of(code), 1000, key)); /* it is forgotten, whatever the clock says */
}

static void a_new_code_takes_the_place_of_the_old(void **state)
{
    static const uint8_t others[HF_CONSOLE_CODE_BYTES] = {9};
    char second[HF_CONSOLE_CODE_CHARS + 1];

    (void)state;
    hf_login_offer(&login, "hfk_b", others, 2000, second);
    assert_false(hf_login_take(&login, hf_slice_of(code), 2000, key));
    assert_true(hf_login_take(&login, hf_slice_of(second), 1999 + HF_LOGIN_LIFE_MS, key));
    assert_string_equal(key, "hfk_b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_code_is_good_once, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_codes_open_nothing_and_cost_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_code_is_good_for_a_short_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_code_takes_the_place_of_the_old, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
