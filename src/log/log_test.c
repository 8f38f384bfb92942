/* Tests of the log as a whole: what was durable is there, exactly once and in order. */
#include "base/bytes.h"
#include "base/crc32c.h"
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
    } rows[] = {{1, 0}, {3, 5}, {10, 9}, {10, 20}, {12, 40}, {19, 36}, {20, 36}};

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

/* The first record of the last group is lost and the others are whole: none of them may come back later behind a
 * record that took the place of the first. */
static void what_was_cut_never_comes_back(void **state)
{
    struct fixture f;
    uint64_t bytes;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 3, 0), HF_OK);
    assert_int_equal(fixture_group(&f, 5, 0), HF_OK);
    fixture_close(&f);
    fixture_file(&f, 1, ".log",
                 &bytes)[HF_LOG_SEGMENT_HEAD_BYTES + 3 * (HF_LOG_RECORD_HEAD_BYTES + 8) + 20] ^= 1;
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(f.told[HF_LOG_TORN_TAIL], 1);
    assert_int_equal(f.last.offset, 4);
    f.next = 4;
    assert_int_equal(fixture_group(&f, 1, 0), HF_OK);
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_durable_through(f.log), 4);
    fixture_deinit(&f);
}

static void what_is_recovered_is_made_durable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        struct fixture f;
        struct hf_log_batch *batches[] = {&f.batch};
        uint64_t first_offset;

        fixture_init(&f, seed);
        assert_int_equal(fixture_open(&f), HF_OK);
        fixture_fill(&f, 20, 100);
        assert_int_equal(hf_log_append(f.log, batches, 1, 1, &first_offset), HF_OK);
        files_mem_crash(f.mem); /* kill -9: the page cache has it, the disk has not */
        fixture_close(&f);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 20);
        files_mem_power_cut(f.mem);
        fixture_close(&f);
        assert_int_equal(fixture_open(&f), HF_OK);
        assert_int_equal(hf_log_durable_through(f.log), 20);
        fixture_deinit(&f);
    }
}

/* Both copies of the head of the last segment are lost. With another segment the log id is known and every record is
 * kept; alone, nothing can be told from garbage and the log goes on behind all that can have been there. */
static void a_lost_head_can_be_repaired(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct fixture f;
        struct hf_log_reader *reader;
        struct hf_log_record record;
        struct hf_log_stats stats;
        uint64_t bytes, first = 1, before;
        char path[128], *file;
        bool repaired;

        fixture_init(&f, 1);
        assert_int_equal(fixture_open(&f), HF_OK);
        do {
            assert_int_equal(fixture_group(&f, 10, 300), HF_OK);
            hf_log_stats(f.log, &stats);
        } while (!alone && stats.segments < 2);
        fixture_close(&f);
        before = f.next - 1;
        for (first = f.next; first > 0; first--) {
            assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, first, ".log"), HF_OK);
            if (files_mem_exists(f.mem, path))
                break;
        }
        file = files_mem_bytes(f.mem, path, &bytes);
        memset(file, 0, HF_LOG_SEGMENT_HEAD_BYTES);
        f.options.log_id = 999; /* drawn anew at each start */
        assert_int_equal(fixture_open(&f), HF_ERR_CORRUPT);
        assert_int_equal(f.told[HF_LOG_DAMAGE], 1);
        assert_int_equal(f.last.offset, first);
        assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_OK);
        assert_true(repaired);
        assert_int_equal(f.told[HF_LOG_SEGMENT_REPAIRED], 1);
        assert_int_equal(fixture_open(&f), HF_OK);
        if (alone) {
            assert_true(hf_log_durable_through(f.log) > before);
            assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
            assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_CORRUPT);
            assert_int_equal(hf_log_reader_gap(reader).from, 1);
            assert_int_equal(hf_log_reader_gap(reader).to, hf_log_durable_through(f.log));
            hf_log_reader_close(reader);
        } else {
            assert_int_equal(fixture_read_all(&f, 1, 300), before);
        }
        f.next = hf_log_durable_through(f.log) + 1;
        assert_int_equal(fixture_group(&f, 10, 300), HF_OK);
        fixture_deinit(&f);
    }
}

