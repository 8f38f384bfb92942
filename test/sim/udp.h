/* test/sim/udp.h - datagrams on a path of net.h: whole or not at all, lost, doubled, late, and so in any order. A mapping of the NAT on the way may change its
 * port or address: what is sent to the old one is lost. Nothing tells anybody but arrival. */
#ifndef HF_SIM_UDP_H
#define HF_SIM_UDP_H

#include "base/slice.h"
#include "sim/net.h"

struct sim_udp;

struct sim_udp_place { /* where the gateway sees the device */
    uint8_t address[4];
    uint16_t port;
};

struct sim_udp_ops {
    /* up: to the gateway, from that place. The bytes are the callee's for the call. */
    void (*arrived)(struct sim_udp *udp, bool up, struct sim_udp_place from, struct hf_slice bytes);
};

struct sim_udp { /* the way of one device */
    struct sim_net *net;
    struct sim_path *path;
    const struct sim_udp_ops *ops;
    struct sim_udp_place place;
    uint32_t loss_permille, twice_permille, late_permille; /* besides what the path loses */
    uint32_t late_us_max;
    struct hf_list_node under_way;
    uint64_t sent, lost, doubled;
};

void sim_udp_init(struct sim_udp *udp, struct sim_net *net, struct sim_path *path,
                  const struct sim_udp_ops *ops, struct sim_udp_place place);
void sim_udp_deinit(struct sim_udp *udp);
void sim_udp_send_up(struct sim_udp *udp, struct hf_slice bytes);
void sim_udp_send_down(struct sim_udp *udp, struct sim_udp_place to, struct hf_slice bytes);

#endif
