#include "sim/plan.h"

#include <string.h>

#include "base/assert.h"
#include "core/gb/subscription.h"
#include "sim/camera.h"

#define SIM_FAULT_NAME(id, name) name,
static const char *const names[] = {SIM_FAULT_MAP(SIM_FAULT_NAME)};

const char *sim_fault_name(enum sim_fault fault)
{
    return names[fault];
}

#define F(name) (1u << SIM_FAULT_##name)

#define NETWORK (F(SLOW_NET) | F(BURST) | F(CUT) | F(CUT_ALL) | F(DROP) | F(RESET) | F(SLOW_READER))
#define DEVICES (F(DEVICE_KILL) | F(DEVICE_POWER) | F(RETURN) | F(ADMIN) | F(TWIN))
#define CRASHES (F(KILL) | F(KILL_POWER) | F(POWER) | F(TERM) | F(STORE_LOST))
#define DISK    (F(DISK_FULL) | F(DISK_READ_ONLY) | F(DISK_SLOW) | F(DISK_ERROR))
#define TIME    (F(CLOCK) | F(STOP) | F(STARVE))
#define CAMERAS (F(CAM_LOSS) | F(CAM_CUT) | F(CAM_MOVE) | F(CAM_RESET) | F(CAM_KILL) | F(CAM_HANG))

const struct sim_scenario sim_scenarios[] = {
    {"calm", "nothing goes wrong", 0, 0, 0, 8, 0, false},
    {"network", "slow, lossy, cut, forgotten and reset connections, slow readers", NETWORK, 3, 12, 8, 0,
     false},
    {"devices", "devices die, lose power, return together, are thrown out, have a twin", DEVICES | F(RESET),
     3, 12, 8, 0, false},
    {"crash", "the gateway is killed between any two of its effects", F(KILL) | F(TERM) | F(STORE_LOST), 2, 8,
     6, 0, false},
    {"power", "power cuts with torn writes, and a network that breaks",
     F(POWER) | F(KILL) | F(KILL_POWER) | F(RESET) | F(CUT), 2, 8, 6, 0, false},
    {"disk", "full, read-only, slow and failing disks, and crashes with them", DISK | F(KILL) | F(POWER), 2,
     8, 6, 0, false},
    {"time", "clocks that step, a process that is stopped or starved", TIME | F(RESET) | F(KILL), 2, 8, 6, 0,
     false},
    {"frames", "session frames doubled, swapped, late, lost, damaged; connections reset",
     F(MANGLE) | F(RESET) | F(DEVICE_KILL) | F(KILL), 3, 12, 5, 0, false},
    {"rot", "bits rot while the gateway is down", F(ROT) | F(KILL), 2, 5, 4, 0, false},
    {"all", "everything at once", NETWORK | DEVICES | CRASHES | DISK | TIME, 4, 16, 8, 0, false},
    {"cameras", "cameras by SIP: datagrams lost, doubled, late, connections cut, moves, deaths", CAMERAS, 3,
     16, 1, SIM_CAMERAS_MAX, false},
    {"cameras_crash", "the same, and the gateway is killed, drained, stopped and starved",
     CAMERAS | F(KILL) | F(TERM) | F(STORE_LOST) | F(POWER) | F(STOP) | F(STARVE), 3, 16, 1, 6, false},
    {"twins", "shadows and samples: connections break, devices die, return, are thrown out",
     NETWORK | DEVICES, 2, 10, 4, 0, true},
    {"twins_crash", "the same, and the gateway is killed, drained, stopped, loses power and its tables",
     CRASHES | F(STOP) | F(STARVE) | F(CLOCK) | F(DISK_ERROR) | F(DISK_FULL) | F(RESET) | F(CUT) |
         F(DEVICE_KILL) | F(DEVICE_POWER),
     2, 8, 4, 0, true},
    {"twins_frames", "the same, with session frames doubled, swapped, late, lost, damaged",
     F(MANGLE) | F(RESET) | F(DEVICE_KILL) | F(KILL), 3, 12, 4, 0, true},
};
const unsigned sim_scenario_count = sizeof(sim_scenarios) / sizeof(sim_scenarios[0]);

