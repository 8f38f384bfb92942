#include "bench/session.h"

#include <string.h>

#include "base/assert.h"
#include "base/reason.h"
#include "bench/samples.h"
#include "codec/samples/samples.h"
#include "codec/session/binary.h"
#include "core/event.h"
#include "core/session/serial.h"
#include "io/clock.h"

enum { NS_PER_MS = 1000000, PAYLOAD_BYTES_MAX = 16 << 20, WINDOW_MESSAGES = 256 };

bool hf_bench_session_is_on(const struct hf_bench_config *config)
{
    return config->protocol != NULL && strcmp(config->protocol, "holdfast.v1") == 0;
}

static hf_err send_frame(struct hf_bench_conn *conn, const struct hf_frame *frame)
{
    uint8_t out[512];
    size_t bytes = hf_frame_bytes(frame);

    HF_ASSERT(bytes <= sizeof(out));
    (void)hf_frame_encode(frame, out);
    return hf_bench_conn_send(conn, HF_WS_OP_BINARY, out, bytes);
}

/* Numbers that came without a hole. */
static uint64_t received_through(const struct hf_bench_session *session)
{
    return session->down.missing == 0 ? session->down.next : session->contiguous;
}

void hf_bench_session_begin(struct hf_bench_conn *conn)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_bench_session *session = &conn->session;

    if (!worker->ops->resumes || session->queue_id == 0)
        *session = (struct hf_bench_session){.queue_id = hf_rng_u64(&conn->net->rng) | 1};
    struct hf_frame hello = {
        .type = HF_FRAME_HELLO,
        .as.hello = {.version_min = 1,
                     .version_max = 1,
                     .profile = worker->config->heartbeat_ns > 0 ? HF_PROFILE_ADAPTIVE : HF_PROFILE_DEFAULT,
                     .capabilities = HF_CAP_HEARTBEAT | HF_CAP_RESUME,
                     .downlink_position = received_through(session),
                     .uplink_first = session->acked + 1,
                     .uplink_next = session->acked + 1,
                     .window_messages = WINDOW_MESSAGES,
                     .window_bytes = 1 << 20,
                     .queue_id = session->queue_id}};

    memcpy(hello.as.hello.session_id, session->id, sizeof(session->id));
    session->greeting = true;
    session->ack_due = false;
    session->beat_seq = 0;
    worker->greeting++;
    (void)send_frame(conn, &hello); /* a connection that is lost ends by itself */
}

void hf_bench_session_end(struct hf_bench_conn *conn)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (conn->session.greeting)
        worker->greeting--;
    conn->session.greeting = false;
    worker->answers_bytes = 0;
}

static void send_beat(struct hf_bench_conn *conn)
{
    struct hf_frame ping = {
        .type = HF_FRAME_PING,
        .as.beat = {.interval_ms = (uint32_t)(conn->net->config->heartbeat_ns / NS_PER_MS)}};

    if (conn->state != HF_BENCH_CONN_OPEN || conn->session.greeting || conn->session.window == 0)
        return; /* not established */
    ping.as.beat.beat.seq = ++conn->session.beat_seq;
    (void)send_frame(conn, &ping);
}

/* Beat j is connection j mod n's: evenly spaced, as those of independent devices are. Timers of one wheel would send them in bunches. */
uint64_t hf_bench_session_beat_ns(const struct hf_bench_worker *worker)
{
    uint64_t every_ns = worker->config->heartbeat_ns;

    if (every_ns == 0 || worker->beat_zero_ns == 0)
        return UINT64_MAX;
    return worker->beat_zero_ns + worker->beat_next * every_ns / worker->connections;
}

void hf_bench_session_beats(struct hf_bench_worker *worker, uint64_t now_ns)
{
    uint32_t round = worker->connections;

    while (hf_bench_session_beat_ns(worker) <= now_ns) {
        if (round-- == 0) { /* later than a whole interval: what was not sent then is not sent now */
            worker->beat_zero_ns = now_ns + worker->config->heartbeat_ns;
            worker->beat_next = 0;
            return;
        }
        send_beat(&worker->conns[worker->beat_next++ % worker->connections]);
    }
}

