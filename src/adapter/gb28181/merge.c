/* adapter/gb28181/merge.c - answers in several messages: a list (catalogue, recordings, presets, cruise tracks) whose items are put together, or one message for each type of
 * configuration that was asked for. Rules: core/gb/merge.h. */
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/gb.h"

#include "base/sb.h"
#include "core/channels.h"

enum { RESULT_HEAD_BYTES_MAX = 1024 };

struct part {
    const struct hf_cdp_list *list; /* NULL: the message is one item itself */
    struct hf_cdp_int sum;
    size_t item_bytes;
};

static struct part part_of(const struct hf_cdp_message *message)
{
    if (message->root != HF_CDP_ROOT_RESPONSE)
        return (struct part){0};
    switch (message->command) {
    case HF_CDP_CMD_CATALOG:
        return (struct part){&message->as.catalog.devices, message->as.catalog.sum_num,
                             sizeof(struct hf_cdp_catalog_item)};
    case HF_CDP_CMD_RECORD_INFO:
        return (struct part){&message->as.records.records, message->as.records.sum_num,
                             sizeof(struct hf_cdp_record_item)};
    case HF_CDP_CMD_PRESET_QUERY:
        return (struct part){&message->as.presets.presets, message->as.presets.sum_num,
                             sizeof(struct hf_cdp_preset)};
    case HF_CDP_CMD_CRUISE_TRACK_LIST:
        return (struct part){&message->as.cruise_tracks.tracks, message->as.cruise_tracks.sum_num,
                             sizeof(struct hf_cdp_cruise_track_item)};
    default: return (struct part){0};
    }
}

static unsigned blocks_of(const struct hf_cdp_config *config)
{
    return config->basic_param.set + config->video_param_opt.set + (config->svac_encode_config.bytes > 0) +
           (config->svac_decode_config.bytes > 0) + (config->video_param_attribute.raw.at != NULL) +
           config->video_record_plan.set + config->video_alarm_record.set + config->picture_mask.set +
           config->frame_mirror.set + config->alarm_report.set + config->osd_config.set +
           config->snapshot_config.set;
}

static void add(struct hf_gb_request *request, struct hf_slice key, struct hf_slice json)
{
    struct hf_gb_site *site = request->device->site;

    if (key.bytes == 0)
        key = json;
    hf_err err = hf_gb_merge_add(request->merge, hf_hash(site->hash_key, key.at, key.bytes), json);
    site->stats.commands_cut += err == HF_ERR_LIMIT || err == HF_ERR_NOMEM;
}

static void add_items(struct hf_gb_request *request, const struct hf_cdp_message *message,
                      const struct part *part)
{
    struct hf_gb_site *site = request->device->site;
    union {
        struct hf_cdp_catalog_item channel;
        struct hf_cdp_record_item record;
        struct hf_cdp_preset preset;
        struct hf_cdp_cruise_track_item track;
    } item;
    struct hf_cdp_iter iter;

    hf_cdp_list_begin(&iter, message, part->list, site->item_scratch, HF_CDP_SCRATCH_BYTES);
    while (hf_cdp_list_next(&iter, &item, part->item_bytes) == HF_OK) {
        struct hf_json_out out;
        struct hf_sb sb;

        hf_sb_init(&sb, site->json, HF_GB_JSON_BYTES_MAX);
        hf_json_out_init(&out, &sb);
        hf_json_out_object(&out, NULL);
        hf_cdp_json_item(&iter, &item, &out);
        hf_json_out_end(&out);
        if (hf_json_out_complete(&out)) /* a channel is one by its id, anything else by all of it */
            add(request,
                message->command == HF_CDP_CMD_CATALOG ? item.channel.device_id : (struct hf_slice){NULL, 0},
                hf_sb_done(&sb));
    }
}

static void add_message(struct hf_gb_request *request, const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = request->device->site;
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, site->json, HF_GB_JSON_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_cdp_json(message, site->item_scratch, HF_CDP_SCRATCH_BYTES, &out);
    hf_json_out_end(&out);
    if (hf_json_out_complete(&out))
        add(request, (struct hf_slice){NULL, 0}, hf_sb_done(&sb));
    if (message->command == HF_CDP_CMD_CONFIG_DOWNLOAD && message->root == HF_CDP_ROOT_RESPONSE)
        request->blocks = (uint8_t)HF_MIN(request->blocks + blocks_of(&message->as.config), 255u);
}

