#include "bench/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sb.h"
#include "bench/api.h"
#include "bench/process.h"
#include "bench/session.h"
#include "io/clock.h"

enum { EVENTS = 512, NS_PER_MS = 1000000, NS_PER_S = 1000000000, WAIT_NS_MAX = 100 * NS_PER_MS };

/* Tags of descriptors that are no connection. */
static char control_tag;

size_t hf_bench_shared_bytes(const struct hf_bench_plan *plan)
{
    return sizeof(struct hf_bench_shared) + plan->config->processes * sizeof(struct hf_bench_result) +
           plan->config->processes * plan->arrivals_max * sizeof(struct hf_bench_arrival);
}

struct hf_bench_arrival *hf_bench_arrivals(struct hf_bench_shared *shared, const struct hf_bench_plan *plan,
                                           unsigned process)
{
    struct hf_bench_arrival *all = (struct hf_bench_arrival *)&shared->result[plan->config->processes];

    return all + (size_t)process * plan->arrivals_max;
}

/* ---- the connections' callbacks ---- */

static void on_open(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (!worker->ops->hold_open)
        hf_bench_conn_close(conn, now_ns);
    else if (hf_bench_session_is_on(worker->config))
        hf_bench_session_begin(conn);
    else if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->send != NULL)
        worker->ops->send(conn, now_ns);
}

static void on_message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    worker->result->bytes_in += bytes;
    if (hf_bench_session_is_on(worker->config))
        hf_bench_session_message(conn, data, bytes, now_ns);
    else if (worker->ops->message != NULL)
        worker->ops->message(conn, data, bytes, now_ns);
    else
        worker->result->foreign++;
}

static void on_writable(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->send != NULL)
        worker->ops->send(conn, now_ns);
}

static void on_read_over(struct hf_bench_conn *conn)
{
    if (hf_bench_session_is_on(conn->net->config))
        hf_bench_session_read_over(conn);
}

static void on_end(struct hf_bench_conn *conn, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    (void)now_ns;
    hf_bench_session_end(conn);
    worker->free_hint = conn->index;
}

static const struct hf_bench_handler handler = {on_open, on_message, on_read_over, on_writable, on_end};

/* Replaces {device} and {token}; a token without a place becomes the parameter `token`. */
static bool write_path(void *user, const struct hf_bench_conn *conn, char *out, size_t out_bytes)
{
    const struct hf_bench_worker *worker = user;
    char device[HF_BENCH_DEVICE_BYTES_MAX], token[HF_BENCH_TOKEN_BYTES_MAX];
    uint64_t number = worker->first_number + conn->index;
    bool placed = false;
    struct hf_sb sb;

    if (!hf_bench_token(&worker->plan->tokens, number, token))
        return false;
    hf_bench_device_name(worker->config, number, device);
    hf_sb_init(&sb, out, out_bytes);
    for (const char *at = worker->plan->target.path; *at != 0;) {
        if (strncmp(at, "{device}", 8) == 0) {
            hf_sb_text(&sb, device);
            at += 8;
        } else if (strncmp(at, "{token}", 7) == 0) {
            hf_sb_text(&sb, token);
            placed = true;
            at += 7;
        } else {
            hf_sb_char(&sb, *at++);
        }
    }
    if (token[0] != 0 && !placed) {
        hf_sb_text(&sb, strchr(worker->plan->target.path, '?') ? "&token=" : "?token=");
        hf_sb_text(&sb, token);
    }
    return !sb.overflow;
}

/* ---- dialling ---- */

static struct hf_bench_conn *idle_conn(struct hf_bench_worker *worker)
{
    for (uint32_t i = 0; i < worker->connections; i++) {
        struct hf_bench_conn *conn = &worker->conns[(worker->free_hint + i) % worker->connections];

        if (conn->state == HF_BENCH_CONN_IDLE) {
            worker->free_hint = (conn->index + 1) % worker->connections;
            return conn;
        }
    }
    return NULL;
}

static bool has_idle(const struct hf_bench_worker *worker)
{
    return worker->net.opening + worker->net.open < worker->connections;
}

