/* test/sim/device.c - the machine: power, clocks, its way to the gateway, and the messages that it makes. */
#include "sim/device.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"
#include "codec/jwt/jwt.h"
#include "sim/samples.h"
#include "sim/sim.h"

enum { BURST_US = 1000 /* within which all make theirs */ };

static struct sim_events *events_of(const struct sim_device *device)
{
    return &device->sim->events;
}

/* ---- what is said ---- */

const char *sim_message_topic(const struct sim_device *device, uint32_t number)
{
    if (sim_is_batch(device, number))
        return device->core != NULL ? "samples" : "default"; /* in raw mode it cannot say one */
    return device->publishing && number % 3 == 0 ? "news" : "t";
}

/* The same text for the same number, always: so a message can be compared wherever it turns up. */
void sim_message_text(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes)
{
    uint64_t size = (number * UINT64_C(0x9e3779b97f4a7c15) >> 40) % device->sim->plan.payload_bytes_max;
    int bytes = snprintf(out, out_bytes, "{\"d\":%u,\"n\":%" PRIu32 ",\"pad\":\"", device->index, number);

    for (uint64_t i = 0; i < size; i++)
        out[bytes++] = (char)('a' + (number + i) % 26);
    memcpy(out + bytes, "\"}", 3);
    HF_ASSERT((size_t)bytes + 3 <= out_bytes);
}

size_t sim_message_write(const struct sim_device *device, uint32_t number, char *out, size_t out_bytes)
{
    HF_ASSERT(out_bytes >= HF_SAMPLES_BYTES_MAX);
    if (sim_is_batch(device, number))
        return sim_batch_write(device, number, (uint8_t *)out);
    sim_message_text(device, number, out, out_bytes);
    return strlen(out);
}

