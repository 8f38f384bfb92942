/* adapter/api/cameras_channels.c - the channels of a camera: in pages, as a tree, one. Read after everything that was durable when the request came, so that an application sees
 * what an event told it. */
#include "adapter/api/cameras.h"
#include "adapter/api/page.h"
#include "codec/manscdp/gbid.h"

enum { CHANNEL_JSON_BYTES = 640 };

bool hf_api_channel_argument(struct hf_api_request *request, size_t n, struct hf_slice *ret_channel)
{
    *ret_channel = hf_api_argument(request, n);
    return hf_id_valid(*ret_channel, HF_CHANNEL_ID_BYTES_MAX) ||
           hf_api_bad(request, "channel",
                      "a channel id is 1 to %d of A-Z a-z 0-9 . _ : @ -, mostly 20 digits",
                      HF_CHANNEL_ID_BYTES_MAX);
}

enum hf_presence hf_api_channel_state(enum hf_presence device, const struct hf_channel_row *row)
{
    bool on = row->status == HF_CHANNEL_SILENT || row->status == HF_CHANNEL_ON;

    return device == HF_ONLINE && !on ? HF_OFFLINE : device;
}

void hf_api_channel_members(struct hf_json_out *out, struct hf_slice id, const struct hf_channel_row *row,
                            enum hf_presence device, bool whole)
{
    const char *type = hf_gbid_type_name(hf_gbid_type(id));

    hf_json_out_text(out, "channel", id);
    if (row->name.bytes > 0)
        hf_json_out_text(out, "name", row->name);
    hf_json_out_cstr(out, "kind", hf_gbid_kind_name(hf_gbid_kind(id)));
    if (type != NULL)
        hf_json_out_cstr(out, "type", type);
    hf_json_out_cstr(out, "state", hf_presence_name(hf_api_channel_state(device, row)));
    hf_json_out_cstr(out, "status", hf_channel_status_name((unsigned)row->status));
    if (!whole)
        return;
    hf_time_out(out, "since", row->changed_ms);
    if (row->parent.bytes > 0)
        hf_json_out_text(out, "parent_id", row->parent);
    hf_channel_more_out(row->more, out);
}

/* ---- what is asked ---- */

struct list {
    struct hf_slice device, parent, name;
    struct hf_api_page page;
    bool by_status, by_state, tree;
    enum hf_channel_status status;
    enum hf_presence state;
    char parent_storage[HF_CHANNEL_ID_BYTES_MAX + 1], name_storage[256];
    /* at work */
    struct hf_kv_txn *txn;
    struct hf_catalog_row catalog;
    enum hf_presence presence; /* of the device */
};

static bool take_status(struct hf_api_request *request, struct list *list)
{
    char storage[16];
    struct hf_slice text;

    if (!hf_api_param(request, "status", storage, sizeof(storage), &text))
        return false;
    list->by_status = text.at != NULL;
    return text.at == NULL || hf_channel_status_by_name(text, &list->status) ||
           hf_api_bad(request, "status", "status must be ON, OFF, VLOST or DEFECT");
}

static bool take_filters(struct hf_api_request *request, struct list *list)
{
    *list = (struct list){0};
    if (!hf_api_device_argument(request, &list->device) ||
        !hf_api_page_take(request, HF_CHANNEL_ID_BYTES_MAX, &list->page) || !take_status(request, list) ||
        !hf_api_param_presence(request, &list->by_state, &list->state) ||
        !hf_api_param(request, "parent", list->parent_storage, sizeof(list->parent_storage), &list->parent) ||
        !hf_api_param(request, "name", list->name_storage, sizeof(list->name_storage), &list->name) ||
        !hf_api_param_bool(request, "tree", &list->tree))
        return false;
    if (list->parent.at != NULL && !hf_id_valid(list->parent, HF_CHANNEL_ID_BYTES_MAX))
        return hf_api_bad(request, "parent", "parent must be the id of a channel, group or region");
    if (list->tree &&
        (list->by_status || list->by_state || list->parent.at || list->name.at || list->page.after.at))
        return hf_api_bad(request, "tree", "a tree is whole: it has neither filters nor pages");
    return true;
}

/* ---- the rows ---- */

/* Several parents have "/" between them. */
static bool hangs_in(const struct hf_channel_row *row, struct hf_slice parent)
{
    struct hf_slice rest = row->parent, group;

    while (rest.bytes > 0) {
        const char *slash = memchr(rest.at, '/', rest.bytes);
        struct hf_slice one = {rest.at, slash ? (size_t)(slash - rest.at) : rest.bytes};

        if (hf_slice_eq(one, parent))
            return true;
        rest.at += one.bytes + (slash != NULL);
        rest.bytes -= one.bytes + (slash != NULL);
    }
    return row->parent.bytes == 0 && hf_channel_more_find(row->more, "business_group_id", &group) &&
           group.bytes == parent.bytes + 2 && memcmp(group.at + 1, parent.at, parent.bytes) == 0;
}

static bool wanted(const struct list *list, const struct hf_channel_row *row)
{
    enum hf_channel_status status = row->status ? (enum hf_channel_status)row->status : HF_CHANNEL_ON;

    return (!list->by_status || status == list->status) &&
           (!list->by_state || hf_api_channel_state(list->presence, row) == list->state) &&
           (list->parent.at == NULL || hangs_in(row, list->parent)) &&
           (list->name.at == NULL || (row->name.bytes >= list->name.bytes &&
                                      memcmp(row->name.at, list->name.at, list->name.bytes) == 0));
}

