/* client/core: the uplink. What goes out, in which order and with which number, what is forgotten and what is told. */
#include "base/uuid.h"
#include "client/session/core_testkit.h"

static void a_message_is_durable_before_it_is_sent_and_forgotten_when_it_is_there(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    expect(kit, "published 1\n> DATA 1 t=a\n");
    kit_ack(kit, 1, 0);
    expect(kit, "");
    kit_ack(kit, 1, 1);
    expect(kit, "sent 1\n");
}

static void what_waits_goes_out_in_order_when_it_opens(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    expect(kit, "published 1\npublished 2\n");
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    expect(kit,
           "connect 0\n> HELLO session=00 at=0 first=1 next=1\nopened new\n> DATA 1 t=a\n> DATA 2 t=b\n");
    assert_int_equal(kit->messages, 2); /* HELLO, and both in one */
}

static void after_a_resume_everything_behind_durable_through_goes_again(void **state)
{
    struct kit *kit = *state;

    for (int i = 0; i < 4; i++)
        kit_publish(kit, "x");
    kit_ack(kit, 3, 1);
    forget(kit);
    hf_client_core_closed(kit->core, &kit->now);
    kit_publish(kit, "y");
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit->welcome.uplink_received = 3;
    kit->welcome.uplink_durable = 2;
    forget(kit);
    kit_established(kit);
    expect(kit, "> HELLO session=aa at=0 first=2 next=5\nsent 2\nopened resumed\n> DATA 3 t=x\n> DATA 4 t=x\n"
                "> DATA 5 t=y\n");
}

static void a_crash_keeps_numbers(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    kit_ack(kit, 1, 1);
    kit_tick(kit, 2000);
    forget(kit);
    kit_restart(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 1;
    kit_established(kit);
    kit_publish(kit, "c");
    expect(kit,
           "connect 0\n> HELLO session=aa at=0 first=2 next=3\nopened resumed\n> DATA 2 t=b\npublished 3\n"
           "> DATA 3 t=c\n");
}

static void the_window_holds_it(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.window_messages = 2;
    kit_established(kit);
    for (int i = 0; i < 4; i++)
        kit_publish(kit, "x");
    expect(kit, "connect 0\n> HELLO session=00 at=0 first=1 next=1\nopened new\npublished 1\n> DATA 1 t=x\n"
                "published 2\n> DATA 2 t=x\npublished 3\npublished 4\n");
    kit_ack(kit, 2, 0); /* received is not durable */
    expect(kit, "");
    kit_ack(kit, 2, 1);
    expect(kit, "sent 1\n> DATA 3 t=x\n");
}

static void the_window_of_bytes_holds_it_but_lets_one_large_message_pass(void **state)
{
    struct kit *kit = *state;
    static char large[3001];

    memset(large, 'L', 3000);
    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.window_bytes = 2000;
    kit_established(kit);
    forget(kit);
    kit_publish(kit, large);
    kit_publish(kit, "s");
    expect(kit, "published 1\n> DATA 1 t=LLLLLLLLLLLLLLLL\npublished 2\n");
    kit_ack(kit, 1, 1);
    expect(kit, "sent 1\n> DATA 2 t=s\n");
}

static void an_acknowledgement_of_what_was_not_sent_breaks_the_session(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    forget(kit);
    kit_ack(kit, 2, 0);
    expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_established(kit);
    expect(kit, "close\nclosed 4400 session_broken NONE\nconnect 0\n> HELLO session=00 at=0 first=1 next=2\n"
                "opened new\n> DATA 1 t=a\n");
}

static void what_a_nack_names_goes_again(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame nack = {.type = HF_FRAME_ACK,
                                  .as.ack = {.received_through = 1,
                                             .durable_through = 1,
                                             .window_messages = 256,
                                             .window_bytes = 1 << 20,
                                             .nack = true,
                                             .range_count = 2,
                                             .ranges = {{3, 3}, {5, 5}}}};

    for (int i = 0; i < 5; i++)
        kit_publish(kit, "x");
    forget(kit);
    kit_send(kit, &nack);
    expect(kit, "sent 1\n> DATA 2 t=x\n> DATA 4 t=x\n");
}

static void silence_is_asked_about_and_then_given_up(void **state)
{
    struct kit *kit = *state;

    kit->quiet = true;
    kit_publish(kit, "a");
    kit->quiet = false;
    kit_tick(kit, 999);
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit, "> ACK 0 0 ask\n");
    kit_ack(kit, 0, 0); /* the answer: it never came */
    expect(kit, "> DATA 1 t=a\n");
    kit->quiet = true;
    kit_tick(kit, 9000);
    kit->quiet = false;
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_DISCONNECTED);
}

