/* bench/gb/bodies.c - the lists that a camera answers with: catalogue, recordings, presets, cruise tracks, cards. GB/T 28181-2022 A.2.6. */
#include "bench/gb/camera_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

enum {
    HOUR_MS = 3600 * 1000,
    ZONE_MINUTES = 480, /* times of bodies are Beijing's */
    RECORD_BYTES_A_SECOND = 256 * 1024,
    CRUISE_TRACKS = 2,
    SERIAL_AT = 14, /* in an id of 20 digits */
    SERIALS = 1000000,
};

void *hf_cam_arena_take(struct hf_cam_arena *arena, size_t bytes)
{
    char *at = arena->at + arena->bytes;

    bytes = (bytes + 15) / 16 * 16;
    HF_ASSERT(arena->bytes + bytes <= arena->bytes_max);
    arena->bytes += bytes;
    return at;
}

struct hf_slice hf_cam_textf(struct hf_cam_arena *arena, const char *format, ...)
{
    size_t room = arena->bytes_max - arena->bytes;
    va_list list;

    va_start(list, format);
    int bytes = vsnprintf(arena->at + arena->bytes, room, format, list);

    va_end(list);
    HF_ASSERT(bytes >= 0 && (size_t)bytes < room);
    return (struct hf_slice){hf_cam_arena_take(arena, (size_t)bytes + 1), (size_t)bytes};
}

static uint32_t channels_of(const struct hf_cam *cam)
{
    return hf_cam_or(cam->world->profile->channels, 1);
}

void hf_cam_channel_id(const struct hf_cam *cam, uint32_t index, char ret_id[HF_CAM_ID_BYTES])
{
    uint64_t serial = strtoul(cam->id + SERIAL_AT, NULL, 10);

    (void)snprintf(ret_id, HF_CAM_ID_BYTES, "%.10s131%c%06u", cam->id, cam->id[13],
                   (unsigned)((serial * channels_of(cam) + index) % SERIALS));
}

/* A channel's own id asks for that channel alone. */
static bool asks_channel(const struct hf_cam *cam, const char *device_id, uint32_t *ret_index)
{
    uint64_t first = strtoul(cam->id + SERIAL_AT, NULL, 10) * channels_of(cam) % SERIALS;
    char id[HF_CAM_ID_BYTES];

    if (strlen(device_id) != HF_GBID_DIGITS)
        return false;
    *ret_index = (uint32_t)((strtoul(device_id + SERIAL_AT, NULL, 10) + SERIALS - first) % SERIALS);
    if (*ret_index >= channels_of(cam))
        return false;
    hf_cam_channel_id(cam, *ret_index, id);
    return strcmp(id, device_id) == 0 && strcmp(cam->id, device_id) != 0;
}

bool hf_cam_is_channel(const struct hf_cam *cam, struct hf_slice id)
{
    char text[HF_CAM_ID_BYTES];
    uint32_t index;

    if (id.bytes != HF_GBID_DIGITS)
        return false;
    memcpy(text, id.at, id.bytes);
    text[id.bytes] = '\0';
    return strcmp(text, cam->id) == 0 || asks_channel(cam, text, &index);
}

static uint32_t records_of(const struct hf_cam *cam, const struct hf_cam_job *job)
{
    uint64_t end_ms = HF_MIN(job->to_ms, hf_cam_utc_ms(cam));

    if (end_ms <= job->from_ms)
        return 0;
    return (uint32_t)HF_MIN((end_ms - job->from_ms + HOUR_MS - 1) / HOUR_MS, (uint64_t)HF_CAM_RECORDS_MAX);
}

static uint32_t presets_of(const struct hf_cam *cam)
{
    return (uint32_t)__builtin_popcount(cam->presets);
}

