/* adapter/api/audit.c - GET /v1/audit: who did what, the newest first, for as long as audit.history_ms says: from the tables, once they have what is durable, so that it matters to nobody
 * where the event log begins. */
#include <inttypes.h>
#include <stdio.h>

#include "adapter/api/event_text.h"
#include "adapter/api/stream.h"
#include "core/audit_rows.h"

enum { ROW_JSON_BYTES = 384 };

struct audit {
    struct hf_tail_request wish; /* device, types, by: what an entry must be like */
    char device[HF_DEVICE_BYTES_MAX + 1], by[HF_BY_BYTES_MAX + 1];
    struct hf_kv_txn *txn;
    uint64_t from_ms, to_ms, limit, cursor;
};

static bool take_types(struct hf_api_request *request, uint64_t *ret_types)
{
    char storage[HF_API_TYPES_BYTES_MAX];
    struct hf_slice list, item;

    if (!hf_api_param(request, "type", storage, sizeof(storage), &list))
        return false;
    return hf_api_types_parse(list, ret_types, &item) ||
           hf_api_bad(request, "type", "there is no event type %.*s", (int)HF_MIN(item.bytes, 64u), item.at);
}

static bool take_audit(struct hf_api_request *request, struct audit *audit)
{
    struct hf_tail_request *wish = &audit->wish;
    uint64_t max = request->api->limits.page_items_max;

    *audit = (struct audit){.limit = HF_MIN(HF_API_PAGE_ITEMS, max)};
    wish->tenant = request->tenant;
    return hf_api_param(request, "device", audit->device, sizeof(audit->device), &wish->device) &&
           (wish->device.at == NULL || hf_id_valid(wish->device, HF_DEVICE_BYTES_MAX) ||
            hf_api_bad(request, "device", "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -")) &&
           hf_api_param(request, "by", audit->by, sizeof(audit->by), &wish->by) &&
           (wish->by.at == NULL || hf_slice_is(wish->by, "*") || hf_id_valid(wish->by, HF_BY_BYTES_MAX) ||
            hf_api_bad(request, "by", "by must be the id of an API key, or * for any")) &&
           take_types(request, &wish->types) && hf_api_param_time(request, "from", 0, &audit->from_ms) &&
           hf_api_param_time(request, "to", 1, &audit->to_ms) &&
           hf_api_param_u64(request, "limit", 1, max, &audit->limit) &&
           hf_api_param_u64(request, "cursor", 1, UINT64_MAX - 1, &audit->cursor);
}

/* Writes a page; *ret_next: the first entry of the one behind it, 0 = there is none. */
static hf_err write_entries(const struct audit *audit, struct hf_slice tenant, struct hf_json_out *out,
                            uint64_t *ret_next)
{
    uint64_t count = 0, rows = 0;
    struct hf_audit_walk walk;
    struct hf_event event;
    hf_err err = hf_audit_walk_begin(&walk, audit->txn, tenant, audit->cursor, audit->to_ms);

    if (err != HF_OK)
        return err;
    while ((err = hf_audit_walk_next(&walk, &event)) == HF_OK && event.time_ms >= audit->from_ms) {
        if (count == audit->limit || rows++ == HF_API_SCAN_ROWS_MAX) {
            *ret_next = event.offset;
            break;
        }
        if (!hf_event_matches(&audit->wish, &event))
            continue;
        count++;
        hf_json_out_object(out, NULL);
        hf_event_members_out(out, &event);
        hf_json_out_end(out);
    }
    hf_audit_walk_end(&walk);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static void write_audit(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct audit *audit = context;
    uint64_t next = 0;
    char cursor[24];

    hf_json_out_object(out, NULL);
    hf_json_out_array(out, "entries");
    request->write_err = write_entries(audit, request->tenant, out, &next);
    hf_json_out_end(out);
    if (next != 0) {
        (void)snprintf(cursor, sizeof(cursor), "%" PRIu64, next);
        hf_json_out_cstr(out, "next_cursor", cursor);
    }
    hf_json_out_end(out);
}

static void on_applied(struct hf_api_request *request)
{
    struct audit audit;

    if (!take_audit(request, &audit))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &audit.txn);
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    else
        hf_api_reply_json(
            request,
            &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)audit.limit * ROW_JSON_BYTES},
            write_audit, &audit);
    hf_kv_end(audit.txn);
}

void hf_api_audit_list(struct hf_api_request *request)
{
    struct audit audit;

    if (take_audit(request, &audit))
        hf_api_barrier(request, on_applied);
}
