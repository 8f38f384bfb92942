/* MEM-5: each allocation fails in turn while a camera plays, a broadcast is called for, and both end. Nothing may be left over: no session, no SSRC in use, and no result that says what
 * is not so. */
#include "adapter/gb28181/gb_call_testkit.h"
#include "support/alloc_fail.h"

enum { ALLOCATIONS_MAX = 3000 };

static bool asked, told; /* INVITE, Broadcast */
static char source[32];

static void drop_sent(void)
{
    for (unsigned i = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i].text);
    kit.sent_count = kit.read_count = 0;
}

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
    size_t bytes = strlen(json);
    struct hf_call *call = hf_call_new(HF_CALL_SEND, bytes + 1);

    if (call != NULL) {
        memcpy(call->storage, json, bytes);
        call->tenant = kit.tk->tenant.name;
        call->device = HF_SLICE(CAMERA);
        call->topic = hf_slice_of(name);
        call->payload = (struct hf_slice){call->storage, bytes};
        call->class = HF_CLASS_COMMAND;
        call->format = HF_FORMAT_JSON;
        call->ttl_ms = 5000;
        kit.tk->next_id++;
        call->id[0] = 1;
        memcpy(call->id + 8, &kit.tk->next_id, sizeof(kit.tk->next_id));
        call->maker = &reply;
        reply = (struct tk_reply){0};
        hf_hub_call(&kit.tk->hub, &kit.tk->tenant, call);
    }
    tk_run(kit.tk);
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

static hf_err begin_failing(void)
{
    struct hf_gb_options options = {.ops = &kit_ops,
                                    .context = &kit,
                                    .conv = &kit.conv,
                                    .realm = HF_SLICE(REALM),
                                    .server_id = HF_SLICE(SERVER),
                                    .devices_max = 16,
                                    .calls_max = 16,
                                    .limits = {.catalog_per_second = HF_GB_CATALOGS_OFF},
                                    .sip = {.transactions_max = 64}};

    kit.account = (struct hf_gb_account){.open = true};
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5060);
    kit.tk = tk_new();
    if (kit.tk == NULL)
        return HF_ERR_NOMEM;
    options.hub = &kit.tk->hub;
    options.wheel = &kit.tk->wheel;
    options.tenant = &kit.tk->tenant;
    return hf_gb_site_new(&options, &kit.site);
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

static hf_err life(void *context)
{
    struct hf_text_conv conv = kit.conv;

    (void)context;
    memset(&kit, 0, sizeof(kit));
    kit.conv = conv;
    hf_err err = begin_failing();
    if (err == HF_OK && !live())
        err = HF_ERR_NOMEM;
    if (kit.site != NULL) {
        (void)hf_gb_site_drain(kit.site, UINT32_MAX, HF_REASON_DRAIN);
        assert_int_equal(kit_stats()->requests_now, 0);
        assert_int_equal(kit_stats()->calls_now, 0);
        assert_int_equal(kit_stats()->ssrc_used_now, 0);
        assert_int_equal(kit_stats()->owned_reclaimed, 0);
        hf_gb_site_free(kit.site);
    }
    if (kit.tk != NULL) {
        tk_run(kit.tk);
        tk_check_books(kit.tk);
    }
    tk_free(kit.tk);
    drop_sent();
    return err;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit.conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    assert_true(hf_alloc_fail_each(life, NULL, ALLOCATIONS_MAX) > 40);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
