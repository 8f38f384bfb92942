/* Channels in the tables: whole lists, single rows, bounds, replays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/manscdp/fields.h"
#include "core/channels.h"
#include "core/projection.h"
#include "store/memory/kv_memory.h"

#define T0     UINT64_C(1700000000000)
#define DEVICE HF_SLICE("34020000001180000001")

static struct hf_kv *kv;
static uint64_t offset;

static int setup(void **state)
{
    (void)state;
    offset = 0;
    return hf_kv_memory_open(&kv) == HF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hf_kv_close(kv);
    return 0;
}

static void apply_at(uint64_t at, const char *step, uint64_t list, uint64_t from, uint64_t to,
                     const char *payload)
{
    struct hf_event event = {.type = HF_EVENT_CHANNELS,
                             .format = HF_FORMAT_JSON,
                             .offset = at,
                             .time_ms = T0 + at,
                             .seq = list,
                             .from = from,
                             .to = to,
                             .tenant = HF_SLICE("acme"),
                             .device = DEVICE,
                             .key = hf_slice_of(step),
                             .payload = hf_slice_of(payload)};
    struct hf_kv_txn *txn;

    assert_true(hf_projection_wants(&event));
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
    assert_int_equal(hf_kv_commit(txn, HF_MAX(hf_kv_applied_offset(kv), at)), HF_OK);
}

static void apply(const char *step, uint64_t list, uint64_t from, uint64_t to, const char *payload)
{
    apply_at(++offset, step, list, from, to, payload);
}

/* "id name status" of each channel, and how many rows there are at all. */
static const char *shown(void)
{
    static char text[4096];
    struct hf_catalog_row catalog;
    struct hf_channel_row row;
    struct hf_channel_key prefix;
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    struct hf_slice id, none = {NULL, 0};
    struct hf_sb sb;
    unsigned count = 0;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_catalog_get(txn, HF_SLICE("acme"), DEVICE, &catalog), HF_OK);
    assert_int_equal(hf_channel_key(&prefix, HF_SLICE("acme"), DEVICE, catalog.generation, none), HF_OK);
    assert_int_equal(hf_channels_scan(txn, &prefix, none, &cursor), HF_OK);
    while (hf_channels_next(&cursor, &prefix, &id, &row) == HF_OK) {
        hf_sb_printf(&sb, "%.*s %.*s %s,", (int)id.bytes, id.at, (int)row.name.bytes,
                     row.name.at ? row.name.at : "", hf_channel_status_name((unsigned)row.status));
        count++;
    }
    hf_kv_end(txn);
    assert_int_equal(catalog.count, count);
    return hf_sb_done(&sb).bytes ? text : "";
}

static struct hf_catalog_row catalog(void)
{
    struct hf_catalog_row row;
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_catalog_get(txn, HF_SLICE("acme"), DEVICE, &row), HF_OK);
    hf_kv_end(txn);
    return row;
}

static unsigned rows(void)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    unsigned count = 0;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_scan(txn, HF_KV_CHANNELS, none, none, false, &cursor), HF_OK);
    while (hf_kv_next(&cursor, &key, &value) == HF_OK)
        count++;
    hf_kv_end(txn);
    return count;
}

#define ITEM(id, name, status) "{\"device_id\":\"" id "\",\"name\":\"" name "\",\"status\":\"" status "\"}"

static void a_list_is_there_as_a_whole_or_not_at_all(void **state)
{
    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "," ITEM("2", "b", "OFF") "]");
    assert_string_equal(shown(), "");
    apply("part", 7, 2, 0, "[" ITEM("3", "c", "on") "]");
    assert_string_equal(shown(), "");
    apply("commit", 7, 0, 3, "{\"digest\":\"00ff\"}");
    assert_string_equal(shown(), "1 a ON,2 b OFF,3 c ON,");
    assert_int_equal(catalog().complete_ms, T0 + 3);
    /* The next list: what is not in it is gone, at the commit and not before. */
    apply("part", 8, 0, 0, "[" ITEM("2", "b2", "ON") "]");
    apply("part", 8, 1, 0, "[" ITEM("4", "d", "ON") "]");
    assert_string_equal(shown(), "1 a ON,2 b OFF,3 c ON,");
    apply("commit", 8, 0, 2, "{}");
    assert_string_equal(shown(), "2 b2 ON,4 d ON,");
    assert_int_equal(rows(), 2);    /* nothing is left behind */
    apply("commit", 9, 0, 0, "{}"); /* of nothing */
    assert_string_equal(shown(), "");
    assert_int_equal(rows(), 0);
}

