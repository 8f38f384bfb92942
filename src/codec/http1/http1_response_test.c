/* codec/http1/http1_response_test.c - reading responses in every chunking, and writing them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/http1/problem.h"
#include "codec/http1/response.h"
#include "codec/http1/write.h"
#include "codec/json/scan.h"

static void describe(const struct hf_http1_response *response, size_t head_bytes, struct hf_sb *sb)
{
    static const char *const framings[] = {"none", "length", "chunked", "close"};

    hf_sb_printf(sb, "1.%d %u ", response->minor, response->status);
    hf_sb_slice(sb, response->status_text);
    hf_sb_printf(sb, "|%s%s%s%s %llu %zu|%zu", framings[response->framing],
                 response->keep_alive ? " keep" : "", response->connection_upgrade ? " upgrade" : "",
                 response->upgrade_websocket ? " websocket" : "",
                 (unsigned long long)response->content_length, response->header_count, head_bytes);
}

static void run(const char *in, size_t bytes, size_t chunk_bytes, enum hf_http1_method method, bool with_scan,
                struct hf_sb *sb)
{
    struct hf_http1_scan scan = {0};
    struct hf_http1_response response;
    size_t have = 0, head_bytes = 0;
    hf_err err = HF_ERR_AGAIN;

    while (err == HF_ERR_AGAIN && have < bytes) {
        have = HF_MIN(bytes, have + chunk_bytes);
        char *copy = malloc(have);

        assert_non_null(copy);
        memcpy(copy, in, have);
        err = hf_http1_parse_response(copy, have, method, NULL, with_scan ? &scan : NULL, &response,
                                      &head_bytes);
        if (err == HF_OK)
            describe(&response, head_bytes, sb);
        free(copy);
    }
    if (err != HF_OK)
        hf_sb_text(sb, err == HF_ERR_AGAIN ? "again" : hf_http1_problem_info(response.problem)->name);
}

static void reads_in_every_chunking(void **state)
{
    static const struct {
        const char *in, *want;
        enum hf_http1_method method;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "1.1 200 OK|length keep 5 1|38", HF_HTTP1_GET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "1.1 200 OK|none keep 5 1|38", HF_HTTP1_HEAD},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "1.1 200 OK|none keep 0 1|38", HF_HTTP1_GET},
        {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", "1.1 200 |chunked keep 0 1|45", HF_HTTP1_GET},
        {"HTTP/1.1 200\r\n\r\n", "1.1 200 |close 0 0|16", HF_HTTP1_GET},
        {"HTTP/1.0 404 Not  Found\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
         "1.0 404 Not  Found|length keep 1 2|70", HF_HTTP1_GET},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "1.0 200 OK|length 1 1|38", HF_HTTP1_GET},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "1.1 101 Switching Protocols|none keep upgrade websocket 0 2|77", HF_HTTP1_GET},
        {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "1.1 204 No Content|none 0 1|46",
         HF_HTTP1_PUT},
        {"HTTP/1.1 304 x\r\nContent-Length: 99\r\n\r\n", "1.1 304 x|none keep 99 1|38", HF_HTTP1_GET},
        {"HTTP/1.1 20", "again", HF_HTTP1_GET},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "bad_version", HF_HTTP1_GET},
        {"HTTP/2 200\r\n", "bad_version", HF_HTTP1_GET},
        {"HTTP/2.0 200\r\n", "version_unsupported", HF_HTTP1_GET},
        {"HTTP/1.1\r\n", "bad_version", HF_HTTP1_GET},
        {"HTTP/1.1  200", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 600 x\r\n", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 099 x\r\n", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 20x x\r\n", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 2000\r\n", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 200 O\x01K\r\n", "bad_status", HF_HTTP1_GET},
        {"HTTP/1.1 200\n", "bare_lf", HF_HTTP1_GET},
        {"HTTP/1.1 200 OK\n", "bare_lf", HF_HTTP1_GET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", "content_length_repeated",
         HF_HTTP1_GET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", "length_and_encoding",
         HF_HTTP1_GET},
        {"HTTP/1.1 200 OK\r\n folded\r\n", "obs_fold", HF_HTTP1_GET},
    };
    char text[256];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t chunk_bytes = 1; chunk_bytes <= strlen(rows[i].in); chunk_bytes++)
            for (int with_scan = 0; with_scan <= 1; with_scan++) {
                hf_sb_init(&sb, text, sizeof(text));
                run(rows[i].in, strlen(rows[i].in), chunk_bytes, rows[i].method, with_scan, &sb);
                assert_string_equal(text, rows[i].want);
            }
}

static void writes_heads_and_chunks(void **state)
{
    char text[512];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_http1_write_status(&sb, 200), HF_OK);
    assert_int_equal(hf_http1_write_header(&sb, "Transfer-Encoding", HF_SLICE("chunked")), HF_OK);
    assert_int_equal(hf_http1_write_header_u64(&sb, "X-Offset", UINT64_MAX), HF_OK);
    assert_int_equal(hf_http1_write_header(&sb, "X-Empty", (struct hf_slice){NULL, 0}), HF_OK);
    assert_int_equal(hf_http1_write_head_end(&sb), HF_OK);
    assert_int_equal(hf_http1_write_chunk(&sb, HF_SLICE("0123456789abcdef")), HF_OK);
    assert_int_equal(hf_http1_write_chunk(&sb, HF_SLICE("")), HF_OK);
    assert_int_equal(hf_http1_write_chunk_head(&sb, 0xabcdef0123456789u), HF_OK);
    assert_int_equal(hf_http1_write_chunk_end(&sb), HF_OK);
    assert_int_equal(hf_http1_write_last_chunk(&sb), HF_OK);
    assert_string_equal(text,
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Offset: 18446744073709551615\r\n"
                        "X-Empty: \r\n\r\n10\r\n0123456789abcdef\r\nabcdef0123456789\r\n\r\n0\r\n\r\n");

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_http1_write_request(&sb, HF_HTTP1_POST, HF_SLICE("/v1/x?y=z")), HF_OK);
    assert_int_equal(hf_http1_write_status(&sb, 599), HF_OK);
    assert_string_equal(text, "POST /v1/x?y=z HTTP/1.1\r\nHTTP/1.1 599 Status\r\n");
}

static void lets_nobody_add_a_line(void **state)
{
    static const struct hf_http1_header bad[] = {{HF_SLICE("A\r\nB"), HF_SLICE("c")},
                                                 {HF_SLICE(""), HF_SLICE("c")},
                                                 {HF_SLICE("A"), HF_SLICE("b\r\nC: d")}};
    static const char *const values[] = {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x7f", "\x01"};
    static const char *const names[] = {"", "A B", "A:", "A\r\n", "\xc3\xa4"};
    char text[256];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, text, sizeof(text));
    for (size_t i = 0; i < HF_COUNT_OF(values); i++)
        assert_int_equal(hf_http1_write_header(&sb, "X", hf_slice_of(values[i])), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_header(&sb, "X", (struct hf_slice){"\0", 1}), HF_ERR_INVALID);
    for (size_t i = 0; i < HF_COUNT_OF(names); i++) {
        assert_int_equal(hf_http1_write_header(&sb, names[i], HF_SLICE("a")), HF_ERR_INVALID);
        assert_int_equal(hf_http1_write_header_u64(&sb, names[i], 1), HF_ERR_INVALID);
    }
    assert_int_equal(hf_http1_write_status(&sb, 99), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_status(&sb, 600), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_request(&sb, HF_HTTP1_GET, HF_SLICE("")), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_request(&sb, HF_HTTP1_GET, HF_SLICE("/ x")), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_request(&sb, HF_HTTP1_GET, HF_SLICE("/\r\n")), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_chunk_head(&sb, 0), HF_ERR_INVALID);
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++)
        assert_int_equal(
            hf_http1_write_answer(
                &sb, &(struct hf_http1_answer){.status = 200, .headers = &bad[i], .header_count = 1}),
            HF_ERR_INVALID);
    assert_int_equal(
        hf_http1_write_answer(&sb, &(struct hf_http1_answer){.status = 200, .content_type = "a\r\nb"}),
        HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_answer(&sb, &(struct hf_http1_answer){.status = 0}), HF_ERR_INVALID);
    assert_int_equal(hf_http1_write_answer(&sb, &(struct hf_http1_answer){.status = 1000}), HF_ERR_INVALID);
    assert_string_equal(text, ""); /* what is refused adds nothing */
}

