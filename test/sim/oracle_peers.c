/* test/sim/oracle_peers.c - what devices and applications are told, compared with what is durable at that moment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/sim.h"

/* ---- connections ---- */

static bool is_broken(const struct sim *sim, enum hf_reason reason)
{
    switch (reason) {
    case HF_REASON_PROTOCOL_ERROR:
    case HF_REASON_UNSUPPORTED_DATA:
    case HF_REASON_INVALID_UTF8:
    case HF_REASON_INTERNAL_ERROR:
    case HF_REASON_SESSION_BROKEN:
    case HF_REASON_INVALID_HEARTBEAT: return true;
    case HF_REASON_GAP: /* batches that are damaged for good, on a slow way: a hole for 5 s */
    case HF_REASON_CORRUPT: return !sim->plan.mangle && !sim->plan.samples;
    default: return false;
    }
}

void sim_oracle_connection(struct sim *sim, struct hf_slice device, uint64_t conn, bool open,
                           enum hf_reason reason, uint16_t code)
{
    unsigned index = 0;

    sim_trace(&sim->trace, "gw", "%s c_%016" PRIx64 " of %.*s %s %u", open ? "open" : "close", conn,
              (int)device.bytes, device.at, open ? "" : hf_reason_name(reason), code);
    while (index < sim->plan.devices && !hf_slice_is(device, sim->devices[index].name))
        index++;
    struct sim_seen *seen = &sim->oracle.seen[index];
    if (open && seen->open_conn != 0)
        sim_fail(sim, "%s has two connections at once", sim->devices[index].name);
    if (!open && seen->open_conn != conn &&
        sim->devices[index].core == NULL) /* a session opens with WELCOME */
        sim_fail(sim, "a connection of %s is closed that is not open", sim->devices[index].name);
    if (!open && is_broken(sim, reason))
        sim_fail(sim, "a connection of %s is closed for %s: one of both has broken the protocol",
                 sim->devices[index].name, hf_reason_name(reason));
    if (!open && reason == HF_REASON_NONE)
        sim_fail(sim, "a connection of %s is closed without a reason", sim->devices[index].name);
    if (open || seen->open_conn == conn)
        seen->open_conn = open ? conn : 0;
    if (open || sim->gateway.dying)
        return;
    HF_ASSERT(seen->closed_count < SIM_DEVICE_CONNECTIONS_MAX);
    seen->closed[seen->closed_count++] = (struct sim_closed){.conn = conn, .reason = (uint16_t)reason};
}

void sim_oracle_close_heard(struct sim *sim, struct sim_device *device, uint16_t code, struct hf_slice reason)
{
    enum hf_reason heard = hf_reason_by_name(reason);

    if (heard == HF_REASON_NONE) {
        sim_fail(sim, "%s got close %u without a reason", device->name, code);
        return;
    }
    if (hf_reason_info(heard)->ws_code != code)
        sim_fail(sim, "%s got close %u for reason %s", device->name, code, hf_reason_name(heard));
    sim_device_said(device)->close_heard = (uint16_t)heard;
}

/* ---- from devices ---- */

void sim_oracle_acked(struct sim *sim, struct sim_device *device, uint32_t number, uint64_t offset)
{
    const struct sim_oracle *oracle = &sim->oracle;
    const struct sim_said *said = sim_device_said(device);
    const struct sim_record *record;

    if (offset == 0 || offset > oracle->count) {
        sim_fail(sim, "message %" PRIu32 " of %s is acknowledged at offset %" PRIu64 ", durable is %" PRIu64,
                 number, device->name, offset, oracle->count);
        return;
    }
    record = &oracle->records[offset - 1];
    if (record->type != HF_EVENT_MESSAGE || record->number != number || record->conn != said->conn_id)
        sim_fail(sim, "message %" PRIu32 " of %s is acknowledged at offset %" PRIu64 ", which is another",
                 number, device->name, offset);
}

void sim_oracle_publication(struct sim *sim, struct sim_device *device, uint32_t from, uint32_t number)
{
    const struct sim_oracle *oracle = &sim->oracle;

    if (from >= sim->plan.devices || number == 0 || number > sim->devices[from].made)
        sim_fail(sim, "%s hears a publication that nobody has made", device->name);
    else if (!oracle->seen[from].logged[number - 1])
        sim_fail(sim, "%s hears message %" PRIu32 " of %s before it is durable", device->name, number,
                 sim->devices[from].name);
    else if (from == device->index && device->connections == 1)
        sim_fail(sim, "%s hears its own message", device->name);
}

/* ---- to devices ---- */

