/* core/sip/tx_match_test.c - which message belongs to which transaction, where answers go, and what they carry. */
#include "core/sip/tx_testkit.h"

enum { BRANCH, CALL_ID, CSEQ, METHOD, FROM_USER, SENT_BY, PORT, NOTHING, HOST_CASE, TO_TAG, BODY };

/* The request of the kit with one part exchanged. */
static void changed(char *ret, int part)
{
    static const struct {
        const char *from, *to;
    } edits[] = {
        [BRANCH] = {"z9hG4bK10001", "z9hG4bK10002"},
        [CALL_ID] = {"Call-ID: 900001", "Call-ID: 900002"},
        [CSEQ] = {"CSeq: 1 ", "CSeq: 2 "},
        [METHOD] = {NULL, NULL},
        [FROM_USER] = {"From: <sip:34020000001320000001", "From: <sip:34020000001320000002"},
        [SENT_BY] = {"camera.example", "camera.exampl2"},
        [PORT] = {":5060;rport", ":5061;rport"},
        [NOTHING] = {"Max", "Max"},
        [HOST_CASE] = {"camera.example", "CAMERA.example"},
        [TO_TAG] = {"To: <sip:34020000002000000001@3402000000>",
                    "To: <sip:34020000002000000001@3402000000>;tag=1"},
        [BODY] = {"Content-Length: 0\r\n\r\n", "Content-Length: 1\r\n\r\nx"},
    };
    char text[KIT_TEXT_MAX], *at;

    kit_request_text(text, part == METHOD ? "OPTIONS" : "MESSAGE", kit.branch, "");
    at = strstr(text, "192.0.2.10");
    assert_non_null(at);
    (void)snprintf(ret, KIT_TEXT_MAX, "%.*scamera.example%s", (int)(at - text), text,
                   at + strlen("192.0.2.10"));
    if (part == METHOD)
        return;
    memcpy(text, ret, KIT_TEXT_MAX);
    at = strstr(text, edits[part].from);
    if (at == NULL && part == BRANCH)
        return; /* RFC 2543: there is none */
    assert_non_null(at);
    assert_true(snprintf(ret, KIT_TEXT_MAX, "%.*s%s%s", (int)(at - text), text, edits[part].to,
                         at + strlen(edits[part].from)) < KIT_TEXT_MAX);
}

static void what_a_server_transaction_is_known_by(void **state)
{
    static const struct {
        int part;
        const char *branch;
        bool same;
    } rows[] = {
        {NOTHING, "z9hG4bK10001", true},
        {HOST_CASE, "z9hG4bK10001", true},
        {TO_TAG, "z9hG4bK10001", true},
        {BODY, "z9hG4bK10001", true},
        {BRANCH, "z9hG4bK10001", false},
        {CALL_ID, "z9hG4bK10001", false},
        {CSEQ, "z9hG4bK10001", false},
        {METHOD, "z9hG4bK10001", false},
        {FROM_USER, "z9hG4bK10001", false},
        {SENT_BY, "z9hG4bK10001", false},
        {PORT, "z9hG4bK10001", false},
        /* RFC 2543: no branch, one without the cookie, the cookie alone */
        {NOTHING, "", true},
        {NOTHING, "abc", true},
        {NOTHING, "z9hG4bK", true},
        {CALL_ID, "", false},
        {CSEQ, "", false},
        {METHOD, "", false},
        {SENT_BY, "abc", false},
        {CALL_ID, "z9hG4bK", false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char first[KIT_TEXT_MAX], second[KIT_TEXT_MAX];
        const struct hf_sip_layer_stats *stats;

        kit_begin(HF_SIP_UDP, NULL);
        stats = hf_sip_layer_stats(kit.layer);
        kit.branch = rows[i].branch;
        changed(first, NOTHING);
        changed(second, rows[i].part);
        kit_receive(first);
        kit_receive(second);
        if ((stats->made[HF_SIP_TX_SERVER] == 1) != rows[i].same ||
            (stats->requests_absorbed == 1) != rows[i].same)
            fail_msg("row %zu", i);
        assert_int_equal(stats->matched_rfc2543,
                         strlen(rows[i].branch) > 7 ? 0 : stats->made[HF_SIP_TX_SERVER]);
        kit_end();
    }
}

/* ACK and CANCEL find their INVITE by RFC 2543 as well. */
static void old_peers_acknowledge_and_cancel(void **state)
{
    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit.branch = "";
    kit_run("recv:INVITE cancel ans:487 ack +600");
    kit_expect("REQUEST, > 100 INVITE, > 200 CANCEL, CANCEL, > 487 INVITE");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->now[HF_SIP_TX_SERVER_INVITE][HF_SIP_TX_CONFIRMED], 1);
    kit_end();
}

