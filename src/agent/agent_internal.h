/* agent/agent_internal.h - between agent.c (turns, states) and agent_device.c (one device: its ring, its batches, its client and what that says). */
#ifndef HF_AGENT_AGENT_INTERNAL_H
#define HF_AGENT_AGENT_INTERNAL_H

#include <holdfast/holdfast.h>

#include "agent/agent.h"
#include "agent/capture.h"
#include "agent/shadow.h"
#include "agent/tick.h"
#include "agent/uplink.h"

enum hf_agent_state {
    HF_AGENT_RUNNING,
    HF_AGENT_DRAINING,
    HF_AGENT_LINGERING,
    HF_AGENT_CLOSING,
    HF_AGENT_OVER
};

struct hf_agent_device {
    struct hf_agent *agent;
    unsigned index;
    struct hf_client *client; /* owns */
    struct hf_uplink uplink;
    struct hf_agent_shadow shadow;
    uint64_t due_ms;
    uint64_t newest_id, ended_id; /* of batches: the last that the queue took, the last that left it */
    bool over;                    /* the client has stopped */
    bool connected;
};

struct hf_agent {
    struct hf_agent_options options;
    enum hf_agent_state state;
    int epoll_fd, wake_fd;
    uint64_t now_ms, end_ms;
    struct hf_tick tick, look;
    uint64_t rounds; /* of batches */
    unsigned given_up;
    uint64_t linger_ms;
    bool woken;
    struct hf_source *source; /* owns */
    struct hf_capture capture;
    struct hf_ring **rings;
    unsigned device_count;
    struct hf_agent_device devices[];
};

/* Device `index` of agent->devices, with its ring in agent->rings: opens its queue, and has its client watched. As hf_agent_new. */
hf_err hf_agent_device_open(struct hf_agent *agent, unsigned index, const uint8_t *boot_id, char *error);

#endif
