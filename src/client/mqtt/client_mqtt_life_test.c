/* client/mqtt: how a connection to a broker begins and ends, and when the next one comes. */
#include "client/mqtt/broker_testkit.h"

/* ---- CONNECT ---- */

static void who_it_is_stands_in_connect(void **state)
{
    static const struct {
        const char *user, *token;
        bool listens;
        uint8_t profile;
        const char *want;
    } rows[] = {
        {"", NULL, false, HF_PROFILE_ADAPTIVE, "v5 id=bike-7 clean=1 keep=30"},
        {"", "secret", false, HF_PROFILE_ADAPTIVE,
         "v5 id=bike-7 clean=1 keep=30 user=bike-7 password=secret"},
        {"me", "secret", false, HF_PROFILE_ADAPTIVE, "v5 id=bike-7 clean=1 keep=30 user=me password=secret"},
        {"me", NULL, false, HF_PROFILE_ADAPTIVE, "v5 id=bike-7 clean=1 keep=30 user=me"},
        {"", NULL, true, HF_PROFILE_HA, "v5 id=bike-7 clean=0 keep=4 expiry=86400"},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct kit *kit;

        (void)kit_setup(state);
        kit = *state;
        kit->engine->ops->free(kit->engine);
        kit->mqtt.user = hf_slice_of(rows[i].user);
        kit->mqtt.listens = rows[i].listens;
        kit->config.profile = rows[i].profile;
        kit_engine_new(kit);
        kit->engine->ops->start(kit->engine, &kit->now);
        kit_open_as(kit, rows[i].token);
        assert_string_equal(kit->connect, rows[i].want);
        (void)kit_teardown(state);
    }
}

static void what_cannot_be_a_client_is_refused(void **state)
{
    static const char long_text[300];
    struct kit *kit = *state;
    struct hf_client_engine *engine = NULL;
    struct hf_client_config config = kit->config;
    struct hf_client_mqtt_config mqtt = kit->mqtt;

    config.device = HF_SLICE("");
    assert_int_equal(hf_client_mqtt_new(&config, &mqtt, kit->store, &kit->ops, kit, &engine), HF_ERR_INVALID);
    config.device = (struct hf_slice){long_text, HF_CLIENT_DEVICE_BYTES_MAX + 1};
    assert_int_equal(hf_client_mqtt_new(&config, &mqtt, kit->store, &kit->ops, kit, &engine), HF_ERR_INVALID);
    config = kit->config;
    mqtt.prefix = (struct hf_slice){long_text, HF_CLIENT_MQTT_PREFIX_BYTES_MAX + 1};
    assert_int_equal(hf_client_mqtt_new(&config, &mqtt, kit->store, &kit->ops, kit, &engine), HF_ERR_INVALID);
    mqtt = kit->mqtt;
    mqtt.user = (struct hf_slice){long_text, HF_CLIENT_MQTT_USER_BYTES_MAX + 1};
    assert_int_equal(hf_client_mqtt_new(&config, &mqtt, kit->store, &kit->ops, kit, &engine), HF_ERR_INVALID);
}

