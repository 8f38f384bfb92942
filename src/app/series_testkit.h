/* app/series_testkit.h - for tests of the thread that keeps the time series: batches in the log, a store that fails to order, and a worker that asks and waits for its answer.
 * A question wakes the thread, so nothing waits for its pauses. */
#ifndef HF_APP_SERIES_TESTKIT_H
#define HF_APP_SERIES_TESTKIT_H

#include "app/series_thread.h"
#include "app/threads_testkit.h"
#include "codec/samples/samples.h"
#include "store/memory/kv_memory.h"

enum { BATCH_SAMPLES = 50, BATCH_US = 500000 };
#define SERIES_OFFSET_NS INT64_C(1764000000000000000)
#define SERIES_US        (UINT64_C(1764000000) * 1000000)

struct failing { /* a store whose next calls fail */
    struct hf_kv_ops ops;
    const struct hf_kv_ops *real;
    unsigned commits, puts; /* so many of these */
    hf_err err;
};

struct asked {
    struct hf_call call;
    struct hf_call_series series;
    bool answered;
};

static struct kit kit;
static struct failing failing;

static hf_err failing_commit(struct hf_kv_txn *txn, uint64_t applied_offset)
{
    txn->ops = failing.real;
    if (failing.commits == 0)
        return hf_kv_commit(txn, applied_offset);
    failing.commits--;
    hf_kv_end(txn);
    return failing.err;
}

static hf_err failing_put(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key,
                          struct hf_slice value)
{
    if (failing.puts == 0)
        return failing.real->put(txn, table, key, value);
    failing.puts--;
    return failing.err;
}

static hf_err failing_begin(struct hf_kv *kv, bool write, struct hf_kv_txn **ret_txn)
{
    hf_err err = failing.real->begin(kv, write, ret_txn);

    if (err == HF_OK && write)
        (*ret_txn)->ops = &failing.ops;
    return err;
}

KIT hf_err open_kv(struct hf_kv **ret_kv)
{
    hf_err err = hf_kv_memory_open(ret_kv);

    if (err != HF_OK)
        return err;
    failing = (struct failing){.ops = *(*ret_kv)->ops, .real = (*ret_kv)->ops};
    failing.ops.commit = failing_commit;
    failing.ops.put = failing_put;
    failing.ops.begin = failing_begin;
    (*ret_kv)->ops = &failing.ops;
    return HF_OK;
}

KIT struct hf_series_thread series_of(struct hf_kv *kv)
{
    struct hf_series_thread series = {
        .log = kit.log,
        .logger = &kit.logger,
        .workers = 1,
        .limits = {.devices_max = 100, .keep_ms = {KIT_UTC, KIT_UTC}, .bytes_max = UINT64_C(1) << 40},
        .kv = kv};

    series.to[0] = kit.from_log;
    return series;
}

/* Batch n of a ride: 100 Hz, power n * 50 and on. */
KIT void write_batches(unsigned from, unsigned count)
{
    for (unsigned n = from; n < from + count; n++) {
        struct hf_samples head = {.utc_offset_ns = SERIES_OFFSET_NS, .count = BATCH_SAMPLES};
        struct hf_sample samples[BATCH_SAMPLES];
        uint8_t payload[HF_SAMPLES_BYTES_MAX];
        struct hf_event event = kit_message("bike", "samples", "");

        for (unsigned i = 0; i < BATCH_SAMPLES; i++)
            samples[i] = (struct hf_sample){.ts_ns = (n * UINT64_C(500) + i * 10) * 1000000,
                                            .cadence_half_rpm = 180,
                                            .power_w = (int16_t)(n % 20 * BATCH_SAMPLES + i)};
        event.format = HF_FORMAT_SAMPLES;
        event.flags = 0;
        event.payload = (struct hf_slice){(const char *)payload, hf_samples_write(payload, &head, samples)};
        kit_write(&kit, &event, 1);
    }
}

static void on_answer(struct hf_call *call)
{
    HF_CONTAINER_OF(call, struct asked, call)->answered = true;
}

static void on_back(void *context, unsigned mailbox, void *message)
{
    (void)mailbox;
    hf_series_arrived(context, message);
}

KIT hf_err ask(struct hf_series_thread *series, struct asked *asked)
{
    *asked = (struct asked){.call = {.type = HF_CALL_SERIES,
                                     .tenant = HF_SLICE("acme"),
                                     .device = HF_SLICE("bike"),
                                     .on_done = on_answer},
                            .series = {.channel = HF_SERIES_POWER,
                                       .from_us = SERIES_US,
                                       .to_us = SERIES_US + UINT64_C(3600000000),
                                       .points_max = HF_ARCHIVE_POINTS_MAX}};
    asked->call.series = &asked->series;
    return hf_series_ask(series, &asked->call);
}

KIT void wait_for(struct hf_series_thread *series, struct asked *asked)
{
    (void)hf_inbox_drain(kit.inbox, on_back, series, HF_SERIES_QUERIES_MAX);
    while (!asked->answered) {
        (void)hf_inbox_wait(kit.inbox, KIT_WAIT_MS);
        (void)hf_inbox_drain(kit.inbox, on_back, series, HF_SERIES_QUERIES_MAX);
    }
}

/* How many samples there are; each is what was said, once and in order, from the first on. */
KIT unsigned count_samples(const struct asked *asked)
{
    const struct hf_archive_point *points = asked->call.result;

    for (unsigned i = 0; i < asked->series.count; i++) {
        assert_int_equal(points[i].t_us, SERIES_US + i * UINT64_C(10000));
        assert_int_equal(points[i].stat.sum, i % (20 * BATCH_SAMPLES));
    }
    return asked->series.count;
}

KIT unsigned ask_and_count(struct hf_series_thread *series, enum hf_reason *ret_reason)
{
    struct asked asked;
    unsigned count;

    assert_int_equal(ask(series, &asked), HF_OK);
    wait_for(series, &asked);
    *ret_reason = (enum hf_reason)asked.call.reason;
    count = count_samples(&asked);
    free(asked.call.result);
    return count;
}

#endif
