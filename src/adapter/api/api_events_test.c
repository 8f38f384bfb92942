#include "adapter/api/event_text.h"
#include "adapter/api/gateway_testkit.h"
#include "codec/ws/handshake.h"
#include "codec/ws/mask.h"
#include "core/document/document.h"

/* ---- over HTTP ---- */

static void what_is_asked_reaches_the_log(void **state)
{
    static const struct {
        const char *target, *headers;
        struct hf_tail_request want;
    } rows[] = {
        {"/v1/events", "", {.from = 1}},
        {"/v1/events?from=latest", "", {.from = 0}},
        {"/v1/events?from=earliest&follow=true", "", {.from = 1, .follow = true}},
        {"/v1/events?from=77&until=99&limit=5", "", {.from = 77, .until = 99, .limit = 5}},
        {"/v1/events?follow=1", "", {.from = 0, .follow = true}},
        {"/v1/events", "Accept: text/event-stream\r\n", {.from = 0, .follow = true, .form = HF_TAIL_SSE}},
        {"/v1/events?from=3",
         "Accept: text/html, text/event-stream;q=0.9\r\nLast-Event-ID: 41\r\n",
         {.from = 42, .follow = true, .form = HF_TAIL_SSE}},
        {"/v1/events?from_time=2026-03-01T12:00:00.5Z",
         "",
         {.from = 1, .from_time_ms = UINT64_C(1772366400500)}},
        {"/v1/events?from_time=1772366400500", "", {.from = 1, .from_time_ms = UINT64_C(1772366400500)}},
        {"/v1/events?from_time=2024-02-29T00:00:00Z",
         "",
         {.from = 1, .from_time_ms = UINT64_C(1709164800000)}},
        {"/v1/events?type=message,online",
         "",
         {.from = 1, .types = 1 << HF_EVENT_MESSAGE | 1 << HF_EVENT_ONLINE}},
        {"/v1/events?device=d1&topic=plant/%2B/t",
         "",
         {.from = 1, .device = HF_SLICE("d1"), .topic_filter = HF_SLICE("plant/+/t")}},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_tail_request *want = &rows[i].want, *got = &g.tail.request;

        assert_int_equal(request_with("GET", rows[i].target, rows[i].headers, NULL), 200);
        assert_true(hf_slice_is(got->tenant, "acme"));
        assert_true(hf_slice_eq(got->device, want->device));
        assert_true(hf_slice_eq(got->topic_filter, want->topic_filter));
        assert_int_equal(got->from, want->from);
        assert_int_equal(got->until, want->until);
        assert_int_equal(got->limit, want->limit);
        assert_int_equal(got->from_time_ms, want->from_time_ms);
        assert_int_equal(got->types, want->types);
        assert_int_equal(got->follow, want->follow);
        assert_int_equal(got->form, want->form);
        assert_true(answer_has(want->form == HF_TAIL_SSE ? "Content-Type: text/event-stream\r\n"
                                                         : "Content-Type: application/jsonl\r\n"));
        gateway_chunk("last\n", true, HF_OK);
        assert_true(answer_has("5\r\nlast\n\r\n0\r\n\r\n"));
        assert_false(g.tail.open);
    }
    assert_int_equal(request_with("GET", "/v1/events", "Last-Event-ID: x\r\n", NULL), 400);
    assert_int_equal(request_with("GET", "/v1/events", "Authorization: Bearer " GLOBAL_KEY "\r\n", NULL),
                     200);
    assert_true(hf_slice_is(g.tail.request.tenant, "*"));
    gateway_chunk("", true, HF_OK);
    assert_int_equal(request("HEAD", "/v1/events", NULL), 200);
    assert_false(g.tail.open);
}

static void a_slow_reader_is_asked_for_nothing_more(void **state)
{
    (void)state;
    request("GET", "/v1/events", NULL);
    assert_int_equal(g.tail.asked, 1);
    gateway_chunk("one\n", false, HF_OK);
    assert_int_equal(g.tail.asked, 1); /* taken at once: the next one */
    g.link.stuck = true;
    gateway_chunk("two\n", false, HF_OK);
    assert_int_equal(g.tail.asked, 0);
    fake_drain(&g.link);
    assert_int_equal(g.tail.asked, 1);
    g.link.queued = 0;
    g.link.blocked_since_ms = g.http.now_ms; /* and one that takes nothing for ten seconds is gone */
    g.link.link.handler->on_blocked(&g.link.link);
    advance(10200);
    assert_true(g.link.aborted);
    assert_false(g.tail.open);
}

