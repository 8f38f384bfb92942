/* What a device of holdfast.v1 is told, binary and in JSON: commands and messages with their numbers, publications, gaps, the end. */
#include "adapter/ws/ws_session_testkit.h"

static const uint8_t id[16] = {0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};

static void on_sent(struct hf_call *call)
{
    assert_int_equal(call->reason, HF_REASON_NONE);
    memcpy(call->maker, call->id, 16);
    hf_call_free(call);
}

/* The application sends; gives the id. */
static const uint8_t *app_sends(const char *device, uint8_t class, const char *name, const char *payload)
{
    static uint8_t made[16];
    static uint64_t ids;
    struct hf_call *call = hf_call_new(HF_CALL_SEND, 0);

    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(device);
    call->topic = hf_slice_of(name);
    call->payload = hf_slice_of(payload);
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    call->class = class;
    call->ttl_ms = 60000;
    memcpy(call->id, &(uint64_t){++ids}, 8);
    call->maker = made;
    call->on_done = on_sent;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    sk_turn();
    sk_turn();
    return made;
}

static void commands_and_their_results(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame result = {.type = HF_FRAME_RESULT}, ack = sk_ack(1, 1);

    (void)state;
    const uint8_t *made = app_sends("d1", HF_CLASS_COMMAND, "unlock", "{\"s\":30}");
    const struct hf_frame_command *command = &sk_expect(link, HF_FRAME_COMMAND)->as.command;
    assert_int_equal(command->seq, 1);
    assert_memory_equal(command->id, made, 16);
    assert_true(hf_slice_is(command->name, "unlock"));
    assert_true(hf_slice_is(command->payload, "{\"s\":30}"));
    assert_int_equal(command->format, HF_FORMAT_JSON);
    assert_int_equal(command->expires_ms, kit.hub.utc_ms + 60000);
    assert_int_equal(command->ttl_ms, 60000);
    sk_say(link, &ack);
    result.as.result = (struct hf_frame_result){
        .seq = 1, .format = HF_FORMAT_JSON, .payload = HF_SLICE("true"), .status = HF_RESULT_OK};
    memcpy(result.as.result.id, made, 16);
    sk_say(link, &result);
    sk_turn();
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_COMMAND_DONE)->payload, "true"));
    sk_expect_ack(link, 1, 1);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_COMMAND], 1);
}

static void a_command_whose_result_was_refused_waits_for_another(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame result = {.type = HF_FRAME_RESULT};

    (void)state;
    const uint8_t *made = app_sends("d1", HF_CLASS_COMMAND, "unlock", "{}");
    (void)sk_expect(link, HF_FRAME_COMMAND);
    result.as.result =
        (struct hf_frame_result){.seq = 1, .format = HF_FORMAT_JSON, .payload = HF_SLICE("tru")};
    memcpy(result.as.result.id, made, 16);
    sk_say(link, &result);
    const struct hf_frame_refuse *refuse = &sk_expect(link, HF_FRAME_REFUSE)->as.refuse;
    assert_int_equal(refuse->seq, 1);
    assert_int_equal(refuse->reason, HF_REASON_BAD_REQUEST);
    sk_turn();
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->reason, HF_REASON_BAD_REQUEST);
    assert_null(kit_last(&kit, HF_EVENT_COMMAND_FAILED));
    sk_expect_ack(link, 1, 1);
    result.as.result.seq = 2;
    result.as.result.payload = HF_SLICE("true");
    sk_say(link, &result);
    sk_turn();
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_COMMAND_DONE)->payload, "true"));
}

