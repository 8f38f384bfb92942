/* adapter/gb28181/subscribe_command.c - which subscriptions are wanted: by commands, which make it a setting of the device (camera.settings), by the site's limits for what nobody chose; and
 * how they are shown. */
#include "adapter/gb28181/subscribe.h"
#include "base/sb.h"
#include "codec/json/array.h"

static bool topic_of(const struct hf_json_field *field, unsigned *ret_topic)
{
    for (unsigned topic = 0; topic < HF_GB_TOPICS; topic++)
        if (hf_json_is(field, hf_gb_topic_name(topic))) {
            *ret_topic = topic;
            return true;
        }
    return false;
}

/* ---- the setting ---- */

/* As it is now, into the log; false: the log cannot take it. */
static bool record(const struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    char text[HF_CAMERA_SETTINGS_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_array(&out, "subscriptions");
    for (const struct hf_gb_sub *sub = device->subs; sub != NULL; sub = sub->next) {
        if (!sub->chosen)
            continue;
        hf_json_out_object(&out, NULL);
        hf_json_out_cstr(&out, "event", hf_gb_topic_name(sub->topic));
        hf_json_out_u64(&out, "expires_s", sub->expires_s);
        if (sub->interval_s != 0)
            hf_json_out_u64(&out, "interval_s", sub->interval_s);
        hf_json_out_end(&out);
    }
    hf_json_out_end(&out);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out)); /* one short object for each topic */
    struct hf_event event = {.type = HF_EVENT_CAMERA_SETTINGS,
                             .format = HF_FORMAT_JSON,
                             .flags = HF_EVENT_FLAG_TEXT,
                             .tenant = site->options.tenant->name,
                             .device = hf_gb_device_id(device),
                             .payload = hf_sb_done(&sb)};
    return hf_journal_append(site->options.hub->options.journal, &event, NULL) == HF_OK;
}

static void take_setting(struct hf_gb_device *device, struct hf_slice json)
{
    enum { EVENT, EXPIRES, INTERVAL, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("event"), HF_JSON_FIELD("expires_s"),
                                           HF_JSON_FIELD("interval_s")};
    uint64_t expires_s = 0, interval_s = 0;
    unsigned topic;

    if (hf_json_scan(json.at, json.bytes, fields, FIELDS, 0) != HF_OK || !topic_of(&fields[EVENT], &topic))
        return; /* of a later version */
    (void)hf_json_to_u64(&fields[EXPIRES], &expires_s);
    (void)hf_json_to_u64(&fields[INTERVAL], &interval_s);
    struct hf_gb_sub *sub = hf_gb_sub_take(device, topic);
    if (sub == NULL)
        return;
    sub->chosen = true;
    sub->expires_s = (uint32_t)HF_MIN(expires_s, (uint64_t)HF_GB_SUB_EXPIRES_S_MAX);
    sub->interval_s = (uint32_t)HF_MIN(interval_s, (uint64_t)HF_GB_SUB_INTERVAL_S_MAX);
}

static void load(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct hf_json_field field = HF_JSON_FIELD("subscriptions"), one;
    struct hf_catalog_row row;
    struct hf_kv_txn *txn;

    if (hf_kv_read(site->options.hub->options.kv, &txn) != HF_OK) {
        site->stats.subscriptions_unread++;
        return;
    }
    if (hf_catalog_get(txn, site->options.tenant->name, hf_gb_device_id(device), &row) == HF_OK &&
        row.settings.bytes > 0 && hf_json_scan(row.settings.at, row.settings.bytes, &field, 1, 0) == HF_OK &&
        field.type == HF_JSON_ARRAY)
        while (hf_json_array_next(&field.raw, &one))
            take_setting(device, one.raw);
    hf_kv_end(txn);
}

static bool knows(const struct hf_gb_device *device, unsigned topic)
{
    return topic != HF_GB_TOPIC_PTZ_POSITION || device->version >= HF_GB_VERSION_2022;
}

