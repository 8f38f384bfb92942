/* bench/mode_resume.c - what a restart of the gateway, or a long tunnel, is to a fleet with sessions: all are open, all sockets go without a goodbye (HF_BENCH_DROP),
 * and at one moment all begin to dial again, --connect-rate a second. A session is back when its WELCOME says `resumed` and --expect numbered messages have
 * come, each once and in order. Commands are answered as they come, RESULT ok. Times are from the moment of the first redial, whatever the place in the queue.
 *
 * Who posts the messages is not here: any client of the API, while the devices are away. Payloads may carry the mark {"hfb":"<device>-<n>"}, n from 0
 * in each device's order; then one that reaches another device, or comes again under another number, is found as corrupt. */
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/mark.h"
#include "bench/session.h"
#include "io/clock.h"

struct seen {
    uint32_t all, missed; /* messages since the session is open; since the redial */
    bool back;            /* WELCOME came after the redial */
};

struct resume {
    uint64_t at_ns; /* of the first redial; 0 = not yet */
    uint32_t dialled, left;
    struct seen seen[];
};

static struct resume *resume_of(const struct hf_bench_worker *worker)
{
    return worker->mode_data;
}

static bool start(struct hf_bench_worker *worker)
{
    worker->mode_data = calloc(1, sizeof(struct resume) + worker->connections * sizeof(struct seen));
    worker->measure_begin_ns = worker->measure_end_ns = UINT64_MAX; /* until the redial */
    worker->net.ending = true; /* what is lost before it, is lost on purpose */
    return worker->mode_data != NULL;
}

static void drop_all(struct hf_bench_worker *worker)
{
    for (uint32_t i = 0; i < worker->connections; i++) {
        hf_bench_conn_abort(&worker->conns[i]);
        hf_bench_session_end(&worker->conns[i]);
    }
}

static void redial(struct hf_bench_worker *worker, uint64_t at_ns)
{
    struct resume *resume = resume_of(worker);

    resume->at_ns = at_ns;
    resume->left = worker->connections;
    worker->net.ending = false;
    worker->measure_begin_ns = at_ns;
    worker->measure_end_ns = at_ns + worker->config->duration_ns;
}

static void control(struct hf_bench_worker *worker, uint64_t word)
{
    if (resume_of(worker)->at_ns != 0)
        return; /* once a run */
    drop_all(worker);
    if (word != HF_BENCH_DROP)
        redial(worker, word);
    else if (write(worker->control_fd, "A", 1) != 1)
        worker->phase = HF_BENCH_PHASE_OVER; /* the parent is gone */
}

static uint64_t due_ns(const struct hf_bench_worker *worker)
{
    const struct resume *resume = resume_of(worker);

    if (resume->at_ns == 0 || resume->dialled == worker->connections)
        return UINT64_MAX;
    return resume->at_ns + hf_bench_schedule_at_ns(&worker->dials, resume->dialled);
}

static void tick(struct hf_bench_worker *worker, uint64_t now_ns)
{
    struct resume *resume = resume_of(worker);

    while (due_ns(worker) <= now_ns) {
        uint64_t intended_ns = due_ns(worker), at_ns = hf_clock_ns();
        struct hf_bench_conn *conn = &worker->conns[resume->dialled++];

        hf_hist_record(&worker->result->lag, at_ns - intended_ns);
        hf_bench_conn_dial(conn, intended_ns, at_ns);
    }
}

/* The last one ends the measured time. */
static void look_whether_over(struct hf_bench_worker *worker, const struct seen *seen, uint64_t now_ns)
{
    struct resume *resume = resume_of(worker);

    if (!seen->back || seen->missed < worker->config->expect)
        return;
    HF_ASSERT(resume->left > 0);
    if (--resume->left == 0)
        worker->measure_end_ns = HF_MIN(worker->measure_end_ns, now_ns);
}

static struct seen *seen_of(const struct hf_bench_conn *conn)
{
    return &resume_of(hf_bench_worker_of(conn))->seen[conn->index];
}

static bool is_back_at_work(const struct hf_bench_worker *worker)
{
    return worker->mode_data != NULL && resume_of(worker)->at_ns != 0;
}

static void welcome(struct hf_bench_conn *conn, bool resumed, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (!is_back_at_work(worker) || seen_of(conn)->back)
        return;
    struct seen *seen = seen_of(conn);

    *(resumed ? &worker->result->resumed : &worker->result->rebuilt) += 1;
    hf_hist_record(&worker->result->resume, now_ns - conn->intended_ns);
    hf_hist_record(&worker->result->back, now_ns - resume_of(worker)->at_ns);
    seen->back = true;
    look_whether_over(worker, seen, now_ns);
}

static bool read_mark(const uint8_t *data, size_t bytes, uint64_t *ret_device, uint64_t *ret_number)
{
    static const char spaced_key[] = "\"hfb\": \""; /* as many JSON writers have it */

    return hf_bench_mark_read(data, bytes, HF_BENCH_MARK_KEY, ret_device, ret_number) ||
           hf_bench_mark_read(data, bytes, spaced_key, ret_device, ret_number);
}

/* Numbered messages come here once, see session.c; the payload tells whether the gateway numbered one of them twice. */
static void message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_bench_result *result = worker->result;
    uint64_t device, number;

    if (worker->mode_data == NULL) {
        result->foreign++; /* before the start */
        return;
    }
    struct seen *seen = seen_of(conn);

    if (read_mark(data, bytes, &device, &number) &&
        (device != worker->config->device_first + worker->first_number + conn->index || number != seen->all))
        result->corrupt++;
    seen->all++;
    if (!is_back_at_work(worker)) {
        result->foreign++;
        return;
    }
    if (seen->missed++ >= worker->config->expect) {
        result->foreign++;
        return;
    }
    result->answered++;
    result->measured++;
    hf_hist_record(&result->latency, now_ns - resume_of(worker)->at_ns);
    if (seen->missed == worker->config->expect)
        look_whether_over(worker, seen, now_ns);
}

static void command(struct hf_bench_conn *conn, const uint8_t id[16])
{
    if (is_back_at_work(hf_bench_worker_of(conn))) /* before, an answer could be lost with the connection */
        (void)hf_bench_session_answer(conn, id);
}

static void acked(struct hf_bench_conn *conn, uint64_t number, uint64_t now_ns)
{
    (void)number, (void)now_ns;
    hf_bench_worker_of(conn)->outstanding--;
}

static bool drained(const struct hf_bench_worker *worker)
{
    return worker->outstanding == 0; /* our answers are durable */
}

static void finish(struct hf_bench_worker *worker)
{
    worker->result->lost += worker->outstanding;
    for (uint32_t i = 0; i < worker->connections; i++) {
        const struct hf_bench_session *session = &worker->conns[i].session;
        uint64_t missed = resume_of(worker)->seen[i].missed, expect = worker->config->expect;
        uint64_t lacking = expect > missed ? expect - missed : 0;

        worker->result->lost += HF_MAX(lacking, session->down.missing + session->gone);
    }
}

const struct hf_bench_mode_ops hf_bench_mode_resume = {
    .hold_open = true,
    .resumes = true,
    .start = start,
    .tick = tick,
    .due_ns = due_ns,
    .message = message,
    .acked = acked,
    .welcome = welcome,
    .command = command,
    .control = control,
    .drained = drained,
    .finish = finish,
};
