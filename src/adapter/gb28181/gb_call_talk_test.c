/* Broadcast: the device is told, and calls us. */
#include "adapter/gb28181/gb_call_testkit.h"

#define SPEAKER "34020000001370000001"
#define TALK    "{\"channel\":\"" SPEAKER "\"," TO "}"
#define OFFER                                                                                 \
    "v=0\r\no=" CAMERA " 0 0 IN IP4 192.0.2.10\r\ns=Play\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" \
    "m=audio 16000 RTP/AVP 8\r\na=recvonly\r\na=rtpmap:8 PCMA/8000\r\n"

static char source[32];
static unsigned sn, cseq;

static void read_ask(void)
{
    read_method("MESSAGE");
    assert_true(kit_has("<Notify>"));
    assert_true(kit_has("<CmdType>Broadcast</CmdType>"));
    assert_true(kit_has("<TargetID>" SPEAKER "</TargetID>"));
    const char *at = strstr(kit.text, "<SourceID>");
    assert_non_null(at);
    (void)snprintf(source, sizeof(source), "%.20s", at + 10);
    sn = kit_sn();
    cseq = 1;
}

/* Asks, and reads what the device is told. */
static void ask(void)
{
    command("Broadcast", TALK);
    read_ask();
}

static void agree(const char *result_text)
{
    char body[512];

    (void)snprintf(body, sizeof(body),
                   "<Response><CmdType>Broadcast</CmdType><SN>%u</SN><DeviceID>" SPEAKER
                   "</DeviceID><Result>%s</Result></Response>",
                   sn, result_text);
    kit_reply(200, "OK");
    assert_int_equal(kit_message(CAMERA, body), 200);
}

/* A request of the call that the device makes. */
static void calls_us(const char *method, const char *from, const char *to, const char *to_tag,
                     const char *headers, const char *body)
{
    static char text[4096];

    kit.branch++;
    int bytes =
        snprintf(text, sizeof(text),
                 "%s sip:%s@" REALM " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKt%u\r\n"
                 "From: <sip:%s@" REALM ">;tag=talk\r\nTo: <sip:%s@" REALM ">%s%s\r\nCall-ID: device-1\r\n"
                 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: %zu\r\n\r\n%s",
                 method, to, kit.branch, from, to, to_tag[0] ? ";tag=" : "", to_tag, cseq, method, headers,
                 strlen(body), body);
    assert_true(bytes > 0 && bytes < (int)sizeof(text));
    if (strcmp(to, source) == 0) /* whoever speaks, the worker that asked hears it */
        assert_true(hf_slice_is(hf_gb_home(hf_slice_of(text)), source));
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_slice_of(text)), HF_OK);
}

static unsigned invite_us(const char *from, const char *to, const char *sdp)
{
    calls_us("INVITE", from, to, "",
             "Contact: <sip:" CAMERA "@192.0.2.10:5060>\r\nContent-Type: application/sdp\r\n", sdp);
    unsigned status;
    do
        status = kit_status();
    while (status == 100);
    return status;
}

static char tag[64];

