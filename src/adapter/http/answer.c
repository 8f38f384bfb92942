/* adapter/http/answer.c - answers in one piece, and streams. The kernel sets the pace: a large answer goes out in parts, and the
 * next request of a pipeline is looked at when the answers before it are taken. */
#include <stdlib.h>

#include "adapter/http/conn.h"

enum {
    HEAD_BYTES_MAX = 4096,
    OWN_HEADERS = 6, /* beside the app's: Cache-Control, Connection, three of CORS, Transfer-Encoding */
};

void hf_http_count_answer(struct hf_http_conn *conn, unsigned status)
{
    struct hf_http_site *site = conn->site;

    site->stats.answers[status / 100 % HF_COUNT_OF(site->stats.answers)]++;
    if (site->ops->on_log != NULL)
        site->ops->on_log(site->context, &conn->exchange, status);
}

static bool put(struct hf_http_conn *conn, struct hf_slice data)
{
    if (data.bytes == 0 ||
        (conn->link != NULL && conn->link->ops->write(conn->link, data.at, data.bytes) == HF_OK))
        return true;
    hf_http_abort(conn);
    return false;
}

/* True when the kernel is behind by more than it may be before the next request. */
static bool behind(struct hf_http_conn *conn, size_t bytes_max)
{
    const struct hf_link_ops *ops = conn->link->ops;

    if (ops->queued_bytes(conn->link) <= bytes_max)
        return false;
    ops->flush(conn->link);
    return ops->queued_bytes(conn->link) > bytes_max;
}

void hf_http_push(struct hf_http_conn *conn)
{
    while (conn->link != NULL && conn->out != NULL && !behind(conn, 0)) {
        size_t bytes = HF_MIN(conn->out_bytes - conn->out_at, (size_t)HF_HTTP_CHUNK_BYTES);

        if (!put(conn, (struct hf_slice){conn->out + conn->out_at, bytes}))
            return;
        conn->out_at += bytes;
        if (conn->out_at == conn->out_bytes) {
            free(conn->out);
            conn->out = NULL;
        }
    }
    if (conn->link == NULL)
        return;
    if (conn->out != NULL || behind(conn, HF_HTTP_CHUNK_BYTES)) {
        conn->state = HF_HTTP_FLUSH;
        hf_http_arm(conn);
        return;
    }
    hf_http_next(conn);
}

/* The request is over for the app; the connection goes on. */
static void done(struct hf_http_conn *conn)
{
    hf_http_app_gone(conn);
    if (conn->link == NULL)
        return;
    conn->state = HF_HTTP_FLUSH;
    hf_http_push(conn);
}

static bool put_body(struct hf_http_conn *conn, struct hf_slice body)
{
    size_t now_bytes = HF_MIN(body.bytes, (size_t)HF_HTTP_CHUNK_BYTES);

    if (!put(conn, (struct hf_slice){body.at, now_bytes}))
        return false;
    if (now_bytes == body.bytes)
        return true;
    conn->out_bytes = body.bytes - now_bytes;
    conn->out_at = 0;
    conn->out = malloc(conn->out_bytes);
    if (conn->out == NULL) {
        conn->site->stats.no_memory++;
        hf_http_abort(conn); /* the length was told: an end is honest */
        return false;
    }
    memcpy(conn->out, body.at + now_bytes, conn->out_bytes);
    return true;
}

static size_t gather_headers(struct hf_http_conn *conn, const struct hf_http_answer *answer,
                             struct hf_http1_header *headers)
{
    size_t count = 0;

    HF_ASSERT(answer->header_count <= HF_HTTP_EXTRA_HEADERS_MAX);
    for (size_t i = 0; i < answer->header_count; i++)
        headers[count++] = answer->headers[i];
    if (!answer->cacheable)
        headers[count++] = (struct hf_http1_header){HF_SLICE("Cache-Control"), HF_SLICE("no-store")};
    if (conn->http_1_0 && conn->keep_alive)
        headers[count++] = (struct hf_http1_header){HF_SLICE("Connection"), HF_SLICE("keep-alive")};
    return hf_http_cors_headers(conn, headers, count);
}

