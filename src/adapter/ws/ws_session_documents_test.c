/* Documents over holdfast.v1: PATCH and DELTA, and what is told after WELCOME. */
#include "adapter/ws/ws_session_documents_testkit.h"

#define LONG "\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""

/* ---- changes ---- */

static void a_change_is_durable_before_it_is_answered(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);
    struct hf_frame patch = dk_patch(5, HF_DOCUMENT_CONTEXT, "{\"a\":1}", 0);

    (void)state;
    kit_expect_nothing(link); /* there is none yet */
    patch.as.patch.merge = HF_MERGE_VERSION;
    patch.as.patch.ttl_ms = 60000;
    sk_say(link, &patch);
    hf_hub_settle(&kit.hub);
    kit_expect_nothing(link);
    sk_turn();
    uint8_t snapshot[16];
    const struct hf_frame_delta *delta = &sk_expect(link, HF_FRAME_DELTA)->as.delta;
    assert_int_equal(delta->request, 5);
    assert_int_equal(delta->document, HF_DOCUMENT_CONTEXT);
    assert_int_equal(delta->reason, HF_REASON_NONE);
    assert_int_equal(delta->version, 1);
    assert_int_equal(delta->kind, HF_PATCH_FULL);
    assert_true(hf_slice_is(delta->json, "{\"a\":1}"));
    memcpy(snapshot, delta->snapshot_id, 16);
    assert_int_equal(snapshot[6] >> 4, 7); /* a UUIDv7 */
    const struct hf_event *event = kit_last(&kit, HF_EVENT_DOCUMENT);
    assert_memory_equal(event->id, snapshot, 16);
    assert_true(hf_slice_is(event->device, "d1"));
    assert_true(hf_slice_is(event->key, "d1"));
    struct hf_document stored;
    assert_int_equal(hf_document_decode(event->payload, &stored), HF_OK);
    assert_int_equal(stored.merge, HF_MERGE_VERSION);
    assert_int_equal(stored.ttl_ms, 60000);
    hf_document_deinit(&stored);
    dk_say(link, 6, HF_DOCUMENT_CONTEXT, "{\"a\":2}", 1);
    dk_expect(link, 6, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    dk_say(link, 7, HF_DOCUMENT_CONTEXT, "{\"a\":3}", 1);
    dk_expect(link, 7, HF_REASON_VERSION_CONFLICT, 0, 2, "{\"a\":2}");
    dk_say(link, 8, HF_DOCUMENT_CONTEXT, "", 2); /* only asks what it lacks */
    dk_expect(link, 8, HF_REASON_NONE, 2, 2, "");
    dk_say(link, 9, HF_DOCUMENT_CONTEXT, "", 1);
    dk_expect(link, 9, HF_REASON_NONE, 0, 2, "{\"a\":2}");
    kit_expect_nothing(link);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DELTA], 5);
    assert_int_equal(kit.hub.ledger.counts.broadcast.pending, 0);
}

