#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/api/request.h"
#include "base/uuid.h"

enum { REPLY_BYTES_MAX = 64 << 20 };

/* Of a refusal that came without a word: what is not there is named by the path, and a reader of the answer has only that. */
static const struct hint {
    enum hf_reason reason;
    const char *path, *field, *detail; /* path: how the route's pattern begins; the first that fits counts */
} hints[] = {
    {HF_REASON_NOT_FOUND, "/v1/devices/{}/sip", "device", "no SIP message of this device is kept"},
    {HF_REASON_NOT_FOUND, "/v1/devices/{}", "device", "no device with this id was ever connected"},
    {HF_REASON_NOT_FOUND, "/v1/cameras/{}/channels/{}", "channel", "no camera with this id has this channel"},
    {HF_REASON_NOT_FOUND, "/v1/cameras/{}", "camera", "no camera with this id was ever registered"},
    {HF_REASON_NOT_FOUND, "/v1/messages/{}", "id", "there is no message with this id, or not any more"},
    {HF_REASON_NOT_FOUND, "/v1/commands/{}", "id", "there is no command with this id, or not any more"},
    {HF_REASON_NOT_FOUND, "/v1/broadcasts/{}", "id", "there is no broadcast with this id, or not any more"},
    {HF_REASON_NOT_FOUND, "/v1/keys/{}", "id",
     "no key with this id was made by POST /v1/keys; those of the configuration are removed there"},
    {HF_REASON_BUSY, "/v1/listeners/{}", NULL,
     "another dry run is at work; ask again when it has its answer"},
    {HF_REASON_ID_CONFLICT, "/v1/devices/{}", "Idempotency-Key",
     "another request had this key; take a new key for each thing that is to happen once"},
};

static const struct hint *hint_of(const struct hf_api_request *request, enum hf_reason reason)
{
    for (size_t i = 0; request->route != NULL && i < HF_COUNT_OF(hints); i++)
        if (hints[i].reason == reason &&
            strncmp(request->route->pattern, hints[i].path, strlen(hints[i].path)) == 0)
            return &hints[i];
    return NULL;
}

static void fail(struct hf_api_request *request, const struct hf_api_trouble *trouble, struct hf_slice detail)
{
    if (!hf_api_open(request))
        return;
    const struct hint *hint = detail.bytes == 0 ? hint_of(request, trouble->reason) : NULL;
    hf_http_problem(request->exchange, &(struct hf_http1_problem_doc){
                                           .reason = trouble->reason,
                                           .status = trouble->status,
                                           .detail = hint != NULL ? hf_slice_of(hint->detail) : detail,
                                           .check = trouble->check,
                                           .field = hint != NULL ? hint->field : trouble->field,
                                           .has_limit = trouble->has_limit,
                                           .limit = trouble->limit,
                                           .has_observed = trouble->has_observed,
                                           .observed = trouble->observed,
                                           .retry_after_ms = trouble->retry_ms,
                                           .headers = trouble->headers,
                                           .header_count = trouble->header_count,
                                       });
}

__attribute__((format(printf, 3, 0))) static struct hf_slice format(char *out, size_t out_bytes,
                                                                    const char *detail, va_list arguments)
{
    int bytes = vsnprintf(out, out_bytes, detail, arguments);

    return (struct hf_slice){out, bytes < 0 ? 0 : HF_MIN((size_t)bytes, out_bytes - 1)};
}

void hf_api_fail(struct hf_api_request *request, const struct hf_api_trouble *trouble, const char *detail,
                 ...)
{
    char storage[HF_HTTP1_DETAIL_BYTES_MAX + 1];
    va_list arguments;

    va_start(arguments, detail);
    struct hf_slice text = format(storage, sizeof(storage), detail, arguments);
    va_end(arguments);
    fail(request, trouble, text);
}

bool hf_api_bad(struct hf_api_request *request, const char *field, const char *detail, ...)
{
    char storage[HF_HTTP1_DETAIL_BYTES_MAX + 1];
    va_list arguments;

    va_start(arguments, detail);
    struct hf_slice text = format(storage, sizeof(storage), detail, arguments);
    va_end(arguments);
    fail(request, &(struct hf_api_trouble){.reason = HF_REASON_BAD_REQUEST, .field = field}, text);
    return false;
}

