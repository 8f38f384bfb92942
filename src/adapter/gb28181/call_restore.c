/* adapter/gb28181/call_restore.c - sessions of before a restart (GB-17, GB-20): no camera goes on sending to where nobody is. Each row of the table of calls is a session that stood when the log ended. After
 * hf_gb_site_restore() they are looked at in small steps:
 *
 *   media went straight to a media server, and its device is taken up    it goes on, with its id, dialog and numbers (RESUMED: the owner is alive)
 *   media went through the relay, which ended with the process           BYE, and the event "ended" with the reason gateway_restarted
 *   it was over, but nobody answered the BYE (call_bye.c)                BYE
 *   its device cannot be reached, or is not there                        an orphan: BYE when the device comes, whatever became of its registration; forgotten after a day */
#include "adapter/gb28181/call.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/kvkey.h"
#include "core/rows.h"

enum { ROWS_PER_STEP = 32 };

/* ---- one record ---- */

struct reader {
    const cJSON *json;
    bool good; /* nothing was missing or wrong so far */
};

static uint64_t number(struct reader *reader, const char *name, uint64_t max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reader->json, name);

    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= (double)max)) {
        reader->good = false;
        return 0;
    }
    return (uint64_t)item->valuedouble;
}

static bool flag(struct reader *reader, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reader->json, name);

    reader->good &= cJSON_IsBool(item);
    return cJSON_IsTrue(item);
}

static struct hf_slice text(struct reader *reader, const char *name, size_t bytes_max)
{
    const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reader->json, name));

    if (at == NULL || strlen(at) > bytes_max) {
        reader->good = false;
        return HF_SLICE("");
    }
    return hf_slice_of(at);
}

static uint8_t keep(char *out, struct hf_slice from)
{
    memcpy(out, from.at, from.bytes);
    return (uint8_t)from.bytes;
}

static void read_media(struct reader *reader, struct hf_gb_call *call)
{
    const struct hf_hub *hub = call->device->site->options.hub;
    uint64_t since_ms = number(reader, "since_ms", UINT64_MAX);
    uint64_t stood_ms = since_ms < hub->utc_ms ? hub->utc_ms - since_ms : 0;

    call->channel_bytes = keep(call->channel, text(reader, "channel", sizeof(call->channel)));
    call->stream = (uint8_t)number(reader, "stream", HF_GB_CALL_NO_STREAM);
    call->transport = (uint8_t)number(reader, "transport", HF_GB_MEDIA_TCP_ACTIVE);
    call->through_us = flag(reader, "relayed");
    call->times.watched = call->through_us && call->kind != HF_GB_CALL_TALK;
    (void)keep(call->host, text(reader, "host", sizeof(call->host) - 1));
    call->port = (uint16_t)number(reader, "port", UINT16_MAX);
    (void)keep(call->from_host, text(reader, "from_host", sizeof(call->from_host) - 1));
    call->from_port = (uint16_t)number(reader, "from_port", UINT16_MAX);
    call->ssrc = (uint32_t)number(reader, "ssrc", UINT32_MAX);
    call->answer_ssrc = (uint32_t)number(reader, "answer_ssrc", UINT32_MAX);
    call->payload_type = (uint8_t)number(reader, "payload_type", UINT8_MAX);
    call->format_bytes = keep(call->format, text(reader, "format", sizeof(call->format)));
    call->users = (uint32_t)number(reader, "users", HF_GB_CALL_USERS_MAX);
    call->times.connected_ms = hub->now_ms > stood_ms ? hub->now_ms - stood_ms : 1;
    call->times.begun_ms = call->times.connected_ms;
    call->refresh_s = (uint32_t)number(reader, "refresh_s", 86400);
    if (call->refresh_s != 0) /* it has all its time once more */
        call->times.refresh_ms = hub->now_ms + 1000ull * call->refresh_s;
    call->info_cseq = (uint32_t)number(reader, "info_cseq", UINT32_MAX);
    call->incoming = flag(reader, "incoming");
    call->source_bytes = keep(call->source, text(reader, "source", sizeof(call->source)));
}

