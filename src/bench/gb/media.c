/* bench/gb/media.c - the sockets that calls of simulated cameras send and hear through: a UDP socket, connected but when anybody may send to it, or a TCP connection with two bytes of length before each packet
 * (RFC 4571). What the kernel does not take of a stream is kept up to a bound, and whole packets are lost above it. What comes goes to the camera, which knows what it wants of it. */
#include "bench/gb/fleet_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "codec/rtp/framing.h"
#include "io/connect.h"

enum {
    IN_BYTES = HF_RTP_FRAME_BYTES_MAX + HF_RTP_FRAME_HEAD_MAX,
    DATAGRAM_BYTES = 2048,
    PACKETS_A_TURN = 32
};

struct hf_fleet_media {
    struct hf_fleet_source source;
    struct hf_cam *cam;
    struct hf_rtp_framer framer;
    uint8_t *in; /* owns: a datagram, or of a stream a frame that is not whole. NULL: nothing is read */
    uint32_t in_room, in_bytes;
    struct hf_fleet_media *next; /* of fleet->media_over */
    uint8_t *out;                /* owns: streams only, what the kernel did not take */
    uint32_t out_bytes;
    int fd;
    bool stream, connected, broken;
};

static void watch(struct hf_fleet *fleet, struct hf_fleet_media *media, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = &media->source};

    if (epoll_ctl(fleet->epoll_fd, how, media->fd, &event) != 0)
        media->broken = true;
}

static void flush(struct hf_fleet *fleet, struct hf_fleet_media *media)
{
    ssize_t sent = send(media->fd, media->out, media->out_bytes, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN) {
        media->broken = true;
        return;
    }
    sent = HF_MAX(sent, 0);
    memmove(media->out, media->out + sent, media->out_bytes - (size_t)sent);
    media->out_bytes -= (uint32_t)sent;
    if (media->out_bytes == 0)
        watch(fleet, media, EPOLLIN, EPOLL_CTL_MOD);
}

/* False: framing is lost. */
static bool cut(struct hf_fleet_media *media)
{
    struct hf_rtp_frame frame;
    size_t at = 0;

    for (;;) {
        if (hf_rtp_frame(&media->framer, media->in + at, media->in_bytes - at, &frame) != HF_OK)
            return false;
        if (frame.type == HF_RTP_FRAME_MORE)
            break;
        hf_cam_media_came(media->cam, media, frame.packet);
        at += frame.taken;
    }
    memmove(media->in, media->in + at, media->in_bytes - at);
    media->in_bytes -= (uint32_t)at;
    return true;
}

static void receive(struct hf_fleet_media *media)
{
    for (unsigned i = 0; i < PACKETS_A_TURN && media->fd >= 0 && !media->broken; i++) {
        size_t before = media->stream ? media->in_bytes : 0;
        ssize_t bytes = recv(media->fd, media->in + before, media->in_room - before, 0);

        if (bytes < 0 && errno == EAGAIN)
            return;
        if (!media->stream && bytes < 0) /* ICMP: what was sent did not arrive */
            continue;
        if (bytes < 0 || (media->stream && bytes == 0)) {
            media->broken = true;
        } else if (!media->stream) {
            hf_cam_media_came(media->cam, media, (struct hf_slice){(char *)media->in, (size_t)bytes});
        } else {
            media->in_bytes += (uint32_t)bytes;
            media->broken = !cut(media);
        }
    }
}

/* A stream's end is seen here; that it is broken is told to the camera when it sends. */
static void on_events(struct hf_fleet *fleet, struct hf_fleet_source *source, uint32_t events)
{
    struct hf_fleet_media *media = HF_CONTAINER_OF(source, struct hf_fleet_media, source);
    if (media->fd < 0)
        return;
    if (media->stream && (events & (EPOLLERR | EPOLLHUP)))
        media->broken = true;
    if (!media->broken && (events & EPOLLOUT)) {
        media->connected = true;
        flush(fleet, media);
    }
    if (!media->broken && (events & EPOLLIN))
        receive(media);
    if (media->broken && media->fd >= 0) /* it would be ready for ever */
        (void)epoll_ctl(fleet->epoll_fd, EPOLL_CTL_DEL, media->fd, NULL);
}

