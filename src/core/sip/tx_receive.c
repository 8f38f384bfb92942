/* core/sip/tx_receive.c - whose message is it? */
#include "core/sip/tx_internal.h"

static enum hf_sip_tx_ev event_of(unsigned status)
{
    return status < 200 ? HF_SIP_EV_1XX : status < 300 ? HF_SIP_EV_2XX : HF_SIP_EV_3XX;
}

static hf_err receive_response(struct hf_sip_layer *layer, struct hf_sip_tx_input *input)
{
    const struct hf_sip_msg *msg = input->msg;
    struct hf_sip_tx *tx;

    if (msg->via.text.at == NULL) {
        tx = hf_sip_find_call(layer, hf_sip_key_client_call(layer, msg));
        layer->stats.matched_no_via += tx != NULL;
    } else {
        tx = hf_sip_find_key(layer, hf_sip_key_client(layer, msg));
    }
    if (tx == NULL || !hf_sip_tx_step(tx, event_of(msg->status), input))
        hf_sip_layer_stray(layer, input);
    return HF_OK;
}

static hf_err receive_ack(struct hf_sip_layer *layer, struct hf_sip_tx_input *input)
{
    const struct hf_sip_msg *msg = input->msg;
    struct hf_slice invite = hf_slice_of(hf_sip_method_name(HF_SIP_INVITE));
    struct hf_sip_tx *tx = hf_sip_find_key(layer, hf_sip_key_server(layer, msg, invite));

    if (tx != NULL && hf_sip_tx_step(tx, HF_SIP_EV_ACK, input))
        return HF_OK;
    /* The ACK of a 2xx is a transaction of its own (17): it is found by what it has in common with the INVITE. */
    tx = hf_sip_find_call(layer, hf_sip_key_server_call(layer, msg));
    if (tx != NULL && tx->state == HF_SIP_TX_ACCEPTED && hf_sip_tx_step(tx, HF_SIP_EV_ACK, input))
        return HF_OK;
    layer->stats.acks_for_nothing++;
    return HF_ERR_NOT_FOUND;
}

/* The share of the maximum from which on a class is shed. */
static uint64_t share(const struct hf_sip_layer *layer, enum hf_sip_class shed)
{
    switch (shed) {
    case HF_SIP_SHED_FIRST: return (uint64_t)layer->transactions_max * 3 / 4;
    case HF_SIP_SHED_LATER: return (uint64_t)layer->transactions_max * 7 / 8;
    default: return layer->transactions_max;
    }
}

static unsigned retry_after_s(struct hf_sip_layer *layer)
{
    return HF_SIP_RETRY_AFTER_S_MIN +
           (unsigned)hf_rng_below(&layer->rng, HF_SIP_RETRY_AFTER_S_MAX - HF_SIP_RETRY_AFTER_S_MIN + 1);
}

/* Lends a transaction that is kept nowhere, for the time of the callback. */
static hf_err tell_stateless(struct hf_sip_layer *layer, struct hf_sip_tx_input *input)
{
    struct hf_sip_tx tx = {.layer = layer,
                           .flow = *input->flow,
                           .kind = HF_SIP_TX_SERVER,
                           .state = HF_SIP_TX_ENDED,
                           .stateless = true};

    hf_sip_tx_tell(&tx, HF_SIP_TELL_REQUEST, input);
    return HF_OK;
}

static hf_err make_server(struct hf_sip_layer *layer, struct hf_sip_tx_input *input, struct hf_sip_key key,
                          struct hf_sip_tx **ret_tx)
{
    bool invite = input->msg->method == HF_SIP_INVITE;
    struct hf_sip_key call = {0};
    hf_err err;

    if (invite)
        call = hf_sip_key_server_call(layer, input->msg);
    err = hf_sip_tx_make(layer, invite ? HF_SIP_TX_SERVER_INVITE : HF_SIP_TX_SERVER, input->flow, key, &call,
                         ret_tx);
    if (err != HF_OK)
        return err;
    layer->stats.matched_rfc2543 += !input->msg->via.has_cookie;
    hf_sip_tx_deadline(*ret_tx, HF_SIP_TIMER_ANSWER,
                       invite ? layer->config.timer_c_ms : HF_SIP_TIMEOUT_T1 * layer->config.t1_ms,
                       input->now_ms);
    return HF_OK;
}

