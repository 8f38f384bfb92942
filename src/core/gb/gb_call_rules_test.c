#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/gb/call.h"

enum { NO = 0xff };

/* The matrix of GB-12, cell by cell, in the order of the enums: the next state in the high digit, NO where there is no cell, and what is to be done. */
static const struct want {
    uint8_t next, todo;
} matrix[HF_GB_CALL_STATES][HF_GB_CALL_EVENTS] = {
    /* invite, 1xx, 2xx, refused, bye, stop, setup timer, lost, freed */
    {{1, 0}, {NO, 0}, {NO, 0}, {NO, 0}, {NO, 0}, {NO, 0}, {NO, 0}, {NO, 0}, {NO, 0}},
    {{NO, 0}, {1, 0}, {2, 1}, {3, 16}, {3, 8 + 16}, {3, 4 + 16}, {3, 4 + 16}, {3, 4 + 16}, {NO, 0}},
    {{NO, 0}, {NO, 0}, {2, 1}, {NO, 0}, {3, 8 + 16}, {3, 2 + 16}, {NO, 0}, {3, 2 + 16}, {NO, 0}},
    {{NO, 0}, {3, 0}, {3, 1 + 2}, {3, 0}, {3, 8}, {NO, 0}, {NO, 0}, {NO, 0}, {0, 0}},
};

static void every_cell_of_the_table(void **state)
{
    (void)state;
    for (unsigned from = 0; from < HF_GB_CALL_STATES; from++)
        for (unsigned event = 0; event < HF_GB_CALL_EVENTS; event++) {
            const struct want *want = &matrix[from][event];
            struct hf_gb_call_step step =
                hf_gb_call_look((enum hf_gb_call_state)from, (enum hf_gb_call_event)event);
            hf_gb_call_word word = 7 << 8 | from;

            if (step.forbidden != (want->next == NO) || step.todo != want->todo ||
                step.next != (want->next == NO ? from : want->next))
                fail_msg("%s, event %u: %u %u %d", hf_gb_call_state_name(from), event, step.next, step.todo,
                         step.forbidden);
            struct hf_gb_call_step same = hf_gb_call_step(&word, (enum hf_gb_call_event)event);
            assert_int_equal(same.next, step.next);
            assert_int_equal(same.todo, step.todo);
            assert_int_equal(hf_gb_call_state(&word), step.next);
            assert_int_equal(atomic_load(&word) >> 8, step.forbidden ? 7 : 8);
        }
    assert_string_equal(hf_gb_call_state_name(HF_GB_CALL_RINGING), "ringing");
    assert_string_equal(hf_gb_call_state_name(HF_GB_CALL_STATES), "unknown");
}

static void a_call_ends_once_whatever_comes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < HF_GB_CALL_EVENTS; first++)
        for (unsigned second = 0; second < HF_GB_CALL_EVENTS; second++)
            for (unsigned third = 0; third < HF_GB_CALL_EVENTS; third++) {
                hf_gb_call_word word = 0;
                unsigned ends = 0;
                const unsigned events[] = {HF_GB_CALL_INVITE, first, second, third, HF_GB_CALL_STOP};

                for (unsigned i = 0; i < 5; i++)
                    ends += (hf_gb_call_step(&word, (enum hf_gb_call_event)events[i]).todo &
                             HF_GB_CALL_DO_END) != 0;
                bool again = hf_gb_call_state(&word) != HF_GB_CALL_DISCONNECTED; /* freed, and perhaps anew */
                if (!again)
                    assert_true(ends >= 1 && ends <= 2);
            }
}

static void setup_is_clamped(void **state)
{
    static const uint32_t rows[][2] = {{0, 10000}, {1, 1000}, {5000, 5000}, {32000, 32000}, {99999, 32000}};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(hf_gb_call_setup_ms(rows[i][0]), rows[i][1]);
}

