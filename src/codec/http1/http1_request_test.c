/* codec/http1/http1_request_test.c - each row runs whole, byte by byte and in every chunk size, with the
 * bytes moved in memory between calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/http1/request.h"
#include "codec/http1/scan.h"

enum { TEXT_BYTES = 32768 };

static const char *flag(bool on, const char *name)
{
    return on ? name : "";
}

static void describe(const struct hf_http1_request *request, size_t head_bytes, struct hf_sb *sb)
{
    static const char *const framings[] = {"", " length", " chunked"};

    hf_sb_printf(sb, "%s 1.%d ", hf_http1_method_name(request->method), request->minor);
    hf_sb_slice(sb, request->path);
    if (request->query.at != NULL) {
        hf_sb_text(sb, " ?");
        hf_sb_slice(sb, request->query);
    }
    hf_sb_text(sb, " @");
    hf_sb_slice(sb, request->host);
    hf_sb_printf(sb, "%s%s%s%s%s", flag(request->keep_alive, " keep"),
                 flag(request->expect_continue, " expect"), flag(request->connection_upgrade, " upgrade"),
                 flag(request->upgrade_websocket, " websocket"), framings[request->framing]);
    assert_int_equal(request->chunked, request->framing == HF_HTTP1_FRAMING_CHUNKED);
    if (request->has_length)
        hf_sb_printf(sb, "=%llu", (unsigned long long)request->content_length);
    for (size_t i = 0; i < request->header_count; i++) {
        hf_sb_text(sb, "|");
        hf_sb_slice(sb, request->headers[i].name);
        hf_sb_char(sb, ':');
        hf_sb_slice(sb, request->headers[i].value);
    }
    hf_sb_printf(sb, "|%zu", head_bytes);
}

/* Feeds `in` in pieces; every call sees a fresh exact-size copy, so that an over-read is found by ASan. */
static void run(const char *in, size_t bytes, size_t chunk_bytes, const struct hf_http1_limits *limits,
                bool with_scan, struct hf_sb *sb)
{
    struct hf_http1_scan scan = {0};
    struct hf_http1_request request;
    size_t have = 0, head_bytes = 0;
    hf_err err = HF_ERR_AGAIN;

    while (err == HF_ERR_AGAIN && have < bytes) {
        have = HF_MIN(bytes, have + chunk_bytes);
        char *copy = malloc(have);

        assert_non_null(copy);
        memcpy(copy, in, have);
        err = hf_http1_parse_head(copy, have, limits, with_scan ? &scan : NULL, &request, &head_bytes);
        assert_int_equal(err == HF_OK || err == HF_ERR_AGAIN, request.problem == HF_HTTP1_NO_PROBLEM);
        if (err == HF_OK)
            describe(&request, head_bytes, sb);
        else if (err == HF_ERR_AGAIN)
            assert_true(have < (limits ? limits->head_bytes_max : HF_HTTP1_HEAD_BYTES_MAX));
        free(copy);
    }
    if (err == HF_OK) {
        assert_int_equal(scan.scanned, with_scan ? head_bytes : 0);
        return;
    }
    hf_sb_text(sb, err == HF_ERR_AGAIN ? "again" : hf_http1_problem_info(request.problem)->name);
    assert_int_equal(err, err == HF_ERR_AGAIN ? HF_ERR_AGAIN : hf_http1_problem_err(request.problem));
    if (with_scan && err != HF_ERR_AGAIN) /* final */
        assert_int_equal(hf_http1_parse_head(in, bytes, limits, &scan, &request, &head_bytes), err);
}

static void expect(const char *in, size_t bytes, const struct hf_http1_limits *limits, const char *want)
{
    static char text[TEXT_BYTES];
    struct hf_sb sb;

    for (size_t chunk_bytes = 1; chunk_bytes <= bytes; chunk_bytes += chunk_bytes < 600 ? 1 : bytes / 3)
        for (int with_scan = 0; with_scan <= 1; with_scan++) {
            hf_sb_init(&sb, text, sizeof(text));
            run(in, bytes, chunk_bytes, limits, with_scan, &sb);
            assert_string_equal(text, want);
        }
}

#define H   "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"

