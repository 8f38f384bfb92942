#include "sim/app.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "sim/sim.h"

enum {
    READ_US = 50000,
    REST_US_MAX = 60000000,
    READ_EVENTS = 256,
    TRIES_MAX = 2000,
    WAIT_MS = 20000,
    CANCEL_US_MAX = 3000000
};

static struct sim_gateway *gateway_of(const struct sim_app *app)
{
    return &app->sim->gateway;
}

static void ask(struct sim_sent *sent);

static void again(struct sim_sent *sent, uint64_t in_ms)
{
    struct sim_app *app = sent->app;

    if (++sent->tries > TRIES_MAX)
        sim_fail(app->sim, "%s has asked %u times for number %" PRIu32, app->who, sent->tries, sent->number);
    sim_in(&app->sim->events, &sent->retry, 1000 * in_ms + hf_rng_below(&app->rng, 1000000));
}

/* No answer came, or none that says what became of the request. With a key it may be asked again; without one it must not. */
static void unknown(struct sim_sent *sent)
{
    if (sent->keyed)
        again(sent, 500);
    else
        sent->given_up = true;
}

static void on_done(struct hf_call *call)
{
    struct sim_sent *sent = call->maker;
    struct sim_app *app = sent->app;
    struct sim_gateway *gateway = gateway_of(app);

    sent->calling = false;
    if (gateway->dying || !gateway->running || sim_percent(&app->rng, 3)) {
        unknown(sent); /* the connection is gone before the answer got through */
        hf_call_free(call);
        return;
    }
    switch (call->reason) {
    case HF_REASON_NONE:
        sim_oracle_accepted(app->sim, sent, call);
        sent->answered = true;
        if (sent->cancel)
            sim_in(&app->sim->events, &sent->retry, hf_rng_below(&app->rng, CANCEL_US_MAX));
        break;
    case HF_REASON_IN_PROGRESS:
    case HF_REASON_BUSY:
    case HF_REASON_MEMORY_LIMIT:
    case HF_REASON_STORAGE_FULL:
    case HF_REASON_STORAGE_FAILED:
    case HF_REASON_RATE_LIMIT:
    case HF_REASON_QUEUE_FULL:
    case HF_REASON_NOT_FOUND: /* the device has never been there so far */
        if (app->sim->calm && !sent->keyed)
            sent->given_up = true;
        else
            again(sent, HF_MAX(call->retry_ms, (uint64_t)200));
        break;
    case HF_REASON_DEVICE_OFFLINE: sent->given_up = true; break;
    case HF_REASON_DRAIN: unknown(sent); break;
    default:
        sim_fail(app->sim, "%s is answered %s for number %" PRIu32, app->who, hf_reason_name(call->reason),
                 sent->number);
    }
    hf_call_free(call);
}

