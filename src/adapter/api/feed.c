/* adapter/api/feed.c - GET /v1/live: one WebSocket for all that a page shows (CON-3): the node's counters once a second, and events by as many filters as it
 * wants at a time.
 *
 * The reader says {"subscribe":n,...filter}, {"unsubscribe":n} and {"overview":true}. Events go out as the tail has framed them, many in one write; which
 * subscription those are of, says a message {"type":"events_of","subscription":n} before them. Each second brings the counters, or a tick when it wants none: who
 * hears nothing knows that its connection is gone. A slow reader gets fewer counters and is asked for no more events until it has taken what there is. */
#include <stdlib.h>

#include "adapter/api/stream.h"
#include "core/topic.h"

enum { SAY_BYTES_MAX = 512 };

struct subscription {
    struct feed *feed;
    struct hf_tail *tail; /* NULL: this place is free */
    uint64_t number;      /* the reader's name for it */
    bool asked;           /* a chunk is on its way */
};

struct feed {
    struct hf_api_stream stream; /* first */
    struct subscription subscriptions[HF_API_FEED_SUBSCRIPTIONS_MAX];
    bool overview;
    size_t text_bytes; /* of a message that is coming in */
    char text[HF_API_SOCKET_MESSAGE_BYTES_MAX];
};

static struct feed *feed_of(struct hf_api_stream *stream)
{
    return HF_CONTAINER_OF(stream, struct feed, stream);
}

/* ---- what goes out ---- */

typedef void members(struct hf_json_out *out, const void *context);

/* Not flushed. False: it is gone. */
static bool say(struct feed *feed, const char *type, const uint64_t *number, members *more,
                const void *context)
{
    char storage[SAY_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "type", type);
    if (number != NULL)
        hf_json_out_u64(&out, "subscription", *number);
    if (more != NULL)
        more(&out, context);
    hf_json_out_end(&out);
    HF_ASSERT(!sb.overflow);
    return hf_api_socket_text(&feed->stream, &(struct hf_slice){sb.at, sb.bytes}, 1);
}

static bool flush(struct feed *feed)
{
    return hf_api_socket_write(&feed->stream, (struct hf_slice){"", 0});
}

struct refusal {
    enum hf_reason reason;
    const char *field, *text;
};

static void refusal_members(struct hf_json_out *out, const void *context)
{
    const struct refusal *refusal = context;

    hf_json_out_cstr(out, "reason", hf_reason_name(refusal->reason));
    if (refusal->field != NULL)
        hf_json_out_cstr(out, "field", refusal->field);
    hf_json_out_cstr(out, "detail",
                     refusal->text != NULL ? refusal->text : hf_reason_info(refusal->reason)->text);
}

static void refuse(struct feed *feed, const uint64_t *number, struct refusal refusal)
{
    if (say(feed, "refused", number, refusal_members, &refusal))
        (void)flush(feed);
}

static void time_member(struct hf_json_out *out, const void *context)
{
    const uint64_t *utc_ms = context;

    hf_json_out_u64(out, "time_ms", *utc_ms);
}

/* The counters, or a tick. */
static void tell_second(struct feed *feed)
{
    struct hf_api *api = feed->stream.request->api;
    char *json = NULL;
    size_t bytes = feed->overview ? api->backend->ops->overview(api->backend, &json) : 0;
    struct hf_slice parts[] = {
        HF_SLICE("{\"type\":\"overview\",\"overview\":"), {json, bytes}, HF_SLICE("}")};

    if (bytes > 0 ? hf_api_socket_text(&feed->stream, parts, HF_COUNT_OF(parts))
                  : say(feed, "tick", NULL, time_member, &api->http->utc_ms))
        (void)flush(feed);
    free(json);
}

/* ---- events ---- */

static void forget(struct subscription *subscription)
{
    struct hf_backend *backend = subscription->feed->stream.request->api->backend;

    if (subscription->tail != NULL)
        backend->ops->tail_close(subscription->tail);
    *subscription = (struct subscription){.feed = subscription->feed};
}

