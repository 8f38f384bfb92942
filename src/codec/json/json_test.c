/* codec/json/json_test.c - what is and is not JSON, what members are picked, and what the writer writes. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/base64.h"
#include "codec/json/array.h"
#include "codec/json/out.h"
#include "codec/json/scan.h"

#define ROW(text, want)              \
    {                                \
        text, sizeof(text) - 1, want \
    }

/* Scans an exact-size copy, so that reading past the end is found by ASan. */
static hf_err check(const char *in, size_t bytes, unsigned depth_max)
{
    char *copy = malloc(bytes + (bytes == 0));
    hf_err err;

    assert_non_null(copy);
    memcpy(copy, in, bytes);
    err = hf_json_scan(copy, bytes, NULL, 0, depth_max);
    free(copy);
    return err;
}

static void knows_json(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        hf_err want;
    } rows[] = {
        ROW("{}", HF_OK),
        ROW("[]", HF_OK),
        ROW(" \t\r\n[ ] \n", HF_OK),
        ROW("0", HF_OK),
        ROW("-0", HF_OK),
        ROW("-12.50e+10", HF_OK),
        ROW("1E5", HF_OK),
        ROW("1e-5", HF_OK),
        ROW("true", HF_OK),
        ROW("false", HF_OK),
        ROW("null", HF_OK),
        ROW("\"\"", HF_OK),
        ROW("\"abcdefghijklmnopqrstuvwxyz\"", HF_OK),
        ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD834\\udd1e\"", HF_OK),
        ROW("\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\x7f\"", HF_OK),
        ROW("[1,[2,{\"a\":[]}],{}]", HF_OK),
        ROW("{\"a\" : 1 , \"b\":{\"c\":[true,null]}}", HF_OK),
        ROW("{\"a\":1,\"a\":2}", HF_OK), /* nobody asked for it */
        ROW("", HF_ERR_MALFORMED),
        ROW(" ", HF_ERR_MALFORMED),
        ROW("{", HF_ERR_MALFORMED),
        ROW("[", HF_ERR_MALFORMED),
        ROW("[1", HF_ERR_MALFORMED),
        ROW("[1,", HF_ERR_MALFORMED),
        ROW("[1,]", HF_ERR_MALFORMED),
        ROW("[,1]", HF_ERR_MALFORMED),
        ROW("[1 2]", HF_ERR_MALFORMED),
        ROW("[1}", HF_ERR_MALFORMED),
        ROW("{]", HF_ERR_MALFORMED),
        ROW("{\"a\"}", HF_ERR_MALFORMED),
        ROW("{\"a\":}", HF_ERR_MALFORMED),
        ROW("{\"a\":1]", HF_ERR_MALFORMED),
        ROW("{\"a\":1,}", HF_ERR_MALFORMED),
        ROW("{,}", HF_ERR_MALFORMED),
        ROW("{a:1}", HF_ERR_MALFORMED),
        ROW("{1:1}", HF_ERR_MALFORMED),
        ROW("{'a':1}", HF_ERR_MALFORMED),
        ROW("{\"a\" 1}", HF_ERR_MALFORMED),
        ROW("{\"a", HF_ERR_MALFORMED),
        ROW("{\"a\":", HF_ERR_MALFORMED),
        ROW("1 2", HF_ERR_MALFORMED),
        ROW("{}x", HF_ERR_MALFORMED),
        ROW("[]]", HF_ERR_MALFORMED),
        ROW("\xef\xbb\xbf{}", HF_ERR_MALFORMED),
        ROW("{}\0", HF_ERR_MALFORMED),
        ROW("01", HF_ERR_MALFORMED),
        ROW("-", HF_ERR_MALFORMED),
        ROW("+1", HF_ERR_MALFORMED),
        ROW(".5", HF_ERR_MALFORMED),
        ROW("1.", HF_ERR_MALFORMED),
        ROW("1.e1", HF_ERR_MALFORMED),
        ROW("1e", HF_ERR_MALFORMED),
        ROW("1e+", HF_ERR_MALFORMED),
        ROW("0x1", HF_ERR_MALFORMED),
        ROW("NaN", HF_ERR_MALFORMED),
        ROW("Infinity", HF_ERR_MALFORMED),
        ROW("tru", HF_ERR_MALFORMED),
        ROW("truE", HF_ERR_MALFORMED),
        ROW("falsy", HF_ERR_MALFORMED),
        ROW("nul", HF_ERR_MALFORMED),
        ROW("\"", HF_ERR_MALFORMED),
        ROW("\"abc", HF_ERR_MALFORMED),
        ROW("\"abcdefgh", HF_ERR_MALFORMED),
        ROW("\"\n\"", HF_ERR_MALFORMED),
        ROW("\"\0\"", HF_ERR_MALFORMED),
        ROW("\"\x1f\"", HF_ERR_MALFORMED),
        ROW("\"\\\"", HF_ERR_MALFORMED),
        ROW("\"\\", HF_ERR_MALFORMED),
        ROW("\"\\x\"", HF_ERR_MALFORMED),
        ROW("\"\\u\"", HF_ERR_MALFORMED),
        ROW("\"\\u12G4\"", HF_ERR_MALFORMED),
        ROW("\"\\u123", HF_ERR_MALFORMED),
        ROW("\"\\ud834\"", HF_ERR_MALFORMED),
        ROW("\"\\ud834x\"", HF_ERR_MALFORMED),
        ROW("\"\\ud834\\n\"", HF_ERR_MALFORMED),
        ROW("\"\\ud834\\u0041\"", HF_ERR_MALFORMED),
        ROW("\"\\ud834\\ud834\"", HF_ERR_MALFORMED),
        ROW("\"\\ud834\\u\"", HF_ERR_MALFORMED),
        ROW("\"\\udd1e\"", HF_ERR_MALFORMED),
        ROW("\"\x80\"", HF_ERR_MALFORMED),
        ROW("\"\xc0\xaf\"", HF_ERR_MALFORMED),         /* overlong */
        ROW("\"\xe0\x80\xaf\"", HF_ERR_MALFORMED),     /* overlong */
        ROW("\"\xf0\x80\x80\xaf\"", HF_ERR_MALFORMED), /* overlong */
        ROW("\"\xed\xa0\x80\"", HF_ERR_MALFORMED),     /* surrogate */
        ROW("\"\xf4\x90\x80\x80\"", HF_ERR_MALFORMED), /* above U+10FFFF */
        ROW("\"\xf5\x80\x80\x80\"", HF_ERR_MALFORMED),
        ROW("\"\xe2\x82\"", HF_ERR_MALFORMED),
        ROW("\"\xe2\x82\x41\"", HF_ERR_MALFORMED),
        ROW("\"\xc3", HF_ERR_MALFORMED),
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (check(rows[i].in, rows[i].bytes, 0) != rows[i].want)
            fail_msg("row %zu: %s", i, rows[i].in);
}

