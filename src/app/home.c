/* app/home.c - a device that has shown who it is comes to the worker that is its home: at once, or by a move from the one that accepted it. What was taken back meanwhile
 * (certificates, tokens) holds there, too. */
#include <stdlib.h>

#include "app/worker.h"
#include "codec/http1/problem.h"
#include "codec/ws/close.h"
#include "io/clock.h"

static bool certificate_good(struct hf_link *link)
{
    struct ssl_st *ssl = hf_stream_ssl(hf_stream_of(link));
    enum hf_tls_reject reject;

    return ssl == NULL || hf_tls_recheck(ssl, &reject) == HF_OK;
}

/* From here on it is a session with its certificate. One that the CA set of today does not take, because that came in the middle of its handshake, ends with the next
 * sweep. */
static void session_begun(struct hf_worker *worker, struct hf_link *link, uint64_t conn_id)
{
    struct ssl_st *ssl = hf_stream_ssl(hf_stream_of(link));

    if (ssl != NULL && hf_tls_session_begin(ssl, conn_id) != HF_OK)
        worker->deny_generation = UINT64_MAX;
}

/* A deny-list or CRL has changed, or a CA set and it was seen whom it ends (app/trust.h): live sessions end within a second (TLS-3). */
void hf_worker_recheck_certificates(struct hf_worker *worker)
{
    uint64_t generation = hf_gateway_deny_generation(worker->gateway);

    if (generation == worker->deny_generation)
        return;
    worker->deny_generation = generation;
    unsigned closed = hf_ws_site_recheck(&worker->ws, certificate_good);
    if (closed > 0)
        hf_log(&worker->gateway->logger, HF_LOG_AUDIT,
               HF_F_STR("what", "certificates denied, sessions closed"), HF_F_U64("sessions", closed),
               HF_F_END);
}

/* ---- to another worker ---- */

static hf_err move_link(struct hf_worker *worker, struct hf_link *link, const struct hf_ws_admit *admit,
                        unsigned home, const uint8_t *unread, size_t bytes)
{
    struct hf_move *move = malloc(sizeof(*move));

    if (move == NULL)
        return HF_ERR_NOMEM;
    move->admit = *admit;
    /* Room first: once detached there is no way back to an answer. A full mailbox is no reason to say no: a fleet that comes back fills it within one turn of its
     * reader, and whoever is sent away then comes again. */
    if (worker->backlog_total >= HF_WORKER_BACKLOG_MAX ||
        hf_stream_detach(hf_stream_of(link), unread, bytes, &move->seat) != HF_OK) {
        free(move);
        return HF_ERR_BUSY;
    }
    hf_worker_post_always(worker, home, HF_POST_MOVE, move);
    worker->moved_out++;
    return HF_OK;
}

/* A refusal after the connection has arrived at its home: the request is still unanswered. */
static void refuse_link(struct hf_link *link, const struct hf_ws_admit *admit, enum hf_reason reason)
{
    char answer[HF_HTTP1_PROBLEM_BYTES_MAX];
    struct hf_http1_problem_doc doc = {.reason = reason, .close = true};
    struct hf_sb sb;

    hf_sb_init(&sb, answer, sizeof(answer));
    if (admit->upgraded) { /* a Close frame before every deliberate end (WS-10) */
        const struct hf_reason_info *info = hf_reason_info(reason);
        uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX], head[HF_WS_HEAD_BYTES_MAX];
        size_t bytes = hf_ws_close_payload_named(payload, info->ws_code ? info->ws_code : HF_WS_CODE_INTERNAL,
                                                 hf_slice_of(info->name), info->retry_ms);

        hf_sb_add(&sb, head, hf_ws_encode_head(head, HF_WS_OP_CLOSE, HF_WS_FIN, bytes, NULL));
        hf_sb_add(&sb, payload, bytes);
    } else {
        (void)hf_http1_problem(&sb, &doc);
    }
    (void)link->ops->write(link, sb.at, sb.bytes);
    link->ops->flush(link);
    link->ops->abort(link);
}

