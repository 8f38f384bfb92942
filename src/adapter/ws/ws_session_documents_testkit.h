/* adapter/ws/ws_session_documents_testkit.h - devices that take part in documents, on the worker of ws_session_testkit.h: calls
 * that wait in a mailbox, and an application that changes documents. */
#ifndef HF_ADAPTER_WS_SESSION_DOCUMENTS_TESTKIT_H
#define HF_ADAPTER_WS_SESSION_DOCUMENTS_TESTKIT_H

#include "adapter/ws/ws_session_testkit.h"
#include "core/access.h"
#include "core/document/document.h"
#include "core/document/shadow.h"

enum { HELD_MAX = 16 };

static struct {
    bool hold, refuse;
    struct hf_call *held[HELD_MAX];
    unsigned held_count, made, leaves;
    int listeners;
    uint8_t random;
} dk;

KIT hf_err dk_call(void *context, struct hf_call *call)
{
    (void)context;
    if (dk.refuse)
        return HF_ERR_BUSY;
    dk.made++;
    dk.leaves += call->document.leave;
    if (dk.hold) {
        assert_true(dk.held_count < HELD_MAX);
        dk.held[dk.held_count++] = call;
    } else {
        hf_hub_call(&kit.hub, &kit.tenant[0], call);
    }
    return HF_OK;
}

KIT void dk_release(void) /* the mailboxes are emptied */
{
    unsigned count = dk.held_count;

    dk.hold = false;
    dk.held_count = 0;
    for (unsigned i = 0; i < count; i++)
        hf_hub_call(&kit.hub, &kit.tenant[0], dk.held[i]);
    sk_turn();
}

KIT void dk_draw(void *context, void *out, size_t bytes)
{
    (void)context;
    memset(out, ++dk.random, bytes);
}

KIT bool dk_listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    (void)context, (void)tenant, (void)topic;
    return dk.listeners > 0;
}

KIT void dk_interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    (void)context, (void)tenant, (void)topic_hash;
    dk.listeners += on ? 1 : -1;
}

static struct hf_hub_ops dk_hub_ops;

KIT int dk_begin(void **state)
{
    memset(&dk, 0, sizeof(dk));
    (void)sk_begin(state);
    sk_site_ops.call = dk_call;
    sk_site_ops.random = dk_draw;
    dk_hub_ops = kit_hub_ops;
    dk_hub_ops.listened = dk_listened;
    dk_hub_ops.interest = dk_interest;
    kit.hub.options.ops = &dk_hub_ops;
    return 0;
}

KIT int dk_done(void **state)
{
    dk.hold = dk.refuse = false;
    dk_release();
    int failed = sk_done(state);
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
    return failed;
}

/* ---- devices ---- */

KIT struct hf_frame dk_hello(const char *device, const char *group)
{
    struct hf_frame hello = sk_hello(device);

    hello.as.hello.capabilities |= HF_CAP_DOCUMENTS;
    if (group != NULL) {
        hello.as.hello.groups[0] = hf_slice_of(group);
        hello.as.hello.group_count = 1;
    }
    return hello;
}

KIT struct kit_link *dk_open(const char *device, const char *group, uint64_t context, uint64_t of_group)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION);
    struct hf_frame hello = dk_hello(device, group);

    hello.as.hello.documents[0].document = HF_DOCUMENT_CONTEXT;
    hello.as.hello.documents[0].version = context;
    hello.as.hello.documents[1].document = HF_DOCUMENT_GROUP;
    hello.as.hello.documents[1].version = of_group;
    hello.as.hello.document_count = 2;
    assert_true(sk_welcomed(link, &hello).capabilities & HF_CAP_DOCUMENTS);
    sk_turn();
    return link;
}

KIT struct kit_link *dk_open_json(const char *device, const char *group)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION_JSON);
    char text[512];

    snprintf(text, sizeof(text),
             "{\"type\":\"hello\",\"version_min\":1,\"version_max\":1,\"queue_id\":\"000000000000004d\","
             "\"uplink_first\":1,\"uplink_next\":1,\"window_messages\":256,\"window_bytes\":1048576,"
             "\"capabilities\":[\"documents\"],\"groups\":[\"%s\"]}",
             group);
    kit_text(link, text);
    sk_turn();
    kit_expect_part(link, "\"capabilities\":[\"documents\"]");
    return link;
}

