#include "adapter/api/gateway_testkit.h"

static void wrong_requests_name_the_field(void **state)
{
    static const struct {
        const char *method, *target, *body;
        unsigned status;
        const char *text;
    } rows[] = {
        {"GET", "/v1/nothing", NULL, 404, "not_found"},
        {"GET", "/v1/devices/a/b/c/d/e/f", NULL, 404, "not_found"},
        {"PUT", "/v1/devices", "{}", 405, "Allow: GET, HEAD\r\n"},
        {"DELETE", "/v1/devices/d1/messages", NULL, 405, "Allow: POST\r\n"},
        {"GET", "/v1/%zz", NULL, 400, "\"field\":\"path\""},
        {"GET", "/v1/devices?limit=0", NULL, 400, "limit must be 1 to 1000"},
        {"GET", "/v1/devices?limit=1001", NULL, 400, "limit must be 1 to 1000"},
        {"GET", "/v1/devices?limit=1&limit=2", NULL, 400, "\"field\":\"limit\""},
        {"GET", "/v1/devices?state=asleep", NULL, 400, "online, offline or unknown"},
        {"GET", "/v1/devices?cursor=!", NULL, 400, "next_cursor"},
        {"GET", "/v1/devices?reason=boredom", NULL, 400, "there is no such reason"},
        {"GET", "/v1/devices/a%20b", NULL, 400, "\"field\":\"device\""},
        {"GET", "/v1/devices?stat=online", NULL, 400, "\"field\":\"stat\""},
        {"GET", "/v1/devices?limit=1&s%74at=online", NULL, 400, "\"field\":\"s%74at\""},
        {"GET", "/v1/devices?%zz", NULL, 400, "no path has such a parameter"},
        {"GET", "/v1/devices?li%6dit=0", NULL, 400, "limit must be 1 to 1000"},
        {"GET", "/v1/devices/ghost", NULL, 404, "\"field\":\"device\""},
        {"GET", "/v1/devices/ghost/explain", NULL, 404, "no device with this id was ever connected"},
        {"GET", "/v1/cameras/ghost", NULL, 404, "\"field\":\"camera\""},
        {"GET", "/v1/devices/d1/explain?limit=257", NULL, 400, "limit must be 1 to 256"},
        {"GET", "/v1/devices/d1/sip?limit=65", NULL, 400, "limit must be 1 to 64"},
        {"GET", "/v1/devices/d1/sip?limit=0", NULL, 400, "limit must be 1 to 64"},
        {"POST", "/v1/devices/d1/disconnect", "{\"text\":7}", 400, "text must be a string"},
        {"POST", "/v1/devices/d1/messages", "{", 400, "not one JSON object"},
        {"POST", "/v1/devices/d1/messages", "[]", 400, "must be a JSON object"},
        {"POST", "/v1/devices/d1/messages", " {\"payload\":1,\"ttl\":5}", 400, "\"field\":\"ttl\""},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"ttl\":5}", 400,
         "there are payload, text, payload_base64, topic, class, ttl_ms"},
        {"POST", "/v1/devices/d1/messages", "{}", 400, "exactly one of payload, text and payload_base64"},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"text\":\"a\"}", 400, "exactly one"},
        {"POST", "/v1/devices/d1/messages", "{\"payload_base64\":\"=\"}", 400, "must be base64"},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"ttl_ms\":0}", 400,
         "ttl_ms must be 1 to 86400000"},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"ttl_ms\":86400001}", 400,
         "ttl_ms must be 1 to 86400000"},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"class\":\"command\"}", 400,
         "message or telemetry"},
        {"POST", "/v1/devices/d1/messages", "{\"payload\":1,\"topic\":\"a/#\"}", 400, "\"field\":\"topic\""},
        {"GET", "/v1/messages/7", NULL, 400, "an id looks like"},
        {"GET", "/v1/messages/0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99", NULL, 404, "\"field\":\"id\""},
        {"DELETE", "/v1/messages/0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99", NULL, 404, "not_found"},
        {"GET", "/v1/commands/0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99", NULL, 404, "\"field\":\"id\""},
        {"DELETE", "/v1/commands/x", NULL, 400, "\"field\":\"id\""},
        {"GET", "/v1/broadcasts/0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99", NULL, 404, "\"field\":\"id\""},
        {"POST", "/v1/devices/d1/commands", "{\"payload\":1}", 400, "\"field\":\"name\""},
        {"POST", "/v1/devices/d1/commands", "{\"name\":\"x\",\"wait_ms\":60001}", 400,
         "wait_ms must be 0 to 60000"},
        {"POST", "/v1/broadcast", "{\"payload\":1}", 400, "\"field\":\"target\""},
        {"POST", "/v1/broadcast", "{\"target\":\"some\",\"payload\":1}", 400, "\"field\":\"target\""},
        {"POST", "/v1/broadcast", "{\"target\":{\"devices\":[]},\"payload\":1}", 400, "\"field\":\"target\""},
        {"POST", "/v1/broadcast", "{\"target\":{\"devices\":[\"a b\"]},\"payload\":1}", 400,
         "each of devices"},
        {"POST", "/v1/broadcast", "{\"target\":{\"topic\":\"a\",\"group\":\"b\"},\"payload\":1}", 400,
         "target must be"},
        {"POST", "/v1/broadcast", "{\"target\":{\"topic\":\"+\"},\"payload\":1}", 400,
         "\"field\":\"target\""},
        {"POST", "/v1/broadcast", "{\"target\":{\"topic\":\"a\"},\"topic\":\"b\",\"payload\":1}", 400,
         "leave it out"},
        {"GET", "/v1/events?from=0", NULL, 400, "\"field\":\"from\""},
        {"GET", "/v1/events?from=soon", NULL, 400, "earliest, latest or an offset"},
        {"GET", "/v1/events?type=message,nonsense", NULL, 400, "there is no event type nonsense"},
        {"GET", "/v1/events?follow=maybe", NULL, 400, "true or false"},
        {"GET", "/v1/events?from_time=yesterday", NULL, 400, "\"field\":\"from_time\""},
        {"GET", "/v1/events?topic=a%23", NULL, 400, "\"field\":\"topic\""},
        {"GET", "/v1/events?until=0", NULL, 400, "\"field\":\"until\""},
        {"POST", "/v1/keys", "{\"scopes\":\"fly\"}", 400, "scopes must name some of"},
        {"POST", "/v1/keys", "{\"name\":\"x\"}", 400, "\"field\":\"scopes\""},
        {"POST", "/v1/keys", "{\"scopes\":\"read\",\"expires_ms\":1}", 400, "\"field\":\"expires_ms\""},
        {"DELETE", "/v1/keys/unknown00001", NULL, 404, "not_found"},
        {"DELETE", "/v1/keys/readonly0001", NULL, 409, "stands in the configuration"},
        {"POST", "/v1/revocations", "{}", 400, "exactly one of device and token_jti"},
        {"POST", "/v1/revocations", "{\"device\":\"a b\"}", 400, "\"field\":\"device\""},
        {"POST", "/v1/revocations", "{\"token_jti\":\"\"}", 400, "\"field\":\"token_jti\""},
        {"GET", "/v1/devices?tenant=other", NULL, 403, "another tenant"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request(rows[i].method, rows[i].target, rows[i].body);

        if (status != rows[i].status || !answer_has(rows[i].text) || !answer_has("application/problem+json"))
            fail_msg("row %zu, %s %s: %s", i, rows[i].method, rows[i].target, g.link.out);
    }
    assert_int_equal(g.http.stats.opened, 1); /* a wrong request costs nobody the connection */
}

