/* codec/manscdp/manscdp_text_test.c - GB 18030 and UTF-8, whole, wrong and cut. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

static void the_charset_is_found_by_declaration_and_bytes(void **state)
{
    static const struct {
        const char *head, *text;
        enum hf_text_charset is;
        bool wrong;
    } rows[] = {
        {HEAD, "ascii", HF_TEXT_UTF8, false}, /* both read it alike */
        {HEAD, "\xb4\xf3\xc3\xc5", HF_TEXT_GB18030, false},
        {HEAD_UTF, "\xb4\xf3\xc3\xc5", HF_TEXT_GB18030, true},
        {HEAD, "\xe5\xa4\xa7\xe9\x97\xa8", HF_TEXT_UTF8, true},
        {HEAD_UTF, "\xe5\xa4\xa7\xe9\x97\xa8", HF_TEXT_UTF8, false},
        {"", "\xe5\xa4\xa7\xe9\x97\xa8", HF_TEXT_UTF8, false},
        {"", "\xef\xbc\x88\xe3\x80\x82", HF_TEXT_UTF8, false}, /* full width ( and full stop */
        {"", "\xcd\xa8", HF_TEXT_GB18030, false}, /* one character in GB2312, and one of two bytes in UTF-8 */
        {HEAD_UTF, "\xc3\xa9", HF_TEXT_UTF8, false},
        {HEAD, "\xc3\xa9", HF_TEXT_GB18030, false},
        {HEAD, "\xef\xbf\xbd\xef\xbf\xbd", HF_TEXT_GB18030,
         false}, /* U+FFFD is not Chinese; these are three characters of GBK */
        {HEAD, "\xf0\xa0\x80\x80", HF_TEXT_GB18030, false},
        {"\xef\xbb\xbf", "\xc3\xa9", HF_TEXT_UTF8, false},
        {"\xef\xbb\xbf", "\xb4\xf3", HF_TEXT_GB18030, true},
        {"<?xml version='1.0' encoding = 'utf8' ?>", "\xc3\xa9", HF_TEXT_UTF8, false},
        {"<?xml version='1.0' encoding='GBK'?>", "\xe5\xa4\xa7", HF_TEXT_UTF8, true},
        {"<?xml version='1.0' encoding='latin1'?>", "\xc3\xa9", HF_TEXT_GB18030, false},
        {"<?xml version='1.0'?>", "\xc3\xa9", HF_TEXT_GB18030, false},
        {"<?xml version='1.0' encoding='utf-8'", "\xc3\xa9", HF_TEXT_GB18030, false}, /* not closed */
        {HEAD_UTF, "\xe5\xa4\xa7\xe9\x97", HF_TEXT_GB18030, true}, /* cut: not strictly valid */
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char body[256];
        bool wrong = false;

        snprintf(body, sizeof(body), "%s<Name>%s</Name>", rows[i].head, rows[i].text);
        if (hf_text_detect(hf_slice_of(body), &wrong) != rows[i].is || wrong != rows[i].wrong)
            fail_msg("row %zu", i);
        assert_int_equal(hf_text_detect(hf_slice_of(body), NULL), rows[i].is);
    }
    assert_int_equal(hf_text_detect((struct hf_slice){NULL, 0}, NULL), HF_TEXT_UTF8);
}

