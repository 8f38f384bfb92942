/* app/media_input.c - packets of a leg: whose they are, to whom they go, and what they hold. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"

enum { PARTIAL_BYTES = HF_RTP_FRAME_BYTES_MAX + HF_RTP_FRAME_HEAD_MAX };

static struct hf_media_peer peer_of(const union hf_address *address)
{
    struct hf_media_peer peer = {.port = hf_address_port(address)};

    if (address->any.sa_family == AF_INET6) {
        memcpy(peer.address, &address->v6.sin6_addr, 16);
    } else {
        peer.address[10] = peer.address[11] = 0xff;
        memcpy(peer.address + 12, &address->v4.sin_addr, 4);
    }
    return peer;
}

/* ---- access units ---- */

/* Until a stream has shown itself for a while it is taken to have video: its sound must not begin a watcher's file. */
static bool has_video(const struct hf_media_leg *leg)
{
    return leg->has_video || leg->media->loop->now_ms - leg->first_unit_ms < HF_MEDIA_REVEAL_MS;
}

static void on_unit(void *context, const struct hf_es_unit *es)
{
    struct hf_media_leg *leg = context;
    struct hf_media_unit *unit = hf_media_unit_new(&leg->media->pool, es);

    if (unit == NULL)
        return; /* as if it had been lost */
    leg->media->stats.units++;
    if (leg->first_unit_ms == 0)
        leg->first_unit_ms = leg->media->loop->now_ms;
    if (!unit->audio) {
        leg->has_video = true;
    } else {
        hf_media_unit_unref(leg->sound);
        leg->sound = hf_media_unit_ref(unit);
    }
    uint64_t overflows = leg->gop.overflows;

    hf_media_gop_add(&leg->gop, unit, has_video(leg));
    leg->media->stats.gop_overflows += leg->gop.overflows - overflows;
    hf_media_view_unit(leg, unit, has_video(leg));
    hf_media_unit_unref(unit);
}

/* Units are made where somebody wants them, or may come and want the last group. */
static bool wants_units(const struct hf_media_leg *leg)
{
    return !leg->raw && (leg->gop.bytes_max > 0 || leg->unit_views > 0);
}

static bool need_demuxer(struct hf_media_leg *leg)
{
    size_t bytes = leg->media->options.unit_bytes_max;

    if (leg->ps != NULL)
        return true;
    leg->video_buffer = malloc(bytes);
    leg->audio_buffer = malloc(HF_ES_AUDIO_BYTES);
    leg->ps = malloc(sizeof(*leg->ps));
    if (leg->video_buffer == NULL || leg->audio_buffer == NULL || leg->ps == NULL) {
        free(leg->video_buffer);
        free(leg->audio_buffer);
        free(leg->ps);
        leg->video_buffer = leg->audio_buffer = NULL;
        leg->ps = NULL;
        return false;
    }
    hf_ps_init(leg->ps, leg->video_buffer, bytes, leg->audio_buffer, HF_ES_AUDIO_BYTES, on_unit, leg);
    return true;
}

static void deliver(struct hf_media_leg *leg, const struct hf_rtp *rtp)
{
    if (!wants_units(leg) || !need_demuxer(leg))
        return;
    hf_ps_feed(leg->ps, (const uint8_t *)rtp->payload.at, rtp->payload.bytes);
    if (rtp->marker)
        hf_ps_unit_ends(leg->ps);
}

static void told_lost(struct hf_media_leg *leg, unsigned count)
{
    if (count > 0 && leg->ps != NULL)
        hf_ps_lost(leg->ps);
}

/* ---- order ---- */

static void forget(struct hf_media_leg *leg, struct hf_media_kept *kept)
{
    hf_media_pool_give(&leg->media->pool, kept->bytes, kept->count);
    kept->bytes = NULL;
}

static void pop_kept(struct hf_media_leg *leg)
{
    unsigned slot;

    while (hf_rtp_receiver_pop(&leg->receiver, &slot)) {
        struct hf_media_kept *kept = &leg->kept[slot];
        struct hf_rtp rtp;

        if (kept->bytes != NULL && hf_rtp_parse(kept->bytes, kept->count, &rtp) == HF_OK)
            deliver(leg, &rtp);
        else
            told_lost(leg, 1); /* there was no memory for it */
        forget(leg, kept);
    }
    leg->wait_ms = leg->media->loop->now_ms;
}

static void drop_kept(struct hf_media_leg *leg)
{
    for (unsigned i = 0; i < HF_RTP_WINDOW; i++)
        forget(leg, &leg->kept[i]);
}

void hf_media_give_up_gap(struct hf_media_leg *leg)
{
    while (hf_rtp_receiver_waits(&leg->receiver)) {
        told_lost(leg, hf_rtp_receiver_give_up(&leg->receiver));
        pop_kept(leg);
    }
}

