/* adapter/gb28181/gb_testkit.h - for tests only: a site around a real hub (core/hub_testkit.h), and cameras made of texts. What the site sends is kept, message by message, until the
 * test reads it; time passes when the test says so. */
#ifndef HF_ADAPTER_GB28181_TESTKIT_H
#define HF_ADAPTER_GB28181_TESTKIT_H

#include "adapter/gb28181/gb.h"
#include "core/hub_testkit.h"

#define KIT    static __attribute__((unused))
#define CAMERA "34020000001320000001"
#define SECOND "34020000001320000002"
#define SERVER "34020000002000000001"
#define REALM  "3402000000"

enum { KIT_SENT_MAX = 256, KIT_TEXT_MAX = 70000 };

struct kit_sent {
    struct hf_sip_flow flow;
    char *text;
};

static struct kit {
    struct tk *tk;
    struct hf_gb_site *site;
    struct hf_text_conv conv;
    struct hf_sip_hasher *hasher; /* the cameras' */
    struct hf_sip_flow flow;      /* of the camera that speaks */
    struct kit_sent sent[KIT_SENT_MAX];
    unsigned sent_count, read_count, closed, proven, branch, nc;
    uint64_t random, connection_closed;
    struct hf_gb_account account; /* of those that exist */
    const char *unknown, *denied; /* ids */
    char user_agent[64];          /* that the site asked with last */
    bool log_busy, deaf;
    char nonce[128];      /* of the last 401 that was read */
    char header[256];     /* added to every REGISTER, complete lines */
    const char *password; /* what cameras answer with */
    enum hf_sip_alg alg;
    char last[KIT_TEXT_MAX]; /* what was received last, for repeats */
    char text[KIT_TEXT_MAX]; /* the message read last, and parsed: */
    struct hf_sip_msg msg;
    struct hf_sip_flow to;
} kit;

/* ---- the site's surroundings ---- */

KIT hf_err kit_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    assert_ptr_equal(context, &kit);
    if (kit.deaf)
        return HF_ERR_CLOSED;
    assert_true(kit.sent_count < KIT_SENT_MAX);
    struct kit_sent *sent = &kit.sent[kit.sent_count++];
    sent->flow = *flow;
    sent->text = (malloc)(bytes.bytes + 1);
    if (sent->text == NULL) { /* a test that makes memory fail: the datagram is lost */
        kit.sent_count--;
        return HF_ERR_NOMEM;
    }
    memcpy(sent->text, bytes.at, bytes.bytes);
    sent->text[bytes.bytes] = '\0';
    return HF_OK;
}

KIT void kit_close_flow(void *context, const struct hf_sip_flow *flow)
{
    assert_ptr_equal(context, &kit);
    kit.closed++;
    kit.connection_closed = flow->connection;
}

KIT void kit_proven(void *context, const struct hf_sip_flow *flow)
{
    (void)context;
    assert_true(hf_sip_flow_reliable(flow));
    kit.proven++;
}

KIT void kit_random(void *context, void *out, size_t bytes)
{
    (void)context;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)(hf_hash_mix(++kit.random) >> 8);
}

KIT uint64_t kit_conn_id(void *context)
{
    (void)context;
    return ++kit.tk->next_id;
}

KIT hf_err kit_account(void *context, struct hf_slice device, struct hf_slice user_agent,
                       struct hf_gb_account *ret_account)
{
    (void)context;
    (void)snprintf(kit.user_agent, sizeof(kit.user_agent), "%.*s", (int)user_agent.bytes,
                   user_agent.at != NULL ? user_agent.at : "");
    if (kit.unknown != NULL && hf_slice_is(device, kit.unknown))
        return HF_ERR_NOT_FOUND;
    if (kit.denied != NULL && hf_slice_is(device, kit.denied))
        return HF_ERR_DENIED;
    *ret_account = kit.account;
    return HF_OK;
}

KIT bool kit_may_take(void *context)
{
    (void)context;
    return !kit.log_busy;
}

static const struct hf_gb_site_ops kit_ops = {
    .send = kit_send,
    .close_flow = kit_close_flow,
    .proven = kit_proven,
    .random = kit_random,
    .conn_id = kit_conn_id,
    .account = kit_account,
    .may_take = kit_may_take,
};

