/* adapter/api/keys.c - keys made at run time, and revocations of devices and tokens (SEC-5, SEC-6). All of it is first a record of the log. */
#include <stdlib.h>

#include "adapter/api/request.h"
#include "core/rows.h"

enum { KEY_JSON_BYTES = 512, NAME_BYTES_MAX = 64, SCOPES_BYTES_MAX = 160, ROW_BYTES_MAX = 512 };

/* ---- the list ---- */

struct list {
    uint64_t limit;
    struct hf_slice after;
    char after_storage[HF_API_KEY_ID_BYTES_MAX + 1];
    struct hf_kv_txn *txn;
};

static void write_key(struct hf_json_out *out, struct hf_slice id, const struct hf_key_row *row,
                      const char *source)
{
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, "id", id);
    hf_json_out_text(out, "tenant", row->tenant);
    hf_json_out_text(out, "scopes", row->scopes);
    if (row->name.bytes > 0)
        hf_json_out_text(out, "name", row->name);
    hf_time_out(out, "created", row->created_ms);
    hf_time_out(out, "expires", row->expires_ms);
    hf_time_out(out, "revoked", row->revoked_ms);
    hf_json_out_cstr(out, "source", source);
    hf_json_out_end(out);
}

static void write_configured(const struct hf_api_request *request, struct hf_json_out *out)
{
    for (unsigned i = 0; i < request->api->key_count; i++) {
        const struct hf_api_key_config *key = &request->api->keys[i];
        char scopes[SCOPES_BYTES_MAX];
        struct hf_sb sb;

        if (!hf_slice_eq(key->tenant, request->tenant) &&
            !(request->all_tenants && hf_slice_is(key->tenant, "*")))
            continue;
        hf_sb_init(&sb, scopes, sizeof(scopes));
        hf_scopes_text(key->scopes, &sb);
        write_key(out, key->id, &(struct hf_key_row){.tenant = key->tenant, .scopes = hf_sb_done(&sb)},
                  "configuration");
    }
}

/* Rows lie in the order of their ids, tenants mixed; at most HF_API_SCAN_ROWS_MAX are looked at. */
static void write_rows(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                       struct hf_kv_cursor *cursor, struct hf_sb *last)
{
    struct hf_slice key, value;
    size_t items = 0, rows = 0;
    hf_err err = HF_OK;

    while (items < list->limit && rows++ < HF_API_SCAN_ROWS_MAX &&
           (err = hf_kv_next(cursor, &key, &value)) == HF_OK) {
        struct hf_key_row row;

        last->bytes = 0;
        hf_sb_slice(last, key);
        if (hf_key_row_decode(value, &row) != HF_OK || !hf_slice_eq(row.tenant, request->tenant))
            continue;
        items++;
        write_key(out, key, &row, "api");
    }
    if (err != HF_OK)
        last->bytes = 0; /* the end: no cursor */
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        request->write_err = err;
}

static void write_list(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    char storage[HF_API_KEY_ID_BYTES_MAX + 2], from[HF_API_KEY_ID_BYTES_MAX + 2];
    struct hf_sb last, start;
    struct hf_kv_cursor cursor;

    hf_sb_init(&last, storage, sizeof(storage));
    hf_sb_init(&start, from, sizeof(from));
    hf_json_out_object(out, NULL);
    hf_json_out_array(out, "keys");
    if (list->after.at == NULL)
        write_configured(request, out);
    else
        hf_sb_slice(&start, list->after), hf_sb_char(&start, 0);
    request->write_err =
        hf_kv_scan(list->txn, HF_KV_KEYS, (struct hf_slice){NULL, 0}, hf_sb_done(&start), false, &cursor);
    if (request->write_err == HF_OK) {
        write_rows(request, out, list, &cursor, &last);
        hf_kv_scan_end(&cursor);
    }
    hf_json_out_end(out);
    if (last.bytes > 0)
        hf_json_out_text(out, "next_cursor", hf_sb_done(&last));
    hf_json_out_end(out);
}

