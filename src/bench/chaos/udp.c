/* UDP: one socket for clients, one for each client towards the server, as a NAT has. A flow ends when nobody needs it: the
 * middlebox forgets it (--idle), it is cut, or a new one needs its place. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "bench/chaos/line.h"
#include "bench/chaos/proxy.h"
#include "io/entropy.h"

enum { RECEIVES_PER_EVENT = 64, FLOW_TIMERS = 3 };

struct flow;

struct lane {
    struct flow *flow;
    enum hf_chaos_direction direction;
    struct hf_chaos_path path;
    struct hf_chaos_line line;
    struct hf_chaos_timer timer; /* the next datagram is due */
};

struct flow {
    struct hf_map_node map_node;
    struct hf_list_node node; /* the client that was quiet for longest is first */
    struct hf_deferred deferred;
    struct hf_chaos *chaos;
    struct hf_handle server;
    union hf_address client;
    struct lane lanes[2];        /* [enum hf_chaos_direction] */
    struct hf_chaos_timer timer; /* its cut, its idle end, its next port */
    uint64_t opened_us, active_us, rebound_us;
    double cut_draw;
};

struct udp {
    struct hf_handle clients;
    struct hf_chaos *chaos;
    bool is_v6;
    union hf_address address;
    struct hf_map flows; /* by client; owns */
    struct hf_list_node order;
    uint64_t last_number;
    uint8_t hash_key[HF_HASH_KEY_BYTES];
};

static struct udp *udp_of(const struct hf_chaos *chaos)
{
    return chaos->carried;
}

static uint64_t now_us(const struct flow *flow)
{
    return flow->chaos->loop->now_us;
}

/* ---- one flow ---- */

static bool same_client(const struct hf_map_node *node, const void *key)
{
    const union hf_address *a = &HF_CONTAINER_OF(node, struct flow, map_node)->client, *b = key;

    if (a->any.sa_family != b->any.sa_family || hf_address_port(a) != hf_address_port(b))
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static void flow_free(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct flow, deferred));
}

static void flow_close(struct flow *flow)
{
    struct hf_chaos *chaos = flow->chaos;

    hf_loop_close(chaos->loop, &flow->server);
    for (unsigned i = 0; i < 2; i++) {
        hf_chaos_timers_cancel(&chaos->ticker.timers, &flow->lanes[i].timer);
        (void)hf_chaos_line_clear(&flow->lanes[i].line);
    }
    hf_chaos_timers_cancel(&chaos->ticker.timers, &flow->timer);
    hf_chaos_timers_unreserve(&chaos->ticker.timers, FLOW_TIMERS);
    hf_map_remove(&udp_of(chaos)->flows, &flow->map_node);
    hf_list_remove(&flow->node);
    chaos->stats.connections_now--;
    hf_loop_defer_free(chaos->loop, &flow->deferred, flow_free);
}

static uint64_t after(uint64_t begin_us, uint64_t time_us) /* 0: never */
{
    return time_us > 0 ? begin_us + time_us : HF_CHAOS_NEVER;
}

static void flow_plan(struct flow *flow)
{
    const struct hf_chaos_faults *faults = &flow->chaos->faults;
    uint64_t next_us = hf_chaos_cut_us(faults, flow->opened_us, flow->cut_draw);

    next_us = HF_MIN(next_us, after(flow->active_us, faults->idle_us));
    next_us = HF_MIN(next_us, after(flow->rebound_us, faults->rebind_us));
    hf_chaos_timers_arm(&flow->chaos->ticker.timers, &flow->timer, next_us);
}

/* ---- out of the line ---- */