void hf_gb_subs_registered(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    const struct hf_gb_limits *limits = &site->limits;
    uint64_t waiting = site->stats.subscriptions - site->stats.subscriptions_active;

    if (device->subs == NULL) /* else it left within the minute, and they are remembered */
        load(device);
    for (unsigned topic = 0; topic < HF_GB_TOPICS; topic++) {
        bool wanted = limits->subscribe & 1u << topic;
        struct hf_gb_sub *sub = wanted ? hf_gb_sub_take(device, topic) : NULL;

        if (sub != NULL && !sub->chosen) {
            sub->expires_s =
                limits->subscribe_expires_s ? limits->subscribe_expires_s : hf_gb_topic_expires_s(topic);
            sub->interval_s = topic == HF_GB_TOPIC_POSITION ? limits->position_interval_s : 0;
        }
    }
    for (struct hf_gb_sub *sub = device->subs; sub != NULL; sub = sub->next)
        if (sub->expires_s > 0 && knows(device, sub->topic))
            hf_gb_sub_want(sub, sub->expires_s, sub->interval_s,
                           HF_GB_SUB_DELAY_MS +
                               hf_rng_below(&site->rng, 1 + 1000 * waiting / HF_GB_SUBS_PER_SECOND));
}

/* ---- commands ---- */

static const char topics_wanted[] = "catalog, alarm, position or ptz_position";

struct wish {
    unsigned topic;
    uint64_t expires_s, interval_s;
    const char *wants; /* of a wrong member: what it may be; static */
};

static bool number_of(const struct hf_json_field *field, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t number;

    if (hf_json_to_u64(field, &number) != HF_OK || number < min || number > max)
        return false;
    *value = number;
    return true;
}

_Static_assert(HF_GB_SUB_EXPIRES_S_MIN == 30 && HF_GB_SUB_EXPIRES_S_MAX == 86400 &&
                   HF_GB_SUB_INTERVAL_S_MAX == 3600 && HF_GB_TOPICS == 4,
               "as people are told");

/* False: *ret_element is what is wrong. */
static bool read_wish(struct hf_slice json, bool subscribe, struct wish *ret, struct hf_slice *ret_element)
{
    struct hf_json_field member;
    struct hf_slice walk = json;
    unsigned seen = 0;

    *ret = (struct wish){.topic = HF_GB_TOPICS, .wants = topics_wanted};
    *ret_element = HF_SLICE("event");
    if (hf_json_scan(json.at, json.bytes, NULL, 0, 0) != HF_OK || hf_json_type_of(json) != HF_JSON_OBJECT)
        return false;
    while (hf_json_object_next(&walk, &member)) {
        unsigned bit = hf_slice_is(member.name, "event")                     ? 1
                       : subscribe && hf_slice_is(member.name, "expires_s")  ? 2
                       : subscribe && hf_slice_is(member.name, "interval_s") ? 4
                                                                             : 0;
        bool good =
            bit == 1   ? topic_of(&member, &ret->topic)
            : bit == 2 ? number_of(&member, HF_GB_SUB_EXPIRES_S_MIN, HF_GB_SUB_EXPIRES_S_MAX, &ret->expires_s)
            : bit == 4 ? number_of(&member, 1, HF_GB_SUB_INTERVAL_S_MAX, &ret->interval_s)
                       : false;

        *ret_element = member.name;
        ret->wants = seen & bit ? "it stands there twice"
                     : bit == 1 ? topics_wanted
                     : bit == 2 ? "30 to 86400"
                     : bit == 4 ? "1 to 3600, of position"
                                : "this command has no such member";
        if (!good || (seen & bit))
            return false;
        seen |= bit;
    }
    *ret_element = HF_SLICE("event");
    ret->wants = topics_wanted;
    if (ret->topic == HF_GB_TOPICS)
        return false;
    *ret_element = HF_SLICE("interval_s");
    ret->wants = "only positions have one";
    return ret->interval_s == 0 || ret->topic == HF_GB_TOPIC_POSITION;
}

static void wait_for(struct hf_gb_request *request, struct hf_gb_sub *sub)
{
    if (sub->request != NULL)
        sub->request->sub = NULL; /* the older one ends by its timer: nothing is known of it */
    sub->request = request;
    request->sub = sub;
    hf_gb_request_wait(request, HF_GB_WAIT_SIP);
}

