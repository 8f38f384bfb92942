#include "adapter/gb28181/ptz.h"

#include "adapter/gb28181/gb.h"
#include "base/sb.h"
#include "codec/json/array.h"
#include "core/channels.h"

/* ---- the command ---- */

enum member {
    PAN,
    TILT,
    ZOOM,
    FOCUS,
    IRIS,
    STOP_AFTER,
    PRESET,
    GROUP,
    VALUE,
    AUX,
    NUMBERS,
    STOP = NUMBERS,
    ORDER,
    DEVICE_ID,
    MEMBERS
};

#define TEXT_(value)      #value
#define TEXT(value)       TEXT_(value)
#define FROM_TO(min, max) (min), (max), TEXT(min) " to " TEXT(max)

static const struct {
    const char *name;
    int64_t min, max;
    const char *wants;
} members[MEMBERS] = {
    [PAN] = {"pan", FROM_TO(-255, 255)},
    [TILT] = {"tilt", FROM_TO(-255, 255)},
    [ZOOM] = {"zoom", FROM_TO(-15, 15)},
    [FOCUS] = {"focus", FROM_TO(-255, 255)},
    [IRIS] = {"iris", FROM_TO(-255, 255)},
    [STOP_AFTER] = {"stop_after_ms", FROM_TO(100, 600000)},
    [PRESET] = {"preset", FROM_TO(0, 255)},
    [GROUP] = {"group", FROM_TO(0, 255)},
    [VALUE] = {"value", FROM_TO(0, 4095)},
    [AUX] = {"aux", FROM_TO(0, 255)},
    [STOP] = {"stop", 0, 0, "true, and alone"},
    [ORDER] = {"order", 0, 0, "the name of an order, such as preset_call"},
    [DEVICE_ID] = {"device_id", 0, 0, "the id of a channel"},
};
_Static_assert(HF_PTZ_ZOOM_SPEED_MAX == 15 && HF_GB_STOP_AFTER_MS_MIN == 100 &&
                   HF_GB_STOP_AFTER_MS_MAX == 600000 && HF_PTZ_VALUE_MAX == 4095,
               "the ranges above, which are told to people");

struct said {
    bool there[MEMBERS];
    int64_t number[NUMBERS];
    bool stop;
    enum hf_ptz_order order;
};

static bool take_order(const struct hf_json_field *field, enum hf_ptz_order *ret_order)
{
    for (unsigned i = 0; i < HF_PTZ_ORDERS; i++)
        if (hf_json_is(field, hf_ptz_order_name((enum hf_ptz_order)i))) {
            *ret_order = (enum hf_ptz_order)i;
            return true;
        }
    return false;
}

static bool take_member(const struct hf_json_field *field, enum member member, struct said *said,
                        struct hf_gb_ptz *ptz)
{
    switch (member) {
    case STOP: return hf_json_to_bool(field, &said->stop) == HF_OK;
    case ORDER: return take_order(field, &said->order);
    case DEVICE_ID: return !field->escaped && hf_json_to_text(field, NULL, 0, &ptz->device_id) == HF_OK;
    default:
        return hf_json_to_i64(field, &said->number[member]) == HF_OK &&
               said->number[member] >= members[member].min && said->number[member] <= members[member].max;
    }
}

static hf_err take_all(struct hf_slice json, struct said *said, struct hf_gb_ptz *ptz,
                       struct hf_slice *ret_member)
{
    struct hf_json_field field;
    struct hf_slice walk = json;

    *ret_member = (struct hf_slice){NULL, 0};
    if (hf_json_scan(json.at, json.bytes, NULL, 0, 0) != HF_OK || hf_json_type_of(json) != HF_JSON_OBJECT)
        return HF_ERR_INVALID;
    while (hf_json_object_next(&walk, &field)) {
        unsigned member = 0;

        while (member < MEMBERS && !hf_slice_is(field.name, members[member].name))
            member++;
        *ret_member = field.name;
        ptz->wants = member == MEMBERS     ? "nothing of that name is known here"
                     : said->there[member] ? "it stands there twice"
                                           : members[member].wants;
        if (member == MEMBERS || said->there[member] || !take_member(&field, (enum member)member, said, ptz))
            return HF_ERR_INVALID;
        said->there[member] = true;
    }
    return HF_OK;
}

