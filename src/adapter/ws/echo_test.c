/* The echo server: what comes, goes; nothing is lost while the peer does not read. */
#include "adapter/ws/echo.h"

#include "adapter/ws/ws_testkit.h"

static const char request[] =
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static struct hf_echo_site site;
static struct hf_wheel wheel;
static struct kit_wire wire;
static struct kit_link link;

static int begin(void **state)
{
    (void)state;
    hf_wheel_init(&wheel, 0);
    site = (struct hf_echo_site){.wheel = &wheel};
    link = (struct kit_link){.link = {.ops = &kit_link_ops}};
    wire.bytes = 0;
    if (hf_echo_site_init(&site, 2) != HF_OK)
        return -1;
    return hf_echo_open(&site, &link.link, 0) == HF_OK ? 0 : -1;
}

static int done(void **state)
{
    (void)state;
    hf_echo_site_abort(&site);
    assert_int_equal(site.stats.connections, 0);
    hf_echo_site_deinit(&site);
    free(link.out);
    return 0;
}

static void upgrade(size_t chunk)
{
    kit_feed_chunks(&link, request, sizeof(request) - 1, chunk);
    char *end = memmem(link.out, link.out_bytes, "\r\n\r\n", 4);
    assert_non_null(end);
    assert_memory_equal(link.out, "HTTP/1.1 101", 12);
    assert_non_null(memmem(link.out, link.out_bytes, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28));
    link.read_at = (size_t)(end - link.out) + 4;
}

static void echoes_in_every_chunking(void **state)
{
    static char large[5000];

    (void)state;
    memset(large, 'l', sizeof(large));
    memcpy(wire.at, request, sizeof(request) - 1);
    wire.bytes = sizeof(request) - 1;
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, "one");
    kit_add(&wire, HF_WS_OP_BINARY, 0, "tw");
    kit_add(&wire, HF_WS_OP_PING, HF_WS_FIN, "p");
    kit_add(&wire, HF_WS_OP_PONG, HF_WS_FIN, "");
    kit_add(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, "o");
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, "");
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, large, sizeof(large));
    kit_add(&wire, HF_WS_OP_CLOSE, HF_WS_FIN, "\x03\xe8");
    for (size_t chunk = 1; chunk <= wire.bytes; chunk = chunk < 300 ? chunk + 1 : chunk * 3) {
        struct kit_frame frame;

        kit_feed_chunks(&link, wire.at, wire.bytes, chunk);
        char *end = memmem(link.out, link.out_bytes, "\r\n\r\n", 4);
        assert_non_null(end);
        link.read_at = (size_t)(end - link.out) + 4;
        kit_expect_text(&link, "one");
        kit_expect(&link, HF_WS_OP_PONG, "p");
        kit_expect(&link, HF_WS_OP_BINARY, "two");
        kit_expect_text(&link, "");
        assert_true(kit_next(&link, &frame));
        assert_int_equal(frame.bytes, sizeof(large));
        kit_expect_close(&link, 1000, "");
        assert_true(link.finished);
        kit_end(&link, HF_LINK_END_EOF);
        free(link.out);
        link = (struct kit_link){.link = {.ops = &kit_link_ops}};
        assert_int_equal(hf_echo_open(&site, &link.link, 0), HF_OK);
    }
}

static void refuses_what_is_no_upgrade(void **state)
{
    static const char *const rows[] = {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "nonsense\r\n\r\n"};
    static char long_line[20000];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        memset(long_line, 'x', sizeof(long_line));
        kit_feed_chunks(&link, i < 2 ? rows[i] : long_line, i < 2 ? strlen(rows[i]) : sizeof(long_line),
                        1000);
        assert_memory_equal(link.out, "HTTP/1.1 400", 12);
        assert_true(link.finished);
        kit_end(&link, HF_LINK_END_EOF);
        free(link.out);
        link = (struct kit_link){.link = {.ops = &kit_link_ops}};
        assert_int_equal(hf_echo_open(&site, &link.link, 0), HF_OK);
    }
}

static void wrong_frames_close(void **state)
{
    (void)state;
    upgrade(40);
    kit_feed(&link,
             "\x81\x01"
             "a",
             3);
    kit_expect_close(&link, 1002, "");
    assert_true(link.finished);
    kit_feed(&link,
             "\x81\x01"
             "a",
             3);
    (void)hf_wheel_run(&wheel, 5100); /* the peer never ends */
    assert_true(link.aborted);
}

static void message_above_the_limit(void **state)
{
    static char large[100000];

    (void)state;
    upgrade(1000);
    for (unsigned i = 0; i < 12; i++) {
        wire.bytes = 0;
        kit_add_bytes(&wire, i ? HF_WS_OP_CONTINUATION : HF_WS_OP_BINARY, 0, large, sizeof(large));
        kit_feed(&link, wire.at, wire.bytes);
    }
    kit_expect_close(&link, 1009, "");
}

static void slow_readers_are_not_read(void **state)
{
    (void)state;
    upgrade(1000);
    link.link.handler->on_blocked(&link.link);
    assert_true(link.paused);
    link.link.handler->on_drained(&link.link);
    assert_false(link.paused);
    link.fail = HF_ERR_LIMIT; /* it had said more than can be kept: an end, no hole */
    kit_text(&link, "lost");
    assert_true(link.finished);
}

static void nobody_asks_in_time(void **state)
{
    (void)state;
    kit_feed(&link, request, 20);
    (void)hf_wheel_run(&wheel, 9900);
    assert_false(link.aborted);
    (void)hf_wheel_run(&wheel, 10100);
    assert_true(link.aborted);
}

static void has_a_limit(void **state)
{
    struct kit_link more = {.link = {.ops = &kit_link_ops}}, third = more;

    (void)state;
    assert_int_equal(hf_echo_open(&site, &more.link, 0), HF_OK);
    assert_int_equal(hf_echo_open(&site, &third.link, 0), HF_ERR_LIMIT);
    kit_end(&more, HF_LINK_END_RESET);
    assert_int_equal(hf_echo_open(&site, &third.link, 0), HF_OK);
    kit_end(&third, HF_LINK_END_RESET);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(echoes_in_every_chunking),
        ROW(refuses_what_is_no_upgrade),
        ROW(wrong_frames_close),
        ROW(message_above_the_limit),
        ROW(slow_readers_are_not_read),
        ROW(nobody_asks_in_time),
        ROW(has_a_limit),
    };
    return cmocka_run_group_tests_name("echo", tests, NULL, NULL);
}
