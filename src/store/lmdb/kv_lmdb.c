#include "store/lmdb/kv_lmdb.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/assert.h"
#include "base/bytes.h"

static const char APPLIED_KEY[] = "applied_offset";
enum { APPLIED_BYTES = 8, FREE_QUARTERS = 4 };

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

static const struct hf_kv_ops lmdb_ops;

static hf_err from_mdb(int code)
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

static MDB_val to_val(struct hf_slice slice)
{
    return (MDB_val){slice.bytes, (void *)(uintptr_t)slice.at};
}

static struct hf_slice from_val(MDB_val val)
{
    return (struct hf_slice){val.mv_size > 0 ? val.mv_data : "", val.mv_size};
}

static struct kv_lmdb *of(struct hf_kv *kv)
{
    return HF_CONTAINER_OF(kv, struct kv_lmdb, base);
}

static struct txn *txn_of(struct hf_kv_txn *txn)
{
    return HF_CONTAINER_OF(txn, struct txn, base);
}

static void cursors_close(struct txn *txn)
{
    for (size_t i = 0; i < HF_KV_TXN_CURSORS_MAX; i++)
        if (txn->cursors[i] != NULL) {
            mdb_cursor_close(txn->cursors[i]);
            txn->cursors[i] = NULL;
        }
}

/* ---- the gate: growing the map needs a moment without transactions in this process ---- */

static void map_usage(struct kv_lmdb *kv, uint64_t *ret_used, uint64_t *ret_max)
{
    MDB_envinfo info;
    MDB_stat stat;

    (void)mdb_env_info(kv->env, &info);
    (void)mdb_env_stat(kv->env, &stat);
    *ret_used =
        ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize; /* pages once used; free ones are used again */
    *ret_max = info.me_mapsize;
}

static bool map_at_max(struct kv_lmdb *kv)
{
    uint64_t used, now;

    map_usage(kv, &used, &now);
    return now >= kv->map_bytes_max;
}

/* On the writer's thread, without a write transaction. With `must` it waits for readers to leave. */
static hf_err map_grow(struct kv_lmdb *kv, bool must)
{
    uint64_t used, now;
    struct timespec until;
    hf_err err = HF_OK;

    map_usage(kv, &used, &now);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += kv->gate_ms / 1000;
    until.tv_nsec += kv->gate_ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&kv->lock);
    kv->growing = true;
    while (must && kv->stats.readers > 0 && err == HF_OK)
        if (pthread_cond_timedwait(&kv->gate, &kv->lock, &until) == ETIMEDOUT)
            err = HF_ERR_AGAIN;
    if (kv->stats.readers == 0) {
        err = from_mdb(mdb_env_set_mapsize(kv->env, HF_MIN(now * 2, kv->map_bytes_max)));
        kv->stats.grows_total += err == HF_OK;
    }
    kv->growing = false;
    pthread_cond_broadcast(&kv->gate);
    pthread_mutex_unlock(&kv->lock);
    return err;
}

/* In time, when nobody reads; at once, and waiting for readers, when the map was full. */
static hf_err map_check(struct kv_lmdb *kv)
{
    uint64_t used, now;
    hf_err err;

    map_usage(kv, &used, &now);
    if (map_at_max(kv) || (!kv->grow_now && now - HF_MIN(used, now) >= now / FREE_QUARTERS))
        return HF_OK;
    err = map_grow(kv, kv->grow_now);
    if (err == HF_OK)
        kv->grow_now = false;
    return err;
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
        return from_mdb(code);
    kv->stats.readers++;
    *ret_txn = txn;
    return HF_OK;
}

