/* adapter/gb28181/upstream_call.c - pictures for a platform: its INVITE becomes Play (Playback, Download) of our device, which sends straight to where the platform's SDP says; what
 * the device has answered is our answer. Whoever hangs up, the other side hears of it.
 *
 *   ASKING --the device's session stands: 200--> ANSWERED --ACK--> STANDING --BYE of either side--> gone
 *   ASKING --it does not: 4xx, 5xx--> gone
 *   ASKING, ANSWERED, CANCEL or BYE from above--> gone; the session below is stopped as soon as it is known
 *
 * A session below that nobody above knows of any more is stopped: on_played() and end() are the two doors. GB/T 28181-2022 9.2, 9.8, 9.9; RFC 3261 13.3, 15; requirement GB-15. */
#include "adapter/gb28181/upstream_call.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLAY_WAIT_MS = 34000 /* above the longest setup of a session */, PLAY_TTL_MS = 10000 };

/* ---- what is said below ---- */

static void on_forgotten(struct hf_call *asked)
{
    hf_call_free(asked);
}

/* {"call":"...", more}; nobody waits for what comes of it. */
bool hf_gb_up_call_order(struct hf_gb_upstream *up, struct hf_slice device, const char *id, const char *verb,
                         const char *more)
{
    char json[256];

    (void)snprintf(json, sizeof(json), "{\"call\":\"%s\"%s}", id, more);
    struct hf_call *asked = hf_gb_up_command(up, device, verb, hf_slice_of(json), PLAY_TTL_MS);
    if (asked == NULL)
        return false;
    asked->on_done = on_forgotten;
    if (up->options.ops->call(up->options.context, asked) == HF_OK)
        return true;
    hf_call_free(asked);
    return false;
}

/* ---- its end ---- */

static void call_free(struct hf_gb_up_call *call)
{
    struct hf_gb_upstream *up = call->up;

    if (call->asked != NULL) {
        call->asked->maker = NULL;
        call->asked->abandoned = true;
    }
    if (call->invite != NULL)
        hf_sip_tx_forget(call->invite);
    hf_sip_dialog_end(&call->dialog);
    hf_list_remove(&call->node);
    free(call->request);
    hf_slab_give(up->call_slab, call);
}

static void bye(struct hf_gb_up_call *call)
{
    struct hf_gb_upstream *up = call->up;
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    if (call->dialog.state != HF_SIP_DIALOG_CONFIRMED || !up->flowing)
        return;
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_gb_up_write_within(up, &call->dialog, HF_SIP_BYE, hf_gb_up_call_shown(call), &sb) &&
        hf_sip_write_end(&sb, absent, absent) == HF_OK && !sb.overflow)
        (void)hf_gb_up_ask(up, hf_sb_done(&sb), HF_GB_UP_AS_BEAT, NULL, NULL);
}

/* above: the platform has to be told, too. */
static bool stopped(struct hf_gb_up_call *call)
{
    return call->id[0] == '\0' ||
           hf_gb_up_call_order(call->up, hf_gb_up_call_device(call), call->id, "Stop", "");
}

void hf_gb_up_call_end(struct hf_gb_up_call *call, bool above)
{
    struct hf_gb_upstream *up = call->up;

    if (above)
        bye(call);
    hf_sip_dialog_end(&call->dialog);
    if (call->invite != NULL)
        hf_sip_tx_forget(call->invite);
    call->invite = NULL;
    call->unwanted = true;
    if (call->asked != NULL)
        return; /* it is stopped when its name is known */
    if (stopped(call))
        call_free(call);
    else /* no memory, or a full mailbox */
        hf_wheel_arm(up->options.wheel, &up->retry, hf_gb_up_now(up) + HF_GB_RETRY_MS);
}

void hf_gb_up_on_retry(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_upstream *up = HF_CONTAINER_OF(timer, struct hf_gb_upstream, retry);

    (void)now_ms;
    for (struct hf_list_node *node = up->calls.next, *next; node != &up->calls; node = next) {
        struct hf_gb_up_call *call = HF_CONTAINER_OF(node, struct hf_gb_up_call, node);

        next = node->next;
        if (call->unwanted && call->asked == NULL)
            hf_gb_up_call_end(call, false);
    }
}

void hf_gb_up_calls_end(struct hf_gb_upstream *up, bool above)
{
    for (struct hf_list_node *node = up->calls.next, *next; node != &up->calls; node = next) {
        next = node->next;
        if (!HF_CONTAINER_OF(node, struct hf_gb_up_call, node)->unwanted)
            hf_gb_up_call_end(HF_CONTAINER_OF(node, struct hf_gb_up_call, node), above);
    }
}

