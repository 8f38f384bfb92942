/* MEM-5: each allocation in a camera's life fails in turn: made, registered, heard, asked for its catalogue, gone. Nothing may be left over, and nothing be answered that is not
 * so: a 200 to REGISTER means that the device is there. */
#include "adapter/gb28181/gb_testkit.h"
#include "support/alloc_fail.h"

enum { ALLOCATIONS_MAX = 2000 };

static struct tk_reply reply;

static void drop_sent(void)
{
    for (unsigned i = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i].text);
    kit.sent_count = kit.read_count = 0;
}

/* The status of the only answer among what was sent, 0 when none was. */
static unsigned status(void)
{
    unsigned found = 0;

    while (kit_read())
        if (kit.msg.kind == HF_SIP_RESPONSE)
            found = kit.msg.status;
    return found;
}

static void say(const char *body)
{
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", body);
}

static hf_err begin(void)
{
    struct hf_gb_options options = {.ops = &kit_ops,
                                    .context = &kit,
                                    .conv = &kit.conv,
                                    .realm = HF_SLICE(REALM),
                                    .server_id = HF_SLICE(SERVER),
                                    .devices_max = 16,
                                    .limits = {.subscribe = 1, .catalog_per_second = HF_GB_CATALOGS_OFF},
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

/* The SUBSCRIBE that is due, if it could be made, is granted and brings something. */
static void subscription(void)
{
    static char text[4096];
    struct hf_sb sb;
    struct hf_sip_reply reply_200 = {.status = 200, .to_tag = HF_SLICE("cam")};

    tk_advance(kit.tk, 4000);
    tk_run(kit.tk);
    while (kit_read()) {
        if (kit.msg.kind != HF_SIP_REQUEST || kit.msg.method != HF_SIP_SUBSCRIBE)
            continue;
        hf_sb_init(&sb, text, sizeof(text));
        assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &reply_200), HF_OK);
        hf_sb_text(&sb, KIT_CONTACT "Expires: 600\r\nContent-Length: 0\r\n\r\n");
        char call_id[128], tag[64], notify[2048];
        (void)snprintf(call_id, sizeof(call_id), "%.*s", (int)kit.msg.call_id.bytes, kit.msg.call_id.at);
        (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.from.tag.bytes, kit.msg.from.tag.at);
        (void)snprintf(notify, sizeof(notify),
                       "NOTIFY sip:" SERVER "@" REALM
                       " SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKn1\r\n"
                       "From: <sip:" CAMERA "@" REALM ">;tag=cam\r\nTo: <sip:" SERVER "@" REALM ">;tag=%s\r\n"
                       "Call-ID: %s\r\nCSeq: 1 NOTIFY\r\nMax-Forwards: 70\r\n" KIT_CONTACT
                       "Subscription-State: active\r\nContent-Length: 0\r\n\r\n",
                       tag, call_id);
        (void)hf_gb_receive(kit.site, &kit.flow, hf_slice_of(notify));
        (void)hf_gb_receive(kit.site, &kit.flow, hf_sb_done(&sb));
        tk_run(kit.tk);
        return;
    }
}

static bool live(void)
{
    char body[512];

    kit_say("REGISTER", CAMERA, KIT_CONTACT, "");
    bool there = hf_gb_device_there(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)));
    unsigned answered = status();
    assert_true(answered != 200 || there);
    if (!there)
        return false;
    tk_run(kit.tk);
    subscription();
    say(KIT_KEEPALIVE);
    say(KIT_XML("Notify", "Alarm", "9", ""));
    tk_run(kit.tk);
    (void)status();
    struct hf_call *call = hf_call_new(HF_CALL_SEND, 0);
    if (call != NULL) {
        call->tenant = kit.tk->tenant.name;
        call->device = HF_SLICE(CAMERA);
        call->topic = HF_SLICE("Catalog");
        call->class = HF_CLASS_COMMAND;
        call->format = HF_FORMAT_JSON;
        call->ttl_ms = 60000;
        call->id[0] = 1;
        call->maker = &reply;
        reply = (struct tk_reply){0};
        hf_hub_call(&kit.tk->hub, &kit.tk->tenant, call);
    }
    tk_run(kit.tk);
    for (unsigned part = 1; part <= 2; part++) {
        (void)snprintf(body, sizeof(body),
                       "<Response><CmdType>Catalog</CmdType><SN>0</SN><DeviceID>" CAMERA
                       "</DeviceID><SumNum>2</SumNum><DeviceList><Item><DeviceID>%u</DeviceID></Item>"
                       "</DeviceList></Response>",
                       part);
        say(body);
    }
    tk_run(kit.tk);
    hf_gb_flow_closed(kit.site, &kit.flow);
    tk_advance(kit.tk, 5000);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5061);
    say(KIT_KEEPALIVE);
    tk_run(kit.tk);
    (void)status();
    return tk_count(kit.tk, HF_EVENT_COMMAND_DONE, NULL) == 1 &&
           tk_count(kit.tk, HF_EVENT_MESSAGE, NULL) == 1;
}

static hf_err life(void *context)
{
    struct hf_text_conv conv = kit.conv;

    (void)context;
    memset(&kit, 0, sizeof(kit));
    kit.conv = conv;
    hf_err err = begin();
    if (err == HF_OK && !live())
        err = HF_ERR_NOMEM;
    if (kit.site != NULL) {
        (void)hf_gb_site_drain(kit.site, UINT32_MAX, HF_REASON_DRAIN);
        assert_int_equal(kit_stats()->requests_now, 0);
        assert_int_equal(kit_stats()->merge_bytes_now, 0);
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
    assert_true(hf_alloc_fail_each(life, NULL, ALLOCATIONS_MAX) > 20);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
