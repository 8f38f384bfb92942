/* adapter/api/cameras_live.c - GET /v1/cameras/{}/{}/live.ps, .flv, .mp4, .rtp, snapshot.jpg, media: a channel as it is now; POST sound: what is said to it. The next chunk is asked for when the kernel has taken the one before, as with events. Where nobody
 * pulls the channel the device is asked to Play first; the head of the answer waits for the first bytes, so that whatever goes wrong before is a problem document. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/api/stream.h"
#include "codec/ps/es.h"

enum {
    PLAY_WAIT_MS = 15000,
    ID_BYTES_MAX = 64,
    TO_BYTES_MAX = 64,
    TYPE_BYTES_MAX = 160,
    KIND_TALK = 3 /* of hf_view_request */
};

struct live { /* first: the stream, which is freed with free() */
    struct hf_api_stream stream;
    struct hf_view *view;
    enum hf_view_form form;
    bool begun; /* the head is out */
};

static struct live *live_of(struct hf_api_stream *stream)
{
    return HF_CONTAINER_OF(stream, struct live, stream);
}

/* ---- answers ---- */

static const char *content_type(enum hf_view_form form)
{
    switch (form) {
    case HF_VIEW_PS: return "video/mp2p";
    case HF_VIEW_FLV: return "video/x-flv";
    case HF_VIEW_MP4: return "video/mp4";
    case HF_VIEW_JPEG: return "image/jpeg";
    case HF_VIEW_RTP: return "application/jsonl";
    case HF_VIEW_STATS:
    case HF_VIEW_SPEAK: return "application/json";
    }
    return "application/octet-stream";
}

/* Of sound. False: the others' words will do. */
static bool fail_talk(struct hf_api_request *request, hf_err err)
{
    struct hf_api_trouble trouble = {.reason = HF_REASON_NOT_FOUND};

    switch (err) {
    case HF_ERR_UNSUPPORTED:
        trouble.reason = HF_REASON_UNSUPPORTED_DATA;
        hf_api_fail(request, &trouble,
                    "the talk has the other codec of G.711 (format, in the result of talk)");
        return true;
    case HF_ERR_NOT_FOUND:
        hf_api_fail(request, &trouble,
                    "there is no talk with this channel that goes through the gateway; POST talk begins one");
        return true;
    case HF_ERR_TIMEOUT:
        trouble.reason = HF_REASON_DEADLINE_EXCEEDED;
        hf_api_fail(request, &trouble,
                    "the camera made no connection for the sound in time (media.start_ms)");
        return true;
    case HF_ERR_EXISTS:
        trouble.reason = HF_REASON_IN_PROGRESS;
        hf_api_fail(request, &trouble, "somebody else is speaking");
        return true;
    case HF_ERR_CLOSED:
        hf_api_fail(request, &trouble, "the talk ended before all of it was taken");
        return true;
    default: return false;
    }
}

static void fail(struct hf_api_request *request, enum hf_view_form form, hf_err err)
{
    struct hf_api_trouble trouble = {.reason = HF_REASON_INTERNAL_ERROR};

    if (form == HF_VIEW_SPEAK && fail_talk(request, err))
        return;
    switch (err) {
    case HF_ERR_UNSUPPORTED:
        trouble.reason = HF_REASON_NOT_IMPLEMENTED;
        trouble.status = 415;
        hf_api_fail(request, &trouble,
                    form == HF_VIEW_FLV
                        ? "this channel's video has no place in FLV; ask for live.mp4 or live.ps"
                        : "this channel's stream cannot be sent in this form; live.ps takes the most");
        return;
    case HF_ERR_TIMEOUT:
        trouble.reason = HF_REASON_DEADLINE_EXCEEDED;
        hf_api_fail(request, &trouble, "no key frame came in time (media.start_ms)");
        return;
    case HF_ERR_LIMIT:
    case HF_ERR_BUSY:
        trouble.reason = HF_REASON_BUSY;
        hf_api_fail(request, &trouble, "too many watchers, or pictures at work (media.views_max)");
        return;
    case HF_ERR_MALFORMED:
        trouble.status = 502;
        hf_api_fail(request, &trouble, "the channel's parameter sets or its picture cannot be decoded");
        return;
    case HF_ERR_NOT_FOUND:
        trouble.reason = HF_REASON_NOT_FOUND;
        hf_api_fail(request, &trouble, "nobody pulls this channel, or no session of this kind is there");
        return;
    default: hf_api_fail_err(request, err); return;
    }
}

