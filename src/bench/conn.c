#include "bench/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "codec/http1/response.h"
#include "codec/ws/close.h"
#include "codec/ws/handshake.h"
#include "codec/ws/mask.h"
#include "io/clock.h"
#include "io/entropy.h"

enum { NS_PER_MS = 1000000, AUTH_CLOSE = 4401, FORBIDDEN_CLOSE = 4403 };

struct hf_bench_handshake {
    struct hf_ws_client client;
    size_t head_bytes; /* of the answer so far */
    char head[HF_BENCH_HEAD_BYTES_MAX];
};

static void *memory_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

void hf_bench_net_init(struct hf_bench_net *net)
{
    net->ws = (struct hf_ws_config){
        .role = HF_WS_CLIENT,
        .message_bytes_max = HF_WS_MESSAGE_BYTES_MAX,
        .fragments_max = HF_WS_FRAGMENTS_MAX,
        .memory = {.resize = memory_resize},
    };
    hf_rng_seed(&net->rng, hf_entropy_u64());
}

static bool is_flood(const struct hf_bench_net *net)
{
    return net->config->mode == HF_BENCH_FLOOD;
}

/* Back to idle with everything freed. */
static void conn_reset(struct hf_bench_conn *conn, bool abort)
{
    struct hf_bench_net *net = conn->net;

    if (conn->state == HF_BENCH_CONN_OPEN || conn->state == HF_BENCH_CONN_CLOSING)
        net->open--;
    else if (conn->state != HF_BENCH_CONN_IDLE)
        net->opening--;
    conn->state = HF_BENCH_CONN_IDLE;
    hf_wheel_cancel(net->wheel, &conn->timer);
    if (is_flood(net))
        hf_bench_wire_rest(&conn->wire);
    else
        hf_bench_wire_close(&conn->wire, abort);
    hf_ws_decoder_deinit(&conn->decoder);
    hf_ws_assembly_clear(&conn->assembly, &net->ws.memory);
    free(conn->handshake);
    conn->handshake = NULL;
    free(conn->out);
    conn->out = NULL;
    conn->out_at = conn->out_bytes = 0;
}

static void conn_fail(struct hf_bench_conn *conn, enum hf_bench_cause cause)
{
    if (!conn->net->ending)
        conn->net->result->cause[cause]++;
    conn_reset(conn, true);
    conn->net->handler->on_end(conn, hf_clock_ns());
}

static void conn_closed(struct hf_bench_conn *conn)
{
    conn->net->result->closed++;
    conn_reset(conn, true);
    conn->net->handler->on_end(conn, hf_clock_ns());
}

static void on_due(struct hf_timer *timer, uint64_t now_ms);

void hf_bench_conn_init(struct hf_bench_conn *conn, struct hf_bench_net *net, uint32_t index)
{
    *conn = (struct hf_bench_conn){.net = net, .wire = {.fd = -1}, .index = index};
    hf_timer_init(&conn->timer, on_due);
    hf_ws_decoder_init(&conn->decoder, &net->ws, false);
}

void hf_bench_conn_dial(struct hf_bench_conn *conn, uint64_t intended_ns, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;
    const struct sockaddr_storage *source = NULL;
    enum hf_bench_cause cause;

    HF_ASSERT(conn->state == HF_BENCH_CONN_IDLE);
    if (net->sources->count > 0)
        source = &net->sources->address[net->source_next++ % net->sources->count];
    conn->state = HF_BENCH_CONN_TCP;
    conn->intended_ns = intended_ns;
    conn->stage_ns = now_ns;
    net->opening++;
    net->result->attempted++;
    hf_wheel_arm(net->wheel, &conn->timer,
                 (now_ns + (is_flood(net) ? net->config->patience_ns : net->config->timeout_ns)) / NS_PER_MS);
    if (!hf_bench_wire_dial(&conn->wire, net->epoll_fd, conn, net->target, source,
                            net->sources->address_bytes, &cause))
        conn_fail(conn, cause);
}

