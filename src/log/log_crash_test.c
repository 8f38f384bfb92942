/* Goal: every record that was reported durable is there after any crash, exactly once and in its place.
 * Method: each seed draws groups, restarts, failing calls, a full disk and the moment at which the power goes; every
 * sector that was not synced is then old or new by chance. */
#include "base/rng.h"
#include "log/log_fixture.h"

#ifdef __SANITIZE_THREAD__ /* many times slower, and only one thread is at work here */
enum { SEEDS = 20 };
#else
enum { SEEDS = 400 };
#endif
enum { STEPS = 40, BODY_MAX = 700 };

static void restart(struct fixture *f, uint64_t seed)
{
    uint64_t acknowledged = f->next - 1, durable;
    hf_err err;

    fixture_close(f);
    files_mem_heal(f->mem);
    err = fixture_open(f);
    if (err != HF_OK)
        print_error("seed %llu: open gives %s\n", (unsigned long long)seed, hf_err_name(err));
    assert_int_equal(err, HF_OK);
    durable = hf_log_durable_through(f->log);
    if (durable < acknowledged)
        print_error("seed %llu: %llu acknowledged, %llu there\n", (unsigned long long)seed,
                    (unsigned long long)acknowledged, (unsigned long long)durable);
    assert_in_range(durable, acknowledged, acknowledged + 64);
    assert_int_equal(fixture_read_all(f, 1, BODY_MAX), durable);
    f->next = durable + 1;
}

static void one_group(struct fixture *f, struct hf_rng *rng)
{
    hf_err err = fixture_group(f, 1 + (unsigned)hf_rng_below(rng, 40), BODY_MAX);

    if (err == HF_OK)
        hf_log_tick(f->log, f->now_ms);
    assert_int_equal(hf_log_durable_through(f->log), f->next - 1);
}

static void power_goes(struct fixture *f, struct hf_rng *rng)
{
    hf_err err = HF_OK;

    files_mem_power_off_in(f->mem, 1 + hf_rng_below(rng, 40));
    while (err == HF_OK)
        err = fixture_group(f, 1 + (unsigned)hf_rng_below(rng, 40), BODY_MAX);
    if (hf_rng_below(rng, 2))
        hf_log_tick(f->log, f->now_ms);
    files_mem_power_cut(f->mem);
}

static void appended_not_synced(struct fixture *f, struct hf_rng *rng)
{
    struct hf_log_batch *batches[] = {&f->batch};
    uint64_t first_offset;

    fixture_fill(f, 1 + (unsigned)hf_rng_below(rng, 40), BODY_MAX);
    assert_int_equal(hf_log_append(f->log, batches, 1, f->now_ms, &first_offset), HF_OK);
    if (hf_rng_below(rng, 2))
        files_mem_power_cut(f->mem);
    else
        files_mem_crash(f->mem);
}

static void calls_fail(struct fixture *f, struct hf_rng *rng)
{
    static const enum files_mem_op ops[] = {FILES_MEM_PWRITEV,   FILES_MEM_FDATASYNC, FILES_MEM_FALLOCATE,
                                            FILES_MEM_RENAME,    FILES_MEM_SYNC_DIR,  FILES_MEM_OPEN,
                                            FILES_MEM_FTRUNCATE, FILES_MEM_UNLINK};
    int rounds = 3 + (int)hf_rng_below(rng, 5);

    files_mem_fail(f->mem, ops[hf_rng_below(rng, HF_COUNT_OF(ops))], 1 + hf_rng_below(rng, 4),
                   1 + hf_rng_below(rng, 3), hf_rng_below(rng, 2) ? HF_ERR_IO : HF_ERR_FULL);
    for (int i = 0; i < rounds; i++)
        one_group(f, rng);
    files_mem_heal(f->mem);
    for (int i = 0; i < 2; i++) /* it recovers alone */
        hf_log_tick(f->log, f->now_ms);
    assert_int_equal(fixture_write_state(f), HF_OK);
    one_group(f, rng);
}

static void nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hf_rng rng;
        struct fixture f;

        hf_rng_seed(&rng, seed);
        fixture_init(&f, seed);
        if (seed % 5 == 0)
            files_mem_no_fallocate(f.mem, true);
        assert_int_equal(fixture_open(&f), HF_OK);
        for (int step = 0; step < STEPS; step++) {
            switch (hf_rng_below(&rng, 8)) {
            case 0:
                power_goes(&f, &rng);
                restart(&f, seed);
                break;
            case 1:
                appended_not_synced(&f, &rng);
                restart(&f, seed);
                break;
            case 2:
                files_mem_crash(f.mem);
                restart(&f, seed);
                break;
            case 3: calls_fail(&f, &rng); break;
            default: one_group(&f, &rng);
            }
        }
        restart(&f, seed);
        fixture_deinit(&f);
    }
}

/* The power goes again and again while the log recovers. */
static void recovery_itself_may_be_cut(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct hf_rng rng;
        struct fixture f;

        hf_rng_seed(&rng, seed);
        fixture_init(&f, seed);
        assert_int_equal(fixture_open(&f), HF_OK);
        for (int i = 0; i < 10; i++)
            one_group(&f, &rng);
        appended_not_synced(&f, &rng);
        for (uint64_t calls = 1; calls < 30; calls++) {
            fixture_close(&f);
            files_mem_power_off_in(f.mem, calls);
            if (fixture_open(&f) == HF_OK)
                assert_true(hf_log_durable_through(f.log) >= f.next - 1);
            files_mem_power_cut(f.mem);
        }
        restart(&f, seed);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost),
        cmocka_unit_test(recovery_itself_may_be_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
