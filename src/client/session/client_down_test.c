/* client/core: the downlink. In order, each once, and the position is stored with the application's acknowledgement (CQ-8, RC-8). */
#include "client/session/core_testkit.h"
#include "core/session/receiver.h"

static struct hf_client_message noted;

static void note_format(struct kit *kit, const struct hf_client_message *message)
{
    (void)kit;
    noted = *message;
}

static void a_message_is_delivered_and_acknowledged_when_its_position_is_durable(void **state)
{
    struct kit *kit = *state;

    kit_data(kit, 1, 1, "a");
    expect(kit, "message 01 d=a\n> ACK 1 1\n");
    kit->answer = HF_CLIENT_LATER;
    kit_data(kit, 2, 2, "b");
    expect(kit, "message 02 d=b\n");
    kit_tick(kit, HF_ACK_DELAY_MS);
    expect(kit, "> ACK 2 1\n");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, NULL), HF_OK);
    expect(kit, "done 2 HF_OK\n> ACK 2 2\n");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, NULL), HF_ERR_NOT_FOUND);
}

static void a_command_is_answered_with_its_result(void **state)
{
    struct kit *kit = *state;

    kit_command(kit, 1, 9, "unlock");
    expect(kit, "command 09 unlock={}\n> ACK 1 1\n> RESULT 1 id=09 status=0 ok\n");
    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 2, 10, "lock");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, NULL), HF_ERR_INVALID);
    kit->result.status = HF_RESULT_FAILED;
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, &kit->result), HF_OK);
    expect(kit, "command 0a lock={}\ndone 2 HF_OK\n> ACK 2 2\n> RESULT 2 id=0a status=1 ok\n");
}

/* The gateway would refuse such a result, and the command end as expired: the application gives another. */
static void a_result_that_is_not_what_it_says_is_given_again(void **state)
{
    struct kit *kit = *state;

    kit->result = (struct hf_client_result){.format = 1, .payload = HF_SLICE("{")};
    kit_command(kit, 1, 9, "unlock");
    expect(kit, "command 09 unlock={}\ndone 1 HF_ERR_INVALID\n");
    kit->result = (struct hf_client_result){.text = true, .payload = HF_SLICE("\xff")};
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, &kit->result), HF_ERR_INVALID);
    kit->result.text = false;
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, &kit->result), HF_OK);
    expect(kit, "done 1 HF_OK\n> ACK 1 1\n> RESULT 1 id=09 status=0 \xff\n");
}

/* Of one that the gateway sent the number counts, whatever it holds. */
static void a_payload_that_is_not_what_it_says_is_just_bytes(void **state)
{
    struct kit *kit = *state;
    struct hf_frame frame = {
        .type = HF_FRAME_DATA,
        .as.data = {.seq = 1, .format = 1, .topic = HF_SLICE("d"), .payload = HF_SLICE("{")}};

    kit->on_message = note_format;
    kit_send(kit, &frame);
    expect(kit, "message 00 d={\n> ACK 1 1\n");
    assert_int_equal(noted.format, 0);
    assert_false(noted.text);
    frame.as.data.seq = 2;
    frame.as.data.payload = HF_SLICE("{}");
    kit_send(kit, &frame);
    expect(kit, "message 00 d={}\n> ACK 2 2\n");
    assert_int_equal(noted.format, 1);
}

static void the_position_waits_for_the_first_that_is_not_acknowledged(void **state)
{
    struct kit *kit = *state;
    uint64_t first;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    first = kit->handle;
    kit->answer = HF_CLIENT_DONE;
    kit_data(kit, 2, 2, "b");
    kit_data(kit, 3, 3, "c");
    kit_tick(kit, HF_ACK_DELAY_MS);
    expect(kit, "command 01 slow={}\nmessage 02 d=b\nmessage 03 d=c\n> ACK 3 0\n");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, first, &kit->result), HF_OK);
    expect(kit, "done 1 HF_OK\n> ACK 3 3\n> RESULT 1 id=01 status=0 ok\n");
}

