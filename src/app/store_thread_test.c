/* The tables follow the log: alive as after a crash, through a map that has to grow, and over a hole. */
#include "app/store_thread.h"

#include "app/threads_testkit.h"
#include "core/kvkey.h"
#include "store/memory/kv_memory.h"

static struct kit kit;

struct growing { /* a store whose map is full at the n-th commit */
    struct hf_kv_ops ops;
    const struct hf_kv_ops *real;
    unsigned full; /* the next so many commits fail */
    unsigned commits;
};
static struct growing growing;

static hf_err growing_commit(struct hf_kv_txn *txn, uint64_t applied_offset)
{
    txn->ops = growing.real;
    growing.commits++;
    if (growing.full > 0) {
        growing.full--;
        hf_kv_end(txn);
        return HF_ERR_AGAIN;
    }
    return hf_kv_commit(txn, applied_offset);
}

static hf_err growing_begin(struct hf_kv *kv, bool write, struct hf_kv_txn **ret_txn)
{
    hf_err err = growing.real->begin(kv, write, ret_txn);

    if (err == HF_OK && write)
        (*ret_txn)->ops = &growing.ops;
    return err;
}

static struct hf_kv *open_kv(unsigned full)
{
    struct hf_kv *kv = NULL;

    assert_int_equal(hf_kv_memory_open(&kv), HF_OK);
    growing = (struct growing){.ops = *kv->ops, .real = kv->ops, .full = full};
    growing.ops.commit = growing_commit;
    growing.ops.begin = growing_begin;
    kv->ops = &growing.ops;
    return kv;
}

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static void on_applied(void *context)
{
    hf_inbox_wake(context);
}

static struct hf_store_thread store_of(struct hf_kv *kv)
{
    return (struct hf_store_thread){
        .log = kit.log,
        .kv = kv,
        .logger = &kit.logger,
        .ages = {.idempotency_ms = 3600000, .shadow_history_ms = 3600000, .audit_history_bytes = 1 << 20},
        .on_applied = on_applied,
        .context = kit.inbox};
}

/* What many devices do: come, say much, go; messages wait for them. */
static void write_events(unsigned from, unsigned count)
{
    char device[16];

    for (unsigned i = from; i < from + count; i++) {
        snprintf(device, sizeof(device), "d%u", i % 7);
        struct hf_event online = {.type = HF_EVENT_ONLINE,
                                  .tenant = HF_SLICE("acme"),
                                  .device = hf_slice_of(device),
                                  .epoch = i,
                                  .conn = i,
                                  .to = 1};
        struct hf_event message = kit_message(device, "t", "21");
        struct hf_event queued = {.type = HF_EVENT_QUEUED,
                                  .tenant = HF_SLICE("acme"),
                                  .device = hf_slice_of(device),
                                  .seq = i + 1,
                                  .id = {1, (uint8_t)i, (uint8_t)(i >> 8)},
                                  .payload = HF_SLICE("x")};
        struct hf_event revoked = {
            .type = HF_EVENT_REVOKED, .tenant = HF_SLICE("acme"), .key = hf_slice_of(device)};

        kit_write(&kit, &online, 1);
        kit_write(&kit, &message, 3);
        kit_write(&kit, &queued, 1);
        kit_write(&kit, &revoked, 1);
    }
}

static uint64_t contents(struct hf_kv *kv,
                         unsigned *ret_rows) /* a hash over every row of every table but the store's own */
{
    struct hf_kv_txn *txn = NULL;
    uint64_t hash = 1469598103934665603u;

    *ret_rows = 0;
    assert_int_equal(hf_kv_read(kv, &txn), HF_OK);
    for (int table = HF_KV_META + 1; table < HF_KV_TABLES; table++) {
        struct hf_slice none = {NULL, 0}, key, value;
        struct hf_kv_cursor cursor;

        if (hf_kv_scan(txn, (enum hf_kv_table)table, none, none, false, &cursor) != HF_OK)
            continue;
        while (hf_kv_next(&cursor, &key, &value) == HF_OK) {
            ++*ret_rows;
            for (size_t i = 0; i < key.bytes; i++)
                hash = (hash ^ (uint8_t)key.at[i]) * 1099511628211u;
            for (size_t i = 0; i < value.bytes; i++)
                hash = (hash ^ (uint8_t)value.at[i]) * 1099511628211u;
        }
        hf_kv_scan_end(&cursor);
    }
    hf_kv_end(txn);
    return hash;
}

