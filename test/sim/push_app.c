/* test/sim/push_app.c - POST /v1/groups/{group}/shadow as an application asks for it: one record, which the gateway carries out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "sim/push.h"
#include "sim/sim.h"

enum { SAY_NOTHING_PERCENT = 20, REMOVE_PERCENT = 15 };

static void on_recorded(struct hf_call *call)
{
    struct sim_push *push = call->maker;
    struct sim *sim = push->change->sim;

    if (sim->gateway.dying || !sim->gateway.running || call->reason == HF_REASON_DRAIN) {
        push->change->fate = SIM_CHANGE_UNKNOWN;
    } else {
        push->change->fate = call->reason == HF_REASON_NONE ? SIM_CHANGE_ACCEPTED : SIM_CHANGE_REFUSED;
        sim_oracle_push_answered(sim, push, call);
    }
    hf_call_free(call);
}

/* Some change what nobody has, so that a member may be as it is wanted already. */
static void draw(struct sim_change *change, struct hf_rng *rng)
{
    static const uint8_t keys[] = {SIM_KEY_A, SIM_KEY_B, SIM_KEY_D, SIM_KEY_E, SIM_KEY_N_X, SIM_KEY_N_Y};

    change->kind = HF_PATCH_MERGE;
    change->may = 1 << HF_SHADOW_DESIRED;
    if (sim_percent(rng, SAY_NOTHING_PERCENT))
        return;
    bool removes = sim_percent(rng, REMOVE_PERCENT);
    for (unsigned i = 0; i < HF_COUNT_OF(keys); i++) {
        if (sim_percent(rng, 70))
            continue;
        if (removes || sim_percent(rng, 25))
            change->of[HF_SHADOW_DESIRED].remove |= (uint16_t)(1 << keys[i]);
        else
            change->of[HF_SHADOW_DESIRED].set[keys[i]] = change->number;
    }
    if (!removes)
        change->of[HF_SHADOW_DESIRED].set[SIM_KEY_W] = change->number;
}

void sim_push_ask(struct sim_app *app)
{
    struct sim *sim = app->sim;
    struct sim_push *push = sim_push_new(sim);
    uint8_t random[HF_UUID_RANDOM_BYTES];

    if (push == NULL)
        return;
    push->change->app = app;
    draw(push->change, &app->rng);
    push->group = (uint8_t)sim_between(&app->rng, 1, SIM_GROUPS);
    sim_change_text(push->change, false, push->text);
    for (unsigned i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)hf_rng_u64(&app->rng);
    hf_uuid7(push->id, sim_clock_utc_ms(&sim->gateway.clock), random);
    struct hf_call *call = hf_call_new(HF_CALL_RECORD, 32);
    HF_ASSERT(call != NULL);
    char *group = call->storage;
    memcpy(call->id, push->id, sizeof(call->id));
    call->event_type = HF_EVENT_PUSH;
    call->tenant = HF_SLICE("acme");
    call->topic = (struct hf_slice){group, (size_t)snprintf(group, 4, "%u", push->group)};
    call->key = hf_slice_of(sim_change_key(push->change, group + 4));
    sim_audit(call, app->who, push->change->number);
    call->payload = hf_slice_of(push->text);
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    call->maker = push;
    call->on_done = on_recorded;
    sim_trace(&sim->trace, app->who, "push %" PRIu32 " to group %u: %s", push->change->number, push->group,
              push->text);
    if (sim_gateway_call(&sim->gateway, (unsigned)hf_rng_below(&app->rng, sim->plan.workers), call))
        return;
    push->change->fate = SIM_CHANGE_REFUSED; /* nobody listens */
    hf_call_free(call);
}