static void characters_of_gb18030_are_one_two_or_four_bytes(void **state)
{
    static const struct {
        const char *text;
        size_t bytes, is;
    } rows[] = {
        {"a", 1, 1},
        {"\xb4\xf3", 2, 2},
        {"\x81\x40", 2, 2},
        {"\xfe\xfe", 2, 2},
        {"\x81\x7f", 2, 0},
        {"\x81\xff", 2, 0},
        {"\x81\x3c", 2, 0}, /* < is never a second byte */
        {"\x81", 1, 0},
        {"\x80\x41", 2, 0},
        {"\xff\x41", 2, 0},
        {"\x81\x30\x81\x30", 4, 4},
        {"\x81\x30\x81\x30", 3, 0},
        {"\x81\x30\x81", 3, 0},
        {"\x81\x30\x41\x30", 4, 0},
        {"\x81\x30\xff\x30", 4, 0},
        {"\x81\x30\x81\x3a", 4, 0},
        {"\x81\x30\x81\x2f", 4, 0},
        {"", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_text_gb18030_bytes(rows[i].text, rows[i].bytes) != rows[i].is)
            fail_msg("row %zu", i);
}

static void decoding_replaces_what_is_no_character_and_swallows_nothing(void **state)
{
    static const struct {
        enum hf_text_charset charset;
        const char *raw;
        size_t bytes;
        const char *text;
        unsigned marks;
    } rows[] = {
#define ROW(charset, raw, text, marks) {HF_TEXT_##charset, raw, sizeof(raw) - 1, text, marks}
        ROW(GB18030, "\xb4\xf3\xc3\xc5 1", "大门 1", 0),
        ROW(AUTO, "\xb4\xf3", "大", 0),
        ROW(GB18030, "\xb4\xf3\xc3", "大\xef\xbf\xbd", HF_TEXT_REPLACED), /* cut in the middle */
        ROW(GB18030, "\xc3<", "\xef\xbf\xbd<", HF_TEXT_REPLACED),
        ROW(GB18030, "\xc3\x35x",
            "\xef\xbf\xbd"
            "5x",
            HF_TEXT_REPLACED),
        ROW(GB18030, "\x84\x31\xa4\x37", "\xef\xbf\xbd", 0), /* U+FFFD itself */
        ROW(GB18030, "\x95\x32\x82\x36", "\xf0\xa0\x80\x80", 0),
        ROW(GB18030,
            "\xff\x80"
            "a",
            "\xef\xbf\xbd\xef\xbf\xbd"
            "a",
            HF_TEXT_REPLACED),
        ROW(GB18030, "a\xe3\x32\x9a\x36z", "a\xef\xbf\xbdz", HF_TEXT_REPLACED), /* above U+10FFFF */
        ROW(GB18030, "\xb4\xf3\xe3\x32\x9a\x36\xc3\xc5", "大\xef\xbf\xbd门", HF_TEXT_REPLACED),
        ROW(GB18030, "a\0b\x1b\x7f\t\r\n",
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd\t\r\n",
            HF_TEXT_REPLACED),
        ROW(UTF8, "\xe5\xa4\xa7\xe9\x97", "大\xef\xbf\xbd\xef\xbf\xbd", HF_TEXT_REPLACED),
        ROW(UTF8, "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", HF_TEXT_REPLACED), /* a surrogate */
        ROW(UTF8, "", "", 0),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice raw = {rows[i].raw, rows[i].bytes};
        char out[64];
        unsigned marks = 0;
        size_t bytes = hf_text_decode(&kit_conv, rows[i].charset, kit_exact(raw), out, sizeof(out), &marks);

        out[bytes] = '\0';
        if (marks != rows[i].marks || strcmp(out, rows[i].text) != 0)
            fail_msg("row %zu: %s", i, out);
        assert_int_equal(hf_text_is_plain(rows[i].charset, raw),
                         marks == 0 && raw.bytes == bytes && memcmp(raw.at, out, bytes) == 0);
    }
}

static void a_full_buffer_ends_with_a_whole_character(void **state)
{
    static const struct {
        enum hf_text_charset charset;
        const char *raw;
    } rows[] = {{HF_TEXT_GB18030, "a\xb4\xf3\x95\x32\x82\x36z"},
                {HF_TEXT_UTF8, "a\xe5\xa4\xa7\xf0\xa0\x80\x80z"}};
    static const char whole[] = "a大\xf0\xa0\x80\x80z";
    static const size_t ends[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t room = 0; room < HF_COUNT_OF(ends); room++) {
            char *out = malloc(room + (room == 0));
            unsigned marks = 0;
            size_t bytes =
                hf_text_decode(&kit_conv, rows[i].charset, hf_slice_of(rows[i].raw), out, room, &marks);

            assert_int_equal(bytes, ends[room]);
            assert_memory_equal(out, whole, bytes);
            assert_int_equal(marks, room < sizeof(whole) - 1 ? HF_TEXT_CUT : 0);
            free(out);
        }
}

static void long_runs_are_converted_whole(void **state)
{
    static char utf8[3 * 3000 + 1], back[sizeof(utf8)], wire[2 * 3000 + 1];
    unsigned marks = 0;
    struct hf_sb sb;

    (void)state;
    for (unsigned i = 0; i < 3000; i++)
        memcpy(utf8 + 3 * (size_t)i, i % 2 ? "大" : "门", 3);
    hf_sb_init(&sb, wire, sizeof(wire));
    hf_text_escape(&kit_conv, HF_TEXT_GB18030, hf_slice_of(utf8), &sb);
    assert_false(sb.overflow);
    assert_int_equal(sb.bytes, 6000);
    assert_int_equal(hf_text_decode(&kit_conv, HF_TEXT_GB18030, hf_sb_done(&sb), back, sizeof(back), &marks),
                     9000);
    assert_memory_equal(utf8, back, 9000);
}

static void writing_escapes_and_encodes(void **state)
{
    static const struct {
        const char *text;
        enum hf_text_charset charset;
        const char *wire;
    } rows[] = {
        {"<a & \"b\" 'c'>", HF_TEXT_UTF8, "&lt;a &amp; &quot;b&quot; &apos;c&apos;&gt;"},
        {"大<门", HF_TEXT_GB18030, "\xb4\xf3&lt;\xc3\xc5"},
        {"大", HF_TEXT_AUTO, "\xb4\xf3"},
        {"大", HF_TEXT_UTF8, "大"},
        {"\xf0\xa0\x80\x80", HF_TEXT_GB18030, "\x95\x32\x82\x36"},
        {"a\x01\xff", HF_TEXT_GB18030, "a\x84\x31\xa4\x37\x84\x31\xa4\x37"}, /* neither may stand in XML */
        {"\xe5\xa4", HF_TEXT_UTF8, "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char out[128];
        struct hf_sb sb;

        hf_sb_init(&sb, out, sizeof(out));
        hf_text_escape(&kit_conv, rows[i].charset, hf_slice_of(rows[i].text), &sb);
        assert_string_equal(out, rows[i].wire);
    }
    char out[16];
    struct hf_sb sb;

    hf_sb_init(&sb, out, sizeof(out));
    hf_text_encode(&kit_conv, HF_TEXT_GB18030, HF_SLICE("<a>大</a>"), &sb);
    assert_string_equal(out, "<a>\xb4\xf3</a>");
    hf_sb_init(&sb, out, 4);
    hf_text_escape(&kit_conv, HF_TEXT_GB18030, HF_SLICE("大门大"), &sb);
    assert_true(sb.overflow);
}

/* A libc whose tables lack a character: its place is marked, and the rest of the text is there. */
static void what_the_mapping_lacks_is_a_question_mark(void **state)
{
    struct hf_text_conv poor = {kit_conv.to_utf8, iconv_open("GB2312", "UTF-8")};
    char out[32];
    struct hf_sb sb;

    (void)state;
    assert_true(poor.from_utf8 != (iconv_t)-1);
    hf_sb_init(&sb, out, sizeof(out));
    hf_text_escape(&poor, HF_TEXT_GB18030, HF_SLICE("大\xf0\xa0\x80\x80门"), &sb);
    assert_string_equal(out, "\xb4\xf3?\xc3\xc5");
    iconv_close(poor.from_utf8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_charset_is_found_by_declaration_and_bytes),
        cmocka_unit_test(characters_of_gb18030_are_one_two_or_four_bytes),
        cmocka_unit_test(decoding_replaces_what_is_no_character_and_swallows_nothing),
        cmocka_unit_test(a_full_buffer_ends_with_a_whole_character),
        cmocka_unit_test(long_runs_are_converted_whole),
        cmocka_unit_test(writing_escapes_and_encodes),
        cmocka_unit_test(what_the_mapping_lacks_is_a_question_mark),
    };

    kit_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    kit_exact((struct hf_slice){NULL, 0});
    kit_close();
    return failed;
}
