#include "bench/pace.h"

#include <stdlib.h>

#include "base/assert.h"
#include "io/clock.h"

static bool is_open_loop(const struct hf_bench_worker *worker)
{
    return worker->config->rate > 0;
}

static uint64_t intended_ns(const struct hf_bench_conn *conn, uint64_t number)
{
    const struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (is_open_loop(worker))
        return worker->start_ns +
               hf_bench_schedule_at_ns(&worker->messages, conn->index + number * worker->connections);
    return worker->sent_at_ns[conn->index * worker->config->window + number % worker->config->window];
}

void hf_bench_pace_send(struct hf_bench_conn *conn, hf_bench_send_fn *send_one)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    while (conn->sent < conn->owed && conn->state == HF_BENCH_CONN_OPEN) {
        if (!is_open_loop(worker))
            worker->sent_at_ns[conn->index * worker->config->window + conn->sent % worker->config->window] =
                hf_clock_ns();
        if (send_one(conn, conn->sent) != HF_OK)
            return;
        conn->sent++;
        worker->result->sent++;
        worker->outstanding++;
    }
}

bool hf_bench_pace_start(struct hf_bench_worker *worker, hf_bench_send_fn *send_one)
{
    const struct hf_bench_config *config = worker->config;

    (void)send_one;
    if (is_open_loop(worker)) {
        hf_bench_schedule_init(&worker->messages, config->rate, config->ramp, config->ramp_ns,
                               (unsigned)config->ramp_steps);
        hf_bench_schedule_share(&worker->messages, worker->index, (unsigned)config->processes);
        return true;
    }
    worker->sent_at_ns = calloc(worker->connections, config->window * sizeof(uint64_t));
    return worker->sent_at_ns != NULL;
}

static void tick_open(struct hf_bench_worker *worker, uint64_t now_ns, hf_bench_send_fn *send_one)
{
    uint64_t until_ns = HF_MIN(now_ns, worker->measure_end_ns - 1);
    uint64_t due = hf_bench_schedule_due(&worker->messages, until_ns - worker->start_ns);

    while (worker->message_next < due) {
        struct hf_bench_conn *conn = &worker->conns[worker->message_next % worker->connections];
        uint64_t meant_ns =
            worker->start_ns + hf_bench_schedule_at_ns(&worker->messages, worker->message_next);

        worker->message_next++;
        conn->owed++;
        if (hf_bench_is_measured(worker, meant_ns))
            hf_hist_record(&worker->result->lag, hf_clock_ns() - meant_ns);
        hf_bench_pace_send(conn, send_one);
    }
}

void hf_bench_pace_tick(struct hf_bench_worker *worker, uint64_t now_ns, hf_bench_send_fn *send_one)
{
    if (is_open_loop(worker)) {
        tick_open(worker, now_ns, send_one);
    } else if (worker->message_next == 0) { /* the first fill; from here every answer sends the next */
        for (uint32_t i = 0; i < worker->connections; i++) {
            worker->conns[i].owed = worker->config->window;
            hf_bench_pace_send(&worker->conns[i], send_one);
        }
        worker->message_next = 1;
    }
}

uint64_t hf_bench_pace_due_ns(const struct hf_bench_worker *worker)
{
    if (is_open_loop(worker))
        return worker->start_ns + hf_bench_schedule_at_ns(&worker->messages, worker->message_next);
    return worker->message_next == 0 ? worker->start_ns : UINT64_MAX;
}

/* False: this number was there before, or was never sent. */
static bool account(struct hf_bench_conn *conn, uint64_t number)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (number >= conn->sent) {
        worker->result->corrupt++;
        return false;
    }
    switch (hf_bench_sequence_see(&conn->sequence, number)) {
    case HF_BENCH_SEEN_NEXT:
    case HF_BENCH_SEEN_GAP: break;
    case HF_BENCH_SEEN_LATE: worker->result->reordered++; break;
    case HF_BENCH_SEEN_DUPLICATE:
    case HF_BENCH_SEEN_ANCIENT: worker->result->duplicate++; return false;
    }
    HF_ASSERT(worker->outstanding > 0);
    worker->outstanding--;
    return true;
}

static void send_on(struct hf_bench_conn *conn, uint64_t now_ns, hf_bench_send_fn *send_one)
{
    const struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (is_open_loop(worker) || worker->phase != HF_BENCH_PHASE_RUNNING || now_ns >= worker->measure_end_ns)
        return;
    conn->owed++;
    hf_bench_pace_send(conn, send_one);
}

void hf_bench_pace_answered(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns,
                            hf_bench_send_fn *send_one)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    uint64_t meant_ns;

    if (!account(conn, number))
        return;
    worker->result->answered++;
    meant_ns = intended_ns(conn, number);
    if (hf_bench_is_measured(worker, meant_ns)) {
        worker->result->measured++;
        hf_hist_record(&worker->result->latency, now_ns - meant_ns);
    }
    send_on(conn, now_ns, send_one);
}

void hf_bench_pace_refused(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns,
                           hf_bench_send_fn *send_one)
{
    if (account(conn, number))
        send_on(conn, now_ns, send_one);
}

bool hf_bench_pace_drained(const struct hf_bench_worker *worker)
{
    return worker->outstanding == 0;
}

void hf_bench_pace_finish(struct hf_bench_worker *worker)
{
    for (uint32_t i = 0; i < worker->connections; i++) {
        const struct hf_bench_conn *conn = &worker->conns[i];

        worker->result->lost += hf_bench_sequence_lost(&conn->sequence, conn->sent);
        worker->result->unsent += conn->owed - conn->sent;
    }
}
