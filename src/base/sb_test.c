#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"

static void every_piece_goes_in_as_text(void **state)
{
    char storage[200];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_sb_text(&sb, "a");
    hf_sb_slice(&sb, HF_SLICE("bc"));
    hf_sb_slice(&sb, (struct hf_slice){NULL, 0});
    hf_sb_char(&sb, ' ');
    hf_sb_u64(&sb, 0);
    hf_sb_char(&sb, ' ');
    hf_sb_u64(&sb, UINT64_MAX);
    hf_sb_char(&sb, ' ');
    hf_sb_i64(&sb, INT64_MIN);
    hf_sb_char(&sb, ' ');
    hf_sb_i64(&sb, 42);
    hf_sb_char(&sb, ' ');
    hf_sb_hex(&sb, "\x00\x9f\xff", 3);
    hf_sb_printf(&sb, " %d%%", 7);
    assert_false(sb.overflow);
    assert_string_equal(storage, "abc 0 18446744073709551615 -9223372036854775808 42 009fff 7%");
    assert_true(hf_slice_is(hf_sb_done(&sb), storage));
}

/* For every storage size: the text is a prefix of the whole, ends in NUL, and nothing is written behind. */
static void fill(struct hf_sb *sb)
{
    hf_sb_text(sb, "one ");
    hf_sb_printf(sb, "%s-%d ", "two", 2);
    hf_sb_u64(sb, 123456);
    hf_sb_json(sb, HF_SLICE("q\"\n\xc3\xa9"));
    hf_sb_hex(sb, "\x12\x34", 2);
    hf_sb_time(sb, 0);
    hf_sb_char(sb, '!');
}

static void overflow_cuts_and_is_final(void **state)
{
    char whole[128], storage[128];
    struct hf_sb sb;
    size_t whole_bytes;

    (void)state;
    hf_sb_init(&sb, whole, sizeof(whole));
    fill(&sb);
    assert_false(sb.overflow);
    assert_string_equal(whole, "one two-2 123456\"q\\\"\\n\xc3\xa9\"12341970-01-01T00:00:00.000Z!");
    whole_bytes = sb.bytes;
    for (size_t storage_bytes = 1; storage_bytes <= whole_bytes + 1; storage_bytes++) {
        memset(storage, 0x55, sizeof(storage));
        hf_sb_init(&sb, storage, storage_bytes);
        fill(&sb);
        assert_int_equal(sb.overflow, storage_bytes < whole_bytes + 1);
        assert_true(sb.bytes < storage_bytes);
        assert_memory_equal(storage, whole, sb.bytes);
        assert_int_equal(storage[sb.bytes], '\0');
        for (size_t i = storage_bytes; i < sizeof(storage); i++)
            assert_int_equal(storage[i], 0x55);
        size_t bytes_before = sb.bytes;

        hf_sb_char(&sb, 'x'); /* adds nothing even where a byte would fit */
        if (storage_bytes <= whole_bytes)
            assert_int_equal(sb.bytes, bytes_before);
    }
}

static void json_strings_are_valid_whatever_goes_in(void **state)
{
#define FFFD "\xef\xbf\xbd"
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
        {"\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\""},
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"\xc2\x85\xe2\x80\xa8\xe2\x80\xa9", 8, "\"\\u0085\\u2028\\u2029\""}, /* line ends of Unicode */
        {"\xff", 1, "\"" FFFD "\""},
        {"a\xc3", 2, "\"a" FFFD "\""},                                           /* cut off */
        {"\xc0\x80", 2, "\"" FFFD FFFD "\""},                                    /* overlong */
        {"\xe0\x80\x80", 3, "\"" FFFD FFFD FFFD "\""},                           /* overlong */
        {"\xf0\x80\x80\x80", 4, "\"" FFFD FFFD FFFD FFFD "\""},                  /* overlong */
        {"\xed\xa0\x80", 3, "\"" FFFD FFFD FFFD "\""},                           /* a surrogate */
        {"\xf4\x90\x80\x80", 4, "\"" FFFD FFFD FFFD FFFD "\""},                  /* above U+10FFFF */
        {"\xf4\x8f\xbf\xbf\xed\x9f\xbf", 7, "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\""}, /* last good ones */
        {"\xe4\xb8x", 3, "\"" FFFD FFFD "x\""},
    };
    char storage[128];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, storage, sizeof(storage));
        hf_sb_json(&sb, (struct hf_slice){rows[i].in, rows[i].bytes});
        assert_false(sb.overflow);
        assert_string_equal(storage, rows[i].want);
    }
}

static void json_parts_stop_at_whole_characters(void **state)
{
    static const char in[] = "a\n\xe4\xb8\xad\"";
    static const struct {
        size_t room, taken;
        const char *want;
    } rows[] = {
        {0, 0, ""},
        {1, 1, "a"},
        {2, 1, "a"},
        {3, 2, "a\\n"},
        {5, 2, "a\\n"},
        {6, 5, "a\\n\xe4\xb8\xad"},
        {7, 5, "a\\n\xe4\xb8\xad"},
        {8, 6, "a\\n\xe4\xb8\xad\\\""},
    };
    char storage[32];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, storage, sizeof(storage));
        assert_int_equal(hf_sb_json_part(&sb, HF_SLICE(in), sizeof(storage) - 1 - rows[i].room),
                         rows[i].taken);
        assert_false(sb.overflow);
        assert_string_equal(storage, rows[i].want);
    }
}

static void times_are_rfc_3339(void **state)
{
    static const struct {
        uint64_t utc_ms;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {86399999, "1970-01-01T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {1709164800123, "2024-02-29T00:00:00.123Z"},
        {1772366400123, "2026-03-01T12:00:00.123Z"},
        {4107456000000, "2100-02-28T00:00:00.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    char storage[32];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, storage, sizeof(storage));
        hf_sb_time(&sb, rows[i].utc_ms);
        assert_string_equal(storage, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_goes_in_as_text),
        cmocka_unit_test(overflow_cuts_and_is_final),
        cmocka_unit_test(json_strings_are_valid_whatever_goes_in),
        cmocka_unit_test(json_parts_stop_at_whole_characters),
        cmocka_unit_test(times_are_rfc_3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
