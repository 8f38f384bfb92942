/* What a device of holdfast.v1 says and what is not taken: refused one by one, and what breaks the session. */
#include "adapter/ws/ws_session_testkit.h"

/* ---- refused ---- */

static void an_access_rule_uses_up_the_number(void **state)
{
    static const struct hf_access_rule rules[] = {{HF_SLICE("*"), HF_SLICE("ok/#"), HF_ACCESS_BOTH, true}};
    struct hf_access_rules *access = NULL;
    struct kit_link *link = sk_device("d1");
    struct hf_frame data = sk_data(1, "no", "x"), good = sk_data(2, "ok/1", "y");

    (void)state;
    assert_int_equal(hf_access_new(rules, 1, NULL, &access), HF_OK);
    kit.rules.access = access;
    sk_say(link, &good); /* early: in turn when the number before it is used up */
    sk_say(link, &data);
    const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
    assert_int_equal(refuse->as.refuse.seq, 1);
    assert_int_equal(refuse->as.refuse.reason, HF_REASON_FORBIDDEN);
    sk_turn();
    sk_expect_ack(link, 2, 2);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->reason, HF_REASON_FORBIDDEN);
    assert_int_equal(kit.site.stats.session.refused, 1);
    assert_int_equal(kit.site.stats.denied, 1);
    kit.rules.access = NULL;
    hf_access_free(access);
}

static void a_result_nobody_waits_for(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame result = {.type = HF_FRAME_RESULT};

    (void)state;
    result.as.result.seq = 1;
    memset(result.as.result.id, 9, 16);
    sk_say(link, &result);
    const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
    assert_int_equal(refuse->as.refuse.seq, 1);
    assert_int_equal(refuse->as.refuse.reason, HF_REASON_UNMATCHED);
    assert_int_equal(kit.site.stats.results, 1);
    sk_turn();
    sk_expect_ack(link, 1, 1);
}

/* More than it could be told of again: it says first what it has heard of. */
static void so_many_refused_ones_end_it(void **state)
{
    kit.rules.session.window_messages = 4 * HF_REFUSALS_MAX;
    struct kit_link *link = sk_device("d1");
    uint32_t seq = 1;

    (void)state;
    for (unsigned i = 0; i < HF_REFUSALS_MAX; i++, seq += 2) {
        struct hf_frame bad = sk_data(seq, "a/+", "x"), good = sk_data(seq + 1, "t", "x");

        sk_say(link, &bad);
        assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.seq, seq);
        sk_say(link, &good);
        sk_turn();
        sk_skip_acks(link);
    }
    struct hf_frame bad = sk_data(seq, "a/+", "x");
    sk_say(link, &bad);
    const struct hf_frame *bye = sk_expect(link, HF_FRAME_BYE);
    assert_int_equal(bye->as.bye.reason, HF_REASON_RATE_LIMIT);
    assert_true(bye->as.bye.detail.bytes > 0);
    kit_expect_close(link, 4429, "too many messages of the window were refused");
    assert_int_equal(kit.hub.stats.refusals_full, 1);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), HF_REFUSALS_MAX);
}

static void what_is_not_as_it_says_is_refused(void **state)
{
    static const struct {
        const char *payload, *topic;
        uint8_t format;
        bool text, good;
    } rows[] = {
        {"{\"a\":1}", "t", HF_FORMAT_JSON, false, true},
        {"{\"a\":1", "t", HF_FORMAT_JSON, true, false},
        {"gr\xc3\xbc\xc3\x9f", "t", HF_FORMAT_OPAQUE, true, true},
        {"\xff\xfe", "t", HF_FORMAT_OPAQUE, true, false},
        {"\xff\xfe", "t", HF_FORMAT_PROTOBUF, false, true},
        {"x", "a/+", HF_FORMAT_OPAQUE, false, false},
        {"x", "t", HF_FORMAT_SAMPLES + 1, false, false},
    };
    struct kit_link *link = sk_device("d1");
    unsigned good = 0;

    (void)state;
    for (uint32_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_frame data = sk_data(i + 1, rows[i].topic, rows[i].payload);

        data.as.data.format = rows[i].format;
        data.as.data.text = rows[i].text;
        sk_say(link, &data);
        good += rows[i].good;
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), good);
        if (rows[i].good) {
            const struct hf_event *event = kit_last(&kit, HF_EVENT_MESSAGE);
            assert_true(hf_slice_is(event->payload, rows[i].payload));
            assert_int_equal(event->format, rows[i].format);
            assert_int_equal(event->flags,
                             rows[i].text || rows[i].format == HF_FORMAT_JSON ? HF_EVENT_FLAG_TEXT : 0);
            continue;
        }
        const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
        assert_int_equal(refuse->as.refuse.seq, i + 1);
        assert_int_equal(refuse->as.refuse.reason, HF_REASON_BAD_REQUEST);
        assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->reason, HF_REASON_BAD_REQUEST);
        assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE_GAP)->from, i + 1);
    }
    sk_turn(); /* refused ones count as received and durable */
    sk_expect_ack(link, HF_COUNT_OF(rows), HF_COUNT_OF(rows));
}

