#include "sim/net.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
    RETRANSMIT_US = 200000,
    RETRANSMITS_MAX = 5, /* of one segment: the sixth gets through */
    SYN_RETRY_US = 1000000,
    SYNS_MAX = 6,
    GIVE_UP_US = 60000000,
};

static void on_arrive(struct sim_event *event);
static void on_room(struct sim_event *event);
static void on_told(struct sim_event *event);
static void on_reset(struct sim_event *event);
static void on_syn(struct sim_event *event);
static void on_give_up(struct sim_event *event);

void sim_net_init(struct sim_net *net, struct sim_events *events, struct sim_trace *trace, uint64_t seed)
{
    *net = (struct sim_net){.events = events, .trace = trace};
    hf_rng_seed(&net->rng, seed);
}

void sim_path_init(struct sim_path *path)
{
    *path = (struct sim_path){.latency_us = 1000, .segment_bytes = 1 << 16, .room_bytes = 1 << 17};
    hf_list_init(&path->conns);
}

static struct sim_sock *other(struct sim_sock *sock)
{
    return &sock->conn->ends[sock == &sock->conn->ends[0]];
}

static struct sim_events *events_of(const struct sim_sock *sock)
{
    return sock->conn->net->events;
}

static void conn_free(struct sim_conn *conn)
{
    struct sim_events *events = conn->net->events;

    for (unsigned i = 0; i < 2; i++) {
        struct sim_sock *end = &conn->ends[i];

        sim_cancel(events, &end->out.arrive);
        sim_cancel(events, &end->out.room_again);
        sim_cancel(events, &end->told);
        sim_cancel(events, &end->reset_in);
        free(end->out.at);
    }
    sim_cancel(events, &conn->syn);
    sim_cancel(events, &conn->give_up);
    hf_list_remove(&conn->of_path);
    free(conn);
}

void sim_path_deinit(struct sim_path *path)
{
    while (!hf_list_empty(&path->conns))
        conn_free(HF_CONTAINER_OF(path->conns.next, struct sim_conn, of_path));
}

/* Whoever let go last takes the connection along: nobody is left to see what its kernels still do. */
static void free_if_alone(struct sim_conn *conn)
{
    if (!conn->ends[0].owned && !conn->ends[1].owned)
        conn_free(conn);
}

static void tell(struct sim_sock *sock)
{
    if (sock->owned && !sim_armed(&sock->told))
        sim_in(events_of(sock), &sock->told, 0);
}

static void on_told(struct sim_event *event)
{
    struct sim_sock *sock = HF_CONTAINER_OF(event, struct sim_sock, told);

    if (!sock->open && sock->end == SIM_END_NONE)
        sock->open = true; /* of the calling end: the answer has come */
    sock->ops->on_event(sock);
}

/* ---- does it get through? ---- */

static bool passes(const struct sim_conn *conn, const struct sim_sock *to)
{
    return !conn->dropped && !conn->path->cut && to->host->up;
}

static uint64_t delay_us(struct sim_conn *conn)
{
    const struct sim_path *path = conn->path;
    struct hf_rng *rng = &conn->net->rng;
    uint64_t delay = path->latency_us + (path->jitter_us ? hf_rng_below(rng, path->jitter_us + 1u) : 0);

    if (path->loss_permille > 0)
        for (unsigned i = 0; i < RETRANSMITS_MAX && hf_rng_below(rng, 1000) < path->loss_permille; i++)
            delay += (uint64_t)RETRANSMIT_US << i;
    return delay;
}

/* Both ends learn by their own timer that nobody answers any more. */
static void arm_give_up(struct sim_conn *conn)
{
    uint64_t due_us = UINT64_MAX;

    for (unsigned i = 0; i < 2; i++)
        if (conn->ends[i].owned && conn->ends[i].out.stuck_us != 0)
            due_us = HF_MIN(due_us, conn->ends[i].out.stuck_us + conn->ends[i].give_up_us);
    if (due_us == UINT64_MAX)
        sim_cancel(conn->net->events, &conn->give_up);
    else
        sim_at(conn->net->events, &conn->give_up, due_us);
}

static void stuck(struct sim_sock *from)
{
    if (from->out.stuck_us == 0)
        from->out.stuck_us = HF_MAX(events_of(from)->now_us, (uint64_t)1);
    arm_give_up(from->conn);
}

static void fail(struct sim_sock *sock, enum sim_end end)
{
    if (sock->end == SIM_END_NONE)
        sock->end = end;
    sock->gone = true;
    sock->out.stuck_us = 0;
    sock->out.count = 0;
    sim_cancel(events_of(sock), &sock->out.arrive);
    tell(sock);
}

