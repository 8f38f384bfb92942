/* adapter/api/presence.c - when a device was there (TWIN-5), the newest first: from the tables, once they have what is durable. */
#include "adapter/api/event_text.h"
#include "adapter/api/shadows.h"
#include "core/presence_rows.h"
#include "core/rows.h"

enum { ROW_JSON_BYTES = 256 };

struct presence {
    struct hf_slice device;
    struct hf_kv_txn *txn;
    struct hf_json_out *out;
    uint64_t from_ms, to_ms, limit, cursor;
    uint64_t count, next; /* next: the first of the page behind this one; 0 = there is none */
};

static bool take_event(void *context, const struct hf_event *event)
{
    struct presence *presence = context;

    if (event->time_ms < presence->from_ms)
        return false;
    if (presence->to_ms != 0 && event->time_ms > presence->to_ms)
        return true;
    if (presence->count == presence->limit) {
        presence->next = event->offset;
        return false;
    }
    presence->count++;
    hf_json_out_object(presence->out, NULL);
    hf_event_members_out(presence->out, event);
    hf_json_out_end(presence->out);
    return true;
}

static void write_presence(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct presence *presence = context;

    presence->out = out;
    presence->count = presence->next = 0; /* it may be written once more, with more room */
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", presence->device);
    hf_json_out_array(out, "history");
    /* A row that cannot be read ends it: what is newer has been said. */
    (void)hf_presence_rows_each(presence->txn, request->tenant, presence->device, presence->cursor,
                                take_event, presence);
    hf_json_out_end(out);
    if (presence->next != 0)
        hf_json_out_u64(out, "next_cursor", presence->next);
    hf_json_out_end(out);
}

static bool take_presence(struct hf_api_request *request, struct presence *presence)
{
    uint64_t max = request->api->limits.page_items_max;

    presence->limit = HF_MIN(HF_API_PAGE_ITEMS, max);
    return hf_api_device_argument(request, &presence->device) &&
           hf_api_param_time(request, "from", 0, &presence->from_ms) &&
           hf_api_param_time(request, "to", 1, &presence->to_ms) &&
           (presence->to_ms == 0 || presence->from_ms <= presence->to_ms ||
            hf_api_bad(request, "from", "from must not be behind to")) &&
           hf_api_param_u64(request, "limit", 1, max, &presence->limit) &&
           hf_api_param_u64(request, "cursor", 1, UINT64_MAX, &presence->cursor);
}

static void on_presence(struct hf_api_request *request)
{
    struct presence presence = {.limit = 0};
    struct hf_device_row row;

    if (!take_presence(request, &presence))
        return;
    hf_err err = hf_api_device_known(request, presence.device, &presence.txn, &row);
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    else
        hf_api_reply_json(
            request,
            &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)presence.limit * ROW_JSON_BYTES},
            write_presence, &presence);
    hf_kv_end(presence.txn);
}

static void on_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_presence);
}

void hf_api_device_presence(struct hf_api_request *request)
{
    struct presence presence = {.limit = 0};

    if (take_presence(request, &presence))
        hf_api_barrier(request, on_applied);
}
