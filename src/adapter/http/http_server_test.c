#include "adapter/http/link_testkit.h"
#include "adapter/http/server.h"

/* An app that answers with method, path and body; /later waits, /big answers much, /stream streams, /early answers from the head. */
struct app {
    struct hf_http_exchange *later;
    unsigned heads, gones, drains;
    char path[64];
};

static struct {
    struct hf_wheel wheel;
    struct hf_http_site site;
    struct fake_link link;
    struct app app;
    struct hf_proxy proxy;
} t;

enum { BIG_BYTES = 300 * 1024 };

static void app_answer(struct hf_http_exchange *exchange, struct hf_slice body)
{
    char text[512];
    int bytes = snprintf(text, sizeof(text), "%s:%.*s", t.app.path, (int)HF_MIN(body.bytes, 200u), body.at);

    hf_http_answer(exchange, &(struct hf_http_answer){
                                 .status = 200, .content_type = "text/plain", .body = {text, (size_t)bytes}});
}

static void app_big(struct hf_http_exchange *exchange)
{
    char *big = malloc(BIG_BYTES);

    memset(big, 'x', BIG_BYTES);
    hf_http_answer(exchange, &(struct hf_http_answer){
                                 .status = 200, .content_type = "text/plain", .body = {big, BIG_BYTES}});
    free(big);
}

static void on_head(void *context, struct hf_http_exchange *exchange, const struct hf_http1_request *request)
{
    (void)context;
    t.app.heads++;
    snprintf(t.app.path, sizeof(t.app.path), "%.*s", (int)request->path.bytes, request->path.at);
    if (strcmp(t.app.path, "/early") == 0)
        app_answer(exchange, HF_SLICE(""));
}

static void on_body(void *context, struct hf_http_exchange *exchange, struct hf_slice body)
{
    (void)context;
    if (strcmp(t.app.path, "/later") == 0) {
        t.app.later = exchange;
    } else if (strcmp(t.app.path, "/big") == 0) {
        app_big(exchange);
    } else if (strcmp(t.app.path, "/stream") == 0) {
        if (hf_http_stream_begin(exchange,
                                 &(struct hf_http_answer){.status = 200, .content_type = "text/plain"}))
            t.app.later = exchange;
    } else {
        app_answer(exchange, body);
    }
}

static void on_drained(void *context, struct hf_http_exchange *exchange)
{
    (void)context;
    (void)exchange;
    t.app.drains++;
}

static void on_gone(void *context, struct hf_http_exchange *exchange)
{
    (void)context;
    t.app.gones++;
    if (t.app.later == exchange)
        t.app.later = NULL;
}

static const struct hf_http_app app = {
    .on_head = on_head, .on_body = on_body, .on_drained = on_drained, .on_gone = on_gone};

static void set_peer(void *context, struct hf_link *link, const struct hf_proxy *proxy)
{
    (void)context;
    (void)link;
    t.proxy = *proxy;
}

static const struct hf_http_ops ops = {.set_peer = set_peer};

static void begin(unsigned roles, bool proxy)
{
    memset(&t, 0, sizeof(t));
    hf_wheel_init(&t.wheel, 1000);
    assert_int_equal(hf_http_site_init(&t.site, 100), HF_OK);
    t.site.wheel = &t.wheel;
    t.site.now_ms = 1000;
    t.site.ops = &ops;
    t.site.app = &app;
    fake_link_init(&t.link);
    assert_int_equal(
        hf_http_open(&t.site, &t.link.link,
                     &(struct hf_http_options){.roles = roles, .proxy_protocol = proxy, .conn_id = 7}),
        HF_OK);
}

static void end(void)
{
    fake_link_end(&t.link);
    assert_int_equal(t.app.heads, t.app.gones);
    assert_int_equal(t.site.stats.opened, t.site.stats.ended);
    assert_int_equal(t.wheel.armed, 0);
    hf_http_site_deinit(&t.site); /* asserts that the slab is empty */
}

static void advance(uint64_t ms)
{
    for (uint64_t to = t.site.now_ms + ms; t.site.now_ms < to;) {
        t.site.now_ms = HF_MIN(to, t.site.now_ms + 100);
        hf_wheel_run(&t.wheel, t.site.now_ms);
    }
}

