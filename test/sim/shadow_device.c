/* test/sim/shadow_device.c - a device and its shadows: it reports, now and then it wants something itself, it does what is wanted and says so, and asks where it may have missed something. In
 * raw mode by $shadow/update, $shadow/get and $shadow/delta, in holdfast.v1 by PATCH and DELTA through the client core. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"
#include "sim/device_core.h"
#include "sim/device_ws.h"
#include "sim/sim.h"

enum { APPLY_US_MAX = 1500000, AGAIN_US = 400000, QUESTION = 1 << 30 };

#define DEVICE_OF(event, member) HF_CONTAINER_OF(event, struct sim_shadow_device, member)->device

static struct sim_events *events_of(const struct sim_device *device)
{
    return &device->sim->events;
}

static bool takes_part(const struct sim_device *device)
{
    return device->sim->plan.shadow_us > 0 && !device->twin;
}

static void arm(struct sim_device *device, uint64_t in_us)
{
    if (!sim_armed(&device->shadows->apply))
        sim_in(events_of(device), &device->shadows->apply, in_us);
}

/* ---- saying ---- */

/* HF_ERR_AGAIN: not now. */
static hf_err send(struct sim_device *device, uint32_t request, bool question, uint64_t base, uint8_t kind,
                   uint8_t merge, const char *json)
{
    char text[SIM_SHADOW_TEXT_BYTES + 128];

    if (device->core != NULL) {
        struct hf_client_time now = sim_core_now(device);
        hf_err err = hf_client_core_patch(device->core->core, &now,
                                          &(struct hf_client_patch){.request = request,
                                                                    .document = HF_DOCUMENT_SHADOW,
                                                                    .kind = kind,
                                                                    .merge = merge,
                                                                    .base_version = base,
                                                                    .json = hf_slice_of(json)});

        sim_core_arm(device);
        return err;
    }
    int bytes =
        snprintf(text, sizeof(text),
                 "{\"type\":\"data\",\"topic\":\"$shadow/%s\",\"id\":\"%c%" PRIu32 "\",\"payload\":%s}",
                 question ? "get" : "update", question ? 'q' : 's', request, json);
    HF_ASSERT(bytes > 0 && (size_t)bytes < sizeof(text));
    sim_raw_write(device, HF_WS_OP_TEXT, text, (size_t)bytes);
    return HF_OK;
}

static void ask(struct sim_device *device, unsigned shadow)
{
    struct sim_shadow_device *self = device->shadows;
    uint32_t request = QUESTION | (++self->request << 1 & (QUESTION - 1)) | shadow;
    char json[64];
    size_t bytes = (size_t)snprintf(json, sizeof(json), "{");

    if (shadow > 0)
        bytes +=
            (size_t)snprintf(json + bytes, sizeof(json) - bytes, "\"name\":\"%s\"", sim_shadow_names[shadow]);
    (void)snprintf(json + bytes, sizeof(json) - bytes, "}");
    self->asked[shadow] = request;
    sim_trace(&device->sim->trace, device->who, "asks for its shadow %s", sim_shadow_names[shadow]);
    if (send(device, request, true, 0, HF_PATCH_MERGE, 0, json) != HF_OK)
        self->asked[shadow] = 0; /* again later */
}

static void say(struct sim_device *device, struct sim_change *change)
{
    struct sim_shadow_device *self = device->shadows;
    char text[SIM_SHADOW_TEXT_BYTES];

    change->said = sim_device_said(device);
    change->base_inside = device->core == NULL || sim_percent(&device->rng, 30);
    sim_change_text(change, true, text);
    sim_trace(&device->sim->trace, device->who, "change %" PRIu32 " of its shadow %s from %" PRIu64 ": %s",
              change->number, sim_shadow_names[change->shadow], change->base, text);
    self->of[change->shadow].change = change->number;
    if (send(device, change->number, false, change->base_inside ? 0 : change->base, change->kind,
             change->merge, text) == HF_OK)
        return;
    self->of[change->shadow].change = 0;
    change->fate = SIM_CHANGE_REFUSED; /* it did not go out */
}

/* ---- doing what is wanted ---- */

static void apply_delta(struct sim_device *device, unsigned shadow)
{
    struct sim_change *change = sim_change_new(device->sim, device->index, shadow);
    const struct sim_shadow_fields *delta = &device->shadows->of[shadow].delta;

    if (change == NULL)
        return;
    bool inner = delta->value[SIM_KEY_N_X] || delta->value[SIM_KEY_N_Y] || delta->value[SIM_KEY_N_EMPTY];
    change->kind = inner || sim_percent(&device->rng, 60) ? HF_PATCH_MERGE : HF_PATCH_JSON;
    change->may = 1 << HF_SHADOW_REPORTED | 1 << HF_SHADOW_DESIRED;
    memcpy(change->of[HF_SHADOW_REPORTED].set, delta->value, sizeof(delta->value));
    change->of[HF_SHADOW_REPORTED].set[SIM_KEY_R] = change->number;
    change->base = sim_percent(&device->rng, 50) ? device->shadows->of[shadow].version : 0;
    if (device->core != NULL && change->base != 0)
        change->merge = sim_merge_draw(&device->rng);
    say(device, change);
}

