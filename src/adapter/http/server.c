/* adapter/http/server.c - connections come and go. An object is freed where its outermost call returns (enter, leave), so that no
 * handler finds itself without ground. */
#include "adapter/http/server.h"

#include <stdlib.h>

#include "adapter/http/conn.h"

const struct hf_http_limits hf_http_limits_default = {
    .head_timeout_ms = HF_HTTP_HEAD_TIMEOUT_MS,
    .idle_timeout_ms = HF_HTTP_IDLE_TIMEOUT_MS,
    .body_timeout_ms = HF_HTTP_BODY_TIMEOUT_MS,
    .body_total_ms = HF_HTTP_BODY_TOTAL_MS,
    .write_timeout_ms = HF_HTTP_WRITE_TIMEOUT_MS,
    .close_timeout_ms = HF_HTTP_CLOSE_TIMEOUT_MS,
    .http1 = {.line_bytes_max = HF_HTTP1_LINE_BYTES_MAX,
              .head_bytes_max = HF_HTTP1_HEAD_BYTES_MAX,
              .headers_max = HF_HTTP1_HEADERS_MAX,
              .body_bytes_max = HF_HTTP1_BODY_BYTES_MAX},
};

static void on_drained(struct hf_link *link);
static void on_blocked(struct hf_link *link);
static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno);
static void on_timer(struct hf_timer *timer, uint64_t now_ms);

static const struct hf_link_handler link_handler = {
    .on_data = hf_http_on_data,
    .on_drained = on_drained,
    .on_blocked = on_blocked,
    .on_end = on_end,
};

hf_err hf_http_site_init(struct hf_http_site *site, uint64_t connections_max)
{
    *site = (struct hf_http_site){.limits = hf_http_limits_default};
    hf_list_init(&site->connections);
    site->conns = hf_slab_new("http_connections", sizeof(struct hf_http_conn), connections_max);
    return site->conns != NULL ? HF_OK : HF_ERR_NOMEM;
}

static struct hf_http_conn *conn_at(struct hf_list_node *node)
{
    return HF_CONTAINER_OF(node, struct hf_http_conn, node);
}

void hf_http_site_deinit(struct hf_http_site *site)
{
    while (site->connections.next != NULL && !hf_list_empty(&site->connections))
        hf_http_abort(conn_at(site->connections.next));
    hf_slab_free(site->conns);
    site->conns = NULL;
}

hf_err hf_http_open(struct hf_http_site *site, struct hf_link *link, const struct hf_http_options *options)
{
    struct hf_http_conn *conn = hf_slab_take(site->conns);

    if (conn == NULL)
        return HF_ERR_LIMIT;
    conn->exchange.roles = options->roles;
    conn->exchange.tls = options->tls;
    conn->exchange.conn_id = options->conn_id;
    conn->handshaking = options->tls;
    conn->site = site;
    conn->link = link;
    conn->state = options->proxy_protocol ? HF_HTTP_PROXY : HF_HTTP_HEAD;
    conn->due_ms = site->now_ms + site->limits.head_timeout_ms;
    conn->upgrade_from_us = hf_http_clock_us(site);
    hf_timer_init(&conn->timer, on_timer);
    hf_list_init(&conn->node);
    hf_list_push_back(&site->connections, &conn->node);
    link->handler = &link_handler;
    link->user = conn;
    site->admin_now += (options->roles & HF_HTTP_ADMIN) != 0;
    site->stats.opened++;
    hf_http_arm(conn);
    return HF_OK;
}

void hf_http_secured(struct hf_link *link)
{
    struct hf_http_conn *conn = link->user;

    if (link->handler != &link_handler)
        return;
    conn->handshaking = false;
    conn->upgrade_from_us = hf_http_clock_us(conn->site);
}

/* ---- the object ---- */

void hf_http_enter(struct hf_http_conn *conn)
{
    HF_ASSERT(conn->depth < UINT8_MAX);
    conn->depth++;
}

