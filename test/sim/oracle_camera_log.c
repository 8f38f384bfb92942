/* test/sim/oracle_camera_log.c - what cameras have, were asked and showed, as the log tells it.
 *
 *   a list of channels that was taken is one that the camera had, item for item; nothing else takes channels away     GB-9
 *   each command has one end: the device's own answer, each used once, or a reason that is named                     GB-10
 *   a command to a camera that is there has its end in time                                                          GB-10
 *   each call that began ends once, for one reason                                                                   GB-11
 *   what a camera reports once is recorded once */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/channels.h"
#include "sim/camera.h"
#include "sim/sim.h"

enum { END_US_MAX = 150000000 };

static const char *text_of(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text != NULL ? text : "";
}

static bool number_of(const cJSON *json, const char *name, uint64_t *ret_number)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e15))
        return false;
    *ret_number = (uint64_t)item->valuedouble;
    return true;
}

/* ---- channels ---- */

/* Which channel of the list with that version; UINT32_MAX: none. */
static uint32_t index_of(const struct sim_camera *camera, uint32_t version, const char *id)
{
    char channel[HF_CAM_ID_BYTES];

    for (uint32_t i = 0; i < camera->lists[version]; i++) {
        sim_camera_channel_of(camera, camera->lists[version], i, channel);
        if (strcmp(channel, id) == 0)
            return i;
    }
    return UINT32_MAX;
}

static uint32_t version_of(const struct sim_camera *camera, const cJSON *item)
{
    unsigned version;

    return sscanf(text_of(item, "manufacturer"), "list %u", &version) == 1 && version < camera->list_count
               ? version
               : UINT32_MAX;
}

static void take_staged(struct sim *sim, struct sim_camera *camera, const struct hf_event *event,
                        const cJSON *items)
{
    struct sim_camera_list *staged = &camera->staged;
    const cJSON *item;

    if (event->from == 0)
        *staged = (struct sim_camera_list){.seq = event->seq, .version = UINT32_MAX};
    if (staged->seq != event->seq || staged->count != event->from) {
        sim_fail(sim, "offset %" PRIu64 ": a part of a list of %s that does not follow", event->offset,
                 camera->who);
        return;
    }
    cJSON_ArrayForEach(item, items)
    {
        uint32_t version = version_of(camera, item);
        uint32_t index =
            version != UINT32_MAX ? index_of(camera, version, text_of(item, "device_id")) : UINT32_MAX;

        if (staged->version == UINT32_MAX)
            staged->version = version;
        if (index == UINT32_MAX || version != staged->version || staged->has[index]) {
            sim_fail(sim, "offset %" PRIu64 ": item %s of list %u of %s is in list %u, or twice",
                     event->offset, text_of(item, "device_id"), version, camera->who, staged->version);
            return;
        }
        staged->has[index] = true;
        staged->count++;
    }
}

static void add_channel(struct sim_camera *camera, const char *id)
{
    for (uint32_t i = 0; i < camera->channel_count; i++)
        if (strcmp(camera->channels[i], id) == 0)
            return;
    HF_ASSERT(camera->channel_count < SIM_CHANNELS_MAX && strlen(id) < HF_CAM_ID_BYTES);
    memcpy(camera->channels[camera->channel_count++], id, strlen(id) + 1);
}

static void take_list(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    const struct sim_camera_list *staged = &camera->staged;

    if (event->seq != staged->seq || staged->version == UINT32_MAX || event->to != staged->count ||
        staged->count != camera->lists[staged->version]) {
        sim_fail(sim, "offset %" PRIu64 ": a list of %s is taken with %" PRIu64 " of %u channels",
                 event->offset, camera->who, event->to,
                 staged->version == UINT32_MAX ? 0 : camera->lists[staged->version]);
        return;
    }
    camera->channel_count = 0;
    for (uint32_t i = 0; i < staged->count; i++) {
        char channel[HF_CAM_ID_BYTES];

        sim_camera_channel_of(camera, staged->count, i, channel);
        add_channel(camera, channel);
    }
    camera->lists_taken++;
}

static void take_changes(struct sim *sim, struct sim_camera *camera, const struct hf_event *event,
                         const cJSON *items)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, items)
    {
        if (strcmp(text_of(item, "event"), "DEL") == 0)
            sim_fail(sim, "offset %" PRIu64 ": a channel of %s is gone, and it has not said so",
                     event->offset, camera->who);
        add_channel(camera, text_of(item, "device_id"));
    }
}

