#include "sim/camera_app.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "core/call.h"
#include "sim/sim.h"

enum { SEND_US = 3000000, WAIT_MS = 5000 };

static const char *const commands[] = {"DeviceInfo",  "DeviceStatus", "Catalog", "RecordInfo",
                                       "PresetQuery", "GuardCmd",     "Play",    "Play",
                                       "Stop",        "Calls",        "Catalog", "ConfigDownload"};

static void write_payload(struct sim_camera_app *app, const struct sim_ask *ask, char *out, size_t bytes)
{
    const struct sim_camera *camera = &app->sim->cameras[ask->camera];
    char channel[HF_CAM_ID_BYTES];

    sim_camera_channel(camera, (uint32_t)hf_rng_below(&app->rng, camera->profile.channels), channel);
    out[0] = '\0';
    if (strcmp(ask->command, "Play") == 0)
        (void)snprintf(out, bytes, "{\"channel\":\"%s\"}", channel);
    else if (strcmp(ask->command, "Stop") == 0 && app->call[0] != '\0' && app->call_camera == ask->camera)
        (void)snprintf(out, bytes, "{\"call\":\"%s\",\"force\":true}", app->call);
    else if (strcmp(ask->command, "Stop") == 0)
        (void)snprintf(out, bytes, "{\"channel\":\"%s\"}", channel);
    else if (strcmp(ask->command, "RecordInfo") == 0)
        (void)snprintf(
            out, bytes,
            "{\"device_id\":\"%s\",\"start_time\":\"2023-11-14T00:00:00\",\"end_time\":\"2023-11-14T0%"
            "u:00:00\"}",
            channel, 1 + (unsigned)hf_rng_below(&app->rng, 9));
    else if (strcmp(ask->command, "ConfigDownload") == 0)
        (void)snprintf(out, bytes, "{\"config_type\":\"BasicParam\"}");
    else if (strcmp(ask->command, "GuardCmd") == 0)
        (void)snprintf(out, bytes, "{\"guard\":\"SetGuard\"}");
}

static void on_done(struct hf_call *call)
{
    struct sim_ask *ask = call->maker;

    if (!ask->calling)
        HF_UNREACHABLE(); /* a call is answered once */
    ask->calling = false;
    hf_call_free(call);
}

static void ask_for(struct sim_camera_app *app, struct sim_ask *ask)
{
    struct sim *sim = app->sim;
    char payload[256], key[32];
    uint8_t random[HF_UUID_RANDOM_BYTES];

    write_payload(app, ask, payload, sizeof(payload));
    (void)snprintf(key, sizeof(key), "cam-%" PRIu32, ask->number);
    size_t payload_bytes = strlen(payload), key_bytes = strlen(key);
    struct hf_call *call = hf_call_new(HF_CALL_SEND, payload_bytes + key_bytes);
    HF_ASSERT(call != NULL);
    char *storage = call->storage;
    memcpy(storage, payload, payload_bytes);
    memcpy(storage + payload_bytes, key, key_bytes);
    for (unsigned i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)hf_rng_u64(&app->rng);
    hf_uuid7(call->id, sim_clock_utc_ms(&sim->gateway.clock), random);
    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(sim->cameras[ask->camera].id);
    call->topic = hf_slice_of(ask->command);
    call->payload = (struct hf_slice){storage, payload_bytes};
    call->key = (struct hf_slice){storage + payload_bytes, key_bytes};
    call->class = HF_CLASS_COMMAND;
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    call->ttl_ms = sim_percent(&app->rng, 15) ? sim_between(&app->rng, 2000, 20000) : 0;
    call->wait = sim_percent(&app->rng, 50);
    call->wait_ms = WAIT_MS;
    memset(call->body_hash, (int)ask->number, sizeof(call->body_hash));
    call->maker = ask;
    call->on_done = on_done;
    ask->calling = true;
    sim_trace(&sim->trace, "camapp", "%" PRIu32 " %s to cam%u %s", ask->number, ask->command, ask->camera,
              payload);
    if (sim_gateway_call(&sim->gateway, (unsigned)hf_rng_below(&app->rng, sim->gateway.worker_count), call))
        return;
    ask->calling = false;
    hf_call_free(call);
}

static void on_send(struct sim_event *event)
{
    struct sim_camera_app *app = HF_CONTAINER_OF(event, struct sim_camera_app, send);
    struct sim_ask *ask;

    if (app->sim->calm || app->count == SIM_ASKS_MAX)
        return;
    ask = &app->asks[app->count++];
    *ask = (struct sim_ask){.number = app->count,
                            .camera = (unsigned)hf_rng_below(&app->rng, app->sim->plan.cameras),
                            .command = commands[hf_rng_below(&app->rng, HF_COUNT_OF(commands))]};
    ask_for(app, ask);
    sim_in(&app->sim->events, event, sim_wait(&app->rng, SEND_US));
}

void sim_camera_app_saw_call(struct sim_camera_app *app, unsigned camera, const char *call)
{
    (void)snprintf(app->call, sizeof(app->call), "%s", call);
    app->call_camera = camera;
}

void sim_camera_app_init(struct sim_camera_app *app, struct sim *sim)
{
    *app = (struct sim_camera_app){.sim = sim, .send = {.on_due = on_send}};
    hf_rng_seed(&app->rng, hf_rng_u64(&sim->rng));
}

void sim_camera_app_start(struct sim_camera_app *app)
{
    sim_in(&app->sim->events, &app->send, sim_wait(&app->rng, SEND_US));
}

void sim_camera_app_deinit(struct sim_camera_app *app)
{
    sim_cancel(&app->sim->events, &app->send);
}
