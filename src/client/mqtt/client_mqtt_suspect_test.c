/* client/mqtt: a message that the broker never takes, and says so by ending the connection. It is found out, and none that was merely unlucky is lost. */
#include "client/mqtt/broker_testkit.h"

#define CONNECTED "> CONNECT v5\nopened new MQTT 5.0\n"

/* A connection, as far as the first messages; the diary begins with it. */
static void connect(struct kit *kit)
{
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
}

/* Some that end with number 1 first out, as many as are needed before another one goes first. */
static void suspect(struct kit *kit)
{
    for (unsigned i = 0; i < HF_CLIENT_MQTT_LOSSES_TRIAL; i++) {
        if (i > 0)
            connect(kit);
        assert_null(strstr(kit->lines, "error"));
        kit_cut(kit);
    }
    assert_non_null(strstr(kit->lines, "error HF_ERR_BUSY ends_connection\n"));
}

static void it_is_failed_when_others_are_taken(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < 10; i++)
        kit_publish(kit, i == 0 ? "poison" : "good");
    suspect(kit);
    for (unsigned i = 0; i < HF_CLIENT_MQTT_LOSSES_MAX - HF_CLIENT_MQTT_LOSSES_TRIAL; i++) {
        bool last = i + 1 == HF_CLIENT_MQTT_LOSSES_MAX - HF_CLIENT_MQTT_LOSSES_TRIAL;

        connect(kit);
        kit_puback(kit, kit->packet_id, 0); /* another one each time, before it and alone */
        assert_non_null(strstr(kit->lines, "=good\n> PUBLISH 2 dup t1/bike-7/up/t=poison\n"));
        assert_null(strstr(kit->lines, "sent"));
        kit_cut(kit);
        assert_true((strstr(kit->lines, "failed 1 ends_connection\n") != NULL) == last);
    }
    assert_int_equal(kit_counts(kit).blamed, HF_CLIENT_MQTT_LOSSES_MAX);
    assert_int_equal(kit_counts(kit).failed, 1);
    assert_int_equal(kit_facts(kit).failed_total, 1);
    connect(kit);
    expect(kit, /* 3 to 6 are there; one at a time, for now */
           CONNECTED "sent 2\nsent 3\nsent 4\nsent 5\n> PUBLISH 7 dup t1/bike-7/up/t=good\n");
    for (uint16_t id = 7; id <= 11; id++)
        kit_puback(kit, id, 0);
    assert_null(strstr(kit->lines, "> PUBLISH 3 "));
    assert_int_equal(kit_facts(kit).messages, 0);
    for (unsigned i = 0; i < 3; i++)
        kit_publish(kit, "more");
    assert_int_equal(kit->packet_id, 14); /* and again as many as ever */
}

static void a_broker_that_takes_nothing_is_waited_for(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < 5; i++)
        kit_publish(kit, "a");
    kit->quiet = true;
    kit_cut(kit);
    for (unsigned i = 0; i < 20 * HF_CLIENT_MQTT_LOSSES_MAX; i++) {
        connect(kit);
        kit_cut(kit);
    }
    assert_int_equal(kit_facts(kit).messages, 5);
    assert_int_equal(kit_counts(kit).failed, 0);
    assert_int_equal(kit_counts(kit).blamed, HF_CLIENT_MQTT_LOSSES_TRIAL);
}

static void who_holds_nobody_up_may_stay(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "poison");
    suspect(kit);
    for (unsigned i = 0; i < 20 * HF_CLIENT_MQTT_LOSSES_MAX; i++) {
        connect(kit);
        assert_non_null(strstr(kit->lines, "=poison\n"));
        assert_null(strstr(kit->lines, "error"));
        kit_cut(kit);
    }
    assert_int_equal(kit_counts(kit).failed, 0);
    for (unsigned i = HF_CLIENT_MQTT_LOSSES_TRIAL; i < HF_CLIENT_MQTT_LOSSES_MAX; i++) {
        kit_publish(kit, "good");
        connect(kit);
        kit_puback(kit, kit->packet_id, 0);
        kit_cut(kit);
    }
    assert_non_null(strstr(kit->lines, "failed 1 ends_connection\n"));
}

static void who_was_unlucky_goes_behind_one_other(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "unlucky");
    kit_publish(kit, "b");
    kit_publish(kit, "c");
    suspect(kit);
    connect(kit);
    expect(kit, CONNECTED "> PUBLISH 3 dup t1/bike-7/up/t=b\n");
    kit_puback(kit, 3, 0);
    expect(kit, "> PUBLISH 2 dup t1/bike-7/up/t=unlucky\n");
    kit_puback(kit, 2, 0);
    expect(kit, "sent 1\nsent 2\n> PUBLISH 4 dup t1/bike-7/up/t=c\n"); /* the other one is not sent again */
    kit_cut(kit);
    connect(kit);
    expect(kit, CONNECTED "> PUBLISH 4 dup t1/bike-7/up/t=c\n");
    kit_puback(kit, 4, 0);
    expect(kit, "sent 3\n");
}

/* One that kills, too, is no measure: another one is taken. */
static void two_of_them_hide_each_other_not(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "poison");
    kit_publish(kit, "poison");
    kit_publish(kit, "good");
    for (unsigned i = 0; i < 100 && kit_facts(kit).messages > 0; i++) {
        if (i > 0)
            connect(kit);
        if (i % 5 == 4)
            kit_publish(kit, "good");
        while (kit_facts(kit).messages > 0) {
            kit_read(kit);
            if (strstr(kit->lines, "=good\n") == NULL)
                break;
            forget(kit);
            kit_puback(kit, kit->packet_id, 0);
        }
        kit_cut(kit);
    }
    assert_int_equal(kit_facts(kit).messages, 0);
    assert_int_equal(kit_counts(kit).failed, 2);
}

