/* bench/gb/serve.c - what comes to a camera: answers to its requests, and the platform's requests. No transaction is kept: of the last HF_CAM_SEEN requests a hash is, and one
 * that comes again is answered by the same text, whose To tag follows from the Call-ID. */
#include "bench/gb/camera_parts.h"

#include "base/hash.h"

static const struct hf_slice absent = {NULL, 0};

static uint64_t hash_of(const struct hf_sip_msg *msg)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "requests that it"; /* has seen; no secret */
    uint64_t hash = hf_hash(key, msg->call_id.at, msg->call_id.bytes) * 31;

    if (msg->via.branch.at != NULL)
        hash ^= hf_hash(key, msg->via.branch.at, msg->via.branch.bytes);
    return hf_hash_mix(hash + ((uint64_t)msg->cseq.number << 8) + msg->method) | 1;
}

static bool seen_before(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    uint64_t hash = hash_of(msg);

    for (unsigned i = 0; i < HF_CAM_SEEN; i++)
        if (cam->seen[i] == hash)
            return true;
    cam->seen[cam->seen_at++ % HF_CAM_SEEN] = hash;
    return false;
}

void hf_cam_reply(struct hf_cam *cam, const struct hf_sip_msg *request, unsigned status)
{
    struct hf_slice text;
    struct hf_sb sb;

    hf_cam_write_reply(cam, request, status, &sb);
    if (status == 405 || request->method == HF_SIP_OPTIONS)
        (void)hf_sip_write_id(&sb, HF_SIP_ALLOW,
                              HF_SLICE("MESSAGE, SUBSCRIBE, OPTIONS, INVITE, ACK, BYE, CANCEL, INFO"));
    if (hf_cam_write_end(&sb, absent, absent, &text))
        hf_cam_send(cam, text);
}

struct hf_slice hf_cam_target(const struct hf_sip_msg *msg)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;

    if (hf_sip_contact_next(&values, hf_sip_tolerances_default(), &contact, NULL) == HF_OK &&
        contact.address.uri.text.bytes > 0)
        return contact.address.uri.text;
    return msg->from.uri.text;
}

static void request_came(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    bool again = msg->method != HF_SIP_ACK && seen_before(cam, msg);

    if (again)
        cam->world->stats.repeats_came++;
    if (cam->world->profile->silent)
        return;
    switch (msg->method) {
    case HF_SIP_MESSAGE: hf_cam_serve_message(cam, msg, again); break;
    case HF_SIP_SUBSCRIBE: hf_cam_serve_subscribe(cam, msg, again); break;
    case HF_SIP_INVITE: hf_cam_serve_invite(cam, msg, again); break;
    case HF_SIP_ACK: hf_cam_serve_ack(cam, msg); break;
    case HF_SIP_BYE:
    case HF_SIP_CANCEL:
    case HF_SIP_INFO:
        if (!hf_cam_talk_serve(cam, msg))
            hf_cam_serve_in_call(cam, msg, again);
        break;
    case HF_SIP_OPTIONS:
        if (msg->to.tag.bytes == 0)
            hf_cam_reply(cam, msg, 200);
        else if (!hf_cam_talk_serve(cam, msg))
            hf_cam_serve_in_call(cam, msg, again);
        break;
    default: hf_cam_reply(cam, msg, 405); break;
    }
}

void hf_cam_receive(struct hf_cam *cam, struct hf_slice bytes)
{
    struct hf_sip_limits limits = hf_sip_limits_default;
    struct hf_sip_msg msg;

    cam->world->stats.received++;
    if (hf_sip_parse(bytes.at, bytes.bytes, hf_cam_is_stream(cam), &limits, &msg) != HF_OK) {
        cam->world->stats.malformed++;
        hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_BAD,
                                                .text = hf_slice_of(hf_sip_problem_info(msg.problem)->text)});
        if (msg.answerable)
            hf_cam_reply(cam, &msg, hf_sip_problem_info(msg.problem)->status);
    } else if (msg.kind == HF_SIP_RESPONSE) {
        hf_cam_asks_answer(cam, &msg);
    } else if (msg.kind == HF_SIP_REQUEST) {
        request_came(cam, &msg);
    }
    hf_cam_arm(cam);
}
