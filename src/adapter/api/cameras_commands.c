/* adapter/api/cameras_commands.c - what is asked of a camera: each route is a command of the device (adapter/gb28181/command.c), sent to its home worker like any other, waited for, and
 * answered with what the camera said, or why there is no answer. What a body may hold, the command knows; here are words for what the standard spells oddly. */
#include <stdlib.h>

#include "adapter/api/cameras.h"
#include "adapter/api/cameras_body.h"
#include "adapter/api/message_text.h"
#include "base/uuid.h"
#include "codec/http1/problem.h"

enum {
    WAIT_MS = 20000,      /* above the 5 s for SIP's answer and the 10 s for the camera's own */
    TTL_MS = 60000,       /* of a command: what a camera was told must not happen much later */
    LIST_TTL_MS = 600000, /* 120 s for the first part, then as long as parts come */
};

static const struct action {
    enum hf_http1_method method;
    const char *pattern, *command;
    hf_api_camera_body *body; /* its members, besides the channel */
    const char *member;       /* of body() */
    bool list;
    enum {
        AS_DEVICE_ID,
        AS_CHANNEL,
        AS_CHANNEL_WITHOUT_CALL,
        NOT_SAID
    } channel; /* what the command calls the path's */
} actions[] = {
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/ptz", "PTZ", hf_api_body_as_it_is, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/presets", "PTZ", hf_api_body_preset, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/presets", "PresetQuery", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/home", "HomePosition", hf_api_body_inside, "home_position", false,
     AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/home", "HomePositionQuery", hf_api_body_none, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/cruise", "PTZ", hf_api_body_cruise, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/cruise", "CruiseTrackListQuery", hf_api_body_none, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/drag-zoom", "DeviceControl", hf_api_body_drag_zoom, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/guard", "GuardCmd", hf_api_body_guard, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/alarm-reset", "AlarmCmd", hf_api_body_inside, "info", false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/record", "RecordCmd", hf_api_body_record, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/key-frame", "IFrameCmd", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/reboot", "TeleBoot", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/config", "ConfigDownload", hf_api_body_config_types, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/config", "DeviceConfig", hf_api_body_as_it_is, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/upgrade", "DeviceUpgrade", hf_api_body_inside, "upgrade", false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/snapshot-config", "DeviceConfig", hf_api_body_inside,
     "snapshot_config", false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/records", "RecordInfo", hf_api_body_as_it_is, NULL, true,
     AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/info", "DeviceInfo", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/status", "DeviceStatus", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/position", "PTZPosition", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/storage", "SDCardStatus", hf_api_body_none, NULL, false, AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/subscriptions", "Subscribe", hf_api_body_as_it_is, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_DELETE, "/v1/cameras/{}/subscriptions", "Unsubscribe", hf_api_body_event, NULL, false,
     AS_DEVICE_ID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/play", "Play", hf_api_body_as_it_is, NULL, false, AS_CHANNEL},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/playback", "Playback", hf_api_body_as_it_is, NULL, false, AS_CHANNEL},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/download", "Download", hf_api_body_as_it_is, NULL, false, AS_CHANNEL},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/talk", "Talk", hf_api_body_as_it_is, NULL, false, AS_CHANNEL},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/stop", "Stop", hf_api_body_as_it_is, NULL, false,
     AS_CHANNEL_WITHOUT_CALL},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/pause", "Pause", hf_api_body_as_it_is, NULL, false, NOT_SAID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/resume", "Resume", hf_api_body_as_it_is, NULL, false, NOT_SAID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/speed", "Speed", hf_api_body_as_it_is, NULL, false, NOT_SAID},
    {HF_HTTP1_POST, "/v1/cameras/{}/{}/seek", "Seek", hf_api_body_as_it_is, NULL, false, NOT_SAID},
    {HF_HTTP1_GET, "/v1/cameras/{}/{}/calls", "Calls", hf_api_body_none, NULL, false, AS_CHANNEL},
    {HF_HTTP1_GET, "/v1/cameras/{}/calls", "Calls", hf_api_body_none, NULL, false, NOT_SAID},
    {HF_HTTP1_POST, "/v1/cameras/{}/catalog/refresh", "Catalog", hf_api_body_none, NULL, true, AS_DEVICE_ID},
};

