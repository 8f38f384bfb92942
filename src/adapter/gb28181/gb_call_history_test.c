/* Playback and download: what is asked for, how it is steered, when it is over. */
#include "adapter/gb28181/gb_call_testkit.h"

#define HOUR "\"from\":1767225600,\"until\":1767229200"

static void playback(void)
{
    command("Playback", "{\"channel\":\"" CHANNEL "\"," HOUR "," TO "}");
    read_invite();
    answer(200, SDP);
    read_method("ACK");
    expect("done {\"confirmed\":true");
}

static void a_playback_asks_for_a_time(void **state)
{
    (void)state;
    begin();
    command("Playback",
            "{\"channel\":\"" CHANNEL
            "\",\"from\":\"2026-01-01T08:00:00\",\"until\":\"2026-01-01T01:00:00Z\"," TO ",\"type\":2}");
    read_invite();
    assert_true(kit_has("s=Playback\r\nu=" CHANNEL ":2\r\n"));
    assert_true(kit_has("t=1767225600 1767229200\r\n")); /* Beijing, and UTC */
    assert_true(kit_has("y=1200000000\r\n"));
    assert_true(kit_has("Subject: " CHANNEL ":1200000000," SERVER ":0\r\n"));
    answer(200, SDP);
    expect("\"from_time\":\"2026-01-01T00:00:00.000Z\",\"until_time\":\"2026-01-01T01:00:00.000Z\"");
    expect("\"tolerated\":[\"other_ssrc\"]"); /* the device answered a live one */
    end();
}

static void a_download_has_a_speed_and_a_size(void **state)
{
    (void)state;
    begin();
    command("Download", "{\"channel\":\"" CHANNEL "\"," HOUR ",\"speed\":4," TO "}");
    read_invite();
    assert_true(kit_has("s=Download\r\n"));
    assert_true(kit_has("a=downloadspeed:4\r\n"));
    answer(200, SDP_LINES("m=video 15060 RTP/AVP 96\r\na=filesize:123456789\r\ny=1200000000\r\n"
                          "f=v/2/6/25/1/4096a/1/8/1\r\n"));
    expect("\"file_bytes\":123456789");
    expect("\"video\":\"h264\",\"audio\":\"g711\"");
    expect("\"scale\":4");
    command("Pause", about(""));
    expect("failed {\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"call\"");
    end();
}

static void beside_live_and_each_other(void **state)
{
    (void)state;
    begin();
    play();
    playback();
    (void)drain("");
    playback(); /* each is a stream of its own */
    assert_true(
        hf_slice_eq(hf_sip_value(&invite.msg, HF_SIP_SUBJECT), HF_SLICE(CHANNEL ":1200000001," SERVER ":0")));
    assert_int_equal(kit_stats()->calls_now, 3);
    end();
}

static void steering_is_mansrtsp_in_info(void **state)
{
    static const struct {
        const char *name, *rest, *body;
    } rows[] = {
        {"Pause", "", "PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n"},
        {"Resume", "", "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"},
        {"Speed", ",\"scale\":0.25", "PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 0.25\r\n\r\n"},
        {"Speed", ",\"scale\":4", "PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 4.0\r\n\r\n"},
        {"Seek", ",\"range\":100", "PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: npt=100-\r\n\r\n"},
        {"Seek", ",\"range\":600,\"until\":120.5",
         "PLAY RTSP/1.0\r\nCSeq: 6\r\nRange: npt=600-120.5\r\n\r\n"},
        {"Seek", ",\"range\":\"now\"", "PLAY RTSP/1.0\r\nCSeq: 7\r\nRange: npt=now-\r\n\r\n"},
    };
    char id[32], json[128];

    (void)state;
    begin();
    playback();
    (void)snprintf(id, sizeof(id), "%s", call_id());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"%s}", id, rows[i].rest);
        command(rows[i].name, json);
        read_method("INFO");
        assert_true(kit_has("Content-Type: Application/MANSRTSP\r\n"));
        if (strcmp(strstr(kit.text, "\r\n\r\n") + 4, rows[i].body) != 0)
            fail_msg("%s", kit.text);
        assert_int_equal(kit.msg.cseq.number, invite.msg.cseq.number + 1 + i);
        kit_reply(200, "OK");
        expect("done {\"confirmed\":true,\"call\":\"");
    }
    end();
}

/* INFO is answered with a body. */
static void answer_info(const char *body)
{
    static char text[4096];
    struct hf_sip_reply out = {.status = 200};
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &out), HF_OK);
    assert_int_equal(hf_sip_write_end(&sb, HF_SLICE("Application/MANSRTSP"), hf_slice_of(body)), HF_OK);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_sb_done(&sb)), HF_OK);
}