KIT struct hf_sip_flow kit_flow(enum hf_sip_transport transport, uint8_t host, uint16_t port)
{
    return (struct hf_sip_flow){.connection = transport == HF_SIP_UDP ? 0 : 1000 + port,
                                .peer = {192, 0, 2, host},
                                .local = {198, 51, 100, 5},
                                .peer_port = port,
                                .local_port = 5060,
                                .transport = (uint8_t)transport,
                                .family = 4};
}

/* with: limits and devices_max of the options; NULL = defaults. */
KIT void kit_site(const struct hf_gb_options *with)
{
    struct hf_gb_options options = with ? *with : (struct hf_gb_options){0};

    if (options.limits.catalog_per_second == 0)
        options.limits.catalog_per_second = HF_GB_CATALOGS_OFF; /* the tests that want the questions say so */
    options.hub = &kit.tk->hub;
    options.wheel = &kit.tk->wheel;
    options.tenant = &kit.tk->tenant;
    options.ops = &kit_ops;
    options.context = &kit;
    options.conv = &kit.conv;
    if (options.trace_bytes == 0)
        options.trace_bytes = HF_SIP_TRACE_BYTES_MIN;
    options.realm = HF_SLICE(REALM);
    options.server_id = HF_SLICE(SERVER);
    assert_int_equal(hf_gb_site_new(&options, &kit.site), HF_OK);
}

KIT void kit_begin(const struct hf_gb_options *with)
{
    memset(&kit, 0, sizeof(kit));
    kit.tk = tk_new();
    assert_non_null(kit.tk);
    kit.conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    kit.hasher = hf_sip_hasher_new();
    kit.account.password = HF_SLICE("12345678");
    kit.password = "12345678";
    kit.flow = kit_flow(HF_SIP_UDP, 10, 5060);
    kit_site(with);
}

KIT const struct hf_gb_stats *kit_stats(void)
{
    return hf_gb_site_stats(kit.site);
}

KIT void kit_end(void)
{
    kit.tk->refuse = HF_OK;
    kit.deaf = false;
    (void)hf_gb_site_drain(kit.site, UINT32_MAX, HF_REASON_DRAIN);
    assert_int_equal(kit_stats()->devices, 0);
    assert_int_equal(kit_stats()->suspects_now, 0);
    assert_int_equal(kit_stats()->requests_now, 0);
    assert_int_equal(kit_stats()->merge_bytes_now, 0);
    hf_gb_site_free(kit.site);
    tk_run(kit.tk);
    tk_check_books(kit.tk);
    tk_free(kit.tk);
    hf_sip_hasher_free(kit.hasher);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
    for (unsigned i = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i].text);
}

KIT void kit_pass(uint64_t ms)
{
    tk_advance(kit.tk, ms);
    tk_run(kit.tk);
}

/* Whatever is durable stays; the process is killed, nobody is told; the next start, away_ms later. */
KIT void kit_crash(uint64_t away_ms, const struct hf_gb_options *with)
{
    tk_run(kit.tk);
    kit.tk->previous_end_ms = kit.tk->hub.utc_ms;
    (void)hf_gb_site_drain(kit.site, UINT32_MAX,
                           HF_REASON_RESTART); /* its records are not durable any more */
    hf_gb_site_free(kit.site);
    kit.site = NULL;
    for (unsigned i = kit.read_count = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i].text);
    kit.sent_count = 0;
    kit.tk->now_ms += away_ms;
    assert_int_equal(tk_restart(kit.tk), HF_OK);
    kit_site(with);
    assert_int_equal(hf_gb_site_restore(kit.site), HF_OK);
}

/* ---- what was sent ---- */

/* The next message that was not read yet, into kit.msg; false when there is none. */
KIT bool kit_read(void)
{
    if (kit.read_count == kit.sent_count)
        return false;
    struct kit_sent *sent = &kit.sent[kit.read_count++];
    (void)snprintf(kit.text, sizeof(kit.text), "%s", sent->text);
    kit.to = sent->flow;
    if (hf_sip_parse(kit.text, strlen(kit.text), true, NULL, &kit.msg) != HF_OK)
        fail_msg("the site sent what cannot be parsed: %s", kit.text);
    if (kit.read_count == kit.sent_count) { /* the store starts anew */
        for (unsigned i = 0; i < kit.sent_count; i++)
            (free)(kit.sent[i].text);
        kit.read_count = kit.sent_count = 0;
    }
    return true;
}

