/* test/sim/shadow_app.c - applications and shadows: they change what is desired and their tags, with and without the version that they know, wait for labels, read, and look back. And how
 * changes are drawn, for devices as well. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/push.h"
#include "sim/sim.h"

enum { WAIT_MS_MAX = 5000, BACK_MS_MAX = 60000, GROUP_PERCENT = 30 };

/* ---- drawing ---- */

static void draw_field(const struct sim_shadow_state *now, struct sim_change *change, unsigned section,
                       struct hf_rng *rng)
{
    static const uint8_t keys[] = {SIM_KEY_A, SIM_KEY_B, SIM_KEY_D, SIM_KEY_E, SIM_KEY_N_X, SIM_KEY_N_Y};
    unsigned key = keys[hf_rng_below(rng, HF_COUNT_OF(keys))];
    bool there = now->of[section].value[key] != 0, merges = change->kind == HF_PATCH_MERGE;
    bool has_n = now->of[section].value[SIM_KEY_N_X] || now->of[section].value[SIM_KEY_N_Y] ||
                 now->of[section].value[SIM_KEY_N_EMPTY];

    if (sim_percent(rng, 25) && (merges || there || sim_percent(rng, 10))) {
        if (change->of[section].set[key] == 0)
            change->of[section].remove |= (uint16_t)(1 << key);
        return;
    }
    change->of[section].remove &= (uint16_t) ~(1 << key);
    change->of[section].set[key] = change->number;
    if (key >= SIM_KEY_N_X && !merges && !has_n && sim_percent(rng, 90))
        change->makes_n |= (uint8_t)(1 << section);
}

static void draw_section(const struct sim_shadow_state *now, struct sim_change *change, unsigned section,
                         struct hf_rng *rng)
{
    unsigned fields = (unsigned)hf_rng_below(rng, 4);

    for (unsigned i = 0; i < fields; i++)
        draw_field(now, change, section, rng);
    if (change->kind == HF_PATCH_MERGE && sim_percent(rng, 5))
        change->of[section].set[SIM_KEY_N_EMPTY] = 1;
    if (section == HF_SHADOW_TAGS && sim_percent(rng, GROUP_PERCENT))
        change->of[section].set[SIM_KEY_G] = (uint32_t)sim_between(rng, 1, SIM_GROUPS);
    change->of[section].set[sim_shadow_own_key(section)] = change->number;
}

static void draw_test(const struct sim_shadow_state *now, struct sim_change *change, struct hf_rng *rng)
{
    change->test.section = (uint8_t)hf_rng_below(rng, HF_SHADOW_SECTIONS);
    change->test.key = (uint8_t)hf_rng_below(rng, SIM_KEY_N_X);
    change->test.value =
        sim_percent(rng, 80) ? now->of[change->test.section].value[change->test.key] : change->number;
}

uint8_t sim_merge_draw(struct hf_rng *rng)
{
    return (uint8_t)hf_rng_below(rng, HF_MERGES);
}

void sim_change_draw(struct sim_change *change, struct hf_rng *rng, uint64_t known)
{
    struct sim_shadow *shadow = sim_shadow_of(change->sim, change->device, change->shadow);
    const struct sim_shadow_state *now = &shadow->states[shadow->version];
    bool app = change->app != NULL;

    change->kind = sim_percent(rng, 60) ? HF_PATCH_MERGE : HF_PATCH_JSON;
    change->may = (uint8_t)(app ? 1 << HF_SHADOW_DESIRED | 1 << HF_SHADOW_TAGS
                                : 1 << HF_SHADOW_REPORTED | 1 << HF_SHADOW_DESIRED);
    if (sim_percent(rng, 45) && known > 0) {
        change->base = sim_percent(rng, 80) ? known : sim_between(rng, 1, known);
        change->merge = sim_merge_draw(rng);
    }
    if (change->kind == HF_PATCH_MERGE && sim_percent(rng, 4)) {
        change->idle = true;
        return;
    }
    unsigned own = app ? HF_SHADOW_DESIRED : HF_SHADOW_REPORTED,
             other = app ? HF_SHADOW_TAGS : HF_SHADOW_DESIRED;
    bool second = sim_percent(rng, app ? 35 : 8);
    if (!second || sim_percent(rng, 50))
        draw_section(now, change, own, rng);
    if (second)
        draw_section(now, change, other, rng);
    if (sim_percent(rng, 3)) /* which is not its own */
        draw_section(now, change, app ? HF_SHADOW_REPORTED : HF_SHADOW_TAGS, rng);
    if (app && second && change->kind == HF_PATCH_MERGE && sim_percent(rng, 10)) {
        memset(&change->of[own], 0, sizeof(change->of[own]));
        change->clears = (uint8_t)(1 << own);
    }
    if (change->kind == HF_PATCH_JSON && sim_percent(rng, 25))
        draw_test(now, change, rng);
}

