/* adapter/gb28181/call_talk.c - speaking to a device (GB-14): it is told by MANSCDP that there is something to hear, and calls us. The source that it is told to call is an id of ours
 * made for this once, and so that it belongs to this worker: devices' INVITEs may come from a channel, of which nobody knows whose it is, but they go to the source. */
#include "adapter/gb28181/call.h"
#include "codec/sip/judge.h"

enum { SERIALS = 1000000, TRIES = 4096 };

struct hf_gb_device *hf_gb_call_source_of(const struct hf_gb_site *site, struct hf_slice source)
{
    for (struct hf_list_node *node = site->talks.next; node != &site->talks; node = node->next) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, talk);

        if (hf_slice_eq(source, (struct hf_slice){call->source, call->source_bytes}))
            return call->device;
    }
    return NULL;
}

/* Ten digits of the domain, 136 (an audio input), 0, a serial. */
static void make_source(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    const struct hf_hub_options *hub = &site->options.hub->options;
    struct hf_slice server = site->options.server_id;
    bool digits = hf_gbid_valid(server, HF_GBID_RULE_DEVICE) && server.bytes == HF_GBID_DIGITS;
    char text[HF_GBID_DIGITS + 1];
    unsigned tries = 0;

    do {
        (void)snprintf(text, sizeof(text), "%.10s1360%06u", digits ? server.at : "0000000000",
                       hf_gb_random_u32(site) % SERIALS);
    } while (hf_hub_home(site->options.tenant->name, hf_slice_of(text), hub->workers) != hub->worker &&
             ++tries < TRIES);
    memcpy(call->source, text, HF_GBID_DIGITS);
    call->source_bytes = HF_GBID_DIGITS;
}

/* What the device is told; from here on it may call. */
static bool build_ask(struct hf_gb_request *request, struct hf_slice *ret_body)
{
    struct hf_gb_call *call = request->call;
    struct hf_gb_site *site = call->device->site;
    struct hf_cdp_writer writer = hf_gb_writer(call->device);
    struct hf_cdp_message *notify = &site->message;
    struct hf_sb sb;

    make_source(call);
    call->incoming = true;
    hf_list_push_back(&site->talks, &call->talk);
    memset(notify, 0, sizeof(*notify));
    notify->root = HF_CDP_ROOT_NOTIFY;
    notify->command = HF_CDP_CMD_BROADCAST;
    notify->sn = HF_CDP_INT(request->sn);
    notify->as.broadcast.source_id = (struct hf_slice){call->source, call->source_bytes};
    notify->as.broadcast.target_id = hf_gb_call_channel(call);
    request->command = HF_CDP_CMD_BROADCAST;
    request->answer = HF_CDP_ANSWER_ONE;
    hf_sb_init(&sb, site->body, HF_GB_BODY_BYTES_MAX + 1);
    if (hf_cdp_build(&writer, notify, &sb, NULL) != HF_OK)
        return false;
    *ret_body = hf_sb_done(&sb);
    return true;
}

hf_err hf_gb_call_ask_to_talk(struct hf_gb_request *request)
{
    struct hf_slice body;

    return build_ask(request, &body) ? hf_gb_request_send(request, body) : HF_ERR_INVALID;
}

static hf_err ask_now(struct hf_gb_request *request)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    struct hf_slice body, text;

    if (!build_ask(request, &body) ||
        !hf_gb_write_message(device, &device->flow, (struct hf_slice){NULL, 0}, body, &text))
        return HF_ERR_INVALID;
    hf_err err =
        hf_sip_tx_request(site->layer, &device->flow, text, &request->user, hf_gb_now(site), &request->tx);

    if (err != HF_OK)
        request->tx = NULL;
    request->sent_ms = hf_gb_now(site);
    return err;
}

/* The hub has let go of the command: what goes wrong now ends the session, of which the command tells. */
void hf_gb_call_talk_opened(struct hf_gb_call *call)
{
    struct hf_gb_device *device = call->device;

    for (struct hf_list_node *node = device->requests.next; node != &device->requests; node = node->next) {
        struct hf_gb_request *request = HF_CONTAINER_OF(node, struct hf_gb_request, node);

        if (request->call != call || request->verb != HF_GB_CALL_VERB_TALK)
            continue;
        call->err = ask_now(request);
        if (call->err != HF_OK)
            hf_gb_call_discard(call, HF_GB_CALL_END_FLOW);
        else
            hf_gb_request_wait(request, HF_GB_WAIT_SIP);
        return;
    }
    hf_gb_call_discard(call, HF_GB_CALL_END_UNCLAIMED); /* nobody asks for it any more */
}

/* ---- the device calls ---- */

static struct hf_gb_call *waiting(struct hf_gb_device *device, const struct hf_sip_msg *msg)
{
    struct hf_gb_call *first = NULL;

    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);
        struct hf_slice source = {call->source, call->source_bytes};

        if (!call->incoming || hf_gb_call_state(&call->state) != HF_GB_CALL_IDLE)
            continue;
        if (hf_slice_eq(source, msg->to.uri.user) || hf_slice_eq(source, msg->uri.user))
            return call;
        if (first == NULL) /* some call the platform instead */
            first = call;
    }
    return first;
}

