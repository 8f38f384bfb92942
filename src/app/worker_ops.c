/* app/worker_ops.c - what the HTTP and WebSocket adapters ask of their worker: certificates, log lines, chance, room. */
#include <string.h>

#include "app/worker.h"
#include "io/entropy.h"

static bool ws_may_take(void *context)
{
    struct hf_worker *worker = context;

    return hf_gate_may_pass(&worker->gate, hf_worker_has_room(worker));
}

static void random_bytes(void *context, void *out, size_t bytes)
{
    (void)context;
    hf_entropy(out, bytes);
}

static hf_err ws_call(void *context, struct hf_call *call)
{
    struct hf_worker *worker = context;

    return hf_worker_backend_ops.call(&worker->backend, call);
}

/* In capitals, as WS-11 writes them: operators match on that. */
#define STATE_NAME(id, name) [id] = &#id[sizeof("HF_LINK_") - 1],
static const char *state_name(enum hf_link_state state)
{
    static const char *const names[HF_LINK_STATES] = {HF_LINK_STATE_MAP(STATE_NAME)};

    return names[state];
}
#undef STATE_NAME

static void ws_state(void *context, const struct hf_ws_conn *conn, enum hf_link_state before,
                     enum hf_link_event event, enum hf_link_state after, enum hf_reason reason)
{
    struct hf_worker *worker = context;
    struct hf_logger *logger = &worker->gateway->logger;
    struct hf_ws_conn_info info;

    if (!hf_log_enabled(logger, HF_LOG_CONN_STATE))
        return;
    hf_ws_conn_info(conn, &info);
    hf_log(logger, HF_LOG_CONN_STATE, HF_F_CONN(info.conn_id), HF_F_DEVICE(info.device),
           HF_F_TENANT(info.tenant), HF_F_PREV_STATE(state_name(before)),
           HF_F_STR("event", hf_link_event_name(event)), HF_F_STR("state", state_name(after)),
           HF_F_REASON(reason), HF_F_END);
}

static void ws_message(void *context, const struct hf_ws_conn *conn, size_t payload_bytes)
{
    struct hf_worker *worker = context;
    struct hf_logger *logger = &worker->gateway->logger;
    struct hf_ws_conn_info info;

    if (!hf_log_enabled(logger, HF_LOG_CONN_MSG))
        return;
    hf_ws_conn_info(conn, &info);
    hf_log(logger, HF_LOG_CONN_MSG, HF_F_CONN(info.conn_id), HF_F_DEVICE(info.device),
           HF_F_TENANT(info.tenant), HF_F_PAYLOAD_BYTES(payload_bytes), HF_F_END);
}

static void ws_log(void *context, const struct hf_ws_conn *conn, const char *event, enum hf_reason reason,
                   uint16_t code, enum hf_err err)
{
    struct hf_worker *worker = context;
    struct hf_logger *logger = &worker->gateway->logger;
    bool open = strcmp(event, "OPEN") == 0;
    enum hf_log_event id = open ? HF_LOG_CONN_OPEN : HF_LOG_CONN_CLOSE;
    struct hf_ws_conn_info info;
    char peer[64] = "";

    if (!hf_log_enabled(logger, id))
        return;
    hf_ws_conn_info(conn, &info);
    if (info.link != NULL && open)
        info.link->ops->peer(info.link, peer, sizeof(peer));
    if (open)
        hf_log(logger, id, HF_F_CONN(info.conn_id), HF_F_DEVICE(info.device), HF_F_TENANT(info.tenant),
               HF_F_STR("peer", peer), HF_F_STR("trace", info.trace[0] ? info.trace : NULL), HF_F_END);
    else
        hf_log(logger, id, HF_F_CONN(info.conn_id), HF_F_DEVICE(info.device), HF_F_TENANT(info.tenant),
               HF_F_PREV_STATE(state_name(info.state)), HF_F_CLOSE_CODE(code), HF_F_REASON(reason),
               HF_F_STR("error", err != HF_OK ? hf_err_name(err) : NULL),
               HF_F_STR("trace", info.trace[0] ? info.trace : NULL), HF_F_END);
}

static void http_set_peer(void *context, struct hf_link *link, const struct hf_proxy *proxy)
{
    union hf_address address = {0};

    (void)context;
    if (proxy->local)
        return;
    if (proxy->family == HF_PROXY_INET) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(proxy->source.port);
        memcpy(&address.v4.sin_addr, proxy->source.bytes, 4);
    } else if (proxy->family == HF_PROXY_INET6) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(proxy->source.port);
        memcpy(&address.v6.sin6_addr, proxy->source.bytes, 16);
    } else {
        return;
    }
    (void)hf_stream_set_peer(hf_stream_of(link), &address);
}

static void http_certificate(void *context, struct hf_link *link, struct hf_auth_certificate *ret)
{
    static _Thread_local struct hf_tls_identity identity; /* lives until the next request of this worker */
    struct ssl_st *ssl = hf_stream_ssl(hf_stream_of(link));
    enum hf_tls_reject reject;

    (void)context;
    *ret = (struct hf_auth_certificate){0};
    if (ssl == NULL || hf_tls_identity(ssl, &identity) != HF_OK)
        return;
    ret->tenant = hf_slice_of(identity.tenant);
    ret->device = hf_slice_of(identity.device);
    ret->fingerprint = identity.fingerprint;
    ret->not_after_ms = identity.not_after_utc_ms;
    /* The handshake may be long past: a request on a connection that was kept. */
    ret->denied = hf_tls_recheck(ssl, &reject) != HF_OK && reject == HF_TLS_REJECT_REVOKED;
}

static void http_refused(void *context, struct hf_slice tenant, struct hf_slice device, enum hf_reason reason)
{
    struct hf_worker *worker = context;

    hf_hub_refused(&worker->hub, tenant, device, reason);
}

const struct hf_http_ops hf_worker_http_ops = {
    .set_peer = http_set_peer,
    .certificate = http_certificate,
    .connect = hf_worker_connect_device,
    .refused = http_refused,
    .on_refused = hf_worker_on_refused,
};

static bool ws_certificate(void *context, struct hf_link *link, struct hf_slice tenant,
                           struct hf_slice device, struct hf_ws_certificate *ret_certificate)
{
    struct hf_worker *worker = context;
    struct ssl_st *ssl = hf_stream_ssl(hf_stream_of(link));
    struct hf_tls_identity identity;
    enum hf_tls_reject reject;

    if (ssl == NULL || hf_tls_identity(ssl, &identity) != HF_OK || !hf_slice_is(tenant, identity.tenant) ||
        !hf_slice_is(device, identity.device))
        return false;
    *ret_certificate = (struct hf_ws_certificate){
        .accepted = hf_tls_recheck(ssl, &reject) == HF_OK,
        .renewable = hf_renewal_has(worker->gateway->renewal, tenant),
        .not_before_ms = identity.not_before_utc_ms,
        .not_after_ms = identity.not_after_utc_ms,
    };
    memcpy(ret_certificate->fingerprint, identity.fingerprint, sizeof(ret_certificate->fingerprint));
    return true;
}

const struct hf_ws_site_ops hf_worker_ws_ops = {
    .certificate = ws_certificate,
    .move = hf_worker_move_session,
    .may_take = ws_may_take,
    .on_log = ws_log,
    .on_state = ws_state,
    .on_message = ws_message,
    .random = random_bytes,
    .call = ws_call,
};
