/* test/sim/oracle_end.c - bounds at every turn, and whether everything has come to its end. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "sim/oracle.h"
#include "sim/sim.h"

enum { GONE_US_MAX = 70000000 };

/* A connection whose device has gone is found out in time: 60 s of silence, some for the goodbye that nobody answers, and what the gateway itself was
 * away (TWIN-6, HB-4). */
static void check_silence(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.devices; i++) {
        const struct sim_seen *seen = &sim->oracle.seen[i];
        const struct sim_said *said = seen->open_conn != 0 ? sim_oracle_said(sim, i, seen->open_conn) : NULL;

        if (said != NULL && said->over_us != 0 &&
            sim->events.now_us > HF_MAX(said->over_us, sim->gateway.awake_us) + GONE_US_MAX)
            sim_fail(sim, "the connection of %s is still open, %" PRIu64 " s after the device has gone",
                     sim->devices[i].name, (sim->events.now_us - said->over_us) / 1000000);
    }
}

void sim_oracle_turn(struct sim *sim, const struct sim_worker *worker)
{
    const struct hf_ledger_snapshot *books = &worker->hub.ledger.counts;
    const struct sim_plan *plan = &sim->plan;

    check_silence(sim);
    sim_oracle_camera_turn(sim);
    if (hf_ledger_difference(&books->uplink) != 0 || hf_ledger_difference(&books->downlink) != 0 ||
        hf_ledger_difference(&books->broadcast) != 0)
        sim_fail(sim,
                 "the books of worker %u do not add up: up %" PRId64 ", down %" PRId64 ", broadcast %" PRId64,
                 worker->index, hf_ledger_difference(&books->uplink), hf_ledger_difference(&books->downlink),
                 hf_ledger_difference(&books->broadcast));
    if (worker->journal.held_bytes > HF_JOURNAL_BYTES_MAX)
        sim_fail(sim, "the journal of worker %u holds %" PRIu64 " bytes", worker->index,
                 worker->journal.held_bytes);
    if (worker->ws.stats.held_bytes_now > HF_WS_HELD_BYTES_TOTAL_MAX)
        sim_fail(sim, "worker %u holds %" PRIu64 " bytes of input", worker->index,
                 worker->ws.stats.held_bytes_now);
    if (worker->hub.stats.pending >
        (uint64_t)(plan->devices + plan->cameras) * plan->rules.outbox_messages_max)
        sim_fail(sim, "%" PRIu64 " messages wait on worker %u", worker->hub.stats.pending, worker->index);
    if (worker->hub.stats.connections > plan->devices + plan->cameras)
        sim_fail(sim, "worker %u has %" PRIu64 " connections", worker->index, worker->hub.stats.connections);
}

static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool not_yet(char *why, size_t why_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return false;
}

static bool devices_done(struct sim *sim, char *why, size_t why_bytes)
{
    for (unsigned i = 0; i < sim->plan.devices; i++) {
        const struct sim_device *device = &sim->devices[i];

        if (device->twin)
            continue; /* it has gone when the faults ended */
        if (!device->running || !device->ops->is_open(device))
            return not_yet(why, why_bytes, "%s is not connected", device->name);
        if (sim_device_open_messages(device) > 0)
            return not_yet(why, why_bytes, "%" PRIu32 " messages of %s are not acknowledged",
                           sim_device_open_messages(device), device->name);
        if (sim->oracle.seen[i].presence != HF_ONLINE)
            return not_yet(why, why_bytes, "%s is connected and not online", device->name);
    }
    return true;
}

static bool sent_done(struct sim *sim, char *why, size_t why_bytes)
{
    for (uint32_t i = 0; i < sim->oracle.sent_count; i++) {
        const struct sim_sent *sent = &sim->oracle.sent[i];

        if (sent->calling || (!sent->answered && !sent->given_up))
            return not_yet(why, why_bytes, "%s waits for an answer to number %" PRIu32, sent->app->who,
                           sent->number);
        if (sent->queued_offset != 0 && sent->final_offset == 0)
            return not_yet(why, why_bytes, "number %" PRIu32 ", to %s, has no end", sent->number,
                           sim->devices[sent->device].name);
    }
    for (unsigned i = 0; i < sim->plan.apps; i++)
        if (!sim_app_done(&sim->apps[i]))
            return not_yet(why, why_bytes, "%s has not read everything", sim->apps[i].who);
    return true;
}

bool sim_oracle_done(struct sim *sim, char *why, size_t why_bytes)
{
    const struct sim_gateway *gateway = &sim->gateway;
    uint64_t pending = 0;

    if (!sim_gateway_quiet(gateway))
        return not_yet(why, why_bytes, "the gateway is still at work");
    sim_oracle_samples_quiet(sim);
    if (!devices_done(sim, why, why_bytes) || !sent_done(sim, why, why_bytes) ||
        !sim_oracle_cameras_done(sim, why, why_bytes) || !sim_oracle_shadows_done(sim, why, why_bytes))
        return false;
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        const struct hf_ledger_snapshot *books = &gateway->workers[i].hub.ledger.counts;

        pending += gateway->workers[i].hub.stats.pending;
        if (books->uplink.pending + books->downlink.pending + books->broadcast.pending > 0)
            return not_yet(why, why_bytes,
                           "the books of worker %u say that %" PRIu64 " up, %" PRIu64 " down, %" PRIu64
                           " broadcast are pending",
                           i, books->uplink.pending, books->downlink.pending, books->broadcast.pending);
    }
    if (pending > 0)
        return not_yet(why, why_bytes, "%" PRIu64 " messages wait in the gateway", pending);
    sim_oracle_audit_quiet(sim);
    return true;
}
