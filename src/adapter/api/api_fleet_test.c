/* Devices by what their shadows say, over HTTP: real rows behind the requests. */
#include "adapter/api/gateway_testkit.h"
#include "core/fleet/fleet.h"
#include "core/fleet/push_rows.h"

static void shadow(const char *device, const char *json)
{
    struct hf_event event = {.type = HF_EVENT_SHADOW,
                             .seq = g.offset + 1,
                             .from = 1,
                             .tenant = HF_SLICE("acme"),
                             .device = hf_slice_of(device),
                             .payload = hf_slice_of(json)};

    gateway_apply(&event);
}

static void index_firmware(void)
{
    const struct hf_fleet_paths paths = {.count = 2,
                                         .at = {HF_SLICE("reported.firmware"), HF_SLICE("reported.n")}};
    struct hf_fleet_reindex reindex = {0};
    struct hf_kv_txn *txn;
    bool more = true;

    while (more) {
        assert_int_equal(hf_kv_write(g.backend.kv, &txn), HF_OK);
        assert_int_equal(hf_fleet_reindex(txn, HF_SLICE("acme"), &paths, &reindex, &more), HF_OK);
        assert_int_equal(hf_kv_commit(txn, g.offset), HF_OK);
    }
}

static void a_fleet(void)
{
    gateway_online("acme", "a", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_online("acme", "b", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_online("acme", "c", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_online("acme", "c", HF_EVENT_OFFLINE, HF_REASON_HEARTBEAT_TIMEOUT, 1);
    gateway_online("acme", "d", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    gateway_online("other", "e", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    shadow("a",
           "{\"tags\":{\"site\":\"berlin\",\"groups\":[\"vans\"]},\"reported\":{\"firmware\":\"1.2.0\"}}");
    shadow("b", "{\"tags\":{\"site\":\"bern\",\"groups\":[\"vans\",\"test\"]},\"reported\":{\"firmware\":\"1."
                "2.1\"}}");
    shadow("c",
           "{\"tags\":{\"site\":\"berlin\",\"groups\":[\"vans\"]},\"reported\":{\"firmware\":\"1.3.0\"}}");
    index_firmware();
}

/* "a b": the devices of the answer. */
static const char *found(void)
{
    static char names[256];
    const char *at = g.link.out;
    struct hf_sb sb;

    hf_sb_init(&sb, names, sizeof(names));
    while ((at = strstr(at, "{\"device\":\"")) != NULL) {
        at += strlen("{\"device\":\"");
        if (sb.bytes > 0)
            hf_sb_char(&sb, ' ');
        hf_sb_slice(&sb, (struct hf_slice){at, strcspn(at, "\"")});
    }
    return names;
}

static void filters_hold_together(void **state)
{
    static const struct {
        const char *query, *want;
    } rows[] = {
        {"filter=tags.site=berlin", "a c"},
        {"filter=tags.site%3Dberlin", "a c"},
        {"filter=tags.site=ber*", "a b c"},
        {"filter=tags.site=berlin&state=online", "a"},
        {"filter=tags.site=berlin&state=offline", "c"},
        {"filter=tags.site=berlin&reason=heartbeat_timeout", "c"},
        {"filter=tags.site=berlin&protocol=none", ""},
        {"filter=tags.site=berlin&prefix=c", "c"},
        {"filter=tags.site=ber*&contains=b", "b"},
        {"filter=tags.site=berlin,reported.firmware=1.2.0", "a"},
        {"filter=reported.firmware%3E=1.2.1", "b c"},
        {"group=vans", "a b c"},
        {"group=test", "b"},
        {"group=vans&filter=reported.firmware=1.2.*", "a b"},
        {"group=none", ""},
    };
    char target[256];

    (void)state;
    a_fleet();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), "/v1/devices?%s", rows[i].query);
        assert_int_equal(request("GET", target, NULL), 200);
        if (strcmp(found(), rows[i].want) != 0)
            fail_msg("%s finds '%s', not '%s'", rows[i].query, found(), rows[i].want);
        assert_false(answer_has("next_cursor"));
    }
}

static void pages_go_on_where_they_stopped(void **state)
{
    char target[256], cursor[64], all[64] = "";
    unsigned pages = 0;

    (void)state;
    a_fleet();
    (void)snprintf(target, sizeof(target), "/v1/devices?group=vans&limit=1");
    for (;; pages++) {
        assert_int_equal(request("GET", target, NULL), 200);
        strcat(all, found());
        const char *at = strstr(g.link.out, "\"next_cursor\":\"");
        if (at == NULL)
            break;
        at += strlen("\"next_cursor\":\"");
        (void)snprintf(cursor, sizeof(cursor), "%.*s", (int)strcspn(at, "\""), at);
        (void)snprintf(target, sizeof(target), "/v1/devices?group=vans&limit=1&cursor=%s", cursor);
    }
    assert_string_equal(all, "abc");
    assert_int_equal(pages, 3);
}

static void wrong_filters_say_what_is_wrong(void **state)
{
    static const struct {
        const char *query, *field, *want;
    } rows[] = {
        {"filter=reported.speed=1", "filter",
         "reported.speed is not indexed; indexed are all tags (tags.NAME), reported.firmware, reported.n."},
        {"filter=site=1", "filter", "site is not indexed"},
        {"filter=", "filter", "begins with a path"},
        {"filter=tags.a", "filter", "one of = < <= > >="},
        {"filter=tags.a=1&filter=tags.b=1", "filter", "there twice"},
        {"group=a%20b", "group", "a group is 1 to 120"},
        {"group=", "group", "a group is 1 to 120"},
    };
    char target[256], field[64];

    (void)state;
    a_fleet();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), "/v1/devices?%s", rows[i].query);
        (void)snprintf(field, sizeof(field), "\"field\":\"%s\"", rows[i].field);
        assert_int_equal(request("GET", target, NULL), 400);
        if (!answer_has(field) || !answer_has(rows[i].want))
            fail_msg("%s: %s", rows[i].query, g.link.out);
    }
}

