/* Tests of the log as a whole: what was durable is there, exactly once and in order. */
#include "log/log_fixture.h"

static void keeps_what_was_synced_over_a_restart(void **state)
{
    struct fixture f;
    struct hf_log_stats stats;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_durable_through(f.log), 0);
    assert_int_equal(hf_log_oldest_offset(f.log), 1);
    assert_int_equal(fixture_read_all(&f, 1, 300), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(fixture_group(&f, 1 + i, 300), HF_OK);
    assert_int_equal(fixture_read_all(&f, 1, 300), f.next - 1);
    hf_log_stats(f.log, &stats);
    assert_true(stats.segments > 2);
    assert_int_equal(stats.records_appended_total, f.next - 1);
    assert_int_equal(stats.groups_total, 40);
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_durable_through(f.log), f.next - 1);
    assert_int_equal(f.told[HF_LOG_TORN_TAIL], 0);
    for (uint64_t from = 1; from < f.next; from += 37)
        assert_int_equal(fixture_read_all(&f, from, 300), f.next - from);
    assert_int_equal(fixture_group(&f, 5, 300), HF_OK);
    assert_int_equal(fixture_read_all(&f, 1, 300), f.next - 1);
    fixture_deinit(&f);
}

static void a_reader_sees_nothing_before_the_sync(void **state)
{
    struct fixture f;
    struct hf_log_batch *batches[] = {&f.batch};
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t first_offset;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 3, 20), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 3, &reader), HF_OK);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
    fixture_fill(&f, 4, 20);
    assert_int_equal(hf_log_append(f.log, batches, 1, f.now_ms, &first_offset), HF_OK);
    assert_int_equal(first_offset, 4);
    assert_int_equal(f.batch.first_offset, 4);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    assert_int_equal(hf_log_sync(f.log), HF_OK);
    for (uint64_t offset = 4; offset < 8; offset++) {
        assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
        assert_int_equal(record.offset, offset);
    }
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

/* The last group cut at every byte: what came before is there, of the group a prefix or nothing. */
static void a_tail_torn_at_every_byte_is_cut(void **state)
{
    struct fixture f;
    uint64_t bytes, before, position = HF_LOG_SEGMENT_HEAD_BYTES, end;
    char *file, *copy;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 20, 50), HF_OK);
    before = f.next - 1;
    for (uint64_t i = 1; i <= before; i++) {
        char body[64];

        position += HF_LOG_RECORD_HEAD_BYTES + fixture_body(i, body, 50);
    }
    assert_int_equal(fixture_group(&f, 5, 50), HF_OK);
    fixture_close(&f);
    file = fixture_file(&f, 1, ".log", &bytes);
    end = position + f.batch.bytes;
    copy = malloc(bytes);
    memcpy(copy, file, bytes);
    for (uint64_t cut = position; cut <= end; cut++) {
        for (int junk = 0; junk < 2; junk++) { /* what follows is zero, or garbage */
            char path[256];
            uint64_t durable;

            memset(f.told, 0, sizeof(f.told));
            assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, 1, ".log"), HF_OK);
            char *torn = malloc(bytes);

            memcpy(torn, copy, bytes);
            memset(torn + cut, 0, bytes - cut);
            if (junk)
                memset(torn + cut, 0xa5, end - cut + 100);
            files_mem_put(f.mem, path, torn, bytes);
            free(torn);
            assert_int_equal(fixture_open(&f), HF_OK);
            durable = hf_log_durable_through(f.log);
            assert_in_range(durable, before, cut == end ? before + 5 : before + 4);
            assert_int_equal(durable == before + 5, cut == end);
            assert_int_equal(fixture_read_all(&f, 1, 50), durable);
            if (junk)
                assert_int_equal(f.told[HF_LOG_TORN_TAIL], 1);
            f.next = durable + 1;
            assert_int_equal(fixture_group(&f, 2, 50), HF_OK);
            fixture_close(&f);
            assert_int_equal(fixture_open(&f), HF_OK);
            assert_int_equal(fixture_read_all(&f, 1, 50), durable + 2);
            fixture_close(&f);
        }
    }
    free(copy);
    fixture_deinit(&f);
}

static void damage_in_the_middle_is_refused_and_named(void **state)
{
    static const struct {
        uint64_t offset;
        int at; /* byte of the record */
    } rows[] = {{1, 0}, {3, 5}, {10, 9}, {10, 20}, {12, 40}, {19, 36}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct fixture f;
        uint64_t bytes, position = HF_LOG_SEGMENT_HEAD_BYTES;
        char body[64];
        bool repaired;

        fixture_init(&f, 1);
        assert_int_equal(fixture_open(&f), HF_OK);
        for (int group = 0; group < 10; group++)
            assert_int_equal(fixture_group(&f, 2, 50), HF_OK);
        assert_int_equal(fixture_group(&f, 1, 50), HF_OK);
        fixture_close(&f);
        for (uint64_t n = 1; n < rows[i].offset; n++)
            position += HF_LOG_RECORD_HEAD_BYTES + fixture_body(n, body, 50);
        fixture_file(&f, 1, ".log", &bytes)[position + (uint64_t)rows[i].at] ^= 0x10;
        assert_int_equal(fixture_open(&f), HF_ERR_CORRUPT);
        assert_int_equal(f.told[HF_LOG_DAMAGE], 1);
        assert_int_equal(f.last.offset, rows[i].offset);
        assert_int_equal(f.last.position, position);
        assert_string_equal(f.last_path, FIXTURE_DIR "/00000000000000000001.log");

        assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_OK);
        assert_true(repaired);
        assert_non_null(fixture_file(&f, 1, ".log.damaged", &bytes));
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 21);
        struct hf_log_reader *reader;
        struct hf_log_record record;

        assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
        for (uint64_t n = 1; n <= 21; n++) {
            if (n == rows[i].offset) {
                assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_CORRUPT);
                assert_int_equal(hf_log_reader_gap(reader).from, n);
                assert_int_equal(hf_log_reader_gap(reader).to, n);
                assert_int_equal(hf_log_reader_gap(reader).reason, HF_REASON_LOG_DAMAGED);
                assert_int_equal(hf_log_reader_next(reader, &record),
                                 HF_ERR_CORRUPT); /* until it is skipped */
                hf_log_reader_skip(reader);
                hf_log_reader_skip(reader);
                continue;
            }
            assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
            assert_int_equal(record.offset, n);
            assert_int_equal(fixture_number(record.body), n);
        }
        hf_log_reader_close(reader);
        assert_int_equal(fixture_group(&f, 1, 50), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 22);
        fixture_close(&f);
        assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_OK);
        assert_false(repaired);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_synced_over_a_restart),
        cmocka_unit_test(a_reader_sees_nothing_before_the_sync),
        cmocka_unit_test(a_tail_torn_at_every_byte_is_cut),
        cmocka_unit_test(damage_in_the_middle_is_refused_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
