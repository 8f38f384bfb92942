#include "store/lmdb/kv_lmdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "store/lmdb/kv_lmdb_internal.h"

static const char APPLIED_KEY[] = "applied_offset";
enum { APPLIED_BYTES = 8 };

static const struct hf_kv_ops lmdb_ops;

hf_err hf_lmdb_err(int code)
{
    switch (code) {
    case MDB_SUCCESS: return HF_OK;
    case MDB_NOTFOUND: return HF_ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_MAP_RESIZED: return HF_ERR_AGAIN;
    case MDB_READERS_FULL: return HF_ERR_LIMIT;
    case MDB_BAD_VALSIZE: return HF_ERR_INVALID;
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PAGE_NOTFOUND: return HF_ERR_CORRUPT;
    case ENOSPC:
    case EDQUOT: return HF_ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS: return HF_ERR_DENIED;
    case ENOENT: return HF_ERR_NOT_FOUND;
    case ENOMEM: return HF_ERR_NOMEM;
    default: return HF_ERR_IO;
    }
}

static struct kv_lmdb *of(struct hf_kv *kv)
{
    return HF_CONTAINER_OF(kv, struct kv_lmdb, base);
}

static void cursors_close(struct txn *txn)
{
    for (size_t i = 0; i < HF_KV_TXN_CURSORS_MAX; i++)
        if (txn->cursors[i] != NULL) {
            mdb_cursor_close(txn->cursors[i]);
            txn->cursors[i] = NULL;
        }
}

/* ---- transactions ---- */

/* Under lock. */
static hf_err reader_take(struct kv_lmdb *kv, struct txn **ret_txn)
{
    struct txn *txn;
    int code;

    while (kv->growing)
        pthread_cond_wait(&kv->gate, &kv->lock);
    if (kv->stats.readers >= HF_KV_READERS_MAX) {
        kv->stats.readers_refused_total++;
        return HF_ERR_LIMIT;
    }
    txn = kv->free_readers;
    if (txn != NULL) {
        code = mdb_txn_renew(txn->mdb);
        if (code == MDB_SUCCESS)
            kv->free_readers = txn->next_free;
    } else {
        txn = calloc(1, sizeof(*txn));
        if (txn == NULL)
            return HF_ERR_NOMEM;
        txn->base.ops = &lmdb_ops;
        txn->kv = kv;
        code = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn->mdb);
        if (code != MDB_SUCCESS)
            free(txn);
    }
    if (code != MDB_SUCCESS)
        return hf_lmdb_err(code);
    kv->stats.readers++;
    *ret_txn = txn;
    return HF_OK;
}

static hf_err writer_take(struct kv_lmdb *kv)
{
    struct txn *txn = &kv->writer;
    hf_err err;

    HF_ASSERT(!kv->writing);
    err = hf_lmdb_map_check(kv);
    if (err != HF_OK)
        return err;
    *txn = (struct txn){.base.ops = &lmdb_ops, .kv = kv, .write = true};
    err = hf_lmdb_err(mdb_txn_begin(kv->env, NULL, 0, &txn->mdb));
    kv->writing = err == HF_OK;
    return err;
}

static hf_err lmdb_begin(struct hf_kv *base, bool write, struct hf_kv_txn **ret_txn)
{
    struct kv_lmdb *kv = of(base);
    struct txn *txn = &kv->writer;
    hf_err err;

    if (write) {
        err = writer_take(kv);
    } else {
        pthread_mutex_lock(&kv->lock);
        err = reader_take(kv, &txn);
        pthread_mutex_unlock(&kv->lock);
    }
    if (err == HF_OK)
        *ret_txn = &txn->base;
    return err;
}

static void lmdb_end(struct hf_kv_txn *base)
{
    struct txn *txn = hf_lmdb_txn_of(base);
    struct kv_lmdb *kv = txn->kv;

    cursors_close(txn);
    if (txn->write) {
        mdb_txn_abort(txn->mdb);
        kv->writing = false;
        return;
    }
    pthread_mutex_lock(&kv->lock);
    mdb_txn_reset(txn->mdb);
    txn->next_free = kv->free_readers;
    kv->free_readers = txn;
    if (--kv->stats.readers == 0)
        pthread_cond_broadcast(&kv->gate);
    pthread_mutex_unlock(&kv->lock);
}

/* After these a write transaction is of no use any more. */
static hf_err spoil(struct txn *txn, int code)
{
    hf_err err = hf_lmdb_err(code);

    if (code == MDB_MAP_FULL && hf_lmdb_map_at_max(txn->kv))
        err = HF_ERR_FULL;
    else if (code == MDB_MAP_FULL)
        txn->kv->grow_now = true;
    if (txn->write && err != HF_OK && err != HF_ERR_NOT_FOUND && err != HF_ERR_INVALID)
        txn->spoiled = err;
    return err;
}