static void keys_open_what_their_scopes_say(void **state)
{
    static const struct {
        const char *authorization, *target;
        unsigned status;
        const char *text;
    } rows[] = {
        {"Authorization: Bearer " READ_KEY "\r\n", "/v1/devices", 200, "\"devices\":[]"},
        {"Authorization: Bearer " READ_KEY "\r\n", "/v1/keys", 403, "one of these scopes: keys:admin"},
        {"Authorization: Bearer " READ_KEY "\r\n", "/v1/events", 403, "forbidden"},
        {"Authorization: Bearer hfk_readonly0001_BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
         "/v1/devices", 401, "\"reason\":\"credentials_invalid\""},
        {"Authorization: Bearer hfk_unknown00001_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
         "/v1/devices", 401, "\"reason\":\"credentials_invalid\""},
        {"Authorization: Bearer nonsense\r\n", "/v1/devices", 401, "WWW-Authenticate: Bearer\r\n"},
        {"Authorization: Basic eDp5\r\n", "/v1/devices", 400, "Bearer hfk_"},
        {"X-Authorization: none\r\n", "/v1/devices", 401, "\"reason\":\"credentials_missing\""},
        {"X-Authorization: none\r\n", "/v1/devices?key=" READ_KEY, 200, "\"devices\":[]"},
        {"Authorization: Bearer " READ_KEY "\r\n", "/v1/devices?key=" READ_KEY, 400, "one key"},
        {"Authorization: Bearer " GLOBAL_KEY "\r\n", "/v1/devices", 400, "must name one"},
        {"Authorization: Bearer " GLOBAL_KEY "\r\n", "/v1/devices?tenant=acme", 200, "\"devices\":[]"},
        {"Authorization: Bearer " GLOBAL_KEY "\r\nHoldfast-Tenant: acme\r\n", "/v1/devices", 200,
         "\"devices\":[]"},
        {"X-Authorization: none\r\n", "/v1/reasons", 200, "\"heartbeat_timeout\""},
        {"X-Authorization: none\r\n", "/livez", 200, "{\"live\":true}"},
        {"X-Authorization: none\r\n", "/readyz", 200, "{\"ready\":true"},
        {"X-Authorization: none\r\n", "/startupz", 200, "\"started\":true"},
        {"X-Authorization: none\r\n", "/metrics", 401, "credentials_missing"},
        {"Authorization: Bearer " GLOBAL_KEY "\r\n", "/metrics", 200, "holdfast_up 1"},
    };
    char unknown[1024];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request_with("GET", rows[i].target, rows[i].authorization, NULL);

        if (status != rows[i].status || !answer_has(rows[i].text))
            fail_msg("row %zu, %s: %s", i, rows[i].target, g.link.out);
    }
    /* Unknown and wrong look alike, to the byte. */
    request_with("GET", "/v1/devices", rows[3].authorization, NULL);
    snprintf(unknown, sizeof(unknown), "%s", g.link.out);
    request_with("GET", "/v1/devices", rows[4].authorization, NULL);
    assert_string_equal(g.link.out, unknown);
    assert_true(g.audits > 0);
}

