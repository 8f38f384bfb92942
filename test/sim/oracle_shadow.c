/* test/sim/oracle_shadow.c - shadows: each version in the log is what exactly one accepted change made of the version before; nobody is told anything else, and a label only when it is true.
 *   one record per accepted change, versions without a hole, fields as the model has them     TWIN-1, TWIN-2
 *   refused for its base only when that is not the version it was compared with               TWIN-2
 *   stored, delivered, applied: only when so                                                  TWIN-3
 *   what a device hears is the whole difference, and once all is calm it has the newest       TWIN-4
 *   what was: from the tables, within what is kept                                            TWIN-5
 *   what was deleted is seen by nobody who may know that, and no version of a name comes twice */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "codec/json/scan.h"
#include "core/shadow_rows.h"
#include "sim/oracle.h"
#include "sim/push.h"
#include "sim/sim.h"

struct sim_shadow *sim_shadow_of(struct sim *sim, unsigned device, unsigned shadow)
{
    struct sim_shadow *self = &sim->oracle.shadows[device * SIM_SHADOWS + shadow];

    if (self->states == NULL) {
        self->room = 64;
        self->states = calloc(self->room, sizeof(*self->states));
        HF_ASSERT(self->states != NULL);
    }
    return self;
}

bool sim_shadow_by_name(struct hf_slice name, unsigned *ret_shadow)
{
    for (unsigned i = 0; i < SIM_SHADOWS; i++)
        if (hf_slice_is(name, sim_shadow_names[i])) {
            *ret_shadow = i;
            return true;
        }
    return false;
}

struct sim_change *sim_change_new(struct sim *sim, unsigned device, unsigned shadow)
{
    struct sim_oracle *oracle = &sim->oracle;

    if (oracle->change_count == SIM_SHADOW_CHANGES_MAX)
        return NULL;
    if (oracle->changes == NULL) {
        oracle->changes = calloc(SIM_SHADOW_CHANGES_MAX, sizeof(*oracle->changes));
        HF_ASSERT(oracle->changes != NULL);
    }
    struct sim_change *change = &oracle->changes[oracle->change_count++];
    change->sim = sim;
    change->number = oracle->change_count;
    change->device = (uint8_t)device;
    change->shadow = (uint8_t)shadow;
    change->known = sim_shadow_of(sim, device, shadow)->told;
    return change;
}

void sim_oracle_shadows_deinit(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_DEVICES_MAX * SIM_SHADOWS; i++)
        free(sim->oracle.shadows[i].states);
    free(sim->oracle.changes);
    free(sim->oracle.pushes);
}

#define WHO(device, shadow) sim->devices[device].name, (shadow) > 0 ? " " : "", sim_shadow_names[shadow]

/* ---- what is stored ---- */

static bool parse_stored(struct hf_slice stored, struct sim_shadow_state *ret_state)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("reported"), HF_JSON_FIELD("desired"),
                                     HF_JSON_FIELD("tags"), HF_JSON_FIELD("version"),
                                     HF_JSON_FIELD("updated_ms")};

    memset(ret_state, 0, sizeof(*ret_state));
    if (hf_json_scan(stored.at, stored.bytes, fields, HF_COUNT_OF(fields), 0) != HF_OK ||
        hf_json_to_u64(&fields[3], &ret_state->version) != HF_OK ||
        hf_json_to_u64(&fields[4], &ret_state->updated_ms) != HF_OK)
        return false;
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        if (fields[i].found && !sim_shadow_parse(fields[i].raw, &ret_state->of[i]))
            return false;
    return true;
}

static bool same_fields(const struct sim_shadow_state *a, const struct sim_shadow_state *b)
{
    return memcmp(a->of, b->of, sizeof(a->of)) == 0;
}

/* Was it deleted, or never there, at any time since somebody knew this version? */
static bool gone_since(const struct sim_shadow *self, uint64_t known)
{
    for (uint64_t version = known; version <= self->version; version++)
        if (version == 0 || self->states[version].deleted)
            return true;
    return false;
}

/* Whoever knew a version sees that one, a newer one, or none if it was deleted since; and not what was deleted. */
static void check_newer(struct sim *sim, unsigned device, unsigned shadow, uint64_t known, uint64_t version,
                        const char *who)
{
    const struct sim_shadow *self = sim_shadow_of(sim, device, shadow);

    if (version == 0 ? gone_since(self, known)
                     : version >= known && version <= self->version && !self->states[version].deleted)
        return;
    sim_fail(sim,
             "%s has version %" PRIu64 " of the shadow %s%s%s, %" PRIu64 " was told before and %" PRIu64
             " is the newest%s",
             who, version, WHO(device, shadow), known, self->version,
             self->states[self->version].deleted ? ", which deleted it" : "");
}

