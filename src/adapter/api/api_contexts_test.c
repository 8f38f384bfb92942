/* Documents over HTTP: one real document behind the requests, as its home worker keeps it. */
#include "adapter/api/gateway_testkit.h"
#include "core/document/document.h"

#define MERGE "Content-Type: application/merge-patch+json\r\n"
#define JSON  "Content-Type: application/json-patch+json\r\n"

static struct hf_document document;

static void on_document(struct hf_call *call)
{
    struct hf_call_document *asked = &call->document;
    enum hf_patch_kind kind = HF_PATCH_FULL;
    char *json = NULL;

    if (asked->change)
        call->reason =
            (uint16_t)hf_document_change(&document,
                                         &(struct hf_document_change){.kind = asked->kind,
                                                                      .merge = asked->merge,
                                                                      .base_version = asked->base_version,
                                                                      .ttl_ms = asked->ttl_ms,
                                                                      .json = call->payload,
                                                                      .writer = call->key},
                                         call->id, g.http.utc_ms);
    else if (document.version == 0)
        call->reason = HF_REASON_NOT_FOUND;
    if (call->reason == HF_REASON_NONE || call->reason == HF_REASON_VERSION_CONFLICT)
        (void)hf_document_delta(&document, call->reason == HF_REASON_NONE ? asked->base_version : 0, &kind,
                                &json);
    call->result = json;
    call->result_bytes = json ? strlen(json) : 0;
    asked->kind = (uint8_t)kind;
    asked->version = document.version;
    asked->merge = document.merge;
    asked->ttl_ms = document.ttl_ms;
    asked->updated_ms = document.updated_ms;
    memcpy(asked->snapshot_id, document.snapshot_id, 16);
}

static int setup(void **state)
{
    int failed = gateway_setup(state);

    g.on_document = on_document;
    return failed;
}

static int teardown(void **state)
{
    hf_document_deinit(&document);
    return gateway_teardown(state);
}

static void a_patch_makes_a_version_that_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/devices/d1/context", NULL), 404);
    assert_true(answer_has("it has no context"));
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/context?merge=version&ttl_ms=60000", MERGE,
                                  "{\"screen\":\"home\"}"),
                     200);
    assert_true(answer_has("ETag: \"1\"\r\n"));
    assert_true(answer_has("{\"device\":\"d1\",\"version\":1,\"snapshot_id\":\""));
    assert_true(answer_has("\"merge\":\"version\",\"ttl_ms\":60000,\"updated\":\"2026-03-01T"));
    assert_true(answer_has(",\"document\":{\"screen\":\"home\"}}"));
    assert_string_equal(g.last_text, "acme|d1||key/adminadmin01|{\"screen\":\"home\"}");
    assert_int_equal(request("GET", "/v1/devices/d1/context", NULL), 200);
    assert_true(answer_has("ETag: \"1\"\r\n"));
    assert_true(answer_has(",\"document\":{\"screen\":\"home\"}}"));
    assert_int_equal(request("HEAD", "/v1/devices/d1/context", NULL), 200);
    assert_true(answer_has("ETag: \"1\"\r\n"));
    assert_false(answer_has("{"));
}

static void a_reader_gets_what_is_new(void **state)
{
    (void)state;
    assert_int_equal(
        request_with("PATCH", "/v1/groups/home/context", MERGE,
                     "{\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"),
        200);
    assert_int_equal(request_with("PATCH", "/v1/groups/home/context", JSON "If-Match: \"1\"\r\n",
                                  "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]"),
                     200);
    assert_true(answer_has("{\"group\":\"home\",\"version\":2,"));
    assert_true(answer_has(",\"from_version\":1,\"patch\":[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]}"));
    assert_string_equal(g.last_text, "acme|group/home||key/adminadmin01|[{\"op\":\"add\",\"path\":\"/n\","
                                     "\"value\":2}]");
    assert_int_equal(request("GET", "/v1/groups/home/context?since=1", NULL), 200);
    assert_true(answer_has(",\"from_version\":1,\"patch\":[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]}"));
    assert_int_equal(request("GET", "/v1/groups/home/context?since=2", NULL), 304);
    assert_true(answer_has("ETag: \"2\"\r\n"));
    assert_false(answer_has("{"));
    assert_int_equal(request("GET", "/v1/groups/home/context?since=77", NULL), 200); /* of another life */
    assert_true(answer_has(",\"document\":{"));
    assert_int_equal(request_with("GET", "/v1/groups/home/context", "If-None-Match: \"2\"\r\n", NULL), 304);
    assert_int_equal(request_with("GET", "/v1/groups/home/context", "If-None-Match: \"1\"\r\n", NULL), 200);
    assert_true(answer_has(",\"document\":{"));
    assert_int_equal(request_with("GET", "/v1/groups/home/context", "If-None-Match: W/nonsense\r\n", NULL),
                     200);
}