/* The request's own, from its first call to its answer. */
struct send {
    const struct action *action;
    struct hf_call wish;
    char payload[];
};

static const struct action *action_of(const struct hf_api_route *route)
{
    for (size_t i = 0; i < HF_COUNT_OF(actions); i++)
        if (actions[i].method == route->method && strcmp(actions[i].pattern, route->pattern) == 0)
            return &actions[i];
    HF_UNREACHABLE(); /* a route without a row here: api_cameras_commands_test looks at all */
}

/* ---- what came of it ---- */

struct outcome {
    const struct hf_call *call;
    const struct hf_api_trouble *trouble; /* NULL: it went well */
    struct hf_slice detail;
    bool unconfirmed;
};

static void write_outcome(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct outcome *outcome = context;
    const struct hf_call *call = outcome->call;
    char id[HF_UUID_TEXT_BYTES + 1];

    (void)request;
    hf_uuid_text(call->id, id);
    hf_json_out_object(out, NULL);
    if (outcome->trouble != NULL)
        hf_http1_problem_members(out, &(struct hf_http1_problem_doc){.reason = outcome->trouble->reason,
                                                                     .status = outcome->trouble->status,
                                                                     .field = outcome->trouble->field,
                                                                     .detail = outcome->detail});
    hf_json_out_cstr(out, "id", id);
    hf_json_out_text(out, "device", call->device);
    hf_json_out_text(out, "name", call->topic);
    hf_json_out_cstr(out, "state", hf_fate_name(call->fate));
    if (hf_fate_final(call->fate, true) && outcome->trouble == NULL)
        hf_json_out_bool(out, "confirmed", !outcome->unconfirmed);
    hf_payload_out(out, "result", call->result_format, call->result_flags,
                   (struct hf_slice){call->result, call->result_bytes});
    hf_json_out_end(out);
}

static void reply(struct hf_api_request *request, unsigned status, struct outcome *outcome)
{
    struct hf_http1_header headers[2];
    char storage[96];

    hf_api_reply_json(
        request,
        &(struct hf_api_reply){.status = status,
                               .headers = headers,
                               .header_count = hf_api_made_headers("/v1/commands/", outcome->call->id,
                                                                   outcome->call->replayed, storage, headers),
                               .bytes_hint = 1024 + 2 * outcome->call->result_bytes,
                               .content_type = outcome->trouble ? "application/problem+json" : NULL},
        write_outcome, outcome);
}

enum said { CONFIRMED, REASON, ELEMENT, STATUS, RTSP_STATUS, TEXT, TIMER, LIMIT, RESULT, ERROR, SAID };

static struct hf_slice text_of(const struct hf_json_field *field, char *storage, size_t bytes)
{
    struct hf_slice text;

    return hf_json_to_text(field, storage, bytes, &text) == HF_OK ? text : (struct hf_slice){NULL, 0};
}

