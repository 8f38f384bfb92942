/* MEM-5: whatever allocation fails while a list is applied, the list that was there before is there, whole; and applied again it is the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/channels.h"
#include "core/projection.h"
#include "store/memory/kv_memory.h"
#include "support/alloc_fail.h"

static const struct {
    const char *step, *payload;
    uint64_t list, to;
} events[] = {
    {"part", "[{\"device_id\":\"1\"},{\"device_id\":\"2\"}]", 7, 0},
    {"commit", "{}", 7, 2},
    {"part", "[{\"device_id\":\"2\"},{\"device_id\":\"3\"},{\"device_id\":\"4\"}]", 8, 0},
    {"commit", "{}", 8, 3},
    {"change", "[{\"device_id\":\"5\",\"event\":\"ADD\"},{\"device_id\":\"2\",\"event\":\"DEL\"}]", 0, 0},
};
static const unsigned counts[] = {0, 0, 2, 2, 3, 3}; /* before each, and at the end */

static hf_err apply(struct hf_kv *kv, unsigned index)
{
    struct hf_event event = {.type = HF_EVENT_CHANNELS,
                             .offset = index + 1,
                             .seq = events[index].list,
                             .to = events[index].to,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE("d"),
                             .key = hf_slice_of(events[index].step),
                             .payload = hf_slice_of(events[index].payload)};
    struct hf_kv_txn *txn;
    hf_err err = hf_kv_write(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_projection_apply(txn, &event);
    if (err == HF_OK)
        return hf_kv_commit(txn, event.offset);
    hf_kv_end(txn);
    return err;
}

/* False: memory ran out. */
static bool looks(struct hf_kv *kv, unsigned want)
{
    struct hf_catalog_row catalog = {0};
    struct hf_channel_row row;
    struct hf_channel_key prefix;
    struct hf_kv_cursor cursor;
    struct hf_slice id, none = {NULL, 0};
    struct hf_kv_txn *txn;
    unsigned count = 0;

    if (hf_kv_read(kv, &txn) != HF_OK)
        return false;
    hf_err err = hf_catalog_get(txn, HF_SLICE("acme"), HF_SLICE("d"), &catalog);
    HF_ASSERT(err == HF_OK || err == HF_ERR_NOT_FOUND);
    HF_ASSERT(hf_channel_key(&prefix, HF_SLICE("acme"), HF_SLICE("d"), catalog.generation, none) == HF_OK);
    err = hf_channels_scan(txn, &prefix, none, &cursor);
    while (err == HF_OK && (err = hf_channels_next(&cursor, &prefix, &id, &row)) == HF_OK)
        count++;
    if (err == HF_ERR_NOT_FOUND && (count != want || catalog.count != want))
        fail_msg("%u channels, not %u", count, want);
    hf_kv_end(txn);
    return true;
}

static hf_err life(void *context)
{
    struct hf_kv *kv;
    hf_err err = hf_kv_memory_open(&kv), worst = err;

    (void)context;
    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < HF_COUNT_OF(events); i++) {
        err = apply(kv, i);
        if (err != HF_OK) {
            worst = err;
            (void)looks(kv, counts[i]);
            HF_ASSERT(apply(kv, i) == HF_OK); /* only one allocation fails */
        }
        (void)looks(kv, counts[i + 1]);
    }
    hf_kv_close(kv);
    return worst;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life, NULL, 1000) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_end_anywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
