/* Readers: gaps are exact, filters miss nothing, retention disturbs nobody. */
#include "base/rng.h"
#include "log/index.h"
#include "log/log_fixture.h"

enum { BODY_MAX = 300 };

static void fill_segments(struct fixture *f, unsigned segments)
{
    struct hf_log_stats stats;

    do {
        assert_int_equal(fixture_group(f, 20, BODY_MAX), HF_OK);
        hf_log_stats(f->log, &stats);
    } while (stats.segments < segments);
    assert_int_equal(fixture_group(f, 20, BODY_MAX), HF_OK);
}

static void expect_next(struct hf_log_reader *reader, uint64_t offset)
{
    struct hf_log_record record;

    assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
    assert_int_equal(record.offset, offset);
    assert_int_equal(fixture_number(record.body), offset);
}

static void expect_gap(struct hf_log_reader *reader, hf_err err, uint64_t from, uint64_t to)
{
    struct hf_log_record record;
    struct hf_log_gap gap;

    assert_int_equal(hf_log_reader_next(reader, &record), err);
    gap = hf_log_reader_gap(reader);
    assert_int_equal(gap.from, from);
    assert_int_equal(gap.to, to);
    assert_int_equal(gap.reason, err == HF_ERR_NOT_FOUND ? HF_REASON_RETENTION : HF_REASON_LOG_DAMAGED);
}

static void retention_tells_the_exact_gap(void **state)
{
    struct fixture f;
    struct hf_log_reader *behind, *inside;
    struct hf_log_stats stats;
    uint64_t oldest;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    fill_segments(&f, 6);
    assert_int_equal(hf_log_reader_open(f.log, 1, &behind), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &inside), HF_OK);
    expect_next(inside, 1);
    hf_log_set_retention(f.log, 2 * FIXTURE_SEGMENT_BYTES, 0);
    hf_log_tick(f.log, f.now_ms);
    oldest = hf_log_oldest_offset(f.log);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 2);
    assert_int_equal(stats.segments_deleted_total, 4);
    assert_int_equal(f.told[HF_LOG_SEGMENT_DELETED], 4);
    expect_gap(behind, HF_ERR_NOT_FOUND, 1, oldest - 1);
    hf_log_reader_skip(behind);
    expect_next(behind, oldest);
    /* The segment that was open is read to its end; then comes the gap, from there on. */
    struct hf_log_record record;
    uint64_t last = 1;
    hf_err err;

    while ((err = hf_log_reader_next(inside, &record)) == HF_OK) {
        assert_int_equal(record.offset, last + 1);
        last = record.offset;
    }
    assert_int_equal(err, HF_ERR_NOT_FOUND);
    assert_true(last > 20 && last < oldest - 1);
    expect_gap(inside, HF_ERR_NOT_FOUND, last + 1, oldest - 1);
    hf_log_reader_skip(inside);
    for (uint64_t offset = oldest; offset < f.next; offset++)
        expect_next(inside, offset);
    hf_log_reader_close(behind);
    hf_log_reader_close(inside);
    fixture_close(&f);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_oldest_offset(f.log), oldest);
    fixture_deinit(&f);
}

static void the_live_segment_deleted_later_is_read_to_its_end(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t offset = 1;
    hf_err err;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 20, BODY_MAX), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    expect_next(reader, 1); /* it was live when the reader looked */
    fill_segments(&f, 5);
    hf_log_set_retention(f.log, FIXTURE_SEGMENT_BYTES, 0);
    hf_log_tick(f.log, f.now_ms);
    while ((err = hf_log_reader_next(reader, &record)) == HF_OK)
        assert_int_equal(record.offset, ++offset);
    assert_int_equal(err, HF_ERR_NOT_FOUND);
    assert_true(offset > 100);
    expect_gap(reader, HF_ERR_NOT_FOUND, offset + 1, hf_log_oldest_offset(f.log) - 1);
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

static void retention_by_age_goes_by_the_segments(void **state)
{
    struct fixture f;
    struct hf_log_stats stats;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    hf_log_set_retention(f.log, 0, 60000);
    fill_segments(&f, 3);
    hf_log_tick(f.log, f.now_ms);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 3);
    f.now_ms += 60001;
    hf_log_tick(f.log, f.now_ms);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 1); /* the live one stays, however old */
    hf_log_set_retention(f.log, 1, 1);
    hf_log_tick(f.log, f.now_ms);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.segments, 1); /* and however large */
    assert_int_equal(hf_log_durable_through(f.log), f.next - 1);
    fixture_deinit(&f);
}