static void writes_answers(void **state)
{
    static const struct hf_http1_header extra[] = {{HF_SLICE("Allow"), HF_SLICE("GET")}};
    static const struct {
        struct hf_http1_answer answer;
        const char *want;
    } rows[] = {
        {{.status = 200, .content_type = "text/plain", .body = {"hi", 2}},
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"},
        {{.status = 200, .body = {"hi", 2}, .head_only = true, .close = true},
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"},
        {{.status = 404, .headers = extra, .header_count = 1},
         "HTTP/1.1 404 Not Found\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n"},
        {{.status = 204, .body = {"hi", 2}}, "HTTP/1.1 204 No Content\r\n\r\n"},
        {{.status = 304}, "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {{.status = 100}, "HTTP/1.1 100 Continue\r\n\r\n"},
    };
    char text[256];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, text, sizeof(text));
        assert_int_equal(hf_http1_write_answer(&sb, &rows[i].answer), HF_OK);
        assert_string_equal(text, rows[i].want);
        for (size_t room = 1; room <= strlen(rows[i].want); room++) {
            hf_sb_init(&sb, text, room);
            assert_int_equal(hf_http1_write_answer(&sb, &rows[i].answer), HF_ERR_LIMIT);
        }
    }
}

static void writes_problems(void **state)
{
    static const struct hf_http1_header version[] = {{HF_SLICE("Sec-WebSocket-Version"), HF_SLICE("13")}};
    static const struct {
        struct hf_http1_problem_doc doc;
        const char *want;
    } rows[] = {
        {{.reason = HF_REASON_RATE_LIMIT,
          .detail = {"100 \"a\" second", 14},
          .has_limit = true,
          .limit = 100,
          .has_observed = true,
          .observed = 101,
          .retry_after_ms = 1001},
         "HTTP/1.1 429 Too Many Requests\r\nCache-Control: no-store\r\nRetry-After: 2\r\n"
         "Content-Type: application/problem+json\r\nContent-Length: 182\r\n\r\n"
         "{\"type\":\"/reasons#rate_limit\",\"title\":\"too many messages or requests\",\"status\":429,"
         "\"detail\":\"100 \\\"a\\\" second\",\"reason\":\"rate_limit\",\"limit\":100,\"observed\":101,"
         "\"retry_after_ms\":1001}"},
        {{.reason = HF_REASON_UPGRADE_REQUIRED, .headers = version, .header_count = 1, .close = true},
         "HTTP/1.1 426 Upgrade Required\r\nCache-Control: no-store\r\nSec-WebSocket-Version: 13\r\n"
         "Content-Type: application/problem+json\r\nContent-Length: 119\r\nConnection: close\r\n\r\n"
         "{\"type\":\"/reasons#upgrade_required\",\"title\":\"a WebSocket upgrade is "
         "expected\",\"status\":426,"
         "\"reason\":\"upgrade_required\"}"},
        {{.reason = HF_REASON_DRAIN, .head_only = true}, /* the reason's own hint */
         "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nRetry-After: 1\r\n"
         "Content-Type: application/problem+json\r\nContent-Length: 114\r\n\r\n"},
        {{.reason = HF_REASON_SILENCE, .head_only = true}, /* a reason that has no status */
         "HTTP/1.1 500 Internal Server Error\r\nCache-Control: no-store\r\n"
         "Content-Type: application/problem+json\r\nContent-Length: 97\r\n\r\n"},
        {{.reason = HF_REASON_BAD_REQUEST, .status = 422, .head_only = true},
         "HTTP/1.1 422 Unprocessable Content\r\nCache-Control: no-store\r\n"
         "Content-Type: application/problem+json\r\nContent-Length: 102\r\n\r\n"},
    };
    char text[HF_HTTP1_PROBLEM_BYTES_MAX];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, text, sizeof(text));
        assert_int_equal(hf_http1_problem(&sb, &rows[i].doc), HF_OK);
        assert_string_equal(text, rows[i].want);
    }
}

