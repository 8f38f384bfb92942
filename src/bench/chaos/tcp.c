/* TCP: the listener and the life of connections. hf_stream is not used here: it ends a link at the first FIN, and a proxy
 * must hand on half-closed connections, or on purpose not. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/chaos/conn.h"
#include "io/connect.h"
#include "io/listener.h"

enum {
    SMALL_WINDOW_BYTES = 4096,
    PATIENCE_MS =
        INT32_MAX, /* TCP_USER_TIMEOUT: a peer that reads nothing for minutes is the test's, not ours to end */
};

struct tcp {
    struct hf_listener *listener; /* owns; NULL while it refuses */
    union hf_address address;     /* with its real port */
    int placeholder_fd; /* bound there, never listening: keeps the port while connections are refused */
    struct hf_list_node conns; /* owns */
    uint64_t last_number;
};

static struct tcp *tcp_of(const struct hf_chaos *chaos)
{
    return chaos->carried;
}

static uint64_t now_us(const struct hf_chaos_conn *conn)
{
    return conn->chaos->loop->now_us;
}

/* ---- the life of one ---- */

static void conn_free(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct hf_chaos_conn, deferred));
}

void hf_chaos_conn_close(struct hf_chaos_conn *conn, bool reset)
{
    struct hf_chaos *chaos = conn->chaos;

    if (conn->state == HF_CHAOS_CONN_CLOSED)
        return;
    conn->state = HF_CHAOS_CONN_CLOSED;
    for (unsigned i = 0; i < 2; i++) {
        hf_chaos_end_close(&conn->ends[i], reset);
        hf_chaos_timers_cancel(&chaos->ticker.timers, &conn->lanes[i].timer);
        (void)hf_chaos_line_clear(&conn->lanes[i].line);
    }
    hf_chaos_timers_cancel(&chaos->ticker.timers, &conn->timer);
    hf_chaos_timers_unreserve(&chaos->ticker.timers, HF_CHAOS_CONN_TIMERS);
    hf_list_remove(&conn->node);
    chaos->stats.connections_now--;
    hf_loop_defer_free(chaos->loop, &conn->deferred, conn_free);
}

void hf_chaos_conn_cut(struct hf_chaos_conn *conn, enum hf_chaos_end_kind how)
{
    if (how == HF_CHAOS_END_RST) {
        hf_chaos_conn_close(conn, true);
        return;
    }
    if (conn->state == HF_CHAOS_CONN_CONNECTING)
        hf_chaos_end_close(&conn->ends[HF_CHAOS_SERVER], false);
    conn->state = HF_CHAOS_CONN_CLOSING;
    conn->wait_until_us = now_us(conn) + HF_CHAOS_LINGER_US;
    for (unsigned i = 0; i < 2; i++) {
        struct hf_chaos_lane *lane = &conn->lanes[i];

        (void)hf_chaos_line_clear(&lane->line);
        lane->swallows = true;
        lane->stopped = lane->blocked = lane->full = false;
        lane->read_at_us = 0;
        lane->ended = lane->gone || lane->from->handle.fd < 0;
        if (conn->ends[i].handle.fd >= 0)
            (void)shutdown(conn->ends[i].handle.fd, SHUT_WR);
    }
    if (conn->lanes[HF_CHAOS_UP].ended && conn->lanes[HF_CHAOS_DOWN].ended) {
        hf_chaos_conn_close(conn, false);
        return;
    }
    hf_chaos_conn_plan(conn);
    hf_chaos_conn_interest(conn);
}

/* A middlebox that has lost its mapping: both directions vanish, nobody is told. */
static void conn_forget(struct hf_chaos_conn *conn)
{
    conn->forgotten = true;
    for (unsigned i = 0; i < 2 && conn->state != HF_CHAOS_CONN_CLOSED; i++)
        hf_chaos_lane_swallow(&conn->lanes[i]);
    for (unsigned i = 0; i < 2 && conn->state != HF_CHAOS_CONN_CLOSED; i++)
        hf_chaos_lane_run(&conn->lanes[i]);
}

