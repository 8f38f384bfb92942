/* One test for both bodies of core/kv.h: what holds for one holds for the other. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/kvkey.h"
#include "store/lmdb/kv_lmdb.h"
#include "store/memory/kv_memory.h"

struct fixture {
    struct hf_kv *kv;
    bool lmdb;
    char dir[64];
};

static void store_open(struct fixture *f)
{
    const struct hf_kv_lmdb_options options = {.map_bytes = HF_KV_LMDB_MAP_BYTES_MIN};

    assert_int_equal(f->lmdb ? hf_kv_lmdb_open(f->dir, &options, &f->kv) : hf_kv_memory_open(&f->kv), HF_OK);
}

static int setup(struct fixture *f, bool lmdb)
{
    *f = (struct fixture){.lmdb = lmdb, .dir = "/tmp/hf_kv_test.XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    store_open(f);
    return 0;
}

static void remove_file(const struct fixture *f, const char *name)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    (void)unlink(path);
}

static int setup_memory(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return setup(*state, false);
}

static int setup_lmdb(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return setup(*state, true);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hf_kv_close(f->kv);
    remove_file(f, "data.mdb");
    remove_file(f, "lock.mdb");
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static void put(struct hf_kv_txn *txn, const char *key, const char *value)
{
    assert_int_equal(hf_kv_put(txn, HF_KV_DEVICES, hf_slice_of(key), hf_slice_of(value)), HF_OK);
}

static struct hf_kv_txn *begin(struct fixture *f, bool write)
{
    struct hf_kv_txn *txn;

    assert_int_equal(write ? hf_kv_write(f->kv, &txn) : hf_kv_read(f->kv, &txn), HF_OK);
    return txn;
}

static void expect(struct hf_kv_txn *txn, const char *key, const char *value)
{
    struct hf_slice got;
    hf_err err = hf_kv_get(txn, HF_KV_DEVICES, hf_slice_of(key), &got);

    assert_int_equal(err, value ? HF_OK : HF_ERR_NOT_FOUND);
    if (value)
        assert_true(hf_slice_is(got, value));
}

static void a_reader_keeps_its_snapshot(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *write = begin(f, true), *old, *read;

    put(write, "a", "1");
    put(write, "b", "");
    expect(write, "a", "1");
    assert_int_equal(hf_kv_commit(write, 5), HF_OK);
    assert_int_equal(hf_kv_applied_offset(f->kv), 5);
    old = begin(f, false);
    write = begin(f, true);
    put(write, "a", "2");
    assert_int_equal(hf_kv_del(write, HF_KV_DEVICES, HF_SLICE("b")), HF_OK);
    assert_int_equal(hf_kv_del(write, HF_KV_DEVICES, HF_SLICE("b")), HF_ERR_NOT_FOUND);
    expect(write, "b", NULL);
    expect(old, "b", "");
    assert_int_equal(hf_kv_commit(write, 9), HF_OK);
    expect(old, "a", "1");
    read = begin(f, false);
    expect(read, "a", "2");
    expect(read, "b", NULL);
    hf_kv_end(old);
    hf_kv_end(read);
    hf_kv_end(NULL);
    assert_int_equal(hf_kv_applied_offset(f->kv), 9);
}

static void tables_are_measured(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_stats stats;
    struct hf_kv_txn *write = begin(f, true);

    put(write, "a", "1");
    put(write, "b", "22");
    put(write, "b", "333");
    assert_int_equal(write->trimmed[HF_KV_DEVICES], 0);
    assert_int_equal(hf_kv_commit(write, 1), HF_OK);
    hf_kv_stats(f->kv, &stats);
    assert_int_equal(stats.tables[HF_KV_DEVICES].rows, 2);
    assert_true(stats.tables[HF_KV_DEVICES].bytes >= 6);
    assert_int_equal(stats.tables[HF_KV_OUTBOX].rows, 0);
    write = begin(f, true);
    assert_int_equal(hf_kv_del(write, HF_KV_DEVICES, HF_SLICE("a")), HF_OK);
    hf_kv_end(write); /* dropped */
    hf_kv_stats(f->kv, &stats);
    assert_int_equal(stats.tables[HF_KV_DEVICES].rows, 2);
    write = begin(f, true);
    assert_int_equal(hf_kv_del(write, HF_KV_DEVICES, HF_SLICE("a")), HF_OK);
    assert_int_equal(hf_kv_del(write, HF_KV_DEVICES, HF_SLICE("b")), HF_OK);
    assert_int_equal(hf_kv_commit(write, 2), HF_OK);
    hf_kv_stats(f->kv, &stats);
    assert_int_equal(stats.tables[HF_KV_DEVICES].rows, 0);
    assert_int_equal(stats.tables[HF_KV_DEVICES].bytes, 0);
}

