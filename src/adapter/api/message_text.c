#include "adapter/api/message_text.h"

#include "base/uuid.h"

static const char *const collections[] = {"/v1/messages/", "/v1/commands/", "/v1/broadcasts/"};

static enum hf_api_kind kind_of(const struct hf_message_row *row)
{
    return row->device.bytes == 0 ? HF_API_BROADCAST : row->command ? HF_API_COMMAND : HF_API_MESSAGE;
}

bool hf_api_find_message(struct hf_api_request *request, enum hf_api_kind kind, struct hf_kv_txn **ret_txn,
                         struct hf_message_row *ret_row)
{
    hf_err err = hf_api_message_row(request->api, request->id, ret_txn, ret_row);

    /* Another tenant's id looks like no id at all. */
    if (err == HF_OK && (!hf_slice_eq(ret_row->tenant, request->tenant) || kind_of(ret_row) != kind)) {
        hf_kv_end(*ret_txn);
        *ret_txn = NULL;
        err = HF_ERR_NOT_FOUND;
    }
    if (err != HF_OK)
        hf_api_fail_err(request, err);
    return err == HF_OK;
}

unsigned hf_api_fate_now(const struct hf_api *api, const struct hf_message_row *row)
{
    bool over = hf_fate_final((unsigned)row->fate, row->command != 0);

    return !over && row->expires_ms != 0 && row->expires_ms <= api->http->utc_ms ? HF_FATE_EXPIRED
                                                                                 : (unsigned)row->fate;
}

static void write_message(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_message_row *row = context;
    enum hf_api_kind kind = kind_of(row);
    unsigned fate = hf_api_fate_now(request->api, row);
    unsigned reason = row->reason != 0          ? (unsigned)row->reason
                      : fate == HF_FATE_EXPIRED ? HF_REASON_EXPIRED
                                                : 0;
    char id[HF_UUID_TEXT_BYTES + 1];

    hf_uuid_text(request->id, id);
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "id", id);
    if (row->device.bytes > 0)
        hf_json_out_text(out, "device", row->device);
    hf_json_out_cstr(out, "state", hf_fate_name(fate));
    if (reason != HF_REASON_NONE) {
        hf_json_out_cstr(out, "reason", hf_reason_name(reason));
        hf_json_out_cstr(out, "detail", hf_reason_info(reason)->text);
    }
    if (row->topic.bytes > 0)
        hf_json_out_text(out, kind == HF_API_COMMAND ? "name" : "topic", row->topic);
    hf_time_out(out, "created", row->created_ms);
    hf_time_out(out, "updated", row->updated_ms);
    hf_time_out(out, "expires", row->expires_ms);
    hf_json_out_u64(out, "offset", row->offset);
    if (kind == HF_API_BROADCAST) {
        hf_json_out_u64(out, "targets", row->targets);
        hf_json_out_u64(out, "written", row->written);
    }
    hf_payload_out(out, "result", (unsigned)row->format, (unsigned)row->flags, row->result);
    hf_json_out_end(out);
}

void hf_api_message_state(struct hf_api_request *request, hf_api_handler *next)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_message_row row;
    struct hf_call *call = NULL;

    if (!hf_api_find_message(request, HF_API_MESSAGE, &txn, &row))
        return;
    bool ask = row.fate == HF_FATE_QUEUED;
    if (ask) {
        struct hf_call wish = {.device = row.device};

        memcpy(wish.id, request->id, sizeof(wish.id));
        call = hf_api_call_new(request, HF_CALL_STATE, &wish);
    }
    hf_kv_end(txn);
    if (ask)
        hf_api_call(request, call, next);
    else
        next(request);
}

void hf_api_reply_message(struct hf_api_request *request, enum hf_api_kind kind, unsigned status,
                          bool replayed)
{
    struct hf_http1_header headers[2];
    struct hf_kv_txn *txn = NULL;
    struct hf_message_row row;
    char storage[96];
    struct hf_api_reply reply = {.headers = headers};

    if (!hf_api_find_message(request, kind, &txn, &row))
        return;
    if (request->call != NULL && request->call->type == HF_CALL_STATE &&
        request->call->fate != HF_FATE_NONE && row.fate == HF_FATE_QUEUED)
        row.fate = request->call->fate;
    reply.status = status                                                                 ? status
                   : hf_fate_final(hf_api_fate_now(request->api, &row), row.command != 0) ? 200
                                                                                          : 202;
    if (status != 200)
        reply.header_count = hf_api_made_headers(collections[kind], request->id, replayed, storage, headers);
    reply.bytes_hint = 1024 + 2 * row.result.bytes;
    hf_api_reply_json(request, &reply, write_message, &row);
    hf_kv_end(txn);
}
