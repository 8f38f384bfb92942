/* The index of the fleet over real tables in memory: what records make of it, what queries find in it, what another list of paths does to it. */
#include "core/fleet/fleet_testkit.h"

static uint64_t left_out(void)
{
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    uint64_t count = hf_fleet_left_out(txn);
    hf_kv_end(txn);
    return count;
}

static void a_fleet(void)
{
    change(
        "a", 1,
        "{\"tags\":{\"site\":\"berlin\",\"floor\":3,\"groups\":[\"vans\",\"test\"],\"at\":{\"row\":\"x\"}}}");
    change("b", 1, "{\"tags\":{\"site\":\"berlin\",\"floor\":\"3\",\"on\":true}}");
    change("c", 1, "{\"tags\":{\"site\":\"bern\",\"floor\":12,\"groups\":[\"vans\"],\"note\":\"a, b*\"}}");
    change("d", 1, "{\"tags\":{\"site\":\"berlin\",\"floor\":-1.5,\"groups\":\"vans\"}}");
    change("dd", 1, "{\"reported\":{\"site\":\"berlin\"}}");
}

static void tags_are_found_by_what_they_are(void **state)
{
    static const struct {
        const char *filter, *want;
    } rows[] = {
        {"tags.site=berlin", "a b d"},
        {" tags.site = berlin ", "a b d"},
        {"tags.site=\"berlin\"", "a b d"},
        {"tags.site=ber*", "a b c d"},
        {"tags.site=*", "a b c d"},
        {"tags.site=\"ber*\"", ""},
        {"tags.site=b", ""},
        {"tags.floor=3", "a b"}, /* text with text */
        {"tags.floor<3", "d"},   /* numbers with numbers: "3" is none */
        {"tags.floor<=3", "a d"},
        {"tags.floor>3", "c"},
        {"tags.floor>=-1.5", "a c d"},
        {"tags.floor<\"30\"", "b"}, /* texts with texts */
        {"tags.site>berlin", "c"},
        {"tags.site>=berlin", "a b c d"},
        {"tags.on=true", "b"},
        {"tags.groups=vans", "a c d"},
        {"tags.groups=vans,tags.groups=test", "a"},
        {"tags.groups=vans,tags.site=berlin", "a d"},
        {"tags.groups=vans, tags.site=berlin, tags.floor<0", "d"},
        {"tags.site=berlin,tags.groups=none", ""},
        {"tags.site=ber*,tags.floor>2", "a c"},
        {"tags.at.row=x", "a"},
        {"tags.at=x", ""},
        {"tags.note=\"a, b*\"", "c"},
        {"tags.none=1", ""},
    };

    (void)state;
    a_fleet();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        if (strcmp(find(rows[i].filter), rows[i].want) != 0)
            fail_msg("%s finds '%s', not '%s'", rows[i].filter, find(rows[i].filter), rows[i].want);
        if (strcmp(find_in_steps(rows[i].filter, NULL, 9), rows[i].want) != 0)
            fail_msg("%s finds '%s' in steps", rows[i].filter, find_in_steps(rows[i].filter, NULL, 9));
    }
    assert_string_equal(find_in_steps("tags.site=berlin", "d", 9), "d");
    assert_string_equal(find_in_steps("tags.site=ber*", "b", 9), "b");
    assert_string_equal(find_in_steps("tags.site=ber*", "z", 9), "");
}

static void the_index_follows_what_changes(void **state)
{
    (void)state;
    a_fleet();
    change("a", 2, "{\"tags\":{\"site\":\"bonn\",\"groups\":[\"test\"]}}");
    assert_string_equal(find("tags.site=berlin"), "b d");
    assert_string_equal(find("tags.site=bonn"), "a");
    assert_string_equal(find("tags.groups=vans"), "c d");
    assert_string_equal(find("tags.floor=3"), "b");
    change_named("b", "led", 1, "{\"tags\":{\"site\":\"paris\"}}");
    assert_string_equal(find("tags.site=paris"), "");
    change("b", 2, "{\"reported\":{\"n\":1}}");
    assert_string_equal(find("tags.site=*"), "a c d");
    change("a", 2, "{\"tags\":{\"site\":\"bonn\",\"groups\":[\"test\"]}}"); /* a replay */
    assert_string_equal(find("tags.site=bonn"), "a");
    for (const char *device = "abcd"; *device != '\0'; device++)
        change((char[]){*device, '\0'}, 3, "{\"tags\":{}}");
    struct hf_kv_txn *txn;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_scan(txn, HF_KV_FLEET, none, none, false, &cursor), HF_OK);
    assert_int_equal(hf_kv_next(&cursor, &key, &value), HF_ERR_NOT_FOUND); /* nothing is left lying about */
    hf_kv_end(txn);
}