uint32_t hf_cam_items(const struct hf_cam *cam, const struct hf_cam_job *job, bool *ret_is_list,
                      size_t *ret_item_bytes)
{
    uint32_t index;

    *ret_is_list = true;
    switch (job->command) {
    case HF_CDP_CMD_CATALOG:
        *ret_item_bytes = sizeof(struct hf_cdp_catalog_item);
        return asks_channel(cam, job->device_id, &index) ? 1 : channels_of(cam);
    case HF_CDP_CMD_RECORD_INFO:
        *ret_item_bytes = sizeof(struct hf_cdp_record_item);
        return records_of(cam, job);
    case HF_CDP_CMD_PRESET_QUERY: *ret_item_bytes = sizeof(struct hf_cdp_preset); return presets_of(cam);
    case HF_CDP_CMD_CRUISE_TRACK_LIST:
        *ret_item_bytes = sizeof(struct hf_cdp_cruise_track_item);
        return CRUISE_TRACKS;
    case HF_CDP_CMD_SD_CARD_STATUS: *ret_item_bytes = sizeof(struct hf_cdp_sd_card); return 1;
    default:
        *ret_is_list = false;
        *ret_item_bytes = 0;
        return 0;
    }
}

void hf_cam_fill_channel(const struct hf_cam *cam, uint32_t index, struct hf_cam_arena *arena,
                         struct hf_cdp_catalog_item *item)
{
    const struct hf_cam_profile *profile = cam->world->profile;
    char id[HF_CAM_ID_BYTES];
    bool is_faulty = cam->fault && index == 0;

    hf_cam_channel_id(cam, index, id);
    *item = (struct hf_cdp_catalog_item){
        .set = true,
        .device_id = hf_cam_textf(arena, "%s", id),
        .name = hf_cam_textf(arena, "摄像机 %u", index + 1),
        .manufacturer = profile->manufacturer.at != NULL ? profile->manufacturer : HF_SLICE("Holdfast"),
        .model = profile->model.at != NULL ? profile->model : HF_SLICE("HF-SIM"),
        .owner = HF_SLICE("Owner"),
        .civil_code = {cam->id, 6},
        .address = HF_SLICE("北门"),
        .parental = HF_CDP_INT(0),
        .parent_id = hf_slice_of(cam->id),
        .safety_way = HF_CDP_INT(0),
        .register_way = HF_CDP_INT(1),
        .secrecy = HF_CDP_INT(0),
        .status = is_faulty ? HF_CDP_STATUS_OFF : HF_CDP_STATUS_ON,
        .longitude = HF_CDP_REAL(116.3912 + index * 0.0001),
        .latitude = HF_CDP_REAL(39.9068),
    };
    item->info.set = true;
    item->info.ptz_type = HF_CDP_INT(1);
    if (hf_cam_is_2022(cam)) {
        item->info.grassroots_code = HF_SLICE("000000");
        item->info.stream_number_list = HF_SLICE("0/1");
    }
}

static void fill_catalog(struct hf_cam *cam, const struct hf_cam_job *job, uint32_t first, uint32_t count,
                         struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    struct hf_cdp_catalog_item *items = hf_cam_arena_take(arena, count * sizeof(*items));
    uint32_t only = 0;
    bool is_one = asks_channel(cam, job->device_id, &only);

    for (uint32_t i = 0; i < count; i++)
        hf_cam_fill_channel(cam, is_one ? only : first + i, arena, &items[i]);
    message->as.catalog.sum_num = HF_CDP_INT(job->items);
    message->as.catalog.devices = (struct hf_cdp_list){.items = items, .count = count};
}

