/* MEM-5 for sessions: every allocation of a connection's life may fail; what it leaves behind is nothing, and nobody is told what is not so. */
#include "adapter/ws/ws_session_testkit.h"
#include "support/alloc_fail.h"

static void become_durable(void)
{
    for (; kit.durable < kit.event_count; kit.durable++)
        if (kit.waiters[kit.durable] != NULL)
            kit.waiters[kit.durable]->on_durable(kit.waiters[kit.durable], kit.durable + 1, 1);
    hf_hub_settle(&kit.hub);
}

/* Straight to the handler: the kit's own copies are not what is tried here. */
static void say(struct kit_link *link, unsigned opcode, const void *payload, size_t bytes)
{
    static struct kit_wire wire;

    wire.bytes = 0;
    kit_add_bytes(&wire, opcode, HF_WS_FIN, payload, bytes);
    link->link.handler->on_data(&link->link, wire.at, wire.bytes);
}

static void say_frame(struct kit_link *link, const struct hf_frame *frame)
{
    static uint8_t out[8192];

    assert_true(hf_frame_bytes(frame) <= sizeof(out));
    say(link, HF_WS_OP_BINARY, out, hf_frame_encode(frame, out));
}

static void in_binary(struct kit_link *link, uint32_t first)
{
    struct hf_frame hello = sk_hello("d1"), one = sk_data(first, "t", "one"),
                    two = sk_data(first + 1, "t", "two"), subscribe = {.type = HF_FRAME_SUBSCRIBE};
    static char large[4000];

    hello.as.hello.trace = HF_SLICE("t1");
    hello.as.hello.uplink_first = hello.as.hello.uplink_next = first;
    subscribe.as.subscribe.topic = HF_SLICE("t");
    say_frame(link, &hello);
    become_durable();
    say_frame(link, &two); /* kept */
    say_frame(link, &one); /* both are published: to itself, that is to nobody */
    say_frame(link, &subscribe);
    kit.gate_closed = true;
    two.as.data.seq = first + 2;
    two.as.data.payload = (struct hf_slice){large, sizeof(large)};
    say_frame(link, &two); /* held */
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    struct hf_outgoing out = {.kind = HF_OUT_MESSAGE, .payload = {large, sizeof(large)}};
    if (sk_conn(link)->state == HF_WS_STATE_OPEN && hf_ws_welcomed(sk_conn(link)))
        (void)sk_conn(link)->dev.ops->write(&sk_conn(link)->dev, &out);
}

static void in_json(struct kit_link *link, uint32_t first)
{
    static char text[8192], numbers[256];
    struct hf_sb sb;

    snprintf(numbers, sizeof(numbers),
             "{\"type\":\"hello\",\"version_min\":1,\"version_max\":1,\"queue_id\":\"000000000000004d\","
             "\"uplink_first\":%u,"
             "\"uplink_next\":%u,\"window_messages\":256,\"window_bytes\":1048576,\"trace\":\"t1\"}",
             first, first);
    say(link, HF_WS_OP_TEXT, numbers, strlen(numbers));
    become_durable();
    for (unsigned i = 0; i < 3; i++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_printf(&sb, "{\"type\":\"data\",\"seq\":%u,\"payload\":\"", first + i);
        while (i == 2 && sb.bytes < 6000) /* unescaped aside */
            hf_sb_text(&sb, "\\u0041");
        hf_sb_text(&sb, "\"}");
        say(link, HF_WS_OP_TEXT, sb.at, sb.bytes);
    }
    struct hf_outgoing out = {.kind = HF_OUT_MESSAGE, .payload = {text, 3000}};
    if (sk_conn(link)->state == HF_WS_STATE_OPEN && hf_ws_welcomed(sk_conn(link)))
        (void)sk_conn(link)->dev.ops->write(&sk_conn(link)->dev, &out);
}

static hf_err scenario(void *context)
{
    static char room[65536];
    bool json = context != NULL;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    const struct hf_device *device = hf_hub_find(&kit.hub, HF_SLICE("acme"), HF_SLICE("d1"));
    uint32_t first = device && device->session ? (uint32_t)device->session->up.expected : 1;
    enum hf_reason reason;
    struct kit_link *link = &kit.links[0];
    bool good = false;

    admit.identity.credential_hash = 42;
    admit.mode = json ? HF_WS_SESSION_JSON : HF_WS_SESSION;
    admit.protocol = "holdfast.v1";
    *link = (struct kit_link){.link = {.ops = &sk_link_ops}, .out = room, .out_room = sizeof(room)};
    hf_err err = hf_ws_open(&kit.site, &link->link, &admit, &reason);
    if (err == HF_OK) {
        (json ? in_json : in_binary)(link, first);
        become_durable();
        good = sk_conn(link)->state == HF_WS_STATE_OPEN && kit_count(&kit, HF_EVENT_MESSAGE) == 3;
        kit_end(link, HF_LINK_END_EOF);
    } else {
        assert_int_equal(reason, HF_REASON_MEMORY_LIMIT);
        assert_int_equal(link->out_bytes, 0);
    }
    link->out = NULL;
    become_durable();
    for (unsigned i = 0; i < kit.event_count; i++)
        free(kit.events[i].body);
    kit.event_count = kit.durable = 0;
    assert_int_equal(kit.site.credentials.count, 0);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_int_equal(kit.hub.stats.connections, 0);
    assert_int_equal(kit.hub.stats.subscriptions, 0);
    return good ? HF_OK : HF_ERR_NOMEM;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    for (uintptr_t json = 0; json < 2; json++) {
        assert_int_equal(scenario((void *)json), HF_OK); /* what is made at the first use and kept */
        assert_true(hf_alloc_fail_each(scenario, (void *)json, 200) > 3);
    }
}

static void first_use_fails(void **state)
{
    for (uint64_t n = 1; n < 60; n++) {
        hf_alloc_fail_at(n);
        hf_err err = scenario(n % 2 ? (void *)1 : NULL);
        bool hit = hf_alloc_fail_hit();
        hf_alloc_fail_at(0);
        assert_true(hit || err == HF_OK);
        (void)sk_done(state);
        (void)sk_begin(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(each_allocation_fails),
        SK_ROW(first_use_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