static void a_conflict_brings_what_it_is_with(void **state)
{
    (void)state;
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/context?merge=version", MERGE, "{\"a\":1}"), 200);
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/context", MERGE "If-Match: \"1\"\r\n", "{\"a\":2}"), 200);
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/context", MERGE "If-Match: \"1\"\r\n", "{\"a\":3}"), 409);
    assert_true(answer_has("Content-Type: application/problem+json\r\n"));
    assert_true(answer_has("ETag: \"2\"\r\n"));
    assert_true(answer_has("\"status\":409,\"detail\":\"change `document` instead"));
    assert_true(answer_has("\"reason\":\"version_conflict\",\"version\":2,\"document\":{\"a\":2}}"));
    assert_int_equal(g.http.stats.refused_reason[HF_REASON_VERSION_CONFLICT], 1);
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/context?merge=lww", MERGE "If-Match: \"1\"\r\n", "{\"b\":3}"),
        200);
    assert_true(answer_has("\"version\":3"));
    hf_document_deinit(&document);
    assert_int_equal(
        request_with("PATCH", "/v1/devices/d1/context", MERGE "If-Match: \"3\"\r\n", "{\"a\":3}"), 409);
    assert_true(answer_has("\"reason\":\"version_conflict\",\"version\":0}")); /* there is none any more */
}

static void wrong_requests_name_the_field(void **state)
{
    static char deep[64], large[HF_DOCUMENT_BYTES_MAX + 2];
    static const char bytes_129[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static char target[200];
    const struct {
        const char *method, *target, *headers, *body;
        unsigned status;
        const char *text;
    } rows[] = {
        {"PATCH", "/v1/devices/a%20b/context", MERGE, "{}", 400, "\"field\":\"device\""},
        {"PATCH", "/v1/groups/a%20b/context", MERGE, "{}", 400, "\"field\":\"group\""},
        {"PATCH", target, MERGE, "{}", 400, "\"field\":\"group\""},
        {"PATCH", "/v1/devices/d1/context", "", "{}", 415, "\"field\":\"Content-Type\""},
        {"PATCH", "/v1/devices/d1/context", "Content-Type: application/json\r\n", "{}", 415,
         "Accept-Patch: application/merge-patch+json, application/json-patch+json\r\n"},
        {"PATCH", "/v1/devices/d1/context", MERGE "If-Match: 7\r\n", "{}", 400, "\"field\":\"If-Match\""},
        {"PATCH", "/v1/devices/d1/context", MERGE "If-Match: \"0\"\r\n", "{}", 400, "\"field\":\"If-Match\""},
        {"PATCH", "/v1/devices/d1/context", MERGE "If-Match: *\r\n", "{}", 400, "\"field\":\"If-Match\""},
        {"PATCH", "/v1/devices/d1/context", MERGE "If-Match: W/\"7\"\r\n", "{}", 400,
         "\"field\":\"If-Match\""},
        {"PATCH", "/v1/devices/d1/context?merge=keep", MERGE, "{}", 400, "lww, version or conflict_free"},
        {"PATCH", "/v1/devices/d1/context?merge=mine", MERGE, "{}", 400, "\"field\":\"merge\""},
        {"PATCH", "/v1/devices/d1/context?ttl_ms=0", MERGE, "{}", 400, "\"field\":\"ttl_ms\""},
        {"PATCH", "/v1/devices/d1/context?ttl_ms=4294967296", MERGE, "{}", 400, "\"field\":\"ttl_ms\""},
        {"PATCH", "/v1/devices/d1/context", MERGE, "", 400, "\"field\":\"body\""},
        {"PATCH", "/v1/devices/d1/context", MERGE, "{", 400, "\"field\":\"body\""},
        {"PATCH", "/v1/devices/d1/context", MERGE, "[1]", 400, "something that is not an object"},
        {"PATCH", "/v1/devices/d1/context", JSON, "{\"op\":\"add\"}", 400, "\"field\":\"body\""},
        {"PATCH", "/v1/devices/d1/context", JSON, "[{\"op\":\"remove\",\"path\":\"/x\"}]", 400,
         "a path that is not there"},
        {"PATCH", "/v1/devices/d1/context", MERGE, deep, 413, "8 levels"},
        {"PATCH", "/v1/devices/d1/context", MERGE, large, 413, "\"limit\":32768,\"observed\":32769"},
        {"GET", "/v1/devices/d1/context?since=0", "", NULL, 400, "\"field\":\"since\""},
        {"GET", "/v1/devices/d1/context?since=x", "", NULL, 400, "\"field\":\"since\""},
        {"GET", "/v1/groups/none/context", "", NULL, 404, "not_found"},
        {"POST", "/v1/groups/home/context", "", "{}", 405, "Allow: GET, HEAD, PATCH\r\n"},
    };

    (void)state;
    snprintf(target, sizeof(target), "/v1/groups/%.*s/context", HF_GROUP_BYTES_MAX + 1, bytes_129);
    for (unsigned i = 0; i < 9; i++) {
        memcpy(deep + 5 * i, "{\"a\":", 5);
        deep[46 + i] = '}';
    }
    deep[45] = '1';
    memset(large, ' ', sizeof(large) - 1);
    large[0] = '{';
    large[sizeof(large) - 2] = '}';
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request_with(rows[i].method, rows[i].target, rows[i].headers, rows[i].body);

        if (status != rows[i].status || !answer_has(rows[i].text))
            fail_msg("row %zu, %s %s: %s", i, rows[i].method, rows[i].target, g.link.out);
        assert_int_equal(document.version, 0);
    }
}

