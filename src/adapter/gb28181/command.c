/* adapter/gb28181/command.c - from an application's command to a body. The name is a CmdType ("Catalog", "DeviceControl"), or the element of a control
 * ("TeleBoot", "GuardCmd"); the payload is an object of its members (codec/manscdp/fields.h), device_id among them for a channel. */
#include "adapter/gb28181/gb.h"

#include "base/sb.h"
#include "codec/json/array.h"
#include "codec/json/scan.h"

/* Controls by the name of their element. value: what it is when the payload does not say, in JSON; NULL: it must say. */
static const struct control {
    const char *name, *member, *value;
} controls[] = {
    {"PTZCmd", "ptz_cmd", NULL},
    {"TeleBoot", "tele_boot", "\"Boot\""},
    {"RecordCmd", "record", NULL},
    {"GuardCmd", "guard", NULL},
    {"AlarmCmd", "alarm", "\"ResetAlarm\""},
    {"IFrameCmd", "key_frame", "\"Send\""},
    {"IFameCmd", "key_frame", "\"Send\""},
    {"DragZoomIn", "drag_zoom_in", NULL},
    {"DragZoomOut", "drag_zoom_out", NULL},
    {"HomePosition", "home_position", NULL},
    {"PTZPreciseCtrl", "ptz_precise", NULL},
    {"DeviceUpgrade", "upgrade", NULL},
    {"FormatSDCard", "format_sd_card", "0"},
    {"TargetTrack", "target_track", NULL},
};

const char hf_gb_too_new[] =
    "for devices of edition 2022; this one is of 2016, unless its row in gb28181.devices says otherwise";

static const struct control *control_of(struct hf_slice name)
{
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
        if (hf_slice_eq_nocase(name, hf_slice_of(controls[i].name)))
            return &controls[i];
    return NULL;
}

static enum hf_cdp_root root_of(enum hf_cdp_command command)
{
    switch (command) {
    case HF_CDP_CMD_DEVICE_CONTROL:
    case HF_CDP_CMD_DEVICE_CONFIG: return HF_CDP_ROOT_CONTROL;
    case HF_CDP_CMD_BROADCAST: return HF_CDP_ROOT_NOTIFY;
    default: return HF_CDP_ROOT_QUERY; /* what cannot be asked is refused by the table of messages */
    }
}

/* The payload as an object with the control's member; *ret_json is it, or stands in storage. False: it cannot be. */
static bool with_control(const struct control *control, struct hf_slice payload, char *storage,
                         size_t storage_bytes, struct hf_slice *ret_json)
{
    struct hf_json_field field = {.name = hf_slice_of(control->member)};
    struct hf_sb sb;

    *ret_json = payload;
    if (hf_json_scan(payload.at, payload.bytes, &field, 1, 0) != HF_OK)
        return false;
    if (field.found)
        return true;
    hf_sb_init(&sb, storage, storage_bytes);
    hf_sb_printf(&sb, "{\"%s\":", control->member);
    if (hf_json_type_of(payload) != HF_JSON_OBJECT) { /* the value alone */
        hf_sb_slice(&sb, payload);
        hf_sb_char(&sb, '}');
    } else if (control->value != NULL) {
        const char *brace = memchr(payload.at, '{', payload.bytes);
        struct hf_slice rest = {brace + 1, payload.bytes - (size_t)(brace + 1 - payload.at)};
        struct hf_json_field none;
        struct hf_slice walk = payload;

        hf_sb_text(&sb, control->value);
        if (hf_json_object_next(&walk, &none))
            hf_sb_char(&sb, ',');
        hf_sb_slice(&sb, rest);
    } else {
        return false;
    }
    *ret_json = hf_sb_done(&sb);
    return !sb.overflow;
}

static uint8_t types_of(const struct hf_cdp_message *message)
{
    struct hf_slice types = message->as.config_query.config_type;
    unsigned count = 1;

    for (size_t i = 0; i < types.bytes; i++)
        count += types.at[i] == '/';
    return (uint8_t)HF_MIN(count, 255u);
}

/* PTZ is a word of ours for what PTZCmd says in bytes. */
static hf_err read_ptz(struct hf_gb_site *site, struct hf_slice json, struct hf_cdp_message *message,
                       struct hf_slice *ret_element)
{
    hf_err err = hf_gb_ptz_read(json, &site->order.what, ret_element);

    if (err != HF_OK)
        return err;
    memset(message, 0, sizeof(*message));
    message->root = HF_CDP_ROOT_CONTROL;
    message->command = HF_CDP_CMD_DEVICE_CONTROL;
    message->device_id = site->order.what.device_id;
    err = hf_ptz_encode(&site->order.what.ptz, site->memory);
    message->as.control.ptz_cmd = hf_slice_of(site->memory);
    return err;
}

