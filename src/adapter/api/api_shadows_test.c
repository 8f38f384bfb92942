/* Shadows over HTTP: one real shadow behind the requests, as its home worker keeps it; its past in real tables. */
#include "adapter/api/gateway_testkit.h"
#include "core/document/shadow.h"

#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define JSON  "Content-Type: application/json-patch+json\r\n"

static struct hf_shadow shadow;
static uint8_t labels; /* that a change reaches */

static void on_document(struct hf_call *call)
{
    struct hf_call_document *asked = &call->document;
    const struct hf_shadow_limits limits = {HF_SHADOW_SECTION_BYTES_MAX, HF_SHADOW_DEPTH_MAX};
    struct hf_shadow_outcome outcome;
    struct hf_shadow after;

    assert_true(asked->shadow);
    if (asked->change) {
        const struct hf_shadow_change change = {.kind = asked->kind,
                                                .merge = asked->merge,
                                                .sections = asked->sections,
                                                .base_version = asked->base_version,
                                                .json = call->payload};

        call->reason = (uint16_t)hf_shadow_change(&shadow, &change, &limits, g.http.utc_ms, &outcome, &after);
        asked->refused = outcome.refused;
        asked->operation = outcome.operation;
        free(outcome.taken);
        if (call->reason == HF_REASON_NONE) {
            hf_shadow_deinit(&shadow);
            shadow = after;
            asked->made = shadow.version;
            asked->labels = labels;
        }
    }
    if ((call->reason == HF_REASON_NONE || call->reason == HF_REASON_VERSION_CONFLICT) && shadow.version > 0)
        call->result = hf_shadow_encode(&shadow, (struct hf_slice){NULL, 0}, &call->result_bytes);
    asked->version = shadow.version;
}

static int setup(void **state)
{
    int failed = gateway_setup(state);

    g.on_document = on_document;
    labels = 1 << HF_LABEL_STORED;
    return failed;
}

static int teardown(void **state)
{
    hf_shadow_deinit(&shadow);
    return gateway_teardown(state);
}

static void a_patch_makes_a_version_that_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/devices/d1/shadow", NULL), 200);
    assert_true(
        answer_has("{\"device\":\"d1\",\"version\":0,\"reported\":{},\"desired\":{},\"delta\":{},\"tags\":{},"
                   "\"metadata\":{}}"));
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow/led", MERGE, "{\"desired\":{\"on\":true}}"),
                     200);
    assert_true(answer_has("ETag: \"1\"\r\n"));
    assert_true(answer_has("{\"device\":\"d1\",\"name\":\"led\",\"version\":1,\"updated\":\"2026-03-01T"));
    assert_true(answer_has(",\"reported\":{},\"desired\":{\"on\":true},\"delta\":{\"on\":true},\"tags\":{},"
                           "\"metadata\":{\"/desired/on\":{\"version\":1,\"updated\":\"2026-03-01T"));
    assert_true(answer_has("}},\"changed_version\":1,\"labels\":[\"stored\"]}"));
    assert_string_equal(g.last_text, "acme|d1|led|key/adminadmin01|{\"desired\":{\"on\":true}}");
    assert_int_equal(request_with("GET", "/v1/devices/d1/shadow", "If-None-Match: \"1\"\r\n", NULL), 304);
    assert_int_equal(request_with("GET", "/v1/devices/d1/shadow", "If-None-Match: \"2\"\r\n", NULL), 200);
    assert_false(answer_has("labels"));
}

static void conflicts_bring_what_is(void **state)
{
    (void)state;
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow", MERGE, "{\"desired\":{\"a\":1}}"), 200);
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow", MERGE "If-Match: \"1\"\r\n",
                                  "{\"desired\":{\"a\":2}}"),
                     200);
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/shadow?base_version=1", MERGE, "{\"desired\":{\"a\":3}}"), 409);
    assert_true(answer_has("Content-Type: application/problem+json\r\n"));
    assert_true(answer_has("ETag: \"2\"\r\n"));
    assert_true(
        answer_has("\"reason\":\"version_conflict\",\"version\":2,\"document\":{\"version\":2,\"updated\""));
    assert_int_equal(g.http.stats.refused_reason[HF_REASON_VERSION_CONFLICT], 1);
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow?merge=lww", MERGE "If-Match: \"1\"\r\n",
                                  "{\"desired\":{\"a\":3}}"),
                     200);
    assert_int_equal(g.last.document.merge, HF_MERGE_LWW);
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow?merge=fields&wait=applied&timeout_ms=77",
                                  JSON, "[{\"op\":\"test\",\"path\":\"/desired/a\",\"value\":1}]"),
                     409);
    assert_int_equal(g.last.document.merge, HF_MERGE_CONFLICT_FREE);
    assert_int_equal(g.last.document.label, HF_LABEL_APPLIED);
    assert_int_equal(g.last.wait_ms, 77);
}

