/* What the agent reports of itself, and which wishes it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/shadow.h"
#include "base/assert.h"

static bool take(struct hf_agent_shadow *shadow, const char *text)
{
    return hf_agent_shadow_take(shadow, (struct hf_slice){text, strlen(text)});
}

static void a_report_says_what_it_is(void **state)
{
    struct hf_agent_shadow shadow = {.period_ms = 50, .period_min_ms = 5, .period_max_ms = 10000};
    char text[HF_AGENT_SHADOW_BYTES], name[HF_AGENT_SHADOW_BYTES];
    struct hf_slice report = {text, hf_agent_shadow_report(&shadow, "agent/1", "csv", text)};

    (void)state;
    assert_true(hf_slice_is(report, "{\"reported\":{\"agent\":{\"software\":\"agent/1\",\"source\":\"csv\","
                                    "\"uplink_ms\":50,\"refused\":null}}}"));
    shadow.refused = true;
    report.bytes = hf_agent_shadow_report(&shadow, "agent/1", "csv", text);
    assert_true(hf_slice_is(report, "{\"reported\":{\"agent\":{\"software\":\"agent/1\",\"source\":\"csv\","
                                    "\"uplink_ms\":50,\"refused\":\"uplink_ms is a whole number from 5 to "
                                    "10000\"}}}"));
    shadow.period_ms = shadow.period_min_ms = shadow.period_max_ms = 10000;
    report.bytes = hf_agent_shadow_report(&shadow, "agent/1", "csv", text);
    assert_true(hf_slice_is(report, "{\"reported\":{\"agent\":{\"software\":\"agent/1\",\"source\":\"csv\","
                                    "\"uplink_ms\":10000,\"refused\":\"uplink_ms is 10000 for all devices of "
                                    "this agent\"}}}"));
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(hf_agent_shadow_report(&shadow, name, "csv", text), 0);
}

static void a_wish_is_taken_or_refused(void **state)
{
    static const struct {
        const char *document;
        uint32_t period_ms;
        bool refused, changed;
    } rows[] = {
        {"{\"version\":1,\"delta\":{\"agent\":{\"uplink_ms\":20}}}", 20, false, true},
        {"{\"version\":1,\"delta\":{\"agent\":{\"uplink_ms\":20}}}", 20, false, false},
        {"{\"version\":2,\"delta\":{\"agent\":{\"uplink_ms\":4}}}", 20, true, true},
        {"{\"version\":3,\"delta\":{\"agent\":{\"uplink_ms\":10001}}}", 20, true, false},
        {"{\"version\":4,\"delta\":{\"agent\":{\"uplink_ms\":\"fast\"}}}", 20, true, false},
        {"{\"version\":5,\"delta\":{\"other\":1}}", 20, false, true}, /* it is wished no more */
        {"{\"version\":6,\"delta\":{\"agent\":{\"uplink_ms\":20.5}}}", 20, true, true},
        {"{\"version\":7,\"name\":\"led\",\"delta\":{\"agent\":{\"uplink_ms\":30}}}", 20, true, false},
        {"{\"version\":7,\"delta\":{\"agent\":7}}", 20, false, true},
        {"{\"version\":8}", 20, false, false},
        {"not json", 20, false, false},
        {"{\"version\":9,\"delta\":{\"agent\":{\"uplink_ms\":10000}}}", 10000, false, true},
    };
    struct hf_agent_shadow shadow = {.period_ms = 50, .period_min_ms = 5, .period_max_ms = 10000};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(take(&shadow, rows[i].document), rows[i].changed);
        assert_int_equal(shadow.period_ms, rows[i].period_ms);
        assert_int_equal(shadow.refused, rows[i].refused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_says_what_it_is),
        cmocka_unit_test(a_wish_is_taken_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
