#include "app/refused.h"

#include <stdio.h>

#include "app/worker.h"

bool hf_refused_take(struct hf_refused *refused, uint64_t now_ms, uint64_t *ret_left_out)
{
    static const struct hf_rate_limit limit = {.per_second = HF_REFUSED_LINES_PER_S,
                                               .capacity = HF_REFUSED_LINES_AT_ONCE};

    if (!hf_rate_take(&refused->rate, &limit, 1, now_ms)) {
        refused->left_out++;
        return false;
    }
    *ret_left_out = refused->left_out;
    refused->left_out = 0;
    return true;
}

static enum hf_log_event event_of(enum hf_reason reason)
{
    unsigned status = hf_reason_info(reason)->http_status;

    if (reason == HF_REASON_TLS_FAILED || reason == HF_REASON_TLS_TIMEOUT)
        return HF_LOG_CONN_ERROR;
    return status == 401 || (status == 403 && reason != HF_REASON_ORIGIN_FORBIDDEN) ? HF_LOG_AUTH_FAILED
                                                                                    : HF_LOG_CONN_REFUSED;
}

void hf_worker_on_refused(void *context, const struct hf_link *link, uint64_t conn_id,
                          const struct hf_http_refusal *refusal)
{
    struct hf_worker *worker = context;
    char peer[64] = "", error[HF_TLS_ERROR_BYTES] = "", left_out[24] = "";
    uint64_t count = 0;

    if (!hf_refused_take(&worker->refused, worker->loop->now_ms, &count))
        return;
    link->ops->peer(link, peer, sizeof(peer));
    if (refusal->reason == HF_REASON_TLS_FAILED) /* of a handshake OpenSSL knows more than we do */
        hf_tls_failure(hf_stream_ssl(hf_stream_of((struct hf_link *)link)), error, sizeof(error));
    if (count > 0)
        (void)snprintf(left_out, sizeof(left_out), "%llu", (unsigned long long)count);
    hf_log(&worker->gateway->logger, event_of(refusal->reason), HF_F_CONN(conn_id),
           HF_F_DEVICE(refusal->device), HF_F_TENANT(refusal->tenant),
           HF_F_SLICE("claimed", refusal->claimed), HF_F_STR("peer", peer), HF_F_REASON(refusal->reason),
           HF_F_STR("check", refusal->check), HF_F_STR("field", refusal->field),
           HF_F_SLICE("detail", refusal->detail), HF_F_STR("error", error[0] != '\0' ? error : NULL),
           HF_F_STR("left_out", left_out[0] != '\0' ? left_out : NULL), HF_F_END);
}
