/* adapter/api/events.c - GET /v1/events: the log as JSON lines, server-sent events or WebSocket messages. The next chunk is asked for only
 * when the kernel has taken the one before: a slow reader costs one chunk (promise 6). Streams whose key was revoked end. */
#include <stdlib.h>

#include "adapter/api/event_text.h"
#include "adapter/api/stream.h"
#include "core/topic.h"

/* ---- what is asked ---- */

static bool take_from(struct hf_api_request *request, struct hf_tail_request *tail)
{
    char storage[32];
    struct hf_slice text;
    uint64_t id = 0;

    if (!hf_api_param(request, "from", storage, sizeof(storage), &text))
        return false;
    tail->from = tail->follow ? 0 : 1; /* who follows wants what comes, who reads wants what there is */
    if (text.at != NULL) {
        if (hf_slice_is(text, "earliest"))
            tail->from = 1;
        else if (hf_slice_is(text, "latest"))
            tail->from = 0;
        else if (!hf_slice_to_u64(text, &tail->from) || tail->from == 0)
            return hf_api_bad(request, "from", "from must be earliest, latest or an offset from 1 on");
    }
    if (request->last_event_id.bytes >
        0) { /* what a browser sends when it comes back wins over its first wish */
        if (!hf_slice_to_u64(request->last_event_id, &id) || id == UINT64_MAX)
            return hf_api_bad(request, "Last-Event-ID",
                              "Last-Event-ID must be the id of an event: its offset");
        tail->from = id + 1;
    }
    return true;
}