static void answer_cancel(struct hf_sip_layer *layer, struct hf_sip_tx_input *input, struct hf_sip_key key,
                          unsigned status)
{
    struct hf_sip_tx *tx;

    if (make_server(layer, input, key, &tx) == HF_OK) {
        tx->depth++; /* ours until the end of this block */
        if (hf_sip_tx_answer_plain(tx, input->msg, status, input->now_ms) != HF_OK)
            hf_sip_tx_done(tx); /* it could not be written: timer ANSWER ends it */
        tx->depth--;
        if (tx->state == HF_SIP_TX_ENDED)
            hf_sip_tx_end(tx);
    } else {
        (void)hf_sip_layer_reply(layer, input->flow, input->msg, status, 0); /* a repeat is answered alike */
    }
}

/* 9.2: the CANCEL has an answer of its own, and a transaction without a user. */
static hf_err receive_cancel(struct hf_sip_layer *layer, struct hf_sip_tx_input *input, struct hf_sip_key key)
{
    struct hf_slice invite = hf_slice_of(hf_sip_method_name(HF_SIP_INVITE));
    struct hf_sip_tx *tx = hf_sip_find_key(layer, hf_sip_key_server(layer, input->msg, invite));

    answer_cancel(layer, input, key, tx != NULL ? 200 : 481);
    tx = hf_sip_find_key(layer, hf_sip_key_server(layer, input->msg, invite)); /* sending may have ended it */
    if (tx == NULL)
        layer->stats.cancels_for_nothing++;
    else
        (void)hf_sip_tx_step(tx, HF_SIP_EV_CANCEL, input);
    return HF_OK;
}

/* 17.2.1: at once, because nobody knows how long the user takes; nothing when it has answered already. */
static void send_trying(struct hf_sip_tx *tx, const struct hf_sip_tx_input *input)
{
    struct hf_sip_tx_input trying = {.now_ms = input->now_ms, .by_layer = true};

    if (hf_sip_layer_write_plain(tx->layer, &tx->flow, input->msg, 100, 0, &trying.bytes) == HF_OK)
        (void)hf_sip_tx_step(tx, HF_SIP_EV_1XX, &trying);
}

static hf_err receive_new(struct hf_sip_layer *layer, struct hf_sip_tx_input *input, struct hf_sip_key key,
                          enum hf_sip_class shed)
{
    struct hf_sip_tx *tx = NULL;
    hf_err err = HF_ERR_LIMIT;

    if (layer->stats.transactions < share(layer, shed))
        err = make_server(layer, input, key, &tx);
    if (err != HF_OK) {
        layer->stats.shed[shed]++;
        if (shed == HF_SIP_SHED_NEVER && input->msg->method != HF_SIP_INVITE)
            return tell_stateless(layer, input);
        (void)hf_sip_layer_reply(layer, input->flow, input->msg, 503, retry_after_s(layer));
        return HF_ERR_LIMIT;
    }
    tx->depth++; /* so that it can be looked at after the callback */
    hf_sip_tx_tell(tx, HF_SIP_TELL_REQUEST, input);
    if (tx->kind == HF_SIP_TX_SERVER_INVITE && tx->kept == NULL)
        send_trying(tx, input);
    tx->depth--;
    if (tx->state == HF_SIP_TX_ENDED)
        hf_sip_tx_end(tx);
    return HF_OK;
}

hf_err hf_sip_tx_receive(struct hf_sip_layer *layer, const struct hf_sip_flow *flow,
                         const struct hf_sip_msg *msg, enum hf_sip_class shed, uint64_t now_ms)
{
    struct hf_sip_tx_input input = {.now_ms = now_ms, .msg = msg, .flow = flow};
    struct hf_sip_key key;
    struct hf_sip_tx *tx;

    HF_ASSERT(msg->kind == HF_SIP_REQUEST || msg->kind == HF_SIP_RESPONSE);
    HF_ASSERT(shed < HF_SIP_CLASSES);
    if (msg->kind == HF_SIP_RESPONSE)
        return receive_response(layer, &input);
    if (msg->method == HF_SIP_ACK)
        return receive_ack(layer, &input);
    key = hf_sip_key_server(layer, msg, msg->method_text);
    tx = hf_sip_find_key(layer, key);
    if (tx != NULL) {
        bool had_cell = hf_sip_tx_step(tx, HF_SIP_EV_AGAIN, &input);

        HF_ASSERT(had_cell); /* every live server state takes a repeat */
        return HF_OK;
    }
    if (msg->method == HF_SIP_CANCEL)
        return receive_cancel(layer, &input, key);
    return receive_new(layer, &input, key, shed);
}