static void what_is_no_messages_doing_does_not_count(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    for (unsigned i = 0; i < HF_CLIENT_MQTT_LOSSES_MAX; i++) {
        static const uint8_t named[] = {HF_MQTT_REASON_SHUTTING_DOWN, HF_MQTT_REASON_BUSY,
                                        HF_MQTT_REASON_RATE, HF_MQTT_REASON_QUOTA, HF_MQTT_REASON_MOVED};

        kit_disconnect(kit, named[i % HF_COUNT_OF(named)]);
        connect(kit);
        kit->room = 0; /* output without progress, and silence */
        kit_publish(kit, "c");
        kit_tick(kit, HF_CLIENT_WRITE_MS);
        kit->room = SIZE_MAX;
        connect(kit);
        kit_tick(kit, 38000);
        connect(kit);
        kit->engine->ops->network(kit->engine, &kit->now, false);
        kit_cut(kit);
        kit->engine->ops->network(kit->engine, &kit->now, true);
        connect(kit);
    }
    assert_int_equal(kit_counts(kit).blamed, 0);
    kit_disconnect(kit, HF_MQTT_REASON_UNSPECIFIED);
    assert_int_equal(kit_counts(kit).blamed, 1);
}

/* A broker that has words for it needs no guesses. */
static void an_answer_of_any_kind_ends_the_suspicion(void **state)
{
    struct kit *kit = *state;

    kit_publish(kit, "a");
    kit_publish(kit, "b");
    for (unsigned i = 0; i < 3 * HF_CLIENT_MQTT_LOSSES_TRIAL; i++) {
        if (i % (HF_CLIENT_MQTT_LOSSES_TRIAL - 1) == 0)
            kit_puback(kit, 2, HF_MQTT_REASON_QUOTA);
        if (i % (HF_CLIENT_MQTT_LOSSES_TRIAL - 1) == 0)
            kit_tick(kit, HF_CLIENT_MQTT_PUT_OFF_MIN_MS);
        kit_cut(kit);
        assert_null(strstr(kit->lines, "ends_connection"));
        connect(kit);
    }
}

static void an_acknowledgement_that_never_comes_counts(void **state)
{
    struct kit *kit = *state;

    kit->answers = true;
    kit_publish(kit, "poison");
    for (unsigned i = 0; i < 6; i++)
        kit_publish(kit, "good");
    for (unsigned i = 0; i < HF_CLIENT_MQTT_LOSSES_MAX; i++) {
        if (i > 0)
            connect(kit);
        if (i >= HF_CLIENT_MQTT_LOSSES_TRIAL)
            kit_puback(kit, kit->packet_id, 0);
        kit_tick(kit, HF_CLIENT_MQTT_STALL_MS);
        assert_non_null(strstr(kit->lines, " stalled LOST"));
    }
    assert_non_null(strstr(kit->lines, "failed 1 ends_connection\n"));
}

static void a_verdict_that_cannot_be_stored_is_made_again(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < 20; i++)
        kit_publish(kit, i == 0 ? "poison" : "good");
    for (unsigned round = 0; round < 2; round++) {
        suspect(kit);
        for (unsigned i = HF_CLIENT_MQTT_LOSSES_TRIAL; i < HF_CLIENT_MQTT_LOSSES_MAX; i++) {
            connect(kit);
            kit_puback(kit, kit->packet_id, 0);
            if (i + 1 == HF_CLIENT_MQTT_LOSSES_MAX && round == 0)
                hf_store_memory_fail(kit->store, HF_ERR_FULL);
            kit_cut(kit);
            kit_tick(kit, 3);
        }
        assert_int_equal(kit_counts(kit).failed, round);
        hf_store_memory_fail(kit->store, HF_OK);
        if (round == 0)
            connect(kit);
    }
    assert_non_null(strstr(kit->lines, "failed 1 ends_connection\n"));
}

/* The limit is the broker's own word, of this connection: what is above it is failed, and is no measure. */
static void one_that_may_not_go_is_no_measure(void **state)
{
    struct kit *kit = *state;
    char large[600];

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    kit_publish(kit, "poison");
    kit_publish(kit, large);
    kit_publish(kit, "good");
    suspect(kit);
    kit->limits.has = HF_MQTT_HAS(MAXIMUM_PACKET_BYTES);
    kit->limits.maximum_packet_bytes = 400;
    connect(kit);
    expect(kit, CONNECTED "failed 2 message_too_big\n> PUBLISH 4 dup t1/bike-7/up/t=good\n");
}

int main(void)
{
#define OPEN(test) cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)
    const struct CMUnitTest tests[] = {
        OPEN(it_is_failed_when_others_are_taken),
        OPEN(a_broker_that_takes_nothing_is_waited_for),
        OPEN(who_holds_nobody_up_may_stay),
        OPEN(who_was_unlucky_goes_behind_one_other),
        OPEN(two_of_them_hide_each_other_not),
        OPEN(what_is_no_messages_doing_does_not_count),
        OPEN(an_answer_of_any_kind_ends_the_suspicion),
        OPEN(an_acknowledgement_that_never_comes_counts),
        OPEN(a_verdict_that_cannot_be_stored_is_made_again),
        OPEN(one_that_may_not_go_is_no_measure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
