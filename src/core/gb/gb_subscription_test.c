/* When a subscription is made, renewed, made anew and given up: the table cell by cell, and the times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/gb/subscription.h"

static const enum hf_gb_sub_event events[] = {HF_GB_SUB_DUE,      HF_GB_SUB_ACCEPTED, HF_GB_SUB_NOTIFIED,
                                              HF_GB_SUB_REFUSED,  HF_GB_SUB_SILENT,   HF_GB_SUB_LOST,
                                              HF_GB_SUB_UNWANTED, HF_GB_SUB_GONE};

static void the_table_says_it_cell_by_cell(void **state)
{
    /* next state and act, one letter each: . nothing; states N P A F; acts a ask, r renew, k keep, w wait, c cancel, f forget, - none */
    static const char *const want[HF_GB_SUB_STATES] = {
        [HF_GB_SUB_NONE] = "Pa .. .. .. .. .. Nf Nf",
        [HF_GB_SUB_PENDING] = ".. Ak A- Fw Fw Fw Nc Nf",
        [HF_GB_SUB_ACTIVE] = "Ar Ak A- Fw Fw Fw Nc Nf",
        [HF_GB_SUB_FAILED] = "Pa .. .. .. .. .. Nf Nf",
    };

    (void)state;
    for (unsigned from = 0; from < HF_GB_SUB_STATES; from++)
        for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
            struct hf_gb_sub_rule rule = {.state = (uint8_t)from};
            enum hf_gb_sub_act act = hf_gb_sub_step(&rule, events[i], 1000);
            const char *cell = want[from] + 3 * i;

            if (cell[0] == '.') {
                assert_int_equal(rule.state, from);
                assert_int_equal(act, HF_GB_SUB_NOTHING);
                continue;
            }
            assert_int_equal("NPAF"[rule.state], cell[0]);
            assert_int_equal("-arkwcf"[act], cell[1]);
        }
}

static void failures_slow_down_and_what_held_begins_anew(void **state)
{
    struct hf_gb_sub_rule rule = {0};
    uint64_t now_ms = 1000;

    (void)state;
    for (unsigned i = 1; i <= 300; i++) { /* accepted and ended at once, again and again */
        assert_int_equal(hf_gb_sub_step(&rule, HF_GB_SUB_DUE, now_ms), HF_GB_SUB_ASK);
        assert_int_equal(hf_gb_sub_step(&rule, HF_GB_SUB_ACCEPTED, now_ms), HF_GB_SUB_KEEP);
        assert_int_equal(hf_gb_sub_step(&rule, HF_GB_SUB_LOST, now_ms + 10), HF_GB_SUB_WAIT);
        assert_int_equal(rule.failures, i < 255 ? i : 255);
        now_ms += 100;
    }
    (void)hf_gb_sub_step(&rule, HF_GB_SUB_DUE, now_ms);
    (void)hf_gb_sub_step(&rule, HF_GB_SUB_NOTIFIED, now_ms); /* before its 200 */
    (void)hf_gb_sub_step(&rule, HF_GB_SUB_ACCEPTED, now_ms + 5);
    (void)hf_gb_sub_step(&rule, HF_GB_SUB_REFUSED, now_ms + HF_GB_SUB_HELD_MS);
    assert_int_equal(rule.failures, 1);
}

static void times(void **state)
{
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (uint32_t random = 0; random < 5000; random += 7) {
        uint64_t renew_ms = hf_gb_sub_renew_ms(600, random);

        assert_in_range(renew_ms, 480000, 540000);
        least = renew_ms < least ? renew_ms : least;
        most = renew_ms > most ? renew_ms : most;
    }
    assert_true(most - least > 50000); /* spread */
    assert_int_equal(hf_gb_sub_renew_ms(1, 0), HF_GB_SUB_RENEW_MS_MIN);
    assert_in_range(hf_gb_sub_retry_ms(1, 999), 2000, 2500);
    assert_in_range(hf_gb_sub_retry_ms(4, 999), 16000, 20000);
    assert_in_range(hf_gb_sub_retry_ms(255, 999), HF_GB_SUB_RETRY_MS_MAX, HF_GB_SUB_RETRY_MS_MAX * 5 / 4);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(hf_gb_topic_name(HF_GB_TOPIC_PTZ_POSITION), "ptz_position");
    assert_string_equal(hf_gb_topic_name(99), "unknown");
    assert_string_equal(hf_gb_topic_event(HF_GB_TOPIC_CATALOG), "Catalog");
    assert_int_equal(hf_gb_topic_expires_s(HF_GB_TOPIC_CATALOG), 600);
    assert_string_equal(hf_gb_sub_name(HF_GB_SUB_FAILED), "failed");
    assert_string_equal(hf_gb_sub_name(99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_it_cell_by_cell),
        cmocka_unit_test(failures_slow_down_and_what_held_begins_anew),
        cmocka_unit_test(times),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
