/* adapter/api/devices.c - list, get, disconnect. */
#include "adapter/api/page.h"
#include "codec/ws/close.h"
#include "core/fleet/query.h"
#include "core/kvkey.h"
#include "core/presence.h"
#include "core/rows.h"

enum {
    DEVICE_JSON_BYTES = 512,
    QUERY_STEPS = HF_API_SCAN_ROWS_MAX /* as many rows, or a fourth as many leaps, in one request */
};

/* ---- the list ---- */

struct list {
    const char *array;        /* the list's name in the answer */
    hf_api_device_more *more; /* what is shown besides; may be NULL */
    struct hf_api_page page;
    bool by_state;
    enum hf_presence state;
    struct hf_slice protocol, prefix, contains;
    bool by_reason;
    unsigned reason;
    struct hf_fleet_query query;
    char protocol_storage[64], prefix_storage[HF_DEVICE_BYTES_MAX + 1],
        contains_storage[HF_DEVICE_BYTES_MAX + 1];
    struct hf_kv_txn *txn;
};

static bool take_reason(struct hf_api_request *request, struct list *list)
{
    char storage[64];
    struct hf_slice text;
    size_t rows;
    const struct hf_reason_info *table = hf_reason_table(&rows);

    if (!hf_api_param(request, "reason", storage, sizeof(storage), &text))
        return false;
    list->by_reason = text.at != NULL;
    for (size_t i = 0; i < rows; i++)
        if (list->by_reason && hf_slice_is(text, table[i].name)) {
            list->reason = (unsigned)table[i].reason;
            return true;
        }
    return !list->by_reason ||
           hf_api_bad(request, "reason", "there is no such reason; GET /v1/reasons lists them");
}

static bool take_query(struct hf_api_request *request, struct list *list)
{
    char storage[HF_FLEET_FILTER_BYTES_MAX + 1], group_storage[HF_FLEET_TEXT_BYTES_MAX + 1];
    struct hf_slice text, group;
    const char *wrong;

    if (!hf_api_param(request, "filter", storage, sizeof(storage), &text) ||
        !hf_api_param(request, "group", group_storage, sizeof(group_storage), &group))
        return false;
    if (group.at != NULL && !hf_id_valid(group, HF_FLEET_TEXT_BYTES_MAX))
        return hf_api_bad(request, "group", "a group is 1 to %d of A-Z a-z 0-9 . _ : @ -",
                          HF_FLEET_TEXT_BYTES_MAX);
    if (group.at != NULL)
        (void)hf_fleet_query_equal(&list->query, HF_SLICE(HF_FLEET_GROUPS), group);
    return text.at == NULL || hf_fleet_query_add(&list->query, text, &wrong) == HF_OK ||
           hf_api_bad(request, "filter", "%s; such as tags.site=berlin,reported.battery<20", wrong);
}

/* Are the query's paths indexed? */
static bool check_query(struct hf_api_request *request, const struct list *list)
{
    char names[HF_FLEET_PATHS_MAX * (HF_FLEET_PATH_BYTES_MAX + 2) + 1];
    struct hf_fleet_paths paths;
    struct hf_sb sb;

    hf_err err = hf_fleet_paths_get(list->txn, request->tenant, &paths);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return false;
    }
    struct hf_slice unknown = hf_fleet_query_unknown(&list->query, &paths);
    if (unknown.at == NULL)
        return true;
    hf_sb_init(&sb, names, sizeof(names));
    for (unsigned i = 0; i < paths.count; i++) {
        hf_sb_text(&sb, ", ");
        hf_sb_slice(&sb, paths.at[i]);
    }
    return hf_api_bad(request, "filter",
                      "%.*s is not indexed; indexed are all tags (tags.NAME)%s. `shadow_index` of the tenant "
                      "in the configuration adds fields",
                      (int)unknown.bytes, unknown.at, names);
}

static bool take_filters(struct hf_api_request *request, struct list *list)
{
    return hf_api_page_take(request, HF_DEVICE_BYTES_MAX, &list->page) &&
           hf_api_param_presence(request, &list->by_state, &list->state) &&
           (list->protocol.at != NULL || hf_api_param(request, "protocol", list->protocol_storage,
                                                      sizeof(list->protocol_storage), &list->protocol)) &&
           hf_api_param(request, "prefix", list->prefix_storage, sizeof(list->prefix_storage),
                        &list->prefix) &&
           hf_api_param(request, "contains", list->contains_storage, sizeof(list->contains_storage),
                        &list->contains) &&
           take_reason(request, list) && take_query(request, list);
}

