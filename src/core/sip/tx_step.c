/* core/sip/tx_step.c - one door for every change of state, the one timer, and what actions are made of. */
#include "core/sip/tx_internal.h"

static void on_due(struct hf_timer *timer, uint64_t now_ms);

static void count_state(struct hf_sip_tx *tx, int by)
{
    tx->layer->stats.now[tx->kind][tx->state] += (uint32_t)by;
}

static void leave_maps(struct hf_sip_tx *tx)
{
    struct hf_sip_layer *layer = tx->layer;

    hf_wheel_cancel(layer->config.wheel, &tx->timer);
    if (!tx->linked)
        return;
    tx->linked = false;
    hf_map_remove(&layer->by_key, &tx->node);
    if (tx->kind != HF_SIP_TX_SERVER)
        hf_map_remove(&layer->by_call, &hf_sip_tx_big(tx)->call_node);
    if (hf_sip_tx_is_client(tx))
        hf_map_remove(&layer->by_flow, &hf_sip_tx_big(tx)->flow_node);
}

/* ENDED is left by nobody; the memory goes when no step is under way. */
static void set_state(struct hf_sip_tx *tx, enum hf_sip_tx_state state)
{
    if (tx->state == state)
        return;
    HF_ASSERT(tx->state != HF_SIP_TX_ENDED);
    count_state(tx, -1);
    tx->state = (uint8_t)state;
    if (state != HF_SIP_TX_ENDED) {
        count_state(tx, 1);
        return;
    }
    leave_maps(tx);
    if (tx->done)
        tx->layer->stats.orphans--;
    tx->layer->stats.ended[tx->kind]++;
}

static void release_if_ended(struct hf_sip_tx *tx)
{
    struct hf_sip_layer *layer = tx->layer;

    if (tx->state != HF_SIP_TX_ENDED || tx->depth > 0)
        return;
    hf_sip_keep_give(&layer->keep, tx->kept, tx->kept_bytes);
    layer->stats.kept_bytes = layer->keep.bytes;
    layer->stats.transactions--;
    hf_slab_give(tx->kind == HF_SIP_TX_SERVER ? layer->small : layer->big, tx);
}

static hf_err link_maps(struct hf_sip_tx *tx, struct hf_sip_key key, const struct hf_sip_key *call)
{
    struct hf_sip_layer *layer = tx->layer;
    struct hf_sip_tx_big *big = tx->kind != HF_SIP_TX_SERVER ? hf_sip_tx_big(tx) : NULL;
    hf_err err;

    tx->check = key.check;
    err = hf_map_insert(&layer->by_key, &tx->node, key.hash);
    if (err != HF_OK || big == NULL)
        goto out;
    big->call_check = call->check;
    err = hf_map_insert(&layer->by_call, &big->call_node, call->hash);
    if (err != HF_OK) {
        hf_map_remove(&layer->by_key, &tx->node);
        goto out;
    }
    if (!hf_sip_tx_is_client(tx))
        goto out;
    err = hf_map_insert(&layer->by_flow, &big->flow_node, hf_sip_key_flow(layer, &tx->flow));
    if (err != HF_OK) {
        hf_map_remove(&layer->by_key, &tx->node);
        hf_map_remove(&layer->by_call, &big->call_node);
    }
out:
    tx->linked = err == HF_OK;
    return err;
}

hf_err hf_sip_tx_make(struct hf_sip_layer *layer, enum hf_sip_tx_kind kind, const struct hf_sip_flow *flow,
                      struct hf_sip_key key, const struct hf_sip_key *call, struct hf_sip_tx **ret_tx)
{
    struct hf_slab *slab = kind == HF_SIP_TX_SERVER ? layer->small : layer->big;
    struct hf_sip_tx *tx;
    hf_err err;

    if (layer->stats.transactions >= layer->transactions_max)
        return HF_ERR_LIMIT;
    tx = hf_slab_take(slab);
    if (tx == NULL)
        return HF_ERR_NOMEM;
    tx->layer = layer;
    tx->kind = (uint8_t)kind;
    tx->flow = *flow;
    tx->state = kind == HF_SIP_TX_SERVER_INVITE ? HF_SIP_TX_PROCEEDING : HF_SIP_TX_TRYING;
    hf_timer_init(&tx->timer, on_due);
    err = link_maps(tx, key, call);
    if (err != HF_OK) {
        hf_slab_give(slab, tx);
        return err;
    }
    count_state(tx, 1);
    layer->stats.made[kind]++;
    layer->stats.transactions++;
    layer->stats.transactions_max_seen =
        HF_MAX(layer->stats.transactions_max_seen, layer->stats.transactions);
    *ret_tx = tx;
    return HF_OK;
}

bool hf_sip_tx_step(struct hf_sip_tx *tx, enum hf_sip_tx_ev ev, struct hf_sip_tx_input *input)
{
    const struct hf_sip_tx_cell *cell;

    HF_ASSERT(tx->state < HF_SIP_TX_STATES && ev < HF_SIP_EVS);
    cell = &hf_sip_tx_table[tx->kind][tx->state][ev];
    if (cell->act == NULL)
        return false;
    tx->depth++;
    set_state(tx, cell->next); /* first, so that a nested event meets the new state */
    cell->act(tx, input);
    tx->depth--;
    release_if_ended(tx);
    return true;
}