static void damage_anywhere_costs_what_is_damaged(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    uint64_t bytes, position = HF_LOG_SEGMENT_HEAD_BYTES;
    char body[BODY_MAX + 8], *file;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    fill_segments(&f, 3);
    file = fixture_file(&f, 1, ".log", &bytes);
    for (uint64_t n = 1; n < 30; n++)
        position += HF_LOG_RECORD_HEAD_BYTES + fixture_body(n, body, BODY_MAX);
    file[position + 4] ^= 1; /* the length of record 30 */
    assert_int_equal(hf_log_reader_open(f.log, 29, &reader), HF_OK);
    expect_next(reader, 29);
    expect_gap(reader, HF_ERR_CORRUPT, 30, 30);
    file[position + 4] ^= 1; /* it was a passing error */
    expect_next(reader, 30);
    file[position + HF_LOG_RECORD_HEAD_BYTES] ^= 1;
    hf_log_reader_close(reader);
    for (uint64_t from = 1; from < 40; from++) { /* also for one who only passes it on the way */
        assert_int_equal(hf_log_reader_open(f.log, from, &reader), HF_OK);
        for (uint64_t n = from; n < 40; n++) {
            if (n == 30) {
                expect_gap(reader, HF_ERR_CORRUPT, 30, 30);
                hf_log_reader_skip(reader);
            } else {
                expect_next(reader, n);
            }
        }
        hf_log_reader_close(reader);
    }
    fixture_deinit(&f);
}

/* The end of a sealed segment is damaged, a sealed one is gone, the live one is damaged. */
static void a_gap_may_end_with_its_segment(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    char path[128], second_path[128];
    uint64_t bytes, second, third, last;
    hf_err err;
    int wrong;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    fill_segments(&f, 4);
    char *file = fixture_file(&f, 1, ".log", &bytes);

    file[bytes - 1] ^= 1;
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    for (last = 0; (err = hf_log_reader_next(reader, &record)) == HF_OK; last = record.offset)
        ;
    assert_int_equal(err, HF_ERR_CORRUPT);
    expect_gap(reader, HF_ERR_CORRUPT, last + 1, last + 1);
    hf_log_reader_skip(reader);
    second = last + 2;
    assert_int_equal(hf_log_path(second_path, sizeof(second_path), FIXTURE_DIR, second, ".log"), HF_OK);
    assert_true(files_mem_exists(f.mem, second_path));
    for (third = second + 1; wrong = hf_log_path(path, sizeof(path), FIXTURE_DIR, third, ".log"),
        wrong == HF_OK && !files_mem_exists(f.mem, path);
         third++)
        ;
    assert_int_equal(f.options.files->unlink(f.options.files->context, second_path),
                     HF_OK); /* by somebody else */
    expect_gap(reader, HF_ERR_CORRUPT, second, third - 1);
    hf_log_reader_skip(reader);
    expect_next(reader, third);
    hf_log_reader_close(reader);
    /* The last record of the live segment, after it was read once: only this reader is told. */
    assert_int_equal(hf_log_reader_open(f.log, f.next - 2, &reader), HF_OK);
    last = f.next - 1;
    for (uint64_t first = last; first > third; first--) {
        assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, first, ".log"), HF_OK);
        if (!files_mem_exists(f.mem, path))
            continue;
        file = files_mem_bytes(f.mem, path, &bytes);
        for (uint64_t i = HF_LOG_SEGMENT_HEAD_BYTES; i < bytes; i++)
            file[i] ^= 0x55;
        break;
    }
    expect_gap(reader, HF_ERR_CORRUPT, last - 1, last);
    hf_log_reader_skip(reader);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    assert_int_equal(fixture_group(&f, 3, BODY_MAX), HF_OK);
    expect_next(reader, last + 1); /* and it goes on */
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

