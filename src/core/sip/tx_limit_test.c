/* core/sip/tx_limit_test.c - every bound that a peer can reach: transactions, kept bytes; who gives way first; what is counted. */
#include "core/sip/tx_testkit.h"

static const struct hf_sip_layer_stats *stats;
static char call_id[32];
static unsigned calls;

static void one_more(const char *method, enum hf_sip_class shed)
{
    (void)snprintf(call_id, sizeof(call_id), "call%u", calls++);
    kit.call_id = call_id;
    kit.shed = shed;
    kit.tx = NULL;
    kit_peer_asks(method, kit.branch);
}

static void begin(const struct hf_sip_layer_config *config)
{
    kit_begin(HF_SIP_UDP, config);
    stats = hf_sip_layer_stats(kit.layer);
}

static void forget_log(void)
{
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
}

static void classes_give_way_in_order(void **state)
{
    (void)state;
    begin(&(struct hf_sip_layer_config){.transactions_max = 16});
    for (unsigned i = 0; i < 12; i++) {
        one_more("REGISTER", HF_SIP_SHED_FIRST);
        assert_int_equal(kit.result, HF_OK);
    }
    forget_log();
    one_more("REGISTER", HF_SIP_SHED_FIRST);
    assert_int_equal(kit.result, HF_ERR_LIMIT);
    kit_expect("> 503 REGISTER");
    for (unsigned i = 0; i < 2; i++)
        one_more("MESSAGE", HF_SIP_SHED_LATER);
    one_more("MESSAGE", HF_SIP_SHED_LATER);
    kit_expect("REQUEST, REQUEST, > 503 MESSAGE");
    for (unsigned i = 0; i < 2; i++)
        one_more("MESSAGE", HF_SIP_SHED_NEVER);
    kit_expect("REQUEST, REQUEST");
    assert_int_equal(stats->transactions, 16);
    assert_false(kit.stateless);
    assert_int_equal(stats->shed[HF_SIP_SHED_FIRST], 1);
    assert_int_equal(stats->shed[HF_SIP_SHED_LATER], 1);
    assert_int_equal(stats->shed[HF_SIP_SHED_NEVER], 0);
    /* What is there already is not shed: a repeat, the ACK and CANCEL of an INVITE. */
    kit_run("again");
    assert_int_equal(kit.result, HF_OK);
    kit_expect("");
    kit_end();
}

static void a_keepalive_is_served_without_room(void **state)
{
    (void)state;
    begin(&(struct hf_sip_layer_config){.transactions_max = 4});
    for (unsigned i = 0; i < 4; i++)
        one_more("MESSAGE", HF_SIP_SHED_NEVER);
    forget_log();
    kit.answer_at_once = 200;
    one_more("MESSAGE", HF_SIP_SHED_NEVER);
    assert_true(kit.stateless);
    assert_int_equal(kit.result, HF_OK);
    kit_expect("REQUEST, > 200 MESSAGE");
    kit_run("again"); /* nothing is known of it */
    kit_expect("REQUEST, > 200 MESSAGE");
    assert_int_equal(stats->shed[HF_SIP_SHED_NEVER], 2);
    assert_int_equal(stats->transactions, 4);
    assert_int_equal(stats->orphans, 0);
    /* A call needs a transaction, whoever calls. */
    one_more("INVITE", HF_SIP_SHED_NEVER);
    assert_int_equal(kit.result, HF_ERR_LIMIT);
    kit_expect("> 503 INVITE");
    kit.answer_at_once = 0;
    kit_run("cancel"); /* answered all the same */
    kit_expect("> 481 CANCEL");
    kit_end();
}

static void a_second_answer_to_a_stateless_one_is_refused(void **state)
{
    struct hf_sip_tx tx;

    (void)state;
    begin(&(struct hf_sip_layer_config){.transactions_max = 1});
    one_more("MESSAGE", HF_SIP_SHED_NEVER);
    tx = (struct hf_sip_tx){.layer = kit.layer,
                            .flow = kit.flow,
                            .kind = HF_SIP_TX_SERVER,
                            .state = HF_SIP_TX_ENDED,
                            .stateless = true};
    kit.tx = &tx;
    assert_int_equal(kit_answer(100), HF_OK);
    assert_int_equal(kit_answer(200), HF_OK);
    assert_int_equal(kit_answer(200), HF_ERR_CONFLICT);
    kit_end();
}