/* Somebody is shown the shadow as it is stored. */
static void check_shown(struct sim *sim, unsigned device, unsigned shadow, struct hf_slice stored,
                        uint64_t version, const char *who)
{
    struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    struct sim_shadow_state shown;

    if (version > self->version)
        sim_fail(sim, "%s is shown version %" PRIu64 " of the shadow %s%s%s, and %" PRIu64 " is durable", who,
                 version, WHO(device, shadow), self->version);
    else if (version > 0 && self->states[version].deleted)
        sim_fail(sim, "%s is shown version %" PRIu64 " of the shadow %s%s%s, which was its end", who, version,
                 WHO(device, shadow));
    else if (version > 0 && (!parse_stored(stored, &shown) || shown.version != version ||
                             !same_fields(&shown, &self->states[version])))
        sim_fail(sim, "%s is shown a shadow %s%s%s that version %" PRIu64 " is not: %.*s", who,
                 WHO(device, shadow), version, (int)HF_MIN(stored.bytes, (size_t)200), stored.at);
    self->told = HF_MAX(self->told, version);
}

/* ---- the log ---- */

/* The change whose number stands where the version before had another one. 0: none, or two. */
static uint32_t number_of(const struct sim_shadow_state *before, const struct sim_shadow_state *after)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        uint32_t is = after->of[i].value[sim_shadow_own_key(i)];

        if (is == 0 || is == before->of[i].value[sim_shadow_own_key(i)])
            continue;
        if (number != 0 && number != is)
            return 0;
        number = is;
    }
    return number;
}

static struct sim_shadow_state *state_new(struct sim_shadow *self)
{
    if (self->version + 1 == self->room) {
        self->states = realloc(self->states, 2 * self->room * sizeof(*self->states));
        HF_ASSERT(self->states != NULL);
        self->room *= 2;
    }
    return &self->states[++self->version];
}

/* Of a device the change that is under way on that connection; of an application the one that its key names. NULL: there is none. */
static struct sim_change *change_of(struct sim *sim, const struct hf_event *event, unsigned device,
                                    unsigned shadow)
{
    const struct sim_said *said = event->conn != 0 ? sim_oracle_said(sim, device, event->conn) : NULL;
    char key[24];

    for (uint32_t number = sim->oracle.change_count; number > 0; number--) {
        struct sim_change *change = &sim->oracle.changes[number - 1];

        if (change->device != device || change->shadow != shadow || (change->app == NULL) != (said != NULL))
            continue;
        if (said != NULL && change->said == said)
            return change;
        if (change->app != NULL && hf_slice_is(event->key, sim_change_key(change, key)))
            return change;
    }
    return NULL;
}

static void check_change(struct sim *sim, const struct hf_event *event, const struct sim_shadow_state *before,
                         const struct sim_shadow_state *now, unsigned device, unsigned shadow)
{
    struct sim_shadow_state *after = state_new(sim_shadow_of(sim, device, shadow));
    bool pushed = memcmp(event->id, (uint8_t[16]){0}, sizeof(event->id)) != 0;
    struct sim_change *change = pushed && shadow == 0 ? sim_oracle_push_changes(sim, event, device)
                                                      : change_of(sim, event, device, shadow);
    char refused[SIM_SHADOW_REFUSED_BYTES];

    if (change == NULL ||
        (!pushed && change->merge != HF_MERGE_OPLOG && number_of(before, now) != change->number)) {
        sim_fail(sim,
                 "offset %" PRIu64 ": version %" PRIu64
                 " of the shadow %s%s%s is no change that was asked for",
                 event->offset, event->seq, WHO(device, shadow));
        return;
    }
    uint32_t number = change->number;
    enum hf_reason reason = sim_shadow_judge(before, change, after, refused);
    if (!pushed && (change->version != 0 || change->fate == SIM_CHANGE_REFUSED))
        sim_fail(sim, "offset %" PRIu64 ": change %" PRIu32 " of the shadow %s%s%s %s", event->offset, number,
                 WHO(device, shadow), change->version != 0 ? "is there already" : "was refused");
    else if (reason != HF_REASON_NONE)
        sim_fail(sim,
                 "offset %" PRIu64 ": change %" PRIu32 " of the shadow %s%s%s, from version %" PRIu64
                 ", makes version %" PRIu64 ", and had to be refused: %s",
                 event->offset, number, WHO(device, shadow), change->base, event->seq,
                 hf_reason_name(reason));
    else if (!same_fields(after, now) || after->version != event->seq)
        sim_fail(sim,
                 "offset %" PRIu64 ": change %" PRIu32 " makes something else of version %" PRIu64
                 " of the shadow %s%s%s: %.*s",
                 event->offset, number, before->version, WHO(device, shadow),
                 (int)HF_MIN(event->payload.bytes, (size_t)300), event->payload.at);
    change->version = event->seq;
    after->updated_ms = event->to;
    after->from = HF_MAX(event->from, before->forgotten + 1);
    sim->oracle.shadow_changes++;
}

