#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/session/resume.h"

/* The table of RC-7 and section 5 of the protocol, with its borders. */
static void the_table(void **state)
{
    static const struct {
        struct hf_resume_query
            query; /* asked, known, other_device, silent, resume, position, retained, sent */
        struct hf_resume_answer want;
    } rows[] = {
        /* none asked for: whatever else is known */
        {{false, false, false, 0, 300000, 0, 1, 0}, {HF_RESUME_NEW, HF_REASON_NONE, 0, 0}},
        {{false, true, true, 900000, 300000, 9, 5, 3}, {HF_RESUME_NEW, HF_REASON_NONE, 0, 0}},
        /* known, in time, retained */
        {{true, true, false, 0, 300000, 0, 1, 0}, {HF_RESUME_RESUMED, HF_REASON_NONE, 0, 0}},
        {{true, true, false, 299999, 300000, 5, 3, 9}, {HF_RESUME_RESUMED, HF_REASON_NONE, 0, 0}},
        {{true, true, false, 1, 300000, 9, 3, 9}, {HF_RESUME_RESUMED, HF_REASON_NONE, 0, 0}},
        {{true, true, false, 1, 300000, 9, 10, 9},
         {HF_RESUME_RESUMED, HF_REASON_NONE, 0, 0}}, /* nothing retained, nothing missing */
        {{true, true, false, 1, 300000, 2, 3, 9},
         {HF_RESUME_RESUMED, HF_REASON_NONE, 0, 0}}, /* the oldest is the next */
        /* older than the oldest retained */
        {{true, true, false, 1, 300000, 1, 3, 9}, {HF_RESUME_REBUILT, HF_REASON_GAP, 2, 2}},
        {{true, true, false, 1, 300000, 0, 7, 9}, {HF_RESUME_REBUILT, HF_REASON_GAP, 1, 6}},
        {{true, true, false, 1, 300000, 4, 10, 9}, {HF_RESUME_REBUILT, HF_REASON_GAP, 5, 9}},
        /* too late: exactly 300.000 s counts as over */
        {{true, true, false, 300000, 300000, 5, 3, 9}, {HF_RESUME_REBUILT, HF_REASON_EXPIRED, 0, 0}},
        {{true, true, false, 300001, 300000, 0, 7, 9}, {HF_RESUME_REBUILT, HF_REASON_EXPIRED, 0, 0}},
        {{true, true, false, 0, 0, 5, 3, 9}, {HF_RESUME_REBUILT, HF_REASON_EXPIRED, 0, 0}},
        {{true, true, false, UINT64_MAX, 300000, 5, 3, 9}, {HF_RESUME_REBUILT, HF_REASON_EXPIRED, 0, 0}},
        /* unknown: no position says anything */
        {{true, false, false, 0, 300000, 99, 3, 9}, {HF_RESUME_REBUILT, HF_REASON_UNKNOWN_SESSION, 0, 0}},
        /* another device's, in time or not, and even with an impossible position */
        {{true, true, true, 0, 300000, 5, 3, 9}, {HF_RESUME_FORBIDDEN, HF_REASON_IDENTITY_MISMATCH, 0, 0}},
        {{true, true, true, 300000, 300000, 99, 3, 9},
         {HF_RESUME_FORBIDDEN, HF_REASON_IDENTITY_MISMATCH, 0, 0}},
        {{true, false, true, 0, 300000, 5, 3, 9}, {HF_RESUME_FORBIDDEN, HF_REASON_IDENTITY_MISMATCH, 0, 0}},
        /* beyond what was sent, in time or not */
        {{true, true, false, 1, 300000, 10, 3, 9}, {HF_RESUME_BROKEN, HF_REASON_SESSION_BROKEN, 0, 0}},
        {{true, true, false, 300000, 300000, 10, 3, 9}, {HF_RESUME_BROKEN, HF_REASON_SESSION_BROKEN, 0, 0}},
        {{true, true, false, 1, 300000, UINT64_MAX, 3, 9},
         {HF_RESUME_BROKEN, HF_REASON_SESSION_BROKEN, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_resume_answer answer = hf_resume_decide(&rows[i].query);

        assert_int_equal(answer.resume, rows[i].want.resume);
        assert_int_equal(answer.reason, rows[i].want.reason);
        assert_int_equal(answer.gap_from, rows[i].want.gap_from);
        assert_int_equal(answer.gap_to, rows[i].want.gap_to);
    }
}

/* Whatever is asked, a gap that is told lies between the position and what is retained, and a resumed session misses nothing. */
static void a_gap_is_what_is_missing(void **state)
{
    (void)state;
    for (uint64_t position = 0; position < 12; position++)
        for (uint64_t retained = 1; retained < 12; retained++) {
            struct hf_resume_query query = {.asked = true,
                                            .known = true,
                                            .resume_ms = 1,
                                            .position = position,
                                            .retained_from = retained,
                                            .sent_through = 11};
            struct hf_resume_answer answer = hf_resume_decide(&query);

            if (answer.resume == HF_RESUME_RESUMED)
                assert_true(position + 1 >= retained);
            else
                assert_true(answer.gap_from == position + 1 && answer.gap_from <= answer.gap_to &&
                            answer.gap_to + 1 == retained);
        }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(the_table),
                                              cmocka_unit_test(a_gap_is_what_is_missing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