bool sim_number_in(struct hf_slice json, const char *name, uint32_t *ret_number)
{
    struct hf_json_field field[] = {{.name = hf_slice_of(name)}};
    uint64_t number = 0;

    if (hf_json_scan(json.at, json.bytes, field, 1, 0) != HF_OK ||
        hf_json_to_u64(&field[0], &number) != HF_OK)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

/* ---- connections ---- */

bool sim_device_connects(struct sim_device *device, char target[64])
{
    if (device->connections == SIM_DEVICE_CONNECTIONS_MAX) {
        sim_fail(device->sim, "%s has tried to connect %u times", device->name, device->connections);
        return false;
    }
    device->connections++;
    /* The trace id says which connection this is, whatever name the gateway gives it. */
    snprintf(target, 64, "/v1/connect?trace=%s-%u%s", device->who, device->connections,
             device->sim->plan.samples && device->core == NULL ? "&format=samples" : "");
    sim_trace(&device->sim->trace, device->who, "connection %u", device->connections);
    return true;
}

void sim_device_lets_go(struct sim_device *device)
{
    if (device->sock != NULL)
        sim_device_said(device)->over_us = events_of(device)->now_us;
    if (device->core == NULL) /* else the core tells */
        sim_shadow_device_closed(device);
    device->sock = NULL;
}

/* ---- the machine ---- */

#define DEVICE_OF(event, member) HF_CONTAINER_OF(event, struct sim_device, member)

static uint64_t next_publish_us(struct sim_device *device)
{
    const struct sim_plan *plan = &device->sim->plan;

    if (plan->burst == 0)
        return sim_wait(&device->rng, plan->publish_us);
    return plan->publish_us - events_of(device)->now_us % plan->publish_us +
           hf_rng_below(&device->rng, BURST_US);
}

static void on_publish(struct sim_event *event)
{
    struct sim_device *device = DEVICE_OF(event, publish);
    const struct sim_plan *plan = &device->sim->plan;

    if (device->sim->calm)
        return;
    for (uint32_t i = 0; i < HF_MAX(plan->burst, 1u); i++) {
        if (device->made == SIM_DEVICE_MESSAGES_MAX || sim_device_open_messages(device) >= plan->unacked_max)
            break; /* its memory is full: it waits */
        uint32_t number = ++device->made;

        device->fate[number - 1] = SIM_MESSAGE_MADE;
        device->ops->publish(device, number);
    }
    sim_in(events_of(device), event, next_publish_us(device));
}

static void on_boot(struct sim_event *event)
{
    sim_device_start(DEVICE_OF(event, boot));
}

static void sign_token(struct sim_device *device)
{
    const struct sim_gateway *gateway = &device->sim->gateway;
    struct hf_jwt_claims claims = {.device = hf_slice_of(device->name),
                                   .expires_s = SIM_UTC_MS / 1000 + 365 * 86400};
    size_t bytes = 0;

    hf_err err = hf_jwt_sign(gateway->keys, HF_SLICE("k1"), &claims, (struct hf_slice){NULL, 0},
                             device->token, sizeof(device->token), &bytes);
    HF_ASSERT(err == HF_OK);
}

void sim_device_init(struct sim_device *device, struct sim *sim, unsigned index)
{
    device->sim = sim;
    device->index = index;
    device->twin = sim->plan.twin && index == sim->plan.devices - 1;
    device->memory = device->twin ? &sim->devices[0] : device;
    device->publishing = index % 3 == 0;
    snprintf(device->name, sizeof(device->name), "d%u", device->twin ? 0 : index);
    snprintf(device->who, sizeof(device->who), "dev%u", index);
    device->publish.on_due = on_publish;
    device->boot.on_due = on_boot;
    hf_rng_seed(&device->rng, hf_rng_u64(&sim->rng));
    device->clock = (struct sim_clock){
        .events = &sim->events, .mono_base_us = UINT64_C(1000000) * sim_between(&device->rng, 1, 100000)};
    sim_path_init(&device->path);
    device->path.room_bytes = sim->plan.room_bytes;
    sign_token(device);
    sim_shadow_device_init(device);
    /* Two machines with one identity have two queues, and the gateway remembers one: only raw mode promises nothing there. */
    bool shared = sim->plan.twin && (device->twin || index == 0);
    if (!shared && sim_percent(&device->rng, sim->plan.session_percent))
        sim_core_init(device);
    else
        sim_raw_init(device);
}

void sim_device_deinit(struct sim_device *device)
{
    sim_shadow_device_end(device);
    if (device->running)
        device->ops->end(device, false);
    sim_cancel(events_of(device), &device->boot);
    sim_cancel(events_of(device), &device->publish);
    device->ops->free(device);
    sim_shadow_device_deinit(device);
    sim_path_deinit(&device->path);
    for (unsigned i = 0; i < device->connections; i++)
        free(device->said[i].numbers);
}

void sim_device_start(struct sim_device *device)
{
    sim_trace(&device->sim->trace, device->who, "starts");
    device->host.up = device->running = true;
    if (!device->sim->calm)
        sim_in(events_of(device), &device->publish, sim_wait(&device->rng, device->sim->plan.publish_us));
    sim_shadow_device_begin(device);
    device->ops->begin(device);
    sim_path_heal(&device->sim->net, &device->path);
}

void sim_device_stop(struct sim_device *device, bool power, uint64_t down_us)
{
    sim_trace(&device->sim->trace, device->who, "%s", power ? "loses power" : "is killed");
    sim_shadow_device_end(device);
    device->ops->end(device, power);
    sim_cancel(events_of(device), &device->publish);
    device->running = false;
    device->host.up = !power;
    sim_in(events_of(device), &device->boot, down_us);
}

void sim_device_slow(struct sim_device *device, bool on)
{
    device->slow = on;
    if (device->sock != NULL && !on)
        sim_in(events_of(device), &device->sock->told, 0);
}

void sim_device_drop_link(struct sim_device *device)
{
    if (device->running)
        device->ops->drop(device);
}

void sim_device_calm(struct sim_device *device)
{
    device->path.cut = false;
    sim_path_heal(&device->sim->net, &device->path);
    if (device->twin && device->running)
        sim_device_stop(device, false, 0);
    if (device->twin)
        sim_cancel(events_of(device), &device->boot); /* gone for good */
    else if (device->running)
        device->ops->calm(device);
}

uint32_t sim_device_open_messages(const struct sim_device *device)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < device->made; i++)
        count += device->fate[i] == SIM_MESSAGE_MADE || device->fate[i] == SIM_MESSAGE_QUEUED;
    return count;
}
