/* adapter/api/events_ws.c - sockets: events over a WebSocket, one text message each, and what feed.c needs of one. The reader of events has nothing to say but
 * Ping and Close; other messages are skipped. From the upgrade on there is no HTTP exchange: the request lives as long as the link. */
#include <stdlib.h>

#include "adapter/api/stream.h"
#include "codec/ws/close.h"

enum { CLOSE_TIMEOUT_MS = 5000 };

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_config config = {.role = HF_WS_SERVER,
                                           .message_bytes_max = HF_API_SOCKET_MESSAGE_BYTES_MAX,
                                           .fragments_max = 16,
                                           .memory = {.resize = resize}};

/* The link is over, or given up. */
static void forget(struct hf_api_stream *stream)
{
    struct hf_api_request *request = stream->request;

    hf_api_enter(request);
    stream->link = NULL;
    request->api->stats.sockets_now--;
    hf_ws_decoder_deinit(&stream->decoder);
    hf_api_stream_free(request);
    hf_api_leave(request);
}

void hf_api_socket_abort(struct hf_api_stream *stream)
{
    stream->link->ops->abort(stream->link);
    forget(stream);
}

static bool put(struct hf_api_stream *stream, const void *data, size_t bytes)
{
    if (stream->link->ops->write(stream->link, data, bytes) == HF_OK)
        return true;
    hf_api_socket_abort(stream);
    return false;
}

static bool put_control(struct hf_api_stream *stream, enum hf_ws_opcode opcode, const void *payload,
                        size_t bytes)
{
    uint8_t frame[HF_WS_HEAD_BYTES_MAX + HF_WS_CONTROL_BYTES_MAX];
    size_t head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, bytes, NULL);

    if (bytes > 0)
        memcpy(frame + head, payload, bytes);
    return put(stream, frame, head + bytes);
}

bool hf_api_socket_ready(const struct hf_api_stream *stream)
{
    return stream->link != NULL && stream->closing_ms == 0 &&
           stream->link->ops->queued_bytes(stream->link) == 0;
}

bool hf_api_socket_write(struct hf_api_stream *stream, struct hf_slice data)
{
    if (stream->closing_ms != 0)
        return true; /* a chunk that was on its way */
    if (data.bytes > 0 && !put(stream, data.at, data.bytes))
        return false;
    stream->link->ops->flush(stream->link);
    return true;
}

bool hf_api_socket_text(struct hf_api_stream *stream, const struct hf_slice *parts, size_t count)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];
    size_t bytes = 0;

    if (stream->closing_ms != 0)
        return true;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].bytes;
    if (!put(stream, head, hf_ws_encode_head(head, HF_WS_OP_TEXT, HF_WS_FIN, bytes, NULL)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!put(stream, parts[i].at, parts[i].bytes))
            return false;
    return true;
}

/* Our Close goes out and nothing behind it; the peer's answer is awaited. */
static void close_with(struct hf_api_stream *stream, uint16_t code, const struct hf_reason_info *info)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    size_t bytes = hf_ws_close_payload_named(payload, code, hf_slice_of(info->name), info->retry_ms);

    if (stream->closing_ms != 0 || !put_control(stream, HF_WS_OP_CLOSE, payload, bytes))
        return;
    stream->closing_ms = stream->request->api->http->now_ms;
    stream->link->ops->flush(stream->link);
}

void hf_api_socket_end(struct hf_api_stream *stream, enum hf_reason reason)
{
    const struct hf_reason_info *info = hf_reason_info(reason);

    close_with(stream, info->ws_code ? info->ws_code : HF_WS_CODE_NORMAL, info);
}

void hf_api_socket_idle(struct hf_api_stream *stream)
{
    (void)put_control(stream, HF_WS_OP_PING, NULL, 0);
}

/* Everything that can be stuck is looked at once a second. */
static bool ws_overdue(const struct hf_api_stream *stream, uint64_t now_ms)
{
    uint64_t since_ms = stream->link->ops->blocked_since_ms(stream->link);

    return (stream->closing_ms != 0 && now_ms - stream->closing_ms >= CLOSE_TIMEOUT_MS) ||
           (since_ms != 0 && now_ms >= since_ms + stream->request->api->http->limits.write_timeout_ms);
}

