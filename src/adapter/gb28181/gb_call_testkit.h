/* adapter/gb28181/gb_call_testkit.h - for tests only: sessions with the cameras of gb_testkit.h, and a relay that keeps what it is asked. */
#ifndef HF_ADAPTER_GB28181_CALL_TESTKIT_H
#define HF_ADAPTER_GB28181_CALL_TESTKIT_H

#include "adapter/gb28181/call.h"
#include "adapter/gb28181/gb_testkit.h"

#define CHANNEL "34020000001310000001"
#define TO      "\"to\":{\"host\":\"203.0.113.7\",\"port\":30000}"
#define PLAY    "{\"channel\":\"" CHANNEL "\"," TO "}"

#define SDP_LINES(media) \
    "v=0\r\no=" CHANNEL " 0 0 IN IP4 192.0.2.10\r\ns=Play\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" media
#define SDP SDP_LINES("m=video 15060 RTP/AVP 96\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\ny=0200000000\r\n")

static struct tk_reply reply;

static struct {
    char text[KIT_TEXT_MAX]; /* our last INVITE */
    struct hf_sip_msg msg;
    unsigned cseq; /* the device's, in the dialog */
} invite;

/* ---- commands ---- */

KIT void command(const char *name, const char *json)
{
    kit_command(&reply, CAMERA, name, json);
}

/* How the last command ended, and with what, as the log has it. */
KIT const char *result(void)
{
    static char text[1 << 16];

    for (size_t i = kit.tk->appended; i > 0; i--) {
        struct hf_event event = tk_event(kit.tk, i - 1);

        if (event.type != HF_EVENT_COMMAND_DONE && event.type != HF_EVENT_COMMAND_FAILED)
            continue;
        (void)snprintf(text, sizeof(text), "%s %.*s", event.type == HF_EVENT_COMMAND_DONE ? "done" : "failed",
                       (int)event.payload.bytes, event.payload.at ? event.payload.at : "");
        return text;
    }
    return "";
}

KIT void expect(const char *want)
{
    kit_pass(17); /* a tick of the wheel */
    if (!reply.done)
        fail_msg("not yet: %s", want);
    if (strstr(result(), want) == NULL)
        fail_msg("%s instead of %s", result(), want);
}

KIT void expect_event(const char *want)
{
    kit_pass(0);
    if (strstr(kit_event(HF_EVENT_MESSAGE), want) == NULL)
        fail_msg("%s instead of %s", kit_event(HF_EVENT_MESSAGE), want);
}

/* The id of the call in the last result. */
KIT const char *call_id(void)
{
    static char id[32];
    const char *at = strstr(result(), "\"call\":\"");

    assert_non_null(at);
    (void)snprintf(id, sizeof(id), "%.16s", at + 8);
    return id;
}

KIT const char *about(const char *rest)
{
    static char json[256];

    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"%s}", call_id(), rest);
    return json;
}

/* ---- SIP of the device ---- */

KIT void read_method(const char *method)
{
    do {
        if (!kit_read())
            fail_msg("no %s was sent", method);
    } while (kit.msg.kind != HF_SIP_REQUEST || !hf_slice_is(kit.msg.method_text, method));
}

KIT void read_invite(void)
{
    read_method("INVITE");
    memcpy(invite.text, kit.text, sizeof(invite.text));
    assert_int_equal(hf_sip_parse(invite.text, strlen(invite.text), true, NULL, &invite.msg), HF_OK);
    invite.cseq = 100;
}

/* Throws away what was sent, and returns how many requests of that method were among it. */
KIT unsigned drain(const char *method)
{
    unsigned count = 0;

    while (kit_read())
        count += kit.msg.kind == HF_SIP_REQUEST && hf_slice_is(kit.msg.method_text, method);
    return count;
}

/* The device's answer to our last INVITE. sdp NULL: none. */
KIT void answer_with(unsigned status, const char *tag, const char *headers, const char *sdp)
{
    static char text[8192];
    struct hf_sip_reply out = {.status = status, .to_tag = hf_slice_of(tag[0] ? tag : NULL)};
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &invite.msg, &out), HF_OK);
    hf_sb_text(&sb, headers);
    assert_int_equal(
        hf_sip_write_end(&sb, sdp ? HF_SLICE("APPLICATION/SDP") : absent, sdp ? hf_slice_of(sdp) : absent),
        HF_OK);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_sb_done(&sb)), HF_OK);
}

