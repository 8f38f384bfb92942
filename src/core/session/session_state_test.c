#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/session/state.h"

/* WS-11 as the specification prints it: the state that follows, - refused, i ignored. One row per state, one column per event. */
static void every_cell(void **state)
{
    static const struct {
        enum hf_link_state from;
        const char *cells;
    } rows[] = {
        /* hs_ok hs_fail healthy sick silent local_close peer_close lost closed; the letter is that of the next state */
        {HF_LINK_HANDSHAKING, "CX---XXX-"},  {HF_LINK_CONNECTED, "--CDGGGX-"},
        {HF_LINK_DEGRADED, "--CDGGGX-"},     {HF_LINK_DISCONNECTING, "--iiiiGXX"},
        {HF_LINK_DISCONNECTED, "---------"},
    };
    static const char letters[] = "HCDGX";

    (void)state;
    assert_int_equal(HF_COUNT_OF(rows), HF_LINK_STATES);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (unsigned event = 0; event < HF_LINK_EVENTS; event++) {
            char want = rows[i].cells[event];
            struct hf_link_step step = hf_link_apply(rows[i].from, (enum hf_link_event)event);

            assert_int_equal(step.refused, want == '-');
            assert_int_equal(step.ignored, want == 'i');
            if (want == '-' || want == 'i')
                assert_int_equal(step.next, rows[i].from);
            else
                assert_int_equal(letters[step.next], want);
        }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(hf_link_state_name(HF_LINK_HANDSHAKING), "handshaking");
    assert_string_equal(hf_link_state_name(HF_LINK_DISCONNECTED), "disconnected");
    assert_string_equal(hf_link_state_name(HF_LINK_STATES), "unknown");
    assert_string_equal(hf_link_event_name(HF_LINK_EV_HS_OK), "hs_ok");
    assert_string_equal(hf_link_event_name(HF_LINK_EV_CLOSED), "closed");
    assert_string_equal(hf_link_event_name(HF_LINK_EVENTS), "unknown");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell), cmocka_unit_test(names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