static int8_t way(int64_t speed)
{
    return (int8_t)((speed > 0) - (speed < 0));
}

static uint8_t size(int64_t speed)
{
    return (uint8_t)(speed < 0 ? -speed : speed);
}

static bool nothing(const struct said *said) /* was ordered */
{
    bool moves = said->there[PAN] || said->there[TILT] || said->there[ZOOM];
    bool lens = said->there[FOCUS] || said->there[IRIS];

    return !said->there[STOP] && !moves && !lens && !said->there[ORDER];
}

/* Members that another one excludes. */
static enum member clash(const struct said *said)
{
    bool moves = said->there[PAN] || said->there[TILT] || said->there[ZOOM];
    bool lens = said->there[FOCUS] || said->there[IRIS];
    bool orders = said->there[ORDER] && said->order != HF_PTZ_MOVE && said->order != HF_PTZ_LENS;

    if (said->there[STOP] && (moves || lens || said->there[ORDER] || !said->stop))
        return STOP;
    if (moves && (lens || orders || (said->there[ORDER] && said->order == HF_PTZ_LENS)))
        return lens ? (said->there[FOCUS] ? FOCUS : IRIS) : ORDER;
    if (lens && said->there[ORDER] && said->order != HF_PTZ_LENS)
        return ORDER;
    if (!orders)
        for (unsigned i = PRESET; i <= AUX; i++)
            if (said->there[i])
                return (enum member)i;
    if (nothing(said))
        return PAN;
    if ((orders || said->there[STOP]) && said->there[STOP_AFTER])
        return STOP_AFTER;
    return MEMBERS;
}

hf_err hf_gb_ptz_read(struct hf_slice json, struct hf_gb_ptz *ret_ptz, struct hf_slice *ret_member)
{
    struct said said = {0};
    char text[HF_PTZ_TEXT_BYTES];

    *ret_ptz = (struct hf_gb_ptz){.stop_after_ms = HF_GB_STOP_AFTER_MS};
    hf_err err = take_all(json, &said, ret_ptz, ret_member);
    if (err != HF_OK)
        return err;
    enum member wrong = clash(&said);
    if (wrong != MEMBERS) {
        *ret_member = hf_slice_of(members[wrong].name);
        ret_ptz->wants = nothing(&said) ? "say what is to be done" : "it does not go with the others";
        return HF_ERR_INVALID;
    }
    bool lens = said.there[FOCUS] || said.there[IRIS];
    const int64_t *number = said.number;
    ret_ptz->ptz = (struct hf_ptz){
        .order = said.there[ORDER] ? said.order
                 : lens            ? HF_PTZ_LENS
                                   : HF_PTZ_MOVE,
        .address = HF_PTZ_ADDRESS_DEFAULT,
        .pan = way(number[PAN]),
        .tilt = way(number[TILT]),
        .zoom = way(number[ZOOM]),
        .focus = way(number[FOCUS]),
        .iris = way(number[IRIS]),
        .pan_speed = size(number[PAN]),
        .tilt_speed = size(number[TILT]),
        .zoom_speed = size(number[ZOOM]),
        .focus_speed = size(number[FOCUS]),
        .iris_speed = size(number[IRIS]),
        .preset = (uint8_t)number[PRESET],
        .group = (uint8_t)number[GROUP],
        .value = (uint16_t)number[VALUE],
        .aux = (uint8_t)number[AUX],
    };
    if (said.there[STOP_AFTER])
        ret_ptz->stop_after_ms = (uint32_t)number[STOP_AFTER];
    *ret_member = hf_slice_of(members[PRESET].name); /* all that encode() could still miss */
    ret_ptz->wants = "1 to 255";
    return hf_ptz_encode(&ret_ptz->ptz, text);
}

/* ---- the stop ---- */

struct hf_gb_mover {
    struct hf_timer timer;
    struct hf_gb_mover *next;
    struct hf_gb_device *device;
    bool lens;
    uint8_t channel_bytes;
    char channel[HF_CHANNEL_ID_BYTES_MAX];
};

size_t hf_gb_mover_bytes(void)
{
    return sizeof(struct hf_gb_mover);
}

static bool moves(const struct hf_ptz *ptz)
{
    return (ptz->order == HF_PTZ_MOVE && (ptz->pan || ptz->tilt || ptz->zoom)) ||
           (ptz->order == HF_PTZ_LENS && (ptz->focus || ptz->iris));
}

