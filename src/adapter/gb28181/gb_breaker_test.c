/* GB-18: the breaker of a device, and who is asked what while it is open. */
#include "adapter/gb28181/gb_call_testkit.h"

enum { ORDERS_MAX = 32 };

static struct tk_reply orders[ORDERS_MAX];

/* Orders that nobody answers: each is told "unconfirmed" after sip_wait_ms. At most as many at once as one device takes. */
static void unanswered(unsigned count)
{
    assert_true(count <= HF_GB_OPEN_MAX);
    for (unsigned i = 0; i < count; i++)
        kit_command(&orders[i], CAMERA, "PTZCmd", "\"A50F010000000066\"");
    (void)drain("");
    kit_pass(HF_GB_SIP_WAIT_MS + 50);
    (void)drain("");
    for (unsigned i = 0; i < count; i++)
        assert_true(orders[i].done);
}

static const char *described(void)
{
    static char text[2048];

    hf_gb_describe(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)), text, sizeof(text));
    return text;
}

static void expect_state(const char *want)
{
    if (strstr(described(), want) == NULL)
        fail_msg("%s instead of %s", described(), want);
}

/* The device answers whatever question of ours comes next, and which it is is returned. */
static void answer_question(const char *method)
{
    read_method(method);
    kit_reply(200, "OK");
    kit_pass(0);
}

static void refused(const char *name, const char *json)
{
    command(name, json);
    expect("failed {\"confirmed\":false,\"reason\":\"breaker_open\"");
    assert_int_equal(drain("MESSAGE") + drain("INVITE") + drain("INFO"), 0);
}

static void who_answers_nothing_is_not_asked(void **state)
{
    (void)state;
    begin();
    unanswered(4);
    expect_state("\"breaker\":{\"state\":\"closed\",\"results\":4,\"good\":0}");
    assert_int_equal(kit_stats()->breakers_opened, 0);
    unanswered(1);
    expect_event("gb/breaker {\"state\":\"open\",\"results\":5,\"good\":0,\"attempt\":0,\"open_ms\":0}");
    expect_state("\"breaker\":{\"state\":\"open\"");
    assert_int_equal(kit_stats()->breakers_opened, 1);
    assert_int_equal(kit_stats()->breakers_open_now, 1);
    uint64_t commands = kit_stats()->commands;
    refused("PTZCmd", "\"A50F010000000066\"");
    refused("DeviceInfo", "{}");
    refused("Play", PLAY);
    assert_int_equal(kit_stats()->breaker_refused, 3);
    assert_int_equal(kit_stats()->commands, commands);
    assert_int_equal(kit_stats()->calls_now, 0);
    command("Nonsense", "{}"); /* what can never be sent is said as before */
    expect("\"reason\":\"bad_request\"");

    kit_pass(1100);
    assert_int_equal(kit_stats()->breaker_probes, 1);
    expect_state("\"state\":\"half_open\"");
    read_method("MESSAGE");
    refused("DeviceInfo", "{}"); /* commands are no probes */
    kit_reply(200, "OK");
    expect_event("gb/breaker {\"state\":\"closed\",\"results\":0,\"good\":0}");
    assert_int_equal(kit_stats()->breakers_closed, 1);
    assert_int_equal(kit_stats()->breakers_open_now, 0);
    command("PTZCmd", "\"A50F010000000066\"");
    answer_question("MESSAGE");
    expect("done {\"confirmed\":true");
    end();
}

/* Any answer of SIP is one; a refusal too. */
static void a_refusal_is_an_answer(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 10; i++) {
        command("PTZCmd", "\"A50F010000000066\"");
        read_method("MESSAGE");
        kit_reply(500, "Server Internal Error");
        expect("failed");
    }
    expect_state("\"breaker\":{\"state\":\"closed\",\"results\":10,\"good\":10}");
    end();
}

/* Probes go to and fro between the two questions, because some devices know only one. */
static void who_knows_only_options_is_found(void **state)
{
    (void)state;
    begin();
    unanswered(5);
    kit_pass(1100);
    read_method("MESSAGE");
    kit_pass(5100); /* its time is over */
    expect_state("\"state\":\"open\"");
    expect_state("\"attempt\":1");
    (void)drain("");
    kit_pass(1100);
    read_method("OPTIONS");
    assert_true(kit_has("OPTIONS sip:" CAMERA "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_true(kit_has("Accept: "));
    kit_reply(501, "Not Implemented"); /* it is there, whatever it thinks of the question */
    kit_pass(0);
    expect_state("\"state\":\"closed\"");
    /* The next time it is asked like that first. */
    unanswered(5);
    kit_pass(1100);
    answer_question("OPTIONS");
    assert_int_equal(kit_stats()->breakers_closed, 2);
    end();
}

/* Beats that came are results, also those of before anything failed. */
static void beats_count(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 15; i++) {
        kit_pass(60000);
        assert_int_equal(kit_keepalive(), 200);
    }
    assert_null(strstr(described(), "breaker")); /* nothing was asked, nothing is kept */
    unanswered(1);
    expect_state("\"breaker\":{\"state\":\"closed\",\"results\":11,\"good\":10}"); /* of ten minutes */
    assert_int_equal(kit_keepalive(), 200);
    expect_state("\"results\":12,\"good\":11}");
    unanswered(8);
    unanswered(7); /* four of the last twenty are good */
    assert_int_equal(kit_stats()->breakers_opened, 0);
    unanswered(1);
    assert_int_equal(kit_stats()->breakers_opened, 1);
    end();
}

static void a_call_that_nobody_answers_counts(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 5; i++) {
        command("Play", PLAY);
        kit_pass(HF_GB_CALL_SETUP_MS + 50);
        kit_pass(50);
        assert_true(reply.done);
        (void)drain("");
    }
    assert_int_equal(kit_stats()->breakers_opened, 1);
    refused("Play", PLAY);
    end();
    begin();
    for (unsigned i = 0; i < 6; i++) { /* one that rings is there */
        command("Play", PLAY);
        read_invite();
        answer(180, NULL);
        kit_pass(HF_GB_CALL_SETUP_MS + 50);
        read_method("CANCEL");
        kit_pass(50);
        assert_true(reply.done);
        answer(487, NULL);
        (void)drain("");
    }
    assert_int_equal(kit_stats()->breakers_opened, 0);
    end();
}

