/* adapter/gb28181/upstream.c - the life of an upstream: what the machine asks for, the way in, requests of ours and their end. */
#include "adapter/gb28181/upstream_call.h"
#include "adapter/gb28181/upstream_sub.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

void hf_gb_up_reason(struct hf_gb_upstream *up, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(up->reason, sizeof(up->reason), format, args);
    va_end(args);
}

static uint32_t random_u32(struct hf_gb_upstream *up)
{
    return (uint32_t)hf_rng_below(&up->rng, UINT64_C(1) << 32);
}

/* ---- what the machine asks for ---- */

static void drop_all(struct hf_gb_upstream *up)
{
    struct hf_list_node *node;

    hf_gb_up_keep_end(up);
    hf_gb_up_calls_end(up, false);
    hf_gb_up_jobs_drop(up);
    hf_gb_up_subs_drop(up);
    hf_gb_up_forwards_drop(up);
    while ((node = hf_list_pop_front(&up->asks)) != NULL)
        hf_gb_up_ask_drop(HF_CONTAINER_OF(node, struct hf_gb_up_ask, node));
    up->flowing = false;
    up->options.ops->disconnect(up->options.context);
    if (up->redirected)
        (void)up->options.ops->redirect(up->options.context, (struct hf_slice){NULL, 0}, 0);
    up->redirected = false;
}

static void arm(struct hf_gb_upstream *up)
{
    if (up->machine.due_ms == UINT64_MAX)
        hf_wheel_cancel(up->options.wheel, &up->due);
    else
        hf_wheel_arm(up->options.wheel, &up->due, up->machine.due_ms);
}

static const struct hf_gb_up_news nothing_new;

static void connect_now(struct hf_gb_upstream *up)
{
    const char *why = "it cannot be reached";
    struct hf_sip_flow flow = {0};

    hf_gb_up_register_begin(up);
    up->flowing = false;
    hf_err err = up->options.ops->connect(up->options.context, &flow, &why);
    if (err == HF_OK) {
        hf_gb_upstream_connected(up, &flow);
    } else if (err != HF_ERR_BUSY) {
        hf_gb_up_reason(up, "%s", why);
        hf_gb_up_event(up, HF_GB_UP_EV_UNANSWERED, nothing_new);
    }
}

static void register_now(struct hf_gb_upstream *up, bool again, bool leaving)
{
    if (hf_gb_up_register(up, again, leaving))
        return;
    hf_gb_up_reason(up, "REGISTER could not be sent");
    hf_gb_up_event(up, HF_GB_UP_EV_UNANSWERED, nothing_new);
}

static void act(struct hf_gb_upstream *up, enum hf_gb_up_act what)
{
    switch (what) {
    case HF_GB_UP_NOTHING: return;
    case HF_GB_UP_CONNECT: connect_now(up); return;
    case HF_GB_UP_REGISTER: register_now(up, false, false); return;
    case HF_GB_UP_REGISTER_AGAIN: register_now(up, true, up->machine.state == HF_GB_UP_LEAVING); return;
    case HF_GB_UP_KEEP: hf_gb_up_keep(up); return;
    case HF_GB_UP_UNREGISTER:
        hf_gb_up_calls_end(up, true);
        hf_gb_up_keep_end(up);
        hf_gb_up_ask_drop(up->registering); /* the refresh under way, if any */
        register_now(up, false, true);
        return;
    case HF_GB_UP_GIVE_UP:
    case HF_GB_UP_END: drop_all(up); return;
    }
}

static void count(struct hf_gb_upstream *up, enum hf_gb_up_event event)
{
    switch (event) {
    case HF_GB_UP_EV_ACCEPTED: up->stats.accepted++; return;
    case HF_GB_UP_EV_REDIRECTED: up->stats.redirected++; return;
    case HF_GB_UP_EV_REFUSED: up->stats.refused++; return;
    case HF_GB_UP_EV_UNANSWERED: up->stats.unanswered++; return;
    case HF_GB_UP_EV_LOST:
    case HF_GB_UP_EV_SILENT:
    case HF_GB_UP_EV_FORGOTTEN: up->stats.broken += hf_gb_up_there(&up->machine); return;
    default: return;
    }
}

