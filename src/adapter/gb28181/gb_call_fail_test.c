/* MEM-5: each allocation fails in turn while a camera plays, a broadcast is called for, and both end. Nothing may be left over: no session, no SSRC in use, and no result that says what
 * is not so. */
#include "adapter/gb28181/gb_call_testkit.h"
#include "adapter/gb28181/gb_fail_testkit.h"

enum { ALLOCATIONS_MAX = 3000 };

static bool asked, told; /* INVITE, Broadcast */
static char source[32];

/* Reads everything; keeps the INVITE, and the source of a broadcast. */
static void look(void)
{
    while (kit_read()) {
        if (kit.msg.kind != HF_SIP_REQUEST)
            continue;
        if (hf_slice_is(kit.msg.method_text, "INVITE")) {
            memcpy(invite.text, kit.text, sizeof(invite.text));
            assert_int_equal(hf_sip_parse(invite.text, strlen(invite.text), true, NULL, &invite.msg), HF_OK);
            asked = true;
        }
        const char *at = strstr(kit.text, "<SourceID>");
        if (at != NULL) {
            (void)snprintf(source, sizeof(source), "%.20s", at + 10);
            told = true;
        }
    }
}

static void ask(const char *name, const char *json)
{
    kit_try(name, json, 5000);
    kit_pass(17);
    look();
}

static void say(const char *text)
{
    (void)hf_gb_receive(kit.site, &kit.flow, hf_slice_of(text));
    kit_pass(17);
    look();
}

static void answer_play(void)
{
    static char text[8192];
    struct hf_sip_reply out = {.status = 200, .to_tag = HF_SLICE("cam")};
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &invite.msg, &out), HF_OK);
    hf_sb_text(&sb, CONTACT);
    assert_int_equal(hf_sip_write_end(&sb, HF_SLICE("application/sdp"), HF_SLICE(SDP)), HF_OK);
    say(text);
}

static void call_for_broadcast(void)
{
    static char text[4096];
    static const char offer[] = SDP_LINES("m=audio 16000 RTP/AVP 8\r\n");

    (void)snprintf(text, sizeof(text),
                   "INVITE sip:%s@" REALM " SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx\r\n"
                   "From: <sip:" CAMERA "@" REALM ">;tag=talk\r\nTo: <sip:%s@" REALM ">\r\n"
                   "Call-ID: talk\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n" CONTACT
                   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                   source, source, strlen(offer), offer);
    say(text);
}

static bool live(void)
{
    asked = told = false;
    kit_say("REGISTER", CAMERA, KIT_CONTACT, "");
    look();
    if (!hf_gb_device_there(hf_gb_device_find(kit.site, HF_SLICE(CAMERA))))
        return false;
    tk_run(kit.tk);
    ask("Play", PLAY);
    if (asked)
        answer_play();
    ask("Broadcast", "{\"channel\":\"" SECOND "\"," TO "}");
    if (told)
        call_for_broadcast();
    ask("Stop", "{\"channel\":\"" CHANNEL "\"}");
    for (unsigned i = 0; i < 40; i++) {
        kit_pass(1000);
        look();
    }
    const struct hf_gb_stats *stats = kit_stats();
    return stats->calls_connected == 1 && tk_count(kit.tk, HF_EVENT_COMMAND_DONE, NULL) == 2 &&
           stats->calls_unanswered == 1; /* of the broadcast nobody acknowledged the answer */
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(kit_fail_each(live, &(struct hf_gb_limits){0}, ALLOCATIONS_MAX) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