static void idle_streams_are_kept_alive(void **state)
{
    (void)state;
    request_with("GET", "/v1/events", "Accept: text/event-stream\r\n", NULL);
    fake_clear(&g.link);
    advance(14900);
    assert_int_equal(g.link.out_bytes, 0);
    advance(1100);
    assert_string_equal(g.link.out, "3\r\n:\n\n\r\n");
    advance(16500);
    assert_int_equal(fake_count(&g.link, ":\n\n"), 2);
}

static void a_revoked_key_ends_its_streams_within_a_second(void **state)
{
    (void)state;
    request("GET", "/v1/events?follow=true", NULL);
    assert_true(g.tail.open);
    hf_api_use_keys(&g.api, g.keys + 1, 2);
    advance(1100);
    assert_false(g.tail.open);
    assert_true(answer_has("0\r\n\r\n"));
}

static void a_damaged_log_is_no_proper_end(void **state)
{
    (void)state;
    request("GET", "/v1/events", NULL);
    gateway_chunk("one\n", true, HF_ERR_CORRUPT);
    assert_true(g.link.aborted);
    assert_false(answer_has("0\r\n\r\n"));
}

static void readers_are_bounded_and_drained(void **state)
{
    (void)state;
    g.refuse_tails = true;
    assert_int_equal(request("GET", "/v1/events", NULL), 503);
    g.refuse_tails = false;
    g.api.limits.readers_max = 0;
    assert_int_equal(request("GET", "/v1/events", NULL), 503);
    assert_true(answer_has("api.events_readers_max"));
    assert_int_equal(g.api.stats.readers_refused, 2);
    g.api.limits.readers_max = 1;
    request("GET", "/v1/events?follow=1", NULL);
    assert_int_equal(hf_api_drain(&g.api), 1);
    assert_true(answer_has("0\r\n\r\n"));
    assert_int_equal(hf_api_drain(&g.api), 0);
}

/* ---- over a WebSocket ---- */

#define UPGRADE                                                                  \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void say(enum hf_ws_opcode opcode, const char *text, size_t bytes)
{
    uint8_t frame[256];
    static const uint8_t key[4] = {1, 2, 3, 4};
    size_t head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, bytes, key);

    for (size_t i = 0; i < bytes; i++)
        frame[head + i] = (uint8_t)text[i] ^ key[i % 4];
    fake_feed_bytes(&g.link, frame, head + bytes);
}

