/* app/gb_udp.c - the datagram sockets of SIP: one per worker and listener, all of the same address, so that any of them may answer. */
#include <errno.h>
#include <string.h>

#include "app/worker.h"
#include "base/assert.h"

static void address_into(const union hf_address *address, uint8_t bytes[16], uint16_t *ret_port)
{
    if (address->any.sa_family == AF_INET) {
        memcpy(bytes, &address->v4.sin_addr, 4);
        *ret_port = ntohs(address->v4.sin_port);
    } else if (address->any.sa_family == AF_INET6) {
        memcpy(bytes, &address->v6.sin6_addr, 16);
        *ret_port = ntohs(address->v6.sin6_port);
    }
}

static union hf_address address_from(uint8_t family, const uint8_t bytes[16], uint16_t port)
{
    union hf_address address = {0};

    if (family == 6) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        memcpy(&address.v6.sin6_addr, bytes, 16);
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        memcpy(&address.v4.sin_addr, bytes, 4);
    }
    return address;
}

void hf_gbw_flow_addresses(struct hf_sip_flow *flow, const union hf_address *peer,
                           const union hf_address *local)
{
    flow->family = peer->any.sa_family == AF_INET6 ? 6 : 4;
    address_into(peer, flow->peer, &flow->peer_port);
    if (local->any.sa_family == peer->any.sa_family)
        address_into(local, flow->local, &flow->local_port);
}

void hf_gbw_flow_of_datagram(struct hf_sip_flow *flow, const union hf_address *peer,
                             const union hf_address *local)
{
    hf_gbw_flow_addresses(flow, peer, local);
    if (peer->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&peer->v6.sin6_addr))
        flow->connection = peer->v6.sin6_scope_id;
}

union hf_address hf_gbw_flow_peer(const struct hf_sip_flow *flow)
{
    union hf_address peer = address_from(flow->family, flow->peer, flow->peer_port);

    if (flow->family == 6)
        peer.v6.sin6_scope_id = (uint32_t)flow->connection;
    return peer;
}

static struct hf_gbw_door_here *door_of(struct hf_udp *udp)
{
    return hf_udp_user(udp);
}

static void on_datagram(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    struct hf_gbw_door_here *here = door_of(udp);
    struct hf_sip_flow flow = {.transport = HF_SIP_UDP, .endpoint = (uint16_t)here->door};
    unsigned home;

    hf_gbw_flow_of_datagram(&flow, datagram->peer, datagram->local);
    (void)hf_gbw_deliver(here->gb, &flow, datagram->data, &home);
}

/* The kernel gives the report to the socket that it would give the peer's datagrams to, whoever sent: what waits for that peer may wait anywhere. */
static void on_error(struct hf_udp *udp, const union hf_address *peer, int sys_errno)
{
    static const union hf_address nowhere = {.any = {.sa_family = AF_UNSPEC}};
    struct hf_gbw_door_here *here = door_of(udp);
    struct hf_gbw *gb = here->gb;
    struct hf_sip_flow flow = {.transport = HF_SIP_UDP, .endpoint = (uint16_t)here->door};

    if (sys_errno != ECONNREFUSED && sys_errno != EHOSTUNREACH && sys_errno != ENETUNREACH)
        return; /* of a message, or of ours: says nothing about the peer */
    hf_gbw_flow_of_datagram(&flow, peer, &nowhere);
    gb->stats.flows_failed++;
    hf_gb_flow_closed(gb->site, &flow);
    for (unsigned i = 0; i < gb->worker->gateway->worker_count; i++)
        if (i != gb->worker->index)
            hf_gbw_post_word(gb, i, HF_GBW_WORD_CLOSED, &flow, false); /* a hint may be lost */
}

hf_err hf_gbw_udp_open(struct hf_gbw *gb, unsigned door)
{
    struct hf_gbw_door *shared = &gb->worker->gateway->gb.doors[door];
    struct hf_udp_options options = {
        .address = shared->address,
        .first = gb->worker->index == 0,
        .on_datagram = on_datagram,
        .on_error = on_error,
        .user = &gb->here[door],
    };
    hf_err err = hf_udp_open(gb->worker->loop, &options, &gb->udp[door]);

    if (err == HF_OK)
        shared->address = hf_udp_address(gb->udp[door]); /* the others join it */
    return err;
}

hf_err hf_gbw_udp_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    union hf_address peer = hf_gbw_flow_peer(flow), local;

    if (flow->endpoint >=
        HF_GBW_DOORS_MAX) /* of a registration that was restored; there were more doors then */
        return HF_ERR_CLOSED;
    if (gb->udp[flow->endpoint] == NULL)
        return HF_ERR_CLOSED;
    if (flow->local_port == 0) /* the kernel did not say */
        local = (union hf_address){.any = {.sa_family = AF_UNSPEC}};
    else
        local = address_from(flow->family, flow->local, flow->local_port);
    return hf_udp_send(gb->udp[flow->endpoint], &local, &peer, bytes.at, bytes.bytes);
}
