/* test/sim/sip_host_tcp.c - TCP connections of SIP, as app/gb_stream.c has them: cut into messages, and ended. */
#include <stdlib.h>
#include <string.h>

#include "codec/sip/framer.h"
#include "sim/camera.h"
#include "sim/sim.h"

enum { UNPROVEN_MS = 30000, FINISH_MS = 5000, STUCK_MS = 10000 };

struct stream {
    struct hf_list_node node; /* worker->gb.streams */
    struct hf_timer timer;
    struct hf_link *link; /* borrows */
    struct sim_worker *worker;
    struct hf_sip_flow flow;
    struct hf_sip_framer framer;
    char *buffer; /* owns */
    size_t bytes;
    uint64_t opened_ms, finish_ms;
    uint32_t told; /* workers that know this flow */
    bool proven, finishing;
};

static struct stream *stream_of(struct sim_worker *worker, const struct hf_sip_flow *flow)
{
    struct hf_list_node *node;

    for (node = worker->gb.streams.next; node != &worker->gb.streams; node = node->next) {
        struct stream *stream = HF_CONTAINER_OF(node, struct stream, node);

        if (stream->flow.connection == flow->connection)
            return stream;
    }
    return NULL;
}

static void gone(struct stream *stream, bool tell)
{
    struct sim_worker *worker = stream->worker;
    struct hf_sip_flow flow = stream->flow;
    uint32_t told = tell ? stream->told : 0;

    hf_wheel_cancel(&worker->wheel, &stream->timer);
    hf_list_remove(&stream->node);
    free(stream->buffer);
    free(stream);
    for (unsigned i = 0; i < worker->gateway->worker_count; i++)
        if (told >> i & 1)
            sim_gb_post(worker, i, SIM_SIP_CLOSED, &flow, (struct hf_slice){NULL, 0});
}

static void arm(struct stream *stream)
{
    uint64_t due_ms = stream->finishing ? stream->finish_ms + FINISH_MS
                      : stream->proven  ? UINT64_MAX
                                        : stream->opened_ms + UNPROVEN_MS;
    uint64_t blocked_ms = stream->link->ops->blocked_since_ms(stream->link);

    if (blocked_ms != 0)
        due_ms = HF_MIN(due_ms, blocked_ms + STUCK_MS);
    if (due_ms == UINT64_MAX)
        hf_wheel_cancel(&stream->worker->wheel, &stream->timer);
    else
        hf_wheel_arm(&stream->worker->wheel, &stream->timer, due_ms);
}

static void finish(struct stream *stream)
{
    if (stream->finishing)
        return;
    stream->finishing = true;
    stream->finish_ms = stream->worker->now_ms;
    stream->link->ops->finish(stream->link);
    arm(stream);
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct stream *stream = HF_CONTAINER_OF(timer, struct stream, timer);
    uint64_t blocked_ms = stream->link->ops->blocked_since_ms(stream->link);

    if ((stream->finishing && now_ms >= stream->finish_ms + FINISH_MS) ||
        (blocked_ms != 0 && now_ms >= blocked_ms + STUCK_MS)) {
        stream->link->ops->abort(stream->link);
        gone(stream, true);
        return;
    }
    if (!stream->finishing && !stream->proven && now_ms >= stream->opened_ms + UNPROVEN_MS) {
        finish(stream);
        return;
    }
    arm(stream);
}

