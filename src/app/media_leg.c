/* app/media_leg.c - the life of a leg: a port, or a connection; who is told what; the ten looks a second. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "io/connect.h"
#include "io/entropy.h"

/* ---- names ---- */

static struct hf_media_leg *newest(const struct hf_media_leg *leg)
{
    return hf_media_channel(leg->media, leg->tenant->name, hf_slice_of(leg->device),
                            hf_slice_of(leg->channel), leg->kind);
}

/* Nothing of its channel and kind is listed. */
static void list(struct hf_media_leg *leg)
{
    uint64_t hash = hf_device_hash(hf_slice_of(leg->device), hf_slice_of(leg->channel));

    leg->listed = hf_map_insert(&leg->media->channels, &leg->by_channel, hash) == HF_OK;
}

static void unlist(struct hf_media_leg *leg)
{
    hf_map_remove(&leg->media->channels, &leg->by_channel);
    leg->listed = false;
}

/* Of several of a kind watchers get the newest: of two streams of a channel, say. */
static void enter(struct hf_media_leg *leg)
{
    leg->older = newest(leg);
    if (leg->older != NULL)
        unlist(leg->older);
    list(leg);
}

static void leave(struct hf_media_leg *leg)
{
    struct hf_media_leg *at = newest(leg);

    if (leg->listed) {
        unlist(leg);
        if (leg->older != NULL)
            list(leg->older);
        return;
    }
    while (at != NULL && at->older != leg)
        at = at->older;
    if (at != NULL)
        at->older = leg->older;
}

/* ---- opening ---- */

static const union hf_address *bind_address(const struct hf_media_leg *leg)
{
    const struct hf_media *media = leg->media;

    return leg->family == 6 ? &media->bind6 : &media->bind4;
}

static hf_err open_udp(struct hf_media_leg *leg)
{
    const union hf_address *any = bind_address(leg);
    struct hf_udp_options options = {.address = hf_address_with_port(*any, leg->port),
                                     .v6_only = true,
                                     .first = true,
                                     .on_datagram = hf_media_on_rtp,
                                     .user = leg};
    hf_err err = hf_udp_open(leg->media->loop, &options, &leg->rtp);

    if (err != HF_OK)
        return err;
    options.address = hf_address_with_port(*any, (uint16_t)(leg->port + 1));
    options.on_datagram = hf_media_on_rtcp;
    options.receive_buffer_bytes = 65536;
    err = hf_udp_open(leg->media->loop, &options, &leg->rtcp);
    if (err != HF_OK) {
        hf_udp_close(leg->rtp);
        leg->rtp = NULL;
    }
    return err;
}

static void close_udp(struct hf_media_leg *leg)
{
    if (!leg->shared) {
        hf_udp_close(leg->rtp);
        hf_udp_close(leg->rtcp);
    }
    leg->rtp = leg->rtcp = NULL;
}

void hf_media_leg_connected(struct hf_media_leg *leg, struct hf_stream *stream)
{
    leg->stream = stream;
    leg->framer = (struct hf_rtp_framer){0};
    leg->partial_bytes = 0;
    leg->lost_ms = 0;
    leg->media->stats.connections++;
    hf_media_voice_go(leg);
}

/* One connection at a time. A device that comes again, while the old one has been silent, has lost that. */
bool hf_media_leg_makes_room(struct hf_media_leg *leg)
{
    if (leg->stream == NULL)
        return true;
    if (leg->media->loop->now_ms - leg->heard_ms < HF_MEDIA_MOVE_MS)
        return false;
    leg->stream->link.ops->abort(&leg->stream->link);
    hf_media_connection_ended(leg);
    return true;
}

static bool same_host(const union hf_address *a, const union hf_address *b)
{
    union hf_address other = hf_address_with_port(*b, hf_address_port(a));

    return hf_media_same_address(a, &other);
}

