/* bench/gb/talk.c - a camera that is spoken to: told of a broadcast it calls the source (INVITE with audio, G.711 A-law), and hears what comes by RTP over UDP, or over a TCP connection that it makes.
 *
 *   Notify Broadcast -> (slow) INVITE -> 200, ACK: listens -> BYE of either side
 *                                    `-> refused, or not answered
 *
 * One at a time: a broadcast that comes meanwhile ends the one before. Sources: GB/T 28181-2016 and -2022 9.12; RFC 3261 13.2, 17.1.1; RFC 3551. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

#include "codec/rtp/rtp.h"
#include "codec/sdp/sdp.h"

#define NEVER UINT64_MAX

enum { PCMA = 8, RATE = 8000, SDP_BYTES_MAX = 1024, URI_BYTES = 160, TAG_BYTES_MAX = 128 };

struct hf_cam_talk {
    void *media;     /* owns; NULL: none is open */
    uint64_t due_ms; /* INVITE; 0 = it is out */
    uint64_t asked_us, call;
    uint32_t cseq;
    bool tcp, stands, begun;
    uint16_t port, sequence; /* the next one */
    uint32_t packets, lost;
    uint64_t bytes;
    char source[HF_CAM_ID_BYTES], target[HF_CAM_ID_BYTES];
    char to_tag[TAG_BYTES_MAX], remote[URI_BYTES];
};

static const struct hf_slice absent = {NULL, 0};

static void forget(struct hf_cam *cam)
{
    struct hf_cam_talk *talk = cam->talk;

    cam->talk = NULL;
    if (talk->media != NULL)
        cam->world->ops->media_close(cam->world->context, talk->media);
    free(talk);
}

static void over(struct hf_cam *cam, const char *why)
{
    const struct hf_cam_talk *talk = cam->talk;
    char text[128];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "%s: %llu bytes, %u lost", why, (unsigned long long)talk->bytes, talk->lost);
    hf_cam_tell(cam, &(struct hf_cam_event){
                         .tell = HF_CAM_TELL_LISTENED, .text = hf_sb_done(&sb), .number = talk->packets});
    cam->world->stats.talks_over++;
    forget(cam);
}

static void failed(struct hf_cam *cam, unsigned status, const char *why)
{
    cam->world->stats.talks_refused++;
    hf_cam_tell(
        cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_UNHEARD, .status = status, .text = hf_slice_of(why)});
    forget(cam);
}

/* ---- requests of the call ---- */

static struct hf_slice write_uri(const struct hf_cam *cam, const char *user, char storage[URI_BYTES])
{
    struct hf_slice realm = cam->world->profile->realm;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, URI_BYTES);
    hf_sb_printf(&sb, "sip:%s@%.*s", user, (int)realm.bytes, realm.at);
    return hf_sb_done(&sb);
}

/* branch 0: a fresh one. ret_branch may be NULL. */
static bool write_request(struct hf_cam *cam, enum hf_sip_method method, uint64_t branch,
                          struct hf_slice body, struct hf_slice *ret_text, uint64_t *ret_branch)
{
    struct hf_cam_talk *talk = cam->talk;
    char from[URI_BYTES], to[URI_BYTES], tag[HF_CAM_TAG_BYTES], call_id[HF_CAM_TAG_BYTES];
    struct hf_slice id = hf_cam_hex(talk->call, call_id);
    struct hf_cam_head head = {.method = method,
                               .branch = branch != 0 ? branch : hf_cam_fresh(cam),
                               .cseq = talk->cseq,
                               .from = write_uri(cam, talk->target, from),
                               .to = write_uri(cam, talk->source, to),
                               .from_tag = hf_cam_tag(cam, id, tag),
                               .to_tag = talk->to_tag[0] != '\0' ? hf_slice_of(talk->to_tag) : absent,
                               .call_id = id};
    struct hf_sb sb;

    head.uri = talk->remote[0] != '\0' ? hf_slice_of(talk->remote) : head.to;
    hf_cam_write_head(cam, &head, &sb);
    if (ret_branch != NULL)
        *ret_branch = head.branch;
    return hf_cam_write_end(&sb, body.at != NULL ? HF_SLICE("Application/SDP") : absent, body, ret_text);
}