static void a_list_without_all_its_parts_is_none(void **state)
{
    static const struct {
        const char *steps[4];
        uint64_t from[4], to[4], list[4];
    } bad[] = {
        {{"part", "commit"}, {0, 0}, {0, 2}, {8, 8}},                  /* one is missing */
        {{"part", "part", "commit"}, {0, 1, 0}, {0, 0, 2}, {8, 9, 8}}, /* of another list */
        {{"part", "commit"}, {1, 0}, {0, 1}, {8, 8}},                  /* the first is missing */
        {{"part", "commit"}, {0, 0}, {0, 1}, {8, 9}},                  /* the commit of another */
        {{"commit"}, {0}, {1}, {8}},
    };

    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "]");
    apply("commit", 7, 0, 1, "{\"digest\":\"1\"}");
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++) {
        for (size_t j = 0; j < 4 && bad[i].steps[j] != NULL; j++)
            apply(bad[i].steps[j], bad[i].list[j], bad[i].from[j], bad[i].to[j],
                  strcmp(bad[i].steps[j], "part") == 0
                      ? j == 0 ? "[" ITEM("2", "x", "ON") "]" : "[" ITEM("3", "x", "ON") "]"
                      : "{\"digest\":\"2\"}");
        assert_string_equal(shown(), "1 a ON,");
        assert_int_equal(rows(), 1);
        assert_true(hf_slice_is(catalog().digest, "1"));
    }
    /* One that was broken off stays staged until the next begins. */
    apply("part", 10, 0, 0, "[" ITEM("2", "x", "ON") "]");
    assert_int_equal(rows(), 2);
    apply("part", 11, 0, 0, "[" ITEM("5", "y", "ON") "]");
    assert_int_equal(rows(), 2);
    apply("commit", 11, 0, 1, "{}");
    assert_string_equal(shown(), "5 y ON,");
}

static void single_rows_change(void **state)
{
    static const struct {
        const char *item, *want;
    } steps[] = {
        {"{\"device_id\":\"1\",\"event\":\"OFF\"}", "1 a OFF,2 b ON,"},
        {"{\"device_id\":\"1\",\"event\":\"vlost\"}", "1 a VLOST,2 b ON,"},
        {"{\"device_id\":\"2\",\"event\":\"DEFECT\",\"name\":\"no\"}", "1 a VLOST,2 b DEFECT,"},
        {"{\"device_id\":\"1\",\"event\":\"ON\"}", "1 a ON,2 b DEFECT,"},
        {"{\"device_id\":\"3\",\"event\":\"ADD\",\"name\":\"c\",\"status\":\"OFF\"}",
         "1 a ON,2 b DEFECT,3 c OFF,"},
        {"{\"device_id\":\"3\",\"event\":\"UPDATE\",\"name\":\"c2\"}", "1 a ON,2 b DEFECT,3 c2 OFF,"},
        {"{\"device_id\":\"3\",\"model\":\"M\"}", "1 a ON,2 b DEFECT,3 c2 OFF,"},
        {"{\"device_id\":\"2\",\"event\":\"DEL\"}", "1 a ON,3 c2 OFF,"},
        {"{\"device_id\":\"2\",\"event\":\"DEL\"}", "1 a ON,3 c2 OFF,"},
        {"{\"device_id\":\"4\",\"event\":\"OFF\"}", "1 a ON,3 c2 OFF,4  OFF,"}, /* told before the list */
        {"{\"name\":\"nobody\"}", "1 a ON,3 c2 OFF,4  OFF,"},
        {"{\"device_id\":\"a/b\",\"event\":\"ADD\"}", "1 a ON,3 c2 OFF,4  OFF,"},
    };
    char payload[256];

    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "," ITEM("2", "b", "ON") "]");
    apply("commit", 7, 0, 2, "{\"digest\":\"1\"}");
    for (size_t i = 0; i < HF_COUNT_OF(steps); i++) {
        (void)snprintf(payload, sizeof(payload), "[%s]", steps[i].item);
        apply("change", 0, 0, 0, payload);
        assert_string_equal(shown(), steps[i].want);
        assert_int_equal(catalog().digest.bytes, 0);
    }
}

