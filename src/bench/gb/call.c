/* bench/gb/call.c - media sessions that the platform begins: INVITE, its answer, ACK, and both sides' BYE. What is sent is play.c's.
 *
 *   INVITE -> (slow: 100, CANCEL gives 487) -> 200 until ACK -> plays -> BYE of either side
 *                                                               plays -> MediaStatus 121 behind the last frame of a recording -> BYE of the platform, or ours after HF_CAM_TIMER_F_MS
 *
 * The INVITE is kept as it came, since its answers copy from it. Sources: RFC 3261 9.2, 13.3.1.4, 15; RFC 3264; GB/T 28181-2016 and -2022 9.2, 9.8, 9.9, annex G. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

#include "base/assert.h"
#include "codec/sdp/sdp.h"

#define NEVER UINT64_MAX

enum { SDP_BYTES_MAX = 2048, PAYLOAD_TYPE_DEFAULT = 96 };

static const struct hf_slice absent = {NULL, 0};

static struct hf_cam_call **find(struct hf_cam *cam, struct hf_slice call_id)
{
    struct hf_cam_call **link = &cam->calls;

    while (*link != NULL && !hf_slice_eq((*link)->call_id, call_id))
        link = &(*link)->next;
    return link;
}

static void forget(struct hf_cam *cam, struct hf_cam_call **link)
{
    struct hf_cam_call *call = *link;

    *link = call->next;
    if (call->media != NULL)
        cam->world->ops->media_close(cam->world->context, call->media);
    free(call);
}

/* It is over: told, and forgotten. */
static void over(struct hf_cam *cam, struct hf_cam_call **link, const char *why)
{
    uint32_t packets = (*link)->packets;

    cam->world->stats.calls_over++;
    forget(cam, link);
    hf_cam_tell(cam, &(struct hf_cam_event){
                         .tell = HF_CAM_TELL_HUNG_UP, .text = hf_slice_of(why), .number = packets});
}

/* ---- what is offered ---- */

struct offer {
    struct hf_sdp sdp;
    const char *wrong; /* why it is refused */
};

/* Where a payload type is listed without a name it is the one that everybody uses. */
static bool find_payload(const struct hf_sdp_media *media, uint8_t *ret_type)
{
    const struct hf_sdp_payload *payload = hf_sdp_payload_of(media, "PS");

    for (unsigned i = 0; payload == NULL && i < media->payload_count; i++)
        if (media->payloads[i].type == PAYLOAD_TYPE_DEFAULT && media->payloads[i].encoding.at == NULL)
            payload = &media->payloads[i];
    if (payload == NULL)
        return false;
    *ret_type = payload->type;
    return true;
}

static unsigned refuse(struct offer *offer, unsigned status, const char *why)
{
    offer->wrong = why;
    return status;
}

/* 200, or the status that it is refused with. */
static unsigned judge(const struct hf_cam *cam, const struct hf_sip_msg *msg, struct offer *offer)
{
    const struct hf_sdp_media *media = &offer->sdp.media[0];
    unsigned count = 0;
    uint8_t type;

    for (const struct hf_cam_call *call = cam->calls; call != NULL; call = call->next)
        count++;
    if (cam->world->profile->reel == NULL || cam->world->ops->media_open == NULL)
        return refuse(offer, 488, "there is no picture to send: --media FILE is missing");
    if (!hf_cam_is_channel(cam, msg->uri.user))
        return refuse(offer, 404, "no channel of this device");
    if (hf_sdp_parse(msg->body, &offer->sdp) != HF_OK)
        return refuse(offer, 400, "no SDP");
    if (offer->sdp.media_count == 0 || media->kind != HF_SDP_VIDEO || media->port == 0 ||
        hf_sdp_media_address(&offer->sdp, media).bytes == 0)
        return refuse(offer, 488, "no video is asked for, or nowhere to send it");
    if (offer->sdp.session != HF_SDP_PLAY && offer->sdp.session != HF_SDP_PLAYBACK &&
        offer->sdp.session != HF_SDP_DOWNLOAD)
        return refuse(offer, 488, "neither Play nor Playback nor Download");
    if (media->transport != HF_SDP_UDP && media->transport != HF_SDP_TCP)
        return refuse(offer, 488, "neither RTP/AVP nor TCP/RTP/AVP");
    if (media->transport == HF_SDP_TCP && media->setup != HF_SDP_PASSIVE && media->setup != HF_SDP_ACTPASS)
        return refuse(offer, 488, "over TCP it connects itself, and nobody listens");
    if (!find_payload(media, &type))
        return refuse(offer, 488, "PS is not asked for");
    if (count >= HF_CAM_CALLS_MAX)
        return refuse(offer, 486, "too many calls");
    return 200;
}

