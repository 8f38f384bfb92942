/* app/media_view.c - who watches by HTTP. A watcher has its queue of units, a muxer, and one chunk, which its worker asks for when the kernel has taken the one before:
 *
 *   wish -> leg there?  no: absent, waiting for it    units -> queue -> (asked for) muxer -> chunk -> worker */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"

enum { RELAY_LINE_MS = 1000 };

static bool write_data(void *context, const uint8_t *data, size_t bytes)
{
    struct hf_view *view = context;

    if (view->room - view->bytes < bytes) {
        size_t room = HF_MAX(view->room, (size_t)HF_MEDIA_CHUNK_BYTES);

        while (room - view->bytes < bytes)
            room *= 2;
        uint8_t *grown = realloc(view->data, room);

        if (grown == NULL)
            return false;
        view->data = grown;
        view->room = room;
    }
    memcpy(view->data + view->bytes, data, bytes);
    view->bytes += bytes;
    return true;
}

static void give(struct hf_view *view, bool absent, bool end)
{
    HF_ASSERT(view->wants);
    view->wants = false;
    view->chunk = (struct hf_view_chunk){.data = view->data,
                                         .bytes = view->bytes,
                                         .codecs = view->mux != NULL ? hf_media_mux_codecs(view->mux) : NULL,
                                         .absent = absent,
                                         .end = end,
                                         .err = end ? view->err : HF_OK};
    view->media->stats.view_bytes += view->bytes;
    hf_media_view_give(view);
}

static void end(struct hf_view *view, hf_err err)
{
    if (!view->ended)
        view->err = err;
    view->ended = true;
}

/* ---- units to bytes ---- */

/* The file's head names its sound. Of a stream that has only begun it may not have been heard yet, though its map announces it. */
static bool sound_is_known(const struct hf_media_leg *leg, uint64_t now_ms)
{
    bool announced = leg->ps != NULL && leg->ps->audio_id == 0;

    for (unsigned id = 0xc0; announced && id <= 0xdf; id++)
        if (leg->ps->types[id] != HF_ES_UNKNOWN)
            return leg->sound != NULL || now_ms - leg->first_unit_ms >= HF_MEDIA_REVEAL_MS;
    return true;
}

static hf_err mux(struct hf_view *view, struct hf_media_unit *unit)
{
    hf_err err = HF_OK;

    if (view->mux == NULL) {
        err = hf_media_mux_new(view->form, view->picture_in_head, write_data, view, &view->mux);
        if (err == HF_OK)
            err = hf_media_mux_begin(view->mux, unit, view->leg != NULL ? view->leg->sound : NULL);
    }
    return err == HF_OK ? hf_media_mux_unit(view->mux, unit) : err;
}

static void serve_picture(struct hf_view *view)
{
    struct hf_media_unit *unit;

    while (!view->snapping && !view->ended && (unit = hf_media_queue_pop(&view->queue)) != NULL) {
        if (unit->key && !unit->audio) {
            hf_err err = hf_media_snap(view->media->snaps, view, unit);

            view->snapping = err == HF_OK;
            if (err != HF_OK)
                end(view, err);
        }
        hf_media_unit_unref(unit);
    }
    if (!view->snapping && view->ended)
        give(view, false, true);
}

static bool is_relay(const struct hf_view *view)
{
    return view->form == HF_VIEW_RTP;
}

/* A line a second while packets go. */
static void serve_relay(struct hf_view *view)
{
    uint64_t now_ms = view->media->loop->now_ms;
    char text[HF_MEDIA_REPORT_BYTES_MAX];

    if (view->ended) {
        give(view, false, true);
    } else if (view->leg != NULL && view->leg->heard && now_ms - view->reported_ms >= RELAY_LINE_MS) {
        view->reported_ms = now_ms;
        if (!write_data(view, (const uint8_t *)text, hf_media_report(view->leg, &view->to, text)))
            end(view, HF_ERR_NOMEM);
        give(view, false, view->ended);
    }
}

static void serve(struct hf_view *view)
{
    struct hf_media_unit *unit;

    if (!view->wants || !view->known)
        return;
    if (is_relay(view)) {
        serve_relay(view);
        return;
    }
    if (view->form == HF_VIEW_JPEG) {
        serve_picture(view);
        return;
    }
    if (view->form == HF_VIEW_SPEAK) {
        if (view->ended)
            give(view, false, true);
        return;
    }
    if (view->mux == NULL && view->leg != NULL && !sound_is_known(view->leg, view->media->loop->now_ms))
        return;
    while (view->err == HF_OK && view->bytes < HF_MEDIA_CHUNK_BYTES &&
           (unit = hf_media_queue_pop(&view->queue)) != NULL) {
        hf_err err = mux(view, unit);

        hf_media_unit_unref(unit);
        if (err != HF_OK) {
            view->err = err;
            view->ended = true;
        }
    }
    if (view->bytes > 0)
        give(view, false, false); /* the end comes by a chunk of its own */
    else if (view->ended)
        give(view, false, true);
}

