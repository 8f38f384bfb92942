/* client/mqtt: what a broker has for the device, and when it is told that it was taken. */
#include "client/mqtt/broker_testkit.h"

static void the_subscription_is_the_devices_own(void **state)
{
    struct kit *kit = *state;

    kit_cut(kit);
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v5\nopened rebuilt MQTT 5.0\n> SUBSCRIBE t1/bike-7/down/# qos=1 retained=1\n");
    kit_suback(kit, 1);
    expect(kit, "");
    kit_cut(kit);
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_open_as(kit, NULL);
    kit_connack(kit, true, 0);
    expect(kit, "> CONNECT v5\nopened resumed MQTT 5.0\n> SUBSCRIBE t1/bike-7/down/# qos=1 retained=1\n");
}

static void what_the_broker_says_of_the_subscription_is_told(void **state)
{
    static const struct {
        uint8_t code;
        const char *want;
    } rows[] = {{1, ""},
                {0, "error HF_ERR_UNSUPPORTED not_implemented\n"},
                {HF_MQTT_REASON_NOT_AUTHORIZED, "error HF_ERR_DENIED forbidden\n"},
                {HF_MQTT_REASON_WILDCARD, "error HF_ERR_DENIED not_implemented\n"}};
    struct kit *kit = *state;

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_cut(kit);
        (void)kit_until_attempt(kit);
        kit_established(kit);
        forget(kit);
        kit_suback(kit, rows[i].code);
        expect(kit, rows[i].want);
    }
    kit_cut(kit);
    (void)kit_until_attempt(kit);
    kit_established(kit);
    forget(kit);
    kit_tick(kit, HF_CLIENT_MQTT_CONNECT_MS); /* or nothing */
    expect(kit, "> DISCONNECT 80\nclose\nclosed 128 deadline_exceeded TIMEOUT: the broker did not answer "
                "SUBSCRIBE in time\n");
}

static void a_message_is_acknowledged_when_it_is_done(void **state)
{
    struct kit *kit = *state;

    kit_down(kit, 7, 0xa1, "on");
    expect(kit, "message a1 x=on format=0\n> PUBACK 7\n");
    kit->answer = HF_CLIENT_LATER;
    kit_down(kit, 8, 0xa2, "off");
    kit_tick(kit, 5000);
    expect(kit, "message a2 x=off format=0\n");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, kit->handle, NULL), HF_OK);
    expect(kit, "done 2 HF_OK\n> PUBACK 8\n");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, kit->handle, NULL), HF_ERR_NOT_FOUND);
    kit_down(kit, 9, 0, "without an id");
    expect(kit, "message 00 x=without an id format=0\n");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, kit->handle, NULL), HF_OK);
    expect(kit, "done 3 HF_OK\n> PUBACK 9\n");
}

static void acknowledgements_keep_the_order_of_messages(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit_down(kit, 7, 0xa1, "a");
    kit_down(kit, 8, 0xa2, "b");
    kit->answer = HF_CLIENT_DONE;
    kit_down(kit, 9, 0xa3, "c");
    forget(kit);
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, 2, NULL), HF_OK);
    expect(kit, "done 2 HF_OK\n");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, 1, NULL), HF_OK);
    expect(kit, "done 1 HF_OK\n> PUBACK 7\n> PUBACK 8\n> PUBACK 9\n");
}

static void nothing_is_acknowledged_before_it_is_durable(void **state)
{
    struct kit *kit = *state;

    hf_store_memory_fail(kit->store, HF_ERR_FULL);
    kit_down(kit, 7, 0xa1, "a");
    expect(kit, "message a1 x=a format=0\nerror HF_ERR_FULL storage_failed\n");
    kit_tick(kit, 5000);
    expect(kit, "");
    hf_store_memory_fail(kit->store, HF_OK);
    kit_tick(kit, 1000);
    expect(kit, "> PUBACK 7\n");
    hf_store_memory_fail(kit->store, HF_ERR_FULL);
    kit->answer = HF_CLIENT_LATER;
    kit_down(kit, 8, 0xa2, "b");
    forget(kit);
    (void)kit->engine->ops->done(kit->engine, &kit->now, kit->handle, NULL);
    expect(kit, "done 2 HF_ERR_FULL\nerror HF_ERR_FULL storage_failed\n");
    hf_store_memory_fail(kit->store, HF_OK);
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, kit->handle, NULL),
                     HF_OK); /* said again */
    kit_tick(kit, 1000);
    expect(kit, "done 2 HF_OK\n> PUBACK 8\n");
}

