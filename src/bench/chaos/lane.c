#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/chaos/conn.h"

static const double US_PER_S = 1e6;

static uint64_t now_us(const struct hf_chaos_lane *lane)
{
    return lane->conn->chaos->loop->now_us;
}

static const struct hf_chaos_lane_faults *faults_of(const struct hf_chaos_lane *lane)
{
    return &lane->conn->chaos->faults.lane[lane->direction];
}

static bool is_held(const struct hf_chaos_lane *lane)
{
    return lane->conn->chaos->holds && hf_chaos_is_silent(lane->conn->chaos, lane->direction);
}

/* What comes now is lost. */
static bool loses(const struct hf_chaos_lane *lane)
{
    return lane->swallows ||
           (!lane->conn->chaos->holds && hf_chaos_is_silent(lane->conn->chaos, lane->direction));
}

static bool has_both_ends(const struct hf_chaos_conn *conn)
{
    return conn->state == HF_CHAOS_CONN_OPEN || conn->state == HF_CHAOS_CONN_CLOSING;
}

/* ---- what epoll shall tell ---- */

static bool wants_to_read(const struct hf_chaos_lane *lane)
{
    const struct hf_chaos_conn *conn = lane->conn;

    if (conn->state == HF_CHAOS_CONN_WAITING || lane->from->handle.fd < 0 || lane->gone || lane->stopped ||
        lane->read_at_us > now_us(lane))
        return false;
    return loses(lane) || lane->line.cost_bytes < conn->chaos->options->buffer_bytes;
}

static uint32_t events_of(const struct hf_chaos_end *end)
{
    const struct hf_chaos_conn *conn = end->conn;
    const struct hf_chaos_lane
        *out = &conn->lanes[end == &conn->ends[HF_CHAOS_CLIENT] ? HF_CHAOS_UP : HF_CHAOS_DOWN],
        *in = &conn->lanes[end == &conn->ends[HF_CHAOS_CLIENT] ? HF_CHAOS_DOWN : HF_CHAOS_UP];

    switch (conn->state) {
    case HF_CHAOS_CONN_WAITING: /* a SYN that goes on trying ends when the client gives up */
        return hf_chaos_conn_is_stuck(conn) ? EPOLLRDHUP : 0;
    case HF_CHAOS_CONN_CONNECTING:
        if (end == &conn->ends[HF_CHAOS_SERVER])
            return EPOLLOUT;
        break;
    default: break;
    }
    return (wants_to_read(out) ? (uint32_t)EPOLLIN : 0) | (in->blocked ? (uint32_t)EPOLLOUT : 0);
}

static void end_unwatch(struct hf_chaos_end *end)
{
    if (end->watched)
        hf_loop_unwatch(end->conn->chaos->loop, &end->handle);
    end->watched = false;
}

static hf_err end_interest(struct hf_chaos_end *end)
{
    struct hf_loop *loop = end->conn->chaos->loop;
    uint32_t events = end->handle.fd >= 0 ? events_of(end) : 0;

    if (end->watched) {
        hf_loop_change(loop, &end->handle, events);
        return HF_OK;
    }
    if (events == 0)
        return HF_OK;
    end->handle.on_event = hf_chaos_conn_on_event;
    end->watched = hf_loop_watch(loop, &end->handle, events) == HF_OK;
    return end->watched ? HF_OK : HF_ERR_NOMEM;
}

void hf_chaos_conn_interest(struct hf_chaos_conn *conn)
{
    if (conn->state == HF_CHAOS_CONN_CLOSED)
        return;
    if (end_interest(&conn->ends[HF_CHAOS_CLIENT]) != HF_OK ||
        end_interest(&conn->ends[HF_CHAOS_SERVER]) != HF_OK) {
        conn->chaos->stats.connections_refused++;
        hf_chaos_conn_close(conn, true);
    }
}

void hf_chaos_end_close(struct hf_chaos_end *end, bool reset)
{
    if (end->handle.fd < 0)
        return;
    end_unwatch(end);
    if (reset)
        hf_socket_reset(end->handle.fd);
    else
        close(end->handle.fd);
    end->handle.fd = -1;
}

/* ---- out of the line ---- */

static void finish(struct hf_chaos_conn *conn)
{
    if (conn->lanes[HF_CHAOS_UP].ended && conn->lanes[HF_CHAOS_DOWN].ended)
        hf_chaos_conn_close(conn, false);
}

