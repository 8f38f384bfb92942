#include "sim/faults.h"

#include <inttypes.h>

#include "sim/device_core.h"
#include "sim/sim.h"
#include "store/memory/kv_memory.h"

#define MS UINT64_C(1000)
#define S  UINT64_C(1000000)

typedef void act(struct sim *sim, struct sim_episode *episode);

static struct sim_device *device_of(struct sim_episode *episode)
{
    return &episode->sim->devices[episode->device];
}

/* ---- the network ---- */

static void slow_net(struct sim *sim, struct sim_episode *episode)
{
    struct sim_path *path = &device_of(episode)->path;

    (void)sim;
    path->latency_us = (uint32_t)(100 * MS + episode->strength % (500 * MS));
    path->loss_permille = 50;
}

static void burst(struct sim *sim, struct sim_episode *episode)
{
    struct sim_path *path = &device_of(episode)->path;

    (void)sim;
    path->jitter_us = 11 * MS;
    path->loss_permille = 200;
    path->segment_bytes = 1 + episode->strength % 64;
}

static void net_good(struct sim *sim, struct sim_episode *episode)
{
    struct sim_path *path = &device_of(episode)->path;

    (void)sim;
    path->latency_us = (uint32_t)MS;
    path->jitter_us = path->loss_permille = 0;
    path->segment_bytes = 1 << 16;
}

static void cut(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    device_of(episode)->path.cut = true;
}

static void heal(struct sim *sim, struct sim_episode *episode)
{
    device_of(episode)->path.cut = false;
    sim_path_heal(&sim->net, &device_of(episode)->path);
}

static void cut_all(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim->devices[i].path.cut = true;
}

static void heal_all(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    for (unsigned i = 0; i < sim->plan.devices; i++) {
        sim->devices[i].path.cut = false;
        sim_path_heal(&sim->net, &sim->devices[i].path);
    }
}

static void drop(struct sim *sim, struct sim_episode *episode)
{
    sim_path_drop(&sim->net, &device_of(episode)->path);
}

static void reset(struct sim *sim, struct sim_episode *episode)
{
    struct sim_path *path = &device_of(episode)->path;

    path->segment_bytes = 1 + episode->strength % 32; /* so that it may hit any byte */
    sim_path_reset_one(&sim->net, path);
}

/* ---- devices ---- */

static void slow_reader(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    sim_device_slow(device_of(episode), true);
}

static void reads_again(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    sim_device_slow(device_of(episode), false);
}

static void device_kill(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    if (device_of(episode)->running)
        sim_device_stop(device_of(episode), false, episode->duration_us);
}

static void device_power(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    if (device_of(episode)->running)
        sim_device_stop(device_of(episode), true, episode->duration_us);
}

static void mangle(struct sim *sim, struct sim_episode *episode)
{
    (void)sim;
    if (device_of(episode)->core != NULL)
        sim_core_mangle(device_of(episode), 10 + episode->strength % 200);
}

static void mangle_end(struct sim *sim, struct sim_episode *episode)
{
    struct sim_core *core = device_of(episode)->core;

    if (core == NULL)
        return;
    sim_trace(&sim->trace, device_of(episode)->who, "mangled %" PRIu64 " frames up, %" PRIu64 " down",
              core->up.mangled, core->down.mangled);
    sim_core_mangle(device_of(episode), 0);
}

static void all_return(struct sim *sim, struct sim_episode *episode)
{
    for (unsigned i = 0; i < sim->plan.devices; i++)
        if (sim->devices[i].running)
            sim_device_stop(&sim->devices[i], true, episode->duration_us);
}

static void admin(struct sim *sim, struct sim_episode *episode)
{
    if (episode->strength % 2)
        sim_app_disconnect(&sim->apps[0], episode->device);
    else
        sim_device_drop_link(device_of(episode));
}

/* ---- cameras ---- */

static struct sim_camera *camera_of(struct sim *sim, const struct sim_episode *episode)
{
    return &sim->cameras[episode->strength / 7 % sim->plan.cameras];
}

static void cam_loss(struct sim *sim, struct sim_episode *episode)
{
    struct sim_camera *camera = camera_of(sim, episode);

    camera->path.latency_us = (uint32_t)(MS + episode->strength % (100 * MS));
    camera->path.segment_bytes = 1 + (uint32_t)(episode->strength / 3 % 200);
    camera->udp.loss_permille = (uint32_t)(episode->strength / 5 % 600);
    camera->udp.twice_permille = (uint32_t)(episode->strength / 11 % 500);
    camera->udp.late_permille = (uint32_t)(episode->strength / 13 % 500);
    camera->udp.late_us_max = (uint32_t)(3 * S);
}

