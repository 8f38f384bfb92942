#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/event.h"
#include "core/topic.h"
#include "core/topic_map.h"

static void names(void **state)
{
    static const struct {
        const char *text;
        bool topic, filter;
    } rows[] = {
        {"a", true, true},
        {"a/b/c", true, true},
        {"/", true, true},
        {"", false, false},
        {"a b", true, true},
        {"+", false, true},
        {"a/+/c", false, true},
        {"+/+", false, true},
        {"a+", false, false},
        {"+a", false, false},
        {"#", false, true},
        {"a/#", false, true},
        {"a#", false, false},
        {"#/a", false, false},
        {"a/#/b", false, false},
        {"##", false, false},
        {"a\nb", false, false},
        {"a\x7f", false, false},
        {"\xc3\xa4/\xe6\xb8\xa9\xe5\xba\xa6/\xf0\x9f\x9a\xb2", true, true},
        {"\xff", false, false},         /* no UTF-8 */
        {"a/\xc3", false, false},       /* cut */
        {"\xc0\xaf", false, false},     /* overlong */
        {"\xed\xa0\x80", false, false}, /* a surrogate */
    };
    char longest[HF_TOPIC_BYTES_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_topic_valid(hf_slice_of(rows[i].text)), rows[i].topic);
        assert_int_equal(hf_topic_filter_valid(hf_slice_of(rows[i].text)), rows[i].filter);
    }
    memset(longest, 'x', sizeof(longest));
    assert_true(hf_topic_valid((struct hf_slice){longest, HF_TOPIC_BYTES_MAX}));
    assert_false(hf_topic_valid((struct hf_slice){longest, HF_TOPIC_BYTES_MAX + 1}));
    assert_false(hf_topic_valid((struct hf_slice){NULL, 0}));
    assert_false(hf_topic_valid((struct hf_slice){"a\0b", 3}));
}

/* The examples of MQTT 5.0, 4.7.1, and the edges. */
static void filters(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player2", false},
        {"sport/#", "sport", true},
        {"#", "a/b", true},
        {"#", "", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+/tennis/#", "a/tennis", true},
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a/", false},
        {"a/b", "a", false},
        {"+", "", true},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_topic_matches(hf_slice_of(rows[i].filter), hf_slice_of(rows[i].topic)),
                         rows[i].matches);
    assert_true(hf_topic_matches(HF_SLICE("#"), (struct hf_slice){NULL, 0}));
    assert_false(hf_topic_matches(HF_SLICE("a/b"), (struct hf_slice){NULL, 0}));
}

static void types_become_topics(void **state)
{
    struct hf_topic_map *map = calloc(1, sizeof(*map) + 2 * sizeof(map->rows[0]));

    (void)state;
    map->count = 2;
    map->rows[0].type = HF_SLICE("location_update");
    map->rows[0].topic = HF_SLICE("location");
    map->rows[1].type = HF_SLICE("status");
    map->rows[1].topic = HF_SLICE("status/all");
    assert_true(hf_slice_is(hf_topic_map_find(map, HF_SLICE("status")), "status/all"));
    assert_true(hf_slice_is(hf_topic_map_find(map, HF_SLICE("location_update")), "location"));
    assert_null(hf_topic_map_find(map, HF_SLICE("other")).at);
    assert_null(hf_topic_map_find(NULL, HF_SLICE("status")).at);
    free(map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(filters),
        cmocka_unit_test(types_become_topics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
