/* adapter/gb28181/notify.c - NOTIFY: what a subscription brings. It is taken by its Call-ID; one that nobody knows of is taken, too, from a registered device at its proven address: subscriptions
 * outlive a restart of ours at the device, and end there by themselves. */
#include "adapter/gb28181/subscribe.h"

static void reply(struct hf_gb_site *site, const struct hf_sip_tx_event *event, unsigned status)
{
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_now(site));
}

/* "terminated;reason=timeout" */
static bool ends(const struct hf_sip_msg *msg)
{
    struct hf_slice state = hf_slice_trim(hf_sip_value(msg, HF_SIP_SUBSCRIPTION_STATE));
    const char *semicolon = state.bytes > 0 ? memchr(state.at, ';', state.bytes) : NULL;
    struct hf_slice word = {state.at, semicolon ? (size_t)(semicolon - state.at) : state.bytes};

    return hf_slice_eq_nocase(hf_slice_trim(word), HF_SLICE("terminated"));
}

/* The SIP status that says what became of its body. */
static unsigned take_body(struct hf_gb_device *device, const struct hf_sip_msg *msg)
{
    struct hf_gb_site *site = device->site;
    struct hf_cdp_message message;

    if (msg->body.bytes == 0)
        return 200;
    hf_err err = hf_cdp_parse(site->options.conv, (enum hf_text_charset)device->charset, msg->body,
                              site->scratch, HF_CDP_SCRATCH_BYTES, &message);
    site->stats.xml_tolerated += message.tolerances != 0;
    if (err != HF_OK) {
        site->stats.messages_bad++;
        return 400;
    }
    return hf_gb_take_notice(device, &message);
}

void hf_gb_on_notify(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    const struct hf_sip_msg *msg = event->msg;
    struct hf_gb_device *device = hf_gb_asking(site, msg);

    if (device == NULL) { /* it left while the transaction was made */
        reply(site, event, 481);
        return;
    }
    if (!hf_gb_device_heard(device, event->flow)) { /* nothing is taken from an address that is not proven */
        reply(site, event, 403);
        hf_gb_device_doubt(device, event->flow);
        return;
    }
    struct hf_gb_sub *sub = hf_gb_sub_find(device, msg->call_id);
    site->stats.notifies++;
    site->stats.notifies_unknown += sub == NULL;
    if (sub != NULL &&
        hf_gb_sub_notified(sub, msg) == HF_ERR_CONFLICT) { /* an older one, late (RFC 3261 12.2.2) */
        site->stats.notifies_late++;
        reply(site, event, 500);
        return;
    }
    unsigned status = take_body(device, msg);
    reply(site, event, status);
    if (sub != NULL && ends(msg))
        hf_gb_sub_ended(sub);
}