/* ---- calls ---- */

const char *sim_change_key(const struct sim_change *change, char out[24])
{
    (void)snprintf(out, 24, "%s/%" PRIu32, change->app->who, change->number);
    return out;
}

struct question { /* lies in the call's storage */
    struct sim_app *app;
    unsigned device, shadow;
    uint64_t known;
};

static struct hf_call *call_new(struct sim *sim, unsigned device, unsigned shadow, size_t storage_bytes)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, storage_bytes);

    HF_ASSERT(call != NULL);
    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(sim->devices[device].name);
    if (shadow > 0)
        call->topic = hf_slice_of(sim_shadow_names[shadow]);
    call->document.shadow = true;
    return call;
}

static bool is_lost(struct sim_app *app)
{
    const struct sim_gateway *gateway = &app->sim->gateway;

    return gateway->dying || !gateway->running || sim_percent(&app->rng, 3);
}

static void on_changed(struct hf_call *call)
{
    struct sim_change *change = call->maker;
    struct sim_app *app = change->app;

    if (is_lost(app) || call->reason == HF_REASON_DRAIN) {
        change->fate = SIM_CHANGE_UNKNOWN;
    } else {
        sim_oracle_shadow_answered(app->sim, change, call);
        if (call->reason == HF_REASON_NONE || call->reason == HF_REASON_VERSION_CONFLICT)
            app->shadows.known[change->device][change->shadow] = call->document.version;
    }
    hf_call_free(call);
}

static void change(struct sim_app *app, unsigned device, unsigned shadow)
{
    struct sim *sim = app->sim;
    struct sim_change *made = sim_change_new(sim, device, shadow);
    char text[SIM_SHADOW_TEXT_BYTES];

    if (made == NULL)
        return;
    made->app = app;
    sim_change_draw(made, &app->rng, app->shadows.known[device][shadow]);
    made->base_inside = made->kind == HF_PATCH_MERGE && sim_percent(&app->rng, 30);
    sim_change_text(made, false, text);
    size_t bytes = strlen(text);
    struct hf_call *call = call_new(sim, device, shadow, bytes + 24);
    call->payload = (struct hf_slice){memcpy(call->storage, text, bytes), bytes};
    call->key = hf_slice_of(sim_change_key(made, (char *)call->storage + bytes));
    sim_audit(call, app->who, made->number);
    call->document.change = true;
    call->document.kind = made->kind;
    call->document.merge = made->merge;
    call->document.sections = made->may;
    call->document.base_version = made->base_inside ? 0 : made->base;
    call->document.label =
        sim_percent(&app->rng, 50) ? HF_LABEL_STORED : (uint8_t)hf_rng_below(&app->rng, HF_LABELS);
    call->wait_ms = hf_rng_below(&app->rng, WAIT_MS_MAX);
    call->maker = made;
    call->on_done = on_changed;
    sim_trace(&sim->trace, app->who, "change %" PRIu32 " of %s %s from %" PRIu64 " %s: %s", made->number,
              sim->devices[device].name, sim_shadow_names[shadow], made->base, hf_merge_name(made->merge),
              text);
    if (sim_gateway_call(&sim->gateway, (unsigned)hf_rng_below(&app->rng, sim->plan.workers), call))
        return;
    made->fate = SIM_CHANGE_REFUSED; /* nobody listens */
    hf_call_free(call);
}

