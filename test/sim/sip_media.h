/* test/sim/sip_media.h - whoever receives media of the calls (adapter/gb28181/media.h): gives ports, sees packets come or not, and says so later, as app/media.c does from its
 * own thread. */
#ifndef HF_SIM_SIP_MEDIA_H
#define HF_SIM_SIP_MEDIA_H

#include "adapter/gb28181/media.h"
#include "base/rng.h"

struct sim_gateway;
struct sim_worker;

enum { SIM_LEGS_MAX = 24, SIM_LEG_SILENT_US = 10000000 };

struct sim_leg {
    struct sim_worker *worker;
    uint64_t token, heard_us;
    uint16_t port;
    bool open, answered, first, silent;
};

struct sim_media { /* of a gateway's process */
    struct sim_leg legs[SIM_LEGS_MAX];
    uint32_t opened;
    struct hf_rng rng;
};

extern const struct hf_gb_media_ops sim_media_ops; /* context: the worker */
void sim_media_init(struct sim_gateway *gateway);
void sim_media_second(struct sim_worker *worker); /* looks who is silent */
void sim_media_packet(struct sim_gateway *gateway, uint16_t port);
unsigned sim_media_open_legs(const struct sim_gateway *gateway);

#endif