/* A record without content has the number of the last version; the end takes the next one. */
static void check_deleted(struct sim *sim, const struct hf_event *event, unsigned device, unsigned shadow)
{
    struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    struct sim_change *change = change_of(sim, event, device, shadow);
    char refused[SIM_SHADOW_REFUSED_BYTES];
    struct sim_shadow_state after;

    if (change == NULL || shadow == 0 || event->seq != self->version || change->version != 0 ||
        change->fate == SIM_CHANGE_REFUSED ||
        sim_shadow_judge(&self->states[self->version], change, &after, refused) != HF_REASON_NONE ||
        !after.deleted) {
        sim_fail(sim,
                 "offset %" PRIu64 ": the shadow %s%s%s, whose version is %" PRIu64
                 ", is deleted at version %" PRIu64 ", for which nobody has asked",
                 event->offset, WHO(device, shadow), self->version, event->seq);
        return;
    }
    after.updated_ms = event->to;
    after.from = after.version + 1; /* its history is gone */
    *state_new(self) = after;
    change->version = after.version;
    sim->oracle.shadows_deleted++;
}

static uint64_t hash_of(struct hf_slice payload)
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "of a shadow";

    return hf_hash(key, payload.at, payload.bytes);
}

void sim_oracle_shadow_event(struct sim *sim, const struct hf_event *event)
{
    struct sim_shadow_state now;
    unsigned device = 0, shadow;

    while (device < sim->plan.devices && !hf_slice_is(event->device, sim->devices[device].name))
        device++;
    if (device == sim->plan.devices || !sim_shadow_by_name(event->topic, &shadow)) {
        if (sim->plan.cameras == 0) /* they have shadows, too, which is another matter */
            sim_fail(sim, "offset %" PRIu64 ": a shadow that nobody has", event->offset);
        return;
    }
    struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    struct sim_shadow_state before = self->states[self->version];
    if (event->payload.bytes == 0) {
        check_deleted(sim, event, device, shadow);
        return;
    }
    if (event->seq != self->version + 1 || event->from > event->seq)
        sim_fail(sim, "offset %" PRIu64 ": version %" PRIu64 " of the shadow %s%s%s follows %" PRIu64,
                 event->offset, event->seq, WHO(device, shadow), self->version);
    else if (!parse_stored(event->payload, &now) || now.version != event->seq || now.updated_ms != event->to)
        sim_fail(sim, "offset %" PRIu64 ": the shadow %s%s%s cannot be read: %.*s", event->offset,
                 WHO(device, shadow), (int)HF_MIN(event->payload.bytes, (size_t)300), event->payload.at);
    if (sim->oracle.failed)
        return;
    check_change(sim, event, &before, &now, device, shadow);
    self->states[self->version].hash = hash_of(event->payload);
    if (shadow == 0)
        sim_oracle_push_shadow(sim, event, device);
}

/* ---- answers ---- */

static bool judged_by_the_change(enum hf_reason reason)
{
    return reason == HF_REASON_VERSION_CONFLICT || reason == HF_REASON_FORBIDDEN ||
           reason == HF_REASON_BAD_REQUEST;
}

static const char *maker(const struct sim_change *change)
{
    return change->app != NULL ? change->app->who : change->sim->devices[change->device].who;
}