static void acknowledge(const char *from, const char *to)
{
    (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
    calls_us("ACK", from, to, tag, "", "");
}

static void the_device_calls_and_is_answered(void **state)
{
    (void)state;
    begin();
    ask();
    assert_int_equal(strlen(source), 20);
    assert_memory_equal(source, "34020000001360", 14);
    agree("OK");
    assert_false(reply.done);
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200); /* from a channel, which nobody knows */
    assert_true(kit_has("Content-Type: application/sdp\r\n"));
    assert_true(kit_has("s=Play\r\nc=IN IP4 203.0.113.7\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\na=sendonly\r\n"
                        "a=rtpmap:8 PCMA/8000\r\n"));
    assert_true(kit_has("y=0200000000\r\nf=v/////a/1/8/1\r\n"));
    assert_false(reply.done); /* it may not have heard it */
    acknowledge(SPEAKER, source);
    expect("done {\"confirmed\":true,\"call\":\"");
    expect("\"call_id\":\"device-1\",\"kind\":\"talk\",\"channel\":\"" SPEAKER "\"");
    expect("\"from\":{\"host\":\"192.0.2.10\",\"port\":16000},\"payload_type\":8,\"format\":\"PCMA\"");
    expect_event("gb/call {\"event\":\"started\"");
    command("Stop", about(""));
    kit_pass(17);
    read_method("BYE");
    assert_true(kit_has("BYE sip:" CAMERA "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_true(kit_has(";tag=talk"));
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

/* Without `to` the sound comes from the relay, which is asked for a way before the device is asked to call. */
static void ask_through_the_relay(void)
{
    command("Talk", "{\"channel\":\"" SPEAKER "\"}");
    kit_nothing();
    assert_int_equal(relay.request.kind, HF_GB_MEDIA_KIND_TALK);
    assert_int_equal(relay.request.transport, HF_GB_MEDIA_ANY);
    assert_string_equal(relay.channel, SPEAKER);
    relay_tells(HF_GB_MEDIA_OPENED);
    read_ask();
    relay_tells(HF_GB_MEDIA_OPENED); /* twice is once */
    kit_nothing();
}

static void through_the_relay(void **state)
{
    static const struct {
        const char *media, *want, *host;
        uint8_t transport;
    } rows[] = {
        {"m=audio 16000 RTP/AVP 8\r\n", "m=audio 20000 RTP/AVP 8\r\n", "192.0.2.10", HF_GB_MEDIA_UDP},
        {"m=audio 9 TCP/RTP/AVP 8\r\na=setup:active\r\n", "m=audio 20000 TCP/RTP/AVP 8\r\n", "192.0.2.10",
         HF_GB_MEDIA_TCP_PASSIVE},
        {"m=audio 16000 TCP/RTP/AVP 8\r\na=setup:passive\r\n", "m=audio 20000 TCP/RTP/AVP 8\r\n",
         "192.0.2.10", HF_GB_MEDIA_TCP_ACTIVE},
    };
    char sdp[512];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin_relayed();
        ask_through_the_relay();
        agree("OK");
        (void)snprintf(sdp, sizeof(sdp),
                       "v=0\r\no=" CAMERA
                       " 0 0 IN IP4 192.0.2.10\r\ns=Play\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n%s"
                       "a=rtpmap:8 PCMA/8000\r\n",
                       rows[i].media);
        assert_int_equal(invite_us(SPEAKER, source, sdp), 200);
        assert_true(kit_has("c=IN IP4 198.51.100.6\r\n"));
        assert_true(kit_has(rows[i].want));
        assert_int_equal(relay.answered, 0); /* it may not have heard it */
        acknowledge(SPEAKER, source);
        assert_int_equal(relay.answered, 1);
        assert_true(relay.answered_token == relay.token);
        assert_string_equal(relay.host, rows[i].host);
        assert_string_equal(relay.format, "PCMA");
        assert_int_equal(relay.transport, rows[i].transport);
        expect("\"relayed\":true");
        kit_pass(60000); /* nothing has to come of who listens */
        assert_int_equal(kit_stats()->calls_now, 1);
        relay_tells(i == 0 ? HF_GB_MEDIA_PLAYED : i == 1 ? HF_GB_MEDIA_UNWATCHED : HF_GB_MEDIA_ENDED);
        (void)drain("");
        expect_event(i == 0   ? "\"by\":\"us\",\"reason\":\"played\""
                     : i == 1 ? "\"by\":\"us\",\"reason\":\"unwatched\""
                              : "\"by\":\"media\",\"reason\":\"media_ended\"");
        assert_int_equal(relay.closed, 1);
        assert_int_equal(kit_stats()->calls_now, 0);
        end();
    }
}

static void what_is_said_through_the_relay_ends_with_it(void **state)
{
    static const struct hf_gb_options relayed = {.media = &relay_ops, .media_context = &relay};

    (void)state;
    begin_relayed();
    ask_through_the_relay();
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200);
    acknowledge(SPEAKER, source);
    expect("done {\"confirmed\":true");
    kit_crash(100, &relayed);
    kit_pass(50);
    read_method("BYE");
    expect_event("\"by\":\"us\",\"reason\":\"gateway_restarted\"");
    assert_int_equal(kit_stats()->calls_restart_ended, 1);
    assert_int_equal(kit_stats()->calls_resumed, 0);
    end();
}

static void a_relay_that_has_no_way(void **state)
{
    (void)state;
    begin_relayed();
    relay.err = HF_ERR_LIMIT;
    command("Talk", "{\"channel\":\"" SPEAKER "\"}");
    expect("failed {\"confirmed\":false,\"reason\":\"media_refused\",\"error\":\"configured limit reached\"");
    relay.err = HF_OK;
    command("Talk", "{\"channel\":\"" SPEAKER "\"}");
    relay_tells(HF_GB_MEDIA_REFUSED);
    expect("failed {\"confirmed\":false,\"reason\":\"media_refused\"");
    assert_int_equal(relay.closed, 1);
    ask_through_the_relay();
    agree("ERROR");
    expect("failed {\"confirmed\":false,\"reason\":\"refused\",\"text\":\"Result ERROR\"");
    assert_int_equal(relay.closed, 2);
    ask_through_the_relay();
    assert_int_equal(invite_us(SPEAKER, source, "v=0\r\nm=audio 16000 RTP/AVP 99\r\n"), 488);
    expect("\"reason\":\"bad_answer\"");
    assert_int_equal(relay.closed, 3);
    ask_through_the_relay(); /* not a word */
    kit_pass(10100);
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\"");
    assert_int_equal(relay.closed, 4);
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
    begin(); /* no relay at all */
    command("Talk", "{\"channel\":\"" SPEAKER "\"}");
    expect("\"reason\":\"bad_request\",\"element\":\"to\"");
    end();
}