static void reconnect(struct kit *kit, bool present)
{
    kit_cut(kit);
    (void)kit_until_attempt(kit);
    kit_open_as(kit, NULL);
    kit_connack(kit, present, 0);
    kit_suback(kit, 1);
    forget(kit);
}

static void down_again(struct kit *kit, uint16_t packet_id, uint8_t id)
{
    const struct hf_mqtt_publish publish = {.qos = 1,
                                            .dup = true,
                                            .packet_id = packet_id,
                                            .topic = HF_SLICE("t1/bike-7/down/x"),
                                            .payload = HF_SLICE("again")};

    kit_down_as(kit, &publish, id);
}

static void what_comes_twice_is_known_by_its_id(void **state)
{
    struct kit *kit = *state;

    kit_down(kit, 7, 0xa1, "a");
    kit->answer = HF_CLIENT_LATER;
    kit_down(kit, 8, 0xa2, "b");
    reconnect(kit, false); /* the acknowledgement was on its way */
    down_again(kit, 1, 0xa1);
    expect(kit, "> PUBACK 1\n");
    down_again(kit, 2, 0xa2); /* still in the application's hands */
    expect(kit, "");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, 2, NULL), HF_OK);
    expect(kit, "done 2 HF_OK\n> PUBACK 2\n");
    kit_restart(kit); /* and after a restart */
    kit_established(kit);
    kit_suback(kit, 1);
    forget(kit);
    down_again(kit, 3, 0xa2);
    expect(kit, "> PUBACK 3\n");
    assert_int_equal(kit_counts(kit).duplicates, 1);
}

static void without_an_id_the_brokers_session_tells_as_far_as_it_goes(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit_down(kit, 7, 0, "a");
    reconnect(kit, true);
    down_again(kit, 7, 0); /* in hand */
    expect(kit, "");
    assert_int_equal(kit->engine->ops->done(kit->engine, &kit->now, 1, NULL), HF_OK);
    expect(kit, "done 1 HF_OK\n> PUBACK 7\n");
    kit_down(kit, 7, 0, "b");
    expect(kit, "message 00 x=b format=0\n"); /* the identifier was free again */
    reconnect(kit, false);
    down_again(kit, 7, 0); /* another session: nobody can know */
    expect(kit, "message 00 x=again format=0\n");
}

static void what_a_message_is_comes_with_it(void **state)
{
    static const struct {
        const char *topic, *content_type, *payload;
        unsigned text;
        const char *want;
    } rows[] = {
        {"t1/bike-7/down/x", "application/json", "{}", 1, "message 00 x={} format=1 text\n> PUBACK 1\n"},
        {"t1/bike-7/down/x", "Application/MsgPack", "\x90", 0, "message 00 x=\x90 format=3\n> PUBACK 1\n"},
        {"t1/bike-7/down/x", "application/json", "{", 0, "message 00 x={ format=0\n> PUBACK 1\n"},
        {"t1/bike-7/down/x", "image/png", "p", 0, "message 00 x=p format=0\n> PUBACK 1\n"},
        {"t1/bike-7/down/gps%2Ffix", "", "p", 0, "message 00 gps/fix=p format=0\n> PUBACK 1\n"},
        {"t1/bike-7/down/a/b", "", "p", 0, "message 00 a/b=p format=0\n> PUBACK 1\n"},
        {"t1/bike-7/down/a%zz", "", "p", 0, "message 00 a%zz=p format=0\n> PUBACK 1\n"},
        {"t1/bike-7/down", "", "p", 0, "message 00 =p format=0\n> PUBACK 1\n"},
        {"elsewhere", "", "p", 0, "message 00 elsewhere=p format=0\n> PUBACK 1\n"},
    };
    struct kit *kit = *state;

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH,
                                        .as.publish = {.qos = 1,
                                                       .packet_id = 1,
                                                       .topic = hf_slice_of(rows[i].topic),
                                                       .payload = hf_slice_of(rows[i].payload)}};

        packet.properties.has = HF_MQTT_HAS(CONTENT_TYPE) | HF_MQTT_HAS(PAYLOAD_FORMAT);
        packet.properties.content_type = hf_slice_of(rows[i].content_type);
        packet.properties.payload_format = rows[i].text;
        kit_say(kit, &packet);
        expect(kit, rows[i].want);
    }
}

