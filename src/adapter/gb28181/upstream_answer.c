/* adapter/gb28181/upstream_answer.c - requests of an upper platform: what is served, and by whom. */
#include "adapter/gb28181/upstream_parts.h"

static const char *const no_types[] = {NULL};
static const char *const no_extensions[] = {NULL};
const struct hf_sip_policy hf_gb_up_policy = {
    .methods = 1u << HF_SIP_OPTIONS | 1u << HF_SIP_ACK | 1u << HF_SIP_CANCEL,
    .extensions = no_extensions,
    .types = no_types,
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

void hf_gb_up_on_request(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    up->stats.requests++;
    on_options(up, event);
}