void hf_gb_up_event(struct hf_gb_upstream *up, enum hf_gb_up_event event, struct hf_gb_up_news news)
{
    uint8_t before = up->machine.state;

    news.now_ms = hf_gb_up_now(up);
    news.random = random_u32(up);
    count(up, event);
    enum hf_gb_up_act what = hf_gb_up_step(&up->machine, event, &news);
    if (what == HF_GB_UP_NOTHING)
        return;
    arm(up);
    if (event == HF_GB_UP_EV_ACCEPTED && up->machine.state == HF_GB_UP_REGISTERED)
        up->reason[0] = '\0';
    if (up->machine.state != before)
        up->options.ops->changed(up->options.context);
    act(up, what);
}

static void on_due(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_upstream *up = HF_CONTAINER_OF(timer, struct hf_gb_upstream, due);

    (void)now_ms;
    if (up->machine.state == HF_GB_UP_CONNECTING)
        hf_gb_up_reason(up, "no connection within %u s", HF_GB_UP_CONNECT_MS / 1000);
    hf_gb_up_event(up, HF_GB_UP_EV_DUE, nothing_new);
}

/* ---- the way in ---- */

static hf_err layer_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gb_upstream *up = context;

    return up->options.ops->send(up->options.context, flow, bytes);
}

static void on_event(void *context, const struct hf_sip_tx_event *event)
{
    struct hf_gb_upstream *up = context;
    struct hf_gb_user *user = event->user;

    if (event->tell == HF_SIP_TELL_REQUEST)
        hf_gb_up_on_request(up, event);
    else if (user != NULL)
        user->told(user, event);
}

static const struct hf_sip_layer_ops layer_ops = {layer_send, on_event};

static void judged(struct hf_gb_upstream *up, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                   unsigned status)
{
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(flow, status, true, host);
    struct hf_sb sb;

    up->stats.requests_refused++;
    reply.to_tag = hf_sip_layer_tag(up->layer, msg, tag);
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_judgement(&sb, msg, &reply, &hf_gb_up_policy) == HF_OK && !sb.overflow)
        (void)hf_sip_layer_send(up->layer, flow, hf_sb_done(&sb));
}

hf_err hf_gb_upstream_receive(struct hf_gb_upstream *up, const struct hf_sip_flow *flow,
                              struct hf_slice bytes)
{
    struct hf_sip_msg msg;

    if (up->flowing &&
        (flow->family != up->flow.family || memcmp(flow->peer, up->flow.peer, sizeof(flow->peer)) != 0)) {
        up->stats.strangers++;
        return HF_OK;
    }
    hf_err err = hf_sip_parse(bytes.at, bytes.bytes, hf_sip_flow_reliable(flow), NULL, &msg);

    up->stats.received++;
    if (err != HF_OK) {
        up->stats.malformed++;
        if (msg.kind == HF_SIP_REQUEST && msg.answerable)
            (void)hf_sip_layer_reply(up->layer, flow, &msg, hf_sip_problem_info(msg.problem)->status, 0);
        return err;
    }
    if (msg.kind == HF_SIP_KEEPALIVE)
        return HF_OK;
    unsigned verdict = hf_sip_judge(&msg, &hf_gb_up_policy);
    if (verdict == HF_SIP_DROP)
        return HF_OK;
    if (verdict != HF_SIP_TAKE)
        judged(up, flow, &msg, verdict);
    else if (msg.kind == HF_SIP_REQUEST && msg.method != HF_SIP_ACK && !hf_gb_up_there(&up->machine))
        judged(up, flow, &msg, 480); /* not registered there: nobody has a right to ask */
    else
        (void)hf_sip_tx_receive(up->layer, flow, &msg, HF_SIP_SHED_LATER, hf_gb_up_now(up));
    return HF_OK;
}

/* ---- doors ---- */

void hf_gb_upstream_start(struct hf_gb_upstream *up)
{
    hf_gb_up_event(up, HF_GB_UP_EV_START, nothing_new);
}

void hf_gb_upstream_stop(struct hf_gb_upstream *up)
{
    hf_gb_up_event(up, HF_GB_UP_EV_STOP, nothing_new);
}