static void listeners_serve_what_they_are_for(void **state)
{
    (void)state;
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_ADMIN);
    assert_int_equal(request_with("GET", "/metrics", "X-Authorization: none\r\n", NULL), 200);
    assert_int_equal(request_with("GET", "/v1/ledger", "X-Authorization: none\r\n", NULL), 200);
    assert_int_equal(request("GET", "/v1/devices", NULL), 404);
    g.api.admin_key_required = true;
    assert_int_equal(request_with("GET", "/metrics", "X-Authorization: none\r\n", NULL), 401);
    assert_int_equal(request_with("GET", "/livez", "X-Authorization: none\r\n", NULL), 200);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_DEVICES);
    assert_int_equal(request("GET", "/v1/devices", NULL), 404);
    g.not_ready = true;
    assert_int_equal(request("GET", "/readyz", NULL), 503);
}

static void rates_are_per_key(void **state)
{
    (void)state;
    g.api.limits.key_rate = (struct hf_rate_limit){.per_second = 10, .capacity = 3};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(request("GET", "/v1/devices", NULL), 200);
    assert_int_equal(request("GET", "/v1/devices", NULL), 429);
    assert_true(answer_has("\"reason\":\"rate_limit\"") && answer_has("\"limit\":10,\"retry_after_ms\":100"));
    assert_int_equal(request_with("GET", "/v1/devices", "Authorization: Bearer " READ_KEY "\r\n", NULL), 200);
    advance(100);
    assert_int_equal(request("GET", "/v1/devices", NULL), 200);
    assert_int_equal(g.api.stats.rate_limited, 1);
}

