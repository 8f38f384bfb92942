#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/slice.h"

static void compares(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal, equal_nocase;
    } rows[] = {
        {"", "", true, true},         {"a", "", false, false},        {"Upgrade", "upgrade", false, true},
        {"abc", "abd", false, false}, {"ab", "abc", false, false},    {"same", "same", true, true},
        {"@", "`", false, false}, /* differ in the bit that tells cases apart, but are no letters */
        {"[", "{", false, false},     {"\xc4", "\xe4", false, false}, /* ASCII only */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice a = hf_slice_of(rows[i].a), b = hf_slice_of(rows[i].b);

        assert_int_equal(hf_slice_eq(a, b), rows[i].equal);
        assert_int_equal(hf_slice_is(a, rows[i].b), rows[i].equal);
        assert_int_equal(hf_slice_eq_nocase(a, b), rows[i].equal_nocase);
        assert_int_equal(hf_slice_eq_nocase(b, a), rows[i].equal_nocase);
    }
    assert_null(hf_slice_of(NULL).at);
    assert_true(hf_slice_eq(hf_slice_of(NULL), HF_SLICE("")));
}

static void trims_blanks_only(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""}, {" \t ", ""}, {"a", "a"}, {"  a b\t", "a b"}, {"\r\na ", "\r\na"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_true(hf_slice_is(hf_slice_trim(hf_slice_of(rows[i].in)), rows[i].want));
}

static void reads_numbers_strictly(void **state)
{
    static const struct {
        const char *in;
        bool good;
        uint64_t want;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"1\xb2", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t value = 4711;

        assert_int_equal(hf_slice_to_u64(hf_slice_of(rows[i].in), &value), rows[i].good);
        assert_int_equal(value, rows[i].good ? rows[i].want : 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(trims_blanks_only),
        cmocka_unit_test(reads_numbers_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
