/* The disk is full, read-only or broken: nothing acknowledged is lost, the caller is told why, and the log goes on by
 * itself when the disk does (ST-2, F14). */
#include "log/log_fixture.h"

static void a_full_disk_is_told_early_and_gets_over_it(void **state)
{
    struct fixture f;
    uint64_t kept;
    hf_err err;

    (void)state;
    fixture_init(&f, 1);
    files_mem_budget(f.mem, 4 * FIXTURE_SEGMENT_BYTES);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_true(hf_log_reserved_bytes(f.log) >= FIXTURE_SEGMENT_BYTES / 2);
    do {
        err = fixture_group(&f, 10, 500);
        hf_log_tick(f.log, f.now_ms);
    } while (err == HF_OK);
    assert_int_equal(err, HF_ERR_FULL);
    assert_int_equal(fixture_write_state(&f), HF_ERR_FULL);
    assert_int_equal(hf_log_reserved_bytes(f.log), 0);
    assert_int_equal(f.told[HF_LOG_WRITE_FAILED], 1);
    kept = f.next - 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_group(&f, 10, 500), HF_ERR_FULL);
        hf_log_tick(f.log, f.now_ms);
    }
    assert_int_equal(f.told[HF_LOG_WRITE_FAILED], 1); /* said once */
    assert_int_equal(fixture_read_all(&f, 1, 500), kept);
    files_mem_heal(f.mem);
    hf_log_tick(f.log, f.now_ms);
    assert_int_equal(fixture_write_state(&f), HF_OK);
    assert_int_equal(f.told[HF_LOG_RECOVERED], 1);
    assert_true(hf_log_reserved_bytes(f.log) > 0);
    assert_int_equal(fixture_group(&f, 10, 500), HF_OK);
    assert_int_equal(fixture_read_all(&f, 1, 500), kept + 10);
    fixture_deinit(&f);
}

/* Space runs out at every possible point: each time the log says so, or has it all. */
static void space_may_end_anywhere(void **state)
{
    (void)state;
    for (uint64_t budget = 0; budget < 3 * FIXTURE_SEGMENT_BYTES; budget += 1777) {
        struct fixture f;
        uint64_t durable;

        fixture_init(&f, budget);
        files_mem_no_fallocate(f.mem, budget % 2); /* then space ends in the middle of a write */
        files_mem_budget(f.mem, budget);
        if (fixture_open(&f) != HF_OK) {
            fixture_deinit(&f);
            continue;
        }
        for (int i = 0; i < 30 && fixture_group(&f, 10, 500) == HF_OK; i++)
            hf_log_tick(f.log, f.now_ms);
        durable = hf_log_durable_through(f.log);
        assert_int_equal(durable, f.next - 1);
        fixture_close(&f);
        assert_int_equal(fixture_open(&f), HF_OK); /* full as it is */
        assert_int_equal(fixture_read_all(&f, 1, 500), durable);
        files_mem_heal(f.mem);
        hf_log_tick(f.log, f.now_ms);
        assert_int_equal(fixture_group(&f, 10, 500), HF_OK);
        assert_int_equal(fixture_read_all(&f, 1, 500), durable + 10);
        fixture_deinit(&f);
    }
}

