/* Memory runs out at every allocation of a scenario: an error and a clean state each time (MEM-5). */
#include "log/log_fixture.h"
#include "support/alloc_fail.h"

enum { BODY_MAX = 200 };

struct scenario {
    struct files_mem *mem;
    struct hf_log_options options;
    char *storage;
};

static hf_err append_some(struct hf_log *log, char *storage)
{
    struct hf_log_batch batch, *batches[] = {&batch};
    uint64_t first_offset;
    hf_err err = HF_OK;

    for (int i = 0; i < 30 && err == HF_OK; i++) {
        hf_log_batch_init(&batch, storage, FIXTURE_SEGMENT_BYTES);
        for (int n = 0; n < 40; n++)
            err = hf_log_batch_add(&batch, (struct hf_slice){storage + FIXTURE_SEGMENT_BYTES, BODY_MAX},
                                   (uint64_t)n);
        err = hf_log_append(log, batches, 1, 1, &first_offset);
        if (err == HF_OK)
            err = hf_log_sync(log);
        hf_log_tick(log, 1);
    }
    return err;
}

static hf_err read_some(struct hf_log *log, uint64_t key_hash)
{
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t offset;
    hf_err err = hf_log_reader_open(log, 1, &reader);

    if (err != HF_OK)
        return err;
    hf_log_reader_filter(reader, key_hash);
    while ((err = hf_log_reader_next(reader, &record)) == HF_OK || err == HF_ERR_BUSY)
        ;
    hf_log_reader_close(reader);
    if (err == HF_ERR_AGAIN)
        err = hf_log_offset_at_time(log, 1, &offset);
    return err;
}

static hf_err life_of_a_log(void *context)
{
    struct scenario *scenario = context;
    struct hf_log *log;
    hf_err err;

    files_mem_free(scenario->mem);
    scenario->mem = files_mem_new(1);
    scenario->options = (struct hf_log_options){.files = files_mem_files(scenario->mem),
                                                .segment_bytes = FIXTURE_SEGMENT_BYTES,
                                                .log_id = 5,
                                                .now_ms = 1};
    err = hf_log_open(FIXTURE_DIR, &scenario->options, &log);
    if (err == HF_OK) {
        err = append_some(log, scenario->storage);
        if (err == HF_OK)
            err = read_some(log, 0);
        if (err == HF_OK)
            err = read_some(log, 3);
        hf_log_close(log);
    }
    if (err == HF_OK) {
        err = hf_log_open(FIXTURE_DIR, &scenario->options, &log);
        if (err == HF_OK) {
            HF_ASSERT(hf_log_durable_through(log) == 30 * 40);
            err = read_some(log, 7);
            hf_log_close(log);
        }
    }
    files_mem_free(scenario->mem);
    scenario->mem = NULL;
    return err;
}

static void memory_may_end_anywhere(void **state)
{
    struct scenario scenario = {.storage = calloc(1, 2 * FIXTURE_SEGMENT_BYTES)};

    (void)state;
    assert_true(hf_alloc_fail_each(life_of_a_log, &scenario, 2000) > 10);
    free(scenario.storage);
}

static void repair_without_memory_is_refused(void **state)
{
    struct fixture f;
    uint64_t bytes;
    bool repaired;
    hf_err err;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fixture_group(&f, 10, 100), HF_OK);
    fixture_close(&f);
    fixture_file(&f, 1, ".log", &bytes)[HF_LOG_SEGMENT_HEAD_BYTES + 50] ^= 1;
    for (uint64_t n = 1;; n++) {
        hf_alloc_fail_at(n);
        err = hf_log_repair(FIXTURE_DIR, &f.options, &repaired);
        if (err == HF_OK)
            break;
        assert_int_equal(err, HF_ERR_NOMEM);
        assert_false(repaired);
    }
    hf_alloc_fail_at(0);
    assert_true(repaired);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_durable_through(f.log), 100);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(repair_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