static void messages_come_again_until_they_are_durable(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1"), ack = sk_ack(2, 1);
    struct hf_frame_welcome welcome = sk_welcomed(link, &hello);

    (void)state;
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "1");
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "2");
    assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.seq, 1);
    assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.seq, 2);
    sk_say(link, &ack);
    sk_turn();
    kit_end(link, HF_LINK_END_RESET);
    sk_turn();
    memcpy(hello.as.hello.session_id, welcome.session_id, 16);
    hello.as.hello.downlink_position = 1;
    link = sk_open("d1", HF_WS_SESSION);
    welcome = sk_welcomed(link, &hello);
    assert_int_equal(welcome.result, HF_SESSION_RESUMED);
    assert_int_equal(welcome.downlink_next, 2);
    sk_turn();
    const struct hf_frame *data = sk_expect(link, HF_FRAME_DATA);
    assert_int_equal(data->as.data.seq, 2);
    assert_true(hf_slice_is(data->as.data.payload, "2"));
    assert_false(data->as.data.publish);
    kit_expect_nothing(link);
}

static void a_full_window_holds_the_rest(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1"), ack = sk_ack(1, 1);

    (void)state;
    hello.as.hello.window_messages = ack.as.ack.window_messages = 1;
    (void)sk_welcomed(link, &hello);
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "1");
    (void)sk_expect(link, HF_FRAME_DATA);
    assert_int_equal(kit.site.stats.session.window_full, 0); /* nothing waits for it */
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "2");
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "3");
    kit_expect_nothing(link);
    sk_say(link,
           &(struct hf_frame){.type = HF_FRAME_ACK,
                              .as.ack = {.received_through = 1, .window_messages = 1, .window_bytes = 1024}});
    sk_turn();
    kit_expect_nothing(link); /* received is not durable */
    sk_say(link, &ack);
    assert_int_equal(kit.site.stats.session.window_full,
                     1); /* once, however many acknowledgements it takes */
    sk_turn();
    sk_turn();
    assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.seq, 2);
    kit_expect_nothing(link);
}

static void an_acknowledgement_is_asked_for_before_anything_is_sent_again(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame ack = sk_ack(0, 0);

    (void)state;
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "1");
    (void)sk_expect(link, HF_FRAME_DATA);
    sk_run(HF_RTO_MS_MIN + 50);
    assert_true(sk_expect(link, HF_FRAME_ACK)->as.ack.ask);
    kit_expect_nothing(link); /* no blind resending */
    sk_say(link, &ack);       /* it has not got it */
    sk_turn();
    sk_turn();
    assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.seq, 1);
    ack = sk_ack(1, 1);
    sk_say(link, &ack);
    sk_turn();
    sk_run(20000);
    assert_int_equal(kit.site.stats.session.asks_out, 1);
    assert_int_equal(sk_conn(link)->state, HF_WS_STATE_OPEN);
}

static void who_acknowledges_nothing_is_degraded_and_closed(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame ping = sk_beat(HF_FRAME_PING, 0, 0);

    (void)state;
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "1");
    for (unsigned i = 1; sk_conn(link)->state == HF_WS_STATE_OPEN;
         i++) { /* it lives, but does not acknowledge */
        ping.as.beat.beat.seq = i;
        sk_say(link, &ping);
        sk_run(500);
        assert_true(i < 30);
    }
    assert_int_equal(kit.closed_reason, HF_REASON_STALLED);
    assert_int_equal(kit.closed_code, 4408);
    assert_int_equal(kit.site.stats.session.stalled, 1);
    assert_int_equal(kit.site.stats.session.degraded, 1);
    assert_int_equal(kit.site.stats.session.asks_out, 3);
    assert_int_equal(sk.states[sk.state_count - 2].after, HF_LINK_DEGRADED);
    assert_int_equal(sk.states[sk.state_count - 2].reason, HF_REASON_STALLED);
    assert_int_equal(sk.states[sk.state_count - 1].before, HF_LINK_DEGRADED);
}

