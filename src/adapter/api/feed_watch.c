/* adapter/api/feed_watch.c - devices that a reader of GET /v1/live watches; feed.h says how. */
#include "adapter/api/feed.h"
#include "base/hash.h"
#include "core/rows.h"
#include "core/twin/live.h"

enum { SAMPLES_TEXT_BYTES = 4096, HEAD_BYTES_MAX = 64, LAST_SEEN_MOVES_MS = 2 };

static struct hf_api *api_of(const struct hf_feed *feed)
{
    return feed->stream.request->api;
}

static void forget(struct hf_feed *feed, struct hf_feed_watch *watch)
{
    if (!watch->used)
        return;
    if (feed->watches.looking == watch)
        feed->watches.looking = NULL;
    watch->used = false;
    api_of(feed)->stats.watches_now--;
    if (--feed->watches.count == 0)
        hf_wheel_cancel(api_of(feed)->http->wheel, &feed->watches.timer);
}

/* Samples are due in the next turn anyway. */
static void put_off(struct hf_feed *feed, struct hf_feed_watch *watch, bool state)
{
    api_of(feed)->stats.watch_skips++;
    watch->state_late = watch->state_late || state;
}

/* ---- what was seen ---- */

/* {"type":"device","watch":1,"device":{...}} */
static bool say(struct hf_feed *feed, const struct hf_feed_watch *watch, const char *type,
                struct hf_slice json)
{
    char storage[HEAD_BYTES_MAX];
    struct hf_sb head;

    hf_sb_init(&head, storage, sizeof(storage));
    hf_sb_text(&head, "{\"type\":\"");
    hf_sb_text(&head, type);
    hf_sb_text(&head, "\",\"watch\":");
    hf_sb_u64(&head, watch->number);
    hf_sb_text(&head, ",\"");
    hf_sb_text(&head, type);
    hf_sb_text(&head, "\":");
    HF_ASSERT(!head.overflow);
    const struct hf_slice parts[] = {hf_sb_done(&head), json, HF_SLICE("}")};
    feed->stream.written_ms = api_of(feed)->http->now_ms;
    api_of(feed)->stats.watch_messages++;
    return hf_api_socket_text(&feed->stream, parts, HF_COUNT_OF(parts)) && hf_feed_flush(feed);
}

static bool tell_state(struct hf_feed *feed, struct hf_feed_watch *watch, struct hf_api_one *one)
{
    struct hf_api *api = api_of(feed);
    struct hf_api_text text;
    bool there = true;

    if (hf_api_text_make(feed->stream.request, 0, hf_api_device_write, one, &text) != HF_OK) {
        put_off(feed, watch, true);
        return true;
    }
    uint64_t hash = hf_hash(api->hash_key, text.json.at, text.json.bytes);
    watch->looked = true;
    if (!watch->state_said || watch->state_hash != hash) {
        watch->state_said = true;
        watch->state_hash = hash;
        there = say(feed, watch, "device", text.json);
    }
    hf_api_text_free(&text);
    return there;
}

static struct hf_feed_seen seen_of(const struct hf_twin *twin, enum hf_presence presence)
{
    struct hf_feed_seen seen = {.presence = (uint8_t)presence, .any = twin != NULL};

    if (twin != NULL) {
        seen.arrived_us = twin->arrived_us;
        seen.newest_ns = twin->newest_ns;
        seen.batches = twin->batches;
    }
    return seen;
}

/* The text has its time and ages in it, which always change: whether there is something to say is seen from the samples. */
static bool news(const struct hf_feed_watch *watch, const struct hf_feed_seen *now)
{
    const struct hf_feed_seen *said = &watch->seen;

    if (!watch->samples_said)
        return true;
    if (said->any && !now->any) /* its live state has made room for another's: what was said grows old */
        return false;
    return said->any != now->any || said->presence != now->presence || said->arrived_us != now->arrived_us ||
           said->newest_ns != now->newest_ns || said->batches != now->batches;
}

static bool tell_samples(struct hf_feed *feed, struct hf_feed_watch *watch, struct hf_api_one *one)
{
    struct hf_feed_seen now =
        seen_of(one->twin, hf_api_device_state(api_of(feed), one->row, one->live).presence);
    struct hf_api_text text;

    if (!news(watch, &now)) {
        watch->looked = true;
        return true;
    }
    if (hf_api_text_make(feed->stream.request, SAMPLES_TEXT_BYTES, hf_api_live_write, one, &text) != HF_OK) {
        put_off(feed, watch, false);
        return true;
    }
    watch->looked = true;
    watch->samples_said = true;
    watch->seen = now;
    bool there = say(feed, watch, "samples", text.json);
    hf_api_text_free(&text);
    return there;
}

