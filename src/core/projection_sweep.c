/* core/projection_sweep.c - what the tables keep for a time only goes in small steps. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/sb.h"
#include "core/audit_rows.h"
#include "core/call.h"
#include "core/fleet/push_rows.h"
#include "core/presence_rows.h"
#include "core/projection.h"
#include "core/rows.h"
#include "core/shadow_rows.h"

/* Of a row that holds an event as it was logged. */
static uint64_t row_time(struct hf_slice value)
{
    return value.bytes >= 16 ? hf_get_u64((const uint8_t *)value.at + 8) : 0;
}

bool hf_idempotency_counts(struct hf_kv_txn *txn, const struct hf_idempotency_row *row, uint64_t utc_ms,
                           uint64_t idempotency_ms)
{
    struct hf_message_row message;
    struct hf_slice value;

    if (row->created_ms + idempotency_ms > utc_ms)
        return true;
    return hf_kv_get(txn, HF_KV_MESSAGES, row->id, &value) == HF_OK &&
           hf_message_row_decode(value, &message) == HF_OK &&
           (hf_fate_final(message.fate, message.command) ? message.updated_ms + idempotency_ms > utc_ms
                                                         : message.expires_ms > utc_ms);
}

static bool stale(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key, struct hf_slice value,
                  uint64_t utc_ms, const struct hf_sweep_ages *ages)
{
    struct hf_message_row message;
    struct hf_idempotency_row idempotency;

    switch (table) {
    case HF_KV_MESSAGES:
        return hf_message_row_decode(value, &message) == HF_OK &&
               message.created_ms + HF_FATE_KEPT_MS < utc_ms && message.expires_ms < utc_ms;
    case HF_KV_IDEMPOTENCY:
        return hf_idempotency_row_decode(value, &idempotency) == HF_OK &&
               !hf_idempotency_counts(txn, &idempotency, utc_ms, ages->idempotency_ms);
    case HF_KV_TWINS:
        return utc_ms > ages->shadow_history_ms &&
               hf_shadow_rows_superseded_ms(txn, key) < utc_ms - ages->shadow_history_ms;
    case HF_KV_PRESENCE:
        return hf_presence_row_is_over(txn, key, value, utc_ms, ages->presence_history_ms,
                                       ages->presence_history_bytes);
    case HF_KV_PUSHES: return hf_push_row_is_over(txn, key, value, utc_ms);
    default: return row_time(value) + HF_EXPLAIN_MS < utc_ms;
    }
}

enum hf_kv_table hf_sweep_table(const struct hf_sweep *sweep)
{
    static const enum hf_kv_table tables[] = {HF_KV_MESSAGES, HF_KV_IDEMPOTENCY, HF_KV_EXPLAIN, HF_KV_TWINS,
                                              HF_KV_PRESENCE, HF_KV_PUSHES,      HF_KV_AUDIT};

    return tables[sweep->table % HF_COUNT_OF(tables)];
}

hf_err hf_projection_sweep(struct hf_kv_txn *txn, struct hf_sweep *sweep, uint64_t utc_ms,
                           const struct hf_sweep_ages *ages, uint64_t *ret_deleted)
{
    enum hf_kv_table table = hf_sweep_table(sweep);
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    char storage[HF_KV_KEY_BYTES_MAX + 1];
    struct hf_sb sb;

    if (table == HF_KV_AUDIT)
        return hf_audit_rows_sweep(txn, sweep, utc_ms, ages, ret_deleted);
    *ret_deleted = 0;
    hf_err err =
        hf_kv_scan(txn, table, none, (struct hf_slice){sweep->from, sweep->from_bytes}, false, &cursor);
    if (err != HF_OK)
        return err;
    for (unsigned rows = 0; (err = hf_kv_next(&cursor, &key, &value)) == HF_OK; rows++) {
        hf_sb_init(&sb, storage, sizeof(storage));
        hf_sb_slice(&sb, key);
        if (rows == HF_SWEEP_ROWS) { /* goes on here next time */
            memcpy(sweep->from, storage, sb.bytes);
            sweep->from_bytes = (uint16_t)sb.bytes;
            break;
        }
        if (!stale(txn, table, key, value, utc_ms, ages))
            continue;
        err = hf_kv_del(txn, table, hf_sb_done(&sb));
        if (err != HF_OK)
            break;
        ++*ret_deleted;
    }
    hf_kv_scan_end(&cursor);
    if (err == HF_ERR_NOT_FOUND) { /* the table's end: the next one */
        sweep->from_bytes = 0;
        sweep->table++;
        err = HF_OK;
    }
    return err;
}