static void on_chunk(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk)
{
    struct subscription *subscription = user;
    struct feed *feed = subscription->feed;
    struct hf_api_request *request = feed->stream.request;
    bool there = true;

    (void)tail;
    hf_api_enter(request);
    subscription->asked = false;
    if (chunk->bytes > 0) {
        request->api->stats.events_bytes += chunk->bytes;
        feed->stream.written_ms = request->api->http->now_ms;
        there =
            say(feed, "events_of", &subscription->number, NULL, NULL) &&
            hf_api_socket_write(&feed->stream, (struct hf_slice){(const char *)chunk->data, chunk->bytes});
    }
    if (there && chunk->end) { /* a tail that follows ends only when the log cannot be read */
        uint64_t number = subscription->number;

        forget(subscription);
        refuse(feed, &number, (struct refusal){.reason = HF_REASON_STORAGE_FAILED});
    } else if (there) {
        hf_api_stream_go_on(&feed->stream);
    }
    hf_api_leave(request);
}

static void next(struct hf_api_stream *stream)
{
    struct feed *feed = feed_of(stream);

    stream->asked = false; /* each subscription has a mark of its own */
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++) {
        struct subscription *one = &feed->subscriptions[i];

        if (one->tail == NULL || one->asked)
            continue;
        one->asked = true;
        stream->request->api->backend->ops->tail_next(one->tail);
    }
}

static void drop(struct hf_api_stream *stream)
{
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++)
        forget(&feed_of(stream)->subscriptions[i]);
}

/* ---- what the reader says ---- */

static struct subscription *find(struct feed *feed, uint64_t number)
{
    struct subscription *room = NULL;

    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++) {
        struct subscription *one = &feed->subscriptions[i];

        if (one->tail != NULL && one->number == number)
            return one;
        if (one->tail == NULL && room == NULL)
            room = one;
    }
    return room;
}

enum { SUBSCRIBE, UNSUBSCRIBE, OVERVIEW, TYPE, DEVICE, TOPIC, BY, FROM, FIELDS };

struct filter {
    char types[HF_API_TYPES_BYTES_MAX], device[HF_DEVICE_BYTES_MAX], topic[HF_TOPIC_BYTES_MAX],
        by[HF_BY_BYTES_MAX], from[16];
};

/* Absent when it is not there; false for what is no text, or a longer one. */
static bool take_text(const struct hf_json_field *field, char *storage, size_t bytes,
                      struct hf_slice *ret_text)
{
    *ret_text = (struct hf_slice){NULL, 0};
    return !field->found || hf_json_to_text(field, storage, bytes, ret_text) == HF_OK;
}

static bool take_from(const struct hf_json_field *field, char *storage, size_t bytes, uint64_t *ret_from)
{
    struct hf_slice text;

    *ret_from = 0;
    if (!field->found)
        return true;
    if (hf_json_to_u64(field, ret_from) == HF_OK)
        return *ret_from > 0;
    if (hf_json_to_text(field, storage, bytes, &text) != HF_OK)
        return false;
    if (hf_slice_is(text, "earliest"))
        *ret_from = 1;
    return *ret_from == 1 || hf_slice_is(text, "latest");
}

/* NULL, or the name of the member that is wrong. */
static const char *take_filter(const struct hf_json_field fields[FIELDS], struct filter *filter,
                               struct hf_tail_request *tail)
{
    struct hf_slice types, unknown;

