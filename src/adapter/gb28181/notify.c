/* adapter/gb28181/notify.c - NOTIFY: what a subscription brings. It is taken by its Call-ID; one that nobody knows of is taken, too, from a registered device at its proven address: subscriptions
 * outlive a restart of ours at the device, and end there by themselves. Once there is a new one for the same, the old one is told to end (481, RFC 6665 4.1.3): everything would come twice.
 * What the old one brought while the new one was being made may come in that one, too: it is answered, and not taken again. */
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

/* The body without its SN, which some devices count on in each NOTIFY. */
static uint64_t hash_of_body(const struct hf_gb_site *site, struct hf_slice body)
{
    static const char open[] = "<SN>", close[] = "</SN>";
    const char *from = memmem(body.at, body.bytes, open, sizeof(open) - 1);
    size_t before = from != NULL ? (size_t)(from - body.at) : body.bytes;
    const char *to = from != NULL ? memmem(from, body.bytes - before, close, sizeof(close) - 1) : NULL;
    size_t after = to != NULL ? body.bytes - (size_t)(to - body.at) : 0;
    uint64_t hash = hf_hash(site->hash_key, body.at, to != NULL ? before : body.bytes);

    return hf_hash_mix(hash + (after > 0 ? hf_hash(site->hash_key, to, after) : 0)) | 1;
}

/* What is subscribed of that now; NULL: nothing. */
static struct hf_gb_sub *sub_of(const struct hf_gb_device *device, enum hf_cdp_command command)
{
    static const enum hf_cdp_command commands[HF_GB_TOPICS] = {
        [HF_GB_TOPIC_CATALOG] = HF_CDP_CMD_CATALOG,
        [HF_GB_TOPIC_ALARM] = HF_CDP_CMD_ALARM,
        [HF_GB_TOPIC_POSITION] = HF_CDP_CMD_MOBILE_POSITION,
        [HF_GB_TOPIC_PTZ_POSITION] = HF_CDP_CMD_PTZ_POSITION,
    };
    struct hf_gb_sub *sub = device->subs;

    while (sub != NULL && (sub->expires_s == 0 || commands[sub->topic] != command))
        sub = sub->next;
    return sub;
}

/* Of a subscription of an earlier start, for what there is a newer one, `sub`. While that one does not stand, one of the old ones, the first that speaks, stands in for it. */
static bool is_superseded(struct hf_gb_sub *sub, const struct hf_sip_msg *msg)
{
    const struct hf_gb_site *site = sub->device->site;
    uint64_t hash = hf_hash(site->hash_key, msg->call_id.at, msg->call_id.bytes) | 1;

    if (sub->rule.state == HF_GB_SUB_ACTIVE || (sub->stand_in != 0 && sub->stand_in != hash))
        return true;
    sub->stand_in = hash;
    sub->stood_in[sub->stood_in_next++ % HF_GB_SUB_STOOD_IN] = hash_of_body(site, msg->body);
    sub->stood_in_ms = hf_gb_now(site);
    return false;
}

/* The new one brings what the old one brought: once. */
static bool was_taken(struct hf_gb_sub *sub, const struct hf_sip_msg *msg)
{
    const struct hf_gb_site *site = sub->device->site;
    uint64_t hash;

    if (sub->stood_in_ms == 0 || hf_gb_now(site) - sub->stood_in_ms > HF_GB_SUB_STOOD_IN_MS)
        return false;
    hash = hash_of_body(site, msg->body);
    for (unsigned i = 0; i < HF_GB_SUB_STOOD_IN; i++)
        if (sub->stood_in[i] == hash) {
            sub->stood_in[i] = 0;
            return true;
        }
    return false;
}

/* The SIP status that says what became of its body. known: the subscription that it belongs to; NULL: none that we know of. */
static unsigned take_body(struct hf_gb_device *device, const struct hf_sip_msg *msg, struct hf_gb_sub *known)
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
    struct hf_gb_sub *now = known != NULL ? known : sub_of(device, message.command);
    bool ours =
        hf_gb_call_id_device(msg->call_id).bytes > 0; /* some devices notify in no dialog of ours at all */

    if (known == NULL && now != NULL && ours && is_superseded(now, msg)) {
        site->stats.notifies_old++;
        return 481;
    }
    if (known != NULL && was_taken(known, msg)) {
        site->stats.notifies_twice++;
        return 200;
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
    unsigned status = take_body(device, msg, sub);
    reply(site, event, status);
    if (sub != NULL && ends(msg))
        hf_gb_sub_ended(sub);
}
