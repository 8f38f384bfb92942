/* The tables follow from the log alone: replays from anywhere end in the same rows; ends, keys, explanations and the sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/call.h"
#include "core/kvkey.h"
#include "core/presence.h"
#include "core/projection.h"
#include "core/rows.h"
#include "core/shadow_rows.h"
#include "store/memory/kv_memory.h"

#define T0 UINT64_C(1700000000000)

static struct hf_kv *open_kv(void)
{
    struct hf_kv *kv;

    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    return kv;
}

static uint64_t explain_trimmed;

static void apply(struct hf_kv *kv, struct hf_event event)
{
    struct hf_kv_txn *txn;

    if (event.tenant.at == NULL)
        event.tenant = HF_SLICE("acme");
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
    explain_trimmed += txn->trimmed[HF_KV_EXPLAIN];
    assert_int_equal(hf_kv_commit(txn, HF_MAX(hf_kv_applied_offset(kv), event.offset)), HF_OK);
}

static unsigned rows_of(struct hf_kv *kv, enum hf_kv_table table)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    unsigned rows = 0;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_scan(txn, table, none, none, false, &cursor), HF_OK);
    while (hf_kv_next(&cursor, &key, &value) == HF_OK)
        rows++;
    hf_kv_end(txn);
    return rows;
}

static struct hf_event event(uint64_t offset, unsigned type)
{
    return (struct hf_event){
        .offset = offset, .time_ms = T0 + offset, .type = (uint8_t)type, .device = HF_SLICE("d")};
}

static struct hf_event about(uint64_t offset, unsigned type, uint8_t id, uint64_t seq, unsigned reason)
{
    struct hf_event made = event(offset, type);

    made.id[0] = id;
    made.seq = seq;
    made.reason = (uint16_t)reason;
    made.to = T0 + 1000;
    return made;
}

static struct hf_message_row message(struct hf_kv *kv, uint8_t id)
{
    uint8_t key[16] = {id};
    struct hf_message_row row = {0};
    struct hf_slice value;
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    if (hf_kv_get(txn, HF_KV_MESSAGES, (struct hf_slice){(const char *)key, 16}, &value) == HF_OK)
        assert_int_equal(hf_message_row_decode(value, &row), HF_OK);
    hf_kv_end(txn);
    return row;
}

static struct hf_device_row device(struct hf_kv *kv)
{
    struct hf_device_row row = {0};
    struct hf_kvkey key;
    struct hf_slice value;
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kvkey_device(&key, HF_SLICE("acme"), HF_SLICE("d")), HF_OK);
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    if (hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value) == HF_OK)
        assert_int_equal(hf_device_row_decode(value, &row), HF_OK);
    hf_kv_end(txn);
    return row; /* protocol is gone with the transaction */
}

/* ---- replay ---- */

static const unsigned history_events = 20;

static struct hf_event history(unsigned index)
{
    static uint8_t key_row[128];
    const struct hf_key_row row = {.created_ms = T0, .tenant = HF_SLICE("acme")};
    struct hf_event events[] = {
        event(1, HF_EVENT_ONLINE),
        about(2, HF_EVENT_QUEUED, 1, 1, 0),
        about(3, HF_EVENT_COMMAND, 2, 2, 0),
        about(4, HF_EVENT_SENT, 1, 1, 0),
        about(5, HF_EVENT_COMMAND_SENT, 2, 2, 0),
        about(6, HF_EVENT_QUEUED, 3, 3, 0),
        event(7, HF_EVENT_UNKNOWN),
        about(8, HF_EVENT_FAILED, 3, 3, HF_REASON_EXPIRED),
        event(9, HF_EVENT_OFFLINE),
        event(10, HF_EVENT_ONLINE),
        about(11, HF_EVENT_COMMAND_DONE, 2, 2, 0),
        about(12, HF_EVENT_BROADCAST, 4, 0, 0),
        about(13, HF_EVENT_BROADCAST_DONE, 4, 0, 0),
        event(14, HF_EVENT_KEY_CREATED),
        event(15, HF_EVENT_KEY_REVOKED),
        event(16, HF_EVENT_REVOKED),
        about(17, HF_EVENT_COMMAND, 5, 4, 0),
        about(18, HF_EVENT_COMMAND_FAILED, 5, 4, HF_REASON_CANCELED),
        about(19, HF_EVENT_QUEUED, 6, 5, 0),
        event(20, HF_EVENT_REFUSED),
    };