static void what_is_not_committed_is_gone(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *txn = begin(f, true);
    struct hf_kv_stats stats;

    put(txn, "a", "1");
    hf_kv_end(txn);
    txn = begin(f, false);
    expect(txn, "a", NULL);
    hf_kv_end(txn);
    assert_int_equal(hf_kv_applied_offset(f->kv), 0);
    hf_kv_stats(f->kv, &stats);
    assert_int_equal(stats.commits_total, 0);
    assert_int_equal(stats.readers, 0);
}

static void tables_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *txn = begin(f, true);
    struct hf_slice value;

    for (int i = 1; i < HF_KV_TABLES; i++) {
        const char *name = hf_kv_table_name((enum hf_kv_table)i);

        assert_int_equal(hf_kv_put(txn, (enum hf_kv_table)i, HF_SLICE("k"), hf_slice_of(name)), HF_OK);
    }
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    txn = begin(f, false);
    for (int i = 1; i < HF_KV_TABLES; i++) {
        assert_int_equal(hf_kv_get(txn, (enum hf_kv_table)i, HF_SLICE("k"), &value), HF_OK);
        assert_true(hf_slice_is(value, hf_kv_table_name((enum hf_kv_table)i)));
    }
    hf_kv_end(txn);
}

static void keys_and_values_out_of_range_are_refused(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *txn = begin(f, true);
    struct hf_slice value;
    struct hf_kv_cursor cursor;
    char *large = calloc(1, HF_KV_VALUE_BYTES_MAX + 1);

    assert_int_equal(hf_kv_put(txn, HF_KV_DEVICES, HF_SLICE(""), HF_SLICE("x")), HF_ERR_INVALID);
    assert_int_equal(
        hf_kv_put(txn, HF_KV_DEVICES, (struct hf_slice){large, HF_KV_KEY_BYTES_MAX + 1}, HF_SLICE("x")),
        HF_ERR_INVALID);
    assert_int_equal(
        hf_kv_put(txn, HF_KV_DEVICES, HF_SLICE("k"), (struct hf_slice){large, HF_KV_VALUE_BYTES_MAX + 1}),
        HF_ERR_INVALID);
    assert_int_equal(hf_kv_get(txn, HF_KV_DEVICES, HF_SLICE(""), &value), HF_ERR_INVALID);
    assert_int_equal(hf_kv_del(txn, HF_KV_DEVICES, HF_SLICE("")), HF_ERR_INVALID);
    assert_int_equal(hf_kv_scan(txn, HF_KV_DEVICES, (struct hf_slice){large, HF_KV_KEY_BYTES_MAX + 1},
                                HF_SLICE(""), false, &cursor),
                     HF_ERR_INVALID);
    assert_int_equal(
        hf_kv_put(txn, HF_KV_DEVICES, (struct hf_slice){large, HF_KV_KEY_BYTES_MAX}, HF_SLICE("x")), HF_OK);
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    free(large);
}