void hf_media_snap_done(struct hf_view *view, hf_err err, uint8_t *jpeg, size_t bytes)
{
    view->snapping = false;
    if (view->left) {
        free(jpeg);
        hf_media_view_let_go(view);
        return;
    }
    if (err == HF_OK && !write_data(view, jpeg, bytes))
        err = HF_ERR_NOMEM;
    free(jpeg);
    if (err == HF_OK)
        view->media->stats.snapshots++;
    else
        view->media->stats.snapshots_failed++;
    end(view, err);
    give(view, false, true);
}

/* ---- joining and leaving ---- */

static void attach(struct hf_view *view, struct hf_media_leg *leg)
{
    view->leg = leg;
    hf_list_push_back(&leg->views, &view->node);
    leg->view_count++;
    leg->unwatched_ms = 0;
    if (is_relay(view)) {
        if (!hf_media_leg_relay(leg, &view->to, true)) {
            view->relays = false;
            end(view, HF_ERR_LIMIT);
        } else {
            view->relays = true;
        }
        return;
    }
    leg->unit_views++;
    if (leg->gop.complete)
        for (uint32_t i = 0; i < leg->gop.count; i++)
            hf_media_queue_push(&view->queue, leg->gop.units[i], true);
}

static void report_once(struct hf_view *view, const struct hf_media_leg *leg)
{
    char text[HF_MEDIA_REPORT_BYTES_MAX];

    if (leg == NULL)
        end(view, HF_ERR_NOT_FOUND);
    else if (!write_data(view, (const uint8_t *)text, hf_media_report(leg, NULL, text)))
        end(view, HF_ERR_NOMEM);
    else
        end(view, HF_OK);
}

static void speak(struct hf_view *view, struct hf_media_leg *leg)
{
    hf_err err = leg == NULL ? HF_ERR_NOT_FOUND : hf_media_voice_speak(leg, view);

    if (err != HF_OK)
        end(view, err);
}

void hf_media_view_spoke(struct hf_view *view, const struct hf_media_leg *leg, hf_err err)
{
    if (err == HF_OK)
        report_once(view, leg);
    else
        end(view, err);
    serve(view);
}

static void begin(struct hf_view *view)
{
    struct hf_media *media = view->media;
    struct hf_media_leg *leg = hf_media_channel(media, hf_slice_of(view->tenant), hf_slice_of(view->device),
                                                hf_slice_of(view->channel), view->kind);

    view->known = true;
    view->begun_ms = media->loop->now_ms;
    media->stats.views_opened++;
    if (hf_media_queue_init(&view->queue, media->options.queue_units_max, media->options.queue_bytes_max) !=
        HF_OK)
        end(view, HF_ERR_NOMEM);
    else if (view->form == HF_VIEW_STATS)
        report_once(view, leg);
    else if (view->form == HF_VIEW_SPEAK)
        speak(view, leg);
    else if (leg != NULL && leg->raw && !is_relay(view))
        end(view, HF_ERR_UNSUPPORTED); /* no program stream */
    else if (leg != NULL)
        attach(view, leg);
    else if (view->kind != HF_MEDIA_KIND_LIVE)
        end(view, HF_ERR_NOT_FOUND); /* it cannot be asked for here */
    else
        hf_list_push_back(&media->waiting, &view->node);
}

void hf_media_view_asked(struct hf_view *view)
{
    HF_ASSERT(!view->wants && !view->left);
    view->wants = true;
    view->bytes = 0;
    if (view->room >
        16 * HF_MEDIA_CHUNK_BYTES) { /* one large key frame does not cost its watcher memory for ever */
        free(view->data);
        view->data = NULL;
        view->room = 0;
    }
    if (!view->known)
        begin(view);
    if (!view->ended && view->leg == NULL && !view->told_absent && view->form != HF_VIEW_SPEAK) {
        view->told_absent = true;
        give(view, true, false);
    }
    serve(view);
}

static void detach(struct hf_view *view)
{
    struct hf_media_leg *leg = view->leg;

    hf_list_remove(&view->node);
    view->leg = NULL;
    if (leg == NULL)
        return;
    HF_ASSERT(leg->view_count > 0);
    leg->view_count--;
    if (view->relays)
        (void)hf_media_leg_relay(leg, &view->to, false);
    leg->unit_views -= !is_relay(view);
    view->relays = false;
    hf_media_leg_unwatched(leg);
}

