/* adapter/gb28181/gb_upstream_testkit.h - for tests only: an upstream on a wheel that the test turns, and a platform made of texts. What the upstream sends is kept, message by message,
 * until the test reads it. */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_TESTKIT_H
#define HF_ADAPTER_GB28181_UPSTREAM_TESTKIT_H

#include "adapter/gb28181/upstream_parts.h"
#include "core/hub_testkit.h"
#include "core/presence.h"

#define KIT      static __attribute__((unused))
#define PLATFORM "34020000002000000001"
#define DOMAIN   "3402000000"
#define US       "34010000002000000009"

enum { KIT_SENT_MAX = 512 };

static struct kit {
    struct tk *tk;
    struct hf_gb_upstream *up;
    struct hf_gb_upstream_view view;
    struct hf_text_conv conv;
    struct hf_sip_hasher *hasher;
    struct hf_sip_flow flow;
    hf_err connect; /* what the next connect() says */
    bool deaf;      /* nothing can be sent */
    unsigned connects, disconnects, changes, branch;
    uint64_t random;
    struct hf_call *call; /* the last one to the hub; the test answers it */
    unsigned calls;
    hf_err refuse_calls;
    char *sent[KIT_SENT_MAX];
    unsigned sent_count, read_count;
    char text[HF_SIP_TX_MESSAGE_BYTES_MAX + 1]; /* the message read last, and parsed: */
    struct hf_sip_msg msg;
} kit;

KIT hf_err kit_connect(void *context, struct hf_sip_flow *ret_flow, const char **ret_why)
{
    assert_ptr_equal(context, &kit);
    kit.connects++;
    *ret_flow = kit.flow;
    *ret_why = "the way is blocked";
    return kit.connect;
}

/* Of 192.0.2.x only. */
KIT bool kit_redirect(void *context, struct hf_slice host, uint16_t port)
{
    unsigned last = 1;
    char text[64];

    (void)context;
    (void)snprintf(text, sizeof(text), "%.*s", (int)host.bytes, host.at != NULL ? host.at : "");
    if (host.bytes > 0 && sscanf(text, "192.0.2.%u", &last) != 1)
        return false;
    kit.flow.peer[3] = (uint8_t)last;
    kit.flow.peer_port = host.bytes > 0 ? port : 5060;
    return true;
}

KIT void kit_disconnect(void *context)
{
    (void)context;
    kit.disconnects++;
}

KIT hf_err kit_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    (void)context;
    assert_true(hf_sip_flow_same_peer(flow, &kit.flow));
    if (kit.deaf)
        return HF_ERR_CLOSED;
    assert_true(kit.sent_count < KIT_SENT_MAX);
    kit.sent[kit.sent_count] = (malloc)(bytes.bytes + 1);
    if (kit.sent[kit.sent_count] == NULL) /* a test that makes memory fail: the datagram is lost */
        return HF_ERR_NOMEM;
    memcpy(kit.sent[kit.sent_count], bytes.at, bytes.bytes);
    kit.sent[kit.sent_count++][bytes.bytes] = '\0';
    return HF_OK;
}

KIT void kit_random(void *context, void *out, size_t bytes)
{
    (void)context;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)(hf_hash_mix(++kit.random) >> 8);
}

KIT hf_err kit_call(void *context, struct hf_call *call)
{
    assert_ptr_equal(context, &kit);
    if (kit.refuse_calls != HF_OK)
        return kit.refuse_calls;
    kit.call = call;
    kit.calls++;
    return HF_OK;
}

KIT void kit_changed(void *context)
{
    (void)context;
    kit.changes++;
}

static const struct hf_gb_upstream_ops kit_ops = {.connect = kit_connect,
                                                  .redirect = kit_redirect,
                                                  .disconnect = kit_disconnect,
                                                  .send = kit_send,
                                                  .random = kit_random,
                                                  .call = kit_call,
                                                  .changed = kit_changed};

KIT void kit_begin(const struct hf_gb_upstream_options *with)
{
    struct hf_gb_upstream_options options = with != NULL ? *with : (struct hf_gb_upstream_options){0};

    memset(&kit, 0, sizeof(kit));
    kit.tk = tk_new();
    kit.conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
    kit.hasher = hf_sip_hasher_new();
    kit.flow = (struct hf_sip_flow){.peer = {192, 0, 2, 1},
                                    .local = {198, 51, 100, 5},
                                    .peer_port = 5060,
                                    .local_port = 40000,
                                    .transport = HF_SIP_UDP,
                                    .family = 4};
    options.hub = &kit.tk->hub;
    options.wheel = &kit.tk->wheel;
    options.conv = &kit.conv;
    options.ops = options.ops != NULL ? options.ops : &kit_ops;
    options.context = &kit;
    options.server_id = HF_SLICE(PLATFORM);
    options.domain = HF_SLICE(DOMAIN);
    options.device_id = HF_SLICE(US);
    options.kv = kit.tk->kv;
    options.tenant = kit.tk->tenant.name;
    if (options.password.at == NULL)
        options.password = HF_SLICE("12345678");
    assert_int_equal(hf_gb_upstream_new(&options, &kit.up), HF_OK);
}

KIT void kit_forget(void)
{
    for (unsigned i = 0; i < kit.sent_count; i++)
        (free)(kit.sent[i]);
    kit.sent_count = kit.read_count = 0;
}

KIT void kit_end(void)
{
    kit.refuse_calls = HF_OK;
    hf_gb_upstream_free(kit.up);
    if (kit.call != NULL) /* the last one, which the test has not answered */
        kit.call->on_done(kit.call);
    tk_run(kit.tk);
    tk_free(kit.tk);
    hf_sip_hasher_free(kit.hasher);
    iconv_close(kit.conv.to_utf8);
    iconv_close(kit.conv.from_utf8);
    kit_forget();
}