void hf_gb_upstream_connected(struct hf_gb_upstream *up, const struct hf_sip_flow *flow)
{
    if (up->machine.state != HF_GB_UP_CONNECTING)
        return;
    up->flow = *flow;
    up->flowing = true;
    hf_gb_up_event(up, HF_GB_UP_EV_CONNECTED, nothing_new);
}

void hf_gb_upstream_lost(struct hf_gb_upstream *up, const char *why)
{
    if (up->machine.state == HF_GB_UP_IDLE || up->machine.state == HF_GB_UP_WAITING)
        return;
    hf_gb_up_reason(up, "%s", why);
    if (up->flowing && !hf_sip_flow_reliable(&up->flow)) { /* a hint: what waits for an answer fails now */
        (void)hf_sip_tx_flow_failed(up->layer, &up->flow, HF_ERR_CLOSED, hf_gb_up_now(up));
        return;
    }
    hf_gb_up_event(up, HF_GB_UP_EV_LOST, nothing_new);
}

void hf_gb_upstream_view(const struct hf_gb_upstream *up, struct hf_gb_upstream_view *ret_view)
{
    *ret_view = (struct hf_gb_upstream_view){.state = up->machine.state,
                                             .breaker = up->breaker.state,
                                             .status = up->status,
                                             .failures = up->machine.failures,
                                             .expires_s = up->granted_s,
                                             .since_ms = up->machine.since_ms,
                                             .due_ms = up->machine.due_ms,
                                             .stats = up->stats};
    if (up->tree != NULL) {
        ret_view->shown = up->tree->visible;
        ret_view->hidden = up->tree->ambiguous;
        ret_view->left_out = up->tree->left_out;
    }
    memcpy(ret_view->reason, up->reason, sizeof(up->reason));
}

/* ---- making one ---- */

static bool keep_text(struct hf_slice *text, char *storage, size_t storage_bytes)
{
    if (text->bytes >= storage_bytes)
        return false;
    if (text->bytes > 0)
        memcpy(storage, text->at, text->bytes);
    storage[text->bytes] = '\0';
    text->at = text->bytes > 0 ? storage : NULL;
    return true;
}

static bool is_token(struct hf_slice text) /* that may stand in a URI and, quoted, in credentials */
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] <= ' ' || (unsigned char)text.at[i] >= 0x7f ||
            strchr("\"\\<>@", text.at[i]) != NULL)
            return false;
    return text.bytes > 0;
}

static bool keep_texts(struct hf_gb_upstream *up)
{
    struct hf_gb_upstream_options *options = &up->options;

    if (options->username.bytes == 0)
        options->username = options->device_id;
    if (options->user_agent.bytes == 0)
        options->user_agent = HF_SLICE("Holdfast");
    return hf_gbid_valid(options->server_id, HF_GBID_RULE_DEVICE) &&
           hf_gbid_valid(options->device_id, HF_GBID_RULE_DEVICE) && is_token(options->domain) &&
           is_token(options->username) &&
           (options->external_host.bytes == 0 || is_token(options->external_host)) &&
           keep_text(&options->server_id, up->server_id, sizeof(up->server_id)) &&
           keep_text(&options->domain, up->domain, sizeof(up->domain)) &&
           keep_text(&options->device_id, up->device_id, sizeof(up->device_id)) &&
           keep_text(&options->username, up->username, sizeof(up->username)) &&
           keep_text(&options->password, up->password, sizeof(up->password)) &&
           keep_text(&options->user_agent, up->user_agent, sizeof(up->user_agent)) &&
           keep_text(&options->external_host, up->external_host, sizeof(up->external_host));
}