/* To whom a talk goes need not say anything: it is not taken for lost, and its place not given to whoever finds the port. */
static bool may_come(const struct hf_media_leg *leg, const struct sockaddr_storage *peer)
{
    union hf_address from = hf_address_of(peer), held;

    if (leg->voice == NULL || leg->stream == NULL)
        return true;
    held = hf_stream_peer(leg->stream);
    return same_host(&from, &held) || same_host(&from, &leg->remote);
}

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct hf_media_leg *leg = hf_listener_user(listener);
    struct hf_stream *stream;

    if (!may_come(leg, peer) || !hf_media_leg_makes_room(leg)) {
        leg->media->stats.connections_refused++;
        hf_socket_reset(fd);
        return;
    }
    if (hf_stream_open(leg->media->loop, fd, NULL, &hf_media_link_handler, leg, &stream) != HF_OK) {
        leg->media->stats.connections_refused++;
        hf_socket_reset(fd);
        return;
    }
    leg->heard_ms = leg->media->loop->now_ms;
    hf_media_leg_connected(leg, stream);
}

static hf_err open_listener(struct hf_media_leg *leg)
{
    struct hf_listener_options options = {.address = hf_address_with_port(*bind_address(leg), leg->port),
                                          .v6_only = true,
                                          .first = true,
                                          .backlog = 4,
                                          .on_accept = on_accept,
                                          .user = leg};

    return hf_listener_open(leg->media->loop, &options, &leg->listener);
}

/* Ports that somebody else holds are passed over, a few times. */
static hf_err open_port(struct hf_media_leg *leg)
{
    struct hf_media *media = leg->media;
    hf_err err = HF_OK;

    if (bind_address(leg)->any.sa_family == AF_UNSPEC)
        return HF_ERR_UNSUPPORTED; /* media.address is of the other family */
    if (hf_media_shared_wants(leg))
        return hf_media_shared_join(leg);
    for (unsigned tries = 0; tries < HF_MEDIA_PORT_TRIES; tries++) {
        err = hf_media_ports_take(&media->ports, media->loop->now_ms, &leg->port);
        if (err != HF_OK)
            return err;
        bool any = leg->transport == HF_GB_MEDIA_ANY;

        if (any || leg->transport == HF_GB_MEDIA_UDP)
            err = open_udp(leg);
        if (err == HF_OK && (any || leg->transport == HF_GB_MEDIA_TCP_PASSIVE)) {
            err = open_listener(leg);
            if (err != HF_OK)
                close_udp(leg);
        }
        if (err == HF_OK)
            return HF_OK;
        if (err != HF_ERR_EXISTS) {
            hf_media_ports_give(&media->ports, media->loop->now_ms, leg->port);
            break;
        }
        hf_media_ports_skip(&media->ports, media->loop->now_ms, leg->port);
    }
    leg->port = 0;
    return err;
}

static void refuse(struct hf_media_leg *leg, hf_err err)
{
    leg->media->stats.legs_refused++;
    leg->refused = true;
    hf_media_tell(leg, HF_GB_MEDIA_REFUSED, err);
    if (leg->untold == 0)
        hf_media_leg_close(leg); /* otherwise when it has been told */
}

void hf_media_leg_open(struct hf_media *media, struct hf_media_order *order)
{
    struct hf_media_leg *leg = order->leg;
    uint64_t now_ms = media->loop->now_ms;
    hf_err err;

    order->leg = NULL;
    leg->media = media;
    leg->token = order->token;
    leg->tenant = order->request.tenant;
    memcpy(leg->device, order->device, sizeof(leg->device));
    memcpy(leg->channel, order->channel, sizeof(leg->channel));
    leg->transport = order->request.transport;
    leg->family = order->request.family;
    leg->kind = order->request.kind;
    leg->opened_ms = leg->measured_ms = now_ms;
    leg->opened_us = media->loop->now_us;
    leg->unwatched_ms = 0;
    leg->rtcp_peer.any.sa_family = leg->remote.any.sa_family = AF_UNSPEC;
    hf_list_init(&leg->node);
    hf_list_init(&leg->views);
    hf_list_push_back(&media->legs, &leg->node);
    hf_media_source_init(&leg->source, order->request.ssrc, media->options.strict_ssrc);
    hf_media_gop_init(&leg->gop, media->options.gop_bytes_max);
    err = hf_map_insert(&media->legs_by_token, &leg->by_token, leg->token);
    leg->known = err == HF_OK;
    media->leg_count++;
    if (err == HF_OK && media->leg_count > media->options.legs_max)
        err = HF_ERR_LIMIT;
    if (err == HF_OK && leg->kind == HF_GB_MEDIA_KIND_TALK)
        err = hf_media_voice_new(leg);
    if (err == HF_OK)
        err = open_port(leg);
    if (err != HF_OK) {
        refuse(leg, err);
        return;
    }
    media->stats.legs_opened++;
    enter(leg);
    hf_media_tell(leg, HF_GB_MEDIA_OPENED, HF_OK);
    hf_media_views_attach(leg);
    if (order->request.until_unwatched) /* who asked for it may have left meanwhile */
        hf_media_leg_unwatched(leg);
}

