/* adapter/api/feed_events.c - events of GET /v1/live, by as many filters as the reader wants at a time: a tail for each. */
#include "adapter/api/feed.h"
#include "core/topic.h"

static void forget(struct hf_feed_subscription *subscription)
{
    struct hf_backend *backend = subscription->feed->stream.request->api->backend;

    if (subscription->tail != NULL)
        backend->ops->tail_close(subscription->tail);
    *subscription = (struct hf_feed_subscription){.feed = subscription->feed};
}

static void on_chunk(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk)
{
    struct hf_feed_subscription *subscription = user;
    struct hf_feed *feed = subscription->feed;
    const struct hf_feed_of of = {"subscription", subscription->number};
    struct hf_api_request *request = feed->stream.request;
    bool there = true;

    (void)tail;
    hf_api_enter(request);
    subscription->asked = false;
    if (chunk->bytes > 0) {
        request->api->stats.events_bytes += chunk->bytes;
        feed->stream.written_ms = request->api->http->now_ms;
        there =
            hf_feed_say(feed, "events_of", &of, NULL, NULL) &&
            hf_api_socket_write(&feed->stream, (struct hf_slice){(const char *)chunk->data, chunk->bytes});
    }
    if (there && chunk->end) { /* a tail that follows ends only when the log cannot be read */
        forget(subscription);
        (void)hf_feed_refuse(feed, &of, (struct hf_feed_refusal){.reason = HF_REASON_STORAGE_FAILED});
    } else if (there) {
        hf_api_stream_go_on(&feed->stream);
    }
    hf_api_leave(request);
}

void hf_feed_next(struct hf_api_stream *stream)
{
    struct hf_feed *feed = (struct hf_feed *)stream;

    stream->asked = false; /* each subscription has a mark of its own */
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++) {
        struct hf_feed_subscription *one = &feed->subscriptions[i];

        if (one->tail == NULL || one->asked)
            continue;
        one->asked = true;
        stream->request->api->backend->ops->tail_next(one->tail);
    }
}

void hf_feed_subscriptions_drop(struct hf_feed *feed)
{
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++)
        forget(&feed->subscriptions[i]);
}

/* ---- what the reader wants ---- */

static struct hf_feed_subscription *find(struct hf_feed *feed, uint64_t number)
{
    struct hf_feed_subscription *room = NULL;

    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++) {
        struct hf_feed_subscription *one = &feed->subscriptions[i];

        if (one->tail != NULL && one->number == number)
            return one;
        if (one->tail == NULL && room == NULL)
            room = one;
    }
    return room;
}

struct filter {
    char types[HF_API_TYPES_BYTES_MAX], device[HF_DEVICE_BYTES_MAX], topic[HF_TOPIC_BYTES_MAX],
        by[HF_BY_BYTES_MAX], from[16];
};

bool hf_feed_take_text(const struct hf_json_field *field, char *storage, size_t bytes,
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

static bool wrong(struct hf_feed_refusal *ret_wrong, const char *field, const char *text)
{
    *ret_wrong = (struct hf_feed_refusal){HF_REASON_BAD_REQUEST, field, text};
    return false;
}

/* False: *ret_wrong says what is. */
static bool take_filter(const struct hf_json_field fields[HF_FEED_FIELDS], struct filter *filter,
                        struct hf_tail_request *tail, struct hf_feed_refusal *ret_wrong)
{
    struct hf_slice types, unknown;

    if (!hf_feed_take_text(&fields[HF_FEED_TYPE], filter->types, sizeof(filter->types), &types) ||
        !hf_api_types_parse(types, &tail->types, &unknown))
        return wrong(ret_wrong, "type", "type must be names of events, such as online,offline");
    if (!hf_feed_take_text(&fields[HF_FEED_DEVICE], filter->device, sizeof(filter->device), &tail->device) ||
        (tail->device.at != NULL && !hf_id_valid(tail->device, HF_DEVICE_BYTES_MAX)))
        return wrong(ret_wrong, "device", HF_FEED_DEVICE_RULE);
    if (!hf_feed_take_text(&fields[HF_FEED_TOPIC], filter->topic, sizeof(filter->topic),
                           &tail->topic_filter) ||
        (tail->topic_filter.at != NULL && !hf_topic_filter_valid(tail->topic_filter)))
        return wrong(ret_wrong, "topic", "topic must be a filter such as plant/+/temperature or plant/#");
    if (!hf_feed_take_text(&fields[HF_FEED_BY], filter->by, sizeof(filter->by), &tail->by) ||
        (tail->by.at != NULL && !hf_slice_is(tail->by, "*") && !hf_id_valid(tail->by, HF_BY_BYTES_MAX)))
        return wrong(ret_wrong, "by", "by must be the id of an API key, or * for any");
    return take_from(&fields[HF_FEED_FROM], filter->from, sizeof(filter->from), &tail->from) ||
           wrong(ret_wrong, "from", "from must be earliest, latest or an offset from 1 on");
}

static void from_member(struct hf_json_out *out, const void *context)
{
    const uint64_t *from = context;

    hf_json_out_u64(out, "from", *from);
}

void hf_feed_subscribe(struct hf_feed *feed, uint64_t number,
                       const struct hf_json_field fields[HF_FEED_FIELDS])
{
    struct hf_api_request *request = feed->stream.request;
    struct hf_backend *backend = request->api->backend;
    struct hf_tail_request tail = {
        .tenant = request->tenant.at ? request->tenant : HF_SLICE("*"), .follow = true, .form = HF_TAIL_WS};
    const struct hf_feed_of of = {"subscription", number};
    struct hf_feed_subscription *place = find(feed, number);
    struct hf_feed_refusal refusal;
    struct filter filter;

    if (!hf_scope_allows(request->scopes, HF_SCOPE_EVENTS_READ)) {
        (void)hf_feed_refuse(
            feed, &of, (struct hf_feed_refusal){HF_REASON_FORBIDDEN, NULL, "needs the scope: events:read"});
        return;
    }
    if (!take_filter(fields, &filter, &tail, &refusal)) {
        (void)hf_feed_refuse(feed, &of, refusal);
        return;
    }
    if (tail.from ==
        0) /* said in the answer: who loses the connection before an event comes still knows where to go on */
        tail.from = backend->ops->log_end(backend);
    if (place != NULL)
        forget(place); /* the same number again: the new filter takes its place */
    if (place == NULL || backend->ops->tail_open(backend, &tail, on_chunk, place, &place->tail) != HF_OK) {
        request->api->stats.readers_refused++;
        (void)hf_feed_refuse(
            feed, &of,
            (struct hf_feed_refusal){HF_REASON_BUSY, NULL,
                                     place == NULL
                                         ? "this connection has as many subscriptions as it may have"
                                         : "too many event readers at a time (api.events_readers_max)"});
        return;
    }
    place->number = number;
    if (hf_feed_say(feed, "subscribed", &of, from_member, &tail.from) && hf_feed_flush(feed))
        hf_api_stream_go_on(&feed->stream);
}

void hf_feed_unsubscribe(struct hf_feed *feed, uint64_t number,
                         const struct hf_json_field fields[HF_FEED_FIELDS])
{
    struct hf_feed_subscription *one = find(feed, number);

    (void)fields;
    if (one != NULL)
        forget(one);
}
