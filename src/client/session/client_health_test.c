/* client/core: heartbeats, silence, HB-9's look around, output that stands, large messages, and a store in trouble. */
#include "client/session/core_testkit.h"

static void kit_pong(struct kit *kit)
{
    const struct hf_frame pong = {.type = HF_FRAME_PONG, .as.beat = kit->ping};

    kit_send(kit, &pong);
}

static void the_device_beats_and_the_gateways_pings_are_answered(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame ping = {.type = HF_FRAME_PING, .as.beat = {.beat = {.seq = 41}, .interval_ms = 0}};

    kit_tick(kit, 5000);
    expect(kit, "> PING 1\n");
    assert_true(kit->ping.beat.ts_ms == kit->now.utc_ms && kit->ping.interval_ms == 5000);
    kit_pong(kit);
    kit_send(kit, &ping);
    expect(kit, "> PONG 41\n");
    kit_give_ws(kit, HF_WS_OP_PING, "hello", 5);
    expect(kit, "> Pong hello\n");
    kit_tick(kit, 5000);
    expect(kit, "> PING 2\n");
}

static void in_profile_default_the_gateway_beats(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.profile = HF_PROFILE_DEFAULT;
    kit->welcome.interval_ms = 30000;
    kit_established(kit);
    forget(kit);
    kit_tick(kit, 59999);
    expect(kit, "");
    kit_tick(kit, 1);
    expect(kit,
           "> Close 4408 reason=heartbeat_timeout;retry_ms=0\nclose\nclosed 4408 heartbeat_timeout NONE\n");
}

static void silence_degrades_looks_around_and_ends(void **state)
{
    struct kit *kit = *state;

    kit_tick(kit, 10000);
    expect(kit, "> PING 1\nprobe\n> PING 2\n");
    kit_tick(kit, 6999);
    assert_non_null(strstr(kit->lines, "degraded\n"));
    assert_non_null(strstr(kit->lines, "closed 4408 heartbeat_timeout NONE\n"));
}

static void what_the_look_around_says(void **state)
{
    struct kit *kit = *state;
    static const struct {
        bool told, connected, resolved;
        uint64_t at_most_ms;
        bool waits;
    } rows[] = {
        {false, true, true, 0, false},       /* the connection is dead: at once */
        {false, false, true, 30000, false},  /* unreachable: by RC-1 */
        {false, false, false, 30000, false}, /* nobody would tell of the network's return */
        {true, false, false, 0, true},       /* down: wait for the network */
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        if (rows[i].told)
            hf_client_core_network(kit->core, &kit->now, true);
        kit_tick(kit, 10000);
        forget(kit);
        hf_client_core_probed(kit->core, &kit->now, rows[i].connected, rows[i].resolved);
        expect(kit, "close\nclosed 1006 silence LOST\n");
        if (rows[i].waits) {
            assert_true(hf_client_core_due_ms(kit->core) == UINT64_MAX);
            hf_client_core_network(kit->core, &kit->now, true);
        } else {
            assert_true(hf_client_core_due_ms(kit->core) <= kit->now.now_ms + rows[i].at_most_ms);
        }
        kit_until_attempt(kit);
        kit->welcome.result = HF_SESSION_RESUMED;
        kit_established(kit);
    }
    /* a sign of life meanwhile: its answer means nothing any more */
    kit_tick(kit, 10000);
    kit_pong(kit);
    hf_client_core_probed(kit->core, &kit->now, true, true);
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_CONNECTED);
}

static void ha_does_not_look_around(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.profile = HF_PROFILE_HA;
    kit->welcome.interval_ms = 2000;
    kit_established(kit);
    forget(kit);
    kit_tick(kit, 4000);
    expect(kit, "> PING 1\n> PING 2\n");
    kit_tick(kit, 3100);
    assert_non_null(strstr(kit->lines, "closed 4408 heartbeat_timeout NONE\n"));
    assert_null(strstr(kit->lines, "probe\n"));
    assert_non_null(strstr(kit->lines, "connect 0\n")); /* within 100 ms */
}

