/* Media sessions of a camera: how it answers INVITE, what it sends when, and how a call ends. */
#include "bench/gb/camera_testkit.h"

#include "bench/gb/reel_testkit.h"
#include "codec/ps/ps.h"
#include "codec/rtp/rtp.h"
#include "codec/sdp/sdp.h"

enum { PACKETS_MAX = 512, SSRC = 200000001 };

static struct media {
    uint8_t packets[PACKETS_MAX][HF_CAM_MEDIA_PACKET_BYTES];
    size_t bytes[PACKETS_MAX];
    unsigned count, open, read;
    bool tcp;
    uint16_t port;
    char host[64];
    hf_err err; /* of sending */
    bool no_way;
} media;

static void *media_open(void *context, struct hf_cam *cam, bool tcp, struct hf_slice host, uint16_t port,
                        uint16_t *ret_port)
{
    assert_ptr_equal(context, &kit);
    assert_ptr_equal(cam, &kit.cam);
    if (media.no_way)
        return NULL;
    media.open++;
    media.tcp = tcp;
    media.port = port;
    (void)snprintf(media.host, sizeof(media.host), "%.*s", (int)host.bytes, host.at);
    *ret_port = 30000;
    return &media;
}

static hf_err media_send(void *context, void *to, const uint8_t *packet, size_t bytes)
{
    assert_ptr_equal(context, &kit);
    assert_ptr_equal(to, &media);
    if (media.err != HF_OK)
        return media.err;
    assert_true(bytes <= HF_CAM_MEDIA_PACKET_BYTES && media.count < PACKETS_MAX);
    memcpy(media.packets[media.count], packet, bytes);
    media.bytes[media.count++] = bytes;
    return HF_OK;
}

static void media_close(void *context, void *to)
{
    (void)context;
    assert_ptr_equal(to, &media);
    media.open--;
}

static const struct hf_cam_ops ops = {.send = kit_send,
                                      .on_event = kit_event,
                                      .media_open = media_open,
                                      .media_send = media_send,
                                      .media_close = media_close};
static struct hf_cam_reel *reel;

static void begin(const struct hf_cam_profile *profile)
{
    static uint8_t stream[REEL_BYTES_MAX];
    struct hf_cam_profile with = profile != NULL ? *profile : (struct hf_cam_profile){0};

    memset(&media, 0, sizeof(media));
    assert_int_equal(hf_cam_reel_new(&reel), HF_OK);
    assert_int_equal(hf_cam_reel_feed(reel, stream, reel_stream(0, stream)), HF_OK);
    assert_int_equal(hf_cam_reel_end(reel), HF_OK);
    with.reel = reel;
    with.keepalive_ms = 3600000; /* none of them between */
    kit_begin(&with);
    kit.world.ops = &ops;
    kit_register();
}

static void end(void)
{
    kit_end();
    assert_int_equal(media.open, 0);
    assert_null(kit.cam.calls);
    hf_cam_reel_free(reel);
}

/* more: behind the session's lines; m: "40000 RTP/AVP 96". Returns the number that names the call. */
static unsigned invite(const char *session, const char *times, const char *m, const char *more)
{
    static char body[1024];

    (void)snprintf(body, sizeof(body),
                   "v=0\r\no=" SERVER " 0 0 IN IP4 198.51.100.9\r\ns=%s\r\nc=IN IP4 198.51.100.9\r\nt=%s\r\n"
                   "m=video %s\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n%sy=0200000001\r\n",
                   session, times, m, more);
    kit_ask("INVITE", 0, "Content-Type: Application/SDP\r\n", body);
    return kit.branch;
}

static unsigned invite_live(void)
{
    return invite("Play", "0 0", "40000 RTP/AVP 96", "");
}

/* The answer to INVITE is read, and confirmed. */
static void confirm(unsigned call)
{
    assert_int_equal(kit_status(), 200);
    kit_ask("ACK", call, "", "");
    kit_nothing();
    kit.events[0] = '\0';
}

static void order(unsigned call, unsigned cseq, const char *body)
{
    static char text[2048];

    (void)snprintf(text, sizeof(text),
                   "INFO sip:" CAMERA "@192.0.2.10:5061 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bKi%u\r\n"
                   "From: <sip:" SERVER "@" REALM ">;tag=p1\r\nTo: <sip:" CAMERA "@" REALM ">;tag=x\r\n"
                   "Call-ID: q%u\r\nCSeq: %u INFO\r\nMax-Forwards: 70\r\n"
                   "Content-Type: Application/MANSRTSP\r\nContent-Length: %zu\r\n\r\n%s",
                   cseq, call, cseq, strlen(body), body);
    kit_gives(text);
    assert_int_equal(kit_status(), 200);
}