void hf_api_keys_list(struct hf_api_request *request)
{
    struct list list = {.limit = HF_API_PAGE_ITEMS};

    if (!hf_api_param_u64(request, "limit", 1, request->api->limits.page_items_max, &list.limit) ||
        !hf_api_param(request, "cursor", list.after_storage, sizeof(list.after_storage), &list.after))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &list.txn);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return;
    }
    hf_api_reply_json(request,
                      &(struct hf_api_reply){.status = 200, .bytes_hint = list.limit * KEY_JSON_BYTES},
                      write_list, &list);
    hf_kv_end(list.txn);
}

/* ---- making ---- */

struct made { /* request->part: the text is told once and wiped */
    char text[HF_API_KEY_TEXT_BYTES_MAX], id[HF_API_KEY_ID_BYTES_MAX + 1], name[NAME_BYTES_MAX + 1],
        scopes[SCOPES_BYTES_MAX];
    uint8_t sha256[HF_API_KEY_HASH_BYTES];
    uint64_t created_ms, expires_ms;
    struct hf_slice name_slice;
};

static void write_made(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct made *made = context;

    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "id", made->id);
    hf_json_out_cstr(out, "key", made->text);
    hf_json_out_text(out, "tenant", request->tenant);
    hf_json_out_cstr(out, "scopes", made->scopes);
    if (made->name[0] != '\0')
        hf_json_out_cstr(out, "name", made->name);
    hf_time_out(out, "created", made->created_ms);
    hf_time_out(out, "expires", made->expires_ms);
    hf_json_out_end(out);
}

static void on_key_applied(struct hf_api_request *request)
{
    struct made *made = request->part;

    hf_api_audit_request(request, "key.create", "key", hf_slice_of(made->id));
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 201}, write_made, made);
    explicit_bzero(made, sizeof(*made));
}

static void on_recorded(struct hf_api_request *request)
{
    hf_api_barrier(request, on_key_applied); /* so that it works from the answer on */
}

static void draw(struct hf_api_request *request, struct made *made)
{
    struct hf_backend *backend = request->api->backend;
    uint8_t random[HF_API_KEY_RANDOM_BYTES];
    struct hf_slice id = {NULL, 0};

    backend->ops->random(backend, random, sizeof(random));
    hf_api_key_generate(random, made->text, made->sha256);
    explicit_bzero(random, sizeof(random));
    hf_err err = hf_api_key_parse(hf_slice_of(made->text), &id);
    HF_ASSERT(err == HF_OK);
    memcpy(made->id, id.at, id.bytes);
}

static bool take_scopes(struct hf_api_request *request, struct hf_slice text, struct made *made)
{
    struct hf_slice unknown;
    uint32_t mask = 0;
    struct hf_sb sb;

    if (hf_scopes_parse(text, &mask, &unknown) != HF_OK)
        return hf_api_bad(
            request, "scopes",
            "scopes must name some of: devices:read devices:write messages:write commands:write "
            "events:read keys:admin metrics:read admin");
    if ((mask & ~request->scopes) != 0 && !hf_scope_allows(request->scopes, HF_SCOPE_ADMIN)) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_FORBIDDEN, .field = "scopes"},
                    "a key cannot give scopes that it does not have");
        return false;
    }
    hf_sb_init(&sb, made->scopes, sizeof(made->scopes));
    hf_scopes_text(mask, &sb);
    return true;
}

