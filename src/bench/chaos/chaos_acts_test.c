#include "bench/chaos/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

enum { BEGIN = 1000 };

/* Runs the plan to `until`, late by `late` each time, and writes "S10 C15 ..." with times from the begin. */
static void play(const struct hf_chaos_acts_options *options, uint64_t until, uint64_t late, char *out,
                 size_t out_bytes)
{
    struct hf_chaos_acts acts;
    uint64_t next;
    size_t used = 0;

    hf_chaos_acts_init(&acts, options, BEGIN);
    out[0] = '\0';
    while ((next = hf_chaos_acts_next_us(&acts)) <= BEGIN + until) {
        enum hf_chaos_act act;

        assert_true(next == BEGIN || hf_chaos_acts_take(&acts, next - 1) == HF_CHAOS_ACT_NONE);
        while ((act = hf_chaos_acts_take(&acts, next + late)) != HF_CHAOS_ACT_NONE)
            used += (size_t)snprintf(out + used, out_bytes - used, "%c%u ", "-SCK"[act],
                                     (unsigned)(next + late - BEGIN));
    }
}

static void acts_come_in_their_time(void **state)
{
    static const struct {
        struct hf_chaos_acts_options options;
        uint64_t late;
        const char *want;
    } rows[] = {
        {{.stop_us = 5}, 0, "S0 C5 "},
        {{.stop_us = 5, .first_us = 7}, 0, "S7 C12 "},
        {{.stop_us = 5, .every_us = 30}, 0, "S0 C5 S30 C35 S60 C65 S90 C95 "},
        {{.stop_us = 9, .every_us = 10, .kill_us = 25}, 0, "S0 C9 S10 C19 S20 K25 "},
        {{.kill_us = 25}, 0, "K25 "},
        {{.stop_us = 50, .first_us = 10, .kill_us = 10}, 0, "K10 "},
        /* Late each time: it is stopped as long as was said, and stops that were missed are not made up. */
        {{.stop_us = 5, .every_us = 10}, 20, "S20 C45 S70 C95 "},
    };
    char got[256];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        play(&rows[i].options, 99 - rows[i].late, rows[i].late, got, sizeof(got));
        assert_string_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(acts_come_in_their_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
