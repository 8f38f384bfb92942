/* test/sim/oracle_events.c - each record as it becomes durable, compared with what its device or application has really said and with the records before. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json/scan.h"
#include "sim/oracle.h"
#include "sim/push.h"
#include "sim/sim.h"

#define NAME(event) (int)(event)->device.bytes, (event)->device.at

static bool device_of(struct sim *sim, const struct hf_event *event, unsigned *ret_index)
{
    for (unsigned i = 0; i < sim->plan.devices; i++)
        if (hf_slice_is(event->device, sim->devices[i].name)) {
            *ret_index = i;
            return true;
        }
    sim_fail(sim, "offset %" PRIu64 " is of a device that is not there: %.*s", event->offset, NAME(event));
    return false;
}

struct sim_said *sim_oracle_said(struct sim *sim, unsigned device, uint64_t conn)
{
    for (unsigned d = 0; d < sim->plan.devices; d++) {
        struct sim_device *machine = &sim->devices[d];

        if (d != device && !(machine->twin && device == 0))
            continue;
        for (unsigned i = machine->connections; i > 0; i--)
            if (machine->said[i - 1].conn_id == conn)
                return &machine->said[i - 1];
    }
    return NULL;
}

/* ---- messages from devices ---- */

static void on_message(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    char payload[8192], key[16];
    unsigned index;
    struct sim_said *said;

    if (!device_of(sim, event, &index))
        return;
    if (event->seq != 0) {
        sim_oracle_session_message(sim, event, record, &sim->oracle.seen[index]);
        return;
    }
    said = sim_oracle_said(sim, index, event->conn);
    if (said == NULL) {
        sim_fail(sim, "offset %" PRIu64 ": a message of %.*s before its connection", event->offset,
                 NAME(event));
        return;
    }
    if (said->logged == said->count) {
        sim_fail(sim,
                 "offset %" PRIu64 ": %.*s has said %" PRIu32
                 " messages on this connection, this is one more",
                 event->offset, NAME(event), said->count);
        return;
    }
    uint32_t number = said->numbers[said->logged++];
    record->number = number;
    record->conn = event->conn;
    record->device = (uint8_t)index;
    bool batch = sim_is_batch(said->device, number); /* has no id */
    size_t bytes = sim_message_write(said->device, number, payload, sizeof(payload));
    (void)snprintf(key, sizeof(key), "%" PRIu32, number);
    if (batch ? event->key.bytes > 0 : !hf_slice_is(event->key, key))
        sim_fail(sim, "offset %" PRIu64 ": message %.*s of %.*s, and %" PRIu32 " was the next it had said",
                 event->offset, (int)event->key.bytes, event->key.at, NAME(event), number);
    else if (!hf_slice_eq(event->payload, (struct hf_slice){payload, bytes}) ||
             !hf_slice_is(event->topic, sim_message_topic(said->device, number)))
        sim_fail(sim, "offset %" PRIu64 ": message %" PRIu32 " of %.*s is not what it had said",
                 event->offset, number, NAME(event));
    if (batch)
        sim_oracle_batch(sim, said->device, number);
    sim->oracle.seen[said->device->index].logged[number - 1] = true;
    sim->oracle.messages++;
}

/* ---- presence ---- */

