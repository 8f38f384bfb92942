/* codec/uri/uri_test.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/uri/uri.h"

static void decodes(void **state)
{
    static const struct {
        const char *in;
        enum hf_uri_mode mode;
        hf_err err;
        const char *want;
    } rows[] = {
        {"", HF_URI_PATH, HF_OK, ""},
        {"plain", HF_URI_PATH, HF_OK, "plain"},
        {"a+b", HF_URI_PATH, HF_OK, "a+b"},
        {"a+b", HF_URI_QUERY, HF_OK, "a b"},
        {"a%2Bb%2f", HF_URI_QUERY, HF_OK, "a+b/"},
        {"%25%32%35", HF_URI_PATH, HF_OK, "%25"}, /* once, not twice */
        {"%c3%A4%e2%82%ac%F0%9d%84%9e", HF_URI_PATH, HF_OK, "\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e"},
        {"%", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"%4", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"%4g", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"%g4", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"%%41", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"a%00", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"%c0%af", HF_URI_PATH, HF_ERR_MALFORMED, NULL},       /* overlong '/' */
        {"%e0%80%af", HF_URI_PATH, HF_ERR_MALFORMED, NULL},    /* overlong '/' */
        {"%ed%a0%80", HF_URI_PATH, HF_ERR_MALFORMED, NULL},    /* surrogate */
        {"%f4%90%80%80", HF_URI_PATH, HF_ERR_MALFORMED, NULL}, /* above U+10FFFF */
        {"%c3", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
        {"\xff", HF_URI_PATH, HF_ERR_MALFORMED, NULL},
    };
    char out[64];
    struct hf_slice text;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice in = hf_slice_of(rows[i].in);

        assert_int_equal(hf_uri_decode(in, rows[i].mode, out, sizeof(out), &text), rows[i].err);
        if (rows[i].err != HF_OK)
            continue;
        assert_true(hf_slice_is(text, rows[i].want));
        if (text.at == in.at)
            continue;
        assert_int_equal(hf_uri_decode(in, rows[i].mode, out, text.bytes, &text), HF_OK);
        assert_int_equal(hf_uri_decode(in, rows[i].mode, out, text.bytes - 1, &text), HF_ERR_LIMIT);
        strcpy(out, rows[i].in); /* in place */
        assert_int_equal(
            hf_uri_decode((struct hf_slice){out, in.bytes}, rows[i].mode, out, sizeof(out), &text), HF_OK);
        assert_true(hf_slice_is(text, rows[i].want));
    }
    assert_int_equal(hf_uri_decode((struct hf_slice){"a\0", 2}, HF_URI_PATH, out, sizeof(out), &text),
                     HF_ERR_MALFORMED);
    assert_int_equal(hf_uri_decode((struct hf_slice){NULL, 0}, HF_URI_PATH, out, 0, &text), HF_OK);
}

static void walks_queries(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {"&&", ""},
        {"a=b", "a=b;"},
        {"a=b&c", "a=b;c=;"},
        {"&a==b=&=x&", "a==b=;=x;"},
        {"a=%26&b=1", "a=%26;b=1;"},
    };
    char text[64];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice query = hf_slice_of(rows[i].in), key, value;

        hf_sb_init(&sb, text, sizeof(text));
        while (hf_uri_query_next(&query, &key, &value)) {
            assert_non_null(value.at);
            hf_sb_slice(&sb, key);
            hf_sb_char(&sb, '=');
            hf_sb_slice(&sb, value);
            hf_sb_char(&sb, ';');
        }
        assert_string_equal(text, rows[i].want);
    }
}

static void gets_query_values(void **state)
{
    static const struct {
        const char *query, *key;
        hf_err err;
        const char *want;
    } rows[] = {
        {"limit=5&after=x%20y+z", "after", HF_OK, "x y z"},
        {"limit=5", "limit", HF_OK, "5"},
        {"limit", "limit", HF_OK, ""},
        {"l%69mit=5", "limit", HF_OK, "5"},
        {"limit=5&l%69mit=6", "limit", HF_ERR_MALFORMED, NULL},
        {"limit=5&limit=5", "limit", HF_ERR_MALFORMED, NULL},
        {"limit=%zz", "limit", HF_ERR_MALFORMED, NULL},
        {"%zz=1&limit=5", "limit", HF_OK, "5"},
        {"limits=5&Limit=6", "limit", HF_ERR_NOT_FOUND, NULL},
        {"", "limit", HF_ERR_NOT_FOUND, NULL},
        {"limit=%30%30%30%30%30%30%30%30%30", "limit", HF_ERR_LIMIT, NULL},
    };
    char out[8];
    struct hf_slice value;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_uri_query_get(hf_slice_of(rows[i].query), rows[i].key, out, sizeof(out), &value),
                         rows[i].err);
        if (rows[i].err == HF_OK)
            assert_true(hf_slice_is(value, rows[i].want));
    }
}

