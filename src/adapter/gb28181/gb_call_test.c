/* Live sessions: from Play to the end, as the device sees them and as applications do. */
#include "adapter/gb28181/gb_call_testkit.h"

static void play_is_an_invite_and_its_result_says_what_was_agreed(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    assert_true(kit_has("INVITE sip:" CHANNEL "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_true(kit_has("To: <sip:" CHANNEL "@" REALM ">\r\n"));
    assert_true(kit_has("From: <sip:" SERVER "@" REALM ">;tag="));
    assert_true(kit_has("Contact: <sip:" SERVER "@198.51.100.5:5060>\r\n"));
    assert_true(kit_has("Subject: " CHANNEL ":0200000000," SERVER ":0\r\n"));
    assert_true(kit_has("Content-Type: application/sdp\r\n"));
    assert_true(kit_has("Allow: "));
    assert_true(kit_has("o=" SERVER " 0 0 IN IP4 203.0.113.7\r\ns=Play\r\nc=IN IP4 203.0.113.7\r\nt=0 0\r\n"
                        "m=video 30000 RTP/AVP 96 98 97\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n"));
    assert_true(kit_has("y=0200000000\r\n"));
    assert_true(hf_slice_is(hf_gb_call_id_device(kit.msg.call_id), CAMERA));
    answer(100, NULL);
    answer(180, NULL);
    assert_false(reply.done);
    assert_int_equal(kit_stats()->calls_ringing_now, 1);
    answer(200, SDP);
    read_method("ACK");
    assert_true(kit_has("ACK sip:" CHANNEL "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_int_equal(kit.msg.cseq.number, invite.msg.cseq.number);
    expect("done {\"confirmed\":true,\"call\":\"");
    expect("\"kind\":\"play\",\"channel\":\"" CHANNEL
           "\",\"ssrc\":\"0200000000\",\"state\":\"connected\",\"users\":1,"
           "\"transport\":\"udp\",\"relayed\":false,\"to\":{\"host\":\"203.0.113.7\",\"port\":30000},"
           "\"from\":{\"host\":\"192.0.2.10\",\"port\":15060},\"answer_ssrc\":\"0200000000\",\"payload_"
           "type\":96,"
           "\"format\":\"PS\",\"joined\":false}");
    expect_event("gb/call {\"event\":\"started\",\"call\":\"");
    assert_int_equal(kit_stats()->calls_ringing_now, 0);
    assert_int_equal(kit_stats()->calls_now, 1);
    assert_int_equal(kit_stats()->ssrc_used_now, 1);
    end();
}

static void stop_is_bye_and_everything_comes_back(void **state)
{
    (void)state;
    begin();
    play();
    kit_pass(5000);
    command("Stop", about(""));
    kit_pass(17);
    read_method("BYE");
    assert_true(kit_has("BYE sip:" CHANNEL "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_int_equal(kit.msg.cseq.number, invite.msg.cseq.number + 1);
    kit_reply(200, "OK");
    expect("done {\"confirmed\":true,\"call\":\"");
    expect("\"users\":0,\"ended\":true}");
    expect_event("gb/call {\"event\":\"ended\"");
    expect_event("\"by\":\"us\",\"reason\":\"stopped\",\"connected_ms\":5");
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(kit_stats()->calls_by_us, 1);
    assert_int_equal(kit_stats()->ssrc_used_now, 0);
    assert_int_equal(kit_stats()->ssrc_resting_now, 1);
    kit_pass(29000); /* the number rests, then its media point goes */
    assert_int_equal(kit_stats()->ssrc_resting_now, 1);
    kit_pass(20000);
    assert_int_equal(kit_stats()->ssrc_resting_now, 0);
    assert_int_equal(kit_stats()->points_now, 0);
    end();
}

static void the_device_may_end_it(void **state)
{
    (void)state;
    begin();
    play();
    device_says("BYE", "", "");
    assert_int_equal(kit_status(), 200);
    expect_event("\"by\":\"device\",\"reason\":\"bye\"");
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(drain("BYE"), 0);
    device_says("BYE", "", ""); /* both at once, or again: no device asks for ever */
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_stats()->byes_unknown, 1);
    device_says("INFO", "", "");
    assert_int_equal(kit_status(), 481);
    end();
}

/* A call that follows from another platform's must come to an end where platforms stand in a circle. */
static void it_goes_no_further_than_it_is_told(void **state)
{
    (void)state;
    begin();
    command("Play", "{\"channel\":\"" CHANNEL
                    "\",\"to\":{\"host\":\"203.0.113.7\",\"port\":30000},\"max_forwards\":5}");
    read_invite();
    assert_true(kit_has("Max-Forwards: 5\r\n"));
    end();
    begin();
    command("Play", "{\"channel\":\"" CHANNEL "\",\"max_forwards\":71}");
    expect("\"reason\":\"bad_request\",\"element\":\"max_forwards\"");
    end();
}

static void a_second_play_joins_the_first(void **state)
{
    static struct tk_reply second;

    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    kit_command(&second, CAMERA, "Play", "{\"channel\":\"" CHANNEL "\"}"); /* wherever it goes */
    assert_int_equal(drain("INVITE"), 0);
    answer(200, SDP);
    kit_pass(1);
    assert_true(reply.done && second.done);
    assert_int_equal(kit_stats()->calls_joined, 1);
    command("Play", PLAY);
    expect("\"users\":3,");
    expect("\"joined\":true}");
    command("Stop", about(""));
    expect("\"users\":2,\"ended\":false}");
    command("Stop", "{\"channel\":\"" CHANNEL "\"}");
    expect("\"users\":1,\"ended\":false}");
    (void)drain("");
    /* Another server is another session, another stream too. */
    command("Play", "{\"channel\":\"" CHANNEL "\",\"to\":{\"host\":\"203.0.113.8\",\"port\":30000}}");
    read_invite();
    assert_true(kit_has("y=0200000000\r\n")); /* whose numbers are its own */
    command("Play", "{\"channel\":\"" CHANNEL "\",\"stream\":1," TO "}");
    read_invite();
    assert_true(kit_has("a=streamnumber:1\r\n"));
    assert_true(kit_has("y=0200000001\r\n"));
    assert_int_equal(kit_stats()->points_now, 2);
    assert_int_equal(kit_stats()->calls_now, 3);
    end();
}

static void force_ends_it_for_all(void **state)
{
    (void)state;
    begin();
    play();
    command("Play", PLAY);
    expect("\"users\":2");
    command("Stop", about(",\"force\":true"));
    expect("\"users\":0,\"ended\":true}");
    read_method("BYE");
    command("Stop", "{\"channel\":\"" CHANNEL "\"}");
    expect("failed {\"confirmed\":false,\"reason\":\"not_found\",\"element\":\"channel\",\"text\":\"no such "
           "session");
    end();
}

static void a_refusal_is_told_as_it_was_said(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer_with(486, "cam", "Warning: 399 192.0.2.10 \"Session number has reached the upper limit\"\r\n",
                NULL);
    read_method("ACK");
    expect("failed {\"confirmed\":false,\"reason\":\"refused\",\"status\":486,"
           "\"text\":\"399 192.0.2.10 \\\"Session number has reached the upper limit\\\"\"");
    assert_int_equal(kit_stats()->calls_refused, 1);
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(kit_stats()->ssrc_resting_now, 1);
    command("Play", PLAY);
    read_invite();
    answer(404, NULL);
    expect("\"reason\":\"refused\",\"status\":404,\"text\":\"Not Found\"");
    end();
}

static void calls_are_listed(void **state)
{
    (void)state;
    begin();
    command("Calls", "");
    expect("done {\"calls\":[]}");
    play();
    command("Calls", "{\"channel\":\"" CHANNEL "\"}");
    expect("done {\"calls\":[{\"call\":\"");
    expect("\"state\":\"connected\"");
    command("Calls", "{\"channel\":\"" SECOND "\"}");
    expect("done {\"calls\":[]}");
    end();
}

static void tcp_both_ways(void **state)
{
    (void)state;
    begin();
    command("Play", "{\"transport\":\"tcp_passive\"," TO "}");
    read_invite();
    assert_true(kit_has("INVITE sip:" CAMERA "@")); /* no channel: the device's own id */
    assert_true(kit_has("m=video 30000 TCP/RTP/AVP 96 98 97\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n"));
    assert_true(kit_has("a=setup:passive\r\na=connection:new\r\n"));
    answer(
        200,
        SDP_LINES("m=video 9 TCP/RTP/AVP 96\r\na=setup:active\r\na=rtpmap:96 PS/90000\r\ny=0200000000\r\n"));
    expect("\"setup\":\"active\"");
    (void)drain("");
    command("Play", "{\"channel\":\"" CHANNEL "\",\"transport\":\"tcp_active\"," TO "}");
    read_invite();
    assert_true(kit_has("a=setup:active\r\n"));
    answer(200, SDP_LINES("m=video 0 TCP/RTP/AVP 96\r\na=setup:passive\r\n")); /* nowhere to connect to */
    read_method("ACK");
    read_method("BYE");
    expect("failed {\"confirmed\":false,\"reason\":\"bad_answer\",\"element\":\"m\"");
    assert_int_equal(kit_stats()->calls_bad_answer, 1);
    end();
}

static void the_edition_of_2022_may_send_h265(void **state)
{
    (void)state;
    begin();
    (void)snprintf(kit.header, sizeof(kit.header), "X-GB-Ver: 3.0\r\n");
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    command("Play", PLAY);
    read_invite();
    assert_true(kit_has("m=video 30000 RTP/AVP 96 98 97 100\r\n"));
    assert_true(kit_has("a=rtpmap:100 H265/90000\r\n"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(play_is_an_invite_and_its_result_says_what_was_agreed),
        cmocka_unit_test(stop_is_bye_and_everything_comes_back),
        cmocka_unit_test(the_device_may_end_it),
        cmocka_unit_test(it_goes_no_further_than_it_is_told),
        cmocka_unit_test(a_second_play_joins_the_first),
        cmocka_unit_test(force_ends_it_for_all),
        cmocka_unit_test(a_refusal_is_told_as_it_was_said),
        cmocka_unit_test(calls_are_listed),
        cmocka_unit_test(tcp_both_ways),
        cmocka_unit_test(the_edition_of_2022_may_send_h265),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