static void on_online(struct sim *sim, const struct hf_event *event, struct sim_seen *seen, unsigned index)
{
    if (event->conn == seen->conn) { /* silence is over */
        if (seen->ended || seen->presence != HF_UNKNOWN || event->epoch != seen->epoch)
            sim_fail(sim, "offset %" PRIu64 ": %.*s is online again on a connection that %s", event->offset,
                     NAME(event), seen->ended ? "has ended" : "was not silent");
        seen->presence = HF_ONLINE;
        return;
    }
    if (event->epoch != seen->epoch + 1)
        sim_fail(sim, "offset %" PRIu64 ": epoch %" PRIu64 " of %.*s follows %" PRIu64, event->offset,
                 event->epoch, NAME(event), seen->epoch);
    if (seen->conn != 0 && !seen->ended && event->to == seen->conn_boot)
        sim_fail(sim, "offset %" PRIu64 ": %.*s has a new connection, and its last one has no end",
                 event->offset, NAME(event));
    if (seen->turned_away_ms != 0 && seen->turned_away_ms == event->time_ms)
        sim_fail(sim,
                 "offset %" PRIu64 ": %.*s has a new connection, and its last one is recorded as gone, too",
                 event->offset, NAME(event));
    seen->turned_away_ms = 0;
    unsigned device = index, connection = 0;
    char trace[HF_WS_TRACE_BYTES_MAX + 1];
    (void)snprintf(trace, sizeof(trace), "%.*s", (int)event->key.bytes, event->key.at ? event->key.at : "");
    if (sscanf(trace, "dev%u-%u", &device, &connection) != 2 || device >= sim->plan.devices ||
        connection == 0 || connection > sim->devices[device].connections) {
        sim_fail(sim, "offset %" PRIu64 ": %.*s is online by a connection that nobody has made",
                 event->offset, NAME(event));
        return;
    }
    struct sim_said *said = &sim->devices[device].said[connection - 1];
    if (said->conn_id != 0)
        sim_fail(sim, "offset %" PRIu64 ": connection %u of %.*s is let in twice", event->offset, connection,
                 NAME(event));
    said->conn_id = event->conn;
    said->online_offset = event->offset;
    said->device = &sim->devices[device];
    sim_oracle_session_online(sim, event, said, seen);
    seen->conn = event->conn;
    seen->epoch = event->epoch;
    seen->conn_boot = event->to;
    seen->presence = HF_ONLINE;
    seen->ended = false;
}

/* The gateway's own word on why this connection ended, and what the device heard, must be the same. */
static void check_reason(struct sim *sim, const struct hf_event *event, struct sim_seen *seen, unsigned index)
{
    const struct sim_said *said = sim_oracle_said(sim, index, event->conn);

    for (uint32_t i = seen->closed_count; i > 0; i--) {
        struct sim_closed *closed = &seen->closed[i - 1];

        if (closed->conn != event->conn)
            continue;
        if (closed->recorded || closed->reason != event->reason)
            sim_fail(sim, "offset %" PRIu64 ": the connection of %.*s ended by %s, recorded as %s%s",
                     event->offset, NAME(event), hf_reason_name(closed->reason),
                     hf_reason_name(event->reason), closed->recorded ? " once more" : "");
        closed->recorded = true;
        if (said != NULL && said->close_heard != HF_REASON_NONE && said->close_heard != event->reason)
            sim_fail(sim, "offset %" PRIu64 ": %.*s was told %s, recorded is %s", event->offset, NAME(event),
                     hf_reason_name(said->close_heard), hf_reason_name(event->reason));
        return;
    }
    if (event->to == sim->gateway.boot && sim->gateway.running)
        sim_fail(sim, "offset %" PRIu64 ": the end of a connection of %.*s that has not ended", event->offset,
                 NAME(event));
}

static void on_presence(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    struct sim_seen *seen;
    unsigned index;

    if (!device_of(sim, event, &index))
        return;
    seen = &sim->oracle.seen[index];
    record->device = (uint8_t)index;
    record->conn = event->conn;
    if (event->type == HF_EVENT_ONLINE) {
        on_online(sim, event, seen, index);
        return;
    }
    if (event->conn != seen->conn || event->epoch != seen->epoch) {
        sim_fail(sim, "offset %" PRIu64 ": epoch %" PRIu64 " of %.*s speaks, epoch %" PRIu64 " is in force",
                 event->offset, event->epoch, NAME(event), seen->epoch);
        return;
    }
    bool restarted = event->to != seen->conn_boot;
    uint8_t presence = event->type == HF_EVENT_OFFLINE ? HF_OFFLINE : HF_UNKNOWN;
    if (event->type == HF_EVENT_DISCONNECTED) {
        if (seen->ended)
            sim_fail(sim, "offset %" PRIu64 ": a connection of %.*s ends twice", event->offset, NAME(event));
        check_reason(sim, event, seen, index);
        seen->ended = true;
        return;
    }
    if (!seen->ended && !restarted && event->reason != HF_REASON_SILENCE) {
        check_reason(sim, event, seen, index);
        seen->ended = true;
    } else if (seen->presence == HF_OFFLINE ||
               (seen->presence == presence && event->reason != HF_REASON_REPLACED)) {
        sim_fail(sim, "offset %" PRIu64 ": %.*s is %s again, by %s", event->offset, NAME(event),
                 hf_presence_name(presence), hf_reason_name(event->reason));
    } else if (event->reason == HF_REASON_REPLACED) {
        seen->turned_away_ms = event->time_ms;
    }
    seen->presence = presence;
}