static bool write_offer(const struct hf_cam *cam, struct hf_sb *sb)
{
    const struct hf_cam_talk *talk = cam->talk;
    struct hf_sdp sdp = {.origin_user = hf_slice_of(talk->target),
                         .session = HF_SDP_PLAY,
                         .address = hf_slice_of(cam->host),
                         .media_count = 1,
                         .has_format = true,
                         .format = {.audio_codec = 1, .audio_rate = 8, .audio_sampling = 1}};
    struct hf_sdp_media *media = &sdp.media[0];

    media->kind = HF_SDP_AUDIO;
    media->port = talk->tcp ? 9 : talk->port; /* RFC 4145 4.1: who connects has none */
    media->transport = talk->tcp ? HF_SDP_TCP : HF_SDP_UDP;
    media->direction = HF_SDP_RECVONLY;
    media->payload_count = 1;
    media->payloads[0] =
        (struct hf_sdp_payload){.type = PCMA, .encoding = HF_SLICE("PCMA"), .clock_hz = RATE};
    if (talk->tcp) {
        media->setup = HF_SDP_ACTIVE;
        media->connection = HF_SDP_NEW;
    }
    return hf_sdp_build(&sdp, sb) == HF_OK;
}

static void invite(struct hf_cam *cam)
{
    struct hf_cam_talk *talk = cam->talk;
    struct hf_cam_world *world = cam->world;
    char storage[SDP_BYTES_MAX];
    struct hf_slice text;
    struct hf_sb sdp;
    uint64_t branch;

    talk->due_ms = 0;
    talk->asked_us = world->now_us;
    talk->cseq++;
    if (!talk->tcp)
        talk->media = world->ops->media_open(world->context, cam, false, absent, 0, &talk->port);
    if (!talk->tcp && talk->media == NULL) {
        failed(cam, 0, "no port to hear at");
        return;
    }
    hf_sb_init(&sdp, storage, sizeof(storage));
    if (!write_offer(cam, &sdp) || !write_request(cam, HF_SIP_INVITE, 0, hf_sb_done(&sdp), &text, &branch) ||
        !hf_cam_ask(cam, HF_CAM_FOR_INVITE, 0, HF_SIP_INVITE, branch, text, NULL))
        failed(cam, 0, "INVITE could not be sent");
}

static void acknowledge(struct hf_cam *cam, uint64_t branch)
{
    struct hf_slice text;

    if (write_request(cam, HF_SIP_ACK, branch, absent, &text, NULL))
        hf_cam_send(cam, text);
}

static void say_bye(struct hf_cam *cam)
{
    struct hf_slice text;
    uint64_t branch;

    cam->talk->cseq++;
    if (!write_request(cam, HF_SIP_BYE, 0, absent, &text, &branch) ||
        !hf_cam_ask(cam, HF_CAM_FOR_BYE, 0, HF_SIP_BYE, branch, text, NULL))
        cam->world->stats.not_sent++;
}

/* ---- its answers ---- */

static void keep(char *out, size_t room, struct hf_slice text)
{
    size_t bytes = text.bytes < room ? text.bytes : 0; /* what does not fit is as if it had not been said */

    if (bytes > 0)
        memcpy(out, text.at, bytes);
    out[bytes] = '\0';
}

static void keep_dialog(struct hf_cam_talk *talk, const struct hf_sip_msg *msg)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;

    keep(talk->to_tag, sizeof(talk->to_tag), msg->to.tag);
    if (msg->status < 300 &&
        hf_sip_contact_next(&values, hf_sip_tolerances_default(), &contact, NULL) == HF_OK)
        keep(talk->remote, sizeof(talk->remote), contact.address.uri.text);
}

/* Over TCP it connects now. */
static bool open_media(struct hf_cam *cam, struct hf_slice body)
{
    struct hf_cam_talk *talk = cam->talk;
    struct hf_cam_world *world = cam->world;
    struct hf_sdp sdp;

    if (hf_sdp_parse(body, &sdp) != HF_OK || sdp.media_count == 0 || sdp.media[0].port == 0)
        return false;
    if (talk->tcp)
        talk->media =
            world->ops->media_open(world->context, cam, true, hf_sdp_media_address(&sdp, &sdp.media[0]),
                                   sdp.media[0].port, &talk->port);
    return talk->media != NULL;
}