static void cam_good(struct sim *sim, struct sim_episode *episode)
{
    struct sim_camera *camera = camera_of(sim, episode);

    camera->path.latency_us = (uint32_t)MS;
    camera->path.segment_bytes = 1 << 16;
    camera->udp.loss_permille = camera->udp.twice_permille = camera->udp.late_permille = 0;
}

static void cam_cut(struct sim *sim, struct sim_episode *episode)
{
    camera_of(sim, episode)->path.cut = true;
}

static void cam_heal(struct sim *sim, struct sim_episode *episode)
{
    camera_of(sim, episode)->path.cut = false;
    sim_path_heal(&sim->net, &camera_of(sim, episode)->path);
}

static void cam_move(struct sim *sim, struct sim_episode *episode)
{
    sim_camera_move(camera_of(sim, episode), episode->strength % 3 == 0);
}

static void cam_reset(struct sim *sim, struct sim_episode *episode)
{
    struct sim_path *path = &camera_of(sim, episode)->path;

    path->segment_bytes = 1 + episode->strength % 32;
    sim_path_reset_one(&sim->net, path);
}

static void cam_kill(struct sim *sim, struct sim_episode *episode)
{
    sim_camera_stop(camera_of(sim, episode), episode->strength % 2, episode->duration_us);
}

static void cam_hang(struct sim *sim, struct sim_episode *episode)
{
    sim_camera_hang(camera_of(sim, episode), true);
}

static void cam_hang_end(struct sim *sim, struct sim_episode *episode)
{
    sim_camera_hang(camera_of(sim, episode), false);
}

/* ---- the gateway ---- */

static void die(struct sim *sim, struct sim_episode *episode, bool power)
{
    struct sim_gateway *gateway = &sim->gateway;

    if (!gateway->running || gateway->dying)
        return;
    if (episode->strength % 4 == 0) /* between two of its turns; else in the middle of one */
        sim_gateway_crash(gateway, power, episode->duration_us);
    else
        sim_gateway_crash_at(gateway, power, 1 + episode->strength / 4 % 400, episode->duration_us);
}

static void kill_it(struct sim *sim, struct sim_episode *episode)
{
    die(sim, episode, false);
}

static void power_cut(struct sim *sim, struct sim_episode *episode)
{
    die(sim, episode, true);
}

/* What a killed process leaves in the page cache is served by the next one; the power cut shows what of it was on the disk. */
static void kill_in_disk(struct sim *sim, struct sim_episode *episode)
{
    static const enum files_mem_op ops[] = {FILES_MEM_PWRITEV,  FILES_MEM_FDATASYNC, FILES_MEM_RENAME,
                                            FILES_MEM_SYNC_DIR, FILES_MEM_FALLOCATE, FILES_MEM_FTRUNCATE};

    if (sim->gateway.running && !sim->gateway.dying)
        sim_gateway_crash_at_op(&sim->gateway, ops[episode->strength % HF_COUNT_OF(ops)],
                                1 + episode->strength / 8 % 3, 1000);
}

static void cut_after_kill(struct sim *sim, struct sim_episode *episode)
{
    if (sim->gateway.running && !sim->gateway.dying)
        sim_gateway_crash(&sim->gateway, true, episode->strength % S);
}

static void term(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    sim_gateway_drain(&sim->gateway);
}

static void term_end(struct sim *sim, struct sim_episode *episode)
{
    if (sim->gateway.running && sim->gateway.draining)
        sim_gateway_crash(&sim->gateway, false, episode->strength % S);
}

static void store_lost(struct sim *sim, struct sim_episode *episode)
{
    struct sim_gateway *gateway = &sim->gateway;

    if (!gateway->running || gateway->dying || sim->plan.retain_bytes > 0)
        return; /* a log that has let go of its beginning cannot make the tables anew */
    sim_gateway_crash(gateway, false, episode->duration_us);
    hf_kv_close(gateway->kv);
    hf_err err = hf_kv_memory_open(&gateway->kv);
    HF_ASSERT(err == HF_OK);
}