/* It went on at its speed while nobody looked. */
static void read_history(struct reader *reader, struct hf_gb_call *call)
{
    const struct hf_hub *hub = call->device->site->options.hub;
    struct hf_gb_call_times *times = &call->times;
    const cJSON *scale = cJSON_GetObjectItemCaseSensitive(reader->json, "scale");
    uint64_t at_ms = number(reader, "at_ms", UINT64_MAX);
    bool paused = flag(reader, "paused");

    call->from_s = number(reader, "from_s", UINT32_MAX);
    call->until_s = number(reader, "until_s", UINT32_MAX);
    call->type = (uint8_t)number(reader, "type", UINT8_MAX);
    call->speed = (uint8_t)number(reader, "speed", UINT8_MAX);
    times->played_ms = number(reader, "position_ms", UINT64_MAX);
    reader->good &= call->until_s >= call->from_s && cJSON_IsNumber(scale) && scale->valueint != 0 &&
                    scale->valueint >= -64000 && scale->valueint <= 64000;
    if (!reader->good)
        return;
    times->length_ms = (call->until_s - call->from_s) * 1000;
    times->scale = scale->valueint;
    times->mark_ms = hub->now_ms;
    if (paused)
        times->paused_ms = hub->now_ms;
    else if (at_ms < hub->utc_ms) { /* where it would be if it had been looked at all the time */
        times->mark_ms = 1;
        times->played_ms = hf_gb_call_position_ms(times, 1 + hub->utc_ms - at_ms);
        times->mark_ms = hub->now_ms;
    }
}

/* Slices into the JSON. */
static bool read_saved(struct reader *reader, struct hf_sip_dialog_saved *ret_saved)
{
    const cJSON *routes = cJSON_GetObjectItemCaseSensitive(reader->json, "routes"), *route;
    *ret_saved = (struct hf_sip_dialog_saved){
        .call_id = text(reader, "call_id", HF_SIP_DIALOG_BYTES_MAX),
        .local_tag = text(reader, "local_tag", HF_SIP_DIALOG_BYTES_MAX),
        .remote_tag = text(reader, "remote_tag", HF_SIP_DIALOG_BYTES_MAX),
        .local_uri = text(reader, "local", HF_SIP_DIALOG_BYTES_MAX),
        .remote_uri = text(reader, "remote", HF_SIP_DIALOG_BYTES_MAX),
        .target = text(reader, "target", HF_SIP_DIALOG_BYTES_MAX),
        .local_cseq = (uint32_t)number(reader, "cseq", INT32_MAX),
        .invite_cseq = (uint32_t)number(reader, "invite_cseq", INT32_MAX),
    };

    if (cJSON_HasObjectItem(reader->json, "remote_cseq")) {
        ret_saved->remote_cseq = (uint32_t)number(reader, "remote_cseq", UINT32_MAX);
        ret_saved->has_remote_cseq = true;
    }
    cJSON_ArrayForEach(route, routes)
    {
        const char *at = cJSON_GetStringValue(route);

        if (at == NULL || ret_saved->route_count == HF_SIP_DIALOG_ROUTES_MAX)
            return false;
        ret_saved->routes[ret_saved->route_count++] = hf_slice_of(at);
    }
    return reader->good;
}

static hf_err read_dialog(struct reader *reader, struct hf_gb_call *call)
{
    struct hf_sip_dialog_saved saved;

    return read_saved(reader, &saved)
               ? hf_sip_dialog_restore(&call->dialog, &call->device->site->dialog_keep, &saved)
               : HF_ERR_MALFORMED;
}

static enum hf_gb_call_kind kind_of(struct reader *reader)
{
    struct hf_slice name = text(reader, "kind", 16);

    for (unsigned kind = 0; kind < HF_GB_CALL_KINDS; kind++)
        if (hf_slice_is(name, hf_gb_call_kind_name(kind)))
            return (enum hf_gb_call_kind)kind;
    reader->good = false;
    return HF_GB_CALL_PLAY;
}

/* ---- one session ---- */

struct row { /* copied: what is done about it may read the tables itself */
    uint64_t call, time_ms, boot;
    uint16_t bytes;
    uint8_t id_bytes;
    char id[HF_GBID_DIGITS];
    char text[HF_CALL_RECORD_BYTES_MAX];
};

