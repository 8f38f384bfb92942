/* Documents over holdfast.v1: patches that are refused, and what a device may cost. */
#include "adapter/ws/ws_session_documents_testkit.h"

/* ---- what is refused ---- */

static struct hf_slice too_large(void)
{
    static char text[HF_DOCUMENT_BYTES_MAX + 1];

    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[sizeof(text) - 1] = '}';
    return (struct hf_slice){text, sizeof(text)};
}

static struct hf_slice too_deep(void)
{
    static char text[64];
    size_t bytes = 0;

    for (unsigned i = 0; i <= HF_DOCUMENT_DEPTH_MAX; i++, bytes += 5)
        memcpy(text + bytes, "{\"a\":", 5);
    text[bytes++] = '1';
    memset(text + bytes, '}', HF_DOCUMENT_DEPTH_MAX + 1);
    return (struct hf_slice){text, bytes + HF_DOCUMENT_DEPTH_MAX + 1};
}

static void wrong_patches_are_refused_one_by_one(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);
    const struct {
        struct hf_frame_patch patch;
        enum hf_reason reason;
    } rows[] = {
        {{.request = 1, .document = 0, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 2, .document = 5, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 3, .document = 1, .kind = 3, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 4, .document = 1, .merge = 4, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 5, .document = 2, .json = HF_SLICE("{}")}, HF_REASON_NOT_FOUND}, /* it has no group */
        {{.request = 6, .document = 1, .json = too_large()}, HF_REASON_MESSAGE_TOO_BIG},
        {{.request = 7, .document = 1, .json = too_deep()}, HF_REASON_MESSAGE_TOO_BIG},
        {{.request = 8, .document = 1, .json = HF_SLICE("{\"a\":")}, HF_REASON_BAD_REQUEST},
        {{.request = 9, .document = 1, .json = HF_SLICE("[1]")}, HF_REASON_BAD_REQUEST},
        {{.request = 10, .document = 1, .kind = 2, .json = HF_SLICE("{}")}, HF_REASON_BAD_REQUEST},
        {{.request = 11, .document = 1, .json = HF_SLICE("{}"), .base_version = 9},
         HF_REASON_VERSION_CONFLICT},
        {{.request = 12, .document = 1}, HF_REASON_NOT_FOUND}, /* asks, and there is none */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_frame frame = {.type = HF_FRAME_PATCH};

        frame.as.patch = rows[i].patch;
        sk_say(link, &frame);
        sk_turn();
        const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;
        if (delta->request != i + 1 || delta->reason != rows[i].reason ||
            delta->document != rows[i].patch.document)
            fail_msg("row %zu: request %u, %s", i, delta->request, hf_reason_name(delta->reason));
        assert_int_equal(delta->json.bytes, 0);
    }
    dk_say(link, 0, HF_DOCUMENT_CONTEXT, "{}", 0);
    assert_int_equal(sk_expect(link, HF_FRAME_REFUSE)->as.refuse.reason, HF_REASON_BAD_REQUEST);
    assert_int_equal(kit_count(&kit, HF_EVENT_DOCUMENT), 0);
    struct kit_link *old = sk_device("d2");
    dk_say(old, 1, HF_DOCUMENT_CONTEXT, "{}", 0);
    dk_expect(old, 1, HF_REASON_NOT_IMPLEMENTED, 0, 0, "");
}

