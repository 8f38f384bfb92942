/* Arbitrary bytes as the log's files. Properties: recovery and repair never crash; what a reader hands out has a body
 * whose CRC is the one that its keyed head holds; offsets only rise; the sum of records and gaps is the whole; after
 * an open the log takes and gives back a new record. The input has two parts: it is laid over a good log (so that the
 * fuzzer gets past the CRCs), and it is the whole of a segment. */
#include <stdlib.h>

#include "base/assert.h"
#include "log/format.h"
#include "log/log.h"
#include "log/reader.h"
#include "support/files_mem.h"

#define DIR "/fuzz"
enum { SEGMENT_BYTES = 64 << 10, GROUPS = 8 };
static const uint64_t LOG_ID = 42;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void read_all(struct hf_log *log, uint64_t key_hash)
{
    uint64_t expected = hf_log_oldest_offset(log);
    struct hf_log_reader *reader;
    struct hf_log_record record;
    hf_err err;

    HF_ASSERT(hf_log_reader_open(log, expected, &reader) == HF_OK);
    hf_log_reader_filter(reader, key_hash);
    for (;;) {
        err = hf_log_reader_next(reader, &record);
        if (err == HF_OK) {
            struct hf_log_head head;

            HF_ASSERT(key_hash ? record.offset >= expected : record.offset == expected);
            HF_ASSERT(
                hf_log_head_read((const uint8_t *)record.body.at - HF_LOG_RECORD_HEAD_BYTES, LOG_ID, &head));
            HF_ASSERT(head.offset == record.offset && head.body_bytes == record.body.bytes);
            HF_ASSERT(hf_log_body_intact(&head, (const uint8_t *)record.body.at));
            expected = record.offset + 1;
        } else if (err == HF_ERR_CORRUPT || err == HF_ERR_NOT_FOUND) {
            struct hf_log_gap gap = hf_log_reader_gap(reader);

            HF_ASSERT(gap.from >= expected && gap.to >= gap.from);
            hf_log_reader_skip(reader);
            expected = gap.to + 1;
        } else if (err != HF_ERR_BUSY) {
            break;
        }
    }
    HF_ASSERT(err == HF_ERR_AGAIN);
    HF_ASSERT(hf_log_reader_offset(reader) == hf_log_durable_through(log) + 1);
    hf_log_reader_close(reader);
}

static hf_err append_one(struct hf_log *log, struct hf_slice body, uint64_t key_hash)
{
    char storage[512];
    struct hf_log_batch batch, *batches[] = {&batch};
    uint64_t first_offset;
    hf_err err;

    hf_log_batch_init(&batch, storage, sizeof(storage));
    HF_ASSERT(hf_log_batch_add(&batch, body, key_hash) == HF_OK);
    err = hf_log_append(log, batches, 1, 5, &first_offset);
    return err == HF_OK ? hf_log_sync(log) : err;
}

static void exercise(const struct hf_log_options *options)
{
    struct hf_log *log;
    bool repaired;
    uint64_t offset;
    hf_err err = hf_log_open(DIR, options, &log);

    if (err == HF_ERR_CORRUPT) {
        err = hf_log_repair(DIR, options, &repaired);
        HF_ASSERT(err == HF_OK && repaired);
        err = hf_log_open(DIR, options, &log);
    }
    HF_ASSERT(err == HF_OK || err == HF_ERR_UNSUPPORTED); /* of a later version */
    if (err != HF_OK)
        return;
    uint64_t durable = hf_log_durable_through(log);

    if (durable < UINT64_MAX / 2) { /* a name may claim the last offset there is */
        HF_ASSERT(append_one(log, HF_SLICE("new"), 3) == HF_OK);
        HF_ASSERT(hf_log_durable_through(log) == durable + 1);
    }
    read_all(log, 0);
    read_all(log, 3);
    HF_ASSERT(hf_log_offset_at_time(log, 4, &offset) == HF_OK);
    hf_log_close(log);
}

static void make_good(const struct hf_log_options *options)
{
    struct hf_log *log;
    char body[300] = "body";

    HF_ASSERT(hf_log_open(DIR, options, &log) == HF_OK);
    for (int i = 0; i < GROUPS; i++)
        HF_ASSERT(append_one(log, (struct hf_slice){body, 4 + (size_t)i * 30}, (uint64_t)i) == HF_OK);
    hf_log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    if (data_bytes < 4)
        return 0;
    struct files_mem *mem = files_mem_new(1);
    struct hf_log_options options = {
        .files = files_mem_files(mem), .segment_bytes = SEGMENT_BYTES, .log_id = LOG_ID, .now_ms = 1};
    uint64_t bytes, at = HF_LOG_SEGMENT_HEAD_BYTES + (uint64_t)(data[0] << 8 | data[1]) % 2048;

    make_good(&options);
    if (data[2] % 2) {
        char *file = files_mem_bytes(mem, DIR "/00000000000000000001.log", &bytes);

        if (data[2] % 4 == 3)
            at = (uint64_t)(data[0] << 8 | data[1]) % bytes; /* also over the head */
        for (size_t i = 0; i < data_bytes - 3 && at + i < bytes; i++)
            file[at + i] ^= (char)data[3 + i];
    } else {
        static const char *const names[] = {DIR "/00000000000000000001.log", DIR "/00000000000000000005.log",
                                            DIR "/00000000000000000001.idx", DIR "/00000000000000000009.log"};
        files_mem_put(mem, names[data[2] / 2 % HF_COUNT_OF(names)], data + 3, data_bytes - 3);
    }
    exercise(&options);
    exercise(&options); /* what was cut or repaired stays so */
    files_mem_free(mem);
    return 0;
}