static void a_refused_message_is_failed_and_counts_as_sent(void **state)
{
    struct kit *kit = *state;
    struct hf_frame refuse = {
        .type = HF_FRAME_REFUSE,
        .as.refuse = {.seq = 1, .reason = HF_REASON_FORBIDDEN, .detail = HF_SLICE("no")}};

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    kit_send(kit, &refuse);
    expect(kit, "failed 1 forbidden\n");
    kit_ack(kit, 2, 2);
    expect(kit, "sent 2\n");
    refuse.as.refuse.seq = 0;
    kit_send(kit, &refuse);
    expect(kit, "error HF_ERR_DENIED forbidden\n");
    refuse.as.refuse.seq = 9; /* never sent */
    kit_send(kit, &refuse);
    expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
}

/* A crash before would bring it back, and the gateway's count says that it was taken. */
static void a_refusal_is_told_when_the_queue_has_it(void **state)
{
    struct kit *kit = *state;
    struct hf_frame refuse = {.type = HF_FRAME_REFUSE,
                              .as.refuse = {.seq = 1, .reason = HF_REASON_CORRUPT, .detail = HF_SLICE("")}};

    kit_publish(kit, "a");
    forget(kit);
    hf_store_memory_fail(kit->store, HF_ERR_IO);
    kit_send(kit, &refuse);
    expect(kit, "error HF_ERR_IO storage_failed\n");
    hf_store_memory_fail(kit->store, HF_OK);
    kit_send(kit, &refuse);
    expect(kit, "failed 1 corrupt\n");
    kit_publish(kit, "b");
    forget(kit);
    refuse.as.refuse.seq = 2;
    refuse.as.refuse.reason =
        HF_REASON_NONE; /* a peer that gives none: failed all the same, and not published once more */
    kit_send(kit, &refuse);
    expect(kit, "failed 2 none\n");
}

/* What is durable at WELCOME is not forgotten before the gateway has said what of it was refused; the connection may end in between. */
static void a_refusal_that_was_lost_is_told_behind_welcome(void **state)
{
    struct kit *kit = *state;
    struct hf_frame refuse = {.type = HF_FRAME_REFUSE,
                              .as.refuse = {.seq = 2, .reason = HF_REASON_FORBIDDEN, .detail = HF_SLICE("")}};

    for (unsigned i = 0; i < 3; i++)
        kit_publish(kit, "x");
    kit->welcome.result = HF_SESSION_RESUMED;
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 3;
    kit->welcome.capabilities = HF_CAP_REFUSALS;
    for (unsigned heard = 0; heard < 2; heard++) {
        hf_client_core_closed(kit->core, &kit->now);
        kit_until_attempt(kit);
        forget(kit);
        kit_established(kit);
        assert_true(kit->hello.capabilities & HF_CAP_REFUSALS);
        expect(kit, "> HELLO session=aa at=0 first=1 next=4\nopened resumed\n");
    }
    kit_send(kit, &refuse);
    expect(kit, "failed 2 forbidden\n");
    kit_ack(kit, 3, 3);
    expect(kit, "sent 1\nsent 3\n");
    hf_client_core_closed(kit->core, &kit->now); /* and once more: it has nothing that could be told again */
    kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    kit_send(kit, &refuse);
    kit_ack(kit, 3, 3);
    expect(kit, "> HELLO session=aa at=0 first=4 next=4\nopened resumed\n");
}

static void after_1009_the_largest_is_failed_and_a_gap_goes_in_its_place(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "small");
    kit_publish(kit, "much larger than small");
    kit_publish(kit, "small");
    forget(kit);
    kit_close(kit, 1009, "reason=message_too_big;retry_ms=0");
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "> Close 1009 \nclose\nclosed 1009 message_too_big NONE\nfailed 2 message_too_big\n");
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit_established(kit);
    expect(kit, "connect 0\n> HELLO session=aa at=0 first=1 next=4\nopened resumed\n> DATA 1 t=small\n"
                "> GAP 2-2 message_too_big\n> DATA 3 t=small\n");
}

static void above_the_gateways_limit_it_is_not_even_sent(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.message_bytes_max = 5;
    kit_established(kit);
    forget(kit);
    kit_publish(kit, "123456");
    kit_publish(kit, "12345");
    expect(
        kit,
        "published 1\nfailed 1 message_too_big\n> GAP 1-1 message_too_big\npublished 2\n> DATA 2 t=12345\n");
}

