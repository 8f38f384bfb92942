/* adapter/api/feed.c - GET /v1/live: one WebSocket for all that a page shows (CON-3): events by as many filters as it wants at a time, the node's counters once a
 * second, and devices that are watched (feed_watch.c).
 *
 * What the reader says, take_message() below has. Events go out as the tail has framed them, many in one write; which subscription those are of, says a message
 * {"type":"events_of","subscription":n} before them. Each second brings the counters and a tick: who hears nothing knows that its connection is gone. A slow reader gets fewer counters and is asked for no more events until it has taken what there is. */
#include "adapter/api/feed.h"

#include <stdlib.h>

enum { SAY_BYTES_MAX = 512, HEATMAP_TEXT_BYTES = 4096 };

static struct hf_feed *feed_of(struct hf_api_stream *stream)
{
    return HF_CONTAINER_OF(stream, struct hf_feed, stream);
}

/* ---- what goes out ---- */

bool hf_feed_say(struct hf_feed *feed, const char *type, const struct hf_feed_of *of, hf_feed_members *more,
                 const void *context)
{
    char storage[SAY_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "type", type);
    if (of != NULL)
        hf_json_out_u64(&out, of->name, of->number);
    if (more != NULL)
        more(&out, context);
    hf_json_out_end(&out);
    HF_ASSERT(!sb.overflow);
    return hf_api_socket_text(&feed->stream, &(struct hf_slice){sb.at, sb.bytes}, 1);
}

bool hf_feed_flush(struct hf_feed *feed)
{
    return hf_api_socket_write(&feed->stream, (struct hf_slice){"", 0});
}

static void refusal_members(struct hf_json_out *out, const void *context)
{
    const struct hf_feed_refusal *refusal = context;

    hf_json_out_cstr(out, "reason", hf_reason_name(refusal->reason));
    if (refusal->field != NULL)
        hf_json_out_cstr(out, "field", refusal->field);
    hf_json_out_cstr(out, "detail",
                     refusal->text != NULL ? refusal->text : hf_reason_info(refusal->reason)->text);
}

bool hf_feed_refuse(struct hf_feed *feed, const struct hf_feed_of *of, struct hf_feed_refusal refusal)
{
    return hf_feed_say(feed, "refused", of, refusal_members, &refusal) && hf_feed_flush(feed);
}

static void tick_members(struct hf_json_out *out, const void *context)
{
    struct hf_feed *feed = *(struct hf_feed *const *)context;

    hf_json_out_u64(out, "time_ms", feed->stream.request->api->http->utc_ms);
    if (feed->watches.count > 0)
        hf_feed_watches_tick(feed, out);
}

static bool say_overview(struct hf_feed *feed)
{
    struct hf_api *api = feed->stream.request->api;
    char *json = NULL;
    size_t bytes = api->backend->ops->overview(api->backend, &json);
    const struct hf_slice parts[] = {
        HF_SLICE("{\"type\":\"overview\",\"overview\":"), {json, bytes}, HF_SLICE("}")};
    bool there = bytes == 0 || hf_api_socket_text(&feed->stream, parts, HF_COUNT_OF(parts));

    free(json);
    return there;
}

static bool say_heatmap(struct hf_feed *feed)
{
    struct hf_api_text text;

    feed->heatmap_next = false;
    if (hf_api_text_make(feed->stream.request, HEATMAP_TEXT_BYTES, hf_api_heatmap_write, NULL, &text) !=
        HF_OK)
        return true; /* then with the next one */
    const struct hf_slice parts[] = {HF_SLICE("{\"type\":\"heatmap\",\"heatmap\":"), text.json,
                                     HF_SLICE("}")};
    bool there = hf_api_socket_text(&feed->stream, parts, HF_COUNT_OF(parts));
    hf_api_text_free(&text);
    return there;
}

static void tell_second(struct hf_feed *feed)
{
    bool heatmap = feed->heatmap && feed->heatmap_next;

    feed->heatmap_next = true;
    if ((!feed->overview || say_overview(feed)) && (!heatmap || say_heatmap(feed)) &&
        hf_feed_say(feed, "tick", NULL, tick_members, (const void *)&feed))
        (void)hf_feed_flush(feed);
}

static void drop(struct hf_api_stream *stream)
{
    hf_feed_subscriptions_drop(feed_of(stream));
    hf_feed_watches_drop(feed_of(stream));
}

/* ---- what the reader says ---- */

static bool take_bool(const struct hf_json_field *field, bool *value)
{
    return !field->found || hf_json_to_bool(field, value) == HF_OK;
}

static void take_watch(struct hf_feed *feed, uint64_t number,
                       const struct hf_json_field fields[HF_FEED_FIELDS])
{
    struct hf_api_request *request = feed->stream.request;
    struct hf_feed_refusal refusal = {.reason = HF_REASON_BAD_REQUEST};
    const struct hf_feed_of of = {"watch", number};
    char storage[HF_DEVICE_BYTES_MAX];
    struct hf_slice device;
    bool state = true, samples = false;

    if (!hf_scope_allows(request->scopes, HF_SCOPE_DEVICES_READ)) {
        refusal.reason = HF_REASON_FORBIDDEN;
        refusal.text = "needs the scope: devices:read";
    } else if (request->tenant.at == NULL) {
        refusal.field = "tenant";
        refusal.text = "a key for all tenants must name one: ?tenant=<name> or Holdfast-Tenant";
    } else if (!hf_feed_take_text(&fields[HF_FEED_DEVICE], storage, sizeof(storage), &device) ||
               !hf_id_valid(device, HF_DEVICE_BYTES_MAX)) {
        refusal.field = "device";
        refusal.text = HF_FEED_DEVICE_RULE;
    } else if (!take_bool(&fields[HF_FEED_SAMPLES], &samples)) {
        refusal.field = "samples";
        refusal.text = "samples must be true or false";
    } else if (!take_bool(&fields[HF_FEED_STATE], &state) || (!state && !samples)) {
        refusal.field = "state";
        refusal.text = "state must be true or false, and one of state and samples true";
    } else {
        hf_feed_watch(feed, number, device, state, samples);
        return;
    }
    (void)hf_feed_refuse(feed, &of, refusal);
}