/* A new or rebuilt session counts from 1 again; a resumed one goes on behind the position that HELLO named. */
static void take_session(struct hf_bench_conn *conn, const struct hf_frame_welcome *welcome)
{
    struct hf_bench_session *session = &conn->session;

    memcpy(session->id, welcome->session_id, sizeof(session->id));
    session->window = welcome->window_messages;
    if (welcome->result != HF_SESSION_RESUMED)
        session->down = (struct hf_bench_sequence){.next = welcome->downlink_next - 1};
    else if (welcome->downlink_next != received_through(session) + 1)
        conn->net->result->corrupt++;
    session->contiguous = session->down.next;
}

static void on_welcome(struct hf_bench_conn *conn, const struct hf_frame_welcome *welcome, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (!conn->session.greeting)
        return;
    conn->session.greeting = false;
    worker->greeting--;
    take_session(conn, welcome);
    if (worker->beat_zero_ns == 0)
        worker->beat_zero_ns = now_ns;
    if (worker->ops->welcome != NULL)
        worker->ops->welcome(conn, welcome->result == HF_SESSION_RESUMED, now_ns);
    if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->send != NULL)
        worker->ops->send(conn, now_ns);
}

static void on_ack(struct hf_bench_conn *conn, const struct hf_frame_ack *ack, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    uint64_t through;

    if (!hf_serial_expand(conn->session.acked + 1, ack->durable_through + 1, &through) ||
        through - 1 > conn->sent) {
        worker->result->corrupt++; /* of what was never sent */
        return;
    }
    for (through--; conn->session.acked < through;) {
        uint64_t number = conn->session.acked++; /* first: its answer may send the next */

        if (worker->ops->acked != NULL)
            worker->ops->acked(conn, number, now_ns);
    }
    if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->send != NULL)
        worker->ops->send(conn, now_ns); /* the window has room again */
}

/* False: it was there before, or its number is none. */
static bool take_number(struct hf_bench_conn *conn, uint32_t wire)
{
    struct hf_bench_session *session = &conn->session;
    struct hf_bench_result *result = conn->net->result;
    uint64_t seq;

    if (wire == 0)
        return true; /* not numbered */
    if (!hf_serial_expand(session->down.next + 1, wire, &seq)) {
        result->corrupt++;
        return false;
    }
    session->ack_due = true;
    switch (hf_bench_sequence_see(&session->down, seq - 1)) {
    case HF_BENCH_SEEN_NEXT:
    case HF_BENCH_SEEN_GAP: break;
    case HF_BENCH_SEEN_LATE: result->reordered++; break;
    case HF_BENCH_SEEN_DUPLICATE:
    case HF_BENCH_SEEN_ANCIENT: result->duplicate++; return false;
    }
    session->contiguous = received_through(session);
    return true;
}

static void on_data(struct hf_bench_conn *conn, struct hf_slice payload, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (worker->ops->message != NULL)
        worker->ops->message(conn, (const uint8_t *)payload.at, payload.bytes, now_ns);
    else
        worker->result->foreign++;
}

static void on_command(struct hf_bench_conn *conn, const struct hf_frame_command *command, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    on_data(conn, command->payload, now_ns);
    if (worker->ops->command != NULL)
        worker->ops->command(conn, command->id);
}

/* Without a reason the numbers were used up before this session: nothing was lost. */
static void on_gap(struct hf_bench_conn *conn, const struct hf_frame_gap *gap)
{
    struct hf_bench_session *session = &conn->session;
    uint64_t from, to;

    if (!hf_serial_expand(session->down.next + 1, gap->from, &from) ||
        !hf_serial_expand(from, gap->to, &to) || to < from) {
        conn->net->result->corrupt++;
        return;
    }
    uint64_t new_from = HF_MAX(from, session->down.next + 1);

    if (gap->reason != HF_REASON_NONE && to >= new_from)
        session->gone += to - new_from + 1;
    hf_bench_sequence_skip(&session->down, from - 1, to - 1);
    session->contiguous = received_through(session);
    session->ack_due = true;
}

static void on_frame(struct hf_bench_conn *conn, const struct hf_frame *frame, uint64_t now_ns)
{
    struct hf_frame pong;

    switch (frame->type) {
    case HF_FRAME_WELCOME: on_welcome(conn, &frame->as.welcome, now_ns); break;
    case HF_FRAME_ACK: on_ack(conn, &frame->as.ack, now_ns); break;
    case HF_FRAME_DATA:
        if (take_number(conn, frame->as.data.seq))
            on_data(conn, frame->as.data.payload, now_ns);
        break;
    case HF_FRAME_COMMAND:
        if (take_number(conn, frame->as.command.seq))
            on_command(conn, &frame->as.command, now_ns);
        break;
    case HF_FRAME_GAP: on_gap(conn, &frame->as.gap); break;
    case HF_FRAME_PING:
        pong = *frame;
        pong.type = HF_FRAME_PONG;
        (void)send_frame(conn, &pong);
        break;
    case HF_FRAME_REFUSE: conn->net->result->refused++; break;
    default: break;
    }
}