/* Parts above 120 bytes are hashed first; they count to the last byte. */
static void long_parts_count_whole(void **state)
{
    char branch[300] = "z9hG4bK", call_id[300];

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    memset(branch + 7, 'b', 250);
    branch[257] = 0;
    memset(call_id, 'c', 250);
    call_id[250] = 0;
    kit.branch = branch;
    kit.call_id = call_id;
    kit_run("recv:MESSAGE recv:MESSAGE");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->made[HF_SIP_TX_SERVER], 1);
    branch[256] = 'x';
    kit_run("recv:MESSAGE");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->made[HF_SIP_TX_SERVER], 2);
    call_id[249] = 'x';
    kit_run("recv:MESSAGE");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->made[HF_SIP_TX_SERVER], 3);
    kit_end();
}

static void a_response_without_via(void **state)
{
    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("ask:INVITE rspv:200 rspv:200");
    kit_expect("> INVITE, FINAL 200, AGAIN 200");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->matched_no_via, 2);
    kit.cseq = 2;
    kit_request_text(kit.asked, "INVITE", "z9hG4bKnobody", ""); /* another CSeq */
    kit_run("rspv:200 rsp:200");
    kit_expect("STRAY 200, STRAY 200");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->matched_no_via, 2);
    kit_end();
}

static void a_late_answer_is_a_stray(void **state)
{
    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("ask:INVITE +33000");
    kit_expect("> INVITE, > INVITE, > INVITE, > INVITE, > INVITE, > INVITE, > INVITE, FAILED B");
    kit_run("rsp:200");
    kit_expect("STRAY 200"); /* ACK and BYE are the user's */
    kit_run("ask:MESSAGE forget rsp:200 ask:INVITE forget rsp:180 rsp:200 rsp:200");
    kit_expect("> MESSAGE, > INVITE, STRAY 200, STRAY 200");
    kit_run("ask:INVITE forget rsp:486");
    kit_expect("> INVITE, > ACK");
    kit_end();
}

static void answers_go_where_the_request_came_from(void **state)
{
    struct hf_sip_flow first, second;

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    first = second = kit.flow;
    first.peer_port = second.peer_port = 41022;
    first.peer[3] = second.peer[3] = 99;
    kit.flow = first;
    kit_run("recv:REGISTER");
    second.peer_port = 41023; /* NAT moved it */
    kit.flow = second;
    kit_run("ans:401");
    assert_true(hf_sip_flow_equal(&kit.at, &first));
    assert_non_null(strstr(kit.sent, "SIP/2.0 401 Unauthorized\r\n"));
    assert_non_null(strstr(kit.sent, "received=192.0.2.99"));
    assert_non_null(strstr(kit.sent, "rport=41022"));
    kit_run("again");
    assert_true(hf_sip_flow_equal(&kit.at, &second));
    kit_end();
}

/* 8.2.7: a stateless answer has the tag of the others, and so has that of the CANCEL. */
static void one_to_tag_for_a_transaction(void **state)
{
    char tag[HF_SIP_TAG_BYTES_MAX], other[HF_SIP_TAG_BYTES_MAX], line[64];
    struct hf_sip_msg msg;

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("recv:INVITE ans:180");
    msg = kit_parse(kit.got);
    (void)snprintf(line, sizeof(line), ">;tag=%s\r\nCall-ID", hf_sip_layer_tag(kit.layer, &msg, tag).at);
    assert_non_null(strstr(kit.sent, line));
    kit_run("cancel");
    assert_non_null(strstr(kit.sent, "CSeq: 1 CANCEL"));
    assert_non_null(strstr(kit.sent, line));
    kit_run("ans:487");
    assert_non_null(strstr(kit.sent, line));
    assert_int_equal(hf_sip_layer_reply(kit.layer, &kit.flow, &msg, 503, 17), HF_OK);
    assert_non_null(strstr(kit.sent, line));
    assert_non_null(strstr(kit.sent, "Retry-After: 17\r\n"));
    kit.call_id = "another";
    kit_run("recv:INVITE");
    msg = kit_parse(kit.got);
    assert_string_not_equal(hf_sip_layer_tag(kit.layer, &msg, other).at, tag);
    msg.answerable = false;
    assert_int_equal(hf_sip_layer_reply(kit.layer, &kit.flow, &msg, 400, 0), HF_ERR_INVALID);
    kit_end();
}