static void accepts(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {GET H "\r\n", "GET 1.1 / @a keep|Host:a|27"},
        {GET H "\r\nGET /next", "GET 1.1 / @a keep|Host:a|27"}, /* pipelined bytes stay */
        {"\r\n" GET H "\r\n", "GET 1.1 / @a keep|Host:a|29"},
        {"GET /a/b?x=1&y=?/ HTTP/1.1\r\n" H "\r\n", "GET 1.1 /a/b ?x=1&y=?/ @a keep|Host:a|39"},
        {"GET /? HTTP/1.1\r\n" H "\r\n", "GET 1.1 / ? @a keep|Host:a|28"},
        {"HEAD http://b:80/x?q HTTP/1.1\r\n" H "\r\n", "HEAD 1.1 /x ?q @b:80 keep|Host:a|42"},
        {"GET wss://b HTTP/1.1\r\n" H "\r\n", "GET 1.1 / @b keep|Host:a|33"},
        {"GET HTTPS://b?q HTTP/1.1\r\n" H "\r\n", "GET 1.1 / ?q @b keep|Host:a|37"},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS 1.1 * @a keep|Host:a|31"},
        {"OPTIONS /x HTTP/1.1\r\n" H "\r\n", "OPTIONS 1.1 /x @a keep|Host:a|32"},
        {"PUT / HTTP/1.1\r\n" H "\r\n", "PUT 1.1 / @a keep|Host:a|27"},
        {"PATCH / HTTP/1.1\r\n" H "\r\n", "PATCH 1.1 / @a keep|Host:a|29"},
        {"DELETE / HTTP/1.1\r\n" H "\r\n", "DELETE 1.1 / @a keep|Host:a|30"},
        {"POST / HTTP/1.1\r\n" H "Content-Length:  5 \r\n\r\nhello",
         "POST 1.1 / @a keep length=5|Host:a|Content-Length:5|49"},
        {"POST / HTTP/1.1\r\n" H "content-length: 0\r\n\r\n",
         "POST 1.1 / @a keep=0|Host:a|content-length:0|47"},
        {"POST / HTTP/1.1\r\n" H "content-length: 18446744073709551615\r\n\r\n",
         "POST 1.1 / @a keep length=18446744073709551615|Host:a|content-length:18446744073709551615|66"},
        {"POST / HTTP/1.1\r\n" H "TRANSFER-ENCODING: Chunked\r\nExpect: 100-Continue\r\n\r\n",
         "POST 1.1 / @a keep expect chunked|Host:a|TRANSFER-ENCODING:Chunked|Expect:100-Continue|78"},
        {"GET / HTTP/1.0\r\n\r\n", "GET 1.0 / @|18"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: x\r\n\r\n",
         "GET 1.0 / @ keep|Connection:keep-alive|Expect:x|53"},
        {"GET / HTTP/1.1\r\n" H "Connection: x, CLOSE\r\n\r\n", "GET 1.1 / @a|Host:a|Connection:x, CLOSE|49"},
        {"GET / HTTP/1.9\r\n" H "\r\n", "GET 1.9 / @a keep|Host:a|27"},
        {GET H "Connection: keep-alive\r\nUPGRADE: WebSocket\r\nConnection: ,, Upgrade ,\r\n\r\n",
         "GET 1.1 / @a keep upgrade websocket|Host:a|Connection:keep-alive|UPGRADE:WebSocket|"
         "Connection:,, Upgrade ,|97"},
        {GET H "Connection: noupgrade, upgrade2\r\nUpgrade: websocket/13, \"websocket\"\r\n\r\n",
         "GET 1.1 / @a keep|Host:a|Connection:noupgrade, upgrade2|Upgrade:websocket/13, \"websocket\"|96"},
        {GET H "Upgrade: \"x, websocket\"\r\n\r\n", "GET 1.1 / @a keep|Host:a|Upgrade:\"x, websocket\"|52"},
        {GET H "Upgrade: \"x\\\", websocket\"\r\n\r\n",
         "GET 1.1 / @a keep|Host:a|Upgrade:\"x\\\", websocket\"|54"},
        {GET H "X:\r\nY: \t \r\nZ:\ta\tb\xe9 \r\n\r\n", "GET 1.1 / @a keep|Host:a|X:|Y:|Z:a\tb\xe9|48"},
        {GET "Host:\r\n\r\n", "GET 1.1 / @ keep|Host:|25"},
        {GET "Host: [::1]:80\r\n\r\n", "GET 1.1 / @[::1]:80 keep|Host:[::1]:80|34"},
        {GET "Host: x.y-z:\r\n\r\n", "GET 1.1 / @x.y-z: keep|Host:x.y-z:|32"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, strlen(rows[i].in), NULL, rows[i].want);
}

