/* adapter/http/input.c - bytes to requests. What comes while a request is at work is held, at most one read of the link: reading
 * pauses. A head or body that arrives whole is looked at where it lies. */
#include <stdlib.h>

#include "adapter/http/conn.h"
#include "base/assert.h"

enum { BUFFER_BYTES_MIN = 512 };

static void no_memory(struct hf_http_conn *conn)
{
    conn->site->stats.no_memory++;
    hf_http_abort(conn);
}

/* Doubles with what really came, never with what a header announces. */
static bool append(char **buffer, size_t *bytes, size_t *room, const void *data, size_t data_bytes)
{
    if (*bytes + data_bytes > *room) {
        size_t wanted = *room ? *room : BUFFER_BYTES_MIN;
        char *grown;

        while (wanted < *bytes + data_bytes)
            wanted *= 2;
        grown = realloc(*buffer, wanted);
        if (grown == NULL)
            return false;
        *buffer = grown;
        *room = wanted;
    }
    memcpy(*buffer + *bytes, data, data_bytes);
    *bytes += data_bytes;
    return true;
}

static void buffer_free(struct hf_http_conn *conn)
{
    free(conn->buffer);
    conn->buffer = NULL;
    conn->buffer_bytes = conn->buffer_room = 0;
}

/* ---- one request ---- */

/* The body is there: the app's turn. */
static void whole(struct hf_http_conn *conn, struct hf_slice body)
{
    conn->body_pending = false;
    conn->state = HF_HTTP_BUSY;
    hf_http_arm(conn);
    conn->site->app->on_body(conn->site->app_context, &conn->exchange, body);
}

/* False when the length that is announced is refused already. */
static bool body_begin(struct hf_http_conn *conn, const struct hf_http1_request *request)
{
    uint64_t max = conn->site->limits.http1.body_bytes_max;

    conn->body_pending = request->framing != HF_HTTP1_FRAMING_NONE;
    if (hf_http1_body_init(&conn->body, request->framing, request->content_length, max) == HF_OK)
        return true;
    conn->site->stats.problems[HF_HTTP1_BODY_TOO_BIG]++;
    hf_http_answer_problem(
        conn,
        &(struct hf_http1_problem_doc){.reason = HF_REASON_BODY_TOO_BIG,
                                       .detail = HF_SLICE("the body may have body_bytes_max"),
                                       .has_limit = true,
                                       .limit = max,
                                       .has_observed = true,
                                       .observed = request->content_length},
        true);
    return false;
}

/* An answer given without reading the body: is the rest worth reading, so that the connection can be kept? */
static bool worth_discarding(const struct hf_http1_request *request)
{
    return request->framing == HF_HTTP1_FRAMING_NONE ||
           (request->framing == HF_HTTP1_FRAMING_LENGTH && !request->expect_continue &&
            request->content_length <= HF_HTTP_DISCARD_BYTES_MAX);
}

static void to_app(struct hf_http_conn *conn, const struct hf_http1_request *request, bool body_at_hand)
{
    bool keep_alive = conn->keep_alive;

    conn->has_app = true;
    conn->keep_alive = keep_alive && worth_discarding(request);
    conn->site->app->on_head(conn->site->app_context, &conn->exchange, request);
    if (conn->link == NULL || conn->state != HF_HTTP_BUSY || !conn->has_app)
        return;
    conn->keep_alive = keep_alive; /* not answered: the body will be read */
    if (!conn->body_pending) {
        whole(conn, (struct hf_slice){"", 0});
        return;
    }
    conn->state = HF_HTTP_BODY;
    conn->begun_ms = conn->progress_ms = conn->site->now_ms;
    if (request->expect_continue && !body_at_hand &&
        conn->link->ops->write(conn->link, "HTTP/1.1 100 Continue\r\n\r\n", 25) != HF_OK)
        hf_http_abort(conn);
}

static void on_request(struct hf_http_conn *conn, const struct hf_http1_request *request, const uint8_t *rest,
                       size_t rest_bytes)
{
    struct hf_http_site *site = conn->site;

    site->stats.requests++;
    conn->state = HF_HTTP_BUSY;
    conn->later = true;
    conn->discard = false;
    conn->keep_alive = request->keep_alive;
    conn->http_1_0 = request->minor == 0;
    conn->exchange.method = request->method;
    conn->exchange.begun_ms = site->now_ms;
    conn->exchange.user = NULL;
    hf_http_cors_begin(conn, request);
    if (!body_begin(conn, request) || hf_http_preflight(conn, request) ||
        hf_http_connect(conn, request, rest, rest_bytes))
        return;
    to_app(conn, request, rest_bytes > 0);
}