static void on_channels(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    cJSON *json = cJSON_ParseWithLength(event->payload.at, event->payload.bytes);

    if (json == NULL)
        sim_fail(sim, "offset %" PRIu64 ": channels of %s are no JSON", event->offset, camera->who);
    else if (hf_slice_is(event->key, "part"))
        take_staged(sim, camera, event, json);
    else if (hf_slice_is(event->key, "commit"))
        take_list(sim, camera, event);
    else if (hf_slice_is(event->key, "change"))
        take_changes(sim, camera, event, json);
    cJSON_Delete(json);
}

/* The tables say what the log says. */
static bool channels_equal(struct sim *sim, const struct sim_camera *camera, struct hf_kv_txn *txn,
                           uint32_t *ret_rows)
{
    struct hf_slice tenant = sim->gateway.tenant.name, device = hf_slice_of(camera->id), id;
    struct hf_catalog_row catalog;
    struct hf_channel_row row;
    struct hf_channel_key prefix;
    struct hf_kv_cursor cursor;
    bool equal = true;

    *ret_rows = 0;
    if (hf_catalog_get(txn, tenant, device, &catalog) != HF_OK)
        return camera->channel_count == 0;
    hf_err err = hf_channel_key(&prefix, tenant, device, catalog.generation, (struct hf_slice){NULL, 0});
    HF_ASSERT(err == HF_OK);
    err = hf_channels_scan(txn, &prefix, (struct hf_slice){NULL, 0}, &cursor);
    while (err == HF_OK && hf_channels_next(&cursor, &prefix, &id, &row) == HF_OK) {
        bool known = false;

        for (uint32_t i = 0; i < camera->channel_count; i++)
            known = known || hf_slice_is(id, camera->channels[i]);
        equal = equal && known;
        ++*ret_rows;
    }
    return equal && *ret_rows == camera->channel_count && catalog.count == camera->channel_count;
}

static void check_tables(struct sim *sim)
{
    struct hf_kv_txn *txn;
    uint32_t rows;

    for (unsigned i = 0; i < sim->plan.cameras; i++) { /* a snapshot has few cursors */
        hf_err err = hf_kv_read(sim->gateway.kv, &txn);

        HF_ASSERT(err == HF_OK);
        if (!channels_equal(sim, &sim->cameras[i], txn, &rows))
            sim_fail(sim, "%s has %u channels in the tables, and %u by the log", sim->cameras[i].who, rows,
                     sim->cameras[i].channel_count);
        hf_kv_end(txn);
    }
}

/* ---- commands ---- */

void sim_oracle_camera_asked(struct sim_camera *camera, const struct hf_cdp_message *body)
{
    camera->asked[camera->asked_next++ % SIM_CAMERA_ASKED] =
        (struct sim_camera_asked){.command = body->command, .sn = (uint64_t)body->sn.value};
}

/* An answer of the device's: to a question that it was asked, and of no other command. */
static const char *use_answer(struct sim_camera *camera, const cJSON *result)
{
    struct sim_camera_asked *asked;
    uint64_t sn;

    if (!number_of(result, "sn", &sn))
        return NULL;
    for (unsigned i = 0; i < SIM_CAMERA_ASKED; i++) {
        asked = &camera->asked[i];
        if (asked->sn != sn || asked->sn == 0)
            continue;
        if (strcmp(text_of(result, "command"), hf_cdp_command_name(asked->command)) != 0)
            return "its device was asked something else by that number";
        if (asked->used)
            return "that answer was another command's";
        asked->used = true;
        return NULL;
    }
    return "its device was not asked that";
}

static const char *wrong_result(struct sim_camera *camera, const struct hf_event *event)
{
    cJSON *result = cJSON_ParseWithLength(event->payload.at, event->payload.bytes);
    const cJSON *confirmed = cJSON_GetObjectItemCaseSensitive(result, "confirmed");
    const char *wrong = NULL;
    uint64_t status;

    if (event->type == HF_EVENT_COMMAND_DONE && result == NULL)
        wrong = "without a result";
    else if (event->type == HF_EVENT_COMMAND_FAILED && event->reason == HF_REASON_NONE)
        wrong = "without a reason";
    else if (cJSON_IsFalse(confirmed) && text_of(result, "timer")[0] == '\0' &&
             text_of(result, "error")[0] == '\0' && text_of(result, "reason")[0] == '\0' &&
             !number_of(result, "status", &status))
        wrong = "unconfirmed, and nothing says why";
    else if (event->type == HF_EVENT_COMMAND_DONE && !cJSON_IsFalse(confirmed))
        wrong = use_answer(camera, result);
    if (event->type == HF_EVENT_COMMAND_DONE && text_of(result, "call")[0] != '\0')
        sim_camera_app_saw_call(&camera->sim->camera_app, camera->index, text_of(result, "call"));
    cJSON_Delete(result);
    return wrong;
}

