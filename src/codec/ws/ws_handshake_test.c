#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/ws/handshake.h"

static const char *const protocols[] = {"holdfast.v1", "holdfast.v1.json"};
static const struct hf_ws_deflate compression = {.on = true,
                                                 .server_no_context_takeover = true,
                                                 .client_no_context_takeover = true,
                                                 .server_max_window_bits = 15,
                                                 .client_max_window_bits = 15};

/* Hands in "Name: value\n" lines. */
static void feed_lines(const char *lines,
                       void (*field)(void *to, struct hf_slice name, struct hf_slice value), void *to)
{
    while (*lines != '\0') {
        const char *end = strchr(lines, '\n'), *colon = strchr(lines, ':');
        size_t value_bytes = (size_t)(end - colon - 1) - (end[-1] == '\r');

        field(to, (struct hf_slice){lines, (size_t)(colon - lines)},
              hf_slice_trim((struct hf_slice){colon + 1, value_bytes}));
        lines = end + 1;
    }
}

static void upgrade_field(void *to, struct hf_slice name, struct hf_slice value)
{
    hf_ws_upgrade_field(to, name, value);
}

static void client_field(void *to, struct hf_slice name, struct hf_slice value)
{
    hf_ws_client_field(to, name, value);
}

#define HOST       "Host: a\n"
#define UPGRADE    "Upgrade: websocket\n"
#define CONNECTION "Connection: Upgrade\n"
#define KEY        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
#define VERSION    "Sec-WebSocket-Version: 13\n"
#define GOOD       HOST UPGRADE CONNECTION KEY VERSION

