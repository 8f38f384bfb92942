/* adapter/gb28181/describe.c - what the API shows of a camera besides what it shows of every device, and what is told of it unasked. */
#include "adapter/gb28181/subscribe.h"
#include "base/sb.h"

void hf_gb_describe(const struct hf_gb_device *device, char *out, size_t out_bytes)
{
    struct hf_json_out json;
    struct hf_sb sb;

    hf_sb_init(&sb, out, out_bytes);
    hf_json_out_init(&json, &sb);
    hf_json_out_object(&json, NULL);
    hf_json_out_cstr(&json, "edition", device->version >= HF_GB_VERSION_2022 ? "2022" : "2016");
    hf_json_out_cstr(&json, "registration", hf_gb_state_name(device->state));
    hf_json_out_cstr(&json, "catalog", hf_gb_catalog_name(device->catalog.now));
    hf_json_out_u64(&json, "commands_open", device->open);
    hf_gb_subs_describe(device, &json);
    if (device->link != NULL) {
        hf_json_out_object(&json, "health");
        hf_gb_link_members(device, &json);
        hf_json_out_end(&json);
        hf_json_out_object(&json, "breaker");
        hf_gb_breaker_members(device, &json);
        hf_json_out_end(&json);
    }
    hf_json_out_end(&json);
    if (hf_json_out_complete(&json))
        (void)hf_sb_done(&sb);
    else
        out[0] = '\0';
}

hf_err hf_gb_tell(struct hf_gb_device *device, struct hf_slice topic, struct hf_slice json)
{
    struct hf_incoming incoming = {.topic = topic,
                                   .payload = json,
                                   .format = HF_FORMAT_JSON,
                                   .flags = HF_EVENT_FLAG_TEXT,
                                   .publish = true};
    uint32_t wait_ms;

    return hf_hub_message(device->site->options.hub, &device->dev, &incoming, NULL, &wait_ms);
}

bool hf_gb_tell_members(struct hf_gb_device *device, struct hf_slice topic,
                        void (*members)(const struct hf_gb_device *device, struct hf_json_out *out))
{
    char text[HF_GB_HEALTH_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    members(device, &out);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out));
    return hf_gb_tell(device, topic, hf_sb_done(&sb)) == HF_OK;
}
