/* adapter/api/pushes.c - configuration for a group (TWIN-8): accepted as one record, which core/fleet/pusher.h carries out; and how far its members are. */
#include "adapter/api/page.h"
#include "adapter/api/patch.h"
#include "base/uuid.h"
#include "core/document/shadow.h"
#include "core/fleet/fleet.h"
#include "core/fleet/push_rows.h"
#include "core/rows.h"

enum { PUSH_JSON_BYTES = 1024 };

static bool take_group(struct hf_api_request *request, struct hf_slice *ret_group)
{
    *ret_group = hf_api_argument(request, 0);
    return hf_id_valid(*ret_group, HF_FLEET_TEXT_BYTES_MAX) ||
           hf_api_bad(request, "group", "a group is 1 to %d of A-Z a-z 0-9 . _ : @ -",
                      HF_FLEET_TEXT_BYTES_MAX);
}

/* ---- what is shown ---- */

static void refused_out(struct hf_json_out *out, struct hf_slice reasons)
{
    uint16_t reason;
    uint32_t count;

    hf_json_out_object(out, "refused");
    while (hf_push_reason_next(&reasons, &reason, &count))
        hf_json_out_u64(out, hf_reason_name(reason), count);
    hf_json_out_end(out);
}

/* Members of the object that is open. */
static void push_out(struct hf_json_out *out, const uint8_t id[16], const struct hf_push_row *row,
                     struct hf_slice change)
{
    char text[HF_UUID_TEXT_BYTES + 1];

    hf_uuid_text(id, text);
    hf_json_out_cstr(out, "id", text);
    hf_json_out_text(out, "group", row->group);
    hf_json_out_cstr(out, "state", row->done ? "done" : "running");
    hf_time_out(out, "created", row->created_ms);
    hf_time_out(out, "updated", row->updated_ms);
    if (row->who.bytes > 0)
        hf_json_out_text(out, "who", row->who);
    hf_json_out_u64(out, "offset", row->offset);
    hf_json_out_u64(out, "members", row->members);
    hf_json_out_u64(out, "stored", row->stored);
    hf_json_out_u64(out, "unchanged", row->unchanged);
    hf_json_out_u64(out, "delivered", row->delivered);
    hf_json_out_u64(out, "applied", row->applied);
    hf_json_out_u64(out, "superseded", row->superseded);
    refused_out(out, row->reasons);
    if (change.bytes > 0)
        hf_json_out_raw(out, "change", change);
}

/* ---- one ---- */

struct one {
    const uint8_t *id;
    struct hf_push_row row;
    struct hf_slice change;
};

static void write_one(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct one *one = context;

    (void)request;
    hf_json_out_object(out, NULL);
    push_out(out, one->id, &one->row, one->change);
    hf_json_out_end(out);
}

static hf_err read_one(struct hf_api_request *request, struct hf_kv_txn *txn, struct one *one)
{
    struct hf_push_key key;
    struct hf_slice value;
    hf_err err = hf_push_key(&key, request->tenant, 'p', one->id);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value);
    if (err == HF_OK)
        err = hf_push_row_decode(value, &one->row);
    if (err == HF_OK && !hf_slice_eq(one->row.group, hf_api_argument(request, 0)))
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK)
        err = hf_push_rows_change(txn, request->tenant, one->id, &one->change);
    return err;
}

static void reply_one(struct hf_api_request *request, unsigned status)
{
    struct hf_slice group = hf_api_argument(request, 0);
    char location[64 + HF_FLEET_TEXT_BYTES_MAX + HF_UUID_TEXT_BYTES], text[HF_UUID_TEXT_BYTES + 1];
    struct hf_http1_header header = {HF_SLICE("Location"), {location, 0}};
    struct one one = {.id = request->id};
    struct hf_kv_txn *txn = NULL;

    hf_err err = hf_kv_read(request->api->backend->kv, &txn);
    if (err == HF_OK)
        err = read_one(request, txn, &one);
    if (err == HF_OK) {
        struct hf_sb sb;

        hf_uuid_text(request->id, text);
        hf_sb_init(&sb, location, sizeof(location));
        hf_sb_text(&sb, "/v1/groups/");
        hf_sb_slice(&sb, group);
        hf_sb_text(&sb, "/shadow/pushes/");
        hf_sb_text(&sb, text);
        header.value = hf_sb_done(&sb);
        hf_api_reply_json(request,
                          &(struct hf_api_reply){.status = status,
                                                 .headers = &header,
                                                 .header_count = status == 202 ? 1 : 0,
                                                 .bytes_hint = PUSH_JSON_BYTES + one.change.bytes},
                          write_one, &one);
    } else if (err == HF_ERR_NOT_FOUND) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    "this group has no push with this id; they are kept for 7 days");
    } else {
        hf_api_fail_err(request, err);
    }
    hf_kv_end(txn);
}

