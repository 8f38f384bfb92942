/* GB-17, GB-20: what becomes of sessions when the gateway is killed. */
#include "adapter/gb28181/gb_call_testkit.h"

static const struct hf_gb_options relayed = {.media = &relay_ops, .media_context = &relay};

static void crash(uint64_t away_ms, const struct hf_gb_options *with)
{
    kit_crash(away_ms, with);
    kit_pass(50);
}

static void call_of(char ret_call[64])
{
    (void)snprintf(ret_call, 64, "{\"call\":\"%s\"}", call_id());
}

/* The BYE that belongs to our last INVITE, with the number after what was used. */
static void expect_bye(unsigned cseq)
{
    char line[64];

    read_method("BYE");
    (void)snprintf(line, sizeof(line), "CSeq: %u BYE\r\n", cseq);
    assert_true(kit_has(line));
    assert_true(kit_has("BYE sip:" CHANNEL "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_true(hf_slice_eq(kit.msg.call_id, invite.msg.call_id));
    assert_true(hf_slice_eq(kit.msg.from.tag, invite.msg.from.tag));
    assert_true(hf_slice_is(kit.msg.to.tag, "cam"));
    assert_true(hf_sip_flow_same_peer(&kit.to, &kit.flow));
    kit_reply(200, "OK");
}

static void expect_nothing_left(const struct hf_gb_options *with)
{
    kit_pass(100000); /* whatever SIP waits for is over */
    (void)drain("");
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(kit_stats()->owned_reclaimed, 0);
    crash(100, with);
    assert_int_equal(kit_stats()->calls_resumed + kit_stats()->calls_restart_ended +
                         kit_stats()->calls_orphaned_now + kit_stats()->calls_restore_failed,
                     0);
    assert_int_equal(drain("BYE"), 0);
}

static void what_goes_to_a_media_server_goes_on(void **state)
{
    char call[64], about_it[64];

    (void)state;
    begin();
    play();
    call_of(call);
    unsigned cseq = (unsigned)invite.msg.cseq.number;
    for (unsigned i = 0; i < 2; i++) { /* as often as it likes */
        crash(5000, NULL);
        assert_int_equal(drain("BYE"), 0);
        assert_int_equal(kit_stats()->calls_resumed, 1);
        assert_int_equal(kit_stats()->calls_now, 1);
        assert_int_equal(kit_stats()->ssrc_used_now, 1); /* nobody else gets its number */
        assert_int_equal(kit_stats()->calls, 0);
    }
    (void)snprintf(about_it, sizeof(about_it), "gb/call {\"event\":\"resumed\",\"call\":\"%.16s\"", call + 9);
    expect_event(about_it);
    command("Play", PLAY); /* whoever asks now joins it */
    expect("\"joined\":true");
    assert_non_null(strstr(result(), "\"users\":2"));
    command("Calls", "{}");
    expect("\"state\":\"connected\",\"users\":2,\"transport\":\"udp\",\"relayed\":false,\"to\":{\"host\":"
           "\"203.0.113.7\",\"port\":30000}");
    crash(5000, NULL); /* and is not forgotten */
    command("Stop", call);
    expect("\"users\":1");
    command("Stop", call);
    expect("\"ended\":true");
    expect_bye(cseq + 1);
    expect_nothing_left(NULL);
    end();
}

static void what_went_through_the_relay_is_ended(void **state)
{
    (void)state;
    begin_relayed();
    command("Play", "{\"channel\":\"" CHANNEL "\"}");
    relay_tells(HF_GB_MEDIA_OPENED);
    read_invite();
    answer(200, SDP);
    expect("done {\"confirmed\":true");
    crash(100, &relayed);
    expect_bye((unsigned)invite.msg.cseq.number + 1);
    expect_event("\"by\":\"us\",\"reason\":\"gateway_restarted\"");
    assert_int_equal(kit_stats()->calls_restart_ended, 1);
    assert_int_equal(kit_stats()->calls_by_us, 1);
    assert_int_equal(drain("BYE"), 0);                  /* once */
    assert_int_equal(kit_stats()->ssrc_resting_now, 1); /* packets of it may still arrive */
    expect_nothing_left(&relayed);
    end();
}

static void the_way_of_its_requests_is_known(void **state)
{
    char call[64];

    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer_with(200, "cam", CONTACT "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n", SDP);
    expect("done {\"confirmed\":true");
    call_of(call);
    crash(5000, NULL);
    command("Stop", call);
    expect("\"ended\":true");
    read_method("BYE");
    assert_true(kit_has("Route: <sip:p2.example;lr>\r\nRoute: <sip:p1.example;lr>\r\n"));
    end();
}

static void a_playback_is_where_it_would_be(void **state)
{
    char call[64];

    (void)state;
    begin();
    command("Playback", "{\"channel\":\"" CHANNEL "\",\"from\":1767225600,\"until\":1767229200," TO "}");
    read_invite();
    answer(200, SDP);
    read_method("ACK");
    expect("done {\"confirmed\":true");
    call_of(call);
    (void)snprintf(call + strlen(call) - 1, 20, ",\"scale\":4}");
    command("Speed", call);
    read_method("INFO");
    kit_reply(200, "OK");
    expect("done");
    call_of(call);
    crash(100000, NULL);
    command("Calls", "{}");
    expect("\"scale\":4,\"paused\":false");
    const char *at = strstr(result(), "\"position_ms\":");
    assert_non_null(at);
    assert_in_range(strtoull(at + 14, NULL, 10), 400000, 402000);
    command("Stop", call);
    expect("\"ended\":true");
    expect_bye((unsigned)invite.msg.cseq.number + 2); /* the INFO has one, too */
    expect_nothing_left(NULL);
    end();
}

static void the_device_may_end_it(void **state)
{
    (void)state;
    begin();
    play();
    crash(5000, NULL);
    device_says("BYE", "", "");
    assert_int_equal(kit_status(), 200);
    expect_event("\"by\":\"device\",\"reason\":\"bye\"");
    assert_int_equal(kit_stats()->byes_unknown, 0);
    expect_nothing_left(NULL);
    end();
    begin(); /* and before */
    play();
    device_says("BYE", "", "");
    assert_int_equal(kit_status(), 200);
    expect_nothing_left(NULL);
    end();
}

/* It answers a BYE that nobody could send before. */
static void a_stream_that_is_lost_is_waited_for(void **state)
{
    (void)state;
    kit_begin(&relayed);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5060);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    memset(&relay, 0, sizeof(relay));
    command("Play", "{\"channel\":\"" CHANNEL "\"}");
    relay_tells(HF_GB_MEDIA_OPENED);
    read_invite();
    answer(200, SDP);
    expect("done {\"confirmed\":true");
    crash(100, &relayed);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    assert_int_equal(drain("BYE"), 0);
    kit_pass(90000); /* longer than an end may take */
    kit.flow = kit_flow(HF_SIP_TCP, 10, 6001);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    expect_bye((unsigned)invite.msg.cseq.number + 1);
    assert_int_equal(kit_stats()->calls_orphaned_now, 0);
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(drain("BYE"), 0);
    kit_end();
}

/* Its registration ran out meanwhile: for a gateway that was there the session would have ended with it. */
static void whoever_comes_back_later_is_told_to_stop(void **state)
{
    (void)state;
    begin();
    play();
    crash(4000000, NULL);
    assert_int_equal(kit_stats()->restored, 0);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    assert_int_equal(kit_answer(CAMERA, 3600), 200);
    expect_bye((unsigned)invite.msg.cseq.number + 1);
    assert_int_equal(kit_stats()->calls_resumed, 0);
    assert_int_equal(kit_stats()->calls_orphaned_now, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(drain("BYE"), 0);
    expect_nothing_left(NULL);
    end();
}

static void after_a_day_it_is_forgotten(void **state)
{
    (void)state;
    begin();
    play();
    crash(HF_GB_CALL_REMEMBER_MS + 1000, NULL);
    assert_int_equal(kit_stats()->calls_forgotten, 1);
    assert_int_equal(kit_stats()->calls_orphaned_now, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(drain("BYE"), 0);
    expect_nothing_left(NULL);
    end();
}

/* The gateway that runs for long forgets it, too. */
static void it_is_forgotten_in_time(void **state)
{
    (void)state;
    begin();
    play();
    crash(4000000, NULL); /* its registration is over */
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    for (unsigned hours = 0; hours < 25; hours++) {
        assert_int_equal(kit_stats()->calls_forgotten, hours < 23 ? 0 : kit_stats()->calls_forgotten);
        kit_pass(HF_GB_CALLS_LOOK_MS);
        kit_pass(100);
    }
    assert_int_equal(kit_stats()->calls_forgotten, 1);
    assert_int_equal(kit_stats()->calls_orphaned_now, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(drain("BYE"), 0);
    expect_nothing_left(NULL);
    end();
}

/* More than one step looks at. */
static void all_of_them(void **state)
{
    enum { CALLS = 80 };
    char json[128];

    (void)state;
    begin_relayed();
    for (unsigned i = 0; i < CALLS; i++) {
        (void)snprintf(json, sizeof(json), "{\"channel\":\"340200000013100%05u\"}", i);
        command("Play", json);
        relay_tells(HF_GB_MEDIA_OPENED);
        read_invite();
        answer(200, SDP);
        expect("done {\"confirmed\":true");
        kit_pass(60); /* as many commands as one device gets in a second */
        (void)drain("");
    }
    kit_crash(100, &relayed);
    unsigned byes = 0;
    for (unsigned i = 0; i < 10; i++) {
        kit_pass(20);
        byes += drain("BYE");
    }
    assert_int_equal(byes, CALLS);
    assert_int_equal(kit_stats()->calls_restart_ended, CALLS);
    end();
}

static void records_that_are_none(void **state)
{
    static const char *const rows[] = {
        "{}",
        "no json",
        "{\"kind\":\"play\",\"channel\":\"123456789012345678901234567890\"}",
        "[]",
    };

    (void)state;
    begin();
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_hub_camera_call(&kit.tk->hub, kit.tk->tenant.name, HF_SLICE(CAMERA), 100 + i,
                                            hf_slice_of(rows[i])),
                         HF_OK);
    crash(100, NULL);
    assert_int_equal(kit_stats()->calls_restore_failed, HF_COUNT_OF(rows));
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(drain("BYE"), 0);
    expect_nothing_left(NULL);
    end();
}

/* Where there is no room its row waits for the next start. */
static void no_room_loses_nothing(void **state)
{
    static const struct hf_gb_options narrow = {.calls_max = 1};
    unsigned resumed = 0;

    (void)state;
    begin();
    play();
    command("Play", "{\"channel\":\"34020000001310000002\"," TO "}");
    read_invite();
    answer(200, SDP);
    expect("done {\"confirmed\":true");
    crash(100, &narrow);
    assert_int_equal(kit_stats()->calls_resumed, 1);
    assert_int_equal(kit_stats()->calls_full, 1);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1); /* looked at again in an hour */
    crash(100, NULL);
    resumed += (unsigned)kit_stats()->calls_resumed;
    assert_int_equal(resumed, 2);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_to_a_media_server_goes_on),
        cmocka_unit_test(what_went_through_the_relay_is_ended),
        cmocka_unit_test(the_way_of_its_requests_is_known),
        cmocka_unit_test(a_playback_is_where_it_would_be),
        cmocka_unit_test(the_device_may_end_it),
        cmocka_unit_test(a_stream_that_is_lost_is_waited_for),
        cmocka_unit_test(whoever_comes_back_later_is_told_to_stop),
        cmocka_unit_test(after_a_day_it_is_forgotten),
        cmocka_unit_test(it_is_forgotten_in_time),
        cmocka_unit_test(all_of_them),
        cmocka_unit_test(records_that_are_none),
        cmocka_unit_test(no_room_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
