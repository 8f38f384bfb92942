/* Media sessions that a platform asks for: what the device is told, what the platform is answered, and that no session is left behind below, whoever ends it and when. */
#include "adapter/gb28181/gb_upstream_testkit.h"

#define RECORDER "34020000001180000001"
#define CHANNEL  "34020000001310000001"
#define ABOVE    "34010000001310000009"
#define ID       "00112233445566ff"

#define SDP_HEAD(session, time) "v=0\r\no=" PLATFORM " 0 0 IN IP4 192.0.2.7\r\ns=" session "\r\n" time
#define SDP_TAIL(media)         "c=IN IP4 192.0.2.7\r\n" media "a=recvonly\r\na=rtpmap:96 PS/90000\r\n"
#define LIVE                    SDP_HEAD("Play", "") SDP_TAIL("t=0 0\r\nm=video 30000 RTP/AVP 96\r\n") "y=0200000777\r\n"
#define STANDS                                                                                              \
    "{\"confirmed\":true,\"call\":\"" ID "\",\"kind\":\"play\",\"ssrc\":\"0200000777\",\"from\":{\"host\":" \
    "\"192.0.2.33\",\"port\":15060},\"payload_type\":96,\"format\":\"PS\"}"

static const struct hf_gb_up_alias aliases[] = {{{ABOVE, 20}, {RECORDER, 20}, {CHANNEL, 20}}};
static char answer_tag[64];

static void begin(void)
{
    kit_begin(&(struct hf_gb_upstream_options){.shown = {.aliases = aliases, .alias_count = 1}});
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, CHANNEL, HF_CHANNEL_ON, "door", RECORDER, "{}");
    kit_register();
}

/* A request of the call; branch 0 = a fresh one. */
static void say(const char *method, unsigned branch, unsigned cseq, const char *to_tag, const char *id,
                const char *more, const char *body)
{
    static char text[8192];

    (void)snprintf(
        text, sizeof(text),
        "%s sip:%s@198.51.100.5:40000 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKi%u\r\n"
        "From: <sip:" PLATFORM "@" DOMAIN ">;tag=p\r\nTo: <sip:%s@" DOMAIN
        ">%s%s\r\nCall-ID: call\r\nCSeq: %u %s\r\n"
        "Contact: <sip:" PLATFORM "@192.0.2.1:5060>\r\n%sContent-Length: %zu\r\n\r\n%s",
        method, id, branch ? branch : 1000 + ++kit.branch, id, to_tag[0] ? ";tag=" : "", to_tag, cseq, method,
        more, strlen(body), body);
    kit_receive(text);
}

static void invite(const char *id, const char *body)
{
    say("INVITE", 1, 1, "", id, "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n", body);
}

static void done(struct hf_call **taken, enum hf_fate fate, const char *result)
{
    struct hf_call *call = *taken;

    *taken = NULL;
    call->fate = (uint8_t)fate;
    if (result != NULL) {
        call->result = strdup(result);
        call->result_bytes = strlen(result);
        call->result_format = HF_FORMAT_JSON;
    }
    call->on_done(call);
}

static void drop_call(void) /* of what nobody waits for */
{
    done(&kit.call, HF_FATE_DONE, NULL);
}

