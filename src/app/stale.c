/* app/stale.c - devices that were online when the node went down. Readers see them as unknown at once, without a write. Once a living
 * device must have come back, each worker walks its own in small steps and records those that did not as offline, reason node_restart. */
#include "app/worker.h"
#include "base/assert.h"
#include "core/rows.h"

enum { ROWS_PER_STEP = 500 };

static void record_offline(struct hf_worker *worker, struct hf_slice tenant, struct hf_slice device,
                           const struct hf_device_row *row)
{
    struct hf_event event = {
        .type = HF_EVENT_OFFLINE,
        .reason = HF_REASON_NODE_RESTART,
        .epoch = row->epoch,
        .conn = row->conn,
        .to = worker->gateway->boot,
        .tenant = tenant,
        .device = device,
    };

    (void)hf_journal_append(&worker->journal.base, &event, NULL);
}

/* A key and, where it is the last one of this step, the place to go on. */
static void look(struct hf_worker *worker, struct hf_slice key, struct hf_slice value)
{
    struct hf_slice tenant, device, rest;
    struct hf_device_row row;

    if (hf_kvkey_parse(key, &tenant, &device, &rest) != HF_OK || hf_device_row_decode(value, &row) != HF_OK)
        return;
    if (row.presence == HF_OFFLINE || row.boot == worker->gateway->boot ||
        hf_hub_home(tenant, device, worker->gateway->worker_count) != worker->index ||
        hf_hub_find(&worker->hub, tenant, device) != NULL)
        return;
    record_offline(worker, tenant, device, &row);
}

void hf_worker_stale_step(struct hf_worker *worker)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    unsigned rows = 0;

    if (worker->stale_done || worker->draining || worker->hub.utc_ms < worker->backend.unknown_until_ms ||
        hf_kv_read(worker->gateway->kv, &txn) != HF_OK)
        return;
    hf_err err = hf_kv_scan(txn, HF_KV_DEVICES, none, hf_kvkey_slice(&worker->stale_from), false, &cursor);
    while (err == HF_OK && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        if (++rows > ROWS_PER_STEP) {
            HF_ASSERT(key.bytes <= sizeof(worker->stale_from.at));
            memcpy(worker->stale_from.at, key.at, key.bytes);
            worker->stale_from.bytes = (uint16_t)key.bytes;
            break;
        }
        look(worker, key, value);
    }
    hf_kv_end(txn);
    worker->stale_done = err == HF_ERR_NOT_FOUND;
}