/* It failed: whose fault it was, and what was said of it. */
static void reply_failed(struct hf_api_request *request, const struct hf_call *call,
                         const struct hf_json_field said[SAID])
{
    struct hf_api_trouble trouble = {.reason = HF_REASON_DEVICE_REFUSED, .status = 502};
    char detail[256], name[64], text[128], element[64];
    struct hf_slice words = text_of(&said[TEXT], text, sizeof(text));
    struct hf_slice member = text_of(&said[ELEMENT], element, sizeof(element) - 1);
    enum hf_reason reason = hf_reason_by_name(text_of(&said[REASON], name, sizeof(name)));
    uint64_t status, limit_ms;
    struct hf_sb sb;

    hf_sb_init(&sb, detail, sizeof(detail));
    if (reason != HF_REASON_NONE && hf_reason_info(reason)->http_status != 0) {
        trouble = (struct hf_api_trouble){.reason = reason};
        hf_sb_text(&sb, hf_reason_info(reason)->text);
    }
    if (member.bytes > 0) {
        memmove(element, member.at, member.bytes);
        element[member.bytes] = '\0';
        trouble.field = element;
        hf_sb_printf(&sb, "%s%s", sb.bytes ? ": " : "", element);
        hf_sb_text(&sb, ": ");
        hf_sb_slice(&sb,
                    words.bytes > 0 ? words : HF_SLICE("nothing can be made of it in the camera's answer"));
    } else if (hf_json_to_u64(&said[STATUS], &status) == HF_OK) {
        if (status < 300 && hf_json_to_u64(&said[RTSP_STATUS], &status) == HF_OK)
            words = HF_SLICE("(MANSRTSP)"); /* SIP's 200 says no more than that the order arrived */
        hf_sb_printf(&sb, "the camera answered %u ", (unsigned)status);
        hf_sb_slice(&sb, words);
    } else if (said[TIMER].found) {
        trouble = (struct hf_api_trouble){.reason = HF_REASON_DEADLINE_EXCEEDED};
        if (hf_json_to_u64(&said[LIMIT], &limit_ms) == HF_OK)
            hf_sb_printf(&sb, "no answer within %u ms", (unsigned)limit_ms);
    } else if (said[RESULT].found) {
        hf_sb_text(&sb, "the camera answered ");
        hf_sb_slice(&sb, text_of(&said[RESULT], name, sizeof(name)));
    } else if (reason == HF_REASON_NONE && said[REASON].found) { /* of a session's end */
        hf_sb_text(&sb, "the session is over: ");
        hf_sb_slice(&sb, text_of(&said[REASON], name, sizeof(name)));
        if (said[ERROR].found)
            hf_sb_text(&sb, ": ");
        hf_sb_slice(&sb, text_of(&said[ERROR], text, sizeof(text)));
    }
    unsigned code = trouble.status ? trouble.status : hf_reason_info(trouble.reason)->http_status;
    reply(request, code, &(struct outcome){.call = call, .trouble = &trouble, .detail = hf_sb_done(&sb)});
}

static void reply_replayed(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_COMMAND, 0, true);
}

static void on_sent(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_json_field said[SAID] = {[CONFIRMED] = HF_JSON_FIELD("confirmed"),
                                       [REASON] = HF_JSON_FIELD("reason"),
                                       [ELEMENT] = HF_JSON_FIELD("element"),
                                       [STATUS] = HF_JSON_FIELD("status"),
                                       [RTSP_STATUS] = HF_JSON_FIELD("rtsp_status"),
                                       [TEXT] = HF_JSON_FIELD("text"),
                                       [TIMER] = HF_JSON_FIELD("timer"),
                                       [LIMIT] = HF_JSON_FIELD("limit_ms"),
                                       [RESULT] = HF_JSON_FIELD("result"),
                                       [ERROR] = HF_JSON_FIELD("error")};
    struct outcome outcome = {.call = call};
    bool confirmed = true;

    memcpy(request->id, call->id, sizeof(request->id));
    if (call->replayed && call->fate == HF_FATE_NONE) {
        hf_api_barrier(request, reply_replayed);
        return;
    }
    if (call->result_bytes == 0 || call->result_format != HF_FORMAT_JSON ||
        hf_json_scan(call->result, call->result_bytes, said, SAID, 0) != HF_OK)
        for (unsigned i = 0; i < SAID; i++)
            said[i].found = false;
    if (said[CONFIRMED].found)
        (void)hf_json_to_bool(&said[CONFIRMED], &confirmed);
    outcome.unconfirmed = !confirmed;
    switch (call->fate) {
    case HF_FATE_DONE: reply(request, confirmed ? 200 : 202, &outcome); break;
    case HF_FATE_FAILED: reply_failed(request, call, said); break;
    case HF_FATE_EXPIRED:
        outcome.trouble = &(struct hf_api_trouble){.reason = HF_REASON_DEADLINE_EXCEEDED};
        outcome.detail = HF_SLICE("the camera did not take it in time");
        reply(request, 504, &outcome);
        break;
    case HF_FATE_CANCELED:
        outcome.trouble = &(struct hf_api_trouble){.reason = HF_REASON_CANCELED, .status = 409};
        outcome.detail = HF_SLICE("another request canceled it");
        reply(request, 409, &outcome);
        break;
    default: reply(request, 202, &outcome); /* wait_ms is over; it goes on */
    }
}

