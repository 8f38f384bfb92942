/* MEM-5: each allocation in a camera's life fails in turn: made, registered, heard, asked for its catalogue, gone. Nothing may be left over, and nothing be answered that is not
 * so: a 200 to REGISTER means that the device is there. */
#include <cjson/cJSON.h>

#include "adapter/gb28181/gb_fail_testkit.h"

enum { ALLOCATIONS_MAX = 2000 };

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
    kit_try("Catalog", NULL, 60000);
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

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(kit_fail_each(live, &(struct hf_gb_limits){.subscribe = 1}, ALLOCATIONS_MAX) > 20);
}

static void *ours(size_t bytes)
{
    return malloc(bytes);
}

static void give_back(void *block)
{
    free(block);
}

int main(void)
{
    cJSON_Hooks hooks = {.malloc_fn = ours,
                         .free_fn =
                             give_back}; /* of its shadow; what a shared library allocates is not seen */
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    cJSON_InitHooks(&hooks);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