static void bytes_that_the_peers_kernel_took_grant_one_interval(void **state)
{
    struct kit *kit = *state;
    uint64_t granted_ms = 0, plain_ms = 0;

    kit->quiet = true;
    for (int i = 0; i < 2; i++) {
        uint64_t from_ms = kit->now.now_ms;

        kit->peer_acked = 100;
        kit_tick(kit, 5000);
        kit->peer_acked += i == 0 ? 1 : 0;
        while (hf_client_core_state(kit->core) != HF_LINK_DISCONNECTED)
            kit_tick(kit, 100);
        if (i == 0)
            granted_ms = kit->now.now_ms - from_ms;
        else
            plain_ms = kit->now.now_ms - from_ms;
        kit_until_attempt(kit);
        kit->welcome.result = HF_SESSION_RESUMED;
        kit_established(kit);
    }
    assert_in_range(granted_ms - plain_ms, 2000, 5100);
}

static void three_wrong_heartbeats_end_it(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame pong = {.type = HF_FRAME_PONG, .as.beat = {.beat = {.seq = 7}}}; /* never sent */

    kit_send(kit, &pong);
    kit_send(kit, &pong);
    expect(kit, "");
    kit_send(kit, &pong);
    expect(kit, "> Close 4400 reason=invalid_heartbeat;retry_ms=0\n");
}

static void late_answers_degrade_and_good_ones_restore(void **state)
{
    struct kit *kit = *state;

    for (int i = 0; i < 4; i++) {
        kit_tick(kit, 5000);
        if (i > 0)
            kit_tick(kit, 2000);
        kit_pong(kit);
    }
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_DEGRADED);
    for (int i = 0; i < 40 && hf_client_core_state(kit->core) == HF_LINK_DEGRADED; i++) {
        uint32_t seq = kit->ping.beat.seq;

        while (kit->ping.beat.seq == seq)
            kit_tick(kit, 10);
        kit_pong(kit);
    }
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_CONNECTED);
    assert_non_null(strstr(kit->lines, "degraded\n"));
    assert_non_null(strstr(kit->lines, "connected\n"));
}

/* ---- output ---- */

static void output_that_stands_ends_the_connection(void **state)
{
    struct kit *kit = *state;

    kit->room = 10;
    kit_publish(kit, "a");
    kit_tick(kit, HF_CLIENT_WRITE_MS - 1);
    forget(kit);
    kit->room = 0;
    kit_tick(kit, 1);
    expect(kit, "close\nclosed 1006 write_timeout TIMEOUT\n");
}

static void a_full_buffer_holds_messages_but_not_what_is_owed(void **state)
{
    struct kit *kit = *state;
    char payload[1001];
    const struct hf_frame ping = {.type = HF_FRAME_PING, .as.beat = {.beat = {.seq = 1}}};

    memset(payload, 'p', 1000);
    payload[1000] = '\0';
    kit->room = 0;
    kit->quiet = true;
    for (int i = 0; i < 40; i++)
        kit_publish(kit, payload);
    kit->quiet = false;
    kit_send(kit, &ping);
    expect(kit, "");
    kit->room = SIZE_MAX;
    hf_client_core_writable(kit->core, &kit->now);
    kit_read(kit);
    assert_non_null(strstr(kit->lines, "> DATA 40 t=pppp"));
    assert_non_null(strstr(kit->lines, "> PONG 1\n"));
    assert_true(strstr(kit->lines, "> PONG 1\n") < strstr(kit->lines, "> DATA 40"));
}

static void a_message_larger_than_the_buffer_is_streamed(void **state)
{
    struct kit *kit = *state;
    enum { LARGE = 300000 };
    char *payload = malloc(LARGE + 1);

    for (size_t i = 0; i < LARGE; i++)
        payload[i] = (char)('a' + i % 23);
    payload[LARGE] = '\0';
    kit->room = 1;
    kit_publish(kit, payload);
    kit_publish(kit, "after");
    while (kit->room != SIZE_MAX) { /* odd pieces */
        kit->room = kit->seq == 0 ? 4099 : SIZE_MAX;
        hf_client_core_writable(kit->core, &kit->now);
        kit_read(kit);
    }
    expect(kit, "published 1\npublished 2\n> DATA 1 t=abcdefghijklmnop\n> DATA 2 t=after\n");
    free(payload);
}

