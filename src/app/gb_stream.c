/* app/gb_stream.c - TCP connections of SIP: accepted, cut into messages, and ended. Each stays on the worker that accepted it (app/gb.h says why).
 *
 *   UNPROVEN --a device registered--> PROVEN          messages may be larger, silence longer
 *   either --too long without it, silent, broken framing, no memory, told to--> FINISHING --the peer's end, or 5 s--> gone
 *   any --the peer's end, or it does not read--> gone
 *
 * Bytes are kept only while a message has not come whole. */
#include <stdlib.h>
#include <string.h>

#include "app/worker.h"
#include "base/hash.h"

enum { BUFFER_BYTES_FIRST = 2048 };

struct hf_gbw_stream {
    struct hf_map_node node;  /* gb->streams, by connection */
    struct hf_list_node held; /* on gb->held while it is not read */
    struct hf_timer timer;
    struct hf_link *link; /* borrows */
    struct hf_gbw *gb;
    struct hf_sip_flow flow;
    struct hf_sip_framer framer;
    char *buffer; /* owns; NULL while no message is incomplete */
    size_t bytes, room;
    uint64_t opened_ms, heard_ms, finish_ms;
    uint64_t told[HF_WORKERS_MAX / 64]; /* workers that know this flow */
    bool proven, finishing;
    bool taking; /* a message in the buffer is being handled */
};

static const struct hf_config_gb28181 *options_of(const struct hf_gbw *gb)
{
    return &gb->worker->rules->config->gb28181;
}

static uint64_t now_of(const struct hf_gbw_stream *stream)
{
    return stream->gb->worker->loop->now_ms;
}

static void arm(struct hf_gbw_stream *stream);

/* ---- its memory ---- */

static void buffer_free(struct hf_gbw_stream *stream)
{
    stream->gb->stats.buffer_bytes_now -= stream->room;
    free(stream->buffer);
    stream->buffer = NULL;
    stream->bytes = stream->room = 0;
}

static bool buffer_grow(struct hf_gbw_stream *stream, size_t need)
{
    size_t room = stream->room ? stream->room : BUFFER_BYTES_FIRST;

    while (room < need)
        room *= 2;
    if (room == stream->room)
        return true;
    if (stream->gb->stats.buffer_bytes_now + room - stream->room >
        options_of(stream->gb)->tcp_buffer_bytes_max)
        return false;
    char *grown = realloc(stream->buffer, room);
    if (grown == NULL)
        return false;
    stream->gb->stats.buffer_bytes_now += room - stream->room;
    stream->buffer = grown;
    stream->room = room;
    return true;
}

static bool buffer_add(struct hf_gbw_stream *stream, const char *data, size_t bytes)
{
    if (!buffer_grow(stream, stream->bytes + bytes))
        return false;
    memcpy(stream->buffer + stream->bytes, data, bytes);
    stream->bytes += bytes;
    return true;
}

/* ---- its end ---- */

/* Nobody calls us for it any more. Whoever knows the flow is told, unless all of this ends. */
static void gone(struct hf_gbw_stream *stream, bool tell)
{
    struct hf_gbw *gb = stream->gb;
    struct hf_sip_flow flow = stream->flow;

    hf_wheel_cancel(&gb->worker->loop->wheel, &stream->timer);
    hf_list_remove(&stream->held);
    hf_map_remove(&gb->streams, &stream->node);
    gb->stats.streams_now--;
    buffer_free(stream);
    for (unsigned i = 0; tell && i < gb->worker->gateway->worker_count; i++) {
        if ((stream->told[i / 64] >> i % 64 & 1) == 0)
            continue;
        if (i == gb->worker->index)
            hf_gb_flow_closed(gb->site, &flow);
        else
            hf_gbw_post_word(gb, i, HF_GBW_WORD_CLOSED, &flow, true);
    }
    free(stream);
}

static void finish(struct hf_gbw_stream *stream)
{
    if (stream->finishing)
        return;
    stream->finishing = true;
    stream->finish_ms = now_of(stream);
    if (!stream->taking)
        buffer_free(stream);
    stream->link->ops->finish(stream->link); /* ends a pause of reading, too */
    hf_list_remove(&stream->held);
    arm(stream);
}

static uint64_t blocked_until_ms(const struct hf_gbw_stream *stream)
{
    uint64_t since_ms = stream->link->ops->blocked_since_ms(stream->link);

    return since_ms ? since_ms + stream->gb->worker->rules->config->websocket.write_timeout_ms : UINT64_MAX;
}

static uint64_t silent_until_ms(const struct hf_gbw_stream *stream)
{
    const struct hf_config_gb28181 *options = options_of(stream->gb);

    return stream->finishing ? stream->finish_ms + HF_GBW_STREAM_CLOSE_MS
           : stream->proven  ? stream->heard_ms + options->tcp_idle_ms
                             : stream->opened_ms + options->tcp_unproven_ms;
}