static void open_socket(void)
{
    assert_int_equal(request_with("GET", "/v1/events?from=1", UPGRADE, NULL), 101);
    assert_true(answer_has("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_int_equal(g.tail.request.form, HF_TAIL_WS);
    assert_true(g.tail.request.follow);
    assert_int_equal(g.http.stats.ended, g.http.stats.opened); /* HTTP owns nothing of it any more */
    fake_clear(&g.link);
}

static void a_socket_carries_events_pings_and_its_end(void **state)
{
    (void)state;
    open_socket();
    gateway_chunk("\x81\x02{}", false, HF_OK);
    assert_string_equal(g.link.out, "\x81\x02{}");
    assert_int_equal(g.tail.asked, 1);
    fake_clear(&g.link);
    say(HF_WS_OP_PING, "hi", 2);
    assert_string_equal(g.link.out, "\x8a\x02hi");
    say(HF_WS_OP_TEXT, "whatever", 8); /* skipped */
    fake_clear(&g.link);
    advance(16000);
    assert_memory_equal(g.link.out, "\x89\x00", 2);
    fake_clear(&g.link);
    say(HF_WS_OP_CLOSE, "\x03\xe8", 2);
    assert_memory_equal(g.link.out, "\x88\x02\x03\xe8", 4);
    assert_true(g.link.finished);
    say(HF_WS_OP_PING, "x", 1);
    assert_int_equal(g.link.out_bytes, 4);
}

static void a_socket_that_breaks_the_protocol_is_closed(void **state)
{
    (void)state;
    open_socket();
    fake_feed_bytes(&g.link, "\x81\x01x", 3); /* not masked */
    assert_memory_equal(g.link.out, "\x88", 1);
    assert_memory_equal(g.link.out + 2, "\x03\xea", 2);
    assert_true(g.link.finished);
    advance(6100); /* and its end does not come */
    assert_true(g.link.aborted);
}

static void a_socket_whose_key_is_revoked_is_told(void **state)
{
    (void)state;
    open_socket();
    hf_api_use_keys(&g.api, g.keys + 1, 2);
    advance(1100);
    assert_non_null(strstr(g.link.out + 4, "reason=revoked"));
    gateway_chunk("\x81\x02{}", false, HF_OK); /* was on its way: nothing may follow a Close */
    assert_null(memmem(g.link.out, g.link.out_bytes, "{}", 2));
    say(HF_WS_OP_CLOSE, "\x03\xe8", 2);
    assert_true(g.link.finished);
}

static void sockets_are_refused_like_requests(void **state)
{
    static const char *const origins[] = {"https://good.example"};

    (void)state;
    g.http.ws_origins = origins;
    g.http.ws_origin_count = 1;
    assert_int_equal(request_with("GET", "/v1/events", "Origin: https://bad.example\r\n" UPGRADE, NULL), 403);
    assert_false(g.tail.open);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    assert_int_equal(request_with("GET", "/v1/events", "Origin: http://h\r\n" UPGRADE, NULL),
                     101); /* the console's own host */
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    assert_int_equal(request_with("GET", "/v1/events?from=x", UPGRADE, NULL), 400);
    assert_int_equal(
        request_with("GET", "/v1/events?key=" ADMIN_KEY, "X-Authorization: none\r\n" UPGRADE, NULL), 101);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
}

/* ---- texts ---- */

static void events_read_as_their_type_says(void **state)
{
    static const uint8_t id[16] = {0x01, 0x90, 0xb6, 0xa1, 0x5b, 0x5c, 0x7c, 0x6e,
                                   0x8a, 0x6a, 0x2f, 0x6d, 0x3c, 0x1b, 0x0a, 0x99};
    static const struct {
        struct hf_event event;
        const char *text;
    } rows[] = {
        {{.type = HF_EVENT_MESSAGE,
          .format = HF_FORMAT_JSON,
          .topic = HF_SLICE("t"),
          .key = HF_SLICE("7"),
          .payload = HF_SLICE("{\"a\":\n1}")},
         ",\"topic\":\"t\",\"client_id\":\"7\",\"payload\":{\"a\": 1}}"},
        {{.type = HF_EVENT_MESSAGE, .flags = HF_EVENT_FLAG_TEXT, .payload = HF_SLICE("a\"b\n")},
         ",\"text\":\"a\\\"b\\n\"}"},
        {{.type = HF_EVENT_MESSAGE, .payload = HF_SLICE("\0\1\2\3")}, ",\"payload_base64\":\"AAECAw==\"}"},
        {{.type = HF_EVENT_ONLINE,
          .reason = HF_REASON_CONNECTED,
          .conn = 255,
          .epoch = 4,
          .topic = HF_SLICE("raw"),
          .key = HF_SLICE("tr")},
         ",\"conn\":\"c_00000000000000ff\",\"epoch\":4,\"reason\":\"connected\",\"protocol\":\"raw\","
         "\"trace\":\"tr\"}"},
        {{.type = HF_EVENT_OFFLINE, .reason = HF_REASON_HEARTBEAT_TIMEOUT, .code = 4408, .from = 1234},
         ",\"reason\":\"heartbeat_timeout\",\"code\":4408,\"duration_ms\":1234}"},
        {{.type = HF_EVENT_QUEUED,
          .seq = 3,
          .to = 1772366400000,
          .key = HF_SLICE("k"),
          .payload = HF_SLICE("1"),
          .format = HF_FORMAT_JSON},
         ",\"seq\":3,\"class\":\"message\",\"idempotency_key\":\"k\",\"expires\":\"2026-03-01T12:00:00."
         "000Z\",\"expires_ms\":"
         "1772366400000,\"payload\":1}"},
        {{.type = HF_EVENT_COMMAND, .topic = HF_SLICE("reboot")},
         ",\"name\":\"reboot\",\"class\":\"command\"}"},
        {{.type = HF_EVENT_COMMAND_DONE, .format = HF_FORMAT_JSON, .payload = HF_SLICE("{}")},
         ",\"payload\":{}}"},
        {{.type = HF_EVENT_BROADCAST_DONE, .from = 2, .to = 5}, ",\"written\":2,\"targets\":5}"},
        {{.type = HF_EVENT_LEDGER,
          .reason = HF_REASON_DROP_OLDEST,
          .from = 1,
          .to = 9,
          .key = HF_SLICE("drop_oldest"),
          .topic = HF_SLICE("broadcast")},
         ",\"reason\":\"drop_oldest\",\"stream\":\"broadcast\",\"policy\":\"drop_oldest\",\"from\":1,\"to\":"
         "9,\"count\":9}"},
        {{.type = HF_EVENT_REVOKED, .key = HF_SLICE("device:d1")}, ",\"what\":\"device:d1\"}"},
        {{.type = HF_EVENT_AUDIT,
          .format = HF_FORMAT_JSON,
          .topic = HF_SLICE("key.create"),
          .key = HF_SLICE("me"),
          .payload = HF_SLICE("{\"key\":\"x\"}")},
         ",\"action\":\"key.create\",\"who\":\"me\",\"details\":{\"key\":\"x\"}}"},
    };
    char out[2048];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_event event = rows[i].event;
        char want[2048];

        event.offset = 12;
        event.time_ms = 1772366400123;
        event.tenant = HF_SLICE("acme");
        event.device = HF_SLICE("d1");
        memcpy(event.id, id, sizeof(id));
        snprintf(want, sizeof(want),
                 "{\"offset\":12,\"time\":\"2026-03-01T12:00:00.123Z\",\"time_ms\":1772366400123,\"type\":\"%"
                 "s\",\"tenant\":"
                 "\"acme\",\"device\":\"d1\",\"id\":\"0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99\"%s",
                 hf_event_type_name(event.type), rows[i].text);
        size_t bytes = hf_event_text(&event, HF_TAIL_JSONL, out, sizeof(out));
        assert_true(bytes > 0);
        assert_int_equal(out[bytes - 1], '\n');
        out[bytes - 1] = '\0';
        assert_string_equal(out, want);
        assert_true(bytes <= HF_EVENT_TEXT_HEAD_BYTES_MAX + 6 * event.payload.bytes);
        bytes = hf_event_text(&event, HF_TAIL_SSE, out, sizeof(out));
        assert_memory_equal(out, "id: 12\ndata: {", 14);
        assert_memory_equal(out + bytes - 3, "}\n\n", 3);
        assert_null(memchr(out + 7, '\n', bytes - 9));
        for (size_t room = 0; room < bytes; room += 7) /* too little room is said, never overrun */
            assert_int_equal(hf_event_text(&event, HF_TAIL_SSE, out, room), 0);
    }
}

static void a_key_event_does_not_show_the_hash(void **state)
{
    struct hf_key_row row = {.tenant = HF_SLICE("acme"),
                             .sha256 = HF_SLICE("0123456789abcdef0123456789abcdef"),
                             .scopes = HF_SLICE("admin")};
    uint8_t encoded[256];
    char out[2048];
    size_t bytes = hf_key_row_encode(&row, encoded, sizeof(encoded));
    struct hf_event event = {
        .type = HF_EVENT_KEY_CREATED, .key = HF_SLICE("k1"), .payload = {(char *)encoded, bytes}};

    (void)state;
    bytes = hf_event_text(&event, HF_TAIL_JSONL, out, sizeof(out));
    out[bytes] = '\0';
    assert_non_null(strstr(out, "\"key\":\"k1\",\"scopes\":\"admin\"}"));
    assert_null(strstr(out, "0123456789abcdef"));
    assert_null(strstr(out, "payload"));
}

static void a_document_event_shows_no_bookkeeping(void **state)
{
    const uint8_t id[16] = {0x01, 0x90, 0xb6, 0xa1, 0x5b, 0x5c, 0x7c, 0x6e,
                            0x8a, 0x6a, 0x2f, 0x6d, 0x3c, 0x1b, 0x0a, 0x99};
    struct hf_document document = {0};
    struct hf_document_change change = {.kind = HF_PATCH_MERGE,
                                        .merge = HF_MERGE_CONFLICT_FREE,
                                        .ttl_ms = 60000,
                                        .json = HF_SLICE("{\"json\":{\"a\":1},\"writes\":2}"),
                                        .writer = HF_SLICE("d1")};
    char out[2048];
    size_t bytes;

    (void)state;
    assert_int_equal(hf_document_change(&document, &change, id, 5000), HF_REASON_NONE);
    char *stored = hf_document_encode(&document, &bytes);
    struct hf_event event = {.type = HF_EVENT_DOCUMENT,
                             .format = HF_FORMAT_JSON,
                             .seq = 7,
                             .tenant = HF_SLICE("acme"),
                             .topic = HF_SLICE("group/home"),
                             .key = HF_SLICE("d1"),
                             .payload = {stored, bytes}};
    memcpy(event.id, id, sizeof(id));
    bytes = hf_event_text(&event, HF_TAIL_JSONL, out, sizeof(out));
    out[bytes] = '\0';
    assert_non_null(
        strstr(out, "\"type\":\"document.changed\",\"tenant\":\"acme\",\"snapshot_id\":\"0190b6a1-5b5c-"
                    "7c6e-8a6a-2f6d3c1b0a99\",\"group\":\"home\",\"version\":7,\"who\":\"d1\",\"merge\":"
                    "\"conflict_free\",\"ttl_ms\":60000,\"document\":{\"json\":{\"a\":1},\"writes\":2}}\n"));
    event.topic = (struct hf_slice){NULL, 0};
    event.device = HF_SLICE("d1");
    event.reason = HF_REASON_EXPIRED;
    event.key = event.payload = event.topic;
    bytes = hf_event_text(&event, HF_TAIL_JSONL, out, sizeof(out));
    out[bytes] = '\0';
    assert_non_null(strstr(out, "\"device\":\"d1\",\"snapshot_id\":\"0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99\","
                                "\"reason\":\"expired\",\"version\":7}\n"));
    free(stored);
    hf_document_deinit(&document);
}

static void frames_hold_one_event(void **state)
{
    static char payload[70000], out[80000];
    static const size_t sizes[] = {1, 40, 60, 300, 65000, 70000};

    (void)state;
    memset(payload, 'x', sizeof(payload));
    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        struct hf_event event = {
            .type = HF_EVENT_MESSAGE, .flags = HF_EVENT_FLAG_TEXT, .payload = {payload, sizes[i]}};
        size_t bytes = hf_event_text(&event, HF_TAIL_WS, out, sizeof(out));
        size_t head = (out[1] & 0x7f) < 126 ? 2 : (out[1] & 0x7f) == 126 ? 4 : 10;

        assert_int_equal((uint8_t)out[0], 0x81);
        assert_int_equal(out[head], '{');
        assert_int_equal(out[bytes - 1], '}');
        size_t length = head == 2 ? (size_t)out[1]
                        : head == 4
                            ? (size_t)(uint8_t)out[2] << 8 | (uint8_t)out[3]
                            : (size_t)(uint8_t)out[7] << 16 | (size_t)(uint8_t)out[8] << 8 | (uint8_t)out[9];
        assert_int_equal(length, bytes - head);
    }
    size_t bytes = hf_gap_text(3, 9, HF_REASON_RETENTION, HF_TAIL_SSE, out, sizeof(out));
    out[bytes] = '\0';
    assert_string_equal(
        out, "id: 9\ndata: {\"type\":\"gap\",\"from\":3,\"to\":9,\"reason\":\"retention\",\"text\":\"older "
             "than what "
             "is kept\"}\n\n");
    assert_true(bytes < HF_GAP_TEXT_BYTES_MAX);
    assert_int_equal(hf_gap_text(3, 9, HF_REASON_RETENTION, HF_TAIL_WS, out, 50), 0);
}