static hf_err write_applied(struct txn *txn, uint64_t applied_offset)
{
    uint8_t bytes[APPLIED_BYTES];
    MDB_val key = {sizeof(APPLIED_KEY) - 1, (void *)(uintptr_t)APPLIED_KEY}, value = {sizeof(bytes), bytes};

    hf_put_u64(bytes, applied_offset);
    return spoil(txn, mdb_put(txn->mdb, txn->kv->tables[HF_KV_META], &key, &value, 0));
}

/* What the tables hold as this transaction sees them. */
static void measure(struct kv_lmdb *kv, MDB_txn *mdb, struct hf_kv_stats *ret_stats)
{
    for (int i = 0; i < HF_KV_TABLES; i++) {
        MDB_stat stat;

        if (mdb_stat(mdb, kv->tables[i], &stat) != MDB_SUCCESS)
            continue;
        ret_stats->tables[i].rows = stat.ms_entries;
        ret_stats->tables[i].bytes =
            stat.ms_psize * (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
    }
}

static hf_err lmdb_commit(struct hf_kv_txn *base, uint64_t applied_offset)
{
    struct hf_kv_stats sizes = {0};
    struct txn *txn = hf_lmdb_txn_of(base);
    struct kv_lmdb *kv = txn->kv;
    hf_err err = txn->spoiled;

    HF_ASSERT(txn->write && applied_offset >= atomic_load(&kv->applied_offset));
    if (err == HF_OK)
        err = write_applied(txn, applied_offset);
    cursors_close(txn);
    if (err == HF_OK)
        measure(kv, txn->mdb, &sizes);
    if (err == HF_OK)
        err = spoil(txn, mdb_txn_commit(txn->mdb)); /* frees it, also when it fails */
    else
        mdb_txn_abort(txn->mdb);
    kv->writing = false;
    if (err == HF_OK)
        atomic_store(&kv->applied_offset, applied_offset);
    pthread_mutex_lock(&kv->lock);
    if (err == HF_OK)
        memcpy(kv->stats.tables, sizes.tables, sizeof(sizes.tables));
    kv->stats.commits_total += err == HF_OK;
    kv->stats.commit_failures_total += err != HF_OK;
    pthread_mutex_unlock(&kv->lock);
    return err;
}

static hf_err lmdb_get(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                       struct hf_slice *ret_value)
{
    struct txn *txn = hf_lmdb_txn_of(base);
    MDB_val name = hf_lmdb_val(key), value;
    hf_err err = txn->spoiled;

    if (err == HF_OK)
        err = hf_lmdb_err(mdb_get(txn->mdb, txn->kv->tables[table], &name, &value));
    if (err == HF_OK)
        *ret_value = hf_lmdb_slice(value);
    return err;
}

static hf_err lmdb_put(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                       struct hf_slice value)
{
    struct txn *txn = hf_lmdb_txn_of(base);
    MDB_val name = hf_lmdb_val(key), data = hf_lmdb_val(value);

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return spoil(txn, mdb_put(txn->mdb, txn->kv->tables[table], &name, &data, 0));
}

static hf_err lmdb_del(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key)
{
    struct txn *txn = hf_lmdb_txn_of(base);
    MDB_val name = hf_lmdb_val(key);

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return spoil(txn, mdb_del(txn->mdb, txn->kv->tables[table], &name, NULL));
}

/* ---- opening and closing ---- */

static uint64_t lmdb_applied_offset(const struct hf_kv *base)
{
    const struct kv_lmdb *kv = (const struct kv_lmdb *)(const void *)base;

    return atomic_load(&kv->applied_offset);
}

static void lmdb_stats(struct hf_kv *base, struct hf_kv_stats *ret_stats)
{
    struct kv_lmdb *kv = of(base);

    pthread_mutex_lock(&kv->lock);
    *ret_stats = kv->stats;
    hf_lmdb_map_usage(kv, &ret_stats->bytes_used, &ret_stats->bytes_max);
    pthread_mutex_unlock(&kv->lock);
    ret_stats->applied_offset = atomic_load(&kv->applied_offset);
}

static void lmdb_close(struct hf_kv *base)
{
    struct kv_lmdb *kv = of(base);

    HF_ASSERT(kv->stats.readers == 0 && !kv->writing);
    while (kv->free_readers != NULL) {
        struct txn *txn = kv->free_readers;

        kv->free_readers = txn->next_free;
        mdb_txn_abort(txn->mdb);
        free(txn);
    }
    if (kv->env != NULL) {
        (void)mdb_env_sync(kv->env, 1); /* the last commit's meta page, which NOMETASYNC left to chance */
        mdb_env_close(kv->env);
    }
    pthread_cond_destroy(&kv->gate);
    pthread_mutex_destroy(&kv->lock);
    free(kv);
}

static const struct hf_kv_ops lmdb_ops = {.close = lmdb_close,
                                          .begin = lmdb_begin,
                                          .end = lmdb_end,
                                          .commit = lmdb_commit,
                                          .get = lmdb_get,
                                          .put = lmdb_put,
                                          .del = lmdb_del,
                                          .scan = hf_lmdb_scan,
                                          .seek = hf_lmdb_seek,
                                          .scan_end = hf_lmdb_scan_end,
                                          .applied_offset = lmdb_applied_offset,
                                          .stats = lmdb_stats};

static hf_err read_applied(struct kv_lmdb *kv, MDB_txn *mdb)
{
    MDB_val key = {sizeof(APPLIED_KEY) - 1, (void *)(uintptr_t)APPLIED_KEY}, value;
    int code = mdb_get(mdb, kv->tables[HF_KV_META], &key, &value);

    if (code == MDB_NOTFOUND)
        return HF_OK; /* new */
    if (code == MDB_SUCCESS && value.mv_size != APPLIED_BYTES)
        return HF_ERR_CORRUPT;
    if (code == MDB_SUCCESS)
        atomic_store(&kv->applied_offset, hf_get_u64(value.mv_data));
    return hf_lmdb_err(code);
}

static hf_err open_tables(struct kv_lmdb *kv)
{
    MDB_txn *mdb;
    hf_err err = hf_lmdb_err(mdb_txn_begin(kv->env, NULL, 0, &mdb));

    if (err != HF_OK)
        return err;
    for (int i = 0; i < HF_KV_TABLES && err == HF_OK; i++)
        err =
            hf_lmdb_err(mdb_dbi_open(mdb, hf_kv_table_name((enum hf_kv_table)i), MDB_CREATE, &kv->tables[i]));
    if (err == HF_OK)
        err = read_applied(kv, mdb);
    if (err == HF_OK)
        measure(kv, mdb, &kv->stats);
    if (err == HF_OK)
        return hf_lmdb_err(mdb_txn_commit(mdb));
    mdb_txn_abort(mdb);
    return err;
}

static hf_err open_env(struct kv_lmdb *kv, const char *dir, uint64_t map_bytes)
{
    int dead = 0, code = mdb_env_create(&kv->env);

    if (code != MDB_SUCCESS) {
        kv->env = NULL;
        return hf_lmdb_err(code);
    }
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(kv->env, HF_KV_TABLES);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(kv->env, HF_KV_READERS_MAX + 1); /* and one for a person who looks */
    if (code == MDB_SUCCESS)
        code = mdb_env_set_mapsize(kv->env, map_bytes); /* a larger store is taken as large as it is */
    if (code == MDB_SUCCESS)
        code = mdb_env_open(kv->env, dir, MDB_NOMETASYNC | MDB_NOTLS, 0640);
    if (code == MDB_SUCCESS)
        code = mdb_reader_check(kv->env, &dead);
    kv->stats.stale_readers_cleared_total = (uint64_t)dead;
    return hf_lmdb_err(code);
}

hf_err hf_kv_lmdb_open(const char *dir, const struct hf_kv_lmdb_options *options, struct hf_kv **ret_kv)
{
    uint64_t map_bytes = options && options->map_bytes ? options->map_bytes : HF_KV_LMDB_MAP_BYTES_DEFAULT;
    pthread_condattr_t attributes;
    struct kv_lmdb *kv;
    hf_err err;

    if (map_bytes < HF_KV_LMDB_MAP_BYTES_MIN)
        return HF_ERR_INVALID;
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return hf_lmdb_err(errno);
    kv = calloc(1, sizeof(*kv));
    if (kv == NULL)
        return HF_ERR_NOMEM;
    kv->base.ops = &lmdb_ops;
    kv->map_bytes_max =
        options && options->map_bytes_max ? options->map_bytes_max : HF_KV_LMDB_MAP_BYTES_MAX_DEFAULT;
    kv->gate_ms = options && options->gate_ms ? options->gate_ms : HF_KV_LMDB_GATE_MS_DEFAULT;
    pthread_mutex_init(&kv->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&kv->gate, &attributes);
    pthread_condattr_destroy(&attributes);
    err = open_env(kv, dir, map_bytes);
    if (err == HF_OK)
        err = open_tables(kv);
    if (err != HF_OK) {
        lmdb_close(&kv->base);
        return err;
    }
    *ret_kv = &kv->base;
    return HF_OK;
}