/* One request looks at so many rows at most, and says where the next one goes on. */
static void a_page_may_end_before_it_is_full(void **state)
{
    char device[16];

    (void)state;
    index_firmware();
    for (unsigned i = 0; i < HF_API_SCAN_ROWS_MAX + 1; i++) {
        (void)snprintf(device, sizeof(device), "d%06u", i);
        shadow(device, i == HF_API_SCAN_ROWS_MAX ? "{\"reported\":{\"n\":7}}" : "{\"reported\":{\"n\":1}}");
    }
    gateway_online("acme", "d010000", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    assert_int_equal(request("GET", "/v1/devices?filter=reported.n%3E5", NULL), 200);
    assert_true(answer_has("{\"devices\":[],\"next_cursor\":\"ZDAwOTk5OQ\"}")); /* d009999 */
    assert_int_equal(request("GET", "/v1/devices?filter=reported.n%3E5&cursor=ZDAwOTk5OQ", NULL), 200);
    assert_string_equal(found(), "d010000");
    assert_int_equal(request("GET", "/v1/devices?filter=reported.n=7", NULL), 200); /* by the index */
    assert_string_equal(found(), "d010000");
    assert_false(answer_has("next_cursor"));
}

static void groups_are_listed_with_their_members(void **state)
{
    static const struct {
        const char *target, *want;
    } rows[] = {
        {"/v1/groups",
         "{\"groups\":[{\"group\":\"test\",\"members\":1},{\"group\":\"vans\",\"members\":3}]}"},
        {"/v1/groups?prefix=v", "{\"groups\":[{\"group\":\"vans\",\"members\":3}]}"},
        {"/v1/groups?prefix=none", "{\"groups\":[]}"},
        {"/v1/groups?limit=1",
         "{\"groups\":[{\"group\":\"test\",\"members\":1}],\"next_cursor\":\"dGVzdA\"}"},
        {"/v1/groups?limit=2&cursor=dGVzdA", "{\"groups\":[{\"group\":\"vans\",\"members\":3}]}"},
    };
    static const char *const wrong[] = {"/v1/groups?limit=0", "/v1/groups?cursor=IQ",
                                        "/v1/groups?prefix=a&prefix=b"};
    struct hf_event other = {.type = HF_EVENT_SHADOW,
                             .seq = 1,
                             .from = 1,
                             .tenant = HF_SLICE("other"),
                             .device = HF_SLICE("e"),
                             .payload = HF_SLICE("{\"tags\":{\"groups\":[\"theirs\",\"vans\"]}}")};

    (void)state;
    a_fleet();
    gateway_apply(&other);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request("GET", rows[i].target, NULL), 200);
        if (!answer_has(rows[i].want))
            fail_msg("%s: %s", rows[i].target, g.link.out);
    }
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(request("GET", wrong[i], NULL), 400);
}