static void refuses(void **state)
{
#define ROW(text, want)              \
    {                                \
        text, sizeof(text) - 1, want \
    }
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
        ROW("G", "again"),
        ROW(GET H, "again"),
        ROW(GET H "\r", "again"),
        ROW("\r\n\r\n", "bad_method"),
        ROW("\r\r", "bare_cr"),
        ROW("\n", "bare_lf"),
        ROW("\0", "nul_byte"),
        ROW(" GET", "bad_method"),
        ROW("\x16\x03\x01", "bad_method"), /* a TLS hello */
        ROW("G\0", "nul_byte"),
        ROW("GE\n", "bare_lf"),
        ROW("GET\r", "bad_method"),
        ROW("get", "method_unknown"),
        ROW("GETX", "method_unknown"),
        ROW("GE /", "method_unknown"),
        ROW("CONNECT a:1 HTTP/1.1\r\n", "method_unknown"),
        ROW("TRACE", "method_unknown"),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2_preface"),
        ROW("PRI * HTTP/1.1\r\n", "method_unknown"),
        ROW("PRI /x HTTP/2.0", "bad_target"),
        ROW("GET  /", "bad_target"),
        ROW("GET x ", "bad_target"),
        ROW("GET * ", "bad_target"),
        ROW("OPTIONS ** ", "bad_target"),
        ROW("GET http:// ", "bad_target"),
        ROW("GET http:///x ", "bad_target"),
        ROW("GET http://u@h/ ", "bad_target"),
        ROW("GET ftp://h/ ", "bad_target"),
        ROW("GET a:80 ", "bad_target"),
        ROW("GET /#x", "bad_target"),
        ROW("GET /\xc3\xa4", "bad_target"),
        ROW("GET /\t", "bad_target"),
        ROW("GET /\r\n", "bad_target"), /* HTTP/0.9 */
        ROW("GET /\n", "bare_lf"),
        ROW("GET /\0", "nul_byte"),
        ROW("GET / http/1.1", "bad_version"),
        ROW("GET / HTTP/11", "bad_version"),
        ROW("GET / HTTP/1.x", "bad_version"),
        ROW("GET / HTTP/1.10", "bad_version"),
        ROW("GET / HTTP/1.1 \r\n", "bad_version"),
        ROW("GET / HTTP/1.1\n", "bare_lf"),
        ROW("GET / HTTP/\0", "nul_byte"),
        ROW("GET / HTTP/2.0", "version_unsupported"),
        ROW("GET / HTTP/0.9", "version_unsupported"),
        ROW("GET / HTTP/1.1\rX", "bare_cr"),
        ROW(GET " X: y\r\n", "obs_fold"),
        ROW(GET "A: b\r\n\tc\r\n", "obs_fold"),
        ROW(GET "A : b\r\n", "space_before_colon"),
        ROW(GET "A\t: b\r\n", "space_before_colon"),
        ROW(GET "A\r\n", "no_colon"),
        ROW(GET "A\n", "bare_lf"),
        ROW(GET "A\0", "nul_byte"),
        ROW(GET ": b\r\n", "bad_header_name"),
        ROW(GET "A(: b\r\n", "bad_header_name"),
        ROW(GET "\xe9: b\r\n", "bad_header_name"),
        ROW(GET "\n", "bare_lf"),
        ROW(GET "\0", "nul_byte"),
        ROW(GET "A: b\n", "bare_lf"),
        ROW(GET "A: b\rc", "bare_cr"),
        ROW(GET "A: b\r\r\n", "bare_cr"),
        ROW(GET "A: \0", "nul_byte"),
        ROW(GET "A: \x01", "bad_header_value"),
        ROW(GET "A: \x7f", "bad_header_value"),
        ROW(GET H "\rx", "bare_cr"),
        ROW(GET "\r\n", "host_missing"),
        ROW(GET H H, "host_repeated"),
        ROW("GET http://b/ HTTP/1.1\r\n\r\n", "host_missing"),
        ROW(GET "Host: a b\r\n", "bad_host"),
        ROW(GET "Host: a,b\r\n", "bad_host"),
        ROW(GET "Host: a:b\r\n", "bad_host"),
        ROW(GET "Host: a/b\r\n", "bad_host"),
        ROW(GET "Host: u@a\r\n", "bad_host"),
        ROW(GET "Host: []\r\n", "bad_host"),
        ROW(GET "Host: [::1\r\n", "bad_host"),
        ROW(GET "Host: [/]\r\n", "bad_host"),
        ROW(GET "Host: [::1]x\r\n", "bad_host"),
        ROW(GET "Content-Length: 5\r\nContent-Length: 5\r\n", "content_length_repeated"),
        ROW(GET "Content-Length: 5\r\nContent-Length: 6\r\n", "content_length_repeated"),
        ROW(GET "Content-Length: 5, 5\r\n", "bad_content_length"),
        ROW(GET "Content-Length: +5\r\n", "bad_content_length"),
        ROW(GET "Content-Length: -5\r\n", "bad_content_length"),
        ROW(GET "Content-Length: 0x5\r\n", "bad_content_length"),
        ROW(GET "Content-Length:\r\n", "bad_content_length"),
        ROW(GET "Content-Length: 18446744073709551616\r\n", "bad_content_length"),
        ROW(GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "length_and_encoding"),
        ROW(GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "length_and_encoding"),
        ROW(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "bad_transfer_encoding"),
        ROW(GET "Transfer-Encoding: gzip, chunked\r\n", "bad_transfer_encoding"),
        ROW(GET "Transfer-Encoding: chunked, chunked\r\n", "bad_transfer_encoding"),
        ROW(GET "Transfer-Encoding: xchunked\r\n", "bad_transfer_encoding"),
        ROW(GET "Transfer-Encoding: \"chunked\"\r\n", "bad_transfer_encoding"),
        ROW(GET "Transfer-Encoding:\x0b"
                "chunked\r\n",
            "bad_header_value"),
        ROW(GET "Transfer-Encoding:\r\n", "bad_transfer_encoding"),
        ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "transfer_encoding_in_1_0"),
        ROW(GET "Expect: 200-ok\r\n", "expectation_failed"),
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect(rows[i].in, rows[i].bytes, NULL, rows[i].want);
}

