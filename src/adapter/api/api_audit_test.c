/* Who did what, over HTTP: real rows behind the requests. */
#include "adapter/api/gateway_testkit.h"

static void did(const struct hf_event *what, uint64_t offset)
{
    struct hf_event event = *what;

    g.offset = offset - 1;
    gateway_apply(&event);
}

static const struct hf_event revoke = {.type = HF_EVENT_AUDIT,
                                       .tenant = HF_SLICE("acme"),
                                       .format = HF_FORMAT_JSON,
                                       .flags = HF_EVENT_FLAG_CONSOLE,
                                       .topic = HF_SLICE("revoke"),
                                       .key = HF_SLICE("k1"),
                                       .by = HF_SLICE("keynumber001"),
                                       .device = HF_SLICE("d1"),
                                       .payload = HF_SLICE("{\"what\":\"device:d1\"}")},
                             command = {.type = HF_EVENT_COMMAND,
                                        .tenant = HF_SLICE("acme"),
                                        .seq = 1,
                                        .topic = HF_SLICE("unlock"),
                                        .by = HF_SLICE("keynumber002"),
                                        .device = HF_SLICE("d2"),
                                        .payload = HF_SLICE("1")},
                             fault = {.type = HF_EVENT_AUDIT,
                                      .tenant = HF_SLICE("acme"),
                                      .topic = HF_SLICE("heartbeat.invalid"),
                                      .key = HF_SLICE("d1"),
                                      .device = HF_SLICE("d1")};

static bool only(const char *offsets[], size_t count) /* in this order, and no more */
{
    const char *at = strstr(g.link.out, "\"entries\":[");

    for (size_t i = 0; at != NULL && i < count; i++) {
        at = strstr(at, "{\"offset\":");
        if (at == NULL || strncmp(at + 10, offsets[i], strlen(offsets[i])) != 0)
            return false;
        at++;
    }
    return at != NULL && strstr(at, "{\"offset\":") == NULL;
}
#define ONLY(...) only((const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void what_was_done_is_listed_the_newest_first(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/audit", NULL), 200);
    assert_true(answer_has("{\"entries\":[]}"));
    did(&revoke, 10);
    did(&command, 20);
    did(&fault, 30);
    assert_int_equal(request("GET", "/v1/audit", NULL), 200);
    assert_true(ONLY("30,", "20,", "10,"));
    assert_true(
        answer_has("\"type\":\"audit\",\"tenant\":\"acme\",\"device\":\"d1\",\"by\":\"keynumber001\",\"via\":"
                   "\"console\",\"action\":\"revoke\",\"who\":\"k1\",\"details\":{\"what\":\"device:d1\"}}"));
    assert_true(answer_has("\"name\":\"unlock\""));
    assert_false(answer_has("payload"));
    assert_false(answer_has("next_cursor"));
}

/* Whatever came of a request, with what was sent or without: in a row it has no payload. */
static void every_type_can_be_listed(void **state)
{
    struct hf_event event = {
        .tenant = HF_SLICE("acme"), .device = HF_SLICE("d1"), .topic = HF_SLICE("t"), .key = HF_SLICE("k")};
    uint64_t count = 0;

    (void)state;
    for (unsigned type = 1; type < HF_EVENT_TYPES_MAX; type++) {
        char first[32];

        if (strcmp(hf_event_type_name(type), "unknown_type") == 0)
            continue;
        for (unsigned sent = 0; sent < 2; sent++) {
            struct hf_kv_txn *txn;

            event.type = (uint8_t)type;
            event.format = HF_FORMAT_JSON;
            event.by = HF_SLICE("keynumber001");
            event.payload = sent ? HF_SLICE("{\"json\":{}}") : (struct hf_slice){NULL, 0};
            event.offset = ++count;
            assert_int_equal(hf_kv_write(g.backend.kv, &txn), HF_OK);
            assert_int_equal(hf_audit_rows_apply(txn, &event, 1 << 20), HF_OK);
            assert_int_equal(hf_kv_commit(txn, event.offset), HF_OK);
            assert_int_equal(request("GET", "/v1/audit?limit=1", NULL), 200);
            snprintf(first, sizeof(first), "[{\"offset\":%llu,", (unsigned long long)count);
            assert_true(answer_has(first));
            if (type == HF_EVENT_SHADOW)
                assert_int_equal(answer_has("\"removed\":true"), sent == 0);
        }
    }
    assert_true(count > 40);
}

