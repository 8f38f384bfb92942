/* app/gb_upstream_io.c - the way to an upper platform: a datagram socket of its own, or a TCP connection that we open. Nothing else speaks on it, so
 * who spoke is known without a look at ids. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/gb_config.h"
#include "app/gb_upstream.h"
#include "app/worker.h"
#include "io/connect.h"

enum { BUFFER_BYTES_FIRST = 4096 };

static struct hf_worker *worker_of(const struct hf_gbw_upstream *upstream)
{
    return upstream->gb->worker;
}

static void buffer_free(struct hf_gbw_upstream *upstream)
{
    free(upstream->buffer);
    upstream->buffer = NULL;
    upstream->bytes = upstream->room = 0;
}

/* The address to speak from: the configured one, or any of the family. */
static union hf_address local_of(const struct hf_gbw_upstream *upstream)
{
    const struct hf_config_gb_upstream *config = upstream->config;
    union hf_address local = {0};

    if (config->local_address != NULL &&
        hf_gb_upstream_address(config->local_address, config->local_port, &local))
        return local;
    local.any.sa_family = upstream->peer.any.sa_family;
    return hf_address_with_port(local, (uint16_t)config->local_port);
}

/* ---- datagrams ---- */

static void on_datagram(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    struct hf_gbw_upstream *upstream = hf_udp_user(udp);
    struct hf_sip_flow flow = {.transport = HF_SIP_UDP};

    hf_gbw_flow_addresses(&flow, datagram->peer, datagram->local);
    (void)hf_gb_upstream_receive(upstream->upstream, &flow, datagram->data);
}

static void on_error(struct hf_udp *udp, const union hf_address *peer, int sys_errno)
{
    struct hf_gbw_upstream *upstream = hf_udp_user(udp);

    (void)peer;
    if (sys_errno == ECONNREFUSED)
        hf_gb_upstream_lost(upstream->upstream, "nobody listens there (ICMP)");
    else if (sys_errno == EHOSTUNREACH || sys_errno == ENETUNREACH)
        hf_gb_upstream_lost(upstream->upstream, "it cannot be reached (ICMP)");
}

static hf_err open_udp(struct hf_gbw_upstream *upstream, struct hf_sip_flow *ret_flow, const char **ret_why)
{
    union hf_address route = {0};
    struct hf_udp_options options = {.address = local_of(upstream),
                                     .first = true,
                                     .on_datagram = on_datagram,
                                     .on_error = on_error,
                                     .user = upstream};
    hf_err err = hf_connect_route(&upstream->peer, &route);

    if (err != HF_OK) {
        *ret_why = "there is no route to it";
        return err;
    }
    err = hf_udp_open(worker_of(upstream)->loop, &options, &upstream->udp);
    if (err != HF_OK) {
        *ret_why = err == HF_ERR_EXISTS    ? "local_port is in use"
                   : err == HF_ERR_INVALID ? "local_address is none of this machine"
                                           : "no socket could be opened";
        return err;
    }
    union hf_address local = hf_udp_address(upstream->udp);
    bool any = upstream->config->local_address == NULL;
    *ret_flow = (struct hf_sip_flow){.transport = HF_SIP_UDP};
    hf_gbw_flow_addresses(ret_flow, &upstream->peer, any ? &route : &local);
    ret_flow->local_port = hf_address_port(&local);
    return HF_OK;
}

/* ---- a stream ---- */

static void close_link(struct hf_gbw_upstream *upstream)
{
    struct hf_link *link = upstream->link;

    upstream->link = NULL;
    buffer_free(upstream);
    if (link != NULL)
        link->ops->abort(link);
}

static void on_ready(struct hf_link *link)
{
    struct hf_gbw_upstream *upstream = link->user;
    union hf_address local = hf_stream_local(hf_stream_of(link));

    upstream->flow.transport = HF_SIP_TCP;
    hf_gbw_flow_addresses(&upstream->flow, &upstream->peer, &local);
    hf_gb_upstream_connected(upstream->upstream, &upstream->flow);
}

static void stream_broken(struct hf_gbw_upstream *upstream)
{
    close_link(upstream);
    hf_gb_upstream_lost(upstream->upstream, "it sent what is no SIP");
}

/* How many of the bytes are done with; the link may be gone afterwards. */
static size_t take(struct hf_gbw_upstream *upstream, const char *in, size_t bytes)
{
    struct hf_sip_frame frame;
    size_t taken = 0;

    while (upstream->link != NULL) {
        if (hf_sip_frame(&upstream->framer, in + taken, bytes - taken, NULL, &frame) != HF_OK ||
            (frame.type == HF_SIP_FRAME_MESSAGE &&
             hf_gb_upstream_receive(upstream->upstream, &upstream->flow, frame.message) != HF_OK)) {
            stream_broken(upstream);
            break;
        }
        if (frame.type == HF_SIP_FRAME_PING && upstream->link != NULL)
            (void)upstream->link->ops->write(upstream->link, "\r\n", 2);
        taken += frame.taken;
        if (frame.type == HF_SIP_FRAME_MORE)
            break;
    }
    return taken;
}