static void the_streamed_bytes_are_the_messages(void **state)
{
    struct kit *kit = *state;
    enum { LARGE = 100000 };
    struct hf_store_message message = {.class = HF_STORE_MESSAGE, .topic = HF_SLICE("t")};
    uint8_t *payload = malloc(LARGE);
    struct hf_ws_event event;
    struct hf_frame frame;
    size_t at = 0, taken;

    for (size_t i = 0; i < LARGE; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
    message.payload = (struct hf_slice){(char *)payload, LARGE};
    kit->wire_bytes = 0;
    kit->upgraded = false; /* read by hand */
    assert_int_equal(hf_client_core_publish(kit->core, &kit->now, &message, kit), HF_OK);
    for (; at < kit->wire_bytes; at += taken) {
        assert_int_equal(
            hf_ws_decoder_feed(&kit->decoder, kit->wire + at, kit->wire_bytes - at, &taken, &event), HF_OK);
        assert_int_equal(event.type, HF_WS_PART);
        assert_int_equal(
            hf_ws_assembly_add(&kit->message, &kit_memory, 1 << 20, event.slice, event.slice_bytes), HF_OK);
    }
    assert_true(event.last);
    assert_int_equal(hf_frame_decode(kit->message->data, kit->message->bytes, 1 << 20, &taken, &frame),
                     HF_OK);
    assert_int_equal(frame.as.data.payload.bytes, LARGE);
    assert_memory_equal(frame.as.data.payload.at, payload, LARGE);
    free(payload);
}

static void a_message_may_come_in_pieces_and_must_not_be_text(void **state)
{
    struct kit *kit = *state;
    static const uint8_t data[] = {2, 3, 3, 0, 0};

    (void)data;
    kit_give(kit, "\x02\x03\x63\x00\x00", 5); /* binary, not final: an unknown type ... */
    kit_give(kit, "\x80\x03\x01\x00x", 5);    /* ... and its body */
    expect(kit, "");
    kit_give_ws(kit, HF_WS_OP_TEXT, "{}", 2);
    expect(kit, "> Close 1003 reason=unsupported_data;retry_ms=0\n");
}

static void a_masked_frame_is_a_protocol_error(void **state)
{
    struct kit *kit = *state;

    kit_give(kit, "\x82\x80\x01\x02\x03\x04", 6);
    expect(kit, "> Close 1002 reason=protocol_error;retry_ms=0\n");
}

/* ---- a store in trouble ---- */

static void a_commit_that_fails_fails_the_publish_and_goes_on(void **state)
{
    struct kit *kit = *state;

    hf_store_memory_fail(kit->store, HF_ERR_FULL);
    kit_publish(kit, "lost");
    expect(kit, "error HF_ERR_FULL storage_failed\npublished 1 HF_ERR_FULL\n");
    hf_store_memory_fail(kit->store, HF_OK);
    kit_publish(kit, "kept"); /* its commit shows that the store is well again */
    expect(kit, "published 1\n> DATA 1 t=kept\n");
}

/* The commit that forgets a message may fail, and brings it back: it is not told that it has failed, for it may still be sent. */
static void what_is_not_durably_out_of_the_queue_has_not_failed(void **state)
{
    struct kit *kit = *state;

    kit->quiet = true;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "x"), HF_OK);
    kit->quiet = false;
    hf_store_memory_fail(kit->store, HF_ERR_IO);
    assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "y"), HF_OK);
    expect(kit, "error HF_ERR_IO storage_failed\npublished 1001 HF_ERR_IO\n");
    hf_store_memory_fail(kit->store, HF_OK);
    assert_int_equal(kit_publish_as(kit, HF_STORE_TELEMETRY, false, "z"), HF_OK);
    expect(kit, "failed 1 drop_oldest\npublished 1001\n");
}