static void requests_are_judged(void **state)
{
    static const struct {
        const char *lines;
        enum hf_ws_refusal want;
    } rows[] = {
        {GOOD, HF_WS_REFUSAL_NONE},
        {"hOST: a\nuPGRADE: WebSocket\nCONNECTION: upgrade\nsec-websocket-KEY: "
         "dGhlIHNhbXBsZSBub25jZQ==\n" VERSION,
         HF_WS_REFUSAL_NONE},
        {HOST UPGRADE "Connection: keep-alive, Upgrade\n" KEY VERSION, HF_WS_REFUSAL_NONE},
        {HOST UPGRADE "Connection: keep-alive\nConnection: x ,\tUPGRADE , y\n" KEY VERSION,
         HF_WS_REFUSAL_NONE},
        {HOST "Upgrade: h2c, websocket\n" CONNECTION KEY VERSION, HF_WS_REFUSAL_NONE},
        {HOST "Upgrade: h2c\nUpgrade: websocket\n" CONNECTION KEY VERSION, HF_WS_REFUSAL_NONE},
        {GOOD "Content-Length: 0\n", HF_WS_REFUSAL_NONE},
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB==\n", HF_WS_REFUSAL_NONE},
        {UPGRADE CONNECTION KEY VERSION, HF_WS_REFUSAL_HOST},
        {GOOD HOST, HF_WS_REFUSAL_HOST},
        {GOOD "Content-Length: 5\n", HF_WS_REFUSAL_BODY},
        {GOOD "Transfer-Encoding: chunked\n", HF_WS_REFUSAL_BODY},
        {HOST CONNECTION KEY VERSION, HF_WS_REFUSAL_UPGRADE},
        {HOST "Upgrade: websockets\n" CONNECTION KEY VERSION, HF_WS_REFUSAL_UPGRADE},
        {HOST "Upgrade: web socket\n" CONNECTION KEY VERSION, HF_WS_REFUSAL_UPGRADE},
        {HOST UPGRADE KEY VERSION, HF_WS_REFUSAL_CONNECTION},
        {HOST UPGRADE "Connection: noupgrade\n" KEY VERSION, HF_WS_REFUSAL_CONNECTION},
        {HOST UPGRADE "Connection: upgrade-insecure\n" KEY VERSION, HF_WS_REFUSAL_CONNECTION},
        {HOST UPGRADE CONNECTION KEY, HF_WS_REFUSAL_VERSION},
        {HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\n", HF_WS_REFUSAL_VERSION},
        {HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\n", HF_WS_REFUSAL_VERSION},
        {GOOD VERSION, HF_WS_REFUSAL_VERSION},
        {HOST UPGRADE CONNECTION VERSION, HF_WS_REFUSAL_KEY},
        {GOOD KEY, HF_WS_REFUSAL_KEY},
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key:\n", HF_WS_REFUSAL_KEY},
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\n", HF_WS_REFUSAL_KEY},
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\n",
         HF_WS_REFUSAL_KEY}, /* 17 */
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\n", HF_WS_REFUSAL_KEY},
        {HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: dGhlIHNhbXBs_SBub25jZQ==\n", HF_WS_REFUSAL_KEY},
        {GOOD "Sec-WebSocket-Protocol: a b\n", HF_WS_REFUSAL_PROTOCOL},
        {GOOD "Sec-WebSocket-Protocol: holdfast.v1, x/y\n", HF_WS_REFUSAL_PROTOCOL},
        {GOOD "Sec-WebSocket-Extensions: ;\n", HF_WS_REFUSAL_EXTENSIONS},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_upgrade upgrade;

        hf_ws_upgrade_init(&upgrade, protocols, 2, NULL);
        feed_lines(rows[i].lines, upgrade_field, &upgrade);
        if (hf_ws_upgrade_check(&upgrade, HF_SLICE("GET"), true) != rows[i].want)
            fail_msg("row %zu: %s", i, rows[i].lines);
        assert_int_equal(hf_ws_upgrade_check(&upgrade, HF_SLICE("POST"), true), HF_WS_REFUSAL_METHOD);
        assert_int_equal(hf_ws_upgrade_check(&upgrade, HF_SLICE("get"), true), HF_WS_REFUSAL_METHOD);
        assert_int_equal(hf_ws_upgrade_check(&upgrade, HF_SLICE("GET"), false), HF_WS_REFUSAL_HTTP_VERSION);
    }
}

static void lines_are_counted_without_wrapping(void **state)
{
    struct hf_ws_upgrade upgrade;

    (void)state;
    hf_ws_upgrade_init(&upgrade, NULL, 0, NULL);
    for (int i = 0; i < 256 + 1; i++)
        hf_ws_upgrade_field(&upgrade, HF_SLICE("Host"), HF_SLICE("a"));
    feed_lines(UPGRADE CONNECTION KEY VERSION, upgrade_field, &upgrade);
    assert_int_equal(hf_ws_upgrade_check(&upgrade, HF_SLICE("GET"), true), HF_WS_REFUSAL_HOST);
}

static void sub_protocol_follows_the_client(void **state)
{
    static const struct {
        const char *lines, *want;
        bool offered;
    } rows[] = {
        {"", NULL, false},
        {"Sec-WebSocket-Protocol: holdfast.v1\n", "holdfast.v1", true},
        {"Sec-WebSocket-Protocol: holdfast.v1.json, holdfast.v1\n", "holdfast.v1.json", true},
        {"Sec-WebSocket-Protocol: x\nSec-WebSocket-Protocol: holdfast.v1\n", "holdfast.v1", true},
        {"Sec-WebSocket-Protocol: mqtt\n", NULL, true},
        {"Sec-WebSocket-Protocol: HOLDFAST.V1\n", NULL, true},
        {"Sec-WebSocket-Protocol: holdfast.v10\n", NULL, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_upgrade upgrade;

        hf_ws_upgrade_init(&upgrade, protocols, 2, NULL);
        feed_lines(rows[i].lines, upgrade_field, &upgrade);
        assert_int_equal(upgrade.protocol_offered, rows[i].offered);
        if (rows[i].want == NULL)
            assert_null(upgrade.protocol);
        else
            assert_string_equal(upgrade.protocol, rows[i].want);
    }
}

static void accept_answer_is_written(void **state)
{
    struct hf_ws_upgrade upgrade;
    char text[512], accept[HF_WS_ACCEPT_CHARS + 1];
    struct hf_sb sb;

    (void)state;
    assert_int_equal(hf_ws_accept_value(HF_SLICE("dGhlIHNhbXBsZSBub25jZQ=="), accept), HF_OK);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    hf_ws_upgrade_init(&upgrade, protocols, 2, NULL);
    feed_lines(GOOD "Sec-WebSocket-Extensions: permessage-deflate\n", upgrade_field, &upgrade);
    hf_sb_init(&sb, text, sizeof text);
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb), HF_OK);
    assert_string_equal(text,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    hf_ws_upgrade_init(&upgrade, protocols, 2, &compression);
    feed_lines(GOOD "Sec-WebSocket-Protocol: holdfast.v1\n"
                    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n",
               upgrade_field, &upgrade);
    hf_sb_init(&sb, text, sizeof text);
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE("X-A: b\r\n"), &sb), HF_OK);
    assert_non_null(strstr(text, "\r\nSec-WebSocket-Protocol: holdfast.v1\r\nSec-WebSocket-Extensions: "
                                 "permessage-deflate; server_no_context_takeover; "
                                 "client_no_context_takeover\r\nX-A: b\r\n\r\n"));
    for (size_t room = 1; room <= sb.bytes; room += 17) {
        struct hf_sb small;

        hf_sb_init(&small, text, room);
        assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &small), HF_ERR_LIMIT);
        if (room + 17 > 200)
            break;
    }
}