static bool contains(struct hf_slice text, struct hf_slice part)
{
    return part.bytes == 0 || memmem(text.at, text.bytes, part.at, part.bytes) != NULL;
}

static bool wanted(const struct hf_api *api, const struct list *list, struct hf_slice device,
                   const struct hf_device_row *row)
{
    struct hf_api_state state = hf_api_device_state(api, row, NULL);

    return (!list->by_state || state.presence == list->state) &&
           (!list->by_reason || state.reason == list->reason) &&
           (list->protocol.at == NULL || hf_slice_eq(list->protocol, row->protocol)) &&
           contains(device, list->contains);
}

static void write_row(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                      struct hf_slice device, const struct hf_device_row *row)
{
    list->page.items++;
    hf_json_out_object(out, NULL);
    hf_api_device_members(request->api, out, device, row, NULL);
    if (list->more != NULL)
        list->more(request, out, device, list->txn);
    hf_json_out_end(out);
}

static void write_rows(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                       struct hf_kv_cursor *cursor)
{
    struct hf_slice key, value, tenant, device, rest;
    struct hf_api_page *page = &list->page;
    hf_err err = HF_OK;

    hf_api_page_begin(page, out, list->array);
    while (hf_api_page_open(page) && (err = hf_kv_next(cursor, &key, &value)) == HF_OK) {
        struct hf_device_row row;

        if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK ||
            hf_device_row_decode(value, &row) != HF_OK) {
            page->rows++;
            continue;
        }
        hf_api_page_row(page, device);
        if (!wanted(request->api, list, device, &row))
            continue;
        write_row(request, out, list, (struct hf_slice){page->last, page->last_bytes}, &row);
    }
    hf_api_page_end(request, page, out, err);
}

/* The row of a device that a query found; false: it is none that is wanted. */
static bool found_row(struct hf_api_request *request, struct list *list, struct hf_slice device,
                      struct hf_device_row *ret_row)
{
    struct hf_kvkey key;
    struct hf_slice value;

    return hf_kvkey_device(&key, request->tenant, device) == HF_OK &&
           hf_kv_get(list->txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value) == HF_OK &&
           hf_device_row_decode(value, ret_row) == HF_OK && wanted(request->api, list, device, ret_row);
}

static void write_found(struct hf_api_request *request, struct hf_json_out *out, struct list *list)
{
    struct hf_fleet_walk walk = {
        .txn = list->txn,
        .query = &list->query,
        .tenant = request->tenant,
        .prefix = list->prefix,
        .after = list->page.after,
        .steps_max = QUERY_STEPS,
    };
    struct hf_slice device;
    struct hf_device_row row;
    hf_err err = HF_OK;

    hf_api_page_begin(&list->page, out, list->array);
    while (list->page.items < list->page.limit && (err = hf_fleet_walk_next(&walk, &device)) == HF_OK) {
        hf_api_page_row(&list->page, device);
        if (found_row(request, list, device, &row))
            write_row(request, out, list, device, &row);
    }
    if (err == HF_ERR_AGAIN) {
        hf_api_page_row(&list->page, hf_fleet_walk_passed(&walk));
        err = HF_OK;
    }
    hf_fleet_walk_end(&walk);
    hf_api_page_end(request, &list->page, out, err);
}

