/* adapter/api/shadows_history.c - what a shadow was, by version and by time (TWIN-5), and which shadows a device has: from the tables, once they have what is durable. */
#include "adapter/api/message_text.h"
#include "adapter/api/page.h"
#include "adapter/api/patch.h"
#include "adapter/api/shadows.h"
#include "core/shadow_rows.h"

enum {
    ROW_JSON_BYTES = 256,
    SINCE_CHANGES_MAX = 100, /* who lacks more gets the whole */
};

/* ---- the changes since a version ---- */

struct since {
    const struct hf_call *wish;
    struct hf_kv_txn *txn;
    uint64_t from, version;
};

static void write_change(struct hf_json_out *out, const struct hf_event *record)
{
    struct hf_json_field change = HF_JSON_FIELD("change");

    hf_json_out_u64(out, "version", record->seq);
    hf_json_out_time(out, "updated", record->to);
    hf_json_out_u64(out, "offset", record->offset);
    hf_json_out_text(out, "who", record->key);
    if (hf_json_scan(record->payload.at, record->payload.bytes, &change, 1, 0) == HF_OK && change.found)
        hf_json_out_raw(out, "change", change.raw);
}

static void write_since(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct since *since = context;
    const struct hf_call *wish = since->wish;
    struct hf_event record;

    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", wish->device);
    if (wish->topic.bytes > 0)
        hf_json_out_text(out, "name", wish->topic);
    hf_json_out_u64(out, "version", since->version);
    hf_json_out_u64(out, "from_version", since->from);
    hf_json_out_array(out, "changes");
    for (uint64_t version = since->from + 1; version <= since->version; version++) {
        if (hf_shadow_rows_read(since->txn, request->tenant, wish->device, wish->topic, version, 0,
                                &record) != HF_OK)
            break; /* the snapshot had it a moment ago: who sees a hole reads the whole */
        hf_json_out_object(out, NULL);
        write_change(out, &record);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
    hf_json_out_end(out);
}

/* What happened since, where the history reaches back so far; else the whole, as `newest` has it. */
static void reply_since(struct hf_api_request *request, const struct hf_call *wish, struct hf_kv_txn *txn,
                        uint64_t from, const struct hf_event *newest)
{
    struct since since = {.wish = wish, .txn = txn, .from = from, .version = newest->seq};
    struct hf_call call = {.document.version = newest->seq};
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(&call, storage);
    struct hf_event first;

    if (from == newest->seq) {
        hf_http_answer(request->exchange,
                       &(struct hf_http_answer){.status = 304, .headers = &etag, .header_count = 1});
        return;
    }
    if (from > newest->seq || newest->seq - from > SINCE_CHANGES_MAX ||
        hf_shadow_rows_read(txn, request->tenant, wish->device, wish->topic, from + 1, 0, &first) != HF_OK ||
        first.seq != from + 1) {
        hf_api_shadow_reply(request, wish, newest->payload);
        return;
    }
    hf_api_reply_json(request,
                      &(struct hf_api_reply){.status = 200,
                                             .headers = &etag,
                                             .header_count = 1,
                                             .bytes_hint = (size_t)(newest->seq - from) * ROW_JSON_BYTES},
                      write_since, &since);
}

/* ---- one version ---- */

struct past { /* one of them, or none */
    uint64_t version, at_ms, since;
};

static bool take_past(struct hf_api_request *request, struct past *past)
{
    return hf_api_param_u64(request, "version", 1, UINT64_MAX, &past->version) &&
           hf_api_param_time(request, "at", 1, &past->at_ms) &&
           hf_api_param_u64(request, "since", 1, UINT64_MAX - 1, &past->since) &&
           ((past->version != 0) + (past->at_ms != 0) + (past->since != 0) <= 1 ||
            hf_api_bad(request, "at", "one of version, at and since can be asked for"));
}

static void on_applied(struct hf_api_request *request)
{
    struct past past = {0};
    struct hf_kv_txn *txn = NULL;
    struct hf_event record;
    struct hf_call wish = {0};

    if (!hf_api_shadow_take(request, &wish) || !take_past(request, &past))
        return;
    uint64_t version = past.version;
    hf_err err = hf_kv_read(request->api->backend->kv, &txn);
    if (err == HF_OK)
        err =
            hf_shadow_rows_read(txn, request->tenant, wish.device, wish.topic, version, past.at_ms, &record);
    if (err == HF_OK && version != 0 && record.seq != version)
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK && past.since != 0)
        reply_since(request, &wish, txn, past.since, &record);
    else if (err == HF_OK)
        hf_api_shadow_reply(request, &wish, record.payload);
    else if (err == HF_ERR_NOT_FOUND)
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    version != 0      ? "this version is not there, or not any more"
                    : past.since != 0 ? "it has no version yet"
                                      : "no version from this time or before is kept");
    else
        hf_api_fail_err(request, err);
    hf_kv_end(txn);
}