const struct sim_scenario *sim_scenario_by_name(const char *name)
{
    for (unsigned i = 0; i < sim_scenario_count; i++)
        if (strcmp(sim_scenarios[i].name, name) == 0)
            return &sim_scenarios[i];
    return NULL;
}

uint64_t sim_wait(struct hf_rng *rng, uint64_t mean)
{
    uint64_t wait = mean / 4 + 1;

    for (unsigned i = 0; i < 3 && hf_rng_below(rng, 2); i++)
        wait += mean / 2;
    return wait + hf_rng_below(rng, mean + 1);
}

static uint32_t one_of(struct hf_rng *rng, uint32_t a, uint32_t b, uint32_t c)
{
    switch (hf_rng_below(rng, 3)) {
    case 0: return a;
    case 1: return b;
    default: return c;
    }
}

static void draw_beats(struct hf_session_rules *session)
{
    for (unsigned i = HF_PROFILE_DEFAULT; i < HF_PROFILES; i++)
        session->beats[i] = (struct hf_beat_rules){
            .profile = (uint8_t)i, .k = 3, .idle_ms = 30000, .repeat_ms = 7500, .dead_ms = 60000};
}

static void draw_rules(struct hf_tenant_rules *rules, struct hf_rng *rng)
{
    uint32_t high = one_of(rng, 4096, 32768, 262144);

    *rules = (struct hf_tenant_rules){
        .heartbeat_interval_ms = 30000,
        .heartbeat_repeat_ms = 7500,
        .heartbeat_dead_ms = 60000,
        .queue_high_bytes = high,
        .queue_low_bytes = high / 4,
        .policies = {sim_percent(rng, 80) ? HF_POLICY_MUST_DELIVER : hf_rng_below(rng, HF_POLICIES),
                     1 + hf_rng_below(rng, HF_POLICIES - 1), HF_POLICY_MUST_DELIVER},
        .sample_every_ms = high / 32, /* 128, 1,024 or 8,192 ms */
        .outbox_messages_max = one_of(rng, 20, 100, 1000),
        .outbox_bytes_max = 1 << 20,
        .ttl_default_ms = 24 * 3600 * 1000,
        .ttl_max_ms = 24 * 3600 * 1000,
        .uplink = {one_of(rng, 20, 200, 1000), one_of(rng, 40, 400, 2000)},
        .commands = {20, 40},
        .subscriptions_max = 64,
        .idempotency_ms = 3600000,
        .default_topic = HF_SLICE("default"),
        .session = {.enabled = true,
                    .profile = HF_PROFILE_DEFAULT,
                    .window_messages = one_of(rng, 4, 64, 256),
                    .window_bytes = one_of(rng, 4096, 65536, 1 << 20),
                    .resume_ms = one_of(rng, 5000, 60000, 300000)},
        .shadow = {32 << 10, 8, 16, 100, 1 << 20, {100, 200}, 0},
    };
}

static void draw_cameras(struct sim_plan *plan, const struct sim_scenario *scenario, struct hf_rng *rng)
{
    plan->cameras = (unsigned)sim_between(rng, 1, scenario->cameras_max);
    plan->active_us = UINT64_C(1000000) * sim_between(rng, 60, 400);
    plan->publish_us = 2000000; /* the other device is there for company */
    plan->send_us = 4000000;
    plan->rest_permille = 0; /* cameras never stop to report */
    plan->gb = (struct hf_gb_limits){
        .expires_max_s = SIM_SIP_EXPIRES_S,
        .keepalive_ms = SIM_SIP_KEEPALIVE_MS,
        .keepalive_count = SIM_SIP_KEEPALIVE_COUNT,
        .nonce_lifetime_ms = sim_percent(rng, 50) ? 4000 : HF_SIP_NONCE_LIFETIME_MS,
        .list_wait_ms = 20000,
        .list_idle_ms = 5000,
        .catalog_max_age_s = 20,
        .subscribe = sim_percent(rng, 50) ? 1u << HF_GB_TOPIC_CATALOG | 1u << HF_GB_TOPIC_ALARM : 0,
    };
}

