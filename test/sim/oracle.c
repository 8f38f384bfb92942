/* test/sim/oracle.c - follows the log: what becomes durable, and what is still there after a start. */
#include "sim/oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sim/sim.h"

void sim_fail(struct sim *sim, const char *format, ...)
{
    struct sim_oracle *oracle = &sim->oracle;
    va_list arguments;

    if (oracle->failed)
        return;
    oracle->failed = true;
    va_start(arguments, format);
    (void)vsnprintf(oracle->message, sizeof(oracle->message), format, arguments);
    va_end(arguments);
    sim_trace(&sim->trace, "ORACLE", "%s", oracle->message);
}

void sim_oracle_init(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;

    oracle->room = 4096;
    oracle->records = calloc(oracle->room, sizeof(*oracle->records));
    oracle->seen = calloc(sim->plan.devices, sizeof(*oracle->seen));
    oracle->sent = calloc(SIM_SENT_MAX, sizeof(*oracle->sent));
    HF_ASSERT(oracle->records != NULL && oracle->seen != NULL && oracle->sent != NULL);
}

void sim_oracle_deinit(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;

    for (uint32_t i = 0; i < oracle->sent_count; i++)
        sim_cancel(&sim->events, &oracle->sent[i].retry);
    free(oracle->records);
    free(oracle->seen);
    free(oracle->sent);
    sim_oracle_shadows_deinit(sim);
}

uint64_t sim_record_hash(const struct hf_log_record *record)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "the oracle";

    return hf_hash(key, record->body.at, record->body.bytes) ^ hf_hash_mix(record->time_ms);
}

static void take_new(struct sim *sim, const struct hf_log_record *record)
{
    struct sim_oracle *oracle = &sim->oracle;
    struct hf_event event;

    if (record->offset != oracle->count + 1) {
        sim_fail(sim, "offset %" PRIu64 " follows %" PRIu64, record->offset, oracle->count);
        return;
    }
    if (oracle->count == oracle->room) {
        oracle->records = realloc(oracle->records, 2 * oracle->room * sizeof(*oracle->records));
        HF_ASSERT(oracle->records != NULL);
        memset(oracle->records + oracle->room, 0, oracle->room * sizeof(*oracle->records));
        oracle->room *= 2;
    }
    struct sim_record *kept = &oracle->records[oracle->count++];
    kept->hash = sim_record_hash(record);
    if (hf_event_decode((const uint8_t *)record->body.at, record->body.bytes, &event) != HF_OK) {
        sim_fail(sim, "the record at offset %" PRIu64 " is no event", record->offset);
        return;
    }
    event.offset = record->offset;
    event.time_ms = record->time_ms;
    kept->type = event.type;
    sim_oracle_event(sim, &event, kept);
    sim_oracle_audit(sim, &event, kept);
    sim_trace(&sim->trace, "log", "%" PRIu64 " %s %.*s number %" PRIu32 " seq %" PRIu64 " %s", event.offset,
              hf_event_type_name(event.type), (int)event.device.bytes, event.device.at ? event.device.at : "",
              kept->number, event.seq, hf_reason_name(event.reason));
}

static void compare(struct sim *sim, const struct hf_log_record *record)
{
    if (sim->oracle.records[record->offset - 1].hash != sim_record_hash(record))
        sim_fail(sim, "the record at offset %" PRIu64 " is another one than it was", record->offset);
}

/* Records that are gone: only what rotted may be, and what retention let go. */
static void note_gap(struct sim *sim, struct hf_log_gap gap)
{
    struct sim_oracle *oracle = &sim->oracle;

    if (gap.reason == HF_REASON_RETENTION)
        return;
    if (oracle->rotten == 0)
        sim_fail(sim, "offsets %" PRIu64 " to %" PRIu64 " are damaged, and nothing has rotted", gap.from,
                 gap.to);
    if (gap.to - gap.from + 1 > oracle->rotten)
        sim_fail(sim, "offsets %" PRIu64 " to %" PRIu64 " are damaged by %" PRIu64 " bits", gap.from, gap.to,
                 oracle->rotten);
    for (uint64_t offset = gap.from; offset <= gap.to && offset <= oracle->count; offset++)
        oracle->records[offset - 1].lost = true;
}

static void follow(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;
    struct hf_log_record record;
    hf_err err;

    while (!oracle->failed) {
        err = hf_log_reader_next(oracle->reader, &record);
        if (err == HF_ERR_NOT_FOUND || err == HF_ERR_CORRUPT) {
            note_gap(sim, hf_log_reader_gap(oracle->reader));
            hf_log_reader_skip(oracle->reader);
            continue;
        }
        if (err == HF_ERR_AGAIN)
            return;
        if (err != HF_OK)
            sim_fail(sim, "the log cannot be read: %s", hf_err_name(err));
        else if (record.offset <= oracle->count)
            compare(sim, &record);
        else
            take_new(sim, &record);
    }
}

void sim_oracle_durable(struct sim *sim)
{
    follow(sim);
}

void sim_oracle_started(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;
    const struct hf_log *log = sim->gateway.log;
    uint64_t through = hf_log_durable_through(log), oldest = hf_log_oldest_offset(log);

    if (through < oracle->count) {
        sim_fail(sim, "after the start the log ends at offset %" PRIu64 ", and %" PRIu64 " had been durable",
                 through, oracle->count);
        return;
    }
    hf_err err = hf_log_reader_open(sim->gateway.log, oldest, &oracle->reader);
    if (err != HF_OK)
        sim_fail(sim, "the log cannot be read: %s", hf_err_name(err));
    else
        follow(sim);
    for (unsigned i = 0; i < sim->plan.devices; i++)
        oracle->seen[i].open_conn = 0;
    sim_oracle_camera_started(sim);
    sim_oracle_samples_started(sim);
}

void sim_oracle_stopped(struct sim *sim)
{
    hf_log_reader_close(sim->oracle.reader);
    sim->oracle.reader = NULL;
}
