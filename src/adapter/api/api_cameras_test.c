/* The camera routes that read: cameras, their channels in pages and as a tree. */
#include "adapter/api/gateway_testkit.h"
#include "core/channels.h"

#define RECORDER "34020000001180000001"

static void camera(const char *device, enum hf_event_type type, uint64_t epoch)
{
    struct hf_event event = {.type = (uint8_t)type,
                             .reason = HF_REASON_CONNECTED,
                             .epoch = epoch,
                             .conn = 7,
                             .to = g.backend.boot,
                             .tenant = HF_SLICE("acme"),
                             .device = hf_slice_of(device),
                             .topic = HF_SLICE("gb28181")};

    gateway_apply(&event);
}

static void channels(const char *step, uint64_t to, const char *payload)
{
    struct hf_event event = {.type = HF_EVENT_CHANNELS,
                             .format = HF_FORMAT_JSON,
                             .seq = 7,
                             .to = to,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE(RECORDER),
                             .key = hf_slice_of(step),
                             .payload = hf_slice_of(payload)};

    gateway_apply(&event);
}

static void list_of_four(void)
{
    camera(RECORDER, HF_EVENT_ONLINE, 1);
    channels("part", 0,
             "[{\"device_id\":\"34020000002150000001\",\"name\":\"City\",\"parent_id\":\"" RECORDER "\"},"
             "{\"device_id\":\"34020000001310000001\",\"name\":\"Gate "
             "A\",\"parent_id\":\"34020000002150000001/9\",\"status\":\"ON\","
             "\"manufacturer\":\"ACME\",\"info\":{\"ptz_type\":1}},"
             "{\"device_id\":\"34020000001310000002\",\"name\":\"Gate "
             "B\",\"parent_id\":\"9/34020000002150000001\",\"status\":\"OFF\"},"
             "{\"device_id\":\"34020000001310000003\",\"name\":\"Hall\"}]");
    channels("commit", 4, "{}");
}

static void cameras_are_devices_of_one_protocol(void **state)
{
    (void)state;
    gateway_online("acme", "bike-1", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    list_of_four();
    camera("34020000001320000001", HF_EVENT_OFFLINE, 1);
    assert_int_equal(request("GET", "/v1/cameras", NULL), 200);
    assert_true(answer_has("\"cameras\":[{\"device\":\"" RECORDER "\",\"state\":\"online\""));
    assert_true(answer_has("\"channels\":4,\"channels_complete\":"));
    assert_true(answer_has("\"device\":\"34020000001320000001\",\"state\":\"offline\""));
    assert_false(answer_has("bike-1"));
    assert_int_equal(request("GET", "/v1/cameras?state=offline&limit=1", NULL), 200);
    assert_false(answer_has(RECORDER));
    assert_int_equal(request("GET", "/v1/cameras?state=up", NULL), 400);
    assert_true(answer_has("\"field\":\"state\""));
    assert_int_equal(request("GET", "/v1/devices?protocol=raw", NULL), 200);
    assert_true(answer_has("bike-1"));
    assert_int_equal(request_with("GET", "/v1/cameras", "Authorization: Bearer " READ_KEY "\r\n", NULL), 200);
}

static void one_camera(void **state)
{
    (void)state;
    list_of_four();
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER, NULL), 200);
    assert_true(answer_has("\"protocol\":\"gb28181\""));
    assert_true(answer_has("\"channels\":4"));
    assert_int_equal(request("GET", "/v1/cameras/34020000001180000009", NULL), 404);
    gateway_online("acme", "bike-1", HF_EVENT_ONLINE, HF_REASON_CONNECTED, 1);
    assert_int_equal(request("GET", "/v1/cameras/bike-1", NULL), 404);
    assert_int_equal(request("GET", "/v1/cameras/bike-1/channels", NULL), 404);
    assert_int_equal(request("GET", "/v1/cameras/a%20b", NULL), 400);
}