void hf_http_leave(struct hf_http_conn *conn)
{
    HF_ASSERT(conn->depth > 0);
    if (--conn->depth > 0 || conn->link != NULL)
        return;
    free(conn->buffer);
    free(conn->held);
    free(conn->out);
    hf_slab_give(conn->site->conns, conn);
}

void hf_http_app_gone(struct hf_http_conn *conn)
{
    if (!conn->has_app)
        return;
    conn->has_app = false;
    conn->site->app->on_gone(conn->site->app_context, &conn->exchange);
    conn->exchange.user = NULL;
}

void hf_http_forget_link(struct hf_http_conn *conn)
{
    hf_http_enter(conn);
    if (conn->link != NULL) {
        conn->link = NULL;
        hf_wheel_cancel(conn->site->wheel, &conn->timer);
        hf_list_remove(&conn->node);
        conn->site->admin_now -= (conn->exchange.roles & HF_HTTP_ADMIN) != 0;
        conn->site->stats.ended++;
        hf_http_app_gone(conn);
    }
    hf_http_leave(conn);
}

void hf_http_abort(struct hf_http_conn *conn)
{
    struct hf_link *link = conn->link;

    if (link == NULL)
        return;
    link->ops->abort(link);
    hf_http_forget_link(conn);
}

void hf_http_finish(struct hf_http_conn *conn)
{
    if (conn->link == NULL || conn->state == HF_HTTP_CLOSING)
        return;
    conn->state = HF_HTTP_CLOSING;
    conn->begun_ms = conn->site->now_ms;
    conn->link->ops->resume_read(conn->link); /* the peer's end must be seen */
    conn->link->ops->finish(conn->link);
    hf_http_arm(conn);
}

static void tell(const struct hf_http_conn *conn, const struct hf_http_refusal *refusal)
{
    if (conn->site->ops->on_refused != NULL)
        conn->site->ops->on_refused(conn->site->context, conn->link, conn->exchange.conn_id, refusal);
}

void hf_http_say_refused(struct hf_http_conn *conn, const struct hf_http_refusal *refusal)
{
    conn->site->stats.upgrades_refused[refusal->reason]++;
    tell(conn, refusal);
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    struct hf_http_conn *conn = link->user;

    (void)sys_errno;
    if (conn->handshaking && end == HF_LINK_END_TLS_FAILED)
        tell(conn, &(struct hf_http_refusal){.reason = HF_REASON_TLS_FAILED});
    if (conn->state == HF_HTTP_BUSY || (conn->state == HF_HTTP_BODY && !conn->discard))
        conn->site->stats.answers[0]++;
    hf_http_forget_link(conn);
}

static void on_drained(struct hf_link *link)
{
    struct hf_http_conn *conn = link->user;

    hf_http_enter(conn);
    hf_http_arm(conn);
    if (conn->state == HF_HTTP_FLUSH)
        hf_http_push(conn);
    else if (conn->state == HF_HTTP_STREAM)
        conn->site->app->on_drained(conn->site->app_context, &conn->exchange);
    hf_http_leave(conn);
}

static void on_blocked(struct hf_link *link)
{
    hf_http_arm(link->user); /* its timer must look at the progress now */
}

/* ---- time ---- */

/* 0 = nothing is due. */
static uint64_t state_due_ms(const struct hf_http_conn *conn)
{
    const struct hf_http_limits *limits = &conn->site->limits;

    switch (conn->state) {
    case HF_HTTP_PROXY:
    case HF_HTTP_HEAD: return conn->due_ms;
    case HF_HTTP_BODY:
        return HF_MIN(conn->progress_ms + limits->body_timeout_ms, conn->begun_ms + limits->body_total_ms);
    case HF_HTTP_CLOSING: return conn->begun_ms + limits->close_timeout_ms;
    default: return 0;
    }
}