bool hf_api_shadow_past(struct hf_api_request *request, bool *ret_past)
{
    struct past past = {0};

    if (!take_past(request, &past))
        return false;
    *ret_past = past.version != 0 || past.at_ms != 0 || past.since != 0;
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
    struct versions *versions = context;

    if (versions->count == versions->limit) {
        versions->next = record->seq;
        return false;
    }
    versions->count++;
    hf_json_out_object(versions->out, NULL);
    write_change(versions->out, record);
    hf_json_out_end(versions->out);
    return true;
}

struct list {
    struct hf_call wish;
    struct hf_kv_txn *txn;
    uint64_t limit, cursor;
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
    request->write_err = hf_shadow_rows_each(list->txn, request->tenant, list->wish.device, list->wish.topic,
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

/* One without versions is an empty list, but not of a device that was never here. */
static hf_err find_shadow(struct hf_api_request *request, struct list *list)
{
    const struct hf_call *wish = &list->wish;
    struct hf_device_row row;
    struct hf_event record;
    hf_err err = hf_kv_read(request->api->backend->kv, &list->txn);

    if (err == HF_OK)
        err = hf_shadow_rows_read(list->txn, request->tenant, wish->device, wish->topic, 0, 0, &record);
    if (err != HF_ERR_NOT_FOUND)
        return err;
    hf_kv_end(list->txn);
    return hf_api_device_known(request, wish->device, &list->txn, &row);
}

static void on_list(struct hf_api_request *request)
{
    struct list list = {.cursor = 0};

    if (!take_list(request, &list))
        return;
    hf_err err = find_shadow(request, &list);
    if (err != HF_OK) {
        hf_kv_end(list.txn);
        hf_api_fail_err(request, err);
        return;
    }
    hf_api_reply_json(
        request, &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)list.limit * ROW_JSON_BYTES},
        write_versions, &list);
    hf_kv_end(list.txn);
}

static void on_list_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_list);
}

void hf_api_shadow_versions(struct hf_api_request *request)
{
    struct list list = {.cursor = 0};

    if (take_list(request, &list))
        hf_api_barrier(request, on_list_applied);
}

/* ---- the list of names ---- */

struct names {
    struct hf_slice device;
    struct hf_kv_txn *txn;
    struct hf_api_page page;
};

static hf_err write_name(struct hf_api_request *request, struct hf_json_out *out, const struct names *names,
                         struct hf_slice name)
{
    struct hf_event record;
    hf_err err = hf_shadow_rows_read(names->txn, request->tenant, names->device, name, 0, 0, &record);

    if (err != HF_OK)
        return err;
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "name", name);
    hf_json_out_u64(out, "version", record.seq);
    hf_json_out_time(out, "updated", record.to);
    hf_json_out_text(out, "who", record.key);
    hf_json_out_end(out);
    return HF_OK;
}

static void write_names(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct names *names = context;
    struct hf_api_page *page = &names->page;
    struct hf_slice name = page->after.at != NULL ? page->after : HF_SLICE(""); /* behind the unnamed one */
    hf_err err = HF_OK;

    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "device", names->device);
    hf_api_page_begin(page, out, "shadows");
    while (hf_api_page_open(page) && (err = hf_shadow_rows_next_name(names->txn, request->tenant,
                                                                     names->device, name, &name)) == HF_OK) {
        hf_api_page_row(page, name);
        page->items++;
        err = write_name(request, out, names, name);
        if (err != HF_OK)
            break;
    }
    hf_api_page_end(request, page, out, err);
    hf_json_out_end(out);
}

static void on_names(struct hf_api_request *request)
{
    struct names names = {.txn = NULL};
    struct hf_device_row row;

    if (!hf_api_device_argument(request, &names.device) ||
        !hf_api_page_take(request, HF_SHADOW_NAME_BYTES_MAX, &names.page))
        return;
    hf_err err = hf_api_device_known(request, names.device, &names.txn, &row);
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    else
        hf_api_reply_json(
            request,
            &(struct hf_api_reply){.status = 200, .bytes_hint = (size_t)names.page.limit * ROW_JSON_BYTES},
            write_names, &names);
    hf_kv_end(names.txn);
}

static void on_names_applied(struct hf_api_request *request)
{
    hf_api_ask_device(request, hf_api_argument(request, 0), on_names);
}

void hf_api_shadow_list(struct hf_api_request *request)
{
    struct names names = {.txn = NULL};

    if (hf_api_device_argument(request, &names.device) &&
        hf_api_page_take(request, HF_SHADOW_NAME_BYTES_MAX, &names.page))
        hf_api_barrier(request, on_names_applied);
}
