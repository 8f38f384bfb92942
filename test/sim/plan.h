/* test/sim/plan.h - what a world is like: drawn once from seed and scenario, before anything happens. */
#ifndef HF_SIM_PLAN_H
#define HF_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/gb28181/site.h"
#include "base/rng.h"
#include "core/tenant.h"

struct sim;

#define SIM_FAULT_MAP(X)                                                                                     \
    X(SIM_FAULT_SLOW_NET, "slow_net")         /* F1: round trips of 200 ms and more, 5 % lost */             \
    X(SIM_FAULT_BURST, "burst")               /* F2: jitter, loss in bursts */                               \
    X(SIM_FAULT_CUT, "cut")                   /* F3: silence without FIN or RST */                           \
    X(SIM_FAULT_CUT_ALL, "cut_all")           /* the gateway's own network */                                \
    X(SIM_FAULT_DROP, "drop")                 /* F3, F4: a mapping is forgotten */                           \
    X(SIM_FAULT_RESET, "reset")               /* a reset at any byte */                                      \
    X(SIM_FAULT_SLOW_READER, "slow_reader")   /* F5 */                                                       \
    X(SIM_FAULT_DEVICE_KILL, "device_kill")   /* F26: the device's program dies */                           \
    X(SIM_FAULT_DEVICE_POWER, "device_power") /* F5: half-open; F26 */                                       \
    X(SIM_FAULT_RETURN, "return")             /* F6: the whole fleet goes and returns at once */             \
    X(SIM_FAULT_KILL, "kill")                 /* F7: kill -9 of the gateway, between or in its steps */      \
    X(SIM_FAULT_KILL_POWER,                                                                                  \
      "kill_power")             /* F7: a kill in the middle of a disk operation, a start, a power cut */     \
    X(SIM_FAULT_POWER, "power") /* F7: power cut with torn writes */                                         \
    X(SIM_FAULT_TERM, "term")   /* a drain and a new start */                                                \
    X(SIM_FAULT_CLOCK, "clock") /* F8 */                                                                     \
    X(SIM_FAULT_DISK_FULL, "disk_full") /* F14 */                                                            \
    X(SIM_FAULT_DISK_READ_ONLY, "disk_read_only")                                                            \
    X(SIM_FAULT_DISK_SLOW, "disk_slow")                                                                      \
    X(SIM_FAULT_DISK_ERROR, "disk_error") /* writes and syncs that fail */                                   \
    X(SIM_FAULT_STOP, "stop")             /* F24: SIGSTOP */                                                 \
    X(SIM_FAULT_STARVE, "starve")         /* F24: CPU starved */                                             \
    X(SIM_FAULT_ADMIN, "admin")           /* disconnects by an administrator */                              \
    X(SIM_FAULT_TWIN, "twin")             /* a second device with the same identity */                       \
    X(SIM_FAULT_STORE_LOST, "store_lost") /* the tables are gone: all of the log is replayed */              \
    X(SIM_FAULT_MANGLE, "mangle")         /* F15: frames doubled, swapped, late, lost, with a bit flipped */ \
    X(SIM_FAULT_ROT, "rot")               /* a bit of the log rots while the gateway is down */              \
    X(SIM_FAULT_CAM_LOSS, "cam_loss")     /* datagrams lost, doubled, late; TCP in pieces, slow */           \
    X(SIM_FAULT_CAM_CUT, "cam_cut")       /* silence in both directions */                                   \
    X(SIM_FAULT_CAM_MOVE, "cam_move")     /* another port or address from now on */                          \
    X(SIM_FAULT_CAM_RESET, "cam_reset")   /* its TCP connection is cut at any byte */                        \
    X(SIM_FAULT_CAM_KILL, "cam_kill")     /* its program dies, or it loses power */                          \
    X(SIM_FAULT_CAM_HANG, "cam_hang")     /* its program hangs */
#define SIM_FAULT_ENUM(id, name) id,
enum sim_fault { SIM_FAULT_MAP(SIM_FAULT_ENUM) SIM_FAULTS };
_Static_assert(SIM_FAULTS <= 32, "bits");
#undef SIM_FAULT_ENUM
const char *sim_fault_name(enum sim_fault fault);

struct sim_scenario {
    const char *name, *text;
    uint32_t faults; /* bit per fault that may happen */
    uint8_t episodes_min, episodes_max;
    uint8_t devices_max;
    uint8_t cameras_max; /* 0: no cameras, and what they need is not drawn */
    bool twins;          /* devices have shadows and sensors */
};
extern const struct sim_scenario sim_scenarios[];
extern const unsigned sim_scenario_count;
const struct sim_scenario *sim_scenario_by_name(const char *name); /* or NULL */

struct sim_plan {
    unsigned devices, apps, workers, episodes;
    uint64_t active_us;           /* how long devices and applications begin new things */
    uint64_t calm_us;             /* how long what is open may take after that */
    uint32_t publish_us, send_us; /* mean time between a device's messages, an application's requests */
    uint32_t payload_bytes_max;
    uint32_t room_bytes;  /* of a connection's kernels, each way */
    uint32_t unacked_max; /* a device keeps so many messages and then waits */
    uint32_t command_percent, key_percent, wait_percent, lazy_permille;
    uint32_t session_percent; /* of the devices speak holdfast.v1 */
    uint32_t return_per_second, profile, window_messages, commit_ms, queue_messages_max;
    uint64_t queue_bytes_max;
    uint32_t group_wait_us, group_pace_us, store_lag_us, full_grace_ms;
    uint64_t segment_bytes, retain_bytes;
    uint32_t rest_permille; /* of its reads an application follows by a rest of up to a minute */
    bool mangle;            /* something may happen to frames of holdfast.v1 */
    bool twin;              /* the last device is a second machine with the identity of the first */
    struct hf_tenant_rules rules;
    unsigned cameras;
    struct hf_gb_limits gb;
    uint32_t
        burst; /* messages that a device makes at once, at the same moment as all others; 0 = one, whenever it likes */
    bool samples;       /* a third of each device's messages are batches */
    uint32_t shadow_us; /* mean time between changes of an application, of a device; 0 = none */
};

void sim_plan_draw(struct sim_plan *plan, const struct sim_scenario *scenario, struct hf_rng *rng);

/* min..max, both included. */
static inline uint64_t sim_between(struct hf_rng *rng, uint64_t min, uint64_t max)
{
    return min + hf_rng_below(rng, max - min + 1);
}
static inline bool sim_percent(struct hf_rng *rng, unsigned percent)
{
    return hf_rng_below(rng, 100) < percent;
}
/* Around `mean`, with the long tail of waiting times: min(4 means, exponential). */
uint64_t sim_wait(struct hf_rng *rng, uint64_t mean);

#endif