static void on_apply(struct sim_event *event)
{
    struct sim_device *device = DEVICE_OF(event, apply);
    struct sim_shadow_device *self = device->shadows;
    bool more = false;

    if (!device->running || !device->ops->is_open(device))
        return; /* from `opened` on */
    for (unsigned i = 0; i < SIM_SHADOWS; i++) {
        if (self->of[i].change != 0)
            continue;
        if (self->of[i].ask && self->asked[i] == 0)
            ask(device, i);
        else if (!self->of[i].ask && !sim_shadow_is_empty(&self->of[i].delta))
            apply_delta(device, i);
        more |= self->of[i].ask || !sim_shadow_is_empty(&self->of[i].delta);
    }
    if (more)
        arm(device, AGAIN_US);
}

static void on_due(struct sim_event *event)
{
    struct sim_device *device = DEVICE_OF(event, due);
    unsigned shadow = sim_percent(&device->rng, 70) ? 0 : 1;
    struct sim_change *change;

    if (device->sim->calm)
        return;
    sim_in(events_of(device), event, sim_wait(&device->rng, device->sim->plan.shadow_us));
    if (!device->ops->is_open(device) || device->shadows->of[shadow].change != 0 ||
        (change = sim_change_new(device->sim, device->index, shadow)) == NULL)
        return;
    sim_change_draw(change, &device->rng, device->shadows->of[shadow].version);
    if (device->core == NULL)
        change->merge = HF_MERGE_KEEP; /* there is no other in raw mode */
    say(device, change);
}

/* ---- hearing ---- */

/* It has no such shadow, or not any more. */
static void gone(struct sim_device *device, unsigned shadow)
{
    struct sim_shadow_device *self = device->shadows;

    sim_oracle_shadow_gone(device->sim, device->index, shadow, self->of[shadow].version);
    self->of[shadow].version = 0;
    self->of[shadow].ask = false;
    memset(&self->of[shadow].delta, 0, sizeof(self->of[shadow].delta));
}

static void heard(struct sim_device *device, unsigned shadow, uint64_t version,
                  const struct sim_shadow_fields *delta)
{
    struct sim_shadow_device *self = device->shadows;

    if (version == 0) {
        gone(device, shadow);
        return;
    }
    sim_oracle_shadow_heard(device->sim, device->index, shadow, version, delta);
    if (version < self->of[shadow].version)
        return; /* answered behind a newer one */
    self->of[shadow].version = version;
    if (delta == NULL)
        return;
    self->of[shadow].delta = *delta;
    self->of[shadow].ask = false;
    if (!sim_shadow_is_empty(delta))
        arm(device, hf_rng_below(&device->rng, APPLY_US_MAX));
}

/* {"name":"led","version":7,"delta":{..},"refused":[..]}; refused only in the answer to a change, without it as a slice of no bytes. */
static bool hear(struct sim_device *device, struct hf_slice json, uint64_t *ret_version,
                 struct hf_slice *ret_refused)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("name"), HF_JSON_FIELD("version"), HF_JSON_FIELD("delta"),
                                     HF_JSON_FIELD("refused")};
    struct sim_shadow_fields delta;
    struct hf_slice name = {"", 0};
    unsigned shadow = 0;
    uint64_t version = 0;

    if (hf_json_scan(json.at, json.bytes, fields, HF_COUNT_OF(fields), 0) != HF_OK ||
        hf_json_to_u64(&fields[1], &version) != HF_OK || !fields[2].found ||
        !sim_shadow_parse(fields[2].raw, &delta) ||
        (fields[0].found && hf_json_to_text(&fields[0], NULL, 0, &name) != HF_OK) ||
        !sim_shadow_by_name(name, &shadow)) {
        sim_fail(device->sim, "%s hears a shadow that is none: %.*s", device->who,
                 (int)HF_MIN(json.bytes, (size_t)200), json.at);
        return false;
    }
    *ret_version = version;
    *ret_refused = fields[3].found ? fields[3].raw : (struct hf_slice){"", 0};
    heard(device, shadow, version, &delta);
    return true;
}

void sim_shadow_device_delta(struct sim_device *device, struct hf_slice payload)
{
    struct hf_slice refused;
    uint64_t version;

    (void)hear(device, payload, &version, &refused);
}

static void unsure(struct sim_device *device, unsigned shadow)
{
    device->shadows->of[shadow].ask = true;
    arm(device, AGAIN_US);
}

void sim_shadow_device_missed(struct sim_device *device)
{
    unsure(device, 0);
}

