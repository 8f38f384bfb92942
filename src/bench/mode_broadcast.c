/* bench/mode_broadcast.c - POST /v1/broadcast until the last socket has it.
 * Process 0 posts, one request at a time so that the order is defined; every process notes for each broadcast the first
 * and last arrival at its sockets and their count. run.c puts the processes together. */
#include <stdio.h>

#include "bench/api.h"
#include "bench/mark.h"
#include "bench/worker.h"
#include "io/clock.h"

enum { BODY_ROOM_BYTES = HF_BENCH_PAYLOAD_BYTES_MAX + 256 };

static bool is_poster(const struct hf_bench_worker *worker)
{
    return worker->index == 0;
}

static uint64_t meant_ns(const struct hf_bench_worker *worker, uint64_t event)
{
    return worker->start_ns + hf_bench_schedule_at_ns(&worker->messages, event);
}

static void on_done(void *user, unsigned index, unsigned status, uint64_t now_ns)
{
    struct hf_bench_worker *worker = user;

    (void)index, (void)now_ns;
    if (status >= 200 && status < 300)
        return;
    worker->result->refused++;
    atomic_fetch_add(&worker->shared->broadcasts_refused, 1);
}

static bool start(struct hf_bench_worker *worker)
{
    const struct hf_bench_config *config = worker->config;

    hf_bench_schedule_init(&worker->messages, config->rate, config->ramp, config->ramp_ns,
                           (unsigned)config->ramp_steps);
    if (!is_poster(worker))
        return true;
    worker->api = hf_bench_api_new(&(struct hf_bench_api_config){
        .epoll_fd = worker->net.epoll_fd,
        .target = &worker->plan->api,
        .tls = worker->plan->tls,
        .key = config->api_key,
        .connections = 1,
        .result = worker->result,
        .on_done = on_done,
        .user = worker,
    });
    return worker->api != NULL;
}

/* A broadcast that waits for the answer to the one before keeps its intended time. */
static void tick(struct hf_bench_worker *worker, uint64_t now_ns)
{
    char body[BODY_ROOM_BYTES];

    if (!is_poster(worker) || hf_bench_api_busy(worker->api, 0) ||
        worker->message_next >= worker->plan->arrivals_max)
        return;
    uint64_t event_ns = meant_ns(worker, worker->message_next);

    if (event_ns > now_ns || event_ns >= worker->measure_end_ns)
        return;
    size_t used =
        (size_t)snprintf(body, sizeof(body), "{\"target\":\"all\",\"topic\":\"bench\",\"payload\":");

    used += hf_bench_mark_write(body + used, worker->config->payload_bytes, worker->message_next, 0);
    body[used++] = '}';
    worker->message_next++;
    worker->result->sent++;
    atomic_store(&worker->shared->broadcasts_posted, worker->message_next);
    hf_bench_api_post(worker->api, 0, "/v1/broadcast", (struct hf_slice){body, used}, hf_clock_ns());
}

static uint64_t due_ns(const struct hf_bench_worker *worker)
{
    if (!is_poster(worker) || hf_bench_api_busy(worker->api, 0))
        return UINT64_MAX;
    return meant_ns(worker, worker->message_next);
}

static void message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_bench_result *result = worker->result;
    uint64_t number, unused;

    if (!hf_bench_mark_read(data, bytes, HF_BENCH_MARK_KEY, &number, &unused)) {
        result->foreign++;
        return;
    }
    if (number >= worker->plan->arrivals_max) {
        result->corrupt++;
        return;
    }
    switch (hf_bench_sequence_see(&conn->sequence, number)) {
    case HF_BENCH_SEEN_NEXT:
    case HF_BENCH_SEEN_GAP: break;
    case HF_BENCH_SEEN_LATE: result->reordered++; break;
    case HF_BENCH_SEEN_DUPLICATE:
    case HF_BENCH_SEEN_ANCIENT: result->duplicate++; return;
    }
    struct hf_bench_arrival *arrival = &worker->arrivals[number];
    uint64_t event_ns = meant_ns(worker, number);

    if (arrival->count++ == 0)
        arrival->first_ns = now_ns;
    arrival->last_ns = now_ns;
    result->answered++;
    if (hf_bench_is_measured(worker, event_ns)) {
        result->measured++;
        hf_hist_record(&result->latency, now_ns - event_ns);
    }
}

static uint64_t missing(const struct hf_bench_worker *worker)
{
    uint64_t posted = atomic_load(&worker->shared->broadcasts_posted), count = 0;
    uint64_t refused = atomic_load(&worker->shared->broadcasts_refused);

    for (uint32_t i = 0; i < worker->connections; i++) {
        uint64_t lost = hf_bench_sequence_lost(&worker->conns[i].sequence, posted);

        if (worker->conns[i].state == HF_BENCH_CONN_OPEN)
            count += lost > refused ? lost - refused : 0;
    }
    return count;
}

static bool drained(const struct hf_bench_worker *worker)
{
    if (is_poster(worker) && !hf_bench_api_busy(worker->api, 0))
        atomic_store(&worker->shared->broadcasts_over, true);
    return atomic_load(&worker->shared->broadcasts_over) && missing(worker) == 0;
}

static void finish(struct hf_bench_worker *worker)
{
    worker->result->lost += missing(worker);
}

const struct hf_bench_mode_ops hf_bench_mode_broadcast = {
    .hold_open = true,
    .start = start,
    .tick = tick,
    .due_ns = due_ns,
    .message = message,
    .drained = drained,
    .finish = finish,
};