/* What was taken back while it was on its way: who ended the live connections then, of certificates, tokens and devices, did not see this one. */
static bool still_good(struct hf_worker *worker, struct hf_link *link, const struct hf_identity *identity)
{
    return certificate_good(link) && !hf_auth_revoked(worker->auth, identity);
}

static void time_upgrade(struct hf_worker *worker, const struct hf_ws_admit *admit)
{
    hf_hist_record(&worker->stages.upgrade, hf_clock_us() - admit->upgrade_from_us - admit->auth_us);
}

static bool let_in(struct hf_worker *worker, struct hf_link *link, const struct hf_ws_admit *admit,
                   enum hf_reason *ret_reason)
{
    *ret_reason = HF_REASON_REVOKED;
    if (!still_good(worker, link, &admit->identity) ||
        hf_ws_open(&worker->ws, link, admit, ret_reason) != HF_OK)
        return false;
    if (!admit->upgraded) /* else that was before it moved */
        time_upgrade(worker, admit);
    session_begun(worker, link, admit->conn_id);
    return true;
}

void hf_worker_on_move(struct hf_worker *worker, struct hf_move *move)
{
    const struct hf_identity *identity = &move->admit.identity;
    struct hf_stream *stream = NULL;
    enum hf_reason reason = HF_REASON_MEMORY_LIMIT;
    bool in = false;

    if (worker->closed) {
        hf_stream_seat_discard(&move->seat);
        free(move);
        return;
    }
    worker->moved_in++;
    if (hf_stream_attach(worker->loop, &move->seat, &hf_worker_fresh, NULL, &stream) == HF_OK)
        in = let_in(worker, &stream->link, &move->admit, &reason);
    if (!in)
        hf_hub_refused(&worker->hub, identity->tenant->name,
                       (struct hf_slice){identity->device, identity->device_bytes}, reason);
    if (stream == NULL)
        hf_stream_seat_discard(&move->seat); /* no way to an answer */
    else if (!in)
        refuse_link(&stream->link, &move->admit, reason);
    free(move);
}

bool hf_worker_connect_device(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
                              const uint8_t *unread, size_t unread_bytes, enum hf_reason *ret_reason)
{
    struct hf_worker *worker = context;
    const struct hf_identity *identity = &admit->identity;
    struct hf_slice device = {identity->device, identity->device_bytes};

    if (worker->draining) {
        *ret_reason = HF_REASON_DRAIN;
        return false;
    }
    if (hf_worker_storage_refuses(worker)) {
        *ret_reason = HF_REASON_STORAGE_FULL;
        return false;
    }
    unsigned home = identity->tenant && !identity->any /* else HELLO will say who it is */
                        ? hf_hub_home(identity->tenant->name, device, worker->gateway->worker_count)
                        : worker->index;
    if (home != worker->index) {
        *ret_reason = HF_REASON_BUSY;
        return move_link(worker, link, admit, home, unread, unread_bytes) == HF_OK;
    }
    if (hf_ws_open(&worker->ws, link, admit, ret_reason) != HF_OK) {
        if (identity->tenant != NULL)
            hf_hub_refused(&worker->hub, identity->tenant->name, device, *ret_reason);
        return false;
    }
    time_upgrade(worker, admit);
    session_begun(worker, link, admit->conn_id);
    if (unread_bytes > 0)
        link->handler->on_data(link, (uint8_t *)unread, unread_bytes); /* frames that came with the request */
    return true;
}

hf_err hf_worker_move_session(void *context, struct hf_link *link, struct hf_ws_admit *admit,
                              const uint8_t *unread, size_t bytes)
{
    struct hf_worker *worker = context;
    struct hf_slice device = {admit->identity.device, admit->identity.device_bytes};
    hf_err err = move_link(worker, link, admit,
                           hf_hub_home(admit->identity.tenant->name, device, worker->gateway->worker_count),
                           unread, bytes);

    if (err == HF_OK)
        free(admit); /* a copy travels */
    return err;
}