void hf_http_answer(struct hf_http_exchange *exchange, const struct hf_http_answer *answer)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);
    struct hf_http1_header headers[HF_HTTP_EXTRA_HEADERS_MAX + OWN_HEADERS];
    char storage[HEAD_BYTES_MAX];
    bool bodiless = exchange->method == HF_HTTP1_HEAD || answer->status == 204 || answer->status == 304;
    struct hf_sb sb;

    hf_http_enter(conn);
    hf_sb_init(&sb, storage, sizeof(storage));
    struct hf_http1_answer head = {.status = answer->status,
                                   .content_type = answer->content_type,
                                   .body = answer->body,
                                   .close = !conn->keep_alive,
                                   .head_only = true,
                                   .headers = headers,
                                   .header_count = gather_headers(conn, answer, headers)};
    hf_err err = hf_http1_write_answer(&sb, &head);
    HF_ASSERT(err == HF_OK); /* values from outside were checked or encoded where they came in */
    hf_http_count_answer(conn, answer->status);
    if (put(conn, hf_sb_done(&sb)) && (bodiless || put_body(conn, answer->body)))
        done(conn);
    hf_http_leave(conn);
}

void hf_http_problem(struct hf_http_exchange *exchange, const struct hf_http1_problem_doc *doc)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);
    struct hf_http1_header headers[HF_HTTP_EXTRA_HEADERS_MAX];
    char body[HF_HTTP1_PROBLEM_BODY_BYTES_MAX], retry[24];
    const struct hf_reason_info *info = hf_reason_info(doc->reason);
    uint64_t retry_ms = doc->retry_after_ms ? doc->retry_after_ms : info->retry_ms;
    struct hf_http_answer answer = {.status = doc->status ? doc->status : info->http_status,
                                    .content_type = "application/problem+json",
                                    .headers = headers};
    struct hf_sb sb;

    conn->site->stats.refused_reason[(unsigned)doc->reason % HF_REASONS_MAX]++;
    if (answer.status == 0)
        answer.status = 503; /* a reason that was not made for an answer: a state that passes */
    struct hf_http1_problem_doc told = *doc;
    told.status = answer.status;
    hf_sb_init(&sb, body, sizeof(body));
    (void)hf_http1_problem_body(&sb, &told); /* fits: details are cut */
    answer.body = hf_sb_done(&sb);
    for (size_t i = 0; i < doc->header_count && answer.header_count < HF_HTTP_EXTRA_HEADERS_MAX - 1; i++)
        headers[answer.header_count++] = doc->headers[i];
    if (retry_ms != 0) {
        struct hf_sb seconds;

        hf_sb_init(&seconds, retry, sizeof(retry));
        hf_sb_u64(&seconds, (retry_ms + 999) / 1000);
        headers[answer.header_count++] =
            (struct hf_http1_header){HF_SLICE("Retry-After"), hf_sb_done(&seconds)};
    }
    if (doc->close)
        conn->keep_alive = false;
    hf_http_answer(exchange, &answer);
}

void hf_http_answer_problem(struct hf_http_conn *conn, const struct hf_http1_problem_doc *doc, bool close)
{
    if (close)
        conn->keep_alive = false;
    hf_http_problem(&conn->exchange, doc);
}

void hf_http_refuse(struct hf_http_conn *conn, enum hf_http1_problem problem)
{
    const struct hf_http1_problem_info *info = hf_http1_problem_info(problem);
    const struct hf_http1_limits *limits = &conn->site->limits.http1;
    struct hf_http1_problem_doc doc = {
        .reason = info->reason, .status = info->http_status, .detail = hf_slice_of(info->text)};

    conn->site->stats.problems[problem]++;
    doc.has_limit = info->http_status == 431 || info->http_status == 413;
    doc.limit = problem == HF_HTTP1_TOO_MANY_HEADERS ? limits->headers_max
                : info->http_status == 413           ? limits->body_bytes_max
                : problem == HF_HTTP1_LINE_TOO_LONG  ? limits->line_bytes_max
                                                     : limits->head_bytes_max;
    hf_http_answer_problem(conn, &doc, true);
}

