#include "sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bench/gb/reel_testkit.h"
#include "io/charset.h"
#include "sim/device_core.h"

#define S UINT64_C(1000000)

enum {
    STEPS_MAX = 20000000,
    REST_US = 120000000, /* silence is noticed, questions to the suspects end, transactions are over */
};

const struct sim *sim_current;

static const struct sim_scenario *scenario_of(const struct sim_options *options)
{
    return options->scenario ? options->scenario : &sim_scenarios[options->seed % sim_scenario_count];
}

static void begin_cameras(struct sim *sim)
{
    hf_err err = hf_charset_open(&sim->conv);

    if (err == HF_OK)
        err = hf_cam_world_init(&sim->cam_buffers);
    uint8_t film[REEL_BYTES_MAX];
    if (err == HF_OK)
        err = hf_cam_reel_new(&sim->reel);
    if (err == HF_OK)
        err = hf_cam_reel_feed(sim->reel, film, reel_stream(0, film));
    if (err == HF_OK)
        err = hf_cam_reel_end(sim->reel);
    sim->hasher = hf_sip_hasher_new();
    sim->cameras = calloc(sim->plan.cameras, sizeof(*sim->cameras));
    HF_ASSERT(err == HF_OK && sim->hasher != NULL && sim->cameras != NULL);
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_camera_init(&sim->cameras[i], sim, i);
    sim_camera_app_init(&sim->camera_app, sim);
}

static void end_cameras(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_camera_deinit(&sim->cameras[i]);
    free(sim->cameras);
    sim_camera_app_deinit(&sim->camera_app);
    hf_cam_reel_free(sim->reel);
    hf_cam_world_deinit(&sim->cam_buffers);
    hf_sip_hasher_free(sim->hasher);
    hf_charset_close(&sim->conv);
}

static void begin(struct sim *sim, const struct sim_options *options)
{
    sim->seed = options->seed;
    sim->scenario = scenario_of(options);
    hf_rng_seed(&sim->rng, options->seed);
    sim_events_init(&sim->events);
    sim_trace_init(&sim->trace, &sim->events, options->trace, options->hashing);
    sim_plan_draw(&sim->plan, sim->scenario, &sim->rng);
    sim_net_init(&sim->net, &sim->events, &sim->trace, hf_rng_u64(&sim->rng));
    sim->devices = calloc(sim->plan.devices, sizeof(*sim->devices));
    sim->apps = calloc(sim->plan.apps, sizeof(*sim->apps));
    HF_ASSERT(sim->devices != NULL && sim->apps != NULL);
    sim_oracle_init(sim);
    if (sim->plan.cameras > 0)
        begin_cameras(sim);
    sim_gateway_init(&sim->gateway, sim);
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_device_init(&sim->devices[i], sim, i);
    for (unsigned i = 0; i < sim->plan.apps; i++)
        sim_app_init(&sim->apps[i], sim, i);
    sim_faults_draw(sim);
    sim_trace(&sim->trace, "sim",
              "seed %" PRIu64 " scenario %s: %u devices%s, %u apps, %u workers, %u episodes", sim->seed,
              sim->scenario->name, sim->plan.devices, sim->plan.twin ? " (twin)" : "", sim->plan.apps,
              sim->plan.workers, sim->plan.episodes);
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_trace(&sim->trace, "sim", "dev%u is %s and speaks %s", i, sim->devices[i].name,
                  sim->devices[i].core == NULL ? "raw"
                  : sim->devices[i].core->json ? "holdfast.v1.json"
                                               : "holdfast.v1");
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_trace(&sim->trace, "sim", "cam%u is %s, over %s, with %u channels", i, sim->cameras[i].id,
                  sim->cameras[i].profile.transport == HF_SIP_UDP ? "UDP" : "TCP",
                  sim->cameras[i].profile.channels);
    sim_gateway_start(&sim->gateway);
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_device_start(&sim->devices[i]);
    for (unsigned i = 0; i < sim->plan.apps; i++)
        sim_app_start(&sim->apps[i]);
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_camera_start(&sim->cameras[i]);
    if (sim->plan.cameras > 0)
        sim_camera_app_start(&sim->camera_app);
}

