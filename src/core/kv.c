/* core/kv.c - what both bodies have in common: bounds of keys and values, and the walk over a prefix. */
#include "core/kv.h"

#include "base/assert.h"

#define HF_KV_TABLE_NAME(id, name) name,
static const char *const names[] = {HF_KV_TABLE_MAP(HF_KV_TABLE_NAME)};

const char *hf_kv_table_name(enum hf_kv_table table)
{
    return (unsigned)table < HF_KV_TABLES ? names[table] : "unknown";
}

/* Both transaction kinds begin with this. */
struct hf_kv_txn {
    const struct hf_kv_ops *ops;
};

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
    return kv->ops->begin(kv, true, ret_txn);
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

/* Where the body has to look first. Forward: the first key >= *ret_bound. Backward: the last key <= *ret_bound,
 * or < it when *ret_below, or the last of all when *ret_bound is absent. */
void hf_kv_cursor_bound(struct hf_kv_cursor *cursor, struct hf_slice *ret_bound, bool *ret_below)
{
    struct hf_slice from = {cursor->from, cursor->from_bytes};
    size_t common = HF_MIN(from.bytes, cursor->prefix.bytes);
    int order = common > 0 ? memcmp(from.at, cursor->prefix.at, common) : 0;
    bool from_begins_with_prefix = order == 0 && from.bytes >= cursor->prefix.bytes;

    *ret_below = false;
    if (from.bytes > 0 && (from_begins_with_prefix || (cursor->backward ? order < 0 : order > 0))) {
        *ret_bound = from; /* inside the prefix, or beyond it: then nothing will be found */
        return;
    }
    if (!cursor->backward || (from.bytes > 0 && order == 0)) {
        *ret_bound = cursor->prefix; /* backward from a key shorter than the prefix: nothing lies below it */
        *ret_below = cursor->backward;
        return;
    }
    /* Behind the last key of the prefix: its last byte that is not 0xff, one higher. */
    memcpy(cursor->from, cursor->prefix.at ? cursor->prefix.at : "", cursor->prefix.bytes);
    cursor->from_bytes = (uint16_t)cursor->prefix.bytes;
    while (cursor->from_bytes > 0 && (unsigned char)cursor->from[cursor->from_bytes - 1] == 0xff)
        cursor->from_bytes--;
    *ret_bound = (struct hf_slice){NULL, 0};
    if (cursor->from_bytes == 0)
        return;
    cursor->from[cursor->from_bytes - 1]++;
    *ret_bound = (struct hf_slice){cursor->from, cursor->from_bytes};
    *ret_below = true;
}

hf_err hf_kv_next(struct hf_kv_cursor *cursor, struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    struct hf_slice key;
    hf_err err;

    if (cursor->txn == NULL || cursor->ended)
        return HF_ERR_NOT_FOUND;
    err = cursor->ops->next(cursor, &key, ret_value);
    cursor->started = true;
    if (err == HF_OK &&
        (key.bytes < cursor->prefix.bytes ||
         (cursor->prefix.bytes > 0 && memcmp(key.at, cursor->prefix.at, cursor->prefix.bytes) != 0)))
        err = HF_ERR_NOT_FOUND;
    if (err == HF_OK) {
        cursor->from_bytes = (uint16_t)key.bytes; /* a body may have to find its place again */
        memcpy(cursor->from, key.at, key.bytes);
        *ret_key = key;
    } else {
        cursor->ended = err == HF_ERR_NOT_FOUND;
    }
    return err;
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