static void a_resume_delivers_only_what_was_not_acknowledged(void **state)
{
    struct kit *kit = *state;
    uint64_t first;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    first = kit->handle;
    kit->answer = HF_CLIENT_DONE;
    kit_data(kit, 2, 2, "b");
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    forget(kit);
    kit_established(kit);
    kit_command(kit, 1, 1, "slow"); /* still in the application's hands */
    kit_data(kit, 2, 2, "b");
    kit_data(kit, 3, 3, "c");
    expect(kit, "> HELLO session=aa at=0 first=1 next=1\nopened resumed\nmessage 03 d=c\n");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, first, &kit->result), HF_OK);
    expect(kit, "done 1 HF_OK\n> ACK 3 3\n> RESULT 1 id=01 status=0 ok\n");
}

/* HELLO said 0; what comes again is a duplicate, and the gateway's window would stay full. */
static void what_is_acknowledged_between_hello_and_welcome_is_acknowledged_to_the_gateway(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    kit_data(kit, 2, 2, "b");
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit_open(kit);
    kit_upgrade(kit);
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, 1, &kit->result), HF_OK);
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, 2, NULL), HF_OK);
    forget(kit);
    kit_welcome(kit);
    kit_data(kit, 1, 1, "slow");
    kit_data(kit, 2, 2, "b");
    kit_tick(kit, HF_ACK_DELAY_MS);
    expect(kit, "opened resumed\n> RESULT 1 id=01 status=0 ok\n> ACK 1 1\n> ACK 2 2\n");
}

static void after_a_crash_what_was_acknowledged_behind_a_slow_one_does_not_come_again(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    kit->answer = HF_CLIENT_DONE;
    kit_data(kit, 2, 2, "b");
    kit_restart(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    forget(kit);
    kit_established(kit);
    kit_command(kit, 1, 1, "slow"); /* was not answered: the crash forgot it */
    kit_data(kit, 2, 2, "b");
    expect(
        kit,
        "> HELLO session=aa at=0 first=1 next=1\nopened resumed\ncommand 01 slow={}\n> ACK 1 1\n> RESULT 1 "
        "id=01 status=0 ok\n> ACK 2 2\n");
}

static void a_rebuilt_session_brings_commands_again_and_they_are_answered_again(void **state)
{
    struct kit *kit = *state;

    kit_command(kit, 1, 1, "unlock");
    kit_data(kit, 2, 2, "b");
    kit_ack(kit, 1, 1); /* its result is there */
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_REBUILT;
    kit->welcome.reason = HF_REASON_EXPIRED;
    kit->welcome.session_id[0] = 0xbb;
    kit->welcome.uplink_received = kit->welcome.uplink_durable = 1;
    forget(kit);
    kit_established(kit);
    kit_data(kit, 1, 2, "b");
    kit_command(kit, 2, 1, "unlock");
    kit_command(kit, 3, 5, "other");
    expect(kit, "> HELLO session=aa at=2 first=2 next=2\nopened rebuilt expired\n> ACK 1 1\n"
                "> ACK 2 2\n> RESULT 2 id=01 status=0 ok\ncommand 05 other={}\n> ACK 3 3\n> RESULT 3 id=05 "
                "status=0 ok\n");
}

static void a_result_that_still_waits_is_not_doubled(void **state)
{
    struct kit *kit = *state;

    kit_command(kit, 1, 1, "unlock");
    kit_restart(kit);
    kit->welcome.result = HF_SESSION_REBUILT;
    kit->welcome.reason = HF_REASON_UNKNOWN_SESSION;
    kit->welcome.session_id[0] = 0xbb;
    forget(kit);
    kit_established(kit);
    kit_command(kit, 1, 1, "unlock");
    expect(
        kit,
        "> HELLO session=aa at=1 first=1 next=2\nopened rebuilt unknown_session\n> RESULT 1 id=01 status=0 "
        "ok\n> ACK 1 1\n");
}

static void a_command_in_hand_takes_its_new_number_in_a_rebuilt_session(void **state)
{
    struct kit *kit = *state;
    uint64_t handle;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    handle = kit->handle;
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_REBUILT;
    kit->welcome.reason = HF_REASON_EXPIRED;
    kit->welcome.session_id[0] = 0xbb;
    forget(kit);
    kit_established(kit);
    kit_data(kit, 1, 7, "x");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, NULL), HF_OK);
    kit_command(kit, 2, 1, "slow");
    kit_tick(kit, HF_ACK_DELAY_MS);
    expect(kit, "> HELLO session=aa at=0 first=1 next=1\nopened rebuilt expired\nmessage 07 d=x\ndone 2 "
                "HF_OK\n> ACK 1 "
                "1\n> ACK 2 1\n");
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, handle, &kit->result), HF_OK);
    expect(kit, "done 1 HF_OK\n> ACK 2 2\n> RESULT 1 id=01 status=0 ok\n");
}