static void channels_by_what_is_asked(void **state)
{
    static const struct {
        const char *query, *want, *not ;
    } rows[] = {
        {"", "\"count\":4,\"complete\":true", NULL},
        {"",
         "\"channel\":\"34020000001310000001\",\"name\":\"Gate "
         "A\",\"kind\":\"channel\",\"type\":\"camera\",\"state\":\"online\","
         "\"status\":\"ON\"",
         NULL},
        {"", "\"manufacturer\":\"ACME\",\"info\":{\"ptz_type\":1}", "next_cursor"},
        {"?status=off", "Gate B", "Gate A"},
        {"?state=online", "Hall", "Gate B"}, /* nothing said means ON */
        {"?state=offline", "Gate B", "Hall"},
        {"?parent=34020000002150000001", "Gate B", "Hall"}, /* whichever of its parents */
        {"?parent=9", "Gate A", "City"},
        {"?parent=34020000001180000001", "City", "Gate"},
        {"?name=Gate", "Gate B", "Hall"},
        {"?name=ate", "\"channels\":[]", "Gate"},
        {"?limit=2", "next_cursor", "Hall"},
    };
    char target[256];

    (void)state;
    list_of_four();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), "/v1/cameras/" RECORDER "/channels%s", rows[i].query);
        assert_int_equal(request("GET", target, NULL), 200);
        if (!answer_has(rows[i].want) || (rows[i].not != NULL && answer_has(rows[i].not )))
            fail_msg("%s: %s", rows[i].query, g.link.out);
    }
}

static void channels_come_in_pages(void **state)
{
    char target[256];
    unsigned pages = 0, seen = 0;

    (void)state;
    list_of_four();
    (void)snprintf(target, sizeof(target), "/v1/cameras/" RECORDER "/channels?limit=1");
    for (;;) {
        assert_int_equal(request("GET", target, NULL), 200);
        pages++;
        for (const char *at = g.link.out; (at = strstr(at, "\"channel\":")) != NULL; at++)
            seen++;
        const char *cursor = strstr(g.link.out, "\"next_cursor\":\"");
        if (cursor == NULL)
            break;
        cursor += 15;
        (void)snprintf(target, sizeof(target), "/v1/cameras/" RECORDER "/channels?limit=1&cursor=%.*s",
                       (int)strcspn(cursor, "\""), cursor);
    }
    assert_int_equal(seen, 4);
    assert_int_equal(pages, 5);
}

static void when_the_device_is_away_so_are_its_channels(void **state)
{
    (void)state;
    list_of_four();
    camera(RECORDER, HF_EVENT_UNKNOWN, 1);
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels/34020000001310000001", NULL), 200);
    assert_true(answer_has("\"state\":\"unknown\",\"status\":\"ON\""));
    camera(RECORDER, HF_EVENT_OFFLINE, 1);
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels?state=online", NULL), 200);
    assert_true(answer_has("\"channels\":[]"));
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels/34020000001310000001", NULL), 200);
    assert_true(answer_has("\"state\":\"offline\",\"status\":\"ON\""));
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels/34020000001310000009", NULL), 404);
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels/a%20b", NULL), 400);
    assert_true(answer_has("\"field\":\"channel\""));
}

static void wrong_queries_are_named(void **state)
{
    static const char *const rows[][2] = {
        {"?status=UP", "\"field\":\"status\""},
        {"?state=up", "\"field\":\"state\""},
        {"?limit=0", "\"field\":\"limit\""},
        {"?cursor=%21", "\"field\":\"cursor\""},
        {"?tree=maybe", "\"field\":\"tree\""},
        {"?tree=true&name=a", "\"field\":\"tree\""},
        {"?parent=000000000000000000000000000000000000", "\"field\":\"parent\""},
    };
    char target[256];

    (void)state;
    list_of_four();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), "/v1/cameras/" RECORDER "/channels%s", rows[i][0]);
        if (request("GET", target, NULL) != 400 || !answer_has(rows[i][1]))
            fail_msg("%s: %s", rows[i][0], g.link.out);
    }
}

/* ---- the tree ---- */

static const char *tree(const char *items, unsigned count)
{
    static char payload[65536];

    camera(RECORDER, HF_EVENT_ONLINE, 1);
    (void)snprintf(payload, sizeof(payload), "[%s]", items);
    channels("part", 0, payload);
    channels("commit", count, "{}");
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/channels?tree=true", NULL), 200);
    /* Only ids and brackets. */
    static char shape[65536];
    size_t bytes = 0;
    for (const char *at = strstr(g.link.out, "\"tree\":"); at != NULL && *at != '\0'; at++) {
        if (strncmp(at, "\"channel\":\"", 11) == 0)
            for (at += 11; *at != '"'; at++)
                shape[bytes++] = *at;
        else if (*at == '[' || *at == ']')
            shape[bytes++] = *at;
        else if (*at == '{' && bytes > 0 && shape[bytes - 1] != '[')
            shape[bytes++] = ' ';
    }
    shape[bytes] = '\0';
    return shape;
}