/* Refused: there is a version from..to that it does not go together with, for this reason. */
static void check_refused(struct sim *sim, struct sim_change *change, enum hf_reason reason, uint64_t from,
                          uint64_t to)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);
    char refused[SIM_SHADOW_REFUSED_BYTES];
    struct sim_shadow_state after;

    if (change->version != 0)
        sim_fail(sim, "change %" PRIu32 " of %s is refused (%s), and it made version %" PRIu64,
                 change->number, maker(change), hf_reason_name(reason), change->version);
    change->fate = SIM_CHANGE_REFUSED;
    if (!judged_by_the_change(reason))
        return;
    for (uint64_t version = from; version <= to && version <= self->version; version++)
        if (sim_shadow_judge(&self->states[version], change, &after, refused) == reason)
            return;
    sim_fail(sim,
             "change %" PRIu32 " of %s, from version %" PRIu64
             ", is refused (%s), and fits to versions %" PRIu64 " to %" PRIu64,
             change->number, maker(change), change->base, hf_reason_name(reason), from, to);
}

void sim_oracle_shadow_operations(struct sim *sim, struct sim_change *change, enum hf_reason reason,
                                  uint64_t version, struct hf_slice refused)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);
    char wanted[SIM_SHADOW_REFUSED_BYTES] = "";
    struct sim_shadow_state after;

    if (reason != HF_REASON_NONE && reason != HF_REASON_VERSION_CONFLICT)
        return;
    if (reason == HF_REASON_VERSION_CONFLICT && version <= self->version)
        (void)sim_shadow_judge(&self->states[version], change, &after, wanted);
    else if (reason == HF_REASON_NONE && change->version != 0)
        (void)sim_shadow_judge(&self->states[change->version - 1], change, &after, wanted);
    sim->oracle.refused_alone += wanted[0] != '\0';
    if (!hf_slice_is(refused, wanted))
        sim_fail(sim,
                 "of change %" PRIu32 " of %s, from version %" PRIu64 ", %.*s is refused, and not %.160s",
                 change->number, maker(change), change->base, (int)HF_MIN(refused.bytes, (size_t)160),
                 refused.at != NULL ? refused.at : "", wanted);
}

static bool was_applied(const struct sim_shadow *self, uint64_t version, bool delivered)
{
    for (uint64_t at = version; at <= self->version; at++) {
        enum hf_shadow_applied applied = sim_shadow_applied(&self->states[at], version);

        if (applied == HF_SHADOW_APPLIED || (applied == HF_SHADOW_SUPERSEDED && delivered))
            return true;
    }
    return false;
}

/* The newest version that an idle change hangs on: it names nothing of desired, so all that it wants is that the device knows what is desired. */
static uint64_t newest_desired(const struct sim_shadow_state *state)
{
    uint64_t newest = 0;

    for (unsigned key = 0; key < SIM_KEYS; key++)
        newest =
            HF_MAX(newest, HF_MAX(state->stamp[HF_SHADOW_DESIRED][key], state->gone[HF_SHADOW_DESIRED][key]));
    return newest;
}

static void check_idle_labels(struct sim *sim, const struct sim_change *change, const struct hf_call *call)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);
    uint64_t newest = newest_desired(&self->states[call->document.made]);

    if (call->document.labels >> HF_LABEL_DELIVERED != 0 && self->device_told < newest)
        sim_fail(sim,
                 "change %" PRIu32
                 " of the shadow %s%s%s, which changes nothing, has labels %u, and its device "
                 "has heard of version %" PRIu64 ", not of %" PRIu64,
                 change->number, WHO(change->device, change->shadow), call->document.labels,
                 self->device_told, newest);
}

static void check_labels(struct sim *sim, const struct sim_change *change, const struct hf_call *call)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);
    uint64_t made = call->document.made;
    bool delivered = self->device_told >= made;

    if (call->document.labels >> HF_LABEL_DELIVERED & 1 && !delivered && !was_applied(self, made, false))
        sim_fail(
            sim,
            "change %" PRIu32 ", version %" PRIu64
            " of the shadow %s%s%s, is said to be delivered, and its device has heard of version %" PRIu64,
            change->number, made, WHO(change->device, change->shadow), self->device_told);
    else if (call->document.labels >> HF_LABEL_APPLIED & 1 && !was_applied(self, made, delivered))
        sim_fail(sim,
                 "change %" PRIu32 ", version %" PRIu64
                 " of the shadow %s%s%s, is said to be applied, and its device has not said so",
                 change->number, made, WHO(change->device, change->shadow));
}

