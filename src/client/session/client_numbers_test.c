/* client/core: both streams across 2^32. Low 32 bits of 0 are no number: never given, never missing, never expected. */
#include "client/session/core_testkit.h"
#include "client/store/store_memory_internal.h"
#include "core/session/receiver.h"

/* A device that has come far: everything before `next` is numbered, everything through `position` of session aa is there. */
static void begin_at(struct kit *kit, uint64_t next, uint64_t position)
{
    struct memory_store *store = HF_CONTAINER_OF(kit->store, struct memory_store, base);

    hf_client_core_free(kit->core);
    store->facts.first = store->facts.next = next;
    store->facts.position = position;
    store->facts.session_id[0] = position != 0 ? 0xaa : 0;
    hf_memory_keep(store);
    kit_core_new(kit);
    kit->welcome.uplink_received = kit->welcome.uplink_durable = next - 1;
    kit->welcome.result = position != 0 ? HF_SESSION_RESUMED : HF_SESSION_NEW;
    kit->welcome.downlink_next = position + 1;
    hf_client_core_start(kit->core, &kit->now);
}

static uint64_t position_of(const struct kit *kit)
{
    struct hf_store_facts facts;

    kit->store->ops->facts(kit->store, &facts);
    return facts.position;
}

static void no_message_gets_the_number_that_is_none(void **state)
{
    struct kit *kit = *state;
    struct hf_frame nack = {.type = HF_FRAME_ACK,
                            .as.ack = {.received_through = UINT32_MAX,
                                       .durable_through = UINT32_MAX,
                                       .window_messages = 256,
                                       .window_bytes = 1 << 20,
                                       .nack = true}};

    begin_at(kit, UINT64_C(0xffffffff), 0);
    kit_established(kit);
    for (int i = 0; i < 3; i++)
        kit_publish(kit, "x");
    expect(kit,
           "connect 0\n> HELLO session=00 at=0 first=4294967295 next=4294967295\nopened new\npublished 1\n"
           "> DATA 4294967295 t=x\npublished 2\n> DATA 1 t=x\npublished 3\n> DATA 2 t=x\n");
    nack.as.ack.received_through = nack.as.ack.durable_through = UINT32_MAX - 1;
    kit_send(kit, &nack);
    expect(kit, "> DATA 4294967295 t=x\n> DATA 1 t=x\n> DATA 2 t=x\n");
    nack.as.ack.received_through = nack.as.ack.durable_through = UINT32_MAX;
    kit_send(kit, &nack);
    expect(kit, "sent 1\n> DATA 1 t=x\n> DATA 2 t=x\n");
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit->welcome.result = HF_SESSION_RESUMED;
    kit->welcome.uplink_received = kit->welcome.uplink_durable = UINT64_C(0xffffffff);
    forget(kit);
    kit_established(kit);
    expect(kit, "> HELLO session=aa at=0 first=4294967297 next=4294967299\nopened resumed\n> DATA 1 t=x\n> "
                "DATA 2 t=x\n");
    kit_ack(kit, 2, 2);
    expect(kit, "sent 2\nsent 3\n");
}

static void what_is_not_here_any_more_is_told_up_to_it(void **state)
{
    struct kit *kit = *state;

    begin_at(kit, UINT64_C(0x100000001), 0);
    kit->welcome.uplink_received = kit->welcome.uplink_durable = UINT64_C(0xfffffffd);
    kit_established(kit);
    expect(kit, "connect 0\n> HELLO session=00 at=0 first=4294967297 next=4294967297\nopened new\n"
                "> GAP 4294967294-4294967295 retention\n");
    kit_ack(kit, UINT32_MAX, UINT32_MAX);
    kit_publish(kit, "x");
    expect(kit, "published 1\n> DATA 1 t=x\n");
}

static void none_is_expected_from_the_gateway(void **state)
{
    struct kit *kit = *state;

    begin_at(kit, 1, UINT64_C(0xfffffffe));
    kit_established(kit);
    forget(kit);
    kit_data(kit, UINT32_MAX, 1, "ff");
    kit_data(kit, 2, 3, "02"); /* early: 1 is missing, and 0 is not */
    expect(kit, "message 01 d=ff\n> ACK 4294967295 4294967295\n");
    kit_data(kit, 1, 2, "01");
    expect(kit, "message 02 d=01\nmessage 03 d=02\n> ACK 2 2\n");
    assert_true(position_of(kit) == UINT64_C(0x100000002));
}

static void the_position_before_it_resumes_behind_it(void **state)
{
    struct kit *kit = *state;

    begin_at(kit, 1, UINT64_C(0xffffffff));
    kit->welcome.downlink_next = UINT64_C(0x100000001);
    kit_established(kit);
    expect(kit, "connect 0\n> HELLO session=aa at=4294967295 first=1 next=1\nopened resumed\n");
    kit->answer = HF_CLIENT_LATER;
    kit_data(kit, 1, 1, "01");
    kit_tick(kit, HF_ACK_DELAY_MS);
    expect(kit, "message 01 d=01\n> ACK 1 4294967295\n"); /* what waits holds the position at a number */
    kit->answer = HF_CLIENT_DONE;
    kit_data(kit, 2, 2, "02");
    assert_true(position_of(kit) == UINT64_C(0xffffffff));
}

static void a_command_without_a_number_breaks_the_session(void **state)
{
    struct kit *kit = *state;

    begin_at(kit, 1, UINT64_C(0xffffffff));
    kit->welcome.downlink_next = UINT64_C(0x100000001);
    kit_established(kit);
    forget(kit);
    kit_command(kit, 0, 9, "unlock");
    expect(kit, "> Close 4400 reason=session_broken;retry_ms=0\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(no_message_gets_the_number_that_is_none),
        T(what_is_not_here_any_more_is_told_up_to_it),
        T(none_is_expected_from_the_gateway),
        T(the_position_before_it_resumes_behind_it),
        T(a_command_without_a_number_breaks_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