static void a_failed_sync_moves_on_to_a_new_segment(void **state)
{
    struct fixture f;
    struct hf_log_stats stats;
    struct hf_log_reader *reader;
    struct hf_log_record record;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    /* At the beginning of a segment, so that the new one has the same name; a reader has the old one open. */
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    files_mem_fail(f.mem, FILES_MEM_FDATASYNC, 1, 1, HF_ERR_IO);
    assert_int_equal(fixture_group(&f, 3, 50), HF_ERR_IO);
    assert_int_equal(fixture_write_state(&f), HF_ERR_IO);
    assert_int_equal(hf_log_durable_through(f.log), 0);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    assert_int_equal(fixture_group(&f, 3, 50), HF_OK);
    assert_int_equal(fixture_write_state(&f), HF_OK);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 1);
    assert_int_equal(stats.sync_failures_total, 1);
    for (uint64_t n = 1; n <= 3; n++)
        assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
    /* In the middle of one: the rest of the old is garbage that nobody reads. */
    files_mem_fail(f.mem, FILES_MEM_FDATASYNC, 1, 1, HF_ERR_IO);
    assert_int_equal(fixture_group(&f, 20, 50), HF_ERR_IO);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    assert_int_equal(fixture_group(&f, 2, 60), HF_OK);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 2);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
    assert_int_equal(record.offset, 4);
    hf_log_reader_close(reader);
    assert_int_equal(f.told[HF_LOG_SYNC_FAILED], 2);
    files_mem_power_cut(f.mem);
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_durable_through(f.log), 5);
    fixture_deinit(&f);
}

/* A longer group fails half written, a shorter one of equal records takes its place: none of the first comes back. */
static void a_failed_write_leaves_nothing_behind(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 50; seed++) {
        struct fixture f;

        fixture_init(&f, seed);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(fixture_group(&f, 1, 0), HF_OK);
        files_mem_fail(f.mem, FILES_MEM_PWRITEV, 1, 1, HF_ERR_IO);
        assert_int_equal(fixture_group(&f, 50, 0), HF_ERR_IO);
        assert_int_equal(fixture_group(&f, 1, 0), HF_OK);
        fixture_close(&f);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 2);
        fixture_deinit(&f);
    }
}

static void every_call_may_fail_once(void **state)
{
    (void)state;
    for (int op = 0; op < FILES_MEM_OPS; op++) {
        for (uint64_t nth = 1; nth < 12; nth++) {
            struct fixture f;
            uint64_t durable;

            fixture_init(&f, nth);
            files_mem_fail(f.mem, (enum files_mem_op)op, nth, 1, HF_ERR_IO);
            hf_err err = fixture_open(&f);

            if (err != HF_OK) { /* a clean refusal; the next start works */
                assert_null(f.log);
                assert_int_equal(fixture_open(&f), HF_OK);
            }
            for (int i = 0; i < 30; i++) {
                (void)fixture_group(&f, 10, 1000);
                hf_log_tick(f.log, f.now_ms);
                if (i % 10 == 5)
                    hf_log_set_retention(f.log, 3 * FIXTURE_SEGMENT_BYTES, 0);
            }
            assert_int_equal(fixture_group(&f, 10, 1000), HF_OK);
            durable = f.next - 1;
            assert_int_equal(hf_log_durable_through(f.log), durable);
            fixture_close(&f);
            files_mem_power_cut(f.mem);
            files_mem_heal(f.mem);
            assert_int_equal(fixture_open(&f), HF_OK);
            assert_int_equal(hf_log_durable_through(f.log), durable);
            fixture_read_all(&f, hf_log_oldest_offset(f.log), 1000);
            fixture_deinit(&f);
        }
    }
}

static void a_read_only_disk_can_be_read(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 10, 100), HF_OK);
    files_mem_read_only(f.mem, true);
    assert_int_equal(fixture_group(&f, 10, 100), HF_ERR_DENIED);
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_write_state(&f), HF_ERR_DENIED);
    assert_int_equal(fixture_read_all(&f, 1, 100), 10);
    assert_int_equal(fixture_group(&f, 10, 100), HF_ERR_DENIED);
    assert_int_equal(hf_log_reserved_bytes(f.log), 0);
    files_mem_read_only(f.mem, false);
    hf_log_tick(f.log, f.now_ms);
    assert_int_equal(fixture_write_state(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 10, 100), HF_OK);
    assert_int_equal(fixture_read_all(&f, 1, 100), 20);
    fixture_deinit(&f);
}

/* Records that a killed process had written and not synced are in the page cache only. Once an open has counted them as durable a power cut must
 * not take them, also where that open could write nothing. */
