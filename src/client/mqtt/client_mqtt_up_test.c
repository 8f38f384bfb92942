/* client/mqtt: messages on their way up, what the broker says of them, and what the queue keeps. */
#include "client/mqtt/broker_testkit.h"

static void a_message_says_what_it_is(void **state)
{
    struct kit *kit = *state;
    struct hf_store_message message = {.class = HF_STORE_MESSAGE,
                                       .uuid = {0x0a, 0x0b},
                                       .format = 1,
                                       .created_ms = 1700000000000,
                                       .expires_ms = kit->now.utc_ms + 4001,
                                       .topic = HF_SLICE("gps/fix +#%"),
                                       .payload = HF_SLICE("[1]")};

    kit->properties = true;
    assert_int_equal(kit->engine->ops->publish(kit->engine, &kit->now, &message, kit), HF_OK);
    expect(kit, "> PUBLISH 2 t1/bike-7/up/gps%2Ffix %2B%23%25=[1]\n"
                "    id: 0a0b0000-0000-0000-0000-000000000000\n"
                "    seq: 1\n"
                "    queue: 000000000000004d\n"
                "    time: 2023-11-14T22:13:20.000Z\n"
                "    application/json\n"
                "    text\n"
                "    expires in 5 s\n");
    message = (struct hf_store_message){
        .class = HF_STORE_MESSAGE, .uuid = {1}, .format = 4, .topic = HF_SLICE(""), .payload = HF_SLICE("s")};
    kit->now.utc_ms = 0;
    assert_int_equal(kit->engine->ops->publish(kit->engine, &kit->now, &message, kit), HF_OK);
    expect(kit, "> PUBLISH 3 t1/bike-7/up=s\n"
                "    id: 01000000-0000-0000-0000-000000000000\n"
                "    seq: 2\n"
                "    queue: 000000000000004d\n"
                "    application/vnd.holdfast.samples\n");
}

static void a_puback_is_the_end_of_it_in_order(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    kit_publish(kit, "c");
    forget(kit);
    kit_puback(kit, 4, 0);
    kit_puback(kit, 3, HF_MQTT_REASON_NO_SUBSCRIBERS); /* nobody listens: that is the broker's affair */
    expect(kit, "");
    assert_int_equal(kit_facts(kit).messages, 3);
    kit_puback(kit, 2, 0);
    expect(kit, "sent 1\nsent 2\nsent 3\n");
    assert_int_equal(kit_facts(kit).messages, 0);
}

static void a_puback_that_comes_twice_changes_nothing(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    kit_puback(kit, 3, 0);
    kit_puback(kit, 3, 0);
    kit_puback(kit, 3, HF_MQTT_REASON_NOT_AUTHORIZED);
    kit_puback(kit, 2, 0);
    kit_puback(kit, 2, 0);
    kit_puback(kit, 99, 0);
    expect(kit, "sent 1\nsent 2\n");
    assert_int_equal(kit_counts(kit).unknown_frames, 4);
    kit_publish(kit, "c");
    expect(kit, "> PUBLISH 4 t1/bike-7/up/t=c\n");
}

/* Half a message cannot have been taken. */
static void a_puback_before_the_end_of_its_message_ends_it(void **state)
{
    struct kit *kit = *state;
    size_t bytes = 3 * HF_CLIENT_OUT_BYTES;
    char *large = malloc(bytes + 1);

    memset(large, 'L', bytes);
    large[bytes] = '\0';
    kit->room = 700;
    kit_publish(kit, large);
    kit_puback(kit, 2, 0);
    assert_non_null(
        strstr(kit->lines, "closed 130 protocol_error NONE: the broker acknowledged what was not sent"));
    assert_int_equal(kit_facts(kit).messages, 1);
    free(large);
}

static void what_was_not_acknowledged_goes_again_with_dup(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    kit_puback(kit, 2, 0);
    kit_cut(kit);
    kit_publish(kit, "c");
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v5\nopened new MQTT 5.0\n> PUBLISH 3 dup t1/bike-7/up/t=b\n> PUBLISH 4 "
                "t1/bike-7/up/t=c\n");
    kit_restart(kit); /* what was sent by the process before this one is not known: it may have been */
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v5\nopened new MQTT 5.0\n> PUBLISH 3 dup t1/bike-7/up/t=b\n> PUBLISH 4 dup "
                "t1/bike-7/up/t=c\n");
    assert_int_equal(kit_counts(kit).resent, 2);
}