static bool take_time(struct hf_api_request *request, struct hf_tail_request *tail)
{
    char storage[64];
    struct hf_slice text;

    if (!hf_api_param(request, "from_time", storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL || request->last_event_id.bytes > 0)
        return true;
    if (!hf_api_time_parse(text, &tail->from_time_ms) || tail->from_time_ms == 0)
        return hf_api_bad(request, "from_time",
                          "from_time must be like 2026-03-01T12:00:00Z, or milliseconds since 1970");
    return true;
}

bool hf_api_types_parse(struct hf_slice list, uint64_t *ret_types, struct hf_slice *ret_unknown)
{
    while (hf_http1_list_next(&list, ret_unknown)) {
        enum hf_event_type type = hf_event_type_by_name(*ret_unknown);

        if (type == HF_EVENT_NONE)
            return false;
        *ret_types |= UINT64_C(1) << type;
    }
    return true;
}

static bool take_types(struct hf_api_request *request, struct hf_tail_request *tail)
{
    char storage[HF_API_TYPES_BYTES_MAX];
    struct hf_slice list, item;

    if (!hf_api_param(request, "type", storage, sizeof(storage), &list))
        return false;
    return hf_api_types_parse(list, &tail->types, &item) ||
           hf_api_bad(request, "type", "there is no event type %.*s", (int)HF_MIN(item.bytes, 64u), item.at);
}

struct wishes {
    struct hf_tail_request tail;
    char device[HF_DEVICE_BYTES_MAX + 1], topic[HF_TOPIC_BYTES_MAX + 1], by[HF_BY_BYTES_MAX + 1];
};

static bool take_wishes(struct hf_api_request *request, struct wishes *wishes)
{
    struct hf_tail_request *tail = &wishes->tail;

    tail->tenant = request->tenant.at ? request->tenant : HF_SLICE("*");
    tail->follow = tail->form != HF_TAIL_JSONL;
    if (!hf_api_param_bool(request, "follow", &tail->follow) || !take_from(request, tail) ||
        !take_time(request, tail) || !take_types(request, tail) ||
        !hf_api_param_u64(request, "until", 1, UINT64_MAX, &tail->until) ||
        !hf_api_param_u64(request, "limit", 1, UINT64_MAX, &tail->limit) ||
        !hf_api_param(request, "device", wishes->device, sizeof(wishes->device), &tail->device) ||
        !hf_api_param(request, "topic", wishes->topic, sizeof(wishes->topic), &tail->topic_filter) ||
        !hf_api_param(request, "by", wishes->by, sizeof(wishes->by), &tail->by))
        return false;
    if (tail->device.at != NULL && !hf_id_valid(tail->device, HF_DEVICE_BYTES_MAX))
        return hf_api_bad(request, "device", "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -");
    if (tail->topic_filter.at != NULL && !hf_topic_filter_valid(tail->topic_filter))
        return hf_api_bad(request, "topic", "topic must be a filter such as plant/+/temperature or plant/#");
    if (tail->by.at != NULL && !hf_slice_is(tail->by, "*") && !hf_id_valid(tail->by, HF_BY_BYTES_MAX))
        return hf_api_bad(request, "by", "by must be the id of an API key, or * for any");
    return true;
}

/* ---- the stream ---- */

static bool http_ready(const struct hf_api_stream *stream)
{
    return hf_http_stream_ready(stream->request->exchange);
}

static bool http_write(struct hf_api_stream *stream, struct hf_slice data)
{
    return hf_http_stream_write(stream->request->exchange, data) == HF_OK;
}

static void http_end(struct hf_api_stream *stream, enum hf_reason reason)
{
    /* A log that cannot be read is no proper end: the reader must see that it is cut. */
    if (reason == HF_REASON_STORAGE_FAILED)
        hf_http_stream_abort(stream->request->exchange);
    else
        hf_http_stream_end(stream->request->exchange);
}

static void http_idle(struct hf_api_stream *stream)
{
    if (stream->form == HF_TAIL_SSE)
        (void)hf_http_stream_write(stream->request->exchange, HF_SLICE(":\n\n"));
}

void hf_api_tail_next(struct hf_api_stream *stream)
{
    stream->request->api->backend->ops->tail_next(stream->tail);
}

void hf_api_tail_drop(struct hf_api_stream *stream)
{
    stream->request->api->backend->ops->tail_close(stream->tail);
}

static const struct hf_api_stream_ops http_ops = {.ready = http_ready,
                                                  .write = http_write,
                                                  .end = http_end,
                                                  .idle = http_idle,
                                                  .next = hf_api_tail_next,
                                                  .drop = hf_api_tail_drop};

void hf_api_stream_go_on(struct hf_api_stream *stream)
{
    if (stream->asked || !stream->ops->ready(stream))
        return;
    stream->asked = true;
    stream->ops->next(stream);
}

/* Each of these calls may end the request, and the stream with it: the request is held meanwhile. */
static void on_chunk(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk)
{
    struct hf_api_stream *stream = user;
    struct hf_api_request *request = stream->request;
    struct hf_api *api = request->api;

    (void)tail;
    hf_api_enter(request);
    stream->asked = false;
    if (chunk->bytes > 0) {
        api->stats.events_bytes += chunk->bytes;
        stream->written_ms = api->http->now_ms;
        if (!stream->ops->write(stream, (struct hf_slice){(const char *)chunk->data, chunk->bytes})) {
            hf_api_leave(request); /* gone */
            return;
        }
    }
    if (chunk->end)
        stream->ops->end(stream, chunk->err == HF_OK ? HF_REASON_NORMAL : HF_REASON_STORAGE_FAILED);
    else
        hf_api_stream_go_on(stream);
    hf_api_leave(request);
}

/* Once a second: is the key still good, was anything written in the last 15 s? */
static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_api_stream *stream = HF_CONTAINER_OF(timer, struct hf_api_stream, timer);
    struct hf_api_request *request = stream->request;

    hf_api_enter(request);
    hf_wheel_arm(request->api->http->wheel, timer, now_ms + HF_API_RECHECK_MS);
    if (stream->ops->check != NULL && !stream->ops->check(stream, now_ms))
        ; /* over, or about to be */
    else if (!hf_api_key_still_valid(request)) {
        stream->ops->end(stream, HF_REASON_REVOKED);
    } else if (now_ms - stream->written_ms >= HF_API_KEEPALIVE_MS && stream->ops->ready(stream)) {
        stream->written_ms = now_ms;
        stream->ops->idle(stream);
    }
    hf_api_leave(request);
}