static void forget(struct hf_gb_mover *mover)
{
    struct hf_gb_site *site = mover->device->site;
    struct hf_gb_mover **at = &mover->device->movers;

    while (*at != mover)
        at = &(*at)->next;
    *at = mover->next;
    hf_wheel_cancel(site->options.wheel, &mover->timer);
    hf_slab_give(site->mover_slab, mover);
    site->stats.movers_now--;
}

static void send_stop(struct hf_gb_mover *mover)
{
    struct hf_gb_device *device = mover->device;
    struct hf_gb_site *site = device->site;
    struct hf_ptz stop = {.order = mover->lens ? HF_PTZ_LENS : HF_PTZ_MOVE,
                          .address = HF_PTZ_ADDRESS_DEFAULT};
    struct hf_cdp_message *order = &site->message;
    char text[HF_PTZ_TEXT_BYTES];
    hf_err err = hf_ptz_encode(&stop, text);

    HF_ASSERT(err == HF_OK);
    memset(order, 0, sizeof(*order));
    order->root = HF_CDP_ROOT_CONTROL;
    order->command = HF_CDP_CMD_DEVICE_CONTROL;
    order->sn = HF_CDP_INT(hf_gb_next_sn(device));
    order->device_id = (struct hf_slice){mover->channel, mover->channel_bytes};
    order->as.control.ptz_cmd = hf_slice_of(text);
    hf_gb_send_notice(device, &device->flow, order);
}

static void on_stop(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_mover *mover = HF_CONTAINER_OF(timer, struct hf_gb_mover, timer);
    struct hf_gb_site *site = mover->device->site;

    if (mover->device->life.lost_ms != 0) {
        hf_wheel_arm(site->options.wheel, timer, now_ms + HF_GB_STOP_RETRY_MS);
        return;
    }
    site->stats.stops_sent++;
    send_stop(mover);
    if (!hf_sip_flow_reliable(&mover->device->flow)) /* a stop must not be the datagram that is lost */
        send_stop(mover);
    forget(mover);
}

static struct hf_gb_mover *find(struct hf_gb_device *device, struct hf_slice channel, bool lens)
{
    for (struct hf_gb_mover *mover = device->movers; mover != NULL; mover = mover->next)
        if (mover->lens == lens &&
            hf_slice_eq((struct hf_slice){mover->channel, mover->channel_bytes}, channel))
            return mover;
    return NULL;
}

static struct hf_gb_mover *mover_new(struct hf_gb_device *device, struct hf_slice channel, bool lens)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_mover *mover =
        channel.bytes <= sizeof(mover->channel) ? hf_slab_take(site->mover_slab) : NULL;

    if (mover == NULL)
        return NULL;
    mover->device = device;
    mover->lens = lens;
    mover->channel_bytes = (uint8_t)channel.bytes;
    memcpy(mover->channel, channel.at, channel.bytes);
    hf_timer_init(&mover->timer, on_stop);
    mover->next = device->movers;
    device->movers = mover;
    site->stats.movers_now++;
    return mover;
}

bool hf_gb_ptz_may(struct hf_gb_device *device, const struct hf_ptz *ptz)
{
    return !moves(ptz) || device->site->stats.movers_now < HF_GB_MOVERS_MAX;
}

void hf_gb_ptz_sent(struct hf_gb_device *device, struct hf_slice channel, const struct hf_ptz *ptz,
                    uint32_t stop_after_ms)
{
    struct hf_gb_site *site = device->site;
    bool lens = ptz->order == HF_PTZ_LENS;
    struct hf_gb_mover *mover = find(device, channel, lens);

    if (!moves(ptz)) { /* a stop, or it goes somewhere of its own and will stay there */
        if (mover != NULL && (lens || ptz->order <= HF_PTZ_PRESET_CALL))
            forget(mover);
        return;
    }
    if (mover == NULL)
        mover = mover_new(device, channel, lens);
    if (mover == NULL)
        return; /* no memory, or an id that no channel has: the device is on its own */
    hf_wheel_arm(site->options.wheel, &mover->timer, hf_gb_now(site) + stop_after_ms);
}

void hf_gb_ptz_gone(struct hf_gb_device *device)
{
    while (device->movers != NULL)
        forget(device->movers);
}
