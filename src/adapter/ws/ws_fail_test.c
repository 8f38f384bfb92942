/* MEM-5: every allocation of a connection's life may fail; what it leaves behind is nothing. */
#include "adapter/ws/ws_testkit.h"
#include "support/alloc_fail.h"

static struct kit kit;

static hf_err life(struct kit_link *link, const struct hf_ws_admit *admit, const char *token)
{
    static struct kit_wire wire;
    enum hf_reason reason;
    hf_err err = hf_ws_open(&kit.site, &link->link, admit, &reason);

    if (err != HF_OK) {
        assert_int_equal(reason, HF_REASON_MEMORY_LIMIT);
        assert_int_equal(link->out_bytes, 0);
        assert_true(kit.hub.stats.connections == 0);
        return err;
    }
    wire.bytes = 0;
    if (token != NULL) {
        char text[2048];

        snprintf(text, sizeof(text), "{\"type\":\"auth\",\"token\":\"%s\"}", token);
        kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, text);
    }
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, "{\"type\":\"subscribe\",\"topic\":\"t\"}");
    kit_add(&wire, HF_WS_OP_TEXT, 0, "{\"type\":\"data\",");
    kit_add(&wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, "\"id\":1}");
    kit_add_bytes(&wire, HF_WS_OP_TEXT, HF_WS_FIN | HF_WS_COMPRESSED, "\x4a\x04\x00", 3); /* "a", deflated */
    link->link.handler->on_data(&link->link, wire.at, wire.bytes);
    kit.gate_closed = true;
    wire.bytes = 0;
    kit_add(&wire, HF_WS_OP_TEXT, HF_WS_FIN, "waits");
    link->link.handler->on_data(&link->link, wire.at, wire.bytes);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    bool open = kit_conn(link)->state == HF_WS_STATE_OPEN && kit_count(&kit, HF_EVENT_MESSAGE) == 3;
    kit_end(link, HF_LINK_END_EOF);
    return open ? HF_OK : HF_ERR_NOMEM;
}

static hf_err scenario(void *context)
{
    const char *token = context;
    struct hf_ws_admit admit;
    static char room[8192];

    admit = kit_admit(&kit, token ? NULL : "d1");
    snprintf(admit.trace, sizeof(admit.trace), "t1");
    admit.deflate = kit_limits.deflate;
    admit.deflate.client_no_context_takeover = false; /* an inflater of its own */
    admit.identity.credential_hash = token ? 0 : 42;
    kit.links[0] = (struct kit_link){.link = {.ops = &kit_link_ops}, .out = room, .out_room = sizeof(room)};
    hf_err err = life(&kit.links[0], &admit, token);
    kit.links[0].out = NULL;
    for (; kit.durable < kit.event_count; kit.durable++)
        if (kit.waiters[kit.durable] != NULL)
            kit.waiters[kit.durable]->on_durable(kit.waiters[kit.durable], kit.durable + 1, 1);
    for (unsigned i = 0; i < kit.event_count; i++)
        free(kit.events[i].body);
    kit.event_count = kit.durable = 0;
    assert_int_equal(kit.site.credentials.count, 0);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_int_equal(kit.site.stats.windows_now, 0);
    assert_int_equal(kit.hub.stats.connections, 0);
    return err;
}

/* Buffers that are made at the first use and kept are made before, so that what is counted is the connection's own. */
static void each_allocation_fails(void **state)
{
    char token[2048];

    (void)state;
    kit_new(&kit);
    snprintf(token, sizeof(token), "%s", kit_token(&kit, "k1", "d1", "j1", KIT_UTC + 60000));
    assert_int_equal(scenario(NULL), HF_OK);
    assert_int_equal(scenario(token), HF_OK);
    assert_true(hf_alloc_fail_each(scenario, NULL, 200) > 3);
    assert_true(hf_alloc_fail_each(scenario, token, 200) > 3);
    kit_free(&kit);
}

/* The same for what is made at the first use: without it a message is refused, and the next one may have more luck. */
static void first_use_fails(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        kit_new(&kit);
        hf_alloc_fail_at(n);
        hf_err err = scenario(NULL);
        bool hit = hf_alloc_fail_hit();
        hf_alloc_fail_at(0);
        assert_true(hit || err == HF_OK);
        kit_free(&kit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails),
        cmocka_unit_test(first_use_fails),
    };
    return cmocka_run_group_tests_name("ws_fail", tests, NULL, NULL);
}