/* Goal: each limit takes what is just below it and refuses what is just above. */
static void keeps_limits(void **state)
{
    static const struct {
        uint32_t line, head, headers;
        const char *in, *want;
    } rows[] = {
        {16, 100, 9, GET H "\r\n", "GET 1.1 / @a keep|Host:a|27"},
        {15, 100, 9, GET H "\r\n", "line_too_long"},
        {5, 100, 9, GET, "target_too_long"},
        {16, 100, 9, "GET /abcdefghijklmno HTTP/1.1\r\n", "target_too_long"},
        {20, 100, 9, GET "Host: aaaaaaaaaaaa\r\n\r\n", "GET 1.1 / @aaaaaaaaaaaa keep|Host:aaaaaaaaaaaa|38"},
        {19, 100, 9, GET "Host: aaaaaaaaaaaa\r\n\r\n", "line_too_long"},
        {19, 100, 9, GET "Hostaaaaaaaaaaaaaaaaaa\r\n\r\n", "line_too_long"},
        {99, 27, 9, GET H "\r\n", "GET 1.1 / @a keep|Host:a|27"},
        {99, 26, 9, GET H "\r\n", "head_too_big"},
        {99, 25, 9, GET H "\r\n", "head_too_big"},
        {99, 10, 9, GET H "\r\n", "head_too_big"},
        {99, 5, 9, GET H "\r\n", "target_too_long"},
        {99, 99, 1, GET H "\r\n", "GET 1.1 / @a keep|Host:a|27"},
        {99, 99, 1, GET H "B: c\r\n\r\n", "too_many_headers"},
        {99, 99, 0, GET H "\r\n", "too_many_headers"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_http1_limits limits = {rows[i].line, rows[i].head, rows[i].headers, 0};

        expect(rows[i].in, strlen(rows[i].in), &limits, rows[i].want);
    }
}

static void keeps_default_limits(void **state)
{
    static char in[3 * HF_HTTP1_HEAD_BYTES_MAX];
    const struct hf_http1_limits wide = {65536, 65536, 1000, 0};
    struct hf_http1_request request;
    size_t head_bytes;
    struct hf_sb sb;

    (void)state;
    for (unsigned more = 0; more <= 1; more++) { /* 64 fields, then 65; a higher setting is no help */
        hf_sb_init(&sb, in, sizeof(in));
        hf_sb_text(&sb, GET H);
        for (unsigned i = 1; i < HF_HTTP1_HEADERS_MAX + more; i++)
            hf_sb_text(&sb, "A:b\r\n");
        hf_sb_text(&sb, "\r\n");
        assert_int_equal(hf_http1_parse_head(in, sb.bytes, &wide, NULL, &request, &head_bytes),
                         more ? HF_ERR_LIMIT : HF_OK);
        assert_int_equal(request.problem, more ? HF_HTTP1_TOO_MANY_HEADERS : HF_HTTP1_NO_PROBLEM);
        if (!more)
            assert_int_equal(request.header_count, HF_HTTP1_HEADERS_MAX);
    }
    for (unsigned more = 0; more <= 1; more++) { /* exactly 8 KiB of head, then one byte more */
        hf_sb_init(&sb, in, sizeof(in));
        hf_sb_text(&sb, GET H "A: ");
        while (sb.bytes < HF_HTTP1_HEAD_BYTES_MAX - 4 + more)
            hf_sb_char(&sb, 'v');
        hf_sb_text(&sb, "\r\n\r\n");
        assert_int_equal(hf_http1_parse_head(in, sb.bytes, NULL, NULL, &request, &head_bytes),
                         more ? HF_ERR_LIMIT : HF_OK);
        assert_int_equal(request.problem, more ? HF_HTTP1_HEAD_TOO_BIG : HF_HTTP1_NO_PROBLEM);
    }
    memset(in, 'x', sizeof(in));
    memcpy(in, "GET /", 5);
    expect(in, sizeof(in), NULL, "target_too_long");
}

/* Goal: a byte-by-byte sender costs O(n). The cursor must judge each byte exactly once: it never goes back
 * and always stands at the end of what was given. */
static void judges_each_byte_once(void **state)
{
    static const char in[] = GET H "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    struct hf_http1_scan scan = {0};
    struct hf_http1_request request;
    size_t head_bytes;

    (void)state;
    for (size_t bytes = 1; bytes < sizeof(in) - 1; bytes++) {
        assert_int_equal(hf_http1_parse_head(in, bytes, NULL, &scan, &request, &head_bytes), HF_ERR_AGAIN);
        assert_int_equal(scan.scanned, bytes);
    }
    assert_int_equal(hf_http1_parse_head(in, sizeof(in) - 1, NULL, &scan, &request, &head_bytes), HF_OK);
    assert_true(request.upgrade_websocket && request.connection_upgrade);
    assert_int_equal(hf_http1_parse_head(in, 0, NULL, NULL, &request, &head_bytes), HF_ERR_AGAIN);
}

static void finds_headers_and_items(void **state)
{
    static const char in[] = GET H "Sec-WebSocket-Protocol: a , b\r\nsec-websocket-protocol: c\r\n\r\n";
    struct hf_http1_request request;
    struct hf_slice list = HF_SLICE(" , a ,, \"x,y\" ;q=\"\\\",\" , z"), item;
    size_t head_bytes;

    (void)state;
    assert_int_equal(hf_http1_parse_head(in, sizeof(in) - 1, NULL, NULL, &request, &head_bytes), HF_OK);
    assert_true(hf_slice_is(hf_http1_header(&request, "SEC-WebSocket-Protocol"), "a , b"));
    assert_null(hf_http1_header(&request, "Sec").at);
    assert_int_equal(hf_http1_count(request.headers, request.header_count, "Sec-WebSocket-Protocol"), 2);
    assert_true(hf_http1_has_token(request.headers, request.header_count, "sec-websocket-protocol", "C"));
    assert_false(hf_http1_has_token(request.headers, request.header_count, "sec-websocket-protocol", "d"));

    assert_true(hf_http1_list_next(&list, &item) && hf_slice_is(item, "a"));
    assert_true(hf_http1_list_next(&list, &item) && hf_slice_is(item, "\"x,y\" ;q=\"\\\",\""));
    assert_true(hf_http1_list_next(&list, &item) && hf_slice_is(item, "z"));
    assert_false(hf_http1_list_next(&list, &item));
    list = HF_SLICE("\"open, \\");
    assert_true(hf_http1_list_next(&list, &item) && hf_slice_is(item, "\"open, \\"));
    assert_false(hf_http1_list_next(&list, &item));
}

static void table_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < HF_HTTP1_PROBLEMS; i++) {
        const struct hf_http1_problem_info *info = hf_http1_problem_info((enum hf_http1_problem)i);
        unsigned status = info->http_status;

        assert_true(info->name != NULL && info->text != NULL);
        assert_int_equal(hf_http1_problem_err((enum hf_http1_problem)i),
                         i == 0                                            ? HF_OK
                         : status == 413 || status == 414 || status == 431 ? HF_ERR_LIMIT
                                                                           : HF_ERR_MALFORMED);
    }
    assert_int_equal(hf_http1_problem_info(HF_HTTP1_HTTP2_PREFACE)->http_status, 505);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(keeps_limits),
        cmocka_unit_test(keeps_default_limits),
        cmocka_unit_test(judges_each_byte_once),
        cmocka_unit_test(finds_headers_and_items),
        cmocka_unit_test(table_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
