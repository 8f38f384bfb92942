/* Every cell of the table of registrations at upper platforms, and the times between attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/gb/upstream.h"

#include "base/assert.h"

enum { NOW = 1000000 };

static void every_cell_does_what_the_drawing_says(void **state)
{
    enum { I = HF_GB_UP_IDLE, C, R, D, F, W, L };
    enum { none = 0xff };
    /* The next state; none: the event is ignored. Columns in the order of the events. */
    static const uint8_t next[HF_GB_UP_STATES][HF_GB_UP_EVENTS] = {
        /*       START CONN  AGAIN REDIR ACC   REF   UNANS LOST  SILNT FORG  DUE   STOP */
        [I] = {C, none, none, none, none, none, none, none, none, none, none, none},
        [C] = {none, R, none, none, none, none, W, W, none, none, W, I},
        [R] = {none, none, R, C, D, W, W, W, none, none, none, I},
        [D] = {none, none, none, none, none, none, none, W, W, W, F, L},
        [F] = {none, none, F, none, D, W, W, W, W, none, none, L},
        [W] = {none, none, none, none, none, none, none, none, none, none, C, I},
        [L] = {none, none, L, none, I, I, I, I, none, none, I, none},
    };
    static const uint8_t acts[HF_GB_UP_STATES] = {
        /* by the state that is entered from another */
        [I] = HF_GB_UP_END,      [C] = HF_GB_UP_CONNECT, [R] = HF_GB_UP_REGISTER,  [D] = HF_GB_UP_KEEP,
        [F] = HF_GB_UP_REGISTER, [W] = HF_GB_UP_GIVE_UP, [L] = HF_GB_UP_UNREGISTER};

    (void)state;
    for (unsigned from = 0; from < HF_GB_UP_STATES; from++)
        for (unsigned event = 0; event < HF_GB_UP_EVENTS; event++) {
            struct hf_gb_up up = {.state = (uint8_t)from, .since_ms = 7, .due_ms = 9}, before = up;
            struct hf_gb_up_news news = {.now_ms = NOW, .expires_s = 3600};
            enum hf_gb_up_act act = hf_gb_up_step(&up, (enum hf_gb_up_event)event, &news);

            if (next[from][event] == none) {
                assert_int_equal(act, HF_GB_UP_NOTHING);
                assert_memory_equal(&up, &before, sizeof(up));
                continue;
            }
            assert_int_equal(up.state, next[from][event]);
            assert_int_equal(act, up.state == from ? HF_GB_UP_REGISTER_AGAIN : acts[up.state]);
            assert_int_equal(up.since_ms, up.state == from ? 7 : NOW);
            if (up.state == from)
                assert_int_equal(up.due_ms, 9); /* what is asked once more has the same deadline */
        }
}

static void times_between_attempts_are_at_least_a_minute_and_grow(void **state)
{
    static const struct {
        uint32_t failures, retry_after_s, random;
        uint64_t ms;
    } rows[] = {
        {1, 0, 0, 60000},
        {1, 0, UINT32_MAX, 90000},
        {2, 0, 0, 120000},
        {3, 0, 0, 240000},
        {4, 0, 0, 480000},
        {5, 0, 0, 900000}, /* 960 s, bounded */
        {1000, 0, 0, 900000},
        {1000, 0, UINT32_MAX, 1350000},
        {1, 30, 0, 60000}, /* a platform may not make us ask more often */
        {1, 300, 0, 300000},
        {1, 300, UINT32_MAX, 450000},
        {1, UINT32_MAX, 0, 86400000},
        {0, 0, 0, 60000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_gb_up_wait_ms(rows[i].failures, rows[i].retry_after_s, rows[i].random),
                         rows[i].ms);
}

static enum hf_gb_up_act step(struct hf_gb_up *up, enum hf_gb_up_event event, uint64_t now_ms)
{
    return hf_gb_up_step(up, event, &(struct hf_gb_up_news){.now_ms = now_ms, .expires_s = 3600});
}

static void register_at(struct hf_gb_up *up, uint64_t now_ms)
{
    step(up, up->state == HF_GB_UP_IDLE ? HF_GB_UP_EV_START : HF_GB_UP_EV_DUE, now_ms);
    step(up, HF_GB_UP_EV_CONNECTED, now_ms);
    step(up, HF_GB_UP_EV_AGAIN, now_ms);
    assert_int_equal(step(up, HF_GB_UP_EV_ACCEPTED, now_ms), HF_GB_UP_KEEP);
}

static void failures_in_a_row_count_and_a_success_forgets_them(void **state)
{
    struct hf_gb_up up = {0};
    uint64_t now_ms = NOW;

    (void)state;
    step(&up, HF_GB_UP_EV_START, now_ms);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(step(&up, HF_GB_UP_EV_UNANSWERED, now_ms), HF_GB_UP_GIVE_UP);
        assert_int_equal(up.due_ms, now_ms + (60000ull << i));
        now_ms = up.due_ms;
        assert_int_equal(step(&up, HF_GB_UP_EV_DUE, now_ms), HF_GB_UP_CONNECT);
        assert_int_equal(up.due_ms, now_ms + HF_GB_UP_CONNECT_MS);
    }
    step(&up, HF_GB_UP_EV_CONNECTED, now_ms);
    assert_int_equal(up.due_ms, UINT64_MAX);
    step(&up, HF_GB_UP_EV_ACCEPTED, now_ms);
    assert_int_equal(up.failures, 0);
    assert_true(hf_gb_up_there(&up));
    assert_int_equal(up.expires_ms, now_ms + 3600000);
}