static void an_answer_while_the_connection_is_away_is_kept(void **state)
{
    struct kit *kit = *state;

    kit->answer = HF_CLIENT_LATER;
    kit_command(kit, 1, 1, "slow");
    hf_client_core_closed(kit->core, &kit->now);
    forget(kit);
    assert_int_equal(hf_client_core_done(kit->core, &kit->now, kit->handle, &kit->result), HF_OK);
    expect(kit, "done 1 HF_OK\n");
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit->welcome.downlink_next = 2;
    kit_established(kit);
    expect(
        kit,
        "connect 0\n> HELLO session=aa at=1 first=1 next=1\nopened resumed\n> RESULT 1 id=01 status=0 ok\n");
}

static void early_frames_wait_and_a_hole_is_named(void **state)
{
    struct kit *kit = *state;

    kit_data(kit, 1, 1, "a");
    kit_data(kit, 3, 3, "c");
    kit_data(kit, 4, 4, "d");
    expect(kit, "message 01 d=a\n> ACK 1 1\n");
    kit_tick(kit, HF_HOLE_NACK_MS);
    expect(kit, "> ACK 1 1\n> ACK 1 1 nack\n");
    kit_data(kit, 2, 2, "b");
    expect(kit, "message 02 d=b\nmessage 03 d=c\nmessage 04 d=d\n> ACK 4 4\n");
    kit_data(kit, 3, 3, "c");
    expect(kit, "> ACK 4 4\n"); /* a duplicate: acknowledged again */
}

static char kept[256];

static void keep_payload(struct kit *kit, const struct hf_client_message *message)
{
    (void)kit;
    assert_true(message->payload.bytes < sizeof(kept));
    memcpy(kept, message->payload.at,
           message->payload.bytes); /* a sanitizer sees whether it is still there */
    kept[message->payload.bytes] = '\0';
}

static void an_early_frame_is_there_until_the_application_has_seen_it(void **state)
{
    struct kit *kit = *state;

    kit->on_message = keep_payload;
    kit_data(kit, 2, 2, "a payload that is longer than what the heap writes into free memory");
    kit_data(kit, 1, 1, "a");
    assert_string_equal(kept, "a payload that is longer than what the heap writes into free memory");
}

static void a_hole_that_stays_ends_the_connection(void **state)
{
    struct kit *kit = *state;

    kit_data(kit, 2, 2, "b");
    kit->quiet = true;
    kit_tick(kit, HF_HOLE_GIVE_UP_MS - 1);
    kit->quiet = false;
    forget(kit);
    kit_tick(kit, 1);
    expect(kit, "> Close 4400 reason=gap;retry_ms=0\n");
}

static void gaps_are_told_and_passed(void **state)
{
    struct kit *kit = *state;
    struct hf_frame gap = {
        .type = HF_FRAME_GAP,
        .as.gap = {.from = 1, .to = 5, .reason = HF_REASON_EXPIRED, .detail = HF_SLICE("")}};

    kit_send(kit, &gap);
    kit_data(kit, 6, 6, "f");
    expect(kit, "gap 1-5 expired\n> ACK 5 5\nmessage 06 d=f\n> ACK 6 6\n");
    gap.as.gap.from = 8, gap.as.gap.to = 9; /* early */
    kit_send(kit, &gap);
    kit_data(kit, 7, 7, "g");
    kit_data(kit, 10, 10, "j");
    expect(kit, "message 07 d=g\ngap 8-9 expired\n> ACK 9 9\nmessage 0a d=j\n> ACK 10 10\n");
    gap.as.gap.to = 7; /* backwards */
    kit_send(kit, &gap);
    expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
}

