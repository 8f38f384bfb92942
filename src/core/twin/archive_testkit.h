/* core/twin/archive_testkit.h - devices that send batches into a log of our own, which can be read again from any offset. */
#ifndef HF_CORE_TWIN_ARCHIVE_TESTKIT_H
#define HF_CORE_TWIN_ARCHIVE_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/samples/samples.h"
#include "core/twin/archive.h"
#include "store/memory/kv_memory.h"

enum { KIT_RECORDS_MAX = 20000 };
#define KIT_OFFSET_NS INT64_C(1764000000000000000)
#define KIT_US        (UINT64_C(1764000000) * 1000000)
#define KIT_KIT       static inline __attribute__((unused))

struct kit {
    struct hf_kv *kv;
    struct hf_archive archive;
    struct hf_archive_limits limits;
    unsigned records;
    struct {
        char device[16];
        uint8_t bytes[HF_SAMPLES_BYTES_MAX];
        size_t count;
    } log[KIT_RECORDS_MAX];
};

KIT_KIT void kit_open(struct kit *kit)
{
    assert_int_equal(hf_archive_init(&kit->archive, kit->kv, &kit->limits), HF_OK);
}

KIT_KIT void kit_begin(struct kit *kit)
{
    memset(kit, 0, sizeof(*kit));
    kit->limits = (struct hf_archive_limits){.devices_max = 100,
                                             .keep_ms = {UINT64_C(86400000), UINT64_C(400) * 86400000},
                                             .bytes_max = UINT64_C(1) << 40};
    assert_int_equal(hf_kv_memory_open(&kit->kv), HF_OK);
    kit_open(kit);
}

KIT_KIT void kit_end(struct kit *kit)
{
    hf_archive_deinit(&kit->archive);
    hf_kv_close(kit->kv);
}

/* Appends; taken by kit_take(). at_ms: of the first sample, by the device's clock, which is UTC less KIT_US. */
KIT_KIT void kit_say(struct kit *kit, const char *device, uint64_t at_us, unsigned step_us, unsigned count,
                     int16_t power)
{
    struct hf_samples head = {.utc_offset_ns = KIT_OFFSET_NS, .count = count};
    struct hf_sample samples[HF_SAMPLES_MAX];

    assert_true(kit->records < KIT_RECORDS_MAX);
    for (unsigned i = 0; i < count; i++)
        samples[i] = (struct hf_sample){(at_us + (uint64_t)i * step_us) * 1000, (uint16_t)(170 + i % 3),
                                        (int16_t)(power + (int)i), (int16_t)(i * 7 % 100)};
    (void)strncpy(kit->log[kit->records].device, device, sizeof(kit->log[0].device) - 1);
    kit->log[kit->records].count = hf_samples_write(kit->log[kit->records].bytes, &head, samples);
    kit->records++;
}

KIT_KIT hf_err kit_take_one(struct kit *kit, uint64_t offset)
{
    struct hf_event event = {
        .type = HF_EVENT_MESSAGE,
        .format = HF_FORMAT_SAMPLES,
        .offset = offset,
        .time_ms = KIT_US / 1000,
        .tenant = HF_SLICE("acme"),
        .device = hf_slice_of(kit->log[offset - 1].device),
        .payload = {(const char *)kit->log[offset - 1].bytes, kit->log[offset - 1].count},
    };

    return hf_archive_take(&kit->archive, &event);
}

KIT_KIT void kit_take(struct kit *kit, uint64_t from)
{
    for (uint64_t offset = from; offset <= kit->records; offset++)
        assert_int_equal(kit_take_one(kit, offset), HF_OK);
}

KIT_KIT void kit_commit(struct kit *kit)
{
    assert_int_equal(hf_archive_commit(&kit->archive, kit->records, KIT_US), HF_OK);
}

KIT_KIT struct hf_archive_answer kit_ask(struct kit *kit, const char *device, uint64_t from_us,
                                         uint64_t to_us, uint64_t step_us, uint32_t points_max)
{
    struct hf_archive_query query = {.tenant = HF_SLICE("acme"),
                                     .device = hf_slice_of(device),
                                     .channel = HF_SERIES_POWER,
                                     .from_us = KIT_US + from_us,
                                     .to_us = KIT_US + to_us,
                                     .step_us = step_us,
                                     .points_max = points_max};
    struct hf_archive_answer answer;

    assert_int_equal(hf_archive_query(&kit->archive, &query, &answer), HF_OK);
    return answer;
}

/* All of it, page by page. */
KIT_KIT struct hf_series_stat kit_sum(struct kit *kit, const char *device, uint64_t step_us)
{
    struct hf_series_stat sum = {0};
    uint64_t from_us = 0;

    for (unsigned pages = 0;; pages++) {
        struct hf_archive_answer answer = kit_ask(kit, device, from_us, UINT64_C(1) << 48, step_us, 1000);

        assert_true(pages < 1000);
        for (uint32_t i = 0; i < answer.count; i++)
            hf_series_add(&sum, &answer.points[i].stat);
        free(answer.points);
        if (answer.next_us == 0)
            return sum;
        assert_true(answer.next_us - KIT_US > from_us);
        from_us = answer.next_us - KIT_US;
    }
}

#endif