void hf_api_fail_call(struct hf_api_request *request, const struct hf_call *call)
{
    fail(request,
         &(struct hf_api_trouble){
             .reason = (enum hf_reason)call->reason,
             .has_limit = call->limit != 0,
             .limit = call->limit,
             .has_observed = call->observed != 0,
             .observed = call->observed,
             .retry_ms = call->retry_ms == HF_RATE_NEVER ? 0 : call->retry_ms,
         },
         (struct hf_slice){NULL, 0});
}

void hf_api_fail_err(struct hf_api_request *request, hf_err err)
{
    enum hf_reason reason = err == HF_ERR_NOT_FOUND ? HF_REASON_NOT_FOUND
                            : err == HF_ERR_LIMIT || err == HF_ERR_BUSY || err == HF_ERR_TIMEOUT
                                ? HF_REASON_BUSY
                            : err == HF_ERR_NOMEM   ? HF_REASON_MEMORY_LIMIT
                            : err == HF_ERR_CORRUPT ? HF_REASON_LOG_DAMAGED
                                                    : HF_REASON_STORAGE_FAILED;

    fail(request, &(struct hf_api_trouble){.reason = reason}, (struct hf_slice){NULL, 0});
}

hf_err hf_api_text_make(struct hf_api_request *request, size_t bytes_hint, hf_api_writer *write,
                        void *context, struct hf_api_text *ret_text)
{
    size_t room = HF_MAX(bytes_hint, sizeof(ret_text->first));
    struct hf_json_out out;
    struct hf_sb sb;

    ret_text->grown = room > sizeof(ret_text->first) ? malloc(room) : NULL;
    for (;;) {
        if (room > sizeof(ret_text->first) && ret_text->grown == NULL)
            return HF_ERR_NOMEM;
        hf_sb_init(&sb, ret_text->grown ? ret_text->grown : ret_text->first, room);
        hf_json_out_init(&out, &sb);
        request->write_err = HF_OK;
        write(request, &out, context);
        if (request->write_err != HF_OK || !sb.overflow)
            break;
        free(ret_text->grown);
        room *= 4;
        ret_text->grown = room <= REPLY_BYTES_MAX ? malloc(room) : NULL;
    }
    if (request->write_err != HF_OK) { /* half a list would look like a whole one */
        free(ret_text->grown);
        return request->write_err;
    }
    HF_ASSERT(hf_json_out_complete(&out));
    ret_text->json = hf_sb_done(&sb);
    return HF_OK;
}

void hf_api_text_free(struct hf_api_text *text)
{
    free(text->grown);
}

void hf_api_reply_json(struct hf_api_request *request, const struct hf_api_reply *reply, hf_api_writer *write,
                       void *context)
{
    struct hf_api_text text;

    if (!hf_api_open(request))
        return;
    hf_err err = hf_api_text_make(request, reply->bytes_hint, write, context, &text);
    if (err != HF_OK) {
        hf_api_fail_err(request, err);
        return;
    }
    hf_http_answer(request->exchange,
                   &(struct hf_http_answer){.status = reply->status,
                                            .content_type = reply->content_type ? reply->content_type
                                                                                : "application/json",
                                            .body = text.json,
                                            .headers = reply->headers,
                                            .header_count = reply->header_count});
    hf_api_text_free(&text);
}

size_t hf_api_made_headers(const char *collection, const uint8_t id[16], bool replayed, char storage[96],
                           struct hf_http1_header headers[2])
{
    char text[HF_UUID_TEXT_BYTES + 1];
    struct hf_sb sb;
    size_t count = 0;

    hf_uuid_text(id, text);
    hf_sb_init(&sb, storage, 96);
    hf_sb_text(&sb, collection);
    hf_sb_text(&sb, text);
    headers[count++] = (struct hf_http1_header){HF_SLICE("Location"), hf_sb_done(&sb)};
    if (replayed)
        headers[count++] = (struct hf_http1_header){HF_SLICE("Idempotent-Replay"), HF_SLICE("true")};
    return count;
}
