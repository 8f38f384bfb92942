#include "store/lmdb/kv_lmdb_internal.h"

hf_err hf_lmdb_scan(struct hf_kv_txn *base, struct hf_kv_cursor *cursor)
{
    struct txn *txn = hf_lmdb_txn_of(base);

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    for (size_t i = 0; i < HF_KV_TXN_CURSORS_MAX; i++) {
        if (txn->cursors[i] != NULL)
            continue;
        hf_err err = hf_lmdb_err(mdb_cursor_open(txn->mdb, txn->kv->tables[cursor->table], &txn->cursors[i]));

        if (err != HF_OK)
            txn->cursors[i] = NULL;
        cursor->body = &txn->cursors[i];
        return err;
    }
    return HF_ERR_LIMIT;
}

static int seek_back(MDB_cursor *cursor, enum hf_kv_seek how, MDB_val bound, MDB_val *key, MDB_val *value)
{
    MDB_val found = bound;
    int code;

    if (how == HF_KV_SEEK_LAST)
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    code = mdb_cursor_get(cursor, &found, value, MDB_SET_RANGE); /* the first >= bound */
    if (code == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    if (code != MDB_SUCCESS)
        return code;
    if (how == HF_KV_SEEK_LE && found.mv_size == bound.mv_size &&
        memcmp(found.mv_data, bound.mv_data, bound.mv_size) == 0) {
        *key = found;
        return MDB_SUCCESS;
    }
    return mdb_cursor_get(cursor, key, value, MDB_PREV);
}

static int seek_forward(MDB_cursor *cursor, enum hf_kv_seek how, MDB_val bound, MDB_val *key, MDB_val *value)
{
    int code;

    *key = bound;
    if (bound.mv_size == 0)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == MDB_SUCCESS && how == HF_KV_SEEK_GT && key->mv_size == bound.mv_size &&
        memcmp(key->mv_data, bound.mv_data, bound.mv_size) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

hf_err hf_lmdb_seek(struct hf_kv_cursor *cursor, enum hf_kv_seek how, struct hf_slice bound,
                    struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    struct txn *txn = hf_lmdb_txn_of(cursor->txn);
    MDB_cursor *mdb = *(MDB_cursor **)cursor->body;
    MDB_val key, value;
    int code;

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    if (cursor->started && !txn->write) /* a snapshot: the place found last is still the place */
        code = mdb_cursor_get(mdb, &key, &value, cursor->backward ? MDB_PREV : MDB_NEXT);
    else if (how == HF_KV_SEEK_GE || how == HF_KV_SEEK_GT)
        code = seek_forward(mdb, how, hf_lmdb_val(bound), &key, &value);
    else
        code = seek_back(mdb, how, hf_lmdb_val(bound), &key, &value);
    if (code == MDB_SUCCESS) {
        *ret_key = hf_lmdb_slice(key);
        *ret_value = hf_lmdb_slice(value);
    }
    return hf_lmdb_err(code);
}

void hf_lmdb_scan_end(struct hf_kv_cursor *cursor)
{
    MDB_cursor **mdb = cursor->body;

    mdb_cursor_close(*mdb);
    *mdb = NULL;
}
