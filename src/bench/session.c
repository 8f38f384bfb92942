#include "bench/session.h"

#include <string.h>

#include "base/assert.h"
#include "codec/session/binary.h"
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

void hf_bench_session_begin(struct hf_bench_conn *conn)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);
    struct hf_frame hello = {
        .type = HF_FRAME_HELLO,
        .as.hello = {.version_min = 1,
                     .version_max = 1,
                     .profile = worker->config->heartbeat_ns > 0 ? HF_PROFILE_ADAPTIVE : HF_PROFILE_DEFAULT,
                     .capabilities = HF_CAP_HEARTBEAT | HF_CAP_RESUME,
                     .uplink_first = 1,
                     .uplink_next = 1,
                     .window_messages = WINDOW_MESSAGES,
                     .window_bytes = 1 << 20,
                     .queue_id = hf_rng_u64(&conn->net->rng) | 1}};

    conn->session = (struct hf_bench_session){.greeting = true};
    worker->greeting++;
    (void)send_frame(conn, &hello); /* a connection that is lost ends by itself */
}

void hf_bench_session_end(struct hf_bench_conn *conn)
{
    if (conn->session.greeting)
        hf_bench_worker_of(conn)->greeting--;
    conn->session.greeting = false;
}

static void arm_beat(struct hf_bench_conn *conn)
{
    uint64_t every_ns = conn->net->config->heartbeat_ns;

    if (every_ns > 0)
        hf_wheel_arm(conn->net->wheel, &conn->timer, (hf_clock_ns() + every_ns) / NS_PER_MS);
}

void hf_bench_session_beat(struct hf_bench_conn *conn)
{
    struct hf_frame ping = {
        .type = HF_FRAME_PING,
        .as.beat = {.beat = {.seq = ++conn->session.beat_seq},
                    .interval_ms = (uint32_t)(conn->net->config->heartbeat_ns / NS_PER_MS)}};

    (void)send_frame(conn, &ping);
    arm_beat(conn);
}

static void on_welcome(struct hf_bench_conn *conn, const struct hf_frame_welcome *welcome, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (!conn->session.greeting)
        return;
    conn->session.greeting = false;
    worker->greeting--;
    conn->session.window = welcome->window_messages;
    arm_beat(conn);
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
    for (through--; conn->session.acked < through;)
        if (worker->ops->acked != NULL)
            worker->ops->acked(conn, conn->session.acked++, now_ns);
    if (worker->phase == HF_BENCH_PHASE_RUNNING && worker->ops->send != NULL)
        worker->ops->send(conn, now_ns); /* the window has room again */
}

static void on_data(struct hf_bench_conn *conn, uint32_t seq, struct hf_slice payload, uint64_t now_ns)
{
    struct hf_bench_worker *worker = hf_bench_worker_of(conn);

    if (seq != 0 && seq != conn->session.received + 1)
        worker->result->reordered++;
    if (seq != 0) {
        conn->session.received = seq;
        conn->session.ack_due = true;
    }
    if (worker->ops->message != NULL)
        worker->ops->message(conn, (const uint8_t *)payload.at, payload.bytes, now_ns);
    else
        worker->result->foreign++;
}

static void on_frame(struct hf_bench_conn *conn, const struct hf_frame *frame, uint64_t now_ns)
{
    struct hf_frame pong;

    switch (frame->type) {
    case HF_FRAME_WELCOME: on_welcome(conn, &frame->as.welcome, now_ns); break;
    case HF_FRAME_ACK: on_ack(conn, &frame->as.ack, now_ns); break;
    case HF_FRAME_DATA: on_data(conn, frame->as.data.seq, frame->as.data.payload, now_ns); break;
    case HF_FRAME_COMMAND: on_data(conn, frame->as.command.seq, frame->as.command.payload, now_ns); break;
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
    if (!conn->session.ack_due)
        return;
    conn->session.ack_due = false;
    (void)send_frame(conn, &(struct hf_frame){.type = HF_FRAME_ACK,
                                              .as.ack = {.received_through = conn->session.received,
                                                         .durable_through = conn->session.received,
                                                         .window_messages = WINDOW_MESSAGES,
                                                         .window_bytes = 1 << 20}});
}

hf_err hf_bench_session_send(struct hf_bench_conn *conn, uint64_t number)
{
    static const uint8_t fill[HF_BENCH_PAYLOAD_BYTES_MAX];
    uint8_t out[HF_BENCH_PAYLOAD_BYTES_MAX + HF_BENCH_SESSION_HEAD_BYTES];
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
    return hf_bench_conn_send(conn, HF_WS_OP_BINARY, out, hf_frame_encode(&frame, out));
}
