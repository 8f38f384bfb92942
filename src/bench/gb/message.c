/* bench/gb/message.c - bodies of MESSAGE, both ways. */
#include "bench/gb/camera_parts.h"

uint32_t hf_cam_next_sn(struct hf_cam *cam)
{
    return ++cam->sn;
}

/* The body as its quirks have it, in the place where it was. */
static bool edit(struct hf_cam *cam, struct hf_slice *body)
{
    struct hf_sb odd;

    hf_sb_init(&odd, cam->world->odd, HF_CAM_BODY_BYTES_MAX);
    hf_cam_quirk_body(cam->quirks, *body, &odd);
    if (odd.overflow) {
        cam->world->stats.not_sent++;
        return false;
    }
    memcpy(cam->world->body, odd.at, odd.bytes);
    *body = (struct hf_slice){cam->world->body, odd.bytes};
    return true;
}

bool hf_cam_build(struct hf_cam *cam, const struct hf_cdp_message *message, struct hf_slice *ret_body)
{
    const struct hf_cam_profile *profile = cam->world->profile;
    struct hf_cdp_writer writer = {
        .conv = cam->world->conv,
        .edition = hf_cam_is_2022(cam) ? HF_CDP_2022 : HF_CDP_2016,
        .charset = hf_cam_has(cam, HF_CAM_QUIRK(CHARSET)) ? HF_TEXT_UTF8 : profile->charset,
    };
    struct hf_sb sb;

    hf_sb_init(&sb, cam->world->body, HF_CAM_BODY_BYTES_MAX);
    if (hf_cdp_build(&writer, message, &sb, NULL) != HF_OK) {
        cam->world->stats.not_sent++;
        return false;
    }
    *ret_body = hf_sb_done(&sb);
    return cam->quirks == 0 || edit(cam, ret_body);
}

bool hf_cam_message(struct hf_cam *cam, const struct hf_cdp_message *message, enum hf_cam_purpose purpose,
                    uint32_t number)
{
    struct hf_cam_head head = {.method = HF_SIP_MESSAGE, .branch = hf_cam_fresh(cam), .cseq = ++cam->cseq};
    struct hf_slice body, text;
    struct hf_sb sb;

    if (!hf_cam_build(cam, message, &body))
        return false;
    hf_cam_write_head(cam, &head, &sb);
    if (hf_cam_write_end(&sb, HF_SLICE("Application/MANSCDP+xml"), body, &text))
        return hf_cam_ask(cam, purpose, number, HF_SIP_MESSAGE, head.branch, text, NULL);
    cam->world->stats.not_sent++;
    return false;
}

static enum hf_cam_tell tell_of(const struct hf_cdp_message *body)
{
    if (body->root == HF_CDP_ROOT_QUERY)
        return HF_CAM_TELL_ASKED;
    if (body->root == HF_CDP_ROOT_CONTROL || body->command == HF_CDP_CMD_BROADCAST)
        return HF_CAM_TELL_ORDERED;
    return HF_CAM_TELL_HEARD;
}

/* What the body asks for is told before it is done, so that the telling shows the order of things. */
static unsigned act(struct hf_cam *cam, const struct hf_cdp_message *body)
{
    enum hf_cam_tell tell = tell_of(body);
    enum hf_cdp_answer answer = hf_cdp_answer_of(body);

    hf_cam_tell(cam, &(struct hf_cam_event){.tell = tell, .body = body});
    if (tell == HF_CAM_TELL_ASKED)
        cam->world->stats.queries++;
    if (tell == HF_CAM_TELL_ORDERED) {
        cam->world->stats.orders++;
        hf_cam_obey(cam, body);
        if (cam->world->profile->mute)
            return 200;
    }
    if (tell == HF_CAM_TELL_HEARD || body->command == HF_CDP_CMD_OTHER)
        return 200;
    if (body->root == HF_CDP_ROOT_QUERY && body->command == HF_CDP_CMD_MOBILE_POSITION)
        answer = HF_CDP_ANSWER_ONE; /* outside a subscription: where it is now */
    if (answer == HF_CDP_ANSWER_NONE)
        return 200;
    if (!hf_cam_job_begin(cam, body))
        return 503;
    if (body->command == HF_CDP_CMD_BROADCAST)
        hf_cam_talk_begin(cam, &body->as.broadcast);
    return 200;
}

void hf_cam_serve_message(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again)
{
    struct hf_cam_world *world = cam->world;
    struct hf_cdp_message body;
    hf_err err =
        hf_cdp_parse(world->conv, HF_TEXT_AUTO, msg->body, world->scratch, HF_CDP_SCRATCH_BYTES, &body);
    unsigned status = 400;

    if (err == HF_OK)
        status = again ? 200 : act(cam, &body);
    else
        hf_cam_tell(
            cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_BAD, .text = HF_SLICE("a body that is no XML")});
    if (err != HF_OK)
        world->stats.malformed++;
    hf_cam_reply(cam, msg, status);
}

void hf_cam_notify_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    bool is_taken = msg != NULL && msg->status < 300;

    if (msg != NULL && msg->status == 481) /* RFC 6665 4.2.2: nobody has that subscription any more */
        hf_cam_subscription_drop(cam, msg->call_id);
    hf_cam_tell(cam, &(struct hf_cam_event){
                         .tell = is_taken ? HF_CAM_TELL_NOTIFIED : HF_CAM_TELL_UNNOTIFIED,
                         .status = msg != NULL ? msg->status : 0,
                         .us = cam->world->now_us - ask->begun_us,
                         .text = hf_slice_of(hf_cdp_command_name((enum hf_cdp_command)ask->number))});
}