static uint64_t write_due_ms(const struct hf_http_conn *conn)
{
    uint64_t since_ms = conn->link->ops->blocked_since_ms(conn->link);

    return since_ms != 0 ? since_ms + conn->site->limits.write_timeout_ms : 0;
}

void hf_http_arm(struct hf_http_conn *conn)
{
    if (conn->link == NULL)
        return;
    uint64_t state_ms = state_due_ms(conn), write_ms = write_due_ms(conn);
    uint64_t due_ms = state_ms == 0 ? write_ms : write_ms == 0 ? state_ms : HF_MIN(state_ms, write_ms);

    if (due_ms != 0)
        hf_wheel_arm(conn->site->wheel, &conn->timer, due_ms);
    else
        hf_wheel_cancel(conn->site->wheel, &conn->timer);
}

static void state_over(struct hf_http_conn *conn)
{
    struct hf_http_stats *stats = &conn->site->stats;
    bool idle = conn->state == HF_HTTP_HEAD && conn->buffer_bytes == 0 && conn->later;
    struct hf_http1_problem_doc doc = {.reason = HF_REASON_HEADER_TIMEOUT, .has_limit = true};

    if (conn->handshaking && conn->state != HF_HTTP_CLOSING) {
        stats->tls_timeouts++;
        tell(conn, &(struct hf_http_refusal){.reason = HF_REASON_TLS_TIMEOUT});
        hf_http_abort(conn);
        return;
    }
    if (idle) {
        stats->idle_closed++;
        hf_http_finish(conn);
        return;
    }
    if (conn->state == HF_HTTP_PROXY || conn->state == HF_HTTP_CLOSING) { /* a balancer does not read HTTP */
        stats->head_timeouts += conn->state == HF_HTTP_PROXY;
        hf_http_abort(conn);
        return;
    }
    if (conn->state == HF_HTTP_HEAD) {
        stats->head_timeouts++;
        doc.detail = HF_SLICE("the request head did not arrive within head_timeout_ms");
        doc.limit = conn->site->limits.head_timeout_ms;
    } else {
        stats->body_timeouts++;
        doc.detail =
            HF_SLICE("the request body made no progress for body_timeout_ms, or took body_total_ms in all");
        doc.limit = conn->site->limits.body_timeout_ms;
    }
    hf_http_answer_problem(conn, &doc, true);
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_http_conn *conn = HF_CONTAINER_OF(timer, struct hf_http_conn, timer);
    uint64_t state_ms = state_due_ms(conn), write_ms = write_due_ms(conn);

    hf_http_enter(conn);
    if (write_ms != 0 && write_ms <= now_ms) {
        conn->site->stats.write_timeouts++;
        hf_http_abort(conn);
    } else if (state_ms != 0 && state_ms <= now_ms) {
        state_over(conn);
    }
    hf_http_arm(conn);
    hf_http_leave(conn);
}

unsigned hf_http_site_drain(struct hf_http_site *site)
{
    struct hf_list_node *next;
    unsigned left = 0;

    for (struct hf_list_node *at = site->connections.next; at != &site->connections; at = next) {
        struct hf_http_conn *conn = conn_at(at);

        next = at->next;
        if (conn->exchange.roles & HF_HTTP_ADMIN)
            continue;
        left++;
        conn->keep_alive = false;
        if (conn->state == HF_HTTP_HEAD && conn->buffer_bytes == 0)
            hf_http_finish(conn);
    }
    return left;
}

struct hf_http_site *hf_http_exchange_site(const struct hf_http_exchange *exchange)
{
    return hf_http_conn_of(exchange)->site;
}

void hf_http_peer(const struct hf_http_exchange *exchange, char *out, size_t out_bytes)
{
    const struct hf_http_conn *conn = hf_http_conn_of(exchange);

    out[0] = '\0';
    if (conn->link != NULL)
        conn->link->ops->peer(conn->link, out, out_bytes);
}