static bool write_answer(struct hf_gb_call *call, const struct hf_sip_tx_event *event, struct hf_slice tag,
                         struct hf_sb *sb)
{
    struct hf_gb_site *site = call->device->site;
    char host[HF_SIP_FLOW_HOST_MAX], body[HF_GB_CALL_SDP_BYTES_MAX], contact[160];
    struct hf_sip_reply reply = hf_sip_flow_reply(event->flow, 200, true, host);
    struct hf_gb_address ours;
    struct hf_sb sdp;

    reply.to_tag = tag;
    hf_gb_our_address(site, event->flow, &ours);
    hf_sb_init(&sdp, body, sizeof(body));
    hf_sb_init(sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    return hf_gb_call_talk_answer(call, &sdp) && hf_sip_write_reply(sb, event->msg, &reply) == HF_OK &&
           hf_sip_write_address(sb, HF_SIP_CONTACT,
                                hf_gb_uri(contact, sizeof(contact),
                                          (struct hf_slice){call->source, call->source_bytes}, ours.host,
                                          ours.port, ours.ipv6),
                                (struct hf_slice){NULL, 0}) == HF_OK &&
           hf_sip_write_id(sb, HF_SIP_USER_AGENT, site->options.user_agent) == HF_OK &&
           hf_sip_write_allow(sb, hf_gb_methods()) == HF_OK &&
           hf_sip_write_end(sb, HF_SLICE("application/sdp"), hf_sb_done(&sdp)) == HF_OK;
}

static void refuse(struct hf_gb_call *call, const struct hf_sip_tx_event *event, unsigned status,
                   enum hf_gb_call_end end, const char *element)
{
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_now(call->device->site));
    call->text_bytes = (uint8_t)strlen(element);
    memcpy(call->text, element, call->text_bytes);
    (void)hf_gb_call_happens(call, HF_GB_CALL_REFUSED, end);
}

void hf_gb_call_invited(struct hf_gb_device *device, const struct hf_sip_tx_event *event)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_call *call = waiting(device, event->msg);
    char tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sb sb;

    if (call == NULL) { /* nobody has asked for it */
        site->stats.invites_refused++;
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, 403, hf_gb_now(site));
        return;
    }
    call->asked = true;
    (void)hf_gb_call_happens(call, HF_GB_CALL_INVITE, HF_GB_CALL_END_NONE);
    if (hf_gb_call_take_offer(call, event->flow, event->msg->body) != HF_OK) {
        refuse(call, event, 488, HF_GB_CALL_END_BAD_ANSWER, "SDP");
        return;
    }
    struct hf_slice local = hf_sip_layer_tag(site->layer, event->msg, tag);
    hf_err err = hf_sip_dialog_uas(&call->dialog, &site->dialog_keep, event->msg, local, true);
    if (err != HF_OK || !write_answer(call, event, local, &sb)) {
        refuse(call, event, err == HF_ERR_NOMEM ? 500 : 400,
               err == HF_ERR_NOMEM ? HF_GB_CALL_END_NO_MEMORY : HF_GB_CALL_END_BAD_ANSWER, "Contact");
        return;
    }
    /* Its ACK ends the setup, or the SIP timer that waits for it: 32 s. */
    call->times.begun_ms = hf_gb_now(site);
    call->times.setup_ms = HF_GB_CALL_SETUP_MS_MAX;
    call->invite = event->tx;
    call->answered = true;
    hf_sip_tx_set_user(event->tx, &call->user);
    err = hf_sip_tx_answer(event->tx, 200, hf_sb_done(&sb), hf_gb_now(site));
    if (err == HF_OK || err == HF_ERR_NOMEM) { /* NOMEM: sent, but not again */
        hf_gb_call_arm(call);
        return;
    }
    call->invite = NULL;
    call->answered = false;
    call->err = err;
    (void)hf_gb_call_happens(call, HF_GB_CALL_REFUSED, HF_GB_CALL_END_FLOW);
}

void hf_gb_call_talk_told(struct hf_gb_call *call, const struct hf_sip_tx_event *event)
{
    switch (event->tell) {
    case HF_SIP_TELL_ACK:
        call->invite = NULL;
        call->events = true;
        (void)hf_gb_call_happens(call, HF_GB_CALL_2XX, HF_GB_CALL_END_NONE);
        hf_gb_call_tell_relay(call);
        hf_gb_call_event(call, "started");
        hf_gb_call_record(call);
        hf_gb_call_tell(call);
        return;
    case HF_SIP_TELL_LOST: /* timer L, or the flow */
        call->invite = NULL;
        call->sip_timer = (uint8_t)event->timer;
        call->err = event->err;
        (void)hf_gb_call_happens(call, HF_GB_CALL_SETUP,
                                 event->timer != HF_SIP_NO_TIMER ? HF_GB_CALL_END_NO_ANSWER
                                                                 : HF_GB_CALL_END_FLOW);
        return;
    default: return; /* it is answered before a CANCEL can come */
    }
}

void hf_gb_call_talk_refuse(struct hf_gb_call *call)
{
    if (call->answered)
        hf_gb_call_bye(call);
    if (call->invite != NULL)
        hf_sip_tx_forget(call->invite);
    call->invite = NULL;
}
