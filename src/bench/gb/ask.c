/* bench/gb/ask.c - requests of a camera until their final answer: over UDP repeated after T1, doubling to T2, for 64 T1 (RFC 3261 17.1.2). A provisional answer changes
 * nothing but for INVITE, which is not sent again then. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

static unsigned ask_count(const struct hf_cam *cam)
{
    unsigned count = 0;

    for (const struct hf_cam_ask *ask = cam->asks; ask != NULL; ask = ask->next)
        count++;
    return count;
}

bool hf_cam_ask(struct hf_cam *cam, enum hf_cam_purpose purpose, uint32_t number, enum hf_sip_method method,
                uint64_t branch, struct hf_slice text, struct hf_cam_ask **ret_ask)
{
    struct hf_cam_ask *ask = ask_count(cam) < HF_CAM_ASKS_MAX ? malloc(sizeof(*ask) + text.bytes) : NULL;
    uint64_t now_ms = hf_cam_now_ms(cam);

    if (ask == NULL) {
        cam->world->stats.not_sent++;
        return false;
    }
    *ask = (struct hf_cam_ask){.next = cam->asks,
                               .branch = branch,
                               .begun_us = cam->world->now_us,
                               .again_ms = hf_cam_is_stream(cam) ? 0 : now_ms + HF_CAM_T1_MS,
                               .until_ms = now_ms + HF_CAM_TIMER_F_MS,
                               .gap_ms = HF_CAM_T1_MS,
                               .number = number,
                               .bytes = (uint32_t)text.bytes,
                               .method = (uint8_t)method,
                               .purpose = (uint8_t)purpose};
    memcpy(ask->text, text.at, text.bytes);
    cam->asks = ask;
    if (ret_ask != NULL)
        *ret_ask = ask;
    hf_cam_send(cam, text);
    return true;
}

static void end(struct hf_cam *cam, struct hf_cam_ask **link, const struct hf_sip_msg *msg)
{
    static void (*const ends[])(struct hf_cam *, const struct hf_cam_ask *, const struct hf_sip_msg *) = {
        [HF_CAM_FOR_REGISTER] = hf_cam_register_end, [HF_CAM_FOR_KEEPALIVE] = hf_cam_keepalive_end,
        [HF_CAM_FOR_PART] = hf_cam_part_end,         [HF_CAM_FOR_NOTIFY] = hf_cam_notify_end,
        [HF_CAM_FOR_BYE] = hf_cam_bye_end,           [HF_CAM_FOR_INVITE] = hf_cam_invite_end,
    };
    struct hf_cam_ask *ask = *link;

    *link = ask->next; /* first: what follows may ask anew, or drop them all */
    ends[ask->purpose](cam, ask, msg);
    free(ask);
}

void hf_cam_asks_answer(struct hf_cam *cam, const struct hf_sip_msg *msg)
{
    char branch[HF_CAM_BRANCH_BYTES];

    memcpy(branch, "z9hG4bK", 8);
    for (struct hf_cam_ask **link = &cam->asks; *link != NULL; link = &(*link)->next) {
        (void)hf_cam_hex((*link)->branch, branch + 7);
        if (msg->cseq.method == (*link)->method && hf_slice_is(msg->via.branch, branch)) {
            if (msg->status >= 200)
                end(cam, link, msg);
            else if ((*link)->method == HF_SIP_INVITE) /* 17.1.1.2: it was heard, and will be answered */
                (*link)->again_ms = 0;
            return;
        }
    }
    if (!hf_cam_talk_answer(cam, msg))
        cam->world->stats.strays++;
}

/* One that is over, or NULL. Whoever is told of an end may change the list: it is searched anew each time. */
static struct hf_cam_ask **find_over(struct hf_cam *cam)
{
    for (struct hf_cam_ask **link = &cam->asks; *link != NULL; link = &(*link)->next)
        if ((*link)->until_ms <= hf_cam_now_ms(cam))
            return link;
    return NULL;
}

void hf_cam_asks_time(struct hf_cam *cam)
{
    uint64_t now_ms = hf_cam_now_ms(cam);

    for (struct hf_cam_ask **link; (link = find_over(cam)) != NULL;)
        end(cam, link, NULL);
    for (struct hf_cam_ask *ask = cam->asks; ask != NULL; ask = ask->next)
        if (ask->again_ms != 0 && ask->again_ms <= now_ms) {
            ask->gap_ms = ask->gap_ms * 2 < HF_CAM_T2_MS ? ask->gap_ms * 2 : HF_CAM_T2_MS;
            ask->again_ms = now_ms + ask->gap_ms;
            cam->world->stats.repeats_sent++;
            hf_cam_send(cam, (struct hf_slice){ask->text, ask->bytes});
        }
}

uint64_t hf_cam_asks_due_ms(const struct hf_cam *cam)
{
    uint64_t due_ms = UINT64_MAX;

    for (const struct hf_cam_ask *ask = cam->asks; ask != NULL; ask = ask->next) {
        uint64_t next_ms =
            ask->again_ms != 0 && ask->again_ms < ask->until_ms ? ask->again_ms : ask->until_ms;

        due_ms = next_ms < due_ms ? next_ms : due_ms;
    }
    return due_ms;
}

void hf_cam_asks_drop(struct hf_cam *cam)
{
    for (struct hf_cam_ask *ask; (ask = cam->asks) != NULL;) {
        cam->asks = ask->next;
        free(ask);
    }
}