static void conn_opened(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;

    free(conn->handshake);
    conn->handshake = NULL;
    conn->state = HF_BENCH_CONN_OPEN;
    net->opening--;
    net->open++;
    net->result->opened++;
    hf_wheel_cancel(net->wheel, &conn->timer);
    hf_hist_record(&net->result->open, now_ns - conn->intended_ns);
    hf_ws_decoder_init(&conn->decoder, &net->ws, false);
    net->handler->on_open(conn, now_ns);
}

/* ---- handshake ---- */

static bool handshake_new(struct hf_bench_conn *conn, uint64_t now_ns)
{
    uint8_t nonce[HF_WS_NONCE_BYTES];

    conn->handshake = malloc(sizeof(*conn->handshake));
    if (conn->handshake == NULL)
        return false;
    conn->state = HF_BENCH_CONN_UPGRADE;
    conn->stage_ns = now_ns;
    conn->handshake->head_bytes = 0;
    hf_entropy(nonce, sizeof(nonce));
    hf_ws_client_init(&conn->handshake->client, nonce, hf_slice_of(conn->net->config->protocol), NULL);
    return true;
}

static void upgrade_begin(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;
    char path[HF_BENCH_HEAD_BYTES_MAX], request[HF_BENCH_HEAD_BYTES_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, request, sizeof(request));
    if (!handshake_new(conn, now_ns) || !net->write_path(net->user, conn, path, sizeof(path)) ||
        hf_ws_client_write_request(&conn->handshake->client, hf_slice_of(path),
                                   hf_slice_of(net->target->authority), HF_SLICE(""), &sb) != HF_OK) {
        conn_fail(conn, HF_BENCH_LOCAL);
        return;
    }
    ssize_t n = hf_bench_wire_write(&conn->wire, request, sb.bytes);

    if (n != (ssize_t)sb.bytes) /* a fresh socket takes 8 KB, or it is broken */
        conn_fail(conn, HF_BENCH_REFUSED);
}

static void answer_refused(struct hf_bench_conn *conn, unsigned status)
{
    hf_bench_codes_add(&conn->net->result->http_status, status, 1);
    conn_fail(conn, status == 401 || status == 403 ? HF_BENCH_AUTH_REFUSED
                    : status == 101                ? HF_BENCH_PROTOCOL
                                                   : HF_BENCH_HTTP_REFUSED);
}

/* Gathers the head; returns how many bytes of `data` belong to it, 0 while incomplete or when the connection ended. */
static size_t take_answer(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_handshake *handshake = conn->handshake;
    struct hf_http1_response response;
    size_t before = handshake->head_bytes, taken = HF_MIN(bytes, sizeof(handshake->head) - before),
           head_bytes;

    memcpy(handshake->head + before, data, taken);
    handshake->head_bytes += taken;
    hf_err err = hf_http1_parse_response(handshake->head, handshake->head_bytes, HF_HTTP1_GET, NULL, NULL,
                                         &response, &head_bytes);

    if (err == HF_ERR_AGAIN && handshake->head_bytes < sizeof(handshake->head))
        return 0;
    if (err != HF_OK) {
        conn_fail(conn, HF_BENCH_PROTOCOL);
        return 0;
    }
    for (size_t i = 0; i < response.header_count; i++)
        hf_ws_client_field(&handshake->client, response.headers[i].name, response.headers[i].value);
    if (hf_ws_client_check(&handshake->client, response.status) != HF_WS_REFUSAL_NONE) {
        answer_refused(conn, response.status);
        return 0;
    }
    hf_hist_record(&conn->net->result->upgrade, now_ns - conn->stage_ns);
    conn_opened(conn, now_ns);
    return head_bytes - before;
}

static void tls_step(struct hf_bench_conn *conn, uint64_t now_ns)
{
    int outcome = hf_bench_wire_tls_step(&conn->wire);

    if (outcome == HF_BENCH_IO_AGAIN)
        return;
    if (outcome != 0) {
        conn_fail(conn, HF_BENCH_TLS_FAILED);
        return;
    }
    hf_hist_record(&conn->net->result->tls, now_ns - conn->stage_ns);
    if (conn->net->config->raw_tcp)
        conn_opened(conn, now_ns);
    else
        upgrade_begin(conn, now_ns);
}