static void the_group_hears_of_it_in_each_encoding(void **state)
{
    struct kit_link *maker = dk_open("d1", "home", 0, 0), *other = dk_open("d2", "home", 0, 0);
    struct kit_link *json = dk_open_json("d3", "home"), *apart = dk_open("d4", "elsewhere", 0, 0);
    struct kit_link *old = sk_open("d5", HF_WS_SESSION);
    struct hf_frame hello = sk_hello("d5"), subscribe = {.type = HF_FRAME_SUBSCRIBE};
    struct hf_ws_admit admit = kit_admit(&kit, "d6");

    (void)state;
    hello.as.hello.groups[0] = HF_SLICE("home"); /* and knows no documents */
    hello.as.hello.group_count = 1;
    (void)sk_welcomed(old, &hello);
    subscribe.as.subscribe.topic = HF_SLICE("group/home");
    sk_say(apart, &subscribe); /* its messages, not its document */
    snprintf(admit.groups, sizeof(admit.groups), "home");
    struct kit_link *raw = kit_open_admit(&kit, &admit);
    sk_turn();

    dk_say(maker, 1, HF_DOCUMENT_GROUP, "{" LONG "}", 0);
    dk_expect(maker, 1, HF_REASON_NONE, 0, 1, "{" LONG "}");
    dk_say(maker, 2, HF_DOCUMENT_GROUP, "{\"n\":2}", 1);
    dk_expect(maker, 2, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(maker); /* its own changes are its answers */
    dk_expect(other, 0, HF_REASON_NONE, 0, 1, "{" LONG "}");
    const struct hf_frame_delta *delta = &sk_expect(other, HF_FRAME_DELTA)->as.delta;
    assert_int_equal(delta->document, HF_DOCUMENT_GROUP);
    assert_int_equal(delta->request, 0);
    assert_int_equal(delta->base_version, 1);
    assert_int_equal(delta->version, 2);
    assert_int_equal(delta->snapshot_id[6] >> 4, 7);
    kit_expect_part(json, "{\"type\":\"delta\",\"document\":\"group\",\"kind\":\"full\",\"version\":1,");
    kit_expect_part(json, "\"change\":[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]}");
    kit_expect_part(raw, "{\"type\":\"document\",\"topic\":\"group/home\",\"version\":1,\"from_version\":0,"
                         "\"snapshot_id\":\"");
    kit_expect_part(raw, "\"version\":2,\"from_version\":1,\"snapshot_id\":\"018bcfe5-6801-7202-");
    kit_expect_nothing(apart);
    kit_expect_nothing(old);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DELTA], 6);
    assert_int_equal(kit.site.stats.session.frames_out[HF_FRAME_DATA], 0);
    /* And back, from JSON. */
    kit_text(json,
             "{\"type\":\"patch\",\"request\":9,\"document\":\"group\",\"kind\":\"json\",\"base_version\":2,"
             "\"merge\":\"conflict_free\",\"change\":[{\"op\":\"remove\",\"path\":\"/n\"}]}");
    sk_turn();
    kit_expect_part(json, "\"request\":9");
    dk_expect(maker, 0, HF_REASON_NONE, 2, 3, "[{\"op\":\"remove\",\"path\":\"/n\"}]");
    kit_expect_nothing(json);
}

static void what_raw_members_read(void **state)
{
    struct hf_ws_admit admit = kit_admit(&kit, "r1");

    (void)state;
    snprintf(admit.groups, sizeof(admit.groups), "home");
    struct kit_link *raw = kit_open_admit(&kit, &admit);
    sk_turn();
    dk_app_changes("group/home", "{\"a\":\"\\u0001\"}", 0);
    kit_expect_text(raw, "{\"type\":\"document\",\"topic\":\"group/home\",\"version\":1,\"from_version\":0,"
                         "\"snapshot_id\":\"07000000-0000-0000-0000-000000000000\",\"kind\":\"full\","
                         "\"document\":{\"a\":\"\\u0001\"}}");
}

static void an_application_changes_it_under_the_device(void **state)
{
    struct kit_link *link = dk_open("d1", NULL, 0, 0);

    (void)state;
    dk_app_changes("d1", "{\"a\":1}", 0);
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    kit_end(link, HF_LINK_END_RESET);
    dk_app_changes("d1", "{\"b\":1}", 0); /* nobody there */
    link = sk_device("d1");               /* who offers no documents is told of none */
    dk_app_changes("d1", "{\"c\":1}", 0);
    kit_expect_nothing(link);
}

/* ---- after WELCOME ---- */