static void on_unit(void *context, const struct hf_es_unit *unit)
{
    uint64_t *count_and_last = context;

    assert_true(unit->has_time && !unit->after_loss);
    if (count_and_last[0] > 0)
        assert_int_equal(unit->dts - count_and_last[1], REEL_STEP);
    assert_int_equal(unit->key, count_and_last[0] % REEL_EVERY == 0);
    count_and_last[0]++;
    count_and_last[1] = unit->dts;
}

/* All packets: one stream without a gap, frames that end with the marker. Returns how many frames. */
static unsigned check_packets(uint32_t ssrc)
{
    static uint8_t video[65536], audio[HF_ES_UNIT_BYTES_MIN];
    static struct hf_ps ps;
    uint64_t count_and_last[2] = {0};
    struct hf_rtp rtp, before = {0};
    unsigned markers = 0;

    hf_ps_init(&ps, video, sizeof(video), audio, sizeof(audio), on_unit, count_and_last);
    for (unsigned i = 0; i < media.count; i++) {
        assert_int_equal(hf_rtp_parse(media.packets[i], media.bytes[i], &rtp), HF_OK);
        assert_int_equal(rtp.ssrc, ssrc);
        assert_int_equal(rtp.payload_type, 96);
        if (i > 0) {
            assert_int_equal(rtp.sequence, (uint16_t)(before.sequence + 1));
            assert_int_equal(rtp.timestamp - before.timestamp, before.marker ? REEL_STEP : 0);
        }
        hf_ps_feed(&ps, (const uint8_t *)rtp.payload.at, rtp.payload.bytes);
        if (rtp.marker)
            hf_ps_unit_ends(&ps);
        markers += rtp.marker;
        before = rtp;
    }
    assert_int_equal(ps.stats.resyncs, 0);
    assert_int_equal(count_and_last[0], markers);
    return markers;
}

static void live_is_sent_in_its_time_and_again(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite_live();

    assert_int_equal(kit_status(), 200);
    struct hf_sdp sdp;
    assert_int_equal(hf_sdp_parse(kit.msg.body, &sdp), HF_OK);
    assert_int_equal(sdp.session, HF_SDP_PLAY);
    assert_true(hf_slice_is(sdp.address, "192.0.2.10"));
    assert_int_equal(sdp.media[0].port, 30000);
    assert_int_equal(sdp.media[0].transport, HF_SDP_UDP);
    assert_int_equal(sdp.media[0].direction, HF_SDP_SENDONLY);
    assert_int_equal(sdp.media[0].payloads[0].type, 96);
    assert_true(hf_slice_is(sdp.media[0].payloads[0].encoding, "PS"));
    assert_int_equal(sdp.ssrc, SSRC);
    assert_true(hf_sip_has(&kit.msg, HF_SIP_CONTACT) && kit.msg.to.tag.bytes > 0);
    assert_string_equal(media.host, "198.51.100.9");
    assert_int_equal(media.port, 40000);
    assert_string_equal(kit.events, "called " CAMERA " play udp to 198.51.100.9 port 40000 ssrc 0200000001");
    kit_pass(300);
    assert_int_equal(media.count, 0); /* not before ACK */
    kit.events[0] = '\0';
    kit_ask("ACK", call, "", "");
    assert_string_equal(kit.events, "playing " CAMERA);
    kit_pass(HF_WHEEL_TICK_MS);
    assert_int_equal(check_packets(SSRC), 1); /* the key frame at once, in packets that fit */
    assert_int_equal(media.count, 3);
    kit_pass(1000 - HF_WHEEL_TICK_MS);
    assert_in_range(check_packets(SSRC), 24, 26); /* two rounds and a half of the reel */
    kit_ask("BYE", call, "", "");
    assert_int_equal(kit_status(), 200);
    assert_int_equal(media.open, 0);
    unsigned sent = media.count;
    kit_pass(1000);
    assert_int_equal(media.count, sent);
    assert_int_equal(kit.world.stats.media_packets, sent);
    assert_non_null(strstr(kit.events, "hung_up BYE came"));
    kit_ask("BYE", call, "", ""); /* its answer was lost */
    assert_int_equal(kit_status(), 200);
    end();
}

