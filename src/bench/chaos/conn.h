/* bench/chaos/conn.h - one TCP connection through the proxy; shared by tcp.c (its life) and lane.c (its bytes).
 *
 *   WAITING ---- the handshake would be through ---> CONNECTING ---> OPEN ---> CLOSED
 *      `-- silence, accept-only: stays                   |             |- cut by FIN -> CLOSING -> CLOSED
 *                                                        `- refused: client reset, CLOSED
 * In WAITING nothing is read and nobody is called. A lane carries what comes from one end to the other; it is `ended` when the
 * FIN of its sender was passed on, or swallowed. Both ended: the connection is closed. */
#ifndef HF_BENCH_CHAOS_CONN_H
#define HF_BENCH_CHAOS_CONN_H

#include "bench/chaos/line.h"
#include "bench/chaos/proxy.h"

enum hf_chaos_conn_state {
    HF_CHAOS_CONN_WAITING,
    HF_CHAOS_CONN_CONNECTING,
    HF_CHAOS_CONN_OPEN,
    HF_CHAOS_CONN_CLOSING,
    HF_CHAOS_CONN_CLOSED,
};

enum { HF_CHAOS_CLIENT, HF_CHAOS_SERVER }; /* index of ends */

struct hf_chaos_end {
    struct hf_handle handle; /* fd -1: it is gone */
    struct hf_chaos_conn *conn;
    bool watched;
};

struct hf_chaos_lane {
    struct hf_chaos_conn *conn;
    struct hf_chaos_end *from, *to;
    enum hf_chaos_direction direction;
    struct hf_chaos_path path;
    struct hf_chaos_line line;
    struct hf_chaos_timer timer; /* the next piece is due, or a slow reader may read again */
    uint64_t read_at_us;         /* slow reader: not before */
    uint64_t taken_bytes;        /* from the sender, ever */
    bool full;                   /* the bound is reached: the sender is not read */
    bool stopped;                /* a cut is under way in the line: nothing behind it */
    bool swallows;               /* what comes is lost, for good: a stream with a hole must not go on */
    bool gone;                   /* `from` has sent FIN or RST */
    bool ended;
    bool blocked; /* the kernel of `to` is full */
};

struct hf_chaos_conn {
    struct hf_list_node node;
    struct hf_deferred deferred;
    struct hf_chaos *chaos;
    enum hf_chaos_conn_state state;
    struct hf_chaos_end ends[2];   /* [HF_CHAOS_CLIENT, HF_CHAOS_SERVER] */
    struct hf_chaos_lane lanes[2]; /* [enum hf_chaos_direction] */
    struct hf_chaos_timer timer;   /* the next event of its life */
    uint64_t opened_us, active_us; /* bytes came last */
    uint64_t wait_until_us;        /* WAITING: end of the handshake; CLOSING: of its patience */
    double cut_draw;
    bool forgotten; /* silent for good */
};
enum { HF_CHAOS_CONN_TIMERS = 3 };

/* ---- lane.c ---- */

void hf_chaos_lanes_init(struct hf_chaos_conn *conn, uint64_t number);
void hf_chaos_lane_run(
    struct hf_chaos_lane *lane); /* sends what is due, arms its timer; may close the connection */
void hf_chaos_conn_interest(struct hf_chaos_conn *conn); /* what epoll shall tell about both ends */
/* From now on what comes is lost, and what is under way. May close the connection. */
void hf_chaos_lane_swallow(struct hf_chaos_lane *lane);
/* `end` was reset or broke: its other side learns of it in its time. May close the connection. */
void hf_chaos_end_lost(struct hf_chaos_end *end);
void hf_chaos_end_close(struct hf_chaos_end *end, bool reset); /* the descriptor alone */
void hf_chaos_conn_on_event(struct hf_handle *handle, uint32_t events);

/* ---- tcp.c ---- */

void hf_chaos_conn_cut(struct hf_chaos_conn *conn, enum hf_chaos_end_kind how); /* RST or FIN */
void hf_chaos_conn_close(struct hf_chaos_conn *conn, bool reset);
void hf_chaos_conn_connected(struct hf_chaos_conn *conn, int sys_errno); /* 0: it is open */
bool hf_chaos_conn_is_stuck(const struct hf_chaos_conn *conn);           /* WAITING, and no time ends that */
void hf_chaos_conn_plan(struct hf_chaos_conn *conn);                     /* arms the timer of its life */

#endif