static void no_more_than_the_window_is_out(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < HF_CLIENT_MQTT_WINDOW + 10; i++)
        kit_publish(kit, "a");
    assert_int_equal(kit->publishes, HF_CLIENT_MQTT_WINDOW);
    kit_puback(kit, 5, 0); /* not the first: the window stands */
    assert_int_equal(kit->publishes, HF_CLIENT_MQTT_WINDOW);
    kit_puback(kit, 2, 0);
    assert_int_equal(kit->publishes, HF_CLIENT_MQTT_WINDOW + 1);
    kit_puback(kit, 3, 0);
    kit_puback(kit, 4, 0); /* and with it the one that came before its turn */
    assert_int_equal(kit->publishes, HF_CLIENT_MQTT_WINDOW + 4);
}

/* Two that are out have two identifiers, however long the gap between them. */
static void gaps_are_passed_over(void **state)
{
    struct kit *kit = *state;

    kit_cut(kit);
    for (unsigned i = 0; i < 1005; i++)
        assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "x"), HF_OK);
    forget(kit);
    (void)kit_until_attempt(kit);
    kit_established(kit);
    assert_non_null(
        strstr(kit->lines, "> PUBLISH 7 t1/bike-7/up/t=x\n")); /* five were dropped: numbers 1 to 5 */
    assert_null(strstr(kit->lines, "sent 1\n"));
    assert_int_equal(kit_facts(kit).first, 6);
    kit_puback(kit, 7, 0);
    assert_non_null(strstr(kit->lines, "sent 6\n"));
}

static void a_gap_longer_than_there_are_identifiers_makes_no_two_alike(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a"); /* number 1 */
    kit_cut(kit);
    kit->quiet = true;
    for (unsigned i = 0; i < 67000; i++)
        assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "x"), HF_OK);
    kit->quiet = false;
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v5\nopened new MQTT 5.0\n> PUBLISH 2 dup t1/bike-7/up/t=a\n");
    kit_puback(kit, 2, 0);
    assert_int_equal(kit->publishes, 2 + HF_CLIENT_MQTT_WINDOW);
}

static void an_alarm_overtakes_the_backlog(void **state)
{
    struct kit *kit = *state;

    kit_cut(kit);
    for (unsigned i = 0; i < 70; i++)
        kit_publish(kit, "old");
    (void)kit_until_attempt(kit);
    kit_established(kit);
    assert_int_equal(kit->publishes, HF_CLIENT_MQTT_WINDOW);
    assert_int_equal(kit_publish_as(kit, HF_STORE_ALARM, true, "fire"), HF_OK);
    forget(kit);
    kit_puback(kit, 2, 0);
    kit_puback(kit, 3, 0);
    assert_non_null(strstr(kit->lines, "=fire"));
}

/* ---- refusals ---- */

static void what_the_broker_never_takes_is_failed(void **state)
{
    static const struct {
        uint8_t reason;
        const char *want;
    } rows[] = {
        {HF_MQTT_REASON_NOT_AUTHORIZED, "failed 1 forbidden\n"},
        {HF_MQTT_REASON_TOPIC, "failed 1 bad_request\n"},
        {HF_MQTT_REASON_PAYLOAD_FORMAT, "failed 1 unsupported_data\n"},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit *kit;

        (void)kit_setup_open(state);
        kit = *state;
        kit_publish(kit, "a");
        kit_publish(kit, "b");
        forget(kit);
        kit_puback(kit, 2, rows[i].reason);
        expect(kit, rows[i].want);
        kit_puback(kit, 3, 0);
        expect(kit, "sent 2\n");
        assert_int_equal(kit_facts(kit).messages, 0);
        assert_int_equal(kit_facts(kit).failed_total, 1);
        (void)kit_teardown(state);
    }
}

/* Mosquitto answers what is above its message_size_limit so, though the standard gives PUBACK no such word. */
static void a_no_in_a_word_that_puback_has_not_is_a_no(void **state)
{
    static const uint8_t too_large[] = {0x40, 0x03, 0x00, 0x02, 0x95};
    static const uint8_t no_code_at_all[] = {0x40, 0x03, 0x00, 0x03, 0x05};
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    kit_give(kit, too_large, sizeof(too_large));
    expect(kit, "failed 1 message_too_big\n");
    kit_give(kit, no_code_at_all, sizeof(no_code_at_all));
    expect(
        kit,
        "> DISCONNECT 82\nclose\nclosed 130 protocol_error NONE: a reason code that this packet has not\n");
}

/* A commit that fails brings the message back: it may not count as sent then. */
static void a_refusal_that_cannot_be_stored_is_tried_again(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    hf_store_memory_fail(kit->store, HF_ERR_FULL);
    kit_puback(kit, 2, HF_MQTT_REASON_NOT_AUTHORIZED);
    kit_puback(kit, 3, 0);
    kit_tick(kit, 3000);
    assert_null(strstr(kit->lines, "sent"));
    assert_null(strstr(kit->lines, "failed 1"));
    hf_store_memory_fail(kit->store, HF_OK);
    kit_tick(kit, 3000);
    assert_non_null(strstr(kit->lines, "failed 1 forbidden\n"));
    assert_non_null(strstr(kit->lines, "sent 2\n"));
    assert_null(strstr(kit->lines, "sent 1\n"));
    assert_int_equal(kit_facts(kit).messages, 0);
}

