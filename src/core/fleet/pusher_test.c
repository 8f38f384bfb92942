/* Pushes over real tables in memory: what the records make of them, and a pusher whose calls the test answers as a hub would. Time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/document/document.h"
#include "core/document/shadow.h"
#include "core/fleet/push_rows.h"
#include "core/fleet/pusher.h"
#include "core/projection.h"
#include "core/rows.h"
#include "core/shadow_rows.h"
#include "store/memory/kv_memory.h"

enum { CALLS_MAX = 1024, STEP_MS = HF_PUSH_STEP_MS + HF_WHEEL_TICK_MS /* a timer may be a tick late */ };

static const uint8_t id_1[16] = {0, 1, 2, 3, 4, 5, 0x70, 1}, id_2[16] = {0, 1, 2, 3, 4, 5, 0x70, 2};

static struct {
    struct hf_kv *kv;
    struct hf_wheel wheel;
    struct hf_pusher pusher;
    uint64_t offset, now_ms;
    struct hf_call *calls[CALLS_MAX];
    unsigned count, most_at_once, changes;
    bool busy;
} t;

static hf_err take_call(void *context, struct hf_call *call)
{
    (void)context;
    if (t.busy)
        return HF_ERR_BUSY;
    assert_true(t.count < CALLS_MAX);
    t.calls[t.count++] = call;
    t.changes += call->type == HF_CALL_DOCUMENT;
    return HF_OK;
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.now_ms = 1000;
    hf_wheel_init(&t.wheel, t.now_ms);
    hf_pusher_init(&t.pusher, &(struct hf_pusher_options){.wheel = &t.wheel, .call = take_call});
    if (hf_kv_memory_open(&t.kv) != HF_OK)
        return -1;
    t.pusher.options.kv = t.kv;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < t.count; i++)
        hf_call_free(t.calls[i]);
    hf_pusher_stop(&t.pusher);
    hf_pusher_deinit(&t.pusher);
    hf_kv_close(t.kv);
    return 0;
}

static void apply(struct hf_event *event)
{
    struct hf_kv_txn *txn;

    event->offset = ++t.offset;
    event->time_ms = t.now_ms;
    event->tenant = HF_SLICE("acme");
    assert_int_equal(hf_kv_write(t.kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, event), HF_OK);
    assert_int_equal(hf_kv_commit(txn, event->offset), HF_OK);
}

static void push(const uint8_t *id, const char *change)
{
    struct hf_event event = {.type = HF_EVENT_PUSH,
                             .topic = HF_SLICE("vans"),
                             .key = HF_SLICE("key/k"),
                             .by = HF_SLICE("k"),
                             .payload = hf_slice_of(change)};

    memcpy(event.id, id, 16);
    apply(&event);
}

/* The record of a change, as the device's hub writes it: `change` applied to what the tables have. */
static void change_by(const char *device, const uint8_t *id, const char *text, uint8_t sections)
{
    const struct hf_shadow_limits limits = {HF_SHADOW_SECTION_BYTES_MAX, HF_SHADOW_DEPTH_MAX};
    const struct hf_shadow_change change = {
        .kind = HF_PATCH_MERGE, .sections = sections, .json = hf_slice_of(text)};
    struct hf_shadow before = {0}, after;
    struct hf_shadow_outcome outcome;
    struct hf_event record;
    struct hf_kv_txn *txn;
    size_t bytes;

    assert_int_equal(hf_kv_read(t.kv, &txn), HF_OK);
    if (hf_shadow_rows_read(txn, HF_SLICE("acme"), hf_slice_of(device), (struct hf_slice){NULL, 0}, 0, 0,
                            &record) == HF_OK)
        assert_int_equal(hf_shadow_decode(record.payload, &before), HF_OK);
    hf_kv_end(txn);
    assert_int_equal(hf_shadow_change(&before, &change, &limits, t.now_ms, &outcome, &after), HF_REASON_NONE);
    struct hf_event event = {
        .type = HF_EVENT_SHADOW, .seq = after.version, .from = 1, .device = hf_slice_of(device)};
    if (id != NULL)
        memcpy(event.id, id, 16);
    if (id != NULL && after.version == before.version) {
        event.type = HF_EVENT_PUSH_MEMBER;
        event.seq = 0;
        apply(&event);
    } else {
        char *stored = hf_shadow_encode(&after, (struct hf_slice){NULL, 0}, &bytes);

        event.payload = (struct hf_slice){stored, bytes};
        apply(&event);
        free(stored);
    }
    hf_shadow_deinit(&before);
    hf_shadow_deinit(&after);
}

