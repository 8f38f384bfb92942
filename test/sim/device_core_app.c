/* test/sim/device_core_app.c - the application of a device that speaks holdfast.v1: takes messages, some at once and some later, answers commands, and tells the
 * oracle what it was told. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/device_core.h"
#include "sim/sim.h"

enum { LATER_US_MAX = 3000000, CALM_US_MAX = 20000, LAZY_US = 20000000, AGAIN_US = 500000 };

/* ---- up ---- */

void sim_core_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    struct sim_device *device = user;
    uint32_t number = (uint32_t)(uintptr_t)cookie;

    if (err != HF_OK) { /* its maker knows */
        device->fate[number - 1] = SIM_MESSAGE_FAILED;
        return;
    }
    HF_ASSERT(id < SIM_CORE_IDS_MAX);
    device->core->number_of[id] = number;
    if (device->fate[number - 1] == SIM_MESSAGE_MADE)
        device->fate[number - 1] = SIM_MESSAGE_QUEUED;
    sim_trace(&device->sim->trace, device->who, "has message %" PRIu32, number);
}

static uint32_t number_of(struct sim_device *device, uint64_t id)
{
    HF_ASSERT(id < SIM_CORE_IDS_MAX);
    return device->core->number_of[id];
}

void sim_core_sent(void *user, uint64_t id)
{
    struct sim_device *device = user;
    uint32_t number = number_of(device, id);

    if (number == 0)
        return; /* a result */
    device->fate[number - 1] =
        sim_oracle_sent(device->sim, device, number) ? SIM_MESSAGE_ACKED : SIM_MESSAGE_FAILED;
}

void sim_core_failed(void *user, uint64_t id, enum hf_reason reason)
{
    struct sim_device *device = user;
    uint32_t number = number_of(device, id);

    sim_trace(&device->sim->trace, device->who, "message %" PRIu32 " has failed: %s", number,
              hf_reason_name(reason));
    if (number == 0)
        return;
    sim_oracle_failed(device->sim, device, number, reason);
    device->fate[number - 1] = SIM_MESSAGE_FAILED;
}

void sim_core_died(struct sim_device *device)
{
    struct sim_core *core = device->core;

    for (uint32_t i = 0; i < device->made; i++)
        if (device->fate[i] == SIM_MESSAGE_MADE ||
            (core->store == NULL && device->fate[i] == SIM_MESSAGE_QUEUED))
            device->fate[i] = SIM_MESSAGE_LOST;
    memset(core->heard, 0, sizeof(core->heard));
    if (core->store == NULL) { /* and so it does not know what it had done */
        memset(core->done, 0, sizeof(core->done));
        memset(core->maybe, 0, sizeof(core->maybe));
    }
    core->later_count = 0;
    memset(core->at_once, 0, sizeof(core->at_once));
}

/* ---- down ---- */

static struct hf_client_result result_of(uint32_t number, char *storage, size_t storage_bytes)
{
    int bytes = snprintf(storage, storage_bytes, "{\"r\":%" PRIu32 "}", number);

    return (struct hf_client_result){.status = sim_command_fails(number) ? HF_RESULT_FAILED : HF_RESULT_OK,
                                     .text = true,
                                     .format = HF_FORMAT_JSON,
                                     .payload = {storage, (size_t)bytes}};
}

static void on_publication(struct sim_device *device, const struct hf_client_message *message)
{
    uint32_t from = 0, number = 0;

    if (!sim_number_in(message->payload, "d", &from) || !sim_number_in(message->payload, "n", &number))
        sim_fail(device->sim, "%s got a publication that is none", device->name);
    else
        sim_oracle_publication(device->sim, device, from, number);
}

enum hf_client_answer sim_core_message(void *user, const struct hf_client_message *message,
                                       struct hf_client_result *ret_result)
{
    static char storage[32]; /* borrowed by the core until its call returns */
    struct sim_device *device = user;
    struct sim_core *core = device->core;
    struct sim *sim = device->sim;
    uint32_t number = 0;