static void members_are_counted_as_they_come_and_go(void **state)
{
    char longest[256];

    (void)state;
    assert_string_equal(groups(NULL, NULL), "");
    a_fleet();
    assert_string_equal(groups(NULL, NULL), "test:1 vans:3");
    assert_string_equal(groups("va", NULL), "vans:3");
    assert_string_equal(groups(NULL, "test"), "vans:3");
    assert_string_equal(groups("t", "test"), "");
    assert_string_equal(groups(NULL, "vans"), "");
    change("c", 2, "{\"tags\":{\"groups\":[\"vans\",\"vans\",\"vans-2\"]}}"); /* it is in it once */
    assert_string_equal(groups(NULL, NULL), "test:1 vans:3 vans-2:1");
    change("c", 2, "{\"tags\":{\"groups\":[\"vans\",\"vans\",\"vans-2\"]}}"); /* a replay */
    change_named("c", "led", 1, "{\"tags\":{\"groups\":[\"test\"]}}");
    assert_string_equal(groups(NULL, NULL), "test:1 vans:3 vans-2:1");
    change("a", 2, "{\"tags\":{\"groups\":[\"test\"],\"more\":{\"groups\":\"x\"}}}");
    change("c", 3, "{\"reported\":{\"groups\":[\"x\"]}}");
    assert_string_equal(groups(NULL, NULL), "test:1 vans:1");
    (void)snprintf(longest, sizeof(longest), "{\"tags\":{\"groups\":[\"a b\",\"\",\"Ã¤\",7,true,\"%0*d\"]}}",
                   HF_FLEET_TEXT_BYTES_MAX + 1, 0);
    change("a", 3, longest); /* what group= would refuse is none */
    assert_string_equal(groups(NULL, NULL), "7:1 true:1 vans:1");
}

static void paths_are_indexed_when_they_are_named(void **state)
{
    static const char *const both[] = {"reported.firmware", "desired.net.apn"}, *const one[] = {
                                                                                    "reported.battery"};
    char device[16], shadow[128];
    unsigned steps;

    (void)state;
    for (unsigned i = 0; i < HF_FLEET_REINDEX_DEVICES + 7; i++) {
        (void)snprintf(device, sizeof(device), "d%04u", i);
        (void)snprintf(
            shadow, sizeof(shadow),
            "{\"reported\":{\"firmware\":\"1.%u\",\"battery\":%u},\"desired\":{\"net\":{\"apn\":\"x\"}}}",
            i % 50, i);
        change(device, 1, shadow);
        change(device, 2, shadow);
        change_named(device, "led", 1, "{\"reported\":{\"firmware\":\"9\"}}");
    }
    change_named("e", "only", 1, "{\"reported\":{\"firmware\":\"9\"}}");
    assert_string_equal(find("reported.firmware=1.7"), "");
    assert_int_equal(index_paths(both, 2, &steps), HF_FLEET_REINDEX_DEVICES + 7);
    assert_int_equal(steps, 2);
    assert_int_equal(index_paths(both, 2, &steps), 0); /* it is so already */
    assert_int_equal(steps, 1);
    assert_string_equal(find("reported.firmware=1.7,desired.net.apn=x"),
                        "d0007 d0057 d0107 d0157 d0207 d0257 d0307 d0357 d0407 d0457");
    assert_string_equal(find("reported.firmware=9"), "");
    change("d0007", 3, "{\"reported\":{\"firmware\":{\"major\":1}},\"desired\":{\"net\":\"apn\"}}");
    assert_string_equal(find("reported.firmware=1.7,desired.net.apn=x"),
                        "d0057 d0107 d0157 d0207 d0257 d0307 d0357 d0407 d0457");
    assert_int_equal(index_paths(one, 1, &steps), HF_FLEET_REINDEX_DEVICES + 7);
    assert_string_equal(find("reported.firmware=1.8"), "");
    assert_string_equal(find("reported.battery>504"), "d0505 d0506");
    assert_int_equal(index_paths(NULL, 0, &steps), HF_FLEET_REINDEX_DEVICES + 7);
    assert_string_equal(find("reported.battery>504"), "");
}