static void join(const char *device)
{
    change_by(device, NULL, "{\"tags\":{\"groups\":[\"vans\"]}}", 1 << HF_SHADOW_TAGS);
}

static void report(const char *device, const char *text)
{
    change_by(device, NULL, text, 1 << HF_SHADOW_REPORTED);
}

static void member(const char *device, const uint8_t *id, enum hf_reason reason)
{
    struct hf_event event = {
        .type = HF_EVENT_PUSH_MEMBER, .reason = (uint16_t)reason, .device = hf_slice_of(device)};

    memcpy(event.id, id, 16);
    apply(&event);
}

static void done(const uint8_t *id)
{
    struct hf_event event = {.type = HF_EVENT_PUSH_DONE, .topic = HF_SLICE("vans")};

    memcpy(event.id, id, 16);
    apply(&event);
}

static void seen(const char *device, uint64_t version)
{
    struct hf_event event = {.type = HF_EVENT_SHADOW_SEEN, .seq = version, .device = hf_slice_of(device)};

    apply(&event);
}

/* "members stored unchanged delivered applied superseded refused": of a push. */
static const char *counts(const uint8_t *id)
{
    static char text[128];
    struct hf_kv_txn *txn;
    struct hf_push_key key;
    struct hf_push_row row;
    struct hf_slice value;

    assert_int_equal(hf_kv_read(t.kv, &txn), HF_OK);
    assert_int_equal(hf_push_key(&key, HF_SLICE("acme"), 'p', id), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value), HF_OK);
    assert_int_equal(hf_push_row_decode(value, &row), HF_OK);
    (void)snprintf(text, sizeof(text), "%s %u %u %u %u %u %u %u", row.done ? "done" : "running",
                   (unsigned)row.members, (unsigned)row.stored, (unsigned)row.unchanged,
                   (unsigned)row.delivered, (unsigned)row.applied, (unsigned)row.superseded,
                   (unsigned)row.refused);
    hf_kv_end(txn);
    return text;
}

