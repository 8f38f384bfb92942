/* app/threads_testkit.h - for tests of the threads around the log: a log on a disk in memory, a journal as a worker has one, and
 * the worker's inbox. Nothing waits for time to pass: waits end when what they wait for has happened. */
#ifndef HF_APP_THREADS_TESTKIT_H
#define HF_APP_THREADS_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/journal.h"
#include "app/log_thread.h"
#include "core/hub.h"
#include "support/files_mem.h"

#define KIT static inline __attribute__((unused)) /* each program uses some of these */

#define KIT_UTC \
    4102444800000ull /* of records: 2100, so that nothing is old enough to be swept while a test runs */

enum { KIT_WAIT_MS = 20000 /* a test that waits so long has failed */, KIT_TOLD_MAX = 4096 };

struct kit_waiter {
    struct hf_waiter waiter;
    uint64_t offset, time_ms;
};

struct kit {
    struct files_mem *mem;
    struct hf_log_options options;
    struct hf_log *log;
    struct hf_logger logger;
    _Atomic unsigned lines;
    struct hf_inbox *inbox; /* the worker's: mailbox 0 from the log thread, 1 from the tail thread */
    struct hf_mailbox *from_log, *from_tail;
    struct hf_hub hub;
    struct hf_app_journal journal;
    struct hf_log_thread log_thread;
    struct kit_waiter waiters[KIT_TOLD_MAX];
    unsigned appended, told;
    unsigned durable_calls;
};

KIT void kit_line(void *context, const char *line, size_t bytes)
{
    (void)line, (void)bytes;
    atomic_fetch_add(&((struct kit *)context)->lines, 1);
}

KIT uint64_t kit_utc(void *context)
{
    (void)context;
    return 1700000000000;
}

KIT void kit_open_log(struct kit *kit, const char *dir)
{
    assert_int_equal(hf_log_open(dir, &kit->options, &kit->log), HF_OK);
}

KIT void kit_new(struct kit *kit)
{
    struct hf_log_sink sink = {.write = kit_line, .utc_ms = kit_utc, .context = kit};

    memset(kit, 0, sizeof(*kit));
    kit->mem = files_mem_new(1);
    kit->options = (struct hf_log_options){.files = files_mem_files(kit->mem),
                                           .segment_bytes = HF_LOG_SEGMENT_BYTES_MIN,
                                           .log_id = 7,
                                           .now_ms = 1700000000000};
    hf_logger_init(&kit->logger, &sink, HF_LOG_LOGFMT, HF_LOG_DEBUG);
    kit_open_log(kit, "/data/log");
    kit->inbox = hf_inbox_new(2);
    assert_non_null(kit->inbox);
    assert_int_equal(hf_inbox_add(kit->inbox, 0, &kit->from_log), HF_OK);
    assert_int_equal(hf_inbox_add(kit->inbox, 0, &kit->from_tail), HF_OK);
}

KIT void kit_free(struct kit *kit)
{
    hf_log_close(kit->log);
    hf_inbox_free(kit->inbox);
    files_mem_free(kit->mem);
}

/* Straight into the log, on the calling thread, as its only writer: for tests without a log thread. */
KIT void kit_write(struct kit *kit, const struct hf_event *event, unsigned count)
{
    static char storage[4 << 20];
    struct hf_log_batch batch, *batches[] = {&batch};
    uint64_t first;

    hf_log_batch_init(&batch, storage, sizeof(storage));
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = hf_event_bytes(event);
        char *at = hf_log_batch_reserve(&batch, bytes);

        assert_non_null(at);
        (void)hf_event_encode(event, (uint8_t *)at);
        hf_log_batch_commit(&batch, bytes,
                            event->device.at ? hf_device_hash(event->tenant, event->device) : 0);
    }
    assert_int_equal(hf_log_append(kit->log, batches, 1, KIT_UTC, &first), HF_OK);
    assert_int_equal(hf_log_sync(kit->log), HF_OK);
    hf_log_tick(kit->log, KIT_UTC);
}

KIT struct hf_event kit_message(const char *device, const char *topic, const char *payload)
{
    return (struct hf_event){.type = HF_EVENT_MESSAGE,
                             .flags = HF_EVENT_FLAG_TEXT,
                             .tenant = HF_SLICE("acme"),
                             .device = hf_slice_of(device),
                             .topic = hf_slice_of(topic),
                             .payload = hf_slice_of(payload)};
}

/* ---- a journal that notes who was told what ---- */

KIT void kit_told(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct kit_waiter *told = HF_CONTAINER_OF(waiter, struct kit_waiter, waiter);

    assert_int_equal(told->offset, 0); /* once */
    told->offset = offset;
    told->time_ms = time_ms;
}

/* Appends one message whose waiter is the next of kit->waiters. */
KIT hf_err kit_append(struct kit *kit, const char *payload, size_t bytes)
{
    struct hf_event event = kit_message("d1", "t", NULL);
    struct kit_waiter *waiter = &kit->waiters[kit->appended];

    assert_true(kit->appended < KIT_TOLD_MAX);
    event.payload = (struct hf_slice){payload, bytes};
    waiter->waiter.on_durable = kit_told;
    hf_err err = hf_journal_append(&kit->journal.base, &event, &waiter->waiter);
    if (err == HF_OK) {
        kit->appended++;
        hf_ledger_accept(&kit->hub.ledger.counts.uplink, 1);
    }
    return err;
}

KIT unsigned kit_count_told(const struct kit *kit)
{
    unsigned told = 0;

    for (unsigned i = 0; i < kit->appended; i++)
        told += kit->waiters[i].offset != 0;
    return told;
}

#endif