/* INVITE, 100, Play, 200: its To tag is kept. */
static void answered(void)
{
    invite(ABOVE, LIVE);
    assert_int_equal(kit_status(), 100);
    done(&kit.call, HF_FATE_DONE, STANDS);
    assert_int_equal(kit_status(), 200);
    (void)snprintf(answer_tag, sizeof(answer_tag), "%.*s", (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
}

static void stands(void)
{
    answered();
    say("ACK", 0, 1, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    kit_nothing();
}

static void stopped_below(void)
{
    assert_non_null(kit.call);
    assert_true(hf_slice_is(kit.call->topic, "Stop"));
    assert_true(hf_slice_is(kit.call->payload, "{\"call\":\"" ID "\"}"));
    assert_true(hf_slice_is(kit.call->device, RECORDER));
    drop_call();
}

static void offers_become_commands(void **state)
{
    static const struct {
        const char *sdp, *verb, *payload;
    } rows[] = {
        {LIVE, "Play",
         "{\"channel\":\"" CHANNEL "\",\"to\":{\"host\":\"192.0.2.7\",\"port\":30000},\"transport\":\"udp\","
         "\"ssrc\":\"0200000777\",\"max_forwards\":69}"},
        {SDP_HEAD("Play", "") SDP_TAIL("t=0 0\r\nm=video 30000 TCP/RTP/AVP 96\r\na=setup:passive\r\n"),
         "Play",
         "{\"channel\":\"" CHANNEL "\",\"to\":{\"host\":\"192.0.2.7\",\"port\":30000},\"transport\":\"tcp_"
         "passive\",\"max_forwards\":69}"},
        {SDP_HEAD("Play", "") SDP_TAIL("t=0 0\r\nm=video 30000 TCP/RTP/AVP 96\r\na=setup:active\r\n"), "Play",
         "{\"channel\":\"" CHANNEL "\",\"to\":{\"host\":\"192.0.2.7\",\"port\":30000},\"transport\":\"tcp_"
         "active\",\"max_forwards\":69}"},
        {SDP_HEAD("Playback", "")
             SDP_TAIL("t=1700000000 1700000600\r\nm=video 30000 RTP/AVP 96\r\n") "y=1200000777\r\n",
         "Playback",
         "{\"channel\":\"" CHANNEL
         "\",\"to\":{\"host\":\"192.0.2.7\",\"port\":30000},\"transport\":\"udp\",\"ssrc\":\"1200000777\","
         "\"from\":1700000000,\"until\":1700000600,\"max_forwards\":69}"},
        {SDP_HEAD("Download", "")
             SDP_TAIL("t=1700000000 1700000600\r\nm=video 30000 RTP/AVP 96\r\na=downloadspeed:4\r\n"),
         "Download",
         "{\"channel\":\"" CHANNEL
         "\",\"to\":{\"host\":\"192.0.2.7\",\"port\":30000},\"transport\":\"udp\",\"from\":1700000000,"
         "\"until\":1700000600,\"speed\":4,\"max_forwards\":69}"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin();
        invite(ABOVE, rows[i].sdp);
        assert_int_equal(kit_status(), 100);
        assert_true(hf_slice_is(kit.call->topic, rows[i].verb));
        if (!hf_slice_is(kit.call->payload, rows[i].payload))
            fail_msg("%.*s", (int)kit.call->payload.bytes, kit.call->payload.at);
        assert_true(kit.call->wait);
        done(&kit.call, HF_FATE_FAILED, NULL);
        assert_int_equal(kit_status(), 500);
        kit_end();
    }
}

static void what_is_refused_at_once(void **state)
{
    static const struct {
        const char *id, *sdp;
        unsigned status;
    } rows[] = {
        {CHANNEL, LIVE, 404}, /* not its id there */
        {"34010000001310000077", LIVE, 404},
        {ABOVE, "", 488},
        {ABOVE, "nonsense", 488},
        {ABOVE, SDP_HEAD("Talk", "") SDP_TAIL("t=0 0\r\nm=audio 30000 RTP/AVP 8\r\n"), 488},
        {ABOVE, SDP_HEAD("Play", "") SDP_TAIL("t=0 0\r\nm=video 0 RTP/AVP 96\r\n"), 488},
        {ABOVE, SDP_HEAD("Playback", "") SDP_TAIL("t=0 0\r\nm=video 30000 RTP/AVP 96\r\n"), 488},
        {ABOVE, "v=0\r\ns=Play\r\nt=0 0\r\nm=video 30000 RTP/AVP 96\r\n", 488}, /* no address */
    };

    (void)state;
    begin();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char text[8192];

        (void)snprintf(
            text, sizeof(text),
            "INVITE sip:%s@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKr%zu\r\nFrom: "
            "<sip:" PLATFORM "@x>;tag=p\r\n"
            "To: <sip:%s@x>\r\nCall-ID: r%zu\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:" PLATFORM
            "@192.0.2.1>\r\n"
            "%sContent-Length: %zu\r\n\r\n%s",
            rows[i].id, i, rows[i].id, i, rows[i].sdp[0] ? "Content-Type: application/sdp\r\n" : "",
            strlen(rows[i].sdp), rows[i].sdp);
        kit_receive(text);
        assert_int_equal(kit_status(), rows[i].status);
        kit_forget();
    }
    assert_int_equal(kit.calls, 0);
    kit_receive(
        "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKu\r\nFrom: <sip:" PLATFORM
        "@x>;tag=p\r\nTo: <sip:x>\r\nCall-ID: u\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: "
        "<sip:" PLATFORM "@192.0.2.1>\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(kit_status(), 404); /* without a user: nobody's */
    kit_forget();
    say("INVITE", 5, 1, "", ABOVE, "Max-Forwards: 1\r\nContent-Type: application/sdp\r\n", LIVE);
    assert_int_equal(kit_status(), 483);
    kit_device(RECORDER, false, "gb28181");
    kit_forget();
    say("INVITE", 6, 2, "", ABOVE, "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n", LIVE);
    assert_int_equal(kit_status(), 480);
    kit_forget();
    kit_device(RECORDER, true, "gb28181");
    kit.refuse_calls = HF_ERR_BUSY;
    say("INVITE", 7, 3, "", ABOVE, "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n", LIVE);
    assert_int_equal(kit_status(), 100);
    assert_int_equal(kit_status(), 503);
    (void)kit_state();
    assert_int_equal(kit.view.stats.calls_refused, HF_COUNT_OF(rows) + 4);
    kit_end();
}

static void the_devices_answer_is_ours(void **state)
{
    (void)state;
    begin();
    stands();
    kit_end();
    begin();
    answered();
    assert_true(kit_has("Contact: <sip:" ABOVE "@198.51.100.5:40000>"));
    assert_true(kit_has(
        "o=" ABOVE
        " 0 0 IN IP4 192.0.2.33\r\ns=Play\r\nc=IN IP4 192.0.2.33\r\nt=0 0\r\nm=video 15060 RTP/AVP 96\r\n"));
    assert_true(kit_has("a=sendonly\r\n") && kit_has("a=rtpmap:96 PS/90000\r\n") &&
                kit_has("y=0200000777\r\n"));
    assert_true(answer_tag[0] != '\0');
    kit_end();
}

static void why_a_device_does_not_play(void **state)
{
    static const struct {
        enum hf_fate fate;
        const char *result;
        unsigned status;
    } rows[] = {
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"refused\",\"status\":488}", 488},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"busy\",\"element\":\"ssrc\"}", 486},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\"}", 480},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"bad_request\"}", 500},
        {HF_FATE_EXPIRED, NULL, 480},
        {HF_FATE_DONE, "{\"confirmed\":true}", 500}, /* without a name nobody could stop it */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin();
        invite(ABOVE, LIVE);
        assert_int_equal(kit_status(), 100);
        done(&kit.call, rows[i].fate, rows[i].result);
        assert_int_equal(kit_status(), rows[i].status);
        (void)kit_state();
        assert_int_equal(kit.view.stats.calls_failed, 1);
        kit_end();
    }
}