static void too_many_readers_or_cursors_are_refused(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *txns[HF_KV_READERS_MAX], *more;
    struct hf_kv_cursor cursors[HF_KV_TXN_CURSORS_MAX + 1];
    struct hf_kv_stats stats;

    for (int i = 0; i < HF_KV_READERS_MAX; i++)
        txns[i] = begin(f, false);
    assert_int_equal(hf_kv_read(f->kv, &more), HF_ERR_LIMIT);
    hf_kv_stats(f->kv, &stats);
    assert_int_equal(stats.readers, HF_KV_READERS_MAX);
    assert_int_equal(stats.readers_refused_total, 1);
    for (int i = 0; i <= HF_KV_TXN_CURSORS_MAX; i++)
        assert_int_equal(hf_kv_scan(txns[0], HF_KV_KEYS, HF_SLICE(""), HF_SLICE(""), false, &cursors[i]),
                         i < HF_KV_TXN_CURSORS_MAX ? HF_OK : HF_ERR_LIMIT);
    hf_kv_scan_end(&cursors[0]);
    hf_kv_scan_end(&cursors[0]);
    assert_int_equal(hf_kv_scan(txns[0], HF_KV_KEYS, HF_SLICE(""), HF_SLICE(""), false, &cursors[0]), HF_OK);
    for (int i = 0; i < HF_KV_READERS_MAX; i++)
        hf_kv_end(txns[i]);
}

static void a_walk_gives_what_the_prefix_holds(void **state)
{
    static const char *const keys[] = {"a",     "b",         "ba", "baa",  "bab",     "bb",
                                       "b\xff", "b\xff\xff", "c",  "\xff", "\xff\xff"};
    static const struct {
        const char *prefix, *from;
        bool backward;
        const char *want; /* indexes of keys */
    } rows[] = {
        {"", "", false, "0123456789:"},
        {"", "", true, ":9876543210"},
        {"b", "", false, "1234567"},
        {"b", "", true, "7654321"},
        {"ba", "", false, "234"},
        {"ba", "", true, "432"},
        {"b", "bab", false, "4567"},
        {"b", "bab", true, "4321"},
        {"b", "bac", false, "567"},
        {"b", "bac", true, "4321"},
        {"b", "a", false, "1234567"},
        {"b", "a", true, ""},
        {"b", "c", false, ""},
        {"b", "c", true, "7654321"},
        {"ba", "b", false, "234"},
        {"ba", "b", true, ""},
        {"ba", "bb", true, "432"},
        {"\xff", "", false, "9:"},
        {"\xff", "", true, ":9"},
        {"b\xff", "", true, "76"},
        {"\xff\xff", "", true, ":"},
        {"\xff\xff\xff", "", true, ""},
        {"x", "", false, ""},
        {"x", "", true, ""},
        {"", "b", false, "123456789:"},
        {"", "b", true, "10"},
        {"", "0", true, ""},
        {"", "\xff\xff\xff", false, ""},
        {"", "\xff\xff\xff", true, ":9876543210"},
    };
    struct fixture *f = *state;
    struct hf_kv_txn *txn = begin(f, true);

    for (size_t i = 0; i < HF_COUNT_OF(keys); i++)
        put(txn, keys[HF_COUNT_OF(keys) - 1 - i], "v");
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    for (int write = 0; write < 2; write++) { /* inside a write transaction the walk is another code */
        txn = begin(f, write == 1);
        for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
            struct hf_kv_cursor cursor;
            struct hf_slice key, value;
            const char *want = rows[i].want;

            assert_int_equal(hf_kv_scan(txn, HF_KV_DEVICES, hf_slice_of(rows[i].prefix),
                                        hf_slice_of(rows[i].from), rows[i].backward, &cursor),
                             HF_OK);
            for (; *want; want++) {
                assert_int_equal(hf_kv_next(&cursor, &key, &value), HF_OK);
                assert_true(hf_slice_is(key, keys[*want - '0']));
                assert_true(hf_slice_is(value, "v"));
            }
            assert_int_equal(hf_kv_next(&cursor, &key, &value), HF_ERR_NOT_FOUND);
            assert_int_equal(hf_kv_next(&cursor, &key, &value), HF_ERR_NOT_FOUND);
            hf_kv_scan_end(&cursor);
        }
        hf_kv_end(txn);
    }
}