/* ---- streams ---- */

static void write_stream_head(struct hf_http_conn *conn, const struct hf_http_answer *head, struct hf_sb *sb)
{
    struct hf_http1_header headers[HF_HTTP_EXTRA_HEADERS_MAX + OWN_HEADERS];
    size_t count = gather_headers(conn, head, headers);

    (void)hf_http1_write_status(sb, head->status);
    for (size_t i = 0; i < count; i++) {
        hf_sb_slice(sb, headers[i].name);
        hf_sb_text(sb, ": ");
        hf_sb_slice(sb, headers[i].value);
        hf_sb_text(sb, "\r\n");
    }
    (void)hf_http1_write_header(sb, "Content-Type", hf_slice_of(head->content_type));
    if (!conn->http_1_0)
        (void)hf_http1_write_header(sb, "Transfer-Encoding", HF_SLICE("chunked"));
    if (!conn->keep_alive)
        (void)hf_http1_write_header(sb, "Connection", HF_SLICE("close"));
    (void)hf_http1_write_head_end(sb);
    HF_ASSERT(!sb->overflow);
}

bool hf_http_stream_begin(struct hf_http_exchange *exchange, const struct hf_http_answer *head)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);
    char storage[HEAD_BYTES_MAX];
    struct hf_sb sb;
    bool streams;

    hf_http_enter(conn);
    if (conn->http_1_0)
        conn->keep_alive = false; /* its end is the connection's */
    hf_sb_init(&sb, storage, sizeof(storage));
    write_stream_head(conn, head, &sb);
    hf_http_count_answer(conn, head->status);
    if (put(conn, hf_sb_done(&sb))) {
        conn->state = HF_HTTP_STREAM;
        hf_http_arm(conn);
        /* Now, because a carrier says on_drained only after it was blocked: whoever asks stream_ready() next must not see the head. */
        conn->link->ops->flush(conn->link);
        if (exchange->method == HF_HTTP1_HEAD)
            done(conn);
    }
    streams = conn->link != NULL && conn->has_app && exchange->method != HF_HTTP1_HEAD;
    hf_http_leave(conn);
    return streams;
}

hf_err hf_http_stream_write(struct hf_http_exchange *exchange, struct hf_slice data)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);
    char storage[32];
    struct hf_sb sb;
    hf_err err = HF_OK;

    if (data.bytes == 0)
        return HF_OK;
    hf_http_enter(conn);
    hf_sb_init(&sb, storage, sizeof(storage));
    (void)hf_http1_write_chunk_head(&sb, data.bytes);
    if (conn->http_1_0 ? !put(conn, data)
                       : !put(conn, hf_sb_done(&sb)) || !put(conn, data) || !put(conn, HF_SLICE("\r\n")))
        err = HF_ERR_CLOSED;
    else if (conn->link != NULL)
        conn->link->ops->flush(conn->link);
    hf_http_leave(conn);
    return err;
}

bool hf_http_stream_ready(const struct hf_http_exchange *exchange)
{
    const struct hf_http_conn *conn = hf_http_conn_of(exchange);

    return conn->link != NULL && conn->link->ops->queued_bytes(conn->link) == 0;
}

void hf_http_stream_end(struct hf_http_exchange *exchange)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);

    hf_http_enter(conn);
    if (conn->http_1_0 || put(conn, HF_SLICE("0\r\n\r\n")))
        done(conn);
    hf_http_leave(conn);
}

void hf_http_stream_abort(struct hf_http_exchange *exchange)
{
    hf_http_abort(hf_http_conn_of(exchange));
}
