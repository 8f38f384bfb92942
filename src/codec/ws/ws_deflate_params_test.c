#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/ws/deflate.h"

#define PMD "permessage-deflate"

/* A listener that wants nothing special: takeover allowed, all windows. */
static const struct hf_ws_deflate open_wish = {
    .on = true, .server_max_window_bits = 15, .client_max_window_bits = 15};
/* WS-7: what is shipped. */
static const struct hf_ws_deflate shipped = {.on = true,
                                             .server_no_context_takeover = true,
                                             .client_no_context_takeover = true,
                                             .server_max_window_bits = 15,
                                             .client_max_window_bits = 15};
static const struct hf_ws_deflate small_windows = {
    .on = true, .server_max_window_bits = 10, .client_max_window_bits = 11};
static const struct hf_ws_deflate off = {.on = false};
static const struct hf_ws_deflate off_with_windows = {.server_max_window_bits = 15,
                                                      .client_max_window_bits = 15};

static void offers_are_answered(void **state)
{
    static const struct {
        const struct hf_ws_deflate *wanted;
        const char *offer, *want; /* "" = no compression, NULL = malformed */
    } rows[] = {
        {&open_wish, PMD, PMD},
        {&open_wish, "", ""},
        {&open_wish, " , ,\t" PMD " ,", PMD},
        {&shipped, PMD, PMD "; server_no_context_takeover; client_no_context_takeover"},
        {&shipped, PMD "; client_max_window_bits",
         PMD "; server_no_context_takeover; client_no_context_takeover"},
        {&off, PMD, ""},
        {&open_wish, PMD "; server_no_context_takeover", PMD "; server_no_context_takeover"},
        {&open_wish, PMD "; client_no_context_takeover", PMD "; client_no_context_takeover"},
        /* window bits */
        {&open_wish, PMD "; server_max_window_bits=10", PMD "; server_max_window_bits=10"},
        {&open_wish, PMD "; server_max_window_bits=8", PMD "; server_max_window_bits=8"},
        {&open_wish, PMD "; server_max_window_bits=15",
         PMD "; server_max_window_bits=15"}, /* must be named */
        {&open_wish, PMD ";server_max_window_bits=\"10\"", PMD "; server_max_window_bits=10"},
        {&open_wish, PMD ";server_max_window_bits=\"1\\0\"", PMD "; server_max_window_bits=10"},
        {&open_wish, PMD " ; server_max_window_bits = 10", PMD "; server_max_window_bits=10"},
        {&open_wish, PMD "; client_max_window_bits=9", PMD "; client_max_window_bits=9"},
        {&open_wish, PMD "; client_max_window_bits", PMD},
        {&small_windows, PMD "; client_max_window_bits",
         PMD "; server_max_window_bits=10; client_max_window_bits=11"},
        {&small_windows, PMD "; client_max_window_bits=9; server_max_window_bits=12",
         PMD "; server_max_window_bits=10; client_max_window_bits=9"},
        {&small_windows, PMD "; server_max_window_bits=9",
         PMD "; client_no_context_takeover; server_max_window_bits=9"},
        {&small_windows, PMD, PMD "; client_no_context_takeover; server_max_window_bits=10"},
        /* declined: values */
        {&open_wish, PMD "; server_max_window_bits", ""},
        {&open_wish, PMD "; server_max_window_bits=7", ""},
        {&open_wish, PMD "; server_max_window_bits=16", ""},
        {&open_wish, PMD "; server_max_window_bits=08", ""},
        {&open_wish, PMD "; server_max_window_bits=010", ""},
        {&open_wish, PMD "; server_max_window_bits=+9", ""},
        {&open_wish, PMD "; server_max_window_bits=x", ""},
        {&open_wish, PMD "; client_max_window_bits=7", ""},
        {&open_wish, PMD "; client_max_window_bits=100", ""},
        {&open_wish, PMD "; server_no_context_takeover=1", ""},
        {&open_wish, PMD "; client_no_context_takeover=\"true\"", ""},
        /* declined: unknown, repeated, other case */
        {&open_wish, PMD "; x", ""},
        {&open_wish, PMD "; SERVER_no_context_takeover", ""},
        {&open_wish, PMD "; server_no_context_takeover; server_no_context_takeover", ""},
        {&open_wish, PMD "; client_no_context_takeover; client_no_context_takeover", ""},
        {&open_wish, PMD "; server_max_window_bits=9; server_max_window_bits=9", ""},
        {&open_wish, PMD "; client_max_window_bits; client_max_window_bits=9", ""},
        /* the first that fits */
        {&open_wish, PMD "; x, " PMD "; server_max_window_bits=9", PMD "; server_max_window_bits=9"},
        {&open_wish, PMD "; server_max_window_bits=9, " PMD, PMD "; server_max_window_bits=9"},
        {&open_wish, "x-webkit-deflate-frame, " PMD, PMD},
        {&open_wish, "foo; bar=\"b-z\"; q, " PMD, PMD},
        {&open_wish, "foo", ""},
        {&open_wish, "Permessage-Deflate", ""},
        /* not of the form */
        {&open_wish, ";", NULL},
        {&open_wish, PMD ";", NULL},
        {&open_wish, PMD "; ;", NULL},
        {&open_wish, PMD "; a=", NULL},
        {&open_wish, PMD "; a=\"", NULL},
        {&open_wish, PMD "; a=\"b", NULL},
        {&open_wish, PMD "; a=\"b\\", NULL},
        {&open_wish, PMD "; a=\"\"", NULL},
        {&open_wish, PMD "; a=\"b c\"", NULL},
        {&open_wish, PMD "; a=\"b\\\"\"", NULL},
        {&open_wish, PMD "; a=\"b\"c", NULL},
        {&open_wish, PMD " x", NULL},
        {&open_wish, PMD "=1", NULL},
        {&open_wish, PMD ", @", NULL},
        {&open_wish, "\x80", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_deflate agreed = {.on = false};
        char text[256] = "";
        struct hf_sb sb;
        hf_err err = hf_ws_deflate_answer(hf_slice_of(rows[i].offer), rows[i].wanted, &agreed);

        hf_sb_init(&sb, text, sizeof text);
        if (agreed.on)
            hf_ws_deflate_write_answer(&agreed, &sb);
        if (err != (rows[i].want == NULL ? HF_ERR_MALFORMED : HF_OK) ||
            strcmp(text, rows[i].want == NULL ? "" : rows[i].want) != 0)
            fail_msg("%s: got %s %s", rows[i].offer, hf_err_name(err), text);
    }
}

static void earlier_line_wins(void **state)
{
    struct hf_ws_deflate agreed = {.on = false};

    (void)state;
    assert_int_equal(hf_ws_deflate_answer(HF_SLICE(PMD "; server_max_window_bits=9"), &open_wish, &agreed),
                     HF_OK);
    assert_int_equal(hf_ws_deflate_answer(HF_SLICE(PMD "; server_max_window_bits=12"), &open_wish, &agreed),
                     HF_OK);
    assert_int_equal(agreed.server_max_window_bits, 9);
    assert_int_equal(hf_ws_deflate_answer(HF_SLICE(";"), &open_wish, &agreed), HF_ERR_MALFORMED);
    assert_int_equal(hf_ws_deflate_answer(hf_slice_of(NULL), &open_wish, &agreed),
                     HF_OK); /* absent = empty */
    assert_true(agreed.on);  /* an error leaves it alone */
}

static void answers_must_fit_the_offer(void **state)
{
    static const struct {
        const struct hf_ws_deflate *offered;
        const char *answer;
        bool fits;
        uint8_t server_bits, client_bits;
    } rows[] = {
        {&open_wish, PMD, true, 15, 15},
        {&open_wish, "", true, 0, 0}, /* nothing agreed */
        {&open_wish, PMD "; server_max_window_bits=9", true, 9, 15},
        {&open_wish, PMD "; server_no_context_takeover; client_no_context_takeover", true, 15, 15},
        {&open_wish, PMD "; client_max_window_bits=9", false, 0, 0}, /* was not offered (7.1.2.2) */
        {&open_wish, PMD "; server_max_window_bits", false, 0, 0},
        {&open_wish, PMD "; x=1", false, 0, 0},
        {&open_wish, PMD ", " PMD, false, 0, 0},
        {&open_wish, PMD ", x", false, 0, 0},
        {&open_wish, "x", false, 0, 0},
        {&open_wish, ";", false, 0, 0},
        {&shipped, PMD, false, 0, 0}, /* must promise server_no_context_takeover (7.1.1.1) */
        {&shipped, PMD "; server_no_context_takeover", true, 15, 15},
        {&small_windows, PMD, false, 0, 0}, /* must name server_max_window_bits */
        {&small_windows, PMD "; server_max_window_bits=10", true, 10, 11},
        {&small_windows, PMD "; server_max_window_bits=11", false, 0, 0},
        {&small_windows, PMD "; server_max_window_bits=8; client_max_window_bits=9", true, 8, 9},
        {&small_windows, PMD "; server_max_window_bits=8; client_max_window_bits=12", false, 0, 0},
        {&small_windows, PMD "; server_max_window_bits=8; client_max_window_bits", false, 0, 0},
        {&off, PMD, false, 0, 0},
        {&off_with_windows, PMD, false, 0, 0},
        {&off, "", true, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_deflate agreed = {.on = false};
        hf_err err = hf_ws_deflate_check_answer(hf_slice_of(rows[i].answer), rows[i].offered, &agreed);

        if (err != (rows[i].fits ? HF_OK : HF_ERR_MALFORMED) ||
            agreed.server_max_window_bits != rows[i].server_bits ||
            agreed.client_max_window_bits != rows[i].client_bits || agreed.on != (rows[i].server_bits > 0))
            fail_msg("%s: got %s %u %u", rows[i].answer, hf_err_name(err), agreed.server_max_window_bits,
                     agreed.client_max_window_bits);
    }
}

/* Whatever one side offers and the other wants, the answer fits the offer and both hold the same. */
static void both_roles_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8 * 8 * 4 * 8 * 8 * 4; i += 7) {
        struct hf_ws_deflate offered = {.on = true,
                                        .server_max_window_bits = (uint8_t)(8 + i % 8),
                                        .client_max_window_bits = (uint8_t)(8 + i / 8 % 8),
                                        .server_no_context_takeover = i / 64 % 2,
                                        .client_no_context_takeover = i / 128 % 2};
        struct hf_ws_deflate wanted = {.on = true,
                                       .server_max_window_bits = (uint8_t)(8 + i / 256 % 8),
                                       .client_max_window_bits = (uint8_t)(8 + i / 2048 % 8),
                                       .server_no_context_takeover = i / 16384 % 2,
                                       .client_no_context_takeover = i / 32768 % 2};
        struct hf_ws_deflate at_server = {.on = false}, at_client = {.on = false};
        char text[256];
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof text);
        hf_ws_deflate_write_offer(&offered, &sb);
        assert_int_equal(hf_ws_deflate_answer(hf_sb_done(&sb), &wanted, &at_server), HF_OK);
        assert_true(at_server.on);
        hf_sb_init(&sb, text, sizeof text);
        hf_ws_deflate_write_answer(&at_server, &sb);
        assert_int_equal(hf_ws_deflate_check_answer(hf_sb_done(&sb), &offered, &at_client), HF_OK);
        assert_int_equal(at_client.server_max_window_bits, at_server.server_max_window_bits);
        assert_int_equal(at_client.client_max_window_bits, at_server.client_max_window_bits);
        assert_int_equal(at_client.server_no_context_takeover, at_server.server_no_context_takeover);
        assert_int_equal(at_client.client_no_context_takeover, at_server.client_no_context_takeover);
        assert_true(at_server.server_max_window_bits <= wanted.server_max_window_bits);
        assert_true(!wanted.server_no_context_takeover || at_server.server_no_context_takeover);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_answered),
        cmocka_unit_test(earlier_line_wins),
        cmocka_unit_test(answers_must_fit_the_offer),
        cmocka_unit_test(both_roles_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