void hf_cam_invite_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_cam_talk *talk = cam->talk;
    char call_id[HF_CAM_TAG_BYTES], text[64];
    struct hf_sb sb;

    if (talk == NULL || (msg != NULL && !hf_slice_eq(msg->call_id, hf_cam_hex(talk->call, call_id))))
        return; /* of one that is over */
    if (msg == NULL) {
        failed(cam, 0, "no answer to INVITE");
        return;
    }
    keep_dialog(talk, msg);
    if (msg->status >= 300) {
        acknowledge(cam, ask->branch);
        failed(cam, msg->status, "INVITE was refused");
        return;
    }
    acknowledge(cam, 0);
    talk->stands = true;
    if (!open_media(cam, msg->body)) {
        say_bye(cam);
        failed(cam, 0, "the answer says not where the sound comes from");
        return;
    }
    cam->world->stats.talks++;
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "%s to %s over %s", talk->target, talk->source, talk->tcp ? "tcp" : "udp");
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_LISTENING,
                                            .us = cam->world->now_us - talk->asked_us,
                                            .text = hf_sb_done(&sb)});
}

bool hf_cam_talk_answer(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    char call_id[HF_CAM_TAG_BYTES];

    if (cam->talk == NULL || !cam->talk->stands || msg->cseq.method != HF_SIP_INVITE || msg->status < 200 ||
        msg->status > 299 || !hf_slice_eq(msg->call_id, hf_cam_hex(cam->talk->call, call_id)))
        return false;
    acknowledge(cam, 0); /* ours was lost */
    return true;
}

bool hf_cam_talk_serve(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    char call_id[HF_CAM_TAG_BYTES];

    if (cam->talk == NULL || !hf_slice_eq(msg->call_id, hf_cam_hex(cam->talk->call, call_id)))
        return false;
    hf_cam_reply(cam, msg, msg->method == HF_SIP_BYE || msg->method == HF_SIP_OPTIONS ? 200 : 488);
    if (msg->method == HF_SIP_BYE)
        over(cam, "BYE came");
    return true;
}

/* ---- what comes ---- */

void hf_cam_media_came(struct hf_cam *cam, void *media, struct hf_slice packet)
{
    struct hf_cam_talk *talk = cam->talk;
    struct hf_rtp rtp;

    if (talk == NULL || talk->media != media || packet.bytes == 0 ||
        hf_rtp_is_rtcp((const uint8_t *)packet.at, packet.bytes) ||
        hf_rtp_parse((const uint8_t *)packet.at, packet.bytes, &rtp) != HF_OK || rtp.payload_type != PCMA)
        return;
    uint16_t ahead = (uint16_t)(rtp.sequence - talk->sequence);

    if (talk->begun && ahead >= 0x8000)
        return; /* late, or twice */
    talk->lost += talk->begun ? ahead : 0;
    talk->begun = true;
    talk->sequence = (uint16_t)(rtp.sequence + 1);
    talk->packets++;
    talk->bytes += rtp.payload.bytes;
    cam->world->stats.sound_packets++;
    if (cam->world->ops->sound != NULL)
        cam->world->ops->sound(cam->world->context, cam, rtp.payload);
}

/* ---- its life ---- */

void hf_cam_talk_begin(struct hf_cam *cam, const struct hf_cdp_broadcast *asked)
{
    struct hf_cam_world *world = cam->world;

    if (world->ops->media_open == NULL || !hf_cam_is_channel(cam, asked->target_id) ||
        asked->source_id.bytes >= HF_CAM_ID_BYTES || asked->target_id.bytes >= HF_CAM_ID_BYTES)
        return;
    hf_cam_talk_end(cam, "another broadcast");
    cam->talk = calloc(1, sizeof(*cam->talk));
    if (cam->talk == NULL)
        return;
    cam->talk->tcp = world->profile->hears_tcp;
    cam->talk->call = hf_cam_fresh(cam);
    cam->talk->due_ms = hf_cam_now_ms(cam) + world->profile->slow_ms;
    keep(cam->talk->source, sizeof(cam->talk->source), asked->source_id);
    keep(cam->talk->target, sizeof(cam->talk->target), asked->target_id);
}

void hf_cam_talk_end(struct hf_cam *cam, const char *why)
{
    if (cam->talk == NULL)
        return;
    if (cam->talk->stands) {
        say_bye(cam);
        over(cam, why);
    } else {
        failed(cam, 0, why); /* a 200 that comes yet is never acknowledged: the platform says BYE */
    }
}

void hf_cam_talk_drop(struct hf_cam *cam)
{
    if (cam->talk != NULL)
        forget(cam);
}

void hf_cam_talk_time(struct hf_cam *cam)
{
    if (cam->talk != NULL && cam->talk->due_ms != 0 && cam->talk->due_ms <= hf_cam_now_ms(cam))
        invite(cam);
}

uint64_t hf_cam_talk_due_ms(const struct hf_cam *cam)
{
    return cam->talk != NULL && cam->talk->due_ms != 0 ? cam->talk->due_ms : NEVER;
}
