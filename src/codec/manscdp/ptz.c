/* codec/manscdp/ptz.c - see ptz.h. */
#include "codec/manscdp/ptz.h"

#include <stdbool.h>

#include "base/assert.h"

enum {
    HEAD_BYTE = 0xa5,
    CHECK_BYTE = 0x0f, /* version 0: (A + 5 + 0) mod 16 = F */
    CLASS_MASK = 0xc0,
    CLASS_MOVE = 0x00,
    CLASS_LENS = 0x40,
    CLASS_OTHER = 0x80,
};

static const struct {
    const char *name;
    uint8_t instruction;
} orders[] = {
#define ORDER(id, name, instruction) {name, instruction},
    HF_PTZ_ORDER_MAP(ORDER)
#undef ORDER
};

const char *hf_ptz_order_name(enum hf_ptz_order order)
{
    return (unsigned)order < HF_PTZ_ORDERS ? orders[order].name : NULL;
}

/* Two bits of the instruction, one for each way. */
static uint8_t way(int8_t direction, uint8_t minus, uint8_t plus)
{
    return direction < 0 ? minus : direction > 0 ? plus : 0;
}

static int8_t way_of(uint8_t bits, uint8_t minus, uint8_t plus)
{
    return bits & minus ? -1 : bits & plus ? 1 : 0;
}

static bool needs_preset(enum hf_ptz_order order)
{
    return order == HF_PTZ_PRESET_SET || order == HF_PTZ_PRESET_CALL || order == HF_PTZ_PRESET_DELETE ||
           order == HF_PTZ_CRUISE_ADD;
}

static bool is_valid(const struct hf_ptz *ptz)
{
    const int8_t ways[] = {ptz->pan, ptz->tilt, ptz->zoom, ptz->focus, ptz->iris};

    for (size_t i = 0; i < HF_COUNT_OF(ways); i++)
        if (ways[i] < -1 || ways[i] > 1)
            return false;
    return (unsigned)ptz->order < HF_PTZ_ORDERS && ptz->address <= HF_PTZ_ADDRESS_MAX &&
           ptz->value <= HF_PTZ_VALUE_MAX && ptz->zoom_speed <= HF_PTZ_ZOOM_SPEED_MAX &&
           (ptz->preset > 0 || !needs_preset(ptz->order));
}

struct data {
    uint8_t instruction, one, two, three; /* three: 0-15 */
};

static struct data data_of(const struct hf_ptz *ptz)
{
    struct data data = {.instruction = orders[ptz->order].instruction};

    switch (ptz->order) {
    case HF_PTZ_MOVE:
        data.instruction |=
            way(ptz->zoom, 0x20, 0x10) | way(ptz->tilt, 0x04, 0x08) | way(ptz->pan, 0x02, 0x01);
        data.one = ptz->pan_speed;
        data.two = ptz->tilt_speed;
        data.three = ptz->zoom_speed;
        break;
    case HF_PTZ_LENS:
        data.instruction |= way(ptz->iris, 0x08, 0x04) | way(ptz->focus, 0x02, 0x01);
        data.one = ptz->focus_speed;
        data.two = ptz->iris_speed;
        break;
    case HF_PTZ_AUX_ON:
    case HF_PTZ_AUX_OFF: data.one = ptz->aux; break;
    case HF_PTZ_CRUISE_SPEED:
    case HF_PTZ_CRUISE_DWELL:
    case HF_PTZ_SCAN_SPEED:
        data.one = ptz->group;
        data.two = (uint8_t)ptz->value;
        data.three = (uint8_t)(ptz->value >> 8);
        break;
    case HF_PTZ_SCAN_START:
    case HF_PTZ_SCAN_LEFT:
    case HF_PTZ_SCAN_RIGHT:
        data.one = ptz->group;
        data.two = (uint8_t)(ptz->order - HF_PTZ_SCAN_START);
        break;
    default: data.one = ptz->group; data.two = ptz->preset;
    }
    return data;
}

hf_err hf_ptz_encode(const struct hf_ptz *ptz, char ret_text[HF_PTZ_TEXT_BYTES])
{
    static const char digits[] = "0123456789ABCDEF";

    if (!is_valid(ptz))
        return HF_ERR_INVALID;
    struct data data = data_of(ptz);
    uint8_t bytes[HF_PTZ_BYTES] = {HEAD_BYTE,
                                   CHECK_BYTE,
                                   (uint8_t)ptz->address,
                                   data.instruction,
                                   data.one,
                                   data.two,
                                   (uint8_t)(data.three << 4 | ptz->address >> 8)};

    for (unsigned i = 0; i < HF_PTZ_BYTES - 1; i++)
        bytes[HF_PTZ_BYTES - 1] = (uint8_t)(bytes[HF_PTZ_BYTES - 1] + bytes[i]);
    for (unsigned i = 0; i < HF_PTZ_BYTES; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * HF_PTZ_BYTES] = '\0';
    return HF_OK;
}