/* The longest texts that are allowed fit into the buffer, with a token as long as one may be. */
static void the_longest_texts_fit(void **state)
{
    char device[HF_CLIENT_DEVICE_BYTES_MAX], prefix[HF_CLIENT_MQTT_PREFIX_BYTES_MAX],
        user[HF_CLIENT_MQTT_USER_BYTES_MAX], token[HF_FRAME_TOKEN_BYTES_MAX + 1],
        topic[HF_STORE_TOPIC_BYTES_MAX], software[HF_CLIENT_NAME_BYTES_MAX], trace[HF_FRAME_TRACE_BYTES_MAX];
    struct kit *kit = *state;
    struct hf_store_message message = {.class = HF_STORE_MESSAGE, .topic = {topic, sizeof(topic)}};

    memset(device, '/', sizeof(device)); /* three bytes each, in a topic */
    memset(prefix, 'p', sizeof(prefix));
    memset(user, 'u', sizeof(user));
    memset(topic, '+', sizeof(topic));
    memset(software, 's', sizeof(software));
    memset(trace, 't', sizeof(trace));
    memset(token, 'T', sizeof(token) - 1);
    token[sizeof(token) - 1] = '\0';
    kit->engine->ops->free(kit->engine);
    kit->config.device = (struct hf_slice){device, sizeof(device)};
    kit->config.software = (struct hf_slice){software, sizeof(software)};
    kit->config.trace = (struct hf_slice){trace, sizeof(trace)};
    kit->mqtt.prefix = (struct hf_slice){prefix, sizeof(prefix)};
    kit->mqtt.user = (struct hf_slice){user, sizeof(user)};
    kit->mqtt.listens = true;
    kit_engine_new(kit);
    kit->engine->ops->start(kit->engine, &kit->now);
    kit->quiet = true;
    kit_open_as(kit, token);
    kit_connack(kit, false, HF_MQTT_REASON_SUCCESS);
    kit_suback(kit, 1);
    message.expires_ms = kit->now.utc_ms + 5000;
    message.format = 4;
    assert_int_equal(kit->engine->ops->publish(kit->engine, &kit->now, &message, kit), HF_OK);
    kit_read(kit);
    assert_int_equal(kit->publishes, 1);
}

/* ---- CONNACK ---- */

static void a_refusal_says_why_and_paces_the_next_attempt(void **state)
{
    static const struct {
        uint8_t reason;
        const char *closed;
        uint32_t at_least_ms;
        bool fresh;
    } rows[] = {
        {HF_MQTT_REASON_BAD_LOGIN,
         "closed 134 credentials_invalid AUTH_REFUSED: the broker says: bad user name or password; the user "
         "or the token is not taken\n",
         0, true},
        {HF_MQTT_REASON_NOT_AUTHORIZED,
         "closed 135 credentials_invalid AUTH_REFUSED: the broker says: not authorized; the user or the "
         "token is not taken\n",
         0, true},
        {HF_MQTT_REASON_BANNED, "closed 138 revoked AUTH_REFUSED: the broker says: banned\n", 300000, false},
        {HF_MQTT_REASON_CLIENT_ID,
         "closed 133 identity_mismatch PROTOCOL: the broker says: client identifier not valid; the device's "
         "name is the client identifier\n",
         0, false},
        {HF_MQTT_REASON_UNAVAILABLE, "closed 136 try_later PROTOCOL: the broker says: server unavailable\n",
         0, false},
        {HF_MQTT_REASON_BUSY, "closed 137 busy PROTOCOL: the broker says: server busy\n", 0, false},
        {HF_MQTT_REASON_CONNECTION_RATE,
         "closed 159 accept_rate PROTOCOL: the broker says: connection rate exceeded\n", 5000, false},
        {HF_MQTT_REASON_QUOTA, "closed 151 tenant_limit PROTOCOL: the broker says: quota exceeded\n", 5000,
         false},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char want[512];
        struct kit *kit;

        (void)kit_setup_started(state);
        kit = *state;
        kit_open_as(kit, "t");
        forget(kit);
        kit_connack(kit, false, rows[i].reason);
        (void)snprintf(want, sizeof(want), "close\n%s", rows[i].closed);
        expect(kit, want);
        assert_true(kit_until_attempt(kit) >= rows[i].at_least_ms);
        expect(kit, rows[i].fresh ? "connect 1 fresh\n" : "connect 1\n");
        (void)kit_teardown(state);
    }
}

