/* app/accept.c - from a listener to the adapter that speaks HTTP: who is let in at all, and who is sent away before a byte is read. */
#include <string.h>

#include "app/worker.h"
#include "base/assert.h"
#include "base/hash.h"
#include "codec/http1/problem.h"
#include "io/clock.h"

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

const struct hf_link_handler hf_worker_fresh = {
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
    if (hf_stream_open(worker->loop, fd, &options, &hf_worker_fresh, NULL, ret_stream) == HF_OK)
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