/* Nobody is there any more to stop what Play begins: the command is taken back, and with it the session. The call is let go first: it may be told of its end at once. */
static void take_back(struct hf_gb_up_call *call)
{
    struct hf_gb_upstream *up = call->up;
    struct hf_call *cancel = hf_gb_up_command(up, hf_gb_up_call_device(call), NULL, HF_SLICE(""), 0);

    if (cancel != NULL) {
        cancel->type = HF_CALL_CANCEL;
        memcpy(cancel->id, call->asked->id, sizeof(cancel->id));
        cancel->on_done = on_forgotten;
    }
    call_free(call);
    if (cancel != NULL && up->options.ops->call(up->options.context, cancel) != HF_OK)
        hf_call_free(cancel);
}

void hf_gb_up_calls_free(struct hf_gb_upstream *up)
{
    while (!hf_list_empty(&up->calls)) {
        struct hf_gb_up_call *call = HF_CONTAINER_OF(up->calls.next, struct hf_gb_up_call, node);

        if (call->asked != NULL) {
            take_back(call);
        } else {
            (void)stopped(call);
            call_free(call);
        }
    }
    hf_wheel_cancel(up->options.wheel, &up->retry);
}

void hf_gb_upstream_call_ended(struct hf_gb_upstream *up, struct hf_slice id)
{
    for (struct hf_list_node *node = up->calls.next, *next; node != &up->calls; node = next) {
        struct hf_gb_up_call *call = HF_CONTAINER_OF(node, struct hf_gb_up_call, node);

        next = node->next;
        if (call->id[0] == '\0' || !hf_slice_is(id, call->id))
            continue;
        up->stats.calls_ended_below++;
        bye(call);
        call_free(call);
    }
}

/* ---- the answer ---- */

static void refuse(struct hf_gb_up_call *call, unsigned status)
{
    struct hf_gb_upstream *up = call->up;
    struct hf_sip_msg msg;

    up->stats.calls_failed++;
    if (call->invite != NULL && hf_sip_parse(call->request, call->request_bytes, true, NULL, &msg) == HF_OK) {
        struct hf_sip_tx *tx = call->invite;

        call->invite = NULL;
        (void)hf_sip_tx_answer_plain(tx, &msg, status, hf_gb_up_now(up));
    }
    hf_gb_up_call_end(call, false);
}

static void take(struct hf_gb_up_call *call, const struct hf_json_field said[HF_GB_UP_SAID])
{
    struct hf_gb_upstream *up = call->up;
    struct hf_slice text;

    if (!hf_gb_up_call_answer(call, said, &text)) {
        refuse(call, 500);
        return;
    }
    hf_sip_dialog_confirm(&call->dialog);
    call->state = HF_GB_UP_CALL_ANSWERED;
    up->stats.calls_answered++;
    hf_err err = hf_sip_tx_answer(call->invite, 200, text, hf_gb_up_now(up));
    free(call->request);
    call->request = NULL;
    if (err != HF_OK && err != HF_ERR_NOMEM) { /* the way is gone */
        call->invite = NULL;
        hf_gb_up_call_end(call, false);
    }
}

/* What became of Play: why not, as SIP has it. */
static unsigned status_of(const struct hf_call *asked, const struct hf_json_field said[HF_GB_UP_SAID])
{
    char storage[64];
    struct hf_slice reason = hf_gb_up_said_text(&said[HF_GB_UP_SAID_REASON], storage, sizeof(storage));
    uint64_t status = 0;

    if (said[HF_GB_UP_SAID_STATUS].found && hf_json_to_u64(&said[HF_GB_UP_SAID_STATUS], &status) == HF_OK &&
        status >= 400 && status < 700)
        return (unsigned)status;
    if (asked->reason == HF_REASON_NOT_FOUND)
        return 404;
    if (reason.at != NULL && hf_slice_is(reason, "busy"))
        return 486;
    return asked->fate == HF_FATE_EXPIRED || (reason.at != NULL && hf_slice_is(reason, "no_answer")) ? 480
                                                                                                     : 500;
}