static void fill_records(struct hf_cam *cam, const struct hf_cam_job *job, uint32_t first, uint32_t count,
                         struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    struct hf_cdp_record_item *items = hf_cam_arena_take(arena, count * sizeof(*items));
    uint64_t end_ms = HF_MIN(job->to_ms, hf_cam_utc_ms(cam));

    for (uint32_t i = 0; i < count; i++) {
        uint64_t from_ms = job->from_ms + (uint64_t)(first + i) * HOUR_MS;
        uint64_t to_ms = HF_MIN(from_ms + HOUR_MS, end_ms);
        char from[HF_CDP_TIME_BYTES], to[HF_CDP_TIME_BYTES];

        hf_cdp_time_format(from_ms, ZONE_MINUTES, from);
        hf_cdp_time_format(to_ms, ZONE_MINUTES, to);
        items[i] = (struct hf_cdp_record_item){
            .set = true,
            .device_id = hf_slice_of(job->device_id),
            .name = hf_cam_textf(arena, "record %u", first + i + 1),
            .file_path = hf_cam_textf(arena, "/record/%s.ps", from),
            .start_time = hf_cam_textf(arena, "%s", from),
            .end_time = hf_cam_textf(arena, "%s", to),
            .secrecy = HF_CDP_INT(0),
            .type = HF_CDP_RECORD_TIME,
            .file_size = HF_CDP_INT((int64_t)((to_ms - from_ms) / 1000 * RECORD_BYTES_A_SECOND)),
        };
    }
    message->as.records.name = HF_SLICE("摄像机");
    message->as.records.sum_num = HF_CDP_INT(job->items);
    message->as.records.records = (struct hf_cdp_list){.items = items, .count = count};
}

static void fill_presets(struct hf_cam *cam, const struct hf_cam_job *job, uint32_t first, uint32_t count,
                         struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    struct hf_cdp_preset *items = hf_cam_arena_take(arena, count * sizeof(*items));
    uint32_t at = 0, filled = 0;

    /* They may have changed since the query: what is left of the list is then shorter. */
    for (uint32_t bit = 0; bit < 16 && filled < count; bit++) {
        if (!(cam->presets & (1u << bit)) || at++ < first)
            continue;
        items[filled++] = (struct hf_cdp_preset){.set = true,
                                                 .preset_id = HF_CDP_INT(bit + 1),
                                                 .preset_name = hf_cam_textf(arena, "预置位 %u", bit + 1)};
    }
    message->as.presets.sum_num = HF_CDP_INT(job->items);
    message->as.presets.presets = (struct hf_cdp_list){.items = items, .count = filled};
}

static void fill_tracks(const struct hf_cam_job *job, uint32_t first, uint32_t count,
                        struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    struct hf_cdp_cruise_track_item *items = hf_cam_arena_take(arena, count * sizeof(*items));

    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct hf_cdp_cruise_track_item){.set = true,
                                                     .number = HF_CDP_INT(first + i),
                                                     .name = hf_cam_textf(arena, "cruise %u", first + i)};
    message->as.cruise_tracks.sum_num = HF_CDP_INT(job->items);
    message->as.cruise_tracks.tracks = (struct hf_cdp_list){.items = items, .count = count};
}

static void fill_cards(const struct hf_cam_job *job, uint32_t count, struct hf_cam_arena *arena,
                       struct hf_cdp_message *message)
{
    struct hf_cdp_sd_card *card = hf_cam_arena_take(arena, sizeof(*card));

    *card = (struct hf_cdp_sd_card){.set = true,
                                    .id = HF_CDP_INT(1),
                                    .hdd_name = HF_SLICE("SD1"),
                                    .status = HF_CDP_CARD_OK,
                                    .capacity = HF_CDP_INT(65536),
                                    .free_space = HF_CDP_INT(32768)};
    message->as.sd_cards.sum_num = HF_CDP_INT(job->items);
    message->as.sd_cards.cards = (struct hf_cdp_list){.items = card, .count = count};
}

void hf_cam_fill(struct hf_cam *cam, const struct hf_cam_job *job, uint32_t first, uint32_t count,
                 struct hf_cam_arena *arena, struct hf_cdp_message *message)
{
    switch (job->command) {
    case HF_CDP_CMD_CATALOG: fill_catalog(cam, job, first, count, arena, message); break;
    case HF_CDP_CMD_RECORD_INFO: fill_records(cam, job, first, count, arena, message); break;
    case HF_CDP_CMD_PRESET_QUERY: fill_presets(cam, job, first, count, arena, message); break;
    case HF_CDP_CMD_CRUISE_TRACK_LIST: fill_tracks(job, first, count, arena, message); break;
    case HF_CDP_CMD_SD_CARD_STATUS: fill_cards(job, count, arena, message); break;
    default: hf_cam_fill_info(cam, job, arena, message); break;
    }
}