static bool buffer_add(struct hf_gbw_upstream *upstream, const char *data, size_t bytes)
{
    size_t need = upstream->bytes + bytes, room = upstream->room ? upstream->room : BUFFER_BYTES_FIRST;

    while (room < need)
        room *= 2;
    if (room > upstream->room) {
        char *grown = realloc(upstream->buffer, room);

        if (grown == NULL)
            return false;
        upstream->buffer = grown;
        upstream->room = room;
    }
    memcpy(upstream->buffer + upstream->bytes, data, bytes);
    upstream->bytes = need;
    return true;
}

/* What is incomplete is below the bounds of a head and a body (codec/sip/framer.h), and so is the buffer. */
static void on_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    struct hf_gbw_upstream *upstream = link->user;

    if (upstream->link != link)
        return;
    if (!buffer_add(upstream, (const char *)data, bytes)) {
        stream_broken(upstream);
        return;
    }
    /* Taken out for the time: the upstream may close the link, and with it free what is kept. */
    char *buffer = upstream->buffer;
    size_t kept = upstream->bytes, room = upstream->room;
    upstream->buffer = NULL;
    upstream->bytes = upstream->room = 0;
    size_t taken = take(upstream, buffer, kept);
    if (upstream->link == NULL || taken == kept) {
        free(buffer);
        return;
    }
    memmove(buffer, buffer + taken, kept - taken);
    upstream->buffer = buffer;
    upstream->bytes = kept - taken;
    upstream->room = room;
}

static void on_end(struct hf_link *link, enum hf_link_end end, int sys_errno)
{
    struct hf_gbw_upstream *upstream = link->user;

    if (upstream->link != link)
        return;
    upstream->link = NULL;
    buffer_free(upstream);
    hf_gb_upstream_lost(upstream->upstream, sys_errno == ECONNREFUSED ? "it refused the connection"
                                            : end == HF_LINK_END_EOF  ? "it closed the connection"
                                                                      : "the connection broke");
}

static void ignore(struct hf_link *link)
{
    (void)link;
}

static const struct hf_link_handler handler = {
    .on_data = on_data, .on_drained = ignore, .on_blocked = ignore, .on_end = on_end};

static hf_err open_stream(struct hf_gbw_upstream *upstream, const char **ret_why)
{
    struct hf_worker *worker = worker_of(upstream);
    struct hf_stream_options options = {.conn_id = hf_worker_conn_id(worker), .on_ready = on_ready};
    union hf_address local = local_of(upstream);
    struct hf_stream *stream = NULL;
    hf_err err =
        hf_connect(worker->loop, &upstream->peer, upstream->config->local_address != NULL ? &local : NULL,
                   &options, &handler, upstream, &stream);

    if (err != HF_OK) {
        *ret_why = err == HF_ERR_IO && errno == ECONNREFUSED ? "it refused the connection"
                   : err == HF_ERR_LIMIT                     ? "there are too many connections here"
                                                             : "it cannot be reached";
        return err == HF_ERR_BUSY ? HF_ERR_LIMIT : err;
    }
    upstream->link = &stream->link;
    upstream->framer = (struct hf_sip_framer){0};
    upstream->flow = (struct hf_sip_flow){.connection = options.conn_id};
    return HF_ERR_BUSY; /* on_ready() or on_end() */
}

/* ---- both ---- */

hf_err hf_gbw_upstream_connect(void *context, struct hf_sip_flow *ret_flow, const char **ret_why)
{
    struct hf_gbw_upstream *upstream = context;

    hf_gbw_upstream_disconnect(upstream);
    return upstream->config->transport == HF_CONFIG_GB_UP_TCP ? open_stream(upstream, ret_why)
                                                              : open_udp(upstream, ret_flow, ret_why);
}

bool hf_gbw_upstream_redirect(void *context, struct hf_slice host, uint16_t port)
{
    struct hf_gbw_upstream *upstream = context;
    const struct hf_config_gb_upstream *config = upstream->config;
    char text[HF_SIP_FLOW_HOST_MAX];
    union hf_address peer;

    if (host.bytes == 0)
        return hf_gb_upstream_address(config->address, config->port, &upstream->peer);
    if (host.bytes >= sizeof(text) || port == 0)
        return false;
    memcpy(text, host.at, host.bytes);
    text[host.bytes] = '\0';
    if (!hf_gb_upstream_address(text, port, &peer) ||
        (config->local_address != NULL && peer.any.sa_family != upstream->peer.any.sa_family))
        return false;
    upstream->peer = peer;
    return true;
}

void hf_gbw_upstream_disconnect(void *context)
{
    struct hf_gbw_upstream *upstream = context;

    hf_udp_close(upstream->udp);
    upstream->udp = NULL;
    close_link(upstream);
}

hf_err hf_gbw_upstream_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gbw_upstream *upstream = context;

    if (hf_sip_flow_reliable(flow))
        return upstream->link == NULL || flow->connection != upstream->flow.connection
                   ? HF_ERR_CLOSED
                   : upstream->link->ops->write(upstream->link, bytes.at, bytes.bytes);
    /* Where a request came from may be another port of theirs than ours go to. */
    union hf_address peer = hf_address_with_port(upstream->peer, flow->peer_port);
    return upstream->udp == NULL ? HF_ERR_CLOSED
                                 : hf_udp_send(upstream->udp, NULL, &peer, bytes.at, bytes.bytes);
}