void hf_sip_tx_end(struct hf_sip_tx *tx)
{
    set_state(tx, HF_SIP_TX_ENDED);
    release_if_ended(tx);
}

void hf_sip_tx_arm(struct hf_sip_tx *tx, uint64_t now_ms)
{
    uint64_t due_ms = tx->deadline_ms;

    if (tx->state == HF_SIP_TX_ENDED)
        return;
    if (tx->interval_ms > 0)
        due_ms = HF_MIN(due_ms, now_ms + tx->interval_ms);
    hf_wheel_arm(tx->layer->config.wheel, &tx->timer, due_ms);
}

void hf_sip_tx_deadline(struct hf_sip_tx *tx, enum hf_sip_timer timer, uint32_t in_ms, uint64_t now_ms)
{
    tx->deadline_timer = (uint8_t)timer;
    tx->deadline_ms = now_ms + in_ms;
    hf_sip_tx_arm(tx, now_ms);
}

static enum hf_sip_timer repeat_timer(const struct hf_sip_tx *tx)
{
    switch (tx->kind) {
    case HF_SIP_TX_CLIENT: return HF_SIP_TIMER_E;
    case HF_SIP_TX_CLIENT_INVITE: return HF_SIP_TIMER_A;
    default: return HF_SIP_TIMER_G; /* and what repeats a 2xx, which has no letter */
    }
}

static void on_due(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_sip_tx *tx = HF_CONTAINER_OF(timer, struct hf_sip_tx, timer);
    struct hf_sip_tx_input input = {.now_ms = now_ms, .flow = &tx->flow, .err = HF_ERR_TIMEOUT};
    bool over = now_ms >= tx->deadline_ms;
    bool had_cell;

    tx->layer->stats.timer_fired[over ? tx->deadline_timer : repeat_timer(tx)]++;
    had_cell = hf_sip_tx_step(tx, over ? HF_SIP_EV_DEADLINE : HF_SIP_EV_REPEAT, &input);
    HF_ASSERT(had_cell); /* every state has its deadline, and those that repeat have REPEAT */
}

bool hf_sip_tx_keep(struct hf_sip_tx *tx, struct hf_slice bytes)
{
    struct hf_sip_layer *layer = tx->layer;

    hf_sip_keep_give(&layer->keep, tx->kept, tx->kept_bytes);
    tx->kept = hf_sip_keep_copy(&layer->keep, bytes);
    tx->kept_bytes = tx->kept != NULL ? (uint32_t)bytes.bytes : 0;
    layer->stats.kept_bytes = layer->keep.bytes;
    if (tx->kept == NULL)
        layer->stats.not_kept++;
    return tx->kept != NULL;
}

hf_err hf_sip_tx_send(struct hf_sip_tx *tx, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_sip_layer *layer = tx->layer;
    hf_err err = layer->config.ops->send(layer->config.context, flow, bytes);

    if (err == HF_OK)
        return HF_OK;
    layer->stats.send_errors++;
    if (hf_sip_flow_reliable(flow) || err == HF_ERR_CLOSED || err == HF_ERR_INVALID)
        return err == HF_ERR_NOMEM ? HF_ERR_IO : err; /* to our caller that means: sent, not kept */
    return HF_OK;                                     /* a datagram that was lost on its first step */
}

hf_err hf_sip_tx_send_kept(struct hf_sip_tx *tx, const struct hf_sip_flow *flow, uint64_t *counter)
{
    if (tx->kept == NULL)
        return HF_OK;
    (*counter)++;
    return hf_sip_tx_send(tx, flow, (struct hf_slice){tx->kept, tx->kept_bytes});
}

void hf_sip_tx_done(struct hf_sip_tx *tx)
{
    if (tx->done)
        return;
    tx->done = true;
    tx->user = NULL;
    if (tx->state != HF_SIP_TX_ENDED)
        tx->layer->stats.orphans++;
}

void hf_sip_tx_tell(struct hf_sip_tx *tx, enum hf_sip_tell tell, const struct hf_sip_tx_input *input)
{
    struct hf_sip_layer *layer = tx->layer;
    bool failed = tell == HF_SIP_TELL_LOST || tell == HF_SIP_TELL_FAILED;
    struct hf_sip_tx_event event = {
        .tell = tell,
        .tx = tx,
        .user = tx->user,
        .flow = input->msg != NULL ? input->flow : &tx->flow,
        .msg = input->msg,
        .err = failed ? input->err : HF_OK,
        .timer = failed && input->err == HF_ERR_TIMEOUT ? tx->deadline_timer : HF_SIP_NO_TIMER,
        .stateless = tx->stateless,
    };

    if (!tx->done)
        layer->config.ops->on_event(layer->config.context, &event);
}

void hf_sip_layer_stray(struct hf_sip_layer *layer, const struct hf_sip_tx_input *input)
{
    struct hf_sip_tx_event event = {.tell = HF_SIP_TELL_STRAY, .flow = input->flow, .msg = input->msg};

    layer->stats.strays++;
    layer->config.ops->on_event(layer->config.context, &event);
}