/* ---- answers to INVITE ---- */

static hf_err parse_invite(const struct hf_cam *cam, const struct hf_cam_call *call,
                           struct hf_sip_msg *ret_msg)
{
    return hf_sip_parse(call->text, call->bytes, hf_cam_is_stream(cam), NULL, ret_msg);
}

static bool build_answer(const struct hf_cam *cam, const struct hf_cam_call *call, const struct hf_sdp *offer,
                         struct hf_sb *sb)
{
    struct hf_slice host = hf_slice_of(cam->host);
    struct hf_sdp answer = {.origin_user = call->channel,
                            .session = offer->session,
                            .address = host,
                            .start_s = offer->start_s,
                            .stop_s = offer->stop_s,
                            .media_count = 1,
                            .has_ssrc = !hf_cam_has(cam, HF_CAM_QUIRK(NO_SSRC)),
                            .ssrc = call->ssrc};
    struct hf_sdp_media *media = &answer.media[0];

    media->kind = HF_SDP_VIDEO;
    media->port = call->port;
    media->transport = call->tcp ? HF_SDP_TCP : HF_SDP_UDP;
    media->payload_count = 1;
    media->payloads[0] = (struct hf_sdp_payload){
        .type = call->payload_type, .encoding = HF_SLICE("PS"), .clock_hz = HF_ES_CLOCK_HZ};
    media->direction = HF_SDP_SENDONLY;
    if (call->tcp) {
        media->setup = HF_SDP_ACTIVE;
        media->connection = HF_SDP_NEW;
    }
    return hf_sdp_build(&answer, sb) == HF_OK;
}

static void send_answer(struct hf_cam *cam, const struct hf_cam_call *call, unsigned status)
{
    char storage[SDP_BYTES_MAX];
    struct hf_slice text, body = absent;
    struct hf_sip_msg msg;
    struct hf_sdp offer;
    struct hf_sb sb, sdp;

    if (parse_invite(cam, call, &msg) != HF_OK)
        HF_UNREACHABLE(); /* it was parsed when it came */
    hf_sb_init(&sdp, storage, sizeof(storage));
    if (status == 200 && hf_sdp_parse(msg.body, &offer) == HF_OK && build_answer(cam, call, &offer, &sdp))
        body = hf_sb_done(&sdp);
    hf_cam_write_reply(cam, &msg, status, &sb);
    if (status == 200)
        hf_cam_write_contact(cam, &sb);
    if (hf_cam_write_end(&sb, body.at != NULL ? HF_SLICE("Application/SDP") : absent, body, &text))
        hf_cam_send(cam, text);
    else
        cam->world->stats.not_sent++;
}

/* Repeated until ACK comes, over streams too: 13.3.1.4. */
static void answer(struct hf_cam *cam, struct hf_cam_call *call, unsigned status)
{
    call->state = status == 200 ? HF_CAM_CALL_ANSWERED : HF_CAM_CALL_REFUSED;
    call->gap_ms = HF_CAM_T1_MS;
    call->again_ms = hf_cam_now_ms(cam) + call->gap_ms;
    call->until_ms = hf_cam_now_ms(cam) + HF_CAM_TIMER_F_MS;
    send_answer(cam, call, status);
}

/* ---- INVITE ---- */