static void a_recording_ends_with_121(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite("Playback", "1767225600 1767229200", "40000 RTP/AVP 96", "u=" CAMERA ":0\r\n");

    confirm(call);
    uint64_t took_ms = kit_wait(HF_SIP_MESSAGE, 2000);
    assert_in_range(took_ms, 400, 440);
    assert_int_equal(check_packets(SSRC), REEL_FRAMES);
    assert_int_equal(kit.body.command, HF_CDP_CMD_MEDIA_STATUS);
    assert_int_equal(kit.body.as.media_status.notify_type.value, 121);
    assert_true(kit.msg.from.tag.bytes > 0 && hf_slice_is(kit.msg.to.tag, "p1")); /* in the call */
    kit_reply(200, "");
    kit_ask("BYE", call, "", "");
    assert_int_equal(kit_status(), 200);
    assert_string_equal(kit.events, "notified MediaStatus 200|hung_up BYE came");
    end();
}

static void a_recording_is_as_long_as_was_asked_and_nobody_says_bye(void **state)
{
    static const struct hf_cam_profile tcp = {.transport = HF_SIP_TCP};

    (void)state;
    begin(&tcp);
    unsigned call = invite("Download", "100 200", "40000 RTP/AVP 96", "a=downloadspeed:4\r\n");

    confirm(call);
    assert_in_range(kit_wait(HF_SIP_MESSAGE, 2000), 100, 140); /* four times as fast */
    kit_reply(200, "");
    assert_in_range(kit_wait(HF_SIP_BYE, 40000), HF_CAM_TIMER_F_MS - 50, HF_CAM_TIMER_F_MS + 50);
    kit_reply(200, "");
    assert_non_null(strstr(kit.events, "hung_up no BYE behind the end"));
    end();
}

static void it_pauses_goes_on_and_seeks(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite("Playback", "100 200", "40000 RTP/AVP 96", "");

    confirm(call);
    kit_pass(100);
    order(call, 50, "PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n");
    assert_true(kit_has("RTSP/1.0 200") && kit_has("CSeq: 1"));
    unsigned sent = media.count;
    kit_pass(5000);
    assert_int_equal(media.count, sent);
    order(call, 51, "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n");
    assert_in_range(kit_wait(HF_SIP_MESSAGE, 2000), 260, 340);
    assert_int_equal(check_packets(SSRC), REEL_FRAMES);
    end();
    begin(NULL);
    call = invite("Playback", "100 200", "40000 RTP/AVP 96", "");
    confirm(call);
    kit_pass(40);
    order(call, 50, "PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: -1.0\r\n\r\n");
    assert_true(kit_has("RTSP/1.0 456"));
    order(call, 51, "PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=7-\r\n\r\n");
    assert_true(kit_has("RTSP/1.0 457"));
    order(call, 52, "PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 2.0\r\n\r\n");
    assert_true(kit_has("RTSP/1.0 200"));
    order(call, 53, "PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=0.3-\r\n\r\n"); /* the key frame at 0.2 s */
    assert_in_range(kit_wait(HF_SIP_MESSAGE, 2000), 80, 140);
    end();
}

static void an_answer_is_repeated_until_ack(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite_live();

    assert_int_equal(kit_status(), 200);
    kit_pass(HF_CAM_T1_MS + HF_WHEEL_TICK_MS);
    assert_int_equal(kit_status(), 200);
    assert_true(kit.msg.body.bytes > 0);
    kit_pass(40000);
    unsigned repeats = 0;
    while (kit_read() && kit.msg.kind == HF_SIP_RESPONSE)
        repeats++;
    assert_in_range(repeats, 6, 12);
    assert_int_equal(kit.msg.method, HF_SIP_BYE);
    assert_non_null(strstr(kit.events, "hung_up no ACK came"));
    kit_reply(200, "");
    kit_ask("ACK", call, "", "");
    end();
}

static void an_invite_that_comes_again_is_the_same_call(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite_live();

    assert_int_equal(kit_status(), 200);
    kit_ask("INVITE", call, "", "");
    assert_int_equal(kit_status(), 200);
    assert_true(kit.msg.body.bytes > 0);
    assert_int_equal(kit.world.stats.calls, 1);
    kit_ask("ACK", call, "", "");
    kit_ask("BYE", call, "", "");
    assert_int_equal(kit_status(), 200);
    end();
}

