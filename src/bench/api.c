#include "bench/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "codec/http1/body.h"
#include "codec/http1/response.h"
#include "io/clock.h"

enum { HEAD_BYTES_MAX = 16384, BODY_BYTES_MAX = 1 << 24, IN_BYTES = 16384 };

enum state { CLOSED, CONNECTING, SECURING, READY };

struct api_conn {
    struct hf_bench_wire wire;
    enum state state;
    bool busy, in_body, keep_alive;
    unsigned status;
    uint64_t posted_ns;
    size_t out_at, out_bytes, head_bytes;
    struct hf_http1_body body;
    enum hf_http1_method method;
    char *answer; /* owns: answer_bytes_max and a NUL byte */
    size_t answer_bytes;
    char out[HF_BENCH_API_REQUEST_BYTES_MAX];
    char head[HEAD_BYTES_MAX];
};

struct hf_bench_api {
    struct hf_bench_api_config config;
    struct api_conn conns[];
};

struct hf_bench_api *hf_bench_api_new(const struct hf_bench_api_config *config)
{
    struct hf_bench_api *api = calloc(1, sizeof(*api) + config->connections * sizeof(api->conns[0]));

    if (api == NULL)
        return NULL;
    api->config = *config;
    for (unsigned i = 0; i < config->connections; i++)
        api->conns[i].wire.fd = -1;
    for (unsigned i = 0; i < config->connections && config->answer_bytes_max > 0; i++)
        if ((api->conns[i].answer = malloc(config->answer_bytes_max + 1)) == NULL) {
            hf_bench_api_free(api);
            return NULL;
        }
    return api;
}

void hf_bench_api_free(struct hf_bench_api *api)
{
    if (api == NULL)
        return;
    for (unsigned i = 0; i < api->config.connections; i++) {
        hf_bench_wire_close(&api->conns[i].wire, true);
        free(api->conns[i].answer);
    }
    free(api);
}

bool hf_bench_api_owns(const struct hf_bench_api *api, const void *tag)
{
    return (const char *)tag >= (const char *)api->conns &&
           (const char *)tag < (const char *)&api->conns[api->config.connections];
}

bool hf_bench_api_busy(const struct hf_bench_api *api, unsigned index)
{
    return api->conns[index].busy;
}

struct hf_slice hf_bench_api_answer(const struct hf_bench_api *api, unsigned index)
{
    return (struct hf_slice){api->conns[index].answer, api->conns[index].answer_bytes};
}

static void done(struct hf_bench_api *api, struct api_conn *conn, unsigned status)
{
    uint64_t now_ns = hf_clock_ns();

    conn->busy = false;
    if (conn->answer != NULL)
        conn->answer[conn->answer_bytes] = '\0';
    if (status >= 200 && status < 300)
        hf_hist_record(&api->config.result->api, now_ns - conn->posted_ns);
    else
        api->config.result->api_failed++;
    if (status >= 300)
        hf_bench_codes_add(&api->config.result->http_status, status, 1);
    api->config.on_done(api->config.user, (unsigned)(conn - api->conns), status, now_ns);
}

static void broke(struct hf_bench_api *api, struct api_conn *conn)
{
    hf_bench_wire_close(&conn->wire, true);
    conn->state = CLOSED;
    if (conn->busy)
        done(api, conn, 0);
}

static void push_out(struct hf_bench_api *api, struct api_conn *conn)
{
    while (conn->state == READY && conn->out_at < conn->out_bytes) {
        ssize_t n =
            hf_bench_wire_write(&conn->wire, conn->out + conn->out_at, conn->out_bytes - conn->out_at);

        if (n == HF_BENCH_IO_AGAIN)
            return;
        if (n < 0) {
            broke(api, conn);
            return;
        }
        conn->out_at += (size_t)n;
    }
}

/* The request lies in conn->out, in which it did not fit when bytes is negative or too large. */
static void send_request(struct hf_bench_api *api, struct api_conn *conn, int bytes, uint64_t now_ns)
{
    enum hf_bench_cause cause;

    api->config.result->api_requests++;
    conn->busy = true;
    conn->in_body = false;
    conn->head_bytes = conn->answer_bytes = 0;
    conn->posted_ns = now_ns;
    if (bytes < 0 || (size_t)bytes >= sizeof(conn->out)) {
        done(api, conn, 0);
        return;
    }
    conn->out_at = 0;
    conn->out_bytes = (size_t)bytes;
    if (conn->state == READY) {
        push_out(api, conn);
    } else if (hf_bench_wire_dial(&conn->wire, api->config.epoll_fd, conn, api->config.target, NULL, 0,
                                  &cause)) {
        conn->state = CONNECTING;
    } else {
        done(api, conn, 0);
    }
}

void hf_bench_api_post(struct hf_bench_api *api, unsigned index, const char *path, struct hf_slice body,
                       uint64_t now_ns)
{
    struct api_conn *conn = &api->conns[index];

    HF_ASSERT(!conn->busy);
    HF_ASSERT(body.bytes <= HF_BENCH_PAYLOAD_BYTES_MAX + 512);
    conn->method = HF_HTTP1_POST;
    int n = snprintf(conn->out, sizeof(conn->out),
                     "POST %s HTTP/1.1\r\nHost: %s\r\n%s%s%sContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     path, api->config.target->authority, api->config.key ? "Authorization: Bearer " : "",
                     api->config.key ? api->config.key : "", api->config.key ? "\r\n" : "", body.bytes);

    if (n >= 0 && (size_t)n + body.bytes < sizeof(conn->out))
        memcpy(conn->out + n, body.at, body.bytes);
    send_request(api, conn, n < 0 ? n : n + (int)body.bytes, now_ns);
}

