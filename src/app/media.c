/* app/media.c - the media thread: what workers order, what they are told, the turn. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "base/hash.h"
#include "io/entropy.h"

/* ORDER: also a tell. VIEW: a wish for a chunk, and a chunk. LEFT: the watcher has left, and: the thread has let go of it. */
enum { TAG_ORDER, TAG_VIEW, TAG_LEFT, TAG_BITS = 3, TOKEN_WORKER_SHIFT = 56 };
enum { FREE_FOR_OPEN = 3, FREE_FOR_ANSWERED = 1, ENTRIES_PER_LEG = 4 };

static void *tag(void *message, unsigned bits)
{
    HF_ASSERT(((uintptr_t)message & TAG_BITS) == 0);
    return (void *)((uintptr_t)message | bits);
}

unsigned hf_media_entries(const struct hf_media *media)
{
    return ENTRIES_PER_LEG * media->options.legs_max + 2 * media->options.views_max;
}

/* ---- on workers ---- */

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
    unsigned worker = (unsigned)(token >> TOKEN_WORKER_SHIFT);

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
    if (order == NULL)
        return HF_ERR_NOMEM;
    order->request = *request;
    if (!keep(order->device, sizeof(order->device), request->device) ||
        !keep(order->channel, sizeof(order->channel), request->channel) ||
        hf_mailbox_post(mailbox, tag(order, TAG_ORDER)) != HF_OK) {
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
    if (hf_mailbox_post(mailbox, tag(order, TAG_ORDER)) != HF_OK)
        free(order);
}

static void order_close(void *context, uint64_t token)
{
    struct hf_media *media = context;
    struct hf_media_order *order = order_new(HF_MEDIA_ORDER_CLOSE, token);

    HF_ASSERT(order != NULL); /* some bytes: without them a port would be lost */
    hf_err err = hf_mailbox_post(mailbox_of(media, token), tag(order, TAG_ORDER));
    HF_ASSERT(err == HF_OK);
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
    hf_err err = hf_mailbox_post(mailbox, tag(order, TAG_ORDER));
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
    hf_err err = hf_mailbox_post(view->media->from[view->worker], tag(view, bits));

    HF_ASSERT(err == HF_OK);
}

void hf_view_ask(struct hf_view *view)
{
    HF_ASSERT(!view->asked && !view->closed);
    view->asked = true;
    post_view(view, TAG_VIEW);
}

void hf_view_drop(struct hf_view *view)
{
    HF_ASSERT(!view->closed);
    view->closed = true;
    post_view(view, TAG_LEFT);
}

void hf_media_arrived(void *message, hf_media_told_fn *on_told, void *context)
{
    void *at = (void *)((uintptr_t)message & ~(uintptr_t)TAG_BITS);
    struct hf_media_tell *tell = at;
    struct hf_view *view = at;

    switch ((uintptr_t)message & TAG_BITS) {
    case TAG_ORDER:
        on_told(context, tell->tenant, &tell->told);
        free(tell);
        break;
    case TAG_VIEW:
        view->asked = false;
        if (!view->closed) /* it may have left meanwhile: then it comes once more */
            view->on_chunk(view, view->user, &view->chunk);
        break;
    case TAG_LEFT:
        HF_ASSERT(view->closed);
        hf_media_view_free(view);
        break;
    default: HF_UNREACHABLE();
    }
}

/* ---- on the thread ---- */

void hf_media_tell(struct hf_media_leg *leg, enum hf_gb_media_tell kind, hf_err err)
{
    struct hf_media *media = leg->media;
    struct hf_media_tell *tell = calloc(1, sizeof(*tell));
    struct hf_mailbox *to = media->to[leg->token >> TOKEN_WORKER_SHIFT];

    if (tell != NULL) {
        const char *host = media->options.external_address != NULL ? media->options.external_address
                           : media->options.address != NULL        ? media->options.address
                                                                   : "";

        tell->tenant = leg->tenant;
        tell->told =
            (struct hf_gb_media_told){.token = leg->token, .tell = kind, .err = err, .port = leg->port};
        snprintf(tell->told.host, sizeof(tell->told.host), "%s", host);
    }
    /* Watchers' chunks must always find room. */
    if (tell == NULL || to == NULL || hf_mailbox_free_entries(to) <= 2 * media->options.views_max ||
        hf_mailbox_post(to, tag(tell, TAG_ORDER)) != HF_OK) {
        free(tell);
        leg->untold |= 1u << kind;
        leg->untold_err = err;
        media->stats.tells_late++;
    }
}

