/* adapter/gb28181/call_dialog.c - what is said within a session, by us and by the device. */
#include "adapter/gb28181/call.h"
#include "codec/sip/judge.h"

/* ---- by us ---- */

bool hf_gb_dialog_write(struct hf_gb_device *device, struct hf_sip_dialog *dialog, struct hf_slice source,
                        enum hf_sip_method method, struct hf_sb *sb)
{
    struct hf_gb_site *site = device->site;
    char branch[HF_SIP_BRANCH_BYTES_MAX], contact[160];
    struct hf_gb_address ours;

    hf_gb_our_address(site, &device->flow, &ours);
    hf_sb_init(sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    struct hf_sip_via_out via = {.transport = (enum hf_sip_transport)device->flow.transport,
                                 .host = ours.host,
                                 .port = ours.port,
                                 .branch = hf_sip_layer_branch(site->layer, branch),
                                 .rport = true};
    struct hf_slice user = source.bytes > 0 ? source : site->options.server_id;
    return hf_sip_dialog_write(dialog, sb, method, &via,
                               hf_gb_uri(contact, sizeof(contact), user, ours.host, ours.port, ours.ipv6)) ==
               HF_OK &&
           hf_sip_write_id(sb, HF_SIP_USER_AGENT, site->options.user_agent) == HF_OK;
}

bool hf_gb_call_write(struct hf_gb_call *call, enum hf_sip_method method, struct hf_sb *sb)
{
    return hf_gb_dialog_write(call->device, &call->dialog,
                              (struct hf_slice){call->source, call->source_bytes}, method, sb);
}

/* ---- by the device ---- */

static void reply(struct hf_gb_site *site, const struct hf_sip_tx_event *event, unsigned status)
{
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_now(site));
}

/* The device, when it speaks from where it was proven to be. NULL: that was answered. */
static struct hf_gb_device *heard(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = hf_gb_asking(site, event->msg);

    if (device == NULL) { /* it left between the look and now */
        reply(site, event, 403);
        return NULL;
    }
    if (hf_gb_device_heard(device, event->flow))
        return device;
    reply(site, event, 403);
    hf_gb_device_doubt(device, event->flow);
    return NULL;
}

void hf_gb_call_on_bye(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = heard(site, event);
    struct hf_gb_call *call = device ? hf_gb_call_find_dialog(device, event->msg) : NULL;

    if (device == NULL)
        return;
    reply(site, event, 200); /* 481 makes some devices ask for ever */
    if (call == NULL)
        site->stats.byes_unknown++;
    else
        (void)hf_gb_call_happens(call, HF_GB_CALL_BYE, HF_GB_CALL_END_BYE);
}

void hf_gb_call_on_info(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = heard(site, event);
    struct hf_gb_call *call = device ? hf_gb_call_find_dialog(device, event->msg) : NULL;

    if (device == NULL)
        return;
    hf_err err = call ? hf_sip_dialog_receive(&call->dialog, event->msg) : HF_ERR_NOT_FOUND;
    reply(site, event, err == HF_OK ? 200 : err == HF_ERR_CONFLICT ? 500 : 481);
}

/* A change of the session is refused and leaves it as it is (14.2), but a device that keeps it alive (RFC 4028) with what was agreed is answered. */
static void changed(struct hf_gb_call *call, const struct hf_sip_tx_event *event)
{
    struct hf_gb_site *site = call->device->site;
    char host[HF_SIP_FLOW_HOST_MAX], body[HF_GB_CALL_SDP_BYTES_MAX];
    struct hf_sip_reply answer = hf_sip_flow_reply(event->flow, 200, true, host);
    struct hf_slice expires = hf_sip_value(event->msg, HF_SIP_SESSION_EXPIRES);
    struct hf_gb_address ours;
    char contact[160];
    struct hf_sb sb, sdp;
    hf_err err = hf_sip_dialog_receive(&call->dialog, event->msg);

    hf_sb_init(&sdp, body, sizeof(body));
    bool written = call->incoming ? hf_gb_call_talk_answer(call, &sdp) : hf_gb_call_offer(call, &sdp);
    if (err != HF_OK || expires.bytes == 0 || call->refresh_s == 0 || !written) {
        site->stats.invites_refused++;
        reply(site, event, err == HF_ERR_CONFLICT ? 500 : err == HF_OK ? 488 : 400);
        return;
    }
    hf_gb_our_address(site, event->flow, &ours);
    hf_sb_init(&sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_reply(&sb, event->msg, &answer) == HF_OK &&
        hf_sip_write_address(
            &sb, HF_SIP_CONTACT,
            hf_gb_uri(contact, sizeof(contact), site->options.server_id, ours.host, ours.port, ours.ipv6),
            (struct hf_slice){NULL, 0}) == HF_OK &&
        hf_sip_write_id(&sb, HF_SIP_SESSION_EXPIRES, expires) == HF_OK &&
        hf_sip_write_end(&sb, HF_SLICE("application/sdp"), hf_sb_done(&sdp)) == HF_OK)
        (void)hf_sip_tx_answer(event->tx, 200, hf_sb_done(&sb), hf_gb_now(site));
    else
        reply(site, event, 500);
    hf_gb_call_refreshed(call, event->msg);
    hf_gb_call_record(call); /* its target may be another one */
}

void hf_gb_call_on_invite(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = heard(site, event);

    if (device == NULL)
        return;
    if (event->msg->to.tag.bytes == 0) {
        hf_gb_call_invited(device, event);
        return;
    }
    struct hf_gb_call *call = hf_gb_call_find_dialog(device, event->msg);
    if (call == NULL || hf_gb_call_state(&call->state) != HF_GB_CALL_CONNECTED)
        reply(site, event, 481);
    else
        changed(call, event);
}

void hf_gb_call_on_stray(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_address ours;
    struct hf_sip_via_out via = {.transport = (enum hf_sip_transport)event->flow->transport, .rport = true};

    if (event->msg->cseq.method != HF_SIP_INVITE || event->msg->status < 200 || event->msg->status > 299)
        return;
    hf_gb_our_address(site, event->flow, &ours);
    via.host = ours.host;
    via.port = ours.port;
    site->stats.calls_late++;
    (void)hf_sip_dialog_refuse(site->layer, &site->dialog_keep, event->flow, event->msg, &via,
                               hf_gb_now(site));
}

/* ---- the end of a recording ---- */

/* Named by the dialog, else by the channel, else there is only one. */
static struct hf_gb_call *history_of(struct hf_gb_device *device, const struct hf_sip_msg *msg,
                                     struct hf_slice channel)
{
    struct hf_gb_call *call = hf_gb_call_find_dialog(device, msg), *only = NULL, *by_channel = NULL;
    unsigned count = 0, channels = 0;

    if (call != NULL)
        return call;
    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next) {
        struct hf_gb_call *one = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        if (!hf_gb_call_is_history(one) || hf_gb_call_state(&one->state) != HF_GB_CALL_CONNECTED)
            continue;
        only = one;
        count++;
        if (!hf_slice_eq(hf_gb_call_channel(one), channel))
            continue;
        by_channel = one;
        channels++;
    }
    return channels == 1 ? by_channel : count == 1 ? only : NULL;
}

void hf_gb_call_at_end(struct hf_gb_device *device, const struct hf_sip_msg *msg,
                       const struct hf_cdp_message *message)
{
    struct hf_gb_call *call = history_of(device, msg, message->device_id);

    if (call != NULL)
        (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_OF_FILE);
}