/* Goal: no reason and no detail makes a document that does not fit or is not JSON. */
static void every_problem_fits(void **state)
{
    static const char *const fill[] = {"\x01", "\"", "\xff", "\xe2\x82\xac"};
    char text[HF_HTTP1_PROBLEM_BYTES_MAX], detail[3 * HF_HTTP1_DETAIL_BYTES_MAX];
    struct hf_http1_response response;
    struct hf_json_field fields[] = {HF_JSON_FIELD("reason"), HF_JSON_FIELD("detail"),
                                     HF_JSON_FIELD("status")};
    const struct hf_reason_info *reasons;
    size_t head_bytes, count;
    uint64_t status;
    struct hf_sb sb;

    (void)state;
    reasons = hf_reason_table(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t f = 0; f < HF_COUNT_OF(fill); f++) {
            hf_sb_init(&sb, detail, sizeof(detail));
            while (!sb.overflow)
                hf_sb_text(&sb, fill[f]);
            struct hf_http1_problem_doc doc = {.reason = reasons[i].reason,
                                               .detail = hf_sb_done(&sb),
                                               .has_limit = true,
                                               .limit = UINT64_MAX,
                                               .has_observed = true,
                                               .observed = UINT64_MAX,
                                               .retry_after_ms = UINT64_MAX,
                                               .close = true};

            hf_sb_init(&sb, text, sizeof(text));
            assert_int_equal(hf_http1_problem(&sb, &doc), HF_OK);
            assert_int_equal(
                hf_http1_parse_response(text, sb.bytes, HF_HTTP1_GET, NULL, NULL, &response, &head_bytes),
                HF_OK);
            assert_int_equal(sb.bytes - head_bytes, response.content_length);
            assert_int_equal(hf_json_scan(text + head_bytes, sb.bytes - head_bytes, fields, 3, 1), HF_OK);
            assert_true(hf_json_is(&fields[0], reasons[i].name));
            assert_true(fields[1].raw.bytes > HF_HTTP1_DETAIL_BYTES_MAX - 3);
            if (fill[f][0] == '\xe2') /* cut between characters, not inside one */
                assert_null(strstr(text, "\xef\xbf\xbd"));
            assert_true(hf_json_to_u64(&fields[2], &status) == HF_OK && status == response.status);
        }
}