bool hf_chaos_conn_is_stuck(const struct hf_chaos_conn *conn)
{
    return conn->chaos->faults.accept_only || conn->chaos->silent != 0;
}

static uint64_t after(uint64_t begin_us, uint64_t time_us) /* 0: never */
{
    return time_us > 0 ? begin_us + time_us : HF_CHAOS_NEVER;
}

void hf_chaos_conn_plan(struct hf_chaos_conn *conn)
{
    const struct hf_chaos_faults *faults = &conn->chaos->faults;
    uint64_t next_us = hf_chaos_cut_us(faults, conn->opened_us, conn->cut_draw);

    switch (conn->state) {
    case HF_CHAOS_CONN_WAITING:
        if (!hf_chaos_conn_is_stuck(conn))
            next_us = HF_MIN(next_us, conn->wait_until_us);
        break;
    case HF_CHAOS_CONN_CLOSING: next_us = conn->wait_until_us; break;
    case HF_CHAOS_CONN_CLOSED: return;
    case HF_CHAOS_CONN_CONNECTING:
    case HF_CHAOS_CONN_OPEN:
        if (conn->forgotten)
            break;
        next_us = HF_MIN(next_us, after(conn->opened_us, faults->silence_after_us));
        next_us = HF_MIN(next_us, after(conn->active_us, faults->idle_us));
        break;
    }
    hf_chaos_timers_arm(&conn->chaos->ticker.timers, &conn->timer, next_us);
}

