/* app/media_shared.c - one port for all that comes in (media.shared_port): UDP, its RTCP on the next port, and connections of devices. Whose a packet is, its SSRC tells: the one that the device was told, or
 * that of its answer. A connection is nobody's until its first packet has come.
 *
 * A talk keeps a port of its own (who only listens sends no SSRC), and so does what we connect to. Requirement GB-11. */
#include <stdlib.h>

#include "app/media_plane.h"
#include "base/assert.h"
#include "base/hash.h"

enum {
    CALLERS_MAX = 256, /* connections that have not shown whose they are; further ones are closed */
    FRAME_BYTES_MAX = HF_RTP_FRAME_BYTES_MAX + HF_RTP_FRAME_HEAD_MAX,
    RECEIVE_BUFFER_BYTES = 8 << 20,
};

struct caller {
    struct hf_list_node node; /* on shared->callers */
    struct hf_media *media;
    struct hf_stream *stream;
    struct hf_rtp_framer framer;
    uint64_t begun_ms;
    size_t bytes;
    uint8_t in[FRAME_BYTES_MAX];
};

struct hf_media_shared {
    struct hf_map names;
    struct hf_list_node callers;
    unsigned caller_count;
    struct door { /* of a family */
        struct hf_udp *rtp, *rtcp;
        struct hf_listener *listener;
    } doors[2];
};

/* ---- names ---- */

static bool name_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_media_name, node)->ssrc == *(const uint32_t *)key;
}

static struct hf_media_leg *leg_of(const struct hf_media *media, uint32_t ssrc)
{
    struct hf_map_node *node = hf_map_find(&media->shared->names, hf_hash_mix(ssrc), &ssrc);

    return node == NULL ? NULL : HF_CONTAINER_OF(node, struct hf_media_name, node)->leg;
}

static hf_err add_name(struct hf_media_leg *leg, struct hf_media_name *name, uint32_t ssrc)
{
    struct hf_media *media = leg->media;

    if (leg_of(media, ssrc) != NULL) {
        media->stats.ssrc_collisions++;
        return HF_ERR_EXISTS;
    }
    *name = (struct hf_media_name){.ssrc = ssrc, .leg = leg};
    hf_err err = hf_map_insert(&media->shared->names, &name->node, hf_hash_mix(ssrc));

    name->listed = err == HF_OK;
    return err;
}

static struct door *door_of(const struct hf_media_leg *leg)
{
    return &leg->media->shared->doors[leg->family == 6];
}

bool hf_media_shared_wants(const struct hf_media_leg *leg)
{
    return leg->media->shared != NULL && leg->voice == NULL &&
           (leg->transport == HF_GB_MEDIA_UDP || leg->transport == HF_GB_MEDIA_TCP_PASSIVE);
}

hf_err hf_media_shared_join(struct hf_media_leg *leg)
{
    struct door *door = door_of(leg);
    hf_err err = door->rtp == NULL ? HF_ERR_UNSUPPORTED : add_name(leg, &leg->names[0], leg->source.offered);

    if (err != HF_OK)
        return err;
    leg->shared = true;
    leg->port = leg->media->options.shared_port;
    if (leg->transport == HF_GB_MEDIA_UDP) {
        leg->rtp = door->rtp;
        leg->rtcp = door->rtcp;
    }
    return HF_OK;
}

void hf_media_shared_answered(struct hf_media_leg *leg)
{
    if (leg->source.answered != leg->source.offered && !leg->names[1].listed)
        (void)add_name(leg, &leg->names[1],
                       leg->source.answered); /* another's: only the one that it was told counts */
}

void hf_media_shared_leave(struct hf_media_leg *leg)
{
    for (unsigned i = 0; i < 2; i++)
        if (leg->names[i].listed)
            hf_map_remove(&leg->media->shared->names, &leg->names[i].node);
    leg->names[0].listed = leg->names[1].listed = false;
    leg->rtp = leg->rtcp = NULL;
    leg->port = 0;
    leg->shared = false;
}

