/* client/session/core_http.c - the opening handshake (WS-4): a fresh key for every attempt; the whole answer is checked before any frame. */
#include "client/session/core_internal.h"
#include "codec/http1/response.h"
#include "codec/json/scan.h"
#include "core/session/backoff.h"

static const char subprotocol[] = "holdfast.v1";

hf_err hf_client_core_open(struct hf_client_core *core, const struct hf_client_time *now,
                           const struct hf_client_request *request)
{
    uint8_t nonce[HF_WS_NONCE_BYTES];
    struct hf_sb sb;
    char *storage = (char *)core->out;
    hf_err err;

    hf_core_enter(core, now);
    if (core->phase != HF_PHASE_CONNECTING) {
        hf_core_leave(core);
        return HF_ERR_INVALID;
    }
    for (size_t i = 0; i < sizeof(nonce); i += 8) {
        uint64_t draw = hf_rng_u64(&core->rng);

        memcpy(nonce + i, &draw, 8);
    }
    HF_ASSERT(core->out_bytes == 0 && core->bundle_bytes == 0);
    core->link.path.suspect = request->other_name ? HF_PATH_NAME : 0;
    hf_ws_client_init(&core->link.handshake, nonce, HF_SLICE("holdfast.v1"), NULL);
    hf_sb_init(&sb, storage, HF_CLIENT_OUT_BYTES);
    err = hf_ws_client_write_request(&core->link.handshake, request->target, request->host, request->fields,
                                     &sb);
    if (err != HF_OK) {
        core->link.ending.failure = HF_CLIENT_FAILED_LOCAL;
        hf_core_text(core, HF_SLICE("the path, the host or a header field cannot be sent as it is"));
        hf_core_finish(core, false, HF_LINK_EV_HS_FAIL);
        err = HF_ERR_INVALID;
    } else {
        core->out_at = 0;
        core->out_bytes = sb.bytes;
        core->phase = HF_PHASE_UPGRADING;
        core->phase_due_ms = now->now_ms + HF_CLIENT_UPGRADE_MS;
    }
    hf_core_leave(core);
    return err;
}

static void refuse(struct hf_client_core *core, enum hf_client_failure failure, struct hf_slice text)
{
    core->link.ending.failure = failure;
    hf_core_text(core, text);
    hf_core_finish(core, false, HF_LINK_EV_HS_FAIL);
}

/* Retry-After in seconds (RFC 9110 10.2.3); its other form, a date, is not for devices without a clock. */
static uint32_t retry_after_ms(const struct hf_http1_response *response)
{
    uint64_t seconds;

    if (!hf_slice_to_u64(hf_http1_find(response->headers, response->header_count, "Retry-After"), &seconds))
        return 0;
    return (uint32_t)HF_MIN(seconds, (uint64_t)HF_RETRY_MS_MAX / 1000) * 1000;
}

/* A refused upgrade counts as this close code (doc/protocol.md section 7). */
static uint16_t code_of(unsigned status)
{
    switch (status) {
    case 401: return 4401;
    case 403: return 4403;
    case 429: return 4429;
    case 503: return HF_WS_CODE_TRY_LATER;
    default: return 0;
    }
}

/* A problem document (RFC 9457) names the reason; its detail says more than its title, which is the reason's own text. */
static void refused(struct hf_client_core *core, const struct hf_http1_response *response,
                    struct hf_slice body)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("reason"), HF_JSON_FIELD("detail"),
                                     HF_JSON_FIELD("title")};
    struct hf_ending *ending = &core->link.ending;
    struct hf_slice text;
    char storage[HF_CLIENT_TEXT_BYTES];
    bool auth = response->status == 401 || response->status == 403;

    if (hf_json_scan(body.at, body.bytes, fields, HF_COUNT_OF(fields), 0) == HF_OK) {
        if (hf_json_to_text(&fields[0], storage, sizeof(storage), &text) == HF_OK)
            ending->reason = hf_reason_by_name(text);
        for (size_t i = 1; i < HF_COUNT_OF(fields); i++)
            if (hf_json_to_text(&fields[i], storage, sizeof(storage), &text) == HF_OK)
                hf_core_text(core, text);
    }
    ending->code = code_of(response->status);
    ending->by_peer = true;
    ending->retry_ms = retry_after_ms(response);
    refuse(core, auth ? HF_CLIENT_FAILED_AUTH : HF_CLIENT_FAILED_HTTP,
           HF_SLICE("the gateway did not answer 101 Switching Protocols"));
}

static void judge(struct hf_client_core *core, const struct hf_http1_response *response)
{
    struct hf_ws_client *handshake = &core->link.handshake;
    enum hf_ws_refusal refusal;

    for (size_t i = 0; i < response->header_count; i++)
        hf_ws_client_field(handshake, response->headers[i].name, response->headers[i].value);
    refusal = hf_ws_client_check(handshake, response->status);
    if (refusal != HF_WS_REFUSAL_NONE)
        refuse(core, HF_CLIENT_FAILED_PROTOCOL, hf_slice_of(hf_ws_refusal_info(refusal)->text));
    else if (!hf_slice_is(handshake->protocol, subprotocol))
        refuse(core, HF_CLIENT_FAILED_PROTOCOL, HF_SLICE("the gateway does not speak holdfast.v1"));
    else
        hf_core_hello(core);
}

void hf_core_http(struct hf_client_core *core, uint8_t *data, size_t bytes)
{
    static const struct hf_http1_limits limits = {HF_HTTP1_LINE_BYTES_MAX, HF_HTTP1_HEAD_BYTES_MAX,
                                                  HF_HTTP1_HEADERS_MAX, 0};
    struct hf_http1_response response;
    struct hf_ws_assembly *held;
    struct hf_slice all;
    size_t head_bytes = 0;
    hf_err err = hf_ws_assembly_add(&core->link.in, &core->memory, HF_CLIENT_HEAD_BYTES_MAX, data, bytes);

    if (err != HF_OK) {
        refuse(core, err == HF_ERR_NOMEM ? HF_CLIENT_FAILED_LOCAL : HF_CLIENT_FAILED_PROTOCOL,
               hf_slice_of(hf_err_text(err)));
        return;
    }
    all = hf_ws_assembly_slice(core->link.in);
    err = hf_http1_parse_response(all.at, all.bytes, HF_HTTP1_GET, &limits, NULL, &response, &head_bytes);
    if (err == HF_ERR_AGAIN)
        return;
    if (err != HF_OK) {
        refuse(core, HF_CLIENT_FAILED_PROTOCOL, hf_slice_of(hf_http1_problem_info(response.problem)->text));
        return;
    }
    if (response.status != 101) {
        if (response.has_length && all.bytes - head_bytes < response.content_length &&
            response.content_length <= HF_CLIENT_HEAD_BYTES_MAX - head_bytes)
            return; /* the rest of the problem document, within the deadline of this stage */
        refused(core, &response, (struct hf_slice){all.at + head_bytes, all.bytes - head_bytes});
        return;
    }
    held = core->link.in; /* what follows the head is frames already */
    core->link.in = NULL;
    judge(core, &response);
    if (all.bytes > head_bytes && core->phase == HF_PHASE_GREETING)
        hf_core_ws(core, held->data + head_bytes, all.bytes - head_bytes);
    hf_ws_assembly_clear(&held, &core->memory);
}