static void the_ack_and_the_cancel_of_an_invite(void **state)
{
    struct hf_sip_msg asked, sent;

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("ask:INVITE rsp:180 ucancel");
    asked = kit_parse(kit.asked);
    sent = kit_parse(kit.sent);
    assert_int_equal(sent.method, HF_SIP_CANCEL);
    assert_true(hf_slice_eq(sent.via.branch, asked.via.branch));
    assert_int_equal(sent.cseq.number, asked.cseq.number);
    kit_run("rsp:487");
    sent = kit_parse(kit.sent);
    assert_int_equal(sent.method, HF_SIP_ACK);
    assert_true(hf_slice_eq(sent.via.branch, asked.via.branch));
    assert_true(hf_slice_is(sent.to.tag, "peer"));
    assert_int_equal(sent.cseq.number, asked.cseq.number);
    kit_end();
}

static void requests_that_cannot_be_sent(void **state)
{
    static const char *const bad[] = {"", "SIP/2.0 200 OK\r\n\r\n", "MESSAGE sip:a@b SIP/2.0\r\n\r\n"};
    char branch[HF_SIP_BRANCH_BYTES_MAX], again[HF_SIP_BRANCH_BYTES_MAX], text[KIT_TEXT_MAX];

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++)
        assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(bad[i]), NULL, kit.now_ms, NULL),
                         HF_ERR_INVALID);
    (void)hf_sip_layer_branch(kit.layer, branch);
    (void)hf_sip_layer_branch(kit.layer, again);
    assert_string_not_equal(branch, again);
    assert_int_equal(strlen(branch), 7 + 32);
    kit_request_text(text, "ACK", branch, "");
    assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(text), NULL, kit.now_ms, NULL),
                     HF_ERR_INVALID);
    kit_request_text(text, "MESSAGE", "abc", ""); /* no cookie */
    assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(text), NULL, kit.now_ms, NULL),
                     HF_ERR_INVALID);
    kit_request_text(text, "MESSAGE", branch, "");
    assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(text), NULL, kit.now_ms, NULL),
                     HF_OK);
    assert_int_equal(hf_sip_tx_request(kit.layer, &kit.flow, hf_slice_of(text), NULL, kit.now_ms, NULL),
                     HF_ERR_EXISTS);
    kit_expect("> MESSAGE");
    kit.deaf = true;
    kit_run("ask:MESSAGE");
    assert_int_equal(kit.result, HF_ERR_CLOSED);
    kit_expect("! MESSAGE"); /* nothing is told */
    assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 1);
    kit_end();
}

static void a_lost_flow_takes_its_own(void **state)
{
    struct hf_sip_flow other;

    (void)state;
    for (int transport = HF_SIP_UDP; transport <= HF_SIP_TCP; transport++) {
        kit_begin((enum hf_sip_transport)transport, NULL);
        kit_run("ask:MESSAGE ask:INVITE");
        other = kit.flow;
        kit.flow = kit_flow((enum hf_sip_transport)transport, 11);
        kit_run("ask:MESSAGE");
        kit.flow =
            kit_flow(transport == HF_SIP_UDP ? HF_SIP_TCP : HF_SIP_UDP, 10); /* the same address otherwise */
        kit_run("ask:MESSAGE");
        hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
        other.local[3] = 77; /* does not matter */
        assert_int_equal(hf_sip_tx_flow_failed(kit.layer, &other, HF_ERR_CLOSED, kit.now_ms), 2);
        kit_expect("FAILED HF_ERR_CLOSED, FAILED HF_ERR_CLOSED");
        assert_int_equal(hf_sip_tx_flow_failed(kit.layer, &other, HF_ERR_CLOSED, kit.now_ms), 0);
        assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 2);
        kit_end();
    }
}