/* ---- states; each takes bytes and returns how many ---- */

static size_t in_proxy(struct hf_http_conn *conn, const uint8_t *data, size_t bytes)
{
    size_t before = conn->buffer_bytes, take = HF_MIN(bytes, (size_t)HF_PROXY_BYTES_MAX - before + 1);
    struct hf_proxy proxy;

    if (!append(&conn->buffer, &conn->buffer_bytes, &conn->buffer_room, data, take)) {
        no_memory(conn);
        return bytes;
    }
    hf_err err = hf_proxy_parse((const uint8_t *)conn->buffer, conn->buffer_bytes, &proxy);
    if (err == HF_ERR_AGAIN)
        return take;
    if (err != HF_OK) {
        hf_http_abort(
            conn); /* whoever this is, it does not speak for anybody; an answer would tell it what to fix */
        return bytes;
    }
    buffer_free(conn);
    conn->site->stats.proxied++;
    if (!proxy.local && conn->site->ops->set_peer != NULL)
        conn->site->ops->set_peer(conn->site->context, conn->link, &proxy);
    conn->state = HF_HTTP_HEAD; /* the same time goes on: PROXY header and head share it */
    return proxy.header_bytes - before;
}

static size_t in_head(struct hf_http_conn *conn, const uint8_t *data, size_t bytes)
{
    const struct hf_http1_limits *limits = &conn->site->limits.http1;
    size_t before = conn->buffer_bytes, taken = bytes, head_bytes = 0;
    struct hf_http1_request request; /* the parser fills it, all but the headers that are not there */
    const char *head = (const char *)data;
    size_t have = bytes;

    if (before >= limits->head_bytes_max) { /* the limit was lowered meanwhile */
        hf_http_refuse(conn, HF_HTTP1_HEAD_TOO_BIG);
        return bytes;
    }
    if (before > 0) {
        taken = HF_MIN(bytes, limits->head_bytes_max - before);
        if (!append(&conn->buffer, &conn->buffer_bytes, &conn->buffer_room, data, taken)) {
            no_memory(conn);
            return bytes;
        }
        head = conn->buffer;
        have = conn->buffer_bytes;
    } else {
        conn->scan = (struct hf_http1_scan){0};
        if (conn->later) /* what it asked for before is no part of an upgrade */
            conn->upgrade_from_us = hf_http_clock_us(conn->site);
    }
    hf_err err = hf_http1_parse_head(head, have, limits, &conn->scan, &request, &head_bytes);
    if (err == HF_ERR_AGAIN) {
        if (before == 0 && !append(&conn->buffer, &conn->buffer_bytes, &conn->buffer_room, data, bytes)) {
            no_memory(conn);
        } else if (before == 0 && conn->later) {
            conn->due_ms = conn->site->now_ms + conn->site->limits.head_timeout_ms; /* idle no longer */
            hf_http_arm(conn);
        }
        return taken;
    }
    if (err != HF_OK) {
        conn->exchange.method = HF_HTTP1_GET;
        hf_http_refuse(conn, request.problem);
        return bytes;
    }
    taken = head_bytes - before;
    char *cut = conn->buffer; /* the request's slices may point into it: freed behind the handlers */
    conn->buffer = NULL;
    conn->buffer_bytes = conn->buffer_room = 0;
    on_request(conn, &request, data + taken, bytes - taken);
    free(cut);
    return taken;
}