static void a_walk_may_delete_what_it_meets(void **state)
{
    struct fixture *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct hf_kv_txn *txn = begin(f, true);
        struct hf_kv_cursor cursor;
        struct hf_slice key, value;
        struct hf_kvkey name;
        int met = 0;

        for (uint64_t i = 0; i < 1000; i++) {
            assert_int_equal(hf_kvkey_device_u64(&name, HF_SLICE("t"), HF_SLICE("d"), i), HF_OK);
            assert_int_equal(hf_kv_put(txn, HF_KV_OUTBOX, hf_kvkey_slice(&name), HF_SLICE("x")), HF_OK);
        }
        assert_int_equal(hf_kv_scan(txn, HF_KV_OUTBOX, HF_SLICE("t"), HF_SLICE(""), backward, &cursor),
                         HF_OK);
        while (hf_kv_next(&cursor, &key, &value) == HF_OK) {
            char copy[HF_KV_KEY_BYTES_MAX];
            size_t bytes = key.bytes;

            memcpy(copy, key.at, bytes);
            assert_int_equal(hf_kv_del(txn, HF_KV_OUTBOX, (struct hf_slice){copy, bytes}), HF_OK);
            met++;
        }
        assert_int_equal(met, 1000);
        hf_kv_scan_end(&cursor);
        assert_int_equal(hf_kv_commit(txn, (uint64_t)backward + 1), HF_OK);
    }
}

/* Many changes against a plain array, with restarts of LMDB between. */
static void agrees_with_a_plain_array(void **state)
{
    enum { NAMES = 512, ROUNDS = 200, CHANGES = 100 };
    static uint32_t model[NAMES]; /* 0 = absent */
    struct fixture *f = *state;
    struct hf_rng rng;

    hf_rng_seed(&rng, 7);
    memset(model, 0, sizeof(model));
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct hf_kv_txn *txn = begin(f, true);
        bool keep = hf_rng_below(&rng, 4) != 0;
        uint32_t before[NAMES];
        char key[8], text[16];

        memcpy(before, model, sizeof(before));
        for (int i = 0; i < CHANGES; i++) {
            uint32_t n = (uint32_t)hf_rng_below(&rng, NAMES);

            snprintf(key, sizeof(key), "%u", n);
            if (hf_rng_below(&rng, 3) == 0) {
                assert_int_equal(hf_kv_del(txn, HF_KV_DEVICES, hf_slice_of(key)),
                                 model[n] ? HF_OK : HF_ERR_NOT_FOUND);
                model[n] = 0;
            } else {
                model[n] = 1 + (uint32_t)hf_rng_below(&rng, 1000000);
                snprintf(text, sizeof(text), "%u", model[n]);
                put(txn, key, text);
            }
        }
        if (keep) {
            assert_int_equal(hf_kv_commit(txn, round), HF_OK);
        } else {
            hf_kv_end(txn);
            memcpy(model, before, sizeof(before));
        }
        if (f->lmdb && round % 50 == 0) {
            uint64_t applied = hf_kv_applied_offset(f->kv);

            hf_kv_close(f->kv);
            store_open(f);
            assert_int_equal(hf_kv_applied_offset(f->kv), applied);
        }
        txn = begin(f, false);
        for (uint32_t n = 0; n < NAMES; n++) {
            snprintf(key, sizeof(key), "%u", n);
            snprintf(text, sizeof(text), "%u", model[n]);
            expect(txn, key, model[n] ? text : NULL);
        }
        hf_kv_end(txn);
    }
}

/* Two keys always change together; nobody ever sees them differ, also while the map grows. */
struct reading {
    struct fixture *f;
    _Atomic bool *done;
};