void sim_oracle_heard(struct sim *sim, struct sim_device *device, uint32_t number, bool command)
{
    struct sim_oracle *oracle = &sim->oracle;
    struct sim_said *said = sim_device_said(device);
    const struct sim_sent *sent;
    unsigned policy = sim->plan.rules.policies[HF_CLASS_MESSAGE];
    bool latest = !command && (policy == HF_POLICY_LATEST || policy == HF_POLICY_SAMPLE);

    if (number == 0 || number > oracle->sent_count) {
        sim_fail(sim, "%s hears number %" PRIu32 ", which nobody has sent", device->name, number);
        return;
    }
    sent = &oracle->sent[number - 1];
    if (strcmp(sim->devices[sent->device].name, device->name) != 0 || sent->command != command)
        sim_fail(sim, "%s hears number %" PRIu32 ", which is not for it", device->name, number);
    else if (sent->queued_offset == 0)
        sim_fail(sim, "%s hears number %" PRIu32 " before it is durable", device->name, number);
    else if (sent->seq <= said->heard_seq[latest])
        sim_fail(sim,
                 "%s hears number %" PRIu32 ", sequence %" PRIu64 ", after sequence %" PRIu64
                 " on one connection",
                 device->name, number, sent->seq, said->heard_seq[latest]);
    else if (sent->final_offset != 0 &&
             (said->online_offset == 0 || said->online_offset > sent->final_offset))
        sim_fail(sim, "%s hears number %" PRIu32 " on a connection that came after its end", device->name,
                 number);
    said->heard_seq[latest] = sent->seq;
}

void sim_oracle_executed(struct sim *sim, struct sim_device *device, uint32_t number)
{
    struct sim_sent *sent = &sim->oracle.sent[number - 1];

    if (sim->oracle.failed)
        return;
    if (sent->executed)
        sim_fail(sim, "%s executes number %" PRIu32 " twice", device->name, number);
    sent->executed = true;
}

/* ---- applications ---- */

void sim_oracle_accepted(struct sim *sim, struct sim_sent *sent, const struct hf_call *call)
{
    const struct sim_oracle *oracle = &sim->oracle;

    if (sent->queued_offset == 0 || sent->queued_offset > oracle->count) {
        sim_fail(sim, "number %" PRIu32 " is accepted and not durable", sent->number);
        return;
    }
    if (!call->replayed && call->offset != sent->queued_offset)
        sim_fail(sim, "number %" PRIu32 " is accepted at offset %" PRIu64 ", it is at %" PRIu64, sent->number,
                 call->offset, sent->queued_offset);
    if (memcmp(call->id, sent->id, sizeof(call->id)) != 0)
        sim_fail(sim, "number %" PRIu32 " is accepted under another id than it has", sent->number);
    if (hf_fate_final(call->fate, sent->command) && sent->final_offset == 0)
        sim_fail(sim, "number %" PRIu32 " is said to be %s, and no record says so", sent->number,
                 hf_fate_name(call->fate));
    if (call->fate == HF_FATE_DONE) {
        char result[32];
        int bytes = snprintf(result, sizeof(result), "{\"r\":%" PRIu32 "}", sent->number);

        if (sent->final_type != HF_EVENT_COMMAND_DONE || call->result_bytes != (size_t)bytes ||
            memcmp(call->result, result, (size_t)bytes) != 0)
            sim_fail(sim, "the result of number %" PRIu32 " is not what its device has said", sent->number);
    }
}

void sim_oracle_read(struct sim *sim, const struct sim_app *app, const struct hf_log_record *record)
{
    const struct sim_oracle *oracle = &sim->oracle;

    if (record->offset != app->cursor)
        sim_fail(sim, "%s reads offset %" PRIu64 " where %" PRIu64 " comes next", app->who, record->offset,
                 app->cursor);
    else if (record->offset > oracle->count)
        sim_fail(sim, "%s reads offset %" PRIu64 " before it is durable", app->who, record->offset);
    else if (oracle->records[record->offset - 1].hash != sim_record_hash(record))
        sim_fail(sim, "%s reads something else at offset %" PRIu64, app->who, record->offset);
}

void sim_oracle_gap(struct sim *sim, const struct sim_app *app, struct hf_log_gap gap)
{
    const struct sim_oracle *oracle = &sim->oracle;

    if (gap.from != app->cursor || gap.to < gap.from || gap.to > oracle->count)
        sim_fail(sim, "%s wants offset %" PRIu64 " and is told of a gap from %" PRIu64 " to %" PRIu64,
                 app->who, app->cursor, gap.from, gap.to);
    else if (gap.reason == HF_REASON_RETENTION && gap.to + 1 != hf_log_oldest_offset(sim->gateway.log))
        sim_fail(sim, "%s is told of a gap up to %" PRIu64 ", and offset %" PRIu64 " is there", app->who,
                 gap.to, hf_log_oldest_offset(sim->gateway.log));
    else if (gap.reason != HF_REASON_RETENTION && gap.to - gap.from + 1 > oracle->rotten)
        sim_fail(sim, "%s is told of a gap from %" PRIu64 " to %" PRIu64 ", and %" PRIu64 " bits have rotted",
                 app->who, gap.from, gap.to, oracle->rotten);
}