/* Whatever it was called, an order that moves something will be stopped. */
static hf_err note_order(struct hf_gb_device *device, const struct hf_cdp_message *message)
{
    struct hf_gb_order *order = &device->site->order;

    if (message->command != HF_CDP_CMD_DEVICE_CONTROL || message->as.control.ptz_cmd.bytes == 0 ||
        hf_ptz_decode(message->as.control.ptz_cmd, &order->what.ptz) != HF_OK ||
        message->device_id.bytes > sizeof(order->channel))
        return HF_OK;
    if (!hf_gb_ptz_may(device, &order->what.ptz)) {
        device->site->stats.moves_refused++;
        return HF_ERR_BUSY;
    }
    order->ptz = true;
    order->channel_bytes = (uint8_t)message->device_id.bytes;
    memcpy(order->channel, message->device_id.at, message->device_id.bytes);
    return HF_OK;
}

void hf_gb_command_sent(struct hf_gb_device *device)
{
    const struct hf_gb_order *order = &device->site->order;

    hf_gb_ptz_sent(device, (struct hf_slice){order->channel, order->channel_bytes}, &order->what.ptz,
                   order->what.stop_after_ms);
}

hf_err hf_gb_command_build(struct hf_gb_request *request, const struct hf_outgoing *outgoing,
                           struct hf_slice *ret_body, struct hf_slice *ret_element)
{
    struct hf_gb_device *device = request->device;
    struct hf_gb_site *site = device->site;
    struct hf_cdp_message *message = &site->message;
    struct hf_cdp_writer writer = hf_gb_writer(device);
    const struct control *control = control_of(outgoing->topic);
    enum hf_cdp_command command = control ? HF_CDP_CMD_DEVICE_CONTROL : hf_cdp_command_of(outgoing->topic);
    enum hf_cdp_root root = root_of(command);
    struct hf_slice json = outgoing->payload.bytes > 0 ? outgoing->payload : HF_SLICE("{}");
    const char *element = NULL;
    struct hf_sb sb;

    site->order = (struct hf_gb_order){.what = {.stop_after_ms = HF_GB_STOP_AFTER_MS}};
    *ret_element = (struct hf_slice){NULL, 0};
    if (outgoing->payload.bytes > 0 && outgoing->format != HF_FORMAT_JSON)
        return HF_ERR_INVALID;
    /* What a control adds stands in site->json, which nothing touches until the body is built. */
    if (control != NULL && !with_control(control, json, site->json, HF_GB_JSON_BYTES_MAX, &json)) {
        *ret_element = hf_slice_of(control->name);
        request->text = "an object of the order's members, or its value alone";
        return HF_ERR_INVALID;
    }
    hf_err err = hf_slice_eq_nocase(outgoing->topic, HF_SLICE("PTZ"))
                     ? read_ptz(site, json, message, ret_element)
                     : hf_cdp_from_json(root, command, json, site->memory, HF_GB_MEMORY_BYTES, message,
                                        ret_element, &site->order.what.wants);
    if (err != HF_OK) {
        request->text = site->order.what.wants;
        return err;
    }
    command = message->command;
    message->sn = HF_CDP_INT(request->sn);
    if (message->device_id.bytes == 0)
        message->device_id = hf_gb_device_id(device);
    err = note_order(device, message);
    if (err != HF_OK)
        return err;
    request->command = (uint8_t)command;
    request->answer = (uint8_t)hf_cdp_answer_of(message);
    request->catalog = command == HF_CDP_CMD_CATALOG && message->as.catalog_query.start_time.bytes == 0 &&
                       message->as.catalog_query.end_time.bytes == 0 &&
                       hf_slice_eq(message->device_id, hf_gb_device_id(device));
    if (command == HF_CDP_CMD_CONFIG_DOWNLOAD)
        request->types = types_of(message);
    if (command == HF_CDP_CMD_CONFIG_DOWNLOAD && request->types == 1)
        request->answer = HF_CDP_ANSWER_ONE;
    hf_sb_init(&sb, site->body, HF_GB_BODY_BYTES_MAX + 1);
    err = hf_cdp_build(&writer, message, &sb, &element);
    *ret_element = hf_slice_of(element);
    *ret_body = hf_sb_done(&sb);
    if (err != HF_OK)
        request->text = err == HF_ERR_UNSUPPORTED ? hf_gb_too_new
                        : err == HF_ERR_INVALID   ? "it is missing, or nothing that the standard has"
                                                  : "it is too long";
    return err;
}
