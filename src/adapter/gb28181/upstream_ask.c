/* adapter/gb28181/upstream_ask.c - requests of ours to a platform, and what its breaker makes of their answers. */
#include "adapter/gb28181/upstream_parts.h"

static void ask_release(struct hf_gb_up_ask *ask)
{
    struct hf_gb_upstream *up = ask->up;

    if (ask->probe)
        hf_breaker_unprobed(&up->breaker, hf_gb_up_now(up));
    if (up->registering == ask)
        up->registering = NULL;
    if (up->beating == ask)
        up->beating = NULL;
    hf_list_remove(&ask->node);
    hf_slab_give(up->ask_slab, ask);
}

/* An answer is proof that it lives, unless it says that it cannot. */
static void judge(struct hf_gb_up_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_gb_upstream *up = ask->up;
    bool good = msg != NULL && msg->status < 500;

    if (ask->probe)
        (void)hf_breaker_probed(&up->breaker, good, hf_gb_up_now(up));
    else if (ask->judges)
        up->stats.breaker_opened += hf_breaker_result(&up->breaker, good, hf_gb_up_now(up));
    ask->probe = false;
}

static void ask_told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_up_ask *ask = (struct hf_gb_up_ask *)user;
    struct hf_gb_upstream *up = ask->up;
    const struct hf_sip_msg *msg = event->tell == HF_SIP_TELL_FINAL ? event->msg : NULL;

    if (event->tell != HF_SIP_TELL_FINAL && event->tell != HF_SIP_TELL_FAILED)
        return;
    judge(ask, msg);
    struct hf_gb_up_ask told = *ask;
    ask_release(ask);
    if (told.told != NULL)
        told.told(up, &told, msg);
}

static enum hf_breaker_verdict may_go(struct hf_gb_upstream *up, enum hf_gb_up_way way)
{
    if (way == HF_GB_UP_AS_REGISTER || !hf_gb_up_there(&up->machine))
        return HF_BREAKER_PASS;
    enum hf_breaker_verdict verdict = hf_breaker_ask(&up->breaker, hf_gb_up_now(up));
    if (verdict != HF_BREAKER_REFUSE || way == HF_GB_UP_AS_BEAT)
        return verdict;
    up->stats.breaker_refused++;
    return verdict;
}

struct hf_gb_up_ask *hf_gb_up_ask(struct hf_gb_upstream *up, struct hf_slice text, enum hf_gb_up_way way,
                                  hf_gb_up_told_fn *told, void *owner)
{
    enum hf_breaker_verdict verdict = up->flowing ? may_go(up, way) : HF_BREAKER_REFUSE;
    struct hf_gb_up_ask *ask = NULL;

    if (up->flowing && (verdict != HF_BREAKER_REFUSE || way != HF_GB_UP_AS_WORK)) {
        ask = hf_slab_take(up->ask_slab);
        up->stats.asks_full += ask == NULL;
    }
    if (ask == NULL) {
        if (verdict == HF_BREAKER_PROBE)
            hf_breaker_unprobed(&up->breaker, hf_gb_up_now(up));
        return NULL;
    }
    hf_list_init(&ask->node);
    ask->user.told = ask_told;
    ask->up = up;
    ask->told = told;
    ask->owner = owner;
    ask->probe = verdict == HF_BREAKER_PROBE;
    ask->judges = way != HF_GB_UP_AS_REGISTER && hf_gb_up_there(&up->machine);
    hf_list_push_back(&up->asks, &ask->node);
    if (hf_sip_tx_request(up->layer, &up->flow, text, &ask->user, hf_gb_up_now(up), &ask->tx) == HF_OK)
        return ask;
    ask_release(ask);
    return NULL;
}

void hf_gb_up_ask_drop(struct hf_gb_up_ask *ask)
{
    if (ask == NULL)
        return;
    hf_sip_tx_forget(ask->tx);
    ask_release(ask);
}