static void what_cannot_be_read_is_damage_of_its_own_page(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    struct hf_log_record record;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(fixture_group(&f, 100, BODY_MAX), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    files_mem_fail(f.mem, FILES_MEM_PREAD, 1, 2, HF_ERR_IO); /* the whole buffer, then its first page */
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_CORRUPT);
    for (uint64_t n = 1; n <= 100; n++) /* read again, and good */
        expect_next(reader, n);
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

/* Every device is read with a filter and compared with reading everything; with indexes from memory, from their
 * files, rebuilt, and damaged. */
static void filters_miss_nothing(void **state)
{
    static const char *const suffixes[] = {"as it is", "from file", "gone", "damaged", "of another"};
    struct fixture f;
    struct hf_log_stats stats;

    (void)state;
    for (size_t how = 0; how < HF_COUNT_OF(suffixes); how++) {
        fixture_init(&f, 1);
        f.options.segment_bytes = 3 << 20;
        assert_int_equal(fixture_open(&f), HF_OK);
        for (int i = 0; i < 300; i++)
            assert_int_equal(fixture_group(&f, 20, 4000), HF_OK);
        hf_log_stats(f.log, &stats);
        assert_true(stats.segments >= 4);
        if (how > 0) {
            fixture_close(&f);
            assert_int_equal(fixture_open(&f), HF_OK);
        }
        for (uint64_t first = 1, bytes; how >= 2 && first < f.next; first++) {
            char path[128], *index;

            assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, first, ".idx"), HF_OK);
            if (!files_mem_exists(f.mem, path))
                continue;
            index = files_mem_bytes(f.mem, path, &bytes);
            if (how == 2)
                f.options.files->unlink(f.options.files->context, path);
            else
                index[how == 3 ? bytes / 2 : 24] ^= 1;
        }
        for (uint64_t device = 0; device < FIXTURE_DEVICES + 1; device++) {
            struct hf_log_reader *reader;
            struct hf_log_record record;
            uint64_t met = 0, want = 0, from = device * 17 + 1, last = 0;
            hf_err err;

            assert_int_equal(hf_log_reader_open(f.log, from, &reader), HF_OK);
            hf_log_reader_filter(reader, device < FIXTURE_DEVICES ? fixture_device(device) : 0xdeadbeef1);
            while ((err = hf_log_reader_next(reader, &record)) == HF_OK || err == HF_ERR_BUSY) {
                if (err == HF_ERR_BUSY)
                    continue;
                assert_true(record.offset > last);
                assert_int_equal(record.offset, fixture_number(record.body));
                assert_int_equal(record.offset % FIXTURE_DEVICES, device);
                last = record.offset;
                met++;
            }
            assert_int_equal(err, HF_ERR_AGAIN);
            for (uint64_t n = from; n < f.next; n++)
                want += n % FIXTURE_DEVICES == device;
            assert_int_equal(met, want);
            assert_int_equal(hf_log_reader_offset(reader), f.next);
            hf_log_reader_close(reader);
        }
        hf_log_stats(f.log, &stats);
        assert_int_equal(stats.index_rebuilds_total > 0, how >= 2);
        assert_int_equal(stats.index_loads_total > 0, how < 2);
        fixture_deinit(&f);
    }
}

