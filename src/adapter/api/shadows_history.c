/* adapter/api/shadows_history.c - what a shadow was, by version and by time, and when a device was there (TWIN-5): from the tables, once they have what is durable. */
#include "adapter/api/event_text.h"
#include "adapter/api/shadows.h"
#include "core/kvkey.h"
#include "core/projection.h"
#include "core/rows.h"
#include "core/shadow_rows.h"

enum { TIME_CHARS_MAX = 40, ROW_JSON_BYTES = 256 };

static bool take_time(struct hf_api_request *request, const char *name, uint64_t *ret_utc_ms)
{
    char storage[TIME_CHARS_MAX];
    struct hf_slice text;

    if (!hf_api_param(request, name, storage, sizeof(storage), &text))
        return false;
    return text.at == NULL || (hf_api_time_parse(text, ret_utc_ms) && *ret_utc_ms > 0) ||
           hf_api_bad(request, name, "%s must be milliseconds since 1970 or RFC 3339 in UTC", name);
}

/* ---- one version ---- */

static bool take_past(struct hf_api_request *request, uint64_t *ret_version, uint64_t *ret_at_ms)
{
    return hf_api_param_u64(request, "version", 1, UINT64_MAX, ret_version) &&
           take_time(request, "at", ret_at_ms) &&
           (*ret_version == 0 || *ret_at_ms == 0 ||
            hf_api_bad(request, "at", "version and at cannot both be asked for"));
}

static void on_applied(struct hf_api_request *request)
{
    uint64_t version = 0, at_ms = 0;
    struct hf_kv_txn *txn = NULL;
    struct hf_event record;
    struct hf_call wish = {0};

    if (!hf_api_shadow_take(request, &wish) || !take_past(request, &version, &at_ms))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &txn);
    if (err == HF_OK)
        err = hf_shadow_rows_read(txn, request->tenant, wish.device, wish.topic, version, at_ms, &record);
    if (err == HF_OK && version != 0 && record.seq != version)
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK)
        hf_api_shadow_reply(request, &wish, record.payload);
    else if (err == HF_ERR_NOT_FOUND)
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    version != 0 ? "this version is not there, or not any more"
                                 : "no version from this time or before is kept");
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

bool hf_api_shadow_past(struct hf_api_request *request, bool *ret_past)
{
    uint64_t version = 0, at_ms = 0;

    if (!take_past(request, &version, &at_ms))
        return false;
    *ret_past = version != 0 || at_ms != 0;
    if (*ret_past)
        hf_api_barrier(request, on_applied);
    return true;
}

/* ---- the list of versions ---- */

struct versions {
    struct hf_json_out *out;
    uint64_t limit, count;
    uint64_t next; /* the cursor: first version of the next page; 0 = there is none */
};

static bool take_version(void *context, const struct hf_event *record)
{
    struct hf_json_field change = HF_JSON_FIELD("change");
    struct versions *versions = context;

    if (versions->count == versions->limit) {
        versions->next = record->seq;
        return false;
    }
    versions->count++;
    hf_json_out_object(versions->out, NULL);
    hf_json_out_u64(versions->out, "version", record->seq);
    hf_json_out_time(versions->out, "updated", record->to);
    hf_json_out_u64(versions->out, "offset", record->offset);
    hf_json_out_text(versions->out, "who", record->key);
    if (hf_json_scan(record->payload.at, record->payload.bytes, &change, 1, 0) == HF_OK && change.found)
        hf_json_out_raw(versions->out, "change", change.raw);
    hf_json_out_end(versions->out);
    return true;
}

struct list {
    struct hf_call wish;
    struct hf_kv_txn *txn;
    uint64_t limit, cursor;
    hf_err err;
};