static void on_played(struct hf_call *asked)
{
    struct hf_json_field said[HF_GB_UP_SAID] = {[HF_GB_UP_SAID_CONFIRMED] = HF_JSON_FIELD("confirmed"),
                                                [HF_GB_UP_SAID_ID] = HF_JSON_FIELD("call"),
                                                [HF_GB_UP_SAID_FROM] = HF_JSON_FIELD("from"),
                                                [HF_GB_UP_SAID_SSRC] = HF_JSON_FIELD("ssrc"),
                                                [HF_GB_UP_SAID_ANSWER_SSRC] = HF_JSON_FIELD("answer_ssrc"),
                                                [HF_GB_UP_SAID_PAYLOAD] = HF_JSON_FIELD("payload_type"),
                                                [HF_GB_UP_SAID_FORMAT] = HF_JSON_FIELD("format"),
                                                [HF_GB_UP_SAID_SETUP] = HF_JSON_FIELD("setup"),
                                                [HF_GB_UP_SAID_REASON] = HF_JSON_FIELD("reason"),
                                                [HF_GB_UP_SAID_STATUS] = HF_JSON_FIELD("status")};
    struct hf_gb_up_call *call = asked->maker;
    char storage[HF_GB_UP_CALL_ID_BYTES];
    bool stands = false;

    if (call == NULL) { /* the upstream is gone, and has taken it back */
        hf_call_free(asked);
        return;
    }
    call->asked = NULL;
    if (asked->result_bytes > 0 &&
        hf_json_scan(asked->result, asked->result_bytes, said, HF_GB_UP_SAID, 0) == HF_OK &&
        said[HF_GB_UP_SAID_CONFIRMED].found &&
        hf_json_to_bool(&said[HF_GB_UP_SAID_CONFIRMED], &stands) == HF_OK && stands) {
        struct hf_slice id = hf_gb_up_said_text(&said[HF_GB_UP_SAID_ID], storage, sizeof(storage));

        stands = id.bytes == sizeof(call->id) - 1;
        if (stands)
            memcpy(call->id, id.at, id.bytes);
    }
    if (call->unwanted || (stands && call->invite == NULL))
        hf_gb_up_call_end(call, false);
    else if (stands)
        take(call, said);
    else
        refuse(call, status_of(asked, said));
    hf_call_free(asked);
}

/* ---- INVITE ---- */

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_up_call *call = (struct hf_gb_up_call *)user;
    struct hf_gb_upstream *up = call->up;

    switch (event->tell) {
    case HF_SIP_TELL_ACK:
        call->invite = NULL;
        call->state = HF_GB_UP_CALL_STANDING;
        return;
    case HF_SIP_TELL_CANCEL: {
        struct hf_sip_msg msg;

        up->stats.calls_canceled++;
        if (call->request != NULL &&
            hf_sip_parse(call->request, call->request_bytes, true, NULL, &msg) == HF_OK) {
            call->invite = NULL;
            (void)hf_sip_tx_answer_plain(event->tx, &msg, 487, hf_gb_up_now(up));
        }
        hf_gb_up_call_end(call, false);
        return;
    }
    case HF_SIP_TELL_LOST: /* no ACK, or the flow */
        call->invite = NULL;
        hf_gb_up_call_end(call, true);
        return;
    default: return;
    }
}

/* What Play gets: where to, which SSRC, and when. False: nothing can be done with the offer. */
static bool write_play(struct hf_gb_up_call *call, struct hf_slice channel, unsigned max_forwards,
                       const struct hf_sdp *sdp, struct hf_sb *sb)
{
    const struct hf_sdp_media *media = &sdp->media[0];
    struct hf_slice host = hf_sdp_media_address(sdp, media);
    char ssrc[HF_SSRC_TEXT_BYTES];
    struct hf_json_out out;
    uint64_t speed;

    if (media->port == 0 || host.bytes == 0 || sdp->session < HF_SDP_PLAY || sdp->session > HF_SDP_DOWNLOAD ||
        (media->transport != HF_SDP_UDP && media->transport != HF_SDP_TCP) ||
        (sdp->session != HF_SDP_PLAY && (!sdp->has_time || sdp->stop_s <= sdp->start_s)))
        return false;
    call->session = (uint8_t)sdp->session;
    call->tcp = media->transport == HF_SDP_TCP;
    call->passive = media->setup != HF_SDP_ACTIVE; /* theirs: our device connects */
    hf_json_out_init(&out, sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "channel", channel);
    hf_json_out_object(&out, "to");
    hf_json_out_text(&out, "host", host);
    hf_json_out_u64(&out, "port", media->port);
    hf_json_out_end(&out);
    hf_json_out_cstr(&out, "transport", !call->tcp ? "udp" : call->passive ? "tcp_passive" : "tcp_active");
    if (sdp->has_ssrc && sdp->ssrc != 0) {
        hf_ssrc_format(sdp->ssrc, ssrc);
        hf_json_out_cstr(&out, "ssrc", ssrc);
    }
    if (sdp->session != HF_SDP_PLAY) {
        call->start_s = sdp->start_s;
        call->stop_s = sdp->stop_s;
        hf_json_out_u64(&out, "from", sdp->start_s);
        hf_json_out_u64(&out, "until", sdp->stop_s);
    }
    if (sdp->session == HF_SDP_DOWNLOAD && hf_slice_to_u64(sdp->download_speed, &speed) && speed >= 1 &&
        speed <= 32)
        hf_json_out_u64(&out, "speed", speed);
    hf_json_out_u64(
        &out, "max_forwards",
        max_forwards); /* platforms that show each other the same channel in a circle come to an end */
    hf_json_out_end(&out);
    return hf_json_out_complete(&out);
}

