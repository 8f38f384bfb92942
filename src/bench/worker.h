/* bench/worker.h - one generator process: opens its share of the connections, waits for the start, runs its mode,
 * waits for late answers, closes. Started by run.c with fork(); speaks with it over one socket: it writes
 * 'R' when its connections are settled, reads the start time (uint64_t, CLOCK_MONOTONIC in ns, the same clock for
 * every process of the machine), writes 'D' when the measured time is over, and ends by exiting. In the mode resume it also reads 0 ("drop all
 * connections", which it answers with 'A' for away) and a second time ("dial again from then on"). End of file on that socket ends the worker at
 * once. */
#ifndef HF_BENCH_WORKER_H
#define HF_BENCH_WORKER_H

#include <stdatomic.h>

#include "bench/config.h"
#include "bench/conn.h"
#include "bench/schedule.h"
#include "bench/token.h"

struct hf_bench_api; /* api.h */

struct hf_bench_arrival { /* of one broadcast at one process's sockets */
    uint64_t first_ns, last_ns;
    uint64_t count;
};

/* Memory shared by parent and workers. */
struct hf_bench_shared {
    _Atomic uint64_t broadcasts_posted, broadcasts_refused; /* final once broadcasts_over */
    _Atomic bool broadcasts_over;
    uint64_t start_ns;               /* written by the parent before the start */
    struct hf_bench_result result[]; /* one for each process; arrivals follow, see hf_bench_arrivals() */
};

struct hf_bench_plan { /* made once before the fork; read only */
    const struct hf_bench_config *config;
    struct hf_bench_target target, api;
    struct hf_bench_sources sources;
    struct hf_bench_tokens tokens;
    struct hf_tls_client *tls;
    uint32_t arrivals_max; /* broadcasts of one run */
    uint64_t dial_at_ns;   /* when the first connection is meant to start */
};

enum { HF_BENCH_DROP = 0, HF_BENCH_ANSWERS_BYTES = 4096 };

enum hf_bench_phase {
    HF_BENCH_PHASE_OPENING,
    HF_BENCH_PHASE_READY, /* waits for the start time */
    HF_BENCH_PHASE_RUNNING,
    HF_BENCH_PHASE_DRAINING,
    HF_BENCH_PHASE_CLOSING,
    HF_BENCH_PHASE_OVER,
};

struct hf_bench_worker;

struct hf_bench_mode_ops {
    bool dials_in_run; /* churn, flood: connections are what is measured; the others open all first */
    bool hold_open;    /* false: a connection is closed as soon as it is open */
    bool resumes;      /* holdfast.v1: HELLO names the session that the connection before had */
    bool (*start)(struct hf_bench_worker *worker);                 /* NULL = nothing; false = no memory */
    void (*tick)(struct hf_bench_worker *worker, uint64_t now_ns); /* while RUNNING; NULL = nothing */
    uint64_t (*due_ns)(const struct hf_bench_worker *worker);      /* of the next tick; NULL = never */
    void (*send)(struct hf_bench_conn *conn, uint64_t now_ns); /* there is room again, or it just opened */
    void (*message)(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns);
    void (*acked)(struct hf_bench_conn *conn, uint64_t number,
                  uint64_t now_ns); /* holdfast.v1: durable; NULL = nothing */
    void (*welcome)(struct hf_bench_conn *conn, bool resumed, uint64_t now_ns); /* holdfast.v1 */
    void (*command)(struct hf_bench_conn *conn, const uint8_t id[16]); /* after `message` with its payload */
    void (*control)(struct hf_bench_worker *worker, uint64_t word);    /* what run.c writes after the start */
    bool (*drained)(const struct hf_bench_worker *worker);             /* NULL = at once */
    void (*finish)(struct hf_bench_worker *worker);                    /* counts losses; NULL = nothing */
};

struct hf_bench_worker {
    const struct hf_bench_config *config;
    const struct hf_bench_plan *plan;
    const struct hf_bench_mode_ops *ops;
    struct hf_bench_shared *shared;
    struct hf_bench_result *result;
    struct hf_bench_arrival *arrivals; /* broadcast only */
    unsigned index;
    int control_fd;
    enum hf_bench_phase phase;
    uint64_t phase_end_ns; /* DRAINING, CLOSING: no longer than this */

    struct hf_bench_conn *conns;
    uint32_t connections, first_number; /* our share, and the number of its first device */
    struct hf_bench_schedule dials;
    uint64_t dial_zero_ns, dial_next;
    uint32_t greeting;                /* sessions whose WELCOME has not come */
    uint64_t beat_zero_ns, beat_next; /* session.c: the first WELCOME, and the number of the next PING */
    uint32_t free_hint;               /* where the search for an idle connection begins */

    struct hf_bench_schedule messages; /* open loop */
    uint64_t start_ns, measure_begin_ns, measure_end_ns;
    uint64_t message_next;
    uint64_t *sent_at_ns; /* closed loop: `window` send times for each connection */
    uint64_t outstanding;
    bool cpu_marked;
    uint64_t cpu_mark_ns, wait_mark_ns;

    uint8_t answers[HF_BENCH_ANSWERS_BYTES]; /* session.c: frames that what is being read leads to */
    size_t answers_bytes;
    struct hf_bench_api *api; /* downlink, broadcast; owns */
    void *mode_data;          /* the mode's; freed with the worker */
    unsigned lanes;           /* downlink: HTTP connections in use */
    bool lane_ready;          /* downlink: one of them can take its next request */
    uint64_t refused;         /* messages that the server refused: nobody waits for them */
    struct hf_wheel wheel;
    struct hf_bench_net net;
};

static inline struct hf_bench_worker *hf_bench_worker_of(const struct hf_bench_conn *conn)
{
    return conn->net->user;
}

static inline bool hf_bench_is_measured(const struct hf_bench_worker *worker, uint64_t intended_ns)
{
    return intended_ns >= worker->measure_begin_ns && intended_ns < worker->measure_end_ns;
}

size_t hf_bench_shared_bytes(const struct hf_bench_plan *plan);
struct hf_bench_arrival *hf_bench_arrivals(struct hf_bench_shared *shared, const struct hf_bench_plan *plan,
                                           unsigned process);

/* Runs to the end; returns the exit status of the process: 0, or 1 when it could not work at all. */
int hf_bench_worker_main(const struct hf_bench_plan *plan, struct hf_bench_shared *shared, unsigned index,
                         int control_fd);

/* mode_table.c */
extern const struct hf_bench_mode_ops *const hf_bench_mode_table[HF_BENCH_MODES];

#endif