static const uint8_t nonce[HF_WS_NONCE_BYTES] = "the sample nonce"; /* RFC 6455 1.3 */

static void client_request_is_written(void **state)
{
    struct hf_ws_client client;
    char text[512];
    struct hf_sb sb;

    (void)state;
    hf_ws_client_init(&client, nonce, HF_SLICE("holdfast.v1"), &compression);
    assert_string_equal(client.key, "dGhlIHNhbXBsZSBub25jZQ==");
    hf_sb_init(&sb, text, sizeof text);
    assert_int_equal(hf_ws_client_write_request(&client, HF_SLICE("/v1/ws?x=1"), HF_SLICE("a:80"),
                                                HF_SLICE("Authorization: Bearer x\r\n"), &sb),
                     HF_OK);
    assert_string_equal(
        text, "GET /v1/ws?x=1 HTTP/1.1\r\nHost: a:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Protocol: holdfast.v1\r\nSec-WebSocket-Extensions: permessage-deflate; "
              "server_no_context_takeover; client_no_context_takeover\r\n"
              "Authorization: Bearer x\r\n\r\n");
    hf_sb_init(&sb, text, 100);
    assert_int_equal(hf_ws_client_write_request(&client, HF_SLICE("/"), HF_SLICE("a"), HF_SLICE(""), &sb),
                     HF_ERR_LIMIT);
}

