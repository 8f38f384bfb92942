/* Both bodies of client/store/store.h, told the same, hold the same; and what a crash leaves of the one in memory is its last commit. */
#include "client/store/store_script_testkit.h"

enum { SEEDS = 40, SEEDS_ON_DISK = 8, STEPS = 400 };

static void expect_same(struct hf_store *a, struct hf_store *b)
{
    char *one = dump(a, SCRIPT_UUIDS), *other = dump(b, SCRIPT_UUIDS);

    assert_string_equal(one, other);
    free(one);
    free(other);
}

static void both_bodies_do_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS_ON_DISK; seed++) {
        struct script a = {.utc_ms = 1}, b = {.utc_ms = 1};
        struct body memory, sqlite;

        hf_rng_seed(&a.rng, seed);
        hf_rng_seed(&b.rng, seed);
        body_init(&memory, false, 40);
        body_init(&sqlite, true, 40);
        for (int i = 0; i < STEPS; i++) {
            assert_int_equal(script_step(&a, memory.store), script_step(&b, sqlite.store));
            if (i % 20 == 19) {
                commit(&memory);
                commit(&sqlite);
            }
            if (i % 5 == 4)
                expect_same(memory.store, sqlite.store);
            if (i % 100 == 99)
                body_reopen(&sqlite);
        }
        body_deinit(&memory);
        body_deinit(&sqlite);
    }
}

/* Commits at random, and crashes or failing commits at random: the state is that of the last good commit then. */
static void undoing_gives_the_last_commit_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct hf_store_memory_options options = {
            .limits.messages_max = 40, .queue_id = QUEUE_ID, .commit_ms = 1000};
        struct script script = {.utc_ms = 1};
        struct hf_store *store;
        uint64_t through = 0;
        char *durable;
        hf_err err = HF_OK;

        hf_rng_seed(&script.rng, seed);
        assert_int_equal(hf_store_memory_open(&options, &store), HF_OK);
        durable = dump(store, SCRIPT_UUIDS);
        for (int i = 0; i < STEPS; i++) {
            uint64_t draw = hf_rng_below(&script.rng, 30);

            (void)script_step(&script, store);
            if (draw == 0) {
                while (store->ops->poll(store, 5, true, &through, &err))
                    assert_int_equal(err, HF_OK);
                free(durable);
                durable = dump(store, SCRIPT_UUIDS);
            } else if (draw <= 2) {
                char *now;

                hf_store_memory_fail(store, draw == 1 ? HF_ERR_FULL : HF_OK);
                if (draw == 2)
                    hf_store_memory_crash(store);
                else if (store->ops->poll(store, 5, true, &through, &err))
                    assert_int_equal(err, HF_ERR_FULL);
                hf_store_memory_fail(store, HF_OK);
                now = dump(store, SCRIPT_UUIDS);
                assert_string_equal(now, durable);
                free(now);
            }
        }
        free(durable);
        store->ops->close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_bodies_do_the_same),
        cmocka_unit_test(undoing_gives_the_last_commit_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