static void send_one(struct lane *lane, const struct hf_chaos_piece *piece)
{
    struct hf_chaos *chaos = lane->flow->chaos;
    const union hf_address *client = &lane->flow->client;
    ssize_t sent;

    if (lane->direction == HF_CHAOS_UP)
        sent = send(lane->flow->server.fd, piece->data, piece->bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        sent = sendto(udp_of(chaos)->clients.fd, piece->data, piece->bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                      &client->any, hf_address_bytes(client));
    if (sent < 0) {
        *(errno == ECONNREFUSED ? &chaos->stats.connects_failed : &chaos->stats.dropped_full) += 1;
        return;
    }
    *(lane->direction == HF_CHAOS_UP ? &chaos->stats.bytes_up : &chaos->stats.bytes_down) += (uint64_t)sent;
    hf_chaos_delayed(chaos, piece->came_us, now_us(lane->flow));
}

static void lane_run(struct lane *lane)
{
    struct hf_chaos *chaos = lane->flow->chaos;
    bool held = chaos->holds && hf_chaos_is_silent(chaos, lane->direction);
    const struct hf_chaos_piece *piece;

    while (!held && (piece = hf_chaos_line_due(&lane->line, now_us(lane->flow))) != NULL) {
        send_one(lane, piece);
        hf_chaos_line_take(&lane->line, piece->bytes);
    }
    hf_chaos_timers_arm(&chaos->ticker.timers, &lane->timer,
                        held ? HF_CHAOS_NEVER : hf_chaos_line_next_us(&lane->line));
}

static void on_timer(struct hf_chaos_timer *timer, uint64_t now)
{
    (void)now;
    lane_run(HF_CONTAINER_OF(timer, struct lane, timer));
}

/* ---- into the line ---- */

static void push(struct lane *lane, const uint8_t *data, size_t bytes, uint64_t due_us)
{
    struct hf_chaos *chaos = lane->flow->chaos;

    if (lane->line.cost_bytes + sizeof(struct hf_chaos_piece) + bytes > chaos->options->buffer_bytes ||
        hf_chaos_line_push(&lane->line, HF_CHAOS_DATA, data, (uint32_t)bytes, now_us(lane->flow), due_us) !=
            HF_OK)
        chaos->stats.dropped_full++;
    hf_chaos_held(chaos, lane->line.cost_bytes);
}

static void take(struct lane *lane, uint8_t *data, size_t bytes)
{
    struct hf_chaos *chaos = lane->flow->chaos;
    struct hf_chaos_stats *stats = &chaos->stats;
    bool up = lane->direction == HF_CHAOS_UP;
    struct hf_chaos_verdict verdict;

    lane->flow->active_us = now_us(lane->flow);
    if (hf_chaos_is_silent(chaos, lane->direction) && !chaos->holds) {
        stats->swallowed_bytes += bytes;
        return;
    }
    hf_chaos_path_datagram(&lane->path, &chaos->faults, lane->direction, now_us(lane->flow), bytes, &verdict);
    *(up ? &stats->units_up : &stats->units_down) += 1;
    *(up ? &stats->lost_up : &stats->lost_down) += verdict.losses;
    if (verdict.dropped)
        return;
    stats->duplicated += verdict.duplicate;
    stats->reordered += verdict.reordered;
    stats->flipped += verdict.flipped;
    stats->truncated += verdict.truncated;
    if (verdict.flipped)
        data[verdict.flip_bit / 8] ^= (uint8_t)(1u << verdict.flip_bit % 8);
    push(lane, data, verdict.keep_bytes, verdict.due_us);
    if (verdict.duplicate)
        push(lane, data, verdict.keep_bytes, verdict.copy_due_us);
    lane_run(lane);
}

static void on_server(struct hf_handle *handle, uint32_t events)
{
    struct flow *flow = HF_CONTAINER_OF(handle, struct flow, server);
    struct hf_chaos *chaos = flow->chaos;

    (void)events;
    for (unsigned i = 0; i < RECEIVES_PER_EVENT; i++) {
        ssize_t got = recv(handle->fd, chaos->buffer, sizeof(chaos->buffer), MSG_DONTWAIT);

        if (got < 0 && errno == ECONNREFUSED)
            chaos->stats.connects_failed++; /* ICMP: nobody is there */
        else if (got < 0)
            return;
        else
            take(&flow->lanes[HF_CHAOS_DOWN], chaos->buffer, (size_t)got);
    }
}

/* A port of its own towards the server, or a new one. */
static bool flow_bind(struct flow *flow)
{
    struct hf_chaos *chaos = flow->chaos;
    const union hf_address *to = &chaos->options->to;
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    if (connect(fd, &to->any, hf_address_bytes(to)) != 0) {
        close(fd);
        return false;
    }
    hf_loop_close(chaos->loop, &flow->server); /* only now: while it is open its port is not chosen again */
    flow->server = (struct hf_handle){.on_event = on_server, .fd = fd};
    if (hf_loop_watch(chaos->loop, &flow->server, EPOLLIN) == HF_OK)
        return true;
    close(fd);
    flow->server.fd = -1;
    return false;
}

static void on_life(struct hf_chaos_timer *timer, uint64_t now)
{
    struct flow *flow = HF_CONTAINER_OF(timer, struct flow, timer);
    struct hf_chaos *chaos = flow->chaos;

    if (hf_chaos_cut_us(&chaos->faults, flow->opened_us, flow->cut_draw) <= now) {
        chaos->stats.cuts++;
        flow_close(flow);
        return;
    }
    if (after(flow->active_us, chaos->faults.idle_us) <= now) {
        chaos->stats.idle_cuts++;
        flow_close(flow);
        return;
    }
    if (after(flow->rebound_us, chaos->faults.rebind_us) <= now) {
        flow->rebound_us = now;
        if (!flow_bind(flow)) {
            chaos->stats.connections_refused++;
            flow_close(flow);
            return;
        }
        chaos->stats.rebinds++;
    }
    flow_plan(flow);
}

static struct flow *flow_new(struct hf_chaos *chaos, const union hf_address *client, uint64_t hash)
{
    struct udp *udp = udp_of(chaos);
    struct flow *flow;

    if (chaos->stats.connections_now >= chaos->options->connections_max) {
        chaos->stats.evicted++;
        flow_close(HF_CONTAINER_OF(udp->order.next, struct flow, node));
    }
    flow = calloc(1, sizeof(*flow));
    if (flow == NULL || hf_chaos_timers_reserve(&chaos->ticker.timers, FLOW_TIMERS) != HF_OK) {
        free(flow);
        return NULL;
    }
    flow->chaos = chaos;
    flow->client = *client;
    flow->server.fd = -1;
    flow->timer.on_due = on_life;
    flow->opened_us = flow->active_us = flow->rebound_us = chaos->loop->now_us;
    if (!flow_bind(flow) || hf_map_insert(&udp->flows, &flow->map_node, hash) != HF_OK) {
        hf_loop_close(chaos->loop, &flow->server);
        hf_chaos_timers_unreserve(&chaos->ticker.timers, FLOW_TIMERS);
        hf_loop_defer_free(chaos->loop, &flow->deferred, flow_free); /* it was watched in this turn */
        return NULL;
    }
    udp->last_number++;
    for (unsigned d = 0; d < 2; d++) {
        flow->lanes[d] = (struct lane){
            .flow = flow, .direction = (enum hf_chaos_direction)d, .timer = {.on_due = on_timer}};
        hf_chaos_line_init(&flow->lanes[d].line);
        hf_chaos_path_init(&flow->lanes[d].path, chaos->options->seed, udp->last_number,
                           flow->lanes[d].direction);
    }
    flow->cut_draw = hf_chaos_fate(chaos->options->seed, udp->last_number);
    chaos->stats.connections_opened++;
    chaos->stats.connections_now++;
    hf_list_init(&flow->node);
    hf_list_push_back(&udp->order, &flow->node);
    flow_plan(flow);
    return flow;
}

static void from_client(struct hf_chaos *chaos, const union hf_address *client, size_t bytes)
{
    struct udp *udp = udp_of(chaos);
    uint64_t hash = hf_hash(udp->hash_key, client, sizeof(*client));
    struct hf_map_node *node = hf_map_find(&udp->flows, hash, client);
    struct flow *flow = node != NULL ? HF_CONTAINER_OF(node, struct flow, map_node) : NULL;

    if (flow == NULL && hf_chaos_is_silent(chaos, HF_CHAOS_UP) && !chaos->holds) {
        chaos->stats.swallowed_bytes += bytes; /* it never came so far as to make a mapping */
        return;
    }
    if (flow == NULL)
        flow = flow_new(chaos, client, hash);
    if (flow == NULL) {
        chaos->stats.connections_refused++;
        return;
    }
    hf_list_remove(&flow->node);
    hf_list_push_back(&udp->order, &flow->node);
    take(&flow->lanes[HF_CHAOS_UP], chaos->buffer, bytes);
}

/* hf_address_of makes v4-mapped addresses IPv4, to which an IPv6 socket cannot send. */
static union hf_address as_it_came(const struct sockaddr_storage *from)
{
    union hf_address address;

    memset(&address, 0, sizeof(address));
    memcpy(&address.v6, from, sizeof(address.v6));
    return address;
}

static void on_clients(struct hf_handle *handle, uint32_t events)
{
    struct hf_chaos *chaos = HF_CONTAINER_OF(handle, struct udp, clients)->chaos;

    (void)events;
    for (unsigned i = 0; i < RECEIVES_PER_EVENT; i++) {
        struct sockaddr_storage peer;
        socklen_t peer_bytes = sizeof(peer);
        ssize_t got = recvfrom(handle->fd, chaos->buffer, sizeof(chaos->buffer), MSG_DONTWAIT,
                               (struct sockaddr *)&peer, &peer_bytes);

        if (got < 0)
            return; /* an ICMP error of a client that is gone is told once, here */
        union hf_address client = udp_of(chaos)->is_v6 ? as_it_came(&peer) : hf_address_of(&peer);

        from_client(chaos, &client, (size_t)got);
    }
}

/* ---- as a carrier ---- */

static int bound_socket(const union hf_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0 || bind(fd, &address->any, hf_address_bytes(address)) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static hf_err udp_open(struct hf_chaos *chaos, char error[HF_CHAOS_ERROR_BYTES])
{
    struct udp *udp = calloc(1, sizeof(*udp));
    char text[HF_SOCKET_TEXT_MAX];
    socklen_t bytes = sizeof(udp->address);

    if (udp == NULL) {
        (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "%s", hf_err_text(HF_ERR_NOMEM));
        return HF_ERR_NOMEM;
    }
    chaos->carried = udp;
    udp->chaos = chaos;
    udp->address = chaos->options->listen;
    udp->is_v6 = udp->address.any.sa_family == AF_INET6;
    hf_map_init(&udp->flows, same_client);
    hf_list_init(&udp->order);
    hf_entropy(udp->hash_key, sizeof(udp->hash_key));
    udp->clients = (struct hf_handle){.on_event = on_clients, .fd = bound_socket(&udp->address)};
    if (udp->clients.fd >= 0 && hf_loop_watch(chaos->loop, &udp->clients, EPOLLIN) == HF_OK) {
        (void)getsockname(udp->clients.fd, &udp->address.any, &bytes);
        return HF_OK;
    }
    int saved = errno;

    if (udp->clients.fd >= 0)
        close(udp->clients.fd);
    udp->clients.fd = -1;
    hf_address_text(&udp->address, text);
    (void)snprintf(error, HF_CHAOS_ERROR_BYTES, "--listen %s: cannot listen there: %s%s", text,
                   strerror(saved), saved == EADDRINUSE ? "; port 0 takes a free one" : "");
    return saved == EADDRINUSE ? HF_ERR_EXISTS : HF_ERR_IO;
}

static struct flow *flow_of(struct hf_list_node *node)
{
    return HF_CONTAINER_OF(node, struct flow, node);
}

static void udp_close(struct hf_chaos *chaos)
{
    struct udp *udp = udp_of(chaos);

    if (udp == NULL)
        return;
    while (!hf_list_empty(&udp->order))
        flow_close(flow_of(udp->order.next));
    hf_loop_close(chaos->loop, &udp->clients);
    hf_map_deinit(&udp->flows);
    free(udp);
    chaos->carried = NULL;
}

static union hf_address udp_address(const struct hf_chaos *chaos)
{
    return udp_of(chaos)->address;
}

static uint64_t udp_cut(struct hf_chaos *chaos, enum hf_chaos_end_kind how, double share)
{
    struct udp *udp = udp_of(chaos);
    struct hf_list_node *next;
    uint64_t count = 0;

    (void)how; /* there is nothing to say on UDP: the mapping is gone */
    for (struct hf_list_node *node = udp->order.next; node != &udp->order; node = next) {
        next = node->next;
        if (hf_chaos_draw(&chaos->luck) >= share)
            continue;
        chaos->stats.cuts++;
        flow_close(flow_of(node));
        count++;
    }
    return count;
}

static void udp_silence(struct hf_chaos *chaos)
{
    struct udp *udp = udp_of(chaos);

    for (struct hf_list_node *node = udp->order.next; node != &udp->order; node = node->next)
        for (unsigned d = 0; d < 2; d++) {
            struct lane *lane = &flow_of(node)->lanes[d];

            if (hf_chaos_is_silent(chaos, lane->direction) && !chaos->holds)
                chaos->stats.swallowed_bytes += hf_chaos_line_clear(&lane->line);
            lane_run(lane);
        }
}

static void udp_retune(struct hf_chaos *chaos)
{
    struct udp *udp = udp_of(chaos);

    for (struct hf_list_node *node = udp->order.next; node != &udp->order; node = node->next)
        flow_plan(flow_of(node));
}

static hf_err udp_refuse(struct hf_chaos *chaos, bool refuses)
{
    (void)chaos;
    return refuses ? HF_ERR_UNSUPPORTED : HF_OK;
}

const struct hf_chaos_carrier hf_chaos_udp = {
    .open = udp_open,
    .close = udp_close,
    .address = udp_address,
    .cut = udp_cut,
    .silence = udp_silence,
    .retune = udp_retune,
    .refuse = udp_refuse,
};