static void a_broker_of_3_1_1_is_spoken_to_in_3_1_1(void **state)
{
    struct kit *kit = *state;
    static const uint8_t refused[] = {0x20, 0x02, 0x00, 0x01};

    for (size_t chunk = 0; chunk <= 4; chunk++) { /* 0: a broker of 5.0 that does not like it, either */
        kit_open_as(kit, "secret");
        forget(kit);
        kit->chunk = chunk;
        if (chunk == 0)
            kit_connack(kit, false, HF_MQTT_REASON_VERSION);
        else
            kit_give(kit, refused, sizeof(refused));
        kit->chunk = 0;
        expect(kit,
               "close\nclosed 132 version PROTOCOL: the broker does not speak MQTT 5.0: on with 3.1.1\n");
        assert_int_equal(kit_until_attempt(kit), 0); /* it is a step of the handshake */
        kit_open_as(kit, "secret");
        assert_string_equal(kit->connect, "v4 id=bike-7 clean=1 keep=30 user=bike-7 password=secret");
        kit_connack(kit, false, HF_MQTT_REASON_SUCCESS);
        kit_publish(kit, "a");
        kit_puback(kit, kit->packet_id, 0);
        kit_cut(kit);
        (void)kit_until_attempt(kit);
        kit_open_as(kit, "secret"); /* remembered */
        assert_int_equal(kit->version, HF_MQTT_V311);
        kit_connack(kit, false, HF_MQTT_REASON_VERSION); /* now it speaks neither: from the beginning */
        (void)kit_until_attempt(kit);
        forget(kit);
    }
}

/* The last time the next attempt comes at once, in 3.1.1. */
static void unanswered(struct kit *kit)
{
    for (unsigned i = 1; i <= HF_CLIENT_MQTT_UNANSWERED_MAX; i++) {
        bool last = i == HF_CLIENT_MQTT_UNANSWERED_MAX;

        kit_open_as(kit, NULL);
        assert_int_equal(kit->version, HF_MQTT_V5);
        forget(kit);
        kit_cut(kit);
        expect(
            kit,
            last ? "close\nclosed 0 none LOST: the broker ended the connection before it answered CONNECT: "
                   "on with 3.1.1\n"
                 : "close\nclosed 0 none LOST: the broker ended the connection before it answered CONNECT\n");
        assert_int_equal(kit_until_attempt(kit) == 0, last);
    }
}

/* RabbitMQ 3.10 goes without a word when it is spoken to in 5.0; so does what stands before a broker that is down. */
static void silence_instead_of_a_connack_is_asked_in_3_1_1(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < 2; i++) { /* down */
        unanswered(kit);
        kit_open_as(kit, NULL);
        assert_int_equal(kit->version, HF_MQTT_V311);
        forget(kit);
        if (i == 1)
            kit_tick(kit, HF_CLIENT_MQTT_CONNECT_MS); /* or another trouble */
        else
            kit_cut(kit);
        assert_non_null(strstr(kit->lines, "CONNECT"));
        assert_true(kit_until_attempt(kit) > 0);
    }
    for (unsigned i = 0; i < HF_CLIENT_MQTT_GUESSES_MAX; i++) {
        unanswered(kit);
        forget(kit);
        kit_established(kit);
        expect(kit, "> CONNECT v4\nopened new MQTT 3.1.1\n");
        kit_cut(kit);
        (void)kit_until_attempt(kit);
    }
    kit_open_as(kit, NULL);
    assert_int_equal(kit->version, HF_MQTT_V311); /* it was not */
    kit_cut(kit);
    (void)kit_until_attempt(kit);
    kit_open_as(kit, NULL);
    assert_int_equal(kit->version, HF_MQTT_V311);
}