static void what_is_due(void **state)
{
    static const struct {
        struct hf_gb_call_times times;
        uint8_t state, due;
        uint64_t due_ms;
        uint32_t limit_ms;
        const char *name;
    } rows[] = {
        {{.begun_ms = 1000, .setup_ms = 10000}, HF_GB_CALL_IDLE, HF_GB_CALL_DUE_SETUP, 11000, 10000, "setup"},
        {{.begun_ms = 1000, .setup_ms = 5000}, HF_GB_CALL_RINGING, HF_GB_CALL_DUE_SETUP, 6000, 5000, "setup"},
        {{.connected_ms = 2000}, HF_GB_CALL_CONNECTED, HF_GB_CALL_DUE_NOTHING, UINT64_MAX, 0, "none"},
        {{.connected_ms = 2000, .watched = true},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_MEDIA,
         12000,
         10000,
         "media"},
        {{.connected_ms = 2000, .watched = true, .history = true},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_MEDIA,
         22000,
         20000,
         "media"},
        {{.connected_ms = 2000, .watched = true, .media_ms = 2100},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_NOTHING,
         UINT64_MAX,
         0,
         "none"},
        {{.history = true, .length_ms = 60000, .mark_ms = 3000, .scale = 1000},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_TAIL,
         93000,
         30000,
         "tail"},
        {{.history = true, .length_ms = 60000, .mark_ms = 3000, .scale = 4000},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_TAIL,
         48000,
         30000,
         "tail"},
        {{.history = true, .length_ms = 60000, .played_ms = 20000, .mark_ms = 3000, .scale = -500},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_TAIL,
         73000,
         30000,
         "tail"},
        {{.history = true, .length_ms = 60000, .mark_ms = 3000, .scale = 1000, .paused_ms = 4000},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_PAUSE,
         3604000,
         3600000,
         "pause"},
        {{.refresh_ms = 90000}, HF_GB_CALL_CONNECTED, HF_GB_CALL_DUE_REFRESH, 90000, 0, "refresh"},
        {{.refresh_ms = 9000, .watched = true},
         HF_GB_CALL_CONNECTED,
         HF_GB_CALL_DUE_REFRESH,
         9000,
         0,
         "refresh"},
        {{.ended_ms = 5000}, HF_GB_CALL_DISCONNECTED, HF_GB_CALL_DUE_CLOSE, 85000, 80000, "close"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t due_ms;
        enum hf_gb_call_due due =
            hf_gb_call_due(&rows[i].times, (enum hf_gb_call_state)rows[i].state, &due_ms);

        assert_int_equal(due, rows[i].due);
        assert_int_equal(due_ms, rows[i].due_ms);
        assert_int_equal(hf_gb_call_limit_ms(&rows[i].times, due), rows[i].limit_ms);
        assert_string_equal(hf_gb_call_due_name(due), rows[i].name);
    }
}

static void a_history_is_somewhere(void **state)
{
    struct hf_gb_call_times times = {.history = true, .length_ms = 60000, .mark_ms = 1000, .scale = 1000};

    (void)state;
    assert_int_equal(hf_gb_call_position_ms(&times, 500), 0); /* a clock that stands still */
    assert_int_equal(hf_gb_call_position_ms(&times, 11000), 10000);
    hf_gb_call_scale(&times, 2000, 11000);
    assert_int_equal(hf_gb_call_position_ms(&times, 16000), 20000);
    hf_gb_call_pause(&times, 16000);
    hf_gb_call_pause(&times, 17000);
    assert_int_equal(hf_gb_call_position_ms(&times, 99000), 20000);
    hf_gb_call_resume(&times, 100000);
    hf_gb_call_resume(&times, 101000); /* it ran already */
    assert_int_equal(hf_gb_call_position_ms(&times, 101000), 22000);
    hf_gb_call_scale(&times, -250, 101000);
    assert_int_equal(hf_gb_call_position_ms(&times, 105000), 21000);
    assert_int_equal(hf_gb_call_position_ms(&times, UINT64_MAX), 0);
    hf_gb_call_scale(&times, 500, 105000);
    hf_gb_call_seek(&times, 50000, 106000);
    assert_int_equal(hf_gb_call_position_ms(&times, 110000), 52000);
    assert_int_equal(hf_gb_call_position_ms(&times, UINT64_MAX), 60000);
    hf_gb_call_seek(&times, 99000, 106000); /* not behind the end */
    assert_int_equal(hf_gb_call_position_ms(&times, 106000), 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_of_the_table), cmocka_unit_test(a_call_ends_once_whatever_comes),
        cmocka_unit_test(setup_is_clamped),        cmocka_unit_test(what_is_due),
        cmocka_unit_test(a_history_is_somewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