static void write_page(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                       struct hf_kv_cursor *cursor, const struct hf_channel_key *prefix)
{
    struct hf_api_page *page = &list->page;
    struct hf_channel_row row;
    struct hf_slice id;
    hf_err err = HF_OK;

    hf_api_page_begin(page, out, "channels");
    while (hf_api_page_open(page) && (err = hf_channels_next(cursor, prefix, &id, &row)) == HF_OK) {
        hf_api_page_row(page, id);
        if (!wanted(list, &row))
            continue;
        page->items++;
        hf_json_out_object(out, NULL);
        hf_api_channel_members(out, id, &row, list->presence, true);
        hf_json_out_end(out);
    }
    hf_api_page_end(request, page, out, err);
}

static void write_list(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    struct hf_channel_key prefix;
    struct hf_kv_cursor cursor;

    hf_err err = hf_channel_key(&prefix, request->tenant, list->device, list->catalog.generation,
                                (struct hf_slice){NULL, 0});
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", list->device);
    hf_json_out_cstr(out, "state", hf_presence_name(list->presence));
    hf_json_out_u64(out, "count", list->catalog.count);
    hf_json_out_bool(out, "complete", list->catalog.complete_ms != 0);
    hf_time_out(out, "complete_at", list->catalog.complete_ms);
    if (err == HF_OK && list->tree)
        err =
            hf_api_channels_tree(list->txn, &prefix, list->catalog.count, list->presence, list->device, out);
    else if (err == HF_OK &&
             (err = hf_channels_scan(list->txn, &prefix, list->page.after, &cursor)) == HF_OK) {
        write_page(request, out, list, &cursor, &prefix);
        hf_kv_scan_end(&cursor);
    }
    if (err != HF_OK)
        request->write_err = err;
    hf_json_out_end(out);
}

/* HF_OK: *ret_txn is to be ended; the device is a camera. The row of its catalogue is zeroed when nothing was heard of its channels. */
static hf_err open_camera(struct hf_api_request *request, struct hf_slice device, struct hf_kv_txn **ret_txn,
                          struct hf_catalog_row *ret_catalog, enum hf_presence *ret_presence)
{
    struct hf_device_row row;
    hf_err err = hf_api_device_known(request, device, ret_txn, &row);

    if (err != HF_OK)
        return err;
    if (hf_slice_is(row.protocol, HF_API_CAMERA_PROTOCOL))
        err = hf_catalog_get(*ret_txn, request->tenant, device, ret_catalog);
    else
        err = HF_ERR_CONFLICT;
    if (err == HF_ERR_NOT_FOUND) {
        *ret_catalog = (struct hf_catalog_row){0};
        err = HF_OK;
    }
    const struct hf_live *live = request->call->live.epoch != 0 ? &request->call->live : NULL;
    *ret_presence = hf_api_device_state(request->api, &row, live).presence;
    if (err == HF_OK)
        return HF_OK;
    hf_kv_end(*ret_txn);
    *ret_txn = NULL;
    return err == HF_ERR_CONFLICT ? HF_ERR_NOT_FOUND : err;
}

static void on_list(struct hf_api_request *request)
{
    struct list list;

    if (!take_filters(request, &list))
        return;
    hf_err err = open_camera(request, list.device, &list.txn, &list.catalog, &list.presence);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return;
    }
    uint64_t items = list.tree ? list.catalog.count : HF_MIN(list.page.limit, list.catalog.count);
    hf_api_reply_json(request,
                      &(struct hf_api_reply){.status = 200, .bytes_hint = 512 + items * CHANNEL_JSON_BYTES},
                      write_list, &list);
    hf_kv_end(list.txn);
}

static void on_list_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_list);
}

void hf_api_channels_list(struct hf_api_request *request)
{
    struct list list;

    if (take_filters(request,
                     &list)) /* what is wrong with the request is said before anything is waited for */
        hf_api_barrier(request, on_list_applied);
}

/* ---- one ---- */

struct one {
    struct hf_slice device, channel;
    struct hf_channel_row row;
    enum hf_presence presence;
};

static void write_one(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct one *one = context;

    (void)request;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", one->device);
    hf_api_channel_members(out, one->channel, &one->row, one->presence, true);
    hf_json_out_end(out);
}

static void on_one(struct hf_api_request *request)
{
    struct one one = {.device = hf_api_argument(request, 0), .channel = hf_api_argument(request, 1)};
    struct hf_kv_txn *txn = NULL;
    struct hf_catalog_row catalog;

    hf_err err = open_camera(request, one.device, &txn, &catalog, &one.presence);
    if (err == HF_OK)
        err = hf_channel_get(txn, request->tenant, one.device, catalog.generation, one.channel, &one.row);
    if (err == HF_OK)
        hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_one, &one);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

static void on_one_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_one);
}

void hf_api_channel_get(struct hf_api_request *request)
{
    struct hf_slice device, channel;

    if (hf_api_device_argument(request, &device) && hf_api_channel_argument(request, 1, &channel))
        hf_api_barrier(request, on_one_applied);
}
