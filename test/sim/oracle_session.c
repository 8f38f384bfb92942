/* test/sim/oracle_session.c - holdfast.v1: the numbered streams. Uplink numbers of a queue come into the log each exactly once and in order, messages, results and gaps
 * alike; downlink messages come to the device's application once, in order, and what does not come is told as a gap. */
#include <inttypes.h>
#include <string.h>

#include "client/session/core_internal.h"
#include "core/session/serial.h"
#include "core/session_record.h"
#include "sim/device_core.h"
#include "sim/oracle.h"
#include "sim/sim.h"

#define NAME(event) (int)(event)->device.bytes, (event)->device.at

/* ---- up ---- */

static struct sim_queue *queue_of(struct sim *sim, struct sim_seen *seen, uint64_t queue_id)
{
    for (unsigned i = 0; i < seen->queue_count; i++)
        if (seen->queues[i].id == queue_id)
            return &seen->queues[i];
    if (seen->queue_count == SIM_QUEUES_MAX) {
        sim_fail(sim, "a device has had more than %u queues", SIM_QUEUES_MAX);
        return NULL;
    }
    seen->queues[seen->queue_count] = (struct sim_queue){.id = queue_id, .next = sim_queue_first(queue_id)};
    return &seen->queues[seen->queue_count++];
}

bool sim_oracle_uplink(struct sim *sim, const struct hf_event *event, struct sim_seen *seen,
                       uint64_t queue_id, uint64_t from, uint64_t to)
{
    struct sim_queue *queue = queue_of(sim, seen, queue_id);

    if (queue == NULL)
        return false;
    if (from != queue->next || to < from) {
        sim_fail(sim,
                 "offset %" PRIu64 ": uplink %" PRIu64 "..%" PRIu64 " of %.*s, and %" PRIu64 " comes next",
                 event->offset, from, to, NAME(event), queue->next);
        return false;
    }
    queue->next = hf_serial_number(to + 1);
    return true;
}

/* The machine that has made it: device 0 may have a twin. */
static struct sim_device *maker_of(struct sim *sim, const struct hf_event *event, uint32_t *ret_number)
{
    uint32_t index = 0;
    bool known = event->format == HF_FORMAT_SAMPLES ? sim_batch_maker(event->payload, &index, ret_number)
                                                    : sim_number_in(event->payload, "d", &index) &&
                                                          sim_number_in(event->payload, "n", ret_number);

    if (!known || index >= sim->plan.devices || !hf_slice_is(event->device, sim->devices[index].name) ||
        *ret_number == 0 || *ret_number > sim->devices[index].made) {
        sim_fail(sim, "offset %" PRIu64 ": a message of %.*s that it has not made", event->offset,
                 NAME(event));
        return NULL;
    }
    return &sim->devices[index];
}

void sim_oracle_session_message(struct sim *sim, const struct hf_event *event, struct sim_record *record,
                                struct sim_seen *seen)
{
    char payload[8192];
    uint32_t number = 0;
    struct sim_device *device = maker_of(sim, event, &number);

    if (device == NULL || !sim_oracle_uplink(sim, event, seen, event->from, event->seq, event->seq))
        return;
    bool *logged = &sim->oracle.seen[device->index].logged[number - 1];
    size_t bytes = sim_message_write(device, number, payload, sizeof(payload));
    if (*logged)
        sim_fail(sim, "offset %" PRIu64 ": message %" PRIu32 " of %s is there already", event->offset, number,
                 device->name);
    else if (device->fate[number - 1] == SIM_MESSAGE_FAILED)
        sim_fail(sim, "offset %" PRIu64 ": message %" PRIu32 " of %s has failed, as it was told",
                 event->offset, number, device->name);
    else if (!hf_slice_eq(event->payload, (struct hf_slice){payload, bytes}) ||
             !hf_slice_is(event->topic, sim_message_topic(device, number)))
        sim_fail(sim, "offset %" PRIu64 ": message %" PRIu32 " of %s is not what it had said", event->offset,
                 number, device->name);
    struct sim_queue *queue = queue_of(sim, seen, event->from);
    if (number % 17 != 0 && queue != NULL) { /* urgent ones may overtake */
        if (number <= queue->last_number)
            sim_fail(sim, "offset %" PRIu64 ": message %" PRIu32 " of %s comes after message %" PRIu32,
                     event->offset, number, device->name, queue->last_number);
        queue->last_number = number;
    }
    *logged = true;
    if (sim_is_batch(device, number))
        sim_oracle_batch(sim, device, number);
    record->number = number;
    record->conn = event->conn;
    record->device = (uint8_t)device->index;
    sim->oracle.messages++;
}