static void on_give_up(struct sim_event *event)
{
    struct sim_conn *conn = HF_CONTAINER_OF(event, struct sim_conn, give_up);

    for (unsigned i = 0; i < 2; i++) {
        struct sim_sock *end = &conn->ends[i];

        if (end->owned && end->out.stuck_us != 0 &&
            conn->net->events->now_us >= end->out.stuck_us + end->give_up_us) {
            sim_trace(conn->net->trace, "net", "#%" PRIu64 " end %u gives up", conn->number, i);
            fail(end, SIM_END_RESET);
        }
    }
    arm_give_up(conn);
}

static void send_reset(struct sim_sock *from)
{
    struct sim_sock *to = other(from);

    if (!to->gone && !sim_armed(&to->reset_in))
        sim_in(events_of(from), &to->reset_in, from->conn->path->latency_us);
}

static void on_reset(struct sim_event *event)
{
    struct sim_sock *sock = HF_CONTAINER_OF(event, struct sim_sock, reset_in);
    struct sim_conn *conn = sock->conn;

    if (!passes(conn, sock) || sock->gone)
        return;
    if (hf_rng_below(&conn->net->rng, 2)) { /* what the process had not read is lost, or not */
        struct sim_pipe *in = &other(sock)->out;
        in->bytes -= in->delivered;
        if (in->bytes > 0)
            memmove(in->at, in->at + in->head + in->delivered, in->bytes);
        in->head = in->delivered = 0;
    }
    fail(sock, SIM_END_RESET);
}

/* ---- bytes ---- */

static uint64_t pipe_room(const struct sim_pipe *pipe)
{
    return pipe->room > pipe->bytes ? pipe->room - pipe->bytes : 0;
}

static void pipe_append(struct sim_pipe *pipe, const void *data, size_t bytes)
{
    if (pipe->head + pipe->bytes + bytes > pipe->at_room && pipe->head > 0) {
        memmove(pipe->at, pipe->at + pipe->head, pipe->bytes);
        pipe->head = 0;
    }
    if (pipe->bytes + bytes > pipe->at_room) {
        pipe->at_room = HF_MAX(2 * pipe->at_room, (uint32_t)(pipe->bytes + bytes));
        pipe->at_room = HF_MAX(pipe->at_room, 512u);
        pipe->at = realloc(pipe->at, pipe->at_room);
        HF_ASSERT(pipe->at != NULL);
    }
    memcpy(pipe->at + pipe->head + pipe->bytes, data, bytes);
    pipe->bytes += (uint32_t)bytes;
}

static void arm_arrival(struct sim_sock *from)
{
    struct sim_pipe *pipe = &from->out;

    if (pipe->count > 0 && pipe->stuck_us == 0 && !sim_armed(&pipe->arrive))
        sim_at(events_of(from), &pipe->arrive, pipe->segments[pipe->first].arrive_us);
}

static void segment_add(struct sim_sock *from, uint32_t bytes)
{
    struct sim_pipe *pipe = &from->out;
    uint64_t at_us = HF_MAX(events_of(from)->now_us + delay_us(from->conn), pipe->last_arrive_us);

    /* One place is kept for FIN; what does not get a place travels with the last segment. */
    if (bytes > 0 && pipe->count == SIM_SEGMENTS_MAX - 1) {
        pipe->segments[(pipe->first + pipe->count - 1) % SIM_SEGMENTS_MAX].bytes += bytes;
        return;
    }
    pipe->segments[(pipe->first + pipe->count) % SIM_SEGMENTS_MAX] = (struct sim_segment){at_us, bytes};
    pipe->count++;
    pipe->last_arrive_us = at_us;
    arm_arrival(from);
}

size_t sim_write(struct sim_sock *sock, const void *data, size_t bytes)
{
    struct sim_pipe *pipe = &sock->out;
    struct sim_conn *conn = sock->conn;
    size_t taken = HF_MIN(bytes, pipe_room(pipe));

    HF_ASSERT(sock->owned && sock->open && !pipe->fin_written);
    if (sock->gone)
        return bytes; /* the end is on its way to the process; the kernel takes what it will never send */
    if (conn->path->idle_ms > 0 &&
        conn->net->events->now_us - conn->moved_us > conn->path->idle_ms * UINT64_C(1000) && !conn->dropped) {
        conn->dropped = true;
        sim_trace(conn->net->trace, "net", "#%" PRIu64 " was idle, its mapping is gone", conn->number);
    }
    if (taken > 0)
        pipe_append(pipe, data, taken);
    for (size_t left = taken, n; left > 0; left -= n) {
        n = HF_MIN(left, conn->path->segment_bytes);
        if (n > 1 && hf_rng_below(&conn->net->rng, 8) == 0)
            n = 1 + hf_rng_below(&conn->net->rng, n - 1);
        segment_add(sock, (uint32_t)n);
    }
    pipe->room_wanted = pipe->room_wanted || taken < bytes;
    return taken;
}

