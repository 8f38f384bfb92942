/* adapter/gb28181/shadow.c - what a camera says of itself becomes `reported` of its shadow: {"info":{..},"status":{..},"channels":n}. Numbers and clocks of the message itself stay out: a camera
 * that says the same again has not changed. */
#include "adapter/gb28181/gb.h"

#include "codec/json/scan.h"

enum { REPORT_BYTES_MAX = 2048 };

static const char *const info_names[] = {"device_name", "manufacturer", "model", "firmware", "channel"};
static const char *const status_names[] = {"online", "status", "encode", "record", "reason"};

static void report(struct hf_gb_device *device, const struct hf_sb *sb)
{
    struct hf_gb_site *site = device->site;

    if (!sb->overflow) /* longer than any camera's */
        hf_hub_report(site->options.hub, site->options.tenant, hf_gb_device_id(device), hf_sb_done(sb));
}

/* Those of the members that are there. */
static void report_members(struct hf_gb_device *device, const char *member, struct hf_slice json,
                           const char *const *names, size_t count)
{
    enum { MEMBERS_MAX = 8 };
    struct hf_json_field fields[MEMBERS_MAX] = {HF_JSON_FIELD("device_id")};
    char text[REPORT_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    HF_ASSERT(count < MEMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        fields[i + 1].name = hf_slice_of(names[i]);
    if (hf_json_scan(json.at, json.bytes, fields, count + 1, 0) != HF_OK || fields[0].raw.bytes < 2 ||
        !hf_slice_eq((struct hf_slice){fields[0].raw.at + 1, fields[0].raw.bytes - 2},
                     hf_gb_device_id(device)))
        return; /* of one of its channels */
    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_object(&out, "reported");
    hf_json_out_object(&out, member);
    for (size_t i = 0; i < count; i++)
        if (fields[i + 1].found)
            hf_json_out_raw(&out, names[i], fields[i + 1].raw);
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    report(device, &sb);
}

void hf_gb_shadow_answer(struct hf_gb_device *device, unsigned command, struct hf_slice json)
{
    if (command == HF_CDP_CMD_DEVICE_INFO)
        report_members(device, "info", json, info_names, HF_COUNT_OF(info_names));
    else if (command == HF_CDP_CMD_DEVICE_STATUS)
        report_members(device, "status", json, status_names, HF_COUNT_OF(status_names));
}

void hf_gb_shadow_channels(struct hf_gb_device *device, uint64_t count)
{
    char text[64];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "{\"reported\":{\"channels\":%llu}}", (unsigned long long)count);
    report(device, &sb);
}
