/* A device that reads slowly: what it asked for is answered when its link has room, once and as it is then, and so is it told of its shadows. */
#include "adapter/ws/ws_session_documents_testkit.h"

static void fill(struct kit_link *link) /* the peer reads nothing */
{
    link->queued = kit.rules.queue_low_bytes + 1;
}

static void drain(struct kit_link *link)
{
    link->queued = 0;
    hf_hub_drained(&kit.hub, &sk_conn(link)->dev);
    sk_turn();
    sk_turn();
}

static void an_answer_says_what_is_when_there_is_room(void **state)
{
    struct kit_link *link = dk_open_shadow("d1", 0);

    (void)state;
    fill(link);
    dk_say(link, 1, HF_DOCUMENT_SHADOW, "{\"reported\":{\"a\":1}}", 0);
    dk_say(link, 2, HF_DOCUMENT_SHADOW, "{\"name\":\"led\",\"version\":7}", 0); /* not there */
    dk_say(link, 3, HF_DOCUMENT_SHADOW, "{\"reported\":{\"a\":2}}", 9);         /* a version that never was */
    dk_want("d1", "{\"desired\":{\"a\":3}}");
    dk_want("d1", "{\"desired\":{\"a\":4}}");
    sk_run(3000); /* no timer makes room */
    sk_skip_acks(link);
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.document_answers_put_off, 3);
    assert_int_equal(kit.hub.stats.shadows_untold, 1);
    drain(link);
    dk_expect_shadow(link, 0, HF_REASON_NONE, 3, "{\"version\":3,\"delta\":{\"a\":4}}");
    dk_expect_shadow(link, 1, HF_REASON_NONE, 3, "{\"version\":3,\"delta\":{\"a\":4}}");
    dk_expect_shadow(link, 2, HF_REASON_NOT_FOUND, 0, "");
    dk_expect_shadow(link, 3, HF_REASON_VERSION_CONFLICT, 3, "{\"version\":3,\"delta\":{\"a\":4}}");
    drain(link);
    kit_expect_nothing(link);
    assert_false(sk_conn(link)->dev.answers);
}

/* A change that was made is not refused because what it made is gone by now. */
static void a_shadow_that_went_meanwhile_is_told_as_gone(void **state)
{
    struct kit_link *link = dk_open_shadow("d1", 0);
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    (void)state;
    fill(link);
    dk_say(link, 1, HF_DOCUMENT_SHADOW, "{\"name\":\"led\",\"reported\":{\"on\":1}}", 0);
    dk_say(link, 2, HF_DOCUMENT_SHADOW, "{\"name\":\"led\",\"version\":7,\"reported\":{\"on\":2}}", 0);
    dk_say(link, 3, HF_DOCUMENT_SHADOW, "{\"name\":\"led\"}", 0);
    call->tenant = kit.tenant[0].name;
    call->device = HF_SLICE("d1");
    call->topic = HF_SLICE("led");
    call->key = HF_SLICE("key/k");
    call->document = (struct hf_call_document){.shadow = true, .change = true, .remove = true};
    call->on_done = hf_call_free;
    hf_hub_call(&kit.hub, &kit.tenant[0], call);
    sk_turn();
    sk_skip_acks(link);
    kit_expect_nothing(link);
    drain(link);
    dk_expect_shadow(link, 0, HF_REASON_NONE, 0, "{\"name\":\"led\",\"version\":0,\"delta\":{}}");
    dk_expect_shadow(link, 1, HF_REASON_NONE, 0, "{\"name\":\"led\",\"version\":0,\"delta\":{}}");
    dk_expect_shadow(link, 2, HF_REASON_VERSION_CONFLICT, 0, "{\"name\":\"led\",\"version\":0,\"delta\":{}}");
    dk_expect_shadow(link, 3, HF_REASON_NOT_FOUND, 0, "");
    kit_expect_nothing(link);
}

static void an_answer_about_a_context_begins_at_its_base(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    dk_say(link, 1, HF_DOCUMENT_CONTEXT,
           "{\"a\":1,\"b\":\"a text that is longer than the patch that changes the other\"}", 0);
    dk_expect(link, 1, HF_REASON_NONE, 0, 1,
              "{\"a\":1,\"b\":\"a text that is longer than the patch that changes the other\"}");
    fill(link);
    dk_say(link, 2, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 1);
    assert_int_equal(kit.site.stats.document_answers_put_off, 1);
    drain(link);
    dk_expect(link, 2, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]");
    assert_int_equal(kit_count(&kit, HF_EVENT_DOCUMENT), 2); /* it was not made again */
}