static void bye_from_above(void **state)
{
    (void)state;
    begin();
    stands();
    say("BYE", 0, 2, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    assert_int_equal(kit_status(), 200);
    stopped_below();
    say("BYE", 0, 3, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    assert_int_equal(kit_status(), 481);
    (void)kit_state();
    assert_int_equal(kit.view.stats.calls_ended_above, 1);
    kit_end();
}

/* Our 200 has arrived, or it would not know of the session: it is not repeated. */
static void bye_from_above_before_its_ack(void **state)
{
    (void)state;
    begin();
    answered();
    say("BYE", 0, 2, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    assert_int_equal(kit_status(), 200);
    assert_true(hf_slice_is(kit.msg.cseq.method_text, "BYE"));
    stopped_below();
    for (unsigned i = 0; i < 8; i++) {
        kit_pass(500);
        kit_nothing();
    }
    kit_end();
}

static void the_end_below(void **state)
{
    (void)state;
    begin();
    stands();
    hf_gb_upstream_call_ended(kit.up, HF_SLICE("ffffffffffffffff"));
    kit_nothing();
    hf_gb_upstream_call_ended(kit.up, HF_SLICE(ID));
    kit_request(HF_SIP_BYE);
    assert_true(kit_has("BYE sip:" PLATFORM "@192.0.2.1:5060 SIP/2.0") && kit_has("Call-ID: call\r\n"));
    kit_answer(200, "");
    assert_null(kit.call); /* nothing is left to stop */
    hf_gb_upstream_call_ended(kit.up, HF_SLICE(ID));
    kit_nothing();
    kit_end();
}

static void a_cancel_while_the_device_rings(void **state)
{
    (void)state;
    begin();
    invite(ABOVE, LIVE);
    assert_int_equal(kit_status(), 100);
    say("CANCEL", 1, 1, "", ABOVE, "Max-Forwards: 70\r\n", "");
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_status(), 487);
    struct hf_call *play = kit.call;
    kit.call = NULL;
    done(&play, HF_FATE_DONE, STANDS); /* it stands all the same */
    stopped_below();
    kit_forget();
    (void)kit_state();
    assert_int_equal(kit.view.stats.calls_canceled, 1);
    kit_end();
    begin(); /* and when it does not, there is nothing to stop */
    invite(ABOVE, LIVE);
    say("CANCEL", 1, 1, "", ABOVE, "Max-Forwards: 70\r\n", "");
    done(&kit.call, HF_FATE_FAILED, NULL);
    assert_null(kit.call);
    kit_end();
}

static void no_ack(void **state)
{
    (void)state;
    begin();
    answered();
    kit_forget();
    for (unsigned i = 0; kit.call == NULL && i < 70; i++) {
        kit_forget();
        kit_pass(500);
    }
    stopped_below();
    kit_request(HF_SIP_BYE);
    kit_end();
}

static void the_platform_is_lost(void **state)
{
    (void)state;
    begin();
    kit.flow.transport = HF_SIP_TCP;
    kit.flow.connection = 9;
    kit_end();
    kit_begin(&(struct hf_gb_upstream_options){.shown = {.aliases = aliases, .alias_count = 1}});
    kit.flow.transport = HF_SIP_TCP;
    kit.flow.connection = 9;
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, CHANNEL, HF_CHANNEL_ON, "door", RECORDER, "{}");
    kit_register();
    stands();
    hf_gb_upstream_lost(kit.up, "it closed the connection");
    stopped_below();
    kit_end();
}

static void we_leave(void **state)
{
    (void)state;
    begin();
    stands();
    hf_gb_upstream_stop(kit.up);
    stopped_below();
    kit_request(HF_SIP_BYE);
    kit_request(HF_SIP_REGISTER);
    kit_end();
}

static void it_is_taken_back_when_nobody_can_stop_it(void **state)
{
    struct hf_call *play;

    (void)state;
    begin();
    invite(ABOVE, LIVE);
    play = kit.call;
    hf_gb_upstream_free(kit.up);
    kit.up = NULL;
    assert_ptr_not_equal(kit.call, play);
    assert_int_equal(kit.call->type, HF_CALL_CANCEL);
    assert_memory_equal(kit.call->id, play->id, sizeof(play->id));
    drop_call();
    done(&play, HF_FATE_CANCELED, NULL);
    kit_end();
}

static struct hf_call *canceled;

/* The hub ends a command that is canceled before the cancel itself is answered. */
static hf_err cancels_at_once(void *context, struct hf_call *call)
{
    if (call->type == HF_CALL_CANCEL && canceled != NULL)
        done(&canceled, HF_FATE_CANCELED, NULL);
    return kit_call(context, call);
}

static void what_is_taken_back_may_end_at_once(void **state)
{
    struct hf_gb_upstream_ops ops = kit_ops;

    (void)state;
    ops.call = cancels_at_once;
    kit_begin(&(struct hf_gb_upstream_options){.ops = &ops, .shown = {.aliases = aliases, .alias_count = 1}});
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, CHANNEL, HF_CHANNEL_ON, "door", RECORDER, "{}");
    kit_register();
    invite(ABOVE, LIVE);
    canceled = kit.call;
    kit.call = NULL;
    hf_gb_upstream_free(kit.up);
    kit.up = NULL;
    assert_null(canceled);
    kit_end();
}