/* A dial that finds no idle connection waits; its intended time stays, so the wait shows in `open`. */
static void dial_due(struct hf_bench_worker *worker, uint64_t now_ns)
{
    bool in_run = worker->ops->dials_in_run;
    uint64_t due;

    if (worker->phase != (in_run ? HF_BENCH_PHASE_RUNNING : HF_BENCH_PHASE_OPENING) ||
        now_ns < worker->dial_zero_ns)
        return;
    uint64_t until_ns = in_run ? HF_MIN(now_ns, worker->measure_end_ns - 1) : now_ns;

    due = hf_bench_schedule_due(&worker->dials, until_ns - worker->dial_zero_ns);
    if (!in_run)
        due = HF_MIN(due, worker->connections);
    while (worker->dial_next < due && (!in_run || has_idle(worker))) {
        struct hf_bench_conn *conn = in_run ? idle_conn(worker) : &worker->conns[worker->dial_next];
        uint64_t intended_ns =
            worker->dial_zero_ns + hf_bench_schedule_at_ns(&worker->dials, worker->dial_next++);
        uint64_t at_ns = hf_clock_ns();

        if (hf_bench_is_measured(worker, intended_ns))
            hf_hist_record(&worker->result->lag, now_ns - intended_ns);
        hf_bench_conn_dial(conn, intended_ns, at_ns);
    }
}

/* At the end of the measured time: who still waited for an idle connection. */
static void count_undialled(struct hf_bench_worker *worker)
{
    if (worker->ops->dials_in_run)
        worker->result->undialled +=
            hf_bench_schedule_due(&worker->dials, worker->measure_end_ns - 1 - worker->dial_zero_ns) -
            worker->dial_next;
}

static uint64_t dial_due_ns(const struct hf_bench_worker *worker)
{
    bool in_run = worker->ops->dials_in_run;

    if (worker->phase != (in_run ? HF_BENCH_PHASE_RUNNING : HF_BENCH_PHASE_OPENING))
        return UINT64_MAX;
    if (in_run ? !has_idle(worker) : worker->dial_next == worker->connections)
        return UINT64_MAX;
    return worker->dial_zero_ns + hf_bench_schedule_at_ns(&worker->dials, worker->dial_next);
}

/* ---- phases ---- */

static void cpu_mark(struct hf_bench_worker *worker, bool begin)
{
    uint64_t cpu_ns = hf_process_cpu_ns(0), wait_ns = hf_process_wait_ns();

    if (begin) {
        worker->cpu_mark_ns = cpu_ns;
        worker->wait_mark_ns = wait_ns;
        worker->cpu_marked = true;
    } else {
        worker->result->measured_cpu_ns = cpu_ns - worker->cpu_mark_ns;
        worker->result->wait_ns = wait_ns - worker->wait_mark_ns;
    }
}

static void enter_closing(struct hf_bench_worker *worker, uint64_t now_ns)
{
    worker->phase = HF_BENCH_PHASE_CLOSING;
    worker->phase_end_ns = now_ns + (uint64_t)(HF_BENCH_CLOSE_MS + 1000) * NS_PER_MS;
    worker->net.ending = true;
    for (uint32_t i = 0; i < worker->connections; i++)
        hf_bench_conn_close(&worker->conns[i], now_ns);
}

