/* What crosses between two workers, up to each bound: the receiver stands still while the sender goes on. No threads: the test is both. */
#include "app/gb_testkit.h"

#include <arpa/inet.h>

static struct hf_sip_flow flow_of(enum hf_sip_transport transport)
{
    return (struct hf_sip_flow){.transport = (uint8_t)transport,
                                .family = 4,
                                .connection = transport == HF_SIP_TCP,
                                .endpoint = THERE};
}

static hf_err deliver(enum hf_sip_transport transport, size_t bytes)
{
    struct hf_sip_flow flow = flow_of(transport);
    unsigned home = 99;
    hf_err err = hf_gbw_deliver(&kit.workers[HERE]->gb, &flow, kit_message(bytes), &home);

    assert_int_equal(home, THERE);
    return err;
}

static void datagrams_leave_a_quarter_of_the_mailbox(void **state)
{
    struct hf_gbw *gb = &kit.workers[HERE]->gb;
    unsigned sent = 0;

    (void)state;
    while (deliver(HF_SIP_UDP, 0) == HF_OK)
        assert_true(++sent <= ENTRIES);
    assert_int_equal(sent, ENTRIES - ENTRIES / 4 + 1);
    assert_int_equal(gb->stats.forwarded, sent);
    assert_int_equal(gb->stats.forwarded_dropped, 1);
    assert_int_equal(kit.workers[HERE]->backlog_total, 0); /* a datagram never waits */
    struct hf_sip_flow flow = flow_of(HF_SIP_TCP);
    hf_gbw_post_word(gb, THERE, HF_GBW_WORD_FINISH, &flow, true); /* others find room */
    assert_int_equal(kit.workers[HERE]->backlog_total, 0);
    assert_int_equal(kit_drain(), sent + 1);
}

static void messages_of_streams_wait_and_then_streams_are_not_read(void **state)
{
    struct hf_worker *here = kit.workers[HERE];
    unsigned sent = 0;

    (void)state;
    for (; hf_gbw_post_room(&here->gb); sent++)
        assert_int_equal(deliver(HF_SIP_TCP, 0), HF_OK);
    assert_int_equal(sent, ENTRIES + HF_WORKER_BACKLOG_MAX);
    assert_int_equal(here->gb.stats.forwarded_dropped, 0);
    /* A stream that was read already loses nothing; an answer to another worker's connection is refused, a datagram dropped. */
    assert_int_equal(deliver(HF_SIP_TCP, 0), HF_OK);
    struct hf_sip_flow flow = flow_of(HF_SIP_TCP);
    assert_int_equal(hf_gbw_post_send(&here->gb, &flow, HF_SLICE("x")), HF_ERR_LIMIT);
    assert_int_equal(here->gb.stats.answers_refused, 1);
    assert_int_equal(deliver(HF_SIP_UDP, 0), HF_ERR_BUSY);
    assert_int_equal(kit_drain(), sent + 1);
    assert_true(hf_gbw_post_room(&here->gb));
    assert_int_equal(hf_gbw_post_send(&here->gb, &flow, HF_SLICE("x")), HF_OK);
    assert_int_equal(here->gb.stats.answers_forwarded, 1);
}

static void bytes_under_way_are_bounded_and_who_waits_is_woken(void **state)
{
    enum { LARGE = HF_GBW_POST_BYTES_MAX / 8 };
    struct hf_worker *here = kit.workers[HERE];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(hf_gbw_post_room(&here->gb));
        assert_int_equal(deliver(HF_SIP_TCP, LARGE), HF_OK);
    }
    assert_false(hf_gbw_post_room(&here->gb));
    assert_int_equal(deliver(HF_SIP_UDP, 0), HF_ERR_BUSY);
    uint64_t wakeups = here->loop->stats.wakeups;
    assert_int_equal(kit_drain(), 8);
    hf_loop_turn(here->loop, 0);
    assert_int_equal(here->loop->stats.wakeups, wakeups); /* nobody waited */
    atomic_store(&here->gb.wants_room, true);
    assert_int_equal(deliver(HF_SIP_TCP, LARGE), HF_OK);
    assert_int_equal(kit_drain(), 1);
    hf_loop_turn(here->loop, 0);
    assert_int_equal(here->loop->stats.wakeups, wakeups + 1);
    assert_false(atomic_load(&here->gb.wants_room));
}

static void a_word_that_must_arrive_waits_a_hint_does_not(void **state)
{
    struct hf_worker *here = kit.workers[HERE];
    struct hf_sip_flow flow = flow_of(HF_SIP_TCP);

    (void)state;
    for (unsigned i = 0; i < ENTRIES + 10; i++)
        hf_gbw_post_word(&here->gb, THERE, HF_GBW_WORD_CLOSED, &flow, false);
    assert_int_equal(here->backlog_total, 0);
    for (unsigned i = 0; i < 10; i++)
        hf_gbw_post_word(&here->gb, THERE, HF_GBW_WORD_CLOSED, &flow, true);
    assert_int_equal(here->backlog_total, 10);
    assert_int_equal(kit_drain(), ENTRIES + 10);
}

/* Two cameras may have the same link-local address, each on its own interface; what goes back has to name it. */
static void a_link_local_peer_keeps_its_interface(void **state)
{
    static const struct {
        const char *address;
        uint32_t interface, kept;
    } rows[] = {{"fe80::1", 3, 3}, {"fe80::1", 4, 4}, {"2001:db8::1", 3, 0}};
    struct hf_sip_flow flows[HF_COUNT_OF(rows)];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        union hf_address peer = {
            .v6 = {.sin6_family = AF_INET6, .sin6_port = htons(5060), .sin6_scope_id = rows[i].interface}};

        assert_int_equal(inet_pton(AF_INET6, rows[i].address, &peer.v6.sin6_addr), 1);
        flows[i] = (struct hf_sip_flow){.transport = HF_SIP_UDP};
        hf_gbw_flow_of_datagram(&flows[i], &peer, &peer);
        union hf_address back = hf_gbw_flow_peer(&flows[i]);
        assert_int_equal(back.v6.sin6_scope_id, rows[i].kept);
        assert_int_equal(hf_address_port(&back), 5060);
        assert_memory_equal(&back.v6.sin6_addr, &peer.v6.sin6_addr, 16);
        assert_true(hf_sip_flow_same_peer(&flows[i], &flows[i]));
    }
    assert_false(hf_sip_flow_same_peer(&flows[0], &flows[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_local_peer_keeps_its_interface),
        cmocka_unit_test_setup_teardown(datagrams_leave_a_quarter_of_the_mailbox, kit_set_up, kit_tear_down),
        cmocka_unit_test_setup_teardown(messages_of_streams_wait_and_then_streams_are_not_read, kit_set_up,
                                        kit_tear_down),
        cmocka_unit_test_setup_teardown(bytes_under_way_are_bounded_and_who_waits_is_woken, kit_set_up,
                                        kit_tear_down),
        cmocka_unit_test_setup_teardown(a_word_that_must_arrive_waits_a_hint_does_not, kit_set_up,
                                        kit_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