    if (message->handle == 0) {
        on_publication(device, message);
        return HF_CLIENT_DONE;
    }
    if (!sim_number_in(message->payload, "m", &number) || number == 0 || number > sim->oracle.sent_count) {
        sim_fail(sim, "%s hears a message that nobody has sent", device->name);
        return HF_CLIENT_DONE;
    }
    sim_trace(&sim->trace, device->who, "hears %s %" PRIu32, message->command ? "command" : "message",
              number);
    sim_oracle_told(sim, device, number, message->command);
    if (core->later_count == SIM_CORE_LATER_MAX || sim_percent(&device->rng, 30)) {
        *ret_result = result_of(number, storage, sizeof(storage));
        core->maybe[number - 1] = true;
        core->at_once[core->at_once_next].handle = message->handle;
        core->at_once[core->at_once_next].number = number;
        core->at_once_next = (core->at_once_next + 1) % SIM_CORE_AT_ONCE;
        if (message->command)
            sim_oracle_answered(sim, device, number);
        return HF_CLIENT_DONE;
    }
    bool lazy = !sim->calm && hf_rng_below(&device->rng, 1000) < sim->plan.lazy_permille;
    core->later[core->later_count++] = (struct sim_later){
        .handle = message->handle,
        .number = number,
        .command = message->command,
        .due_us = sim->events.now_us +
                  (lazy ? LAZY_US : hf_rng_below(&device->rng, sim->calm ? CALM_US_MAX : LATER_US_MAX)),
    };
    if (!sim_armed(&core->answer))
        sim_in(&sim->events, &core->answer, 0);
    return HF_CLIENT_LATER;
}

static struct sim_later *later_by(struct sim_core *core, uint64_t handle)
{
    for (unsigned i = 0; i < core->later_count; i++)
        if (core->later[i].handle == handle)
            return &core->later[i];
    return NULL;
}

/* A command was answered at once, and its result could not be stored: it is answered again when there is room. */
static struct sim_later *answer_again(struct sim_core *core, uint64_t handle)
{
    for (unsigned i = 0; i < SIM_CORE_AT_ONCE && core->later_count < SIM_CORE_LATER_MAX; i++) {
        if (core->at_once[i].handle != handle)
            continue;
        core->later[core->later_count] =
            (struct sim_later){.handle = handle, .number = core->at_once[i].number, .command = true};
        return &core->later[core->later_count++];
    }
    return NULL;
}

void sim_core_done(void *user, uint64_t handle, hf_err err)
{
    struct sim_device *device = user;
    struct sim_later *later = later_by(device->core, handle);

    if (later == NULL && err != HF_OK)
        later = answer_again(device->core, handle);
    if (later == NULL)
        return;
    if (err != HF_OK) {
        later->given = false;
        later->due_us = device->sim->events.now_us + AGAIN_US;
        sim_in(&device->sim->events, &device->core->answer, AGAIN_US);
        return;
    }
    sim_trace(&device->sim->trace, device->who, "has done %" PRIu32, later->number);
    device->core->done[later->number - 1] = true;
    *later = device->core->later[--device->core->later_count];
}

void sim_core_answer(struct sim_device *device)
{
    struct sim_core *core = device->core;
    struct sim_events *events = &device->sim->events;
    struct hf_client_time now = sim_core_now(device);
    uint64_t next_us = UINT64_MAX;

    for (unsigned i = 0; i < core->later_count && device->running; i++) {
        struct sim_later *later = &core->later[i];
        char storage[32];

        if (later->given)
            continue;
        if (later->due_us > events->now_us) {
            next_us = HF_MIN(next_us, later->due_us);
            continue;
        }
        struct hf_client_result result = result_of(later->number, storage, sizeof(storage));
        if (later->command)
            sim_oracle_answered(device->sim, device, later->number);
        later->given = true;
        uint64_t handle = later->handle;
        hf_err err = hf_client_core_done(core->core, &now, handle, later->command ? &result : NULL);
        later = later_by(core, handle);      /* the table may have changed within */
        if (err != HF_OK && later != NULL) { /* its queue is full: again when there is room */
            later->given = false;
            later->due_us = events->now_us + AGAIN_US;
        }
        i = UINT32_MAX; /* once more from the front */
        next_us = UINT64_MAX;
    }
    if (next_us != UINT64_MAX)
        sim_at(events, &core->answer, next_us);
    sim_core_arm(device);
}

void sim_core_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason)
{
    struct sim_device *device = user;

    sim_trace(&device->sim->trace, device->who, "is told of a gap %" PRIu64 "..%" PRIu64 " %s", from, to,
              hf_reason_name(reason));
    sim_oracle_down_gap(device->sim, device, from, to, reason);
}

void sim_core_opened(void *user, const struct hf_client_opened *opened)
{
    struct sim_device *device = user;
    struct hf_client_time now = sim_core_now(device);

    sim_trace(&device->sim->trace, device->who, "connection %u is open: %s %s epoch %" PRIu64,
              device->connections,
              opened->result == HF_SESSION_NEW       ? "new"
              : opened->result == HF_SESSION_RESUMED ? "resumed"
                                                     : "rebuilt",
              hf_reason_name(opened->reason), opened->epoch);
    sim_oracle_opened(device->sim, device, opened);
    if (device->index % 2 == 0)
        (void)hf_client_core_subscribe(device->core->core, &now, HF_SLICE("news"), true);
    sim_shadow_device_opened(device);
}

void sim_core_document(void *user, const struct hf_client_document *document)
{
    sim_shadow_device_document(user, document);
}