static void a_slow_one_can_be_cancelled(void **state)
{
    static const struct hf_cam_profile slow = {.slow_ms = 2000};

    (void)state;
    begin(&slow);
    unsigned call = invite_live();

    assert_int_equal(kit_status(), 100);
    kit_pass(1000);
    kit_nothing();
    kit_ask("CANCEL", call, "", "");
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_status(), 487);
    assert_int_equal(kit.msg.cseq.method, HF_SIP_INVITE);
    kit_pass(HF_CAM_T1_MS + HF_WHEEL_TICK_MS);
    assert_int_equal(kit_status(), 487); /* until ACK */
    kit_ask("ACK", call, "", "");
    assert_non_null(strstr(kit.events, "hung_up cancelled"));
    kit_pass(10000);
    kit_nothing();
    call = invite_live();
    assert_int_equal(kit_status(), 100);
    kit_ask("BYE", call, "", "");
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_status(), 487);
    kit_ask("ACK", call, "", "");
    call = invite_live();
    assert_int_equal(kit_status(), 100);
    kit_pass(2000 + HF_WHEEL_TICK_MS);
    assert_int_equal(kit_status(), 200);
    kit_ask("CANCEL", call, "", ""); /* too late: nothing changes */
    assert_int_equal(kit_status(), 200);
    kit_ask("ACK", call, "", "");
    kit_pass(100);
    assert_true(media.count > 0);
    end();
}

static void it_hangs_up_by_itself_and_when_it_leaves(void **state)
{
    (void)state;
    begin(NULL);
    confirm(invite_live());
    hf_cam_hang_up(&kit.cam);
    kit_request(HF_SIP_BYE);
    assert_true(hf_slice_is(kit.msg.to.tag, "p1") &&
                hf_slice_is(kit.msg.uri.text, "sip:" SERVER "@198.51.100.5:5060"));
    assert_int_equal(media.open, 0);
    kit_reply(200, "");
    confirm(invite_live());
    hf_cam_stop(&kit.cam);
    kit_request(HF_SIP_BYE);
    assert_int_equal(media.open, 0);
    kit_request(HF_SIP_REGISTER);
    kit_reply(200, "");
    end();
}

static void a_lost_connection_ends_the_call(void **state)
{
    (void)state;
    begin(NULL);
    unsigned call = invite("Play", "0 0", "40000 TCP/RTP/AVP 96", "a=setup:passive\r\na=connection:new\r\n");
    struct hf_sdp sdp;

    assert_int_equal(kit_status(), 200);
    assert_int_equal(hf_sdp_parse(kit.msg.body, &sdp), HF_OK);
    assert_int_equal(sdp.media[0].transport, HF_SDP_TCP);
    assert_int_equal(sdp.media[0].setup, HF_SDP_ACTIVE);
    assert_true(media.tcp);
    kit_ask("ACK", call, "", "");
    kit_pass(100);
    media.err = HF_ERR_BUSY; /* packets are lost, the call goes on */
    kit_pass(100);
    assert_true(kit.world.stats.media_lost > 0);
    kit_nothing();
    media.err = HF_ERR_IO;
    (void)kit_wait(HF_SIP_BYE, 100);
    assert_non_null(strstr(kit.events, "hung_up the media connection is lost"));
    end();
}

static void a_stream_that_is_late_does_not_catch_up(void **state)
{
    (void)state;
    begin(NULL);
    confirm(invite_live());
    kit_pass(100);
    unsigned sent = media.count;
    kit.world.now_us += UINT64_C(60000000); /* it stood still */
    (void)hf_wheel_run(&kit.wheel, kit.world.now_us / 1000);
    assert_in_range(media.count - sent, 1, 3);
    check_packets(SSRC);
    end();
}