/* ---- the stream ---- */

static bool ready(const struct hf_api_stream *stream)
{
    const struct live *live = HF_CONTAINER_OF(stream, struct live, stream);

    return !live->begun || hf_http_stream_ready(stream->request->exchange);
}

static bool write_bytes(struct hf_api_stream *stream, struct hf_slice data)
{
    return hf_http_stream_write(stream->request->exchange, data) == HF_OK;
}

static void end(struct hf_api_stream *stream, enum hf_reason reason)
{
    struct live *live = live_of(stream);

    if (live->begun)
        hf_http_stream_end(stream->request->exchange);
    else
        hf_api_fail(stream->request, &(struct hf_api_trouble){.reason = reason},
                    "ended before the first picture came");
}

static void idle(struct hf_api_stream *stream)
{
    (void)stream; /* nothing can be put in between */
}

static void next(struct hf_api_stream *stream)
{
    stream->request->api->backend->ops->view_next(live_of(stream)->view);
}

static void drop(struct hf_api_stream *stream)
{
    stream->request->api->backend->ops->view_close(live_of(stream)->view);
}

static const struct hf_api_stream_ops live_ops = {
    .ready = ready, .write = write_bytes, .end = end, .idle = idle, .next = next, .drop = drop};

/* ---- asking the device ---- */

static bool says_confirmed(const struct hf_call *call)
{
    struct hf_json_field fields[1] = {HF_JSON_FIELD("confirmed")};
    bool confirmed = false;

    return call->fate == HF_FATE_DONE && call->result_bytes > 0 &&
           hf_json_scan(call->result, call->result_bytes, fields, 1, HF_JSON_DEPTH_MAX) == HF_OK &&
           hf_json_to_bool(&fields[0], &confirmed) == HF_OK && confirmed;
}

/* The media comes by itself; what went wrong is told. */
static void on_played(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    struct hf_api_trouble trouble = {.reason = call->fate_reason != HF_REASON_NONE
                                                   ? (enum hf_reason)call->fate_reason
                                                   : HF_REASON_DEVICE_REFUSED,
                                     .status = 502};

    if (says_confirmed(call))
        return;
    if (request->stream == NULL || live_of(request->stream)->begun)
        return; /* another watcher's call brought it meanwhile */
    if (!hf_fate_final(call->fate, true))
        trouble = (struct hf_api_trouble){.reason = HF_REASON_DEADLINE_EXCEEDED};
    if (call->fate_reason == HF_REASON_DEVICE_OFFLINE)
        trouble.status = 409;
    hf_api_fail(request, &trouble, "the channel could not be called: %.*s",
                (int)HF_MIN(call->result_bytes, (size_t)512),
                call->result_bytes > 0 ? (const char *)call->result : hf_fate_name(call->fate));
}

static void play(struct hf_api_request *request)
{
    struct hf_call wish = {
        .class = HF_CLASS_COMMAND, .topic = HF_SLICE("Play"), .format = HF_FORMAT_JSON, .wait = true};
    char payload[ID_BYTES_MAX + 64];

    wish.device = hf_api_argument(request, 0);
    wish.wait_ms = wish.ttl_ms = HF_MIN((uint64_t)PLAY_WAIT_MS, request->api->limits.wait_ms_max);
    snprintf(payload, sizeof(payload), "{\"channel\":\"%.*s\",\"until_unwatched\":true}",
             (int)hf_api_argument(request, 1).bytes,
             hf_api_argument(request, 1).at); /* an id: nothing to be escaped */
    wish.payload = hf_slice_of(payload);
    hf_api_new_id(request, wish.id);
    hf_api_call(request, hf_api_call_new(request, HF_CALL_SEND, &wish), on_played);
}