static hf_err make_parts(struct hf_gb_upstream *up)
{
    struct hf_sip_layer_config *sip = &up->options.sip;
    uint64_t seed;

    up->options.ops->random(up->options.context, sip->secret, sizeof(sip->secret));
    up->options.ops->random(up->options.context, &seed, sizeof(seed));
    hf_rng_seed(&up->rng, seed);
    sip->ops = &layer_ops;
    sip->context = up;
    sip->wheel = up->options.wheel;
    sip->transactions_max = HF_GB_UP_TRANSACTIONS_MAX;
    sip->kept_bytes_max = HF_GB_UP_KEPT_BYTES_MAX;
    hf_err err = hf_sip_layer_new(sip, &up->layer);
    if (err == HF_OK)
        err = hf_sip_keep_init(&up->dialog_keep, HF_GB_UP_DIALOG_BYTES_MAX);
    up->call_slab = hf_slab_new("gb_upstream_calls", sizeof(struct hf_gb_up_call), HF_GB_UP_CALLS_MAX);
    up->hasher = hf_sip_hasher_new();
    up->ask_slab = hf_slab_new("gb_upstream_asks", sizeof(struct hf_gb_up_ask), HF_GB_UP_ASKS_MAX);
    up->sip = malloc(HF_GB_SIP_BYTES_MAX + 1);
    up->body = malloc(HF_GB_BODY_BYTES_MAX + 1);
    up->memory = malloc(HF_GB_MEMORY_BYTES);
    up->json = malloc(HF_GB_UP_JSON_BYTES);
    up->scratch = malloc(HF_CDP_SCRATCH_BYTES);
    up->item_scratch = malloc(HF_CDP_SCRATCH_BYTES);
    up->forward_slab =
        hf_slab_new("gb_upstream_forwards", sizeof(struct hf_gb_up_forward), HF_GB_UP_FORWARDS_MAX);
    if (err != HF_OK)
        return err;
    if (up->hasher == NULL || up->ask_slab == NULL || up->sip == NULL || up->body == NULL ||
        up->memory == NULL || up->json == NULL || up->scratch == NULL || up->item_scratch == NULL ||
        up->forward_slab == NULL || up->call_slab == NULL)
        return HF_ERR_NOMEM;
    return hf_sip_hasher_has(up->hasher, HF_SIP_MD5) ? HF_OK : HF_ERR_UNSUPPORTED;
}

hf_err hf_gb_upstream_new(const struct hf_gb_upstream_options *options, struct hf_gb_upstream **ret_up)
{
    struct hf_gb_upstream *up = calloc(1, sizeof(*up));

    if (up == NULL)
        return HF_ERR_NOMEM;
    up->options = *options;
    up->options.expires_s = options->expires_s ? options->expires_s : HF_GB_EXPIRES_DEFAULT_S;
    up->options.keepalive_ms = hf_gb_keepalive_ms(options->keepalive_ms);
    up->options.keepalive_count = hf_gb_keepalive_count(options->keepalive_count);
    up->machine.due_ms = UINT64_MAX;
    hf_breaker_init(&up->breaker, &hf_breaker_node, up->breaker_slots, &up->rng, options->hub->now_ms);
    hf_list_init(&up->asks);
    hf_list_init(&up->jobs);
    hf_list_init(&up->forwards);
    hf_list_init(&up->calls);
    hf_list_init(&up->subs);
    hf_timer_init(&up->look, hf_gb_up_on_look);
    hf_timer_init(&up->retry, hf_gb_up_on_retry);
    up->options.datagram_bytes_max =
        options->datagram_bytes_max ? options->datagram_bytes_max : HF_GB_UP_DATAGRAM_BYTES;
    hf_timer_init(&up->due, on_due);
    hf_timer_init(&up->beat, hf_gb_up_on_beat);
    hf_err err = keep_texts(up) ? make_parts(up) : HF_ERR_INVALID;
    if (err != HF_OK) {
        hf_gb_upstream_free(up);
        return err;
    }
    *ret_up = up;
    return HF_OK;
}

void hf_gb_upstream_free(struct hf_gb_upstream *up)
{
    if (up == NULL)
        return;
    drop_all(up);
    hf_wheel_cancel(up->options.wheel, &up->due);
    hf_gb_up_calls_free(up);
    hf_sip_layer_free(up->layer);
    hf_sip_keep_deinit(&up->dialog_keep);
    hf_slab_free(up->call_slab);
    hf_sip_hasher_free(up->hasher);
    hf_slab_free(up->ask_slab);
    free(up->sip);
    free(up->body);
    free(up->memory);
    free(up->json);
    free(up->scratch);
    free(up->item_scratch);
    hf_slab_free(up->forward_slab);
    hf_gb_up_tree_drop(up->tree);
    explicit_bzero(up->password, sizeof(up->password));
    free(up);
}
