/* What becomes of an index whose list of paths, or whose form, is not the one that is wanted. */
#include "core/fleet/fleet_testkit.h"

static void a_reindexing_that_was_cut_off_begins_again(void **state)
{
    static const char *const one[] = {"reported.battery"};
    struct hf_fleet_paths paths = {.count = 1, .at = {HF_SLICE("reported.battery")}};
    struct hf_fleet_reindex reindex = {0};
    struct hf_kv_txn *txn;
    char device[16];
    unsigned steps;
    bool more;

    (void)state;
    for (unsigned i = 0; i < HF_FLEET_REINDEX_DEVICES + 1; i++) {
        (void)snprintf(device, sizeof(device), "d%04u", i);
        change(device, 1, "{\"reported\":{\"battery\":5}}");
    }
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_fleet_reindex(txn, HF_SLICE("acme"), &paths, &reindex, &more), HF_OK);
    assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
    assert_true(more);
    change("e", 1, "{\"reported\":{\"battery\":6}}"); /* indexed as the new list says */
    assert_string_equal(find("reported.battery=6"), "e");
    assert_int_equal(index_paths(one, 1, &steps), HF_FLEET_REINDEX_DEVICES + 2);
    assert_string_equal(find("reported.battery>=6"), "e");
}

/* What an index of form 1 had: no line that says so, and counts only of members that came since there were any. */
static void as_before_there_were_counts(const char *list)
{
    struct hf_fleet_key key;
    struct hf_kv_txn *txn;
    bool done = false;

    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_fleet_key_begin(&key, HF_SLICE("acme"), 'p'), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), hf_slice_of(list)), HF_OK);
    assert_int_equal(hf_fleet_groups_forget(txn, HF_SLICE("acme"), 1000, &done), HF_OK);
    assert_true(done);
    assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
}

static void an_older_form_is_rebuilt_once(void **state)
{
    static const char *const one[] = {"reported.battery"};
    char device[16], shadow[128];
    unsigned steps;

    (void)state;
    (void)index_paths(one, 1, &steps);
    for (unsigned i = 0; i < HF_FLEET_REINDEX_DEVICES + 20; i++) {
        (void)snprintf(device, sizeof(device), "d%04u", i);
        (void)snprintf(shadow, sizeof(shadow),
                       "{\"reported\":{\"battery\":%u},\"tags\":{\"groups\":[\"all\",\"g%u\"]}}", i, i % 2);
        change(device, 1, shadow);
    }
    as_before_there_were_counts("reported.battery\n");
    change("d0000", 2, "{\"tags\":{\"groups\":[\"g1\",\"new\"]}}"); /* leaves two that are not counted */
    assert_string_equal(groups("", NULL), "g1:1 new:1");
    assert_int_equal(index_paths(one, 1, &steps), HF_FLEET_REINDEX_DEVICES + 20);
    assert_int_equal(steps, 2);
    assert_string_equal(groups("", NULL), "all:519 g0:259 g1:261 new:1");
    assert_int_equal(index_paths(one, 1, &steps), 0);
    assert_string_equal(find("reported.battery<3"), "d0001 d0002"); /* the rest is as it was */
    /* Another list counts nothing twice. */
    assert_int_equal(index_paths(NULL, 0, &steps), HF_FLEET_REINDEX_DEVICES + 20);
    assert_string_equal(groups("", NULL), "all:519 g0:259 g1:261 new:1");
    /* One that an older gateway has had in between is rebuilt again. */
    as_before_there_were_counts("");
    assert_int_equal(index_paths(NULL, 0, &steps), HF_FLEET_REINDEX_DEVICES + 20);
    assert_string_equal(groups("", NULL), "all:519 g0:259 g1:261 new:1");
}

/* With records that are replayed in between, as at a start after a crash. */
static void a_rebuilding_that_was_cut_off_counts_from_nothing(void **state)
{
    struct hf_fleet_paths paths = {.count = 0};
    struct hf_fleet_reindex reindex = {0};
    struct hf_kv_txn *txn;
    char device[16];
    unsigned steps;
    bool more;

    (void)state;
    for (unsigned i = 0; i < HF_FLEET_REINDEX_DEVICES + 1; i++) {
        (void)snprintf(device, sizeof(device), "d%04u", i);
        change(device, 1, "{\"tags\":{\"groups\":[\"all\"]}}");
    }
    as_before_there_were_counts("");
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_fleet_reindex(txn, HF_SLICE("acme"), &paths, &reindex, &more), HF_OK);
    assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
    assert_true(more);
    assert_string_equal(groups("", NULL), "all:500");
    change("d0500", 2, "{\"tags\":{\"groups\":[\"all\",\"e\"]}}");
    change("d0001", 2, "{\"tags\":{}}");
    assert_int_equal(index_paths(NULL, 0, &steps), HF_FLEET_REINDEX_DEVICES + 1);
    assert_string_equal(groups("", NULL), "all:500 e:1");
}

static void many_counts_go_step_by_step(void **state)
{
    char device[16], shadow[64];
    unsigned steps;

    (void)state;
    (void)index_paths(NULL, 0, &steps);
    for (unsigned i = 0; i < HF_FLEET_REINDEX_DEVICES + 1; i++) {
        (void)snprintf(device, sizeof(device), "d%04u", i);
        (void)snprintf(shadow, sizeof(shadow), "{\"tags\":{\"groups\":\"g%04u\"}}", i);
        change(device, 1, shadow);
    }
    struct hf_fleet_key key;
    struct hf_kv_txn *txn;
    assert_int_equal(hf_kv_write(kv, &txn), HF_OK);
    assert_int_equal(hf_fleet_key_begin(&key, HF_SLICE("acme"), 'p'), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), HF_SLICE("")), HF_OK);
    assert_int_equal(hf_kv_commit(txn, offset), HF_OK);
    assert_int_equal(index_paths(NULL, 0, &steps), HF_FLEET_REINDEX_DEVICES + 1);
    assert_int_equal(steps, 3); /* 500 counts; one count and 500 devices; one device */
    assert_string_equal(groups("g05", NULL), "g0500:1");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_reindexing_that_was_cut_off_begins_again),
        T(an_older_form_is_rebuilt_once),
        T(a_rebuilding_that_was_cut_off_counts_from_nothing),
        T(many_counts_go_step_by_step),
    };

    return cmocka_run_group_tests_name("fleet_index", tests, NULL, NULL);
}