static void what_says_nothing_new_costs_no_rows(void **state)
{
    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "]");
    apply("commit", 7, 0, 1, "{\"digest\":\"abc\"}");
    apply("same", 0, 0, 0, "{\"digest\":\"abd\"}");
    assert_int_equal(catalog().complete_ms, T0 + 2);
    apply("same", 0, 0, 0, "{\"digest\":\"abc\"}");
    assert_int_equal(catalog().complete_ms, T0 + 4);
    assert_string_equal(shown(), "1 a ON,");
}

static void since_when_survives_a_list(void **state)
{
    struct hf_channel_row row;
    struct hf_kv_txn *txn;

    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "]");
    apply("commit", 7, 0, 1, "{}");
    apply("part", 8, 0, 0, "[" ITEM("1", "a", "ON") "," ITEM("2", "b", "ON") "]");
    apply("commit", 8, 0, 2, "{}");
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_channel_get(txn, HF_SLICE("acme"), DEVICE, catalog().generation, HF_SLICE("1"), &row),
                     HF_OK);
    assert_int_equal(row.changed_ms, T0 + 1);
    assert_int_equal(hf_channel_get(txn, HF_SLICE("acme"), DEVICE, catalog().generation, HF_SLICE("2"), &row),
                     HF_OK);
    assert_int_equal(row.changed_ms, T0 + 3);
    hf_kv_end(txn);
}

static void everything_said_is_kept_but_its_names_are_not(void **state)
{
    static const char item[] = "{\"device_id\":\"1\",\"event\":\"ADD\",\"name\":\"a "
                               "\\\"gate\\\"\",\"manufacturer\":\"ACME\",\"parent_id\":\"9/8\","
                               "\"port\":5060,\"info\":{\"ptz_type\":1,\"resolution\":\"5/"
                               "6\"},\"extra\":[{\"name\":\"X\",\"value\":\"y\"}],\"novel\":[1,{}]}";
    char payload[1024], text[1024];
    struct hf_channel_row row;
    struct hf_kv_txn *txn;
    struct hf_json_out out;
    struct hf_slice raw;
    struct hf_sb sb;

    (void)state;
    (void)snprintf(payload, sizeof(payload), "[%s]", item);
    apply("change", 0, 0, 0, payload);
    apply("change", 0, 0, 0,
          "[{\"device_id\":\"1\",\"event\":\"UPDATE\",\"manufacturer\":\"Other\",\"model\":\"M\"}]");
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_channel_get(txn, HF_SLICE("acme"), DEVICE, 0, HF_SLICE("1"), &row), HF_OK);
    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_channel_more_out(row.more, &out);
    hf_json_out_end(&out);
    (void)hf_sb_done(&sb);
    assert_string_equal(text, "{\"manufacturer\":\"Other\",\"model\":\"M\",\"port\":5060,\"info\":{\"ptz_"
                              "type\":1,\"resolution\":\"5/6\"},"
                              "\"extra\":[{\"name\":\"X\",\"value\":\"y\"}],\"novel\":[1,{}]}");
    assert_true(hf_slice_is(row.name, "a \"gate\""));
    assert_true(hf_slice_is(row.parent, "9/8"));
    assert_null(memmem(row.more.at, row.more.bytes, "manufacturer", 12));
    assert_true(hf_channel_more_find(row.more, "model", &raw));
    assert_true(hf_slice_is(raw, "\"M\""));
    assert_false(hf_channel_more_find(row.more, "address", &raw));
    hf_kv_end(txn);
}

static void a_damaged_row_is_read_without_harm(void **state)
{
    static const char item[] = "{\"manufacturer\":\"ACME\",\"info\":{\"ptz_type\":1},\"novel\":3}";
    char more[256], text[1024];

    (void)state;
    size_t bytes = hf_channel_more_pack(hf_slice_of(item), (struct hf_slice){NULL, 0}, more, sizeof(more));
    for (size_t i = 0; i <= bytes; i++)
        for (unsigned flip = 0; flip < 256; flip += 5) {
            char damaged[256];
            struct hf_json_out out;
            struct hf_sb sb;

            memcpy(damaged, more, bytes);
            if (i < bytes)
                damaged[i] = (char)(damaged[i] ^ flip);
            hf_sb_init(&sb, text, sizeof(text));
            hf_json_out_init(&out, &sb);
            hf_json_out_object(&out, NULL);
            hf_channel_more_out((struct hf_slice){damaged, i < bytes && flip % 2 ? i : bytes}, &out);
            hf_json_out_end(&out);
            assert_false(sb.overflow);
        }
    for (size_t room = 0; room < bytes; room++) /* what does not fit is left out */
        assert_true(hf_channel_more_pack(hf_slice_of(item), (struct hf_slice){NULL, 0}, text, room) <= room);
}