static void post_back(struct hf_view *view, unsigned bits)
{
    hf_err err = hf_mailbox_post(view->media->to[view->worker], tag(view, bits));

    HF_ASSERT(err == HF_OK); /* tells leave room for two of each watcher */
}

void hf_media_view_give(struct hf_view *view)
{
    post_back(view, TAG_VIEW);
}

void hf_media_view_let_go(struct hf_view *view)
{
    if (view->media->to[view->worker] != NULL)
        post_back(view, TAG_LEFT);
    else
        hf_media_view_free(view); /* the workers are gone */
}

static void take_order(struct hf_media *media, struct hf_media_order *order)
{
    struct hf_media_leg *leg = hf_media_leg_of(media, order->token);

    switch ((enum hf_media_order_kind)order->kind) {
    case HF_MEDIA_ORDER_OPEN:
        HF_ASSERT(leg == NULL); /* a token is never used twice */
        hf_media_leg_open(media, order);
        break;
    case HF_MEDIA_ORDER_ANSWERED:
        if (leg != NULL)
            hf_media_leg_answered(leg, order);
        break;
    case HF_MEDIA_ORDER_CLOSE:
        if (leg != NULL)
            hf_media_leg_close(leg);
        break;
    case HF_MEDIA_ORDER_RELAY:
        if (leg != NULL)
            (void)hf_media_leg_relay(leg, &order->peer, order->on);
        break;
    }
    free(order);
}

static void on_message(struct hf_loop *loop, unsigned mailbox, void *message)
{
    struct hf_media *media = loop->user;
    void *at = (void *)((uintptr_t)message & ~(uintptr_t)TAG_BITS);

    if (mailbox == media->workers)
        hf_media_snap_arrived(message);
    else if (((uintptr_t)message & TAG_BITS) == TAG_ORDER)
        take_order(media, at);
    else if (((uintptr_t)message & TAG_BITS) == TAG_VIEW)
        hf_media_view_asked(at);
    else
        hf_media_view_left(at);
}

/* ---- ten times a second ---- */

static uint64_t egress_refused(const struct hf_udp_fan *fan)
{
    return fan == NULL ? 0 : hf_udp_fan_stats(fan).refused + hf_udp_fan_stats(fan).errors;
}

static void measure(struct hf_media *media, uint64_t now_ms)
{
    struct hf_media_stats *stats = &media->stats;
    struct hf_media_ports_audit audit = {0};

    hf_media_ports_settle(&media->ports, now_ms);
    if (!hf_media_ports_audit(&media->ports, now_ms, &audit))
        stats->audit_failed = true; /* for good: it is a mistake of this program */
    stats->legs = media->leg_count;
    stats->units_refused = media->pool.refused;
    stats->relay_refused = egress_refused(media->egress4) + egress_refused(media->egress6);
    stats->views = atomic_load(&media->views);
    stats->ports_free = audit.free;
    stats->ports_used = audit.used;
    stats->ports_resting = audit.resting;
    stats->ports_longest_ms = audit.longest_ms;
    stats->ports_exhausted = media->ports.exhausted;
    stats->ports_skipped = media->ports.skipped;
    stats->ports_alarm = media->ports.alarm;
    pthread_mutex_lock(&media->stats_mutex);
    media->published = *stats;
    pthread_mutex_unlock(&media->stats_mutex);
    if (media->ports.alarm != media->alarm_logged) {
        media->alarm_logged = media->ports.alarm;
        hf_log(media->logger, media->ports.alarm ? HF_LOG_MEDIA_PORTS_SHORT : HF_LOG_MEDIA_PORTS_CALM,
               HF_F_U64("used", media->ports.used), HF_F_U64("resting", media->ports.resting),
               HF_F_U64("ports", media->ports.pairs), HF_F_END);
    }
}