static void limits_of_the_broker_are_kept(void **state)
{
    struct kit *kit = *state;
    char large[200];

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    kit->limits.has =
        HF_MQTT_HAS(RECEIVE_MAXIMUM) | HF_MQTT_HAS(MAXIMUM_PACKET_BYTES) | HF_MQTT_HAS(SERVER_KEEP_ALIVE);
    kit->limits.receive_maximum = 2;
    kit->limits.maximum_packet_bytes = 250; /* a small message with its properties has about 170 */
    kit->limits.server_keep_alive_s = 8;
    kit_established(kit);
    forget(kit);
    kit_publish(kit, "a");
    kit_publish(kit, "b");
    kit_publish(kit, "c");
    expect(kit, "> PUBLISH 2 t1/bike-7/up/t=a\n> PUBLISH 3 t1/bike-7/up/t=b\n");
    kit_puback(kit, 2, 0);
    expect(kit, "sent 1\n> PUBLISH 4 t1/bike-7/up/t=c\n");
    kit_puback(kit, 3, 0);
    kit_puback(kit, 4, 0);
    kit_publish(kit, large);
    expect(kit, "sent 2\nsent 3\nfailed 4 message_too_big\n");
    kit_tick(kit, 6000); /* three quarters of eight seconds */
    expect(kit, "> PINGREQ\n");
}

static void a_patient_broker_is_watched_all_the_same(void **state)
{
    static const uint16_t keep_alives[] = {0, 65535};

    for (size_t i = 0; i < HF_COUNT_OF(keep_alives); i++) {
        struct kit *kit;

        (void)kit_setup_started(state);
        kit = *state;
        kit->limits.has = HF_MQTT_HAS(SERVER_KEEP_ALIVE);
        kit->limits.server_keep_alive_s = keep_alives[i];
        kit_established(kit);
        forget(kit);
        kit_tick(kit, HF_CLIENT_MQTT_KEEP_ALIVE_S * 1000 / 4 * 3);
        expect(kit, "> PINGREQ\n");
        (void)kit_teardown(state);
    }
}

static void a_broker_without_qos_1_is_no_broker_for_us(void **state)
{
    struct kit *kit = *state;

    kit_open_as(kit, NULL);
    forget(kit);
    kit->limits.has = HF_MQTT_HAS(MAXIMUM_QOS);
    kit->limits.maximum_qos = 0;
    kit_connack(kit, false, 0);
    expect(kit, "close\nclosed 155 not_implemented PROTOCOL: the broker offers QoS 0 alone: nothing it takes "
                "would be sure to arrive\n");
}

/* ---- ends ---- */

static void the_broker_says_goodbye(void **state)
{
    static const struct {
        uint8_t reason;
        const char *reference, *want;
        uint32_t at_least_ms;
        const char *next;
    } rows[] = {
        {HF_MQTT_REASON_SHUTTING_DOWN, "", "closed 139 drain NONE: the broker says: server shutting down\n",
         0, "connect 0\n"},
        {HF_MQTT_REASON_TAKEN_OVER, "",
         "closed 142 replaced NONE: the broker says: session taken over; another connection has this "
         "device's name\n",
         30000, "connect 0\n"},
        {HF_MQTT_REASON_ANOTHER_SERVER, "b.example:1 [::1]:2",
         "closed 156 drain NONE: the broker says: use another server\n", 0, "connect 1 b.example:1\n"},
        {HF_MQTT_REASON_NOT_AUTHORIZED, "",
         "closed 135 credentials_invalid NONE: the broker says: not authorized\n", 0, "connect 0 fresh\n"},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char want[256];
        struct kit *kit;

        (void)kit_setup_open(state);
        kit = *state;
        if (rows[i].reference[0] != '\0') {
            kit->limits.has = HF_MQTT_HAS(SERVER_REFERENCE);
            kit->limits.server_reference = hf_slice_of(rows[i].reference);
        }
        kit_disconnect(kit, rows[i].reason);
        (void)snprintf(want, sizeof(want), "close\n%s", rows[i].want);
        expect(kit, want);
        assert_true(kit_until_attempt(kit) >= rows[i].at_least_ms);
        expect(kit, rows[i].next);
        (void)kit_teardown(state);
    }
}