    events[0].epoch = events[6].epoch = events[8].epoch = 1;
    events[9].epoch = 2;
    events[2].key = events[13].key = events[14].key = events[15].key = HF_SLICE("key");
    events[13].payload =
        (struct hf_slice){(const char *)key_row, hf_key_row_encode(&row, key_row, sizeof(key_row))};
    events[10].payload = HF_SLICE("result");
    events[12].from = 9;
    return events[index];
}

static uint64_t digest(struct hf_kv *kv)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_kv_txn *txn;
    uint64_t sum = 0;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    for (unsigned table = HF_KV_DEVICES; table < HF_KV_TABLES; table++) {
        assert_int_equal(hf_kv_scan(txn, (enum hf_kv_table)table, none, none, false, &cursor), HF_OK);
        while (hf_kv_next(&cursor, &key, &value) == HF_OK)
            sum = sum * 31 + table + hf_device_hash(key, value);
        hf_kv_scan_end(&cursor);
    }
    hf_kv_end(txn);
    return sum;
}

/* ST-2: from any offset, and every event twice. */
static void replays_end_in_the_same_rows(void **state)
{
    struct hf_kv *once = open_kv();

    (void)state;
    for (unsigned i = 0; i < history_events; i++)
        apply(once, history(i));
    for (unsigned from = 0; from <= history_events; from++) {
        struct hf_kv *kv = open_kv();

        for (unsigned i = 0; i < history_events; i++)
            apply(kv, history(i));
        for (unsigned i = from; i < history_events; i++) {
            apply(kv, history(i));
            assert_true(digest(kv) == digest(once)); /* a reader meanwhile sees no step back */
        }
        hf_kv_close(kv);
        kv = open_kv();
        for (unsigned i = 0; i < history_events; i++) {
            apply(kv, history(i));
            apply(kv, history(i));
        }
        assert_true(digest(kv) == digest(once));
        hf_kv_close(kv);
    }
    assert_int_equal(rows_of(once, HF_KV_OUTBOX), 1);
    assert_int_equal(message(once, 1).fate, HF_FATE_SENT);
    assert_int_equal(message(once, 2).fate, HF_FATE_DONE);
    assert_int_equal(message(once, 3).fate, HF_FATE_EXPIRED);
    assert_int_equal(message(once, 5).fate, HF_FATE_CANCELED);
    assert_int_equal(message(once, 6).fate, HF_FATE_QUEUED);
    assert_int_equal(message(once, 4).fate, HF_FATE_SENT);
    assert_int_equal(message(once, 4).created_ms, T0 + 12);
    assert_int_equal(message(once, 4).written, 9);
    assert_int_equal(device(once).epoch, 2);
    assert_int_equal(device(once).connects, 2);
    assert_int_equal(device(once).seq, 5);
    hf_kv_close(once);
}

static void an_older_epoch_is_fenced(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event online = event(5, HF_EVENT_ONLINE), late = event(6, HF_EVENT_OFFLINE);

    (void)state;
    online.epoch = 3;
    late.epoch = 2;
    apply(kv, online);
    apply(kv, late);
    assert_int_equal(device(kv).presence, HF_ONLINE);
    assert_int_equal(device(kv).epoch, 3);
    late.epoch = 3;
    late.offset = 7;
    apply(kv, late);
    assert_int_equal(device(kv).presence, HF_OFFLINE);
    assert_int_equal(device(kv).connects, 1);
    hf_kv_close(kv);
}