bool hf_gb_merge_part(struct hf_gb_request *request, const struct hf_cdp_message *message,
                      struct hf_slice *ret_json)
{
    struct hf_gb_site *site = request->device->site;
    struct part part = part_of(message);

    bool catalog = request->command == HF_CDP_CMD_CATALOG;
    if (request->merge == NULL)
        request->merge = hf_gb_merge_new(
            &site->merges, catalog ? HF_GB_CATALOG_BYTES_MAX : HF_GB_RESULT_BYTES_MAX - RESULT_HEAD_BYTES_MAX,
            catalog ? HF_CHANNELS_MAX : UINT64_MAX);
    if (request->merge == NULL) { /* what was collected ends as partial when the wait is over */
        site->stats.commands_cut++;
        return false;
    }
    if (part.list != NULL)
        add_items(request, message, &part);
    else
        add_message(request, message);
    site->stats.merge_bytes_now = site->merges.bytes;
    if (part.sum.set && part.sum.value >= 0)
        hf_gb_merge_expect(request->merge, (uint64_t)part.sum.value);
    bool config = part.list == NULL && request->blocks >= request->types;
    /* A list that is short says no sum in some editions: it is whole then. */
    bool whole = part.list != NULL && !part.sum.set && message->command != HF_CDP_CMD_CATALOG &&
                 message->command != HF_CDP_CMD_RECORD_INFO;
    if (!config && !whole && !hf_gb_merge_complete(request->merge))
        return false;
    *ret_json = hf_gb_merge_result(request, NULL, 0);
    return true;
}

/* As much of a list as a result holds; *ret_items are in it. */
static struct hf_slice fitting(struct hf_slice text, uint64_t *ret_items)
{
    size_t room = HF_GB_RESULT_BYTES_MAX - RESULT_HEAD_BYTES_MAX;

    if (text.bytes <= room)
        return text;
    const char *end = memrchr(text.at, '\n', room);
    text.bytes = end ? (size_t)(end - text.at) - 1 : 0;
    *ret_items = text.bytes > 0;
    for (size_t i = 0; i < text.bytes; i++)
        *ret_items += text.at[i] == '\n';
    return text;
}

struct hf_slice hf_gb_merge_result(struct hf_gb_request *request, const char *waited, uint32_t limit_ms)
{
    struct hf_gb_site *site = request->device->site;
    struct hf_gb_merged merged = {.text = {"", 0}};
    struct hf_json_out out;
    struct hf_sb sb;

    if (request->merge != NULL)
        merged = hf_gb_merged(request->merge);
    if (request->command == HF_CDP_CMD_CATALOG) { /* the tables take all of it */
        hf_gb_catalog_list(request, &merged, waited == NULL && !merged.cut);
        request->listed = true;
    }
    uint64_t shown = merged.items;
    struct hf_slice items = fitting(merged.text, &shown);
    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "command", hf_cdp_command_name((enum hf_cdp_command)request->command));
    hf_json_out_u64(&out, "sn", request->sn);
    hf_json_out_bool(&out, "complete", waited == NULL && !merged.cut);
    if (waited != NULL) {
        hf_json_out_cstr(&out, "timer", waited);
        hf_json_out_u64(&out, "limit_ms", limit_ms);
    }
    if (merged.announced)
        hf_json_out_u64(&out, "sum_num", merged.expected);
    hf_json_out_u64(&out, "count", merged.items);
    if (merged.duplicates > 0)
        hf_json_out_u64(&out, "duplicates", merged.duplicates);
    if (merged.cut || shown < merged.items)
        hf_json_out_bool(&out, "cut", true);
    if (shown < merged.items)
        hf_json_out_u64(&out, "shown", shown);
    hf_json_out_array(&out, "items");
    if (items.bytes > 0)
        hf_json_out_raw(&out, NULL, items);
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out)); /* the merge's bound leaves room for the head */
    return hf_sb_done(&sb);
}
