#include "app/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Every no is followed by a release, whatever the log does meanwhile: one script per row, 'p' a device asks while there is room and passes, 'w' it asks while
 * there is room and must wait, 'f' it asks while there is none, 'T' a turn ends with room, 'F' without, upper case 'R' a turn ends with room and releases. */
static void whoever_waits_is_released(void **state)
{
    static const struct {
        const char *name, *script;
    } rows[] = {
        {"open", "ppTpT"},
        {"closed at the end of a turn", "pfFwFR"},
        {"closed and open again within a turn", "pfR"},
        {"a no holds for the rest of the turn", "fwwRp"},
        {"closed while nobody asks", "FRp"},
        {"released once", "fRTT"},
        {"closed again by those who were released", "fRfRT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hf_gate gate = {0};

        print_message("%s\n", rows[i].name);
        for (const char *at = rows[i].script; *at != 0; at++)
            switch (*at) {
            case 'p': assert_true(hf_gate_may_pass(&gate, true)); break;
            case 'w': assert_false(hf_gate_may_pass(&gate, true)); break;
            case 'f': assert_false(hf_gate_may_pass(&gate, false)); break;
            case 'T': assert_false(hf_gate_opens(&gate, true)); break;
            case 'F': assert_false(hf_gate_opens(&gate, false)); break;
            case 'R': assert_true(hf_gate_opens(&gate, true)); break;
            default: fail();
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whoever_waits_is_released)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
