/* A camera that is spoken to: how it calls, what it hears, how that ends. */
#include "bench/gb/camera_testkit.h"

#include "codec/rtp/rtp.h"

#define SPEAKER "34020000001310000001"
#define SOURCE  "34020000001360123456"
#define SDP                                                                                          \
    "v=0\r\no=" SERVER                                                                               \
    " 0 0 IN IP4 198.51.100.9\r\ns=Play\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP " \
    "8\r\na=sendonly\r\na=rtpmap:8 PCMA/8000\r\n"

static struct {
    unsigned open, opened;
    bool tcp, no_way;
    uint16_t port;
    char host[64], heard[1024];
    char invite[8192], call_id[64], from_tag[64];
} talk;

static void *media_open(void *context, struct hf_cam *cam, bool tcp, struct hf_slice host, uint16_t port,
                        uint16_t *ret_port)
{
    (void)context, (void)cam;
    if (talk.no_way)
        return NULL;
    talk.open++;
    talk.opened++;
    talk.tcp = tcp;
    talk.port = port;
    (void)snprintf(talk.host, sizeof(talk.host), "%.*s", (int)host.bytes, host.bytes > 0 ? host.at : "");
    *ret_port = 30000;
    return &talk;
}

static hf_err media_send(void *context, void *to, const uint8_t *packet, size_t bytes)
{
    (void)context, (void)to, (void)packet, (void)bytes;
    fail_msg("who listens says nothing");
    return HF_OK;
}

static void media_close(void *context, void *to)
{
    (void)context;
    assert_ptr_equal(to, &talk);
    talk.open--;
}

static void on_sound(void *context, struct hf_cam *cam, struct hf_slice bytes)
{
    (void)context, (void)cam;
    (void)strncat(talk.heard, bytes.at, bytes.bytes);
}

static const struct hf_cam_ops ops = {.send = kit_send,
                                      .on_event = kit_event,
                                      .media_open = media_open,
                                      .media_send = media_send,
                                      .media_close = media_close,
                                      .sound = on_sound};

static void begin(const struct hf_cam_profile *profile)
{
    struct hf_cam_profile with = profile != NULL ? *profile : (struct hf_cam_profile){0};

    memset(&talk, 0, sizeof(talk));
    with.keepalive_ms = 3600000;
    kit_begin(&with);
    kit.world.ops = &ops;
    kit_register();
    kit.events[0] = '\0';
}

static void end(void)
{
    kit_end();
    assert_int_equal(talk.open, 0);
    assert_null(kit.cam.talk);
}

static void told(const char *want)
{
    if (strstr(kit.events, want) == NULL)
        fail_msg("%s instead of %s", kit.events, want);
    kit.events[0] = '\0';
}

/* It is told, says that it will, and calls. */
static void broadcast(void)
{
    kit_message("<Notify><CmdType>Broadcast</CmdType><SN>7</SN><SourceID>" SOURCE
                "</SourceID><TargetID>" SPEAKER "</TargetID></Notify>");
    kit_pass(HF_WHEEL_TICK_MS);
    kit_request(HF_SIP_MESSAGE);
    kit_reply(200, "");
    kit_request(HF_SIP_INVITE);
    assert_true(strlen(kit.text) < sizeof(talk.invite));
    memcpy(talk.invite, kit.text, strlen(kit.text) + 1);
    (void)snprintf(talk.call_id, sizeof(talk.call_id), "%.*s", (int)kit.msg.call_id.bytes,
                   kit.msg.call_id.at);
    (void)snprintf(talk.from_tag, sizeof(talk.from_tag), "%.*s", (int)kit.msg.from.tag.bytes,
                   kit.msg.from.tag.at);
}

static void answer(unsigned status, const char *sdp)
{
    static char text[8192];
    struct hf_sip_reply reply = {.status = status, .to_tag = HF_SLICE("plat")};
    struct hf_slice none = {NULL, 0};
    struct hf_sip_msg msg;
    struct hf_sb sb;

    assert_int_equal(hf_sip_parse(talk.invite, strlen(talk.invite), false, NULL, &msg), HF_OK);
    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_OK);
    if (status < 300)
        hf_sb_text(&sb, "Contact: <sip:" SOURCE "@198.51.100.5:5060>\r\n");
    assert_int_equal(
        hf_sip_write_end(&sb, sdp != NULL ? HF_SLICE("application/sdp") : none, hf_slice_of(sdp)), HF_OK);
    kit_gives(text);
}

static void packet(uint16_t sequence, const char *sound)
{
    uint8_t bytes[256];
    struct hf_rtp head = {.payload_type = 8, .sequence = sequence, .ssrc = 1};

    hf_rtp_write(&head, bytes);
    memcpy(bytes + HF_RTP_HEAD_BYTES, sound, strlen(sound));
    hf_cam_media_came(&kit.cam, &talk, (struct hf_slice){(char *)bytes, HF_RTP_HEAD_BYTES + strlen(sound)});
}

static void says(const char *method)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "%s sip:" CAMERA "@192.0.2.10:5061 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bKb%u\r\n"
                   "From: <sip:" SOURCE "@" REALM ">;tag=plat\r\nTo: <sip:" SPEAKER "@" REALM ">;tag=%s\r\n"
                   "Call-ID: %s\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                   method, ++kit.branch, talk.from_tag, talk.call_id, method);
    kit_gives(text);
}

