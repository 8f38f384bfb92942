/* codec/manscdp/ptz.h - the eight bytes of PTZCmd: movement, lens, presets, cruises, scans and switches, as 16 hex digits. Pure.
 *
 *   byte 1    A5
 *   byte 2    0F: version 0, and a check digit over it
 *   byte 3    low eight bits of an address that means nothing (DeviceID addresses the device)
 *   byte 4    instruction
 *   byte 5, 6 data 1, data 2
 *   byte 7    high half data 3, low half the address's high four bits
 *   byte 8    sum of bytes 1 to 7
 *
 * A device moves until it is told to stop: whoever moves it sends HF_PTZ_MOVE with nothing moving, in time and, over UDP, twice.
 * Source: GB/T 28181-2016 A.3, GB/T 28181-2022 A.3. */
#ifndef HF_CODEC_MANSCDP_PTZ_H
#define HF_CODEC_MANSCDP_PTZ_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* id, name in APIs, instruction */
#define HF_PTZ_ORDER_MAP(X)                                                                          \
    X(MOVE, "move", 0x00)             /* pan, tilt, zoom; nothing = stop, also of cruise and scan */ \
    X(LENS, "lens", 0x40)             /* focus, iris; nothing = stop */                              \
    X(PRESET_SET, "preset_set", 0x81) /* preset */                                                   \
    X(PRESET_CALL, "preset_call", 0x82)                                                              \
    X(PRESET_DELETE, "preset_delete", 0x83)                                                          \
    X(CRUISE_ADD, "cruise_add", 0x84)       /* group, preset */                                      \
    X(CRUISE_DELETE, "cruise_delete", 0x85) /* group, preset; 0 deletes the whole cruise */          \
    X(CRUISE_SPEED, "cruise_speed", 0x86)   /* group, value */                                       \
    X(CRUISE_DWELL, "cruise_dwell", 0x87)   /* group, value in seconds */                            \
    X(CRUISE_START, "cruise_start", 0x88)   /* group */                                              \
    X(SCAN_START, "scan_start", 0x89)       /* group */                                              \
    X(SCAN_LEFT, "scan_left", 0x89)         /* group: here is the left limit */                      \
    X(SCAN_RIGHT, "scan_right", 0x89)                                                                \
    X(SCAN_SPEED, "scan_speed", 0x8a) /* group, value */                                             \
    X(AUX_ON, "aux_on", 0x8c)         /* aux */                                                      \
    X(AUX_OFF, "aux_off", 0x8d)
#define HF_PTZ_ORDER_ID(id, name, instruction) HF_PTZ_##id,
enum hf_ptz_order { HF_PTZ_ORDER_MAP(HF_PTZ_ORDER_ID) HF_PTZ_ORDERS };
#undef HF_PTZ_ORDER_ID

enum {
    HF_PTZ_BYTES = 8,
    HF_PTZ_TEXT_BYTES = 2 * HF_PTZ_BYTES + 1, /* with NUL */
    HF_PTZ_ADDRESS_DEFAULT = 1,
    HF_PTZ_ADDRESS_MAX = 0xfff,
    HF_PTZ_VALUE_MAX = 0xfff,
    HF_PTZ_ZOOM_SPEED_MAX = 15,
    HF_PTZ_AUX_WIPER = 1,
};

/* Members that an order does not name are zero. Speeds of what does not move are carried along: some peers send them. */
struct hf_ptz {
    enum hf_ptz_order order;
    uint16_t address;              /* 0..HF_PTZ_ADDRESS_MAX */
    int8_t pan;                    /* -1 left, 1 right */
    int8_t tilt;                   /* -1 down, 1 up */
    int8_t zoom;                   /* -1 out, 1 in */
    int8_t focus;                  /* -1 near, 1 far */
    int8_t iris;                   /* -1 close, 1 open */
    uint8_t pan_speed, tilt_speed; /* 0-255; a camera takes what it can */
    uint8_t zoom_speed;            /* 0..HF_PTZ_ZOOM_SPEED_MAX */
    uint8_t focus_speed, iris_speed;
    uint8_t preset; /* 1-255 */
    uint8_t group;  /* of a cruise or scan */
    uint16_t value; /* 0..HF_PTZ_VALUE_MAX */
    uint8_t aux;    /* number of a switch */
};

/* HF_ERR_INVALID: a member out of its range. */
hf_err hf_ptz_encode(const struct hf_ptz *ptz, char ret_text[HF_PTZ_TEXT_BYTES]);

/* Digits of either case. HF_ERR_MALFORMED: not 16 hex digits, a wrong head or sum, opposite directions at once, or a preset of 0.
 * HF_ERR_UNSUPPORTED: an instruction that the standard does not have. */
hf_err hf_ptz_decode(struct hf_slice text, struct hf_ptz *ret_ptz);

const char *hf_ptz_order_name(enum hf_ptz_order order); /* "preset_call"; NULL when out of range */

#endif
