/* codec/mqtt/mqtt_topic_test.c - names, filters, what matches what (the examples of 4.7 are rows), shared filters, parts. */
#include "codec/mqtt/mqtt_testkit.h"
#include "codec/mqtt/topic.h"

static char longest[HF_MQTT_TEXT_BYTES_MAX + 1];

static void names(void **state)
{
    static const struct {
        const char *topic;
        bool valid;
    } rows[] = {
        {"a", true},      {"/", true},    {"/finance", true}, {"a//b", true},     {"a b", true},
        {"$SYS/x", true}, {"", false},    {"+", false},       {"#", false},       {"a/+", false},
        {"a/#", false},   {"a+b", false}, {"sport#", false},  {"\xc3\xa4", true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_mqtt_topic_valid(hf_slice_of(rows[i].topic)) != rows[i].valid)
            fail_msg("'%s'", rows[i].topic);
    memset(longest, 'a', sizeof(longest));
    assert_true(hf_mqtt_topic_valid((struct hf_slice){longest, HF_MQTT_TEXT_BYTES_MAX}));
    assert_false(hf_mqtt_topic_valid((struct hf_slice){longest, sizeof(longest)}));
    assert_false(hf_mqtt_topic_valid((struct hf_slice){NULL, 0}));
}

static void filters(void **state)
{
    static const struct {
        const char *filter;
        bool valid;
    } rows[] = {
        {"sport/tennis/player1/#", true}, /* 4.7.1.2 */
        {"sport/#", true},
        {"#", true},
        {"sport/tennis/#", true},
        {"sport/tennis#", false},
        {"sport/tennis/#/ranking", false},
        {"+", true}, /* 4.7.1.3 */
        {"+/tennis/#", true},
        {"sport+", false},
        {"sport/+/player1", true},
        {"+/+", true},
        {"/+", true},
        {"+a", false},
        {"a/+b/c", false},
        {"##", false},
        {"#/", false},
        {"", false}, /* 4.7.3 */
        {"/", true},
        {"$share/g/a", true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_mqtt_filter_valid(hf_slice_of(rows[i].filter)) != rows[i].valid)
            fail_msg("'%s'", rows[i].filter);
    memset(longest, 'a', sizeof(longest));
    assert_true(hf_mqtt_filter_valid((struct hf_slice){longest, HF_MQTT_TEXT_BYTES_MAX}));
    assert_false(hf_mqtt_filter_valid((struct hf_slice){longest, sizeof(longest)}));
    assert_false(hf_mqtt_filter_valid((struct hf_slice){NULL, 0}));
}

static void what_matches_what(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true}, /* 4.7.1.2 */
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player2", false},
        {"sport/#", "sport", true},
        {"#", "a/b", true},
        {"sport/tennis/+", "sport/tennis/player1", true}, /* 4.7.1.3 */
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"#", "$SYS/monitor/Clients", false}, /* 4.7.2 */
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/monitor/Clients", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"a/#", "a/$b", true},           /* only at the beginning */
        {"ACCOUNTS", "Accounts", false}, /* 4.7.3 */
        {"/finance", "finance", false},
        {"a/b", "a/b", true},
        {"a/b", "a/b/", false},
        {"a/b/", "a/b", false},
        {"a", "ab", false},
        {"ab", "a", false},
        {"+/b/#", "a/b", true},
        {"+/b/#", "a/c", false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_mqtt_topic_matches(hf_slice_of(rows[i].filter), hf_slice_of(rows[i].topic)) != rows[i].matches)
            fail_msg("%s with %s", rows[i].filter, rows[i].topic);
    assert_true(hf_mqtt_levels_match(HF_SLICE("#"), HF_SLICE("$SYS/x"))); /* by levels alone */
    assert_false(hf_mqtt_topic_matches(HF_SLICE("a"), (struct hf_slice){NULL, 0}));
}