static void every_member_of_the_standard_has_a_code(void **state)
{
#define NAME_OF(S, kind, member, name, of, flags) #member,
    static const char *const columns[] = {"device_id", "event", "name", "parent_id", "status", "password"};
    static const char *const names[] = {HF_CDP_CATALOG_ITEM(NAME_OF, 0) HF_CDP_CATALOG_INFO(NAME_OF, 0)};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(names); i++) {
        bool column = false;

        for (size_t j = 0; j < HF_COUNT_OF(columns); j++)
            column |= strcmp(names[i], columns[j]) == 0;
        if (!column && hf_channel_member_code(hf_slice_of(names[i])) == 0)
            fail_msg("%s", names[i]);
    }
}

static void bounds(void **state)
{
    static char payload[1 << 20];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, payload, sizeof(payload));
    for (unsigned i = 0; i < HF_CHANNELS_MAX + 5; i++)
        hf_sb_printf(&sb, "%s{\"device_id\":\"%u\"}", i ? "," : "[", i + 100000);
    hf_sb_text(&sb, "]");
    (void)hf_sb_done(&sb);
    apply("part", 7, 0, 0, payload);
    apply("commit", 7, 0, HF_CHANNELS_MAX + 5, "{}");
    assert_int_equal(catalog().count, HF_CHANNELS_MAX);
    assert_int_equal(catalog().left_out, 5);
    apply("change", 0, 0, 0, "[{\"device_id\":\"1\",\"event\":\"ADD\"}]");
    assert_int_equal(catalog().count, HF_CHANNELS_MAX);
    assert_int_equal(catalog().left_out, 6);
}

static void the_node_has_a_bound_too(void **state)
{
    struct hf_catalog_row all = {.count = HF_CHANNELS_NODE_MAX - 2};
    struct hf_kv_txn *txn;
    uint8_t row[512];

    (void)state;
    size_t bytes = hf_catalog_row_encode(&all, row, sizeof(row));
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_CATALOGS, (struct hf_slice){"\0node", 5},
                               (struct hf_slice){(const char *)row, bytes}),
                     HF_OK);
    assert_int_equal(hf_kv_commit(txn, 0), HF_OK);
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "," ITEM("2", "b", "ON") "]");
    apply("commit", 7, 0, 2, "{}");
    assert_string_equal(shown(), "1 a ON,2 b ON,");
    apply("part", 8, 0, 0, "[" ITEM("1", "a", "ON") "," ITEM("2", "b", "ON") "," ITEM("3", "c", "ON") "]");
    apply("commit", 8, 0, 3, "{}"); /* one too many: what was there stays */
    assert_string_equal(shown(), "1 a ON,2 b ON,");
    assert_int_equal(catalog().left_out, 3);
    apply("change", 0, 0, 0, "[" ITEM("4", "d", "ON") "]");
    assert_string_equal(shown(), "1 a ON,2 b ON,");
    apply("change", 0, 0, 0, "[{\"device_id\":\"1\",\"event\":\"DEL\"}," ITEM("4", "d", "ON") "]");
    assert_string_equal(shown(), "2 b ON,4 d ON,");
    assert_int_equal(rows(), 2);
}

static void settings_stand_beside_the_list(void **state)
{
    struct hf_event event = {.type = HF_EVENT_CAMERA_SETTINGS,
                             .format = HF_FORMAT_JSON,
                             .tenant = HF_SLICE("acme"),
                             .device = DEVICE,
                             .payload = HF_SLICE("{\"subscriptions\":[]}")};
    struct hf_catalog_row row;
    struct hf_kv_txn *txn;

    (void)state;
    apply("part", 7, 0, 0, "[" ITEM("1", "a", "ON") "]");
    event.offset = ++offset;
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
    assert_int_equal(hf_kv_commit(txn, event.offset), HF_OK);
    apply("commit", 7, 0, 1, "{\"digest\":\"abc\"}");
    apply("part", 8, 0, 0, "[" ITEM("2", "b", "ON") "]"); /* the row's texts outlive the puts of a part */
    assert_string_equal(shown(), "1 a ON,");
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_catalog_get(txn, HF_SLICE("acme"), DEVICE, &row), HF_OK);
    assert_true(hf_slice_is(row.settings, "{\"subscriptions\":[]}"));
    assert_true(hf_slice_is(row.digest, "abc"));
    hf_kv_end(txn);
}

