#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/access.h"
#include "core/event.h"

enum { UP = HF_ACCESS_UP, DOWN = HF_ACCESS_DOWN };

#define RULE(device, topic, direction, allow)                           \
    {                                                                   \
        HF_SLICE(device), HF_SLICE(topic), HF_ACCESS_##direction, allow \
    }

static void the_first_match_decides(void **state)
{
    static const struct hf_access_rule rules[] = {
        RULE("*", "secret/#", BOTH, false),    RULE("bike-*", "bikes/{device}/+", UP, true),
        RULE("bike-7", "bikes/#", DOWN, true), RULE("*", "to/{device}/from/{device}", BOTH, true),
        RULE("*", "public", BOTH, true),
    };
    static const struct {
        const char *device, *topic;
        int direction;
        bool allowed;
        const char *why;
    } rows[] = {
        {"bike-7", "secret/key", DOWN, false, "rule 1 of 5: deny down for device * topic secret/#"},
        {"bike-7", "bikes/bike-7/gps", UP, true,
         "rule 2 of 5: allow up for device bike-* topic bikes/{device}/+"},
        {"bike-7", "bikes/bike-8/gps", UP, false, "none of 5 rules matches: denied"},
        {"bike-7", "bikes/bike-8/gps", DOWN, true, "rule 3 of 5: allow down for device bike-7 topic bikes/#"},
        {"bike-70", "bikes/bike-8/gps", DOWN, false, "none of 5 rules matches: denied"},
        {"bike", "bikes/bike/gps", UP, false, "none of 5 rules matches: denied"},
        {"x", "to/x/from/x", UP, true, "rule 4 of 5: allow up for device * topic to/{device}/from/{device}"},
        {"x", "to/x/from/{device}", UP, false, "none of 5 rules matches: denied"},
        {"x", "public", UP, true, "rule 5 of 5: allow up for device * topic public"},
        {"x", NULL, UP, false, "none of 5 rules matches: denied"},
    };
    struct hf_access_rules *access;
    unsigned bad;

    (void)state;
    assert_int_equal(hf_access_new(rules, HF_COUNT_OF(rules), &bad, &access), HF_OK);
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice device = hf_slice_of(rows[i].device), topic = hf_slice_of(rows[i].topic);
        enum hf_access_direction direction = (enum hf_access_direction)rows[i].direction;
        char text[200];
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        assert_int_equal(hf_access_allowed(access, device, topic, direction), rows[i].allowed);
        assert_int_equal(hf_access_explain(access, device, topic, direction, &sb), rows[i].allowed);
        assert_string_equal(text, rows[i].why);
    }
    hf_access_free(access);
    hf_access_free(NULL);
}

/* As many marks as a filter has room for, each as long as an id may be. */
static void the_longest_filter(void **state)
{
    char filter[HF_TOPIC_BYTES_MAX], device[HF_DEVICE_BYTES_MAX];
    struct hf_access_rule rule = {HF_SLICE("*"), {filter, sizeof(filter)}, HF_ACCESS_UP, true};
    struct hf_access_rules *access;
    unsigned bad;

    (void)state;
    memset(device, 'd', sizeof(device));
    for (unsigned i = 0; i < sizeof(filter); i += 8)
        memcpy(filter + i, "{device}", 8);
    assert_int_equal(hf_access_new(&rule, 1, &bad, &access), HF_OK);
    assert_false(
        hf_access_allowed(access, (struct hf_slice){device, sizeof(device)}, HF_SLICE("x"), HF_ACCESS_UP));
    assert_true(
        hf_access_allowed(access, HF_SLICE("d"), HF_SLICE("dddddddddddddddddddddddddddddddd"), HF_ACCESS_UP));
    hf_access_free(access);
}

static void bad_rules_are_named(void **state)
{
    static const struct hf_access_rule good = RULE("*", "a", UP, true);
    static const struct hf_access_rule rows[] = {
        RULE("", "a", UP, true),
        RULE("a*b", "a", UP, true),
        RULE("**", "a", UP, true),
        RULE("a b", "a", UP, true),
        RULE("*", "", UP, true),
        RULE("*", "a/#/b", UP, true),
        RULE("*", "a+", UP, true),
        {HF_SLICE("*"), HF_SLICE("a"), (enum hf_access_direction)0, true},
        {HF_SLICE("*"), HF_SLICE("a"), (enum hf_access_direction)4, true},
    };
    static struct hf_access_rule many[HF_ACCESS_RULES_MAX + 1];
    struct hf_access_rules *access = NULL;
    unsigned bad = 99;

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_access_rule both[] = {good, rows[i]};

        bad = 99;
        assert_int_equal(hf_access_new(both, 2, &bad, &access), HF_ERR_INVALID);
        assert_int_equal(bad, 1);
    }
    for (unsigned i = 0; i < HF_COUNT_OF(many); i++)
        many[i] = good;
    assert_int_equal(hf_access_new(many, HF_ACCESS_RULES_MAX + 1, &bad, &access), HF_ERR_LIMIT);
    assert_int_equal(hf_access_new(many, HF_ACCESS_RULES_MAX, &bad, &access), HF_OK);
    hf_access_free(access);
    assert_int_equal(hf_access_new(NULL, 0, &bad, &access), HF_OK); /* nothing matches: nothing is allowed */
    assert_false(hf_access_allowed(access, HF_SLICE("d"), HF_SLICE("a"), HF_ACCESS_UP));
    hf_access_free(access);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_match_decides),
        cmocka_unit_test(the_longest_filter),
        cmocka_unit_test(bad_rules_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