static void an_acknowledgement_that_could_not_be_stored_is_tried_again(void **state)
{
    struct kit *kit = *state;

    hf_store_memory_fail(kit->store, HF_ERR_IO);
    kit_data(kit, 1, 1, "a");
    kit_command(kit, 2, 2, "unlock");
    kit_tick(kit, 500);
    expect(kit, "message 01 d=a\nerror HF_ERR_IO storage_failed\ncommand 02 unlock={}\ndone 2 HF_ERR_IO\n> "
                "ACK 2 0\n");
    hf_store_memory_fail(kit->store, HF_OK);
    kit_tick(kit, HF_CLIENT_RETRY_STORE_MS);
    expect(kit, "> ACK 2 1\n"); /* the message by itself, the command waits for its result */
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, 2, &kit->result), HF_OK);
    expect(kit, "done 2 HF_OK\n> ACK 2 2\n> RESULT 1 id=02 status=0 ok\n");
}

static void a_session_that_could_not_be_stored_is_stored_before_its_first_position(void **state)
{
    struct kit *kit = *state;
    struct hf_store_facts facts;

    hf_client_core_start(kit->core, &kit->now);
    kit_open(kit);
    kit_upgrade(kit);
    hf_store_memory_fail(kit->store, HF_ERR_IO);
    kit_welcome(kit);
    hf_store_memory_fail(kit->store, HF_OK);
    kit_tick(kit, HF_CLIENT_RETRY_STORE_MS);
    kit_data(kit, 1, 1, "a");
    kit->store->ops->facts(kit->store, &facts);
    assert_int_equal(facts.session_id[0], 0xaa);
    assert_int_equal(facts.position, 1);
}

/* ---- the rest ---- */

static void subscriptions_and_tokens(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame answer = {.type = HF_FRAME_AUTH, .as.auth = {.answer = true, .expires_ms = 99}};

    assert_int_equal(hf_client_core_subscribe(kit->core, &kit->now, HF_SLICE("news"), true), HF_OK);
    assert_int_equal(hf_client_core_subscribe(kit->core, &kit->now, HF_SLICE("news"), false), HF_OK);
    assert_int_equal(hf_client_core_token(kit->core, &kit->now, HF_SLICE("eyJ")), HF_OK);
    expect(kit, "> SUBSCRIBE news\n> SUBSCRIBE not news\n> AUTH eyJ\n");
    kit_send(kit, &answer);
    expect(kit, "credentials until 99\n");
    assert_int_equal(hf_client_core_subscribe(kit->core, &kit->now, HF_SLICE(""), true), HF_ERR_INVALID);
    hf_client_core_closed(kit->core, &kit->now);
    assert_int_equal(hf_client_core_subscribe(kit->core, &kit->now, HF_SLICE("news"), true), HF_ERR_CLOSED);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)
#define OPEN(test)  cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN(the_device_beats_and_the_gateways_pings_are_answered),
        FRESH(in_profile_default_the_gateway_beats),
        OPEN(silence_degrades_looks_around_and_ends),
        OPEN(what_the_look_around_says),
        FRESH(ha_does_not_look_around),
        OPEN(bytes_that_the_peers_kernel_took_grant_one_interval),
        OPEN(three_wrong_heartbeats_end_it),
        OPEN(late_answers_degrade_and_good_ones_restore),
        OPEN(output_that_stands_ends_the_connection),
        OPEN(a_full_buffer_holds_messages_but_not_what_is_owed),
        OPEN(a_message_larger_than_the_buffer_is_streamed),
        OPEN(the_streamed_bytes_are_the_messages),
        OPEN(a_message_may_come_in_pieces_and_must_not_be_text),
        OPEN(a_masked_frame_is_a_protocol_error),
        OPEN(a_commit_that_fails_fails_the_publish_and_goes_on),
        FRESH(what_is_not_durably_out_of_the_queue_has_not_failed),
        OPEN(an_acknowledgement_that_could_not_be_stored_is_tried_again),
        FRESH(a_session_that_could_not_be_stored_is_stored_before_its_first_position),
        OPEN(subscriptions_and_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
