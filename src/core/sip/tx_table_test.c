/* core/sip/tx_table_test.c - every cell of the four machines, over datagrams and streams: a way into the state, the event, the state after it and what goes out. A
 * cell without a row, or a row for a cell that the state forbids, is a failure. */
#include "core/sip/tx_testkit.h"

enum { C, CI, S, SI };                       /* kinds */
enum { TRY, PRO, COM, ACC, CON, END };       /* states */
enum { AG, P1, P2, P3, AK, CA, RE, DE, FA }; /* events */
enum { U = HF_SIP_UDP, T = HF_SIP_TCP };

static const struct row {
    int kind, state, ev, transport;
    const char *before, *event;
    int next;
    const char *want;
} rows[] = {
    /* client, not INVITE */
    {C, TRY, P1, U, "ask:MESSAGE", "rsp:100", PRO, "PROVISIONAL 100"},
    {C, TRY, P2, U, "ask:MESSAGE", "rsp:200", COM, "FINAL 200"},
    {C, TRY, P2, T, "ask:MESSAGE", "rsp:200", END, "FINAL 200"},
    {C, TRY, P3, U, "ask:MESSAGE", "rsp:401", COM, "FINAL 401"},
    {C, TRY, P3, T, "ask:MESSAGE", "rsp:401", END, "FINAL 401"},
    {C, TRY, RE, U, "ask:MESSAGE", "+512", TRY, "> MESSAGE"},
    {C, TRY, DE, U, "ask:MESSAGE deaf loud +31900", "+200", END, "FAILED F"},
    {C, TRY, DE, T, "ask:MESSAGE +31900", "+200", END, "FAILED F"},
    {C, TRY, FA, U, "ask:MESSAGE", "fail", END, "FAILED HF_ERR_IO"},
    {C, TRY, FA, U, "ask:MESSAGE deaf", "+512", END, "! MESSAGE, FAILED HF_ERR_CLOSED"},
    {C, TRY, FA, T, "ask:MESSAGE", "fail", END, "FAILED HF_ERR_IO"},
    {C, PRO, P1, U, "ask:MESSAGE rsp:100", "rsp:100", PRO, "PROVISIONAL 100"},
    {C, PRO, P2, U, "ask:MESSAGE rsp:100", "rsp:202", COM, "FINAL 202"},
    {C, PRO, P3, T, "ask:MESSAGE rsp:100", "rsp:500", END, "FINAL 500"},
    {C, PRO, P3, U, "ask:MESSAGE rsp:100", "rsp:500", COM, "FINAL 500"},
    {C, PRO, RE, U, "ask:MESSAGE rsp:100 +4400", "+200", PRO, "> MESSAGE"}, /* from 0.5 s on every T2 */
    {C, PRO, DE, U, "ask:MESSAGE rsp:100 +31900", "+200", END, "FAILED F"},
    {C, PRO, FA, U, "ask:MESSAGE rsp:100", "fail", END, "FAILED HF_ERR_IO"},
    {C, COM, P1, U, "ask:MESSAGE rsp:200", "rsp:100", COM, ""},
    {C, COM, P2, U, "ask:MESSAGE rsp:200", "rsp:200", COM, ""},
    {C, COM, P3, U, "ask:MESSAGE rsp:200", "rsp:400", COM, ""},
    {C, COM, DE, U, "ask:MESSAGE rsp:200 +4900", "+200", END, ""},
    {C, COM, FA, U, "ask:MESSAGE rsp:200", "fail", END, ""},
    /* client, INVITE */
    {CI, TRY, P1, U, "ask:INVITE", "rsp:180", PRO, "PROVISIONAL 180"},
    {CI, TRY, P1, U, "ask:INVITE ucancel", "rsp:100", PRO, "> CANCEL, PROVISIONAL 100"},
    {CI, TRY, P2, U, "ask:INVITE", "rsp:200", ACC, "FINAL 200"},
    {CI, TRY, P2, T, "ask:INVITE", "rsp:200", ACC, "FINAL 200"},
    {CI, TRY, P3, U, "ask:INVITE", "rsp:486", COM, "> ACK, FINAL 486"},
    {CI, TRY, P3, T, "ask:INVITE", "rsp:486", END, "> ACK, FINAL 486"},
    {CI, TRY, P3, T, "ask:INVITE deaf", "rsp:486", END, "! ACK, FINAL 486"},
    {CI, TRY, CA, U, "ask:INVITE", "ucancel", TRY, ""},
    {CI, TRY, RE, U, "ask:INVITE", "+512", TRY, "> INVITE"},
    {CI, TRY, DE, U, "ask:INVITE +31900", "+200", END, "FAILED B"},
    {CI, TRY, DE, T, "ask:INVITE +31900", "+200", END, "FAILED B"},
    {CI, TRY, FA, U, "ask:INVITE", "fail", END, "FAILED HF_ERR_IO"},
    {CI, PRO, P1, U, "ask:INVITE rsp:100", "rsp:180", PRO, "PROVISIONAL 180"},
    {CI, PRO, P2, U, "ask:INVITE rsp:100", "rsp:200", ACC, "FINAL 200"},
    {CI, PRO, P2, U, "ask:INVITE rsp:100 ucancel", "rsp:200", ACC, "FINAL 200"}, /* it was faster */
    {CI, PRO, P3, U, "ask:INVITE rsp:100 ucancel", "rsp:487", COM, "> ACK, FINAL 487"},
    {CI, PRO, P3, T, "ask:INVITE rsp:100", "rsp:603", END, "> ACK, FINAL 603"},
    {CI, PRO, CA, U, "ask:INVITE rsp:100", "ucancel", PRO, "> CANCEL"},
    {CI, PRO, CA, U, "ask:INVITE rsp:100 ucancel", "ucancel", PRO, ""},
    {CI, PRO, DE, U, "ask:INVITE rsp:180 +179900", "+200", END, "FAILED C"},
    {CI, PRO, DE, T, "ask:INVITE rsp:180 ucancel +31900", "+200", END, "FAILED cancel"},
    {CI, PRO, FA, T, "ask:INVITE rsp:180", "fail", END, "FAILED HF_ERR_IO"},
    {CI, COM, P1, U, "ask:INVITE rsp:486", "rsp:180", COM, ""},
    {CI, COM, P2, U, "ask:INVITE rsp:486", "rsp:200", COM, "STRAY 200"},
    {CI, COM, P3, U, "ask:INVITE rsp:486", "rsp:486", COM, "> ACK"},
    {CI, COM, DE, U, "ask:INVITE rsp:486 +31900", "+200", END, ""},
    {CI, COM, FA, U, "ask:INVITE rsp:486", "fail", END, ""},
    {CI, COM, FA, U, "ask:INVITE rsp:486 deaf", "rsp:486", END, "! ACK"},
    {CI, ACC, P1, U, "ask:INVITE rsp:200", "rsp:180", ACC, ""},
    {CI, ACC, P2, U, "ask:INVITE rsp:200", "rsp:200", ACC, "AGAIN 200"},
    {CI, ACC, P2, U, "ask:INVITE rsp:200 uack", "rsp:200", ACC, "> ACK"},
    {CI, ACC, P2, T, "ask:INVITE rsp:200 uack", "rspx:200", ACC, "AGAIN 200"},
    {CI, ACC, P3, U, "ask:INVITE rsp:200", "rsp:486", ACC, ""},
    {CI, ACC, DE, U, "ask:INVITE rsp:200 +31900", "+200", END, "OVER"},
    {CI, ACC, DE, T, "ask:INVITE rsp:200 +31900", "+200", END, "OVER"},
    {CI, ACC, FA, T, "ask:INVITE rsp:200", "fail", END, "OVER"},
    {CI, ACC, FA, T, "ask:INVITE rsp:200 uack deaf", "rsp:200", END, "! ACK, OVER"},
    /* server, not INVITE */
    {S, TRY, AG, U, "recv:REGISTER", "again", TRY, ""},
    {S, TRY, P1, U, "recv:REGISTER", "ans:100", PRO, "> 100 REGISTER"},
    {S, TRY, P2, U, "recv:REGISTER", "ans:200", COM, "> 200 REGISTER"},
    {S, TRY, P2, T, "recv:REGISTER", "ans:200", END, "> 200 REGISTER"},
    {S, TRY, P3, U, "recv:REGISTER", "ans:401", COM, "> 401 REGISTER"},
    {S, TRY, P3, T, "recv:REGISTER", "ans:401", END, "> 401 REGISTER"},
    {S, TRY, DE, U, "recv:REGISTER +31900", "+200", END, "LOST answer"},
    {S, TRY, FA, T, "recv:REGISTER deaf", "ans:100", END, "! 100 REGISTER"},
    {S, TRY, FA, T, "recv:REGISTER deaf", "ans:200", END, "! 200 REGISTER"},
    {S, PRO, AG, U, "recv:REGISTER ans:100", "again", PRO, "> 100 REGISTER"},
    {S, PRO, P1, U, "recv:REGISTER ans:100", "ans:100", PRO, "> 100 REGISTER"},
    {S, PRO, P2, U, "recv:REGISTER ans:100", "ans:200", COM, "> 200 REGISTER"},
    {S, PRO, P3, T, "recv:REGISTER ans:100", "ans:403", END, "> 403 REGISTER"},
    {S, PRO, P3, U, "recv:REGISTER ans:100", "ans:403", COM, "> 403 REGISTER"},
    {S, PRO, DE, U, "recv:REGISTER ans:100 +31900", "+200", END, "LOST answer"},
    {S, PRO, FA, U, "recv:REGISTER ans:100 deaf", "again", END, "! 100 REGISTER, LOST HF_ERR_CLOSED"},
    {S, COM, AG, U, "recv:REGISTER ans:401", "again", COM, "> 401 REGISTER"},
    {S, COM, DE, U, "recv:REGISTER ans:401 +31900", "+200", END, ""},
    {S, COM, FA, U, "recv:REGISTER ans:401 deaf", "again", END, "! 401 REGISTER"},
    /* server, INVITE: 100 is sent by itself */
    {SI, PRO, AG, U, "recv:INVITE", "again", PRO, "> 100 INVITE"},
    {SI, PRO, AG, U, "recv:INVITE ans:183", "again", PRO, "> 183 INVITE"},
    {SI, PRO, P1, U, "recv:INVITE", "ans:180", PRO, "> 180 INVITE"},
    {SI, PRO, P2, U, "recv:INVITE", "ans:200", ACC, "> 200 INVITE"},
    {SI, PRO, P2, T, "recv:INVITE", "ans:200", ACC, "> 200 INVITE"},
    {SI, PRO, P3, U, "recv:INVITE", "ans:404", COM, "> 404 INVITE"},
    {SI, PRO, P3, T, "recv:INVITE", "ans:404", COM, "> 404 INVITE"},
    {SI, PRO, CA, U, "recv:INVITE", "cancel", PRO, "> 200 CANCEL, CANCEL"},
    {SI, PRO, DE, U, "recv:INVITE ans:180 +179900", "+200", END, "LOST answer"},
    {SI, PRO, FA, T, "recv:INVITE deaf", "ans:180", END, "! 180 INVITE"},
    {SI, COM, AG, U, "recv:INVITE ans:486", "again", COM, "> 486 INVITE"},
    {SI, COM, AK, U, "recv:INVITE ans:486", "ack", CON, ""},
    {SI, COM, AK, T, "recv:INVITE ans:486", "ack", END, ""},
    {SI, COM, CA, U, "recv:INVITE ans:486", "cancel", COM, "> 200 CANCEL"},
    {SI, COM, RE, U, "recv:INVITE ans:486", "+512", COM, "> 486 INVITE"},
    {SI, COM, DE, U, "recv:INVITE ans:486 +31900", "+200", END, ""},
    {SI, COM, DE, T, "recv:INVITE ans:486 +31900", "+200", END, ""},
    {SI, COM, FA, U, "recv:INVITE ans:486 deaf", "+512", END, "! 486 INVITE"},
    {SI, CON, AG, U, "recv:INVITE ans:486 ack", "again", CON, ""},
    {SI, CON, AK, U, "recv:INVITE ans:486 ack", "ack", CON, ""},
    {SI, CON, CA, U, "recv:INVITE ans:486 ack", "cancel", CON, "> 200 CANCEL"},
    {SI, CON, DE, U, "recv:INVITE ans:486 ack +4900", "+200", END, ""},
    {SI, ACC, AG, U, "recv:INVITE ans:200", "again", ACC, ""},
    {SI, ACC, AK, U, "recv:INVITE ans:200", "ackx", ACC, "ACK"},
    {SI, ACC, AK, U, "recv:INVITE ans:200", "ack", ACC, "ACK"}, /* with the INVITE's branch (field) */
    {SI, ACC, AK, U, "recv:INVITE ans:200 ackx", "ackx", ACC, ""},
    {SI, ACC, CA, U, "recv:INVITE ans:200", "cancel", ACC, "> 200 CANCEL"},
    {SI, ACC, RE, U, "recv:INVITE ans:200", "+512", ACC, "> 200 INVITE"},
    {SI, ACC, RE, T, "recv:INVITE ans:200", "+512", ACC, "> 200 INVITE"},
    {SI, ACC, DE, U, "recv:INVITE ans:200 +31900", "+200", END, "LOST L"},
    {SI, ACC, DE, U, "recv:INVITE ans:200 ackx +31900", "+200", END, ""},
    {SI, ACC, FA, T, "recv:INVITE ans:200 deaf", "+512", END, "! 200 INVITE, LOST HF_ERR_CLOSED"},
};