static void *read_on(void *context)
{
    struct reading *reading = context;
    struct hf_kv_txn *txn;
    struct hf_slice a, b;
    uint64_t last = 0;

    while (!atomic_load(reading->done)) {
        hf_err err = hf_kv_read(reading->f->kv, &txn);

        HF_ASSERT(err == HF_OK);
        if (hf_kv_get(txn, HF_KV_DEVICES, HF_SLICE("a"), &a) == HF_OK) {
            uint64_t number = hf_kvkey_u64_read(a.at);

            HF_ASSERT(hf_kv_get(txn, HF_KV_DEVICES, HF_SLICE("b"), &b) == HF_OK);
            HF_ASSERT(number == hf_kvkey_u64_read(b.at) && number >= last);
            last = number;
        }
        hf_kv_end(txn);
        (void)hf_kv_applied_offset(reading->f->kv);
    }
    return NULL;
}

static void readers_see_whole_commits(void **state)
{
    enum { READERS = 3, COMMITS = 400, FILL_BYTES = 16 << 10 };
    struct fixture *f = *state;
    _Atomic bool done = false;
    struct reading reading = {f, &done};
    pthread_t readers[READERS];
    char *fill = calloc(1, FILL_BYTES);

    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &reading), 0);
    for (uint64_t n = 1; n <= COMMITS;) {
        struct hf_kv_txn *txn;
        struct hf_kvkey key;
        char number[8];
        hf_err err = hf_kv_write(f->kv, &txn);

        if (err == HF_ERR_AGAIN)
            continue;
        assert_int_equal(err, HF_OK);
        hf_kvkey_u64_write(number, n);
        assert_int_equal(hf_kvkey_device_u64(&key, HF_SLICE("t"), HF_SLICE("d"), n), HF_OK);
        err = hf_kv_put(txn, HF_KV_DEVICES, HF_SLICE("a"), (struct hf_slice){number, 8});
        if (err == HF_OK)
            err = hf_kv_put(txn, HF_KV_OUTBOX, hf_kvkey_slice(&key), (struct hf_slice){fill, FILL_BYTES});
        if (err == HF_OK)
            err = hf_kv_put(txn, HF_KV_DEVICES, HF_SLICE("b"), (struct hf_slice){number, 8});
        if (err == HF_OK)
            err = hf_kv_commit(txn, n);
        else
            hf_kv_end(txn);
        assert_true(err == HF_OK || err == HF_ERR_AGAIN);
        n += err == HF_OK;
    }
    atomic_store(&done, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(hf_kv_applied_offset(f->kv), COMMITS);
    free(fill);
}

static void a_power_cut_takes_back_one_commit_at_most(void **state)
{
    struct fixture *f = *state;
    struct hf_kv_txn *txn;

    for (uint64_t n = 1; n <= 3; n++) {
        txn = begin(f, true);
        put(txn, "a", n == 1 ? "1" : n == 2 ? "2" : "3");
        assert_int_equal(hf_kv_commit(txn, n * 10), HF_OK);
    }
    hf_kv_memory_power_cut(f->kv, 0);
    assert_int_equal(hf_kv_applied_offset(f->kv), 30);
    hf_kv_memory_power_cut(f->kv, 1);
    assert_int_equal(hf_kv_applied_offset(f->kv), 20);
    txn = begin(f, false);
    expect(txn, "a", "2");
    hf_kv_end(txn);
    txn = begin(f, true);
    put(txn, "a", "4");
    assert_int_equal(hf_kv_commit(txn, 40), HF_OK);
    assert_int_equal(hf_kv_applied_offset(f->kv), 40);
}

#define BOTH(test)                                           \
    {#test " (memory)", test, setup_memory, teardown, NULL}, \
    {                                                        \
#test " (lmdb)", test, setup_lmdb, teardown, NULL    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_reader_keeps_its_snapshot),
        BOTH(tables_are_measured),
        BOTH(what_is_not_committed_is_gone),
        BOTH(tables_do_not_mix),
        BOTH(keys_and_values_out_of_range_are_refused),
        BOTH(too_many_readers_or_cursors_are_refused),
        BOTH(a_walk_gives_what_the_prefix_holds),
        BOTH(a_walk_may_delete_what_it_meets),
        BOTH(agrees_with_a_plain_array),
        BOTH(readers_see_whole_commits),
        cmocka_unit_test_setup_teardown(a_power_cut_takes_back_one_commit_at_most, setup_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
