/* Who did what: what is kept and for how long, what makes room for what, in which order it is read, what a replay does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/audit_rows.h"
#include "core/renewal.h"
#include "store/memory/kv_memory.h"

#define T0     UINT64_C(1700000000000)
#define DAY_MS UINT64_C(86400000)

enum { ROWS_MAX = 4096, ROOM = 65536 };

static struct hf_event made[3];
static uint64_t offsets[ROWS_MAX];

static struct hf_kv *open_kv(void)
{
    struct hf_kv *kv;

    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    return kv;
}

static uint32_t put(struct hf_kv *kv, const struct hf_event *event, uint64_t room)
{
    struct hf_kv_txn *txn;

    assert_true(hf_audit_rows_want(event));
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_audit_rows_apply(txn, event, room), HF_OK);
    uint32_t trimmed = txn->trimmed[HF_KV_AUDIT];
    assert_int_equal(hf_kv_commit(txn, HF_MAX(hf_kv_applied_offset(kv), event->offset)), HF_OK);
    return trimmed;
}

/* One event of each kind. */
static struct hf_event event_of(enum hf_audit_kind kind, uint64_t offset, uint64_t time_ms)
{
    struct hf_event event = {.offset = offset, .time_ms = time_ms, .tenant = HF_SLICE("acme")};

    event.type = kind == HF_AUDIT_CHANGES ? HF_EVENT_COMMAND : HF_EVENT_AUDIT;
    event.topic = kind == HF_AUDIT_CHANGES ? HF_SLICE("unlock") : HF_SLICE("heartbeat.invalid");
    if (kind != HF_AUDIT_FAULTS)
        event.by = HF_SLICE("adminadmin01");
    return event;
}

static uint32_t add(struct hf_kv *kv, enum hf_audit_kind kind, uint64_t offset, uint64_t time_ms)
{
    struct hf_event event = event_of(kind, offset, time_ms);

    return put(kv, &event, ROOM);
}

static unsigned list(struct hf_kv *kv, const char *tenant, uint64_t from, uint64_t to_ms)
{
    struct hf_audit_walk walk;
    struct hf_event event;
    struct hf_kv_txn *txn;
    unsigned count = 0;
    hf_err err;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_audit_walk_begin(&walk, txn, hf_slice_of(tenant), from, to_ms), HF_OK);
    while ((err = hf_audit_walk_next(&walk, &event)) == HF_OK) {
        assert_true(count < ROWS_MAX);
        if (count < HF_COUNT_OF(made))
            made[count] = event;
        offsets[count++] = event.offset;
    }
    assert_int_equal(err, HF_ERR_NOT_FOUND);
    hf_audit_walk_end(&walk);
    hf_kv_end(txn);
    for (unsigned i = 1; i < count; i++)
        assert_true(offsets[i] < offsets[i - 1]);
    return count;
}

static uint64_t sweep(struct hf_kv *kv, uint64_t utc_ms, uint64_t history_ms, uint64_t history_bytes)
{
    const struct hf_sweep_ages ages = {.audit_history_ms = history_ms, .audit_history_bytes = history_bytes};
    struct hf_sweep at = {0};
    struct hf_kv_txn *txn;
    uint64_t total = 0;

    while (hf_sweep_table(&at) != HF_KV_AUDIT)
        at.table++;
    for (unsigned steps = 0; hf_sweep_table(&at) == HF_KV_AUDIT; steps++) {
        uint64_t deleted;

        assert_true(steps < 100);
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(hf_projection_sweep(txn, &at, utc_ms, &ages, &deleted), HF_OK);
        assert_int_equal(hf_kv_commit(txn, hf_kv_applied_offset(kv)), HF_OK);
        assert_true(deleted <= HF_SWEEP_ROWS);
        total += deleted;
    }
    return total;
}