static void splits_paths(void **state)
{
    static const struct {
        const char *in;
        hf_err err;
        const char *want;
    } rows[] = {
        {"/", HF_OK, ""},
        {"/v1", HF_OK, "[v1]"},
        {"/v1/devices/a%2Fb/", HF_OK, "[v1][devices][a/b]"},
        {"/%61%62/c+d/%c3%a4", HF_OK, "[ab][c+d][\xc3\xa4]"},
        {"/.../..a/a..", HF_OK, "[...][..a][a..]"},
        {"", HF_ERR_MALFORMED, NULL},
        {"*", HF_ERR_MALFORMED, NULL},
        {"v1", HF_ERR_MALFORMED, NULL},
        {"//", HF_ERR_MALFORMED, NULL},
        {"/a//b", HF_ERR_MALFORMED, NULL},
        {"/a//", HF_ERR_MALFORMED, NULL},
        {"/a/../b", HF_ERR_MALFORMED, NULL},
        {"/a/.", HF_ERR_MALFORMED, NULL},
        {"/%2e%2E/b", HF_ERR_MALFORMED, NULL},
        {"/a%00", HF_ERR_MALFORMED, NULL},
        {"/a%", HF_ERR_MALFORMED, NULL},
        {"/1/2/3/4", HF_OK, "[1][2][3][4]"},
        {"/1/2/3/4/", HF_OK, "[1][2][3][4]"},
        {"/1/2/3/4/5", HF_ERR_LIMIT, NULL},
        {"/%31%31%31%31%31%31%31%31/%32%32%32%32%32%32%32%32", HF_OK, "[11111111][22222222]"},
        {"/%31%31%31%31%31%31%31%31/%32%32%32%32%32%32%32%32%32", HF_ERR_LIMIT, NULL},
    };
    char storage[16], text[64];
    struct hf_slice segments[4];
    struct hf_sb sb;
    size_t count;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_uri_path_split(hf_slice_of(rows[i].in), storage, sizeof(storage), segments,
                                           HF_COUNT_OF(segments), &count),
                         rows[i].err);
        if (rows[i].err != HF_OK)
            continue;
        hf_sb_init(&sb, text, sizeof(text));
        for (size_t s = 0; s < count; s++) {
            hf_sb_char(&sb, '[');
            hf_sb_slice(&sb, segments[s]);
            hf_sb_char(&sb, ']');
        }
        assert_string_equal(text, rows[i].want);
    }
}

static void masks_secrets(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"/ws", "/ws"},
        {"/ws?", "/ws?"},
        {"", ""},
        {"/ws?token=abc", "/ws?token=***"},
        {"/ws?a=1&token=abc&b=2", "/ws?a=1&token=***&b=2"},
        {"token=abc", "token=***"},
        {"?token=abc", "?token=***"},
        {"/ws?TOKEN=abc&access_token=x&Api_Key=y&sig=z",
         "/ws?TOKEN=***&access_token=***&Api_Key=***&sig=***"},
        {"/ws?%74oken=abc", "/ws?%74oken=***"},
        {"/ws?token=a=b?token=c", "/ws?token=***"},
        {"/ws?token=a&token=b", "/ws?token=***&token=***"},
        {"/ws?token=", "/ws?token="},
        {"/ws?token", "/ws?token"},
        {"/ws?tokens=1&xtoken=2", "/ws?tokens=1&xtoken=2"},
        {"/ws?%zz=abc", "/ws?%zz=***"}, /* nobody knows what it is */
        {"/token=abc", "/token=abc"},
        {"/a b\n\xff?x=\r", "/a%20b%0A%FF?x=%0D"},
        {"http://h/p?token=x", "http://h/p?token=***"},
    };
    char text[128];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_uri_mask(&sb, hf_slice_of(rows[i].in));
        assert_string_equal(text, rows[i].want);
    }
    hf_sb_init(&sb, text, sizeof(text));
    hf_uri_mask(&sb, (struct hf_slice){NULL, 0});
    assert_string_equal(text, "");
}

static void encodes(void **state)
{
    char text[1024], out[256], all[255];
    struct hf_slice back;
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, text, sizeof(text));
    hf_uri_encode(&sb, HF_SLICE("aZ09-._~/ ?&=+%\xc3\xa4"));
    assert_string_equal(text, "aZ09-._~%2F%20%3F%26%3D%2B%25%C3%A4");
    for (size_t i = 0; i < 127; i++)
        all[i] = (char)(i + 1);
    hf_sb_init(&sb, text, sizeof(text));
    hf_uri_encode(&sb, (struct hf_slice){all, 127});
    assert_int_equal(hf_uri_decode(hf_sb_done(&sb), HF_URI_QUERY, out, sizeof(out), &back), HF_OK);
    assert_true(hf_slice_eq(back, (struct hf_slice){all, 127}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),      cmocka_unit_test(walks_queries), cmocka_unit_test(gets_query_values),
        cmocka_unit_test(splits_paths), cmocka_unit_test(masks_secrets), cmocka_unit_test(encodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