static void what_an_open_counts_as_durable_is_on_the_disk(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 32; seed++) {
        struct fixture f;
        struct hf_log_batch *batch = &f.batch;
        uint64_t first;

        fixture_init(&f, seed);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(fixture_group(&f, 10, 100), HF_OK);
        fixture_fill(&f, 10, 100);
        assert_int_equal(hf_log_append(f.log, &batch, 1, f.now_ms, &first), HF_OK);
        if (seed % 2) { /* the sync had failed: Linux calls the pages clean then */
            files_mem_fail(f.mem, FILES_MEM_FDATASYNC, 1, 1, HF_ERR_IO);
            files_mem_fail(f.mem, FILES_MEM_PWRITEV, 1, UINT64_MAX, HF_ERR_IO);
            assert_int_equal(hf_log_sync(f.log), HF_ERR_IO);
        }
        fixture_close(&f);
        files_mem_crash(f.mem);
        files_mem_heal(f.mem);
        files_mem_read_only(f.mem, seed % 2 == 0);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 20);
        fixture_close(&f);
        files_mem_power_cut(f.mem);
        files_mem_read_only(f.mem, false);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 20);
        assert_int_equal(fixture_read_all(&f, 1, 100), 20);
        fixture_deinit(&f);
    }
}

/* The same for names: a process that is killed between the rename of a new segment and the sync of its directory leaves a name that only the page
 * cache has, and everything appended after the start would go with it. */
static void a_segment_found_at_the_start_keeps_its_name(void **state)
{
    unsigned renamed = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 32; seed++) {
        struct fixture f;
        uint64_t segments, durable;
        struct hf_log_stats stats;

        fixture_init(&f, seed);
        assert_int_equal(fixture_open(&f), HF_OK);
        hf_log_stats(f.log, &stats);
        segments = stats.segments;
        files_mem_fail(f.mem, FILES_MEM_SYNC_DIR, 1, UINT64_MAX, HF_ERR_IO);
        while (fixture_group(&f, 20, 1000) == HF_OK)
            ;
        durable = hf_log_durable_through(f.log);
        f.next = durable + 1;
        fixture_close(&f);
        files_mem_crash(f.mem);
        files_mem_heal(f.mem);
        assert_int_equal(fixture_open(&f), HF_OK);
        hf_log_stats(f.log, &stats);
        renamed += stats.segments > segments;
        assert_int_equal(hf_log_durable_through(f.log), durable);
        assert_int_equal(fixture_group(&f, 20, 1000), HF_OK);
        fixture_close(&f);
        files_mem_power_cut(f.mem);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), durable + 20);
        assert_int_equal(fixture_read_all(&f, 1, 1000), durable + 20);
        fixture_deinit(&f);
    }
    assert_int_equal(renamed, 32);
}

static void a_second_process_is_refused(void **state)
{
    struct fixture f;
    struct hf_log *second;
    bool repaired;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_open(FIXTURE_DIR, &f.options, &second), HF_ERR_BUSY);
    assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_ERR_BUSY);
    fixture_deinit(&f);
}

