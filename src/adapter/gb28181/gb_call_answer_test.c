/* What devices answer, and what applications may ask: tables. */
#include "adapter/gb28181/gb_call_testkit.h"

/* As real devices have it (the reference, 14.2, 14.5, 19). headers: of the 200. */
static void answers_of_real_devices(void **state)
{
    static const struct {
        const char *headers, *sdp, *want;
    } rows[] = {
        {CONTACT, SDP_LINES("m=video 15060 RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n"),
         "\"payload_type\":96,\"format\":\"PS\",\"tolerated\":[\"no_ssrc\"]"},
        {CONTACT,
         "v=0\no=- 0 0 IN IP4 10.0.0.1\ns=Play\nt=0 0\nm=video 6000 RTP/AVP 96\nc=IN IP4 10.0.0.2\n"
         "a=rtpmap:96 PS/90000\ny=0200000000",
         "\"from\":{\"host\":\"10.0.0.2\",\"port\":6000}"}, /* c= in media, LF, no end of line */
        {CONTACT,
         "v=0\r\no=- 0 0 IN IP4 10.0.0.1\r\ns=Play\r\nt=0 0\r\nm=video 6000 RTP/AVP 96\r\ny=0200000000\r\n",
         "\"from\":{\"host\":\"10.0.0.1\",\"port\":6000}"}, /* no c= */
        {CONTACT, "v=0\r\ns=Play\r\nm=video 6000 RTP/AVP 96\r\n",
         "\"tolerated\":[\"no_address\",\"no_ssrc\"]"},
        {CONTACT, SDP_LINES("m=video 0 RTP/AVP 96\r\ny=0200000000\r\n"), "\"tolerated\":[\"port_0\"]"},
        {CONTACT, SDP_LINES("y=0200000000 \r\n"), "\"tolerated\":[\"no_media\",\"no_format\"]"},
        {CONTACT, SDP_LINES("m=video 6000 RTP/AVP 96\r\ny=0999999999\r\n"),
         "\"answer_ssrc\":\"0999999999\",\"payload_type\":96,\"format\":\"PS\",\"tolerated\":[\"other_"
         "ssrc\"]"},
        {CONTACT, SDP_LINES("m=video 6000 RTP/AVP 98\r\ny=0200000000\r\n"),
         "\"payload_type\":98,\"format\":\"H264\""},
        {CONTACT, SDP_LINES("m=video 6000 RTP/AVP 96\r\na=rtpmap:96 DAHUA/90000\r\ny=0200000000\r\n"),
         "\"format\":\"DAHUA\""},
        {CONTACT, SDP_LINES("m=video 0 RTP/AVP 96\r\nm=audio 7000 RTP/AVP 8\r\ny=0200000000\r\n"),
         "\"port\":7000},\"answer_ssrc\":\"0200000000\",\"payload_type\":8,\"format\":\"PCMA\""},
        {CONTACT, "nonsense", "\"tolerated\":[\"no_sdp\",\"no_address\",\"no_ssrc\",\"no_format\"]"},
        {CONTACT, NULL, "\"from\":{\"host\":\"192.0.2.10\",\"port\":0}"},
        {"", SDP, "\"format\":\"PS\""}, /* no Contact: To is where the ACK goes */
        {"Contact: <sip:" CHANNEL "@10.0.0.2:5060>\r\n", SDP, "\"format\":\"PS\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin();
        command("Play", PLAY);
        read_invite();
        answer_with(200, i == 12 ? "" : "cam", rows[i].headers, rows[i].sdp); /* and a 200 without a tag */
        read_method("ACK");
        assert_true(hf_sip_flow_equal(&kit.to, &kit.flow)); /* whatever its Contact says */
        expect(rows[i].want);
        command("Stop", about(""));
        kit_pass(17);
        read_method("BYE");
        assert_int_equal(kit_stats()->calls_now, 0);
        end();
    }
}

/* A device that does not know TCP answers as if UDP had been asked for; some take our role for theirs. */
static void the_way_of_the_media_is_compared(void **state)
{
    static const struct {
        const char *transport, *sdp, *want;
    } rows[] = {
        {"udp", "TCP/RTP/AVP 96\r\na=setup:active", "\"tolerated\":[\"other_transport\"]"},
        {"tcp_passive", "RTP/AVP 96", "\"tolerated\":[\"other_transport\"]"},
        {"tcp_passive", "TCP/RTP/AVP 96\r\na=setup:passive", "\"tolerated\":[\"same_setup\"]"},
        {"tcp_active", "TCP/RTP/AVP 96\r\na=setup:active", "\"tolerated\":[\"same_setup\"]"},
        {"tcp_passive", "TCP/RTP/AVP 96\r\na=setup:active", NULL},
        {"tcp_passive", "TCP/RTP/AVP 96", NULL},
        {"tcp_active", "TCP/RTP/AVP 96\r\na=setup:passive", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char json[256], sdp[512];

        begin();
        (void)snprintf(json, sizeof(json), "{\"channel\":\"" CHANNEL "\"," TO ",\"transport\":\"%s\"}",
                       rows[i].transport);
        command("Play", json);
        read_invite();
        (void)snprintf(sdp, sizeof(sdp), SDP_LINES("m=video 6000 %s\r\ny=0200000000\r\n"), rows[i].sdp);
        answer_with(200, "cam", CONTACT, sdp);
        read_method("ACK");
        expect(rows[i].want != NULL ? rows[i].want : "\"format\":\"PS\"");
        if (rows[i].want == NULL)
            assert_null(strstr(result(), "tolerated"));
        end();
    }
}

/* It is acknowledged and ended, whatever it says (RFC 3261 13.2.2.4): otherwise the device repeats it, and sends pictures to a port that is another's by then. */
static void a_contact_that_cannot_be_read(void **state)
{
    static const char *const rows[] = {
        "Contact: *\r\n",
        "Contact: <sip:\r\n",
        CONTACT "Record-Route: nonsense\r\n",
        CONTACT
        "Record-Route: <sip:1>, <sip:2>, <sip:3>, <sip:4>, <sip:5>, <sip:6>, <sip:7>, <sip:8>, <sip:9>\r\n",
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin();
        command("Play", PLAY);
        read_invite();
        answer_with(200, "cam", rows[i], SDP);
        read_method("ACK");
        assert_true(hf_slice_is(kit.msg.to.tag, "cam"));
        assert_true(hf_slice_is(kit.msg.uri.text, "sip:" CHANNEL "@" REALM));
        assert_true(hf_sip_flow_equal(&kit.to, &kit.flow));
        read_method("BYE");
        assert_true(hf_slice_is(kit.msg.to.tag, "cam"));
        kit_reply(200, "");
        expect("failed {\"confirmed\":false,\"reason\":\"bad_answer\",");
        expect("\"element\":\"Contact\",");
        answer_with(200, "cam", rows[i], SDP); /* the ACK was lost */
        read_method("ACK");
        assert_int_equal(kit_stats()->calls_now, 0);
        end();
    }
}

/* Nobody waits for it any more; that one, too. */
static void a_late_answer_with_a_contact_that_cannot_be_read(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer(180, NULL);
    kit_pass(10100);
    expect("\"timer\":\"setup\"");
    read_method("CANCEL");
    answer_with(200, "cam", "Contact: *\r\n", SDP);
    read_method("ACK");
    read_method("BYE");
    kit_reply(200, "");
    answer_with(200, "clone", "Contact: *\r\n", SDP); /* of a fork */
    read_method("ACK");
    assert_true(hf_slice_is(kit.msg.to.tag, "clone"));
    read_method("BYE");
    assert_true(hf_slice_is(kit.msg.to.tag, "clone"));
    end();
}

static void wrong_members_are_named(void **state)
{
    static const struct {
        const char *name, *json, *element;
    } rows[] = {
        {"Play", "{", NULL},
        {"Play", "[]", NULL},
        {"Play", "{\"channel\":\"x\"," TO "}", "channel"},
        {"Play", "{\"channel\":\"340200000013100000011\"," TO "}", "channel"},
        {"Play", "{\"channel\":7," TO "}", "channel"},
        {"Play", "{}", "to"}, /* there is no relay */
        {"Play", "{\"to\":\"203.0.113.7:30000\"}", "to"},
        {"Play", "{\"to\":{\"host\":\"media.example\",\"port\":30000}}", "to"},
        {"Play", "{\"to\":{\"host\":\"203.0.113.7\"}}", "to"},
        {"Play", "{\"to\":{\"host\":\"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0001\",\"port\":1}}",
         "to"},
        {"Play", "{\"to\":{\"host\":\"203.0.113.7\",\"port\":0}}", "to"},
        {"Play", "{\"to\":{\"host\":\"203.0.113.7\",\"port\":65536}}", "to"},
        {"Play", "{\"to\":{\"host\":\"203.0.113.7\",\"port\":1,\"x\":1}}", "to"},
        {"Play", "{\"to\":{\"host\":\"203.0.113.7\\u0000\",\"port\":1}}", "to"},
        {"Play", "{\"stream\":10," TO "}", "stream"},
        {"Play", "{\"stream\":-1," TO "}", "stream"},
        {"Play", "{\"transport\":\"sctp\"," TO "}", "transport"},
        {"Play", "{\"ssrc\":\"123\"," TO "}", "ssrc"},
        {"Play", "{\"ssrc\":\"0000000000\"," TO "}", "ssrc"},
        {"Play", "{\"ssrc\":\"9999999999\"," TO "}", "ssrc"},
        {"Play", "{\"from\":1," TO "}", "from"},
        {"Play", "{\"until_unwatched\":1," TO "}", "until_unwatched"},
        {"Play", "{\"until_unwatched\":true," TO "}", "until_unwatched"},
        {"Play", "{\"nonsense\":1," TO "}", "nonsense"},
        {"Play", "{" TO "," TO "}", "to"},
        {"Playback", "{" TO ",\"until\":2}", "from"},
        {"Playback", "{" TO ",\"from\":2}", "until"},
        {"Playback", "{" TO ",\"from\":2,\"until\":2}", "until"},
        {"Playback", "{" TO ",\"from\":\"yesterday\",\"until\":2}", "from"},
        {"Playback", "{" TO ",\"from\":1,\"until\":2,\"type\":4}", "type"},
        {"Playback", "{" TO ",\"from\":1,\"until\":2,\"speed\":2}", "speed"},
        {"Download", "{" TO ",\"from\":1,\"until\":2,\"speed\":0}", "speed"},
        {"Download", "{" TO ",\"from\":1,\"until\":2,\"speed\":33}", "speed"},
        {"Talk", "{}", "to"},
        {"Broadcast", "{\"stream\":1," TO "}", "stream"},
        {"Stop", "{}", "call"},
        {"Stop", "{\"call\":\"0123456789abcdef\",\"channel\":\"" CHANNEL "\"}", "call"},
        {"Stop", "{\"call\":\"0123456789ABCDEF\"}", "call"},
        {"Stop", "{\"call\":\"0123456789abcde\"}", "call"},
        {"Stop", "{\"channel\":\"" CHANNEL "\",\"force\":1}", "force"},
        {"Pause", "{}", "call"},
        {"Speed", "{\"call\":\"0123456789abcdef\"}", "scale"},
        {"Speed", "{\"call\":\"0123456789abcdef\",\"scale\":0}", "scale"},
        {"Speed", "{\"call\":\"0123456789abcdef\",\"scale\":0.2}", "scale"},
        {"Speed", "{\"call\":\"0123456789abcdef\",\"scale\":4.1}", "scale"},
        {"Seek", "{\"call\":\"0123456789abcdef\"}", "range"},
        {"Seek", "{\"call\":\"0123456789abcdef\",\"range\":-1}", "range"},
        {"Seek", "{\"call\":\"0123456789abcdef\",\"range\":\"then\"}", "range"},
        {"Seek", "{\"call\":\"0123456789abcdef\",\"range\":1,\"until\":\"x\"}", "until"},
        {"Calls", "{\"call\":\"0123456789abcdef\"}", "call"},
    };
    char want[128];

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command(rows[i].name, rows[i].json);
        (void)snprintf(want, sizeof(want), "failed {\"confirmed\":false,\"reason\":\"bad_request\"%s%s%s",
                       rows[i].element ? ",\"element\":\"" : "", rows[i].element ? rows[i].element : "",
                       rows[i].element ? "\"" : "}");
        print_message("%s %s\n", rows[i].name, rows[i].json);
        expect(want);
        kit_nothing();
    }
    assert_int_equal(kit_stats()->calls, 0);
    end();
}

static void an_ssrc_that_the_application_chose(void **state)
{
    (void)state;
    begin();
    command("Play", "{\"ssrc\":\"0200000007\"," TO "}");
    read_invite();
    assert_true(kit_has("y=0200000007\r\n"));
    command("Play", "{\"channel\":\"" CHANNEL "\",\"ssrc\":\"0200000007\"," TO "}");
    expect("failed {\"confirmed\":false,\"reason\":\"busy\",\"element\":\"ssrc\",\"text\":\"this SSRC is in "
           "use");
    command("Play", "{\"channel\":\"" CHANNEL "\",\"ssrc\":\"0412345678\"," TO "}"); /* not of our numbers */
    read_invite();
    assert_true(kit_has("y=0412345678\r\n"));
    assert_int_equal(kit_stats()->ssrc_used_now, 1);
    end();
}

static void ipv6(void **state)
{
    (void)state;
    begin();
    command("Play", "{\"to\":{\"host\":\"2001:db8::7\",\"port\":30000}}");
    read_invite();
    assert_true(kit_has("c=IN IP6 2001:db8::7\r\n"));
    end();
}

static void bounds(void **state)
{
    struct hf_gb_options options = {.calls_max = 2};
    char json[160];

    (void)state;
    begin_with(&options);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(json, sizeof(json), "{\"channel\":\"3402000000131000000%u\"," TO "}", i);
        command("Play", json);
    }
    expect("failed {\"confirmed\":false,\"reason\":\"busy\",\"element\":\"call\",\"text\":\"too many "
           "sessions\"}");
    assert_int_equal(kit_stats()->calls_full, 1);
    assert_int_equal(kit_stats()->calls_now, 2);
    end();
}