static void a_message_that_has_expired_is_a_gap(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    kit_end(link, HF_LINK_END_RESET);
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "1");
    struct hf_frame hello = sk_hello("d1");
    memcpy(hello.as.hello.session_id, kit_last(&kit, HF_EVENT_ONLINE)->id, 16);
    sk_run(61000);
    sk_turn();
    (void)app_sends("d1", HF_CLASS_MESSAGE, "t", "2");
    link = sk_open("d1", HF_WS_SESSION);
    assert_int_equal(sk_welcomed(link, &hello).result, HF_SESSION_RESUMED);
    sk_turn();
    const struct hf_frame *gap = sk_expect(link, HF_FRAME_GAP);
    assert_int_equal(gap->as.gap.from, 1);
    assert_int_equal(gap->as.gap.to, 1);
    assert_int_equal(gap->as.gap.reason, HF_REASON_EXPIRED);
    assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.seq, 2);
}

/* ---- forms ---- */

static void forms(void **state)
{
    static const struct {
        struct hf_outgoing out;
        const char *json;
    } rows[] = {
        {{.kind = HF_OUT_MESSAGE,
          .seq = UINT64_C(0x100000005),
          .id = id,
          .topic = {"t", 1},
          .format = HF_FORMAT_JSON,
          .payload = {"[1]", 3}},
         "{\"type\":\"data\",\"seq\":5,\"id\":\"018bcfe5-6800-7000-8000-000000000001\",\"format\":1,"
         "\"topic\":\"t\",\"payload\":"
         "[1]}"},
        {{.kind = HF_OUT_PUBLISH, .topic = {"t", 1}, .flags = HF_EVENT_FLAG_TEXT, .payload = {"a\"b", 3}},
         "{\"type\":\"data\",\"publish\":true,\"topic\":\"t\",\"payload\":\"a\\\"b\"}"},
        {{.kind = HF_OUT_PUBLISH,
          .topic = {"t", 1},
          .format = HF_FORMAT_PROTOBUF,
          .payload = {"\0\xff\x10", 3}},
         "{\"type\":\"data\",\"publish\":true,\"format\":2,\"topic\":\"t\",\"payload_base64\":\"AP8Q\"}"},
        {{.kind = HF_OUT_COMMAND,
          .seq = 9,
          .id = id,
          .topic = {"go", 2},
          .key = {"k-1", 3},
          .format = HF_FORMAT_JSON,
          .payload = {"{}", 2}},
         "{\"type\":\"command\",\"seq\":9,\"id\":\"018bcfe5-6800-7000-8000-000000000001\",\"format\":1,"
         "\"idempotency_key\":\"k-1\",\"name\":\"go\",\"payload\":{}}"},
    };
    struct kit_link *link = sk_device("d1"), *json = sk_device_json("d2");
    struct hf_devconn *devs[] = {&sk_conn(link)->dev, &sk_conn(json)->dev};

    (void)state;
    assert_int_equal(devs[0]->variant, HF_WS_VARIANT_SESSION);
    assert_int_equal(devs[1]->variant, HF_WS_VARIANT_SESSION_JSON);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        for (unsigned way = 0; way < 4; way++) { /* both encodings, written at once and shared */
            struct hf_devconn *dev = devs[way & 1];

            if (way & 2) {
                struct hf_shared *made = dev->ops->encode(dev, &rows[i].out);
                assert_non_null(made);
                assert_int_equal(dev->ops->write_shared(dev, made), HF_OK);
                hf_shared_unref(made);
            } else {
                assert_int_equal(dev->ops->write(dev, &rows[i].out), HF_OK);
            }
            if (way & 1) {
                kit_expect_text(json, rows[i].json);
                continue;
            }
            bool command = rows[i].out.kind == HF_OUT_COMMAND;
            const struct hf_frame *frame = sk_expect(link, command ? HF_FRAME_COMMAND : HF_FRAME_DATA);
            struct hf_slice payload = command ? frame->as.command.payload : frame->as.data.payload;
            assert_int_equal(command ? frame->as.command.seq : frame->as.data.seq, (uint32_t)rows[i].out.seq);
            assert_true(hf_slice_eq(payload, rows[i].out.payload));
            assert_false(frame->crc);
        }
    }
}