static void access_rules_hold_for_the_group(void **state)
{
    static const struct hf_access_rule rules[] = {
        {.device = HF_SLICE("writer"),
         .topic = HF_SLICE("group/+"),
         .direction = HF_ACCESS_BOTH,
         .allow = true},
        {.device = HF_SLICE("reader"),
         .topic = HF_SLICE("group/+"),
         .direction = HF_ACCESS_DOWN,
         .allow = true},
    };
    struct hf_access_rules *access;
    unsigned bad;

    (void)state;
    assert_int_equal(hf_access_new(rules, 2, &bad, &access), HF_OK);
    kit.rules.access = access;
    struct kit_link *writer = dk_open("writer", "home", 0, 0), *reader = dk_open("reader", "home", 0, 0);
    struct kit_link *stranger = dk_open("stranger", "home", 0, 0);
    dk_say(writer, 1, HF_DOCUMENT_GROUP, "{\"a\":1}", 0);
    dk_expect(writer, 1, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    dk_expect(reader, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_expect_nothing(stranger);
    dk_say(reader, 1, HF_DOCUMENT_GROUP, "{\"a\":2}", 0);
    dk_expect(reader, 1, HF_REASON_FORBIDDEN, 0, 0, "");
    dk_say(reader, 2, HF_DOCUMENT_GROUP, "", 1);
    dk_expect(reader, 2, HF_REASON_NONE, 1, 1, "");
    dk_say(stranger, 1, HF_DOCUMENT_GROUP, "", 0);
    dk_expect(stranger, 1, HF_REASON_FORBIDDEN, 0, 0, "");
    dk_say(stranger, 2, HF_DOCUMENT_CONTEXT, "{\"own\":1}", 0);
    dk_expect(stranger, 2, HF_REASON_NONE, 0, 1, "{\"own\":1}");
    kit_end(stranger, HF_LINK_END_EOF);
    stranger = dk_open("stranger", "home", 1, 0); /* nor does it get it after WELCOME */
    kit_expect_nothing(stranger);
    kit.rules.access = NULL;
    hf_access_free(access);
}

/* ---- what a device may cost ---- */

static void calls_on_their_way_are_bounded(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    dk.hold = true;
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++)
        dk_say(link, i, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.document_bytes_now, 7 * HF_WS_DOCUMENT_CALLS_MAX);
    dk_say(link, 99, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    dk_expect(link, 99, HF_REASON_BUSY, 0, 0, "");
    assert_int_equal(kit.site.stats.document_calls_refused, 1);
    dk_release();
    sk_turn();
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++)
        assert_int_equal(sk_expect(link, HF_FRAME_DELTA)->as.delta.request, i);
    dk_say(link, 100, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 0);
    dk_expect(link, 100, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    kit.site.stats.document_bytes_now = HF_WS_DOCUMENT_BYTES_TOTAL_MAX - 6; /* of others */
    dk_say(link, 101, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 0);
    dk_expect(link, 101, HF_REASON_BUSY, 0, 0, "");
    kit.site.stats.document_bytes_now = 0;
    dk.refuse = true; /* the home's mailbox is full */
    dk_say(link, 102, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 0);
    dk_expect(link, 102, HF_REASON_BUSY, 0, 0, "");
    assert_int_equal(kit.site.stats.document_calls_refused, 3);
}

static void changes_count_against_the_rate(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    kit.rules.uplink = (struct hf_rate_limit){1, 2};
    for (unsigned i = 1; i <= 4; i++)
        dk_say(link, i, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    dk_expect(link, 1, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    dk_expect(link, 2, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_expect_nothing(link);
    assert_true(link->paused);
    for (unsigned i = 3; i <= 4; i++) {
        sk_run(1100);
        sk_turn();
        sk_skip_acks(link);
        dk_expect(link, i, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    }
    kit.gate_closed = true; /* the log cannot keep up */
    sk_run(5000);
    dk_say(link, 5, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    sk_skip_acks(link);
    kit_expect_nothing(link);
    kit.gate_closed = false;
    hf_ws_site_release(&kit.site);
    sk_turn();
    dk_expect(link, 5, HF_REASON_NONE, 0, 1, "{\"a\":1}");
}

static void answers_may_find_nobody(void **state)
{
    struct kit_link *link = dk_open("d1", "home", 0, 0), *again;

    (void)state;
    dk.hold = true;
    dk_say(link, 1, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    dk_say(link, 2, HF_DOCUMENT_GROUP, "{\"g\":1}", 0);
    again = dk_open("d1", "home", 0, 0); /* takes over; its reads are held as well */
    assert_int_equal(kit.site.stats.document_bytes_now, 14);
    kit_end(again, HF_LINK_END_RESET);
    dk_release();
    sk_turn();
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
    assert_int_equal(kit_count(&kit, HF_EVENT_DOCUMENT), 2); /* they were made all the same */
    again = dk_open("d1", "home", 0, 0);
    dk_expect(again, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    dk_expect(again, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, dk_begin, dk_done)
    const struct CMUnitTest tests[] = {
        T(wrong_patches_are_refused_one_by_one),
        T(access_rules_hold_for_the_group),
        T(calls_on_their_way_are_bounded),
        T(changes_count_against_the_rate),
        T(answers_may_find_nobody),
    };

    return cmocka_run_group_tests_name("ws_session_documents_limit", tests, NULL, NULL);
}