/* CONFIRMED sends nothing, so its flow cannot fail from within; the cell stands for the day when something outside tells it. */
static bool from_within(int kind, int state, int ev)
{
    return !(kind == SI && state == CON && ev == FA);
}

static unsigned count(int state)
{
    unsigned sum = 0;

    for (int kind = 0; kind < HF_SIP_TX_KINDS; kind++)
        sum += hf_sip_layer_stats(kit.layer)->now[kind][state];
    return sum;
}

static void every_cell(void **state)
{
    bool seen[HF_SIP_TX_KINDS][HF_SIP_TX_STATES][HF_SIP_EVS] = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        bool cancels = strstr(row->before, "cancel") != NULL || strstr(row->event, "cancel") != NULL ||
                       strstr(row->want, "CANCEL") != NULL;
        const struct hf_sip_layer_stats *stats;

        kit_begin(row->transport, NULL);
        stats = hf_sip_layer_stats(kit.layer);
        kit_run(row->before);
        if (stats->now[row->kind][row->state] == 0)
            fail_msg("row %zu: '%s' does not lead there", i, row->before);
        hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
        kit_run(row->event);
        if (strcmp(kit.log_text, row->want) != 0)
            fail_msg("row %zu: '%s' '%s' gave '%s', not '%s'", i, row->before, row->event, kit.log_text,
                     row->want);
        if (row->next != END && stats->now[row->kind][row->next] == 0)
            fail_msg("row %zu: '%s' '%s' does not lead on", i, row->before, row->event);
        if (row->next == END && !cancels && stats->transactions != 0)
            fail_msg("row %zu: '%s' '%s' does not end", i, row->before, row->event);
        assert_int_equal(count(END), 0);
        seen[row->kind][row->state][row->ev] = true;
        kit_end();
    }
    for (int kind = 0; kind < HF_SIP_TX_KINDS; kind++)
        for (int s = 0; s < HF_SIP_TX_STATES; s++)
            for (int ev = 0; ev < HF_SIP_EVS; ev++)
                if (seen[kind][s][ev] !=
                    (hf_sip_tx_table[kind][s][ev].act != NULL && from_within(kind, s, ev)))
                    fail_msg("kind %d, state %d, event %d: cell and rows disagree", kind, s, ev);
}

