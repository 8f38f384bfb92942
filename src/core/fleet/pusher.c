#include "core/fleet/pusher.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/document/document.h"
#include "core/document/shadow.h"
#include "core/fleet/push_rows.h"
#include "core/rows.h"

static void on_step(struct hf_timer *timer, uint64_t now_ms);

void hf_pusher_init(struct hf_pusher *pusher, const struct hf_pusher_options *options)
{
    *pusher = (struct hf_pusher){.options = *options};
    hf_timer_init(&pusher->timer, on_step);
}

static void forget(struct hf_pusher *pusher)
{
    hf_wheel_cancel(pusher->options.wheel, &pusher->timer);
    free(pusher->storage);
    pusher->storage = NULL;
    pusher->tenant = pusher->group = pusher->change = pusher->who = pusher->by = (struct hf_slice){NULL, 0};
    pusher->ending = false;
}

void hf_pusher_stop(struct hf_pusher *pusher)
{
    pusher->stopped = true;
    hf_wheel_cancel(pusher->options.wheel, &pusher->timer);
}

void hf_pusher_deinit(struct hf_pusher *pusher)
{
    forget(pusher);
}

/* ---- which one ---- */

static struct hf_slice copy(char **at, struct hf_slice text)
{
    char *start = *at;

    if (text.bytes > 0)
        memcpy(start, text.at, text.bytes);
    *at += text.bytes;
    return (struct hf_slice){start, text.bytes};
}

static hf_err take(struct hf_pusher *pusher, struct hf_kv_txn *txn, struct hf_slice tenant)
{
    struct hf_push_key key;
    struct hf_push_row row;
    struct hf_slice value, change;
    hf_err err = hf_push_key(&key, tenant, 'p', pusher->id);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value);
    if (err == HF_OK)
        err = hf_push_row_decode(value, &row);
    if (err == HF_OK)
        err = hf_push_rows_change(txn, tenant, pusher->id, &change);
    if (err != HF_OK)
        return err;
    char *at = pusher->storage =
        malloc(tenant.bytes + row.group.bytes + row.who.bytes + row.by.bytes + change.bytes + 1);
    if (at == NULL)
        return HF_ERR_NOMEM;
    pusher->tenant = copy(&at, tenant);
    pusher->group = copy(&at, row.group);
    pusher->who = copy(&at, row.who);
    if (row.by.at != NULL)
        pusher->by = copy(&at, row.by);
    pusher->change = copy(&at, change);
    pusher->console = row.console != 0;
    pusher->query = (struct hf_fleet_query){0};
    pusher->round = 0;
    pusher->after_bytes = 0;
    pusher->walked = false;
    pusher->put_off_reason = HF_REASON_NONE;
    pusher->round_ms = pusher->through = 0;
    HF_ASSERT(hf_fleet_query_equal(&pusher->query, HF_SLICE(HF_FLEET_GROUPS), pusher->group));
    return HF_OK;
}

void hf_pusher_look(struct hf_pusher *pusher, uint64_t now_ms)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_slice tenant;

    if (pusher->stopped || pusher->tenant.at != NULL ||
        hf_kv_read(pusher->options.kv, &txn) != HF_OK) /* the next look comes */
        return;
    hf_err err = hf_push_rows_first(txn, &tenant, pusher->id);
    if (err == HF_OK && memcmp(pusher->id, pusher->finished, sizeof(pusher->id)) != 0)
        (void)take(pusher, txn, tenant); /* what fails is looked at again */
    hf_kv_end(txn);
    if (pusher->tenant.at != NULL)
        hf_wheel_arm(pusher->options.wheel, &pusher->timer, now_ms + HF_PUSH_STEP_MS);
}

/* ---- one member ---- */

static struct hf_call *call_new(struct hf_pusher *pusher, enum hf_call_type type, struct hf_slice device,
                                void (*on_done)(struct hf_call *call))
{
    struct hf_call *call = hf_call_new(type, pusher->tenant.bytes + pusher->group.bytes + device.bytes + 1);

    if (call == NULL)
        return NULL;
    char *at = call->storage;
    call->tenant = copy(&at, pusher->tenant);
    if (device.bytes > 0)
        call->device = copy(&at, device);
    memcpy(call->id, pusher->id, sizeof(call->id));
    call->on_done = on_done;
    call->maker = pusher;
    return call;
}