static void connected(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;
    enum hf_bench_cause cause;

    if (!hf_bench_wire_connected(&conn->wire, &cause)) {
        conn_fail(conn, cause);
        return;
    }
    hf_hist_record(&net->result->tcp, now_ns - conn->stage_ns);
    if (net->tls != NULL) {
        conn->state = HF_BENCH_CONN_TLS;
        conn->stage_ns = now_ns;
        if (hf_bench_wire_tls_begin(&conn->wire, net->tls, net->target->host))
            tls_step(conn, now_ns);
        else
            conn_fail(conn, HF_BENCH_LOCAL);
    } else if (net->config->raw_tcp) {
        conn_opened(conn, now_ns);
    } else {
        upgrade_begin(conn, now_ns);
    }
}

/* A flood's connection has heard something before it spoke: that it is refused, in words or by a reset. */
static void refused_unasked(struct hf_bench_conn *conn, uint64_t now_ns)
{
    enum hf_bench_cause cause;

    if (!hf_bench_wire_connected(&conn->wire, &cause))
        conn_fail(conn, cause);
    else if (conn->net->tls != NULL)
        conn_fail(conn, HF_BENCH_REFUSED);
    else if (!handshake_new(conn, now_ns))
        conn_fail(conn, HF_BENCH_LOCAL);
}

static void on_due(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_bench_conn *conn = HF_CONTAINER_OF(timer, struct hf_bench_conn, timer);
    struct hf_bench_net *net = conn->net;
    uint64_t timeout_ms = (conn->stage_ns + net->config->timeout_ns) / NS_PER_MS;

    if (conn->state == HF_BENCH_CONN_CLOSING) {
        conn_closed(conn);
    } else if (is_flood(net) && now_ms < timeout_ms) {
        hf_wheel_arm(net->wheel, &conn->timer, timeout_ms);
        if (conn->state == HF_BENCH_CONN_SILENT) /* patience is over */
            connected(conn, hf_clock_ns());
    } else {
        conn_fail(conn, HF_BENCH_TIMEOUT);
    }
}

/* ---- frames ---- */

static void peer_closes(struct hf_bench_conn *conn, uint16_t code)
{
    if (conn->state == HF_BENCH_CONN_CLOSING) {
        conn_closed(conn); /* our Close, answered */
        return;
    }
    hf_bench_codes_add(&conn->net->result->close_code, code, 1);
    conn_fail(conn, code == AUTH_CLOSE || code == FORBIDDEN_CLOSE ? HF_BENCH_AUTH_REFUSED : HF_BENCH_LOST);
}

static void take_part(struct hf_bench_conn *conn, const struct hf_ws_event *event, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;

    if (event->first && event->last) {
        net->handler->on_message(conn, event->slice, event->slice_bytes, now_ns);
        return;
    }
    if (hf_ws_assembly_add(&conn->assembly, &net->ws.memory, HF_WS_MESSAGE_BYTES_MAX, event->slice,
                           event->slice_bytes) != HF_OK) {
        conn_fail(conn, HF_BENCH_LOCAL);
        return;
    }
    if (!event->last)
        return;
    struct hf_ws_assembly *whole = conn->assembly; /* ours: the handler may end the connection */

    conn->assembly = NULL;
    net->handler->on_message(conn, whole->data, whole->bytes, now_ns);
    hf_ws_assembly_clear(&whole, &net->ws.memory);
}

static bool is_open(const struct hf_bench_conn *conn)
{
    return conn->state == HF_BENCH_CONN_OPEN || conn->state == HF_BENCH_CONN_CLOSING;
}