static void a_refused_one_that_came_early(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame bad = sk_data(2, "t", "{"), result = {.type = HF_FRAME_RESULT};

    (void)state;
    bad.as.data.format = HF_FORMAT_JSON;
    result.as.result = (struct hf_frame_result){.seq = 3, .format = HF_FORMAT_JSON, .payload = HF_SLICE("}")};
    sk_say(link, &result);
    sk_say(link, &bad);
    kit_expect_nothing(link); /* in its turn */
    sk_say_data(link, 1, "one");
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.seq, 2);
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.seq, 3);
    sk_say(link, &bad); /* again: it was answered */
    kit_expect_nothing(link);
    sk_turn();
    sk_expect_ack(link, 3, 3);
}

static void subscriptions(void **state)
{
    struct kit_link *link = sk_device("d1"), *other = sk_device("d2");
    struct hf_frame frame = {.type = HF_FRAME_SUBSCRIBE};

    (void)state;
    frame.as.subscribe.topic = HF_SLICE("gps");
    sk_say(link, &frame);
    sk_say_data(other, 1, "hello");
    kit_expect_nothing(link);
    sk_turn();
    const struct hf_frame *data = sk_expect(link, HF_FRAME_DATA);
    assert_int_equal(data->as.data.seq, 0);
    assert_true(data->as.data.publish);
    assert_true(hf_slice_is(data->as.data.topic, "gps"));
    assert_true(hf_slice_is(data->as.data.payload, "hello"));
    frame.as.subscribe.unsubscribe = true;
    sk_say(link, &frame);
    sk_say(link, &frame); /* twice is harmless */
    sk_say_data(other, 2, "again");
    sk_turn();
    kit_expect_nothing(link);
    frame.as.subscribe = (struct hf_frame_subscribe){.topic = HF_SLICE("a/#")};
    sk_say(link, &frame);
    const struct hf_frame *refuse = sk_expect(link, HF_FRAME_REFUSE);
    assert_int_equal(refuse->as.refuse.seq, 0);
    assert_int_equal(refuse->as.refuse.reason, HF_REASON_BAD_REQUEST);
    for (unsigned i = 0; i < 5; i++) {
        char topic[] = {'t', (char)('0' + i), '\0'};

        frame.as.subscribe.topic = hf_slice_of(topic);
        sk_say(link, &frame);
    }
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.reason, HF_REASON_TENANT_LIMIT);
}

static void a_patch_is_told_that_there_are_no_documents(void **state)
{
    struct kit_link *link = sk_device("d1");
    struct hf_frame patch = {.type = HF_FRAME_PATCH};

    (void)state;
    patch.as.patch = (struct hf_frame_patch){
        .request = 17, .document = HF_DOCUMENT_CONTEXT, .kind = HF_PATCH_MERGE, .json = HF_SLICE("{}")};
    sk_say(link, &patch);
    const struct hf_frame *delta = sk_expect(link, HF_FRAME_DELTA);
    assert_int_equal(delta->as.delta.request, 17);
    assert_int_equal(delta->as.delta.reason, HF_REASON_NOT_IMPLEMENTED);
}

/* ---- broken ---- */