/* A special byte at each place of the eight that go by at once. */
static void sees_every_byte_of_a_word(void **state)
{
    static const char specials[] = {0,          1,          0x1f,       '\\',       '\n',
                                    (char)0x80, (char)0x9f, (char)0xa0, (char)0xa2, (char)0xff};
    char text[34];

    (void)state;
    for (size_t s = 0; s < sizeof(specials); s++)
        for (size_t at = 1; at < sizeof(text) - 1; at++) {
            memset(text, 'a', sizeof(text));
            text[0] = text[sizeof(text) - 1] = '"';
            assert_int_equal(check(text, sizeof(text), 0), HF_OK);
            text[at] = specials[s];
            assert_int_equal(check(text, sizeof(text), 0), HF_ERR_MALFORMED);
            text[at] = ' ';
            assert_int_equal(check(text, sizeof(text), 0), HF_OK);
            text[at] = '"'; /* an early end and garbage behind it, or with it the end at the last byte */
            assert_int_equal(check(text, sizeof(text), 0), HF_ERR_MALFORMED);
        }
}

static void keeps_depth(void **state)
{
    char text[2 * HF_JSON_DEPTH_CEILING + 2];

    (void)state;
    for (unsigned limit = 1; limit <= HF_JSON_DEPTH_CEILING; limit++)
        for (unsigned depth = 1; depth <= HF_MIN(limit + 1, (unsigned)HF_JSON_DEPTH_CEILING); depth++) {
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            assert_int_equal(check(text, 2 * (size_t)depth, limit), depth <= limit ? HF_OK : HF_ERR_LIMIT);
        }
    static const struct {
        const char *in;
        unsigned depth_max;
        hf_err want;
    } rows[] = {
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", 0, HF_OK}, /* 16, the default */
        {"[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]", 0, HF_ERR_LIMIT},
        {"[[1],[[2]],{\"a\":{\"b\":[3]}},4]", 4, HF_OK},
        {"[[1],[[2]],{\"a\":{\"b\":[3]}},4]", 3, HF_ERR_LIMIT},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(check(rows[i].in, strlen(rows[i].in), rows[i].depth_max), rows[i].want);
}

static void picks_members(void **state)
{
    static const char in[] =
        " { \"other\" : { \"type\" : \"no\" } , \"type\" : \"da\\u0074a\" , \"n\":-5,\"topic\""
        ":\"x\",\"ok\":true, \"list\":[1, {\"n\":2}], \"o\" :{ \"q\":[] }, \"z\" : null } ";
    struct hf_json_field f[] = {HF_JSON_FIELD("type"), HF_JSON_FIELD("n"),    HF_JSON_FIELD("topic"),
                                HF_JSON_FIELD("ok"),   HF_JSON_FIELD("list"), HF_JSON_FIELD("o"),
                                HF_JSON_FIELD("z"),    HF_JSON_FIELD("none")};
    static const struct {
        enum hf_json_type type;
        const char *raw;
    } want[] = {
        {HF_JSON_STRING, "\"da\\u0074a\""},
        {HF_JSON_NUMBER, "-5"},
        {HF_JSON_STRING, "\"x\""},
        {HF_JSON_BOOL, "true"},
        {HF_JSON_ARRAY, "[1, {\"n\":2}]"},
        {HF_JSON_OBJECT, "{ \"q\":[] }"},
        {HF_JSON_NULL, "null"},
    };

    (void)state;
    for (int again = 0; again < 2; again++) { /* a second scan starts afresh */
        assert_int_equal(hf_json_scan(in, sizeof(in) - 1, f, HF_COUNT_OF(f), 0), HF_OK);
        for (size_t i = 0; i < HF_COUNT_OF(want); i++) {
            assert_true(f[i].found);
            assert_int_equal(f[i].type, want[i].type);
            assert_true(hf_slice_is(f[i].raw, want[i].raw));
            assert_int_equal(f[i].escaped, i == 0);
        }
        assert_false(f[7].found);
        assert_int_equal(f[7].type, HF_JSON_NONE);
        assert_null(f[7].raw.at);
    }
    assert_int_equal(hf_json_scan("[\"type\",{\"type\":1}]", 19, f, HF_COUNT_OF(f), 0), HF_OK);
    assert_false(f[0].found);
}

static void refuses_a_wanted_name_twice(void **state)
{
    static const struct {
        const char *in;
        hf_err want;
    } rows[] = {
        {"{\"type\":1,\"type\":1}", HF_ERR_MALFORMED},
        {"{\"type\":1,\"\\u0074ype\":2}", HF_ERR_MALFORMED},
        {"{\"\\u0074\\u0079pe\":1,\"type\":2}", HF_ERR_MALFORMED},
        {"{\"type\":null,\"type\":2}", HF_ERR_MALFORMED},
        {"{\"type\":{\"type\":1}}", HF_OK},
        {"{\"type\":{\"type\":1},\"a\":{\"type\":1,\"type\":2}}", HF_OK},
        {"{\"Type\":1,\"type\":1}", HF_OK},
        {"{\"\\n"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1,\"type\":1}",
         HF_OK},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_json_field field = HF_JSON_FIELD("type");

        assert_int_equal(hf_json_scan(rows[i].in, strlen(rows[i].in), &field, 1, 0), rows[i].want);
        if (rows[i].want == HF_OK)
            assert_true(field.found);
    }
}

static struct hf_json_field field_of(const char *value)
{
    static char text[256];
    struct hf_json_field field = HF_JSON_FIELD("v");
    int bytes = snprintf(text, sizeof(text), "{\"v\":%s}", value);

    assert_int_equal(hf_json_scan(text, (size_t)bytes, &field, 1, 0), HF_OK);
    return field;
}

static void reads_strings(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        ROW("\"plain\"", "plain"),
        ROW("\"\"", ""),
        ROW("\"a\\tb\\\"\\\\\\/\\b\\f\\n\\r\"", "a\tb\"\\/\b\f\n\r"),
        ROW("\"\\u0041\\u00e4\\u20ac\\ud834\\uDD1E!\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e!"),
        ROW("\"\\uD7ff\\uE000\\u07ff\\u0800\"", "\xed\x9f\xbf\xee\x80\x80\xdf\xbf\xe0\xa0\x80"),
    };
    char out[64];
    struct hf_slice text;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_json_field field = field_of(rows[i].in);
        size_t bytes = strlen(rows[i].want);

        assert_int_equal(hf_json_to_text(&field, out, sizeof(out), &text), HF_OK);
        assert_true(hf_slice_is(text, rows[i].want));
        assert_true(field.escaped == (text.at == out));
        assert_true(hf_json_is(&field, rows[i].want));
        assert_false(hf_json_is(&field, "plai"));
        assert_false(hf_json_is(&field, "plainer"));
        assert_false(hf_json_is(&field, "a\tb\"\\/\b\f\n\r "));
        assert_int_equal(hf_json_to_text(&field, out, bytes, &text), HF_OK); /* just fits */
        if (field.escaped)
            for (size_t room = 0; room < bytes; room++)
                assert_int_equal(hf_json_to_text(&field, out, room, &text), HF_ERR_LIMIT);
    }
    struct hf_json_field nul = field_of("\"a\\u0000b\"");

    assert_int_equal(hf_json_to_text(&nul, out, sizeof(out), &text), HF_OK);
    assert_int_equal(text.bytes, 3);
    assert_false(hf_json_is(&nul, "a"));
    struct hf_json_field number = field_of("1");

    assert_int_equal(hf_json_to_text(&number, out, sizeof(out), &text), HF_ERR_INVALID);
    assert_false(hf_json_is(&number, "1"));
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *in;
        bool u64_ok, i64_ok;
        uint64_t u64;
        int64_t i64;
        double number;
    } rows[] = {
        {"0", true, true, 0, 0, 0},
        {"-0", false, true, 0, 0, 0},
        {"42", true, true, 42, 42, 42},
        {"-42", false, true, 0, -42, -42},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX, 9223372036854775807.0},
        {"9223372036854775808", true, false, UINT64_C(9223372036854775808), 0, 9223372036854775808.0},
        {"-9223372036854775808", false, true, 0, INT64_MIN, -9223372036854775808.0},
        {"-9223372036854775809", false, false, 0, 0, -9223372036854775809.0},
        {"18446744073709551615", true, false, UINT64_MAX, 0, 18446744073709551615.0},
        {"18446744073709551616", false, false, 0, 0, 18446744073709551616.0},
        {"1.0", false, false, 0, 0, 1},
        {"1e3", false, false, 0, 0, 1000},
        {"-2.5e-3", false, false, 0, 0, -0.0025},
    };
    uint64_t u64 = 0;
    int64_t i64 = 0;
    double number = 0;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_json_field field = field_of(rows[i].in);

        assert_int_equal(hf_json_to_u64(&field, &u64), rows[i].u64_ok ? HF_OK : HF_ERR_INVALID);
        assert_int_equal(hf_json_to_i64(&field, &i64), rows[i].i64_ok ? HF_OK : HF_ERR_INVALID);
        assert_int_equal(hf_json_to_double(&field, &number), HF_OK);
        if (rows[i].u64_ok)
            assert_true(u64 == rows[i].u64);
        if (rows[i].i64_ok)
            assert_true(i64 == rows[i].i64);
        assert_true(number == rows[i].number);
    }
    struct hf_json_field field = field_of("1e400");
    bool truth = false;

    assert_int_equal(hf_json_to_double(&field, &number), HF_ERR_INVALID);
    field = field_of("0.00000000000000000000000000000000000000000000000000000000000000000000000001");
    assert_int_equal(hf_json_to_double(&field, &number), HF_ERR_LIMIT);
    field = field_of("\"1\"");
    assert_int_equal(hf_json_to_double(&field, &number), HF_ERR_INVALID);
    assert_int_equal(hf_json_to_u64(&field, &u64), HF_ERR_INVALID);
    assert_int_equal(hf_json_to_i64(&field, &i64), HF_ERR_INVALID);
    assert_int_equal(hf_json_to_bool(&field, &truth), HF_ERR_INVALID);
    field = field_of("true");
    assert_true(hf_json_to_bool(&field, &truth) == HF_OK && truth);
    field = field_of("false");
    assert_true(hf_json_to_bool(&field, &truth) == HF_OK && !truth);
}