KIT struct hf_frame dk_patch(uint32_t request, uint8_t document, const char *json, uint64_t base)
{
    struct hf_frame frame = {.type = HF_FRAME_PATCH};

    frame.as.patch = (struct hf_frame_patch){.request = request,
                                             .document = document,
                                             .kind = HF_PATCH_MERGE,
                                             .base_version = base,
                                             .json = hf_slice_of(json)};
    return frame;
}

KIT void dk_say(struct kit_link *link, uint32_t request, uint8_t document, const char *json, uint64_t base)
{
    struct hf_frame frame = dk_patch(request, document, json, base);

    sk_say(link, &frame);
    sk_turn();
}

KIT void dk_expect(struct kit_link *link, uint32_t request, enum hf_reason reason, uint64_t base,
                   uint64_t version, const char *json)
{
    const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;

    assert_int_equal(delta->request, request);
    assert_string_equal(hf_reason_name(delta->reason), hf_reason_name(reason));
    assert_int_equal(delta->base_version, base);
    assert_int_equal(delta->version, version);
    if (!hf_slice_is(delta->json, json))
        fail_msg("%.*s, not %s", (int)delta->json.bytes, delta->json.at, json);
    if (json[0] != '\0')
        assert_int_equal(delta->kind, json[0] == '[' ? HF_PATCH_JSON : HF_PATCH_FULL);
}

/* An application changes it. */
KIT void dk_on_changed(struct hf_call *call)
{
    assert_int_equal(call->reason, HF_REASON_NONE);
    hf_call_free(call);
}

KIT void dk_app_changes(const char *name, const char *json, uint32_t ttl_ms)
{
    struct hf_call *change = hf_call_new(HF_CALL_DOCUMENT, 0);

    change->tenant = HF_SLICE("acme");
    change->device = hf_slice_of(name);
    change->key = HF_SLICE("key/k1");
    change->payload = hf_slice_of(json);
    change->document.change = true;
    change->document.kind = HF_PATCH_MERGE;
    change->document.ttl_ms = ttl_ms;
    change->id[0] = 7;
    change->on_done = dk_on_changed;
    hf_hub_call(&kit.hub, &kit.tenant[0], change);
    sk_turn();
    sk_turn();
}

/* ---- shadows ---- */

/* As an application would. */
KIT void dk_want_named(const char *device, const char *name, const char *json)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    call->tenant = kit.tenant[0].name;
    call->device = hf_slice_of(device);
    call->topic = hf_slice_of(name);
    call->payload = hf_slice_of(json);
    call->key = HF_SLICE("key/k");
    call->document = (struct hf_call_document){
        .shadow = true, .change = true, .kind = HF_PATCH_MERGE, .sections = 1 << HF_SHADOW_DESIRED};
    call->on_done = hf_call_free;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    sk_turn();
}

KIT void dk_want(const char *device, const char *json)
{
    dk_want_named(device, "", json);
}

KIT struct kit_link *dk_open_shadow(const char *device, uint64_t version)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION);
    struct hf_frame hello = sk_hello(device);

    hello.as.hello.capabilities |= HF_CAP_SHADOW;
    hello.as.hello.documents[0].document = HF_DOCUMENT_SHADOW;
    hello.as.hello.documents[0].version = version;
    hello.as.hello.document_count = 1;
    assert_true(sk_welcomed(link, &hello).capabilities & HF_CAP_SHADOW);
    sk_turn();
    return link;
}

KIT void dk_expect_shadow(struct kit_link *link, uint32_t request, enum hf_reason reason, uint64_t version,
                          const char *json)
{
    const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;

    assert_int_equal(delta->document, HF_DOCUMENT_SHADOW);
    assert_int_equal(delta->request, request);
    assert_int_equal(delta->reason, reason);
    assert_int_equal(delta->version, version);
    assert_int_equal(delta->kind, HF_PATCH_FULL);
    if (!hf_slice_is(delta->json, json))
        fail_msg("%.*s", (int)delta->json.bytes, delta->json.at);
}

#endif