    if (!take_text(&fields[TYPE], filter->types, sizeof(filter->types), &types) ||
        !hf_api_types_parse(types, &tail->types, &unknown))
        return "type";
    if (!take_text(&fields[DEVICE], filter->device, sizeof(filter->device), &tail->device) ||
        (tail->device.at != NULL && !hf_id_valid(tail->device, HF_DEVICE_BYTES_MAX)))
        return "device";
    if (!take_text(&fields[TOPIC], filter->topic, sizeof(filter->topic), &tail->topic_filter) ||
        (tail->topic_filter.at != NULL && !hf_topic_filter_valid(tail->topic_filter)))
        return "topic";
    if (!take_text(&fields[BY], filter->by, sizeof(filter->by), &tail->by) ||
        (tail->by.at != NULL && !hf_slice_is(tail->by, "*") && !hf_id_valid(tail->by, HF_BY_BYTES_MAX)))
        return "by";
    return take_from(&fields[FROM], filter->from, sizeof(filter->from), &tail->from) ? NULL : "from";
}

static void from_member(struct hf_json_out *out, const void *context)
{
    const uint64_t *from = context;

    hf_json_out_u64(out, "from", *from);
}

static void subscribe(struct feed *feed, uint64_t number, const struct hf_json_field fields[FIELDS])
{
    struct hf_api_request *request = feed->stream.request;
    struct hf_tail_request tail = {
        .tenant = request->tenant.at ? request->tenant : HF_SLICE("*"), .follow = true, .form = HF_TAIL_WS};
    struct subscription *place = find(feed, number);
    struct filter filter;
    const char *wrong = take_filter(fields, &filter, &tail);

    if (!hf_scope_allows(request->scopes, HF_SCOPE_EVENTS_READ)) {
        refuse(feed, &number, (struct refusal){HF_REASON_FORBIDDEN, NULL, "needs the scope: events:read"});
        return;
    }
    if (wrong != NULL) {
        refuse(feed, &number, (struct refusal){HF_REASON_BAD_REQUEST, wrong, NULL});
        return;
    }
    if (tail.from ==
        0) /* said in the answer: who loses the connection before an event comes still knows where to go on */
        tail.from = request->api->backend->ops->log_end(request->api->backend);
    if (place != NULL)
        forget(place); /* the same number again: the new filter takes its place */
    if (place == NULL || request->api->backend->ops->tail_open(request->api->backend, &tail, on_chunk, place,
                                                               &place->tail) != HF_OK) {
        request->api->stats.readers_refused++;
        refuse(feed, &number,
               (struct refusal){HF_REASON_BUSY, NULL,
                                place == NULL ? "this connection has as many subscriptions as it may have"
                                              : "too many event readers at a time (api.events_readers_max)"});
        return;
    }
    place->number = number;
    if (say(feed, "subscribed", &number, from_member, &tail.from) && flush(feed))
        hf_api_stream_go_on(&feed->stream);
}

static void want_overview(struct feed *feed, bool wanted)
{
    if (wanted && !hf_scope_allows(feed->stream.request->scopes, HF_SCOPE_METRICS_READ)) {
        refuse(feed, NULL,
               (struct refusal){HF_REASON_FORBIDDEN, "overview", "needs the scope: metrics:read"});
        return;
    }
    bool begins = wanted && !feed->overview;

    feed->overview = wanted;
    if (begins &&
        hf_api_socket_ready(&feed->stream)) /* else with the next second: counters are never queued */
        tell_second(feed);
}