static void it_calls_and_hears(void **state)
{
    (void)state;
    begin(NULL);
    broadcast();
    assert_non_null(strstr(kit.text, "INVITE sip:" SOURCE "@" REALM " SIP/2.0\r\n"));
    assert_non_null(strstr(kit.text, "From: <sip:" SPEAKER "@" REALM ">;tag="));
    assert_non_null(strstr(kit.text, "m=audio 30000 RTP/AVP 8\r\na=recvonly\r\na=rtpmap:8 PCMA/8000\r\n"));
    assert_string_equal(talk.host, ""); /* from anybody: the answer says who it is */
    answer(100, NULL);
    kit_pass(5000); /* it is being looked at: no repeats */
    kit_nothing();
    answer(200, SDP);
    kit_request(HF_SIP_ACK);
    assert_non_null(strstr(kit.text, "ACK sip:" SOURCE "@198.51.100.5:5060 SIP/2.0\r\n"));
    assert_non_null(strstr(kit.text, ";tag=plat\r\n"));
    told("listening " SPEAKER " to " SOURCE " over udp");
    answer(200, SDP); /* our ACK was lost */
    kit_request(HF_SIP_ACK);
    packet(65534, "one ");
    packet(65535, "two ");
    packet(65535, "again ");
    packet(1, "four ");
    packet(0, "late ");
    hf_cam_media_came(&kit.cam, &kit, HF_SLICE("another's"));
    hf_cam_media_came(&kit.cam, &talk, HF_SLICE("no RTP"));
    assert_string_equal(talk.heard, "one two four ");
    says("OPTIONS");
    says("INFO"); /* nothing in it can be steered */
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_status(), 488);
    says("BYE");
    assert_int_equal(kit_status(), 200);
    told("listened BYE came: 13 bytes, 1 lost");
    says("BYE");
    assert_int_equal(kit_status(), 481);
    end();
}

static void over_tcp_it_connects(void **state)
{
    struct hf_cam_profile profile = {.hears_tcp = true};

    (void)state;
    begin(&profile);
    broadcast();
    assert_non_null(strstr(kit.text, "m=audio 9 TCP/RTP/AVP 8\r\n"));
    assert_non_null(strstr(kit.text, "a=setup:active\r\na=connection:new\r\n"));
    assert_int_equal(talk.opened, 0); /* nobody is there to connect to yet */
    answer(200, SDP);
    kit_request(HF_SIP_ACK);
    assert_true(talk.tcp);
    assert_string_equal(talk.host, "198.51.100.9");
    assert_int_equal(talk.port, 40000);
    packet(1, "heard");
    hf_cam_hang_up(&kit.cam);
    kit_request(HF_SIP_BYE);
    told("listened BYE of its own: 5 bytes, 0 lost");
    end();
}

static void what_becomes_of_it_otherwise(void **state)
{
    (void)state;
    begin(NULL);
    broadcast();
    answer(403, NULL);
    kit_request(HF_SIP_ACK);
    told("unheard INVITE was refused 403");
    broadcast();
    answer(200, "v=0\r\n"); /* from where? */
    kit_request(HF_SIP_ACK);
    kit_request(HF_SIP_BYE);
    kit_reply(200, "");
    told("unheard the answer says not");
    talk.no_way = true;
    kit_message("<Notify><CmdType>Broadcast</CmdType><SN>7</SN><SourceID>" SOURCE
                "</SourceID><TargetID>" SPEAKER "</TargetID></Notify>");
    kit_pass(HF_WHEEL_TICK_MS);
    told("unheard no port to hear at");
    talk.no_way = false;
    kit_request(HF_SIP_MESSAGE);
    kit_reply(200, "");
    broadcast();
    kit_pass(33000); /* not a word */
    told("unheard no answer to INVITE");
    while (kit_read())
        ;
    assert_int_equal(kit.world.stats.talks_refused, 4);
    kit_message("<Notify><CmdType>Broadcast</CmdType><SN>7</SN><SourceID>" SOURCE
                "</SourceID><TargetID>34020000001310000099</TargetID></Notify>"); /* not of it */
    kit_pass(HF_WHEEL_TICK_MS);
    kit_request(HF_SIP_MESSAGE);
    kit_reply(200, "");
    kit_pass(1000);
    kit_nothing();
    end();
}

static void another_broadcast_ends_the_one_before(void **state)
{
    (void)state;
    begin(NULL);
    broadcast();
    answer(200, SDP);
    kit_request(HF_SIP_ACK);
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n",
            "<Notify><CmdType>Broadcast</CmdType><SN>8</SN><SourceID>" SOURCE "</SourceID><TargetID>" SPEAKER
            "</TargetID></Notify>");
    kit_request(HF_SIP_BYE);
    assert_int_equal(kit_status(), 200);
    told("listened another broadcast: 0 bytes");
    kit_pass(HF_WHEEL_TICK_MS);
    assert_int_equal(talk.open, 1);
    hf_cam_disconnected(&kit.cam); /* everything is given up without a word */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_calls_and_hears),
        cmocka_unit_test(over_tcp_it_connects),
        cmocka_unit_test(what_becomes_of_it_otherwise),
        cmocka_unit_test(another_broadcast_ends_the_one_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