bool hf_gb_sub_command(struct hf_gb_request *request, const struct hf_outgoing *outgoing, hf_err *ret_err,
                       struct hf_slice *ret_element)
{
    bool subscribe = hf_slice_eq_nocase(outgoing->topic, HF_SLICE("Subscribe"));
    struct hf_slice json = outgoing->payload.bytes > 0 ? outgoing->payload : HF_SLICE("{}");
    struct hf_gb_device *device = request->device;
    struct wish wish;

    if (!subscribe && !hf_slice_eq_nocase(outgoing->topic, HF_SLICE("Unsubscribe")))
        return false;
    *ret_err = HF_ERR_INVALID;
    if (!read_wish(json, subscribe, &wish, ret_element)) {
        request->text = wish.wants;
        return true;
    }
    if (subscribe && !knows(device, wish.topic)) {
        *ret_err = HF_ERR_UNSUPPORTED;
        *ret_element = HF_SLICE("event");
        request->text = hf_gb_too_new;
        return true;
    }
    struct hf_gb_sub *sub = hf_gb_sub_take(device, wish.topic);
    *ret_element = (struct hf_slice){NULL, 0};
    if (sub == NULL) {
        *ret_err = HF_ERR_BUSY;
        return true;
    }
    uint32_t expires_s = wish.expires_s ? (uint32_t)wish.expires_s : hf_gb_topic_expires_s(wish.topic);
    struct hf_gb_sub before = {
        .chosen = sub->chosen, .expires_s = sub->expires_s, .interval_s = sub->interval_s};
    sub->chosen = true;
    sub->expires_s = subscribe ? expires_s : 0;
    sub->interval_s = (uint32_t)wish.interval_s;
    if (!record(device)) { /* it would not be there after a restart */
        sub->chosen = before.chosen;
        sub->expires_s = before.expires_s;
        sub->interval_s = before.interval_s;
        *ret_err = HF_ERR_BUSY;
        return true;
    }
    *ret_err = HF_OK;
    request->types = (uint8_t)wish.topic;
    if (subscribe) {
        wait_for(request, sub);
        hf_gb_sub_soon(sub);
    } else {
        hf_gb_sub_unwant(sub);
        hf_gb_request_wait(request, HF_GB_WAIT_SUB_SOON);
    }
    return true;
}

void hf_gb_sub_command_due(struct hf_gb_request *request)
{
    struct hf_gb_site *site = request->device->site;
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "confirmed", true);
    hf_json_out_cstr(&out, "event", hf_gb_topic_name(request->types));
    hf_json_out_cstr(&out, "state", hf_gb_sub_name(HF_GB_SUB_NONE));
    hf_json_out_end(&out);
    site->stats.commands_done++;
    hf_gb_request_end(request, false, hf_sb_done(&sb));
}

void hf_gb_sub_request_gone(struct hf_gb_request *request)
{
    if (request->sub != NULL)
        request->sub->request = NULL;
    request->sub = NULL;
}

/* ---- shown ---- */

void hf_gb_subs_describe(const struct hf_gb_device *device, struct hf_json_out *out)
{
    uint64_t now_ms = hf_gb_now(device->site);

    hf_json_out_array(out, "subscriptions");
    for (const struct hf_gb_sub *sub = device->subs; sub != NULL; sub = sub->next) {
        hf_json_out_object(out, NULL);
        hf_json_out_cstr(out, "event", hf_gb_topic_name(sub->topic));
        hf_json_out_cstr(out, "state", hf_gb_sub_name(sub->rule.state));
        hf_json_out_bool(out, "wanted", sub->expires_s > 0);
        if (sub->rule.state == HF_GB_SUB_ACTIVE && sub->until_ms > now_ms)
            hf_json_out_u64(out, "expires_in_s", (sub->until_ms - now_ms) / 1000);
        if (sub->status != 0)
            hf_json_out_u64(out, "status", sub->status);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}