static void devices_page_by_cursor_and_filter(void **state)
{
    char target[256], *cursor;
    unsigned pages = 0, devices = 0;

    (void)state;
    for (unsigned i = 0; i < 25; i++) {
        snprintf(target, sizeof(target), "dev%02u", i);
        gateway_online("acme", target, i % 5 ? HF_EVENT_ONLINE : HF_EVENT_OFFLINE,
                       i % 5 ? HF_REASON_CONNECTED : HF_REASON_HEARTBEAT_TIMEOUT, 1);
    }
    gateway_online("acmee", "other", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    snprintf(target, sizeof(target), "/v1/devices?limit=10");
    do {
        assert_int_equal(request("GET", target, NULL), 200);
        devices += fake_count(&g.link, "\"device\":\"dev");
        cursor = strstr(g.link.out, "\"next_cursor\":\"");
        if (cursor != NULL)
            snprintf(target, sizeof(target), "/v1/devices?limit=10&cursor=%.*s",
                     (int)strcspn(cursor + 15, "\""), cursor + 15);
    } while (++pages < 9 && cursor != NULL);
    assert_int_equal(pages, 3);
    assert_int_equal(devices, 25);
    request("GET", "/v1/devices?state=offline", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 5);
    assert_true(answer_has("\"reason\":\"heartbeat_timeout\"") && answer_has("\"code\":4408"));
    assert_true(answer_has("\"since\":\"2026-03-01T12:00:00.000Z\",\"since_ms\":1772366400000"));
    request("GET", "/v1/devices?prefix=dev1&limit=1000", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 10);
    request("GET", "/v1/devices?contains=v1", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 10);
    request("GET", "/v1/devices?contains=9&reason=heartbeat_timeout", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 0);
    request("GET", "/v1/devices?contains=5&reason=heartbeat_timeout", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 2);
    request("GET", "/v1/devices?protocol=mqtt", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 0);
    g.backend.boot = 6; /* the node restarted: who was online is unknown, and offline later */
    request("GET", "/v1/devices?state=unknown&limit=1000", NULL);
    assert_int_equal(fake_count(&g.link, "\"reason\":\"node_restart\""), 20);
    g.backend.unknown_until_ms = 0;
    request("GET", "/v1/devices?state=offline&limit=1000", NULL);
    assert_int_equal(fake_count(&g.link, "\"device\":"), 25);
}

static void one_device_is_row_and_life(void **state)
{
    (void)state;
    gateway_online("acme", "d1", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 2);
    assert_int_equal(request("GET", "/v1/devices/d1", NULL), 200);
    assert_true(answer_has("\"state\":\"online\"") && answer_has("\"epoch\":2") && !answer_has("\"live\""));
    g.connected = true;
    assert_int_equal(request("GET", "/v1/devices/d1", NULL), 200);
    assert_true(answer_has("\"epoch\":3") && answer_has("\"conn\":\"c_0000000000000009\"") &&
                answer_has("\"rtt_ms\":12"));
    assert_int_equal(request("HEAD", "/v1/devices/d1", NULL), 200);
    assert_false(answer_has("epoch"));
    g.reason = HF_REASON_BUSY;
    assert_int_equal(request("GET", "/v1/devices/d1", NULL), 503);
}

static void disconnect_answers_what_became_of_it(void **state)
{
    (void)state;
    assert_int_equal(request("POST", "/v1/devices/d1/disconnect", "{\"text\":\"go home\"}"), 200);
    assert_string_equal(g.last_text, "acme|d1|||go home");
    assert_int_equal(g.audits, 1);
    assert_int_equal(request("POST", "/v1/devices/d1/disconnect", ""), 200);
    g.reason = HF_REASON_DEVICE_OFFLINE;
    assert_int_equal(request("POST", "/v1/devices/d1/disconnect", ""), 404);
    gateway_online("acme", "d1", HF_EVENT_OFFLINE, HF_REASON_NORMAL, 2);
    assert_int_equal(request("POST", "/v1/devices/d1/disconnect", ""), 409);
    assert_true(answer_has("device_offline"));
}

static void explain_tells_the_last_cause_first(void **state)
{
    (void)state;
    gateway_online("acme", "d1", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_online("acme", "d1", HF_EVENT_OFFLINE, HF_REASON_HEARTBEAT_TIMEOUT, 1);
    assert_int_equal(request("GET", "/v1/devices/d1/explain", NULL), 200);
    assert_true(answer_has(
        "\"summary\":\"d1 is offline since 2026-03-01T12:00:00.000Z: no sign of life (heartbeat_timeout, "
        "close code 4408).\""));
    assert_true(strstr(g.link.out, "\"type\":\"offline\"") < strstr(g.link.out, "\"type\":\"online\""));
    assert_true(answer_has("\"text\":\"no sign of life\""));
    assert_int_equal(request("GET", "/v1/devices/d1/explain?limit=1", NULL), 200);
    assert_int_equal(fake_count(&g.link, "\"offset\":"), 1);
    gateway_online("acme", "d2", HF_EVENT_REFUSED, HF_REASON_REVOKED,
                   0); /* never got in, and still has a history */
    assert_int_equal(request("GET", "/v1/devices/d2/explain", NULL), 200);
    assert_true(answer_has("never connected") && answer_has("\"reason\":\"revoked\""));
}

static void sip_is_asked_for_at_its_home(void **state)
{
    (void)state;
    g.result = "[{\"first_line\":\"SIP/2.0 200 OK\"}]";
    assert_int_equal(request("GET", "/v1/devices/34020000001320000001/sip?limit=7", NULL), 200);
    assert_true(answer_has(
        "{\"device\":\"34020000001320000001\",\"messages\":[{\"first_line\":\"SIP/2.0 200 OK\"}]}"));
    assert_int_equal(g.last.type, HF_CALL_SIP);
    assert_int_equal(g.last.targets, 7);
    assert_int_equal(request("GET", "/v1/devices/34020000001320000001/sip", NULL), 200);
    assert_int_equal(g.last.targets, 64);
    g.reason = HF_REASON_NOT_FOUND;
    assert_int_equal(request("GET", "/v1/devices/34020000001320000001/sip", NULL), 404);
}

/* The id in the last answer. */
static void take_id(char id[HF_UUID_TEXT_BYTES + 1])
{
    const char *at = strstr(g.link.out, "\"id\":\"");

    assert_non_null(at);
    memcpy(id, at + 6, HF_UUID_TEXT_BYTES);
    id[HF_UUID_TEXT_BYTES] = '\0';
}

static void messages_are_queued_looked_up_and_canceled(void **state)
{
    char id[HF_UUID_TEXT_BYTES + 1], path[128];

    (void)state;
    assert_int_equal(request("POST", "/v1/devices/d1/messages",
                             "{\"payload\":{\"on\":true},\"topic\":\"a/b\",\"ttl_ms\":5000}"),
                     202);
    assert_string_equal(g.last_text, "acme|d1|a/b||{\"on\":true}");
    assert_int_equal(g.last.ttl_ms, 5000);
    assert_int_equal(g.last.format, HF_FORMAT_JSON);
    assert_true(answer_has("\"state\":\"queued\",\"offset\":1"));
    take_id(id);
    snprintf(path, sizeof(path), "/v1/messages/%s", id);
    assert_true(answer_has("Location: /v1/messages/") && answer_has(id));
    assert_int_equal(request("GET", path, NULL), 200);
    assert_true(answer_has("\"state\":\"queued\"") && answer_has("\"topic\":\"a/b\""));
    assert_int_equal(g.last.type, HF_CALL_STATE);
    assert_string_equal(g.last_text, "acme|d1|||");
    g.fate = HF_FATE_SENT; /* the device has it, and has not said so */
    assert_int_equal(request("GET", path, NULL), 200);
    assert_true(answer_has("\"state\":\"sent\""));
    g.fate = HF_FATE_NONE;
    assert_int_equal(
        request_with("GET", path, "Authorization: Bearer " GLOBAL_KEY "\r\nHoldfast-Tenant: other\r\n", NULL),
        404);
    assert_int_equal(request("DELETE", path, NULL), 200);
    assert_true(answer_has("\"state\":\"canceled\""));
    assert_int_equal(g.last.type, HF_CALL_CANCEL);
    g.http.utc_ms += 60000; /* its time is over, whether or not anybody noticed */
    assert_int_equal(request("GET", path, NULL), 200);
    assert_true(answer_has("\"state\":\"expired\"") && answer_has("\"reason\":\"expired\""));
    assert_int_equal(request("DELETE", path, NULL), 409);
    assert_true(answer_has("it is expired already"));
    snprintf(path, sizeof(path), "/v1/commands/%s", id); /* and it is no command */
    assert_int_equal(request("GET", path, NULL), 404);
}

static void payloads_come_in_five_spellings(void **state)
{
    static const struct {
        const char *type, *body, *want;
        unsigned status, format, flags;
    } rows[] = {
        {"Content-Type: application/json\r\n", "{\"payload\":[1, 2]}", "[1, 2]", 202, HF_FORMAT_JSON, 0},
        {"Content-Type: application/json; charset=utf-8\r\n", "{\"text\":\"a\\n\\u00e9\"}", "a\n\xc3\xa9",
         202, HF_FORMAT_OPAQUE, HF_EVENT_FLAG_TEXT},
        {"", "{\"payload_base64\":\"AAEC\"}", "", 202, HF_FORMAT_OPAQUE, 0},
        {"Content-Type: text/plain\r\n", "hello", "hello", 202, HF_FORMAT_OPAQUE, HF_EVENT_FLAG_TEXT},
        {"Content-Type: text/plain\r\n", "\xff", "", 400, 0, 0},
        {"Content-Type: application/octet-stream\r\n", "\xff\xfe", "\xff\xfe", 202, HF_FORMAT_OPAQUE, 0},
        {"Content-Type: text/xml\r\n", "<a/>", "", 415, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request_with("POST", "/v1/devices/d1/messages?topic=t&class=telemetry&ttl_ms=9",
                                       rows[i].type, rows[i].body);

        if (status != rows[i].status)
            fail_msg("row %zu: %s", i, g.link.out);
        if (status != 202)
            continue;
        assert_int_equal(g.last.format, rows[i].format);
        assert_int_equal(g.last.flags, rows[i].flags);
        assert_non_null(strstr(g.last_text, rows[i].want));
        if (strstr(rows[i].type, "text/plain")) {
            assert_string_equal(g.last_text, "acme|d1|t||hello");
            assert_int_equal(g.last.class, HF_CLASS_TELEMETRY);
            assert_int_equal(g.last.ttl_ms, 9);
        }
    }
    g.api.limits.payload_bytes_max = 4;
    assert_int_equal(request("POST", "/v1/devices/d1/messages", "{\"payload\":12345}"), 413);
    assert_true(answer_has("\"limit\":4,\"observed\":5"));
}

static void a_repeated_key_gives_the_first_answer(void **state)
{
    char id[HF_UUID_TEXT_BYTES + 1];
    char long_key[200];

    (void)state;
    assert_int_equal(
        request_with("POST", "/v1/devices/d1/messages", "Idempotency-Key: k1\r\n", "{\"payload\":1}"), 202);
    assert_false(answer_has("Idempotent-Replay"));
    assert_string_equal(g.last_text, "acme|d1||k1|1");
    take_id(id);
    assert_int_equal(hf_uuid_parse(hf_slice_of(id), g.replayed_id), HF_OK);
    g.replayed = true;
    assert_int_equal(
        request_with("POST", "/v1/devices/d1/messages", "Idempotency-Key: k1\r\n", "{\"payload\":1}"), 202);
    assert_true(answer_has("Idempotent-Replay: true\r\n") && answer_has(id) &&
                answer_has("\"state\":\"queued\""));
    g.reason = HF_REASON_ID_CONFLICT;
    assert_int_equal(
        request_with("POST", "/v1/devices/d1/messages", "Idempotency-Key: k1\r\n", "{\"payload\":2}"), 409);
    g.reason = HF_REASON_IN_PROGRESS;
    assert_int_equal(
        request_with("POST", "/v1/devices/d1/messages", "Idempotency-Key: k1\r\n", "{\"payload\":2}"), 409);
    assert_true(answer_has("\"retry_after_ms\":1000"));
    memset(long_key, 'k', sizeof(long_key));
    snprintf(long_key, sizeof(long_key), "Idempotency-Key: %0129d\r\n", 0);
    assert_int_equal(request_with("POST", "/v1/devices/d1/messages", long_key, "{\"payload\":1}"), 400);
    assert_int_equal(
        request_with("POST", "/v1/broadcast", "Idempotency-Key: k\r\n", "{\"target\":\"all\",\"payload\":1}"),
        400);
}

static void commands_answer_with_their_result_in_time(void **state)
{
    char id[HF_UUID_TEXT_BYTES + 1], path[128];

    (void)state;
    assert_int_equal(request("POST", "/v1/devices/d1/commands", "{\"name\":\"reboot\"}"), 202);
    assert_int_equal(g.last.class, HF_CLASS_COMMAND);
    assert_false(g.last.wait);
    take_id(id);
    snprintf(path, sizeof(path), "/v1/commands/%s", id);
    assert_true(answer_has("Location: /v1/commands/"));
    assert_int_equal(request("GET", path, NULL), 200);
    assert_true(answer_has("\"name\":\"reboot\"") && answer_has("\"state\":\"queued\""));
    assert_int_equal(request("DELETE", path, NULL), 200);
    g.fate = HF_FATE_DONE;
    g.result = "{\"ok\":1}";
    assert_int_equal(
        request("POST", "/v1/devices/d1/commands", "{\"name\":\"x\",\"payload\":{},\"wait_ms\":60000}"), 200);
    assert_true(g.last.wait);
    assert_true(answer_has("\"state\":\"done\"") && answer_has("\"result\":{\"ok\":1}"));
    g.result = NULL;
    g.fate = HF_FATE_SENT;
    assert_int_equal(request("POST", "/v1/devices/d1/commands", "{\"name\":\"x\",\"wait_ms\":10}"), 202);
    assert_true(answer_has("\"state\":\"sent\""));
    g.reason = HF_REASON_QUEUE_FULL;
    assert_int_equal(request("POST", "/v1/devices/d1/commands", "{\"name\":\"x\"}"), 429);
}

static void who_leaves_abandons_the_call(void **state)
{
    (void)state;
    g.hold_calls = true;
    request("POST", "/v1/devices/d1/commands", "{\"name\":\"x\",\"wait_ms\":60000}");
    assert_int_equal(g.call_count, 1);
    fake_link_end(&g.link);
    assert_true(g.calls[0]->abandoned);
    assert_int_equal(g.api.stats.calls_now, 1);
    gateway_answer();
    assert_int_equal(g.api.stats.calls_now, 0);
    gateway_connect(HF_HTTP_API);
    g.hold_barriers = true;
    request("GET", "/v1/messages/0190b6a1-5b5c-7c6e-8a6a-2f6d3c1b0a99", NULL);
    assert_non_null(g.held_barrier);
    fake_link_end(&g.link);
    assert_null(g.held_barrier);
    gateway_connect(HF_HTTP_API);
}

static void calls_in_flight_are_bounded(void **state)
{
    (void)state;
    g.api.limits.calls_max = 0;
    assert_int_equal(request("POST", "/v1/devices/d1/messages", "{\"payload\":1}"), 503);
    assert_true(answer_has("\"reason\":\"busy\"") && answer_has("\"retry_after_ms\":1000"));
    g.api.limits.calls_max = 10;
    g.refuse_calls = true;
    assert_int_equal(request("POST", "/v1/devices/d1/messages", "{\"payload\":1}"), 503);
    assert_int_equal(g.api.stats.calls_refused, 2);
}

static void a_broadcast_reaches_whom_it_names(void **state)
{
    static const struct {
        const char *body, *text;
        unsigned devices;
        bool topic;
    } rows[] = {
        {"{\"target\":\"all\",\"payload\":1}", "acme||||1", 0, false},
        {"{\"target\":\"all\",\"text\":\"x\",\"topic\":\"t\"}", "acme||t||x", 0, false},
        {"{\"target\":{\"topic\":\"a/b\"},\"payload\":1}", "acme||a/b||1", 0, true},
        {"{\"target\":{\"group\":\"g1\"},\"payload\":1}", "acme||group/g1||1", 0, true},
        {"{\"target\":{\"devices\":[\"d1\",\"d2\"]},\"payload\":1,\"class\":\"telemetry\"}", "acme||||1", 2,
         false},
    };
    char id[HF_UUID_TEXT_BYTES + 1], path[128];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request("POST", "/v1/broadcast", rows[i].body), 202);
        assert_string_equal(g.last_text, rows[i].text);
        assert_int_equal(g.last.device_count, rows[i].devices);
        assert_int_equal(g.last.target_topic, rows[i].topic);
        assert_true(answer_has("\"written\":4"));
    }
    take_id(id);
    snprintf(path, sizeof(path), "/v1/broadcasts/%s", id);
    assert_int_equal(request("GET", path, NULL), 200);
    assert_true(answer_has("\"targets\":"));
}

static void keys_are_made_used_and_taken_back(void **state)
{
    char key[128], authorization[160], path[64], *at;

    (void)state;
    assert_int_equal(request("POST", "/v1/keys", "{\"name\":\"dash\",\"scopes\":\"read\"}"), 201);
    at = strstr(g.link.out, "\"key\":\"hfk_");
    assert_non_null(at);
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(at + 7, "\""), at + 7);
    assert_true(answer_has("\"scopes\":\"devices:read events:read\""));
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s\r\n", key);
    assert_int_equal(request_with("GET", "/v1/devices", authorization, NULL), 200);
    assert_int_equal(request_with("POST", "/v1/devices/d1/messages", authorization, "{\"payload\":1}"), 403);
    assert_int_equal(request("GET", "/v1/keys", NULL), 200);
    assert_true(answer_has("\"source\":\"api\"") && answer_has("\"source\":\"configuration\"") &&
                !answer_has(key));
    snprintf(path, sizeof(path), "/v1/keys/%.12s", key + 4);
    assert_int_equal(request_with("DELETE", path,
                                  "Authorization: Bearer " GLOBAL_KEY "\r\nHoldfast-Tenant: other\r\n", NULL),
                     404);
    assert_int_equal(request("DELETE", path, NULL), 204);
    assert_int_equal(request_with("GET", "/v1/devices", authorization, NULL), 401);
    assert_true(answer_has("\"reason\":\"credentials_invalid\""));
    g.keys[1].scopes = HF_SCOPE_KEYS_ADMIN; /* who may make keys may not make better ones */
    assert_int_equal(
        request_with("POST", "/v1/keys", "Authorization: Bearer " READ_KEY "\r\n", "{\"scopes\":\"admin\"}"),
        403);
    assert_int_equal(g.audits, 3); /* made, taken back, tried afterwards */
    assert_int_equal(request("POST", "/v1/keys", "{\"scopes\":\"read\",\"expires_ms\":1772366400500}"), 201);
    at = strstr(g.link.out, "\"key\":\"hfk_");
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %.*s\r\n",
             (int)strcspn(at + 7, "\""), at + 7);
    assert_int_equal(request_with("GET", "/v1/devices", authorization, NULL), 200);
    advance(600);
    assert_int_equal(request_with("GET", "/v1/devices", authorization, NULL), 401);
}