static bool take_wishes(struct hf_api_request *request, struct made *made)
{
    enum { NAME, SCOPES, EXPIRES, FIELDS };
    struct hf_json_field fields[FIELDS] = {[NAME] = HF_JSON_FIELD("name"),
                                           [SCOPES] = HF_JSON_FIELD("scopes"),
                                           [EXPIRES] = HF_JSON_FIELD("expires_ms")};
    char scopes_storage[SCOPES_BYTES_MAX], name_storage[NAME_BYTES_MAX];
    struct hf_slice scopes = {"", 0}, name = {NULL, 0};

    made->created_ms = request->api->http->utc_ms;
    if (!hf_api_want_json(request) || !hf_api_json(request, fields, FIELDS) ||
        !hf_api_member_text(request, &fields[NAME], NAME_BYTES_MAX, name_storage, sizeof(name_storage),
                            &name) ||
        !hf_api_member_text(request, &fields[SCOPES], sizeof(scopes_storage), scopes_storage,
                            sizeof(scopes_storage), &scopes) ||
        !hf_api_member_u64(request, &fields[EXPIRES], made->created_ms + 1, UINT64_MAX, &made->expires_ms) ||
        !take_scopes(request, scopes, made))
        return false;
    if (name.bytes > 0)
        memcpy(made->name, name.at, name.bytes);
    return true;
}

void hf_api_key_post(struct hf_api_request *request)
{
    struct made *made = calloc(1, sizeof(*made));
    uint8_t row_bytes[ROW_BYTES_MAX];

    request->part = made;
    if (made == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return;
    }
    if (!take_wishes(request, made))
        return;
    draw(request, made);
    struct hf_key_row row = {
        .created_ms = made->created_ms,
        .expires_ms = made->expires_ms,
        .tenant = request->tenant,
        .sha256 = {(const char *)made->sha256, sizeof(made->sha256)},
        .scopes = hf_slice_of(made->scopes),
        .name = hf_slice_of(made->name),
    };
    size_t bytes = hf_key_row_encode(&row, row_bytes, sizeof(row_bytes));
    HF_ASSERT(bytes > 0);
    struct hf_call wish = {.event_type = HF_EVENT_KEY_CREATED,
                           .key = hf_slice_of(made->id),
                           .payload = {(const char *)row_bytes, bytes}};
    hf_api_call(request, hf_api_call_new(request, HF_CALL_RECORD, &wish), on_recorded);
}

/* ---- taking back ---- */

static void on_revoked(struct hf_api_request *request)
{
    hf_api_audit_request(request, "key.revoke", "key", hf_api_argument(request, 0));
    if (hf_api_open(request))
        hf_http_answer(request->exchange, &(struct hf_http_answer){.status = 204});
}

static void on_revoke_recorded(struct hf_api_request *request)
{
    hf_api_barrier(request, on_revoked);
}

void hf_api_key_delete(struct hf_api_request *request)
{
    struct hf_call wish = {.event_type = HF_EVENT_KEY_REVOKED, .key = hf_api_argument(request, 0)};
    struct hf_kv_txn *txn = NULL;
    struct hf_key_row row;
    struct hf_slice value;
    bool mine = false;

    for (unsigned i = 0; i < request->api->key_count; i++)
        if (hf_slice_eq(request->api->keys[i].id, wish.key) &&
            (request->all_tenants || hf_slice_eq(request->api->keys[i].tenant, request->tenant))) {
            hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_POLICY, .status = 409},
                        "this key stands in the configuration: remove it there and reload");
            return;
        }
    hf_err err = hf_kv_read(request->api->backend->kv, &txn);
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_KEYS, wish.key, &value);
    if (err == HF_OK)
        mine = hf_key_row_decode(value, &row) == HF_OK && hf_slice_eq(row.tenant, request->tenant);
    hf_kv_end(txn);
    if (!mine)
        hf_api_fail_err(request, err == HF_OK || err == HF_ERR_INVALID ? HF_ERR_NOT_FOUND : err);
    else
        hf_api_call(request, hf_api_call_new(request, HF_CALL_RECORD, &wish), on_revoke_recorded);
}

/* ---- revocations ---- */

static const char device_prefix[] = "device:", token_prefix[] = "token:";

struct revocation { /* request->part */
    bool device;
    char what[HF_KEY_BYTES_MAX]; /* with its prefix */
    uint64_t until_ms;
};