/* ---- sending ---- */

static void on_live(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    const struct send *send = request->part;

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND) {
        hf_api_fail_call(request, call);
        return;
    }
    if (call->reason == HF_REASON_NONE && call->live.connected &&
        strcmp(call->live.protocol, HF_API_CAMERA_PROTOCOL) == 0) {
        hf_api_call(request, hf_api_call_new(request, HF_CALL_SEND, &send->wish), on_sent);
        return;
    }
    struct hf_device_row row;
    struct hf_kv_txn *txn = NULL;
    hf_err err = hf_api_device_row(request->api, request->tenant, send->wish.device, &txn, &row);
    bool camera = err == HF_OK && hf_slice_is(row.protocol, HF_API_CAMERA_PROTOCOL);
    hf_kv_end(txn);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        hf_api_fail_err(request, err);
    else if (camera)
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_DEVICE_OFFLINE},
                    "the camera is not registered now; what it is told here is for now");
    else
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    "there is no such camera");
}

static bool names_call(const struct hf_api_request *request)
{
    struct hf_json_field call = HF_JSON_FIELD("call");

    return request->body.bytes > 0 &&
           hf_json_scan(request->body.at, request->body.bytes, &call, 1, 0) == HF_OK && call.found;
}

static struct send *send_new(struct hf_api_request *request, const struct action *action,
                             struct hf_slice channel)
{
    size_t room = 512 + request->body.bytes + request->query.bytes;
    struct send *send = malloc(sizeof(*send) + room);
    struct hf_json_out out;
    struct hf_sb sb;

    if (send == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return NULL;
    }
    *send = (struct send){.action = action};
    request->part = send;
    hf_sb_init(&sb, send->payload, room);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    if (channel.at != NULL && action->channel == AS_DEVICE_ID)
        hf_json_out_text(&out, "device_id", channel);
    else if (channel.at != NULL && (action->channel == AS_CHANNEL ||
                                    (action->channel == AS_CHANNEL_WITHOUT_CALL && !names_call(request))))
        hf_json_out_text(&out, "channel", channel);
    if (!action->body(request, action->member, &out))
        return NULL;
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out)) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return NULL;
    }
    send->wish.payload = hf_sb_done(&sb);
    return send;
}

void hf_api_camera_command(struct hf_api_request *request)
{
    const struct action *action = action_of(request->route);
    const struct hf_api_limits *limits = &request->api->limits;
    struct hf_slice device, channel = {NULL, 0};
    uint64_t wait_ms = action->list ? limits->wait_ms_max : HF_MIN((uint64_t)WAIT_MS, limits->wait_ms_max);

    if (!hf_api_device_argument(request, &device) ||
        (request->segment_count > 1 && !hf_api_channel_argument(request, 1, &channel)) ||
        !hf_api_param_u64(request, "wait_ms", 0, limits->wait_ms_max, &wait_ms) ||
        !hf_api_want_json(request) || (request->body.bytes > 0 && !hf_api_json(request, NULL, 0)))
        return;
    struct send *send = send_new(request, action, channel);
    if (send == NULL)
        return;
    struct hf_call *wish = &send->wish;
    wish->device = device;
    wish->topic = hf_slice_of(action->command);
    wish->class = HF_CLASS_COMMAND;
    wish->format = HF_FORMAT_JSON;
    wish->flags = HF_EVENT_FLAG_TEXT;
    wish->ttl_ms = HF_MIN((uint64_t)(action->list ? LIST_TTL_MS : TTL_MS), limits->ttl_ms_max);
    wish->wait_ms = wait_ms;
    wish->wait = wait_ms > 0;
    if (hf_api_send_prepare(request, wish))
        hf_api_ask_device(request, device, on_live);
}
