/* What a device may say in raw mode (WS-9): routing by type, acknowledgements, results, topics. */
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

static void expect_message(unsigned nth, const char *topic, const char *payload, unsigned format)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < kit.event_count; i++) {
        const struct hf_event *event = &kit.events[i].event;

        if (event->type != HF_EVENT_MESSAGE || seen++ != nth)
            continue;
        assert_int_equal(event->topic.bytes, strlen(topic));
        assert_memory_equal(event->topic.at, topic, strlen(topic));
        assert_int_equal(event->payload.bytes, strlen(payload));
        assert_memory_equal(event->payload.at, payload, strlen(payload));
        assert_int_equal(event->format, format);
        return;
    }
    fail_msg("there is no message %u", nth);
}

static void messages_find_their_topic(void **state)
{
    static const struct {
        unsigned opcode;
        const char *in, *topic, *payload;
        unsigned format;
    } rows[] = {
        {HF_WS_OP_TEXT, "{\"type\":\"data\",\"topic\":\"t/1\",\"payload\":{\"a\":1}}", "t/1", "{\"a\":1}",
         HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, "{\"type\":\"data\"}", "default", "{\"type\":\"data\"}", HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, " {\"type\":\"d\\u0061ta\",\"payload\":null}", "default", "null", HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, "{\"type\":\"location_update\",\"lat\":1}", "location",
         "{\"type\":\"location_update\",\"lat\":1}", HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, "{\"type\":\"other\",\"topic\":\"t/2\"}", "t/2",
         "{\"type\":\"other\",\"topic\":\"t/2\"}", HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, "{\"type\":\"other\",\"topic\":\"a/#\"}", "default",
         "{\"type\":\"other\",\"topic\":\"a/#\"}",
         HF_FORMAT_JSON}, /* not a topic, but never an error (WS-9) */
        {HF_WS_OP_TEXT, "{\"temp\":21}", "default", "{\"temp\":21}", HF_FORMAT_JSON},
        {HF_WS_OP_TEXT, "[1,2]", "default", "[1,2]", HF_FORMAT_OPAQUE},
        {HF_WS_OP_TEXT, "not json", "default", "not json", HF_FORMAT_OPAQUE},
        {HF_WS_OP_TEXT, "{\"type\":\"data\",\"type\":\"auth\"}", "default",
         "{\"type\":\"data\",\"type\":\"auth\"}",
         HF_FORMAT_OPAQUE}, /* readers disagree on duplicates: nobody obeys it */
        {HF_WS_OP_TEXT, "", "default", "", HF_FORMAT_OPAQUE},
        {HF_WS_OP_BINARY, "{\"type\":\"ping\"}", "default", "{\"type\":\"ping\"}", HF_FORMAT_OPAQUE},
    };
    union {
        struct hf_topic_map map;
        char room[sizeof(struct hf_topic_map) + 2 * sizeof(struct hf_slice)];
    } topics;

    (void)state;
    topics.map.count = 1;
    topics.map.rows[0].type = HF_SLICE("location_update");
    topics.map.rows[0].topic = HF_SLICE("location");
    kit.rules.topics = &topics.map;
    struct kit_link *link = kit_open(&kit, "d1");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_say(link, rows[i].opcode, rows[i].in, strlen(rows[i].in));
        expect_message((unsigned)i, rows[i].topic, rows[i].payload, rows[i].format);
        kit_expect_nothing(link);
    }
    assert_int_equal(kit.site.stats.unknown_type, 2);
    assert_int_equal(kit.site.stats.not_json, 4);
    kit_durable(&kit);
    assert_int_equal(kit.hub.ledger.counts.uplink.accepted, HF_COUNT_OF(rows));
}

static void acknowledged_when_durable_and_in_order(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit_text(link, "{\"type\":\"data\",\"id\":\"a\\u0062\",\"payload\":1}");
    kit_text(link, "{\"type\":\"data\",\"payload\":2}"); /* asks for none */
    kit_text(link, "{\"type\":\"data\",\"id\":12.50,\"payload\":3}");
    kit_expect_nothing(link); /* never before */
    kit_durable(&kit);
    kit_expect_text(link,
                    "{\"type\":\"ack\",\"id\":\"a\\u0062\",\"offset\":2}"); /* as the device spelled it */
    kit_expect_text(link, "{\"type\":\"ack\",\"id\":12.50,\"offset\":4}");
    kit_expect_nothing(link);
    const struct hf_event *event = kit_last(&kit, HF_EVENT_MESSAGE);
    assert_memory_equal(event->key.at, "12.50", 5);
    assert_memory_equal(kit.events[1].event.key.at, "ab", 2);
}

