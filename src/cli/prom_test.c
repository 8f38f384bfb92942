#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "cli/args.h"
#include "cli/prom.h"

static const char before[] =
    "# HELP a first\n# TYPE a counter\na 1\n"
    "b{x=\"1\",y=\"2\"} 2.5\nb{x=\"2\"} 4\n\nbroken{x=\"1\" 7\nnonumber\n"
    "h_bucket{le=\"0.1\"} 10\nh_bucket{le=\"1\"} 10\nh_bucket{le=\"+Inf\"} 10\nh_sum 1\n";
static const char after[] = "a 3\nb{x=\"1\",y=\"2\"} 2.5\n"
                            "h_bucket{le=\"0.1\"} 108\nh_bucket{le=\"1\"} 109\nh_bucket{le=\"+Inf\"} 110\n";

static void sums_by_name_and_label(void **state)
{
    static const struct {
        const char *name, *label;
        int tenths;
    } rows[] = {
        {"a", NULL, 10},       {"b", NULL, 65},         {"b", "x=\"1\"", 25}, {"b", "y=\"2\"", 25},
        {"b", "z=\"1\"", 0},   {"a", "x=\"1\"", 0},     {"c", NULL, 0},       {"broken", NULL, 0},
        {"nonumber", NULL, 0}, {"h_bucket", NULL, 300}, {"h", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal((int)(10 * hf_cli_prom_sum(before, rows[i].name, rows[i].label)), rows[i].tenths);
    assert_true(hf_cli_prom_has(before, "a"));
    assert_false(hf_cli_prom_has(before, "z"));
    assert_int_equal((int)hf_cli_prom_sum("a 5", "a", NULL), 5); /* without a last line break */
}

static void quantiles_of_what_was_gained(void **state)
{
    (void)state;
    assert_int_equal((int)(10 * hf_cli_prom_quantile(NULL, before, "h", 0.99)), 1);
    assert_int_equal((int)(10 * hf_cli_prom_quantile(before, after, "h", 0.5)), 1);
    assert_int_equal((int)(10 * hf_cli_prom_quantile(before, after, "h", 0.99)), 10);
    assert_int_equal((int)(10 * hf_cli_prom_quantile(before, after, "h", 0.999)), 10); /* above all bounds */
    assert_int_equal((int)hf_cli_prom_quantile(after, after, "h", 0.99), 0); /* nothing was gained */
    assert_int_equal((int)hf_cli_prom_quantile(NULL, before, "none", 0.99), 0);
}

static void print(char *out, size_t out_bytes, struct hf_slice text)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    hf_cli_print_text(file, text);
    rewind(file);
    out[fread(out, 1, out_bytes - 1, file)] = '\0';
    (void)fclose(file);
}

static void text_of_peers_cannot_steer_a_terminal(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f"},
        {"\xff", "\\xff"},
        {"x\xc2\x9by", "x\\xc2\\x9by"}, /* C1: CSI in one character */
        {"\xe2\x82", "\\xe2\\x82"},
        {"", ""},
    };
    char out[128];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        print(out, sizeof(out), hf_slice_of(rows[i].in));
        assert_string_equal(out, rows[i].out);
    }
}

static void numbers_for_people(void **state)
{
    char out[HF_CLI_SHORT_BYTES];

    (void)state;
    assert_string_equal(hf_cli_bytes_text(0, out), "0 B");
    assert_string_equal(hf_cli_bytes_text(1536, out), "1.5 KiB");
    assert_string_equal(hf_cli_bytes_text(300.0 * 1024 * 1024, out), "300 MiB");
    assert_string_equal(hf_cli_duration_text(950, out), "950 ms");
    assert_string_equal(hf_cli_duration_text(42000, out), "42 s");
    assert_string_equal(hf_cli_duration_text(UINT64_C(86400000) * 12, out), "12 d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_by_name_and_label),
        cmocka_unit_test(quantiles_of_what_was_gained),
        cmocka_unit_test(text_of_peers_cannot_steer_a_terminal),
        cmocka_unit_test(numbers_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
