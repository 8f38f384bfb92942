#include "sim/udp.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct datagram {
    struct sim_event arrive;
    struct hf_list_node node; /* udp->under_way */
    struct sim_udp *udp;
    struct sim_udp_place place; /* up: from, down: to */
    bool up;
    size_t bytes;
    char data[];
};

void sim_udp_init(struct sim_udp *udp, struct sim_net *net, struct sim_path *path,
                  const struct sim_udp_ops *ops, struct sim_udp_place place)
{
    *udp = (struct sim_udp){.net = net, .path = path, .ops = ops, .place = place};
    hf_list_init(&udp->under_way);
}

static void free_it(struct datagram *datagram)
{
    sim_cancel(datagram->udp->net->events, &datagram->arrive);
    hf_list_remove(&datagram->node);
    free(datagram);
}

void sim_udp_deinit(struct sim_udp *udp)
{
    while (!hf_list_empty(&udp->under_way))
        free_it(HF_CONTAINER_OF(udp->under_way.next, struct datagram, node));
}

static bool same_place(struct sim_udp_place a, struct sim_udp_place b)
{
    return a.port == b.port && memcmp(a.address, b.address, sizeof(a.address)) == 0;
}

static void on_arrive(struct sim_event *event)
{
    struct datagram *datagram = HF_CONTAINER_OF(event, struct datagram, arrive);
    struct sim_udp *udp = datagram->udp;

    hf_list_remove(&datagram->node); /* so that it is not freed from inside of its arrival */
    if (udp->path->cut || (!datagram->up && !same_place(datagram->place, udp->place)))
        udp->lost++;
    else
        udp->ops->arrived(udp, datagram->up, datagram->place,
                          (struct hf_slice){datagram->data, datagram->bytes});
    free(datagram);
}

static bool happens(struct sim_udp *udp, uint32_t permille)
{
    return permille > 0 && hf_rng_below(&udp->net->rng, 1000) < permille;
}

static void send_one(struct sim_udp *udp, bool up, struct sim_udp_place place, struct hf_slice bytes)
{
    struct hf_rng *rng = &udp->net->rng;
    uint64_t delay_us =
        udp->path->latency_us + (udp->path->jitter_us ? hf_rng_below(rng, udp->path->jitter_us + 1u) : 0);

    if (happens(udp, udp->late_permille))
        delay_us += hf_rng_below(rng, udp->late_us_max + 1u);
    if (udp->path->cut || happens(udp, udp->path->loss_permille) || happens(udp, udp->loss_permille)) {
        udp->lost++;
        return;
    }
    struct datagram *datagram = malloc(sizeof(*datagram) + bytes.bytes);
    HF_ASSERT(datagram != NULL);
    *datagram = (struct datagram){
        .arrive = {.on_due = on_arrive}, .udp = udp, .place = place, .up = up, .bytes = bytes.bytes};
    memcpy(datagram->data, bytes.at, bytes.bytes);
    hf_list_init(&datagram->node);
    hf_list_push_back(&udp->under_way, &datagram->node);
    sim_in(udp->net->events, &datagram->arrive, delay_us);
}

static void send_it(struct sim_udp *udp, bool up, struct sim_udp_place place, struct hf_slice bytes)
{
    udp->sent++;
    send_one(udp, up, place, bytes);
    if (happens(udp, udp->twice_permille)) {
        udp->doubled++;
        send_one(udp, up, place, bytes);
    }
}

void sim_udp_send_up(struct sim_udp *udp, struct hf_slice bytes)
{
    send_it(udp, true, udp->place, bytes);
}

void sim_udp_send_down(struct sim_udp *udp, struct sim_udp_place to, struct hf_slice bytes)
{
    send_it(udp, false, to, bytes);
}
