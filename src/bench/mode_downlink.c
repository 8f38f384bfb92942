/* bench/mode_downlink.c - POST /v1/devices/{id}/messages until the device has the message.
 * Event i of the schedule is message i div n for device i mod n, and goes through HTTP connection i mod h. h divides n,
 * so that all messages of a device take one connection and must arrive in order. The mark carries device and number. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/api.h"
#include "bench/mark.h"
#include "bench/worker.h"
#include "io/clock.h"

enum { BODY_ROOM_BYTES = HF_BENCH_PAYLOAD_BYTES_MAX + 256, PATH_ROOM_BYTES = 256 };

struct lane { /* one HTTP connection's part of the schedule: events index, index + h, ... */
    uint64_t owed, posted;
};

static unsigned lanes_count(const struct hf_bench_worker *worker)
{
    unsigned lanes = (unsigned)HF_MIN(worker->config->api_connections, (uint64_t)worker->connections);

    while (worker->connections % lanes != 0)
        lanes--;
    return lanes;
}

static uint64_t meant_ns(const struct hf_bench_worker *worker, uint64_t event)
{
    return worker->start_ns + hf_bench_schedule_at_ns(&worker->messages, event);
}

static void lane_push(struct hf_bench_worker *worker, unsigned index)
{
    struct lane *lane = &((struct lane *)worker->mode_data)[index];

    if (lane->posted == lane->owed || hf_bench_api_busy(worker->api, index))
        return;
    uint64_t event = index + lane->posted++ * worker->lanes;
    uint64_t device = event % worker->connections, number = event / worker->connections;
    char name[HF_BENCH_DEVICE_BYTES_MAX], path[PATH_ROOM_BYTES], body[BODY_ROOM_BYTES];
    size_t used = (size_t)snprintf(body, sizeof(body), "{\"topic\":\"bench\",\"payload\":");

    hf_bench_device_name(worker->config, worker->first_number + device, name);
    snprintf(path, sizeof(path), "/v1/devices/%s/messages", name);
    used += hf_bench_mark_write(body + used, worker->config->payload_bytes, device, number);
    body[used++] = '}';
    worker->conns[device].sent = number + 1;
    worker->result->sent++;
    worker->outstanding++;
    hf_bench_api_post(worker->api, index, path, (struct hf_slice){body, used}, hf_clock_ns());
}

/* Keeps to one request a turn: on_done may come from within the post. */
static void on_done(void *user, unsigned index, unsigned status, uint64_t now_ns)
{
    struct hf_bench_worker *worker = user;

    (void)index, (void)now_ns;
    if (status < 200 || status >= 300) {
        worker->result->refused++;
        worker->refused++;
    }
    worker->lane_ready = true;
}

static bool start(struct hf_bench_worker *worker)
{
    const struct hf_bench_config *config = worker->config;

    worker->lanes = lanes_count(worker);
    hf_bench_schedule_init(&worker->messages, config->rate, config->ramp, config->ramp_ns,
                           (unsigned)config->ramp_steps);
    hf_bench_schedule_share(&worker->messages, worker->index, (unsigned)config->processes);
    worker->mode_data = calloc(worker->lanes, sizeof(struct lane));
    worker->api = hf_bench_api_new(&(struct hf_bench_api_config){
        .epoll_fd = worker->net.epoll_fd,
        .target = &worker->plan->api,
        .tls = worker->plan->tls,
        .key = config->api_key,
        .connections = worker->lanes,
        .result = worker->result,
        .on_done = on_done,
        .user = worker,
    });
    return worker->mode_data != NULL && worker->api != NULL;
}

static void push_all(struct hf_bench_worker *worker)
{
    worker->lane_ready = false;
    for (unsigned i = 0; i < worker->lanes; i++)
        lane_push(worker, i);
}

static void tick(struct hf_bench_worker *worker, uint64_t now_ns)
{
    struct lane *lanes = worker->mode_data;
    uint64_t until_ns = HF_MIN(now_ns, worker->measure_end_ns - 1);
    uint64_t due = hf_bench_schedule_due(&worker->messages, until_ns - worker->start_ns);

    for (; worker->message_next < due; worker->message_next++) {
        unsigned index = (unsigned)(worker->message_next % worker->lanes);
        uint64_t event_ns = meant_ns(worker, worker->message_next);

        if (hf_bench_is_measured(worker, event_ns))
            hf_hist_record(&worker->result->lag, hf_clock_ns() - event_ns);
        lanes[index].owed++;
        lane_push(worker, index);
    }
    if (worker->lane_ready)
        push_all(worker);
}

static uint64_t due_ns(const struct hf_bench_worker *worker)
{
    return worker->lane_ready ? 0 : meant_ns(worker, worker->message_next);
}

static void message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_bench_result *result = worker->result;
    uint64_t device, number;

    if (!hf_bench_mark_read(data, bytes, HF_BENCH_MARK_KEY, &device, &number)) {
        result->foreign++;
        return;
    }
    if (device != conn->index || number >= conn->sent) {
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
    uint64_t event_ns = meant_ns(worker, device + number * worker->connections);

    worker->outstanding--;
    result->answered++;
    if (hf_bench_is_measured(worker, event_ns)) {
        result->measured++;
        hf_hist_record(&result->latency, now_ns - event_ns);
    }
}

static bool drained(const struct hf_bench_worker *worker)
{
    return worker->outstanding <= worker->refused;
}

static void finish(struct hf_bench_worker *worker)
{
    const struct lane *lanes = worker->mode_data;
    uint64_t missing = 0;

    for (uint32_t i = 0; i < worker->connections; i++)
        missing += hf_bench_sequence_lost(&worker->conns[i].sequence, worker->conns[i].sent);
    worker->result->lost += missing > worker->refused ? missing - worker->refused : 0;
    for (unsigned i = 0; i < worker->lanes; i++)
        worker->result->unsent += lanes[i].owed - lanes[i].posted;
}

const struct hf_bench_mode_ops hf_bench_mode_downlink = {
    .hold_open = true,
    .start = start,
    .tick = tick,
    .due_ns = due_ns,
    .message = message,
    .drained = drained,
    .finish = finish,
};