/* ---- datagrams ---- */

/* The leg that has this packet's SSRC, RTP's or that of the first report. NULL: nobody has, counted. */
static struct hf_media_leg *find(struct hf_media *media, const uint8_t *in, size_t bytes, uint8_t transport)
{
    struct hf_slice rest = {(const char *)in, bytes};
    struct hf_media_leg *leg = NULL;
    bool is_rtcp = hf_rtp_is_rtcp(in, bytes);
    struct hf_rtcp report = {0};
    struct hf_rtp rtp = {0};

    if ((is_rtcp ? hf_rtcp_next(&rest, &report) : hf_rtp_parse(in, bytes, &rtp)) != HF_OK) {
        media->stats.malformed++;
        return NULL;
    }
    leg = leg_of(media, is_rtcp ? report.ssrc : rtp.ssrc);
    if (leg != NULL && leg->transport == transport)
        return leg;
    media->stats.strange_source++;
    return NULL;
}

static void on_rtp(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    const uint8_t *in = (const uint8_t *)datagram->data.at;
    struct hf_media_leg *leg =
        datagram->data.bytes > 0 ? find(hf_udp_user(udp), in, datagram->data.bytes, HF_GB_MEDIA_UDP) : NULL;

    if (leg != NULL)
        hf_media_take_packet(leg, in, datagram->data.bytes, datagram->peer);
}

static void on_rtcp(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    struct hf_media_leg *leg =
        find(hf_udp_user(udp), (const uint8_t *)datagram->data.at, datagram->data.bytes, HF_GB_MEDIA_UDP);

    if (leg != NULL)
        hf_media_take_reports(leg, datagram->data, datagram->peer);
}

/* ---- connections ---- */

static void forget(struct caller *caller)
{
    hf_list_remove(&caller->node);
    caller->media->shared->caller_count--;
    free(caller);
}

static void turn_away(struct caller *caller)
{
    caller->media->stats.connections_refused++;
    caller->stream->link.ops->abort(&caller->stream->link);
    forget(caller);
}

static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct caller *caller = link->user;
    size_t part = HF_MIN(bytes, sizeof(caller->in) - caller->bytes);
    struct hf_rtp_frame frame = {0};
    size_t at = 0;

    memcpy(caller->in + caller->bytes, data, part);
    caller->bytes += part;
    do { /* empty frames keep connections alive */
        if (hf_rtp_frame(&caller->framer, caller->in + at, caller->bytes - at, &frame) != HF_OK) {
            caller->media->stats.framing_broken++;
            turn_away(caller);
            return;
        }
        if (frame.type == HF_RTP_FRAME_PACKET)
            at += frame.taken;
    } while (frame.type == HF_RTP_FRAME_PACKET && frame.packet.bytes == 0);
    if (frame.type == HF_RTP_FRAME_MORE) {
        HF_ASSERT(part == bytes); /* a frame that is not whole is shorter than the buffer */
        caller->bytes -= at;
        memmove(caller->in, caller->in + at, caller->bytes);
        return;
    }
    struct hf_media_leg *leg =
        find(caller->media, (const uint8_t *)frame.packet.at, frame.packet.bytes, HF_GB_MEDIA_TCP_PASSIVE);

    if (leg == NULL || !hf_media_leg_makes_room(leg)) {
        turn_away(caller);
        return;
    }
    /* From its first byte on it is the leg's. What did not fit into the buffer follows. */
    link->handler = &hf_media_link_handler;
    link->user = leg;
    leg->heard_ms = caller->media->loop->now_ms;
    hf_media_leg_connected(leg, caller->stream);
    link->handler->on_data(link, caller->in, caller->bytes);
    if (part < bytes && leg->stream == caller->stream)
        link->handler->on_data(link, data + part, bytes - part);
    forget(caller);
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    (void)end, (void)sys_errno;
    forget(link->user);
}

