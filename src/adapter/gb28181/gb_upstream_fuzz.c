/* adapter/gb28181/gb_upstream_fuzz.c - what a platform above may say to us, in any bytes and any order. Properties: we stay registered whatever it asks; every message that was taken
 * or refused is counted as one or the other; every request of ours can be parsed; and when all is over, no session, question or subscription is left. Input: datagrams with an empty line
 * "\n--\n" between them; "%H" alone has the hub answer what was asked of it last, "%T" lets time pass,
 * and "%G" in one is the tag of our last 200. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/gb28181/upstream_call.h"
#include "adapter/gb28181/upstream_sub.h"
#include "core/presence.h"
#include "store/memory/kv_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static struct hf_hub hub;
static struct hf_wheel wheel;
static struct hf_call *asked;
static uint64_t random_state;
static const struct hf_sip_flow flow = {.peer = {192, 0, 2, 1},
                                        .local = {198, 51, 100, 5},
                                        .peer_port = 5060,
                                        .local_port = 40000,
                                        .transport = HF_SIP_UDP,
                                        .family = 4};
static char last[HF_SIP_TX_MESSAGE_BYTES_MAX + 1], tag[HF_SIP_TAG_BYTES_MAX];

static hf_err on_connect(void *context, struct hf_sip_flow *ret_flow, const char **ret_why)
{
    (void)context, (void)ret_why;
    *ret_flow = flow;
    return HF_OK;
}

static void nothing(void *context)
{
    (void)context;
}

static hf_err on_send(void *context, const struct hf_sip_flow *to, struct hf_slice bytes)
{
    struct hf_sip_msg msg;

    (void)context, (void)to;
    bool answer = bytes.bytes > 8 &&
                  memcmp(bytes.at, "SIP/2.0 ", 8) == 0; /* to a broken request: it lacks what that lacked */
    HF_ASSERT(hf_sip_parse(bytes.at, bytes.bytes, true, NULL, &msg) == HF_OK || answer);
    memcpy(last, bytes.at, bytes.bytes);
    last[bytes.bytes] = '\0';
    if (msg.kind == HF_SIP_RESPONSE && msg.status == 200 && msg.to.tag.bytes < sizeof(tag))
        (void)snprintf(tag, sizeof(tag), "%.*s", (int)msg.to.tag.bytes,
                       msg.to.tag.bytes > 0 ? msg.to.tag.at : "");
    return HF_OK;
}

static void on_random(void *context, void *out, size_t bytes)
{
    (void)context;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)(hf_hash_mix(++random_state) >> 8);
}

static void answer(void)
{
    static const char result[] =
        "{\"confirmed\":true,\"call\":\"00112233445566ff\",\"result\":\"OK\",\"ssrc\":\"0200000001\"}";
    struct hf_call *call = asked;

    asked = NULL;
    if (call == NULL)
        return;
    call->fate = HF_FATE_DONE;
    call->result = strdup(result);
    call->result_bytes = call->result != NULL ? strlen(result) : 0;
    call->result_format = HF_FORMAT_JSON;
    call->on_done(call);
}

static hf_err on_call(void *context, struct hf_call *call)
{
    (void)context;
    if (asked != NULL) /* the one before has no answer */
        asked->on_done(asked);
    asked = call;
    return HF_OK;
}

static const struct hf_gb_upstream_ops ops = {.connect = on_connect,
                                              .disconnect = nothing,
                                              .send = on_send,
                                              .random = on_random,
                                              .call = on_call,
                                              .changed = nothing};

static void pass(uint64_t ms)
{
    for (uint64_t step = 0; step < ms; step += 100) {
        hub.now_ms += 100;
        hub.utc_ms += 100;
        (void)hf_wheel_run(&wheel, hub.now_ms);
    }
}

/* Our last request is answered 200. */
static void taken(struct hf_gb_upstream *up)
{
    static char text[HF_SIP_TX_MESSAGE_BYTES_MAX];
    struct hf_sip_reply reply = {.status = 200, .to_tag = HF_SLICE("a")};
    struct hf_slice absent = {NULL, 0};
    struct hf_sip_msg msg;
    struct hf_sb sb;

    if (hf_sip_parse(last, strlen(last), true, NULL, &msg) != HF_OK || msg.kind != HF_SIP_REQUEST)
        return;
    hf_sb_init(&sb, text, sizeof(text));
    if (hf_sip_write_reply(&sb, &msg, &reply) == HF_OK && hf_sip_write_end(&sb, absent, absent) == HF_OK)
        (void)hf_gb_upstream_receive(up, &flow, hf_sb_done(&sb));
}

static struct hf_slice with_tag(struct hf_slice bytes)
{
    static char text[70000];
    const char *at = bytes.bytes > 0 ? memmem(bytes.at, bytes.bytes, "%G", 2) : NULL;
    size_t before = at != NULL ? (size_t)(at - bytes.at) : 0, tag_bytes = strlen(tag);

