/* test/sim/oracle_audit.c - a record that comes of a request says which API key asked (OBS-8): `by` and whether it was the console. Every other record says nobody.
 * The applications are the keys; each third of their requests comes of the console. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/audit_rows.h"
#include "sim/gateway.h"
#include "sim/oracle.h"
#include "sim/sim.h"

void sim_audit(struct hf_call *call, const char *who, uint32_t number)
{
    call->by = hf_slice_of(who);
    call->console = number % 3 == 0;
}

struct asker {
    struct hf_slice who; /* absent: nobody */
    bool console;
};

static struct asker of_number(struct hf_slice who, uint32_t number)
{
    return (struct asker){who, number % 3 == 0};
}

/* "app0/17" of an application; a device, or the gateway itself, has no number behind its name. */
static struct asker of_key(struct hf_slice key)
{
    const char *slash = key.bytes > 0 ? memchr(key.at, '/', key.bytes) : NULL;

    if (slash == NULL)
        return (struct asker){.console = false};
    uint32_t number = 0;
    for (const char *at = slash + 1; at < key.at + key.bytes; at++)
        number = number * 10 + (uint32_t)(*at - '0');
    return of_number((struct hf_slice){key.at, (size_t)(slash - key.at)}, number);
}

static struct asker asker_of(const struct sim *sim, const struct hf_event *event,
                             const struct sim_record *record)
{
    const struct sim_sent *sent = record->number > 0 && record->number <= sim->oracle.sent_count
                                      ? &sim->oracle.sent[record->number - 1]
                                      : NULL;

    switch (event->type) {
    case HF_EVENT_PUSH:
    case HF_EVENT_SHADOW: return of_key(event->key);
    case HF_EVENT_QUEUED:
    case HF_EVENT_COMMAND: break;
    case HF_EVENT_FAILED:
    case HF_EVENT_COMMAND_FAILED:
        if (event->reason == HF_REASON_CANCELED)
            break;
        return (struct asker){.console = false};
    default: return (struct asker){.console = false};
    }
    return sent != NULL ? of_number(hf_slice_of(sent->app->who), sent->number)
                        : (struct asker){.console = false};
}

void sim_oracle_audit(struct sim *sim, const struct hf_event *event, struct sim_record *record)
{
    struct asker asker = asker_of(sim, event, record);
    bool console = event->flags & HF_EVENT_FLAG_CONSOLE;

    sim->oracle.audited += asker.who.bytes > 0;
    record->audit = hf_audit_rows_want(event);
    if (!hf_slice_eq(event->by, asker.who) || console != asker.console)
        sim_fail(sim, "offset %" PRIu64 ": %s is said to be asked for by %.*s%s, and it was %.*s%s",
                 event->offset, hf_event_type_name(event->type),
                 event->by.bytes > 0 ? (int)event->by.bytes : 6,
                 event->by.bytes > 0 ? event->by.at : "nobody", console ? " at the console" : "",
                 asker.who.bytes > 0 ? (int)asker.who.bytes : 6,
                 asker.who.bytes > 0 ? asker.who.at : "nobody", asker.console ? " at the console" : "");
}

static bool kept(const struct sim_record *record)
{
    return record->audit && !record->lost;
}

/* Down both lists, the newest first. What was lost may have come into the tables before. */
static void compare(struct sim *sim, struct hf_audit_walk *walk)
{
    const struct sim_oracle *oracle = &sim->oracle;
    uint64_t expected = oracle->count;
    struct hf_event event;
    hf_err err;

    while ((err = hf_audit_walk_next(walk, &event)) == HF_OK && !oracle->failed) {
        const struct sim_record *record = &oracle->records[event.offset - 1];

        if (event.offset > oracle->count || !record->audit || record->type != event.type)
            sim_fail(sim, "the audit has offset %" PRIu64 ", where nobody did anything", event.offset);
        for (; expected > event.offset; expected--)
            if (kept(&oracle->records[expected - 1]))
                sim_fail(sim, "the audit does not have offset %" PRIu64, expected);
        if (expected < event.offset)
            sim_fail(sim, "the audit has offset %" PRIu64 " behind %" PRIu64, event.offset, expected + 1);
        expected--;
    }
    HF_ASSERT(err == HF_OK || err == HF_ERR_NOT_FOUND);
    for (; err != HF_OK && expected > 0; expected--)
        if (kept(&oracle->records[expected - 1]))
            sim_fail(sim, "the audit does not have offset %" PRIu64, expected);
}

void sim_oracle_audit_quiet(struct sim *sim)
{
    struct hf_audit_walk walk;
    struct hf_kv_txn *txn;

    HF_ASSERT(hf_kv_read(sim->gateway.kv, &txn) == HF_OK);
    HF_ASSERT(hf_audit_walk_begin(&walk, txn, sim->gateway.tenant.name, 0, 0) == HF_OK);
    compare(sim, &walk);
    hf_audit_walk_end(&walk);
    hf_kv_end(txn);
}