static bool address_of(struct hf_slice host, uint16_t port, union hf_address *ret_address)
{
    char text[HF_SOCKET_TEXT_MAX];
    bool six = host.bytes > 0 && memchr(host.at, ':', host.bytes) != NULL;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, six ? "[" : "");
    hf_sb_slice(&sb, host);
    hf_sb_printf(&sb, "%s:%u", six ? "]" : "", port);
    return !sb.overflow && host.bytes > 0 && hf_address_parse(text, ret_address) == HF_OK;
}

static int udp_fd(const union hf_address *remote)
{
    int fd = socket(remote->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, &remote->any, hf_address_bytes(remote)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Anybody's, on any address of the family by which the platform is reached. */
static int open_fd(const struct hf_fleet *fleet)
{
    union hf_address own = {.any.sa_family = fleet->options.server.any.sa_family};
    int fd = socket(own.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, &own.any, hf_address_bytes(&own)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void *hf_fleet_media_open(struct hf_fleet *fleet, struct hf_cam *cam, bool tcp, struct hf_slice host,
                          uint16_t port, uint16_t *ret_port)
{
    struct hf_fleet_media *media = calloc(1, sizeof(*media));
    struct sockaddr_storage own = {0};
    socklen_t bytes = sizeof(own);
    union hf_address remote;

    if (media == NULL || (host.bytes > 0 && !address_of(host, port, &remote))) {
        free(media);
        return NULL;
    }
    media->cam = cam;
    media->source.on_events = on_events;
    media->stream = tcp;
    if (!tcp)
        media->fd = host.bytes > 0 ? udp_fd(&remote) : open_fd(fleet);
    else if (hf_connect_fd(&remote, NULL, &media->fd) != HF_OK)
        media->fd = -1;
    if (tcp && media->fd >= 0)
        media->out = malloc(HF_FLEET_MEDIA_BYTES_MAX);
    if (media->fd >= 0 && (tcp || host.bytes == 0)) { /* where it only sends, nobody reads the reports */
        media->in_room = tcp ? IN_BYTES : DATAGRAM_BYTES;
        media->in = malloc(media->in_room);
        media->broken = media->in == NULL || (tcp && media->out == NULL);
        watch(fleet, media, tcp ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_ADD);
    }
    if (media->fd < 0 || media->broken) {
        hf_fleet_media_close(fleet, media);
        return NULL;
    }
    (void)getsockname(media->fd, (struct sockaddr *)&own, &bytes);
    union hf_address address = hf_address_of(&own);
    *ret_port = hf_address_port(&address);
    return media;
}

/* Behind what waits already. */
static hf_err stream_send(struct hf_fleet *fleet, struct hf_fleet_media *media, const uint8_t *packet,
                          size_t bytes)
{
    bool waited = media->out_bytes > 0;

    if (media->out_bytes + 2 + bytes > HF_FLEET_MEDIA_BYTES_MAX)
        return HF_ERR_BUSY;
    hf_rtp_frame_write((uint16_t)bytes, media->out + media->out_bytes);
    memcpy(media->out + media->out_bytes + 2, packet, bytes);
    media->out_bytes += (uint32_t)(2 + bytes);
    if (!media->connected || waited) /* on_events */
        return HF_OK;
    flush(fleet, media);
    if (media->out_bytes > 0 && !media->broken)
        watch(fleet, media, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    return media->broken ? HF_ERR_IO : HF_OK;
}

hf_err hf_fleet_media_send(struct hf_fleet *fleet, struct hf_fleet_media *media, const uint8_t *packet,
                           size_t bytes)
{
    if (media->broken)
        return HF_ERR_IO;
    if (media->stream)
        return stream_send(fleet, media, packet, bytes);
    if (hf_fleet_loses(fleet)) {
        fleet->stats.lost_media++;
        return HF_OK;
    }
    /* An ICMP error of a packet before this one fails it, too: that nobody listens is found out by SIP. */
    return send(media->fd, packet, bytes, MSG_NOSIGNAL) == (ssize_t)bytes ? HF_OK : HF_ERR_BUSY;
}

/* Its event may still be in the turn's hands: the memory goes at the turn's end. */
void hf_fleet_media_close(struct hf_fleet *fleet, struct hf_fleet_media *media)
{
    if (media->fd >= 0)
        (void)close(media->fd);
    media->fd = -1;
    free(media->out);
    free(media->in);
    media->out = media->in = NULL;
    media->next = fleet->media_over;
    fleet->media_over = media;
}

void hf_fleet_media_free(struct hf_fleet *fleet)
{
    for (struct hf_fleet_media *media; (media = fleet->media_over) != NULL;) {
        fleet->media_over = media->next;
        free(media);
    }
}