static void refusals_name_their_rule(void **state)
{
    struct hf_http1_header many[HF_HTTP1_HEADERS_MAX];
    char text[HF_HTTP1_PROBLEM_BYTES_MAX];
    struct hf_http1_response response;
    size_t head_bytes;
    struct hf_sb sb;

    (void)state;
    for (int i = HF_HTTP1_NO_PROBLEM + 1; i < HF_HTTP1_PROBLEMS; i++) {
        const struct hf_http1_problem_info *info = hf_http1_problem_info((enum hf_http1_problem)i);

        hf_sb_init(&sb, text, sizeof(text));
        assert_int_equal(hf_http1_refuse(&sb, (enum hf_http1_problem)i), HF_OK);
        assert_int_equal(
            hf_http1_parse_response(text, sb.bytes, HF_HTTP1_GET, NULL, NULL, &response, &head_bytes), HF_OK);
        assert_int_equal(response.status, info->http_status);
        assert_false(response.keep_alive);
        assert_non_null(strstr(text, info->text));
        assert_string_not_equal(hf_http1_status_text(response.status), "Status");
    }
    hf_sb_init(&sb, text, 64);
    assert_int_equal(hf_http1_refuse(&sb, HF_HTTP1_BARE_LF), HF_ERR_LIMIT);
    hf_sb_init(&sb, text, 8);
    assert_int_equal(hf_http1_problem_body(&sb, &(struct hf_http1_problem_doc){.reason = HF_REASON_BUSY}),
                     HF_ERR_LIMIT);
    for (size_t i = 0; i < HF_COUNT_OF(many); i++)
        many[i] = (struct hf_http1_header){HF_SLICE("A"), HF_SLICE("b")};
    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_http1_problem(&sb, &(struct hf_http1_problem_doc){.reason = HF_REASON_BUSY,
                                                                          .headers = many,
                                                                          .header_count = HF_COUNT_OF(many)}),
                     HF_ERR_INVALID);
}

/* Each status of the reason table has a text of its own. */
static void reasons_have_status_texts(void **state)
{
    size_t count;
    const struct hf_reason_info *reasons = hf_reason_table(&count);

    (void)state;
    for (size_t i = 0; i < count; i++)
        if (reasons[i].http_status != 0)
            assert_string_not_equal(hf_http1_status_text(reasons[i].http_status), "Status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_every_chunking),  cmocka_unit_test(writes_heads_and_chunks),
        cmocka_unit_test(lets_nobody_add_a_line),   cmocka_unit_test(writes_answers),
        cmocka_unit_test(writes_problems),          cmocka_unit_test(every_problem_fits),
        cmocka_unit_test(refusals_name_their_rule), cmocka_unit_test(reasons_have_status_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
