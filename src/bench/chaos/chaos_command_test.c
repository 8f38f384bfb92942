#include "bench/chaos/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "bench/chaos/path.h"
#include "bench/chaos/profiles.h"

#define S UINT64_C(1000000)

enum { UP = 1 << HF_CHAOS_UP, DOWN = 1 << HF_CHAOS_DOWN };

static void commands_are_understood(void **state)
{
    static const struct {
        const char *line;
        struct hf_chaos_command want;
        const char *rest;
    } rows[] = {
        {"cut", {.kind = HF_CHAOS_COMMAND_CUT, .how = HF_CHAOS_END_RST, .share = 1}, ""},
        {"  cut\tfin 25% ",
         {.kind = HF_CHAOS_COMMAND_CUT, .how = HF_CHAOS_END_FIN, .share = 0.25},
         "fin 25%"},
        {"cut 0.5 rst", {.kind = HF_CHAOS_COMMAND_CUT, .how = HF_CHAOS_END_RST, .share = 0.5}, "0.5 rst"},
        {"silence",
         {.kind = HF_CHAOS_COMMAND_SILENCE, .directions = UP | DOWN, .time_us = HF_CHAOS_NEVER},
         ""},
        {"silence up 5s", {.kind = HF_CHAOS_COMMAND_SILENCE, .directions = UP, .time_us = 5 * S}, "up 5s"},
        {"silence 5s hold down",
         {.kind = HF_CHAOS_COMMAND_SILENCE, .directions = DOWN, .time_us = 5 * S, .hold = true},
         "5s hold down"},
        {"silence both forever",
         {.kind = HF_CHAOS_COMMAND_SILENCE, .directions = UP | DOWN, .time_us = HF_CHAOS_NEVER},
         "both forever"},
        {"refuse", {.kind = HF_CHAOS_COMMAND_REFUSE, .time_us = HF_CHAOS_NEVER}, ""},
        {"refuse 20ms", {.kind = HF_CHAOS_COMMAND_REFUSE, .time_us = 20000}, "20ms"},
        {"set loss=5%  rtt=1s", {.kind = HF_CHAOS_COMMAND_SET}, "loss=5%  rtt=1s"},
        {"profile f1", {.kind = HF_CHAOS_COMMAND_PROFILE}, "f1"},
        {"at 0 cut", {.kind = HF_CHAOS_COMMAND_AT, .time_us = 0}, "cut"},
        {"every 10s silence up 1s", {.kind = HF_CHAOS_COMMAND_EVERY, .time_us = 10 * S}, "silence up 1s"},
        {"heal", {.kind = HF_CHAOS_COMMAND_HEAL}, ""},
        {"clear", {.kind = HF_CHAOS_COMMAND_CLEAR}, ""},
        {"stats", {.kind = HF_CHAOS_COMMAND_STATS}, ""},
        {"faults", {.kind = HF_CHAOS_COMMAND_FAULTS}, ""},
        {"profiles", {.kind = HF_CHAOS_COMMAND_PROFILES}, ""},
        {"help", {.kind = HF_CHAOS_COMMAND_HELP}, ""},
        {"quit", {.kind = HF_CHAOS_COMMAND_QUIT}, ""},
    };
    char error[HF_CHAOS_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct hf_chaos_command *want = &rows[i].want;
        struct hf_chaos_command got;

        if (hf_chaos_command_parse(hf_slice_of(rows[i].line), &got, error) != HF_OK)
            fail_msg("%s: %s", rows[i].line, error);
        assert_int_equal(got.kind, want->kind);
        if (got.kind == HF_CHAOS_COMMAND_CUT)
            assert_true(got.how == want->how && got.share == want->share);
        if (got.kind == HF_CHAOS_COMMAND_SILENCE)
            assert_true(got.directions == want->directions && got.hold == want->hold);
        if (want->time_us > 0 || got.kind == HF_CHAOS_COMMAND_AT)
            assert_int_equal(got.time_us, want->time_us);
        assert_true(hf_slice_is(got.rest, rows[i].rest));
    }
}

