/* adapter/api/explain.c - why is this device as it is, and what happened to it in the last day? (API-4, promise 5) */
#include "adapter/api/event_text.h"
#include "adapter/api/request.h"
#include "core/kvkey.h"
#include "core/presence.h"
#include "core/projection.h"
#include "core/rows.h"

enum { ROW_JSON_BYTES = 512, SUMMARY_BYTES_MAX = 768 };

struct explain {
    struct hf_slice device;
    struct hf_device_row row;
    bool known; /* there is a row */
    const struct hf_live *live;
    struct hf_kv_txn *txn;
    uint64_t limit;
    hf_err err;
};

/* "d1 is offline since 2026-03-01T12:00:00.123Z: no sign of life (heartbeat_timeout, close code 4408)." */
static void summarize(const struct hf_api *api, const struct explain *explain, struct hf_sb *sb)
{
    struct hf_api_state state = hf_api_device_state(api, &explain->row, explain->live);

    hf_sb_slice(sb, explain->device);
    if (!explain->known && explain->live == NULL) {
        hf_sb_text(sb, " never connected; what it was refused for stands below.");
        return;
    }
    hf_sb_printf(sb, " is %s since ", hf_presence_name(state.presence));
    hf_sb_time(sb, state.since_ms);
    if (state.reason != HF_REASON_NONE) {
        hf_sb_printf(sb, ": %s (%s", hf_reason_info(state.reason)->text, hf_reason_name(state.reason));
        if (state.code != 0)
            hf_sb_printf(sb, ", close code %u", state.code);
        hf_sb_text(sb, ")");
    }
    hf_sb_text(sb, ".");
    if (explain->live != NULL && explain->live->pending_messages > 0)
        hf_sb_printf(sb, " %u messages wait for it.", explain->live->pending_messages);
    if (explain->live != NULL && explain->live->connected && explain->live->send_queue_messages > 0)
        hf_sb_printf(sb, " %u are queued for its socket.", explain->live->send_queue_messages);
}

static void write_rows(const struct explain *explain, struct hf_json_out *out, struct hf_kv_cursor *cursor)
{
    struct hf_slice key, value;
    struct hf_event event;

    for (uint64_t n = 0; n < explain->limit && hf_kv_next(cursor, &key, &value) == HF_OK; n++) {
        if (hf_event_row_decode(value, &event) != HF_OK)
            continue;
        hf_json_out_object(out, NULL);
        hf_event_members_out(out, &event);
        if (event.reason != HF_REASON_NONE)
            hf_json_out_cstr(out, "text", hf_reason_info(event.reason)->text);
        hf_json_out_end(out);
    }
}

static void write_explain(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct explain *explain = context;
    struct hf_kv_cursor cursor;
    struct hf_kvkey prefix;
    char text[SUMMARY_BYTES_MAX];
    struct hf_sb summary;

    hf_sb_init(&summary, text, sizeof(text));
    summarize(request->api, explain, &summary);
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "summary", hf_sb_done(&summary));
    if (explain->known || explain->live != NULL) {
        hf_json_out_object(out, "now");
        hf_api_device_members(request->api, out, explain->device, &explain->row, explain->live);
        hf_json_out_end(out);
    }
    hf_json_out_array(out, "history");
    if (hf_kvkey_device(&prefix, request->tenant, explain->device) == HF_OK &&
        hf_kv_scan(explain->txn, HF_KV_EXPLAIN, hf_kvkey_slice(&prefix), (struct hf_slice){NULL, 0}, true,
                   &cursor) == HF_OK) {
        write_rows(explain, out, &cursor);
        hf_kv_scan_end(&cursor);
    }
    hf_json_out_end(out);
    hf_json_out_end(out);
}

static bool has_history(struct hf_api_request *request, struct explain *explain)
{
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    struct hf_kvkey prefix;
    bool found;

    if (hf_kvkey_device(&prefix, request->tenant, explain->device) != HF_OK ||
        hf_kv_scan(explain->txn, HF_KV_EXPLAIN, hf_kvkey_slice(&prefix), (struct hf_slice){NULL, 0}, true,
                   &cursor) != HF_OK)
        return false;
    found = hf_kv_next(&cursor, &key, &value) == HF_OK;
    hf_kv_scan_end(&cursor);
    return found;
}

static void on_live(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct explain explain = {.device = call->device, .limit = HF_EXPLAIN_ROWS_MAX};
    struct hf_kvkey key;
    struct hf_slice value;

    if (!hf_api_param_u64(request, "limit", 1, HF_EXPLAIN_ROWS_MAX, &explain.limit))
        return;
    if (call->reason == HF_REASON_NONE && call->live.epoch != 0)
        explain.live = &call->live;
    hf_err err = hf_kv_read(request->api->backend->kv, &explain.txn);
    if (err == HF_OK)
        err = hf_kvkey_device(&key, request->tenant, call->device);
    if (err == HF_OK)
        err = hf_kv_get(explain.txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value);
    explain.known = err == HF_OK && hf_device_row_decode(value, &explain.row) == HF_OK;
    if (err == HF_ERR_NOT_FOUND && (explain.live != NULL || has_history(request, &explain)))
        err = HF_OK;
    if (err == HF_OK)
        hf_api_reply_json(request,
                          &(struct hf_api_reply){.status = 200, .bytes_hint = explain.limit * ROW_JSON_BYTES},
                          write_explain, &explain);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(explain.txn);
}

static void on_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_live);
}

void hf_api_device_explain(struct hf_api_request *request)
{
    struct hf_slice device;
    uint64_t limit;

    if (hf_api_device_argument(request, &device) &&
        hf_api_param_u64(request, "limit", 1, HF_EXPLAIN_ROWS_MAX, &limit))
        hf_api_barrier(request, on_applied);
}