/* ---- the answer ---- */

static void try_connect(struct hf_media_leg *leg)
{
    struct hf_stream *stream;
    uint64_t now_ms = leg->media->loop->now_ms;

    leg->tries++;
    leg->connect_ms = leg->tries < HF_MEDIA_CONNECT_TRIES ? now_ms + 1000 : 0;
    if (hf_connect(leg->media->loop, &leg->remote, NULL, NULL, &hf_media_link_handler, leg, &stream) !=
        HF_OK) {
        if (leg->connect_ms == 0)
            hf_media_tell(leg, HF_GB_MEDIA_ENDED, HF_ERR_IO);
        return;
    }
    leg->connect_ms = 0;
    hf_media_leg_connected(leg, stream);
}

/* The other door is closed; who came in by it goes. */
static void choose(struct hf_media_leg *leg, uint8_t transport)
{
    leg->transport = transport;
    if (transport != HF_GB_MEDIA_UDP)
        close_udp(leg);
    if (transport != HF_GB_MEDIA_TCP_PASSIVE) {
        hf_listener_close(leg->listener);
        leg->listener = NULL;
        if (leg->stream != NULL)
            leg->stream->link.ops->abort(&leg->stream->link);
        leg->stream = NULL;
        leg->partial_bytes = 0;
        leg->lost_ms = 0;
    }
}

void hf_media_leg_answered(struct hf_media_leg *leg, const struct hf_media_order *order)
{
    static const char *const streams[] = {"", "PS", "MP2P"};
    bool ps = false;

    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
        ps = ps || hf_slice_eq_nocase(hf_slice_of(order->format), hf_slice_of(streams[i]));
    leg->raw = !ps;
    if (leg->transport == HF_GB_MEDIA_ANY)
        choose(leg, order->transport);
    leg->source.answered = order->ssrc != 0 ? order->ssrc : leg->source.offered;
    if (leg->shared)
        hf_media_shared_answered(leg);
    leg->remote = order->peer;
    leg->answered_ms = leg->media->loop->now_ms;
    if (!leg->answered && leg->transport == HF_GB_MEDIA_TCP_ACTIVE) {
        if (leg->remote.any.sa_family == AF_UNSPEC)
            hf_media_tell(leg, HF_GB_MEDIA_ENDED, HF_ERR_INVALID); /* nowhere to connect to */
        else
            try_connect(leg);
    }
    leg->answered = true;
    if (leg->voice != NULL)
        hf_media_voice_answered(leg, order->payload_type, hf_slice_of(order->format));
}

/* ---- the end ---- */

static void free_leg(struct hf_deferred *deferred)
{
    struct hf_media_leg *leg = HF_CONTAINER_OF(deferred, struct hf_media_leg, deferred);

    free(leg);
}

