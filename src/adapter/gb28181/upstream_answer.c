/* adapter/gb28181/upstream_answer.c - requests of an upper platform: what is served, and by whom. */
#include "adapter/gb28181/upstream_call.h"
#include "adapter/gb28181/upstream_sub.h"

static const char *const body_types[] = {"Application/MANSCDP+xml", "application/xml",      "text/xml",
                                         "application/sdp",         "Application/MANSRTSP", NULL};
static const char *const no_extensions[] = {NULL};
const struct hf_sip_policy hf_gb_up_policy = {
    .methods = 1u << HF_SIP_OPTIONS | 1u << HF_SIP_MESSAGE | 1u << HF_SIP_INVITE | 1u << HF_SIP_ACK |
               1u << HF_SIP_CANCEL | 1u << HF_SIP_BYE | 1u << HF_SIP_INFO | 1u << HF_SIP_SUBSCRIBE,
    .extensions = no_extensions,
    .types = body_types,
    .offer_needs_sdp = true,
};

static void on_options(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(event->flow, 200, true, host);
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    reply.to_tag = hf_sip_layer_tag(up->layer, event->msg, tag);
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_reply(&sb, event->msg, &reply) == HF_OK &&
        hf_sip_write_allow(&sb, hf_gb_up_policy.methods) == HF_OK &&
        hf_sip_write_end(&sb, absent, absent) == HF_OK)
        (void)hf_sip_tx_answer(event->tx, 200, hf_sb_done(&sb), hf_gb_up_now(up));
    else
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, 513, hf_gb_up_now(up));
}

static void reply(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event, unsigned status)
{
    up->stats.requests_refused += status != 200 && status != 503;
    up->stats.busy += status == 503;
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_up_now(up));
}

/* About us, or about what of ours is shown there. False: too much is under way. */
static bool handle(struct hf_gb_upstream *up, const struct hf_cdp_message *message)
{
    bool us = message->device_id.bytes == 0 || hf_slice_eq(message->device_id, up->options.device_id);
    bool query = message->root == HF_CDP_ROOT_QUERY;

    up->stats.queries += query;
    up->stats.orders += !query;
    if (query && message->command == HF_CDP_CMD_CATALOG)
        return hf_gb_up_answer_catalog(up, message);
    if (us && query)
        return hf_gb_up_answer_own(up, message);
    const struct hf_gb_up_node *node = us ? NULL : hf_gb_up_find(up, message->device_id);
    if (node != NULL && message->root != HF_CDP_ROOT_NOTIFY)
        return hf_gb_up_forward(up, message, node);
    up->stats.not_shown += node == NULL;
    return hf_cdp_answer_of(message) == HF_CDP_ANSWER_NONE ||
           hf_gb_up_answer_error(up, message->command, message->sn.value, message->device_id);
}

static bool wants_something(const struct hf_cdp_message *message)
{
    return message->sn.set &&
           (message->root == HF_CDP_ROOT_QUERY || message->root == HF_CDP_ROOT_CONTROL ||
            (message->root == HF_CDP_ROOT_NOTIFY && message->command == HF_CDP_CMD_BROADCAST));
}

static void on_message(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    struct hf_cdp_message message;
    hf_err err = hf_cdp_parse(up->options.conv, up->options.charset, event->msg->body, up->scratch,
                              HF_CDP_SCRATCH_BYTES, &message);

    if (event->msg->max_forwards == 0) {
        reply(up, event, 483); /* what would go on to a camera has gone far enough: a loop */
    } else if (err != HF_OK) {
        reply(up, event, 400);
    } else if (!wants_something(&message)) {
        reply(up, event, 200);
    } else if (hf_gb_up_busy(up)) {
        reply(up, event, 503);
    } else {
        reply(up, event, 200); /* before the answer, which is a message of its own */
        up->stats.busy += !handle(up, &message);
    }
}

void hf_gb_up_on_request(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    up->stats.requests++;
    switch (event->msg->method) {
    case HF_SIP_MESSAGE: on_message(up, event); return;
    case HF_SIP_INVITE: hf_gb_up_on_invite(up, event); return;
    case HF_SIP_BYE: hf_gb_up_on_bye(up, event); return;
    case HF_SIP_INFO: hf_gb_up_on_info(up, event); return;
    case HF_SIP_SUBSCRIBE: hf_gb_up_on_subscribe(up, event); return;
    default: on_options(up, event); return;
    }
}
