/* io/charset_test.c - libc has GB 18030, and a pair converts both ways. */
#include "io/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_pair_converts_both_ways(void **state)
{
    struct hf_text_conv conv;
    char wire[32], text[32];
    unsigned marks = 0;
    struct hf_sb sb;

    (void)state;
    assert_int_equal(hf_charset_open(&conv), HF_OK);
    hf_sb_init(&sb, wire, sizeof(wire));
    hf_text_escape(&conv, HF_TEXT_GB18030, HF_SLICE("大门"), &sb);
    assert_string_equal(wire, "\xb4\xf3\xc3\xc5");
    assert_int_equal(hf_text_decode(&conv, HF_TEXT_GB18030, hf_sb_done(&sb), text, sizeof(text), &marks), 6);
    assert_memory_equal(text, "大门", 6);
    assert_int_equal(marks, 0);
    hf_charset_close(&conv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_pair_converts_both_ways)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
