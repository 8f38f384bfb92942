#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/ws/mask.h"
#include "codec/ws/utf8.h"

enum { ROOM = 300 };

/* Every length, alignment and phase against the formula of RFC 6455 5.3; nothing before or behind is touched. */
static void mask_equals_the_formula(void **state)
{
    static const uint8_t key[4] = {0x01, 0x80, 0xfe, 0x5a};
    uint8_t got[ROOM + 32], want[ROOM + 32];

    (void)state;
    for (size_t bytes = 0; bytes <= ROOM - 20; bytes++) {
        for (size_t align = 0; align < 16; align += bytes < 80 ? 1 : 5) {
            for (size_t offset = 0; offset < 5; offset++) {
                for (size_t i = 0; i < sizeof got; i++)
                    got[i] = want[i] = (uint8_t)(i * 7 + bytes);
                for (size_t i = 0; i < bytes; i++)
                    want[align + i] ^= key[(offset + i) % 4];
                hf_ws_mask(got + align, bytes, key, offset);
                assert_memory_equal(got, want, sizeof got);
            }
        }
    }
}

static void mask_in_pieces_is_the_same(void **state)
{
    static const uint8_t key[4] = {9, 8, 7, 6};
    uint8_t whole[ROOM], cut[ROOM];

    (void)state;
    for (size_t at = 0; at <= ROOM; at++) {
        memset(whole, 0x55, sizeof whole);
        memset(cut, 0x55, sizeof cut);
        hf_ws_mask(whole, sizeof whole, key, 0);
        hf_ws_mask(cut, at, key, 0);
        hf_ws_mask(cut + at, sizeof cut - at, key, at);
        assert_memory_equal(whole, cut, sizeof whole);
    }
}

/* Length of the sequence at the front by the grammar of RFC 3629 4, 0 if there is none. An oracle written from the
 * code points instead of the byte ranges. */
static size_t sequence_bytes(const uint8_t *at, size_t have)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    uint32_t point = bytes == 1 ? at[0] : at[0] & (0xffu >> (bytes + 1));

    if (bytes == 0 || bytes > have)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    return point < least[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : bytes;
}

static bool oracle_valid(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t n = sequence_bytes(data + i, bytes - i);

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* All two-byte texts, and all three- and four-byte texts over the bytes where classes change. */
static void utf8_equals_the_oracle(void **state)
{
    static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                    0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                    0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    enum { EDGES = HF_COUNT_OF(edges) };

    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t text[2] = {(uint8_t)(i >> 8), (uint8_t)i};

        assert_int_equal(hf_ws_utf8_valid(text, 2), oracle_valid(text, 2));
    }
    for (size_t i = 0; i < (size_t)EDGES * EDGES * EDGES * EDGES; i++) {
        uint8_t text[4] = {edges[i % EDGES], edges[i / EDGES % EDGES], edges[i / EDGES / EDGES % EDGES],
                           edges[i / EDGES / EDGES / EDGES]};

        assert_int_equal(hf_ws_utf8_valid(text, 4), oracle_valid(text, 4));
        assert_int_equal(hf_ws_utf8_valid(text, 3), oracle_valid(text, 3));
    }
}

static void utf8_takes_every_code_point(void **state)
{
    unsigned taken = 0;

    (void)state;
    for (uint32_t point = 0x10000; point <= 0x13ffff; point++) {
        uint8_t text[4] = {(uint8_t)(0xf0 | point >> 18), (uint8_t)(0x80 | (point >> 12 & 0x3f)),
                           (uint8_t)(0x80 | (point >> 6 & 0x3f)), (uint8_t)(0x80 | (point & 0x3f))};

        taken += hf_ws_utf8_valid(text, 4);
    }
    assert_int_equal(taken, 0x100000);
    taken = 0;
    for (uint32_t point = 0; point <= 0xffff; point++) {
        uint8_t text[3] = {(uint8_t)(0xe0 | point >> 12), (uint8_t)(0x80 | (point >> 6 & 0x3f)),
                           (uint8_t)(0x80 | (point & 0x3f))};

        taken += hf_ws_utf8_valid(text, 3);
    }
    assert_int_equal(taken, 0x10000 - 0x800 - 0x800); /* no overlong forms, no surrogates */
}

/* One character of each length at every place of a long ASCII text, cut at every place, and spoiled. */
static void utf8_blocks_and_cuts_change_nothing(void **state)
{
    static const char *const characters[] = {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8f\x96"};
    char text[80];

    (void)state;
    for (size_t c = 0; c < HF_COUNT_OF(characters); c++) {
        size_t n = strlen(characters[c]);

        for (size_t at = 0; at + n <= sizeof text; at++) {
            memset(text, 'x', sizeof text);
            memcpy(text + at, characters[c], n);
            for (size_t cut = 0; cut <= sizeof text; cut++) {
                uint8_t half = hf_ws_utf8_feed(HF_WS_UTF8_ACCEPT, text, cut);

                assert_int_equal(half == HF_WS_UTF8_ACCEPT, cut <= at || cut >= at + n);
                assert_int_not_equal(half, HF_WS_UTF8_REJECT);
                assert_int_equal(hf_ws_utf8_feed(half, text + cut, sizeof text - cut), HF_WS_UTF8_ACCEPT);
            }
            text[at + n - 1] = 'x'; /* the last byte is missing */
            assert_false(hf_ws_utf8_valid(text, sizeof text));
            for (size_t cut = 0; cut <= sizeof text; cut++)
                assert_int_equal(hf_ws_utf8_feed(hf_ws_utf8_feed(HF_WS_UTF8_ACCEPT, text, cut), text + cut,
                                                 sizeof text - cut),
                                 HF_WS_UTF8_REJECT);
        }
    }
}

static void utf8_prefix_cuts_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max, want;
    } rows[] = {
        {"", 10, 0},
        {"abc", 10, 3},
        {"abc", 2, 2},
        {"a\xe2\x82\xac"
         "b",
         1, 1},
        {"a\xe2\x82\xac"
         "b",
         2, 1},
        {"a\xe2\x82\xac"
         "b",
         3, 1},
        {"a\xe2\x82\xac"
         "b",
         4, 4},
        {"ab\xff"
         "cd",
         10, 2},
        {"ab\xe2\x82", 10, 2},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_ws_utf8_prefix(hf_slice_of(rows[i].text), rows[i].max), rows[i].want);
}

static void nothing_may_be_absent(void **state)
{
    (void)state;
    hf_ws_mask(NULL, 0, (const uint8_t[4]){1, 2, 3, 4}, 3);
    assert_true(hf_ws_utf8_valid(NULL, 0));
    assert_int_equal(hf_ws_utf8_feed(HF_WS_UTF8_REJECT, NULL, 0), HF_WS_UTF8_REJECT);
    assert_int_equal(hf_ws_utf8_prefix(hf_slice_of(NULL), 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_equals_the_formula),
        cmocka_unit_test(mask_in_pieces_is_the_same),
        cmocka_unit_test(utf8_equals_the_oracle),
        cmocka_unit_test(utf8_takes_every_code_point),
        cmocka_unit_test(utf8_blocks_and_cuts_change_nothing),
        cmocka_unit_test(utf8_prefix_cuts_between_characters),
        cmocka_unit_test(nothing_may_be_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