static void write_versions(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    struct versions versions = {.out = out, .limit = list->limit};

    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", list->wish.device);
    if (list->wish.topic.bytes > 0)
        hf_json_out_text(out, "name", list->wish.topic);
    hf_json_out_array(out, "versions");
    list->err = hf_shadow_rows_each(list->txn, request->tenant, list->wish.device, list->wish.topic,
                                    list->cursor, take_version, &versions);
    hf_json_out_end(out);
    if (versions.next != 0)
        hf_json_out_u64(out, "next_cursor", versions.next);
    hf_json_out_end(out);
}

static bool take_list(struct hf_api_request *request, struct list *list)
{
    uint64_t max = request->api->limits.page_items_max;

    list->limit = HF_MIN(HF_API_PAGE_ITEMS, max);
    return hf_api_shadow_take(request, &list->wish) &&
           hf_api_param_u64(request, "limit", 1, max, &list->limit) &&
           hf_api_param_u64(request, "cursor", 1, UINT64_MAX, &list->cursor);
}

static void on_list(struct hf_api_request *request)
{
    struct list list = {.err = HF_OK};

    if (!take_list(request, &list))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &list.txn);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return;
    }
    hf_api_reply_json(
        request, &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)list.limit * ROW_JSON_BYTES},
        write_versions, &list);
    hf_kv_end(list.txn);
}

void hf_api_shadow_versions(struct hf_api_request *request)
{
    struct list list;

    list = (struct list){.err = HF_OK};
    if (take_list(request, &list))
        hf_api_barrier(request, on_list);
}

/* ---- presence ---- */

struct presence {
    struct hf_slice device;
    struct hf_kv_txn *txn;
    struct hf_kvkey prefix;
    uint64_t from_ms, to_ms, limit;
};

static bool is_presence(const struct hf_event *event, const struct presence *presence)
{
    return (event->type == HF_EVENT_ONLINE || event->type == HF_EVENT_OFFLINE ||
            event->type == HF_EVENT_UNKNOWN || event->type == HF_EVENT_DISCONNECTED) &&
           event->time_ms >= presence->from_ms && (presence->to_ms == 0 || event->time_ms <= presence->to_ms);
}

static void write_presence(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct presence *presence = context;
    struct hf_slice key, value, all = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_event event;
    uint64_t count = 0;

    (void)request;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", presence->device);
    hf_json_out_array(out, "history");
    if (hf_kv_scan(presence->txn, HF_KV_EXPLAIN, hf_kvkey_slice(&presence->prefix), all, true, &cursor) ==
        HF_OK) {
        while (count < presence->limit && hf_kv_next(&cursor, &key, &value) == HF_OK) {
            if (hf_event_row_decode(value, &event) != HF_OK || !is_presence(&event, presence))
                continue;
            count++;
            hf_json_out_object(out, NULL);
            hf_event_members_out(out, &event);
            hf_json_out_end(out);
        }
        hf_kv_scan_end(&cursor);
    }
    hf_json_out_end(out);
    hf_json_out_end(out);
}

static bool take_presence(struct hf_api_request *request, struct presence *presence)
{
    presence->limit = HF_EXPLAIN_ROWS_MAX;
    return hf_api_device_argument(request, &presence->device) &&
           take_time(request, "from", &presence->from_ms) && take_time(request, "to", &presence->to_ms) &&
           hf_api_param_u64(request, "limit", 1, HF_EXPLAIN_ROWS_MAX, &presence->limit);
}

static void on_presence(struct hf_api_request *request)
{
    struct presence presence = {.limit = 0};
    struct hf_device_row row;

    if (!take_presence(request, &presence))
        return;
    hf_err err = hf_api_device_row(request->api, request->tenant, presence.device, &presence.txn, &row);
    if (err == HF_OK)
        err = hf_kvkey_device(&presence.prefix, request->tenant, presence.device);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
    } else {
        hf_api_reply_json(
            request,
            &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)presence.limit * ROW_JSON_BYTES},
            write_presence, &presence);
    }
    hf_kv_end(presence.txn);
}

void hf_api_device_presence(struct hf_api_request *request)
{
    struct presence presence = {.limit = 0};

    if (take_presence(request, &presence))
        hf_api_barrier(request, on_presence);
}