static struct sim_ask *ask_of(struct sim *sim, const struct sim_camera *camera, const struct hf_event *event)
{
    struct sim_camera_app *app = &sim->camera_app;
    char key[32];

    for (uint32_t i = 0; i < app->count; i++) {
        struct sim_ask *ask = &app->asks[i];

        (void)snprintf(key, sizeof(key), "cam-%" PRIu32, ask->number);
        if (event->type == HF_EVENT_COMMAND
                ? hf_slice_is(event->key, key)
                : ask->camera == camera->index && ask->queued_offset != 0 && ask->seq == event->seq)
            return ask;
    }
    sim_fail(sim, "offset %" PRIu64 ": a command to %s that nobody has sent", event->offset, camera->who);
    return NULL;
}

static void on_command(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    struct sim_ask *ask = ask_of(sim, camera, event);
    const char *wrong;

    if (ask == NULL)
        return;
    if (event->type == HF_EVENT_COMMAND) {
        if (ask->queued_offset != 0)
            sim_fail(sim, "offset %" PRIu64 ": command %" PRIu32 " is there already, at offset %" PRIu64,
                     event->offset, ask->number, ask->queued_offset);
        ask->queued_offset = event->offset;
        ask->queued_us = sim->events.now_us;
        ask->seq = event->seq;
        return;
    }
    if (ask->final_offset != 0)
        sim_fail(sim, "offset %" PRIu64 ": command %" PRIu32 " goes on after its end at offset %" PRIu64,
                 event->offset, ask->number, ask->final_offset);
    if (event->type != HF_EVENT_COMMAND_DONE && event->type != HF_EVENT_COMMAND_FAILED)
        return;
    ask->final_offset = event->offset;
    sim->oracle.commands_done += event->type == HF_EVENT_COMMAND_DONE;
    wrong = wrong_result(camera, event);
    sim_trace(&sim->trace, "camapp", "%" PRIu32 " %s to %s: %.*s", ask->number, ask->command, camera->who,
              (int)HF_MIN(event->payload.bytes, (size_t)120), event->payload.at ? event->payload.at : "");
    if (wrong != NULL)
        sim_fail(sim, "offset %" PRIu64 ": command %" PRIu32 ", %s to %s, ends as %s: %s", event->offset,
                 ask->number, ask->command, camera->who, hf_event_type_name(event->type), wrong);
}

/* ---- calls, and what else is reported ---- */

bool sim_oracle_camera_call_known(const struct sim *sim, struct hf_slice call_id)
{
    for (uint32_t i = 0; i < sim->call_count; i++) {
        size_t bytes = strlen(sim->calls[i].id);

        if (call_id.bytes > 2 + bytes &&
            memcmp(call_id.at + 2, sim->calls[i].id, bytes) == 0) /* hfID.device */
            return true;
    }
    return false;
}

static void on_call(struct sim *sim, struct sim_camera *camera, const struct hf_event *event,
                    const cJSON *json)
{
    const char *id = text_of(json, "call");
    bool ended = strcmp(text_of(json, "event"), "ended") == 0;
    struct sim_call *call = NULL;

    for (uint32_t i = 0; call == NULL && i < sim->call_count; i++)
        if (strcmp(sim->calls[i].id, id) == 0)
            call = &sim->calls[i];
    if (strcmp(text_of(json, "event"), "unheard") == 0) { /* the camera did not hear of the end */
        if (call == NULL || !call->ended)
            sim_fail(sim, "offset %" PRIu64 ": the end of call %s of %s is unheard, and there was none",
                     event->offset, id, camera->who);
        return;
    }
    if (call == NULL && !ended && sim->call_count < SIM_CALLS_MAX) {
        call = &sim->calls[sim->call_count++];
        *call = (struct sim_call){.camera = camera->index, .boot = sim->gateway.boot};
        (void)snprintf(call->id, sizeof(call->id), "%s", id);
        return;
    }
    if (call == NULL || !ended || call->ended) {
        sim_fail(sim, "offset %" PRIu64 ": call %s of %s has %s %s", event->offset, id, camera->who,
                 ended ? "ended" : "begun", call == NULL ? "and never begun" : "twice");
        return;
    }
    call->ended = true;
    if (text_of(json, "reason")[0] == '\0')
        sim_fail(sim, "offset %" PRIu64 ": call %s of %s has ended for no reason", event->offset, id,
                 camera->who);
}

