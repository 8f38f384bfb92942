/* bench/gb/link.c - the socket of a simulated camera: a connected UDP socket, or a TCP connection that is made again when it breaks. */
#include "bench/gb/fleet_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/connect.h"

enum { DATAGRAMS_A_TURN = 32 };

static void trouble(struct hf_fleet *fleet, struct hf_fleet_link *link, const char *what, int sys_errno)
{
    if (fleet->options.on_trouble != NULL)
        fleet->options.on_trouble(fleet->options.context, hf_fleet_index(fleet, link), what, sys_errno);
}

static bool is_stream(const struct hf_fleet *fleet)
{
    return fleet->options.profile->transport != HF_SIP_UDP;
}

static const union hf_address *source_of(const struct hf_fleet *fleet, const struct hf_fleet_link *link)
{
    if (fleet->options.source_count == 0)
        return NULL;
    return &fleet->options.sources[hf_fleet_index(fleet, link) % fleet->options.source_count];
}

static hf_err err_of(int sys_errno)
{
    switch (sys_errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return HF_ERR_LIMIT;
    case EADDRINUSE:
    case EADDRNOTAVAIL: return HF_ERR_BUSY;
    default: return HF_ERR_IO;
    }
}

static hf_err udp_fd(const struct hf_fleet *fleet, const struct hf_fleet_link *link, int *ret_fd)
{
    const union hf_address *server = &fleet->options.server, *source = source_of(fleet, link);
    int fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_of(errno);
    if ((source != NULL && bind(fd, &source->any, hf_address_bytes(source)) != 0) ||
        connect(fd, &server->any, hf_address_bytes(server)) != 0) {
        hf_err err = err_of(errno);

        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return HF_OK;
}

/* What stands in Via and Contact: where the socket is. */
static void address_set(struct hf_fleet_link *link)
{
    struct sockaddr_storage own = {0};
    socklen_t bytes = sizeof(own);
    char host[INET6_ADDRSTRLEN] = "0.0.0.0";

    (void)getsockname(link->fd, (struct sockaddr *)&own, &bytes);
    union hf_address address = hf_address_of(&own);

    if (address.any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
    else if (address.any.sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
    hf_cam_set_address(&link->cam, host, hf_address_port(&address));
}

static hf_err watch(struct hf_fleet *fleet, struct hf_fleet_link *link, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = &link->source};

    return epoll_ctl(fleet->epoll_fd, how, link->fd, &event) == 0 ? HF_OK : HF_ERR_IO;
}

static void connect_later(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    link->reconnect_ms = link->reconnect_ms == 0
                             ? HF_FLEET_RECONNECT_MS
                             : HF_MIN(2 * link->reconnect_ms, (uint32_t)HF_FLEET_RECONNECT_MS_MAX);
    hf_wheel_arm(&fleet->wheel, &link->timer,
                 fleet->world.now_us / 1000 + link->reconnect_ms +
                     hf_rng_below(&fleet->world.rng, link->reconnect_ms / 4));
}

hf_err hf_fleet_link_open(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    hf_err err;

    HF_ASSERT(link->fd < 0);
    link->leaving = link->broken = false;
    err = is_stream(fleet) ? hf_connect_fd(&fleet->options.server, source_of(fleet, link), &link->fd)
                           : udp_fd(fleet, link, &link->fd);
    if (err == HF_ERR_BUSY)
        fleet->stats.no_port++;
    if (err != HF_OK) {
        link->fd = -1;
        return err;
    }
    fleet->stats.opened++;
    err = watch(fleet, link, is_stream(fleet) ? EPOLLOUT : EPOLLIN, EPOLL_CTL_ADD);
    if (err != HF_OK) {
        hf_fleet_link_close(fleet, link);
        return err;
    }
    if (is_stream(fleet))
        return HF_OK; /* link_event: connected */
    link->connected = true;
    address_set(link);
    hf_cam_start(&link->cam);
    return HF_OK;
}

hf_err hf_fleet_link_rebind(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    int old = link->fd;
    hf_err err;

    HF_ASSERT(!is_stream(fleet) && old >= 0);
    err = udp_fd(fleet, link, &link->fd); /* before the old one goes, so that the port is another */
    if (err != HF_OK)
        return err;
    (void)close(old);
    return watch(fleet, link, EPOLLIN, EPOLL_CTL_ADD);
}

void hf_fleet_link_close(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    (void)fleet;
    if (link->fd >= 0)
        (void)close(link->fd);
    free(link->in);
    free(link->out);
    link->in = link->out = NULL;
    link->in_bytes = link->out_bytes = 0;
    link->framer = (struct hf_sip_framer){0};
    link->fd = -1;
    link->connected = link->broken = false;
}

static void stream_lost(struct hf_fleet *fleet, struct hf_fleet_link *link, const char *what, int sys_errno)
{
    fleet->stats.closed++;
    hf_fleet_link_close(fleet, link);
    hf_cam_disconnected(&link->cam);
    trouble(fleet, link, what, sys_errno);
    if (!link->leaving)
        connect_later(fleet, link);
}

void hf_fleet_link_time(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_fleet_link *link = HF_CONTAINER_OF(timer, struct hf_fleet_link, timer);
    struct hf_fleet *fleet = link->cam.world->context;

    (void)now_ms;
    if (link->fd >= 0)
        return;
    hf_err err = hf_fleet_link_open(fleet, link);
    if (err == HF_OK)
        return;
    trouble(fleet, link, hf_err_text(err), errno);
    connect_later(fleet, link);
}

/* ---- sending ---- */

bool hf_fleet_loses(struct hf_fleet *fleet)
{
    return fleet->options.loss_ppm > 0 && hf_rng_below(&fleet->world.rng, 1000000) < fleet->options.loss_ppm;
}

static bool is_lost(struct hf_fleet *fleet)
{
    bool is = hf_fleet_loses(fleet);

    fleet->stats.lost += is;
    return is;
}

static bool keep(struct hf_fleet *fleet, struct hf_fleet_link *link, struct hf_slice rest)
{
    char *grown = link->out_bytes + rest.bytes <= HF_FLEET_OUT_BYTES_MAX
                      ? realloc(link->out, link->out_bytes + rest.bytes)
                      : NULL;

    if (grown == NULL) {
        link->broken = true; /* half a message is out */
        return false;
    }
    memcpy(grown + link->out_bytes, rest.at, rest.bytes);
    link->out = grown;
    link->out_bytes += (uint32_t)rest.bytes;
    return watch(fleet, link, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD) == HF_OK;
}

bool hf_fleet_link_send(struct hf_fleet *fleet, struct hf_fleet_link *link, struct hf_slice bytes)
{
    ssize_t sent = 0;

    if (!link->connected || link->broken)
        return false;
    if (!is_stream(fleet))
        return is_lost(fleet) || send(link->fd, bytes.at, bytes.bytes, MSG_NOSIGNAL) == (ssize_t)bytes.bytes;
    if (link->out_bytes == 0)
        sent = send(link->fd, bytes.at, bytes.bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        link->broken = true;
        return false;
    }
    sent = HF_MAX(sent, 0);
    if ((size_t)sent == bytes.bytes)
        return true;
    return keep(fleet, link, (struct hf_slice){bytes.at + sent, bytes.bytes - (size_t)sent});
}

static void flush(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    ssize_t sent = send(link->fd, link->out, link->out_bytes, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN) {
        link->broken = true;
        return;
    }
    sent = HF_MAX(sent, 0);
    memmove(link->out, link->out + sent, link->out_bytes - (size_t)sent);
    link->out_bytes -= (uint32_t)sent;
    if (link->out_bytes > 0)
        return;
    free(link->out);
    link->out = NULL;
    (void)watch(fleet, link, EPOLLIN, EPOLL_CTL_MOD);
}

/* ---- receiving ---- */

static void message_came(struct hf_fleet *fleet, struct hf_fleet_link *link, struct hf_slice bytes)
{
    if (fleet->options.on_message != NULL)
        fleet->options.on_message(fleet->options.context, hf_fleet_index(fleet, link), false, bytes);
    hf_cam_receive(&link->cam, bytes);
}

static void datagrams_came(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    for (unsigned i = 0; i < DATAGRAMS_A_TURN && link->fd >= 0; i++) {
        ssize_t bytes = recv(link->fd, fleet->in, HF_FLEET_IN_BYTES_MAX, 0);

        if (bytes < 0 && errno == EAGAIN)
            return;
        if (bytes < 0) /* ICMP: nobody listens there. The camera finds out by its timers */
            continue;
        if (bytes > 4 && !is_lost(fleet))
            message_came(fleet, link, (struct hf_slice){fleet->in, (size_t)bytes});
    }
}

/* Cuts what there is into messages; the rest stays with the link. False: the stream is broken. */
static bool cut(struct hf_fleet *fleet, struct hf_fleet_link *link, size_t bytes)
{
    size_t at = 0;

    for (;;) {
        struct hf_sip_frame frame;

        if (hf_sip_frame(&link->framer, fleet->in + at, bytes - at, NULL, &frame) != HF_OK)
            return false;
        if (frame.type == HF_SIP_FRAME_MESSAGE)
            message_came(fleet, link, frame.message);
        at += frame.taken;
        if (link->fd < 0)
            return true;
        if (frame.type == HF_SIP_FRAME_MORE)
            break;
    }
    free(link->in);
    link->in = NULL;
    link->in_bytes = 0;
    if (at == bytes)
        return true;
    link->in = malloc(bytes - at);
    if (link->in == NULL)
        return false;
    link->in_bytes = (uint32_t)(bytes - at);
    memcpy(link->in, fleet->in + at, link->in_bytes);
    return true;
}

static void bytes_came(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    ssize_t bytes;

    if (link->in_bytes >= HF_FLEET_IN_BYTES_MAX) {
        stream_lost(fleet, link, "a message is too large", 0);
        return;
    }
    if (link->in_bytes > 0)
        memcpy(fleet->in, link->in, link->in_bytes);
    bytes = recv(link->fd, fleet->in + link->in_bytes, HF_FLEET_IN_BYTES_MAX - link->in_bytes, 0);
    if (bytes < 0 && errno == EAGAIN)
        return;
    if (bytes <= 0)
        stream_lost(fleet, link, "connection lost", bytes < 0 ? errno : 0);
    else if (!cut(fleet, link, link->in_bytes + (size_t)bytes))
        stream_lost(fleet, link, "no SIP came", 0);
}

static void connected(struct hf_fleet *fleet, struct hf_fleet_link *link)
{
    int sys_errno = 0;
    socklen_t bytes = sizeof(sys_errno);

    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &sys_errno, &bytes);
    if (sys_errno != 0) {
        stream_lost(fleet, link, "cannot connect", sys_errno);
        return;
    }
    fleet->stats.connected++;
    link->connected = true;
    link->reconnect_ms = 0;
    (void)watch(fleet, link, EPOLLIN, EPOLL_CTL_MOD);
    address_set(link);
    hf_cam_start(&link->cam);
}

void hf_fleet_link_event(struct hf_fleet *fleet, struct hf_fleet_source *source, uint32_t events)
{
    struct hf_fleet_link *link = HF_CONTAINER_OF(source, struct hf_fleet_link, source);

    if (link->fd < 0) /* closed in this turn */
        return;
    if (!is_stream(fleet)) {
        datagrams_came(fleet, link);
        return;
    }
    if (!link->connected) {
        connected(fleet, link);
        return;
    }
    if ((events & EPOLLOUT) && link->out_bytes > 0)
        flush(fleet, link);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        bytes_came(fleet, link);
    if (link->fd >= 0 && link->broken)
        stream_lost(fleet, link, "connection lost", EPIPE);
}
