/* Every allocation of the time series' thread fails once: it does not begin, or says so and has it all a question later. */
#include "app/series_testkit.h"

#include "support/alloc_fail.h"

enum { BATCHES = 12, ROUNDS_MAX = 2000, QUESTIONS_MAX = 4 };

static hf_err live(struct hf_series_thread *series)
{
    enum hf_reason reason = HF_REASON_NONE;
    unsigned count = 0;
    hf_err err = hf_series_thread_init(series);

    if (err == HF_OK)
        err = hf_series_thread_start(series);
    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < QUESTIONS_MAX && (reason != HF_REASON_NONE || count < BATCHES * BATCH_SAMPLES);
         i++) {
        count = ask_and_count(series, &reason);
        assert_true(reason == HF_REASON_NONE || reason == HF_REASON_MEMORY_LIMIT);
    }
    assert_int_equal(count, BATCHES * BATCH_SAMPLES);
    return HF_OK;
}

static hf_err scenario(void *context)
{
    struct hf_kv *kv = NULL;
    hf_err err = open_kv(&kv);

    (void)context;
    if (err != HF_OK)
        return err;
    struct hf_series_thread series = series_of(kv);

    err = live(&series);
    hf_series_thread_deinit(&series);
    hf_kv_close(kv);
    return err;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    kit_new(&kit);
    write_batches(0, BATCHES);
    assert_true(hf_alloc_fail_each(scenario, NULL, ROUNDS_MAX) > 10);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};

    return cmocka_run_group_tests_name("series_thread_fail", tests, NULL, NULL);
}
