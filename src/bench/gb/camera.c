/* bench/gb/camera.c - a camera's time and its own messages. */
#include "bench/gb/camera_parts.h"

#include <stdlib.h>

#include "base/assert.h"

#define NEVER UINT64_MAX

const char *hf_cam_tell_word(enum hf_cam_tell tell)
{
    static const char *const words[] = {
#define WORD(id, word) word,
        HF_CAM_TELL_MAP(WORD)
#undef WORD
    };

    HF_ASSERT(tell < HF_CAM_TELLS);
    return words[tell];
}

hf_err hf_cam_world_init(struct hf_cam_world *world)
{
    world->sip = malloc(HF_CAM_SIP_BYTES_MAX);
    world->body = malloc(HF_CAM_BODY_BYTES_MAX);
    world->scratch = malloc(HF_CDP_SCRATCH_BYTES);
    world->odd = malloc(HF_CAM_SIP_BYTES_MAX);
    if (world->sip != NULL && world->body != NULL && world->scratch != NULL && world->odd != NULL)
        return HF_OK;
    hf_cam_world_deinit(world);
    return HF_ERR_NOMEM;
}

void hf_cam_world_deinit(struct hf_cam_world *world)
{
    free(world->sip);
    free(world->body);
    free(world->scratch);
    free(world->odd);
    world->sip = world->body = world->scratch = world->odd = NULL;
}

void hf_cam_tell(struct hf_cam *cam, const struct hf_cam_event *event)
{
    if (cam->world->ops->on_event != NULL)
        cam->world->ops->on_event(cam->world->context, cam, event);
}

void hf_cam_arm(struct hf_cam *cam)
{
    const uint64_t own[] = {cam->register_ms, cam->keepalive_ms, cam->notify_ms};
    uint64_t due_ms = hf_cam_asks_due_ms(cam), jobs_ms = hf_cam_jobs_due_ms(cam),
             calls_ms = HF_MIN(hf_cam_calls_due_ms(cam), hf_cam_talk_due_ms(cam));

    due_ms = HF_MIN(due_ms, HF_MIN(jobs_ms, calls_ms));
    for (size_t i = 0; i < HF_COUNT_OF(own); i++)
        if (own[i] != 0)
            due_ms = HF_MIN(due_ms, own[i]);
    if (due_ms == NEVER)
        hf_wheel_cancel(cam->world->wheel, &cam->timer);
    else if (cam->timer.due_ms != due_ms)
        hf_wheel_arm(cam->world->wheel, &cam->timer, due_ms);
}

static bool is_due(const struct hf_cam *cam, uint64_t at_ms)
{
    return at_ms != 0 && at_ms <= hf_cam_now_ms(cam);
}

static void send_keepalive(struct hf_cam *cam)
{
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY,
                                     .command = HF_CDP_CMD_KEEPALIVE,
                                     .sn = HF_CDP_INT(hf_cam_next_sn(cam)),
                                     .device_id = hf_cam_id(cam)};
    char channel[HF_CAM_ID_BYTES];
    struct hf_cdp_faulty faulty;

    message.as.keepalive.status = cam->fault ? HF_CDP_HEALTH_ERROR : HF_CDP_HEALTH_OK;
    if (cam->fault) {
        hf_cam_channel_id(cam, 0, channel);
        faulty = (struct hf_cdp_faulty){.set = true, .value = hf_slice_of(channel)};
        message.as.keepalive.faulty = (struct hf_cdp_list){.items = &faulty, .count = 1};
    }
    cam->world->stats.keepalives++;
    cam->keepalive_ms = hf_cam_now_ms(cam) + cam->keepalive_every_ms;
    (void)hf_cam_message(cam, &message, HF_CAM_FOR_KEEPALIVE, 0);
}

void hf_cam_keepalive_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg)
{
    struct hf_cam_world *world = cam->world;
    unsigned count = hf_cam_or(world->profile->keepalive_count, 3);

    if (cam->state != HF_CAM_REGISTERED)
        return;
    if (msg != NULL && msg->status < 300) {
        cam->missed = 0;
        world->stats.alive++;
        hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_ALIVE,
                                                .status = msg->status,
                                                .us = world->now_us - ask->begun_us});
        return;
    }
    if (msg != NULL && (msg->status == 403 || msg->status == 404) && !world->profile->steady) {
        world->stats.strange++;
        hf_cam_lost(cam, msg->status);
        return;
    }
    cam->missed++;
    world->stats.missed++;
    hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_MISSED,
                                            .status = msg != NULL ? msg->status : 0,
                                            .number = cam->missed});
    if (cam->missed >= count)
        hf_cam_lost(cam, msg != NULL ? msg->status : 0);
}

static void on_time(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_cam *cam = HF_CONTAINER_OF(timer, struct hf_cam, timer);

    if (cam->world->now_us / 1000 < now_ms)
        cam->world->now_us = now_ms * 1000;
    hf_cam_asks_time(cam);
    hf_cam_jobs_time(cam);
    hf_cam_subscriptions_time(cam);
    hf_cam_calls_time(cam);
    hf_cam_talk_time(cam);
    if (is_due(cam, cam->register_ms)) {
        cam->register_ms = 0;
        cam->begun_us = cam->world->now_us;
        hf_cam_register(cam, NULL, false);
    }
    if (is_due(cam, cam->keepalive_ms))
        send_keepalive(cam);
    hf_cam_arm(cam);
}