static void qos_0_is_taken_and_not_acknowledged(void **state)
{
    const struct hf_mqtt_publish publish = {.topic = HF_SLICE("t1/bike-7/down/x"), .payload = HF_SLICE("p")};
    struct kit *kit = *state;

    kit_down_as(kit, &publish, 0);
    expect(kit, "message 00 x=p format=0 at most once\n");
}

/* ---- bounds ---- */

static void more_than_was_said_to_be_taken_ends_it(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit->quiet = true;
    for (uint16_t id = 1; id <= HF_CLIENT_WINDOW_MESSAGES_MAX; id++)
        kit_down(kit, id, 0, "a");
    kit->quiet = false;
    kit_down(kit, HF_CLIENT_WINDOW_MESSAGES_MAX + 1, 0, "a");
    expect(kit, "> DISCONNECT 93\nclose\nclosed 147 memory_limit NONE: the broker sent more messages than it "
                "was told that we take\n");
    assert_int_equal(kit_counts(kit).overruns, 1);
}

/* A broker of 3.1.1 knows no receive maximum: what is done at once is no overrun, however much of it comes in one read. */
static void much_in_one_read_is_taken(void **state)
{
    enum { MESSAGES = HF_CLIENT_WINDOW_MESSAGES_MAX + 44 };
    const struct hf_mqtt_packet one = {
        .type = HF_MQTT_PUBLISH,
        .as.publish = {.qos = 1, .packet_id = 1, .topic = HF_SLICE("t1/bike-7/down/x")}};
    struct kit *kit = *state;
    size_t bytes = hf_mqtt_encoded_bytes(kit->version, &one);
    uint8_t *all = malloc(MESSAGES * bytes);

    for (uint16_t id = 1; id <= MESSAGES; id++) {
        struct hf_mqtt_packet packet = one;

        packet.as.publish.packet_id = id;
        (void)hf_mqtt_encode(kit->version, &packet, all + (id - 1) * bytes);
    }
    kit->quiet = true;
    kit_give(kit, all, MESSAGES * bytes);
    assert_int_equal(kit_counts(kit).overruns, 0);
    assert_int_equal(kit_counts(kit).received, MESSAGES);
    free(all);
}

static void hands_have_an_end_over_several_connections(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit->quiet = true;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint16_t id = 1; id <= HF_CLIENT_WINDOW_MESSAGES_MAX; id++)
            kit_down(kit, id, 0, "a");
        reconnect(kit, false);
    }
    kit->quiet = false;
    kit_down(kit, 1, 0, "a");
    expect(kit, "> DISCONNECT 93\nclose\nclosed 147 memory_limit NONE: more messages are in the "
                "application's hands than there is room for\n");
    assert_int_equal(kit_counts(kit).overruns, 1);
}

static void a_large_message_comes_in_pieces(void **state)
{
    size_t bytes = 300000;
    char *payload = malloc(bytes + 1);
    struct kit *kit = *state;

    memset(payload, 'P', bytes);
    payload[bytes] = '\0';
    kit->chunk = 1000;
    kit_down(kit, 1, 0xa1, payload);
    kit_down(kit, 2, 0xa2, "small");
    expect(kit,
           "message a1 x=PPPPPPPPPPPPPPPP format=0\n> PUBACK 1\nmessage a2 x=small format=0\n> PUBACK 2\n");
    free(payload);
}

/* Its PINGRESP waits behind the message: bytes are a sign of life themselves. */
static void a_message_may_take_longer_than_the_keep_alive(void **state)
{
    enum { BYTES = 100000 };
    struct hf_mqtt_packet packet = {
        .type = HF_MQTT_PUBLISH,
        .as.publish = {.qos = 1, .packet_id = 1, .topic = HF_SLICE("t1/bike-7/down/x")}};
    struct kit *kit = *state;
    uint8_t *encoded = malloc(2 * BYTES);
    char *payload = calloc(1, BYTES);
    size_t bytes;

    packet.as.publish.payload = (struct hf_slice){payload, BYTES};
    bytes = hf_mqtt_encode(HF_MQTT_V5, &packet, encoded);
    for (size_t at = 0; at < bytes; at += 1000) {
        kit_give(kit, encoded + at, HF_MIN(bytes - at, (size_t)1000));
        kit_tick(kit, 5000);
    }
    assert_non_null(strstr(kit->lines, "message 00 x="));
    assert_null(strstr(kit->lines, "closed"));
    free(payload);
    free(encoded);
}

