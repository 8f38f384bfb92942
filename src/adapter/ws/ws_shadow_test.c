/* Shadows of devices: what they say of them in both protocols, what they are told, and the bounds of it. */
#include "adapter/ws/shadow.h"
#include "adapter/ws/ws_session_documents_testkit.h"

static void what_a_device_says_is_read(void **state)
{
    static const struct {
        const char *in;
        uint8_t kind;
        bool taken;
        const char *json, *name;
        uint64_t version;
        uint8_t want_kind;
        bool question;
    } rows[] = {
        {"{\"reported\":{}}", HF_PATCH_MERGE, true, "{\"reported\":{}}", "", 0, HF_PATCH_MERGE, false},
        {"{\"name\":\"l\",\"version\":7,\"desired\":{}}", HF_PATCH_MERGE, true,
         "{\"name\":\"l\",\"version\":7,\"desired\":{}}", "l", 7, HF_PATCH_MERGE, false},
        {"{\"version\":7,\"patch\":[1]}", HF_PATCH_MERGE, true, "[1]", "", 7, HF_PATCH_JSON, false},
        {"[1]", HF_PATCH_JSON, true, "[1]", "", 0, HF_PATCH_JSON, false},
        {"[1]", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{}", HF_PATCH_MERGE, true, "{}", "", 0, HF_PATCH_MERGE, true},
        {"{\"name\":\"l\"}", HF_PATCH_JSON, true, "{\"name\":\"l\"}", "l", 0, HF_PATCH_MERGE, true},
        {"{\"tags\":{}}", HF_PATCH_MERGE, true, "{\"tags\":{}}", "", 0, HF_PATCH_MERGE, false},
        {"{\"name\":7,\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"name\":\"\",\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"name\":\"a/b\",\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"name\":\"a\\u0062\",\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"name\":\"a\",\"name\":\"b\"}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"version\":\"7\",\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"patch\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{\"patch\":[],\"reported\":{}}", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"7", HF_PATCH_MERGE, false, "", "", 0, 0, false},
        {"{", HF_PATCH_MERGE, false, "", "", 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ws_shadow_ask ask = {.json = hf_slice_of(rows[i].in), .kind = rows[i].kind};

        if (hf_ws_shadow_parse(&ask) != rows[i].taken)
            fail_msg("%s", rows[i].in);
        if (!rows[i].taken)
            continue;
        assert_true(hf_slice_is(ask.json, rows[i].json));
        assert_true(hf_slice_is(ask.name, rows[i].name));
        assert_int_equal(ask.version, rows[i].version);
        assert_int_equal(ask.kind, rows[i].want_kind);
        assert_int_equal(ask.question, rows[i].question);
    }
}

/* ---- raw ---- */

static void a_raw_device_has_topics_of_its_own(void **state)
{
    struct kit_link *link = sk_open("r1", HF_WS_RAW);

    (void)state;
    kit_text(
        link,
        "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"id\":1,\"payload\":{\"reported\":{\"a\":1}}}");
    kit_expect_nothing(link); /* not durable yet */
    sk_turn();
    kit_expect_text(link, "{\"type\":\"ack\",\"id\":1,\"version\":1}");
    assert_int_equal(kit_count(&kit, HF_EVENT_MESSAGE), 0);
    dk_want("r1", "{\"desired\":{\"a\":2}}");
    kit_expect_nothing(link); /* it has not subscribed */
    kit_text(link, "{\"type\":\"subscribe\",\"topic\":\"$shadow/delta\"}");
    kit_expect_text(
        link,
        "{\"type\":\"message\",\"topic\":\"$shadow/delta\",\"payload\":{\"version\":2,\"delta\":{\"a\":2}}}");
    kit_text(link, "{\"type\":\"subscribe\",\"topic\":\"$shadow/delta\"}");
    kit_expect_nothing(link);
    dk_want("r1", "{\"desired\":{\"b\":1}}");
    kit_expect_part(link, "\"version\":3,\"delta\":{\"a\":2,\"b\":1}");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/"
                   "update\",\"id\":\"x\\\"\\u00e9\",\"payload\":{\"version\":2,\"reported\":{\"a\":2}}}");
    kit_expect_part(link, "\"id\":\"x\\\"\\u00e9\"}"); /* as it spelled it; reason version_conflict */
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/"
                   "update\",\"payload\":{\"version\":3,\"reported\":{\"a\":2}}}");
    sk_turn();
    kit_expect_nothing(link); /* without an id */
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"payload\":{\"version\":3}}");
    kit_expect_part(link, "\"payload\":{\"version\":4,\"delta\":{\"b\":1}}");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"id\":2,\"payload\":{\"version\":4}}");
    kit_expect_text(link, "{\"type\":\"ack\",\"id\":2,\"version\":4}");
    kit_text(link, "{\"type\":\"unsubscribe\",\"topic\":\"$shadow/delta\"}");
    dk_want("r1", "{\"desired\":{\"b\":2}}");
    kit_expect_nothing(link);
}

