/* adapter/gb28181/call_invite.c - our INVITE and what comes of it. */
#include <inttypes.h>

#include "adapter/gb28181/call.h"
#include "codec/sip/judge.h"

void hf_gb_call_id_format(uint64_t id, char ret_text[HF_GB_CALL_ID_TEXT])
{
    (void)snprintf(ret_text, HF_GB_CALL_ID_TEXT, "%016" PRIx64, id);
}

void hf_gb_call_id_text(const struct hf_gb_call *call, char ret_text[HF_GB_CALL_ID_TEXT])
{
    hf_gb_call_id_format(call->id, ret_text);
}

static void write_subject(const struct hf_gb_call *call, struct hf_sb *sb)
{
    const struct hf_gb_site *site = call->device->site;
    char storage[128], ssrc[HF_SSRC_TEXT_BYTES];
    struct hf_sb subject;

    /* The serial of the sender's stream: a device that gets one twice lets go of the first stream. */
    hf_ssrc_format(call->ssrc, ssrc);
    hf_sb_init(&subject, storage, sizeof(storage));
    hf_sb_slice(&subject, hf_gb_call_channel(call));
    hf_sb_printf(&subject, ":%s,", ssrc);
    hf_sb_slice(&subject, site->options.server_id);
    hf_sb_text(&subject, ":0");
    (void)hf_sip_write_id(sb, HF_SIP_SUBJECT, hf_sb_done(&subject));
}