static void on_sweep(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_media *media = HF_CONTAINER_OF(timer, struct hf_media, sweep);

    hf_wheel_arm(&media->loop->wheel, timer, now_ms + HF_MEDIA_SWEEP_MS);
    media->stats.bits_per_s = 0;
    media->stats.connections_now = 0;
    for (struct hf_list_node *at = media->legs.next, *next; at != &media->legs; at = next) {
        struct hf_media_leg *leg = HF_CONTAINER_OF(at, struct hf_media_leg, node);

        next = at->next;
        media->stats.bits_per_s += leg->bits_per_s;
        media->stats.connections_now += leg->stream != NULL;
        hf_media_leg_sweep(leg, now_ms);
    }
    hf_media_views_sweep(media, now_ms);
    hf_media_shared_sweep(media);
    hf_media_parts_sweep(media, now_ms);
    measure(media, now_ms);
}

static void run(void *context)
{
    struct hf_media *media = context;

    hf_loop_run(media->loop);
}

void hf_media_stats(struct hf_media *media, struct hf_media_stats *ret_stats)
{
    pthread_mutex_lock(&media->stats_mutex);
    *ret_stats = media->published;
    pthread_mutex_unlock(&media->stats_mutex);
}

/* ---- life ---- */

static bool token_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_media_leg, by_token)->token == *(const uint64_t *)key;
}

struct channel_key {
    struct hf_slice tenant, device, channel;
    unsigned kind;
};

static bool channel_eq(const struct hf_map_node *node, const void *key)
{
    const struct hf_media_leg *leg = HF_CONTAINER_OF(node, struct hf_media_leg, by_channel);
    const struct channel_key *wanted = key;

    return hf_slice_eq(leg->tenant->name, wanted->tenant) && hf_slice_is(wanted->device, leg->device) &&
           hf_slice_is(wanted->channel, leg->channel) && leg->kind == wanted->kind;
}

struct hf_media_leg *hf_media_channel(struct hf_media *media, struct hf_slice tenant, struct hf_slice device,
                                      struct hf_slice channel, unsigned kind)
{
    struct channel_key key = {tenant, device, channel, kind};
    struct hf_map_node *node = hf_map_find(&media->channels, hf_device_hash(device, channel), &key);

    return node == NULL ? NULL : HF_CONTAINER_OF(node, struct hf_media_leg, by_channel);
}

struct hf_media_leg *hf_media_leg_of(struct hf_media *media, uint64_t token)
{
    struct hf_map_node *node = hf_map_find(&media->legs_by_token, token, &token);

    return node == NULL ? NULL : HF_CONTAINER_OF(node, struct hf_media_leg, by_token);
}

static hf_err bind_addresses(struct hf_media *media)
{
    const char *text = media->options.address;
    media->bind4.any.sa_family = media->bind6.any.sa_family = AF_UNSPEC;
    if (text == NULL) {
        (void)hf_address_parse("0.0.0.0:0", &media->bind4);
        return hf_address_parse("[::]:0", &media->bind6);
    }
    bool v6 = strchr(text, ':') != NULL;

    return hf_address_parse_host(text, 0, v6 ? &media->bind6 : &media->bind4) == HF_OK ? HF_OK
                                                                                       : HF_ERR_INVALID;
}

static hf_err make(struct hf_media *media)
{
    hf_err err = bind_addresses(media);

    hf_media_pool_init(&media->pool, HF_MEDIA_POOL_BYTES_MAX, HF_MEDIA_POOL_KEPT_BYTES_MAX);
    if (err == HF_OK)
        err = hf_media_ports_init(&media->ports, media->options.port_first, media->options.port_last);
    if (err != HF_OK)
        return err;
    media->loop = hf_loop_new(&(struct hf_loop_options){.streams_max = 3 * media->options.legs_max});
    media->inbox = hf_inbox_new(media->workers + 1);
    if (media->loop == NULL || media->inbox == NULL)
        return HF_ERR_NOMEM;
    for (unsigned i = 0; err == HF_OK && i < media->workers; i++)
        err = hf_inbox_add(media->inbox, hf_media_entries(media), &media->from[i]);
    if (err == HF_OK)
        err = hf_media_snaps_new(media, &media->snaps); /* which adds the last mailbox */
    media->loop->user = media;
    if (err == HF_OK)
        err = hf_media_shared_open(media);
    return err == HF_OK ? hf_loop_set_inbox(media->loop, media->inbox, on_message) : err;
}