/* DELETE .../shadow/led */
static void delete_named(struct sim_app *app, unsigned device)
{
    struct sim *sim = app->sim;
    struct sim_change *made = sim_change_new(sim, device, 1);

    if (made == NULL)
        return;
    made->app = app;
    made->deletes = true;
    made->base = sim_percent(&app->rng, 50) ? app->shadows.known[device][1] : 0;
    struct hf_call *call = call_new(sim, device, 1, 24);
    call->key = hf_slice_of(sim_change_key(made, call->storage));
    sim_audit(call, app->who, made->number);
    call->document.change = call->document.remove = true;
    call->document.base_version = made->base;
    call->maker = made;
    call->on_done = on_changed;
    sim_trace(&sim->trace, app->who, "change %" PRIu32 " deletes %s led, from %" PRIu64, made->number,
              sim->devices[device].name, made->base);
    if (sim_gateway_call(&sim->gateway, (unsigned)hf_rng_below(&app->rng, sim->plan.workers), call))
        return;
    made->fate = SIM_CHANGE_REFUSED; /* nobody listens */
    hf_call_free(call);
}

static void on_read(struct hf_call *call)
{
    const struct question *question = call->storage;
    struct sim_app *app = question->app;

    if (!is_lost(app)) {
        sim_oracle_shadow_read(app->sim, question->device, question->shadow, question->known, call);
        if (call->reason == HF_REASON_NONE)
            app->shadows.known[question->device][question->shadow] = call->document.version;
    }
    hf_call_free(call);
}

static void look(struct sim_app *app, unsigned device, unsigned shadow)
{
    struct hf_call *call = call_new(app->sim, device, shadow, sizeof(struct question));
    struct question *question = call->storage;

    *question = (struct question){app, device, shadow, sim_shadow_of(app->sim, device, shadow)->told};
    call->on_done = on_read;
    if (!sim_gateway_call(&app->sim->gateway, (unsigned)hf_rng_below(&app->rng, app->sim->plan.workers),
                          call))
        hf_call_free(call);
}

static void on_due(struct sim_event *event)
{
    struct sim_app *app = HF_CONTAINER_OF(event, struct sim_app, shadows.due);
    struct sim *sim = app->sim;
    unsigned device = (unsigned)hf_rng_below(&app->rng, sim->plan.devices - sim->plan.twin);
    unsigned shadow = sim_percent(&app->rng, 70) ? 0 : 1, what = (unsigned)hf_rng_below(&app->rng, 100);

    if (sim->calm)
        return;
    sim_in(&sim->events, event, sim_wait(&app->rng, sim->plan.shadow_us));
    if (what < 57)
        change(app, device, shadow);
    else if (what < 60)
        delete_named(app, device);
    else if (what < 65)
        sim_push_ask(app);
    else if (what < 85)
        look(app, device, shadow);
    else if (what < 90)
        sim_oracle_push_tables(sim);
    else if (sim->gateway.running && !sim->gateway.dying)
        sim_oracle_shadow_past(sim, device, shadow,
                               sim_clock_utc_ms(&sim->gateway.clock) - hf_rng_below(&app->rng, BACK_MS_MAX));
}

void sim_shadow_app_init(struct sim_app *app)
{
    app->shadows.due.on_due = on_due;
}

void sim_shadow_app_start(struct sim_app *app)
{
    if (app->sim->plan.shadow_us > 0)
        sim_in(&app->sim->events, &app->shadows.due, sim_wait(&app->rng, app->sim->plan.shadow_us));
}

void sim_shadow_app_deinit(struct sim_app *app)
{
    sim_cancel(&app->sim->events, &app->shadows.due);
}