static void replay_equals_live_application(void **state)
{
    struct hf_kv *live_kv = open_kv(0), *replayed_kv = NULL;
    struct hf_store_thread live = store_of(live_kv);
    uint64_t events = 0;
    unsigned live_rows, replayed_rows;

    (void)state;
    write_events(0, 5);
    assert_int_equal(hf_store_thread_replay(&live, &events), HF_OK);
    assert_int_equal(events, 15); /* messages change no table */
    assert_int_equal(atomic_load(&live.applied), 30);
    assert_int_equal(hf_store_thread_start(&live), HF_OK);
    for (unsigned i = 1; i < 20; i++) {
        write_events(5 * i, 5);
        hf_store_thread_wake(&live);
        if (i % 5 == 0)
            while (atomic_load(&live.applied) < hf_log_durable_through(kit.log))
                (void)hf_inbox_wait(kit.inbox, KIT_WAIT_MS);
    }
    hf_store_thread_stop(&live); /* applies what is durable first */
    assert_int_equal(atomic_load(&live.applied), 600);
    uint64_t hash = contents(live_kv, &live_rows);
    assert_true(live_rows > 200);
    hf_kv_close(live_kv);
    replayed_kv = open_kv(0);
    struct hf_store_thread replayed = store_of(replayed_kv);
    assert_int_equal(hf_store_thread_replay(&replayed, &events), HF_OK);
    assert_int_equal(events, 300);
    assert_int_equal(contents(replayed_kv, &replayed_rows), hash);
    assert_int_equal(replayed_rows, live_rows);
    hf_store_thread_stop(&replayed);
    assert_int_equal(hf_store_thread_replay(&replayed, &events), HF_OK); /* once more changes nothing */
    assert_int_equal(events, 0);
    assert_int_equal(contents(replayed_kv, &replayed_rows), hash);
    hf_store_thread_stop(&replayed);
    hf_kv_close(replayed_kv);
}

static void map_that_has_to_grow_loses_nothing(void **state)
{
    unsigned revoked = 20;

    (void)state;
    write_events(0, revoked);
    for (unsigned full = 1; full <= 5; full += 2) {
        struct hf_kv *kv = open_kv(full);
        struct hf_store_thread store = store_of(kv);
        struct hf_kv_stats stats;
        uint64_t events;

        /* HF_OK means that the tables are there, also when it was the last batch that did not fit. */
        assert_int_equal(hf_store_thread_replay(&store, &events), HF_OK);
        assert_int_equal(atomic_load(&store.applied), hf_log_durable_through(kit.log));
        assert_int_equal(hf_kv_applied_offset(kv), hf_log_durable_through(kit.log));
        growing.full = full; /* and the same while it runs */
        write_events(100 * full, 10);
        assert_int_equal(hf_store_thread_start(&store), HF_OK);
        while (atomic_load(&store.applied) < hf_log_durable_through(kit.log))
            (void)hf_inbox_wait(kit.inbox, KIT_WAIT_MS);
        hf_store_thread_stop(&store);
        assert_int_equal(atomic_load(&store.failures), full);
        revoked += 10;
        hf_kv_stats(kv, &stats);
        assert_int_equal(stats.tables[HF_KV_AUDIT].rows, revoked); /* each once */
        hf_kv_close(kv);
    }
    struct hf_kv *kv = open_kv(1000000); /* one that never fits is said, not waited for */
    struct hf_store_thread store = store_of(kv);
    uint64_t events;
    assert_int_equal(hf_store_thread_replay(&store, &events), HF_ERR_AGAIN);
    hf_store_thread_stop(&store);
    hf_kv_close(kv);
}

static void hole_in_the_log_is_said_and_passed(void **state)
{
    static char payload[30000];
    struct hf_kv *kv = open_kv(0);
    struct hf_store_thread store = store_of(kv);
    uint64_t events;
    struct hf_event event = kit_message("d1", "t", NULL);

    (void)state;
    event.payload = (struct hf_slice){payload, sizeof(payload)};
    kit_write(&kit, &event, 1);
    for (unsigned i = 0; i < 20; i++)
        kit_write(&kit, &event, 1);
    hf_log_set_retention(kit.log, 2 * HF_LOG_SEGMENT_BYTES_MIN, 0);
    kit_write(&kit, &event, 1);
    write_events(0, 1);
    assert_true(hf_log_oldest_offset(kit.log) > 1);
    assert_int_equal(hf_store_thread_replay(&store, &events), HF_OK);
    assert_int_equal(events, 3);
    assert_int_equal(atomic_load(&store.applied), hf_log_durable_through(kit.log));
    assert_int_equal(atomic_load(&kit.lines), 1); /* once, with the exact range */
    hf_store_thread_stop(&store);
    hf_kv_close(kv);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(replay_equals_live_application),
        ROW(map_that_has_to_grow_loses_nothing),
        ROW(hole_in_the_log_is_said_and_passed),
    };
    return cmocka_run_group_tests_name("store_thread", tests, NULL, NULL);
}
