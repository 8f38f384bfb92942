/* Letting in, the closing handshake from each state and either side, who ends TCP first, and what outlives a connection. */
#include "adapter/ws/ws_testkit.h"

static struct kit kit;

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static void baseline(void) /* nothing of any connection is left (WS-19) */
{
    struct hf_slab_stats stats;

    hf_slab_stats(kit.site.conns, &stats);
    assert_int_equal(stats.used, 0);
    hf_slab_stats(kit.site.acks, &stats);
    assert_int_equal(stats.used, 0);
    assert_int_equal(kit.site.credentials.count, 0);
    assert_int_equal(kit.site.stats.held_bytes_now, 0);
    assert_int_equal(kit.site.stats.opened, kit.site.stats.ended);
    assert_int_equal(kit.hub.stats.connections, 0);
    assert_true(hf_list_empty(&kit.site.lingering) && hf_list_empty(&kit.site.held));
}

static void greeting_names_the_connection(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    admit.protocol = "holdfast.raw";
    admit.deflate = kit_limits.deflate;
    admit.conn_id = 0x1234;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    const char *want =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: holdfast.raw\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
        "client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=12\r\n"
        "Holdfast-Connection: c_0000000000001234\r\n\r\n";

    assert_int_equal(link->out_bytes, strlen(want));
    assert_memory_equal(link->out, want, strlen(want));
    assert_int_equal(kit_last(&kit, HF_EVENT_ONLINE)->conn, 0x1234);
    assert_int_equal(kit.opens, 1);
}

static void peer_closes_first_and_is_echoed(void **state)
{
    static const struct {
        uint16_t code;
        uint16_t echoed;
        enum hf_reason reason;
    } rows[] = {{1000, 1000, HF_REASON_NORMAL},
                {1001, 1001, HF_REASON_NORMAL},
                {0, 0, HF_REASON_NORMAL}, /* a Close without a code */
                {3000, 3000, HF_REASON_PEER_CLOSED},
                {4999, 4999, HF_REASON_PEER_CLOSED},
                {1011, 1011, HF_REASON_PEER_CLOSED}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = kit_open(&kit, "d1");

        kit_close(link, rows[i].code, rows[i].code ? "bye" : "");
        kit_expect_close(link, rows[i].echoed, "");
        assert_true(link->finished); /* the gateway is the active closer */
        assert_false(link->aborted);
        assert_int_equal(kit.closed_reason, rows[i].reason);
        assert_int_equal(kit_last(&kit, HF_EVENT_OFFLINE)->code, rows[i].code ? rows[i].code : 1005);
        kit_text(link, "{\"type\":\"data\"}"); /* whatever comes behind it is nothing */
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
        kit_end(link, HF_LINK_END_EOF);
    }
    kit_durable(&kit);
    baseline();
}

static void codes_that_may_not_be_sent_are_answered_1002(void **state)
{
    static const uint16_t codes[] = {999, 1004, 1005, 1006, 1015, 2999, 5000};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(codes); i++) {
        struct kit_link *link = kit_open(&kit, "d1");

        kit_close(link, codes[i], "");
        kit_expect_close(link, 1002, "reason=protocol_error;retry_ms=0");
        assert_true(link->finished); /* what cannot be read any more is not waited for */
        kit_end(link, HF_LINK_END_EOF);
    }
    kit_durable(&kit);
    baseline();
}

static void our_close_awaits_the_peers(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit_run_to(&kit, 1000);
    hf_ws_close(kit_conn(link), HF_REASON_ADMIN_DISCONNECT, 0, HF_SLICE("maintenance"));
    hf_ws_close(kit_conn(link), HF_REASON_REPLACED, 0, HF_SLICE("")); /* the second word is not said */
    kit_expect_close(link, 1008, "maintenance");
    assert_false(link->finished);
    kit_say(link, HF_WS_OP_PING, "x", 1); /* after a Close nothing may be sent (5.5.1) */
    kit_say(link, HF_WS_OP_PONG, "x", 1);
    kit_text(link, "late");
    kit_expect_nothing(link);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    kit_close(link, 1008, "");
    assert_true(link->finished);
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    assert_int_equal(kit.closes, 1);
    assert_int_equal(kit.site.stats.closes[HF_REASON_ADMIN_DISCONNECT], 1);
    kit_durable(&kit);
    baseline();
}

