/* bench/gb/info.c - the answers of a camera that are one message: what it is, how it is, how it is set. GB/T 28181-2022 A.2.6. */
#include "bench/gb/camera_parts.h"

#include "base/assert.h"

enum { ZONE_MINUTES = 480, CRUISE_POINTS = 2 };

static const struct hf_slice *or_own(const struct hf_slice *text, const struct hf_slice *own)
{
    return text->at != NULL ? text : own;
}

static void fill_device(struct hf_cam *cam, struct hf_cdp_message *message)
{
    static const struct hf_slice maker = {"Holdfast", 8}, model = {"HF-SIM", 6}, firmware = {"V1.0.0", 6};
    const struct hf_cam_profile *profile = cam->world->profile;

    message->result = HF_CDP_HEALTH_OK;
    message->as.device_info =
        (struct hf_cdp_device_info){.device_name = HF_SLICE("摄像机"),
                                    .manufacturer = *or_own(&profile->manufacturer, &maker),
                                    .model = *or_own(&profile->model, &model),
                                    .firmware = *or_own(&profile->firmware, &firmware),
                                    .channel = HF_CDP_INT(hf_cam_or(profile->channels, 1))};
}

static void fill_status(struct hf_cam *cam, struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    struct hf_cdp_alarm_status *alarm = hf_cam_arena_take(arena, sizeof(*alarm));
    char time[HF_CDP_TIME_BYTES], channel[HF_CAM_ID_BYTES];

    hf_cam_channel_id(cam, 0, channel);
    hf_cdp_time_format(hf_cam_utc_ms(cam), ZONE_MINUTES, time);
    *alarm = (struct hf_cdp_alarm_status){.set = true,
                                          .device_id = hf_cam_textf(arena, "%s", channel),
                                          .duty_status = cam->alarm   ? HF_CDP_DUTY_ALARM
                                                         : cam->guard ? HF_CDP_DUTY_ONDUTY
                                                                      : HF_CDP_DUTY_OFFDUTY};
    message->result = HF_CDP_HEALTH_OK;
    message->as.device_status =
        (struct hf_cdp_device_status){.online = HF_CDP_ONLINE_ONLINE,
                                      .status = cam->fault ? HF_CDP_HEALTH_ERROR : HF_CDP_HEALTH_OK,
                                      .encode = HF_CDP_SWITCH_ON,
                                      .record = cam->recording ? HF_CDP_SWITCH_ON : HF_CDP_SWITCH_OFF,
                                      .device_time = hf_cam_textf(arena, "%s", time),
                                      .alarm_status = {.items = alarm, .count = 1}};
    if (cam->fault)
        message->as.device_status.reason = HF_SLICE("video loss");
}

static bool wants(const struct hf_cam_job *job, const char *type)
{
    const char *at = strstr(job->argument, type);
    size_t bytes = strlen(type);

    return at != NULL && (at == job->argument || at[-1] == '/') && (at[bytes] == '/' || at[bytes] == '\0');
}

static void fill_config_2022(const struct hf_cam_job *job, struct hf_cam_arena *arena,
                             struct hf_cdp_config *config)
{
    if (wants(job, "VideoParamAttribute")) {
        struct hf_cdp_video_attribute *item = hf_cam_arena_take(arena, sizeof(*item));

        *item = (struct hf_cdp_video_attribute){.set = true,
                                                .stream_number = HF_CDP_INT(0),
                                                .video_format = HF_CDP_INT(2),
                                                .resolution = HF_SLICE("6"),
                                                .frame_rate = HF_CDP_INT(25),
                                                .bit_rate_type = HF_CDP_INT(2),
                                                .video_bit_rate = HF_CDP_INT(4096)};
        config->video_param_attribute = (struct hf_cdp_list){.items = item, .count = 1};
    }
    if (wants(job, "FrameMirror"))
        config->frame_mirror = HF_CDP_INT(0);
    if (wants(job, "AlarmReport"))
        config->alarm_report = (struct hf_cdp_alarm_report){
            .set = true, .motion_detection = HF_CDP_INT(1), .field_detection = HF_CDP_INT(0)};
    if (wants(job, "VideoAlarmRecord"))
        config->video_alarm_record = (struct hf_cdp_alarm_record){.set = true,
                                                                  .record_enable = HF_CDP_INT(1),
                                                                  .record_time = HF_CDP_INT(30),
                                                                  .pre_record_time = HF_CDP_INT(5),
                                                                  .stream_number = HF_CDP_INT(0)};
    if (wants(job, "SnapShotConfig"))
        config->snapshot_config = (struct hf_cdp_snapshot_config){
            .set = true, .snap_num = HF_CDP_INT(1), .interval = HF_CDP_INT(1), .upload_url = HF_SLICE("")};
}

static void fill_config(struct hf_cam *cam, const struct hf_cam_job *job, struct hf_cam_arena *arena,
                        struct hf_cdp_message *message)
{
    const struct hf_cam_profile *profile = cam->world->profile;
    struct hf_cdp_config *config = &message->as.config;