#define CONTACT "Contact: <sip:" CHANNEL "@192.0.2.10:5060>\r\n"

KIT void answer(unsigned status, const char *sdp)
{
    answer_with(status, "cam", status < 300 && status > 100 ? CONTACT : "", sdp);
}

/* A request of the device's in the dialog of our last INVITE. */
KIT void device_says(const char *method, const char *headers, const char *body)
{
    char text[4096];

    invite.cseq++;
    kit.branch++;
    int bytes =
        snprintf(text, sizeof(text),
                 "%s sip:" SERVER
                 "@198.51.100.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKd%u\r\n"
                 "From: <sip:" CHANNEL "@" REALM ">;tag=cam\r\nTo: <%.*s>;tag=%.*s\r\nCall-ID: %.*s\r\n"
                 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: %zu\r\n\r\n%s",
                 method, kit.branch, (int)invite.msg.from.uri.text.bytes, invite.msg.from.uri.text.at,
                 (int)invite.msg.from.tag.bytes, invite.msg.from.tag.at, (int)invite.msg.call_id.bytes,
                 invite.msg.call_id.at, invite.cseq, method, headers, strlen(body), body);
    assert_true(bytes > 0 && bytes < (int)sizeof(text));
    assert_true(hf_slice_is(hf_gb_home(hf_slice_of(text)), CAMERA)); /* whichever worker hears it */
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_slice_of(text)), HF_OK);
}

/* ---- a relay ---- */

static struct {
    struct hf_gb_media_request request;
    uint64_t token, answered_token;
    unsigned opened, answered, closed;
    hf_err err;
    char channel[32], host[64], format[32];
    uint16_t port;
    uint32_t ssrc;
    uint8_t transport;
} relay;

KIT hf_err relay_open(void *context, uint64_t token, const struct hf_gb_media_request *request)
{
    assert_ptr_equal(context, &relay);
    if (relay.err != HF_OK)
        return relay.err;
    relay.opened++;
    relay.token = token;
    relay.request = *request;
    (void)snprintf(relay.channel, sizeof(relay.channel), "%.*s", (int)request->channel.bytes,
                   request->channel.at);
    return HF_OK;
}

KIT void relay_answered(void *context, uint64_t token, const struct hf_gb_media_answer *answer)
{
    (void)context;
    relay.answered++;
    relay.answered_token = token;
    (void)snprintf(relay.host, sizeof(relay.host), "%.*s", (int)answer->host.bytes, answer->host.at);
    (void)snprintf(relay.format, sizeof(relay.format), "%.*s", (int)answer->format.bytes, answer->format.at);
    relay.port = answer->port;
    relay.ssrc = answer->ssrc;
    relay.transport = answer->transport;
}

KIT void relay_close(void *context, uint64_t token)
{
    (void)context, (void)token;
    relay.closed++;
}

static const struct hf_gb_media_ops relay_ops = {relay_open, relay_answered, relay_close};

KIT void relay_tells(enum hf_gb_media_tell tell)
{
    struct hf_gb_media_told told = {.token = relay.token, .tell = tell, .err = HF_ERR_LIMIT, .port = 20000};

    (void)snprintf(told.host, sizeof(told.host), "198.51.100.6");
    hf_gb_media_told(kit.site, &told);
}

/* ---- beginning and end ---- */

KIT void begin_with(const struct hf_gb_options *with)
{
    kit_begin(with);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    memset(&relay, 0, sizeof(relay));
    reply = (struct tk_reply){0};
}

KIT void begin(void)
{
    begin_with(NULL);
}

KIT void begin_relayed(void)
{
    struct hf_gb_options options = {.media = &relay_ops, .media_context = &relay};

    begin_with(&options);
}

/* Play, answered: the session stands. */
KIT void play(void)
{
    command("Play", PLAY);
    read_invite();
    answer(200, SDP);
    read_method("ACK");
    expect("done {\"confirmed\":true");
}

/* Nothing may be left of any session, whatever the test did, once everything that SIP waits for is over. */
KIT void end(void)
{
    assert_int_equal(kit_stats()->owned_reclaimed, 0);
    kit_end();
}

#endif