static void a_device_that_comes_back_gets_what_it_lacks(void **state)
{
    (void)state;
    kit_end(dk_open("d1", "home", 0, 0), HF_LINK_END_EOF);
    dk_app_changes("d1", "{" LONG "}", 0);
    dk_app_changes("d1", "{\"n\":2}", 0);
    dk_app_changes("group/home", "{\"g\":1}", 0);
    struct kit_link *link = dk_open("d1", "home", 0, 0);
    dk_expect(link, 0, HF_REASON_NONE, 0, 2, "{" LONG ",\"n\":2}");
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = dk_open("d1", "home", 1, 1);
    dk_expect(link, 0, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = dk_open("d1", "home", 2, 1);
    kit_expect_nothing(link);
    kit_end(link, HF_LINK_END_EOF);
    link = dk_open("d1", "other", 2, 5); /* of a document that is no more */
    dk_expect(link, 0, HF_REASON_NOT_FOUND, 5, 0, "");
    kit_expect_nothing(link);
}

static void nothing_is_told_before_the_first_answer(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(dk_open("d1", "home", 0, 0), HF_LINK_END_EOF);
    dk_app_changes("group/home", "{" LONG "}", 0);
    dk.hold = true;
    link = dk_open("d1", "home", 0, 1);
    dk_app_changes("d1", "{\"a\":1}", 0); /* what the reads will bring anyhow */
    dk_app_changes("group/home", "{\"n\":2}", 0);
    kit_expect_nothing(link);
    dk_release();
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    dk_expect(link, 0, HF_REASON_NONE, 1, 2, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":2}]");
    kit_expect_nothing(link);
    dk_app_changes("group/home", "{\"n\":3}", 0);
    dk_expect(link, 0, HF_REASON_NONE, 2, 3, "[{\"op\":\"add\",\"path\":\"/n\",\"value\":3}]");
}

static void a_read_that_failed_is_made_again(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(dk_open("d1", "home", 0, 0), HF_LINK_END_EOF);
    dk_app_changes("d1", "{\"a\":1}", 0);
    dk_app_changes("group/home", "{\"g\":1}", 0);
    dk.refuse = true;
    link = dk_open("d1", "home", 0, 0);
    sk_run(3 * HF_WS_DOCUMENT_RETRY_MS);
    kit_expect_nothing(link);
    dk.refuse = false;
    sk_run(HF_WS_DOCUMENT_RETRY_MS + 100);
    sk_turn();
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"g\":1}");
    unsigned made = dk.made;
    sk_run(5 * HF_WS_DOCUMENT_RETRY_MS);
    assert_int_equal(dk.made, made); /* once it is answered that is that */
}

static void a_first_delta_that_found_no_room_comes_later(void **state)
{
    struct kit_link *link;

    (void)state;
    kit_end(dk_open("d1", NULL, 0, 0), HF_LINK_END_EOF);
    dk_app_changes("d1", "{\"a\":1}", 0);
    kit.rules.policies[HF_CLASS_MESSAGE] = HF_POLICY_DROP_NEWEST;
    dk.hold = true;
    link = dk_open("d1", NULL, 0, 0);
    link->queued = kit.rules.queue_high_bytes + 1; /* the peer reads nothing */
    dk_release();
    kit_expect_nothing(link);
    link->queued = 0;
    sk_run(HF_WS_DOCUMENT_RETRY_MS + 100);
    sk_turn();
    dk_expect(link, 0, HF_REASON_NONE, 0, 1, "{\"a\":1}");
}

/* ---- the time to live of a group's document ---- */

static void it_counts_from_when_the_last_member_left(void **state)
{
    struct kit_link *first = dk_open("d1", "home", 0, 0), *second = dk_open("d2", "home", 0, 0);

    (void)state;
    dk_app_changes("group/home", "{\"a\":1}", 10000);
    kit_end(first, HF_LINK_END_EOF);
    sk_turn();
    kit_time(&kit, kit.hub.now_ms + 50000); /* one is there all the time */
    kit_end(second, HF_LINK_END_EOF);
    sk_turn();
    assert_int_equal(dk.leaves, 2);
    assert_int_equal(dk.listeners, 0);
    kit_time(&kit, kit.hub.now_ms + 9000);
    first = dk_open("d1", "home", 0, 1);
    kit_expect_nothing(first); /* still the version that it has */
    kit_end(first, HF_LINK_END_EOF);
    sk_turn();
    kit_time(&kit, kit.hub.now_ms + 11000);
    first = dk_open("d1", "home", 0, 1);
    dk_expect(first, 0, HF_REASON_NOT_FOUND, 1, 0, "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, dk_begin, dk_done)
    const struct CMUnitTest tests[] = {
        T(a_change_is_durable_before_it_is_answered),
        T(the_group_hears_of_it_in_each_encoding),
        T(what_raw_members_read),
        T(an_application_changes_it_under_the_device),
        T(a_device_that_comes_back_gets_what_it_lacks),
        T(nothing_is_told_before_the_first_answer),
        T(a_read_that_failed_is_made_again),
        T(a_first_delta_that_found_no_room_comes_later),
        T(it_counts_from_when_the_last_member_left),
    };

    return cmocka_run_group_tests_name("ws_session_documents", tests, NULL, NULL);
}