static void a_playback_is_steered(void **state)
{
    static const struct {
        const char *body, *verb, *payload;
    } rows[] = {
        {"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n", "Pause", "{\"call\":\"" ID "\"}"},
        {"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n", "Resume", "{\"call\":\"" ID "\"}"},
        {"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n", "Speed", "{\"call\":\"" ID "\",\"scale\":2}"},
        {"PLAY RTSP/1.0\r\nCSeq: 4\r\nRange: npt=100-\r\n\r\n", "Seek",
         "{\"call\":\"" ID "\",\"range\":100.000}"},
        {"TEARDOWN RTSP/1.0\r\nCSeq: 5\r\n\r\n", "Stop", "{\"call\":\"" ID "\"}"},
    };

    (void)state;
    begin();
    stands();
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        say("INFO", 0, 2 + i, answer_tag, ABOVE, "Max-Forwards: 70\r\nContent-Type: Application/MANSRTSP\r\n",
            rows[i].body);
        assert_int_equal(kit_status(), 200);
        assert_true(hf_slice_is(kit.call->topic, rows[i].verb));
        assert_true(hf_slice_is(kit.call->payload, rows[i].payload));
        drop_call();
    }
    say("INFO", 0, 2, answer_tag, ABOVE, "Max-Forwards: 70\r\nContent-Type: Application/MANSRTSP\r\n",
        rows[0].body);
    assert_int_equal(kit_status(), 500); /* older than one before */
    say("INFO", 0, 20, answer_tag, ABOVE, "Max-Forwards: 70\r\nContent-Type: Application/MANSRTSP\r\n", "?");
    assert_int_equal(kit_status(), 400);
    say("INFO", 0, 21, "other", ABOVE, "Max-Forwards: 70\r\nContent-Type: Application/MANSRTSP\r\n",
        rows[0].body);
    assert_int_equal(kit_status(), 481);
    say("INVITE", 0, 22, answer_tag, ABOVE, "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n", LIVE);
    assert_int_equal(kit_status(), 488);
    kit_end();
}