static hf_err writer_take(struct kv_lmdb *kv)
{
    struct txn *txn = &kv->writer;
    hf_err err;

    HF_ASSERT(!kv->writing);
    err = map_check(kv);
    if (err != HF_OK)
        return err;
    *txn = (struct txn){.base.ops = &lmdb_ops, .kv = kv, .write = true};
    err = from_mdb(mdb_txn_begin(kv->env, NULL, 0, &txn->mdb));
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
    struct txn *txn = txn_of(base);
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
    hf_err err = from_mdb(code);

    if (code == MDB_MAP_FULL && map_at_max(txn->kv))
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

static hf_err lmdb_commit(struct hf_kv_txn *base, uint64_t applied_offset)
{
    struct txn *txn = txn_of(base);
    struct kv_lmdb *kv = txn->kv;
    hf_err err = txn->spoiled;

    HF_ASSERT(txn->write && applied_offset >= atomic_load(&kv->applied_offset));
    if (err == HF_OK)
        err = write_applied(txn, applied_offset);
    cursors_close(txn);
    if (err == HF_OK)
        err = spoil(txn, mdb_txn_commit(txn->mdb)); /* frees it, also when it fails */
    else
        mdb_txn_abort(txn->mdb);
    kv->writing = false;
    if (err == HF_OK)
        atomic_store(&kv->applied_offset, applied_offset);
    pthread_mutex_lock(&kv->lock);
    kv->stats.commits_total += err == HF_OK;
    kv->stats.commit_failures_total += err != HF_OK;
    pthread_mutex_unlock(&kv->lock);
    return err;
}

static hf_err lmdb_get(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                       struct hf_slice *ret_value)
{
    struct txn *txn = txn_of(base);
    MDB_val name = to_val(key), value;
    hf_err err = txn->spoiled;

    if (err == HF_OK)
        err = from_mdb(mdb_get(txn->mdb, txn->kv->tables[table], &name, &value));
    if (err == HF_OK)
        *ret_value = from_val(value);
    return err;
}

static hf_err lmdb_put(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key,
                       struct hf_slice value)
{
    struct txn *txn = txn_of(base);
    MDB_val name = to_val(key), data = to_val(value);

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return spoil(txn, mdb_put(txn->mdb, txn->kv->tables[table], &name, &data, 0));
}

static hf_err lmdb_del(struct hf_kv_txn *base, enum hf_kv_table table, struct hf_slice key)
{
    struct txn *txn = txn_of(base);
    MDB_val name = to_val(key);

    HF_ASSERT(txn->write);
    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    return spoil(txn, mdb_del(txn->mdb, txn->kv->tables[table], &name, NULL));
}

/* ---- walks ---- */

static hf_err lmdb_scan(struct hf_kv_txn *base, struct hf_kv_cursor *cursor)
{
    struct txn *txn = txn_of(base);

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    for (size_t i = 0; i < HF_KV_TXN_CURSORS_MAX; i++) {
        if (txn->cursors[i] != NULL)
            continue;
        hf_err err = from_mdb(mdb_cursor_open(txn->mdb, txn->kv->tables[cursor->table], &txn->cursors[i]));

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

static hf_err lmdb_seek(struct hf_kv_cursor *cursor, enum hf_kv_seek how, struct hf_slice bound,
                        struct hf_slice *ret_key, struct hf_slice *ret_value)
{
    struct txn *txn = txn_of(cursor->txn);
    MDB_cursor *mdb = *(MDB_cursor **)cursor->body;
    MDB_val key, value;
    int code;

    if (txn->spoiled != HF_OK)
        return txn->spoiled;
    if (cursor->started && !txn->write) /* a snapshot: the place found last is still the place */
        code = mdb_cursor_get(mdb, &key, &value, cursor->backward ? MDB_PREV : MDB_NEXT);
    else if (how == HF_KV_SEEK_GE || how == HF_KV_SEEK_GT)
        code = seek_forward(mdb, how, to_val(bound), &key, &value);
    else
        code = seek_back(mdb, how, to_val(bound), &key, &value);
    if (code == MDB_SUCCESS) {
        *ret_key = from_val(key);
        *ret_value = from_val(value);
    }
    return from_mdb(code);
}

static void lmdb_scan_end(struct hf_kv_cursor *cursor)
{
    MDB_cursor **mdb = cursor->body;

    mdb_cursor_close(*mdb);
    *mdb = NULL;
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
    map_usage(kv, &ret_stats->bytes_used, &ret_stats->bytes_max);
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
                                          .scan = lmdb_scan,
                                          .seek = lmdb_seek,
                                          .scan_end = lmdb_scan_end,
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
    return from_mdb(code);
}

static hf_err open_tables(struct kv_lmdb *kv)
{
    MDB_txn *mdb;
    hf_err err = from_mdb(mdb_txn_begin(kv->env, NULL, 0, &mdb));

    if (err != HF_OK)
        return err;
    for (int i = 0; i < HF_KV_TABLES && err == HF_OK; i++)
        err = from_mdb(mdb_dbi_open(mdb, hf_kv_table_name((enum hf_kv_table)i), MDB_CREATE, &kv->tables[i]));
    if (err == HF_OK)
        err = read_applied(kv, mdb);
    if (err == HF_OK)
        return from_mdb(mdb_txn_commit(mdb));
    mdb_txn_abort(mdb);
    return err;
}

static hf_err open_env(struct kv_lmdb *kv, const char *dir, uint64_t map_bytes)
{
    int dead = 0, code = mdb_env_create(&kv->env);

    if (code != MDB_SUCCESS) {
        kv->env = NULL;
        return from_mdb(code);
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
    return from_mdb(code);
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
        return from_mdb(errno);
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