    if (at == NULL || bytes.bytes + tag_bytes > sizeof(text))
        return bytes;
    memcpy(text, bytes.at, before);
    memcpy(text + before, tag, tag_bytes);
    memcpy(text + before + tag_bytes, at + 2, bytes.bytes - before - 2);
    return (struct hf_slice){text, bytes.bytes - 2 + tag_bytes};
}

static void say(struct hf_gb_upstream *up, struct hf_slice bytes)
{
    bytes = with_tag(bytes);
    if (hf_slice_is(bytes, "%H"))
        answer();
    else if (hf_slice_is(bytes, "%T"))
        pass(HF_GB_UP_LOOK_MS + 200);
    else if (bytes.bytes > 0)
        (void)hf_gb_upstream_receive(up, &flow, bytes);
    if (hf_gb_up_there(&up->machine))
        taken(up);
}

static void put(struct hf_kv *kv, enum hf_kv_table table, struct hf_slice key, const uint8_t *row,
                size_t bytes)
{
    struct hf_kv_txn *txn;

    HF_ASSERT(hf_kv_write(kv, &txn) == HF_OK);
    HF_ASSERT(hf_kv_put(txn, table, key, (struct hf_slice){(const char *)row, bytes}) == HF_OK);
    HF_ASSERT(hf_kv_commit(txn, 1) == HF_OK);
}

/* A recorder with one channel. */
static void fill(struct hf_kv *kv)
{
    struct hf_device_row device = {.presence = HF_ONLINE, .protocol = HF_SLICE("gb28181")};
    struct hf_catalog_row catalog = {.generation = 1, .complete_ms = 1};
    struct hf_channel_row channel = {.status = HF_CHANNEL_OFF, .name = HF_SLICE("door")};
    struct hf_slice id = HF_SLICE("34020000001180000001"), tenant = HF_SLICE("acme");
    struct hf_channel_key channel_key;
    struct hf_kvkey key;
    uint8_t row[1024];

    HF_ASSERT(hf_kvkey_device(&key, tenant, id) == HF_OK);
    put(kv, HF_KV_DEVICES, hf_kvkey_slice(&key), row, hf_device_row_encode(&device, row, sizeof(row)));
    put(kv, HF_KV_CATALOGS, hf_kvkey_slice(&key), row, hf_catalog_row_encode(&catalog, row, sizeof(row)));
    HF_ASSERT(hf_channel_key(&channel_key, tenant, id, 1, HF_SLICE("34020000001310000001")) == HF_OK);
    put(kv, HF_KV_CHANNELS, hf_channel_key_slice(&channel_key), row,
        hf_channel_row_encode(&channel, row, sizeof(row)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct hf_text_conv conv;
    static struct hf_kv *kv;
    struct hf_gb_upstream_options options = {.hub = &hub,
                                             .wheel = &wheel,
                                             .conv = &conv,
                                             .ops = &ops,
                                             .tenant = HF_SLICE("acme"),
                                             .server_id = HF_SLICE("34020000002000000001"),
                                             .domain = HF_SLICE("3402000000"),
                                             .device_id = HF_SLICE("34010000002000000009"),
                                             .keepalive_ms = 3600000};
    struct hf_slice rest = {(const char *)data, data_bytes};
    struct hf_gb_upstream *up;

    if (kv == NULL) {
        conv = (struct hf_text_conv){iconv_open("UTF-8", "GB18030"), iconv_open("GB18030", "UTF-8")};
        HF_ASSERT(hf_kv_memory_open(&kv) == HF_OK);
        fill(kv);
    }
    options.kv = kv;
    random_state = 0;
    hub.now_ms = 1000;
    hub.utc_ms = 1700000000000;
    hf_wheel_init(&wheel, hub.now_ms);
    HF_ASSERT(hf_gb_upstream_new(&options, &up) == HF_OK);
    hf_gb_upstream_start(up);
    taken(up);
    HF_ASSERT(up->machine.state == HF_GB_UP_REGISTERED);
    taken(up);
    while (rest.bytes > 0) {
        const char *cut = memmem(rest.at, rest.bytes, "\n--\n", 4);
        struct hf_slice one = {rest.at, cut != NULL ? (size_t)(cut - rest.at) : rest.bytes};

        say(up, one);
        rest.at += one.bytes + (cut != NULL ? 4 : 0);
        rest.bytes -= one.bytes + (cut != NULL ? 4 : 0);
    }
    HF_ASSERT(up->job_count <= HF_GB_UP_JOBS_MAX && up->sub_count <= HF_GB_UP_SUBS_MAX);
    hf_gb_upstream_free(up);
    if (asked != NULL)
        asked->on_done(asked);
    asked = NULL;
    return 0;
}