static void shrink_window(const struct hf_chaos_lane *lane)
{
    int bytes = SMALL_WINDOW_BYTES;

    if (lane->conn->chaos->faults.lane[lane->direction].read_rate > 0 && lane->from->handle.fd >= 0)
        (void)setsockopt(lane->from->handle.fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void conn_connect(struct hf_chaos_conn *conn)
{
    struct hf_chaos_end *server = &conn->ends[HF_CHAOS_SERVER];

    conn->state = HF_CHAOS_CONN_CONNECTING;
    if (hf_connect_fd(&conn->chaos->options->to, NULL, &server->handle.fd) != HF_OK) {
        hf_chaos_conn_connected(conn, errno);
        return;
    }
    (void)hf_socket_set_user_timeout(server->handle.fd, PATIENCE_MS);
    shrink_window(&conn->lanes[HF_CHAOS_DOWN]);
    conn->active_us = now_us(conn);
    hf_chaos_conn_plan(conn);
    hf_chaos_conn_interest(conn);
}

void hf_chaos_conn_connected(struct hf_chaos_conn *conn, int sys_errno)
{
    if (sys_errno != 0) {
        conn->chaos->stats.connects_failed++;
        hf_chaos_conn_close(conn, true);
        return;
    }
    conn->state = HF_CHAOS_CONN_OPEN;
    for (unsigned i = 0; i < 2 && conn->state != HF_CHAOS_CONN_CLOSED; i++)
        hf_chaos_lane_run(&conn->lanes[i]);
}

static void idle_too_long(struct hf_chaos_conn *conn)
{
    conn->chaos->stats.idle_cuts++;
    if (conn->chaos->faults.idle_how == HF_CHAOS_END_SILENT)
        conn_forget(conn);
    else
        hf_chaos_conn_cut(conn, conn->chaos->faults.idle_how);
}

static void on_life(struct hf_chaos_timer *timer, uint64_t now)
{
    struct hf_chaos_conn *conn = HF_CONTAINER_OF(timer, struct hf_chaos_conn, timer);
    const struct hf_chaos_faults *faults = &conn->chaos->faults;

    if (conn->state == HF_CHAOS_CONN_CLOSING) {
        hf_chaos_conn_close(conn, true);
    } else if (hf_chaos_cut_us(faults, conn->opened_us, conn->cut_draw) <= now) {
        conn->chaos->stats.cuts++;
        hf_chaos_conn_cut(conn, faults->cut_how);
    } else if (conn->state == HF_CHAOS_CONN_WAITING) {
        if (!hf_chaos_conn_is_stuck(conn) && conn->wait_until_us <= now)
            conn_connect(conn);
    } else if (!conn->forgotten && after(conn->opened_us, faults->silence_after_us) <= now) {
        conn->chaos->stats.silenced++;
        conn_forget(conn);
    } else if (!conn->forgotten && after(conn->active_us, faults->idle_us) <= now) {
        idle_too_long(conn);
    }
    hf_chaos_conn_plan(conn);
}

/* ---- new ones ---- */

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct hf_chaos *chaos = hf_listener_user(listener);
    struct tcp *tcp = tcp_of(chaos);
    struct hf_chaos_conn *conn = NULL;
    unsigned losses;

    (void)peer;
    if (chaos->stats.connections_now < chaos->options->connections_max)
        conn = calloc(1, sizeof(*conn));
    if (conn == NULL || hf_chaos_timers_reserve(&chaos->ticker.timers, HF_CHAOS_CONN_TIMERS) != HF_OK) {
        chaos->stats.connections_refused++;
        free(conn);
        hf_socket_reset(fd);
        return;
    }
    conn->chaos = chaos;
    conn->ends[HF_CHAOS_CLIENT] = (struct hf_chaos_end){.handle = {.fd = fd}, .conn = conn};
    conn->ends[HF_CHAOS_SERVER] = (struct hf_chaos_end){.handle = {.fd = -1}, .conn = conn};
    conn->timer.on_due = on_life;
    hf_chaos_lanes_init(conn, ++tcp->last_number);
    conn->cut_draw = hf_chaos_fate(chaos->options->seed, tcp->last_number);
    conn->opened_us = conn->active_us = chaos->loop->now_us;
    conn->wait_until_us =
        conn->opened_us + hf_chaos_handshake_us(&conn->lanes[HF_CHAOS_UP].path,
                                                &conn->lanes[HF_CHAOS_DOWN].path, &chaos->faults, &losses);
    chaos->stats.handshake_losses += losses;
    chaos->stats.connections_opened++;
    chaos->stats.connections_now++;
    hf_list_init(&conn->node);
    hf_list_push_back(&tcp->conns, &conn->node);
    shrink_window(&conn->lanes[HF_CHAOS_UP]);
    hf_chaos_conn_plan(conn);
    hf_chaos_conn_interest(conn);
    if (conn->state == HF_CHAOS_CONN_WAITING && conn->wait_until_us <= conn->opened_us &&
        !hf_chaos_conn_is_stuck(conn))
        conn_connect(conn);
}

/* ---- as a carrier ---- */

static hf_err listen_there(struct hf_chaos *chaos, bool first)
{
    struct tcp *tcp = tcp_of(chaos);
    struct hf_listener_options options = {
        .address = tcp->address,
        .first = first,
        .user_timeout_ms = PATIENCE_MS,
        .on_accept = on_accept,
        .user = chaos,
    };

    return hf_listener_open(chaos->loop, &options, &tcp->listener);
}

/* Without SO_REUSEADDR, so that no other program can listen there meanwhile; SO_REUSEPORT lets our own listener in. */
static int hold_port(const union hf_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(fd, &address->any, hf_address_bytes(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static hf_err tcp_open(struct hf_chaos *chaos, char error[HF_CHAOS_ERROR_BYTES])
{
    struct tcp *tcp = calloc(1, sizeof(*tcp));
    char text[HF_SOCKET_TEXT_MAX];

    if (tcp == NULL) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(HF_ERR_NOMEM));
        return HF_ERR_NOMEM;
    }
    chaos->carried = tcp;
    tcp->placeholder_fd = -1;
    tcp->address = chaos->options->listen;
    hf_list_init(&tcp->conns);
    hf_err err = listen_there(chaos, true);

    if (err == HF_OK) {
        tcp->address = hf_listener_address(tcp->listener);
        tcp->placeholder_fd = hold_port(&tcp->address);
        err = tcp->placeholder_fd >= 0 ? HF_OK : HF_ERR_IO;
    }
    if (err != HF_OK) {
        int saved = errno;

        hf_address_text(&tcp->address, text);
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "--listen %s: cannot listen there: %s%s", text,
                       strerror(saved), err == HF_ERR_EXISTS ? "; port 0 takes a free one" : "");
    }
    return err;
}

static void tcp_close(struct hf_chaos *chaos)
{
    struct tcp *tcp = tcp_of(chaos);

    if (tcp == NULL)
        return;
    while (!hf_list_empty(&tcp->conns))
        hf_chaos_conn_close(HF_CONTAINER_OF(tcp->conns.next, struct hf_chaos_conn, node), false);
    hf_listener_close(tcp->listener);
    if (tcp->placeholder_fd >= 0)
        close(tcp->placeholder_fd);
    free(tcp);
    chaos->carried = NULL;
}

static union hf_address tcp_address(const struct hf_chaos *chaos)
{
    return tcp_of(chaos)->address;
}

/* Each connection once, also when the visit closes it. */
static uint64_t each(struct hf_chaos *chaos, bool (*visit)(struct hf_chaos_conn *conn, const void *with),
                     const void *with)
{
    struct hf_list_node rest, *node;
    uint64_t count = 0;

    hf_list_init(&rest);
    hf_list_splice(&rest, &tcp_of(chaos)->conns);
    while ((node = hf_list_pop_front(&rest)) != NULL) {
        hf_list_push_back(&tcp_of(chaos)->conns, node);
        count += visit(HF_CONTAINER_OF(node, struct hf_chaos_conn, node), with);
    }
    return count;
}

struct cut {
    enum hf_chaos_end_kind how;
    double share;
};

static bool visit_cut(struct hf_chaos_conn *conn, const void *with)
{
    const struct cut *cut = with;

    if (conn->state == HF_CHAOS_CONN_CLOSING || hf_chaos_draw(&conn->chaos->luck) >= cut->share)
        return false;
    conn->chaos->stats.cuts++;
    hf_chaos_conn_cut(conn, cut->how);
    return true;
}

static uint64_t tcp_cut(struct hf_chaos *chaos, enum hf_chaos_end_kind how, double share)
{
    return each(chaos, visit_cut, &(struct cut){how, share});
}

static bool visit_silence(struct hf_chaos_conn *conn, const void *with)
{
    const struct hf_chaos *chaos = with;

    for (unsigned i = 0; i < 2 && conn->state != HF_CHAOS_CONN_CLOSED; i++) {
        struct hf_chaos_lane *lane = &conn->lanes[i];

        if (hf_chaos_is_silent(chaos, lane->direction) && !chaos->holds && lane->line.cost_bytes > 0)
            hf_chaos_lane_swallow(lane);
        if (conn->state != HF_CHAOS_CONN_CLOSED)
            hf_chaos_lane_run(lane);
    }
    hf_chaos_conn_plan(conn); /* WAITING may be over */
    return true;
}

static void tcp_silence(struct hf_chaos *chaos)
{
    (void)each(chaos, visit_silence, chaos);
}

static bool visit_retune(struct hf_chaos_conn *conn, const void *with)
{
    (void)with;
    for (unsigned i = 0; i < 2 && conn->state != HF_CHAOS_CONN_CLOSED; i++) {
        shrink_window(&conn->lanes[i]);
        conn->lanes[i].read_at_us = 0;
        hf_chaos_lane_run(&conn->lanes[i]);
    }
    hf_chaos_conn_plan(conn);
    return true;
}

static void tcp_retune(struct hf_chaos *chaos)
{
    (void)each(chaos, visit_retune, NULL);
}

static hf_err tcp_refuse(struct hf_chaos *chaos, bool refuses)
{
    struct tcp *tcp = tcp_of(chaos);

    if (!refuses)
        return tcp->listener != NULL ? HF_OK : listen_there(chaos, false);
    hf_listener_close(tcp->listener);
    tcp->listener = NULL;
    return HF_OK;
}

const struct hf_chaos_carrier hf_chaos_tcp = {
    .open = tcp_open,
    .close = tcp_close,
    .address = tcp_address,
    .cut = tcp_cut,
    .silence = tcp_silence,
    .retune = tcp_retune,
    .refuse = tcp_refuse,
};
