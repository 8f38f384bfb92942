/* When a device was there: what is kept, what a sweep takes, what a replay does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/presence_rows.h"
#include "core/projection.h"
#include "store/memory/kv_memory.h"

#define T0 UINT64_C(1700000000000)

enum { ROWS_MAX = 32768, DAY_MS = 24 * 3600 * 1000 };

static uint64_t offsets[ROWS_MAX];
static unsigned count;

static struct hf_kv *open_kv(void)
{
    struct hf_kv *kv;

    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    return kv;
}

/* Through the projection, as the gateway does; returns what had to make room. */
static uint32_t apply(struct hf_kv *kv, uint64_t offset, unsigned type, const char *device, uint64_t time_ms)
{
    const struct hf_event event = {.offset = offset,
                                   .time_ms = time_ms,
                                   .type = (uint8_t)type,
                                   .epoch = offset,
                                   .tenant = HF_SLICE("acme"),
                                   .device = hf_slice_of(device)};
    struct hf_kv_txn *txn;

    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, &event), HF_OK);
    uint32_t trimmed = txn->trimmed[HF_KV_PRESENCE];
    assert_int_equal(hf_kv_commit(txn, HF_MAX(hf_kv_applied_offset(kv), offset)), HF_OK);
    return trimmed;
}

static bool take(void *context, const struct hf_event *event)
{
    const unsigned *most = context;

    assert_true(count < ROWS_MAX);
    offsets[count++] = event->offset;
    return most == NULL || count < *most;
}

static unsigned list(struct hf_kv *kv, const char *device, uint64_t from, unsigned most)
{
    struct hf_kv_txn *txn;

    count = 0;
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    assert_int_equal(hf_presence_rows_each(txn, HF_SLICE("acme"), hf_slice_of(device), from, take,
                                           most != 0 ? &most : NULL),
                     HF_OK);
    hf_kv_end(txn);
    return count;
}

static uint64_t sweep(struct hf_kv *kv, uint64_t utc_ms, uint64_t history_ms, uint64_t history_bytes)
{
    const struct hf_sweep_ages ages = {.presence_history_ms = history_ms,
                                       .presence_history_bytes = history_bytes};
    struct hf_sweep at = {0};
    struct hf_kv_txn *txn;
    uint64_t total = 0;

    while (hf_sweep_table(&at) != HF_KV_PRESENCE)
        at.table++;
    while (hf_sweep_table(&at) == HF_KV_PRESENCE) {
        uint64_t deleted;

        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(hf_projection_sweep(txn, &at, utc_ms, &ages, &deleted), HF_OK);
        assert_int_equal(hf_kv_commit(txn, hf_kv_applied_offset(kv)), HF_OK);
        assert_true(deleted <= HF_SWEEP_ROWS);
        total += deleted;
    }
    return total;
}

static void comings_and_goings_are_kept_the_newest_first(void **state)
{
    struct hf_kv *kv = open_kv();

    (void)state;
    assert_int_equal(list(kv, "d", 0, 0), 0);
    (void)apply(kv, 1, HF_EVENT_ONLINE, "d", T0);
    (void)apply(kv, 2, HF_EVENT_ONLINE, "other", T0);
    (void)apply(kv, 3, HF_EVENT_DISCONNECTED, "d", T0 + 1);
    (void)apply(kv, 4, HF_EVENT_UNKNOWN, "d", T0 + 2);
    (void)apply(kv, 5, HF_EVENT_REFUSED, "d", T0 + 3); /* says nothing of it */
    (void)apply(kv, 6, HF_EVENT_OFFLINE, "d", T0 + 40 * (uint64_t)DAY_MS);
    assert_int_equal(list(kv, "d", 0, 0), 4);
    assert_int_equal(offsets[0], 6);
    assert_int_equal(offsets[3], 1);
    assert_int_equal(list(kv, "d", 4, 2), 2);
    assert_int_equal(offsets[0], 4);
    assert_int_equal(offsets[1], 3);
    assert_int_equal(list(kv, "other", 0, 0), 1);
    (void)apply(kv, 4, HF_EVENT_UNKNOWN, "d", T0 + 2); /* again: nothing comes twice, or out of order */
    (void)apply(kv, 6, HF_EVENT_OFFLINE, "d", T0 + 40 * (uint64_t)DAY_MS);
    assert_int_equal(list(kv, "d", 0, 0), 4);
    hf_kv_close(kv);
}