static void what_it_cannot_do_is_refused(void **state)
{
    static const struct {
        const char *session, *m, *more;
        unsigned status;
    } rows[] = {
        {"Talk", "40000 RTP/AVP 96", "", 488},
        {"Play", "0 RTP/AVP 96", "", 488},
        {"Play", "40000 SCTP/RTP/AVP 96", "", 488},
        {"Play", "40000 RTP/AVP 97", "a=rtpmap:97 H264/90000\r\n",
         200}, /* PS is named, too: a device adds it */
        {"Play", "40000 TCP/RTP/AVP 96", "a=setup:active\r\n", 488},
        {"Play", "40000 TCP/RTP/AVP 96", "", 488},
    };

    (void)state;
    begin(NULL);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit.events[0] = '\0';
        (void)invite(rows[i].session, "0 0", rows[i].m, rows[i].more);
        assert_int_equal(kit_status(), rows[i].status);
        assert_non_null(strstr(kit.events, rows[i].status == 200 ? "called" : "uncalled"));
    }
    kit_ask("INVITE", 0, "", "no SDP");
    assert_int_equal(kit_status(), 400);
    media.no_way = true;
    (void)invite_live();
    assert_int_equal(kit_status(), 500);
    kit_ask("INVITE", kit.branch, "", "no SDP"); /* again */
    assert_int_equal(kit_status(), 400);
    assert_int_equal(kit.world.stats.calls_refused, HF_COUNT_OF(rows) - 1 + 2);
    end();
}

static void bye(unsigned call, unsigned cseq)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "BYE sip:" CAMERA "@192.0.2.10:5061 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bKb%u\r\n"
                   "From: <sip:" SERVER "@" REALM ">;tag=p1\r\nTo: <sip:" CAMERA "@" REALM ">;tag=x\r\n"
                   "Call-ID: q%u\r\nCSeq: %u BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                   cseq, call, cseq);
    kit_gives(text);
}

static void one_that_is_deaf_to_bye_sends_on_until_it_is_asked_again(void **state)
{
    (void)state;
    begin(NULL);
    hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(BYE));
    unsigned call = invite_live();

    confirm(call);
    for (unsigned i = 0; i < 3; i++) {
        bye(call, 100);
        kit_nothing();
    }
    unsigned before = (unsigned)kit.world.stats.media_packets;
    kit_pass(1000);
    assert_true(kit.world.stats.media_packets > before);
    bye(call, 101);
    assert_int_equal(kit_status(), 200);
    assert_string_equal(kit.events, "hung_up BYE came");
    end();
}

static void with_an_ssrc_of_its_own(void **state)
{
    (void)state;
    begin(NULL);
    hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(OTHER_SSRC));
    (void)invite_live();
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("y=") && !kit_has("y=0200000001"));
    hf_cam_hang_up(&kit.cam);
    hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(NO_SSRC));
    while (kit_read())
        ;
    (void)invite_live();
    assert_int_equal(kit_status(), 200);
    assert_false(kit_has("y="));
    hf_cam_hang_up(&kit.cam);
    end();
}

static void without_a_picture_it_is_said(void **state)
{
    (void)state;
    begin(NULL);
    kit.profile.reel = NULL;
    (void)invite_live();
    assert_int_equal(kit_status(), 488);
    assert_string_equal(kit.events, "uncalled there is no picture to send: --media FILE is missing 488");
    end();
}

static void calls_are_bounded(void **state)
{
    (void)state;
    begin(NULL);
    for (unsigned i = 0; i < HF_CAM_CALLS_MAX; i++)
        confirm(invite_live());
    (void)invite_live();
    assert_int_equal(kit_status(), 486);
    assert_int_equal(media.open, HF_CAM_CALLS_MAX);
    hf_cam_disconnected(&kit.cam);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_is_sent_in_its_time_and_again),
        cmocka_unit_test(a_recording_ends_with_121),
        cmocka_unit_test(a_recording_is_as_long_as_was_asked_and_nobody_says_bye),
        cmocka_unit_test(it_pauses_goes_on_and_seeks),
        cmocka_unit_test(an_answer_is_repeated_until_ack),
        cmocka_unit_test(an_invite_that_comes_again_is_the_same_call),
        cmocka_unit_test(a_slow_one_can_be_cancelled),
        cmocka_unit_test(it_hangs_up_by_itself_and_when_it_leaves),
        cmocka_unit_test(a_lost_connection_ends_the_call),
        cmocka_unit_test(a_stream_that_is_late_does_not_catch_up),
        cmocka_unit_test(what_it_cannot_do_is_refused),
        cmocka_unit_test(one_that_is_deaf_to_bye_sends_on_until_it_is_asked_again),
        cmocka_unit_test(with_an_ssrc_of_its_own),
        cmocka_unit_test(without_a_picture_it_is_said),
        cmocka_unit_test(calls_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