static void what_expired_becomes_a_gap(void **state)
{
    struct kit *kit = *state;
    struct hf_store_message message = {
        .class = HF_STORE_MESSAGE, .topic = HF_SLICE("t"), .payload = HF_SLICE("old")};

    message.expires_ms = kit->now.utc_ms + 1000;
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_OK);
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_OK);
    kit_publish(kit, "new");
    kit_tick(kit, 1000);
    hf_client_core_start(kit->core, &kit->now);
    forget(kit);
    kit_established(kit);
    expect(kit, "> HELLO session=00 at=0 first=1 next=1\nopened new\nfailed 1 expired\nfailed 2 expired\n"
                "> GAP 1-2 expired\n> DATA 3 t=new\n");
}

static void a_full_queue_drops_the_oldest_telemetry_and_refuses_the_rest(void **state)
{
    struct kit *kit = *state;

    kit->quiet = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kit_publish_as(kit, i < 2 ? HF_STORE_TELEMETRY : HF_STORE_MESSAGE, false, "x"),
                         HF_OK);
    kit->quiet = false;
    assert_int_equal(kit_publish_as(kit, HF_STORE_ALARM, true, "fire"), HF_ERR_LIMIT);
    assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "t"), HF_OK);
    assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "t"), HF_OK);
    assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "t"), HF_OK);
    expect(kit, "failed 1 drop_oldest\npublished 1001\nfailed 2 drop_oldest\npublished 1002\nfailed 1001 "
                "drop_oldest\npublished 1003\n");
}

static void wrong_publications_are_refused(void **state)
{
    struct kit *kit = *state;
    static const char long_topic[257];
    struct hf_store_message message = {
        .class = HF_STORE_RESULT, .topic = HF_SLICE("t"), .payload = HF_SLICE("")};

    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_ERR_INVALID);
    message.class = HF_STORE_MESSAGE;
    message.topic = (struct hf_slice){long_topic, 257};
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_ERR_INVALID);
    message.topic = HF_SLICE("\xff");
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_ERR_INVALID);
    message.topic = HF_SLICE("t");
    message.format = 1; /* JSON, it says */
    message.payload = HF_SLICE("{\"a\":");
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_ERR_INVALID);
    message.format = 0;
    message.text = true;
    message.payload = HF_SLICE("\xff");
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_ERR_INVALID);
    expect(kit, "");
}

/* CQ-7: a backlog of 100 and fresh alarms, at 10 messages a second: 1:1, in their orders, and never above the rate. */
static void alarms_overtake_the_backlog_one_to_one_within_the_rate(void **state)
{
    struct kit *kit = *state;
    char want[4096];
    struct hf_sb sb;

    kit->quiet = true;
    for (int i = 0; i < 100; i++)
        kit_publish(kit, i == 50 ? "urgent, but old" : "old");
    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.rate = 10;
    kit_established(kit);
    for (int i = 0; i < 5; i++)
        assert_int_equal(kit_publish_as(kit, HF_STORE_ALARM, true, "alarm"), HF_OK);
    kit->quiet = false;
    kit_tick(kit, 950);
    hf_sb_init(&sb, want, sizeof(want));
    /* 1 and 2 were numbered before the alarms came: one for the bucket, one ahead */
    for (unsigned seq = 2; seq <= 10; seq++)
        hf_sb_printf(&sb, "> DATA %u t=%s\n", seq, seq % 2 == 1 ? "alarm" : "old");
    expect(kit, want);
}

static void the_rate_is_kept_with_everything_else_allowing_more(void **state)
{
    struct kit *kit = *state;
    struct hf_client_counts counts;

    kit->quiet = true;
    for (int i = 0; i < 900; i++)
        kit_publish(kit, "x");
    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.rate = 100;
    kit->welcome.window_messages = 256;
    kit_established(kit);
    for (uint32_t second = 1; second <= 5; second++) {
        for (uint32_t i = 0; i < 10; i++) {
            kit_tick(kit, 100);
            kit_ack(kit, kit->seq, kit->seq);
        }
        hf_client_core_counts(kit->core, &counts);
        assert_in_range(counts.sent, 100 * second - 20, 100 * second + 10);
    }
}

static void a_queue_that_went_back_in_time_gets_a_new_id(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.result = HF_SESSION_NEW;
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 41;
    forget(kit);
    kit_established(kit);
    expect(kit, "> HELLO session=00 at=0 first=1 next=1\nerror HF_OK queue_lost\n"
                "> Close 1001 reason=queue_lost;retry_ms=0\nclose\nclosed 1001 queue_lost PROTOCOL\n");
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 0;
    kit_until_attempt(kit);
    kit_established(kit);
    assert_true(kit->hello.queue_id != 77 && kit->hello.queue_id != 0);
    expect(kit, "connect 1\n> HELLO session=00 at=0 first=1 next=1\nopened new\n> DATA 1 t=a\n");
}