static void a_goodbye_of_ours_waits_for_room(void **state)
{
    struct kit *kit = *state;

    kit->room = 3;
    kit_publish(kit, "a");
    kit->engine->ops->stop(kit->engine, &kit->now);
    assert_false(kit->engine->ops->stopped(kit->engine));
    expect(kit, "");
    kit->room = SIZE_MAX;
    kit->engine->ops->writable(kit->engine, &kit->now);
    expect(
        kit,
        "> PUBLISH 2 t1/bike-7/up/t=a\n> DISCONNECT 00\nclose\nclosed 1000 normal NONE for good: stopped\n");
    assert_true(kit->engine->ops->stopped(kit->engine));
}

static void a_goodbye_without_room_ends_by_its_deadline(void **state)
{
    struct kit *kit = *state;

    kit->room = 0;
    kit_publish(kit, "a");
    kit->engine->ops->stop(kit->engine, &kit->now);
    kit_tick(kit, HF_CLIENT_CLOSE_MS - 1);
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit, "close\nclosed 1000 normal NONE for good: stopped\n");
}

static void every_stage_has_its_deadline(void **state)
{
    struct kit *kit = *state;

    expect(kit, "connect 0\n");
    kit_tick(kit, HF_CLIENT_DNS_MS);
    expect(kit, "close\nclosed 0 none TIMEOUT: took too long\n");
    (void)kit_until_attempt(kit);
    kit->engine->ops->stage(kit->engine, &kit->now, HF_CLIENT_STAGE_TLS);
    kit_tick(kit, HF_CLIENT_TLS_MS - 1);
    expect(kit, "connect 1\n");
    kit_tick(kit, 1);
    expect(kit, "close\nclosed 0 none TIMEOUT: took too long\n");
    (void)kit_until_attempt(kit);
    kit_open_as(kit, NULL);
    forget(kit);
    kit_tick(kit, HF_CLIENT_MQTT_CONNECT_MS);
    expect(kit, "close\nclosed 0 none TIMEOUT: the broker did not answer CONNECT in time\n");
    (void)kit_until_attempt(kit);
    kit_established(kit);
    kit->room = 0;
    kit_publish(kit, "a");
    forget(kit);
    kit_tick(kit, HF_CLIENT_WRITE_MS);
    expect(kit, "close\nclosed 1006 write_timeout TIMEOUT: output made no progress\n");
}

static void a_silent_broker_is_found_within_one_and_a_half_keep_alives(void **state)
{
    struct kit *kit = *state;

    kit_tick(kit, 22499);
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit, "> PINGREQ\n");
    kit_tick(kit, 7500);
    expect(kit, "degraded\nprobe\n");
    kit_tick(kit, 7500);
    expect(kit,
           "disconnecting\nclose\nclosed 1006 heartbeat_timeout LOST: the broker did not answer PINGREQ\n");
}

static void an_answer_is_a_sign_of_life(void **state)
{
    const struct hf_mqtt_packet pong = {.type = HF_MQTT_PINGRESP};
    struct kit *kit = *state;

    kit_tick(kit, 22500);
    kit_tick(kit, 7500);
    expect(kit, "> PINGREQ\ndegraded\nprobe\n");
    kit_say(kit, &pong);
    expect(kit, "connected\n");
    kit_tick(kit, 14999); /* the broker counts from the last packet of ours: the PINGREQ */
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit, "> PINGREQ\n");
}

static void who_talks_and_is_answered_does_not_ask(void **state)
{
    struct kit *kit = *state;

    for (unsigned i = 0; i < 20; i++) {
        kit_publish(kit, "a");
        kit_tick(kit, 100);
        kit_puback(kit, kit->packet_id, 0);
        kit_tick(kit, 9900);
    }
    assert_null(strstr(kit->lines, "PINGREQ"));
}

static void a_look_around_may_end_it_at_once(void **state)
{
    struct kit *kit = *state;

    kit_tick(kit, 30000);
    forget(kit);
    kit->engine->ops->probed(kit->engine, &kit->now, true, true);
    expect(
        kit,
        "close\ndisconnected\nclosed 1006 silence LOST: silent, and another connection works: it is dead\n");
    assert_int_equal(kit_until_attempt(kit), 0);
}