KIT void kit_nothing(void)
{
    if (kit_read())
        fail_msg("unexpected: %s", kit.text);
}

/* Reads on to the next answer, over repeats of requests, and returns its status. */
KIT unsigned kit_status(void)
{
    do {
        if (!kit_read())
            fail_msg("nothing was answered");
    } while (kit.msg.kind != HF_SIP_RESPONSE);
    return kit.msg.status;
}

KIT bool kit_has(const char *text)
{
    return strstr(kit.text, text) != NULL;
}

/* ---- what cameras say ---- */

KIT void kit_again(void)
{
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_slice_of(kit.last)), HF_OK);
}

KIT void kit_say(const char *method, const char *device, const char *headers, const char *body)
{
    kit.branch++;
    int bytes = snprintf(kit.last, sizeof(kit.last),
                         "%s sip:" SERVER "@" REALM " SIP/2.0\r\n"
                         "Via: SIP/2.0/%s 192.0.2.10:5060;rport;branch=z9hG4bK%u\r\n"
                         "From: <sip:%s@" REALM ">;tag=7\r\nTo: <sip:%s@" REALM ">\r\n"
                         "Call-ID: c%u\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: %zu\r\n\r\n%s",
                         method, kit.flow.transport == HF_SIP_UDP ? "UDP" : "TCP", kit.branch, device,
                         strcmp(method, "REGISTER") == 0 ? device : SERVER, kit.branch, kit.branch, method,
                         headers, strlen(body), body);
    assert_true(bytes > 0 && bytes < KIT_TEXT_MAX);
    kit_again();
}

/* The camera's answer to kit.msg, the request it has read last. */
KIT void kit_reply(unsigned status, const char *text)
{
    static char answer[4096];
    struct hf_sip_reply reply = {.status = status, .reason = hf_slice_of(text), .to_tag = HF_SLICE("cam")};
    struct hf_sb sb;

    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &reply), HF_OK);
    assert_int_equal(hf_sip_write_end(&sb, (struct hf_slice){NULL, 0}, (struct hf_slice){NULL, 0}), HF_OK);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_sb_done(&sb)), HF_OK);
}

KIT void kit_expires_header(char *out, size_t out_bytes, long expires_s)
{
    out[0] = '\0';
    if (expires_s >= 0)
        (void)snprintf(out, out_bytes, "Expires: %ld\r\n", expires_s);
}

#define KIT_CONTACT "Contact: <sip:" CAMERA "@192.0.2.10:5060>\r\n"

/* A REGISTER without credentials; expires -1: not said. */
KIT unsigned kit_ask(const char *device, long expires_s)
{
    char expires[64], headers[1024];

    tk_advance(kit.tk, 1); /* nonces of one millisecond are not told apart by age */
    kit_expires_header(expires, sizeof(expires), expires_s);
    (void)snprintf(headers, sizeof(headers), KIT_CONTACT "%s%s", expires, kit.header);
    kit_say("REGISTER", device, headers, "");
    unsigned status = kit_status();
    if (status == 401) {
        struct hf_sip_challenge challenge;

        assert_int_equal(hf_sip_parse_challenge(hf_sip_value(&kit.msg, HF_SIP_WWW_AUTHENTICATE),
                                                hf_sip_tolerances_default(), &challenge),
                         HF_OK);
        (void)snprintf(kit.nonce, sizeof(kit.nonce), "%.*s", (int)challenge.nonce.bytes, challenge.nonce.at);
        kit.alg = (enum hf_sip_alg)challenge.alg;
        kit.nc = 0;
    }
    return status;
}