/* A full queue loses a datagram, as the network does; on a stream something that was accepted must not be missing. */
static void which_errors_end_a_transaction(void **state)
{
    static const struct {
        int transport;
        hf_err err;
        bool ends;
    } errors[] = {
        {HF_SIP_UDP, HF_ERR_LIMIT, false},  {HF_SIP_UDP, HF_ERR_NOMEM, false},
        {HF_SIP_UDP, HF_ERR_IO, false},     {HF_SIP_UDP, HF_ERR_CLOSED, true},
        {HF_SIP_UDP, HF_ERR_INVALID, true}, {HF_SIP_TCP, HF_ERR_LIMIT, true},
        {HF_SIP_TCP, HF_ERR_NOMEM, true},   {HF_SIP_TCP, HF_ERR_CLOSED, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(errors); i++) {
        kit_begin((enum hf_sip_transport)errors[i].transport, NULL);
        kit_run("recv:MESSAGE");
        kit.send_error = errors[i].err;
        kit_run("ask:OPTIONS");
        hf_err told = errors[i].err == HF_ERR_NOMEM ? HF_ERR_IO : errors[i].err;
        assert_int_equal(kit.result, errors[i].ends ? told : HF_OK);
        assert_int_equal(hf_sip_layer_stats(kit.layer)->now[HF_SIP_TX_CLIENT][HF_SIP_TX_TRYING],
                         !errors[i].ends);
        assert_int_equal(hf_sip_layer_stats(kit.layer)->send_errors, 1);
        kit_end();
    }
}

/* A repeat from elsewhere that cannot be answered says nothing about the flow of the transaction. */
static void a_repeat_from_elsewhere_ends_nothing(void **state)
{
    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("recv:MESSAGE ans:200");
    kit.flow.peer_port = 41023;
    kit_run("deaf again");
    kit_expect("REQUEST, > 200 MESSAGE, ! 200 MESSAGE");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 1);
    kit.flow.peer_port = 5060;
    kit_run("again");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->transactions, 0);
    kit_end();
}

static void repeated_acks_are_counted(void **state)
{
    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("recv:INVITE ans:200 ackx ackx ack");
    kit_expect("REQUEST, > 100 INVITE, > 200 INVITE, ACK");
    assert_int_equal(hf_sip_layer_stats(kit.layer)->acks_absorbed, 2);
    kit_end();
}

static void what_is_the_same_peer(void **state)
{
    struct hf_sip_flow a = kit_flow(HF_SIP_UDP, 10), b = a, c;

    (void)state;
    b.local[3] = b.endpoint = 9;
    assert_true(hf_sip_flow_same_peer(&a, &b));
    assert_false(hf_sip_flow_equal(&a, &b));
    c = a;
    c.peer_port = 1;
    assert_false(hf_sip_flow_same_peer(&a, &c));
    c = a;
    c.peer[3] = 1;
    assert_false(hf_sip_flow_same_peer(&a, &c));
    c = a;
    c.family = 6;
    assert_false(hf_sip_flow_same_peer(&a, &c));
    c = kit_flow(HF_SIP_TCP, 10);
    assert_false(hf_sip_flow_same_peer(&a, &c));
    b = c;
    b.peer_port = 1; /* it is the connection that counts */
    assert_true(hf_sip_flow_same_peer(&b, &c));
    b.connection = 77;
    assert_false(hf_sip_flow_same_peer(&b, &c));
}

static void a_user_may_answer_in_the_callback(void **state)
{
    (void)state;
    for (int transport = HF_SIP_UDP; transport <= HF_SIP_TCP; transport++) {
        kit_begin((enum hf_sip_transport)transport, NULL);
        kit.answer_at_once = 200;
        kit_run("recv:INVITE");
        kit_expect("REQUEST, > 200 INVITE"); /* no 100 */
        kit.call_id = "2";
        kit_run("recv:MESSAGE");
        kit_expect("REQUEST, > 200 MESSAGE");
        kit.call_id = "3";
        kit.answer_at_once = 180;
        kit_run("recv:INVITE");
        kit_expect("REQUEST, > 180 INVITE");
        kit.call_id = "4";
        kit.deaf = true;
        kit_run("recv:INVITE");
        kit_expect("REQUEST, ! 180 INVITE");
        kit.call_id = "5";
        kit.answer_at_once = 0; /* the 100 is not the user's: it has to hear that it failed */
        kit_run("recv:INVITE");
        kit_expect("REQUEST, ! 100 INVITE, LOST HF_ERR_CLOSED");
        kit_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_transaction_is_known_by),
        cmocka_unit_test(old_peers_acknowledge_and_cancel),
        cmocka_unit_test(long_parts_count_whole),
        cmocka_unit_test(a_response_without_via),
        cmocka_unit_test(a_late_answer_is_a_stray),
        cmocka_unit_test(answers_go_where_the_request_came_from),
        cmocka_unit_test(one_to_tag_for_a_transaction),
        cmocka_unit_test(the_ack_and_the_cancel_of_an_invite),
        cmocka_unit_test(requests_that_cannot_be_sent),
        cmocka_unit_test(a_lost_flow_takes_its_own),
        cmocka_unit_test(which_errors_end_a_transaction),
        cmocka_unit_test(a_repeat_from_elsewhere_ends_nothing),
        cmocka_unit_test(repeated_acks_are_counted),
        cmocka_unit_test(what_is_the_same_peer),
        cmocka_unit_test(a_user_may_answer_in_the_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