static void bounds_leave_out_and_count(void **state)
{
    char text[4096], longest[HF_FLEET_TEXT_BYTES_MAX + 2] = {0};
    struct hf_sb sb;

    (void)state;
    memset(longest, 'x', HF_FLEET_TEXT_BYTES_MAX);
    (void)snprintf(text, sizeof(text), "{\"tags\":{\"fits\":\"%s\",\"not\":\"%sx\"}}", longest, longest);
    change("a", 1, text);
    assert_int_equal(left_out(), 1);
    assert_string_equal(find("tags.fits=x*"), "a");
    assert_string_equal(find("tags.not=x*"), "");
    longest[HF_FLEET_PATH_BYTES_MAX - 5] = '\0';
    (void)snprintf(text, sizeof(text), "{\"tags\":{\"%s\":1,\"%sx\":2,\"zero\":\"a\\u0000b\",\"in\":[[1]]}}",
                   longest, longest);
    change("b", 1, text);
    assert_int_equal(left_out(), 4);
    (void)snprintf(text, sizeof(text), "tags.%s=1", longest);
    assert_string_equal(find(text), "b");
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, "{\"tags\":{\"n\":[");
    for (unsigned i = 0; i < HF_FLEET_VALUES_MAX + 3; i++)
        hf_sb_printf(&sb, "%s%u", i > 0 ? "," : "", i);
    hf_sb_text(&sb, "]}}");
    change("c", 1, text);
    assert_int_equal(left_out(), 7);
    assert_string_equal(find("tags.n=63"), "c");
    assert_string_equal(find("tags.n=64"), "");
    change("c", 2, "{\"tags\":{\"n\":[1,1,1]}}"); /* one value */
    assert_int_equal(left_out(), 4);
    change("a", 2, "{}");
    change("b", 2, "{}");
    assert_int_equal(left_out(), 0);
}

static void what_is_no_filter_is_told_why(void **state)
{
    static const struct {
        const char *filter;
        hf_err err;
        const char *want;
    } rows[] = {
        {"", HF_ERR_MALFORMED, "begins with a path"},
        {"=3", HF_ERR_MALFORMED, "begins with a path"},
        {"tags.a", HF_ERR_MALFORMED, "one of ="},
        {"tags.a,tags.b=1", HF_ERR_MALFORMED, "one of ="},
        {"tags.a==1", HF_ERR_MALFORMED,
         "one of ="}, /* not a text that begins so, of which nothing would be found */
        {"tags.a!=1", HF_ERR_MALFORMED, "one of ="},
        {"tags.a=<1", HF_ERR_MALFORMED, "one of ="},
        {"tags.a=1,", HF_ERR_MALFORMED, "begins with a path"},
        {"tags.a=\"x", HF_ERR_MALFORMED, "JSON string"},
        {"tags.a=\"x\\", HF_ERR_MALFORMED, "JSON string"},
        {"tags.a=\"\\q\"", HF_ERR_MALFORMED, "JSON string"},
        {"tags.a=\"x\"y", HF_ERR_MALFORMED, "parted by commas"},
        {"tags.a=\"=1\"", HF_OK, ""},
        {"tags.a=1,tags.a=1,tags.a=1,tags.a=1,tags.a=1,tags.a=1,tags.a=1,tags.a=1,tags.a=1", HF_ERR_LIMIT,
         "at most 8"},
    };
    struct hf_fleet_paths paths = {.count = 1, .at = {HF_SLICE("reported.battery")}};
    const char *wrong;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_fleet_query query = {0};

        assert_int_equal(hf_fleet_query_add(&query, hf_slice_of(rows[i].filter), &wrong), rows[i].err);
        if (strstr(wrong, rows[i].want) == NULL)
            fail_msg("%s: %s", rows[i].filter, wrong);
    }
    struct hf_fleet_query query = {0};
    assert_int_equal(hf_fleet_query_add(&query, HF_SLICE("tags.a=1,reported.battery<5"), &wrong), HF_OK);
    assert_null(hf_fleet_query_unknown(&query, &paths).at);
    assert_int_equal(hf_fleet_query_add(&query, HF_SLICE("reported.speed=1"), &wrong), HF_OK);
    assert_true(hf_slice_is(hf_fleet_query_unknown(&query, &paths), "reported.speed"));
}

static void paths_have_a_form(void **state)
{
    static const char *const good[] = {"reported.a", "desired.a.b-c_9", "reported.A"};
    static const char *const bad[] = {
        "",           "reported",      "reported.",    "tags.a", "reported.a.", "reported..a",
        "reported.ä", "reported.a\nb", "reported.a b", "desired"};
    char longest[HF_FLEET_PATH_BYTES_MAX + 2];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(good); i++)
        assert_true(hf_fleet_path_valid(hf_slice_of(good[i])));
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++)
        if (hf_fleet_path_valid(hf_slice_of(bad[i])))
            fail_msg("'%s'", bad[i]);
    (void)snprintf(longest, sizeof(longest), "reported.%0*d", HF_FLEET_PATH_BYTES_MAX - 9, 0);
    assert_true(hf_fleet_path_valid(hf_slice_of(longest)));
    (void)snprintf(longest, sizeof(longest), "reported.%0*d", HF_FLEET_PATH_BYTES_MAX - 8, 0);
    assert_false(hf_fleet_path_valid(hf_slice_of(longest)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tags_are_found_by_what_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(the_index_follows_what_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(members_are_counted_as_they_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_are_indexed_when_they_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_leave_out_and_count, setup, teardown),
        cmocka_unit_test(what_is_no_filter_is_told_why),
        cmocka_unit_test(paths_have_a_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
