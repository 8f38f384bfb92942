/* core/presence_rows.h - when a device was there (HF_KV_PRESENCE), longer than EXPLAIN, whose rows of all kinds are kept for a day (TWIN-5).
 *
 *   key: tenant 00 device 00 u64 offset      row: u64 bytes of all rows of this device up to this one, this one included, since the first; then the event as it was logged, without payload
 *
 * The sums make the room of a device's history known from two of its rows, whatever was removed at its old end. */
#ifndef HF_CORE_PRESENCE_ROWS_H
#define HF_CORE_PRESENCE_ROWS_H

#include "core/event.h"
#include "core/kv.h"

enum {
    HF_PRESENCE_HISTORY_BYTES_MAX =
        1 << 20,               /* of a device, whatever a sweep may allow; kept when rows are written */
    HF_PRESENCE_TRIM_ROWS = 4, /* that one record removes at most */
};

bool hf_presence_rows_want(const struct hf_event *event); /* online, offline, unknown, disconnected */
/* HF_ERR_INVALID: names that make no key. What had to make room is counted in txn->trimmed. */
hf_err hf_presence_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* Calls take() with the events of a device, the newest first, from `offset` on downwards (0: from the newest) until it returns false. HF_OK also when there is none. */
typedef bool hf_presence_rows_take(void *context, const struct hf_event *event);
hf_err hf_presence_rows_each(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                             uint64_t offset, hf_presence_rows_take *take, void *context);

/* Is this row older than history_ms, or beyond the newest history_bytes of its device? The newest one of a device stays. */
bool hf_presence_row_is_over(struct hf_kv_txn *txn, struct hf_slice key, struct hf_slice value,
                             uint64_t utc_ms, uint64_t history_ms, uint64_t history_bytes);

#endif
