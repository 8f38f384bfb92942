/* test/sim/oracle_push.c - a push comes to each member once, or a reason is counted; whatever is killed in between (TWIN-8).
 *   whoever was in the group all the time is counted by its end, whoever never was is not; nobody is changed twice, or changed and counted as refused
 *   only what may pass is a reason, and only when there was time for all rounds
 *   stored, unchanged, delivered, applied, superseded: the tables count as the log says
 *   none is left over once all is calm */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/fleet/pusher.h"
#include "core/rows.h"
#include "sim/push.h"
#include "sim/sim.h"

/* All rounds but for what a clock may be off. */
#define ROUNDS_US (UINT64_C(990) * HF_PUSH_ROUND_MS * HF_PUSH_ROUNDS_MAX)

struct sim_push *sim_push_new(struct sim *sim)
{
    struct sim_oracle *oracle = &sim->oracle;

    if (oracle->push_count == SIM_PUSHES_MAX)
        return NULL;
    struct sim_change *change = sim_change_new(sim, 0, 0);
    if (change == NULL)
        return NULL;
    if (oracle->pushes == NULL)
        oracle->pushes = calloc(SIM_PUSHES_MAX, sizeof(*oracle->pushes));
    HF_ASSERT(oracle->pushes != NULL && sim->plan.devices <= HF_COUNT_OF(oracle->pushes->members));
    struct sim_push *push = &oracle->pushes[oracle->push_count++];
    push->change = change;
    change->device = SIM_DEVICES_MAX; /* nobody's */
    return push;
}

static struct sim_push *push_of(struct sim *sim, const struct hf_event *event)
{
    for (unsigned i = 0; i < sim->oracle.push_count; i++)
        if (memcmp(sim->oracle.pushes[i].id, event->id, sizeof(event->id)) == 0)
            return &sim->oracle.pushes[i];
    sim_fail(sim, "offset %" PRIu64 ": a push that nobody has asked for", event->offset);
    return NULL;
}

static bool device_of(struct sim *sim, const struct hf_event *event, unsigned *ret_device)
{
    for (*ret_device = 0; *ret_device < sim->plan.devices; ++*ret_device)
        if (hf_slice_is(event->device, sim->devices[*ret_device].name))
            return true;
    sim_fail(sim, "offset %" PRIu64 ": a push to a device that is not there", event->offset);
    return false;
}

static const struct sim_shadow_state *newest(struct sim *sim, unsigned device)
{
    const struct sim_shadow *shadow = sim_shadow_of(sim, device, 0);

    return &shadow->states[shadow->version];
}

static uint32_t group_of(struct sim *sim, unsigned device) /* 0 = none */
{
    return newest(sim, device)->of[HF_SHADOW_TAGS].value[SIM_KEY_G];
}

/* ---- the log ---- */

static void on_push(struct sim *sim, const struct hf_event *event, struct sim_push *push)
{
    char group[4], key[24];

    (void)snprintf(group, sizeof(group), "%u", push->group);
    if (push->offset != 0 || push->change->fate == SIM_CHANGE_REFUSED)
        sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " %s", event->offset, push->change->number,
                 push->offset != 0 ? "is there already" : "was refused");
    if (!hf_slice_is(event->topic, group) || !hf_slice_is(event->payload, push->text) ||
        !hf_slice_is(event->key, sim_change_key(push->change, key)))
        sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " is not what was asked for", event->offset,
                 push->change->number);
    push->offset = event->offset;
    push->since_us = sim->events.now_us;
    for (unsigned i = 0; i < sim->plan.devices; i++)
        if (!sim->devices[i].twin && group_of(sim, i) == push->group)
            push->must |= 1u << i;
    push->may = push->must;
    sim->oracle.pushed++;
}

/* NULL: it is not under way, or this device was never in its group; the world has failed. */
static struct sim_member *member_of(struct sim *sim, const struct hf_event *event, struct sim_push *push,
                                    unsigned device)
{
    if (push->offset != 0 && !push->done && push->may >> device & 1)
        return &push->members[device];
    sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " comes to %s, %s", event->offset, push->change->number,
             sim->devices[device].name,
             push->offset == 0 ? "and is not durable"
             : push->done      ? "and is done"
                               : "which is not in the group");
    return NULL;
}

static void count(struct sim_push *push, struct sim_member *member, enum hf_push_state state)
{
    member->state = (uint8_t)state;
    push->counts.members++;
    push->counts.stored += state == HF_PUSH_STORED;
    push->counts.unchanged += state == HF_PUSH_UNCHANGED;
    push->counts.refused += state == HF_PUSH_REFUSED;
}

