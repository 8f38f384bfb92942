/* app/media_worker.c - the media plane as workers see it: orders of calls, watchers, and what comes back by the worker's mailbox. */
#include <stdio.h>
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"

enum { FREE_FOR_OPEN = 3, FREE_FOR_ANSWERED = 1, ENTRIES_PER_LEG = 4 };

unsigned hf_media_entries(const struct hf_media *media)
{
    return ENTRIES_PER_LEG * media->options.legs_max + 2 * media->options.views_max;
}

static struct hf_media_order *order_new(enum hf_media_order_kind kind, uint64_t token)
{
    struct hf_media_order *order = calloc(1, sizeof(*order));

    if (order != NULL) {
        order->kind = (uint8_t)kind;
        order->token = token;
    }
    return order;
}

static bool keep(char *out, size_t room, struct hf_slice text)
{
    if (text.bytes >= room)
        return false;
    if (text.bytes > 0)
        memcpy(out, text.at, text.bytes);
    out[text.bytes] = '\0';
    return true;
}

static struct hf_mailbox *mailbox_of(struct hf_media *media, uint64_t token)
{
    unsigned worker = (unsigned)(token >> HF_MEDIA_TOKEN_WORKER_SHIFT);

    HF_ASSERT(token != 0 && worker < media->workers);
    return media->from[worker];
}

/* A close must always find room: opens leave some for three orders of every leg, answers for one. */
static bool has_room(struct hf_media *media, struct hf_mailbox *mailbox, unsigned orders_per_leg)
{
    return hf_mailbox_free_entries(mailbox) >
           orders_per_leg * media->options.legs_max + 2 * media->options.views_max;
}

static hf_err order_open(void *context, uint64_t token, const struct hf_gb_media_request *request)
{
    struct hf_media *media = context;
    struct hf_mailbox *mailbox = mailbox_of(media, token);
    struct hf_media_order *order;

    if (!has_room(media, mailbox, FREE_FOR_OPEN))
        return HF_ERR_BUSY;
    order = order_new(HF_MEDIA_ORDER_OPEN, token);
    if (order == NULL || (order->leg = calloc(1, sizeof(*order->leg))) == NULL) {
        free(order);
        return HF_ERR_NOMEM;
    }
    order->request = *request;
    if (!keep(order->device, sizeof(order->device), request->device) ||
        !keep(order->channel, sizeof(order->channel), request->channel) ||
        hf_mailbox_post(mailbox, hf_media_tag(order, HF_MEDIA_ORDER)) != HF_OK) {
        free(order->leg);
        free(order);
        return HF_ERR_LIMIT;
    }
    return HF_OK;
}

static union hf_address address_of(struct hf_slice host, uint16_t port)
{
    char text[HF_SOCKET_TEXT_MAX];
    union hf_address address = {.any.sa_family = AF_UNSPEC};

    if (host.bytes == 0 || host.bytes > 45 || port == 0)
        return address;
    bool v6 = memchr(host.at, ':', host.bytes) != NULL;

    snprintf(text, sizeof(text), v6 ? "[%.*s]:%u" : "%.*s:%u", (int)host.bytes, host.at, (unsigned)port);
    if (hf_address_parse(text, &address) != HF_OK)
        address.any.sa_family = AF_UNSPEC; /* a name, or nonsense: where packets come from counts */
    return address;
}

static void order_answered(void *context, uint64_t token, const struct hf_gb_media_answer *answer)
{
    struct hf_media *media = context;
    struct hf_mailbox *mailbox = mailbox_of(media, token);
    struct hf_media_order *order =
        has_room(media, mailbox, FREE_FOR_ANSWERED) ? order_new(HF_MEDIA_ORDER_ANSWERED, token) : NULL;

    if (order == NULL)
        return; /* as an answer that was lost: packets that come are believed all the same */
    order->peer = address_of(answer->host, answer->port);
    order->ssrc = answer->ssrc;
    order->transport = answer->transport;
    order->payload_type = answer->payload_type;
    if (!keep(order->format, sizeof(order->format), answer->format))
        order->format[0] = '\0';
    if (hf_mailbox_post(mailbox, hf_media_tag(order, HF_MEDIA_ORDER)) != HF_OK)
        free(order);
}

static void order_close(void *context, uint64_t token)
{
    struct hf_media *media = context;
    hf_err err = hf_mailbox_post(mailbox_of(media, token), hf_media_close_of(token));

    HF_ASSERT(err == HF_OK); /* opens and answers left room */
}

const struct hf_gb_media_ops hf_media_ops = {
    .open = order_open, .answered = order_answered, .close = order_close};