static void answers_do_not_depend_on_where_the_network_cut(void **state)
{
    static const char text[] =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    char *want = NULL;

    (void)state;
    for (size_t chunk = sizeof(text) - 1; chunk >= 1; chunk--) {
        begin(HF_HTTP_API, false);
        for (size_t at = 0; at < sizeof(text) - 1; at += chunk)
            fake_feed_bytes(&t.link, text + at, HF_MIN(chunk, sizeof(text) - 1 - at));
        if (want == NULL)
            want = strdup(t.link.out);
        assert_string_equal(t.link.out, want);
        assert_true(t.link.finished);
        end();
    }
    for (size_t cut = 1; cut < sizeof(text) - 1; cut++) { /* every single place */
        begin(HF_HTTP_API, false);
        fake_feed_bytes(&t.link, text, cut);
        fake_feed_bytes(&t.link, text + cut, sizeof(text) - 1 - cut);
        assert_string_equal(t.link.out, want);
        end();
    }
    assert_non_null(strstr(want, "/a:hello"));
    assert_non_null(strstr(want, "/c:abcde"));
    assert_non_null(strstr(want, "/d:")); /* no body costs the connection */
    assert_non_null(strstr(want, "Connection: close\r\n"));
    free(want);
}

static void a_pipeline_waits_for_the_answer_before(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c "
                       "HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(t.app.heads, 1);
    assert_true(t.link.paused);
    assert_int_equal(t.link.out_bytes, 0);
    app_answer(t.app.later, HF_SLICE(""));
    assert_int_equal(t.app.heads, 3);
    assert_false(t.link.paused);
    assert_true(strstr(t.link.out, "/later:") < strstr(t.link.out, "/b:"));
    assert_true(strstr(t.link.out, "/b:") < strstr(t.link.out, "/c:"));
    end();
}

static void a_peer_that_leaves_takes_its_request_along(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(t.app.later);
    end(); /* asserts on_gone */
    assert_null(t.app.later);
}

static void limits_are_refused_by_name(void **state)
{
    static const struct {
        const char *request, *reason;
        unsigned status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "bad_request", 400},
        {"GET / HTTP/1.1\nHost: h\n\n", "bad_request", 400},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "not_implemented", 501},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "version", 505},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "bad_request", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", "body_too_big", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", "body_too_big", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_request", 400},
    };
    char long_head[9000];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin(HF_HTTP_API, false);
        fake_feed(&t.link, rows[i].request);
        assert_int_equal(fake_status(&t.link), rows[i].status);
        assert_non_null(strstr(t.link.out, rows[i].reason));
        assert_non_null(strstr(t.link.out, "application/problem+json"));
        assert_true(t.link.finished);
        end();
    }
    memset(long_head, 'a', sizeof(long_head) - 1);
    long_head[sizeof(long_head) - 1] = '\0';
    memcpy(long_head, "GET / HTTP/1.1\r\nHost: h\r\nX: ", 28);
    begin(HF_HTTP_API, false);
    for (size_t at = 0; at < sizeof(long_head) - 1 && !t.link.finished; at += 1000)
        fake_feed_bytes(&t.link, long_head + at, HF_MIN(1000u, sizeof(long_head) - 1 - at));
    assert_int_equal(fake_status(&t.link), 431);
    end();
}

static void a_slow_head_is_answered_408(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET / HT");
    advance(5000);
    fake_feed(&t.link, "TP/1.1\r\n"); /* dripping does not help */
    advance(4900);
    assert_int_equal(t.link.out_bytes, 0);
    advance(200);
    assert_int_equal(fake_status(&t.link), 408);
    assert_int_equal(t.site.stats.head_timeouts, 1);
    assert_true(t.link.finished);
    advance(5100); /* and its end does not come */
    assert_true(t.link.aborted);
    end();
}