/* An ack would name a version that the device does not know. */
static void a_question_without_room_for_its_answer_is_refused(void **state)
{
    struct kit_link *link = sk_open("r1", HF_WS_RAW);

    (void)state;
    dk_want("r1", "{\"desired\":{\"a\":2}}");
    kit.rules.queue_low_bytes = 0;
    kit.rules.queue_high_bytes = 1;
    link->stuck = true;
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"id\":1,\"payload\":{}}");
    kit_expect_text(
        link,
        "{\"type\":\"message\",\"topic\":\"$shadow/delta\",\"payload\":{\"version\":1,\"delta\":{\"a\":2}}}");
    kit_expect_text(link, "{\"type\":\"ack\",\"id\":1,\"version\":1}");
    kit_text(link, "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"id\":2,\"payload\":{}}");
    kit_expect_part(link, "\"reason\":\"busy\"");
    kit_expect_nothing(link);
}

static void what_is_wrong_is_said_and_closes_nothing(void **state)
{
    static const char *const rows[] = {
        "{\"type\":\"data\",\"topic\":\"$shadow/delta\",\"payload\":{\"reported\":{}}}",
        "{\"type\":\"data\",\"topic\":\"$shadow/update\"}",
        "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"payload\":{}}",
        "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"payload\":\"x\"}",
        "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"id\":[],\"payload\":{\"reported\":{}}}",
        "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"payload\":{\"reported\":{}}}",
        "{\"type\":\"subscribe\",\"topic\":\"$shadow/update\"}",
    };
    struct kit_link *link = sk_open("r1", HF_WS_RAW);

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_text(link, rows[i]);
        kit_expect_part(link, "{\"type\":\"error\",\"reason\":\"bad_request\"");
    }
    kit_text(link,
             "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"id\":1,\"payload\":{\"tags\":{\"a\":1}}}");
    kit_expect_part(link, "\"reason\":\"forbidden\"");
    assert_int_equal(kit_count(&kit, HF_EVENT_SHADOW), 0);
}

static void calls_of_a_connection_are_bounded_and_outlive_it(void **state)
{
    struct kit_link *link = sk_open("r1", HF_WS_RAW);

    (void)state;
    dk.hold = true;
    for (unsigned i = 0; i < HF_WS_DOCUMENT_CALLS_MAX; i++)
        kit_text(
            link,
            "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"id\":1,\"payload\":{\"reported\":{\"a\":1}}}");
    kit_expect_nothing(link);
    kit_text(
        link,
        "{\"type\":\"data\",\"topic\":\"$shadow/update\",\"id\":1,\"payload\":{\"reported\":{\"a\":1}}}");
    kit_expect_part(link, "\"reason\":\"busy\"");
    assert_int_equal(kit.site.stats.document_calls_refused, 1);
    kit_end(link, HF_LINK_END_RESET);
    dk_release(); /* the answers have nobody any more; the memory goes with the last of them */
    assert_int_equal(kit_count(&kit, HF_EVENT_SHADOW), 1);
}

/* ---- holdfast.v1 ---- */

static void a_session_is_told_what_it_lacks(void **state)
{
    struct kit_link *link = dk_open_shadow("d1", 0);

    (void)state;
    kit_expect_nothing(link);
    dk_say(link, 1, HF_DOCUMENT_SHADOW, "{\"reported\":{\"a\":1}}", 0);
    dk_expect_shadow(link, 1, HF_REASON_NONE, 1, "{\"version\":1,\"delta\":{}}");
    dk_want("d1", "{\"desired\":{\"a\":2}}");
    dk_expect_shadow(link, 0, HF_REASON_NONE, 2, "{\"version\":2,\"delta\":{\"a\":2}}");
    dk_say(link, 2, HF_DOCUMENT_SHADOW, "", 2);
    dk_expect_shadow(link, 2, HF_REASON_NONE, 2, "");
    dk_say(link, 3, HF_DOCUMENT_SHADOW, "{\"reported\":{\"a\":2}}", 1);
    dk_expect_shadow(link, 3, HF_REASON_VERSION_CONFLICT, 2, "{\"version\":2,\"delta\":{\"a\":2}}");
    dk_say(link, 4, HF_DOCUMENT_SHADOW, "{\"name\":\"l/d\",\"reported\":{}}", 0);
    dk_expect_shadow(link, 4, HF_REASON_BAD_REQUEST, 0, "");
    dk_say(link, 5, HF_DOCUMENT_CONTEXT, "{}", 0); /* not offered */
    assert_int_equal(sk_expect(link, HF_FRAME_DELTA)->as.delta.reason, HF_REASON_NOT_IMPLEMENTED);
    kit_end(link, HF_LINK_END_RESET);
    sk_turn();
    dk_want("d1", "{\"desired\":{\"a\":3}}");
    link = dk_open_shadow("d1", 2);
    dk_expect_shadow(link, 0, HF_REASON_NONE, 3, "{\"version\":3,\"delta\":{\"a\":3}}");
    kit_end(link, HF_LINK_END_RESET);
    sk_turn();
    link = dk_open_shadow("d1", 3);
    kit_expect_nothing(link);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, dk_begin, dk_done)
    const struct CMUnitTest tests[] = {
        T(what_a_device_says_is_read),
        T(a_raw_device_has_topics_of_its_own),
        T(a_question_without_room_for_its_answer_is_refused),
        T(what_is_wrong_is_said_and_closes_nothing),
        T(calls_of_a_connection_are_bounded_and_outlive_it),
        T(a_session_is_told_what_it_lacks),
    };

    return cmocka_run_group_tests_name("ws_shadow", tests, NULL, NULL);
}
