/* A camera that does not hear our BYE is told again, and not for ever. */
#include "adapter/gb28181/gb_call_testkit.h"

static unsigned last_cseq;

static void stop(void)
{
    begin();
    play();
    command("Stop", about(""));
    expect("\"ended\":true");
    read_method("BYE");
    last_cseq = (unsigned)kit.msg.cseq.number;
    assert_int_equal(kit_stats()->calls_now, 0); /* for everybody but the device */
    assert_int_equal(kit_stats()->ssrc_used_now, 0);
    assert_int_equal(kit_stats()->byes_now, 1);
}

/* Lets time pass, with keepalives, until another BYE comes than the last; repeats of that are passed over. Gives how many seconds it took; 0: none came. */
static unsigned until_next(unsigned seconds_max)
{
    for (unsigned s = 1; s <= seconds_max; s++) {
        kit_pass(1000);
        if (s % 30 == 0)
            assert_int_equal(kit_keepalive(), 200);
        while (kit_read())
            if (kit.msg.kind == HF_SIP_REQUEST && hf_slice_is(kit.msg.method_text, "BYE") &&
                kit.msg.cseq.number > last_cseq) {
                last_cseq = (unsigned)kit.msg.cseq.number;
                return s;
            }
    }
    return 0;
}

static void over(void)
{
    assert_int_equal(kit_stats()->byes_now, 0);
    (void)drain("");
    last_cseq = 0;
    assert_int_equal(until_next(200), 0);
    kit_crash(100, NULL); /* and no row is left */
    kit_pass(50);
    assert_int_equal(
        kit_stats()->calls_orphaned_now + kit_stats()->calls_restore_failed + kit_stats()->byes_now, 0);
    end();
}

static void any_answer_will_do(void **state)
{
    static const unsigned statuses[] = {200, 481, 500};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(statuses); i++) {
        stop();
        kit_reply(statuses[i], "so");
        assert_int_equal(kit_stats()->byes_again + kit_stats()->byes_unanswered, 0);
        over();
    }
}

static void a_bye_that_is_swallowed_is_said_again(void **state)
{
    (void)state;
    stop();
    assert_in_range(until_next(100), 61, 64); /* 32 s, and 30 more */
    assert_int_equal(kit_stats()->byes_unanswered, 1);
    assert_int_equal(kit_stats()->byes_again, 1);
    kit_reply(200, "OK");
    over();
}

static void but_not_for_ever(void **state)
{
    static const unsigned gaps[] = {62, 92, 152, 272};

    (void)state;
    stop();
    for (size_t i = 0; i < HF_COUNT_OF(gaps); i++)
        assert_in_range(until_next(400), gaps[i] - 1, gaps[i] + 2);
    assert_int_equal(until_next(400), 0);
    assert_int_equal(kit_stats()->byes_unanswered, HF_GB_BYE_TRIES_MAX);
    assert_int_equal(kit_stats()->byes_given_up, 1);
    expect_event("gb/call {\"event\":\"unheard\",\"call\":\"");
    expect_event("\"kind\":\"play\",\"channel\":\"" CHANNEL "\",\"reason\":\"bye_unanswered\",\"tries\":5}");
    over();
}

static void as_soon_as_it_registers_anew(void **state)
{
    (void)state;
    stop();
    assert_int_equal(until_next(34), 0);
    assert_int_equal(kit_stats()->byes_unanswered, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_in_range(until_next(2), 1, 2);
    kit_reply(200, "OK");
    over();
}

static void when_it_is_back_after_a_silence(void **state)
{
    (void)state;
    stop();
    for (unsigned i = 0; i < 400; i++) { /* it is taken for gone */
        kit_pass(1000);
        (void)drain("");
    }
    assert_int_equal(kit_stats()->devices, 0);
    assert_int_equal(kit_stats()->byes_now, 0);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_in_range(until_next(2), 1, 2);
    assert_int_equal(kit_stats()->calls_orphaned_now, 0);
    kit_reply(200, "OK");
    over();
}

static void a_session_whose_camera_went_silent_is_ended_when_it_is_back(void **state)
{
    (void)state;
    begin();
    play();
    last_cseq = (unsigned)invite.msg.cseq.number;
    for (unsigned i = 0; i < 400; i++) {
        kit_pass(1000);
        (void)drain("");
    }
    assert_int_equal(kit_stats()->devices, 0);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_in_range(until_next(2), 1, 2);
    kit_reply(481, "gone");
    over();
}

/* Its media went to a media server, and it would go on if it stood. */
static void a_crash_does_not_forget_it(void **state)
{
    static const unsigned seconds[] = {1 /* nobody had the time to answer */, 34 /* nobody answered */};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(seconds); i++) {
        stop();
        assert_int_equal(until_next(seconds[i]), 0);
        kit_crash(5000, NULL);
        last_cseq -= i == 0; /* its number was not written down */
        assert_in_range(until_next(2), 1, 2);
        assert_int_equal(kit_stats()->calls_resumed, 0);
        assert_int_equal(kit_stats()->calls_restart_ended, 0);
        kit_reply(200, "OK");
        over();
    }
}

static void without_room_it_is_said_once(void **state)
{
    static const struct hf_gb_options one = {.calls_max = 1};

    (void)state;
    kit_begin(&one);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    play();
    command("Stop", about(""));
    expect("\"ended\":true");
    read_method("BYE");
    play();
    command("Stop", about(""));
    expect("\"ended\":true");
    read_method("BYE");
    assert_int_equal(kit_stats()->byes_now, 1);
    assert_int_equal(kit_stats()->byes_full, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answer_will_do),
        cmocka_unit_test(a_bye_that_is_swallowed_is_said_again),
        cmocka_unit_test(but_not_for_ever),
        cmocka_unit_test(as_soon_as_it_registers_anew),
        cmocka_unit_test(when_it_is_back_after_a_silence),
        cmocka_unit_test(a_session_whose_camera_went_silent_is_ended_when_it_is_back),
        cmocka_unit_test(a_crash_does_not_forget_it),
        cmocka_unit_test(without_room_it_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