static void repair_that_fails_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    for (int op = 0; op < FILES_MEM_OPS; op++) {
        for (uint64_t nth = 1; nth < 8; nth++) {
            struct fixture f;
            uint64_t bytes;
            bool repaired;
            hf_err err;

            fixture_init(&f, nth);
            assert_int_equal(fixture_open(&f), HF_OK);
            for (int i = 0; i < 10; i++)
                assert_int_equal(fixture_group(&f, 10, 100), HF_OK);
            fixture_close(&f);
            fixture_file(&f, 1, ".log", &bytes)[HF_LOG_SEGMENT_HEAD_BYTES + 50] ^= 1;
            files_mem_fail(f.mem, (enum files_mem_op)op, nth, 1, HF_ERR_IO);
            err = hf_log_repair(FIXTURE_DIR, &f.options, &repaired);
            if (err != HF_OK) {
                assert_false(repaired);
                files_mem_power_cut(f.mem);
            }
            files_mem_heal(f.mem);
            assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_OK);
            assert_int_equal(fixture_open(&f), HF_OK);
            assert_int_equal(hf_log_durable_through(f.log), 100);
            f.next = 101;
            assert_int_equal(fixture_group(&f, 1, 100), HF_OK);
            fixture_deinit(&f);
        }
    }
}

static void a_later_version_is_not_touched(void **state)
{
    struct fixture f;
    uint64_t bytes;
    uint8_t *file;
    bool repaired;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    fixture_close(&f);
    file = (uint8_t *)fixture_file(&f, 1, ".log", &bytes);
    for (int copy = 0; copy < 2; copy++, file += HF_LOG_SEGMENT_HEAD_COPY) {
        file[15] = HF_LOG_VERSION + 1;
        hf_put_u32(file + 8, hf_crc32c(0, file + 12, HF_LOG_SEGMENT_HEAD_USED_BYTES - 12));
    }
    assert_int_equal(fixture_open(&f), HF_ERR_UNSUPPORTED);
    assert_int_equal(hf_log_repair(FIXTURE_DIR, &f.options, &repaired), HF_ERR_UNSUPPORTED);
    assert_false(repaired);
    fixture_deinit(&f);
}

static void leftovers_are_removed_and_strangers_left_alone(void **state)
{
    static const struct {
        const char *path;
        bool stays;
    } rows[] = {
        {FIXTURE_DIR "/spare.tmp", false},
        {FIXTURE_DIR "/repair.tmp", false},
        {FIXTURE_DIR "/00000000000000000001.idx", false}, /* of the live segment */
        {FIXTURE_DIR "/00000000000000000007.idx", false}, /* of none */
        {FIXTURE_DIR "/notes.txt", true},
        {FIXTURE_DIR "/00000000000000000001.log.damaged", true},
        {FIXTURE_DIR "/0000000000000000000x.log", true},
        {FIXTURE_DIR "/00000000000000000000.log", true},
        {FIXTURE_DIR "/99999999999999999999.log", true}, /* no 64-bit number */
    };
    struct fixture f;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    fixture_close(&f);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        files_mem_put(f.mem, rows[i].path, "x", 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(files_mem_exists(f.mem, rows[i].path), rows[i].stays);
    fixture_deinit(&f);
}

static void every_incident_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < HF_LOG_INCIDENTS; i++) {
        assert_true(strlen(hf_log_incident_name((enum hf_log_incident)i)) > 0);
        assert_true(strlen(hf_log_incident_text((enum hf_log_incident)i)) > 0);
    }
    assert_string_equal(hf_log_incident_name((enum hf_log_incident)99), "unknown");
    assert_string_equal(hf_log_incident_text((enum hf_log_incident)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_synced_over_a_restart),
        cmocka_unit_test(a_reader_sees_nothing_before_the_sync),
        cmocka_unit_test(a_tail_torn_at_every_byte_is_cut),
        cmocka_unit_test(damage_in_the_middle_is_refused_and_named),
        cmocka_unit_test(what_was_cut_never_comes_back),
        cmocka_unit_test(what_is_recovered_is_made_durable),
        cmocka_unit_test(a_lost_head_can_be_repaired),
        cmocka_unit_test(repair_that_fails_leaves_the_log_as_it_was),
        cmocka_unit_test(a_later_version_is_not_touched),
        cmocka_unit_test(leftovers_are_removed_and_strangers_left_alone),
        cmocka_unit_test(every_incident_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
