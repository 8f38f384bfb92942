/* log/log_fixture.h - for the tests of the log only: a log on a disk in memory, records whose body follows from
 * their number, and a count of what was reported. */
#ifndef HF_LOG_FIXTURE_H
#define HF_LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "log/format.h"
#include "log/log.h"
#include "log/log_internal.h"
#include "log/reader.h"
#include "support/files_mem.h"

#define FIXTURE_DIR "/data/log"
enum { FIXTURE_BATCH_BYTES = 4 << 20, FIXTURE_SEGMENT_BYTES = 64 << 10, FIXTURE_DEVICES = 16 };

struct fixture {
    struct files_mem *mem;
    struct hf_log_options options;
    struct hf_log *log;
    uint64_t now_ms;
    struct hf_log_batch batch;
    uint64_t next; /* number of the next record; equal to its offset while nothing is lost */
    unsigned told[HF_LOG_INCIDENTS];
    struct hf_log_report last; /* path is not kept */
    char last_path[256];
};

static inline void fixture_on_report(void *context, const struct hf_log_report *report)
{
    struct fixture *fixture = context;

    fixture->told[report->event]++;
    fixture->last = *report;
    fixture->last.path = NULL;
    snprintf(fixture->last_path, sizeof(fixture->last_path), "%.200s", report->path);
}

static inline void fixture_init(struct fixture *fixture, uint64_t seed)
{
    *fixture = (struct fixture){.mem = files_mem_new(seed), .now_ms = 1000000, .next = 1};
    fixture->options = (struct hf_log_options){.files = files_mem_files(fixture->mem),
                                               .segment_bytes = FIXTURE_SEGMENT_BYTES,
                                               .log_id = 0x1234567890abcdef,
                                               .now_ms = 1000000,
                                               .report = fixture_on_report,
                                               .report_context = fixture};
    hf_log_batch_init(&fixture->batch, malloc(FIXTURE_BATCH_BYTES), FIXTURE_BATCH_BYTES);
}

/* HF_OK, or why the last write failed. */
static inline hf_err fixture_write_state(const struct fixture *fixture)
{
    return (hf_err)atomic_load(&fixture->log->write_state);
}

static inline hf_err fixture_open(struct fixture *fixture)
{
    fixture->options.now_ms = fixture->now_ms;
    return hf_log_open(FIXTURE_DIR, &fixture->options, &fixture->log);
}

static inline void fixture_close(struct fixture *fixture)
{
    hf_log_close(fixture->log);
    fixture->log = NULL;
}

static inline void fixture_deinit(struct fixture *fixture)
{
    fixture_close(fixture);
    files_mem_free(fixture->mem);
    free(fixture->batch.at);
}

/* The body of record `number`: 8..8+max bytes, all of them from the number. */
static inline size_t fixture_body(uint64_t number, char *out, size_t bytes_max)
{
    size_t bytes = 8 + (size_t)(number * 2654435761u % (bytes_max + 1));

    for (size_t i = 0; i < 8; i++)
        out[i] = (char)(number >> 8 * i);
    for (size_t i = 8; i < bytes; i++)
        out[i] = (char)(number * 31 + i * 7);
    return bytes;
}

static inline uint64_t fixture_number(struct hf_slice body)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 8 && i < body.bytes; i++)
        number |= (uint64_t)(unsigned char)body.at[i] << 8 * i;
    return number;
}

static inline uint64_t fixture_device(uint64_t number)
{
    return (number % FIXTURE_DEVICES + 1) * 0x9e3779b97f4a7c15u;
}

/* `count` records, not yet appended. */
static inline void fixture_fill(struct fixture *fixture, unsigned count, size_t bytes_max)
{
    hf_log_batch_clear(&fixture->batch);
    for (unsigned i = 0; i < count; i++) {
        char *at = hf_log_batch_reserve(&fixture->batch, 8 + bytes_max);

        assert_non_null(at);
        hf_log_batch_commit(&fixture->batch, fixture_body(fixture->next + i, at, bytes_max),
                            fixture_device(fixture->next + i));
    }
}

/* A group of `count` records, durable when it returns HF_OK. */
static inline hf_err fixture_group(struct fixture *fixture, unsigned count, size_t bytes_max)
{
    struct hf_log_batch *batches[] = {&fixture->batch};
    uint64_t first_offset;
    hf_err err;

    fixture_fill(fixture, count, bytes_max);
    fixture->now_ms += 10;
    err = hf_log_append(fixture->log, batches, 1, fixture->now_ms, &first_offset);
    if (err == HF_OK)
        err = hf_log_sync(fixture->log);
    if (err == HF_OK)
        fixture->next += count;
    return err;
}

static inline bool fixture_right(const struct hf_log_record *record, size_t bytes_max)
{
    static _Thread_local char body[FIXTURE_BATCH_BYTES];
    size_t bytes = fixture_body(fixture_number(record->body), body, bytes_max);

    return record->body.bytes == bytes && memcmp(record->body.at, body, bytes) == 0;
}

/* Reads from..durable end and expects record n at offset n; returns how many. */
static inline uint64_t fixture_read_all(struct fixture *fixture, uint64_t from, size_t bytes_max)
{
    struct hf_log_reader *reader;
    struct hf_log_record record;
    uint64_t count = 0;
    hf_err err;

    assert_int_equal(hf_log_reader_open(fixture->log, from, &reader), HF_OK);
    while ((err = hf_log_reader_next(reader, &record)) == HF_OK) {
        assert_int_equal(record.offset, from + count);
        assert_int_equal(fixture_number(record.body), from + count);
        assert_true(fixture_right(&record, bytes_max));
        count++;
    }
    assert_int_equal(err, HF_ERR_AGAIN);
    hf_log_reader_close(reader);
    return count;
}

static inline char *fixture_file(struct fixture *fixture, uint64_t first_offset, const char *suffix,
                                 uint64_t *ret_bytes)
{
    char path[256];

    assert_int_equal(hf_log_path(path, sizeof(path), FIXTURE_DIR, first_offset, suffix), HF_OK);
    return files_mem_bytes(fixture->mem, path, ret_bytes);
}

#endif
