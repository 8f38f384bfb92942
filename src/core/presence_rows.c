#include "core/presence_rows.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/kvkey.h"
#include "core/rows.h"

enum { SUM_BYTES = 8, ROW_BYTES_MAX = SUM_BYTES + 16 + HF_EVENT_HEAD_BYTES_MAX };

bool hf_presence_rows_want(const struct hf_event *event)
{
    return (event->type == HF_EVENT_ONLINE || event->type == HF_EVENT_OFFLINE ||
            event->type == HF_EVENT_UNKNOWN || event->type == HF_EVENT_DISCONNECTED) &&
           event->device.at != NULL;
}

static hf_err decode(struct hf_slice value, uint64_t *ret_sum, struct hf_event *ret_event)
{
    if (value.bytes < SUM_BYTES)
        return HF_ERR_CORRUPT;
    *ret_sum = hf_get_u64((const uint8_t *)value.at);
    return hf_event_row_decode((struct hf_slice){value.at + SUM_BYTES, value.bytes - SUM_BYTES}, ret_event);
}

/* The first or last row below the prefix: its sum and offset. */
static hf_err end_row(struct hf_kv_txn *txn, struct hf_slice prefix, bool last, uint64_t *ret_sum,
                      uint64_t *ret_offset)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_event event;
    hf_err err = hf_kv_scan(txn, HF_KV_PRESENCE, prefix, none, last, &cursor);

    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    if (err == HF_OK)
        err = decode(value, ret_sum, &event);
    if (err == HF_OK)
        *ret_offset = event.offset;
    hf_kv_scan_end(&cursor);
    return err;
}

/* Sweeps come seldom: a device that comes and goes all the time must not fill the table meanwhile. */
static hf_err trim(struct hf_kv_txn *txn, const struct hf_event *event, const struct hf_kvkey *prefix,
                   uint64_t newest)
{
    uint64_t sum, offset;
    struct hf_kvkey key;
    hf_err err = HF_OK;

    for (unsigned n = 0; n < HF_PRESENCE_TRIM_ROWS; n++) {
        err = end_row(txn, hf_kvkey_slice(prefix), false, &sum, &offset);
        if (err != HF_OK || newest - sum < HF_PRESENCE_HISTORY_BYTES_MAX)
            break;
        err = hf_kvkey_device_u64(&key, event->tenant, event->device, offset);
        if (err == HF_OK)
            err = hf_kv_del(txn, HF_KV_PRESENCE, hf_kvkey_slice(&key));
        if (err != HF_OK)
            break;
        txn->trimmed[HF_KV_PRESENCE]++;
    }
    return err;
}

hf_err hf_presence_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_event lean = *event;
    struct hf_kvkey prefix, key;
    uint64_t sum = 0, newest = 0;
    uint8_t row[ROW_BYTES_MAX];
    hf_err err = hf_kvkey_device(&prefix, event->tenant, event->device);

    if (err == HF_OK)
        err = end_row(txn, hf_kvkey_slice(&prefix), true, &sum, &newest);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    if (err == HF_OK && newest >= event->offset)
        return HF_OK; /* a replay: it is there, or was and is over */
    lean.payload = (struct hf_slice){NULL, 0};
    size_t bytes = SUM_BYTES + hf_event_row_encode(&lean, row + SUM_BYTES, sizeof(row) - SUM_BYTES);
    HF_ASSERT(bytes > SUM_BYTES);
    err = hf_kvkey_device_u64(&key, event->tenant, event->device, event->offset);
    sum += key.bytes + bytes;
    hf_put_u64(row, sum);
    if (err == HF_OK)
        err =
            hf_kv_put(txn, HF_KV_PRESENCE, hf_kvkey_slice(&key), (struct hf_slice){(const char *)row, bytes});
    return err == HF_OK ? trim(txn, event, &prefix, sum) : err;
}

hf_err hf_presence_rows_each(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                             uint64_t offset, hf_presence_rows_take *take, void *context)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kvkey prefix, from;
    struct hf_kv_cursor cursor;
    struct hf_event event;
    uint64_t sum;
    hf_err err = hf_kvkey_device(&prefix, tenant, device);

    if (err == HF_OK)
        err = hf_kvkey_device_u64(&from, tenant, device, offset);
    if (err == HF_OK)
        err = hf_kv_scan(txn, HF_KV_PRESENCE, hf_kvkey_slice(&prefix),
                         offset != 0 ? hf_kvkey_slice(&from) : none, true, &cursor);
    if (err != HF_OK)
        return err;
    while ((err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        err = decode(value, &sum, &event);
        if (err != HF_OK || !take(context, &event))
            break;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

bool hf_presence_row_is_over(struct hf_kv_txn *txn, struct hf_slice key, struct hf_slice value,
                             uint64_t utc_ms, uint64_t history_ms, uint64_t history_bytes)
{
    uint64_t sum, newest, offset;
    struct hf_event event;

    if (key.bytes <= 8 || decode(value, &sum, &event) != HF_OK ||
        end_row(txn, (struct hf_slice){key.at, key.bytes - 8}, true, &newest, &offset) != HF_OK ||
        offset == event.offset)
        return false;
    return newest - sum >= history_bytes || event.time_ms + history_ms < utc_ms;
}