static uint64_t rows_of(enum hf_kv_table table)
{
    struct hf_kv_txn *txn;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    uint64_t rows = 0;

    assert_int_equal(hf_kv_read(t.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_scan(txn, table, none, none, false, &cursor), HF_OK);
    while (hf_kv_next(&cursor, &key, &value) == HF_OK)
        rows++;
    hf_kv_end(txn);
    return rows;
}

/* ---- records ---- */

static void each_member_counts_once_and_goes_on_counting(void **state)
{
    (void)state;
    push(id_1, "{\"desired\":{\"n\":1}}");
    change_by("a", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    change_by("b", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    change_by("c", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    member("d", id_1, HF_REASON_NONE);
    member("e", id_1, HF_REASON_MESSAGE_TOO_BIG);
    assert_string_equal(counts(id_1), "running 5 3 1 0 0 0 1");
    member("a", id_1, HF_REASON_NONE); /* of a walk that began again */
    member("e", id_1, HF_REASON_BUSY);
    assert_string_equal(counts(id_1), "running 5 3 1 0 0 0 1");
    done(id_1);
    done(id_1);
    assert_string_equal(counts(id_1), "done 5 3 1 0 0 0 1");
    seen("a", 1);
    seen("a", 1);
    assert_string_equal(counts(id_1), "done 5 3 1 1 0 0 1");
    report("a", "{\"reported\":{\"n\":2}}"); /* something else */
    assert_string_equal(counts(id_1), "done 5 3 1 1 0 0 1");
    report("a", "{\"reported\":{\"n\":1}}");
    assert_string_equal(counts(id_1), "done 5 3 1 1 1 0 1");
    report("b", "{\"reported\":{\"n\":1}}"); /* who applies it knows it */
    assert_string_equal(counts(id_1), "done 5 3 1 2 2 0 1");
    change_by("c", NULL, "{\"desired\":{\"n\":7}}", 1 << HF_SHADOW_DESIRED);
    assert_string_equal(counts(id_1), "done 5 3 1 2 2 1 1");
    report("c", "{\"reported\":{\"n\":1}}");
    assert_string_equal(counts(id_1), "done 5 3 1 2 2 1 1");
    push(id_1, "{}"); /* a replay */
    assert_string_equal(counts(id_1), "done 5 3 1 2 2 1 1");
    assert_int_equal(rows_of(HF_KV_PUSHES), 2 + 5); /* row, change and members: nobody waits, nothing runs */
}

static void a_device_may_be_behind_with_several(void **state)
{
    struct hf_kv_txn *txn;
    uint64_t lowest, highest;

    (void)state;
    push(id_1, "{\"desired\":{\"a\":1}}");
    push(id_2, "{\"desired\":{\"b\":1}}");
    change_by("d", id_1, "{\"desired\":{\"a\":1}}", 1 << HF_SHADOW_DESIRED);
    change_by("d", id_2, "{\"desired\":{\"b\":1}}", 1 << HF_SHADOW_DESIRED);
    assert_int_equal(hf_kv_read(t.kv, &txn), HF_OK);
    assert_int_equal(hf_push_rows_unseen(txn, HF_SLICE("acme"), HF_SLICE("d"), &lowest, &highest), HF_OK);
    hf_kv_end(txn);
    assert_int_equal(lowest, 1);
    assert_int_equal(highest, 2);
    seen("d", 1);
    assert_string_equal(counts(id_1), "running 1 1 0 1 0 0 0");
    assert_string_equal(counts(id_2), "running 1 1 0 0 0 0 0");
    report("d", "{\"reported\":{\"b\":1}}");
    assert_string_equal(counts(id_1), "running 1 1 0 1 0 0 0");
    assert_string_equal(counts(id_2), "running 1 1 0 1 1 0 0");
}

static uint64_t sweep_all(uint64_t utc_ms)
{
    struct hf_sweep_ages ages = {.idempotency_ms = UINT64_MAX / 4, .shadow_history_ms = UINT64_MAX / 4};
    struct hf_sweep sweep = {0};
    uint64_t deleted, all = 0;

    for (unsigned i = 0; i < 8; i++) { /* tables */
        struct hf_kv_txn *txn;

        assert_int_equal(hf_kv_write(t.kv, &txn), HF_OK);
        assert_int_equal(hf_projection_sweep(txn, &sweep, utc_ms, &ages, &deleted), HF_OK);
        assert_int_equal(hf_kv_commit(txn, t.offset), HF_OK);
        all += deleted;
    }
    return all;
}

static void pushes_are_swept_after_their_time(void **state)
{
    uint64_t made_ms = 0x000102030405;

    (void)state;
    push(id_1, "{\"desired\":{\"n\":1}}");
    change_by("a", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    done(id_1);
    assert_int_equal(rows_of(HF_KV_PUSHES), 4);
    assert_int_equal(sweep_all(made_ms + HF_PUSH_KEPT_MS), 0);
    assert_int_equal(sweep_all(made_ms + HF_PUSH_KEPT_MS + 1), 4);
    assert_int_equal(rows_of(HF_KV_PUSHES), 0);
    report("a", "{\"reported\":{\"n\":1}}"); /* nobody asks any more */
}

/* It was accepted before the clock was put right. */
static void a_push_that_is_not_done_is_not_swept(void **state)
{
    struct hf_push_key key;
    struct hf_kv_txn *txn;

    (void)state;
    push(id_1, "{\"desired\":{\"n\":1}}");
    change_by("a", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    assert_int_equal(rows_of(HF_KV_PUSHES), 5);
    assert_int_equal(sweep_all(UINT64_C(1) << 47), 0);
    assert_string_equal(counts(id_1), "running 1 1 0 0 0 0 0");
    done(id_1);
    assert_int_equal(sweep_all(UINT64_C(1) << 47), 4);
    assert_int_equal(rows_of(HF_KV_PUSHES), 0);
    /* One whose rows are gone does not keep the next from its turn. */
    push(id_1, "{\"desired\":{\"n\":1}}");
    assert_int_equal(hf_push_key(&key, HF_SLICE("acme"), 'p', id_1), HF_OK);
    assert_int_equal(hf_kv_write(t.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_del(txn, HF_KV_PUSHES, hf_push_key_slice(&key)), HF_OK);
    assert_int_equal(hf_kv_commit(txn, t.offset), HF_OK);
    push(id_2, "{\"desired\":{\"n\":2}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    assert_null(t.pusher.tenant.at);
    assert_int_equal(sweep_all(UINT64_C(1) << 47), 2);
    hf_pusher_look(&t.pusher, t.now_ms);
    assert_non_null(t.pusher.tenant.at);
    assert_memory_equal(t.pusher.id, id_2, 16);
}

/* ---- the pusher ---- */

/* What the homes of the members do with the calls: they record, and answer. */
static void answer_all(enum hf_reason reason, const char *only)
{
    t.most_at_once = HF_MAX(t.most_at_once, t.count);
    while (t.count > 0) {
        struct hf_call *call = t.calls[--t.count];
        char device[HF_DEVICE_BYTES_MAX + 1];

        (void)snprintf(device, sizeof(device), "%.*s", (int)call->device.bytes, call->device.at);
        bool refused = reason != HF_REASON_NONE && call->type == HF_CALL_DOCUMENT &&
                       (only == NULL || strcmp(only, device) == 0);
        if (refused) {
            call->reason = (uint16_t)reason;
        } else if (call->type == HF_CALL_DOCUMENT) {
            assert_true(call->document.push && call->document.shadow && call->document.change);
            assert_int_equal(call->document.sections, 1 << HF_SHADOW_DESIRED);
            assert_true(hf_slice_is(call->by, "k") && hf_slice_is(call->key, "key/k"));
            change_by(device, call->id, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
        } else if (call->event_type == HF_EVENT_PUSH_MEMBER) {
            member(device, call->id, call->fate_reason);
        } else {
            assert_int_equal(call->event_type, HF_EVENT_PUSH_DONE);
            assert_true(hf_slice_is(call->topic, "vans"));
            done(call->id);
        }
        call->on_done(call);
    }
}

static void turn(uint64_t ms)
{
    t.now_ms += ms;
    hf_wheel_run(&t.wheel, t.now_ms);
}

static void a_fleet(unsigned members)
{
    char device[16];

    for (unsigned i = 0; i < members; i++) {
        (void)snprintf(device, sizeof(device), "d%05u", i);
        join(device);
    }
}

static void a_push_reaches_all_in_small_steps(void **state)
{
    unsigned turns = 0;

    (void)state;
    a_fleet(1000);
    report("elsewhere", "{\"reported\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    assert_null(t.pusher.tenant.at); /* nothing to do */
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    for (; t.pusher.tenant.at != NULL; turns++) {
        unsigned before = t.changes;

        assert_true(turns < 1000);
        turn(STEP_MS);
        assert_true(t.changes - before <= HF_PUSH_STEP_MEMBERS);
        answer_all(HF_REASON_NONE, NULL);
    }
    assert_true(turns >= 1000 / HF_PUSH_STEP_MEMBERS);
    assert_string_equal(counts(id_1), "done 1000 1000 0 0 0 0 0");
    hf_pusher_look(&t.pusher, t.now_ms);
    assert_null(t.pusher.tenant.at);
    push(id_2, "{\"desired\":{\"n\":1}}"); /* they want it already */
    hf_pusher_look(&t.pusher, t.now_ms);
    for (turns = 0; t.pusher.tenant.at != NULL && turns < 1000; turns++) {
        turn(STEP_MS);
        answer_all(HF_REASON_NONE, NULL);
    }
    assert_string_equal(counts(id_2), "done 1000 0 1000 0 0 0 0");
}

/* In the record of each member's change, though they come of the tables. */
static void who_asked_and_where_is_said_with_each_change(void **state)
{
    struct hf_event event = {.type = HF_EVENT_PUSH,
                             .flags = HF_EVENT_FLAG_CONSOLE,
                             .topic = HF_SLICE("vans"),
                             .key = HF_SLICE("key/k"),
                             .by = HF_SLICE("k"),
                             .payload = HF_SLICE("{\"desired\":{\"n\":1}}")};

    (void)state;
    a_fleet(1);
    memcpy(event.id, id_1, 16);
    apply(&event);
    hf_pusher_look(&t.pusher, t.now_ms);
    turn(STEP_MS);
    assert_int_equal(t.changes, 1);
    assert_true(hf_slice_is(t.calls[0]->key, "key/k") && hf_slice_is(t.calls[0]->by, "k"));
    assert_true(t.calls[0]->console);
    answer_all(HF_REASON_NONE, NULL);
}

static void no_more_are_under_way_than_may_be(void **state)
{
    (void)state;
    a_fleet(HF_PUSH_UNDER_WAY + 100);
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    for (unsigned i = 0; i < 100; i++)
        turn(STEP_MS); /* nobody answers */
    assert_int_equal(t.count, HF_PUSH_UNDER_WAY);
    answer_all(HF_REASON_NONE, NULL);
    for (unsigned i = 0; i < 100 && t.pusher.tenant.at != NULL; i++) {
        turn(STEP_MS);
        answer_all(HF_REASON_NONE, NULL);
    }
    assert_string_equal(counts(id_1), "done 356 356 0 0 0 0 0");
}

static void who_is_busy_is_asked_again(void **state)
{
    (void)state;
    a_fleet(40);
    push(id_1, "{\"desired\":{\"n\":1}}");
    t.busy = true;
    hf_pusher_look(&t.pusher, t.now_ms);
    turn(STEP_MS);
    assert_int_equal(t.count, 0);
    t.busy = false;
    for (unsigned i = 0; i < 4; i++) {
        turn(STEP_MS);
        answer_all(HF_REASON_RATE_LIMIT, "d00007");
    }
    assert_string_equal(counts(id_1), "running 39 39 0 0 0 0 0");
    turn(STEP_MS);
    assert_int_equal(t.count, 0); /* not at once */
    turn(HF_PUSH_ROUND_MS + STEP_MS);
    assert_int_equal(t.count, 1); /* only the one who was not counted */
    answer_all(HF_REASON_NONE, NULL);
    for (unsigned i = 0; i < 4; i++) {
        turn(STEP_MS);
        answer_all(HF_REASON_NONE, NULL);
    }
    assert_string_equal(counts(id_1), "done 40 40 0 0 0 0 0");
    assert_int_equal(t.pusher.stats.rounds, 1);
    turn(HF_PUSH_ROUND_MS); /* nothing is left that ticks */
    assert_int_equal(t.count, 0);
    assert_int_equal(t.wheel.armed, 0);
}

/* Else the second round would ask once more who was changed in the first, over what an application has changed since. */
static void another_round_waits_for_the_tables(void **state)
{
    (void)state;
    a_fleet(2);
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    turn(STEP_MS);
    assert_int_equal(t.count, 2);
    for (unsigned i = 0; i < 2; i++) { /* one is changed, which the tables do not know yet */
        t.calls[i]->reason = hf_slice_is(t.calls[i]->device, "d00001") ? HF_REASON_BUSY : HF_REASON_NONE;
        t.calls[i]->offset = t.calls[i]->reason == HF_REASON_NONE ? t.offset + 1 : 0;
        t.calls[i]->on_done(t.calls[i]);
    }
    t.count = 0;
    for (unsigned i = 0; i < 3; i++)
        turn(HF_PUSH_ROUND_MS);
    assert_int_equal(t.count, 0);
    change_by("d00000", id_1, "{\"desired\":{\"n\":1}}", 1 << HF_SHADOW_DESIRED);
    turn(STEP_MS);
    turn(STEP_MS);
    assert_int_equal(t.count, 1);
    assert_true(hf_slice_is(t.calls[0]->device, "d00001"));
    answer_all(HF_REASON_NONE, NULL);
}

static void who_stays_busy_is_refused_for_it(void **state)
{
    (void)state;
    a_fleet(3);
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    for (unsigned i = 0; i < 10 * HF_PUSH_ROUNDS_MAX && t.pusher.tenant.at != NULL; i++) {
        turn(i % 3 == 0 ? HF_PUSH_ROUND_MS + STEP_MS : STEP_MS);
        answer_all(HF_REASON_BUSY, "d00001");
    }
    assert_string_equal(counts(id_1), "done 3 2 0 0 0 0 1");
    assert_int_equal(t.pusher.stats.rounds, HF_PUSH_ROUNDS_MAX);
}

static void what_will_never_do_is_refused_at_once(void **state)
{
    (void)state;
    a_fleet(3);
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    for (unsigned i = 0; i < 8 && t.pusher.tenant.at != NULL; i++) {
        turn(STEP_MS);
        answer_all(HF_REASON_MESSAGE_TOO_BIG, "d00001");
    }
    assert_string_equal(counts(id_1), "done 3 2 0 0 0 0 1");
    assert_int_equal(t.pusher.stats.rounds, 0);
}

/* As after a crash: another pusher, the same tables. */
static void a_walk_that_was_cut_off_begins_again(void **state)
{
    (void)state;
    a_fleet(100);
    push(id_1, "{\"desired\":{\"n\":1}}");
    hf_pusher_look(&t.pusher, t.now_ms);
    turn(STEP_MS);
    answer_all(HF_REASON_NONE, NULL);
    turn(STEP_MS);
    while (t.count > 0) /* they never come back */
        hf_call_free(t.calls[--t.count]);
    hf_pusher_stop(&t.pusher);
    hf_pusher_deinit(&t.pusher);
    assert_string_equal(counts(id_1), "running 64 64 0 0 0 0 0");
    hf_pusher_init(&t.pusher, &(struct hf_pusher_options){.kv = t.kv, .wheel = &t.wheel, .call = take_call});
    t.changes = 0;
    hf_pusher_look(&t.pusher, t.now_ms);
    for (unsigned i = 0; i < 100 && t.pusher.tenant.at != NULL; i++) {
        turn(STEP_MS);
        answer_all(HF_REASON_NONE, NULL);
    }
    assert_int_equal(t.changes, 36);
    assert_string_equal(counts(id_1), "done 100 100 0 0 0 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_member_counts_once_and_goes_on_counting, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_may_be_behind_with_several, setup, teardown),
        cmocka_unit_test_setup_teardown(pushes_are_swept_after_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_push_that_is_not_done_is_not_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_push_reaches_all_in_small_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(who_asked_and_where_is_said_with_each_change, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_are_under_way_than_may_be, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_busy_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_round_waits_for_the_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(who_stays_busy_is_refused_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_will_never_do_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_walk_that_was_cut_off_begins_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
