/* app/media.c - the media thread: its orders, what it tells, its turn, its life. */
#include <stdio.h>
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "io/entropy.h"

/* ---- on the thread ---- */

void hf_media_tell(struct hf_media_leg *leg, enum hf_gb_media_tell kind, hf_err err)
{
    struct hf_media *media = leg->media;
    struct hf_media_tell *tell = calloc(1, sizeof(*tell));
    struct hf_mailbox *to = media->to[leg->token >> HF_MEDIA_TOKEN_WORKER_SHIFT];

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
        hf_mailbox_post(to, hf_media_tag(tell, HF_MEDIA_ORDER)) != HF_OK) {
        free(tell);
        leg->untold |= 1u << kind;
        leg->untold_err = err;
        media->stats.tells_late++;
    }
}

static void post_back(struct hf_view *view, unsigned bits)
{
    hf_err err = hf_mailbox_post(view->media->to[view->worker], hf_media_tag(view, bits));

    HF_ASSERT(err == HF_OK); /* tells leave room for two of each watcher */
}

void hf_media_view_give(struct hf_view *view)
{
    post_back(view, HF_MEDIA_VIEW);
}

void hf_media_view_let_go(struct hf_view *view)
{
    if (view->media->to[view->worker] != NULL)
        post_back(view, HF_MEDIA_LEFT);
    else
        hf_media_view_free(view); /* the workers are gone */
}

static void order_free(struct hf_media_order *order)
{
    free(order->leg);
    free(order);
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
    case HF_MEDIA_ORDER_RELAY:
        if (leg != NULL)
            (void)hf_media_leg_relay(leg, &order->peer, order->on);
        break;
    }
    order_free(order);
}

static void take_close(struct hf_media *media, uint64_t token)
{
    struct hf_media_leg *leg = hf_media_leg_of(media, token);

    if (leg != NULL)
        hf_media_leg_close(leg);
}

static void on_message(struct hf_loop *loop, unsigned mailbox, void *message)
{
    struct hf_media *media = loop->user;
    unsigned bits;
    void *at = hf_media_untag(message, &bits);

    if (mailbox == media->workers)
        hf_media_snap_arrived(message);
    else if (bits == HF_MEDIA_ORDER)
        take_order(media, at);
    else if (bits == HF_MEDIA_CLOSE)
        take_close(media, hf_media_closed_token(message, mailbox));
    else if (bits == HF_MEDIA_VIEW)
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
    unsigned bits;
    void *at = hf_media_untag(message, &bits);

    if (mailbox == media->workers)
        hf_media_snap_arrived(message);
    else if (bits == HF_MEDIA_ORDER)
        order_free(at);
    else if (bits == HF_MEDIA_LEFT)
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
