/* What crosses between two workers, up to each bound: the receiver stands still while the sender goes on. No threads: the test is both. */
#include "app/gb_testkit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