static void draw_twins(struct sim_plan *plan, struct hf_rng *rng)
{
    plan->active_us = UINT64_C(1000000) * sim_between(rng, 10, 40);
    plan->publish_us = 1000 * one_of(rng, 100, 500, 2000);
    plan->send_us = 1000 * one_of(rng, 300, 1500, 5000);
    plan->key_percent = HF_MAX(plan->key_percent, 50u);
    if (sim_percent(rng, 25)) { /* so many that the log is synced at a pace */
        plan->burst = 60;
        plan->publish_us = 1000000;
        plan->unacked_max = 200;
        plan->payload_bytes_max = 20;
        plan->room_bytes = 131072;
        plan->rules.uplink = (struct hf_rate_limit){1000, 2000};
        plan->rules.session.window_messages = 256;
        plan->rules.session.window_bytes = 1 << 20;
    }
    if (plan->retain_bytes == 0 && sim_percent(rng, 10)) /* the tables' disk is slow */
        plan->store_lag_us = 3000000;
    plan->samples = true;
    plan->shadow_us = 1000 * one_of(rng, 30, 300, 1500);
    plan->rules.shadow.versions_max = one_of(rng, 3, 20, 100);
    plan->rules.shadow.changes = (struct hf_rate_limit){one_of(rng, 5, 100, 100), one_of(rng, 10, 200, 200)};
}

void sim_plan_draw(struct sim_plan *plan, const struct sim_scenario *scenario, struct hf_rng *rng)
{
    *plan = (struct sim_plan){
        .devices = (unsigned)sim_between(rng, 1, scenario->devices_max),
        .apps = (unsigned)sim_between(rng, 1, 2),
        .workers = (unsigned)sim_between(rng, 1, 3),
        .episodes = (unsigned)sim_between(rng, scenario->episodes_min, scenario->episodes_max),
        .active_us = UINT64_C(1000000) * sim_between(rng, 10, 90),
        .calm_us = UINT64_C(1000000) * 400,
        .publish_us = 1000 * one_of(rng, 50, 200, 1000),
        .send_us = 1000 * one_of(rng, 60, 300, 1500),
        .payload_bytes_max = one_of(rng, 20, 200, 2000),
        .unacked_max = one_of(rng, 4, 32, 200),
        .command_percent = one_of(rng, 20, 50, 90),
        .key_percent = one_of(rng, 50, 90, 100),
        .wait_percent = 50,
        .lazy_permille = one_of(rng, 0, 50, 200),
        .session_percent = one_of(rng, 0, 60, 100),
        .return_per_second = one_of(rng, 0, 5, 500),
        .profile = (uint32_t)hf_rng_below(rng, 4),
        .window_messages = one_of(rng, 2, 16, 256),
        .commit_ms = one_of(rng, 0, 2, 50),
        .queue_messages_max = one_of(rng, 16, 100, 10000),
        .queue_bytes_max = 1 << 20,
        .group_wait_us = one_of(rng, 0, 0, 2000),
        .store_lag_us = one_of(rng, 100, 5000, 500000),
        .full_grace_ms = one_of(rng, 200, 2000, 5000),
        .segment_bytes = 64 << 10,
        .room_bytes = one_of(rng, 4096, 16384, 131072),
        .retain_bytes = sim_percent(rng, 25) ? 512 << 10 : 0,
        .rest_permille = one_of(rng, 0, 2, 10),
    };
    plan->group_pace_us = plan->group_wait_us == 0 ? 2000 : 0;
    draw_rules(&plan->rules, rng);
    draw_beats(&plan->rules.session);
    if (scenario->faults & F(CLOCK) && sim_percent(rng, 30))
        plan->key_percent = 0;
    if (plan->retain_bytes > 0) /* the tables are not so far behind that what they need is gone */
        plan->store_lag_us = HF_MIN(plan->store_lag_us, 5000u);
    plan->mangle = (scenario->faults & F(MANGLE)) != 0;
    if (plan->mangle)
        plan->session_percent = 100;
    if (scenario->cameras_max > 0)
        draw_cameras(plan, scenario, rng);
    if (scenario->twins)
        draw_twins(plan, rng);
    plan->twin = plan->devices > 2 && (scenario->faults & F(TWIN)) && sim_percent(rng, 50);
}
