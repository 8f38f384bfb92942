/* bench/gb/control.c - what an order changes in a camera, so that the next answer shows it. */
#include "bench/gb/camera_parts.h"

#include "base/assert.h"
#include "codec/manscdp/ptz.h"

enum { STEP = 50 /* a movement order turns it by five degrees */, ROUND = 3600, ZOOM_MAX = 300 };

static void move(struct hf_cam *cam, const struct hf_ptz *ptz)
{
    cam->pan = (int16_t)((cam->pan + ptz->pan * STEP + ROUND) % ROUND);
    cam->tilt = (int16_t)HF_MAX(-300, HF_MIN(900, cam->tilt - ptz->tilt * STEP)); /* down is positive */
    cam->zoom = (int16_t)HF_MAX(10, HF_MIN(ZOOM_MAX, cam->zoom + ptz->zoom * 10));
}

static void obey_ptz(struct hf_cam *cam, struct hf_slice text)
{
    struct hf_ptz ptz;
    uint16_t bit;

    if (hf_ptz_decode(text, &ptz) != HF_OK)
        return;
    bit = ptz.preset >= 1 && ptz.preset <= 16 ? (uint16_t)(1u << (ptz.preset - 1)) : 0;
    switch (ptz.order) {
    case HF_PTZ_MOVE: move(cam, &ptz); break;
    case HF_PTZ_PRESET_SET: cam->presets |= bit; break;
    case HF_PTZ_PRESET_DELETE: cam->presets &= (uint16_t)~bit; break;
    default: break;
    }
}

static int16_t tenths(struct hf_cdp_real value, int16_t now, double min, double max)
{
    return value.set ? (int16_t)(10 * HF_MAX(min, HF_MIN(max, value.value))) : now;
}

static void obey_control(struct hf_cam *cam, const struct hf_cdp_control *control)
{
    if (control->ptz_cmd.at != NULL)
        obey_ptz(cam, control->ptz_cmd);
    if (control->guard != HF_CDP_GUARD_NONE)
        cam->guard = control->guard == HF_CDP_GUARD_SET;
    if (control->record != HF_CDP_TAPE_NONE)
        cam->recording = control->record == HF_CDP_TAPE_RECORD;
    if (control->alarm == HF_CDP_CLEAR_RESET)
        cam->alarm = false;
    if (control->ptz_precise.set) {
        cam->pan = tenths(control->ptz_precise.pan, cam->pan, 0, 360);
        cam->tilt = tenths(control->ptz_precise.tilt, cam->tilt, -30, 90);
        cam->zoom = tenths(control->ptz_precise.zoom, cam->zoom, 1, 30);
    }
    if (control->tele_boot == HF_CDP_BOOT_BOOT && cam->state == HF_CAM_REGISTERED) {
        cam->guard = cam->recording = cam->alarm = false;
        hf_cam_lost(cam, 0); /* as after power came back: registers anew */
    }
}

static void obey_config(struct hf_cam *cam, const struct hf_cdp_config *config)
{
    const struct hf_cdp_int *interval = &config->basic_param.heartbeat_interval;

    if (config->basic_param.set && interval->set && interval->value >= 1 && interval->value <= 3600)
        cam->keepalive_every_ms = (uint32_t)interval->value * 1000;
}

void hf_cam_obey(struct hf_cam *cam, const struct hf_cdp_message *order)
{
    if (order->command == HF_CDP_CMD_DEVICE_CONTROL)
        obey_control(cam, &order->as.control);
    else if (order->command == HF_CDP_CMD_DEVICE_CONFIG)
        obey_config(cam, &order->as.config);
}