static void options_and_batches_out_of_range_are_refused(void **state)
{
    struct fixture f;
    struct hf_log_batch *batches[HF_LOG_BATCHES_MAX + 1], empty;
    uint64_t first_offset;
    char storage[64];

    (void)state;
    fixture_init(&f, 1);
    f.options.segment_bytes = HF_LOG_SEGMENT_BYTES_MIN - 1;
    assert_int_equal(fixture_open(&f), HF_ERR_INVALID);
    f.options.segment_bytes = HF_LOG_SEGMENT_BYTES_MAX + 1;
    assert_int_equal(fixture_open(&f), HF_ERR_INVALID);
    f.options.segment_bytes = HF_LOG_SEGMENT_BYTES_MIN;
    f.options.log_id = 0;
    assert_int_equal(fixture_open(&f), HF_ERR_INVALID);
    f.options.log_id = 1;
    assert_int_equal(hf_log_open("", &f.options, &f.log), HF_ERR_INVALID);
    assert_int_equal(fixture_open(&f), HF_OK);
    fixture_fill(&f, 1, 10);
    for (int i = 0; i <= HF_LOG_BATCHES_MAX; i++)
        batches[i] = &f.batch;
    assert_int_equal(hf_log_append(f.log, batches, HF_LOG_BATCHES_MAX + 1, 1, &first_offset), HF_ERR_LIMIT);
    assert_int_equal(hf_log_append(f.log, batches, 0, 1, &first_offset), HF_ERR_INVALID);
    hf_log_batch_init(&empty, storage, sizeof(storage));
    batches[1] = &empty;
    assert_int_equal(hf_log_append(f.log, batches, 2, 1, &first_offset), HF_ERR_INVALID);
    assert_int_equal(fixture_write_state(&f), HF_OK);
    assert_int_equal(hf_log_sync(f.log), HF_OK); /* nothing to do */
    assert_int_equal(hf_log_durable_through(f.log), 0);
    fixture_deinit(&f);
}

/* A group may be larger than a segment, and a record as large as the limit. */
static void large_records_and_groups_fit(void **state)
{
    struct fixture f;
    struct hf_log_batch batch;
    struct hf_log_batch *batches[] = {&batch};
    size_t bytes = 3 * (size_t)(HF_LOG_RECORD_HEAD_BYTES + HF_LOG_BODY_BYTES_MAX);
    char *storage = malloc(bytes), *body = malloc(HF_LOG_BODY_BYTES_MAX + 1);
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t first_offset;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    hf_log_batch_init(&batch, storage, bytes);
    memset(body, 'x', HF_LOG_BODY_BYTES_MAX + 1);
    assert_int_equal(hf_log_batch_add(&batch, (struct hf_slice){body, HF_LOG_BODY_BYTES_MAX + 1}, 1),
                     HF_ERR_INVALID);
    assert_int_equal(hf_log_batch_add(&batch, (struct hf_slice){body, 0}, 1), HF_ERR_INVALID);
    assert_null(hf_log_batch_reserve(&batch, HF_LOG_BODY_BYTES_MAX + 1));
    assert_null(hf_log_batch_reserve(&batch, 0));
    for (int i = 0; i < 3; i++)
        assert_int_equal(hf_log_batch_add(&batch, (struct hf_slice){body, HF_LOG_BODY_BYTES_MAX}, 1), HF_OK);
    assert_int_equal(hf_log_batch_add(&batch, (struct hf_slice){body, 1}, 1), HF_ERR_LIMIT);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hf_log_append(f.log, batches, 1, 1, &first_offset), HF_OK);
        assert_int_equal(hf_log_sync(f.log), HF_OK);
    }
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 5, &reader), HF_OK);
    for (int i = 5; i <= 9; i++) {
        assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
        assert_int_equal(record.offset, i);
        assert_int_equal(record.body.bytes, HF_LOG_BODY_BYTES_MAX);
        assert_memory_equal(record.body.at, body, HF_LOG_BODY_BYTES_MAX);
    }
    hf_log_reader_close(reader);
    free(storage);
    free(body);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_told_early_and_gets_over_it),
        cmocka_unit_test(space_may_end_anywhere),
        cmocka_unit_test(a_failed_sync_moves_on_to_a_new_segment),
        cmocka_unit_test(a_failed_write_leaves_nothing_behind),
        cmocka_unit_test(every_call_may_fail_once),
        cmocka_unit_test(a_read_only_disk_can_be_read),
        cmocka_unit_test(what_an_open_counts_as_durable_is_on_the_disk),
        cmocka_unit_test(a_segment_found_at_the_start_keeps_its_name),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(options_and_batches_out_of_range_are_refused),
        cmocka_unit_test(large_records_and_groups_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
