/* test/sim/faults.h - what goes wrong, when, to whom: episodes drawn from the seed before the world begins. All are over when calm begins. */
#ifndef HF_SIM_FAULTS_H
#define HF_SIM_FAULTS_H

#include "sim/event.h"
#include "sim/plan.h"

enum { SIM_EPISODES_MAX = 32 };

struct sim_episode {
    struct sim *sim;
    struct sim_event begin, end;
    enum sim_fault fault;
    uint64_t begin_us, duration_us, strength; /* strength: what the fault makes of it */
    unsigned device;
    bool running;
};

struct sim_faults {
    struct sim_episode episodes[SIM_EPISODES_MAX];
    unsigned count;
    struct hf_rng rng;
};

void sim_faults_draw(struct sim *sim);
void sim_faults_end(struct sim *sim); /* whatever still goes wrong stops, what is down starts */

#endif
