/* app/accept.c - from an accepted socket to the adapter that speaks its protocol, and to the worker that is the home of its device. */
#include <stdio.h>
#include <stdlib.h>

#include "app/worker.h"
#include "base/assert.h"
#include "base/hash.h"
#include "codec/http1/problem.h"
#include "codec/ws/close.h"
#include "io/clock.h"
#include "io/entropy.h"

/* A handler for the moment between the stream's opening and the adapter's taking over. */
static void no_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    (void)link, (void)data, (void)bytes;
}

static void nothing(struct hf_link *link)
{
    (void)link;
}

static void no_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)link, (void)end, (void)sys_errno;
}

static const struct hf_link_handler fresh = {
    .on_data = no_data, .on_drained = nothing, .on_blocked = nothing, .on_end = no_end};

/* Unique over workers, restarts and nodes: a counter, mixed with a random seed per worker. Never 0. */
uint64_t hf_worker_conn_id(struct hf_worker *worker)
{
    uint64_t id = hf_hash_mix(worker->conn_seed + ++worker->conn_count);

    return id ? id : 1;
}

/* ---- refusal before a byte is read ---- */

/* Answers are rationed: an answered refusal is four system calls and a whole TCP goodbye, a reset is one. A flood gets resets, a client
 * that is refused in ordinary times hears why and when to come back. */
static const struct hf_rate_limit answered_refusals = {.per_second = 500, .capacity = 1000};

static void refuse(struct hf_worker *worker, int fd, bool tls, enum hf_reason reason)
{
    char answer[HF_HTTP1_PROBLEM_BYTES_MAX];
    struct hf_http1_problem_doc doc = {.reason = reason, .close = true};
    struct hf_sb sb;

    /* TLS: nothing could be said before a handshake that we do not want to pay. */
    if (tls || !hf_rate_take(&worker->refusals, &answered_refusals, 1, worker->loop->now_ms)) {
        hf_socket_reset(fd);
        return;
    }
    hf_sb_init(&sb, answer, sizeof(answer));
    (void)hf_http1_problem(&sb, &doc);
    hf_socket_refuse(fd, answer, sb.bytes);
}

void hf_worker_count_seats(struct hf_worker *worker, unsigned reserved)
{
    int64_t moved = (int64_t)(worker->moved_out - worker->moved_in);

    atomic_store(&worker->seats, (int64_t)worker->loop->stats.streams_now + moved + reserved);
}

static uint64_t seats_taken(const struct hf_gateway *gateway)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < gateway->worker_count; i++)
        sum += atomic_load(&gateway->workers[i]->seats);
    return sum > 0 ? (uint64_t)sum : 0;
}

static enum hf_reason decide(struct hf_worker *worker, const struct sockaddr_storage *peer, bool tls,
                             uint64_t others)
{
    union hf_address address = hf_address_of(peer);

    if (address.any.sa_family == AF_INET)
        return hf_admission_decide(&worker->admission, (const uint8_t *)&address.v4.sin_addr, 4, tls, others,
                                   worker->loop->now_ms);
    if (address.any.sa_family == AF_INET6)
        return hf_admission_decide(&worker->admission, (const uint8_t *)&address.v6.sin6_addr, 16, tls,
                                   others, worker->loop->now_ms);
    return HF_REASON_BAD_REQUEST;
}

/* Taken before it is counted: of two workers that take the last seat in the same moment at least one sees the other. */
enum hf_reason hf_worker_admit(struct hf_worker *worker, const struct sockaddr_storage *peer, bool tls)
{
    hf_worker_count_seats(worker, 1);
    uint64_t taken = seats_taken(worker->gateway);
    enum hf_reason reason = decide(worker, peer, tls, taken > 0 ? taken - 1 : 0);

    if (reason != HF_REASON_NONE)
        hf_worker_count_seats(worker, 0);
    return reason;
}

/* ---- taking over ---- */

static void on_tls_ready(struct hf_link *link)
{
    struct hf_stream *stream = hf_stream_of(link);
    struct hf_worker *worker = stream->loop->user;
    struct hf_tls_timing timing;

    hf_tls_timing(hf_stream_ssl(stream), &timing);
    if (timing.finished_us > timing.handshake_start_us) {
        uint64_t took_us = timing.finished_us - timing.handshake_start_us;
        union hf_address peer = hf_stream_peer(stream);

        hf_hist_record(&worker->stages.tls, took_us);
        hf_regions_record(worker->gateway->regions, &peer, took_us, worker->loop->now_ms);
    }
    hf_http_secured(link);
}

bool hf_worker_storage_refuses(const struct hf_worker *worker)
{
    uint64_t since_ms =
        atomic_load_explicit(&worker->gateway->log_thread.failing_since_ms, memory_order_relaxed);

    return since_ms != 0 && worker->loop->now_ms > since_ms + worker->rules->config->log.full_grace_ms;
}

