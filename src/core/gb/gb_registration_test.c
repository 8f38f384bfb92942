#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/gb/registration.h"

/* The table of GB-6: state, event, next, ends, what the hub hears. '-' is an empty cell. */
static void the_table(void **state)
{
    enum { O = HF_GB_OFFLINE, R = HF_GB_REGISTERED, S = HF_GB_SUSPECT, NONE = -1 };
    static const int next[HF_GB_STATES][HF_GB_EVENTS] = {
        /* REGISTER LIFE QUIET SILENT BYE EXPIRED STREAM_LOST GRACE_OVER CLOSED RESTORED */
        {R, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, S},
        {R, R, S, O, O, O, S, NONE, O, NONE},
        {R, R, NONE, O, O, O, S, O, O, NONE},
    };

    (void)state;
    for (int s = 0; s < HF_GB_STATES; s++)
        for (int e = 0; e < HF_GB_EVENTS; e++) {
            struct hf_gb_step step = hf_gb_step((enum hf_gb_state)s, (enum hf_gb_event)e);

            assert_int_equal(step.ignored, next[s][e] == NONE);
            assert_int_equal(step.next, next[s][e] == NONE ? s : next[s][e]);
            assert_int_equal(step.ends, s != O && next[s][e] == O);
            if (step.tell) /* evidence is for changes between there and doubtful only */
                assert_true(!step.ends && (int)step.next != s);
        }
    assert_int_equal(hf_gb_step(HF_GB_SUSPECT, HF_GB_EV_LIFE).evidence, HF_EVIDENCE_LIFE);
    assert_true(hf_gb_step(HF_GB_SUSPECT, HF_GB_EV_LIFE).tell);
    assert_false(hf_gb_step(HF_GB_REGISTERED, HF_GB_EV_LIFE).tell);
    assert_int_equal(hf_gb_step(HF_GB_REGISTERED, HF_GB_EV_EXPIRED).reason, HF_REASON_REGISTRATION_EXPIRED);
    assert_string_equal(hf_gb_state_name(HF_GB_SUSPECT), "suspect");
    assert_string_equal(hf_gb_state_name(99), "unknown");
}

static void absurd_rhythms_are_clamped(void **state)
{
    static const uint32_t ms[][2] = {{0, 60000},     {1, 5000},          {5000, 5000},
                                     {20000, 20000}, {3600000, 3600000}, {UINT32_MAX, 3600000}};
    static const uint32_t counts[][2] = {{0, 3}, {1, 1}, {20, 20}, {21, 20}, {UINT32_MAX, 20}};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(hf_gb_keepalive_ms(ms[i][0]), ms[i][1]);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(hf_gb_keepalive_count(counts[i][0]), counts[i][1]);
}

static void what_is_due_next(void **state)
{
    static const struct {
        struct hf_gb_life life;
        enum hf_gb_state state;
        enum hf_gb_event event;
        uint64_t due_ms;
    } rows[] = {
        {{1000, 9000000, 0, 60000, 5000, 3}, HF_GB_REGISTERED, HF_GB_EV_QUIET, 91000},
        {{1000, 9000000, 0, 60000, 5000, 3}, HF_GB_SUSPECT, HF_GB_EV_SILENT, 186000},
        {{1000, 50000, 0, 60000, 5000, 3}, HF_GB_REGISTERED, HF_GB_EV_EXPIRED, 50000},
        {{1000, 100000, 0, 60000, 5000, 3}, HF_GB_SUSPECT, HF_GB_EV_EXPIRED, 100000},
        {{1000, 9000000, 2000, 60000, 5000, 3}, HF_GB_SUSPECT, HF_GB_EV_GRACE_OVER, 12000},
        {{1000, 9000000, 183000, 60000, 5000, 3}, HF_GB_SUSPECT, HF_GB_EV_SILENT, 186000},
        {{1000, 9000000, 0, 60000, 0, 1}, HF_GB_REGISTERED, HF_GB_EV_SILENT, 61000}, /* before it is quiet */
        {{1000, UINT64_MAX, 0, 3600000, 5000, 20}, HF_GB_SUSPECT, HF_GB_EV_SILENT, 72006000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t due_ms = 0;

        assert_int_equal(hf_gb_life_due(&rows[i].life, rows[i].state, &due_ms), rows[i].event);
        assert_int_equal(due_ms, rows[i].due_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(absurd_rhythms_are_clamped),
        cmocka_unit_test(what_is_due_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