void hf_bench_api_get(struct hf_bench_api *api, unsigned index, const char *path, uint64_t now_ns)
{
    struct api_conn *conn = &api->conns[index];

    HF_ASSERT(!conn->busy);
    conn->method = HF_HTTP1_GET;
    int n = snprintf(conn->out, sizeof(conn->out), "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", path,
                     api->config.target->authority, api->config.key ? "Authorization: Bearer " : "",
                     api->config.key ? api->config.key : "", api->config.key ? "\r\n" : "");

    send_request(api, conn, n, now_ns);
}

static void secure_step(struct hf_bench_api *api, struct api_conn *conn)
{
    int outcome = hf_bench_wire_tls_step(&conn->wire);

    if (outcome == 0)
        conn->state = READY;
    else if (outcome != HF_BENCH_IO_AGAIN)
        broke(api, conn);
}

static void connected(struct hf_bench_api *api, struct api_conn *conn)
{
    enum hf_bench_cause cause;

    if (!hf_bench_wire_connected(&conn->wire, &cause)) {
        broke(api, conn);
    } else if (!api->config.target->tls) {
        conn->state = READY;
    } else if (hf_bench_wire_tls_begin(&conn->wire, api->config.tls, api->config.target->host)) {
        conn->state = SECURING;
        secure_step(api, conn);
    } else {
        broke(api, conn);
    }
}

/* Of the answer's body the beginning is kept; what counts is where it ends. */
static void keep(const struct hf_bench_api *api, struct api_conn *conn, struct hf_slice run)
{
    size_t bytes = HF_MIN(run.bytes, api->config.answer_bytes_max - conn->answer_bytes);

    if (bytes > 0)
        memcpy(conn->answer + conn->answer_bytes, run.at, bytes);
    conn->answer_bytes += bytes;
}

static void take_body(struct hf_bench_api *api, struct api_conn *conn, const char *data, size_t bytes)
{
    while (bytes > 0 && !conn->body.done) {
        struct hf_slice run;
        size_t taken;

        if (hf_http1_body_feed(&conn->body, data, bytes, &taken, &run) != HF_OK) {
            broke(api, conn);
            return;
        }
        keep(api, conn, run);
        data += taken;
        bytes -= taken;
    }
    if (!conn->body.done)
        return;
    if (!conn->keep_alive) {
        hf_bench_wire_close(&conn->wire, false);
        conn->state = CLOSED;
    }
    done(api, conn, conn->status);
}

static void take_answer(struct hf_bench_api *api, struct api_conn *conn, const char *data, size_t bytes)
{
    struct hf_http1_response response;
    size_t before = conn->head_bytes, taken = HF_MIN(bytes, sizeof(conn->head) - before), head_bytes;

    if (!conn->busy) {
        broke(api, conn); /* bytes that nobody asked for */
        return;
    }
    if (conn->in_body) {
        take_body(api, conn, data, bytes);
        return;
    }
    memcpy(conn->head + before, data, taken);
    conn->head_bytes += taken;
    hf_err err = hf_http1_parse_response(conn->head, conn->head_bytes, conn->method, NULL, NULL, &response,
                                         &head_bytes);

    if (err == HF_ERR_AGAIN && conn->head_bytes < sizeof(conn->head))
        return;
    if (err != HF_OK ||
        hf_http1_body_init(&conn->body, response.framing, response.content_length, BODY_BYTES_MAX) != HF_OK) {
        broke(api, conn);
        return;
    }
    conn->in_body = true;
    conn->status = response.status;
    conn->keep_alive = response.keep_alive;
    take_body(api, conn, data + (head_bytes - before), bytes - (head_bytes - before));
}

static void readable(struct hf_bench_api *api, struct api_conn *conn)
{
    char in[IN_BYTES];

    while (conn->state == READY) {
        ssize_t n = hf_bench_wire_read(&conn->wire, in, sizeof(in));

        if (n == HF_BENCH_IO_AGAIN)
            return;
        if (n > 0) {
            take_answer(api, conn, in, (size_t)n);
            continue;
        }
        if (conn->busy && conn->in_body && hf_http1_body_end(&conn->body) == HF_OK) {
            hf_bench_wire_close(&conn->wire, false);
            conn->state = CLOSED;
            done(api, conn, conn->status);
        } else {
            broke(api, conn);
        }
    }
}

void hf_bench_api_event(struct hf_bench_api *api, void *tag, uint32_t epoll_events, uint64_t now_ns)
{
    struct api_conn *conn = tag;

    (void)now_ns;
    if (conn->state == CONNECTING && (epoll_events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
        connected(api, conn);
    else if (conn->state == SECURING)
        secure_step(api, conn);
    push_out(api, conn);
    if (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        readable(api, conn);
}