static void an_idle_connection_ends_quietly_and_a_second_head_has_its_own_time(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_clear(&t.link);
    advance(74000);
    assert_false(t.link.finished);
    fake_feed(&t.link, "GET /b");
    advance(9000);
    assert_false(t.link.finished);
    fake_feed(&t.link, " HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(fake_status(&t.link), 200);
    fake_clear(&t.link);
    advance(75200);
    assert_true(t.link.finished);
    assert_int_equal(t.link.out_bytes, 0);
    assert_int_equal(t.site.stats.idle_closed, 1);
    end();
}

static void a_body_must_make_progress(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nx");
    advance(9000);
    fake_feed(&t.link, "x");
    advance(9000);
    assert_int_equal(t.link.out_bytes, 0);
    advance(1200);
    assert_int_equal(fake_status(&t.link), 408);
    end();

    begin(HF_HTTP_API, false); /* a drip of a byte every nine seconds */
    fake_feed(&t.link, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nx");
    for (unsigned i = 0; i < 13; i++) {
        advance(9000);
        fake_feed(&t.link, "x");
    }
    advance(3200);
    assert_int_equal(fake_status(&t.link), 408);
    end();
}

static void expect_100_is_answered_when_the_body_is_wanted(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_string_equal(t.link.out, "HTTP/1.1 100 Continue\r\n\r\n");
    fake_feed(&t.link, "abc");
    assert_non_null(strstr(t.link.out, "/a:abc"));
    end();

    begin(HF_HTTP_API, false); /* and not when it is too long, nor when the head was enough */
    fake_feed(&t.link,
              "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(fake_status(&t.link), 413);
    end();
    begin(HF_HTTP_API, false);
    fake_feed(&t.link,
              "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(fake_status(&t.link), 200);
    assert_true(t.link.finished);
    end();
}

static void a_body_that_nobody_wants_is_skipped_or_ends_the_connection(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe");
    assert_non_null(strstr(t.link.out, "/early:"));
    fake_feed(&t.link, "lloGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(t.link.out, "/b:"));
    end();

    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nhe");
    assert_true(t.link.finished);
    assert_non_null(strstr(t.link.out, "Connection: close"));
    end();
}

static void head_has_no_body_and_http_1_0_closes(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(t.link.out, "Content-Length: 3\r\n"));
    assert_null(strstr(t.link.out, "/a:"));
    fake_clear(&t.link);
    fake_feed(&t.link, "GET /a HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(t.link.out, "Connection: close"));
    assert_true(t.link.finished);
    end();
}

static void preflights_and_origins(void **state)
{
    static const char *const origins[] = {"https://good.example"};

    (void)state;
    begin(HF_HTTP_API, false);
    t.site.cors_origins = origins;
    t.site.cors_origin_count = 1;
    fake_feed(&t.link, "OPTIONS /a HTTP/1.1\r\nHost: h\r\nOrigin: "
                       "https://good.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
    assert_int_equal(fake_status(&t.link), 204);
    assert_non_null(strstr(t.link.out, "Access-Control-Allow-Origin: https://good.example\r\n"));
    assert_non_null(strstr(t.link.out, "Access-Control-Allow-Headers: Authorization"));
    fake_clear(&t.link);
    fake_feed(&t.link, "OPTIONS /a HTTP/1.1\r\nHost: h\r\nOrigin: "
                       "https://bad.example\r\nAccess-Control-Request-Method: POST\r\n\r\n");
    assert_int_equal(fake_status(&t.link), 403);
    assert_null(strstr(t.link.out, "Allow-Origin"));
    fake_clear(&t.link);
    fake_feed(&t.link, "GET /a HTTP/1.1\r\nHost: h\r\nOrigin: https://good.example\r\n\r\n");
    assert_non_null(strstr(t.link.out, "Access-Control-Allow-Origin: https://good.example\r\n"));
    assert_non_null(strstr(t.link.out, "Vary: Origin\r\n"));
    end();
}

static void a_large_answer_goes_at_the_pace_of_its_reader(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    t.link.stuck = true;
    fake_feed(&t.link, "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_in_range(t.link.out_bytes, HF_HTTP_CHUNK_BYTES, HF_HTTP_CHUNK_BYTES + 512);
    assert_int_equal(t.app.heads, 1);
    for (unsigned i = 0; i < 20 && t.app.heads == 1; i++)
        fake_drain(&t.link);
    assert_int_equal(t.app.heads, 2);
    assert_true(t.link.out_bytes > BIG_BYTES);
    assert_non_null(strstr(t.link.out, "/b:"));
    end();
}

static void output_that_is_stuck_ends_the_connection(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    t.link.stuck = true;
    fake_feed(&t.link, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    t.link.blocked_since_ms = t.site.now_ms;
    t.link.link.handler->on_blocked(&t.link.link);
    advance(9900);
    assert_false(t.link.aborted);
    advance(200);
    assert_true(t.link.aborted);
    assert_int_equal(t.site.stats.write_timeouts, 1);
    end();
}

static void streams_are_chunked_and_end(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(t.link.out, "Transfer-Encoding: chunked\r\n"));
    assert_int_equal(hf_http_stream_write(t.app.later, HF_SLICE("hello")), HF_OK);
    assert_non_null(strstr(t.link.out, "\r\n\r\n5\r\nhello\r\n"));
    hf_http_stream_end(t.app.later);
    assert_null(t.app.later);
    fake_feed(&t.link, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(t.link.out, "0\r\n\r\nHTTP/1.1 200"));
    fake_feed(&t.link, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_null(t.app.later);
    fake_clear(&t.link);
    fake_feed(&t.link, "GET /stream HTTP/1.0\r\n\r\n");
    assert_null(strstr(t.link.out, "chunked"));
    assert_int_equal(hf_http_stream_write(t.app.later, HF_SLICE("hello")), HF_OK);
    hf_http_stream_end(t.app.later);
    assert_true(t.link.finished);
    end();

    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    t.link.refuse = true;
    assert_int_equal(hf_http_stream_write(t.app.later, HF_SLICE("hello")), HF_ERR_CLOSED);
    assert_null(t.app.later); /* told once, gone */
    assert_true(t.link.aborted);
    end();
}

static void a_proxy_says_who_it_is(void **state)
{
    static const char line[] =
        "PROXY TCP4 203.0.113.9 198.51.100.1 5555 80\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < sizeof(line) - 1; cut++) {
        begin(HF_HTTP_API, true);
        fake_feed_bytes(&t.link, line, cut);
        fake_feed_bytes(&t.link, line + cut, sizeof(line) - 1 - cut);
        assert_int_equal(fake_status(&t.link), 200);
        assert_int_equal(t.proxy.source.port, 5555);
        end();
    }
    begin(HF_HTTP_API, true);
    fake_feed(&t.link, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(t.link.aborted);
    end();
    begin(HF_HTTP_API, true);
    advance(10100);
    assert_true(t.link.aborted);
    end();
}

static void drain_lets_answers_out(void **state)
{
    (void)state;
    begin(HF_HTTP_API, false);
    fake_feed(&t.link, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(hf_http_site_drain(&t.site), 1);
    assert_false(t.link.finished);
    app_answer(t.app.later, HF_SLICE(""));
    assert_non_null(strstr(t.link.out, "Connection: close"));
    assert_true(t.link.finished);
    end();
    begin(HF_HTTP_API, false);
    hf_http_site_drain(&t.site);
    assert_true(t.link.finished);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_do_not_depend_on_where_the_network_cut),
        cmocka_unit_test(a_pipeline_waits_for_the_answer_before),
        cmocka_unit_test(a_peer_that_leaves_takes_its_request_along),
        cmocka_unit_test(limits_are_refused_by_name),
        cmocka_unit_test(a_slow_head_is_answered_408),
        cmocka_unit_test(an_idle_connection_ends_quietly_and_a_second_head_has_its_own_time),
        cmocka_unit_test(a_body_must_make_progress),
        cmocka_unit_test(expect_100_is_answered_when_the_body_is_wanted),
        cmocka_unit_test(a_body_that_nobody_wants_is_skipped_or_ends_the_connection),
        cmocka_unit_test(head_has_no_body_and_http_1_0_closes),
        cmocka_unit_test(preflights_and_origins),
        cmocka_unit_test(a_large_answer_goes_at_the_pace_of_its_reader),
        cmocka_unit_test(output_that_is_stuck_ends_the_connection),
        cmocka_unit_test(streams_are_chunked_and_end),
        cmocka_unit_test(a_proxy_says_who_it_is),
        cmocka_unit_test(drain_lets_answers_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