    message->result = HF_CDP_HEALTH_OK;
    if (wants(job, "BasicParam"))
        config->basic_param = (struct hf_cdp_basic_param){
            .set = true,
            .name = HF_SLICE("摄像机"),
            .expiration = HF_CDP_INT(hf_cam_or(profile->expires_s, 3600)),
            .heartbeat_interval = HF_CDP_INT(cam->keepalive_every_ms / 1000),
            .heartbeat_count = HF_CDP_INT(hf_cam_or(profile->keepalive_count, 3))};
    if (wants(job, "VideoParamOpt"))
        config->video_param_opt = (struct hf_cdp_video_param_opt){
            .set = true, .download_speed = HF_SLICE("1/2/4"), .resolution = HF_SLICE("5/6")};
    if (hf_cam_is_2022(cam))
        fill_config_2022(job, arena, config);
}

static void fill_track(const struct hf_cam_job *job, struct hf_cam_arena *arena,
                       struct hf_cdp_message *message)
{
    struct hf_cdp_cruise_point *points = hf_cam_arena_take(arena, CRUISE_POINTS * sizeof(*points));

    for (unsigned i = 0; i < CRUISE_POINTS; i++)
        points[i] = (struct hf_cdp_cruise_point){.set = true,
                                                 .preset_index = HF_CDP_INT(i + 1),
                                                 .stay_time = HF_CDP_INT(10),
                                                 .speed = HF_CDP_INT(8)};
    message->as.cruise_track =
        (struct hf_cdp_cruise_track){.number = HF_CDP_INT(job->argument_number),
                                     .name = hf_cam_textf(arena, "cruise %u", job->argument_number),
                                     .sum_num = HF_CDP_INT(CRUISE_POINTS),
                                     .points = {.items = points, .count = CRUISE_POINTS}};
}

static void fill_ptz(const struct hf_cam *cam, struct hf_cdp_message *message)
{
    message->as.ptz_position = (struct hf_cdp_ptz_position){.pan = HF_CDP_REAL(cam->pan / 10.0),
                                                            .tilt = HF_CDP_REAL(cam->tilt / 10.0),
                                                            .zoom = HF_CDP_REAL(cam->zoom / 10.0)};
}

/* It drives around a block, one round in ten minutes. */
void hf_cam_fill_position(struct hf_cam *cam, struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    enum { ROUND_S = 600 };
    uint64_t round_s = hf_cam_utc_ms(cam) / 1000 % ROUND_S;
    double longitude = 116.39 + (double)round_s * 1e-5, latitude = 39.90 + (double)(ROUND_S - round_s) * 1e-5;
    char time[HF_CDP_TIME_BYTES];
    struct hf_cdp_position *position = &message->as.position;

    hf_cdp_time_format(hf_cam_utc_ms(cam), ZONE_MINUTES, time);
    *position = (struct hf_cdp_position){.time = hf_cam_textf(arena, "%s", time)};
    if (!hf_cam_is_2022(cam)) {
        position->longitude = HF_CDP_REAL(longitude);
        position->latitude = HF_CDP_REAL(latitude);
        position->speed = HF_CDP_REAL(36);
        position->direction = HF_CDP_REAL(135);
        return;
    }
    struct hf_cdp_position_item *item = hf_cam_arena_take(arena, sizeof(*item));

    *item = (struct hf_cdp_position_item){.set = true,
                                          .device_id = hf_slice_of(cam->id),
                                          .capture_time = position->time,
                                          .longitude = HF_CDP_REAL(longitude),
                                          .latitude = HF_CDP_REAL(latitude),
                                          .speed = HF_CDP_REAL(36),
                                          .direction = HF_CDP_REAL(135)};
    position->sum_num = HF_CDP_INT(1);
    position->devices = (struct hf_cdp_list){.items = item, .count = 1};
}

void hf_cam_fill_info(struct hf_cam *cam, const struct hf_cam_job *job, struct hf_cam_arena *arena,
                      struct hf_cdp_message *message)
{
    switch (job->command) {
    case HF_CDP_CMD_DEVICE_INFO: fill_device(cam, message); break;
    case HF_CDP_CMD_DEVICE_STATUS: fill_status(cam, arena, message); break;
    case HF_CDP_CMD_CONFIG_DOWNLOAD: fill_config(cam, job, arena, message); break;
    case HF_CDP_CMD_HOME_POSITION:
        message->as.home.home_position = (struct hf_cdp_home_position){.set = true,
                                                                       .enabled = HF_CDP_INT(1),
                                                                       .reset_time = HF_CDP_INT(60),
                                                                       .preset_index = HF_CDP_INT(1)};
        break;
    case HF_CDP_CMD_CRUISE_TRACK: fill_track(job, arena, message); break;
    case HF_CDP_CMD_PTZ_POSITION: fill_ptz(cam, message); break;
    case HF_CDP_CMD_MOBILE_POSITION: hf_cam_fill_position(cam, arena, message); break;
    default: message->result = HF_CDP_HEALTH_OK; break; /* orders: Result */
    }
}