static void peer_that_does_not_answer_is_dropped(void **state)
{
    (void)state;
    struct kit_link *silent = kit_open(&kit, "d1"), *half = kit_open(&kit, "d2");

    hf_ws_close(kit_conn(silent), HF_REASON_DRAIN, 0, (struct hf_slice){NULL, 0});
    kit_expect_close(silent, 1001, "reason=drain;retry_ms=1000");
    kit_close(half, 1000, ""); /* ENDING: its end of TCP does not come */
    kit_run_to(&kit, 4990);
    assert_false(silent->aborted || half->aborted);
    kit_run_to(&kit, 5040);
    assert_true(silent->aborted && half->aborted);
    kit_durable(&kit);
    baseline();
}

static void lost_connection_is_1006_and_never_on_the_wire(void **state)
{
    static const struct {
        enum hf_link_end end;
        enum hf_reason reason;
    } rows[] = {{HF_LINK_END_EOF, HF_REASON_CONNECTION_LOST},
                {HF_LINK_END_RESET, HF_REASON_CONNECTION_RESET},
                {HF_LINK_END_TLS_FAILED, HF_REASON_TLS_FAILED}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = kit_open(&kit, "d1");

        kit_end(link, rows[i].end);
        kit_expect_nothing(link);
        assert_int_equal(kit.closed_reason, rows[i].reason);
        assert_int_equal(kit.closed_code, 1006);
        assert_int_equal(kit_last(&kit, HF_EVENT_UNKNOWN)->reason,
                         rows[i].reason); /* not offline: nobody said so */
    }
    kit_durable(&kit);
    baseline();
}

static void end_in_each_state_is_clean(void **state)
{
    (void)state;
    struct kit_link *in_auth = kit_open(&kit, NULL), *closing = kit_open(&kit, "d1"),
                    *ending = kit_open(&kit, "d2");

    hf_ws_close(kit_conn(closing), HF_REASON_DRAIN, 0, (struct hf_slice){NULL, 0});
    kit_close(ending, 1000, "");
    kit_end(in_auth, HF_LINK_END_RESET);
    kit_end(closing, HF_LINK_END_RESET);
    kit_end(ending, HF_LINK_END_EOF);
    assert_int_equal(kit.closes, 3);
    kit_run_to(&kit, 70000); /* no timer fires for what is gone */
    kit_durable(&kit);
    baseline();
}

static void newer_connection_replaces_the_older(void **state)
{
    (void)state;
    struct kit_link *older = kit_open(&kit, "d1"), *newer = kit_open(&kit, "d1");

    kit_expect_close(older, 4409, "reason=replaced;retry_ms=30000");
    assert_int_equal(kit_count(&kit, HF_EVENT_DISCONNECTED), 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_OFFLINE), 0); /* the device never left */
    assert_int_equal(kit_last(&kit, HF_EVENT_ONLINE)->epoch, 2);
    kit_text(older, "{\"type\":\"data\",\"id\":1}"); /* the replaced one has no voice */
    kit_close(older, 4409, "");
    kit_end(older, HF_LINK_END_EOF);
    kit_text(newer, "{\"type\":\"ping\"}");
    kit_expect_text(newer, "{\"type\":\"pong\"}");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    assert_int_equal(kit.hub.stats.connections, 1);
}

static void replaced_while_acknowledgements_are_on_their_way(void **state)
{
    (void)state;
    struct kit_link *older = kit_open(&kit, "d1");

    kit_text(older, "{\"type\":\"data\",\"id\":1,\"payload\":1}");
    kit_text(older, "{\"type\":\"data\",\"id\":2,\"payload\":2}");
    struct kit_link *newer = kit_open(&kit, "d1");
    kit_end(older, HF_LINK_END_RESET); /* gone, with two acknowledgements open */
    kit_text(newer, "{\"type\":\"data\",\"id\":3,\"payload\":3}");
    kit_durable(&kit);
    kit_expect_part(newer, "\"id\":3");
    kit_expect_nothing(newer);
    assert_int_equal(kit.site.stats.acks_out, 1);
    kit_end(newer, HF_LINK_END_EOF);
    kit_durable(&kit);
    baseline();
}

static void abort_of_all_in_every_state(void **state)
{
    (void)state;
    struct kit_link *open = kit_open(&kit, "d1"), *in_auth = kit_open(&kit, NULL),
                    *lost = kit_open(&kit, "d2"), *held = kit_open(&kit, NULL);

    kit_text(open, "{\"type\":\"data\",\"id\":1}");
    kit_text(lost, "{\"type\":\"data\",\"id\":1}");
    kit_end(lost, HF_LINK_END_RESET); /* lingers for its acknowledgement */
    kit.gate_closed = true;
    assert_false(held->link.handler->may_read(&held->link)); /* input held back before authentication */
    hf_ws_site_abort(&kit.site);
    assert_true(open->aborted && in_auth->aborted && held->aborted);
    kit_durable(&kit); /* the log may go on after the connections: its waiters are still there */
    baseline();
    kit.gate_closed = false;
}