static void write_list(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    struct hf_kvkey tenant, from;
    char prefix[HF_KVKEY_BYTES_MAX + 1], start[HF_KVKEY_BYTES_MAX + 1];
    struct hf_sb prefix_sb, start_sb;
    struct hf_kv_cursor cursor;

    if (list->query.count > 0) {
        hf_json_out_object(out, NULL);
        write_found(request, out, list);
        hf_json_out_end(out);
        return;
    }
    hf_sb_init(&prefix_sb, prefix, sizeof(prefix));
    hf_sb_init(&start_sb, start, sizeof(start));
    hf_err err = hf_kvkey_tenant(&tenant, request->tenant);
    if (err == HF_OK) {
        hf_sb_slice(&prefix_sb, hf_kvkey_slice(&tenant));
        hf_sb_slice(&prefix_sb, list->prefix);
    }
    if (err == HF_OK && list->page.after.at != NULL) {
        err = hf_kvkey_device(&from, request->tenant, list->page.after);
        hf_sb_slice(&start_sb, hf_kvkey_slice(&from));
        hf_sb_char(&start_sb, 0); /* the smallest key behind it */
    }
    if (err == HF_OK)
        err = hf_kv_scan(list->txn, HF_KV_DEVICES, hf_sb_done(&prefix_sb), hf_sb_done(&start_sb), false,
                         &cursor);
    request->write_err = err;
    hf_json_out_object(out, NULL);
    if (err == HF_OK) {
        write_rows(request, out, list, &cursor);
        hf_kv_scan_end(&cursor);
    }
    hf_json_out_end(out);
}

void hf_api_devices_list(struct hf_api_request *request)
{
    hf_api_list_devices(request, "devices", NULL, NULL);
}

void hf_api_list_devices(struct hf_api_request *request, const char *array, const char *protocol,
                         hf_api_device_more *more)
{
    struct list list = {.array = array, .more = more};

    if (protocol != NULL)
        list.protocol = hf_slice_of(protocol);
    if (!take_filters(request, &list))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &list.txn);
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    else if (list.query.count == 0 || check_query(request, &list))
        hf_api_reply_json(
            request, &(struct hf_api_reply){.status = 200, .bytes_hint = list.page.limit * DEVICE_JSON_BYTES},
            write_list, &list);
    hf_kv_end(list.txn);
}

/* ---- one ---- */

void hf_api_device_write(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_api_one *one = context;

    hf_json_out_object(out, NULL);
    hf_api_device_members(request->api, out, one->device, one->row, one->live);
    hf_json_out_end(out);
}

static void on_live(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_device_row row = {0};
    struct hf_kv_txn *txn = NULL;
    struct hf_api_one one = {.device = call->device, .row = &row};

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND) {
        hf_api_fail_call(request, call);
        return;
    }
    one.live = call->reason == HF_REASON_NONE && call->live.epoch != 0 ? &call->live : NULL;
    hf_err err = hf_api_device_row(request->api, request->tenant, call->device, &txn, &row);
    if (err == HF_ERR_NOT_FOUND && one.live != NULL)
        err = HF_OK; /* its first record is not in the tables yet */
    if (err == HF_OK)
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, hf_api_device_write, &one);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

void hf_api_device_get(struct hf_api_request *request)
{
    struct hf_slice device;

    if (hf_api_device_argument(request, &device))
        hf_api_ask_device(request, device, on_live);
}

/* ---- disconnect ---- */

static void write_disconnected(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    (void)context;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", request->call->device);
    hf_json_out_bool(out, "disconnected", true);
    hf_json_out_end(out);
}

static void on_disconnected(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_device_row row;
    struct hf_kv_txn *txn = NULL;

    if (call->reason == HF_REASON_NONE) {
        hf_api_audit_request(request, "device.disconnect", "device", call->device);
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_disconnected, NULL);
        return;
    }
    if (call->reason == HF_REASON_DEVICE_OFFLINE &&
        hf_api_device_row(request->api, request->tenant, call->device, &txn, &row) == HF_ERR_NOT_FOUND)
        call->reason = HF_REASON_NOT_FOUND;
    hf_kv_end(txn);
    hf_api_fail_call(request, call);
}

void hf_api_device_disconnect(struct hf_api_request *request)
{
    struct hf_json_field text = HF_JSON_FIELD("text");
    char storage[HF_WS_CLOSE_REASON_BYTES_MAX + 1];
    struct hf_call wish = {0};

    if (!hf_api_device_argument(request, &wish.device) || !hf_api_want_json(request) ||
        (request->body.bytes > 0 && !hf_api_json(request, &text, 1)) ||
        !hf_api_member_text(request, &text, HF_WS_CLOSE_REASON_BYTES_MAX, storage, sizeof(storage),
                            &wish.payload))
        return;
    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DISCONNECT, &wish), on_disconnected);
}