static void on_applied(struct hf_api_request *request)
{
    reply_one(request, 200);
}

void hf_api_push_get(struct hf_api_request *request)
{
    struct hf_slice group;

    if (take_group(request, &group) && hf_api_id_argument(request, 1, request->id))
        hf_api_barrier(request, on_applied);
}

/* ---- the list, the newest first ---- */

struct list {
    struct hf_api_page page;
    struct hf_kv_txn *txn;
    struct hf_slice group;
    bool behind; /* it goes on behind this one */
    uint8_t behind_id[16];
};

static void write_rows(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                       struct hf_kv_cursor *cursor)
{
    char text[HF_UUID_TEXT_BYTES + 1];
    struct hf_slice key, value;
    struct hf_push_row row;
    hf_err err = HF_OK;

    hf_api_page_begin(&list->page, out, "pushes");
    while (hf_api_page_open(&list->page) && (err = hf_kv_next(cursor, &key, &value)) == HF_OK) {
        const uint8_t *id = (const uint8_t *)key.at + key.bytes - 16;

        if (key.bytes < 16 || (list->behind && memcmp(id, list->behind_id, 16) == 0))
            continue;
        hf_uuid_text(id, text);
        hf_api_page_row(&list->page, hf_slice_of(text));
        if (hf_push_row_decode(value, &row) != HF_OK || !hf_slice_eq(row.group, list->group))
            continue;
        list->page.items++;
        hf_json_out_object(out, NULL);
        push_out(out, id, &row, (struct hf_slice){NULL, 0});
        hf_json_out_end(out);
    }
    hf_api_page_end(request, &list->page, out, err);
}

static void write_list(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    struct hf_push_key prefix, from;
    struct hf_kv_cursor cursor;
    hf_err err = hf_push_key(&prefix, request->tenant, 'p', NULL);

    if (err == HF_OK)
        err = hf_push_key(&from, request->tenant, 'p', list->behind_id);
    if (err == HF_OK)
        err = hf_kv_scan(list->txn, HF_KV_PUSHES, hf_push_key_slice(&prefix),
                         list->behind ? hf_push_key_slice(&from) : (struct hf_slice){NULL, 0}, true, &cursor);
    request->write_err = err;
    hf_json_out_object(out, NULL);
    if (err == HF_OK) {
        write_rows(request, out, list, &cursor);
        hf_kv_scan_end(&cursor);
    }
    hf_json_out_end(out);
}

static void on_list(struct hf_api_request *request)
{
    struct list list = {.group = hf_api_argument(request, 0)};

    if (!hf_api_page_take(request, HF_UUID_TEXT_BYTES, &list.page))
        return;
    list.behind = list.page.after.at != NULL;
    if (list.behind && hf_uuid_parse(list.page.after, list.behind_id) != HF_OK) {
        (void)hf_api_bad(request, "cursor", "cursor must be the next_cursor of the page before");
        return;
    }
    hf_err err = hf_kv_read(request->api->backend->kv, &list.txn);
    if (err == HF_OK)
        hf_api_reply_json(
            request, &(struct hf_api_reply){.status = 200, .bytes_hint = list.page.limit * PUSH_JSON_BYTES},
            write_list, &list);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(list.txn);
}

void hf_api_pushes_list(struct hf_api_request *request)
{
    struct hf_slice group;

    if (take_group(request, &group))
        hf_api_barrier(request, on_list);
}

/* ---- POST ---- */

static void on_push_applied(struct hf_api_request *request)
{
    reply_one(request, 202);
}