static struct hf_cam_call *call_new(struct hf_cam *cam, const struct hf_sip_msg *msg,
                                    const struct hf_sdp *offer)
{
    struct hf_cam_call *call = malloc(sizeof(*call) + msg->text.bytes);
    struct hf_sip_msg kept;

    if (call == NULL)
        return NULL;
    *call = (struct hf_cam_call){.asked_us = cam->world->now_us,
                                 .invite_cseq = msg->cseq.number,
                                 .tcp = offer->media[0].transport == HF_SDP_TCP,
                                 .once = offer->session != HF_SDP_PLAY,
                                 .ssrc = offer->has_ssrc && !hf_cam_has(cam, HF_CAM_QUIRK(OTHER_SSRC))
                                             ? offer->ssrc
                                             : (uint32_t)hf_cam_fresh(cam),
                                 .sequence = (uint16_t)hf_cam_fresh(cam),
                                 .clock = (uint32_t)hf_cam_fresh(cam),
                                 .speed = 1,
                                 .stop_time = NEVER,
                                 .bytes = msg->text.bytes};
    memcpy(call->text, msg->text.at, msg->text.bytes);
    if (parse_invite(cam, call, &kept) != HF_OK) {
        free(call);
        return NULL;
    }
    call->call_id = kept.call_id;
    call->channel = kept.uri.user;
    call->target = hf_cam_target(&kept);
    call->from = kept.from.uri.text;
    call->from_tag = kept.from.tag;
    call->to = kept.to.uri.text;
    (void)find_payload(&offer->media[0], &call->payload_type);
    if (call->once && offer->stop_s > offer->start_s)
        call->stop_time = (offer->stop_s - offer->start_s) * HF_ES_CLOCK_HZ;
    uint64_t speed;
    if (offer->session == HF_SDP_DOWNLOAD && hf_slice_to_u64(offer->download_speed, &speed) && speed > 1)
        call->speed = (double)HF_MIN(speed, (uint64_t)HF_CAM_MEDIA_SPEED_MAX);
    return call;
}

static void tell_called(struct hf_cam *cam, const struct hf_cam_call *call, const struct hf_sdp *offer)
{
    static const char *const words[] = {
        [HF_SDP_PLAY] = "play", [HF_SDP_PLAYBACK] = "playback", [HF_SDP_DOWNLOAD] = "download"};
    struct hf_slice host = hf_sdp_media_address(offer, &offer->media[0]);
    char text[256], ssrc[HF_SSRC_TEXT_BYTES];
    struct hf_sb sb;

    hf_ssrc_format(call->ssrc, ssrc);
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "%.*s %s %s to %.*s port %u ssrc %s", (int)call->channel.bytes, call->channel.at,
                 words[offer->session], call->tcp ? "tcp" : "udp", (int)host.bytes, host.at,
                 offer->media[0].port, ssrc);
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_CALLED, .text = hf_sb_done(&sb)});
}

static void refused(struct hf_cam *cam, const struct hf_sip_msg *msg, unsigned status, const char *why,
                    bool again)
{
    hf_cam_reply(cam, msg, status);
    if (again)
        return;
    cam->world->stats.calls_refused++;
    hf_cam_tell(cam, &(struct hf_cam_event){
                         .tell = HF_CAM_TELL_UNCALLED, .status = status, .text = hf_slice_of(why)});
}

static void came_again(struct hf_cam *cam, const struct hf_cam_call *call, const struct hf_sip_msg *msg)
{
    if (msg->cseq.number != call->invite_cseq) /* what is sent is not changed under way */
        hf_cam_reply(cam, msg, 488);
    else
        send_answer(cam, call,
                    call->state == HF_CAM_CALL_SLOW      ? 100
                    : call->state == HF_CAM_CALL_REFUSED ? 487
                                                         : 200);
}

void hf_cam_serve_invite(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again)
{
    struct hf_cam_world *world = cam->world;
    struct hf_cam_call **last = find(cam, msg->call_id), *call;
    struct offer offer = {0};

    if (*last != NULL) {
        came_again(cam, *last, msg);
        return;
    }
    unsigned status = judge(cam, msg, &offer);

    if (status == 200 && again) /* that call is over */
        status = refuse(&offer, 481, "over");
    if (status != 200) {
        refused(cam, msg, status, offer.wrong, again);
        return;
    }
    const struct hf_sdp_media *media = &offer.sdp.media[0];

    call = call_new(cam, msg, &offer.sdp);
    if (call != NULL)
        call->media =
            world->ops->media_open(world->context, cam, call->tcp, hf_sdp_media_address(&offer.sdp, media),
                                   media->port, &call->port);
    if (call == NULL || call->media == NULL) {
        free(call);
        refused(cam, msg, 500, "no way to that address", again);
        return;
    }
    *last = call;
    world->stats.calls++;
    tell_called(cam, call, &offer.sdp);
    if (world->profile->slow_ms == 0) {
        answer(cam, call, 200);
        return;
    }
    call->state = HF_CAM_CALL_SLOW;
    call->again_ms = hf_cam_now_ms(cam) + world->profile->slow_ms;
    send_answer(cam, call, 100);
}

/* ---- within it ---- */