static bool write_invite(struct hf_gb_call *call, struct hf_slice sdp, struct hf_sb *sb)
{
    struct hf_gb_device *device = call->device;
    struct hf_gb_site *site = device->site;
    char peer[HF_SIP_FLOW_HOST_MAX], branch[HF_SIP_BRANCH_BYTES_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    char target[128], to[128], from[160], contact[160], call_id[64];
    struct hf_slice channel = hf_gb_call_channel(call), absent = {NULL, 0};
    struct hf_gb_address ours;

    hf_gb_our_address(site, &device->flow, &ours);
    hf_sb_init(sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    (void)hf_sip_write_request(sb, HF_SLICE("INVITE"),
                               hf_gb_uri(target, sizeof(target), channel,
                                         hf_sip_flow_peer_host(&device->flow, peer), device->flow.peer_port,
                                         device->flow.family == 6));
    (void)hf_sip_write_via(
        sb, &(struct hf_sip_via_out){.transport = (enum hf_sip_transport)device->flow.transport,
                                     .host = ours.host,
                                     .port = ours.port,
                                     .branch = hf_sip_layer_branch(site->layer, branch),
                                     .rport = true});
    (void)hf_sip_write_address(
        sb, HF_SIP_FROM,
        hf_gb_uri(from, sizeof(from), site->options.server_id, site->options.realm, 0, false),
        hf_sip_layer_token(site->layer, tag));
    (void)hf_sip_write_address(sb, HF_SIP_TO,
                               hf_gb_uri(to, sizeof(to), channel, site->options.realm, 0, false), absent);
    (void)snprintf(call_id, sizeof(call_id), HF_GB_CALL_ID "%016" PRIx64 ".%.*s", call->id,
                   (int)device->id_bytes, device->id);
    (void)hf_sip_write_id(sb, HF_SIP_CALL_ID, hf_slice_of(call_id));
    device->cseq = device->cseq % 0x7fffffff + 1;
    (void)hf_sip_write_cseq(sb, device->cseq, HF_SLICE("INVITE"));
    (void)hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS,
                           call->max_forwards ? call->max_forwards : (uint8_t)HF_SIP_MAX_FORWARDS_DEFAULT);
    (void)hf_sip_write_address(
        sb, HF_SIP_CONTACT,
        hf_gb_uri(contact, sizeof(contact), site->options.server_id, ours.host, ours.port, ours.ipv6),
        absent);
    write_subject(call, sb);
    (void)hf_sip_write_id(sb, HF_SIP_USER_AGENT, site->options.user_agent);
    (void)hf_sip_write_allow(sb, hf_gb_methods());
    (void)hf_sip_write_end(sb, HF_SLICE("application/sdp"), sdp);
    return !sb->overflow;
}

hf_err hf_gb_call_invite(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    char body[HF_GB_CALL_SDP_BYTES_MAX];
    struct hf_sb sdp, sb;

    hf_sb_init(&sdp, body, sizeof(body));
    if (!hf_gb_call_offer(call, &sdp) || !write_invite(call, hf_sb_done(&sdp), &sb))
        return HF_ERR_INVALID;
    hf_err err = hf_sip_tx_request(site->layer, &call->device->flow, hf_sb_done(&sb), &call->user,
                                   hf_gb_now(site), &call->invite);
    if (err != HF_OK) {
        call->invite = NULL;
        return err;
    }
    call->asked = true;
    (void)hf_gb_call_happens(call, HF_GB_CALL_INVITE, HF_GB_CALL_END_NONE);
    return HF_OK;
}

/* ---- answers ---- */

static void acknowledge(struct hf_gb_call *call)
{
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    if (call->invite != NULL && hf_gb_call_write(call, HF_SIP_ACK, &sb) &&
        hf_sip_write_end(&sb, absent, absent) == HF_OK)
        (void)hf_sip_tx_ack(call->invite, hf_sb_done(&sb), hf_gb_now(call->device->site));
}

/* RFC 4028: the device may keep the session alive; who falls silent then is gone. */
static void take_session_timer(struct hf_gb_call *call, const struct hf_sip_msg *msg)
{
    struct hf_slice value = hf_sip_value(msg, HF_SIP_SESSION_EXPIRES), head, params, refresher;
    uint64_t seconds;
    bool there = false;

    call->refresh_s = 0;
    call->times.refresh_ms = 0;
    if (value.bytes == 0 || hf_sip_split(value, &head, &params) != HF_OK ||
        !hf_slice_to_u64(head, &seconds) || seconds < 90 || seconds > 86400)
        return;
    refresher = hf_sip_param(params, "refresher", &there);
    /* "uac" is who sent the request that this belongs to. */
    if (there && hf_slice_eq_nocase(refresher, HF_SLICE("uac")) != (msg->kind == HF_SIP_REQUEST))
        return; /* ours to refresh, which we never offered (no Supported: timer) */
    call->refresh_s = (uint32_t)seconds;
    call->times.refresh_ms = hf_gb_now(call->device->site) + seconds * 1000;
}

void hf_gb_call_refreshed(struct hf_gb_call *call, const struct hf_sip_msg *msg)
{
    take_session_timer(call, msg);
    hf_gb_call_arm(call);
}

static void keep_text(struct hf_gb_call *call, struct hf_slice text)
{
    call->text_bytes = (uint8_t)HF_MIN(text.bytes, sizeof(call->text));
    if (text.bytes > 0)
        memcpy(call->text, text.at, call->text_bytes);
}

static void leave_invite(struct hf_gb_call *call)
{
    if (call->invite != NULL)
        hf_sip_tx_forget(call->invite);
    call->invite = NULL;
}

void hf_gb_call_tell_relay(struct hf_gb_call *call)
{
    const struct hf_gb_site *site = call->device->site;
    struct hf_gb_media_answer answer = {.host = hf_slice_of(call->from_host),
                                        .port = call->from_port,
                                        .ssrc = call->answer_ssrc ? call->answer_ssrc : call->ssrc,
                                        .transport = call->transport,
                                        .payload_type = call->payload_type,
                                        .format = {call->format, call->format_bytes}};

    if (call->relayed)
        site->options.media->answered(site->options.media_context, call->token, &answer);
}

/* A 2xx for which there is a session: it stands, or is ended in good order: acknowledged, whatever it says (RFC 3261 13.2.2.4), and BYE. */
static void accepted(struct hf_gb_call *call, const struct hf_sip_tx_event *event)
{
    struct hf_gb_site *site = call->device->site;
    bool late = hf_gb_call_state(&call->state) == HF_GB_CALL_DISCONNECTED;
    const char *element = "Contact";
    hf_err err = hf_sip_dialog_uac(&call->dialog, &site->dialog_keep, NULL, event->msg), made = err;

    if (err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT)
        made = hf_sip_dialog_uac_bare(&call->dialog, &site->dialog_keep, event->msg);
    if (made == HF_OK)
        acknowledge(call);
    call->pins++;                /* whatever the events lead to, it is not gone before the last line */
    if (made != HF_OK || late) { /* without a dialog there is nothing to say; its repeats are strays */
        site->stats.calls_late += late;
        call->err = made;
        if (!late)
            keep_text(call, hf_slice_of(element));
        (void)hf_gb_call_happens(call, late ? HF_GB_CALL_2XX : HF_GB_CALL_LOST, /* late: BYE */
                                 made == HF_ERR_NOMEM ? HF_GB_CALL_END_NO_MEMORY : HF_GB_CALL_END_BAD_ANSWER);
        leave_invite(call);
        hf_gb_call_unpin(call);
        return;
    }
    call->err = err;
    if (err == HF_OK)
        err = hf_gb_call_take_answer(call, event->flow, event->msg->body, &element);
    take_session_timer(call, event->msg);
    (void)hf_gb_call_happens(call, HF_GB_CALL_2XX, HF_GB_CALL_END_NONE);
    if (err != HF_OK) {
        keep_text(call, hf_slice_of(element));
        (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_BAD_ANSWER);
    } else {
        hf_gb_call_tell_relay(call);
        call->events = true;
        hf_gb_call_event(call, "started");
        hf_gb_call_record(call);
        hf_gb_call_tell(call);
    }
    hf_gb_call_unpin(call);
}

static void refused(struct hf_gb_call *call, const struct hf_sip_msg *msg)
{
    char storage[HF_GB_REFUSAL_BYTES_MAX];

    call->status = msg->status;
    keep_text(call, hf_gb_refusal(call->device->site, msg, storage));
    call->pins++;
    (void)hf_gb_call_happens(call, HF_GB_CALL_REFUSED, HF_GB_CALL_END_REFUSED);
    call->invite = NULL;
    hf_gb_call_unpin(call);
}

/* Repeats are acknowledged again; another dialog of a fork, or of a device that has forgotten its tag, is not wanted. */
static void again(struct hf_gb_call *call, const struct hf_sip_tx_event *event)
{
    if (hf_sip_dialog_is(&call->dialog, event->msg))
        acknowledge(call);
    else
        hf_gb_call_on_stray(call->device->site, event);
}

void hf_gb_call_invite_told(struct hf_gb_call *call, const struct hf_sip_tx_event *event)
{
    if (!call->heard && (event->tell == HF_SIP_TELL_PROVISIONAL || event->tell == HF_SIP_TELL_FINAL)) {
        call->heard = true;
        if (call->device->link != NULL)
            hf_gb_breaker_result(call->device, true);
    }
    switch (event->tell) {
    case HF_SIP_TELL_PROVISIONAL: (void)hf_gb_call_happens(call, HF_GB_CALL_1XX, HF_GB_CALL_END_NONE); return;
    case HF_SIP_TELL_FINAL:
        if (event->msg->status >= 300)
            refused(call, event->msg);
        else
            accepted(call, event);
        return;
    case HF_SIP_TELL_AGAIN: again(call, event); return;
    case HF_SIP_TELL_FAILED:
        call->pins++;
        if (hf_gb_call_state(&call->state) == HF_GB_CALL_RINGING) {
            call->sip_timer = (uint8_t)event->timer;
            call->err = event->err;
        }
        (void)hf_gb_call_happens(call, HF_GB_CALL_REFUSED,
                                 event->timer != HF_SIP_NO_TIMER ? HF_GB_CALL_END_NO_ANSWER
                                                                 : HF_GB_CALL_END_FLOW);
        call->invite = NULL;
        hf_gb_call_unpin(call);
        return;
    case HF_SIP_TELL_OVER: hf_gb_call_invite_over(call); return;
    default: return;
    }
}

void hf_gb_call_cancel(struct hf_gb_call *call)
{
    if (call->incoming)
        hf_gb_call_talk_refuse(call);
    else if (call->invite != NULL)
        (void)hf_sip_tx_cancel(call->invite, hf_gb_now(call->device->site));
}