/* Half a list without a cursor would look like a whole one. */
static void a_list_that_cannot_be_read_is_no_list(void **state)
{
    struct hf_kv_txn *txn;

    (void)state;
    a_fleet();
    assert_int_equal(hf_kv_write(g.backend.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_FLEET, (struct hf_slice){"acme\0gvans", 10}, HF_SLICE("3")), HF_OK);
    assert_int_equal(hf_kv_commit(txn, g.offset), HF_OK);
    assert_int_equal(request("GET", "/v1/groups", NULL), 500);
    assert_true(answer_has("\"reason\":\"log_damaged\""));
    assert_int_equal(request("GET", "/v1/groups?limit=1", NULL), 200); /* up to it all is well */
}

#define MERGE "Content-Type: application/merge-patch+json\r\n"

static void a_push_is_one_record_that_can_be_looked_up(void **state)
{
    char target[160], *at;

    (void)state;
    a_fleet();
    assert_int_equal(request_with("POST", "/v1/groups/vans/shadow", MERGE, "{\"desired\":{\"n\":1}}"), 202);
    assert_string_equal(g.last_text, "acme||vans|key/adminadmin01|{\"desired\":{\"n\":1}}");
    assert_int_equal(g.last.event_type, HF_EVENT_PUSH);
    at = strstr(g.link.out, "Location: /v1/groups/vans/shadow/pushes/");
    assert_non_null(at);
    at += strlen("Location: ");
    (void)snprintf(target, sizeof(target), "%.*s", (int)strcspn(at, "\r"), at);
    struct hf_event refused = {.type = HF_EVENT_PUSH_MEMBER,
                               .reason = HF_REASON_MESSAGE_TOO_BIG,
                               .tenant = HF_SLICE("acme"),
                               .device = HF_SLICE("b")};
    memcpy(refused.id, g.last.id, sizeof(refused.id));
    gateway_apply(&refused);
    assert_int_equal(request("GET", target, NULL), 200);
    assert_true(answer_has("\"state\":\"running\""));
    assert_true(answer_has(
        "\"members\":1,\"stored\":0,\"unchanged\":0,\"delivered\":0,\"applied\":0,\"superseded\":0,"
        "\"refused\":{\"message_too_big\":1},\"change\":{\"desired\":{\"n\":1}}}"));
    assert_int_equal(request("GET", "/v1/groups/vans/shadow/pushes", NULL), 200);
    assert_true(answer_has("{\"pushes\":[{\"id\":\""));
    assert_false(answer_has("\"change\""));
    assert_int_equal(request("GET", "/v1/groups/others/shadow/pushes", NULL), 200);
    assert_true(answer_has("{\"pushes\":[]}"));
    assert_int_equal(request("GET", "/v1/groups/vans/shadow/pushes?cursor=YWJj", NULL), 400);
    assert_true(answer_has("\"field\":\"cursor\""));
}

static void pushes_that_wait_have_a_bound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_PUSHES_WAITING_MAX; i++) {
        struct hf_event push = {.type = HF_EVENT_PUSH,
                                .tenant = HF_SLICE("other"),
                                .topic = HF_SLICE("vans"),
                                .id = {1, 2, 3, 4, 5, 6, 7, 8, (uint8_t)i},
                                .payload = HF_SLICE("{\"desired\":{}}")};

        gateway_apply(&push);
    }
    assert_int_equal(request_with("POST", "/v1/groups/vans/shadow", MERGE, "{\"desired\":{\"n\":1}}"), 503);
    assert_true(answer_has("\"limit\":100"));
    assert_int_equal(request_with("POST", "/v1/groups/vans/shadow", MERGE "Idempotency-Key: a\r\n",
                                  "{\"desired\":{\"n\":1}}"),
                     400);
    assert_true(answer_has("\"field\":\"Idempotency-Key\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(filters_hold_together, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(pages_go_on_where_they_stopped, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(wrong_filters_say_what_is_wrong, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(groups_are_listed_with_their_members, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_list_that_cannot_be_read_is_no_list, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_page_may_end_before_it_is_full, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_push_is_one_record_that_can_be_looked_up, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(pushes_that_wait_have_a_bound, gateway_setup, gateway_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