static void take_frames(struct hf_bench_conn *conn, uint8_t *data, size_t bytes, uint64_t now_ns)
{
    while (bytes > 0 && is_open(conn)) {
        struct hf_ws_event event;
        size_t taken;

        if (hf_ws_decoder_feed(&conn->decoder, data, bytes, &taken, &event) != HF_OK) {
            conn_fail(conn, HF_BENCH_PROTOCOL);
            return;
        }
        data += taken;
        bytes -= taken;
        switch (event.type) {
        case HF_WS_PART: take_part(conn, &event, now_ns); break;
        case HF_WS_PING: (void)hf_bench_conn_send(conn, HF_WS_OP_PONG, event.slice, event.slice_bytes); break;
        case HF_WS_CLOSE: peer_closes(conn, event.code); break;
        case HF_WS_PONG:
        case HF_WS_NEED_MORE: break;
        }
    }
}

/* Keeps what the kernel did not take; it goes out at the next EPOLLOUT. */
static bool keep_rest(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes)
{
    conn->out = malloc(bytes);
    if (conn->out == NULL)
        return false;
    memcpy(conn->out, data, bytes);
    conn->out_at = 0;
    conn->out_bytes = (uint32_t)bytes;
    return true;
}

static void send_rest(struct hf_bench_conn *conn, uint64_t now_ns)
{
    while (conn->out != NULL) {
        ssize_t n =
            hf_bench_wire_write(&conn->wire, conn->out + conn->out_at, conn->out_bytes - conn->out_at);

        if (n == HF_BENCH_IO_AGAIN)
            return;
        if (n < 0)
            return; /* the read side finds out why */
        conn->out_at += (uint32_t)n;
        if (conn->out_at == conn->out_bytes) {
            free(conn->out);
            conn->out = NULL;
        }
    }
    if (conn->state == HF_BENCH_CONN_OPEN)
        conn->net->handler->on_writable(conn, now_ns);
}

hf_err hf_bench_conn_send(struct hf_bench_conn *conn, enum hf_ws_opcode opcode, const void *data,
                          size_t bytes)
{
    struct hf_bench_net *net = conn->net;
    size_t head_bytes = 0;

    HF_ASSERT(bytes <= HF_BENCH_PAYLOAD_BYTES_MAX);
    if (conn->state != HF_BENCH_CONN_OPEN)
        return HF_ERR_CLOSED;
    if (conn->out != NULL)
        return HF_ERR_AGAIN;
    if (net->config->raw_tcp) {
        memcpy(net->out, data, bytes);
    } else {
        uint8_t mask[4];

        hf_put_u32(mask, (uint32_t)hf_rng_u64(&net->rng));
        head_bytes = hf_ws_encode_head(net->out, opcode, HF_WS_FIN, bytes, mask);
        if (bytes > 0)
            memcpy(net->out + head_bytes, data, bytes);
        hf_ws_mask(net->out + head_bytes, bytes, mask, 0);
    }
    ssize_t n = hf_bench_wire_write(&conn->wire, net->out, head_bytes + bytes);

    if (n == (ssize_t)(head_bytes + bytes))
        return HF_OK;
    if (n == HF_BENCH_IO_AGAIN)
        n = 0;
    if (n < 0)
        return HF_ERR_CLOSED; /* EPOLLERR or the next read reports it */
    return keep_rest(conn, net->out + n, head_bytes + bytes - (size_t)n) ? HF_OK : HF_ERR_CLOSED;
}

/* ---- the socket's events ---- */

static void take_bytes(struct hf_bench_conn *conn, uint8_t *data, size_t bytes, uint64_t now_ns)
{
    if (conn->state == HF_BENCH_CONN_UPGRADE) {
        size_t head_bytes = take_answer(conn, data, bytes, now_ns);

        if (head_bytes == 0)
            return;
        data += head_bytes;
        bytes -= head_bytes;
    }
    if (conn->net->config->raw_tcp && conn->state == HF_BENCH_CONN_OPEN)
        conn->net->handler->on_message(conn, data, bytes, now_ns);
    else
        take_frames(conn, data, bytes, now_ns);
}