static void media_servers_are_bounded(void **state)
{
    char json[160];

    (void)state;
    begin();
    for (unsigned i = 0; i <= HF_GB_POINTS_MAX; i++) {
        (void)snprintf(json, sizeof(json),
                       "{\"channel\":\"" CHANNEL "\",\"to\":{\"host\":\"203.0.113.%u\",\"port\":30000}}",
                       i + 1);
        command("Play", json);
        if (i == HF_GB_POINTS_MAX)
            break;
        read_invite();
        answer(486, NULL);
        read_method("ACK");
        kit_pass(250); /* applications have a rate */
    }
    expect("failed {\"confirmed\":false,\"reason\":\"busy\",\"element\":\"ssrc\",\"text\":\"too many media "
           "servers");
    for (unsigned i = 0; i < 6; i++)
        kit_pass(10000);
    assert_int_equal(kit_stats()->points_now, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_real_devices),
        cmocka_unit_test(the_way_of_the_media_is_compared),
        cmocka_unit_test(a_contact_that_cannot_be_read),
        cmocka_unit_test(a_late_answer_with_a_contact_that_cannot_be_read),
        cmocka_unit_test(wrong_members_are_named),
        cmocka_unit_test(an_ssrc_that_the_application_chose),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(bounds),
        cmocka_unit_test(media_servers_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
