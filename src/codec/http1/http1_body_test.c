/* codec/http1/http1_body_test.c - each row runs in every chunk size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/http1/body.h"

/* Decodes, and writes the data, then "|" and what became of it. */
static void run(const char *in, size_t bytes, size_t chunk_bytes, enum hf_http1_framing framing,
                uint64_t length, uint64_t body_bytes_max, struct hf_sb *sb)
{
    struct hf_http1_body body;
    size_t at = 0;
    hf_err err = hf_http1_body_init(&body, framing, length, body_bytes_max);

    while (err == HF_OK && !body.done && at < bytes) {
        size_t given = HF_MIN(chunk_bytes, bytes - at), taken;
        char *copy = malloc(given); /* exact, for ASan */
        struct hf_slice data;

        assert_non_null(copy);
        memcpy(copy, in + at, given);
        err = hf_http1_body_feed(&body, copy, given, &taken, &data);
        assert_true(taken <= given && data.bytes <= taken);
        assert_true(taken > 0 || err != HF_OK);
        hf_sb_slice(sb, data);
        free(copy);
        at += taken;
    }
    if (err == HF_OK && !body.done && framing == HF_HTTP1_FRAMING_UNTIL_CLOSE)
        err = hf_http1_body_end(&body);
    if (err == HF_OK)
        hf_sb_printf(sb, "|%s%zu", body.done ? "done" : "more", at);
    else
        hf_sb_printf(sb, "|%s", hf_http1_problem_info((enum hf_http1_problem)body.problem)->name);

    struct hf_slice data;
    size_t taken;

    assert_int_equal(hf_http1_body_feed(&body, "x", body.done || err != HF_OK, &taken, &data), err);
    assert_int_equal(taken, 0);
    if (err == HF_OK) /* the end of the connection tells a complete body from a torn one */
        assert_int_equal(hf_http1_body_end(&body), body.done ? HF_OK : HF_ERR_MALFORMED);
    assert_int_equal(body.problem == HF_HTTP1_BODY_TRUNCATED, err == HF_OK && !body.done);
}

static void decodes_in_every_chunking(void **state)
{
    enum { NONE = HF_HTTP1_FRAMING_NONE, LEN = HF_HTTP1_FRAMING_LENGTH };
    enum { CHUNKED = HF_HTTP1_FRAMING_CHUNKED, CLOSE = HF_HTTP1_FRAMING_UNTIL_CLOSE };
#define ROW(framing, length, max, in, want)            \
    {                                                  \
        framing, length, max, in, sizeof(in) - 1, want \
    }
    static const struct {
        int framing;
        uint64_t length, max;
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        ROW(NONE, 5, 9, "abc", "|done0"),
        ROW(LEN, 0, 9, "abc", "|done0"),
        ROW(LEN, 3, 3, "abcdef", "abc|done3"),
        ROW(LEN, 3, 2, "abc", "|body_too_big"),
        ROW(LEN, 9, 9, "abc", "abc|more3"),
        ROW(CLOSE, 0, 9, "abc", "abc|done3"),
        ROW(CLOSE, 0, 3, "abc", "abc|done3"),
        ROW(CLOSE, 0, 2, "abc", "ab|body_too_big"),
        ROW(CHUNKED, 0, 9, "0\r\n\r\nGET", "|done5"),
        ROW(CHUNKED, 0, 9, "000\r\n\r\n", "|done7"),
        ROW(CHUNKED, 0, 9, "3\r\nabc\r\n0006\r\ndefghi\r\n0\r\n\r\n", "abcdefghi|done27"),
        ROW(CHUNKED, 0, 99, "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789|done35"),
        ROW(CHUNKED, 0, 9, "1;a=b;c=\"d\"\r\nx\r\n0;\r\n\r\n", "x|done22"),
        ROW(CHUNKED, 0, 9, "1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\nz", "x|done21"),
        ROW(CHUNKED, 0, 9, "0\r\nTrailer-Name: b\r\n\r\n", "|done22"),
        ROW(CHUNKED, 0, 9, "1\r\nx\r\n", "x|more6"),
        ROW(CHUNKED, 0, 9, "a\r\n", "|body_too_big"),
        ROW(CHUNKED, 0, 9, "9\r\n012345678\r\n1", "012345678|body_too_big"),
        ROW(CHUNKED, 0, 9, "9\r\n012345678\r\n0\r\n\r\n", "012345678|done19"),
        ROW(CHUNKED, 0, UINT64_MAX, "ffffffffffffffff\r\nab", "ab|more20"),
        ROW(CHUNKED, 0, UINT64_MAX, "0ffffffffffffffff\r\nab", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, ";x\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "0x1\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "-1\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, " 1\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1 \r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1\rx", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1;x\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1;\0", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1;x\r\r\n", "|bad_chunk_size"),
        ROW(CHUNKED, 0, 9, "1\r\nxy", "x|bad_chunk_end"),
        ROW(CHUNKED, 0, 9, "1\r\nx\n", "x|bad_chunk_end"),
        ROW(CHUNKED, 0, 9, "1\r\nx\r\r", "x|bad_chunk_end"),
        ROW(CHUNKED, 0, 9, "0\r\n x: y\r\n", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\nx : y\r\n", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\nx\r\n", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\nx: y\n", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\nx: y\rz", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\n\n", "|bad_trailer"),
        ROW(CHUNKED, 0, 9, "0\r\n\rx", "|bad_trailer"),
    };
    char text[128];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t chunk_bytes = 1; chunk_bytes <= rows[i].bytes; chunk_bytes++) {
            hf_sb_init(&sb, text, sizeof(text));
            run(rows[i].in, rows[i].bytes, chunk_bytes, (enum hf_http1_framing)rows[i].framing,
                rows[i].length, rows[i].max, &sb);
            assert_string_equal(text, rows[i].want);
        }
}

/* Sends `unit` over and over behind `start`; returns after how many units the body was refused. */
static size_t units_taken(struct hf_http1_body *body, const char *start, const char *unit)
{
    struct hf_slice data;
    size_t taken, units = 0;

    assert_int_equal(hf_http1_body_init(body, HF_HTTP1_FRAMING_CHUNKED, 0, 1000000), HF_OK);
    assert_int_equal(hf_http1_body_feed(body, start, strlen(start), &taken, &data), HF_OK);
    for (;;) {
        for (size_t at = 0; at < strlen(unit); at += taken)
            if (hf_http1_body_feed(body, unit + at, strlen(unit) - at, &taken, &data) != HF_OK)
                return units;
        units++;
    }
}

static void bounds_what_is_dropped(void **state)
{
    struct hf_http1_body body;

    (void)state;
    assert_int_equal(units_taken(&body, "1;", "e"), HF_HTTP1_EXTENSION_BYTES_MAX);
    assert_int_equal(body.problem, HF_HTTP1_CHUNK_EXTENSION_TOO_LONG);
    /* over many chunks: the bound is that of the body */
    assert_int_equal(units_taken(&body, "", "1;1234567\r\nx\r\n"), HF_HTTP1_EXTENSION_BYTES_MAX / 7);
    assert_int_equal(body.problem, HF_HTTP1_CHUNK_EXTENSION_TOO_LONG);
    assert_int_equal(units_taken(&body, "0\r\n", "a: bcd\r\n"), HF_HTTP1_TRAILER_BYTES_MAX / 8);
    assert_int_equal(body.problem, HF_HTTP1_TRAILER_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_in_every_chunking),
        cmocka_unit_test(bounds_what_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