static struct hf_cam_head head_of(struct hf_cam *cam, struct hf_cam_call *call, enum hf_sip_method method,
                                  char tag[HF_CAM_TAG_BYTES])
{
    return (struct hf_cam_head){.method = method,
                                .branch = hf_cam_fresh(cam),
                                .cseq = ++call->cseq,
                                .uri = call->target,
                                .from = call->to,
                                .to = call->from,
                                .from_tag = hf_cam_tag(cam, call->call_id, tag),
                                .to_tag = call->from_tag,
                                .call_id = call->call_id};
}

static void ask_in_call(struct hf_cam *cam, struct hf_cam_call *call, enum hf_sip_method method,
                        enum hf_cam_purpose purpose, uint32_t number, struct hf_slice body)
{
    char tag[HF_CAM_TAG_BYTES];
    struct hf_cam_head head = head_of(cam, call, method, tag);
    struct hf_slice text;
    struct hf_sb sb;

    hf_cam_write_head(cam, &head, &sb);
    if (!hf_cam_write_end(&sb, body.at != NULL ? HF_SLICE("Application/MANSCDP+xml") : absent, body, &text) ||
        !hf_cam_ask(cam, purpose, number, method, head.branch, text, NULL))
        cam->world->stats.not_sent++;
}

static void say_bye(struct hf_cam *cam, struct hf_cam_call **link, const char *why)
{
    ask_in_call(cam, *link, HF_SIP_BYE, HF_CAM_FOR_BYE, 0, absent);
    over(cam, link, why);
}

void hf_cam_bye_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    (void)cam; /* it is forgotten, whatever they say */
    (void)ask;
    (void)msg;
}

/* 121: the file was sent to its end. Who listens says BYE then. */
static void tell_end(struct hf_cam *cam, struct hf_cam_call *call)
{
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY,
                                     .command = HF_CDP_CMD_MEDIA_STATUS,
                                     .sn = HF_CDP_INT(hf_cam_next_sn(cam)),
                                     .device_id = call->channel};
    struct hf_slice body;

    message.as.media_status.notify_type = HF_CDP_INT(121);
    call->state = HF_CAM_CALL_PLAYED;
    call->until_ms = hf_cam_now_ms(cam) + HF_CAM_TIMER_F_MS;
    if (hf_cam_build(cam, &message, &body))
        ask_in_call(cam, call, HF_SIP_MESSAGE, HF_CAM_FOR_NOTIFY, HF_CDP_CMD_MEDIA_STATUS, body);
}

void hf_cam_serve_ack(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    struct hf_cam_call **link = find(cam, msg->call_id), *call = *link;

    if (call == NULL || msg->cseq.number != call->invite_cseq)
        return;
    if (call->state == HF_CAM_CALL_REFUSED) {
        over(cam, link, "cancelled");
        return;
    }
    if (call->state != HF_CAM_CALL_ANSWERED)
        return;
    call->state = HF_CAM_CALL_PLAYS;
    call->again_ms = call->until_ms = 0;
    hf_cam_play_begin(cam, call);
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_PLAYING,
                                            .text = call->channel,
                                            .us = cam->world->now_us - call->asked_us});
}

static void serve_info(struct hf_cam *cam, struct hf_cam_call *call, const struct hf_sip_msg *msg, bool again)
{
    struct hf_mansrtsp order, done = {.method = HF_MANSRTSP_ANSWER, .has_cseq = true};
    char storage[512];
    struct hf_slice text;
    struct hf_sb sb, body;

    if (hf_mansrtsp_parse(msg->body, &order) != HF_OK || order.method == HF_MANSRTSP_ANSWER) {
        hf_cam_reply(cam, msg, 400);
        return;
    }
    done.status = again ? 200 : hf_cam_play_steer(cam, call, &order);
    done.reason = hf_slice_of(hf_sip_status_text(done.status));
    done.cseq = order.cseq;
    hf_sb_init(&body, storage, sizeof(storage));
    hf_cam_write_reply(cam, msg, 200, &sb);
    if (hf_mansrtsp_build(&done, &body) == HF_OK &&
        hf_cam_write_end(&sb, HF_SLICE("Application/MANSRTSP"), hf_sb_done(&body), &text))
        hf_cam_send(cam, text);
}

/* One BYE, with its repeats, goes unheard. */
static bool is_deaf(const struct hf_cam *cam, struct hf_cam_call *call, const struct hf_sip_msg *msg)
{
    if (!hf_cam_has(cam, HF_CAM_QUIRK(BYE)) || (call->deaf_cseq != 0 && call->deaf_cseq != msg->cseq.number))
        return false;
    call->deaf_cseq = msg->cseq.number;
    return true;
}