static void names_types(void **state)
{
    static const struct {
        const char *in;
        enum hf_json_type want;
    } rows[] = {{" {}", HF_JSON_OBJECT}, {"\n[1]", HF_JSON_ARRAY}, {"\"a\"", HF_JSON_STRING},
                {"-1", HF_JSON_NUMBER},  {"7", HF_JSON_NUMBER},    {"true", HF_JSON_BOOL},
                {"false", HF_JSON_BOOL}, {"null", HF_JSON_NULL},   {"", HF_JSON_NONE},
                {"  ", HF_JSON_NONE},    {"x", HF_JSON_NONE}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_json_type_of(hf_slice_of(rows[i].in)), rows[i].want);
    assert_int_equal(hf_json_type_of((struct hf_slice){NULL, 0}), HF_JSON_NONE);
}

static void writes(void **state)
{
    char storage[512];
    struct hf_sb sb;
    struct hf_json_out out;

    (void)state;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    assert_false(hf_json_out_complete(&out));
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "t", HF_SLICE("a\"b\n"));
    hf_json_out_cstr(&out, "c", "x");
    hf_json_out_cstr(&out, "absent", NULL);
    hf_json_out_u64(&out, "u", UINT64_MAX);
    hf_json_out_i64(&out, "i", INT64_MIN);
    hf_json_out_bool(&out, "yes", true);
    hf_json_out_bool(&out, "no", false);
    hf_json_out_array(&out, "list");
    hf_json_out_u64(&out, NULL, 1);
    hf_json_out_object(&out, NULL);
    hf_json_out_end(&out);
    hf_json_out_array(&out, NULL);
    hf_json_out_end(&out);
    hf_json_out_double(&out, NULL, 0.1);
    hf_json_out_double(&out, NULL, -1e300);
    hf_json_out_double(&out, NULL, DBL_MIN);
    hf_json_out_double(&out, NULL, 0.1 + 0.2);
    hf_json_out_double(&out, NULL, (double)NAN);
    hf_json_out_double(&out, NULL, (double)INFINITY);
    hf_json_out_end(&out);
    hf_json_out_time(&out, "at", 0);
    hf_json_out_hex(&out, "hex", "\x01\xff", 2);
    hf_json_out_base64(&out, "base64", "\x01\xff", 2);
    hf_json_out_base64(&out, "none", NULL, 0);
    hf_json_out_raw(&out, "raw", HF_SLICE("{\"k\":[]}"));
    hf_json_out_key(&out, HF_SLICE("k\"ey"));
    hf_json_out_null(&out, NULL);
    hf_json_out_key(&out, HF_SLICE("nested"));
    hf_json_out_object(&out, NULL);
    hf_json_out_u64(&out, "z", 0);
    hf_json_out_end(&out);
    assert_false(hf_json_out_complete(&out));
    hf_json_out_end(&out);
    assert_true(hf_json_out_complete(&out));
    assert_string_equal(storage,
                        "{\"t\":\"a\\\"b\\n\",\"c\":\"x\",\"absent\":null,\"u\":18446744073709551615,"
                        "\"i\":-9223372036854775808,\"yes\":true,\"no\":false,\"list\":[1,{},[],0.1,-1e+300,"
                        "2.2250738585072014e-308,0.30000000000000004,null,null],"
                        "\"at\":\"1970-01-01T00:00:00.000Z\",\"hex\":\"01ff\",\"base64\":\"Af8=\",\"none\":"
                        "\"\",\"raw\":{\"k\":[]},"
                        "\"k\\\"ey\":null,\"nested\":{\"z\":0}}");
    assert_int_equal(hf_json_scan(storage, sb.bytes, NULL, 0, 0), HF_OK);
}