static void run_until(struct sim *sim, uint64_t until_us)
{
    while (!sim->oracle.failed && sim_events_step(&sim->events, until_us))
        if (sim->events.steps > STEPS_MAX)
            sim_fail(sim, "%u steps and no end: somebody is busy with nothing", STEPS_MAX);
}

/* Once faults are over, everything that is open must come to its end within a bound (liveness). */
static void run_calm(struct sim *sim)
{
    uint64_t due_us = sim->events.now_us + sim->plan.calm_us;
    char why[200] = "";

    sim->calm = true;
    sim_faults_end(sim);
    do {
        run_until(sim, sim->events.now_us + S / 2);
        if (sim->oracle.failed || sim_oracle_done(sim, why, sizeof(why)))
            return;
    } while (sim->events.now_us < due_us);
    sim_fail(sim, "%" PRIu64 " s after the last fault %s", sim->plan.calm_us / S, why);
}

/* Cameras fall silent, and after a while nothing of them may be left. */
static void run_rest(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_camera_hang(&sim->cameras[i], true);
    run_until(sim, sim->events.now_us + REST_US);
    if (!sim->oracle.failed)
        sim_oracle_cameras_rest(sim);
}

/* The last word: a power cut, a start, and everything that was ever durable is still there. */
static void run_last_start(struct sim *sim)
{
    sim_gateway_crash(&sim->gateway, true, 1000);
    run_until(sim, sim->events.now_us + S);
    if (!sim->oracle.failed)
        sim_oracle_books(sim);
    if (!sim->oracle.failed)
        sim_oracle_shadows_end(sim);
    if (!sim->oracle.failed)
        sim_oracle_samples_end(sim);
    if (!sim->oracle.failed && !sim->gateway.running)
        sim_fail(sim, "the gateway does not start on a disk that is well");
}

static void end(struct sim *sim, struct sim_result *ret_result)
{
    const struct sim_oracle *oracle = &sim->oracle;

    *ret_result = (struct sim_result){
        .failed = oracle->failed,
        .hash = sim->trace.hash,
        .lines = sim->trace.lines,
        .steps = sim->events.steps,
        .simulated_us = sim->events.now_us,
        .records = oracle->count,
        .messages = oracle->messages,
        .commands = oracle->commands_done,
        .shadow_changes = oracle->shadow_changes,
        .shadows_deleted = oracle->shadows_deleted,
        .refused_alone = oracle->refused_alone,
        .audited = oracle->audited,
        .pushes = oracle->pushed,
        .batches = oracle->samples,
        .paced_groups = sim->gateway.paced_groups,
        .crashes = sim->gateway.starts - 1,
        .connections = sim->net.conns_made,
    };
    for (unsigned i = 0; i < sim->plan.cameras; i++) {
        ret_result->registrations += sim->cameras[i].world.stats.registered;
        ret_result->lists += sim->cameras[i].lists_taken;
        ret_result->datagrams_lost += sim->cameras[i].udp.lost;
    }
    ret_result->calls = sim->call_count;
    if (oracle->failed)
        (void)snprintf(ret_result->message, sizeof(ret_result->message),
                       "seed %" PRIu64 " (%s), step %" PRIu64 ", %.6f s: %.380s", sim->seed,
                       sim->scenario->name, sim->events.steps, (double)sim->events.now_us / 1e6,
                       oracle->message);
    for (unsigned i = 0; i < sim->plan.apps; i++)
        sim_app_deinit(&sim->apps[i]);
    sim_gateway_deinit(&sim->gateway);
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_device_deinit(&sim->devices[i]);
    sim_oracle_deinit(sim);
    if (sim->plan.cameras > 0)
        end_cameras(sim);
    sim_events_deinit(&sim->events);
    free(sim->devices);
    free(sim->apps);
}

void sim_run(const struct sim_options *options, struct sim_result *ret_result)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    HF_ASSERT(sim != NULL);
    sim_current = sim;
    begin(sim, options);
    run_until(sim, sim->plan.active_us);
    if (!sim->oracle.failed)
        run_calm(sim);
    if (!sim->oracle.failed && sim->plan.cameras > 0)
        run_rest(sim);
    if (!sim->oracle.failed)
        run_last_start(sim);
    end(sim, ret_result);
    sim_current = NULL;
    free(sim);
}