/* The moment is made of two clocks, each of whole milliseconds: it moves although nothing was heard. */
static void steady(struct hf_feed_watch *watch, struct hf_live *live)
{
    uint64_t moved_ms = live->last_seen_ms > watch->last_seen_ms ? live->last_seen_ms - watch->last_seen_ms
                                                                 : watch->last_seen_ms - live->last_seen_ms;

    if (moved_ms <= LAST_SEEN_MOVES_MS)
        live->last_seen_ms = watch->last_seen_ms;
    watch->last_seen_ms = live->last_seen_ms;
}

static void tell(struct hf_feed *feed, struct hf_feed_watch *watch, struct hf_call *call)
{
    const struct hf_feed_watches *watches = &feed->watches;
    struct hf_api_request *request = feed->stream.request;
    struct hf_device_row row = {0};
    struct hf_kv_txn *txn = NULL;
    struct hf_api_one one = {.device = call->device,
                             .row = &row,
                             .live = call->live.epoch != 0 ? &call->live : NULL,
                             .twin = call->result};
    steady(watch, &call->live);
    hf_err err = watches->with_state || one.live == NULL
                     ? hf_api_device_row(request->api, request->tenant, call->device, &txn, &row)
                     : HF_OK;

    if (err == HF_ERR_NOT_FOUND && one.live == NULL) {
        struct hf_feed_of of = {"watch", watch->number};

        forget(feed, watch);
        (void)hf_feed_refuse(feed, &of, (struct hf_feed_refusal){.reason = HF_REASON_NOT_FOUND});
    } else if (err != HF_OK &&
               err !=
                   HF_ERR_NOT_FOUND) { /* of one that is live the first record may not be in the tables yet */
        put_off(feed, watch, watches->with_state);
    } else if (!watches->with_state || tell_state(feed, watch, &one)) {
        if (watches->with_samples)
            (void)tell_samples(feed, watch, &one);
    }
    hf_kv_end(txn);
}

/* ---- looking ---- */

static void go_on(struct hf_feed *feed);
static void on_looked(struct hf_call *call);

/* The call is taken; its answer may be here, and the stream gone, before this returns. */
static void ask(struct hf_feed *feed, struct hf_call *call)
{
    struct hf_feed_watches *watches = &feed->watches;

    api_of(feed)->stats.watch_looks++;
    if (call != NULL && hf_api_call_begin(feed->stream.request, call, on_looked) == HF_OK)
        return;
    put_off(feed, watches->looking, watches->with_state);
    watches->looking = NULL;
}

/* Nobody's samples came since the start of the gateway, or not for long: the time series know the last ones. */
static bool asks_series(const struct hf_feed *feed, const struct hf_call *call)
{
    return call->type == HF_CALL_TWIN && call->result == NULL && !feed->watches.looking->series &&
           (call->reason == HF_REASON_NONE || call->reason == HF_REASON_NOT_FOUND);
}

static void take_answer(struct hf_feed *feed, struct hf_call *call)
{
    struct hf_feed_watches *watches = &feed->watches;
    struct hf_feed_watch *watch = watches->looking;
    bool known = call->reason == HF_REASON_NONE || call->reason == HF_REASON_NOT_FOUND ||
                 (call->type == HF_CALL_SERIES && call->reason == HF_REASON_NOT_IMPLEMENTED);

    watches->looking = NULL;
    if (!known || !hf_api_socket_ready(&feed->stream)) {
        put_off(feed, watch, watches->with_state);
        return;
    }
    watch->series = watch->series || call->type == HF_CALL_SERIES;
    tell(feed, watch, call);
}

static void on_looked(struct hf_call *call)
{
    struct hf_api_request *request = call->maker;
    struct hf_feed *feed = (struct hf_feed *)request->stream; /* NULL: it is gone */

    hf_api_enter(request);
    if (feed != NULL && feed->watches.looking != NULL && asks_series(feed, call)) {
        struct hf_call *series = hf_api_live_series(request, call);

        hf_api_call_end(request, call);
        ask(feed, series);
    } else {
        if (feed != NULL && feed->watches.looking != NULL)
            take_answer(feed, call);
        hf_api_call_end(request, call);
    }
    if (request->stream != NULL)
        go_on(feed);
    hf_api_leave(request);
}

static struct hf_feed_watch *next_due(struct hf_feed_watches *watches)
{
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++)
        if (watches->at[i].used && (watches->at[i].state_due || watches->at[i].samples_due))
            return &watches->at[i];
    return NULL;
}