void hf_media_leg_close(struct hf_media_leg *leg)
{
    struct hf_media *media = leg->media;

    leave(leg);
    hf_media_views_end(leg);
    hf_media_voice_free(leg);
    if (leg->shared)
        hf_media_shared_leave(leg);
    close_udp(leg);
    hf_listener_close(leg->listener);
    if (leg->stream != NULL)
        hf_media_part(media, leg->stream);
    leg->listener = NULL;
    leg->stream = NULL;
    if (leg->port != 0)
        hf_media_ports_give(&media->ports, media->loop->now_ms, leg->port);
    if (leg->known)
        hf_map_remove(&media->legs_by_token, &leg->by_token);
    hf_list_remove(&leg->node);
    media->leg_count--;
    hf_media_input_deinit(leg);
    hf_loop_defer_free(media->loop, &leg->deferred, free_leg);
}

void hf_media_connection_ended(struct hf_media_leg *leg)
{
    uint64_t now_ms = leg->media->loop->now_ms;

    leg->stream = NULL;
    leg->partial_bytes = 0;
    leg->lost_ms = now_ms;
    hf_media_give_up_gap(leg);
    if (leg->transport == HF_GB_MEDIA_TCP_ACTIVE) {
        if (leg->tries < HF_MEDIA_CONNECT_TRIES)
            leg->connect_ms = now_ms + 1000;
        else
            hf_media_tell(leg, HF_GB_MEDIA_ENDED, HF_ERR_CLOSED);
    }
}

/* ---- looks ---- */

/* Where the device's came from, else to the port above the one that it sends from. */
void hf_media_leg_rtcp(struct hf_media_leg *leg, const uint8_t *packets, size_t bytes)
{
    union hf_address to = leg->rtcp_peer;

    if (to.any.sa_family == AF_UNSPEC && leg->remote.any.sa_family != AF_UNSPEC)
        to = hf_address_with_port(leg->remote, (uint16_t)(hf_address_port(&leg->remote) + 1));
    if (leg->rtcp == NULL || to.any.sa_family == AF_UNSPEC || hf_address_port(&to) == 0)
        return;
    if (hf_udp_send(leg->rtcp, NULL, &to, packets, bytes) == HF_OK)
        leg->media->stats.reports_out++;
}

static void report(struct hf_media_leg *leg, uint64_t now_us)
{
    uint8_t out[HF_RTCP_RECEIVER_BYTES_MAX];
    struct hf_rtcp_report told = hf_rtp_receiver_report(&leg->receiver);

    told.ssrc = leg->source.ssrc;
    told.last_sr = leg->last_sr;
    told.delay = leg->last_sr == 0 ? 0 : (uint32_t)((now_us - leg->last_sr_us) * 65536 / 1000000);
    hf_media_leg_rtcp(leg, out, hf_rtcp_write_receiver(leg->media->ssrc, &told, HF_SLICE("holdfast"), out));
}

static void repeat_untold(struct hf_media_leg *leg)
{
    uint32_t untold = leg->untold;

    leg->untold = 0;
    for (unsigned kind = HF_GB_MEDIA_OPENED; kind <= HF_GB_MEDIA_PLAYED; kind++)
        if (untold >> kind & 1)
            hf_media_tell(leg, (enum hf_gb_media_tell)kind, leg->untold_err);
}

static void look_for_silence(struct hf_media_leg *leg, uint64_t now_ms)
{
    const struct hf_media_options *options = &leg->media->options;
    uint64_t since_ms = leg->heard ? leg->heard_ms : leg->answered_ms;

    if (leg->silent_told || !leg->answered || leg->voice != NULL || /* who listens need not speak */
        now_ms - since_ms < (leg->heard ? options->silence_ms : options->first_packet_ms))
        return;
    leg->silent_told = true; /* once, until a packet comes */
    leg->media->stats.legs_silent++;
    hf_media_tell(leg, HF_GB_MEDIA_SILENT, HF_OK);
}

static void add_totals(struct hf_media_leg *leg)
{
    struct hf_media_stats *stats = &leg->media->stats;
    uint64_t lost = leg->receiver.lost, duplicates = leg->receiver.duplicates + leg->receiver.late;
    uint64_t dropped = leg->ps == NULL ? 0
                                       : leg->ps->video.stats.dropped + leg->ps->video.stats.refused_large +
                                             leg->ps->audio.stats.dropped;

    stats->lost += lost - leg->lost_before;
    stats->duplicates += duplicates - leg->duplicates_before;
    stats->units_dropped += dropped - leg->dropped_before;
    leg->lost_before = lost;
    leg->duplicates_before = duplicates;
    leg->dropped_before = dropped;
}