static void stopped_while_its_way_opens(void **state)
{
    static struct tk_reply list;
    char json[128];

    (void)state;
    begin_relayed();
    command("Talk", "{\"channel\":\"" SPEAKER "\"}");
    kit_command(&list, CAMERA, "Calls", "");
    kit_pass(17);
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"}", call_id());
    kit_command(&list, CAMERA, "Stop", json);
    kit_pass(17);
    expect("\"reason\":\"stopped\"");
    assert_int_equal(relay.closed, 1);
    relay_tells(HF_GB_MEDIA_OPENED); /* too late */
    kit_nothing();
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void the_device_may_end_what_it_began(void **state)
{
    (void)state;
    begin();
    ask();
    agree("OK");
    assert_int_equal(invite_us(CAMERA, SERVER, OFFER), 200); /* some call the platform */
    acknowledge(CAMERA, SERVER);
    expect("done {\"confirmed\":true");
    cseq++;
    calls_us("BYE", CAMERA, SERVER, tag, "", "");
    assert_int_equal(kit_status(), 200);
    expect_event("\"by\":\"device\",\"reason\":\"bye\"");
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

/* The BYE says that our 200 has arrived, though its ACK did not (RFC 3261 13.3.1.4): it is not said any more. */
static void the_device_may_end_it_before_its_ack(void **state)
{
    (void)state;
    begin();
    ask();
    agree("OK");
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200);
    (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
    kit_pass(600);
    assert_int_equal(kit_status(), 200); /* again */
    cseq++;
    calls_us("BYE", SPEAKER, source, tag, "", "");
    assert_int_equal(kit_status(), 200);
    assert_true(hf_slice_is(kit.msg.cseq.method_text, "BYE"));
    expect("failed {\"confirmed\":false,\"reason\":\"bye\"");
    for (unsigned i = 0; i < 33; i++) {
        kit_pass(1000);
        kit_nothing();
    }
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void a_channel_may_end_it(void **state)
{
    (void)state;
    begin();
    ask();
    agree("OK");
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200);
    acknowledge(SPEAKER, source);
    expect("done {\"confirmed\":true");
    cseq++;
    calls_us("BYE", SPEAKER, source, tag, "", "");
    assert_int_equal(kit_status(), 200);
    expect_event("\"by\":\"device\",\"reason\":\"bye\"");
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void the_source_is_at_home_where_the_device_is(void **state)
{
    struct hf_hub_options *hub;

    (void)state;
    begin();
    hub = &kit.tk->hub.options;
    hub->workers = 7;
    hub->worker = hf_hub_home(kit.tk->tenant.name, HF_SLICE(CAMERA), hub->workers);
    for (unsigned i = 0; i < 3; i++) {
        ask();
        assert_int_equal(hf_hub_home(kit.tk->tenant.name, hf_slice_of(source), hub->workers), hub->worker);
        kit_pass(10100);
        (void)drain("");
    }
    hub->workers = 1;
    hub->worker = 0;
    end();
}

static void it_may_call_before_it_agrees(void **state)
{
    (void)state;
    begin();
    ask();
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200);
    acknowledge(SPEAKER, source);
    expect("done {\"confirmed\":true");
    end();
}

static void over_tcp_who_connects(void **state)
{
    static const struct {
        const char *media, *want;
    } rows[] = {
        {"m=audio 16000 TCP/RTP/AVP 8\r\na=setup:active\r\n",
         "m=audio 30000 TCP/RTP/AVP 8\r\na=sendonly\r\na=rtpmap:8 PCMA/8000\r\na=setup:passive\r\n"},
        {"m=audio 16000 TCP/RTP/AVP 0\r\na=setup:passive\r\n",
         "m=audio 30000 TCP/RTP/AVP 0\r\na=sendonly\r\na=rtpmap:0 PCMU/8000\r\na=setup:active\r\n"},
        {"m=audio 16000 RTP/AVP 96\r\na=rtpmap:96 PS/90000\r\n", "m=audio 30000 RTP/AVP 96\r\n"},
        {"m=audio 16000 RTP/AVP 0 8\r\n", "m=audio 30000 RTP/AVP 8\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sdp[512];

        begin();
        ask();
        agree("OK");
        (void)snprintf(sdp, sizeof(sdp), SDP_LINES("%s"), rows[i].media);
        assert_int_equal(invite_us(SPEAKER, source, sdp), 200);
        if (!kit_has(rows[i].want))
            fail_msg("%s", kit.text);
        acknowledge(SPEAKER, source);
        expect("done {\"confirmed\":true");
        end();
    }
}

static void what_cannot_be_played_is_488(void **state)
{
    static const char *const media[] = {"", "m=audio 16000 RTP/AVP 18\r\n", "m=audio 0 RTP/AVP 8\r\n",
                                        "m=audio 16000 SRTP 8\r\n",
                                        "m=audio 16000 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
        char sdp[512];

        begin();
        ask();
        agree("OK");
        (void)snprintf(sdp, sizeof(sdp), SDP_LINES("%s"), media[i]);
        assert_int_equal(invite_us(SPEAKER, source, sdp), 488);
        expect("failed {\"confirmed\":false,\"reason\":\"bad_answer\",\"element\":\"SDP\"");
        assert_int_equal(kit_stats()->calls_now, 0);
        end();
    }
}

static void who_was_not_asked_is_refused(void **state)
{
    (void)state;
    begin();
    assert_int_equal(invite_us(CAMERA, SERVER, OFFER), 403);
    assert_int_equal(kit_stats()->invites_refused, 1);
    assert_int_equal(invite_us(SECOND, SERVER, OFFER), 403); /* a stranger */
    ask();
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060); /* somebody who says that it is the device */
    assert_int_equal(invite_us(CAMERA, source, OFFER), 403);
    end();
}

static void the_device_may_say_no(void **state)
{
    (void)state;
    begin();
    ask();
    agree("ERROR");
    expect("failed {\"confirmed\":false,\"reason\":\"refused\",\"text\":\"Result ERROR\"");
    ask();
    kit_reply(488, "Not Acceptable Here");
    expect(
        "failed {\"confirmed\":false,\"reason\":\"refused\",\"status\":488,\"text\":\"Not Acceptable Here\"");
    ask();
    agree("OK"); /* and does not call */
    kit_pass(10100);
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\",\"limit_ms\":10000");
    (void)drain("");
    ask(); /* not a word */
    kit_pass(10100);
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\"");
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void an_answer_that_is_never_acknowledged(void **state)
{
    (void)state;
    begin();
    ask();
    agree("OK");
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 200);
    for (unsigned i = 0; i < 31; i++)
        kit_pass(1000);
    assert_false(reply.done);
    (void)drain("");
    for (unsigned i = 0; i < 2; i++)
        kit_pass(1000);
    read_method("BYE");
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"");
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