static void phase_step(struct hf_bench_worker *worker, uint64_t now_ns)
{
    switch (worker->phase) {
    case HF_BENCH_PHASE_OPENING:
        if (!worker->ops->dials_in_run &&
            (worker->dial_next < worker->connections || worker->net.opening > 0 || worker->greeting > 0))
            break;
        worker->phase = write(worker->control_fd, "R", 1) == 1 ? HF_BENCH_PHASE_READY : HF_BENCH_PHASE_OVER;
        break;
    case HF_BENCH_PHASE_RUNNING:
        if (!worker->cpu_marked && now_ns >= worker->measure_begin_ns)
            cpu_mark(worker, true);
        if (now_ns < worker->measure_end_ns)
            break;
        cpu_mark(worker, false);
        count_undialled(worker);
        if (write(worker->control_fd, "D", 1) != 1) {
            worker->phase = HF_BENCH_PHASE_OVER; /* the parent is gone */
            break;
        }
        worker->phase = HF_BENCH_PHASE_DRAINING;
        worker->phase_end_ns = now_ns + worker->config->drain_ns;
        break;
    case HF_BENCH_PHASE_DRAINING:
        if (now_ns < worker->phase_end_ns && worker->ops->drained != NULL && !worker->ops->drained(worker))
            break;
        if (worker->ops->finish != NULL)
            worker->ops->finish(worker);
        enter_closing(worker, now_ns);
        break;
    case HF_BENCH_PHASE_CLOSING:
        if (now_ns >= worker->phase_end_ns || worker->net.open + worker->net.opening == 0)
            worker->phase = HF_BENCH_PHASE_OVER;
        break;
    case HF_BENCH_PHASE_READY:
    case HF_BENCH_PHASE_OVER: break;
    }
}

static void on_control(struct hf_bench_worker *worker)
{
    const struct hf_bench_config *config = worker->config;
    uint64_t start_ns;

    if (read(worker->control_fd, &start_ns, sizeof(start_ns)) != (ssize_t)sizeof(start_ns)) {
        if (errno != EAGAIN)
            worker->phase = HF_BENCH_PHASE_OVER; /* the parent is gone */
        return;
    }
    if (worker->phase != HF_BENCH_PHASE_READY) {
        if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->control != NULL)
            worker->ops->control(worker, start_ns);
        return;
    }
    uint64_t cut_ns = HF_MAX(config->warmup_ns, config->ramp_ns);
    bool unmeasured = config->mode == HF_BENCH_CONNECT;

    worker->phase = HF_BENCH_PHASE_RUNNING;
    worker->start_ns = start_ns;
    worker->measure_begin_ns = start_ns + (unmeasured ? 0 : cut_ns);
    worker->measure_end_ns = worker->measure_begin_ns + (unmeasured ? 0 : config->duration_ns);
    if (worker->ops->dials_in_run)
        worker->dial_zero_ns = start_ns;
    if (worker->ops->start != NULL && !worker->ops->start(worker))
        worker->phase = HF_BENCH_PHASE_OVER;
}

/* ---- the loop ---- */

static uint64_t wait_ns(const struct hf_bench_worker *worker, uint64_t now_ns)
{
    uint64_t due_ns = HF_MIN(dial_due_ns(worker), hf_bench_session_beat_ns(worker)), wait;

    if (worker->phase == HF_BENCH_PHASE_RUNNING) {
        due_ns = HF_MIN(due_ns, worker->measure_end_ns);
        if (!worker->cpu_marked)
            due_ns = HF_MIN(due_ns, worker->measure_begin_ns);
        if (worker->ops->due_ns != NULL)
            due_ns = HF_MIN(due_ns, worker->ops->due_ns(worker));
    }
    wait = due_ns <= now_ns ? 0 : HF_MAX(due_ns - now_ns, worker->config->tick_ns);
    return HF_MIN(wait, (uint64_t)hf_wheel_wait_ms(&worker->wheel, now_ns / NS_PER_MS, 100) * NS_PER_MS);
}

static void dispatch(struct hf_bench_worker *worker, const struct epoll_event *event, uint64_t now_ns)
{
    void *tag = event->data.ptr;

    if (tag == &control_tag)
        on_control(worker);
    else if (worker->api != NULL && hf_bench_api_owns(worker->api, tag))
        hf_bench_api_event(worker->api, tag, event->events, now_ns);
    else
        hf_bench_conn_event(tag, event->events, now_ns);
}