static void it_is_filtered(void **state)
{
    (void)state;
    did(&revoke, 10);
    advance(1000);
    uint64_t between_ms = g.http.utc_ms - 500;
    did(&command, 20);
    did(&fault, 30);
    char target[64];

    assert_int_equal(request("GET", "/v1/audit?by=keynumber002", NULL), 200);
    assert_true(ONLY("20,"));
    assert_int_equal(request("GET", "/v1/audit?by=*", NULL), 200);
    assert_true(ONLY("20,", "10,"));
    assert_int_equal(request("GET", "/v1/audit?device=d1", NULL), 200);
    assert_true(ONLY("30,", "10,"));
    assert_int_equal(request("GET", "/v1/audit?type=command.queued,revoked", NULL), 200);
    assert_true(ONLY("20,"));
    snprintf(target, sizeof(target), "/v1/audit?from=%llu", (unsigned long long)between_ms);
    assert_int_equal(request("GET", target, NULL), 200);
    assert_true(ONLY("30,", "20,"));
    snprintf(target, sizeof(target), "/v1/audit?to=%llu", (unsigned long long)between_ms);
    assert_int_equal(request("GET", target, NULL), 200);
    assert_true(ONLY("10,"));
}

static void pages_meet_without_a_seam(void **state)
{
    (void)state;
    for (uint64_t offset = 1; offset <= 5; offset++)
        did(offset % 2 ? &revoke : &command, offset);
    assert_int_equal(request("GET", "/v1/audit?limit=2", NULL), 200);
    assert_true(ONLY("5,", "4,"));
    assert_true(answer_has("],\"next_cursor\":\"3\"}"));
    did(&fault, 6); /* what comes meanwhile moves nothing */
    assert_int_equal(request("GET", "/v1/audit?limit=2&cursor=3", NULL), 200);
    assert_true(ONLY("3,", "2,"));
    assert_true(answer_has("],\"next_cursor\":\"1\"}"));
    assert_int_equal(request("GET", "/v1/audit?limit=2&cursor=1", NULL), 200);
    assert_true(ONLY("1,"));
    assert_false(answer_has("next_cursor"));
}

/* A filter that fits nothing looks at so many rows and no more; the cursor goes on. */
static void one_request_looks_at_a_bounded_number_of_rows(void **state)
{
    static const struct hf_event *const kinds[] = {&revoke, &command, &fault};
    const uint64_t all = HF_API_SCAN_ROWS_MAX + 10;

    (void)state;
    for (uint64_t offset = 1; offset <= all; offset++)
        did(kinds[offset % HF_COUNT_OF(kinds)], offset);
    assert_int_equal(request("GET", "/v1/audit?device=nobody", NULL), 200);
    assert_true(answer_has("{\"entries\":[],\"next_cursor\":\"10\"}"));
    assert_int_equal(request("GET", "/v1/audit?device=nobody&cursor=10", NULL), 200);
    assert_true(answer_has("{\"entries\":[]}"));
}

static void wrong_requests_say_what_is_wrong(void **state)
{
    static const struct {
        const char *target, *field;
    } rows[] = {
        {"/v1/audit?by=no/key", "\"field\":\"by\""},
        {"/v1/audit?device=a/b", "\"field\":\"device\""},
        {"/v1/audit?type=nonsense", "\"field\":\"type\""},
        {"/v1/audit?from=soon", "\"field\":\"from\""},
        {"/v1/audit?to=0", "\"field\":\"to\""},
        {"/v1/audit?limit=0", "\"field\":\"limit\""},
        {"/v1/audit?cursor=x", "\"field\":\"cursor\""},
        {"/v1/audit?wo=d", "\"field\":\"wo\""},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request("GET", rows[i].target, NULL), 400);
        assert_true(answer_has(rows[i].field));
    }
}

static void a_tenant_sees_its_own(void **state)
{
    struct hf_event other = revoke, node = fault;

    (void)state;
    did(&revoke, 1);
    other.tenant = HF_SLICE("other");
    did(&other, 2);
    node.tenant = (struct hf_slice){NULL, 0};
    did(&node, 3);
    assert_int_equal(request("GET", "/v1/audit", NULL), 200);
    assert_true(ONLY("1,"));
    assert_int_equal(request("GET", "/v1/audit?tenant=other", NULL), 403);
    const char *global = "Authorization: Bearer " GLOBAL_KEY "\r\n";
    assert_int_equal(request_with("GET", "/v1/audit?tenant=other", global, NULL), 200);
    assert_true(ONLY("2,"));
    assert_int_equal(request_with("GET", "/v1/audit", global, NULL), 200);
    assert_true(ONLY("3,")); /* what belongs to none */
    g.keys[1].scopes = HF_SCOPE_DEVICES_READ;
    assert_int_equal(request_with("GET", "/v1/audit", "Authorization: Bearer " READ_KEY "\r\n", NULL), 403);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)
    const struct CMUnitTest tests[] = {
        T(what_was_done_is_listed_the_newest_first),
        T(every_type_can_be_listed),
        T(it_is_filtered),
        T(pages_meet_without_a_seam),
        T(one_request_looks_at_a_bounded_number_of_rows),
        T(wrong_requests_say_what_is_wrong),
        T(a_tenant_sees_its_own),
    };

    return cmocka_run_group_tests_name("api_audit", tests, NULL, NULL);
}