static void a_gap_in_a_rebuilt_session_is_told_in_the_numbers_of_the_old_one(void **state)
{
    struct kit *kit = *state;

    kit_data(kit, 1, 1, "a");
    kit_restart(kit);
    kit->welcome.result = HF_SESSION_REBUILT;
    kit->welcome.reason = HF_REASON_GAP;
    kit->welcome.gap_from = 2;
    kit->welcome.gap_to = 40;
    kit->welcome.session_id[0] = 0xbb;
    forget(kit);
    kit_established(kit);
    expect(kit, "> HELLO session=aa at=1 first=1 next=1\nopened rebuilt gap\ngap 2-40 gap\n");
}

static void what_is_not_numbered_is_just_delivered(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame frame = {
        .type = HF_FRAME_DATA,
        .as.data = {.publish = true, .topic = HF_SLICE("news"), .payload = HF_SLICE("fog"), .text = true}};

    kit_send(kit, &frame);
    kit_tick(kit, 1000);
    expect(kit, "message 00 publish news=fog\n");
    assert_int_equal(kit->handle, 0);
}

static void what_breaks_the_session(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame rows[] = {
        {.type = HF_FRAME_DATA, .as.data = {.seq = 1000, .topic = HF_SLICE("t"), .payload = HF_SLICE("")}},
        {.type = HF_FRAME_DATA,
         .as.data = {.seq = 0x80000001, .topic = HF_SLICE("t"), .payload = HF_SLICE("")}},
        {.type = HF_FRAME_GAP, .as.gap = {.from = 500, .to = 900, .detail = HF_SLICE("")}},
        {.type = HF_FRAME_WELCOME, .as.welcome = kit->welcome},
        {.type = HF_FRAME_SUBSCRIBE, .as.subscribe = {.topic = HF_SLICE("t")}},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        forget(kit);
        kit_send(kit, &rows[i]);
        expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
        hf_client_core_closed(kit->core, &kit->now);
        kit_until_attempt(kit);
        kit_established(kit);
    }
    forget(kit);
    kit_give_ws(kit, HF_WS_OP_BINARY, "\x03\x00\x00\x05\x00", 5); /* cut short */
    expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
}

static void what_is_skipped(void **state)
{
    struct kit *kit = *state;
    struct hf_client_counts counts;

    kit_give_ws(kit, HF_WS_OP_BINARY, "\x63\x00\x00\x01\x00x\x40\x00\x00\x00\x00", 11); /* types 99 and 64 */
    hf_client_core_counts(kit->core, &counts);
    assert_int_equal(counts.unknown_frames, 2);
    expect(kit, "");
}

static void frames_before_welcome(void **state)
{
    struct kit *kit = *state;

    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_open(kit);
    kit_upgrade(kit);
    forget(kit);
    kit_data(kit, 1, 1, "a");
    expect(kit,
           "> Close 4400 reason=session_broken;retry_ms=0\nclose\nclosed 4400 session_broken PROTOCOL\n");
}

static void a_welcome_that_makes_no_sense(void **state)
{
    struct kit *kit = *state;
    struct hf_frame_welcome rows[5];

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        rows[i] = kit->welcome;
    rows[0].result = 7;
    rows[1].uplink_durable = 1;
    rows[2].session_id[0] = 0;
    rows[3].result = HF_SESSION_RESUMED, rows[3].downlink_next = 5; /* we have nothing */
    rows[4].downlink_next = 0;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_client_core_closed(kit->core, &kit->now);
        kit_until_attempt(kit);
        kit->welcome = rows[i];
        forget(kit);
        kit_established(kit);
        assert_non_null(strstr(kit->lines, "closed 4400 session_broken"));
    }
}