/* Gives how many bytes are done with. */
static size_t take(struct stream *stream)
{
    struct hf_sip_limits limits = hf_sip_limits_default;
    struct hf_sip_frame frame;
    size_t taken = 0;
    unsigned home;

    while (!stream->finishing) {
        limits = hf_sip_limits_default;
        if (!stream->proven) {
            limits.head_bytes_max = HF_SIP_HEAD_BYTES_UNPROVEN;
            limits.body_bytes_max = HF_SIP_BODY_BYTES_UNPROVEN;
        }
        if (hf_sip_frame(&stream->framer, stream->buffer + taken, stream->bytes - taken, &limits, &frame) !=
            HF_OK) {
            if (frame.message.bytes > 0)
                hf_gb_receive_broken(stream->worker->gb.site, &stream->flow, frame.message, &limits);
            finish(stream);
            break;
        }
        if (frame.type == HF_SIP_FRAME_MESSAGE) {
            if (sim_gb_deliver(stream->worker, &stream->flow, frame.message, &home) != HF_OK)
                finish(stream);
            stream->told |= 1u << home;
        } else if (frame.type == HF_SIP_FRAME_PING) {
            (void)stream->link->ops->write(stream->link, "\r\n", 2);
        }
        taken += frame.taken;
        if (frame.type == HF_SIP_FRAME_MORE)
            break;
    }
    return taken;
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct stream *stream = link->user;

    if (stream->finishing)
        return;
    stream->buffer = realloc(stream->buffer, stream->bytes + bytes);
    HF_ASSERT(stream->buffer != NULL);
    memcpy(stream->buffer + stream->bytes, data, bytes);
    stream->bytes += bytes;
    size_t taken = take(stream);
    stream->bytes -= taken;
    memmove(stream->buffer, stream->buffer + taken, stream->bytes);
}

static void on_drained(struct hf_link *link)
{
    (void)link;
}

static void on_blocked(struct hf_link *link)
{
    arm(link->user);
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)end, (void)sys_errno;
    gone(link->user, true);
}

static const struct hf_link_handler handler = {
    .on_data = on_data, .on_drained = on_drained, .on_blocked = on_blocked, .on_end = on_end};

void sim_gb_on_accept(struct sim_worker *worker, struct sim_sock *sock)
{
    struct sim_camera *camera = HF_CONTAINER_OF(sock->conn->path, struct sim_camera, path);
    struct stream *stream;

    if (!worker->gateway->running && worker->gateway->power) {
        sim_vanish(sock);
        return;
    }
    if (!worker->gateway->running || worker->gateway->draining) {
        sim_reset(sock);
        return;
    }
    stream = calloc(1, sizeof(*stream));
    HF_ASSERT(stream != NULL);
    stream->worker = worker;
    stream->opened_ms = worker->now_ms;
    stream->flow = (struct hf_sip_flow){.connection = sim_worker_conn_id(worker),
                                        .transport = HF_SIP_TCP,
                                        .family = 4,
                                        .peer_port = (uint16_t)(20000 + sock->conn->number % 40000),
                                        .local_port = SIM_SIP_PORT,
                                        .endpoint = (uint16_t)worker->index};
    memcpy(stream->flow.peer, camera->udp.place.address, sizeof(camera->udp.place.address));
    memcpy(stream->flow.local, (const uint8_t[4]){198, 51, 100, 1}, 4);
    hf_list_init(&stream->node);
    hf_list_push_back(&worker->gb.streams, &stream->node);
    hf_timer_init(&stream->timer, on_timer);
    stream->link = &sim_link_open(worker, sock, stream->flow.connection)->link;
    stream->link->handler = &handler;
    stream->link->user = stream;
    arm(stream);
}

hf_err sim_gb_stream_send(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct stream *stream = stream_of(worker, flow);

    if (stream == NULL || stream->finishing)
        return HF_ERR_CLOSED;
    return stream->link->ops->write(stream->link, bytes.at, bytes.bytes);
}

void sim_gb_stream_finish(struct sim_worker *worker, const struct hf_sip_flow *flow)
{
    struct stream *stream = stream_of(worker, flow);

    if (stream != NULL)
        finish(stream);
}

void sim_gb_stream_proven(struct sim_worker *worker, const struct hf_sip_flow *flow)
{
    struct stream *stream = stream_of(worker, flow);

    if (stream == NULL)
        return;
    stream->proven = true;
    arm(stream);
}

void sim_gb_streams_end(struct sim_worker *worker)
{
    while (!hf_list_empty(&worker->gb.streams)) {
        struct stream *stream = HF_CONTAINER_OF(worker->gb.streams.next, struct stream, node);
        struct hf_link *link = stream->link;

        gone(stream, false);
        link->ops->abort(link);
    }
}
