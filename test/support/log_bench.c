/* test/support/log_bench.c - how fast group commit is on this disk.
 *   log_bench DIR write RECORDS BATCH   as fast as it goes, one append and sync per batch of records
 *   log_bench DIR paced RATE SECONDS WAIT_US      batches of 100 arrive at RATE records/s; groups by log/commit.h
 *   log_bench DIR open                            time to ready, with what is there
 *   log_bench DIR read                            all of it
 * Records have 200 bytes. DIR must not be used for anything else. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/files_posix.h"
#include "log/commit.h"
#include "log/log.h"
#include "log/reader.h"

enum { BODY_BYTES = 200, ARRIVAL_RECORDS = 100, LATENCIES_MAX = 1 << 20, DEVICES = 15000 };

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fail(const char *what, hf_err err)
{
    fprintf(stderr, "%s: %s\n", what, hf_err_text(err));
    exit(1);
}

static void fill(struct hf_log_batch *batch, unsigned records)
{
    static uint64_t number;

    hf_log_batch_clear(batch);
    for (unsigned i = 0; i < records; i++) {
        char *at = hf_log_batch_reserve(batch, BODY_BYTES);

        if (at == NULL)
            fail("batch", HF_ERR_LIMIT);
        memset(at, 'x', BODY_BYTES);
        memcpy(at, &number, sizeof(number));
        hf_log_batch_commit(batch, BODY_BYTES, (number++ % DEVICES + 1) * 0x9e3779b97f4a7c15u);
    }
}

static int compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static void report(uint64_t records, uint64_t groups, uint64_t us, uint64_t cpu, uint32_t *latencies,
                   size_t count)
{
    double seconds = (double)us / 1e6, bytes = (double)records * (BODY_BYTES + HF_LOG_RECORD_HEAD_BYTES);

    qsort(latencies, count, sizeof(*latencies), compare);
    printf("%" PRIu64 " records in %" PRIu64 " groups, %.0f records/s, %.1f MB/s, %.2f ms a group, "
           "p50 %.2f ms, p99 %.2f ms, max %.2f ms, CPU %.2f us a record\n",
           records, groups, (double)records / seconds, bytes / seconds / 1e6, seconds * 1e3 / (double)groups,
           latencies[count / 2] / 1e3, latencies[count * 99 / 100] / 1e3, latencies[count - 1] / 1e3,
           (double)cpu / (double)records);
}

static void bench_write(struct hf_log *log, uint64_t records, unsigned batch_records)
{
    size_t bytes = (size_t)batch_records * (BODY_BYTES + HF_LOG_RECORD_HEAD_BYTES);
    uint32_t *latencies = malloc(LATENCIES_MAX * sizeof(*latencies));
    struct hf_log_batch batch, *batches[] = {&batch};
    uint64_t first_offset, groups = 0, start = now_us(), cpu = cpu_us();

    hf_log_batch_init(&batch, malloc(bytes), bytes);
    for (uint64_t done = 0; done < records; done += batch_records, groups++) {
        uint64_t before = now_us();
        hf_err err;

        fill(&batch, batch_records);
        err = hf_log_append(log, batches, 1, 1, &first_offset);
        if (err == HF_OK)
            err = hf_log_sync(log);
        if (err != HF_OK)
            fail("append", err);
        latencies[groups % LATENCIES_MAX] = (uint32_t)(now_us() - before);
        hf_log_tick(log, 1);
    }
    report(records, groups, now_us() - start, cpu_us() - cpu, latencies,
           groups < LATENCIES_MAX ? groups : LATENCIES_MAX);
    free(batch.at);
    free(latencies);
}

static void wait_until(uint64_t us)
{
    while (now_us() < us)
        nanosleep(&(struct timespec){0, 50000}, NULL);
}

/* Batches arrive on a schedule that does not wait for us; the latency of each counts from when it was due. */
static void bench_paced(struct hf_log *log, uint64_t rate, uint64_t seconds, uint32_t wait_us)
{
    size_t bytes = ARRIVAL_RECORDS * (BODY_BYTES + HF_LOG_RECORD_HEAD_BYTES);
    uint64_t arrivals = rate * seconds / ARRIVAL_RECORDS, gap_us = 1000000ull * ARRIVAL_RECORDS / rate;
    uint32_t *latencies = malloc(arrivals * sizeof(*latencies));
    struct hf_log_batch batches[HF_COMMIT_BATCHES_MAX], *group[HF_COMMIT_BATCHES_MAX];
    uint64_t start = now_us(), cpu = cpu_us(), next = 0, groups = 0, first_offset;
    struct hf_commit commit;

    for (int i = 0; i < HF_COMMIT_BATCHES_MAX; i++) {
        hf_log_batch_init(&batches[i], malloc(bytes), bytes);
        fill(&batches[i], ARRIVAL_RECORDS);
        group[i] = &batches[i];
    }
    hf_commit_init(&commit, wait_us, 0);
    while (next < arrivals) {
        uint64_t now;
        uint32_t count, left;
        hf_err err;

        wait_until(start + next * gap_us);
        do {
            now = now_us();
            while (next + commit.batches < arrivals && start + (next + commit.batches) * gap_us <= now &&
                   hf_commit_fits(&commit, ARRIVAL_RECORDS, bytes))
                hf_commit_add(&commit, ARRIVAL_RECORDS, bytes, start + (next + commit.batches) * gap_us);
            left = hf_commit_wait_us(&commit, now);
            if (left > 0)
                wait_until(now + (left < gap_us ? left : gap_us));
        } while (left > 0);
        count = commit.batches;
        err = hf_log_append(log, group, count, 1, &first_offset);
        if (err == HF_OK)
            err = hf_log_sync(log);
        if (err != HF_OK)
            fail("append", err);
        now = now_us();
        for (uint32_t i = 0; i < count; i++, next++)
            latencies[next] = (uint32_t)(now - (start + next * gap_us));
        groups++;
        hf_commit_done(&commit);
        hf_log_tick(log, 1);
    }
    printf("wait %u us: ", wait_us);
    report(arrivals * ARRIVAL_RECORDS, groups, now_us() - start, cpu_us() - cpu, latencies, arrivals);
    for (int i = 0; i < HF_COMMIT_BATCHES_MAX; i++)
        free(batches[i].at);
    free(latencies);
}