static void writer_notices_no_room(void **state)
{
    char storage[8];
    struct hf_sb sb;
    struct hf_json_out out;

    (void)state;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_array(&out, NULL);
    hf_json_out_cstr(&out, NULL, "too long");
    hf_json_out_end(&out);
    assert_true(sb.overflow);
    assert_false(hf_json_out_complete(&out));
}

/* Parts join without padding between them, and one that does not fit ends it. */
static void writes_long_base64(void **state)
{
    enum { BYTES = 2000 };
    static char storage[2 * BYTES], text[2 * BYTES];
    static uint8_t data[BYTES];
    struct hf_json_out out;
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t bytes = BYTES - 4; bytes <= BYTES; bytes++) {
        size_t text_bytes;

        hf_sb_init(&sb, storage, sizeof(storage));
        hf_json_out_init(&out, &sb);
        hf_json_out_base64(&out, NULL, data, bytes);
        assert_int_equal(hf_base64_encode(data, bytes, text, sizeof(text), &text_bytes), HF_OK);
        assert_int_equal(sb.bytes, text_bytes + 2);
        assert_memory_equal(storage + 1, text, text_bytes);
    }
    hf_sb_init(&sb, storage, BYTES);
    hf_json_out_init(&out, &sb);
    hf_json_out_base64(&out, NULL, data, BYTES);
    assert_true(sb.overflow);
}