static void a_missing_label_is_named(void **state)
{
    (void)state;
    labels = 1 << HF_LABEL_STORED | 1 << HF_LABEL_DELIVERED;
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/shadow?wait=delivered", MERGE, "{\"tags\":{\"a\":1}}"), 200);
    assert_true(answer_has("\"labels\":[\"stored\",\"delivered\"]}"));
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/shadow?wait=applied", MERGE, "{\"tags\":{\"a\":2}}"), 202);
    assert_true(answer_has("\"labels\":[\"stored\",\"delivered\"],\"missing\":[\"applied\"]}"));
    labels = 1 << HF_LABEL_STORED;
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/shadow?wait=applied", MERGE, "{\"tags\":{\"a\":3}}"), 202);
    assert_true(answer_has("\"labels\":[\"stored\"],\"missing\":[\"delivered\",\"applied\"]}"));
}

static void wrong_requests_say_what_is_wrong(void **state)
{
    static const struct {
        const char *target, *headers, *body;
        unsigned status;
        const char *want;
    } rows[] = {
        {"/v1/devices/d1/shadow", MERGE, "{", 400, "\"field\":\"body\""},
        {"/v1/devices/d1/shadow", MERGE, "{\"reported\":{\"a\":1}}", 403, "reported is what the device says"},
        {"/v1/devices/d1/shadow", "Content-Type: application/json\r\n", "{}", 415,
         "\"field\":\"Content-Type\""},
        {"/v1/devices/d1/shadow", MERGE, "[]", 400, "a change of a shadow is an object"},
        {"/v1/devices/d1/shadow", MERGE, " {\"desired\":{},\"desird\":{}}", 400, "\"field\":\"desird\""},
        {"/v1/devices/d1/shadow", JSON, "[", 400, "the body is not JSON"},
        {"/v1/devices/d1/shadow", JSON, "{}", 400, "an array of operations"},
        {"/v1/devices/d1/shadow", JSON, "[7]", 400, "operation 0 is no object"},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"remove\",\"path\":\"/tags/a\"},{\"op\":\"replac\"}]", 400,
         "\"field\":\"op\""},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"remove\",\"path\":\"/tags/a\"},{\"op\":\"replac\"}]", 400,
         "operation 1: op must be"},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"remove\",\"path\":7}]", 400, "\"field\":\"path\""},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"test\",\"path\":\"/tags/a\"}]", 400,
         "\"field\":\"value\""},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"move\",\"path\":\"/tags/a\",\"value\":1}]", 400,
         "\"field\":\"from\""},
        {"/v1/devices/d1/shadow", JSON,
         "[{\"op\":\"add\",\"path\":\"/tags/a\",\"value\":1},{\"op\":\"remove\",\"path\":\"/tags/b\"}]", 400,
         "operation 1: path, or from,"},
        {"/v1/devices/d1/shadow", JSON,
         "[{\"op\":\"add\",\"path\":\"/tags/a\",\"value\":1},{\"op\":\"test\",\"path\":\"/tags/"
         "a\",\"value\":2}]",
         409, "operation 1: the test failed; `document` is what there is"},
        {"/v1/devices/d1/shadow", JSON, "[{\"op\":\"add\",\"path\":\"/tags\",\"value\":1}]", 400,
         "something else would be left"},
        {"/v1/devices/d1/shadow", MERGE, "{\"tags\":[]}", 400, "tags must be an object, or null"},
        {"/v1/devices/d1/shadow", MERGE, "{\"tags\":{\"a\":1e999}}", 400, "a number is too large"},
        {"/v1/devices/d1/shadow", MERGE, "{\"version\":0}", 400, "\"field\":\"version\""},
        {"/v1/devices/d1/shadow", MERGE, "{\"version\":\"1\"}", 400, "\"field\":\"version\""},
        {"/v1/devices/d1/shadow", MERGE, "{\"merge\":\"best\"}", 400, "\"field\":\"merge\""},
        {"/v1/devices/d1/shadow", MERGE, "{\"merge\":\"keep\"}", 400, "\"field\":\"merge\""},
        {"/v1/devices/d1/shadow", MERGE, "{\"merge\":7}", 400, "\"field\":\"merge\""},
        {"/v1/devices/d1/shadow", MERGE "If-Match: 7\r\n", "{}", 400, "\"field\":\"If-Match\""},
        {"/v1/devices/d1/shadow?merge=best", MERGE, "{}", 400, "\"field\":\"merge\""},
        {"/v1/devices/d1/shadow?wait=done", MERGE, "{}", 400, "\"field\":\"wait\""},
        {"/v1/devices/d1/shadow?timeout_ms=999999999", MERGE, "{}", 400, "\"field\":\"timeout_ms\""},
        {"/v1/devices/d1/shadow?base_version=0", MERGE, "{}", 400, "\"field\":\"base_version\""},
        {"/v1/devices/d1/shadow/versions", MERGE, "{}", 400, "\"field\":\"name\""},
        {"/v1/devices/d1/shadow/a%20b", MERGE, "{}", 400, "\"field\":\"name\""},
        {"/v1/devices/d1/shadow", MERGE,
         "{\"tags\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}", 413,
         "message_too_big"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request_with("PATCH", rows[i].target, rows[i].headers, rows[i].body),
                         rows[i].status);
        if (!answer_has(rows[i].want))
            fail_msg("%s: no %s", rows[i].target, rows[i].want);
        assert_int_equal(shadow.version, 0);
    }
    g.reason = HF_REASON_NOT_FOUND;
    assert_int_equal(request_with("PATCH", "/v1/devices/ghost/shadow", MERGE, "{}"), 404);
    assert_true(answer_has("this device was never connected"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/none", NULL), 404);
    assert_true(answer_has("it has no shadow of this name"));
    g.reason = HF_REASON_TENANT_LIMIT;
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/shadow/n", MERGE, "{}"), 429);
}

/* One version as its record says. */
static void record(uint64_t version, uint64_t updated_ms, const char *stored)
{
    struct hf_event event = {.time_ms = updated_ms + 3,
                             .type = HF_EVENT_SHADOW,
                             .seq = version,
                             .from = 1,
                             .to = updated_ms,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE("d1"),
                             .key = HF_SLICE("key/k"),
                             .payload = hf_slice_of(stored)};

    gateway_apply(&event);
}

static void the_past_is_read_from_the_tables(void **state)
{
    (void)state;
    record(1, 1000,
           "{\"version\":1,\"updated_ms\":1000,\"epoch\":0,\"desired\":{\"a\":1},\"metadata\":{},\"change\":{"
           "\"desired\":{\"a\":1}}}");
    record(2, 2000,
           "{\"version\":2,\"updated_ms\":2000,\"epoch\":4,\"desired\":{\"a\":2},\"metadata\":{},\"change\":["
           "1]}");
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?version=1", NULL), 200);
    assert_true(answer_has("ETag: \"1\"\r\n"));
    assert_true(answer_has("\"desired\":{\"a\":1}"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?at=1999", NULL), 200);
    assert_true(answer_has("\"version\":1,"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?at=1970-01-01T00:00:02Z", NULL), 200);
    assert_true(answer_has("\"version\":2,\"epoch\":4,"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?at=999", NULL), 404);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?version=3", NULL), 404);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/other?version=1", NULL), 404);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?at=soon", NULL), 400);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?at=5&version=5", NULL), 400);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/versions", NULL), 200);
    assert_true(
        answer_has("{\"device\":\"d1\",\"versions\":[{\"version\":2,\"updated\":\"1970-01-01T00:00:02.000Z\","
                   "\"offset\":"));
    assert_true(answer_has(",\"who\":\"key/k\",\"change\":[1]},{\"version\":1,"));
    assert_false(answer_has("next_cursor"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/versions?limit=1", NULL), 200);
    assert_true(answer_has("\"change\":[1]}],\"next_cursor\":1}"));
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/versions?limit=1&cursor=1", NULL), 200);
    assert_true(answer_has("\"versions\":[{\"version\":1,"));
    assert_int_equal(request("GET", "/v1/devices/nobody/shadow/versions", NULL), 404);
    assert_int_equal(request("GET", "/v1/devices/d1/shadow/versions?cursor=x", NULL), 400);
    record(3, 3000, "nonsense");
    assert_int_equal(request("GET", "/v1/devices/d1/shadow?version=3", NULL), 500);
    assert_true(answer_has("log_damaged"));
}

static void scopes_are_those_of_messages(void **state)
{
    static const struct {
        const char *method, *target;
        uint32_t scopes;
        unsigned status;
    } rows[] = {
        {"GET", "/v1/devices/d1/shadow", HF_SCOPE_DEVICES_READ, 200},
        {"GET", "/v1/devices/d1/shadow/versions", HF_SCOPE_MESSAGES_WRITE, 200},
        {"GET", "/v1/devices/d1/shadow", HF_SCOPE_EVENTS_READ, 403},
        {"PATCH", "/v1/devices/d1/shadow", HF_SCOPE_DEVICES_READ, 403},
        {"PATCH", "/v1/devices/d1/shadow/n", HF_SCOPE_MESSAGES_WRITE, 200},
        {"GET", "/v1/devices/d1/presence", HF_SCOPE_MESSAGES_WRITE, 403},
    };

    (void)state;
    record(1, 1000,
           "{\"version\":1,\"updated_ms\":1000,\"epoch\":0,\"desired\":{\"a\":1},\"metadata\":{},\"change\":{"
           "}}");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        g.keys[1].scopes = rows[i].scopes;
        assert_int_equal(request_with(rows[i].method, rows[i].target,
                                      "Authorization: Bearer " READ_KEY "\r\n" MERGE,
                                      rows[i].method[0] == 'P' ? "{}" : NULL),
                         rows[i].status);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_patch_makes_a_version_that_can_be_read),
        T(conflicts_bring_what_is),
        T(a_missing_label_is_named),
        T(wrong_requests_say_what_is_wrong),
        T(the_past_is_read_from_the_tables),
        T(scopes_are_those_of_messages),
    };

    return cmocka_run_group_tests_name("api_shadows", tests, NULL, NULL);
}