static void a_registration_that_breaks_is_renewed_soon_but_not_within_a_minute(void **state)
{
    static const enum hf_gb_up_event breaks[] = {HF_GB_UP_EV_LOST, HF_GB_UP_EV_SILENT, HF_GB_UP_EV_FORGOTTEN};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(breaks); i++) {
        struct hf_gb_up up = {0};

        register_at(&up, NOW);
        step(&up, breaks[i], NOW + 1000); /* the attempt was a second ago */
        assert_int_equal(up.due_ms, NOW + 60000);
        assert_int_equal(up.failures, 0);
        assert_int_equal(up.expires_ms, 0);
        register_at(&up, up.due_ms);
        step(&up, breaks[i], NOW + 10000000); /* long ago */
        assert_int_equal(up.due_ms, NOW + 10000000);
    }
}

static void what_is_asked_once_more_ends(void **state)
{
    struct hf_gb_up up = {0};

    (void)state;
    step(&up, HF_GB_UP_EV_START, NOW);
    step(&up, HF_GB_UP_EV_CONNECTED, NOW);
    for (unsigned i = 0; i < HF_GB_UP_AGAIN_MAX; i++)
        assert_int_equal(step(&up, HF_GB_UP_EV_AGAIN, NOW), HF_GB_UP_REGISTER_AGAIN);
    assert_int_equal(step(&up, HF_GB_UP_EV_AGAIN, NOW), HF_GB_UP_GIVE_UP);
    assert_int_equal(up.state, HF_GB_UP_WAITING);
    /* The next attempt may ask as often again. */
    step(&up, HF_GB_UP_EV_DUE, up.due_ms);
    step(&up, HF_GB_UP_EV_CONNECTED, NOW);
    assert_int_equal(step(&up, HF_GB_UP_EV_AGAIN, NOW), HF_GB_UP_REGISTER_AGAIN);
}

static void it_is_refreshed_before_it_ends(void **state)
{
    static const struct {
        uint32_t expires_s, random;
        uint64_t after_ms;
    } rows[] = {
        {3600, 0, 2880000}, {3600, UINT32_MAX, 2520000}, {86400, 0, 69120000}, {1, 0, 8000}, {0, 0, 8000}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_gb_up up = {.state = HF_GB_UP_REGISTERING};

        hf_gb_up_step(
            &up, HF_GB_UP_EV_ACCEPTED,
            &(struct hf_gb_up_news){.now_ms = NOW, .expires_s = rows[i].expires_s, .random = rows[i].random});
        assert_int_equal(up.due_ms, NOW + rows[i].after_ms);
    }
}

static void beats_count(void **state)
{
    struct hf_gb_up up = {0};

    (void)state;
    assert_false(hf_gb_up_beat(&up, false, 3));
    assert_false(hf_gb_up_beat(&up, false, 3));
    assert_false(hf_gb_up_beat(&up, true, 3));
    assert_false(hf_gb_up_beat(&up, false, 3));
    assert_false(hf_gb_up_beat(&up, false, 3));
    assert_true(hf_gb_up_beat(&up, false, 3));
    register_at(&up, NOW);
    assert_int_equal(up.missed, 0);
}

static void names_are_there(void **state)
{
    (void)state;
    assert_string_equal(hf_gb_up_state_name(HF_GB_UP_REGISTERED), "registered");
    assert_string_equal(hf_gb_up_state_name(HF_GB_UP_LEAVING), "leaving");
    assert_string_equal(hf_gb_up_state_name(HF_GB_UP_STATES), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_does_what_the_drawing_says),
        cmocka_unit_test(times_between_attempts_are_at_least_a_minute_and_grow),
        cmocka_unit_test(failures_in_a_row_count_and_a_success_forgets_them),
        cmocka_unit_test(a_registration_that_breaks_is_renewed_soon_but_not_within_a_minute),
        cmocka_unit_test(what_is_asked_once_more_ends),
        cmocka_unit_test(it_is_refreshed_before_it_ends),
        cmocka_unit_test(beats_count),
        cmocka_unit_test(names_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