/* A device that is nowhere costs no reading of the records; one that comes later is still found. */
static void a_filter_waits_at_the_end(void **state)
{
    struct fixture f;
    struct hf_log_batch *batches[] = {&f.batch};
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t before, first_offset;

    (void)state;
    fixture_init(&f, 1);
    f.options.segment_bytes = 16 << 20;
    assert_int_equal(fixture_open(&f), HF_OK);
    for (int i = 0; i < 200; i++)
        assert_int_equal(fixture_group(&f, 20, 4000), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    hf_log_reader_filter(reader, 77);
    before = files_mem_calls(f.mem, FILES_MEM_PREAD);
    assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    assert_in_range(files_mem_calls(f.mem, FILES_MEM_PREAD) - before, 0, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_group(&f, 20, 100), HF_OK);
        hf_log_batch_clear(&f.batch);
        assert_int_equal(hf_log_batch_add(&f.batch, HF_SLICE("here"), 77), HF_OK);
        assert_int_equal(hf_log_append(f.log, batches, 1, f.now_ms, &first_offset), HF_OK);
        assert_int_equal(hf_log_sync(f.log), HF_OK);
        f.next++;
        assert_int_equal(hf_log_reader_next(reader, &record), HF_OK);
        assert_int_equal(record.offset, first_offset);
        assert_int_equal(record.key, hf_log_key(77));
        assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
    }
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

/* The index of a segment cannot be had: its records are looked at one by one, and others get their turn between. */
static void a_filtered_call_reads_no_more_than_its_share(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    struct hf_log_stats stats;
    uint64_t bytes, busy = 0;
    hf_err err;

    (void)state;
    fixture_init(&f, 1);
    f.options.segment_bytes = 16 << 20;
    assert_int_equal(fixture_open(&f), HF_OK);
    do {
        assert_int_equal(fixture_group(&f, 500, 4000), HF_OK);
        hf_log_stats(f.log, &stats);
    } while (stats.segments < 2);
    (void)fixture_file(&f, 1, ".log", &bytes);
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    hf_log_reader_filter(reader, 77);
    files_mem_fail(f.mem, FILES_MEM_OPEN, 2, 2,
                   HF_ERR_IO); /* the segment itself opens; the index and its scan not */
    while ((err = hf_log_reader_next(reader, &record)) == HF_ERR_BUSY)
        busy++;
    assert_int_equal(err, HF_ERR_AGAIN);
    assert_in_range(busy, bytes / HF_LOG_READER_SCAN_BYTES_MAX - 1, bytes / HF_LOG_READER_SCAN_BYTES_MAX);
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

/* Times step back now and then: no record that is as late lies before the answer. */
static void the_first_record_of_a_time_is_found(void **state)
{
    enum { GROUPS = 400 };
    static uint64_t times[GROUPS * 20 + 1];
    struct fixture f;
    struct hf_rng rng;

    (void)state;
    for (int damaged = 0; damaged < 2; damaged++) {
        fixture_init(&f, 1);
        f.options.segment_bytes = 256 << 10;
        hf_rng_seed(&rng, 3);
        assert_int_equal(fixture_open(&f), HF_OK);
        for (int i = 0; i < GROUPS; i++) {
            f.now_ms += hf_rng_below(&rng, 100);
            if (hf_rng_below(&rng, 10) == 0)
                f.now_ms -= 500;
            assert_int_equal(fixture_group(&f, 20, BODY_MAX), HF_OK);
            for (uint64_t n = f.next - 20; n < f.next; n++)
                times[n] = f.now_ms;
        }
        if (damaged) { /* a segment whose head is lost: its times are unknown */
            uint64_t bytes, first = 2;
            char path[128], *file;

            fixture_close(&f);
            for (;; first++) {
                assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, first, ".log"), HF_OK);
                if (files_mem_exists(f.mem, path))
                    break;
            }
            file = files_mem_bytes(f.mem, path, &bytes);
            file[20] ^= 1;
            assert_int_equal(fixture_open(&f), HF_OK); /* the copy serves */
            assert_int_equal(f.told[HF_LOG_HEAD_DAMAGED], 0);
            fixture_close(&f);
            file[HF_LOG_SEGMENT_HEAD_COPY + 20] ^= 1;
            assert_int_equal(fixture_open(&f), HF_OK);
            assert_int_equal(f.told[HF_LOG_HEAD_DAMAGED], 1);
        }
        for (uint64_t time_ms = 999000; time_ms < f.now_ms + 2000; time_ms += 71) {
            uint64_t got, want = 1;

            while (want < f.next && times[want] < time_ms)
                want++;
            assert_int_equal(hf_log_offset_at_time(f.log, time_ms, &got), HF_OK);
            assert_int_equal(got, want);
        }
        fixture_deinit(&f);
    }
}

static void too_many_readers_are_refused(void **state)
{
    struct fixture f;
    struct hf_log_reader *readers[2], *third;
    struct hf_log_stats stats;

    (void)state;
    fixture_init(&f, 1);
    f.options.readers_max = 2;
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &readers[0]), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 2, &third), HF_ERR_INVALID);
    assert_int_equal(hf_log_reader_open(f.log, 0, &readers[1]), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 0, &third), HF_ERR_LIMIT);
    hf_log_stats(f.log, &stats);
    assert_int_equal(stats.readers, 2);
    assert_int_equal(stats.readers_refused_total, 1);
    hf_log_reader_close(readers[0]);
    assert_int_equal(hf_log_reader_open(f.log, 0, &third), HF_OK);
    hf_log_reader_close(readers[1]);
    hf_log_reader_close(third);
    hf_log_reader_close(NULL);
    fixture_deinit(&f);
}