static void others_are_refused_with_advice(void **state)
{
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"", "no command ''"},
        {"CUT", "no command 'CUT'"},
        {"cutx", "no command 'cutx'"},
        {"cut fast", "write cut [rst|fin] [SHARE]"},
        {"cut 5", "write cut"},
        {"silence 5", "write silence"},
        {"silence 0", "write silence"}, /* it would never be silent */
        {"silence loudly", "write silence"},
        {"refuse 5", "write refuse"},
        {"refuse 0", "write refuse"},
        {"heal now", "write heal"},
        {"stats all", "write stats"},
        {"set", "write set NAME=VALUE"},
        {"set loss=7", "write a share"},
        {"profile", "write profile NAME"},
        {"profile f1 f2", "write profile NAME"},
        {"at cut", "write at TIME COMMAND"},
        {"at 5s", "write at TIME COMMAND"},
        {"at 5 cut", "write at TIME COMMAND"},
        {"every 0 cut", "write every TIME COMMAND"},
        {"every forever cut", "write every TIME COMMAND"},
        {"at 5s dance", "no command 'dance'"},
        {"at 5s set loss=7", "write a share"},
        {"at 5s cut hard", "write cut [rst|fin]"},
        {"at 5s at 5s cut", "may not schedule"},
        {"every 5s every 5s cut", "may not schedule"},
    };
    char error[HF_CHAOS_ERROR_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_command got;

        if (hf_chaos_command_parse(hf_slice_of(rows[i].line), &got, error) != HF_ERR_INVALID ||
            strstr(error, rows[i].error) == NULL)
            fail_msg("'%s': %s", rows[i].line, error);
    }
}

static void a_line_need_not_end_in_nul(void **state)
{
    char error[HF_CHAOS_ERROR_BYTES];
    struct hf_chaos_command got;

    (void)state;
    assert_int_equal(hf_chaos_command_parse((struct hf_slice){"cut 10%%", 7}, &got, error), HF_OK);
    assert_true(got.share == 0.1);
    assert_int_equal(hf_chaos_command_parse((struct hf_slice){"cut\0fin", 7}, &got, error), HF_ERR_INVALID);
    assert_int_equal(hf_chaos_command_parse((struct hf_slice){"set loss=5%\0", 12}, &got, error),
                     HF_ERR_INVALID);
}

static void check_line(const char *line, unsigned transport)
{
    char error[HF_CHAOS_ERROR_BYTES];
    struct hf_chaos_command command;
    struct hf_chaos_faults faults;

    if (hf_chaos_command_parse(hf_slice_of(line), &command, error) != HF_OK)
        fail_msg("%s: %s", line, error);
    if (command.kind != HF_CHAOS_COMMAND_SET)
        return;
    hf_chaos_faults_init(&faults);
    assert_int_equal(hf_chaos_faults_set_all(&faults, command.rest, error), HF_OK);
    if (hf_chaos_faults_check(&faults, transport, error) != HF_OK)
        fail_msg("%s: %s", line, error);
}

static void profiles_speak_the_language(void **state)
{
    const struct hf_chaos_profile *profile;

    (void)state;
    for (unsigned i = 0; (profile = hf_chaos_profile_at(i)) != NULL; i++)
        for (unsigned transport = HF_CHAOS_TCP; transport <= HF_CHAOS_UDP; transport++) {
            if (!(profile->transports & transport))
                continue;
            for (size_t l = 0; l < HF_CHAOS_PROFILE_LINES_MAX && profile->lines[l] != NULL; l++)
                check_line(profile->lines[l], transport);
            if (profile->udp_line != NULL && transport == HF_CHAOS_UDP)
                check_line(profile->udp_line, transport);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_understood),
        cmocka_unit_test(others_are_refused_with_advice),
        cmocka_unit_test(a_line_need_not_end_in_nul),
        cmocka_unit_test(profiles_speak_the_language),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
