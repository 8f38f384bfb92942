/* Gathered positions give the same rows as one message at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/kvkey.h"
#include "core/positions.h"
#include "core/projection.h"
#include "core/rows.h"
#include "core/session_record.h"
#include "store/memory/kv_memory.h"

enum { DEVICES = 5000, QUEUES = 3 }; /* more devices than slots: some share one */

struct world {
    struct hf_kv *kv;
    struct hf_positions *positions; /* NULL: one at a time */
};

static void apply(struct world *world, struct hf_kv_txn *txn, const struct hf_event *event)
{
    bool taken = false;

    if (world->positions != NULL)
        assert_int_equal(hf_positions_take(world->positions, txn, event, &taken), HF_OK);
    if (!taken)
        assert_int_equal(hf_projection_apply(txn, event), HF_OK);
}

/* The same history for both: connects with a queue, messages of that queue, now and then one of an older queue. */
static void live(struct world *world, uint64_t seed)
{
    static struct {
        uint64_t queue, seq, epoch;
    } devices[DEVICES];
    uint64_t offset = 0;
    struct hf_rng rng;

    memset(devices, 0, sizeof(devices));
    hf_rng_seed(&rng, seed);
    for (unsigned batch = 0; batch < 40; batch++) {
        struct hf_kv_txn *txn;

        assert_int_equal(hf_kv_write(world->kv, &txn), HF_OK);
        for (unsigned i = 0; i < 300; i++) {
            unsigned d = (unsigned)hf_rng_below(&rng, DEVICES);
            char name[16];
            uint8_t record[HF_SESSION_RECORD_BYTES];
            struct hf_event event = {.tenant = HF_SLICE("acme")};

            event.offset = event.time_ms = ++offset;
            if (hf_rng_below(&rng, 4) > 0)
                d %= 20; /* most of the traffic is of a few */
            event.device = (struct hf_slice){name, (size_t)snprintf(name, sizeof(name), "d%u", d)};
            if (devices[d].queue == 0 || hf_rng_below(&rng, 20) == 0) {
                uint64_t queue = 1 + hf_rng_below(&rng, QUEUES);

                if (queue != devices[d].queue)
                    devices[d].seq = hf_rng_below(&rng, 100);
                devices[d].queue = queue;
                hf_session_record_encode(
                    &(struct hf_session_record){.queue_id = queue, .uplink = devices[d].seq}, record);
                event.type = HF_EVENT_ONLINE;
                event.epoch = ++devices[d].epoch;
                event.payload = (struct hf_slice){(const char *)record, sizeof(record)};
            } else {
                event.type = HF_EVENT_MESSAGE;
                event.epoch = devices[d].epoch;
                event.from = hf_rng_below(&rng, 10) == 0 ? QUEUES + 1 : devices[d].queue;
                event.seq = ++devices[d].seq;
                event.id[3] = (uint8_t)(event.seq % 7); /* 0 now and then: none */
            }
            apply(world, txn, &event);
        }
        if (world->positions != NULL)
            assert_int_equal(hf_positions_flush(world->positions, txn), HF_OK);
        assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
    }
}

static void the_rows_are_the_same(void **state)
{
    struct world one = {0}, many = {.positions = hf_positions_new()};
    unsigned compared = 0;

    (void)state;
    assert_non_null(many.positions);
    assert_int_equal(hf_kv_memory_open(&one.kv), HF_OK);
    assert_int_equal(hf_kv_memory_open(&many.kv), HF_OK);
    live(&one, 7);
    live(&many, 7);
    struct hf_kv_txn *a, *b;
    assert_int_equal(hf_kv_read(one.kv, &a), HF_OK);
    assert_int_equal(hf_kv_read(many.kv, &b), HF_OK);
    for (unsigned d = 0; d < DEVICES; d++) {
        struct hf_slice left, right;
        struct hf_kvkey key;
        char name[16];

        assert_int_equal(
            hf_kvkey_device(&key, HF_SLICE("acme"),
                            (struct hf_slice){name, (size_t)snprintf(name, sizeof(name), "d%u", d)}),
            HF_OK);
        if (hf_kv_get(a, HF_KV_DEVICES, hf_kvkey_slice(&key), &left) != HF_OK)
            continue;
        assert_int_equal(hf_kv_get(b, HF_KV_DEVICES, hf_kvkey_slice(&key), &right), HF_OK);
        assert_true(hf_slice_eq(left, right));
        compared++;
    }
    assert_true(compared > HF_POSITIONS_SLOTS / 2);
    hf_kv_end(a);
    hf_kv_end(b);
    hf_positions_free(many.positions);
    hf_kv_close(one.kv);
    hf_kv_close(many.kv);
}

static void what_is_forgotten_is_not_written(void **state)
{
    struct hf_positions *positions = hf_positions_new();
    struct hf_event event = {.type = HF_EVENT_MESSAGE,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE("d"),
                             .from = 7,
                             .seq = 3,
                             .offset = 1};
    struct hf_kv_txn *txn;
    struct hf_kv *kv;
    struct hf_slice value;
    struct hf_kvkey key;
    bool taken = false;

    (void)state;
    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_positions_take(positions, txn, &event, &taken), HF_OK);
    assert_true(taken);
    hf_positions_forget(positions);
    assert_int_equal(hf_positions_flush(positions, txn), HF_OK);
    assert_int_equal(hf_kvkey_device(&key, HF_SLICE("acme"), HF_SLICE("d")), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value), HF_ERR_NOT_FOUND);
    event.from = 0; /* raw mode has no position */
    assert_int_equal(hf_positions_take(positions, txn, &event, &taken), HF_OK);
    assert_false(taken);
    hf_kv_end(txn);
    hf_positions_free(positions);
    hf_kv_close(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_the_same),
        cmocka_unit_test(what_is_forgotten_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