static void keep(struct hf_media_leg *leg, unsigned slot, const uint8_t *in, size_t bytes)
{
    struct hf_media_kept *kept = &leg->kept[slot];

    HF_ASSERT(kept->bytes == NULL);
    if (wants_units(leg) && (kept->bytes = hf_media_pool_take(&leg->media->pool, bytes)) != NULL) {
        memcpy(kept->bytes, in, bytes);
        kept->count = (uint32_t)bytes;
    }
}

static void put_in_order(struct hf_media_leg *leg, const struct hf_rtp *rtp, const uint8_t *in, size_t bytes)
{
    bool waited = hf_rtp_receiver_waits(&leg->receiver);
    unsigned slot, lost;

    while (hf_rtp_receiver_overflows(&leg->receiver, rtp->sequence)) {
        told_lost(leg, hf_rtp_receiver_give_up(&leg->receiver));
        pop_kept(leg);
    }
    switch (hf_rtp_receiver_take(&leg->receiver, rtp->sequence, rtp->timestamp, leg->media->loop->now_us,
                                 &slot, &lost)) {
    case HF_RTP_RESTART: drop_kept(leg); /* fall through */
    case HF_RTP_NEXT:
        told_lost(leg, lost);
        deliver(leg, rtp);
        if (waited)
            pop_kept(leg);
        break;
    case HF_RTP_WAITS:
        if (!waited)
            leg->wait_ms = leg->media->loop->now_ms;
        keep(leg, slot, in, bytes);
        break;
    case HF_RTP_DUPLICATE:
    case HF_RTP_LATE:
    case HF_RTP_STRANGE: break;
    }
}

void hf_media_stream_reset(struct hf_media_leg *leg)
{
    struct hf_rtp_receiver before = leg->receiver;

    drop_kept(leg);
    hf_rtp_receiver_init(&leg->receiver, HF_ES_CLOCK_HZ);
    /* Totals go on. */
    leg->receiver.packets = before.packets;
    leg->receiver.duplicates = before.duplicates;
    leg->receiver.late = before.late;
    leg->receiver.lost = before.lost;
    leg->last_sr = 0;
    told_lost(leg, 1);
}

/* ---- packets ---- */

void hf_media_take_reports(struct hf_media_leg *leg, struct hf_slice bytes, const union hf_address *peer)
{
    struct hf_rtcp packet;

    while (hf_rtcp_next(&bytes, &packet) == HF_OK) {
        leg->media->stats.reports_in++;
        if (packet.type != HF_RTCP_SR || !leg->source.latched || packet.ssrc != leg->source.ssrc)
            continue;
        leg->last_sr = (uint32_t)(packet.sender.ntp >> 16);
        leg->last_sr_us = leg->media->loop->now_us;
        if (peer != NULL)
            leg->rtcp_peer = *peer;
    }
}

static void relay_by(struct hf_media_leg *leg, struct hf_udp_fan *fan, sa_family_t family, const uint8_t *in,
                     size_t bytes)
{
    bool given = false;

    for (uint32_t i = 0; i < leg->consumer_count; i++) {
        struct hf_media_consumer *consumer = &leg->consumers[i];

        if (consumer->to.any.sa_family != family)
            continue;
        if (!given && !hf_udp_fan_packet(fan, in, bytes))
            return;
        given = true;
        hf_udp_fan_to(fan, &consumer->to);
        consumer->packets++;
        leg->media->stats.relayed++;
    }
}

static void relay(struct hf_media_leg *leg, const uint8_t *in, size_t bytes)
{
    if (leg->consumer_count == 0)
        return;
    if (leg->media->egress4 != NULL)
        relay_by(leg, leg->media->egress4, AF_INET, in, bytes);
    if (leg->media->egress6 != NULL)
        relay_by(leg, leg->media->egress6, AF_INET6, in, bytes);
}

static void note_heard(struct hf_media_leg *leg, size_t bytes)
{
    leg->heard_ms = leg->media->loop->now_ms;
    leg->silent_told = false;
    leg->packets++;
    leg->bytes += bytes;
    leg->media->stats.packets++;
    leg->media->stats.bytes += bytes;
    if (!leg->heard) {
        leg->heard = true;
        leg->first_packet_us = leg->media->loop->now_us - leg->opened_us;
        leg->report_ms = leg->heard_ms;
        hf_media_tell(leg, HF_GB_MEDIA_FIRST, HF_OK);
    }
}