static void what_hangs_where(void **state)
{
    static const struct {
        const char *items;
        unsigned count;
        const char *want;
    } rows[] = {
        {"", 0, "[]"},
        {"{\"device_id\":\"1\"},{\"device_id\":\"2\",\"parent_id\":\"1\"},{\"device_id\":\"3\",\"parent_id\":"
         "\"2\"}",
         3, "[1[2[3]]]"},
        {"{\"device_id\":\"1\",\"parent_id\":\"2\"},{\"device_id\":\"2\",\"parent_id\":\"" RECORDER "\"}", 2,
         "[2[1]]"},
        {"{\"device_id\":\"1\"},{\"device_id\":\"2\",\"parent_id\":\"9/1\"}", 2,
         "[1[2]]"},                                              /* its last part */
        {"{\"device_id\":\"1\",\"parent_id\":\"1\"}", 1, "[1]"}, /* in itself */
        {"{\"device_id\":\"1\",\"parent_id\":\"2\"},{\"device_id\":\"2\",\"parent_id\":\"1\"}", 2,
         "[1[2]]"}, /* in a circle */
        {"{\"device_id\":\"1\"},{\"device_id\":\"2\",\"business_group_id\":\"1\"}", 2, "[1[2]]"},
        {"{\"device_id\":\"34\"},{\"device_id\":\"5\",\"civil_code\":\"34\",\"parent_id\":\"77\"}", 2,
         "[34[5]]"},
        {"{\"device_id\":\"34\"},{\"device_id\":\"5\",\"civil_code\":\"34\",\"parent_id\":\"" RECORDER "\"}",
         2, "[34 5]"},
        {"{\"device_id\":\"5\",\"civil_code\":\"99\"},{\"device_id\":\"6\"}", 2, "[5 6]"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const char *got = tree(rows[i].items, rows[i].count);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
    }
}

static void a_deep_tree_is_cut(void **state)
{
    static char items[16384];
    size_t bytes = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        bytes += (size_t)snprintf(items + bytes, sizeof(items) - bytes,
                                  "%s{\"device_id\":\"%u\",\"parent_id\":\"%u\"}", i ? "," : "", 100 + i,
                                  i ? 99 + i : 1);
    const char *shape = tree(items, 100);
    unsigned depth = 0, deepest = 0, ids = 0;
    for (const char *at = shape; *at != '\0'; at++) {
        depth += *at == '[';
        depth -= *at == ']';
        deepest = HF_MAX(deepest, depth);
        ids += *at != '[' && *at != ']' && *at != ' ';
    }
    assert_in_range(deepest, 2, 12 + 1);
    assert_int_equal(ids, 300); /* nobody is lost */
}

static void platforms(struct hf_backend *backend, struct hf_slice tenant, struct hf_json_out *out)
{
    assert_ptr_equal(backend, &g.backend);
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "tenant", tenant);
    hf_json_out_end(out);
}

static void platforms_above(void **state)
{
    struct hf_backend_ops ops = *g.backend.ops;

    (void)state;
    assert_int_equal(request("GET", "/v1/upstreams", NULL), 200);
    assert_true(answer_has("{\"upstreams\":[]}"));
    ops.upstreams = platforms;
    g.backend.ops = &ops;
    assert_int_equal(request("GET", "/v1/upstreams", NULL), 200);
    assert_true(answer_has("{\"upstreams\":[{\"tenant\":\"acme\"}]}"));
    assert_int_equal(request("POST", "/v1/upstreams", "{}"), 405);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cameras_are_devices_of_one_protocol, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(one_camera, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(channels_by_what_is_asked, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(channels_come_in_pages, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(when_the_device_is_away_so_are_its_channels, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(wrong_queries_are_named, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(what_hangs_where, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_deep_tree_is_cut, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(platforms_above, gateway_setup, gateway_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
