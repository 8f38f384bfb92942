/* adapter/api/trust.c - POST /v1/listeners/{}/client-ca/dry-run: which sessions another set of client CAs would cut (TLS-9). The set travels in the body: what is tried is what the operator holds, before it
 * lies where the gateway would read it, and a key is no way to have the gateway open files. */
#include "adapter/api/request.h"

enum { SESSIONS = 100, SESSIONS_MAX = 1000 };

static bool take_cursor(struct hf_api_request *request, uint64_t *ret_conn)
{
    char storage[24];
    struct hf_slice text;

    if (!hf_api_param(request, "cursor", storage, sizeof(storage), &text))
        return false;
    *ret_conn = 0;
    for (size_t i = 2; i < text.bytes; i++) {
        char c = text.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;

        if (digit > 15)
            text.bytes = 0;
        *ret_conn = *ret_conn << 4 | digit;
    }
    return text.at == NULL || (text.bytes == 18 && memcmp(text.at, "c_", 2) == 0 && *ret_conn != 0) ||
           hf_api_bad(request, "cursor", "cursor must be the next_cursor of the page before");
}

static bool take_crl(struct hf_api_request *request, bool *ret_none)
{
    char storage[8];
    struct hf_slice text;

    if (!hf_api_param(request, "crl", storage, sizeof(storage), &text))
        return false;
    *ret_none = text.at != NULL;
    return text.at == NULL || hf_slice_is(text, "none") ||
           hf_api_bad(
               request, "crl",
               "crl can only be none; put the lists themselves into the body, beside the certificates");
}

static void on_done(struct hf_api_request *request)
{
    const struct hf_call *call = request->call;
    struct hf_slice text = {call->result, call->result_bytes};

    if (call->reason == HF_REASON_NONE)
        hf_http_answer(
            request->exchange,
            &(struct hf_http_answer){.status = 200, .content_type = "application/json", .body = text});
    else
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = (enum hf_reason)call->reason,
                                             .field = call->reason == HF_REASON_NOT_FOUND     ? "listener"
                                                      : call->reason == HF_REASON_BAD_REQUEST ? "body"
                                                                                              : NULL},
                    "%.*s", (int)text.bytes, text.at != NULL ? text.at : "");
}

void hf_api_client_ca_dry_run(struct hf_api_request *request)
{
    struct hf_call wish = {
        .topic = hf_api_argument(request, 0), .payload = request->body, .targets = SESSIONS};
    uint64_t after;
    bool without_crl;

    if (request->key_id[0] != '\0' && !request->all_tenants) {
        request->api->stats.forbidden++;
        hf_api_fail(
            request, &(struct hf_api_trouble){.reason = HF_REASON_FORBIDDEN, .check = "tenant"},
            "devices of all tenants may be behind a listener: it takes a key for all tenants (\"*\")");
        return;
    }
    if (!hf_api_param_u64(request, "limit", 1, SESSIONS_MAX, &wish.targets) ||
        !take_cursor(request, &after) || !take_crl(request, &without_crl))
        return;
    struct hf_call *call = hf_api_call_new(request, HF_CALL_TRUST, &wish);
    if (call != NULL) {
        call->offset = after;
        call->trust_without_crl = without_crl;
    }
    hf_api_call_raw(request, call, on_done);
}
