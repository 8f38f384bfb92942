/* What a peer says as JSON comes out again as what it was, or is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/document/json_tree.h"

static char *through(const char *text)
{
    cJSON *tree;
    hf_err err = hf_json_tree(hf_slice_of(text), 8, &tree);

    if (err != HF_OK)
        fail_msg("%s: %s", text, hf_err_name(err));
    char *out = cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    assert_non_null(out);
    return out;
}

static void numbers_come_back(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"[0,-1,7,2147483648,-2147483649]", "[0,-1,7,2147483648,-2147483649]"},
        {"[999999999999999]", "[999999999999999]"},
        {"[4503599627370497,9007199254740990,9007199254740991,-9007199254740991]",
         "[4503599627370497,9007199254740990,9007199254740991,-9007199254740991]"},
        {"[1795815949954120,1795815949954123,1e15]", "[1795815949954120,1795815949954123,1000000000000000]"},
        {"[0.1,0.3,0.30000000000000004,1.5,-2.25e-3]", "[0.1,0.3,0.30000000000000004,1.5,-0.00225]"},
        {"[1e300,1.7976931348623157e308]", "[1e+300,1.7976931348623157e+308]"},
        {"[12345678901234567890]", "[1.2345678901234567e+19]"}, /* the nearest double */
        {"[1e-999]", "[0]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *out = through(rows[i].in), *again;

        assert_string_equal(out, rows[i].out);
        again = through(out);
        assert_string_equal(again, out);
        cJSON *tree = hf_json_tree_again(out, strlen(out));
        assert_non_null(tree);
        cJSON_Delete(tree);
        free(again);
        free(out);
    }
}

/* Decimals of up to 15 digits and their neighbours, as a naive reading says it: what cJSON prints is left to it, everything else has a text that reads back. */
static void all_doubles_read_back(void **state)
{
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 7);
    for (unsigned i = 0; i < 50000; i++) {
        char text[64];
        uint64_t digits = hf_rng_u64(&rng) % (i % 3 == 0 ? 1000 : i % 3 == 1 ? 1000000000 : 999999999999999);
        double value = (double)digits / pow(10, (double)(hf_rng_u64(&rng) % 12));

        for (unsigned step = hf_rng_u64(&rng) % 3; step > 0; step--)
            value = nextafter(value, 1e300);
        (void)snprintf(text, sizeof(text), "[%.17g]", value);
        char *out = through(text);
        if (strtod(out + 1, NULL) != value)
            fail_msg("%s comes back as %s", text, out);
        free(out);
    }
}

static void neighbours_differ_and_spellings_do_not(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"9007199254740991", "9007199254740990", false},
        {"0.3", "0.30000000000000004", false},
        {"1795815949954123456", "1795815949954123712", false},
        {"1", "1.0", true},
        {"1e3", "1000", true},
        {"9007199254740991", "9007199254740991.0", true},
        {"0.1", "1e-1", true},
        {"0.30000000000000004", "0.300000000000000044", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *a, *b;

        assert_int_equal(hf_json_tree(hf_slice_of(rows[i].a), 8, &a), HF_OK);
        assert_int_equal(hf_json_tree(hf_slice_of(rows[i].b), 8, &b), HF_OK);
        if (cJSON_Compare(a, b, true) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
}

static void what_would_become_something_else_is_refused(void **state)
{
    static const struct {
        const char *text;
        hf_err err;
    } rows[] = {
        {"{\"a\\u0000b\":1}", HF_ERR_INVALID},
        {"[\"x\\u0000\"]", HF_ERR_INVALID},
        {"[\"\\\\\\u0000\"]", HF_ERR_INVALID}, /* behind an escaped backslash */
        {"[\"\\\\u0000\"]", HF_OK},            /* a backslash, and five characters */
        {"[\"\\u00001\"]", HF_ERR_INVALID},
        {"[\"\\u0001\"]", HF_OK},
        {"[\"\\\\\"]", HF_OK},
        {"[1e999]", HF_ERR_INVALID},
        {"[{\"a\":-1e400}]", HF_ERR_INVALID},
        {"{", HF_ERR_INVALID},
        {"", HF_ERR_INVALID},
        {"[[[[[[[[1]]]]]]]]", HF_OK},
        {"[[[[[[[[[1]]]]]]]]]", HF_ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *tree;
        hf_err err = hf_json_tree(hf_slice_of(rows[i].text), 8, &tree);

        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].text, hf_err_name(err));
        assert_int_equal(tree != NULL, err == HF_OK);
        cJSON_Delete(tree);
    }
}

static void an_object_has_so_many_members(void **state)
{
    static char text[32 << 10];

    (void)state;
    for (int members = HF_JSON_MEMBERS_MAX; members <= HF_JSON_MEMBERS_MAX + 1; members++) {
        bool wide = members > HF_JSON_MEMBERS_MAX;
        int at = snprintf(text, sizeof(text), "[1,{\"a\":{");
        cJSON *tree;

        for (int i = 0; i < members; i++)
            at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%d\":1", i ? "," : "", i);
        at += snprintf(text + at, sizeof(text) - (size_t)at, "}}]");
        assert_int_equal(hf_json_tree(hf_slice_of(text), 8, &tree), wide ? HF_ERR_LIMIT : HF_OK);
        assert_int_equal(tree == NULL, wide);
        cJSON_Delete(tree);
        tree = hf_json_tree_again(text, (size_t)at); /* what is stored is never lost */
        assert_non_null(tree);
        assert_int_equal(hf_json_tree_is_narrow(tree), !wide);
        cJSON_Delete(tree);
    }
    int at = snprintf(text, sizeof(text), "[0"); /* an array is walked through, not looked into */
    for (int i = 0; i <= HF_JSON_MEMBERS_MAX; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, ",1");
    (void)strcpy(text + at, "]");
    cJSON *tree;
    assert_int_equal(hf_json_tree(hf_slice_of(text), 8, &tree), HF_OK);
    cJSON_Delete(tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(all_doubles_read_back),
        cmocka_unit_test(neighbours_differ_and_spellings_do_not),
        cmocka_unit_test(what_would_become_something_else_is_refused),
        cmocka_unit_test(an_object_has_so_many_members),
    };

    return cmocka_run_group_tests_name("json_tree", tests, NULL, NULL);
}
