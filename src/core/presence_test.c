#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/presence.h"

enum { U = HF_UNKNOWN, N = HF_ONLINE, F = HF_OFFLINE, NONE = -1 };

/* TWIN-6, row by row and column by column; NONE = ignored and counted. */
static const int wanted[HF_PRESENCES][HF_EVIDENCES] = {
    /*               connected life  quiet silent bye lost restart expired auth */
    [HF_UNKNOWN] = {N, N, U, F, F, U, U, F, U},
    [HF_ONLINE] = {N, N, U, F, F, U, U, F, N},
    [HF_OFFLINE] = {N, NONE, NONE, NONE, NONE, NONE, F, NONE, F},
};

static void every_cell(void **state)
{
    (void)state;
    for (unsigned from = 0; from < HF_PRESENCES; from++)
        for (unsigned evidence = 0; evidence < HF_EVIDENCES; evidence++) {
            struct hf_presence_step step =
                hf_presence_apply((enum hf_presence)from, (enum hf_evidence)evidence);
            int to = wanted[from][evidence];

            assert_int_equal(step.ignored, to == NONE);
            assert_int_equal(step.next, to == NONE ? (int)from : to);
            assert_int_equal(step.changed,
                             to != NONE && (to != (int)from || evidence == HF_EVIDENCE_CONNECTED));
        }
}

static void names_and_silences(void **state)
{
    (void)state;
    assert_string_equal(hf_presence_name(HF_ONLINE), "online");
    assert_string_equal(hf_presence_name(HF_OFFLINE), "offline");
    assert_string_equal(hf_presence_name(HF_UNKNOWN), "unknown");
    assert_string_equal(hf_presence_name(77), "unknown");
    assert_int_equal(hf_presence_quiet_ms(30000), 45000);
    assert_int_equal(hf_presence_quiet_ms(3), 4);
    assert_int_equal(hf_presence_silent_ms(30000), 95000);
}

/* What an earlier start of the node recorded counts for less. */
static void rows_of_an_earlier_start(void **state)
{
    static const struct {
        enum hf_presence recorded;
        bool same_boot;
        uint64_t utc_ms;
        enum hf_presence read;
    } rows[] = {
        {HF_ONLINE, true, 500, HF_ONLINE},    {HF_UNKNOWN, true, 500, HF_UNKNOWN},
        {HF_OFFLINE, false, 50, HF_OFFLINE},  {HF_ONLINE, false, 99, HF_UNKNOWN},
        {HF_ONLINE, false, 100, HF_OFFLINE},  {HF_UNKNOWN, false, 99, HF_UNKNOWN},
        {HF_UNKNOWN, false, 100, HF_OFFLINE},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_presence_read(rows[i].recorded, rows[i].same_boot, rows[i].utc_ms, 100),
                         rows[i].read);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell),
        cmocka_unit_test(names_and_silences),
        cmocka_unit_test(rows_of_an_earlier_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