static void ids_have_a_bound_and_a_type(void **state)
{
    static const struct {
        const char *id;
        bool taken;
    } rows[] = {
        {"\"12345678901234567890123456789012345678901234567890123456789012\"",
         true}, /* 62 and its quotes: 64 */
        {"\"123456789012345678901234567890123456789012345678901234567890123\"", false}, /* one more */
        {"1234567890123456789012345678901234567890123456789012345678901234", true},
        {"12345678901234567890123456789012345678901234567890123456789012345", false},
        {"\"\"", true},
        {"true", false},
        {"null", false},
        {"[1]", false},
        {"{}", false},
    };
    char text[256];

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned before = kit_count(&kit, HF_EVENT_MESSAGE);

        snprintf(text, sizeof(text), "{\"type\":\"data\",\"id\":%s}", rows[i].id);
        kit_text(link, text);
        kit_durable(&kit);
        assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE) - before, rows[i].taken);
        if (rows[i].taken)
            kit_expect_part(link, rows[i].id);
        else
            kit_expect_part(link, "\"reason\":\"bad_request\"");
    }
    assert_int_equal(kit.site.stats.acks_out, 3);
}

static void bad_topics_are_named(void **state)
{
    static const char *const rows[] = {"\"\"", "\"a/+\"", "\"#\"", "1", "null"};
    char text[1024], id[32];

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        snprintf(text, sizeof(text), "{\"type\":\"data\",\"id\":\"m%zu\",\"topic\":%s}", i, rows[i]);
        snprintf(id, sizeof(id), "\"id\":\"m%zu\"", i);
        kit_text(link, text);
        kit_expect_part(link, id);
    }
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"type\":\"data\",\"topic\":\"", 24);
    snprintf(text + 24 + 257, 16, "\"}"); /* 257 bytes of topic */
    kit_text(link, text);
    kit_expect_part(link, "bad_request");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    assert_int_equal(kit.site.stats.bad_requests, HF_COUNT_OF(rows) + 1);
}

static void ping_comes_back_with_the_senders_fields(void **state)
{
    char text[1024];

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    kit_text(link, "{\"t\": 5,\"type\": \"ping\" ,\"x\":[1]}");
    kit_expect_text(link, "{\"t\": 5,\"type\": \"pong\" ,\"x\":[1]}");
    kit_text(link, "{\"type\":\"p\\u0069ng\"}");
    kit_expect_text(link, "{\"type\":\"pong\"}");
    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"type\":\"ping\"", 14);
    for (size_t bytes = 511; bytes <= 512; bytes++) { /* the answer has 511 bytes at most */
        text[bytes - 1] = '}';
        kit_say(link, HF_WS_OP_TEXT, text, bytes);
        kit_expect_part(link, bytes == 511 ? "pong" : "message_too_big");
        text[bytes - 1] = ' ';
    }
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0); /* never in the log, never broadcast */
}

static void publications_reach_subscribers(void **state)
{
    (void)state;
    struct kit_link *one = kit_open(&kit, "d1"), *two = kit_open(&kit, "d2");

    kit_text(two, "{\"type\":\"subscribe\",\"topic\":\"t/1\"}");
    kit_text(two, "{\"type\":\"subscribe\",\"topic\":\"t/1\"}"); /* twice is once */
    kit_text(one, "{\"type\":\"data\",\"topic\":\"t/1\",\"payload\":{\"a\":1}}");
    kit_expect_nothing(two); /* not durable yet */
    kit_durable(&kit);
    kit_expect_text(two, "{\"type\":\"message\",\"topic\":\"t/1\",\"payload\":{\"a\":1}}");
    kit_text(two, "{\"type\":\"unsubscribe\",\"topic\":\"t/1\"}");
    kit_text(one, "{\"type\":\"data\",\"topic\":\"t/1\",\"payload\":2}");
    kit_durable(&kit);
    kit_expect_nothing(two);
    kit_expect_nothing(one);
    kit_text(two, "{\"type\":\"subscribe\"}");
    kit_expect_part(two, "bad_request");
    for (unsigned i = 0; i < 5; i++) { /* rules.subscriptions_max is 4 */
        char text[64];

        snprintf(text, sizeof(text), "{\"type\":\"subscribe\",\"topic\":\"n/%u\"}", i);
        kit_text(two, text);
    }
    kit_expect_part(two, "tenant_limit");
    kit_expect_nothing(two);
}

static void access_rules_are_told_not_silent(void **state)
{
    struct hf_access_rule rules[] = {{HF_SLICE("*"), HF_SLICE("ok/#"), HF_ACCESS_BOTH, true}};
    struct hf_access_rules *access = NULL;
    unsigned bad;

    (void)state;
    assert_int_equal(hf_access_new(rules, 1, &bad, &access), HF_OK);
    kit.rules.access = access;
    struct kit_link *link = kit_open(&kit, "d1");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"ok/1\",\"id\":1}");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"no/1\",\"id\":\"m2\"}");
    kit_expect_text(
        link, "{\"type\":\"error\",\"reason\":\"forbidden\",\"detail\":\"an access rule does not allow this "
              "topic\",\"id\":\"m2\"}");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"no/1\",\"id\":3}");
    kit_expect_part(link, "\"id\":3}");
    kit_text(link, "{\"type\":\"subscribe\",\"topic\":\"no/1\"}");
    kit_expect_part(link, "forbidden");
    kit_text(link, "opaque"); /* the default topic is forbidden, too */
    kit_expect_part(link, "forbidden");
    kit_say(link, HF_WS_OP_BINARY, "\x01", 1);
    kit_expect_part(link, "forbidden");
    assert_int_equal(kit.site.stats.denied, 4);
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 1);
    kit_durable(&kit);
    kit_expect_part(link, "\"ack\"");
    kit.rules.access = NULL;
    hf_access_free(access);
}