static struct hf_gb_up_call *call_new(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event,
                                      const struct hf_gb_up_node *node)
{
    const struct hf_gb_up_tree_device *owner = &up->tree->devices[node->device];
    struct hf_gb_up_call *call = hf_slab_take(up->call_slab);

    if (call == NULL)
        return NULL;
    hf_list_init(&call->node);
    call->up = up;
    call->user.told = told;
    call->device_bytes = owner->bytes;
    memcpy(call->device, owner->id, owner->bytes);
    call->shown_bytes = node->shown_bytes;
    memcpy(call->shown, node->shown, node->shown_bytes);
    call->request_bytes = event->msg->text.bytes;
    call->request = malloc(event->msg->text.bytes + 1);
    if (call->request == NULL) {
        hf_slab_give(up->call_slab, call);
        return NULL;
    }
    memcpy(call->request, event->msg->text.at, event->msg->text.bytes);
    hf_list_push_back(&up->calls, &call->node);
    return call;
}

/* 0: Play is under way. Otherwise the status to refuse with; the call, if there is one, is the caller's to free. */
static unsigned play(struct hf_gb_up_call *call, const struct hf_sip_tx_event *event, struct hf_slice channel)
{
    struct hf_gb_upstream *up = call->up;
    char json[1024], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sdp sdp;
    struct hf_sb sb;

    hf_sb_init(&sb, json, sizeof(json));
    if (hf_sdp_parse(event->msg->body, &sdp) != HF_OK || sdp.media_count == 0 ||
        !write_play(call, channel, event->msg->max_forwards - 1u, &sdp, &sb))
        return 488;
    hf_err err = hf_sip_dialog_uas(&call->dialog, &up->dialog_keep, event->msg,
                                   hf_sip_layer_tag(up->layer, event->msg, tag), false);
    if (err != HF_OK)
        return err == HF_ERR_NOMEM || err == HF_ERR_LIMIT ? 500
                                                          : 400; /* no Contact, or none that can be read */
    call->asked = hf_gb_up_command(up, hf_gb_up_call_device(call), hf_gb_up_call_verb(call->session),
                                   hf_sb_done(&sb), PLAY_TTL_MS);
    if (call->asked == NULL)
        return 500;
    call->asked->wait = true;
    call->asked->wait_ms = PLAY_WAIT_MS;
    call->asked->maker = call;
    call->asked->on_done = on_played;
    call->invite = event->tx;
    hf_sip_tx_set_user(event->tx, &call->user);
    (void)hf_sip_tx_answer_plain(event->tx, event->msg, 100, hf_gb_up_now(up));
    if (up->options.ops->call(up->options.context, call->asked) == HF_OK)
        return 0;
    hf_call_free(call->asked);
    call->asked = NULL;
    hf_sip_tx_set_user(event->tx, NULL);
    call->invite = NULL;
    return 503;
}

static unsigned invited(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    const struct hf_gb_up_node *node;

    if (event->msg->max_forwards <= 1)
        return 483; /* it would have to go on, to the device */
    node = hf_gb_up_find(up, event->msg->uri.user);
    if (node == NULL)
        node = hf_gb_up_find(up, event->msg->to.uri.user);
    if (node == NULL) {
        up->stats.not_shown++;
        return 404;
    }
    const struct hf_gb_up_tree_device *owner = &up->tree->devices[node->device];
    if (!hf_gb_up_online(up, (struct hf_slice){owner->id, owner->bytes}))
        return 480;
    struct hf_gb_up_call *call = call_new(up, event, node);
    if (call == NULL)
        return 486; /* HF_GB_UP_CALLS_MAX */
    unsigned status = play(call, event, hf_gb_up_node_channel(node));
    if (status != 0)
        call_free(call);
    return status;
}

void hf_gb_up_on_invite(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    unsigned status;

    if (event->msg->to.tag.at != NULL) { /* a change of a session leaves it as it is (14.2) */
        status = hf_gb_up_call_find(up, event->msg) != NULL ? 488 : 481;
    } else {
        up->stats.calls++;
        status = invited(up, event);
        up->stats.calls_refused += status != 0;
    }
    if (status != 0)
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_up_now(up));
}