static void take_unwatch(struct hf_feed *feed, uint64_t number,
                         const struct hf_json_field fields[HF_FEED_FIELDS])
{
    (void)fields;
    hf_feed_unwatch(feed, number);
}

/* Counters of the node, each second from now on, or no more. */
static void want(struct hf_feed *feed, bool *wish, const char *name, bool wanted,
                 bool (*say)(struct hf_feed *))
{
    bool begins = wanted && !*wish;

    if (wanted && !hf_scope_allows(feed->stream.request->scopes, HF_SCOPE_METRICS_READ)) {
        (void)hf_feed_refuse(
            feed, NULL, (struct hf_feed_refusal){HF_REASON_FORBIDDEN, name, "needs the scope: metrics:read"});
        return;
    }
    *wish = wanted;
    if (begins &&
        hf_api_socket_ready(&feed->stream) && /* else with the next second: counters are never queued */
        say(feed))
        (void)hf_feed_flush(feed);
}

static void take_message(struct hf_feed *feed, const struct hf_json_field fields[HF_FEED_FIELDS])
{
    static hf_feed_wish *const wishes[HF_FEED_WISHES] = {[HF_FEED_SUBSCRIBE] = hf_feed_subscribe,
                                                         [HF_FEED_UNSUBSCRIBE] = hf_feed_unsubscribe,
                                                         [HF_FEED_WATCH] = take_watch,
                                                         [HF_FEED_UNWATCH] = take_unwatch};
    uint64_t number;
    bool wanted;

    for (unsigned i = 0; i < HF_FEED_WISHES; i++) {
        if (!fields[i].found)
            continue;
        if (wishes[i] != NULL && hf_json_to_u64(&fields[i], &number) == HF_OK) {
            wishes[i](feed, number, fields);
            return;
        }
        if (wishes[i] == NULL && hf_json_to_bool(&fields[i], &wanted) == HF_OK) {
            if (i == HF_FEED_OVERVIEW)
                want(feed, &feed->overview, "overview", wanted, say_overview);
            else
                want(feed, &feed->heatmap, "heatmap", wanted, say_heatmap);
            return;
        }
    }
    (void)hf_feed_refuse(
        feed, NULL,
        (struct hf_feed_refusal){
            HF_REASON_BAD_REQUEST, NULL,
            "say {\"subscribe\":1,...}, {\"unsubscribe\":1}, {\"watch\":1,\"device\":\"d\"}, "
            "{\"unwatch\":1}, {\"overview\":true} or {\"heatmap\":true}"});
}

static void on_text(struct hf_feed *feed)
{
    struct hf_json_field fields[HF_FEED_FIELDS] = {[HF_FEED_SUBSCRIBE] = HF_JSON_FIELD("subscribe"),
                                                   [HF_FEED_UNSUBSCRIBE] = HF_JSON_FIELD("unsubscribe"),
                                                   [HF_FEED_WATCH] = HF_JSON_FIELD("watch"),
                                                   [HF_FEED_UNWATCH] = HF_JSON_FIELD("unwatch"),
                                                   [HF_FEED_OVERVIEW] = HF_JSON_FIELD("overview"),
                                                   [HF_FEED_HEATMAP] = HF_JSON_FIELD("heatmap"),
                                                   [HF_FEED_TYPE] = HF_JSON_FIELD("type"),
                                                   [HF_FEED_DEVICE] = HF_JSON_FIELD("device"),
                                                   [HF_FEED_TOPIC] = HF_JSON_FIELD("topic"),
                                                   [HF_FEED_BY] = HF_JSON_FIELD("by"),
                                                   [HF_FEED_FROM] = HF_JSON_FIELD("from"),
                                                   [HF_FEED_STATE] = HF_JSON_FIELD("state"),
                                                   [HF_FEED_SAMPLES] = HF_JSON_FIELD("samples")};

    if (hf_json_scan(feed->text, feed->text_bytes, fields, HF_FEED_FIELDS, 0) == HF_OK)
        take_message(feed, fields);
    else
        (void)hf_feed_refuse(
            feed, NULL,
            (struct hf_feed_refusal){HF_REASON_BAD_REQUEST, NULL, "a message is one JSON object"});
}

static void part(struct hf_api_stream *stream, const struct hf_ws_event *event)
{
    struct hf_feed *feed = feed_of(stream);

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
static bool scopes_lost(struct hf_feed *feed)
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
           (feed->watches.count > 0 && !hf_scope_allows(scopes, HF_SCOPE_DEVICES_READ)) ||
           ((feed->overview || feed->heatmap) && !hf_scope_allows(scopes, HF_SCOPE_METRICS_READ));
}

static bool check(struct hf_api_stream *stream, uint64_t now_ms)
{
    struct hf_api_request *request = stream->request;
    struct hf_feed *feed = feed_of(stream);

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
                                                  .next = hf_feed_next,
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
    struct hf_feed *feed = api->stats.readers_now < api->limits.readers_max ? calloc(1, sizeof(*feed)) : NULL;
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