void hf_media_leg_sweep(struct hf_media_leg *leg, uint64_t now_ms)
{
    if (leg->untold != 0)
        repeat_untold(leg);
    if (leg->refused) {
        if (leg->untold == 0)
            hf_media_leg_close(leg);
        return;
    }
    look_for_silence(leg, now_ms);
    if (leg->voice != NULL)
        hf_media_voice_sweep(leg);
    if (leg->connect_ms != 0 && now_ms >= leg->connect_ms)
        try_connect(leg);
    if (leg->lost_ms != 0 && leg->transport == HF_GB_MEDIA_TCP_PASSIVE &&
        now_ms - leg->lost_ms >= HF_MEDIA_RECONNECT_MS) {
        leg->lost_ms = 0;
        hf_media_tell(leg, HF_GB_MEDIA_ENDED, HF_ERR_CLOSED);
    }
    if (hf_rtp_receiver_waits(&leg->receiver) && now_ms - leg->wait_ms >= HF_MEDIA_REORDER_MS)
        hf_media_give_up_gap(leg);
    if (leg->rtcp != NULL && leg->heard && now_ms - leg->report_ms >= HF_MEDIA_REPORT_MS) {
        leg->report_ms = now_ms;
        report(leg, leg->media->loop->now_us);
    }
    if (now_ms - leg->measured_ms >= 1000) {
        leg->bits_per_s = (leg->bytes - leg->bytes_before) * 8000 / (now_ms - leg->measured_ms);
        leg->bytes_before = leg->bytes;
        leg->measured_ms = now_ms;
    }
    add_totals(leg);
    if (leg->unwatched_ms != 0 && now_ms - leg->unwatched_ms >= leg->media->options.unwatched_ms) {
        leg->unwatched_ms = 0; /* once, until somebody has watched again */
        hf_media_tell(leg, HF_GB_MEDIA_UNWATCHED, HF_OK);
    }
}

/* ---- RTP to others ---- */

bool hf_media_same_address(const union hf_address *a, const union hf_address *b)
{
    if (a->any.sa_family != b->any.sa_family || hf_address_port(a) != hf_address_port(b))
        return false;
    return a->any.sa_family == AF_INET6 ? memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0
                                        : a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

static bool need_egress(struct hf_media *media, const union hf_address *to)
{
    bool v6 = to->any.sa_family == AF_INET6;
    struct hf_udp_fan **fan = v6 ? &media->egress6 : &media->egress4;
    const union hf_address *any = v6 ? &media->bind6 : &media->bind4;

    if (*fan == NULL && any->any.sa_family != AF_UNSPEC)
        (void)hf_udp_fan_open(media->loop, any, fan);
    return *fan != NULL;
}

bool hf_media_leg_relay(struct hf_media_leg *leg, const union hf_address *to, bool on)
{
    for (uint32_t i = 0; i < leg->consumer_count; i++) {
        struct hf_media_consumer *consumer = &leg->consumers[i];

        if (!hf_media_same_address(&consumer->to, to))
            continue;
        if (on) {
            consumer->users++;
        } else if (--consumer->users == 0) {
            *consumer = leg->consumers[--leg->consumer_count];
            hf_media_leg_unwatched(leg);
        }
        return true;
    }
    if (!on)
        return true;
    if (leg->consumer_count == HF_MEDIA_LEG_CONSUMERS_MAX || !need_egress(leg->media, to)) {
        leg->media->stats.views_refused++;
        return false;
    }
    leg->consumers[leg->consumer_count++] = (struct hf_media_consumer){.to = *to, .users = 1};
    leg->unwatched_ms = 0;
    return true;
}

/* Somebody went: was it the last one? */
void hf_media_leg_unwatched(struct hf_media_leg *leg)
{
    if (leg->view_count == 0 && leg->consumer_count == 0)
        leg->unwatched_ms = leg->media->loop->now_ms;
}