/* False when the kernel is full or the connection is over. */
static bool send_piece(struct hf_chaos_lane *lane, const struct hf_chaos_piece *piece)
{
    struct hf_chaos *chaos = lane->conn->chaos;
    ssize_t sent = send(lane->to->handle.fd, piece->data + piece->taken_bytes,
                        piece->bytes - piece->taken_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM)) {
        lane->blocked = true;
        return false;
    }
    if (sent < 0) {
        hf_chaos_end_lost(lane->to);
        return false;
    }
    *(lane->direction == HF_CHAOS_UP ? &chaos->stats.bytes_up : &chaos->stats.bytes_down) += (uint64_t)sent;
    hf_chaos_delayed(chaos, piece->came_us, now_us(lane));
    hf_chaos_line_take(&lane->line, (uint32_t)sent);
    return true;
}

/* False when the connection is over. */
static bool end_piece(struct hf_chaos_lane *lane, enum hf_chaos_piece_kind kind)
{
    struct hf_chaos_conn *conn = lane->conn;

    hf_chaos_line_take(&lane->line, 0);
    switch (kind) {
    case HF_CHAOS_FIN:
        (void)shutdown(lane->to->handle.fd, SHUT_WR); /* ENOTCONN: reset meanwhile, epoll tells */
        lane->ended = true;
        finish(conn);
        break;
    case HF_CHAOS_RST: hf_chaos_conn_close(conn, true); break;
    case HF_CHAOS_CUT:
        conn->chaos->stats.cuts++;
        hf_chaos_conn_cut(conn, conn->chaos->faults.cut_how);
        break;
    case HF_CHAOS_LOSS_RESET:
        conn->chaos->stats.loss_resets++;
        hf_chaos_conn_close(conn, true);
        break;
    case HF_CHAOS_DATA: HF_UNREACHABLE();
    }
    return conn->state == HF_CHAOS_CONN_OPEN;
}

static void send_due(struct hf_chaos_lane *lane)
{
    const struct hf_chaos_piece *piece;

    while (has_both_ends(lane->conn) && lane->to->handle.fd >= 0 && !lane->blocked && !is_held(lane) &&
           (piece = hf_chaos_line_due(&lane->line, now_us(lane))) != NULL)
        if (!(piece->kind == HF_CHAOS_DATA ? send_piece(lane, piece) : end_piece(lane, piece->kind)))
            return;
}

void hf_chaos_lane_run(struct hf_chaos_lane *lane)
{
    struct hf_chaos_conn *conn = lane->conn;
    uint64_t next_us = HF_CHAOS_NEVER;

    send_due(lane);
    if (conn->state == HF_CHAOS_CONN_CLOSED)
        return;
    if (lane->line.cost_bytes < conn->chaos->options->buffer_bytes)
        lane->full = false;
    if (has_both_ends(conn) && !lane->blocked && !is_held(lane))
        next_us = hf_chaos_line_next_us(&lane->line);
    if (lane->read_at_us > now_us(lane))
        next_us = HF_MIN(next_us, lane->read_at_us);
    hf_chaos_timers_arm(&conn->chaos->ticker.timers, &lane->timer, next_us);
    hf_chaos_conn_interest(conn);
}

static void on_timer(struct hf_chaos_timer *timer, uint64_t now)
{
    (void)now;
    hf_chaos_lane_run(HF_CONTAINER_OF(timer, struct hf_chaos_lane, timer));
}

/* ---- into the line ---- */

void hf_chaos_lane_swallow(struct hf_chaos_lane *lane)
{
    lane->conn->chaos->stats.swallowed_bytes += hf_chaos_line_clear(&lane->line);
    lane->swallows = true;
    lane->stopped = lane->blocked = lane->full = false;
    lane->ended = lane->gone; /* its FIN was under way, too */
    finish(lane->conn);
}

/* The sender has closed or reset its side. */
static hf_err take_end(struct hf_chaos_lane *lane, enum hf_chaos_piece_kind kind)
{
    lane->gone = true;
    if (loses(lane)) {
        lane->swallows = lane->ended = true;
        finish(lane->conn);
        return HF_OK;
    }
    return hf_chaos_line_push(&lane->line, kind, NULL, 0, now_us(lane),
                              hf_chaos_path_end_us(&lane->path, faults_of(lane), now_us(lane)));
}

void hf_chaos_end_lost(struct hf_chaos_end *end)
{
    struct hf_chaos_conn *conn = end->conn;
    bool client = end == &conn->ends[HF_CHAOS_CLIENT];
    struct hf_chaos_lane *from = &conn->lanes[client ? HF_CHAOS_UP : HF_CHAOS_DOWN],
                         *to = &conn->lanes[client ? HF_CHAOS_DOWN : HF_CHAOS_UP];

    hf_chaos_end_close(end, true);
    conn->chaos->stats.swallowed_bytes += hf_chaos_line_clear(&to->line);
    to->swallows = true; /* nobody takes it any more */
    to->stopped = to->blocked = false;
    to->ended = to->gone;
    if (take_end(from, HF_CHAOS_RST) != HF_OK)
        hf_chaos_conn_close(conn, true);
    if (conn->state != HF_CHAOS_CONN_CLOSED)
        hf_chaos_lane_run(from);
}