static void every_size_goes_out_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 95, 96, 97, 2000, 2010, 2020, 2048, 65500, 65536, 200000};
    static char payload[200000];
    struct kit_link *link = sk_device("d1"), *json = sk_device_json("d2");

    (void)state;
    memset(payload, '\x01', sizeof(payload)); /* six bytes each, in JSON */
    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        struct hf_outgoing out = {
            .kind = HF_OUT_MESSAGE, .flags = HF_EVENT_FLAG_TEXT, .payload = {payload, sizes[i]}};
        struct hf_devconn *dev = &sk_conn(link)->dev, *dev_json = &sk_conn(json)->dev;
        struct kit_frame frame;

        assert_int_equal(dev->ops->write(dev, &out), HF_OK);
        assert_int_equal(sk_expect(link, HF_FRAME_DATA)->as.data.payload.bytes, sizes[i]);
        if (sizes[i] * 6 > (1 << 20) - 1000)
            continue; /* as much as the kit can read */
        assert_int_equal(dev_json->ops->write(dev_json, &out), HF_OK);
        assert_true(kit_next(json, &frame));
        assert_true(frame.bytes >= sizes[i] * 6 && frame.bytes < sizes[i] * 6 + 100);
    }
}

static void who_asked_for_checksums_gets_them(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");
    struct hf_outgoing numbered = {.kind = HF_OUT_MESSAGE, .seq = 1, .payload = {"x", 1}},
                       shared = {.kind = HF_OUT_PUBLISH, .topic = {"t", 1}, .payload = {"x", 1}};

    (void)state;
    hello.as.hello.capabilities |= HF_CAP_CRC;
    (void)sk_welcomed(link, &hello);
    struct hf_devconn *dev = &sk_conn(link)->dev;
    assert_int_equal(dev->ops->write(dev, &numbered), HF_OK);
    assert_true(sk_expect(link, HF_FRAME_DATA)->crc);
    assert_int_equal(dev->ops->write(dev, &shared), HF_OK); /* one encoding for all */
    assert_false(sk_expect(link, HF_FRAME_DATA)->crc);
}

static void a_command_that_is_nearly_over_still_has_a_time(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_devconn *dev = &sk_conn(link)->dev;
    struct hf_outgoing out = {
        .kind = HF_OUT_COMMAND, .seq = 1, .topic = {"c", 1}, .expires_ms = kit.hub.utc_ms};

    (void)state;
    assert_int_equal(dev->ops->write(dev, &out), HF_OK);
    assert_int_equal(sk_expect(link, HF_FRAME_COMMAND)->as.command.ttl_ms, 1); /* 0 = no limit */
    out.expires_ms = UINT64_MAX;
    assert_int_equal(dev->ops->write(dev, &out), HF_OK);
    assert_int_equal(sk_expect(link, HF_FRAME_COMMAND)->as.command.ttl_ms, UINT32_MAX);
    out.expires_ms = 0;
    assert_int_equal(dev->ops->write(dev, &out), HF_OK);
    assert_int_equal(sk_expect(link, HF_FRAME_COMMAND)->as.command.ttl_ms, 0);
}

static void nothing_goes_before_welcome(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION), *other = sk_device("d2");
    struct hf_frame hello = sk_hello("d1"), data = sk_data(1, "group/berlin", "early bird");

    (void)state;
    hello.as.hello.groups[0] = HF_SLICE("berlin");
    hello.as.hello.group_count = 1;
    sk_say(link, &hello);
    struct hf_outgoing out = {
        .kind = HF_OUT_PUBLISH, .topic = HF_SLICE("group/berlin"), .payload = HF_SLICE("before")};
    assert_int_equal(hf_hub_publish(&kit.hub, &kit.tenant[0], &out), 1);
    hf_hub_settle(&kit.hub);
    kit_expect_nothing(link);
    sk_turn();
    (void)sk_expect(link, HF_FRAME_WELCOME);
    sk_turn();
    assert_true(hf_slice_is(sk_expect(link, HF_FRAME_DATA)->as.data.payload, "before"));
    sk_say(other, &data);
    sk_turn();
    assert_true(hf_slice_is(sk_expect(link, HF_FRAME_DATA)->as.data.payload, "early bird"));
}