static void to_3_1_1(struct kit *kit)
{
    kit_cut(kit);
    (void)kit_until_attempt(kit);
    kit_open_as(kit, NULL);
    kit_connack(kit, false, HF_MQTT_REASON_VERSION);
    (void)kit_until_attempt(kit);
    kit_established(kit);
    kit_suback(kit, 1);
    forget(kit);
}

/* In 3.1.1 the broker cannot be told the limit. */
static void what_is_too_large_is_passed_over_in_3_1_1(void **state)
{
    enum { BYTES = HF_CLIENT_MESSAGE_BYTES_MAX_DEFAULT + HF_CLIENT_MQTT_PACKET_SPARE + 1 };
    static const size_t chunks[] = {1, 3, 20, 21, 22, 1000, 0};
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH,
                                    .as.publish = {.packet_id = 7, .topic = HF_SLICE("t1/bike-7/down/x")}};
    struct kit *kit = *state;
    uint8_t *encoded = malloc(2 * BYTES);
    char *payload = calloc(1, BYTES);
    size_t bytes;

    to_3_1_1(kit);
    packet.as.publish.payload = (struct hf_slice){payload, BYTES};
    for (size_t i = 0; i < HF_COUNT_OF(chunks); i++)
        for (uint8_t qos = 0; qos < 2; qos++) {
            packet.as.publish.qos = qos;
            packet.as.publish.packet_id = qos > 0 ? 7 : 0;
            bytes = hf_mqtt_encode(HF_MQTT_V311, &packet, encoded);
            for (size_t at = 0, some; at < bytes; at += some) {
                some = HF_MIN(bytes - at, at < 100 && chunks[i] > 0 ? chunks[i] : bytes);
                kit_give(kit, encoded + at, some);
            }
            kit_down(kit, 8, 0, "after");
            expect(kit,
                   qos > 0 ? "error HF_ERR_LIMIT message_too_big\n> PUBACK 7\nmessage 00 x=after format=0\n> "
                             "PUBACK 8\n"
                           : "error HF_ERR_LIMIT message_too_big\nmessage 00 x=after format=0\n> PUBACK 8\n");
        }
    assert_int_equal(kit_counts(kit).overruns, 2 * HF_COUNT_OF(chunks));
    encoded[0] |= 0x06; /* QoS 3 is none that could be passed over */
    kit_give(kit, encoded, 1000);
    assert_non_null(strstr(kit->lines, "closed 149 message_too_big"));
    free(payload);
    free(encoded);
}

static void a_broker_of_3_1_1_brings_messages_too(void **state)
{
    struct kit *kit = *state;

    kit_cut(kit);
    (void)kit_until_attempt(kit);
    kit_open_as(kit, NULL);
    kit_connack(kit, false, HF_MQTT_REASON_VERSION);
    (void)kit_until_attempt(kit);
    forget(kit);
    kit_established(kit);
    expect(kit, "> CONNECT v4\nopened rebuilt MQTT 3.1.1\n> SUBSCRIBE t1/bike-7/down/# qos=1 retained=0\n");
    kit_suback(kit, 1);
    kit_down(kit, 5, 0, "a");
    expect(kit, "message 00 x=a format=0\n> PUBACK 5\n");
    kit_suback(kit, 1);
    assert_non_null(strstr(kit->lines, "closed 130"));
}

int main(void)
{
#define LISTENING(test) cmocka_unit_test_setup_teardown(test, kit_setup_listening, kit_teardown)
    const struct CMUnitTest tests[] = {
        LISTENING(the_subscription_is_the_devices_own),
        LISTENING(what_the_broker_says_of_the_subscription_is_told),
        LISTENING(a_message_is_acknowledged_when_it_is_done),
        LISTENING(acknowledgements_keep_the_order_of_messages),
        LISTENING(nothing_is_acknowledged_before_it_is_durable),
        LISTENING(what_comes_twice_is_known_by_its_id),
        LISTENING(without_an_id_the_brokers_session_tells_as_far_as_it_goes),
        LISTENING(what_a_message_is_comes_with_it),
        LISTENING(qos_0_is_taken_and_not_acknowledged),
        LISTENING(more_than_was_said_to_be_taken_ends_it),
        LISTENING(much_in_one_read_is_taken),
        LISTENING(hands_have_an_end_over_several_connections),
        LISTENING(a_large_message_comes_in_pieces),
        LISTENING(a_message_may_take_longer_than_the_keep_alive),
        LISTENING(what_is_too_large_is_passed_over_in_3_1_1),
        LISTENING(a_broker_of_3_1_1_brings_messages_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