void sim_oracle_session_gap(struct sim *sim, const struct hf_event *event, struct sim_seen *seen)
{
    uint64_t queue_id = hf_session_queue_parse(event->key);

    if (sim_oracle_uplink(sim, event, seen, queue_id, event->from, event->to) &&
        event->reason != HF_REASON_UNMATCHED)
        seen->up_gaps += hf_serial_count(event->from, event->to);
    if (event->reason == HF_REASON_CORRUPT)
        seen->corrupt_gaps += hf_serial_count(event->from, event->to);
}

bool sim_oracle_sent(struct sim *sim, struct sim_device *device, uint32_t number)
{
    struct sim_seen *seen = &sim->oracle.seen[device->index];

    if (device->fate[number - 1] == SIM_MESSAGE_FAILED)
        sim_fail(sim, "%s is told that message %" PRIu32 " has failed, and that it is durable", device->name,
                 number);
    else if (!seen->logged[number - 1] && sim_is_batch(device, number) &&
             seen->corrupt_told < seen->corrupt_gaps) {
        seen->corrupt_told++;
        device->core->failed_count++;
        return false;
    } else if (!seen->logged[number - 1]) {
        sim_fail(sim, "%s is told that message %" PRIu32 " is durable, and it is not", device->name, number);
    }
    return true;
}

void sim_oracle_failed(struct sim *sim, struct sim_device *device, uint32_t number, enum hf_reason reason)
{
    if (sim->oracle.seen[device->index].logged[number - 1])
        sim_fail(sim, "%s is told that message %" PRIu32 " has failed (%s), and it is in the log",
                 device->name, number, hf_reason_name(reason));
    device->core->failed_count++;
    sim->oracle.seen[device->index].corrupt_told += reason == HF_REASON_CORRUPT;
    if (reason == HF_REASON_CORRUPT && !sim_batch_is_bad(number) && !sim->plan.mangle)
        sim_fail(sim, "batch %" PRIu32 " of %s is refused, and its CRC is right", number, device->name);
}

/* ---- down ---- */

void sim_oracle_session_online(struct sim *sim, const struct hf_event *event, struct sim_said *said,
                               struct sim_seen *seen)
{
    struct hf_session_record record;

    said->epoch = event->epoch;
    if (event->payload.bytes == 0)
        return;
    if (hf_session_record_decode(event->payload, &record) != HF_OK) {
        sim_fail(sim, "offset %" PRIu64 ": the session of %.*s cannot be read", event->offset, NAME(event));
        return;
    }
    said->base = record.base;
    for (unsigned i = 0; i < seen->queue_count; i++)
        if (seen->queues[i].id == record.queue_id)
            return;
    struct sim_queue *queue = queue_of(sim, seen, record.queue_id);
    if (queue != NULL)
        queue->next = record.uplink + 1;
}

void sim_oracle_opened(struct sim *sim, struct sim_device *device, const struct hf_client_opened *opened)
{
    const struct sim_said *said = sim_device_said(device);

    if (said->conn_id != opened->connection_id)
        sim_fail(sim, "%s is greeted on a connection that is not durable", device->name);
    else if (said->epoch != opened->epoch)
        sim_fail(sim, "%s is greeted with epoch %" PRIu64 ", recorded is %" PRIu64, device->name,
                 opened->epoch, said->epoch);
    if (opened->result != HF_SESSION_RESUMED)
        device->core->expected_down = 1;
    device->core->old_gap = opened->result == HF_SESSION_REBUILT && opened->reason == HF_REASON_GAP;
}

/* Numbers of the session up to `to` that the application did not hear of on this connection: it had them before. */
static void check_skipped(struct sim *sim, struct sim_device *device, uint64_t to)
{
    const struct sim_seen *seen = &sim->oracle.seen[device->memory->index];
    struct sim_core *core = device->core;

    for (uint64_t n = core->expected_down; n < to && !sim->oracle.failed; n++) {
        uint64_t seq = n + sim_device_said(device)->base;
        uint32_t number = seq >= 1 && seq <= seen->seq ? seen->by_seq[(seq - 1) % SIM_SENT_MAX] : 0;

        if (number == 0 || (!core->heard[number - 1] && !core->done[number - 1] && !core->maybe[number - 1]))
            sim_fail(sim, "%s is not told of downlink %" PRIu64 ", sequence %" PRIu64 ", number %" PRIu32,
                     device->name, n, seq, number);
    }
}