static size_t in_body(struct hf_http_conn *conn, const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    conn->progress_ms = conn->site->now_ms;
    while (at < bytes && !conn->body.done) {
        struct hf_slice run;
        size_t taken;

        if (hf_http1_body_feed(&conn->body, (const char *)data + at, bytes - at, &taken, &run) != HF_OK) {
            if (conn->discard) /* its answer is out already */
                hf_http_finish(conn);
            else
                hf_http_refuse(conn, (enum hf_http1_problem)conn->body.problem);
            return bytes;
        }
        at += taken;
        if (conn->discard || run.bytes == 0)
            continue;
        if (conn->body.done && conn->buffer_bytes == 0) { /* whole as it lies */
            whole(conn, run);
            return at;
        }
        if (!append(&conn->buffer, &conn->buffer_bytes, &conn->buffer_room, run.at, run.bytes)) {
            no_memory(conn);
            return bytes;
        }
    }
    if (!conn->body.done) {
        hf_http_arm(conn);
        return at;
    }
    if (conn->discard) {
        conn->body_pending = false;
        hf_http_next(conn);
        return at;
    }
    char *body = conn->buffer;
    size_t body_bytes = conn->buffer_bytes;
    conn->buffer = NULL;
    conn->buffer_bytes = conn->buffer_room = 0;
    whole(conn, (struct hf_slice){body ? body : "", body_bytes});
    free(body);
    return at;
}

/* Takes what the state allows; stops where a request must be waited for. */
static size_t process(struct hf_http_conn *conn, const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    HF_ASSERT(!conn->processing);
    conn->processing = true;
    while (conn->link != NULL && at < bytes && conn->state <= HF_HTTP_BODY) {
        switch (conn->state) {
        case HF_HTTP_PROXY: at += in_proxy(conn, data + at, bytes - at); break;
        case HF_HTTP_HEAD: at += in_head(conn, data + at, bytes - at); break;
        default: at += in_body(conn, data + at, bytes - at); break;
        }
    }
    conn->processing = false;
    return conn->state == HF_HTTP_CLOSING ? bytes : at;
}

static void hold(struct hf_http_conn *conn, const uint8_t *data, size_t bytes)
{
    if (conn->link == NULL || bytes == 0)
        return;
    if (conn->held_at > 0) {
        HF_ASSERT(conn->held != NULL);
        memmove(conn->held, conn->held + conn->held_at, conn->held_bytes - conn->held_at);
        conn->held_bytes -= conn->held_at;
        conn->held_at = 0;
    }
    if (conn->held_bytes + bytes >
        HF_HTTP_HELD_BYTES_MAX) { /* only a link that does not heed the pause gets here */
        conn->site->stats.held_refused++;
        hf_http_abort(conn);
        return;
    }
    if (!append((char **)&conn->held, &conn->held_bytes, &conn->held_room, data, bytes)) {
        no_memory(conn);
        return;
    }
    conn->link->ops->pause_read(conn->link);
}

/* An event socket took the link within process(): what follows its request is that one's. */
static void pass_on(struct hf_http_conn *conn, uint8_t *data, size_t bytes)
{
    if (conn->given != NULL && bytes > 0)
        conn->given->handler->on_data(conn->given, data, bytes);
}

void hf_http_on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_http_conn *conn = link->user;

    hf_http_enter(conn);
    if (conn->held != NULL) {
        hold(conn, data, bytes);
    } else {
        size_t taken = process(conn, data, bytes);

        hold(conn, data + taken, bytes - taken);
        pass_on(conn, data + taken, bytes - taken);
    }
    hf_http_leave(conn);
}

/* Goes on with what was held. */
static void unhold(struct hf_http_conn *conn)
{
    if (conn->held != NULL)
        conn->held_at += process(conn, conn->held + conn->held_at, conn->held_bytes - conn->held_at);
    if (conn->link == NULL) {
        pass_on(conn, conn->held + conn->held_at, conn->held_bytes - conn->held_at);
    } else if (conn->held_at == conn->held_bytes) {
        free(conn->held);
        conn->held = NULL;
        conn->held_at = conn->held_bytes = conn->held_room = 0;
        conn->link->ops->resume_read(conn->link);
    }
}

void hf_http_next(struct hf_http_conn *conn)
{
    if (conn->link == NULL)
        return;
    if (conn->body_pending && conn->keep_alive) {
        conn->discard = true;
        conn->state = HF_HTTP_BODY;
        conn->begun_ms = conn->progress_ms = conn->site->now_ms;
    } else if (!conn->keep_alive) {
        hf_http_finish(conn);
        return;
    } else {
        conn->state = HF_HTTP_HEAD;
        conn->due_ms = conn->site->now_ms + conn->site->limits.idle_timeout_ms;
    }
    hf_http_arm(conn);
    if (conn->held != NULL &&
        !conn->processing) /* otherwise process() is under way further up and goes on itself */
        unhold(conn);
}
