/* core/sip/tx_client.c - what we ask: the actions of both client machines, and what the user calls. */
#include "core/sip/tx_internal.h"

static uint64_t tag_hash(const struct hf_sip_tx *tx, const struct hf_sip_msg *msg)
{
    return hf_hash(tx->layer->keys[HF_SIP_KEY_CHECK], msg->to.tag.at, msg->to.tag.bytes);
}

static uint32_t timeout_ms(const struct hf_sip_tx *tx)
{
    return HF_SIP_TIMEOUT_T1 * tx->layer->config.t1_ms;
}

/* The flow failed within an action: nothing of the action may follow. */
static void flow_failed(struct hf_sip_tx *tx, hf_err err, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms, .err = err};

    tx->layer->stats.flow_failed++;
    (void)hf_sip_tx_step(tx, HF_SIP_EV_FAILED, &input); /* ENDED already: nothing to do */
}

void hf_sip_client_absorb(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)input;
    tx->layer->stats.answers_absorbed++;
}

void hf_sip_client_end(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    (void)tx; /* ENDED is all */
    (void)input;
}

void hf_sip_client_failed(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_tx_tell(tx, HF_SIP_TELL_FAILED, input);
    hf_sip_tx_done(tx);
}

void hf_sip_client_repeat(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_err err;

    if (tx->kind == HF_SIP_TX_CLIENT_INVITE)
        tx->interval_ms *= 2; /* A: without a cap; B ends it */
    else if (tx->state == HF_SIP_TX_PROCEEDING)
        tx->interval_ms = tx->layer->config.t2_ms;
    else
        tx->interval_ms = HF_MIN(2 * tx->interval_ms, tx->layer->config.t2_ms);
    hf_sip_tx_arm(tx, input->now_ms);
    err = hf_sip_tx_send_kept(tx, &tx->flow, &tx->layer->stats.requests_repeated);
    if (err != HF_OK)
        flow_failed(tx, err, input->now_ms);
}

static void send_cancel(struct hf_sip_tx *tx, uint64_t now_ms)
{
    struct hf_sip_layer *layer = tx->layer;
    struct hf_sip_msg invite;
    struct hf_sb sb;
    hf_err err;

    tx->cancel_sent = true;
    hf_sip_tx_deadline(tx, HF_SIP_TIMER_CANCEL, timeout_ms(tx), now_ms);
    HF_ASSERT(tx->kept != NULL && !tx->acked); /* an INVITE is always kept */
    err = hf_sip_layer_parse(layer, (struct hf_slice){tx->kept, tx->kept_bytes}, &invite);
    HF_ASSERT(err == HF_OK); /* it was parsed before it was sent */
    hf_sb_init(&sb, layer->scratch, HF_SIP_TX_MESSAGE_BYTES_MAX + 1);
    if (hf_sip_write_cancel(&sb, &invite) != HF_OK || sb.overflow)
        return; /* timer CANCEL ends it; the user hears that */
    /* A transaction of its own that nobody waits for; without room for it the CANCEL goes once. */
    struct hf_sip_tx *cancel = NULL;

    err = hf_sip_tx_request(layer, &tx->flow, hf_sb_done(&sb), NULL, now_ms, &cancel);
    if (err == HF_ERR_LIMIT || err == HF_ERR_NOMEM)
        (void)hf_sip_layer_send(layer, &tx->flow, hf_sb_done(&sb));
    else if (err == HF_OK)
        hf_sip_tx_done(cancel);
}

void hf_sip_client_provisional(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    const struct hf_sip_layer_config *config = &tx->layer->config;

    if (tx->kind == HF_SIP_TX_CLIENT_INVITE) {
        bool first = tx->deadline_timer == HF_SIP_TIMER_B;

        tx->interval_ms = 0;
        if (!tx->cancel_sent &&
            (first || input->msg->status > 100)) /* 16.6: each of them, but 100, starts C anew */
            hf_sip_tx_deadline(tx, HF_SIP_TIMER_C, config->timer_c_ms, input->now_ms);
        if (tx->cancel_wanted && !tx->cancel_sent)
            send_cancel(tx, input->now_ms);
    }
    hf_sip_tx_tell(tx, HF_SIP_TELL_PROVISIONAL, input); /* last: the user may do anything */
}