static void without_a_network_nothing_is_tried(void **state)
{
    struct kit *kit = *state;

    kit->engine->ops->network(kit->engine, &kit->now, false);
    kit_cut(kit);
    expect(kit, "close\nclosed 1006 none LOST: the connection broke without a DISCONNECT\n");
    kit_tick(kit, 3600000);
    expect(kit, "");
    kit->engine->ops->network(kit->engine, &kit->now, true);
    kit_tick(kit, 1000);
    expect(kit, "connect 0\n");
}

static void what_breaks_the_protocol_ends_it(void **state)
{
    static const struct {
        uint8_t bytes[24];
        size_t count;
        const char *want;
    } rows[] = {
        {{0xd0, 0x01, 0x00}, 3, "closed 129 protocol_error NONE"}, /* PINGRESP with a body */
        {{0x10, 0x06, 0x00, 0x04, 'M', 'Q', 'T', 'X'}, 8, "closed 130 protocol_error NONE"}, /* CONNECT */
        {{0x20, 0x03, 0x00, 0x00, 0x00}, 5, "closed 130 protocol_error NONE: a second CONNACK"},
        {{0x30, 0x06, 0x00, 0x01, 'a', 0x00, 'x', 'y'},
         8,
         "closed 130 protocol_error NONE: the broker sent a message that was not asked for"},
        {{0x90, 0x04, 0xff, 0xff, 0x00, 0x01},
         6,
         "closed 130 protocol_error NONE: the broker answered a SUBSCRIBE"},
        {{0x62, 0x02, 0x00, 0x01},
         4,
         "closed 130 protocol_error NONE: the broker sent a packet that answers nothing"},
        {{0x30, 0xff, 0xff, 0x7f}, 4, "closed 149 message_too_big NONE: the broker sent a message above"},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        for (size_t chunk = 0; chunk < rows[i].count; chunk++) {
            struct kit *kit;

            (void)kit_setup_open(state);
            kit = *state;
            kit->chunk = chunk;
            kit_give(kit, rows[i].bytes, rows[i].count);
            if (strstr(kit->lines, rows[i].want) == NULL || strstr(kit->lines, "> DISCONNECT ") == NULL)
                fail_msg("row %zu: %s", i, kit->lines);
            (void)kit_teardown(state);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_it_is_stands_in_connect),
        cmocka_unit_test_setup_teardown(what_cannot_be_a_client_is_refused, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(the_longest_texts_fit, kit_setup, kit_teardown),
        cmocka_unit_test(a_refusal_says_why_and_paces_the_next_attempt),
        cmocka_unit_test_setup_teardown(a_broker_of_3_1_1_is_spoken_to_in_3_1_1, kit_setup_started,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(silence_instead_of_a_connack_is_asked_in_3_1_1, kit_setup_started,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(limits_of_the_broker_are_kept, kit_setup_started, kit_teardown),
        cmocka_unit_test_setup_teardown(a_broker_without_qos_1_is_no_broker_for_us, kit_setup_started,
                                        kit_teardown),
        cmocka_unit_test(a_patient_broker_is_watched_all_the_same),
        cmocka_unit_test(the_broker_says_goodbye),
        cmocka_unit_test_setup_teardown(a_goodbye_of_ours_waits_for_room, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(a_goodbye_without_room_ends_by_its_deadline, kit_setup_open,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(every_stage_has_its_deadline, kit_setup_started, kit_teardown),
        cmocka_unit_test_setup_teardown(a_silent_broker_is_found_within_one_and_a_half_keep_alives,
                                        kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_a_sign_of_life, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(who_talks_and_is_answered_does_not_ask, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(a_look_around_may_end_it_at_once, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(without_a_network_nothing_is_tried, kit_setup_open, kit_teardown),
        cmocka_unit_test(what_breaks_the_protocol_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
