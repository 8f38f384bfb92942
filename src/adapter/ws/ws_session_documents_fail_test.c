/* MEM-5: every allocation between a HELLO that offers documents and the answers of its PATCHes may fail; each PATCH is answered or the connection closed, and nothing is
 * left behind. */
#include "adapter/ws/ws_session_testkit.h"
#include "core/document/document.h"
#include "support/alloc_fail.h"

static hf_err call(void *context, struct hf_call *call)
{
    (void)context;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    return HF_OK;
}

static void draw(void *context, void *out, size_t bytes)
{
    (void)context;
    memset(out, 7, bytes);
}

/* sk_say() without an allocation of the test's own. */
static void say(struct kit_link *link, const struct hf_frame *frame)
{
    static struct kit_wire wire;
    static struct sk_message message;

    message.bytes = wire.bytes = 0;
    sk_add(&message, frame);
    kit_add_bytes(&wire, HF_WS_OP_BINARY, HF_WS_FIN, message.at, message.bytes);
    link->link.handler->on_data(&link->link, wire.at, wire.bytes);
}

/* Unlike kit_durable() it does not apply to tables that may have no memory. */
static void durable(void)
{
    for (; kit.durable < kit.event_count; kit.durable++)
        if (kit.waiters[kit.durable] != NULL)
            kit.waiters[kit.durable]->on_durable(kit.waiters[kit.durable], kit.durable + 1, 1);
    hf_hub_settle(&kit.hub);
}

/* Frames that came, to the last one; true: a DELTA with this request was among them, or the connection has ended. */
static bool answered(struct kit_link *link, uint32_t request)
{
    struct kit_frame message;

    while (kit_next(link, &message)) {
        struct hf_frame frame;
        size_t taken;

        if (message.opcode != HF_WS_OP_BINARY)
            return true;
        assert_int_equal(hf_frame_decode((uint8_t *)message.payload, message.bytes, 1 << 20, &taken, &frame),
                         HF_OK);
        if (frame.type == HF_FRAME_DELTA && frame.as.delta.request == request)
            return true;
    }
    return link->aborted;
}

static void life(void)
{
    static char room[8192];
    struct kit_link *link = &kit.links[kit.link_count++];
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    struct hf_frame hello = sk_hello("d1"), patch = {.type = HF_FRAME_PATCH};
    enum hf_reason reason;

    *link = (struct kit_link){.link = {.ops = &sk_link_ops}, .out = room, .out_room = sizeof(room)};
    admit.mode = HF_WS_SESSION;
    admit.protocol = "holdfast.v1";
    hello.as.hello.capabilities |= HF_CAP_DOCUMENTS;
    hello.as.hello.groups[0] = HF_SLICE("home");
    hello.as.hello.group_count = 1;
    if (hf_ws_open(&kit.site, &link->link, &admit, &reason) != HF_OK)
        return;
    link->read_at = (size_t)((char *)memmem(link->out, link->out_bytes, "\r\n\r\n", 4) - link->out) + 4;
    say(link, &hello);
    durable();
    for (uint32_t request = 1; request <= 2 && sk_conn(link)->state == HF_WS_STATE_OPEN; request++) {
        patch.as.patch = (struct hf_frame_patch){.request = request,
                                                 .document = (uint8_t)request,
                                                 .kind = HF_PATCH_MERGE,
                                                 .json = HF_SLICE("{\"a\":[1,{\"b\":\"c\"}]}")};
        say(link, &patch);
        durable();
        assert_true(answered(link, request));
    }
    kit_end(link, HF_LINK_END_EOF);
    durable();
}

static void whatever_allocation_fails(void **state)
{
    bool hit = true;

    for (uint64_t n = 1; hit; n++) {
        int64_t before = hf_alloc_live();

        assert_true(n < 2000);
        (void)sk_begin(state);
        sk_site_ops.call = call;
        sk_site_ops.random = draw;
        hf_alloc_fail_at(n);
        life();
        hit = hf_alloc_fail_hit();
        hf_alloc_fail_at(0);
        assert_int_equal(kit.site.stats.document_bytes_now, 0);
        for (unsigned i = 0; i < kit.link_count; i++)
            kit.links[i].out = NULL;
        (void)sk_done(state);
        assert_int_equal(hf_alloc_live(), before);
    }
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
                         .free_fn = give_back}; /* what a shared library allocates is not seen */

    cJSON_InitHooks(&hooks);
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_allocation_fails)};

    return cmocka_run_group_tests_name("ws_session_documents_fail", tests, NULL, NULL);
}