void hf_sip_client_final(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    tx->interval_ms = 0;
    hf_sip_keep_give(&tx->layer->keep, tx->kept, tx->kept_bytes); /* not sent again */
    tx->layer->stats.kept_bytes = tx->layer->keep.bytes;
    tx->kept = NULL;
    tx->kept_bytes = 0;
    if (!hf_sip_flow_reliable(&tx->flow))
        hf_sip_tx_deadline(tx, HF_SIP_TIMER_K, tx->layer->config.t4_ms, input->now_ms);
    hf_sip_tx_tell(tx, HF_SIP_TELL_FINAL, input);
    hf_sip_tx_done(tx);
    if (hf_sip_flow_reliable(&tx->flow) && tx->state != HF_SIP_TX_ENDED)
        hf_sip_tx_end(tx); /* K is 0 */
}

/* 300 to 699 to INVITE: the ACK belongs to the transaction and is kept in place of the request (17.1.1.3). */
void hf_sip_client_rejected(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    struct hf_sip_layer *layer = tx->layer;
    struct hf_sip_msg invite;
    struct hf_sb sb;
    hf_err err = hf_sip_layer_parse(layer, (struct hf_slice){tx->kept, tx->kept_bytes}, &invite);

    HF_ASSERT(err == HF_OK);
    tx->interval_ms = 0;
    if (!hf_sip_flow_reliable(&tx->flow))
        hf_sip_tx_deadline(tx, HF_SIP_TIMER_D, timeout_ms(tx), input->now_ms);
    hf_sb_init(&sb, layer->scratch, HF_SIP_TX_MESSAGE_BYTES_MAX + 1);
    if (hf_sip_write_ack(&sb, &invite, input->msg) == HF_OK && !sb.overflow) {
        (void)hf_sip_tx_keep(tx, hf_sb_done(&sb)); /* not kept: a repeat goes without its ACK */
        tx->acked = tx->kept != NULL;
        err = hf_sip_tx_send(tx, &tx->flow, hf_sb_done(&sb));
    }
    hf_sip_tx_tell(tx, HF_SIP_TELL_FINAL, input); /* the answer counts, whatever became of the ACK */
    hf_sip_tx_done(tx);
    if (tx->state != HF_SIP_TX_ENDED && (err != HF_OK || hf_sip_flow_reliable(&tx->flow)))
        hf_sip_tx_end(tx); /* D is 0 */
}

void hf_sip_client_reack(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    tx->layer->stats.answers_absorbed++;
    if (tx->acked && hf_sip_tx_send_kept(tx, &tx->flow, &tx->layer->stats.acks_repeated) != HF_OK)
        flow_failed(tx, HF_ERR_CLOSED, input->now_ms);
}

void hf_sip_client_late(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    hf_sip_layer_stray(tx->layer, input); /* the user has done with tx */
}

void hf_sip_client_accepted(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    tx->interval_ms = 0;
    hf_sip_tx_big(tx)->to_tag = tag_hash(tx, input->msg);
    hf_sip_tx_deadline(tx, HF_SIP_TIMER_M, timeout_ms(tx), input->now_ms); /* on streams, too: forks */
    if (tx->done)
        hf_sip_layer_stray(tx->layer, input); /* its user went; somebody has to ACK and BYE */
    else
        hf_sip_tx_tell(tx, HF_SIP_TELL_FINAL, input);
}

void hf_sip_client_accepted_again(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    if (tx->acked && tag_hash(tx, input->msg) == hf_sip_tx_big(tx)->to_tag) {
        tx->layer->stats.answers_absorbed++;
        if (hf_sip_tx_send_kept(tx, &tx->flow, &tx->layer->stats.acks_repeated) != HF_OK)
            flow_failed(tx, HF_ERR_CLOSED, input->now_ms);
    } else if (tx->done) {
        hf_sip_layer_stray(tx->layer, input);
    } else {
        hf_sip_tx_tell(tx, HF_SIP_TELL_AGAIN, input);
    }
}

void hf_sip_client_over(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    input->msg = NULL;
    hf_sip_tx_tell(tx, HF_SIP_TELL_OVER, input);
    hf_sip_tx_done(tx);
}

void hf_sip_client_cancel_later(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    input->result = tx->cancel_wanted ? HF_ERR_CONFLICT : HF_OK;
    tx->cancel_wanted = true;
}

void hf_sip_client_cancel(struct hf_sip_tx *tx, struct hf_sip_tx_input *input)
{
    input->result = tx->cancel_wanted ? HF_ERR_CONFLICT : HF_OK;
    if (tx->cancel_wanted)
        return;
    tx->cancel_wanted = true;
    send_cancel(tx, input->now_ms);
}