/* TLS 1.3: a server refuses our certificate after our side of the handshake is done, by an alert. */
static bool is_late_alert(const struct hf_bench_conn *conn, ssize_t outcome)
{
    return conn->wire.ssl != NULL && outcome == HF_BENCH_IO_ERROR;
}

static void at_end_of_stream(struct hf_bench_conn *conn, ssize_t outcome)
{
    switch (conn->state) {
    case HF_BENCH_CONN_TCP:
    case HF_BENCH_CONN_SILENT: conn_fail(conn, HF_BENCH_REFUSED); break;
    case HF_BENCH_CONN_UPGRADE:
        conn_fail(conn, is_late_alert(conn, outcome) ? HF_BENCH_TLS_FAILED : HF_BENCH_REFUSED);
        break;
    case HF_BENCH_CONN_TLS: conn_fail(conn, HF_BENCH_TLS_FAILED); break;
    case HF_BENCH_CONN_OPEN: conn_fail(conn, HF_BENCH_LOST); break;
    case HF_BENCH_CONN_CLOSING: conn_closed(conn); break;
    case HF_BENCH_CONN_IDLE: break;
    }
}

/* Edge-triggered: reads until the socket is empty. A read that did not fill the buffer is the last one of a plain
 * socket, unless the peer has also ended. */
static void readable(struct hf_bench_conn *conn, bool to_the_end, uint64_t now_ns)
{
    struct hf_bench_net *net = conn->net;

    while (conn->state >= HF_BENCH_CONN_UPGRADE) {
        ssize_t n = hf_bench_wire_read(&conn->wire, net->in, sizeof(net->in));

        if (n == HF_BENCH_IO_AGAIN)
            return;
        if (n < 0) {
            at_end_of_stream(conn, n);
            return;
        }
        take_bytes(conn, net->in, (size_t)n, now_ns);
        if (conn->wire.ssl == NULL && (size_t)n < sizeof(net->in) && !to_the_end)
            return;
    }
}

/* A flood's, which lets the other side speak first. */
static bool is_patient(const struct hf_bench_conn *conn)
{
    return is_flood(conn->net) && conn->net->config->patience_ns > 0 &&
           (conn->state == HF_BENCH_CONN_TCP || conn->state == HF_BENCH_CONN_SILENT);
}

void hf_bench_conn_event(struct hf_bench_conn *conn, uint32_t epoll_events, uint64_t now_ns)
{
    bool end = (epoll_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

    if (is_patient(conn)) {
        if (end || (epoll_events & EPOLLIN))
            refused_unasked(conn, now_ns);
        else
            conn->state = HF_BENCH_CONN_SILENT;
    } else if (conn->state == HF_BENCH_CONN_TCP && (epoll_events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
        connected(conn, now_ns);
    else if (conn->state == HF_BENCH_CONN_TLS)
        tls_step(conn, now_ns);
    else if ((epoll_events & EPOLLOUT) && conn->out != NULL)
        send_rest(conn, now_ns);
    if (!(epoll_events & EPOLLIN) && !end)
        return;
    readable(conn, end, now_ns);
    if (conn->state == HF_BENCH_CONN_OPEN)
        conn->net->handler->on_read_over(conn);
}

void hf_bench_conn_close(struct hf_bench_conn *conn, uint64_t now_ns)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

    if (conn->state != HF_BENCH_CONN_OPEN)
        return;
    if (conn->net->config->raw_tcp) {
        conn_closed(conn);
        return;
    }
    size_t bytes = hf_ws_close_payload(payload, 1000, HF_SLICE(""));

    (void)hf_bench_conn_send(conn, HF_WS_OP_CLOSE, payload, bytes);
    conn->state = HF_BENCH_CONN_CLOSING;
    hf_wheel_arm(conn->net->wheel, &conn->timer, now_ns / NS_PER_MS + HF_BENCH_CLOSE_MS);
}

void hf_bench_conn_abort(struct hf_bench_conn *conn)
{
    conn_reset(conn, true);
    hf_bench_wire_close(&conn->wire, true); /* a flood's rests */
}