void hf_cam_serve_in_call(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again)
{
    struct hf_cam_call **link = find(cam, msg->call_id), *call = *link;

    if (call != NULL && msg->method == HF_SIP_BYE && is_deaf(cam, call, msg))
        return;
    if (call == NULL) {
        hf_cam_reply(cam, msg, again && msg->method == HF_SIP_BYE ? 200 : 481);
    } else if (msg->method == HF_SIP_OPTIONS) { /* it stands */
        hf_cam_reply(cam, msg, 200);
    } else if (msg->method == HF_SIP_INFO) {
        serve_info(cam, call, msg, again);
    } else if (msg->method == HF_SIP_CANCEL) { /* behind the answer it changes nothing */
        hf_cam_reply(cam, msg, msg->cseq.number == call->invite_cseq ? 200 : 481);
        if (call->state == HF_CAM_CALL_SLOW && msg->cseq.number == call->invite_cseq)
            answer(cam, call, 487);
    } else {
        hf_cam_reply(cam, msg, 200);
        if (call->state == HF_CAM_CALL_SLOW) /* 15.1.2: what is pending gets its answer */
            answer(cam, call, 487);
        else if (call->state != HF_CAM_CALL_REFUSED)
            over(cam, link, "BYE came");
    }
}

void hf_cam_hang_up(struct hf_cam *cam)
{
    while (cam->calls != NULL)
        if (cam->calls->state == HF_CAM_CALL_SLOW || cam->calls->state == HF_CAM_CALL_REFUSED) {
            send_answer(cam, cam->calls, cam->calls->state == HF_CAM_CALL_SLOW ? 480 : 487);
            over(cam, &cam->calls, "not answered");
        } else {
            say_bye(cam, &cam->calls, "BYE of its own");
        }
    hf_cam_talk_end(cam, "BYE of its own");
    hf_cam_arm(cam);
}

/* ---- time ---- */

static void repeat(struct hf_cam *cam, struct hf_cam_call *call)
{
    if (call->state == HF_CAM_CALL_SLOW) {
        answer(cam, call, 200);
        return;
    }
    call->gap_ms = HF_MIN(2 * call->gap_ms, (uint32_t)HF_CAM_T2_MS);
    call->again_ms = hf_cam_now_ms(cam) + call->gap_ms;
    cam->world->stats.repeats_sent++;
    send_answer(cam, call, call->state == HF_CAM_CALL_REFUSED ? 487 : 200);
}

/* Nobody said what was due. */
static void give_up(struct hf_cam *cam, struct hf_cam_call **link)
{
    if ((*link)->state == HF_CAM_CALL_REFUSED)
        over(cam, link, "cancelled");
    else
        say_bye(cam, link, (*link)->state == HF_CAM_CALL_PLAYED ? "no BYE behind the end" : "no ACK came");
}

void hf_cam_calls_time(struct hf_cam *cam)
{
    uint64_t now_ms = hf_cam_now_ms(cam);

    for (struct hf_cam_call **link = &cam->calls; *link != NULL;) {
        struct hf_cam_call *call = *link;
        hf_err err = call->state == HF_CAM_CALL_PLAYS ? hf_cam_play(cam, call) : HF_OK;

        if (call->until_ms != 0 && call->until_ms <= now_ms)
            give_up(cam, link);
        else if (call->again_ms != 0 && call->again_ms <= now_ms)
            repeat(cam, call);
        else if (err == HF_ERR_NOT_FOUND)
            tell_end(cam, call);
        else if (err != HF_OK)
            say_bye(cam, link, "the media connection is lost");
        if (*link == call)
            link = &call->next;
    }
}

uint64_t hf_cam_calls_due_ms(const struct hf_cam *cam)
{
    uint64_t due_ms = NEVER;

    for (const struct hf_cam_call *call = cam->calls; call != NULL; call = call->next) {
        uint64_t play_us = call->state == HF_CAM_CALL_PLAYS ? hf_cam_play_due_us(cam, call) : NEVER;

        if (call->again_ms != 0)
            due_ms = HF_MIN(due_ms, call->again_ms);
        if (call->until_ms != 0)
            due_ms = HF_MIN(due_ms, call->until_ms);
        if (play_us != NEVER)
            due_ms = HF_MIN(due_ms, (play_us + 999) / 1000);
    }
    return due_ms;
}

void hf_cam_calls_drop(struct hf_cam *cam)
{
    while (cam->calls != NULL)
        forget(cam, &cam->calls);
}