static const struct hf_link_handler handler = {.on_data = on_data,
                                               .on_drained = hf_media_link_ignore,
                                               .on_blocked = hf_media_link_ignore,
                                               .on_end = on_end};

static void on_accept(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct hf_media *media = hf_listener_user(listener);
    struct caller *caller = media->shared->caller_count < CALLERS_MAX ? malloc(sizeof(*caller)) : NULL;

    (void)peer;
    if (caller == NULL) {
        media->stats.connections_refused++;
        hf_socket_reset(fd);
        return;
    }
    caller->media = media;
    caller->framer = (struct hf_rtp_framer){0};
    caller->bytes = 0;
    caller->begun_ms = media->loop->now_ms;
    if (hf_stream_open(media->loop, fd, NULL, &handler, caller, &caller->stream) != HF_OK) {
        media->stats.connections_refused++;
        hf_socket_reset(fd);
        free(caller);
        return;
    }
    hf_list_init(&caller->node);
    hf_list_push_back(&media->shared->callers, &caller->node);
    media->shared->caller_count++;
}

void hf_media_shared_sweep(struct hf_media *media)
{
    while (media->shared != NULL && !hf_list_empty(&media->shared->callers)) { /* the oldest first */
        struct caller *caller = HF_CONTAINER_OF(media->shared->callers.next, struct caller, node);

        if (media->loop->now_ms - caller->begun_ms < media->options.first_packet_ms)
            return;
        turn_away(caller);
    }
}

/* ---- life ---- */

static hf_err open_door(struct hf_media *media, const union hf_address *any, struct door *door)
{
    uint16_t port = media->options.shared_port;
    struct hf_udp_options udp = {.address = hf_address_with_port(*any, port),
                                 .v6_only = true,
                                 .first = true,
                                 .receive_buffer_bytes = RECEIVE_BUFFER_BYTES,
                                 .on_datagram = on_rtp,
                                 .user = media};
    struct hf_listener_options listener = {.address = hf_address_with_port(*any, port),
                                           .v6_only = true,
                                           .first = true,
                                           .on_accept = on_accept,
                                           .user = media};
    hf_err err = hf_udp_open(media->loop, &udp, &door->rtp);

    udp.address = hf_address_with_port(*any, (uint16_t)(port + 1));
    udp.on_datagram = on_rtcp;
    udp.receive_buffer_bytes = 0;
    if (err == HF_OK)
        err = hf_udp_open(media->loop, &udp, &door->rtcp);
    return err == HF_OK ? hf_listener_open(media->loop, &listener, &door->listener) : err;
}

hf_err hf_media_shared_open(struct hf_media *media)
{
    const union hf_address *any[2] = {&media->bind4, &media->bind6};
    hf_err err = HF_OK;

    if (media->options.shared_port == 0)
        return HF_OK;
    media->shared = calloc(1, sizeof(*media->shared));
    if (media->shared == NULL)
        return HF_ERR_NOMEM;
    hf_map_init(&media->shared->names, name_eq);
    hf_list_init(&media->shared->callers);
    for (unsigned i = 0; err == HF_OK && i < 2; i++)
        if (any[i]->any.sa_family != AF_UNSPEC)
            err = open_door(media, any[i], &media->shared->doors[i]);
    return err;
}

void hf_media_shared_close(struct hf_media *media)
{
    struct hf_media_shared *shared = media->shared;

    if (shared == NULL)
        return;
    while (!hf_list_empty(&shared->callers))
        turn_away(HF_CONTAINER_OF(shared->callers.next, struct caller, node));
    for (unsigned i = 0; i < 2; i++) {
        hf_udp_close(shared->doors[i].rtp);
        hf_udp_close(shared->doors[i].rtcp);
        hf_listener_close(shared->doors[i].listener);
    }
    hf_map_deinit(&shared->names); /* the legs have left */
    free(shared);
    media->shared = NULL;
}