static void forget(struct hf_gb_site *site, const struct row *row)
{
    site->stats.calls_forgotten++;
    (void)hf_hub_camera_call(site->options.hub, site->options.tenant->name,
                             (struct hf_slice){row->id, row->id_bytes}, row->call,
                             (struct hf_slice){NULL, 0});
}

static void go_on(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;
    const char *why;

    /* Its number is not given to anybody else; one that is taken all the same, or that no pool has, is the media server's to sort out. */
    (void)hf_gb_call_take_ssrc(call, hf_slice_of(call->through_us ? "" : call->host), true, call->ssrc, &why);
    call->events = true;
    if (!call->through_us && call->device->restored) {
        if (call->source_bytes > 0)
            hf_list_push_back(&site->talks, &call->talk);
        hf_gb_call_keep_soon(call); /* it may be over for the device */
        site->stats.calls_resumed++;
        hf_gb_call_record(call); /* by this start of the node */
        hf_gb_call_event(call, "resumed");
        hf_gb_call_arm(call);
        return;
    }
    site->stats.calls_restart_ended++;
    (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_RESTARTED);
}

/* It is over, and only the BYE is owed. */
static bool say_bye(struct hf_gb_device *device, const struct row *row, struct reader *reader)
{
    struct hf_gb_site *site = device->site;
    enum hf_gb_call_kind kind = kind_of(reader);
    struct hf_slice channel = text(reader, "channel", HF_GBID_DIGITS),
                    source = text(reader, "source", HF_GBID_DIGITS);
    struct hf_sip_dialog_saved saved;

    if (read_saved(reader, &saved))
        return hf_gb_bye_again(device, row->call, kind, channel, source, &saved);
    site->stats.calls_restore_failed++;
    forget(site, row);
    return true;
}

static bool take_up_call(struct hf_gb_device *device, const struct row *row, struct reader reader)
{
    struct hf_gb_site *site = device->site;
    enum hf_gb_call_kind kind = kind_of(&reader);
    struct hf_gb_call *call = hf_gb_call_again(device, kind, row->call);

    if (call != NULL) {
        read_media(&reader, call);
        if (hf_gb_call_is_history(call))
            read_history(&reader, call);
        bool good = read_dialog(&reader, call) == HF_OK;
        call->asked = call->answered = call->heard = true;
        call->recorded = true;
        hf_gb_call_stands(call);
        if (good) {
            go_on(call);
        } else {
            site->stats.calls_restore_failed++;
            hf_gb_call_discard(call, HF_GB_CALL_END_RESTARTED);
        }
    }
    return call != NULL;
}

/* False: a bound, or no memory; its row stays. */
static bool take_up(struct hf_gb_device *device, const struct row *row)
{
    cJSON *json = cJSON_ParseWithLength(row->text, row->bytes);
    struct reader reader = {.json = json, .good = json != NULL};
    bool is_taken = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "owes"))
                        ? say_bye(device, row, &reader)
                        : take_up_call(device, row, reader);

    cJSON_Delete(json);
    return is_taken;
}

static void look_at(struct hf_gb_site *site, const struct row *row)
{
    struct hf_gb_device *device = hf_gb_device_find(site, (struct hf_slice){row->id, row->id_bytes});
    uint64_t utc_ms = site->options.hub->utc_ms;

    if (hf_gb_device_there(device) && device->life.lost_ms == 0)
        site->stats.calls_orphaned_now += !hf_gb_bye_is(device, row->call) && !take_up(device, row);
    else if (utc_ms > row->time_ms && utc_ms - row->time_ms > HF_GB_CALL_REMEMBER_MS)
        forget(site, row);
    else
        site->stats.calls_orphaned_now++;
}

/* ---- the table ---- */

/* Of our own records. */
static bool owes(struct hf_slice record)
{
    static const char begin[] = "{\"owes\":true";

    return record.bytes >= sizeof(begin) && memcmp(record.at, begin, sizeof(begin) - 1) == 0;
}

struct rows {
    struct row at[ROWS_PER_STEP];
    unsigned count;
};