/* All in one read, and the end with it: what was acknowledged behind a refused one does not go again. */
static void an_end_right_behind_a_refusal_costs_nothing(void **state)
{
    static const uint8_t all[] = {0x40, 0x03, 0x00, 0x02, 0x87, 0x40, 0x02, 0x00, 0x03, 0xe0, 0x00};
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    kit_give(kit, all, sizeof(all));
    assert_non_null(strstr(kit->lines, "failed 1 forbidden\n"));
    assert_non_null(strstr(kit->lines, "sent 2\n"));
    assert_int_equal(kit_facts(kit).messages, 0);
}

static void a_quota_is_waited_for(void **state)
{
    struct kit *kit = *state;
    uint32_t pause_ms = HF_CLIENT_MQTT_PUT_OFF_MIN_MS;

    kit->answers = true;
    kit_publish(kit, "a");
    kit_publish(kit, "b");
    forget(kit);
    kit_puback(kit, 2, HF_MQTT_REASON_QUOTA);
    kit_puback(kit, 3, HF_MQTT_REASON_QUOTA);
    kit_publish(kit, "c");
    expect(kit, "error HF_ERR_BUSY tenant_limit\n");
    for (unsigned i = 0; i < 3 * HF_CLIENT_MQTT_PUT_OFF_MAX; i++) {
        kit_tick(kit, pause_ms - 1);
        expect(kit, "");
        kit_tick(kit, 1);
        /* not DUP: the broker has said that it has not got it. The new one waits behind, for its turn */
        expect(
            kit,
            i == 0
                ? "> PUBLISH 2 t1/bike-7/up/t=a\n> PUBLISH 3 t1/bike-7/up/t=b\n> PUBLISH 4 t1/bike-7/up/t=c\n"
                : "> PUBLISH 2 t1/bike-7/up/t=a\n> PUBLISH 3 t1/bike-7/up/t=b\n");
        kit_puback(kit, 2, HF_MQTT_REASON_QUOTA);
        kit_puback(kit, 3, HF_MQTT_REASON_QUOTA);
        pause_ms = HF_MIN(2 * pause_ms, (uint32_t)HF_CLIENT_MQTT_PUT_OFF_MAX_MS);
    }
    assert_int_equal(kit_counts(kit).put_off, 2 + 6 * HF_CLIENT_MQTT_PUT_OFF_MAX);
    kit_tick(kit, pause_ms);
    forget(kit);
    kit_puback(kit, 2, 0);
    kit_puback(kit, 3, 0);
    kit_puback(kit, 4, 0);
    expect(kit, "sent 1\nsent 2\nsent 3\n");
    kit_publish(kit, "d");
    forget(kit);
    kit_puback(kit, 5, HF_MQTT_REASON_QUOTA); /* it took some meanwhile: from the beginning */
    expect(kit, "error HF_ERR_BUSY tenant_limit\n");
    kit_tick(kit, HF_CLIENT_MQTT_PUT_OFF_MIN_MS);
    expect(kit, "> PUBLISH 5 t1/bike-7/up/t=d\n");
}

/* The pause is over and the disk is full: both are waited for, without a turn for nothing. */
static void a_pause_that_ends_before_the_disk_is_well_waits_on(void **state)
{
    struct kit *kit = *state;

    kit->answers = true;
    kit_publish(kit, "a");
    kit_publish(kit, "b");
    kit_puback(kit, 2, HF_MQTT_REASON_QUOTA);
    kit_tick(kit, HF_CLIENT_MQTT_PUT_OFF_MIN_MS - 10);
    hf_store_memory_fail(kit->store, HF_ERR_FULL);
    kit_puback(kit, 3, HF_MQTT_REASON_NOT_AUTHORIZED); /* has to be stored */
    forget(kit);
    kit_tick(kit, 500);
    assert_true(kit->engine->ops->due_ms(kit->engine) > kit->now.now_ms);
    expect(kit, "");
    hf_store_memory_fail(kit->store, HF_OK);
    kit_tick(kit, HF_CLIENT_RETRY_STORE_MS);
    assert_non_null(strstr(kit->lines, "> PUBLISH 2 t1/bike-7/up/t=a\n"));
    assert_non_null(strstr(kit->lines, "failed 2 forbidden\n"));
}