/* An alarm comes once however often its MESSAGE does, and in however many subscriptions of ours the camera tells it. */
static void on_report(struct sim *sim, struct sim_camera *camera, const struct hf_event *event,
                      const cJSON *json)
{
    unsigned times = 0;
    uint64_t sn;

    if (!hf_slice_is(event->topic, "gb/Alarm") || !number_of(json, "sn", &sn))
        return;
    for (unsigned i = 0; i < HF_COUNT_OF(camera->reported); i++)
        times += camera->reported[i].sn == sn && camera->reported[i].boot == sim->gateway.boot;
    if (times > 0)
        sim_fail(sim, "offset %" PRIu64 ": alarm %" PRIu64 " of %s is recorded %u times", event->offset, sn,
                 camera->who, times + 1);
    camera->reported[camera->reported_next++ % HF_COUNT_OF(camera->reported)] =
        (struct sim_camera_report){.sn = sn, .boot = sim->gateway.boot};
}

static void on_message(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    cJSON *json = cJSON_ParseWithLength(event->payload.at, event->payload.bytes);

    sim->oracle.messages++;
    if (hf_slice_is(event->topic, "gb/call"))
        on_call(sim, camera, event, json);
    else
        on_report(sim, camera, event, json);
    cJSON_Delete(json);
}

void sim_oracle_camera_record(struct sim *sim, struct sim_camera *camera, const struct hf_event *event)
{
    switch (event->type) {
    case HF_EVENT_CHANNELS: on_channels(sim, camera, event); break;
    case HF_EVENT_MESSAGE: on_message(sim, camera, event); break;
    case HF_EVENT_COMMAND:
    case HF_EVENT_COMMAND_SENT:
    case HF_EVENT_COMMAND_DELIVERED:
    case HF_EVENT_COMMAND_DONE:
    case HF_EVENT_COMMAND_FAILED: on_command(sim, camera, event); break;
    default: break;
    }
}

/* ---- in time, and at the end ---- */

void sim_oracle_camera_late(struct sim *sim)
{
    const struct sim_camera_app *app = &sim->camera_app;

    for (uint32_t i = 0; i < app->count; i++) {
        const struct sim_ask *ask = &app->asks[i];
        const struct sim_camera_seen *seen = &sim->cameras[ask->camera].seen;
        uint64_t clear_us = HF_MAX(HF_MAX(ask->queued_us, seen->since_us), sim->gateway.awake_us);

        if (ask->queued_offset != 0 && ask->final_offset == 0 && seen->presence == HF_ONLINE &&
            sim->events.now_us > clear_us + END_US_MAX)
            sim_fail(sim,
                     "command %" PRIu32 ", %s, has no end, and cam%u has been there for %" PRIu64 " s of it",
                     ask->number, ask->command, ask->camera, (sim->events.now_us - clear_us) / 1000000);
    }
}

static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return false;
}

bool sim_oracle_camera_log_done(struct sim *sim, char *why, size_t why_bytes)
{
    const struct sim_camera_app *app = &sim->camera_app;

    for (uint32_t i = 0; i < app->count; i++) {
        const struct sim_ask *ask = &app->asks[i];

        if (ask->calling)
            return not_yet(why, why_bytes, "the API has not answered command %" PRIu32, ask->number);
        if (ask->queued_offset != 0 && ask->final_offset == 0)
            return not_yet(why, why_bytes, "command %" PRIu32 ", %s to cam%u, has no end", ask->number,
                           ask->command, ask->camera);
    }
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        if (sim->cameras[i].channel_count == 0)
            return not_yet(why, why_bytes, "nothing is known of the channels of cam%u", i);
    if (sim->plan.cameras > 0)
        check_tables(sim);
    return true;
}

void sim_oracle_camera_calls_over(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->call_count; i++)
        if (sim->calls[i].boot == sim->gateway.boot && !sim->calls[i].ended)
            sim_fail(sim, "nobody has spoken for long, and call %s of cam%u has no end", sim->calls[i].id,
                     sim->calls[i].camera);
    if (sim_media_open_legs(&sim->gateway) > 0)
        sim_fail(sim, "nobody has spoken for long, and %u ports of the relay are open",
                 sim_media_open_legs(&sim->gateway));
}