static void arm(struct hf_gbw_stream *stream)
{
    uint64_t silent_ms = silent_until_ms(stream), blocked_ms = blocked_until_ms(stream);

    hf_wheel_arm(&stream->gb->worker->loop->wheel, &stream->timer, HF_MIN(silent_ms, blocked_ms));
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gbw_stream *stream = HF_CONTAINER_OF(timer, struct hf_gbw_stream, timer);
    struct hf_gbw *gb = stream->gb;
    bool stuck = now_ms >= blocked_until_ms(stream);

    if (stuck || (stream->finishing && now_ms >= silent_until_ms(stream))) {
        gb->stats.streams_stuck += stuck;
        stream->link->ops->abort(stream->link);
        gone(stream, true);
        return;
    }
    if (!stream->finishing && now_ms >= silent_until_ms(stream)) {
        if (stream->proven)
            gb->stats.streams_idle++;
        else
            gb->stats.streams_unproven++;
        finish(stream);
        return;
    }
    arm(stream);
}

/* ---- what comes ---- */

static void broken(struct hf_gbw_stream *stream, struct hf_slice head, const struct hf_sip_limits *limits)
{
    if (head.bytes > 0)
        hf_gb_receive_broken(stream->gb->site, &stream->flow, head, limits);
    stream->gb->stats.streams_broken++;
    finish(stream);
}

static void take_message(struct hf_gbw_stream *stream, struct hf_slice message)
{
    unsigned home;
    hf_err err = hf_gbw_deliver(stream->gb, &stream->flow, message, &home);

    stream->told[home / 64] |= 1ull << home % 64;
    if (err == HF_OK)
        return;
    if (err == HF_ERR_BUSY) /* no memory: the message is lost, and with it the order of things */
        stream->gb->stats.streams_full++;
    else
        stream->gb->stats.streams_broken++;
    finish(stream);
}

/* Gives how many of the bytes are done with. */
static size_t take(struct hf_gbw_stream *stream, const char *in, size_t bytes)
{
    struct hf_sip_limits limits = hf_sip_limits_default;
    struct hf_sip_frame frame;
    size_t taken = 0;

    while (!stream->finishing) {
        if (!stream->proven) {
            limits.head_bytes_max = HF_SIP_HEAD_BYTES_UNPROVEN;
            limits.body_bytes_max = HF_SIP_BODY_BYTES_UNPROVEN;
        } else { /* from the next message on: it may have become so by the last */
            limits = hf_sip_limits_default;
        }
        if (hf_sip_frame(&stream->framer, in + taken, bytes - taken, &limits, &frame) != HF_OK) {
            broken(stream, frame.message, &limits);
            break;
        }
        if (frame.type == HF_SIP_FRAME_MESSAGE) {
            take_message(stream, frame.message);
        } else if (frame.type == HF_SIP_FRAME_PING) {
            stream->gb->stats.pings++;
            (void)stream->link->ops->write(stream->link, "\r\n", 2);
        }
        taken += frame.taken;
        if (frame.type == HF_SIP_FRAME_MORE)
            break;
    }
    return taken;
}

static void take_from_buffer(struct hf_gbw_stream *stream)
{
    stream->taking = true;
    size_t taken = take(stream, stream->buffer, stream->bytes);
    stream->taking = false;
    stream->bytes -= taken;
    if (stream->bytes == 0 || stream->finishing)
        buffer_free(stream);
    else if (taken > 0)
        memmove(stream->buffer, stream->buffer + taken, stream->bytes);
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_gbw_stream *stream = link->user;
    bool kept = true;

    stream->heard_ms = now_of(stream);
    if (stream->finishing)
        return;
    if (stream->bytes == 0) {
        size_t taken = take(stream, (const char *)data, bytes);

        if (taken < bytes && !stream->finishing)
            kept = buffer_add(stream, (const char *)data + taken, bytes - taken);
    } else {
        kept = buffer_add(stream, (const char *)data, bytes);
        if (kept)
            take_from_buffer(stream);
    }
    if (kept)
        return;
    stream->gb->stats.streams_full++;
    finish(stream);
}

static bool may_read(struct hf_link *link)
{
    struct hf_gbw_stream *stream = link->user;
    struct hf_gbw *gb = stream->gb;

    if (stream->finishing || hf_gate_may_pass(&gb->gate, hf_gbw_post_room(gb)))
        return true;
    link->ops->pause_read(link);
    gb->stats.streams_held++;
    hf_list_remove(&stream->held);
    hf_list_push_back(&gb->held, &stream->held);
    atomic_store(&gb->wants_room, true); /* before the room is looked at again, at the end of this turn */
    return false;
}

void hf_gbw_streams_release(struct hf_gbw *gb)
{
    struct hf_list_node now, *node;

    hf_list_init(&now);
    hf_list_splice(&now, &gb->held);
    while ((node = hf_list_pop_front(&now)) != NULL) {
        struct hf_gbw_stream *stream = HF_CONTAINER_OF(node, struct hf_gbw_stream, held);

        stream->link->ops->resume_read(stream->link);
    }
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
    .on_data = on_data,
    .may_read = may_read,
    .on_drained = on_drained,
    .on_blocked = on_blocked,
    .on_end = on_end,
};