static void revocations_are_recorded_before_they_close(void **state)
{
    struct hf_kv_txn *txn;
    struct hf_slice value;

    (void)state;
    assert_int_equal(request("POST", "/v1/revocations", "{\"device\":\"d1\"}"), 200);
    assert_int_equal(g.last.type, HF_CALL_DISCONNECT);
    assert_int_equal(g.last.event_type, HF_EVENT_REVOKED);
    assert_true(answer_has("{\"revoked\":\"device:d1\",\"closed\":1}"));
    assert_int_equal(hf_kv_read(g.backend.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_REVOCATIONS, HF_SLICE("acme\0device:d1"), &value), HF_OK);
    hf_kv_end(txn);
    assert_int_equal(request("POST", "/v1/revocations", "{\"token_jti\":\"j1\"}"), 200);
    assert_int_equal(g.last.type, HF_CALL_REVOKE);
    assert_string_equal(g.last_text, "acme|||token:j1|");
    assert_true(answer_has("\"closed\":2"));
}

static void the_ledger_adds_up(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/ledger", NULL), 200);
    assert_true(answer_has("\"downlink\":{\"accepted\":10,\"restored\":0,\"delivered\":6,\"pending\":3,"
                           "\"dropped\":{\"expired\":1},\"dropped_total\":1,\"difference\":0}"));
}