static void on_member(struct sim *sim, const struct hf_event *event, struct sim_push *push)
{
    char refused[SIM_SHADOW_REFUSED_BYTES];
    enum hf_reason reason = (enum hf_reason)event->reason;
    struct sim_shadow_state after;
    struct sim_member *member;
    unsigned device;

    if (!device_of(sim, event, &device) || (member = member_of(sim, event, push, device)) == NULL ||
        member->state != 0)
        return; /* said once more, as the tables had not followed: the first one counts */
    if (reason == HF_REASON_NONE) {
        const struct sim_shadow_state *before = newest(sim, device);

        if (sim_shadow_judge(before, push->change, &after, refused) != HF_REASON_NONE ||
            after.version != before->version)
            sim_fail(sim, "offset %" PRIu64 ": %s is said to be as push %" PRIu32 " wants it, and is not",
                     event->offset, sim->devices[device].name, push->change->number);
        count(push, member, HF_PUSH_UNCHANGED);
        return;
    }
    if ((reason != HF_REASON_RATE_LIMIT && reason != HF_REASON_BUSY && reason != HF_REASON_STORAGE_FULL) ||
        sim->events.now_us < push->since_us + ROUNDS_US)
        sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " is refused for %s after %" PRIu64 " ms: %s",
                 event->offset, push->change->number, sim->devices[device].name,
                 (sim->events.now_us - push->since_us) / 1000, hf_reason_name(reason));
    count(push, member, HF_PUSH_REFUSED);
    push->counts.reasons[reason]++;
    sim->oracle.push_refused++;
}

static void on_done(struct sim *sim, const struct hf_event *event, struct sim_push *push)
{
    if (push->offset == 0 || push->done)
        sim_fail(sim, "offset %" PRIu64 ": the end of push %" PRIu32 ", which %s", event->offset,
                 push->change->number, push->done ? "is done" : "is not durable");
    for (unsigned i = 0; i < sim->plan.devices; i++)
        if (push->must >> i & 1 && push->members[i].state == 0)
            sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " is done, and has not come to %s",
                     event->offset, push->change->number, sim->devices[i].name);
    push->done = true;
}

static void on_seen(struct sim *sim, const struct hf_event *event)
{
    unsigned device;

    if (!device_of(sim, event, &device))
        return;
    if (event->seq > sim_shadow_of(sim, device, 0)->device_told)
        sim_fail(sim, "offset %" PRIu64 ": %s is said to know version %" PRIu64 ", and has heard of %" PRIu64,
                 event->offset, sim->devices[device].name, event->seq,
                 sim_shadow_of(sim, device, 0)->device_told);
    for (unsigned i = 0; i < sim->oracle.push_count; i++) {
        struct sim_member *member = &sim->oracle.pushes[i].members[device];

        if (member->waits == 0 || member->seen || member->waits > event->seq)
            continue;
        member->seen = true;
        sim->oracle.pushes[i].counts.delivered++;
    }
}

void sim_oracle_push_event(struct sim *sim, const struct hf_event *event)
{
    struct sim_push *push;

    if (sim->plan.cameras > 0)
        return; /* they report to their shadows; nobody pushes */
    if (event->type == HF_EVENT_SHADOW_SEEN)
        on_seen(sim, event);
    else if ((push = push_of(sim, event)) == NULL)
        return;
    else if (event->type == HF_EVENT_PUSH)
        on_push(sim, event, push);
    else if (event->type == HF_EVENT_PUSH_MEMBER)
        on_member(sim, event, push);
    else
        on_done(sim, event, push);
}

struct sim_change *sim_oracle_push_changes(struct sim *sim, const struct hf_event *event, unsigned device)
{
    struct sim_push *push = push_of(sim, event);
    struct sim_member *member = push != NULL ? member_of(sim, event, push, device) : NULL;

    if (member == NULL)
        return NULL;
    if (member->changed || member->state != 0) {
        sim_fail(sim, "offset %" PRIu64 ": push %" PRIu32 " changes the shadow of %s, which it has %s",
                 event->offset, push->change->number, sim->devices[device].name,
                 member->changed                      ? "changed before"
                 : member->state == HF_PUSH_UNCHANGED ? "found as it should be"
                                                      : "counted as refused");
        return NULL;
    }
    count(push, member, HF_PUSH_STORED);
    member->changed = true;
    member->waits = event->seq;
    return push->change;
}