static void what_breaks_the_session(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
    } raw[] = {
        {"", 0},               /* no frame */
        {"\x03", 1},           /* cut short */
        {"\x0a\0\0\x05\0", 5}, /* its body is missing */
        {"\x03\0\0\x02\0\0\x01", 7} /* too short for its type */,
        {"\x0e\0\0\x01\0t\x0e", 7}, /* bytes behind the last whole frame */
    };
    struct hf_frame frames[] = {
        sk_data(9 + 1, "t", "beyond the window"),
        sk_data(UINT32_C(0x80000001), "t", "nowhere"),
        sk_ack(1, 0),
        sk_ack(0, 1),
        sk_hello(NULL),
        {.type = HF_FRAME_WELCOME},
        {.type = HF_FRAME_COMMAND},
        {.type = HF_FRAME_REFUSE},
        {.type = HF_FRAME_GAP},
    };

    (void)state;
    frames[8].as.gap = (struct hf_frame_gap){.from = 5, .to = 4};
    for (size_t i = 0; i < HF_COUNT_OF(raw); i++) {
        struct kit_link *link = sk_device("d1");

        kit_say(link, HF_WS_OP_BINARY, raw[i].bytes, raw[i].count);
        sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    }
    for (size_t i = 0; i < HF_COUNT_OF(frames); i++) {
        struct kit_link *link = sk_device("d1");

        sk_say(link, &frames[i]);
        sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
}

static void what_stands_before_the_break_counts(void **state)
{
    static struct sk_message message;
    struct kit_link *link = sk_device("d1");
    struct hf_frame data = sk_data(1, "t", "good"), bad = sk_ack(7, 7), late = sk_data(2, "t", "late");

    (void)state;
    message.bytes = 0;
    sk_add(&message, &data);
    sk_add(&message, &bad);
    sk_add(&message, &late);
    sk_say_all(link, &message);
    sk_expect_bye(link, HF_REASON_SESSION_BROKEN);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
}

static void the_wrong_kind_of_message(void **state)
{
    (void)state;
    struct kit_link *link = sk_device("d1");
    kit_text(link, "{\"type\":\"ping\",\"seq\":1,\"ts\":0}");
    sk_expect_bye(link, HF_REASON_UNSUPPORTED_DATA);
    link = sk_device_json("d2");
    kit_say(link, HF_WS_OP_BINARY, "\x0a", 1);
    kit_expect_text(link, "{\"type\":\"bye\",\"reason\":\"unsupported_data\"}");
    kit_expect_close(link, 1003, "reason=unsupported_data;retry_ms=0");
}

static void the_limit_is_the_payloads(void **state)
{
    static struct sk_message message;
    static char large[65537];
    struct kit_link *link = sk_device("d1");
    struct hf_frame data = sk_data(1, "t", NULL);

    (void)state;
    memset(large, 'x', sizeof(large));
    data.as.data.payload = (struct hf_slice){large, 65536};
    message.bytes = 0;
    sk_add(&message, &data);
    sk_say_all(link, &message);
    assert_int_equal(kit_last(&kit, HF_EVENT_MESSAGE)->payload.bytes, 65536);
    data.as.data.payload.bytes++;
    data.as.data.seq++;
    message.bytes = 0;
    sk_add(&message, &data);
    sk_say_all(link, &message);
    sk_expect_bye(link, HF_REASON_MESSAGE_TOO_BIG);
}

static void checksums(void **state)
{
    static struct sk_message message;
    struct kit_link *link = sk_device("d1");
    struct hf_frame data = sk_data(1, "t", "checked");

    (void)state;
    data.crc = true;
    sk_say(link, &data);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    sk_turn();
    sk_expect_ack(link, 1, 1);
    for (unsigned i = 1; i <= HF_STRIKES_MAX; i++) {
        struct hf_frame behind = sk_beat(HF_FRAME_PING, i, 0);

        data.as.data.seq = 2;
        message.bytes = 0;
        sk_add(&message, &data);
        message.at[message.bytes - 6] ^= 1;
        sk_add(&message, &behind); /* what stands behind it is a frame of its own */
        sk_say_all(link, &message);
        if (i == HF_STRIKES_MAX)
            break;
        const struct hf_frame *nack = sk_expect(link, HF_FRAME_ACK);
        assert_true(nack->as.ack.nack);
        assert_int_equal(nack->as.ack.received_through, 1);
        (void)sk_expect(link, HF_FRAME_PONG);
    }
    sk_expect_bye(link, HF_REASON_CORRUPT);
    assert_int_equal(kit.site.stats.session.crc_wrong, HF_STRIKES_MAX);
    link = sk_open("d1", HF_WS_SESSION); /* nobody is known by a HELLO that does not check */
    struct hf_frame hello = sk_hello("d1");
    hello.crc = true;
    message.bytes = 0;
    sk_add(&message, &hello);
    message.at[20] ^= 1;
    sk_say_all(link, &message);
    sk_expect_bye(link, HF_REASON_CORRUPT);
}

