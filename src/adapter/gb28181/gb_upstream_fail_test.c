/* MEM-5: each allocation in an upstream's life fails in turn: made, registered, asked for its catalogue, a question and an order forwarded, a picture asked for, a subscription, gone. Nothing may
 * be left over; what is answered 200 is so, and a session below that nobody knows of is stopped or taken back. */
#include "adapter/gb28181/gb_upstream_testkit.h"
#include "support/alloc_fail.h"

enum { ALLOCATIONS_MAX = 4000 };

#define RECORDER "34020000001180000001"
#define CHANNEL  "34020000001310000001"
#define LIVE                                                                                         \
    "v=0\r\no=" PLATFORM                                                                             \
    " 0 0 IN IP4 192.0.2.7\r\ns=Play\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=video 30000 RTP/AVP 96\r\n" \
    "a=recvonly\r\na=rtpmap:96 PS/90000\r\n"
#define STANDS \
    "{\"confirmed\":true,\"call\":\"00112233445566ff\",\"from\":{\"host\":\"192.0.2.33\",\"port\":15060}}"

static unsigned stands, stops; /* sessions below */

/* The hub's answer to whatever was asked; without memory it has none. */
static void hub(void)
{
    struct hf_call *call = kit.call;
    const char *result = NULL;

    kit.call = NULL;
    if (call == NULL)
        return;
    if (hf_slice_is(call->topic, "Play"))
        result = STANDS;
    stops += hf_slice_is(call->topic, "Stop") || call->type == HF_CALL_CANCEL;
    call->fate = HF_FATE_DONE;
    call->result = result != NULL ? (malloc)(strlen(result)) : NULL;
    if (call->result != NULL) {
        stands++;
        memcpy(call->result, result, strlen(result));
        call->result_bytes = strlen(result);
        call->result_format = HF_FORMAT_JSON;
    }
    call->on_done(call);
}

static unsigned answers_200;

static void read_on(void)
{
    while (kit_read()) {
        if (kit.msg.kind == HF_SIP_REQUEST && kit.msg.method != HF_SIP_ACK)
            kit_answer(200, "Expires: 3600\r\n");
        else if (kit.msg.kind == HF_SIP_RESPONSE && kit.msg.status == 200)
            answers_200++;
    }
}

static bool live(void)
{
    struct hf_gb_upstream_options options = {.ops = &kit_ops,
                                             .context = &kit,
                                             .hub = &kit.tk->hub,
                                             .wheel = &kit.tk->wheel,
                                             .conv = &kit.conv,
                                             .kv = kit.tk->kv,
                                             .tenant = kit.tk->tenant.name,
                                             .server_id = HF_SLICE(PLATFORM),
                                             .domain = HF_SLICE(DOMAIN),
                                             .device_id = HF_SLICE(US)};

    if (hf_gb_upstream_new(&options, &kit.up) != HF_OK) {
        kit.up = NULL;
        return false;
    }
    hf_gb_upstream_start(kit.up);
    read_on();
    if (kit_state() != HF_GB_UP_REGISTERED)
        return false;
    answers_200 = 0;
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n",
            "<Query><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>" US "</DeviceID></Query>");
    read_on();
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n",
            "<Query><CmdType>DeviceInfo</CmdType><SN>2</SN><DeviceID>" CHANNEL "</DeviceID></Query>");
    hub();
    read_on();
    kit_ask("SUBSCRIBE", "Max-Forwards: 70\r\nEvent: Catalog\r\nContact: <sip:" PLATFORM "@192.0.2.1>\r\n",
            "<Query><CmdType>Catalog</CmdType><SN>3</SN><DeviceID>" US "</DeviceID></Query>");
    kit_pass(100);
    read_on();
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "INVITE sip:" CHANNEL
                   "@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKf\r\nFrom: <sip:" PLATFORM
                   "@x>;tag=p\r\nTo: <sip:" CHANNEL
                   "@x>\r\nCall-ID: f\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                   "Contact: <sip:" PLATFORM
                   "@192.0.2.1>\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(LIVE), LIVE);
    kit_receive(text);
    hub();
    while (kit_read())
        if (kit.msg.kind == HF_SIP_RESPONSE && kit.msg.status == 200) {
            answers_200++;
            (void)snprintf(
                text, sizeof(text),
                "BYE sip:" CHANNEL
                "@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKg\r\nFrom: <sip:" PLATFORM
                "@x>;tag=p\r\nTo: <sip:" CHANNEL
                "@x>;tag=%.*s\r\nCall-ID: f\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\n"
                "Content-Length: 0\r\n\r\n",
                (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
        }
    kit_receive(text);
    hub();
    read_on();
    kit_pass(2 * HF_GB_RETRY_MS);
    hub();
    (void)kit_state();
    return answers_200 == 5 && kit.view.stats.answers == 3 && kit.view.stats.calls_answered == 1;
}

static hf_err life(void *context)
{
    bool whole;

    (void)context;
    kit.up = NULL;
    stands = stops = 0;
    whole = live();
    hf_gb_upstream_free(kit.up);
    hub(); /* Stop, or what it was taken back by */
    hub();
    kit_forget();
    if (whole)
        assert_true(stops >= stands);
    return whole ? HF_OK : HF_ERR_NOMEM;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_gb_upstream_free(kit.up);
    kit.up = NULL;
    kit_device(RECORDER, false, "gb28181");
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, CHANNEL, HF_CHANNEL_OFF, "door", RECORDER, "{}");
    assert_true(hf_alloc_fail_each(life, NULL, ALLOCATIONS_MAX) > 20);
    kit.up = NULL;
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