void hf_media_take_packet(struct hf_media_leg *leg, const uint8_t *in, size_t bytes,
                          const union hf_address *peer)
{
    struct hf_media_peer from = peer_of(peer);
    struct hf_rtp rtp;

    if (hf_rtp_is_rtcp(in, bytes)) { /* both on one port, or one connection */
        hf_media_take_reports(leg, (struct hf_slice){(const char *)in, bytes}, NULL);
        return;
    }
    if (hf_rtp_parse(in, bytes, &rtp) != HF_OK) {
        leg->media->stats.malformed++;
        return;
    }
    switch (hf_media_source_judge(&leg->source, &from, rtp.ssrc, leg->media->loop->now_ms)) {
    case HF_MEDIA_REFUSE: leg->media->stats.strange_source++; return;
    case HF_MEDIA_TAKE_NEW: hf_media_stream_reset(leg); /* fall through */
    case HF_MEDIA_TAKE_MOVED:
        /* Where reports go until its own come from somewhere. What is said goes where its packets come from (NAT), if it knows the SSRC. */
        if (leg->rtp != NULL && (leg->voice == NULL || leg->source.known)) {
            leg->remote = *peer;
            leg->rtcp_peer.any.sa_family = AF_UNSPEC;
        }
        break;
    case HF_MEDIA_TAKE: break;
    }
    note_heard(leg, bytes);
    relay(leg, in, bytes);
    put_in_order(leg, &rtp, in, bytes);
}

void hf_media_on_rtp(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    if (datagram->data.bytes > 0) /* empty ones open a NAT */
        hf_media_take_packet(hf_udp_user(udp), (const uint8_t *)datagram->data.at, datagram->data.bytes,
                             datagram->peer);
}

void hf_media_on_rtcp(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    hf_media_take_reports(hf_udp_user(udp), datagram->data, datagram->peer);
}

/* ---- TCP ---- */

/* Takes whole frames off the front. False: framing is lost. */
static bool take_frames(struct hf_media_leg *leg, const uint8_t *in, size_t bytes,
                        const union hf_address *peer, size_t *ret_taken)
{
    struct hf_rtp_frame frame;

    *ret_taken = 0;
    while (hf_rtp_frame(&leg->framer, in + *ret_taken, bytes - *ret_taken, &frame) == HF_OK) {
        if (frame.type == HF_RTP_FRAME_MORE)
            return true;
        if (frame.packet.bytes > 0)
            hf_media_take_packet(leg, (const uint8_t *)frame.packet.at, frame.packet.bytes, peer);
        *ret_taken += frame.taken;
    }
    return false;
}

/* What is left of the bytes before is shorter than a frame; it is completed first, and only by what it lacks. */
static bool take_bytes(struct hf_media_leg *leg, const uint8_t *in, size_t bytes,
                       const union hf_address *peer)
{
    size_t taken;

    while (leg->partial_bytes > 0 && bytes > 0) {
        size_t before = leg->partial_bytes, part = HF_MIN(bytes, (size_t)PARTIAL_BYTES - before);

        memcpy(leg->partial + before, in, part);
        if (!take_frames(leg, leg->partial, before + part, peer, &taken))
            return false;
        if (taken == 0) {
            HF_ASSERT(before + part < PARTIAL_BYTES);
            leg->partial_bytes = (uint32_t)(before + part);
            return true;
        }
        /* Frames may have been taken behind the first; the rest is in `in`. */
        HF_ASSERT(taken > before && taken <= before + part);
        leg->partial_bytes = 0;
        in += taken - before;
        bytes -= taken - before;
    }
    if (!take_frames(leg, in, bytes, peer, &taken))
        return false;
    if (taken < bytes && leg->partial == NULL && (leg->partial = malloc(PARTIAL_BYTES)) == NULL)
        return false;
    if (taken < bytes)
        memcpy(leg->partial, in + taken, bytes - taken);
    leg->partial_bytes = (uint32_t)(bytes - taken);
    return true;
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_media_leg *leg = link->user;
    union hf_address peer = hf_stream_peer(hf_stream_of(link));

    if (take_bytes(leg, data, bytes, &peer))
        return;
    leg->media->stats.framing_broken++;
    link->ops->abort(link);
    hf_media_connection_ended(leg);
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)end;
    (void)sys_errno;
    hf_media_connection_ended(link->user);
}

void hf_media_link_ignore(struct hf_link *link)
{
    (void)link;
}

const struct hf_link_handler hf_media_link_handler = {.on_data = on_data,
                                                      .on_drained = hf_media_link_ignore,
                                                      .on_blocked = hf_media_link_ignore,
                                                      .on_end = on_end};

void hf_media_input_deinit(struct hf_media_leg *leg)
{
    drop_kept(leg);
    free(leg->partial);
    free(leg->ps);
    free(leg->video_buffer);
    free(leg->audio_buffer);
    hf_media_unit_unref(leg->sound);
    hf_media_gop_deinit(&leg->gop);
}
