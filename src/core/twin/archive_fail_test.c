/* MEM-5: whatever allocation fails, forgetting and reading again gives each sample once. */
#include "core/twin/archive_testkit.h"
#include "support/alloc_fail.h"

static struct kit kit;

static hf_err work(void)
{
    for (uint64_t offset = kit.archive.through + 1; offset <= kit.records; offset++) {
        hf_err err = kit_take_one(&kit, offset);

        if (err == HF_OK && offset % 8 == 0)
            err = hf_archive_commit(&kit.archive, offset, KIT_US);
        if (err != HF_OK)
            return err;
    }
    return hf_archive_commit(&kit.archive, kit.records, KIT_US);
}

static hf_err a_ride(void *context)
{
    struct hf_archive_answer answer = {0};
    struct hf_archive_query query = {.tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("a"),
                                     .from_us = KIT_US,
                                     .to_us = KIT_US + 100000000,
                                     .points_max = 10000};
    uint32_t count = 0;

    (void)context;
    hf_err err = hf_kv_memory_open(&kit.kv);
    if (err != HF_OK)
        return err;
    kit.archive = (struct hf_archive){0};
    err = hf_archive_init(&kit.archive, kit.kv, &kit.limits);
    if (err == HF_OK)
        err = work();
    if (err == HF_OK)
        err = hf_archive_query(&kit.archive, &query, &answer);
    if (err == HF_OK)
        count = answer.count;
    free(answer.points);
    if (err != HF_OK && kit.archive.kv != NULL) { /* only one fails: now there is memory again */
        hf_archive_forget(&kit.archive);
        assert_int_equal(work(), HF_OK);
        assert_int_equal(hf_archive_query(&kit.archive, &query, &answer), HF_OK);
        count = answer.count;
        free(answer.points);
    }
    if (kit.archive.kv != NULL && kit.archive.through > 0)
        assert_int_equal(count, 1200);
    hf_archive_deinit(&kit.archive);
    hf_kv_close(kit.kv);
    return err;
}

static void a_failure_is_made_good_by_reading_again(void **state)
{
    (void)state;
    kit.limits = (struct hf_archive_limits){.devices_max = 2,
                                            .keep_ms = {UINT64_C(86400000), UINT64_C(86400000)},
                                            .bytes_max = UINT64_C(1) << 40};
    for (unsigned i = 0; i < 24; i++) {
        kit_say(&kit, "a", i * UINT64_C(500000), 10000, 50, 0);
        kit_say(&kit, i % 2 ? "b" : "c", i * UINT64_C(500000), 10000, 50, 0);
    }
    assert_true(hf_alloc_fail_each(a_ride, NULL, 2000) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_failure_is_made_good_by_reading_again)};

    return cmocka_run_group_tests_name("archive_fail", tests, NULL, NULL);
}