/* Where a camera is: of the registration that is on, until that ends. */
static void a_binding_lives_as_long_as_its_registration(void **state)
{
    static char text[HF_BINDING_BYTES_MAX + 1];
    struct hf_kv *kv = open_kv();
    struct hf_event online = event(1, HF_EVENT_ONLINE), bound = event(2, HF_EVENT_CAMERA_BOUND),
                    late = event(3, HF_EVENT_CAMERA_BOUND), unknown = event(4, HF_EVENT_UNKNOWN),
                    offline = event(5, HF_EVENT_OFFLINE);

    (void)state;
    online.epoch = bound.epoch = unknown.epoch = offline.epoch = 3;
    late.epoch = 2;
    bound.payload = (struct hf_slice){text, HF_BINDING_BYTES_MAX};
    late.payload = HF_SLICE("{}");
    apply(kv, bound);
    assert_int_equal(device(kv).binding.bytes, 0); /* of nobody */
    apply(kv, online);
    apply(kv, bound);
    apply(kv, late);
    apply(kv, unknown);
    assert_int_equal(device(kv).binding.bytes, HF_BINDING_BYTES_MAX);
    bound.offset = 5;
    bound.payload.bytes++;
    apply(kv, bound);
    assert_int_equal(device(kv).binding.bytes, HF_BINDING_BYTES_MAX);
    apply(kv, offline);
    assert_int_equal(device(kv).binding.bytes, 0);
    bound.offset = 6;
    bound.payload.bytes--;
    apply(kv, bound);
    assert_int_equal(device(kv).binding.bytes, 0);
    online.offset = 7;
    online.epoch = bound.epoch = 4;
    bound.offset = 8;
    apply(kv, online);
    apply(kv, bound);
    assert_int_equal(device(kv).binding.bytes, HF_BINDING_BYTES_MAX);
    online.offset = 9;
    online.epoch = 5; /* another connection, of whatever protocol */
    apply(kv, online);
    assert_int_equal(device(kv).binding.bytes, 0);
    hf_kv_close(kv);
}

/* Media sessions that stand: the last record of each, until it is over. */
static void a_call_is_kept_until_it_is_over(void **state)
{
    static char text[HF_CALL_RECORD_BYTES_MAX + 1];
    struct hf_kv *kv = open_kv();
    struct hf_event stands = event(1, HF_EVENT_CAMERA_CALL), over;
    struct hf_event row;
    struct hf_slice value;
    struct hf_kvkey key;
    struct hf_kv_txn *txn;

    (void)state;
    memset(text, 'x', sizeof(text));
    stands.from = 77;
    stands.to = 5;
    stands.payload = HF_SLICE("{}");
    apply(kv, stands);
    stands.offset = 2;
    stands.payload = (struct hf_slice){text, HF_CALL_RECORD_BYTES_MAX};
    apply(kv, stands);
    stands.offset = 3;
    stands.payload.bytes++; /* too large for a row */
    apply(kv, stands);
    assert_int_equal(hf_kvkey_device_u64(&key, HF_SLICE("acme"), stands.device, 77), HF_OK);
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_CALLS, hf_kvkey_slice(&key), &value), HF_OK);
    assert_int_equal(hf_event_row_decode(value, &row), HF_OK);
    assert_int_equal(row.payload.bytes, HF_CALL_RECORD_BYTES_MAX);
    assert_int_equal(row.to, 5);
    hf_kv_end(txn);
    over = stands;
    over.payload = (struct hf_slice){NULL, 0};
    over.from = 78;
    apply(kv, over); /* another one */
    over.from = 77;
    apply(kv, over);
    apply(kv, over);
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_CALLS, hf_kvkey_slice(&key), &value), HF_ERR_NOT_FOUND);
    hf_kv_end(txn);
    hf_kv_close(kv);
}

/* The longest names with the largest result still make a row. */
static void the_largest_row(void **state)
{
    static char result[HF_RESULT_BYTES_MAX + 1], name[HF_TOPIC_BYTES_MAX];
    struct hf_kv *kv = open_kv();

    (void)state;
    memset(name, 'n', sizeof(name));
    for (unsigned i = 0; i < 2; i++) {
        struct hf_event queued = about(1 + 2 * i, HF_EVENT_COMMAND, (uint8_t)(1 + i), 1 + i, 0), done;

        queued.tenant = (struct hf_slice){name, HF_TENANT_BYTES_MAX};
        queued.device = (struct hf_slice){name, HF_DEVICE_BYTES_MAX};
        queued.topic = (struct hf_slice){name, HF_TOPIC_BYTES_MAX};
        apply(kv, queued);
        done = queued;
        done.offset++;
        done.type = HF_EVENT_COMMAND_DONE;
        done.payload = (struct hf_slice){result, sizeof(result) - 1 + i};
        apply(kv, done);
    }
    assert_int_equal(message(kv, 1).result.bytes, HF_RESULT_BYTES_MAX);
    assert_int_equal(message(kv, 2).result.bytes, 0); /* only in the event */
    assert_int_equal(message(kv, 2).fate, HF_FATE_DONE);
    assert_int_equal(rows_of(kv, HF_KV_OUTBOX), 0);
    hf_kv_close(kv);
}