bool hf_api_socket_check(struct hf_api_stream *stream, uint64_t now_ms)
{
    if (!ws_overdue(stream, now_ms))
        return stream->closing_ms == 0;
    hf_api_socket_abort(stream);
    return false;
}

const struct hf_api_stream_ops hf_api_socket_events = {.next = hf_api_tail_next,
                                                       .drop = hf_api_tail_drop,
                                                       .ready = hf_api_socket_ready,
                                                       .write = hf_api_socket_write,
                                                       .end = hf_api_socket_end,
                                                       .idle = hf_api_socket_idle,
                                                       .check = hf_api_socket_check};

/* ---- what the reader sends ---- */

static void finish(struct hf_api_stream *stream)
{
    if (stream->link == NULL || stream->finished)
        return;
    stream->finished = true;
    stream->link->ops->finish(stream->link);
}

static void on_close(struct hf_api_stream *stream, uint16_t code)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

    if (stream->closing_ms == 0 && !put_control(stream, HF_WS_OP_CLOSE, payload,
                                                hf_ws_close_payload(payload, code, (struct hf_slice){"", 0})))
        return;
    if (stream->closing_ms == 0)
        stream->closing_ms = stream->request->api->http->now_ms;
    finish(stream);
}

static void on_broken(struct hf_api_stream *stream)
{
    const struct hf_ws_rule_info *rule = hf_ws_rule_info((enum hf_ws_rule)stream->decoder.rule);
    struct hf_api_request *request = stream->request; /* held by the caller */

    close_with(stream, rule->close_code, hf_reason_info(HF_REASON_PROTOCOL_ERROR));
    if (request->stream == stream) /* else it could not be written to, and is gone */
        finish(stream);
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_api_stream *stream = link->user;
    struct hf_api_request *request = stream->request;
    struct hf_ws_event event;
    size_t taken;

    hf_api_enter(request);
    while (bytes > 0 && request->stream == stream && stream->link != NULL) {
        if (hf_ws_decoder_feed(&stream->decoder, data, bytes, &taken, &event) != HF_OK) {
            on_broken(stream);
            break;
        }
        data += taken;
        bytes -= taken;
        if (event.type == HF_WS_PING && stream->closing_ms == 0)
            (void)put_control(stream, HF_WS_OP_PONG, event.slice, event.slice_bytes);
        else if (event.type == HF_WS_CLOSE)
            on_close(stream, event.code);
        else if (event.type == HF_WS_PART && stream->ops->part != NULL)
            stream->ops->part(stream, &event);
    }
    hf_api_leave(request);
}

static void on_drained(struct hf_link *link)
{
    struct hf_api_stream *stream = link->user;
    struct hf_api_request *request = stream->request;

    hf_api_enter(request);
    hf_api_stream_go_on(stream);
    hf_api_leave(request);
}

static void on_blocked(struct hf_link *link)
{
    (void)link; /* the stream's timer looks once a second */
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)end;
    (void)sys_errno;
    forget(link->user);
}

static const struct hf_link_handler handler = {
    .on_data = on_data, .on_drained = on_drained, .on_blocked = on_blocked, .on_end = on_end};

void hf_api_socket_begin(struct hf_api_request *request, struct hf_api_stream *stream,
                         const struct hf_api_stream_ops *ops)
{
    struct hf_link *link = NULL;

    if (!hf_http_upgrade(request->exchange, request->head, &link))
        return; /* answered, and on_gone was told */
    request->exchange = NULL;
    stream->link = link;
    request->api->stats.sockets_now++;
    stream->ops = ops;
    hf_ws_decoder_init(&stream->decoder, &config, false);
    link->handler = &handler;
    link->user = stream;
    link->ops->flush(link); /* the 101: on_drained comes only to those that were blocked */
    hf_api_stream_go_on(stream);
}
