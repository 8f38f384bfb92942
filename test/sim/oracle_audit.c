/* test/sim/oracle_audit.c - a record that comes of a request says which API key asked (OBS-8): `by` and whether it was the console. Every other record says nobody.
 * The applications are the keys; each third of their requests comes of the console. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

void sim_oracle_audit(struct sim *sim, const struct hf_event *event, const struct sim_record *record)
{
    struct asker asker = asker_of(sim, event, record);
    bool console = event->flags & HF_EVENT_FLAG_CONSOLE;

    sim->oracle.audited += asker.who.bytes > 0;
    if (!hf_slice_eq(event->by, asker.who) || console != asker.console)
        sim_fail(sim, "offset %" PRIu64 ": %s is said to be asked for by %.*s%s, and it was %.*s%s",
                 event->offset, hf_event_type_name(event->type),
                 event->by.bytes > 0 ? (int)event->by.bytes : 6,
                 event->by.bytes > 0 ? event->by.at : "nobody", console ? " at the console" : "",
                 asker.who.bytes > 0 ? (int)asker.who.bytes : 6,
                 asker.who.bytes > 0 ? asker.who.at : "nobody", asker.console ? " at the console" : "");
}