hf_err hf_sip_tx_cancel(struct hf_sip_tx *tx, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms};

    if (tx->kind != HF_SIP_TX_CLIENT_INVITE)
        return HF_ERR_INVALID;
    return hf_sip_tx_step(tx, HF_SIP_EV_CANCEL, &input) ? input.result : HF_ERR_CONFLICT;
}

hf_err hf_sip_tx_ack(struct hf_sip_tx *tx, struct hf_slice bytes, uint64_t now_ms)
{
    bool kept;
    hf_err err;

    if (tx->kind != HF_SIP_TX_CLIENT_INVITE || tx->state != HF_SIP_TX_ACCEPTED || bytes.bytes == 0 ||
        bytes.bytes > HF_SIP_TX_MESSAGE_BYTES_MAX)
        return HF_ERR_CONFLICT;
    kept = hf_sip_tx_keep(tx, bytes);
    tx->acked = kept;
    err = hf_sip_tx_send(tx, &tx->flow, bytes);
    if (err == HF_OK)
        return kept ? HF_OK : HF_ERR_NOMEM;
    (void)now_ms; /* the transaction stays: a repeat of the 2xx tries again */
    return err;
}

static hf_err judge_request(const struct hf_sip_layer *layer, struct hf_slice bytes, struct hf_sip_msg *ret)
{
    if (bytes.bytes == 0 || bytes.bytes > HF_SIP_TX_MESSAGE_BYTES_MAX ||
        hf_sip_layer_parse(layer, bytes, ret) != HF_OK)
        return HF_ERR_INVALID;
    if (ret->kind != HF_SIP_REQUEST || ret->method == HF_SIP_ACK || !ret->via.has_cookie)
        return HF_ERR_INVALID;
    return HF_OK;
}

hf_err hf_sip_tx_request(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, struct hf_slice bytes,
                         void *user, uint64_t now_ms, struct hf_sip_tx **ret_tx)
{
    struct hf_sip_msg msg;
    struct hf_sip_key key, call;
    struct hf_sip_tx *tx;
    bool invite, reliable = hf_sip_flow_reliable(flow);
    hf_err err = judge_request(layer, bytes, &msg);

    if (err != HF_OK)
        return err;
    invite = msg.method == HF_SIP_INVITE;
    key = hf_sip_key_client(layer, &msg);
    call = hf_sip_key_client_call(layer, &msg);
    if (hf_sip_find_key(layer, key) != NULL)
        return HF_ERR_EXISTS;
    err = hf_sip_tx_make(layer, invite ? HF_SIP_TX_CLIENT_INVITE : HF_SIP_TX_CLIENT, flow, key, &call, &tx);
    if (err == HF_OK && (!reliable || invite) && !hf_sip_tx_keep(tx, bytes)) {
        hf_sip_tx_end(tx);
        err = HF_ERR_NOMEM;
    }
    if (err != HF_OK) {
        if (err == HF_ERR_LIMIT)
            layer->stats.refused_max++;
        else
            layer->stats.refused_nomem++;
        return err;
    }
    tx->user = user;
    tx->interval_ms = reliable ? 0 : layer->config.t1_ms;
    hf_sip_tx_deadline(tx, invite ? HF_SIP_TIMER_B : HF_SIP_TIMER_F, timeout_ms(tx), now_ms);
    if (!reliable && bytes.bytes > HF_SIP_UDP_REQUEST_BYTES_SAFE)
        layer->stats.large_udp_requests++;
    err = hf_sip_tx_send(tx, flow, bytes);
    if (err != HF_OK) {
        layer->stats.flow_failed++;
        hf_sip_tx_end(tx);
        return err;
    }
    if (ret_tx != NULL)
        *ret_tx = tx;
    return HF_OK;
}

unsigned hf_sip_tx_flow_failed(struct hf_sip_layer *layer, const struct hf_sip_flow *flow, hf_err err,
                               uint64_t now_ms)
{
    uint64_t made = layer->stats.made[HF_SIP_TX_CLIENT] + layer->stats.made[HF_SIP_TX_CLIENT_INVITE], limit;
    struct hf_sip_flow copy = *flow; /* it may lie in a transaction that ends */
    struct hf_sip_tx *tx;
    unsigned count = 0;

    /* At most as many as there are: a user who asks again from within FAILED does not keep us here. */
    limit = made - layer->stats.ended[HF_SIP_TX_CLIENT] - layer->stats.ended[HF_SIP_TX_CLIENT_INVITE];
    while (count < limit && (tx = hf_sip_find_flow(layer, &copy)) != NULL) {
        flow_failed(tx, err, now_ms);
        count++;
    }
    return count;
}