static void walks_arrays(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"[]", ""},
        {"[ \t\r\n]", ""},
        {"[1]", "1;"},
        {"[ 1 , \"a,]\\\"[\" ,[2,[3]] , {\"k\":[4],\"l\":5}\n,null ]",
         "1;\"a,]\\\"[\"\\;[2,[3]];{\"k\":[4],\"l\":5};null;"},
    };
    char storage[128];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice rest = hf_slice_of(rows[i].in);
        struct hf_json_field element;

        assert_int_equal(check(rest.at, rest.bytes, 0), HF_OK);
        hf_sb_init(&sb, storage, sizeof(storage));
        while (hf_json_array_next(&rest, &element)) {
            assert_true(element.found);
            assert_int_equal(element.type, hf_json_type_of(element.raw));
            hf_sb_slice(&sb, element.raw);
            hf_sb_text(&sb, element.escaped ? "\\;" : ";");
        }
        assert_false(hf_json_array_next(&rest, &element));
        assert_string_equal(storage, rows[i].want);
    }
}

static void walks_objects(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"{}", ""},
        {" { \n} ", ""},
        {"{\"a\":1}", "a=1;"},
        {" {\"a\" : 1 , \"b,}\\\"\":\"]},\",\"\":{\"c\":[{}]} , \"d\":null\t} ",
         "a=1;b,}\\\"=\"]},\";={\"c\":[{}]};d=null;"},
    };
    char storage[128];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice rest = hf_slice_of(rows[i].in);
        struct hf_json_field member;

        assert_int_equal(check(rest.at, rest.bytes, 0), HF_OK);
        hf_sb_init(&sb, storage, sizeof(storage));
        while (hf_json_object_next(&rest, &member)) {
            assert_int_equal(member.type, hf_json_type_of(member.raw));
            hf_sb_slice(&sb, member.name);
            hf_sb_char(&sb, '=');
            hf_sb_slice(&sb, member.raw);
            hf_sb_char(&sb, ';');
        }
        assert_false(hf_json_object_next(&rest, &member));
        assert_string_equal(storage, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_json),
        cmocka_unit_test(sees_every_byte_of_a_word),
        cmocka_unit_test(keeps_depth),
        cmocka_unit_test(picks_members),
        cmocka_unit_test(refuses_a_wanted_name_twice),
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(names_types),
        cmocka_unit_test(writes),
        cmocka_unit_test(writes_long_base64),
        cmocka_unit_test(walks_arrays),
        cmocka_unit_test(walks_objects),
        cmocka_unit_test(writer_notices_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