static void change_answered(struct sim_device *device, uint32_t number, enum hf_reason reason)
{
    struct sim_change *change = &device->sim->oracle.changes[number - 1];
    struct sim_shadow_device *self = device->shadows;

    if (number > device->sim->oracle.change_count || self->of[change->shadow].change != number) {
        sim_fail(device->sim, "%s is answered to a change that it has not asked for", device->who);
        return;
    }
    self->of[change->shadow].change = 0;
    if (reason == HF_REASON_CONNECTION_GONE || reason == HF_REASON_DRAIN)
        change->fate = SIM_CHANGE_UNKNOWN;
    else
        sim_oracle_shadow_told(device->sim, change, reason);
    /* What is wanted has changed with it, or is not what it was thought to be. */
    if (reason != HF_REASON_NONE || device->core == NULL)
        unsure(device, change->shadow);
}

void sim_shadow_device_document(struct sim_device *device, const struct hf_client_document *document)
{
    struct sim_shadow_device *self = device->shadows;
    unsigned shadow = document->request & 1;
    bool question = document->request & QUESTION;
    struct hf_slice refused = {"", 0};
    uint64_t version = 0;

    if (document->document != HF_DOCUMENT_SHADOW)
        return;
    if (document->json.bytes > 0 && !hear(device, document->json, &version, &refused))
        return;
    if (document->request == 0)
        return;
    if (!question) {
        change_answered(device, document->request, document->reason);
        if (document->json.bytes > 0 && !device->sim->oracle.failed)
            sim_oracle_shadow_operations(device->sim, &device->sim->oracle.changes[document->request - 1],
                                         document->reason, version, refused);
    } else if (self->asked[shadow] == document->request) {
        sim_trace(&device->sim->trace, device->who, "is answered %s on its shadow %s",
                  hf_reason_name(document->reason), sim_shadow_names[shadow]);
        self->asked[shadow] = 0;
        self->of[shadow].ask = document->reason != HF_REASON_NONE && document->reason != HF_REASON_NOT_FOUND;
        if (document->reason == HF_REASON_NOT_FOUND)
            gone(device, shadow);
    }
}

void sim_shadow_device_answer(struct sim_device *device, struct hf_slice id, uint64_t version,
                              enum hf_reason reason)
{
    struct sim_shadow_device *self = device->shadows;
    uint32_t number = (uint32_t)strtoul(id.at + 1, NULL, 10); /* a quote follows */
    unsigned shadow = number & 1;

    if (id.at[0] == 's') {
        change_answered(device, number, reason);
        return;
    }
    sim_trace(&device->sim->trace, device->who, "is answered %s, version %" PRIu64 ", on its shadow %s",
              hf_reason_name(reason), version, sim_shadow_names[shadow]);
    if (self->asked[shadow] != number)
        return;
    self->asked[shadow] = 0;
    self->of[shadow].ask = reason != HF_REASON_NONE;
    if (reason == HF_REASON_NONE && version == 0)
        gone(device, shadow);
}

/* ---- life ---- */

void sim_shadow_device_opened(struct sim_device *device)
{
    static const char subscribe[] = "{\"type\":\"subscribe\",\"topic\":\"$shadow/delta\"}";

    if (!takes_part(device))
        return;
    if (device->core == NULL)
        sim_raw_write(device, HF_WS_OP_TEXT, subscribe, sizeof(subscribe) - 1);
    for (unsigned i = device->core == NULL ? 0 : 1; i < SIM_SHADOWS; i++)
        device->shadows->of[i].ask = true; /* of the unnamed one a session is told by itself */
    arm(device, hf_rng_below(&device->rng, 1000));
}

void sim_shadow_device_closed(struct sim_device *device)
{
    struct sim_shadow_device *self = device->shadows;

    for (unsigned i = 0; i < SIM_SHADOWS; i++) {
        if (self->of[i].change != 0)
            device->sim->oracle.changes[self->of[i].change - 1].fate = SIM_CHANGE_UNKNOWN;
        self->of[i].change = self->asked[i] = 0;
    }
    sim_cancel(events_of(device), &self->apply);
}

void sim_shadow_device_begin(struct sim_device *device)
{
    memset(device->shadows->of, 0, sizeof(device->shadows->of));
    if (takes_part(device) && !device->sim->calm)
        sim_in(events_of(device), &device->shadows->due, sim_wait(&device->rng, device->sim->plan.shadow_us));
}

void sim_shadow_device_end(struct sim_device *device)
{
    sim_shadow_device_closed(device);
    sim_cancel(events_of(device), &device->shadows->due);
}

void sim_shadow_device_init(struct sim_device *device)
{
    device->shadows = calloc(1, sizeof(*device->shadows));
    HF_ASSERT(device->shadows != NULL);
    device->shadows->device = device;
    device->shadows->due.on_due = on_due;
    device->shadows->apply.on_due = on_apply;
}

void sim_shadow_device_deinit(struct sim_device *device)
{
    free(device->shadows);
}
