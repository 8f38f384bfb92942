#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/rng.h"

static const struct {
    const char *plain;
    size_t bytes;
    const char *standard, *url;
} good[] = {
    {"", 0, "", ""}, /* RFC 4648 section 10 */
    {"f", 1, "Zg==", "Zg"},
    {"fo", 2, "Zm8=", "Zm8"},
    {"foo", 3, "Zm9v", "Zm9v"},
    {"foob", 4, "Zm9vYg==", "Zm9vYg"},
    {"fooba", 5, "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xfe", 3, "+//+", "-__-"},
    {"\0\0", 2, "AAA=", "AAA"},
};

static void encodes_and_decodes_both_alphabets(void **state)
{
    char text[64], plain[64];
    size_t bytes;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(good); i++) {
        assert_int_equal(hf_base64_encode(good[i].plain, good[i].bytes, text, sizeof(text), &bytes), HF_OK);
        assert_true(hf_slice_is((struct hf_slice){text, bytes}, good[i].standard));
        assert_int_equal(bytes, HF_BASE64_BYTES(good[i].bytes));
        assert_int_equal(hf_base64_decode(hf_slice_of(good[i].standard), plain, sizeof(plain), &bytes),
                         HF_OK);
        assert_int_equal(bytes, good[i].bytes);
        assert_memory_equal(plain, good[i].plain, bytes);

        assert_int_equal(hf_base64url_encode(good[i].plain, good[i].bytes, text, sizeof(text), &bytes),
                         HF_OK);
        assert_true(hf_slice_is((struct hf_slice){text, bytes}, good[i].url));
        assert_int_equal(bytes, HF_BASE64URL_BYTES(good[i].bytes));
        assert_int_equal(hf_base64url_decode(hf_slice_of(good[i].url), plain, sizeof(plain), &bytes), HF_OK);
        assert_int_equal(bytes, good[i].bytes);
        assert_memory_equal(plain, good[i].plain, bytes);
    }
}

static void refuses_every_other_spelling(void **state)
{
    static const char *const standard[] = {
        "Z",    "Zg",    "Zg=",   "Zg===", "=",        "==",   "====", "Z===",       "Zm8",    "Zh==",
        "Zm9=", "Zm 8=", "Zm8\n", "Zm9v=", "Zg==Zg==", "-__-", "Zg=a", "\xc3\xa9==", "Zm9v\n", " Zm9v"};
    static const char *const url[] = {"Z", "Zg==", "Zm8=", "+//+", "Zh", "Zm9", "Zm9vZ", "Zm9v\n", "Z.", "="};
    char plain[64];
    size_t bytes;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(standard); i++)
        assert_int_equal(hf_base64_decode(hf_slice_of(standard[i]), plain, sizeof(plain), &bytes),
                         HF_ERR_MALFORMED);
    for (size_t i = 0; i < HF_COUNT_OF(url); i++)
        assert_int_equal(hf_base64url_decode(hf_slice_of(url[i]), plain, sizeof(plain), &bytes),
                         HF_ERR_MALFORMED);
}

static void output_is_bounded(void **state)
{
    char out[16];
    size_t bytes = 99;

    (void)state;
    for (size_t room = 0; room < 8; room++) {
        memset(out, 0x55, sizeof(out));
        assert_int_equal(hf_base64_encode("fooba", 5, out, room, &bytes), HF_ERR_LIMIT);
        assert_int_equal(hf_base64url_encode("fooba", 5, out, HF_MIN(room, 6u), &bytes), HF_ERR_LIMIT);
        assert_int_equal(hf_base64_decode(HF_SLICE("Zm9vYmE="), out, HF_MIN(room, 4u), &bytes), HF_ERR_LIMIT);
        for (size_t i = room; i < sizeof(out); i++)
            assert_int_equal(out[i], 0x55);
    }
    assert_int_equal(bytes, 99);
    assert_int_equal(hf_base64_encode("fooba", 5, out, 8, &bytes), HF_OK);
    assert_int_equal(hf_base64url_encode("fooba", 5, out, 7, &bytes), HF_OK);
    assert_int_equal(hf_base64_decode(HF_SLICE("Zm9vYmE="), out, 5, &bytes), HF_OK);
}

static void what_decodes_encodes_to_the_same(void **state)
{
    static const char letters[] = "AQgwZ09+/=-_ \n";
    struct hf_rng rng;
    unsigned decoded = 0;

    (void)state;
    hf_rng_seed(&rng, 9);
    for (unsigned i = 0; i < 200000; i++) {
        char text[8], plain[8], again[16];
        size_t text_bytes = (size_t)hf_rng_below(&rng, sizeof(text) + 1), bytes, again_bytes;

        for (size_t c = 0; c < text_bytes; c++)
            text[c] = letters[hf_rng_below(&rng, sizeof(letters) - 1)];
        if (hf_base64_decode((struct hf_slice){text, text_bytes}, plain, sizeof(plain), &bytes) != HF_OK)
            continue;
        decoded++;
        assert_int_equal(hf_base64_encode(plain, bytes, again, sizeof(again), &again_bytes), HF_OK);
        assert_int_equal(again_bytes, text_bytes);
        assert_memory_equal(again, text, text_bytes);
    }
    assert_true(decoded > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_both_alphabets),
        cmocka_unit_test(refuses_every_other_spelling),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(what_decodes_encodes_to_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
