/* adapter/api/contexts.c - documents of devices and groups (RC-12): read, as a whole or from a version on, and changed by a patch. The version is the ETag. */
#include "adapter/api/message_text.h"
#include "adapter/api/patch.h"
#include "base/uuid.h"
#include "core/document/document.h"
#include "core/document/json_tree.h"

enum { NAME_BYTES_MAX = sizeof("group/") + HF_GROUP_BYTES_MAX };

static const char group_prefix[] = "group/";

/* ---- what is asked ---- */

/* The document's name; of a group in `storage`. */
static bool take_name(struct hf_api_request *request, bool group, char storage[NAME_BYTES_MAX],
                      struct hf_slice *ret_name)
{
    struct hf_slice name = hf_api_argument(request, 0);
    struct hf_sb sb;

    if (!group)
        return hf_api_device_argument(request, ret_name);
    if (!hf_id_valid(name, HF_GROUP_BYTES_MAX))
        return hf_api_bad(request, "group", "a group is 1 to %d of A-Z a-z 0-9 . _ : @ -",
                          HF_GROUP_BYTES_MAX);
    hf_sb_init(&sb, storage, NAME_BYTES_MAX);
    hf_sb_text(&sb, group_prefix);
    hf_sb_slice(&sb, name);
    *ret_name = hf_sb_done(&sb);
    return true;
}

static bool take_merge(struct hf_api_request *request, struct hf_call_document *document)
{
    char storage[16];
    struct hf_slice text;

    if (!hf_api_param(request, "merge", storage, sizeof(storage), &text))
        return false;
    document->merge = (uint8_t)(text.at != NULL ? hf_merge_by_name(text) : HF_MERGE_KEEP);
    return (text.at == NULL || document->merge != HF_MERGE_KEEP) && document->merge <= HF_MERGE_CONFLICT_FREE
               ? true
               : hf_api_bad(request, "merge", "merge must be lww, version or conflict_free");
}

static void too_big(struct hf_api_request *request, size_t observed)
{
    hf_api_fail(request,
                &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG,
                                         .field = "body",
                                         .has_limit = true,
                                         .limit = HF_DOCUMENT_BYTES_MAX,
                                         .has_observed = observed > 0,
                                         .observed = observed},
                "a document may have %d bytes, %d levels and %d members, and an object in it %d members",
                HF_DOCUMENT_BYTES_MAX, HF_DOCUMENT_DEPTH_MAX, HF_DOCUMENT_WRITES_MAX, HF_JSON_MEMBERS_MAX);
}

/* ---- answers ---- */

static void write_document(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = context;
    const struct hf_call_document *document = &call->document;
    struct hf_slice json = {call->result, call->result_bytes};
    char id[HF_UUID_TEXT_BYTES + 1];

    hf_uuid_text(document->snapshot_id, id);
    hf_json_out_object(out, NULL);
    hf_json_out_text(out, call->device.bytes > hf_api_argument(request, 0).bytes ? "group" : "device",
                     hf_api_argument(request, 0));
    hf_json_out_u64(out, "version", document->version);
    hf_json_out_cstr(out, "snapshot_id", id);
    hf_json_out_cstr(out, "merge", hf_merge_name(document->merge));
    if (document->ttl_ms != 0)
        hf_json_out_u64(out, "ttl_ms", document->ttl_ms);
    hf_time_out(out, "updated", document->updated_ms);
    if (document->kind == HF_PATCH_FULL && json.bytes > 0)
        hf_json_out_raw(out, "document", json);
    else if (json.bytes > 0) {
        hf_json_out_u64(out, "from_version", document->base_version);
        hf_json_out_raw(out, "patch", json);
    }
    hf_json_out_end(out);
}

static void reply(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(call, storage);

    hf_api_reply_json(
        request,
        &(struct hf_api_reply){
            .status = 200, .headers = &etag, .header_count = 1, .bytes_hint = 1024 + call->result_bytes},
        write_document, call);
}