static void full_journal_closes_and_says_why(void **state)
{
    static const char *const rows[] = {"{\"type\":\"data\",\"id\":1}", "opaque"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit_link *link = kit_open(&kit, "d1");
        struct hf_slab_stats stats;

        kit.journal_err = HF_ERR_LIMIT;
        kit_text(link, rows[i]);
        kit_expect_close(link, 1013, "reason=storage_full;retry_ms=5000");
        kit.journal_err = HF_OK;
        hf_slab_stats(kit.site.acks, &stats);
        assert_int_equal(stats.used, 0);
        kit_end(link, HF_LINK_END_EOF);
    }
}

static void acks_that_cannot_be_told_end_the_connection(void **state)
{
    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");

    kit_text(link, "{\"type\":\"data\",\"id\":1}");
    link->fail = HF_ERR_LIMIT; /* the carrier's hard bound */
    kit_durable(&kit);
    assert_int_equal(kit.closed_reason, HF_REASON_SLOW_READER);
    assert_int_equal(kit.site.stats.acks_out, 0);
}

static void on_call_done(struct hf_call *call)
{
    (void)call;
}

static void send_command(struct hf_call **ret_call, const char *payload, uint8_t id_end)
{
    struct hf_call *call = hf_call_new(HF_CALL_SEND, 0);

    assert_non_null(call);
    call->tenant = HF_SLICE("acme");
    call->device = HF_SLICE("d1");
    call->class = HF_CLASS_COMMAND;
    call->topic = HF_SLICE("reboot");
    call->payload = hf_slice_of(payload);
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    memset(call->id, 0x11, sizeof(call->id));
    call->id[6] = 0x71;
    call->id[8] = 0x91;
    call->id[15] = id_end;
    call->on_done = on_call_done;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    *ret_call = call;
}

static void command_and_its_result(void **state)
{
    struct hf_call *call;

    (void)state;
    struct kit_link *link = kit_open(&kit, "d1");
    send_command(&call, "{\"in\":5}", 1);
    kit_durable(&kit);
    hf_hub_settle(&kit.hub);
    kit_expect_part(
        link, "{\"type\":\"command\",\"id\":\"11111111-1111-7111-9111-111111111101\",\"name\":\"reboot\",");
    kit_text(link, "{\"type\":\"result\",\"id\":\"11111111-1111-7111-9111-1111111111ff\"}");
    kit_expect_part(link, "not_found");
    kit_text(link, "{\"type\":\"result\",\"id\":\"nonsense\"}");
    kit_expect_part(link, "bad_request");
    kit_text(link, "{\"type\":\"result\"}");
    kit_expect_part(link, "bad_request");
    kit_text(
        link,
        "{\"type\":\"result\",\"id\":\"11111111-1111-7111-9111-111111111101\",\"payload\":{\"done\":true}}");
    assert_int_equal(kit_count(&kit, HF_EVENT_COMMAND_DONE), 1);
    kit_text(link, "{\"type\":\"result\",\"id\":\"11111111-1111-7111-9111-111111111101\"}"); /* only once */
    kit_expect_part(link, "not_found");
    kit_durable(&kit);
    hf_call_free(call);
    send_command(&call, "1", 2);
    kit_durable(&kit);
    hf_hub_settle(&kit.hub);
    kit_expect_part(link, "\"command\"");
    kit_text(link,
             "{\"type\":\"result\",\"id\":\"11111111-1111-7111-9111-111111111102\",\"status\":\"error\"}");
    assert_int_equal(kit_last(&kit, HF_EVENT_COMMAND_FAILED)->reason, HF_REASON_DEVICE_REFUSED);
    assert_int_equal(kit.site.stats.results, 6);
    kit_durable(&kit);
    hf_call_free(call);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(messages_find_their_topic),
        ROW(acknowledged_when_durable_and_in_order),
        ROW(ids_have_a_bound_and_a_type),
        ROW(bad_topics_are_named),
        ROW(ping_comes_back_with_the_senders_fields),
        ROW(publications_reach_subscribers),
        ROW(access_rules_are_told_not_silent),
        ROW(full_journal_closes_and_says_why),
        ROW(acks_that_cannot_be_told_end_the_connection),
        ROW(command_and_its_result),
    };
    return cmocka_run_group_tests_name("ws_raw", tests, NULL, NULL);
}