static void what_is_kept_of_which_event(void **state)
{
    static const struct {
        uint8_t type;
        bool by, wanted;
    } rows[] = {
        {HF_EVENT_KEY_CREATED, false, true}, {HF_EVENT_KEY_REVOKED, false, true},
        {HF_EVENT_REVOKED, false, true},     {HF_EVENT_AUDIT, false, true},
        {HF_EVENT_AUDIT, true, true},        {HF_EVENT_COMMAND, true, true},
        {HF_EVENT_COMMAND, false, false},    {HF_EVENT_SHADOW, true, true},
        {HF_EVENT_SHADOW, false, false},     {HF_EVENT_MESSAGE, false, false},
        {HF_EVENT_ONLINE, false, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_event event = {.type = rows[i].type};

        if (rows[i].by)
            event.by = HF_SLICE("k");
        assert_int_equal(hf_audit_rows_want(&event), rows[i].wanted);
    }
}

static void entries_are_read_the_newest_first_whatever_their_kind(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event other = event_of(HF_AUDIT_ACTS, 5, T0), node = event_of(HF_AUDIT_FAULTS, 6, T0);

    (void)state;
    assert_int_equal(list(kv, "acme", 0, 0), 0);
    for (uint64_t offset = 10; offset < 40; offset++)
        (void)add(kv, (enum hf_audit_kind)(offset * 7 % 11 % HF_AUDIT_KINDS), offset, T0 + offset);
    other.tenant = HF_SLICE("acm"); /* the one name begins the other */
    (void)put(kv, &other, ROOM);
    node.tenant = (struct hf_slice){NULL, 0};
    (void)put(kv, &node, ROOM);
    assert_int_equal(list(kv, "acme", 0, 0), 30);
    assert_int_equal(offsets[0], 39);
    assert_int_equal(list(kv, "acm", 0, 0), 1);
    assert_int_equal(list(kv, "", 0, 0), 1); /* of no tenant, and never another's */
    assert_int_equal(offsets[0], 6);
    /* By pages: each is the rest of the one before, and none is there twice. */
    for (uint64_t from = 39; from >= 10; from--) {
        assert_int_equal(list(kv, "acme", from, 0), from - 9);
        assert_int_equal(offsets[0], from);
    }
    assert_int_equal(list(kv, "acme", 9, 0), 0);
    hf_kv_close(kv);
}

static void entries_are_found_by_time(void **state)
{
    struct hf_kv *dense = open_kv();

    struct hf_kv *kv = open_kv();

    (void)state;
    for (uint64_t i = 1; i <= 300; i++)
        (void)add(kv, (enum hf_audit_kind)(i % 2), 1000 * i, T0 + i);
    for (uint64_t i = 1; i <= 300; i++) {
        assert_int_equal(list(kv, "acme", 0, T0 + i), i);
        assert_int_equal(offsets[0], 1000 * i);
    }
    assert_int_equal(list(kv, "acme", 0, T0), 0);
    assert_int_equal(list(kv, "acme", 5000, T0 + 200), 5); /* the cursor is what is nearer */
    assert_int_equal(list(kv, "acme", 200000, T0 + 5), 5);
    assert_int_equal(list(kv, "acme", 1500, T0 + 5), 1);
    hf_kv_close(kv);
    for (uint64_t i = 1; i <= 100; i++)
        (void)add(dense, HF_AUDIT_ACTS, i, T0 + i);
    for (uint64_t i = 1; i <= 100; i++)
        assert_int_equal(list(dense, "acme", 0, T0 + i), i);
    hf_kv_close(dense);
}

static void a_replay_changes_nothing(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_kv_stats before, after;

    (void)state;
    for (uint64_t offset = 1; offset <= 9; offset++)
        (void)add(kv, (enum hf_audit_kind)(offset % HF_AUDIT_KINDS), offset, T0);
    hf_kv_stats(kv, &before);
    for (uint64_t offset = 4; offset <= 9; offset++)
        (void)add(kv, (enum hf_audit_kind)(offset % HF_AUDIT_KINDS), offset, T0);
    hf_kv_stats(kv, &after);
    assert_int_equal(list(kv, "acme", 0, 0), 9);
    assert_int_equal(after.tables[HF_KV_AUDIT].bytes, before.tables[HF_KV_AUDIT].bytes);
    hf_kv_close(kv);
}

/* What an act says is kept; what a message said is not, and a shadow without its text is not one that was removed. */
static void rows_are_small(void **state)
{
    static char large[HF_AUDIT_PAYLOAD_BYTES_MAX + 1];
    struct hf_kv *kv = open_kv();
    struct hf_event act = event_of(HF_AUDIT_ACTS, 1, T0), command = event_of(HF_AUDIT_CHANGES, 2, T0),
                    shadow = command;

    (void)state;
    act.payload = HF_SLICE("{\"device\":\"d\"}");
    command.payload = HF_SLICE("\"secret\"");
    shadow.type = HF_EVENT_SHADOW;
    shadow.offset = 3;
    shadow.payload = HF_SLICE("{\"json\":{}}");
    (void)put(kv, &act, ROOM);
    (void)put(kv, &command, ROOM);
    (void)put(kv, &shadow, ROOM);
    assert_int_equal(list(kv, "acme", 0, 0), 3);
    assert_true(hf_slice_is(made[0].payload, "{}"));
    assert_int_equal(made[1].payload.bytes, 0);
    assert_true(hf_slice_is(made[1].topic, "unlock"));
    assert_true(hf_slice_is(made[1].by, "adminadmin01"));
    assert_true(hf_slice_is(made[2].payload, "{\"device\":\"d\"}"));
    memset(large, ' ', sizeof(large));
    act.offset = 4;
    act.payload = (struct hf_slice){large, sizeof(large) - 1};
    (void)put(kv, &act, ROOM);
    shadow.offset = 5;
    shadow.payload = (struct hf_slice){NULL, 0}; /* removed */
    (void)put(kv, &shadow, ROOM);
    act.offset = 6;
    act.payload.bytes++;
    (void)put(kv, &act, ROOM);
    assert_int_equal(list(kv, "acme", 0, 0), 6);
    assert_int_equal(made[0].payload.bytes, 0);
    assert_int_equal(made[1].payload.bytes, 0);
    assert_int_equal(made[2].payload.bytes, HF_AUDIT_PAYLOAD_BYTES_MAX);
    hf_kv_close(kv);
}

static void a_tenant_that_makes_no_key_is_refused(void **state)
{
    static const char name[HF_TENANT_BYTES_MAX + 2];
    struct hf_kv *kv = open_kv();
    struct hf_event event = event_of(HF_AUDIT_ACTS, 1, T0);
    struct hf_kv_txn *txn;

    (void)state;
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    event.tenant = (struct hf_slice){name, 3};
    assert_int_equal(hf_audit_rows_apply(txn, &event, ROOM), HF_ERR_INVALID);
    hf_kv_end(txn);
    hf_kv_close(kv);
}

/* Between two sweeps, and whoever fills it: each kind of each tenant has its own room. */
static void a_flood_of_commands_pushes_out_no_act(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event other = event_of(HF_AUDIT_CHANGES, 2, T0);
    uint64_t trimmed = 0, offset = 10;
    struct hf_kv_stats stats;

    (void)state;
    (void)add(kv, HF_AUDIT_ACTS, 1, T0);
    other.tenant = HF_SLICE("other");
    (void)put(kv, &other, ROOM);
    (void)add(kv, HF_AUDIT_FAULTS, 3, T0);
    for (; trimmed < 500 && offset < ROWS_MAX; offset++)
        trimmed += add(kv, HF_AUDIT_CHANGES, offset, T0 + offset);
    assert_int_equal(trimmed, 500);
    hf_kv_stats(kv, &stats);
    assert_int_equal(stats.tables[HF_KV_AUDIT].rows, offset - 10 - trimmed + 3);
    assert_in_range(stats.tables[HF_KV_AUDIT].bytes, ROOM - 512, ROOM + 1024);
    assert_int_equal(list(kv, "acme", 0, 0), offset - 10 - trimmed + 2);
    assert_int_equal(offsets[0], offset - 1);
    assert_int_equal(list(kv, "acme", 9, 0), 2); /* the act and the fault */
    assert_int_equal(list(kv, "other", 0, 0), 1);
    hf_kv_close(kv);
}

/* The largest row takes the room of many small ones at once. */
static void certificates_push_out_no_act_and_no_fault_pushes_out_them(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event fault = event_of(HF_AUDIT_FAULTS, 0, T0),
                    issued = {.type = HF_EVENT_AUDIT,
                              .time_ms = T0,
                              .tenant = HF_SLICE("acme"),
                              .device = HF_SLICE("d1"),
                              .topic = HF_SLICE(HF_RENEWAL_ACTION),
                              .key = HF_SLICE("d1"),
                              .format = HF_FORMAT_JSON,
                              .payload = HF_SLICE("{\"sha256\":\"ab\"}")};
    unsigned count, kept = 0;
    uint64_t offset = 3;

    (void)state;
    (void)add(kv, HF_AUDIT_ACTS, 1, T0);
    (void)add(kv, HF_AUDIT_FAULTS, 2, T0);
    do
        issued.offset = offset++;
    while (put(kv, &issued, ROOM) == 0 && offset < ROWS_MAX);
    count = list(kv, "acme", 0, 0);
    assert_int_equal(offsets[count - 1], 1);
    assert_int_equal(offsets[count - 2], 2);
    assert_true(hf_slice_eq(made[0].payload, issued.payload));
    do
        fault.offset = offset++;
    while (put(kv, &fault, ROOM) == 0);
    for (unsigned i = list(kv, "acme", 0, 0); i > 0; i--)
        kept += offsets[i - 1] > 2 && offsets[i - 1] <= issued.offset;
    assert_int_equal(kept, count - 2);
    hf_kv_close(kv);
}

static void one_record_makes_all_the_room_that_it_needs(void **state)
{
    static char id[HF_DEVICE_BYTES_MAX], topic[HF_TOPIC_BYTES_MAX], text[HF_AUDIT_PAYLOAD_BYTES_MAX];
    struct hf_kv *kv = open_kv();
    struct hf_event event = {.type = HF_EVENT_AUDIT, .by = HF_SLICE("k"), .tenant = HF_SLICE("t")};
    struct hf_kv_stats stats;
    uint64_t trimmed = 0;

    (void)state;
    memset(id, 'd', sizeof(id));
    memset(topic, 't', sizeof(topic));
    memset(text, ' ', sizeof(text));
    for (event.offset = 1; trimmed == 0 && event.offset < ROWS_MAX; event.offset++)
        trimmed = put(kv, &event, ROOM);
    event.device = (struct hf_slice){id, sizeof(id)};
    event.topic = (struct hf_slice){topic, sizeof(topic)};
    event.key = event.topic;
    event.payload = (struct hf_slice){text, sizeof(text)};
    for (unsigned i = 0; i < 10; i++, event.offset++) {
        trimmed = put(kv, &event, ROOM);
        assert_in_range(trimmed, 2, HF_AUDIT_TRIM_ROWS - 1);
        hf_kv_stats(kv, &stats);
        assert_in_range(stats.tables[HF_KV_AUDIT].bytes, ROOM - 2048, ROOM + 2048);
    }
    hf_kv_close(kv);
}

static void a_sweep_takes_what_is_too_old(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event node = event_of(HF_AUDIT_FAULTS, 1000, T0);

    (void)state;
    for (uint64_t day = 1; day <= 400; day++)
        (void)add(kv, (enum hf_audit_kind)(day % HF_AUDIT_KINDS), day, T0 + day * DAY_MS);
    node.tenant = (struct hf_slice){NULL, 0};
    (void)put(kv, &node, ROOM);
    assert_int_equal(sweep(kv, T0 + 365 * DAY_MS, 365 * DAY_MS, 1 << 20), 0);
    assert_int_equal(sweep(kv, T0 + 400 * DAY_MS, 365 * DAY_MS, 1 << 20), 34 + 1);
    assert_int_equal(list(kv, "acme", 0, 0), 366);
    assert_int_equal(offsets[365], 35); /* 365 days to the millisecond */
    assert_int_equal(list(kv, "", 0, 0), 0);
    assert_int_equal(sweep(kv, T0 + 400 * DAY_MS, 365 * DAY_MS, 1 << 20), 0);
    assert_int_equal(sweep(kv, T0 + 800 * DAY_MS, 365 * DAY_MS, 1 << 20), 366); /* all of it */
    assert_int_equal(list(kv, "acme", 0, 0), 0);
    (void)add(kv, HF_AUDIT_ACTS, 2000, T0 + 800 * DAY_MS); /* and goes on */
    assert_int_equal(list(kv, "acme", 0, 0), 1);
    hf_kv_close(kv);
}

/* After a smaller bound was set; in more than one step. */
static void a_sweep_takes_what_has_no_room_any_more(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event event = event_of(HF_AUDIT_ACTS, 0, T0);
    struct hf_kv_stats stats;

    (void)state;
    for (event.offset = 1; event.offset <= 3000; event.offset++)
        (void)put(kv, &event, 1 << 30);
    (void)add(kv, HF_AUDIT_CHANGES, 5000, T0);
    hf_kv_stats(kv, &stats);
    uint64_t each = stats.tables[HF_KV_AUDIT].bytes / 3000;
    uint64_t deleted = sweep(kv, T0, DAY_MS, 100 * each);
    assert_in_range(deleted, 2890, 2910);
    assert_int_equal(list(kv, "acme", 0, 0), 3001 - deleted);
    assert_int_equal(offsets[0], 5000);
    assert_int_equal(offsets[1], 3000);
    assert_int_equal(sweep(kv, T0, DAY_MS, 100 * each), 0);
    hf_kv_close(kv);
}

/* One that a newer program wrote, say: it stays, and the rest is swept all the same. */
static void a_row_that_cannot_be_read_stops_no_sweep(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event late = event_of(HF_AUDIT_ACTS, 7, T0);
    struct hf_kv_txn *txn;

    (void)state;
    (void)add(kv, HF_AUDIT_ACTS, 5, T0);
    late.tenant = HF_SLICE("zeta");
    (void)put(kv, &late, ROOM);
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_AUDIT, (struct hf_slice){"acme\0\0\0\0\0\0\0\0\0\1", 14},
                               HF_SLICE("12345678 of a newer version")),
                     HF_OK);
    assert_int_equal(hf_kv_commit(txn, 7), HF_OK);
    assert_int_equal(sweep(kv, T0 + 400 * DAY_MS, 365 * DAY_MS, ROOM), 1);
    assert_int_equal(list(kv, "zeta", 0, 0), 0);
    hf_kv_close(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_of_which_event),
        cmocka_unit_test(entries_are_read_the_newest_first_whatever_their_kind),
        cmocka_unit_test(entries_are_found_by_time),
        cmocka_unit_test(a_replay_changes_nothing),
        cmocka_unit_test(rows_are_small),
        cmocka_unit_test(a_tenant_that_makes_no_key_is_refused),
        cmocka_unit_test(a_flood_of_commands_pushes_out_no_act),
        cmocka_unit_test(certificates_push_out_no_act_and_no_fault_pushes_out_them),
        cmocka_unit_test(one_record_makes_all_the_room_that_it_needs),
        cmocka_unit_test(a_sweep_takes_what_is_too_old),
        cmocka_unit_test(a_sweep_takes_what_has_no_room_any_more),
        cmocka_unit_test(a_row_that_cannot_be_read_stops_no_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