/* What a state forbids changes nothing. */
static void forbidden_events(void **state)
{
    static const struct {
        const char *before, *event, *want;
        hf_err result;
    } none[] = {
        {"ask:MESSAGE", "ucancel", "", HF_ERR_INVALID},
        {"ask:INVITE", "uack", "", HF_ERR_CONFLICT},
        {"ask:INVITE rsp:200", "ucancel", "", HF_ERR_CONFLICT},
        {"recv:INVITE", "ack", "", HF_ERR_NOT_FOUND},
        {"recv:INVITE", "ackx", "", HF_ERR_NOT_FOUND},
        {"recv:MESSAGE", "ack", "", HF_ERR_NOT_FOUND},
        {"recv:INVITE ans:200", "ans:200", "", HF_ERR_CONFLICT},
        {"recv:INVITE ans:200", "ans:180", "", HF_ERR_CONFLICT},
        {"recv:MESSAGE", "cancel", "> 481 CANCEL", HF_OK}, /* only an INVITE can be cancelled */
        {"recv:MESSAGE", "rsp:200", "STRAY 200", HF_OK},
        {"", "ack", "", HF_ERR_NOT_FOUND},
        {"", "cancel", "> 481 CANCEL", HF_OK},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(none); i++) {
        kit_begin(HF_SIP_UDP, NULL);
        kit_request_text(kit.asked, "MESSAGE", "z9hG4bKnobody", "");
        kit_run(none[i].before);
        hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
        kit_run(none[i].event);
        kit_expect(none[i].want);
        assert_int_equal(kit.result, none[i].result);
        kit_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell), cmocka_unit_test(forbidden_events)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