static void what_the_log_never_tells_ends_with_the_site(void **state)
{
    (void)state;
    struct kit_link *open = kit_open(&kit, "d1");

    kit_text(open, "{\"type\":\"data\",\"id\":1}");
    hf_ws_site_abort(&kit.site);
    memset(kit.waiters, 0,
           sizeof(kit.waiters)); /* the journal has forgotten them; the rest is in kit_free() */
}

static void strangers_are_closed_and_devices_stay(void **state)
{
    (void)state;
    struct kit_link *device = kit_open(&kit, "d1"), *stranger = kit_open(&kit, NULL);

    hf_ws_site_close_strangers(&kit.site, HF_REASON_DRAIN);
    kit_expect_close(stranger, 1001, "reason=drain;retry_ms=1000");
    kit_expect_nothing(device);
    assert_int_equal(hf_hub_drain(&kit.hub, 1, HF_REASON_DRAIN), 1);
    kit_expect_close(device, 1001, "reason=drain;retry_ms=1000");
    hf_ws_site_close_strangers(&kit.site, HF_REASON_DRAIN); /* both are closing, and nobody's strangers */
    kit_expect_nothing(stranger);
    kit_expect_nothing(device);
}

static void limits_refuse_before_anything_is_written(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d2");
    struct kit_link *link = kit_link_new(&kit), *first;
    enum hf_reason reason = HF_REASON_NONE;

    kit.rules.connections_max = 1;
    first = kit_open(&kit, "d1");
    assert_int_equal(hf_ws_open(&kit.site, &link->link, &admit, &reason), HF_ERR_LIMIT);
    assert_int_equal(reason, HF_REASON_TENANT_LIMIT);
    assert_int_equal(link->out_bytes, 0);
    assert_null(link->link.user);
    kit_end(first, HF_LINK_END_EOF);
    assert_int_equal(hf_ws_open(&kit.site, &link->link, &admit, &reason), HF_OK);
}

static void groups_topic_and_trace_of_the_request(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");

    snprintf(admit.groups, sizeof(admit.groups), "fleet,,bad group,site-7");
    snprintf(admit.topic, sizeof(admit.topic), "meters");
    admit.topic_bytes = 6;
    snprintf(admit.trace, sizeof(admit.trace), "ws_8a2f1c");
    admit.tls = true;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    struct hf_live live = {0};

    assert_int_equal(kit.hub.stats.subscriptions, 2);
    kit_text(link, "plain");
    assert_memory_equal(kit_last(&kit, HF_EVENT_MESSAGE)->topic.at, "meters", 6);
    kit_conn(link)->dev.ops->describe(&kit_conn(link)->dev, &live);
    assert_string_equal(live.trace, "ws_8a2f1c");
    assert_string_equal(live.peer, "192.0.2.7:4711");
    assert_string_equal(live.protocol, "raw");
    assert_true(live.tls);
}

static void arrives_from_another_worker(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");

    admit.upgraded = true;
    admit.identity.expires_ms = KIT_UTC + 60000;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    kit_expect_text(link, "{\"type\":\"auth_ok\",\"device\":\"d1\",\"expires_ms\":1700000060000}");
}

static void credentials_end_the_connection_when_they_end(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");

    admit.identity.expires_ms = KIT_UTC + 10000;
    struct kit_link *link = kit_open_admit(&kit, &admit);
    kit_run_to(&kit, 9999);
    kit_expect_nothing(link);
    kit_run_to(&kit, 10032);
    kit_expect_close(link, 4401, "reason=credentials_expired;retry_ms=0");
    assert_int_equal(kit_last(&kit, HF_EVENT_OFFLINE)->reason, HF_REASON_CREDENTIALS_EXPIRED);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(greeting_names_the_connection),
        ROW(peer_closes_first_and_is_echoed),
        ROW(codes_that_may_not_be_sent_are_answered_1002),
        ROW(our_close_awaits_the_peers),
        ROW(peer_that_does_not_answer_is_dropped),
        ROW(lost_connection_is_1006_and_never_on_the_wire),
        ROW(end_in_each_state_is_clean),
        ROW(newer_connection_replaces_the_older),
        ROW(replaced_while_acknowledgements_are_on_their_way),
        ROW(abort_of_all_in_every_state),
        ROW(what_the_log_never_tells_ends_with_the_site),
        ROW(strangers_are_closed_and_devices_stay),
        ROW(limits_refuse_before_anything_is_written),
        ROW(groups_topic_and_trace_of_the_request),
        ROW(arrives_from_another_worker),
        ROW(credentials_end_the_connection_when_they_end),
    };
    return cmocka_run_group_tests_name("ws_conn", tests, NULL, NULL);
}