static void more_than_fit(void **state)
{
    static struct hf_call *plays[HF_GB_UP_CALLS_MAX];

    (void)state;
    begin();
    for (unsigned i = 0; i <= HF_GB_UP_CALLS_MAX; i++) {
        char text[2048];

        (void)snprintf(
            text, sizeof(text),
            "INVITE sip:" ABOVE
            "@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKm%u\r\nFrom: <sip:" PLATFORM
            "@x>;tag=p\r\nTo: <sip:" ABOVE "@x>\r\nCall-ID: m%u\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            "Contact: <sip:" PLATFORM
            "@192.0.2.1>\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
            i, i, strlen(LIVE), LIVE);
        kit_receive(text);
        assert_int_equal(kit_status(), i < HF_GB_UP_CALLS_MAX ? 100 : 486);
        if (i < HF_GB_UP_CALLS_MAX)
            plays[i] = kit.call;
        kit.call = NULL;
    }
    for (unsigned i = 0; i < HF_GB_UP_CALLS_MAX; i++)
        done(&plays[i], HF_FATE_FAILED, NULL);
    kit_end();
}

static void a_stop_that_cannot_be_sent_is_sent_later(void **state)
{
    (void)state;
    begin();
    stands();
    kit.refuse_calls = HF_ERR_BUSY;
    say("BYE", 0, 2, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    assert_int_equal(kit_status(), 200);
    assert_null(kit.call);
    kit_pass(3 * HF_GB_RETRY_MS);
    kit.refuse_calls = HF_OK;
    kit_pass(HF_GB_RETRY_MS + 100);
    stopped_below();
    kit_pass(2 * HF_GB_RETRY_MS);
    assert_null(kit.call);
    kit_end();
    begin(); /* or ends by itself meanwhile */
    stands();
    kit.refuse_calls = HF_ERR_BUSY;
    say("BYE", 0, 2, answer_tag, ABOVE, "Max-Forwards: 70\r\n", "");
    hf_gb_upstream_call_ended(kit.up, HF_SLICE(ID));
    kit.refuse_calls = HF_OK;
    kit_pass(2 * HF_GB_RETRY_MS);
    assert_null(kit.call);
    assert_int_equal(kit_status(), 200);
    kit_nothing(); /* no BYE */
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_become_commands),
        cmocka_unit_test(what_is_refused_at_once),
        cmocka_unit_test(the_devices_answer_is_ours),
        cmocka_unit_test(why_a_device_does_not_play),
        cmocka_unit_test(bye_from_above),
        cmocka_unit_test(bye_from_above_before_its_ack),
        cmocka_unit_test(the_end_below),
        cmocka_unit_test(a_cancel_while_the_device_rings),
        cmocka_unit_test(no_ack),
        cmocka_unit_test(the_platform_is_lost),
        cmocka_unit_test(we_leave),
        cmocka_unit_test(it_is_taken_back_when_nobody_can_stop_it),
        cmocka_unit_test(what_is_taken_back_may_end_at_once),
        cmocka_unit_test(a_playback_is_steered),
        cmocka_unit_test(more_than_fit),
        cmocka_unit_test(a_stop_that_cannot_be_sent_is_sent_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