static void rot(struct sim *sim, struct sim_episode *episode)
{
    struct sim_gateway *gateway = &sim->gateway;

    if (!gateway->running || gateway->dying || hf_log_durable_through(gateway->log) < 50)
        return;
    sim_gateway_crash(gateway, false, episode->duration_us);
    /* Not in the last group: there a rotten bit and a torn write look the same. */
    if (sim_disk_rot(&gateway->disk, (unsigned)(episode->strength % 500)))
        sim->oracle.rotten++;
}

static void stop(struct sim *sim, struct sim_episode *episode)
{
    sim_gateway_pause(&sim->gateway, HF_MIN(episode->duration_us, 5 * S));
}

static void starve(struct sim *sim, struct sim_episode *episode)
{
    sim->gateway.slowness = 100 + (uint32_t)(episode->strength % 900);
}

static void run_again(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    sim->gateway.slowness = 1;
}

static void step_clock(struct sim *sim, struct sim_episode *episode)
{
    static const int64_t steps_ms[] = {600000, -600000, -(int64_t)SIM_UTC_MS - 86400000};
    /* A jump of decades ends the time of every idempotency key. That is as documented, and no business of this oracle. */
    unsigned steps = sim->plan.key_percent > 0 ? 2 : 3;

    sim->gateway.clock.utc_offset_ms = steps_ms[episode->strength % steps];
}

static void clock_right(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    sim->gateway.clock.utc_offset_ms = 0;
}

/* ---- the disk ---- */

static void disk_full(struct sim *sim, struct sim_episode *episode)
{
    files_mem_budget(sim->gateway.disk.mem, episode->strength % (64 << 10));
}

static void disk_read_only(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    files_mem_read_only(sim->gateway.disk.mem, true);
}

static void disk_slow(struct sim *sim, struct sim_episode *episode)
{
    sim->gateway.disk.sync_us_min = (uint32_t)(100 * MS);
    sim->gateway.disk.sync_us_max = (uint32_t)(500 * MS + episode->strength % (2 * S));
}

static void disk_error(struct sim *sim, struct sim_episode *episode)
{
    static const enum files_mem_op ops[] = {FILES_MEM_PWRITEV, FILES_MEM_FDATASYNC, FILES_MEM_RENAME,
                                            FILES_MEM_SYNC_DIR};

    files_mem_fail(sim->gateway.disk.mem, ops[episode->strength % HF_COUNT_OF(ops)],
                   1 + episode->strength / 4 % 20, 1 + episode->strength / 80 % 3, HF_ERR_IO);
}

static void disk_good(struct sim *sim, struct sim_episode *episode)
{
    (void)episode;
    sim->gateway.disk.sync_us_min = 200;
    sim->gateway.disk.sync_us_max = 3000;
    sim_disk_heal(&sim->gateway.disk);
}

/* ---- the table ---- */

static const struct {
    act *begin, *end;
    uint32_t ms_min, ms_max; /* how long */
} faults[SIM_FAULTS] = {
    [SIM_FAULT_SLOW_NET] = {slow_net, net_good, 1000, 20000},
    [SIM_FAULT_BURST] = {burst, net_good, 500, 10000},
    [SIM_FAULT_CUT] = {cut, heal, 100, 120000},
    [SIM_FAULT_CUT_ALL] = {cut_all, heal_all, 100, 20000},
    [SIM_FAULT_DROP] = {drop, NULL, 0, 0},
    [SIM_FAULT_RESET] = {reset, net_good, 1, 5000},
    [SIM_FAULT_SLOW_READER] = {slow_reader, reads_again, 1000, 30000},
    [SIM_FAULT_DEVICE_KILL] = {device_kill, NULL, 0, 5000},
    [SIM_FAULT_DEVICE_POWER] = {device_power, NULL, 10, 150000},
    [SIM_FAULT_RETURN] = {all_return, NULL, 10, 10000},
    [SIM_FAULT_KILL] = {kill_it, NULL, 1, 5000},
    [SIM_FAULT_KILL_POWER] = {kill_in_disk, cut_after_kill, 100, 10000},
    [SIM_FAULT_POWER] = {power_cut, NULL, 100, 20000},
    [SIM_FAULT_TERM] = {term, term_end, 100, 7000},
    [SIM_FAULT_CLOCK] = {step_clock, clock_right, 100, 20000},
    [SIM_FAULT_DISK_FULL] = {disk_full, disk_good, 100, 20000},
    [SIM_FAULT_DISK_READ_ONLY] = {disk_read_only, disk_good, 100, 10000},
    [SIM_FAULT_DISK_SLOW] = {disk_slow, disk_good, 100, 10000},
    [SIM_FAULT_DISK_ERROR] = {disk_error, disk_good, 1000, 10000},
    [SIM_FAULT_STOP] = {stop, NULL, 10, 5000},
    [SIM_FAULT_STARVE] = {starve, run_again, 100, 5000},
    [SIM_FAULT_ADMIN] = {admin, NULL, 0, 0},
    [SIM_FAULT_STORE_LOST] = {store_lost, NULL, 10, 2000},
    [SIM_FAULT_MANGLE] = {mangle, mangle_end, 200, 20000},
    [SIM_FAULT_ROT] = {rot, NULL, 10, 2000},
    [SIM_FAULT_CAM_LOSS] = {cam_loss, cam_good, 1000, 120000},
    [SIM_FAULT_CAM_CUT] = {cam_cut, cam_heal, 100, 90000},
    [SIM_FAULT_CAM_MOVE] = {cam_move, NULL, 0, 0},
    [SIM_FAULT_CAM_RESET] = {cam_reset, cam_good, 1, 5000},
    [SIM_FAULT_CAM_KILL] = {cam_kill, NULL, 10, 60000},
    [SIM_FAULT_CAM_HANG] = {cam_hang, cam_hang_end, 100, 60000},
};