static struct hf_call *call_new(struct sim_sent *sent)
{
    struct sim *sim = sent->sim;
    char text[256], key[32];
    int text_bytes = snprintf(text, sizeof(text), "{\"m\":%" PRIu32 ",\"pad\":\"%.*s\"}", sent->number,
                              (int)(sent->number * 37 % 128),
                              "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                              "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    int key_bytes = snprintf(key, sizeof(key), "key-%" PRIu32, sent->number);
    struct hf_call *call = hf_call_new(HF_CALL_SEND, (size_t)text_bytes + (size_t)key_bytes);
    uint8_t random[HF_UUID_RANDOM_BYTES];

    HF_ASSERT(call != NULL);
    char *storage = call->storage;
    memcpy(storage, text, (size_t)text_bytes);
    memcpy(storage + text_bytes, key, (size_t)key_bytes);
    for (unsigned i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)hf_rng_u64(&sent->app->rng);
    hf_uuid7(call->id, sim_clock_utc_ms(&sim->gateway.clock), random);
    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(sim->devices[sent->device].name);
    call->topic = hf_slice_of(sent->command ? "do" : "note");
    call->payload = (struct hf_slice){storage, (size_t)text_bytes};
    if (sent->keyed)
        call->key = (struct hf_slice){storage + text_bytes, (size_t)key_bytes};
    call->class = sent->command ? HF_CLASS_COMMAND : HF_CLASS_MESSAGE;
    call->format = HF_FORMAT_JSON;
    call->flags = HF_EVENT_FLAG_TEXT;
    sim_audit(call, sent->app->who, sent->number);
    call->ttl_ms = sent->ttl_ms;
    call->wait = sent->wait;
    call->wait_ms = WAIT_MS;
    memset(call->body_hash, (int)sent->number, sizeof(call->body_hash));
    call->maker = sent;
    call->on_done = on_done;
    return call;
}

static void on_forgotten(struct hf_call *call) /* nobody waits for this answer */
{
    hf_call_free(call);
}

/* The same request by another connection at nearly the same moment: an impatient application, or a proxy that tries again. */
static void ask_twice(struct sim_sent *sent)
{
    struct hf_call *call = call_new(sent);

    call->on_done = on_forgotten;
    if (!sim_gateway_call(gateway_of(sent->app), sent->worker + 1, call))
        hf_call_free(call);
}

static void ask(struct sim_sent *sent)
{
    struct sim_gateway *gateway = gateway_of(sent->app);
    struct hf_call *call = call_new(sent);

    if (sent->asked_ms == 0)
        sent->asked_ms = sim_clock_utc_ms(&gateway->clock);
    sent->calling = true;
    sent->worker = (unsigned)hf_rng_below(&sent->app->rng, gateway->worker_count);
    if (sim_gateway_call(gateway, sent->worker, call)) {
        if (sent->keyed && sim_percent(&sent->app->rng, 5))
            ask_twice(sent);
        return;
    }
    sent->calling = false;
    hf_call_free(call);
    again(sent, 1000); /* nobody listens: it was not asked at all */
}

static void cancel(struct sim_sent *sent)
{
    struct hf_call *call = hf_call_new(HF_CALL_CANCEL, 0);

    HF_ASSERT(call != NULL);
    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(sent->sim->devices[sent->device].name);
    memcpy(call->id, sent->id, sizeof(call->id));
    sim_audit(call, sent->app->who, sent->number);
    call->on_done = on_forgotten;
    if (!sim_gateway_call(gateway_of(sent->app), sent->worker, call))
        hf_call_free(call);
}

static void on_retry(struct sim_event *event)
{
    struct sim_sent *sent = HF_CONTAINER_OF(event, struct sim_sent, retry);

    if (sent->answered && sent->cancel)
        cancel(sent);
    else if (!sent->answered)
        ask(sent);
}

void sim_app_disconnect(struct sim_app *app, unsigned device)
{
    struct hf_call *call = hf_call_new(HF_CALL_DISCONNECT, 0);

    HF_ASSERT(call != NULL);
    call->tenant = HF_SLICE("acme");
    call->device = hf_slice_of(app->sim->devices[device].name);
    sim_audit(call, app->who, 1); /* recorded as an event of the audit, by the API */
    call->on_done = on_forgotten;
    if (!sim_gateway_call(gateway_of(app), 0, call))
        hf_call_free(call);
}

static void on_send(struct sim_event *event)
{
    struct sim_app *app = HF_CONTAINER_OF(event, struct sim_app, send);
    struct sim *sim = app->sim;
    const struct sim_plan *plan = &sim->plan;

    if (sim->calm || sim->oracle.sent_count == SIM_SENT_MAX)
        return;
    struct sim_sent *sent = &sim->oracle.sent[sim->oracle.sent_count++];
    *sent = (struct sim_sent){
        .sim = sim,
        .app = app,
        .retry = {.on_due = on_retry},
        .number = sim->oracle.sent_count,
        .device = (unsigned)hf_rng_below(&app->rng, plan->devices - plan->twin),
        .command = sim_percent(&app->rng, plan->command_percent),
        .keyed = sim_percent(&app->rng, plan->key_percent),
        .cancel = sim_percent(&app->rng, 3),
    };
    sent->wait = sent->command && sim_percent(&app->rng, plan->wait_percent);
    sent->ttl_ms = sim_percent(&app->rng, 15) ? sim_between(&app->rng, 500, 20000) : 0;
    ask(sent);
    sim_in(&sim->events, event, sim_wait(&app->rng, plan->send_us));
}

/* ---- reading ---- */

static void on_read(struct sim_event *event)
{
    struct sim_app *app = HF_CONTAINER_OF(event, struct sim_app, read);
    struct sim *sim = app->sim;
    struct sim_gateway *gateway = gateway_of(app);
    struct hf_log_record record;
    hf_err err = HF_OK;

    sim_in(&sim->events, event,
           hf_rng_below(&app->rng, 1000) < sim->plan.rest_permille
               ? hf_rng_below(&app->rng, REST_US_MAX)
               : READ_US + hf_rng_below(&app->rng, READ_US));
    if (!gateway->running || gateway->dying || sim_gateway_paused(gateway))
        return;
    if (app->reader == NULL) {
        err = hf_log_reader_open(gateway->log, app->cursor, &app->reader);
        if (err == HF_ERR_INVALID)
            sim_fail(sim, "%s has read up to offset %" PRIu64 ", and the log ends at %" PRIu64, app->who,
                     app->cursor - 1, hf_log_durable_through(gateway->log));
        if (err != HF_OK) {
            app->reader = NULL;
            return;
        }
    }
    for (unsigned i = 0; i < READ_EVENTS; i++) {
        err = hf_log_reader_next(app->reader, &record);
        if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
            sim_oracle_gap(sim, app, hf_log_reader_gap(app->reader));
            hf_log_reader_skip(app->reader);
            app->cursor = hf_log_reader_offset(app->reader);
            app->gaps++;
            continue;
        }
        if (err != HF_OK)
            return;
        sim_oracle_read(sim, app, &record);
        app->cursor = record.offset + 1;
        app->read_events++;
    }
}

void sim_app_gateway_gone(struct sim_app *app)
{
    hf_log_reader_close(app->reader);
    app->reader = NULL;
}

void sim_app_init(struct sim_app *app, struct sim *sim, unsigned index)
{
    *app = (struct sim_app){
        .sim = sim, .index = index, .cursor = 1, .send = {.on_due = on_send}, .read = {.on_due = on_read}};
    snprintf(app->who, sizeof(app->who), "app%u", index);
    hf_rng_seed(&app->rng, hf_rng_u64(&sim->rng));
    sim_shadow_app_init(app);
}

void sim_app_start(struct sim_app *app)
{
    sim_in(&app->sim->events, &app->send, sim_wait(&app->rng, app->sim->plan.send_us));
    sim_in(&app->sim->events, &app->read, READ_US);
    sim_shadow_app_start(app);
}

void sim_app_deinit(struct sim_app *app)
{
    sim_cancel(&app->sim->events, &app->send);
    sim_cancel(&app->sim->events, &app->read);
    sim_shadow_app_deinit(app);
    sim_app_gateway_gone(app);
}

bool sim_app_done(const struct sim_app *app)
{
    const struct sim_gateway *gateway = gateway_of(app);

    return gateway->running && app->cursor == hf_log_durable_through(gateway->log) + 1;
}