static bool to_bytes(struct hf_slice text, uint8_t bytes[HF_PTZ_BYTES])
{
    if (text.bytes != 2 * HF_PTZ_BYTES)
        return false;
    for (unsigned i = 0; i < 2 * HF_PTZ_BYTES; i++) {
        char c = text.at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;

        if (digit < 0)
            return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | digit);
    }
    return true;
}

static hf_err decode_move(uint8_t bits, struct hf_ptz *ptz, const struct data *data)
{
    if ((bits & 0x30) == 0x30 || (bits & 0x0c) == 0x0c || (bits & 0x03) == 0x03)
        return HF_ERR_MALFORMED;
    ptz->order = HF_PTZ_MOVE;
    ptz->zoom = way_of(bits, 0x20, 0x10);
    ptz->tilt = way_of(bits, 0x04, 0x08);
    ptz->pan = way_of(bits, 0x02, 0x01);
    ptz->pan_speed = data->one;
    ptz->tilt_speed = data->two;
    ptz->zoom_speed = data->three;
    return HF_OK;
}

static hf_err decode_lens(uint8_t bits, struct hf_ptz *ptz, const struct data *data)
{
    if (bits & 0x30)
        return HF_ERR_UNSUPPORTED;
    if ((bits & 0x0c) == 0x0c || (bits & 0x03) == 0x03)
        return HF_ERR_MALFORMED;
    ptz->order = HF_PTZ_LENS;
    ptz->iris = way_of(bits, 0x08, 0x04);
    ptz->focus = way_of(bits, 0x02, 0x01);
    ptz->focus_speed = data->one;
    ptz->iris_speed = data->two;
    return HF_OK;
}

static hf_err decode_other(struct hf_ptz *ptz, const struct data *data)
{
    unsigned order = HF_PTZ_PRESET_SET;

    while (order < HF_PTZ_ORDERS && orders[order].instruction != data->instruction)
        order++;
    if (order == HF_PTZ_SCAN_START && data->two <= HF_PTZ_SCAN_RIGHT - HF_PTZ_SCAN_START)
        order += data->two;
    else if (order == HF_PTZ_ORDERS || order == HF_PTZ_SCAN_START)
        return HF_ERR_UNSUPPORTED;
    ptz->order = (enum hf_ptz_order)order;
    switch (ptz->order) {
    case HF_PTZ_AUX_ON:
    case HF_PTZ_AUX_OFF: ptz->aux = data->one; return HF_OK;
    case HF_PTZ_CRUISE_SPEED:
    case HF_PTZ_CRUISE_DWELL:
    case HF_PTZ_SCAN_SPEED: ptz->value = (uint16_t)(data->three << 8 | data->two); break;
    case HF_PTZ_SCAN_START:
    case HF_PTZ_SCAN_LEFT:
    case HF_PTZ_SCAN_RIGHT: break;
    default: ptz->preset = data->two;
    }
    ptz->group = data->one;
    return ptz->preset == 0 && needs_preset(ptz->order) ? HF_ERR_MALFORMED : HF_OK;
}

hf_err hf_ptz_decode(struct hf_slice text, struct hf_ptz *ret_ptz)
{
    uint8_t bytes[HF_PTZ_BYTES] = {0}, sum = 0;

    if (!to_bytes(text, bytes) || bytes[0] != HEAD_BYTE || bytes[1] != CHECK_BYTE)
        return HF_ERR_MALFORMED;
    for (unsigned i = 0; i < HF_PTZ_BYTES - 1; i++)
        sum = (uint8_t)(sum + bytes[i]);
    if (sum != bytes[HF_PTZ_BYTES - 1])
        return HF_ERR_MALFORMED;
    struct data data = {bytes[3], bytes[4], bytes[5], bytes[6] >> 4};

    *ret_ptz = (struct hf_ptz){.address = (uint16_t)(bytes[2] | (bytes[6] & 15) << 8)};
    switch (data.instruction & CLASS_MASK) {
    case CLASS_MOVE: return decode_move(data.instruction, ret_ptz, &data);
    case CLASS_LENS: return decode_lens(data.instruction, ret_ptz, &data);
    case CLASS_OTHER: return decode_other(ret_ptz, &data);
    default: return HF_ERR_UNSUPPORTED;
    }
}