static void loop(struct hf_bench_worker *worker)
{
    struct epoll_event events[EVENTS];
    uint64_t now_ns = hf_clock_ns(), woke_ns = now_ns;

    while (worker->phase != HF_BENCH_PHASE_OVER) {
        dial_due(worker, now_ns);
        if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->tick != NULL &&
            now_ns >= worker->start_ns)
            worker->ops->tick(worker, now_ns);
        if (worker->phase < HF_BENCH_PHASE_CLOSING)
            hf_bench_session_beats(worker, now_ns);
        hf_wheel_run(&worker->wheel, now_ns / NS_PER_MS);
        phase_step(worker, now_ns);
        now_ns = hf_clock_ns();
        if (hf_bench_is_measured(worker, now_ns)) {
            hf_hist_record(&worker->result->stall, now_ns - woke_ns);
            worker->result->stalls += now_ns - woke_ns > worker->config->stall_max_ns;
        }
        uint64_t wait = wait_ns(worker, now_ns);
        struct timespec timeout = {.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};
        int n = epoll_pwait2(worker->net.epoll_fd, events, EVENTS, &timeout, NULL);

        woke_ns = now_ns = hf_clock_ns();
        for (int i = 0; i < n; i++) {
            dispatch(worker, &events[i], now_ns);
            now_ns = hf_clock_ns();
        }
    }
}

static bool worker_init(struct hf_bench_worker *worker)
{
    const struct hf_bench_config *config = worker->config;
    struct hf_bench_net *net = &worker->net;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control_tag};
    uint64_t first = config->connections * worker->index / config->processes;
    enum hf_bench_ramp dial_ramp =
        worker->ops->dials_in_run || config->mode == HF_BENCH_CONNECT ? config->ramp : HF_BENCH_RAMP_NONE;

    worker->first_number = (uint32_t)first;
    worker->connections = (uint32_t)(config->connections * (worker->index + 1) / config->processes - first);
    worker->dial_zero_ns = worker->plan->dial_at_ns;
    hf_bench_schedule_init(&worker->dials, config->connect_rate, dial_ramp, config->ramp_ns,
                           (unsigned)config->ramp_steps);
    hf_bench_schedule_share(&worker->dials, worker->index, (unsigned)config->processes);
    hf_wheel_init(&worker->wheel, hf_clock_ms());
    net->config = config;
    net->target = &worker->plan->target;
    net->sources = &worker->plan->sources;
    net->tls = worker->plan->target.tls ? worker->plan->tls : NULL;
    net->handler = &handler;
    net->write_path = write_path;
    net->user = worker;
    net->result = worker->result;
    net->wheel = &worker->wheel;
    net->source_next = worker->index;
    hf_bench_net_init(net);
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->conns = calloc(worker->connections, sizeof(*worker->conns));
    if (net->epoll_fd < 0 || worker->conns == NULL ||
        epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, worker->control_fd, &event) < 0)
        return false;
    for (uint32_t i = 0; i < worker->connections; i++)
        hf_bench_conn_init(&worker->conns[i], net, i);
    return true;
}

int hf_bench_worker_main(const struct hf_bench_plan *plan, struct hf_bench_shared *shared, unsigned index,
                         int control_fd)
{
    struct hf_bench_worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        return 1;
    worker->config = plan->config;
    worker->plan = plan;
    worker->ops = hf_bench_mode_table[plan->config->mode];
    worker->shared = shared;
    worker->result = &shared->result[index];
    worker->arrivals = hf_bench_arrivals(shared, plan, index);
    worker->index = index;
    worker->control_fd = control_fd;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* wake when asked, not 50 us later */
    (void)fcntl(control_fd, F_SETFL, O_NONBLOCK);
    bool ready = worker_init(worker);

    if (ready) {
        loop(worker);
        for (uint32_t i = 0; i < worker->connections; i++)
            hf_bench_conn_abort(&worker->conns[i]);
    }
    worker->result->cpu_ns = hf_process_cpu_ns(0);
    worker->result->rss_bytes = hf_process_rss_bytes(0);
    hf_bench_api_free(worker->api);
    if (worker->net.epoll_fd > 0)
        close(worker->net.epoll_fd);
    free(worker->mode_data);
    free(worker->sent_at_ns);
    free(worker->conns);
    free(worker);
    return ready ? 0 : 1;
}