static bool ask(struct hf_pusher *pusher, struct hf_call *call)
{
    pusher->under_way++;
    if (pusher->options.call(pusher->options.context, call) == HF_OK)
        return true;
    pusher->under_way--;
    hf_call_free(call);
    return false;
}

static void put_off(struct hf_pusher *pusher, uint16_t reason)
{
    pusher->put_off_reason = reason;
    pusher->stats.put_off++;
}

static void on_recorded(struct hf_call *call)
{
    struct hf_pusher *pusher = call->maker;

    if (call->reason != HF_REASON_NONE)
        put_off(pusher, call->reason);
    pusher->through = HF_MAX(pusher->through, call->offset);
    pusher->under_way--;
    hf_call_free(call);
}

static void refuse(struct hf_pusher *pusher, struct hf_slice device, uint16_t reason)
{
    struct hf_call *record = call_new(pusher, HF_CALL_RECORD, device, on_recorded);

    if (record == NULL) {
        put_off(pusher, HF_REASON_MEMORY_LIMIT);
        return;
    }
    record->event_type = HF_EVENT_PUSH_MEMBER;
    record->fate_reason = reason;
    if (ask(pusher, record))
        pusher->stats.refused++;
    else
        put_off(pusher, HF_REASON_BUSY);
}

static bool may_pass(uint16_t reason)
{
    return reason == HF_REASON_BUSY || reason == HF_REASON_RATE_LIMIT || reason == HF_REASON_MEMORY_LIMIT ||
           reason == HF_REASON_STORAGE_FULL;
}

static void on_changed(struct hf_call *call)
{
    struct hf_pusher *pusher = call->maker;

    if (call->reason != HF_REASON_NONE) {
        if (may_pass(call->reason) && pusher->round < HF_PUSH_ROUNDS_MAX)
            put_off(pusher, call->reason);
        else
            refuse(pusher, call->device, call->reason);
    }
    pusher->through = HF_MAX(pusher->through, call->offset);
    pusher->under_way--;
    hf_call_free(call);
}

/* False: not now. */
static bool change(struct hf_pusher *pusher, struct hf_slice device)
{
    struct hf_call *call = call_new(pusher, HF_CALL_DOCUMENT, device, on_changed);

    if (call == NULL)
        return false;
    call->payload = pusher->change; /* stays until nothing is under way */
    call->key = pusher->who;
    call->by = pusher->by;
    call->console = pusher->console;
    call->document = (struct hf_call_document){.shadow = true,
                                               .change = true,
                                               .push = true,
                                               .kind = HF_PATCH_MERGE,
                                               .sections = 1 << HF_SHADOW_DESIRED};
    pusher->stats.asked++;
    return ask(pusher, call);
}

/* ---- steps ---- */

static void on_ended(struct hf_call *call)
{
    struct hf_pusher *pusher = call->maker;

    pusher->under_way--;
    if (call->reason == HF_REASON_NONE) {
        memcpy(pusher->finished, pusher->id, sizeof(pusher->id));
        pusher->stats.done++;
        forget(pusher);
    } else {
        pusher->ending = false; /* again with the next step */
    }
    hf_call_free(call);
}

static void end(struct hf_pusher *pusher)
{
    struct hf_call *record = call_new(pusher, HF_CALL_RECORD, (struct hf_slice){NULL, 0}, on_ended);

    if (record == NULL)
        return;
    char *at = (char *)record->storage + pusher->tenant.bytes;
    record->topic = copy(&at, pusher->group);
    record->event_type = HF_EVENT_PUSH_DONE;
    pusher->ending = true;
    if (!ask(pusher, record))
        pusher->ending = false;
}

/* Everybody was looked at: the end, or once more for those who were put off. */
static void round_over(struct hf_pusher *pusher, uint64_t now_ms)
{
    if (pusher->put_off_reason == HF_REASON_NONE) {
        end(pusher);
        return;
    }
    pusher->stats.rounds++;
    pusher->round = HF_MIN(pusher->round + 1, (unsigned)HF_PUSH_ROUNDS_MAX);
    pusher->round_ms = now_ms + HF_PUSH_ROUND_MS;
    pusher->put_off_reason = HF_REASON_NONE;
    pusher->walked = false;
    pusher->after_bytes = 0;
}