static void bye_ends_it(void **state)
{
    static const struct {
        uint16_t reason;
        enum hf_reason want;
        uint16_t code;
        const char *text;
    } rows[] = {
        {HF_REASON_NONE, HF_REASON_NORMAL, 1000, "reason=normal;retry_ms=0"},
        {HF_REASON_NORMAL, HF_REASON_NORMAL, 1000, "reason=normal;retry_ms=0"},
        {HF_REASON_GAP, HF_REASON_PEER_CLOSED, 4400, "reason=gap;retry_ms=0"},
        {HF_REASON_SILENCE, HF_REASON_PEER_CLOSED, 1000, "reason=silence;retry_ms=0"}, /* has no code */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = sk_device("d1");
        struct hf_frame bye = {.type = HF_FRAME_BYE};

        bye.as.bye.reason = rows[i].reason;
        sk_say(link, &bye);
        kit_expect_close(link, rows[i].code, rows[i].text);
        assert_int_equal(kit.closed_reason, rows[i].want);
        assert_int_equal(kit_last(&kit, HF_EVENT_OFFLINE)->reason, rows[i].want);
        kit_close(link, rows[i].code, "");
        assert_true(link->finished);
        assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_PEER_CLOSE);
        assert_int_equal(sk.states[sk.state_count - 1].after, HF_LINK_DISCONNECTING);
        kit_end(link, HF_LINK_END_EOF);
        assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_CLOSED);
        assert_int_equal(sk.states[sk.state_count - 1].after, HF_LINK_DISCONNECTED);
    }
    struct kit_link *link = sk_open("d1", HF_WS_SESSION); /* before HELLO, too */
    struct hf_frame bye = {.type = HF_FRAME_BYE};
    sk_say(link, &bye);
    kit_expect_close(link, 1000, "reason=normal;retry_ms=0");
    sk_run(5100); /* the peer's Close does not come */
    assert_true(link->aborted);
    link = sk_device("d1");
    sk_say(link, &bye);
    kit_expect_close(link, 1000, "reason=normal;retry_ms=0");
    sk_run(5100);
    assert_true(link->aborted);
    assert_int_equal(sk.states[sk.state_count - 1].event, HF_LINK_EV_CLOSED);
    assert_int_equal(sk.states[sk.state_count - 1].reason, HF_REASON_CLOSE_TIMEOUT);
    assert_int_equal(kit_last(&kit, HF_EVENT_OFFLINE)->reason, HF_REASON_NORMAL); /* why it was closed */
}

static void a_full_journal_ends_it(void **state)
{
    struct kit_link *link = sk_device("d1");

    (void)state;
    kit.journal_err = HF_ERR_LIMIT;
    sk_say_data(link, 1, "x");
    sk_expect_bye(link, HF_REASON_STORAGE_FULL);
    kit.journal_err = HF_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SK_ROW(an_access_rule_uses_up_the_number),
        SK_ROW(a_result_nobody_waits_for),
        SK_ROW(so_many_refused_ones_end_it),
        SK_ROW(what_is_not_as_it_says_is_refused),
        SK_ROW(a_refused_one_that_came_early),
        SK_ROW(subscriptions),
        SK_ROW(a_patch_is_told_that_there_are_no_documents),
        SK_ROW(what_breaks_the_session),
        SK_ROW(what_stands_before_the_break_counts),
        SK_ROW(the_wrong_kind_of_message),
        SK_ROW(the_limit_is_the_payloads),
        SK_ROW(checksums),
        SK_ROW(bye_ends_it),
        SK_ROW(a_full_journal_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
