/* bench/gb/subscribe.c - subscriptions of the platform to a camera: catalogue, alarm, position, PTZ position. RFC 6665 with the bodies of GB/T 28181 9.11: the dialog is that of
 * SUBSCRIBE, refreshed within it, ended by Expires 0 or by time. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

#include "base/assert.h"

enum { EXPIRES_DEFAULT_S = 600, EXPIRES_MAX_S = 86400, POSITION_S = 5, POSITION_S_MAX = 3600 };

static const struct hf_slice absent = {NULL, 0};

struct hf_cam_subscription {
    struct hf_cam_subscription *next;
    uint64_t until_ms, next_ms; /* next_ms: of the next position; 0 = none by time */
    enum hf_cdp_command what;
    uint32_t every_ms, cseq;
    struct hf_slice call_id, event, target, from, from_tag, to; /* as in SUBSCRIBE; text holds them */
    char text[];
};

static struct hf_cam_subscription **find(struct hf_cam *cam, struct hf_slice call_id)
{
    struct hf_cam_subscription **link = &cam->subscriptions;

    while (*link != NULL && !hf_slice_eq((*link)->call_id, call_id))
        link = &(*link)->next;
    return link;
}

static struct hf_slice keep(char **at, struct hf_slice text)
{
    char *from = *at;

    if (text.bytes > 0)
        memcpy(from, text.at, text.bytes);
    *at += text.bytes;
    return (struct hf_slice){from, text.bytes};
}

static struct hf_cam_subscription *subscription_new(const struct hf_sip_msg *msg)
{
    struct hf_slice event = hf_sip_value(msg, HF_SIP_EVENT), target = hf_cam_target(msg);
    struct hf_slice parts[] = {msg->call_id,       event,         target,
                               msg->from.uri.text, msg->from.tag, msg->to.uri.text};
    size_t bytes = 0;

    for (size_t i = 0; i < HF_COUNT_OF(parts); i++)
        bytes += parts[i].bytes;
    struct hf_cam_subscription *sub = malloc(sizeof(*sub) + bytes);
    if (sub == NULL)
        return NULL;
    char *at = sub->text;

    *sub = (struct hf_cam_subscription){.next = NULL};
    sub->call_id = keep(&at, parts[0]);
    sub->event = keep(&at, parts[1]);
    sub->target = keep(&at, parts[2]);
    sub->from = keep(&at, parts[3]);
    sub->from_tag = keep(&at, parts[4]);
    sub->to = keep(&at, parts[5]);
    return sub;
}

/* In the dialog of the subscription, whose sides are exchanged. */
static void send_notify(struct hf_cam *cam, struct hf_cam_subscription *sub, const char *state,
                        struct hf_slice body)
{
    char tag[HF_CAM_TAG_BYTES], text[96];
    struct hf_cam_head head = {.method = HF_SIP_NOTIFY,
                               .branch = hf_cam_fresh(cam),
                               .cseq = ++sub->cseq,
                               .uri = sub->target,
                               .from = sub->to,
                               .to = sub->from,
                               .from_tag = hf_cam_tag(cam, sub->call_id, tag),
                               .to_tag = sub->from_tag,
                               .call_id = sub->call_id};
    uint64_t now_ms = hf_cam_now_ms(cam);
    struct hf_slice out;
    struct hf_sb sb, value;

    hf_cam_write_head(cam, &head, &sb);
    if (sub->event.bytes > 0)
        (void)hf_sip_write_id(&sb, HF_SIP_EVENT, sub->event);
    hf_sb_init(&value, text, sizeof(text));
    hf_sb_text(&value, state);
    if (sub->until_ms > now_ms)
        hf_sb_printf(&value, ";expires=%u", (unsigned)((sub->until_ms - now_ms) / 1000));
    (void)hf_sip_write_id(&sb, HF_SIP_SUBSCRIPTION_STATE, hf_sb_done(&value));
    cam->world->stats.notifies++;
    if (!hf_cam_write_end(&sb, body.at != NULL ? HF_SLICE("Application/MANSCDP+xml") : absent, body, &out) ||
        !hf_cam_ask(cam, HF_CAM_FOR_NOTIFY, sub->what, HF_SIP_NOTIFY, head.branch, out, NULL))
        cam->world->stats.not_sent++;
}

bool hf_cam_notify(struct hf_cam *cam, enum hf_cdp_command what, const struct hf_cdp_message *message)
{
    struct hf_slice body;
    bool any = false;

    for (struct hf_cam_subscription *sub = cam->subscriptions; sub != NULL; sub = sub->next) {
        if (sub->what != what)
            continue;
        if (!any && !hf_cam_build(cam, message, &body))
            return false;
        any = true;
        send_notify(cam, sub, "active", body);
    }
    return any;
}

static void notify_position(struct hf_cam *cam, struct hf_cam_subscription *sub)
{
    char memory[1024];
    struct hf_cam_arena arena = {.at = memory, .bytes_max = sizeof(memory)};
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY, .command = sub->what};
    struct hf_slice body;

    message.sn = HF_CDP_INT(hf_cam_next_sn(cam));
    message.device_id = hf_cam_id(cam);
    if (sub->what == HF_CDP_CMD_MOBILE_POSITION)
        hf_cam_fill_position(cam, &arena, &message);
    else
        message.as.ptz_position = (struct hf_cdp_ptz_position){.pan = HF_CDP_REAL(cam->pan / 10.0),
                                                               .tilt = HF_CDP_REAL(cam->tilt / 10.0),
                                                               .zoom = HF_CDP_REAL(cam->zoom / 10.0)};
    if (hf_cam_build(cam, &message, &body))
        send_notify(cam, sub, "active", body);
}