hf_err hf_media_new(const struct hf_media_options *options, unsigned workers, struct hf_logger *logger,
                    struct hf_media **ret_media)
{
    struct hf_media *media = calloc(1, sizeof(*media));
    hf_err err;

    if (media == NULL)
        return HF_ERR_NOMEM;
    hf_media_libav_init();
    media->options = *options;
    if (media->options.part_ms == 0)
        media->options.part_ms = HF_MEDIA_PART_MS;
    media->workers = workers;
    media->logger = logger;
    media->ssrc = (uint32_t)hf_entropy_u64();
    pthread_mutex_init(&media->stats_mutex, NULL);
    hf_map_init(&media->legs_by_token, token_eq);
    hf_map_init(&media->channels, channel_eq);
    hf_list_init(&media->legs);
    hf_list_init(&media->waiting);
    hf_list_init(&media->partings);
    hf_timer_init(&media->sweep, on_sweep);
    err = make(media);
    if (err != HF_OK) {
        hf_media_free(media);
        return err;
    }
    hf_wheel_arm(&media->loop->wheel, &media->sweep, media->loop->now_ms + HF_MEDIA_SWEEP_MS);
    *ret_media = media;
    return HF_OK;
}

void hf_media_connect(struct hf_media *media, unsigned worker, struct hf_mailbox *to)
{
    media->to[worker] = to;
}

hf_err hf_media_start(struct hf_media *media)
{
    return hf_thread_start(&media->thread, "hf-media", HF_THREAD_ANY_CPU, run, media);
}

void hf_media_stop(struct hf_media *media)
{
    if (media->thread.started)
        hf_loop_stop(media->loop);
    hf_thread_join(&media->thread);
    hf_media_snaps_stop(media->snaps);
}

static void drop_message(void *context, unsigned mailbox, void *message)
{
    struct hf_media *media = context;
    void *at = (void *)((uintptr_t)message & ~(uintptr_t)TAG_BITS);

    if (mailbox == media->workers)
        hf_media_snap_arrived(message);
    else if (((uintptr_t)message & TAG_BITS) == TAG_ORDER)
        free(at);
    else if (((uintptr_t)message & TAG_BITS) == TAG_LEFT)
        hf_media_view_left(at); /* which frees it; who only asked has left behind it */
}

void hf_media_free(struct hf_media *media)
{
    struct hf_list_node *node;

    if (media == NULL)
        return;
    for (unsigned i = 0; i < HF_WORKERS_MAX; i++)
        media->to[i] = NULL; /* the workers are gone */
    while (media->inbox != NULL && media->loop != NULL &&
           hf_inbox_drain(media->inbox, drop_message, media, 1024) > 0)
        ;
    while ((node = media->legs.next) != &media->legs)
        hf_media_leg_close(HF_CONTAINER_OF(node, struct hf_media_leg, node));
    hf_media_parts_end(media);
    HF_ASSERT(hf_list_empty(&media->waiting)); /* the workers dropped all */
    if (media->loop != NULL) {
        hf_media_shared_close(media);
        hf_udp_fan_close(media->egress4);
        hf_udp_fan_close(media->egress6);
        hf_wheel_cancel(&media->loop->wheel, &media->sweep);
        hf_loop_turn(media->loop, 0); /* what was closed is freed */
    }
    hf_media_snaps_free(media->snaps);
    hf_loop_free(media->loop);
    hf_inbox_free(media->inbox);
    hf_map_deinit(&media->legs_by_token);
    hf_map_deinit(&media->channels);
    hf_media_ports_deinit(&media->ports);
    hf_media_pool_deinit(&media->pool);
    pthread_mutex_destroy(&media->stats_mutex);
    free(media);
}