/* What lets go of something, or asks nothing of the device, is done all the same. */
static void sessions_can_be_ended(void **state)
{
    static char call[256];

    (void)state;
    begin();
    play();
    (void)snprintf(call, sizeof(call), "%s", about(""));
    unanswered(6); /* the INVITE was answered: one of seven */
    assert_int_equal(kit_stats()->breakers_open_now, 1);
    command("Play", PLAY); /* joins what is there: nothing is sent */
    expect("\"joined\":true");
    refused("Play", "{\"channel\":\"34020000001310000002\"," TO "}");
    command("Calls", "{}");
    expect("done");
    command("Subscribe", "{\"event\":\"alarm\"}"); /* a setting */
    kit_pass(50);
    assert_null(strstr(result(), "breaker_open"));
    command("Stop", call);
    expect("done");
    command("Stop", call);
    expect("done");
    assert_int_equal(drain("BYE"), 1);
    end();
}

/* Who has lost its stream cannot be probed; it is when it is back. */
static void a_lost_stream_waits(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 6000);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    unanswered(5);
    assert_int_equal(kit_stats()->breakers_open_now, 1);
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(6000);
    assert_int_equal(kit_stats()->breaker_probes, 0);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 6001);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(5100);
    assert_int_equal(kit_stats()->breaker_probes, 1);
    answer_question("MESSAGE");
    assert_int_equal(kit_stats()->breakers_open_now, 0);
    kit_end();
}

/* While it is suspect and open there is one prober: the breaker's. Whoever leaves takes it along. */
static void a_silent_camera_is_probed_until_it_ends(void **state)
{
    (void)state;
    begin();
    for (unsigned ms = 0; ms < 180000; ms += 1000) {
        kit_pass(1000);
        (void)drain("");
        assert_true(kit_stats()->requests_now <= HF_GB_OPEN_MAX);
    }
    assert_int_equal(kit_stats()->breakers_open_now, 1); /* the beat it missed, and our questions */
    assert_in_range(kit_stats()->breaker_probes, 4, 25);
    kit_pass(10000);
    (void)drain("");
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_stats()->breakers_open_now, 0);
    assert_int_equal(kit_stats()->requests_now, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* and comes back with a clean one */
    assert_null(strstr(described(), "breaker"));
    end();
}

/* Who is asked more slowly than the breaker waits: the late answer of an old probe decides nothing for the new one. */
static void late_probes_do_not_count(void **state)
{
    struct hf_gb_options options = {.limits = {.sip_wait_ms = 20000}};

    (void)state;
    begin_with(&options);
    for (unsigned i = 0; i < 5; i++)
        kit_command(&orders[i], CAMERA, "PTZCmd", "\"A50F010000000066\"");
    (void)drain("");
    kit_pass(20100);
    (void)drain("");
    assert_int_equal(kit_stats()->breakers_open_now, 1);
    kit_pass(1100);
    read_method("MESSAGE");
    struct hf_sip_msg first = kit.msg;
    static char text[KIT_TEXT_MAX];
    memcpy(text, kit.text, sizeof(text));
    kit_pass(5100);
    expect_state("\"attempt\":1"); /* no longer waited for */
    (void)drain("");
    kit_pass(1100);
    expect_state("\"state\":\"half_open\"");
    read_method("OPTIONS");
    assert_int_equal(hf_sip_parse(text, strlen(text), true, NULL, &first), HF_OK);
    kit.msg = first;
    kit_reply(200, "OK");
    kit_pass(0);
    expect_state("\"state\":\"half_open\"");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_answers_nothing_is_not_asked),
        cmocka_unit_test(a_refusal_is_an_answer),
        cmocka_unit_test(who_knows_only_options_is_found),
        cmocka_unit_test(beats_count),
        cmocka_unit_test(a_call_that_nobody_answers_counts),
        cmocka_unit_test(sessions_can_be_ended),
        cmocka_unit_test(a_lost_stream_waits),
        cmocka_unit_test(a_silent_camera_is_probed_until_it_ends),
        cmocka_unit_test(late_probes_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
