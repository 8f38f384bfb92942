/* store/lmdb/kv_lmdb_internal.h - shared by the files of this body and nobody else. */
#ifndef HF_STORE_KV_LMDB_INTERNAL_H
#define HF_STORE_KV_LMDB_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "store/lmdb/kv_lmdb.h"

struct txn {
    struct hf_kv_txn base;
    struct kv_lmdb *kv;
    MDB_txn *mdb; /* of a reader in the pool: reset */
    MDB_cursor *cursors[HF_KV_TXN_CURSORS_MAX];
    struct txn *next_free;
    hf_err spoiled; /* of the writer: what every later call says */
    bool write;
};

struct kv_lmdb {
    struct hf_kv base;
    MDB_env *env;
    MDB_dbi tables[HF_KV_TABLES];
    uint64_t map_bytes_max;
    uint32_t gate_ms;
    pthread_mutex_t lock; /* all below, but not the writer */
    pthread_cond_t gate;
    bool growing; /* no new reader now */
    struct txn *free_readers;
    struct hf_kv_stats stats;
    struct txn writer;
    bool writing, grow_now; /* the writer's */
    _Atomic uint64_t applied_offset;
};

static inline MDB_val hf_lmdb_val(struct hf_slice slice)
{
    return (MDB_val){slice.bytes, (void *)(uintptr_t)slice.at};
}

static inline struct hf_slice hf_lmdb_slice(MDB_val val)
{
    return (struct hf_slice){val.mv_size > 0 ? val.mv_data : "", val.mv_size};
}

static inline struct txn *hf_lmdb_txn_of(struct hf_kv_txn *txn)
{
    return HF_CONTAINER_OF(txn, struct txn, base);
}

hf_err hf_lmdb_err(int code); /* of LMDB or errno */

/* map.c: growing the map needs a moment without transactions in this process. */
void hf_lmdb_map_usage(struct kv_lmdb *kv, uint64_t *ret_used, uint64_t *ret_max);
bool hf_lmdb_map_at_max(struct kv_lmdb *kv);
/* Before a write transaction: grows in time when nobody reads; at once, and waiting for readers, when the map was
 * full. HF_ERR_AGAIN: they did not leave. */
hf_err hf_lmdb_map_check(struct kv_lmdb *kv);

/* walk.c: the ops of these names. */
hf_err hf_lmdb_scan(struct hf_kv_txn *base, struct hf_kv_cursor *cursor);
hf_err hf_lmdb_seek(struct hf_kv_cursor *cursor, enum hf_kv_seek how, struct hf_slice bound,
                    struct hf_slice *ret_key, struct hf_slice *ret_value);
void hf_lmdb_scan_end(struct hf_kv_cursor *cursor);

#endif