static void pass(struct hf_pusher *pusher, struct hf_slice device)
{
    memmove(pusher->after, device.at, device.bytes);
    pusher->after_bytes = (uint8_t)device.bytes;
}

struct found { /* members that are not counted yet, in the order of their ids */
    unsigned count;
    uint8_t bytes[HF_PUSH_STEP_MEMBERS];
    char at[HF_PUSH_STEP_MEMBERS][HF_DEVICE_BYTES_MAX];
};

/* Up to where this step has looked is *ret_after, in ret_found. HF_OK, HF_ERR_AGAIN: there may be more. HF_ERR_NOT_FOUND: there is nobody behind them. */
static hf_err find(struct hf_pusher *pusher, struct hf_kv_txn *txn, struct found *found,
                   char after[HF_DEVICE_BYTES_MAX], uint8_t *ret_after_bytes)
{
    struct hf_fleet_walk walk = {.txn = txn,
                                 .query = &pusher->query,
                                 .tenant = pusher->tenant,
                                 .steps_max = HF_PUSH_STEP_ROWS * HF_FLEET_SEEK_STEPS};
    unsigned room = HF_MIN(HF_PUSH_STEP_MEMBERS, HF_PUSH_UNDER_WAY - pusher->under_way);
    struct hf_slice device;
    hf_err err = HF_OK;

    if (pusher->after_bytes > 0)
        walk.after = (struct hf_slice){pusher->after, pusher->after_bytes};
    while (found->count < room && (err = hf_fleet_walk_next(&walk, &device)) == HF_OK) {
        if (hf_push_rows_has_member(txn, pusher->tenant, pusher->id, device))
            continue;
        memcpy(found->at[found->count], device.at, device.bytes);
        found->bytes[found->count++] = (uint8_t)device.bytes;
    }
    struct hf_slice passed = hf_fleet_walk_passed(&walk);
    *ret_after_bytes = (uint8_t)passed.bytes;
    if (passed.bytes > 0)
        memcpy(after, passed.at, passed.bytes);
    hf_fleet_walk_end(&walk);
    return err;
}

/* Asking for a change reads the tables: by then this thread has no transaction of its own any more. */
static void walk(struct hf_pusher *pusher)
{
    struct found found = {.count = 0};
    char after[HF_DEVICE_BYTES_MAX];
    uint8_t after_bytes = 0;
    struct hf_kv_txn *txn = NULL;

    if (pusher->under_way >= HF_PUSH_UNDER_WAY || hf_kv_read(pusher->options.kv, &txn) != HF_OK)
        return;
    hf_err err = find(pusher, txn, &found, after, &after_bytes);
    hf_kv_end(txn);
    if (err != HF_OK && err != HF_ERR_AGAIN && err != HF_ERR_NOT_FOUND)
        return; /* the next step tries again */
    for (unsigned i = 0; i < found.count; i++) {
        struct hf_slice device = {found.at[i], found.bytes[i]};

        if (!change(pusher, device))
            return; /* the next step goes on with this one */
        pass(pusher, device);
    }
    pass(pusher, (struct hf_slice){after, after_bytes});
    pusher->walked = err == HF_ERR_NOT_FOUND;
}

/* Whoever was counted in the round before must be known by now, or would be changed once more, over what others have changed since. */
static bool may_walk(const struct hf_pusher *pusher, uint64_t now_ms)
{
    return now_ms >= pusher->round_ms && (pusher->after_bytes > 0 || pusher->through == 0 ||
                                          hf_kv_applied_offset(pusher->options.kv) >= pusher->through);
}

static void on_step(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_pusher *pusher = HF_CONTAINER_OF(timer, struct hf_pusher, timer);

    if (pusher->stopped)
        return;
    if (!pusher->ending && pusher->walked && pusher->under_way == 0)
        round_over(pusher, now_ms);
    else if (!pusher->walked && may_walk(pusher, now_ms))
        walk(pusher);
    if (pusher->tenant.at != NULL)
        hf_wheel_arm(pusher->options.wheel, timer, now_ms + HF_PUSH_STEP_MS);
}