void hf_api_stream_free(struct hf_api_request *request)
{
    struct hf_api_stream *stream = request->stream;

    if (stream == NULL)
        return;
    request->stream = NULL;
    stream->ops->drop(stream);
    hf_wheel_cancel(request->api->http->wheel, &stream->timer);
    hf_list_remove(&stream->node);
    request->api->stats.readers_now--;
    free(stream);
}

void hf_api_stream_drained(struct hf_api_request *request)
{
    hf_api_stream_go_on(request->stream);
}

void hf_api_stream_end(struct hf_api_request *request)
{
    hf_api_enter(request);
    request->stream->ops->end(request->stream, HF_REASON_DRAIN);
    hf_api_leave(request);
}

void hf_api_stream_add(struct hf_api_request *request, struct hf_api_stream *stream,
                       const struct hf_api_stream_ops *ops)
{
    struct hf_api *api = request->api;

    stream->request = request;
    stream->ops = ops;
    stream->written_ms = api->http->now_ms;
    hf_timer_init(&stream->timer, on_timer);
    hf_list_init(&stream->node);
    hf_list_push_back(&api->readers, &stream->node);
    api->stats.readers_now++;
    request->stream = stream;
    hf_wheel_arm(api->http->wheel, &stream->timer, api->http->now_ms + HF_API_RECHECK_MS);
}

static struct hf_api_stream *stream_new(struct hf_api_request *request, const struct hf_tail_request *tail)
{
    struct hf_api *api = request->api;
    struct hf_api_stream *stream = NULL;
    hf_err err = HF_ERR_LIMIT;

    if (api->stats.readers_now < api->limits.readers_max) {
        stream = calloc(1, sizeof(*stream));
        err = stream != NULL
                  ? api->backend->ops->tail_open(api->backend, tail, on_chunk, stream, &stream->tail)
                  : HF_ERR_NOMEM;
    }
    if (err != HF_OK) {
        api->stats.readers_refused++;
        free(stream);
        hf_api_fail(
            request,
            &(struct hf_api_trouble){.reason = err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT : HF_REASON_BUSY,
                                     .has_limit = err == HF_ERR_LIMIT,
                                     .limit = api->limits.readers_max,
                                     .retry_ms = 5000},
            "too many event readers at a time (api.events_readers_max)");
        return NULL;
    }
    stream->form = tail->form;
    hf_api_stream_add(request, stream, &http_ops);
    return stream;
}

static void begin_http(struct hf_api_request *request, struct hf_api_stream *stream)
{
    /* Proxies that gather what they pass on would hold events back. */
    static const struct hf_http1_header unbuffered[] = {{HF_SLICE("X-Accel-Buffering"), HF_SLICE("no")}};
    struct hf_http_answer head = {
        .status = 200,
        .content_type = stream->form == HF_TAIL_SSE ? "text/event-stream" : "application/jsonl",
        .headers = unbuffered,
        .header_count = 1,
    };

    if (hf_http_stream_begin(request->exchange, &head))
        hf_api_stream_go_on(stream);
}

void hf_api_events(struct hf_api_request *request)
{
    bool socket = request->head->upgrade_websocket;
    struct wishes wishes = {.tail = {.form = socket               ? HF_TAIL_WS
                                             : request->wants_sse ? HF_TAIL_SSE
                                                                  : HF_TAIL_JSONL}};

    if (!take_wishes(request, &wishes))
        return;
    struct hf_api_stream *stream = stream_new(request, &wishes.tail);
    if (stream == NULL)
        return;
    if (socket)
        hf_api_socket_begin(request, stream, &hf_api_socket_events);
    else
        begin_http(request, stream);
}
