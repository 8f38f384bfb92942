/* adapter/gb28181/ptz.h - moving cameras. A camera moves until it is told to stop, so every order to move has a time after which the gateway sends the stop, whatever became of whoever ordered it (GB-10).
 * The command PTZ says in JSON what PTZCmd says in eight bytes:
 *
 *   {"pan":-40,"tilt":20,"zoom":3,"stop_after_ms":3000}   speeds with their direction: right, up and in are positive. Pan and tilt -255..255, zoom -15..15
 *   {"focus":1,"iris":-20}                                far and open are positive, -255..255
 *   {"stop":true}                                         of everything, cruises and scans too
 *   {"order":"preset_call","preset":3}                    any order of codec/manscdp/ptz.h, with preset, group, value, aux
 *
 * and "device_id" for a channel. stop_after_ms: 100..600,000, 10,000 when it is not said. */
#ifndef HF_ADAPTER_GB28181_PTZ_H
#define HF_ADAPTER_GB28181_PTZ_H

#include "base/err.h"
#include "base/slice.h"
#include "codec/manscdp/ptz.h"

struct hf_gb_device;

enum {
    HF_GB_STOP_AFTER_MS = 10000,
    HF_GB_STOP_AFTER_MS_MIN = 100,
    HF_GB_STOP_AFTER_MS_MAX = 600000,
    HF_GB_MOVERS_MAX = 16384,  /* moving at once, of a worker; above it orders to move are refused */
    HF_GB_STOP_RETRY_MS = 500, /* while its way is lost */
};

struct hf_gb_ptz {
    struct hf_ptz ptz;
    struct hf_slice device_id; /* absent: the device itself */
    uint32_t stop_after_ms;
    const char *wants; /* HF_ERR_INVALID: what the member may be, for people; static, or NULL */
};

/* device_id points into json. HF_ERR_INVALID: *ret_member is unknown, twice there, missing, out of range, or does not go with the others. */
hf_err hf_gb_ptz_read(struct hf_slice json, struct hf_gb_ptz *ret_ptz, struct hf_slice *ret_member);

/* Is there room to stop it again? */
bool hf_gb_ptz_may(struct hf_gb_device *device, const struct hf_ptz *ptz);
/* It was sent to this channel: from now on the stop is due, or not any more. */
void hf_gb_ptz_sent(struct hf_gb_device *device, struct hf_slice channel, const struct hf_ptz *ptz,
                    uint32_t stop_after_ms);
void hf_gb_ptz_gone(struct hf_gb_device *device);
size_t hf_gb_mover_bytes(void);

#endif
