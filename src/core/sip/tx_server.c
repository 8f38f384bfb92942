/* core/sip/tx_server.c - what we are asked: the actions of both server machines, and what the user calls. An answer to a repeated request goes where that came from (the address
 * of a device behind NAT may have changed), the first one where the request came from: a copy of a request sent from elsewhere leads nothing away. */
#include "core/sip/tx_internal.h"

static uint32_t timeout_ms(const struct hf_sip_tx *tx)
{
    return HF_SIP_TIMEOUT_T1 * tx->layer->config.t1_ms;
}

static void flow_failed(struct hf_sip_tx *tx, hf_err err, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms, .err = err};

    tx->layer->stats.flow_failed++;
    (void)hf_sip_tx_step(tx, HF_SIP_EV_FAILED, &input);
}

/* Sends the user's answer and keeps it. False: the flow failed, and tx is over for the user, who is told by the result. */
static bool send_answer(struct hf_sip_tx *tx, struct hf_sip_tx_input *input, bool keep)
{
    if (keep && !hf_sip_tx_keep(tx, input->bytes))
        input->result = HF_ERR_NOMEM;
    hf_err err = hf_sip_tx_send(tx, &tx->flow, input->bytes);

    if (err == HF_OK)
        return true;
    input->result = err;
    if (!input->by_layer)
        hf_sip_tx_done(tx);
    flow_failed(tx, err, input->now_ms);
    return false;
}

void hf_sip_server_absorb(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)input;
    tx->layer->stats.requests_absorbed++;
}

void hf_sip_server_ack_absorb(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)input;
    tx->layer->stats.acks_absorbed++;
}

void hf_sip_server_again(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_err err;

    tx->layer->stats.requests_absorbed++;
    err = hf_sip_tx_send_kept(tx, input->flow, &tx->layer->stats.answers_repeated);
    if (err != HF_OK && hf_sip_flow_equal(input->flow, &tx->flow))
        flow_failed(tx, err, input->now_ms);
}

void hf_sip_server_repeat(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_err err;

    tx->interval_ms = HF_MIN(2 * tx->interval_ms, tx->layer->config.t2_ms);
    hf_sip_tx_arm(tx, input->now_ms);
    err = hf_sip_tx_send_kept(tx, &tx->flow, &tx->layer->stats.answers_repeated);
    if (err != HF_OK)
        flow_failed(tx, err, input->now_ms);
}

void hf_sip_server_answer(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)send_answer(tx, input, true);
}

void hf_sip_server_final(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    bool reliable = hf_sip_flow_reliable(&tx->flow);

    hf_sip_tx_done(tx);
    if (!reliable)
        hf_sip_tx_deadline(tx, HF_SIP_TIMER_J, timeout_ms(tx), input->now_ms);
    if (send_answer(tx, input, !reliable) && reliable)
        hf_sip_tx_end(tx); /* J is 0 */
}

void hf_sip_server_lost(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_tx_tell(tx, HF_SIP_TELL_LOST, input);
    hf_sip_tx_done(tx);
}

void hf_sip_server_end(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)tx;
    (void)input;
}

void hf_sip_server_cancelled(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_tx_tell(tx, HF_SIP_TELL_CANCEL, input);
}

void hf_sip_server_cancel_late(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)tx; /* its final answer stands (9.2) */
    (void)input;
}

void hf_sip_server_rejected(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_tx_done(tx);
    tx->interval_ms = hf_sip_flow_reliable(&tx->flow) ? 0 : tx->layer->config.t1_ms;
    hf_sip_tx_deadline(tx, HF_SIP_TIMER_H, timeout_ms(tx), input->now_ms);
    (void)send_answer(tx, input, true);
}

void hf_sip_server_confirmed(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    tx->interval_ms = 0;
    if (hf_sip_flow_reliable(&tx->flow))
        hf_sip_tx_end(tx); /* I is 0 */
    else
        hf_sip_tx_deadline(tx, HF_SIP_TIMER_I, tx->layer->config.t4_ms, input->now_ms);
}

/* 13.3.1.4: a 2xx is repeated on every transport, because only the ACK proves that it arrived at the end. */
void hf_sip_server_accepted(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    tx->interval_ms = tx->layer->config.t1_ms;
    hf_sip_tx_deadline(tx, HF_SIP_TIMER_L, timeout_ms(tx), input->now_ms);
    (void)send_answer(tx, input, true);
}

void hf_sip_server_accepted_ack(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    if (tx->acked) {
        tx->layer->stats.acks_absorbed++;
        return;
    }
    tx->acked = true;
    tx->interval_ms = 0;
    hf_sip_tx_arm(tx, input->now_ms);
    hf_sip_tx_tell(tx, HF_SIP_TELL_ACK, input);
    hf_sip_tx_done(tx);
}

void hf_sip_server_accepted_end(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_tx_tell(tx, HF_SIP_TELL_LOST, input); /* nobody hears it when the ACK has come */
    hf_sip_tx_done(tx);
}

static enum hf_sip_tx_ev event_of(unsigned status)
{
    return status < 200 ? HF_SIP_EV_1XX : status < 300 ? HF_SIP_EV_2XX : HF_SIP_EV_3XX;
}

static hf_err answer_stateless(struct hf_sip_tx *tx, unsigned status, struct hf_slice bytes)
{
    hf_err err;

    if (tx->done)
        return HF_ERR_CONFLICT;
    err = hf_sip_tx_send(tx, &tx->flow, bytes);
    tx->done = status >= 200 || err != HF_OK;
    return err;
}

hf_err hf_sip_tx_answer(struct hf_sip_tx *tx, unsigned status, struct hf_slice bytes, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms, .bytes = bytes};

    HF_ASSERT(!hf_sip_tx_is_client(tx));
    HF_ASSERT(status >= 100 && status <= 699); /* a wrong one would leave the transaction without an end */
    HF_ASSERT(bytes.bytes > 0 && bytes.bytes <= HF_SIP_TX_MESSAGE_BYTES_MAX);
    if (tx->stateless)
        return answer_stateless(tx, status, bytes);
    return hf_sip_tx_step(tx, event_of(status), &input) ? input.result : HF_ERR_CONFLICT;
}

hf_err hf_sip_tx_answer_plain(struct hf_sip_tx *tx, const struct hf_sip_msg *request, unsigned status,
                              uint64_t now_ms)
{
    struct hf_slice bytes;
    hf_err err = hf_sip_layer_write_plain(tx->layer, &tx->flow, request, status, 0, &bytes);

    return err == HF_OK ? hf_sip_tx_answer(tx, status, bytes, now_ms) : err;
}

void hf_sip_tx_forget(struct hf_sip_tx *tx)
{
    hf_sip_tx_done(tx);
}

void hf_sip_tx_forget_arrived(struct hf_sip_tx *tx, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms};

    HF_ASSERT(!hf_sip_tx_is_client(tx));
    hf_sip_tx_done(tx);
    if (tx->state == HF_SIP_TX_ACCEPTED)
        (void)hf_sip_tx_step(tx, HF_SIP_EV_ACK, &input);
}