static void check_accepted(struct sim *sim, struct sim_change *change, const struct hf_call *call)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);
    char refused[SIM_SHADOW_REFUSED_BYTES];
    struct sim_shadow_state after;

    change->fate = SIM_CHANGE_ACCEPTED;
    if (change->deletes) {
        if (change->version == 0 || call->document.version != 0)
            sim_fail(sim, "change %" PRIu32 " of %s has deleted a shadow, and it is there", change->number,
                     maker(change));
        self->told = HF_MAX(self->told, change->version);
        return;
    }
    if (call->document.made > self->version ||
        (change->version != 0 ? call->document.made != change->version : !change->idle))
        sim_fail(sim,
                 "change %" PRIu32 " of %s is accepted as version %" PRIu64 ", in the log it is %" PRIu64,
                 change->number, maker(change), call->document.made, change->version);
    else if (change->idle &&
             sim_shadow_judge(&self->states[call->document.made], change, &after, refused) != HF_REASON_NONE)
        sim_fail(sim, "change %" PRIu32 " of %s is accepted at version %" PRIu64 ", which it does not fit to",
                 change->number, maker(change), call->document.made);
    else if (change->idle)
        check_idle_labels(sim, change, call);
    else
        check_labels(sim, change, call);
}

void sim_oracle_shadow_answered(struct sim *sim, struct sim_change *change, const struct hf_call *call)
{
    struct hf_slice stored = {call->result, call->result_bytes};
    enum hf_reason reason = (enum hf_reason)call->reason;

    sim_trace(&sim->trace, maker(change), "change %" PRIu32 " is answered %s version %" PRIu64,
              change->number, hf_reason_name(reason), call->document.version);
    if (reason == HF_REASON_NONE)
        check_accepted(sim, change, call);
    else
        check_refused(sim, change, reason, call->document.version, call->document.version);
    sim_oracle_shadow_operations(sim, change, reason, call->document.version,
                                 hf_slice_of(call->document.refused != NULL ? call->document.refused : ""));
    if (reason == HF_REASON_NONE || reason == HF_REASON_VERSION_CONFLICT)
        check_shown(sim, change->device, change->shadow, stored, call->document.version, maker(change));
    if (reason == HF_REASON_VERSION_CONFLICT || reason == HF_REASON_NOT_FOUND)
        check_newer(sim, change->device, change->shadow, change->known, call->document.version,
                    maker(change));
}

void sim_oracle_shadow_read(struct sim *sim, unsigned device, unsigned shadow, uint64_t known,
                            const struct hf_call *call)
{
    struct hf_slice stored = {call->result, call->result_bytes};

    if (call->reason != HF_REASON_NONE && call->reason != HF_REASON_NOT_FOUND)
        return;
    check_newer(sim, device, shadow, known, call->document.version, "an application");
    if (call->reason == HF_REASON_NONE)
        check_shown(sim, device, shadow, stored, call->document.version, "an application");
}

/* ---- devices ---- */

void sim_oracle_shadow_told(struct sim *sim, struct sim_change *change, enum hf_reason reason)
{
    struct sim_shadow *self = sim_shadow_of(sim, change->device, change->shadow);

    sim_trace(&sim->trace, maker(change), "change %" PRIu32 " is answered %s", change->number,
              hf_reason_name(reason));
    if (reason != HF_REASON_NONE) {
        check_refused(sim, change, reason, change->known, self->version);
        return;
    }
    change->fate = SIM_CHANGE_ACCEPTED;
    if (change->version == 0 && !change->idle)
        sim_fail(sim, "change %" PRIu32 " of %s is accepted, and not durable", change->number, maker(change));
}

void sim_oracle_shadow_gone(struct sim *sim, unsigned device, unsigned shadow, uint64_t known)
{
    check_newer(sim, device, shadow, known, 0, sim->devices[device].who);
}