/* ---- chunks ---- */

/* A MediaSource has to be told what MP4 holds; only the type of the answer can tell. */
static const char *full_type(const struct live *live, const struct hf_view_chunk *chunk,
                             char out[TYPE_BYTES_MAX])
{
    if (chunk->codecs == NULL)
        return content_type(live->form);
    snprintf(out, TYPE_BYTES_MAX, "%s; codecs=\"%s\"", content_type(live->form), chunk->codecs);
    return out;
}

/* False: the request is over. */
static bool begin_answer(struct live *live, const struct hf_view_chunk *chunk)
{
    char type[TYPE_BYTES_MAX];
    static const struct hf_http1_header headers[] = {{HF_SLICE("X-Accel-Buffering"), HF_SLICE("no")}};
    struct hf_http_answer head = {.status = 200,
                                  .content_type = full_type(live, chunk, type),
                                  .headers = headers,
                                  .header_count = HF_COUNT_OF(headers)};

    live->begun = true;
    return hf_http_stream_begin(live->stream.request->exchange, &head);
}

static void take_chunk(struct live *live, const struct hf_view_chunk *chunk)
{
    struct hf_api_stream *stream = &live->stream;
    struct hf_api_request *request = stream->request;

    if (chunk->absent)
        play(request);
    if (request->stream == NULL)
        return; /* answered with a problem, or gone */
    if (chunk->bytes > 0) {
        request->api->stats.events_bytes += chunk->bytes;
        stream->written_ms = request->api->http->now_ms;
        if ((!live->begun && !begin_answer(live, chunk)) ||
            !stream->ops->write(stream, (struct hf_slice){(const char *)chunk->data, chunk->bytes}))
            return;
    }
    if (!chunk->end)
        hf_api_stream_go_on(stream);
    else if (live->begun && chunk->err == HF_OK)
        hf_http_stream_end(request->exchange);
    else if (live->begun)
        hf_http_stream_abort(request->exchange); /* who watches must see that it is cut */
    else
        fail(request, live->form, chunk->err == HF_OK ? HF_ERR_TIMEOUT : chunk->err);
}

static void on_chunk(struct hf_view *view, void *user, const struct hf_view_chunk *chunk)
{
    struct live *live = user;
    struct hf_api_request *request = live->stream.request;

    (void)view;
    hf_api_enter(request);
    live->stream.asked = false;
    take_chunk(live, chunk);
    hf_api_leave(request);
}

/* ---- the routes ---- */

static bool id_ok(struct hf_api_request *request, const char *field, struct hf_slice id)
{
    return hf_id_valid(id, ID_BYTES_MAX) ||
           hf_api_bad(request, field, "%s must be an id of 1 to %d of A-Z a-z 0-9 . _ : @ -", field,
                      ID_BYTES_MAX);
}

static bool take_kind(struct hf_api_request *request, enum hf_view_form form, uint8_t *ret_kind)
{
    static const char *const kinds[] = {"play", "playback", "download", "talk"};
    struct hf_slice text;
    char storage[16];

    if (!hf_api_param(request, "kind", storage, sizeof(storage), &text))
        return false;
    for (size_t i = 0; i < (form == HF_VIEW_STATS ? 4u : 3u); i++)
        if (text.at == NULL || hf_slice_is(text, kinds[i])) {
            *ret_kind = (uint8_t)i;
            return true;
        }
    return hf_api_bad(request, "kind",
                      form == HF_VIEW_STATS ? "kind must be play, playback, download or talk"
                                            : "kind must be play, playback or download");
}

static struct hf_view_request wish_of(const struct hf_api_request *request, enum hf_view_form form)
{
    return (struct hf_view_request){.tenant = request->tenant,
                                    .device = hf_api_argument(request, 0),
                                    .channel = hf_api_argument(request, 1),
                                    .form = form,
                                    .picture_in_head = form == HF_VIEW_MP4 && request->has_range};
}