static void take_row(const struct hf_gb_site *site, struct hf_slice key, struct hf_slice value, void *context)
{
    const struct hf_hub *hub = site->options.hub;
    struct hf_slice tenant, device, rest;
    struct rows *rows = context;
    struct row *one = &rows->at[rows->count];
    struct hf_event event;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK || rest.bytes != 8 ||
        hf_event_row_decode(value, &event) != HF_OK || event.payload.bytes > sizeof(one->text) ||
        !hf_gbid_valid(device, HF_GBID_RULE_DEVICE) ||
        (event.to == hub->options.boot && !owes(event.payload)) || /* it stands, or its end is on its way */
        hf_hub_home(tenant, device, hub->options.workers) != hub->options.worker ||
        hf_gb_call_find(site, hf_kvkey_u64_read(rest.at)) != NULL)
        return;
    *one = (struct row){.call = hf_kvkey_u64_read(rest.at),
                        .time_ms = event.time_ms,
                        .boot = event.to,
                        .bytes = (uint16_t)event.payload.bytes,
                        .id_bytes = (uint8_t)device.bytes};
    memcpy(one->id, device.at, device.bytes);
    memcpy(one->text, event.payload.at, event.payload.bytes);
    rows->count++;
}

void hf_gb_calls_on_restore(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_site *site = HF_CONTAINER_OF(timer, struct hf_gb_site, calls_restore);
    struct rows *rows = calloc(1, sizeof(*rows));
    struct hf_kvkey prefix;

    if (site->calls_from.bytes == 0)
        site->stats.calls_orphaned_now = 0; /* counted anew */
    hf_err err = rows != NULL ? hf_kvkey_tenant(&prefix, site->options.tenant->name) : HF_ERR_NOMEM;

    if (err == HF_OK)
        err = hf_gb_scan(site, HF_KV_CALLS, &prefix, &site->calls_from, ROWS_PER_STEP, take_row, rows);
    for (unsigned i = 0; rows != NULL && i < rows->count; i++)
        look_at(site, &rows->at[i]);
    free(rows);
    if (err == HF_OK)
        hf_wheel_arm(site->options.wheel, timer, now_ms + 1);
    else if (err != HF_ERR_NOT_FOUND) /* memory, readers: there will be some */
        hf_wheel_arm(site->options.wheel, timer, now_ms + HF_GB_RETRY_MS);
    else if (site->stats.calls_orphaned_now > 0) { /* the day of some will be over, or there will be room */
        site->calls_from.bytes = 0;
        hf_wheel_arm(site->options.wheel, timer, now_ms + HF_GB_CALLS_LOOK_MS);
    }
}

static void note_row(const struct hf_gb_site *site, struct hf_slice key, struct hf_slice value, void *context)
{
    bool *has = context;

    (void)site, (void)key, (void)value;
    *has = true;
}

/* Devices come by the thousand, and few of them have one: a look costs little. */
static bool has_row(const struct hf_gb_site *site, const struct hf_kvkey *prefix)
{
    struct hf_kvkey from = {0};
    bool has = false;

    (void)hf_gb_scan(site, HF_KV_CALLS, prefix, &from, 1, note_row,
                     &has); /* else with the next message, or look */
    return has;
}

void hf_gb_calls_return(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    struct hf_kvkey prefix, from = {0};
    struct rows *rows;
    hf_err err;

    if (site->stats.calls_orphaned_now == 0 || !hf_gb_device_there(device))
        return;
    err = hf_kvkey_device(&prefix, site->options.tenant->name, hf_gb_device_id(device));
    if (err != HF_OK || !has_row(site, &prefix))
        return;
    rows = malloc(sizeof(*rows));
    if (rows == NULL)
        return;
    while (err == HF_OK) { /* of one device there are HF_GB_DEVICE_CALLS_MAX at most */
        rows->count = 0;
        err = hf_gb_scan(site, HF_KV_CALLS, &prefix, &from, ROWS_PER_STEP, take_row, rows);
        for (unsigned i = 0; i < rows->count; i++)
            if (!hf_gb_bye_is(device, rows->at[i].call) && take_up(device, &rows->at[i]) &&
                site->stats.calls_orphaned_now > 0)
                site->stats.calls_orphaned_now--;
    }
    free(rows);
}