/* Each look is for one turn: what is put off is due in the next one, so that this ends; of answers that come at once, each goes on by itself, as deep as there are watches. The request is
 * held by the caller. */
static void go_on(struct hf_feed *feed)
{
    struct hf_api_request *request = feed->stream.request;
    struct hf_feed_watches *watches = &feed->watches;
    struct hf_feed_watch *watch;

    while (request->call == NULL && (watch = next_due(watches)) != NULL) {
        watches->with_state = watch->state_due;
        watches->with_samples = watch->samples_due;
        watch->state_due = watch->samples_due = false;
        if (!hf_api_socket_ready(&feed->stream)) {
            put_off(feed, watch, watches->with_state);
            continue;
        }
        watches->looking = watch;
        ask(feed, hf_api_call_make(request, watches->with_samples ? HF_CALL_TWIN : HF_CALL_DEVICE,
                                   &(struct hf_call){.device = {watch->device, watch->device_bytes}}));
        if (request->stream == NULL)
            return;
    }
}

static void on_turn(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_feed *feed = HF_CONTAINER_OF(timer, struct hf_feed, watches.timer);
    struct hf_api_request *request = feed->stream.request;
    struct hf_feed_watches *watches = &feed->watches;
    bool state = ++watches->turn % HF_API_WATCH_STATE_TURNS == 0;

    hf_wheel_arm(api_of(feed)->http->wheel, timer, now_ms + HF_API_WATCH_MS);
    watches->at_once = 0;
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        struct hf_feed_watch *watch = &watches->at[i];

        watch->samples_due = watch->samples;
        watch->state_due = watch->state && (state || watch->state_late || watch->state_due);
        watch->state_late = false;
    }
    hf_api_enter(request);
    go_on(feed);
    hf_api_leave(request);
}

/* ---- what the reader wants ---- */

/* The watch of that number, or room for one; NULL: there is none. */
static struct hf_feed_watch *find(struct hf_feed_watches *watches, uint64_t number)
{
    struct hf_feed_watch *room = NULL;

    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        struct hf_feed_watch *one = &watches->at[i];

        if (one->used && one->number == number)
            return one;
        if (!one->used && room == NULL)
            room = one;
    }
    return room;
}

static void count(struct hf_feed *feed)
{
    struct hf_api *api = api_of(feed);

    api->stats.watches_now++;
    if (feed->watches.count++ > 0)
        return;
    hf_timer_init(&feed->watches.timer, on_turn);
    hf_wheel_arm(api->http->wheel, &feed->watches.timer, api->http->now_ms + HF_API_WATCH_MS);
}

void hf_feed_watch(struct hf_feed *feed, uint64_t number, struct hf_slice device, bool state, bool samples)
{
    struct hf_api *api = api_of(feed);
    struct hf_feed_watches *watches = &feed->watches;
    struct hf_feed_watch *watch = find(watches, number);

    if (watch != NULL)
        forget(feed, watch);
    if (watch == NULL || api->stats.watches_now >= api->limits.watches_max) {
        api->stats.watches_refused++;
        (void)hf_feed_refuse(
            feed, &(struct hf_feed_of){"watch", number},
            (struct hf_feed_refusal){HF_REASON_BUSY, NULL,
                                     watch == NULL ? "this connection watches as many devices as it may"
                                                   : "too many devices are watched (api.live_watches_max)"});
        return;
    }
    *watch = (struct hf_feed_watch){.used = true,
                                    .number = number,
                                    .state = state,
                                    .samples = samples,
                                    .device_bytes = (uint8_t)device.bytes};
    memcpy(watch->device, device.at, device.bytes);
    count(feed);
    /* At once; but who says so again and again gets no more looks by that than any watch. */
    bool waits = watches->at_once >= HF_API_FEED_WATCHES_MAX;
    watches->at_once += !waits;
    watch->state_due = state && !waits;
    watch->samples_due = samples && !waits;
    watch->state_late = state && waits;
    go_on(feed);
}

void hf_feed_unwatch(struct hf_feed *feed, uint64_t number)
{
    struct hf_feed_watch *watch = find(&feed->watches, number);

    if (watch != NULL)
        forget(feed, watch);
}

void hf_feed_watches_drop(struct hf_feed *feed)
{
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++)
        forget(feed, &feed->watches.at[i]);
}

void hf_feed_watches_tick(struct hf_feed *feed, struct hf_json_out *out)
{
    hf_json_out_array(out, "watched");
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        struct hf_feed_watch *watch = &feed->watches.at[i];

        if (watch->used && watch->looked)
            hf_json_out_u64(out, NULL, watch->number);
        watch->looked = false;
    }
    hf_json_out_end(out);
}