static void shares(void **state)
{
    static const struct {
        const char *filter, *name, *rest; /* name NULL: not whole */
        bool shared;
    } rows[] = {
        {"$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+", true}, /* 4.8.2 */
        {"$share/consumer2//finance", "consumer2", "/finance", true},
        {"$share/g/#", "g", "#", true},
        {"$share/g//", "g", "/", true},
        {"$share/g/", NULL, NULL, true},
        {"$share/g", NULL, NULL, true},
        {"$share//a", NULL, NULL, true},
        {"$share/", NULL, NULL, true},
        {"$share", NULL, NULL, true},
        {"$share/+/a", NULL, NULL, true},
        {"$share/#", NULL, NULL, true},
        {"$shared/g/a", NULL, NULL, false},
        {"a/$share/g/a", NULL, NULL, false},
        {"/$share/g/a", NULL, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice filter = hf_slice_of(rows[i].filter);
        struct hf_mqtt_share share;

        assert_int_equal(hf_mqtt_filter_is_shared(filter), rows[i].shared);
        if (hf_mqtt_share_split(filter, &share) != (rows[i].name != NULL))
            fail_msg("%s", rows[i].filter);
        if (rows[i].name == NULL)
            continue;
        assert_true(hf_slice_is(share.name, rows[i].name));
        assert_true(hf_slice_is(share.filter, rows[i].rest));
    }
}

static void any_name_is_one_part_of_a_topic(void **state)
{
    static const struct {
        struct hf_slice text;
        const char *part;
    } rows[] = {
        {HF_SLICE("bike-7"), "bike-7"},
        {HF_SLICE("a/b+c#d%e"), "a%2Fb%2Bc%23d%25e"},
        {HF_SLICE("a\0b\x1f\x7f"), "a%00b%1F%7F"},
        {HF_SLICE("\xe8\xbd\xa6 1$"), "\xe8\xbd\xa6 1$"},
        {HF_SLICE(""), ""},
    };
    char part[64], out[64];
    struct hf_slice text;
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, part, sizeof(part));
        hf_mqtt_part_encode(&sb, rows[i].text);
        assert_string_equal(part, rows[i].part);
        assert_int_equal(hf_mqtt_part_decode(hf_sb_done(&sb), out, rows[i].text.bytes, &text), HF_OK);
        assert_true(hf_slice_eq(text, rows[i].text));
    }
    for (unsigned c = 0; c < 256; c++) {
        const char one = (char)c;

        hf_sb_init(&sb, part, sizeof(part));
        hf_mqtt_part_encode(&sb, (struct hf_slice){&one, 1});
        assert_null(strpbrk(part, "+#/"));
        assert_int_equal(hf_mqtt_part_decode(hf_sb_done(&sb), out, 1, &text), HF_OK);
        assert_true(text.bytes == 1 && text.at[0] == one);
    }
}

static void a_part_that_is_none_is_refused(void **state)
{
    static const struct {
        struct hf_slice part;
        size_t out_bytes;
        hf_err err;
    } rows[] = {
        {HF_SLICE("%"), 9, HF_ERR_MALFORMED},   {HF_SLICE("a%2"), 9, HF_ERR_MALFORMED},
        {HF_SLICE("%2g"), 9, HF_ERR_MALFORMED}, {HF_SLICE("%g2"), 9, HF_ERR_MALFORMED},
        {HF_SLICE("a/b"), 9, HF_ERR_MALFORMED}, {HF_SLICE("+"), 9, HF_ERR_MALFORMED},
        {HF_SLICE("#"), 9, HF_ERR_MALFORMED},   {HF_SLICE("a\nb"), 9, HF_ERR_MALFORMED},
        {HF_SLICE("abc"), 2, HF_ERR_LIMIT},     {HF_SLICE("ab%2f"), 2, HF_ERR_LIMIT},
        {HF_SLICE("a%2fb"), 3, HF_OK},          {HF_SLICE("%41"), 1, HF_OK},
    };
    char out[16];
    struct hf_slice text;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_mqtt_part_decode(rows[i].part, out, rows[i].out_bytes, &text), rows[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(filters),
        cmocka_unit_test(what_matches_what),
        cmocka_unit_test(shares),
        cmocka_unit_test(any_name_is_one_part_of_a_topic),
        cmocka_unit_test(a_part_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