static void bench_read(struct hf_log *log)
{
    uint64_t start = now_us(), records = 0;
    struct hf_log_reader *reader;
    struct hf_log_record record;
    hf_err err = hf_log_reader_open(log, hf_log_oldest_offset(log), &reader);

    if (err != HF_OK)
        fail("reader", err);
    while ((err = hf_log_reader_next(reader, &record)) == HF_OK)
        records++;
    printf("%" PRIu64 " records read, %.0f records/s, ended with %s\n", records,
           (double)records * 1e6 / (double)(now_us() - start), hf_err_name(err));
    hf_log_reader_close(reader);
}

int main(int argc, char **argv)
{
    struct hf_log_options options = {.files = hf_files_posix(), .log_id = 0x1122334455667788, .now_ms = 1};
    struct hf_log *log;
    uint64_t start = now_us();
    hf_err err;

    if (argc < 3)
        fail("usage: log_bench DIR write|paced|open|read ...", HF_ERR_INVALID);
    err = hf_log_open(argv[1], &options, &log);
    if (err != HF_OK)
        fail("open", err);
    if (strcmp(argv[2], "open") == 0)
        printf("ready after %.1f ms with %" PRIu64 " records\n", (double)(now_us() - start) / 1e3,
               hf_log_durable_through(log));
    else if (strcmp(argv[2], "read") == 0)
        bench_read(log);
    else if (strcmp(argv[2], "write") == 0 && argc >= 5)
        bench_write(log, strtoull(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(argv[2], "paced") == 0 && argc >= 6)
        bench_paced(log, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                    (uint32_t)strtoul(argv[5], NULL, 10));
    else
        fail("usage: log_bench DIR write|paced|open|read ...", HF_ERR_INVALID);
    hf_log_close(log);
    return 0;
}