/* ---- its beginning ---- */

static bool stream_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_gbw_stream, node)->flow.connection == *(const uint64_t *)key;
}

static hf_err open_stream(struct hf_gbw *gb, int fd, const struct sockaddr_storage *from)
{
    struct hf_gbw_stream *stream = calloc(1, sizeof(*stream));
    struct hf_stream_options options = {.conn_id = hf_worker_conn_id(gb->worker)};
    union hf_address peer = hf_address_of(from), local;
    struct hf_stream *carrier = NULL;

    if (stream == NULL)
        return HF_ERR_NOMEM;
    stream->gb = gb;
    stream->flow.connection = options.conn_id;
    hf_err err = hf_map_insert(&gb->streams, &stream->node, hf_hash_mix(options.conn_id));
    if (err == HF_OK) {
        err = hf_stream_open(gb->worker->loop, fd, &options, &handler, stream, &carrier);
        if (err != HF_OK)
            hf_map_remove(&gb->streams, &stream->node);
    }
    if (err != HF_OK) {
        free(stream);
        return err;
    }
    local = hf_stream_local(carrier);
    stream->link = &carrier->link;
    stream->flow.transport = HF_SIP_TCP;
    stream->flow.endpoint = (uint16_t)gb->worker->index;
    hf_gbw_flow_addresses(&stream->flow, &peer, &local);
    stream->opened_ms = stream->heard_ms = now_of(stream);
    hf_list_init(&stream->held);
    hf_timer_init(&stream->timer, on_timer);
    gb->stats.streams_opened++;
    gb->stats.streams_now++;
    arm(stream);
    return HF_OK;
}

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct hf_gbw_door_here *here = hf_listener_user(listener);
    struct hf_worker *worker = here->gb->worker;

    /* SIP has no word for it before a request: a reset. */
    if (hf_worker_admit(worker, peer, false) != HF_REASON_NONE || open_stream(here->gb, fd, peer) != HF_OK) {
        here->gb->stats.streams_refused++;
        hf_socket_reset(fd);
    }
    hf_worker_count_seats(worker, 0);
}

hf_err hf_gbw_tcp_open(struct hf_gbw *gb, unsigned door)
{
    struct hf_gbw_door *shared = &gb->worker->gateway->gb.doors[door];
    struct hf_listener_options options = {
        .address = shared->address,
        .first = gb->worker->index == 0,
        .budget = HF_WORKER_ACCEPTS_PER_TURN,
        .on_accept = on_accept,
        .user = &gb->here[door],
    };
    hf_err err = hf_listener_open(gb->worker->loop, &options, &gb->listeners[door]);

    if (err == HF_OK)
        shared->address = hf_listener_address(gb->listeners[door]);
    return err;
}

/* ---- what is asked of it ---- */

static struct hf_gbw_stream *find(const struct hf_gbw *gb, const struct hf_sip_flow *flow)
{
    struct hf_map_node *node = hf_map_find(&gb->streams, hf_hash_mix(flow->connection), &flow->connection);

    return node != NULL ? HF_CONTAINER_OF(node, struct hf_gbw_stream, node) : NULL;
}

hf_err hf_gbw_stream_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gbw_stream *stream = find(gb, flow);

    if (stream == NULL || stream->finishing)
        return HF_ERR_CLOSED;
    return stream->link->ops->write(stream->link, bytes.at, bytes.bytes);
}

void hf_gbw_stream_finish(struct hf_gbw *gb, const struct hf_sip_flow *flow)
{
    struct hf_gbw_stream *stream = find(gb, flow);

    if (stream != NULL)
        finish(stream);
}

void hf_gbw_stream_proven(struct hf_gbw *gb, const struct hf_sip_flow *flow)
{
    struct hf_gbw_stream *stream = find(gb, flow);

    if (stream == NULL || stream->proven)
        return;
    stream->proven = true;
    arm(stream);
}

static bool finish_one(struct hf_map_node *node, void *context)
{
    (void)context;
    finish(HF_CONTAINER_OF(node, struct hf_gbw_stream, node));
    return true;
}

void hf_gbw_streams_finish(struct hf_gbw *gb)
{
    hf_map_each(&gb->streams, finish_one, NULL);
}

static bool abort_one(struct hf_map_node *node, void *context)
{
    struct hf_gbw_stream *stream = HF_CONTAINER_OF(node, struct hf_gbw_stream, node);

    (void)context;
    stream->link->ops->abort(stream->link);
    gone(stream, false);
    return true;
}

void hf_gbw_streams_abort(struct hf_gbw *gb)
{
    hf_map_each(&gb->streams, abort_one, NULL);
    hf_map_deinit(&gb->streams);
}

void hf_gbw_streams_init(struct hf_gbw *gb)
{
    hf_map_init(&gb->streams, stream_eq);
    hf_list_init(&gb->held);
}