/* What the gateway holds to be unacknowledged is at least what is not durable here: numbers behind that and the window must not be under way. */
static void check_window(struct sim *sim, const struct sim_device *device, uint64_t n)
{
    const struct hf_receiver *receiver = &device->core->core->link.receiver;

    if (n > receiver->durable_through + sim->plan.window_messages)
        sim_fail(sim,
                 "%s hears downlink %" PRIu64 ", and is durable through %" PRIu64
                 " with a window of %" PRIu32,
                 device->name, n, receiver->durable_through, sim->plan.window_messages);
}

void sim_oracle_told(struct sim *sim, struct sim_device *device, uint32_t number, bool command)
{
    struct sim_core *core = device->core;
    struct sim_sent *sent = &sim->oracle.sent[number - 1];

    if (strcmp(sim->devices[sent->device].name, device->name) != 0 || sent->command != command)
        sim_fail(sim, "%s hears number %" PRIu32 ", which is not for it", device->name, number);
    else if (sent->queued_offset == 0)
        sim_fail(sim, "%s hears number %" PRIu32 " before it is durable", device->name, number);
    else if (core->done[number - 1] && !device->twin)
        sim_fail(sim, "%s hears number %" PRIu32 " again, which it has acknowledged", device->name, number);
    else if (core->heard[number - 1])
        sim_fail(sim, "%s hears number %" PRIu32 " twice", device->name, number);
    else if (sent->seq <= core->heard_seq)
        sim_fail(sim, "%s hears sequence %" PRIu64 " after %" PRIu64, device->name, sent->seq,
                 core->heard_seq);
    check_window(sim, device, sent->seq - sim_device_said(device)->base);
    if (sim->oracle.failed)
        return;
    check_skipped(sim, device, sent->seq - sim_device_said(device)->base);
    core->heard[number - 1] = true;
    core->heard_seq = sent->seq;
    core->expected_down = sent->seq - sim_device_said(device)->base + 1;
    sent->told = true;
}

void sim_oracle_answered(struct sim *sim, struct sim_device *device, uint32_t number)
{
    (void)device;
    sim->oracle.sent[number - 1].executed = true;
}

void sim_oracle_down_gap(struct sim *sim, struct sim_device *device, uint64_t from, uint64_t to,
                         enum hf_reason reason)
{
    const struct sim_seen *seen = &sim->oracle.seen[device->memory->index];
    struct sim_core *core = device->core;
    uint64_t base = sim_device_said(device)->base;

    if (core->old_gap) { /* of the session before: its numbers are over */
        core->old_gap = false;
        return;
    }
    check_skipped(sim, device, from);
    for (uint64_t seq = from + base; seq <= to + base && !sim->oracle.failed; seq++) {
        uint32_t number = seq <= seen->seq ? seen->by_seq[(seq - 1) % SIM_SENT_MAX] : 0;
        const struct sim_sent *sent = number > 0 ? &sim->oracle.sent[number - 1] : NULL;

        if (sent == NULL || sent->final_offset == 0)
            sim_fail(sim,
                     "%s is told of a gap over sequence %" PRIu64 ", number %" PRIu32 ", which has not ended",
                     device->name, seq, number);
        else if (from == to && reason != HF_REASON_NONE && reason != HF_REASON_GAP &&
                 reason != sent->final_reason)
            sim_fail(sim, "%s is told that number %" PRIu32 " ended by %s, recorded is %s", device->name,
                     number, hf_reason_name(reason), hf_reason_name(sent->final_reason));
    }
    core->expected_down = HF_MAX(core->expected_down, to + 1); /* it may be told again */
}

/* ---- the books ---- */

void sim_oracle_books(struct sim *sim)
{
    for (unsigned d = 0; d < sim->plan.devices && !sim->oracle.failed; d++) {
        const struct sim_device *device = &sim->devices[d];
        const struct sim_seen *seen = &sim->oracle.seen[d];

        for (uint32_t n = 0; n < device->made; n++) {
            if (device->fate[n] == SIM_MESSAGE_ACKED && !seen->logged[n])
                sim_fail(sim, "message %" PRIu32 " of %s was acknowledged, and is not in the log", n + 1,
                         device->name);
            if (device->fate[n] == SIM_MESSAGE_FAILED && seen->logged[n])
                sim_fail(sim, "message %" PRIu32 " of %s has failed, and is in the log", n + 1, device->name);
        }
        /* accepted = delivered + ledger, to the message; a queue that dies with its program takes its gaps along */
        if (device->core != NULL && !device->core->diskless && !device->twin && !sim->plan.twin &&
            seen->up_gaps != device->core->failed_count)
            sim_fail(sim, "%" PRIu32 " messages of %s have failed, the log has gaps for %" PRIu64,
                     device->core->failed_count, device->name, seen->up_gaps);
    }
}
