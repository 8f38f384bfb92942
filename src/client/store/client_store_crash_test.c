/* The queue file when the power goes at every single write, sync or truncation, with torn sectors, and when one of them fails (CQ-6). Whatever happens, the file holds
 * a state that was committed: the last one that was told, or the one whose commit was under way. */
#include "client/store/store_script_testkit.h"
#include "client/store/store_vfs_testkit.h"

enum { STEPS = 40, COMMIT_EVERY = 4, STATES_MAX = 64 };

struct life {
    struct hf_store *store;
    struct script script;
    char *states
        [STATES_MAX]; /* owns: dumps at each commit; the last one may be of a commit that was not told */
    unsigned count;
    bool crash_safe;
};

static hf_err open_it(struct life *life)
{
    const struct hf_store_sqlite_options options = {.path = "/q.db",
                                                    .limits.messages_max = 40,
                                                    .queue_id = QUEUE_ID,
                                                    .crash_safe = life->crash_safe,
                                                    .vfs = "files_mem"};
    char error[256];

    return hf_store_sqlite_open(&options, &life->store, error, sizeof(error));
}

static void remember(struct life *life)
{
    HF_ASSERT(life->count < STATES_MAX);
    life->states[life->count++] = dump(life->store, SCRIPT_UUIDS);
}

static void forget_all(struct life *life)
{
    while (life->count > 0)
        free(life->states[--life->count]);
}

/* Runs until an error or the end. */
static hf_err live(struct life *life)
{
    uint64_t through, now_ms = 1;
    hf_err err = HF_OK, told;

    for (int i = 0; i < STEPS && err == HF_OK; i++) {
        err = script_step(&life->script, life->store);
        if (err == HF_ERR_LIMIT || err == HF_ERR_NOT_FOUND)
            err = HF_OK;
        if (err != HF_OK || i % COMMIT_EVERY != COMMIT_EVERY - 1)
            continue;
        remember(life);
        while (err == HF_OK && life->store->ops->poll(life->store, ++now_ms, true, &through, &told))
            err = told;
        if (err == HF_OK && facts_of(life->store).queue_id == 0)
            err = HF_ERR_IO;
    }
    return err;
}

static bool is_state(const struct life *life, unsigned from, const char *text)
{
    for (unsigned i = from; i < life->count; i++)
        if (strcmp(life->states[i], text) == 0)
            return true;
    return false;
}

/* The power goes with the n-th call; returns false when the life ended before. */
static bool power_goes(uint64_t seed, uint64_t calls, bool crash_safe)
{
    struct life life = {.script.utc_ms = 1, .crash_safe = crash_safe};
    bool made, cut;
    char *after;
    hf_err err;

    vfs_disk = files_mem_new(seed);
    hf_rng_seed(&life.script.rng, seed % 7);
    files_mem_power_off_in(vfs_disk, calls);
    err = open_it(&life);
    made = err == HF_OK;
    if (made) {
        remember(&life);
        err = live(&life);
        life.store->ops->close(life.store); /* a dead one: nothing more reaches the disk */
    }
    cut = err != HF_OK;
    files_mem_power_cut(vfs_disk);
    assert_int_equal(open_it(&life), HF_OK);
    after = dump(life.store, SCRIPT_UUIDS);
    if (made && cut && !is_state(&life, crash_safe || life.count < 2 ? 0 : life.count - 2, after)) {
        print_error("seed %llu, call %llu: the file holds\n%s\nthe last commit was\n%s\n",
                    (unsigned long long)seed, (unsigned long long)calls, after, life.states[life.count - 1]);
        fail();
    }
    assert_true(live(&life) == HF_OK); /* and it can be used */
    life.store->ops->close(life.store);
    free(after);
    forget_all(&life);
    files_mem_free(vfs_disk);
    return cut;
}

static void no_commit_is_lost_or_torn(void **state)
{
    (void)state;
    uint64_t calls = 1;

    for (uint64_t seed = 1; power_goes(seed, calls, false); calls++)
        for (seed = seed + 1; seed % 2 != 0; seed++)
            (void)power_goes(seed, calls, false);
    assert_true(calls > 100);
}

/* synchronous=NORMAL: commits may be lost with the power, but only from the end, and none is torn. */
static void crash_safe_loses_only_the_end(void **state)
{
    (void)state;
    uint64_t calls = 1;

    while (power_goes(calls, calls, true))
        calls += 3;
    assert_true(calls > 100);
}

/* One call fails, once. What was told durable stays; what failed is undone; it goes on. */
static void one_failure_undoes_what_was_not_durable(void **state)
{
    static const enum files_mem_op ops[] = {FILES_MEM_PWRITEV, FILES_MEM_FDATASYNC};
    unsigned failures = 0;

    (void)state;
    for (uint64_t nth = 1; nth <= 80; nth++) {
        struct life life = {.script.utc_ms = 1};
        hf_err err;
        char *after;

        vfs_disk = files_mem_new(nth);
        hf_rng_seed(&life.script.rng, nth % 5);
        assert_int_equal(open_it(&life), HF_OK);
        remember(&life);
        files_mem_fail(vfs_disk, ops[nth % 2], 1 + nth / 2, 1, nth % 3 == 0 ? HF_ERR_FULL : HF_ERR_IO);
        err = live(&life);
        files_mem_heal(vfs_disk);
        after = dump(life.store, SCRIPT_UUIDS);
        if (err != HF_OK) {
            failures++;
            assert_true(err == HF_ERR_FULL || err == HF_ERR_IO);
            assert_true(is_state(&life, life.count < 2 ? 0 : life.count - 2, after));
        }
        assert_int_equal(live(&life), HF_OK);
        life.store->ops->close(life.store);
        free(after);
        forget_all(&life);
        files_mem_free(vfs_disk);
    }
    assert_true(failures > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_commit_is_lost_or_torn),
        cmocka_unit_test(crash_safe_loses_only_the_end),
        cmocka_unit_test(one_failure_undoes_what_was_not_durable),
    };
    vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
