#include "adapter/api/event_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "adapter/api/payload_text.h"
#include "base/uuid.h"
#include "codec/json/out.h"
#include "codec/json/scan.h"
#include "codec/session/frame.h"
#include "codec/ws/frame.h"
#include "core/rows.h"
#include "core/session_record.h"
#include "core/topic.h"

/* ---- which ones ---- */

static bool has_topic(const struct hf_event *event) /* others keep something else in that field */
{
    return event->type == HF_EVENT_MESSAGE || event->type == HF_EVENT_QUEUED ||
           event->type == HF_EVENT_BROADCAST;
}

bool hf_event_matches(const struct hf_tail_request *request, const struct hf_event *event)
{
    if (!hf_slice_is(request->tenant, "*") && !hf_slice_eq(request->tenant, event->tenant))
        return false;
    if (request->types != 0 && (event->type >= 64 || (request->types >> event->type & 1) == 0))
        return false;
    if (request->device.at != NULL && !hf_slice_eq(request->device, event->device))
        return false;
    if (request->by.at != NULL &&
        (event->by.at == NULL || (!hf_slice_is(request->by, "*") && !hf_slice_eq(request->by, event->by))))
        return false;
    return request->topic_filter.at == NULL || (has_topic(event) && event->topic.at != NULL &&
                                                hf_topic_matches(request->topic_filter, event->topic));
}

/* ---- members by type ---- */

static void text(struct hf_json_out *out, const char *key, struct hf_slice value)
{
    if (value.at != NULL)
        hf_json_out_text(out, key, value);
}

/* Never the row itself: it holds the hash of the key (SEC-6). */
static void key_row(struct hf_json_out *out, const struct hf_event *event)
{
    struct hf_key_row row;

    text(out, "key", event->key);
    if (hf_key_row_decode(event->payload, &row) != HF_OK)
        return;
    if (row.name.bytes > 0)
        text(out, "name", row.name);
    text(out, "scopes", row.scopes);
    hf_time_out(out, "expires", row.expires_ms);
}

/* What became of the session of holdfast.v1, and what of the one before is lost. Its id is the event's. */
static bool session(struct hf_json_out *out, const struct hf_event *event)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};
    struct hf_session_record record;
    char queue[HF_SESSION_QUEUE_CHARS];

    if (hf_session_record_decode(event->payload, &record) != HF_OK)
        return false; /* raw mode */
    hf_session_queue_text(record.queue_id, queue);
    hf_json_out_object(out, "session");
    hf_json_out_hex(out, "id", event->id, sizeof(event->id));
    hf_json_out_cstr(out, "result", record.result < HF_COUNT_OF(results) ? results[record.result] : "new");
    if (record.reason != HF_REASON_NONE)
        hf_json_out_cstr(out, "reason", hf_reason_name(record.reason));
    hf_json_out_text(out, "queue", (struct hf_slice){queue, sizeof(queue)});
    hf_json_out_u64(out, "uplink", record.uplink);
    if (record.gap_to != 0) {
        hf_json_out_u64(out, "gap_from", record.gap_from);
        hf_json_out_u64(out, "gap_to", record.gap_to);
    }
    hf_json_out_end(out);
    return true;
}

/* What stands beside it in the record (who wrote which member, for merging) is ours. */
static void document(struct hf_json_out *out, const struct hf_event *event)
{
    enum { JSON, MERGE, TTL, FIELDS };
    struct hf_json_field fields[FIELDS] = {
        [JSON] = HF_JSON_FIELD("json"), [MERGE] = HF_JSON_FIELD("merge"), [TTL] = HF_JSON_FIELD("ttl_ms")};
    struct hf_slice group;
    uint64_t number = 0;

    if (hf_topic_is_group(event->topic, &group))
        hf_json_out_text(out, "group", group);
    hf_json_out_u64(out, "version", event->seq);
    text(out, "who", event->key);
    if (event->payload.bytes == 0 ||
        hf_json_scan(event->payload.at, event->payload.bytes, fields, FIELDS, HF_JSON_DEPTH_MAX) != HF_OK ||
        !fields[JSON].found)
        return; /* it is over */
    if (hf_json_to_u64(&fields[MERGE], &number) == HF_OK && number < HF_MERGES)
        hf_json_out_cstr(out, "merge", hf_merge_name((unsigned)number));
    if (hf_json_to_u64(&fields[TTL], &number) == HF_OK && number != 0)
        hf_json_out_u64(out, "ttl_ms", number);
    hf_json_out_raw(out, "document", fields[JSON].raw);
}

/* The change, not what it led to: that may be large, and is there to be read. */
static void shadow(struct hf_json_out *out, const struct hf_event *event)
{
    struct hf_json_field change = HF_JSON_FIELD("change");

    text(out, "shadow", event->topic);
    hf_json_out_u64(out, "version", event->seq);
    text(out, "who", event->key);
    if (hf_json_scan(event->payload.at, event->payload.bytes, &change, 1, HF_JSON_DEPTH_MAX) == HF_OK &&
        change.found)
        hf_json_out_raw(out, "change", change.raw);
    else if (event->payload.bytes == 0)
        hf_json_out_bool(out, "removed", true);
}