/* MEM-6: what the tables hold of a usual channel, its name aside. */
static void two_hundred_bytes_for_each_channel(void **state)
{
    enum { CHANNELS = 1000 };
    static const char text[] = "{\"device_id\":\"34020000001310%06u\",\"name\":\"Gate\",\"manufacturer\":"
                               "\"ACME\",\"model\":\"M1\",\"owner\":\"0\","
                               "\"civil_code\":\"340200\",\"address\":\"North "
                               "gate\",\"parental\":0,\"parent_id\":\"34020000001180000001\","
                               "\"safety_way\":0,\"register_way\":1,\"secrecy\":0,\"status\":\"ON\"}";
    static char payload[CHANNELS * (sizeof(text) + 8)];
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    struct hf_sb sb;
    size_t bytes = 0;

    (void)state;
    hf_sb_init(&sb, payload, sizeof(payload));
    for (unsigned i = 0; i < CHANNELS; i++) {
        char item[sizeof(text) + 8];

        (void)snprintf(item, sizeof(item), text, i);
        hf_sb_char(&sb, i ? ',' : '[');
        hf_sb_text(&sb, item);
    }
    hf_sb_text(&sb, "]");
    (void)hf_sb_done(&sb);
    apply("part", 7, 0, 0, payload);
    apply("commit", 7, 0, CHANNELS, "{}");
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_scan(txn, HF_KV_CHANNELS, none, none, false, &cursor), HF_OK);
    while (hf_kv_next(&cursor, &key, &value) == HF_OK)
        bytes += key.bytes + value.bytes - strlen("Gate");
    hf_kv_end(txn);
    print_message("a channel: %zu bytes of key and row, its name aside\n", bytes / CHANNELS);
    assert_int_equal(rows(), CHANNELS);
    assert_in_range(bytes / CHANNELS, 100, 200);
}

/* ST-2: from any offset, and every event twice. */
static void replays_end_in_the_same_rows(void **state)
{
    static const struct {
        const char *step, *payload;
        uint64_t list, from, to;
    } events[] = {
        {"part", "[" ITEM("1", "a", "ON") "]", 7, 0, 0},
        {"part", "[" ITEM("2", "b", "ON") "]", 7, 1, 0},
        {"commit", "{\"digest\":\"1\"}", 7, 0, 2},
        {"change", "[{\"device_id\":\"1\",\"event\":\"DEL\"}]", 0, 0, 0},
        {"part", "[" ITEM("3", "c", "ON") "]", 8, 0, 0},
        {"change", "[{\"device_id\":\"9\",\"event\":\"ADD\"}]", 0, 0, 0},
        {"commit", "{\"digest\":\"2\"}", 8, 0, 1},
        {"same", "{\"digest\":\"2\"}", 0, 0, 0},
    };

    (void)state;
    for (size_t from = 0; from < HF_COUNT_OF(events); from++) {
        for (size_t i = 0; i < HF_COUNT_OF(events); i++)
            for (unsigned twice = 0; twice < 2; twice++)
                apply_at(i + 1, events[i].step, events[i].list, events[i].from, events[i].to,
                         events[i].payload);
        for (size_t i = from; i < HF_COUNT_OF(events); i++) {
            apply_at(i + 1, events[i].step, events[i].list, events[i].from, events[i].to, events[i].payload);
            assert_string_equal(shown(), "3 c ON,");
            assert_int_equal(rows(), 1);
        }
        teardown(NULL);
        setup(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_list_is_there_as_a_whole_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_without_all_its_parts_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(single_rows_change, setup, teardown),
        cmocka_unit_test_setup_teardown(what_says_nothing_new_costs_no_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(since_when_survives_a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_said_is_kept_but_its_names_are_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_row_is_read_without_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(every_member_of_the_standard_has_a_code, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_node_has_a_bound_too, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_stand_beside_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(two_hundred_bytes_for_each_channel, setup, teardown),
        cmocka_unit_test_setup_teardown(replays_end_in_the_same_rows, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