static void stopped_while_it_waits(void **state)
{
    static struct tk_reply list;
    char json[128];

    (void)state;
    begin();
    ask();
    agree("OK");
    kit_command(&list, CAMERA, "Calls", "");
    kit_pass(17);
    assert_true(list.done);
    assert_non_null(strstr(result(), "\"state\":\"idle\""));
    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"}", call_id());
    kit_command(&list, CAMERA, "Stop", json);
    kit_pass(17);
    expect("\"reason\":\"stopped\"");
    assert_int_equal(invite_us(SPEAKER, source, OFFER), 403); /* too late */
    assert_int_equal(kit_stats()->calls_now, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_calls_and_is_answered),
        cmocka_unit_test(through_the_relay),
        cmocka_unit_test(what_is_said_through_the_relay_ends_with_it),
        cmocka_unit_test(a_relay_that_has_no_way),
        cmocka_unit_test(stopped_while_its_way_opens),
        cmocka_unit_test(the_device_may_end_what_it_began),
        cmocka_unit_test(the_device_may_end_it_before_its_ack),
        cmocka_unit_test(a_channel_may_end_it),
        cmocka_unit_test(the_source_is_at_home_where_the_device_is),
        cmocka_unit_test(it_may_call_before_it_agrees),
        cmocka_unit_test(over_tcp_who_connects),
        cmocka_unit_test(what_cannot_be_played_is_488),
        cmocka_unit_test(who_was_not_asked_is_refused),
        cmocka_unit_test(the_device_may_say_no),
        cmocka_unit_test(an_answer_that_is_never_acknowledged),
        cmocka_unit_test(stopped_while_it_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