static void names_that_make_no_key_change_nothing(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event bad = event(1, HF_EVENT_ONLINE);

    (void)state;
    bad.device = (struct hf_slice){"", 0};
    apply(kv, bad);
    apply(kv, event(2, HF_EVENT_KEY_CREATED)); /* without a key */
    apply(kv, event(3, HF_EVENT_AUDIT));
    apply(kv, event(4, 200));
    assert_int_equal(rows_of(kv, HF_KV_DEVICES) + rows_of(kv, HF_KV_KEYS), 0);
    assert_false(hf_projection_wants(&(struct hf_event){.type = HF_EVENT_MESSAGE}));
    assert_false(hf_projection_wants(&(struct hf_event){.type = 200}));
    assert_true(hf_projection_wants(&bad));
    hf_kv_close(kv);
}

/* ---- bounds ---- */

/* Sixteen devices in step: each has the same remainder each time. */
static void explanations_are_bounded(void **state)
{
    struct hf_kv *kv = open_kv();
    char name[4];

    (void)state;
    explain_trimmed = 0;
    for (uint64_t offset = 1; offset <= 16 * 700; offset++) {
        struct hf_event refused = event(offset, HF_EVENT_REFUSED);

        snprintf(name, sizeof(name), "d%u", (unsigned)(offset % 16));
        refused.device = hf_slice_of(name);
        apply(kv, refused);
    }
    assert_in_range(rows_of(kv, HF_KV_EXPLAIN), 16 * HF_EXPLAIN_ROWS_MAX, 16 * (HF_EXPLAIN_ROWS_MAX + 100));
    assert_int_equal(explain_trimmed, 16 * 700 - rows_of(kv, HF_KV_EXPLAIN));
    hf_kv_close(kv);
}

static uint64_t sweep(struct hf_kv *kv, struct hf_sweep *at, uint64_t utc_ms)
{
    struct hf_kv_txn *txn;
    uint64_t deleted;

    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_sweep(txn, at, utc_ms,
                                         &(struct hf_sweep_ages){.idempotency_ms = 3600000,
                                                                 .shadow_history_ms = 7200000,
                                                                 .presence_history_ms = UINT64_MAX / 2,
                                                                 .presence_history_bytes = UINT64_MAX},
                                         &deleted),
                     HF_OK);
    assert_int_equal(hf_kv_commit(txn, hf_kv_applied_offset(kv)), HF_OK);
    return deleted;
}

static uint64_t sweep_all(struct hf_kv *kv, uint64_t utc_ms)
{
    struct hf_sweep at = {0};
    uint64_t deleted = 0;

    for (unsigned i = 0; i < 12; i++)
        deleted += sweep(kv, &at, utc_ms);
    return deleted;
}

static void the_sweep_takes_bounded_steps(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_sweep at = {0};
    uint64_t total = 0;

    (void)state;
    for (unsigned i = 0; i < 2500; i++) {
        struct hf_event queued = about(1 + i, HF_EVENT_QUEUED, 1, 1 + i, 0);

        queued.id[1] = (uint8_t)(i >> 8);
        queued.id[2] = (uint8_t)i;
        apply(kv, queued);
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t deleted = sweep(kv, &at, T0 + HF_FATE_KEPT_MS + 10000);

        assert_true(deleted <= HF_SWEEP_ROWS);
        total += deleted;
    }
    assert_int_equal(total, 2500);
    assert_int_equal(rows_of(kv, HF_KV_MESSAGES), 0);
    assert_int_equal(at.table, 1);
    /* The node was down so long. What waits ends all the same, and waits no longer. */
    assert_int_equal(rows_of(kv, HF_KV_OUTBOX), 2500);
    for (unsigned i = 0; i < 2500; i++)
        apply(kv, about(3000 + i, HF_EVENT_FAILED, 1, 1 + i, HF_REASON_EXPIRED));
    assert_int_equal(rows_of(kv, HF_KV_OUTBOX), 0);
    hf_kv_close(kv);
}

