/* core/kv.c - what both bodies have in common: bounds of keys and values, and the walk over a prefix. */
#include "core/kv.h"

#include <string.h>

#include "base/assert.h"

#define HF_KV_TABLE_NAME(id, name) name,
static const char *const names[] = {HF_KV_TABLE_MAP(HF_KV_TABLE_NAME)};

const char *hf_kv_table_name(enum hf_kv_table table)
{
    return (unsigned)table < HF_KV_TABLES ? names[table] : "unknown";
}

static bool key_fits(struct hf_slice key)
{
    return key.bytes >= 1 && key.bytes <= HF_KV_KEY_BYTES_MAX;
}

void hf_kv_close(struct hf_kv *kv)
{
    if (kv != NULL)
        kv->ops->close(kv);
}

hf_err hf_kv_read(struct hf_kv *kv, struct hf_kv_txn **ret_txn)
{
    return kv->ops->begin(kv, false, ret_txn);
}

hf_err hf_kv_write(struct hf_kv *kv, struct hf_kv_txn **ret_txn)
{
    hf_err err = kv->ops->begin(kv, true, ret_txn);

    if (err == HF_OK)
        memset((*ret_txn)->trimmed, 0, sizeof((*ret_txn)->trimmed));
    return err;
}

void hf_kv_end(struct hf_kv_txn *txn)
{
    if (txn != NULL)
        txn->ops->end(txn);
}

hf_err hf_kv_commit(struct hf_kv_txn *txn, uint64_t applied_offset)
{
    return txn->ops->commit(txn, applied_offset);
}

hf_err hf_kv_get(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key,
                 struct hf_slice *ret_value)
{
    HF_ASSERT((unsigned)table < HF_KV_TABLES);
    return key_fits(key) ? txn->ops->get(txn, table, key, ret_value) : HF_ERR_INVALID;
}

hf_err hf_kv_put(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key, struct hf_slice value)
{
    HF_ASSERT((unsigned)table < HF_KV_TABLES);
    if (!key_fits(key) || value.bytes > HF_KV_VALUE_BYTES_MAX)
        return HF_ERR_INVALID;
    return txn->ops->put(txn, table, key, value);
}

hf_err hf_kv_del(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key)
{
    HF_ASSERT((unsigned)table < HF_KV_TABLES);
    return key_fits(key) ? txn->ops->del(txn, table, key) : HF_ERR_INVALID;
}

hf_err hf_kv_scan(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice prefix, struct hf_slice from,
                  bool backward, struct hf_kv_cursor *ret_cursor)
{
    HF_ASSERT((unsigned)table < HF_KV_TABLES);
    struct hf_kv_cursor *cursor = ret_cursor;
    hf_err err;

    if (prefix.bytes > HF_KV_KEY_BYTES_MAX || from.bytes > HF_KV_KEY_BYTES_MAX)
        return HF_ERR_INVALID;
    cursor->txn = txn;
    cursor->ops = txn->ops;
    cursor->body = NULL;
    cursor->prefix = prefix;
    cursor->table = table;
    cursor->backward = backward;
    cursor->started = cursor->ended = false;
    cursor->from_bytes = (uint16_t)from.bytes;
    if (from.bytes > 0)
        memcpy(cursor->from, from.at, from.bytes);
    err = txn->ops->scan(txn, cursor);
    if (err != HF_OK)
        cursor->txn = NULL;
    return err;
}

/* The smallest key above all that begin with the prefix, in cursor->from; false when there is none. */
static bool prefix_end(struct hf_kv_cursor *cursor)
{
    size_t bytes = cursor->prefix.bytes;

    while (bytes > 0 && (unsigned char)cursor->prefix.at[bytes - 1] == 0xff)
        bytes--;
    if (bytes == 0)
        return false;
    memcpy(cursor->from, cursor->prefix.at, bytes);
    cursor->from[bytes - 1]++;
    cursor->from_bytes = (uint16_t)bytes;
    return true;
}

static enum hf_kv_seek first_bound(struct hf_kv_cursor *cursor, struct hf_slice *ret_bound)
{
    struct hf_slice from = {cursor->from, cursor->from_bytes};
    size_t common = HF_MIN(from.bytes, cursor->prefix.bytes);
    int order = common > 0 ? memcmp(from.at, cursor->prefix.at, common) : 0;

    *ret_bound = from;
    if (!cursor->backward) {
        if (order < 0 || (order == 0 && from.bytes < cursor->prefix.bytes))
            *ret_bound = cursor->prefix;
        return HF_KV_SEEK_GE;
    }
    if (from.bytes > 0 && order <= 0)
        return HF_KV_SEEK_LE;
    if (!prefix_end(cursor))
        return HF_KV_SEEK_LAST;
    ret_bound->bytes = cursor->from_bytes;
    return HF_KV_SEEK_LT;
}

hf_err hf_kv_next(struct hf_kv_cursor *cursor, struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    struct hf_slice key, bound = {cursor->from, cursor->from_bytes};
    enum hf_kv_seek how = cursor->backward ? HF_KV_SEEK_LT : HF_KV_SEEK_GT;
    hf_err err;

    if (cursor->txn == NULL || cursor->ended)
        return HF_ERR_NOT_FOUND;
    if (!cursor->started)
        how = first_bound(cursor, &bound);
    err = cursor->ops->seek(cursor, how, bound, &key, ret_value);
    if (err == HF_OK &&
        (key.bytes < cursor->prefix.bytes ||
         (cursor->prefix.bytes > 0 && memcmp(key.at, cursor->prefix.at, cursor->prefix.bytes) != 0)))
        err = HF_ERR_NOT_FOUND;
    if (err != HF_OK) {
        cursor->ended = err == HF_ERR_NOT_FOUND;
        return err;
    }
    cursor->started = true;
    cursor->from_bytes = (uint16_t)key.bytes;
    memcpy(cursor->from, key.at, key.bytes);
    *ret_key = key;
    return HF_OK;
}

void hf_kv_scan_end(struct hf_kv_cursor *cursor)
{
    if (cursor->txn != NULL)
        cursor->ops->scan_end(cursor);
    cursor->txn = NULL;
}

uint64_t hf_kv_applied_offset(const struct hf_kv *kv)
{
    return kv->ops->applied_offset(kv);
}

void hf_kv_stats(struct hf_kv *kv, struct hf_kv_stats *ret_stats)
{
    kv->ops->stats(kv, ret_stats);
}