static void the_time_to_come_back_is_spread(void **state)
{
    unsigned min_s = 1000, max_s = 0, different = 0, last_s = 0;

    (void)state;
    begin(&(struct hf_sip_layer_config){.transactions_max = 1});
    one_more("MESSAGE", HF_SIP_SHED_NEVER);
    for (unsigned i = 0; i < 2000; i++) {
        struct hf_sip_msg msg;
        uint64_t after_s = 0;

        forget_log();
        one_more("REGISTER", HF_SIP_SHED_FIRST);
        msg = kit_parse(kit.sent);
        assert_int_equal(msg.status, 503);
        assert_true(hf_slice_to_u64(hf_sip_value(&msg, HF_SIP_RETRY_AFTER), &after_s));
        min_s = HF_MIN(min_s, (unsigned)after_s);
        max_s = HF_MAX(max_s, (unsigned)after_s);
        different += after_s != last_s;
        last_s = (unsigned)after_s;
    }
    assert_int_equal(min_s, 10);
    assert_int_equal(max_s, 120);
    assert_true(different > 1900);
    kit_end();
}

static void the_maximum_moves_while_it_runs(void **state)
{
    (void)state;
    begin(&(struct hf_sip_layer_config){.transactions_max = 16});
    hf_sip_layer_set_max(kit.layer, 2);
    one_more("MESSAGE", HF_SIP_SHED_LATER);
    one_more("MESSAGE", HF_SIP_SHED_NEVER);
    forget_log();
    kit_run("ask:MESSAGE");
    assert_int_equal(kit.result, HF_ERR_LIMIT);
    kit_expect("");
    assert_int_equal(stats->refused_max, 1);
    hf_sip_layer_set_max(kit.layer, 1000);
    assert_int_equal(stats->transactions_max, 16);
    kit_run("ask:MESSAGE");
    assert_int_equal(kit.result, HF_OK);
    assert_int_equal(stats->transactions_max_seen, 3);
    kit_end();
}

/* Who answers has to know whether the transaction still stands: "not kept" is one thing, "not sent, and over" another. */
static void an_answer_that_is_neither_kept_nor_sent_is_over(void **state)
{
    (void)state;
    kit_begin(HF_SIP_TCP, &(struct hf_sip_layer_config){.kept_bytes_max = 100});
    stats = hf_sip_layer_stats(kit.layer);
    kit_run("recv:INVITE");
    kit.send_error = HF_ERR_NOMEM;
    assert_int_equal(kit_answer(200), HF_ERR_IO);
    assert_int_equal(stats->transactions, 0);
    kit_end();
}

static void kept_bytes_have_a_bound(void **state)
{
    (void)state;
    begin(&(struct hf_sip_layer_config){.kept_bytes_max = 600}); /* one answer of 320 to 512 */
    one_more("MESSAGE", HF_SIP_SHED_LATER);
    assert_int_equal(kit_answer(200), HF_OK);
    one_more("REGISTER", HF_SIP_SHED_LATER);
    assert_int_equal(kit_answer(401), HF_ERR_NOMEM); /* sent, not kept */
    kit_expect("REQUEST, > 200 MESSAGE, REQUEST, > 401 REGISTER");
    assert_int_equal(stats->not_kept, 1);
    kit_run("again"); /* absorbed in silence: nobody does the same work twice */
    kit_expect("");
    assert_int_equal(stats->requests_absorbed, 1);
    kit_run("ask:MESSAGE");
    assert_int_equal(kit.result, HF_ERR_NOMEM);
    kit_expect("");
    assert_int_equal(stats->refused_nomem, 1);
    kit_pass(33000);
    assert_int_equal(stats->kept_bytes, 0);
    kit_run("ask:INVITE"); /* there is room again */
    assert_int_equal(kit.result, HF_OK);
    kit_end();
}