static void on_recorded(struct hf_api_request *request)
{
    memcpy(request->id, request->call->id, sizeof(request->id));
    hf_api_barrier(request, on_push_applied);
}

/* What each member's shadow would refuse is refused once, here; what hangs on the member (how much its section has already) later. */
static bool check_change(struct hf_api_request *request)
{
    static const struct hf_shadow none;
    const struct hf_shadow_change change = {
        .kind = HF_PATCH_MERGE, .sections = 1 << HF_SHADOW_DESIRED, .json = request->body};
    const struct hf_shadow_limits limits = {HF_SHADOW_SECTION_BYTES_MAX, HF_SHADOW_DEPTH_MAX};
    struct hf_json_field fields[] = {HF_JSON_FIELD("desired"), HF_JSON_FIELD("version"),
                                     HF_JSON_FIELD("merge")};
    struct hf_shadow after = {0};
    struct hf_shadow_outcome outcome;
    enum hf_reason reason =
        hf_shadow_change(&none, &change, &limits, request->api->http->utc_ms, &outcome, &after);

    hf_shadow_outcome_deinit(&outcome);
    if (reason == HF_REASON_NONE)
        hf_shadow_deinit(&after);
    if (reason == HF_REASON_NONE &&
        (hf_json_scan(request->body.at, request->body.bytes, fields, HF_COUNT_OF(fields), 0) != HF_OK ||
         fields[0].type != HF_JSON_OBJECT || fields[1].found || fields[2].found))
        reason = HF_REASON_BAD_REQUEST;
    if (reason == HF_REASON_NONE)
        return true;
    if (reason == HF_REASON_MEMORY_LIMIT) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return false;
    }
    if (reason == HF_REASON_MESSAGE_TOO_BIG) {
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG,
                                             .field = "body",
                                             .has_limit = true,
                                             .limit = HF_SHADOW_SECTION_BYTES_MAX},
                    "what is desired may have %d bytes and %d levels", HF_SHADOW_SECTION_BYTES_MAX,
                    HF_SHADOW_DEPTH_MAX);
        return false;
    }
    return hf_api_bad(request, "body",
                      "a push is a merge patch of what is desired: {\"desired\":{\"interval\":5}}");
}

/* False: answered. A burst may pass by as many as are on their way into the log. */
static bool may_begin(struct hf_api_request *request)
{
    struct hf_kv_txn *txn = NULL;
    uint64_t waiting = 0;
    hf_err err = hf_kv_read(request->api->backend->kv, &txn);

    if (err == HF_OK)
        err = hf_push_rows_waiting(txn, &waiting);
    hf_kv_end(txn);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return false;
    }
    if (waiting < HF_PUSHES_WAITING_MAX)
        return true;
    hf_api_fail(request,
                &(struct hf_api_trouble){.reason = HF_REASON_BUSY,
                                         .has_limit = true,
                                         .limit = HF_PUSHES_WAITING_MAX,
                                         .has_observed = true,
                                         .observed = waiting,
                                         .retry_ms = 1000},
                "so many pushes are not done yet");
    return false;
}

void hf_api_push_post(struct hf_api_request *request)
{
    struct hf_call wish = {.event_type = HF_EVENT_PUSH, .format = HF_FORMAT_JSON, .payload = request->body};
    char who[HF_API_WHO_BYTES_MAX];

    if (!take_group(request, &wish.topic))
        return;
    if (request->idempotency_key.at != NULL) { /* to ignore it would promise what is not kept */
        (void)hf_api_bad(request, "Idempotency-Key",
                         "Idempotency-Key is taken for messages and commands only; a push that comes again "
                         "leaves everything as it is");
        return;
    }
    if (!hf_api_content_is(request, "application/merge-patch+json")) {
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_UNSUPPORTED_DATA, .field = "Content-Type"},
                    "Content-Type must be application/merge-patch+json");
        return;
    }
    if (!check_change(request) || !may_begin(request))
        return;
    wish.flags = HF_EVENT_FLAG_TEXT;
    wish.key = hf_api_who(request, who);
    hf_api_new_id(request, wish.id);
    hf_api_call(request, hf_api_call_new(request, HF_CALL_RECORD, &wish), on_recorded);
}
