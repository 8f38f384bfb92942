/* test/sim/sim.h - one world: a gateway, devices, applications, a network and a disk on one clock, all drawn from one seed. One thread, no system call but
 * print: the same seed gives the same trace, byte for byte.
 *
 *   plan.h     what this world is like, drawn from the seed and the scenario
 *   faults.h   what goes wrong in it, and when
 *   oracle.h   what must be true all the same
 */
#ifndef HF_SIM_SIM_H
#define HF_SIM_SIM_H

#include "sim/app.h"
#include "sim/camera.h"
#include "sim/camera_app.h"
#include "sim/device.h"
#include "sim/faults.h"
#include "sim/gateway.h"
#include "sim/oracle.h"
#include "sim/plan.h"

struct sim {
    uint64_t seed;
    const struct sim_scenario *scenario;
    struct sim_plan plan;
    struct sim_events events;
    struct sim_trace trace;
    struct hf_rng rng; /* of what belongs to nobody: scheduling */
    struct sim_net net;
    struct sim_gateway gateway;
    struct sim_device *devices; /* owns: plan.devices */
    struct sim_app *apps;       /* owns: plan.apps */
    struct sim_camera *cameras; /* owns: plan.cameras */
    struct hf_text_conv conv;   /* this and all below up to calls: with cameras only */
    struct hf_sip_hasher *hasher;
    struct hf_cam_world cam_buffers;
    struct hf_cam_reel *reel;
    struct sim_camera_app camera_app;
    struct sim_call calls[SIM_CALLS_MAX];
    uint32_t call_count;
    struct sim_faults faults;
    struct sim_oracle oracle;
    bool calm; /* faults are over and nobody begins anything new: what is open must come to its end */
};

struct sim_options {
    uint64_t seed;
    const struct sim_scenario *scenario; /* NULL = by the seed */
    FILE *trace;                         /* NULL = none */
    bool hashing;
};

struct sim_result {
    bool failed;
    char message[512]; /* what broke, when, at which step */
    uint64_t hash, lines, steps, simulated_us;
    uint64_t records, messages, commands, crashes, connections;
    uint64_t shadow_changes, shadows_deleted, refused_alone, pushes, audited, batches /* of samples */,
        paced_groups /* of the log */;
    uint64_t registrations, lists, calls, datagrams_lost; /* of cameras */
};

void sim_run(const struct sim_options *options, struct sim_result *ret_result);

/* For signal handlers: where the world stands. NULL between worlds. */
extern const struct sim *sim_current;

/* The oracle's verdict; the first one counts, and the world ends at the next event. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