void hf_media_view_left(struct hf_view *view)
{
    detach(view);
    hf_media_voice_left(view);
    view->media->stats.view_units_lost += view->queue.lost - view->lost_before;
    hf_media_mux_free(view->mux);
    hf_media_queue_deinit(&view->queue);
    view->mux = NULL;
    view->left = true;
    view->wants = false;
    if (!view->snapping)
        hf_media_view_let_go(view);
}

void hf_media_view_free(struct hf_view *view)
{
    atomic_fetch_sub(&view->media->views, 1);
    free(view->data);
    free(view->sound);
    free(view);
}

/* ---- from the leg ---- */

void hf_media_view_unit(struct hf_media_leg *leg, struct hf_media_unit *unit, bool has_video)
{
    for (struct hf_list_node *at = leg->views.next, *next; at != &leg->views; at = next) {
        struct hf_view *view = HF_CONTAINER_OF(at, struct hf_view, node);

        next = at->next;
        if (is_relay(view))
            continue;
        hf_media_queue_push(&view->queue, unit, has_video);
        leg->media->stats.view_units_lost += view->queue.lost - view->lost_before;
        view->lost_before = view->queue.lost;
        serve(view);
    }
}

void hf_media_views_attach(struct hf_media_leg *leg)
{
    struct hf_media *media = leg->media;

    for (struct hf_list_node *at = media->waiting.next, *next; at != &media->waiting; at = next) {
        struct hf_view *view = HF_CONTAINER_OF(at, struct hf_view, node);

        next = at->next;
        if (hf_media_channel(media, hf_slice_of(view->tenant), hf_slice_of(view->device),
                             hf_slice_of(view->channel), view->kind) != leg)
            continue;
        hf_list_remove(&view->node);
        attach(view, leg);
    }
}

/* The leg ends: who has watched gets what waits, then the end. Who has seen nothing yet goes to the one before it, if there is one, or waits on: for another call, for the answer to its own, or for its time. */
void hf_media_views_end(struct hf_media_leg *leg)
{
    struct hf_media_leg *other = hf_media_channel(leg->media, leg->tenant->name, hf_slice_of(leg->device),
                                                  hf_slice_of(leg->channel), leg->kind);
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&leg->views)) != NULL) {
        struct hf_view *view = HF_CONTAINER_OF(node, struct hf_view, node);

        bool begun = is_relay(view) ? leg->heard : view->queue.begun;

        view->leg = NULL;
        view->relays = false; /* the leg's consumers go with it */
        leg->view_count--;
        leg->unit_views -= !is_relay(view);
        if (!begun && !view->ended && other != NULL) {
            attach(view, other);
            continue;
        }
        if (!begun && !view->ended && view->kind == HF_MEDIA_KIND_LIVE) {
            hf_list_push_back(&leg->media->waiting, &view->node);
            if (view->wants && !view->told_absent) { /* it had found a call, and has none now */
                view->told_absent = true;
                give(view, true, false);
            }
            continue;
        }
        end(view, begun ? HF_OK : HF_ERR_TIMEOUT);
        serve(view);
    }
}

static void look(struct hf_view *view, uint64_t now_ms)
{
    bool begun = is_relay(view) ? view->leg != NULL && view->leg->heard : view->queue.begun;

    if (!view->ended && !begun && now_ms - view->begun_ms >= view->media->options.start_ms) {
        view->media->stats.views_timed_out++;
        end(view, HF_ERR_TIMEOUT);
    } else if (!view->ended && view->leg != NULL && view->leg->raw && !is_relay(view)) {
        end(view, HF_ERR_UNSUPPORTED); /* the answer named another format */
    }
    if (view->ended || view->mux == NULL)
        serve(view);
}

void hf_media_views_sweep(struct hf_media *media, uint64_t now_ms)
{
    for (struct hf_list_node *at = media->waiting.next, *next; at != &media->waiting; at = next) {
        next = at->next;
        look(HF_CONTAINER_OF(at, struct hf_view, node), now_ms);
    }
    for (struct hf_list_node *at = media->legs.next; at != &media->legs; at = at->next) {
        struct hf_media_leg *leg = HF_CONTAINER_OF(at, struct hf_media_leg, node);

        for (struct hf_list_node *v = leg->views.next, *next; v != &leg->views; v = next) {
            next = v->next;
            look(HF_CONTAINER_OF(v, struct hf_view, node), now_ms);
        }
    }
}