static void count(struct hf_chaos_lane *lane, const struct hf_chaos_verdict *verdict)
{
    struct hf_chaos_stats *stats = &lane->conn->chaos->stats;
    bool up = lane->direction == HF_CHAOS_UP;

    *(up ? &stats->units_up : &stats->units_down) += 1;
    *(up ? &stats->lost_up : &stats->lost_down) += verdict->losses;
    if (verdict->reset)
        return;
    stats->stalls += verdict->stall_us > 0;
    stats->stalled_max_ms = HF_MAX(stats->stalled_max_ms, verdict->stall_us / 1000);
    stats->duplicated += verdict->duplicate;
    stats->flipped += verdict->flipped;
    stats->truncated += verdict->truncated;
}

static hf_err push_cut(struct hf_chaos_lane *lane, enum hf_chaos_piece_kind kind, uint64_t due_us)
{
    lane->stopped = true;
    return hf_chaos_line_push(&lane->line, kind, NULL, 0, now_us(lane), due_us);
}

static hf_err take_unit(struct hf_chaos_lane *lane, uint8_t *data, size_t bytes)
{
    struct hf_chaos_verdict verdict;
    hf_err err = HF_OK;

    hf_chaos_path_segment(&lane->path, &lane->conn->chaos->faults, lane->direction, now_us(lane), bytes,
                          &verdict);
    count(lane, &verdict);
    if (verdict.reset)
        return push_cut(lane, HF_CHAOS_LOSS_RESET, verdict.due_us);
    if (verdict.flipped)
        data[verdict.flip_bit / 8] ^= (uint8_t)(1u << verdict.flip_bit % 8);
    if (verdict.keep_bytes > 0)
        err = hf_chaos_line_push(&lane->line, HF_CHAOS_DATA, data, (uint32_t)verdict.keep_bytes, now_us(lane),
                                 verdict.due_us);
    if (err == HF_OK && verdict.duplicate)
        err = hf_chaos_line_push(&lane->line, HF_CHAOS_DATA, data, (uint32_t)verdict.keep_bytes, now_us(lane),
                                 verdict.copy_due_us);
    if (err == HF_OK && verdict.truncated)
        err = push_cut(lane, HF_CHAOS_CUT, verdict.due_us);
    return err;
}

/* How much of what comes may still pass before a fault that counts bytes. */
static uint64_t until_limit(const struct hf_chaos_lane *lane, uint64_t limit_bytes)
{
    if (limit_bytes == 0)
        return UINT64_MAX;
    return limit_bytes > lane->taken_bytes ? limit_bytes - lane->taken_bytes : 0;
}

static hf_err take(struct hf_chaos_lane *lane, uint8_t *data, size_t bytes)
{
    const struct hf_chaos_lane_faults *faults = faults_of(lane);
    struct hf_chaos_stats *stats = &lane->conn->chaos->stats;
    hf_err err = HF_OK;

    if (loses(lane))
        lane->swallows = true;
    while (bytes > 0 && err == HF_OK && !lane->stopped && !lane->swallows) {
        uint64_t cut = until_limit(lane, faults->cut_bytes),
                 silence = until_limit(lane, faults->silence_bytes);
        size_t unit = HF_MIN(bytes, hf_chaos_unit_bytes(faults));

        unit = (size_t)HF_MIN((uint64_t)unit, HF_MIN(cut, silence));
        if (unit > 0)
            err = take_unit(lane, data, unit);
        lane->taken_bytes += unit;
        data += unit;
        bytes -= unit;
        if (err != HF_OK || lane->stopped)
            break;
        if (unit == silence) {
            lane->swallows = true;
            stats->silenced++;
        } else if (unit == cut) {
            err = push_cut(lane, HF_CHAOS_CUT, hf_chaos_path_end_us(&lane->path, faults, now_us(lane)));
        }
    }
    if (lane->swallows)
        stats->swallowed_bytes += bytes;
    return err;
}