/* A device puts a record into its message, right behind damage: without the log id it is no record. */
static void a_record_inside_a_payload_is_no_record(void **state)
{
    struct fixture f;
    struct hf_log_batch *batches[] = {&f.batch}, inner;
    struct hf_log_reader *reader;
    char storage[256];
    uint64_t first_offset, bytes;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    hf_log_batch_init(&inner, storage, sizeof(storage));
    assert_int_equal(hf_log_batch_add(&inner, HF_SLICE("I am device 7"), 7), HF_OK);
    hf_log_head_seal((uint8_t *)storage, 0 /* not the id */, 2, 1, 1);
    hf_log_batch_clear(&f.batch);
    assert_int_equal(hf_log_batch_add(&f.batch, (struct hf_slice){storage, inner.bytes}, 1), HF_OK);
    assert_int_equal(hf_log_append(f.log, batches, 1, 1, &first_offset), HF_OK);
    assert_int_equal(hf_log_sync(f.log), HF_OK);
    f.next = 2;
    assert_int_equal(fixture_group(&f, 2, 10), HF_OK);
    fixture_file(&f, 1, ".log", &bytes)[HF_LOG_SEGMENT_HEAD_BYTES] ^= 1;
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    expect_gap(reader, HF_ERR_CORRUPT, 1, 1);
    hf_log_reader_skip(reader);
    expect_next(reader, 2);
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

static struct {
    const struct hf_files *below;
    uint64_t end; /* of the furthest read */
} watched;

static hf_err watched_pread(void *context, int file, void *buffer, size_t bytes, uint64_t position,
                            size_t *ret_bytes)
{
    watched.end = HF_MAX(watched.end, position + bytes);
    return watched.below->pread(context, file, buffer, bytes, position, ret_bytes);
}

/* A live segment is reserved whole. To read on behind its last record costs the kernel pages of zeros, as many as it reads ahead. */
static void nothing_is_read_behind_what_is_durable(void **state)
{
    struct fixture f;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    struct hf_files files;

    (void)state;
    fixture_init(&f, 1);
    files = *f.options.files;
    files.pread = watched_pread;
    watched.below = f.options.files;
    f.options.files = &files;
    assert_int_equal(fixture_open(&f), HF_OK);
    assert_int_equal(hf_log_reader_open(f.log, 1, &reader), HF_OK);
    for (uint64_t end = HF_LOG_SEGMENT_HEAD_BYTES; f.next < 1000;) { /* through several segments */
        struct hf_log_stats stats;

        hf_log_stats(f.log, &stats);
        watched.end = 0;
        uint64_t segments = stats.segments, from = f.next;
        assert_int_equal(fixture_group(&f, 3, BODY_MAX), HF_OK);
        hf_log_stats(f.log, &stats);
        end = stats.segments == segments ? end + f.batch.bytes : HF_LOG_SEGMENT_HEAD_BYTES + f.batch.bytes;
        for (uint64_t offset = from; offset < f.next; offset++)
            expect_next(reader, offset);
        assert_int_equal(hf_log_reader_next(reader, &record), HF_ERR_AGAIN);
        assert_int_equal(watched.end, end);
    }
    hf_log_reader_close(reader);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retention_tells_the_exact_gap),
        cmocka_unit_test(the_live_segment_deleted_later_is_read_to_its_end),
        cmocka_unit_test(retention_by_age_goes_by_the_segments),
        cmocka_unit_test(damage_anywhere_costs_what_is_damaged),
        cmocka_unit_test(a_gap_may_end_with_its_segment),
        cmocka_unit_test(what_cannot_be_read_is_damage_of_its_own_page),
        cmocka_unit_test(filters_miss_nothing),
        cmocka_unit_test(a_filter_waits_at_the_end),
        cmocka_unit_test(a_filtered_call_reads_no_more_than_its_share),
        cmocka_unit_test(the_first_record_of_a_time_is_found),
        cmocka_unit_test(too_many_readers_are_refused),
        cmocka_unit_test(a_record_inside_a_payload_is_no_record),
        cmocka_unit_test(nothing_is_read_behind_what_is_durable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