static void offer_room(struct sim_sock *from)
{
    struct sim_pipe *pipe = &from->out;

    if (pipe->room_wanted && pipe_room(pipe) > 0 && from->owned && !sim_armed(&pipe->room_again))
        sim_in(events_of(from), &pipe->room_again, from->conn->path->latency_us);
}

static void on_room(struct sim_event *event)
{
    struct sim_pipe *pipe = HF_CONTAINER_OF(event, struct sim_pipe, room_again);
    struct sim_sock *from = HF_CONTAINER_OF(pipe, struct sim_sock, out);

    if (!passes(from->conn, from))
        return; /* asked again when the path heals */
    pipe->room_wanted = false;
    tell(from);
}

static void on_arrive(struct sim_event *event)
{
    struct sim_pipe *pipe = HF_CONTAINER_OF(event, struct sim_pipe, arrive);
    struct sim_sock *from = HF_CONTAINER_OF(pipe, struct sim_sock, out), *to = other(from);
    struct sim_segment *segment = &pipe->segments[pipe->first];

    if (!passes(from->conn, to)) {
        stuck(from);
        return;
    }
    if (to->gone ||
        !to->owned) { /* nobody is there: data is answered by RST, a FIN by nothing that matters */
        if (segment->bytes > 0)
            send_reset(to);
        pipe->count = 0;
        return;
    }
    pipe->first = (pipe->first + 1) % SIM_SEGMENTS_MAX;
    pipe->count--;
    pipe->delivered += segment->bytes;
    pipe->arrived += segment->bytes;
    pipe->fin_arrived = pipe->fin_arrived || segment->bytes == 0;
    from->conn->moved_us = from->conn->net->events->now_us;
    tell(to);
    arm_arrival(from);
}

size_t sim_readable(const struct sim_sock *sock)
{
    return sock->conn->ends[sock == &sock->conn->ends[0]].out.delivered;
}

size_t sim_read(struct sim_sock *sock, void *into, size_t bytes_max)
{
    struct sim_pipe *in = &other(sock)->out;
    size_t bytes = HF_MIN(bytes_max, in->delivered);

    if (bytes > 0)
        memcpy(into, in->at + in->head, bytes);
    in->head += (uint32_t)bytes;
    in->bytes -= (uint32_t)bytes;
    in->delivered -= (uint32_t)bytes;
    if (in->bytes == 0)
        in->head = 0;
    offer_room(other(sock));
    return bytes;
}

uint64_t sim_acked(const struct sim_sock *sock)
{
    return sock->out.arrived;
}

enum sim_end sim_end_of(const struct sim_sock *sock)
{
    const struct sim_pipe *in = &sock->conn->ends[sock == &sock->conn->ends[0]].out;

    if (sock->end != SIM_END_NONE)
        return sock->end;
    return in->fin_arrived && in->delivered == 0 ? SIM_END_EOF : SIM_END_NONE;
}

/* ---- beginnings and ends ---- */

struct sim_sock *sim_connect(struct sim_net *net, struct sim_path *path, struct sim_host *host,
                             const struct sim_sock_ops *ops, void *user)
{
    struct sim_conn *conn = calloc(1, sizeof(*conn));

    HF_ASSERT(conn != NULL);
    conn->net = net;
    conn->path = path;
    conn->number = ++net->conns_made;
    conn->moved_us = net->events->now_us;
    conn->syn.on_due = on_syn;
    conn->give_up.on_due = on_give_up;
    for (unsigned i = 0; i < 2; i++) {
        struct sim_sock *end = &conn->ends[i];

        end->conn = conn;
        end->give_up_us = GIVE_UP_US;
        end->host = i == 0 ? host : net->server;
        end->out.room = path->room_bytes;
        end->out.arrive.on_due = on_arrive;
        end->out.room_again.on_due = on_room;
        end->told.on_due = on_told;
        end->reset_in.on_due = on_reset;
    }
    conn->ends[0].ops = ops;
    conn->ends[0].user = user;
    conn->ends[0].owned = true;
    hf_list_init(&conn->of_path);
    hf_list_push_back(&path->conns, &conn->of_path);
    sim_in(net->events, &conn->syn, delay_us(conn));
    return &conn->ends[0];
}