/* An error without a cause may be the message's own fault: it must not keep the others for ever. */
static void an_error_without_a_cause_is_tried_so_often(void **state)
{
    struct kit *kit = *state;

    kit->answers = true;
    kit_publish(kit, "poison");
    for (unsigned i = 1; i < HF_CLIENT_MQTT_PUT_OFF_MAX; i++) {
        kit_puback(kit, 2, HF_MQTT_REASON_UNSPECIFIED);
        forget(kit);
        kit_tick(kit, HF_CLIENT_MQTT_PUT_OFF_MAX_MS);
        assert_non_null(strstr(kit->lines, "> PUBLISH 2 t1/bike-7/up/t=poison\n"));
    }
    forget(kit);
    kit_puback(kit, 2, HF_MQTT_REASON_UNSPECIFIED);
    expect(kit, "failed 1 internal_error\n");
}

static void acknowledgements_that_do_not_come_end_it(void **state)
{
    struct kit *kit = *state;

    kit->answers = true;
    kit_publish(kit, "a");
    forget(kit);
    kit_tick(kit, HF_CLIENT_MQTT_STALL_MS - 1);
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit, "close\nclosed 1006 stalled LOST: the broker lives and acknowledges nothing\n");
}

/* ---- sizes ---- */

static void a_large_message_goes_through_a_small_buffer(void **state)
{
    struct kit *kit = *state;
    size_t bytes = 3 * HF_CLIENT_OUT_BYTES;
    char *large = malloc(bytes + 1);

    memset(large, 'L', bytes);
    large[bytes] = '\0';
    kit->room = 0;
    kit_publish(kit, large);
    kit_publish(kit, "b");
    while (kit->publishes < 2) {
        kit->room = 700;
        kit->engine->ops->writable(kit->engine, &kit->now);
        kit_tick(kit, 1);
        kit_read(kit);
    }
    expect(kit, "> PUBLISH 2 t1/bike-7/up/t=LLLLLLLLLLLLLLLL\n> PUBLISH 3 t1/bike-7/up/t=b\n");
    kit->room = SIZE_MAX;
    kit_puback(kit, 2, 0);
    kit_puback(kit, 3, 0);
    expect(kit, "sent 1\nsent 2\n");
    free(large);
}

static void a_size_that_ends_the_connection_fails_the_largest(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "larger than the others");
    kit_publish(kit, "c");
    forget(kit);
    kit_disconnect(kit, HF_MQTT_REASON_PACKET_BYTES);
    expect(kit, "close\nclosed 149 message_too_big NONE: the broker says: packet too large\nfailed 2 "
                "message_too_big\n");
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v5\nopened new MQTT 5.0\n> PUBLISH 2 dup t1/bike-7/up/t=a\n> PUBLISH 4 dup "
                "t1/bike-7/up/t=c\n");
}

/* Answers to commands of a gateway, from a queue that had another address before. */
static void results_have_no_place_at_a_broker(void **state)
{
    static const uint8_t uuid[16] = {9};
    struct kit *kit = *state;
    const struct hf_store_message result = {
        .class = HF_STORE_RESULT, .uuid = {9}, .topic = HF_SLICE(""), .payload = HF_SLICE("ok")};
    uint64_t ticket;

    assert_int_equal(kit->store->ops->done(kit->store, 0, uuid, &result, &ticket), HF_OK);
    kit_publish(kit, "a");
    expect(kit, "failed 1 not_implemented\n> PUBLISH 3 t1/bike-7/up/t=a\n");
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)
    const struct CMUnitTest tests[] = {
        OPEN(a_message_says_what_it_is),
        OPEN(a_puback_is_the_end_of_it_in_order),
        OPEN(a_puback_that_comes_twice_changes_nothing),
        OPEN(a_puback_before_the_end_of_its_message_ends_it),
        OPEN(what_was_not_acknowledged_goes_again_with_dup),
        OPEN(no_more_than_the_window_is_out),
        OPEN(gaps_are_passed_over),
        OPEN(a_gap_longer_than_there_are_identifiers_makes_no_two_alike),
        OPEN(an_alarm_overtakes_the_backlog),
        cmocka_unit_test(what_the_broker_never_takes_is_failed),
        OPEN(a_no_in_a_word_that_puback_has_not_is_a_no),
        OPEN(a_refusal_that_cannot_be_stored_is_tried_again),
        OPEN(an_end_right_behind_a_refusal_costs_nothing),
        OPEN(a_quota_is_waited_for),
        OPEN(a_pause_that_ends_before_the_disk_is_well_waits_on),
        OPEN(an_error_without_a_cause_is_tried_so_often),
        OPEN(acknowledgements_that_do_not_come_end_it),
        OPEN(a_large_message_goes_through_a_small_buffer),
        OPEN(a_size_that_ends_the_connection_fails_the_largest),
        OPEN(results_have_no_place_at_a_broker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