static void other_refusals_keep_their_reason(void **state)
{
    (void)state;
    g.reason = HF_REASON_NOT_FOUND;
    assert_int_equal(request_with("PATCH", "/v1/devices/ghost/context", MERGE, "{}"), 404);
    assert_true(answer_has("this device was never connected"));
    g.reason = HF_REASON_STORAGE_FULL;
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/context", MERGE, "{}"), 503);
    assert_true(answer_has("storage_full"));
    g.reason = HF_REASON_NONE;
    g.refuse_calls = true;
    assert_int_equal(request("GET", "/v1/devices/d1/context", NULL), 503);
    assert_true(answer_has("\"reason\":\"busy\""));
}

static void scopes_are_those_of_messages(void **state)
{
    static const struct {
        const char *method, *target;
    } rows[] = {{"GET", "/v1/devices/d1/context"},
                {"PATCH", "/v1/devices/d1/context"},
                {"GET", "/v1/groups/home/context"},
                {"PATCH", "/v1/groups/home/context"}};

    (void)state;
    assert_int_equal(request_with("PATCH", "/v1/devices/d1/context", MERGE, "{\"a\":1}"), 200);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        bool change = rows[i].method[0] == 'P';
        const char *body = change ? "{\"a\":1}" : NULL;

        g.keys[1].scopes = HF_SCOPE_DEVICES_READ;
        assert_int_equal(request_with(rows[i].method, rows[i].target,
                                      "Authorization: Bearer " READ_KEY "\r\n" MERGE, body),
                         change ? 403 : 200);
        g.keys[1].scopes = HF_SCOPE_EVENTS_READ | HF_SCOPE_COMMANDS_WRITE;
        assert_int_equal(request_with(rows[i].method, rows[i].target,
                                      "Authorization: Bearer " READ_KEY "\r\n" MERGE, body),
                         403);
        g.keys[1].scopes = HF_SCOPE_MESSAGES_WRITE;
        assert_int_equal(request_with(rows[i].method, rows[i].target,
                                      "Authorization: Bearer " READ_KEY "\r\n" MERGE, body),
                         200);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_patch_makes_a_version_that_can_be_read), T(a_reader_gets_what_is_new),
        T(a_conflict_brings_what_it_is_with),        T(wrong_requests_name_the_field),
        T(other_refusals_keep_their_reason),         T(scopes_are_those_of_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