static void fail(struct hf_api_request *request)
{
    struct hf_call *call = request->call;

    if (call->reason == HF_REASON_MESSAGE_TOO_BIG)
        too_big(request, 0);
    else if (call->reason == HF_REASON_BAD_REQUEST)
        (void)hf_api_bad(
            request, "body",
            "the body names a path that is not there, or would leave something that is not an object");
    else if (call->reason == HF_REASON_NOT_FOUND)
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    call->document.change ? "this device was never connected" : "it has no context");
    else
        hf_api_fail_call(request, call);
}

/* ---- GET ---- */

static void on_read(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    uint64_t has = call->document.base_version;
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(call, storage);

    if (call->reason != HF_REASON_NONE) {
        fail(request);
        return;
    }
    if (has == 0 && request->if_none_match.at != NULL && !hf_api_etag_parse(request->if_none_match, &has))
        has = 0; /* of something else: not what is here */
    if (has != call->document.version) {
        reply(request);
        return;
    }
    hf_http_answer(request->exchange,
                   &(struct hf_http_answer){.status = 304, .headers = &etag, .header_count = 1});
}

static void get(struct hf_api_request *request, bool group)
{
    struct hf_call wish = {0};
    char storage[NAME_BYTES_MAX];

    if (take_name(request, group, storage, &wish.device) &&
        hf_api_param_u64(request, "since", 1, UINT64_MAX, &wish.document.base_version))
        hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DOCUMENT, &wish), on_read);
}

void hf_api_device_context_get(struct hf_api_request *request)
{
    get(request, false);
}

void hf_api_group_context_get(struct hf_api_request *request)
{
    get(request, true);
}

/* ---- PATCH ---- */

static void write_conflict(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = context;

    (void)request;
    hf_json_out_object(out, NULL);
    hf_http1_problem_members(
        out, &(struct hf_http1_problem_doc){
                 .reason = HF_REASON_VERSION_CONFLICT,
                 .detail = HF_SLICE("change `document` instead, and send If-Match with its version")});
    hf_json_out_u64(out, "version", call->document.version);
    if (call->result_bytes > 0)
        hf_json_out_raw(out, "document", (struct hf_slice){call->result, call->result_bytes});
    hf_json_out_end(out);
}

static void on_patched(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    char storage[HF_API_ETAG_BYTES];
    struct hf_http1_header etag = hf_api_etag(call, storage);

    if (call->reason == HF_REASON_NONE) {
        reply(request);
        return;
    }
    if (call->reason != HF_REASON_VERSION_CONFLICT) {
        fail(request);
        return;
    }
    request->api->http->stats.refused_reason[HF_REASON_VERSION_CONFLICT]++;
    hf_api_reply_json(request,
                      &(struct hf_api_reply){.status = hf_reason_info(call->reason)->http_status,
                                             .headers = &etag,
                                             .header_count = 1,
                                             .bytes_hint = 1024 + call->result_bytes,
                                             .content_type = "application/problem+json"},
                      write_conflict, call);
}

static void patch(struct hf_api_request *request, bool group)
{
    struct hf_call wish = {.payload = request->body, .document.change = true};
    char storage[NAME_BYTES_MAX], who[HF_API_WHO_BYTES_MAX];
    uint64_t ttl_ms = 0;

    if (!take_name(request, group, storage, &wish.device) || !hf_api_take_patch(request, &wish.document) ||
        !hf_api_take_base(request, &wish.document) || !take_merge(request, &wish.document) ||
        !hf_api_param_u64(request, "ttl_ms", 1, UINT32_MAX, &ttl_ms))
        return;
    if (request->body.bytes > HF_DOCUMENT_BYTES_MAX) {
        too_big(request, request->body.bytes);
        return;
    }
    wish.document.ttl_ms = (uint32_t)ttl_ms;
    wish.key = hf_api_who(request, who);
    hf_api_new_id(request, wish.id);
    hf_api_call_raw(request, hf_api_call_new(request, HF_CALL_DOCUMENT, &wish), on_patched);
}

void hf_api_device_context_patch(struct hf_api_request *request)
{
    patch(request, false);
}

void hf_api_group_context_patch(struct hf_api_request *request)
{
    patch(request, true);
}