static void client_refuses_to_write_nonsense(void **state)
{
    static const struct {
        const char *target, *host, *protocols, *extra;
    } rows[] = {
        {"", "a", "", ""},         {"x", "a", "", ""},     {"/ b", "a", "", ""},       {"/\r\n", "a", "", ""},
        {"/", "", "", ""},         {"/", "a b", "", ""},   {"/", "a\r\nX: y", "", ""}, {"/", "a", "x y", ""},
        {"/", "a", "x,\"y\"", ""}, {"/", "a", "", "X: y"}, {"/", "a", "", "\r\n"},     {"/\x7f", "a", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_client client;
        char text[512];
        struct hf_sb sb;

        hf_ws_client_init(&client, nonce, hf_slice_of(rows[i].protocols), NULL);
        hf_sb_init(&sb, text, sizeof text);
        assert_int_equal(hf_ws_client_write_request(&client, hf_slice_of(rows[i].target),
                                                    hf_slice_of(rows[i].host), hf_slice_of(rows[i].extra),
                                                    &sb),
                         HF_ERR_INVALID);
        assert_int_equal(sb.bytes, 0);
    }
}

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n"
#define ANSWER UPGRADE CONNECTION ACCEPT

static void answers_are_judged(void **state)
{
    static const struct {
        unsigned status;
        bool deflate;
        const char *lines;
        enum hf_ws_refusal want;
    } rows[] = {
        {101, false, ANSWER, HF_WS_REFUSAL_NONE},
        {101, true, ANSWER, HF_WS_REFUSAL_NONE},
        {101, false, "upgrade: WEBSOCKET\nconnection: x, UPGRADE\n" ACCEPT "Server: x\n", HF_WS_REFUSAL_NONE},
        {101, false, ANSWER "Sec-WebSocket-Protocol: b\n", HF_WS_REFUSAL_NONE},
        {200, false, ANSWER, HF_WS_REFUSAL_ANSWER_STATUS},
        {503, false, "", HF_WS_REFUSAL_ANSWER_STATUS},
        {101, false, CONNECTION ACCEPT, HF_WS_REFUSAL_ANSWER_UPGRADE},
        {101, false, UPGRADE ACCEPT, HF_WS_REFUSAL_ANSWER_CONNECTION},
        {101, false, UPGRADE "Connection: close\n" ACCEPT, HF_WS_REFUSAL_ANSWER_CONNECTION},
        {101, false, UPGRADE CONNECTION, HF_WS_REFUSAL_ANSWER_ACCEPT},
        {101, false, UPGRADE CONNECTION "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n",
         HF_WS_REFUSAL_ANSWER_ACCEPT},
        {101, false, UPGRADE CONNECTION "Sec-WebSocket-Accept: x\n", HF_WS_REFUSAL_ANSWER_ACCEPT},
        {101, false, ANSWER ACCEPT, HF_WS_REFUSAL_ANSWER_ACCEPT},
        {101, false, ANSWER "Sec-WebSocket-Protocol: c\n", HF_WS_REFUSAL_ANSWER_PROTOCOL},
        {101, false, ANSWER "Sec-WebSocket-Protocol:\n", HF_WS_REFUSAL_ANSWER_PROTOCOL},
        {101, false, ANSWER "Sec-WebSocket-Protocol: a, b\n", HF_WS_REFUSAL_ANSWER_PROTOCOL},
        {101, false, ANSWER "Sec-WebSocket-Protocol: a\nSec-WebSocket-Protocol: a\n",
         HF_WS_REFUSAL_ANSWER_PROTOCOL},
        {101, false, ANSWER "Sec-WebSocket-Extensions: permessage-deflate\n", HF_WS_REFUSAL_ANSWER_EXTENSION},
        {101, true, ANSWER "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\n",
         HF_WS_REFUSAL_NONE},
        {101, true, ANSWER "Sec-WebSocket-Extensions: permessage-deflate\n", HF_WS_REFUSAL_ANSWER_EXTENSION},
        {101, true, ANSWER "Sec-WebSocket-Extensions: x-other\n", HF_WS_REFUSAL_ANSWER_EXTENSION},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_client client;

        hf_ws_client_init(&client, nonce, HF_SLICE("a, b"), rows[i].deflate ? &compression : NULL);
        feed_lines(rows[i].lines, client_field, &client);
        if (hf_ws_client_check(&client, rows[i].status) != rows[i].want)
            fail_msg("row %zu: %s", i, rows[i].lines);
    }
}

/* Our client and our server agree. */
static void roles_understand_each_other(void **state)
{
    struct hf_ws_upgrade upgrade;
    struct hf_ws_client client;
    char text[512], *body;
    struct hf_sb sb;

    (void)state;
    hf_ws_client_init(&client, nonce, HF_SLICE("x,holdfast.v1"), &compression);
    hf_sb_init(&sb, text, sizeof text);
    assert_int_equal(hf_ws_client_write_request(&client, HF_SLICE("/"), HF_SLICE("a"), HF_SLICE(""), &sb),
                     HF_OK);
    hf_ws_upgrade_init(&upgrade, protocols, 2, &compression);
    body = strstr(text, "\r\n") + 2;
    text[sb.bytes - 2] = '\0';
    feed_lines(body, upgrade_field, &upgrade);
    assert_true(upgrade.wanted);
    assert_int_equal(hf_ws_upgrade_check(&upgrade, HF_SLICE("GET"), true), HF_WS_REFUSAL_NONE);
    char answer[512];
    hf_sb_init(&sb, answer, sizeof answer);
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb), HF_OK);
    answer[sb.bytes - 2] = '\0';
    feed_lines(strstr(answer, "\r\n") + 2, client_field, &client);
    assert_int_equal(hf_ws_client_check(&client, 101), HF_WS_REFUSAL_NONE);
    assert_true(hf_slice_is(client.protocol, "holdfast.v1"));
    assert_true(client.deflate.on && upgrade.deflate.on);
    assert_true(client.deflate.server_no_context_takeover && client.deflate.client_no_context_takeover);
}

static void refusals_have_their_status(void **state)
{
    (void)state;
    for (int i = 0; i < HF_WS_REFUSALS; i++)
        assert_int_equal(hf_ws_refusal_info((enum hf_ws_refusal)i)->refusal, i);
    assert_int_equal(hf_ws_refusal_info(HF_WS_REFUSAL_VERSION)->http_status, 426);
    assert_int_equal(hf_ws_refusal_info(HF_WS_REFUSAL_KEY)->http_status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(lines_are_counted_without_wrapping),
        cmocka_unit_test(sub_protocol_follows_the_client),
        cmocka_unit_test(accept_answer_is_written),
        cmocka_unit_test(client_request_is_written),
        cmocka_unit_test(client_refuses_to_write_nonsense),
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(roles_understand_each_other),
        cmocka_unit_test(refusals_have_their_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