void hf_bench_session_message(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    while (bytes > 0) {
        struct hf_frame frame;
        size_t taken = 0;

        if (hf_frame_decode(data, bytes, PAYLOAD_BYTES_MAX, &taken, &frame) != HF_OK) {
            conn->net->result->corrupt++;
            return;
        }
        on_frame(conn, &frame, now_ns);
        data += taken;
        bytes -= taken;
    }
}

/* Several frames are one message; there is room for them, or what is there goes first. */
static void gather(struct hf_bench_conn *conn, const struct hf_frame *frame)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (worker->answers_bytes + hf_frame_bytes(frame) > sizeof(worker->answers)) {
        (void)hf_bench_conn_send(conn, HF_WS_OP_BINARY, worker->answers, worker->answers_bytes);
        worker->answers_bytes = 0;
    }
    worker->answers_bytes += hf_frame_encode(frame, worker->answers + worker->answers_bytes);
    HF_ASSERT(worker->answers_bytes <= sizeof(worker->answers));
}

bool hf_bench_session_answer(struct hf_bench_conn *conn, const uint8_t id[16])
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_frame frame = {
        .type = HF_FRAME_RESULT,
        .as.result = {.seq = (uint32_t)(conn->sent + 1), .status = HF_RESULT_OK, .format = 0}};

    if (conn->state != HF_BENCH_CONN_OPEN || conn->sent >= conn->session.acked + conn->session.window)
        return false;
    memcpy(frame.as.result.id, id, sizeof(frame.as.result.id));
    gather(conn, &frame);
    conn->sent++;
    worker->result->sent++;
    worker->outstanding++;
    return true;
}

void hf_bench_session_read_over(struct hf_bench_conn *conn)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    uint32_t received = (uint32_t)received_through(&conn->session);

    if (conn->session.ack_due)
        gather(conn, &(struct hf_frame){.type = HF_FRAME_ACK,
                                        .as.ack = {.received_through = received,
                                                   .durable_through = received,
                                                   .window_messages = WINDOW_MESSAGES,
                                                   .window_bytes = 1 << 20}});
    conn->session.ack_due = false;
    if (worker->answers_bytes > 0) /* a connection that is lost ends by itself */
        (void)hf_bench_conn_send(conn, HF_WS_OP_BINARY, worker->answers, worker->answers_bytes);
    worker->answers_bytes = 0;
}

hf_err hf_bench_session_send(struct hf_bench_conn *conn, uint64_t number)
{
    static const uint8_t fill[HF_BENCH_PAYLOAD_BYTES_MAX];
    uint8_t out[HF_BENCH_PAYLOAD_BYTES_MAX + HF_BENCH_SESSION_HEAD_BYTES], batch[HF_SAMPLES_BYTES_MAX];
    unsigned samples = (unsigned)conn->net->config->samples;
    size_t payload_bytes =
        HF_MIN((size_t)conn->net->config->payload_bytes, sizeof(fill) - HF_BENCH_SESSION_HEAD_BYTES);
    struct hf_frame frame = {.type = HF_FRAME_DATA,
                             .as.data = {.seq = (uint32_t)(number + 1),
                                         .topic = HF_SLICE("bench"),
                                         .payload = {(const char *)fill, payload_bytes}}};

    if (conn->session.greeting)
        return HF_ERR_AGAIN;
    if (number >= conn->session.acked + conn->session.window)
        return HF_ERR_AGAIN;
    uint64_t now_ns = 0;

    if (samples > 0) {
        now_ns = hf_clock_raw_ns();
        frame.as.data.format = HF_FORMAT_SAMPLES;
        frame.as.data.topic = HF_SLICE("samples");
        frame.as.data.payload =
            hf_bench_samples_write(&conn->session, samples, now_ns, hf_clock_utc_ns(), batch);
    }
    hf_err err = hf_bench_conn_send(conn, HF_WS_OP_BINARY, out, hf_frame_encode(&frame, out));

    if (err == HF_OK && samples > 0) {
        conn->session.sampled_ns = now_ns;
        conn->session.samples += samples;
    }
    return err;
}
