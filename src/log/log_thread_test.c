/* One writer, several readers, retention: no reader sees a wrong record or misses one without a gap. Meant for
 * ThreadSanitizer as well. */
#include <pthread.h>
#include <stdatomic.h>

#include "log/log_fixture.h"

enum { READERS = 4, GROUPS = 600, BODY_MAX = 300 };

struct shared {
    struct fixture *f;
    _Atomic bool done;
};

struct reading {
    struct shared *shared;
    uint64_t key_hash; /* 0 = all */
    uint64_t met, lost;
};

static void *read_on(void *context)
{
    struct reading *reading = context;
    struct hf_log *log = reading->shared->f->log;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t expected = 1;

    HF_ASSERT(hf_log_reader_open(log, 1, &reader) == HF_OK);
    hf_log_reader_filter(reader, reading->key_hash);
    for (;;) {
        bool done = atomic_load(&reading->shared->done);
        hf_err err = hf_log_reader_next(reader, &record);

        if (err == HF_OK) {
            HF_ASSERT(reading->key_hash ? record.offset >= expected : record.offset == expected);
            HF_ASSERT(fixture_number(record.body) == record.offset && fixture_right(&record, BODY_MAX));
            expected = record.offset + 1;
            reading->met++;
        } else if (err == HF_ERR_NOT_FOUND) {
            struct hf_log_gap gap = hf_log_reader_gap(reader);

            HF_ASSERT(gap.reason == HF_REASON_RETENTION && gap.from >= expected);
            reading->lost += gap.to - gap.from + 1;
            hf_log_reader_skip(reader);
            expected = gap.to + 1;
        } else {
            HF_ASSERT(err == HF_ERR_AGAIN || err == HF_ERR_BUSY);
            if (done && err == HF_ERR_AGAIN)
                break;
        }
    }
    hf_log_reader_close(reader);
    return NULL;
}

static void *look_on(void *context)
{
    struct shared *shared = context;
    struct hf_log_stats stats;
    uint64_t offset;

    while (!atomic_load(&shared->done)) {
        hf_log_stats(shared->f->log, &stats);
        HF_ASSERT(hf_log_oldest_offset(shared->f->log) <= hf_log_durable_through(shared->f->log) + 1);
        HF_ASSERT(hf_log_offset_at_time(shared->f->log, 1000000 + stats.groups_total * 5, &offset) == HF_OK);
        (void)hf_log_reserved_bytes(shared->f->log);
        hf_log_set_retention(shared->f->log, 6 * FIXTURE_SEGMENT_BYTES, 0);
    }
    return NULL;
}

static void readers_and_writer_do_not_disturb_each_other(void **state)
{
    struct fixture f;
    struct shared shared = {.f = &f};
    struct reading readings[READERS];
    pthread_t readers[READERS], looker;

    (void)state;
    fixture_init(&f, 1);
    assert_int_equal(fixture_open(&f), HF_OK);
    for (int i = 0; i < READERS; i++) {
        readings[i] =
            (struct reading){.shared = &shared, .key_hash = i % 2 ? fixture_device((uint64_t)i) : 0};
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &readings[i]), 0);
    }
    assert_int_equal(pthread_create(&looker, NULL, look_on, &shared), 0);
    for (int i = 0; i < GROUPS; i++) {
        if (i % 97 == 50)
            files_mem_fail(f.mem, i % 2 ? FILES_MEM_FDATASYNC : FILES_MEM_PWRITEV, 1, 1, HF_ERR_IO);
        (void)fixture_group(&f, 1 + (unsigned)i % 30, BODY_MAX);
        hf_log_tick(f.log, f.now_ms);
    }
    atomic_store(&shared.done, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
        if (readings[i].key_hash == 0)
            assert_int_equal(readings[i].met + readings[i].lost, f.next - 1);
    }
    pthread_join(looker, NULL);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_and_writer_do_not_disturb_each_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