/* So that what is read fits the bound when it is cut into pieces. */
static size_t room_bytes(const struct hf_chaos_lane *lane)
{
    const struct hf_chaos_lane_faults *faults = faults_of(lane);
    size_t bound = lane->conn->chaos->options->buffer_bytes, room = HF_CHAOS_RECEIVE_BYTES;

    if (!loses(lane)) {
        size_t unit = HF_MIN(hf_chaos_unit_bytes(faults), (size_t)HF_CHAOS_RECEIVE_BYTES);
        size_t left = bound - HF_MIN(bound, lane->line.cost_bytes),
               whole = unit + sizeof(struct hf_chaos_piece);

        HF_ASSERT(unit > 0 && whole > unit);
        room = left >= whole ? left / whole * unit : left - HF_MIN(left, sizeof(struct hf_chaos_piece));
    }
    if (faults->read_rate > 0)
        room = HF_MIN(room, (size_t)(faults->read_rate * HF_CHAOS_RATE_STEP_US / (uint64_t)US_PER_S));
    return HF_MAX(HF_MIN(room, (size_t)HF_CHAOS_RECEIVE_BYTES), (size_t)1);
}

static void lane_read(struct hf_chaos_lane *lane)
{
    struct hf_chaos_conn *conn = lane->conn;
    struct hf_chaos *chaos = conn->chaos;
    ssize_t got = recv(lane->from->handle.fd, chaos->buffer, room_bytes(lane), MSG_DONTWAIT);
    hf_err err;

    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR)
            hf_chaos_end_lost(lane->from);
        return;
    }
    if (got == 0) {
        err = take_end(lane, HF_CHAOS_FIN);
    } else {
        uint64_t rate = faults_of(lane)->read_rate;

        conn->active_us = now_us(lane);
        if (rate > 0)
            lane->read_at_us =
                HF_MAX(lane->read_at_us, now_us(lane)) + (uint64_t)((double)got * US_PER_S / (double)rate);
        err = take(lane, chaos->buffer, (size_t)got);
    }
    if (err != HF_OK) {
        chaos->stats.connections_refused++;
        hf_chaos_conn_close(conn, true);
    }
    if (conn->state == HF_CHAOS_CONN_CLOSED)
        return;
    hf_chaos_held(chaos, lane->line.cost_bytes);
    if (!lane->full && lane->line.cost_bytes >= chaos->options->buffer_bytes) {
        lane->full = true;
        chaos->stats.backpressure++;
    }
    hf_chaos_lane_run(lane);
}

/* ---- events ---- */

static int socket_error(int fd)
{
    int error = 0;
    socklen_t bytes = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

void hf_chaos_conn_on_event(struct hf_handle *handle, uint32_t events)
{
    struct hf_chaos_end *end = HF_CONTAINER_OF(handle, struct hf_chaos_end, handle);
    struct hf_chaos_conn *conn = end->conn;
    bool client = end == &conn->ends[HF_CHAOS_CLIENT], reads = (events & handle->events & EPOLLIN) != 0;

    if (conn->state == HF_CHAOS_CONN_WAITING) {
        hf_chaos_conn_close(conn, false);
        return;
    }
    if (conn->state == HF_CHAOS_CONN_CONNECTING && !client) {
        hf_chaos_conn_connected(conn, socket_error(handle->fd));
        return;
    }
    if (reads)
        lane_read(&conn->lanes[client ? HF_CHAOS_UP : HF_CHAOS_DOWN]);
    else if (events & EPOLLERR)
        hf_chaos_end_lost(end);
    else if (events & EPOLLHUP)
        end_unwatch(
            end); /* both sides are closed; what is left to read waits until there is room. epoll would insist */
    if (conn->state != HF_CHAOS_CONN_CLOSED && (events & EPOLLOUT)) {
        struct hf_chaos_lane *in = &conn->lanes[client ? HF_CHAOS_DOWN : HF_CHAOS_UP];

        in->blocked = false;
        hf_chaos_lane_run(in);
    }
}

void hf_chaos_lanes_init(struct hf_chaos_conn *conn, uint64_t number)
{
    for (unsigned d = 0; d < 2; d++) {
        struct hf_chaos_lane *lane = &conn->lanes[d];

        *lane = (struct hf_chaos_lane){.conn = conn, .direction = (enum hf_chaos_direction)d};
        lane->from = &conn->ends[d == HF_CHAOS_UP ? HF_CHAOS_CLIENT : HF_CHAOS_SERVER];
        lane->to = &conn->ends[d == HF_CHAOS_UP ? HF_CHAOS_SERVER : HF_CHAOS_CLIENT];
        lane->timer.on_due = on_timer;
        hf_chaos_line_init(&lane->line);
        hf_chaos_path_init(&lane->path, conn->chaos->options->seed, number, lane->direction);
    }
}