static void a_slow_reader_does_not_lose_an_acknowledgement_silently(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame data = sk_data(1, "t", "x");

    (void)state;
    sk_say(link, &data);
    link->fail = HF_ERR_LIMIT; /* the carrier's hard bound */
    sk_turn();
    assert_int_equal(kit.closed_reason, HF_REASON_SLOW_READER);
}

static void what_the_api_sees(void **state)
{
    struct kit_link *link = sk_device("d1"), *json = sk_device_json("d2");
    struct hf_live live = {0};

    (void)state;
    sk.kernel.rtt_us = 12345;
    sk_conn(link)->dev.ops->describe(&sk_conn(link)->dev, &live);
    assert_string_equal(live.protocol, "holdfast.v1");
    assert_string_equal(live.peer, "192.0.2.7:4711");
    assert_int_equal(live.rtt_ms, 13); /* of the kernel, while no heartbeat was answered */
    sk_conn(json)->dev.ops->describe(&sk_conn(json)->dev, &live);
    assert_string_equal(live.protocol, "holdfast.v1.json");
}

static void the_end_carries_the_return_ticket(void **state)
{
    struct kit_link *link = sk_open("d1", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d1");

    (void)state;
    kit.hub.options.return_per_second = 10;
    struct hf_frame_welcome welcome = sk_welcomed(link, &hello);
    assert_true(welcome.ticket_ms > 0);
    assert_int_equal(hf_hub_drain(&kit.hub, 1, HF_REASON_DRAIN), 1);
    const struct hf_frame *bye = sk_expect(link, HF_FRAME_BYE);
    assert_int_equal(bye->as.bye.reason, HF_REASON_DRAIN);
    assert_int_equal(bye->as.bye.retry_ms, 1000);
    assert_int_equal(bye->as.bye.ticket_ms, welcome.ticket_ms);
    kit_expect_close(link, 1001, "reason=drain;retry_ms=1000");
    link = sk_device("d2");
    sk_conn(link)->dev.ops->close(&sk_conn(link)->dev, HF_REASON_ADMIN_DISCONNECT, HF_SLICE("by hand"));
    assert_true(hf_slice_is(sk_expect(link, HF_FRAME_BYE)->as.bye.detail, "by hand"));
    kit_expect_close(link, 1008, "by hand");
}

/* ---- a whole conversation in JSON ---- */

static void a_conversation_in_json(void **state)
{
    struct kit_link *link = sk_device_json("d1");
    char text[256], hex[40];

    (void)state;
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_ONLINE)->topic, "holdfast.v1.json"));
    kit_text(link, "{\"type\":\"data\",\"seq\":1,\"topic\":\"gps\",\"format\":1,\"payload\":[52.5,13.4]}");
    kit_text(link, "{\"type\":\"data\",\"seq\":3,\"topic\":\"gps\",\"payload\":\"thr\\u0065e\"}");
    kit_text(link, "{\"type\":\"data\",\"seq\":2,\"payload_base64\":\"AP8B\"}");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 3);
    assert_true(
        hf_slice_is(kit_last(&kit, HF_EVENT_MESSAGE)->payload, "three")); /* unescaped, though it was kept */
    sk_turn();
    kit_expect_text(link,
                    "{\"type\":\"ack\",\"received_through\":3,\"durable_through\":3,\"window_messages\":8,"
                    "\"window_bytes\":65536}");
    kit_text(link, "{\"type\":\"ping\",\"seq\":7,\"ts\":1}");
    kit_expect_text(link, "{\"type\":\"pong\",\"seq\":7,\"ts\":1}");
    const uint8_t *made = app_sends("d1", HF_CLASS_COMMAND, "unlock", "1");
    kit_expect_part(link, "\"name\":\"unlock\"");
    hf_uuid_text(made, hex);
    snprintf(text, sizeof(text),
             "{\"type\":\"result\",\"seq\":4,\"id\":\"%s\",\"status\":\"ok\",\"format\":1,\"payload\":{}}",
             hex);
    kit_text(link, text);
    sk_turn();
    assert_int_equal(kit_count(&kit, HF_EVENT_COMMAND_DONE), 1);
    kit_expect_part(link, "\"durable_through\":4");
    kit_text(link, "{\"type\":\"from_the_future\"}");
    kit_text(link, "{\"type\":\"subscribe\",\"topic\":\"+\"}");
    kit_expect_text(link, "{\"type\":\"refuse\",\"reason\":\"bad_request\",\"detail\":\"topic must be 1 to "
                          "256 bytes of text without "
                          "+ and #\"}");
    kit_text(link,
             "{\"type\":\"patch\",\"request\":3,\"document\":\"context\",\"kind\":\"merge\",\"change\":{}}");
    kit_expect_part(link, "\"reason\":\"not_implemented\"");
    kit_text(link, "{\"type\":\"data\",\"seq\":5,");
    kit_expect_text(link, "{\"type\":\"bye\",\"reason\":\"session_broken\"}");
    kit_expect_close(link, 4400, "reason=session_broken;retry_ms=0");
}