static void write_revocation(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct revocation *revocation = request->part;
    const uint64_t *closed = context;

    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "revoked", revocation->what);
    hf_time_out(out, "until", revocation->until_ms);
    hf_json_out_u64(out, "closed", *closed);
    hf_json_out_end(out);
}

/* The live connections have been told to go. */
static void on_closed(struct hf_api_request *request)
{
    const struct revocation *revocation = request->part;
    struct hf_call *call = request->call;
    uint64_t closed = revocation->device ? call->reason == HF_REASON_NONE : call->written;

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_DEVICE_OFFLINE &&
        call->reason != HF_REASON_NOT_FOUND) {
        hf_api_fail_call(request, call);
        return;
    }
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_revocation, &closed);
}

/* The tables know: nobody comes in with it any more. Only now those who are in are sent away. */
static void on_revocation_applied(struct hf_api_request *request)
{
    const struct revocation *revocation = request->part;
    struct hf_call wish = {.event_type = HF_EVENT_REVOKED};

    hf_api_audit_request(request, "revoke", "what", hf_slice_of(revocation->what));
    if (revocation->device)
        wish.device = hf_slice_of(revocation->what + sizeof(device_prefix) - 1);
    else
        wish.key = hf_slice_of(revocation->what);
    hf_api_call_raw(request,
                    hf_api_call_new(request, revocation->device ? HF_CALL_DISCONNECT : HF_CALL_REVOKE, &wish),
                    on_closed);
}

static void on_revocation_recorded(struct hf_api_request *request)
{
    hf_api_barrier(request, on_revocation_applied);
}

static bool take_revocation(struct hf_api_request *request, struct revocation *revocation)
{
    enum { DEVICE, TOKEN, FIELDS };
    struct hf_json_field fields[FIELDS] = {
        [DEVICE] = HF_JSON_FIELD("device"), [TOKEN] = HF_JSON_FIELD("token_jti")};
    char storage[HF_DEVICE_BYTES_MAX];
    struct hf_slice device = {NULL, 0}, token = {NULL, 0};
    struct hf_sb sb;

    if (!hf_api_want_json(request) || !hf_api_json(request, fields, FIELDS))
        return false;
    if (fields[DEVICE].found == fields[TOKEN].found)
        return hf_api_bad(request, "device", "send exactly one of device and token_jti");
    if (!hf_api_member_text(request, &fields[DEVICE], HF_DEVICE_BYTES_MAX, storage, sizeof(storage),
                            &device) ||
        !hf_api_member_text(request, &fields[TOKEN], HF_AUTH_JTI_BYTES_MAX, storage, sizeof(storage), &token))
        return false;
    revocation->device = fields[DEVICE].found;
    if (revocation->device && !hf_id_valid(device, HF_DEVICE_BYTES_MAX))
        return hf_api_bad(request, "device", "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -");
    if (!revocation->device && (token.bytes == 0 || memchr(token.at, 0, token.bytes) != NULL))
        return hf_api_bad(request, "token_jti", "token_jti must be the jti claim of a token, 1 to %d bytes",
                          HF_AUTH_JTI_BYTES_MAX);
    hf_sb_init(&sb, revocation->what, sizeof(revocation->what));
    hf_sb_text(&sb, revocation->device ? device_prefix : token_prefix);
    hf_sb_slice(&sb, revocation->device ? device : token);
    return true;
}

void hf_api_revocation_post(struct hf_api_request *request)
{
    struct revocation *revocation = calloc(1, sizeof(*revocation));
    struct hf_call wish = {.event_type = HF_EVENT_REVOKED};

    request->part = revocation;
    if (revocation == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return;
    }
    if (!take_revocation(request, revocation))
        return;
    wish.key = hf_slice_of(revocation->what);
    if (revocation->device)
        wish.device = hf_slice_of(revocation->what + sizeof(device_prefix) - 1);
    hf_api_call(request, hf_api_call_new(request, HF_CALL_RECORD, &wish), on_revocation_recorded);
}