/* ---- messages to devices ---- */

static void on_queued(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    struct sim_oracle *oracle = &sim->oracle;
    uint32_t number = 0;
    unsigned index;

    if (!device_of(sim, event, &index))
        return;
    struct sim_seen *seen = &oracle->seen[index];
    if (!sim_number_in(event->payload, "m", &number) || number == 0 || number > oracle->sent_count) {
        sim_fail(sim, "offset %" PRIu64 ": a message to %.*s that nobody has sent", event->offset,
                 NAME(event));
        return;
    }
    struct sim_sent *sent = &oracle->sent[number - 1];
    record->number = number;
    record->device = (uint8_t)index;
    if (sent->queued_offset != 0)
        sim_fail(sim, "offset %" PRIu64 ": number %" PRIu32 " is there already, at offset %" PRIu64,
                 event->offset, number, sent->queued_offset);
    if (sent->device != index || sent->command != (event->type == HF_EVENT_COMMAND))
        sim_fail(sim, "offset %" PRIu64 ": number %" PRIu32 " is not what was sent", event->offset, number);
    if (event->seq != seen->seq + 1)
        sim_fail(sim, "offset %" PRIu64 ": sequence %" PRIu64 " of %.*s follows %" PRIu64, event->offset,
                 event->seq, NAME(event), seen->seq);
    seen->seq = event->seq;
    seen->by_seq[(event->seq - 1) % SIM_SENT_MAX] = number;
    sent->queued_offset = event->offset;
    sent->seq = event->seq;
    sent->expires_ms = event->to;
    memcpy(sent->id, event->id, sizeof(sent->id));
}

/* Only commands and messages of the class must_deliver wait for everybody. */
static bool dropped_by_rule(const struct sim *sim, const struct sim_sent *sent, unsigned reason)
{
    if (sent->command || sim->plan.rules.policies[HF_CLASS_MESSAGE] == HF_POLICY_MUST_DELIVER)
        return false;
    return reason == HF_REASON_DROP_OLDEST || reason == HF_REASON_DROP_NEWEST ||
           reason == HF_REASON_CONFLATED || reason == HF_REASON_CONNECTION_GONE ||
           reason == HF_REASON_SLOW_READER || reason == HF_REASON_SAMPLED;
}

static void check_end(struct sim *sim, const struct hf_event *event, const struct sim_sent *sent)
{
    uint32_t number = 0;
    const char *wrong = NULL;

    switch (event->type) {
    case HF_EVENT_COMMAND_DONE:
        if (!sent->executed || sim_command_fails(sent->number) ||
            !sim_number_in(event->payload, "r", &number) || number != sent->number)
            wrong = "its device has not said so";
        break;
    case HF_EVENT_SENT:
        if (sent->command || sim->devices[sent->device].core != NULL)
            wrong = "it would have to be answered";
        break;
    case HF_EVENT_DELIVERED:
        if (sent->command || !sent->told)
            wrong = "its device has not heard it";
        break;
    default:
        if (event->reason == HF_REASON_DEVICE_REFUSED) {
            if (!sent->command || !sent->executed || !sim_command_fails(sent->number))
                wrong = "its device has not refused it";
        } else if (event->reason == HF_REASON_CANCELED) {
            if (!sent->cancel)
                wrong = "nobody has canceled it";
        } else if (event->reason == HF_REASON_EXPIRED || event->reason == HF_REASON_DEADLINE_EXCEEDED) {
            if (sent->ttl_ms == 0 &&
                event->time_ms < sent->expires_ms) /* a wall clock may have jumped over it */
                wrong = "its time was not over";
        } else if (dropped_by_rule(sim, sent, event->reason)) {
            break;
        } else if (event->reason != HF_REASON_LOG_DAMAGED || sim->oracle.rotten == 0) {
            wrong = hf_reason_name(event->reason);
        }
        break;
    }
    if (wrong != NULL)
        sim_fail(sim, "offset %" PRIu64 ": number %" PRIu32 " ends as %s, but %s", event->offset,
                 sent->number, hf_event_type_name(event->type), wrong);
}