static void set_time(struct hf_cam *cam)
{
    cam->notify_ms = 0;
    for (const struct hf_cam_subscription *sub = cam->subscriptions; sub != NULL; sub = sub->next) {
        uint64_t due_ms = sub->next_ms != 0 ? HF_MIN(sub->next_ms, sub->until_ms) : sub->until_ms;

        if (cam->notify_ms == 0 || due_ms < cam->notify_ms)
            cam->notify_ms = due_ms;
    }
}

static void remove_subscription(struct hf_cam *cam, struct hf_cam_subscription **link)
{
    struct hf_cam_subscription *sub = *link;

    *link = sub->next;
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_UNSUBSCRIBED,
                                            .text = hf_slice_of(hf_cdp_command_name(sub->what))});
    free(sub);
}

void hf_cam_subscription_drop(struct hf_cam *cam, struct hf_slice call_id)
{
    struct hf_cam_subscription **link = find(cam, call_id);

    if (*link != NULL)
        remove_subscription(cam, link);
    set_time(cam);
}

void hf_cam_subscriptions_time(struct hf_cam *cam)
{
    uint64_t now_ms = hf_cam_now_ms(cam);

    for (struct hf_cam_subscription **link = &cam->subscriptions; *link != NULL;) {
        struct hf_cam_subscription *sub = *link;

        if (sub->until_ms <= now_ms) {
            remove_subscription(cam, link);
            continue;
        }
        if (sub->next_ms != 0 && sub->next_ms <= now_ms) {
            sub->next_ms = now_ms + sub->every_ms;
            notify_position(cam, sub);
        }
        link = &sub->next;
    }
    set_time(cam);
}

void hf_cam_subscriptions_drop(struct hf_cam *cam)
{
    for (struct hf_cam_subscription *sub; (sub = cam->subscriptions) != NULL;) {
        cam->subscriptions = sub->next;
        free(sub);
    }
    cam->notify_ms = 0;
}

static void answer(struct hf_cam *cam, const struct hf_sip_msg *msg, uint32_t expires_s)
{
    struct hf_slice text;
    struct hf_sb sb;

    hf_cam_write_reply(cam, msg, 200, &sb);
    hf_cam_write_contact(cam, &sb);
    (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES, expires_s);
    if (hf_cam_write_end(&sb, absent, absent, &text))
        hf_cam_send(cam, text);
}

static void set_interval(struct hf_cam *cam, struct hf_cam_subscription *sub,
                         const struct hf_cdp_message *body)
{
    const struct hf_cdp_int *interval = &body->as.position_query.interval;
    uint32_t every_s = POSITION_S;

    if (sub->what != HF_CDP_CMD_MOBILE_POSITION && sub->what != HF_CDP_CMD_PTZ_POSITION)
        return;
    if (sub->what == HF_CDP_CMD_MOBILE_POSITION && interval->set && interval->value >= 1 &&
        interval->value <= POSITION_S_MAX)
        every_s = (uint32_t)interval->value;
    sub->every_ms = every_s * 1000;
    sub->next_ms = hf_cam_now_ms(cam); /* the first one at once, behind the answer */
}

static unsigned count(const struct hf_cam *cam)
{
    unsigned number = 0;

    for (const struct hf_cam_subscription *sub = cam->subscriptions; sub != NULL; sub = sub->next)
        number++;
    return number;
}

/* A new one, first in the list; NULL and the status that says why not. */
static struct hf_cam_subscription *subscribe(struct hf_cam *cam, const struct hf_sip_msg *msg,
                                             unsigned *ret_status)
{
    struct hf_cam_world *world = cam->world;
    struct hf_cam_subscription *sub;
    struct hf_cdp_message body;

    *ret_status = 400;
    if (hf_cdp_parse(world->conv, HF_TEXT_AUTO, msg->body, world->scratch, HF_CDP_SCRATCH_BYTES, &body) !=
        HF_OK)
        return NULL;
    *ret_status = 489;
    if (body.command != HF_CDP_CMD_CATALOG && body.command != HF_CDP_CMD_ALARM &&
        body.command != HF_CDP_CMD_MOBILE_POSITION && body.command != HF_CDP_CMD_PTZ_POSITION)
        return NULL;
    *ret_status = 503;
    sub = count(cam) < HF_CAM_SUBSCRIPTIONS_MAX ? subscription_new(msg) : NULL;
    if (sub == NULL)
        return NULL;
    sub->what = body.command;
    set_interval(cam, sub, &body);
    sub->next = cam->subscriptions;
    cam->subscriptions = sub;
    return sub;
}

void hf_cam_serve_subscribe(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again)
{
    struct hf_cam_subscription **link = find(cam, msg->call_id), *sub = *link;
    uint32_t expires_s = EXPIRES_DEFAULT_S;
    unsigned status = 481;

    (void)hf_sip_expires(msg, &expires_s);
    expires_s = HF_MIN(expires_s, (uint32_t)EXPIRES_MAX_S);
    if (again) {
        answer(cam, msg, expires_s);
        return;
    }
    if (sub == NULL && expires_s > 0 && msg->to.tag.at == NULL)
        sub = subscribe(cam, msg, &status);
    if (sub == NULL) {
        hf_cam_reply(cam, msg, status);
        return;
    }
    answer(cam, msg, expires_s);
    if (expires_s == 0) {
        sub->until_ms = 0;
        send_notify(cam, sub, "terminated;reason=timeout", absent);
        remove_subscription(cam, link);
        set_time(cam);
        return;
    }
    sub->until_ms = hf_cam_now_ms(cam) + (uint64_t)expires_s * 1000;
    set_time(cam);
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_SUBSCRIBED,
                                            .number = expires_s,
                                            .text = hf_slice_of(hf_cdp_command_name(sub->what))});
}