static void a_sweep_takes_what_is_too_old(void **state)
{
    struct hf_kv *kv = open_kv();

    (void)state;
    for (uint64_t day = 1; day <= 40; day++)
        (void)apply(kv, day, day % 2 ? HF_EVENT_ONLINE : HF_EVENT_OFFLINE, "d", T0 + day * DAY_MS);
    (void)apply(kv, 41, HF_EVENT_ONLINE, "other", T0);
    assert_int_equal(sweep(kv, T0 + 40 * (uint64_t)DAY_MS, 30 * (uint64_t)DAY_MS, 1 << 20), 9);
    assert_int_equal(list(kv, "d", 0, 0), 31);
    assert_int_equal(offsets[30], 10);
    assert_int_equal(list(kv, "other", 0, 0), 1); /* the newest stays, however old */
    assert_int_equal(sweep(kv, T0 + 40 * (uint64_t)DAY_MS, 30 * (uint64_t)DAY_MS, 1 << 20), 0);
    hf_kv_close(kv);
}

static void a_sweep_takes_what_is_beyond_the_room_of_a_device(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_kv_stats stats;

    (void)state;
    for (uint64_t offset = 1; offset <= 3000; offset++) /* more than a step of the sweep */
        (void)apply(kv, offset, offset % 2 ? HF_EVENT_ONLINE : HF_EVENT_OFFLINE, offset % 3 ? "d" : "e",
                    T0 + offset);
    hf_kv_stats(kv, &stats);
    assert_int_equal(stats.tables[HF_KV_PRESENCE].rows, 3000);
    uint64_t each = stats.tables[HF_KV_PRESENCE].bytes / 3000;
    uint64_t deleted = sweep(kv, T0, DAY_MS, 100 * each);
    unsigned d = list(kv, "d", 0, 0), e = list(kv, "e", 0, 0);
    assert_int_equal(deleted, 3000 - d - e);
    assert_in_range(d, 95, 105);
    assert_in_range(e, 95, 105);
    assert_int_equal(offsets[0], 3000);
    assert_int_equal(sweep(kv, T0, DAY_MS, 100 * each), 0);
    hf_kv_close(kv);
}

/* Between two sweeps. */
static void one_device_never_has_more_than_its_room(void **state)
{
    struct hf_kv *kv = open_kv();
    struct hf_kv_stats stats;
    uint64_t trimmed = 0, made = 0;

    (void)state;
    for (; trimmed < 100; made++) {
        assert_true(made < ROWS_MAX);
        trimmed += apply(kv, made + 1, made % 2 ? HF_EVENT_OFFLINE : HF_EVENT_ONLINE, "d", T0 + made);
    }
    hf_kv_stats(kv, &stats);
    assert_int_equal(stats.tables[HF_KV_PRESENCE].rows, made - trimmed);
    assert_in_range(stats.tables[HF_KV_PRESENCE].bytes, HF_PRESENCE_HISTORY_BYTES_MAX - 1024,
                    HF_PRESENCE_HISTORY_BYTES_MAX + 1024);
    assert_int_equal(list(kv, "d", 0, 0), made - trimmed);
    assert_int_equal(offsets[0], made);
    hf_kv_close(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comings_and_goings_are_kept_the_newest_first),
        cmocka_unit_test(a_sweep_takes_what_is_too_old),
        cmocka_unit_test(a_sweep_takes_what_is_beyond_the_room_of_a_device),
        cmocka_unit_test(one_device_never_has_more_than_its_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