static void on_text(struct feed *feed)
{
    struct hf_json_field fields[FIELDS] = {[SUBSCRIBE] = HF_JSON_FIELD("subscribe"),
                                           [UNSUBSCRIBE] = HF_JSON_FIELD("unsubscribe"),
                                           [OVERVIEW] = HF_JSON_FIELD("overview"),
                                           [TYPE] = HF_JSON_FIELD("type"),
                                           [DEVICE] = HF_JSON_FIELD("device"),
                                           [TOPIC] = HF_JSON_FIELD("topic"),
                                           [BY] = HF_JSON_FIELD("by"),
                                           [FROM] = HF_JSON_FIELD("from")};
    uint64_t number;
    bool wanted;

    if (hf_json_scan(feed->text, feed->text_bytes, fields, FIELDS, 0) != HF_OK) {
        refuse(feed, NULL, (struct refusal){HF_REASON_BAD_REQUEST, NULL, "a message is one JSON object"});
    } else if (fields[SUBSCRIBE].found && hf_json_to_u64(&fields[SUBSCRIBE], &number) == HF_OK) {
        subscribe(feed, number, fields);
    } else if (fields[UNSUBSCRIBE].found && hf_json_to_u64(&fields[UNSUBSCRIBE], &number) == HF_OK) {
        struct subscription *one = find(feed, number);

        if (one != NULL)
            forget(one);
    } else if (fields[OVERVIEW].found && hf_json_to_bool(&fields[OVERVIEW], &wanted) == HF_OK) {
        want_overview(feed, wanted);
    } else {
        refuse(feed, NULL,
               (struct refusal){HF_REASON_BAD_REQUEST, NULL,
                                "say {\"subscribe\":1,...}, {\"unsubscribe\":1} or {\"overview\":true}"});
    }
}

static void part(struct hf_api_stream *stream, const struct hf_ws_event *event)
{
    struct feed *feed = feed_of(stream);

    if (event->first)
        feed->text_bytes = 0;
    HF_ASSERT(feed->text_bytes + event->slice_bytes <= sizeof(feed->text)); /* the decoder's bound */
    if (event->slice_bytes > 0)
        memcpy(feed->text + feed->text_bytes, event->slice, event->slice_bytes);
    feed->text_bytes += event->slice_bytes;
    if (event->last && stream->closing_ms == 0)
        on_text(feed);
}

/* ---- its life ---- */

/* A key may lose a scope and stay. */
static bool scopes_lost(struct feed *feed)
{
    struct hf_api_request *request = feed->stream.request;
    uint32_t scopes = 0;
    bool reads = false;

    if (!hf_api_key_now(request, &scopes))
        return true;
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++)
        reads = reads || feed->subscriptions[i].tail != NULL;
    request->scopes = scopes;
    return (reads && !hf_scope_allows(scopes, HF_SCOPE_EVENTS_READ)) ||
           (feed->overview && !hf_scope_allows(scopes, HF_SCOPE_METRICS_READ));
}

static bool check(struct hf_api_stream *stream, uint64_t now_ms)
{
    struct hf_api_request *request = stream->request;
    struct feed *feed = feed_of(stream);

    if (!hf_api_socket_check(stream, now_ms))
        return false;
    if (scopes_lost(feed)) {
        hf_api_socket_end(stream, HF_REASON_REVOKED);
        return false;
    }
    if (!hf_api_socket_ready(stream))
        return true;
    stream->written_ms = now_ms;
    tell_second(feed);
    return request->stream == stream; /* else it could not be written to, and is gone */
}

static const struct hf_api_stream_ops feed_ops = {.ready = hf_api_socket_ready,
                                                  .write = hf_api_socket_write,
                                                  .end = hf_api_socket_end,
                                                  .idle = hf_api_socket_idle,
                                                  .check = check,
                                                  .next = next,
                                                  .drop = drop,
                                                  .part = part};

void hf_api_feed(struct hf_api_request *request)
{
    struct hf_api *api = request->api;

    if (!request->head->upgrade_websocket) {
        (void)hf_api_bad(request, "Upgrade",
                         "this is for WebSockets only; /v1/events and /v1/overview are for others");
        return;
    }
    struct feed *feed = api->stats.readers_now < api->limits.readers_max ? calloc(1, sizeof(*feed)) : NULL;
    if (feed == NULL) {
        api->stats.readers_refused++;
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_BUSY,
                                             .has_limit = true,
                                             .limit = api->limits.readers_max,
                                             .retry_ms = 5000},
                    "too many event readers at a time (api.events_readers_max)");
        return;
    }
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++)
        feed->subscriptions[i].feed = feed;
    hf_api_stream_add(request, &feed->stream, &feed_ops);
    hf_api_socket_begin(request, &feed->stream, &feed_ops);
}