static void options_says_what_is_offered(void **state)
{
    (void)state;
    assert_int_equal(request("OPTIONS", "/v1/keys", NULL), 204);
    assert_true(answer_has("Allow: GET, HEAD, POST\r\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)
    const struct CMUnitTest tests[] = {
        TEST(wrong_requests_name_the_field),
        TEST(keys_open_what_their_scopes_say),
        TEST(listeners_serve_what_they_are_for),
        TEST(rates_are_per_key),
        TEST(devices_page_by_cursor_and_filter),
        TEST(one_device_is_row_and_life),
        TEST(disconnect_answers_what_became_of_it),
        TEST(explain_tells_the_last_cause_first),
        TEST(sip_is_asked_for_at_its_home),
        TEST(messages_are_queued_looked_up_and_canceled),
        TEST(payloads_come_in_five_spellings),
        TEST(a_repeated_key_gives_the_first_answer),
        TEST(commands_answer_with_their_result_in_time),
        TEST(who_leaves_abandons_the_call),
        TEST(calls_in_flight_are_bounded),
        TEST(a_broadcast_reaches_whom_it_names),
        TEST(keys_are_made_used_and_taken_back),
        TEST(revocations_are_recorded_before_they_close),
        TEST(the_ledger_adds_up),
        TEST(options_says_what_is_offered),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    gateway_inline = true;
    return failed + cmocka_run_group_tests_name("answered at once", tests, NULL, NULL);
}