hf_err hf_media_relay(struct hf_media *media, uint64_t token, const union hf_address *to, bool on)
{
    struct hf_mailbox *mailbox = mailbox_of(media, token);
    struct hf_media_order *order;

    if (!has_room(media, mailbox, FREE_FOR_ANSWERED))
        return HF_ERR_BUSY;
    order = order_new(HF_MEDIA_ORDER_RELAY, token);
    if (order == NULL)
        return HF_ERR_NOMEM;
    order->peer = *to;
    order->on = on;
    hf_err err = hf_mailbox_post(mailbox, hf_media_tag(order, HF_MEDIA_ORDER));
    if (err != HF_OK)
        free(order);
    return err == HF_OK ? HF_OK : HF_ERR_BUSY;
}

/* Numeric, with a port; not "any". */
static bool target_of(struct hf_slice text, union hf_address *ret_to)
{
    char storage[HF_SOCKET_TEXT_MAX];

    if (!keep(storage, sizeof(storage), text) || hf_address_parse(storage, ret_to) != HF_OK ||
        hf_address_port(ret_to) == 0)
        return false;
    return ret_to->any.sa_family == AF_INET6 ? !IN6_IS_ADDR_UNSPECIFIED(&ret_to->v6.sin6_addr)
                                             : ret_to->v4.sin_addr.s_addr != INADDR_ANY;
}

hf_err hf_view_new(struct hf_media *media, unsigned worker, const struct hf_view_request *request,
                   void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk),
                   void *user, struct hf_view **ret_view)
{
    struct hf_view *view;

    if (atomic_fetch_add(&media->views, 1) >= media->options.views_max) {
        atomic_fetch_sub(&media->views, 1);
        return HF_ERR_LIMIT;
    }
    view = calloc(1, sizeof(*view));
    if (view == NULL || !keep(view->tenant, sizeof(view->tenant), request->tenant) ||
        !keep(view->device, sizeof(view->device), request->device) ||
        !keep(view->channel, sizeof(view->channel), request->channel)) {
        hf_err err = view == NULL ? HF_ERR_NOMEM : HF_ERR_INVALID;

        atomic_fetch_sub(&media->views, 1);
        free(view);
        return err;
    }
    if (request->form == HF_VIEW_RTP && !target_of(request->to, &view->to)) {
        atomic_fetch_sub(&media->views, 1);
        free(view);
        return HF_ERR_INVALID;
    }
    if (request->sound.bytes > 0 && (view->sound = malloc(request->sound.bytes)) == NULL) {
        atomic_fetch_sub(&media->views, 1);
        free(view);
        return HF_ERR_NOMEM;
    }
    if (request->sound.bytes > 0)
        memcpy(view->sound, request->sound.at, request->sound.bytes);
    view->sound_bytes = request->sound.bytes;
    view->sound_codec = request->sound_codec;
    view->sound_last = request->sound_last;
    view->media = media;
    view->worker = worker;
    view->form = request->form;
    view->picture_in_head = request->picture_in_head;
    view->kind = request->kind;
    view->on_chunk = on_chunk;
    view->user = user;
    hf_list_init(&view->node);
    *ret_view = view;
    return HF_OK;
}

/* A watcher is in the mailbox twice at most: its wish, and that it left. */
static void post_view(struct hf_view *view, unsigned bits)
{
    hf_err err = hf_mailbox_post(view->media->from[view->worker], hf_media_tag(view, bits));

    HF_ASSERT(err == HF_OK);
}

void hf_view_ask(struct hf_view *view)
{
    HF_ASSERT(!view->asked && !view->closed);
    view->asked = true;
    post_view(view, HF_MEDIA_VIEW);
}

void hf_view_drop(struct hf_view *view)
{
    HF_ASSERT(!view->closed);
    view->closed = true;
    post_view(view, HF_MEDIA_LEFT);
}

void hf_media_arrived(void *message, hf_media_told_fn *on_told, void *context)
{
    unsigned bits;
    void *at = hf_media_untag(message, &bits);
    struct hf_media_tell *tell = at;
    struct hf_view *view = at;

    switch (bits) {
    case HF_MEDIA_ORDER:
        on_told(context, tell->tenant, &tell->told);
        free(tell);
        break;
    case HF_MEDIA_VIEW:
        view->asked = false;
        if (!view->closed) /* it may have left meanwhile: then it comes once more */
            view->on_chunk(view, view->user, &view->chunk);
        break;
    case HF_MEDIA_LEFT:
        HF_ASSERT(view->closed);
        hf_media_view_free(view);
        break;
    default: HF_UNREACHABLE();
    }
}
