/* Memory runs out at every allocation: the transaction says so, and what was committed stays (MEM-5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "store/memory/kv_memory.h"
#include "support/alloc_fail.h"

static hf_err change(struct hf_kv *kv, uint64_t applied_offset)
{
    struct hf_kv_txn *txn, *read;
    struct hf_slice value;
    hf_err err = hf_kv_read(kv, &read); /* keeps the old version, so that every change copies */

    if (err != HF_OK)
        return err;
    err = hf_kv_write(kv, &txn);
    if (err != HF_OK) {
        hf_kv_end(read);
        return err;
    }
    for (int i = 0; i < 20 && err == HF_OK; i++) {
        char key[8];

        snprintf(key, sizeof(key), "%d", i * 7 % 20);
        if (applied_offset == 2 && i % 3 == 0)
            err = hf_kv_del(txn, HF_KV_DEVICES, hf_slice_of(key));
        else
            err = hf_kv_put(txn, HF_KV_DEVICES, hf_slice_of(key), HF_SLICE("value"));
    }
    if (err != HF_OK) {
        HF_ASSERT(hf_kv_get(txn, HF_KV_DEVICES, HF_SLICE("1"), &value) == err); /* spoiled */
        HF_ASSERT(hf_kv_commit(txn, applied_offset) == err);
    } else {
        err = hf_kv_commit(txn, applied_offset);
    }
    hf_kv_end(read);
    return err;
}

static hf_err life_of_a_store(void *context)
{
    struct hf_kv *kv;
    struct hf_kv_stats stats;
    hf_err err = hf_kv_memory_open(&kv);

    (void)context;
    if (err != HF_OK)
        return err;
    err = change(kv, 1);
    if (err == HF_OK)
        err = change(kv, 2);
    hf_kv_stats(kv, &stats);
    HF_ASSERT(stats.applied_offset == stats.commits_total);
    hf_kv_close(kv);
    return err;
}

static void memory_may_end_anywhere(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life_of_a_store, NULL, 1000) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_end_anywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