/* Who may say who the peer is: only the load balancers that are listed, or anybody could take any address (WS-22). */
static bool proxy_allowed(const struct hf_worker *worker, const struct hf_gateway_listener *shared,
                          const struct sockaddr_storage *peer)
{
    const struct hf_config *config = worker->rules->config;
    union hf_address address = hf_address_of(peer);
    bool v6 = address.any.sa_family == AF_INET6;
    const uint8_t *bytes =
        v6 ? (const uint8_t *)&address.v6.sin6_addr : (const uint8_t *)&address.v4.sin_addr;

    for (size_t l = 0; l < config->listeners.count; l++) {
        const struct hf_config_listener *listener = &config->listeners.at[l];

        for (size_t i = 0; strcmp(listener->name, shared->name) == 0 && i < listener->proxy_allow.count; i++)
            if (hf_config_cidr_holds(listener->proxy_allow.at[i], bytes, v6 ? 16 : 4))
                return true;
    }
    return false;
}

/* The kernel knows how long it waited, but by ticks: within one, it counts from the begin of this turn. */
static void time_accept(struct hf_worker *worker, int fd)
{
    uint64_t waited_us = (uint64_t)hf_socket_waited_ms(fd) * 1000;

    hf_hist_record(&worker->stages.accept, HF_MAX(waited_us, hf_clock_us() - worker->loop->now_us));
}

/* HF_REASON_NONE: the descriptor is the stream's. */
static enum hf_reason open_stream(struct hf_worker *worker, int fd, const struct hf_gateway_listener *shared,
                                  uint64_t conn_id, struct hf_stream **ret_stream)
{
    struct hf_stream_options options = {.conn_id = conn_id, .on_ready = on_tls_ready};

    if (shared->tls != NULL) {
        options.ssl = hf_tls_accept_new(shared->tls);
        if (options.ssl == NULL)
            return HF_REASON_MEMORY_LIMIT;
    }
    if (hf_stream_open(worker->loop, fd, &options, &fresh, NULL, ret_stream) == HF_OK)
        return HF_REASON_NONE;
    SSL_free(options.ssl);
    return HF_REASON_MEMORY_LIMIT;
}

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct hf_worker_listener *here = hf_listener_user(listener);
    struct hf_worker *worker = here->worker;
    struct hf_gateway_listener *shared = here->shared;
    bool limited = (shared->roles & HF_HTTP_ADMIN) == 0; /* an operator gets in when nobody else does */
    enum hf_reason reason = limited ? hf_worker_admit(worker, peer, shared->tls != NULL) : HF_REASON_NONE;
    uint64_t conn_id = hf_worker_conn_id(worker);
    struct hf_stream *stream = NULL;

    if (reason == HF_REASON_NONE && shared->proxy_protocol && !proxy_allowed(worker, shared, peer))
        reason = HF_REASON_FORBIDDEN;
    if (reason == HF_REASON_NONE)
        reason = open_stream(worker, fd, shared, conn_id, &stream);
    hf_worker_count_seats(worker, 0); /* the seat is the stream's now, or the next one's */
    if (reason != HF_REASON_NONE) {
        refuse(worker, fd, shared->tls != NULL, reason);
        return;
    }
    time_accept(worker, fd);
    struct hf_http_options http = {.roles = shared->roles,
                                   .tls = shared->tls != NULL,
                                   .proxy_protocol = shared->proxy_protocol,
                                   .conn_id = conn_id};
    hf_err err = shared->echo ? hf_echo_open(&worker->echo, &stream->link, worker->loop->now_ms)
                              : hf_http_open(&worker->http, &stream->link, &http);
    if (err != HF_OK) {
        stream->link.ops->abort(&stream->link);
        hf_worker_count_seats(worker, 0);
    }
}

hf_err hf_worker_listen(struct hf_worker *worker, struct hf_gateway_listener *shared,
                        struct hf_worker_listener *ret_listener)
{
    struct hf_listener_options options = {
        .address = shared->address,
        .first = worker->index == 0,
        .budget = HF_WORKER_ACCEPTS_PER_TURN,
        .user_timeout_ms = (unsigned)worker->rules->config->heartbeat.dead_ms,
        .refusal = ret_listener->refusal,
        .on_accept = on_accept,
        .user = ret_listener,
    };

    if (shared->tls != NULL) { /* nothing could be said before a handshake */
        options.refusal = NULL;
    } else {
        struct hf_sb sb;

        hf_sb_init(&sb, ret_listener->refusal, sizeof(ret_listener->refusal));
        (void)hf_http1_problem(
            &sb, &(struct hf_http1_problem_doc){.reason = HF_REASON_DESCRIPTOR_LIMIT, .close = true});
        hf_sb_char(&sb, '\0');
        HF_ASSERT(!sb.overflow);
    }
    ret_listener->worker = worker;
    ret_listener->shared = shared;
    hf_err err = hf_listener_open(worker->loop, &options, &ret_listener->listener);
    if (err == HF_OK)
        shared->address = hf_listener_address(
            ret_listener->listener); /* the first worker learns the port, the others join it */
    return err;
}

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

/* ---- devices ---- */

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
    if (hf_stream_attach(worker->loop, &move->seat, &fresh, NULL, &stream) == HF_OK)
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

static bool http_connect(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
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

static hf_err ws_move(void *context, struct hf_link *link, struct hf_ws_admit *admit, const uint8_t *unread,
                      size_t bytes)
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
    .connect = http_connect,
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
    .move = ws_move,
    .may_take = ws_may_take,
    .on_log = ws_log,
    .on_state = ws_state,
    .on_message = ws_message,
    .random = random_bytes,
    .call = ws_call,
};