static void on_begin(struct sim_event *event)
{
    struct sim_episode *episode = HF_CONTAINER_OF(event, struct sim_episode, begin);
    struct sim *sim = episode->sim;

    sim_trace(&sim->trace, "FAULT", "%s dev%u for %" PRIu64 " ms", sim_fault_name(episode->fault),
              episode->device, episode->duration_us / 1000);
    episode->running = true;
    faults[episode->fault].begin(sim, episode);
    sim_in(&sim->events, &episode->end, episode->duration_us);
}

static void on_end(struct sim_event *event)
{
    struct sim_episode *episode = HF_CONTAINER_OF(event, struct sim_episode, end);

    episode->running = false;
    if (faults[episode->fault].end != NULL)
        faults[episode->fault].end(episode->sim, episode);
}

static enum sim_fault draw_fault(struct hf_rng *rng, uint32_t allowed)
{
    unsigned count = allowed >> SIM_FAULT_CAM_LOSS != 0 ? SIM_FAULTS : SIM_FAULT_CAM_LOSS;

    for (;;) {
        unsigned fault = (unsigned)hf_rng_below(rng, count);

        if (allowed >> fault & 1 && faults[fault].begin != NULL)
            return (enum sim_fault)fault;
    }
}

void sim_faults_draw(struct sim *sim)
{
    struct sim_faults *self = &sim->faults;

    hf_rng_seed(&self->rng, hf_rng_u64(&sim->rng));
    self->count = HF_MIN(sim->plan.episodes, (unsigned)SIM_EPISODES_MAX);
    for (unsigned i = 0; i < self->count; i++) {
        struct sim_episode *episode = &self->episodes[i];
        enum sim_fault fault = draw_fault(&self->rng, sim->scenario->faults);
        uint64_t longest_ms = faults[fault].ms_max;

        if (hf_rng_below(&self->rng, 4)) /* most are short */
            longest_ms = faults[fault].ms_min + (longest_ms - faults[fault].ms_min) / 8;
        *episode = (struct sim_episode){
            .sim = sim,
            .begin = {.on_due = on_begin},
            .end = {.on_due = on_end},
            .fault = fault,
            .begin_us = hf_rng_below(&self->rng, sim->plan.active_us),
            .duration_us = MS * sim_between(&self->rng, faults[fault].ms_min, longest_ms),
            .strength = hf_rng_u64(&self->rng),
            .device = (unsigned)hf_rng_below(&self->rng, sim->plan.devices),
        };
        sim_at(&sim->events, &episode->begin, episode->begin_us);
    }
}

void sim_faults_end(struct sim *sim)
{
    struct sim_faults *self = &sim->faults;

    sim_trace(&sim->trace, "FAULT", "all are over");
    for (unsigned i = 0; i < self->count; i++) {
        struct sim_episode *episode = &self->episodes[i];

        sim_cancel(&sim->events, &episode->begin);
        if (!sim_armed(&episode->end))
            continue;
        sim_cancel(&sim->events, &episode->end);
        on_end(&episode->end);
    }
    sim->gateway.die_nth = 0;
    sim->gateway.steps_left = sim->gateway.dying ? sim->gateway.steps_left : UINT64_MAX;
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_device_calm(&sim->devices[i]);
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_camera_calm(&sim->cameras[i]);
}