static void members(struct hf_json_out *out, const struct hf_event *event)
{
    char id[17];

    switch (event->type) {
    case HF_EVENT_MESSAGE:
        text(out, "topic", event->topic);
        text(out, "client_id", event->key);
        hf_time_out(out, "made", event->made_ms);
        break;
    case HF_EVENT_MESSAGE_GAP:
        hf_json_out_u64(out, "from", event->from);
        hf_json_out_u64(out, "to", event->to);
        text(out, "queue", event->key);
        break;
    case HF_EVENT_ONLINE:
        text(out, "protocol", event->topic);
        text(out, "trace", event->key);
        if (session(out, event))
            return;
        break;
    case HF_EVENT_OFFLINE:
    case HF_EVENT_UNKNOWN:
    case HF_EVENT_DISCONNECTED: hf_json_out_u64(out, "duration_ms", event->from); break;
    case HF_EVENT_QUEUED:
    case HF_EVENT_COMMAND:
        text(out, event->type == HF_EVENT_COMMAND ? "name" : "topic", event->topic);
        hf_json_out_cstr(out, "class",
                         event->type == HF_EVENT_COMMAND          ? "command"
                         : event->flags & HF_EVENT_FLAG_TELEMETRY ? "telemetry"
                                                                  : "message");
        text(out, "idempotency_key", event->key);
        hf_time_out(out, "expires", event->to);
        break;
    case HF_EVENT_COMMAND_SENT:
    case HF_EVENT_COMMAND_DELIVERED:
    case HF_EVENT_COMMAND_DONE:
    case HF_EVENT_COMMAND_FAILED: text(out, "name", event->topic); break;
    case HF_EVENT_BROADCAST_DONE:
        hf_json_out_u64(out, "written", event->from);
        hf_json_out_u64(out, "targets", event->to);
        break;
    case HF_EVENT_LEDGER:
        text(out, "stream", event->topic);
        text(out, "policy", event->key);
        hf_json_out_u64(out, "from", event->from);
        hf_json_out_u64(out, "to", event->to);
        hf_json_out_u64(out, "count", event->to >= event->from ? event->to - event->from + 1 : 0);
        break;
    case HF_EVENT_KEY_CREATED: key_row(out, event); return;
    case HF_EVENT_KEY_REVOKED: text(out, "key", event->key); break;
    case HF_EVENT_REVOKED:
        text(out, "what", event->key);
        hf_time_out(out, "until", event->to);
        break;
    case HF_EVENT_DOCUMENT: document(out, event); return;
    case HF_EVENT_SHADOW: shadow(out, event); return;
    case HF_EVENT_SHADOW_SEEN: hf_json_out_u64(out, "version", event->seq); return;
    case HF_EVENT_PUSH:
        text(out, "group", event->topic);
        text(out, "who", event->key);
        if (event->payload.bytes > 0) /* not in the audit */
            hf_json_out_raw(out, "change", event->payload);
        return;
    case HF_EVENT_PUSH_DONE: text(out, "group", event->topic); return;
    case HF_EVENT_CAMERA_SETTINGS: break;
    case HF_EVENT_CAMERA_CALL:
        (void)snprintf(id, sizeof(id), "%016" PRIx64, event->from);
        hf_json_out_cstr(out, "call", id);
        hf_json_out_bool(out, "stands", event->payload.bytes > 0);
        break;
    case HF_EVENT_CHANNELS:
        text(out, "step", event->key);
        if (hf_slice_is(event->key, "part"))
            hf_json_out_u64(out, "from", event->from);
        if (hf_slice_is(event->key, "commit"))
            hf_json_out_u64(out, "count", event->to);
        break;
    case HF_EVENT_AUDIT:
        text(out, "action", event->topic);
        text(out, "who", event->key);
        if (event->format == HF_FORMAT_JSON && event->payload.bytes > 0) {
            hf_json_out_raw(out, "details", event->payload);
            return;
        }
        break;
    default: text(out, "topic", event->topic); break;
    }
    hf_payload_out(out, "payload", event->format, event->flags, event->payload);
}

/* Its id is not a UUID and stands among the session's members. */
static bool is_session(const struct hf_event *event)
{
    struct hf_session_record record;

    return event->type == HF_EVENT_ONLINE && hf_session_record_decode(event->payload, &record) == HF_OK;
}