static void answers_that_wait_count_as_under_way(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    fill(link);
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++)
        dk_say(link, i, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    sk_skip_acks(link);
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.document_bytes_now, 7 * HF_WS_DOCUMENT_CALLS_MAX);
    dk_say(link, 99, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 0);
    dk_expect(link, 99, HF_REASON_BUSY, 0, 0, "");
    link->stuck = true; /* room for one at a time */
    for (unsigned i = 1; i <= HF_WS_DOCUMENT_CALLS_MAX; i++) {
        link->queued = 0;
        kit.rules.queue_low_bytes = 0;
        hf_hub_drained(&kit.hub, &sk_conn(link)->dev);
        sk_turn();
        dk_expect(link, i, HF_REASON_NONE, 0, 1, "{\"a\":1}");
        kit_expect_nothing(link);
    }
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
}

static void they_go_with_the_connection(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    fill(link);
    dk_say(link, 1, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    dk.hold = true;
    dk_say(link, 2, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 0);
    kit_end(link, HF_LINK_END_RESET);
    assert_int_equal(kit.site.stats.document_bytes_now, 7); /* the one in the mailbox */
    dk_release();
    assert_int_equal(kit.site.stats.document_bytes_now, 0);
}

/* Its home does not take the question when there is room. */
static void a_question_that_was_not_taken_is_put_again(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    fill(link);
    dk_say(link, 1, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);
    dk.refuse = true;
    drain(link);
    sk_skip_acks(link);
    kit_expect_nothing(link);
    dk.refuse = false;
    sk_run(HF_WS_DOCUMENT_RETRY_MS + 100);
    sk_turn();
    sk_skip_acks(link);
    dk_expect(link, 1, HF_REASON_NONE, 0, 1, "{\"a\":1}");
}

/* Only the unnamed shadow is read when it comes, so only its changes wait for that. */
static void a_named_shadow_is_told_from_the_beginning(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(dk_open_shadow("d1", 0), HF_LINK_END_EOF);
    sk_turn();
    dk.hold = true;
    link = dk_open_shadow("d1", 0);
    dk_want("d1", "{\"desired\":{\"a\":1}}");
    dk_want_named("d1", "led", "{\"desired\":{\"on\":1}}");
    dk_expect_shadow(link, 0, HF_REASON_NONE, 1, "{\"name\":\"led\",\"version\":1,\"delta\":{\"on\":1}}");
    kit_expect_nothing(link);
    dk_release();
    dk_expect_shadow(link, 0, HF_REASON_NONE, 1, "{\"version\":1,\"delta\":{\"a\":1}}");
    kit_expect_nothing(link);
}

static void a_raw_device_is_told_when_there_is_room(void **state)
{
    struct kit_link *link = sk_open("r1", HF_WS_RAW);

    (void)state;
    dk_want("r1", "{\"desired\":{\"a\":1}}");
    fill(link);
    kit_text(link, "{\"type\":\"subscribe\",\"topic\":\"$shadow/delta\"}");
    sk_turn();
    dk_want("r1", "{\"desired\":{\"a\":2}}");
    kit_text(
        link,
        "{\"type\":\"data\",\"topic\":\"$shadow/get\",\"payload\":{}}"); /* no id: it is answered by the delta */
    kit_expect_nothing(link);
    drain(link);
    kit_expect_part(link, "\"payload\":{\"version\":2,\"delta\":{\"a\":2}}");
    kit_expect_nothing(link);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, dk_begin, dk_done)
    const struct CMUnitTest tests[] = {
        T(an_answer_says_what_is_when_there_is_room),
        T(a_shadow_that_went_meanwhile_is_told_as_gone),
        T(an_answer_about_a_context_begins_at_its_base),
        T(answers_that_wait_count_as_under_way),
        T(they_go_with_the_connection),
        T(a_question_that_was_not_taken_is_put_again),
        T(a_named_shadow_is_told_from_the_beginning),
        T(a_raw_device_is_told_when_there_is_room),
    };

    return cmocka_run_group_tests_name("ws_session_room", tests, NULL, NULL);
}