/* It has numbered enough since to hide it from the positions: the ids tell. */
static void a_restored_queue_is_told_by_the_id_of_what_is_durable(void **state)
{
    struct kit *kit = *state;
    struct hf_store_item item;
    char id[HF_UUID_TEXT_BYTES + 1];

    for (int i = 0; i < 5; i++)
        kit_publish(kit, "x");
    kit_ack(kit, 1, 1);
    hf_client_core_closed(kit->core, &kit->now);
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 3;
    kit->welcome.result = HF_SESSION_RESUMED;
    assert_int_equal(kit->store->ops->read(kit->store, 3, &item), HF_OK);
    hf_uuid_text(item.message.uuid, id);
    kit->welcome.durable_id = hf_slice_of(id);
    kit_until_attempt(kit);
    forget(kit);
    kit_established(kit); /* the same message: all is well */
    expect(kit, "> HELLO session=aa at=0 first=2 next=6\nsent 2\nsent 3\nopened resumed\n> DATA 4 t=x\n> "
                "DATA 5 t=x\n");
    hf_client_core_closed(kit->core, &kit->now);
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 4;
    kit_until_attempt(kit);
    forget(kit);
    kit_established(kit); /* 4 is another one there */
    expect(kit, "> HELLO session=aa at=0 first=4 next=6\nerror HF_OK queue_lost\n"
                "> Close 1001 reason=queue_lost;retry_ms=0\nclose\nclosed 1001 queue_lost PROTOCOL\n");
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 0;
    kit->welcome.durable_id = HF_SLICE("");
    kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    assert_true(kit->hello.queue_id != 77);
    expect(kit, "> HELLO session=aa at=0 first=1 next=1\nopened resumed\n> DATA 1 t=x\n> DATA 2 t=x\n");
}

static void a_gateway_that_lost_what_it_had_is_told_the_gap(void **state)
{
    struct kit *kit = *state;

    for (int i = 0; i < 3; i++)
        kit_publish(kit, "x");
    kit_ack(kit, 2, 2);
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    forget(kit);
    kit_established(kit); /* new, nothing received */
    expect(kit, "> HELLO session=aa at=0 first=3 next=4\nopened new\n> GAP 1-2 retention\n> DATA 3 t=x\n");
    kit_ack(kit, 3, 3);
    expect(kit, "sent 3\n");
}

static void publishing_from_within_callbacks(struct kit *kit, uint64_t id)
{
    if (id < 3)
        kit_publish(kit, "more");
}

static void the_application_may_publish_within_a_callback(void **state)
{
    struct kit *kit = *state;

    kit->on_published = publishing_from_within_callbacks;
    kit_publish(kit, "first");
    expect(kit,
           "published 1\npublished 2\npublished 3\n> DATA 1 t=first\n> DATA 2 t=more\n> DATA 3 t=more\n");
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)
#define OPEN(test)  cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN(a_message_is_durable_before_it_is_sent_and_forgotten_when_it_is_there),
        FRESH(what_waits_goes_out_in_order_when_it_opens),
        OPEN(after_a_resume_everything_behind_durable_through_goes_again),
        OPEN(a_crash_keeps_numbers),
        FRESH(the_window_holds_it),
        FRESH(the_window_of_bytes_holds_it_but_lets_one_large_message_pass),
        OPEN(an_acknowledgement_of_what_was_not_sent_breaks_the_session),
        OPEN(what_a_nack_names_goes_again),
        OPEN(silence_is_asked_about_and_then_given_up),
        OPEN(a_refused_message_is_failed_and_counts_as_sent),
        OPEN(a_refusal_that_was_lost_is_told_behind_welcome),
        OPEN(a_refusal_is_told_when_the_queue_has_it),
        OPEN(after_1009_the_largest_is_failed_and_a_gap_goes_in_its_place),
        FRESH(above_the_gateways_limit_it_is_not_even_sent),
        FRESH(what_expired_becomes_a_gap),
        FRESH(a_full_queue_drops_the_oldest_telemetry_and_refuses_the_rest),
        OPEN(wrong_publications_are_refused),
        FRESH(alarms_overtake_the_backlog_one_to_one_within_the_rate),
        FRESH(the_rate_is_kept_with_everything_else_allowing_more),
        FRESH(a_queue_that_went_back_in_time_gets_a_new_id),
        OPEN(a_restored_queue_is_told_by_the_id_of_what_is_durable),
        OPEN(a_gateway_that_lost_what_it_had_is_told_the_gap),
        OPEN(the_application_may_publish_within_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