static void identifiers(struct hf_json_out *out, const struct hf_event *event)
{
    static const uint8_t none[16];
    char id[HF_UUID_TEXT_BYTES + 1];

    text(out, "tenant", event->tenant);
    text(out, "device", event->device);
    if (memcmp(event->id, none, sizeof(none)) != 0 && !is_session(event)) {
        hf_uuid_text(event->id, id);
        hf_json_out_cstr(out,
                         event->type == HF_EVENT_DOCUMENT ? "snapshot_id"
                         : event->type == HF_EVENT_SHADOW ? "push"
                                                          : "id",
                         id);
    }
    if (event->seq != 0 && event->type != HF_EVENT_DOCUMENT && event->type != HF_EVENT_SHADOW &&
        event->type != HF_EVENT_SHADOW_SEEN) /* there it is the version */
        hf_json_out_u64(out, "seq", event->seq);
    hf_conn_out(out, "conn", event->conn);
    if (event->epoch != 0)
        hf_json_out_u64(out, "epoch", event->epoch);
    if (event->reason != HF_REASON_NONE)
        hf_json_out_cstr(out, "reason", hf_reason_name(event->reason));
    if (event->code != 0)
        hf_json_out_u64(out, "code", event->code);
    if (event->by.at != NULL) {
        hf_json_out_text(out, "by", event->by);
        if (event->flags & HF_EVENT_FLAG_CONSOLE)
            hf_json_out_cstr(out, "via", "console");
    }
}

void hf_event_members_out(struct hf_json_out *out, const struct hf_event *event)
{
    hf_json_out_u64(out, "offset", event->offset);
    hf_json_out_time(out, "time", event->time_ms);
    hf_json_out_u64(out, "time_ms", event->time_ms);
    hf_json_out_cstr(out, "type", hf_event_type_name(event->type));
    identifiers(out, event);
    members(out, event);
}

static void event_json(struct hf_sb *sb, const struct hf_event *event)
{
    struct hf_json_out out;

    hf_json_out_init(&out, sb);
    hf_json_out_object(&out, NULL);
    hf_event_members_out(&out, event);
    hf_json_out_end(&out);
}

/* ---- forms ---- */

static void begin(struct hf_sb *sb, enum hf_tail_form form, uint64_t id)
{
    if (form == HF_TAIL_SSE) {
        hf_sb_text(sb, "id: ");
        hf_sb_u64(sb, id);
        hf_sb_text(sb, "\ndata: ");
    }
}

/* Gives the text its form; `sb` was begun HF_WS_HEAD_BYTES_MAX into `out` for a frame, whose head is known only now. */
static size_t finish(struct hf_sb *sb, enum hf_tail_form form, char *out)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];

    /* JSON has line breaks between tokens only, and none of the three forms wants them there. */
    for (char *at =
             sb->at +
             (form == HF_TAIL_SSE ? (size_t)((char *)memchr(sb->at, '\n', sb->bytes) - sb->at) + 1 : 0);
         !sb->overflow && at < sb->at + sb->bytes; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    hf_sb_text(sb, form == HF_TAIL_SSE ? "\n\n" : form == HF_TAIL_JSONL ? "\n" : "");
    if (sb->overflow)
        return 0;
    if (form != HF_TAIL_WS)
        return sb->bytes;
    size_t head_bytes = hf_ws_encode_head(head, HF_WS_OP_TEXT, HF_WS_FIN, sb->bytes, NULL);
    memcpy(out, head, head_bytes);
    memmove(out + head_bytes, sb->at, sb->bytes);
    return head_bytes + sb->bytes;
}

static bool init(struct hf_sb *sb, enum hf_tail_form form, char *out, size_t out_bytes)
{
    size_t before = form == HF_TAIL_WS ? HF_WS_HEAD_BYTES_MAX : 0;

    if (out_bytes <= before + HF_WS_HEAD_BYTES_MAX)
        return false;
    hf_sb_init(sb, out + before, out_bytes - before);
    return true;
}

size_t hf_event_text(const struct hf_event *event, enum hf_tail_form form, char *out, size_t out_bytes)
{
    struct hf_sb sb;

    if (!init(&sb, form, out, out_bytes))
        return 0;
    begin(&sb, form, event->offset);
    event_json(&sb, event);
    return sb.overflow ? 0 : finish(&sb, form, out);
}

size_t hf_gap_text(uint64_t from, uint64_t to, enum hf_reason reason, enum hf_tail_form form, char *out,
                   size_t out_bytes)
{
    struct hf_json_out json;
    struct hf_sb sb;

    if (!init(&sb, form, out, out_bytes))
        return 0;
    begin(&sb, form, to);
    hf_json_out_init(&json, &sb);
    hf_json_out_object(&json, NULL);
    hf_json_out_cstr(&json, "type", "gap");
    hf_json_out_u64(&json, "from", from);
    hf_json_out_u64(&json, "to", to);
    hf_json_out_cstr(&json, "reason", hf_reason_name(reason));
    hf_json_out_cstr(&json, "text", hf_reason_info(reason)->text);
    hf_json_out_end(&json);
    return sb.overflow ? 0 : finish(&sb, form, out);
}