static void on_syn(struct sim_event *event)
{
    struct sim_conn *conn = HF_CONTAINER_OF(event, struct sim_conn, syn);
    struct sim_net *net = conn->net;
    struct sim_sock *called = &conn->ends[1];

    if (!passes(conn, called)) {
        if (++conn->syns < SYNS_MAX)
            sim_in(net->events, &conn->syn, (uint64_t)SYN_RETRY_US << conn->syns);
        else
            fail(&conn->ends[0], SIM_END_REFUSED);
        return;
    }
    called->owned = called->open = true;
    if (!net->accept(net->context, called)) {
        called->owned = false;
        called->gone = true;
        fail(&conn->ends[0], SIM_END_REFUSED);
        return;
    }
    sim_in(net->events, &conn->ends[0].told, conn->path->latency_us);
    conn->ends[1].out.last_arrive_us =
        net->events->now_us + conn->path->latency_us; /* nothing overtakes the SYN-ACK */
}

void sim_shutdown(struct sim_sock *sock)
{
    if (sock->out.fin_written || sock->gone || !sock->open)
        return;
    sock->out.fin_written = true;
    segment_add(sock, 0);
}

static void let_go(struct sim_sock *sock)
{
    HF_ASSERT(sock->owned);
    sock->owned = false;
    sim_cancel(events_of(sock), &sock->told);
    free_if_alone(sock->conn);
}

static void drop_output(struct sim_sock *sock)
{
    sock->out.count = 0;
    sock->out.bytes = sock->out.delivered;
    sim_cancel(events_of(sock), &sock->out.arrive);
}

void sim_close(struct sim_sock *sock)
{
    if (sock->open && !sock->gone && sim_readable(sock) > 0) {
        sim_reset(sock);
        return;
    }
    sim_cancel(events_of(sock), &sock->conn->syn);
    sim_shutdown(sock);
    let_go(sock);
}

void sim_reset(struct sim_sock *sock)
{
    if (!sock->gone)
        send_reset(sock);
    sim_cancel(events_of(sock), &sock->conn->syn);
    drop_output(sock);
    sock->gone = true;
    let_go(sock);
}

void sim_vanish(struct sim_sock *sock)
{
    sim_cancel(events_of(sock), &sock->conn->syn);
    drop_output(sock);
    sock->gone = true;
    let_go(sock);
}

/* ---- what happens to paths ---- */

void sim_path_heal(struct sim_net *net, struct sim_path *path)
{
    if (path->cut)
        return;
    for (struct hf_list_node *at = path->conns.next; at != &path->conns; at = at->next) {
        struct sim_conn *conn = HF_CONTAINER_OF(at, struct sim_conn, of_path);

        for (unsigned i = 0; i < 2 && !conn->dropped; i++) {
            struct sim_sock *end = &conn->ends[i];

            if (end->out.stuck_us != 0) { /* the kernel's next retransmission */
                uint64_t silent_us = net->events->now_us - HF_MIN(net->events->now_us, end->out.stuck_us);

                end->out.stuck_us = 0;
                end->out.segments[end->out.first].arrive_us =
                    net->events->now_us + RETRANSMIT_US + hf_rng_below(&net->rng, silent_us + 1);
                end->out.last_arrive_us =
                    HF_MAX(end->out.last_arrive_us, end->out.segments[end->out.first].arrive_us);
                arm_arrival(end);
            }
            offer_room(end);
        }
        arm_give_up(conn);
    }
}

void sim_path_drop(struct sim_net *net, struct sim_path *path)
{
    for (struct hf_list_node *at = path->conns.next; at != &path->conns; at = at->next)
        HF_CONTAINER_OF(at, struct sim_conn, of_path)->dropped = true;
    (void)net;
}

void sim_path_reset_one(struct sim_net *net, struct sim_path *path)
{
    unsigned count = 0;

    for (struct hf_list_node *at = path->conns.next; at != &path->conns; at = at->next)
        count++;
    if (count == 0)
        return;
    struct hf_list_node *at = path->conns.next;
    for (uint64_t skip = hf_rng_below(&net->rng, count); skip > 0; skip--)
        at = at->next;
    struct sim_conn *conn = HF_CONTAINER_OF(at, struct sim_conn, of_path);
    for (unsigned i = 0; i < 2; i++)
        if (!conn->ends[i].gone && conn->ends[i].open && !sim_armed(&conn->ends[i].reset_in))
            sim_in(net->events, &conn->ends[i].reset_in, hf_rng_below(&net->rng, 1000));
}