static void keys_count_until_after_the_end(void **state)
{
    static const uint64_t hour = 3600000;
    struct hf_kv *kv = open_kv();
    struct hf_event queued = about(1, HF_EVENT_COMMAND, 1, 1, 0),
                    done = about(2, HF_EVENT_COMMAND_DONE, 1, 1, 0);

    (void)state;
    queued.key = HF_SLICE("k");
    queued.to = T0 + 10 * hour;
    apply(kv, queued);
    assert_int_equal(sweep_all(kv, T0 + 5 * hour), 0); /* open */
    done.time_ms = T0 + 6 * hour;
    apply(kv, done);
    assert_int_equal(sweep_all(kv, T0 + 7 * hour - 1), 0);
    assert_int_equal(sweep_all(kv, T0 + 7 * hour), 1);
    assert_int_equal(rows_of(kv, HF_KV_IDEMPOTENCY), 0);
    assert_int_equal(rows_of(kv, HF_KV_MESSAGES), 1);
    assert_int_equal(sweep_all(kv, T0 + 49 * hour), 1);
    apply(kv, event(9, HF_EVENT_REFUSED));
    assert_int_equal(sweep_all(kv, T0 + 24 * hour), 0);
    assert_int_equal(sweep_all(kv, T0 + 25 * hour), 1);
    hf_kv_close(kv);
}

static void versions_of_shadows_age_once_they_are_replaced(void **state)
{
    static const uint64_t hour = 3600000;
    struct hf_kv *kv = open_kv();

    (void)state;
    for (uint64_t version = 1; version <= 4; version++) {
        struct hf_event changed = event(version, HF_EVENT_SHADOW);

        changed.seq = version;
        changed.from = version == 4 ? 2 : 1; /* the first is one too many */
        changed.time_ms = T0 + version * hour;
        changed.payload = HF_SLICE("{}");
        apply(kv, changed);
        apply(kv, changed); /* a replay */
    }
    assert_int_equal(rows_of(kv, HF_KV_TWINS), 3);
    assert_int_equal(sweep_all(kv, T0 + 5 * hour), 0);
    assert_int_equal(sweep_all(kv, T0 + 5 * hour + 1), 1); /* the second was replaced two hours ago */
    assert_int_equal(sweep_all(kv, T0 + 900 * hour), 1);
    assert_int_equal(rows_of(kv, HF_KV_TWINS), 1); /* the shadow itself stays */
    assert_int_equal(sweep_all(kv, T0 + 9000 * hour), 0);
    hf_kv_close(kv);
}

static uint64_t ended(struct hf_kv *kv)
{
    struct hf_kv_txn *txn;
    uint64_t version = 77;

    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_shadow_rows_ended(txn, HF_SLICE("acme"), HF_SLICE("d"), &version), HF_OK);
    hf_kv_end(txn);
    return version;
}

/* Twice is harmless, and an earlier end that comes again takes nothing back. */
static void the_end_of_a_named_shadow_leaves_its_version(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_event first = event(1, HF_EVENT_SHADOW), second = event(2, HF_EVENT_SHADOW);

    (void)state;
    first.topic = HF_SLICE("led");
    first.seq = 3;
    second.topic = HF_SLICE("fan");
    second.seq = 7;
    assert_int_equal(ended(kv), 0);
    apply(kv, first);
    assert_int_equal(ended(kv), 4);
    apply(kv, second);
    apply(kv, first);
    apply(kv, second);
    assert_int_equal(ended(kv), 8);
    hf_kv_close(kv);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(replays_end_in_the_same_rows),
        cmocka_unit_test(an_older_epoch_is_fenced),
        cmocka_unit_test(a_binding_lives_as_long_as_its_registration),
        cmocka_unit_test(a_call_is_kept_until_it_is_over),
        cmocka_unit_test(the_largest_row),
        cmocka_unit_test(names_that_make_no_key_change_nothing),
        cmocka_unit_test(explanations_are_bounded),
        cmocka_unit_test(the_sweep_takes_bounded_steps),
        cmocka_unit_test(keys_count_until_after_the_end),
        cmocka_unit_test(versions_of_shadows_age_once_they_are_replaced),
        cmocka_unit_test(the_end_of_a_named_shadow_leaves_its_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