void sim_oracle_shadow_heard(struct sim *sim, unsigned device, unsigned shadow, uint64_t version,
                             const struct sim_shadow_fields *delta)
{
    struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    struct sim_shadow_fields wanted;

    sim_trace(&sim->trace, sim->devices[device].who, "hears version %" PRIu64 " of its shadow %s", version,
              sim_shadow_names[shadow]);
    if (version > self->version) {
        sim_fail(sim, "%s hears version %" PRIu64 " of its shadow %s, and %" PRIu64 " is durable",
                 sim->devices[device].who, version, sim_shadow_names[shadow], self->version);
        return;
    }
    sim_shadow_delta(&self->states[version], &wanted);
    if (delta != NULL && !sim_shadow_eq(delta, &wanted))
        sim_fail(sim, "%s hears a delta of version %" PRIu64 " of its shadow %s that is not its difference",
                 sim->devices[device].who, version, sim_shadow_names[shadow]);
    self->told = HF_MAX(self->told, version);
    self->device_told = HF_MAX(self->device_told, version);
}

/* ---- the tables ---- */

/* Which version it was then; 0 = there was none. Wall clocks step, so it is the newest that is not from later, not the one in force for longest. */
static uint64_t version_at(const struct sim_shadow *self, uint64_t at_ms)
{
    uint64_t version = self->version;

    while (version > 0 && at_ms != 0 && self->states[version].updated_ms > at_ms)
        version--;
    return version;
}

void sim_oracle_shadow_past(struct sim *sim, unsigned device, unsigned shadow, uint64_t at_ms)
{
    const struct sim_gateway *gateway = &sim->gateway;
    struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    uint64_t wanted = version_at(self, at_ms), from = self->states[self->version].from;
    struct hf_kv_txn *txn = NULL;
    struct hf_event record = {.seq = 0};

    if (gateway->store.applied < sim->oracle.count || hf_kv_read(gateway->kv, &txn) != HF_OK)
        return; /* the API waits for that */
    hf_err err = hf_shadow_rows_read(txn, gateway->tenant.name, hf_slice_of(sim->devices[device].name),
                                     hf_slice_of(sim_shadow_names[shadow]), 0, at_ms, &record);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        sim_fail(sim, "the shadow %s%s%s cannot be read: %s", WHO(device, shadow), hf_err_name(err));
    else if (err == HF_ERR_NOT_FOUND ? wanted != 0 && wanted >= from
                                     : record.seq != wanted || wanted < from ||
                                           hash_of(record.payload) != self->states[wanted].hash)
        sim_fail(sim,
                 "at %" PRIu64 " the shadow %s%s%s was version %" PRIu64 " (kept from %" PRIu64
                 "), the tables say %" PRIu64,
                 at_ms, WHO(device, shadow), wanted, from, err == HF_OK ? record.seq : 0);
    hf_kv_end(txn);
}

/* ---- the end ---- */

static bool device_done(struct sim *sim, unsigned device, unsigned shadow, char *why, size_t why_bytes)
{
    const struct sim_shadow *self = sim_shadow_of(sim, device, shadow);
    const struct sim_shadow_device *knows = sim->devices[device].shadows;
    struct sim_shadow_fields delta;

    sim_shadow_delta(&self->states[self->version], &delta);
    uint64_t version = self->states[self->version].deleted ? 0 : self->version;
    if (knows->of[shadow].version == version && sim_shadow_is_empty(&delta))
        return true;
    (void)snprintf(why, why_bytes, "%s has version %" PRIu64 " of %" PRIu64 " of its shadow %s%s",
                   sim->devices[device].name, knows->of[shadow].version, version, sim_shadow_names[shadow],
                   sim_shadow_is_empty(&delta) ? "" : ", and it is not as it should be");
    return false;
}

bool sim_oracle_shadows_done(struct sim *sim, char *why, size_t why_bytes)
{
    if (sim->plan.shadow_us == 0)
        return true;
    if (!sim_oracle_pushes_done(sim, why, why_bytes))
        return false;
    for (unsigned device = 0; device < sim->plan.devices; device++)
        for (unsigned shadow = 0; shadow < SIM_SHADOWS && !sim->devices[device].twin; shadow++)
            if (!device_done(sim, device, shadow, why, why_bytes))
                return false;
    return true;
}

void sim_oracle_shadows_end(struct sim *sim)
{
    sim_oracle_push_tables(sim);
    for (unsigned device = 0; device < sim->plan.devices; device++)
        for (unsigned shadow = 0;
             shadow < SIM_SHADOWS && sim->plan.shadow_us != 0 && !sim->devices[device].twin; shadow++) {
            const struct sim_shadow *self = sim_shadow_of(sim, device, shadow);

            for (uint64_t version = 0; version <= self->version && !sim->oracle.failed; version++)
                sim_oracle_shadow_past(sim, device, shadow, self->states[version].updated_ms);
        }
}