static void large_json_is_unescaped_aside(void **state)
{
    static char text[140000];
    struct kit_link *link = sk_device_json("d1");
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, "{\"type\":\"data\",\"seq\":1,\"topic\":\"t\",\"payload\":\"");
    for (unsigned i = 0; i < 10000; i++)
        hf_sb_text(&sb, "\\u0041");
    hf_sb_text(&sb, "\"}");
    kit_text(link, text);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->payload.bytes, 10000);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->payload.at[9999], 'A');
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, "{\"type\":\"data\",\"seq\":2,\"topic\":\"t\",\"payload_base64\":\"");
    for (unsigned i = 0; i < 65536 / 3; i++)
        hf_sb_text(&sb, "AAAA");
    hf_sb_text(&sb, "\"}");
    kit_text(link, text); /* its text is above the limit, its payload is not */
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->payload.bytes, 65535);
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, "{\"type\":\"data\",\"seq\":3,\"topic\":\"t\",\"payload_base64\":\"");
    for (unsigned i = 0; i <= 65536 / 3; i++)
        hf_sb_text(&sb, "AAAA");
    hf_sb_text(&sb, "\"}");
    kit_text(link, text);
    kit_expect_text(link, "{\"type\":\"bye\",\"reason\":\"message_too_big\"}");
    kit_expect_close(link, 1009, "reason=message_too_big;retry_ms=0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(commands_and_their_results),
        SK_ROW(a_command_whose_result_was_refused_waits_for_another),
        SK_ROW(messages_come_again_until_they_are_durable),
        SK_ROW(a_full_window_holds_the_rest),
        SK_ROW(an_acknowledgement_is_asked_for_before_anything_is_sent_again),
        SK_ROW(who_acknowledges_nothing_is_degraded_and_closed),
        SK_ROW(a_message_that_has_expired_is_a_gap),
        SK_ROW(forms),
        SK_ROW(every_size_goes_out_whole),
        SK_ROW(who_asked_for_checksums_gets_them),
        SK_ROW(a_command_that_is_nearly_over_still_has_a_time),
        SK_ROW(nothing_goes_before_welcome),
        SK_ROW(a_slow_reader_does_not_lose_an_acknowledgement_silently),
        SK_ROW(what_the_api_sees),
        SK_ROW(the_end_carries_the_return_ticket),
        SK_ROW(a_conversation_in_json),
        SK_ROW(large_json_is_unescaped_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