static void open_view(struct hf_api_request *request, const struct hf_view_request *asked)
{
    struct hf_api *api = request->api;
    struct hf_view_request wish = *asked;
    enum hf_view_form form = wish.form;
    struct live *live;

    if (!id_ok(request, "camera", wish.device) || !id_ok(request, "channel", wish.channel))
        return;
    if (api->stats.readers_now >= api->limits.readers_max) {
        api->stats.readers_refused++;
        fail(request, form, HF_ERR_LIMIT);
        return;
    }
    live = calloc(1, sizeof(*live));
    hf_err err = live == NULL
                     ? HF_ERR_NOMEM
                     : api->backend->ops->view_open(api->backend, &wish, on_chunk, live, &live->view);

    if (err == HF_ERR_UNSUPPORTED)
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_IMPLEMENTED},
                    "this gateway takes no media in (gb28181.enabled, media.enabled)");
    else if (err == HF_ERR_INVALID)
        (void)hf_api_bad(request, "to", "to must be a numeric address and port, such as 192.0.2.1:40000");
    else if (err != HF_OK)
        fail(request, form, err);
    if (err != HF_OK) {
        free(live);
        return;
    }
    live->form = form;
    if (form == HF_VIEW_SPEAK) /* no command of its own: the talk was asked for by another request */
        hf_api_audit_request(request, "camera.sound", "device", wish.device);
    hf_api_stream_add(request, &live->stream, &live_ops);
    hf_api_stream_go_on(&live->stream);
}

static void watch(struct hf_api_request *request, enum hf_view_form form)
{
    struct hf_view_request wish = wish_of(request, form);
    char to[TO_BYTES_MAX];

    if ((form != HF_VIEW_RTP || hf_api_param(request, "to", to, sizeof(to), &wish.to)) &&
        take_kind(request, form, &wish.kind))
        open_view(request, &wish);
}

/* Raw G.711: what its name says, or the type that everybody uses for the other law. */
static bool take_codec(struct hf_api_request *request, uint8_t *ret_codec)
{
    static const struct {
        const char *type;
        enum hf_es_codec codec;
    } rows[] = {{"audio/PCMA", HF_ES_G711A}, {"audio/PCMU", HF_ES_G711U}, {"audio/basic", HF_ES_G711U}};
    const char *semicolon = request->content_type.bytes > 0
                                ? memchr(request->content_type.at, ';', request->content_type.bytes)
                                : NULL;
    struct hf_slice type = {request->content_type.at, semicolon != NULL
                                                          ? (size_t)(semicolon - request->content_type.at)
                                                          : request->content_type.bytes};

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_slice_eq_nocase(hf_slice_trim(type), hf_slice_of(rows[i].type))) {
            *ret_codec = (uint8_t)rows[i].codec;
            return true;
        }
    hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_UNSUPPORTED_DATA},
                "sound is G.711, 8,000 bytes a second: audio/PCMA, or audio/PCMU");
    return false;
}

/* It is answered when its last byte has found room: whoever sends faster than it is heard waits for the answer. */
void hf_api_channel_sound(struct hf_api_request *request)
{
    struct hf_view_request wish = wish_of(request, HF_VIEW_SPEAK);

    wish.kind = KIND_TALK;
    wish.sound = request->body;
    if (take_codec(request, &wish.sound_codec) && hf_api_param_bool(request, "last", &wish.sound_last))
        open_view(request, &wish);
}

void hf_api_live_ps(struct hf_api_request *request)
{
    watch(request, HF_VIEW_PS);
}

void hf_api_live_flv(struct hf_api_request *request)
{
    watch(request, HF_VIEW_FLV);
}

void hf_api_live_mp4(struct hf_api_request *request)
{
    watch(request, HF_VIEW_MP4);
}

void hf_api_snapshot(struct hf_api_request *request)
{
    watch(request, HF_VIEW_JPEG);
}

/* Packets go to an address while the request is open: whoever asks pays with a connection, and nothing can be forgotten. */
void hf_api_live_rtp(struct hf_api_request *request)
{
    watch(request, HF_VIEW_RTP);
}

void hf_api_channel_media(struct hf_api_request *request)
{
    watch(request, HF_VIEW_STATS);
}