static void on_fate(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    struct sim_oracle *oracle = &sim->oracle;
    unsigned index;

    if (!device_of(sim, event, &index))
        return;
    if (event->seq == 0 || event->seq > oracle->seen[index].seq) {
        sim_fail(sim, "offset %" PRIu64 ": the end of a message to %.*s that was not queued", event->offset,
                 NAME(event));
        return;
    }
    struct sim_sent *sent = &oracle->sent[oracle->seen[index].by_seq[(event->seq - 1) % SIM_SENT_MAX] - 1];
    record->number = sent->number;
    record->device = (uint8_t)index;
    if (memcmp(sent->id, event->id, sizeof(sent->id)) != 0)
        sim_fail(sim, "offset %" PRIu64 ": sequence %" PRIu64 " of %.*s has another id", event->offset,
                 event->seq, NAME(event));
    if (sent->final_offset != 0)
        sim_fail(sim, "offset %" PRIu64 ": number %" PRIu32 " goes on after its end at offset %" PRIu64,
                 event->offset, sent->number, sent->final_offset);
    if (event->type == HF_EVENT_COMMAND_DELIVERED && !sent->told)
        sim_fail(sim, "offset %" PRIu64 ": number %" PRIu32 " is delivered, and its device has not heard it",
                 event->offset, sent->number);
    if (event->type == HF_EVENT_COMMAND_SENT || event->type == HF_EVENT_COMMAND_DELIVERED)
        return;
    if (event->from != 0 && (event->type == HF_EVENT_COMMAND_DONE || event->type == HF_EVENT_COMMAND_FAILED))
        (void)sim_oracle_uplink(sim, event, &oracle->seen[index], event->from, event->to, event->to);
    check_end(sim, event, sent);
    sent->final_offset = event->offset;
    sent->final_type = event->type;
    sent->final_reason = event->reason;
    oracle->commands_done += event->type == HF_EVENT_COMMAND_DONE;
}

void sim_oracle_event(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    if (sim_oracle_camera_event(sim, event))
        return;
    switch (event->type) {
    case HF_EVENT_MESSAGE: on_message(sim, event, record); return;
    case HF_EVENT_MESSAGE_GAP: {
        unsigned index;

        if (device_of(sim, event, &index))
            sim_oracle_session_gap(sim, event, &sim->oracle.seen[index]);
        return;
    }
    case HF_EVENT_ONLINE:
    case HF_EVENT_OFFLINE:
    case HF_EVENT_UNKNOWN:
    case HF_EVENT_DISCONNECTED: on_presence(sim, event, record); return;
    case HF_EVENT_QUEUED:
    case HF_EVENT_COMMAND: on_queued(sim, event, record); return;
    case HF_EVENT_SENT:
    case HF_EVENT_FAILED:
    case HF_EVENT_DELIVERED:
    case HF_EVENT_COMMAND_SENT:
    case HF_EVENT_COMMAND_DELIVERED:
    case HF_EVENT_COMMAND_DONE:
    case HF_EVENT_COMMAND_FAILED: on_fate(sim, event, record); return;
    case HF_EVENT_SHADOW: sim_oracle_shadow_event(sim, event); return;
    case HF_EVENT_PUSH:
    case HF_EVENT_PUSH_MEMBER:
    case HF_EVENT_PUSH_DONE:
    case HF_EVENT_SHADOW_SEEN: sim_oracle_push_event(sim, event); return;
    case HF_EVENT_NODE_STARTED: sim->oracle.boot = event->to; return;
    default: return;
    }
}