static void what_the_device_says_about_it_is_told(void **state)
{
    char id[32], json[128];

    (void)state;
    begin();
    playback();
    (void)snprintf(id, sizeof(id), "%s", call_id());
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\",\"range\":100}", id);
    command("Seek", json);
    read_method("INFO");
    answer_info("RTSP/1.0 200 OK\r\nCSeq: 1\r\nRange: npt=100-\r\nRTP-Info: seq=1024;rtptime=90000\r\n\r\n");
    expect("done {\"confirmed\":true,\"call\":\"");
    expect("\"rtsp_status\":200,\"range_start\":100,\"rtp_seq\":1024,\"rtp_time\":90000,\"position_ms\":"
           "100000}");
    command("Seek", json);
    read_method("INFO");
    answer_info("RTSP/1.0 457 Invalid Range\r\nCSeq: 2\r\n\r\n");
    expect("failed {\"confirmed\":false,\"call\":\"");
    expect("\"status\":200,\"rtsp_status\":457");
    command("Pause", json);
    expect("failed {\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"range\"");
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"}", id);
    command("Pause", json);
    read_method("INFO");
    kit_reply(405, "Method Not Allowed");
    expect("failed {\"confirmed\":false,\"call\":\"");
    expect("\"status\":405,\"text\":\"Method Not Allowed\"");
    command("Pause", json); /* nothing is said */
    read_method("INFO");
    kit_pass(5100);
    expect("done {\"confirmed\":false,\"timer\":\"sip_wait\",\"limit_ms\":5000}");
    (void)drain("");
    command("Pause", json);
    read_method("INFO");
    kit_reply(481, "Call/Transaction Does Not Exist");
    expect("failed");
    assert_int_equal(kit_stats()->calls_now, 0); /* it has forgotten */
    end();
}

static void what_cannot_be_steered(void **state)
{
    char json[128], id[32];

    (void)state;
    begin();
    playback();
    (void)snprintf(id, sizeof(id), "%s", call_id());
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\",\"scale\":-1}", id);
    command("Speed", json);
    expect("failed {\"confirmed\":false,\"reason\":\"not_implemented\",\"element\":\"scale\"");
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\",\"range\":3601}", id);
    command("Seek", json);
    expect("\"reason\":\"bad_request\",\"element\":\"range\"");
    command("Pause", "{\"call\":\"0123456789abcdef\"}");
    expect("failed {\"confirmed\":false,\"reason\":\"not_found\",\"element\":\"call\",\"text\":\"no such "
           "session");
    (void)snprintf(kit.header, sizeof(kit.header), "X-GB-Ver: 3.0\r\n");
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\",\"scale\":-1}", id);
    command("Speed", json);
    read_method("INFO");
    assert_true(kit_has("Scale: -1.0\r\n"));
    end();
}

static void the_end_of_the_file_ends_it(void **state)
{
    (void)state;
    begin();
    play();
    playback();
    (void)drain("");
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n",
            "<Notify><CmdType>MediaStatus</CmdType><SN>1</SN><DeviceID>" CHANNEL
            "</DeviceID><NotifyType>121</NotifyType></Notify>");
    assert_int_equal(kit_status(), 200);
    read_method("BYE");
    expect_event("\"by\":\"device\",\"reason\":\"end_of_file\"");
    assert_int_equal(kit_stats()->calls_at_end, 1);
    assert_int_equal(kit_stats()->calls_now, 1); /* the live one has no end */
    /* In the dialog, from the channel, with a number that no edition has; the other playback goes on. */
    playback();
    playback();
    (void)drain("");
    device_says("MESSAGE", "Content-Type: Application/MANSCDP+xml\r\n",
                "<Notify><CmdType>MediaStatus</CmdType><SN>2</SN><DeviceID>" SECOND
                "</DeviceID><NotifyType>122</NotifyType></Notify>");
    assert_int_equal(kit_status(), 200);
    read_method("BYE");
    assert_int_equal(kit_stats()->calls_now, 2);
    end();
}

/* The camera keeps saying that it lives. */
static void minutes(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        kit_pass(60000);
        assert_int_equal(kit_keepalive(), 200);
    }
}

static void who_does_not_say_that_it_is_at_its_end_is_ended(void **state)
{
    (void)state;
    begin();
    playback();
    assert_int_equal(kit_register(CAMERA, 86400), 200);
    minutes(60);
    assert_int_equal(kit_stats()->calls_now, 1);
    (void)drain("");
    kit_pass(30100);
    read_method("BYE");
    expect_event("\"reason\":\"played\",\"timer\":\"tail\",\"limit_ms\":30000");
    end();
}

static void who_pauses_for_ever_is_ended(void **state)
{
    (void)state;
    begin();
    playback();
    kit_pass(1000);
    command("Pause", about(""));
    read_method("INFO");
    kit_reply(200, "OK");
    expect("\"position_ms\":10");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(kit_stats()->calls_now, 1);
        assert_int_equal(kit_register(CAMERA, 86400), 200);
        minutes(30);
    }
    kit_pass(100);
    expect_event("\"reason\":\"paused_too_long\",\"timer\":\"pause\",\"limit_ms\":3600000");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_playback_asks_for_a_time),
        cmocka_unit_test(a_download_has_a_speed_and_a_size),
        cmocka_unit_test(beside_live_and_each_other),
        cmocka_unit_test(steering_is_mansrtsp_in_info),
        cmocka_unit_test(what_the_device_says_about_it_is_told),
        cmocka_unit_test(what_cannot_be_steered),
        cmocka_unit_test(the_end_of_the_file_ends_it),
        cmocka_unit_test(who_does_not_say_that_it_is_at_its_end_is_ended),
        cmocka_unit_test(who_pauses_for_ever_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
