/* What only LMDB can do: fill its map, grow it, and be opened on something that is not a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "store/lmdb/kv_lmdb.h"

enum { VALUE_BYTES = 64 << 10 };

static char dir[64];
static char value_bytes[VALUE_BYTES];
static const struct hf_slice value = {value_bytes, VALUE_BYTES};

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hf_kv_lmdb.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[96];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static struct hf_kv *store_open(uint64_t map_bytes, uint64_t map_bytes_max)
{
    struct hf_kv *kv;

    assert_int_equal(hf_kv_lmdb_open(dir, &(struct hf_kv_lmdb_options){map_bytes, map_bytes_max, 1}, &kv),
                     HF_OK);
    return kv;
}

static hf_err put(struct hf_kv_txn *txn, int number)
{
    char key[16];

    snprintf(key, sizeof(key), "%08d", number);
    return hf_kv_put(txn, HF_KV_OUTBOX, hf_slice_of(key), value);
}

static void the_map_grows_before_it_is_full(void **state)
{
    struct hf_kv *kv = store_open(HF_KV_LMDB_MAP_BYTES_MIN, 0);
    struct hf_kv_txn *txn;
    struct hf_kv_stats stats;

    (void)state;
    for (int i = 0; i < 200; i++) { /* 13 MB through a map of 1 MiB, never an error */
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(put(txn, i), HF_OK);
        assert_int_equal(hf_kv_commit(txn, (uint64_t)i + 1), HF_OK);
    }
    hf_kv_stats(kv, &stats);
    assert_true(stats.grows_total >= 4);
    assert_true(stats.bytes_used > 200 * VALUE_BYTES);
    assert_true(stats.bytes_max > stats.bytes_used);
    hf_kv_close(kv);
    kv = store_open(0, 0);
    assert_int_equal(hf_kv_applied_offset(kv), 200);
    hf_kv_close(kv);
}

/* One transaction larger than the map: it says AGAIN, nothing is changed, and after enough growth it goes. */
static void a_full_map_asks_to_apply_again(void **state)
{
    struct hf_kv *kv = store_open(HF_KV_LMDB_MAP_BYTES_MIN, 0);
    struct hf_kv_txn *txn;
    struct hf_slice got;
    int tries = 0;
    hf_err err;

    (void)state;
    do {
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        err = HF_OK;
        for (int i = 0; i < 100 && err == HF_OK; i++)
            err = put(txn, i);
        if (err != HF_OK) {
            assert_int_equal(err, HF_ERR_AGAIN);
            assert_int_equal(put(txn, 0), HF_ERR_AGAIN); /* spoiled */
            assert_int_equal(hf_kv_get(txn, HF_KV_OUTBOX, HF_SLICE("00000000"), &got), HF_ERR_AGAIN);
            assert_int_equal(hf_kv_commit(txn, 1), HF_ERR_AGAIN);
            assert_int_equal(hf_kv_applied_offset(kv), 0);
        }
    } while (err != HF_OK && ++tries < 10);
    assert_in_range(tries, 1, 5);
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    hf_kv_close(kv);
}

static void readers_in_the_way_of_growth_delay_it_and_no_more(void **state)
{
    struct hf_kv *kv = store_open(HF_KV_LMDB_MAP_BYTES_MIN, 0);
    struct hf_kv_txn *read, *txn;
    hf_err err = HF_OK;

    (void)state;
    assert_int_equal(hf_kv_read(kv, &read), HF_OK);
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    for (int i = 0; err == HF_OK; i++)
        err = put(txn, i);
    assert_int_equal(err, HF_ERR_AGAIN);
    hf_kv_end(txn);
    assert_int_equal(hf_kv_write(kv, &txn), HF_ERR_AGAIN); /* after gate_ms */
    hf_kv_end(read);
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    hf_kv_end(txn);
    assert_int_equal(hf_kv_read(kv, &read), HF_OK);
    hf_kv_end(read);
    hf_kv_close(kv);
}

static void at_its_maximum_the_map_is_full(void **state)
{
    struct hf_kv *kv = store_open(HF_KV_LMDB_MAP_BYTES_MIN, 2 * HF_KV_LMDB_MAP_BYTES_MIN);
    struct hf_kv_txn *txn;
    struct hf_slice got;
    struct hf_kv_stats stats;
    hf_err err;
    int kept = 0;

    (void)state;
    do {
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        err = put(txn, kept);
        if (err == HF_OK)
            err = hf_kv_commit(txn, (uint64_t)kept + 1);
        else
            hf_kv_end(txn);
        kept += err == HF_OK;
    } while (err == HF_OK);
    assert_int_equal(err, HF_ERR_FULL);
    assert_true(kept > 10);
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK); /* deleting makes room */
    for (int i = 0; i < kept / 2; i++) {
        char key[16];

        snprintf(key, sizeof(key), "%08d", i);
        assert_int_equal(hf_kv_del(txn, HF_KV_OUTBOX, hf_slice_of(key)), HF_OK);
    }
    assert_int_equal(hf_kv_commit(txn, (uint64_t)kept + 1), HF_OK);
    for (int i = 0; i < 2; i++) { /* pages freed by one commit are used by the next but one */
        assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
        assert_int_equal(hf_kv_commit(txn, (uint64_t)kept + 2), HF_OK);
    }
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(put(txn, 0), HF_OK);
    assert_int_equal(hf_kv_get(txn, HF_KV_OUTBOX, HF_SLICE("00000000"), &got), HF_OK);
    assert_int_equal(got.bytes, VALUE_BYTES);
    assert_int_equal(hf_kv_commit(txn, (uint64_t)kept + 3), HF_OK);
    hf_kv_stats(kv, &stats);
    assert_int_equal(stats.bytes_max, 2 * HF_KV_LMDB_MAP_BYTES_MIN);
    hf_kv_close(kv);
}

static void what_is_not_a_store_is_refused(void **state)
{
    struct hf_kv *kv;
    char path[96];
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    file = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputs("no store ", file);
    fclose(file);
    assert_int_equal(hf_kv_lmdb_open(dir, NULL, &kv), HF_ERR_CORRUPT);
    assert_int_equal(hf_kv_lmdb_open("/tmp/hf_kv_no/such", NULL, &kv), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_kv_lmdb_open(dir, &(struct hf_kv_lmdb_options){4096, 0, 0}, &kv), HF_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_map_grows_before_it_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_map_asks_to_apply_again, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_in_the_way_of_growth_delay_it_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(at_its_maximum_the_map_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_a_store_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