/* A REGISTER that answers the last challenge. */
KIT unsigned kit_answer(const char *device, long expires_s)
{
    char expires[64], headers[2048], credentials[1024];
    struct hf_sip_credentials_out out = {.username = hf_slice_of(device),
                                         .realm = HF_SLICE(REALM),
                                         .nonce = hf_slice_of(kit.nonce),
                                         .uri = HF_SLICE("sip:" SERVER "@" REALM),
                                         .cnonce = HF_SLICE("0a4f113b"),
                                         .nc = ++kit.nc,
                                         .alg = kit.alg,
                                         .name_alg = true};
    struct hf_sip_hash ha1;
    struct hf_sb sb;

    assert_int_equal(
        hf_sip_ha1(kit.hasher, kit.alg, out.username, out.realm, hf_slice_of(kit.password), &ha1), HF_OK);
    hf_sb_init(&sb, credentials, sizeof(credentials));
    assert_int_equal(hf_sip_write_credentials(&sb, HF_SIP_AUTHORIZATION, kit.hasher, &out,
                                              hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")),
                     HF_OK);
    kit_expires_header(expires, sizeof(expires), expires_s);
    (void)snprintf(headers, sizeof(headers), KIT_CONTACT "%s%s%s", expires, credentials, kit.header);
    kit_say("REGISTER", device, headers, "");
    return kit_status();
}

/* Both. */
KIT unsigned kit_register(const char *device, long expires_s)
{
    unsigned status = kit_ask(device, expires_s);

    return status == 401 ? kit_answer(device, expires_s) : status;
}

#define KIT_XML(root, type, sn, rest)                                                                     \
    "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<" root "><CmdType>" type "</CmdType><SN>" sn "</SN>" \
    "<DeviceID>" CAMERA "</DeviceID>" rest "</" root ">\r\n"
#define KIT_KEEPALIVE KIT_XML("Notify", "Keepalive", "1", "<Status>OK</Status>")

KIT unsigned kit_message(const char *device, const char *body)
{
    kit_say("MESSAGE", device, "Content-Type: Application/MANSCDP+xml\r\n", body);
    return kit_status();
}

KIT unsigned kit_keepalive(void)
{
    return kit_message(CAMERA, KIT_KEEPALIVE);
}

/* ---- what the hub says ---- */

KIT unsigned kit_presence(const char *device)
{
    struct hf_device *found = tk_device(kit.tk, device);

    return found ? found->presence : HF_PRESENCES;
}

KIT enum hf_reason kit_reason(const char *device)
{
    return (enum hf_reason)tk_device(kit.tk, device)->reason;
}

/* An application's command; the reply comes when it ends. */
KIT void kit_command(struct tk_reply *reply, const char *device, const char *name, const char *json)
{
    size_t bytes = strlen(json);
    struct hf_call *call = hf_call_new(HF_CALL_SEND, bytes + 1);

    *reply = (struct tk_reply){0};
    assert_non_null(call);
    memcpy(call->storage, json, bytes);
    call->tenant = kit.tk->tenant.name;
    call->device = hf_slice_of(device);
    call->topic = hf_slice_of(name);
    call->payload = (struct hf_slice){call->storage, bytes};
    call->class = HF_CLASS_COMMAND;
    call->format = HF_FORMAT_JSON;
    call->wait = true;
    call->wait_ms = 600000;
    call->ttl_ms = 600000;
    kit.tk->next_id++;
    call->id[0] = 1;
    memcpy(call->id + 8, &kit.tk->next_id, sizeof(kit.tk->next_id));
    call->maker = reply;
    hf_hub_call(&kit.tk->hub, &kit.tk->tenant, call);
    tk_run(kit.tk);
}

/* The SN of the query that was read last. */
KIT unsigned kit_sn(void)
{
    const char *sn = strstr(kit.text, "<SN>");

    assert_non_null(sn);
    return (unsigned)strtoul(sn + 4, NULL, 10);
}

/* The payload of the last event of this type. */
KIT const char *kit_event(unsigned type)
{
    static char text[KIT_TEXT_MAX * 4];
    struct hf_event event;

    if (tk_count(kit.tk, type, &event) == 0)
        return "";
    (void)snprintf(text, sizeof(text), "%.*s %.*s", (int)event.topic.bytes,
                   event.topic.at ? event.topic.at : "", (int)event.payload.bytes,
                   event.payload.at ? event.payload.at : "");
    return text;
}

#endif
