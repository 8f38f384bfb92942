/* MEM-5: whatever allocation fails while an entry is written, made room for, read or swept, the transaction fails as a whole, and once more it works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/audit_rows.h"
#include "store/memory/kv_memory.h"
#include "support/alloc_fail.h"

enum { EVENTS = 12, ROOM = 400, KEPT_MAX = ROOM / 60 };

static hf_err apply(struct hf_kv *kv, uint64_t offset)
{
    struct hf_event event = {.type = HF_EVENT_AUDIT,
                             .offset = offset,
                             .time_ms = offset,
                             .tenant = HF_SLICE("acme"),
                             .topic = HF_SLICE("revoke"),
                             .payload = HF_SLICE("{\"device\":\"d\"}")};
    struct hf_kv_txn *txn;
    hf_err err = hf_kv_write(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_audit_rows_apply(txn, &event, ROOM);
    if (err == HF_OK)
        return hf_kv_commit(txn, offset);
    hf_kv_end(txn);
    return err;
}

/* The newest is there, and none twice. Memory may run out meanwhile. */
static hf_err looks(struct hf_kv *kv, uint64_t newest)
{
    struct hf_audit_walk walk;
    struct hf_event event;
    struct hf_kv_txn *txn;
    uint64_t expected = newest;
    hf_err err = hf_kv_read(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_audit_walk_begin(&walk, txn, HF_SLICE("acme"), 0, 0);
    if (err == HF_OK) {
        while ((err = hf_audit_walk_next(&walk, &event)) == HF_OK)
            HF_ASSERT(event.offset == expected--);
        HF_ASSERT(err != HF_ERR_NOT_FOUND || (newest == 0) == (expected == newest));
        HF_ASSERT(newest - expected <= KEPT_MAX);
        hf_audit_walk_end(&walk);
    }
    hf_kv_end(txn);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err sweep(struct hf_kv *kv)
{
    const struct hf_sweep_ages ages = {.audit_history_ms = 2, .audit_history_bytes = ROOM};
    struct hf_sweep at = {0};
    struct hf_kv_txn *txn;
    uint64_t deleted;
    hf_err err = hf_kv_write(kv, &txn);

    if (err != HF_OK)
        return err;
    err = hf_audit_rows_sweep(txn, &at, EVENTS, &ages, &deleted);
    if (err == HF_OK)
        return hf_kv_commit(txn, EVENTS);
    hf_kv_end(txn);
    return err;
}

static hf_err life(void *context)
{
    struct hf_kv *kv;
    hf_err err = hf_kv_memory_open(&kv), worst = err;

    (void)context;
    if (err != HF_OK)
        return err;
    for (uint64_t offset = 1; offset <= EVENTS; offset++) {
        err = apply(kv, offset);
        if (err != HF_OK) {
            worst = err;
            HF_ASSERT(looks(kv, offset - 1) == HF_OK); /* only one allocation fails */
            HF_ASSERT(apply(kv, offset) == HF_OK);
        }
        err = looks(kv, offset);
        worst = err != HF_OK ? err : worst;
    }
    err = sweep(kv);
    if (err != HF_OK) {
        worst = err;
        HF_ASSERT(sweep(kv) == HF_OK);
    }
    err = looks(kv, EVENTS);
    hf_kv_close(kv);
    return err != HF_OK ? err : worst;
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