static void filters_never_show_another_tenant(void **state)
{
    struct hf_event event = {.type = HF_EVENT_MESSAGE,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE("d1"),
                             .topic = HF_SLICE("a/b")};
    struct hf_event node = {.type = HF_EVENT_NODE_STARTED};
    struct hf_event command = event;
    struct hf_tail_request mine = {.tenant = HF_SLICE("acme")}, all = {.tenant = HF_SLICE("*")},
                           other = {.tenant = HF_SLICE("acm")};

    (void)state;
    command.type = HF_EVENT_COMMAND;
    assert_true(hf_event_matches(&mine, &event));
    assert_true(hf_event_matches(&all, &event));
    assert_true(hf_event_matches(&all, &node));
    assert_false(hf_event_matches(&mine, &node));
    assert_false(hf_event_matches(&other, &event));
    mine.types = UINT64_C(1) << HF_EVENT_ONLINE;
    assert_false(hf_event_matches(&mine, &event));
    mine.types |= UINT64_C(1) << HF_EVENT_MESSAGE;
    assert_true(hf_event_matches(&mine, &event));
    mine.device = HF_SLICE("d2");
    assert_false(hf_event_matches(&mine, &event));
    mine.device = HF_SLICE("d1");
    mine.topic_filter = HF_SLICE("a/+");
    assert_true(hf_event_matches(&mine, &event));
    mine.types = 0;
    assert_false(hf_event_matches(&mine, &command)); /* its topic is a command's name */
    mine.topic_filter = HF_SLICE("b/#");
    assert_false(hf_event_matches(&mine, &event));
}