static void an_ack_that_is_not_kept_is_asked_for_again(void **state)
{
    (void)state;
    begin(&(struct hf_sip_layer_config){.kept_bytes_max = 512});
    kit_run("ask:INVITE rsp:200");
    /* The INVITE's room is free for the ACK; a longer one finds none. */
    kit_run("uack rsp:200");
    kit_expect("> INVITE, FINAL 200, > ACK, > ACK");
    char text[KIT_TEXT_MAX], extra[700];

    memset(extra, 'x', sizeof(extra));
    memcpy(extra, "X-Long: ", 8);
    memcpy(extra + sizeof(extra) - 3, "\r\n", 3);
    kit_request_text(text, "ACK", "z9hG4bKuserack", extra);
    assert_int_equal(hf_sip_tx_ack(kit.tx, hf_slice_of(text), kit.now_ms), HF_ERR_NOMEM);
    kit_run("rsp:200");
    kit_expect("> ACK, AGAIN 200");
    kit_end();
}

/* GB-17: what is there is always accounted for, by state and by whether somebody waits for it. */
static void owners_are_counted(void **state)
{
    (void)state;
    begin(NULL);
    kit_run("ask:MESSAGE");
    assert_int_equal(stats->orphans, 0);
    kit_run("forget");
    assert_int_equal(stats->orphans, 1);
    assert_int_equal(stats->now[HF_SIP_TX_CLIENT][HF_SIP_TX_TRYING], 1);
    kit_run("rsp:200");
    assert_int_equal(stats->now[HF_SIP_TX_CLIENT][HF_SIP_TX_TRYING], 0);
    assert_int_equal(stats->now[HF_SIP_TX_CLIENT][HF_SIP_TX_COMPLETED], 1);
    kit_run("recv:INVITE forget cancel");
    assert_int_equal(stats->orphans, 3); /* and the CANCEL's own */
    kit_pass(181000);
    assert_int_equal(stats->orphans, 0);
    assert_int_equal(stats->transactions, 0);
    assert_int_equal(stats->ended[HF_SIP_TX_SERVER_INVITE], 1);
    kit_end();
}

static void large_requests_over_datagrams_are_counted(void **state)
{
    char text[KIT_TEXT_MAX], branch[HF_SIP_BRANCH_BYTES_MAX], extra[1200];

    (void)state;
    memset(extra, 'x', sizeof(extra));
    memcpy(extra, "X-Long: ", 8);
    memcpy(extra + sizeof(extra) - 3, "\r\n", 3);
    for (int transport = HF_SIP_UDP; transport <= HF_SIP_TCP; transport++) {
        kit_begin((enum hf_sip_transport)transport, NULL);
        kit_request_text(text, "MESSAGE", hf_sip_layer_branch(kit.layer, branch).at, extra);
        assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(text), NULL, kit.now_ms, NULL),
                         HF_OK);
        assert_int_equal(hf_sip_layer_stats(kit.layer)->large_udp_requests, transport == HF_SIP_UDP);
        kit_end();
    }
}

/* The memory that a keepalive costs for 32 s, beside its answer. */
static void a_finished_transaction_is_small(void **state)
{
    struct hf_slab_stats small;

    (void)state;
    begin(NULL);
    hf_slab_stats(kit.layer->small, &small);
    assert_true(small.object_bytes <= HF_SIP_TX_SERVER_BYTES);
    one_more("MESSAGE", HF_SIP_SHED_NEVER);
    assert_int_equal(stats->kept_bytes, 0);
    assert_int_equal(kit_answer(200), HF_OK);
    assert_true(stats->kept_bytes <= 384); /* an answer of some 310 bytes */
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_give_way_in_order),
        cmocka_unit_test(a_keepalive_is_served_without_room),
        cmocka_unit_test(a_second_answer_to_a_stateless_one_is_refused),
        cmocka_unit_test(the_time_to_come_back_is_spread),
        cmocka_unit_test(the_maximum_moves_while_it_runs),
        cmocka_unit_test(an_answer_that_is_neither_kept_nor_sent_is_over),
        cmocka_unit_test(kept_bytes_have_a_bound),
        cmocka_unit_test(an_ack_that_is_not_kept_is_asked_for_again),
        cmocka_unit_test(owners_are_counted),
        cmocka_unit_test(large_requests_over_datagrams_are_counted),
        cmocka_unit_test(a_finished_transaction_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
