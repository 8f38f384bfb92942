/* test/sim/sip_host.h - a worker's share of the cameras as app/gb*.c have it: the shipped site (adapter/gb28181/site.h), datagrams that come to any worker and go to
 * their device's home, TCP connections that stay where they were accepted, and a relay that gives ports to calls and sees whether packets come. */
#ifndef HF_SIM_SIP_HOST_H
#define HF_SIM_SIP_HOST_H

#include "adapter/gb28181/site.h"
#include "base/list.h"
#include "sim/net.h"
#include "sim/udp.h"

struct sim;
struct sim_camera;
struct sim_gateway;
struct sim_worker;

#define SIM_SIP_REALM    "3402000000"
#define SIM_SIP_SERVER   "34020000002000000001"
#define SIM_SIP_PASSWORD "its password"

enum {
    SIM_SIP_KEEPALIVE_MS = 10000,
    SIM_SIP_KEEPALIVE_COUNT = 3,
    SIM_SIP_PORT = 5060,
    SIM_SIP_EXPIRES_S = 3600,
};

struct sim_gb {
    struct hf_gb_site *site;     /* owns; NULL: no cameras in this world */
    struct hf_list_node streams; /* struct stream of sip_host_tcp.c */
};

struct sim_sip_post { /* from one worker to another, or from a socket */
    struct hf_sip_flow flow;
    enum {
        SIM_SIP_MESSAGE,
        SIM_SIP_SEND,
        SIM_SIP_FINISH,
        SIM_SIP_PROVEN,
        SIM_SIP_CLOSED,
        SIM_SIP_DATAGRAM
    } word;
    size_t bytes;
    char data[];
};

/* Of a worker; all harmless in worlds without cameras. */
hf_err sim_gb_start(struct sim_worker *worker);
hf_err sim_gb_restore(struct sim_worker *worker);
void sim_gb_drain(struct sim_worker *worker);
void sim_gb_end(struct sim_worker *worker); /* connections and devices go; what it says is not heard */
void sim_gb_free(struct sim_worker *worker);
void sim_gb_on_post(struct sim_worker *worker, struct sim_sip_post *post); /* frees it */
void sim_gb_post(struct sim_worker *worker, unsigned to, unsigned word, const struct hf_sip_flow *flow,
                 struct hf_slice bytes);
/* A message at the worker that its socket belongs to. */
hf_err sim_gb_deliver(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes,
                      unsigned *ret_home);

/* Sockets. */
extern const struct sim_udp_ops sim_sip_udp_ops;
void sim_gb_on_accept(struct sim_worker *worker, struct sim_sock *sock); /* sip_host_tcp.c, these five */
hf_err sim_gb_stream_send(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes);
void sim_gb_stream_finish(struct sim_worker *worker, const struct hf_sip_flow *flow);
void sim_gb_stream_proven(struct sim_worker *worker, const struct hf_sip_flow *flow);
void sim_gb_streams_end(struct sim_worker *worker);

#endif