void hf_cam_init(struct hf_cam *cam, struct hf_cam_world *world, const char *id)
{
    HF_ASSERT(strlen(id) < HF_CAM_ID_BYTES);
    *cam = (struct hf_cam){.world = world,
                           .keepalive_every_ms = hf_cam_or(world->profile->keepalive_ms, 60000),
                           .presets = 0x3,
                           .zoom = 10};
    memcpy(cam->id, id, strlen(id));
    hf_timer_init(&cam->timer, on_time);
}

void hf_cam_deinit(struct hf_cam *cam)
{
    hf_cam_asks_drop(cam);
    hf_cam_jobs_drop(cam);
    hf_cam_subscriptions_drop(cam);
    hf_cam_calls_drop(cam);
    hf_cam_talk_drop(cam);
    hf_wheel_cancel(cam->world->wheel, &cam->timer);
    cam->state = HF_CAM_OFFLINE;
}

void hf_cam_set_quirks(struct hf_cam *cam, uint64_t quirks)
{
    cam->quirks = quirks;
}

void hf_cam_set_address(struct hf_cam *cam, const char *host, uint16_t port)
{
    HF_ASSERT(strlen(host) < sizeof(cam->host));
    memcpy(cam->host, host, strlen(host) + 1);
    cam->port = port;
}

void hf_cam_disconnected(struct hf_cam *cam)
{
    bool leaving = cam->state == HF_CAM_LEAVING;

    hf_cam_deinit(cam);
    cam->register_ms = cam->keepalive_ms = cam->notify_ms = 0;
    if (leaving)
        hf_cam_tell(cam, &(struct hf_cam_event){.tell = HF_CAM_TELL_LEFT});
}

void hf_cam_keepalive(struct hf_cam *cam)
{
    if (cam->state != HF_CAM_REGISTERED)
        return;
    send_keepalive(cam);
    hf_cam_arm(cam);
}

void hf_cam_alarm(struct hf_cam *cam, unsigned priority, unsigned method, struct hf_slice description)
{
    char channel[HF_CAM_ID_BYTES], time[HF_CDP_TIME_BYTES];
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY, .command = HF_CDP_CMD_ALARM};

    if (cam->state != HF_CAM_REGISTERED)
        return;
    hf_cam_channel_id(cam, 0, channel);
    hf_cdp_time_format(hf_cam_utc_ms(cam), 480, time);
    message.sn = HF_CDP_INT(hf_cam_next_sn(cam));
    message.device_id = hf_slice_of(channel);
    message.as.alarm = (struct hf_cdp_alarm){.priority = HF_CDP_INT(priority),
                                             .method = HF_CDP_INT(method),
                                             .time = hf_slice_of(time),
                                             .description = description};
    cam->alarm = true;
    if (!hf_cam_notify(cam, HF_CDP_CMD_ALARM, &message))
        (void)hf_cam_message(cam, &message, HF_CAM_FOR_NOTIFY, HF_CDP_CMD_ALARM);
    hf_cam_arm(cam);
}

void hf_cam_position(struct hf_cam *cam)
{
    char memory[1024];
    struct hf_cam_arena arena = {.at = memory, .bytes_max = sizeof(memory)};
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY, .command = HF_CDP_CMD_MOBILE_POSITION};

    if (cam->state != HF_CAM_REGISTERED)
        return;
    message.sn = HF_CDP_INT(hf_cam_next_sn(cam));
    message.device_id = hf_cam_id(cam);
    hf_cam_fill_position(cam, &arena, &message);
    if (!hf_cam_notify(cam, HF_CDP_CMD_MOBILE_POSITION, &message))
        (void)hf_cam_message(cam, &message, HF_CAM_FOR_NOTIFY, HF_CDP_CMD_MOBILE_POSITION);
    hf_cam_arm(cam);
}

void hf_cam_fault(struct hf_cam *cam, bool fault)
{
    char channel[HF_CAM_ID_BYTES];
    struct hf_cdp_message message = {.root = HF_CDP_ROOT_NOTIFY, .command = HF_CDP_CMD_CATALOG};
    struct hf_cdp_catalog_item item = {.set = true};

    cam->fault = fault;
    if (cam->state != HF_CAM_REGISTERED)
        return;
    send_keepalive(cam);
    hf_cam_channel_id(cam, 0, channel);
    item.device_id = hf_slice_of(channel);
    item.event = fault ? HF_CDP_EVENT_DEFECT : HF_CDP_EVENT_ON;
    message.sn = HF_CDP_INT(hf_cam_next_sn(cam));
    message.device_id = hf_cam_id(cam);
    message.as.catalog =
        (struct hf_cdp_catalog){.sum_num = HF_CDP_INT(1), .devices = {.items = &item, .count = 1}};
    (void)hf_cam_notify(cam, HF_CDP_CMD_CATALOG, &message);
    hf_cam_arm(cam);
}
