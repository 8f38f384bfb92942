/* Sessions whose media goes through the relay, and what it tells of them. */
#include "adapter/gb28181/gb_call_testkit.h"

#define RELAYED "{\"channel\":\"" CHANNEL "\"}"

static void play_relayed(void)
{
    command("Play", RELAYED);
    relay_tells(HF_GB_MEDIA_OPENED);
    read_invite();
    answer(200, SDP);
    read_method("ACK");
    expect("done {\"confirmed\":true");
}

static void a_leg_is_opened_before_anything_is_said(void **state)
{
    (void)state;
    begin_relayed();
    command("Play", "{\"channel\":\"" CHANNEL "\",\"transport\":\"tcp_passive\",\"until_unwatched\":true}");
    kit_nothing();
    assert_int_equal(relay.opened, 1);
    assert_string_equal(relay.channel, CHANNEL);
    assert_int_equal(relay.request.ssrc, 200000000);
    assert_int_equal(relay.request.transport, HF_GB_MEDIA_TCP_PASSIVE);
    assert_int_equal(relay.request.family, 4);
    assert_true(relay.request.until_unwatched);
    assert_int_equal(relay.token >> 56, kit.tk->hub.options.worker);
    relay_tells(HF_GB_MEDIA_OPENED);
    read_invite();
    assert_true(kit_has("c=IN IP4 198.51.100.6\r\n"));
    assert_true(kit_has("m=video 20000 TCP/RTP/AVP 96"));
    answer(200, SDP_LINES("m=video 15060 TCP/RTP/AVP 98\r\na=rtpmap:98 H264/90000\r\ny=0200000009\r\n"));
    assert_int_equal(relay.answered, 1);
    assert_true(relay.answered_token == relay.token);
    assert_string_equal(relay.host, "192.0.2.10");
    assert_string_equal(relay.format, "H264");
    assert_int_equal(relay.port, 15060);
    assert_int_equal(relay.ssrc, 200000009); /* the device's own */
    expect("\"relayed\":true,\"to\":{\"host\":\"198.51.100.6\",\"port\":20000}");
    command("Stop", about(""));
    kit_pass(17);
    read_method("BYE");
    assert_int_equal(relay.closed, 1);
    relay_tells(HF_GB_MEDIA_SILENT); /* nothing happens to what is over */
    end();
}

static void no_media_ends_it(void **state)
{
    (void)state;
    begin_relayed();
    play_relayed();
    kit_pass(9900);
    assert_int_equal(kit_stats()->calls_now, 1);
    kit_pass(200);
    read_method("BYE");
    expect_event("\"by\":\"media\",\"reason\":\"no_media\",\"timer\":\"media\",\"limit_ms\":10000");
    assert_int_equal(kit_stats()->calls_no_media, 1);
    assert_int_equal(relay.closed, 1);
    end();
}

static void what_the_relay_tells(void **state)
{
    static const struct {
        enum hf_gb_media_tell tell;
        const char *want;
    } rows[] = {
        {HF_GB_MEDIA_SILENT, "\"by\":\"media\",\"reason\":\"media_silent\""},
        {HF_GB_MEDIA_ENDED, "\"by\":\"media\",\"reason\":\"media_ended\""},
        {HF_GB_MEDIA_UNWATCHED, "\"by\":\"us\",\"reason\":\"unwatched\""},
        {HF_GB_MEDIA_REFUSED,
         "\"by\":\"media\",\"reason\":\"media_refused\",\"error\":\"configured limit reached\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_relayed();
        play_relayed();
        relay_tells(HF_GB_MEDIA_FIRST);
        kit_pass(60000); /* media flows */
        assert_int_equal(kit_stats()->calls_now, 1);
        (void)drain("");
        relay_tells(rows[i].tell);
        read_method("BYE");
        expect_event(rows[i].want);
        assert_int_equal(relay.closed, 1);
        assert_int_equal(kit_stats()->calls_now, 0);
        end();
    }
}

static void a_relay_that_cannot(void **state)
{
    (void)state;
    begin_relayed();
    relay.err = HF_ERR_LIMIT;
    command("Play", RELAYED);
    expect("failed {\"confirmed\":false,\"reason\":\"media_refused\",\"error\":\"configured limit reached\"");
    kit_nothing();
    relay.err = HF_OK;
    command("Play", RELAYED);
    relay_tells(HF_GB_MEDIA_REFUSED);
    expect("failed {\"confirmed\":false,\"reason\":\"media_refused\",\"error\":\"configured limit reached\"");
    command("Play", RELAYED); /* not a word */
    kit_pass(10100);
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\",\"limit_ms\":10000");
    kit_nothing();
    relay_tells(HF_GB_MEDIA_OPENED); /* too late */
    kit_nothing();
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void joining_and_going_elsewhere(void **state)
{
    (void)state;
    begin_relayed();
    play_relayed();
    command("Play", RELAYED);
    expect("\"joined\":true");
    assert_int_equal(relay.opened, 1);
    command("Play", PLAY); /* straight to a server: a session beside it */
    read_invite();
    assert_int_equal(relay.opened, 1);
    assert_int_equal(kit_stats()->calls_now, 2);
    assert_int_equal(kit_stats()->points_now, 2);
    end();
}

static void media_that_flows_survives_a_move(void **state)
{
    (void)state;
    begin_relayed();
    play_relayed();
    relay_tells(HF_GB_MEDIA_FIRST);
    kit.flow = kit_flow(HF_SIP_UDP, 77, 5060);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_stats()->calls_now, 1);
    relay_tells(HF_GB_MEDIA_SILENT); /* it did not go on */
    read_method("BYE");
    assert_true(kit.to.peer[3] == 77);
    end();
}

static void a_port_on_all_addresses(void **state)
{
    struct hf_gb_media_told told = {.tell = HF_GB_MEDIA_OPENED, .port = 20000};

    (void)state;
    begin_relayed();
    command("Play", RELAYED);
    told.token = relay.token;
    hf_gb_media_told(kit.site, &told);
    read_invite();
    assert_true(kit_has("c=IN IP4 198.51.100.5\r\n")); /* where the device reaches us */
    hf_gb_media_told(kit.site, &told);                 /* twice is once */
    kit_nothing();
    end();
}

static void stopped_while_the_leg_opens(void **state)
{
    static struct tk_reply stop;

    (void)state;
    begin_relayed();
    command("Play", RELAYED);
    kit_command(&stop, CAMERA, "Stop", RELAYED);
    kit_pass(17);
    kit_pass(17);
    assert_true(reply.done && stop.done);
    assert_int_equal(relay.closed, 1);
    assert_int_equal(kit_stats()->calls_now, 0);
    relay_tells(HF_GB_MEDIA_OPENED);
    kit_nothing();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leg_is_opened_before_anything_is_said),
        cmocka_unit_test(no_media_ends_it),
        cmocka_unit_test(what_the_relay_tells),
        cmocka_unit_test(a_relay_that_cannot),
        cmocka_unit_test(joining_and_going_elsewhere),
        cmocka_unit_test(media_that_flows_survives_a_move),
        cmocka_unit_test(a_port_on_all_addresses),
        cmocka_unit_test(stopped_while_the_leg_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