KIT void kit_pass(uint64_t ms)
{
    tk_advance(kit.tk, ms);
    tk_run(kit.tk);
}

KIT unsigned kit_state(void)
{
    hf_gb_upstream_view(kit.up, &kit.view);
    return kit.view.state;
}

/* ---- what was sent ---- */

KIT bool kit_read(void)
{
    if (kit.read_count == kit.sent_count)
        return false;
    (void)snprintf(kit.text, sizeof(kit.text), "%s", kit.sent[kit.read_count++]);
    if (hf_sip_parse(kit.text, strlen(kit.text), true, NULL, &kit.msg) != HF_OK)
        fail_msg("the upstream sent what cannot be parsed: %s", kit.text);
    if (kit.read_count == kit.sent_count)
        kit_forget();
    return true;
}

KIT void kit_nothing(void)
{
    if (kit_read())
        fail_msg("unexpected: %s", kit.text);
}

/* The next request of that method, over everything else. */
KIT void kit_request(enum hf_sip_method method)
{
    do {
        if (!kit_read())
            fail_msg("no such request was sent: %u", method);
    } while (kit.msg.kind != HF_SIP_REQUEST || kit.msg.method != method);
}

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

/* ---- the tables ---- */

KIT void kit_put(enum hf_kv_table table, struct hf_slice key, const uint8_t *row, size_t bytes)
{
    struct hf_kv_txn *txn;

    assert_true(bytes > 0);
    assert_int_equal(hf_kv_write(kit.tk->kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, table, key, (struct hf_slice){(const char *)row, bytes}), HF_OK);
    assert_int_equal(hf_kv_commit(txn, hf_kv_applied_offset(kit.tk->kv) + 1), HF_OK);
}

KIT void kit_device(const char *id, bool online, const char *protocol)
{
    struct hf_device_row row = {.presence = online ? HF_ONLINE : HF_OFFLINE,
                                .protocol = hf_slice_of(protocol)};
    struct hf_catalog_row catalog = {.generation = 1, .complete_ms = 1};
    uint8_t bytes[1024];
    struct hf_kvkey key;

    assert_int_equal(hf_kvkey_device(&key, kit.tk->tenant.name, hf_slice_of(id)), HF_OK);
    kit_put(HF_KV_DEVICES, hf_kvkey_slice(&key), bytes, hf_device_row_encode(&row, bytes, sizeof(bytes)));
    kit_put(HF_KV_CATALOGS, hf_kvkey_slice(&key), bytes,
            hf_catalog_row_encode(&catalog, bytes, sizeof(bytes)));
}

/* item: its JSON, of which the members without a column are packed. */
KIT void kit_channel(const char *device, const char *id, enum hf_channel_status status, const char *name,
                     const char *parent, const char *item)
{
    char packed[4096];
    size_t more = hf_channel_more_pack(hf_slice_of(item), HF_SLICE(""), packed, sizeof(packed));
    struct hf_channel_row row = {
        .status = status, .name = hf_slice_of(name), .parent = hf_slice_of(parent), .more = {packed, more}};
    struct hf_channel_key key;
    uint8_t bytes[8192];

    assert_int_equal(hf_channel_key(&key, kit.tk->tenant.name, hf_slice_of(device), 1, hf_slice_of(id)),
                     HF_OK);
    kit_put(HF_KV_CHANNELS, hf_channel_key_slice(&key), bytes,
            hf_channel_row_encode(&row, bytes, sizeof(bytes)));
}

/* ---- the platform ---- */

KIT void kit_receive(const char *text)
{
    (void)hf_gb_upstream_receive(kit.up, &kit.flow, hf_slice_of(text));
}

/* Answers the request that was read last; more: complete lines. */
KIT void kit_answer(unsigned status, const char *more)
{
    static char text[16384];
    struct hf_sip_reply reply = {.status = status, .to_tag = HF_SLICE("above")};
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &reply), HF_OK);
    hf_sb_text(&sb, more);
    assert_int_equal(hf_sip_write_end(&sb, absent, absent), HF_OK);
    hf_sb_done(&sb);
    kit_receive(text);
}

#define CHALLENGE(more) "WWW-Authenticate: Digest realm=\"3402000000\",nonce=\"n1\"" more "\r\n"

/* REGISTER, challenge, REGISTER, 200, and the first keepalive with its 200. */
KIT void kit_register(void)
{
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(401, CHALLENGE(",qop=\"auth\",algorithm=MD5"));
    kit_request(HF_SIP_REGISTER);
    kit_answer(200, "Expires: 3600\r\n");
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    kit_request(HF_SIP_MESSAGE);
    assert_true(kit_has("<CmdType>Keepalive</CmdType>"));
    kit_answer(200, "");
    kit_nothing();
}

/* A request of the platform. more: complete lines; body NULL = none. */
KIT void kit_ask(const char *method, const char *more, const char *body)
{
    static char text[65536];

    kit.branch++;
    (void)snprintf(
        text, sizeof(text),
        "%s sip:" US
        "@198.51.100.5:40000 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKp%u\r\n"
        "From: <sip:" PLATFORM "@" DOMAIN ">;tag=p\r\nTo: <sip:" US "@" DOMAIN
        ">\r\nCall-ID: p%u\r\nCSeq: 1 %s\r\n"
        "%s%sContent-Length: %zu\r\n\r\n%s",
        method, kit.branch, kit.branch, method, more,
        body != NULL && strstr(more, "Content-Type") == NULL ? "Content-Type: Application/MANSCDP+xml\r\n"
                                                             : "",
        body != NULL ? strlen(body) : 0, body != NULL ? body : "");
    kit_receive(text);
}

#endif