/* Whose requests are at work since before a time; who reads what does not end is not asked for an end. */
static void requests_that_are_held_have_an_owner(void **state)
{
    struct hf_api_held held;

    (void)state;
    g.hold_calls = true;
    request("POST", "/v1/devices/d1/commands", "{\"name\":\"x\"}");
    hf_api_held(&g.api, 1000, &held);
    assert_int_equal(held.count, 0);
    hf_api_held(&g.api, 1001, &held);
    assert_int_equal(held.count, 1);
    assert_int_equal(held.begun_ms, 1000);
    assert_string_equal(held.key_id, "adminadmin01");
    assert_string_equal(held.pattern, "/v1/devices/{}/commands");
    assert_true(hf_slice_is(held.tenant, "acme"));
    fake_link_end(&g.link); /* who asked has gone, the call is still out */
    g.http.now_ms = 5000;
    gateway_connect(HF_HTTP_API);
    request("POST", "/v1/devices/d2/messages", "{\"payload\":1}");
    hf_api_held(&g.api, 5000, &held);
    assert_int_equal(held.count, 1);
    hf_api_held(&g.api, 5001, &held);
    assert_int_equal(held.count, 2);
    assert_int_equal(held.begun_ms, 1000);
    g.hold_calls = false;
    gateway_answer();
    hf_api_held(&g.api, UINT64_MAX, &held);
    assert_int_equal(held.count, 0);
    assert_int_equal(request("GET", "/v1/events?follow=1", NULL), 200);
    assert_false(hf_list_empty(&g.api.requests));
    hf_api_held(&g.api, UINT64_MAX, &held);
    assert_int_equal(held.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_reaches_the_log),
        TEST(a_slow_reader_is_asked_for_nothing_more),
        TEST(idle_streams_are_kept_alive),
        TEST(a_revoked_key_ends_its_streams_within_a_second),
        TEST(a_damaged_log_is_no_proper_end),
        TEST(readers_are_bounded_and_drained),
        TEST(a_socket_carries_events_pings_and_its_end),
        TEST(a_socket_that_breaks_the_protocol_is_closed),
        TEST(a_socket_whose_key_is_revoked_is_told),
        TEST(sockets_are_refused_like_requests),
        TEST(requests_that_are_held_have_an_owner),
        cmocka_unit_test(events_read_as_their_type_says),
        cmocka_unit_test(a_key_event_does_not_show_the_hash),
        cmocka_unit_test(a_document_event_shows_no_bookkeeping),
        cmocka_unit_test(frames_hold_one_event),
        cmocka_unit_test(filters_never_show_another_tenant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