void sim_oracle_push_shadow(struct sim *sim, const struct hf_event *event, unsigned device)
{
    for (unsigned i = 0; i < sim->oracle.push_count; i++) {
        struct sim_push *push = &sim->oracle.pushes[i];
        struct sim_member *member = &push->members[device];

        if (push->offset != 0 && !push->done) {
            if (group_of(sim, device) == push->group)
                push->may |= 1u << device;
            else
                push->must &= ~(1u << device);
        }
        if (member->waits == 0 || member->waits > event->seq)
            continue;
        enum hf_shadow_applied applied = sim_shadow_applied(newest(sim, device), member->waits);
        if (applied == HF_SHADOW_WANTED)
            continue;
        push->counts.applied += applied == HF_SHADOW_APPLIED;
        push->counts.delivered += applied == HF_SHADOW_APPLIED && !member->seen;
        push->counts.superseded += applied == HF_SHADOW_SUPERSEDED;
        member->waits = 0;
    }
}

/* ---- the application, the tables, the end ---- */

void sim_oracle_push_answered(struct sim *sim, const struct sim_push *push, const struct hf_call *call)
{
    if (call->reason == HF_REASON_NONE ? push->offset != call->offset || push->offset == 0
                                       : push->offset != 0)
        sim_fail(sim, "push %" PRIu32 " is answered %s, offset %" PRIu64 ", in the log it is at %" PRIu64,
                 push->change->number, hf_reason_name(call->reason), call->offset, push->offset);
}

static bool reasons_eq(const struct sim_push *push, struct hf_slice reasons)
{
    uint32_t number, sum = 0;
    uint16_t reason;

    while (hf_push_reason_next(&reasons, &reason, &number)) {
        if (reason >= HF_REASONS_MAX || push->counts.reasons[reason] != number)
            return false;
        sum += number;
    }
    return sum == push->counts.refused;
}

static void check_row(struct sim *sim, struct hf_kv_txn *txn, const struct sim_push *push)
{
    struct hf_push_key key;
    struct hf_push_row row = {0};
    struct hf_slice value;
    hf_err err = hf_push_key(&key, sim->gateway.tenant.name, 'p', push->id);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value);
    if (err == HF_OK)
        err = hf_push_row_decode(value, &row);
    if (err != HF_OK || row.done != push->done || row.offset != push->offset ||
        row.members != push->counts.members || row.stored != push->counts.stored ||
        row.unchanged != push->counts.unchanged || row.refused != push->counts.refused ||
        row.delivered != push->counts.delivered || row.applied != push->counts.applied ||
        row.superseded != push->counts.superseded || !reasons_eq(push, row.reasons))
        sim_fail(sim,
                 "push %" PRIu32 " is %s: %" PRIu64 " members, %" PRIu64 " stored, %" PRIu64
                 " unchanged, %" PRIu64 " refused, %" PRIu64 " delivered, %" PRIu64 " applied, %" PRIu64
                 " superseded; the tables say %s %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
                 ", %" PRIu64 ", %" PRIu64,
                 push->change->number, push->done ? "done" : "under way", push->counts.members,
                 push->counts.stored, push->counts.unchanged, push->counts.refused, push->counts.delivered,
                 push->counts.applied, push->counts.superseded,
                 err != HF_OK ? hf_err_name(err)
                 : row.done   ? "done"
                              : "under way",
                 row.members, row.stored, row.unchanged, row.refused, row.delivered, row.applied,
                 row.superseded);
}

void sim_oracle_push_tables(struct sim *sim)
{
    const struct sim_gateway *gateway = &sim->gateway;
    uint64_t waiting = 0, under_way = 0;
    struct hf_kv_txn *txn = NULL;

    if (!gateway->running || gateway->dying || gateway->store.applied < sim->oracle.count ||
        hf_kv_read(gateway->kv, &txn) != HF_OK)
        return; /* the API waits for that */
    for (unsigned i = 0; i < sim->oracle.push_count; i++) {
        const struct sim_push *push = &sim->oracle.pushes[i];

        under_way += push->offset != 0 && !push->done;
        if (push->offset != 0)
            check_row(sim, txn, push);
    }
    if (hf_push_rows_waiting(txn, &waiting) != HF_OK || waiting != under_way)
        sim_fail(sim, "%" PRIu64 " pushes are under way, the tables say %" PRIu64, under_way, waiting);
    hf_kv_end(txn);
}

bool sim_oracle_pushes_done(struct sim *sim, char *why, size_t why_bytes)
{
    for (unsigned i = 0; i < sim->oracle.push_count; i++) {
        const struct sim_push *push = &sim->oracle.pushes[i];

        if (push->offset == 0 || push->done)
            continue;
        (void)snprintf(why, why_bytes, "push %" PRIu32 " has not come to its end", push->change->number);
        return false;
    }
    return true;
}