static void wrong_checksums(void **state)
{
    struct kit *kit = *state;
    uint8_t frame[128];
    const struct hf_frame data = {.type = HF_FRAME_DATA,
                                  .crc = true,
                                  .as.data = {.seq = 1, .topic = HF_SLICE("t"), .payload = HF_SLICE("x")}};
    size_t bytes = hf_frame_encode(&data, frame);

    frame[bytes - 6] ^= 1;
    kit_give_ws(kit, HF_WS_OP_BINARY, frame, bytes);
    expect(kit, "> ACK 0 0 nack\n");
    kit_give_ws(kit, HF_WS_OP_BINARY, frame, bytes);
    forget(kit);
    kit_give_ws(kit, HF_WS_OP_BINARY, frame, bytes);
    expect(kit, "> Close 4400 reason=corrupt;retry_ms=0\n");
}

/* The application acknowledges nothing: the window it grants shrinks over rebuilt sessions, and the last resort is a close. */
static void an_application_that_acknowledges_nothing_is_bounded(void **state)
{
    struct kit *kit = *state;
    unsigned delivered = 0;

    kit->quiet = true;
    kit->answer = HF_CLIENT_LATER;
    for (unsigned round = 0; hf_client_core_state(kit->core) == HF_LINK_CONNECTED; round++) {
        assert_true(round < 10);
        for (unsigned i = 0; i < kit->hello.window_messages; i++) {
            struct hf_frame frame = {
                .type = HF_FRAME_DATA,
                .as.data = {.seq = i + 1, .topic = HF_SLICE("t"), .payload = HF_SLICE("x")}};

            frame.as.data.id[0] = (uint8_t)(delivered >> 8);
            frame.as.data.id[1] = (uint8_t)delivered++;
            frame.as.data.id[2] = 1;
            kit_send(kit, &frame);
        }
        if (hf_client_core_state(kit->core) != HF_LINK_CONNECTED)
            break;
        hf_client_core_closed(kit->core, &kit->now);
        kit_until_attempt(kit);
        kit->welcome.result = HF_SESSION_REBUILT;
        kit->welcome.reason = HF_REASON_EXPIRED;
        kit->welcome.session_id[0]++;
        kit_established(kit);
    }
    assert_int_equal(delivered, 513);
    assert_int_equal(kit->hello.window_messages, 1);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OPEN(a_message_is_delivered_and_acknowledged_when_its_position_is_durable),
        OPEN(a_command_is_answered_with_its_result),
        OPEN(a_result_that_is_not_what_it_says_is_given_again),
        OPEN(a_payload_that_is_not_what_it_says_is_just_bytes),
        OPEN(the_position_waits_for_the_first_that_is_not_acknowledged),
        OPEN(a_resume_delivers_only_what_was_not_acknowledged),
        OPEN(what_is_acknowledged_between_hello_and_welcome_is_acknowledged_to_the_gateway),
        OPEN(after_a_crash_what_was_acknowledged_behind_a_slow_one_does_not_come_again),
        OPEN(a_rebuilt_session_brings_commands_again_and_they_are_answered_again),
        OPEN(a_result_that_still_waits_is_not_doubled),
        OPEN(a_command_in_hand_takes_its_new_number_in_a_rebuilt_session),
        OPEN(an_answer_while_the_connection_is_away_is_kept),
        OPEN(early_frames_wait_and_a_hole_is_named),
        OPEN(an_early_frame_is_there_until_the_application_has_seen_it),
        OPEN(a_hole_that_stays_ends_the_connection),
        OPEN(gaps_are_told_and_passed),
        OPEN(a_gap_in_a_rebuilt_session_is_told_in_the_numbers_of_the_old_one),
        OPEN(what_is_not_numbered_is_just_delivered),
        OPEN(what_breaks_the_session),
        OPEN(what_is_skipped),
        OPEN(frames_before_welcome),
        OPEN(a_welcome_that_makes_no_sense),
        OPEN(wrong_checksums),
        OPEN(an_application_that_acknowledges_nothing_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
